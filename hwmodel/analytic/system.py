"""The components whose loads the closed form adds up: servers, stations outside, extenders, wires between bridges."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from hwmodel.analytic.routes import UPLINK
from hwmodel.config import bridges_of, servers_of, stations_in_use, switches_of
from hwmodel.config.bridge import OUTSIDE, way_up
from hwmodel.config.names import is_uplink
from hwmodel.config.system import port_rate_bps

if TYPE_CHECKING:
    from hwmodel.config import Config, NamedBridge, PcieSwitch
    from hwmodel.config.bridge import Bridge, Extender
    from hwmodel.config.switch import Port
    from hwmodel.config.system import Server


@dataclass(frozen=True)
class Trunk:
    """Hold a wire between two bridges, by their numbers, and its port at each; `upper` is the one nearer to the first.

    Towards the upper bridge is up.
    """

    upper: int
    upper_port: str
    lower: int
    lower_port: str


@dataclass(frozen=True)
class System:
    """Hold the servers, by number, the bridges at the other ends of their wires, and PCIe switches, if there are any.

    Behind the servers the stations outside have a number too, where there is a bridge, then all port extenders, each
    with the wire that is its uplink, and then the wires between bridges.
    """

    servers: tuple[Server, ...]
    bridges: tuple[NamedBridge, ...] = ()
    pcie_switches: tuple[PcieSwitch, ...] = ()

    @classmethod
    def of(cls, config: Config) -> System:
        """Take a configuration apart."""
        return cls(servers_of(config), bridges_of(config), switches_of(config))

    @property
    def only_bridge(self) -> Bridge | None:
        """Give the settings of the bridge where there is one, None where there is none or several."""
        return self.bridges[0].settings if len(self.bridges) == 1 else None

    @property
    def outside(self) -> int:
        """Give the number of the stations outside."""
        return len(self.servers)

    @cached_property
    def n_parts(self) -> int:
        """Count the components: servers, and with bridges the stations outside, extenders, wires between bridges."""
        return len(self.servers) + bool(self.bridges) + len(self._extenders) + len(self.trunks)

    @cached_property
    def _extenders(self) -> tuple[tuple[int, str], ...]:
        """Give the bridge and the name of each extender, in the order of their numbers."""
        return tuple((at, name) for at, bridge in enumerate(self.bridges) for name in bridge.settings.extenders)

    @cached_property
    def trunks(self) -> tuple[Trunk, ...]:
        """Give the wires between bridges, in the order of their numbers, each behind the one that is above it."""
        numbers = {bridge.name: at for at, bridge in enumerate(self.bridges)}
        found: list[Trunk] = []
        seen, to_do = {0}, deque([0] if self.bridges else [])
        while to_do:
            upper = to_do.popleft()
            for name, port in self.bridges[upper].wires.items():
                other, _, other_port = str(port.to).rpartition(".")
                lower = numbers[other]
                if lower not in seen:
                    found.append(Trunk(upper, name, lower, other_port))
                    seen.add(lower)
                    to_do.append(lower)
        return tuple(found)

    def is_behind_switch(self, part: int) -> bool:
        """Tell whether PCIe switches stand between a server's adapter and its host."""
        return any(part in one.members for one in self.pcie_switches)

    def is_server(self, part: int) -> bool:
        """Tell whether a component is a server, with a configuration of its own."""
        return part < self.outside

    def is_extender(self, part: int) -> bool:
        """Tell whether a component is the uplink of an extender."""
        return self.outside < part <= self.outside + len(self._extenders)

    def trunk(self, part: int) -> Trunk | None:
        """Give the wire between bridges that a component is, None for another."""
        at = part - self.outside - 1 - len(self._extenders)
        return self.trunks[at] if at >= 0 else None

    def part_of_trunk(self, trunk: Trunk) -> int:
        """Give the number of a wire between bridges."""
        return self.outside + 1 + len(self._extenders) + self.trunks.index(trunk)

    def extender(self, part: int) -> Extender:
        """Give the settings of an extender."""
        bridge, name = self._extenders[part - self.outside - 1]
        return self.bridges[bridge].settings.extenders[name]

    @cached_property
    def _bridge_at(self) -> tuple[int, ...]:
        owners = {name: at for at, bridge in enumerate(self.bridges) for name in bridge.settings.ports}
        ends = [owners[server.port] for server in self.servers]
        return (*ends, owners[OUTSIDE], *(at for at, _ in self._extenders), *(one.upper for one in self.trunks))

    def bridge_at(self, part: int) -> int:
        """Give the bridge to which a component's wire leads, over extenders or not, upwards."""
        return self._bridge_at[part]

    @cached_property
    def _above(self) -> tuple[tuple[int, ...], ...]:
        if not self.bridges:
            return ((),) * self.n_parts
        found = []
        for part in range(self.n_parts):
            bridge = self.bridges[self.bridge_at(part)].settings
            name = self.port_name(part)
            own = bridge.extenders[name].behind if self.is_extender(part) else bridge.ports[name].behind
            names = way_up(own, {each: one.behind for each, one in bridge.extenders.items()}) or ()
            found.append(tuple(self._part_of(self.bridge_at(part), each) for each in names))
        return tuple(found)

    def _part_of(self, bridge: int, extender: str) -> int:
        return self.outside + 1 + self._extenders.index((bridge, extender))

    def above(self, part: int) -> tuple[int, ...]:
        """Give the extenders between a component and its bridge, the lowest first."""
        return self._above[part]

    def root(self, part: int) -> int:
        """Give the component whose wire is at the bridge itself, on the way to this one."""
        return (part, *self.above(part))[-1]

    @cached_property
    def _trunk_above(self) -> tuple[int | None, ...]:
        """Give the wire by which each bridge hangs on the one above it."""
        parts = {trunk.lower: self.part_of_trunk(trunk) for trunk in self.trunks}
        return tuple(parts.get(bridge) for bridge in range(len(self.bridges)))

    def depth(self, part: int) -> int:
        """Count the wires between the upper end of a component's wire and the first bridge."""
        above = self._trunk_above[self.bridge_at(part)]
        return len(self.above(part)) + (0 if above is None else 1 + self.depth(above))

    def trunks_between(self, bridge: int, other: int) -> list[tuple[int, bool]]:
        """Give the wires from one bridge to another, in their order, each with whether it is taken upwards."""

        def way_up(number: int) -> list[tuple[int, int]]:
            above = self._trunk_above[number]
            return [(number, -1)] if above is None else [(number, above), *way_up(self.bridge_at(above))]

        up, down = way_up(bridge), way_up(other)
        passed = {number for number, _ in down}
        n_up = next(n for n, (number, _) in enumerate(up) if number in passed)
        n_down = [number for number, _ in down].index(up[n_up][0])
        return [(part, True) for _, part in up[:n_up]] + [(part, False) for _, part in reversed(down[:n_down])]

    def towards(self, bridge: int, other: int) -> int:
        """Give the wire by which frames leave a bridge for another, or for the stations outside at it."""
        return next((part for part, _ in self.trunks_between(bridge, other)), self.outside)

    def device_above(self, part: int) -> tuple[int, int | None]:
        """Give what a component's wire leads to, upwards: a bridge, and its extender or None."""
        return self.bridge_at(part), next(iter(self.above(part)), None)

    def device_below(self, part: int) -> tuple[int, int | None]:
        """Give what the wire of an extender, or between bridges, leads to, downwards, as `device_above` does."""
        trunk = self.trunk(part)
        return (self.bridge_at(part), part) if trunk is None else (trunk.lower, None)

    def rates_at_bps(self, device: tuple[int, int | None]) -> list[int]:
        """Give the rates of all ports of a bridge (by its number, and None), or of an extender of it."""
        bridge, extender = device
        own = [self._trunk_above[bridge] if extender is None else extender]
        below = [part for part in range(self.n_parts) if self.device_above(part) == device]
        return [self.rate_bps(part) for part in (*own, *below) if part is not None]

    @cached_property
    def vm_names(self) -> tuple[str, ...]:
        """Give the names of the VFs in use, in the order of servers and ports."""
        return tuple(stations_in_use(self.servers))

    @cached_property
    def server_names(self) -> tuple[str, ...]:
        """Give the servers' names, in order."""
        return tuple(server.name for server in self.servers)

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {name: number for number, name in enumerate(self.server_names)}

    @property
    def port_rate_bps(self) -> int:
        """Give the rate of all adapters' ports together."""
        return port_rate_bps(self.servers)

    def config(self, part: int) -> Config:
        """Give what holds for one server."""
        return self.servers[part].config

    def prefix(self, part: int) -> str:
        """Give what stands before the names of a server's resources."""
        return self.servers[part].prefix

    def port_name(self, part: int) -> str:
        """Give the name of the port at the upper end of a component's wire."""
        trunk = self.trunk(part)
        if trunk is not None:
            return trunk.upper_port
        if self.is_extender(part):
            return self._extenders[part - self.outside - 1][1]
        return OUTSIDE if part == self.outside else self.servers[part].port

    def wire_names(self, part: int) -> tuple[str, str]:
        """Give the names of a component's wire as a resource: towards the bridge, and from it."""
        port, trunk = f"{self.bridges[self.bridge_at(part)].name}.{self.port_name(part)}", self.trunk(part)
        if trunk is not None:
            return f"{self.bridges[trunk.lower].name}.{trunk.lower_port}", port
        if self.is_server(part):
            return f"{self.prefix(part)}wire.tx", port
        return f"{port}.{UPLINK}" if self.is_extender(part) else f"{port} in", port

    def rate_bps(self, part: int) -> int:
        """Give the rate of a component's wire."""
        if self.is_server(part):
            return int(self.config(part).port.rate_bps)
        if self.is_extender(part):
            return int(self.extender(part).rate_bps)
        return int(self.bridges[self.bridge_at(part)].settings.ports[self.port_name(part)].rate_bps)

    def propagation_fs(self, part: int) -> int:
        """Give the propagation of a component's wire."""
        bridge = self.bridges[self.bridge_at(part)]
        return bridge.settings.propagation_fs if self.is_extender(part) else bridge.propagation_fs(self.port_name(part))

    def place(self, name: str) -> tuple[int, str]:
        """Give the server of a station and what it is called there; "uplink" is with the stations outside."""
        if is_uplink(name):
            return self.outside, UPLINK
        server, _, local = name.rpartition(".")
        return self._numbers[server], local

    def station(self, part: int, local: str) -> str:
        """Give the name in the system of a server's station."""
        return self.servers[part].station(local)

    def port(self, name: str) -> Port:
        """Give what the switch knows of a station; KeyError where there is none such."""
        part, local = self.place(name)
        for port in self.config(part).switch.ports:
            if port.name == local:
                return port
        raise KeyError(name)
