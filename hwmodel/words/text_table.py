"""Lines of the terminal's summary, and tables of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

MOST_ROWS = 16
_INDENT = "  "


class Line(NamedTuple):
    """One line of the summary and how it looks on a terminal: `answer`, `warning`, `heading` or `plain`."""

    text: str
    look: str = "plain"


def table(header: Sequence[str], rows: Sequence[Sequence[str]], left_columns: Sequence[int] = (0,)) -> Iterable[Line]:
    """Lay rows out in columns as wide as their widest cell, numbers to the right."""
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    for index, row in enumerate((header, *rows)):
        cells = (
            cell.ljust(width) if column in left_columns else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        yield Line(_INDENT.join(cells).rstrip(), "plain" if index else "heading")
