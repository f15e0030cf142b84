"""The layout rules hold for the package, and each rule finds a violation planted in a small package of its own."""

from __future__ import annotations

import fnmatch
import tomllib
from pathlib import Path

import pytest

from tests import layout_rules as rules
from tests.package_tree import Package, read_tree

ROOT = Path(__file__).resolve().parent.parent
MAP = ROOT / "docs" / "architecture.md"

IMPORT_RULES = [
    rules.wrong_arrows,
    rules.eager_api_imports,
    rules.wrong_kernel_imports,
    rules.wrong_report_imports,
    rules.wrong_outside_imports,
    rules.private_imports,
    rules.private_attributes,
    rules.unknown_targets,
    rules.import_cycles,
    rules.room_cycles,
]


def test_the_repository_follows_the_rules():
    """One test, because all sources are parsed once."""
    package, tests, cocotb_tests, benches, docs_site = (
        read_tree(ROOT / name, ROOT) for name in ("hwmodel", "tests", "cocotb_tests", "benches", "docs_site")
    )
    assert {"hwmodel", "hwmodel.cli", "hwmodel.units"} <= set(package)
    tested = {**package, **tests, **cocotb_tests}
    problems = {rule.__name__: rule(package) for rule in IMPORT_RULES}
    everything = {**tested, **benches, **docs_site}
    problems |= {
        "short files": rules.short_files(package),
        "long files": rules.long_files(everything),
        "long functions": rules.long_functions(everything),
        "names that say nothing": rules.forbidden_names(everything),
        "private names elsewhere": rules.private_imports(everything),
        "files that no document names": rules.unmapped_files(everything, MAP.read_text(encoding="utf-8")),
        "modules without a test": rules.untested_modules(package, tests),
    }
    assert {name: found for name, found in problems.items() if found} == {}


def test_data_files_are_packaged():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    patterns = settings["tool"]["setuptools"]["package-data"]["hwmodel"]
    data_files = [
        path.relative_to(ROOT / "hwmodel").as_posix()
        for path in sorted((ROOT / "hwmodel").rglob("*"))
        if path.is_file() and path.suffix not in (".py", ".pyc")
    ]
    assert "py.typed" in data_files
    # A star of fnmatch crosses slashes, so `**/*.yaml` asks for a folder, which a file of hwmodel/ itself lacks.
    left_out = [name for name in data_files if not any(fnmatch.fnmatch(name, pattern) for pattern in patterns)]
    assert left_out == []


def test_outside_packages_are_declared():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    of_product = (project["optional-dependencies"][extra] for extra in ("report", "cluster", "frames"))
    declared = " ".join([*project["dependencies"], *(each for extra in of_product for each in extra)]).lower()
    distributions = {"yaml": "pyyaml", "pydantic_core": "pydantic"}
    assert [name for name in rules.PACKAGE_USERS if distributions.get(name, name) not in declared] == []


# ---- Each rule can fail. ----


def plant(folder: Path, files: dict[str, str]) -> Package:
    """Write a package and parse it; an empty public API is added."""
    for name, text in {"__init__.py": "", **files}.items():
        path = folder / "hwmodel" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return read_tree(folder / "hwmodel", folder)


LAZY = "def late():\n    {}\n"
FOR_TYPES = "from typing import TYPE_CHECKING\n\nif TYPE_CHECKING:\n    {}\n"


OUTSIDE = {
    "config": "numba", "units": "numba.core", "wire": "numba", "workload": "numba", "analytic": "numba",
    "results": "numba", "report": "numba", "cli": "numpy", "simulation": "matplotlib.pyplot", "explore": "simpy",
}  # fmt: skip
# Rule -> packages with one fault each, in the ways in which it can be written.
PLANTED = {
    rules.wrong_arrows: [
        {"units.py": "import hwmodel.config", "config.py": ""},
        {"units.py": LAZY.format("from hwmodel.config import load"), "config.py": ""},
        {"units.py": LAZY.format("from hwmodel import config"), "config.py": ""},
        {"wire/__init__.py": "", "wire/pcap.py": "from ..config import load", "config.py": ""},
        {"wire/__init__.py": "from ..config import load", "config.py": ""},
        {"simulation.py": "import importlib\nimportlib.import_module('hwmodel.cli')", "cli.py": ""},
        {"config.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import hwmodel.cli", "cli.py": ""},
        {"workload.py": "import hwmodel.analytic", "analytic.py": ""},
        {"config.py": "from hwmodel import load_config"},
        {"cli.py": LAZY.format("from hwmodel import __version__")},
        {"surprise.py": ""},
        {"results.py": LAZY.format("from hwmodel.report import html"), "report/html.py": "", "report/__init__.py": ""},
        {"words.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import hwmodel.wire", "wire.py": ""},
        {"words.py": LAZY.format("from hwmodel.results import Result"), "results.py": ""},
        {"words.py": FOR_TYPES.format("from hwmodel.results import Result"), "results.py": ""},
        {"words.py": FOR_TYPES.format("from hwmodel.analytic import Limits"), "analytic.py": ""},
    ],
    rules.wrong_kernel_imports: [
        {"machine/link.py": "import hwmodel.units", "units.py": ""},
        {"machine/link.py": LAZY.format("from ..wire import tags"), "wire/tags.py": ""},
        {"forwarding/link.py": "import pydantic"},
        {"config.py": "from hwmodel.machine.server import SERVER", "machine/server.py": ""},
        {"analytic.py": LAZY.format("from hwmodel import compiled"), "compiled/__init__.py": ""},
    ],
    rules.room_cycles: [
        {
            "machine/pcie/link.py": "from hwmodel.machine.host.memory import lands",
            "machine/pcie/reads.py": "",
            "machine/host/memory.py": "from hwmodel.machine.pcie.reads import jitter",
        },
        {
            "explore/study/axes.py": "",
            "explore/study/schema.py": LAZY.format("from hwmodel.explore.sweep import plan"),
            "explore/sweep/plan.py": "from hwmodel.explore.study.axes import read_axis",
        },
        {
            "simulation/fill/state.py": FOR_TYPES.format("from hwmodel.simulation.run.machine import Machine"),
            "simulation/run/machine.py": "from hwmodel.simulation.fill.state import build",
        },
        {
            "words/summary.py": FOR_TYPES.format("from hwmodel.results.result import Result"),
            "results/result.py": "from hwmodel.words.quantities import counted",
            "words/quantities.py": "",
        },
        {
            "simulation/run/trace/stage.py": FOR_TYPES.format("from hwmodel.simulation.run.machine import Machine"),
            "simulation/run/trace/tracer.py": "",
            "simulation/run/machine.py": "from hwmodel.simulation.run.run import Run",
            "simulation/run/run.py": "from hwmodel.simulation.run.trace.tracer import Tracer",
        },
        {
            "report/__init__.py": "from hwmodel.report.sweep.page import render",
            "report/sweep/page.py": FOR_TYPES.format("from hwmodel.report import render"),
        },
        # Two files name each other beside the way that leads back to the folder.
        {
            "explore/a.py": "from hwmodel.explore.b import f\nfrom hwmodel.explore.sweep.plan import g",
            "explore/b.py": FOR_TYPES.format("from hwmodel.explore.a import A"),
            "explore/sweep/plan.py": "from hwmodel.explore.b import f",
        },
    ],
    rules.private_imports: [
        {"wire/tags.py": LAZY.format("from hwmodel.units import _parse"), "units.py": ""},
        {"wire/tags.py": "from .pcap import _read", "wire/pcap.py": ""},
    ],
    rules.private_attributes: [
        {"wire/tags.py": "from hwmodel import units\nunits._parse()", "units.py": ""},
        {"wire/tags.py": LAZY.format("from hwmodel.wire import pcap as p; p._read()"), "wire/pcap.py": ""},
    ],
    rules.wrong_report_imports: [
        {"report/html.py": f"from hwmodel.{block} import thing", f"{block}.py": ""}
        for block in ("config", "analytic", "wire", "simulation")
    ],
    rules.wrong_outside_imports: [
        {f"{block}.py": LAZY.format(f"import {outside}")} for block, outside in OUTSIDE.items()
    ],
    rules.unknown_targets: [
        {"cli.py": LAZY.format("from hwmodel.simulatoin import simulate"), "simulation.py": ""},
    ],
    rules.import_cycles: [
        {"wire/__init__.py": "from hwmodel.wire.a import f", "wire/a.py": "from hwmodel.wire import g"},
    ],
    rules.forbidden_names: [{name: ""} for name in ("utils.py", "wire/helpers.py", "common/__init__.py")],
}


@pytest.mark.parametrize("rule", PLANTED, ids=lambda rule: rule.__name__)
def test_planted_faults_are_found(rule, tmp_path):
    for number, files in enumerate(PLANTED[rule]):
        assert len(rule(plant(tmp_path / str(number), files))) == 1, files


def test_right_arrows_are_not_reported(tmp_path):
    files = {
        "cli/__init__.py": "from hwmodel.cli import commands\nfrom hwmodel.simulation import run",
        "cli/commands.py": "from hwmodel import config",
        "simulation.py": "import numba\nimport hwmodel.compiled\nfrom hwmodel.version import __version__",
        "compiled/__init__.py": "import numpy\nimport numba",
        "compiled/compilation.py": "",
        "machine/link.py": "from hwmodel.compiled.compilation import kernel\nfrom .server import SERVER",
        "machine/server.py": "",
        "config.py": "from hwmodel.units import parse\nfrom hwmodel.errors import InputError",
        "report/__init__.py": "from hwmodel.results.result import Result\nfrom hwmodel import units",
        "results/result.py": LAZY.format("from hwmodel.results.notebook import result_html"),
        "results/notebook.py": FOR_TYPES.format("from hwmodel.results.result import Result"),
        "units.py": "import math",
        "errors.py": "",
        "version.py": "",
    }
    package = plant(tmp_path, files)
    assert [found for rule in IMPORT_RULES for found in rule(package)] == []


@pytest.mark.parametrize("line", ["import numpy", "from hwmodel.config import load_config"])
def test_an_eager_public_api_is_found(line, tmp_path):
    lazy = f"from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    {line}\n"
    assert rules.eager_api_imports(plant(tmp_path, {"__init__.py": lazy, "config.py": ""})) == []
    assert len(rules.eager_api_imports(plant(tmp_path, {"__init__.py": line, "config.py": ""}))) == 1


@pytest.mark.parametrize("second", ["from hwmodel.wire import a", LAZY.format("import hwmodel.wire.a")])
def test_a_cycle_is_found(second, tmp_path):
    files = {"wire/a.py": "import hwmodel.wire.b", "wire/b.py": "import hwmodel.wire.c", "wire/c.py": second}
    files["wire/__init__.py"] = ""
    (cycle,) = rules.import_cycles(plant(tmp_path, files))
    assert cycle.count("->") == 3


def test_files_that_no_document_names_are_found(tmp_path):
    package = plant(tmp_path, {"machine/link.py": "", "forwarding/parse.py": "", "units.py": ""})
    assert rules.unmapped_files(package, "`machine/link.py`, `parse.py` and `hwmodel/units.py`") == []
    for gone in ("tables.py", "machine/parse.py"):
        found = rules.unmapped_files(package, f"`link.py`, `{gone}`")
        assert found[-1] == f"docs/architecture.md: there is no {gone}"
        assert len(found) == 1 + (gone == "tables.py")


def test_short_files_are_found(tmp_path):
    files = {"units.py": "\n" * rules.MIN_FILE_LINES, "errors.py": "\n" * (rules.MIN_FILE_LINES - 1), "__main__.py": ""}
    assert [line.split(":")[0] for line in rules.short_files(plant(tmp_path, files))] == ["hwmodel/errors.py"]


def test_long_files_are_found(tmp_path):
    files = {"units.py": "\n" * rules.MAX_FILE_LINES, "errors.py": "\n" * (rules.MAX_FILE_LINES + 1)}
    assert [line.split(":")[0] for line in rules.long_files(plant(tmp_path, files))] == ["hwmodel/errors.py"]


def function_of(n_lines: int, docstring: str = "") -> str:
    return "def f():\n" + docstring + "    x = 1\n" * (n_lines - 1)


def test_long_functions_are_found(tmp_path):
    most = rules.MAX_FUNCTION_LINES
    docstring = '    """A.\n' + "\n" * 100 + '    """\n'
    assert rules.long_functions(plant(tmp_path, {"units.py": function_of(most, docstring)})) == []
    package = plant(tmp_path, {"units.py": "class C:\n    " + function_of(most + 1).replace("\n", "\n    ")})
    assert len(rules.long_functions(package)) == 1


def test_untested_modules_are_found(tmp_path):
    files = {"wire/__init__.py": "from hwmodel.wire.a import f", "wire/a.py": "", "wire/b.py": "", "__main__.py": ""}
    package = plant(tmp_path, files)
    folder = tmp_path / "tests"
    folder.mkdir()
    (folder / "conftest.py").write_text("import hwmodel, hwmodel.wire.b", encoding="utf-8")
    (folder / "test_wire.py").write_text("import hwmodel\nfrom hwmodel.wire import f", encoding="utf-8")
    found = rules.untested_modules(package, read_tree(folder, tmp_path))
    assert [line.split(":")[0] for line in found] == ["hwmodel/wire/b.py"]
