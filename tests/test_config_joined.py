"""Several bridges in the configuration: what a wire's ends say of each other, and what cannot be, a line each."""

from __future__ import annotations

import json

import pytest

from hwmodel.config import bridge_with, bridges_of, config_from_mapping, load_config, servers_of
from hwmodel.config.bridge import JoinedPort
from hwmodel.config.check_bridge import check_joined
from hwmodel.config.document import Document
from hwmodel.config.findings import Doubts, Findings, Part
from hwmodel.errors import InputError

SERVERS = [{"name": "a"}, {"name": "b"}]


def of(left, right, *others, servers=SERVERS, **more):
    bridges = [{"name": "left", "ports": left}, {"name": "right", "ports": right}, *others]
    return config_from_mapping({"servers": servers, "bridges": bridges, **more})


TRUNK = {"a": {}, "trunk": {"to": "right.trunk"}}
LINE = "servers: [{name: a}, {name: b}]\nbridges:\n  - {name: left, ports: {%s}}\n  - {name: right, ports: {%s}}\n"


def text(left="a: {}, t: {to: right.t}", right="b: {}, t: {}", more=""):
    return LINE % (left, right) + more


def complaints(tmp_path, content):
    path = tmp_path / "c.yaml"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        load_config(path)
    return [line.removeprefix(f"{tmp_path}/") for line in caught.value.lines]


def test_both_ends_of_a_wire_say_the_same_whichever_is_written():
    one = of(TRUNK, {"b": {}, "trunk": {"rate": "25Gbps", "propagation": "3ns"}})
    other = of({"a": {}, "trunk": {"rate": "25Gbps"}}, {"b": {}, "trunk": {"to": "left.trunk", "propagation": "3ns"}})
    both = of({"a": {}, "trunk": {"to": "right.trunk", "rate": "25Gbps", "propagation": "3ns"}},
              {"b": {}, "trunk": {"to": "left.trunk", "rate": "25Gbps", "propagation": "3ns"}})  # fmt: skip
    assert one.resolved() == other.resolved() == both.resolved()
    ends = [bridge.settings.ports["trunk"] for bridge in bridges_of(one)]
    assert [(end.to, end.rate_bps, end.propagation_fs) for end in ends] == [
        ("right.trunk", 25 * 10**9, 3 * 10**6), ("left.trunk", 25 * 10**9, 3 * 10**6),
    ]  # fmt: skip
    again = config_from_mapping(json.loads(json.dumps(one.resolved())))
    assert again.resolved() == one.resolved() and again.config_hash() == one.config_hash()


def test_what_no_end_says_is_the_first_adapters_rate_and_the_first_bridges_propagation():
    servers = [{"name": "a", "set": {"nic.strict": False, "port.rate": "40Gbps"}}, {"name": "b"}]
    config = config_from_mapping({"servers": servers, "bridges": [
        {"name": "left", "propagation": "5ns", "ports": {"b": {}, "trunk": {}}},
        {"name": "right", "propagation": "9ns", "ports": {"a": {}, "trunk": {"to": "left.trunk"}}},
    ]})  # fmt: skip
    left, right = bridges_of(config)
    for bridge in (left, right):
        assert (bridge.settings.ports["trunk"].rate_bps, bridge.propagation_fs("trunk")) == (40 * 10**9, 5 * 10**6)
    assert (left.propagation_fs("b"), right.propagation_fs("a")) == (5 * 10**6, 9 * 10**6)
    assert list(left.settings.ports) == ["b", "outside", "trunk"] and list(right.settings.ports) == ["a", "trunk"]


def test_outside_is_at_the_bridge_that_lists_it():
    assert bridge_with(of(TRUNK, {"b": {}, "trunk": {}}), "outside").name == "left"
    config = of(TRUNK, {"b": {}, "trunk": {}, "outside": {"rate": "1Gbps"}})
    assert bridge_with(config, "outside").name == "right"
    assert list(bridges_of(config)[1].settings.ports) == ["b", "outside", "trunk"]


def test_one_bridge_is_as_before_and_none_is_none():
    config = config_from_mapping({"bridge": {"propagation": "7ns"}})
    (bridge,) = bridges_of(config)
    assert (bridge.name, bridge.key, bridge.wires, bridge.is_joined) == ("bridge", "bridge", {}, False)
    assert bridge.propagation_fs("adapter") == 7 * 10**6
    assert "bridges" not in config.resolved() and "to" not in config.resolved()["bridge"]["ports"]["adapter"]
    assert bridges_of(config_from_mapping({})) == ()
    assert bridge_with(config_from_mapping({}), "adapter") is None


def test_names_lead_to_keys_on_the_command_line(tmp_path):
    path = tmp_path / "c.yaml"
    path.write_text(text(), encoding="utf-8")
    config = load_config(path, ["bridges.left.ports.t.rate=40Gbps", "bridges.right.latency=1us"])
    left, right = bridges_of(config)
    assert right.settings.ports["t"].rate_bps == left.settings.ports["t"].rate_bps == 40 * 10**9
    assert right.settings.latency_fs == 10**9


def test_interfaces_behind_extenders_are_counted_on_at_each_bridge_by_itself():
    behind = {"extenders": {"x": {}}, "kind": "controlling"}
    ports = ({"a": {"behind": "x"}, "b": {"behind": "x"}, "t": {"to": "right.t"}}, {"c": {"behind": "y"}, "t": {}})
    config = config_from_mapping({
        "switch": {"mode": "e_tag"}, "nic": {"vfs": 1}, "workload": {"pattern": "uniform"},
        "servers": [*SERVERS, {"name": "c"}], "bridges": [
            {"name": "left", "ports": ports[0], **behind},
            {"name": "right", "ports": ports[1], "kind": "controlling", "extenders": {"y": {}}},
        ]})  # fmt: skip
    found = {server.name: [port.ecid for port in server.config.switch.ports] for server in servers_of(config)}
    assert found == {"a": [1, 2], "b": [3, 4], "c": [1, 2]}


ONE_END = "no server is at this port, its wire has one end; ports are a, b, outside, and those to another bridge (to: "
LOOP = "a loop, in which a flooded frame never ends; one of its wires has to go"
REFUSED = [
    (text("a: {}, t: {to: rigth.t}"), "3:41: bridges.left.ports.t.to: there is no bridge rigth (did you mean right?)"),
    (text("a: {}, t: {to: far.t}"), "3:41: bridges.left.ports.t.to: there is no bridge far; there are left, right"),
    (text("a: {}, t: {to: right.u}"), "3:41: bridges.left.ports.t.to: right has no port u, so the wire has one end "
     "(--set bridges.right.ports.u={})"),
    (text("a: {}, t: {to: right.t}, x: {to: right.t}"),
     "3:59: bridges.left.ports.x.to: right.t leads to left.t, so the wire from left.x has one end"),
    (text("a: {}, t: {to: right.t}, u: {}"), "3:54: bridges.left.ports.u: " + ONE_END + "BRIDGE.PORT)"),
    (text("a: {}, t: {to: right.t, rate: 1Gbps}", "b: {}, t: {rate: 2Gbps}"),
     "4:44: bridges.right.ports.t.rate: the ends of a wire have one rate, but that of left.t is 1Gbps"),
    (text("a: {}, t: {to: right.t, propagation: 1us}", "b: {}, t: {propagation: 2us}"),
     "4:51: bridges.right.ports.t.propagation: the ends of a wire have one propagation, but that of left.t is 1us"),
    (text("a: {rate: 1Gbps}, t: {to: right.t}"),
     "3:36: bridges.left.ports.a.rate: the ends of a wire have one rate, but port.rate of a is 10Gbps"),
    (text("a: {}, b: {}, t: {to: right.t}"),
     "4:30: bridges.right.ports.b: server b is at left already; an adapter has one wire"),
    (text("t: {to: right.t}"),
     "3:3: bridges: no bridge has a port for server a (--set bridges.left.ports.a={})"),
    (text("a: {}, outside: {}, t: {to: right.t}", "b: {}, t: {}, outside: {}"),
     "4:50: bridges.right.ports.outside: the stations outside are at left already"),
    (text("a: {}, t: {to: right.t}, u: {to: right.u}", "b: {}, t: {}, u: {}"),
     "3:59: bridges.left.ports.u.to: left.u to right.u, right.t to left.t: " + LOOP),
    (text("a: {}, t: {to: right.t}, w: {}", "b: {}, t: {}, u: {to: far.u}",
          "  - {name: far, ports: {u: {}, w: {to: left.w}}}\n"),
     "4:49: bridges.right.ports.u.to: right.u to far.u, far.w to left.w, left.t to right.t: " + LOOP),
    (text("a: {}, t: {to: right.t}, u: {to: left.u}"), "3:59: bridges.left.ports.u.to: left.u to left.u: " + LOOP),
    (text("a: {}", "b: {}"), "4:5: bridges.right: no wire joins right to left (--set bridges.right.ports.NAME.to="
     "left.NAME, and a port NAME there)"),
    (text(more="  - {name: far}\n"), "5:5: bridges.far: nothing is at this bridge, neither a server nor a wire"),
    (text("a: {}, t: {to: right.t}", "b: {}, t: {}, u: {to: far.u}", "  - {name: far, ports: {u: {}}}\n"),
     "5:24: bridges.far.ports: nothing is at this bridge but one wire to another"),
    (text("a: {to: right.t}, t: {to: right.t}"),
     "3:34: bridges.left.ports.a.to: the port a leads to server a, and nowhere else"),
    (text("a: {}, outside: {to: right.t}, t: {to: right.t}"),
     "3:47: bridges.left.ports.outside.to: the port outside leads to the stations outside, and nowhere else"),
    (text("a: {}, t: {to: right.b}"),
     "3:41: bridges.left.ports.t.to: right.b leads to server b; a wire has a port of its own at each end"),
    (text("a: {}, t: {to: right}"),
     "3:41: bridges.left.ports.t.to: 'right' is not a port of a bridge; write it like right.trunk"),
    (text("a: {}, t: {to: right.t, hairpin: true}"),
     "3:59: bridges.left.ports.t.hairpin: what comes from a bridge does not go back there; hairpin is for adapters"),
    (text("a: {}, t: {to: right.t, behind: x}"),
     "3:58: bridges.left.ports.t.behind: wires to other bridges are at the bridge itself"),
    (text("a: {}, t: {to: right.t, s_channels: {10: {}}}"), "3:62: bridges.left.ports.t.s_channels: service levels are "
     "for ports of adapters, not for wires to bridges"),
    (text("a: {}, t: {to: right.t, translate: {5: 6}}"), "3:61: bridges.left.ports.t.translate: VLANs are translated "
     "at ports of adapters, not at wires to bridges"),
    (text().replace("left", "right", 1), "4:12: bridges.right.name: there is a bridge right already"),
    (text().replace("name: left", "name: a"), "3:12: bridges.a.name: there is a server a already"),
    (text().replace("name: left", "name: bridge"),
     "3:12: bridges.bridge.name: bridge has a meaning of its own and is no name of a bridge"),
    (text() + "bridge: {}\n",
     "5:9: bridge: bridge is one without a name, and bridges lists several; write one of both"),
    ("bridges: [{name: left}]", "1:10: bridges: one bridge alone has no name; write it as bridge: {...}"),
    (text().replace("name: left", "name: left, kind: controlling"),
     "3:24: bridges.left.kind: kind: controlling needs switch.mode vn_tag or e_tag, but it is veb (server a)"),
    (text("a: {}, b: {}, t: {to: right.t}", "t: {}, outside: {}").replace("right, ", "right, kind: controlling, "),
     "4:25: bridges.right.kind: kind: controlling is for adapters in mode vn_tag or e_tag, and none is at right"),
    (text().replace("name: b}", "name: b, set: {switch.mode: e_tag}}"),
     "1:51: servers.b.set.switch.mode: mode e_tag needs a bridge of kind: controlling, but it is learning "
     "(--set bridges.right.kind=controlling)"),
    (text().replace("name: right", "name: right, buffer: 100B"),
     "4:27: bridges.right.buffer: 100B never holds the longest frame of a.pf, 1518 B with its tags"),
    (text().replace("name: left", "name: left, policy: [{port: c.vf0, action: deny}]"),
     "3:34: bridges.left.policy.0.port: there is no server c; there are a, b"),
    (text("a: {behind: x}, t: {to: right.t}"),
     "3:38: bridges.left.ports.a.behind: there is no extender x; write bridge"),
    (text().replace("name: left", "name: left, extenders: {right: {}}"),
     "4:12: bridges.right.name: there is an extender right already"),
]  # fmt: skip


@pytest.mark.parametrize(("content", "line"), REFUSED, ids=[str(number) for number in range(len(REFUSED))])
def test_what_cannot_be_is_one_line(tmp_path, content, line):
    found = complaints(tmp_path, content)
    if "extenders" in content:
        found = [each for each in found if "extender right already" in each]
    assert found == [f"c.yaml:{line}"], found


def test_the_check_gives_the_wires():
    config = of(TRUNK, {"b": {}, "trunk": {}})
    findings = Findings(Document("c.yaml", config.resolved()), Doubts())
    parts = [Part(server, findings) for server in servers_of(config)]
    ((one, other),) = check_joined(config, findings, parts)
    assert (one.name, other.name) == ("left.trunk", "right.trunk") and findings.problems == []
    assert isinstance(one.port, JoinedPort)
    assert check_joined(config_from_mapping({"bridge": {}}), findings, parts) == []
