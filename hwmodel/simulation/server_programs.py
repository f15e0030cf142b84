"""Run a single server with the engine's kernel or, if something changes in mid-run, with the one for commands."""

from __future__ import annotations

from hwmodel.machine.commanded import run_commanded
from hwmodel.machine.engine import OBEY, WHOLE, run
from hwmodel.simulation.nic_state import State


def have_commands(servers: State) -> bool:
    """Tell whether a server has, or had, something to change in mid-run."""
    return any(int(nic.commands.tail) > 0 for nic in servers)


def obey_first(servers: State) -> None:
    """Carry out the servers' commands for time 0, before any forwarding decision."""
    for number, nic in enumerate(servers):
        if int(nic.commands.tail) > 0:
            run_commanded(servers, number, 0, 0, OBEY)


def run_alone(servers: State, until_fs: int, n_events: int) -> int:
    """Run the first of `servers`, which has no commands, as `engine.run` says; return why it stopped."""
    return int(run(servers, 0, until_fs, n_events, WHOLE))


def run_alone_commanded(servers: State, until_fs: int, n_events: int) -> int:
    """Do the same with a server that has commands."""
    return int(run_commanded(servers, 0, until_fs, n_events, WHOLE))
