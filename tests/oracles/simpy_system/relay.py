"""What the bridge decides, apart from its time: docs/bridge.md, "Logical ports" and "Learning, VLANs, groups"."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from ipaddress import ip_address, ip_network
from types import SimpleNamespace
from typing import Any, NamedTuple

from .. import packet_oracle
from ..bucket_oracle import PolicersOracle
from ..service_level_oracle import Level
from .layout import Layout
from .parameters import BRIDGE, OUTSIDE, BridgeParameters, BridgePort, Wire
from .ports import DEFAULT_S_VID, AttachedPort, GroupList, LogicalPort
from .table import LearningTable
from .tags import C_TAG, DroppedError, Header, parse, tci_tag

FCS_BYTES = 4
NOBODYS = SimpleNamespace(ips=(), macs=(), trusted=True)
"""In place of a station outside, which owns no addresses."""


class Relayed(NamedTuple):
    """(port number, bytes) of each copy and the key of its logical port, or why there is none."""

    copies: list[tuple[int, bytes]]
    reason: str | None = None
    keys: Sequence[int | None] = ()
    priority: int = 0
    """Of the frame as it came in."""


class Relay:
    """Learns, and chooses the ports of each frame's copies."""

    def __init__(self, parameters: BridgeParameters, layout: Layout) -> None:
        """Begin with an empty table, joined to no other bridge; the ports are the bridge's own, not its extenders'."""
        self._parameters = parameters
        self._is_controlling = parameters.kind == "controlling"
        self._way_out = layout.way_out[parameters.name]
        far_fs = parameters.propagation_fs
        self.ports = {
            number: AttachedPort(number, port, name, below, far_fs)
            for number, port, name, below in _ports_of(parameters, layout)
        }
        self.peers: dict[int, tuple[Relay, AttachedPort]] = {}
        """Of each wire to another bridge, by the port's number: that bridge and the port there; set before the run."""
        self.table = LearningTable(parameters.table, parameters.ageing_fs)
        self._stands: dict[tuple[int, int], LogicalPort] = {}
        self._policers = PolicersOracle(parameters.policy)
        self._senders = _stations_of(layout)
        self.flooded = 0
        self.shut: set[int] = set()
        """Ports that their security has shut down."""
        self.longest_bytes = (
            max(station.max_frame_bytes for each in layout.servers for station in each.switch.ports) - FCS_BYTES
        )

    def command(self, now_fs: int, parameters: BridgeParameters, layout: Layout) -> None:
        """Decide by other tables from now on; what is learned stays, who is told where stations are is told anew."""
        for number, port, name, _ in _ports_of(parameters, layout):
            old = self._parameters.ports.get(name, BridgePort())
            if (old.most_addresses, old.shuts) != (port.most_addresses, port.shuts):
                self.shut.discard(number)
        self._parameters = parameters
        for number, port, _, below in _ports_of(parameters, layout):
            self.ports[number].configure(port, below, parameters.propagation_fs)
        self.table.change(now_fs, parameters.ageing_fs)
        self._policers.change(now_fs, parameters.policy)
        self._stands.clear()
        self._senders = _stations_of(layout)

    def levels_of(self, number: int) -> dict[int | None, Level]:
        """Return the service levels of a port's S-channels; none where it has one queue."""
        port = self.ports[number]
        written = self._parameters.ports.get(port.name, BridgePort()).s_channels
        if not written:
            return {}
        part_bytes = self._parameters.buffer_bytes // len(port.logical)
        levels = {key: written.get(key, Level()) for key in port.logical}
        return {
            key: replace(level, room_bytes=part_bytes) if level.room_bytes is None else level
            for key, level in levels.items()
        }

    def introduce(self, wire: Wire, number: int, *, announces: bool = True) -> None:
        """Tell bridges that are told where the stations at a wire are, and let those that `announce` hear them.

        `number`: of this bridge's own port that leads there. `announces`: the stations do so, which they do once.
        """
        port = self.ports[number]
        for station in wire.switch.ports:
            for vlan in (station.port_vlan, *(each for each in station.vlans if each != station.port_vlan)):
                key = (station.s_channel or DEFAULT_S_VID) if port.mode == "multichannel" else None
                if port.has_interfaces:
                    key = station.vif if port.mode == "vn_tag" else station.ecid
                if key not in port.logical:
                    continue
                logical = port.in_vlan(vlan) if port.translate else port.logical[key]
                is_heard = announces and station.enabled and vlan == station.port_vlan
                inside = port.translate.get(vlan, vlan)
                self._notes(station.macs, inside, logical, vlan in station.vlans, is_heard)

    def _notes(self, addresses: Sequence[int], vlan: int, logical: LogicalPort, is_told: bool, is_heard: bool) -> None:
        """Note where a station's broadcast comes from, here and at all bridges that it would come to."""
        for address in addresses if is_told else ():
            self._stands.setdefault((vlan, address), logical)
        if not logical.carries(vlan):
            return
        if is_heard and self._parameters.announce and not self._is_controlling:
            for address in addresses:
                self.table.learn(0, vlan, address, logical, self._security(logical.number).most_addresses)
        for number, (relay, far) in self.peers.items():
            out = self.ports[number].logical[None]
            if number == logical.number or not out.carries(vlan):
                continue
            far_logical = far.logical[None]
            far_vlan = far_logical.native_vlan if vlan in out.untagged else vlan
            if far_vlan is not None and far_logical.carries(far_vlan):
                relay._notes(addresses, far_vlan, far_logical, is_told, is_heard)

    def relay(self, now_fs: int, number: int, raw: bytes, station: str = "") -> Relayed:
        """Say what becomes of a frame that came in at a port; `station` has sent it, whatever its source address."""
        port = self.ports[number]
        header = parse(raw, port.outer_type)
        try:
            if number in self.shut:
                raise DroppedError("PORT_SECURITY")
            sender = port.came_on(header)
            vlan = header.vid or sender.native_vlan
            vlan = port.translate.get(vlan, vlan)
            if vlan is None or not sender.carries(vlan):
                raise DroppedError("VLAN_MEMBER")
            if not self._is_controlling:
                self._learn(now_fs, number, vlan, header.source, sender)
            if header.is_reserved:
                raise DroppedError("CONTROL_FRAME")
            self._ask_guards(port, sender, station, header)
            priority = self._ask_policy(now_fs, station, vlan, header)
            targets = self._targets(now_fs, sender, vlan, header)
        except DroppedError as dropped:
            return Relayed([], str(dropped))
        copies = [self._copy(to, sender, vlan, priority, header) for to in targets]
        keys = [None if isinstance(to, GroupList) else to.key for _, to in targets]
        return Relayed(copies, keys=keys, priority=header.priority)

    def _ask_guards(self, port: AttachedPort, sender: LogicalPort, station: str, header: Header) -> None:
        """Drop what a guard of the logical port refuses its station."""
        if station not in self._senders:
            return
        wire, one = self._senders[station]
        name = wire.port_name
        if port.has_interfaces:
            name = station
        elif port.mode == "multichannel":
            name += f".{sender.key}"
        elif sender.wire_vlan is not None:
            name += f".vlan{sender.wire_vlan}"
        words = self._parameters.guards.get(name, self._parameters.guards.get(wire.port_name, ()))
        said = packet_oracle.says(header.ethertype, header.rest[2:])
        reason = packet_oracle.guarded(SimpleNamespace(**vars(one), guards=words), said)
        if reason is not None:
            raise DroppedError(reason)

    def _security(self, number: int) -> BridgePort:
        return self._parameters.ports.get(self.ports[number].name, BridgePort())

    def _learn(self, now_fs: int, number: int, vlan: int, source: int, sender: LogicalPort) -> None:
        """Learn where a frame's source is, unless the port has too many addresses."""
        own = self._security(number)
        if not self.table.learn(now_fs, vlan, source, sender, own.most_addresses) and own.most_addresses is not None:
            if own.shuts:
                self.shut.add(number)
            raise DroppedError("PORT_SECURITY")

    def _ask_policy(self, now_fs: int, station: str, vlan: int, header: Header) -> int:
        """Return the frame's priority, which an entry may have replaced."""
        policers, said = 0, packet_oracle.says(header.ethertype, header.rest[2:])
        sender = self._senders[station][1] if station in self._senders else NOBODYS
        for entry in self._parameters.policy:
            if not _matches(entry, station, vlan, header, said, sender):
                policers += entry.action == "police"
                continue
            if entry.action == "deny":
                raise DroppedError("ACL_DENY")
            if entry.action == "police" and not self._policers.police(policers, now_fs, len(header.raw) + FCS_BYTES):
                raise DroppedError("RATE_LIMITED")
            return int(entry.priority) if entry.action == "priority" else header.priority
        return header.priority

    def _targets(
        self, now_fs: int, sender: LogicalPort, vlan: int, header: Header
    ) -> list[tuple[AttachedPort, LogicalPort | GroupList]]:
        known = None if header.is_group else self._find(now_fs, vlan, header.destination)
        if known is not None:
            if known == sender and not sender.has_hairpin:
                raise DroppedError("SAME_PORT")
            if not sender.is_let_to(known):
                raise DroppedError("PVLAN")
            return [(self.ports[known.number], known)]
        targets = [(port, each) for port in self.ports.values() for each in self._flood(port, sender, vlan, header)]
        if not targets:
            is_cut = any(
                each.carries(vlan) and self._wants(port, each, sender, header) and not sender.is_let_to(each)
                for port in self.ports.values()
                for each in port.logical.values()
            )
            raise DroppedError("PVLAN" if is_cut else "NO_DESTINATION")
        self.flooded += not header.is_group
        return targets

    def _find(self, now_fs: int, vlan: int, address: int) -> LogicalPort | None:
        if self._is_controlling:
            return self._stands.get((vlan, address))
        learned = self.table.find(now_fs, vlan, address)
        if learned is None:
            return None
        found = self.ports[learned.number].logical[learned.key]
        if not found.carries(vlan):  # it did as the address was learned
            raise DroppedError("NO_DESTINATION")
        return found

    def _flood(
        self, port: AttachedPort, sender: LogicalPort, vlan: int, header: Header
    ) -> list[LogicalPort | GroupList]:
        """Return where a frame for all goes at one port: to each logical port, or once to a list of interfaces."""
        if port.has_interfaces:
            listed = port.list_for(vlan, header.destination, sender) if header.is_group else None
            return [] if listed is None else [listed]
        return [
            each
            for each in port.logical.values()
            if each.carries(vlan) and self._wants(port, each, sender, header) and sender.is_let_to(each)
        ]

    def _wants(self, port: AttachedPort, to: LogicalPort, sender: LogicalPort, header: Header) -> bool:
        """Tell whether a frame for all might go to a logical port, in whose VLAN it is, but for private VLANs."""
        if port.has_interfaces:
            return header.is_group and to != sender and to.accepts(header.destination)
        if self._is_controlling and not header.is_group and port.number != self._way_out:
            return False
        return to != sender or to.has_hairpin

    def _copy(
        self,
        target: tuple[AttachedPort, LogicalPort | GroupList],
        sender: LogicalPort,
        vlan: int,
        priority: int,
        header: Header,
    ) -> tuple[int, bytes]:
        port, to = target
        wire_vlan = None if isinstance(to, GroupList) else to.wire_vlan
        outer = port.outer_tag(to, sender, priority, header.dei)
        c_tag = b"" if vlan in to.untagged else tci_tag(C_TAG, wire_vlan or vlan, priority, header.dei)
        return port.number, header.raw[:12] + outer + c_tag + header.rest


def _ports_of(parameters: BridgeParameters, layout: Layout) -> Iterator[tuple[int, BridgePort, str, Sequence[Wire]]]:
    """Yield the bridge's own ports: number, parameters, name, and the wires of servers there or below."""
    wires = layout.wires_at(parameters.name)
    for number, wire in wires:
        port = parameters.ports.get(wire.port_name, BridgePort())
        if port.behind == BRIDGE:
            yield number, port, wire.port_name, [wire]
    plain = {layout.outside: OUTSIDE} if layout.has_outside(parameters.name) else {}
    plain |= {number: name for number, (bridge, name) in layout.wires.items() if bridge == parameters.name}
    for number, name in plain.items():
        yield number, parameters.ports.get(name, BridgePort()), name, []
    for name, extender in parameters.extenders.items():
        if extender.behind == BRIDGE:
            below = [wire for _, wire in wires if name in layout.above(wire)]
            yield layout.uppers[name], BridgePort(extender.rate_bps), name, below


def _stations_of(layout: Layout) -> dict[str, tuple[Wire, Any]]:
    """Return who sends from which wire, and owns what: without `ips` the address of its made-up frames."""
    pairs = [(wire, one) for wire in layout.to_servers for one in wire.switch.ports]
    found = {}
    for number, (wire, one) in enumerate(pairs, 1):
        ips = getattr(one, "ips", None)
        ips = [ip_network(ip_address("10.0.0.1") + number)] if ips is None else ips
        found[wire.server.station(one.name)] = wire, SimpleNamespace(ips=ips, macs=one.macs, trusted=one.trusted)
    return found


def _matches(entry: Any, station: str, vlan: int, header: Header, said: dict[str, object], sender: Any) -> bool:
    seen = {
        "source": header.source,
        "destination": header.destination,
        "vlan": vlan,
    }
    behind = packet_oracle.wanted_by(entry)
    if behind:
        is_as_asked = packet_oracle.matches(entry.action, behind, entry.ethertype, said, sender)
    else:
        is_as_asked = entry.ethertype in (None, header.ethertype)
    is_from = entry.port in ("all", station)
    return is_from and is_as_asked and all(getattr(entry, key) in (None, value) for key, value in seen.items())
