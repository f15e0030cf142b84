"""A whole core against the model's decision, on random tables and traffic in each of its modes.

The core is that of rtl/, or the one whose file `--dut` names: docs/own_core.md.
"""

from __future__ import annotations

import pytest
from cocotb_coverage.coverage import coverage_db

from cocotb_tests.backend import MODES
from cocotb_tests.functional_coverage import count_stage, missed, summary

SHORT_RUN = 1500
LONG_RUN = {"icarus": 25_000, "verilator": 100_000}
LONG_RUNS = pytest.StashKey[set[str]]()
# Coverage is counted within a process: where tests run in parallel, one process gets all that it is counted over.
counted_together = pytest.mark.xdist_group("coverage")


@pytest.fixture(autouse=True)
def long_runs(request):
    request.config.stash.setdefault(LONG_RUNS, set())


@pytest.mark.parametrize("mode", MODES)
def test_core_decides_as_the_model(check_core, dut, mode):
    check_core(dut.core(), mode, dut.keys.frames.short or SHORT_RUN)


@pytest.mark.slow
@counted_together
@pytest.mark.parametrize("mode", MODES)
def test_core_decides_as_the_model_for_long(request, check_core, dut, simulator, mode):
    for stage, expected in check_core(dut.core(), mode, dut.keys.frames.long or LONG_RUN[simulator.name]):
        count_stage(mode, stage, expected)
    request.config.stash[LONG_RUNS].add(mode)


@pytest.mark.slow
@counted_together
def test_every_reachable_combination_was_tried(request, run_folder):
    """Of the long runs of the four modes."""
    if request.config.stash[LONG_RUNS] != set(MODES):
        pytest.skip("needs the long runs of the four modes in the same process")
    run_folder.mkdir(parents=True, exist_ok=True)
    (run_folder / "coverage.txt").write_text(summary() + "\n", encoding="utf-8")
    coverage_db.export_to_yaml(str(run_folder / "coverage.yaml"))
    assert list(missed()) == []


@pytest.mark.slow
@pytest.mark.parametrize("mode", MODES)
def test_core_of_another_shape_decides_as_the_model(check_core, dut, mode, other_shape):
    check_core(dut.core(other_shape), mode, dut.keys.frames.short or SHORT_RUN)
