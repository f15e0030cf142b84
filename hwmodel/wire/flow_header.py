"""What a made-up header says of its flow, behind its type: addresses, protocol and ports.

The bytes are those of an IP header without options and of the ports behind it; all other fields are zero, so that all
frames of a flow have the same. A capture has the rest of a packet as well.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address
from struct import Struct

from hwmodel.wire.ethernet import counting_payload

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
