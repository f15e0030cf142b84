"""The guests' cores: first in, first out, a fixed time a frame; doorbells and refills by the batch."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwmodel.kernels import layout
from hwmodel.kernels.events import take_timer
from hwmodel.kernels.guest import add_task, chunk_done
from hwmodel.kernels.journeys import journey_of_post
from tests.blocks.idle_machine import NS, PF, VF0, VF1, doorbells, machine

POST, TAKE = layout.POST_TASK, layout.TAKE_TASK
TX, RX = layout.TX_DOORBELL, layout.RX_DOORBELL
FRAME_NS = 20


def guests(tx_batch=1, refill=1, cores=8, frame_time=FRAME_NS, **nic):
    return machine(
        nic={"tx_ring": 64, "rx_ring": 64, **nic},
        driver={"tx_doorbell_batch": tx_batch, "refill_batch": refill, "frame_time": f"{frame_time}ns"},
        host={"cores": cores},
    )


def post(nic, now_fs, function, n):
    """Queue posts as a source does: the slots are taken when the work is queued."""
    nic.tx_queue[function].reserved += n
    add_task(nic, now_fs, nic.function[function].core, POST, function, n)


def show(nic, now_fs, function, n, n_descriptors=1):
    """Queue the taking of frames that have become visible."""
    queue = nic.rx_queue[function]
    for _ in range(n):
        nic.host.finished[queue.first + (queue.visible & queue.mask)].n_descriptors = n_descriptors
        queue.visible += 1
    add_task(nic, now_fs, nic.function[function].core, TAKE, function, n)


def work(nic, until_ns=10**9):
    """Let the cores work; return the doorbells as (ns, kind, queue, how many), in order."""
    found = []
    while nic.clock.next_at[layout.TIMERS] <= until_ns * NS:
        now_fs = int(nic.clock.next_at[layout.TIMERS])
        kind, index = take_timer(nic.clock)
        assert kind == layout.CORE_TIMER
        before = len(doorbells(nic))
        chunk_done(nic, now_fs, index)
        found += [(now_fs // NS, *each) for each in doorbells(nic)[before:]]
    return found


# ---- Sending ----


@pytest.mark.parametrize(
    ("n", "batch", "expected"),
    [
        (1, 8, [(20, 1)]),  # nothing more to post: at once
        (8, 8, [(160, 8)]),
        (10, 4, [(80, 4), (160, 4), (200, 2)]),
        (3, 1, [(20, 1), (40, 1), (60, 1)]),
    ],
)
def test_a_doorbell_tells_a_full_batch_or_all_there_is(n, batch, expected):
    nic = guests(tx_batch=batch)
    post(nic, 0, VF0, n)
    assert work(nic) == [(at_ns, TX, VF0, told) for at_ns, told in expected]


def test_posts_that_come_while_the_core_posts_join_the_batch():
    """Two at 0, of which the first is done at 20 ns; one more at 30 ns: the second, done at 40, is not the last."""
    nic = guests(tx_batch=8)
    post(nic, 0, VF0, 2)
    assert work(nic, until_ns=30) == []
    post(nic, 30 * NS, VF0, 1)
    assert work(nic) == [(60, TX, VF0, 3)]


def test_posts_of_two_rings_have_doorbells_of_their_own():
    """VF0 and VF1 on one core: 3 posts, then 2 and 1, in the order in which they were queued."""
    nic = guests(tx_batch=2, cores=1)
    post(nic, 0, VF0, 3)
    post(nic, 0, VF1, 2)
    post(nic, 0, VF0, 1)
    assert work(nic) == [(40, TX, VF0, 2), (100, TX, VF1, 2), (120, TX, VF0, 2)]


def test_frames_are_posted_one_after_the_other_and_told_together():
    nic = guests(tx_batch=4)
    post(nic, 5 * NS, VF0, 3)
    work(nic)
    queue = nic.tx_queue[VF0]
    found = []
    for _ in range(3):
        journey = nic.ledger.journeys.slot[journey_of_post(nic, 70 * NS, queue, VF0, 70 * NS)]
        queue.picked += 1
        found.append((journey.posted_fs // NS, journey.rung_fs // NS))
    assert found == [(25, 65), (45, 65), (65, 65)]
    assert (queue.posted, queue.rung) == (3, 3)


def test_without_a_frame_time_all_happens_at_once():
    nic = guests(tx_batch=4, frame_time=0)
    post(nic, 7 * NS, VF0, 6)
    assert work(nic) == [(7, TX, VF0, 4), (7, TX, VF0, 2)]


# ---- Receiving ----


@pytest.mark.parametrize(
    ("n", "refill", "expected"), [(3, 1, [20, 40, 60]), (9, 4, [80, 160]), (3, 4, []), (4, 4, [80])]
)
def test_descriptors_are_posted_again_by_the_batch(n, refill, expected):
    nic = guests(refill=refill)
    show(nic, 0, VF0, n)
    assert work(nic) == [(at_ns, RX, VF0, refill) for at_ns in expected]


def test_what_is_left_of_a_refill_batch_counts_for_the_next():
    nic = guests(refill=4)
    show(nic, 0, VF0, 3)
    assert work(nic) == []
    show(nic, 100 * NS, VF0, 2)
    assert work(nic) == [(120, RX, VF0, 4)]
    assert nic.rx_queue[VF0].since_refill == 1


def test_a_frame_of_several_descriptors_gives_them_all_back():
    """Frames of 3 with a batch of 4: 6 after the second, told in one doorbell."""
    nic = guests(refill=4)
    show(nic, 0, VF0, 4, n_descriptors=3)
    assert work(nic) == [(40, RX, VF0, 6), (80, RX, VF0, 6)]


# ---- The core ----


def test_a_core_works_first_in_first_out():
    """One core: two posts, three frames to take, a post; a doorbell at each end of a batch."""
    nic = guests(cores=1, tx_batch=2, refill=3)
    post(nic, 0, VF0, 2)
    show(nic, 0, VF1, 3)
    post(nic, 0, PF, 1)
    assert work(nic) == [(40, TX, VF0, 2), (100, RX, VF1, 3), (120, TX, PF, 1)]
    assert [int(each) // NS for each in nic.host.core[0].busy_fs] == [3 * FRAME_NS, 3 * FRAME_NS]


def test_guests_share_cores_by_their_number():
    """Three guests on two cores: PF and VF1 share core 0, VF0 has core 1."""
    nic = guests(cores=2)
    for function in (PF, VF0, VF1):
        post(nic, 0, function, 1)
    assert work(nic) == [(20, TX, PF, 1), (20, TX, VF0, 1), (40, TX, VF1, 1)]


@settings(max_examples=40)
@given(st.lists(st.tuples(st.booleans(), st.sampled_from([PF, VF0, VF1]), st.integers(1, 5)), max_size=12))
def test_a_core_is_busy_for_each_frame_and_rings_for_each_batch(pieces):
    """One core, everything at 0: walked frame by frame. A post is the last of its ring if no later piece has one."""
    nic = guests(cores=1, tx_batch=3, refill=2)
    for is_post, function, n in pieces:
        (post if is_post else show)(nic, 0, function, n)
    frames = [(is_post, function) for is_post, function, n in pieces for _ in range(n)]
    untold, taken, expected = dict.fromkeys((PF, VF0, VF1), 0), dict.fromkeys((PF, VF0, VF1), 0), []
    for i, (is_post, function) in enumerate(frames):
        at_ns = (i + 1) * FRAME_NS
        counts, kind, batch = (untold, TX, 3) if is_post else (taken, RX, 2)
        counts[function] += 1
        is_last = is_post and (True, function) not in frames[i + 1 :]
        if counts[function] == batch or is_last:
            expected.append((at_ns, kind, function, counts[function]))
            counts[function] = 0
    assert work(nic) == expected


def test_tasks_are_given_back():
    """The pool of pieces of work is as large after the work as before it."""
    nic = guests(cores=1)

    def free_tasks():
        found, number = [], int(nic.host.free_task)
        while number >= 0 and len(found) < 20:
            found.append(number)
            number = int(nic.host.task[number].following)
        return set(found)

    before = free_tasks()
    for function in (PF, VF0, VF1, PF, VF0, VF1):
        post(nic, 0, function, 2)
    work(nic)
    assert free_tasks() == before
    assert (nic.host.core[0].first_task, nic.host.core[0].last_task, nic.host.core[0].is_running) == (-1, -1, 0)
