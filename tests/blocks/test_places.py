"""Where a header stands at a bridge: VLANs as bits, logical ports by tag and VID, addresses and their homes."""

from __future__ import annotations

import random
from types import SimpleNamespace

import numpy as np
import pytest

from hwmodel.compiled.far_tables import zeros
from hwmodel.forwarding.outer_tag import NO_OUTER_TAG, OUTER_E, OUTER_S, OUTER_VN, sender_of
from hwmodel.forwarding.parse import HEADER
from hwmodel.machine.network.bridge_state import BRIDGE, INSIDE, NOBODY, VLAN_SETS
from hwmodel.machine.network.hops import may_leave_by
from hwmodel.machine.network.places import (
    address_of,
    announce,
    carries,
    comes_in,
    enter_homes,
    home_of,
    is_group,
    is_untagged,
)
from hwmodel.simulation.fill.bridge_state import fill_tables


def columns(*rows):
    return np.array(rows, np.int64).reshape(-1, 4).T.copy()


def test_a_vlan_is_a_bit_of_its_logical_port():
    vlans = np.zeros(1, VLAN_SETS)[0]
    vlans.members[7 // 32] |= 1 << 7
    vlans.untagged[4094 // 32] |= 1 << 4094 % 32
    assert [vlan for vlan in range(4096) if carries(vlans, vlan)] == [7]
    assert [vlan for vlan in range(4096) if is_untagged(vlans, vlan)] == [4094]


@pytest.mark.parametrize(("kind", "fields", "expected"), [
    (NO_OUTER_TAG, {}, NOBODY), (OUTER_VN, {"vn_svif": 22}, 22), (OUTER_E, {"e_ecid": 300}, 300),
    (OUTER_S, {"s_vid": 20}, 20), (OUTER_S, {"s_vid": 0}, NOBODY), (OUTER_S, {"s_vid": 1}, NOBODY),
])  # fmt: skip
def test_an_outer_tag_names_its_senders_interface(kind, fields, expected):
    header = np.zeros(1, HEADER)[0]
    header.outer_kind = kind
    for name, value in fields.items():
        header[name] = value
    assert sender_of(header) == expected


def test_a_frame_comes_in_by_its_interface_and_a_translated_vlan_before_the_rest():
    """Logical ports 4 (VLAN 1 native), 5 (VLAN 101 on the wire, 10 inside), 6 (interface 9)."""
    bridge = zeros(1, BRIDGE)[0]
    port = bridge.port[0]
    port.params.first_logical, port.params.n_logical = 2, 3
    bridge["listed"][2:5] = (4, 5, 6)
    bridge["logical_port"]["params"]["interface"][4:7] = (NOBODY, NOBODY, 9)
    bridge.logical_port[4].params.native_vlan = 1
    bridge.logical_port[5].params.wire_vlan, bridge.logical_port[5].params.inner_vlan = 101, 10
    inside = np.zeros(1, INSIDE)[0]

    def found(vid, interface=None):
        inside.header.vid = vid
        inside.header.outer_kind = NO_OUTER_TAG if interface is None else OUTER_VN
        inside.header.vn_svif = interface or 0
        return (int(inside.logical_port), int(inside.vlan)) if comes_in(bridge, port, inside) else None

    assert [found(0), found(7), found(101)] == [(4, 1), (4, 7), (5, 10)]
    assert [found(7, 9), found(0, 9), found(7, 8)] == [(6, 7), (6, 0), None]


def test_addresses_have_numbers_by_bridge_and_vlan_and_groups_none():
    bridges = zeros(1, BRIDGE)
    bridge, rng, known = bridges[0], random.Random(2), {}
    bridge["box"]["params"]["learns"][:3] = 1
    for _ in range(3000):
        key = (rng.randrange(3), 0x0200_0000_0000 | rng.randrange(300), rng.choice((1, 7)))
        assert address_of(bridge, *key) == known.setdefault(key, len(known))
    assert int(bridge.n_addresses) == len(known)
    assert set(bridge["address"]["logical_port"][: len(known)].tolist()) == {NOBODY}
    assert address_of(bridge, 0, 0x0180_C200_0000, 1) == NOBODY
    assert is_group(0xFFFF_FFFF_FFFF) and not is_group(0x0200_0000_0001)


def test_of_two_homes_the_first_counts_and_who_learns_asks_nobody():
    bridges = zeros(1, BRIDGE)
    slots = np.zeros(4, np.int64)
    enter_homes(bridges, *columns((0, 5, 1, 3), (0, 5, 1, 8), (0, 5, 7, 4), (1, 5, 1, 6)), slots)
    bridge = bridges[0]
    assert slots[0] == slots[1] and np.array_equal(np.flatnonzero(bridge.home["logical_port"]), np.unique(slots))
    assert [home_of(bridge, *key) for key in ((0, 5, 1), (0, 5, 7), (1, 5, 1), (1, 5, 7))] == [3, 4, 6, NOBODY]
    bridge.box[1].params.learns = 1
    numbers = [address_of(bridge, 0, 5, 1), address_of(bridge, 1, 5, 1)]
    assert bridge["address"]["logical_port"][numbers].tolist() == [3, NOBODY]


def test_a_full_table_does_not_hear_who_announces_itself():
    bridges = zeros(1, BRIDGE)
    box = bridges[0].box[0]
    box.params.learns, box.params.table_entries, box.params.ageing_fs = 1, 2, 1
    announce(bridges, *columns((0, 5, 1, 3), (0, 6, 1, 4), (0, 7, 1, 5)))
    assert (box.n_known, box.counts.learned, box.counts.not_learned) == (2, 2, 1)
    assert bridges[0]["address"]["logical_port"][:3].tolist() == [3, 4, NOBODY]


def test_a_frame_returns_by_its_own_logical_port_only_where_that_turns_frames_around():
    bridge = zeros(1, BRIDGE)[0]
    bridge.inside.logical_port = 2
    assert (may_leave_by(bridge, 1), may_leave_by(bridge, 2)) == (True, False)
    bridge.logical_port[2].params.is_hairpin = 1
    assert may_leave_by(bridge, 2)


def test_private_vlans_keep_a_frame_from_logical_ports_and_say_of_how_many():
    bridge = zeros(1, BRIDGE)[0]
    bridge.inside.logical_port = 2
    for number, pvlan in ((0, 0), (1, -1), (2, -1), (3, 7)):
        bridge.logical_port[number].params.pvlan = pvlan
    bridge.logical_port[2].params.is_hairpin = 1
    assert [number for number in range(4) if may_leave_by(bridge, number)] == [0]
    assert bridge.inside.n_kept_apart == 3
    bridge.inside.logical_port = 3
    assert [number for number in range(3) if may_leave_by(bridge, number)] == [0]


def test_a_bridge_without_stations_has_lists_of_its_ports():
    """The tables of nothing but a port outside: one logical port, which is the way out."""
    outside = SimpleNamespace(number=0, interface=None, port=0, is_hairpin=False, native_vlan=1, wire_vlan=None,
                              server=None, adapter_port=0, station=0, vlans=range(1, 4095), untagged=[1],
                              pvlan=0)  # fmt: skip
    owner = SimpleNamespace(settings=SimpleNamespace(ports={}))
    port = SimpleNamespace(number=0, name="outside", owner=owner, root=0, bridge=0, box=0, server=None, mode="veb",
                           has_interfaces=False,
                           is_of_extender=False, is_uplink=False, to="", logical=[outside], below=(), taken_lists=(),
                           groups=None)  # fmt: skip
    beside = SimpleNamespace(logical=[[outside]], ports=[[port]], way_out={0: outside})
    settings = [SimpleNamespace(kind="learning", policy=(), controls={}, unlearned_vlans=set())]
    topology = SimpleNamespace(logical=[outside], ports=[port], own={}, bridge_ports=beside, policers=[],
                               bridges=settings, homes=list, announced=list, stations={}, to_adapters=(), mirrors=(),
                               asks_for_own=False)  # fmt: skip
    bridges = zeros(1, BRIDGE)
    fill_tables(bridges, topology)
    box, vlans = bridges[0].box[0], bridges[0].vlans[0]
    assert (box.params.way_out, box.params.n_logical, box.params.n_ports, box.params.is_controlling) == (0, 1, 1, 0)
    assert sum(carries(vlans, vlan) for vlan in range(4096)) == 4094
    assert [vlan for vlan in range(4096) if is_untagged(vlans, vlan)] == [1]
