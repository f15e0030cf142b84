"""What a trace looks at: servers and the bridge between them, and how to come to the next instant of all of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hwmodel.compiled.records import NEVER
from hwmodel.config import buses_of
from hwmodel.config.names import UPLINK
from hwmodel.config.system import Server as Named
from hwmodel.machine.counts.ledger_state import DONE, EVENTS_SPENT
from hwmodel.machine.network.bridge_state import NOBODY
from hwmodel.simulation.bridge_ports import PhysicalPort

if TYPE_CHECKING:
    from hwmodel.config import Config, PcieSwitch, SharedBus
    from hwmodel.functions.message_time import DriverWork
    from hwmodel.simulation.machine import Machine
    from hwmodel.workload import Workload

# Moves the machine to a time, by at most so many events; returns the kernel's status.
Advance = Callable[[int, int], int]


@dataclass(frozen=True)
class TracedServer:
    """Hold a server's name, empty where it has none, with its configuration and its record."""

    name: str
    config: Config
    nic: Any

    @property
    def prefix(self) -> str:
        """Return what stands before the names of its stations."""
        return Named(self.name, self.config).prefix


@dataclass(frozen=True)
class Stage:
    """Hold the servers; the bridge's record and its ports, None and none where there is no bridge.

    `senders`: for each template of the workload the number of the server whose station sends it, `NOBODY` for those
    outside; empty where there is no bridge, and one server sends all. `work`: what drivers do beside frames.
    `switches`: PCIe switches between adapters and hosts. `buses`: those that adapters stand on.
    """

    servers: tuple[TracedServer, ...]
    system: Any = None
    bridge: Any = None
    ports: Sequence[PhysicalPort] = ()
    senders: tuple[int, ...] = ()
    work: Sequence[DriverWork] = ()
    switches: Sequence[PcieSwitch] = ()
    buses: Sequence[SharedBus] = ()

    @property
    def trees(self) -> Any:
        """Return the record of PCIe switches, None where there is one server alone."""
        return None if self.system is None else self.system[0].trees

    @property
    def now_fs(self) -> int:
        """Return the time that all have come to."""
        return int(self.servers[0].nic.clock.now_fs)

    def next_fs(self) -> int:
        """Return when the next thing happens, in whatever server or in the bridge; `NEVER` if nothing does."""
        if self.bridge is None:
            nic = self.servers[0].nic
            return min(int(nic["clock"]["next_at"].min()), _next_command_fs(nic.commands))
        system = self.system[0]
        at_fs = min(
            int(system["server"]["next_fs"][: len(self.servers)].min()),
            int(system["bridge"]["next_fs"][: int(system.n_bridges)].min()),
        )
        if self.switches:
            at_fs = min(at_fs, int(system.trees.next_fs))
        if int(system.buses.n_buses):
            at_fs = min(at_fs, int(system.buses.next_fs))
        is_amid = any(nic.moves_due or nic.reads_due or nic.traffic.n_hungry for nic in self.nics)
        return min(at_fs, self.now_fs) if is_amid else at_fs

    def step(self, limit_fs: int, kernel: Advance) -> int:
        """Let all of the next instant happen, if it is not behind `limit_fs`; return the kernel's status."""
        at_fs = self.next_fs()
        status = kernel(min(limit_fs, at_fs), 1 if self.bridge is None else NEVER)
        return EVENTS_SPENT if status == DONE and at_fs <= limit_fs else status

    @property
    def ledgers(self) -> list[Any]:
        """Return where journeys end: at the servers, then at the bridge for stations outside."""
        own = [nic.ledger for nic in self.nics]
        return own if self.bridge is None else [*own, self.bridge.ledger]

    @property
    def nics(self) -> list[Any]:
        """Return the servers' records."""
        return [server.nic for server in self.servers]


def _next_command_fs(commands: Any) -> int:
    at = int(commands.head)
    return NEVER if at == int(commands.tail) else int(commands["ring"][at]["at_fs"])


def stage_of(machine: Machine, workload: Workload, work: Sequence[DriverWork] = ()) -> Stage:
    """Return what a trace of a machine looks at; `work`: what drivers do beside frames."""
    servers = tuple(TracedServer(each.name, each.config, each.nic) for each in machine.servers)
    buses = buses_of(Named(each.name, each.config) for each in machine.servers)
    if machine.system is None:
        return Stage(servers, work=work, buses=buses)
    at = {name: number for number, each in enumerate(machine.system.books) for name in each.port_numbers}
    at[UPLINK] = NOBODY
    return Stage(
        servers, machine.system.system, machine.system.bridges[0], machine.system.ports,
        tuple(at[template.source] for template in workload.templates), work, machine.system.pcie_switches, buses,
    )  # fmt: skip
