"""Options and fixtures of the co-verification: `pytest cocotb_tests --sim icarus|verilator`."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cocotb_tests.batch_files import Stage
from cocotb_tests.closure_page import write_page
from cocotb_tests.closure_runs import keep_run, kept_runs, new_record
from cocotb_tests.core_bench import CoreBench
from cocotb_tests.coverage_session import COVERAGE, COVERAGE_HELP, RUNS_COVERAGE, finish_coverage, start_coverage
from cocotb_tests.divergence import RefusedError
from cocotb_tests.dut_file import OWN_CORE, Core, Dut, read_dut
from cocotb_tests.dut_schema import MOST_FRAMES
from cocotb_tests.expectation import Expectation
from cocotb_tests.functional_coverage import hits_of
from cocotb_tests.places import BUILDS
from cocotb_tests.repeating import REPEAT_HELP, REPEAT_OPTION, repeat_line
from cocotb_tests.runners import COMMANDS, SIMULATORS, SimulationError
from cocotb_tests.simulators import Simulator
from cocotb_tests.stages import random_stages
from cocotb_tests.vacuity import TooLittleError, compared
from hwmodel.config.kinds import suggest
from hwmodel.errors import InputError

FRESH_SEEDS = 1_000_000
RUNS_DRAWN = 3  # of a core of which a run says too little
DUT = pytest.StashKey[Dut]()
# The property of a test that holds what it has to show besides that it passed. Properties come from the processes that
# run tests in parallel to the one that prints, and stand in the JUnit file.
SHOWN = "shown"
BEGAN = pytest.StashKey[int]()
# What is to be said of coverage.
COVERED = pytest.StashKey[str | None]()


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Print what tests have to show, and the coverage of the Verilog."""
    for reports in terminalreporter.stats.values():
        for report in reports:
            if getattr(report, "when", None) == "teardown":
                for name, text in report.user_properties:
                    if name == SHOWN:
                        terminalreporter.write_line(text)
    if (text := config.stash.get(COVERED, None)) is not None:
        terminalreporter.write_line(text)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of the co-verification."""
    group = parser.getgroup("co-verification")
    group.addoption("--sim", choices=COMMANDS, help="simulator that runs the Verilog (default: icarus)")
    group.addoption("--build-arg", action="append", default=[], help="word to give the simulator's compiler as well")
    group.addoption("--run-arg", action="append", default=[], help="word to give the simulation as well")
    group.addoption("--waves", action="store_true", help="write waveforms: FST with Icarus, VCD with Verilator")
    group.addoption("--seed", type=int, default=1, help="seed of all random traffic (default: 1)")
    group.addoption(
        "--fresh-seed", type=int, help="seed of the tests that take a new one each time (default: a new one)"
    )
    group.addoption("--dut", metavar="FILE", help="file of another core for the equivalence run: docs/own_core.md")
    group.addoption("--hdl-coverage", choices=COVERAGE, nargs="?", const=COVERAGE[0], help=COVERAGE_HELP)
    group.addoption("--frames", type=int, help="frames of each random run, instead of the test's own number")
    group.addoption("--nightly", action="store_true", help="long random runs, and Verilator builds every core too")
    group.addoption("--only", action="append", help="run the tests of this name alone; may be given again")
    group.addoption(REPEAT_OPTION, metavar="COMMAND", help=REPEAT_HELP)
    group.addoption("--out", metavar="FOLDER", help="with --repeat-with: where this command writes, if it was told")
    group.addoption("--simulated", action="store_true", help="leave out the tests that need no simulator")
    group.addoption(
        "--cores", action="store_true", help="leave out the tests of a module by itself, but with --nightly"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Read the file of the core under test."""
    if (n_frames := config.getoption("--frames")) is not None and n_frames < 1:
        raise pytest.UsageError(f"--frames {n_frames}: a run has one frame or more")
    if n_frames is not None and n_frames > MOST_FRAMES:
        raise pytest.UsageError(f"--frames {n_frames}: a run has {MOST_FRAMES:,} frames at most")
    try:
        config.stash[DUT] = read_dut(Path(config.getoption("--dut") or OWN_CORE))
    except InputError as error:
        raise pytest.UsageError(*error.lines) from error
    config.stash[BEGAN] = time.time_ns()
    start_coverage(config)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Sum up the coverage of the Verilog, and where there were random runs the functional coverage."""
    if session.config.option.collectonly:
        return
    config, dut = session.config, session.config.stash[DUT]
    said = [finish_coverage(session, dut)]
    if not hasattr(config, "workerinput") and any(run.began_ns > config.stash[BEGAN] for run in kept_runs(dut)):
        said.append(write_page(dut))
    config.stash[COVERED] = "\n".join(filter(None, said)) or None


def pytest_report_header(config: pytest.Config) -> str:
    """Say which core is tested."""
    dut = config.stash[DUT]
    return f"core under test: {dut.name}, {dut.path}; seed {config.getoption('--seed')}"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what was not asked for, and let slow tests begin first, so that parallel ones end together.

    Where another core is tested, those are left out that do not ask for the core under test: they are of rtl/.
    """
    wanted = {"dut"} if config.getoption("--dut") is not None else set()
    wanted |= {"simulator"} if config.getoption("--simulated") else set()
    # What builds a module by itself; whole cores are built by what their tests share.
    unwanted = {"simulate"} if config.getoption("--cores") and not config.getoption("--nightly") else set()
    asks_for = {item: set(getattr(item, "fixturenames", ())) for item in items}
    left_out = [item for item in items if not wanted <= asks_for[item] or unwanted & asks_for[item]]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
    kept = [item for item in items if item not in left_out]
    if (names := config.getoption("--only")) is not None:
        known = {name for item in kept for name in (item.name, item.originalname)}
        if unknown := [name for name in names if name not in known]:
            raise pytest.UsageError(*(f"--only {name}: no such test{suggest(name, sorted(known))}" for name in unknown))
        kept = [item for item in kept if {item.name, item.originalname} & set(names)]
    items[:] = sorted(kept, key=lambda item: item.get_closest_marker("slow") is None)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give `other_shape` the names of the core's shapes but the first."""
    if "other_shape" in metafunc.fixturenames:
        metafunc.parametrize("other_shape", metafunc.config.stash[DUT].shape_names[1:])


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(call: pytest.CallInfo[None]) -> Iterator[None]:
    """Leave the traceback out where a core is refused or does not run: the text says it all."""
    report = yield
    if call.excinfo is not None and isinstance(call.excinfo.value, RefusedError | SimulationError):
        report.longrepr = str(call.excinfo.value)
    return report


@pytest.fixture(scope="session")
def dut(request: pytest.FixtureRequest) -> Dut:
    """Return the core under test."""
    return request.config.stash[DUT]


@pytest.fixture(scope="session")
def simulator(request: pytest.FixtureRequest) -> Simulator:
    """Return the simulator of this run; its tests are skipped where it is not asked for and not installed."""
    options = request.config.getoption
    asked = options("--sim")
    chosen = Simulator(
        asked or SIMULATORS[0],
        waves=options("--waves"),
        coverage=RUNS_COVERAGE if options("--hdl-coverage") else None,
        build_arguments=tuple(options("--build-arg")),
        run_arguments=tuple(options("--run-arg")),
    )
    if (missing := chosen.missing()) is not None:
        if asked:
            pytest.fail(f"--sim {asked}: {missing}", pytrace=False)
        pytest.skip(f"{chosen.name}: {missing}")
    return chosen


@pytest.fixture
def quick_build(request: pytest.FixtureRequest, simulator: Simulator) -> None:
    """Skip what needs a build of its own, of a core of rtl/ that another simulator builds in no time."""
    options = request.config.getoption
    if simulator.name == "verilator" and not options("--nightly") and options("--dut") is None:
        pytest.skip("a build that takes longer than its runs; Icarus runs the same, Verilator with --nightly")


@pytest.fixture
def run_folder(request: pytest.FixtureRequest, simulator: Simulator) -> Path:
    """Return the folder of this test's files, waveforms and logs."""
    name = re.sub(r"\W+", "-", request.node.name).strip("-")
    other = request.config.getoption("--dut")
    return BUILDS / "runs" / simulator.name / (Path(other).stem if other else "") / f"{request.path.stem}-{name}"


@pytest.fixture
def show(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Return a function that keeps a text for the end of the run."""
    return lambda text: request.node.user_properties.append((SHOWN, text))


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> int:
    """Return the seed that this run was given."""
    return int(request.config.getoption("--seed"))


@pytest.fixture
def fresh_seed(request: pytest.FixtureRequest, simulator: Simulator, show: Callable[[str], None]) -> int:
    """Return a seed that no run had before, unless it was given; the run shows it at its end."""
    asked = request.config.getoption("--fresh-seed")
    drawn = random.SystemRandom().randrange(FRESH_SEEDS) if asked is None else int(asked)
    frames = request.config.getoption("--frames")
    words = ["--sim", simulator.name, "--fresh-seed", str(drawn), *(["--frames", str(frames)] if frames else [])]
    show(f"fresh seed {drawn}: {repeat_line(request.node, *words)}")
    return drawn


@pytest.fixture
def simulate(request: pytest.FixtureRequest, simulator: Simulator, run_folder: Path, seed: int) -> Callable[..., int]:
    """Return a function that builds a module and runs the cocotb tests of the calling test's file on it."""

    def run(
        top: str, benches: tuple[str, ...] = (), environment: dict[str, str] | None = None, **parameters: Any
    ) -> int:
        build = simulator.build(top, benches, parameters)
        return build.run(f"cocotb_tests.{request.path.stem}", run_folder, environment, seed)

    return run


def _compared_run(
    bench: CoreBench, seed: str, mode: str, n_frames: int, repeat: str
) -> tuple[list[Stage], list[Expectation], str]:
    """Run stages and say how much was compared; where that is too little, try others."""
    for draw in range(RUNS_DRAWN):
        stages = random_stages(bench.core, f"{seed} run {draw}" if draw else seed, mode, n_frames)
        expectations = bench.check(stages, repeat)
        try:
            return stages, expectations, compared(stages, expectations)
        except TooLittleError:
            if draw == RUNS_DRAWN - 1:
                raise
    raise AssertionError("there is always a run")


@pytest.fixture
def check_core(
    request: pytest.FixtureRequest, simulator: Simulator, run_folder: Path, seed: int
) -> Callable[..., Iterable[tuple[Stage, Expectation]]]:
    """Return a function that sends random traffic through a core and fails with a report where the model disagrees.

    It gives each stage with what was expected. `fresh`: a seed instead of the run's. Modes that the core lacks are
    skipped.
    """

    show = request.getfixturevalue("show")

    def run(core: Core, mode: str, n_frames: int, fresh: int | None = None) -> Iterable[tuple[Stage, Expectation]]:
        if mode not in core.backend.modes:
            pytest.skip(f"{core.dut.name} has no mode {mode}: modes of {type(core.backend).__name__}")
        n_frames = request.config.getoption("--frames") or n_frames
        chosen = str(seed) if fresh is None else f"fresh {fresh}"
        seeds = ("--seed", str(seed)) if fresh is None else ("--fresh-seed", str(fresh))
        repeat = repeat_line(request.node, "--sim", simulator.name, *seeds, "--frames", str(n_frames))
        try:
            stages, expectations, said = _compared_run(
                CoreBench.of(simulator, core, run_folder), chosen, mode, n_frames, repeat
            )
        except (RefusedError, SimulationError) as refused:
            raise refused if repeat in str(refused) else type(refused)(f"{refused}\nTo repeat:\n  {repeat}") from None
        if request.config.getoption("--dut") is not None:
            show(f"{core.dut.name}, {core.shape_name}, {mode}: {said}")
        decided = list(zip(stages, expectations, strict=True))
        if core.dut is request.config.stash[DUT]:
            hits = hits_of(mode, decided)
            keep_run(core.dut, new_record(core, simulator.name, " ".join(seeds), mode, n_frames, hits))
        return decided

    return run
