"""The components whose loads the closed form adds up: each server with its adapter, and the stations outside."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from hwmodel.analytic.mirrors import UPLINK
from hwmodel.config import servers_of, stations_in_use
from hwmodel.config.bridge import OUTSIDE
from hwmodel.config.system import port_rate_bps

if TYPE_CHECKING:
    from hwmodel.config import Config
    from hwmodel.config.bridge import Bridge
    from hwmodel.config.station import Port
    from hwmodel.config.system import Server


@dataclass(frozen=True)
class System:
    """Hold the servers, by number, and the bridge at the other end of their wires, None where there is none.

    Behind the servers the stations outside have a number too, where there is a bridge.
    """

    servers: tuple[Server, ...]
    bridge: Bridge | None

    @classmethod
    def of(cls, config: Config) -> System:
        """Take a configuration apart."""
        return cls(servers_of(config), config.bridge)

    @property
    def outside(self) -> int:
        """Give the number of the stations outside."""
        return len(self.servers)

    @property
    def n_parts(self) -> int:
        """Count the components: servers, and with a bridge the stations outside."""
        return len(self.servers) + (self.bridge is not None)

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
        """Give the name of the bridge's port at which a component is."""
        return OUTSIDE if part == self.outside else self.servers[part].port

    def rate_bps(self, part: int) -> int:
        """Give the rate of the wire between a component and the bridge."""
        if part == self.outside:
            assert self.bridge is not None
            return int(self.bridge.ports[OUTSIDE].rate_bps)
        return int(self.config(part).port.rate_bps)

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
