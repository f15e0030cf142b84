"""The way of a frame through a system: what its own adapter does with it, and by which wires bridges send it on.

Written from docs/bridge.md, apart from the kernels, for frames that pass every filter of the adapters. A learning
bridge is taken to know the addresses of all stations whose frames reach it, without limit of table size or age.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import partial

from hwmodel.analytic.bridge_rules import BridgeEntry, BridgeRules, Inside, LogicalPort, interface_of, learn
from hwmodel.analytic.routes import GROUPS, TAG_BYTES, Route, Router, accepts, mirrored_stations
from hwmodel.analytic.system import System
from hwmodel.analytic.traffic import ONE, Leg, Onward, Sizes, nothing_of
from hwmodel.config import Config
from hwmodel.config.names import UPLINK, is_uplink
from hwmodel.config.vms import port_of_end
from hwmodel.rules.private_vlan import reaches
from hwmodel.rules.switch_modes import MODES, TAG_MODES

LINK_DOWN = "LINK_DOWN"  # the reason for a frame lost at a port whose wire is dead
# The number of a bridge, of an entry of its policy, and the bytes of tags with which the frame comes there, which the
# entry's bucket counts too.
Policer = tuple[int, int, int]


@dataclass(frozen=True)
class TrunkHop:
    """Hold a frame's copy on a wire between bridges or of an extender; `policers`: those that it has passed."""

    wire: int
    is_upwards: bool
    tag_bytes: int
    policers: tuple[Policer, ...] = ()


@dataclass(frozen=True)
class Hop:
    """Hold a frame's copy that a bridge sends to component `part`, by its `wire`, and what becomes of it there.

    `kept_bytes`: for each station of the route, the tags it gets the frame with, beside the frame as offered. `trunks`:
    the wires between bridges on its way. `policers`: those that it has passed on its way. `lost`: why the component
    drops a frame for one station, an empty text where some station gets it.
    """

    part: int
    wire: int
    route: Route
    kept_bytes: tuple[int, ...] = ()
    trunks: tuple[TrunkHop, ...] = ()
    policers: tuple[Policer, ...] = ()
    lost: str = ""


@dataclass(frozen=True)
class Path:
    """Hold the way of a frame that component `part` sends: its `route` there, and behind the bridge its `hops`.

    `port`: the adapter's Ethernet port that the sender is at, an empty text where there is one port; `wire`: that
    port's wire. `stops`: for each copy that dies at a bridge, the wires between bridges it has taken. `lost`: why the
    frame is dropped whatever the load, an empty text where some copy gets through. Tags are counted relative to the
    frame as offered.
    """

    part: int
    route: Route
    hops: tuple[Hop, ...] = ()
    lost: str = ""
    port: str = field(default="", kw_only=True)
    wire: int = field(default=0, kw_only=True)
    stops: tuple[tuple[TrunkHop, ...], ...] = ()

    @property
    def policers(self) -> tuple[Policer, ...]:
        """Give the policers that any copy of the frame passes."""
        last = [*(hop.policers for hop in self.hops), *(stop[-1].policers for stop in self.stops)]
        return tuple(dict.fromkeys(one for each in last for one in each))

    @property
    def finds_no_wire(self) -> bool:
        """Tell whether its only copy would leave by a dead wire: its driver, which knows, does not post it."""
        return self.lost == LINK_DOWN and not (self.route.to_wire or self.route.mirrored)


class Paths:
    """Give the path of each frame of one workload; `dead_wires`: those of adapters' ports that are down, by number.

    `flows`: as in `learn`.
    `adjacent_bridge_reflects`: as in `Router`, for an adapter without `bridge`.
    """

    def __init__(
        self,
        system: System,
        flows: Iterable[tuple[str, str]] | None,
        adjacent_bridge_reflects: bool | None = None,
    ) -> None:
        self.system = system
        self.n_parts = system.n_parts if system.bridges and adjacent_bridge_reflects is None else 1
        self._at_ports = [{port: server.config.at_port(port) for port in server.config.switched_ports}
                          for server in system.servers]  # fmt: skip
        self.dead_wires = frozenset(
            wire for wire, (part, name) in enumerate(system.adapter_ports)
            if (port := system.config(part).port).is_down(port.number_of(name))
        )  # fmt: skip
        self._routers = [{port: Router(config, bool(adjacent_bridge_reflects)) for port, config in of_server.items()}
                         for of_server in self._at_ports]  # fmt: skip
        numbers = range(len(system.bridges) if self.n_parts > 1 else 0)
        self._bridges = [BridgeRules(system, number) for number in numbers]
        self._entry = BridgeEntry(system, self._bridges)
        if self._bridges:
            learn(self._entry, self._at_sender, flows)

    def path(self, source: str, target: str) -> Path:
        """Give the path of a frame from a station, or "uplink", to a station, "uplink", "broadcast" or "multicast"."""
        if not self._bridges:
            return self._alone(source, target)
        part, wire = self.system.place(source)[0], self.system.wire_at(source)
        from_there = partial(Path, part, port=self.system.own_port(wire), wire=wire)
        route = self._at_sender(source, target)
        if not route.to_wire:
            return from_there(route, lost=route.lost)
        inside = self._entry.inside(source, target, route)
        if inside is None:
            return from_there(route, lost="VLAN_MEMBER")
        hops: list[Hop] = []
        ends: list[tuple[tuple[TrunkHop, ...], str]] = []
        for one in self._onward(self._entry.bridge_at(wire), inside, (), (), route.tag_bytes):
            if isinstance(one, Hop):
                hops.append(one)
            else:
                ends.append(one)
        stops = tuple(trunks for trunks, _ in ends if trunks)
        return from_there(route, tuple(hops), "" if hops else ends[0][1], stops)

    def lost_at_end(self, path: Path, target: str) -> str:
        """Give why the adapter of a frame's target drops what a bridge sends it; an empty text if it does not."""
        if target in GROUPS:
            return ""
        wire = self.system.wire_at(target)
        return next((hop.lost for hop in path.hops if hop.wire == wire), "")

    def _at_wire(self, wire: int) -> Config:
        """Give the configuration that holds for an adapter's port, by its wire."""
        part, port = self.system.adapter_ports[wire]
        return self._at_ports[part][port]

    def _alone(self, source: str, target: str) -> Path:
        """Give the path of a frame at an adapter without a bridge: whatever is behind its wires is outside."""
        config = self.system.config(0)
        port = port_of_end(config, source)
        ends = (UPLINK if is_uplink(name) else config.function_of(name) for name in (source, target))
        route = self._routers[0][port].route(*ends)
        legs = [config.port.number_of(port)] if config.bond is None else range(config.n_legs)
        if not all(map(config.port.is_down, legs)) or not (route.to_wire or route.from_wire):
            return Path(0, route, lost=route.lost, port=port)
        route = Route((), False, lost=LINK_DOWN) if is_uplink(source) else _at_dead_wire(route)
        return Path(0, route, lost=route.lost, port=port)

    def _onward(
        self, bridge: BridgeRules, inside: Inside, trunks: tuple[TrunkHop, ...], policers: tuple[Policer, ...],
        comes_with: int,
    ) -> Iterator[Hop | tuple[tuple[TrunkHop, ...], str]]:  # fmt: skip
        """Give the copies of a frame that has come to a bridge; for one that ends there, the wires so far and why.

        `comes_with`: bytes of tags that it has as it comes, relative to the frame as offered.
        """
        entry = bridge.entry(inside)
        action = "permit" if entry is None else bridge.settings.policy[entry].action
        if action == "deny":
            yield trunks, "ACL_DENY"
            return
        if action == "police":
            policers = (*policers, (bridge.number, entry or 0, comes_with))
        ways = bridge.ways(inside)
        if not ways:
            yield trunks, bridge.why_none(inside)
        for port in ways:
            if port.wire in self.dead_wires:
                yield trunks, LINK_DOWN
                continue
            if self.system.trunk(port.wire) is None:
                yield replace(self._hop(bridge, inside, port), trunks=trunks, policers=policers)
                continue
            tag_bytes = inside.bare_bytes + TAG_BYTES["c"] * (inside.vlan not in port.untagged)
            here = (*trunks, TrunkHop(port.wire, bridge.is_below(port.wire), tag_bytes, policers))
            other, there = self._entry.over(bridge, port, inside.vlan)
            if there is None:
                yield here, "VLAN_MEMBER"
            else:
                yield from self._onward(other, replace(inside, port=there[0], vlan=there[1]), here, policers, tag_bytes)

    def _at_sender(self, source: str, target: str) -> Route:
        wire = self.system.wire_at(source)
        if wire == self.system.outside_wire:
            return Route((), True)
        part, port = self.system.adapter_ports[wire]
        router = self._routers[part][port]
        local = self.system.place(source)[1]
        if target not in GROUPS:
            target = self.system.place(target)[1] if self.system.wire_at(target) == wire else UPLINK
        route = router.route(local, target)
        return _at_dead_wire(route) if wire in self.dead_wires else route

    def _hop(self, bridge: BridgeRules, inside: Inside, port: LogicalPort) -> Hop:
        is_of_list = inside.target in GROUPS and isinstance(port.interface, str)
        decides = bridge.members(inside, self.system.root(port.wire))[0] if is_of_list else port
        is_tagged = inside.vlan not in decides.untagged
        tag_bytes = inside.bare_bytes + port.tag_bytes + TAG_BYTES["c"] * is_tagged
        part = self.system.part_at(port.wire)
        if part == self.system.outside:
            return Hop(part, port.wire, Route((), False, True, tag_bytes))
        chosen = self._arrives(bridge, inside, port, is_tagged)
        stations = self._reached(port, chosen)
        target = UPLINK
        if inside.target in GROUPS:
            target = inside.target
        elif self.system.wire_at(inside.target) == port.wire:
            target = self.system.place(inside.target)[1]
        mirrored = mirrored_stations(
            self._at_wire(port.wire), UPLINK, target, stations, to_wire=False, comes_back=False
        )
        kept = tuple(inside.bare_bytes + TAG_BYTES["c"] * self._keeps_tag(inside, port, name, is_tagged)
                     for name in stations)  # fmt: skip
        is_taken = self._vlan_there(inside, port, is_tagged) is not None
        why = "PVLAN" if chosen else "UNKNOWN_UNICAST" if is_taken else "VLAN_MEMBER"
        lost = "" if stations or inside.target in GROUPS else why
        return Hop(part, port.wire, Route(stations, False, True, tag_bytes, tuple(mirrored)), kept, lost=lost)

    def _vlan_there(self, inside: Inside, port: LogicalPort, is_tagged: bool) -> int | None:
        """Give the VLAN in which an adapter takes a frame in; None where its uplink does not carry it."""
        uplink = self.system.switch_at(port.wire).uplink
        vlan = port.on_wire(inside.vlan) if is_tagged else uplink.native_vlan
        return vlan if uplink.vlans == "all" or (vlan is not None and vlan in uplink.vlans) else None

    def _keeps_tag(self, inside: Inside, port: LogicalPort, name: str, is_tagged: bool) -> bool:
        """Tell whether a station gets a frame with a C-TAG; `is_tagged`: the adapter got it with one."""
        if isinstance(port.interface, str):
            return is_tagged
        switch = self.system.switch_at(port.wire)
        vlan = port.on_wire(inside.vlan) if is_tagged else switch.uplink.native_vlan
        return all(vlan not in one.untagged for one in switch.ports if one.name == name)

    def _arrives(self, bridge: BridgeRules, inside: Inside, port: LogicalPort, is_tagged: bool) -> tuple[str, ...]:
        """Give the stations of an adapter that get a frame arriving there but for private VLANs."""
        switch = self.system.switch_at(port.wire)
        if isinstance(port.interface, str):
            if inside.target in GROUPS:
                members = bridge.members(inside, self.system.root(port.wire))
                here = (one for one in members if one.wire == port.wire and one != inside.port)
                return tuple(str(one.interface) for one in here)
            return (port.interface,)
        vlan = self._vlan_there(inside, port, is_tagged)
        if vlan is None:
            return ()
        reachable = [
            one
            for one in switch.ports
            if one.enabled and vlan in one.vlans and interface_of(switch.mode, one) == port.interface
        ]
        if inside.target in GROUPS:
            is_from_here = self.system.wire_at(inside.source) == port.wire
            own = self.system.place(inside.source)[1] if is_from_here and self._filters_own(port) else ""
            return tuple(one.name for one in reachable if accepts(one, inside.target) and one.name != own)
        local = self.system.place(inside.target)[1]
        if self.system.wire_at(inside.target) == port.wire and local in {one.name for one in reachable}:
            return (local,)
        return tuple(one.name for one in reachable if one.default or one.promiscuous)

    def _reached(self, port: LogicalPort, chosen: tuple[str, ...]) -> tuple[str, ...]:
        """Give those of the chosen stations that private VLANs let an adapter's uplink reach."""
        switch = self.system.switch_at(port.wire)
        if switch.mode in TAG_MODES:
            return chosen
        class_of = {one.name: one.pvlan for one in switch.ports}
        return tuple(name for name in chosen if reaches(switch.uplink.pvlan, class_of[name]))

    def _filters_own(self, port: LogicalPort) -> bool:
        switch = self.system.switch_at(port.wire)
        s_channel = port.interface if isinstance(port.interface, int) else None
        return MODES[switch.mode].kind_of(switch.s_channels, s_channel) == "vepa"


def _at_dead_wire(route: Route) -> Route:
    """Give the route of a frame without its copy for the wire, which is lost."""
    lost = route.lost or ("" if route.stations else LINK_DOWN)
    return replace(route, to_wire=False, from_wire=False, tag_bytes=0, lost=lost)


# ---- The hops of a whole stream: over extenders to bridges, from there to adapters and outside ----


Passing = Callable[[tuple["Policer", ...]], Fraction]
# The wires that a copy takes, its last hop, and what it takes of the component it arrives at; None if it arrives
# nowhere.
_Copy = tuple[tuple["TrunkHop", ...], "Hop | None", Leg | None]


class OnwardHops:
    """Merge the hops of one stream's frames: copies that take the same wires are one."""

    def __init__(self, system: System, sizes: Sizes) -> None:
        self._system, self._nothing = system, nothing_of(sizes)
        self._trees: dict[object, list[Onward]] = {}

    def add(self, path: Path, arrives: Sequence[Leg], share: Fraction, passing: Passing) -> None:
        """Add a share of all frames, on one path; `arrives`: what each of its hops takes, in order.

        `passing`: gives the share of frames that some policers let pass.
        """
        upwards = self._system.above(path.wire) if path.route.to_wire else ()
        up = tuple(TrunkHop(extender, True, path.route.tag_bytes) for extender in upwards)
        copies = [(self._wires(up, hop), hop, leg) for hop, leg in zip(path.hops, arrives, strict=True)]
        for last in self._parted([*copies, *(((*up, *stop), None, None) for stop in path.stops)]):
            key = tuple((wires, hop, leg and leg.traffic.rx_rings) for wires, hop, leg in last)
            found = self._tree(share, last, passing)
            before = self._trees.get(key)
            if before is not None:
                pairs = zip(found, before, strict=True)
                found = [replace(hop, share=hop.share + so_far.share) for hop, so_far in pairs]
            self._trees[key] = found

    def all(self) -> tuple[Onward, ...]:
        """Give all hops in one list."""
        found: list[Onward] = []
        for tree in self._trees.values():
            first = len(found)
            found += (replace(hop, after=None if hop.after is None else hop.after + first) for hop in tree)
        return tuple(found)

    def _wires(self, up: tuple[TrunkHop, ...], hop: Hop) -> tuple[TrunkHop, ...]:
        """Give the wires between a copy's first wire and its last: extenders up, between bridges, extenders down."""
        below = reversed(self._system.above(hop.wire))
        down = (TrunkHop(extender, False, hop.route.tag_bytes, hop.policers) for extender in below)
        return (*up, *hop.trunks, *down)

    def _parted(self, copies: Sequence[_Copy]) -> Iterable[Sequence[_Copy]]:
        """Group copies by their first wire; a copy without one is a group of its own."""
        found: defaultdict[object, list[_Copy]] = defaultdict(list)
        for number, copy in enumerate(copies):
            found[_place(copy[0][:1]) or number].append(copy)
        return found.values()

    def _tree(self, share: Fraction, copies: Sequence[_Copy], passing: Passing) -> list[Onward]:
        found: list[Onward] = []
        places: dict[object, int | None] = {(): None}
        for wires, hop, leg in copies:
            for n, wire in enumerate(wires, start=1):
                if _place(wires[:n]) not in places:
                    places[_place(wires[:n])] = len(found)
                    after = places[_place(wires[: n - 1])]
                    found.append(Onward(self._on(wire), share * passing(wire.policers), after, wire=wire.wire))
            if hop is not None and leg is not None:
                found.append(Onward(leg, share * passing(hop.policers), places[_place(wires)], wire=hop.wire))
        return found

    def _on(self, wire: TrunkHop) -> Leg:
        part, tag_bytes = self._system.part_at(wire.wire), Fraction(wire.tag_bytes)
        if wire.is_upwards:
            return Leg(part, replace(self._nothing, to_wire=ONE, tag_bytes=tag_bytes))
        return Leg(part, replace(self._nothing, from_wire=ONE, back_tag_bytes=tag_bytes))


def _place(wires: Sequence[TrunkHop]) -> tuple[tuple[int, bool], ...]:
    return tuple((wire.wire, wire.is_upwards) for wire in wires)


def waiting_for_wires(paths: Paths, closed_flows: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """Give the names of the ports of dead wires, each with the functions that wait for it and send nothing more.

    `closed_flows`: source and target of all that is sent as fast as it can be. Of a sender of several, one for the wire
    comes first at some time, and all others wait behind it. What comes by the clock is dropped instead, and guests of a
    virtual switch know nothing of wires.
    """
    found: dict[str, list[str]] = {}
    system = paths.system
    for source, target in closed_flows if paths.dead_wires else ():
        wire = system.wire_at(source)
        if wire not in paths.dead_wires or system.config(system.adapter_ports[wire][0]).has_virtual_switch:
            continue
        if not paths.path(source, target).finds_no_wire:
            continue
        part, port = system.adapter_ports[wire]
        here = found.setdefault(system.station(part, port or "p0"), [])
        if source not in here:
            here.append(source)
    return found
