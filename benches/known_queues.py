"""Queues whose figures are known exactly, as marks of a window: what the intervals of a run are tried on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import erf, exp, factorial, floor, sqrt

import numpy as np
import numpy.typing as npt

from hwmodel.results import Latency, bucket_of_rank
from hwmodel.results.histogram import UNIT_FS, bucket_ns
from hwmodel.simulation.figures.figure_intervals import (
    Ratio,
    SampleCounts,
    mean_wanted,
    percentiles_wanted,
    ratio_estimates,
)
from hwmodel.units import FS_PER_NS

N_MARKS = 81
SCALE_NS = 1000.0  # of one service time, so that buckets are fine beside the samples
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Known:
    """Hold a process of which mean and distribution are known, and how many samples of it a window has."""

    name: str
    n_samples: int
    mean: float
    share_below: Callable[[float], float]
    draw: Callable[[int, int, np.random.Generator], Floats]


def known_queues() -> Iterator[Known]:
    """Give the processes."""
    for load, n in ((0.5, 4_000), (0.8, 16_000), (0.9, 40_000)):
        yield Known(f"M/M/1 waits, load {load}", n, load * load / (1 - load), _mm1(load), _queue(load, "M"))
    yield Known("M/D/1 waits, load 0.8", 8_000, 0.8 * 0.8 / (2 * 0.2), _md1(0.8), _queue(0.8, "D"))
    for memory, n in ((0.0, 4_000), (0.9, 8_000), (0.99, 8_000)):
        yield Known(f"AR(1), {memory}", n, 5.0, lambda x: 0.5 * (1 + erf((x - 5.0) / sqrt(2))), _autoregression(memory))
    yield Known("on-off states", 8_000, 1.5, lambda x: 0.0 if x < 1 else 0.5 if x < 2 else 1.0, _on_off)
    yield Known("a cycle of 7", 8_000, 4.0, lambda x: min(1.0, max(0.0, np.floor(x + 1e-6) / 7)), _cycle)


def _mm1(load: float) -> Callable[[float], float]:
    return lambda wait: 1 - load * exp(-(1 / load - 1) * wait)


def _md1(load: float) -> Callable[[float], float]:
    """Erlang's distribution of the wait of M/D/1, in times between arrivals; a service takes `load` of one."""

    def share(wait: float) -> float:
        wait = min(wait, 16.0)  # 99.99 % lie below; further out the sum's terms cancel to nothing
        terms = ((k * load - wait) ** k / factorial(k) * exp(-(k * load - wait)) for k in range(floor(wait / load) + 1))
        return (1 - load) * sum(terms)

    return share


def _queue(load: float, service: str) -> Callable[[int, int, np.random.Generator], Floats]:
    """Return waits by Lindley's recursion, each run begun empty a long time before its window."""

    def draw(n_runs: int, n: int, draws: np.random.Generator) -> Floats:
        waits, found = np.zeros(n_runs), np.empty((n, n_runs))
        for at in range(-round(20 / (1 - load) ** 2), n):
            served = draws.exponential(load, n_runs) if service == "M" else load
            waits = np.maximum(0.0, waits + served - draws.exponential(1.0, n_runs))
            if at >= 0:
                found[at] = waits
        return found.T

    return draw


def _autoregression(memory: float) -> Callable[[int, int, np.random.Generator], Floats]:
    def draw(n_runs: int, n: int, draws: np.random.Generator) -> Floats:
        values, found = draws.normal(size=n_runs), np.empty((n, n_runs))
        for at in range(n):
            values = memory * values + sqrt(1 - memory * memory) * draws.normal(size=n_runs)
            found[at] = np.maximum(0.0, values + 5.0)
        return found.T

    return draw


def _on_off(n_runs: int, n: int, draws: np.random.Generator) -> Floats:
    """Return 1 and 2 by turns, each for 50 samples on average, and a little noise that keeps the order."""
    changes = draws.random((n_runs, n)) < 1 / 50
    return 1 + (np.cumsum(changes, axis=1) + draws.integers(0, 2, (n_runs, 1))) % 2.0


def _cycle(n_runs: int, n: int, draws: np.random.Generator) -> Floats:
    return (np.arange(n) + draws.integers(0, 7, (n_runs, 1))) % 7 + 1.0


def intervals_of(samples: Floats) -> dict[str, tuple[float, float]]:
    """Return the intervals of one run's samples by name ("mean", "p50", "p99", "p999"), in the samples' unit."""
    times_ns = samples * SCALE_NS
    at = np.linspace(0, len(samples), N_MARKS).round().astype(int)
    units = (times_ns * FS_PER_NS / UNIT_FS).astype(np.int64)
    shifts = np.maximum(0, np.frexp(np.maximum(1, units).astype(np.float64))[1] - 8)
    buckets = np.where(units < 128, units, (shifts << 7) + (units >> shifts))
    width = int(buckets.max()) + 1
    counts = np.zeros((N_MARKS, width), np.int32)
    np.add.at(counts, (np.searchsorted(at, np.arange(len(samples)), side="right"), buckets), 1)
    rows = [(0, row) for row in counts.cumsum(axis=0, dtype=np.int32)]
    sums = np.concatenate(([0.0], times_ns.cumsum()))[at] * FS_PER_NS
    totals = counts.sum(axis=0).cumsum()
    figures = {name: bucket_ns(bucket_of_rank(totals, rank, 1000)) for name, rank in PERCENTILES.items()}
    latency = Latency(
        min=float(times_ns.min()), max=float(times_ns.max()), mean=float(times_ns.mean()), count=len(samples), **figures
    )
    at_mark = at.astype(np.float64)
    wanted = (
        mean_wanted("mean", latency.mean or 0.0, Ratio(sums, at_mark), 1 / FS_PER_NS, 0.0),
        *percentiles_wanted("", latency, SampleCounts(rows)),
    )
    found = iter(ratio_estimates(at_mark, [ratio for one in wanted for ratio in one.ratios]))
    return {
        each.name.removeprefix("."): (each.ends[0] / SCALE_NS, each.ends[1] / SCALE_NS)
        for one in wanted
        for each in one.found_from([next(found) for _ in one.ratios])
    }


RESOLUTION = 2 * UNIT_FS / FS_PER_NS / SCALE_NS  # of a histogram
PERCENTILES = {"p50": 500, "p99": 990, "p999": 999}


def covers(known: Known, name: str, interval: tuple[float, float]) -> bool:
    """Tell whether an interval holds what is known; of a percentile, whether its share lies between its ends'."""
    low, high = interval
    if name == "mean":
        return low <= known.mean <= high
    share = PERCENTILES[name] / 1000
    return known.share_below(low - RESOLUTION) <= share <= known.share_below(high * (1 + 1e-6))


def coverage(known: Known, n_runs: int, seed: int = 1) -> dict[str, float]:
    """Return in what share of some runs each interval holds what is known."""
    runs = known.draw(n_runs, known.n_samples, np.random.default_rng(seed))
    held: dict[str, list[bool]] = {}
    for samples in runs:
        for name, interval in intervals_of(samples).items():
            held.setdefault(name, []).append(covers(known, name, interval))
    return {name: sum(each) / len(each) for name, each in held.items()}
