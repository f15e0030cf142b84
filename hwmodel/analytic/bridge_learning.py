"""Which addresses the bridges of a system know, and where they stand."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from hwmodel.analytic.bridge_entry import BridgeEntry
from hwmodel.analytic.bridge_rules import BridgeRules, Inside
from hwmodel.analytic.logical_ports import LogicalPort
from hwmodel.analytic.mirrors import UPLINK
from hwmodel.analytic.routes import Route

if TYPE_CHECKING:
    from hwmodel.analytic.system import System

AtSender = Callable[[str, str], Route]  # from source to target: what the sender's adapter does


class BridgeLearning:
    """Fill in what each bridge knows.

    `flows`: (source, target) of all frames, which tell what addresses a bridge learns; None: it knows all.
    """

    def __init__(self, entry: BridgeEntry, at_sender: AtSender, flows: Iterable[tuple[str, str]] | None) -> None:
        self._entry, self._at_sender = entry, at_sender
        self._system: System = entry.system
        self._learn(flows)

    def _learn(self, flows: Iterable[tuple[str, str]] | None) -> None:
        for part, server in enumerate(self._system.servers):
            at = self._entry.bridge_at(part)
            for station in server.config.switch.ports:
                # Where two of its VLANs are one in the bridge the first counts, that of its untagged frames.
                for vlan in sorted(station.vlans, key=lambda vlan: vlan == station.port_vlan):
                    entered = self._entry.entered(part, station, vlan)
                    if entered is not None:
                        self._know(server.station(station.name), at, *entered, knows_all=flows is None)
        if flows is None:
            at = self._entry.bridge_at(self._system.outside)
            port = at.port_of(self._system.outside)
            for vlan in range(1, 4095) if len(self._entry.bridges) == 1 else self._vlans_in_use():
                if port.carries(vlan):
                    self._know(UPLINK, at, port, vlan, knows_all=True)
            return
        self._hear(flows)

    def _vlans_in_use(self) -> set[int]:
        return {vlan for bridge in self._entry.bridges for _, vlan in bridge.known}

    def _hear(self, flows: Iterable[tuple[str, str]]) -> None:
        """Let bridges that learn know those who have announced themselves, and whose frames come to them.

        The first frame of each flow, in their order, finds known who has sent before it.
        """
        heard: set[str] = set()
        announced = {bridge.number for bridge in self._entry.bridges if bridge.settings.announce}
        for part, server in enumerate(self._system.servers):
            for station in server.config.switch.ports if announced else ():
                name = server.station(station.name)
                inside = self._entry.inside(name, UPLINK, Route((), True)) if station.enabled else None
                if inside is not None:
                    at = self._entry.bridge_at(part)
                    self._know(name, at, inside.port, inside.vlan, only=announced)
                    heard.update([name] if len(announced) == len(self._entry.bridges) else [])
        for source, target in flows:
            if source in heard:
                continue
            route = self._at_sender(source, target)
            inside = self._entry.inside(source, target, route) if route.to_wire else None
            if inside is not None:
                self._follow(self._entry.bridge_at(self._system.place(source)[0]), inside)
                # A VM sends all its frames with one VLAN, by one port; how far they come depends on the target.
                heard |= {source} - {UPLINK} if len(self._entry.bridges) == 1 else set()

    def _follow(self, bridge: BridgeRules, inside: Inside) -> None:
        """Let each bridge that learns know the source of a frame that comes to it."""
        if bridge.settings.kind == "learning":
            bridge.known[inside.source, inside.vlan] = inside.port
        entry = bridge.entry(inside)
        if entry is not None and bridge.settings.policy[entry].action == "deny":
            return
        for port in bridge.ways(inside):
            if self._system.trunk(port.part) is not None:
                other, there = self._entry.over(bridge, port, inside.vlan)
                if there is not None:
                    self._follow(other, replace(inside, port=there[0], vlan=there[1]))

    def _know(
        self,
        name: str,
        bridge: BridgeRules,
        port: LogicalPort,
        vlan: int,
        *,
        knows_all: bool | None = None,
        only: set[int] | None = None,
    ) -> None:
        """Let each bridge to which a broadcast would come by a port know who stands there.

        `knows_all`: True for all bridges, False for those alone that control; None for those that learn, and are among
        `only`.
        """
        is_controlling = bridge.settings.kind == "controlling"
        learns = not is_controlling if knows_all is None else knows_all or is_controlling
        if learns and (only is None or bridge.number in only):
            bridge.known[name, vlan] = port
        for one in bridge.ports:
            if self._system.trunk(one.part) is not None and one.part != port.part and one.carries(vlan):
                other, there = self._entry.over(bridge, one, vlan)
                if there is not None:
                    self._know(name, other, *there, knows_all=knows_all, only=only)
