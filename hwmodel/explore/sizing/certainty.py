"""How sure runs are that a target is met: the spread of their seeds, and the interval of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import erf, sqrt
from statistics import fmean, stdev

from hwmodel.explore.sizing.targets import Measured, Target
from hwmodel.results.student_t import NORMAL_975, student_t_975, student_t_below


@dataclass(frozen=True)
class Estimate:
    """Hold the mean of a figure over runs, the half of its 95 % interval, whether it meets, and how probable that is.

    `mean` is None where a run gave no figure.
    """

    mean: float | None
    half: float
    is_met: bool
    probability: float


def estimate(target: Target, runs: Sequence[Measured]) -> Estimate:
    """Put runs of several seeds together: by their spread, or the runs' own intervals where these are wider.

    Student's t for the spread, a normal distribution for the intervals; the lower of the two probabilities counts.
    """
    figures = [run.figure for run in runs if run.figure is not None]
    if not figures or len(figures) < len(runs):
        return Estimate(None, 0.0, False, 0.0)
    n, mean = len(figures), fmean(figures)
    room = (mean - target.bound) if target.is_least else (target.bound - mean)
    within = sqrt(fmean((run.half / NORMAL_975) ** 2 for run in runs) / n)
    between = stdev(figures) / sqrt(n) if n > 1 else 0.0
    by_interval = _probability(room, within, None)
    by_spread = _probability(room, between, n - 1) if n > 1 else 1.0
    half = max(NORMAL_975 * within, student_t_975(n - 1) * between if n > 1 else 0.0)
    return Estimate(mean, half, room >= 0, min(by_interval, by_spread if between else by_interval))


def at_least(probabilities: Sequence[float]) -> float:
    """Return how probable it is at the least that all hold, however they hang together (Bonferroni)."""
    return max(0.0, 1.0 - sum(1.0 - one for one in probabilities))


def _probability(room: float, error: float, degrees: int | None) -> float:
    if error == 0:
        return 1.0 if room >= 0 else 0.0
    t = room / error
    return student_t_below(t, degrees) if degrees else (1 + erf(t / sqrt(2))) / 2
