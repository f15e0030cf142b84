"""Throughput and latency along the axes of a sweep: a line for each value of a second axis, intervals, closed form."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from hwmodel.report.configuration import value_text
from hwmodel.report.downloads import Drawing, drawing
from hwmodel.results.explored import cell
from hwmodel.words.quantities import page_time_unit, printable

from .axes import MOST_ALONG, MOST_LINES, SweptAxis, along, cut, evenly, held_values
from .curve_figure import CurveAxis, DrawnLine, curve_figure
from .points import CLOSED_ALONE, CLOSED_GBPS, CLOSED_MPPS, GBPS, MPPS, P50, P99, Point, identity
from .reading import Reading, point_words

MOST_AXES = 3
_MOST_BARE_POINTS = 24


class Quantity(NamedTuple):
    """Name a figure that is drawn: its words, the closed form beside it, its unit; times are drawn in one that fits."""

    name: str
    words: str
    closed: str
    closed_words: str
    unit: str


class _Line(NamedTuple):
    """Points of one line, with their places along the axis."""

    name: str
    at: list[float]
    points: list[Point]


class _Bundle(NamedTuple):
    """Lines over one axis: the keys whose values their data begin with, what the legend and the title say."""

    scale: CurveAxis
    lines: list[_Line]
    keys: list[str]
    legend: str
    by: str


class CurveGroup(NamedTuple):
    """The figures along one axis, and a sentence on what is held meanwhile."""

    title: str
    note: str
    drawings: tuple[Drawing, ...]


def curve_groups(reading: Reading) -> Iterator[CurveGroup]:
    """Yield the figures along each axis that matters: numeric ones, else the first of names, else the bare points."""
    numeric = [axis for axis in reading.axes if axis.numbers is not None]
    drawn = 0
    for axis in (numeric or reading.axes)[:MOST_AXES]:
        lines_axis = _lines_axis(reading, axis)
        if max((len(points) for _, points in _cuts(reading, axis, lines_axis)), default=0) > 1:
            yield _group(reading, axis, lines_axis, f"c{drawn}")
            drawn += 1
    if not drawn and len(reading.done) > 1:
        yield _bare_group(reading)


def quantities(reading: Reading) -> list[Quantity]:
    """Return what is drawn of this sweep."""
    ceiling, alone = "closed form, at most", "closed form, a frame alone"
    found = [Quantity(reading.throughput, f"throughput {reading.to}", CLOSED_GBPS, ceiling, "Gb/s")]
    if reading.throughput == GBPS:
        found.append(Quantity(MPPS, "frames to VMs", CLOSED_MPPS, ceiling, "Mpps"))
    found.append(Quantity(P50, "median latency", CLOSED_ALONE, alone, "ns"))
    found.append(Quantity(P99, "p99 latency", CLOSED_ALONE, alone, "ns"))
    return [one for one in found if any(point.value(one.name) is not None for point in reading.done)]


def _lines_axis(reading: Reading, axis: SweptAxis) -> SweptAxis | None:
    """Return the axis that the lines tell apart: of the others the one that changes most."""
    return next((other for other in reading.axes if other.key != axis.key), None)


def _cuts(reading: Reading, axis: SweptAxis, lines_axis: SweptAxis | None) -> list[tuple[str, list[Point]]]:
    """Return the points of each line with its name."""
    if reading.best is None:
        return []
    if lines_axis is None:
        return [("", _thinned(axis, reading.cut_along(axis), reading.best))]
    held = held_values(reading.axes, reading.best, [axis.key, lines_axis.key])
    values = evenly(lines_axis.values, MOST_LINES, reading.best.axes[lines_axis.key])
    plane = cut(reading.done, held)
    lines = [(value_text(value), along(axis, cut(plane, {lines_axis.key: value}))) for value in values]
    return [(name, _thinned(axis, points, reading.best)) for name, points in lines if points]


def _thinned(axis: SweptAxis, points: list[Point], best: Point) -> list[Point]:
    wanted = evenly([point.axes[axis.key] for point in points], MOST_ALONG, best.axes[axis.key])
    if len(wanted) == len(points):
        return points
    kept = set(map(identity, wanted))
    return [point for point in points if point.places[axis.key] in kept]


def _group(reading: Reading, axis: SweptAxis, lines_axis: SweptAxis | None, key: str) -> CurveGroup:
    cuts = _cuts(reading, axis, lines_axis)
    places = axis.numbers if axis.numbers is not None else range(len(axis.values))
    place = {identity(value): float(at) for value, at in zip(axis.values, places, strict=True)}
    lines = [_Line(name, [place[point.places[axis.key]] for point in points], points) for name, points in cuts]
    names = None if axis.numbers is not None else tuple(axis.names)
    keys = [lines_axis.key, axis.key] if lines_axis else [axis.key]
    legend = lines_axis.label if lines_axis else ""
    bundle = _Bundle(CurveAxis(axis.label, names), lines, keys, legend, f"by {axis.key}")
    note = _note(reading, axis, lines_axis, cuts)
    return CurveGroup(f"Along {axis.key}", note, tuple(_drawings(reading, bundle, key)))


def _bare_group(reading: Reading) -> CurveGroup:
    """Draw points that lie on no common line side by side, those with most throughput."""
    ranked = sorted(reading.done, key=lambda point: -(point.value(reading.throughput) or 0.0))[:_MOST_BARE_POINTS]
    scale = CurveAxis("", tuple(point_words(point, reading.axes) for point in ranked))
    line = _Line("", [float(at) for at in range(len(ranked))], ranked)
    bundle = _Bundle(scale, [line], [axis.key for axis in reading.axes], "", "by point")
    n_left = len(reading.done) - len(ranked)
    note = "No two points differ in one axis alone, so they stand side by side, those with most throughput first"
    more = f"; {n_left:,} more are in the table" if n_left else ""
    return CurveGroup("The points", f"{note}{more}.", tuple(_drawings(reading, bundle, "c0")))


def _drawings(reading: Reading, bundle: _Bundle, key: str) -> Iterator[Drawing]:
    """Draw each quantity over the same lines, and put the same numbers into rows."""
    for number, quantity in enumerate(quantities(reading)):
        lines = [
            DrawnLine(
                line.name,
                line.at,
                [point.estimate(quantity.name) for point in line.points],
                [point.value(quantity.closed) for point in line.points],
            )
            for line in bundle.lines
        ]
        divisor, unit = 1.0, quantity.unit
        if unit == "ns":
            known = [one.value for line in lines for one in line.estimates if one is not None]
            divisor, unit = page_time_unit(max(known, default=0.0))
        title = f"{quantity.words[0].upper()}{quantity.words[1:]} {bundle.by}"
        label, closed = f"{quantity.words}, {unit}", quantity.closed_words
        drawn = [line.scaled(divisor) for line in lines]
        svg = curve_figure(f"{key}-{number}", bundle.scale, drawn, label, title, bundle.legend, closed, unit != "Gb/s")
        yield drawing(svg, title, _rows(bundle, quantity, lines), f"{reading.sweep.name} {quantity.words} {bundle.by}")


def _rows(bundle: _Bundle, quantity: Quantity, lines: Sequence[DrawnLine]) -> Iterator[list[Any]]:
    name = quantity.name
    yield [*bundle.keys, name, f"{name}.low", f"{name}.high", quantity.closed]
    for line, drawn in zip(bundle.lines, lines, strict=True):
        for point, estimate, closed in zip(line.points, drawn.estimates, drawn.closed, strict=True):
            if estimate is not None or closed is not None:
                figures = estimate or (None, None, None)
                yield [*(cell(point.axes[key]) for key in bundle.keys), *figures, closed]


def _note(
    reading: Reading, axis: SweptAxis, lines_axis: SweptAxis | None, cuts: Sequence[tuple[str, list[Point]]]
) -> str:
    """Say what is held, and what is left out of the picture."""
    held = reading.held_words(axis.key, lines_axis.key if lines_axis else "")
    said = [f"Held at the best point's values: {held}." if held else ""]
    if lines_axis and len(cuts) < len(lines_axis.values):
        said.append(f"{len(cuts)} of {len(lines_axis.values):,} values of {lines_axis.key} are drawn.")
    if any(len(points) == MOST_ALONG < len(axis.values) for _, points in cuts):
        said.append(f"Of each line at most {MOST_ALONG} points are drawn.")
    return printable(" ".join(filter(None, said)))
