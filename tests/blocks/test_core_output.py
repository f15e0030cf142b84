"""Output queues and readers: steps, words read, room, counters."""

from __future__ import annotations

import numpy as np
import pytest

from hwmodel.compiled.records import NEVER
from hwmodel.forwarding.drop_reason import DropReason
from hwmodel.switch_core.output import (
    added_bytes,
    choose_until,
    count_frame,
    offer_copy,
    send_copies,
    send_copy,
    step_at,
    steps_before,
    words_in_queue,
    words_read_before,
    write_copy,
    write_frame,
)
from hwmodel.switch_core.state import CORE_COPY, CORE_FRAME, NOBODY
from tests.blocks.core_bench import idle_core


def copies_of(*rows):
    copies = np.zeros(len(rows), CORE_COPY).view(np.recarray)
    for copy, (n_bytes, added) in zip(copies, rows, strict=True):
        copy.frame_bytes, copy.added_bytes, copy.n_words, copy.following = n_bytes, added, -(-n_bytes // 64), NOBODY
    return copies


def only_every_other(output):
    """Let an output be ready in odd cycles alone."""
    ready = output.ready
    ready.is_always, ready.n_cycles, ready.n_set = 0, 2, 1
    ready.cycle_of[0], ready.n_before[:2] = 1, (0, 0)


@pytest.mark.parametrize(
    ("added", "steps", "n_before", "read_at"),
    [(0, [13, 15, 17, 19], [0, 0, 0, 1, 1, 2, 2, 3], 25), (-4, [13, 14, 15, 17], [0, 0, 0, 1, 2, 3, 3, 4], 23)],
    ids=["as it is", "a tag less"],
)
def test_steps_of_a_copy(added, steps, n_before, read_at):
    """Chosen in 10, word 0 read in 11, beat 0 moved in 12; 80 B (76 B with a tag less) are 10 beats, from 15 on."""
    core = idle_core()[0]
    output = core.output[1]
    only_every_other(output)
    (copy,) = copies_of((80, added))
    send_copy(core, output, copy, 10)
    assert (copy.choice, copy.first_beat, copy.last_beat) == (10, 15, 33)
    assert [step_at(output, step) for step in range(4)] == steps
    assert [steps_before(output, cycle) for cycle in range(11, 19)] == n_before
    # Step 6 takes beat 6, so that beat 7 is moved, the last of word 0, and word 1 is read.
    assert step_at(output, 6) == read_at
    assert [words_read_before(core, output, cycle) for cycle in (11, 12, read_at, read_at + 1)] == [0, 1, 1, 2]
    assert output.look_at == 12  # the last word alone is still to be read


def test_a_copy_waits_for_the_one_before():
    core = idle_core()[0]
    output = core.output[1]
    first, second = copies_of((80, 8), (60, 0))
    send_copy(core, output, first, 10)
    send_copy(core, output, second, 14)
    # Steps 13 to 23, the last of them with a beat of zeros; word 0 of the second is read in 21, its beat 0 moved in 23.
    assert (first.first_beat, first.last_beat) == (14, 24)
    assert (output.sending.word_0_read, second.first_beat) == (21, 25)


def test_room():
    """Queues of 2 words; port 1 is never ready for the second beat in time."""
    core = idle_core(max_frame_bytes=60, queue_bytes=128)[0]
    output = core.output[1]
    only_every_other(output)
    output.ready.n_cycles, output.ready.cycle_of[0] = 1000, 999
    output.ready.n_before[:1000] = 0
    copies = copies_of((60, 0), (60, 0), (60, 0), (60, 0))
    frames = np.zeros(4, CORE_FRAME).view(np.recarray)
    frames.decided = [20, 21, 23, 24]
    assert [offer_copy(core, output, 1, frames[i], copies, i) for i in range(4)] == [True, True, False, True]
    assert words_in_queue(core, output, 0, 24) == 2
    choose_until(core, output, 1, copies, NEVER)
    # Room is asked for in 19, 20, 22 and 23; the first's word is read in 22. Beats leave in 999, 1999 and so on: the
    # second's word is read as the first's eighth beat is moved, with step 6; the next choice is a cycle later.
    assert copies.choice.tolist() == [21, 23, 0, 6000]


def test_a_queue_that_gets_a_copy():
    core = idle_core("deficit", (300,) * 8)[0]
    output = core.output[1]
    copies = copies_of((60, 0), (60, 0))
    write_copy(core, output, 1, copies, 0, 20)
    write_copy(core, output, 1, copies, 1, 30)
    queue = output.queue[0]
    assert (queue.first, queue.last, queue.n_waiting, queue.n_words, queue.deficit) == (0, 1, 2, 2, 300)
    assert (output.waiting, output.look_at, copies.following.tolist()) == (1, 31, [1, NOBODY])


@pytest.mark.parametrize(
    ("port", "fields", "added"),
    [(1, {}, 0), (1, {"n_tag_bytes": 4}, -4), (1, {"n_tag_bytes": 12, "tagged": 2}, -8), (0, {"outer_bytes": 8}, 8)],
)
def test_added_bytes(port, fields, added):
    frame = np.zeros(1, CORE_FRAME).view(np.recarray)[0]
    for name, value in fields.items():
        frame[name] = value
    assert added_bytes(frame, port) == added


def test_counters_of_a_frame_without_room():
    core = idle_core()[0]
    frames = np.zeros(2, CORE_FRAME).view(np.recarray)
    frames.port = [1, 2]
    frames.ports, frames.full = [12, 12], [12, 4]
    for frame in frames:
        count_frame(core, frame)
    assert frames.reason.tolist() == [DropReason.QUEUE_FULL, 0]
    assert [(c.received, c.lost) for c in core.counters[1:3]] == [(1, 1), (1, 0)]


def test_a_group_frame_is_offered_to_each_port():
    array = idle_core()
    frames = np.zeros(1, CORE_FRAME).view(np.recarray)
    frames.ports, frames.n_words, frames.n_bytes, frames.decided = 0b1010, 1, 60, 15
    copies = np.zeros(4, CORE_COPY).view(np.recarray)
    assert write_frame(array[0], frames[0], 0, copies, 0) == 2
    assert copies.port.tolist()[:2] == [1, 3]
    array = idle_core()
    assert send_copies(array, frames, np.zeros(1, np.int64), copies) == 2
    assert copies.first_beat.tolist()[:2] == [20, 20]
    assert array[0].counters[3].sent == 1
