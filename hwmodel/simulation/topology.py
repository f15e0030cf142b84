"""Which ports bridges and extenders have, by their numbers, and behind which of them each address belongs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from hwmodel.simulation.bridge_ports import LogicalPort, PhysicalPort, place_of
from hwmodel.simulation.joined_bridges import BridgePorts

if TYPE_CHECKING:
    from hwmodel.config import Config
    from hwmodel.config.bridge import Bridge, PolicyEntry

Place = tuple[int, int, int, int]  # a bridge, an address, a VLAN, a logical port


class Topology:
    """Number the logical ports of all bridges and extenders.

    `logical`: those of bridges, in their order; `own`: by the number of an extender's port the logical port that it is
    itself. `policers`: the entries of policies with token buckets, in the order of the buckets. `stations`: numbers of
    stations by their names; `configs`: of the servers.
    """

    def __init__(
        self,
        bridges: Sequence[Bridge],
        ports: Sequence[PhysicalPort],
        configs: Sequence[Config],
        stations: Mapping[str, int],
    ) -> None:
        self.bridges = bridges
        self.ports = ports
        self.configs = configs
        self.stations = stations
        self.outside = ports[len(configs)]
        self.logical = [logical for port in ports if port.joined is None or port.to for logical in port.logical]
        self.bridge_ports = BridgePorts(ports, self.outside, self.logical)
        self.n_logical_ports = len(self.logical)
        self.own: dict[int, int] = {}
        for port in ports:
            if port.is_of_extender:
                self.own[port.number] = self._next_number()
        for port in ports:
            if not port.is_of_extender and port.has_interfaces:
                name, number = f"{port.name}.groups", self._next_number()
                port.groups = LogicalPort(number, port.number, name, port.mode, None, False, None, (), ())
        self.policers: list[PolicyEntry] = [
            entry for bridge in bridges for entry in bridge.policy if entry.action == "police"
        ]

    def _next_number(self) -> int:
        self.n_logical_ports += 1
        return self.n_logical_ports - 1

    def homes(self) -> Iterator[Place]:
        """Give where the configuration puts each station's addresses, at each bridge."""
        for port, config in zip(self.ports, self.configs, strict=False):
            for station in config.switch.ports:
                # Where two of its VLANs are one in the bridge the first counts, that of its untagged frames.
                own = [vlan for vlan in station.vlans if vlan == station.port_vlan]
                own += [vlan for vlan in station.vlans if vlan != station.port_vlan]
                places = [place for vlan in own if (place := place_of(station, vlan, port))]
                for logical, vlan in (seen for place in places for seen in self.bridge_ports.seen_from(*place)):
                    for mac in station.macs:
                        yield self.ports[logical.port].bridge, mac, vlan, logical.number

    def announced(self) -> Iterator[Place]:
        """Give the addresses that stations have announced in their ports' VLANs, at each bridge that has heard them."""
        for port, config in zip(self.ports, self.configs, strict=False):
            for station in config.switch.ports:
                place = place_of(station, station.port_vlan, port) if station.enabled else None
                if place is None or place[1] not in place[0].vlans:
                    continue
                for logical, vlan in self.bridge_ports.seen_from(*place):
                    bridge = self.ports[logical.port].bridge
                    if self.bridges[bridge].announce and self.bridges[bridge].kind == "learning":
                        yield from ((bridge, mac, vlan, logical.number) for mac in station.macs)
