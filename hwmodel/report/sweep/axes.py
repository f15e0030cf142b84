"""Which axes of a sweep matter, its cuts (points along one axis, the others held), and where a curve has its knee."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from hwmodel.report.configuration import value_text
from hwmodel.results.explored import SweepAxis

from .points import P99, SEED, Point, identity

if TYPE_CHECKING:
    from hwmodel.report.sweep.result import SweepResult

MOST_LINES = 6
MOST_ALONG = 60  # points of one line; more of them a figure of this width cannot show


@dataclass(frozen=True)
class SweptAxis:
    """Hold an axis that has several values: these in the order of a picture, and how much it changes.

    `numbers`: the values as numbers, in `unit`, None where they are none. `effect`: by what share its values change
    the throughput, and by what share the p99 latency, added up. `in_step`: other axes that vary with it, one to one.
    """

    key: str
    unit: str
    values: tuple[Any, ...]
    numbers: tuple[float, ...] | None
    effect: float = 0.0
    in_step: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """Return the key with its unit."""
        return f"{self.key}, {self.unit}" if self.unit else self.key

    @cached_property
    def names(self) -> list[str]:
        """Return the values as text."""
        return [value_text(value) for value in self.values]


def swept_axes(sweep: SweepResult, points: Sequence[Point], throughput: str) -> tuple[SweptAxis, ...]:
    """Return the axes with two values or more, those first that change most; axes in step with another are with it."""
    axes = [_ordered(axis) for axis in sweep.axes if axis.key != SEED]
    axes = sorted((axis for axis in axes if len(axis.values) > 1), key=lambda axis: axis.numbers is None)
    found: list[SweptAxis] = []
    for axis in axes:
        leader = next((at for at, other in enumerate(found) if _go_in_step(other.key, axis.key, points)), None)
        if leader is None:
            effect = sum(_effect(axis.key, name, points) for name in (throughput, P99))
            found.append(_with(axis, effect=effect))
        else:
            found[leader] = _with(found[leader], in_step=(*found[leader].in_step, axis.key))
    return tuple(sorted(found, key=lambda axis: -axis.effect))


def cut(points: Iterable[Point], held: Mapping[str, Any]) -> list[Point]:
    """Return the points that have these values."""
    wanted = {key: identity(value) for key, value in held.items()}
    return [point for point in points if all(point.places[key] == one for key, one in wanted.items())]


def along(axis: SweptAxis, points: Iterable[Point]) -> list[Point]:
    """Return points in the order of an axis."""
    place = {identity(value): at for at, value in enumerate(axis.values)}
    return sorted(points, key=lambda point: place[point.places[axis.key]])


def evenly(values: Sequence[Any], most: int, also: Any = None) -> list[Any]:
    """Return at most so many values, evenly spread from the first to the last; one of them `also`, where it occurs."""
    if len(values) <= most:
        return list(values)
    chosen = sorted({round(at * (len(values) - 1) / (most - 1)) for at in range(most)})
    wanted = next((at for at, value in enumerate(values) if identity(value) == identity(also)), None)
    if wanted is not None and wanted not in chosen:
        inner = chosen[1:-1] or chosen
        chosen[chosen.index(min(inner, key=lambda at: abs(at - wanted)))] = wanted
    return [values[at] for at in sorted(chosen)]


def held_values(axes: Iterable[SweptAxis], best: Point, varied: Sequence[str]) -> dict[str, Any]:
    """Return what holds in a cut: of each axis that does not vary there, the best point's value."""
    return {axis.key: best.axes[axis.key] for axis in axes if axis.key not in varied}


def _ordered(axis: SweepAxis) -> SweptAxis:
    numbers = axis.numbers
    if numbers is None:
        return SweptAxis(axis.key, "", axis.values, None)
    order = sorted(range(len(numbers)), key=numbers.__getitem__)
    values = tuple(axis.values[at] for at in order)
    return SweptAxis(axis.key, axis.unit, values, tuple(numbers[at] for at in order))


def _with(axis: SweptAxis, effect: float | None = None, in_step: tuple[str, ...] | None = None) -> SweptAxis:
    return SweptAxis(
        axis.key, axis.unit, axis.values, axis.numbers,
        axis.effect if effect is None else effect, axis.in_step if in_step is None else in_step,
    )  # fmt: skip


def _go_in_step(one: str, other: str, points: Sequence[Point]) -> bool:
    pairs = {(point.places[one], point.places[other]) for point in points}
    return len(pairs) == len({first for first, _ in pairs}) == len({second for _, second in pairs})


def _effect(key: str, name: str, points: Sequence[Point]) -> float:
    """Return by what share the mean of a figure changes between the values of an axis."""
    values: dict[str, list[float]] = {}
    for point in points:
        value = point.value(name)
        if value is not None:
            values.setdefault(point.places[key], []).append(value)
    means = [sum(each) / len(each) for each in values.values()]
    return (max(means) - min(means)) / max(means) if means and max(means) > 0 else 0.0


WITHIN = 0.95  # of the most: what counts as all of it
_STILL_RISING = 0.5  # of the slope up to a knee; with more than that behind it, it is none

RISES, RISING, FALLS, FALLING, PEAK, FLAT, UNEVEN = "rises", "rising", "falls", "falling", "peak", "flat", "uneven"


class Knee(NamedTuple):
    """Say how a curve goes, and between which of its points it has 95 % of the most.

    `shape`: rises up to a knee at `first`; still rising at its end; falls from a knee at `last` on; falling from its
    beginning; a peak from `first` to `last`; flat; uneven, where it falls below 95 % and comes back.
    """

    shape: str
    first: int
    last: int


def knee_of(xs: Sequence[float], ys: Sequence[float]) -> Knee:
    """Return the knee of a curve of two points or more, `xs` rising.

    The knee is the first point with 95 % of the most, if the curve rises less than half as steeply behind it as
    before it, on average; of a curve that falls, the same from its end.
    """
    top, end = max(ys), len(ys) - 1
    near = [at for at, y in enumerate(ys) if y >= WITHIN * top]
    first, last = near[0], near[-1]
    if len(near) == len(ys):
        return Knee(FLAT, first, last)
    if len(near) <= last - first:
        return Knee(UNEVEN, first, last)
    if last == end:
        return Knee(RISES if _bends(xs, ys, first) else RISING, first, last)
    if first == 0:
        back = [-x for x in reversed(xs)], list(reversed(ys))
        return Knee(FALLS if _bends(*back, end - last) else FALLING, first, last)
    return Knee(PEAK, first, last)


def _bends(xs: Sequence[float], ys: Sequence[float], at: int) -> bool:
    if at == len(xs) - 1:
        return False
    slope = (ys[at] - ys[0]) / (xs[at] - xs[0])
    return max(ys) - ys[at] < _STILL_RISING * slope * (xs[-1] - xs[at])
