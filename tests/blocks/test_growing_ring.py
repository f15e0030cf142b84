"""Rings that use few places, and more as they need them: what is in them stays, in order, and one place before it."""

from __future__ import annotations

from collections import deque

from hypothesis import given, settings
from hypothesis import strategies as st

from hwmodel.compiled.far_tables import give
from hwmodel.machine.growing_ring import entered, widen_finished, widen_posts
from tests.blocks.idle_machine import VF1, machine

# How many entries come, then how many go.
STEPS = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), max_size=12)


@settings(max_examples=60)
@given(STEPS)
def test_what_is_queued_keeps_its_place_in_the_order(steps):
    nic = machine()
    queue = nic.pcie[0].up.first
    expected, left_last, number = deque(), None, 0
    for n_come, n_go in steps:
        for _ in range(n_come):
            queue.ring[queue.tail & queue.mask].address = number
            entered(nic.clock, queue)
            expected.append(number)
            number += 1
        for _ in range(min(n_go, len(expected))):
            left_last = expected.popleft()
            queue.head += 1
        found = [int(queue.ring[i & queue.mask].address) for i in range(queue.head, queue.tail)]
        assert found == list(expected)
        if left_last is not None:  # a TLP may be on the link still
            assert queue.ring[(queue.head - 1) & queue.mask].address == left_last
    assert nic.clock.overflow == 0


def test_a_ring_has_no_more_places_than_it_needed():
    nic = machine()
    queue = nic.loopback
    first = int(queue.mask)
    for _ in range(1000):
        entered(nic.clock, queue)
        queue.head += 1
    assert queue.mask == first
    for _ in range(first):
        entered(nic.clock, queue)
    assert queue.mask == 2 * first + 1


def test_a_ring_that_cannot_grow_is_told():
    nic = machine()
    queue = nic.grants
    most = len(give(queue.ring, queue.ring.most)) - 1
    queue.mask = most
    queue.tail = most - 1
    entered(nic.clock, queue)
    assert (nic.clock.overflow, queue.mask) == (1, most)
    nic.clock.overflow = 0
    queue.head = 1  # one has gone
    queue.tail -= 1
    entered(nic.clock, queue)
    assert nic.clock.overflow == 0


@settings(max_examples=60)
@given(STEPS)
def test_frames_between_adapter_and_guest_keep_their_place(steps):
    nic = machine(nic={"rx_ring": 512})
    queue = nic.rx_queue[VF1]
    before = nic.guests.finished[queue.first - 1].copy()
    expected, number = deque(), 0
    for n_come, n_go in steps:
        for _ in range(n_come):
            if queue.started - queue.taken > queue.mask:
                widen_finished(nic.guests, queue)
            nic.guests.finished[queue.first + (queue.started & queue.mask)].n_bytes = number
            queue.started += 1
            expected.append(number)
            number += 1
        for _ in range(min(n_go, len(expected))):
            expected.popleft()
            queue.taken += 1
        places = range(queue.taken, queue.started)
        assert [int(nic.guests.finished[queue.first + (i & queue.mask)].n_bytes) for i in places] == list(expected)
    assert queue.mask < 512
    assert nic.guests.finished[queue.first - 1] == before


@settings(max_examples=60)
@given(STEPS)
def test_frames_in_a_tx_ring_keep_their_place_and_what_is_stamped_there(steps):
    nic = machine(nic={"tx_ring": 512})
    queue, next_ring = nic.tx_queue[VF1], nic.tx_queue[VF1 + 1]
    nic.guests.post[next_ring.first].n_bytes = nic.guests.post[next_ring.params.wide_first].n_bytes = -1
    expected, number = deque(), 0
    for n_come, n_go in steps:
        for _ in range(n_come):
            if queue.reserved - queue.picked > queue.mask:
                widen_posts(nic.guests, queue)
            place = queue.first + (queue.reserved & queue.mask)
            nic.guests.post[place].n_bytes, nic.guests.post_batch[place].rung_fs = number, 7 * number
            queue.reserved += 1
            expected.append(number)
            number += 1
        for _ in range(min(n_go, len(expected))):
            expected.popleft()
            queue.picked += 1
        places = [queue.first + (i & queue.mask) for i in range(queue.picked, queue.reserved)]
        assert [int(nic.guests.post[place].n_bytes) for place in places] == list(expected)
        assert [int(nic.guests.post_batch[place].rung_fs) for place in places] == [7 * one for one in expected]
    assert queue.mask < 512
    assert nic.guests.post[next_ring.first].n_bytes == nic.guests.post[next_ring.params.wide_first].n_bytes == -1
