"""What one bridge does with a frame: logical ports, policy, known addresses, the ports by which copies leave.

Written from docs/bridge.md, apart from the kernels. "Logical ports" is the section of that page that defines them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from hwmodel.analytic.routes import GROUPS, TAG_BYTES, Route, accepts, channel_of
from hwmodel.analytic.system import System, Trunk
from hwmodel.config import reflects
from hwmodel.config.bridge import OUTSIDE, Bridge, BridgePort, PolicyEntry
from hwmodel.config.made_up import Connections, MadeUpPacket
from hwmodel.config.names import UPLINK
from hwmodel.config.switch import Port
from hwmodel.rules.private_vlan import PROMISCUOUS, reaches
from hwmodel.rules.switch_modes import DEFAULT_S_VID, MODES, TAG_MODES, ModeName
from hwmodel.wire.ethernet import BROADCAST_MAC

# ---- Logical ports: VLANs, outer tags, hairpin ----


_ALL_VLANS = frozenset(range(1, 4095))


@dataclass(frozen=True)
class LogicalPort:
    """Hold one logical port at a wire, by its number in the system.

    `interface`: the station in the modes with a tag for each, the S-channel in mode multichannel, else None.
    `tag_bytes`: length of the outer tag that its frames have on the wire. `vlans`: the VLANs it carries, by their
    numbers in the bridge, None for all. `untagged`: the VLANs whose frames leave without a C-TAG. `wire_vlan`: the
    number on the wire of its only VLAN, where that is translated. `pvlan`: its class in private VLANs.
    """

    wire: int
    interface: str | int | None
    tag_bytes: int
    is_hairpin: bool
    native_vlan: int | None
    vlans: frozenset[int] | None
    untagged: frozenset[int]
    wire_vlan: int | None = None
    pvlan: int = field(default=PROMISCUOUS, compare=False)

    def on_wire(self, vlan: int) -> int:
        """Give the number on the wire of a VLAN of the bridge."""
        return vlan if self.wire_vlan is None else self.wire_vlan

    def carries(self, vlan: int | None) -> bool:
        """Tell whether frames of a VLAN pass."""
        return vlan is not None and (self.vlans is None or vlan in self.vlans)


def logical_ports(system: System, bridge: int = 0) -> tuple[LogicalPort, ...]:
    """List the logical ports of a bridge, in the order in which it puts copies into queues."""
    own = system.bridges[bridge].settings
    ends = [wire for wire in range(system.outside_wire + 1) if system.bridge_at(wire) == bridge]
    found = [one for wire in ends for one in _of_wire(system, own, wire)]
    # Wires between bridges stand in the order of the ports of the bridge that lists one end first.
    for trunk in sorted(system.trunks, key=lambda one: _place_of(system, one)):
        for number, name in ((trunk.upper, trunk.upper_port), (trunk.lower, trunk.lower_port)):
            if number == bridge:
                found.append(_plain(system.wire_of_trunk(trunk), own.ports[name]))
    return tuple(found)


def _place_of(system: System, trunk: Trunk) -> tuple[int, int]:
    number, name = min((trunk.upper, trunk.upper_port), (trunk.lower, trunk.lower_port))
    return number, list(system.bridges[number].settings.ports).index(name)


def _plain(wire: int, port: BridgePort) -> LogicalPort:
    """Give the logical port of a wire that has no interfaces, no hairpin and no translated VLANs."""
    vlans = None if port.vlans == "all" else frozenset(port.vlans)
    untagged = frozenset(() if port.native_vlan is None else (port.native_vlan,))
    return LogicalPort(wire, None, 0, False, port.native_vlan, vlans, untagged, pvlan=port.pvlan)


def interface_of(mode: ModeName, station: Port) -> str | int | None:
    """Give the interface behind which a station of an adapter stands."""
    if mode in TAG_MODES:
        return station.name
    return channel_of(station) if MODES[mode].has_channels else None


def _of_wire(system: System, bridge: Bridge, wire: int) -> Iterator[LogicalPort]:
    port = bridge.ports[system.port_name(wire)]
    plain = _plain(wire, port)
    if wire == system.outside_wire:
        yield plain
        return
    switch = system.switch_at(wire)
    if switch.mode in TAG_MODES:
        for one in switch.ports:
            if one.enabled:
                yield LogicalPort(
                    wire, one.name, TAG_BYTES[switch.mode], False, one.port_vlan, frozenset(one.vlans),
                    frozenset(one.untagged), pvlan=one.pvlan,
                )  # fmt: skip
    elif MODES[switch.mode].has_channels:
        named = {interface_of(switch.mode, one) for one in switch.ports} & {DEFAULT_S_VID}
        for channel in sorted({*switch.s_channels, *(int(one or 0) for one in named)}):
            tag_bytes, is_hairpin = TAG_BYTES["s"] * (channel != DEFAULT_S_VID), reflects(port, switch, channel)
            yield replace(plain, interface=channel, tag_bytes=tag_bytes, is_hairpin=is_hairpin)
    else:
        both_ways = replace(plain, is_hairpin=reflects(port, switch))
        vlans = plain.vlans
        if port.translate:
            vlans = (_ALL_VLANS if vlans is None else vlans) - frozenset(port.translate)
        yield replace(both_ways, vlans=vlans)
        for wire_vlan, vlan in sorted(port.translate.items()):
            own = frozenset((vlan,))
            untagged = own if wire_vlan == port.native_vlan else frozenset[int]()
            yield replace(both_ways, vlans=own, untagged=untagged, wire_vlan=wire_vlan)


# ---- One bridge ----


@dataclass(frozen=True)
class Inside:
    """Hold a frame in a bridge; `bare_bytes`: its length without any tag, less its length as offered."""

    source: str
    target: str
    port: LogicalPort
    vlan: int
    bare_bytes: int


class BridgeRules:
    """Hold one bridge of a system, by its number.

    `known`: the address table: by station and VLAN, the logical port behind which the station is; outside is "uplink".
    `towards_outside`: the wire that leads to the stations outside.
    """

    def __init__(self, system: System, number: int) -> None:
        self._system, self.number = system, number
        self.settings = system.bridges[number].settings
        stations = {name: vm.port for name, vm in system.vms.items()}
        self._connections = Connections(stations) if system.has_packets else None
        self.ports = logical_ports(system, number)
        self.trunks = [one for one in self.ports if system.trunk(one.wire) is not None]
        self.known: dict[tuple[str, int], LogicalPort] = {}
        self.towards_outside = system.towards(number, system.bridge_at(system.outside_wire))

    def port_of(self, wire: int) -> LogicalPort:
        """Give the one logical port at the wire of the stations outside, or to another bridge."""
        return next(one for one in self.ports if one.wire == wire)

    def is_below(self, wire: int) -> bool:
        """Tell whether this bridge is at the lower end of a wire between bridges."""
        trunk = self._system.trunk(wire)
        return trunk is not None and trunk.lower == self.number

    def entry(self, inside: Inside) -> int | None:
        """Give the number of the policy's first entry that matches."""
        return next((number for number, entry in enumerate(self.settings.policy) if self._matches(entry, inside)), None)

    def _matches(self, entry: PolicyEntry, inside: Inside) -> bool:
        sender = OUTSIDE if inside.source == UPLINK else inside.source
        macs = [None if name in (UPLINK, *GROUPS) else self._system.port(name).macs[:1]
                for name in (inside.source, inside.target)]  # fmt: skip
        own = None if inside.source == UPLINK else self._system.port(inside.source)
        connections = None if inside.target in GROUPS else self._connections
        is_broadcast = inside.target == "broadcast" and entry.destination == BROADCAST_MAC
        return (
            entry.port in ("all", sender)
            and (entry.source is None or entry.source in (macs[0] or ()))
            and (entry.destination is None or is_broadcast or entry.destination in (macs[1] or ()))
            and entry.vlan in (None, inside.vlan)
            and MadeUpPacket.between(connections, inside.source, inside.target).is_as_asked(entry, own)
        )

    def ways(self, inside: Inside) -> list[LogicalPort]:
        """Give the logical ports by which a frame leaves; for a list of interfaces, one port for each wire."""
        may_go = [one for one in self.ports if one.carries(inside.vlan) and reaches(inside.port.pvlan, one.pvlan)
                  and (one != inside.port or one.is_hairpin)]  # fmt: skip
        plain = [one for one in may_go if not isinstance(one.interface, str)]
        if inside.target not in GROUPS:
            known = self.known.get((inside.target, inside.vlan))
            if known is not None:
                return [known] if known in may_go else []
            if self.settings.kind == "controlling":
                return [one for one in plain if one.wire == self.towards_outside]
            return plain
        found = list(plain)
        for root in dict.fromkeys(self._system.root(one.wire) for one in self.ports if isinstance(one.interface, str)):
            members = self.members(inside, root)
            # One list serves all interfaces below a port of the bridge, the sender's included: the frame goes down to
            # the sender's wire too, unless the list names the sender alone.
            if any(one != inside.port for one in members):
                found += {one.wire: one for one in reversed(members)}.values()
        return sorted(found, key=self.ports.index)

    def members(self, inside: Inside, root: int) -> list[LogicalPort]:
        """Give the interfaces below a port of the bridge that are on the frame's group list."""
        return [
            one
            for one in self.ports
            if isinstance(one.interface, str) and self._system.root(one.wire) == root and one.carries(inside.vlan)
            and reaches(inside.port.pvlan, one.pvlan)
            and accepts(self._system.stations[self._system.part_at(one.wire), str(one.interface)], inside.target)
        ]  # fmt: skip

    def why_none(self, inside: Inside) -> str:
        """Say why a frame leaves by no port."""
        if self.ways(replace(inside, port=replace(inside.port, pvlan=PROMISCUOUS))):
            return "PVLAN"
        known = self.known.get((inside.target, inside.vlan))
        return "SAME_PORT" if known == inside.port else "NO_DESTINATION"


# ---- How frames come into bridges: from an adapter, from outside, over a wire from another bridge ----


class BridgeEntry:
    """Tell where and how frames come into the bridges of a system."""

    def __init__(self, system: System, bridges: Sequence[BridgeRules]) -> None:
        self.system, self.bridges = system, bridges

    def bridge_at(self, wire: int) -> BridgeRules:
        """Give the bridge to which a wire leads."""
        return self.bridges[self.system.bridge_at(wire)]

    def entered(self, name: str, vlan: int) -> tuple[LogicalPort, int] | None:
        """Give the port by which a station's frames of one of its VLANs enter, and their VLAN in the bridge.

        None where its port does not carry them.
        """
        wire, station = self.system.wire_at(name), self.system.port(name)
        switch = self.system.switch_at(wire)
        interface = interface_of(switch.mode, station)
        ports = self.bridge_at(wire).ports
        own = [one for one in ports if (one.wire, one.interface) == (wire, interface)]
        is_bare = switch.mode not in TAG_MODES and vlan == switch.uplink.native_vlan
        for one in sorted(own, key=lambda one: one.wire_vlan is None):
            on_wire = one.native_vlan if is_bare else vlan
            if one.wire_vlan is None:
                return (one, on_wire) if on_wire is not None and one.carries(on_wire) else None
            if one.wire_vlan == on_wire:
                return one, next(iter(one.vlans or ()))
        return None

    def inside(self, source: str, target: str, route: Route) -> Inside | None:
        """Give the frame as it is in the bridge; None where the port by which it enters does not carry its VLAN."""
        wire = self.system.wire_at(source)
        if wire == self.system.outside_wire:
            port = self.bridge_at(wire).port_of(wire)
            vlan = (port.native_vlan if target in GROUPS else None) or self._vlan_of(target)
            bare = -TAG_BYTES["c"] * (vlan != port.native_vlan)
            return Inside(source, target, port, vlan, bare) if port.carries(vlan) else None
        switch, station = self.system.switch_at(wire), self.system.port(source)
        entered = self.entered(source, station.port_vlan)
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
        """Give the VLAN that a station's untagged frames have in its bridge; for a group, that of the first VM."""
        name = self.system.vm_names[0] if target in (*GROUPS, UPLINK) else target
        wire, vlan = self.system.wire_at(name), self.system.port(name).port_vlan
        ports = self.bridge_at(wire).settings.ports
        return ports[self.system.port_name(wire)].translate.get(vlan, vlan)

    def over(
        self, bridge: BridgeRules, port: LogicalPort, vlan: int
    ) -> tuple[BridgeRules, tuple[LogicalPort, int] | None]:
        """Give the bridge at a wire's other end, the port by which a VLAN's frame enters it, with the VLAN there."""
        trunk = self.system.trunk(port.wire)
        assert trunk is not None
        other = self.bridges[trunk.upper if trunk.lower == bridge.number else trunk.lower]
        entered = other.port_of(port.wire)
        there = entered.native_vlan if vlan in port.untagged else vlan
        return other, (entered, there) if there is not None and entered.carries(there) else None


# ---- Which addresses the bridges know, and where they stand ----


AtSender = Callable[[str, str], Route]  # from source to target: what the sender's adapter does


def learn(entry: BridgeEntry, at_sender: AtSender, flows: Iterable[tuple[str, str]] | None) -> None:
    """Fill in what each bridge knows.

    `flows`: (source, target) of all frames, which tell what addresses a bridge learns; None: it knows all.
    """
    every = {bridge.number for bridge in entry.bridges}
    controlling = {bridge.number for bridge in entry.bridges if bridge.settings.kind == "controlling"}
    _know_stations(entry, every if flows is None else controlling)
    if flows is None:
        _know_outside(entry, every)
    else:
        _hear(entry, at_sender, flows, every - controlling)


def _know_stations(entry: BridgeEntry, knowing: Collection[int]) -> None:
    """Let some bridges know all stations of the servers, in each VLAN that comes to them."""
    for name, vm in entry.system.vms.items() if knowing else ():
        at, station = entry.bridge_at(entry.system.wire_at(name)), vm.port
        # Two of a station's VLANs may be one in the bridge; the VLAN of its untagged frames, entered last, then counts.
        for vlan in sorted(station.vlans, key=lambda vlan: vlan == station.port_vlan):
            entered = entry.entered(name, vlan)
            if entered is not None:
                _know(entry, knowing, name, at, *entered)


def _know_outside(entry: BridgeEntry, knowing: Collection[int]) -> None:
    at = entry.bridge_at(entry.system.outside_wire)
    port = at.port_of(entry.system.outside_wire)
    in_use = {vlan for bridge in entry.bridges for _, vlan in bridge.known}
    for vlan in _ALL_VLANS if len(entry.bridges) == 1 else in_use:
        if port.carries(vlan):
            _know(entry, knowing, UPLINK, at, port, vlan)


def _hear(entry: BridgeEntry, at_sender: AtSender, flows: Iterable[tuple[str, str]], learning: Collection[int]) -> None:
    """Let learning bridges know the stations that announce themselves, and those whose frames reach them.

    The flows' first frames are followed in order; each finds known the stations that have sent before it.
    """
    system, heard = entry.system, set[str]()
    announced = {bridge.number for bridge in entry.bridges if bridge.settings.announce}
    for name, vm in system.vms.items() if announced else ():
        inside = entry.inside(name, UPLINK, Route((), True)) if vm.port.enabled else None
        if inside is not None:
            at = entry.bridge_at(system.wire_at(name))
            _know(entry, announced & set(learning), name, at, inside.port, inside.vlan)
            heard |= {name} if len(announced) == len(entry.bridges) else set()
    for source, target in flows:
        if source in heard:
            continue
        route = at_sender(source, target)
        inside = entry.inside(source, target, route) if route.to_wire else None
        if inside is not None:
            _follow(entry, entry.bridge_at(system.wire_at(source)), inside)
            # A VM sends all its frames with one VLAN, by one port; how far they come depends on the target.
            heard |= {source} - {UPLINK} if len(entry.bridges) == 1 else set()


def _follow(entry: BridgeEntry, bridge: BridgeRules, inside: Inside) -> None:
    """Let each learning bridge that a frame reaches know the frame's source."""
    if bridge.settings.kind == "learning":
        bridge.known[inside.source, inside.vlan] = inside.port
    number = bridge.entry(inside)
    if number is not None and bridge.settings.policy[number].action == "deny":
        return
    for port in bridge.ways(inside):
        if entry.system.trunk(port.wire) is not None:
            other, there = entry.over(bridge, port, inside.vlan)
            if there is not None:
                _follow(entry, other, replace(inside, port=there[0], vlan=there[1]))


def _know(
    entry: BridgeEntry, knowing: Collection[int], name: str, bridge: BridgeRules, port: LogicalPort, vlan: int
) -> None:
    """Let the bridges in `knowing` that a broadcast from a station would reach know the port to the station."""
    if bridge.number in knowing:
        bridge.known[name, vlan] = port
    for one in bridge.trunks:
        if one.wire != port.wire and one.carries(vlan):
            other, there = entry.over(bridge, one, vlan)
            if there is not None:
                _know(entry, knowing, name, other, *there)
