"""The components whose loads the closed form adds up: servers with their adapters, the stations outside, extenders."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from hwmodel.analytic.mirrors import UPLINK
from hwmodel.config import servers_of, stations_in_use
from hwmodel.config.bridge import OUTSIDE
from hwmodel.config.extenders import way_up
from hwmodel.config.system import port_rate_bps
from hwmodel.errors import InputError

if TYPE_CHECKING:
    from hwmodel.config import Config
    from hwmodel.config.bridge import Bridge
    from hwmodel.config.station import Port
    from hwmodel.config.system import Server


@dataclass(frozen=True)
class System:
    """Hold the servers, by number, and the bridge at the other end of their wires, None where there is none.

    Behind the servers the stations outside have a number too, where there is a bridge, and then its port extenders,
    each with the wire that is its uplink.
    """

    servers: tuple[Server, ...]
    bridge: Bridge | None

    @classmethod
    def of(cls, config: Config) -> System:
        """Take a configuration apart; raise InputError for several bridges, which the closed form does not know."""
        if config.bridges:
            raise InputError("bridges: the closed form does not know several bridges; hwmodel run does")
        return cls(servers_of(config), config.bridge)

    @property
    def outside(self) -> int:
        """Give the number of the stations outside."""
        return len(self.servers)

    @property
    def n_parts(self) -> int:
        """Count the components: servers, and with a bridge the stations outside and the extenders."""
        return len(self.servers) + (self.bridge is not None) + len(self.extender_names)

    @cached_property
    def extender_names(self) -> tuple[str, ...]:
        """Give the names of the extenders, in the order of their numbers."""
        return () if self.bridge is None else tuple(self.bridge.extenders)

    def is_server(self, part: int) -> bool:
        """Tell whether a component is a server, with a configuration of its own."""
        return part < self.outside

    def is_extender(self, part: int) -> bool:
        """Tell whether a component is the uplink of an extender."""
        return part > self.outside

    @cached_property
    def _above(self) -> tuple[tuple[int, ...], ...]:
        if self.bridge is None:
            return ((),) * self.n_parts
        parents = {name: one.behind for name, one in self.bridge.extenders.items()}
        behind = [self.bridge.ports[self.port_name(part)].behind for part in range(self.outside + 1)]
        found = [way_up(one, parents) for one in (*behind, *parents.values())]
        return tuple(tuple(self._part_of(name) for name in one or ()) for one in found)

    def _part_of(self, extender: str) -> int:
        return self.outside + 1 + self.extender_names.index(extender)

    def above(self, part: int) -> tuple[int, ...]:
        """Give the extenders between a component and the bridge, the lowest first."""
        return self._above[part]

    def root(self, part: int) -> int:
        """Give the component whose wire is at the bridge itself, on the way to this one."""
        return (part, *self.above(part))[-1]

    def rates_at_bps(self, extender: int | None) -> list[int]:
        """Give the rates of all ports of an extender, by its number, or of the bridge itself (None)."""
        own = [] if extender is None else [extender]
        below = [part for part in range(self.n_parts) if list(self.above(part)[:1]) == own]
        return [self.rate_bps(part) for part in (*own, *below)]

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
        if self.is_extender(part):
            return self.extender_names[part - self.outside - 1]
        return OUTSIDE if part == self.outside else self.servers[part].port

    def wire_names(self, part: int) -> tuple[str, str]:
        """Give the names of a component's wire as a resource: towards the bridge, and from it."""
        port = f"bridge.{self.port_name(part)}"
        if self.is_server(part):
            return f"{self.prefix(part)}wire.tx", port
        return f"{port}.{UPLINK}" if self.is_extender(part) else f"{port} in", port

    def rate_bps(self, part: int) -> int:
        """Give the rate of a component's wire."""
        if self.is_server(part):
            return int(self.config(part).port.rate_bps)
        assert self.bridge is not None
        name = self.port_name(part)
        return int((self.bridge.extenders[name] if self.is_extender(part) else self.bridge.ports[name]).rate_bps)

    def place(self, name: str) -> tuple[int, str]:
        """Give the server of a station and what it is called there; "uplink" is with the stations outside."""
        if name == UPLINK:
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
