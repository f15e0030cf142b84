"""The page of a sweep, one self-contained file, and what a notebook shows; identical for equal sweeps."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from hwmodel.report.configuration import config_text, differing_keys, flat_keys, value_text
from hwmodel.report.html import TEMPLATES, template_environment
from hwmodel.report.reproduction import (
    FILE,
    Download,
    Reproduction,
    again,
    assumption_table,
    csv_text,
    download,
    file_name,
)
from hwmodel.report.sweep.answer import answer_sentence, more_sentences, state_sentences, swept_sentence
from hwmodel.report.sweep.curves import curve_groups
from hwmodel.report.sweep.limit_map import limit_maps
from hwmodel.report.sweep.reading import (
    CLOSED_ALONE,
    CLOSED_GBPS,
    DROPPED,
    LIMIT,
    MPPS,
    P50,
    P99,
    Point,
    Reading,
    rank_of,
    read_sweep_result,
)
from hwmodel.report.sweep.tradeoff import trade_off
from hwmodel.report.tables import Table
from hwmodel.results.explored import COST, DONE, FAILED, base_units, cell
from hwmodel.results.modelled import modelled_sentence
from hwmodel.results.notebook import fragment, html_table, paragraph
from hwmodel.words.quantities import (
    MISSING,
    MOST_ROWS,
    cost_text,
    count_text,
    decimals_text,
    interval_text,
    printable,
    three_digits,
)

if TYPE_CHECKING:
    from hwmodel.report.sweep.result import SweepResult


def render_sweep_page(sweep: SweepResult, defaults: Mapping[str, Any] | None = None) -> str:
    """Return the HTML page of a sweep, with the points done so far.

    `defaults`: the resolved configuration with only the same adapter and driver presets set, if known. Raises
    InputError where Jinja2 or matplotlib is missing.
    """
    environment = template_environment()
    reading = read_sweep_result(sweep)
    script = (TEMPLATES / "sweep.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii")
    return environment.get_template("sweep.html.j2").render(
        title=printable(sweep.name),
        script=script,
        script_hash=f"sha256-{digest}",
        modelled=modelled_sentence(sweep.config),
        swept=swept_sentence(reading),
        answer=answer_sentence(reading),
        more=more_sentences(reading),
        warnings=state_sentences(reading),
        curves=list(curve_groups(reading)),
        maps=limit_maps(reading),
        front=trade_off(reading),
        points=point_table(reading),
        assumptions=assumption_table(),
        keys=key_table(sweep, defaults),
        again=of_sweep(sweep),
        config=config_text(sweep.config),
    )


def sweep_html(sweep: SweepResult) -> str:
    """Return what was swept, the answer, further remarks, and the best points, as a fragment of HTML."""
    reading = read_sweep_result(sweep)
    best = best_rows(reading, MOST_ROWS)
    n_more = len(reading.done) - len(best.rows)
    return fragment(
        paragraph(answer_sentence(reading), is_answer=True),
        *(paragraph(sentence) for sentence in (swept_sentence(reading), *more_sentences(reading))),
        *(paragraph(f"Warning: {sentence}") for sentence in state_sentences(reading)),
        html_table(best.header, best.rows, left_columns=best.texts) if best.rows else "",
        paragraph(f"... and {n_more:,} more points" if n_more > 0 else ""),
        paragraph(f"Sweep {sweep.sweep_hash}, model {sweep.model_version}"),
    )


# ---- The table of points, and all of them as one file ----


MOST_POINT_ROWS, MOST_FAILED_ROWS = 1000, 100
_NS_IN_US = 1e3


class Cell(NamedTuple):
    """A cell: its text, and its sort key if the text does not begin with that number."""

    text: str
    sort: str = ""


class Row(NamedTuple):
    """A row: its cells; for a point that is not done, its state and error in place of its figures."""

    cells: tuple[Cell, ...]
    state: str = ""
    error: str = ""


class PointTable(NamedTuple):
    """The table: `texts`: the columns without numbers; `n_figures`: the number of columns with results."""

    header: tuple[str, ...]
    texts: tuple[int, ...]
    rows: tuple[Row, ...]
    n_figures: int
    marked: int
    note: str
    file: Download


def point_table(reading: Reading) -> PointTable:
    """Return the points in order; of many, those with most throughput, and the first failed ones."""
    columns = _columns(reading)
    shown = _shown(reading)
    rows = [_row(reading, number, point, columns) for number, point in shown]
    best = reading.best if reading.is_measured() else None
    marked = next((at for at, (_, point) in enumerate(shown) if point is best), -1)
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
    """Return all points with their main figures, averaged over seeds; the first row is the header."""
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
    """The table's columns: axis keys, results, and which of all hold no numbers."""

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
    named = [axis.key for axis in reading.sweep.axes if axis.numbers is None]
    texts = [at for at, key in enumerate(axes, start=1) if key in named]
    return _Columns(header, axes, reading.sweep.has_costs, with_drops, (*texts, len(header) - 1))


def _axes_shown(reading: Reading) -> list[str]:
    """Return the keys that vary, in the order of the sweep's file."""
    varying = {key for axis in reading.axes for key in (axis.key, *axis.in_step)}
    return [axis.key for axis in reading.sweep.axes if axis.key in varying]


def _shown(reading: Reading) -> list[tuple[int, Point]]:
    numbered = list(enumerate(reading.points))
    if len(numbered) <= MOST_POINT_ROWS:
        return numbered
    failed = [(number, point) for number, point in numbered if point.status == FAILED][:MOST_FAILED_ROWS]
    done = [(number, point) for number, point in numbered if point.status == DONE]
    best = _by_throughput(reading, done)[: MOST_POINT_ROWS - len(failed)]
    return sorted([*best, *failed], key=lambda pair: pair[0])


def _by_throughput(reading: Reading, numbered: list[tuple[int, Point]]) -> list[tuple[int, Point]]:
    return sorted(numbered, key=lambda pair: rank_of(pair[1], reading.throughput))


def _row(reading: Reading, number: int, point: Point, columns: _Columns) -> Row:
    cells = [Cell(str(number)), *(_axis_cell(point.axes.get(key)) for key in columns.axes)]
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


def _axis_cell(value: Any) -> Cell:
    amount = base_units(value) if isinstance(value, str) else None
    return Cell(value_text(value)) if amount is None else Cell(value_text(value), str(amount))


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
    """Return a number with nine digits; None if it is unknown."""
    return None if value is None else f"{value:.9g}"


# ---- How to make it again ----


_MOST_NAMED = 12


def whole_file(sweep: SweepResult) -> str:
    """Return the sweep's file with its base, after `set` and `--set`, inside: it runs without other files.

    Only captures (`workload.pcap`) remain separate files.
    """
    inside = {key: value for key, value in sweep.source.items() if key not in ("base", "set")}
    return config_text({"base": dict(sweep.base), **inside})


def of_sweep(sweep: SweepResult) -> Reproduction:
    """Return how to reproduce a sweep: its file with its base inside, the command, what made the figures."""
    name = f"{sweep.name.rpartition('.')[0] or sweep.name}.yaml"
    out = file_name(name).removesuffix(".yaml")  # beside the file: a page's folder must exist
    arguments = ["sweep", FILE, "--out", out, "--report", f"{out}.html"]
    return again("The sweep with its base in one file", name, whole_file(sweep), arguments, fact_table(sweep))


def fact_table(sweep: SweepResult) -> Table:
    """Return what the sweep was made with: model, hashes, seeds."""
    seeds = sorted({row.seed for row in sweep.rows})
    hashes = {row.config_hash for row in sweep.rows if row.config_hash}
    first = next((row.config_hash for row in sweep.rows if row.config_hash), "")
    rows = [["model", printable(sweep.model_version)], ["hash of the sweep", printable(sweep.sweep_hash)]]
    if first:
        each = "" if len(hashes) == 1 else f", the first of {count_text(len(hashes))}; all are in results.csv"
        rows.append(["hash of the configuration", f"{printable(first)}{each}"])
    if seeds:
        named = ", ".join(map(str, seeds)) if len(seeds) <= _MOST_NAMED else f"{len(seeds)}, {seeds[0]} to {seeds[-1]}"
        rows.append(["seeds", named])
    return Table(("what", "value"), rows, texts=(0, 1))


def key_table(sweep: SweepResult, defaults: Mapping[str, Any] | None) -> Table:
    """Return every key of the first point's configuration with its value and the value's origin.

    `defaults`: the configuration with only the same adapter and driver presets set, if known: this tells keys with
    default values from those that follow from other keys.
    """
    varied = {axis.key for axis in sweep.axes} | ({"run.seed"} if sweep.n_seeds > 1 else set())
    written = set(flat_keys(sweep.base))
    follows = set() if defaults is None else {one.key for one in differing_keys([sweep.config, defaults])}
    rows = []
    for key, value in flat_keys(sweep.config).items():
        if key in varied:
            source = "varies in this sweep"
        elif key in written or any(key.startswith(f"{one}.") or one.startswith(f"{key}.") for one in written):
            source = "written in the sweep or its base"
        else:
            source = "follows from another key" if key in follows else "preset of adapter or driver, or default"
        rows.append([printable(key), value_text(value), source])
    return Table(("key", "value in the first point", "source"), rows, texts=(0, 1, 2))
