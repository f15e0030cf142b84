"""The tags between source address and type: C, S, VN and E tags, parsed, built, inserted and stripped.

A frame holds at most one outer tag (S, VN or E) and one C-TAG under it; what follows is payload. The formats are those
of `rules.switch_modes`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

from hwmodel.rules.switch_modes import C_TAG, E_TAG, OUTER_TAGS, S_TAG, TYPE_BYTES, VN_TAG, TagFormat
from hwmodel.wire.ethernet import ADDRESS_BYTES, EtherType, mac_to_bytes

# Every tag follows the two addresses.
TAG_OFFSET = 2 * ADDRESS_BYTES

# Length of each tag with its own type number; the type after it is not counted.
TAG_BYTES: dict[int, int] = {tag.ethertype: tag.n_bytes for tag in (C_TAG, *OUTER_TAGS)}
OUTER_TAG_TYPES = frozenset(tag.ethertype for tag in OUTER_TAGS)
NO_OUTER_TAG: frozenset[int] = frozenset()
# The longest outer tag, a C-TAG and the type after them.
LONGEST_HEADER_BYTES = TAG_OFFSET + max(tag.n_bytes for tag in OUTER_TAGS) + C_TAG.n_bytes + TYPE_BYTES


class RuntFrameError(ValueError):
    """Report a frame that ends before its addresses, or within a tag or the type after it."""


def _field(name: str, value: int, n_bits: int) -> int:
    if not 0 <= value < 1 << n_bits:
        raise ValueError(f"{name} is {value} and does not fit into {n_bits} bits")
    return value


class Tag:
    """Hold the fields of a tag by their names, those that its format has."""

    __slots__ = ()
    FORMAT: ClassVar[TagFormat]

    def to_bytes(self) -> bytes:
        """Give the bytes of the tag, type number first; ValueError where a field is too wide."""
        tag = self._format()
        values = {name: _field(name, getattr(self, name), tag.bits(name)) for name in tag.places}
        return (tag.ethertype << 8 * (tag.n_bytes - TYPE_BYTES) | tag.write(values)).to_bytes(tag.n_bytes, "big")

    def _format(self) -> TagFormat:
        return self.FORMAT


@dataclass(frozen=True, slots=True)
class VlanTag(Tag):
    """Hold a C-TAG (type 0x8100) or an S-TAG (0x88A8)."""

    pcp: int = 0
    dei: int = 0
    vid: int = 0
    ethertype: int = C_TAG.ethertype

    def _format(self) -> TagFormat:
        if self.ethertype not in (C_TAG.ethertype, S_TAG.ethertype):
            raise ValueError(f"0x{self.ethertype:04x} is no VLAN tag type")
        return C_TAG if self.ethertype == C_TAG.ethertype else S_TAG


@dataclass(frozen=True, slots=True)
class VnTag(Tag):
    """Hold a VN-Tag.

    Direction 1: from the bridge; pointer 1: `dvif` names a list; looped 1: the source is behind this port too.
    """

    FORMAT = VN_TAG
    direction: int = 0
    pointer: int = 0
    dvif: int = 0
    looped: int = 0
    reserved: int = 0
    version: int = 0
    svif: int = 0


@dataclass(frozen=True, slots=True)
class ETag(Tag):
    """Hold an E-TAG; `group` 0 is point to point, and an E-CID of 20 bits is its extension byte over its base."""

    FORMAT = E_TAG
    pcp: int = 0
    dei: int = 0
    ingress_ecid: int = 0
    reserved: int = 0
    group: int = 0
    ecid: int = 0


_FORMATS = {tag.ethertype: tag for tag in (C_TAG, *OUTER_TAGS)}
_CLASSES: dict[int, type[Any]] = {each.FORMAT.ethertype: each for each in (VnTag, ETag)}


def tag_of(tag: TagFormat, **values: int) -> Tag:
    """Return a tag of a format with some fields set."""
    own = _CLASSES.get(tag.ethertype)
    found: Tag = VlanTag(**values, ethertype=tag.ethertype) if own is None else own(**values)
    return found


def read_tag(tag: bytes) -> Tag:
    """Decode one whole tag, type number first; ValueError where it is none of the four or has another length."""
    ethertype = int.from_bytes(tag[:TYPE_BYTES], "big")
    if TAG_BYTES.get(ethertype) != len(tag):
        raise ValueError(f"{tag.hex()} is no tag")
    found = _FORMATS[ethertype]
    return tag_of(found, **found.read(int.from_bytes(tag[TYPE_BYTES:], "big")))


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
