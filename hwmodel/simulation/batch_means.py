"""95 % confidence intervals by batch means, from marks that a run has left on its way through the window.

Batches of equal length are nearly independent where they are long beside the memory of the queues. The window is cut
into 40 of them, into 20 and into 10, and each cut is asked whether neighbours correlate (J. von Neumann's ratio; A. M.
Law, Simulation Modeling and Analysis, chapter 9). Where none does, the 40 give the interval; where one does, the widest
of the three intervals stands. Each is widened for what correlation was found, as for a first order autoregression,
significant or not (as in N-Skart: A. Tafazzoli, N. M. Steiger, J. R. Wilson, IEEE Transactions on Automatic Control
56(2), 2011): a test on so few batches overlooks much. An interval much wider than that of independent batches is said
to be doubtful.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import sqrt

import numpy as np
import numpy.typing as npt

from hwmodel.results.student_t import student_t_975

Floats = npt.NDArray[np.float64]

NUMBERS_OF_BATCHES = (40, 20, 10)
NEIGHBOURS = 1.28  # standard errors of the correlation of neighbours that pass for chance
MOST_CORRELATED = 0.9
MOST_WIDENED = 4  # times the interval of independent batches; beyond, the window is short beside the memory


@dataclass(frozen=True)
class Estimate:
    """Hold half of a 95 % interval, how many batches it is from, and whether they may be taken as independent."""

    half_width: float
    n_batches: int
    is_independent: bool


def boundaries(at_fs: Floats, n_batches: int) -> npt.NDArray[np.intp] | None:
    """Return the numbers of the marks that cut a window into batches of nearly equal length; None for too few."""
    if len(at_fs) < n_batches + 1:
        return None
    wanted = np.linspace(at_fs[0], at_fs[-1], n_batches + 1)
    chosen = np.abs(at_fs[None, :] - wanted[:, None]).argmin(axis=1)
    return None if len(np.unique(chosen)) <= n_batches else chosen


def ratio_estimate(at_fs: Floats, above: Floats, below: Floats, least_below: float = 1) -> Estimate | None:
    """Return the interval of a ratio of two amounts, both cumulative at the marks: bytes to time, sums to counts.

    None where the marks are too few or a batch has less than `least_below` below.
    """
    cuts = list(_deviations(at_fs, above, below, least_below))
    if not cuts:
        return None
    if not cuts[0].any():
        return Estimate(0.0, len(cuts[0]), True)
    widened = [_widened(deviations) for deviations in cuts]
    chosen = 0 if all(is_chance for _, is_chance in widened) else int(np.argmax([half for half, _ in widened]))
    half_width = widened[chosen][0]
    return Estimate(
        half_width,
        n_batches=len(cuts[chosen]),
        is_independent=half_width <= MOST_WIDENED * _of_independent(cuts[0]),
    )


def _deviations(at_fs: Floats, above: Floats, below: Floats, least_below: float) -> Iterator[Floats]:
    """Yield by how much the batches deviate from the whole window's ratio, the most batches first."""
    for n_batches in NUMBERS_OF_BATCHES:
        chosen = boundaries(at_fs, n_batches)
        if chosen is None:
            continue
        numerators, denominators = np.diff(above[chosen]), np.diff(below[chosen])
        if (denominators >= least_below).all():
            yield (numerators - denominators * (numerators.sum() / denominators.sum())) / denominators.mean()


def _of_independent(deviations: Floats) -> float:
    """Return half of the interval that batches give where they are independent."""
    n = len(deviations)
    return student_t_975(n - 1) * sqrt(float((deviations**2).sum()) / (n - 1) / n)


def _widened(deviations: Floats) -> tuple[float, bool]:
    """Return half of the interval, widened for the correlation of neighbours, and whether that may be chance."""
    n, squares = len(deviations), float((deviations**2).sum())
    if squares == 0:
        return 0.0, True
    # Round their own mean, n independent values have a correlation of -1 / n on average; others lose more of theirs (F.
    # H. C. Marriott and J. A. Pope, Biometrika 41(3/4), 1954).
    found = float((deviations[1:] * deviations[:-1]).sum()) / squares
    correlation = min(max(0.0, (found + 1 / n) / (1 - 3 / n)), MOST_CORRELATED)
    half_width = _of_independent(deviations) * sqrt((1 + correlation) / (1 - correlation))
    return half_width, found <= NEIGHBOURS * sqrt((n - 2) / (n * n - 1)) - 1 / n
