"""Descriptor fetches: whole batches while there is room, cut at the end of the ring and at MRRS."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwmodel.machine.adapter.fetch import fetch_rx, fetch_rx_on_demand, fetch_tx, told, want_descriptors
from hwmodel.machine.adapter.scheduler import take_inline
from tests.blocks.idle_machine import VF0, VF1, machine

RING = 64


def fetches(waiting):
    """Return (queue, first slot, descriptors) of the fetches that wait at the arbiter."""
    rings = [waiting.ring[i & waiting.mask] for i in range(waiting.head, waiting.tail)]
    return [(int(each.queue), int(each.address) // 16, int(each.n_descriptors)) for each in rings]


def tx_counts(waiting):
    return [n for _, _, n in fetches(waiting)]


def rx_machine(batch, prefetch, cache=64, ring=RING, **nic):
    settings_of_nic = {
        "rx_ring": ring,
        "rx_fetch_batch": batch,
        "rx_prefetch": prefetch,
        "descriptor_cache": cache,
        **nic,
    }
    return machine(nic=settings_of_nic)


def tx_machine(batch, cache=64, known=0):
    nic = machine(nic={"tx_ring": RING, "fetch_batch": batch, "descriptor_cache": cache})
    nic.tx_queue[VF0].known = known
    return nic


# ---- Tx ----


@pytest.mark.parametrize(
    ("known", "batch", "cache", "expected"),
    [
        (0, 8, 64, []),
        (3, 8, 64, [3]),  # what is there, at once
        (8, 8, 64, [8]),
        (20, 8, 64, [8, 8, 4]),
        (63, 8, 16, [8, 8]),  # a third batch has no room in the cache
        (63, 8, 23, [8, 8]),  # nor has a part of it
        (63, 8, 24, [8, 8, 8]),
        (5, 1, 3, [1, 1, 1]),
    ],
)
def test_tx_descriptors_are_asked_for_in_batches_while_the_cache_has_room_for_one(known, batch, cache, expected):
    nic = tx_machine(batch, cache, known)
    fetch_tx(nic, 0, VF0)
    queue = nic.tx_queue[VF0]
    assert tx_counts(nic.reads.tx_fetches) == expected
    assert (queue.known, queue.requested) == (known - sum(expected), sum(expected))


@pytest.mark.parametrize(
    ("known", "requested", "cached", "n", "is_taken"),
    [
        (0, 0, 0, 1, True),
        (0, 0, 3, 1, True),
        (0, 0, 4, 1, False),  # no room
        (1, 0, 0, 1, False),  # one before it is still to be read
        (0, 1, 0, 1, False),  # or on its way
        (0, 0, 0, 2, False),  # a doorbell for two is a write of the tail
    ],
)
def test_a_doorbell_brings_its_descriptor_if_those_before_it_are_there(known, requested, cached, n, is_taken):
    nic = machine(nic={"tx_ring": RING, "fetch_batch": 4, "descriptor_cache": 4}, driver={"doorbell": "inline"})
    queue = nic.tx_queue[VF0]
    queue.known, queue.requested, queue.cached, queue.fetched = known, requested, cached, requested + cached
    told(nic, 7, VF0, n)
    take_inline(nic, 7, VF0, n)
    assert (queue.known, queue.requested, queue.cached) == (known + n - is_taken, requested, cached + is_taken)
    assert queue.fetched == requested + cached + is_taken


def test_large_descriptors_are_cut_at_mrrs_by_their_bytes():
    """Eight of 64 B are 512 B; from the sixth on two pieces, at 320 and 512."""
    nic = machine(pcie={"max_read_request": "512B"}, nic={"tx_ring": RING, "tx_descriptor": "64B"})
    want_descriptors(nic, nic.reads.tx_fetches, int(nic.params.tx_descriptor_shift), VF0, RING, 5, 8)
    waiting = nic.reads.tx_fetches
    cut = [(int(each.address), int(each.n_descriptors)) for each in waiting.ring[waiting.head : waiting.tail]]
    assert cut == [(320, 3), (512, 5)]


def test_cached_and_requested_descriptors_take_room():
    nic = tx_machine(8, 32, 63)
    queue = nic.tx_queue[VF0]
    queue.cached, queue.requested = 9, 8
    fetch_tx(nic, 0, VF0)  # 17 + 8 are 25, 33 would be too many
    assert tx_counts(nic.reads.tx_fetches) == [8]
    queue.cached -= 1
    fetch_tx(nic, 0, VF0)
    assert tx_counts(nic.reads.tx_fetches) == [8, 8]


@pytest.mark.parametrize(
    ("fetched", "known", "expected"),
    [
        (0, 20, [8, 8, 4]),
        (20, 20, [4, 8, 8]),  # a part batch is made up for, so that those behind it lie in their places
        (23, 1, [1]),
        (23, 2, [1, 1]),
        (60, 8, [4, 4]),  # the ring's end is a multiple too
        (RING + 5, 12, [3, 8, 1]),
    ],
)
def test_tx_fetches_end_at_multiples_of_their_batch(fetched, known, expected):
    nic = tx_machine(8, known=known)
    nic.tx_queue[VF0].fetched = fetched
    fetch_tx(nic, 0, VF0)
    assert tx_counts(nic.reads.tx_fetches) == expected


def test_a_ring_that_is_no_multiple_of_the_batch_begins_anew_at_its_start():
    """A ring of 20: 16 to 20, then across the end as far as the 24th, cut there; the next begins at 4 of the ring."""
    nic = machine(nic={"tx_ring": 20, "fetch_batch": 8})
    nic.tx_queue[VF0].fetched, nic.tx_queue[VF0].known = 16, 16
    fetch_tx(nic, 0, VF0)
    assert fetches(nic.reads.tx_fetches) == [(VF0, 16, 4), (VF0, 0, 4), (VF0, 4, 4), (VF0, 8, 4)]


@pytest.mark.parametrize(("fetched", "known", "expected"), [(4, 3, []), (4, 4, [4]), (4, 12, [4, 8]), (4, 11, [4])])
def test_rx_prefetch_goes_on_at_the_next_multiple(fetched, known, expected):
    nic = rx_machine(8, 32)
    queue = nic.rx_queue[VF0]
    queue.fetched, queue.known = fetched, known
    fetch_rx(nic, VF0)
    assert tx_counts(nic.reads.rx_fetches) == expected


def test_rx_on_demand_stops_at_the_multiple_too():
    nic = rx_machine(8, 8)
    queue = nic.rx_queue[VF0]
    queue.fetched, queue.known = 6, 40
    assert fetch_rx_on_demand(nic, VF0, 3)
    assert tx_counts(nic.reads.rx_fetches) == [2, 8]


def test_tx_positions_go_on_round_the_ring():
    nic = tx_machine(8)
    for _ in range(9):
        nic.tx_queue[VF0].known = 8
        nic.tx_queue[VF0].requested = 0
        fetch_tx(nic, 0, VF0)
    assert [first for _, first, _ in fetches(nic.reads.tx_fetches)] == [0, 8, 16, 24, 32, 40, 48, 56, 0]


# ---- How a fetch is cut ----


@settings(max_examples=60)
@given(
    st.sampled_from([8, 13, 64, 511, 1024]),
    st.sampled_from([128, 256, 512, 4096]),
    st.integers(0, 5000),
    st.integers(1, 64),
)
def test_fetches_are_cut_at_the_end_of_the_ring_and_at_mrrs(ring, most, position, n):
    """Against a walk over the descriptors, 16 B each, the ring at a multiple of 4 KiB."""
    n = min(n, ring - 1)
    expected, first = [], position % ring
    for slot in range(position + 1, position + n):
        if slot % ring == 0 or (slot % ring) * 16 % most == 0:
            expected.append((VF1, first, (slot - 1) % ring + 1 - first))
            first = slot % ring
    expected.append((VF1, first, (position + n - 1) % ring + 1 - first))
    nic = machine(pcie={"max_read_request": f"{most}B"})
    want_descriptors(nic, nic.reads.rx_fetches, 4, VF1, ring, position, n)
    assert fetches(nic.reads.rx_fetches) == expected


# ---- Rx, ahead of need ----


@pytest.mark.parametrize(
    ("batch", "prefetch", "cache", "expected"),
    [
        (8, 8, 64, [8]),
        (8, 9, 64, [8, 8]),  # 8 are fewer than 9
        (8, 16, 64, [8, 8]),
        (4, 8, 64, [4, 4]),
        (8, 24, 24, [8, 8, 8]),
        (8, 20, 20, [8, 8]),  # 16 are fewer than 20, but a batch more would not fit
        (8, 0, 64, []),
    ],
)
def test_rx_descriptors_are_prefetched_in_whole_batches(batch, prefetch, cache, expected):
    nic = rx_machine(batch, prefetch, cache)
    fetch_rx(nic, VF0)
    assert tx_counts(nic.reads.rx_fetches) == expected
    queue = nic.rx_queue[VF0]
    assert (queue.requested, queue.known) == (sum(expected), RING - 1 - sum(expected))


def test_rx_prefetch_waits_for_a_whole_batch_to_be_posted():
    nic = rx_machine(8, 16)
    queue = nic.rx_queue[VF0]
    queue.known = 7
    fetch_rx(nic, VF0)
    assert tx_counts(nic.reads.rx_fetches) == []
    queue.known = 8
    fetch_rx(nic, VF0)
    assert (tx_counts(nic.reads.rx_fetches), queue.known) == ([8], 0)


def test_rx_prefetch_counts_what_is_on_its_way():
    nic = rx_machine(4, 8)
    queue = nic.rx_queue[VF0]
    queue.cached, queue.requested = 3, 4
    fetch_rx(nic, VF0)
    assert tx_counts(nic.reads.rx_fetches) == [4]
    fetch_rx(nic, VF0)
    assert tx_counts(nic.reads.rx_fetches) == [4]


# ---- Rx, for the frame at the head ----


@pytest.mark.parametrize(
    ("prefetch", "known", "requested", "cached", "needed", "expected", "suffices"),
    [
        (0, 10, 0, 0, 1, [1], True),
        (0, 10, 0, 1, 3, [1, 1], True),  # one at a time
        (0, 10, 1, 0, 1, [], True),  # what is on its way suffices
        (8, 10, 0, 0, 1, [8], True),
        (8, 5, 0, 0, 1, [5], True),  # less than a batch, as nothing else is there
        (8, 10, 0, 0, 9, [8, 2], True),
        (8, 1, 1, 1, 3, [1], True),
        (8, 0, 1, 1, 3, [], False),
        (0, 2, 0, 0, 3, [], False),
    ],
)
def test_rx_descriptors_on_demand(prefetch, known, requested, cached, needed, expected, suffices):
    nic = rx_machine(8, prefetch)
    queue = nic.rx_queue[VF0]
    queue.known, queue.requested, queue.cached = known, requested, cached
    assert bool(fetch_rx_on_demand(nic, VF0, needed)) is suffices
    assert tx_counts(nic.reads.rx_fetches) == expected
    assert (queue.known, queue.requested) == (known - sum(expected), requested + sum(expected))


@pytest.mark.parametrize(
    ("cache", "cached", "requested", "needed", "expected"),
    [
        (8, 3, 0, 5, [5]),  # a batch is 8, but the cache has room for five
        (9, 3, 0, 5, [6]),
        (12, 3, 2, 12, [7]),
        (20, 3, 0, 20, [8, 8, 1]),
    ],
)
def test_no_more_descriptors_than_the_cache_holds_are_on_demand(cache, cached, requested, needed, expected):
    nic = rx_machine(8, 8, cache)
    queue = nic.rx_queue[VF0]
    queue.cached, queue.requested = cached, requested
    assert fetch_rx_on_demand(nic, VF0, needed)
    assert tx_counts(nic.reads.rx_fetches) == expected
    assert queue.cached + queue.requested <= cache
