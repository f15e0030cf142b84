"""What a run runs: one adapter alone, or servers and the bridge between them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from hwmodel.kernels import engine, layout
from hwmodel.simulation.flow_book import FlowBook
from hwmodel.simulation.kernel_cache import RUN_ENTRIES, SYSTEM_ENTRIES
from hwmodel.simulation.nic_state import Nic, State, build_state
from hwmodel.simulation.system_state import SystemState, build_system
from hwmodel.simulation.workload_state import fill_workload
from hwmodel.workload.traffic import Workload

if TYPE_CHECKING:
    from hwmodel.config import Config


@dataclass(frozen=True)
class Server:
    """Hold one server of a machine: its name ("" where there is one alone), configuration, record and names."""

    name: str
    config: Config
    nic: Nic
    book: FlowBook

    @property
    def prefix(self) -> str:
        """Return what stands before the names of its ports."""
        return f"{self.name}." if self.name else ""


def entries_of(config: Config) -> tuple[str, ...]:
    """Return the entry points that a run of a configuration needs."""
    return RUN_ENTRIES if config.bridge is None else SYSTEM_ENTRIES


class Machine:
    """Hold the state of all that a run simulates; `system` is None for one adapter alone."""

    def __init__(self, config: Config, workload: Workload, seed: int) -> None:
        self.system: SystemState | None = None
        if config.bridge is None:
            self.state: State = build_state(config, seed)
            self.book = fill_workload(self.state[0], config, workload, seed)
            self.servers: tuple[Server, ...] = (Server("", config, self.state[0], self.book),)
            return
        self.system = system = build_system(config, workload, seed)
        self.state, self.book = system.servers, system.book
        self.servers = tuple(
            Server(name, part, nic, replace(self.book, port_numbers=adapter.numbers))
            for name, part, nic, adapter in zip(
                system.names, system.configs, system.servers, system.topology.adapters, strict=True
            )
        )

    @property
    def is_alone(self) -> bool:
        """Tell whether there is one server, whose every event a run may end behind."""
        return len(self.servers) == 1

    @property
    def now_fs(self) -> int:
        """Return the time that all have come to."""
        return int(self.servers[0].nic.clock.now_fs)

    @now_fs.setter
    def now_fs(self, now_fs: int) -> None:
        for server in self.servers:
            server.nic.clock.now_fs = now_fs

    def count(self, name: str) -> int:
        """Return a counter of all servers together, and of the stations outside."""
        return sum(int(ledger.counters[name]) for ledger in self.ledgers())

    def ledgers(self) -> list[Any]:
        """Return where deliveries are counted: at each server, and at the bridge for those outside."""
        own = [server.nic.ledger for server in self.servers]
        return own if self.system is None else [*own, self.system.bridges[0].ledger]

    def advance(self, until_fs: int, n_events: int) -> int:
        """Let it run to a time or through so many events; return why it stopped (`layout.DONE`, ...)."""
        if self.system is not None:
            return self.system.advance(until_fs, n_events)
        return int(engine.run(self.state, until_fs, n_events))

    def stop_at(self, delivered: int) -> None:
        """Let a run end behind the delivery that makes so many frames; one with several servers ends at times alone."""
        self.servers[0].nic.ledger.delivered_target = delivered if self.is_alone else layout.NEVER
