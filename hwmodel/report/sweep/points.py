"""The points of a sweep as its page shows them: the runs of all seeds together, each figure with its interval."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import fsum, inf, sqrt
from typing import TYPE_CHECKING, Any, NamedTuple

from hwmodel.results.explored import DONE, FAILED, PENDING, SweepRow
from hwmodel.results.student_t import student_t_975

if TYPE_CHECKING:
    from hwmodel.report.sweep.result import SweepResult

GBPS, MPPS, TO_WIRE = "totals.gbps", "totals.mpps", "wire.tx_gbps"
P50, P99, LIMIT, DROPPED = "latency_ns.p50", "latency_ns.p99", "bottleneck.resource", "totals.dropped_frames"
CLOSED_GBPS, CLOSED_MPPS, CLOSED_ALONE = "closed_form.gbps", "closed_form.mpps", "closed_form.unloaded_latency_ns"
SEED = "run.seed"
LOAD = "workload."  # begins the keys that say what is offered, which the adapter's owner does not choose
_WITH_INTERVALS = (GBPS, MPPS, TO_WIRE, P50, P99)
# All that the page needs of a run; a large sweep need not be read with more.
SWEEP_PAGE_FIGURES = (
    *_WITH_INTERVALS, LIMIT, DROPPED, CLOSED_GBPS, CLOSED_MPPS, CLOSED_ALONE,
    *(f"intervals.{name}.{end}" for name in _WITH_INTERVALS for end in ("low", "high")),
)  # fmt: skip


class Estimate(NamedTuple):
    """Hold a figure and the ends of its 95 % interval, None where there is none."""

    value: float
    low: float | None = None
    high: float | None = None

    @property
    def interval(self) -> tuple[float, float] | None:
        """Return both ends, None where there is no interval."""
        return None if self.low is None or self.high is None else (self.low, self.high)

    def divided(self, divisor: float) -> Estimate:
        """Return the same in a unit that is so many times as large."""
        low, high = (None if end is None else end / divisor for end in (self.low, self.high))
        return Estimate(self.value / divisor, low, high)


@dataclass(frozen=True)
class Point:
    """Hold the runs of one point, one for each seed; `axes` are its values by key, without the seed."""

    axes: Mapping[str, Any]
    runs: tuple[SweepRow, ...]

    @cached_property
    def places(self) -> Mapping[str, str]:
        """Return the identity of each value, by key."""
        return {key: identity(value) for key, value in self.axes.items()}

    @property
    def cost(self) -> float | None:
        """Return what its values cost; None where the sweep's file does not say."""
        return self.runs[0].cost

    @cached_property
    def done(self) -> tuple[SweepRow, ...]:
        """Return the runs that are done."""
        return tuple(run for run in self.runs if run.status == DONE)

    @property
    def status(self) -> str:
        """Return done where any run is, else failed where any did, else pending."""
        if self.done:
            return DONE
        return FAILED if any(run.status == FAILED for run in self.runs) else PENDING

    @property
    def error(self) -> str:
        """Return why a run of it failed, the first that did; empty where none did."""
        return next((run.error for run in self.runs if run.status == FAILED), "")

    @cached_property
    def limits(self) -> tuple[tuple[str, int], ...]:
        """Return what limits it and in how many runs, the most frequent first."""
        found = Counter(str(run.figures.get(LIMIT)) for run in self.done if run.figures.get(LIMIT) is not None)
        return tuple(found.most_common())

    @property
    def limit(self) -> str:
        """Return what limits most of its runs; empty where none is done."""
        return self.limits[0][0] if self.limits else ""

    def estimate(self, name: str) -> Estimate | None:
        """Return a figure of the point with its interval, as `estimate_of` does."""
        return estimate_of(self.done, name)

    def value(self, name: str) -> float | None:
        """Return a figure without its interval; None where no run has it."""
        return mean_of(self.done, name)


def mean_of(runs: Sequence[SweepRow], name: str) -> float | None:
    """Return the mean of a figure over those of some runs that have it; None where none has."""
    values = [value for run in runs if (value := _number(run, name)) is not None]
    return fsum(values) / len(values) if values else None


def estimate_of(runs: Sequence[SweepRow], name: str) -> Estimate | None:
    """Return a figure of some runs: a run's own with its own interval, or the mean over seeds; None where none has it.

    The interval of a mean is Student's t of the runs' figures, as with `run --seeds`, but no less than their own
    intervals make it: those of runs that a seed does not change stand as they are.
    """
    known = [(run, value) for run in runs if (value := _number(run, name)) is not None]
    if not known:
        return None
    ends = [(_number(run, f"intervals.{name}.low"), _number(run, f"intervals.{name}.high")) for run, _ in known]
    if len(known) == 1:
        return Estimate(known[0][1], *ends[0])
    values = [value for _, value in known]
    mean = fsum(values) / len(values)
    variance = fsum((value - mean) ** 2 for value in values) / (len(values) - 1)
    half = student_t_975(len(values) - 1) * sqrt(variance / len(values))
    own = [(high - low) / 2 for low, high in ends if low is not None and high is not None]
    if own:
        half = max(half, fsum(own) / len(own) / (sqrt(len(own)) if len(set(values)) > 1 else 1.0))
    return Estimate(mean, mean - half, mean + half)


def points_of(sweep: SweepResult) -> tuple[Point, ...]:
    """Return the points in the order of their first runs; runs that differ in their seed alone are one point."""
    runs: dict[str, list[SweepRow]] = {}
    for row in sweep.rows:
        runs.setdefault(identity({**row.axes, SEED: None}), []).append(row)
    return tuple(
        Point({key: value for key, value in rows[0].axes.items() if key != SEED}, tuple(rows)) for rows in runs.values()
    )


def identity(value: Any) -> str:
    """Return a text that is the same for equal values of an axis."""
    return json.dumps(value, sort_keys=True, default=str)


def throughput_name(points: Iterable[Point]) -> str:
    """Return the figure that is the throughput: to VMs, to the wire where no point brings VMs anything."""
    done = [point for point in points if point.done]
    if any(point.value(GBPS) for point in done) or not any(point.value(TO_WIRE) for point in done):
        return GBPS
    return TO_WIRE


def best_of(points: Sequence[Point], throughput: str) -> Point | None:
    """Return the point with most throughput, None where none is done.

    Of equals it is the one with the least p99 latency, then the cheapest, then the first; a figure that is missing is
    the worst.
    """
    return min((point for point in points if point.done), key=lambda point: rank_of(point, throughput), default=None)


def without_rate(points: Sequence[Point], throughput: str) -> str:
    """Say that points cannot be compared in throughput, since their windows are too short; nothing where all can."""
    done = [point for point in points if point.done]
    n_missing = sum(point.value(throughput) is None for point in done)
    if not 0 < n_missing < len(done):
        return ""
    return f" among {len(done) - n_missing:,} of {len(done):,} points, the others' windows are too short for rates"


def quickest_of(points: Sequence[Point], throughput: str) -> Point | None:
    """Return the point with the least p99 latency, of equals the one that `best_of` has first; None without latency."""
    known = (point for point in points if point.value(P99) is not None)
    return min(known, key=lambda point: (point.value(P99), *rank_of(point, throughput)), default=None)


def rank_of(point: Point, throughput: str) -> tuple[float, float, float]:
    """Return by what points are ranked, the best first: throughput, then p99 latency, then cost."""
    gbps, p99_ns = point.value(throughput), point.value(P99)
    return (inf if gbps is None else -gbps, inf if p99_ns is None else p99_ns, point.cost or 0.0)


def _number(run: SweepRow, name: str) -> float | None:
    value = run.figures.get(name)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
