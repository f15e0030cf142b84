"""Ethernet addresses, type numbers and lengths of headers: their one home in the Python code; made-up IP headers.

What a made-up header says of its flow, behind its type, is an IP header without options and the ports behind it; all
other fields are zero, so that all frames of a flow have the same. A capture has the rest of a packet as well.
"""

from __future__ import annotations

from enum import IntEnum
from ipaddress import IPv4Address, IPv6Address
from struct import Struct

from hwmodel.rules import switch_modes
from hwmodel.rules.ethernet import MIN_FRAME_BYTES, WIRE_OVERHEAD_BYTES
from hwmodel.rules.packets import TYPE_ARP, TYPE_IPV4, TYPE_IPV6

ADDRESS_BYTES = 6
# Destination, source and type of an untagged frame.
UNTAGGED_HEADER_BYTES = 14


class EtherType(IntEnum):
    """Number the types that the model gives a meaning to (IEEE registration authority); tags have theirs in `rules`."""

    IPV4 = TYPE_IPV4
    ARP = TYPE_ARP
    C_TAG = switch_modes.C_TAG.ethertype
    IPV6 = TYPE_IPV6
    S_TAG = switch_modes.S_TAG.ethertype
    LOCAL_EXPERIMENT_1 = 0x88B5
    VN_TAG = switch_modes.VN_TAG.ethertype
    E_TAG = switch_modes.E_TAG.ethertype


BROADCAST_MAC = 0xFFFF_FFFF_FFFF
# The address of stations beyond the uplink: locally administered, and in no table.
OUTSIDE_MAC = 0x02FF_0000_0001
# The address of a bridge's port, to which its number is added: as sender of frames of control, and in no table.
BRIDGE_MAC = 0x02FE_0000_0000
# That of a bridge itself, in what it makes of its own, to which the bridge's number is added; its addresses of IP.
BRIDGES_OWN_MAC = 0x02FD_0000_0000
FIRST_BRIDGE_ADDRESS = IPv4Address("10.255.0.1")
# Locally administered group that frames go to where no port names one of its own.
GROUP_MAC = 0x0300_0000_0001


def format_mac(mac: int) -> str:
    """Write a 48-bit address as six pairs of lower-case digits joined by colons; ValueError outside 48 bits."""
    return mac_to_bytes(mac).hex(":")


def mac_to_bytes(mac: int) -> bytes:
    """Give the six bytes of an address in the order of the wire; ValueError outside 48 bits."""
    if not 0 <= mac <= BROADCAST_MAC:
        raise ValueError(f"{mac} does not fit into the 48 bits of a MAC address")
    return mac.to_bytes(ADDRESS_BYTES, "big")


def is_group_mac(mac: int) -> bool:
    """Tell whether an address names a group (broadcast is one), by the lowest bit of its first byte."""
    return bool(mac >> 40 & 1)


def wire_bytes(frame_bytes: int) -> int:
    """Count the byte times that a frame takes on the wire: padding to 64 B, preamble and gap included.

    `frame_bytes` counts the frame check sequence.
    """
    return max(frame_bytes, MIN_FRAME_BYTES) + WIRE_OVERHEAD_BYTES


def counting_payload(n_bytes: int) -> bytes:
    """Give `n_bytes` bytes that count 0, 1, ... 255, 0, ...: the payload of made-up frames."""
    return (bytes(range(256)) * (n_bytes // 256 + 1))[:n_bytes]


# Made-up addresses and ports, for `workload.connections` and for rules that match beyond the EtherType: addresses count
# up in the order of stations, the outside first. An IPv6-only station's partner outside has an address of RFC 4193.
FIRST_ADDRESS = IPv4Address("10.0.0.1")
OUTSIDE_IPV6 = IPv6Address("fd00::1")
SERVER_PORT = 5001
FIRST_CLIENT_PORT = 32768  # Linux, net.ipv4.ip_local_port_range


def flow_bytes(
    source: IPv4Address | IPv6Address, destination: IPv4Address | IPv6Address, protocol: int, ports: tuple[int, int]
) -> bytes:
    """Return the bytes for a flow with ports; both addresses are of one version."""
    if source.version == 4:
        ip = bytes([0x45, *bytes(7), 64, protocol, 0, 0]) + source.packed + destination.packed
    else:
        ip = bytes([0x60, *bytes(5), protocol, 64]) + source.packed + destination.packed
    return ip + b"".join(port.to_bytes(2, "big") for port in ports)


# Behind the ports of TCP: sequence and acknowledgment number, five words of header with ACK alone, the widest window,
# no checksum (as where an adapter is to fill it in), no urgent data.
_BEHIND_PORTS = Struct(">IIHHHH").pack(1, 1, 5 << 12 | 0x10, 0xFFFF, 0, 0)


def tcp_packet(flow: bytes, n_bytes: int) -> bytes:
    """Return a packet of a made-up flow of TCP, with `n_bytes` behind its ports: the rest of the header, a payload.

    The shortest frame of IPv6 ends within the TCP header. Packets above 65,535 B have length 0, as in Linux (BIG TCP).
    """
    body = (_BEHIND_PORTS + counting_payload(n_bytes))[:n_bytes]
    is_ipv4 = flow[0] >> 4 == 4
    length = len(flow) + n_bytes - (0 if is_ipv4 else 40)
    at = 2 if is_ipv4 else 4
    said = (length if length <= 0xFFFF else 0).to_bytes(2, "big")
    return flow[:at] + said + flow[at + 2 :] + body
