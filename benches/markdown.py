"""Tables and figures as the pages in docs/ hold them."""

from __future__ import annotations

from collections.abc import Sequence


def markdown_table(heads: Sequence[str], rows: Sequence[Sequence[str]], *, n_left: int = 1) -> list[str]:
    """Lay out a table: the first `n_left` columns to the left, the others to the right. Raises ValueError if ragged."""
    marks = [":---" if number < n_left else "---:" for number in range(len(heads))]
    for row in rows:
        if len(row) != len(heads):
            raise ValueError(f"a row of {len(row)} cells under {len(heads)} heads: {row}")
    return [_line(heads), _line(marks), *map(_line, rows)]


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def half_width(low: float | None, high: float | None) -> float | None:
    """Return half of an interval, None where it is not known."""
    return None if low is None or high is None else (high - low) / 2


def with_interval(value: float, low: float | None, high: float | None, decimals: int = 3) -> str:
    """Write a figure with half its 95 % interval, like 13.391 ± 0.003; without where it is not known."""
    half, shown = half_width(low, high), f"{value:.{decimals}f}"
    if half is None:
        return shown
    least = 10.0**-decimals
    return f"{shown} ± <{least:.{decimals}f}" if half < least / 2 else f"{shown} ± {half:.{decimals}f}"


def size_text(n_bytes: int) -> str:
    """Write a frame's size with its unit."""
    return f"{n_bytes:,} B"
