"""What a reader must know of a window's figures before quoting one: warnings, and whether it gives rates at all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from hwmodel.config import servers_of
from hwmodel.results import Result
from hwmodel.simulation.burst_warnings import burst_warnings
from hwmodel.simulation.drop_warnings import drop_warnings
from hwmodel.simulation.flooding import flooding_warnings
from hwmodel.simulation.intervals import Sureness
from hwmodel.simulation.machine_known import MachineKnown
from hwmodel.simulation.phase_effects import phase_warnings
from hwmodel.simulation.span import Span
from hwmodel.units import FS_PER_NS, format_time_fs

if TYPE_CHECKING:
    from hwmodel.config import Config

LEAST_BURSTS = 5  # of each receiving VM: of fewer even the interval would be a guess
WIDE = 0.05  # of a figure; a narrower interval may be doubtful and still tells all that is asked
GROWS, GROWTH_MATTERS = 25, 0.02  # times chance (an F of 1 and 11 degrees: 0.04 % of all), and of a figure
ROUGH = 2.0  # times its lower end, for an interval's upper one
UNDELIVERED = 0.005  # of the window: frames that came within it and left after it
LONG_MEMORY = 20  # an F of 6 and 6 degrees: 0.1 % of all, since a run has ten figures and more
LEAST_LATENCIES = 5  # of a window: what a queue held at its start is gone long before its end
FEW_BURSTS = 10
WAITS_FOR_OTHERS = 0.5  # share of the latency spent in waiting for a batch that only later frames fill


def burst_frames(config: Config) -> int:
    """Return how many frames of one VM become visible at once, at most."""
    return max(1, config.nic.rx_writeback_batch, *(driver.rx_interrupt_batch for driver in config.drivers))


def why_no_rates(config: Config, span: Span, *, sends: bool = True) -> str | None:
    """Return why a window is too short for rates; None where it gives them. `sends`: somebody does.

    A window holds some whole bursts of deliveries and the pieces of others at its ends. Of fewer than five bursts of
    each receiving VM there is no interval, and no rate; all others are given, whatever they are.
    """
    least = LEAST_BURSTS * burst_frames(config) * max(1, span.n_receiving)
    if not span.frames:
        return "No frame was delivered in the window: it gives no rates." if sends else None
    if span.frames < least:
        one, many = ("copy", "copies") if span.frames > span.count("delivered") else ("frame", "frames")
        return (
            f"The window holds {span.frames:,} {one if span.frames == 1 else many}, too few for rates: frames become "
            f"visible in bursts of up to {burst_frames(config)} for a VM, and {span.n_receiving} got some; it takes "
            f"{least:,} {many} or more ({_more_time(config)})."
        )
    return None


def _more_time(config: Config) -> str:
    """Return what makes a window longer; a capture ends when it ends."""
    return "run.frames, run.duration" if config.workload.pcap is None else "a longer capture, run.frames, run.duration"


def warnings_of(config: Config, result: Result, span: Span, unsteady: tuple[str, ...]) -> Iterator[str]:
    """Yield what must be known of a finished window, apart from what `why_no_rates` and `unsure_figures` say."""
    if unsteady:
        warmup_ms = span.start.now_fs / FS_PER_NS / 1e6
        yield (
            f"The run was not steady when the window began: {_listed(unsteady)} still changed after a warm-up of "
            f"{warmup_ms:,.3g} ms, {_times(warmup_ms * 1e6 / max(1.0, result.window.duration_ns))} the window. A "
            "longer run.duration waits longer, run.warmup as long as it says."
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


def unsure_figures(result: Result, sureness: Sureness, *, is_open: bool) -> Iterator[str]:
    """Yield a warning for each reason why figures may be further off than their intervals say, and name the figures.

    `is_open`: frames come at times of their own. What is told of a figure once is not told twice. What holds of a mean
    latency holds of its percentiles.
    """
    if not result.window_frames:
        return  # that is said, and what is left would be of the links' idle traffic
    estimates = {name: one for name, one in sureness.estimates.items() if not name.startswith("vms.")}
    ends = {name: sum(sureness.intervals[name]) / 2 for name in estimates}
    growing = {name: rise for name, rise in growth_of(sureness).items() if name in estimates}
    if growing:
        rises = [
            f"{_told(name)} {'rose' if rise > 0 else 'fell'} by {_amount(name, rise)}" for name, rise in growing.items()
        ]
        yield (
            f"Not steady in the window: {_listed(tuple(rises))}. "
            f"{'These are' if len(rises) > 1 else 'It is'} of this window alone: a longer run.duration gives others."
            f"{_undelivered(result, growing) if is_open else ''}"
        )
    if is_open and sureness.n_bursts < FEW_BURSTS:
        n_bursts = f"{sureness.n_bursts:.0f} independent ones" if sureness.n_bursts >= 1.5 else "a single one"
        yield (
            f"The window holds few bursts: what came varies as {n_bursts} would make it. "
            "All its rates and latencies may be further off than their intervals say. A longer run.duration tells more."
        )
        return
    short = [name for name, one in estimates.items() if one.memory > LONG_MEMORY and one.half_width > WIDE * ends[name]]
    if is_open and (_is_of_few_latencies(result) or sureness.load_known > 1):
        short += [name for name in estimates if "_ns." in name and name not in short]
    unsaid = [name for name in short if name not in growing]
    rough = [name for name in unsaid if _is_rough(*sureness.intervals[name])]
    named, roughly = (tuple(_told(name) for name in names) for names in ([n for n in unsaid if n not in rough], rough))
    if named:
        yield (
            f"The window is short beside the memory of the queues: {_listed(named)} may be further off than "
            f"{'their intervals say' if len(named) > 1 else 'its interval says'}. A longer run.duration tells more."
        )
    if roughly:
        yield (
            f"Known roughly, as the {'widths' if len(roughly) > 1 else 'width'} of the "
            f"{'intervals say' if len(roughly) > 1 else 'interval says'}: {_listed(roughly)}. So near to what is full "
            "queues fill and empty slowly, and this window has seen few of their ups and downs; a longer run.duration "
            "narrows them."
        )


def growth_of(sureness: Sureness) -> dict[str, float]:
    """Return by how much figures that have a mean grew in the window, of those that did beyond chance."""
    return {
        name: one.rise
        for name, one in sureness.estimates.items()
        if one.trend > GROWS and abs(one.rise) > GROWTH_MATTERS * sum(sureness.intervals[name]) / 2
    }


def _is_rough(low: float, high: float) -> bool:
    """Tell whether an interval is so wide that nothing has to be said of how far beyond it a figure may lie."""
    return high > ROUGH * low


def _undelivered(result: Result, growing: Mapping[str, float]) -> str:
    """Return a sentence where frames that wait longer and longer make up part of the rate, by Little's law."""
    share = growing.get("latency_ns.mean", 0.0) / max(1.0, result.window.duration_ns)
    if abs(share) < UNDELIVERED:
        return ""
    fewer = "less" if share > 0 else "more"
    return (
        f" By that {100 * abs(share):.2g} % {fewer} was delivered than came: totals.gbps and totals.mpps are as far "
        "off, and sender_wait_ns follows."
    )


def _is_of_few_latencies(result: Result) -> bool:
    """Tell whether frames that the window began with are a part of it that counts."""
    return result.window.duration_ns < LEAST_LATENCIES * (result.latency_ns.mean or 0.0)


def _told(name: str) -> str:
    """Return what is told of a figure: of a latency's mean, all of it."""
    return name.removesuffix(".mean")


def _amount(name: str, rise: float) -> str:
    """Return a rise in words, with the unit that the name of the figure ends with."""
    if "_ns." in name:
        return format_time_fs(round(float(f"{abs(rise):.3g}")) * FS_PER_NS)
    if name.endswith("utilization"):
        return f"{100 * abs(rise):.2g} %"
    return f"{abs(rise):.3g} {'Mpps' if name.endswith('mpps') else 'Gb/s'}"


def _times(ratio: float) -> str:
    return f"{ratio:,.0f} times" if ratio >= 10 else f"{ratio:.2g} times"


def repeats(known: MachineKnown, has_drawn: bool) -> Iterator[str]:
    """Yield a warning where another seed gives the same run: no clock and no frame hangs on it."""
    if known.sends and not known.clock_share and not has_drawn:
        yield (
            "Nothing in this run is drawn at random and its clocks are exact: all seeds give these figures, and their "
            "intervals say nothing of machines whose parts begin in other phases."
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
    nic, found = config.nic, {}
    if nic.rx_writeback_batch > 1 and not nic.writeback_timeout_fs:
        found["writeback_batch"] = f"nic.rx_writeback_batch is {nic.rx_writeback_batch} without nic.writeback_timeout"
    untimed = [driver.rx_interrupt_batch for driver in config.drivers if not driver.moderation_fs]
    if max(untimed, default=0) > 1:
        batch = max(untimed)
        found["interrupt_moderation"] = f"driver.rx_interrupt_batch is {batch} without a timer (driver.moderation)"
    return found


def _listed(names: tuple[str, ...]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
