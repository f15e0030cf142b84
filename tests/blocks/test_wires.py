"""Wires between an adapter and a bridge: when a frame's last byte is there, in which order, what goes with it."""

from __future__ import annotations

import pytest

from hwmodel.compiled.far_tables import zeros
from hwmodel.compiled.records import NEVER
from hwmodel.machine.frames import LINE_CAP
from hwmodel.machine.network.wires import (
    CROSSING,
    comes_to_adapter,
    first_of,
    outside_is_full,
    send_from_outside,
    send_to_bridge,
    take_come,
)
from hwmodel.machine.time.clock import LINE
from tests.blocks.idle_machine import NS, machine

BYTE_FS = 100_000  # of the port outside, at 80 Gb/s
PROPAGATION = 300 * NS


def adapter():
    """Return an adapter at the end of a wire of 60 m; a frame of template k is hop 100 + k at the bridge."""
    nic = machine()
    nic.port[0].mac.params.has_peer, nic.port[0].mac.params.propagation_fs = 1, PROPAGATION
    nic.outside.params.fs_per_byte_num, nic.outside.params.fs_per_byte_den = BYTE_FS, 1
    nic.outside.params.propagation_fs = PROPAGATION
    for number in range(3):
        nic.traffic.template[number].first_copy = 2 - number
        nic.traffic.copy_kind[number].next_template = 102 - number
    return nic


def crossings(ring):
    return [ring.ring[at & ring.mask] for at in range(ring.head, ring.tail)]


def send(nic, now_fs, frame_bytes, template=0, record=-1):
    source = nic.traffic.source[0]
    source.pending_template, source.pending_bytes, source.pending_record = template, frame_bytes, record
    source.pending_hash = 7 * template
    send_from_outside(nic, nic.outside, now_fs, source)


def test_a_frame_is_at_the_bridge_whole_after_its_time_on_the_wire_and_the_wires_length():
    nic = adapter()
    journey = nic.ledger.journeys.slot[5]
    journey.offered_fs, journey.template, journey.index, journey.switched_fs = 40 * NS, 9, 77, 880 * NS
    copy = nic.port[0].mac.fifo.ring[0]
    copy.journey, copy.copy_kind, copy.n_bytes, copy.queue = 5, 1, 1000, 4
    send_to_bridge(nic, 0, 900 * NS, 820 * NS, copy)
    (sent,) = crossings(nic.wire[0].sent)
    assert (sent.begun_fs, sent.come_fs) == (900 * NS, 900 * NS + 820 * NS + PROPAGATION)
    assert (sent.template, sent.n_bytes, sent.hash, sent.index) == (101, 1000, 4, 77)
    # The part `wire` ends when the frame has left its adapter.
    whose = sent.journey
    assert (whose.sent_fs, whose.offered_fs, whose.switched_fs, whose.template) == (1720 * NS, 40 * NS, 880 * NS, 9)


def test_stations_outside_send_one_frame_after_the_other():
    """64 B take 84 byte times of 0.1 ns, 1518 B 1538; the third finds the wire idle."""
    nic = adapter()
    for at_ns, frame_bytes, template in ((0, 1518, 0), (5, 64, 1), (1000, 64, 2)):
        send(nic, at_ns * NS, frame_bytes, template, record=50 + template)
    found = [(each.begun_fs, each.come_fs - PROPAGATION) for each in crossings(nic.outside.sent)]
    first, second, third = 1538 * BYTE_FS, 1622 * BYTE_FS, 1000 * NS + 84 * BYTE_FS
    assert found == [(0, first), (first, second), (1000 * NS, third)]
    assert (nic.outside.busy_fs, nic.outside.busy_until_fs) == (1706 * BYTE_FS, third)
    whats = [(each.template, each.n_bytes, each.hash, each.index) for each in crossings(nic.outside.sent)]
    assert whats == [(100, 1514, 0, 50), (101, 60, 7, 51), (102, 60, 14, 52)]


def test_a_padded_frame_takes_the_wire_for_84_byte_times_and_keeps_its_length():
    nic = adapter()
    send(nic, 0, 18)
    (sent,) = crossings(nic.outside.sent)
    assert (sent.n_bytes, sent.come_fs) == (14, 84 * BYTE_FS + PROPAGATION)


def test_a_frame_from_outside_is_posted_and_read_and_sent_when_its_last_byte_is_on_the_wire():
    nic = adapter()
    send(nic, 0, 1518)
    send(nic, 0, 1518, template=2, record=9)
    journeys = [each.journey for each in crossings(nic.outside.sent)]
    stamps = [name for name in journeys[1].dtype.names if name.endswith("_fs")]
    assert {name: int(journeys[1][name]) for name in stamps} == dict.fromkeys(stamps, 2 * 1538 * BYTE_FS)
    assert [(each.number, each.template, each.index) for each in journeys] == [(0, 0, -1), (1, 2, 9)]


def test_so_many_frames_wait_outside_and_no_more():
    nic = adapter()
    nic.outside.sent.head, nic.outside.sent.tail = 10, 10 + LINE_CAP - 1
    assert not outside_is_full(nic.outside)
    nic.outside.sent.tail += 1
    assert outside_is_full(nic.outside)


def crossing_at(come_fs, n_bytes=60):
    crossing = zeros(1, CROSSING)[0]
    crossing.come_fs, crossing.n_bytes = come_fs, n_bytes
    return crossing


@pytest.mark.parametrize("n_frames", [1, 3, 40])
def test_what_comes_is_taken_in_order_each_at_its_time(n_frames):
    """40 are more than the places that a ring begins with."""
    nic = adapter()
    times = [100 * NS + 7 * NS * number for number in range(n_frames)]
    for number, come_fs in enumerate(times):
        comes_to_adapter(nic, 0, crossing_at(come_fs, 60 + number))
        assert nic.clock.next_at[LINE] == nic.clock.rare_at == times[0]
    found = []
    while nic.clock.next_at[LINE] != NEVER:
        at_fs = int(nic.clock.next_at[LINE])
        assert first_of(nic.wire[0].come).come_fs == at_fs
        found.append((at_fs, int(take_come(nic, 0).n_bytes)))
    assert found == [(come_fs, 60 + number) for number, come_fs in enumerate(times)]
    assert nic.wire[0].come.head == nic.wire[0].come.tail and nic.clock.overflow == 0
