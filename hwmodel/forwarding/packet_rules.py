"""What entries of access lists ask of a frame behind its type, and whether it is so: yes, no, or it cannot be read."""

from __future__ import annotations

import numpy as np

from hwmodel.compiled.compilation import kernel, out_of_line
from hwmodel.forwarding.packet import (
    ABSENT,
    ARP,
    HIDDEN,
    HIDDEN_PACKET,
    HIDDEN_PROTOCOL,
    IPV4,
)
from hwmodel.forwarding.tables import ANY, OWN

DIFFERS, MATCHES, UNSURE = range(3)
WORD_BITS = 32


@kernel
def is_in(prefix, address):
    """Tell whether an address, four words, begins with the bits of a prefix."""
    for i in range(4):
        n_bits = prefix.n_bits - WORD_BITS * i
        if n_bits <= 0:
            return True
        differing = np.int64(address[i]) ^ np.int64(prefix.word[i])
        if differing >> max(WORD_BITS - n_bits, 0) != 0:
            return False
    return True


@kernel
def is_own_ip(lists, owner, kind, address):
    """Tell whether an address is one of a station's own of a kind, IPv4 or IPv6."""
    for i in range(owner.first_ip, owner.first_ip + owner.n_ips):
        own = lists.own_ip[i]
        if own.kind == kind and is_in(own, address):
            return True
    return False


@kernel
def has_ip(lists, wanted, owner, packet, address):
    """Tell whether an address is what a rule wants: any, the sender's own, or one of a prefix."""
    if wanted.n_bits == ANY:
        return True
    if wanted.n_bits == OWN:
        return is_own_ip(lists, owner, IPV4 if packet.kind == ARP else packet.kind, address)
    return is_in(wanted, address)


@kernel
def has_mac(wanted, packet):
    """Tell whether the sender in an ARP body is the one that a rule wants."""
    if wanted == OWN:
        return packet.is_own_mac != 0
    return wanted in (ANY, packet.sender_mac)


@kernel
def is_within(span, value):
    """Tell whether a number is one that a rule wants."""
    return span.least == ANY or span.least <= value <= span.most


@kernel
def matches_upper(rule, packet):
    """Compare ports and the type of ICMP."""
    if rule.source_port.least == ANY and rule.destination_port.least == ANY and rule.icmp_type.least == ANY:
        return MATCHES
    if packet.upper == ABSENT:
        return DIFFERS
    if packet.upper == HIDDEN:
        return UNSURE
    has_ports = is_within(rule.source_port, packet.source_port)
    has_ports = has_ports and is_within(rule.destination_port, packet.destination_port)
    return MATCHES if has_ports and is_within(rule.icmp_type, packet.icmp_type) else DIFFERS


@kernel
def matches_target(lists, rule, owner, packet):
    """Compare the target of neighbour discovery."""
    if rule.target.n_bits == ANY:
        return MATCHES
    if packet.target_is == ABSENT:
        return DIFFERS
    if packet.target_is == HIDDEN:
        return UNSURE
    return MATCHES if has_ip(lists, rule.target, owner, packet, packet.target) else DIFFERS


@out_of_line
def matches_packet(lists, rule, owner, header):
    """Tell whether what stands behind a frame's type is what a rule asks for.

    UNSURE where nothing that can be read differs, but not all can be read.
    """
    packet = header.packet
    if packet.kind == HIDDEN_PACKET:
        return UNSURE
    if rule.kinds >> packet.kind & 1 == 0:
        return DIFFERS
    if packet.body == HIDDEN:
        return UNSURE
    if not has_ip(lists, rule.source, owner, packet, packet.source):
        return DIFFERS
    if not has_ip(lists, rule.destination, owner, packet, packet.destination):
        return DIFFERS
    if packet.kind == ARP:
        if rule.arp_operation != ANY and rule.arp_operation != packet.arp_operation:
            return DIFFERS
        return MATCHES if has_mac(rule.sender_mac, packet) else DIFFERS
    found = MATCHES
    if rule.protocol != ANY and packet.protocol != rule.protocol:
        if packet.protocol != HIDDEN_PROTOCOL:
            return DIFFERS
        found = UNSURE
    for each in (matches_upper(rule, packet), matches_target(lists, rule, owner, packet)):
        if each == DIFFERS:
            return DIFFERS
        if each == UNSURE:
            found = UNSURE
    return found
