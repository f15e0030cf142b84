"""The simulated machine: a single adapter, or servers with the bridges between them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

import numba
import numpy as np

from hwmodel.compiled.far_tables import WORD_BYTES, check_memory, spanned_bytes
from hwmodel.compiled.left_out import is_plain
from hwmodel.compiled.records import NEVER
from hwmodel.config import Config, bridges_of, buses_of, servers_of, switches_of
from hwmodel.config.bridge_ports import PhysicalPort
from hwmodel.config.system import looks_into_packets
from hwmodel.errors import InputError
from hwmodel.machine.commanded import run_commanded
from hwmodel.machine.counts.ledger_state import CAME_TRUE, DONE, FRAMES_REACHED, IDLE, LOGGED, OVERFLOW
from hwmodel.machine.engine import WHOLE, run
from hwmodel.machine.server import SERVER
from hwmodel.machine.traffic.traffic_state import SILENT_SOURCE
from hwmodel.machine.without_options import is_without_options, run_without_options
from hwmodel.processes.addresses import allowed_bytes
from hwmodel.results import Result, Sighting, by_shares
from hwmodel.results.bottleneck import LOSS, losing_first
from hwmodel.simulation.figures.bridge_measure import (
    BridgeSnapshot,
    begin_bridge_window,
    bridge_results,
    bridge_suspects,
    level_suspects,
    port_results,
    take_bridge,
    with_busier_port,
)
from hwmodel.simulation.figures.bus_use import bus_results, bus_suspects
from hwmodel.simulation.figures.laws import broken_laws
from hwmodel.simulation.figures.measurement import Snapshot, begin_ledger, begin_window, take_snapshot
from hwmodel.simulation.figures.outcome import make_figures, make_result, make_system_result
from hwmodel.simulation.figures.span import Span
from hwmodel.simulation.figures.tree_use import TreeSnapshot, take_trees, tree_results, tree_suspects
from hwmodel.simulation.figures.whole import Whole
from hwmodel.simulation.fill.clocks import begin_at_phases, fill_clocks
from hwmodel.simulation.fill.flow_book import FlowBook, Server, Stations
from hwmodel.simulation.fill.nic_state import State, build_state
from hwmodel.simulation.fill.refill import Filled, switch_off_functions
from hwmodel.simulation.fill.system_state import SystemState, build_system, longest_way_fs, way_from_bridges_fs
from hwmodel.simulation.fill.workload_state import check_workload, decide_workload, fill_workload
from hwmodel.simulation.run.commands import Change, Schedule, obey_first
from hwmodel.simulation.run.kernel_cache import (
    CAPTURE_ENTRIES,
    COMMANDS,
    DECIDING,
    ENGINE,
    SYSTEM_ENTRIES,
    WITHOUT_OPTIONS,
)
from hwmodel.simulation.run.logs import CopyKinds, MergedLog
from hwmodel.simulation.run.server_threads import threads_of
from hwmodel.units import format_time_fs
from hwmodel.workload.delivered import Deliveries
from hwmodel.workload.traffic import Workload


class CameTrue(NamedTuple):
    """Say when what is watched came true, by which number it is watched, and at which server.

    `heard`: of a frame that is listened for: its kind of copy there, its length without FCS, and its journey's index.
    Of one that the bridges (`BRIDGES`) keep to themselves `number` is the port, and in place of the kind is the hop.
    """

    at_fs: int
    number: int
    server: int
    place: int = 0  # among the frames heard then
    heard: tuple[int, int, int] | None = None


BRIDGES = -1  # in place of a server
STOPS_PER_CALL = 1_000  # of a run at instants at which agents react; some tenths of a second


def word_of(*path: str) -> int:
    """Return which of a server's words a field is; reading it as such takes a tenth of the time of its names."""
    kind, n_bytes = SERVER, 0
    for name in path:
        assert kind.fields is not None
        kind, offset = kind.fields[name][:2]
        n_bytes += offset
    return n_bytes // WORD_BYTES


NOW_FS, N_TRUE, TRUE_FS = word_of("clock", "now_fs"), word_of("watches", "n_true"), word_of("watches", "true_fs")
N_HEARD = word_of("watches", "n_heard")
DELIVERED, TARGET = word_of("ledger", "counts", "delivered"), word_of("ledger", "delivered_target")


def run_alone(servers: State, until_fs: int, n_events: int) -> int:
    """Run the first of `servers`, which has no commands, as `engine.run` says; return why it stopped."""
    return int(run(servers, 0, until_fs, n_events, WHOLE))


def run_alone_without_options(servers: State, until_fs: int, n_events: int) -> int:
    """Do the same with a server without optional features."""
    return int(run_without_options(servers, 0, until_fs, n_events, WHOLE))


def run_alone_commanded(servers: State, until_fs: int, n_events: int) -> int:
    """Do the same with a server that has commands."""
    return int(run_commanded(servers, 0, until_fs, n_events, WHOLE))


_PROGRAMS = {ENGINE: run_alone, WITHOUT_OPTIONS: run_alone_without_options, COMMANDS: run_alone_commanded}


@dataclass(frozen=True)
class SystemSnapshot:
    """Hold what each server and the bridges say at one moment."""

    servers: tuple[Snapshot, ...]
    bridge: BridgeSnapshot
    trees: TreeSnapshot


def entries_of(config: Config, *, reacts: bool = False) -> tuple[str, ...]:
    """Return the entry points that a run of a configuration needs, as far as the scenario's known times show."""
    reading = CAPTURE_ENTRIES if config.workload.pcap is not None and looks_into_packets(config) else ()
    commands = (COMMANDS,) if reacts or config.reacts or any(event.time_fs != 0 for event in config.scenario) else ()
    if bridges_of(config):
        return *SYSTEM_ENTRIES, *commands, *reading
    engine = ENGINE if commands else _engine_of(build_state(config, config.run.seed))
    return engine, *DECIDING, *commands, *reading


def _engine_of(state: State) -> str:
    """Return which program runs a server alone that has no commands."""
    has_one = is_plain() or numba.config.DISABLE_JIT or not is_without_options(state)
    return ENGINE if has_one else WITHOUT_OPTIONS


def _alone(config: Config, workload: Workload, seed: int) -> tuple[State, Stations]:
    """Return the idle state of a single adapter with its workload, and the station numbers."""
    state = build_state(config, seed)
    stations = fill_workload(state[0], config, workload, seed)
    fill_clocks(state[0], config, seed)
    return state, stations


def check_room(config: Config, workload: Workload, changes: Sequence[Change] = ()) -> None:
    """Raise InputError for a capture that a run has no room for, MemoryError where addresses do not suffice.

    Where these are limited it builds what a run begins with, and what each change leads to; nothing is compiled for it.
    How many kinds of copies and ways there are is known once headers are decided on, in a run alone.
    """
    for change in changes:
        try:
            check_room(change.config, change.workload or workload)
        except InputError as error:
            at = format_time_fs(change.at_fs)
            raise InputError([f"{line} (the change at {at})" for line in error.lines]) from None
    if allowed_bytes() is None:
        for server in servers_of(config):
            check_workload(server.config, workload)
    elif bridges_of(config):
        build_system(config, workload, config.run.seed)
    else:
        _alone(config, workload, config.run.seed)


class Machine:
    """Hold the state of all that a run simulates; `system`, `bridge` and `trees` are None for one adapter alone.

    `changes`: changes in mid-run; `off`: functions that are off from the start, as its switches see it; `reacts`: more
    changes may be added. `settled_fs`: all components have finished all events up to this time. `kernel_s`: wall-clock
    time spent in kernels. `agents_due_fs`: says when agents have something to do next; `on_stop`: carries out what
    follows from what is seen or due, and tells whether more does. `said`: what frames that agents send have with them.
    """

    def __init__(
        self,
        config: Config,
        workload: Workload,
        seed: int,
        n_threads: int | None = None,
        changes: Sequence[Change] = (),
        off: frozenset[str] = frozenset(),
        *,
        reacts: bool = False,
    ) -> None:
        self.system: SystemState | None = None
        self.bridge: Any = None
        self.ports: Sequence[PhysicalPort] = ()  # of the bridges
        self.trees: Any = None
        self.buses = buses_of(servers_of(config))
        self.settled_fs = 0
        self.kernel_s = 0.0
        self._is_logging = False
        self._came: dict[int, Any] = {}  # what comes true at a server, as an array
        self._true: list[CameTrue] = []  # what has come true and is not taken yet, the first last
        self._has_reached = False  # the frames that it was to deliver, at an instant at which something came true too
        self._is_settled = False  # all that happens at `now_fs` has, which of several components is not known
        self.said: list[str | bytes] = []
        self.agents_due_fs: Callable[[], int] = lambda: NEVER
        self.on_stop: Callable[[], bool] = lambda: True
        self._may_change = reacts or bool(changes)
        self._replays = not bridges_of(config) and len(workload.records) > 0
        if not bridges_of(config):
            self.state: State
            self.state, self.stations = _alone(config, workload, seed)
            self._note_words()
            self._switch_off(config, off)
            self._begin_schedule(Filled(config, workload, off), seed, changes)
            self.book = decide_workload(self.state, config, workload, self.stations)
            begin_at_phases(self.state[0], config, workload, seed)
            self.servers: tuple[Server, ...] = (Server("", config, self.state[0], self.book),)
            self._log = MergedLog([self.state[0].ledger.log])
            return
        self.system = system = build_system(config, workload, seed)
        system.threads = threads_of(system, n_threads)
        self.state, self.stations = system.servers, system.stations
        self.bridge, self.ports, self.trees = system.bridges[0], system.ports, system.system[0].trees
        self._note_words()
        self._switch_off(config, off)
        self._begin_schedule(Filled(config, workload, off), seed, changes)
        system.decide(workload, seed)
        self.book = system.book
        self.servers = tuple(
            Server(name, part, nic, book)
            for name, part, nic, book in zip(system.names, system.configs, system.servers, system.books, strict=True)
        )
        self._log = MergedLog([ledger.log for ledger in self.ledgers()], self.copy_kinds.first_copies)

    def _note_words(self) -> None:
        """Note where the servers' words are."""
        self._words = self.state.view(np.int64)
        self._firsts = range(0, len(self._words), SERVER.itemsize // WORD_BYTES)

    def _switch_off(self, config: Config, off: frozenset[str]) -> None:
        for nic, server in zip(self.state, servers_of(config), strict=True):
            switch_off_functions(nic, server, off)

    def _begin_schedule(self, first: Filled, seed: int, changes: Sequence[Change]) -> None:
        """Take changes in, and obey the commands of those for time 0."""
        self.schedule = Schedule(self, first, seed, changes)
        if self._may_change:
            self.count_rings()
            self.schedule.enter(0)
            obey_first(self.state)

    def sources(self) -> list[Any]:
        """Return views of all sources, an array for each server."""
        return [server.nic["traffic"]["source"][: int(server.nic.params.n_sources)] for server in self.servers]

    def random_words(self) -> bytes:
        """Return the state of all random numbers, which each draw changes."""
        return b"".join(
            sources["rng"].tobytes() + server.nic["host"][0]["rng"].tobytes()
            for sources, server in zip(self.sources(), self.servers, strict=True)
        )

    def records_left(self) -> int:
        """Count the frames of a replayed capture that no sender has offered yet."""
        left = 0
        for of_server in self.sources():
            sources = of_server[of_server["params"]["kind"] != SILENT_SOURCE]  # what agents give is no record
            left += int((sources["params"]["last_record"] - sources["next_record"]).sum())
            # Those that have been read, and wait for room in a ring.
            left += int(sources["pending"][sources["pending_record"] >= 0].sum())
        return left

    def count_rings(self) -> None:
        """Enable the counters of each ring, from the start, and the time of each function's first frame."""
        for nic in self.state:
            nic.params.counts_rings = 1

    def rest(self) -> None:
        """End the worker threads; a later call starts new ones."""
        if self.system is not None:
            self.system.threads.rest()

    @property
    def engine(self) -> str:
        """Return which program runs a server alone, as it is now: what is looked at in a run may be an option."""
        return COMMANDS if self._may_change else _engine_of(self.state)

    @property
    def entries(self) -> tuple[str, ...]:
        """Return the kernel entry points that this machine calls."""
        if self.system is not None:
            return (*SYSTEM_ENTRIES, COMMANDS) if self._may_change else SYSTEM_ENTRIES
        return (ENGINE, *DECIDING, COMMANDS) if self._may_change else (self.engine, *DECIDING)

    @property
    def n_threads(self) -> int:
        """Return on how many threads its servers run."""
        return 1 if self.system is None else self.system.threads.n_threads

    @property
    def is_alone(self) -> bool:
        """Tell whether there is a single server, so that a run can stop after any event."""
        return len(self.servers) == 1

    @property
    def now_fs(self) -> int:
        """Return the time that all have come to."""
        return int(self._words[NOW_FS])

    @now_fs.setter
    def now_fs(self, now_fs: int) -> None:
        for first in self._firsts:
            self._words[first + NOW_FS] = now_fs

    def whole(self) -> Whole:
        """Return all servers and the stations outside as one, to be measured."""
        return Whole([server.nic for server in self.servers], None if self.system is None else self.bridge, self.book)

    def ledgers(self) -> list[Any]:
        """Return where deliveries are counted: at each server, and at the bridge for those outside."""
        return [self.state[0].ledger] if self.system is None else self.system.ledgers

    def n_dropped(self) -> int:
        """Return how many frames and copies have been dropped by now, at servers, bridges and all else."""
        counts = [ledger.counts["drops"] for ledger in self.ledgers()]
        if self.bridge is not None:
            counts.append(self.bridge["box"]["counts"]["drops"])
        return sum(int(each.sum()) for each in counts)

    def advance(self, until_fs: int, n_events: int) -> int:
        """Let it run to a time or through so many events; return why it stopped (`DONE`, ...).

        Commands of changes on the way are entered once all has happened before them. Where something that is watched
        has come true, or agents have something to do, all have come to that instant before `on_stop` is called. If it
        says that more is to follow from it, the run stops (`CAME_TRUE`), as it does behind many such instants.
        """
        n_stops = 0
        while True:
            if self._has_reached:
                self._has_reached = False
                return FRAMES_REACHED
            due_fs, stop_fs = self.schedule.next_fs(), self.agents_due_fs()
            if self._true:
                stop_fs = min(stop_fs, self._true[-1].at_fs)
            bound_fs = min(until_fs, due_fs - 1, stop_fs)
            status = DONE
            if not (self._is_settled and bound_fs == self.now_fs):
                status = self._advance(bound_fs, n_events)
                self._is_settled = self.system is None and status in (DONE, IDLE, CAME_TRUE)
            if self.bridge is not None and self.bridge.n_kept:
                self._note_kept()
            if status == CAME_TRUE:
                self._note_true()
                if not self._is_settled:  # some servers may not be so far yet, and something come true there before
                    continue
                bound_fs = stop_fs = self.now_fs
                self._has_reached = int(self._words[DELIVERED]) >= int(self._words[TARGET])
            elif status not in (DONE, IDLE):
                return status
            if bound_fs == stop_fs < NEVER:
                if status == IDLE:
                    self.now_fs = bound_fs
                n_stops += 1
                if self.on_stop() or n_stops == STOPS_PER_CALL:
                    return CAME_TRUE
                continue
            is_over = self._replays and status == IDLE and not self.records_left()
            if (due_fs == NEVER and stop_fs == NEVER) or is_over:
                return status  # changes behind the end of a capture are none
            if status == IDLE:
                self.now_fs = bound_fs  # no events are left, but there will be
            if bound_fs == until_fs:
                return DONE
            self.schedule.enter(due_fs)

    def _note_true(self) -> None:
        """Note what has come true at servers."""
        words = self._words
        for server, first in enumerate(self._firsts):
            if words[first + N_HEARD]:
                self._note_heard(server)
            n = int(words[first + N_TRUE])
            if not n:
                continue
            at_fs = int(words[first + TRUE_FS])
            if n > len(self._came.get(server, ())):  # the table is longer by now
                self._came[server] = self.state[server].watches.came.rows()
            self._true += [CameTrue(at_fs, number, server) for number in self._came[server][:n].tolist()]
            words[first + N_TRUE] = 0
        self._true.sort(reverse=True)

    def _note_heard(self, server: int) -> None:
        """Note the frames that are heard at a server."""
        watches = self.state[server].watches
        for place, heard in enumerate(watches.heard[: int(watches.n_heard)].tolist()):
            at_fs, number, *about = heard
            self._true.append(CameTrue(at_fs, number, server, place, tuple(about)))
        watches.n_heard = 0

    def _note_kept(self) -> None:
        """Note the frames that bridges have kept to themselves."""
        for place, kept in enumerate(self.bridge.kept[: int(self.bridge.n_kept)].tolist()):
            at_fs, port, *about = kept
            self._true.append(CameTrue(at_fs, port, BRIDGES, place, tuple(about)))
        self.bridge.n_kept = 0
        self._true.sort(reverse=True)

    def take_true(self) -> CameTrue | None:
        """Return what has come true, after a run has stopped for it; None for nothing more."""
        return self._true.pop() if self._true and self._true[-1].at_fs <= self.now_fs else None

    def way_fs(self, server: int) -> int:
        """Return the longest time that anything from a server takes to reach another, or a bridge, at the least.

        Of the bridges (`BRIDGES`): to reach a server.
        """
        if self.system is None:
            return 0
        return way_from_bridges_fs(self.system) if server == BRIDGES else longest_way_fs(self.system, server)

    def _advance(self, until_fs: int, n_events: int) -> int:
        started_s = time.perf_counter()
        if self.system is None:
            status = _PROGRAMS[self.engine](self.state, until_fs, n_events)
        else:
            status = self.system.threads.advance(until_fs, n_events)
        self.kernel_s += time.perf_counter() - started_s
        if status == OVERFLOW:
            check_memory(self.state)
            if self.system is not None:
                check_memory(self.system.bridges)
        if self.system is None or status in (DONE, IDLE):
            self.settled_fs = self.now_fs
        else:
            self.settled_fs = self.system.safe_fs
        return status

    def stop_at(self, delivered: int) -> None:
        """Stop the next run at a number of delivered frames; ignored with several servers, which stop at times only."""
        self._has_reached = False
        self.servers[0].nic.ledger.delivered_target = delivered if self.is_alone else NEVER

    @property
    def spanned_bytes(self) -> int:
        """Return the bytes of addresses that its state takes."""
        records = [self.state] if self.system is None else [self.state, self.system.bridges, self.system.system]
        return sum(map(spanned_bytes, records))

    def outside_bytes(self) -> int:
        """Return the bytes that a bridge has sent to the stations outside."""
        if self.system is None:
            return 0
        return int(self.bridge.port[self.system.topology.outside.number].counts.tx_bytes)

    def _dead_ends(self) -> list[int]:
        """Return the numbers of the bridges' ports to adapters' wires that are dead now."""
        macs = [server.nic["port"]["mac"]["params"]["is_down"] for server in self.servers]
        return [port.number for port in self.ports if port.server is not None and macs[port.server][port.adapter_port]]

    def begin_window(self) -> None:
        """Forget the latencies and the largest depths seen so far, everywhere."""
        for server in self.servers:
            begin_window(server.nic)
        if self.system is not None:
            begin_ledger(self.bridge.ledger)
            begin_bridge_window(self.bridge)

    def log_deliveries(self) -> None:
        """Let all deliveries be logged from now on."""
        self._is_logging = True
        for ledger in self.ledgers():
            ledger.log.enabled |= LOGGED

    def has_logged(self) -> bool:
        """Tell whether there are deliveries to take."""
        return self._is_logging and self._log.has_entries()

    def take_log(self) -> Deliveries:
        """Return the deliveries that were logged, in time order, and empty the logs.

        Deliveries later than `settled_fs` are held back: earlier ones may still come.
        """
        return self.copy_kinds.deliveries_of(self._log.take(self.settled_fs))

    @cached_property
    def copy_kinds(self) -> CopyKinds:
        """Return the kinds of copies, numbered as in `take_log`."""
        return CopyKinds(self.books())

    def books(self) -> list[FlowBook]:
        """Return a book for each ledger, with the kinds of copies that it counts."""
        own = [server.book for server in self.servers]
        return own if self.system is None else [*own, self.book]

    def snapshot(self) -> SystemSnapshot:
        """Copy what each server and the bridge say at this moment."""
        servers = tuple(take_snapshot(server.nic, server.book, with_flows=False) for server in self.servers)
        nics = [server.nic for server in self.servers]
        bridge = take_bridge(self.bridge, nics, self.now_fs)
        return SystemSnapshot(servers, bridge, take_trees(self.trees, self.now_fs))

    def result_of(
        self, config: Config, workload: Workload, span: Span, ends: Sequence[SystemSnapshot]
    ) -> tuple[Result, Sighting]:
        """Make the result of a window, and the evidence for its bottleneck; `ends`: snapshots of servers and bridge.

        `config`, `workload`: those that hold as the window begins.
        """
        if self.system is None:
            result, seen = make_result(config, workload, self.book, span)
            return replace(result, buses=bus_results(self.buses, ("",), (span,))), seen
        if len(ends) < 2:
            ends = [*ends[:1], self.snapshot()]
        bridge_ends = (ends[0].bridge, ends[1].bridge)
        record, ports = self.bridge, self.ports
        found = port_results(record, ports, bridge_ends, span)
        of_servers = zip(ends[0].servers, ends[1].servers, strict=True)
        is_shared = config.multi_root is not None
        spans = [
            Span(first, last, gives_rates=span.gives_rates, has_part_of_link=is_shared) for first, last in of_servers
        ]
        if self.is_alone and not self.servers[0].name:
            result, seen = make_result(config, workload, self.servers[0].book, span)
        else:
            now = zip(self.servers, servers_of(config), strict=True)
            servers = [replace(server, config=part.config) for server, part in now]
            parts = list(zip(servers, spans, strict=True))
            result, seen = make_system_result(config, workload, self.book, span, parts)
        switches = switches_of(config)
        of_trees = tree_results(switches, servers_of(config), (ends[0].trees, ends[1].trees), span)
        of_buses = bus_results(self.buses, [server.name for server in self.servers], spans)
        suspects = (  # in the order in which a frame meets them: of equally full ones the first is named
            *seen.suspects,
            *tree_suspects(switches, of_trees),
            *bus_suspects(self.buses, of_buses),
            *level_suspects(record, ports, bridge_ends, span.fs),
            *bridge_suspects(found, ports, bridge_ends, span.count("offered"), self._dead_ends()),
        )
        seen = replace(
            seen,
            suspects=losing_first(suspects, LOSS * span.count("offered")),
            load=with_busier_port(seen.load, found, ports),
        )
        bridges = bridge_results(record, ports, found, span.end.now_fs)
        result = replace(result, bridges=bridges, pcie_switches=of_trees, buses=of_buses, bottleneck=by_shares(seen))
        return result, seen

    def figures_of(self, config: Config, workload: Workload, span: Span, ends: Sequence[SystemSnapshot]) -> Result:
        """Make the result of a window as `result_of` does, of a server alone without what limits it."""
        if self.system is None:
            return make_figures(config, workload, self.book, span)
        return self.result_of(config, workload, span, ends)[0]

    def broken_laws(self, start: Snapshot, end: Snapshot, ends: Sequence[SystemSnapshot]) -> list[str]:
        """Return a sentence for each law that a window breaks at one of the servers."""
        if self.system is None:
            return broken_laws(self.servers[0].config, start, end, link_is_constant=not self._may_change)
        return [
            f"{server.prefix}{law}"
            for number, (server, first, last) in enumerate(
                zip(self.servers, ends[0].servers, ends[1].servers, strict=True)
            )
            for law in broken_laws(server.config, first, last, number, link_is_constant=not self._may_change)
        ]
