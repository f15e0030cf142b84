"""How much a run's figures depend on its initial phases, by short runs that begin with other phases.

A machine that is full, or whose frames arrive at even steps, settles into one of several cycles, depending on when its
cores, ports and timers began, and may stay in it for ever: then even a long window says nothing of the other cycles.
So a few short runs draw new clock offsets and phases. The spread of their figures beyond what their own windows explain
(the variance between groups of a one-way analysis of variance) widens the run's intervals. With random arrivals that
all get through, the window itself covers all phases.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from math import hypot, sqrt
from statistics import fmean, variance
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from hwmodel.config.run import MAX_SEED
from hwmodel.results.student_t import NORMAL_975, student_t_975
from hwmodel.simulation.figure_intervals import not_below
from hwmodel.words import warnings as words

if TYPE_CHECKING:
    from hwmodel.results import Result
    from hwmodel.simulation.intervals import Sureness

REPLICAS = 6
LEAST = 3  # with fewer runs, their spread is unknown
# How much of the spread of six runs their windows explain is itself uncertain: at least this share always counts.
LEAST_BETWEEN = 0.25
TOLD = ("totals.gbps", "wire.tx_gbps")
MATTERS, MORE = 0.05, 2.0  # thresholds of a warning: share of the figure, multiple of its own half width

Intervals = Mapping[str, tuple[float, float]]


class Replica(NamedTuple):
    """Hold the figures of a short run by dotted name, and their intervals; `least_ns` as in `Sureness`."""

    figures: Mapping[str, float]
    intervals: Intervals
    least_ns: Mapping[str, float] = MappingProxyType({})


def replica_of(result: Result, sureness: Sureness) -> Replica:
    """Return the figures of a result that have intervals."""
    figures = {name: value for name, value in result.scalars().items() if isinstance(value, int | float)}
    for vm in result.vms:
        rates = (("tx_gbps", vm.tx_gbps), ("rx_gbps", vm.rx_gbps), ("rx_mpps", vm.rx_mpps))
        figures |= {f"vms.{vm.name}.{name}": rate for name, rate in rates if rate is not None}
    known = {name: figures[name] for name in sureness.intervals if name in figures}
    return Replica(known, sureness.intervals, sureness.least_ns)


def seeds_beside(seed: int) -> list[int]:
    """Return the seeds of the short runs, far from `seed`, so that a series of consecutive seeds does not use them."""
    return [(seed + (number << 32)) % (MAX_SEED + 1) for number in range(1, REPLICAS + 1)]


def widened(own: Replica, others: Sequence[Replica], alike: Collection[str] = ()) -> dict[str, tuple[float, float]]:
    """Return the intervals of a run's figures widened by the phases' spread; if that is unknown, unchanged.

    `alike`: figures for which the run itself counts as one more draw beside the short runs.
    """
    found = dict(own.intervals)
    for name, figure in own.figures.items():
        reach, (low, high) = _reach_of(name, own, others, alike), own.intervals[name]
        found[name] = (max(0.0, figure - hypot(figure - low, reach)), figure + hypot(high - figure, reach))
    least_ns = {
        of: min([least, *(one.least_ns.get(of, least) for one in others)]) for of, least in own.least_ns.items()
    }
    return not_below(found, least_ns)


def phase_warnings_of(own: Replica, others: Sequence[Replica], alike: Collection[str] = ()) -> Iterator[str]:
    """Yield a warning if mean latencies or throughput depend more on the phases than on what the window holds."""
    named = []
    for name, figure in own.figures.items():
        reach = _reach_of(name, own, others, alike) if name in TOLD or name.endswith(".mean") else 0.0
        if reach > MATTERS * figure and reach > MORE * _narrower_half(name, own):
            named.append((name, reach / figure))
    if named:
        yield words.locked_in_phase(len(others), named)


def _reach_of(name: str, own: Replica, others: Sequence[Replica], alike: Collection[str]) -> float:
    """Return the half width due to phases: the short runs' or, if the run is alike, that with the run if larger."""
    known = [one.figures[name] for one in others if name in one.figures]
    mean = fmean(known) if known else 0.0
    reach = spread_of(name, others) * own.figures[name] / mean if mean else 0.0
    return max(reach, spread_of(name, [own, *others])) if name in alike else reach


def spread_of(name: str, replicas: Sequence[Replica]) -> float:
    """Return the half width due to differences between runs, beyond what their own intervals explain."""
    known = [one for one in replicas if name in one.figures]
    if len(known) < LEAST:
        return 0.0
    between = variance(one.figures[name] for one in known)
    within = sum(_narrower_half(name, one) ** 2 for one in known) / len(known) / NORMAL_975**2
    return student_t_975(len(known) - 1) * sqrt(max(between - within, LEAST_BETWEEN * between))


def _narrower_half(name: str, replica: Replica) -> float:
    (low, high), figure = replica.intervals[name], replica.figures[name]
    return min(figure - low, high - figure)
