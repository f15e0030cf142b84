"""The way of a frame through a system: what its own adapter does with it, and by which wires bridges send it on.

Written from docs/bridge.md, apart from the kernels, for frames that pass every filter of the adapters. A bridge that
learns knows the addresses of all whose frames come to it; it has room for them, and forgets none.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import TYPE_CHECKING

from hwmodel.analytic.bridge_rules import BridgeEntry, BridgeRules, Inside, LogicalPort, interface_of, learn
from hwmodel.analytic.routes import GROUPS, TAG_BYTES, UPLINK, Route, Router, accepts, mirrored_stations
from hwmodel.analytic.traffic import ONE, Leg, Onward, Sizes, nothing_of
from hwmodel.config.names import is_uplink
from hwmodel.config.system import port_of_end
from hwmodel.rules.switch_modes import MODES

if TYPE_CHECKING:
    from hwmodel.analytic.system import System

LINK_DOWN = "LINK_DOWN"  # why a frame is lost at a port whose wire is dead
Policer = tuple[int, int]  # the number of a bridge, and of an entry of its policy


@dataclass(frozen=True)
class TrunkHop:
    """Hold a frame's copy on a wire between bridges, component `part`; `policers`: those it has passed before."""

    part: int
    is_upwards: bool
    tag_bytes: int
    policers: tuple[Policer, ...] = ()


@dataclass(frozen=True)
class Hop:
    """Hold a frame's copy that a bridge sends to component `part`, over its extenders, and what becomes of it there.

    `kept_bytes`: the tags with which each station of the route gets it. `trunks`: the wires between bridges on its way.
    `policers`: those that police it there.
    """

    part: int
    route: Route
    kept_bytes: tuple[int, ...] = ()
    trunks: tuple[TrunkHop, ...] = ()
    policers: tuple[Policer, ...] = ()


@dataclass(frozen=True)
class Path:
    """Hold the way of a frame that component `part` sends: its `route` there, and behind the bridge its `hops`.

    `port`: the adapter's own at which it is, an empty text where there is one. `stops`: the wires between bridges taken
    by a copy that goes nowhere behind them. `lost`: why it is dropped whatever the load, an empty text where some copy
    goes on. Tags are counted beside the frame as offered.
    """

    part: int
    route: Route
    hops: tuple[Hop, ...] = ()
    lost: str = ""
    port: str = field(default="", kw_only=True)
    stops: tuple[tuple[TrunkHop, ...], ...] = ()

    @property
    def policers(self) -> tuple[Policer, ...]:
        """Give what polices a copy of the frame somewhere."""
        last = [*(hop.policers for hop in self.hops), *(stop[-1].policers for stop in self.stops)]
        return tuple(dict.fromkeys(one for each in last for one in each))


class Paths:
    """Give the path of each frame of one workload.

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
        self._routers = [
            {port: Router(server.config.at_port(port), bool(adjacent_bridge_reflects))
             for port in server.config.port.names}
            for server in system.servers
        ]  # fmt: skip
        stations = {
            (part, station.name): station
            for part, server in enumerate(system.servers)
            for station in server.config.switch.ports
        }
        numbers = range(len(system.bridges) if self.n_parts > 1 else 0)
        self._bridges = [BridgeRules(system, number, stations) for number in numbers]
        self._entry = BridgeEntry(system, self._bridges)
        if self._bridges:
            learn(self._entry, self._at_sender, flows)

    def path(self, source: str, target: str) -> Path:
        """Give the path of a frame from a station, or "uplink", to a station, "uplink", "broadcast" or "multicast"."""
        part, _ = self.system.place(source)
        if not self._bridges:
            return self._alone(source, target)
        route = self._at_sender(source, target)
        if not route.to_wire:
            return Path(part, route)
        inside = self._entry.inside(source, target, route)
        if inside is None:
            return Path(part, route, lost="VLAN_MEMBER")
        hops: list[Hop] = []
        ends: list[tuple[tuple[TrunkHop, ...], str]] = []
        for one in self._onward(self._entry.bridge_at(part), inside, (), ()):
            if isinstance(one, Hop):
                hops.append(one)
            else:
                ends.append(one)
        stops = tuple(trunks for trunks, _ in ends if trunks)
        return Path(part, route, tuple(hops), "" if hops else ends[0][1], stops)

    def _alone(self, source: str, target: str) -> Path:
        """Give the path of a frame at an adapter alone: what is behind its wires is outside."""
        config = self.system.config(0)
        port = port_of_end(config, source)
        ends = (UPLINK if is_uplink(name) else name for name in (source, target))
        route = self._routers[0][port].route(*ends)
        if not config.port.is_down(config.port.number_of(port)) or not (route.to_wire or route.from_wire):
            return Path(0, route, port=port)
        if is_uplink(source):
            return Path(0, Route((), False), lost=LINK_DOWN, port=port)
        lost = "" if route.stations else LINK_DOWN
        return Path(0, replace(route, to_wire=False, from_wire=False, tag_bytes=0), lost=lost, port=port)

    def _onward(
        self, bridge: BridgeRules, inside: Inside, trunks: tuple[TrunkHop, ...], policers: tuple[Policer, ...]
    ) -> Iterator[Hop | tuple[tuple[TrunkHop, ...], str]]:
        """Give the copies of a frame that has come to a bridge; of one that ends there, the wires so far, and why."""
        entry = bridge.entry(inside)
        action = "permit" if entry is None else bridge.settings.policy[entry].action
        if action == "deny":
            yield trunks, "ACL_DENY"
            return
        if action == "police":
            policers = (*policers, (bridge.number, entry or 0))
        ways = bridge.ways(inside)
        if not ways:
            yield trunks, bridge.why_none(inside)
        for port in ways:
            if self.system.trunk(port.part) is None:
                yield replace(self._hop(bridge, inside, port), trunks=trunks, policers=policers)
                continue
            tag_bytes = inside.bare_bytes + TAG_BYTES["c"] * (inside.vlan not in port.untagged)
            here = (*trunks, TrunkHop(port.part, bridge.is_below(port.part), tag_bytes, policers))
            other, there = self._entry.over(bridge, port, inside.vlan)
            if there is None:
                yield here, "VLAN_MEMBER"
            else:
                yield from self._onward(other, replace(inside, port=there[0], vlan=there[1]), here, policers)

    def _at_sender(self, source: str, target: str) -> Route:
        part, local = self.system.place(source)
        if part == self.system.outside:
            return Route((), True)
        (router,) = self._routers[part].values()  # an adapter at a bridge has one port
        if target in GROUPS:
            return router.route(local, target)
        to_part, to_local = self.system.place(target)
        return router.route(local, to_local if to_part == part else UPLINK)

    def _hop(self, bridge: BridgeRules, inside: Inside, port: LogicalPort) -> Hop:
        is_of_list = inside.target in GROUPS and isinstance(port.interface, str)
        decides = bridge.members(inside, self.system.root(port.part))[0] if is_of_list else port
        is_tagged = inside.vlan not in decides.untagged
        tag_bytes = inside.bare_bytes + port.tag_bytes + TAG_BYTES["c"] * is_tagged
        if port.part == self.system.outside:
            return Hop(port.part, Route((), False, True, tag_bytes))
        config = self.system.config(port.part)
        stations = self._arrives(bridge, inside, port, is_tagged)
        to_part, to_local = (port.part, inside.target) if inside.target in GROUPS else self.system.place(inside.target)
        target = to_local if to_part == port.part else UPLINK
        mirrored = mirrored_stations(config, UPLINK, target, stations, to_wire=False, comes_back=False)
        kept = tuple(inside.bare_bytes + TAG_BYTES["c"] * self._keeps_tag(inside, port, name, is_tagged)
                     for name in stations)  # fmt: skip
        return Hop(port.part, Route(stations, False, True, tag_bytes, tuple(mirrored)), kept)

    def _keeps_tag(self, inside: Inside, port: LogicalPort, name: str, is_tagged: bool) -> bool:
        """Tell whether a station gets a frame, which came with a C-TAG or without, with one."""
        if isinstance(port.interface, str):
            return is_tagged
        switch = self.system.config(port.part).switch
        vlan = port.on_wire(inside.vlan) if is_tagged else switch.uplink.native_vlan
        return all(vlan not in one.untagged for one in switch.ports if one.name == name)

    def _arrives(self, bridge: BridgeRules, inside: Inside, port: LogicalPort, is_tagged: bool) -> tuple[str, ...]:
        """Give the stations that get a frame which comes to an adapter."""
        switch = self.system.config(port.part).switch
        if isinstance(port.interface, str):
            if inside.target in GROUPS:
                members = bridge.members(inside, self.system.root(port.part))
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
        s_channel = port.interface if isinstance(port.interface, int) else None
        return MODES[switch.mode].kind_of(switch.s_channels, s_channel) == "vepa"


# ---- The hops of a whole stream: over extenders to bridges, from there to adapters and outside ----


Passing = Callable[[tuple["Policer", ...]], Fraction]
# The wires that a copy takes, its last hop, and what it asks where it comes to; None where it goes nowhere behind them.
_Copy = tuple[tuple["TrunkHop", ...], "Hop | None", Leg | None]


class OnwardHops:
    """Put the hops of frames of one stream together: what takes the same ways is one."""

    def __init__(self, system: System, sizes: Sizes) -> None:
        self._system, self._nothing = system, nothing_of(sizes)
        self._trees: dict[object, list[Onward]] = {}

    def add(self, path: Path, arrives: Sequence[Leg], share: Fraction, passing: Passing) -> None:
        """Add a share of all frames, on one path; `arrives`: what each of its hops asks, in their order.

        `passing`: what part of them policers let pass.
        """
        upwards = self._system.above(path.part) if path.route.to_wire else ()
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
        """Give the wires between a copy's adapter and its last one: of extenders, of bridges, of extenders."""
        below = reversed(self._system.above(hop.part))
        down = (TrunkHop(extender, False, hop.route.tag_bytes, hop.policers) for extender in below)
        return (*up, *hop.trunks, *down)

    def _parted(self, copies: Sequence[_Copy]) -> Iterable[Sequence[_Copy]]:
        """Part copies by the first wire that they take together."""
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
                    found.append(Onward(self._on(wire), share * passing(wire.policers), after))
            if hop is not None and leg is not None:
                found.append(Onward(leg, share * passing(hop.policers), places[_place(wires)]))
        return found

    def _on(self, wire: TrunkHop) -> Leg:
        tag_bytes = Fraction(wire.tag_bytes)
        if wire.is_upwards:
            return Leg(wire.part, replace(self._nothing, to_wire=ONE, tag_bytes=tag_bytes))
        return Leg(wire.part, replace(self._nothing, from_wire=ONE, back_tag_bytes=tag_bytes))


def _place(wires: Sequence[TrunkHop]) -> tuple[tuple[int, bool], ...]:
    return tuple((wire.part, wire.is_upwards) for wire in wires)


def trees_of(hops: Sequence[Onward]) -> Iterator[list[int]]:
    """Part the hops of a stream by the first of each, which follows none: the numbers of a tree, in their order."""
    trees: dict[int, list[int]] = {}
    first_of: list[int] = []
    for number, hop in enumerate(hops):
        first = number if hop.after is None else first_of[hop.after]
        first_of.append(first)
        trees.setdefault(first, []).append(number)
    yield from trees.values()
