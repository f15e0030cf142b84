"""When a run has become steady: MSER-5 on its throughput, its latency and the depth of each of its buffers.

The marginal standard error rule (K. P. White, An effective truncation heuristic for bias reduction in simulation
output, Simulation 69(6), 1997) cuts off the first d observations where that makes the rest's standard error least; on
means of five (K. P. White, M. J. Cobb, S. C. Spratt, A comparison of five steady-state truncation heuristics for
simulation, Winter Simulation Conference 2000) it did best of those compared, and it has no parameter to tune: so it,
and neither Welch's graph, which wants an eye, nor a threshold on slices that agree, which a slow drift passes. A cut in
the second half says that the series is too short to tell; here a third is the most. A deterministic machine beats
against the slices in which it is looked at, and once it is steady its series is constant to the last digits, of which
the rule would keep ever fewer: so a late cut counts only where it moves the mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Series = Sequence[float] | Floats

OBSERVATIONS_A_MEAN = 5
LEAST_MEANS = 8  # below that a cut says nothing
MOST_CUT = 1 / 3  # a series of which more must be cut off is too short


class Cut(NamedTuple):
    """Say which share of a series MSER-5 cuts off, and the means behind that cut and behind `MOST_CUT`."""

    share: float
    mean: float
    mean_behind_most: float

    def moves_mean(self, by_more_than: float) -> bool:
        """Tell whether more than `MOST_CUT` is to be cut off, and that would move the mean."""
        return self.share > MOST_CUT and abs(self.mean - self.mean_behind_most) > by_more_than


def truncation(series: Series) -> Cut | None:
    """Return what MSER-5 cuts off a series; None where the series is too short to say."""
    n_means = len(series) // OBSERVATIONS_A_MEAN
    if n_means < LEAST_MEANS:
        return None
    means = np.asarray(series[-n_means * OBSERVATIONS_A_MEAN :], np.float64).reshape(n_means, -1).mean(axis=1)
    # Suffix sums: the standard error of the mean of all behind the cut, for each cut at once.
    left = np.arange(n_means, 0, -1)
    centred = means - means.mean()
    total = np.cumsum(centred[::-1])[::-1]
    squares = np.cumsum((centred**2)[::-1])[::-1]
    errors = (squares - total**2 / left) / left**2
    # What is left at the very end has a small error by chance alone.
    cut = int(np.argmin(errors[: n_means - OBSERVATIONS_A_MEAN + 1]))
    return Cut(cut / n_means, float(means[cut:].mean()), float(means[int(n_means * MOST_CUT) :].mean()))
