"""What no mix of a load's flows can exceed, where the machine chooses who gets how much.

Each flow's frames that reach one place are looked at by themselves: what one of them takes of each resource, and so how
many there can be alone. Of a resource that several share, the bound gives first to those that deliver most for what
they take of it, each up to what it has alone. The resource that takes most from the whole so counts for all its users,
then another for users that are left, and so on: each flow is held back by one of them or has what it has alone, so that
the sum bounds every mix. Resources that are alike (cores, the servers' links, the wires of a bridge) are counted
together too: where flows are alike that is what they get in equal shares. Whatever can be lost is taken to be lost
where that leaves room for others.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from heapq import heapify, heappop, heappush
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from hwmodel.analytic.flow_costs import PER_S, Floats, FlowCosts, sender_limits
from hwmodel.analytic.switch_rings import with_losses
from hwmodel.analytic.symmetry import folded
from hwmodel.analytic.system import System
from hwmodel.analytic.traffic import ZERO, Demand, Leg, Offered
from hwmodel.config.names import is_uplink
from hwmodel.resources import OFFERED_LOAD
from hwmodel.units import BITS_PER_BYTE

_WITHOUT_END = float("inf")
_ALIKE = 1e-9
Bools = npt.NDArray[np.bool_]


class MixBound(NamedTuple):
    """Hold the most frames and bits a second that any mix delivers, and what sets the bits."""

    frames_per_s: Fraction
    bits_per_s: Fraction
    limited_by: str


@dataclass(frozen=True)
class _Delivery:
    """Hold frames of a stream that reach one place: `n` of each that is sent, and what one takes of each resource."""

    stream: int
    n: float
    bits: float
    takes: Floats


def mix_bound(system: System, demand: Demand) -> MixBound:
    """Bound what all mixes of a demand's streams deliver: to VMs, or to the wire where nothing is for a VM."""
    if demand.alike is not None:  # all servers' frames as one server's, which the others' return to
        n, offered = system.outside, demand.offered_frames_per_s
        following = ((demand.alike, Fraction(1)),)
        small = Demand(demand.alike.traffic, (), None if offered is None else offered / n, following)
        of_one = mix_bound(folded(system), small)
        return MixBound(n * of_one.frames_per_s, n * of_one.bits_per_s, of_one.limited_by)
    streams = tuple(with_losses(system, one) for one in demand.streams)
    flows = _Flows(system, demand, streams)
    found = flows.table(keeps_mirrored=False)
    watchers = flows.watchers()
    if watchers and found.most.any():
        kept = flows.table(keeps_mirrored=True)
        if all(found.greatest(kept.takes[row])[0] <= 1 for row in watchers):  # so no mirrored copy is ever lost
            found = kept
    frames, _ = found.greatest(np.ones(len(found.most)))
    bits, limited_by = found.greatest(found.bits)
    return MixBound(Fraction(frames) * PER_S, Fraction(bits) * PER_S, limited_by)


@dataclass(frozen=True)
class _Table:
    """Hold what a million deliveries of each kind a second take, `takes`: resources by kinds; `most` there are of each.

    `names`: of the resources; `n_alone`: those behind so many are means of some before them. `held_by`: what holds each
    kind to its `most`.
    """

    takes: Floats
    names: Sequence[str]
    n_alone: int
    most: Floats
    held_by: Sequence[str]
    bits: Floats

    def greatest(self, value: Floats) -> tuple[float, str]:
        """Give the greatest sum of values that can be, and what sets it: the resource that takes most away."""
        by_each = self._parted(value, self.n_alone)
        by_all = self._parted(value, len(self.takes))
        return by_all if by_all[0] < by_each[0] * (1 - _ALIKE) else by_each

    def _parted(self, value: Floats, n_rows: int) -> tuple[float, str]:
        """Give a bound by the first `n_rows` resources: each kind is held back by one of them, or has its most.

        In turn the resource that takes the largest part of its users' sum has all of them that are left; or one alone
        has all its users, if that takes more.
        """
        gains = value * self.most
        left = value > 0
        total = float(gains.sum())
        held = gains * np.array([name != OFFERED_LOAD for name in self.held_by])
        limited_by = self.held_by[int(held.argmax())] if held.any() else OFFERED_LOAD
        at_first = [self._saved(row, value, left) for row in range(n_rows)]
        alone_saved, alone = max((saved, row) for row, (saved, _) in enumerate(at_first))
        by_one = total - alone_saved
        saves = [(-share, -row) for row, (_, share) in enumerate(at_first)]
        heapify(saves)
        most_saved = _ALIKE * total
        while saves:
            _, row = heappop(saves)
            saved, share = self._saved(-row, value, left)
            if saves and share < -saves[0][0] * (1 - _ALIKE):
                heappush(saves, (-share, row))  # less than it was, as some of its users are gone
                continue
            if share <= _ALIKE:
                break
            total -= saved
            if saved > most_saved:
                limited_by, most_saved = self.names[-row], saved
            left &= self.takes[-row] == 0
        return (by_one, self.names[alone]) if by_one < total * (1 - _ALIKE) else (total, limited_by)

    def _saved(self, row: int, value: Floats, left: Bools) -> tuple[float, float]:
        """Give how much less than their most the users that are left can have of a resource, and as a share of that.

        Those come first that take least of it for their value.
        """
        users = np.flatnonzero(left & (self.takes[row] > 0))
        if not len(users):
            return 0.0, 0.0
        users = users[np.argsort(self.takes[row, users] / value[users], kind="stable")]
        gains, taken = value[users] * self.most[users], self.takes[row, users] * self.most[users]
        room = 1 - np.concatenate([[0.0], np.cumsum(taken)[:-1]])
        with np.errstate(divide="ignore", invalid="ignore"):
            kept = np.where(taken > 0, np.clip(room / taken, 0, 1), 1.0)
        saved = float(((1 - kept) * gains).sum())
        return saved, saved / float(gains.sum() or 1)


class _Flows:
    """Hold the streams of a demand with what they take of each resource, and what holds back each sender."""

    def __init__(self, system: System, demand: Demand, streams: Sequence[Offered]) -> None:
        self._system, self._streams = system, streams
        self._costs = FlowCosts(system, demand, streams)
        self._to_vms = any(one.traffic.copies for one in streams)
        limits = sender_limits(system, streams)
        self._own = np.zeros((len(limits), len(streams)))
        for row, (_, by_stream) in enumerate(limits):
            self._own[row, list(by_stream)] = list(by_stream.values())
        of_senders = [name for name, _ in limits]
        self._names, self._kinds = [*self._costs.names, *of_senders], [*self._costs.kinds, *of_senders]

    def watchers(self) -> set[int]:
        """Give the cores and Rx rings of stations that get mirrored copies of what VMs send."""
        legs = [leg for one in self._streams if not is_uplink(one.source) for leg in one.sent_as]
        return {row for leg in legs for name in leg.traffic.mirrored_to for row in self._costs.rows_of(leg.part, name)}

    def table(self, *, keeps_mirrored: bool) -> _Table:
        """Put together all places at which frames end; `keeps_mirrored`: mirrored copies of VMs' frames count."""
        ways = [
            way
            for number, one in enumerate(self._streams)
            for way in _Deliveries(
                self._system, self._costs, one, number, self._to_vms, self._own[:, number], keeps_mirrored
            ).all()
        ]
        takes = np.array([way.takes for way in ways]).reshape(-1, len(self._names)).T
        alone = takes.max(axis=0, initial=0.0)
        offered = np.array([way.n * _rate_of(self._streams[way.stream]) for way in ways])
        first = takes.argmax(axis=0) if ways else []
        held_by = [self._names[row] if most > 1 / one else OFFERED_LOAD
                   for row, most, one in zip(first, offered, alone, strict=True)]  # fmt: skip
        pooled = list(_pooled(takes, self._names, self._kinds))
        return _Table(
            takes=np.vstack([takes, *(row for row, _ in pooled)]),
            names=[*self._names, *(name for _, name in pooled)],
            n_alone=len(takes),
            most=np.minimum(offered, 1 / alone),
            held_by=held_by,
            bits=np.array([way.bits for way in ways]),
        )


def _rate_of(stream: Offered) -> float:
    return _WITHOUT_END if stream.frames_per_s is None else float(stream.frames_per_s / PER_S)


def _pooled(takes: Floats, names: Sequence[str], kinds: Sequence[str]) -> Iterator[tuple[Floats, str]]:
    """Give the mean of each kind's rows that are used, named after the fullest of them."""
    members: defaultdict[str, list[int]] = defaultdict(list)
    for row, kind in enumerate(kinds):
        if takes[row].any():
            members[kind].append(row)
    for own in members.values():
        if len(own) > 1:
            fullest = own[int(takes[own].sum(axis=1).argmax())]
            yield takes[own].mean(axis=0), names[fullest]


# ---- What one delivered frame takes ----


class _Deliveries:
    """List where frames of a stream end, with what each takes there and on its way.

    What many copies have in common, the frame sent and each hop, is divided among them equally: with fewer of them each
    takes more.
    """

    def __init__(
        self, system: System, costs: FlowCosts, stream: Offered, number: int, to_vms: bool, own: Floats,
        keeps_mirrored: bool,
    ) -> None:  # fmt: skip
        self._system, self._costs, self._stream, self._number = system, costs, stream, number
        self._to_vms, self._own = to_vms, own
        self._keeps_mirrored = keeps_mirrored and not is_uplink(stream.source)
        traffic = stream.traffic
        self._bits = float(traffic.mean_frame_bytes if to_vms else traffic.sent_frame_bytes) * BITS_PER_BYTE

    def all(self) -> Iterator[_Delivery]:
        """Give each place that is reached."""
        stream, zero = self._stream, np.zeros(self._costs.n_rows)
        sent = sum((self._costs.of(self._kept(leg, stream)) for leg in stream.sent_as), zero)
        found: list[tuple[float, Floats, int | None]] = [
            (n, taken, None)
            for leg in stream.sent_as
            for n, taken in self._ends(leg, stream, goes_on=bool(stream.hops))
        ]
        behind = [0.0] * len(stream.hops)  # the copies of a frame behind each hop
        for number, hop in enumerate(stream.hops):
            goes_on = any(other.after == number for other in stream.hops)
            for n, taken in self._ends(hop.leg, goes_on=goes_on):
                n_frames = float(hop.share) * n
                found.append((n_frames, taken, number))
                for each in self._chain(number):
                    behind[each] += n_frames
        whole = sum(n for n, _, _ in found)
        passing = [
            self._costs.of(self._kept(hop.leg)) * float(hop.share) / n if n else zero
            for hop, n in zip(stream.hops, behind, strict=True)
        ]
        for n, taken, last in found:
            shared = taken + sent / whole + sum((passing[each] for each in self._chain(last)), zero)
            yield _Delivery(self._number, n, self._bits, np.concatenate([shared, self._own / whole]))

    def _chain(self, hop: int | None) -> Iterator[int]:
        while hop is not None:
            yield hop
            hop = self._stream.hops[hop].after

    def _ends(self, leg: Leg, stream: Offered | None = None, *, goes_on: bool) -> Iterator[tuple[float, Floats]]:
        """Give the copies per frame that end at a leg, those that can be lost by themselves with what each takes.

        `goes_on`: other hops follow the leg.
        """
        traffic, nothing = leg.traffic, np.zeros(self._costs.n_rows)
        if not self._to_vms:
            n = traffic.from_wire if leg.part == self._system.outside else traffic.to_wire
            if n and not goes_on and (self._system.is_server(leg.part) or leg.part == self._system.outside):
                yield float(n), nothing
        elif not self._can_be_lost(leg, stream):
            if traffic.copies:
                yield float(traffic.copies), nothing
        else:
            yield from self._that_can_be_lost(leg)

    def _that_can_be_lost(self, leg: Leg) -> Iterator[tuple[float, Floats]]:
        traffic = leg.traffic
        plain = {name: share - traffic.mirrored_to.get(name, ZERO) for name, share in traffic.received.items()}
        at: dict[object, tuple[Fraction, str]] = {}
        for name, share in plain.items():
            place = self._costs.place_of(leg.part, name)
            at[place] = at.get(place, (ZERO, name))[0] + share, name
        for n, name in at.values():
            if n:
                yield float(n), self._costs.of_copy(leg.part, traffic.sizes, name)

    def _kept(self, leg: Leg, stream: Offered | None = None) -> Leg:
        """Give a leg without the copies that can be lost there, mirrored ones among them."""
        traffic = leg.traffic
        if not self._system.is_server(leg.part):
            return leg
        is_lossy = self._can_be_lost(leg, stream)
        mirrored = traffic.mirrored_to if self._keeps_mirrored and stream is not None else {}
        kept = {
            name: mirrored.get(name, ZERO) + (ZERO if is_lossy else share - traffic.mirrored_to.get(name, ZERO))
            for name, share in traffic.received.items()
        }
        return Leg(leg.part, replace(
            traffic, copies=ZERO if is_lossy else traffic.copies, mirrored=sum(mirrored.values(), ZERO), received=kept,
            mirrored_to=mirrored,
        ))  # fmt: skip

    def _can_be_lost(self, leg: Leg, stream: Offered | None = None) -> bool:
        """Tell whether copies can be lost at a leg; `stream`: that of a leg before any bridge."""
        if not self._system.is_server(leg.part):
            return False
        config = self._system.config(leg.part)
        drops = config.nic.drop_enable or config.has_virtual_switch
        return stream is None or drops or (is_uplink(stream.source) and not stream.hops)
