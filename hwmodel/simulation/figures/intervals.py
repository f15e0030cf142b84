"""95 % confidence intervals of a run's rates, means and percentiles, by the names that these have in the result."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from math import hypot, inf, sqrt
from operator import attrgetter
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from hwmodel.config import Config
from hwmodel.resources import OFFERED_LOAD
from hwmodel.results import ALL_PARTS, Latency, Result, SystemResult
from hwmodel.results.possible import within_possible
from hwmodel.results.student_t import NORMAL_975, student_t_975
from hwmodel.rules.figures import BIT_RATE, FRAME_RATE, TIME, Interval, Unit, rows_of
from hwmodel.simulation.figures.counts import LATENCY_PLACES
from hwmodel.simulation.figures.figure_intervals import (
    MOST_BELOW,
    N_WEIGHTS,
    PERCENTILES,
    Estimate,
    Found,
    Ratio,
    SampleCounts,
    Wanted,
    gamma_ends,
    mean_wanted,
    percentiles_wanted,
    rate_by_law,
    rate_wanted,
    ratio_estimate,
    ratio_estimates,
    with_few_events,
)
from hwmodel.simulation.figures.machine_known import Arrivals, MachineKnown, with_missed_bursts
from hwmodel.simulation.figures.marks import MarkTable
from hwmodel.simulation.fill.nic_state import function_of
from hwmodel.units import FS_PER_NS

GBPS = 8e6  # from bytes per femtosecond to Gb/s
OF_THE_LAW = (
    3.0  # half widths of the number that arrives: if it is further off, senders do not send as they are said to
)
MOST_TIMES = (
    10.0  # of the queueing that a window saw, for a load that leaves hardly any headroom: a warning says so too
)
# The parts of the way that no busy resource lengthens as a queue's: timers, and what waits for them.
TIMED_PARTS = frozenset({"driver_batch", "writeback_batch", "interrupt_moderation", "interrupt"})
GUEST_PART = "guest_queue"
# The parts that a resource does lengthen, by a component of its name; those of a link, a bus or a port by the last row.
QUEUES_AT = (
    ("bridge", frozenset({"bridge"})),
    ("driver", frozenset(ALL_PARTS) - TIMED_PARTS),
    ("", frozenset(ALL_PARTS) - TIMED_PARTS - {GUEST_PART}),
)
# What is not of a latency's way.
NOT_OF = {"delivery": {GUEST_PART}, "from_doorbell": {GUEST_PART, "driver_batch"}, "to_guest": set[str]()}
OVERLOADED = 1.5  # half widths of the offered rate by which arrivals exceed departures under overload
MPPS = 1e9  # from frames per femtosecond to 10^6 frames/s


class Sureness(NamedTuple):
    """Hold figures and their intervals by dotted name, and the estimates behind those of rates and means.

    `n_bursts`: the number of independent bursts whose count would vary as the window's arrivals did; infinite for a
    closed loop. `load_known`: half width of the offered rate, as a share of the headroom at the busiest resource.
    `least_ns`: the least of each latency since the start of the run, by its place in the result. `most_gbps`: as in
    `MachineKnown`. The intervals are as estimated; `possible_intervals` cuts them.
    """

    figures: dict[str, float]
    intervals: dict[str, tuple[float, float]]
    estimates: dict[str, Estimate]
    n_bursts: float = inf
    load_known: float = 0.0
    least_ns: Mapping[str, float] = MappingProxyType({})
    most_gbps: Mapping[str, float] = MappingProxyType({})


def possible_intervals(
    figures: Mapping[str, float],
    intervals: Mapping[str, tuple[float, float]],
    least_ns: Mapping[str, float],
    most_gbps: Mapping[str, float],
) -> dict[str, tuple[float, float]]:
    """Cut intervals at what their figures can be: no latency is below the least of all, no rate above its link's."""
    return {
        name: within_possible(
            name,
            figure,
            intervals[name],
            least_ns.get(name.rpartition(".")[0], 0.0),
            most_gbps.get(kind_of_rate(name), inf),
        )
        for name, figure in figures.items()
    }


def is_latency(name: str) -> bool:
    """Tell whether a figure is a mean or a percentile of a latency or a wait."""
    return name.rpartition(".")[0].endswith("_ns")


def kind_of_rate(name: str) -> str:
    """Return the name under which `MachineKnown.most_gbps` has a rate's bound: that of all VMs for each of them."""
    first, _, rest = name.partition(".")
    return f"{first}.{rest.rpartition('.')[2]}"


def sureness_of(
    result: Result,
    marks: MarkTable,
    ports: Mapping[str, int],
    burst_frames: int,
    machine: MachineKnown = MachineKnown(),  # noqa: B008 (a tuple)
) -> Sureness:
    """Return the intervals of a result's figures from the marks of its window.

    `ports`: the VMs' port numbers, by name. `burst_frames`: frames that become visible at once. A rate is known no
    better than to that many frames in the window; a mean latency no better than to that many frames, or the slowest
    one, more or less at the window's ends.
    """
    figures: dict[str, float] = {}
    intervals: dict[str, tuple[float, float]] = {}
    estimates: dict[str, Estimate] = {}
    at_fs = marks["now_fs"]
    offered = _offered(marks, at_fs, machine.arrivals) if machine.is_open else OfferedRate()
    is_overloaded = _is_overloaded(marks, offered)
    load = load_known(result, offered, is_overloaded=is_overloaded)
    wanted = [
        *_rates(result, marks, ports, burst_frames, OfferedRate() if is_overloaded else offered),
        *_latencies(result, marks, burst_frames, load, machine),
    ]
    ratios = [ratio for one in wanted for ratio in one.ratios]
    most_degrees = int(min(N_WEIGHTS, max(1.0, offered.n_bursts)))
    found = iter(ratio_estimates(at_fs, ratios, most_degrees) if ratios else ())
    for one in wanted:
        for name, figure, ends, least, estimate in one.found_from([next(found) for _ in one.ratios]):
            reach = max(least, machine.clock_share * figure)
            figures[name], intervals[name] = figure, (min(ends[0], figure - reach), max(ends[1], figure + reach))
            if estimate is not None:
                estimates[name] = estimate
    return Sureness(figures, intervals, estimates, offered.n_bursts, load.known, marks.least_ns, machine.most_gbps)


def too_wide(config: Config, result: Result) -> tuple[str, ...]:
    """Return the main figures that are less precise than `run.precision` asks; none if it is not set.

    For throughput, mean latency and 99th percentile, the interval's upper half may be at most that share of the figure.
    A figure without an interval, since too little was delivered, counts as too wide.
    """
    if config.run.precision is None:
        return ()
    figures = dict([result.throughput()])
    if result.latency_ns.count or not result.window_frames:
        figures |= {"latency_ns.mean": result.latency_ns.mean, "latency_ns.p99": result.latency_ns.p99}
    found = []
    for name, figure in figures.items():
        interval = result.intervals.get(name)
        if not figure or interval is None or interval[1] - figure > float(config.run.precision) * figure:
            found.append(name)
    return tuple(found)


def _rates(
    result: Result, marks: MarkTable, ports: Mapping[str, int], burst_frames: int, offered: OfferedRate
) -> Iterator[Wanted]:
    at_fs = marks["now_fs"]
    window_fs = max(1.0, float(at_fs[-1] - at_fs[0]))

    frames = burst_frames * MPPS / window_fs
    mean_bytes = float(marks["totals.gbps"][-1]) / max(1.0, float(marks["totals.mpps"][-1]))
    gbps = burst_frames * mean_bytes * GBPS / window_fs
    as_offered, law_share = offered.half_share, 0.0
    if offered.is_by_law and gets_through(result) and not sum(result.drops.values()):
        came, left = (float(marks[one][-1] - marks[one][0]) for one in ("offered", "delivery.n"))
        if abs(left - came) < as_offered * came:
            law_share = hypot(as_offered, (left - came) / came)  # what queues took or gave is chance, too
    of_bytes = law_share if offered.has_one_length else 0.0
    # By unit: from the amount to the rate, a burst's rate, and how far off by law.
    by_unit = {BIT_RATE: (GBPS, gbps, of_bytes), FRAME_RATE: (MPPS, frames, law_share), TIME: (1.0, 0.0, 0.0)}

    amounts_of = cache(marks.__getitem__)  # those of all VMs are one table
    for one in rates_of(result):
        if one.figure:  # no interval for what never occurred
            kind, amounts = one.interval, amounts_of(one.marked)
            if one.vm:
                amounts = amounts.T[function_of(ports[one.vm])]
            factor, burst, law = by_unit[one.unit]
            least, least_half = burst * kind.by_bursts, as_offered * kind.as_offered * one.figure
            wanted = rate_wanted(one.name, one.figure, Ratio(amounts, at_fs), factor, least, least_half)
            yield rate_by_law(wanted, law) if kind.by_law and law else wanted


class Rate(NamedTuple):
    """Say of a rate with an interval its name and figure, and which amounts of the marks it is of, or its VM's part."""

    name: str
    figure: float | None
    unit: Unit
    interval: Interval
    marked: str
    vm: str = ""


def rates_of(result: Result) -> Iterator[Rate]:
    """Yield all rates of a result that may have an interval."""

    def by_row(record: str) -> Iterator[Rate]:
        for field, row in rows_of(record).items():
            if row.interval is not None:
                yield Rate(row.name, getattr(getattr(result, record), field), row.unit, row.interval, row.name)

    yield from by_row("totals")
    outside = result.outside_gbps()
    if outside:
        yield Rate(result.outside_rate(), outside, BIT_RATE, Interval(as_offered=True), "outside_bytes")
    if isinstance(result, SystemResult):
        return
    yield from by_row("wire")
    for way, direction in (("up", result.pcie.up), ("down", result.pcie.down)):
        yield Rate(f"pcie.{way}.utilization", direction.utilization, TIME, Interval(), f"{way}.busy_fs")
    of_vms = [(row, row.interval) for row in rows_of("vms").values() if row.interval is not None]
    for vm in result.vms:
        for row, kind in of_vms:
            name = f"vms.{vm.name}.{row.name}"
            yield Rate(name, getattr(vm, row.name), row.unit, kind, row.name, vm.name)


def latencies_of(result: Result) -> dict[str, Latency]:
    """Return all latencies of a result that may have intervals, by the names of LATENCY_PLACES; those of one frame not.

    A single frame shows no variance.
    """
    is_alone = not isinstance(result, SystemResult)
    found = {
        name: attrgetter(place)(result)
        for name, place in LATENCY_PLACES.items()
        if is_alone or not place.startswith("wire.")
    }
    return {name: latency for name, latency in found.items() if latency.count > 1}


def figures_with_intervals(result: Result) -> dict[str, float]:
    """Return the figures of a result that may have an interval, by dotted name."""
    rates = {one.name: one.figure for one in rates_of(result)}
    times = {
        f"{LATENCY_PLACES[name]}.{of}": getattr(latency, of)
        for name, latency in latencies_of(result).items()
        for of in ("mean", *PERCENTILES)
    }
    return {name: figure for name, figure in (rates | times).items() if figure is not None}


class OfferedRate(NamedTuple):
    """Hold the relative half width of the offered rate's interval, and `n_bursts` as in `Sureness`.

    `mean_over_came`: what arrives in such a window on average, over what did in this one; 1 where that is not known.
    `is_by_law`: the half width is from the laws of the arrivals; `has_one_length`: all of which have the same length.
    """

    half_share: float = 0.0
    n_bursts: float = inf
    mean_over_came: float = 1.0
    is_by_law: bool = False
    has_one_length: bool = False


def _offered(marks: MarkTable, at_fs: npt.NDArray[np.float64], arrivals: Arrivals | None) -> OfferedRate:
    """Return how precisely the marks give the offered rate: by the laws of the arrivals, else by the marks themselves.

    In the long run, deliveries equal what was offered. A full server passes frames on more evenly than they arrive, so
    its output alone does not show how far a random load was from its mean in this window. Where senders are stopped or
    off, what came is too far from what the laws say, and they do not count.
    """
    offered = marks["offered"]  # not what full rings take, which is in bursts, as slots come free
    n_offered, length_fs = float(offered[-1] - offered[0]), float(at_fs[-1] - at_fs[0])
    if arrivals is not None and arrivals.variance_per_fs and n_offered and length_fs:
        half_share, expected = arrivals.half_share(length_fs), arrivals.mean_per_fs * length_fs
        if abs(n_offered / expected - 1) < OF_THE_LAW * half_share:
            n_bursts = arrivals.n_bursts(length_fs)
            return OfferedRate(half_share, n_bursts, expected / n_offered, True, arrivals.has_one_length)
    found = ratio_estimate(at_fs, offered, at_fs)
    if found is None or not n_offered or not found.half_width:
        return OfferedRate()
    half_share = found.half_width * float((at_fs[-1] - at_fs[0]) / n_offered)
    return OfferedRate(half_share, (student_t_975(N_WEIGHTS) / half_share) ** 2)


def _is_overloaded(marks: MarkTable, offered: OfferedRate) -> bool:
    """Tell whether arrivals exceed deliveries beyond chance; then the offered rate does not determine the delivered."""
    if not offered.half_share:
        return False
    came, left = (float(marks[name][-1] - marks[name][0]) for name in ("offered", "delivery.n"))
    return left < came * (1 - OVERLOADED * offered.half_share)


def gets_through(result: Result) -> bool:
    """Tell whether all that is offered gets through, even if some resource is nearly full."""
    return OFFERED_LOAD in (result.bottleneck.resource, *result.bottleneck.also)


class KnownLoad(NamedTuple):
    """Hold how well the load shows how long queues get: a share of their length, above 1 if not at all.

    `times_longer`: the length that queues have at the mean load, over that at this window's load. `parts`: those that
    the busiest resource lengthens.
    """

    known: float = 0.0
    times_longer: float = 1.0
    parts: frozenset[str] = frozenset(ALL_PARTS)

    def ends(self) -> tuple[float, float]:
        """Return the least and the greatest length that queues may have in the long run, over that in the window.

        A window's mean queue, over that in the long run, is about gamma distributed: exponential where the window
        shows but one state of it, normal where it is long. tests/test_simulation_load_known.py has M/D/1 beside it.
        """
        variance = (self.known / NORMAL_975) ** 2
        variance = variance / (1 + variance) if variance < inf else 1.0
        least, most = gamma_ends(variance)
        return self.times_longer / most, min(MOST_TIMES, self.times_longer / max(least, 1 / MOST_TIMES))


def load_known(result: Result, offered: OfferedRate, *, is_overloaded: bool = False) -> KnownLoad:
    """Return what the busiest resource's headroom says of queues; nothing if the load does not get through.

    `is_overloaded`: more came than left, beyond chance. Where a law says that the mean load gets through, a resource
    that was full in the window had more to do than it has in the long run.

    A queue's length is inversely proportional to the headroom of its server. A window that by chance was offered too
    little cannot show by its own queues how long they get. In heavy traffic a queue is a reflected Brownian motion,
    whose mean over a time has a relative error of sqrt(2) times that of the arrivals' number over the headroom, or more
    if services vary too (2 for M/M/1: W. Whitt, Planning Queueing Simulations, Management Science 35(11), 1341-1366,
    1989). Half of that variance goes with the number that came; where a law says how many should have, `times_longer`
    makes up for it, and `known` is the rest.
    """
    busy = result.bottleneck.utilization or 0.0
    is_full_by_chance = offered.is_by_law and not is_overloaded and busy * offered.mean_over_came < 1
    if not gets_through(result) and not is_full_by_chance:
        return KnownLoad()
    within = result.bottleneck.resource.split(".")
    parts = next(parts for name, parts in QUEUES_AT if not name or name in within)
    headroom = 1 - busy * offered.mean_over_came
    if headroom <= 0:
        return KnownLoad(inf, 1 / (1 - MOST_BELOW), parts)
    times_longer = min(max((1 - busy) / headroom, 1 / MOST_TIMES), 1 / (1 - MOST_BELOW))
    unknown = 1.0 if offered.is_by_law else sqrt(2)
    return KnownLoad(unknown * offered.half_share / headroom, times_longer, parts)


def _latencies(
    result: Result, marks: MarkTable, burst_frames: int, load: KnownLoad, machine: MachineKnown
) -> Iterator[Wanted]:
    for name, latency in latencies_of(result).items():
        place, longest = LATENCY_PLACES[name], latency.max or 0.0
        at_ends = max(burst_frames * (longest - (latency.min or 0.0)), longest) / latency.count
        mean = Ratio(marks[f"{name}.sum_fs"], marks[f"{name}.n"])
        wanted: tuple[Wanted, ...] = (
            mean_wanted(f"{place}.mean", latency.mean or 0.0, mean, 1 / FS_PER_NS, at_ends),
            *percentiles_wanted(place, latency, SampleCounts(marks.histograms[name])),
        )
        if machine.is_random:
            wanted = tuple(with_few_events(one, mean, latency.min or 0.0, 1 / FS_PER_NS) for one in wanted)
        if name == "sender_wait":
            wanted = tuple(with_missed_bursts(one, machine.bursts, result) for one in wanted)
        fixed = frozenset(ALL_PARTS) - load.parts - NOT_OF[name] if name in NOT_OF else frozenset[str]()
        fixed_ns = {of: sum(parts.get(one, 0.0) for one in fixed) for of, parts in result.latency_parts_ns.items()}
        yield from (_with_load(one, latency.min or 0.0, fixed_ns, load) for one in wanted)


def _with_load(wanted: Wanted, least_ns: float, fixed_ns: Mapping[str, float], load: KnownLoad) -> Wanted:
    """Widen a requested interval for the uncertain load, of what is a queue at the busiest resource.

    `least_ns`: the fastest frame's latency, without queueing; `fixed_ns`: what of a figure is no such queue.
    """
    shortest, longest = load.ends()

    def found_from(estimates: Sequence[Estimate | None]) -> Iterator[Found]:
        for found in wanted.found_from(estimates):
            queued_ns = max(0.0, found.figure - max(least_ns, fixed_ns.get(found.name.rpartition(".")[2], 0.0)))
            low, high = (found.figure + queued_ns * (times - 1) for times in (shortest, longest))
            yield found._replace(ends=(min(found.ends[0], low), max(found.ends[1], high)))

    return Wanted(wanted.ratios, found_from)
