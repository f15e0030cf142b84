"""The parser: addresses, at most one outer tag, at most one C-TAG, and the type after them.

Which outer tag counts as one depends on the port: none from a station, the mode's from the uplink. Any other is a type
like any other and begins the payload; so does the C-TAG of a station whose port VLAN goes over it.
"""

from __future__ import annotations

from hwmodel.compiled.compilation import entry, kernel
from hwmodel.compiled.records import ints, record
from hwmodel.forwarding.octets import read_bytes
from hwmodel.forwarding.outer_tag import NO_OUTER_TAG, OUTER_BYTES, OUTER_TYPES, TAG_FIELDS, read_tag, reset_tag
from hwmodel.forwarding.packet import PACKET, read_packet
from hwmodel.rules.switch_modes import C_TAG, TYPE_BYTES

TYPE_C_TAG, C_TAG_BYTES = C_TAG.ethertype, C_TAG.n_bytes
TAG_OFFSET = 12
HEADER_BYTES = 14
NO_TAGS = -1  # in place of an outer tag's kind: no tag counts as one, no C-TAG either

# `packet`: written by `read_behind` alone, where the tables ask for it (`reads_packets`).
HEADER = record(
    *ints("ingress_port", "is_bad", "n_bytes", "is_complete", "destination", "source", "ethertype", "n_tag_bytes"),
    *ints("has_c_tag", "pcp", "dei", "vid"),
    *TAG_FIELDS,
    ("packet", PACKET),
)


@kernel
def reset_header(header):
    """Set what only some frames have to zero."""
    header.is_complete = header.destination = header.source = header.ethertype = header.n_tag_bytes = 0
    header.has_c_tag = header.pcp = header.dei = header.vid = 0
    reset_tag(header)


@entry
def parse_header(frame, n_bytes, outer_kind, header):
    """Parse a frame; of outer tags one kind, or none, is taken for a tag, with NO_TAGS not even a C-TAG.

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
    if outer_kind > NO_OUTER_TAG and ethertype == OUTER_TYPES[outer_kind]:
        after = at + OUTER_BYTES[outer_kind]
        if n_bytes < after + 2:
            return
        read_tag(header, outer_kind, read_bytes(frame, at + 2, OUTER_BYTES[outer_kind] - 2))
        at, ethertype = after, read_bytes(frame, after, 2)
    if ethertype == TYPE_C_TAG and outer_kind != NO_TAGS:
        after = at + C_TAG_BYTES
        if n_bytes < after + 2:
            return
        tci = read_bytes(frame, at + 2, 2)
        header.has_c_tag, header.pcp, header.dei, header.vid = 1, tci >> 13, (tci >> 12) & 1, tci & 0xFFF
        at, ethertype = after, read_bytes(frame, after, 2)
    header.ethertype = ethertype
    header.n_tag_bytes = at - TAG_OFFSET
    header.is_complete = 1


@kernel
def has_outer_tag(frame, outer_kind):
    """Tell whether a frame's first type is that of a kind of outer tag, of which there is one."""
    return read_bytes(frame, TAG_OFFSET, TYPE_BYTES) == OUTER_TYPES[outer_kind]


@entry
def parse(tables, ingress_port, frame, n_bytes, header):
    """Parse a frame as the port it arrives at does; see `parse_header`. The frame counts as not marked bad."""
    header.ingress_port = ingress_port
    header.is_bad = 0
    parse_header(frame, n_bytes, tables.port[ingress_port].outer_kind, header)


@entry
def read_behind(frame, n_bytes, header):
    """Read what a frame whose header is parsed says behind its type; `n_bytes`: how many of it are at hand."""
    read_packet(frame, n_bytes, TAG_OFFSET + header.n_tag_bytes + TYPE_BYTES, header.ethertype, header.packet)
