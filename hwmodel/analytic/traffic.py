"""What the workload asks of the adapter, per frame: sizes, reads, copies, wire crossings, and each VM's share.

Only means enter the closed form: arrivals, bursts and the order of frames do not.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import TYPE_CHECKING

from hwmodel.analytic.capture import Capture, read_capture
from hwmodel.analytic.mirrors import UPLINK
from hwmodel.analytic.routes import GROUPS, Router
from hwmodel.analytic.streams import Stream, streams_of
from hwmodel.config.names import port_number
from hwmodel.errors import InputError
from hwmodel.units import BITS_PER_BYTE
from hwmodel.wire.ethernet import wire_bytes

if TYPE_CHECKING:
    from hwmodel.config import Config


@dataclass(frozen=True)
class Traffic:
    """Hold the mean over the frames offered; shares and counts are per frame.

    `sizes`: (frame_bytes, share), the shares add up to 1. `reads`: frames read from a VM's memory. `copies`: copies
    written to VMs, and `mirrored`: the mirrored ones, not among them. `to_wire`, `from_wire`: crossings. `tag_bytes`:
    mean tag bytes of a frame sent on the wire. `sent`, `received`: by station, mirrored copies among what is received.
    `rx_rings`: (station, number) of the Rx rings that get some. `frames_per_s`: the rate, where it is given and not to
    be found; else None. `first`: source and target of the first flow, None where no flow is behind it.
    """

    sizes: tuple[tuple[int, Fraction], ...]
    reads: Fraction
    copies: Fraction
    to_wire: Fraction
    from_wire: Fraction
    tag_bytes: Fraction = Fraction(0)
    mirrored: Fraction = Fraction(0)
    sent: Mapping[str, Fraction] = field(default_factory=dict)
    received: Mapping[str, Fraction] = field(default_factory=dict)
    rx_rings: frozenset[tuple[str, int]] = frozenset()
    frames_per_s: Fraction | None = None
    first: tuple[str, str] | None = None

    @property
    def written(self) -> Fraction:
        """Give the copies written to VMs, mirrored ones among them."""
        return self.copies + self.mirrored

    @property
    def mean_frame_bytes(self) -> Fraction:
        """Give the mean frame, FCS counted."""
        return sum((n_bytes * share for n_bytes, share in self.sizes), Fraction(0))

    @property
    def mean_wire_bytes(self) -> Fraction:
        """Give the mean bytes on the wire of a frame without added tags: padding, FCS, preamble, gap counted."""
        return sum((wire_bytes(n_bytes) * share for n_bytes, share in self.sizes), Fraction(0))


def average(parts: Sequence[tuple[Traffic, Fraction]]) -> Traffic:
    """Give the mean frame of several traffics, each with its weight, which together are more than 0."""
    total = sum((weight for _, weight in parts), Fraction(0))
    sizes: defaultdict[int, Fraction] = defaultdict(Fraction)
    sent: defaultdict[str, Fraction] = defaultdict(Fraction)
    received: defaultdict[str, Fraction] = defaultdict(Fraction)
    for one, weight in parts:
        for n_bytes, share in one.sizes:
            sizes[n_bytes] += share * weight / total
        for sums, by_station in ((sent, one.sent), (received, one.received)):
            for station, share in by_station.items():
                sums[station] += share * weight / total

    def mean(value: Callable[[Traffic], Fraction]) -> Fraction:
        return sum((value(one) * weight for one, weight in parts), Fraction(0)) / total

    to_wire = mean(lambda one: one.to_wire)
    return Traffic(
        sizes=tuple(sorted(sizes.items())),
        reads=mean(lambda one: one.reads),
        copies=mean(lambda one: one.copies),
        to_wire=to_wire,
        from_wire=mean(lambda one: one.from_wire),
        first=next((one.first for one, _ in parts if one.first), None),
        tag_bytes=mean(lambda one: one.to_wire * one.tag_bytes) / to_wire if to_wire else Fraction(0),
        mirrored=mean(lambda one: one.mirrored),
        sent=sent,
        received=received,
        rx_rings=frozenset().union(*(one.rx_rings for one, _ in parts)),
    )


def shares(sizes: Iterable[tuple[int, int]]) -> tuple[tuple[int, Fraction], ...]:
    """Turn weights into shares that add up to 1, equal sizes joined, shortest first; ValueError if none weighs."""
    weights: Counter[int] = Counter()
    for n_bytes, weight in sizes:
        weights[n_bytes] += weight
    total = sum(weights.values())
    if total <= 0:
        raise ValueError("the weights of the frame sizes add up to nothing")
    return tuple((n_bytes, Fraction(weight, total)) for n_bytes, weight in sorted(weights.items()) if weight)


@dataclass(frozen=True)
class Offered:
    """Hold what enters by one port with one rule: its mean frame, and its rate, None for all that gets through.

    `name`: how a reader would call it.
    """

    name: str
    source: str
    traffic: Traffic
    frames_per_s: Fraction | None


@dataclass(frozen=True)
class Demand:
    """Hold what a workload asks for.

    `sought`: the traffic whose rate is to be found. `beside`: traffic of a given rate. `offered_frames_per_s`: the rate
    at which the sought traffic is offered, None for all that gets through. `following`: the streams of the sought
    traffic with their shares of it, `with_rate`: those of a given rate. `offered_by`: what sets the rate offered,
    "offered_load" or "rate_limit". `carried`: where the mix is not as offered, frames a second of each stream.
    """

    sought: Traffic
    beside: tuple[Traffic, ...]
    offered_frames_per_s: Fraction | None
    following: tuple[tuple[Offered, Fraction], ...] = ()
    with_rate: tuple[Offered, ...] = ()
    offered_by: str = "offered_load"
    carried: tuple[tuple[Offered, Fraction], ...] = ()

    @property
    def streams(self) -> tuple[Offered, ...]:
        """Give each stream with the rate that is offered of it."""
        offered = self.offered_frames_per_s
        rates = [None if offered is None else share * offered for _, share in self.following]
        found = (replace(one, frames_per_s=rate) for (one, _), rate in zip(self.following, rates, strict=True))
        return (*found, *self.with_rate)


def demand_of(config: Config, adjacent_bridge_reflects: bool | None = None) -> Demand:
    """Give the traffic that a configuration asks for.

    Outside frames and, where other flows follow `load`, flows with rates stand beside the traffic sought. Sizes and
    flows of a capture are taken as independent. Raises InputError for a capture that cannot be read and for a workload
    without frames.
    """
    router = Router(config, adjacent_bridge_reflects)
    if config.workload.pcap is not None:
        owners = {mac: port.name for port in config.switch.ports for mac in port.macs}
        return _replayed(config, router, read_capture(config.workload.pcap, owners))
    sizes = _workload_sizes(config)
    beside = _outside(config, router, sizes)
    if config.workload.pattern is None and beside:
        return Demand(replace(beside[0], frames_per_s=None), (), beside[0].frames_per_s)
    alone = [
        (stream, Offered(stream.name, stream.source, _mix(router, config, sizes, [(stream, Fraction(1))]), None))
        for stream in streams_of(config, router.vm_names)
    ]
    outside = [_offered(one) for one in beside]
    with_rate = [
        replace(one, frames_per_s=_frames_per_s(one.traffic, stream.rate_bps))
        for stream, one in alone
        if stream.rate_bps is not None
    ]
    following = [(stream, one) for stream, one in alone if stream.rate_bps is None]
    if not following:
        in_all = sum((one.frames_per_s or Fraction(0) for one in with_rate), Fraction(0))
        sought = _mix(router, config, sizes, [(stream, Fraction(stream.rate_bps or 0)) for stream, _ in alone])
        return Demand(sought, tuple(beside), in_all, (), (*with_rate, *outside))
    beside += [replace(one.traffic, frames_per_s=one.frames_per_s) for one in with_rate]
    # With `load: 0` nobody has a share; the ceiling is that of what would be sent.
    shares = config.workload.shares_of(stream.source for stream, _ in following)
    weights = [shares.get(stream.source, Fraction(not shares)) for stream, _ in following]
    sought = _mix(
        router, config, sizes, [(stream, weight) for (stream, _), weight in zip(following, weights, strict=True)]
    )
    offered = _load_frames_per_s(config, sought, len(following))
    parts = [
        (part, share * weight / sum(weights))
        for (stream, one), weight in zip(following, weights, strict=True)
        for part, share in _by_tx_ring(router, config, stream, one, offered is not None)
    ]
    return Demand(sought, tuple(beside), offered, tuple(parts), (*with_rate, *outside))


def _by_tx_ring(
    router: Router, config: Config, stream: Stream, whole: Offered, is_open: bool
) -> Iterable[tuple[Offered, Fraction]]:
    """Part a stream by the Tx rings that its frames go into, where one ring can drop frames while another has room.

    Where frames wait for room instead, those of the stream's other rings wait behind them, and its mix stays.
    """
    queues, by_wire = config.nic.queues_per_vf, _fraction(config.workload.wire_share)
    if stream.source == UPLINK or queues == 1 or not is_open or config.workload.on_full != "drop":
        return [(whole, Fraction(1))]
    rings: defaultdict[int, list[tuple[Stream, Fraction]]] = defaultdict(list)
    for target in stream.targets:
        number = 0 if target in GROUPS else port_number(target)
        rings[number % queues].append((Stream(stream.source, (target,)), (1 - by_wire) / len(stream.targets)))
    rings[0].append((Stream(stream.source, (UPLINK,)), by_wire))
    ways = [[way for way in ring if way[1]] for ring in rings.values()]
    return [
        (
            replace(whole, traffic=_mix(router, config, whole.traffic.sizes, ring, by_wire=Fraction(0))),
            sum((weight for _, weight in ring), Fraction(0)),
        )
        for ring in ways
        if ring
    ]


def _replayed(config: Config, router: Router, capture: Capture) -> Demand:
    weighted = [(Stream(source, (target,)), Fraction(n)) for (source, target), n in capture.flows.items()]
    sizes = shares(capture.sizes.items())
    timed = config.workload.pcap_time == "file" and capture.frames_per_s
    sought = _mix(router, config, sizes, weighted, by_wire=Fraction(0))
    outside = _outside(config, router, sizes)
    following, with_rate = (
        ((Offered("capture", UPLINK, sought, None), Fraction(1)),),
        tuple(_offered(one) for one in outside),
    )
    return Demand(sought, tuple(outside), capture.frames_per_s if timed else None, following, with_rate)


def _offered(outside: Traffic) -> Offered:
    return Offered("outside traffic", UPLINK, replace(outside, frames_per_s=None), outside.frames_per_s)


def _workload_sizes(config: Config) -> tuple[tuple[int, Fraction], ...]:
    workload = config.workload
    return shares(workload.sizes or ((workload.frame_bytes or 0, 1),))


def _load_frames_per_s(config: Config, traffic: Traffic, n_streams: int) -> Fraction | None:
    load = config.workload.load
    if load.kind == "share":
        return _fraction(load.share or 0) * config.port.rate_bps / (BITS_PER_BYTE * traffic.mean_wire_bytes)
    load_bps = config.workload.load_bps
    return None if load_bps is None else n_streams * load_bps / (BITS_PER_BYTE * traffic.mean_frame_bytes)


def _mix(
    router: Router,
    config: Config,
    sizes: tuple[tuple[int, Fraction], ...],
    weighted: Iterable[tuple[Stream, Fraction]],
    by_wire: Fraction | None = None,
) -> Traffic:
    """Average over streams; `by_wire` of the frames of each station go out by the wire whatever their target."""
    by_wire = _fraction(config.workload.wire_share) if by_wire is None else by_wire
    sums: defaultdict[str, Fraction] = defaultdict(Fraction)
    sent: defaultdict[str, Fraction] = defaultdict(Fraction)
    received: defaultdict[str, Fraction] = defaultdict(Fraction)
    first = None
    rings: set[tuple[str, int]] = set()
    for stream, stream_weight in weighted:
        inside = Fraction(1) if stream.source == UPLINK else 1 - by_wire
        ways = [(target, stream_weight * inside / len(stream.targets)) for target in stream.targets]
        for target, weight in (*ways, (UPLINK, stream_weight * (1 - inside))):
            if not weight:
                continue
            first = first or (stream.source, target)
            route = router.route(stream.source, target)
            sums["all"] += weight
            sums["copies"] += weight * len(route.stations)
            sums["mirrored"] += weight * len(route.mirrored)
            sums["to_wire"] += weight * route.to_wire
            sums["from_wire"] += weight * route.from_wire
            sums["tags"] += weight * route.tag_bytes * route.to_wire
            if stream.source != UPLINK:
                sent[stream.source] += weight
            for station in (*route.stations, *route.mirrored):
                received[station] += weight
                rings |= _rx_rings(config, stream.source, station)
    total = sums["all"]
    if total <= 0:
        raise InputError("workload: nobody sends: the pattern lacks stations, or the capture has no frame for one")
    return Traffic(
        sizes=sizes,
        reads=sum(sent.values(), Fraction(0)) / total,
        copies=sums["copies"] / total,
        to_wire=sums["to_wire"] / total,
        from_wire=sums["from_wire"] / total,
        tag_bytes=sums["tags"] / sums["to_wire"] if sums["to_wire"] else Fraction(0),
        mirrored=sums["mirrored"] / total,
        sent={name: weight / total for name, weight in sent.items()},
        received={name: weight / total for name, weight in received.items()},
        first=first,
        rx_rings=frozenset(rings),
    )


def _outside(config: Config, router: Router, of_workload: tuple[tuple[int, Fraction], ...]) -> list[Traffic]:
    external = config.workload.external
    if external is None:
        return []
    sizes = of_workload
    if external.sizes is not None:
        sizes = shares(external.sizes)
    elif external.frame_bytes is not None:
        sizes = shares(((external.frame_bytes, 1),))
    targets = router.vm_names if external.to == "all" else tuple(external.to)
    return [_at_rate(_mix(router, config, sizes, [(Stream(UPLINK, targets), Fraction(1))]), external.rate_bps)]


def _rx_rings(config: Config, source: str, station: str) -> set[tuple[str, int]]:
    """Give the rings of a station that frames from a port come to: RSS puts those of one sender into one ring."""
    queues = config.nic.queues_per_vf
    if config.workload.pcap is not None:
        return {(station, ring) for ring in range(queues)}
    return {(station, (0 if source == UPLINK else port_number(source)) % queues)}


def _at_rate(traffic: Traffic, rate_bps: int | Fraction) -> Traffic:
    return replace(traffic, frames_per_s=_frames_per_s(traffic, rate_bps))


def _frames_per_s(traffic: Traffic, rate_bps: int | Fraction) -> Fraction:
    return rate_bps / (BITS_PER_BYTE * traffic.mean_frame_bytes)


def _fraction(share: float) -> Fraction:
    # What the user typed: 0.8 is 4/5, not the nearest binary number.
    return Fraction(repr(float(share)))
