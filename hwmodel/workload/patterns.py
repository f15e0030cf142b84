"""Who sends to whom: each pattern becomes demands, one for each stream of frames into a port."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial

from hwmodel.workload.traffic import UPLINK

BROADCAST, MULTICAST = "broadcast", "multicast"

Weighted = tuple[tuple[str, Fraction], ...]


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
    return tuple((name, Fraction(1)) for name in names)


def _pairs(stations: list[str], _incast_to: str) -> list[Demand]:
    """Pair neighbours both ways; with an odd number the last one neither sends nor receives."""
    even = len(stations) // 2 * 2
    return [Demand(name, _equal([stations[i ^ 1]])) for i, name in enumerate(stations[:even])]


def _ring(stations: list[str], _incast_to: str) -> list[Demand]:
    n = len(stations)
    return [Demand(name, _equal([stations[(i + 1) % n]])) for i, name in enumerate(stations) if n > 1]


def _uniform(stations: list[str], _incast_to: str) -> list[Demand]:
    return [Demand(name, _equal([to for to in stations if to != name])) for name in stations if len(stations) > 1]


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
    """Make a stream of each flow with a rate, and one of all flows without from a port, in equal parts.

    A flow of rate 0 is left out.
    """
    streams = [Demand(port, _equal([to]), rate) for port, to, rate in flows if rate]
    following: dict[str, list[str]] = {}
    for port, to, rate in flows:
        if rate is None:
            following.setdefault(port, []).append(to)
    return streams + [Demand(port, _equal(targets)) for port, targets in following.items()]


def _share_with_wire(stream: Demand, wire_share: Fraction) -> Demand:
    if not wire_share or stream.port == UPLINK:
        return stream
    whole = sum(weight for _, weight in stream.targets)
    kept = tuple((name, weight * (1 - wire_share) / whole) for name, weight in stream.targets if wire_share < 1)
    return replace(stream, targets=(*kept, (UPLINK, wire_share)))
