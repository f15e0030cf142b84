"""A sweep put into order, once for all parts of its page: points, axes, the best point, the cuts through it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hwmodel.report.configuration import value_text
from hwmodel.results.explored import DONE, FAILED
from hwmodel.words.quantities import listed

from .axes import SweptAxis, along, cut, held_values, swept_axes
from .points import GBPS, LOAD, MPPS, P50, P99, TO_WIRE, Point, best_of, identity, points_of, throughput_name

if TYPE_CHECKING:
    from hwmodel.report.sweep.result import SweepResult


@dataclass(frozen=True)
class Reading:
    """Hold what a sweep's parts are made from.

    `throughput`: the name of the figure that is it. `axes`: those with several values, those first that change most.
    `best`: the point with most throughput, None where no run is done.
    """

    sweep: SweepResult
    points: tuple[Point, ...]
    throughput: str
    axes: tuple[SweptAxis, ...]
    best: Point | None

    @property
    def done(self) -> tuple[Point, ...]:
        """Return the points of which a run is done."""
        return tuple(point for point in self.points if point.status == DONE)

    @property
    def failed(self) -> tuple[Point, ...]:
        """Return the points of which all runs failed."""
        return tuple(point for point in self.points if point.status == FAILED)

    @property
    def to(self) -> str:
        """Return where the throughput goes, as words."""
        return "to the wire" if self.throughput == TO_WIRE else "to VMs"

    def is_measured(self) -> bool:
        """Say whether any point has a throughput or a latency."""
        return any(point.value(name) is not None for point in self.done for name in (GBPS, TO_WIRE, MPPS, P50, P99))

    def cut_along(self, axis: SweptAxis) -> list[Point]:
        """Return the points along an axis through the best point, those that are done."""
        if self.best is None:
            return []
        return along(axis, cut(self.done, held_values(self.axes, self.best, [axis.key])))

    def cut_where_it_matters(self, axis: SweptAxis) -> list[Point]:
        """Return the points along an axis where it changes the throughput most, by share; the other axes are held."""
        cuts: dict[str, list[Point]] = {}
        for point in self.done:
            if point.value(self.throughput) is not None:
                cuts.setdefault(identity(held_values(self.axes, point, [axis.key])), []).append(point)
        most = max(cuts.values(), key=lambda points: spread_of(points, self.throughput), default=[])
        return along(axis, most)

    @property
    def workloads(self) -> list[list[Point]]:
        """Return the points that are done by what is offered them, which no one chooses: `workload.` axes alike."""
        keys = [axis.key for axis in self.axes if axis.key.startswith(LOAD)]
        found: dict[str, list[Point]] = {}
        for point in self.done:
            found.setdefault(identity({key: point.axes[key] for key in keys}), []).append(point)
        return list(found.values())

    def held_words(self, *varied: str) -> str:
        """Return at which values of the best point the other axes are held where some vary: `nic.vfs=8`."""
        return "" if self.best is None else assignments(held_values(self.axes, self.best, varied).items())


def spread_of(points: Sequence[Point], throughput: str) -> float:
    """Return by what share of the most the throughput of some points differs."""
    values = [value for point in points if (value := point.value(throughput)) is not None]
    return 1 - min(values) / max(values) if values and max(values) > 0 else 0.0


def read_sweep_result(sweep: SweepResult) -> Reading:
    """Put a sweep into order."""
    points = points_of(sweep)
    throughput = throughput_name(points)
    return Reading(sweep, points, throughput, swept_axes(sweep, points, throughput), best_of(points, throughput))


def point_words(point: Point, axes: Sequence[SweptAxis]) -> str:
    """Return a point's values along the axes that vary: `pcie.lanes=8 and workload.frame_bytes=64`."""
    keys = {key for axis in axes for key in (axis.key, *axis.in_step)}
    return assignments((key, value) for key, value in point.axes.items() if key in keys)


def assignments(pairs: Iterable[tuple[str, Any]]) -> str:
    """Return keys with values as a list in words."""
    return listed([f"{key}={value_text(value)}" for key, value in pairs])
