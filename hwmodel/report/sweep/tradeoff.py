"""What throughput costs: points with both figures, and those of them that no other beats in both."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from hwmodel.results.explored import COST

from .axes import cut
from .points import LOAD, P99, Point
from .reading import Reading

LANE_GTPS = {1: 2.5, 2: 5.0, 3: 8.0}  # transfers of a lane by generation (PCI Express Base Specification)
LANES, GENERATION = "pcie.lanes", "pcie.generation"
_LOAD_RATE = "workload.load"


class Cost(NamedTuple):
    """Say what throughput is weighed against: words for the axis, the column's name, a note, and how much it is."""

    words: str
    name: str
    note: str
    of: Callable[[Point], float | None]


class Weighed(NamedTuple):
    """Hold what throughput is weighed against, the points with both figures (cost, Gb/s), and which make the front.

    `held`: the axes that are held at the best point's values.
    """

    cost: Cost
    points: tuple[tuple[float, float, Point], ...]
    front: tuple[int, ...]
    held: Mapping[str, Any]


def weigh(reading: Reading) -> Weighed | None:
    """Return the trade-off, None where fewer than two points have both figures.

    The cost is what the sweep's file says, else the link's raw rate where that varies (lanes times transfers of a
    lane), else the p99 latency. What the load is nobody chooses: its axes are held at the best point's values, the rate
    alone may be weighed against latency.
    """
    if reading.best is None:
        return None
    cost = _cost_of(reading)
    is_free = {_LOAD_RATE} if cost.name == P99 else set()
    load = [axis.key for axis in reading.axes if axis.key.startswith(LOAD) and axis.key not in is_free]
    held = {key: reading.best.axes[key] for key in load}
    known = [
        (of, gbps, point)
        for point in cut(reading.done, held)
        if (of := cost.of(point)) is not None and (gbps := point.value(reading.throughput)) is not None
    ]
    if len(known) < 2:
        return None
    front = front_of([(of, gbps) for of, gbps, _ in known])
    return Weighed(cost, tuple(known), tuple(front), held)


def _cost_of(reading: Reading) -> Cost:
    if reading.sweep.has_costs:
        note = "The cost is what the sweep's file says of the values, added up over the axes."
        return Cost("cost", COST, note, lambda point: point.cost)
    if len({link_gtps(reading, point) for point in reading.done} - {None}) > 1:
        note = "The cost is the link: lanes times transfers a second of a lane, by generation."
        return Cost("raw rate of the link, GT/s", "link.gtps", note, lambda point: link_gtps(reading, point))
    note = "The link is the same everywhere, so throughput is weighed against latency."
    return Cost("p99 latency", P99, note, lambda point: point.value(P99))


def link_gtps(reading: Reading, point: Point) -> float | None:
    """Return the raw rate of a point's link in GT/s, all lanes together; None where it does not say."""
    pcie = reading.sweep.config.get("pcie")
    base = pcie if isinstance(pcie, dict) else {}
    lanes = point.axes.get(LANES, base.get("lanes"))
    per_lane = LANE_GTPS.get(point.axes.get(GENERATION, base.get("generation")) or 0)
    return per_lane * lanes if per_lane is not None and isinstance(lanes, int) else None


def front_of(pairs: Sequence[tuple[float, float]]) -> list[int]:
    """Return the numbers of those pairs (cost, gain) that no other beats: none costs less and gives as much.

    In order of cost; of equal pairs the first.
    """
    front: list[int] = []
    for at in sorted(range(len(pairs)), key=lambda at: (pairs[at][0], -pairs[at][1], at)):
        if not front or pairs[at][1] > pairs[front[-1]][1]:
            front.append(at)
    return front
