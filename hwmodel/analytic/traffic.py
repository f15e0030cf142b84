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
from typing import NamedTuple, TypeVar

from hwmodel.analytic.system import System
from hwmodel.rules.ethernet import MIN_FRAME_BYTES, WIRE_OVERHEAD_BYTES

Name = TypeVar("Name", int, str)
ZERO, ONE = Fraction(0), Fraction(1)


def as_typed(share: float) -> Fraction:
    """Return what a user typed: 0.8 is 4/5, not the nearest binary number."""
    return Fraction(repr(float(share)))


def sum_of_products(pairs: Iterable[tuple[Fraction | int, Fraction | int]]) -> Fraction:
    """Give the sum of the products of pairs; one common denominator for all is faster than one for each."""
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
Rings = frozenset[tuple[str, int]]  # each the station's name and the number of its queue
TO_WIRE, FROM_WIRE = "to_wire", "from_wire"  # keys of `at_ports` for the frames that pass one of several ports


def mean_bytes(sizes: Sizes) -> Fraction:
    """Give the mean of frame lengths, each with its share."""
    return sum((n_bytes * share for n_bytes, share in sizes), ZERO)


@dataclass(frozen=True)
class Traffic:
    """Hold the mean over the frames offered; shares and counts are per frame.

    `sizes`: (frame_bytes, share), the shares add up to 1. `reads`: frames read from a VM's memory. `copies`: copies
    written to VMs, and `mirrored`: the mirrored ones, not among them. `to_wire`, `from_wire`: wire crossings.
    `tag_bytes`, `back_tag_bytes`: mean tag bytes of a frame sent on the wire, and of one that comes from there.
    `mixed_bytes`, `mixed_back_bytes`: their mean bytes on the wire where frames differ in tags or sizes, as each
    frame is padded by itself; None: follow from sizes and tags. `sent`, `received`: frames by station, received
    mirrored copies included; `mirrored_to`: those alone. `at_ports`: for an adapter with several Ethernet ports,
    what is taken of each port's own resources, by name. `switching_s`: seconds of a virtual switch's cores, by core
    number; `copied_bytes`: bytes of memory that its copies read and write. `tx_rings`, `rx_rings`: (station,
    number) of the Tx rings that frames come from, and of the Rx rings that get any. `frames_per_s`: the rate if it
    is given, None if it is sought. `first`: source and target of the first flow whose frames get somewhere,
    `first_inside`: of the first one from VM to VM; None where there is none. `wire_copies`: segments that leave,
    cut into the frames of `to_wire`; None: each leaves as one frame.

    `parts`: with a bridge, what the same frames take of each component (`System`); "the wire" is there the component's
    own, and stations have their names within the server. `to_wire` and `from_wire` of the whole then count frames to
    and from the stations outside.
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
    mirrored_to: Mapping[str, Fraction] = field(default_factory=dict)
    at_ports: Mapping[str, Fraction] = field(default_factory=dict)
    switching_s: Mapping[int, Fraction] = field(default_factory=dict)
    copied_bytes: Fraction = ZERO
    tx_rings: Rings = frozenset()
    rx_rings: Rings = frozenset()
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
        """Give the mean length of a frame sent on the wire, with tags and FCS."""
        if self.wire_copies is None:
            return self.mean_frame_bytes + self.tag_bytes
        return self.wire_bytes - WIRE_OVERHEAD_BYTES

    @property
    def frames_counted(self) -> Fraction:
        """Give how many frames one offered frame counts as: a segment that leaves counts as the frames cut from it."""
        return ONE + self.to_wire - self.copies_out

    @property
    def is_nothing(self) -> bool:
        """Tell whether the frames ask nothing."""
        return not (self.reads or self.copies or self.to_wire or self.from_wire or self.mirrored or self.received)

    @property
    def asked(self) -> tuple[object, ...]:
        """Give a key that is equal for traffics with the same demand on resources common to all stations."""
        return (
            self.sizes, self.reads, self.copies, self.to_wire, self.from_wire, self.tag_bytes, self.back_tag_bytes,
            self.mixed_bytes, self.mixed_back_bytes, self.mirrored,
        )  # fmt: skip

    @property
    def stations(self) -> tuple[str, ...]:
        """Give who sends the frames, then who gets them."""
        return (*self.sent, *self.received)

    def at(self, part: int) -> Traffic:
        """Give what the frames take of one component, per frame of the whole."""
        return replace(self.parts[part], frames_per_s=self.frames_per_s) if self.parts else self

    @property
    def written(self) -> Fraction:
        """Give the copies written to VMs, mirrored ones among them."""
        return self.copies + self.mirrored

    @property
    def mean_frame_bytes(self) -> Fraction:
        """Give the mean frame, FCS counted."""
        return mean_bytes(self.sizes)

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
        """Give the mean bytes on the wire of a frame that comes from there, counted likewise."""
        return self.wire_bytes_with(self.back_tag_bytes) if self.mixed_back_bytes is None else self.mixed_back_bytes

    @property
    def bytes_out(self) -> Fraction:
        """Give the bytes of the wire, outwards, per frame offered: with tags, padding, preamble and gap."""
        return self.to_wire * self.wire_bytes

    @property
    def bytes_in(self) -> Fraction:
        """Give the bytes of the wire, inwards, per frame offered, counted likewise."""
        return self.from_wire * self.back_wire_bytes

    def wire_bytes_with(self, tag_bytes: Fraction) -> Fraction:
        """Give the mean bytes on the wire of a frame with so many bytes of tags beside its own."""
        padded = ((max(n_bytes + tag_bytes, Fraction(MIN_FRAME_BYTES)), share) for n_bytes, share in self.sizes)
        return sum(((n_bytes + WIRE_OVERHEAD_BYTES) * share for n_bytes, share in padded), ZERO)


def together(sizes: Sizes, parts: Sequence[tuple[Traffic, Fraction]]) -> Traffic:
    """Sum traffics, each times its weight; the result's `sizes` are taken as given."""

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
        mirrored_to=_by_station((one.mirrored_to, weight) for one, weight in parts),
        at_ports=_by_station((one.at_ports, weight) for one, weight in parts),
        switching_s=_by_station((one.switching_s, weight) for one, weight in parts),
        copied_bytes=sum_of(lambda one: one.copied_bytes),
        tx_rings=frozenset().union(*(one.tx_rings for one, _ in parts)),
        rx_rings=frozenset().union(*(one.rx_rings for one, _ in parts)),
        parts=_parts_together(sizes, parts),
        wire_copies=None if all(one.wire_copies is None for one, _ in parts) else sum_of(lambda one: one.copies_out),
    )


def _by_station(parts: Iterable[tuple[Mapping[Name, Fraction], Fraction]]) -> dict[Name, Fraction]:
    """Sum the shares by station, each part's times its weight."""
    found: defaultdict[Name, list[tuple[Fraction, Fraction]]] = defaultdict(list)
    for by_station, weight in parts:
        for station, share in by_station.items():
            found[station].append((share, weight))
    return {station: sum_of_products(products) for station, products in found.items()}


def _mixed(kinds: Sequence[tuple[Sizes, Fraction, Fraction | None]], mean: Callable[[], Fraction]) -> Fraction | None:
    """Give the mean if frames are of several kinds, else None; a kind: sizes, tag bytes, `mixed_bytes` if known."""
    return mean() if any(kind != kinds[0] or kind[-1] is not None for kind in kinds) else None


def _parts_together(sizes: Sizes, parts: Sequence[tuple[Traffic, Fraction]]) -> tuple[Traffic, ...]:
    """Sum the `parts` component by component; zeros are skipped, as most frames use few of the components."""
    n_parts = max((len(one.parts) for one, _ in parts), default=0)
    asked: list[list[tuple[Traffic, Fraction]]] = [[] for _ in range(n_parts)]
    for one, weight in parts:
        for n, of_part in enumerate(one.parts):
            if not of_part.is_nothing:
                asked[n].append((of_part, weight))
    nothing = nothing_of(sizes)
    return tuple(together(sizes, pieces) if pieces else nothing for pieces in asked)


def nothing_of(sizes: Sizes) -> Traffic:
    """Give the zero demand that frames have on a component they never reach."""
    return Traffic(sizes, reads=ZERO, copies=ZERO, to_wire=ZERO, from_wire=ZERO)


def average(parts: Sequence[tuple[Traffic, Fraction]]) -> Traffic:
    """Give the mean of several traffics by weight; the weights must not all be 0.

    Stations and rings of traffics of weight 0 are included: another mix might have used them.
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
    """Hold what a frame takes of component `part` on one leg of its way."""

    part: int
    traffic: Traffic


@dataclass(frozen=True)
class Onward:
    """Hold a hop over one wire, behind the adapter: the share of frames that takes it, and the hop before it.

    `share`: of the stream's frames, without losses. `after`: the number of the hop before it in the stream's list; None
    for hops that directly follow the adapter's own wire. `wire`: the wire's number.
    """

    leg: Leg
    share: Fraction
    after: int | None = None
    wire: int = field(kw_only=True)


@dataclass(frozen=True)
class Offered:
    """Hold a stream that enters by one port: its mean frame, and the rate offered (None: it saturates).

    `name`: for readers. `sent_as`: what its frames take until they leave their adapter; `hops`: from there on, over
    extenders and bridges; `traffic` is the sum of both. `rings`: with a virtual switch, the shares of the rings from
    which its cores take the frames, by ring number.
    """

    name: str
    source: str
    traffic: Traffic
    frames_per_s: Fraction | None
    sent_as: tuple[Leg, ...] = ()
    hops: tuple[Onward, ...] = ()
    rings: Mapping[int, Fraction] = field(default_factory=dict)


class Lost(NamedTuple):
    """Hold the ends of frames that are all dropped, why, and whether a bridge does it: else who has them before."""

    source: str
    target: str
    reason: str
    at_bridge: bool = False


@dataclass(frozen=True)
class Demand:
    """Hold what a workload asks for.

    `sought`: the traffic whose rate is to be found. `beside`: traffic of a given rate. `offered_frames_per_s`: the rate
    at which the sought traffic is offered, None if it saturates. `following`: the streams of the sought traffic with
    their shares of it, `with_rate`: those of a given rate. `lost`: what is dropped whatever the load. `starved`: the
    names of flows that send nothing because their VM also has a saturating flow. `waiting`: ports with a dead wire,
    each with the senders that keep their first frame for it and send nothing. `policed`: policing entries of policies,
    by bridge and entry, with the share of their frames that passes, None where unknown. `alike`: replaces the streams
    where all senders of a system are alike: those of one server in the folded system (`symmetry.py`). `goes_on`: it is
    what a component has of a system, where a bridge takes on what leaves by its wire.
    """

    sought: Traffic
    beside: tuple[Traffic, ...] = ()
    offered_frames_per_s: Fraction | None = None
    following: tuple[tuple[Offered, Fraction], ...] = ()
    with_rate: tuple[Offered, ...] = ()
    lost: tuple[Lost, ...] = ()
    starved: tuple[str, ...] = ()
    waiting: tuple[tuple[str, tuple[str, ...]], ...] = ()
    policed: tuple[tuple[tuple[int, int], Fraction | None], ...] = ()
    alike: Offered | None = None
    goes_on: bool = False

    def at(self, part: int) -> Demand:
        """Give what it takes of one component; the rate offered stays that of the whole."""
        if not self.sought.parts and not any(one.parts for one in self.beside):
            return self
        beside = tuple(one.at(part) for one in self.beside)
        return replace(self, sought=self.sought.at(part), beside=beside, goes_on=True)

    @property
    def traffics(self) -> tuple[Traffic, ...]:
        """Give the traffic sought, then those beside it."""
        return (self.sought, *self.beside)

    def taken(self, of_one: Callable[[Traffic], Fraction]) -> tuple[Fraction, Fraction]:
        """Give what one frame of the sought traffic takes, and what the traffic beside it takes a second."""
        return of_one(self.sought), sum((of_one(one) * (one.frames_per_s or 0) for one in self.beside), ZERO)

    def at_rates(self, frames_per_s: Fraction) -> list[tuple[Traffic, Fraction]]:
        """Give each traffic with its frames a second; `frames_per_s`: of the one sought."""
        return [(self.sought, frames_per_s), *((one, one.frames_per_s or ZERO) for one in self.beside)]

    @property
    def tx_rings(self) -> Rings:
        """Give the Tx rings that frames come from."""
        return frozenset().union(*(one.tx_rings for one in self.traffics))

    @property
    def rx_rings(self) -> Rings:
        """Give the Rx rings that get frames."""
        return frozenset().union(*(one.rx_rings for one in self.traffics))

    @property
    def stations(self) -> tuple[str, ...]:
        """Give who sends and who gets frames, each once."""
        return tuple(dict.fromkeys(name for one in self.traffics for name in one.stations))

    @cached_property
    def streams(self) -> tuple[Offered, ...]:
        """Give each stream with its offered rate."""
        offered = self.offered_frames_per_s
        rates = [None if offered is None else share * offered for _, share in self.following]
        found = (replace(one, frames_per_s=rate) for (one, _), rate in zip(self.following, rates, strict=True))
        return (*found, *self.with_rate)


def whole_of(system: System, sizes: Sizes, sent_as: Sequence[Leg], hops: Sequence[tuple[Leg, Fraction]]) -> Traffic:
    """Sum the legs of frames: what they take of each component, and in all, with the system's station names."""
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
        tx_rings=frozenset(
            (system.station(n, name), ring) for n, one in numbered for name, ring in one.tx_rings
        ),
        rx_rings=frozenset(
            (system.station(n, name), ring) for n, one in numbered for name, ring in one.rx_rings
        ),
        parts=tuple(parts),
    )  # fmt: skip
