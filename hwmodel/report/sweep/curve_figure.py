"""The picture of some lines over one axis: marks and colours tell lines apart, bars are 95 % intervals."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from hwmodel.report.figures import WIDTH_IN
from hwmodel.report.labels import short_labels
from hwmodel.report.svg import BLUE, GREEN, INK, ORANGE, PURPLE, SKY, VERMILION, drawing_style, svg_element

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from .points import Estimate

_COLOURS = (BLUE, ORANGE, GREEN, VERMILION, PURPLE, SKY)
_MARKS = ("o", "s", "^", "D", "v", "P")
_MOST_TICKS = 8
_MOST_NAMES = 24
_LONGEST_NAME = 18
_LEGEND_LETTERS = 66  # of three columns beside each other
_BARS_UP_TO = 24  # points of a line; with more, the intervals are a band
_LOG_IF_UNEVEN = 3  # the widest gap between two values, in narrowest gaps
_MARKS_OF_MANY = 12  # about so many marks on a line of more points than that
_LOG_FROM_RATIO = 20


class CurveAxis(NamedTuple):
    """The axis along which lines go: its label, and the names of its places where these are no numbers."""

    label: str
    names: tuple[str, ...] | None


class DrawnLine(NamedTuple):
    """A line: places along the axis, figures, and the closed form's figures, None where there is none."""

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
    """Draw lines over an axis, the closed form dashed in each line's colour; at most six lines.

    `may_be_log`: figures over a factor of twenty are on a logarithmic scale, else from zero.
    """
    from matplotlib.figure import Figure

    with drawing_style(key):
        rotated = axis.names is not None and max(map(len, axis.names), default=0) * len(axis.names) > 60
        figure = Figure(figsize=(WIDTH_IN, 3.3 + 0.9 * rotated), layout="constrained")
        axes = figure.add_subplot()
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
    from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullLocator

    gaps = [after - before for before, after in pairwise(values)]
    if values and values[0] > 0 and len(gaps) > 1 and max(gaps) >= _LOG_IF_UNEVEN * min(gaps):
        axes.set_xscale("log")
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
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
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    measured = [one.value for line in lines for one in line.estimates if one is not None]
    drawn = [*measured, *(y for line in lines for y in line.closed if y is not None)]
    if may_be_log and drawn and min(drawn) > 0 and max(drawn) > _LOG_FROM_RATIO * min(drawn):
        axes.set_yscale("log")
        axes.set_ylim(min(drawn) * 0.7, max(drawn) * 1.5)
        axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 3.0) if max(drawn) < 1e4 * min(drawn) else (1.0,)))
        axes.yaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_major_formatter(FuncFormatter(lambda tick, _: f"{tick:,.6g}"))
    else:
        # The most that is drawn, not the ends of intervals: those of two seeds may be many times as far.
        axes.set_ylim(0, 1.12 * max(drawn, default=0.0) or 1.0)


def _legend_label(name: str) -> str:
    """Return a line's name for the legend, which leaves out what begins with an underscore."""
    shown = short_labels([name], _LONGEST_NAME)[0]
    return f"\N{HAIR SPACE}{shown}" if shown.startswith("_") else shown
