"""What a latency's histogram counted up to each mark: a row a mark, of the columns that were filled by then."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Counts = npt.NDArray[np.int32]
Ints = npt.NDArray[np.int64]
Row = tuple[int, Counts]  # the first column, and the counts from there on
ROWS_AT_ONCE = 16


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
        """Return for each column, which rise, how many samples lie below it: a row each, with an entry a mark."""
        return np.concatenate([_n_below(piece, columns) for piece in self._pieces], axis=1)

    def n_samples(self) -> Ints:
        """Return how many samples each row has."""
        return np.concatenate([counts.sum(axis=1, dtype=np.int64) for _, counts in self._pieces])

    def totals(self) -> tuple[int, Ints]:
        """Return what was counted between the first row and the last: a column, and cumulative counts from there on."""
        first, counts = self[-1]
        first_before, counts_before = self[0]  # what was filled before is filled behind too
        found = counts.astype(np.int64)
        at = first_before - first
        found[at : at + len(counts_before)] -= counts_before
        return first, found.cumsum()


def _n_below(piece: _Piece, columns: Sequence[int]) -> Ints:
    n_columns = piece.counts.shape[1]
    ends = [min(max(column - piece.first, 0), n_columns) for column in columns]
    found = np.zeros((len(columns), len(piece.counts)), np.int64)
    # `reduceat` adds up from each place to the next, but gives what stands there where the next is no further.
    inside = sorted({end for end in ends if end})
    if not inside:
        return found
    starts = [0, *(end for end in inside if end < n_columns)]
    below = np.add.reduceat(piece.counts, starts, axis=1, dtype=np.int64).cumsum(axis=1).T
    for row, end in zip(found, ends, strict=True):
        if end:
            row[:] = below[inside.index(end)]
    return found


class RowCopies:
    """Copy a histogram's filled columns, mark by mark."""

    def __init__(self, counts: Counts) -> None:
        self._counts = counts
        self._first = 0
        self._source = counts[:0]
        self._pieces: list[tuple[int, Counts]] = []
        self._rows: Counts = np.empty((0, 0), np.int32)
        self._n_rows = 0

    def reach(self, columns: slice) -> None:
        """Copy these columns from the next mark on, which hold all that were copied before."""
        self._close_piece()
        self._first, self._source = columns.start, self._counts[columns]

    def copy(self) -> None:
        """Copy a row."""
        if self._n_rows == len(self._rows):
            self._close_piece()
            self._rows = np.empty((ROWS_AT_ONCE, len(self._source)), np.int32)
        self._rows[self._n_rows] = self._source
        self._n_rows += 1

    def take(self) -> HistogramRows:
        """Return the rows since the last time."""
        self._close_piece()
        found = HistogramRows(self._pieces)
        self._pieces = []
        return found

    def _close_piece(self) -> None:
        if self._n_rows:
            self._pieces.append((self._first, self._rows[: self._n_rows]))
        self._rows, self._n_rows = self._rows[:0], 0
