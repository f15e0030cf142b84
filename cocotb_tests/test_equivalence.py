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


@pytest.fixture(autouse=True)
def long_runs(request):
    request.config.stash.setdefault(LONG_RUNS, set())


@pytest.mark.parametrize("mode", MODES)
def test_core_decides_as_the_model(check_core, dut, mode):
    check_core(dut.core(), mode, dut.keys.frames.short or SHORT_RUN)


@pytest.mark.slow
@pytest.mark.parametrize("mode", MODES)
def test_core_decides_as_the_model_for_long(request, check_core, dut, simulator, mode):
    for stage, expected in check_core(dut.core(), mode, dut.keys.frames.long or LONG_RUN[simulator.name]):
        count_stage(mode, stage, expected)
    request.config.stash[LONG_RUNS].add(mode)


@pytest.mark.slow
def test_every_reachable_combination_was_tried(request, run_folder):
    """Of the long runs of the four modes."""
    chosen = {getattr(item, "originalname", None) for item in request.session.items}
    if test_core_decides_as_the_model_for_long.__name__ not in chosen:
        pytest.skip("needs the long runs of the four modes")
    ended = request.config.stash[LONG_RUNS]
    assert ended == set(MODES), "of all modes, in this process: -n needs --dist loadfile, which keeps a file's in one"
    run_folder.mkdir(parents=True, exist_ok=True)
    (run_folder / "coverage.txt").write_text(summary() + "\n", encoding="utf-8")
    coverage_db.export_to_yaml(str(run_folder / "coverage.yaml"))
    assert list(missed()) == []


@pytest.mark.slow
@pytest.mark.parametrize("mode", MODES)
def test_core_of_another_shape_decides_as_the_model(check_core, dut, mode, other_shape):
    check_core(dut.core(other_shape), mode, dut.keys.frames.short or SHORT_RUN)
