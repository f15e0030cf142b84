"""The guests' cores: rings have turns of a burst; a time for each frame, byte and doorbell; doorbells by the batch."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwmodel.compiled.records import NEVER
from hwmodel.machine.counts.journeys import journey_of_post
from hwmodel.machine.guest.cores import add_work, piece_done
from hwmodel.machine.guest.guest_state import POST_TASK, TAKE_TASK
from hwmodel.machine.time.clock import CORE_TIMER, TIMERS
from hwmodel.machine.time.events import take_timer
from hwmodel.machine.tlp_kinds import RX_DOORBELL, TX_DOORBELL
from tests.blocks.idle_machine import NS, PF, VF0, VF1, doorbells, machine

POST, TAKE = POST_TASK, TAKE_TASK
TX, RX = TX_DOORBELL, RX_DOORBELL
FRAME_NS = 20


def guests(tx_batch=1, refill=1, cores=8, frame_time=FRAME_NS, **driver):
    batches = {"tx_doorbell_batch": tx_batch, "refill_batch": refill, "frame_time": f"{frame_time}ns"}
    return machine(nic={"tx_ring": 64, "rx_ring": 64}, driver=batches | driver, host={"cores": cores})


def post(nic, now_fs, function, n, n_bytes=60):
    """Queue posts as a source does: the slots are taken when the work is queued."""
    queue = nic.tx_queue[function]
    for _ in range(n):
        nic.guests.post[queue.first + (queue.reserved & queue.mask)].n_bytes = n_bytes
        queue.reserved += 1
    add_work(nic, now_fs, nic.rx_queue[function].params.core, POST, function, n)


def show(nic, now_fs, function, n, n_descriptors=1, n_bytes=60):
    """Queue the taking of frames that have become visible."""
    queue = nic.rx_queue[function]
    for _ in range(n):
        slot = nic.guests.finished[queue.first + (queue.visible & queue.mask)]
        slot.n_descriptors, slot.n_bytes = n_descriptors, n_bytes
        queue.visible += 1
    add_work(nic, now_fs, nic.rx_queue[function].params.core, TAKE, function, n)


def work(nic, until_ns=10**9):
    """Let the cores work; return the doorbells as (ns, kind, queue, how many), in order."""
    found = []
    while nic.clock.next_at[TIMERS] <= until_ns * NS:
        now_fs = int(nic.clock.next_at[TIMERS])
        kind, index = take_timer(nic.clock)
        assert kind == CORE_TIMER
        before = len(doorbells(nic))
        piece_done(nic, now_fs, index)
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
    """Two at 0, one more at 30 ns: the turn is not over with the second, which is done at 40."""
    nic = guests(tx_batch=8)
    post(nic, 0, VF0, 2)
    assert work(nic, until_ns=30) == []
    post(nic, 30 * NS, VF0, 1)
    assert work(nic) == [(60, TX, VF0, 3)]


def test_posts_of_two_rings_have_doorbells_of_their_own():
    """VF0 and VF1 on one core: 3 posts, then 2, and 1 more of the first ring, which belong to its turn."""
    nic = guests(tx_batch=2, cores=1)
    post(nic, 0, VF0, 3)
    post(nic, 0, VF1, 2)
    post(nic, 0, VF0, 1)
    assert work(nic) == [(40, TX, VF0, 2), (80, TX, VF0, 2), (120, TX, VF1, 2)]


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


# ---- Turns ----


def test_rings_have_their_turns_in_the_order_in_which_they_got_work():
    """One core: two posts, three frames to take, a post; a doorbell at each end of a batch."""
    nic = guests(cores=1, tx_batch=2, refill=3)
    post(nic, 0, VF0, 2)
    show(nic, 0, VF1, 3)
    post(nic, 0, PF, 1)
    assert work(nic) == [(40, TX, VF0, 2), (100, RX, VF1, 3), (120, TX, PF, 1)]
    assert [int(each) // NS for each in nic.guests.core[0].counts.busy_fs] == [3 * FRAME_NS, 3 * FRAME_NS, 0, 0]


def test_a_turn_of_posts_ends_with_its_burst_and_a_doorbell():
    nic = guests(cores=1, tx_batch=8, send_burst=2)
    post(nic, 0, VF0, 5)
    post(nic, 0, VF1, 3)
    assert work(nic) == [(40, TX, VF0, 2), (80, TX, VF1, 2), (120, TX, VF0, 2), (140, TX, VF1, 1), (160, TX, VF0, 1)]


def test_a_turn_of_taking_ends_with_its_budget_and_no_doorbell():
    """3 and 3 of VF0 around a post of VF1; the refill of 4 comes in the second turn, of 5 frames in all."""
    nic = guests(cores=1, refill=4, poll_budget=3)
    show(nic, 0, VF0, 5)
    post(nic, 0, VF1, 1)
    assert work(nic) == [(80, TX, VF1, 1), (100, RX, VF0, 4)]
    assert nic.clock.next_at[TIMERS] == NEVER
    assert nic.rx_queue[VF0].taken == 5


def test_what_comes_in_a_turn_has_the_rest_of_its_burst():
    """Two of a burst of 3 at 0, two more at 10 ns: one of them is in the turn, the other behind VF1's."""
    nic = guests(cores=1, tx_batch=8, send_burst=3)
    post(nic, 0, VF0, 2)
    post(nic, 0, VF1, 1)
    post(nic, 10 * NS, VF0, 2)
    assert work(nic) == [(60, TX, VF0, 3), (80, TX, VF1, 1), (100, TX, VF0, 1)]


@settings(max_examples=40)
@given(
    st.lists(st.tuples(st.booleans(), st.sampled_from([PF, VF0, VF1]), st.integers(1, 5)), max_size=12),
    st.integers(1, 6),
    st.integers(1, 6),
)
def test_turns_and_doorbells_walked_frame_by_frame(pieces, burst, budget):
    """One core, everything at 0."""
    nic = guests(cores=1, tx_batch=3, refill=2, send_burst=burst, poll_budget=budget)
    left = {}
    for is_post, function, n in pieces:
        (post if is_post else show)(nic, 0, function, n)
        left[is_post, function] = left.get((is_post, function), 0) + n
    in_turn, untold, at_ns, expected = list(left), dict.fromkeys(left, 0), 0, []
    while in_turn:
        ring = is_post, function = in_turn.pop(0)
        kind, batch, most = (TX, 3, burst) if is_post else (RX, 2, budget)
        n = min(most, left[ring])
        for i in range(n):
            at_ns += FRAME_NS
            untold[ring] += 1
            if untold[ring] == batch or (is_post and i == n - 1):
                expected.append((at_ns, kind, function, untold[ring]))
                untold[ring] = 0
        left[ring] -= n
        in_turn += [ring] * (left[ring] > 0)
    assert work(nic) == expected


def test_guests_share_cores_by_their_number():
    """Three guests on two cores: PF and VF1 share core 0, VF0 has core 1."""
    nic = guests(cores=2)
    for function in (PF, VF0, VF1):
        post(nic, 0, function, 1)
    assert work(nic) == [(20, TX, PF, 1), (20, TX, VF0, 1), (40, TX, VF1, 1)]


def test_a_core_without_work_has_an_empty_list():
    nic = guests(cores=1, send_burst=1)
    for function in (PF, VF0, VF1, PF, VF0, VF1):
        post(nic, 0, function, 2)
    work(nic)
    core = nic.guests.core[0]
    assert (core.first_work, core.last_work, core.is_running) == (-1, -1, 0)
    assert not nic.guests["work"]["is_listed"].any()
    assert not nic.guests["work"]["n"].any()


# ---- Costs ----


def test_each_byte_costs_its_time_posted_or_taken():
    """60 bytes of half a nanosecond, then 100, beside 20 ns a frame."""
    nic = guests(cores=1, byte_time="0.5ns")
    post(nic, 0, VF0, 1, 60)
    show(nic, 0, VF1, 2, n_bytes=100)
    assert work(nic) == [(50, TX, VF0, 1), (120, RX, VF1, 1), (190, RX, VF1, 1)]


def test_the_next_piece_begins_when_the_doorbell_is_written():
    nic = guests(cores=1, tx_batch=2, doorbell_time="100ns")
    post(nic, 0, VF0, 3)
    show(nic, 0, VF1, 1)
    assert work(nic) == [(40, TX, VF0, 2), (160, TX, VF0, 1), (280, RX, VF1, 1)]
    assert [int(each) // NS for each in nic.guests.core[0].counts.busy_fs] == [3 * 20 + 200, 20 + 100, 0, 0]


def test_work_that_comes_while_a_doorbell_is_written_waits_for_it():
    nic = guests(cores=1, doorbell_time="100ns")
    post(nic, 0, VF0, 1)
    assert work(nic, until_ns=50) == [(20, TX, VF0, 1)]
    post(nic, 50 * NS, VF1, 1)
    assert work(nic) == [(140, TX, VF1, 1)]
    post(nic, 900 * NS, VF1, 1)
    assert work(nic) == [(920, TX, VF1, 1)]
