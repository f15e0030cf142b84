"""The tags between source address and type: C, S, VN and E tags, parsed, built, inserted and stripped.

A frame holds at most one outer tag (S, VN or E) and one C-TAG under it; what follows is payload. The formats are those
of `rules.switch_modes`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from hwmodel.rules.switch_modes import C_TAG, OUTER_TAGS, TYPE_BYTES, TagFormat
from hwmodel.wire.ethernet import ADDRESS_BYTES, EtherType, mac_to_bytes

# Every tag follows the two addresses.
TAG_OFFSET = 2 * ADDRESS_BYTES

_FORMATS = {tag.ethertype: tag for tag in (C_TAG, *OUTER_TAGS)}
# Length of each tag with its own type number; the type after it is not counted.
TAG_BYTES: dict[int, int] = {ethertype: tag.n_bytes for ethertype, tag in _FORMATS.items()}
OUTER_TAG_TYPES = frozenset(tag.ethertype for tag in OUTER_TAGS)
# The longest outer tag, a C-TAG and the type after them.
LONGEST_HEADER_BYTES = TAG_OFFSET + max(tag.n_bytes for tag in OUTER_TAGS) + C_TAG.n_bytes + TYPE_BYTES


class RuntFrameError(ValueError):
    """Report a frame that ends before its addresses, or within a tag or the type after it."""


def _field(name: str, value: int, n_bits: int) -> int:
    if not 0 <= value < 1 << n_bits:
        raise ValueError(f"{name} is {value} and does not fit into {n_bits} bits")
    return value


@dataclass(frozen=True, slots=True)
class Tag:
    """Hold a tag: its format, and what follows its type as one number."""

    format: TagFormat
    word: int

    @property
    def fields(self) -> dict[str, int]:
        """Return its fields by their names."""
        return self.format.read(self.word)

    def to_bytes(self) -> bytes:
        """Give the bytes of the tag, type number first."""
        n_bytes = self.format.n_bytes - TYPE_BYTES
        return (self.format.ethertype << 8 * n_bytes | self.word).to_bytes(self.format.n_bytes, "big")


def tag_of(tag: TagFormat, **values: int) -> Tag:
    """Return a tag with some fields set and the others 0; ValueError where one is too wide."""
    return Tag(tag, tag.write({name: _field(name, value, tag.bits(name)) for name, value in values.items()}))


def read_tag(tag: bytes) -> Tag:
    """Decode one whole tag, type number first; ValueError where it is none of the four or has another length."""
    ethertype = int.from_bytes(tag[:TYPE_BYTES], "big")
    if TAG_BYTES.get(ethertype) != len(tag):
        raise ValueError(f"{tag.hex()} is no tag")
    return Tag(_FORMATS[ethertype], int.from_bytes(tag[TYPE_BYTES:], "big"))


@dataclass(frozen=True, slots=True)
class ParsedHeader:
    """Hold what a parser finds before the payload; `n_bytes` ends with the last type, whose number is `ethertype`.

    An `ethertype` of at most 1500 is a length field.
    """

    destination: int
    source: int
    outer: Tag | None
    c_tag: Tag | None
    ethertype: int
    n_bytes: int


def parse_header(frame: bytes) -> ParsedHeader:
    """Parse addresses, at most one outer tag, at most one C-TAG, and the type after them.

    Raises RuntFrameError where the frame ends too early.
    """
    at = TAG_OFFSET
    ethertype = _type_at(frame, at)
    outer = c_tag = None
    if ethertype in OUTER_TAG_TYPES:
        after = at + TAG_BYTES[ethertype]
        following = _type_at(frame, after)
        outer = read_tag(frame[at:after])
        at, ethertype = after, following
    if ethertype == EtherType.C_TAG:
        after = at + TAG_BYTES[ethertype]
        following = _type_at(frame, after)
        c_tag = read_tag(frame[at:after])
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
