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

from collections.abc import Sequence
from math import sqrt
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from hwmodel.results.student_t import student_t_975

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

NUMBERS_OF_BATCHES = (40, 20, 10)
NEIGHBOURS = 1.28  # standard errors of the correlation of neighbours that pass for chance
MOST_CORRELATED = 0.9
MOST_WIDENED = 4  # times the interval of independent batches; beyond, the window is short beside the memory


class Estimate(NamedTuple):
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
    return None if np.count_nonzero(chosen[1:] != chosen[:-1]) < n_batches else chosen


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
    cuts = [
        _cut(above, below, least_below, chosen)
        for chosen in (boundaries(at_fs, n_batches) for n_batches in NUMBERS_OF_BATCHES)
        if chosen is not None
    ]
    return _estimates(cuts) if cuts else [None for _ in ratios]


class _Cut(NamedTuple):
    """Hold what one cut into batches says of each ratio: half of its interval, and that of independent batches.

    `is_known`: each batch has enough below. `is_chance`: what neighbours have in common may be chance.
    """

    half_width: Floats
    of_independent: Floats
    is_known: Bools
    is_chance: Bools
    is_exact: Bools
    n_batches: npt.NDArray[np.int64]


def _estimates(cuts: Sequence[_Cut]) -> list[Estimate | None]:
    """Return the intervals that stand, from those of the cuts, the most batches first."""
    all_cuts = _Cut(*(np.stack(each) for each in zip(*cuts, strict=True)))
    ratios = np.arange(all_cuts.is_known.shape[1])
    first = all_cuts.is_known.argmax(axis=0)
    widest = np.where(all_cuts.is_known, all_cuts.half_width, -1.0).argmax(axis=0)
    chosen = np.where(np.all(all_cuts.is_chance | ~all_cuts.is_known, axis=0), first, widest)
    is_exact = all_cuts.is_exact[first, ratios]
    chosen[is_exact] = first[is_exact]
    half_width = np.where(is_exact, 0.0, all_cuts.half_width[chosen, ratios])
    is_independent = is_exact | (half_width <= MOST_WIDENED * all_cuts.of_independent[first, ratios])
    found = map(Estimate, half_width.tolist(), all_cuts.n_batches[chosen, ratios].tolist(), is_independent.tolist())
    is_any_known: Bools = np.any(all_cuts.is_known, axis=0)
    return [one if known else None for one, known in zip(found, is_any_known, strict=True)]


def _cut(above: Floats, below: Floats, least_below: Floats, chosen: npt.NDArray[np.intp]) -> _Cut:
    """Return half of each interval, widened for the correlation of neighbours, and whether that may be chance."""
    deviations, is_known = _deviations(above, below, least_below, chosen)
    n, squares = deviations.shape[1], (deviations**2).sum(axis=1)
    of_independent = student_t_975(n - 1) * np.sqrt(squares / (n - 1) / n)
    neighbours = np.ascontiguousarray(deviations[:, 1:] * deviations[:, :-1]).sum(axis=1)
    has_any = squares > 0
    # Round their own mean, n independent values have a correlation of -1 / n on average; others lose more of theirs (F.
    # H. C. Marriott and J. A. Pope, Biometrika 41(3/4), 1954).
    found = np.divide(neighbours, squares, out=np.zeros(len(squares)), where=has_any)
    correlation = np.minimum(np.maximum((found + 1 / n) / (1 - 3 / n), 0.0), MOST_CORRELATED)
    return _Cut(
        half_width=np.where(has_any, of_independent * np.sqrt((1 + correlation) / (1 - correlation)), 0.0),
        of_independent=of_independent,
        is_known=is_known,
        is_chance=~has_any | (found <= NEIGHBOURS * sqrt((n - 2) / (n * n - 1)) - 1 / n),
        is_exact=~np.any(deviations, axis=1),
        n_batches=np.full(len(squares), n),
    )


def _deviations(
    above: Floats, below: Floats, least_below: Floats, chosen: npt.NDArray[np.intp]
) -> tuple[Floats, Bools]:
    """Return by how much batches deviate from the window's ratio, a row each, and which rows have enough below."""
    numerators = np.diff(np.take(above, chosen, axis=1), axis=1)
    denominators = np.diff(np.take(below, chosen, axis=1), axis=1)
    is_known: Bools = np.all(denominators >= least_below[:, None], axis=1)
    denominators = np.where(is_known[:, None], denominators, 1.0)  # what is not known is not looked at
    ratio = numerators.sum(axis=1) / denominators.sum(axis=1)
    return (numerators - denominators * ratio[:, None]) / denominators.mean(axis=1)[:, None], is_known
