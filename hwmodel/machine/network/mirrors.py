"""Mirrors and samples of a bridge: which frames are copied, and with which headers the copies begin.

Frames that pass a watched port are held with the header that they have there, until all else of the instant is done
with them; then each mirror makes its copy. A copy is counted apart from then on, and never mirrored again.
"""

from __future__ import annotations

from hwmodel.compiled.compilation import kernel, out_of_line
from hwmodel.compiled.far_tables import lengthened
from hwmodel.forwarding.header_store import MIRRORED_BY_BRIDGE
from hwmodel.forwarding.octets import copy_octets, write_number
from hwmodel.forwarding.outer_tag import OUTER_BYTES, UNKNOWN_INTERFACE
from hwmodel.forwarding.parse import TAG_OFFSET, TYPE_C_TAG, parse_header
from hwmodel.machine.counts.passed_flows import drawn
from hwmodel.machine.network.bridge_places import append, take_place
from hwmodel.machine.network.bridge_state import CAME, IN_VLAN, LEFT_BY, NOBODY, TO_PORT
from hwmodel.machine.network.hops import VLAN_MEMBER, look_inside
from hwmodel.machine.network.wires import padded_bytes
from hwmodel.rules.remote_mirror import (
    ERSPAN_BYTES,
    PRIORITY_PLACE,
    TAG_PLACE,
    TAG_PRESERVED,
    VLAN_PLACE,
    WITHOUT_TAG,
)
from hwmodel.rules.switch_modes import TYPE_BYTES

NOBODYS = tuple(reason for reason in UNKNOWN_INTERFACE if reason)  # of frames whose outer tag names nobody


@out_of_line
def hold(bridge, place, logical_port, passed):
    """Hold a frame that passes a watched logical port, `CAME` or `LEFT_BY`, as it is there."""
    if bridge.slot[place].crossing.journey.tx_queue == MIRRORED_BY_BRIDGE:
        return
    held = take_place(bridge)
    bridge.slot[held] = bridge.slot[place]
    slot = bridge.slot[held]
    slot.logical_port, slot.holds = logical_port, passed
    append(bridge, bridge.watched, held)


@out_of_line
def sample(bridge, now_fs, number, crossing):
    """Count a frame that comes to a sampled port, and note it if it is one of the samples."""
    sampler, log = bridge.sampler[number], bridge.sample_log
    if drawn(sampler, sampler.params.one_in, sampler, padded_bytes(crossing.n_bytes)) == 0:
        return
    if log.n == len(log.entry) and not lengthened(log.entry):
        bridge.ledger.overflow = 1
        return
    look_inside(bridge, crossing.template)
    entry = log.entry[log.n]
    entry.at_fs, entry.pool, entry.sampler = now_fs, sampler.frames, number
    entry.index, entry.template, entry.hop = crossing.index, crossing.journey.template, crossing.template
    entry.n_bytes, entry.vlan, entry.priority = crossing.n_bytes, bridge.inside.vlan, bridge.inside.priority
    log.n += 1


@kernel
def take_octets(bridge, stored):
    """Take a header of any store as the one that is seen."""
    bridge.seen.n_bytes = stored.n_bytes
    copy_octets(bridge.seen.octets, 0, stored.octets, 0, stored.n_bytes)


@kernel
def see(bridge, servers, held):
    """Read and parse a held frame's header, into `seen` and `inside`; find its VLAN."""
    slot, inside = bridge.slot[held], bridge.inside
    number = slot.crossing.template
    if slot.holds == CAME:
        take_octets(bridge, bridge.hop_header[number])
        look_inside(bridge, number)
        return
    logical = bridge.logical_port[slot.logical_port]
    port = bridge.port[logical.params.port]
    if port.params.joined != NOBODY:
        take_octets(bridge, bridge.hop_header[number])
    elif port.params.is_outside:
        take_octets(bridge, bridge.outside_header[number])
    else:
        take_octets(bridge, servers[port.params.server].headers.template_header[number])
    inside.hop = NOBODY
    parse_header(bridge.seen.octets, bridge.seen.n_bytes, port.params.outer_kind, inside.header)
    inside.vlan = inside.header.vid if inside.header.vid != 0 else logical.params.native_vlan
    inside.priority, inside.dei = inside.header.pcp, inside.header.dei


@kernel
def copies(bridge, mirror, held):
    """Tell whether a mirror copies the frame that is seen; which port it passed is known."""
    if bridge.slot[held].holds == LEFT_BY:
        return True
    reason = bridge.inside.reason
    if mirror.params.vlan != 0:
        return mirror.params.vlan == bridge.inside.vlan and reason != VLAN_MEMBER and reason not in NOBODYS
    return reason not in NOBODYS


@kernel
def write_copy(bridge, mirror, passed_by):
    """Write the header of a mirror's copy of what is seen into `made`; return its length.

    `passed_by`: the port and which way, which an ERSPAN header names.
    """
    seen, made, header = bridge.seen, bridge.made, bridge.inside.header
    if mirror.params.kind == TO_PORT:
        return copy_octets(made, 0, seen.octets, 0, seen.n_bytes)
    if mirror.params.kind == IN_VLAN:
        at = copy_octets(made, 0, seen.octets, 0, TAG_OFFSET)
        at = write_number(made, at, 2, TYPE_C_TAG)
        at = write_number(made, at, 2, bridge.inside.priority << 13 | bridge.inside.dei << 12 | mirror.params.to_vlan)
        at = write_number(made, at, 2, header.ethertype)
        return copy_octets(made, at, seen.octets, TAG_OFFSET + header.n_tag_bytes + TYPE_BYTES, seen.n_bytes)
    at = copy_octets(made, 0, mirror.params.octets, 0, mirror.params.n_octets)
    tag = TAG_PRESERVED if header.has_c_tag else WITHOUT_TAG
    says = bridge.inside.vlan << VLAN_PLACE | bridge.inside.priority << PRIORITY_PLACE | tag << TAG_PLACE
    for shift in range(4):  # its version and session stand there
        made[at - ERSPAN_BYTES + shift] |= says >> 8 * (3 - shift) & 0xFF
    write_number(made, at - 4, 4, passed_by)
    at = copy_octets(made, at, seen.octets, 0, TAG_OFFSET)
    return copy_octets(made, at, seen.octets, TAG_OFFSET + OUTER_BYTES[header.outer_kind], seen.n_bytes)
