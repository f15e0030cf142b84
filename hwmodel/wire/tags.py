"""The tags between source address and type: C, S, VN and E tags, parsed, built, inserted and stripped.

A frame holds at most one outer tag (S, VN or E) and one C-TAG under it; what follows is payload. Formats: IEEE 802.1Q
clause 9.6 (C and S), IEEE 802.1BR clause 7.5 (E), and the VN-Tag of the Cisco proposal that went before 802.1BR.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from hwmodel.wire.ethernet import ADDRESS_BYTES, EtherType, mac_to_bytes

# Every tag follows the two addresses.
TAG_OFFSET = 2 * ADDRESS_BYTES
TYPE_BYTES = 2

# Length of each tag with its own type number; the type after it is not counted.
TAG_BYTES: dict[int, int] = {EtherType.C_TAG: 4, EtherType.S_TAG: 4, EtherType.VN_TAG: 6, EtherType.E_TAG: 8}
OUTER_TAG_TYPES = frozenset({int(EtherType.S_TAG), int(EtherType.VN_TAG), int(EtherType.E_TAG)})
NO_OUTER_TAG: frozenset[int] = frozenset()
# An E-TAG, a C-TAG and the type after them.
LONGEST_HEADER_BYTES = TAG_OFFSET + TAG_BYTES[EtherType.E_TAG] + TAG_BYTES[EtherType.C_TAG] + TYPE_BYTES


class RuntFrameError(ValueError):
    """Report a frame that ends before its addresses, or within a tag or the type after it."""


def _field(name: str, value: int, n_bits: int) -> int:
    if not 0 <= value < 1 << n_bits:
        raise ValueError(f"{name} is {value} and does not fit into {n_bits} bits")
    return value


@dataclass(frozen=True, slots=True)
class VlanTag:
    """Hold a C-TAG (type 0x8100) or an S-TAG (0x88A8): priority 3 bits, drop eligible 1, VLAN 12."""

    pcp: int = 0
    dei: int = 0
    vid: int = 0
    ethertype: int = int(EtherType.C_TAG)

    def to_bytes(self) -> bytes:
        """Give the 4 B of the tag, type number first; ValueError where a field is too wide."""
        if self.ethertype not in (EtherType.C_TAG, EtherType.S_TAG):
            raise ValueError(f"0x{self.ethertype:04x} is no VLAN tag type")
        tci = _field("pcp", self.pcp, 3) << 13 | _field("dei", self.dei, 1) << 12 | _field("vid", self.vid, 12)
        return self.ethertype.to_bytes(2, "big") + tci.to_bytes(2, "big")


@dataclass(frozen=True, slots=True)
class VnTag:
    """Hold a VN-Tag.

    Direction 1: from the bridge; pointer 1: `dvif` names a list; looped 1: the source is behind this port too.
    """

    direction: int = 0
    pointer: int = 0
    dvif: int = 0
    looped: int = 0
    reserved: int = 0
    version: int = 0
    svif: int = 0

    def to_bytes(self) -> bytes:
        """Give the 6 B of the tag, type number first; ValueError where a field is too wide."""
        word = (
            _field("direction", self.direction, 1) << 31
            | _field("pointer", self.pointer, 1) << 30
            | _field("dvif", self.dvif, 14) << 16
            | _field("looped", self.looped, 1) << 15
            | _field("reserved", self.reserved, 1) << 14
            | _field("version", self.version, 2) << 12
            | _field("svif", self.svif, 12)
        )
        return EtherType.VN_TAG.to_bytes(2, "big") + word.to_bytes(4, "big")


@dataclass(frozen=True, slots=True)
class ETag:
    """Hold an E-TAG; `group` 0 is point to point, and an E-CID of 20 bits is its extension byte over its base."""

    pcp: int = 0
    dei: int = 0
    ingress_ecid: int = 0
    reserved: int = 0
    group: int = 0
    ecid: int = 0

    def to_bytes(self) -> bytes:
        """Give the 8 B of the tag, type number first; ValueError where a field is too wide."""
        ingress = _field("ingress_ecid", self.ingress_ecid, 20)
        ecid = _field("ecid", self.ecid, 20)
        first = _field("pcp", self.pcp, 3) << 13 | _field("dei", self.dei, 1) << 12 | ingress & 0xFFF
        second = _field("reserved", self.reserved, 2) << 14 | _field("group", self.group, 2) << 12 | ecid & 0xFFF
        words = EtherType.E_TAG << 48 | first << 32 | second << 16 | ingress >> 12 << 8 | ecid >> 12
        return words.to_bytes(8, "big")


Tag = VlanTag | VnTag | ETag


def read_tag(tag: bytes) -> Tag:
    """Decode one whole tag, type number first; ValueError where it is none of the four or has another length."""
    ethertype = int.from_bytes(tag[:2], "big")
    if TAG_BYTES.get(ethertype) != len(tag):
        raise ValueError(f"{tag.hex()} is no tag")
    word = int.from_bytes(tag[2:], "big")
    if ethertype == EtherType.VN_TAG:
        return VnTag(
            direction=word >> 31,
            pointer=word >> 30 & 1,
            dvif=word >> 16 & 0x3FFF,
            looped=word >> 15 & 1,
            reserved=word >> 14 & 1,
            version=word >> 12 & 3,
            svif=word & 0xFFF,
        )
    if ethertype == EtherType.E_TAG:
        ingress_ecid = (word >> 8 & 0xFF) << 12 | word >> 32 & 0xFFF
        ecid = (word & 0xFF) << 12 | word >> 16 & 0xFFF
        return ETag(word >> 45, word >> 44 & 1, ingress_ecid, word >> 30 & 3, word >> 28 & 3, ecid)
    return VlanTag(word >> 13, word >> 12 & 1, word & 0xFFF, ethertype)


@dataclass(frozen=True, slots=True)
class ParsedHeader:
    """Hold what a parser finds before the payload; `n_bytes` ends with the last type, whose number is `ethertype`.

    An `ethertype` of at most 1500 is a length field.
    """

    destination: int
    source: int
    outer: Tag | None
    c_tag: VlanTag | None
    ethertype: int
    n_bytes: int


def parse_header(frame: bytes, outer_types: frozenset[int] = OUTER_TAG_TYPES) -> ParsedHeader:
    """Parse addresses, at most one outer tag of `outer_types`, at most one C-TAG, and the type after them.

    A tag that `outer_types` lacks is a type like any other. Raises RuntFrameError where the frame ends too early.
    """
    at = TAG_OFFSET
    ethertype = _type_at(frame, at)
    outer = c_tag = None
    if ethertype in outer_types:
        after = at + TAG_BYTES[ethertype]
        following = _type_at(frame, after)
        outer = read_tag(frame[at:after])
        at, ethertype = after, following
    if ethertype == EtherType.C_TAG:
        after = at + TAG_BYTES[ethertype]
        following = _type_at(frame, after)
        tci = int.from_bytes(frame[at + TYPE_BYTES : after], "big")
        c_tag = VlanTag(tci >> 13, tci >> 12 & 1, tci & 0xFFF)
        at, ethertype = after, following
    return ParsedHeader(
        destination=int.from_bytes(frame[:6], "big"),
        source=int.from_bytes(frame[6:12], "big"),
        outer=outer,
        c_tag=c_tag,
        ethertype=ethertype,
        n_bytes=at + TYPE_BYTES,
    )


def _type_at(frame: bytes, at: int) -> int:
    if len(frame) < at + TYPE_BYTES:
        raise RuntFrameError(f"the frame has {len(frame)} bytes and ends before offset {at + TYPE_BYTES}")
    return int.from_bytes(frame[at : at + TYPE_BYTES], "big")


def build_header(destination: int, source: int, ethertype: int, tags: Iterable[Tag] = ()) -> bytes:
    """Join addresses, tags (outermost first) and type into the bytes before a payload; ValueError for bad fields."""
    parts = [mac_to_bytes(destination), mac_to_bytes(source)]
    parts += [tag.to_bytes() for tag in tags]
    parts.append(_field("ethertype", ethertype, 16).to_bytes(TYPE_BYTES, "big"))
    return b"".join(parts)
