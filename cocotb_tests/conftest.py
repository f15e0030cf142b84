"""Options and fixtures of the co-verification: `pytest cocotb_tests --sim icarus|verilator`."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cocotb_tests.simulators import BUILDS, SIMULATORS, Simulator


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of the co-verification."""
    group = parser.getgroup("co-verification")
    group.addoption("--sim", choices=SIMULATORS, help="simulator that runs the Verilog (default: icarus)")
    group.addoption("--waves", action="store_true", help="write waveforms: FST with Icarus, VCD with Verilator")
    group.addoption("--seed", type=int, default=1, help="seed of all random traffic (default: 1)")
    group.addoption("--frames", type=int, help="frames of each random run, instead of the test's own number")


@pytest.fixture(scope="session")
def simulator(request: pytest.FixtureRequest) -> Simulator:
    """Return the simulator of this run; its tests are skipped where it is not asked for and not installed."""
    asked = request.config.getoption("--sim")
    chosen = Simulator(asked or SIMULATORS[0], waves=request.config.getoption("--waves"))
    if (missing := chosen.missing()) is not None:
        if asked:
            pytest.fail(f"--sim {asked}: {missing}", pytrace=False)
        pytest.skip(f"{chosen.name}: {missing}")
    return chosen


@pytest.fixture
def run_folder(request: pytest.FixtureRequest) -> Path:
    """Return the folder of this test's files, waveforms and logs."""
    name = re.sub(r"\W+", "-", request.node.name).strip("-")
    return BUILDS / "runs" / f"{request.path.stem}-{name}"


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> int:
    """Return the seed that this run was given."""
    return int(request.config.getoption("--seed"))


@pytest.fixture
def simulate(request: pytest.FixtureRequest, simulator: Simulator, run_folder: Path, seed: int) -> Callable[..., int]:
    """Return a function that builds a module and runs the cocotb tests of the calling test's file on it."""

    def run(
        top: str, benches: tuple[str, ...] = (), environment: dict[str, str] | None = None, **parameters: Any
    ) -> int:
        build = simulator.build(top, benches, parameters)
        return build.run(f"cocotb_tests.{request.path.stem}", run_folder, environment, seed)

    return run
