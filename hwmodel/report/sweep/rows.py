"""The table of a sweep's points, and all of them as one file."""

from __future__ import annotations

from typing import Any, NamedTuple

from hwmodel.report.configuration import value_text
from hwmodel.report.downloads import Download, csv_text, download
from hwmodel.report.tables import Table
from hwmodel.results.explored import COST, DONE, FAILED, cell
from hwmodel.words.quantities import (
    MISSING,
    cost_text,
    decimals_text,
    interval_text,
    printable,
    three_digits,
)

from .points import CLOSED_ALONE, CLOSED_GBPS, DROPPED, LIMIT, MPPS, P50, P99, Point, rank_of
from .reading import Reading

MOST_ROWS, MOST_FAILED_ROWS = 1000, 100
_NS_IN_US = 1e3


class Cell(NamedTuple):
    """A cell: its text, and what it is sorted by where its text does not begin with that number."""

    text: str
    sort: str = ""


class Row(NamedTuple):
    """A row: its cells; of a point that is not done its state and error, across the columns of its figures."""

    cells: tuple[Cell, ...]
    state: str = ""
    error: str = ""


class PointTable(NamedTuple):
    """The table: `texts` are the columns without numbers, `n_figures` how many columns hold what came out."""

    header: tuple[str, ...]
    texts: tuple[int, ...]
    rows: tuple[Row, ...]
    n_figures: int
    marked: int
    note: str
    file: Download


def point_table(reading: Reading) -> PointTable:
    """Return the points in their order; of many those with most throughput, and the first that failed."""
    columns = _columns(reading)
    shown = _shown(reading)
    rows = [_row(reading, number, point, columns) for number, point in shown]
    marked = next((at for at, (_, point) in enumerate(shown) if point is reading.best), -1)
    name = f"{reading.sweep.name} points.csv"
    file = download("all points as CSV", name, "text/csv;charset=utf-8", csv_text(all_rows(reading)))
    header, texts = columns.header, columns.texts
    return PointTable(header, texts, tuple(rows), columns.n_figures, marked, _note(reading, len(shown)), file)


def best_rows(reading: Reading, most: int) -> Table:
    """Return the points with most throughput, at most so many, as a table of texts."""
    columns = _columns(reading)
    numbered = [(number, point) for number, point in enumerate(reading.points) if point.status == DONE]
    rows = [_row(reading, number, point, columns) for number, point in _by_throughput(reading, numbered)[:most]]
    return Table(columns.header, [[one.text for one in row.cells] for row in rows], columns.texts)


def all_rows(reading: Reading) -> list[list[Any]]:
    """Return all points with their main figures, the first row their header; seeds are taken together."""
    axes, costs = _axes_shown(reading), [COST] if reading.sweep.has_costs else []
    names = [reading.throughput, MPPS, P50, P99]
    header = [f"{name}{end}" for name in names for end in ("", ".low", ".high")]
    rows: list[list[Any]] = [
        ["point", *axes, *costs, "runs", "done", *header, CLOSED_GBPS, CLOSED_ALONE, DROPPED, LIMIT, "status", "error"]
    ]
    for number, point in enumerate(reading.points):
        estimates = [end for name in names for end in (point.estimate(name) or (None, None, None))]
        figures = [_short(value) for value in (*estimates, *map(point.value, (CLOSED_GBPS, CLOSED_ALONE, DROPPED)))]
        values = [*(cell(point.axes.get(key)) for key in axes), *(_short(point.cost) for _ in costs)]
        done = len(point.done)
        rows.append([number, *values, len(point.runs), done, *figures, point.limit, point.status, point.error])
    return rows


class _Columns(NamedTuple):
    """The table's columns: keys of axes, what came out, which of all hold no numbers."""

    header: tuple[str, ...]
    axes: list[str]
    with_cost: bool
    with_drops: bool
    texts: tuple[int, ...]

    @property
    def n_figures(self) -> int:
        return len(self.header) - 1 - len(self.axes) - self.with_cost


def _columns(reading: Reading) -> _Columns:
    axes = _axes_shown(reading)
    with_drops = any(point.value(DROPPED) for point in reading.done)
    figures = ["Gb/s", "Mpps", "p50, µs", "p99, µs", *(["dropped, frames"] if with_drops else [])]
    header = ("point", *axes, *([COST] if reading.sweep.has_costs else []), *figures, "closed form, Gb/s", "limited by")
    texts = [at for at, key in enumerate(axes, start=1) if _is_text(reading, key)]
    return _Columns(header, axes, reading.sweep.has_costs, with_drops, (*texts, len(header) - 1))


def _axes_shown(reading: Reading) -> list[str]:
    """Return the keys that vary, in the order of the sweep's file."""
    varying = {key for axis in reading.axes for key in (axis.key, *axis.in_step)}
    return [axis.key for axis in reading.sweep.axes if axis.key in varying]


def _is_text(reading: Reading, key: str) -> bool:
    return any(axis.key == key and axis.numbers is None for axis in reading.sweep.axes)


def _shown(reading: Reading) -> list[tuple[int, Point]]:
    numbered = list(enumerate(reading.points))
    if len(numbered) <= MOST_ROWS:
        return numbered
    failed = [(number, point) for number, point in numbered if point.status == FAILED][:MOST_FAILED_ROWS]
    done = [(number, point) for number, point in numbered if point.status == DONE]
    best = _by_throughput(reading, done)[: MOST_ROWS - len(failed)]
    return sorted([*best, *failed], key=lambda pair: pair[0])


def _by_throughput(reading: Reading, numbered: list[tuple[int, Point]]) -> list[tuple[int, Point]]:
    return sorted(numbered, key=lambda pair: rank_of(pair[1], reading.throughput))


def _row(reading: Reading, number: int, point: Point, columns: _Columns) -> Row:
    cells = [Cell(str(number)), *(_axis_cell(reading, key, point.axes.get(key)) for key in columns.axes)]
    if columns.with_cost:
        cells.append(Cell(MISSING if point.cost is None else cost_text(point.cost)))
    n_failed = sum(run.status == FAILED for run in point.runs)
    some = f" ({n_failed} of {len(point.runs)} runs failed: {point.error})" if n_failed else ""
    if not point.done:
        return Row(tuple(cells), point.status, printable(point.error))
    cells += [_figure(point, reading.throughput, 2), _figure(point, MPPS, 3)]
    cells += [_figure(point, name, None, _NS_IN_US) for name in (P50, P99)]
    if columns.with_drops:
        cells.append(Cell(f"{point.value(DROPPED) or 0.0:,.0f}"))
    closed = point.value(CLOSED_GBPS)
    cells += [Cell(decimals_text(closed, 2)), Cell(printable(point.limit + some))]
    return Row(tuple(cells))


def _axis_cell(reading: Reading, key: str, value: Any) -> Cell:
    text = value_text(value)
    axis = next(axis for axis in reading.sweep.axes if axis.key == key)
    if isinstance(value, str) and (number := axis.number_of(value)) is not None:
        return Cell(text, f"{number:.12g}")
    return Cell(text)


def _figure(point: Point, name: str, decimals: int | None, scale: float = 1.0) -> Cell:
    found = point.estimate(name)
    if found is None:
        return Cell(MISSING)
    value = found.value / scale
    text = three_digits(value) if decimals is None else f"{value:,.{decimals}f}"
    return Cell(interval_text(text, found.value, found.interval, scale))


def _note(reading: Reading, n_shown: int) -> str:
    n_all = len(reading.points)
    seeds = ""
    if any(len(point.runs) > 1 for point in reading.points):
        seeds = "A figure is the mean over the seeds, after ± the half of its 95 % interval by Student's t. "
    few = ""
    if n_shown < n_all:
        few = f"Of {n_all:,} points those {n_shown:,} with most throughput, or that failed first, are shown. "
    return f"{seeds}{few}The figures of every run are in results.csv, in the sweep's folder."


def _short(value: float | None) -> str | None:
    """Return a number with nine digits; nothing for what is not known."""
    return None if value is None else f"{value:.9g}"
