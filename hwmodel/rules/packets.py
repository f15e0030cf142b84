"""Numbers of what stands behind an EtherType: IANA's protocol numbers, types of ICMPv6, extension headers."""

from __future__ import annotations

from collections.abc import Mapping

from hwmodel.rules.steering import SCTP, TCP, UDP
from hwmodel.rules.switch_modes import C_TAG, OUTER_TAGS

TYPE_IPV4, TYPE_ARP, TYPE_IPV6 = 0x0800, 0x0806, 0x86DD
# Types of tags: a frame that has one of them as its type hides its packet, since a receiver may take the tag off.
HIDING_TYPES = (C_TAG.ethertype, *(tag.ethertype for tag in OUTER_TAGS))

ICMP, ICMPV6 = 1, 58
PROTOCOLS: Mapping[str, int] = {"tcp": TCP, "udp": UDP, "sctp": SCTP, "icmp": ICMP, "icmpv6": ICMPV6}
WITH_PORTS = (TCP, UDP, SCTP)
WITH_ICMP_TYPES = (ICMP, ICMPV6)
NEIGHBOUR_SOLICITATION, NEIGHBOUR_ADVERTISEMENT = 135, 136  # RFC 4861
WITH_TARGET = (NEIGHBOUR_SOLICITATION, NEIGHBOUR_ADVERTISEMENT)
IPV4_BYTES, IPV6_BYTES = 20, 40  # of headers, without options or extensions
PORT_BYTES, TARGET_AT, TARGET_END = 4, 8, 24  # of both ports, and where a target stands behind IPv6

# Extension headers of IPv6 that are followed: hop-by-hop options, routing, fragment, authentication, destination
# options. RFC 8200; RFC 4302 for the length of AH.
FRAGMENT, AUTHENTICATION, OPTIONS = 44, 51, 60
EXTENSIONS = (0, 43, FRAGMENT, AUTHENTICATION, OPTIONS)
EXTENSION_BYTES = 8  # the least that one takes
MOST_PACKET_BYTES = IPV6_BYTES + EXTENSION_BYTES + TARGET_END  # that are kept of a captured frame behind its type

# RFC 826: hardware type, protocol type and lengths of a body of Ethernet and IPv4.
ETHERNET_ARP, ARP_BYTES = 0x000108000604, 28
ARP_OPERATIONS: Mapping[str, int] = {"request": 1, "reply": 2}  # RFC 826

LINK_LOCAL = 0xFE80 << 48  # the first 64 bits of an address of the link, RFC 4291
EUI64_FLIP = 1 << 57  # the bit by which an interface identifier differs from the MAC address in it
