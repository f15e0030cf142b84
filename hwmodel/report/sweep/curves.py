"""Throughput and latency along the axes of a sweep: a line for each value of a second axis, intervals, closed form."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

from hwmodel.report.configuration import short_labels, value_text
from hwmodel.report.figures import (
    BLUE,
    GREEN,
    GREY,
    INK,
    ORANGE,
    PURPLE,
    SKY,
    VERMILION,
    drawing_style,
    log_ticks,
    new_canvas,
    svg_element,
)
from hwmodel.report.reproduction import Drawing, drawing
from hwmodel.report.sweep.reading import (
    CLOSED_ALONE,
    CLOSED_GBPS,
    CLOSED_MPPS,
    GBPS,
    MOST_ALONG,
    MOST_LINES,
    MPPS,
    P50,
    P99,
    Point,
    Reading,
    SweptAxis,
    along,
    cut,
    evenly,
    held_values,
    identity,
    point_words,
)
from hwmodel.results.explored import cell
from hwmodel.words.quantities import page_time_unit, printable

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from hwmodel.report.sweep.reading import Estimate

MOST_AXES = 3
_MOST_BARE_POINTS = 24


class Quantity(NamedTuple):
    """Describe a figure to draw: its words, the closed form's counterpart, its unit; times get a unit that fits."""

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
    """Hold lines over one axis: the keys of their data's first columns, the legend's and the title's words."""

    scale: CurveAxis
    lines: list[_Line]
    keys: list[str]
    legend: str
    by: str


class CurveGroup(NamedTuple):
    """The figures along one axis, and a sentence on the axes held constant."""

    title: str
    note: str
    drawings: tuple[Drawing, ...]


def curve_groups(reading: Reading) -> Iterator[CurveGroup]:
    """Yield figures along each relevant axis: numeric ones, else the first with names, else the bare points."""
    if not quantities(reading):
        return
    numeric = [axis for axis in reading.axes if axis.numbers is not None]
    drawn = 0
    for axis in (numeric or reading.axes)[:MOST_AXES]:
        lines_axis = next((other for other in reading.axes if other.key != axis.key), None)  # the most influential
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
    legend = lines_axis.key if lines_axis else ""  # its values have their units
    bundle = _Bundle(CurveAxis(axis.label, names), lines, keys, legend, f"by {axis.key}")
    note = _note(reading, axis, lines_axis, cuts)
    return CurveGroup(f"Along {axis.key}", note, tuple(_drawings(reading, bundle, key)))


def _bare_group(reading: Reading) -> CurveGroup:
    """Draw points that form no line side by side, those with most throughput."""
    ranked = sorted(reading.done, key=lambda point: -(point.value(reading.throughput) or 0.0))[:_MOST_BARE_POINTS]
    scale = CurveAxis("", tuple(point_words(point, reading.axes) for point in ranked))
    line = _Line("", [float(at) for at in range(len(ranked))], ranked)
    bundle = _Bundle(scale, [line], [axis.key for axis in reading.axes], "", "by point")
    n_left = len(reading.done) - len(ranked)
    note = "No two points differ in one axis alone, so they stand side by side, those with most throughput first"
    more = f"; {n_left:,} more are in the table" if n_left else ""
    return CurveGroup("The points", f"{note}{more}.", tuple(_drawings(reading, bundle, "c0")))


def _drawings(reading: Reading, bundle: _Bundle, key: str) -> Iterator[Drawing]:
    """Draw each quantity for the same lines, with the same numbers as data rows."""
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
    """Say which axes are held, and what the picture leaves out."""
    held = reading.held_words(axis.key, lines_axis.key if lines_axis else "")
    said = [f"Held at the best point's values: {held}." if held else ""]
    if lines_axis and len(cuts) < len(lines_axis.values):
        said.append(f"{len(cuts)} of {len(lines_axis.values):,} values of {lines_axis.key} are drawn.")
    if any(len(points) == MOST_ALONG < len(axis.values) for _, points in cuts):
        said.append(f"Of each line at most {MOST_ALONG} points are drawn.")
    return printable(" ".join(filter(None, said)))


# ---- The picture of some lines over one axis ----


_COLOURS = (BLUE, ORANGE, GREEN, VERMILION, PURPLE, SKY, INK, GREY)
_MARKS = ("o", "s", "^", "D", "v", "P", "X", "*")
_MOST_TICKS = 8
_MOST_NAMES = 24
_LONGEST_NAME = 18
_LEGEND_LETTERS = 66  # of three columns beside each other
_BARS_UP_TO = 24  # points of a line; with more, the intervals are a band
_LOG_IF_UNEVEN = 3  # widest over narrowest gap between values
_MARKS_OF_MANY = 12  # about so many marks on a line of more points than that
_LOG_FROM_RATIO = 20


class CurveAxis(NamedTuple):
    """The horizontal axis: its label, and names of its positions if these are not numbers."""

    label: str
    names: tuple[str, ...] | None


class DrawnLine(NamedTuple):
    """A line: positions along the axis, figures, and the closed form's figures, None where there is none."""

    name: str
    at: Sequence[float]
    estimates: Sequence[Estimate | None]
    closed: Sequence[float | None]

    def scaled(self, divisor: float) -> DrawnLine:
        """Return the line in other units."""
        estimates = [None if one is None else one.divided(divisor) for one in self.estimates]
        return self._replace(estimates=estimates, closed=[y if y is None else y / divisor for y in self.closed])


def curve_figure(
    key: str,
    axis: CurveAxis,
    lines: Sequence[DrawnLine],
    label: str,
    title: str,
    legend: str,
    closed_words: str,
    may_be_log: bool,
) -> str:
    """Draw lines over an axis, the closed form dashed in each line's colour; at most eight lines.

    `may_be_log`: use a logarithmic scale if figures span more than a factor of twenty; otherwise start from zero.
    """
    with drawing_style(key):
        rotated = axis.names is not None and max(map(len, axis.names), default=0) * len(axis.names) > 60
        figure, axes = new_canvas(3.3 + 0.9 * rotated)
        has_closed = [_draw(axes, line, at, axis.names is None) for at, line in enumerate(lines)]
        if any(has_closed):
            axes.plot([], [], "--", color=INK, linewidth=1.0, label=closed_words)
        if axis.names is None:
            _number_axis(axes, sorted({at for line in lines for at in line.at}))
        else:
            _name_axis(axes, axis.names, rotated)
        _value_axis(axes, lines, may_be_log)
        axes.set_xlabel(axis.label)
        axes.set_ylabel(label)
        if legend or any(has_closed):
            labels = axes.get_legend_handles_labels()[1]
            columns = 3 if 3 * max(map(len, labels)) <= _LEGEND_LETTERS else 2
            figure.legend(loc="outside upper center", ncols=columns, frameon=False, fontsize=8, title=legend or None,
                          title_fontsize=8, handlelength=1.8, columnspacing=1.2)  # fmt: skip
        return svg_element(figure, key, title)


def _draw(axes: Axes, line: DrawnLine, number: int, joined: bool) -> bool:
    """Draw one line; say whether the closed form is beside it."""
    colour, mark = _COLOURS[number % len(_COLOURS)], _MARKS[number % len(_MARKS)]
    known = [(at, one) for at, one in zip(line.at, line.estimates, strict=True) if one is not None]
    xs, ys = [at for at, _ in known], [one.value for _, one in known]
    style = f"{mark}-" if joined else mark
    name = _legend_label(line.name) if line.name else None
    every = 1 if len(xs) <= _BARS_UP_TO else len(xs) // _MARKS_OF_MANY
    axes.plot(xs, ys, style, color=colour, linewidth=1.4, markersize=4, markevery=every, label=name)
    ranged = [(at, one.value, *one.interval) for at, one in known if one.interval is not None]
    if ranged and joined and len(ranged) > _BARS_UP_TO:
        at, _, low, high = zip(*ranged, strict=True)
        axes.fill_between(at, low, high, color=colour, alpha=0.25, linewidth=0)
    elif ranged:
        at, value, low, high = zip(*ranged, strict=True)
        reach = [[max(0.0, y - end) for y, end in zip(value, low, strict=True)],
                 [max(0.0, end - y) for y, end in zip(value, high, strict=True)]]  # fmt: skip
        axes.errorbar(at, value, yerr=reach, fmt="none", ecolor=colour, elinewidth=1.0, capsize=2.5)
    closed = [(at, y) for at, y in zip(line.at, line.closed, strict=True) if y is not None]
    if closed:
        axes.plot(*zip(*closed, strict=True), "--" if joined else "_", color=colour, linewidth=1.0, markersize=12)
    return bool(closed)


def _number_axis(axes: Axes, values: Sequence[float]) -> None:
    from matplotlib.ticker import FixedLocator, FuncFormatter

    gaps = [after - before for before, after in pairwise(values)]
    if values and values[0] > 0 and len(gaps) > 1 and max(gaps) >= _LOG_IF_UNEVEN * min(gaps):
        axes.set_xscale("log")
        log_ticks(axes.xaxis, (1.0, 2.0, 5.0))
    if len(values) <= _MOST_TICKS:
        axes.xaxis.set_major_locator(FixedLocator(list(values)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda tick, _: f"{tick:,.6g}" if tick < 1e6 else f"{tick:,.0f}"))
    if any(len(f"{value:.6g}") > 6 for value in values):
        axes.tick_params(axis="x", labelrotation=30)


def _name_axis(axes: Axes, names: Sequence[str], rotated: bool) -> None:
    step = -(-len(names) // _MOST_NAMES)
    shown = short_labels(names[::step], _LONGEST_NAME)
    axes.set_xticks(range(0, len(names), step), shown, rotation=90 if rotated else 0)
    axes.set_xlim(-0.6, len(names) - 0.4)
    axes.grid(axis="x", visible=False)


def _value_axis(axes: Axes, lines: Sequence[DrawnLine], may_be_log: bool) -> None:
    measured = [one.value for line in lines for one in line.estimates if one is not None]
    drawn = [*measured, *(y for line in lines for y in line.closed if y is not None)]
    if may_be_log and drawn and min(drawn) > 0 and max(drawn) > _LOG_FROM_RATIO * min(drawn):
        axes.set_yscale("log")
        axes.set_ylim(min(drawn) * 0.7, max(drawn) * 1.5)
        log_ticks(axes.yaxis, (1.0, 3.0) if max(drawn) < 1e4 * min(drawn) else (1.0,))
    else:
        # Scaled to the figures, not to the intervals: those of two seeds may be many times wider.
        axes.set_ylim(0, 1.12 * max(drawn, default=0.0) or 1.0)


def _legend_label(name: str) -> str:
    """Return a line's name for the legend, in which matplotlib would hide names that begin with an underscore."""
    shown = short_labels([name], _LONGEST_NAME)[0]
    return f"\N{HAIR SPACE}{shown}" if shown.startswith("_") else shown
