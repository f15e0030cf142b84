"""What is known of a run apart from its window: the accuracy of its clocks, the kind of arrivals, and senders' bursts.

Senders wait if one or more bursts fill a Tx ring. If that is rare, a window may hold no such burst, or only a small
one; then its own variation says nothing of larger ones, which the intervals of senders' waits must cover too. What such
a burst adds can still be estimated: the rest of a burst when the ring fills is as long on average as a whole burst (its
length is geometric), and each of its frames waits longer than the one before by the time in which the ring lets one
frame out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import inf, log, prod, sqrt
from types import MappingProxyType
from typing import NamedTuple

from hwmodel.config import Config, servers_of
from hwmodel.config.frame_lengths import longest_frame
from hwmodel.config.names import is_uplink
from hwmodel.results import Result, SystemResult
from hwmodel.results.student_t import NORMAL_975
from hwmodel.rules.ethernet import WIRE_OVERHEAD_BYTES
from hwmodel.rules.pcie_link import link_rate_of
from hwmodel.simulation.figures.figure_intervals import PERCENTILES, Estimate, Found, Wanted
from hwmodel.simulation.fill.clocks import tolerance_ppb
from hwmodel.workload import Workload
from hwmodel.workload.traffic import CLOSED, ON_OFF, PERIODIC, POISSON, SILENT, Source


class MachineKnown(NamedTuple):
    """Hold what is known of a run apart from its marks.

    `clock_share`: the largest relative difference of two of its clocks. `is_open`: frames arrive independently of
    departures (open loop), so a rate is known no better than the number of arrivals; in a closed loop frames arrive
    when others have left, and the bursts in which slots come free say nothing of the rate. `is_periodic`: arrivals are
    evenly spaced, and their relative phases drift only by clock differences. `sends`: some source sends, not from a
    capture. `bursts`: those of on-off senders that wait for slots. `most_gbps`: what no rate can exceed, by the name of
    the rate, or, of any VM, of that kind of rate. `arrivals`: what comes, where all of it is drawn by known laws.
    `has_levels`: a driver adapts the time between its interrupts in levels, in each of which it may stay for long.
    """

    clock_share: float = 0.0
    is_open: bool = True
    is_periodic: bool = False
    sends: bool = True
    bursts: Bursts | None = None
    most_gbps: Mapping[str, float] = MappingProxyType({})
    arrivals: Arrivals | None = None
    has_levels: bool = False

    @property
    def is_random(self) -> bool:
        """Tell whether the number of arrivals in a window is random."""
        return self.is_open and not self.is_periodic

    def hangs_on_phases(self, gets_through: bool) -> bool:
        """Tell whether figures may hang on how parts begin; where chance feeds all of it, only levels that last do.

        `gets_through`: all that is offered does.
        """
        if self.is_random and gets_through:
            return self.has_levels and self.sends
        return bool(self.clock_share) and self.sends

    @classmethod
    def of(cls, config: Config, workload: Workload) -> MachineKnown:
        """Return what follows from a configuration and its workload; each of two clocks may be off by `run.clocks`."""
        kinds = {source.kind for source in workload.sources}
        sends = bool(kinds) and not len(workload.records)
        is_periodic = PERIODIC in kinds and kinds <= {CLOSED, PERIODIC}
        bursts, clock_share = Bursts.of(config, workload), 2 * tolerance_ppb(config) / 1e9
        most_gbps = {name: gbps * (1 + clock_share) for name, gbps in rates_possible(config).items()}
        drivers = [driver for server in servers_of(config) for driver in server.config.drivers]
        return cls(
            clock_share,
            bool(kinds - {CLOSED}),
            is_periodic,
            sends,
            bursts,
            most_gbps,
            Arrivals.of(workload),
            any(one.masks and one.adaptive_moderation and len(set(one.adaptive_intervals_fs)) > 1 for one in drivers),
        )


class Measured(NamedTuple):
    """Hold what the figures of a window, or of a stage of it, are of: what holds as it begins, and what is known."""

    config: Config
    workload: Workload
    known: MachineKnown


class Arrivals(NamedTuple):
    """Hold the mean number of frames that arrive in a femtosecond, and the variance of that number over a long time.

    The variance, too, is of a femtosecond: numbers in disjoint times add up, and so do their variances.
    `has_one_length`: all frames are of the same length, so that bytes are known as frames are. `meetings_per_fs`: how
    many bursts meet one of another sender, in which most of their queueing is; infinite where not all senders pause.
    """

    mean_per_fs: float
    variance_per_fs: float
    has_one_length: bool = False
    meetings_per_fs: float = inf

    @classmethod
    def of(cls, workload: Workload) -> Arrivals | None:
        """Return what all sources offer together; None if some of it is no random process with a rate of its own.

        Bursts of a geometric number n of frames, and pauses between, are a renewal process with rewards: by the central
        limit theorem for processes with regenerative increments (R. Serfozo, Basics of Applied Stochastic Processes,
        Springer 2009, chapter 2) a number has the variance, per time, of n - rate x length over a cycle, divided by the
        mean length of a cycle.
        """
        found = [_arrivals(source) for source in workload.sources if source.kind != SILENT]
        known = [one for one in found if one is not None]
        if not known or len(known) < len(found) or len(workload.records):
            return None
        lengths = {length for source in workload.sources for length in source.lengths if source.kind != SILENT}
        means, variances = ([getattr(one, name) for one in known] for name in cls._fields[:2])
        return cls(sum(means), sum(variances), len(lengths) == 1, _meetings(workload.sources))

    def half_share(self, length_fs: float) -> float:
        """Return half of a 95 % interval of the number that arrives in a time, as a share of its mean."""
        return NORMAL_975 * sqrt(self.variance_per_fs / length_fs) / self.mean_per_fs

    def n_bursts(self, length_fs: float) -> float:
        """Return how many independent events would make what arrives in a time, or its queueing, vary as much."""
        by_number = self.mean_per_fs**2 * length_fs / self.variance_per_fs if self.variance_per_fs else inf
        return min(by_number, self.meetings_per_fs * length_fs)


def _meetings(sources: Sequence[Source]) -> float:
    """Return `Arrivals.meetings_per_fs` of some sources: as bursts begin, the others are in one of theirs by chance."""
    bursts = [source for source in sources if source.kind == ON_OFF]
    if len(bursts) < 2 or any(source.kind not in (ON_OFF, SILENT) for source in sources):
        return inf
    cycles_fs = [_burst_frames(one) * one.peak_gap_fs + one.mean_off_fs for one in bursts]
    offs = [one.mean_off_fs / cycle_fs for one, cycle_fs in zip(bursts, cycles_fs, strict=True)]
    all_off = prod(offs)
    of_each = zip(offs, cycles_fs, strict=True)
    return sum((1 - (all_off / off if off else 0.0)) / cycle_fs for off, cycle_fs in of_each) / 2


def _burst_frames(source: Source) -> float:
    return source.fixed_burst_frames or max(1.0, source.mean_burst_frames)


def _arrivals(source: Source) -> Arrivals | None:
    if source.cut_lengths:
        return None  # a draw is of several frames
    if source.kind in (POISSON, PERIODIC) and source.mean_gap_fs:
        rate = 1 / source.mean_gap_fs
        return Arrivals(rate, rate if source.kind == POISSON else 0.0)
    if source.kind != ON_OFF:
        return None
    n_frames = _burst_frames(source)
    of_number = 0.0 if source.fixed_burst_frames else n_frames * (n_frames - 1)
    cycle_fs = n_frames * source.peak_gap_fs + source.mean_off_fs
    is_off = source.mean_off_fs / cycle_fs
    # A pause is exponential, with its mean as standard deviation.
    return Arrivals(n_frames / cycle_fs, (is_off**2 * of_number + (n_frames * is_off) ** 2) / cycle_fs)


TAGS_BYTES = 12  # S-tag, VLAN tag and E-tag or VN-tag, the most that a frame has beside what keys name


def rates_possible(config: Config) -> dict[str, float]:
    """Return what ports and PCIe links could carry at most, in Gb/s of frame bits, by the names of the rates."""
    servers = servers_of(config)
    longest = longest_frame(config)[0]
    on_wire = (longest + TAGS_BYTES) / (longest + TAGS_BYTES + WIRE_OVERHEAD_BYTES) if longest else 1.0
    ports_gbps = float(sum(server.config.ports_rate_bps for server in servers)) / 1e9 * on_wire
    found = {"wire.tx_gbps": ports_gbps, "wire.rx_gbps": ports_gbps}
    if not any(server.config.switches_in_memory for server in servers):
        links_gbps = [float(link_rate_of(server.config.pcie).bytes_per_s) * 8e-9 for server in servers]
        found |= {"totals.gbps": sum(links_gbps), "vms.tx_gbps": max(links_gbps), "vms.rx_gbps": max(links_gbps)}
    return found


MAY_MISS = -log(0.025)  # if a window holds this many bursts on average, one window in 40 holds none
# The highest fill of a ring grows with the logarithm of the number of bursts. A ring that even this many would not fill
# is taken never to fill; the number is far above any run's, since one window's highest fill is a rough measure.
MOST_BURSTS = 1e9


class Bursts(NamedTuple):
    """Hold the mean length of senders' bursts, and the room of the smallest Tx ring, both in frames."""

    n_frames: float
    room: int

    @classmethod
    def of(cls, config: Config, workload: Workload) -> Bursts | None:
        """Return the longest mean burst among on-off senders that wait for slots; None if there are none."""
        found = [source for source in workload.sources if source.kind == ON_OFF and not is_uplink(source.port)]
        if not found or config.workload.on_full != "wait":
            return None
        longest = max(max(source.mean_burst_frames, source.fixed_burst_frames) for source in found)
        return cls(longest, min(server.config.nic.tx_ring for server in servers_of(config)) - 1)


def with_missed_bursts(wanted: Wanted, bursts: Bursts | None, result: Result) -> Wanted:
    """Raise the upper end of a sender-wait interval to what bursts that the window may have missed would give."""
    if bursts is None:
        return wanted
    share = bursts.n_frames / max(1, result.sender_wait_ns.count)
    adapters = result.adapters if isinstance(result, SystemResult) else (result,)
    highest = max(1, *(adapter.queues["tx_ring"].max for adapter in adapters))
    if highest < bursts.room * -log(share) / log(MOST_BURSTS):
        return wanted
    # Longest latency / highest fill is the time per frame that leaves the ring; frames behind a full ring wait for
    # `n_frames` of these on average.
    one_wait_ns = bursts.n_frames * (result.latency_ns.max or 0.0) / highest

    def found_from(estimates: Sequence[Estimate | None]) -> Iterator[Found]:
        for found in wanted.found_from(estimates):
            per_mille, _ = PERCENTILES.get(found.name.rpartition(".")[2], (0, 0))
            # Waits behind geometric bursts are exponential: this multiple of the mean wait is exceeded by the share of
            # frames that the percentile leaves above it.
            times = max(0.0, log(MAY_MISS * share * 1000 / (1000 - per_mille))) if per_mille else MAY_MISS * share
            high = max(found.ends[1], found.figure + times * one_wait_ns)
            yield found._replace(ends=(found.ends[0], high))

    return Wanted(wanted.ratios, found_from)
