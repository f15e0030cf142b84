"""Who sends to whom, how long frames are, and when they come: streams of frames into ports."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial

from hwmodel.config.names import UPLINK, is_uplink
from hwmodel.units import BITS_PER_BYTE, FS_PER_S
from hwmodel.wire.ethernet import wire_bytes
from hwmodel.workload.traffic import ON_OFF, PERIODIC, POISSON, AliasTable, Source, build_alias_table

BROADCAST, MULTICAST = "broadcast", "multicast"

Weighted = tuple[tuple[str, Fraction], ...]
# Random gaps of some forty times the mean must still be far below the last time that fits into 63 bits of femtoseconds.
LONGEST_GAP_FS = 100 * FS_PER_S


class PatternError(ValueError):
    """Report a pattern that the ports in use cannot make; the message is for the person who typed it."""


@dataclass(frozen=True)
class Demand:
    """Hold one stream: the port it enters by, its targets with weights, and its own rate.

    Targets are port names, `broadcast` or `multicast`. `rate_bps` counts frame bits with FCS; None follows the
    workload's `load`.
    """

    port: str
    targets: Weighted
    rate_bps: int | Fraction | None = None


def demands(
    pattern: str,
    stations: Sequence[str],
    *,
    incast_to: str = "vf0",
    flows: Sequence[tuple[str, str, int | Fraction | None]] = (),
    wire_share: float | Fraction = 0,
) -> list[Demand]:
    """List the streams of a pattern among `stations`, the names of the VFs in use in port order.

    `flows` counts for the pattern of that name alone. `wire_share` of each station's frames goes out by the wire
    instead of where the pattern sends it. Raises PatternError where a pattern needs more stations than there are.
    """
    if pattern == "flows":
        streams = _flow_demands(flows)
    else:
        streams = _PATTERNS[pattern](list(stations), incast_to)
        if not streams:
            raise PatternError(f"pattern {pattern} has nobody to send among the VFs in use ({len(stations)})")
    return [_share_with_wire(stream, Fraction(wire_share)) for stream in streams]


def _equal(names: Sequence[str]) -> Weighted:
    one = Fraction(1)  # one object for all, so that the table of many targets sees at once that weights are equal
    return tuple((name, one) for name in names)


def _pairs(stations: list[str], _incast_to: str) -> list[Demand]:
    """Pair neighbours both ways; with an odd number the last one neither sends nor receives."""
    even = len(stations) // 2 * 2
    return [Demand(name, _equal([stations[i ^ 1]])) for i, name in enumerate(stations[:even])]


def _ring(stations: list[str], _incast_to: str) -> list[Demand]:
    n = len(stations)
    return [Demand(name, _equal([stations[(i + 1) % n]])) for i, name in enumerate(stations) if n > 1]


def _uniform(stations: list[str], _incast_to: str) -> list[Demand]:
    everyone = _equal(stations)  # built once, as all senders share its entries
    return [Demand(name, everyone[:i] + everyone[i + 1 :]) for i, name in enumerate(stations) if len(stations) > 1]


def _incast(stations: list[str], incast_to: str) -> list[Demand]:
    return [Demand(name, _equal([incast_to])) for name in stations if name != incast_to]


def _everyone_to(target: str, stations: list[str], _incast_to: str) -> list[Demand]:
    return [Demand(name, _equal([target])) for name in stations]


_PATTERNS: dict[str, Callable[[list[str], str], list[Demand]]] = {
    "pairs": _pairs,
    "ring": _ring,
    "uniform": _uniform,
    "incast": _incast,
    "broadcast": partial(_everyone_to, BROADCAST),
    "multicast": partial(_everyone_to, MULTICAST),
    "to_wire": partial(_everyone_to, UPLINK),
}


def _flow_demands(flows: Sequence[tuple[str, str, int | Fraction | None]]) -> list[Demand]:
    """Make a stream of each flow with a rate, and one for each port's flows without a rate, in equal parts.

    A flow of rate 0 is left out.
    """
    streams = [Demand(port, _equal([to]), rate) for port, to, rate in flows if rate]
    following: dict[str, list[str]] = {}
    for port, to, rate in flows:
        if rate is None:
            following.setdefault(port, []).append(to)
    return streams + [Demand(port, _equal(targets)) for port, targets in following.items()]


def _share_with_wire(stream: Demand, wire_share: Fraction) -> Demand:
    if not wire_share or is_uplink(stream.port):
        return stream
    whole = sum(weight for _, weight in stream.targets)
    kept = tuple((name, weight * (1 - wire_share) / whole) for name, weight in stream.targets if wire_share < 1)
    return replace(stream, targets=(*kept, (UPLINK, wire_share)))


@dataclass(frozen=True)
class Sizes:
    """Hold frame lengths in bytes with FCS, and how often each comes, in any unit."""

    weighted: tuple[tuple[int, Fraction], ...]

    @classmethod
    def of(cls, frame_bytes: int | None, sizes: Sequence[tuple[int, Fraction | int | float]] | None) -> Sizes:
        """Take one length, or else a list of (length, weight)."""
        if sizes is not None:
            return cls(tuple((n_bytes, Fraction(weight)) for n_bytes, weight in sizes))
        if frame_bytes is None:
            raise ValueError("neither a frame length nor a list of lengths")
        return cls(((frame_bytes, Fraction(1)),))

    @property
    def mean_frame_bytes(self) -> Fraction:
        """Average the frames' bytes with FCS, exactly."""
        return self._mean([n_bytes for n_bytes, _ in self.weighted])

    @property
    def mean_wire_bytes(self) -> Fraction:
        """Average the byte times on the wire, preamble, gap and padding to 64 B included, exactly."""
        return self._mean([wire_bytes(n_bytes) for n_bytes, _ in self.weighted])

    @property
    def frames_a_draw(self) -> int:
        """Return how many frames one drawn length makes."""
        return 1

    @property
    def cut_lengths(self) -> tuple[int, ...]:
        """Return the lengths of the frames that a drawn send is cut into; none if frames themselves are drawn."""
        return ()

    def table(self) -> AliasTable:
        """Build the table that lengths are drawn from."""
        return build_alias_table(self.weighted)

    def _mean(self, lengths: list[int]) -> Fraction:
        weights = [weight for _, weight in self.weighted]
        return sum((weight * n for weight, n in zip(weights, lengths, strict=True)), Fraction(0)) / sum(weights)


@dataclass(frozen=True)
class Sends(Sizes):
    """Hold one length, of a send that the adapter cuts; `cut`: lengths of its frames, each with how many there are.

    `frame_bytes`: the sum of these frames' bytes with FCS. A draw is a send, and means are per send, not per frame.
    """

    cut: tuple[tuple[int, int], ...] = ()
    frame_bytes: int = 0

    @property
    def mean_frame_bytes(self) -> Fraction:
        """Return the bytes of a send's frames with FCS."""
        return Fraction(self.frame_bytes)

    @property
    def mean_wire_bytes(self) -> Fraction:
        """Return the byte times of a send's frames on the wire."""
        return Fraction(sum(n * wire_bytes(n_bytes) for n_bytes, n in self.cut))

    @property
    def frames_a_draw(self) -> int:
        """Return how many frames are cut of a send."""
        return sum(n for _, n in self.cut)

    @property
    def cut_lengths(self) -> tuple[int, ...]:
        """Return the lengths of the frames."""
        return tuple(n_bytes for n_bytes, _ in self.cut)


class ArrivalError(ValueError):
    """Report rates that make no arrivals; the message is for the person who typed them.

    `key` is what to change: `rate`, `peak_rate` or `mean_burst`.
    """

    def __init__(self, key: str, message: str) -> None:
        super().__init__(message)
        self.key = key


@dataclass(frozen=True)
class Arrivals:
    """Hold what a configuration says about the times of frames.

    `kind` is periodic, poisson or on_off; only on_off needs the rate within a burst, in frame bits with FCS, and the
    mean number of frames in one; `has_fixed_bursts`: all have exactly that number.
    """

    kind: str
    peak_rate_bps: int | None = None
    mean_burst_frames: Fraction = Fraction(32)
    has_fixed_bursts: bool = False


def gap_at_rate(rate_bps: int | Fraction, sizes: Sizes) -> Fraction:
    """Give the mean femtoseconds between frames at a rate of frame bits with FCS, exactly."""
    return BITS_PER_BYTE * FS_PER_S * sizes.mean_frame_bytes / Fraction(rate_bps)


def gap_at_share(share: Fraction | float, port_rate_bps: int, sizes: Sizes) -> Fraction:
    """Give the mean femtoseconds between the frames of all senders when together they take `share` of the port's rate.

    The share counts each frame with the 20 B of preamble and gap (RFC 2544's idea of a line rate).
    """
    return BITS_PER_BYTE * FS_PER_S * sizes.mean_wire_bytes / (Fraction(share) * port_rate_bps)


def open_source(port: str, mean_gap: Fraction, arrivals: Arrivals, sizes: Sizes) -> Source:
    """Give a source whose frames are `mean_gap` femtoseconds apart on average, without its tables.

    The gap does not depend on the length drawn for a frame. Gaps are rounded to whole femtoseconds, which moves a rate
    of 10^9 frames a second by less than 1e-6, and lower ones less. Raises ArrivalError where frames are more than 100 s
    apart or a peak does not exceed the mean.
    """
    if mean_gap > LONGEST_GAP_FS:
        raise ArrivalError("rate", f"{port} would send less than one frame in {LONGEST_GAP_FS // FS_PER_S} s")
    kind = {"periodic": PERIODIC, "poisson": POISSON, "on_off": ON_OFF}[arrivals.kind]
    source = Source(port, kind, frames_per_s=float(FS_PER_S / mean_gap), mean_gap_fs=max(round(mean_gap), 1))
    if kind != ON_OFF:
        return source
    if arrivals.peak_rate_bps is None:
        raise ArrivalError("peak_rate", "on_off arrivals need the rate within a burst")
    peak_gap = gap_at_rate(arrivals.peak_rate_bps, sizes)
    if peak_gap >= mean_gap:
        peak, mean = (f"{float(FS_PER_S / gap):.6g}" for gap in (peak_gap, mean_gap))
        raise ArrivalError("peak_rate", f"{peak} frames/s must exceed the mean of {port}, {mean} frames/s")
    # A burst of b frames lasts b peak gaps and its pause, and must take b mean gaps in all.
    mean_off = arrivals.mean_burst_frames * (mean_gap - peak_gap)
    if mean_off > LONGEST_GAP_FS:
        raise ArrivalError("mean_burst", f"{port} would pause more than {LONGEST_GAP_FS // FS_PER_S} s between bursts")
    return replace(
        source,
        peak_gap_fs=max(round(peak_gap), 1),
        mean_burst_frames=float(arrivals.mean_burst_frames),
        fixed_burst_frames=int(arrivals.mean_burst_frames) if arrivals.has_fixed_bursts else 0,
        mean_off_fs=round(mean_off),
    )


def stagger(sources: list[Source]) -> list[Source]:
    """Spread the first frames of periodic sources evenly: the k-th of n begins k/n of its own gap late.

    Without this the frames of all VMs would come in the same femtosecond for ever, and queues would show that instead
    of the load.
    """
    periodic = [i for i, source in enumerate(sources) if source.kind == PERIODIC]
    staggered = list(sources)
    for k, i in enumerate(periodic):
        staggered[i] = replace(sources[i], phase_fs=sources[i].mean_gap_fs * k // len(periodic))
    return staggered
