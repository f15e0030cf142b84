"""Nine ports at 10 Gb/s with nothing that holds frames back: what gets through is what the bus can carry.

docs/switch_core.md: a frame of L bytes without FCS holds the bus for words(L) cycles. At 156.25 MHz a wire brings a
beat of 64 bits in a cycle, so ports are served in full if the wire needs words(L) * PORTS cycles or more for a frame.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cocotb_tests.batch_files import Stage
from cocotb_tests.comparison import compare
from cocotb_tests.core_bench import CoreBench
from cocotb_tests.core_registers import CoreParameters
from cocotb_tests.dut_file import OWN_CORE, read_dut
from cocotb_tests.load import CYCLES_BEFORE_LOAD, open_writes, wire_cycles, wire_frames

# Served of offered, 512 bits: computed by hand from the rule above.
BY_HAND = {60: 1.0, 64: 1.0, 65: 0.618, 128: 1.0, 129: 0.708, 1514: 0.890}
# Icarus gets FIFOs that are full soon, in which long frames would leave pauses, and so it gets no long frames.
SMALL_FIFO_BYTES, FEW_CYCLES, CYCLES = 2048, 3000, 60_000
TOLERANCE = 0.01


def closed_form(parameters, n_bytes):
    return min(1.0, wire_cycles(n_bytes) / (parameters.words(n_bytes) * parameters.ports))


def without_dropped(stage, outcome):
    """Return the stage with the frames alone that the sources could offer in time."""
    dropped = {(int(record["port"]), int(record["not_before"])) for record in outcome.dropped}
    frames = [frame for frame in stage.frames if (frame.port, frame.not_before) not in dropped]
    assert len(frames) == len(stage.frames) - len(outcome.dropped)
    return replace(stage, frames=frames)


def served_of_offered(stage, outcome, first, last):
    """Return which part of the frames that came in some cycles was taken."""
    offered = sum(first <= frame.not_before < last for frame in stage.frames)
    dropped = np.count_nonzero((outcome.dropped["not_before"] >= first) & (outcome.dropped["not_before"] < last))
    return 1 - dropped / offered


def check_load(core, stage, outcome, n_bytes):
    """Check one length's load; return the part served and that of the closed form."""
    parameters = core.shape
    divergence, _ = compare(core, without_dropped(stage, outcome), outcome)
    assert divergence is None, divergence
    assert not outcome.events["full"].any() and not outcome.events["reason"].any()
    begin, end = stage.frames[0].not_before, stage.frames[-1].not_before
    expected = closed_form(parameters, n_bytes)
    if expected == 1:
        assert len(outcome.dropped) == 0
        return 1.0, expected
    # From where every FIFO has been full once, which is late in the first half.
    full_at = max(
        outcome.dropped["not_before"][outcome.dropped["port"] == port].min() for port in range(parameters.ports)
    )
    assert full_at < (begin + end) / 2
    served = served_of_offered(stage, outcome, full_at, end)
    decided = outcome.events["cycle"].astype(np.int64)
    decided = decided[(decided >= full_at) & (decided < end)]
    assert (np.diff(decided) == parameters.words(n_bytes)).all(), "the bus rests"
    return served, expected


def check_loads(show, simulator, run_folder, bus_w=512):
    parameters, lengths = CoreParameters(bus_w=bus_w), list(BY_HAND)
    if simulator.name == "icarus":
        parameters, lengths = replace(parameters, ingress_bytes=SMALL_FIFO_BYTES), lengths[:-1]
    core, writes = read_dut(OWN_CORE).core_with(parameters.verilog()), open_writes(parameters)
    bench = CoreBench.of(simulator, core, run_folder)
    stages = []
    for n_bytes in lengths:
        n_cycles = CYCLES if simulator.name == "verilator" else FEW_CYCLES
        n_frames = parameters.ports * round(n_cycles / wire_cycles(n_bytes))
        stages.append(Stage(wire_frames(n_frames, n_bytes, parameters.ports, CYCLES_BEFORE_LOAD * len(writes)), writes))
    outcomes = bench.run(stages)
    found = {
        n_bytes: check_load(core, stage, outcome, n_bytes)
        for n_bytes, stage, outcome in zip(lengths, stages, outcomes, strict=True)
    }
    lines = [f"{n:5} B: {served:.4f} served, closed form {expected:.4f}" for n, (served, expected) in found.items()]
    show(f"line rate, {parameters.ports} ports, bus of {parameters.bus_w} bits:\n" + "\n".join(lines))
    for served, expected in found.values():
        assert served == pytest.approx(expected, rel=TOLERANCE)


def test_the_closed_form_is_what_a_hand_computes():
    for n_bytes, served in BY_HAND.items():
        assert closed_form(CoreParameters(), n_bytes) == pytest.approx(served, abs=0.0005)


def test_ports_are_served_up_to_the_limit_of_the_bus(show, simulator, run_folder):
    check_loads(show, simulator, run_folder)


@pytest.mark.slow
@pytest.mark.usefixtures("quick_build")
@pytest.mark.parametrize("bus_w", [64, 128, 256])
def test_a_narrower_bus_is_the_limit(show, simulator, run_folder, bus_w):
    check_loads(show, simulator, run_folder, bus_w)
