"""Entries of access lists that look behind the type, and guards: what a configuration says of them, and what is wrong."""

from __future__ import annotations

import pytest

from hwmodel.config import config_from_mapping, load_config
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
    "acl: [{protocol: tcp, source_port: 70000, action: deny}]": r"acl\.0\.source_port: 70000 is out of range; 0 to 65535",
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
    path.write_text(f"nic: {{vfs: 4}}\nworkload: {{pattern: ring}}\nswitch: {{{text}}}\n", encoding="utf-8")
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
    config = config_from_mapping({"nic": {"vfs": 3}, "workload": {"pattern": "ring"}, "switch": GOOD})
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
        {"nic": {"vfs": 2}, "servers": [{"name": "a"}, {"name": "b"}], "workload": {"pattern": "ring"},
         "switch": {"ports": [{"name": "all", "guards": ["ip"]}]}},
    )  # fmt: skip
    from hwmodel.config import servers_of

    found = [[str(port.ips[0]) for port in server.config.switch.ports] for server in servers_of(config)]
    assert found == [["10.0.0.2/32", "10.0.0.3/32", "10.0.0.4/32"], ["10.1.0.2/32", "10.1.0.3/32", "10.1.0.4/32"]]


VSWITCH = {
    "nic": {"mode": "vswitch", "vfs": 2}, "host": {"virtual_switch": {"flow_cache": {}}},
    "workload": {"pattern": "ring", "connections": 10},
}  # fmt: skip


def test_wildcards_by_stations_are_refused_where_rules_look_at_ports():
    by_port = {"acl": [{"protocol": "tcp", "destination_port": 22, "action": "deny"}]}
    with pytest.raises(InputError, match="wildcard_match: ends is for rules that look at no ports of TCP and UDP"):
        config_from_mapping(VSWITCH | {"switch": by_port})
    connections = {"virtual_switch": {"flow_cache": {"wildcard_match": "connections"}}}
    config_from_mapping(VSWITCH | {"switch": by_port, "host": connections})
    config_from_mapping(VSWITCH | {"switch": {"acl": [{"source_ip": "10.0.0.0/8", "action": "deny"}]}})


def test_a_bridges_policy_has_no_such_keys():
    with pytest.raises(InputError, match=r"bridge\.policy\.0\.protocol: unknown key"):
        config_from_mapping({"bridge": {"policy": [{"protocol": "tcp", "action": "deny"}]}})
