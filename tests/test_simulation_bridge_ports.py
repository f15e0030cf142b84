"""The ports of a bridge against the table of docs/bridge.md: which logical ports there are, and their outer tags."""

from __future__ import annotations

import pytest

from hwmodel.config import bridges_of, config_from_mapping, servers_of
from hwmodel.config.bridge_ports import ports_of

TAGGING = {"vn_tag": "vif", "e_tag": "ecid"}


def ports(switch=None, bridge=None, **more):
    blocks = {"nic": {"vfs": 2}, "switch": switch or {}, "bridge": bridge or {}, **more}
    config = config_from_mapping(blocks)
    return ports_of(bridges_of(config), servers_of(config))


def tagging(mode, **switch):
    """Return the port to an adapter whose stations have virtual interfaces: 21 the PF, 22 and 23 the VFs."""
    numbers = [{"name": name, TAGGING[mode]: 21 + at} for at, name in enumerate(("pf", "vf0", "vf1"))]
    return ports({"mode": mode, "ports": numbers, **switch}, {"kind": "controlling"})[0]


def test_ports_are_numbered_as_listed_servers_first_and_outside_last():
    servers = [{"name": "z", "set": {"nic.strict": False, "port.rate": "25Gbps"}}, {"name": "b"}, {"name": "a"}]
    found = ports(bridge={"ports": {"outside": {"rate": "40Gbps"}}}, servers=servers)
    assert [(port.number, port.name, port.server) for port in found] == [
        (0, "z", 0), (1, "b", 1), (2, "a", 2), (3, "outside", None),
    ]  # fmt: skip
    assert [port.rate_bps // 10**9 for port in found] == [25, 10, 10, 40]
    logical = [each for port in found for each in port.logical]
    assert [(each.number, each.port) for each in logical] == [(0, 0), (1, 1), (2, 2), (3, 3)]


@pytest.mark.parametrize(("mode", "reflects"), [("veb", False), ("vepa", True)])
def test_a_port_without_outer_tags_is_one_logical_port_with_hairpin_where_the_adapter_relies_on_it(mode, reflects):
    adapter, outside = ports({"mode": mode})
    assert (adapter.name, [each.name for each in adapter.logical]) == ("adapter", ["adapter"])
    assert [port.logical[0].interface for port in (adapter, outside)] == [None, None]
    assert [port.logical[0].is_hairpin for port in (adapter, outside)] == [reflects, False]


@pytest.mark.parametrize("mode", ["veb", "vepa"])
@pytest.mark.parametrize("hairpin", [True, False])
def test_hairpin_that_is_written_is_what_there_is(mode, hairpin):
    (logical,) = ports({"mode": mode}, {"ports": {"adapter": {"hairpin": hairpin}}})[0].logical
    assert logical.is_hairpin is hairpin


def test_each_s_channel_is_a_logical_port_with_its_s_tag_and_the_default_one_without():
    channels = {10: "vepa", 20: "single", 1: "veb"}
    adapter, _ = ports({"mode": "multichannel", "s_channels": channels, "ports": [{"name": "all", "s_channel": 10}]})
    assert {each.interface: each.s_vid for each in adapter.logical} == {None: 1, 10: 10, 20: 20}
    assert {each.interface: each.is_hairpin for each in adapter.logical} == {None: False, 10: True, 20: False}


@pytest.mark.parametrize("mode", TAGGING)
def test_each_interface_is_a_logical_port_of_its_station(mode):
    found = {each.name: (each.interface, each.server, each.station) for each in tagging(mode).logical}
    assert found == {"pf": (21, 0, 1), "vf0": (22, 0, 2), "vf1": (23, 0, 3)}


@pytest.mark.parametrize("mode", TAGGING)
def test_virtual_interfaces_of_several_servers_are_told_apart(mode):
    found = ports({"mode": mode}, {"kind": "controlling"}, servers=[{"name": "a"}, {"name": "b"}])
    names = [each.name for port in found for each in port.logical]
    assert sorted(names) == ["a.pf", "a.vf0", "a.vf1", "b.pf", "b.vf0", "b.vf1", "outside"]
    assert [each.number for port in found for each in port.logical] == list(range(7))
    assert not any(each.is_hairpin for port in found for each in port.logical)


def test_vlans_are_those_of_the_port_and_of_a_virtual_interface_its_stations():
    adapter, outside = ports(bridge={"ports": {"adapter": {"vlans": [5, 7], "native_vlan": 7}}})
    (logical,) = adapter.logical
    assert (sorted(logical.vlans), logical.native_vlan, list(logical.untagged)) == ([5, 7], 7, [7])
    assert outside.logical[0].native_vlan == 1 and {1, 4094} <= set(outside.logical[0].vlans)
    stations = [{"name": "vf0", "port_vlan": 9, "vlans": [9, 11], "untagged": [9]}]
    found = ports({"mode": "vn_tag", "ports": stations}, {"kind": "controlling"})[0].logical
    of_vf0 = next(each for each in found if each.name == "vf0")
    assert (sorted(of_vf0.vlans), of_vf0.native_vlan, list(of_vf0.untagged)) == ([9, 11], 9, [9])
