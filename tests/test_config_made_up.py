"""Connections of made-up frames, and whether rules ask for what these say: by hand."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from hwmodel.config import config_from_mapping
from hwmodel.config.made_up import Connections, MadeUpPacket
from hwmodel.config.switch import AclEntry

CONFIG = config_from_mapping({
    "nic": {"vfs": 2}, "workload": {"pattern": "ring"},
    "switch": {"ports": [{"name": "vf0", "ips": ["fd00::8", "10.9.0.0/30"]}, {"name": "vf1", "ips": ["10.9.0.7"]}]},
})  # fmt: skip
PORTS = {port.name: port for port in CONFIG.switch.ports}
CONNECTIONS = Connections(PORTS)


def test_both_ends_have_one_version_and_the_first_of_them_is_the_client():
    ends = ip_address("10.9.0.1"), ip_address("10.9.0.7")
    assert CONNECTIONS.between("vf0", "vf1") == (*ends, 32768, 5001)
    assert CONNECTIONS.between("vf1", "vf0", 3) == (*ends[::-1], 5001, 32771)
    assert CONNECTIONS.between("vf0", "uplink")[:2] == (ends[0], ip_address("10.0.0.1"))
    assert CONNECTIONS.between("pf", "uplink")[:2] == (ip_address("10.0.0.2"), ip_address("10.0.0.1"))


@pytest.mark.parametrize(("keys", "is_asked"), [
    ({}, True), ({"ethertype": "0x0800"}, True), ({"ethertype": "0x0806"}, False),
    ({"protocol": "tcp"}, True), ({"protocol": "udp"}, False), ({"source_ip": "own"}, True),
    ({"source_ip": "10.9.0.0/30"}, True), ({"source_ip": "10.9.0.2"}, False), ({"destination_ip": "::/0"}, False),
    ({"destination_ip": "10.9.0.7", "protocol": "tcp", "destination_port": "5000-5001"}, True),
    ({"protocol": "tcp", "source_port": "0-32767"}, False), ({"arp_operation": 1}, False),
])  # fmt: skip
def test_what_a_rule_asks_of_a_frame_from_vf0_to_vf1(keys, is_asked):
    packet = MadeUpPacket.between(CONNECTIONS, "vf0", "vf1")
    assert packet.is_as_asked(AclEntry.model_validate({"action": "deny", **keys}), PORTS["vf0"]) == is_asked


def test_a_station_outside_owns_nothing_and_without_connections_there_is_no_packet():
    own = AclEntry.model_validate({"action": "deny", "source_ip": "own"})
    assert not MadeUpPacket.between(CONNECTIONS, "uplink", "vf0").is_as_asked(own, None)
    assert not MadeUpPacket.between(None, "vf0", "vf1").is_as_asked(own, PORTS["vf0"])
