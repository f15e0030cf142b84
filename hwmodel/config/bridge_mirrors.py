"""Validate `bridge.mirrors`: which frames a bridge copies, and where the copies go."""

from __future__ import annotations

from typing import Annotated, Literal

from hwmodel.wire.remote_mirror import MOST_SESSION

from .kinds import SparseBlock, Whole, Word, key
from .names import OUTSIDE, LogicalName, Name
from .switch import VlanId

WayPassed = Literal["ingress", "egress", "both"]


class BridgeMirror(SparseBlock):
    """A copy of the frames of a port or of a VLAN, for a port, a VLAN of its own, or a collector."""

    source: Annotated[str, LogicalName()] | None = key(
        None,
        "Port whose frames are copied, for all its logical ports, or one of these, as results call them: a, a.10, "
        "a.vf0.",
        alias="from",
    )
    direction: Annotated[WayPassed, Word(WayPassed)] | None = key(
        None, "Of a port, what comes into the bridge there (ingress, as with null), what leaves (egress), or both."
    )
    vlan: VlanId | None = key(None, "VLAN whose frames are copied as they come in, once each.")
    to: Annotated[str, LogicalName()] | None = key(None, "Port that gets the copies as they are, tags and all.")
    to_vlan: VlanId | None = key(
        None, "VLAN in which the copies are flooded, in place of their own (remote mirror, RSPAN)."
    )
    collector: Annotated[str, Name(OUTSIDE, with_servers=True)] | None = key(
        None,
        "Station to whose address the copies go, each behind Ethernet, IPv4, GRE and an ERSPAN header of type II: "
        "b.vf3, outside.",
    )
    session: Annotated[int, Whole(0, MOST_SESSION)] | None = key(
        None, "Number of the session in the ERSPAN header; null: the mirror's in the list, from 1 on."
    )

    @property
    def passed(self) -> tuple[bool, bool]:
        """Tell whether it copies what comes into the bridge, and what leaves."""
        return self.direction != "egress", self.direction in ("egress", "both")
