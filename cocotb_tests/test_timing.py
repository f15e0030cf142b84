"""The core's cycles against the twin's under full load, as a histogram; the end of the run prints it."""

from __future__ import annotations

import numpy as np
import pytest

from cocotb_tests.batch_files import PATTERN_ROWS, Stage
from cocotb_tests.core_bench import CoreBench
from cocotb_tests.core_registers import CoreParameters
from cocotb_tests.dut_file import OWN_CORE, read_dut
from cocotb_tests.load import CYCLES_BEFORE_LOAD, load_frames, open_writes, small_mix
from cocotb_tests.timing_errors import histogram, n_off, timing_errors

PARAMETERS = CoreParameters(ingress_bytes=2048)
FRAMES = {"icarus": 700, "verilator": 5000}
LONGEST_BEATS = 190
READY = {"always": 1.0, "half the time": 0.5, "a fifth of the time": 0.2}


def ready_pattern(part):
    """Return cycles in which each output is ready, drawn for each by itself."""
    draws = np.random.default_rng(5).random((PATTERN_ROWS, PARAMETERS.ports)) < part
    return (draws * (1 << np.arange(PARAMETERS.ports))).sum(axis=1).astype(np.uint32)


@pytest.mark.parametrize("ready", READY)
def test_no_beat_is_off_under_full_load(show, simulator, run_folder, seed, ready):
    core, writes = read_dut(OWN_CORE).core_with(PARAMETERS.verilog()), open_writes(PARAMETERS)
    n_frames = FRAMES[simulator.name]
    frames = load_frames(
        n_frames, small_mix, PARAMETERS.ports, CYCLES_BEFORE_LOAD * len(writes), broadcast_one_in=10, seed=seed
    )
    stage = Stage(frames, writes, ready=ready_pattern(READY[ready]))
    (outcome,) = CoreBench.of(simulator, core, run_folder).run([stage])
    assert not outcome.failed
    errors = timing_errors(core, stage, outcome)
    heading = f"full load, outputs ready {ready}, {n_frames} frames, {len(outcome.copies)} copies:"
    show(f"{heading}\n{histogram(errors)}")
    assert n_off(errors) == 0, histogram(errors)
    # The load is what it is said to be: sources wait for the bus, and outputs that pause fill their queues.
    assert (outcome.accepted["last"].astype(np.int64) - outcome.accepted["first"] > LONGEST_BEATS).any()
    assert READY[ready] == 1 or (outcome.events["full"] != 0).any()


def test_a_histogram_names_every_error():
    errors = {
        ("first beat in", 0): np.array([0, 0, 3]),
        ("first beat in", 1): np.array([0]),
        ("first beat in", 2): np.array([], np.int64),
        ("last beat out", 4): np.array([-1, 0]),
    }
    assert histogram(errors).splitlines() == [
        "first beat in       +0 cycles        3 times, ports 0-1",
        "first beat in       +3 cycles        1 times, ports 0",
        "last beat out       -1 cycles        1 times, ports 4",
        "last beat out       +0 cycles        1 times, ports 4",
    ]
    assert n_off(errors) == 2
