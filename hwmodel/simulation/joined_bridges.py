"""How bridges are joined: what ports stand beside each other, which way leads outside, who is seen from where."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from hwmodel.simulation.bridge_ports import LogicalPort, PhysicalPort, comes_in


class BridgePorts:
    """Know the ports of each bridge, without those of extenders.

    `way_out`: by a bridge's number its logical port to the stations outside, or towards the bridge that has them.
    """

    def __init__(self, ports: Sequence[PhysicalPort], outside: PhysicalPort, logical: Sequence[LogicalPort]) -> None:
        self._ports = ports
        n_bridges = 1 + max(port.bridge for port in ports)
        self._own: list[list[PhysicalPort]] = [[] for _ in range(n_bridges)]
        for port in ports:
            if not port.is_of_extender:
                self._own[port.bridge].append(port)
        self._logical: list[list[LogicalPort]] = [[] for _ in range(n_bridges)]
        for each in logical:
            self._logical[ports[each.port].bridge].append(each)
        self.way_out = {outside.bridge: outside.logical[0]}
        waiting = [outside.bridge]
        for bridge in waiting:
            for port in self._wires(bridge):
                far = self._far_end(port)
                if far.bridge not in self.way_out:
                    self.way_out[far.bridge] = far.logical[0]
                    waiting.append(far.bridge)

    def _wires(self, bridge: int) -> Iterator[PhysicalPort]:
        return (port for port in self._own[bridge] if port.to)

    def _far_end(self, port: PhysicalPort) -> PhysicalPort:
        assert port.joined is not None
        return self._ports[port.joined]

    def ports_of(self, bridge: int) -> Sequence[PhysicalPort]:
        """Return the ports of a bridge."""
        return self._own[bridge]

    def logical_of(self, bridge: int) -> Sequence[LogicalPort]:
        """Return the logical ports of a bridge."""
        return self._logical[bridge]

    def seen_from(self, own: LogicalPort, vlan: int) -> Iterator[tuple[LogicalPort, int]]:
        """Give where a broadcast comes in that came to a bridge in a VLAN: there, and at each bridge beyond it."""
        yield own, vlan
        if vlan not in own.vlans:
            return
        for port in self._wires(self._ports[own.port].bridge):
            (out,) = port.logical
            if out.number == own.number or vlan not in out.vlans:
                continue
            far = self._far_end(port)
            place = comes_in(far, 0 if vlan in out.untagged else vlan)
            if place is not None and place[1] in place[0].vlans:
                yield from self.seen_from(*place)
