"""ERSPAN of type II: a mirrored frame behind Ethernet, IPv4, GRE and an ERSPAN header, on its way to a collector.

Formats are those of RFC 791, RFC 2784 with RFC 2890 (GRE, sequence number), and draft-foschiano-erspan-03, 4.2.
"""

from __future__ import annotations

import struct
from ipaddress import IPv4Address

from hwmodel.rules.packets import IPV4_BYTES
from hwmodel.rules.remote_mirror import VERSION, VERSION_PLACE
from hwmodel.rules.switch_modes import C_TAG
from hwmodel.wire.ethernet import EtherType
from hwmodel.wire.internet import ipv4
from hwmodel.wire.tags import build_header, parse_header, tag_of

GRE, ERSPAN_TYPE = 47, 0x88BE
_HAS_SEQUENCE = 0x1000
_WITHOUT_LENGTH = bytes.fromhex("0800 4500 0000")  # the type, and how an IPv4 header begins whose length is to come
_OURS = bytes([GRE]) + ERSPAN_TYPE.to_bytes(2, "big")
MOST_SESSION = 1023


def encapsulation(macs: tuple[int, int], vlan: int, ips: tuple[IPv4Address, IPv4Address], session: int) -> bytes:
    """Return what stands before mirrored frames of a session: lengths, numbers and the frame's VLAN are still 0.

    `macs`, `ips`: source and destination. `vlan`: of the C-TAG.
    """
    source, destination = macs
    header = build_header(destination, source, EtherType.IPV4, [tag_of(C_TAG, vid=vlan)])
    ip = bytearray(ipv4(ips, GRE, 0))
    ip[2:4] = ip[10:12] = bytes(2)
    gre = struct.pack(">HHI", _HAS_SEQUENCE, ERSPAN_TYPE, 0)
    return header + bytes(ip) + gre + struct.pack(">II", VERSION << VERSION_PLACE | session, 0)


def sealed(frame: bytes, sequence: int) -> bytes:
    """Return a mirrored frame with its lengths, checksum and sequence number; one without such a head as it is."""
    at = parse_header(frame).n_bytes
    gre = at + IPV4_BYTES
    if frame[at - 2 : at + 4] != _WITHOUT_LENGTH or frame[at + 9 : at + 10] + frame[gre + 2 : gre + 4] != _OURS:
        return frame
    ends = IPv4Address(frame[at + 12 : at + 16]), IPv4Address(frame[at + 16 : gre])
    ip = ipv4(ends, GRE, len(frame) - gre)
    return frame[:at] + ip + frame[gre : gre + 4] + sequence.to_bytes(4, "big") + frame[gre + 8 :]
