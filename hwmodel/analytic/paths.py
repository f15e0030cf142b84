"""The way of a frame through a system: what its own adapter does with it, and by which wires the bridge sends it on.

Written from docs/bridge.md, apart from the kernels, for frames that pass every filter of the adapters. A bridge that
learns knows the addresses of all that send over it; it has room for them, and forgets none.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hwmodel.analytic.logical_ports import LogicalPort, interface_of, logical_ports
from hwmodel.analytic.mirrors import UPLINK, mirrored_stations
from hwmodel.analytic.routes import GROUPS, TAG_BYTES, Route, Router, accepts
from hwmodel.config.bridge import OUTSIDE, TAG_MODES
from hwmodel.wire.ethernet import EtherType

if TYPE_CHECKING:
    from hwmodel.analytic.system import System
    from hwmodel.config.bridge import PolicyEntry

_MADE_UP = EtherType.LOCAL_EXPERIMENT_1


@dataclass(frozen=True)
class Hop:
    """Hold a frame's copy on a wire from the bridge to component `part`, and what becomes of it there.

    `kept_bytes`: the tags with which each station of the route gets it.
    """

    part: int
    route: Route
    kept_bytes: tuple[int, ...] = ()


@dataclass(frozen=True)
class Path:
    """Hold the way of a frame that component `part` sends: its `route` there, and behind the bridge its `hops`.

    `lost`: why the bridge drops it, an empty text where it does not. `policer`: the entry of its policy that polices
    the frame. Tags are counted beside the frame as offered.
    """

    part: int
    route: Route
    hops: tuple[Hop, ...] = ()
    lost: str = ""
    policer: int | None = None


@dataclass(frozen=True)
class _Inside:
    """Hold a frame in the bridge; `bare_bytes`: what it has without any tag more (or less) than as offered."""

    source: str
    target: str
    port: LogicalPort
    vlan: int
    bare_bytes: int


class Paths:
    """Give the path of each frame of one workload.

    `flows`: (source, target) of all its frames, which tell what addresses a bridge learns; None: it knows all.
    `adjacent_bridge_reflects`: as in `Router`, for an adapter without `bridge`.
    """

    def __init__(
        self,
        system: System,
        flows: Iterable[tuple[str, str]] | None,
        adjacent_bridge_reflects: bool | None = None,
    ) -> None:
        self.system = system
        self._bridge = system.bridge if adjacent_bridge_reflects is None else None
        self.n_parts = system.n_parts if self._bridge is not None else 1
        self._routers = [Router(server.config, bool(adjacent_bridge_reflects)) for server in system.servers]
        self._policy = () if self._bridge is None else self._bridge.policy
        self._ports = logical_ports(system) if self._bridge is not None else ()
        # Addresses, by station and VLAN, with the logical port at which they stand; outside is UPLINK.
        self._known: dict[tuple[str, int], LogicalPort] = {}
        if self._bridge is not None:
            self._learn(flows)

    def path(self, source: str, target: str) -> Path:
        """Give the path of a frame from a station, or "uplink", to a station, "uplink", "broadcast" or "multicast"."""
        part, _ = self.system.place(source)
        if self._bridge is None:
            route = self._routers[0].route(source, target)
            return Path(0, route)
        route = self._at_sender(source, target)
        if not route.to_wire:
            return Path(part, route)
        inside = self._inside(source, target, route)
        if inside is None:
            return Path(part, route, lost="VLAN_MEMBER")
        entry = self._entry(inside)
        action = "permit" if entry is None else self._policy[entry].action
        if action == "deny":
            return Path(part, route, lost="ACL_DENY")
        ways = self._ways(inside)
        hops = tuple(self._hop(inside, port) for port in ways)
        return Path(part, route, hops, "" if hops else self._why_none(inside), entry if action == "police" else None)

    def _at_sender(self, source: str, target: str) -> Route:
        part, local = self.system.place(source)
        if part == self.system.outside:
            return Route((), True)
        if target in GROUPS:
            return self._routers[part].route(local, target)
        to_part, to_local = self.system.place(target)
        return self._routers[part].route(local, to_local if to_part == part else UPLINK)

    def _learn(self, flows: Iterable[tuple[str, str]] | None) -> None:
        assert self._bridge is not None
        if flows is None or self._bridge.kind == "controlling":
            for part, server in enumerate(self.system.servers):
                for station in server.config.switch.ports:
                    port = self._logical(part, interface_of(server.config.switch.mode, station))
                    if port is not None:
                        name = server.station(station.name)
                        self._known |= {(name, vlan): port for vlan in station.vlans}
        if self._bridge.kind == "controlling":
            return
        if flows is None:
            self._known |= {(UPLINK, vlan): self._ports[-1] for vlan in range(1, 4095)}
            return
        heard: set[str] = set()
        if self._bridge.announce:
            for server in self.system.servers:
                for station in server.config.switch.ports:
                    name = server.station(station.name)
                    inside = self._inside(name, UPLINK, Route((), True)) if station.enabled else None
                    if inside is not None:
                        self._known[name, inside.vlan] = inside.port
                        heard.add(name)
        for source, target in flows:
            if source in heard:
                continue
            route = self._at_sender(source, target)
            inside = self._inside(source, target, route) if route.to_wire else None
            if inside is not None:
                self._known[source, inside.vlan] = inside.port
                # A VM sends all its frames with one VLAN, by one port.
                heard |= {source} - {UPLINK}

    def _logical(self, part: int, interface: str | int | None) -> LogicalPort | None:
        return next((one for one in self._ports if (one.part, one.interface) == (part, interface)), None)

    def _inside(self, source: str, target: str, route: Route) -> _Inside | None:
        """Give a frame as it is in the bridge; None where its port does not carry its VLAN."""
        part, _ = self.system.place(source)
        if part == self.system.outside:
            port = self._ports[-1]
            wanted = port.native_vlan if target in GROUPS else self._vlan_of(target)
            wanted = self.system.port(self.system.vm_names[0]).port_vlan if wanted is None else wanted
            is_tagged, vlan = wanted != port.native_vlan, wanted
            bare = -TAG_BYTES["c"] * is_tagged
            return _Inside(source, target, port, vlan, bare) if port.carries(vlan) else None
        switch, station = self.system.config(part).switch, self.system.port(source)
        found = self._logical(part, interface_of(switch.mode, station))
        if found is None:
            return None
        if switch.mode in TAG_MODES:
            is_tagged = station.admit == "tagged"
        else:
            is_tagged = station.port_vlan != switch.uplink.native_vlan
        on_wire = station.port_vlan if is_tagged else found.native_vlan
        bare = route.tag_bytes - found.tag_bytes - TAG_BYTES["c"] * is_tagged
        return _Inside(source, target, found, on_wire, bare) if on_wire and found.carries(on_wire) else None

    def _vlan_of(self, target: str) -> int | None:
        return None if target == UPLINK else self.system.port(target).port_vlan

    def _entry(self, inside: _Inside) -> int | None:
        """Give the number of the policy's first entry that matches."""
        return next((number for number, entry in enumerate(self._policy) if self._matches(entry, inside)), None)

    def _matches(self, entry: PolicyEntry, inside: _Inside) -> bool:
        sender = OUTSIDE if inside.source == UPLINK else inside.source
        macs = [None if name in (UPLINK, *GROUPS) else self.system.port(name).macs[:1]
                for name in (inside.source, inside.target)]  # fmt: skip
        is_broadcast = inside.target == "broadcast" and entry.destination == (1 << 48) - 1
        return (
            entry.port in ("all", sender)
            and (entry.source is None or entry.source in (macs[0] or ()))
            and (entry.destination is None or is_broadcast or entry.destination in (macs[1] or ()))
            and entry.vlan in (None, inside.vlan)
            and entry.ethertype in (None, _MADE_UP)
        )

    def _ways(self, inside: _Inside) -> list[LogicalPort]:
        """Give the logical ports by which a frame leaves, of those behind a list of interfaces the first."""
        may_go = [one for one in self._ports
                  if one.carries(inside.vlan) and (one != inside.port or one.is_hairpin)]  # fmt: skip
        if inside.target not in GROUPS:
            known = self._known.get((inside.target, inside.vlan))
            if known is not None:
                return [known] if known in may_go else []
            return [one for one in may_go if not isinstance(one.interface, str)]
        found = [one for one in may_go if not isinstance(one.interface, str)]
        for part in dict.fromkeys(one.part for one in self._ports if isinstance(one.interface, str)):
            found += self._members(inside, part)[:1]
        return sorted(found, key=self._ports.index)

    def _members(self, inside: _Inside, part: int) -> list[LogicalPort]:
        """Give the interfaces of an adapter that are on the list of a group, the sender's aside."""
        stations = {one.name: one for one in self.system.config(part).switch.ports}
        return [
            one
            for one in self._ports
            if one.part == part and one != inside.port and one.carries(inside.vlan)
            and accepts(stations[str(one.interface)], inside.target)
        ]  # fmt: skip

    def _why_none(self, inside: _Inside) -> str:
        known = self._known.get((inside.target, inside.vlan))
        return "SAME_PORT" if known == inside.port else "NO_DESTINATION"

    def _hop(self, inside: _Inside, port: LogicalPort) -> Hop:
        is_tagged = inside.vlan not in port.untagged
        tag_bytes = inside.bare_bytes + port.tag_bytes + TAG_BYTES["c"] * is_tagged
        if port.part == self.system.outside:
            return Hop(port.part, Route((), False, True, tag_bytes))
        config = self.system.config(port.part)
        stations = self._arrives(inside, port, is_tagged)
        to_part, to_local = (port.part, inside.target) if inside.target in GROUPS else self.system.place(inside.target)
        target = to_local if to_part == port.part else UPLINK
        mirrored = mirrored_stations(config, UPLINK, target, stations, to_wire=False, comes_back=False)
        kept = tuple(inside.bare_bytes + TAG_BYTES["c"] * self._keeps_tag(inside, port, name, is_tagged)
                     for name in stations)  # fmt: skip
        return Hop(port.part, Route(stations, False, True, tag_bytes, tuple(mirrored)), kept)

    def _keeps_tag(self, inside: _Inside, port: LogicalPort, name: str, is_tagged: bool) -> bool:
        """Tell whether a station gets a frame, which came with a C-TAG or without, with one."""
        if isinstance(port.interface, str):
            return is_tagged
        switch = self.system.config(port.part).switch
        vlan = inside.vlan if is_tagged else switch.uplink.native_vlan
        return all(vlan not in one.untagged for one in switch.ports if one.name == name)

    def _arrives(self, inside: _Inside, port: LogicalPort, is_tagged: bool) -> tuple[str, ...]:
        """Give the stations that get a frame which comes to an adapter."""
        switch = self.system.config(port.part).switch
        if isinstance(port.interface, str):
            if inside.target in GROUPS:
                return tuple(str(one.interface) for one in self._members(inside, port.part))
            return (port.interface,)
        vlan = inside.vlan if is_tagged else switch.uplink.native_vlan
        if vlan is None or (switch.uplink.vlans != "all" and vlan not in switch.uplink.vlans):
            return ()
        reachable = [
            one
            for one in switch.ports
            if one.enabled and vlan in one.vlans and interface_of(switch.mode, one) == port.interface
        ]
        source = self.system.place(inside.source)
        if inside.target in GROUPS:
            own = source[1] if source[0] == port.part and self._filters_own(port) else ""
            return tuple(one.name for one in reachable if accepts(one, inside.target) and one.name != own)
        part, local = self.system.place(inside.target)
        if part == port.part and local in {one.name for one in reachable}:
            return (local,)
        return tuple(one.name for one in reachable if one.default or one.promiscuous)

    def _filters_own(self, port: LogicalPort) -> bool:
        switch = self.system.config(port.part).switch
        if switch.mode == "multichannel":
            return isinstance(port.interface, int) and switch.s_channels.get(port.interface) == "vepa"
        return switch.mode == "vepa"
