"""`hwmodel cosim`: the co-verification of a switch core in Verilog, without a checkout.

The regression is not in the package's modules: it is `cocotb_tests/` and the Verilog of `rtl/` in a checkout, which a
wheel ships as the folder `cosim`. Its imports work once that folder is on the path.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import os
import sys
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hwmodel.cli.arguments import DEFAULT_OUT
from hwmodel.cli.outputs import STDOUT, check_out_folder, check_outputs, say, write_json
from hwmodel.errors import InputError, RunError

NEEDED = {"cocotb": "cocotb", "cocotb_coverage": "cocotb-coverage", "pytest": "pytest"}
DEFAULT_SIMULATOR, DEFAULT_SEED = "icarus", 1
_OUT_VARIABLE = "HWMODEL_COSIM_OUT"  # cocotb_tests/places.py reads it
_REGRESSION = "cocotb_tests"


def cosim(arguments: Namespace) -> int | None:
    """Run the regression on a core, or list its tests, or write an example."""
    check_outputs([("--json", arguments.json)], inputs=[arguments.dut] if arguments.dut else [])
    if arguments.example is not None:
        _check_example_is_alone(arguments)
        say(_regression("example").write_example(Path(arguments.example)), arguments.json)
        write_json({"example": arguments.example}, arguments.json)
        return None
    _require_packages()
    out = arguments.out or DEFAULT_OUT
    check_out_folder(out, [], [])
    os.environ[_OUT_VARIABLE] = os.path.abspath(out)
    # Write nothing beside the regression, not even bytecode, neither here nor in the simulator's Python.
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    sys.dont_write_bytecode = True
    regression = _regression("command")
    request = regression.Request(
        arguments.dut,
        arguments.sim or DEFAULT_SIMULATOR,
        "hwmodel cosim",
        arguments.length or "full",
        arguments.only,
        arguments.build_arg,
        _options(arguments),
    )
    if arguments.list:
        names = regression.test_names(request)
        say("\n".join(names), arguments.json)
        write_json(names, arguments.json)
        return None
    with _stdout_for(arguments.json):
        result = regression.run_regression(request)
    seed = DEFAULT_SEED if arguments.seed is None else arguments.seed
    write_json({**result, "seed": seed}, arguments.json)
    return None if result["passed"] else 1


def _check_example_is_alone(arguments: Namespace) -> None:
    """Raise InputError for options that an example, which nothing is run on, would leave aside."""
    given = {name: value for name, value in vars(arguments).items() if name not in ("command", "json", "example")}
    names = [name for name, value in given.items() if value is not None and value is not False and value != []]
    if names:
        words = (str(arguments.length) if name == "length" else name.replace("_", "-") for name in names)
        said = ", ".join(f"--{word}" for word in words)
        raise InputError(f"--example: not with {said}; it writes a core to start from, and runs nothing")


def _options(arguments: Namespace) -> list[str]:
    """Return the options of pytest that the command passes on as they are."""
    given = vars(arguments)
    one = [(name, given[name]) for name in ("seed", "fresh_seed", "frames", "out") if given[name] is not None]
    options = [f"--{name.replace('_', '-')}={value}" for name, value in one]
    options += [f"--run-arg={value}" for value in given["run_arg"]]
    return options + [f"--{name.replace('_', '-')}" for name in ("waves", "hdl_coverage") if given[name]]


def _require_packages() -> None:
    missing = [package for module, package in NEEDED.items() if importlib.util.find_spec(module) is None]
    if missing:
        raise RunError(f"cosim needs {', '.join(missing)}: pip install 'hwmodel[hdl]'")


def _regression(module: str) -> Any:
    """Import a module of the regression from its folder."""
    package = Path(__file__).resolve().parent.parent
    folder = next((each for each in (package / "cosim", package.parent) if (each / _REGRESSION).is_dir()), None)
    if folder is None:
        raise RunError(f"{package}: the co-verification is not in this installation of hwmodel")
    sys.path.insert(0, str(folder))
    sys.path.append(os.getcwd())  # for a back-end given as a module in the current folder
    return importlib.import_module(f"{_REGRESSION}.{module}")


@contextlib.contextmanager
def _stdout_for(json: str | None) -> Iterator[None]:
    """Send pytest's output to stderr if the JSON goes to stdout."""
    if json == STDOUT:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    else:
        yield
