"""How the wires that feed an overloaded port of the bridge share it.

They share it by one of these laws (docs/pcie.md, "A full port of the bridge"):

- `alone`: one wire feeds the port, and gets all of it.
- `random`: wires no faster than the port, with frames at random: `kept_at_random`. One of the wires may never be idle,
  if its frames, longer for their tags, drift through all phases of the port's slots.
- `in_step`: clocks are exact, and one wire, as fast as the port or faster, is never idle from its first frame on, with
  all its frames for the port; the port's slots are in phase with these: `kept_beside_one_in_step`. Several identical
  such wires win equally many slots, since the bridge takes what is due at one instant by lot.
- `unknown`: frames of several lengths, a buffer shared by all ports, several queues at the port, or phases that only a
  run can tell: clocks that are off move them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from functools import lru_cache
from math import fsum
from typing import Any, Literal, NamedTuple

import numpy as np

from hwmodel.analytic.demand import OUTSIDE_TRAFFIC
from hwmodel.analytic.latency import round_trip_fs
from hwmodel.analytic.linear_programs import Floats
from hwmodel.analytic.lone_frame import wire_fs
from hwmodel.analytic.symmetry import folded, sent_outside, without_names
from hwmodel.analytic.system import System
from hwmodel.analytic.traffic import Demand, Offered, Onward
from hwmodel.config import Config
from hwmodel.config.bridge import OUTSIDE
from hwmodel.units import BITS_PER_BYTE, FS_PER_S

Law = Literal["alone", "random", "in_step", "unknown"]
_MOST_SLOTS_A_TURN = 2000


@dataclass(frozen=True)
class WireShare:
    """Hold what arrives for a port by one wire, and what the port sends of that; None where that is unknown."""

    wire: str
    arriving_mpps: float
    kept_mpps: float | None


@dataclass(frozen=True)
class PortShares:
    """Hold an overloaded port of the bridge, and the law by which its wires share it."""

    port: str
    arriving_mpps: float
    sent_mpps: float
    law: Law
    wires: tuple[WireShare, ...]

    def to_dict(self) -> dict[str, Any]:
        """Give the JSON form."""
        return asdict(self)


def port_shares(config: Config, system: System, mix: Demand) -> tuple[PortShares, ...]:
    """Give each overloaded port with what gets through of each wire's frames; none where all gets through.

    None of bridges that stop who sends too much. Approximated: where the law is unknown, all wires of a port are taken
    to lose the same share before the next port.
    """
    if not system.bridges or all(bridge.stops_senders for bridge in system.bridges):
        return ()
    if mix.alike is not None:
        return _of_alike(config, system, mix.carried)
    stopping = tuple(f"{bridge.name}." for bridge in system.bridges if bridge.stops_senders)
    return tuple(one for one in _followed(config, system, mix.carried) if not one.port.startswith(stopping))


def _of_alike(config: Config, system: System, carried: Carried) -> tuple[PortShares, ...]:
    """Give the ports to alike servers as one, without shares of wires, and the port to outside."""
    of_one = [(one, rate / system.outside) for one, rate in carried]
    inside = [one for one in _followed(config, folded(system), of_one) if one.port == f"bridge.{system.port_name(0)}"]
    to_outside = list(sent_outside(system, carried))
    outside = [one for one in _followed(config, system, to_outside) if one.port == f"bridge.{OUTSIDE}"]
    names = f"bridge.{system.port_name(0)} to bridge.{system.port_name(system.outside - 1)}"
    of_all = (replace(one, port=f"each of {names}", law="unknown", wires=()) for one in inside)
    return (*of_all, *outside)


def _followed(config: Config, system: System, carried: Carried) -> Iterator[PortShares]:
    found = PortFeeds(config, system, carried)
    for port in found.ports():
        coming = found.coming(port)
        use = found.use(port, coming)
        feeds = found.feeds(coming)
        kept = dict.fromkeys((feed.wire for feed in feeds), 1.0 if use * FULL <= 1 else 1 / use)
        if use * FULL > 1:
            shares = _at_port(config, system, port, feeds, use, _slot_bytes(carried, found.lengths(coming)))
            for feed, one in zip(feeds, shares.wires, strict=True):
                if one.kept_mpps is not None:
                    kept[feed.wire] = one.kept_mpps / one.arriving_mpps
            yield shares
        found.keep(coming, kept)


def _at_port(
    config: Config, system: System, port: Wire, feeds: Sequence[Feed], use: float, slot_bytes: int | None
) -> PortShares:
    per_s = sum(feed.per_s for feed in feeds)
    law: Law = "unknown"
    kept: Sequence[float] | None = None
    if _is_one_queue(system, port) and slot_bytes is not None:
        law, kept = _law(system, feeds, wire_fs(slot_bytes, system.rate_bps(port.number)), config)
    elif len(feeds) == 1:
        law, kept = "alone", [per_s / use]
    shares = tuple(
        WireShare(_name(system, feed.wire), feed.per_s / 1e6, None if kept is None else kept[at] / 1e6)
        for at, feed in enumerate(feeds)
    )
    return PortShares(_name(system, port), per_s / 1e6, per_s / use / 1e6, law, shares)


def _name(system: System, wire: Wire) -> str:
    upwards, downwards = system.wire_names(wire.number)
    return upwards if wire.is_upwards else downwards


def _is_one_queue(system: System, port: Wire) -> bool:
    """Tell whether a port has one queue, with a buffer of its own."""
    at = system.device_below(port.number) if port.is_upwards else system.device_above(port.number)
    bridge, extender = system.bridges[at[0]].settings, at[1]
    device = bridge if extender is None else system.extender(extender)
    is_to_station = port.number <= system.outside_wire
    return device.sharing == "port" and not (is_to_station and bridge.ports[system.port_name(port.number)].s_channels)


def _slot_bytes(carried: Carried, lengths: set[float]) -> int | None:
    """Give the bytes on the wire of a port's frames, None where they differ."""
    is_one = len(lengths) == 1 and all(len(one.traffic.sizes) == 1 for one, rate in carried if rate)
    return int(lengths.pop()) if is_one else None


def _law(system: System, feeds: Sequence[Feed], slot_fs: int, config: Config) -> tuple[Law, Sequence[float] | None]:
    """Give the law, and the frames a second that get through of each feed, in the order of ports."""
    slot_s = slot_fs / FS_PER_S
    if len(feeds) == 1:
        return "alone", [1 / slot_s]
    full = [feed for feed in feeds if feed.is_full]
    rates = [feed.per_s * slot_s for feed in feeds]
    others = [feed for feed in feeds if not feed.is_full]
    if config.workload.pcap is not None or not all(one.is_random and one.frame_fs >= slot_fs for one in others):
        return "unknown", None
    if any(one.wire.number > system.outside_wire for one in full):  # an extender's: frames of several senders
        return "unknown", None
    if not full or (len(full) == 1 and _slides(full[0].frame_fs, slot_fs)):
        return "random", [one / slot_s for one in kept_at_random(rates)]
    first = full[0]
    if config.run.clocks_ppb:  # the phase drifts, through a slot in some 10,000 of them or more
        return "unknown", None
    if first.frame_fs > slot_fs or not all(_starts_with(system, first, other) for other in full):
        return "unknown", None
    beside = kept_beside_one_in_step(first.frame_fs, slot_fs, [one.per_s * slot_s for one in others])
    if beside is None:
        return "unknown", None
    kept = dict(zip((one.wire for one in others), beside, strict=True))
    left = (1 - sum(beside)) / len(full)
    return "in_step", [kept.get(feed.wire, left) / slot_s for feed in feeds]


def _slides(frame_fs: int, slot_fs: int) -> bool:
    """Tell whether frames longer than the slots drift through all phases of the slots, again and again."""
    return frame_fs > slot_fs and (frame_fs - slot_fs) * _MOST_SLOTS_A_TURN > slot_fs


def _starts_with(system: System, one: Feed, other: Feed) -> bool:
    """Tell whether two wires (or one, given twice) start at the same time and send in the same step without pause."""
    parts = system.part_at(one.wire.number), system.part_at(other.wire.number)
    if parts[0] == parts[1] and one.wire != other.wire:
        return False  # one adapter feeds its ports in turn
    if not (other.is_for_port_alone and other.has_no_rate) or not all(map(system.is_server, parts)):
        return False
    config = system.config(parts[1])
    same = without_names(system.config(parts[0])) == without_names(config)
    # The first batch has to keep the wire busy until more descriptors and frames have been read.
    first_batch_fs = other.n_streams * config.nic.fetch_batch * other.frame_fs
    goes_on = first_batch_fs >= 2 * round_trip_fs(config, config.pcie.max_read_request_bytes)
    return same and goes_on and one.frame_fs == other.frame_fs and one.n_streams == other.n_streams


# ---- What comes for each port, by the wires that feed it ----


Carried = Sequence[tuple["Offered", Fraction]]
FULL = 1 - 1e-6


class Wire(NamedTuple):
    """Name one direction of a wire, by the wire's number; this also names the port that sends on it."""

    number: int
    is_upwards: bool


@dataclass(frozen=True)
class Feed:
    """Hold a wire that feeds a port.

    `per_s`: its frames a second for the port. `frame_fs`: the time of one on the wire. `use`: the wire's busy share, by
    all its frames. `is_random`: Poisson arrivals at a given rate; `has_no_rate`: all its senders saturate. `n_streams`:
    its streams for the port. `is_for_port_alone`: all frames that an adapter sends by it are for the port.
    """

    wire: Wire
    per_s: float
    frame_fs: int
    use: float
    is_random: bool
    has_no_rate: bool
    n_streams: int
    is_for_port_alone: bool

    @property
    def is_full(self) -> bool:
        """Tell whether the wire is never idle."""
        return self.use >= FULL


@dataclass(frozen=True)
class _Arrival:
    """Hold a stream's frames that arrive for a port: the numbers of stream and hop, the rate, the wire they came by."""

    stream: int
    hop: int
    per_s: float
    feed: Wire


class PortFeeds:
    """Follow a mix of streams port by port, in the order in which frames pass the ports.

    `keep` is to be called for each port, full or not, before the next one's `coming`.
    """

    def __init__(self, config: Config, system: System, carried: Carried) -> None:
        self._config, self._system = config, system
        self._carried = [(one, float(rate)) for one, rate in carried]
        self._left: dict[tuple[int, int], float] = {}  # frames a second that got through a hop, by stream and hop
        self._bits: dict[Wire, float] = {}  # bits a second, by wire of a hop

    def ports(self) -> Iterator[Wire]:
        """List the ports of bridges and extenders in the order in which frames pass them: first up, then down."""
        system = self._system
        between = range(system.outside_wire + 1, system.n_wires)
        yield from (Wire(wire, True) for wire in sorted(between, key=system.depth, reverse=True))
        yield from (Wire(wire, False) for wire in sorted(range(system.n_wires), key=system.depth))

    def coming(self, port: Wire) -> list[_Arrival]:
        """Give what arrives for a port."""
        found = []
        for number, (stream, rate) in enumerate(self._carried):
            for at, hop in enumerate(stream.hops if rate else ()):
                if wire_of(hop) != port:
                    continue
                per_s, feed = rate * float(hop.share), Wire(self._system.wire_at(stream.source), True)
                if hop.after is not None:
                    before = stream.hops[hop.after]
                    per_s, feed = self._left[number, hop.after] * float(hop.share / before.share), wire_of(before)
                found.append(_Arrival(number, at, per_s, feed))
        return found

    def keep(self, coming: Sequence[_Arrival], kept: Mapping[Wire, float]) -> None:
        """Record how much of what arrived for a port gets through; `kept`: its share, by the wire that brought it."""
        for one in coming:
            per_s = one.per_s * kept[one.feed]
            hop = self._carried[one.stream][0].hops[one.hop]
            self._left[one.stream, one.hop] = per_s
            port = wire_of(hop)
            self._bits[port] = self._bits.get(port, 0.0) + per_s * _bits_of(hop)

    def use(self, port: Wire, coming: Sequence[_Arrival]) -> float:
        """Give the port's utilization if it sent all that arrives; above 1 if overloaded."""
        bits = sum(one.per_s * _bits_of(self._hop(one)) for one in coming)
        return bits / self._system.rate_bps(port.number)

    def lengths(self, coming: Sequence[_Arrival]) -> set[float]:
        """Give the lengths on the wire of what arrives, with preamble and gap; the mean of a stream with several."""
        return {_bits_of(self._hop(one)) / BITS_PER_BYTE for one in coming if one.per_s}

    def _hop(self, arrival: _Arrival) -> Onward:
        return self._carried[arrival.stream][0].hops[arrival.hop]

    def feeds(self, coming: Sequence[_Arrival]) -> list[Feed]:
        """Give the wires that feed a port, in the order of their numbers."""
        wires = sorted({one.feed for one in coming}, key=lambda wire: wire.number)
        return [self._feed(wire, [one for one in coming if one.feed == wire]) for wire in wires]

    def _feed(self, wire: Wire, arrivals: Sequence[_Arrival]) -> Feed:
        streams = {one.stream: self._carried[one.stream] for one in arrivals}
        first, rate_bps = arrivals[0], self._system.rate_bps(wire.number)
        after = self._hop(first).after
        source = streams[first.stream][0]
        sent_bits = float(source.sent_as[0].traffic.wire_bytes) * BITS_PER_BYTE
        frame_bits = sent_bits if after is None else _bits_of(source.hops[after])
        workload = self._config.workload
        arrivals_of = {
            workload.external.arrivals if one.name == OUTSIDE_TRAFFIC and workload.external else workload.arrivals
            for one, _ in streams.values()
        }
        is_given = all(one.frames_per_s is not None for one, _ in streams.values())
        return Feed(
            wire=wire,
            per_s=sum(one.per_s for one in arrivals),
            frame_fs=wire_fs(int(frame_bits / BITS_PER_BYTE), rate_bps),
            use=self._bits_sent(wire) / rate_bps,
            is_random=arrivals_of == {"poisson"} and is_given,
            has_no_rate=all(one.frames_per_s is None for one, _ in streams.values()),
            n_streams=len(streams),
            is_for_port_alone=after is None and self._sends_nothing_else(wire, arrivals),
        )

    def _of_component(self, wire: Wire) -> list[tuple[int, Offered, float]]:
        """Give the streams sent by an adapter's wire, or by the wire of the stations outside."""
        return [
            (number, one, rate)
            for number, (one, rate) in enumerate(self._carried)
            if rate and self._system.wire_at(one.source) == wire.number and one.sent_as[0].traffic.to_wire
        ]

    def _bits_sent(self, wire: Wire) -> float:
        if wire in self._bits:
            return self._bits[wire]
        sent = ((one.sent_as[0].traffic, rate) for _, one, rate in self._of_component(wire))
        return sum(float(traffic.bytes_out) * BITS_PER_BYTE * rate for traffic, rate in sent)

    def _sends_nothing_else(self, wire: Wire, arrivals: Sequence[_Arrival]) -> bool:
        for_port: dict[int, float] = {}
        for one in arrivals:
            for_port[one.stream] = for_port.get(one.stream, 0.0) + one.per_s
        return all(
            abs(for_port.get(number, 0.0) - float(one.sent_as[0].traffic.to_wire) * rate) <= 1e-9 * rate
            for number, one, rate in self._of_component(wire)
        )


def wire_of(hop: Onward) -> Wire:
    """Give the wire of a hop behind the adapter."""
    return Wire(hop.wire, bool(hop.leg.traffic.to_wire))


def _bits_of(hop: Onward) -> float:
    traffic = hop.leg.traffic
    return float(traffic.wire_bytes if traffic.to_wire else traffic.back_wire_bytes) * BITS_PER_BYTE


# ---- A queue that is always full: frames of one length, one sent in each slot; rates are frames a slot ----


_SLOTS = 20_000
_SAME_MEAN = 0.004
_MOST_ROOM = 50  # frames; a queue that often has more room loses next to nothing
_MOST_COUNTED = 5  # wires; with more, each one's share is too small for a count
_COUNTED_FRAMES = 2**20  # with so many, a wire's share has a standard deviation of 0.3 %
_SEED = 1


def kept_at_random(rates: Sequence[float]) -> list[float]:
    """Give what gets through of each wire; each brings at most one frame a slot, at random; `rates` sum to above 1.

    Each wire is an M/D/1 queue of its own: Poisson arrivals, one frame a slot. Two wires lose equally many frames. With
    three to five, which frame comes first depends on how long each wire has been busy, so losses are counted over a
    million drawn frames. With more, slots are taken as independent: where more frames arrive in a slot than there is
    room for, each is equally likely to be the one too late.
    """
    if len(rates) == 2:
        too_much = fsum(rates) - 1
        return [rate - too_much / 2 for rate in rates]
    if len(rates) <= _MOST_COUNTED:
        return list(_counted(tuple(rates)))
    there = np.array([1.0])
    for rate in rates:
        there = np.convolve(there, [1 - rate, rate])
    return _kept_of_many(rates, _room(there))


# A count takes 0.4 s, and ports with the same rates need it only once.
@lru_cache(maxsize=64)
def _counted(rates: tuple[float, ...]) -> tuple[float, ...]:
    rng = np.random.default_rng(_SEED)
    n_slots = _COUNTED_FRAMES / fsum(rates)
    sent, of_wire = [], []
    for wire, rate in enumerate(rates):
        nth = np.arange(round(n_slots * rate))
        gaps = np.cumsum(rng.exponential(size=len(nth) + 1))
        offered = gaps[:-1] / gaps[-1] * n_slots  # Poisson arrivals, scaled to exactly the wire's rate
        sent.append(np.maximum.accumulate(offered - nth) + nth + 1)  # a slot after the one before, or after arrival
        of_wire.append(np.full(len(nth), wire))
    times, wires = np.concatenate(sent), np.concatenate(of_wire)
    is_counted = times < min(one[-1] for one in sent)  # only while all wires still bring frames
    times, wires = times[is_counted], wires[is_counted]
    order = np.argsort(times)
    nth, made_room = np.arange(1, len(order) + 1), np.floor(times[order]) + 1
    # Frames admitted up to and including each: one more than before it, but no more than there has been room for.
    got_in = nth + np.minimum(0, np.minimum.accumulate(made_room - nth))
    is_in = np.diff(got_in, prepend=0) > 0
    kept = [rate * float(is_in[wires[order] == wire].mean()) for wire, rate in enumerate(rates)]
    alike = [[other for other, of_other in zip(kept, rates, strict=True) if of_other == rate] for rate in rates]
    kept = [fsum(others) / len(others) for others in alike]
    return tuple(one / fsum(kept) for one in kept)


def _kept_of_many(rates: Sequence[float], room: Floats) -> list[float]:
    kept = []
    for at, rate in enumerate(rates):
        others = np.array([1.0])
        for other in (*rates[:at], *rates[at + 1 :]):
            others = np.convolve(others, [1 - other, other])
        lost = fsum(
            chance * share * (n + 1 - free) / (n + 1)
            for n, chance in enumerate(others)
            for free, share in enumerate(room[:n], start=1)
        )
        kept.append(float(rate * (1 - lost)))
    return kept


def _room(number_there: Floats) -> Floats:
    """Give the probability that a slot begins with room for 1, 2, ... frames: a Markov chain from slot to slot."""
    chain = np.zeros((_MOST_ROOM, _MOST_ROOM))
    for free in range(1, _MOST_ROOM + 1):
        for n, chance in enumerate(number_there):
            chain[free - 1, min(_MOST_ROOM, max(0, free - n) + 1) - 1] += chance
    return _stationary(chain)


def _stationary(chain: Floats) -> Floats:
    """Give a Markov chain's stationary distribution; `chain`: transition probabilities from rows to columns."""
    balance = (chain - np.eye(len(chain))).T
    balance[-1] = 1.0
    return np.linalg.solve(balance, np.eye(len(chain))[-1])


def kept_beside_one_in_step(period: int, slot: int, rates: Sequence[float]) -> list[float] | None:
    """Give what gets through of wires beside one that sends every `period` (at most a slot), in phase with the slots.

    In each slot only the first frame gets in. `rates`: of the other wires, which bring at most one frame a slot, at
    random. None where the phase drifts so slowly through the slots that the result would depend on the run's length.
    """
    before = np.array([-k * slot % period for k in range(_SLOTS)]) / slot
    early, late = before[: _SLOTS // 2].mean(), before[_SLOTS // 2 :].mean()
    if abs(early - late) > _SAME_MEAN:
        return None
    kept = []
    for at, rate in enumerate(rates):
        nobody_before = np.polynomial.Polynomial([1.0])
        for other in (*rates[:at], *rates[at + 1 :]):
            nobody_before *= np.polynomial.Polynomial([1.0, -other])
        kept.append(rate * float(nobody_before.integ()(before).mean()))
    return kept
