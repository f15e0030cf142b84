"""One run: warm up, measure a window, make the result."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from hwmodel.agents import Agent
from hwmodel.compiled.left_out import left_out
from hwmodel.compiled.records import NEVER
from hwmodel.config import Config, as_config
from hwmodel.config.run import LONGEST_WINDOW_FS
from hwmodel.errors import Interrupted, RunError
from hwmodel.machine.counts.ledger_state import CAME_TRUE, EVENTS_SPENT, IDLE, LOG_FULL, OVERFLOW
from hwmodel.processes.collector import collector_rests
from hwmodel.results import Result, Sighting, check_balance
from hwmodel.results.bottleneck import not_judged, shows_why_nothing_came
from hwmodel.results.bottleneck_text import FULLEST_UNJUDGED, NOTHING_DELIVERED, NOTHING_ENDED
from hwmodel.simulation.figures.assumed import assumptions_of
from hwmodel.simulation.figures.counters import counters_of
from hwmodel.simulation.figures.intervals import (
    Sureness,
    figures_with_intervals,
    gets_through,
    sureness_of,
    too_wide,
)
from hwmodel.simulation.figures.judgement import judged
from hwmodel.simulation.figures.machine_known import MachineKnown, Measured
from hwmodel.simulation.figures.marks import Marks
from hwmodel.simulation.figures.measurement import Snapshot
from hwmodel.simulation.figures.outcome import flows_of, with_bottleneck, without_bottleneck
from hwmodel.simulation.figures.span import Span
from hwmodel.simulation.figures.stage_figures import over_changes
from hwmodel.simulation.figures.window_checks import (
    Unsure,
    burst_frames,
    growth_of,
    lasting_warnings,
    nothing_ended,
    precision_not_met,
    repeats,
    unsure_figures,
    warnings_of,
    why_no_rates,
    with_intervals_that_hold,
)
from hwmodel.simulation.fill.flow_book import FlowBook
from hwmodel.simulation.fill.nic_state import State
from hwmodel.simulation.run.closed_form import closed_form_of, limits_of, next_steps
from hwmodel.simulation.run.commands import Change
from hwmodel.simulation.run.control import with_control
from hwmodel.simulation.run.host_run import describe_host_run
from hwmodel.simulation.run.kernel_cache import DECIDING, ENGINE, compiled_without, have_kernels, kernels_are_cached
from hwmodel.simulation.run.machine import Machine, SystemSnapshot, entries_of
from hwmodel.simulation.run.play import Play, play_of
from hwmodel.simulation.run.reactions import with_agents
from hwmodel.simulation.run.scenario import lives_in_order, with_series
from hwmodel.simulation.run.series import SeriesRecorder, interval_of
from hwmodel.simulation.run.server_threads import n_threads_for
from hwmodel.simulation.run.short_runs import (
    FIRST,
    Replica,
    ShortRuns,
    has_timed_events,
    in_one_cycle,
    phase_warnings_of,
    seeds_beside,
    widened,
)
from hwmodel.simulation.run.stages import StageRecorder, instants_of, with_events
from hwmodel.simulation.run.taps import Taps, check_taps
from hwmodel.simulation.run.trace import Tracer, check_span, stage_of, write_trace
from hwmodel.simulation.run.warmup import MOST_FRAMES, Warmup
from hwmodel.units import FS_PER_NS
from hwmodel.words import warnings as words
from hwmodel.workload import Workload
from hwmodel.workload.delivered import Deliveries, write_delivered

Progress = Callable[[float, str], None]


def silent(_share: float, _text: str) -> None:
    """Ignore the progress (a default callback)."""


# A call of so many events takes some tenths of a second; between calls Python handles Ctrl-C and the progress bar.
EVENTS_PER_CALL = 2_000_000
MARKS = 80  # of a window: an interval's twelve cosines need at least 24 slices
LONGEST_BURST_FS = 1_000_000 * FS_PER_NS  # a window begins right after a delivery if one comes within 1 ms
LONGEST_FOR_PRECISION = 1000  # times `run.duration`


@collector_rests()
def simulate(
    config: Config | str | Path,
    progress: Progress | None = None,
    pcap_path: str | None = None,
    trace_path: str | None = None,
    *,
    pcap_hops: Mapping[str, str] | None = None,
    trace_start_fs: int | None = None,
    trace_length_fs: int | None = None,
    with_next_steps: bool = False,
    counters: bool = False,
    note: Callable[[str], None] | None = None,
    threads: int | None = None,
    agents: Sequence[Agent] = (),
) -> Result:
    """Simulate a configuration, given as such, by file name or by the name of a shipped one; return its result.

    `progress` is called with the share done and a word on what is being done. `pcap_path`: file for all delivered
    frames of the run. `pcap_hops`: files by wire name, for the frames that pass each of these wires (docs/loads.md).
    `trace_path`: file for a time line for trace viewers, of the window from `trace_start_fs` on, for `trace_length_fs`
    or until one file is full (docs/trace.md). `with_next_steps`: include the closed form's figures for larger designs.
    `counters`: include the counters of functions and rings, as a run with a scenario always does (docs/counters.md).
    `note` is called with a line on what the time line has no room for. `threads`: how many threads servers, and short
    runs behind the window, run on; None for as many as are worth while. `agents`: who reacts in the run, beside those
    of the configuration (docs/agents.md). Raises InputError if a load or a rate is beyond what a run has room for,
    RunError if the run cannot be finished, Interrupted, with the figures so far, on Ctrl-C.
    """
    config = as_config(config)
    n_threads_for(1, threads)
    check_span(trace_path, trace_start_fs, trace_length_fs)
    check_taps(config, pcap_hops or {})
    play = play_of(config, agents)
    # What decides on headers is called as the machine is made; which engine runs it shows once it is.
    compile_s = 0.0 if kernels_are_cached(DECIDING) else have_kernels(entries_of(config, reacts=play.reacts))
    changes_in_run = bool(config.scenario) or play.reacts
    counts = counters or changes_in_run
    run = Run(
        play.scene.first, play.workload, progress or silent, compile_s=compile_s, threads=threads, changes=play.planned,
        counts_rings=counts, reacts=play.reacts,
    )  # fmt: skip
    run.begin(play)
    if changes_in_run:
        events_fs = (event.time_fs for event in config.scenario if event.time_fs is not None)
        run.series = SeriesRecorder(run.machine, interval_of(config.run.duration_fs, events_fs), play.looks_fs)
    if trace_path is not None:
        run.tracer = Tracer(stage_of(run.machine, play.workload, play.messages), trace_start_fs or 0, trace_length_fs)

    def told(result: Result) -> Result:
        if counts:
            result = replace(result, counters=counters_of(run.machine.servers))
        if run.series is None:
            return result
        series = run.series.series(lives_in_order(play.config, play.scene))
        result = with_events(with_series(result, play.config, series, play.scene))
        return with_control(with_agents(result, play.agents, play.associations), play.plane, play.agents)

    try:
        _run_through(run, pcap_path, pcap_hops or {})
    except KeyboardInterrupt:
        partial_result = run.partial_result()
        raise Interrupted(partial_result and told(partial_result)) from None
    try:
        # Short what-if runs, which find the bottleneck if busy shares do not, cannot reproduce timed events.
        is_judged = not (has_timed_events(config) or run.is_worked_on())
        result, is_cut_short = told(run.result(with_next_steps, is_judged=is_judged)), False
    except KeyboardInterrupt:
        result, is_cut_short = told(run.result(with_next_steps, words.SHORT_RUNS_INTERRUPTED)), True
    if run.tracer is not None and trace_path is not None:
        write_trace(run.tracer, trace_path, result, note)
    if is_cut_short:
        raise Interrupted(result, words.WINDOW_IS_WHOLE)
    return result


def _run_through(run: Run, pcap_path: str | None, pcap_hops: Mapping[str, str]) -> None:
    with Taps(run.machine, run.workload, pcap_hops) as run.taps:
        if pcap_path is None:
            for _ in run.pieces():
                pass
        else:
            run.machine.log_deliveries()
            headers, templates = run.machine.copy_kinds, run.workload.templates
            said, replayed = run.machine.said, run.workload.pcap
            write_delivered(pcap_path, run.pieces(), templates, headers, replayed=replayed, said=said)


class Run:
    """Hold one run: its state, its names, its window.

    `tracer`: records a time line, if one is wanted. `compile_s`: time spent on compiling kernels, for the result.
    `ends_with_batches`: align the window with deliveries even if the warm-up has a fixed length. `changes`: of the
    configuration, in mid-run. `counts_rings`: enable the counters of each ring, as in every run with changes. `reacts`:
    agents may change it as well.
    """

    def __init__(
        self,
        config: Config,
        workload: Workload,
        progress: Progress,
        *,
        compile_s: float = 0.0,
        threads: int | None = None,
        changes: Sequence[Change] = (),
        counts_rings: bool = False,
        reacts: bool = False,
    ) -> None:
        self.config = config
        self.workload = workload
        self.is_replay = len(workload.records) > 0
        self.ends_with_batches = self.ends_at_change = False
        self.n_marks = MARKS  # of the window, or of each part by which it grows
        self.known = MachineKnown.of(config, workload)
        self.progress, self.threads = progress, threads
        self.reacts = reacts
        self.machine = Machine(config, workload, config.run.seed, threads, changes, reacts=reacts)
        if counts_rings:
            self.machine.count_rings()
        self.state: State = self.machine.state
        self.book: FlowBook = self.machine.book
        self.compile_s = compile_s
        self.compiled_without = ""  # of numba's undocumented parts
        self.tracer: Tracer | None = None
        self.taps: Taps | None = None
        self.series: SeriesRecorder | None = None  # of a run with a scenario
        self.stages: StageRecorder | None = None  # of a window in which something may change
        self.play: Play | None = None  # of a run with a scenario
        self.take_in(changes)
        self.measured = Measured(config, workload, self.known)
        self.done = 0.0  # share of the window, for the progress bar
        self.unsteady: tuple[str, ...] = ()
        self.first_words = self.machine.random_words()
        self.start: Snapshot | None = None
        self.end: Snapshot | None = None
        self.whole = self.machine.whole()  # what is measured
        self.marks = Marks(self.whole, self.machine.outside_bytes, self.machine.sources())
        self.ends: list[SystemSnapshot] = []
        self.seen: Sighting

    def begin(self, play: Play) -> None:
        """Have a scenario and agents go on with the run."""
        self.play = play
        play.begin(self.machine)
        self.take_in(play.changes)

    def take_in(self, changes: Sequence[Change]) -> None:
        """Note all changes of the run, those that are over included, as far as they are known."""
        self.is_watched = self.play is not None and self.play.is_watched
        self.changes = tuple(change for change in changes if not change.watches)
        self.first_change_fs = min((change.at_fs for change in self.changes), default=NEVER)

    def pieces(self) -> Iterator[Deliveries]:
        """Run to the end; give the deliveries as they come, if the log is enabled."""
        self.load_kernels()
        is_automatic = self.config.run.warmup == "auto"
        if not (is_automatic and self.is_replay):  # else measure from the capture's first frame on
            warmup = Warmup(self.config, self.whole)
            self.ends_at_change = is_automatic  # steadiness is that of an unchanged machine
            while not warmup.is_over() and self.machine.now_fs < self.latest_fs:
                until_fs, delivered = warmup.next_target()
                yield from self.advance(until_fs, delivered, what="warm-up")
                warmup.look()
            has_ended = self.machine.now_fs < self.latest_fs
            self.ends_at_change = False
            self.unsteady = warmup.unsteady if warmup.is_over() else ()  # of one that a change ends less is known
            if is_automatic and self.known.is_random and has_ended:
                # A warm-up ends at a delivery, so probably within a burst: move away from it.
                yield from self.advance(warmup.next_even_time(), NEVER, what="warm-up")
        # A window between two deliveries of a flow holds whole batches; with random loads this would bias it to bursts.
        is_aligned = is_automatic or self.ends_with_batches
        may_change = self.reacts or self.is_watched or self.first_change_fs < NEVER
        is_steady = not (self.known.is_random or self.is_replay or may_change)
        ends_with_batches = is_aligned and self.machine.is_alone and is_steady
        flow = self.busiest_flow()
        if ends_with_batches:
            yield from self.to_next_delivery(flow, LONGEST_BURST_FS)
        self.marks.note_least()
        self.machine.begin_window()
        self.start = self.snapshot()
        self.measured = self.measured_from(self.start.now_fs)
        self.marks.add()
        if self.changes or self.series is not None:
            self.stages = StageRecorder(self)
        yield from self.measure(flow if ends_with_batches else None)
        self.progress(1.0, "measuring")
        self.finish()

    def measure(self, flow: Any) -> Iterator[Deliveries]:
        """Run through the window, extended as `run.precision` requires; end it after a delivery of `flow`, if given."""
        assert self.start is not None
        start, settings = self.start, self.config.run
        first_frames = start.count("delivered")
        frames = NEVER if settings.frames is None else first_frames + settings.frames
        until_fs = start.now_fs + settings.duration_fs
        if self.tracer is not None:
            self.tracer.begin_window()
        while True:
            goes_on = yield from self.to_end(until_fs, frames, flow)
            if settings.precision is None or not goes_on:
                return
            now = self.snapshot(keep=False)
            if not self.too_wide(self.held(*self.figures(Span(start, now)))[0]):
                return
            length_fs, n_frames = now.now_fs - start.now_fs, now.count("delivered") - first_frames
            n_dropped = now.count("dropped") - start.count("dropped")
            longest_fs = min(LONGEST_FOR_PRECISION * settings.duration_fs, LONGEST_WINDOW_FS)
            if length_fs >= longest_fs or n_frames + n_dropped >= MOST_FRAMES:
                return
            until_fs = min(now.now_fs + length_fs // 2, start.now_fs + LONGEST_WINDOW_FS)
            if settings.frames is not None:
                frames = now.count("delivered") + max(1, n_frames // 2)

    def to_end(self, until_fs: int, frames: int, flow: Any) -> Generator[Deliveries, None, bool]:
        """Run to a time or a number of delivered frames, setting marks on the way, right after deliveries of `flow`.

        Returns whether the run can go on: False at the end of a capture.
        """
        assert self.start is not None
        first, first_frames = self.start, self.start.count("delivered")
        counts = self.whole.counts
        started_fs, now_fs, delivered = counts.now_fs, counts.now_fs, counts.delivered
        slice_fs = max(1, (until_fs - started_fs) // self.n_marks)
        slice_frames = NEVER if frames == NEVER else max(1, (frames - delivered) // self.n_marks)
        if frames != NEVER and not self.machine.is_alone and delivered:  # several servers stop at times alone
            slice_fs = max(1, min(slice_fs, slice_frames * now_fs // delivered))
        while True:
            target = min(frames, NEVER if slice_frames == NEVER else delivered + slice_frames)
            at_fs = until_fs if until_fs - now_fs < 2 * slice_fs else now_fs + slice_fs
            status = yield from self.advance(at_fs, target, what="measuring")
            if self.progress is not silent:
                by_time = (counts.now_fs - first.now_fs) / max(1, until_fs - first.now_fs)
                by_frames = (counts.delivered - first_frames) / max(1, frames - first_frames)
                self.done = max(self.done, min(1.0, max(by_time, by_frames)))  # by the closer goal: time or frames
            if flow is not None:
                is_end = at_fs == until_fs or target == frames
                yield from self.to_next_delivery(flow, (until_fs - started_fs) // 50 if is_end else slice_fs // 2)
            self.marks.add()
            now_fs, delivered = counts.now_fs, counts.delivered
            if status == IDLE and self.is_replay:
                return False
            if now_fs >= until_fs or delivered >= frames:
                return True

    def measured_from(self, now_fs: int) -> Measured:
        """Return what holds from an instant on: what the run begins with, or the last change has made of it."""
        made = None if self.play is None else self.play.config_in_force(now_fs)
        if made is not None:
            workload = made.workload or self.workload
            return Measured(made.config, workload, MachineKnown.of(made.config, workload))
        earlier = [change for change in self.changes if change.at_fs <= now_fs]
        if not earlier:
            return self.measured
        config, workload = earlier[-1].config, earlier[-1].workload or self.workload
        return Measured(config, workload, MachineKnown.of(config, workload))

    def changes_within(self, start_fs: int, end_fs: int) -> bool:
        """Tell whether anything changes between two instants, the end of what drivers do beside frames included."""
        return bool(instants_of(self.changes, start_fs, end_fs)) or self._agents_set_within(start_fs, end_fs)

    def too_wide(self, result: Result) -> tuple[str, ...]:
        """Return which figures are not known as well as `run.precision` asks; none where nobody sends."""
        return too_wide(self.config, result) if self.measured.workload.sources else ()

    def finish(self) -> None:
        """End the window here."""
        self.machine.rest()
        if self.play is not None:
            self.follow()
        self.end = self.snapshot()
        self.marks.close()
        if self.stages is not None:
            self.stages.finish()

    def snapshot(self, keep: bool = True) -> Snapshot:
        """Take a snapshot; `keep`: it is an end of the window, so also keep those of each server and of the bridge."""
        self.machine.book.numbers.follow()
        if self.machine.system is not None and keep:
            self.ends = [*self.ends[:1], self.machine.snapshot()]
        return self.whole.snapshot()

    def busiest_flow(self) -> int:
        """Return the number of the flow that has delivered most, the first at a tie."""
        return int(self.state[0]["ledger"]["flow"]["delivered"][: max(1, len(self.book.flows))].argmax())

    def to_next_delivery(self, number: int, limit_fs: int) -> Iterator[Deliveries]:
        """Go on to the next delivery of a flow, at most for `limit_fs`."""
        flows = self.state[0].ledger.flow  # which may grow meanwhile
        flows[number].stop_at = int(flows[number].delivered) + 1
        yield from self.advance(self.machine.now_fs + limit_fs, NEVER, what="measuring")
        flows[number].stop_at = 0

    def load_kernels(self) -> None:
        """Load the kernels now, so that the run's wall-clock time does not include it."""
        entries = self.machine.entries if self.tracer is None else (*self.machine.entries, ENGINE)
        self.compile_s += have_kernels(entries)
        self.compiled_without = compiled_without(entries) or left_out()
        self.call(0, 0)
        self.machine.kernel_s = 0.0

    def call(self, until_fs: int, n_events: int) -> int:
        """Let the kernel run; return why it stopped."""
        if self.tracer is None:
            status = self.kernel(until_fs, n_events)
        else:
            status = self.tracer.advance(until_fs, n_events, self.kernel)
        if status == OVERFLOW:
            raise RunError(
                f"a queue inside the model overflowed at {self.machine.now_fs / 1e6:.0f} ns: "
                "far more is offered than can ever be carried; lower the load or shorten the rings"
            )
        if status == CAME_TRUE:
            self.follow()
            return EVENTS_SPENT
        return status

    def follow(self) -> None:
        """Follow what is known of changes, which may be more since the run has stopped for what happens in it."""
        assert self.play is not None
        if len(self.play.changes) > len(self.changes):
            self.take_in(self.play.changes)
            if self.series is not None:
                self.series.follow(self.play.looks_fs)
        self.first_change_fs = min([self.first_change_fs, *self.play.sets_fs[:1]])

    def kernel(self, until_fs: int, n_events: int) -> int:
        """Let the kernel run to a time or through so many events; return why it stopped."""
        return (self.stages or self.series or self.machine).advance(until_fs, n_events)

    @property
    def latest_fs(self) -> int:
        """Return the first instant at which something changes, during a warm-up that this ends; NEVER otherwise."""
        return self.first_change_fs if self.ends_at_change else NEVER

    def advance(self, until_fs: int, delivered: int, what: str) -> Generator[Deliveries, None, int]:
        """Run until a time or a number of delivered frames, whichever comes first; give the deliveries.

        Returns why the kernel stopped.
        """
        self.machine.stop_at(delivered)
        while True:
            last_fs = min(until_fs, self.latest_fs)
            status = self.call(last_fs, EVENTS_PER_CALL)
            if self.machine.has_logged():
                yield self.machine.take_log()
            if self.taps is not None:
                self.taps.write()
            self.progress(self.done, what)
            if status == IDLE and last_fs < NEVER and not self.is_replay:
                self.machine.now_fs = last_fs  # no events are left, but time goes on
            if status not in (EVENTS_SPENT, LOG_FULL):
                return status

    def partial_result(self) -> Result | None:
        """Return the result of the window so far, None where it has not begun."""
        if self.start is None or self.machine.now_fs <= self.start.now_fs:
            return None
        self.finish()
        assert self.end is not None
        done_ms = (self.end.now_fs - self.start.now_fs) / FS_PER_NS / 1e6
        return self.result(interrupted=words.interrupted(done_ms, self.config.run.duration_fs))

    def figures(self, span: Span) -> tuple[Result, Sureness]:
        """Make the result of a window with its intervals, without configuration, flows, closed form and warnings."""
        config, workload, known = self.measured
        result, self.seen = self.machine.result_of(config, workload, span, self.ends)
        burst, ports = burst_frames(config), self.book.port_numbers
        sureness = sureness_of(result, self.marks.table(), ports, burst, known)
        return replace(result, intervals=widened(sureness, ())), sureness

    def held(self, result: Result, sureness: Sureness) -> tuple[Result, list[Unsure]]:
        """Return a result with the intervals that hold, and why its window does not tell how far off others are."""
        longer = "capture" if self.is_replay and not self.machine.records_left() else "run.duration"
        unsure = list(unsure_figures(result, sureness, is_open=self.measured.known.is_open, longer=longer))
        return with_intervals_that_hold(result, unsure), unsure

    def throughput_gbps(self) -> float | None:
        """Return what `Result.throughput_gbps` would say of the window, without making a result."""
        assert self.start is not None and self.end is not None
        span, marks = Span(self.start, self.end), self.marks.table()
        outward = marks.figures["wire.tx_gbps" if self.machine.system is None else "outside_bytes"]
        inward_gbps, outward_gbps = span.gbps(span.count("delivered_bytes")), span.gbps(int(outward[-1] - outward[0]))
        return None if inward_gbps is None or outward_gbps is None else inward_gbps + outward_gbps

    def _replica(self, shorts: ShortRuns, seed: int) -> Replica | None:
        """Return the figures of a short run that begins in other phases; None where it cannot be run."""
        run = shorts.finished(self.config.model_copy(update={"run": self.config.run.model_copy(update={"seed": seed})}))
        if run is None:
            return None
        assert run.start is not None and run.end is not None
        config, workload, _ = run.measured
        result = run.machine.figures_of(config, workload, Span(run.start, run.end), run.ends)
        return Replica(figures_with_intervals(result), run.marks.table().least_ns)

    def _replicas(self, shorts: ShortRuns, seeds: Sequence[int]) -> list[Replica]:
        """Return what short runs of some seeds show, those left out that cannot be run."""
        return [one for one in shorts.each(partial(self._replica, shorts), seeds) if one is not None]

    def _with_other_phases(self, result: Result, sureness: Sureness, shorts: ShortRuns) -> tuple[Result, list[str]]:
        """Return the result with intervals widened by short runs with other phases, and the warnings from these."""
        if not self.measured.known.hangs_on_phases(gets_through(result)):
            return result, []
        seeds = seeds_beside(self.config.run.seed)
        # Short runs are not alike in figures that grow, nor if their warm-up leaves buffers emptier.
        grown = {name.rpartition(".")[0] for name in growth_of(sureness)}
        alike = [one for one in sureness.figures if shorts.are_settled and one.rpartition(".")[0] not in grown]
        is_random = self.measured.known.is_random and gets_through(result)
        others = self._replicas(shorts, seeds[:FIRST])
        if is_random or len(alike) < len(sureness.figures) or not in_one_cycle(sureness.figures, others):
            others += self._replicas(shorts, seeds[FIRST:] if is_random else seeds[FIRST : shorts.most])
        found = widened(sureness, others, alike, is_random=is_random, share=shorts.share)
        warnings = phase_warnings_of(sureness, others, alike, is_random=is_random, share=shorts.share)
        return replace(result, intervals=found), [*warnings]

    def _why_changed(self) -> Iterator[str]:
        """Yield who changes the machine within the window."""
        assert self.start is not None and self.end is not None
        span = self.start.now_fs, self.end.now_fs
        if instants_of(self.changes, *span):
            yield words.CHANGES_IN_WINDOW
        if self._agents_set_within(*span):
            yield words.AGENTS_IN_WINDOW

    def is_worked_on(self) -> bool:
        """Tell whether agents have set keys by the end of the window, or may have kept cores: short runs have none."""
        keeps_cores = self.play is not None and self.play.keeps_cores
        return keeps_cores or (self.end is not None and self._agents_set_within(-1, self.end.now_fs))

    def _agents_set_within(self, start_fs: int, end_fs: int) -> bool:
        return self.play is not None and any(start_fs < at < end_fs for at in self.play.sets_fs)

    def _warnings_of_changed(self, result: Result) -> Iterator[str]:
        """Yield what must be known of a window before which, or with which, the machine has changed."""
        assert self.start is not None
        if any(change.at_fs == self.start.now_fs for change in self.changes):
            yield words.BEGINS_WITH_CHANGE
        if result.intervals and self.measured.known.hangs_on_phases(gets_through(result)):
            yield words.CHANGED_BEFORE_WINDOW

    def result(
        self, with_next_steps: bool = False, interrupted: str | None = None, *, is_judged: bool = False
    ) -> Result:
        """Make the result; RunError if a frame or a copy is unaccounted for, or a law does not hold.

        `is_judged`: if the window gives rates, use short runs to find the bottleneck unless busy shares show it. They
        are of what the run begins with, and are not made once that has changed; so is the closed form.
        """
        assert self.start is not None and self.end is not None
        span = Span(self.start, self.end)
        # Who sends all it can offers frames at once, or, as for a dead wire, none however long the run is.
        may_come = self.measured.known.is_open or span.end.count("offered") > 0
        sends = may_come and bool(self.measured.workload.sources)
        too_short = why_no_rates(self.measured.config, span, sends=sends)
        of_window = Span(self.start, self.end, gives_rates=too_short is None)
        result, sureness = self.figures(of_window)
        resolved = self.measured.config.resolved()
        config_hash = self.measured.config.config_hash(resolved)
        result = replace(result, config=resolved, config_hash=config_hash, flows=flows_of(self.book, of_window))
        cycles: list[str] = []
        has_changed = self.first_change_fs < self.end.now_fs
        if is_judged and too_short is None and not has_changed:
            shorts = ShortRuns(self, partial(Run, progress=silent, threads=1))
            result = with_bottleneck(result, judged(self.config, self.seen, shorts, shorts.each))
            result, cycles = self._with_other_phases(result, sureness, shorts)
        if (found := limits_of(self.config)) is not None:
            steps = next_steps(self.config, found) if with_next_steps and not self.config.servers else ()
            result = replace(result, closed_form=closed_form_of(self.config, found, steps))
        n_left = self.machine.records_left()
        left = words.capture_left(n_left, len(self.workload.records)) if n_left else None
        of_time = [one for one in (interrupted, too_short, left) if one]
        result, unsure = self.held(result, sureness)
        warnings = [
            *of_time,
            *warnings_of(self.config, result, span, self.unsteady),
            *(one.text for one in unsure),
            *cycles,
            *repeats(self.measured.known, self.machine.random_words() != self.first_words),
            *precision_not_met(self.config, result, self.too_wide(result)),
        ]
        result = replace(result, warnings=tuple(warnings), host_run=describe_host_run(self, self.end))
        if self.changes_within(self.start.now_fs, self.end.now_fs):
            # The machine changed within the window: the variation between slices then says nothing about confidence.
            warnings = of_time + list(lasting_warnings(self.config, result))
            result = replace(over_changes(result, self.seen), warnings=(*warnings, *self._why_changed()))
            is_told = self.stages is not None and (self.play is None or not self.play.sets_fs)
            result = replace(result, stages=self.stages.found() if self.stages is not None and is_told else ())
        elif has_changed:
            result = with_bottleneck(result, not_judged(self.seen, result.bottleneck, FULLEST_UNJUDGED))
            result = replace(result, warnings=(*self._warnings_of_changed(result), *warnings))
        if not span.frames and not shows_why_nothing_came(result.bottleneck, self.seen):
            result = without_bottleneck(result, NOTHING_ENDED if nothing_ended(span) else NOTHING_DELIVERED)
        result = replace(result, assumptions=assumptions_of(self.config, result.bottleneck))
        violations = [*check_balance(result), *self.machine.broken_laws(self.start, self.end, self.ends)]
        if violations:
            raise RunError("frames are unaccounted for: " + "; ".join(violations))
        return result


def simulate_on_one_core(config: Config) -> Result:
    """Simulate on one thread, for use where as many runs as cores go in parallel; raises as `simulate` does."""
    return simulate(config, threads=1)
