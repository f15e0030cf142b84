"""The parser: addresses, at most one outer tag, at most one C-TAG, and the type after them.

Which outer tag counts as one depends on the port: none from a station, the mode's from the uplink. Any other is a type
like any other and begins the payload. Formats: IEEE 802.1Q clause 9.6 (C-TAG, S-TAG), IEEE 802.1BR clause 7.5 (E-TAG);
the VN-Tag as Wireshark decodes it.
"""

from __future__ import annotations

import numpy as np

from hwmodel.compiled.compilation import entry, kernel
from hwmodel.compiled.records import ints, record

TYPE_C_TAG = 0x8100
TYPE_MAC_CONTROL = 0x8808
NO_OUTER_TAG, OUTER_S, OUTER_VN, OUTER_E = range(4)
# By kind of outer tag: its type, and its length with that type.
OUTER_TYPES = (0, 0x88A8, 0x8926, 0x893F)
OUTER_BYTES = (0, 4, 6, 8)
C_TAG_BYTES = 4
TAG_OFFSET = 12
HEADER_BYTES = 14

HEADER = record(
    *ints("ingress_port", "is_bad", "n_bytes", "is_complete", "destination", "source", "ethertype", "n_tag_bytes"),
    *ints("has_c_tag", "pcp", "dei", "vid"),
    # The outer tag. S-TAG and E-TAG have outer_pcp and outer_dei.
    *ints("outer_kind", "outer_pcp", "outer_dei", "s_vid"),
    *ints("vn_direction", "vn_pointer", "vn_dvif", "vn_looped", "vn_version", "vn_svif"),
    *ints("e_group", "e_ecid", "e_ingress_ecid"),
)


@kernel
def read_bytes(frame, at, n_bytes):
    """Return up to 7 bytes of a frame as one number, most significant byte first."""
    value = np.int64(0)
    for i in range(at, at + n_bytes):
        value = (value << 8) | np.int64(frame[i])
    return value


@kernel
def reset_header(header):
    """Set what only some frames have to zero."""
    header.is_complete = header.destination = header.source = header.ethertype = header.n_tag_bytes = 0
    header.has_c_tag = header.pcp = header.dei = header.vid = 0
    header.outer_kind = header.outer_pcp = header.outer_dei = header.s_vid = 0
    header.vn_direction = header.vn_pointer = header.vn_dvif = 0
    header.vn_looped = header.vn_version = header.vn_svif = 0
    header.e_group = header.e_ecid = header.e_ingress_ecid = 0


@kernel
def read_outer_tag(frame, at, kind, header):
    """Read the fields of an outer tag; `at` is the offset of the byte after its type."""
    header.outer_kind = kind
    word = read_bytes(frame, at, OUTER_BYTES[kind] - 2)
    if kind == OUTER_VN:
        header.vn_direction = word >> 31
        header.vn_pointer = (word >> 30) & 1
        header.vn_dvif = (word >> 16) & 0x3FFF
        header.vn_looped = (word >> 15) & 1
        header.vn_version = (word >> 12) & 3
        header.vn_svif = word & 0xFFF
    elif kind == OUTER_E:
        header.outer_pcp = word >> 45
        header.outer_dei = (word >> 44) & 1
        header.e_ingress_ecid = ((word >> 8) & 0xFF) << 12 | (word >> 32) & 0xFFF
        header.e_group = (word >> 28) & 3
        header.e_ecid = (word & 0xFF) << 12 | (word >> 16) & 0xFFF
    else:
        header.outer_pcp = word >> 13
        header.outer_dei = (word >> 12) & 1
        header.s_vid = word & 0xFFF


@entry
def parse_header(frame, n_bytes, outer_kind, header):
    """Parse a frame of which one kind of outer tag, or none, is a tag.

    `frame` is a uint8 array of at least min(`n_bytes`, 26) bytes, `n_bytes` the frame's length without FCS. A frame
    that ends before 14 B, or in a recognised tag or the type after it, leaves `is_complete` 0 and `n_tag_bytes` 0.
    """
    reset_header(header)
    header.n_bytes = n_bytes
    if n_bytes < HEADER_BYTES:
        return
    header.destination = read_bytes(frame, 0, 6)
    header.source = read_bytes(frame, 6, 6)
    at = TAG_OFFSET
    ethertype = read_bytes(frame, at, 2)
    if outer_kind != NO_OUTER_TAG and ethertype == OUTER_TYPES[outer_kind]:
        after = at + OUTER_BYTES[outer_kind]
        if n_bytes < after + 2:
            return
        read_outer_tag(frame, at + 2, outer_kind, header)
        at, ethertype = after, read_bytes(frame, after, 2)
    if ethertype == TYPE_C_TAG:
        after = at + C_TAG_BYTES
        if n_bytes < after + 2:
            return
        tci = read_bytes(frame, at + 2, 2)
        header.has_c_tag, header.pcp, header.dei, header.vid = 1, tci >> 13, (tci >> 12) & 1, tci & 0xFFF
        at, ethertype = after, read_bytes(frame, after, 2)
    header.ethertype = ethertype
    header.n_tag_bytes = at - TAG_OFFSET
    header.is_complete = 1


@entry
def parse(tables, ingress_port, frame, n_bytes, header):
    """Parse a frame as the port it arrives at does; see `parse_header`. The frame counts as not marked bad."""
    header.ingress_port = ingress_port
    header.is_bad = 0
    parse_header(frame, n_bytes, tables.port[ingress_port].outer_kind, header)
