"""Frames by which others learn where an address is now: gratuitous ARP, RARP, an unsolicited neighbour advertisement.

RARP (RFC 903) is as QEMU sends it for a guest that has been moved, ARP's request (RFC 826, RFC 5227 2.3) and ND's
advertisement (RFC 4861 4.4, 7.2.6) as a guest does itself. All have the VM's address as their source.
"""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import IPv4Address, IPv6Address
from typing import NamedTuple

from hwmodel.rules.packets import (
    ARP_BYTES,
    EUI64_FLIP,
    ICMPV6,
    IPV6_BYTES,
    LINK_LOCAL,
    NEIGHBOUR_ADVERTISEMENT,
    TARGET_AT,
    TARGET_END,
    TYPE_ARP,
    TYPE_IPV6,
)
from hwmodel.wire.ethernet import BROADCAST_MAC, format_mac, mac_to_bytes
from hwmodel.wire.internet import internet_checksum

RARP_TYPE = 0x8035
# Where frames to all nodes of a link go (RFC 2464 7), and their IPv6 address.
ALL_NODES_MAC, ALL_NODES = 0x3333_0000_0001, IPv6Address("ff02::1")
SHORTEST_BODY_BYTES = 46  # of a frame that is not padded by the wire: 60 B less addresses and type

_ARP_HEAD = bytes.fromhex("0001 0800 06 04")  # Ethernet, IPv4, and how long their addresses are
_REQUEST, _REVERSE_REQUEST = 1, 3
_OVERRIDE = 0x2000_0000  # of the flags of an advertisement: what is known already is replaced
_LINK_ADDRESS_OPTION = bytes([2, 1])  # target link-layer address, 8 B
_HOP_LIMIT = 255  # RFC 4861: nobody has passed it on


class Announcement(NamedTuple):
    """Hold an announcement: where it goes, its type, and what is behind that.

    `n_read`: how many bytes behind the type switches may read, of ARP and IPv6, which their rules ask for.
    """

    destination: int
    ethertype: int
    body: bytes
    n_read: int = 0


def rarp(mac: int) -> Announcement:
    """Return that by which a VM's host tells switches where an address is now: 60 B, a request for its own address."""
    own = mac_to_bytes(mac) + bytes(4)
    body = _ARP_HEAD + _REVERSE_REQUEST.to_bytes(2, "big") + own + own
    return Announcement(BROADCAST_MAC, RARP_TYPE, body.ljust(SHORTEST_BODY_BYTES, b"\0"))


def gratuitous_arp(mac: int, ip: IPv4Address) -> Announcement:
    """Return a request for one's own IPv4 address, 42 B, which the wire pads."""
    body = _ARP_HEAD + _REQUEST.to_bytes(2, "big") + mac_to_bytes(mac) + ip.packed + bytes(6) + ip.packed
    return Announcement(BROADCAST_MAC, TYPE_ARP, body, ARP_BYTES)


def neighbour_advertisement(mac: int, ip: IPv6Address) -> Announcement:
    """Return an unsolicited advertisement of one's own IPv6 address to all nodes, 86 B."""
    said = _OVERRIDE.to_bytes(4, "big") + ip.packed + _LINK_ADDRESS_OPTION + mac_to_bytes(mac)
    ends = ip.packed + ALL_NODES.packed
    n_bytes = 4 + len(said)
    pseudo = ends + n_bytes.to_bytes(4, "big") + bytes([0, 0, 0, ICMPV6])
    head = bytes([NEIGHBOUR_ADVERTISEMENT, 0])
    checksum = internet_checksum(pseudo + head + bytes(2) + said)
    icmp = head + checksum.to_bytes(2, "big") + said
    header = bytes([0x60, 0, 0, 0]) + n_bytes.to_bytes(2, "big") + bytes([ICMPV6, _HOP_LIMIT]) + ends
    return Announcement(ALL_NODES_MAC, TYPE_IPV6, header + icmp, IPV6_BYTES + TARGET_END)


def link_local_address(mac: int) -> IPv6Address:
    """Return the address of the link that an interface makes of its MAC address (RFC 4291, appendix A)."""
    own = (mac >> 24) << 40 | 0xFFFE << 24 | mac & 0xFF_FFFF
    return IPv6Address(LINK_LOCAL << 64 | own ^ EUI64_FLIP)


_ARP_WORDS: Mapping[int, str] = {_REQUEST: "ARP request", _REVERSE_REQUEST: "RARP request"}


def arp_words(body: bytes) -> str:
    """Say what a frame of ARP or RARP says; ValueError for bytes that are none of these."""
    operation = int.from_bytes(body[6:8], "big")
    if len(body) < ARP_BYTES or body[:6] != _ARP_HEAD or operation not in _ARP_WORDS:
        raise ValueError(f"{body[:8].hex()} is no announcement of ARP or RARP")
    mac, ip = format_mac(int.from_bytes(body[8:14], "big")), IPv4Address(body[14:18])
    return f"{_ARP_WORDS[operation]}: {mac}" + (f" has {ip}" if int(ip) else " is here")


def advertisement_words(body: bytes) -> str:
    """Say what a neighbour advertisement says; ValueError for another packet."""
    icmp = body[IPV6_BYTES:]
    if len(icmp) < TARGET_END or body[6] != ICMPV6 or icmp[0] != NEIGHBOUR_ADVERTISEMENT:
        raise ValueError("this is no neighbour advertisement")
    option = icmp[TARGET_END:]
    mac = format_mac(int.from_bytes(option[2:8], "big")) if option[:2] == _LINK_ADDRESS_OPTION else "nobody"
    return f"ND advertisement: {mac} has {IPv6Address(icmp[TARGET_AT:TARGET_END])}"
