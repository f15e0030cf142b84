"""What the bridge decides, apart from its time: docs/bridge.md, "Logical ports" and "Learning, VLANs, groups"."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from ..bucket_oracle import BucketOracle
from ..service_level_oracle import Level
from .parameters import BRIDGE, OUTSIDE, BridgeParameters, BridgePort, Server
from .ports import DEFAULT_S_VID, AttachedPort, GroupList, LogicalPort
from .table import LearningTable
from .tags import C_TAG, DroppedError, Header, parse, tci_tag

FCS_BYTES = 4


class Relayed(NamedTuple):
    """(port number, bytes) of each copy and the key of its logical port, or why there is none."""

    copies: list[tuple[int, bytes]]
    reason: str | None = None
    keys: Sequence[int | None] = ()


class Relay:
    """Learns, and chooses the ports of each frame's copies."""

    def __init__(self, parameters: BridgeParameters, servers: Sequence[Server]) -> None:
        """Begin with an empty table.

        Ports are numbered servers first, in their order, then outside, then two for each extender; these are the
        bridge's own.
        """
        self._parameters = parameters
        self._is_controlling = parameters.kind == "controlling"
        attached: list[Server | None] = [*servers, None]
        self.ports = {}
        for number, server in enumerate(attached):
            port = parameters.ports.get(server.port_name if server else OUTSIDE, BridgePort())
            if port.behind == BRIDGE:
                self.ports[number] = AttachedPort(number, port, server)
        for at, (name, extender) in enumerate(parameters.extenders.items()):
            if extender.behind == BRIDGE:
                number = len(attached) + 2 * at
                below = [server for server in servers if name in above(parameters, server)]
                self.ports[number] = AttachedPort(number, BridgePort(extender.rate_bps), None, {name: below})
        self.table = LearningTable(parameters.table, parameters.ageing_fs)
        if parameters.announce and not self._is_controlling:
            self._announce(servers)
        self._stands = {
            (vlan, address): logical
            for port in self.ports.values()
            for logical in port.logical.values()
            if logical.station is not None
            for address in logical.station.macs
            for vlan in logical.station.vlans
        }
        self._buckets = {
            number: BucketOracle(entry.rate_bps, entry.burst_bytes)
            for number, entry in enumerate(parameters.policy)
            if entry.action == "police"
        }
        self.flooded = 0
        self.longest_bytes = (
            max(station.max_frame_bytes for each in servers for station in each.switch.ports) - FCS_BYTES
        )

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

    def _announce(self, servers: Sequence[Server]) -> None:
        """Learn each address of each enabled station, in the VLAN of its untagged frames."""
        for port, server in zip(self.ports.values(), servers, strict=False):
            for station in server.switch.ports:
                key = (station.s_channel or DEFAULT_S_VID) if port.mode == "multichannel" else None
                logical = port.in_vlan(station.port_vlan) if port.translate else port.logical[key]
                vlan = port.translate.get(station.port_vlan, station.port_vlan)
                if station.enabled and logical.carries(vlan):
                    for address in station.macs:
                        self.table.learn(0, vlan, address, logical)

    def relay(self, now_fs: int, number: int, raw: bytes, station: str = "") -> Relayed:
        """Say what becomes of a frame that came in at a port; `station` has sent it, whatever its source address."""
        port = self.ports[number]
        header = parse(raw, port.outer_type)
        try:
            sender = port.came_on(header)
            vlan = header.vid or sender.native_vlan
            vlan = port.translate.get(vlan, vlan)
            if vlan is None or not sender.carries(vlan):
                raise DroppedError("VLAN_MEMBER")
            if not self._is_controlling:
                self.table.learn(now_fs, vlan, header.source, sender)
            if header.is_reserved:
                raise DroppedError("CONTROL_FRAME")
            priority = self._ask_policy(now_fs, station, vlan, header)
            targets = self._targets(now_fs, sender, vlan, header)
        except DroppedError as dropped:
            return Relayed([], str(dropped))
        copies = [self._copy(to, sender, vlan, priority, header) for to in targets]
        return Relayed(copies, keys=[None if isinstance(to, GroupList) else to.key for _, to in targets])

    def _ask_policy(self, now_fs: int, station: str, vlan: int, header: Header) -> int:
        """Return the frame's priority, which an entry may have replaced."""
        for number, entry in enumerate(self._parameters.policy):
            if not _matches(entry, station, vlan, header):
                continue
            if entry.action == "deny":
                raise DroppedError("ACL_DENY")
            if entry.action == "police" and not self._buckets[number].police(now_fs, len(header.raw) + FCS_BYTES):
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
            return [(self.ports[known.number], known)]
        targets = [(port, each) for port in self.ports.values() for each in self._flood(port, sender, vlan, header)]
        if not targets:
            raise DroppedError("NO_DESTINATION")
        self.flooded += not header.is_group
        return targets

    def _find(self, now_fs: int, vlan: int, address: int) -> LogicalPort | None:
        if self._is_controlling:
            return self._stands.get((vlan, address))
        return self.table.find(now_fs, vlan, address)

    def _flood(
        self, port: AttachedPort, sender: LogicalPort, vlan: int, header: Header
    ) -> list[LogicalPort | GroupList]:
        """Return where a frame for all goes at one port: to each logical port, or once to a list of interfaces."""
        if port.has_interfaces:
            listed = port.list_for(vlan, header.destination, sender) if header.is_group else None
            return [] if listed is None else [listed]
        return [each for each in port.logical.values() if each.carries(vlan) and (each != sender or each.has_hairpin)]

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


def above(parameters: BridgeParameters, server: Server) -> list[str]:
    """Return the extenders between a server and the bridge, the lowest first."""
    found = [parameters.ports.get(server.port_name, BridgePort()).behind]
    while found[-1] != BRIDGE:
        found.append(parameters.extenders[found[-1]].behind)
    return found[:-1]


def _matches(entry: Any, station: str, vlan: int, header: Header) -> bool:
    seen = {
        "source": header.source,
        "destination": header.destination,
        "vlan": vlan,
        "ethertype": header.ethertype,
    }
    is_from = entry.port in ("all", station)
    return is_from and all(getattr(entry, key) in (None, value) for key, value in seen.items())
