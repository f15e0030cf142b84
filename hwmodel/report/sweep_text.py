"""What a sweep found, for the terminal: the best points, what limits how often, what failed and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence

from hwmodel.report.sweep.points import estimate_of, mean_of
from hwmodel.report.text_table import table
from hwmodel.results.sweep_table import DONE, FAILED, SweepResult, SweepRow, cell

GBPS, LATENCY, LIMIT = "totals.gbps", "latency_ns.p99", "bottleneck.resource"
WARNINGS, LOW, HIGH = "warnings", f"intervals.{GBPS}.low", f"intervals.{GBPS}.high"
SWEEP_SUMMARY_FIGURES = (GBPS, LATENCY, LIMIT, WARNINGS, LOW, HIGH)
_MOST_ROWS, _MOST_FAILURES = 24, 8
_COLUMNS = (("Gb/s", GBPS), ("p99 us", LATENCY), ("limited by", LIMIT))


def sweep_text(sweep: SweepResult, files: Sequence[str], wall_s: float, n_run: int) -> str:
    """Return the summary: counts, best points, a table of a small sweep, failures with reasons, where the files are."""
    lines = [_counts(sweep, wall_s, n_run), *_best(sweep)]
    if len(sweep.rows) <= _MOST_ROWS:
        lines += ["", *_table(sweep)]
    return "\n".join([*lines, *_failures(sweep), "", f"Results: {', '.join(files)}"])


def _counts(sweep: SweepResult, wall_s: float, n_run: int) -> str:
    n_failed = len(sweep.with_status(FAILED))
    n_done = len(sweep.with_status(DONE))
    failed = f", {n_failed:,} failed" if n_failed else ""
    now = f"{n_run:,} of them now, in {wall_s:.1f} s" if n_run else "nothing was missing"
    return f"{sweep.name}: {n_done:,} of {len(sweep.rows):,} runs done{failed}; {now}"


def _best(sweep: SweepResult) -> Iterator[str]:
    """Yield the point with most throughput and that with least latency, by the mean over its seeds."""
    groups: dict[str, list[SweepRow]] = {}
    for row in sweep.with_status(DONE):
        groups.setdefault(repr({**row.axes, "run.seed": None} if sweep.n_seeds > 1 else row.axes), []).append(row)
    words: tuple[tuple[str, str, Callable[[float], str], Callable[..., list[SweepRow]]], ...] = (
        ("Most throughput", GBPS, lambda value: f"{value:,.2f}", max),
        ("Least latency", LATENCY, lambda value: f"p99 {value / 1e3:,.2f} us", min),
    )
    for what, name, shown, best in words:
        known = [rows for rows in groups.values() if mean_of(rows, name) is not None]
        if known:
            rows = best(known, key=lambda rows: mean_of(rows, name) or 0.0)
            known_to = f"{_half_interval(rows)} Gb/s" if name == GBPS else ""
            figure = f"{shown(mean_of(rows, name) or 0.0)}{known_to}"
            yield f"{what}: {figure} with {_point(rows[0])}; limited by {_limits(rows)}"
    if len(groups) > 1:
        yield f"Limited by: {_limits(sweep.with_status(DONE), with_numbers=True)}"
    warned = [row for row in sweep.with_status(DONE) if row.figures.get(WARNINGS)]
    if warned:
        first = f"{_point(warned[0])}: {warned[0].figures[WARNINGS]}"
        yield f"{len(warned):,} run{'s have' if len(warned) > 1 else ' has'} warnings, in the column warnings; {first}"


def _half_interval(rows: Sequence[SweepRow]) -> str:
    """Return half the 95 % interval of a point's throughput; nothing where there is none."""
    found = estimate_of(rows, GBPS)
    if found is None or found.interval is None:
        return ""
    low, high = found.interval
    return f" +/- {(high - low) / 2:.2f}"


def _limits(rows: Sequence[SweepRow], with_numbers: bool = False) -> str:
    found = Counter(str(row.figures.get(LIMIT)) for row in rows)
    return ", ".join(f"{name} in {n:,} run{'s' * (n > 1)}" if with_numbers else name for name, n in found.most_common())


def _point(row: SweepRow) -> str:
    return ", ".join(f"{key}={cell(value)}" for key, value in row.axes.items()) or f"seed {row.seed}"


def _table(sweep: SweepResult) -> list[str]:
    keys = [axis.key for axis in sweep.axes]
    seeds = ["seed"] if sweep.n_seeds > 1 or not keys else []
    header = [*keys, *seeds, *(title for title, _ in _COLUMNS)]
    rows = []
    for row in sweep.rows:
        point = [_cell(row.axes[key]) for key in keys] + ([str(row.seed)] if seeds else [])
        point += [_figure(row.figures, name) for _, name in _COLUMNS] if row.figures else [row.status]
        rows.append(point + [""] * (len(header) - len(point)))
    return [line.text for line in table(header, rows, left_columns=[len(header) - 1])]


def _cell(value: object) -> str:
    text = "null" if value is None else str(cell(value))
    return text if len(text) <= 30 else text[:27] + "..."


def _figure(figures: Mapping[str, object], name: str) -> str:
    value = figures.get(name)
    if isinstance(value, int | float):
        return f"{value / 1e3:,.2f}" if name == LATENCY else f"{value:,.3f}"
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
