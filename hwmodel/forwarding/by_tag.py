"""Forwarding by tag: the modes VN-Tag and E-TAG, in which a bridge above decides and the tag names the stations."""

from __future__ import annotations

from hwmodel.compiled.compilation import kernel
from hwmodel.forwarding.drop_reason import DropReason
from hwmodel.forwarding.parse import OUTER_E, OUTER_VN
from hwmodel.forwarding.port_set import PORT_WORDS, count
from hwmodel.forwarding.tables import ECID, MODE_VN_TAG, VIF, VIF_LIST, find, group_ecid, key_of


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
    """Hand a frame of the bridge above to the stations that its VN-Tag or E-TAG names."""
    if tables.mode == MODE_VN_TAG:
        if header.outer_kind != OUTER_VN:
            return DropReason.VNTAG_MISSING
        if header.vn_version != 0:
            return DropReason.VNTAG_VERSION
        if header.vn_direction != 1:
            return DropReason.VNTAG_DIRECTION
        key = key_of(VIF_LIST, header.vn_dvif) if header.vn_pointer else key_of(VIF, header.vn_dvif)
        pruned_key = key_of(VIF, header.vn_svif) if header.vn_looped else 0
        unknown = DropReason.VNTAG_UNKNOWN_VIF
    else:
        if header.outer_kind != OUTER_E:
            return DropReason.ETAG_MISSING
        key = key_of(ECID, group_ecid(header.e_group, header.e_ecid))
        pruned_key = key_of(ECID, header.e_ingress_ecid) if header.e_ingress_ecid != 0 else 0
        unknown = DropReason.ETAG_UNKNOWN_ECID
    if not extend_ports(tables, header, decision, key, pruned_key):
        return unknown
    return DropReason.NONE if count(decision.egress) > 0 else DropReason.NO_DESTINATION
