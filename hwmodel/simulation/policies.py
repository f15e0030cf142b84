"""What the policies of bridges say of a header: dropped, policed, its priority changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from hwmodel.forwarding.drop_reason import DropReason
from hwmodel.simulation.bridge_ports import OUTSIDE
from hwmodel.simulation.hops import Hop, Inside
from hwmodel.workload.traffic import UPLINK

if TYPE_CHECKING:
    from hwmodel.config.bridge import Bridge, PolicyEntry


class Policies:
    """Ask the policies of all bridges; `policers` are their entries with token buckets, in the order of the buckets."""

    def __init__(self, bridges: Sequence[Bridge]) -> None:
        self._entries = [bridge.policy for bridge in bridges]
        self.policers: list[PolicyEntry] = [
            entry for policy in self._entries for entry in policy if entry.action == "police"
        ]

    def ask(self, bridge: int, inside: Inside, hop: Hop) -> Inside:
        """Apply the first entry of a bridge's policy that matches."""
        sender = OUTSIDE if inside.sender == UPLINK else inside.sender
        for entry in self._entries[bridge]:
            wanted = (
                (entry.port, "all", sender),
                (entry.source, None, inside.parsed.source),
                (entry.destination, None, inside.parsed.destination),
                (entry.vlan, None, inside.vlan),
                (entry.ethertype, None, inside.parsed.ethertype),
            )
            if not all(value in (anything, own) for value, anything, own in wanted):
                continue
            if entry.action == "deny":
                hop.reason = DropReason.ACL_DENY
            elif entry.action == "police":
                hop.policer = next(i for i, each in enumerate(self.policers) if each is entry)
            elif entry.action == "priority":
                return replace(inside, pcp=entry.priority or 0)
            break
        return inside
