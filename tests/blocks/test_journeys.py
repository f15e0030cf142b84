"""Journeys: each frame and copy has one from the pick to its end, places are used again, stamps are kept in order."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwmodel.compiled.far_tables import give
from hwmodel.forwarding.drop_reason import DropReason
from hwmodel.machine.adapter.fetch import fetch_tx, told
from hwmodel.machine.adapter.receive import payload_landed, rx_written_back, serve_rx_buffer, show
from hwmodel.machine.adapter.scheduler import descriptors_cached, pick
from hwmodel.machine.adapter.switching import frame_in, move_local_copies, switch_frame, wire_done
from hwmodel.machine.counts.histogram import bucket
from hwmodel.machine.counts.journey_state import EXACT_SUM, JOURNEY_CAP, JOURNEY_LOG_CAP, PART_FIELDS, STAMPS
from hwmodel.machine.counts.journey_sums import add_exactly, fold
from hwmodel.machine.counts.journeys import (
    FROM_WIRE,
    UNMEASURED,
    journey_ends_there,
    journey_from_wire,
    journey_lost,
    journey_of_copy,
    journey_of_post,
)
from hwmodel.machine.counts.ledger_state import LOG_FULL
from hwmodel.machine.guest.cores import piece_done, posted
from tests.blocks.idle_machine import NS, PORT_VF0, PORT_VF1, UPLINK, VF0, VF1, cache_frames, machine


def open_places(nic):
    """Return the places that journeys hold: all that were ever used, less those that are free."""
    pool = nic.ledger.journeys
    free = [int(place) for place in pool.free[: pool.n_free]]
    used = set(range(1, int(pool.n_used) + 1))
    assert len(set(free)) == len(free), "a place was freed twice"
    assert set(free) <= used
    return used - set(free)


@settings(max_examples=60)
@given(
    st.lists(st.tuples(st.sampled_from(["pick", "line", "copy", "lost", "sent"]), st.integers(0, 10**6)), max_size=60)
)
def test_places_are_reused_none_is_lost_and_none_is_freed_twice(steps):
    """Against a set of what is open; a second step does to any of them what comes next."""
    nic = machine(nic={"tx_ring": 2048})
    still_open, most, finished = [], 0, 0
    for now_fs, (step, which) in enumerate(steps):
        if step in ("pick", "line"):
            queue = nic.tx_queue[VF0]
            place = (
                journey_of_post(nic, 0, queue, VF0, 0)
                if step == "pick"
                else journey_from_wire(nic.ledger, now_fs, 0, -1)
            )
        elif not still_open:
            continue
        elif step == "copy":
            place = journey_of_copy(nic.ledger, now_fs, still_open[which % len(still_open)], 0)
        else:
            place = still_open.pop(which % len(still_open))
            (journey_lost if step == "lost" else journey_ends_there)(nic.ledger, now_fs, place)
            finished += step == "sent"
            assert open_places(nic) == set(still_open)
            continue
        assert place not in still_open
        assert place != UNMEASURED
        still_open.append(place)
        most = max(most, len(still_open))
        assert open_places(nic) == set(still_open)
    assert nic.ledger.journeys.n_used == most  # no more places than were ever needed at once
    fold(nic.ledger)
    assert nic.ledger.counts.to_guest.n == nic.ledger.counts.sender_wait.n == finished
    assert nic.ledger.overflow == 0


def test_nothing_is_done_for_what_is_not_measured():
    nic = machine()
    journey_lost(nic.ledger, 5, UNMEASURED)
    assert (nic.ledger.journeys.n_free, nic.ledger.journeys.lost_fs) == (0, 0)


def test_too_many_journeys_are_told():
    nic = machine()
    pool = nic.ledger.journeys
    for table in (pool.free, pool.slot, pool.crossed):
        give(table, table.most)
    pool.n_used = JOURNEY_CAP - 2
    journey_from_wire(nic.ledger, 0, 0, -1)
    assert nic.ledger.overflow == 0
    journey_from_wire(nic.ledger, 0, 0, -1)
    assert nic.ledger.overflow == 1


# ---- Stamps ----


def stamped(nic, place, first, last):
    """Return the stamps of a journey from one to another, in their order."""
    names = STAMPS[STAMPS.index(first) : STAMPS.index(last) + 1]
    return [int(nic.ledger.journeys.slot[place][name]) for name in names]


def in_ring(nic, number, *names):
    """Return stamps of a frame of VF1's Rx ring."""
    queue = nic.rx_queue[VF1]
    slot = nic.guests.finished[queue.first + (number & queue.mask)]
    return [int(slot[name]) for name in names]


def test_stamps_of_a_post_move_over_at_the_pick():
    """The second frame of VF0, chosen at 70, waits for the room of the first until 90."""
    nic = machine(nic={"tx_buffer": "100B"}, driver={"frame_time": "1ns"})
    cache_frames(nic, VF0, [60])
    pick(nic, 1)
    nic.reads.left_bytes = 0
    queue = nic.tx_queue[VF0]
    post = nic.guests.post[queue.first + 1]
    post.n_bytes, post.template, post.index, post.offered_fs = 60, 5, 7, 11
    queue.reserved = 2
    core = nic.guests.core[0]
    core.queue, core.n, core.started_fs = VF0, 1, 19 - NS
    posted(nic, 20, core, True)
    queue.known = 0
    told(nic, 30, VF0, 0)
    queue.told = 1
    told(nic, 31, VF0, 1)
    fetch_tx(nic, 40, VF0)
    descriptors_cached(nic, 50, VF0, 1)
    pick(nic, 70)
    assert nic.grants.tail == 1
    nic.counts.tx_buffer.level = 0
    pick(nic, 90)
    journey = nic.ledger.journeys.slot[nic.grants.ring[1].journey]
    assert stamped(nic, nic.grants.ring[1].journey, "offered_fs", "picked_fs") == [11, 19, 20, 31, 40, 50, 70, 90]
    assert (journey.template, journey.index, journey.tx_queue, journey.number) == (5, 7, VF0, 1)


def test_what_comes_from_the_wire_took_no_time_before():
    nic = machine()
    place = journey_from_wire(nic.ledger, 70, 3, 9)
    journey = nic.ledger.journeys.slot[place]
    assert set(stamped(nic, place, "offered_fs", "payload_in_fs")) == {70}
    assert (journey.template, journey.index, journey.tx_queue) == (3, 9, FROM_WIRE)


def switched(nic, n_copies, n_mirrored=0, reason=0):
    """Let the switch have a frame of VF0 with these copies: to the wire, to VF0, to VF1, in this order."""
    for number, port in enumerate((UPLINK, PORT_VF0, PORT_VF1)):
        kind = nic.traffic.copy_kind[number]
        kind.port, kind.function, kind.flow, kind.is_mirrored = port, max(0, port - 1), number, number >= n_copies
    template = nic.traffic.template[0]
    template.function, template.first_copy, template.n_copies, template.n_mirrored = VF0, 0, n_copies, n_mirrored
    template.longest_bytes, template.policer, template.flow, template.reason = 1514, -1, -1, reason
    cache_frames(nic, VF0, [60])
    pick(nic, 1)
    number = int(nic.grants.tail) - 1
    nic.grants.ring[number].reads_left = 0
    frame_in(nic, 2, number)
    return nic.grants.ring[number]


def copies(nic):
    return [
        int(fifo.ring[i & fifo.mask].journey)
        for fifo in (nic.port[0].mac.fifo, nic.loopback)
        for i in range(fifo.head, fifo.tail)
    ]


def test_each_copy_of_a_group_has_a_journey_of_its_own_with_the_stamps_of_its_frame():
    nic = machine()
    frame = switched(nic, 3)
    places = copies(nic)
    assert len(set(places)) == 3
    assert int(frame.journey) == places[0]
    assert {tuple(stamped(nic, place, "offered_fs", "switched_fs")) for place in places} == {
        (0, 0, 0, 0, 0, 0, 1, 1, 2, 2)
    }
    assert [int(nic.ledger.journeys.slot[place].copy_kind) for place in places] == [0, 1, 2]
    assert open_places(nic) == set(places)


def test_mirrored_copies_have_none():
    nic = machine()
    switched(nic, 1, n_mirrored=2)
    assert copies(nic)[1:] == [UNMEASURED] * 2
    assert len(open_places(nic)) == 1
    move_local_copies(nic, 3)
    wire_done(nic, 0, 4)
    assert open_places(nic) == set()


@pytest.mark.parametrize("n_mirrored", [0, 2])
def test_a_dropped_frame_closes_its_journey(n_mirrored):
    nic = machine()
    switched(nic, 0, n_mirrored, DropReason.NO_DESTINATION.value)
    assert open_places(nic) == set()
    assert nic.ledger.journeys.lost_fs == 2


def test_copies_of_a_frame_whose_first_was_lost_keep_its_stamps():
    """From the wire, copies that find no room close their journeys at once; the next has the place, and the stamps."""
    nic = machine(nic={"rx_buffer": "64B"})
    switched(nic, 3)  # sets the kinds of copies
    template = nic.traffic.template[0]
    template.first_copy, template.n_copies = 1, 2
    frame = nic.port[0].mac.line.ring[0]
    frame.template, frame.n_bytes, frame.is_wire, frame.index = 0, 60, 1, -1
    frame.journey = journey_from_wire(nic.ledger, 5, 0, -1)
    before = open_places(nic) - {int(frame.journey)}
    nic.traffic.copy_kind[1].delta_bytes = 10  # it would just fit without
    switch_frame(nic, 7, frame)
    (place,) = open_places(nic) - before
    assert stamped(nic, place, "offered_fs", "sent_fs") == [5] * 9 + [7, 7]
    assert nic.rx_fifo.ring[0].entered_fs == 7  # where it stands until its write starts
    assert nic.ledger.journeys.lost_fs == 2


# ---- From the Rx buffer to the guest ----


def received_by_vf1(nic, now_fs, n_bytes=60):
    fifo = nic.rx_fifo
    copy = fifo.ring[fifo.tail & fifo.mask]
    copy.n_bytes, copy.queue, copy.group, copy.copy_kind = n_bytes, VF1, -1, 0
    copy.journey = journey_from_wire(nic.ledger, now_fs, 0, -1)
    copy.entered_fs = now_fs
    for name in ("switched_fs", "sent_fs"):
        nic.ledger.journeys.slot[copy.journey][name] = now_fs
    fifo.tail += 1
    serve_rx_buffer(nic, now_fs)
    return int(copy.journey)


def test_the_wait_for_a_descriptor_begins_when_the_engine_is_free():
    """The engine is busy until 20, the descriptor comes at 50. What lacks nothing waits for the engine alone."""
    nic = machine(nic={"rx_prefetch": 0})
    queue = nic.rx_queue[VF1]
    nic.rx_dma_busy = 1
    received_by_vf1(nic, 5)
    nic.rx_dma_busy = 0
    serve_rx_buffer(nic, 20)
    queue.cached, queue.requested = 2, 0
    serve_rx_buffer(nic, 50)
    assert in_ring(nic, 0, "buffered_fs", "seen_fs", "started_fs") == [5, 20, 50]
    received_by_vf1(nic, 60)
    nic.rx_dma_busy = 0
    serve_rx_buffer(nic, 80)
    assert in_ring(nic, 1, "buffered_fs", "seen_fs", "started_fs") == [60, 80, 80]


def test_a_frame_behind_one_that_is_dropped_has_waited_for_the_engine_alone():
    """The head lacks a descriptor at 10 and is dropped at 40, when no more can come."""
    nic = machine(nic={"rx_prefetch": 0})
    queue = nic.rx_queue[VF1]
    received_by_vf1(nic, 10)
    nic.rx_queue[VF0].cached = 1
    received_by_vf1(nic, 15)
    nic.rx_fifo.ring[1].queue = VF0
    queue.known = queue.requested = 0
    serve_rx_buffer(nic, 40)
    slot = nic.guests.finished[nic.rx_queue[VF0].first]
    assert (slot.buffered_fs, slot.seen_fs, slot.started_fs) == (15, 40, 40)


def test_a_finished_journey_is_counted_part_by_part_and_logged():
    """Two frames, told by one write-back, which entered P before the second's payload had landed, and an interrupt."""
    nic = machine(driver={"frame_time": "10ns", "rx_interrupt_batch": 2})
    nic.traffic.copy_kind[0].function, nic.traffic.copy_kind[0].flow = VF1, 0
    nic.ledger.journey_log.enabled = 1
    nic.rx_queue[VF1].cached = 2
    for at_ns in (100, 200):
        received_by_vf1(nic, at_ns * NS)
        nic.rx_dma_busy = 0
    payload_landed(nic, 300 * NS, VF1)
    payload_landed(nic, 500 * NS, VF1)
    rx_written_back(nic, 600 * NS, VF1, 2, 400 * NS)
    show(nic, 800 * NS, VF1, 700 * NS)
    core = nic.guests.core[nic.rx_queue[VF1].params.core]
    assert core.n == 1  # its batch of descriptors to post again
    piece_done(nic, 810 * NS, VF1)
    piece_done(nic, 820 * NS, VF1)
    assert open_places(nic) == set()
    names = STAMPS[STAMPS.index("written_fs") :]
    found = [[int(nic.ledger.journey_log.entry[i][name]) // NS for name in names] for i in range(2)]
    assert found == [[300, 400, 600, 700, 800, 810], [500, 500, 600, 700, 800, 820]]
    fold(nic.ledger)
    assert [nic.ledger.counts.part_sums[name].sum_fs / NS for name in PART_FIELDS] == [0] * 15 + [
        500,
        100,
        300,
        200,
        200,
        30,
    ]
    sampled = nic.ledger.sampled_parts[bucket(710 * NS)]
    assert sampled.n == 1
    assert [sampled.sums[name] / NS for name in PART_FIELDS] == [0] * 15 + [200, 100, 200, 100, 100, 10]
    assert (nic.ledger.counts.to_guest.n, nic.ledger.counts.to_guest.sum_fs) == (2, (710 + 620) * NS)
    counts = nic.ledger.latency_counts[bucket(620 * NS)]
    assert (counts.n_to_guest, counts.to_guest_fs) == (1, 620 * NS)


@given(st.lists(st.one_of(st.integers(0, 2**62), st.integers(2**52, 2**54)), min_size=1, max_size=300))
def test_a_sum_of_femtoseconds_loses_nothing(values):
    total = np.zeros((), EXACT_SUM)[()]
    for value in values:
        add_exactly(total, np.int64(value))
    assert total.sum_fs == float(sum(values))
    assert int(total.sum_fs) + int(total.rest_fs) == sum(values)


def test_a_journey_log_that_fills_stops_the_run_in_time():
    """Far enough before its end that the work of an interrupt for a whole ring still fits; what does not is told."""
    nic = machine()
    nic.ledger.journey_log.enabled = 1
    for n, is_stopping, overflow in ((65_537, 0, 0), (65_535, LOG_FULL, 0), (0, LOG_FULL, 1)):
        nic.ledger.journey_log.n = JOURNEY_LOG_CAP - n
        journey_ends_there(nic.ledger, 5, journey_from_wire(nic.ledger, 0, 0, -1))
        assert (nic.ledger.is_stopping, nic.ledger.overflow) == (is_stopping, overflow)
