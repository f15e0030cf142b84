"""A whole core against the model's decision, on random tables and traffic in each of its modes.

The core is that of rtl/, or the one whose file `--dut` names: docs/own_core.md.
"""

from __future__ import annotations

import pytest
from cocotb_coverage.coverage import coverage_db

from cocotb_tests.backend import MODES
from cocotb_tests.functional_coverage import count_stage, missed, summary
from hwmodel.words.quantities import counted

SHORT_RUN = 1500
# Of each other shape, with seeds that are new each time, so that runs add up.
OTHER_SHAPES_RUN = 300
# Icarus is there for what is unknown (X), which shows early; Verilator for what is rare.
LONG_RUN = {"icarus": 1_500, "verilator": 40_000}
# Of another core, which has no other tests: what counts frames since its reset gets to count thousands.
OTHER_CORES_RUN = {"icarus": 5_000, "verilator": 40_000}
NIGHTLY_RUN = {"icarus": 25_000, "verilator": 200_000}
# Of traffic that no run had before; both simulators are fast enough for a few seconds to hold so many.
FRESH_RUN = {"icarus": 250, "verilator": 10_000}
# With seeds 1 to 3 all combinations have come after 20,000 frames in each mode, after 10,000 not.
ALL_COMBINATIONS = 25_000
LONG_RUNS = pytest.StashKey[set[str]]()


@pytest.fixture(autouse=True)
def long_runs(request):
    request.config.stash.setdefault(LONG_RUNS, set())


@pytest.fixture
def n_frames(request, simulator):
    """Return the frames of a long run."""
    options, run = request.config.getoption, LONG_RUN
    if options("--dut") is not None:
        run = OTHER_CORES_RUN
    if options("--nightly"):
        run = NIGHTLY_RUN
    return (
        options("--frames") or request.getfixturevalue("dut").keys.frames.long or run.get(simulator.name, run["icarus"])
    )


def has_long_runs(request):
    """Tell whether the long runs are among the tests of this run."""
    chosen = {getattr(item, "originalname", None) for item in request.session.items}
    return test_core_decides_as_the_model_for_long.__name__ in chosen


@pytest.mark.parametrize("mode", MODES)
def test_core_decides_as_the_model(request, check_core, dut, mode):
    if has_long_runs(request):
        pytest.skip("the long runs chosen beside it are the same, of the same core and mode, with more frames")
    check_core(dut.core(), mode, dut.keys.frames.short or SHORT_RUN)


@pytest.mark.slow
@pytest.mark.parametrize("mode", MODES)
def test_core_decides_as_the_model_for_long(request, check_core, dut, n_frames, mode):
    for stage, expected in check_core(dut.core(), mode, n_frames):
        count_stage(mode, stage, expected)
    request.config.stash[LONG_RUNS].add(mode)


@pytest.mark.slow
@pytest.mark.parametrize("mode", MODES)
def test_core_decides_as_the_model_with_a_new_seed(check_core, dut, simulator, fresh_seed, mode):
    """With a new seed each time; the long runs keep theirs, so that all of their bins are hit each time."""
    number = FRESH_RUN["verilator" if simulator.name == "verilator" else "icarus"]
    check_core(dut.core(), mode, dut.keys.frames.short or number, fresh_seed)


@pytest.mark.slow
def test_every_reachable_combination_was_tried(request, run_folder, n_frames, dut, show):
    """Of the long runs of all modes of the core; both simulators are given the same frames for a number of them."""
    core, other = dut.core(), request.config.getoption("--dut") is not None
    if other and has_long_runs(request):
        show(summary(core))
    if n_frames < ALL_COMBINATIONS:
        runs = f"runs of {counted(n_frames, 'frame')}"
        pytest.skip(f"{runs} are too short for each to come; those of Verilator, or of --nightly, are not")
    if not has_long_runs(request):
        pytest.skip("it looks at what the long runs of all modes have tried, which are not among the chosen tests")
    ended = request.config.stash[LONG_RUNS]
    assert ended == set(core.backend.modes), (
        "of all modes, in this process: -n needs --dist loadfile, which keeps a file's in one"
    )
    run_folder.mkdir(parents=True, exist_ok=True)
    (run_folder / "coverage.txt").write_text(summary(core) + "\n", encoding="utf-8")
    coverage_db.export_to_yaml(str(run_folder / "coverage.yaml"))
    assert list(missed(core)) == []


@pytest.mark.slow
@pytest.mark.usefixtures("quick_build")
@pytest.mark.parametrize("mode", MODES)
def test_core_of_another_shape_decides_as_the_model(check_core, dut, fresh_seed, mode, other_shape):
    """With a new seed each time; the long runs of the first shape keep theirs."""
    check_core(dut.core(other_shape), mode, dut.keys.frames.short or OTHER_SHAPES_RUN, fresh_seed)
