"""The bridge at the other end of the wire: what follows where little is written, and what cannot be."""

from __future__ import annotations

import json

import pytest

from hwmodel.config import Config, config_from_mapping, reflects, servers_of
from hwmodel.config.bridge import Bridge, BridgePort, PolicyEntry
from hwmodel.config.resolve import fill_bridge
from hwmodel.config.system import outside_rate_bps
from tests.config_cases import complaints, load

TWO = "nic: {vfs: 2}\nservers: [{name: a}, {name: b}]\n"
PORT = {
    "rate": "10Gbps", "hairpin": None, "native_vlan": 1, "vlans": "all", "behind": "bridge", "s_channels": {},
    "translate": {},
}  # fmt: skip


def test_there_is_none_unless_it_is_asked_for_or_needed():
    assert [load(text).bridge for text in ("{}", "bridge: null", "bridge:")] == [None] * 3
    assert list(load("servers: [{name: a}]").bridge.ports) == ["a", "outside"]
    assert "bridge" not in load("{}").resolved()
    for text in ("bridge: {}", "bridge: {kind: learning}"):
        assert load(text) == load("bridge: {ports: {adapter: , outside: {}}}")
    assert load(TWO) == load(TWO + "bridge: {kind: learning}") == load(TWO + "bridge: null")


def test_the_defaults_stand_in_the_resolved_form():
    assert load("bridge: {}").resolved()["bridge"] == {
        "kind": "learning", "ports": {"adapter": PORT, "outside": PORT}, "extenders": {}, "latency": "500ns",
        "forwarding": "store_and_forward", "buffer": "1MiB", "sharing": "port", "propagation": "0ns", "table": 8192,
        "ageing": "300s", "announce": False, "policy": [],
    }  # fmt: skip


def test_ports_are_in_the_order_of_servers_and_outside_is_the_last():
    config = load("servers: [{name: z}, {name: b}, {name: a}]\nbridge: {ports: {outside: {}, a: {}, z: {}}}")
    assert list(config.bridge.ports) == ["z", "b", "a", "outside"]
    assert list(load("servers: [{name: z}]\nbridge: {}").bridge.ports) == ["z", "outside"]


def test_a_port_is_as_its_adapter_is():
    config = load(
        "port: {rate: 25Gbps}\nswitch: {uplink: {native_vlan: 7}}\n"
        "servers: [{name: a}, {name: b, set: {port.rate: 1Gbps, switch.uplink.native_vlan: null}}]\n"
        "nic: {strict: false}"
    )
    ports = config.bridge.ports
    assert {name: port.rate_bps // 10**9 for name, port in ports.items()} == {"a": 25, "b": 1, "outside": 25}
    assert {name: port.native_vlan for name, port in ports.items()} == {"a": 7, "b": None, "outside": 1}
    alone = load("nic: {preset: XL710}\nswitch: {uplink: {native_vlan: 3}}\nbridge: {ports: {outside: {rate: 1Gbps}}}")
    assert [port.rate_bps for port in alone.bridge.ports.values()] == [4 * 10**10, 10**9]
    assert [port.native_vlan for port in alone.bridge.ports.values()] == [3, 1]
    assert [outside_rate_bps(one) for one in (config, alone)] == [25 * 10**9, 10**9]


HAIRPIN = [
    ("veb", {}, [False, False, False]),
    ("vepa", {}, [True, True, True]),
    ("multichannel", {1: "veb", 20: "vepa"}, [False, False, True]),
    ("multichannel", {1: "vepa", 20: "single"}, [False, True, False]),
]


@pytest.mark.parametrize(("mode", "channels", "expected"), HAIRPIN)
def test_a_port_reflects_where_its_adapter_relies_on_it(mode, channels, expected):
    """Of the port itself, its S-channel 1, its S-channel 20."""
    config = config_from_mapping({"switch": {"mode": mode, "s_channels": channels}, "bridge": {}})
    port, (server,) = config.bridge.ports["adapter"], servers_of(config)
    assert [reflects(port, server.config.switch, channel) for channel in (None, 1, 20)] == expected
    for written in (True, False):
        given = port.model_copy(update={"hairpin": written})
        assert [reflects(given, server.config.switch, channel) for channel in (None, 1, 20)] == [written] * 3


def test_what_is_written_is_what_holds():
    bridge = load(
        TWO + "bridge: {kind: learning, latency: 0ns, forwarding: cut_through, buffer: 64KiB, sharing: all, "
        "propagation: 5ns, table: 1, ageing: 1us, ports: {a: {hairpin: true, native_vlan: null, vlans: [1, 2]}}, "
        "policy: [{port: a.vf0, action: police, rate: 1Gbps, burst: 4KiB}, {port: outside, action: deny}, "
        "{action: permit}]}"
    ).bridge
    assert (bridge.latency_fs, bridge.forwarding, bridge.buffer_bytes) == (0, "cut_through", 65536)
    assert (bridge.sharing, bridge.propagation_fs, bridge.table, bridge.ageing_fs) == ("all", 5 * 10**6, 1, 10**9)
    a = bridge.ports["a"]
    assert (a.hairpin, a.native_vlan, a.vlans, a.rate_bps) == (True, None, (1, 2), 10**10)
    assert [entry.port for entry in bridge.policy] == ["a.vf0", "outside", "all"]
    assert (bridge.policy[0].rate_bps, bridge.policy[0].burst_bytes) == (10**9, 4096)
    assert isinstance(bridge, Bridge)
    assert all(isinstance(port, BridgePort) for port in bridge.ports.values())
    assert all(isinstance(entry, PolicyEntry) for entry in bridge.policy)


ROUND = [
    "bridge: {}",
    "switch: {mode: vepa}\nbridge: {ports: {outside: {rate: 40Gbps}, adapter: {vlans: [1]}}}",
    "switch: {mode: e_tag}\nbridge: {kind: controlling, policy: [{port: vf0, action: deny, ethertype: 0x0806}]}",
    "switch: {mode: vn_tag}\nbridge: {kind: controlling}\nservers: [{name: a}, {name: b, set: {switch.mode: e_tag}}]",
    TWO + "bridge: {ageing: 20s, policy: [{port: b.pf, action: priority, priority: 3}]}",
]


@pytest.mark.parametrize("text", ROUND)
def test_the_resolved_form_is_the_same_configuration(text):
    config = load(text)
    again = load(json.dumps(config.resolved()))
    assert again == config
    assert again.resolved() == config.resolved()
    assert again.config_hash() == config.config_hash()


def test_a_bridge_changes_the_hash():
    hashes = [load(text).config_hash() for text in ("{}", "bridge: {}", "bridge: {latency: 1us}", *ROUND[1:])]
    assert len(set(hashes)) == len(hashes)


def test_any_key_can_be_set():
    config = load(
        "{}", ["bridge.kind=learning", "bridge.ports.outside.rate=40Gbps", "bridge.ports={adapter: {vlans: [1]}}"]
    )
    assert config == load("bridge: {ports: {outside: {rate: 40Gbps}, adapter: {vlans: [1]}}}")
    both = {"bridge.ports": {"outside": {"native_vlan": 2}}}
    outside = load("bridge: {ports: {outside: {rate: 1Gbps}}}", both).bridge.ports["outside"]
    assert (outside.rate_bps, outside.native_vlan) == (10**9, 2)
    assert load("bridge: {}", ["bridge=null"]) == load("{}")
    weights = load(TWO + "workload: {load: 0.5, weights: {a.vf1: 2}}", ["workload.weights.b.vf0=3"]).workload.weights
    assert weights == {"a.vf1": 2, "b.vf0": 3}


def test_nothing_is_filled_in_that_is_no_mapping():
    bridge = {"ports": ["a"]}
    fill_bridge(bridge, {"adapter": {}})
    assert bridge == {"ports": ["a"]}
    bridge = {"ports": {"adapter": 5}}
    fill_bridge(bridge, {"adapter": {"port": 3}})
    assert bridge == {"ports": {"adapter": 5, "outside": {"rate": "10Gbps", "native_vlan": 1}}}


POLICY = "bridge: {policy: [{%s}]}"
ONE_RATE = "the ends of a wire have one rate, but port.rate of"
REFUSED = [
    (TWO + "bridge: {ports: {c: {}}}",
     "c.yaml:3:21: bridge.ports.c: no server is at this port, its wire has one end; ports are a, b, outside"),
    (TWO + "bridge: {ports: {adapter: {}}}",
     "c.yaml:3:27: bridge.ports.adapter: no server is at this port, its wire has one end; ports are a, b, outside"),
    ("bridge: {ports: {adaptor: {}}}",
     "c.yaml:1:27: bridge.ports.adaptor: no server is at this port, its wire has one end (did you mean adapter?)"),
    ("bridge: {ports: {a: {rate: 1Gbps}}}",
     "c.yaml:1:21: bridge.ports.a: no server is at this port, its wire has one end; ports are adapter, outside"),
    ("bridge: {ports: {vf0: {}}}",
     "c.yaml:1:18: bridge.ports.vf0: vf0 has a meaning of its own and is no name of a port"),
    ("bridge: {ports: {1a: {}}}",
     "c.yaml:1:18: bridge.ports.1a: '1a' is not the name of a port; letters, digits, - and _, a letter first, 32 at "
     "most"),
    ("bridge: {ports: [adapter]}", "c.yaml:1:17: bridge.ports: a list where keys with values are expected"),
    ("bridge: learning", "c.yaml:1:9: bridge: 'learning' where keys with values are expected"),
    ("bridge: {port: {}}", "c.yaml:1:10: bridge.port: unknown key (did you mean ports?)"),
    ("bridge: {ports: {outside: {vlan: 1}}}",
     "c.yaml:1:28: bridge.ports.outside.vlan: unknown key (did you mean vlans?)"),
    ("bridge: {ports: {adapter: {rate: 40Gbps}}}",
     f"c.yaml:1:34: bridge.ports.adapter.rate: {ONE_RATE} the adapter is 10Gbps"),
    (TWO + "bridge: {ports: {b: {rate: 10Gbps}}}\nport: {rate: 1Gbps}",
     f"c.yaml:3:28: bridge.ports.b.rate: {ONE_RATE} b is 1Gbps"),
    ("bridge: {ports: {outside: {hairpin: true}}}",
     "c.yaml:1:37: bridge.ports.outside.hairpin: what comes from outside does not go back there; hairpin is for ports "
     "of "
     "adapters"),
    ("bridge: {kind: controlling}",
     "c.yaml:1:16: bridge.kind: kind: controlling needs switch.mode vn_tag or e_tag, but it is veb"),
    ("bridge: {kind: controlling}\nswitch: {mode: multichannel}",
     "c.yaml:2:16: switch.mode: kind: controlling needs switch.mode vn_tag or e_tag, but it is multichannel"),
    ("bridge: {}\nswitch: {mode: vn_tag}",
     "c.yaml:2:16: switch.mode: mode vn_tag needs a bridge of kind: controlling, but it is learning (--set "
     "bridge.kind=controlling)"),
    (TWO + "switch: {mode: e_tag}",
     "c.yaml:3:16: switch.mode: mode e_tag needs a bridge of kind: controlling, but it is learning (--set "
     "bridge.kind=controlling)"),
    ("switch: {mode: e_tag}\nbridge: {kind: controlling}\nservers: [{name: a}, {name: b, set: {switch.mode: veb}}]",
     "c.yaml:3:51: servers.b.set.switch.mode: kind: controlling needs switch.mode vn_tag or e_tag, but it is veb"),
    ("bridge: {kind: controlling}\nservers: [{name: a}, {name: b, set: {switch.mode: e_tag}}]",
     "c.yaml:1:16: bridge.kind: kind: controlling needs switch.mode vn_tag or e_tag, but it is veb (server a)"),
    ("switch: {mode: vn_tag, ports: [{name: vf0, vif: 3}]}\nbridge: {kind: controlling}",
     "c.yaml:1:49: switch.ports.vf0.vif: vf0 and vf1 both have VIF 3; unless written it is the port's number"),
    ("bridge: {kind: controlling}\nswitch: {mode: e_tag}\n"
     "servers: [{name: a}, {name: b, set: {switch.ports.vf0.ecid: 3}}]",
     "c.yaml:3:61: servers.b.set.switch.ports.vf0.ecid: vf0 and vf1 both have E-CID 3; unless written it is the port's "
     "number"),
    (POLICY % "action: police, rate: 1Gbps, burst: 1KiB",
     "c.yaml:1:56: bridge.policy.0.burst: a bucket of 1KiB never has the tokens for a frame of the workload, 1518 B or "
     "more: nothing would pass (write 2KiB or more)"),
    (POLICY % "action: police, rate: 1Gbps", "c.yaml:1:28: bridge.policy.0.action: action: police needs burst"),
    (POLICY % "action: deny, rate: 1Gbps",
     "c.yaml:1:40: bridge.policy.0.rate: rate is for action: police, but action is deny"),
    (POLICY % "action: priority", "c.yaml:1:28: bridge.policy.0.action: action: priority needs priority"),
    (POLICY % "port: vf0", "c.yaml:1:19: bridge.policy.0.action: this key is missing"),
    (POLICY % "port: vf8, action: deny",
     "c.yaml:1:26: bridge.policy.0.port: there is no vf8; nic.vfs is 8, vf0 to vf7"),
    (POLICY % "port: a.vf0, action: deny",
     "c.yaml:1:26: bridge.policy.0.port: there is no server a; without servers it is vf0 (did you mean vf0?)"),
    (POLICY % "port: uplink, action: deny",
     "c.yaml:1:26: bridge.policy.0.port: 'uplink' is not the name of a port here; pf, vf0, vf1 and so on, with "
     "servers a.vf0, all, outside (did you mean outside?)"),
    (TWO + POLICY % "port: c.vf0, action: deny",
     "c.yaml:3:26: bridge.policy.0.port: there is no server c; there are a, b"),
    ("bridge: {latency: -1ns}", "c.yaml:1:19: bridge.latency: '-1ns' is negative; a time is 0 or more"),
    ("bridge: {ageing: 999ns}", "c.yaml:1:18: bridge.ageing: 999ns is out of range; 1us to 4000s"),
    ("bridge: {table: 65537}", "c.yaml:1:17: bridge.table: 65537 is out of range; 1 to 65536"),
    ("bridge: {buffer: 1517B}",
     "c.yaml:1:18: bridge.buffer: 1517B never holds the longest frame of pf, 1518 B with its tags"),
    ("bridge: {buffer: 1523B, kind: controlling}\nswitch: {mode: vn_tag}",
     "c.yaml:1:18: bridge.buffer: 1523B never holds the longest frame of pf, 1524 B with its tags"),
    ("bridge: {buffer: 8KiB}\nservers: [{name: a}, {name: b, set: {switch.ports.vf1.max_frame: 9018B}}]",
     "c.yaml:2:66: servers.b.set.switch.ports.vf1.max_frame: 8KiB never holds the longest frame of b.vf1, 9018 B with "
     "its "
     "tags"),
    # 64 of 84 B are frame bits: 7.619 Gb/s of 10, whatever the rate at the adapter.
    ("port: {rate: 40Gbps}\nbridge: {ports: {outside: {rate: 10Gbps}}}\n"
     "workload: {pattern: flows, frame_bytes: 64, flows: [[uplink, vf0, 8Gbps]]}\nnic: {strict: false}",
     "c.yaml:3:53: workload.flows.0: 8Gbps of these frames is more than a port of 10Gbps carries: about 7619Mbps of "
     "them, "
     "beside preamble and gap (20 B each)"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "line"), REFUSED, ids=[text[-80:] for text, _ in REFUSED])
def test_what_cannot_be_is_one_line(text, line):
    assert complaints(text) == [line]


POSSIBLE = [
    "bridge: {buffer: 1518B, latency: 0ns}",
    "bridge: {ports: {outside: {hairpin: false, rate: 100Gbps}}}",
    "bridge: {}\nswitch: {mode: multichannel, s_channels: {1: veb}}",
    "port: {rate: 1Gbps}\nbridge: {ports: {outside: {rate: 10Gbps}}}\nworkload: {external: {rate: 9Gbps}}",
    TWO + "bridge: {}\nworkload: {pattern: flows, flows: [[a.vf0, b.vf0], [uplink, b.pf, 1Gbps], [b.vf1, uplink]]}",
]


@pytest.mark.parametrize("text", POSSIBLE)
def test_what_can_be_is_let_through(text):
    assert isinstance(load(text), Config)


def test_a_share_is_one_of_all_servers_ports():
    """Of two ports of 10 Gb/s, 0.6 is more than the 10 Gb/s of `outside`; it fits where that has 40 Gb/s."""
    text = "servers: [{name: a}, {name: b}]\nworkload: {pattern: flows, load: 0.6, flows: [[uplink, a.vf0]]}"
    assert complaints(text) == [
        "c.yaml:2:34: workload.load: the frames from the wire, all together, take 120 % of a port of 10Gbps, counting "
        "each with 20 B"
    ]
    load(text, ["bridge.ports.outside.rate=40Gbps"])
