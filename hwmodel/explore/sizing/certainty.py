"""How sure runs are that a target is met: the spread of their seeds, and the interval of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import erf, sqrt
from statistics import fmean, stdev

from hwmodel.explore.sizing.targets import Measured, Target
from hwmodel.results.student_t import NORMAL_975, student_t_975, student_t_below

# Of the bound: what agrees more closely than that is not surer for it. (An arrival more in a window is as much.)
_LEAST_ERROR = 0.001


@dataclass(frozen=True)
class Estimate:
    """Hold the mean of a figure over runs, the half of its 95 % interval, whether it meets, and how probable that is.

    `mean` is None where a run gave no figure.
    """

    mean: float | None
    half: float
    is_met: bool
    probability: float


def estimate(
    target: Target, runs: Sequence[Measured], disturbed: Sequence[Measured] = (), *, are_alike: bool = False
) -> Estimate:
    """Put runs of several seeds together; `disturbed`: runs of a machine a little different, for how sure that is.

    `are_alike`: the seeds changed nothing, so that they count as one. The probability is the lower of two: Student's t
    for the spread, a normal distribution for the runs' own intervals. Where none may be lost and none was in n runs
    that differ, it is that of one more such run by Laplace's rule of succession, (n + 1) / (n + 2).
    """
    figures = [run.figure for run in runs if run.figure is not None]
    if not figures or len(figures) < len(runs):
        return Estimate(None, 0.0, False, 0.0)
    mean = fmean(figures)
    is_met = _room(target, mean) >= 0
    apart = figures[:1] if are_alike else figures
    known = [*apart, *(run.figure for run in disturbed if run.figure is not None)]
    n = len(known)
    within = sqrt(fmean((run.half / NORMAL_975) ** 2 for run in runs) / len(apart))
    between = stdev(apart) / sqrt(len(apart)) if len(apart) > 1 else 0.0
    half = max(NORMAL_975 * within, student_t_975(len(apart) - 1) * between if len(apart) > 1 else 0.0)
    if target.metric == "loss" and not target.bound and is_met and not any(known):
        return Estimate(mean, half, is_met, (n + 1) / (n + 2))
    least = _LEAST_ERROR * abs(target.bound)
    by_interval = _probability(_room(target, mean), max(within, least), None)
    spread = stdev(known) / sqrt(n) if n > 1 else 0.0
    by_spread = _probability(_room(target, fmean(known)), max(spread, least), n - 1) if n > 1 else 1.0
    return Estimate(mean, half, is_met, min(by_interval, by_spread))


def at_least(probabilities: Sequence[float]) -> float:
    """Return how probable it is at the least that all hold, however they hang together (Bonferroni)."""
    return max(0.0, 1.0 - sum(1.0 - one for one in probabilities))


def _room(target: Target, figure: float) -> float:
    return figure - target.bound if target.is_least else target.bound - figure


def _probability(room: float, error: float, degrees: int | None) -> float:
    if error == 0:
        return 1.0 if room >= 0 else 0.0
    t = room / error
    return student_t_below(t, degrees) if degrees else (1 + erf(t / sqrt(2))) / 2
