"""What made-up frames say behind their EtherType, and whether that is what rules ask for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from hwmodel.rules.steering import TCP
from hwmodel.wire.ethernet import FIRST_ADDRESS, FIRST_CLIENT_PORT, OUTSIDE_IPV6, SERVER_PORT, EtherType

from .packet_kinds import OWN
from .switch import AclEntry, Port
from .vms import Address, first_ips


class Connections:
    """Give the addresses and ports of TCP connections between stations, by their names, and those outside."""

    def __init__(self, stations: Mapping[str, Port]) -> None:
        self._stations = stations
        self._places = {name: place for place, name in enumerate(stations, start=1)}  # 0 is the outside

    def between(self, source: str, target: str, number: int = 0) -> tuple[Address, Address, int, int]:
        """Return addresses and ports of a connection by its number.

        The client is the end outside, or else the station that comes first.
        """
        ends = [(self._places.get(name, 0), name) for name in (source, target)]
        ports = [SERVER_PORT, SERVER_PORT]
        ports[ends.index(min(ends))] = FIRST_CLIENT_PORT + number
        return (*self._addresses(source, target), ports[0], ports[1])

    def _addresses(self, source: str, target: str) -> tuple[Address, Address]:
        """Return two ends' addresses, of one version: the source's first one that the target has too."""
        own, other = self._ips(source), self._ips(target)
        version = next((version for version in own if version in other), 4)
        return (
            own.get(version, FIRST_ADDRESS + self._places.get(source, 0)),
            other.get(version, FIRST_ADDRESS + self._places.get(target, 0)),
        )

    def _ips(self, name: str) -> dict[int, Address]:
        """Return an end's first address of each version, in the order in which it has them."""
        if name not in self._stations:
            return {4: FIRST_ADDRESS, 6: OUTSIDE_IPV6}
        return first_ips(self._stations[name], self._places[name])


class MadeUpPacket(NamedTuple):
    """Hold what follows the EtherType of a generated frame: for IP, the ends of a TCP connection."""

    ethertype: int
    source: Address | None = None
    destination: Address | None = None
    source_port: int = 0
    destination_port: int = 0

    @classmethod
    def between(cls, connections: Connections | None, source_name: str, target_name: str) -> MadeUpPacket:
        """Return the packet of one VM's frames to another; without connections, one that is not IP."""
        if connections is None:
            return cls(EtherType.LOCAL_EXPERIMENT_1)
        source, destination, *ports = connections.between(source_name, target_name)
        return cls(EtherType.IPV4 if source.version == 4 else EtherType.IPV6, source, destination, *ports)

    def is_as_asked(self, entry: AclEntry, sender: Port | None) -> bool:
        """Tell whether what an entry asks of the type and behind it is so; `sender`: None for one outside."""
        if not entry.asked_packets:
            return entry.ethertype in (None, self.ethertype)
        own = () if sender is None else sender.ips or ()
        return (
            self.ethertype in entry.packet_types
            and entry.protocol in (None, TCP)
            and _is_in(self.source, own if entry.source_ip == OWN else (entry.source_ip,))
            and _is_in(self.destination, (entry.destination_ip,))
            and _is_within(self.source_port, entry.source_port)
            and _is_within(self.destination_port, entry.destination_port)
        )


def _is_in(address: Address | None, prefixes: Iterable[Any]) -> bool:
    return any(prefix is None or address in prefix for prefix in prefixes)


def _is_within(port: int, span: tuple[int, int] | None) -> bool:
    return span is None or span[0] <= port <= span[1]
