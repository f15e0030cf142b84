"""The forwarding decision: from ingress port, parsed header and tables to a set of ports or one drop reason.

`decide` is a pure function of its tables and header; docs/forwarding.md states its rules. Token buckets have state, so
the caller asks `police` where a decision names a policer, and calls `limit` if the bucket refuses the frame.
"""

from __future__ import annotations

from hwmodel.compiled.compilation import entry, kernel
from hwmodel.compiled.records import NEVER, ints, record
from hwmodel.forwarding.by_tag import extend_from_bridge
from hwmodel.forwarding.drop_reason import DropReason
from hwmodel.forwarding.ingress_rules import check_frame, check_sender, has_bridge_above
from hwmodel.forwarding.mirror import add_mirrors
from hwmodel.forwarding.outer_tag import NO_INTERFACE, NO_OUTER_TAG, has_priority, own_interface, tag_from
from hwmodel.forwarding.port_set import PORT_SET, PORT_WORDS, UPLINK, add, clear, contains, count
from hwmodel.forwarding.tables import NO_VLAN
from hwmodel.forwarding.veb import UNKNOWN_CHANNEL, bridge_from_station, bridge_from_uplink, find_channel

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
def choose_ports(tables, header, decision):
    """Apply the rules after the third; return the drop reason."""
    if header.ingress_port == UPLINK:
        if has_bridge_above(tables):
            return extend_from_bridge(tables, header, decision)
        channel = find_channel(tables, header)
        if channel == UNKNOWN_CHANNEL:
            return DropReason.STAG_UNKNOWN
        return bridge_from_uplink(tables, tables.channel[channel], header, decision)
    reason = check_sender(tables, header)
    if reason != DropReason.NONE:
        return reason
    if has_bridge_above(tables):
        decision.vlan = header.vid
        add(decision.egress, UPLINK)
        return DropReason.NONE
    return bridge_from_station(tables, header, decision)


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
