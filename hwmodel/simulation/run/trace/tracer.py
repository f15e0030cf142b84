"""Step through a part of the run, one instant at a time, and record what happens in each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from hwmodel.atomic_file import write_atomically
from hwmodel.compiled.records import NEVER
from hwmodel.errors import InputError
from hwmodel.machine.counts.ledger_state import DONE, EVENTS_SPENT
from hwmodel.results import Result
from hwmodel.results.series import Series
from hwmodel.simulation.run.trace.bridge_side import BridgePorts, group_of_all
from hwmodel.simulation.run.trace.bus_side import BusRows
from hwmodel.simulation.run.trace.frame_parts import FrameParts, View, names_of, under_way
from hwmodel.simulation.run.trace.scenario_side import Commands, show_scenario
from hwmodel.simulation.run.trace.server_side import ServerRecording
from hwmodel.simulation.run.trace.stage import Advance, Stage
from hwmodel.simulation.run.trace.timeline import MOST_LANES, Timeline
from hwmodel.simulation.run.trace.tree_side import SwitchLinks
from hwmodel.units import FS_PER_NS
from hwmodel.words import warnings as words

MOST_TLPS = 20_000
MOST_INSTANTS = 200_000  # a limit for runs with few TLPs and many other events


class Recording:
    """Record what happens in each instant from now on."""

    def __init__(self, stage: Stage, end_fs: int) -> None:
        machine = self._machine = stage.machine
        self.timeline = Timeline()
        self.facts: dict[str, Any] = {}
        self._start_fs = self._finished_fs = machine.now_fs
        all_names = names_of(stage)
        servers, buses = machine.servers, machine.buses
        self._buses = [BusRows(one, servers, self.timeline) for one in buses]
        bus_of = {at: rows for one, rows in zip(buses, self._buses, strict=True) for at in one.members}
        self._servers = [
            ServerRecording(
                server, names, self.timeline.section(f"{server.name}: " if server.name else ""), self._start_fs, end_fs,
                stage.messages, machine.trees, bus_of.get(at),
            )
            for at, (server, names) in enumerate(zip(servers, all_names, strict=True))
        ]  # fmt: skip
        views = [each.view for each in self._servers]
        self._parts = FrameParts(views, self.timeline, self._start_fs, over=group_of_all(machine.ports))
        self._bridge: BridgePorts | None = None
        if machine.bridge is not None:
            outside = servers[0].nic["outside"]
            self._bridge = BridgePorts(machine.bridge, machine.ports, outside, all_names[0], self.timeline)
            of_all = self.timeline.section(f"{group_of_all(machine.ports)}: ")
            self._of_bridge = Commands(machine.bridge.commands, of_all)
        switches = () if machine.system is None else machine.system.pcie_switches
        self._switches = SwitchLinks(machine.trees, switches, self._servers, self.timeline)
        self._n_done = np.full(len(machine.state), -1)
        self._n_instants = 0
        self.look(self._start_fs)

    def is_full(self) -> bool:
        """Tell whether one file is full."""
        return self._n_tlps() >= MOST_TLPS or self._n_instants >= MOST_INSTANTS

    def look(self, now_fs: int) -> None:
        """Note what has happened in this instant."""
        self._n_instants += 1
        nics = self._machine.state
        n_done = np.array([int(nic.clock.n_events + nic.commands.head + nic.jobs.order) for nic in nics])
        for number in np.flatnonzero(n_done != self._n_done).tolist():
            self._servers[number].look(now_fs)
        self._n_done = n_done
        self._switches.look(now_fs)
        for bus in self._buses:
            bus.look()
        if self._bridge is not None:
            self._bridge.look(now_fs)
            self._of_bridge.look(now_fs)
        views: list[View | None] = [each.view for each in self._servers]
        for ledger, there in zip(self._machine.ledgers(), [*views, None], strict=False):
            log = ledger.journey_log
            if log.n:
                self._parts.add(log.entry[: int(log.n)].copy(), now_fs, finished=True, there=there)
                log.n = 0

    def finish(self, now_fs: int) -> None:
        """Record what is unfinished at the end, and the facts for the document's metadata."""
        self._finished_fs = now_fs
        for each in self._servers:
            self._parts.add(under_way(each.nic), now_fs, finished=False, there=each.view)
            each.reads.finish(now_fs)
            each.tlps.finish()
        if self._bridge is not None:
            self._parts.add(self._bridge.under_way(), now_fs, finished=False, there=None)
        self.facts = {
            "start_ns": self._start_fs // FS_PER_NS,
            "end_ns": now_fs // FS_PER_NS,
            "tlps": self._n_tlps(),
            "frames": self._parts.n_frames,
            "link_bytes": self._link_bytes(),
            **({"bus_clocks": {one.name: one.n_clocks for one in self._buses}} if self._buses else {}),
            "capacities": {
                f"{each.prefix}{name}": n for each in self._servers for name, n in each.levels.capacities.items()
            },
        }

    def show_scenario(self, series: Series, run_end_ns: float) -> None:
        """Show the scenario's events and the functions' stages within the recorded time; call it after `finish`."""
        show_scenario(self.timeline, series, run_end_ns, self._start_fs, self._finished_fs)

    def _link_bytes(self) -> dict[str, int]:
        found = self._switches.link_bytes()
        for each in self._servers:
            if each.bus is None:
                found |= each.link_bytes()
        return found

    def _n_tlps(self) -> int:
        n_retries = sum(one.n_retries for one in self._buses)
        return sum(each.tlps.n_tlps for each in self._servers) + self._switches.n_tlps + n_retries


class Tracer:
    """Record what happens from `start_fs` of the window on, for `length_fs` or until one file is full.

    It is called between run and kernel, and single-steps the recorded part, which does not change the run. `left_out`
    says in words which part of the time asked for is not shown; None if all is.
    """

    def __init__(self, stage: Stage, start_fs: int = 0, length_fs: int | None = None) -> None:
        self._stage, self._machine = stage, stage.machine
        self._start_fs, self._length_fs = start_fs, length_fs
        self._begin_fs = self._end_fs = NEVER
        self._runs_on = [int(nic.pcie[0].params.runs_on) for nic in self._machine.state]
        self._recording: Recording | None = None
        self._is_over = False
        self.left_out: str | None = None

    def begin_window(self) -> None:
        """Let the window begin here."""
        self._begin_fs = self._machine.now_fs + self._start_fs
        if self._length_fs is not None:
            self._end_fs = self._begin_fs + self._length_fs

    def advance(self, until_fs: int, n_events: int, kernel: Advance) -> int:
        """Run the machine as the kernel would, recording the instants asked for; return the kernel's status."""
        if self._has_ended() or until_fs < self._begin_fs:
            return kernel(until_fs, n_events)
        if self._recording is None:
            if self._machine.now_fs < self._begin_fs and (status := kernel(self._begin_fs, n_events)) != DONE:
                return status
            if (status := self._begin(until_fs, kernel)) != EVENTS_SPENT:
                return status
        status = self._step(until_fs, kernel)
        return kernel(until_fs, n_events) if self._has_ended() and status in (EVENTS_SPENT, DONE) else status

    def to_json(self, result: Result | None = None) -> str:
        """End the recording, and return the time line as JSON for Perfetto and chrome://tracing.

        `result`: the run's, if the effects of its events are to be shown.
        """
        self._finish()
        if self._recording is None:
            self.left_out = words.NOT_BEGUN
            return Timeline().to_json({"ended_early": self.left_out})
        if result is not None and result.series is not None:
            self._recording.show_scenario(result.series, result.window.end_ns)
        return self._recording.timeline.to_json(self._recording.facts | {"ended_early": self.left_out})

    def remarks(self) -> Iterator[str]:
        """Yield sentences on what the document leaves out."""
        if self.left_out is not None:
            yield self.left_out
        n_slices = 0 if self._recording is None else self._recording.timeline.left_out.total()
        if n_slices:
            yield words.without_a_row(n_slices, MOST_LANES)

    def _has_ended(self) -> bool:
        return self._is_over

    def _begin(self, until_fs: int, kernel: Advance) -> int:
        """Begin to record, once the completions of reads that run as a single event have ended."""
        for nic in self._machine.state:
            nic.pcie[0].params.runs_on = 0  # each completion an instant of its own; the result is the same
        while any(nic.pcie[0].down.boundary_fs < NEVER for nic in self._machine.state):
            if (status := self._stage.step(until_fs, kernel)) != EVENTS_SPENT:
                return status
        self._log_journeys(is_wanted=True)
        self._recording = Recording(self._stage, self._end_fs)
        return EVENTS_SPENT

    def _step(self, until_fs: int, kernel: Advance) -> int:
        """Step to a time or to the end of the recording; return why the kernel stopped."""
        recording, stage = self._recording, self._stage
        assert recording is not None
        last_fs = min(until_fs, self._end_fs)
        if self._machine.now_fs >= self._end_fs:  # the time passed without events
            self._finish()
            return EVENTS_SPENT
        while True:
            at_fs = stage.next_fs()
            status = stage.step(last_fs, kernel)
            if at_fs <= last_fs:
                recording.look(at_fs)
            if recording.is_full() or self._machine.now_fs >= self._end_fs:
                self._finish()
                return status
            if status != EVENTS_SPENT:
                return status

    def _finish(self) -> None:
        """End the recording here, if it has begun and not ended."""
        if self._recording is None or self._is_over:
            return
        self._is_over = True
        now_fs = min(self._machine.now_fs, self._end_fs)
        if self._length_fs is not None and now_fs < self._end_fs:
            said = words.no_more_room if self._recording.is_full() else words.run_ended_first
            self.left_out = said(now_fs - self._begin_fs, self._length_fs)
        self._recording.finish(now_fs)
        self._log_journeys(is_wanted=False)
        for nic, runs_on in zip(self._machine.state, self._runs_on, strict=True):
            nic.pcie[0].params.runs_on = runs_on

    def _log_journeys(self, *, is_wanted: bool) -> None:
        for ledger in self._machine.ledgers():
            ledger.journey_log.enabled = int(is_wanted)
            ledger.journey_log.n = 0


def check_span(path: str | None, start_fs: int | None, length_fs: int | None) -> None:
    """Raise InputError for a time line's start or length without a path, or if it would begin ahead of the window.

    Or if it would last no time.
    """
    if path is None and (start_fs is not None or length_fs is not None):
        raise InputError("trace_start_fs, trace_length_fs: only with trace_path")
    if (start_fs or 0) < 0:
        raise InputError(f"trace_start_fs: {start_fs} is out of range; 0 or more, from the window's start on")
    if length_fs is not None and length_fs <= 0:
        raise InputError(f"trace_length_fs: {length_fs} is out of range; above 0")


def write_trace(tracer: Tracer, path: str, result: Result, note: Callable[[str], None] | None) -> None:
    """Write a run's time line; `note` is called with a line on what it has no room for."""
    write_atomically(path, tracer.to_json(result))
    if note is not None:
        for remark in tracer.remarks():
            note(f"{path}: {remark}")
