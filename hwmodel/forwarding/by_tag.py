"""Forwarding by tag: the modes in which a bridge above decides and the tag names the stations."""

from __future__ import annotations

from hwmodel.compiled.compilation import kernel
from hwmodel.forwarding.drop_reason import DropReason
from hwmodel.forwarding.outer_tag import MISSING, UNKNOWN_INTERFACE, key_of_named, key_of_sender, why_refused
from hwmodel.forwarding.port_set import PORT_WORDS, UPLINK, count
from hwmodel.forwarding.tables import find

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
