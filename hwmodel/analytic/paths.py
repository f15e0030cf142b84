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
    from hwmodel.config.station import Port

_MADE_UP = EtherType.LOCAL_EXPERIMENT_1


@dataclass(frozen=True)
class Hop:
    """Hold a frame's copy that the bridge sends to component `part`, over its extenders, and what becomes of it there.

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
        self._stations = {
            (part, station.name): station
            for part, server in enumerate(system.servers)
            for station in server.config.switch.ports
        }
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
                    # Where two of its VLANs are one in the bridge the first counts, that of its untagged frames.
                    for vlan in sorted(station.vlans, key=lambda vlan: vlan == station.port_vlan):
                        entered = self._entered(part, station, vlan)
                        if entered is not None:
                            self._known[server.station(station.name), entered[1]] = entered[0]
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

    def _entered(self, part: int, station: Port, vlan: int) -> tuple[LogicalPort, int] | None:
        """Give where frames of a station come in that are in one of its VLANs, and their VLAN in the bridge.

        None where its port does not carry them.
        """
        switch = self.system.config(part).switch
        interface = interface_of(switch.mode, station)
        own = [one for one in self._ports if (one.part, one.interface) == (part, interface)]
        is_bare = switch.mode not in TAG_MODES and vlan == switch.uplink.native_vlan
        for one in sorted(own, key=lambda one: one.wire_vlan is None):
            on_wire = one.native_vlan if is_bare else vlan
            if one.wire_vlan is None:
                return (one, on_wire) if on_wire is not None and one.carries(on_wire) else None
            if one.wire_vlan == on_wire:
                return one, next(iter(one.vlans or ()))
        return None

    def _inside(self, source: str, target: str, route: Route) -> _Inside | None:
        """Give a frame as it is in the bridge; None where its port does not carry its VLAN."""
        part, _ = self.system.place(source)
        if part == self.system.outside:
            port = self._ports[-1]
            vlan = (port.native_vlan if target in GROUPS else None) or self._vlan_of(target)
            bare = -TAG_BYTES["c"] * (vlan != port.native_vlan)
            return _Inside(source, target, port, vlan, bare) if port.carries(vlan) else None
        switch, station = self.system.config(part).switch, self.system.port(source)
        entered = self._entered(part, station, station.port_vlan)
        if entered is None:
            return None
        found, vlan = entered
        if switch.mode in TAG_MODES:
            is_tagged = station.admit == "tagged"
        else:
            is_tagged = station.port_vlan != switch.uplink.native_vlan
        bare = route.tag_bytes - found.tag_bytes - TAG_BYTES["c"] * is_tagged
        return _Inside(source, target, found, vlan, bare)

    def _vlan_of(self, target: str) -> int:
        """Give the VLAN in the bridge of a station's untagged frames, for a group those of the first VM."""
        assert self._bridge is not None
        name = self.system.vm_names[0] if target in (*GROUPS, UPLINK) else target
        vlan = self.system.port(name).port_vlan
        return self._bridge.ports[self.system.port_name(self.system.place(name)[0])].translate.get(vlan, vlan)

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
        """Give the logical ports by which a frame leaves, of those behind a list of interfaces one for each adapter."""
        may_go = [one for one in self._ports
                  if one.carries(inside.vlan) and (one != inside.port or one.is_hairpin)]  # fmt: skip
        if inside.target not in GROUPS:
            known = self._known.get((inside.target, inside.vlan))
            if known is not None:
                return [known] if known in may_go else []
            return [one for one in may_go if not isinstance(one.interface, str)]
        found = [one for one in may_go if not isinstance(one.interface, str)]
        for root in dict.fromkeys(self.system.root(one.part) for one in self._ports if isinstance(one.interface, str)):
            members = self._members(inside, root)
            # One list for all below a port of the bridge, the sender's interface among them: it goes down to there.
            if any(one != inside.port for one in members):
                found += {one.part: one for one in reversed(members)}.values()
        return sorted(found, key=self._ports.index)

    def _members(self, inside: _Inside, root: int) -> list[LogicalPort]:
        """Give the interfaces below a port of the bridge that are on the list of a group."""
        return [
            one
            for one in self._ports
            if isinstance(one.interface, str) and self.system.root(one.part) == root and one.carries(inside.vlan)
            and accepts(self._station(one), inside.target)
        ]  # fmt: skip

    def _station(self, port: LogicalPort) -> Port:
        return self._stations[port.part, str(port.interface)]

    def _why_none(self, inside: _Inside) -> str:
        known = self._known.get((inside.target, inside.vlan))
        return "SAME_PORT" if known == inside.port else "NO_DESTINATION"

    def _hop(self, inside: _Inside, port: LogicalPort) -> Hop:
        is_of_list = inside.target in GROUPS and isinstance(port.interface, str)
        decides = self._members(inside, self.system.root(port.part))[0] if is_of_list else port
        is_tagged = inside.vlan not in decides.untagged
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
        vlan = port.on_wire(inside.vlan) if is_tagged else switch.uplink.native_vlan
        return all(vlan not in one.untagged for one in switch.ports if one.name == name)

    def _arrives(self, inside: _Inside, port: LogicalPort, is_tagged: bool) -> tuple[str, ...]:
        """Give the stations that get a frame which comes to an adapter."""
        switch = self.system.config(port.part).switch
        if isinstance(port.interface, str):
            if inside.target in GROUPS:
                members = self._members(inside, self.system.root(port.part))
                here = (one for one in members if one.part == port.part and one != inside.port)
                return tuple(str(one.interface) for one in here)
            return (port.interface,)
        vlan = port.on_wire(inside.vlan) if is_tagged else switch.uplink.native_vlan
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
