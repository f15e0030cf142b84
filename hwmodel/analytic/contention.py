"""What gets through of an overload: the mix of streams with the highest throughput, by linear programming.

Under overload, different streams are not carried in proportion to what they offer. The mix obeys these rules:

- The senders of an adapter take turns. One that always has a frame ready gets as many turns as any other, times its
  weight; one that offers less than that gets through whole.
- A core or a rate limit holds back those that it serves, and nobody else.
- Frames from the wire do not wait for a turn: any amount of them may get in, from none to as much as there is room for.
- The senders at a virtual switch take turns at the core that serves their rings, and so do the rings of its uplink.
  Behind the core a copy can be lost: one for a VM always, one for the uplink unless `on_uplink_full` is `wait`.
- Behind the wire there is no backpressure: what a port of the bridge or of an extender has no room for is lost, though
  it has used the wires before that port.
- Copies can be lost behind the switch: those of frames from the wire, and all with `drop_enable`. A lost copy is not
  written to memory, which leaves room for others. A mirrored copy of what a VM sends is lost only where its station's
  core or Rx ring is full, and holds nobody back there.

Among the mixes that these rules allow, a linear program finds the one that carries most to VMs, and among equals most
to the wire. Whatever the rules leave open is chosen at its best, so the result is an upper bound.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from hwmodel.analytic.linear_programs import TOLERANCE, WITHOUT_END, Floats, MixProgram, maximize
from hwmodel.analytic.mix_costs import NEARLY, PER_S, HopTable, MixCosts, Place
from hwmodel.analytic.senders import ADAPTER, NO_CORE, Interval, Sender, bits_of, intervals_of, rate_of, senders_of
from hwmodel.analytic.switch_rings import room_a_frame, with_losses
from hwmodel.analytic.symmetry import folded, unfolded
from hwmodel.analytic.system import System
from hwmodel.analytic.traffic import ONE, ZERO, Demand, Leg, Offered, Sizes, Traffic, average, together, whole_of
from hwmodel.config.names import is_uplink
from hwmodel.errors import InputError

Bools = npt.NDArray[np.bool_]
ByStation = Mapping[str, Fraction]


class Landing(NamedTuple):
    """Name copies that can be lost: of frames of some sizes, for the stations of one core of a server."""

    part: int
    sizes: Sizes
    place: Place
    is_mirrored: bool


_TO_WIRE_TOO = 1e-6  # of the value of a copy for a VM
_SENT_AT_ALL = 1e-9
_ALIKE = 1e-6
_MOST_TRIES = 8  # to find the core at which each sender waits; after these its turns are taken as unknown
_MOST_STREAMS_BY_SERVERS = 6000  # takes some seconds


def carried(system: System, demand: Demand) -> Demand:
    """Give the demand with the mix that carries most, its offered rate kept only if all that is offered gets through.

    Raises InputError for too many streams.
    """
    if demand.alike is not None:
        return _carried_of_alike(system, demand, demand.alike)
    n_streams, n_servers = len(demand.streams), len(system.servers)
    if n_streams * n_servers > _MOST_STREAMS_BY_SERVERS:
        too_many = f"{n_streams} streams of {n_servers} servers, which do not all get through and are not all alike"
        raise InputError(f"workload: {too_many}, are too many for the closed form; `hwmodel run` says what does")
    problem = LinearProgram(system, demand)
    found = problem.solve(problem.senders)
    while short := problem.short_of_mirrored(found):
        problem = LinearProgram(system, demand, short)
        found = problem.solve(problem.senders)
    held_back: frozenset[int] = frozenset()  # rows of full resources that keep their users from taking every turn
    is_open = False  # it is unknown who waits for a full resource beside a virtual switch's cores
    while more := found.full - held_back:
        senders, is_unknown = problem.with_shares_kept(found, more)
        is_open |= is_unknown
        held_back |= more
        found = problem.solve(senders, held_back, found.levels)
    in_turns = problem.in_turns(found, held_back)
    together = problem.undivided(found, in_turns)
    return replace(problem.demand_of(found), is_open=is_open, has_turns=bool(in_turns), together=together)


def _carried_of_alike(system: System, demand: Demand, alike: Offered) -> Demand:
    """Give the mix of a system of alike servers: that of the folded system, times the number of servers."""
    n, offered = system.outside, demand.offered_frames_per_s
    small = Demand(alike.traffic, (), None if offered is None else offered / n, ((alike, Fraction(1)),))
    found = carried(folded(system), small)
    most = found.offered_frames_per_s
    return replace(
        found,
        sought=unfolded(system, found.sought),
        offered_frames_per_s=None if most is None else n * most,
        carried=tuple((replace(one, frames_per_s=offered), n * rate) for one, rate in found.carried),
        lost=demand.lost,
        alike=alike,
    )


@dataclass(frozen=True)
class _Solution:
    senders: tuple[Sender, ...]  # each as it waits for turns
    value: float
    rates: Floats  # of the streams
    levels: list[float]  # turns a second that each giver gives its backlogged senders, infinite where there are none
    passed: Floats  # frames that get out of the bridge, by hop
    landed: Floats  # copies that can be lost, by landing
    used: Floats  # the share of each resource's capacity that is used
    full: frozenset[int]  # rows of full resources that hold back only their own users
    prices: Floats  # what more of each resource would add to the value


class LinearProgram:
    """Write a demand as a linear program, and its solution as a demand.

    `short`: servers and cores of which the stations lose mirrored copies of what VMs send.
    """

    def __init__(self, system: System, demand: Demand, short: Collection[tuple[int, int]] = ()) -> None:
        self._system, self._demand, self._short = system, demand, short
        self._streams = streams = tuple(with_losses(system.config(0), one) for one in demand.streams)
        self._most = [rate_of(one.frames_per_s) for one in streams]
        senders = tuple(senders_of(system, streams, self._most))
        adapters = [(part, ADAPTER) for part in range(len(system.servers))]
        givers = {giver for one in senders for giver in (one.giver, *one.turns)}
        self._givers = sorted(givers) if system.config(0).has_virtual_switch else adapters
        self._costs = MixCosts(system, demand)
        self._hops = HopTable(system, self._costs, streams)
        legs = self._hops.legs
        stream_landings = [self._landings_of_stream(one) for one in streams]
        hop_landings = [self._landings_of(leg) for leg in legs]
        self._landings = sorted({key for found in (*stream_landings, *hop_landings) for key in found})
        self._stream_lands = _matrix(self._landings, stream_landings)
        rooms = self._rooms_for_full_pieces(senders)
        full_pieces = [self._landings_of_stream(one, rooms.get(number)) for number, one in enumerate(streams)]
        self._full_pieces_land = _matrix(self._landings, full_pieces)
        self._hop_lands = _matrix(self._landings, hop_landings)
        self._of_streams = self._costs.columns(
            sum(self._costs.of(self._but_lost(leg, *self._lossy(leg, one))) for leg in one.sent_as) for one in streams
        )
        self._of_hops = self._costs.columns(self._costs.of(self._but_lost(leg, *self._lossy(leg))) for leg in legs)
        self._of_landings = self._costs.columns(self._costs.of_landing(*key[:3]) for key in self._landings)
        self._values(legs)
        self.senders = tuple(replace(one, held_by=self._rows_that_hold(one)) for one in senders)

    def _rows_that_hold(self, sender: Sender) -> frozenset[int]:
        """Give the rows of resources that, when full, hold back this sender but not all waiting for the same turn."""
        cores = self._costs.core_rows
        if sender.giver[1] == ADAPTER:
            return frozenset([cores[sender.part, sender.core]] if (sender.part, sender.core) in cores else [])
        of_turns = {cores.get(giver, -1) for giver in (sender.giver, *sender.turns)}
        of_turns.update(self._costs.memory_rows if len(self._givers) == 1 else ())
        used = set(np.flatnonzero(self._of_streams[:, sender.streams].any(axis=1)).tolist()) - of_turns
        own = (sender.part, sender.core)
        return frozenset(used | {cores[own]} if own in cores else used)

    def with_shares_kept(self, found: _Solution, full: frozenset[int]) -> tuple[tuple[Sender, ...], bool]:
        """Cap a virtual switch's senders at what they get of full resources, if they take turns at those as well.

        They do where frames wait for the uplink, each sends the same share of its frames there, and its turns are
        known. Second comes whether it is unknown who waits for a full resource.
        """
        has_switch = self._system.config(0).has_virtual_switch
        beside_cores = full.difference(self._costs.core_rows.values())
        if len(self._givers) > 1:
            return found.senders, has_switch and bool(beside_cores)
        senders, is_open = list(found.senders), False
        for row in sorted(beside_cores):
            users = {at: one for at, one in enumerate(senders) if row in one.held_by}
            shares = {self._streams[number].traffic.copies_out for one in users.values() for number in one.streams}
            if len(shares) > 1 or not all(one.takes_turns and one.core != NO_CORE for one in users.values()):
                is_open = has_switch
                continue
            for at, one in users.items():
                if one.shares:
                    most = float(sum(found.rates[number] for number in one.streams)) * NEARLY
                    senders[at] = replace(one, most=most, held_by=frozenset())
        return tuple(senders), is_open

    def _can_be_lost(self, leg: Leg, stream: Offered | None = None) -> bool:
        """Tell whether copies can be lost; `stream`: that of a leg before the bridge."""
        if not self._system.is_server(leg.part):
            return False
        config = self._system.config(leg.part)
        # A slow receiver behind a virtual switch does not stall the switch's core: its copies drop.
        drops = config.nic.drop_enable or config.has_virtual_switch
        return stream is None or drops or (is_uplink(stream.source) and not stream.hops)

    def _lossy(self, leg: Leg, stream: Offered | None = None) -> tuple[ByStation, ByStation]:
        """Give the copies that can be lost by station, and the mirrored ones; `stream` as in `_can_be_lost`."""
        if not self._system.is_server(leg.part):
            return {}, {}
        mirrored = leg.traffic.mirrored_to
        plain = {name: share - mirrored.get(name, ZERO) for name, share in leg.traffic.received.items()}
        of_vm = stream is not None and not is_uplink(stream.source)
        if of_vm and not self._system.config(leg.part).has_virtual_switch:
            cores = {name: (leg.part, self._costs.place_of(leg.part, name)[0]) for name in mirrored}
            mirrored = {name: share for name, share in mirrored.items() if cores[name] in self._short}
        return plain if self._can_be_lost(leg, stream) else {}, mirrored

    def short_of_mirrored(self, found: _Solution) -> set[tuple[int, int]]:
        """Give all servers and cores of which the stations lose mirrored copies; none if they are known already."""
        legs = [leg for one in self._streams for leg in one.sent_as if leg.traffic.mirrored_to]
        used = {(leg.part, self._costs.place_of(leg.part, name)[0]) for leg in legs for name in leg.traffic.mirrored_to}
        more = used & self._costs.full_for_receivers(found.used) - set(self._short)
        return more.union(self._short) if more else set()

    @staticmethod
    def _but_lost(leg: Leg, plain: ByStation, mirrored: ByStation) -> Leg:
        """Give what a frame takes on a leg without some copies, plain and mirrored ones, by station."""
        whole = leg.traffic
        received = {name: share - plain.get(name, ZERO) - mirrored.get(name, ZERO)
                    for name, share in whole.received.items()}  # fmt: skip
        left = replace(
            whole,
            copies=whole.copies - sum(plain.values(), ZERO),
            mirrored=whole.mirrored - sum(mirrored.values(), ZERO),
            received=received,
            mirrored_to={name: share - mirrored.get(name, ZERO) for name, share in whole.mirrored_to.items()},
        )
        return Leg(leg.part, left)

    def _landings_of_stream(self, stream: Offered, room: Fraction | None = None) -> dict[Landing, float]:
        """Give the copies of a frame that can be lost before the bridge; `room`: at most so many at each receiver."""
        found: dict[Landing, float] = {}
        for leg in stream.sent_as:
            found |= self._landings_of(leg, stream, room)
        return found

    def _rooms_for_full_pieces(self, senders: Sequence[Sender]) -> dict[int, Fraction | None]:
        """Give, for streams whose Tx rings at a virtual switch are full, how many copies of a frame fit at a receiver.

        All frames of a piece arrive at one instant, so no more of them fit than the receiver has Rx descriptors.
        """
        return {
            number: room_a_frame(self._system.config(0), self._streams[number], share)
            for sender in senders
            if sender.giver[1] != ADAPTER and not sender.guaranteed
            for number, share in zip(sender.streams, sender.shares, strict=False)
        }

    def _landings_of(
        self, leg: Leg, stream: Offered | None = None, room: Fraction | None = None
    ) -> dict[Landing, float]:
        """Give the copies of a frame that can be lost, by where they land."""
        plain, mirrored = self._lossy(leg, stream)
        if room is not None:
            plain = {name: min(share, room) for name, share in plain.items()}
        return {
            Landing(leg.part, leg.traffic.sizes, place, is_mirrored): share
            for by_station, is_mirrored in ((plain, False), (mirrored, True))
            for place, share in self._costs.by_place(leg.part, by_station).items()
            if share
        }

    def _values(self, legs: Sequence[Leg]) -> None:
        """Set the objective: the value of a frame of each stream, hop and landing, in bits delivered."""
        to_vms = any(one.traffic.copies for one in self._streams)
        by_wire = _TO_WIRE_TOO if to_vms else 1.0
        of_streams = []
        for one in self._streams:
            value = 0.0
            for leg in one.sent_as:
                lost, traffic = self._can_be_lost(leg, one), leg.traffic
                value += float(traffic.copies) * (not lost) - _TO_WIRE_TOO**2 * lost
                # A tiny value for sending at all: who can send does, even if the frame is then lost in its adapter, at
                # the bridge or behind a core.
                value += float(traffic.to_wire) * (_SENT_AT_ALL if one.hops else by_wire)
                value += _SENT_AT_ALL * bool(traffic.switching_s or not (traffic.copies or traffic.to_wire))
            of_streams.append(bits_of(one.traffic.sizes) * value)
        of_hops = []
        for leg in legs:
            # What an extender has room for is passed on, even if it is lost behind the extender.
            by_uplink = _SENT_AT_ALL if leg.part > self._system.outside else _TO_WIRE_TOO**2
            leaves = leg.part == self._system.outside or (self._system.is_server(leg.part) and leg.traffic.to_wire)
            of_hops.append(bits_of(leg.traffic.sizes) * (by_wire if leaves else by_uplink))
        self._stream_value, self._hop_value = np.array(of_streams), np.array(of_hops)
        values = (_TO_WIRE_TOO**2 if one.is_mirrored else 1.0 for one in self._landings)
        self._landing_value = np.array(
            [bits_of(one.sizes) * value for one, value in zip(self._landings, values, strict=True)]
        )

    def solve(
        self, senders: tuple[Sender, ...], held_back: frozenset[int] = frozenset(), levels: Sequence[float] = ()
    ) -> _Solution:
        """Find the mix of greatest value; users of full resources (`held_back`) may take fewer turns than they get.

        A sender with rings at several cores that fill in order waits for the core that serves its part last. `levels`:
        a second starting point of the search over each giver's turns, beside zero.
        """
        for _ in range(_MOST_TRIES):
            found = self._solve_at_givers(senders, held_back, levels)
            by_giver = dict(zip(self._givers, found.levels, strict=True))
            moved = tuple(one.at_last_core(by_giver) for one in senders)
            if moved == senders:
                return found
            senders, levels = moved, found.levels
        senders = tuple(replace(one, takes_turns=one.takes_turns and not one.at_cores) for one in senders)
        return self._solve_at_givers(senders, held_back, levels)

    def _solve_at_givers(
        self, senders: tuple[Sender, ...], held_back: frozenset[int], levels: Sequence[float]
    ) -> _Solution:
        """Find the mix where each sender waits for one giver; search from zero turns and from the levels given."""
        regular = [one for one in senders if one.takes_turns and not one.held_by & held_back]
        found = self._seek_levels(senders, regular, levels)
        if found is None:  # the guaranteed rates alone exceed what there is
            found = self._seek_levels(senders, [one for one in regular if not one.guaranteed], levels)
        assert found is not None, "no frames at all always fit"
        return found

    def _seek_levels(
        self, senders: tuple[Sender, ...], regular: Sequence[Sender], levels: Sequence[float]
    ) -> _Solution | None:
        """Find the best levels of turns; `regular` senders take every turn. None where even zero turns do not fit."""
        intervals = [intervals_of(one.level for one in regular if one.giver == giver) for giver in self._givers]

        def solve_at(places: Sequence[int]) -> _Solution | None:
            chosen = [own[place] for own, place in zip(intervals, places, strict=True)]
            return self._solve_between(senders, regular, chosen)

        starts = [[0] * len(intervals)]
        if len(intervals) > 1 and levels:
            starts.append(
                [
                    max(n for n, (low, _) in enumerate(own) if low <= level)
                    for own, level in zip(intervals, levels, strict=True)
                ]
            )
        n_places = [len(own) for own in intervals]
        first, *others = ((solve_at(start), start) for start in starts)
        if first[0] is None:
            return None
        climbed = [_climb(solve_at, n_places, found, at) for found, at in (first, *others) if found is not None]
        return max(climbed, key=lambda one: one.value)

    def _solve_between(
        self, senders: tuple[Sender, ...], regular: Sequence[Sender], levels: Sequence[Interval]
    ) -> _Solution | None:
        """Solve within an interval of levels, in which the same senders wait; None if its low end is infeasible."""
        program = MixProgram(len(self._streams), len(levels), len(self._hops.legs), len(self._landings))
        place_of = {giver: at for at, giver in enumerate(self._givers)}
        waiting = {one.streams for one in regular if one.level > levels[place_of[one.giver]][0]}
        parts_waiting = {place_of[one.giver] for one in regular if one.streams in waiting}
        in_turn = {one.streams for one in regular}
        for part, (low, high) in enumerate(levels):
            program.bound({part: 1.0}, high - low if part in parts_waiting else 0.0)
        for sender in senders:
            part = place_of[sender.giver]
            is_waiting = sender.streams in waiting
            parts_known = dict(zip(sender.streams, sender.shares, strict=False))
            if sender.streams not in in_turn or (not parts_known and (is_waiting or sender.is_limited)):
                groups = [parts_known] if parts_known else [{number: 1.0} for number in sender.streams]
                offered = [sum(self._most[number] for number in group) for group in groups]
                chosen = dict.fromkeys(map(program.free, groups, offered), 1.0)
                program.bound(chosen, sender.most)
                for giver, weight in sender.turns.items():
                    at = place_of[giver]
                    if at in parts_waiting:
                        program.bound({**chosen, at: -weight}, weight * levels[at][0] + sender.guaranteed)
            elif is_waiting:
                for number, share in parts_known.items():
                    rate = sender.weight * levels[part][0] + sender.guaranteed
                    program.fix(number, share * rate, part, share * sender.weight)
            else:
                for number in sender.streams:
                    program.fix(number, min(self._most[number], parts_known.get(number, 1.0) * sender.most))
        of_senders = {number for one in senders for number in one.streams}
        for number in set(range(len(self._streams))) - of_senders:
            program.free({number: 1.0}, self._most[number])
        lands = self._stream_lands.copy()
        for streams in waiting:
            lands[:, streams] = self._full_pieces_land[:, streams]
        lows = [low if part in parts_waiting else WITHOUT_END for part, (low, _) in enumerate(levels)]
        return self._solution(senders, program, lows, lands)

    def _solution(
        self, senders: tuple[Sender, ...], program: MixProgram, lows: Sequence[float], lands: Floats
    ) -> _Solution | None:
        by_variable, constant = program.matrix(), program.constant
        hops, landings = program.hops(), program.landings()
        own, own_room = program.bounds()
        uses = np.vstack(
            [
                self._of_streams @ by_variable + self._of_hops @ hops + self._of_landings @ landings,
                hops - self._hops.asked(by_variable, hops),
                landings - lands @ by_variable - self._hop_lands @ hops,
                own,
            ]
        )
        room = np.concatenate(
            [1 - self._of_streams @ constant, self._hops.takes @ constant, lands @ constant, own_room]
        )
        value = self._stream_value @ by_variable + self._hop_value @ hops + self._landing_value @ landings
        solved = maximize(value, uses, room)
        if solved is None:
            return None
        found, prices = solved
        rates, passed, landed = constant + by_variable @ found, hops @ found, landings @ found
        used = self._of_streams @ rates + self._of_hops @ passed + self._of_landings @ landed
        holding = frozenset[int]().union(*(one.held_by for one in senders))
        full = holding.intersection(np.flatnonzero(used > NEARLY).tolist())
        total = float(self._stream_value @ rates + self._hop_value @ passed + self._landing_value @ landed)
        levels = [low + max(0.0, more) for low, more in zip(lows, found, strict=False)]  # rounding may give -0
        return _Solution(senders, total, rates, levels, passed, landed, used, full, prices[: len(used)])

    def in_turns(self, found: _Solution, held_back: frozenset[int]) -> frozenset[int]:
        """Give the streams, by number, whose rates the turns of their senders say."""
        senders = (one for one in found.senders if one.takes_turns and not one.held_by & held_back)
        return frozenset(number for one in senders if one.shares for number in one.streams)

    def undivided(self, found: _Solution, in_turns: frozenset[int]) -> tuple[tuple[str, ...], ...]:
        """Give the names of streams that fill something together where turns do not say how they divide it.

        Who takes no turns there, and neither fills something alone nor gets through whole, may get more or less than in
        this mix, and so may all others who fill the same.
        """
        uses = self._of_streams + self._of_landings @ self._stream_lands
        full = [set(np.flatnonzero(uses[row]).tolist()) for row in np.flatnonzero(found.used > NEARLY)]
        known = {number for users in full if len(users) == 1 for number in users}
        known |= {n for n, most in enumerate(self._caps(found)) if found.rates[n] >= most * NEARLY}
        groups: list[set[int]] = []
        for users in (each - known for each in full):
            if users - in_turns:
                joined = [group for group in groups if group & users]
                groups = [group for group in groups if not group & users] + [users.union(*joined)]
        names = (dict.fromkeys(self._streams[number].name for number in sorted(group)) for group in groups)
        return tuple(tuple(each) for each in names if len(each) > 1)

    def demand_of(self, found: _Solution) -> Demand:
        """Give the demand with the mix found: streams of the workload's sizes as one traffic, others beside it."""
        kept_hops = _kept(found.passed, self._hops.asked(found.rates, found.passed))
        kept = _kept(found.landed, self._stream_lands @ found.rates + self._hop_lands @ found.passed)
        lost = np.array([*kept_hops, *kept]) < 1 - _ALIKE
        lost[len(kept_hops) :] &= np.array([not one.is_mirrored for one in self._landings], bool)
        rates = [_decimal(rate) for rate in found.rates]
        by_landing = dict(zip(self._landings, kept, strict=True))
        parts = [
            (self._with_losses(one, self._hops.shares_left(number, kept_hops), by_landing), rate)
            for number, (one, rate) in enumerate(zip(self._streams, rates, strict=True))
        ]
        sizes = self._demand.sought.sizes
        alike: list[tuple[Traffic, Fraction]] = []
        others: list[tuple[Traffic, Fraction]] = []
        for traffic, rate in parts:  # streams that get nothing still count with their rings and senders
            (alike if traffic.sizes == sizes or not rate else others).append((traffic, rate))
        if not any(rate for _, rate in alike):
            alike, others = parts, []
        beside = [replace(traffic, frames_per_s=rate) for traffic, rate in others]
        total = sum((rate for _, rate in alike), ZERO)
        all_sent = all(rate >= most * NEARLY for rate, most in zip(found.rates, self._caps(found), strict=True))
        is_limited = any(sender.limited_by == "rate_limit" for sender in found.senders)
        return replace(
            self._demand,
            sought=average(alike) if total else self._demand.sought,
            beside=tuple(beside),
            offered_frames_per_s=total if all_sent else None,
            following=(),
            with_rate=(),
            carried=tuple(zip(self._streams, rates, strict=True)),
            offered_by="rate_limit" if is_limited else "offered_load",
            loses=bool(lost.any()),
            prices=self._prices_of(found, lost),
        )

    def _prices_of(self, found: _Solution, loses: Bools) -> dict[str, float]:
        """Give what more of each resource would add, by the names that ceilings may have for it.

        `loses`: of each hop and landing, whether frames are lost there. What is just filled by those that lose has
        their price: more of it alone would add nothing.
        """
        price, uses = found.prices.copy(), np.hstack([self._of_hops, self._of_landings])
        is_losing = (uses[:, loses] > 0).any(axis=1)
        just_filled = ~self._of_streams.any(axis=1) & ~is_losing
        before = is_losing & (found.used > NEARLY)
        price[before] = np.maximum(price[before], price[just_filled].max(initial=0.0))
        price[just_filled] = 0.0
        prices: dict[str, float] = {}
        for each, names in zip(price.tolist(), self._costs.names, strict=True):
            prices |= {name: max(each, prices.get(name, 0.0)) for name in names if each > TOLERANCE}
        return prices

    def _caps(self, found: _Solution) -> list[float]:
        """Give the most that each stream has to send, its sender's own limit counted."""
        caps = list(self._most)
        for sender in found.senders:
            if sender.is_limited and sum(found.rates[number] for number in sender.streams) >= sender.most * NEARLY:
                for number in sender.streams:
                    caps[number] = min(caps[number], found.rates[number])
        return caps

    def _with_losses(self, stream: Offered, shares: Sequence[Fraction], kept: dict[Landing, Fraction]) -> Traffic:
        sent_as = [Leg(leg.part, self._landed(leg, kept, stream)) for leg in stream.sent_as]
        hops = [
            (Leg(hop.leg.part, self._landed(hop.leg, kept)), share)
            for hop, share in zip(stream.hops, shares, strict=True)
        ]
        if stream.traffic.parts:
            whole = whole_of(self._system, stream.traffic.sizes, sent_as, hops)
        else:
            pieces = [(sent_as[0].traffic, ONE), *((leg.traffic, share) for leg, share in hops)]
            whole = together(stream.traffic.sizes, pieces)
        return replace(whole, first=stream.traffic.first, first_inside=stream.traffic.first_inside)

    def _landed(self, leg: Leg, kept: dict[Landing, Fraction], stream: Offered | None = None) -> Traffic:
        """Give what a frame takes on a leg without the copies that the mix loses."""

        def lost(by_station: ByStation, is_mirrored: bool) -> ByStation:
            places = {name: self._costs.place_of(leg.part, name) for name in by_station}
            keys = {name: Landing(leg.part, leg.traffic.sizes, at, is_mirrored) for name, at in places.items()}
            return {name: share * (ONE - kept.get(keys[name], ONE)) for name, share in by_station.items()}

        plain, mirrored = self._lossy(leg, stream)
        return self._but_lost(leg, lost(plain, False), lost(mirrored, True)).traffic


def _decimal(rate: float) -> Fraction:
    """Give a rate of the linear program, in millions a second, as frames a second: to a thousandth, or seven digits.

    From here on sums are exact. Rounded, streams that the program has given the same but for its last digits have the
    same, and denominators are short; what is within its tolerance is nothing.
    """
    if rate <= TOLERANCE:
        return ZERO
    frames_per_s = Fraction(rate * PER_S)
    return round(frames_per_s, max(3, 6 - math.floor(math.log10(frames_per_s))))


def _climb(
    solve_at: Callable[[Sequence[int]], _Solution | None], n_places: Sequence[int], best: _Solution, at: list[int]
) -> _Solution:
    """Improve one giver's interval of turns at a time, the other givers' intervals being held (coordinate ascent)."""
    improves = True
    while improves:
        improves = False
        for part, n in enumerate(n_places):
            for place in range(n):
                if place == at[part]:
                    continue
                tried = [*at[:part], place, *at[part + 1 :]]
                found = solve_at(tried)
                if found is None:
                    break
                # Prefer the higher of two equal levels: senders with rings at several cores wait for their turns too.
                least = best.value * (1 + math.copysign(1e-12, at[part] - place))
                if found.value > least:
                    best, at, improves = found, tried, len(n_places) > 1
    return best


def _matrix(landings: Sequence[Landing], found: Sequence[dict[Landing, float]]) -> Floats:
    rows = [[each.get(key, 0.0) for each in found] for key in landings]
    return np.array(rows).reshape(len(landings), len(found))


def _kept(got: Floats, possible: Floats) -> list[Fraction]:
    return [
        Fraction(min(1.0, n / most)).limit_denominator(10**9) if most > 0 else Fraction(1)
        for n, most in zip(got, possible, strict=True)
    ]
