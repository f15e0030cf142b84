"""Port extenders in a configuration: what follows where little is written, and what cannot be, a line each."""

from __future__ import annotations

import json

import pytest

from hwmodel.config import servers_of
from hwmodel.config.bridge import interfaces_before, way_up
from tests.config_cases import complaints, load

TWO = "nic: {vfs: 2}\nswitch: {mode: e_tag}\nservers: [{name: a}, {name: b}]\n"
BRIDGE = "bridge: {kind: controlling, extenders: {%s}, ports: {%s}}"


def of(extenders, ports, servers=TWO):
    return servers + BRIDGE % (extenders, ports)


def interfaces(config, key):
    return {
        server.station(port.name): getattr(port, key)
        for server in servers_of(config)
        for port in server.config.switch.ports
    }


def test_the_defaults_stand_in_the_resolved_form():
    config = load("port: {rate: 1Gbps}\n" + of("x: ", "a: {behind: x}"))
    assert config.resolved()["bridge"]["extenders"] == {
        "x": {"rate": "1Gbps", "behind": "bridge", "latency": "500ns", "forwarding": "store_and_forward",
              "buffer": "1MiB", "sharing": "port"},
    }  # fmt: skip
    assert {name: port.behind for name, port in config.bridge.ports.items()} == {
        "a": "x", "b": "bridge", "outside": "bridge",
    }  # fmt: skip


def test_what_is_above_a_port():
    config = load(of("x: {behind: y}, y: {behind: z}, z: {}", "a: {behind: x}, b: {behind: z}"))
    assert [config.bridge.above(name) for name in ("a", "b", "outside")] == [("x", "y", "z"), ("z",), ()]
    assert way_up("x", {"x": "y", "y": "x"}) is None
    assert way_up("x", {"y": "bridge"}) is None


@pytest.mark.parametrize(("mode", "key"), [("e_tag", "ecid"), ("vn_tag", "vif")])
def test_interfaces_behind_one_port_of_the_bridge_are_counted_on(mode, key):
    """a and c are below x, of which c one level deeper; b is at the bridge, d below another port."""
    servers = (
        "switch: {mode: %s}\nnic: {vfs: 1}\nservers: [{name: a, set: {nic.vfs: 3}}, {name: b}, {name: c}, {name: d}]"
    )
    config = load(of("x: {}, y: {behind: x}, z: {}", "a: {behind: x}, c: {behind: y}, d: {behind: z}",
                     servers % mode + "\n"))  # fmt: skip
    assert interfaces(config, key) == {
        "a.pf": 1, "a.vf0": 2, "a.vf1": 3, "a.vf2": 4, "b.pf": 1, "b.vf0": 2, "c.pf": 5, "c.vf0": 6, "d.pf": 1,
        "d.vf0": 2,
    }  # fmt: skip
    again = load(json.dumps(config.resolved()))
    assert interfaces(again, key) == interfaces(config, key)
    assert again.config_hash() == config.config_hash()


def test_a_written_interface_stays():
    text = TWO.replace("{name: b}", "{name: b, set: {switch.ports.vf0.ecid: 700}}")
    assert interfaces(load(of("x: ", "a: {behind: x}, b: {behind: x}", text)), "ecid") == {
        "a.pf": 1, "a.vf0": 2, "a.vf1": 3, "b.pf": 4, "b.vf0": 700, "b.vf1": 6,
    }  # fmt: skip


@pytest.mark.parametrize(
    "bridge",
    [
        None, [], {"extenders": 5, "ports": [1]}, {"extenders": {"x": None}, "ports": {"a": None}},
        {"extenders": {"x": {"behind": 3}}, "ports": {"a": {"behind": ["x"]}}},
        {"extenders": {"x": {"behind": "x"}}, "ports": {"a": {"behind": "x"}}},
    ],
)  # fmt: skip
def test_wrong_data_count_nothing(bridge):
    assert interfaces_before({"bridge": bridge}, {"a": 3, "b": 4}, {"a": 1, "b": 1}) == {"a": 0, "b": 0}


def test_keys_are_set_as_others():
    whole = load(of("x: {rate: 40Gbps, latency: 1us}", "a: {behind: x}"))
    overrides = ["bridge.kind=controlling", "bridge.extenders.x.rate=40Gbps", "bridge.extenders.x.latency=1us",
                 "bridge.ports.a.behind=x"]  # fmt: skip
    assert load(TWO, overrides) == whole


HERE = "c.yaml:4:"
LOOP = "a loop, from which nothing comes to the bridge"
TO = "and are behind one port of the bridge, that to"
NO_NAME = "is not the name of an extender; letters, digits, - and _, a letter first, 32 at most"
REFUSED = [
    (of("x: {behind: y}, y: {behind: x}", "a: {behind: x}"),
     HERE + "53: bridge.extenders.x.behind: x is behind y, y is behind x: " + LOOP),
    (of("x: {behind: x}", "a: {behind: x}"),
     HERE + "53: bridge.extenders.x.behind: x is behind itself: " + LOOP),
    (of("w: {behind: x}, x: {behind: y}, y: {behind: z}, z: {behind: x}", "a: {behind: w}"),
     HERE + "69: bridge.extenders.x.behind: x is behind y, y is behind z, z is behind x: " + LOOP),
    (of("fex1: {behind: fex}, fex0: {}", "a: {behind: fex1}, b: {behind: fex0}"),
     HERE + "56: bridge.extenders.fex1.behind: there is no extender fex (did you mean fex0?)"),
    (of("x: ", "a: {behind: x}, b: {behind: cabinet}"),
     HERE + "83: bridge.ports.b.behind: there is no extender cabinet; write one of bridge, x"),
    (of("", "a: {behind: x}"), HERE + "64: bridge.ports.a.behind: there is no extender x; write bridge"),
    (of("a: {}", "a: {behind: a}"),
     HERE + "44: bridge.extenders.a: there is a server a already, with a port of this name"),
    (of("bridge: {}", ""), HERE + "49: bridge.extenders.bridge: bridge has a meaning of its own and is no name of an "
     "extender"),
    (of("vf0: {}", ""),
     HERE + "41: bridge.extenders.vf0: vf0 has a meaning of its own and is no name of an extender"),
    (of("outside: {}", ""),
     HERE + "41: bridge.extenders.outside: outside has a meaning of its own and is no name of an extender"),
    (of("x: ", "a: {behind: x}, outside: {behind: x}"),
     HERE + "89: bridge.ports.outside.behind: the stations outside are at the bridge itself"),
    (of("x: ", ""), HERE + "43: bridge.extenders.x: nothing is behind x (--set bridge.ports.a.behind=x)"),
    (of("x: {}, y: {behind: x}, z: {behind: y}", ""),
     HERE + "67: bridge.extenders.z: nothing is behind z (--set bridge.ports.a.behind=z)"),
    (of("x: {rat: 1Gbps}", "a: {behind: x}"), HERE + "45: bridge.extenders.x.rat: unknown key (did you mean rate?)"),
    (of("x: {rate: 0Gbps}", "a: {behind: x}"), HERE + "51: bridge.extenders.x.rate: 0Gbps is out of range; 1Mbps to "
     "1000Gbps"),
    (of("x: {buffer: 1000B}", "a: {behind: x}"),
     HERE + "53: bridge.extenders.x.buffer: 1000B never holds the longest frame of a.pf, 1526 B with its tags"),
    (TWO + "bridge: {kind: controlling, extenders: [x]}",
     HERE + "40: bridge.extenders: a list where keys with values are expected"),
    (of("x: ", "a: {behind: 5}"),
     HERE + "67: bridge.ports.a.behind: 5 " + NO_NAME),
    ("bridge: {extenders: {x: {}}, ports: {adapter: {behind: x}}}",
     "c.yaml:1:21: bridge.extenders: extenders need a bridge of kind: controlling, and adapters in mode vn_tag or "
     "e_tag"),
    ("switch: {mode: vn_tag}\nbridge: {extenders: {x: {}}, ports: {adapter: {behind: x}}}",
     "c.yaml:1:16: switch.mode: mode vn_tag needs a bridge of kind: controlling, but it is learning (--set "
     "bridge.kind=controlling)"),
    ("bridge: {kind: controlling, extenders: {x: {}}, ports: {adapter: {behind: x}}}",
     "c.yaml:1:16: bridge.kind: kind: controlling needs switch.mode vn_tag or e_tag, but it is veb"),
    (of("x: ", "a: {behind: x}, b: {behind: x}", TWO.replace("{name: b}", "{name: b, set: {switch.mode: vn_tag}}")),
     "c.yaml:3:51: servers.b.set.switch.mode: all behind x have tags of one kind, but b has VN-Tags and a E-TAGs"),
    (of("x: ", "a: {behind: x}, b: {behind: x}", TWO.replace("{name: b}", "{name: b, set: {switch.ports.pf.ecid: 3}}")),
     "c.yaml:3:60: servers.b.set.switch.ports.pf.ecid: a.vf1 and b.pf both have E-CID 3, " + TO + " x"),
    (of("y: {}, x: {behind: y}", "a: {behind: x}, b: {behind: y}",
        "switch: {mode: vn_tag, ports: [{name: vf0, vif: 99}]}\nservers: [{name: a}, {name: b}]\n# 3\n"),
     "c.yaml:1:49: switch.ports.vf0.vif: a.vf0 and b.vf0 both have VIF 99, " + TO + " y"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "line"), REFUSED, ids=[str(number) for number in range(len(REFUSED))])
def test_what_cannot_be_is_one_line(text, line):
    found = complaints(text)
    assert found == [line], found


POSSIBLE = [
    of("x: ", "a: {behind: x}, b: {behind: bridge}"),
    of("x: , y: ", "a: {behind: x}, b: {behind: y}", TWO.replace("{name: b}", "{name: b, set: {switch.mode: vn_tag}}")),
    of("x: , y: ", "a: {behind: x}, b: {behind: y}", TWO.replace("b}", "b, set: {switch.ports.pf.ecid: 9}}")),
    "switch: {mode: vn_tag}\nbridge: {kind: controlling, extenders: {x: {}}, ports: {adapter: {behind: x}}}",
]  # fmt: skip


@pytest.mark.parametrize("text", POSSIBLE)
def test_what_can_be_is_let_through(text):
    assert load(text).bridge.extenders
