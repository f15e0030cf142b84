"""95 % confidence intervals of ratios by standardized time series, from marks that a run has left in its window.

What a long series' mean may be off by is in its slow ups and downs. A window's deviations from its mean are weighted
with cosines of half a period to the window, of one, one and a half and so on: for a window long beside the memory these
sums are independent, and all of the variance that the mean has. So they are for Student's t what independent batches
would be, without a choice of where to cut (orthonormally weighted standardized time series: R. D. Foley, D. Goldsman,
ACM TOMACS 9(4), 1999; after L. Schruben, Operations Research 31(6), 1983; in the frequency domain P. Heidelberger, P.
D. Welch, Communications of the ACM 24(4), 1981). Twelve are taken. Where the slower six say clearly more than the
others, the queues' memory reaches that far: then the six alone give the interval, if it is the wider one.
tests/test_simulation_standardized_series.py says how often that holds of queues with known answers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from hwmodel.results.student_t import student_t_975

Floats = npt.NDArray[np.float64]

N_WEIGHTS = 12
SLICES_A_WEIGHT = 2  # at least: a faster cosine says nothing of fewer slices
LEAST_WEIGHTS = 4
SLOWER, SLOWER_STILL = 1.5, 3.0  # times the mean square of the next ones, beyond which a half, a quarter alone counts
OF_A_RISE = np.pi**2 / (2 * np.sqrt(2))  # times the slowest sum: the rise of a straight line that makes it


class Ratio(NamedTuple):
    """Hold two amounts, both cumulative at the marks, whose ratio is sought."""

    above: Floats
    below: Floats


class Estimate(NamedTuple):
    """Hold half of a 95 % interval, and what tells whether the window is long enough for it.

    `memory`: the mean square of the slower half of the sums by that of the faster half; 1 for a long window. `trend`:
    the square of the slowest sum by the mean square of the others; of chance an F of one and many degrees of freedom.
    `rise`: by how much the ratio rises from the window's start to its end, if it is that of a straight line.
    """

    half_width: float
    memory: float = 1.0
    trend: float = 0.0
    rise: float = 0.0


def ratio_estimate(at_fs: Floats, above: Floats, below: Floats) -> Estimate | None:
    """Return the interval of a ratio of two amounts, both cumulative at the marks: bytes to time, sums to counts.

    None where the marks are too few, or nothing is below.
    """
    return ratio_estimates(at_fs, [Ratio(above, below)])[0]


def ratio_estimates(at_fs: Floats, ratios: Sequence[Ratio], most_degrees: int = N_WEIGHTS) -> list[Estimate | None]:
    """Return the intervals of many ratios between the same marks, all at once.

    `most_degrees`: of freedom; a window of three bursts knows no more of how they vary than three numbers do.
    """
    n_slices = len(at_fs) - 1
    n_weights = min(N_WEIGHTS, n_slices // SLICES_A_WEIGHT)
    if n_weights < LEAST_WEIGHTS:
        return [None for _ in ratios]
    above, below = (np.diff(np.stack(each)) for each in zip(*ratios, strict=True))
    total = below.sum(axis=1)
    is_known = total > 0
    total[~is_known] = 1.0  # what is not known is not looked at
    deviations = (above - below * (above.sum(axis=1) / total)[:, None]) / total[:, None]
    sums = deviations @ _weights(at_fs, n_weights)
    # A mean of no ups and downs is off by the last digits of floats alone.
    sums[np.abs(deviations).max(axis=1) <= ROUNDING * (np.abs(above).sum(axis=1) / total) / n_slices] = 0.0
    found = map(Estimate, *_figures(sums, most_degrees))
    return [one if known else None for one, known in zip(found, is_known.tolist(), strict=True)]


ROUNDING = 1e-12


def _weights(at_fs: Floats, n_weights: int) -> Floats:
    """Return the cosines at the middles of the slices between marks, a column each, of mean square 1."""
    passed = (at_fs - at_fs[0]) / (at_fs[-1] - at_fs[0])
    middles = (passed[1:] + passed[:-1]) / 2
    return np.asarray(np.sqrt(2) * np.cos(np.pi * middles[:, None] * np.arange(1, n_weights + 1)))


def _figures(sums: Floats, most_degrees: int) -> tuple[list[float], list[float], list[float], list[float]]:
    """Return of each row of weighted sums the fields of an `Estimate`."""
    squares = sums**2
    n_weights = squares.shape[1]
    half = student_t_975(min(n_weights, most_degrees)) * np.sqrt(squares.mean(axis=1))
    for n_slow, slower in ((n_weights // 2, SLOWER), (n_weights // 4, SLOWER_STILL)):
        slow, next_ones = squares[:, :n_slow].mean(axis=1), squares[:, n_slow : 2 * n_slow].mean(axis=1)
        half_of_slow = np.where(
            slow > slower * next_ones, student_t_975(min(n_slow, most_degrees)) * np.sqrt(slow), 0.0
        )
        half = np.maximum(half, half_of_slow)
    slow, fast = (each.mean(axis=1) for each in np.hsplit(squares, [n_weights // 2]))
    memory = np.divide(slow, fast, out=np.ones(len(slow)), where=fast > 0)
    others = squares[:, 1:].mean(axis=1)
    trend = np.divide(squares[:, 0], others, out=np.zeros(len(slow)), where=others > 0)
    return half.tolist(), memory.tolist(), trend.tolist(), (-OF_A_RISE * sums[:, 0]).tolist()
