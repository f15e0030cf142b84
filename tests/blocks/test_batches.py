"""Stamps of batches: what a frame finds at its turn is what was stamped on the batch that it was in."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from hwmodel.machine.counts.batches import begin_batches, begin_rx_batches, mark_batch, mark_rx_batch
from hwmodel.machine.counts.journey_state import CACHED, POSTED, REQUESTED, RUNG, SHOWN, TOLD, WRITTEN_BACK
from tests.blocks.idle_machine import VF0, VF1, machine

TX = {"posted_fs": POSTED, "rung_fs": RUNG, "told_fs": TOLD, "requested_fs": REQUESTED, "cached_fs": CACHED}
RX = {("writeback_started_fs", "written_back_fs"): WRITTEN_BACK, ("raised_fs", "visible_fs"): SHOWN}
N_FRAMES = 20
CUTS = st.lists(st.integers(1, 6), min_size=N_FRAMES, max_size=N_FRAMES)


def batches_of(lengths):
    """Return the batches, as position and length, into which the frames are cut."""
    found, position = [], 0
    for length in lengths:
        if position < N_FRAMES:
            found.append((position, min(length, N_FRAMES - position)))
            position += length
    return found


@settings(max_examples=30, deadline=None)
@given(st.tuples(*[CUTS] * len(TX)))
def test_frames_of_a_tx_ring_find_the_stamps_of_their_batches(cuts):
    """Each kind of batch is cut in its own way."""
    nic = machine()
    queue = nic.tx_queue[VF0]
    queue.mask = 31
    expected = [{} for _ in range(N_FRAMES)]
    for (name, mark), lengths in zip(TX.items(), cuts, strict=True):
        for number, (position, n) in enumerate(batches_of(lengths)):
            at_fs = 1000 * mark + number
            mark_batch(nic.guests, queue, position, mark)[name] = at_fs
            for frame in expected[position : position + n]:
                frame[name] = at_fs
    for position, stamps in enumerate(expected):
        begin_batches(nic.guests, queue.batch, queue.first + (position & queue.mask))
        assert {name: int(queue.batch[name]) for name in TX} == stamps


@settings(max_examples=30, deadline=None)
@given(st.tuples(*[CUTS] * len(RX)))
def test_frames_of_an_rx_ring_find_the_stamps_of_their_batches(cuts):
    nic = machine()
    queue = nic.rx_queue[VF1]
    queue.mask = 31
    expected = [{} for _ in range(N_FRAMES)]
    for (names, mark), lengths in zip(RX.items(), cuts, strict=True):
        for number, (position, n) in enumerate(batches_of(lengths)):
            batch = mark_rx_batch(nic.guests, queue, position, mark)
            for name in names:
                batch[name] = 1000 * mark + number
                for frame in expected[position : position + n]:
                    frame[name] = 1000 * mark + number
    for position, stamps in enumerate(expected):
        begin_rx_batches(nic.guests, queue.batch, queue.first + (position & queue.mask))
        assert {name: int(queue.batch[name]) for name in stamps} == stamps
