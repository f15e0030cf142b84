"""The stages of a window in which the machine changes: from change to change, each with figures of its own.

The recorder stops the run just before each boundary and takes what a window's end takes; what the run does is the same.
A stage's figures are made at its end, so that no more than two moments are held, however many stages there are.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from hwmodel.compiled.records import NEVER
from hwmodel.config.frame_lengths import longest_frame
from hwmodel.config.vms import vms_of
from hwmodel.machine.counts.ledger_state import DONE, IDLE
from hwmodel.results import Latency, Result
from hwmodel.results import stage_text as words
from hwmodel.results.stages import StageResult
from hwmodel.simulation.figures.counts import GAUGE_WORDS
from hwmodel.simulation.figures.intervals import sureness_of
from hwmodel.simulation.figures.machine_known import Measured
from hwmodel.simulation.figures.marks import Marks, MarkTable
from hwmodel.simulation.figures.measurement import Snapshot, all_rings, in_flight, rings_in_use
from hwmodel.simulation.figures.span import Span
from hwmodel.simulation.figures.stage_figures import (
    OF_STAGE,
    Told,
    latencies_since,
    named_in_stage,
    stage_of,
    unsettled_latencies,
    vms_in,
)
from hwmodel.simulation.figures.window_checks import (
    burst_frames,
    growth_of,
    rates_take,
    unsure_figures,
    why_no_rates,
    with_intervals_that_hold,
)
from hwmodel.simulation.run.commands import Change
from hwmodel.simulation.run.machine import SystemSnapshot
from hwmodel.simulation.run.short_runs import widened
from hwmodel.simulation.run.warmup import unsteady_in
from hwmodel.units import BITS_PER_BYTE
from hwmodel.words.events import SAME_VALUES
from hwmodel.workload.traffic import SILENT

if TYPE_CHECKING:
    from hwmodel.simulation.run.run import Run

# Changes nearer to each other than this part of `run.duration` are put together: a stage between them would be over
# before rings have settled. Of many events a larger one, so that figures of stages do not cost more than the run.
CLOSE, CLOSE_OF_MANY = 100, 4
MOST_STAGES, LEAST_MOST_STAGES = 32, 8  # the former for one server, the latter for any number
FIRST_SLICES = 1024  # of `run.duration`, between a stage's first marks; doubled as marks become many


def instants_of(changes: Iterable[Change], after_fs: int, before_fs: int = NEVER) -> list[int]:
    """Return when anything changes between two instants, in order, drivers' work beside frames included."""
    return sorted({change.at_fs for change in changes if after_fs < change.at_fs < before_fs})


def boundaries_of(instants_fs: Sequence[int], least_fs: int) -> list[int]:
    """Return the instants that divide a window into stages: the first and last of each group of changes.

    A group: changes that follow each other in less than `least_fs`.
    """
    instants = np.array(instants_fs, np.int64)
    is_apart = np.diff(instants) >= least_fs
    is_end = np.append(True, is_apart) | np.append(is_apart, True) if len(instants) else is_apart
    return [int(each) for each in instants[is_end]]


class _Moment(NamedTuple):
    """Hold an end of a stage: its time, the machine as a whole and by server, and the Rx descriptors then in use."""

    at_fs: int
    whole: Snapshot
    system: SystemSnapshot | None
    rx_in_use: tuple[int, ...]


class _Open(NamedTuple):
    """Hold a stage that has begun: its beginning, what holds in it, its marks."""

    begin: _Moment
    measured: Measured
    marks: Marks


class StageRecorder:
    """Record the stages of a run's window; made when it begins, and used in place of the machine to go on.

    Whether a change is known long before it comes makes no difference to what is found.
    """

    def __init__(self, run: Run) -> None:
        assert run.start is not None
        self._run, self._inner = run, run.series or run.machine
        n_servers = len(run.machine.servers)
        n_events = len(run.changes) if run.play is None else len(run.play.config.scenario)
        self._most = max(LEAST_MOST_STAGES, MOST_STAGES // n_servers)
        length_fs = self._length_fs()
        self._least_fs = max(1, length_fs // (CLOSE if n_events < self._most else CLOSE_OF_MANY))
        self._first_slice_fs = max(1, length_fs // FIRST_SLICES)
        self._vms = vms_of(run.machine.servers)
        # When a condition comes true at a server, others may be ahead by as long as anything from it takes to them: a
        # stop at the change itself would find them further than in a run that knew of the change before.
        self._behind_fs = max(run.machine.way_fs(at) for at in range(n_servers)) if n_servers > 1 else 0
        self._known: Sequence[Change] | None = None
        self._instants: list[int] = []
        self._boundaries: list[int] = []
        self._stages: list[StageResult] = []
        self._group: _Open | None = None  # the stage that began with a group's first change, if another change came
        self._last_fs, self._next_mark_fs = run.start.now_fs, NEVER
        system = run.ends[0] if run.ends else None
        self._begin(_Moment(run.start.now_fs, run.start, system, self._rx_in_use()), run.measured)

    def _length_fs(self) -> int:
        """Return how long the window is, if by a number of frames then as the warm-up's rate lets expect."""
        run, settings = self._run, self._run.config.run
        assert run.start is not None
        delivered = run.start.count("delivered")
        if settings.frames is None or not delivered:
            return settings.duration_fs
        return min(settings.duration_fs, settings.frames * run.start.now_fs // delivered)

    def advance(self, until_fs: int, n_events: int) -> int:
        """Run the machine to a time or through so many events, with stops where stages end and at their marks.

        Returns why it stopped.
        """
        while True:
            bound_fs = min(until_fs, self._next_fs())
            status = self._inner.advance(bound_fs, n_events)
            if status == IDLE and bound_fs < until_fs and until_fs < NEVER and not self._run.is_replay:
                self._run.machine.now_fs = bound_fs  # no events are left, but time goes on
            elif status != DONE:
                return status
            self._look(bound_fs)
            if bound_fs == until_fs:
                return status

    def finish(self) -> None:
        """End the last stage with the window."""
        run = self._run
        if run.end is not None and self._stages:
            system = run.ends[-1] if run.ends else None
            end = _Moment(run.end.now_fs, run.end, system, self._rx_in_use())
            self._close(self._open, end, run.end.now_fs - self._behind_fs)

    def found(self) -> tuple[StageResult, ...]:
        """Return the stages of a finished window; none of one in which nothing changes."""
        return tuple(self._stages)

    def _read(self) -> int:
        """Return the next boundary, NEVER if none is known; the run's changes may have become more."""
        if self._run.changes is not self._known:
            start, self._known = self._run.start, self._run.changes
            assert start is not None
            self._instants = instants_of(self._known, start.now_fs)
            self._boundaries = boundaries_of(self._instants, self._least_fs)
        at = bisect_right(self._boundaries, self._last_fs)
        return self._boundaries[at] if at < len(self._boundaries) and len(self._stages) < self._most - 1 else NEVER

    def _n_within(self, start_fs: int, end_fs: int) -> int:
        """Return at how many instants between two others anything changes, as far as is known."""
        return max(0, bisect_left(self._instants, end_fs) - bisect_right(self._instants, start_fs))

    def _next_fs(self) -> int:
        """Return the last instant before the next boundary, or that of the next mark."""
        at_fs = self._read()
        return min(self._next_mark_fs, NEVER if at_fs == NEVER else at_fs - 1 + self._behind_fs)

    def _look(self, now_fs: int) -> None:
        """End the stage if it ends behind this instant; set a mark if one is due."""
        at_fs = self._read()
        if at_fs - 1 + self._behind_fs == now_fs:
            self._change(at_fs)
        elif now_fs == self._next_mark_fs and self._n_within(self._open.begin.at_fs, now_fs - self._behind_fs):
            self._next_mark_fs = NEVER  # a stage with changes within has no intervals
        elif now_fs == self._next_mark_fs:
            marks = self._open.marks
            marks.add()
            self._slice_fs *= marks.stride
            marks.stride, marks.n_asked = 1, 0  # of marks that were thinned out, further ones are as far apart
            self._next_mark_fs += self._slice_fs

    def _change(self, at_fs: int) -> None:
        """End the stage at a change; if that is near the one before it, what began with their group's first one."""
        moment, at = self._moment_now(at_fs), bisect_left(self._instants, at_fs)
        is_near = at > 0 and at_fs - self._instants[at - 1] < self._least_fs
        if is_near and self._group is not None:
            self._stages.pop()  # which was to end with the change before
        self._group = (self._group or self._open) if is_near else None
        self._close(self._group or self._open, moment, at_fs)
        self._begin(moment, self._run.measured_from(at_fs))

    def _begin(self, moment: _Moment, measured: Measured) -> None:
        """Begin a stage, in which marks are set if the window may have several."""
        marks = self._run.marks.anew()
        marks.add()
        self._open, self._last_fs = _Open(moment, measured, marks), moment.at_fs
        may_change = self._run.is_watched or self._read() < NEVER or bool(self._stages)
        self._slice_fs = self._first_slice_fs
        self._next_mark_fs = moment.whole.now_fs + self._slice_fs if may_change else NEVER

    def _close(self, stage: _Open, end: _Moment, until_fs: int) -> None:
        """End a stage: make its figures; `until_fs`: changes from then on are not of it."""
        run, start = self._run, stage.begin
        marks = stage.marks.so_far()
        marks.close()
        table = marks.table()
        whole = latencies_since(start.whole, end.whole, table.histograms)
        if start.system is None or end.system is None:
            whole = _own_depth(start, end, whole, 0)
            of_servers, ends = [Span(start.whole, whole)], []
        else:
            servers = tuple(_own_depth(start, end, one, at) for at, one in enumerate(end.system.servers))
            ends = [start.system, replace(end.system, servers=servers)]
            of_servers = [Span(*each) for each in zip(start.system.servers, servers, strict=True)]
        config, workload, known = stage.measured
        span = Span(start.whole, whole)
        sends = any(source.kind != SILENT for source in workload.sources) or len(workload.records) > 0
        may_come = sends and (known.is_open or span.end.count("offered") > 0)
        span.gives_rates = why_no_rates(config, span, sends=may_come) is None
        n_changes = self._n_within(start.at_fs, until_fs)
        result, seen = run.machine.result_of(config, workload, span, ends)
        notes = []
        if not span.gives_rates:
            notes.append(words.too_few(span.frames, rates_take(config, span)) if span.frames else words.NONE_DELIVERED)
        if n_changes:
            notes.append(words.changes_within(n_changes))
        elif span.gives_rates:
            n_before = in_flight(start.whole) if start.whole is not run.start else 0
            result, unknown = _with_intervals(result, table, run.book.port_numbers, stage.measured, n_before)
            depths = {name: depth for name, depth in table.slices().items() if name in GAUGE_WORDS}
            filling = unsteady_in(depths, run.whole.capacities)
            if filling:
                result = replace(result, intervals={})
                notes.append(words.not_steady(filling) if len(filling) < len(depths) else words.UNTOLD)
            elif unknown:
                notes.append(words.no_interval(unknown))
        told = Told(start.at_fs, end.at_fs, n_changes)
        result = named_in_stage(result, seen, span, n_changes)
        places = {name: (of_servers[vm.at], vm.function) for name, vm in self._vms.items()}
        self._stages.append(stage_of(told, result, span, vms_in(result.vms, places), notes))

    def _moment_now(self, at_fs: int) -> _Moment:
        run = self._run
        system = None if run.machine.system is None else run.machine.snapshot()
        # Flows that have come up are numbered at the window's end, as without stages.
        return _Moment(at_fs, run.whole.snapshot(), system, self._rx_in_use())

    def _rx_in_use(self) -> tuple[int, ...]:
        """Return the most Rx descriptors in use of a ring, of each server."""
        nics = [server.nic for server in self._run.machine.servers]
        return tuple(int(rings_in_use(nic, all_rings(nic))["rx_queue"].max(initial=0)) for nic in nics)


def _own_depth(start: _Moment, end: _Moment, snapshot: Snapshot, server: int) -> Snapshot:
    """Return a server's snapshot at a stage's end with the stage's greatest Rx ring depth, not that of stages before.

    Known at its ends, and where it is the greatest so far.
    """
    before = start.whole if start.system is None else start.system.servers[server]
    if snapshot.rx_ring_highest > before.rx_ring_highest:
        return snapshot
    return snapshot.replaced(rx_ring_highest=max(start.rx_in_use[server], end.rx_in_use[server]))


def _with_intervals(
    result: Result, table: MarkTable, ports: Mapping[str, int], measured: Measured, n_before: int
) -> tuple[Result, list[str]]:
    """Return a stage's result with the intervals that hold, and the figures whose intervals would not.

    A stage has no warm-up: what grows within it, rates too, has not come to what it will be. `n_before`: how many
    frames were in flight as its change came.
    """
    config, _, known = measured
    told_of = replace(result, latency_from_doorbell_ns=Latency(), sender_wait_ns=Latency())  # a stage has neither
    sureness = sureness_of(told_of, table, ports, burst_frames(config), known)
    result = replace(result, intervals=widened(sureness, ()))
    unsure = list(unsure_figures(result, sureness, is_open=known.is_open))
    held = with_intervals_that_hold(result, unsure)
    unsettled = {*growth_of(sureness), *unsettled_latencies(held.intervals, table, n_before)}
    reach = longest_frame(config)[0] * BITS_PER_BYTE / result.window.duration_ns  # a frame that an end cuts off
    wider = {
        name: (max(0.0, low - reach), high + reach) if name.endswith("gbps") else (low, high)
        for name, (low, high) in held.intervals.items()
        if name not in unsettled
    }
    held = replace(held, intervals=wider)
    return held, [name for name in result.intervals if name.startswith(OF_STAGE) and name not in held.intervals]


def with_events(result: Result) -> Result:
    """Return a result whose stages name the scenario's events that take place in them, or bring up a function then.

    Those that set what holds already are in none.
    """
    if result.series is None or not result.stages:
        return result
    at_ns = [(one.at_ns, number) for number, one in enumerate(result.series.events) if one.did != SAME_VALUES]
    at_ns += [(life.up_ns, life.event) for life in result.series.lives]
    known = [(time_ns, number) for time_ns, number in at_ns if time_ns is not None]
    return replace(
        result,
        stages=tuple(
            replace(one, events=tuple(sorted({n for time_ns, n in known if one.start_ns <= time_ns < one.end_ns})))
            for one in result.stages
        ),
    )
