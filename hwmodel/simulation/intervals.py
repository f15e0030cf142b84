"""95 % confidence intervals of a run's rates, means and percentiles, by the names that these have in the result."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
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
from hwmodel.simulation.batch_means import Estimate, Ratio, ratio_estimate, ratio_estimates
from hwmodel.simulation.histogram_rows import HistogramRows
from hwmodel.simulation.mark_table import MarkTable
from hwmodel.simulation.measurement import LATENCIES
from hwmodel.simulation.nic_state import function_of
from hwmodel.units import FS_PER_NS

if TYPE_CHECKING:
    from hwmodel.config import Config

GBPS = 8e6  # bytes in a femtosecond to Gb/s
MPPS = 1e9  # frames in a femtosecond to 10^6 frames/s
PERCENTILES = (("p50", 500, 1), ("p99", 990, LEAST_SAMPLES_P99), ("p999", 999, LEAST_SAMPLES_P999))
PER_MILLION = 1_000_000
# Of the share of samples above a percentile, how far it may be off: k bursts of one size make it 2 / sqrt(k).
LEAST_KNOWN = 0.7
HALF_A_BUCKET = 1 / 256  # of a value, half of the width that a percentile's bucket may have


class Sureness(NamedTuple):
    """Hold intervals by dotted name, the names of those whose batches hang together, and of tails of few bursts."""

    intervals: dict[str, tuple[float, float]]
    correlated: tuple[str, ...] = ()
    few_bursts: tuple[str, ...] = ()


class _Wanted(NamedTuple):
    """Hold the ratios whose intervals a figure's is made of, and how: None where they say nothing of it."""

    ratios: tuple[Ratio, ...]
    found_from: Callable[[Sequence[Estimate | None]], _Found | None]


class _Found(NamedTuple):
    """Hold the ends of one figure's interval; it is at least `least` wide to either side."""

    name: str
    figure: float
    ends: tuple[float, float]
    least: float  # half a width below which a figure cannot be known
    is_independent: bool
    has_bursts: bool = True


def sureness_of(
    result: Result, marks: MarkTable, ports: Mapping[str, int], burst_frames: int, *, is_open: bool = True
) -> Sureness:
    """Return the intervals of a result's figures from the marks of its window.

    `ports`: the numbers of the VMs' ports, by name. `burst_frames`: how many frames become visible at once; a rate is
    known no better than that many frames in the window, a mean latency no better than that many, or the longest frame,
    more or less at its ends. `is_open`: frames come at times of their own, so that a rate is known no better than how
    many came; in a closed loop they come when others have left, and the bursts in which slots come free say nothing of
    the rate.
    """
    intervals: dict[str, tuple[float, float]] = {}
    correlated, few_bursts = [], []
    at_fs = marks["now_fs"]
    as_offered = _offered_share(marks, at_fs) if is_open else 0.0
    for found in _found(
        at_fs,
        [*_rates(result, marks, ports, burst_frames, as_offered), *_latencies(result, marks, burst_frames)],
    ):
        low, high = min(found.ends[0], found.figure - found.least), max(found.ends[1], found.figure + found.least)
        intervals[found.name] = (max(0.0, low), high)
        if not found.is_independent:
            correlated.append(found.name)
        if not found.has_bursts:
            few_bursts.append(found.name)
    return Sureness(intervals, tuple(correlated), tuple(few_bursts))


def _found(at_fs: npt.NDArray[np.float64], wanted: Sequence[_Wanted]) -> Iterator[_Found]:
    """Yield what the batches say, of all figures from one pass over them."""
    if not wanted:
        return
    estimates = iter(ratio_estimates(at_fs, [ratio for one in wanted for ratio in one.ratios]))
    for one in wanted:
        found = one.found_from([next(estimates) for _ in one.ratios])
        if found is not None:
            yield found


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
        name: str, figure: float | None, amounts: npt.NDArray[np.float64], factor: float, least: float
    ) -> Iterator[_Wanted]:
        if figure is not None:
            yield _about(name, figure, Ratio(amounts, at_fs), factor, least)

    frames = burst_frames * MPPS / window_fs
    delivered_bytes, vm_copies = marks["delivered_bytes"], marks["vm_copies"]
    mean_bytes = float(delivered_bytes[-1]) / max(1.0, float(vm_copies[-1]))
    gbps = burst_frames * mean_bytes * GBPS / window_fs
    totals, wire = result.totals, result.wire

    def least_of(figure: float | None, least: float) -> float:
        return max(least, as_offered * (figure or 0.0))

    of_bytes, of_frames = least_of(totals.gbps, gbps), least_of(totals.mpps, frames)
    yield from rate("totals.gbps", totals.gbps, delivered_bytes, GBPS, of_bytes)
    yield from rate("totals.mpps", totals.mpps, vm_copies, MPPS, of_frames)
    outside = outside_gbps(result)
    if outside:
        least = least_of(outside, 0.0)
        yield from rate(outside_rate(result), outside, marks["outside_bytes"], GBPS, least)
    if isinstance(result, SystemResult):
        return
    least = least_of(wire.tx_gbps, 0.0)
    yield from rate("wire.tx_gbps", wire.tx_gbps, marks["mac.tx_bytes"], GBPS, least)
    yield from rate("wire.rx_gbps", wire.rx_gbps, marks["mac.rx_bytes"], GBPS, 0.0)
    up, down = result.pcie.up.utilization, result.pcie.down.utilization
    yield from rate("pcie.up.utilization", up, marks["up.busy_fs"], 1.0, 0.0)
    yield from rate("pcie.down.utilization", down, marks["down.busy_fs"], 1.0, 0.0)
    sent, got_bytes, got_frames = (marks[name].T for name in ("sent_bytes", "received_bytes", "received_frames"))
    for vm in result.vms:
        at = ports[vm.name]
        yield from rate(f"vms.{vm.name}.tx_gbps", vm.tx_gbps, sent[function_of(at)], GBPS, 0.0)
        yield from rate(f"vms.{vm.name}.rx_gbps", vm.rx_gbps, got_bytes[at], GBPS, gbps)
        yield from rate(f"vms.{vm.name}.rx_mpps", vm.rx_mpps, got_frames[at], MPPS, frames)


def _offered_share(marks: MarkTable, at_fs: npt.NDArray[np.float64]) -> float:
    """Return half of the interval of the offered frames' rate, as a share of it.

    In the long run what is delivered is what was offered. A full server passes frames on more evenly than they come, so
    that its output alone does not say how far a random load was from its mean in this window.
    """
    offered = marks["offered"]
    found, n_offered = ratio_estimate(at_fs, offered, at_fs), offered[-1] - offered[0]
    return found.half_width * float((at_fs[-1] - at_fs[0]) / n_offered) if found is not None and n_offered else 0.0


def _latencies(result: Result, marks: MarkTable, burst_frames: int) -> Iterator[_Wanted]:
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
        yield _about(f"{place}.mean", latency.mean, mean, 1 / FS_PER_NS, at_ends)
        yield from _percentiles(place, latency, _Histogram(marks.histograms[name]))


def _about(name: str, figure: float, ratio: Ratio, factor: float, least: float) -> _Wanted:
    """Want the interval round a figure."""

    def found_from(estimates: Sequence[Estimate | None]) -> _Found | None:
        (found,) = estimates
        if found is None:
            return None
        half = found.half_width * factor
        return _Found(name, figure, (figure - half, figure + half), least, found.is_independent)

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

    def column(self, numerator: int, denominator: int) -> int:
        """Return the column of the last mark in which the sample of a quantile's rank lies."""
        return self._columns_from + bucket_of_rank(self._totals, numerator, denominator)


def _percentiles(place: str, latency: Latency, histogram: _Histogram) -> Iterator[_Wanted]:
    """Want the intervals of a latency's percentiles: from how well the share of samples not above them is known.

    That share is a mean, and has batches without bias; a batch's own percentile is biased in the tail, where it has few
    samples (compare P. Heidelberger and P. A. W. Lewis, Quantile estimation in dependent sequences, Operations Research
    32(1), 1984).
    """
    known = [one for one in PERCENTILES if getattr(latency, one[0]) is not None]
    if not known or not histogram.n_samples:
        return
    columns = [histogram.column(per_mille, 1000) for _, per_mille, _ in known]
    # The share up to its bucket, and the share below it: where many samples are alike they differ.
    counted = histogram.n_below([*columns, *(column + 1 for column in columns), layout.HISTOGRAM_BUCKETS])
    shares, n_samples = zip(counted, counted[len(columns) :], strict=False), counted[-1]
    for (name, per_mille, least_samples), both in zip(known, shares, strict=False):
        ratios = tuple(Ratio(share, n_samples, least_samples) for share in both)
        yield _percentile(f"{place}.{name}", getattr(latency, name), histogram, per_mille, ratios)


def _percentile(name: str, figure: float, histogram: _Histogram, per_mille: int, ratios: tuple[Ratio, ...]) -> _Wanted:
    """Want the interval of a percentile; `ratios`: the share of samples below its bucket, and that up to it."""

    def found_from(estimates: Sequence[Estimate | None]) -> _Found | None:
        known = [one for one in estimates if one is not None]
        if not known:
            return None
        half = round(max(one.half_width for one in known) * PER_MILLION)
        ends = (max(0, 1000 * per_mille - half), min(PER_MILLION, 1000 * per_mille + half))
        low, high = (bucket_ns(histogram.column(share, PER_MILLION)) for share in ends)
        is_independent = all(one.is_independent for one in known)
        above = estimates[-1]  # what exceeds the bucket too: a bucket that many samples share says nothing of bursts
        has_bursts = above is None or PER_MILLION * above.half_width <= LEAST_KNOWN * 1000 * (1000 - per_mille)
        edges = (low * (1 - HALF_A_BUCKET), high * (1 + HALF_A_BUCKET))  # no more is known of them than their buckets
        return _Found(name, figure, edges, figure * HALF_A_BUCKET, is_independent, has_bursts)

    return _Wanted(ratios, found_from)
