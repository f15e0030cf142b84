"""What the workload asks of the adapter, per frame: sizes, reads, copies, wire crossings, and each VM's share.

Only means enter the closed form: arrivals, bursts and the order of frames do not. All sums are exact.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cached_property
from math import lcm
from typing import TYPE_CHECKING, TypeVar

from hwmodel.rules.ethernet import MIN_FRAME_BYTES, WIRE_OVERHEAD_BYTES

if TYPE_CHECKING:
    from hwmodel.analytic.system import System

Name = TypeVar("Name", int, str)
ZERO, ONE = Fraction(0), Fraction(1)


def as_typed(share: float) -> Fraction:
    """Return what a user typed: 0.8 is 4/5, not the nearest binary number."""
    return Fraction(repr(float(share)))


def sum_of_products(pairs: Iterable[tuple[Fraction | int, Fraction | int]]) -> Fraction:
    """Give the sum of the products of pairs; a common denominator is sought once, and not for each of them."""
    numerators: dict[int, int] = {}
    for one, other in pairs:
        if one and other:
            denominator = one.denominator * other.denominator
            numerators[denominator] = numerators.get(denominator, 0) + one.numerator * other.numerator
    if not numerators:
        return ZERO
    common = lcm(*numerators)
    return Fraction(sum(n * (common // denominator) for denominator, n in numerators.items()), common)


Sizes = tuple[tuple[int, Fraction], ...]
TO_WIRE, FROM_WIRE = "to_wire", "from_wire"  # frames by one of several ports, among what they take of it


@dataclass(frozen=True)
class Traffic:
    """Hold the mean over the frames offered; shares and counts are per frame.

    `sizes`: (frame_bytes, share), the shares add up to 1. `reads`: frames read from a VM's memory. `copies`: copies
    written to VMs, and `mirrored`: the mirrored ones, not among them. `to_wire`, `from_wire`: crossings. `tag_bytes`,
    `back_tag_bytes`: mean tag bytes of a frame sent on the wire, and of one that comes from there. `mixed_bytes`,
    `mixed_back_bytes`: what these take on the wire in the mean where their tags or sizes differ, since padding is of
    each frame; None: as sizes and tags say. `sent`, `received`: by station, mirrored copies among what is received.
    `at_ports`: of an adapter with several Ethernet ports what is taken of each port's own resources, by their names.
    `switching_s`: seconds of the cores of a virtual switch, by their numbers; `copied_bytes`: of memory that its copies
    read and write.
    `rx_rings`: (station, number) of the Rx rings that get some. `frames_per_s`: the rate, where it is given and not to
    be found; else None. `first`: source and target of the first flow, `first_inside`: of the first from a VM to a VM;
    None where there is none. `wire_copies`: copies of segments that leave cut into the frames of `to_wire`; None: each
    leaves as one frame.

    `parts`: with a bridge, what the same frames ask of each server, of the stations outside, for whom the wire is their
    own, and of extenders, whose uplink it is; stations have the names of their server there. Then `to_wire` and
    `from_wire` of the whole count frames that leave for the stations outside, and those that come from them.
    """

    sizes: Sizes
    reads: Fraction
    copies: Fraction
    to_wire: Fraction
    from_wire: Fraction
    tag_bytes: Fraction = ZERO
    back_tag_bytes: Fraction = ZERO
    mixed_bytes: Fraction | None = None
    mixed_back_bytes: Fraction | None = None
    mirrored: Fraction = ZERO
    sent: Mapping[str, Fraction] = field(default_factory=dict)
    received: Mapping[str, Fraction] = field(default_factory=dict)
    at_ports: Mapping[str, Fraction] = field(default_factory=dict)
    switching_s: Mapping[int, Fraction] = field(default_factory=dict)
    copied_bytes: Fraction = ZERO
    rx_rings: frozenset[tuple[str, int]] = frozenset()
    frames_per_s: Fraction | None = None
    first: tuple[str, str] | None = None
    first_inside: tuple[str, str] | None = None
    parts: tuple[Traffic, ...] = ()
    wire_copies: Fraction | None = None

    @property
    def copies_out(self) -> Fraction:
        """Give the copies that leave for the wire, segments uncut."""
        return self.to_wire if self.wire_copies is None else self.wire_copies

    @property
    def sent_frame_bytes(self) -> Fraction:
        """Give the mean frame that is sent on the wire, with tags and FCS."""
        if self.wire_copies is None:
            return self.mean_frame_bytes + self.tag_bytes
        return self.wire_bytes - WIRE_OVERHEAD_BYTES

    @property
    def frames_counted(self) -> Fraction:
        """Give as how many frames one that is offered counts: of a segment that leaves each that is cut of it."""
        return ONE + self.to_wire - self.copies_out

    @property
    def is_nothing(self) -> bool:
        """Tell whether the frames ask nothing."""
        return not (self.reads or self.copies or self.to_wire or self.from_wire or self.mirrored or self.received)

    @property
    def asked(self) -> tuple[object, ...]:
        """Give what tells traffics apart that ask something else of what all stations share."""
        return (
            self.sizes, self.reads, self.copies, self.to_wire, self.from_wire, self.tag_bytes, self.back_tag_bytes,
            self.mixed_bytes, self.mixed_back_bytes, self.mirrored,
        )  # fmt: skip

    @property
    def stations(self) -> tuple[str, ...]:
        """Give who sends the frames, then who gets them."""
        return (*self.sent, *self.received)

    def at(self, part: int) -> Traffic:
        """Give what the frames ask of one component, at the rate of the whole."""
        return replace(self.parts[part], frames_per_s=self.frames_per_s) if self.parts else self

    @property
    def written(self) -> Fraction:
        """Give the copies written to VMs, mirrored ones among them."""
        return self.copies + self.mirrored

    @property
    def mean_frame_bytes(self) -> Fraction:
        """Give the mean frame, FCS counted."""
        return sum((n_bytes * share for n_bytes, share in self.sizes), ZERO)

    @property
    def mean_wire_bytes(self) -> Fraction:
        """Give the mean bytes on the wire of a frame without added tags: padding, FCS, preamble, gap counted."""
        return self.wire_bytes_with(ZERO)

    @property
    def wire_bytes(self) -> Fraction:
        """Give the mean bytes on the wire of a frame sent there, with tags, padding, FCS, preamble and gap."""
        return self.wire_bytes_with(self.tag_bytes) if self.mixed_bytes is None else self.mixed_bytes

    @property
    def back_wire_bytes(self) -> Fraction:
        """Give the same of a frame that comes from the wire."""
        return self.wire_bytes_with(self.back_tag_bytes) if self.mixed_back_bytes is None else self.mixed_back_bytes

    @property
    def bytes_out(self) -> Fraction:
        """Give the bytes that a frame takes of the wire on its way out: with tags, padding, preamble and gap."""
        return self.to_wire * self.wire_bytes

    @property
    def bytes_in(self) -> Fraction:
        """Give the same of its way in."""
        return self.from_wire * self.back_wire_bytes

    def wire_bytes_with(self, tag_bytes: Fraction) -> Fraction:
        """Give the mean bytes on the wire of a frame with so many bytes of tags beside its own."""
        padded = ((max(n_bytes + tag_bytes, Fraction(MIN_FRAME_BYTES)), share) for n_bytes, share in self.sizes)
        return sum(((n_bytes + WIRE_OVERHEAD_BYTES) * share for n_bytes, share in padded), ZERO)


def together(sizes: Sizes, parts: Sequence[tuple[Traffic, Fraction]]) -> Traffic:
    """Give what frames of some sizes ask for that are each of these traffics so often; `sizes` are taken as given."""

    def sum_of(value: Callable[[Traffic], Fraction]) -> Fraction:
        return sum_of_products((value(one), weight) for one, weight in parts)

    to_wire, from_wire = sum_of(lambda one: one.to_wire), sum_of(lambda one: one.from_wire)
    return Traffic(
        sizes=sizes,
        reads=sum_of(lambda one: one.reads),
        copies=sum_of(lambda one: one.copies),
        to_wire=to_wire,
        from_wire=from_wire,
        first=next((one.first for one, _ in parts if one.first), None),
        first_inside=next((one.first_inside for one, _ in parts if one.first_inside), None),
        tag_bytes=sum_of(lambda one: one.to_wire * one.tag_bytes) / to_wire if to_wire else ZERO,
        back_tag_bytes=sum_of(lambda one: one.from_wire * one.back_tag_bytes) / from_wire if from_wire else ZERO,
        mixed_bytes=_mixed(
            [(one.sizes, one.tag_bytes, one.mixed_bytes) for one, weight in parts if one.to_wire and weight],
            lambda: sum_of(lambda one: one.to_wire * one.wire_bytes) / to_wire,
        ),
        mixed_back_bytes=_mixed(
            [
                (one.sizes, one.back_tag_bytes, one.mixed_back_bytes)
                for one, weight in parts
                if one.from_wire and weight
            ],
            lambda: sum_of(lambda one: one.from_wire * one.back_wire_bytes) / from_wire,
        ),
        mirrored=sum_of(lambda one: one.mirrored),
        sent=_by_station((one.sent, weight) for one, weight in parts),
        received=_by_station((one.received, weight) for one, weight in parts),
        at_ports=_by_station((one.at_ports, weight) for one, weight in parts),
        switching_s=_by_station((one.switching_s, weight) for one, weight in parts),
        copied_bytes=sum_of(lambda one: one.copied_bytes),
        rx_rings=frozenset().union(*(one.rx_rings for one, _ in parts)),
        parts=_parts_together(sizes, parts),
        wire_copies=None if all(one.wire_copies is None for one, _ in parts) else sum_of(lambda one: one.copies_out),
    )


def _by_station(parts: Iterable[tuple[Mapping[Name, Fraction], Fraction]]) -> dict[Name, Fraction]:
    """Add the shares of stations up, each part's so often."""
    found: defaultdict[Name, list[tuple[Fraction, Fraction]]] = defaultdict(list)
    for by_station, weight in parts:
        for station, share in by_station.items():
            found[station].append((share, weight))
    return {station: sum_of_products(products) for station, products in found.items()}


def _mixed(kinds: Sequence[tuple[Sizes, Fraction, Fraction | None]], mean: Callable[[], Fraction]) -> Fraction | None:
    """Give the mean where frames are of several kinds; a kind: sizes, tag bytes, and what a mix takes already."""
    return mean() if any(kind != kinds[0] or kind[-1] is not None for kind in kinds) else None


def _parts_together(sizes: Sizes, parts: Sequence[tuple[Traffic, Fraction]]) -> tuple[Traffic, ...]:
    """Put what is asked of each component together; most frames ask something of few of many components."""
    n_parts = max((len(one.parts) for one, _ in parts), default=0)
    asked: list[list[tuple[Traffic, Fraction]]] = [[] for _ in range(n_parts)]
    for one, weight in parts:
        for n, of_part in enumerate(one.parts):
            if not of_part.is_nothing:
                asked[n].append((of_part, weight))
    nothing = nothing_of(sizes)
    return tuple(together(sizes, pieces) if pieces else nothing for pieces in asked)


def nothing_of(sizes: Sizes) -> Traffic:
    """Give what frames of some sizes ask of a component that they do not come to."""
    return Traffic(sizes, reads=ZERO, copies=ZERO, to_wire=ZERO, from_wire=ZERO)


def average(parts: Sequence[tuple[Traffic, Fraction]]) -> Traffic:
    """Give the mean frame of several traffics, each with its weight, which together are more than 0.

    Stations and rings of those that weigh nothing are among its own: a mix without them might have had them.
    """
    total = sum_of_products((weight, ONE) for _, weight in parts)
    parts = [(one, weight / total) for one, weight in parts]
    sizes: defaultdict[int, list[tuple[Fraction, Fraction]]] = defaultdict(list)
    for one, weight in parts:
        for n_bytes, share in one.sizes if weight else ():
            sizes[n_bytes].append((share, weight))
    found = sorted((n_bytes, sum_of_products(products)) for n_bytes, products in sizes.items())
    return together(tuple(found), parts)


def shares(sizes: Iterable[tuple[int, int]]) -> Sizes:
    """Turn weights into shares that add up to 1, equal sizes joined, shortest first; ValueError if none weighs."""
    weights: Counter[int] = Counter()
    for n_bytes, weight in sizes:
        weights[n_bytes] += weight
    total = sum(weights.values())
    if total <= 0:
        raise ValueError("the weights of the frame sizes add up to nothing")
    return tuple((n_bytes, Fraction(weight, total)) for n_bytes, weight in sorted(weights.items()) if weight)


@dataclass(frozen=True)
class Leg:
    """Hold what a frame asks of component `part` on a stretch of its way."""

    part: int
    traffic: Traffic


@dataclass(frozen=True)
class Onward:
    """Hold a hop of frames that have left their adapter, over one wire: how many of all take it, and after which.

    `share`: of the stream's frames, as long as none is lost. `after`: the number of the hop before, in the stream's
    list, without which there is none; None for the first, which follow the adapter's own wire. `wire`: its number.
    """

    leg: Leg
    share: Fraction
    after: int | None = None
    wire: int = field(kw_only=True)


@dataclass(frozen=True)
class Offered:
    """Hold a stream that enters by one port: its mean frame, and the rate offered, None for all that gets through.

    `name`: how a reader would call it. `sent_as`: what its frames ask for until they leave their adapter, and `hops`:
    from there on, over extenders and the bridge; the traffic is both together. `rings`: of a virtual switch the shares
    of the rings out of which its cores take the frames, by number.
    """

    name: str
    source: str
    traffic: Traffic
    frames_per_s: Fraction | None
    sent_as: tuple[Leg, ...] = ()
    hops: tuple[Onward, ...] = ()
    rings: Mapping[int, Fraction] = field(default_factory=dict)


@dataclass(frozen=True)
class Demand:
    """Hold what a workload asks for.

    `sought`: the traffic whose rate is to be found. `beside`: traffic of a given rate. `offered_frames_per_s`: the rate
    at which the sought traffic is offered, None for all that gets through. `following`: the streams of the sought
    traffic with their shares of it, `with_rate`: those of a given rate. `offered_by`: what sets the rate offered,
    "offered_load" or "rate_limit". `carried`: where the mix is not as offered, frames a second of each stream. `lost`:
    (source, target) and the reason, for frames that a bridge drops whatever the load. `starved`: the names of flows
    that a saturating one of their VM leaves nothing. `policed`: entries of policies that police, by bridge and entry,
    with the part of their frames that passes, None where that is not known. `alike`: where all senders of a system are
    alike, those of one server in the folded system (`symmetry.py`), in the place of streams. `loses`: frames of the mix
    are lost behind what is full. `is_open`: who waits at a virtual switch for what is full beside its cores is not
    known.
    """

    sought: Traffic
    beside: tuple[Traffic, ...] = ()
    offered_frames_per_s: Fraction | None = None
    following: tuple[tuple[Offered, Fraction], ...] = ()
    with_rate: tuple[Offered, ...] = ()
    offered_by: str = "offered_load"
    carried: tuple[tuple[Offered, Fraction], ...] = ()
    lost: tuple[tuple[str, str, str], ...] = ()
    starved: tuple[str, ...] = ()
    policed: tuple[tuple[tuple[int, int], Fraction | None], ...] = ()
    alike: Offered | None = None
    loses: bool = False
    is_open: bool = False

    def at(self, part: int) -> Demand:
        """Give what it asks of one component; the rate offered is that of the whole."""
        if not self.sought.parts and not any(one.parts for one in self.beside):
            return self
        return replace(self, sought=self.sought.at(part), beside=tuple(one.at(part) for one in self.beside))

    @property
    def traffics(self) -> tuple[Traffic, ...]:
        """Give the traffic sought, then what stands beside it."""
        return (self.sought, *self.beside)

    def taken(self, of_one: Callable[[Traffic], Fraction]) -> tuple[Fraction, Fraction]:
        """Sum what frames take: each of the traffic sought, and per second those beside it."""
        return of_one(self.sought), sum((of_one(one) * (one.frames_per_s or 0) for one in self.beside), ZERO)

    def at_rates(self, frames_per_s: Fraction) -> list[tuple[Traffic, Fraction]]:
        """Give each traffic with its frames a second; `frames_per_s`: of the one sought."""
        return [(self.sought, frames_per_s), *((one, one.frames_per_s or ZERO) for one in self.beside)]

    @property
    def rx_rings(self) -> frozenset[tuple[str, int]]:
        """Give the Rx rings that get some."""
        return frozenset().union(*(one.rx_rings for one in self.traffics))

    @property
    def stations(self) -> tuple[str, ...]:
        """Give who sends and who gets frames, each once."""
        return tuple(dict.fromkeys(name for one in self.traffics for name in one.stations))

    @cached_property
    def streams(self) -> tuple[Offered, ...]:
        """Give each stream with the rate that is offered of it."""
        offered = self.offered_frames_per_s
        rates = [None if offered is None else share * offered for _, share in self.following]
        found = (replace(one, frames_per_s=rate) for (one, _), rate in zip(self.following, rates, strict=True))
        return (*found, *self.with_rate)


def whole_of(system: System, sizes: Sizes, sent_as: Sequence[Leg], hops: Sequence[tuple[Leg, Fraction]]) -> Traffic:
    """Put the legs of frames together: what they ask of each component, and in all, by the system's station names."""
    asked: defaultdict[int, list[tuple[Traffic, Fraction]]] = defaultdict(list)
    for leg, share in (*((leg, ONE) for leg in sent_as), *hops):
        asked[leg.part].append((leg.traffic, share))
    parts = [nothing_of(sizes)] * system.n_parts
    for part, pieces in asked.items():
        parts[part] = together(sizes, pieces)
    numbered = [(part, parts[part]) for part in sorted(asked) if system.is_server(part)]
    servers, outside = [one for _, one in numbered], parts[system.outside]
    return Traffic(
        sizes=sizes,
        reads=sum((one.reads for one in servers), ZERO),
        copies=sum((one.copies for one in servers), ZERO),
        to_wire=outside.from_wire,
        from_wire=outside.to_wire,
        tag_bytes=outside.back_tag_bytes,
        mixed_bytes=outside.mixed_back_bytes,
        mirrored=sum((one.mirrored for one in servers), ZERO),
        sent={system.station(n, name): share for n, one in numbered for name, share in one.sent.items()},
        received={
            system.station(n, name): share for n, one in numbered for name, share in one.received.items()
        },
        rx_rings=frozenset(
            (system.station(n, name), ring) for n, one in numbered for name, ring in one.rx_rings
        ),
        parts=tuple(parts),
    )  # fmt: skip
