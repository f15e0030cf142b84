"""Changes of a configuration in mid-run, as commands to the machine's components.

What a change writes is found by building an idle machine for each configuration and comparing their tables and
parameters word by word; so a change at time 0 gives the same machine as building it with the new configuration. The
regions that commands may write are listed here; configurations that differ in anything else are refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from hwmodel.compiled.far_tables import give
from hwmodel.compiled.records import offset_of
from hwmodel.config.in_operation import fixed_keys
from hwmodel.config.system import servers_of
from hwmodel.errors import InputError
from hwmodel.forwarding.ingress_rules import WITH_BRIDGE_ABOVE
from hwmodel.forwarding.tables import TABLES
from hwmodel.machine.time.commands import (
    AGEING,
    COMMAND_CAP,
    DRIVER_WORK,
    DROPPING,
    FUNCTION_OFF,
    FUNCTION_ON,
    LATENCY,
    LINE_RATE,
    LINK,
    OUTSIDE_RATE,
    PLAIN,
    POLICER,
    RECEIVE_LIMIT,
    REFILL,
    SHAPER,
    SOURCE,
    TABLE,
    VALUE_CAP,
    VLAN,
    WATCHED,
    WIRE_STATE,
)
from hwmodel.simulation.counts import WORD_BYTES
from hwmodel.simulation.nic_state import function_of
from hwmodel.simulation.pcie_trees import enter_weights
from hwmodel.units import format_time_fs

if TYPE_CHECKING:
    from hwmodel.config import Config, Server
    from hwmodel.config.message_time import DriverWork
    from hwmodel.simulation.machine import Machine
    from hwmodel.workload.traffic import Workload

Ints = npt.NDArray[np.int64]


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


@dataclass(frozen=True)
class Region:
    """Hold a region of words that commands may write: all or some `fields` of a record, or of an array's elements.

    `kind`: what a command does beside writing; its `part` is then the number of the element. `in_use`: the parameter of
    the record that says how many elements are in use; the others, of which there may be megabytes, are left out.
    """

    path: tuple[str, ...]
    fields: tuple[str, ...] = ()
    kind: int = PLAIN
    in_use: str = ""

    def of(self, state: npt.NDArray[Any]) -> Ints:
        """Return the region's words in a state of one record: int64, a row for each element, ordered as in `places`."""
        found = state
        for name in self.path:
            found = found[name]
        if self.in_use:
            found = found[:, : int(state["params"][self.in_use][0])]
        words: Ints = found[..., None].view(np.int64)  # a view, although elements may lie apart in memory
        if self.fields:
            words = words[..., self._own_words(found.dtype)]
        return words.reshape(found.size, words.shape[-1])  # of no element, too: a server that sends nothing

    def places(self, record: np.dtype[Any]) -> Ints:
        """Return the offset of each word from the start of the record, in words: int64 (elements, words of each)."""
        first, element = np.zeros(1, np.int64), record
        for name in self.path:
            first += offset_of(element, name)
            element = element[name]
            if element.subdtype:
                element, (n,) = element.subdtype
                first = (first[:, None] + np.arange(n) * element.itemsize).ravel()
        return first[:, None] // WORD_BYTES + self._own_words(element)

    def _own_words(self, element: np.dtype[Any]) -> Ints:
        if not self.fields:
            return np.arange(element.itemsize // WORD_BYTES)
        spans = [(offset_of(element, name), element[name].itemsize) for name in self.fields]
        return np.concatenate([np.arange(at, at + n, WORD_BYTES) // WORD_BYTES for at, n in spans])


WIRE_RATE = ("fs_per_byte_num", "fs_per_byte_den")
OF_LOGICAL_PORT = ("is_hairpin", "native_vlan", "wire_vlan", "inner_vlan")
# The tables without the per-VLAN part and the address lookup. Under a bridge that controls lists of interfaces, that
# bridge adds entries to the lookup as frames flow; commands would undo them, so there the rest of it is fixed.
OTHER_TABLES = tuple(name for name in TABLES.names or () if name not in ("vlan", "lookup"))
ADDRESSES = Region(("port", "switch", "tables"), ("lookup",), TABLE, in_use="n_ports")
OF_SERVER = (
    Region(("port", "switch", "tables"), OTHER_TABLES, TABLE, in_use="n_ports"),
    Region(("port", "switch", "tables", "vlan"), (), VLAN, in_use="n_ports"),
    Region(("traffic", "policer", "params"), (), POLICER),
    Region(("params",), ("limits_receivers",)),
    Region(("arbiter", "receives", "params"), (), RECEIVE_LIMIT),
    Region(("arbiter", "params"), ("reads_by_order", "sends_by_order", "weighs_pools")),
    *(Region(("arbiter", "params", whose)) for whose in ("of_class", "group", "pool")),
    Region(("function", "params"), ("shaper_num", "shaper_den", "shaper_window_fs"), SHAPER),
    Region(("function", "params"), ("weight", "guarantee_num", "guarantee_den")),
    Region(("scheduler", "params"), ("guarantee_window_fs",)),
    Region(("rx_queue", "params"), ("drop_enable",), DROPPING),
    Region(("guests", "driver"), ("refill_batch",), REFILL),
    Region(("port", "mac", "params"), WIRE_RATE, LINE_RATE),
    Region(("port", "mac", "line", "params"), WIRE_RATE, LINE_RATE),
    Region(("port", "mac", "params"), ("is_down", "is_silent"), WIRE_STATE),
    Region(("outside", "params"), WIRE_RATE, OUTSIDE_RATE),
    Region(("pcie", "params"), ("max_read_request_bytes", "dllp_period", "dllp_fs", "duration_fs"), LINK),
    Region(("traffic", "source", "params"), (), SOURCE, in_use="n_sources"),
)
OF_BRIDGE = (
    Region(("box", "params"), ("latency_fs",), LATENCY),
    Region(("box", "params"), ("ageing_fs",), AGEING),
    Region(("box", "params"), ("first_policy", "n_policy", "way_out"), TABLE),
    Region(("port", "params"), WIRE_RATE, in_use="n_ports"),
    Region(("logical_port", "params"), OF_LOGICAL_PORT, TABLE, in_use="n_logical_ports"),
    Region(("vlans",), (), TABLE, in_use="n_logical_ports"),
    Region(("policy",), (), TABLE),
    Region(("home",), (), TABLE),
    Region(("policer", "params"), (), POLICER),
)


def schedule(
    machine: Machine, config: Config, changes: Sequence[Change], build: Callable[[Change], Machine]
) -> list[Machine]:
    """Give an idle machine of a configuration the commands of some changes, in the order of their times.

    `build`: makes an idle machine, with the same seed, of the configuration and the functions that a change leads to;
    returns all machines that were made. Raises InputError if a change affects something that is fixed while the machine
    runs, or if there are too many commands.
    """
    written: dict[int, str] = {}  # configurations in JSON, each serialised once
    first = _Known(config.model_dump_json(), frozenset())
    machines = {first: machine}
    words = {first: [component.words() for component in _components(machine)]}
    steps: dict[tuple[_Known, _Known], list[_Command]] = {}
    components, functions = _components(machine), functions_of(servers_of(config))
    before, old = config, first
    in_order = sorted(changes, key=lambda one: one.at_fs)
    comes_again = False  # a later change restores `config`, which a change at time 0 had replaced
    for change in in_order:
        if id(change.config) not in written:
            written[id(change.config)] = change.config.model_dump_json()
        new = _Known(written[id(change.config)], change.off)
        if (old, new) not in steps:
            check(before, change)
            if new not in machines:
                machines[new] = build(change)
                words[new] = [component.words() for component in _components(machines[new])]
            steps[old, new] = [
                command
                for component, *pair in zip(components, words[old], words[new], strict=True)
                for command in component.commands(*pair)
            ]
        for command in (*steps[old, new], *_of_functions(functions, old.off, change)):
            _enter(components[command.component].state[0], change.at_fs, command)
        if change.config.multi_root != before.multi_root and machine.trees is not None:
            enter_weights(machine.trees, change.at_fs, before, change.config)
        comes_again |= new == first and in_order[0].at_fs == 0
        before, old = change.config, new
    others = [other for key, other in machines.items() if key != first]
    if comes_again:
        others.append(build(Change(0, config)))
    _look_less_ahead(machine, others)
    return others


class _Known(NamedTuple):
    """Identify a machine between two changes: its configuration as JSON, and the functions that are off."""

    config: str
    off: frozenset[str]


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


class _Component(NamedTuple):
    """Hold a component: its record in an array of one, its number among all and among its kind, and its regions."""

    number: int
    state: npt.NDArray[Any]
    number_of_kind: int
    regions: tuple[Region, ...]

    def words(self) -> list[Ints]:
        """Return what commands may write, region by region."""
        return [region.of(self.state) for region in self.regions]

    def commands(self, old: Sequence[Ints], new: Sequence[Ints]) -> Iterator[_Command]:
        """Give the commands that turn the words of regions into others."""
        for region, was, will_be in zip(self.regions, old, new, strict=True):
            differs = was != will_be
            if not differs.any():
                continue
            places = region.places(self.state.dtype) + self.number_of_kind * self.state.dtype.itemsize // WORD_BYTES
            for row in np.flatnonzero(differs.any(axis=1)).tolist():
                is_piecemeal = region.kind in (PLAIN, TABLE, VLAN, LINK)
                columns = np.flatnonzero(differs[row]) if is_piecemeal else np.arange(was.shape[1])
                gaps = np.flatnonzero(np.diff(places[row, columns]) != 1) + 1
                for run in np.split(columns, gaps):
                    yield _Command(self.number, region.kind, row, int(places[row, run[0]]), will_be[row, run])


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


def _components(machine: Machine) -> list[_Component]:
    n_servers = len(machine.state)
    found = []
    for at in range(n_servers):
        state = machine.state[at : at + 1]
        mode = state[0].port[0].switch.tables.mode
        is_told_of_lists = machine.system is not None and mode in WITH_BRIDGE_ABOVE
        regions = OF_SERVER if is_told_of_lists else (*OF_SERVER, ADDRESSES)
        found.append(_Component(at, state, at, regions))
    if machine.system is not None:
        found.append(_Component(n_servers, machine.system.bridges, 0, OF_BRIDGE))
    return found


def _look_less_ahead(machine: Machine, others: Sequence[Machine]) -> None:
    """Reduce the lookahead of each wire to the least that any configuration of the run allows.

    A bridge latency that changes in mid-run does not count towards the lookahead: a frame is handed over by the time
    its last byte arrives, and only then is it known which latency it gets.
    """
    if machine.system is None:
        return
    systems = [each.system for each in (machine, *others) if each.system is not None]
    latency_fs = np.array([each.bridges["box"]["params"]["latency_fs"][0] for each in systems])
    changes = (latency_fs != latency_fs[0]).any(axis=0)
    for system, own_fs in zip(systems, latency_fs, strict=True):
        port = system.bridges["port"]["params"][0]
        port["crossing_fs"] -= (own_fs * changes)[port["box"]] * (port["n_classes"] == 0)
    of_servers = [each.system["server"]["end"]["crossing_fs"] for each in systems]
    of_bridges = [each.bridges["port"]["params"]["crossing_fs"] for each in systems]
    for own, *rest in (of_servers, of_bridges):
        for least in rest:
            np.minimum(own, least, out=own)


def check(before: Config, change: Change) -> None:
    """Raise InputError, a line for each key, if a change affects something that is fixed while the machine runs."""
    keys = fixed_keys(before, change.config)
    if keys:
        at = format_time_fs(change.at_fs)
        raise InputError([f"{key}: fixed while the machine runs; the change at {at} has another" for key in keys])
