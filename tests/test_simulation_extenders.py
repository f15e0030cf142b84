"""Where an extender passes a header on: all of it up, downwards by the outer tag, in the order of its ports."""

from __future__ import annotations

import pytest

from hwmodel.config import bridges_of, config_from_mapping, servers_of
from hwmodel.simulation.extenders import Extenders
from hwmodel.simulation.port_layout import ports_of
from hwmodel.wire.tags import ETag, VnTag, build_header

# bridge - far - near - {a, b}, and c behind far itself
TREE = {
    "servers": [{"name": name} for name in "abc"],
    "nic": {"vfs": 2},
    "bridge": {
        "kind": "controlling",
        "extenders": {"far": {"rate": "40Gbps"}, "near": {"behind": "far"}},
        "ports": {"a": {"behind": "near"}, "b": {"behind": "near"}, "c": {"behind": "far"}},
    },
}


def e_tag(ecid, group=0):
    return ETag(pcp=0, dei=0, ingress_ecid=0, reserved=0, group=group, ecid=ecid)


def vn_tag(vif, pointer=0):
    return VnTag(direction=1, pointer=pointer, dvif=vif, looped=0, reserved=0, version=0, svif=0)


@pytest.fixture(params=["e_tag", "vn_tag"])
def tree(request):
    """Return the ports by name, the extenders, and a tag by station or list."""
    config = config_from_mapping({**TREE, "switch": {"mode": request.param}})
    parts = [(server.name, server.config) for server in servers_of(config)]
    ports = ports_of(bridges_of(config), parts)
    n_logical = sum(len(port.logical) for port in ports if not port.is_of_extender)
    key, tag, as_list = ("ecid", e_tag, {"group": 1}) if request.param == "e_tag" else ("vif", vn_tag, {"pointer": 1})
    numbers = {
        server.station(one.name): getattr(one, key)
        for server in servers_of(config)
        for one in server.config.switch.ports
    }
    return {port.name: port for port in ports}, Extenders(ports, n_logical), numbers, tag, as_list


def header(tag):
    return build_header(0xFFFFFFFFFFFF, 0x020000000001, 0x88B5, [tag])


def names(found):
    return [port.name for port in found]


def test_whatever_comes_from_below_goes_up(tree):
    ports, extenders, numbers, tag, _ = tree
    for port, uplink in (("a", "near.uplink"), ("b", "near.uplink"), ("near", "far.uplink"), ("c", "far.uplink")):
        for number in (numbers["a.vf0"], 4000):
            assert names(extenders.ports_for(ports[port], header(tag(number)))) == [uplink]


def test_a_station_is_reached_port_by_port(tree):
    ports, extenders, numbers, tag, _ = tree
    assert len(set(numbers.values())) == len(numbers) == 9
    for station, below_far, below_near in (("a.vf1", "near", ["a"]), ("b.pf", "near", ["b"]), ("c.vf0", "c", [])):
        down = header(tag(numbers[station]))
        assert names(extenders.ports_for(ports["far.uplink"], down)) == [below_far]
        assert names(extenders.ports_for(ports["near.uplink"], down)) == below_near


def test_a_list_goes_once_to_each_port_that_has_a_member(tree):
    ports, extenders, _, tag, as_list = tree
    ports["far"].lists[("a.vf0", "a.vf1", "b.vf0")] = 77
    ports["far"].lists[("b.pf", "c.vf1")] = 78
    for number, below_far, below_near in ((77, ["near"], ["a", "b"]), (78, ["near", "c"], ["b"]), (79, [], [])):
        down = header(tag(number, **as_list))
        assert sorted(names(extenders.ports_for(ports["far.uplink"], down))) == sorted(below_far)
        assert names(extenders.ports_for(ports["near.uplink"], down)) == below_near


def test_what_has_no_tag_reaches_nobody(tree):
    ports, extenders, *_ = tree
    assert extenders.ports_for(ports["near.uplink"], build_header(2, 4, 0x88B5, [])) == []


def test_each_port_of_an_extender_has_a_number_behind_those_of_the_bridge(tree):
    ports, extenders, *_ = tree
    own = {name: extenders.own.get(port.number) for name, port in ports.items()}
    first = min(number for number in own.values() if number is not None)
    assert sorted(number for number in own.values() if number is not None) == list(range(first, first + 6))
    assert own["far"] is own["outside"] is None
