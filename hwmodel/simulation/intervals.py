"""95 % confidence intervals of a run's rates, means and percentiles, by the names that these have in the result."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from math import inf, log, sqrt
from operator import attrgetter
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from hwmodel.kernels import layout
from hwmodel.results import (
    LEAST_SAMPLES_P99,
    LEAST_SAMPLES_P999,
    Latency,
    Result,
    SystemResult,
    bucket_ns,
    bucket_of_rank,
    outside_gbps,
    outside_rate,
    throughput,
)
from hwmodel.results.student_t import student_t_975
from hwmodel.simulation.histogram_rows import HistogramRows
from hwmodel.simulation.mark_table import MarkTable
from hwmodel.simulation.measurement import LATENCIES
from hwmodel.simulation.nic_state import function_of
from hwmodel.simulation.standardized_series import N_WEIGHTS, Estimate, Ratio, ratio_estimate, ratio_estimates
from hwmodel.units import FS_PER_NS

if TYPE_CHECKING:
    from hwmodel.config import Config

OFFERED_LOAD = "offered_load"
GBPS = 8e6  # bytes in a femtosecond to Gb/s
MPPS = 1e9  # frames in a femtosecond to 10^6 frames/s
PERCENTILES = {"p50": (500, 1), "p99": (990, LEAST_SAMPLES_P99), "p999": (999, LEAST_SAMPLES_P999)}
LEVELS = (500, 900, 990, 999)  # of a thousand samples: where the share above is looked at
FROM_SAMPLES = 0.7  # of the share above a percentile: known no better, its upper end is from the tail's slope too
SLOPE_KNOWN = 1.25  # how far the tail's slope may be off, by how far the share is that it is from
MOST_UNKNOWN = 1.5  # of a share, more says no more
MOST_BELOW = 0.8  # of a figure that half of an interval may be where its upper end is worked out from
# Of what frames wait, how far 95 % of machines are from one another that differ in the phases of periodic senders: of
# 11 with 16 seeds each (benches/steadiness.py) the standard deviations were 0.02 to 0.45, their median 0.07 to 0.2.
PHASES_KNOWN = 0.25
PER_MILLION = 1_000_000
HALF_A_BUCKET = 1 / 256  # of a value, half of the width that a percentile's bucket may have


class Sureness(NamedTuple):
    """Hold intervals by dotted name, and what the marks say of the figures that have a mean, by name too.

    `n_bursts`: how many independent bursts would make what came in the window vary as it did; infinite where all
    frames come when others have left. `load_known`: half of the interval of the load's rate, by the headroom that it
    leaves at the busiest resource.
    """

    intervals: dict[str, tuple[float, float]]
    estimates: dict[str, Estimate]
    n_bursts: float = inf
    load_known: float = 0.0


class _Wanted(NamedTuple):
    """Hold the ratios whose intervals a figure's is made of, and how."""

    ratios: tuple[Ratio, ...]
    found_from: Callable[[Sequence[Estimate | None]], Iterator[_Found]]


class _Found(NamedTuple):
    """Hold the ends of one figure's interval, at least `least` wide to either side, and what it was made from."""

    name: str
    figure: float
    ends: tuple[float, float]
    least: float  # half a width below which a figure cannot be known
    estimate: Estimate | None = None


class MachineKnown(NamedTuple):
    """Say what is known of a run beside its marks.

    `clock_share`: by which share of their rates its clocks may be off. `is_open`: frames come at times of their own, so
    that a rate is known no better than how many came; in a closed loop they come when others have left, and the bursts
    in which slots come free say nothing of the rate. `is_periodic`: they come at even steps, whose phases beside one
    another move by the clocks' differences alone.
    """

    clock_share: float = 0.0
    is_open: bool = True
    is_periodic: bool = False


def sureness_of(
    result: Result,
    marks: MarkTable,
    ports: Mapping[str, int],
    burst_frames: int,
    machine: MachineKnown = MachineKnown(),  # noqa: B008 (a tuple)
) -> Sureness:
    """Return the intervals of a result's figures from the marks of its window.

    `ports`: the numbers of the VMs' ports, by name. `burst_frames`: how many frames become visible at once; a rate is
    known no better than that many frames in the window, a mean latency no better than that many, or the longest frame,
    more or less at its ends.
    """
    intervals: dict[str, tuple[float, float]] = {}
    estimates: dict[str, Estimate] = {}
    at_fs = marks["now_fs"]
    offered = _offered(marks, at_fs) if machine.is_open else _OfferedRate()
    load_known = _load_known(result, offered)
    if machine.is_periodic and result.bottleneck.resource == OFFERED_LOAD:
        load_known = max(load_known, PHASES_KNOWN)
    wanted = [*_rates(result, marks, ports, burst_frames, offered.half_share), *_latencies(result, marks, burst_frames, load_known)]
    ratios = [ratio for one in wanted for ratio in one.ratios]
    most_degrees = int(min(N_WEIGHTS, max(1.0, offered.n_bursts)))
    found = iter(ratio_estimates(at_fs, ratios, most_degrees) if ratios else ())
    for one in wanted:
        for name, figure, ends, least, estimate in one.found_from([next(found) for _ in one.ratios]):
            least = max(least, machine.clock_share * figure)
            intervals[name] = (max(0.0, min(ends[0], figure - least)), max(ends[1], figure + least))
            if estimate is not None:
                estimates[name] = estimate
    return Sureness(intervals, estimates, offered.n_bursts, load_known)


def latency_intervals(
    latency: Latency,
    at_fs: npt.NDArray[np.float64],
    n: npt.NDArray[np.float64],
    sums_fs: npt.NDArray[np.float64],
    rows: HistogramRows,
) -> dict[str, tuple[float, float]]:
    """Return the intervals of one latency alone, by the names of its figures, from its counts at the marks."""
    wanted = (_about("mean", latency.mean, Ratio(sums_fs, n), 1 / FS_PER_NS, 0.0), *_percentiles("", latency, _Histogram(rows)))
    found = iter(ratio_estimates(at_fs, [ratio for one in wanted for ratio in one.ratios]))
    return {
        each.name.removeprefix("."): each.ends
        for one in wanted
        for each in one.found_from([next(found) for _ in one.ratios])
    }


def too_wide(config: Config, result: Result) -> tuple[str, ...]:
    """Return which figures of the answer are not known as well as `run.precision` asks; none where it asks for nothing.

    Half of the interval of throughput, mean latency and 99th percentile may be that share of the figure at most. What
    is not known, since too little was delivered, is too wide.
    """
    if config.run.precision is None:
        return ()
    figures = dict([throughput(result)])
    if result.latency_ns.count or not result.window_frames:
        figures |= {"latency_ns.mean": result.latency_ns.mean, "latency_ns.p99": result.latency_ns.p99}
    found = []
    for name, figure in figures.items():
        interval = result.intervals.get(name)
        if not figure or interval is None or interval[1] - figure > float(config.run.precision) * figure:
            found.append(name)
    return tuple(found)


def _rates(
    result: Result, marks: MarkTable, ports: Mapping[str, int], burst_frames: int, as_offered: float
) -> Iterator[_Wanted]:
    at_fs = marks["now_fs"]
    window_fs = max(1.0, float(at_fs[-1] - at_fs[0]))

    def rate(
        name: str,
        figure: float | None,
        amounts: npt.NDArray[np.float64],
        factor: float,
        least: float = 0.0,
        least_share: float = 0.0,
    ) -> Iterator[_Wanted]:
        if figure:  # of what was not seen once no more is known than that
            yield _rate(name, figure, Ratio(amounts, at_fs), factor, least, least_share * figure)

    frames = burst_frames * MPPS / window_fs
    delivered_bytes, vm_copies = marks["delivered_bytes"], marks["vm_copies"]
    mean_bytes = float(delivered_bytes[-1]) / max(1.0, float(vm_copies[-1]))
    gbps = burst_frames * mean_bytes * GBPS / window_fs
    totals, wire = result.totals, result.wire
    yield from rate("totals.gbps", totals.gbps, delivered_bytes, GBPS, gbps, as_offered)
    yield from rate("totals.mpps", totals.mpps, vm_copies, MPPS, frames, as_offered)
    outside = outside_gbps(result)
    if outside:
        yield from rate(outside_rate(result), outside, marks["outside_bytes"], GBPS, 0.0, as_offered)
    if isinstance(result, SystemResult):
        return
    yield from rate("wire.tx_gbps", wire.tx_gbps, marks["mac.tx_bytes"], GBPS, 0.0, as_offered)
    yield from rate("wire.rx_gbps", wire.rx_gbps, marks["mac.rx_bytes"], GBPS)
    up, down = result.pcie.up.utilization, result.pcie.down.utilization
    yield from rate("pcie.up.utilization", up, marks["up.busy_fs"], 1.0)
    yield from rate("pcie.down.utilization", down, marks["down.busy_fs"], 1.0)
    sent, got_bytes, got_frames = (marks[name].T for name in ("sent_bytes", "received_bytes", "received_frames"))
    for vm in result.vms:
        at = ports[vm.name]
        yield from rate(f"vms.{vm.name}.tx_gbps", vm.tx_gbps, sent[function_of(at)], GBPS)
        yield from rate(f"vms.{vm.name}.rx_gbps", vm.rx_gbps, got_bytes[at], GBPS, gbps)
        yield from rate(f"vms.{vm.name}.rx_mpps", vm.rx_mpps, got_frames[at], MPPS, frames)


class _OfferedRate(NamedTuple):
    """Hold half of the interval of the offered frames' rate, as a share of it, and what `Sureness` says of bursts."""

    half_share: float = 0.0
    n_bursts: float = inf


def _offered(marks: MarkTable, at_fs: npt.NDArray[np.float64]) -> _OfferedRate:
    """Return how well the marks know at what rate frames come.

    In the long run what is delivered is what was offered. A full server passes frames on more evenly than they come, so
    that its output alone does not say how far a random load was from its mean in this window.
    """
    offered = marks["offered"]
    found, n_offered = ratio_estimate(at_fs, offered, at_fs), offered[-1] - offered[0]
    if found is None or not n_offered or not found.half_width:
        return _OfferedRate()
    half_share = found.half_width * float((at_fs[-1] - at_fs[0]) / n_offered)
    return _OfferedRate(half_share, (student_t_975(N_WEIGHTS) / half_share) ** 2)


def _load_known(result: Result, offered: _OfferedRate) -> float:
    """Return half of the interval of the load's rate by the headroom at the busiest resource, 0 where that is full.

    A queue's length goes by the reciprocal of the headroom before it. A window that was offered too little by chance
    cannot see in its own queues how long they get.
    """
    if result.bottleneck.resource != OFFERED_LOAD:
        return 0.0
    headroom = 1 - (result.bottleneck.utilization or 0.0)
    return offered.half_share / headroom if headroom > 0 else inf


def _latencies(result: Result, marks: MarkTable, burst_frames: int, load_known: float) -> Iterator[_Wanted]:
    places = {name: delay.place for name, delay in LATENCIES.items()}
    if isinstance(result, SystemResult):
        places = {name: place for name, place in places.items() if not place.startswith("wire.")}
    latencies = {name: attrgetter(place)(result) for name, place in places.items()}
    for name, latency in latencies.items():
        if not latency.count:
            continue
        place, longest = places[name], latency.max or 0.0
        at_ends = max(burst_frames * (longest - (latency.min or 0.0)), longest) / latency.count
        mean = Ratio(marks[f"{name}.sum_fs"], marks[f"{name}.n"])
        wanted = (
            _about(f"{place}.mean", latency.mean, mean, 1 / FS_PER_NS, at_ends),
            *_percentiles(place, latency, _Histogram(marks.histograms[name])),
        )
        yield from (_with_load(one, latency.min or 0.0, min(load_known, MOST_BELOW)) for one in wanted)


def _with_load(wanted: _Wanted, least_ns: float, load_known: float) -> _Wanted:
    """Want the same with ends as far as the load is not known; `least_ns`: the fastest frame's, which did not queue."""

    def found_from(estimates: Sequence[Estimate | None]) -> Iterator[_Found]:
        for found in wanted.found_from(estimates):
            queued_ns = max(0.0, found.figure - least_ns)
            low, high = least_ns + queued_ns / (1 + load_known), least_ns + queued_ns / (1 - load_known)
            yield found._replace(ends=(min(found.ends[0], low), max(found.ends[1], high)))

    return _Wanted(wanted.ratios, found_from)


def _rate(name: str, figure: float, ratio: Ratio, factor: float, least: float, least_half: float) -> _Wanted:
    """Want the interval round a rate, of at least `least_half` to either side as far as the marks say.

    A count varies by itself: a smaller rate would have made a narrower interval, a larger one a wider (the score
    interval of a count, as E. B. Wilson, Journal of the American Statistical Association 22(158), 1927, has it of a
    share).
    """

    def found_from(estimates: Sequence[Estimate | None]) -> Iterator[_Found]:
        (found,) = estimates
        if found is not None:
            half = max(found.half_width * factor, least_half)
            middle, reach = figure + half * half / (2 * figure), half * sqrt(1 + (half / (2 * figure)) ** 2)
            scaled = found._replace(half_width=half, rise=found.rise * factor)
            yield _Found(name, figure, (middle - reach, middle + reach), least, scaled)

    return _Wanted((ratio,), found_from)


def _about(name: str, figure: float, ratio: Ratio, factor: float, least: float) -> _Wanted:
    """Want the interval round a mean latency.

    What makes a mean large makes it vary: where a queue is longer its mean is known as much worse as its square. An
    interval of the reciprocal, which has no such bias, has its upper end further away than its lower one (a transform
    that keeps the variance, as M. S. Bartlett, Biometrics 3(1), 1947, has them).
    """

    def found_from(estimates: Sequence[Estimate | None]) -> Iterator[_Found]:
        (found,) = estimates
        if found is not None and figure:
            half = found.half_width * factor
            ends = (figure - half, figure / (1 - min(half / figure, MOST_BELOW)))
            scaled = found._replace(half_width=half, rise=found.rise * factor)
            yield _Found(name, figure, ends, least, scaled)

    return _Wanted((ratio,), found_from)


class _Histogram:
    """Hold what the histogram of a latency has counted since the first mark, up to each mark."""

    def __init__(self, rows: HistogramRows) -> None:
        self._rows = rows
        self._columns_from, self._totals = rows.totals()
        self.n_samples = int(self._totals[-1]) if len(self._totals) else 0

    def n_below(self, columns: Sequence[int]) -> npt.NDArray[np.float64]:
        """Return for each column, and for each mark, how many samples lie below it."""
        counted = self._rows.n_below(columns)
        return np.asarray(counted - counted[:, :1], np.float64)

    def column(self, share: float) -> int:
        """Return the column of the last mark in which the sample of a quantile's rank lies."""
        numerator = round(min(max(share, 0.0), 1.0) * PER_MILLION)
        return self._columns_from + bucket_of_rank(self._totals, numerator, PER_MILLION)

    def mean_excess_ns(self, column: int) -> float:
        """Return by how much samples behind a column exceed it on average."""
        counts = np.diff(self._totals[column - self._columns_from :])
        filled = np.flatnonzero(counts)
        if not len(filled):
            return 0.0
        times_ns = np.array([bucket_ns(column + 1 + at) for at in filled.tolist()])
        return float((times_ns * counts[filled]).sum() / counts[filled].sum()) - bucket_ns(column)


def _percentiles(place: str, latency: Latency, histogram: _Histogram) -> Iterator[_Wanted]:
    """Want the intervals of a latency's percentiles: from how well the share of samples not above them is known.

    That share is a mean, and has no bias; a batch's own percentile is biased in the tail, where it has few samples
    (compare P. Heidelberger and P. A. W. Lewis, Operations Research 32(1), 1984; C. Alexopoulos, D. Goldsman, A. C.
    Mokashi, K.-W. Tien, J. R. Wilson, ACM TOMACS 29(4), 2019, whose standardized series of a quantile is that of this
    share too).
    """
    known = {name: getattr(latency, name) for name in PERCENTILES if getattr(latency, name) is not None}
    if not known or not histogram.n_samples:
        return
    columns = [histogram.column(per_mille / 1000) for per_mille in LEVELS]
    # The share up to its bucket, and the share below it: where many samples are alike they differ.
    counted = histogram.n_below([*columns, *(column + 1 for column in columns), layout.HISTOGRAM_BUCKETS])
    ratios = tuple(Ratio(share, counted[-1]) for share in counted[:-1])
    shares = (counted[:-1, -1] / max(1.0, counted[-1, -1])).tolist()

    def found_from(estimates: Sequence[Estimate | None]) -> Iterator[_Found]:
        halves = _known_shares(shares, [0.0 if one is None else one.half_width for one in estimates])
        if all(one is None for one in estimates):
            return
        highs = _upper_ends(histogram, columns, halves)
        for name, figure in known.items():
            at = LEVELS.index(PERCENTILES[name][0])
            low = bucket_ns(histogram.column(LEVELS[at] / 1000 - halves[at])) * (1 - HALF_A_BUCKET)
            yield _Found(f"{place}.{name}", figure, (low, highs[at]), figure * HALF_A_BUCKET)

    yield _Wanted(ratios, found_from)


def _known_shares(shares: Sequence[float], halves: Sequence[float]) -> list[float]:
    """Return for each level half of the interval of the share of samples above it.

    Samples exceed a level in bursts, and above a high level a window has few of these: too few to say how unequal they
    are. How much more a count of them varies than one of independent samples hangs little on the level (above any level
    a queue's busy periods look alike), so that a tail is taken to be no more even than what lies below it.
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


def _upper_ends(histogram: _Histogram, columns: Sequence[int], halves: Sequence[float]) -> list[float]:
    """Return the upper end of each level's interval, in ns.

    Where hardly more than nothing is known of the share above a level, the largest of the samples bound nothing. A
    queue's tail falls exponentially: from the level before, the end lies as far as the mean excess over that level
    says.
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
