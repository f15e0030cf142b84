"""IPv4 and UDP headers with their checksums (RFC 791, RFC 768, RFC 1071), of packets that the model makes itself."""

from __future__ import annotations

import struct
from ipaddress import IPv4Address

from hwmodel.rules.packets import IPV4_BYTES
from hwmodel.rules.steering import UDP

Ends = tuple[IPv4Address, IPv4Address]  # source and destination
_TTL = 64
_DONT_FRAGMENT = 0x4000


def internet_checksum(data: bytes) -> int:
    """Return the checksum of IP, ICMP and UDP over an even number of bytes."""
    total: int = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF


def ipv4(ends: Ends, protocol: int, n_behind: int) -> bytes:
    """Return an IPv4 header without options for `n_behind` bytes, not to be fragmented, with its checksum."""
    head = struct.pack(">BBHHHBB", 0x45, 0, IPV4_BYTES + n_behind, 0, _DONT_FRAGMENT, _TTL, protocol)
    addresses = ends[0].packed + ends[1].packed
    return head + internet_checksum(head + b"\0\0" + addresses).to_bytes(2, "big") + addresses


def udp(ends: Ends, ports: tuple[int, int], payload: bytes) -> bytes:
    """Return a packet of UDP over IPv4 with its checksums; `ports`: source and destination."""
    length = 8 + len(payload)
    head = struct.pack(">HHH", *ports, length)
    pseudo = ends[0].packed + ends[1].packed + struct.pack(">BBH", 0, UDP, length)
    whole = pseudo + head + b"\0\0" + payload
    check = internet_checksum(whole + b"\0" * (len(whole) % 2)) or 0xFFFF
    return ipv4(ends, UDP, length) + head + check.to_bytes(2, "big") + payload
