"""Short runs behind a window: of variants, for the bottleneck, and of the same machine in other phases.

A machine that is full, or whose frames arrive at even steps, settles into one of several cycles, depending on when its
cores, ports and timers began, and may stay in it for ever: then even a long window says nothing of the other cycles.
So a few short runs draw new clock offsets and phases: two, and more where these leave it open. The spread of their
figures beyond what windows of their length explain (the variance between groups of a one-way analysis of variance)
widens the run's intervals; the run's own window tells how much that is, so that short runs set no marks. With random
arrivals that all get through, the window itself covers all phases.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from math import fsum, hypot, inf, sqrt
from statistics import fmean
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from hwmodel.config import Config, servers_of
from hwmodel.config.run import MAX_SEED
from hwmodel.errors import InputError, Interrupted, RunError
from hwmodel.processes.addresses import threads_at_once
from hwmodel.processes.processors import usable_processors
from hwmodel.results.student_t import NORMAL_975, student_t_975
from hwmodel.simulation.figures.intervals import Sureness, is_latency, possible_intervals
from hwmodel.simulation.figures.span import Span
from hwmodel.simulation.run.offered import workload_of
from hwmodel.words import warnings as words
from hwmodel.workload import Workload

if TYPE_CHECKING:
    from hwmodel.simulation.run.run import Run


Item = TypeVar("Item")
Found = TypeVar("Found")

FRAMES = 10_000
MOST_WARMUP_FRAMES = 60_000  # by then buffers have filled; slower filling could not be seen by a short run anyway
SETTLES_WITHIN = 2  # an automatic warm-up ends when at most a third of it was not steady: half of it would have done
MOST_TIMES_WINDOW = 8  # times the run's own window, at most, if that holds few frames
MOST_SERVERS = 16  # of all runs at once: a server takes 3 MB, and 15 where very many send to each other


class ShortRuns:
    """Run configurations over a window as long as `run`, which has ended, took for FRAMES frames.

    `make` builds a run from a configuration and its workload. `are_settled`: whether the short runs' warm-up is long
    enough for buffers to be as full as in `run`. `most`: how many are to begin in other phases, at most.
    """

    def __init__(self, run: Run, make: Callable[[Config, Workload], Run]) -> None:
        assert run.start is not None and run.end is not None
        self._make, self._config, self._workload = make, run.config, run.workload
        self._spanned_bytes = run.machine.spanned_bytes
        self._progress, self._threads, self._stops = run.progress, run.threads, False
        window = Span(run.start, run.end)
        n_frames = max(1, window.frames)
        has_settled = run.config.run.warmup == "auto" and not run.unsteady
        settled_fs = run.start.now_fs // (SETTLES_WITHIN if has_settled else 1)
        most_fs = MOST_WARMUP_FRAMES * window.fs // n_frames
        self._warmup_fs, self.are_settled = min(settled_fs, most_fs), settled_fs <= most_fs
        self.most = REPLICAS if n_frames > FRAMES else LEAST  # to begin in other phases
        self._own_fs, self._window_fs = window.fs, min(MOST_TIMES_WINDOW * window.fs, FRAMES * window.fs // n_frames)

    def __call__(self, config: Config, times: int) -> float | None:
        """Return a configuration's throughput in Gb/s, over `times` the usual window; None if it cannot be measured."""
        run = self.finished(config, times, is_draw=False)
        return None if run is None else run.throughput_gbps()

    def each(self, measure: Callable[[Item], Found], items: Iterable[Item]) -> list[Found]:
        """Call a function that makes short runs for each of several items, on several threads; return what it found."""
        n_threads = usable_processors() if self._threads is None else self._threads
        n_at_once = max(1, min(n_threads, MOST_SERVERS // len(servers_of(self._config))))
        n_at_once = threads_at_once(n_at_once, self._spanned_bytes)
        pool = ThreadPoolExecutor(n_at_once)
        try:
            return list(pool.map(measure, items))
        finally:
            self._stops = True  # on Ctrl-C, those that are under way
            pool.shutdown(cancel_futures=True)
            self._stops = False

    def _go_on(self, _share: float, _text: str) -> None:
        """Raise Interrupted if the short runs are to end; a progress callback."""
        if self._stops:
            raise Interrupted

    @property
    def share(self) -> float:
        """Return how long the windows of draws are, as a share of the run's own."""
        return min(1.0, self._window_fs / self._own_fs)

    def finished(self, config: Config, times: int = 1, *, is_draw: bool = True) -> Run | None:
        """Return a finished run of a configuration, over `times` the usual window; None if it cannot be run.

        A draw of what the window shows is no longer than that: parts whose clocks differ drift through their phases, so
        that a longer run shows less of them.
        """
        most_fs = self._own_fs if is_draw else times * self._window_fs
        length = {
            "warmup": self._warmup_fs, "duration_fs": max(1, min(times * self._window_fs, most_fs)), "frames": None,
            "precision": None,
        }  # fmt: skip
        self._progress(1.0, "short runs")
        short = config.model_copy(update={"run": config.run.model_copy(update=length)})
        try:
            run = self._make(short, self._workload if self._is_loaded_alike(config) else workload_of(short))
            run.ends_with_batches, run.progress = True, self._go_on
            run.n_marks = 1
            for _ in run.pieces():
                pass
        except (InputError, RunError):
            return None  # for example, far more is offered than the model has room for
        return run

    def _is_loaded_alike(self, config: Config) -> bool:
        """Tell whether a configuration differs from the run's only in its `run` block, and so offers the same load."""
        return all(block is getattr(self._config, name) for name, block in config if name != "run")


REPLICAS, FIRST = 6, 2  # more than the first ones are made unless these agree with the run
LEAST = 3  # with fewer runs, their spread is unknown; of a window no longer than theirs no more are made
AGREES = 0.005  # share by which throughput and means of machines in one and the same cycle differ at most
# How much of the spread of six runs their windows explain is itself uncertain: at least this share always counts.
LEAST_BETWEEN = 0.25
TOLD = ("totals.gbps", "wire.tx_gbps")
MATTERS, MORE = 0.05, 2.0  # thresholds of a warning: share of the figure, multiple of its own half width


class Replica(NamedTuple):
    """Hold the figures of a short run by dotted name; `least_ns`: as in `Sureness`."""

    figures: Mapping[str, float]
    least_ns: Mapping[str, float] = MappingProxyType({})


def seeds_beside(seed: int) -> list[int]:
    """Return the seeds of the short runs, far from `seed`, so that a series of consecutive seeds does not use them."""
    return [(seed + (number << 32)) % (MAX_SEED + 1) for number in range(1, REPLICAS + 1)]


def in_one_cycle(own: Mapping[str, float], others: Sequence[Replica]) -> bool:
    """Tell whether throughput and all means of a run and of its first short runs differ by AGREES at most."""
    named = [name for name in own if name in TOLD or name.endswith(".mean")]
    figures = ([own[name], *(one.figures.get(name, inf) for one in others)] for name in named)
    return len(others) == FIRST and all(min(each) >= (1 - AGREES) * max(each) for each in figures)


def widened(
    own: Sureness,
    others: Sequence[Replica],
    alike: Collection[str] = (),
    *,
    is_random: bool = False,
    share: float = 1.0,
) -> dict[str, tuple[float, float]]:
    """Return the intervals of a run's figures widened by the phases' spread; if that is unknown, unchanged.

    `alike`: figures for which the run itself counts as one more draw beside the short runs. `is_random`: all that
    arrives at random gets through. Then rates are those of the arrivals, and what windows explain of their differences
    is known well, so that latencies alone are widened, by the rest. `share`: as in `ShortRuns`.
    """
    found = dict(own.intervals)
    for name, figure in own.figures.items():
        if is_random and not is_latency(name):
            continue
        reach, (low, high) = _reach_of(name, own, others, alike, share, is_random=is_random), own.intervals[name]
        found[name] = (figure - hypot(figure - low, reach), figure + hypot(high - figure, reach))
    least_ns = {
        of: min([least, *(one.least_ns.get(of, least) for one in others)]) for of, least in own.least_ns.items()
    }
    return possible_intervals(own.figures, found, least_ns, own.most_gbps)


def phase_warnings_of(
    own: Sureness,
    others: Sequence[Replica],
    alike: Collection[str] = (),
    *,
    is_random: bool = False,
    share: float = 1.0,
) -> Iterator[str]:
    """Yield a warning if mean latencies or throughput depend more on the phases than on what the window holds.

    `is_random`: as for `widened`, of a machine whose interrupts adapt in levels.
    """
    named = []
    for name, figure in own.figures.items():
        is_told = name.endswith(".mean") or (name in TOLD and not is_random)
        reach = _reach_of(name, own, others, alike, share, is_random=is_random) if is_told else 0.0
        if reach > MATTERS * figure and reach > MORE * _narrower_half(name, own):
            named.append((name, reach / figure))
    if named:
        yield (words.stays_in_levels if is_random else words.locked_in_phase)(len(others), named)


def _reach_of(
    name: str, own: Sureness, others: Sequence[Replica], alike: Collection[str], share: float, *, is_random: bool
) -> float:
    """Return the half width due to phases: the short runs' or, if the run is alike, that with the run if larger."""
    figure, least = own.figures[name], 0.0 if is_random else LEAST_BETWEEN
    # A window's chance goes with the root of its length, and with the figure.
    by_chance = _narrower_half(name, own) / figure / sqrt(share) if figure else 0.0
    known = [one.figures[name] for one in others if name in one.figures]
    mean = fmean(known) if known else 0.0
    reach = spread_of(known, by_chance, least) * figure / mean if mean else 0.0
    return max(reach, spread_of([figure, *known], by_chance, least)) if name in alike else reach


def spread_of(figures: Sequence[float], by_chance: float = 0.0, least: float = LEAST_BETWEEN) -> float:
    """Return the half width due to differences between runs, beyond what their windows explain.

    `by_chance`: the half width of the interval that a window gives a figure, as a share of it. `least`: the share of
    the spread that counts in any case.
    """
    if len(figures) < LEAST:
        return 0.0
    mean = fmean(figures)
    between = fsum((figure - mean) ** 2 for figure in figures) / (len(figures) - 1)
    within = (by_chance * mean / NORMAL_975) ** 2
    return student_t_975(len(figures) - 1) * sqrt(max(between - within, least * between))


def _narrower_half(name: str, own: Sureness) -> float:
    (low, high), figure = own.intervals[name], own.figures[name]
    return min(figure - low, high - figure)


def has_timed_events(config: Config) -> bool:
    """Tell whether some adapter receives control frames, or some host stalls, at a configured time."""
    controls = (server.config.nic.flow_control for server in servers_of(config))
    stalls = (server.config.host.stall for server in servers_of(config))
    return any(control is not None and control.received for control in controls) or any(
        stall is not None and stall.at_fs is not None for stall in stalls
    )
