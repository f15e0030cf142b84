"""Who sends to whom, how long frames are, and when they come: streams of frames into ports."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from typing import NamedTuple

from hwmodel.rules.ethernet import FCS_BYTES
from hwmodel.units import BITS_PER_BYTE, FS_PER_S
from hwmodel.wire.ethernet import wire_bytes

from .model import Config
from .names import UPLINK, is_uplink
from .system import Server
from .vms import domains_of, own_uplinks
from .workload import External, Workload, lengths_of_send

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


def streams_of(config: Config, pattern: str, servers: Iterable[Server] = ()) -> list[Demand]:
    """List the streams of a configuration: a pattern runs within each domain, flows across all.

    `servers`: its servers, if at hand. With incast, the target in a domain without `incast_to` is the domain's first
    VM. Raises PatternError if nobody sends in any domain.
    """
    workload, domains = config.workload, domains_of(config, servers)
    if pattern == "flows" or len(domains) == 1:
        return demands(
            pattern,
            [vm for domain in domains for vm in domain.vms],
            incast_to=workload.incast_to,
            flows=[(*own_uplinks(config, *flow[:2]), workload.rate_bps_of(flow)) for flow in workload.flows],
            wire_share=workload.wire_share,
        )
    found: list[Demand] = []
    for domain in domains:
        with suppress(PatternError):  # some ports may have too few VMs for a pattern
            to = domain.incast_target(workload.incast_to)
            found += demands(pattern, domain.vms, incast_to=to, wire_share=workload.wire_share)
    if not found:
        n_vms = ", ".join(f"{domain.port} {len(domain.vms)}" for domain in domains)
        raise PatternError(f"pattern {pattern} has nobody to send among the VFs in use ({n_vms})")
    return found


class Gaps(NamedTuple):
    """Hold the mean femtoseconds between frames; of bursts also those within one, and their pauses; else None, 0."""

    mean: Fraction
    peak: Fraction | None = None
    off: Fraction = Fraction(0)


def gaps_of(port: str, mean_gap: Fraction, arrivals: Arrivals, sizes: Sizes) -> Gaps:
    """Give the gaps of a port's frames that are `mean_gap` femtoseconds apart on average.

    Raises ArrivalError where frames, or bursts, are more than 100 s apart or a peak does not exceed the mean.
    """
    if mean_gap > LONGEST_GAP_FS:
        raise ArrivalError("rate", f"{port} would send less than one frame in {LONGEST_GAP_FS // FS_PER_S} s")
    if arrivals.kind != "on_off":
        return Gaps(mean_gap)
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
    return Gaps(mean_gap, peak_gap, mean_off)


def arrivals_of(of: Workload | External) -> Arrivals:
    """Return what a block says about the times of frames."""
    return Arrivals(of.arrivals, of.peak_rate_bps, Fraction(of.mean_burst_frames), of.burst_length == "fixed")


def sizes_of(workload: Workload) -> Sizes:
    """Return what VMs send: frames, or sends that are cut into frames."""
    if not workload.segment_bytes:
        return Sizes.of(workload.frame_bytes, workload.sizes)
    assert workload.mss_bytes and workload.header_bytes, "they are filled in together"
    cut = lengths_of_send(workload.segment_bytes, workload.mss_bytes, workload.header_bytes)
    frame_bytes = workload.segment_bytes + workload.frames_a_send * (workload.header_bytes + FCS_BYTES)
    return Sends(((workload.send_bytes + FCS_BYTES, Fraction(1)),), tuple(cut), frame_bytes)


def whole_gap_of(
    workload: Workload, n_senders: int, port_rate_bps: int, ceiling_per_s: Fraction | None, sizes: Sizes
) -> Fraction:
    """Give the mean gap of all together that follow a load which is no `saturate` and not nothing.

    `ceiling_per_s`: frames a second of all at the closed form's ceiling, for a load that is a share of it.
    """
    load = workload.load
    if load.kind == "share":
        assert load.share is not None
        return gap_at_share(load.share, port_rate_bps, sizes)
    if load.kind == "ceiling":
        assert load.share is not None and ceiling_per_s is not None, "what it is a share of is given"
        return sizes.frames_a_draw * FS_PER_S / (Fraction(repr(load.share)) * ceiling_per_s)
    assert workload.load_bps is not None
    return gap_at_rate(workload.load_bps * n_senders, sizes)
