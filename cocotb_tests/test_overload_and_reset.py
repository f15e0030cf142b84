"""Every queue full at once, and resets in the midst of frames: what comes after is as it would be without them."""

from __future__ import annotations

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
from cocotb_tests.stages import busy_stage, plain_stage
from cocotb_tests.timing import predict_stage
from cocotb_tests.traffic import station_names

PARAMETERS = CoreParameters(ingress_bytes=1664, queue_bytes=1536, priorities=2)
NAMES = station_names(PARAMETERS)
PRIORITY_OF_QUEUE = (0, 7)
HELD_CYCLES = 3400  # no output is ready; then all are until the pattern is over
BROADCASTS = 60  # of each priority; each port gets those of eight ports
PCP_BYTE = 14  # behind the addresses and the type of the C-TAG
CUTS = (3, 40, 300, 450, 800)  # cycles after the beginning of the traffic
PREVIOUS_FRAMES, NEXT_FRAMES = 250, 60
SWALLOWED = Frame(3, bytes(16376))


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
    stages = [following]
    for cut in CUTS:
        previous = busy_stage(core, f"{seed} {cut}", "vn_tag", PREVIOUS_FRAMES)
        start = max(each.not_before for each in previous.frames)
        previous.frames = [replace(each, not_before=start) for each in (SWALLOWED, *previous.frames)]
        stages += [replace(previous, cut_at=start + cut), following]
    outcomes = CoreBench.of(simulator, core, run_folder).run(stages)
    for stage, outcome in zip(stages, outcomes, strict=True):
        divergence, _ = compare(core, stage, outcome)
        assert divergence is None, divergence
    fresh, *others = outcomes[::2]
    for other in others:
        for name in ("events", "writes", "accepted", "copies", "answers", "beats", "last_cycle"):
            assert np.array_equal(getattr(other, name), getattr(fresh, name)), name
    cuts = [under_way(core, stage, outcome) for stage, outcome in zip(stages[1::2], outcomes[1::2], strict=True)]
    assert all(n_in >= 1 for n_in, _, _ in cuts)
    assert sum(n_inside > 0 for _, n_inside, _ in cuts) > 2
    assert sum(n_out > 2 for _, _, n_out in cuts) > 1


def under_way(core, stage, outcome):
    """Return how many frames a cut found on their way in, taken in but not decided, and as copies on their way out."""
    twin, end = predict_stage(core, stage, outcome), outcome.last_cycle
    frames, copies = twin.frames, twin.copies
    return (
        int(((frames.first_beat <= end) & (frames.last_beat > end)).sum()),
        int(((frames.last_beat <= end) & (frames.decided > end)).sum()),
        int(((copies.first_beat <= end) & (copies.last_beat > end)).sum()),
    )
