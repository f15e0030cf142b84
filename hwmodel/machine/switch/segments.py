"""Segments that guests hand over whole: what they count as, and what those for the wire take of the uplink's rings."""

from __future__ import annotations

import numpy as np

from hwmodel.compiled.compilation import kernel, out_of_line
from hwmodel.forwarding.port_set import UPLINK
from hwmodel.machine.counts.journeys import journey_lost, journey_of_copy
from hwmodel.machine.switch.decisions import template_of
from hwmodel.rules.ethernet import FCS_BYTES
from hwmodel.rules.pcie_link import DATA_DESCRIPTOR_BYTES


@kernel
def copies_for_uplink(nic, number):
    """Return how many copies of a frame leave by the uplink, mirrored ones too."""
    template, n_wire = template_of(nic, number), 0
    for at in range(template.first_copy, template.first_copy + template.n_copies + template.n_mirrored):
        n_wire += int(nic.traffic.copy_kind[at].port == UPLINK)
    return n_wire


@kernel
def slots_for_uplink(nic, number, n_bytes):
    """Return how many slots of the uplink's ring the copies of a frame, or segment, take at most."""
    template, n_slots = template_of(nic, number), 0
    for at in range(template.first_copy, template.first_copy + template.n_copies + template.n_mirrored):
        kind = nic.traffic.copy_kind[at]
        if kind.port == UPLINK:
            n_slots += slots_of_copy(nic, n_bytes, kind.delta_bytes)
    return n_slots


@kernel
def slots_of_copy(nic, n_bytes, delta_bytes):
    """Return how many slots a copy takes: a frame one; a segment one for each frame, or each descriptor of a send."""
    params = nic.virtual_switch.params
    if params.mss_bytes == 0:
        return 1
    if params.cuts:
        return pieces_of(params, n_bytes)
    in_memory = nic.guests.params.buffer_offset_bytes + n_bytes + delta_bytes
    return 1 + (in_memory + DATA_DESCRIPTOR_BYTES - 1) // DATA_DESCRIPTOR_BYTES


@kernel
def pieces_of(params, n_bytes):
    """Return into how many frames a segment, header and payload, is cut if it leaves; 1 where nothing is cut.

    `params`: those of guests, or of the virtual switch, with `mss_bytes` and `header_bytes`.
    """
    if params.mss_bytes == 0:
        return 1
    return max(1, (n_bytes - params.header_bytes + params.mss_bytes - 1) // params.mss_bytes)


@kernel
def frames_of(nic, number, n_bytes):
    """Return as how many frames a guest's segment counts: those that are cut of it, if a copy leaves by the uplink."""
    params = nic.virtual_switch.params
    if params.mss_bytes == 0 or copies_for_uplink(nic, number) == 0:
        return 1
    return pieces_of(params, n_bytes)


@kernel
def charged_bytes(nic, number, n_bytes):
    """Return the bytes with FCS of a guest's frame, or of the frames as which its segment counts."""
    n_more = frames_of(nic, number, n_bytes) - 1
    return n_bytes + FCS_BYTES + n_more * (nic.virtual_switch.params.header_bytes + FCS_BYTES)


@out_of_line
def policed_bytes(nic, frame):
    """Return the bytes with FCS of which a policer takes tokens."""
    if nic.params.has_virtual_switch and frame.is_wire == 0:
        return charged_bytes(nic, frame.template, frame.n_bytes)
    return np.int64(frame.n_bytes + FCS_BYTES)


@kernel
def journey_of_piece(ledger, now_fs, place, behind):
    """Open the journey of a frame that is cut of a segment, so many behind the one that has the segment's own."""
    piece = journey_of_copy(ledger, now_fs, place, 0)
    ledger.journeys.slot[piece].number += behind
    return piece


@kernel
def lose_pieces(ledger, now_fs, place, n_more):
    """End the journeys of so many frames that are cut of a segment and lost with it."""
    for _ in range(n_more):
        journey_lost(ledger, now_fs, journey_of_copy(ledger, now_fs, place, 0))


@kernel
def count_whole(nic, frame):
    """Count a guest's segment that is passed whole to guests alone."""
    template = template_of(nic, frame.template)
    if nic.guests.params.posts_sends and frame.is_wire == 0 and template.n_copies > 0:
        nic.ledger.counts.whole_segments += int(copies_for_uplink(nic, frame.template) == 0)
