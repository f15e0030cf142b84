"""What a frame says behind its type, as far as access lists ask: ARP, addresses of IP, ports, types of ICMP, targets.

What cannot be read (hidden) is told apart from what is absent; docs/forwarding.md says which is which. `write_packet`
writes the bytes of captured frames in a canonical form, by which runs tell headers apart: fields not read are zero,
options are left out, and one extension header of IPv6 stands for all of them.
"""

from __future__ import annotations

import numpy as np

from hwmodel.compiled.compilation import kernel, out_of_line
from hwmodel.compiled.records import I32, U8, U32, ints, record
from hwmodel.forwarding.octets import read_bytes, write_number
from hwmodel.rules.ethernet import LEAST_TYPE
from hwmodel.rules.packets import (
    ARP_BYTES,
    AUTHENTICATION,
    ETHERNET_ARP,
    EXTENSION_BYTES,
    EXTENSIONS,
    FRAGMENT,
    HIDING_TYPES,
    ICMP,
    ICMPV6,
    IPV4_BYTES,
    IPV6_BYTES,
    MOST_PACKET_BYTES,
    OPTIONS,
    PORT_BYTES,
    TARGET_AT,
    TARGET_END,
    TYPE_ARP,
    TYPE_IPV4,
    TYPE_IPV6,
    WITH_PORTS,
    WITH_TARGET,
)

OTHER, HIDDEN_PACKET, ARP, IPV4, IPV6 = range(5)  # kinds of packets; what is hidden may be one of the last three
ABSENT, PRESENT, HIDDEN = range(3)  # what a field is
WHOLE, FIRST_FRAGMENT, LATER_FRAGMENT = range(3)
HIDDEN_PROTOCOL = -2

# ABSENT, PRESENT or HIDDEN are `body`: ARP's fields, or IP's addresses and protocol; `upper`: the ports or the type of
# ICMP; `target_is`: the target of neighbour discovery. Addresses are words of 32 bits, an IPv4 address the last of
# four; those of ARP's sender and target are `source` and `destination`. `is_short`: something is hidden since the bytes
# end before it. `is_own_mac`: whether `sender_mac` is one of the sending station's, which who reads packets writes.
PACKET = record(
    *ints("sender_mac", "is_own_mac"),
    *((name, I32) for name in (
        "kind", "body", "protocol", "upper", "source_port", "destination_port", "icmp_type", "target_is",
        "arp_operation", "fragment", "has_extension", "is_short",
    )),
    ("source", U32, (4,)), ("destination", U32, (4,)), ("target", U32, (4,)),
)  # fmt: skip
# What a captured frame says behind its type, and the bytes that say the same.
CAPTURED_PACKET = record(*ints("n_bytes"), ("octets", U8, (MOST_PACKET_BYTES,)), ("packet", PACKET))


@kernel
def reset_packet(packet):
    """Say that a packet is none of those that are read."""
    packet.kind, packet.protocol = OTHER, HIDDEN_PROTOCOL
    packet.body = packet.upper = packet.target_is = ABSENT
    packet.source_port = packet.destination_port = packet.icmp_type = packet.arp_operation = packet.sender_mac = 0
    packet.fragment, packet.has_extension, packet.is_short, packet.is_own_mac = WHOLE, 0, 0, 0
    for i in range(4):
        packet.source[i] = packet.destination[i] = packet.target[i] = 0


@kernel
def hide_upper(packet, is_short):
    """Say that what stands behind the addresses cannot be read."""
    packet.upper = packet.target_is = HIDDEN
    packet.is_short = is_short


@kernel
def hide_all(packet, is_short):
    """Say that nothing of a packet can be read but its kind."""
    packet.body = HIDDEN
    hide_upper(packet, is_short)


@kernel
def read_address(octets, at, words):
    """Read an address of IPv6."""
    for i in range(4):
        words[i] = read_bytes(octets, at + 4 * i, 4)


@kernel
def read_arp(octets, n_bytes, at, packet):
    """Read an ARP body of Ethernet and IPv4; any other is hidden."""
    packet.kind = ARP
    if n_bytes < at + ARP_BYTES:
        hide_all(packet, 1)
    elif read_bytes(octets, at, 6) != ETHERNET_ARP:
        hide_all(packet, 0)
    else:
        packet.body = PRESENT
        packet.arp_operation, packet.sender_mac = read_bytes(octets, at + 6, 2), read_bytes(octets, at + 8, 6)
        packet.source[3], packet.destination[3] = read_bytes(octets, at + 14, 4), read_bytes(octets, at + 24, 4)


@kernel
def read_upper(octets, n_bytes, at, packet):
    """Read ports, or a type of ICMP and its target, of a packet whose protocol is known."""
    if packet.protocol in WITH_PORTS:
        if n_bytes < at + PORT_BYTES:
            hide_upper(packet, 1)
            return
        packet.upper = PRESENT
        packet.source_port, packet.destination_port = read_bytes(octets, at, 2), read_bytes(octets, at + 2, 2)
    elif packet.protocol == (ICMP if packet.kind == IPV4 else ICMPV6):
        if n_bytes < at + 1:
            hide_upper(packet, 1)
            return
        packet.upper, packet.icmp_type = PRESENT, np.int64(octets[at])
        if packet.kind == IPV6 and packet.icmp_type in WITH_TARGET:
            if n_bytes < at + TARGET_END:
                packet.target_is, packet.is_short = HIDDEN, 1
                return
            packet.target_is = PRESENT
            read_address(octets, at + TARGET_AT, packet.target)


@kernel
def read_ipv4(octets, n_bytes, at, packet):
    """Read an IPv4 header, which may have options, and what follows it."""
    packet.kind = IPV4
    if n_bytes < at + IPV4_BYTES:
        hide_all(packet, 1)
        return
    header_bytes = 4 * (np.int64(octets[at]) & 0xF)
    if octets[at] >> 4 != 4 or header_bytes < IPV4_BYTES:
        hide_all(packet, 0)
        return
    packet.body, packet.protocol = PRESENT, np.int64(octets[at + 9])
    packet.source[3], packet.destination[3] = read_bytes(octets, at + 12, 4), read_bytes(octets, at + 16, 4)
    fragment = read_bytes(octets, at + 6, 2) & 0x3FFF  # more fragments, and the offset
    if fragment & 0x1FFF:
        packet.fragment = LATER_FRAGMENT
        return
    packet.fragment = FIRST_FRAGMENT if fragment else WHOLE
    read_upper(octets, n_bytes, at + header_bytes, packet)


@kernel
def read_ipv6(octets, n_bytes, at, packet):
    """Read an IPv6 header, follow its extension headers to their end, and read what comes there."""
    packet.kind = IPV6
    if n_bytes < at + IPV6_BYTES:
        hide_all(packet, 1)
        return
    if octets[at] >> 4 != 6:
        hide_all(packet, 0)
        return
    packet.body = PRESENT
    read_address(octets, at + 8, packet.source)
    read_address(octets, at + 24, packet.destination)
    kind, here = np.int64(octets[at + 6]), at + IPV6_BYTES
    while kind in EXTENSIONS:
        packet.has_extension = 1
        if n_bytes < here + EXTENSION_BYTES:
            hide_upper(packet, 1)
            return
        following, length = np.int64(octets[here]), np.int64(octets[here + 1])
        if kind == FRAGMENT:
            word = read_bytes(octets, here + 2, 2)
            if word >> 3:
                packet.fragment = LATER_FRAGMENT
                if following not in EXTENSIONS:
                    packet.protocol = following
                return
            if word & 1:
                packet.fragment = FIRST_FRAGMENT
            here += EXTENSION_BYTES
        else:
            here += 4 * (length + 2) if kind == AUTHENTICATION else 8 * (length + 1)
        kind = following
    packet.protocol = kind
    read_upper(octets, n_bytes, here, packet)


@out_of_line
def read_packet(octets, n_bytes, at, ethertype, packet):
    """Read what octets up to `n_bytes` say behind a type, which ends at `at`."""
    reset_packet(packet)
    if ethertype < LEAST_TYPE or ethertype in HIDING_TYPES:
        packet.kind = HIDDEN_PACKET
    elif ethertype == TYPE_ARP:
        read_arp(octets, n_bytes, at, packet)
    elif ethertype == TYPE_IPV4:
        read_ipv4(octets, n_bytes, at, packet)
    elif ethertype == TYPE_IPV6:
        read_ipv6(octets, n_bytes, at, packet)


# ---- Bytes that say the same ----


@kernel
def write_address(out, at, words):
    """Write an address of IPv6."""
    for i in range(4):
        write_number(out, at + 4 * i, 4, np.int64(words[i]))


@kernel
def write_upper(out, at, packet):
    """Write ports, or a type of ICMP and its target, as far as they could be read; return where they end."""
    if packet.upper != PRESENT:
        return at
    if packet.protocol in WITH_PORTS:
        write_number(out, at, 2, packet.source_port)
        write_number(out, at + 2, 2, packet.destination_port)
    else:
        out[at] = packet.icmp_type
    if packet.target_is != PRESENT:
        return at + PORT_BYTES
    write_address(out, at + TARGET_AT, packet.target)
    return at + TARGET_END


@kernel
def write_ipv6(out, packet):
    """Write a header of IPv6, one extension header in place of all, and what follows; return the length."""
    out[0] = 0x60
    write_address(out, 8, packet.source)
    write_address(out, 24, packet.destination)
    if not packet.has_extension:
        out[6] = packet.protocol
        return write_upper(out, IPV6_BYTES, packet)
    is_hidden = packet.protocol == HIDDEN_PROTOCOL
    if is_hidden and packet.fragment != LATER_FRAGMENT:  # the extension headers are cut
        out[6] = OPTIONS
        return IPV6_BYTES
    out[6] = OPTIONS if packet.fragment == WHOLE else FRAGMENT
    out[IPV6_BYTES] = OPTIONS if is_hidden else packet.protocol
    out[IPV6_BYTES + 3] = (0, 1, 8)[packet.fragment]
    return write_upper(out, IPV6_BYTES + EXTENSION_BYTES, packet)


@kernel
def write_packet(out, packet):
    """Write the bytes that say of a packet what was read, and nothing else, into zeros; return how many there are."""
    if packet.body != PRESENT:
        return 0
    if packet.kind == IPV6:
        return write_ipv6(out, packet)
    if packet.kind == IPV4:
        out[0], out[9] = 0x45, packet.protocol
        write_number(out, 6, 2, (0, 0x2000, 0x0001)[packet.fragment])
        write_number(out, 12, 4, np.int64(packet.source[3]))
        write_number(out, 16, 4, np.int64(packet.destination[3]))
        return write_upper(out, IPV4_BYTES, packet)
    write_number(out, 0, 6, ETHERNET_ARP)
    write_number(out, 6, 2, packet.arp_operation)
    write_number(out, 8, 6, packet.sender_mac)
    write_number(out, 14, 4, np.int64(packet.source[3]))
    write_number(out, 24, 4, np.int64(packet.destination[3]))  # not the target's MAC address: a request asks for it
    return ARP_BYTES
