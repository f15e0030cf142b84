"""Checks of a window: whether it is long enough for rates, and warnings to read before quoting its figures."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from hwmodel.config import Config, servers_of
from hwmodel.machine.tlp_kinds import TX_DESCRIPTOR_COMPLETION, TX_DOORBELL
from hwmodel.results import Result
from hwmodel.rules.pcie_link import tlp_overhead_of
from hwmodel.simulation.figures.figure_intervals import PERCENTILES
from hwmodel.simulation.figures.intervals import Sureness, gets_through, is_latency
from hwmodel.simulation.figures.machine_known import MachineKnown
from hwmodel.simulation.figures.setting_warnings import flooding_warnings, phase_warnings, setting_warnings
from hwmodel.simulation.figures.span import Span
from hwmodel.units import FS_PER_NS
from hwmodel.words import warnings as words

LEAST_BURSTS = 5  # bursts of each receiving VM; with fewer, even the interval would be a guess
WIDE = 0.05  # of a figure: no warning about doubtful intervals with less half width, which are good enough anyway
GROWS, GROWTH_MATTERS = 25, 0.02  # of a trend: least F (1 and 11 degrees: 0.04 % by chance), least rise
MOST_LOADED = 2.0  # half widths of the load, per headroom: beyond, not even a wide interval holds (3 of 13 did)
ROUGH = 2.0  # an interval whose upper end is more than this times its lower one is rough
UNDELIVERED = 0.005  # least share of frames that arrived in the window and left after it, to be told
LONG_MEMORY = 20  # F of 6 and 6 degrees of freedom, by chance in 0.1 %: strict, since a run has ten figures and more
LEAST_LATENCIES = 5  # mean latencies per window, so that what queues held at its start is gone long before its end
FEW_BURSTS = 10
BURSTS_BEYOND = 0.5  # fewer, as a rule, beyond a percentile: three windows of five have seen none of them
IN_VAIN = 0.1  # share of descriptors that were read although their doorbells contained them
WAITS_FOR_OTHERS = 0.5  # share of the latency spent in waiting for a batch that only later frames fill


def burst_frames(config: Config) -> int:
    """Return the most frames of one VM that become visible at once."""
    return max(1, config.nic.rx_writeback_batch, *(driver.rx_interrupt_batch for driver in config.drivers))


def rates_take(config: Config, span: Span) -> int:
    """Return how many frames a window must deliver to give rates."""
    return LEAST_BURSTS * burst_frames(config) * max(1, span.n_receiving)


def why_no_rates(config: Config, span: Span, *, sends: bool = True) -> str | None:
    """Return why a window is too short for rates; None if it gives them. `sends`: whether any source sends.

    A window holds whole bursts of deliveries, and pieces of bursts at its ends. With fewer than five bursts for each
    receiving VM there are no intervals and no rates; otherwise rates are given, however wide their intervals.
    """
    least = rates_take(config, span)
    if not span.frames:
        said = words.NO_FRAME if span.end.count("offered") else words.none_offered(_more_time(config))
        return said if sends else None
    if span.frames < least:
        return words.too_few(
            span.frames,
            are_copies=span.frames > span.count("delivered"),
            burst=burst_frames(config),
            n_receiving=span.n_receiving,
            least=least,
            more_time=_more_time(config),
        )
    return None


def nothing_ended(span: Span) -> bool:
    """Tell whether frames were offered by the end of a run, and none of them was delivered or dropped."""
    end = span.end
    return bool(end.count("offered") and not end.count("delivered") and not end.count("dropped"))


def _more_time(config: Config) -> str:
    """Return the keys that make a window longer; with a capture, also a longer capture."""
    return "run.frames, run.duration" if config.workload.pcap is None else "a longer capture, run.frames, run.duration"


def warnings_of(config: Config, result: Result, span: Span, unsteady: tuple[str, ...]) -> Iterator[str]:
    """Yield the warnings for a finished window, except those of `why_no_rates` and `unsure_figures`."""
    if unsteady:
        warmup_ms = span.start.now_fs / FS_PER_NS / 1e6
        yield words.not_steady(unsteady, warmup_ms, warmup_ms * 1e6 / max(1.0, result.window.duration_ns))
    yield from _stuck(config, result, span)
    yield from _inline_in_vain(config, span)
    yield from lasting_warnings(config, result)
    yield from phase_warnings(config, result)


def lasting_warnings(config: Config, result: Result) -> Iterator[str]:
    """Yield the warnings that hold even if the machine changes in the window: on hosts, floods and settings."""
    yield from unmeasured_hosts(config)
    yield from flooding_warnings(config, result)
    yield from setting_warnings(config, result)


def _inline_in_vain(config: Config, span: Span) -> Iterator[str]:
    """Warn of descriptors that were read although their doorbells contained them, if every doorbell does."""
    inline = all(driver.doorbell == "inline" and driver.tx_doorbell_batch == 1 for driver in config.drivers)
    if not inline or len(servers_of(config)) > 1 or config.workload.segment_bytes is not None:
        return
    n_tlps, n_bytes, _ = span.tlps("down")
    headers = int(n_tlps[TX_DESCRIPTOR_COMPLETION]) * tlp_overhead_of(config.pcie).completion_bytes
    n_read = (int(n_bytes[TX_DESCRIPTOR_COMPLETION]) - headers) / config.nic.tx_descriptor_bytes
    share = n_read / max(1, int(n_tlps[TX_DOORBELL]))
    if share > IN_VAIN:
        yield words.inline_in_vain(min(1.0, share))


def unmeasured_hosts(config: Config) -> Iterator[str]:
    """Yield a warning for each host preset in use that was never measured."""
    found = (server.config.host.unmeasured for server in servers_of(config))
    yield from dict.fromkeys(one for one in found if one is not None)


class Unsure(NamedTuple):
    """Hold a warning, and the places of the latencies and waits of which no interval from this window would hold.

    `percentiles`: those of which none would at any place.
    """

    text: str
    places: frozenset[str] = frozenset()
    percentiles: frozenset[str] = frozenset()


def with_intervals_that_hold(result: Result, unsure: Sequence[Unsure]) -> Result:
    """Leave out the intervals of latencies and waits of which a warning says that they would not hold."""
    if not unsure:
        return result
    places, percentiles = (frozenset[str]().union(*each) for each in zip(*(one[1:] for one in unsure), strict=True))

    def holds(place: str, _: str, figure: str) -> bool:
        return place not in places and figure not in percentiles

    held = {name: ends for name, ends in result.intervals.items() if holds(*name.rpartition("."))}
    return replace(result, intervals=held)


def unsure_figures(
    result: Result, sureness: Sureness, *, is_open: bool, longer: str = "run.duration"
) -> Iterator[Unsure]:
    """Yield a warning for each reason why a window does not tell how far off figures are, and name the figures.

    `is_open`: frames arrive independently of departures. `longer`: what has to be longer for a longer window. A figure
    is named only once. What holds for a mean latency also holds for its percentiles, which are not tested.
    """
    if not result.window_frames:
        return  # already warned of; what is left would concern the links' idle traffic
    estimates = {name: one for name, one in sureness.estimates.items() if not name.startswith("vms.")}
    ends = {name: sum(sureness.intervals[name]) / 2 for name in estimates}
    growing = {name: rise for name, rise in growth_of(sureness).items() if name in estimates}
    if growing:
        # What a full resource lets through is as it is, however long frames wait for it.
        undelivered = _undelivered(result, growing) if is_open and gets_through(result) else 0.0
        fills = is_open and not gets_through(result) and growing.get("latency_ns.mean", 0.0) > 0
        yield Unsure(words.growing(tuple(growing.items()), undelivered, longer, fills=fills), _places(growing))
    if is_open and sureness.n_bursts < FEW_BURSTS:
        yield Unsure(words.few_bursts(sureness.n_bursts, longer), _places(sureness.intervals))
        return
    if is_open and sureness.n_bursts < result.window_frames / 2:  # it is bursts that come, not single frames
        tails = {name for name, (per_mille, _) in PERCENTILES.items() if _is_of_few(sureness.n_bursts, per_mille)}
        if any(name.rpartition(".")[2] in tails for name in sureness.intervals):
            yield Unsure(words.few_bursts_beyond(sorted(tails), longer), percentiles=frozenset(tails))
    short = [name for name, one in estimates.items() if one.memory > LONG_MEMORY and one.half_width > WIDE * ends[name]]
    is_of_few = is_open and _is_of_few_latencies(result)
    if is_of_few or (is_open and sureness.load_known > 1):
        short += [name for name in estimates if "_ns." in name and name not in short]
    if is_open and any("_ns." in name for name in growing):  # rings that fill make senders wait ever longer
        short += [name for name in estimates if name.startswith("sender_wait_ns.") and name not in short]
    unsaid = [name for name in short if name not in growing]
    # A wide interval reaches up to what a longer queue would give. In a few latencies' time it need not reach down, and
    # where the load may well be more than fits it need not reach so far up; where senders wait ever longer it is more.
    may_be_more = sureness.load_known > MOST_LOADED and "sender_wait_ns.mean" not in growing
    is_wild = is_of_few or may_be_more
    rough = [name for name in unsaid if not is_wild and _is_rough(*sureness.intervals[name])]
    named = [name for name in unsaid if name not in rough]
    if named:
        yield Unsure(words.short_beside_queues([*map(words.figure_name, named)], longer), _places(named))
    if rough:
        yield Unsure(words.known_roughly([*map(words.figure_name, rough)], longer))


def _is_of_few(n_bursts: float, per_mille: int) -> bool:
    """Tell whether fewer bursts than `BURSTS_BEYOND` reach beyond a quantile as a rule."""
    return n_bursts * (1000 - per_mille) / 1000 < BURSTS_BEYOND


def _places(names: Iterable[str]) -> frozenset[str]:
    """Return the places of those figures that are latencies or waits."""
    return frozenset(name.rpartition(".")[0] for name in names if is_latency(name))


def growth_of(sureness: Sureness) -> dict[str, float]:
    """Return the rise over the window of each rate and mean whose trend is beyond chance and not negligible."""
    return {
        name: one.rise
        for name, one in sureness.estimates.items()
        if one.trend > GROWS and abs(one.rise) > GROWTH_MATTERS * sum(sureness.intervals[name]) / 2
    }


def _is_rough(low: float, high: float) -> bool:
    """Tell whether an interval is so wide that the figure is only roughly known anyway."""
    return high > ROUGH * low


def _undelivered(result: Result, growing: Mapping[str, float]) -> float:
    """Return the share by which growing waits lower the delivered rate, by Little's law; 0 if negligible.

    Nothing is missing where nothing is in flight at the end, as of a capture that has come to its end.
    """
    share = growing.get("latency_ns.mean", 0.0) / max(1.0, result.window.duration_ns)
    is_missing = share < 0 or result.totals.in_flight_frames > 0
    return share if is_missing and abs(share) >= UNDELIVERED else 0.0


def _is_of_few_latencies(result: Result) -> bool:
    """Tell whether the window is so short that the frames queued at its start matter."""
    return result.window.duration_ns < LEAST_LATENCIES * (result.latency_ns.mean or 0.0)


def repeats(known: MachineKnown, has_drawn: bool) -> Iterator[str]:
    """Yield a warning if every seed gives the same run, since neither clocks nor frames depend on it."""
    if known.sends and not known.clock_share and not has_drawn:
        yield words.SAME_FOR_ALL_SEEDS


def precision_not_met(config: Config, result: Result, names: tuple[str, ...]) -> Iterator[str]:
    """Yield a warning where `run.precision` was not met."""
    if names:
        yield words.precision_not_met(float(config.run.precision or 0), names, result.window.duration_ns / 1e6)


def _stuck(config: Config, result: Result, span: Span) -> Iterator[str]:
    """Warn of frames that wait for a batch without a timer, which only later frames fill."""
    offered = span.end.count("offered")
    if nothing_ended(span):
        has_come = span.end.count("rx_copies") > 0  # into a ring in memory; before that no batch can hold it
        yield words.stuck(offered, _endless_batches(config).values() if has_come else ())
        return
    parts, whole = result.latency_parts_ns.get("mean", {}), result.latency_to_guest_ns.mean
    waits = sum(parts.get(part, 0.0) for part in _endless_batches(config))
    if whole and waits > WAITS_FOR_OTHERS * whole:
        yield words.waits_for_batches(waits / whole, _endless_batches(config).values())


def _endless_batches(config: Config) -> dict[str, str]:
    """Return a description of each batch without a timer, by the part of the latency that waits for it."""
    nic, found = config.nic, {}
    if nic.rx_writeback_batch > 1 and not nic.writeback_timeout_fs:
        found["writeback_batch"] = words.endless_write_back(nic.rx_writeback_batch)
    untimed = [driver.rx_interrupt_batch for driver in config.drivers if not driver.moderation_fs]
    if max(untimed, default=0) > 1:
        found["interrupt_moderation"] = words.endless_interrupt(max(untimed))
    return found
