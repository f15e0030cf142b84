"""Adapters of one server at two bridges: as two servers there, and reached by their names everywhere."""

from __future__ import annotations

import json
from itertools import combinations
from types import SimpleNamespace

import pytest

from hwmodel.config import config_from_mapping
from hwmodel.errors import InputError
from hwmodel.relaxations import relaxations_of
from hwmodel.relaxations.resources import bridge_resources
from hwmodel.report import render_page
from hwmodel.report.diagram import BRIDGE, Tree, narrow_layout, wide_layout
from hwmodel.results import Bottleneck
from hwmodel.results.bridge_reading import NamedPort
from hwmodel.simulation import simulate
from hwmodel.simulation.figures.setting_warnings import stations_elsewhere
from tests.run_cases import merged

SLOW = {"pcie.lanes": 2, "nic.vfs": 3}
CORES = {"host.cores": 5}  # so many as the server of both has, one for each VM
SYSTEM = {
    "nic": {"vfs": 2},
    "workload": {"pattern": "uniform", "load": 0.6, "frame_bytes": 512, "arrivals": "poisson"},
    "run": {"warmup": "500us", "duration": "2ms"},
}


def racks(x, y, **left):
    trunk = {"to": "right.trunk", "rate": "8Gbps", "propagation": "50ns"}
    return [
        {"name": "left", "announce": True, "ports": {x: {}, "trunk": trunk}, **left},
        {"name": "right", "announce": True, "buffer": "16KiB", "ports": {y: {}, "b": {}, "trunk": {}, "outside": {}}},
    ]


APART = {
    **SYSTEM, "bridges": racks("zq1", "zq2"),
    "servers": [{"name": "zq1", "set": CORES}, {"name": "zq2", "set": SLOW | CORES}, {"name": "b"}],
}  # fmt: skip
TOGETHER = {
    **SYSTEM, "bridges": racks("a.x", "a.y"),
    "servers": [{"name": "a", "adapters": [{"name": "x"}, {"name": "y", "set": SLOW}]}, {"name": "b"}],
}  # fmt: skip


@pytest.fixture(scope="module")
def together():
    return simulate(config_from_mapping(TOGETHER))


def test_all_figures_are_those_of_two_servers(together):
    apart = simulate(config_from_mapping(APART)).to_json(include_host_run=False)
    apart = apart.replace("servers.zq2", "servers.a.adapters.y").replace("servers.zq1", "servers.a.adapters.x")
    apart = apart.replace("Server zq", "Adapter zq").replace("zq1", "a.x").replace("zq2", "a.y")
    expected, found = json.loads(apart), json.loads(together.to_json(include_host_run=False))
    for of_system in ("config", "config_hash"):
        del expected[of_system], found[of_system]
    assert found == expected
    left, right = together.bridges
    assert [port.name for port in left.ports] == ["a.x", "trunk"]
    assert [port.name for port in right.ports] == ["a.y", "b", "outside", "trunk"]
    assert min(left.ports[1].out_frames, right.ports[3].out_frames) > 500


def test_what_goes_over_two_bridges_counts_once(together):
    left, right = together.bridges
    to_stations = [left.ports[0], *right.ports[:3]]
    assert together.over_bridge_gbps() == pytest.approx(sum(port.out_gbps for port in to_stations), rel=1e-12)
    assert together.over_bridge_gbps() < sum(port.out_gbps for port in (*left.ports, *right.ports)) - 1


def test_what_is_printed_and_drawn_has_the_adapters_at_their_bridges(together):
    assert "right.a.y" in together.summary(verbose=True)
    page = render_page([together], [""])
    assert "Port left.a.x" in page and "Port right.a.y" in page and "Port left.trunk" in page


def test_a_port_is_set_by_its_bridge_and_its_adapter():
    changed = config_from_mapping(TOGETHER, ["bridges.right.ports.a.y.vlans=[1, 5]"])
    ports = changed.bridges[1].ports
    assert list(ports) == ["a.y", "b", "outside", "trunk"] and list(ports["a.y"].vlans) == [1, 5]
    assert config_from_mapping(changed.resolved()) == changed


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"bridges": racks("a.x", "a.z")}, "no bridge has a port for server a.y"),
        ({"bridges": [*racks("a.x", "b"), {"name": "a", "ports": {"a.y": {}, "up": {"to": "left.down"}}}]},
         "there is a server a already"),
        ({"bridges": racks("a.x", "a.y", policy=[{"port": "a.vf0", "action": "deny"}])}, "did you mean a.x.vf0?"),
        ({"bridges": racks("a.x", "a.y", policy=[{"action": "police", "rate": "1Gbps", "burst": "64B"}])},
         "bridges.left.policy.0.burst: a bucket of 64B never has the tokens"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_said(changes, words):
    with pytest.raises(InputError) as caught:
        config_from_mapping(TOGETHER | changes)
    assert words in str(caught.value)


def test_each_wire_is_made_larger_at_both_ends():
    found = relaxations_of(config_from_mapping(TOGETHER))
    (own,) = [each for each in found if "right.a.y" in each.resources]
    assert [key for key, *_ in own.changes] == [
        "servers.a.adapters.y.set.port.rate", "bridges.right.ports.a.y.rate", "workload.load"
    ]  # fmt: skip
    assert own.config.bridges[1].ports["a.y"].rate_bps == 20 * 10**9
    assert own.config.bridges[0].ports["a.x"].rate_bps == 10 * 10**9
    (trunk,) = [each for each in found if "left.trunk" in each.resources]
    assert trunk.resources == ("left.trunk", "right.trunk")
    assert [bridge.ports["trunk"].rate_bps for bridge in trunk.config.bridges] == [16 * 10**9] * 2


def test_each_bridge_has_resources_of_its_own():
    police = {"action": "police", "rate": "2Gbps", "burst": "9KiB"}
    extended = {"kind": "controlling", "extenders": {"fex0": {"rate": "40Gbps", "latency": "0ns"}}, "policy": [police]}
    document = merged(TOGETHER, {"switch": {"mode": "e_tag"}, "bridges": racks("a.x", "a.y", **extended)})
    left, right = document["bridges"]
    left["ports"]["a.x"]["behind"] = "fex0"
    right["kind"] = "controlling"
    config = config_from_mapping(document)
    assert [(names, changes) for names, changes in bridge_resources(config) if changes] == [
        (("left.trunk", "right.trunk"), [("bridges.left.ports.trunk.rate", "8Gbps", "16Gbps"),
                                         ("bridges.right.ports.trunk.rate", "8Gbps", "16Gbps")]),
        (("left.fex0.uplink", "left.fex0"), [("bridges.left.extenders.fex0.rate", "40Gbps", "80Gbps")]),
        (("left.buffer",), [("bridges.left.buffer", "1MiB", "2MiB"),
                            ("bridges.left.extenders.fex0.buffer", "1MiB", "2MiB")]),
        (("left.latency",), [("bridges.left.latency", "500ns", "250ns")]),
        (("rate_limit",), [("bridges.left.policy.0.rate", "2Gbps", "4Gbps")]),
        (("right.outside",), [("bridges.right.ports.outside.rate", "10Gbps", "20Gbps")]),
        (("right.buffer",), [("bridges.right.buffer", "16KiB", "32KiB")]),
        (("right.latency",), [("bridges.right.latency", "500ns", "250ns")]),
    ]  # fmt: skip
    named = Bottleneck(resource="rate_limit", utilization=1, why="", keys=("bridges.left.policy.NUMBER.rate",))
    assert [each.text for each in relaxations_of(config) if each.is_of(named)] == [
        "bridges.left.policy.0.rate: 2Gbps -> 4Gbps"
    ]


@pytest.mark.parametrize("has_extenders", [False, True])
@pytest.mark.parametrize("n_servers", [1, 3, 4, 7])
def test_no_two_boxes_of_the_picture_cover_each_other(n_servers, has_extenders):
    names = [f"s{at}" for at in range(n_servers)]
    devices = dict.fromkeys(names, "left")
    if has_extenders:
        devices |= {name: "fex" for name in names[:2]} | {"fex": "left", "fex.uplink": "fex"}
    ports = [NamedPort(name, f"left.{name}", SimpleNamespace(name=name, device=device, to=""))
             for name, device in {**devices, "outside": "left"}.items()]  # fmt: skip
    for end in ("left.one", "left.two", "left.three", "right.one", "right.two", "right.three"):
        ports.append(NamedPort(end, end, SimpleNamespace(name=end.partition(".")[2], device=end[:5], to="other.end")))
    tree = Tree(ports, names)
    for layout in (wide_layout(tree, 200.0), narrow_layout(tree, 200.0)):
        boxes = [*layout.ports.values(), *layout.servers.values()]
        assert len(layout.ports) == len(tree.servers) + 1 + 6 + 2 * has_extenders
        for one, other in combinations(boxes, 2):
            apart_x = one.x + one.width <= other.x or other.x + other.width <= one.x
            assert apart_x or one.y + one.height <= other.y or other.y + other.height <= one.y
        bridge = layout.devices[BRIDGE]
        for end in tree.ends:
            place = layout.ports[end]
            assert bridge.y < place.y and place.y + place.height <= bridge.y + bridge.height
            assert place.x + place.width <= bridge.x + bridge.width
        assert all(box.y + box.height <= layout.size[1] and box.x + box.width <= layout.size[0] for box in boxes)


def test_stations_in_other_vlans_are_told_where_all_wires_keep_the_numbers():
    def strangers(native_vlan):
        document = merged(TOGETHER, {"switch": {"ports": [{"name": "vf0", "port_vlan": 5}]}})
        document["bridges"] = racks("a.x", "a.y")
        document["bridges"][1]["ports"]["trunk"] = {"native_vlan": native_vlan}
        document["workload"] = {"pattern": "flows", "flows": [["a.x.vf0", "b.vf1", "1Gbps"]]}
        config = config_from_mapping(document | {"run": {"warmup": "0ns", "duration": "50us"}})
        return stations_elsewhere(config, simulate(config))

    assert strangers(1) == ["b.vf1"]
    assert strangers(5) == []  # from 1 to 5, and back


def test_the_picture_has_extenders_below_joined_bridges():
    left = {"kind": "controlling", "extenders": {"fex0": {}}}
    document = merged(TOGETHER, {"switch": {"mode": "e_tag"}, "bridges": racks("a.x", "a.y", **left)})
    document["bridges"][0]["ports"]["a.x"]["behind"] = "fex0"
    document["bridges"][1] |= {"kind": "controlling"}
    result = simulate(config_from_mapping(document | {"run": {"warmup": "0ns", "duration": "200us"}}))
    page = render_page([result], [""])
    titles = ("Port a.x", "extender fex0", "Uplink", "Port left.fex0", "Port left.trunk", "Port right.trunk")
    assert all(f">{title}<" in page for title in titles)
    assert "port extenders, and the bridges between them" in page
