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

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import NamedTuple

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


class Ratio(NamedTuple):
    """Hold two amounts, both cumulative at the marks, whose ratio is sought; `least_below`: what each batch needs."""

    above: Floats
    below: Floats
    least_below: float = 1


def ratio_estimate(at_fs: Floats, above: Floats, below: Floats, least_below: float = 1) -> Estimate | None:
    """Return the interval of a ratio of two amounts, both cumulative at the marks: bytes to time, sums to counts.

    None where the marks are too few or a batch has less than `least_below` below.
    """
    return ratio_estimates(at_fs, [Ratio(above, below, least_below)])[0]


def ratio_estimates(at_fs: Floats, ratios: Sequence[Ratio]) -> list[Estimate | None]:
    """Return the intervals of many ratios between the same marks, all at once."""
    above, below = np.stack([one.above for one in ratios]), np.stack([one.below for one in ratios])
    least_below = np.array([one.least_below for one in ratios], np.float64)
    found: list[list[_Cut]] = [[] for _ in ratios]
    for n_batches in NUMBERS_OF_BATCHES:
        chosen = boundaries(at_fs, n_batches)
        if chosen is not None:
            deviations, is_known = _deviations(above, below, least_below, chosen)
            for cuts, cut, is_enough in zip(found, _widened(deviations), is_known.tolist(), strict=True):
                if is_enough:
                    cuts.append(cut)
    return [_estimate(cuts) for cuts in found]


class _Cut(NamedTuple):
    """Hold what one cut into batches says of a ratio: half of its interval, and that of independent batches."""

    half_width: float
    of_independent: float
    is_chance: bool
    is_exact: bool
    n_batches: int


def _estimate(cuts: Sequence[_Cut]) -> Estimate | None:
    """Return the interval that stands, from those of the cuts, the most batches first."""
    if not cuts:
        return None
    if cuts[0].is_exact:
        return Estimate(0.0, cuts[0].n_batches, True)
    chosen = cuts[0] if all(cut.is_chance for cut in cuts) else max(cuts, key=lambda cut: cut.half_width)
    return Estimate(
        chosen.half_width,
        n_batches=chosen.n_batches,
        is_independent=chosen.half_width <= MOST_WIDENED * cuts[0].of_independent,
    )


def _deviations(
    above: Floats, below: Floats, least_below: Floats, chosen: npt.NDArray[np.intp]
) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Return by how much batches deviate from the window's ratio, a row each, and which rows have enough below."""
    numerators = np.diff(np.take(above, chosen, axis=1), axis=1)
    denominators = np.diff(np.take(below, chosen, axis=1), axis=1)
    is_known: npt.NDArray[np.bool_] = np.all(denominators >= least_below[:, None], axis=1)
    denominators = np.where(is_known[:, None], denominators, 1.0)  # what is not known is not looked at
    ratio = numerators.sum(axis=1) / denominators.sum(axis=1)
    return (numerators - denominators * ratio[:, None]) / denominators.mean(axis=1)[:, None], is_known


def _widened(deviations: Floats) -> Iterator[_Cut]:
    """Yield half of each interval, widened for the correlation of neighbours, and whether that may be chance."""
    n, squares = deviations.shape[1], (deviations**2).sum(axis=1)
    of_independent = student_t_975(n - 1) * np.sqrt(squares / (n - 1) / n)
    neighbours = np.ascontiguousarray(deviations[:, 1:] * deviations[:, :-1]).sum(axis=1)
    has_any = squares > 0
    # Round their own mean, n independent values have a correlation of -1 / n on average; others lose more of theirs (F.
    # H. C. Marriott and J. A. Pope, Biometrika 41(3/4), 1954).
    found = np.divide(neighbours, squares, out=np.zeros(len(squares)), where=has_any)
    correlation = np.clip((found + 1 / n) / (1 - 3 / n), 0.0, MOST_CORRELATED)
    half_width = np.where(has_any, of_independent * np.sqrt((1 + correlation) / (1 - correlation)), 0.0)
    is_chance = ~has_any | (found <= NEIGHBOURS * sqrt((n - 2) / (n * n - 1)) - 1 / n)
    is_exact = ~np.any(deviations, axis=1)
    columns = (half_width.tolist(), of_independent.tolist(), is_chance.tolist(), np.asarray(is_exact).tolist())
    for half, independent, chance, exact in zip(*columns, strict=True):
        yield _Cut(half, independent, chance, exact, n)
