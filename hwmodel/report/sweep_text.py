"""What a sweep found, for the terminal: the best points, what limits how often, what failed and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from hwmodel.report.configuration import value_text
from hwmodel.report.sweep.answer import best_words
from hwmodel.report.sweep.points import (
    GBPS,
    LIMIT,
    P99,
    TO_WIRE,
    Point,
    best_of,
    points_of,
    quickest_of,
    throughput_name,
    without_rate,
)
from hwmodel.report.sweep.reading import assignments, read_sweep_result
from hwmodel.report.sweep.tradeoff import weigh
from hwmodel.results.explored import COST, DONE, FAILED, SweepRow
from hwmodel.words.quantities import cost_text, table

if TYPE_CHECKING:
    from hwmodel.report.sweep.result import SweepResult

WARNINGS = "warnings"
SWEEP_SUMMARY_FIGURES = (
    GBPS, TO_WIRE, P99, LIMIT, WARNINGS,
    *(f"intervals.{name}.{end}" for name in (GBPS, TO_WIRE) for end in ("low", "high")),
)  # fmt: skip
_MOST_ROWS, _MOST_FAILURES, _MOST_OF_FRONT = 24, 8, 8


def sweep_text(sweep: SweepResult, files: Sequence[str], wall_s: float, n_run: int) -> str:
    """Return the summary: counts, best points, a table of a small sweep, failures with reasons, where the files are."""
    points = [point for point in points_of(sweep) if point.done]
    throughput = throughput_name(points)
    lines = [_counts(sweep, wall_s, n_run), *_best(sweep, points, throughput)]
    if len(sweep.rows) <= _MOST_ROWS:
        lines += ["", *_table(sweep, throughput)]
    lines += _trade_off(sweep)
    return "\n".join([*lines, *_failures(sweep), "", f"Results: {', '.join(files)}"])


def _counts(sweep: SweepResult, wall_s: float, n_run: int) -> str:
    n_failed = len(sweep.with_status(FAILED))
    n_done = len(sweep.with_status(DONE))
    failed = f", {n_failed:,} failed" if n_failed else ""
    now = f"{n_run:,} of them now, in {wall_s:.1f} s" if n_run else "nothing was missing"
    return f"{sweep.name}: {n_done:,} of {len(sweep.rows):,} runs done{failed}; {now}"


def _best(sweep: SweepResult, points: Sequence[Point], throughput: str) -> Iterator[str]:
    """Yield the point with most throughput, of each workload, and that with least latency, as the page names them."""
    best, quickest = best_of(points, throughput), quickest_of(points, throughput)
    to = " to the wire" if throughput == TO_WIRE else ""
    words = ("Most throughput", "Least latency") if len(points) > 1 else ("Throughput", "Latency")
    most = None if best is None else best.estimate(throughput)
    reading = read_sweep_result(sweep)
    if len(reading.workloads) > 1 and most is not None and best is not None:
        yield best_words(reading, best).replace("±", "+/-")
    elif best is not None and most is not None:
        spread = "" if most.interval is None else f" +/- {(most.interval[1] - most.interval[0]) / 2:.2f}"
        figure = f"{most.value:,.2f}{spread} Gb/s{to}"
        which = f"{words[0]}{without_rate(points, throughput)}"
        yield f"{which}: {figure}{_with(best)}; limited by {_limits(best.done)}"
    if quickest is not None:
        p99_us = (quickest.value(P99) or 0.0) / 1e3
        yield f"{words[1]}: p99 {p99_us:,.2f} us{_with(quickest)}; limited by {_limits(quickest.done)}"
    if len(points) > 1:
        yield f"Limited by: {_limits(sweep.with_status(DONE), with_numbers=True)}"
    warned = [row for row in sweep.with_status(DONE) if row.figures.get(WARNINGS)]
    if warned:
        first = f"{_point(warned[0])}: {warned[0].figures[WARNINGS]}"
        yield f"{len(warned):,} run{'s have' if len(warned) > 1 else ' has'} warnings, in the column warnings; {first}"


def _with(point: Point) -> str:
    """Return at what values a point is, or the mean of how many seeds it is where nothing else varies."""
    values = ", ".join(f"{key}={value_text(value)}" for key, value in point.axes.items())
    if not values:
        return f" over {len(point.done)} seeds" if len(point.done) > 1 else ""
    return f" with {values}" + ("" if point.cost is None else f" (cost {cost_text(point.cost)})")


def _trade_off(sweep: SweepResult) -> Iterator[str]:
    """Yield the points that no other beats in both cost and throughput, where the sweep's file says costs."""
    weighed = weigh(read_sweep_result(sweep)) if sweep.has_costs else None
    if weighed is None:
        return
    keys = [axis.key for axis in sweep.axes if len(axis.values) > 1 and axis.key not in weighed.held]
    rows = []
    for of, gbps, point in (weighed.points[at] for at in weighed.front[-_MOST_OF_FRONT:]):
        values = [_cell(point.axes.get(key)) for key in keys]
        rows.append([cost_text(of), f"{gbps:,.3f}", *values, point.limit])
    left_out = len(weighed.front) - len(rows)
    yield ""
    which = (
        f"Nothing costs less and gives as much{f', with {held}' if (held := assignments(weighed.held.items())) else ''}"
    )
    yield f"{which}{f' (and {left_out} cheaper)' if left_out else ''}:"
    header = [COST, "Gb/s", *keys, "limited by"]
    yield from (line.text for line in table(header, rows, left_columns=[len(header) - 1]))


def _limits(rows: Sequence[SweepRow], with_numbers: bool = False) -> str:
    found = Counter(str(row.figures.get(LIMIT)) for row in rows)
    return ", ".join(f"{name} in {n:,} run{'s' * (n > 1)}" if with_numbers else name for name, n in found.most_common())


def _point(row: SweepRow) -> str:
    return ", ".join(f"{key}={value_text(value)}" for key, value in row.axes.items()) or f"seed {row.seed}"


def _table(sweep: SweepResult, throughput: str) -> list[str]:
    keys = [axis.key for axis in sweep.axes]
    seeds = ["seed"] if sweep.n_seeds > 1 or not keys else []
    costs = [COST] if sweep.has_costs else []
    header = [*keys, *seeds, *costs, "Gb/s", "p99 us", "limited by"]
    rows = []
    for row in sweep.rows:
        point = [_cell(row.axes[key]) for key in keys] + ([str(row.seed)] if seeds else [])
        point += ["-" if row.cost is None else cost_text(row.cost) for _ in costs]
        point += [_figure(row.figures, name) for name in (throughput, P99, LIMIT)] if row.figures else [row.status]
        rows.append(point + [""] * (len(header) - len(point)))
    return [line.text for line in table(header, rows, left_columns=[len(header) - 1])]


def _cell(value: object) -> str:
    text = value_text(value)
    return text if len(text) <= 30 else text[:27] + "..."


def _figure(figures: Mapping[str, object], name: str) -> str:
    value = figures.get(name)
    if isinstance(value, int | float):
        return f"{value / 1e3:,.2f}" if name == P99 else f"{value:,.3f}"
    return "-" if value is None else str(value)


def _failures(sweep: SweepResult) -> Iterator[str]:
    failed = sweep.with_status(FAILED)
    if failed:
        yield ""
        yield "Failed (--retry-failed makes them again):"
    for row in failed[:_MOST_FAILURES]:
        seed = f", seed {row.seed}" if sweep.n_seeds > 1 else ""
        yield f"  {_point(row)}{seed}: {row.error}"
    if len(failed) > _MOST_FAILURES:
        yield f"  and {len(failed) - _MOST_FAILURES:,} more, in the column error of the table"
