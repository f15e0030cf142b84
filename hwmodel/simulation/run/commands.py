"""Changes of a configuration in mid-run, as commands to the machine's components.

What a change writes is what `refill` finds to differ, word by word; so a change at time 0 gives the same machine as
building it with the new configuration. Configurations that differ in what no command writes are refused.
"""

from __future__ import annotations

import ctypes
from bisect import insort_left
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain, pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from hwmodel.compiled.far_tables import WORD_BYTES, address_of, give
from hwmodel.compiled.records import NEVER, offset_of
from hwmodel.config import Config, Vm
from hwmodel.config.in_operation import fixed_keys
from hwmodel.config.model import Changed
from hwmodel.config.system import servers_of
from hwmodel.config.vms import vms_of
from hwmodel.errors import InputError
from hwmodel.machine.commanded import run_commanded
from hwmodel.machine.counts.heard import OUTSIDE
from hwmodel.machine.engine import OBEY
from hwmodel.machine.time.commands import (
    COMMAND_CAP,
    COMMANDS,
    DRIVER_JOB,
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
from hwmodel.rules.driver_jobs import JobStep
from hwmodel.simulation.fill.pcie_trees import changed_weights
from hwmodel.simulation.fill.refill import Filled, Reach, Refilled, Rewritten, Servers, places
from hwmodel.units import format_time_fs
from hwmodel.workload.traffic import Workload

if TYPE_CHECKING:
    from hwmodel.simulation.run.machine import Machine

Ints = npt.NDArray[np.int64]
TREES = -1  # in place of the number of a server or of the bridges: the PCIe trees, the last, whose weights change
PIECEMEAL = frozenset({PLAIN, TABLE, VLAN, LINK})  # kinds of which a command writes only the words that differ


class Watch(NamedTuple):
    """Describe a watch: a function at whose server it is (`a.vf1`), and the values of its command (`watched_words`).

    `number` identifies the watch when it comes true.
    """

    at: str
    values: tuple[int, ...]
    number: int


class Job(NamedTuple):
    """Describe a job of a function's driver, or of an agent on its core: steps from an instant on (docs/engine.md).

    `tells`: which of its ends are told, a bit for each. `raises`: the function whose interrupt the adapter raises as
    the last write arrives, None: nobody's.
    """

    function: str
    number: int
    from_fs: int
    tells: int
    raises: str | None
    steps: tuple[JobStep, ...]

    @classmethod
    def telling(
        cls, function: str, number: int, from_fs: int, told: Sequence[int], raises: str, steps: Sequence[JobStep]
    ) -> Job:
        """Return a job with the ends that are `told`; `raises` is empty for nobody's."""
        return cls(function, number, from_fs, sum(1 << each for each in told), raises or None, tuple(steps))

    def values(self, vms: Mapping[str, Vm]) -> Ints:
        """Return the values of its command."""
        raises = -1 if self.raises is None else vms[self.raises].function
        return np.array((self.number, self.from_fs, self.tells, raises, *chain(*self.steps)), np.int64)


class Asked(NamedTuple):
    """Describe what an agent asks: a command's kind and its values.

    `of`: a function (`a.vf1`), the number of a bridge's port, or the uplink of an only adapter, of a bond's neighbour.
    """

    of: str | int
    kind: int
    values: tuple[int, ...]


class Change(NamedTuple):
    """Describe a change: from `at_fs` on a machine has another configuration, with some functions (`a.vf1`) off.

    `watches`: those that begin at `at_fs`. `workload`: what the configuration offers, if it is not what the machine
    began with. `jobs`: of drivers and agents, which begin then. `asked`: frames that agents listen for from then on, or
    send. `changed`: in which keys the configuration differs from the one before it, which then may all change in
    operation; None: that is found by comparison.
    """

    at_fs: int
    config: Config
    off: frozenset[str] = frozenset()
    watches: tuple[Watch, ...] = ()
    workload: Workload | None = None
    jobs: tuple[Job, ...] = ()
    asked: tuple[Asked, ...] = ()
    changed: Changed | None = None

    def then(
        self, at_fs: int, *, watches: tuple[Watch, ...] = (), jobs: tuple[Job, ...] = (), asked: tuple[Asked, ...] = ()
    ) -> Change:
        """Return a change that leaves the configuration as it is from this one on."""
        return self._replace(at_fs=at_fs, watches=watches, jobs=jobs, asked=asked, changed=NOTHING)


NOTHING = Changed()


Make = Callable[[Change], Change]
"""What becomes of the change that is in force, from a later instant on."""


class _ToCome(NamedTuple):
    """Hold when a change is to be made of the one in force then, and how; `may_come_again`: as agents' do."""

    at_fs: int
    make: Make
    may_come_again: bool


class Schedule:
    """Enter the commands of changes into a machine, which is filled with `first`: of each before its instant comes.

    Raises InputError if one affects something that is fixed while the machine runs.
    """

    def __init__(self, machine: Machine, first: Filled, seed: int, changes: Sequence[Change]) -> None:
        system = machine.system
        reach = None if system is None else Reach(system.system[0], system.bridges)
        self._system = None if system is None else system.system[0]
        self._servers, self._trees = len(machine.state), machine.trees
        self._records = [*machine.state, *(() if system is None else (system.bridges[0],))]
        self._rings = [_Ring(record) for record in (*self._records, *(() if self._trees is None else (self._trees,)))]
        self._refilled = Refilled(machine.state, reach, first, machine.stations, seed)
        self._vms, self._workload = vms_of(servers_of(first.config)), first.workload
        self._now = Change(0, first.config, first.off)
        self._to_come: list[_ToCome] = []  # the next one last
        self._known: dict[
            tuple[int, int], list[_Command]
        ] = {}  # what rewrites one of agents' configurations as another
        self._is_behind = False  # what is filled again: it is of a change before the last
        for before, change in pairwise([self._now, *sorted(changes, key=lambda one: one.at_fs)]):
            if change.changed is None:
                check(before.config, change)
            self.add(change.at_fs, lambda _, change=change: change)  # type: ignore[misc]

    def add(self, at_fs: int, make: Make, *, may_come_again: bool = False) -> None:
        """Have one more change, behind all those of its instant; what it is follows from what is in force then."""
        insort_left(self._to_come, _ToCome(at_fs, make, may_come_again), key=lambda one: -one.at_fs)

    def next_fs(self) -> int:
        """Return when the next change is that is not entered yet."""
        return self._to_come[-1].at_fs if self._to_come else NEVER

    def enter(self, at_fs: int) -> None:
        """Enter the commands of the changes up to an instant, before which all components stand.

        Raises InputError if there are too many.
        """
        while self.next_fs() <= at_fs:
            _, make, may_come_again = self._to_come.pop()
            self._enter(make(self._now), may_come_again=may_come_again)
        if self._system is not None:  # bridges and trees are looked at when their next event is
            for one in (self._system.bridge[0], *((self._system.trees,) if self._system.trees.n_switches else ())):
                one.next_fs = min(int(one.next_fs), at_fs)

    def _enter(self, change: Change, *, may_come_again: bool = False) -> None:
        before, self._now = self._now, change
        if change.config is not before.config or change.off != before.off or change.workload is not before.workload:
            for command in self._rewriting(before, change, may_come_again=may_come_again and change.off == before.off):
                self._rings[command.component].enter(change.at_fs, command)
        is_of_functions = change.jobs or change.watches or change.asked or change.off != before.off
        for command in _of_functions(self._vms, before.off, change, self._servers) if is_of_functions else ():
            self._rings[command.component].enter(change.at_fs, command)
        if change.config.multi_root != before.config.multi_root and self._trees is not None:
            for number, n_bytes in changed_weights(before.config, change.config):
                weight = _Command(TREES, PLAIN, number, number, np.array([n_bytes], np.int64))
                self._rings[TREES].enter(change.at_fs, weight)

    def _rewriting(self, before: Change, change: Change, *, may_come_again: bool) -> list[_Command]:
        """Return the commands that rewrite what a change leads to other words of."""
        step = id(before.config), id(change.config)
        if may_come_again and step in self._known:
            self._is_behind = True
            return self._known[step]
        if self._is_behind:
            deque(self._refilled.become(self._filled(before)), maxlen=0)
            self._is_behind = False
        found = [
            command
            for one in self._refilled.become(self._filled(change), change.changed)
            for command in _commands(
                one, self._records[one.component].dtype, one.component if one.component < self._servers else 0
            )
        ]
        if may_come_again:
            self._known[step] = found
        return found

    def _filled(self, change: Change) -> Filled:
        return Filled(change.config, change.workload or self._workload, change.off)


def obey_first(servers: Servers) -> None:
    """Carry out the servers' commands for time 0, before any forwarding decision."""
    for number, nic in enumerate(servers):
        if int(nic.commands.tail) > 0:
            run_commanded(servers, number, 0, 0, OBEY)


def _of_functions(vms: Mapping[str, Vm], off: frozenset[str], change: Change, bridges: int) -> Iterator[_Command]:
    """Yield the commands of a change that concern VMs' functions; `off`: the functions that are off before it.

    First the functions that go off or come up, in the order of their numbers; then the jobs of drivers and agents; then
    the watches that begin, and what agents ask, also of a port of the component that is the `bridges`.
    """
    nothing = np.zeros(0, np.int64)
    for vm in sorted((vms[name] for name in off ^ change.off), key=lambda vm: (vm.at, vm.function)):
        yield _Command(vm.at, FUNCTION_OFF if vm.name in change.off else FUNCTION_ON, vm.function, 0, nothing)
    for job in change.jobs:
        vm = vms[job.function]
        yield _Command(vm.at, DRIVER_JOB, vm.function, 0, job.values(vms))
    for watch in change.watches:
        vm = vms[watch.at]
        yield _Command(vm.at, WATCHED, vm.function, 0, np.array(watch.values, np.int64))
    for one in change.asked:
        if isinstance(one.of, int):
            at, part = bridges, one.of
        elif one.of in vms:
            at, part = vms[one.of].at, vms[one.of].function
        else:
            at, part = 0, OUTSIDE
        yield _Command(at, one.kind, part, 0, np.array(one.values, np.int64))


class _Command(NamedTuple):
    """Hold a command without its time."""

    component: int
    kind: int
    part: int
    word: int
    values: Ints


def _commands(one: Rewritten, record: np.dtype[Any], number: int) -> Iterator[_Command]:
    """Give the commands that rewrite a region's words; `record`: the component's, the `number`-th of its kind."""
    kind = one.region.kind
    firsts, words = places(one.region, record, one.rows)
    is_written = one.differs
    if kind not in PIECEMEAL:
        is_written[is_written.any(axis=1)] = True
    rows, columns = np.divmod(np.flatnonzero(is_written), is_written.shape[1])  # thrice as fast as two indices at once
    at, values = firsts[rows] + words[columns], one.will_be[rows, columns]
    first = number * record.itemsize // WORD_BYTES
    ends = np.flatnonzero((at[1:] != at[:-1] + 1) | (rows[1:] != rows[:-1])) + 1
    for start, end in pairwise((0, *ends.tolist(), len(at))):
        part = rows[start] if one.rows is None else one.rows[rows[start]]
        yield _Command(one.component, kind, int(part), first + int(at[start]), values[start:end])


_TAIL, _N_VALUES = (offset_of(COMMANDS, name) // WORD_BYTES for name in ("tail", "n_values"))


class _Ring:
    """Put commands into a component's ring, whose words it keeps at hand: agents have thousands carried out."""

    def __init__(self, record: Any) -> None:
        self._record = record
        self._words = (ctypes.c_int64 * (COMMANDS.itemsize // WORD_BYTES)).from_address(address_of(record.commands))
        self._take_up()

    def _take_up(self) -> None:
        commands = self._record.commands
        self._rows = commands.ring.rows().view(np.int64).reshape(len(commands.ring), -1)
        self._values = commands.value.rows()

    def enter(self, at_fs: int, command: _Command) -> None:
        """Enter a command; a source's parameters go into `traffic.changed`, by the same index."""
        at, first = self._words[_TAIL], self._words[_N_VALUES]
        values = command.values
        if command.kind == SOURCE:
            changed = _with_room(self._record.traffic.changed, at + 1)[at:]
            changed.view(np.int64)[: len(values)] = values
            values = values[:0]
        n = len(values)
        if at == COMMAND_CAP or first + n > VALUE_CAP:
            most = f"{COMMAND_CAP:,} changes at one adapter or bridge, or {VALUE_CAP:,} values"
            raise InputError(f"events, agents, messages and doorbells of floods make more than {most}; have fewer")
        if at >= len(self._rows) or first + n > len(self._values):
            _with_room(self._record.commands.ring, at + 1)
            _with_room(self._record.commands.value, first + n)
            self._take_up()
        self._rows[at] = (at_fs, command.kind, command.part, command.word, n, first)
        self._values[first : first + n] = values
        self._words[_TAIL], self._words[_N_VALUES] = at + 1, first + n


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
