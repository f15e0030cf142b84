"""The logical ports of the bridge against the table of docs/bridge.md ("Logical ports")."""

import pytest

from hwmodel.analytic.bridge_rules import interface_of, logical_ports
from hwmodel.analytic.system import System
from hwmodel.config import load_config

CHANNELS = {"switch.mode": "multichannel", "switch.s_channels": {20: "vepa", 10: "veb"}, "switch.ports": [
    {"name": "vf0", "s_channel": 20}, {"name": "vf1", "s_channel": 10}]}  # fmt: skip


def system(**changes):
    some = {"nic.vfs": 2, "workload.pattern": "to_wire", "bridge": {}}
    return System.of(load_config("sriov_10g_gen2x4", {**some, **changes}))


def listed(changes):
    return [(one.wire, one.interface, one.tag_bytes, one.is_hairpin) for one in logical_ports(system(**changes))]


OUTSIDE = (1, None, 0, False)
TAGGED = {"bridge": {"kind": "controlling"}}


@pytest.mark.parametrize(("changes", "expected"), [
    ({"switch.mode": "veb"}, [(0, None, 0, False)]),
    ({"switch.mode": "vepa"}, [(0, None, 0, True)]),
    ({"switch.mode": "veb", "bridge": {"ports": {"adapter": {"hairpin": True}}}}, [(0, None, 0, True)]),
    ({"switch.mode": "vepa", "bridge": {"ports": {"adapter": {"hairpin": False}}}}, [(0, None, 0, False)]),
    # The PF, which names no S-channel, is on the default one, which has no tag.
    (CHANNELS, [(0, 1, 0, False), (0, 10, 4, False), (0, 20, 4, True)]),
    ({**CHANNELS, "bridge": {"ports": {"adapter": {"hairpin": True}}}},
     [(0, 1, 0, True), (0, 10, 4, True), (0, 20, 4, True)]),
    ({"switch.mode": "vn_tag", **TAGGED}, [(0, name, 6, False) for name in ("pf", "vf0", "vf1")]),
    ({"switch.mode": "e_tag", **TAGGED}, [(0, name, 8, False) for name in ("pf", "vf0", "vf1")]),
    ({"switch.mode": "e_tag", "switch.ports": [{"name": "vf0", "enabled": False}], **TAGGED},
     [(0, name, 8, False) for name in ("pf", "vf1")]),
])  # fmt: skip
def test_the_table_of_modes(changes, expected):
    assert listed(changes) == [*expected, OUTSIDE]


def test_no_default_channel_where_nobody_is_on_it():
    ports = [{"name": name, "s_channel": 10} for name in ("pf", "vf0", "vf1")]
    assert listed({**CHANNELS, "switch.ports": ports}) == [(0, 10, 4, False), (0, 20, 4, True), OUTSIDE]


def test_servers_come_in_their_order():
    servers = [{"name": "b", "set": {"switch.mode": "vepa"}}, {"name": "a"}]
    found = logical_ports(system(servers=servers))
    assert [(one.wire, one.is_hairpin) for one in found] == [(0, True), (1, False), (2, False)]


def test_vlans_are_those_of_the_physical_port():
    ports = {"adapter": {"native_vlan": 7, "vlans": [7, 9]}, "outside": {"native_vlan": None}}
    own, outside = logical_ports(system(bridge={"ports": ports}))
    assert (own.native_vlan, own.vlans, own.untagged) == (7, {7, 9}, {7})
    assert [own.carries(vlan) for vlan in (7, 8, 9, None)] == [True, False, True, False]
    assert (outside.native_vlan, outside.vlans, outside.untagged) == (None, None, frozenset())
    assert outside.carries(4000) and not outside.carries(None)


def test_vlans_are_those_of_the_station_where_each_has_an_interface():
    station = {"name": "vf1", "port_vlan": 5, "vlans": [5, 6], "untagged": [6]}
    found = {one.interface: one for one in logical_ports(
        system(**{"switch.mode": "vn_tag", "switch.ports": [station], **TAGGED}))}  # fmt: skip
    assert (found["vf1"].native_vlan, found["vf1"].vlans, found["vf1"].untagged) == (5, {5, 6}, {6})
    assert found["vf0"].native_vlan == 1


def test_the_interface_of_a_station():
    with_channel, without = (system(**CHANNELS).port(name) for name in ("vf0", "pf"))
    assert [interface_of(mode, with_channel) for mode in ("veb", "vepa", "vn_tag", "e_tag", "multichannel")] == [
        None, None, "vf0", "vf0", 20,
    ]  # fmt: skip
    assert interface_of("multichannel", without) == 1
