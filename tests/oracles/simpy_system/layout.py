"""Which bridge has which ports, and their numbers: docs/bridge.md, "What stands where" and "Several bridges"."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from .parameters import BRIDGE, OUTSIDE, BridgeParameters, BridgePort, Server, Wire, wires_of


class Layout:
    """Ports to servers first, in their order, then outside, then both ends of each wire, then of extenders' uplinks."""

    def __init__(self, bridges: Sequence[BridgeParameters], servers: Sequence[Server]) -> None:
        """Know all ports; one to a server that no bridge lists, and so outside, is at the first."""
        self.bridges = {each.name: each for each in bridges}
        self.servers = servers
        self.to_servers = wires_of(servers)
        self.outside = len(self.to_servers)
        self._owners = {
            name: next((each.name for each in bridges if name in each.ports), bridges[0].name)
            for name in (*(wire.port_name for wire in self.to_servers), OUTSIDE)
        }
        self.wires: dict[int, tuple[str, str]] = {}
        """Of the port at each end of a wire between bridges: its bridge, and what it is called there."""
        self.far_end: dict[int, int] = {}
        for own, far in self._pairs():
            number = self.outside + 1 + len(self.wires)
            self.wires |= {number: own, number + 1: far}
            self.far_end |= {number: number + 1, number + 1: number}
        self.uppers: dict[str, int] = {}
        """The number of the upper end of each extender's uplink."""
        for each in bridges:
            for name in each.extenders:
                self.uppers[name] = self.outside + 1 + len(self.wires) + 2 * len(self.uppers)
        self.way_out = {self._owners[OUTSIDE]: self.outside}
        """The port of each bridge behind which the stations outside are."""
        self._find_ways(self._owners[OUTSIDE])

    def _pairs(self) -> Iterator[tuple[tuple[str, str], tuple[str, str]]]:
        seen = set()
        for bridge in self.bridges.values():
            for name, port in bridge.ports.items():
                leads = [other for other, one in self._ends() if one.to == f"{bridge.name}.{name}"]
                to = tuple(port.to.split(".")) if port.to else next(iter(leads), None)
                if to is not None and (bridge.name, name) not in seen:
                    seen |= {to, (bridge.name, name)}
                    yield (bridge.name, name), (to[0], to[1])

    def _ends(self) -> Iterator[tuple[tuple[str, str], BridgePort]]:
        for bridge in self.bridges.values():
            for name, port in bridge.ports.items():
                yield (bridge.name, name), port

    def _find_ways(self, bridge: str) -> None:
        for number, (own, _) in self.wires.items():
            far, _ = self.wires[self.far_end[number]]
            if far == bridge and own not in self.way_out:
                self.way_out[own] = number
                self._find_ways(own)

    def wires_at(self, bridge: str) -> list[tuple[int, Wire]]:
        """Return the wires of servers at a bridge, or behind its extenders, with their ports' numbers."""
        return [each for each in enumerate(self.to_servers) if self._owners[each[1].port_name] == bridge]

    def has_outside(self, bridge: str) -> bool:
        """Tell whether the stations outside are at a bridge."""
        return self._owners[OUTSIDE] == bridge

    def above(self, wire: Wire) -> list[str]:
        """Return the extenders between a server and its bridge, by one of its wires, the lowest first."""
        bridge = self.bridges[self._owners[wire.port_name]]
        found = [bridge.ports.get(wire.port_name, BridgePort()).behind]
        while found[-1] != BRIDGE:
            found.append(bridge.extenders[found[-1]].behind)
        return found[:-1]
