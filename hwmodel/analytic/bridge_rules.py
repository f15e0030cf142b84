"""What one bridge does with a frame: its policy, what it knows of addresses, and the logical ports by which it leaves.

Written from docs/bridge.md, apart from the kernels.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hwmodel.analytic.logical_ports import LogicalPort, logical_ports
from hwmodel.analytic.mirrors import UPLINK
from hwmodel.analytic.routes import GROUPS, accepts
from hwmodel.config.bridge import OUTSIDE
from hwmodel.wire.ethernet import EtherType

if TYPE_CHECKING:
    from hwmodel.analytic.system import System
    from hwmodel.config.bridge import PolicyEntry
    from hwmodel.config.switch import Port

_MADE_UP = EtherType.LOCAL_EXPERIMENT_1
Stations = Mapping[tuple[int, str], "Port"]  # by component and name


@dataclass(frozen=True)
class Inside:
    """Hold a frame in a bridge; `bare_bytes`: what it has without any tag more (or less) than as offered."""

    source: str
    target: str
    port: LogicalPort
    vlan: int
    bare_bytes: int


class BridgeRules:
    """Hold one bridge of a system, by its number.

    `known`: addresses, by station and VLAN, with the logical port at which they stand; outside is "uplink".
    `towards_outside`: the component whose wire leads to the stations outside.
    """

    def __init__(self, system: System, number: int, stations: Stations) -> None:
        self._system, self._stations, self.number = system, stations, number
        self.settings = system.bridges[number].settings
        self.ports = logical_ports(system, number)
        self.known: dict[tuple[str, int], LogicalPort] = {}
        self.towards_outside = system.towards(number, system.bridge_at(system.outside))

    def port_of(self, part: int) -> LogicalPort:
        """Give the one logical port at the wire of the stations outside, or to another bridge."""
        return next(one for one in self.ports if one.part == part)

    def is_below(self, part: int) -> bool:
        """Tell whether it is at the lower end of a wire between bridges."""
        trunk = self._system.trunk(part)
        return trunk is not None and trunk.lower == self.number

    def entry(self, inside: Inside) -> int | None:
        """Give the number of the policy's first entry that matches."""
        return next((number for number, entry in enumerate(self.settings.policy) if self._matches(entry, inside)), None)

    def _matches(self, entry: PolicyEntry, inside: Inside) -> bool:
        sender = OUTSIDE if inside.source == UPLINK else inside.source
        macs = [None if name in (UPLINK, *GROUPS) else self._system.port(name).macs[:1]
                for name in (inside.source, inside.target)]  # fmt: skip
        is_broadcast = inside.target == "broadcast" and entry.destination == (1 << 48) - 1
        return (
            entry.port in ("all", sender)
            and (entry.source is None or entry.source in (macs[0] or ()))
            and (entry.destination is None or is_broadcast or entry.destination in (macs[1] or ()))
            and entry.vlan in (None, inside.vlan)
            and entry.ethertype in (None, _MADE_UP)
        )

    def ways(self, inside: Inside) -> list[LogicalPort]:
        """Give the logical ports by which a frame leaves, of those behind a list of interfaces one for each adapter."""
        may_go = [one for one in self.ports
                  if one.carries(inside.vlan) and (one != inside.port or one.is_hairpin)]  # fmt: skip
        plain = [one for one in may_go if not isinstance(one.interface, str)]
        if inside.target not in GROUPS:
            known = self.known.get((inside.target, inside.vlan))
            if known is not None:
                return [known] if known in may_go else []
            if self.settings.kind == "controlling":
                return [one for one in plain if one.part == self.towards_outside]
            return plain
        found = list(plain)
        for root in dict.fromkeys(self._system.root(one.part) for one in self.ports if isinstance(one.interface, str)):
            members = self.members(inside, root)
            # One list for all below a port of the bridge, the sender's interface among them: it goes down to there.
            if any(one != inside.port for one in members):
                found += {one.part: one for one in reversed(members)}.values()
        return sorted(found, key=self.ports.index)

    def members(self, inside: Inside, root: int) -> list[LogicalPort]:
        """Give the interfaces below a port of the bridge that are on the list of a group."""
        return [
            one
            for one in self.ports
            if isinstance(one.interface, str) and self._system.root(one.part) == root and one.carries(inside.vlan)
            and accepts(self._stations[one.part, str(one.interface)], inside.target)
        ]  # fmt: skip

    def why_none(self, inside: Inside) -> str:
        """Say why a frame leaves by no port."""
        known = self.known.get((inside.target, inside.vlan))
        return "SAME_PORT" if known == inside.port else "NO_DESTINATION"
