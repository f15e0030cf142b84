"""What a run's figures owe to the phases that its machine began with: short runs beside it that begin in others.

A machine that is full, or whose frames come at even steps, settles into one of several cycles, by the moments at which
its cores, ports and timers began, and may stay in it for as long as anybody measures: then a window, however long,
says nothing of the others. So a few short runs draw their clocks and phases anew, and by how much their figures lie
apart beyond what their own windows explain (the variance between groups, as a one-way analysis of variance has it)
widens the run's intervals. Where random frames come and leave, the window itself sees all phases.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from math import hypot, sqrt
from statistics import fmean, variance
from typing import TYPE_CHECKING, NamedTuple

from hwmodel.config.run import MAX_SEED
from hwmodel.results.student_t import NORMAL_975, student_t_975
from hwmodel.words import warnings as words

if TYPE_CHECKING:
    from hwmodel.results import Result

REPLICAS = 6
LEAST = 3  # fewer say nothing of how far they lie apart
# How much of what six lie apart their own windows explain is itself hardly known: a part counts in any case.
LEAST_BETWEEN = 0.25
TOLD = ("totals.gbps", "wire.tx_gbps")
MATTERS, MORE = 0.05, 2.0  # a share of a figure, times half of the interval that its own window gives

Intervals = Mapping[str, tuple[float, float]]


class Replica(NamedTuple):
    """Hold the figures of a short run by dotted name, and their intervals."""

    figures: Mapping[str, float]
    intervals: Intervals


def replica_of(result: Result) -> Replica:
    """Return the figures of a result that have intervals."""
    figures = {name: value for name, value in result.scalars().items() if isinstance(value, int | float)}
    for vm in result.vms:
        rates = (("tx_gbps", vm.tx_gbps), ("rx_gbps", vm.rx_gbps), ("rx_mpps", vm.rx_mpps))
        figures |= {f"vms.{vm.name}.{name}": rate for name, rate in rates if rate is not None}
    return Replica({name: figures[name] for name in result.intervals if name in figures}, result.intervals)


def seeds_beside(seed: int) -> list[int]:
    """Return the seeds of the short runs, none of them the next of a series of seeds."""
    return [(seed + (number << 32)) % (MAX_SEED + 1) for number in range(1, REPLICAS + 1)]


def widened(own: Replica, others: Sequence[Replica], alike: Collection[str] = ()) -> dict[str, tuple[float, float]]:
    """Return the intervals of a run's figures with the phases' part; those of unknown spread stay as they are.

    `alike`: figures of which the run is a draw like the short ones.
    """
    found = dict(own.intervals)
    for name, figure in own.figures.items():
        reach, (low, high) = _reach_of(name, own, others, alike), own.intervals[name]
        found[name] = (max(0.0, figure - hypot(figure - low, reach)), figure + hypot(high - figure, reach))
    return found


def phase_warnings_of(own: Replica, others: Sequence[Replica], alike: Collection[str] = ()) -> Iterator[str]:
    """Yield a warning where mean latencies or throughput depend on the phases more than on what the window holds."""
    named = []
    for name, figure in own.figures.items():
        reach = _reach_of(name, own, others, alike) if name in TOLD or name.endswith(".mean") else 0.0
        if reach > MATTERS * figure and reach > MORE * _narrower_half(name, own):
            named.append((name, reach / figure))
    if named:
        yield words.locked_in_phase(len(others), named)


def _reach_of(name: str, own: Replica, others: Sequence[Replica], alike: Collection[str]) -> float:
    """Return how far other phases reach from the run's figure: as short runs lie apart, or with the run among them."""
    known = [one.figures[name] for one in others if name in one.figures]
    mean = fmean(known) if known else 0.0
    reach = spread_of(name, others) * own.figures[name] / mean if mean else 0.0
    return max(reach, spread_of(name, [own, *others])) if name in alike else reach


def spread_of(name: str, replicas: Sequence[Replica]) -> float:
    """Return half of the interval that differences between runs make by themselves."""
    known = [one for one in replicas if name in one.figures]
    if len(known) < LEAST:
        return 0.0
    between = variance(one.figures[name] for one in known)
    within = sum(_narrower_half(name, one) ** 2 for one in known) / len(known) / NORMAL_975**2
    return student_t_975(len(known) - 1) * sqrt(max(between - within, LEAST_BETWEEN * between))


def _narrower_half(name: str, replica: Replica) -> float:
    (low, high), figure = replica.intervals[name], replica.figures[name]
    return min(figure - low, high - figure)
