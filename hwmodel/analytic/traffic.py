"""What the workload asks of the adapter, per frame: sizes, reads, copies, wire crossings, and each VM's share.

Only means enter the closed form: arrivals, bursts and the order of frames do not.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import TYPE_CHECKING

from hwmodel.analytic.capture import Capture, read_capture
from hwmodel.analytic.mirrors import UPLINK
from hwmodel.analytic.routes import GROUPS, Router
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
    `frames_per_s`: the rate, where it is given and not to be found; else None. `first`: source and target of the first
    flow, None where no flow is behind it.
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
class _Stream:
    """Hold the frames that enter by one port: their targets, each as often, and their rate (None: as `load` says)."""

    source: str
    targets: tuple[str, ...]
    rate_bps: int | Fraction | None = None


@dataclass(frozen=True)
class Demand:
    """Hold what a workload asks for.

    `sought`: the traffic whose rate is to be found. `beside`: traffic of a given rate. `offered_frames_per_s`: the rate
    at which the sought traffic is offered, None for all that gets through.
    """

    sought: Traffic
    beside: tuple[Traffic, ...]
    offered_frames_per_s: Fraction | None


def demand_of(config: Config, adjacent_bridge_reflects: bool = False) -> Demand:
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
    streams = list(_streams(config, router.vm_names))
    following = [stream for stream in streams if stream.rate_bps is None]
    with_rate = [stream for stream in streams if stream.rate_bps is not None]
    if not following:
        sought = _mix(router, config, sizes, [(stream, Fraction(stream.rate_bps or 0)) for stream in with_rate])
        offered = sum(stream.rate_bps or 0 for stream in with_rate) / (BITS_PER_BYTE * sought.mean_frame_bytes)
        return Demand(sought, tuple(beside), offered)
    for stream in with_rate:
        beside.append(_at_rate(_mix(router, config, sizes, [(stream, Fraction(1))]), stream.rate_bps or 0))
    # With `load: 0` nobody has a share; the ceiling is that of what would be sent.
    shares = config.workload.shares_of(stream.source for stream in following)
    weighted = [(stream, shares.get(stream.source, Fraction(not shares))) for stream in following]
    sought = _mix(router, config, sizes, weighted)
    return Demand(sought, tuple(beside), _load_frames_per_s(config, sought, len(following)))


def _replayed(config: Config, router: Router, capture: Capture) -> Demand:
    weighted = [(_Stream(source, (target,)), Fraction(n)) for (source, target), n in capture.flows.items()]
    sizes = shares(capture.sizes.items())
    timed = config.workload.pcap_time == "file" and capture.frames_per_s
    sought = _mix(router, config, sizes, weighted, by_wire=Fraction(0))
    return Demand(sought, tuple(_outside(config, router, sizes)), capture.frames_per_s if timed else None)


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
    weighted: Iterable[tuple[_Stream, Fraction]],
    by_wire: Fraction | None = None,
) -> Traffic:
    """Average over streams; `by_wire` of the frames of each station go out by the wire whatever their target."""
    by_wire = _fraction(config.workload.wire_share) if by_wire is None else by_wire
    sums: defaultdict[str, Fraction] = defaultdict(Fraction)
    sent: defaultdict[str, Fraction] = defaultdict(Fraction)
    received: defaultdict[str, Fraction] = defaultdict(Fraction)
    first = None
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
    )


def _streams(config: Config, vms: Sequence[str]) -> Iterable[_Stream]:
    pattern, n = config.workload.pattern, len(vms)
    if pattern == "flows":
        return _flow_streams(config)
    if pattern in GROUPS:
        return [_Stream(vm, (pattern,)) for vm in vms]
    if pattern == "to_wire":
        return [_Stream(vm, (UPLINK,)) for vm in vms]
    if pattern == "ring":
        return [_Stream(vm, (vms[(at + 1) % n],)) for at, vm in enumerate(vms) if n > 1]
    if pattern == "incast":
        return [_Stream(vm, (config.workload.incast_to,)) for vm in vms if vm != config.workload.incast_to]
    if pattern == "uniform":
        return [_Stream(vm, tuple(to for to in vms if to != vm)) for vm in vms if n > 1]
    return [_Stream(vms[at], (vms[at ^ 1],)) for at in range(n - n % 2)]


def _flow_streams(config: Config) -> Iterable[_Stream]:
    """Make a stream of each flow with a rate, and one of all flows without from a port, in equal parts."""
    following: dict[str, list[str]] = {}
    for flow in config.workload.flows:
        rate_bps = config.workload.rate_bps_of(flow)
        if rate_bps is None:
            following.setdefault(flow.source, []).append(flow.target)
        elif rate_bps:
            yield _Stream(flow.source, (flow.target,), rate_bps)
    for source, targets in following.items():
        yield _Stream(source, tuple(targets))


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
    return [_at_rate(_mix(router, config, sizes, [(_Stream(UPLINK, targets), Fraction(1))]), external.rate_bps)]


def _at_rate(traffic: Traffic, rate_bps: int | Fraction) -> Traffic:
    return replace(traffic, frames_per_s=rate_bps / (BITS_PER_BYTE * traffic.mean_frame_bytes))


def _fraction(share: float) -> Fraction:
    # What the user typed: 0.8 is 4/5, not the nearest binary number.
    return Fraction(repr(float(share)))
