"""Throughput against cost: the points with both figures, their Pareto front, and a picture."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from hwmodel.report.figures import GREY, VERMILION, drawing_style, log_ticks, new_canvas, svg_element
from hwmodel.report.reproduction import Drawing, drawing
from hwmodel.report.sweep.reading import LOAD, P99, Point, Reading, assignments, cut, point_words
from hwmodel.report.tables import Table
from hwmodel.results.explored import COST, cell
from hwmodel.results.modelled import LANE_GTPS
from hwmodel.words.quantities import cost_text, decimals_text, page_time_unit, printable, three_digits

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LOAD_RATE = "workload.load"


class Cost(NamedTuple):
    """Describe what throughput is weighed against: the axis's words, the column's name, a note, and the amount."""

    words: str
    name: str
    note: str
    of: Callable[[Point], float | None]


class Weighed(NamedTuple):
    """Hold what throughput is weighed against, the points with both figures (cost, Gb/s), and the Pareto front.

    `held`: the axes that are held at the best point's values.
    """

    cost: Cost
    points: tuple[tuple[float, float, Point], ...]
    front: tuple[int, ...]
    held: Mapping[str, Any]


def weigh(reading: Reading) -> Weighed | None:
    """Return the trade-off, None if fewer than two points have both figures.

    The cost is the one in the sweep's file, else the link's raw rate if that varies (lanes times transfers of a lane),
    else the p99 latency. The load is no design choice: its axes are held at the best point's values, except that the
    offered rate may vary when latency is the cost.
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
    lanes = point.axes.get("pcie.lanes", base.get("lanes"))
    per_lane = LANE_GTPS.get(point.axes.get("pcie.generation", base.get("generation")) or 0)
    return per_lane * lanes if per_lane is not None and isinstance(lanes, int) else None


def front_of(pairs: Sequence[tuple[float, float]]) -> list[int]:
    """Return the numbers of the Pareto-optimal pairs (cost, gain): no other costs less and gives as much.

    In order of cost; of equal pairs the first.
    """
    front: list[int] = []
    for at in sorted(range(len(pairs)), key=lambda at: (pairs[at][0], -pairs[at][1], at)):
        if not front or pairs[at][1] > pairs[front[-1]][1]:
            front.append(at)
    return front


# ---- The figure ----


_MOST_FRONT_ROWS = 24
_VECTORS_UP_TO = 400  # points; beyond this all but the front are drawn as one image


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
    with drawing_style("front"):
        figure, axes = new_canvas(3.3)
        figure.set_dpi(144)  # of what is rasterized
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
    if min(xs) > 0 and max(xs) > 10 * min(xs):
        axes.set_xscale("log")
        log_ticks(axes.xaxis, (1.0, 2.0, 5.0))
    else:
        axes.set_xlim(0, 1.05 * max(xs) or 1.0)
    axes.set_ylim(0, 1.08 * max(ys) or 1.0)
