"""How frames come into bridges: from an adapter, from the stations outside, and over a wire from another bridge."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from hwmodel.analytic.bridge_rules import BridgeRules, Inside
from hwmodel.analytic.logical_ports import LogicalPort, interface_of
from hwmodel.analytic.mirrors import UPLINK
from hwmodel.analytic.routes import GROUPS, TAG_BYTES, Route
from hwmodel.config.bridge import TAG_MODES

if TYPE_CHECKING:
    from hwmodel.analytic.system import System
    from hwmodel.config.switch import Port


class BridgeEntry:
    """Tell where and how frames come into the bridges of a system."""

    def __init__(self, system: System, bridges: Sequence[BridgeRules]) -> None:
        self.system, self.bridges = system, bridges

    def bridge_at(self, part: int) -> BridgeRules:
        """Give the bridge to which a component's wire leads."""
        return self.bridges[self.system.bridge_at(part)]

    def entered(self, part: int, station: Port, vlan: int) -> tuple[LogicalPort, int] | None:
        """Give where frames of a station come in that are in one of its VLANs, and their VLAN in the bridge.

        None where its port does not carry them.
        """
        switch = self.system.config(part).switch
        interface = interface_of(switch.mode, station)
        ports = self.bridge_at(part).ports
        own = [one for one in ports if (one.part, one.interface) == (part, interface)]
        is_bare = switch.mode not in TAG_MODES and vlan == switch.uplink.native_vlan
        for one in sorted(own, key=lambda one: one.wire_vlan is None):
            on_wire = one.native_vlan if is_bare else vlan
            if one.wire_vlan is None:
                return (one, on_wire) if on_wire is not None and one.carries(on_wire) else None
            if one.wire_vlan == on_wire:
                return one, next(iter(one.vlans or ()))
        return None

    def inside(self, source: str, target: str, route: Route) -> Inside | None:
        """Give a frame as it is in the bridge; None where its port does not carry its VLAN."""
        part, _ = self.system.place(source)
        if part == self.system.outside:
            port = self.bridge_at(part).port_of(part)
            vlan = (port.native_vlan if target in GROUPS else None) or self._vlan_of(target)
            bare = -TAG_BYTES["c"] * (vlan != port.native_vlan)
            return Inside(source, target, port, vlan, bare) if port.carries(vlan) else None
        switch, station = self.system.config(part).switch, self.system.port(source)
        entered = self.entered(part, station, station.port_vlan)
        if entered is None:
            return None
        found, vlan = entered
        if switch.mode in TAG_MODES:
            is_tagged = station.admit == "tagged"
        else:
            is_tagged = station.port_vlan != switch.uplink.native_vlan
        bare = route.tag_bytes - found.tag_bytes - TAG_BYTES["c"] * is_tagged
        return Inside(source, target, found, vlan, bare)

    def _vlan_of(self, target: str) -> int:
        """Give the VLAN in its bridge of a station's untagged frames, for a group those of the first VM."""
        name = self.system.vm_names[0] if target in (*GROUPS, UPLINK) else target
        part, vlan = self.system.place(name)[0], self.system.port(name).port_vlan
        ports = self.bridge_at(part).settings.ports
        return ports[self.system.port_name(part)].translate.get(vlan, vlan)

    def over(
        self, bridge: BridgeRules, port: LogicalPort, vlan: int
    ) -> tuple[BridgeRules, tuple[LogicalPort, int] | None]:
        """Give the bridge at the other end of a wire, with the port by which a frame of a VLAN enters and its VLAN."""
        trunk = self.system.trunk(port.part)
        assert trunk is not None
        other = self.bridges[trunk.upper if trunk.lower == bridge.number else trunk.lower]
        entered = other.port_of(port.part)
        there = entered.native_vlan if vlan in port.untagged else vlan
        return other, (entered, there) if there is not None and entered.carries(there) else None
