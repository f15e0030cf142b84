"""95 % confidence intervals by batch means, from marks that a run has left on its way through the window.

Batches of equal length are nearly independent where they are long beside the memory of the queues; of several numbers
of batches the largest is taken whose means do not correlate with their neighbours (J. von Neumann's ratio; A. M. Law,
Simulation Modeling and Analysis, chapter 9). Where even the fewest correlate, the interval is widened as for a first
order autoregression, and said to be doubtful.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

NUMBERS_OF_BATCHES = (40, 20, 10)
NEIGHBOURS = 1.28  # standard errors of the correlation of neighbours that pass for chance
MOST_CORRELATED = 0.9
# Student's t for 97.5 %, 1 to 30 degrees of freedom (NIST/SEMATECH e-Handbook of Statistical Methods, 1.3.6.7.2).
_T_975 = (
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131,
    2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
)  # fmt: skip
_Z_975 = 1.959964


@dataclass(frozen=True)
class Estimate:
    """Hold half of a 95 % interval, how many batches it is from, and whether they may be taken as independent."""

    half_width: float
    n_batches: int
    is_independent: bool


def student_t_975(degrees: int) -> float:
    """Return the 97.5 % point of Student's t; ValueError for less than one degree of freedom.

    Above 30 degrees by the first terms of Fisher's expansion, right to the third decimal.
    """
    if degrees < 1:
        raise ValueError("an interval needs two samples or more")
    if degrees <= len(_T_975):
        return _T_975[degrees - 1]
    z = _Z_975
    return z + (z**3 + z) / (4 * degrees) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * degrees**2)


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
    found = None
    for n_batches in NUMBERS_OF_BATCHES:
        chosen = boundaries(at_fs, n_batches)
        if chosen is None:
            continue
        numerators, denominators = np.diff(above[chosen]), np.diff(below[chosen])
        if (denominators < least_below).any():
            continue
        residues = numerators - denominators * (numerators.sum() / denominators.sum())
        found = _estimate(residues / denominators.mean())
        if found.is_independent:
            return found
    return found


def _estimate(residues: Floats) -> Estimate:
    """Return the interval from the deviations of the batches."""
    n = len(residues)
    squares = float((residues**2).sum())
    half_width = student_t_975(n - 1) * sqrt(squares / (n - 1) / n)
    if squares == 0:
        return Estimate(0.0, n, True)
    # Round their own mean, n independent values have a correlation of -1 / n on average; others lose more of theirs (F.
    # H. C. Marriott and J. A. Pope, Biometrika 41(3/4), 1954).
    correlation = float((residues[1:] * residues[:-1]).sum()) / squares
    is_independent = correlation <= NEIGHBOURS * sqrt((n - 2) / (n * n - 1)) - 1 / n
    if not is_independent:
        correlation = min((correlation + 1 / n) / (1 - 3 / n), MOST_CORRELATED)
        half_width *= sqrt((1 + correlation) / (1 - correlation))
    return Estimate(half_width, n, is_independent)
