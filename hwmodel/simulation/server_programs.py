"""Which compiled programs run a server: the engine's, and around it that of commands where there are any."""

from __future__ import annotations

from functools import cache
from typing import Any

from hwmodel.compiled.programs import address_of
from hwmodel.machine.commanded import run_commanded
from hwmodel.machine.engine import OBEY, WHOLE, run
from hwmodel.simulation.kernel_cache import COMMANDS, ENGINE
from hwmodel.simulation.nic_state import State


def have_commands(servers: State) -> bool:
    """Tell whether a server has, or had, something to change in mid-run."""
    return any(int(nic.commands.tail) > 0 for nic in servers)


def obey_first(servers: State) -> None:
    """Carry out what servers are commanded for time 0, before anything is decided on headers."""
    for number, nic in enumerate(servers):
        if int(nic.commands.tail) > 0:
            run_commanded(servers, number, 0, 0, OBEY, 0)


def run_alone(servers: State, until_fs: int, n_events: int) -> int:
    """Run the first of `servers`, which has no commands, as `engine.run` says; return why it stopped."""
    return int(run(servers, 0, until_fs, n_events, WHOLE, 0))


def run_alone_commanded(servers: State, until_fs: int, n_events: int) -> int:
    """Do the same with a server that has commands."""
    return int(run_commanded(servers, 0, until_fs, n_events, WHOLE, _address(ENGINE, run)))


def programs_of(servers: State) -> tuple[Any, Any]:
    """Return the address of what runs each of several servers, and of the program that this calls (0: none)."""
    engine = _address(ENGINE, run)
    return (_address(COMMANDS, run_commanded), engine) if have_commands(servers) else (engine, 0)


@cache
def _address(entry: str, program: Any) -> Any:
    """Return a program's address, once it is in memory."""
    from hwmodel.simulation.compile_entry import compile_entry

    compile_entry(entry)
    return address_of(program)
