"""Mirrors: which ports get a copy of a frame for watching it, apart from those that the decision sends it to."""

from __future__ import annotations

from hwmodel.compiled.compilation import kernel
from hwmodel.forwarding.port_set import add, contains
from hwmodel.forwarding.tables import MIRROR_EGRESS, MIRROR_INGRESS, MIRROR_VLAN


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
