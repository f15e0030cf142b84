"""What a trace observes: servers and the bridge between them, stepped together from instant to instant."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from hwmodel.agents.drivers import Kept
from hwmodel.compiled.records import NEVER
from hwmodel.config.names import UPLINK
from hwmodel.machine.counts.ledger_state import DONE, EVENTS_SPENT
from hwmodel.machine.network.bridge_state import NOBODY
from hwmodel.simulation.run.machine import Machine
from hwmodel.workload import Workload

# Moves the machine to a time, by at most so many events; returns the kernel's status.
Advance = Callable[[int, int], int]


@dataclass(frozen=True)
class Stage:
    """Hold a machine that is traced.

    `senders`: for each template of the workload, the number of the sending server, `NOBODY` for stations outside; empty
    without a bridge, when one server sends all. `messages`: what drivers of PFs have done for messages; as the run goes
    on it becomes more.
    """

    machine: Machine
    senders: tuple[int, ...] = ()
    messages: Sequence[Kept] = ()

    def next_fs(self) -> int:
        """Return the time of the next event at any server, bridge, switch or bus; `NEVER` if there is none."""
        if self.machine.system is None:
            nic = self.machine.servers[0].nic
            return min(
                int(nic["clock"]["next_at"].min()),
                _next_command_fs(nic.commands),
                _next_job_fs(nic.jobs),
                self.machine.schedule.next_fs(),
            )
        system = self.machine.system.system[0]
        at_fs = min(
            int(system["server"]["next_fs"][: int(system.n_servers)].min()),
            int(system["bridge"]["next_fs"][: int(system.n_bridges)].min()),
            int(system.trees.next_fs),
            int(system.buses.next_fs),
            self.machine.schedule.next_fs(),
        )
        is_amid = any(nic.moves_due or nic.reads_due or nic.traffic.n_hungry for nic in self.machine.state)
        return min(at_fs, self.machine.now_fs) if is_amid else at_fs

    def step(self, limit_fs: int, kernel: Advance) -> int:
        """Run the whole next instant, if it is not later than `limit_fs`; return the kernel's status."""
        at_fs = self.next_fs()
        status = kernel(min(limit_fs, at_fs), 1 if self.machine.system is None else NEVER)
        return EVENTS_SPENT if status == DONE and at_fs <= limit_fs else status


def _next_command_fs(commands: Any) -> int:
    at = int(commands.head)
    return NEVER if at == int(commands.tail) else int(commands["ring"][at]["at_fs"])


def _next_job_fs(jobs: Any) -> int:
    return int(jobs.due[0]["at_fs"]) if int(jobs.n_due) else NEVER


def stage_of(machine: Machine, workload: Workload, messages: Sequence[Kept] = ()) -> Stage:
    """Return the stage for tracing a machine; `messages`: as in `Stage`."""
    if machine.system is None:
        return Stage(machine, messages=messages)
    at = {name: number for number, each in enumerate(machine.servers) for name in each.book.port_numbers}
    at[UPLINK] = NOBODY
    return Stage(machine, tuple(at[template.source] for template in workload.templates), messages)
