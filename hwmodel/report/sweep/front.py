"""The trade-off as a figure: throughput against what it costs, with the points that no other point beats in both."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from hwmodel.report.downloads import Drawing, drawing
from hwmodel.report.figures import WIDTH_IN
from hwmodel.report.svg import GREY, VERMILION, drawing_style, svg_element
from hwmodel.report.tables import Table
from hwmodel.results.explored import COST, cell
from hwmodel.words.quantities import cost_text, decimals_text, page_time_unit, printable, three_digits

from .points import P99
from .reading import Reading, assignments, point_words
from .tradeoff import Weighed, weigh

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MOST_FRONT_ROWS = 24
_VECTORS_UP_TO = 400  # points; with more of them all but the front are one image


class Front(NamedTuple):
    """The trade-off's figure, and the table of its best points."""

    drawing: Drawing
    table: Table
    n_left_out: int


def trade_off(reading: Reading) -> Front | None:
    """Return the trade-off, None where there is none."""
    weighed = weigh(reading)
    return None if weighed is None else _front(reading, weighed)


def _front(reading: Reading, weighed: Weighed) -> Front:
    cost, known, front, held = weighed
    note = f"{cost.note} With {assignments(held.items())}." if held else cost.note
    divisor, unit = 1.0, ""
    if cost.name == P99:
        divisor, unit = page_time_unit(max(of for of, _, _ in known))
    words = f"{cost.words}, {unit}" if unit else cost.words
    pairs = [(of / divisor, gbps) for of, gbps, _ in known]
    title = f"Throughput {reading.to} against {cost.words.partition(',')[0]}"
    svg = _figure(pairs, front, words, f"throughput {reading.to}, Gb/s", title)
    keys = [axis.key for axis in reading.axes]
    rows: list[list[Any]] = [[*keys, cost.name, reading.throughput, "on_front"]]
    on_front = set(front)
    rows += [
        [*(cell(point.axes[key]) for key in keys), of, gbps, int(at in on_front)]
        for at, (of, gbps, point) in enumerate(known)
    ]
    drawn = drawing(svg, title, rows, f"{reading.sweep.name} trade-off", note)
    shown = front[-_MOST_FRONT_ROWS:]
    cost_words = cost_text if cost.name == COST else three_digits
    table = Table(
        ("point", words, "Gb/s", "limited by"),
        [[printable(point_words(known[at][2], reading.axes)), cost_words(pairs[at][0]),
          decimals_text(known[at][1], 2), printable(known[at][2].limit)] for at in shown],
        texts=(0, 3),
    )  # fmt: skip
    return Front(drawn, table, len(front) - len(shown))


def _figure(pairs: Sequence[tuple[float, float]], front: Sequence[int], across: str, upward: str, title: str) -> str:
    from matplotlib.figure import Figure

    with drawing_style("front"):
        figure = Figure(figsize=(WIDTH_IN, 3.3), layout="constrained", dpi=144)
        axes = figure.add_subplot()
        xs, ys = zip(*pairs, strict=True)
        axes.plot(xs, ys, "o", color=GREY, markersize=4, rasterized=len(pairs) > _VECTORS_UP_TO, label="points")
        best = [pairs[at] for at in front]
        axes.plot(*zip(*best, strict=True), "D-", color=VERMILION, markersize=5, linewidth=1.2, drawstyle="steps-post",
                  label="no point costs less and gives as much")  # fmt: skip
        _scales(axes, xs, ys)
        axes.set_xlabel(across)
        axes.set_ylabel(upward)
        figure.legend(loc="outside upper center", ncols=2, frameon=False, fontsize=8)
        return svg_element(figure, "front", title)


def _scales(axes: Axes, xs: Sequence[float], ys: Sequence[float]) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    if min(xs) > 0 and max(xs) > 10 * min(xs):
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(FuncFormatter(lambda tick, _: f"{tick:,.6g}"))
    else:
        axes.set_xlim(0, 1.05 * max(xs) or 1.0)
    axes.set_ylim(0, 1.08 * max(ys) or 1.0)
