"""Headers of made-up frames: addresses and tags that the switch of a configuration expects on them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction

from hwmodel.config import Config
from hwmodel.config.bridge import OUTSIDE
from hwmodel.config.made_up import Connections
from hwmodel.config.names import is_uplink
from hwmodel.config.streams import BROADCAST, MULTICAST, PatternError, Weighted
from hwmodel.config.switch import outside_mac
from hwmodel.config.system import bridge_with, servers_of
from hwmodel.config.vms import vms_of
from hwmodel.config.workload import MOST_HEADERS
from hwmodel.rules.steering import TCP
from hwmodel.rules.switch_modes import C_TAG, MODES, TYPE_BYTES
from hwmodel.wire.ethernet import (
    ADDRESS_BYTES,
    BROADCAST_MAC,
    GROUP_MAC,
    EtherType,
    flow_bytes,
    mac_to_bytes,
)
from hwmodel.wire.tags import Tag, build_header, tag_of
from hwmodel.workload.traffic import FrameTemplate


def connections_of_header(n_connections: int, number: int) -> int:
    """Return how many TCP connections between two stations share header `number`: 1, up to MOST_HEADERS connections."""
    n_headers = min(n_connections, MOST_HEADERS)
    return n_connections // n_headers + (number < n_connections % n_headers)


class HeaderBook:
    """Make the header of each (sender, target) once, and number it; `with_packets`: with IP addresses and ports."""

    def __init__(self, config: Config, *, with_packets: bool = False) -> None:
        self.templates: list[FrameTemplate] = []
        self._ids: dict[tuple[str, bytes, int | None], int] = {}
        self._destinations: dict[str, list[tuple[bytes, int | None]]] = {}
        self._behind: dict[str, bytes] = {}
        self._switch, self._connections = config.switch, config.workload.connections
        self._with_packets = with_packets or self._connections > 1
        outside = bridge_with(config, OUTSIDE)
        self._outside = None if outside is None else outside.settings.ports[OUTSIDE]
        vms = vms_of(servers_of(config))
        self._translated = {
            name: translated
            for name, vm in vms.items()
            for bridge in [bridge_with(config, vm.wire)]
            if bridge is not None and (translated := bridge.settings.ports[vm.wire].translate)
        }
        self._ports = {name: vm.port for name, vm in vms.items()}
        self._connection = Connections(self._ports)
        self._outside_mac = outside_mac([server.config.switch for server in servers_of(config)])
        groups = {group for port in self._ports.values() if port.enabled for group in port.groups}
        self._groups = sorted(groups) or [GROUP_MAC]

    def weighted_ids(self, source: str, targets: Weighted) -> list[tuple[int, Fraction]]:
        """Give the template ids of frames from a port to some targets, with their weights.

        A target has one id, or one for each multicast group or connection, which share the target's weight. Raises
        PatternError if a target has no address or cannot be reached from the uplink in this mode.
        """
        found = []
        ids, templates = self._ids, self.templates
        for target, weight in targets:  # with several servers there may be hundreds of thousands
            if target not in self._destinations:
                self._destinations[target] = list(self._destinations_of(target))
            destinations = self._destinations[target]
            share = weight if len(destinations) == 1 else weight / len(destinations)
            is_uneven = len(destinations) > 1 and self._connections % len(destinations) != 0
            for destination, connection in destinations:
                if is_uneven and connection is not None:
                    n_here = connections_of_header(self._connections, connection)
                    share = weight * n_here / self._connections
                number = ids.setdefault((source, destination, connection), len(templates))
                if number == len(templates):
                    templates.append(self._template(source, target, destination, connection))
                found.append((number, share))
        return found

    def template_ids(self, source: str, target: str) -> list[int]:
        """Give the template ids of frames to one target; raises as `weighted_ids` does."""
        return [number for number, _ in self.weighted_ids(source, ((target, Fraction(1)),))]

    def header_to(self, source: str, to: str | int, ethertype: int) -> bytes:
        """Return the header of a station's frames to another, or to an address, that are of a type."""
        behind = self._behind.get(source) or self._behind_first(source, "")
        own_type = ethertype.to_bytes(TYPE_BYTES, "big")
        return mac_to_bytes(self._mac(to) if isinstance(to, str) else to) + behind[:-TYPE_BYTES] + own_type

    def _destinations_of(self, target: str) -> Iterator[tuple[bytes, int | None]]:
        """Yield the MAC address and the connection's number (None without one) of each kind of frame to a target."""
        if target in (BROADCAST, MULTICAST):
            for group in [BROADCAST_MAC] if target == BROADCAST else self._groups:
                yield mac_to_bytes(group), None
        else:
            for number in range(min(self._connections, MOST_HEADERS)):
                yield mac_to_bytes(self._mac(target)), number if self._with_packets else None

    def _mac(self, name: str) -> int:
        if is_uplink(name):
            return self._outside_mac
        macs: tuple[int, ...] = self._ports[name].macs
        if not macs:
            raise PatternError(f"{name} has no MAC address to send from or to")
        return macs[0]

    def _template(self, source: str, target: str, destination: bytes, connection: int | None) -> FrameTemplate:
        header, flow = destination + (self._behind.get(source) or self._behind_first(source, target)), b""
        if connection is not None:
            flow = self._flow(source, target, connection)
            header = header[:-TYPE_BYTES] + EtherType.IPV4.to_bytes(TYPE_BYTES, "big") + flow
        return FrameTemplate(source, target, header, len(flow))

    def _flow(self, source: str, target: str, connection: int) -> bytes:
        """Return the header bytes that identify a TCP connection in its frames."""
        source_ip, target_ip, *ports = self._connection.between(source, target, connection)
        return flow_bytes(source_ip, target_ip, TCP, (ports[0], ports[1]))

    def _behind_first(self, source: str, target: str) -> bytes:
        """Return the header after the destination; it is the same for all headers of a station, and cached."""
        if is_uplink(source):
            return self._behind_destination(source, self._tags_from_uplink(target))
        port = self._ports[source]
        tags = [tag_of(C_TAG, vid=port.port_vlan)] if port.admit == "tagged" else []
        self._behind[source] = self._behind_destination(source, tags)
        return self._behind[source]

    def _behind_destination(self, source: str, tags: Sequence[Tag]) -> bytes:
        return build_header(0, self._mac(source), EtherType.LOCAL_EXPERIMENT_1, tags)[ADDRESS_BYTES:]

    def _tags_from_uplink(self, target: str) -> list[Tag]:
        if is_uplink(target):
            raise PatternError("a flow from the uplink cannot go to the uplink")
        if self._outside is not None:
            return self._tags_from_outside(target)
        mode = MODES[self._switch.mode]
        is_group = target in (BROADCAST, MULTICAST)
        if is_group and mode.tag is not None:
            why = f"group frames from the uplink cannot be made up in mode {self._switch.mode}; replay a pcap instead"
            raise PatternError(why)
        if is_group:
            native = self._switch.uplink.native_vlan
            return [] if native is not None else [tag_of(C_TAG, vid=self._first_vlan())]
        port = self._ports[target]
        tags: list[Tag] = []
        interface = mode.interface_of(port)
        if mode.tag is not None and interface is not None:
            tags.append(tag_of(mode.tag, **mode.tag.at_bridge, **{mode.tag.to_station: interface}))
        if not mode.has_interfaces and port.port_vlan != self._switch.uplink.native_vlan:
            tags.append(tag_of(C_TAG, vid=port.port_vlan))
        return tags

    def _tags_from_outside(self, target: str) -> list[Tag]:
        """Return the tags of frames that come to the bridge from outside, without those that only the bridge adds."""
        assert self._outside is not None
        native = self._outside.native_vlan
        vlan = native if target in (BROADCAST, MULTICAST) else self._vlan_outside(target)
        vlan = self._first_vlan() if vlan is None else vlan
        return [] if vlan == native else [tag_of(C_TAG, vid=vlan)]

    def _first_vlan(self) -> int:
        return next(self._vlan_outside(name) for name, port in self._ports.items() if port.enabled)

    def _vlan_outside(self, station: str) -> int:
        """Return the VLAN of a station's untagged frames beyond the bridge, whose port may have translated it."""
        vlan: int = self._ports[station].port_vlan
        return self._translated.get(station, {}).get(vlan, vlan)
