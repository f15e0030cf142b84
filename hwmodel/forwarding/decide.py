"""The forwarding decision: from ingress port, parsed header and tables to a set of ports or one drop reason.

By tag, in the modes in which a bridge above decides and the tag names the stations; else by address (`veb.py`). Mirrors
give ports a copy of a frame for watching it, apart from those that the decision sends it to.

`decide` is a pure function of its tables and header; docs/forwarding.md states its rules. Token buckets have state, so
the caller asks `police` where a decision names a policer, and calls `limit` if the bucket refuses the frame.
"""

from __future__ import annotations

from hwmodel.compiled.compilation import entry, kernel
from hwmodel.compiled.records import NEVER, ints, record
from hwmodel.forwarding.drop_reason import DropReason
from hwmodel.forwarding.ingress_rules import check_frame, check_sender, has_bridge_above
from hwmodel.forwarding.outer_tag import (
    MISSING,
    NO_INTERFACE,
    NO_OUTER_TAG,
    UNKNOWN_INTERFACE,
    has_priority,
    key_of_named,
    key_of_sender,
    own_interface,
    tag_from,
    why_refused,
)
from hwmodel.forwarding.port_set import PORT_SET, PORT_WORDS, UPLINK, add, clear, contains, count
from hwmodel.forwarding.tables import MIRROR_EGRESS, MIRROR_INGRESS, MIRROR_VLAN, NO_VLAN, find
from hwmodel.forwarding.veb import UNKNOWN_CHANNEL, bridge_from_station, bridge_from_uplink, find_channel


@kernel
def mirror_sent(mirror, decision):
    """Mirror what leaves a port, as it leaves that port."""
    if not contains(decision.egress, mirror.from_port):
        return
    add(decision.mirrored, mirror.to_port)
    if contains(decision.tagged, mirror.from_port):
        add(decision.tagged, mirror.to_port)
    if contains(decision.outer_tagged, mirror.from_port):
        add(decision.outer_tagged, mirror.to_port)


@kernel
def add_mirrors(tables, header, decision):
    """Add a mirrored copy at each enabled port that a mirror points at, if it has none; the first that applies counts.

    Mirrors of an ingress port and of a VLAN copy the frame as received, whether it is forwarded or dropped.
    """
    for i in range(tables.n_mirrors):
        mirror = tables.mirror[i]
        to_port = mirror.to_port
        if not contains(tables.enabled, to_port):
            continue
        if contains(decision.egress, to_port) or contains(decision.mirrored, to_port):
            continue
        if mirror.kind == MIRROR_EGRESS:
            mirror_sent(mirror, decision)
        elif (mirror.kind == MIRROR_INGRESS and mirror.from_port == header.ingress_port) or (
            mirror.kind == MIRROR_VLAN and mirror.vlan == decision.vlan
        ):
            add(decision.mirrored, to_port)
            add(decision.verbatim, to_port)


NO_REASON, NO_DESTINATION = DropReason.NONE.value, DropReason.NO_DESTINATION.value


@kernel
def extend_ports(tables, header, decision, key, pruned_key):
    """Choose the enabled stations of one key but not those of another (0: none); tell whether the first has any."""
    targets = tables.lookup.entry[find(tables.lookup, key)]
    for w in range(PORT_WORDS):
        decision.egress.word[w] = targets.ports.word[w] & tables.enabled.word[w]
    if count(decision.egress) == 0:
        return False
    decision.vlan = header.vid
    if pruned_key != 0:
        pruned = tables.lookup.entry[find(tables.lookup, pruned_key)]
        for w in range(PORT_WORDS):
            decision.egress.word[w] &= ~pruned.ports.word[w]
    return True


@kernel
def extend_from_bridge(tables, header, decision):
    """Hand a frame of the bridge above to the stations that its tag names."""
    kind = tables.port[UPLINK].outer_kind
    if header.outer_kind != kind:
        return MISSING[kind]
    refused = why_refused(header)
    if refused != 0:
        return refused
    if not extend_ports(tables, header, decision, key_of_named(header), key_of_sender(header)):
        return UNKNOWN_INTERFACE[kind]
    return NO_REASON if count(decision.egress) > 0 else NO_DESTINATION


NO_POLICER = -1

DECISION = record(
    # Why the frame is dropped, or DropReason.NONE. `longest_bytes`: a longer frame (tags counted, FCS not) of this
    # header is OVERSIZE. `policer`: the bucket to ask first, whatever the reason, or -1.
    *ints("reason", "longest_bytes", "policer"),
    # `vlan` is 0 as long as the frame was not accepted in one.
    *ints("priority", "dei", "vlan", "n_copies", "n_mirrored"),
    # The outer tag, if any, that a copy for the uplink gets: its kind and the bytes after its type as a number.
    *ints("outer_kind", "outer_word"),
    ("egress", PORT_SET),
    ("mirrored", PORT_SET),
    # What each port's copy, mirrored or not, looks like: as received; else with or without C-TAG and outer tag.
    ("verbatim", PORT_SET),
    ("tagged", PORT_SET),
    ("outer_tagged", PORT_SET),
)


@kernel
def reset_copies(decision):
    """Leave no copy."""
    decision.n_copies = decision.n_mirrored = 0
    decision.outer_kind, decision.outer_word = NO_OUTER_TAG, 0
    clear(decision.egress)
    clear(decision.mirrored)
    clear(decision.verbatim)
    clear(decision.tagged)
    clear(decision.outer_tagged)


@kernel
def set_priority(tables, header, decision):
    """Take priority and drop eligibility from the C-TAG, else from the outer tag, else the port's default."""
    if header.has_c_tag:
        decision.priority, decision.dei = header.pcp, header.dei
    elif has_priority(header):
        decision.priority, decision.dei = header.outer_pcp, header.outer_dei
    else:
        decision.priority, decision.dei = tables.port[header.ingress_port].default_priority, 0


@kernel
def mark_tags(tables, header, decision):
    """Say which chosen ports get a C-TAG, and whether and with what outer tag the uplink's copy leaves."""
    port = tables.port[header.ingress_port]
    for w in range(PORT_WORDS):
        if has_bridge_above(tables):
            decision.tagged.word[w] = decision.egress.word[w] if header.has_c_tag else 0
        else:
            decision.tagged.word[w] = decision.egress.word[w] & ~tables.vlan[decision.vlan].untagged.word[w]
    if not contains(decision.egress, UPLINK):
        return
    interface = own_interface(tables, port)
    if interface != NO_INTERFACE:
        decision.outer_kind = tables.port[UPLINK].outer_kind
        decision.outer_word = tag_from(decision.outer_kind, interface, decision.priority, decision.dei)
        add(decision.outer_tagged, UPLINK)


@kernel
def leave_reached(tables, header, decision, reason):
    """Leave those of the chosen ports that private VLANs let the ingress port reach; return why none is left."""
    if reason != DropReason.NONE or not tables.has_private_ports:
        return reason
    for w in range(PORT_WORDS):
        decision.egress.word[w] &= tables.reached[header.ingress_port].word[w]
    return DropReason.NONE if count(decision.egress) > 0 else DropReason.PVLAN


@kernel
def choose_ports(tables, header, decision):
    """Apply the rules after the third; return the drop reason."""
    if header.ingress_port == UPLINK:
        if has_bridge_above(tables):
            return extend_from_bridge(tables, header, decision)
        channel = find_channel(tables, header)
        if channel == UNKNOWN_CHANNEL:
            return DropReason.STAG_UNKNOWN
        reason = bridge_from_uplink(tables, tables.channel[channel], header, decision)
        return leave_reached(tables, header, decision, reason)
    reason = check_sender(tables, header)
    if reason != DropReason.NONE:
        return reason
    if has_bridge_above(tables):
        decision.vlan = header.vid
        add(decision.egress, UPLINK)
        return DropReason.NONE
    return leave_reached(tables, header, decision, bridge_from_station(tables, header, decision))


@kernel
def finish(tables, header, decision):
    """Drop what a reason drops, mark the tags of what is left, add the mirrored copies, and count both."""
    if decision.reason != DropReason.NONE:
        reset_copies(decision)
    else:
        mark_tags(tables, header, decision)
    if decision.reason == DropReason.NONE or decision.reason > DropReason.CONTROL_FRAME:
        add_mirrors(tables, header, decision)
    decision.n_copies = count(decision.egress)
    decision.n_mirrored = count(decision.mirrored)


@entry
def decide(tables, header, decision):
    """Decide what becomes of a parsed frame; every field of the decision is written.

    Takes one record each of TABLES, HEADER and DECISION. Token buckets are not asked: see `limit`.
    """
    reset_copies(decision)
    decision.policer, decision.vlan, decision.priority, decision.dei = NO_POLICER, NO_VLAN, 0, 0
    decision.reason = check_frame(tables, header)
    decision.longest_bytes = NEVER
    if decision.reason in (DropReason.NONE, DropReason.OVERSIZE):
        decision.longest_bytes = tables.port[header.ingress_port].longest_bytes + header.n_tag_bytes
        set_priority(tables, header, decision)
    if decision.reason == DropReason.NONE:
        decision.reason = choose_ports(tables, header, decision)
    finish(tables, header, decision)


@entry
def limit(tables, header, decision):
    """Turn a decision into that of a frame which its policer refuses; copies mirrored as received stay."""
    decision.reason = DropReason.RATE_LIMITED
    finish(tables, header, decision)


@entry
def output_queue(priority, n_queues):
    """Return the output queue of a priority (0 to 7) among 1, 2, 4 or 8; the higher goes first."""
    return priority * n_queues // 8
