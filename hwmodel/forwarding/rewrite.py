"""The bytes of one copy of a frame as it leaves a port, with tags added and taken off."""

from __future__ import annotations

from hwmodel.compiled.compilation import entry
from hwmodel.forwarding.octets import copy_octets, write_number
from hwmodel.forwarding.outer_tag import OUTER_BYTES, OUTER_TYPES
from hwmodel.forwarding.parse import C_TAG_BYTES, TAG_OFFSET, TYPE_C_TAG
from hwmodel.forwarding.port_set import contains


@entry
def added_bytes(header, decision, port):
    """Return how much longer than the received frame its copy for a port is; negative where tags are stripped."""
    if contains(decision.verbatim, port):
        return 0
    added = -header.n_tag_bytes
    if contains(decision.tagged, port):
        added += C_TAG_BYTES
    if contains(decision.outer_tagged, port):
        added += OUTER_BYTES[decision.outer_kind]
    return added


@entry
def egress_bytes(header, decision, port):
    """Return the length without FCS of the copy for a port; nothing is padded."""
    return header.n_bytes + added_bytes(header, decision, port)


@entry
def rewrite(frame, n_bytes, header, decision, port, out):
    """Write the copy of a frame for a port into `out`; return its length without FCS.

    `frame` and `out` are uint8 arrays, `out` with room for 12 B more than the frame. `header` is what was parsed
    from the frame, `decision` what was made of it; `port` is one of its egress or mirrored ports.
    """
    if contains(decision.verbatim, port):
        return copy_octets(out, 0, frame, 0, n_bytes)
    at = copy_octets(out, 0, frame, 0, TAG_OFFSET)
    if contains(decision.outer_tagged, port):
        at = write_number(out, at, 2, OUTER_TYPES[decision.outer_kind])
        at = write_number(out, at, OUTER_BYTES[decision.outer_kind] - 2, decision.outer_word)
    if contains(decision.tagged, port):
        at = write_number(out, at, 2, TYPE_C_TAG)
        at = write_number(out, at, 2, decision.priority << 13 | decision.dei << 12 | decision.vlan)
    return copy_octets(out, at, frame, TAG_OFFSET + header.n_tag_bytes, n_bytes)
