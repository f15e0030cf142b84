"""A sweep's results in order, shared by all parts of its page: axes, cuts, points, the best of them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import fsum, inf, sqrt
from typing import TYPE_CHECKING, Any, NamedTuple

from hwmodel.report.configuration import value_text
from hwmodel.results.explored import DONE, FAILED, PENDING, SweepAxis, SweepRow
from hwmodel.results.possible import least_latency, within_possible
from hwmodel.results.student_t import mean_of_runs
from hwmodel.words.quantities import listed

if TYPE_CHECKING:
    from hwmodel.report.sweep.result import SweepResult

# ---- Points as the page shows them: the runs of all seeds together, each figure with its interval ----


GBPS, MPPS, TO_WIRE = "totals.gbps", "totals.mpps", "wire.tx_gbps"
P50, P99, LIMIT, DROPPED = "latency_ns.p50", "latency_ns.p99", "bottleneck.resource", "totals.dropped_frames"
CLOSED_GBPS, CLOSED_MPPS, CLOSED_ALONE = "closed_form.gbps", "closed_form.mpps", "closed_form.unloaded_latency_ns"
SEED = "run.seed"
LOAD = "workload."  # prefix of the keys of the load, which is no design choice
_WANTED = {P99: "a p99"}  # what a window is too short for that has no such figure
_WITH_INTERVALS = (GBPS, MPPS, TO_WIRE, P50, P99)
# All figures of a run that the page needs; a large sweep need not be read with more.
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
        """Return the estimate in a unit `divisor` times as large."""
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
        """Return done if any run is, else failed if any did, else pending."""
        if self.done:
            return DONE
        return FAILED if any(run.status == FAILED for run in self.runs) else PENDING

    @property
    def error(self) -> str:
        """Return the first failed run's error; empty if none failed."""
        return next((run.error for run in self.runs if run.status == FAILED), "")

    @cached_property
    def limit(self) -> str:
        """Return the resource that limits most of its runs; empty if none is done."""
        found = Counter(str(run.figures.get(LIMIT)) for run in self.done if run.figures.get(LIMIT) is not None)
        return found.most_common(1)[0][0] if found else ""

    def estimate(self, name: str) -> Estimate | None:
        """Return a figure of the point with its interval, as `estimate_of` does."""
        return estimate_of(self.done, name)

    def value(self, name: str) -> float | None:
        """Return a figure without its interval; None where no run has it."""
        return mean_of(self.done, name)


def mean_of(runs: Sequence[SweepRow], name: str) -> float | None:
    """Return a figure's mean over the runs that have it; None if none has."""
    values = [value for run in runs if (value := _number(run, name)) is not None]
    return fsum(values) / len(values) if values else None


def estimate_of(runs: Sequence[SweepRow], name: str) -> Estimate | None:
    """Return a figure with its interval: a single run's own, or the mean over seeds; None if no run has it.

    A mean's interval is by Student's t from the runs' figures, as with `run --seeds`, but on each side at least as wide
    as the runs' own intervals imply; intervals of runs that the seed does not change are kept.
    """
    known = [(run, value) for run in runs if (value := _number(run, name)) is not None]
    if not known:
        return None
    ends = [(_number(run, f"intervals.{name}.low"), _number(run, f"intervals.{name}.high")) for run, _ in known]
    if len(known) == 1:
        return Estimate(known[0][1], *ends[0])
    values = [value for _, value in known]
    mean, half = mean_of_runs(values)
    own = [
        (value - low, high - value)
        for value, (low, high) in zip(values, ends, strict=True)
        if low is not None and high is not None
    ]
    narrower = len(own) * (sqrt(len(own)) if len(set(values)) > 1 else 1.0)
    below, above = (max(half, fsum(side) / narrower) for side in zip(*own, strict=True)) if own else (half, half)
    least = least_latency(name, [run.figures for run, _ in known])
    return Estimate(mean, *within_possible(name, mean, (mean - below, mean + above), least))


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
    """Return the name of the throughput figure: to VMs, or to the wire if no point delivers anything to VMs."""
    done = [point for point in points if point.done]
    if any(point.value(GBPS) for point in done) or not any(point.value(TO_WIRE) for point in done):
        return GBPS
    return TO_WIRE


def best_of(points: Sequence[Point], throughput: str) -> Point | None:
    """Return the point with most throughput, None where none is done.

    Ties are broken by p99 latency, then cost, then order; a missing figure counts as the worst.
    """
    return min((point for point in points if point.done), key=lambda point: rank_of(point, throughput), default=None)


def among_known(points: Sequence[Point], figure: str) -> str:
    """Say how many points have a throughput, or p99 latency, if others' windows are too short; empty if all have."""
    done = [point for point in points if point.done]
    n_missing = sum(point.value(figure) is None for point in done)
    if not 0 < n_missing < len(done):
        return ""
    others = "the other's window is" if n_missing == 1 else "the others' windows are"
    wanted = _WANTED.get(figure, "rates")
    return f" (among {len(done) - n_missing:,} of {len(done):,} points; {others} too short for {wanted})"


def quickest_of(points: Sequence[Point], throughput: str) -> Point | None:
    """Return the point with the least p99 latency, ties broken as by `best_of`; None if no point has one."""
    known = (point for point in points if point.value(P99) is not None)
    return min(known, key=lambda point: (point.value(P99), *rank_of(point, throughput)), default=None)


def rank_of(point: Point, throughput: str) -> tuple[float, float, float]:
    """Return a point's sort key, best first: throughput, then p99 latency, then cost."""
    gbps, p99_ns = point.value(throughput), point.value(P99)
    return (inf if gbps is None else -gbps, inf if p99_ns is None else p99_ns, point.cost or 0.0)


def _number(run: SweepRow, name: str) -> float | None:
    value = run.figures.get(name)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


# ---- Axes, cuts and knees ----


MOST_LINES = 6
MOST_ALONG = 60  # points of one line; a figure of this width cannot show more


@dataclass(frozen=True)
class SweptAxis:
    """Hold an axis with several values, in the order for pictures, and how much it influences.

    `numbers`: the values as numbers, in `unit`, None where they are none. `effect`: the relative change of throughput
    plus that of p99 latency between its values. `in_step`: other axes that vary with it, one to one.
    """

    key: str
    unit: str
    values: tuple[Any, ...]
    numbers: tuple[float, ...] | None
    effect: float = 0.0
    in_step: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """Return the key with its unit."""
        return f"{self.key}, {self.unit}" if self.unit else self.key

    @cached_property
    def names(self) -> list[str]:
        """Return the values as text."""
        return [value_text(value) for value in self.values]


def swept_axes(sweep: SweepResult, points: Sequence[Point], throughput: str) -> tuple[SweptAxis, ...]:
    """Return the axes with at least two values, most influential first; axes in step are merged into one."""
    axes = [_ordered(axis) for axis in sweep.axes if axis.key != SEED]
    axes = sorted((axis for axis in axes if len(axis.values) > 1), key=lambda axis: axis.numbers is None)
    found: list[SweptAxis] = []
    for axis in axes:
        leader = next((at for at, other in enumerate(found) if _go_in_step(other.key, axis.key, points)), None)
        if leader is None:
            effect = sum(_effect(axis.key, name, points) for name in (throughput, P99))
            found.append(replace(axis, effect=effect))
        else:
            found[leader] = replace(found[leader], in_step=(*found[leader].in_step, axis.key))
    return tuple(sorted(found, key=lambda axis: -axis.effect))


def cut(points: Iterable[Point], held: Mapping[str, Any]) -> list[Point]:
    """Return the points that have the values in `held`."""
    wanted = {key: identity(value) for key, value in held.items()}
    return [point for point in points if all(point.places[key] == one for key, one in wanted.items())]


def along(axis: SweptAxis, points: Iterable[Point]) -> list[Point]:
    """Return points in the order of an axis."""
    place = {identity(value): at for at, value in enumerate(axis.values)}
    return sorted(points, key=lambda point: place[point.places[axis.key]])


def evenly(values: Sequence[Any], most: int, also: Any = None) -> list[Any]:
    """Return at most `most` values, evenly spread from first to last, including `also` if it occurs."""
    if len(values) <= most:
        return list(values)
    chosen = sorted({round(at * (len(values) - 1) / (most - 1)) for at in range(most)})
    wanted = next((at for at, value in enumerate(values) if identity(value) == identity(also)), None)
    if wanted is not None and wanted not in chosen:
        inner = chosen[1:-1] or chosen
        chosen[chosen.index(min(inner, key=lambda at: abs(at - wanted)))] = wanted
    return [values[at] for at in sorted(chosen)]


def held_values(axes: Iterable[SweptAxis], best: Point, varied: Sequence[str]) -> dict[str, Any]:
    """Return the values held in a cut: the best point's, for each axis that does not vary."""
    return {axis.key: best.axes[axis.key] for axis in axes if axis.key not in varied}


def _ordered(axis: SweepAxis) -> SweptAxis:
    numbers = axis.numbers
    if numbers is None:
        return SweptAxis(axis.key, "", axis.values, None)
    order = sorted(range(len(numbers)), key=numbers.__getitem__)
    values = tuple(axis.values[at] for at in order)
    return SweptAxis(axis.key, axis.unit, values, tuple(numbers[at] for at in order))


def _go_in_step(one: str, other: str, points: Sequence[Point]) -> bool:
    pairs = {(point.places[one], point.places[other]) for point in points}
    return len(pairs) == len({first for first, _ in pairs}) == len({second for _, second in pairs})


def _effect(key: str, name: str, points: Sequence[Point]) -> float:
    """Return the relative change of a figure's mean between the values of an axis."""
    values: dict[str, list[float]] = {}
    for point in points:
        value = point.value(name)
        if value is not None:
            values.setdefault(point.places[key], []).append(value)
    means = [sum(each) / len(each) for each in values.values()]
    return (max(means) - min(means)) / max(means) if means and max(means) > 0 else 0.0


WITHIN = 0.95  # of the maximum: what counts as reaching it
_STILL_RISING = 0.5  # of the slope before a knee; with more after it, it is none

RISES, RISING, FALLS, FALLING, PEAK, FLAT, UNEVEN = "rises", "rising", "falls", "falling", "peak", "flat", "uneven"


class Knee(NamedTuple):
    """Describe a curve's shape, and between which of its points it is at 95 % of its maximum.

    `shape`: rising to a knee at `first`; still rising at its end; falling after a knee at `last`; falling from its
    start; a peak from `first` to `last`; flat; uneven, if it falls below 95 % and comes back.
    """

    shape: str
    first: int
    last: int


def knee_of(xs: Sequence[float], ys: Sequence[float]) -> Knee:
    """Return the knee of a curve of two points or more, `xs` rising.

    The knee is the first point with 95 % of the maximum, if the mean slope after it is less than half that before it;
    for a falling curve, the same from its end.
    """
    top, end = max(ys), len(ys) - 1
    near = [at for at, y in enumerate(ys) if y >= WITHIN * top]
    first, last = near[0], near[-1]
    if len(near) == len(ys):
        return Knee(FLAT, first, last)
    if len(near) <= last - first:
        return Knee(UNEVEN, first, last)
    if last == end:
        return Knee(RISES if _bends(xs, ys, first) else RISING, first, last)
    if first == 0:
        back = [-x for x in reversed(xs)], list(reversed(ys))
        return Knee(FALLS if _bends(*back, end - last) else FALLING, first, last)
    return Knee(PEAK, first, last)


def _bends(xs: Sequence[float], ys: Sequence[float], at: int) -> bool:
    if at == len(xs) - 1:
        return False
    slope = (ys[at] - ys[0]) / (xs[at] - xs[0])
    return max(ys) - ys[at] < _STILL_RISING * slope * (xs[-1] - xs[at])


# ---- The whole ----


@dataclass(frozen=True)
class Reading:
    """Hold what the parts of a sweep's page are made from.

    `throughput`: the name of the throughput figure. `axes`: those with several values, most influential first. `best`:
    the point with most throughput, None if no run is done.
    """

    sweep: SweepResult
    points: tuple[Point, ...]
    throughput: str
    axes: tuple[SweptAxis, ...]
    best: Point | None

    @property
    def done(self) -> tuple[Point, ...]:
        """Return the points with a finished run."""
        return tuple(point for point in self.points if point.status == DONE)

    @property
    def failed(self) -> tuple[Point, ...]:
        """Return the points whose runs failed, none being done."""
        return tuple(point for point in self.points if point.status == FAILED)

    @property
    def to(self) -> str:
        """Return where the throughput goes, as words."""
        return "to the wire" if self.throughput == TO_WIRE else "to VMs"

    def is_measured(self) -> bool:
        """Say whether any point has a throughput or a p99 latency."""
        return any(point.value(name) is not None for point in self.done for name in (GBPS, TO_WIRE, MPPS, P99))

    def cut_along(self, axis: SweptAxis) -> list[Point]:
        """Return the finished points along an axis through the best point."""
        if self.best is None:
            return []
        return along(axis, cut(self.done, held_values(self.axes, self.best, [axis.key])))

    def cut_where_it_matters(self, axis: SweptAxis) -> list[Point]:
        """Return the points along an axis, the others held, where it changes the throughput by the largest share."""
        cuts: dict[str, list[Point]] = {}
        for point in self.done:
            if point.value(self.throughput) is not None:
                cuts.setdefault(identity(held_values(self.axes, point, [axis.key])), []).append(point)
        most = max(cuts.values(), key=lambda points: spread_of(points, self.throughput), default=[])
        return along(axis, most)

    @property
    def workloads(self) -> list[list[Point]]:
        """Return the finished points grouped by workload (equal values of all `workload.` axes)."""
        keys = [axis.key for axis in self.axes if axis.key.startswith(LOAD)]
        found: dict[str, list[Point]] = {}
        for point in self.done:
            found.setdefault(identity({key: point.axes[key] for key in keys}), []).append(point)
        return list(found.values())

    def held_words(self, *varied: str) -> str:
        """Return the values, the best point's, at which the axes not varied are held: `nic.vfs=8`."""
        return "" if self.best is None else assignments(held_values(self.axes, self.best, varied).items())


def spread_of(points: Sequence[Point], throughput: str) -> float:
    """Return the spread of some points' throughput as a share of their maximum."""
    values = [value for point in points if (value := point.value(throughput)) is not None]
    return 1 - min(values) / max(values) if values and max(values) > 0 else 0.0


def read_sweep_result(sweep: SweepResult) -> Reading:
    """Put a sweep into order."""
    points = points_of(sweep)
    throughput = throughput_name(points)
    return Reading(sweep, points, throughput, swept_axes(sweep, points, throughput), best_of(points, throughput))


def point_words(point: Point, axes: Sequence[SweptAxis]) -> str:
    """Return a point's values along the axes that vary: `pcie.lanes=8 and workload.frame_bytes=64`."""
    keys = {key for axis in axes for key in (axis.key, *axis.in_step)}
    return assignments((key, value) for key, value in point.axes.items() if key in keys)


def assignments(pairs: Iterable[tuple[str, Any]]) -> str:
    """Return keys with values as a list in words."""
    return listed([f"{key}={value_text(value)}" for key, value in pairs])
