"""What a study is: a shipped sweep whose figure is looked at by one axis, in one line for each value of another."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benches.markdown import with_interval
from benches.sweep_rows import THROUGHPUT, Row
from hwmodel.units import FS_PER_NS, parse_bytes, parse_time_fs

GBPS = "totals.gbps"
NEAR = 0.95  # a knee: from here on less than 5 % are to be had


@dataclass(frozen=True)
class Metric:
    """A figure to look at: how it is read from a row, its name and unit, its decimals, how its scale is drawn."""

    read: Callable[[Row], float]
    words: str
    unit: str
    decimals: int = 3
    interval: str = ""
    closed: Callable[[Row], float] | None = None
    is_log: bool = False

    def cell(self, row: Row) -> str:
        """Write the figure with its interval, and in brackets the closed form."""
        if self.interval:
            low, high = (row[f"intervals.{self.interval}.{end}"] for end in ("low", "high"))
            text = with_interval(self.read(row), low, high, self.decimals)
        else:
            text = f"{self.read(row):.{self.decimals}f}"
        return text if self.closed is None else f"{text} ({self.closed(row):.{self.decimals}f})"


THROUGHPUT_METRIC = Metric(
    lambda row: float(row[GBPS]), "throughput", "Gb/s", 2, GBPS, lambda row: float(row["closed_form.gbps"])
)


@dataclass(frozen=True)
class Study:
    """Name a study, its axes with their labels, its figure, what it found and what its reader should know.

    `found`: from the rows to the sentence; `by_hand`: to the sentences that redo a figure with a pocket calculator.
    """

    name: str
    title: str
    x: str
    x_label: str
    lines: str | tuple[str, ...]
    line_label: str
    found: Callable[[Sequence[Row]], str]
    about: str
    by_hand: Callable[[Sequence[Row]], str] = lambda rows: ""
    metric: Metric = THROUGHPUT_METRIC
    figures: tuple[str, ...] = THROUGHPUT
    tables: Callable[[Sequence[Row]], Sequence[str]] | None = None
    x_is_log: bool = True
    says_what_limits: bool = True
    more_metrics: Mapping[str, Metric] | None = None


def number(value: Any) -> float:
    """Return an axis's value as a number, in the unit in which it is drawn: 256B 256, 1us 1000, 50% of ceiling 50."""
    if not isinstance(value, str):
        return float(value)
    if value.endswith("% of ceiling"):
        return float(value.removesuffix("% of ceiling"))
    return float(parse_bytes(value)) if value.endswith("B") else parse_time_fs(value) / FS_PER_NS


def line_of(row: Row, study: Study) -> Any:
    """Return what line a row is of: an axis's value, or the values of several as words."""
    if isinstance(study.lines, str):
        return row[study.lines]
    return ", ".join(f"{row[key]:,} B" if key.endswith("_bytes") else str(row[key]) for key in study.lines)


def by_line(rows: Sequence[Row], study: Study) -> dict[Any, list[Row]]:
    """Return the rows of each line, in the order of x."""
    found: dict[Any, list[Row]] = {}
    for row in rows:
        found.setdefault(line_of(row, study), []).append(row)
    return {line: sorted(of_line, key=lambda row: number(row[study.x])) for line, of_line in found.items()}


def knee(xs: Sequence[float], ys: Sequence[float], share: float = NEAR) -> float:
    """Return the least x from which on every y is at least that share of the greatest."""
    wanted = share * max(ys)
    at = len(ys)
    while at and ys[at - 1] >= wanted:
        at -= 1
    return xs[min(at, len(xs) - 1)]


def listed(words: Sequence[str]) -> str:
    """Join words as a sentence does: a, b and c."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def plain(value: float) -> str:
    """Write a number without needless digits."""
    return f"{value:,.6g}" if value < 1e6 else f"{value:,.0f}"
