"""What comes for each port of bridges and extenders, by the wires that feed it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

from hwmodel.analytic.ceilings import wire_bytes_of
from hwmodel.analytic.crossing import wire_fs
from hwmodel.analytic.demand import OUTSIDE_TRAFFIC
from hwmodel.units import BITS_PER_BYTE

if TYPE_CHECKING:
    from hwmodel.analytic.system import System
    from hwmodel.analytic.traffic import Offered, Onward
    from hwmodel.config import Config

Carried = Sequence[tuple["Offered", Fraction]]
FULL = 1 - 1e-6


class Wire(NamedTuple):
    """Name one direction of a component's wire; the port that sends on it has no other."""

    part: int
    is_upwards: bool


@dataclass(frozen=True)
class Feed:
    """Hold a wire that feeds a port.

    `per_s`: frames a second for the port. `frame_fs`: the time of one on the wire. `use`: of the wire, by all that is
    on it. `is_random`: they come at a given rate, at random; `has_no_rate`: all send what they can. `n_streams`: for
    the port. `is_for_port_alone`: nothing that they send over the bridge goes elsewhere.
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
    """Hold frames of a stream that come for a port: by their number, and that of the hop, so many a second."""

    stream: int
    hop: int
    per_s: float
    feed: Wire


class PortFeeds:
    """Follow a mix of streams port by port, in the order in which frames come to them.

    What a full port keeps of what came is told by `keep`; of other ports all goes on.
    """

    def __init__(self, config: Config, system: System, carried: Carried) -> None:
        self._config, self._system = config, system
        self._carried = [(one, float(rate)) for one, rate in carried]
        self._left: dict[tuple[int, int], float] = {}  # frames a second that take a hop, by stream and hop
        self._bits: dict[Wire, float] = {}  # a second, on the wire of a hop

    def ports(self) -> Iterator[Wire]:
        """List the ports of bridges and extenders in the order in which frames come to them: upwards, downwards."""
        system = self._system
        between = range(system.outside + 1, system.n_parts)
        yield from (Wire(part, True) for part in sorted(between, key=system.depth, reverse=True))
        yield from (Wire(part, False) for part in sorted(range(system.n_parts), key=system.depth))

    def coming(self, port: Wire) -> list[_Arrival]:
        """Give what comes for a port."""
        found = []
        for number, (stream, rate) in enumerate(self._carried):
            for at, hop in enumerate(stream.hops if rate else ()):
                if wire_of(hop) != port:
                    continue
                per_s, feed = rate * float(hop.share), Wire(self._system.place(stream.source)[0], True)
                if hop.after is not None:
                    before = stream.hops[hop.after]
                    per_s, feed = self._left[number, hop.after] * float(hop.share / before.share), wire_of(before)
                found.append(_Arrival(number, at, per_s, feed))
        return found

    def keep(self, coming: Sequence[_Arrival], kept: Mapping[Wire, float]) -> None:
        """Let a part of what has come for a port, by the wire that brought it, go on."""
        for one in coming:
            per_s = one.per_s * kept[one.feed]
            hop = self._carried[one.stream][0].hops[one.hop]
            self._left[one.stream, one.hop] = per_s
            port = wire_of(hop)
            self._bits[port] = self._bits.get(port, 0.0) + per_s * _bits_of(hop)

    def use(self, port: Wire, coming: Sequence[_Arrival]) -> float:
        """Give how much of a port's time all that comes would take."""
        bits = sum(one.per_s * _bits_of(self._hop(one)) for one in coming)
        return bits / self._system.rate_bps(port.part)

    def lengths(self, coming: Sequence[_Arrival]) -> set[float]:
        """Give the lengths on the wire of what comes, preamble and gap counted; of streams of several their mean."""
        return {_bits_of(self._hop(one)) / BITS_PER_BYTE for one in coming if one.per_s}

    def _hop(self, arrival: _Arrival) -> Onward:
        return self._carried[arrival.stream][0].hops[arrival.hop]

    def feeds(self, coming: Sequence[_Arrival]) -> list[Feed]:
        """Give the wires that feed a port, in the order of their numbers."""
        wires = sorted({one.feed for one in coming}, key=lambda wire: wire.part)
        return [self._feed(wire, [one for one in coming if one.feed == wire]) for wire in wires]

    def _feed(self, wire: Wire, arrivals: Sequence[_Arrival]) -> Feed:
        streams = {one.stream: self._carried[one.stream] for one in arrivals}
        first, rate_bps = arrivals[0], self._system.rate_bps(wire.part)
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
        """Give the streams that a component sends over its own wire."""
        return [
            (number, one, rate)
            for number, (one, rate) in enumerate(self._carried)
            if rate and self._system.place(one.source)[0] == wire.part and one.sent_as[0].traffic.to_wire
        ]

    def _bits_sent(self, wire: Wire) -> float:
        if wire in self._bits:
            return self._bits[wire]
        sent = ((one.sent_as[0].traffic, rate) for _, one, rate in self._of_component(wire))
        return sum(float(wire_bytes_of(traffic)[0]) * BITS_PER_BYTE * rate for traffic, rate in sent)

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
    return Wire(hop.leg.part, bool(hop.leg.traffic.to_wire))


def _bits_of(hop: Onward) -> float:
    traffic = hop.leg.traffic
    return float(traffic.wire_bytes if traffic.to_wire else traffic.back_wire_bytes) * BITS_PER_BYTE
