"""The targets, how far a run is from them, and how confident runs are that they are met."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import erf, sqrt
from statistics import fmean, stdev

from hwmodel.config.kinds import shown
from hwmodel.results import Result
from hwmodel.results.possible import within_possible
from hwmodel.results.student_t import NORMAL_975, student_t_975, student_t_below
from hwmodel.units import BPS_PER_GBPS, FRAME_RATE, FS_PER_NS, RATE, TIME, UnitError

LATENCIES = ("mean", "p50", "p99", "p999", "max")
RATES = ("gbps", "mpps")
METRICS = (*RATES, *LATENCIES, "loss")
_RULE_OF_THREE = 3
OPEN_LOAD_SHORTFALL = 0.015  # docs/results.md, `bottleneck` 3: 98.5 % of the demand delivered counts as all of it


@dataclass(frozen=True)
class Target:
    """Bound a figure: `gbps` and `mpps` from below, latencies (ns) and the share of frames lost from above."""

    metric: str
    bound: float

    @property
    def is_least(self) -> bool:
        """Tell whether the figure has to be at least the bound."""
        return self.metric in RATES

    @property
    def is_latency(self) -> bool:
        """Tell whether the figure is a time, in nanoseconds."""
        return self.metric in LATENCIES

    def room(self, figure: float) -> float:
        """Return by how much a figure is on the right side of the bound, in its unit."""
        return figure - self.bound if self.is_least else self.bound - figure

    def margin(self, figure: float) -> float:
        """Return by what share of the bound a figure is on the right side; for a bound of 0, the difference itself."""
        return self.room(figure) / self.bound if self.bound else self.room(figure)


@dataclass(frozen=True)
class Measured:
    """Hold a target's figure in one run, with the half of its 95 % interval; None where a run gave none of them.

    A latency has none where its window does not tell how far off it is.
    `least`: what the figure cannot be below, as a latency is not below the fastest frame.
    """

    figure: float | None
    half: float | None = 0.0
    least: float = 0.0


def measured(target: Target, result: Result) -> Measured:
    """Read a target's figure out of a result."""
    if target.metric == "loss":
        lost, of = result.lost_frames, result.due_frames
        if not of:
            return Measured(0.0)
        share = lost / of
        # Rule of three: no loss in n frames means a loss below 3 / n at 95 % confidence, if losses are independent.
        return Measured(share, (NORMAL_975 * sqrt(lost) if lost else _RULE_OF_THREE) / of)
    if target.is_latency:
        name, figure = f"latency_ns.{target.metric}", getattr(result.latency_ns, target.metric)
    elif result.window.vm_frames == 0 and result.window.wire_frames:
        # No frame is for a VM: frames on the wire count, as in the closed form.
        per_us = result.window.wire_frames / result.window.duration_ns * 1e3
        name, figure = "wire.tx_gbps", result.wire.tx_gbps if target.metric == "gbps" else per_us
    else:
        name, figure = f"totals.{target.metric}", getattr(result.totals, target.metric)
    ends, least = result.intervals.get(name), (result.latency_ns.min or 0.0) if target.is_latency else 0.0
    if figure is None or ends is None:
        return Measured(figure, None if target.is_latency else 0.0, least)
    return Measured(figure, max(ends[1] - figure, figure - ends[0]), least)


def read_target(metric: str, value: object) -> Target:
    """Make a target from a sizing file's value; raises ValueError, worded for the user, if it is no bound."""
    if metric == "gbps":
        return Target(metric, _rate(value, RATE.parse, BPS_PER_GBPS, "10 or 10Gbps"))
    if metric == "mpps":
        return Target(metric, _rate(value, FRAME_RATE.parse, 10**6, "2 or 2Mpps"))
    if metric == "loss":
        return Target(metric, _share(value))
    try:
        time_fs = TIME.parse(value)
    except UnitError as error:
        raise ValueError(str(error)) from None
    if not time_fs:
        raise ValueError("no frame takes no time; write the latency allowed, like 10us")
    return Target(metric, time_fs / FS_PER_NS)


def _rate(value: object, parse: Callable[[object], int], unit: int, example: str) -> float:
    if isinstance(value, str):
        try:
            rate: float | Fraction = Fraction(parse(value), unit)
        except UnitError as error:
            raise ValueError(str(error)) from None
    elif isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{shown(value)} is no rate; write it like {example}")
    else:
        rate = value
    if not 0 < rate < 1e6:
        raise ValueError(f"{shown(value)} is out of range; a rate to reach is above 0, below 1000000, like {example}")
    return float(rate)


def _share(value: object) -> float:
    share = value
    if isinstance(value, str) and value.strip().endswith("%"):
        with contextlib.suppress(ValueError, ZeroDivisionError):
            share = Fraction(value.strip().removesuffix("%").strip()) / 100
    if isinstance(share, bool) or not isinstance(share, int | float | Fraction):
        raise ValueError(f"{shown(value)} is no share; write the loss allowed like 0, 0.001 or 0.1%")
    if not 0 <= share < 1:
        hint = f" (did you mean {float(share):g}%?)" if 1 <= share < 100 and not isinstance(value, str) else ""
        raise ValueError(f"{shown(value)} is out of range; a share of frames is 0 or more and below 1{hint}")
    return float(share)


# ---- How sure: the spread of seeds, and the interval of each run ----


# Least standard error, as a share of the bound: closer agreement of runs adds no confidence, since one arrival more in
# a window changes as much.
_LEAST_ERROR = 0.001


@dataclass(frozen=True)
class Estimate:
    """Hold a figure's mean over runs, half its 95 % interval, whether it meets the target, and how probably so.

    `mean` is None where a run gave no figure. `ends`: the interval, cut at what the figure can be.
    """

    mean: float | None
    half: float
    is_met: bool
    probability: float
    ends: tuple[float, float] | None = None


def estimate(
    target: Target, runs: Sequence[Measured], disturbed: Sequence[Measured] = (), *, are_alike: bool = False
) -> Estimate:
    """Combine runs of several seeds; `disturbed`: runs of a slightly different machine, for interval and probability.

    `are_alike`: the seeds changed nothing, so the runs count as one. Interval and probability are of the same runs and
    errors: the wider, and the lower, of two, by Student's t from the spread of all runs and by a normal distribution
    from the runs' own intervals. So a bound inside the interval is never met with more than 97.5 %. Where no run has
    one, since its window does not tell, the spread alone counts; a single such run tells nothing. If no frame may be
    lost and none was in n differing runs, it is Laplace's rule of succession for one more run, (n + 1) / (n + 2).
    """
    figures = [run.figure for run in runs if run.figure is not None]
    if not figures or len(figures) < len(runs):
        return Estimate(None, 0.0, False, 0.0)
    mean = fmean(figures)
    is_met = target.room(mean) >= 0
    apart = figures[:1] if are_alike else figures
    known = [*apart, *(run.figure for run in disturbed if run.figure is not None)]
    n = len(known)
    halves = [run.half for run in runs if run.half is not None]
    unknown = 0.0 if n > 1 else abs(mean)
    within = sqrt(fmean((half / NORMAL_975) ** 2 for half in halves) / len(apart)) if halves else unknown
    beside = fmean(known)
    # The interval is drawn round the seeds' mean: it reaches as far as that of all runs, round theirs.
    t = student_t_975(n - 1) if n > 1 else 1.0
    spread = stdev(known) / sqrt(n) + abs(beside - mean) / t if n > 1 else 0.0
    half = max(NORMAL_975 * within, t * spread)
    ends = within_possible(
        target.metric, mean, (mean - half, mean + half), min(run.least for run in (*runs, *disturbed))
    )
    if target.metric == "loss" and not target.bound and is_met and not any(known):
        return Estimate(mean, half, is_met, (n + 1) / (n + 2), ends)
    least = _LEAST_ERROR * abs(target.bound)
    by_interval = _probability(target.room(mean), max(within, least), None)
    rooms = (target.room(mean), target.room(beside))
    by_spread = _probability(min(rooms), max(spread, least), n - 1) if n > 1 else 1.0
    return Estimate(mean, half, is_met, min(by_interval, by_spread), ends)


def at_least(probabilities: Sequence[float]) -> float:
    """Return a lower bound of the probability that all hold, whatever their dependence (Bonferroni)."""
    return max(0.0, 1.0 - sum(1.0 - one for one in probabilities))


def _probability(room: float, error: float, degrees: int | None) -> float:
    if error == 0:
        return 1.0 if room >= 0 else 0.0
    t = room / error
    return student_t_below(t, degrees) if degrees else (1 + erf(t / sqrt(2))) / 2
