"""Student's t, exactly, for intervals of a few runs or batches and for how probable it is that a mean meets a bound."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from math import exp, fsum, lgamma, log, sqrt

NORMAL_975 = 1.959964  # 97.5 % of a normal distribution lie below it
_NOT_ZERO, _PRECISION = 1e-300, 1e-15


def student_t_below(t: float, degrees: int) -> float:
    """Return the share of Student's t distribution below `t`; ValueError for less than one degree of freedom.

    By the incomplete beta function (M. Abramowitz and I. Stegun, Handbook of Mathematical Functions, 26.7.1).
    """
    if degrees < 1:
        raise ValueError("an interval needs two samples or more")
    outside = _beta_share(degrees / 2, 0.5, degrees / (degrees + t * t), t * t / (degrees + t * t))
    return 1 - outside / 2 if t > 0 else outside / 2


@cache  # takes 0.3 to 0.7 ms, and a result's figures need only a few different ones
def student_t_975(degrees: int) -> float:
    """Return the 97.5 % point of Student's t; ValueError for less than one degree of freedom."""
    return _point(0.975, degrees, 1.9, 13.0)  # 1.96 for a normal distribution, 12.71 for one degree of freedom


@cache
def student_t_point(share: float, degrees: int) -> float:
    """Return below which t this share of Student's t lies, between 0.5 and 1 - 1e-9; ValueError as `student_t_975`."""
    return _point(share, degrees, 0.0, 1e9)  # 3e8 for one degree of freedom and the greatest share


def _point(share: float, degrees: int, low: float, high: float) -> float:
    """Return the point between two others."""
    while True:
        middle = (low + high) / 2
        if middle in (low, high):
            return high
        low, high = (middle, high) if student_t_below(middle, degrees) < share else (low, middle)


def mean_of_runs(figures: Sequence[float]) -> tuple[float, float]:
    """Return the mean of the figures of two runs or more, and half its 95 % interval."""
    n = len(figures)
    mean = fsum(figures) / n
    return mean, student_t_975(n - 1) * sqrt(fsum((figure - mean) ** 2 for figure in figures) / (n - 1) / n)


def _beta_share(a: float, b: float, x: float, rest: float) -> float:
    """Return the regularised incomplete beta function of `x`; `rest`: 1 - x, given apart to keep its precision."""
    if x == 0 or rest == 0:
        return 0.0 if x == 0 else 1.0
    if x > (a + 1) / (a + b + 2):
        return 1 - _beta_share(b, a, rest, x)
    scale = lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log(rest)
    return exp(scale) / a * _continued_fraction(a, b, x)


def _continued_fraction(a: float, b: float, x: float) -> float:
    """Return the continued fraction of the incomplete beta function (26.5.8), by Lentz's way of evaluating one."""
    below, upper, lower, k = 1.0, 1.0, 0.0, 0
    while True:
        k += 1
        m = k // 2
        if k % 2:
            term = -(a + m) * (a + b + m) * x / ((a + k - 1) * (a + k))
        else:
            term = m * (b - m) * x / ((a + k - 1) * (a + k))
        lower = 1 / ((1 + term * lower) or _NOT_ZERO)
        upper = (1 + term / upper) or _NOT_ZERO
        below *= upper * lower
        if abs(upper * lower - 1) < _PRECISION:
            return 1 / below
