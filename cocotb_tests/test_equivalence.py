"""The whole core against the model's decision, on random tables and traffic in each of its modes."""

from __future__ import annotations

import shutil

import pytest
from cocotb_coverage.coverage import coverage_db

from cocotb_tests.comparison import counter_reads
from cocotb_tests.core_bench import CoreBench
from cocotb_tests.core_registers import CoreParameters
from cocotb_tests.functional_coverage import count_stage, missed, summary
from cocotb_tests.simulators import RTL
from cocotb_tests.traffic import MODES, random_stage

# Queues hold little more than the longest frame, so that they fill.
JUMBO = CoreParameters(priorities=8, max_frame_bytes=9018, queue_bytes=9216)
SHAPES = {
    "2 ports, 64 bits": CoreParameters(ports=2, bus_w=64, priorities=2, ingress_bytes=2048, queue_bytes=2048),
    "5 ports, 128 bits": CoreParameters(ports=5, bus_w=128, queue_bytes=2048, mac_entries=40, vlan_entries=5),
    "9 ports, 256 bits": CoreParameters(bus_w=256, priorities=4, ingress_bytes=1600, queue_bytes=1600),
    "17 ports, 512 bits": CoreParameters(ports=17, priorities=2, queue_bytes=4096, max_frame_bytes=1500),
}
SMALL_RUN = 1500
CI_RUN = {"icarus": 25_000, "verilator": 100_000}
CUT_RUN = 300


LONG_RUNS = pytest.StashKey[set[str]]()


@pytest.fixture(autouse=True)
def long_runs(request):
    request.config.stash.setdefault(LONG_RUNS, set())


@pytest.fixture
def check(request, simulator, run_folder, seed):
    def run(mode, parameters, n_frames, rtl=RTL):
        n_frames = request.config.getoption("--frames") or n_frames
        bench = CoreBench.of(simulator, parameters, run_folder, rtl)
        stages = [random_stage(str(seed), mode, parameters, min(CUT_RUN, n_frames), cut=True)]
        stages.append(random_stage(str(seed), mode, parameters, n_frames))
        stages[1].accesses = [*stages[1].accesses, *counter_reads(parameters)]
        repeat = f"python -m pytest '{request.node.nodeid}' --sim {simulator.name} --seed {seed} --frames {n_frames}"
        for stage, expected in zip(stages, bench.check(stages, repeat), strict=True):
            count_stage(mode, stage, expected)

    return run


@pytest.mark.parametrize("mode", MODES)
def test_core_decides_as_the_model(check, mode):
    check(mode, JUMBO, SMALL_RUN)


@pytest.mark.slow
@pytest.mark.parametrize("mode", MODES)
def test_core_decides_as_the_model_for_long(request, check, simulator, mode):
    check(mode, JUMBO, CI_RUN[simulator.name])
    request.config.stash[LONG_RUNS].add(mode)


@pytest.mark.slow
def test_every_reachable_combination_was_tried(request, run_folder):
    """Of all runs before it in this process, among them the long ones of the four modes."""
    if request.config.stash[LONG_RUNS] != set(MODES):
        pytest.skip("needs the long runs of the four modes in the same process")
    run_folder.mkdir(parents=True, exist_ok=True)
    (run_folder / "coverage.txt").write_text(summary() + "\n", encoding="utf-8")
    coverage_db.export_to_yaml(str(run_folder / "coverage.yaml"))
    assert list(missed()) == []


@pytest.mark.slow
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("shape", SHAPES)
def test_core_of_another_shape_decides_as_the_model(check, mode, shape):
    check(mode, SHAPES[shape], SMALL_RUN)


def test_a_planted_fault_is_found_and_made_small(check, tmp_path):
    shutil.copytree(RTL, tmp_path / "rtl", ignore=shutil.ignore_patterns("*.py", "*.yaml"))
    source = tmp_path / "rtl/forward.v"
    text = source.read_text(encoding="utf-8")
    right, wrong = "if (mode == `MODE_VEPA) chosen = chosen & ~source_owners;", ""
    assert right in text
    source.write_text(text.replace(right, wrong), encoding="utf-8")
    with pytest.raises(AssertionError) as failure:
        check("vepa", JUMBO, 1000, tmp_path / "rtl")
    report = str(failure.value)
    assert "decision in cycle" in report
    assert "--sim" in report
    assert "Shortest list of frames found, 1 of " in report
    waveform = report.splitlines()[-1].removeprefix("Waveform: ")
    with open(waveform, "rb") as waves:
        assert waves.read(16)
