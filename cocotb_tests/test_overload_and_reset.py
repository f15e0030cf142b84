"""Every queue full at once, and resets in the midst of frames: what comes after is as it would be without them."""

from __future__ import annotations

import shutil
from dataclasses import replace

import numpy as np
import pytest

from cocotb_tests import register_map as regs
from cocotb_tests.batch_files import PATTERN_ROWS, Access, Frame
from cocotb_tests.bench_switch import BROADCAST, OUTSIDE, c_tag, frame, mac, switch
from cocotb_tests.comparison import compare
from cocotb_tests.core_bench import CoreBench
from cocotb_tests.core_registers import CoreParameters
from cocotb_tests.dut_file import OWN_CORE, read_dut
from cocotb_tests.load import load_frames, small_mix
from cocotb_tests.simulators import RTL
from cocotb_tests.stages import busy_stage, plain_stage
from cocotb_tests.timing import predict_stage
from cocotb_tests.traffic import station_names

PARAMETERS = CoreParameters(ingress_bytes=1664, queue_bytes=1536, priorities=2)
NAMES = station_names(PARAMETERS)
PRIORITY_OF_QUEUE = (0, 7)
HELD_CYCLES = 3400  # no output is ready; then all are until the pattern is over
BROADCASTS = 60  # of each priority; each port gets those of eight ports
PCP_BYTE = 14  # behind the addresses and the type of the C-TAG
LOAD_FRAMES, NEXT_FRAMES = 250, 60
BEATS_BEGUN = 3
GIVES_UP = """
    reg [16:0] waited;
    always @(posedge clk) begin
        waited <= (reset || !m_tvalid || m_tready) ? 17'd0 : waited + 17'd1;
        if (waited[16]) m_tvalid <= 1'b0;
    end"""
SWALLOWED = Frame(3, bytes(16376))

NARROW = CoreParameters(ports=3, bus_w=64, ingress_bytes=512, queue_bytes=512, max_frame_bytes=190)
STALL_CYCLES, STALL_ROWS = 2**16 + 1000, 2**17
STALLED, PAUSED = 1, 2  # an output is not ready, a source pauses within a frame
STALL_FRAMES, SPACING = 300, 700  # of all ports, a turn of them in so many cycles


def source_of(port):
    return OUTSIDE if port == 0 else mac(NAMES[port - 1])


@pytest.fixture
def core():
    return read_dut(OWN_CORE).core_with(PARAMETERS.verilog())


def test_every_queue_is_full_at_once(simulator, run_folder, core):
    broadcasts = [
        Frame(i % PARAMETERS.ports, frame(BROADCAST, source_of(i % PARAMETERS.ports), c_tag(1, priority), length=64))
        for i in range(BROADCASTS)
        for priority in PRIORITY_OF_QUEUE
    ]
    later = load_frames(NEXT_FRAMES, small_mix, PARAMETERS.ports, 0)
    stage = plain_stage(core, switch(*NAMES), [*broadcasts, *later])
    # The others come when all queues have been emptied, and wait in them a second time.
    stage.frames = [
        replace(each, not_before=PATTERN_ROWS) if i >= len(broadcasts) else each for i, each in enumerate(stage.frames)
    ]
    stage.ready = np.where(np.arange(PATTERN_ROWS) < HELD_CYCLES, 0, 0xFFFFFFFF).astype(np.uint32)
    (outcome,) = CoreBench.of(simulator, core, run_folder).run([stage])
    divergence, expected = compare(core, stage, outcome)
    assert divergence is None, divergence
    assert outcome.copies["first"].min() == HELD_CYCLES
    held = outcome.events["cycle"] < HELD_CYCLES
    for queue, priority in enumerate(PRIORITY_OF_QUEUE):
        is_own = [
            i < len(broadcasts) and broadcasts[i].data[PCP_BYTE] >> 5 == priority for i in expected.frame_of_event
        ]
        events = outcome.events[held & is_own]
        # Nothing is read behind the first frames, so that a queue that had no room stays full.
        assert np.bitwise_or.reduce(events["full"]) == (1 << PARAMETERS.ports) - 1, queue
        assert (events["full"][-PARAMETERS.ports :] == events["ports"][-PARAMETERS.ports :]).all()


def long_stall(core):
    """Return a stage in which two ports wait for more cycles than 16 bits count, and the cycle in which they begin."""
    frames = load_frames(STALL_FRAMES, lambda rng: rng.randint(60, NARROW.max_frame_bytes), NARROW.ports, 0)
    stage = plain_stage(core, switch(*station_names(NARROW)), frames)
    start = stage.frames[0].not_before
    stage.frames = [
        replace(each, not_before=start + i // NARROW.ports * SPACING) for i, each in enumerate(stage.frames)
    ]
    begin = start + 6  # in the midst of the first frames
    waits = (np.arange(STALL_ROWS) >= begin) & (np.arange(STALL_ROWS) < begin + STALL_CYCLES)
    stage.ready = np.where(waits, ~(1 << STALLED), -1).astype(np.int64).astype(np.uint32)
    stage.leave = np.where(waits, ~(1 << PAUSED), -1).astype(np.int64).astype(np.uint32)
    stage.hold = np.zeros(STALL_ROWS, np.uint32)
    return stage, begin


def run_long_stall(simulator, folder, core):
    stage, begin = long_stall(core)
    (outcome,) = CoreBench.of(simulator, core, folder).run([stage])
    return outcome, compare(core, stage, outcome)[0], begin


@pytest.mark.usefixtures("quick_build")
def test_a_port_that_waits_for_more_than_two_to_the_16_cycles_holds_no_other(simulator, run_folder):
    core = read_dut(OWN_CORE).core_with(NARROW.verilog())
    outcome, divergence, begin = run_long_stall(simulator, run_folder, core)
    assert divergence is None, divergence
    end = begin + STALL_CYCLES
    waiting = outcome.accepted[outcome.accepted["port"] == PAUSED]
    assert ((waiting["first"] < begin) & (waiting["last"] >= end)).any()
    for port in range(NARROW.ports):
        last = outcome.copies[outcome.copies["port"] == port]["last"]
        during = int(((last >= begin) & (last < end)).sum())
        assert (during == 0) == (port == STALLED), port
        assert (last >= end).any(), port


@pytest.mark.usefixtures("quick_build")
def test_an_output_that_gives_up_after_two_to_the_16_cycles_is_found(simulator, run_folder, tmp_path):
    shutil.copytree(RTL, tmp_path / "rtl")
    source = tmp_path / "rtl/tag_out.v"
    text, end = source.read_text(encoding="utf-8"), "\nendmodule\n"
    assert text.count(end) == 1
    source.write_text(text.replace(end, GIVES_UP + end), encoding="utf-8")
    core = read_dut(tmp_path / "rtl/core.yaml").core_with(NARROW.verilog())
    _, divergence, begin = run_long_stall(simulator, run_folder, core)
    assert divergence is not None
    assert begin + 2**16 <= divergence.cycle <= begin + 2**16 + SPACING


def test_a_reset_in_the_midst_of_frames_leaves_nothing(simulator, run_folder, seed, core):
    """What follows it is, in every cycle and bit, what follows the first one."""
    following = plain_stage(
        core, switch(*NAMES, mode="e_tag"), load_frames(NEXT_FRAMES, small_mix, PARAMETERS.ports, 0, seed=seed)
    )
    # High words of counters, read before a low word latches one.
    high_words = [
        Access(regs.COUNTER_BASE + port * regs.COUNTER_STRIDE + regs.COUNTER_RECEIVED + 4, is_read=True)
        for port in range(PARAMETERS.ports)
    ]
    following.accesses = [*high_words, *following.accesses]
    bench = CoreBench.of(simulator, core, run_folder)
    load = loaded_stage(core, seed)
    (outcome,) = bench.run([load])
    cuts = cuts_of(load, predict_stage(core, load, outcome))
    stages = [following, *(stage for cut in cuts for stage in (cut, following))]
    outcomes = bench.run(stages)
    for stage, outcome in zip(stages, outcomes, strict=True):
        divergence, _ = compare(core, stage, outcome)
        assert divergence is None, divergence
    fresh, *others = outcomes[::2]
    for other in others:
        for name in ("events", "writes", "accepted", "copies", "answers", "beats", "last_cycle"):
            assert np.array_equal(getattr(other, name), getattr(fresh, name)), name
    found = [
        under_way(predict_stage(core, cut, outcome))[:, outcome.last_cycle].tolist()
        for cut, outcome in zip(cuts, outcomes[1::2], strict=True)
    ]
    (beginning, _, _), (_, most_inside, _), (_, _, most_leaving), in_every_place = found
    assert beginning >= 1
    assert min(most_inside, most_leaving) > 2, found
    assert min(in_every_place) >= 1, found


def loaded_stage(core, seed):
    """Return frames that come at once when the core is set up, one of them longer than any that it takes."""
    stage = busy_stage(core, str(seed), "vn_tag", LOAD_FRAMES)
    start = max(each.not_before for each in stage.frames)
    return replace(stage, frames=[replace(each, not_before=start) for each in (SWALLOWED, *stage.frames)])


def under_way(prediction):
    """Return by cycle how many frames are on their way in, taken in but not decided, and as copies on their way out."""
    frames, copies = prediction.frames, prediction.copies
    spans = (
        (frames.first_beat, frames.last_beat),
        (frames.last_beat, frames.decided),
        (copies.first_beat, copies.last_beat),
    )
    changes = np.zeros((len(spans), max(int(end.max()) for _, end in spans) + 1), np.int64)
    for row, (begin, end) in zip(changes, spans, strict=True):
        np.add.at(row, begin, 1)
        np.add.at(row, end, -1)
    return np.cumsum(changes, axis=1)


def cuts_of(load, prediction):
    """Cut a stage where frames begin, where most wait, where most leave, and where most are in each place."""
    counts = under_way(prediction)
    counts *= counts[0] >= 1
    begin = int(np.argmax(counts[0] >= 1)) + BEATS_BEGUN
    cycles = [begin, *(int(np.argmax(each)) for each in (counts[1], counts[2], counts.min(axis=0)))]
    return [replace(load, cut_at=cycle) for cycle in cycles]
