"""VLANs that a port of the bridge translates: who gets what, by the rules of docs/bridge.md, frame by frame."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest

from hwmodel import limits, simulate
from hwmodel.analytic import ceiling_frames_per_s
from hwmodel.config import bridges_of, config_from_mapping, servers_of
from hwmodel.config.bridge_ports import comes_in, place_of, ports_of
from hwmodel.simulation.figures.setting_warnings import silent_stations
from hwmodel.workload.headers import HeaderBook
from tests.system_beside_simpy import (
    BROADCAST,
    LATER_FS,
    MULTICAST,
    OUTSIDE,
    UNKNOWN,
    US_FS,
    Stations,
    SystemRun,
    config_with,
    with_window,
    workload_of,
)

FIRST_FS, EVERY_FS = 100 * US_FS, 50 * US_FS
VFS = ("vf0", "vf1", "vf2", "vf3")
# Each VM in a VLAN of its own; those of vf0 to vf2 are 10 in the bridge, that of vf3 is 11. The PF is in VLAN 1.
OWN = {"switch.ports": [{"name": name, "port_vlan": 101 + i} for i, name in enumerate(VFS)]}
TO = {"bridge.ports.adapter.translate": {101: 10, 102: 10, 103: 10, 104: 11}}
TEN_OUTSIDE = {"bridge.ports.outside.native_vlan": 10}
Sent = tuple[str, str] | tuple[str, str, str]  # who, to whom, with which C-TAG


def who_gets(
    changes: Mapping[str, Any], *sent: Sent, announce: bool = True, most: int = 1
) -> tuple[list[set[str]], SystemRun]:
    """Send frames one after the other; return who gets each, `most` times at most, and the run."""
    config = config_with({"bridge.announce": announce, **changes})
    stations = Stations(config)
    frames = [
        stations.frame(FIRST_FS + i * EVERY_FS, sender, to, 100 + i, *tag) for i, (sender, to, *tag) in enumerate(sent)
    ]
    straggler = stations.frame(LATER_FS, OUTSIDE, UNKNOWN, 64)
    run = SystemRun(with_window(config, 0, FIRST_FS + len(sent) * EVERY_FS), workload_of(frames, straggler))
    for _ in run.pieces():
        pass
    run.result()  # checks that all is accounted for
    found: list[Counter[str]] = [Counter() for _ in sent]
    for at, place in enumerate(run.places):
        for entry in run.entries(place, "log"):
            number = (int(entry["at_fs"]) - FIRST_FS) // EVERY_FS
            receiver = run.receiver(at, int(entry["copy_kind"]))
            found[number][receiver] += 1
    assert max(count for each in found for count in each.values()) == most
    return [set(each) for each in found], run


def drops_of(run: SystemRun) -> dict[str, int]:
    return dict(run.result().bridges[0].drops)


def test_a_pair_of_one_server_meets_over_the_wire_alone_where_its_vlans_are_translated():
    pair = [("vf0", "vf1"), ("vf1", "vf0"), ("vf2", "vf1"), ("vf0", BROADCAST)]
    without, _ = who_gets(OWN, *pair)
    assert without == [{OUTSIDE}] * 4  # flooded to the outside, in VLANs that nobody else has
    found, run = who_gets({**OWN, **TO, **TEN_OUTSIDE}, *pair)
    assert found == [{"vf1"}, {"vf0"}, {"vf1"}, {"vf1", "vf2", OUTSIDE}]
    port = run.result().bridges[0].ports[0]
    # The group leaves with the tags 102 and 103, and as VLAN 10, which the port carries too.
    assert (port.in_frames, port.out_frames) == (4, 3 + 3)
    assert drops_of(run) == {}


# Of the rules: a known address to its own VLAN's logical port alone; a group and an unknown address to each VLAN of the
# port that is the same one in the bridge, and outside, but not back; 11 and 1 are other VLANs.
TABLE: list[tuple[Sent, set[str]]] = [
    (("vf0", "vf2"), {"vf2"}),
    (("vf0", "vf0"), set()),  # a VEB knows its own
    (("vf0", "vf3"), {OUTSIDE}),  # unknown in VLAN 10
    (("vf3", "vf0"), {OUTSIDE}),
    (("vf0", "pf"), {OUTSIDE}),
    (("pf", "vf0"), {OUTSIDE}),
    (("vf0", OUTSIDE), {OUTSIDE}),
    (("vf0", UNKNOWN), {OUTSIDE}),
    (("vf1", BROADCAST), {"vf0", "vf2", OUTSIDE}),
    (("vf1", MULTICAST), {"vf0", "vf2", OUTSIDE}),
    (("vf3", BROADCAST), {OUTSIDE}),
    (("pf", BROADCAST), {OUTSIDE}),
    ((OUTSIDE, "vf0"), {"vf0"}),  # untagged: VLAN 10
    ((OUTSIDE, "vf0", "8100000a"), {"vf0"}),
    ((OUTSIDE, "vf0", "81000065"), set()),  # 101 is no VLAN of the bridge's
    ((OUTSIDE, "vf3"), set()),
    ((OUTSIDE, "vf3", "8100000b"), {"vf3"}),
    ((OUTSIDE, BROADCAST), {"vf0", "vf1", "vf2"}),
    ((OUTSIDE, BROADCAST, "8100000b"), {"vf3"}),
    ((OUTSIDE, BROADCAST, "81000001"), {"pf"}),
    ((OUTSIDE, "pf", "81000001"), {"pf"}),
]


def test_who_gets_what():
    found, run = who_gets({**OWN, **TO, **TEN_OUTSIDE}, *(sent for sent, _ in TABLE))
    for (sent, expected), got in zip(TABLE, found, strict=True):
        assert got == expected, sent
    assert drops_of(run) == {"NO_DESTINATION": 1}


def headers_outside(run: SystemRun) -> list[str]:
    """Return the type and tag with which each frame came outside."""
    return [run.book.headers[int(entry["copy_kind"])][12:].hex() for entry in run.entries(OUTSIDE, "log")]


def test_the_tag_is_that_of_the_vlan_in_the_bridge_outside_and_the_own_one_inside():
    sent = [("vf0", OUTSIDE), ("vf3", OUTSIDE), ("vf3", OUTSIDE, "8100a068"), ("pf", OUTSIDE)]
    _, run = who_gets({**OWN, **TO, **TEN_OUTSIDE}, *sent)
    assert headers_outside(run) == ["88b5", "8100000b88b5", "8100a00b88b5", "8100000188b5"]
    kept = {"switch.ports": [{"name": "vf0", "port_vlan": 101, "untagged": []}]}
    found, run = who_gets({**kept, "bridge.ports.adapter.translate": {101: 1}}, (OUTSIDE, "vf0"))
    assert found == [{"vf0"}]
    (entry,) = run.entries("", "log")
    assert run.machine.books()[0].headers[int(entry["copy_kind"])][12:].hex() == "8100006588b5"


def test_the_policy_is_asked_for_vlans_of_the_bridge_and_for_pairs():
    policy = [
        {"port": "vf0", "destination": "02:00:00:00:00:03", "action": "deny"},  # vf1
        {"vlan": 101, "action": "deny"},
        {"port": "vf2", "vlan": 10, "action": "deny"},
    ]
    sent = [("vf0", "vf1"), ("vf0", "vf2"), ("vf1", "vf0"), ("vf2", "vf0")]
    found, run = who_gets({**OWN, **TO, "bridge.policy": policy}, *sent)
    assert found == [set(), {"vf2"}, {"vf0"}, set()]
    assert drops_of(run) == {"ACL_DENY": 2}


def test_addresses_are_learned_in_the_vlan_of_the_bridge_at_the_vlan_on_the_wire():
    """Unknown at first: to all VLANs that are 10, then to one; an address that comes in another VLAN has moved."""
    tags = {"switch.ports": [{"name": "vf0", "port_vlan": 101, "vlans": [101, 103]}, {"name": "vf1", "port_vlan": 102}]}
    sent = [("vf1", "vf0"), ("vf0", "vf1"), ("vf1", "vf0"), ("vf0", "vf1", "81000067"), ("vf1", "vf0")]
    found, run = who_gets({**tags, **TO, **TEN_OUTSIDE}, *sent, announce=False, most=2)
    # The first is flooded, and comes to vf0 in both of its VLANs.
    assert [got - {OUTSIDE} for got in found] == [{"vf0"}, {"vf1"}, {"vf0"}, {"vf1"}, {"vf0"}]
    (bridge,) = run.result().bridges
    assert (bridge.flooded_frames, bridge.learned, bridge.moved) == (1, 2, 1)


@pytest.mark.parametrize(("hairpin", "expected"), [
    (None, [{"vf1"}, {"vf2"}, {"vf1", "vf2", "vf3", OUTSIDE}]),
    (False, [set(), {"vf2"}, {"vf2", "vf3", OUTSIDE}]),
])  # fmt: skip
def test_in_a_vepa_those_of_one_vlan_meet_by_hairpin(hairpin, expected):
    vepa = {
        "switch.mode": "vepa", "bridge.ports.adapter": {"hairpin": hairpin, "translate": {101: 10, 102: 10}},
        "switch.ports": [{"name": name, "port_vlan": 101 + i // 2} for i, name in enumerate(VFS)],
    }  # fmt: skip
    found, _ = who_gets({**vepa, **TEN_OUTSIDE}, ("vf0", "vf1"), ("vf0", "vf2"), ("vf0", BROADCAST))
    assert found == expected


def test_the_native_vlan_can_be_translated():
    """vf0's frames are untagged on the wire, both ways; without a native VLAN they would drop."""
    native = {"switch.uplink.native_vlan": 101, **OWN, **TO, **TEN_OUTSIDE}
    found, _ = who_gets(native, ("vf0", "vf1"), ("vf1", "vf0"), (OUTSIDE, BROADCAST))
    assert found == [{"vf1"}, {"vf0"}, {"vf0", "vf1", "vf2"}]


def test_vlans_that_are_not_translated_pass_as_they_are_unless_the_port_does_not_carry_them():
    ten = {"switch.ports": [{"name": "vf0", "port_vlan": 101}, {"name": "vf1", "port_vlan": 10}]}
    here = {"bridge.ports.adapter.translate": {101: 10}}
    sent = [("vf0", "vf1"), ("vf1", "vf0"), ("vf1", BROADCAST)]
    found, _ = who_gets({**ten, **here, **TEN_OUTSIDE}, *sent)
    assert found == [{"vf1"}, {"vf0"}, {"vf0", OUTSIDE}]
    found, run = who_gets({**ten, **here, **TEN_OUTSIDE, "bridge.ports.adapter.vlans": [101]}, *sent)
    assert found == [{OUTSIDE}, set(), set()]
    assert drops_of(run) == {"VLAN_MEMBER": 2}


def test_two_servers_are_one_network():
    two = {
        "servers": [{"name": "a"}, {"name": "b"}], **OWN,
        "bridge.ports.a.translate": {101: 10, 102: 10}, "bridge.ports.b.translate": {102: 10, 103: 10},
    }  # fmt: skip
    sent = [("a.vf0", "a.vf1"), ("a.vf0", "b.vf1"), ("b.vf2", "a.vf1"), ("b.vf1", BROADCAST), ("b.vf0", "a.vf0")]
    found, _ = who_gets({**two, **TEN_OUTSIDE}, *sent)
    assert found == [{"a.vf1"}, {"b.vf1"}, {"a.vf1"}, {"a.vf0", "a.vf1", "b.vf2", OUTSIDE}, {OUTSIDE}]


MADE_UP: Mapping[str, Any] = {
    "nic": {"strict": False, "vfs": 4}, "pcie": {"generation": 3, "lanes": 8}, "driver": {"preset": "dpdk"},
    "switch": {"ports": OWN["switch.ports"]},
    "bridge": {"announce": True, "ports": {"adapter": {"translate": dict.fromkeys((101, 102, 103, 104), 10)}}},
    "workload": {"pattern": "flows", "arrivals": "periodic", "frame_bytes": 1000,
                 "flows": [["vf0", "vf1", "2Gbps"], ["vf2", "vf3", "1Gbps"], ["uplink", "vf0", "1.5Gbps"]]},
    "run": {"warmup": "200us", "duration": "2ms"},
}  # fmt: skip


def test_made_up_frames_get_through_and_each_vlan_tells_what_it_carried():
    result = simulate(config_from_mapping(MADE_UP))
    assert {vm.name: vm.rx_gbps for vm in result.vms} == pytest.approx(
        {"vf0": 1.5, "vf1": 2, "vf2": 0, "vf3": 1}, rel=0.01
    )
    ports = {each.name: each for each in result.bridges[0].ports[0].logical_ports}
    assert list(ports) == ["adapter", *(f"adapter.vlan{vlan}" for vlan in (101, 102, 103, 104))]
    assert ports["adapter.vlan102"].out_gbps == pytest.approx(2 * 1004 / 1000, rel=0.002)
    assert ports["adapter.vlan101"].in_gbps == pytest.approx(2 * 1004 / 1000, rel=0.002)
    assert (ports["adapter"].in_frames, ports["adapter"].out_frames) == (0, 0)
    assert ports["adapter"].queue_mean_bytes is None
    assert result.closed_form.gbps == pytest.approx(4.5)  # what all of them ask for
    assert silent_stations(config_from_mapping(MADE_UP), result) == ["vf1", "vf3"]


def test_frames_from_outside_are_in_the_vlan_of_the_bridge():
    book = HeaderBook(config_from_mapping(MADE_UP))
    (number,) = book.template_ids("uplink", "vf0")
    assert book.templates[number].header[12:].hex() == "8100000a88b5"
    (number,) = book.template_ids("uplink", "pf")
    assert book.templates[number].header[12:].hex() == "88b5"


def test_the_closed_form_knows_translated_vlans():
    assert limits(config_from_mapping(MADE_UP)).gbps == pytest.approx(4.5)
    share = {"workload": {"pattern": "pairs", "load": "50% of ceiling"}}
    assert ceiling_frames_per_s(config_from_mapping({**MADE_UP, **share})) > 0


def test_places_of_stations_and_frames():
    config = config_from_mapping(MADE_UP)
    port, outside = ports_of(bridges_of(config), servers_of(config))
    names = {each.name: each for each in port.logical}
    stations = {station.name: station for station in config.switch.ports}
    assert place_of(stations["vf1"], 102, port) == (names["adapter.vlan102"], 10)
    assert place_of(stations["vf1"], 7, port) == (names["adapter"], 7)
    assert comes_in(port, 103) == (names["adapter.vlan103"], 10)
    assert comes_in(port, 0) == (names["adapter"], 1)
    assert comes_in(outside, 101) == (outside.logical[0], 101)
    assert 101 not in names["adapter"].vlans
    assert 10 in names["adapter"].vlans
