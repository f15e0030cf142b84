"""Access lists that look behind the type, and guards: what a configuration says of them, and what is wrong."""

from __future__ import annotations

import re
from ipaddress import ip_network
from pathlib import Path

import pytest
import yaml

from hwmodel.config import bridges_of, config_from_mapping, load_config, servers_of
from hwmodel.config.bridge_ports import ports_of
from hwmodel.config.check_access_lists import check_access_lists, check_rule
from hwmodel.config.check_controls import check_controls
from hwmodel.config.document import Document
from hwmodel.config.findings import Doubts, Findings
from hwmodel.config.guards import GUARDS, NEED_ADDRESSES
from hwmodel.config.names import Mac
from hwmodel.config.packet_kinds import ArpOperation, IpPrefix, OwnOr, Protocol, Span
from hwmodel.config.switch import AclEntry
from hwmodel.config.topology import Topology
from hwmodel.errors import InputError

PLACE = r"c\.yaml:3:[0-9]+: switch\."
WRONG = {
    "acl: [{source_port: 22, action: deny}]": r"acl\.0\.source_port: it needs protocol: tcp, udp or sctp",
    "acl: [{protocol: icmp, destination_port: 22, action: deny}]":
        r"acl\.0\.destination_port: it needs protocol: tcp, udp or sctp",
    "acl: [{protocol: tcp, icmp_type: 8, action: deny}]": r"acl\.0\.icmp_type: it needs protocol: icmp or icmpv6",
    "acl: [{protocol: udp, nd_target: 'fd00::1', action: deny}]": r"acl\.0\.nd_target: it needs protocol: icmpv6",
    "acl: [{protocol: icmpv6, icmp_type: 134, nd_target: 'fd00::1', action: deny}]":
        r"acl\.0\.nd_target: it is of icmp_type 135 and 136",
    "acl: [{ethertype: 0x0800, source_ip: 'fd00::/8', action: deny}]":
        r"acl\.0\.ethertype: ethertype and source_ip are never in one frame: ethertype is 0x0800, source_ip is of IPv6",
    "acl: [{ethertype: 0x86DD, arp_operation: reply, action: deny}]":
        r"acl\.0\.ethertype: ethertype and arp_operation are never in one frame: .* arp_operation is of ARP",
    "acl: [{source_ip: 10.0.0.1, destination_ip: 'fd00::1', action: deny}]":
        r"acl\.0\.source_ip: source_ip and destination_ip are never in one frame: source_ip is of IPv4, .* of IPv6",
    "acl: [{source_ip: 10.0.0.1, arp_sender_ip: 10.0.0.1, action: deny}]":
        r"acl\.0\.source_ip: source_ip and arp_sender_ip are never in one frame",
    "acl: [{protocol: icmpv6, source_ip: 10.0.0.0/8, action: deny}]":
        r"acl\.0\.protocol: protocol and source_ip are never in one frame: protocol is of IPv6, source_ip is of IPv4",
    "acl: [{ethertype: 0x88B5, protocol: tcp, action: deny}]":
        r"acl\.0\.ethertype: .*ethertype is 0x88b5, protocol is of IPv4 or of IPv6",
    "acl: [{source_ip: 10.0.0.1/8, action: deny}]":
        r"acl\.0\.source_ip: 10.0.0.1/8 has bits set behind its prefix \(did you mean 10.0.0.0/8\?\)",
    "acl: [{source_ip: 10.0.0, action: deny}]": r"acl\.0\.source_ip: '10.0.0' is not an address or prefix of IP; write",
    "acl: [{arp_sender_ip: 'fd00::1', action: deny}]":
        r"acl\.0\.arp_sender_ip: 'fd00::1' is not an address or prefix of IPv4; write it like 10.0.0.0/8",
    "acl: [{arp_target_ip: own, action: deny}]": r"acl\.0\.arp_target_ip: 'own' is not an address or prefix of IPv4",
    "acl: [{protocol: tpc, action: deny}]": r"acl\.0\.protocol: 'tpc' is not a protocol; .* \(did you mean tcp\?\)",
    "acl: [{protocol: 300, action: deny}]": r"acl\.0\.protocol: 300 is out of range; 0 to 255",
    "acl: [{protocol: tcp, source_port: 70000, action: deny}]": r"acl\.0\.source_port: 70000 is out of range",
    "acl: [{protocol: tcp, source_port: 20-10, action: deny}]":
        r"acl\.0\.source_port: 20-10 ends before it begins \(did you mean 10-20\?\)",
    "acl: [{protocol: tcp, source_port: ssh, action: deny}]": r"acl\.0\.source_port: 'ssh' is not a port or a range",
    "acl: [{arp_operation: repl, action: deny}]": r"acl\.0\.arp_operation: 'repl' is not an operation .*mean reply",
    "acl: [{arp_sender_mac: 1, action: deny}]": r"acl\.0\.arp_sender_mac: 1 is not a MAC address",
    "acl: [{source_ip: own, action: permit}]":
        r"acl\.0\.source_ip: own is one of the sender's ips, and no station has any \(switch.ports: \[{name: pf",
    "ports: [{name: vf0, ips: [10.0.0.1]}], acl: [{port: vf1, source_ip: own, action: permit}]":
        r"acl\.0\.source_ip: own is one of the sender's ips, and vf1 has none",
    "ports: [{name: vf0, guards: [ip], ips: []}]":
        r"ports\.vf0\.guards: ip lets vf0 send from its own addresses alone, and it has none",
    "ports: [{name: vf0, guards: [arp], macs: []}]":
        r"ports\.vf0\.guards: arp is about the station's own addresses, and vf0 has no macs",
    "ports: [{name: vf0, guards: [arps]}]": r"ports\.vf0\.guards\.0: 'arps' is not one of arp, dhcp, nd, ip",
    "ports: [{name: all, ips: [10.0.0.1]}]": r"ports\.all\.ips: no two stations have the same",
}  # fmt: skip


@pytest.mark.parametrize("text", WRONG)
def test_what_is_wrong_is_said_in_a_line(tmp_path, text):
    path = tmp_path / "c.yaml"
    path.write_text(
        f"nic: {{strict: false, vfs: 4}}\nworkload: {{pattern: ring}}\nswitch: {{{text}}}\n", encoding="utf-8"
    )
    with pytest.raises(InputError, match=PLACE + WRONG[text]) as error:
        load_config(path)
    assert len(error.value.lines) == 1


GOOD = {
    "ports": [
        {"name": "all", "guards": ["arp", "dhcp", "nd", "ip"]},
        {"name": "vf1", "ips": ["10.9.0.1", "fd00::/64"], "guards": ["ip"]},
        {"name": "vf2", "guards": []},
    ],
    "acl": [
        {"protocol": "tcp", "source_ip": "own", "destination_port": "22-23", "action": "deny"},
        {"protocol": "icmpv6", "icmp_type": 136, "nd_target": "fd00::1", "action": "permit"},
        {"arp_operation": "reply", "arp_sender_mac": "own", "arp_target_ip": "10.0.0.0/8", "action": "deny"},
        {"protocol": 47, "ethertype": "0x0800", "action": "priority", "priority": 3},
    ],
}


def test_what_is_written_is_said_again_and_nothing_else():
    nic = {"strict": False, "vfs": 3}
    config = config_from_mapping({"nic": nic, "workload": {"pattern": "ring"}, "switch": GOOD})
    said = config.resolved()["switch"]
    assert [
        {key: value for key, value in entry.items() if value is not None and key != "port"} for entry in said["acl"]
    ] == GOOD["acl"]
    ips = {port["name"]: port.get("ips") for port in said["ports"]}
    assert ips == {"pf": ["10.0.0.2"], "vf0": ["10.0.0.3"], "vf1": ["10.9.0.1", "fd00::/64"], "vf2": None}
    assert config_from_mapping(config.resolved()) == config
    plain = config_from_mapping({"nic": {"vfs": 3}, "workload": {"pattern": "ring"}})
    assert not {"ips", "guards"} & set(plain.resolved()["switch"]["ports"][0])


def test_servers_have_addresses_of_their_own():
    config = config_from_mapping(
        {"nic": {"strict": False, "vfs": 2}, "servers": [{"name": "a"}, {"name": "b"}], "workload": {"pattern": "ring"},
         "switch": {"ports": [{"name": "all", "guards": ["ip"]}]}},
    )  # fmt: skip
    found = [[str(port.ips[0]) for port in server.config.switch.ports] for server in servers_of(config)]
    assert found == [["10.0.0.2/32", "10.0.0.3/32", "10.0.0.4/32"], ["10.1.0.2/32", "10.1.0.3/32", "10.1.0.4/32"]]


VSWITCH = {
    "nic": {"mode": "vswitch", "vfs": 2}, "host": {"virtual_switch": {"flow_cache": {}}},
    "workload": {"pattern": "ring", "connections": 10},
}  # fmt: skip


def test_wildcards_by_stations_are_refused_where_rules_look_at_ports():
    by_port = {"acl": [{"protocol": "tcp", "destination_port": 22, "action": "deny"}]}
    with pytest.raises(InputError, match="a rule for ports tells connections"):
        config_from_mapping(VSWITCH | {"switch": by_port})
    connections = {"virtual_switch": {"flow_cache": {"wildcard_match": "connections"}}}
    config_from_mapping(VSWITCH | {"switch": by_port, "host": connections})
    config_from_mapping(
        VSWITCH | {"nic": {"strict": False}, "switch": {"acl": [{"source_ip": "10.0.0.0/8", "action": "deny"}]}}
    )


WRONG_AT_BRIDGES = {
    "{protocol: udp, icmp_type: 8, action: deny}": r"0\.icmp_type: it needs protocol: icmp or icmpv6",
    "{port: outside, source_ip: own, action: permit}":
        r"0\.source_ip: own is one of the sender's ips, and outside has none",
    "{port: a.vf0, source_ip: own, action: permit}":
        r"0\.source_ip: own is one of the sender's ips, and a.vf0 has none \(switch.ports: \[{name: vf0, ips: ",
    "{source_ip: own, action: permit}": r"0\.source_ip: own is one of the sender's ips, and no station has any \(",
    "{ethertype: 0x0806, source_ip: 10.0.0.1, action: deny}":
        r"0\.ethertype: ethertype and source_ip are never in one frame: ethertype is 0x0806, source_ip is of IPv4",
    "{port: a.vf9, protocol: tcp, source_ip: own, action: deny}": r"0\.port: there is no a.vf9",
}  # fmt: skip


@pytest.mark.parametrize("entry", WRONG_AT_BRIDGES)
def test_what_is_wrong_in_a_bridges_policy_is_said_in_a_line(tmp_path, entry):
    path = tmp_path / "c.yaml"
    path.write_text(
        f"nic: {{vfs: 2}}\nservers: [{{name: a}}, {{name: b}}]\nbridge: {{policy: [{entry}]}}\n"
        "workload: {pattern: ring}\n", encoding="utf-8",
    )  # fmt: skip
    with pytest.raises(InputError, match=r"c\.yaml:3:[0-9]+: bridge\.policy\." + WRONG_AT_BRIDGES[entry]) as error:
        load_config(path)
    assert len(error.value.lines) == 1


WRONG_CONTROLS = {
    "{adaptor: {guards: [arp]}}": r"adaptor: there is no port adaptor at the bridge \(did you mean adapter\?\)",
    "{vf0: {guards: [arp]}}": r"vf0: there is no port vf0 at the bridge; there are adapter, outside",
    "{outside: {guards: [dhcp]}}": r"outside\.guards: guards are for ports to adapters, whose stations have addresses",
    "{adapter: {guards: [arps]}}": r"adapter\.guards\.0: 'arps' is not one of arp, dhcp, nd, ip \(did you mean arp\?\)",
    "{10: {guards: [arp]}}": r"10: '10' is not a port of a bridge; write it like a, a\.10, a\.vlan101 or a\.vf0",
    "{adapter: {guard: [arp]}}": r"adapter\.guard: unknown key \(did you mean guards\?\)",
}


@pytest.mark.parametrize("controls", WRONG_CONTROLS)
def test_what_is_wrong_in_what_ports_control_is_said_in_a_line(tmp_path, controls):
    path = tmp_path / "c.yaml"
    path.write_text(f"bridge: {{controls: {controls}}}\nworkload: {{pattern: ring}}\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"c\.yaml:1:[0-9]+: bridge\.controls\." + WRONG_CONTROLS[controls]) as error:
        load_config(path)
    assert len(error.value.lines) == 1


@pytest.mark.parametrize(
    ("switch", "bridge", "names"),
    [
        ({"mode": "multichannel", "s_channels": {10: "veb"}}, {}, ["adapter", "adapter.1", "adapter.10"]),
        ({}, {"ports": {"adapter": {"translate": {101: 10}}}}, ["adapter", "adapter.vlan101"]),
        ({"mode": "e_tag"}, {"kind": "controlling"}, ["adapter", "pf", "vf0", "vf1"]),
    ],
)
def test_ports_and_their_logical_ports_have_the_names_that_results_have(switch, bridge, names):
    config = config_from_mapping({
        "nic": {"vfs": 2}, "workload": {"pattern": "ring"}, "switch": switch,
        "bridge": {**bridge, "controls": {name: {"guards": ["nd"]} for name in names}},
    })  # fmt: skip
    servers, bridges = servers_of(config), bridges_of(config)
    topology = Topology([one.settings for one in bridges], ports_of(bridges, servers), servers, {})
    found = Findings(Document("c.yaml"), Doubts())
    check_controls(bridges, topology, found)
    assert not found.problems
    assert config_from_mapping(config.resolved()) == config


def test_a_bridges_policy_says_again_what_is_written():
    policy = [{"port": "outside", **entry} for entry in GOOD["acl"] if "own" not in entry.values()]
    config = config_from_mapping({"bridge": {"policy": policy}, "workload": {"pattern": "ring"}})
    said = config.resolved()["bridge"]["policy"]
    assert [{key: value for key, value in entry.items() if value is not None} for entry in said] == policy
    assert config_from_mapping(config.resolved()) == config


# ---- Kinds of values, and the guards as the document has them ----


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (IpPrefix(), "10.0.0.1", ip_network("10.0.0.1")), (IpPrefix(), "fd00::/8", ip_network("fd00::/8")),
        (OwnOr(Mac()), "own", "own"), (OwnOr(Mac()), "02:00:00:00:00:02", 0x0200_0000_0002),
        (Protocol(), "tcp", 6), (Protocol(), 47, 47), (ArpOperation(), "reply", 2), (ArpOperation(), 9, 9),
        (Span(255, "a type"), 8, (8, 8)), (Span(255, "a type"), "8-10", (8, 10)),
    ],
)  # fmt: skip
def test_values_are_written_as_they_are_typed(kind, text, value):
    assert kind.parse(text) == value and kind.write(value) == text


def documented_guards():
    """Read the table of guards in docs/forwarding.md: word, whether trusted stations are spared, entries."""
    text = (Path(__file__).parent.parent / "docs/forwarding.md").read_text(encoding="utf-8")
    rows = [line.split("|")[1:3] for line in text.split("| guard | entries")[1].split("\n\n")[0].splitlines()[2:]]
    found = []
    for first, entries in rows:
        if first.strip():
            found.append((re.findall("`(.*?)`", first)[0], "trusted" in first, []))
        for one in entries.split(", deny "):
            keys = re.findall("`(.*?)`", one)
            action = "permit" if "permit" in one else "deny"
            others = [f"icmp_type: {word}" for word in ("135", "143") if "with" in one and f"`{word}`" in one]
            both = [keys] if "with" not in one else [[keys[0], keys[1]], *([keys[0], other] for other in others)]
            found[-1][2].extend(yaml.safe_load("{" + ", ".join(each) + f", action: {action}}}") for each in both)
    return found


def test_the_guards_are_those_of_the_document():
    expected = [
        (word, spares, tuple(AclEntry.model_validate(entry) for entry in entries))
        for word, spares, entries in documented_guards()
    ]
    assert [tuple(guard) for guard in GUARDS] == expected
    assert set(NEED_ADDRESSES) == {word for word, _, entries in expected for each in entries if "own" in str(each)}


def test_a_rule_of_a_bridge_needs_what_its_action_needs():
    with pytest.raises(InputError, match="action: police needs burst"):
        config_from_mapping({"bridge": {"policy": [{"action": "police", "rate": "1Gbps"}]}})
    assert check_access_lists and check_rule
