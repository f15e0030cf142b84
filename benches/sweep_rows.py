"""The rows that pages are made from: points of shipped sweeps, kept beside the page as CSV, a sample of them run again.

A page is a function of its CSV alone, so whether a page is current has two parts: the page is what its CSV gives, and
points that are run again have the figures of the CSV, digit for digit (a run depends on configuration and seed alone).
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from math import gcd
from pathlib import Path
from typing import Any

from hwmodel.config import Config
from hwmodel.explore.sweep import sweep
from hwmodel.explore.sweep.plan import Plan, plan_sweep
from hwmodel.explore.sweep.point_run import PointRun, Task

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT / "docs" / "studies"
THROUGHPUT = (
    "totals.gbps",
    "intervals.totals.gbps.low",
    "intervals.totals.gbps.high",
    "closed_form.gbps",
    "closed_form.limited_by",
    "bottleneck.resource",
)
Note = Callable[[float, str], None]


@dataclass(frozen=True)
class Row:
    """Hold a point of a sweep: its number there, its axes, its figures."""

    number: int
    axes: dict[str, Any]
    figures: dict[str, Any]

    def __getitem__(self, name: str) -> Any:
        """Return a figure or the value of an axis."""
        return self.axes[name] if name in self.axes else self.figures[name]


@cache
def plan_of(name: str) -> Plan:
    """Read the shipped sweep of that name."""
    return plan_sweep(name)


def config_of(name: str, number: int) -> Config:
    """Return the configuration of a point."""
    plan = plan_of(name)
    return plan.base.with_changes(plan.changes_of(number))


def run_all(name: str, figures: Sequence[str], jobs: int | None, progress: Note | None = None) -> list[Row]:
    """Run all points; keep these figures. RuntimeError where a run fails."""
    found = sweep(name, jobs=jobs, progress=progress)
    failed = [row for row in found.rows if row.status != "done"]
    if failed:
        raise RuntimeError(f"{name}: {len(failed)} runs failed, {dict(failed[0].axes)}: {failed[0].error}")
    return [Row(row.number, dict(row.axes), {key: row.figures.get(key) for key in figures}) for row in found.rows]


def run_some(name: str, figures: Sequence[str], numbers: Iterable[int]) -> list[Row]:
    """Run these points in this process; RuntimeError where a run fails."""
    plan = plan_of(name)
    run = PointRun(plan.base)
    keys = [axis.key for axis in plan.sweep.axes]
    rows = []
    for number in numbers:
        outcome = run(Task(number, plan.changes_of(number)))
        if outcome.error:
            raise RuntimeError(f"{name}: run {number} failed: {outcome.error}")
        found = json.loads(outcome.figures)
        axes = dict(zip(keys, plan.points.values(number), strict=True))
        rows.append(Row(number, axes, {key: found.get(key) for key in figures}))
    return rows


def write_rows(name: str, rows: Sequence[Row]) -> Path:
    """Write the rows as CSV: the number, the axes, the figures; every number with all its digits."""
    path = DATA / f"{name}.csv"
    path.parent.mkdir(exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["number", *rows[0].axes, *rows[0].figures])
        writer.writerows([row.number, *map(_text, [*row.axes.values(), *row.figures.values()])] for row in rows)
    return path


def read_rows(name: str) -> list[Row]:
    """Read what `write_rows` wrote."""
    keys = {axis.key for axis in plan_of(name).sweep.axes}
    with (DATA / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        lines = [{key: _value(text) for key, text in line.items()} for line in csv.DictReader(file)]
    return [
        Row(
            line.pop("number"),
            {key: value for key, value in line.items() if key in keys},
            {key: value for key, value in line.items() if key not in keys},
        )
        for line in lines
    ]


def stale_rows(name: str, numbers: Iterable[int]) -> list[str]:
    """Run points again; return a line for each that is not what the CSV holds."""
    kept = read_rows(name)
    plan = plan_of(name)
    if [row.number for row in kept] != list(range(len(plan.points))):
        return [f"{name}: the CSV has {len(kept)} rows for {len(plan.points)} points"]
    found = []
    for row in run_some(name, list(kept[0].figures), numbers):
        for key, value in [*row.axes.items(), *row.figures.items()]:
            if value != kept[row.number][key]:
                found.append(f"{name}: run {row.number}: {key} is {value}, not {kept[row.number][key]}")
    return found


def spread_numbers(n_rows: int, n_wanted: int) -> list[int]:
    """Return some numbers of rows in steps; step and number of rows have no factor in common, so that axes are met."""
    step = max(1, n_rows // n_wanted)
    while gcd(step, n_rows) > 1:
        step += 1
    return list(range(0, n_rows, step))


def _text(value: Any) -> str:
    return value if isinstance(value, str) else "" if value is None else json.dumps(value, separators=(",", ":"))


def _value(text: str) -> Any:
    if text == "":
        return None
    try:
        return json.loads(text)
    except ValueError:
        return text
