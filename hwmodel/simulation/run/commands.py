"""Changes of a configuration in mid-run, as commands to the machine's components.

What a change writes is what `refill` finds to differ, word by word; so a change at time 0 gives the same machine as
building it with the new configuration. Configurations that differ in what no command writes are refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from hwmodel.compiled.far_tables import WORD_BYTES, give
from hwmodel.config.in_operation import fixed_keys
from hwmodel.config.system import servers_of
from hwmodel.errors import InputError
from hwmodel.machine.commanded import run_commanded
from hwmodel.machine.engine import OBEY
from hwmodel.machine.first_decisions import decide_alone
from hwmodel.machine.time.commands import (
    COMMAND_CAP,
    DRIVER_WORK,
    FUNCTION_OFF,
    FUNCTION_ON,
    LINK,
    PLAIN,
    SOURCE,
    TABLE,
    VALUE_CAP,
    VLAN,
    WATCHED,
)
from hwmodel.simulation.fill.flow_book import Ends, flows_by_ledger
from hwmodel.simulation.fill.nic_state import function_of
from hwmodel.simulation.fill.pcie_trees import changed_weights
from hwmodel.simulation.fill.refill import Filled, Reach, Refilled, Rewritten, Servers
from hwmodel.units import format_time_fs

if TYPE_CHECKING:
    from hwmodel.config import Config, Server
    from hwmodel.config.message_time import DriverWork
    from hwmodel.simulation.run.machine import Machine
    from hwmodel.workload.traffic import Workload

Ints = npt.NDArray[np.int64]
TREES = -1  # in place of the number of a server or of the bridges: the PCIe trees, of which weights alone change
PIECEMEAL = frozenset({PLAIN, TABLE, VLAN, LINK})  # kinds of which a command writes only the words that differ


class Watch(NamedTuple):
    """Describe a watch: a function (`a.vf1`), a condition of `machine.adapter.watches`, and its target value.

    `number` identifies the watch when it comes true.
    """

    vm: str
    kind: int
    target: int
    number: int


class Change(NamedTuple):
    """Describe a change: from `at_fs` on a machine has another configuration, with some functions (`a.vf1`) off.

    `work`: what drivers do at `at_fs` beside handling frames. `watches`: those that begin then. `workload`: what the
    configuration offers, if it is not what the machine began with.
    """

    at_fs: int
    config: Config
    off: frozenset[str] = frozenset()
    work: tuple[DriverWork, ...] = ()
    watches: tuple[Watch, ...] = ()
    workload: Workload | None = None


def schedule(
    machine: Machine, first: Filled, seed: int, changes: Sequence[Change], build: Callable[[Change], Machine]
) -> list[Ends]:
    """Give an idle machine, filled with `first`, the commands of some changes, in the order of their times.

    Returns, for each ledger, the flows that it has by the tables of any change; `build` makes an idle machine, with the
    same seed, of what a change leads to. Raises InputError if a change affects something that is fixed while the
    machine runs, or if there are too many commands.
    """
    system, functions = machine.system, functions_of(servers_of(first.config))
    reach = None if system is None else Reach(system.system[0], system.bridges)
    records = [*machine.state, *(() if system is None else (system.bridges[0],))]
    refilled = Refilled(machine.state, reach, first, machine.stations, seed)
    in_order = sorted(changes, key=lambda one: one.at_fs)
    before = Change(0, first.config, first.off)
    anew: list[tuple[Change, list[_Command]]] = []  # by whose tables headers are decided on in another way
    for change in in_order:
        check(before.config, change)
        of_tables = []
        for one in refilled.become(Filled(change.config, change.workload or first.workload, change.off)):
            is_server = one.component < len(machine.state)
            for command in _commands(one, records[one.component].dtype, one.component if is_server else 0):
                _enter(records[one.component], change.at_fs, command)
                of_tables += [command] if command.kind in (TABLE, VLAN) else []
        for command in _of_functions(functions, before.off, change):
            _enter(records[command.component], change.at_fs, command)
        if change.config.multi_root != before.config.multi_root and machine.trees is not None:
            for number, n_bytes in changed_weights(before.config, change.config):
                weight = _Command(TREES, PLAIN, number, number, np.array([n_bytes], np.int64))
                _enter(machine.trees, change.at_fs, weight)
        anew += [(change, of_tables)] if of_tables else []
        before = change
    if reach is not None:
        reach.enter()
    if anew and system is None and in_order[0].at_fs > 0:
        decided = build(Change(0, first.config, first.off)).state
        return [_late_flows(decided, len(first.workload.templates), [commands for _, commands in anew])]
    others = _each_once(first, [change for change, _ in anew], in_order)
    return flows_by_ledger(build(change).ledgers() for change in others)


def _late_flows(state: Servers, n_headers: int, changes: Sequence[Sequence[_Command]]) -> Ends:
    """Return the flows that an adapter alone has by no tables but those of changes, which follow one after the other.

    `state`: that of an idle machine, which has decided on all headers by its first tables.
    """
    nic, numbers = state[0], np.arange(n_headers)
    n_first = int(nic.ledger.directory.n)
    for commands in changes:
        for command in commands:
            _enter(nic, 0, command)
        obey_first(state)
        decide_alone(state, numbers)
    ends = nic["ledger"]["directory"]["ends"][n_first : int(nic.ledger.directory.n)]
    return ends["sender"].astype(np.int64), ends["receiver"].astype(np.int64)


def obey_first(servers: Servers) -> None:
    """Carry out the servers' commands for time 0, before any forwarding decision."""
    for number, nic in enumerate(servers):
        if int(nic.commands.tail) > 0:
            run_commanded(servers, number, 0, 0, OBEY)


def _each_once(first: Filled, changes: Sequence[Change], in_order: Sequence[Change]) -> Iterator[Change]:
    """Yield the changes that lead to different machines, each once, other than the one that a run begins with.

    Last comes that one, if it comes again after a change at time 0 had replaced it.
    """
    begins, found = (first.config.model_dump_json(), first.off), set()
    comes_again = False
    for change in changes:
        known = change.config.model_dump_json(), change.off
        if known == begins:
            comes_again |= in_order[0].at_fs == 0
        elif known not in found:
            found.add(known)
            yield change
    if comes_again:
        yield Change(0, first.config, first.off)


class Function(NamedTuple):
    """Say where a function is: at which server, of which number."""

    server: int
    number: int


def functions_of(servers: Iterable[Server]) -> dict[str, Function]:
    """Return where each function of some servers is, by its name (`a.vf1`)."""
    return {
        server.station(port.name): Function(at, function_of(port.number))
        for at, server in enumerate(servers)
        for port in server.config.switch.ports
    }


def _of_functions(functions: Mapping[str, Function], off: frozenset[str], change: Change) -> Iterator[_Command]:
    """Yield the commands of a change that concern functions; `off`: the functions that are off before it.

    First the functions that go off or come up, in the order of their numbers; then the drivers' work beside frames;
    then the watches that begin.
    """
    nothing = np.zeros(0, np.int64)
    for function, is_off in sorted((functions[name], name in change.off) for name in off ^ change.off):
        yield _Command(function.server, FUNCTION_OFF if is_off else FUNCTION_ON, function.number, 0, nothing)
    for each in change.work:
        function, values = functions[each.function], (each.core_fs, each.n_reads, each.n_writes)
        yield _Command(function.server, DRIVER_WORK, function.number, 0, np.array(values, np.int64))
    for watch in change.watches:
        function, values = functions[watch.vm], (watch.kind, watch.target, watch.number)
        yield _Command(function.server, WATCHED, function.number, 0, np.array(values, np.int64))


class _Command(NamedTuple):
    """Hold a command without its time."""

    component: int
    kind: int
    part: int
    word: int
    values: Ints


def _commands(one: Rewritten, record: np.dtype[Any], number: int) -> Iterator[_Command]:
    """Give the commands that rewrite a region's words; `record`: the component's, the `number`-th of its kind."""
    kind, differs = one.region.kind, one.was != one.will_be
    places = one.region.places(record) + number * record.itemsize // WORD_BYTES
    for row in np.flatnonzero(differs.any(axis=1)).tolist():
        columns = np.flatnonzero(differs[row]) if kind in PIECEMEAL else np.arange(differs.shape[1])
        gaps = np.flatnonzero(np.diff(places[row, columns]) != 1) + 1
        for run in np.split(columns, gaps):
            yield _Command(one.component, kind, row, int(places[row, run[0]]), one.will_be[row, run])


def _enter(record: Any, at_fs: int, command: _Command) -> None:
    """Put a command into its component's ring; a source's parameters go into `traffic.changed`, by the same index."""
    commands = record.commands
    if command.kind == SOURCE:
        changed = _with_room(record.traffic.changed, int(commands.tail) + 1)[int(commands.tail) :]
        changed.view(np.int64)[: len(command.values)] = command.values
        command = command._replace(values=command.values[:0])
    at, first, n = int(commands.tail), int(commands.n_values), len(command.values)
    if at == COMMAND_CAP or first + n > VALUE_CAP:
        most = f"{COMMAND_CAP:,} changes at one adapter or bridge, or {VALUE_CAP:,} values"
        raise InputError(
            f"scenario: events, messages and doorbells of floods make more than {most}; have fewer of them"
        )
    _with_room(commands.ring, at + 1)[at] = (at_fs, command.kind, command.part, command.word, n, first)
    _with_room(commands.value, first + n)[first:] = command.values
    commands.tail, commands.n_values = at + 1, first + n


def _with_room(table: Any, n: int) -> Any:
    """Return the first `n` items of a table, which is made longer in large steps."""
    if n > len(table):
        give(table, min(2 * n, table.most))
    return table[:n]


def check(before: Config, change: Change) -> None:
    """Raise InputError, a line for each key, if a change affects something that is fixed while the machine runs."""
    keys = fixed_keys(before, change.config)
    if keys:
        at = format_time_fs(change.at_fs)
        raise InputError([f"{key}: fixed while the machine runs; the change at {at} has another" for key in keys])
