"""What a latency's histogram counted up to each mark: a row a mark, of the columns that were filled by then."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Counts = npt.NDArray[np.int32]
Ints = npt.NDArray[np.int64]
Row = tuple[int, Counts]  # the first column, and the counts from there on
ROWS_AT_ONCE = 32


class _Piece(NamedTuple):
    """Hold rows of the same columns, from `first` on."""

    first: int
    counts: Counts


class HistogramRows:
    """Hold a histogram's rows; columns that a row has not are empty."""

    def __init__(self, pieces: Sequence[tuple[int, Counts]]) -> None:
        self._pieces = [_Piece(first, counts) for first, counts in pieces if len(counts)]

    @classmethod
    def of(cls, rows: Sequence[Row]) -> HistogramRows:
        """Take rows one by one."""
        return cls([(first, counts[None, :]) for first, counts in rows])

    def __len__(self) -> int:
        return sum(len(piece.counts) for piece in self._pieces)

    def __getitem__(self, number: int) -> Row:
        """Return a row, counted from the end where the number is negative."""
        at = range(len(self))[number]
        for first, counts in self._pieces:
            if at < len(counts):
                return first, counts[at]
            at -= len(counts)
        raise IndexError(number)

    def every_second(self) -> HistogramRows:
        """Return the first row, the third and so on."""
        found, skipped = [], 0
        for first, counts in self._pieces:
            found.append((first, counts[skipped::2].copy()))  # so that the others' memory is free
            skipped = (skipped + len(counts)) % 2
        return HistogramRows(found)

    def followed_by(self, later: HistogramRows) -> HistogramRows:
        """Return these rows and later ones."""
        return HistogramRows([*self._pieces, *later._pieces])

    def n_below(self, columns: Sequence[int]) -> Ints:
        """Return for each column how many samples lie below it: a row each, with an entry a mark."""
        first, counts = self._joined
        n_columns = counts.shape[1]
        ends = [min(max(column - first, 0), n_columns) for column in columns]
        # `reduceat` adds up from each place to the next, but gives what stands there where the next is no further.
        inside = sorted({end for end in ends if end})
        below = np.zeros((len(inside) + 1, len(counts)), np.int64)
        if inside:
            starts = [0, *(end for end in inside if end < n_columns)]
            sums = np.add.reduceat(counts, starts, axis=1, dtype=np.int64)
            sums.T[: len(inside)].cumsum(axis=0, out=below[1:])
        places = {end: place for place, end in enumerate(inside, start=1)}
        return below.take([places.get(end, 0) for end in ends], axis=0)

    def totals(self) -> tuple[int, Ints]:
        """Return what was counted between the first row and the last: a column, and cumulative counts from there on."""
        first, counts = self._joined
        return first, (counts[-1] - counts[0]).cumsum(dtype=np.int64)

    @cached_property
    def _joined(self) -> _Piece:
        """Return all rows with the columns that any of them has."""
        if len(self._pieces) == 1:
            return self._pieces[0]
        ends = [(first, first + counts.shape[1]) for first, counts in self._pieces if counts.shape[1]]
        start, end = min((first for first, _ in ends), default=0), max((last for _, last in ends), default=0)
        found, at = np.zeros((len(self), end - start), np.int32), 0
        for first, counts in self._pieces:
            found[at : at + len(counts), first - start : first - start + counts.shape[1]] = counts
            at += len(counts)
        return _Piece(start, found)


class RowCopies:
    """Copy the filled columns of histograms that stand side by side, mark by mark.

    `source`: of each column a number that is made of counts of 32 bits, one for each histogram; they are copied
    together, since between two columns lies what takes longer to pass over than to copy. `lanes`: which of these counts
    are asked for.
    """

    def __init__(self, source: npt.NDArray[Any], lanes: Sequence[int] = (0,)) -> None:
        self._source, self._filled = source, source[:0]
        self._lanes = lanes
        self._first = 0
        self._pieces: list[tuple[int, npt.NDArray[Any]]] = []
        self._rows = np.empty((0, 0), source.dtype)
        self._n_rows = 0

    def reach(self, columns: slice) -> None:
        """Copy these columns too from the next mark on."""
        self._close_piece()
        start, end = self._first, self._first + len(self._filled)
        if start < end:
            columns = slice(min(start, columns.start), max(end, columns.stop))
        self._first, self._filled = columns.start, self._source[columns]

    def copy(self) -> None:
        """Copy a row."""
        if self._n_rows == len(self._rows):
            self._close_piece()
            self._rows = np.empty((ROWS_AT_ONCE, len(self._filled)), self._source.dtype)
        self._rows[self._n_rows] = self._filled
        self._n_rows += 1

    def take(self) -> list[HistogramRows]:
        """Return the rows since the last time, of each lane that is asked for."""
        self._close_piece()
        pieces = [(first, rows.view(np.int32).reshape(*rows.shape, rows.itemsize // 4)) for first, rows in self._pieces]
        self._pieces = []
        return [HistogramRows([(first, counts[:, :, lane]) for first, counts in pieces]) for lane in self._lanes]

    def _close_piece(self) -> None:
        if self._n_rows:
            self._pieces.append((self._first, self._rows[: self._n_rows]))
        self._rows, self._n_rows = self._rows[:0], 0
