"""What a reader must know of a window's figures before quoting one: warnings, and whether it gives rates at all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from hwmodel.analytic import Limits
from hwmodel.config import servers_of
from hwmodel.results import Result, throughput
from hwmodel.simulation.burst_warnings import burst_warnings
from hwmodel.simulation.drop_warnings import drop_warnings
from hwmodel.simulation.flooding import flooding_warnings
from hwmodel.simulation.intervals import Sureness
from hwmodel.simulation.mark_table import MarkTable
from hwmodel.simulation.phase_effects import phase_warnings
from hwmodel.simulation.span import Span
from hwmodel.simulation.warmup import drifting_in
from hwmodel.units import BITS_PER_BYTE, FS_PER_NS, FS_PER_S

if TYPE_CHECKING:
    from hwmodel.config import Config

LEAST_BURSTS = 10  # of each receiving VM, as many as make its rate known to a tenth
MOST_OFF = 0.01  # of the closed form, in a window that is not long
LONG_WINDOW = 20_000  # frames; the bursts at its ends weigh less than 1 % then
LONG_RANDOM_WINDOW = 6_000  # a longer one is of the load as it came, and its interval says how far that is chance
WIDE = 0.01  # of a figure; a narrower interval may be doubtful and still tells all that is asked
WAITS_FOR_OTHERS = 0.5  # share of the latency spent in waiting for a batch that only later frames fill


def burst_frames(config: Config) -> int:
    """Return how many frames of one VM become visible at once, at most."""
    return max(1, config.driver.rx_interrupt_batch, config.nic.rx_writeback_batch)


def why_no_rates(config: Config, span: Span, found: Limits | None) -> str | None:
    """Return why a window is too short for rates; None where it gives them.

    A window holds some whole bursts of deliveries and the pieces of others at its ends. It gives no rate where it has
    fewer than ten bursts of each receiving VM, nor, where it is short, for what is 1 % above the closed form, which
    nothing but its ends, or the chance of a random load, can be. Where all that comes gets through, 1 % below is the
    same chance: a rule for one side alone would keep the rates that lean low.
    """
    least = LEAST_BURSTS * burst_frames(config) * max(1, span.n_receiving)
    if not span.frames:
        if found is not None and not found.frames_per_s and not span.count("offered"):
            return None  # nobody sends: the rates are 0, exactly
        return "No frame was delivered in the window: it gives no rates."
    if span.frames < least:
        one, many = ("copy", "copies") if span.frames > span.count("delivered") else ("frame", "frames")
        return (
            f"The window holds {span.frames:,} {one if span.frames == 1 else many}, too few for rates: frames become "
            f"visible in bursts of up to {burst_frames(config)} for a VM, and {span.n_receiving} got some; it takes "
            f"{least:,} {many} or more ({_more_time(config)})."
        )
    return None if found is None else _why_not_of_the_load(config, span, found)


def _why_not_of_the_load(config: Config, span: Span, found: Limits) -> str | None:
    """Return by how much a short window missed what the closed form says, where that is chance or its ends."""
    is_offered = found.limited_by == "offered_load"
    is_short = span.frames < (LONG_RANDOM_WINDOW if is_offered else LONG_WINDOW)
    delivered = span.count("vm_copies") or span.count("delivered_to_wire")
    more = delivered - found.mpps * 1e6 * span.fs / FS_PER_S
    if not is_short or _is_mixed(config, span, more):
        return None
    both_sides = is_offered and _gets_through(span, fewer=-more)
    # On the wire a frame may have a tag more than the closed form counts: there its frames alone say something.
    n_bits = BITS_PER_BYTE * span.count("delivered_bytes")
    for seen, ceiling, unit in ((delivered, found.mpps, "Mpps"), (n_bits / 1000, found.gbps, "Gb/s")):
        off = seen * FS_PER_S / span.fs / 1e6 / ceiling - 1 if ceiling and seen else 0.0
        if off > MOST_OFF or (both_sides and -off > MOST_OFF):
            is_chance = is_offered and _is_random(config)
            reason = "by chance, the load being random" if is_chance else "by the bursts at its ends"
            return (
                f"The window of {span.frames:,} frames caught {100 * abs(off):.1f} % {'more' if off > 0 else 'less'} "
                f"than the closed form's {ceiling:.4g} {unit}, {reason}: it is too short for rates "
                f"({_more_time(config)})."
            )
    return None


def _more_time(config: Config) -> str:
    """Return what makes a window longer; a capture ends when it ends."""
    return "run.frames, run.duration" if config.workload.pcap is None else "a longer capture, run.frames, run.duration"


def _is_random(config: Config) -> bool:
    """Tell whether how much comes in a window is chance."""
    workload, outside = config.workload, config.workload.external
    arrivals = {workload.arrivals, "periodic" if outside is None else outside.arrivals}
    draws = bool(workload.sizes and workload.sizes[1:]) or bool(workload.wire_share)
    return workload.pcap is not None or arrivals != {"periodic"} or draws


def _gets_through(span: Span, fewer: float) -> bool:
    """Tell whether so few frames came, since those that came and were not delivered are no half of what is missing."""
    if any(span.count(name) for name in ("dropped", "copies_dropped")):
        return False
    return 2 * (span.count("offered") - span.count("delivered") + span.backlog_growth) <= max(0.0, fewer)


def _is_mixed(config: Config, span: Span, more_frames: float) -> bool:
    """Tell whether the closed form, which knows one mix of sizes, is no ceiling of what gets through.

    Where frames are dropped, others get through beside them; then more frames than the bursts at both ends hold are no
    error of the window.
    """
    in_ends = 2 * burst_frames(config) * max(1, span.n_receiving)
    drops = any(span.count(name) for name in ("dropped", "copies_dropped", "mirrored_dropped"))
    return drops and more_frames > in_ends


def warnings_of(
    config: Config,
    result: Result,
    span: Span,
    marks: MarkTable,
    capacities: Mapping[str, float],
    unsteady: tuple[str, ...],
) -> Iterator[str]:
    """Yield what must be known of a finished window, apart from what `why_no_rates` says.

    `capacities`: what each buffer holds at most, as `warmup.capacities_of` says.
    """
    if unsteady:
        yield (
            f"The run was not steady when the window began: {_listed(unsteady)} still changed after "
            f"{span.start.now_fs / FS_PER_NS / 1e6:.0f} ms. Give run.warmup a longer time."
        )
    drifting = drifting_in(marks.slices(), capacities)
    if drifting and not unsteady:
        yield (
            f"The run was not steady at its end: {_listed(drifting)} still changed in the window, so its figures are "
            "of a moment. A longer run.duration tells more."
        )
    yield from _stuck(config, result, span)
    yield from unmeasured_hosts(config)
    yield from flooding_warnings(config, result)
    yield from drop_warnings(config, result)
    yield from burst_warnings(config)
    yield from phase_warnings(result)


def unmeasured_hosts(config: Config) -> Iterator[str]:
    """Yield what the figures of hosts are worth whose presets were never measured, of each preset once."""
    found = (server.config.host.unmeasured for server in servers_of(config))
    yield from dict.fromkeys(one for one in found if one is not None)


def doubtful_intervals(result: Result, sureness: Sureness) -> Iterator[str]:
    """Yield a warning where wide intervals of the headline's figures are from batches that hang together, or from few.

    Latencies are of the same queues: where the memory shows in one of them, it is told of all. The bursts that make a
    tail make much of the mean. What is told of a figure once is not told twice.
    """
    headline = {
        **dict([throughput(result)]),
        "latency_ns.mean": result.latency_ns.mean,
        "latency_ns.p50": result.latency_ns.p50,
        "latency_ns.p99": result.latency_ns.p99,
    }
    wide = [
        name
        for name, figure in headline.items()
        if figure and name in sureness.intervals and _half(figure, sureness.intervals[name]) > WIDE * figure
    ]
    found = [name for name in wide if name in sureness.correlated]
    blocks = {name.rpartition(".")[0] for name in found}
    correlated = tuple(name for name in wide if name.rpartition(".")[0] in blocks)
    tails = {name for name in wide if name in sureness.few_bursts}
    hang_on_them = {f"{name.rpartition('.')[0]}.mean" for name in tails}
    few_bursts = tuple(name for name in wide if name in tails | hang_on_them and name not in correlated)
    if correlated:
        yield (
            f"The window is short beside the memory of the queues: the 95 % interval of {_listed(correlated)} "
            f"{_is_or_are(correlated)} widened for it, and may still be too narrow. A longer run.duration tells more."
        )
    if few_bursts:
        yield (
            f"The window holds few of the bursts that make {_listed(few_bursts)}: the 95 % interval of so few may be "
            "too narrow. A longer run.duration tells more."
        )


def precision_not_met(config: Config, result: Result, names: tuple[str, ...]) -> Iterator[str]:
    """Yield a warning where `run.precision` was not met."""
    if names:
        yield (
            f"run.precision {100 * float(config.run.precision or 0):g} % was not met for {_listed(names)} after "
            f"{result.window.duration_ns / 1e6:.0f} ms."
        )


def _stuck(config: Config, result: Result, span: Span) -> Iterator[str]:
    """Warn of frames that wait for a batch which only later frames fill."""
    offered = span.end.counts["offered"]
    if offered and not span.end.counts["delivered"] and not span.end.counts["dropped"]:
        words = "1 frame was offered and not" if offered == 1 else f"{offered:,} frames were offered and none was"
        yield f"{words} delivered: {_batches(config)}"
        return
    parts, whole = result.latency_parts_ns.get("mean", {}), result.latency_to_guest_ns.mean
    waits = sum(parts.get(part, 0.0) for part in _endless_batches(config))
    if whole and waits > WAITS_FOR_OTHERS * whole:
        yield (
            f"{100 * waits / whole:.0f} % of the latency is the wait for a batch that only later frames fill: "
            f"{_batches(config)}"
        )


def _batches(config: Config) -> str:
    return (" and ".join(_endless_batches(config).values()) or "they are still on their way") + "."


def _endless_batches(config: Config) -> dict[str, str]:
    """Return the batches that no timer ends, in words, by the part of the latency that waits for them."""
    nic, driver = config.nic, config.driver
    found = {}
    if nic.rx_writeback_batch > 1 and not nic.writeback_timeout_fs:
        found["writeback_batch"] = f"nic.rx_writeback_batch is {nic.rx_writeback_batch} without nic.writeback_timeout"
    if driver.rx_interrupt_batch > 1 and not driver.moderation_fs:
        batch = driver.rx_interrupt_batch
        found["interrupt_moderation"] = f"driver.rx_interrupt_batch is {batch} without a timer (driver.moderation)"
    return found


def _listed(names: tuple[str, ...]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _half(figure: float, interval: tuple[float, float]) -> float:
    return max(figure - interval[0], interval[1] - figure)


def _is_or_are(names: tuple[str, ...]) -> str:
    return "is" if len(names) == 1 else "are"
