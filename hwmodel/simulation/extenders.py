"""Which way a header goes through a port extender: up as it is, down to whom its outer tag names."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from hwmodel.simulation.bridge_ports import PhysicalPort
from hwmodel.wire.tags import ETag, Tag, VnTag, parse_header


class Extenders:
    """Know the ports of all extenders below bridges; `ports` are those of the bridges too, by their numbers.

    `own`: the number of the logical port that each of the extenders' ports is itself, behind those of the bridges.
    """

    def __init__(self, ports: Sequence[PhysicalPort], n_logical_ports: int) -> None:
        own = [port for port in ports if port.is_of_extender]
        self.own = {port.number: n_logical_ports + at for at, port in enumerate(own)}
        self._ports = ports
        self._uplinks = {port.box: port for port in ports if port.is_uplink}
        self._downlinks: dict[int, list[tuple[PhysicalPort, frozenset[str]]]] = {box: [] for box in self._uplinks}
        for port in own:
            if port.below:
                self._downlinks[port.box].append((port, frozenset(logical.name for logical in port.logical)))

    def ports_for(self, port: PhysicalPort, header: bytes) -> list[PhysicalPort]:
        """Return the ports to which an extender passes on what comes by one of its ports, in their order."""
        if not port.is_uplink:
            return [self._uplinks[port.box]]
        names = _named(self._ports[port.root], parse_header(header, port.outer_types).outer)
        return [one for one, its_names in self._downlinks[port.box] if not its_names.isdisjoint(names)]


def _named(root: PhysicalPort, outer: Tag | None) -> Collection[str]:
    """Return the stations for which the bridge sends a tag by one of its own ports."""
    if isinstance(outer, VnTag):
        number, is_list = outer.dvif, bool(outer.pointer)
    elif isinstance(outer, ETag):
        number, is_list = outer.ecid, outer.group > 0
    else:
        return ()
    if is_list:
        return next((names for names, one in root.lists.items() if one == number), ())
    return [logical.name for logical in root.logical if logical.interface == number]
