"""An adapter with several Ethernet ports at bridges: configurations, closed form and runs, by hand where it can be."""

from __future__ import annotations

import json
from typing import Any

import pytest

from hwmodel import Config, limits, load_config, simulate
from hwmodel.config import defaults_beside, servers_of
from hwmodel.config.vms import Domain, domains_of
from hwmodel.explore.ways import ways_of
from hwmodel.relaxations import relaxations_of
from hwmodel.report.diagram import drawn_ports
from hwmodel.simulation.run.taps import tap_names
from tests.config_cases import complaints

FAST = {
    "nic": {"strict": False},
    "pcie": {"generation": 3, "lanes": 8},
    "driver": {"preset": "dpdk"},
    "run": {"warmup": "2ms", "duration": "4ms"},
}
LINE_GBPS = 10 * 1518 / 1538  # of 1518 B frames, each with preamble and gap
JOINED = [
    {"name": "left", "ports": {"p0": {}, "trunk": {"to": "right.trunk", "rate": "40Gbps"}}},
    {"name": "right", "ports": {"p1": {}, "trunk": {}, "outside": {}}},
]


def configured(keys: dict[str, Any] | None = None, **blocks: Any) -> Config:
    base = {"port": {"count": 2}, "switch": {"mode": "vepa"}, "nic": {"preset": None, "vfs": 4}, "bridge": {}}
    return load_config({name: block for name, block in (FAST | base | blocks).items() if block is not None}, keys or {})


# ---- Configurations ----


def test_each_port_has_a_port_of_the_bridge_with_its_name():
    config = configured(port={"count": 4})
    assert list(config.bridge.ports) == ["p0", "p1", "p2", "p3", "outside"]
    assert load_config(config.resolved()) == config
    assert domains_of(config) == (Domain("", ("vf0", "vf1", "vf2", "vf3")),)
    assert tap_names(config) == ("p0", "p1", "p2", "p3", "outside")
    assert list(defaults_beside(config.resolved())["bridge"]["ports"]) == list(config.bridge.ports)


def test_ports_of_servers_are_named_after_them():
    servers = [{"name": "a"}, {"name": "b", "set": {"port.count": 1}},
               {"name": "c", "adapters": [{"name": "x", "set": {"port.count": 4}}, {"name": "y"}]}]  # fmt: skip
    config = configured(servers=servers)
    names = ["a.p0", "a.p1", "b", "c.x.p0", "c.x.p1", "c.x.p2", "c.x.p3", "c.y.p0", "c.y.p1"]
    assert list(config.bridge.ports) == [*names, "outside"]
    assert [name for server in servers_of(config) for name in server.wires] == names
    again = load_config(json.loads(json.dumps(config.resolved())))
    assert again == config and [one.config.port.count for one in servers_of(again)] == [2, 1, 4, 2]
    assert list(defaults_beside(config.resolved())["bridge"]["ports"]) == list(config.bridge.ports)


TWO = "port: {count: 2}\nnic: {vfs: 4}\n"
BAD = {
    "bridge: {ports: {p2: {}}}":
        ["bridge.ports.p2: no server is at this port, its wire has one end (did you mean p1?)"],
    "bridge: {ports: {adapter: {}}}":
        ["bridge.ports.adapter: no server is at this port, its wire has one end; ports are p0, p1, outside"],
    "bridge: {ports: {p1: {rate: 40Gbps}}}":
        ["bridge.ports.p1.rate: the ends of a wire have one rate, but port.rate of the adapter is 10Gbps"],
    "bridge: {}\nworkload: {pattern: flows, flows: [[vf0, p1.uplink]]}":
        ["workload.flows.0.1: there are no stations p1.uplink; a bridge joins all wires, and uplink is all who are "
         "outside (did you mean uplink?)"],
    "bridge: {}\nswitch: {ports: [{name: vf0, macs: ['02:00:00:00:09:09']}, {name: vf1, macs: ['02:00:00:00:09:09']}]}":
        ["switch.ports.vf1.macs: vf0 and vf1 both have 02:00:00:00:09:09 in VLAN 1 "
         "(--set switch.ports.vf1.macs=[...])"],
    "bridges: [{name: l, ports: {p0: {}, t: {to: r.t}}}, {name: r, ports: {t: {}}}]":
        ["bridges: no bridge has a port p1 for that port of the adapter (--set bridges.l.ports.p1={})"],
    "bridges: [{name: l, ports: {p0: {}, p1: {}, t: {to: r.t}}}, {name: r, ports: {p1: {}, t: {}}}]":
        ["bridges.r.ports.p1: port p1 is at l already; a port has one wire"],
    "bridges: [{name: l, ports: {p0: {}}}, {name: r, ports: {p1: {}}}]":
        ["bridges.r: no wire joins r to l (--set bridges.r.ports.NAME.to=l.NAME, and a port NAME there)"],
    "bridge: {kind: controlling}": [
        "bridge.kind: kind: controlling needs switch.mode vn_tag or e_tag, but it is veb"],
}  # fmt: skip


@pytest.mark.parametrize("text", BAD)
def test_what_is_wrong_is_a_line(text):
    found = [line.split(": ", 1)[1] for line in complaints(TWO + text)]
    assert found == BAD[text]


def test_interfaces_behind_one_extender_are_counted_on_over_all_ports():
    behind = {name: {"behind": "fex"} for name in ("a.p0", "a.p1", "b.p1")}
    config = configured(
        servers=[{"name": "a"}, {"name": "b"}], switch={"mode": "e_tag"},
        bridge={"kind": "controlling", "extenders": {"fex": {}}, "ports": behind},
    )  # fmt: skip
    first, second = ([port.ecid for port in server.config.switch.ports] for server in servers_of(config))
    assert (sorted(first), sorted(second)) == (list(range(1, 7)), list(range(7, 13)))  # two ports at each, so two PFs


# ---- Runs beside the closed form, and both beside what can be said by hand ----


@pytest.mark.parametrize("bridges", [{"bridge": {}}, {"bridge": None, "bridges": JOINED}], ids=["one", "two"])
def test_vms_of_one_port_reach_those_of_the_other_at_the_rate_of_both_wires(bridges):
    config = configured(**bridges)  # vf0 at p0 and vf1 at p1, and so on: all frames cross
    bound, result = limits(config), simulate(config)
    assert bound.gbps == pytest.approx(2 * LINE_GBPS, rel=1e-6) and bound.limited_by == "p0.wire.tx"
    assert result.totals.gbps == pytest.approx(2 * LINE_GBPS, rel=5e-3)
    assert [port.tx_gbps for port in result.ports] == pytest.approx([LINE_GBPS] * 2, rel=5e-3)


def test_a_frame_that_turns_around_comes_back_by_the_port_by_which_it_left():
    flows = {"pattern": "flows", "flows": [["vf0", "vf2"], ["vf2", "vf0"]]}  # both at p0
    result = simulate(configured({"bridge.announce": True}, workload=flows))
    assert result.totals.gbps == pytest.approx(LINE_GBPS, rel=5e-3)
    first, second = result.bridges[0].ports[:2]
    assert first.out_gbps == pytest.approx(LINE_GBPS, rel=5e-3)
    assert second.in_frames == second.out_frames == 0
    in_the_adapter = simulate(configured(workload=flows, switch={"mode": "veb"}))
    assert in_the_adapter.bridges[0].forwarded_frames == 0


def test_with_one_wire_dead_the_rest_goes_on():
    """Of pairs (vf0, vf1), (vf2, vf3) one end is at p1: all is lost, and frames within p0 are not."""
    flows = {"pattern": "flows", "flows": [["vf0", "vf2"], ["vf2", "vf0"], ["vf0", "vf1"], ["vf1", "vf2"]]}
    config = configured({"bridge.announce": True}, workload=flows, port={"count": 2, "down": ["p1"]})
    result, bound = simulate(config), limits(config)
    delivered = {(flow.from_, flow.to): flow.delivered for flow in result.flows}
    assert delivered["vf0", "vf1"] == delivered.get(("vf1", "vf2"), 0) == 0 < delivered["vf0", "vf2"]
    assert result.drops["LINK_DOWN"] > 1000 and result.totals.gbps <= bound.gbps * 1.01
    assert any("p1 is dead" in warning for warning in result.warnings)


def test_a_wire_that_dies_in_mid_run_loses_what_comes_then_and_lives_again():
    flows = {"pattern": "flows", "flows": [["vf0", "vf1", "2Gbps"], ["uplink", "vf1", "1Gbps"]]}
    events = [{"at": "1ms", "set": {"port.down": ["p1"]}}, {"at": "3ms", "set": {"port.down": []}}]
    result = simulate(configured({"run.warmup": "0ns", "bridge.announce": True}, workload=flows, scenario=events))
    sent = sum(flow.offered for flow in result.flows)
    n_lost = result.drops["LINK_DOWN"]
    assert n_lost == pytest.approx(sent / 2, rel=0.02)  # 2 of 4 ms; what is lost has been sent on by the bridge
    assert result.totals.delivered_frames + n_lost == pytest.approx(sent, abs=50)
    out = {port.name: port.out_frames for port in result.bridges[0].ports}
    assert out["p1"] == pytest.approx(sent, abs=50)


# ---- What else knows of them ----


def test_a_faster_wire_is_faster_at_both_ends_of_each():
    (wires,) = [one for one in relaxations_of(configured()) if "p0.wire.tx" in one.resources]
    assert {"p1.wire.rx", "bridge.p0", "bridge.p1"} <= set(wires.resources)
    assert {key for key, *_ in wires.changes} == {"port.rate", "bridge.ports.p0.rate", "bridge.ports.p1.rate"}


def test_all_ways_over_the_bridge_can_be_compared():
    configs, left_out = ways_of(configured({"bridge.kind": "controlling", "switch.mode": "e_tag"}))
    assert {way.name for way in configs} == {"sriov_veb", "vepa", "s_channel", "vn_tag", "e_tag", "vmdq"}
    assert set(left_out) == {"vswitch_pointer", "vswitch_copy"}


def test_the_picture_has_the_busiest_port():
    flows = {"pattern": "flows", "flows": [["vf1", "vf3"], ["vf3", "vf1"]]}
    result = simulate(configured(workload=flows))
    drawn = {one.port.name: one.resource for one in drawn_ports(result)}
    assert drawn == {"adapter": "bridge.p1", "outside": "bridge.outside"}
