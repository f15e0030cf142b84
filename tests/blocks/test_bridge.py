"""The bridge by itself: when frames are forwarded, where to, in which order they leave, what finds no room."""

from __future__ import annotations

import numpy as np
import pytest

from hwmodel.compiled.far_tables import zeros
from hwmodel.compiled.records import NEVER, offset_of
from hwmodel.forwarding.drop_reason import DropReason
from hwmodel.machine.network.bridge import advance_bridge, comes, due_fs
from hwmodel.machine.network.bridge_commands import advance_bridge_through
from hwmodel.machine.network.bridge_state import BOX_PARAMS, BRIDGE, NOBODY
from hwmodel.machine.network.wires import CROSSING, padded_bytes, wire_time_fs
from hwmodel.machine.time.commands import LATENCY as LATENCY_CHANGES

BYTE_FS = 800_000  # at 10 Gb/s
NS = 10**6
LATENCY = 500 * NS
WIRE = 1538 * BYTE_FS  # of a frame of 1514 B without its FCS
SHORT = 84 * BYTE_FS  # of one of 60 B


def bridge_of(n_ports=3, *, buffer_bytes=1 << 20, hairpins=(), cuts_through=0, bridges=None):
    """Make a bridge whose last port leads outside; hop k is of a frame from port k // n to port k % n, group behind."""
    bridge = (zeros(1, BRIDGE) if bridges is None else bridges)[0]
    bridge.clock.next_at[:] = NEVER
    bridge.first_free = NOBODY
    bridge.params.n_ports = bridge.params.n_outer_ports = bridge.params.n_logical_ports = bridge.n_addresses = n_ports
    bridge.box[0].params.learns, bridge.box[0].params.table_entries, bridge.box[0].params.ageing_fs = 1, 100, NEVER
    bridge.params.n_boxes, bridge.box[0].params.latency_fs, bridge.box[0].params.buffer_bytes = 1, LATENCY, buffer_bytes
    bridge["address"]["logical_port"][:n_ports] = NOBODY
    for number in range(n_ports):
        port = bridge.port[number]
        port.params.fs_per_byte_num, port.params.fs_per_byte_den, port.params.joined, port.sending = (
            BYTE_FS,
            1,
            NOBODY,
            NOBODY,
        )
        port.params.cuts_through, port.params.is_outside = cuts_through, number == n_ports - 1
        for name in ("come", "queue", "begun"):
            port[name].first = port[name].last = NOBODY
        bridge.logical_port[number].params.port, bridge.logical_port[number].params.is_hairpin = (
            number,
            number in hairpins,
        )
    n_ways = 0
    for source in range(n_ports):
        first = n_ways
        for to in range(n_ports):
            if to != source or source in hairpins:
                bridge["way"][n_ways] = (100 * source + to, to, 0)
                n_ways += 1
        for target in (*range(n_ports), NOBODY):
            hop = bridge.hop[source * (n_ports + 1) + target % (n_ports + 1)]
            hop.logical_port, hop.source, hop.target, hop.policer = source, source, target, NOBODY
            hop.home.logical_port, hop.first_flood, hop.n_flood = NOBODY, first, n_ways - first
    return bridge


def frame(bridge, source, target, begun_fs=0, n_bytes=1514):
    """Put a frame on the wire to a port; `target` -1 is a group."""
    crossing = np.zeros(1, CROSSING).view(np.recarray)[0]
    crossing.begun_fs = begun_fs
    crossing.come_fs = begun_fs + wire_time_fs(bridge.port[source], n_bytes)
    crossing.n_bytes = n_bytes
    n = int(bridge.params.n_ports) + 1
    crossing.template = source * n + target % n
    comes(bridge, source, crossing)


def sent_by(bridge, number):
    """Return when frames were begun at a port and what they are there, of those that nobody was told of yet."""
    found, place = [], int(bridge.port[number].begun.first)
    while place != NOBODY:
        crossing = bridge.slot[place].crossing
        found.append((int(crossing.begun_fs), int(crossing.template)))
        place = int(bridge.slot[place].following)
    return found


def drops(bridge):
    return {
        DropReason(int(i)).name: int(bridge.box[0].counts.drops[i]) for i in np.flatnonzero(bridge.box[0].counts.drops)
    }


def know(bridge, *numbers):
    for number in numbers:
        bridge.address[number].logical_port = number


def test_a_frame_is_forwarded_so_long_after_its_last_byte_has_come():
    bridge = bridge_of()
    know(bridge, 1)
    frame(bridge, 0, 1)
    advance_bridge(bridge, (), WIRE + LATENCY - 1)
    assert sent_by(bridge, 1) == []
    advance_bridge(bridge, (), WIRE + LATENCY)
    assert sent_by(bridge, 1) == [(WIRE + LATENCY, 1)]
    assert int(bridge.address[0].logical_port) == 0


def test_cut_through_waits_for_the_header_alone():
    bridge = bridge_of(cuts_through=1)
    know(bridge, 1)
    frame(bridge, 0, 1)
    advance_bridge(bridge, (), 10 * WIRE)
    assert sent_by(bridge, 1) == [(72 * BYTE_FS + LATENCY, 1)]


def test_an_unknown_address_is_flooded_but_never_back():
    bridge = bridge_of()
    frame(bridge, 0, 1)
    advance_bridge(bridge, (), WIRE + LATENCY)
    assert [sent_by(bridge, number) for number in range(3)] == [[], [(WIRE + LATENCY, 1)], [(WIRE + LATENCY, 2)]]
    assert (int(bridge.box[0].counts.flooded), int(bridge.box[0].counts.replicated)) == (1, 1)


def test_a_group_is_no_flood_and_with_hairpin_goes_back_too():
    bridge = bridge_of(hairpins=(0,))
    frame(bridge, 0, NOBODY)
    advance_bridge(bridge, (), WIRE + LATENCY)
    assert [len(sent_by(bridge, number)) for number in range(3)] == [1, 1, 1]
    assert (int(bridge.box[0].counts.flooded), int(bridge.box[0].counts.replicated)) == (0, 2)


@pytest.mark.parametrize(("hairpins", "found"), [((), {"SAME_PORT": 1}), ((0,), {})])
def test_a_neighbour_behind_the_same_port_is_reached_with_hairpin_alone(hairpins, found):
    bridge = bridge_of(hairpins=hairpins)
    know(bridge, 0)
    frame(bridge, 0, 0)
    advance_bridge(bridge, (), WIRE + LATENCY)
    assert drops(bridge) == found
    assert len(sent_by(bridge, 0)) == len(hairpins)


def test_a_home_way_takes_the_place_of_the_flooded_one():
    bridge = bridge_of()
    bridge["hop"]["home"][1] = (777, 1, 0)
    frame(bridge, 0, 1)
    advance_bridge(bridge, (), WIRE + LATENCY)
    assert [template for _, template in sent_by(bridge, 1)] == [777]
    assert [template for _, template in sent_by(bridge, 2)] == [2]


def test_a_port_sends_one_frame_after_the_other_and_room_is_freed_by_the_last_byte():
    """Room for two: of frames from two ports, each back to back, one is sent as two come."""
    bridge = bridge_of(buffer_bytes=2 * 1514)
    know(bridge, 1)
    for at in range(3):
        for source in (0, 2):
            frame(bridge, source, 1, begun_fs=at * WIRE)
    advance_bridge(bridge, (), 100 * WIRE)
    # At each arrival behind the first the frame in front has just left: one of the two finds the room that it left.
    assert [at for at, _ in sent_by(bridge, 1)] == [LATENCY + n * WIRE for n in range(1, 5)]
    assert drops(bridge) == {"QUEUE_FULL": 2}
    assert int(bridge.port[1].counts.waiting.level) == int(bridge.box[0].counts.waiting.level) == 0
    assert int(bridge.port[1].counts.tx_busy_fs) == 4 * WIRE
    assert int(bridge.port[1].counts.tx_bytes) == 4 * padded_bytes(1514)


def test_places_are_used_again():
    bridge = bridge_of()
    know(bridge, 1)
    for at in range(50):
        frame(bridge, 0, 1, begun_fs=at * WIRE)
        advance_bridge(bridge, (), (at + 1) * WIRE + LATENCY - 1)
        place = int(bridge.port[1].begun.first)
        if place != NOBODY:  # as the other end takes it
            bridge.port[1].begun.first = NOBODY
            bridge.slot[place].holds -= 1
            if bridge.slot[place].holds == 0:
                bridge.slot[place].following = bridge.first_free
                bridge.first_free = place
    assert int(bridge.n_used) <= 4


def test_what_a_port_says_of_due_frames():
    bridge = bridge_of()
    crossing = np.zeros(1, CROSSING).view(np.recarray)[0]
    crossing.begun_fs, crossing.come_fs = 5, 10
    assert due_fs(bridge, bridge.port[0], crossing) == 10 + LATENCY


@pytest.mark.parametrize(("latency", "at_fs", "forwarded"), [
    (LATENCY // 5, WIRE, [WIRE + LATENCY // 5, WIRE + SHORT + LATENCY // 5]),  # both come from now on
    (LATENCY // 5, WIRE + 1, [WIRE + LATENCY, WIRE + LATENCY]),  # the first waits already, the second not before it
    (3 * LATENCY, WIRE + 1, [WIRE + LATENCY, WIRE + SHORT + 3 * LATENCY]),
    (3 * LATENCY, WIRE + SHORT + 1, [WIRE + LATENCY, WIRE + SHORT + LATENCY]),
])  # fmt: skip
def test_another_latency_is_that_of_frames_that_come_from_then_on(latency, at_fs, forwarded):
    bridges = zeros(1, BRIDGE)
    bridge, words = bridge_of(bridges=bridges), bridges.view(np.int64)
    know(bridge, 1)
    frame(bridge, 0, 1, 0, 1514)
    frame(bridge, 0, 1, WIRE, 60)
    word = (offset_of(BRIDGE, "box") + offset_of(BOX_PARAMS, "latency_fs")) // 8
    bridge["commands"]["ring"][0] = (at_fs, LATENCY_CHANGES, 0, word, 1, 0)
    bridge["commands"]["value"][0] = latency
    bridge.commands.tail = 1
    found = []
    for until_fs in sorted({at_fs, *forwarded, 10 * WIRE}):
        advance_bridge_through(bridge, words, np.zeros(0), until_fs)
        found += [until_fs] * (int(bridge.box[0].counts.forwarded) - len(found))
    assert found == forwarded
