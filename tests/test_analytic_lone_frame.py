"""The way of a frame alone: who gets it, and how long it is with the tags that it has there."""

from __future__ import annotations

import pytest

from hwmodel.analytic import limits
from hwmodel.analytic.lone_frame import Way, lone_frame_of
from hwmodel.config import config_from_mapping
from tests.one_frame import BASE

IN_VLAN = [{"name": "vf0", "port_vlan": 10, "vlans": [10]}, {"name": "vf1", "port_vlan": 10, "vlans": [10]}]
TAGGED = [{**IN_VLAN[0], "admit": "tagged"}, {**IN_VLAN[1], "untagged": []}]
CHANNEL = {"mode": "multichannel", "s_channels": {10: "veb"}, "ports": [{**port, "s_channel": 10} for port in TAGGED]}

# 1000 B as sent. VF K is function K + 1; without a tag it has 996 B less the FCS, so 992 with a C-TAG taken off.
WAYS = {
    "to a VM": ({}, "vf0", "vf1", Way(1, 996, ((2, 996),))),
    "a tag comes off": ({"ports": [TAGGED[0], IN_VLAN[1]]}, "vf0", "vf1", Way(1, 996, ((2, 992),))),
    "a tag is put on": ({"ports": [IN_VLAN[0], TAGGED[1]]}, "vf0", "vf1", Way(1, 996, ((2, 1000),))),
    "a tag stays": ({"ports": TAGGED}, "vf0", "vf1", Way(1, 996, ((2, 996),))),
    "out, in the native VLAN": ({}, "vf0", "uplink", Way(1, 996, wire_bytes=996)),
    "out, tagged": ({"ports": IN_VLAN}, "vf0", "uplink", Way(1, 996, wire_bytes=1000)),
    "out, tagged at both ends": ({"ports": TAGGED}, "vf0", "uplink", Way(1, 996, wire_bytes=996)),
    "VEPA": ({"mode": "vepa", "ports": TAGGED}, "vf0", "vf1", Way(1, 996, wire_bytes=996)),
    "VN-Tag": ({"mode": "vn_tag"}, "vf0", "vf1", Way(1, 996, wire_bytes=1002)),
    "VN-Tag over a C-TAG": ({"mode": "vn_tag", "ports": TAGGED}, "vf0", "vf1", Way(1, 996, wire_bytes=1002)),
    "E-TAG": ({"mode": "e_tag"}, "vf0", "vf1", Way(1, 996, wire_bytes=1004)),
    "in": ({}, "uplink", "vf1", Way(None, 996, ((2, 996),))),
    "in, tagged": ({"ports": IN_VLAN}, "uplink", "vf1", Way(None, 996, ((2, 992),))),
    "in with an E-TAG": ({"mode": "e_tag"}, "uplink", "vf1", Way(None, 996, ((2, 988),))),
    "out by a channel": (CHANNEL, "vf0", "uplink", Way(1, 996, wire_bytes=1000)),
    "in by a channel": (CHANNEL, "uplink", "vf1", Way(None, 996, ((2, 992),))),
    "to all": ({}, "vf0", "broadcast", Way(1, 996, ((0, 996), (2, 996)), wire_bytes=996)),
    "from the wire to all": ({}, "uplink", "broadcast", Way(None, 996, ((0, 996), (1, 996), (2, 996)))),
    "from the wire, a VLAN": ({"ports": IN_VLAN[1:]}, "uplink", "broadcast", Way(None, 996, ((0, 996), (1, 996)))),
    "mirrored": (
        {"mirrors": [{"to": "pf", "from": "vf0", "direction": "ingress"}]}, "vf0", "vf1",
        Way(1, 996, ((2, 996),)),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", WAYS)
def test_way(name):
    switch, source, target, expected = WAYS[name]
    found = lone_frame_of(config_from_mapping({**BASE, "switch": switch}), source, target, 1000)
    assert found.way == expected


def test_one_that_goes_nowhere_has_no_way():
    ports = [{"name": "vf0", "port_vlan": 10, "vlans": [10], "loopback": False}]
    switch = {"ports": ports, "uplink": {"vlans": [1]}}
    assert lone_frame_of(config_from_mapping({**BASE, "switch": switch}), "vf0", "vf1", 1000) is None


def test_limits_take_the_first_flow_and_the_longest_frame():
    flows = {"workload.pattern": "flows", "workload.flows": [["vf1", "vf0"], ["vf0", "vf1"]]}
    found = limits(config_from_mapping(BASE, {**flows, "workload.sizes": [[64, 1], [1000, 1]]}))
    assert found.to_dict()["lone_frame"] == {"from": "vf1", "to": "vf0", "bytes": 1000}
    outward = limits(config_from_mapping(BASE, {"workload.pattern": "to_wire"}))
    assert (outward.lone_frame.source, outward.lone_frame.target) == ("vf0", "uplink")
    assert outward.notes == ()
