"""The interval of a figure (a rate, a mean or a percentile), from estimates of the ratios that make it up.

95 % confidence intervals of ratios by standardized time series, from marks that a run has left in its window.

The error of a long series' mean comes from its slow variations. A window's deviations from its mean are weighted with
cosines of 1/2, 1, 3/2 ... periods per window: if the window is long compared with the correlation time, the weighted
sums are independent and each has the variance of the mean. So they serve in Student's t as the means of independent
batches would, without choosing a batch length (orthonormally weighted standardized time series: R. D. Foley, D.
Goldsman, ACM TOMACS 9(4), 1999; after L. Schruben, Operations Research 31(6), 1983; in the frequency domain P.
Heidelberger, P. D. Welch, Communications of the ACM 24(4), 1981). Twelve cosines are taken. If the slowest six sums are
clearly larger than the other six, or the slowest three than the next three, correlation reaches that far: then those
alone give the interval, if it is wider. tests/test_simulation_standardized_series.py measures the coverage of these
intervals for queues with known answers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from math import log, sqrt
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from hwmodel.machine.counts.ledger_state import HISTOGRAM_BUCKETS
from hwmodel.results import LEAST_SAMPLES_P99, LEAST_SAMPLES_P999, Latency, bucket_ns, bucket_of_rank
from hwmodel.results.student_t import NORMAL_975, student_t_975

PERCENTILES = {"p50": (500, 1), "p99": (990, LEAST_SAMPLES_P99), "p999": (999, LEAST_SAMPLES_P999)}
LEVELS = (500, 900, 990, 999)  # per mille: the quantiles at which the share of samples above is estimated
FROM_SAMPLES = 0.7  # of the share above a percentile: beyond this half width, the tail's slope counts for the upper end
SLOPE_KNOWN = 1.25  # relative error of the tail's slope by that of the share it is derived from
MOST_UNKNOWN = 1.5  # cap on the relative error of a share
MOST_BELOW = 0.8  # cap on half width / figure, where the upper end is computed from their ratio
PER_MILLION = 1_000_000
HALF_A_BUCKET = 1 / 256  # of a value: half of the width of its histogram bucket, at most

Row = tuple[int, npt.NDArray[np.int32]]  # of a histogram: the first column of those that are filled, and their counts


class Wanted(NamedTuple):
    """Hold the ratios that a figure's interval is computed from, and the function that does so."""

    ratios: tuple[Ratio, ...]
    found_from: Callable[[Sequence[Estimate | None]], Iterator[Found]]


class Found(NamedTuple):
    """Hold one figure's interval, which reaches at least `least` to either side, and the estimate it came from."""

    name: str
    figure: float
    ends: tuple[float, float]
    least: float  # a lower bound on the half width
    estimate: Estimate | None = None


def rate_wanted(name: str, figure: float, ratio: Ratio, factor: float, least: float, least_half: float) -> Wanted:
    """Request the interval of a rate, with a half width from the marks of at least `least_half`.

    The variance of a count grows with its mean: a smaller true rate would have given a narrower interval, a larger one
    a wider. So it is a score interval (E. B. Wilson, Journal of the American Statistical Association 22(158), 1927, for
    a share; here for a count).
    """

    def found_from(estimates: Sequence[Estimate | None]) -> Iterator[Found]:
        (found,) = estimates
        if found is not None:
            half = max(found.half_width * factor, least_half)
            middle, reach = figure + half * half / (2 * figure), half * sqrt(1 + (half / (2 * figure)) ** 2)
            scaled = found._replace(half_width=half, rise=found.rise * factor)
            yield Found(name, figure, (middle - reach, middle + reach), least, scaled)

    return Wanted((ratio,), found_from)


def rate_by_law(wanted: Wanted, share: float) -> Wanted:
    """Replace the half width of a requested rate by a share of its true mean, known by law; what tells of trends stays.

    What a window may show lies within that share of the mean; so the mean lies within these ends of what it showed.
    """

    def found_from(estimates: Sequence[Estimate | None]) -> Iterator[Found]:
        for found in wanted.found_from(estimates):
            yield found._replace(ends=(found.figure / (1 + share), found.figure / (1 - min(share, MOST_BELOW))))

    return Wanted(wanted.ratios, found_from)


def gamma_ends(variance: float) -> tuple[float, float]:
    """Return the 2.5 and the 97.5 % point of a gamma distribution with mean 1 and a variance of at most 1.

    By the cube of a normal distribution (E. B. Wilson, M. M. Hilferty, The Distribution of Chi-Square, Proceedings of
    the National Academy of Sciences 17, 684, 1931); for a variance of 1, where it is worst, 0.013 and 3.7 for 0.025 and
    3.7.
    """
    low, high = (max(0.0, 1 - variance / 9 + z * sqrt(variance) / 3) ** 3 for z in (-NORMAL_975, NORMAL_975))
    return low, high


def with_few_events(wanted: Wanted, times: Ratio, least: float, factor: float) -> Wanted:
    """Widen the intervals of a mean latency and its tail where few events make up what is above the `least` latency.

    Bursts that meet, say: their lengths differ and go in by their squares, so that a window of a few has as a rule seen
    none of the longest. The excess of a slice of the window is that of the events in it; the relative variance of their
    sum is that of the slices' excess, over their number, and the sum of few is skewed, about as a gamma distribution.
    The same events are the tail. A median is not made by them. `factor`: from `times` to the unit of the latency.
    """
    excess = np.diff(times.above) - least / factor * np.diff(times.below)
    mean = float(excess.mean())
    variance = min(1.0, float(excess.var()) / len(excess) / mean**2) if mean > 0 else 0.0
    shortest, longest = gamma_ends(variance)

    def found_from(estimates: Sequence[Estimate | None]) -> Iterator[Found]:
        for found in wanted.found_from(estimates):
            above = max(0.0, found.figure - least) if not found.name.endswith(".p50") else 0.0
            low, high = found.figure - above * (1 - 1 / longest), found.figure + above * (1 / max(shortest, 0.1) - 1)
            yield found._replace(ends=(min(found.ends[0], low), max(found.ends[1], high)))

    return Wanted(wanted.ratios, found_from)


def mean_wanted(name: str, figure: float, ratio: Ratio, factor: float, least: float) -> Wanted:
    """Request the interval of a mean latency.

    The longer a queue, the less certain its mean: the error grows with the square of the mean. The reciprocal's error
    does not depend on the mean (a variance-stabilising transformation: M. S. Bartlett, Biometrics 3(1), 1947), so the
    upper end is taken from an interval of the reciprocal, and lies further away than the lower one.
    """

    def found_from(estimates: Sequence[Estimate | None]) -> Iterator[Found]:
        (found,) = estimates
        if found is not None and figure:
            half = found.half_width * factor
            ends = (figure - half, figure / (1 - min(half / figure, MOST_BELOW)))
            scaled = found._replace(half_width=half, rise=found.rise * factor)
            yield Found(name, figure, ends, least, scaled)

    return Wanted((ratio,), found_from)


class SampleCounts:
    """Hold the histogram of a latency at each mark, counted since the first mark; `rows`: a row for each mark."""

    def __init__(self, rows: Sequence[Row]) -> None:
        ends = [(first, first + len(counts)) for first, counts in rows if len(counts)]
        self._columns_from = first_of_all = min((first for first, _ in ends), default=0)
        counted = np.zeros((len(rows), max((last for _, last in ends), default=0) - first_of_all), np.int32)
        for own, (first, counts) in zip(counted, rows, strict=True):
            own[first - first_of_all :][: len(counts)] = counts
        self._below = np.zeros((len(rows), counted.shape[1] + 1), np.int64)
        counted.cumsum(axis=1, out=self._below[:, 1:])
        self._totals = self._below[-1, 1:] - self._below[0, 1:]
        self.n_samples = int(self._totals[-1]) if len(self._totals) else 0

    def n_below(self, columns: Sequence[int]) -> npt.NDArray[np.float64]:
        """Return how many samples lie below each column: float64 (columns, marks)."""
        counted = self._below[:, np.clip(np.array(columns) - self._columns_from, 0, len(self._totals))].T
        return np.ascontiguousarray(counted - counted[:, :1], np.float64)

    def column(self, share: float) -> int:
        """Return the column that contains the quantile `share` of all samples up to the last mark."""
        numerator = round(min(max(share, 0.0), 1.0) * PER_MILLION)
        return self._columns_from + bucket_of_rank(self._totals, numerator, PER_MILLION)

    def mean_excess_ns(self, column: int) -> float:
        """Return by how much the samples in higher columns exceed a column on average, in ns."""
        counts = np.diff(self._totals[column - self._columns_from :])
        filled = np.flatnonzero(counts)
        if not len(filled):
            return 0.0
        times_ns = np.array([bucket_ns(column + 1 + at) for at in filled.tolist()])
        return float((times_ns * counts[filled]).sum() / counts[filled].sum()) - bucket_ns(column)


def percentiles_wanted(place: str, latency: Latency, histogram: SampleCounts) -> Iterator[Wanted]:
    """Request the intervals of a latency's percentiles, from how well the share of samples up to them is known.

    That share is a mean and so unbiased; the percentile of a batch is biased in the tail, where it has few samples
    (compare P. Heidelberger and P. A. W. Lewis, Operations Research 32(1), 1984; C. Alexopoulos, D. Goldsman, A. C.
    Mokashi, K.-W. Tien, J. R. Wilson, ACM TOMACS 29(4), 2019, whose standardized series of a quantile is that of this
    share too).
    """
    known = {name: getattr(latency, name) for name in PERCENTILES if getattr(latency, name) is not None}
    if not known or not histogram.n_samples:
        return
    columns = [histogram.column(per_mille / 1000) for per_mille in LEVELS]
    # The shares below a percentile's bucket, and up to its end: these differ much if many samples are equal.
    counted = histogram.n_below([*columns, *(column + 1 for column in columns), HISTOGRAM_BUCKETS])
    ratios = tuple(Ratio(share, counted[-1]) for share in counted[:-1])
    shares = (counted[:-1, -1] / max(1.0, counted[-1, -1])).tolist()

    def found_from(estimates: Sequence[Estimate | None]) -> Iterator[Found]:
        halves = _known_shares(shares, [0.0 if one is None else one.half_width for one in estimates])
        if all(one is None for one in estimates):
            return
        highs = _upper_ends(histogram, columns, halves)
        for name, figure in known.items():
            at = LEVELS.index(PERCENTILES[name][0])
            low = bucket_ns(histogram.column(LEVELS[at] / 1000 - halves[at])) * (1 - HALF_A_BUCKET)
            yield Found(f"{place}.{name}", figure, (low, highs[at]), figure * HALF_A_BUCKET)

    yield Wanted(ratios, found_from)


def _known_shares(shares: Sequence[float], halves: Sequence[float]) -> list[float]:
    """Return for each level the half width of the share of samples above it.

    Samples exceed a level in bursts. Above a high level a window holds too few bursts to show how much they differ. The
    ratio of the count's spread to that of independent samples hardly depends on the level (a queue's busy periods look
    alike above any level), so each level is given at least the largest ratio found at lower levels.
    """
    n = len(LEVELS)
    found: list[float] = []
    most_varied = 0.0
    for at, per_mille in enumerate(LEVELS):
        spread = sqrt(per_mille * (1000 - per_mille)) / 1000
        half = max(halves[at], halves[n + at])
        found.append(max(half, most_varied * spread))
        share = shares[n + at]
        if at and 0 < share < 1:
            most_varied = max(most_varied, halves[n + at] / sqrt(share * (1 - share)))
    return found


def _upper_ends(histogram: SampleCounts, columns: Sequence[int], halves: Sequence[float]) -> list[float]:
    """Return the upper end of each level's interval, in ns.

    If the share above a level is hardly known, even the largest samples are no upper bound. A queue's tail falls
    exponentially, so the end is then extrapolated from that of the next lower level, by the mean excess over that
    level.
    """
    found: list[float] = []
    for at, per_mille in enumerate(LEVELS):
        end = bucket_ns(histogram.column(per_mille / 1000 + halves[at])) * (1 + HALF_A_BUCKET)
        above = (1000 - per_mille) / 1000
        if at and halves[at] > FROM_SAMPLES * above:
            before = (1000 - LEVELS[at - 1]) / 1000
            slope = 1 + SLOPE_KNOWN * min(halves[at - 1] / before, MOST_UNKNOWN)
            excess_ns = histogram.mean_excess_ns(columns[at - 1])
            end = max(end, found[at - 1] + excess_ns * slope * log(before / above))
        found.append(end)
    return found


Floats = npt.NDArray[np.float64]

N_WEIGHTS = 12
SLICES_A_WEIGHT = 2  # slices per cosine, at least; fewer would not resolve the fastest cosine
LEAST_WEIGHTS = 4
SLOWER, SLOWER_STILL = 1.5, 3.0  # ratio of mean squares beyond which the slowest half, or quarter, also counts alone
OF_A_RISE = np.pi**2 / (2 * np.sqrt(2))  # rise of a straight line, per slowest sum that the line gives


class Ratio(NamedTuple):
    """Hold numerator and denominator of a ratio, both cumulative at the marks."""

    above: Floats
    below: Floats


class Estimate(NamedTuple):
    """Hold half of a 95 % interval, and what tells whether the window is long enough for it.

    `memory`: mean square of the slower half of the sums over that of the faster half; about 1 for a long window.
    `trend`: square of the slowest sum over the mean square of the others; without a trend, F-distributed with one and
    many degrees of freedom. `rise`: the ratio's rise over the window, if its trend is a straight line.
    """

    half_width: float
    memory: float = 1.0
    trend: float = 0.0
    rise: float = 0.0


def ratio_estimate(at_fs: Floats, above: Floats, below: Floats) -> Estimate | None:
    """Return the interval of a ratio of two amounts, both cumulative at the marks: bytes to time, sums to counts.

    None if the marks are too few, or the denominator does not grow.
    """
    return ratio_estimates(at_fs, [Ratio(above, below)])[0]


def ratio_estimates(at_fs: Floats, ratios: Sequence[Ratio], most_degrees: int = N_WEIGHTS) -> list[Estimate | None]:
    """Return the intervals of many ratios between the same marks, all at once.

    `most_degrees`: cap on the degrees of freedom; a window of three bursts tells no more of their variance than three
    numbers do.
    """
    n_slices = len(at_fs) - 1
    n_weights = min(N_WEIGHTS, n_slices // SLICES_A_WEIGHT)
    if n_weights < LEAST_WEIGHTS:
        return [None for _ in ratios]
    above, below = (np.diff(np.stack(each)) for each in zip(*ratios, strict=True))
    total = below.sum(axis=1)
    is_known = total > 0
    total[~is_known] = 1.0  # avoids a division by zero; these results are dropped below
    deviations = (above - below * (above.sum(axis=1) / total)[:, None]) / total[:, None]
    sums = deviations @ cosines(at_fs, n_weights)
    # A constant ratio has deviations by floating-point rounding alone.
    sums[np.abs(deviations).max(axis=1) <= ROUNDING * (np.abs(above).sum(axis=1) / total) / n_slices] = 0.0
    found = map(Estimate, *_figures(sums, most_degrees))
    return [one if known else None for one, known in zip(found, is_known.tolist(), strict=True)]


ROUNDING = 1e-12


def cosines(at_fs: Floats, n_weights: int) -> Floats:
    """Return the cosines at the midpoints of the slices between marks, one in each column, of mean square 1."""
    passed = (at_fs - at_fs[0]) / (at_fs[-1] - at_fs[0])
    middles = (passed[1:] + passed[:-1]) / 2
    return np.asarray(np.sqrt(2) * np.cos(np.pi * middles[:, None] * np.arange(1, n_weights + 1)))


def _figures(sums: Floats, most_degrees: int) -> tuple[list[float], list[float], list[float], list[float]]:
    """Return the fields of an `Estimate`, each as a list with an entry for each row of weighted sums."""
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
