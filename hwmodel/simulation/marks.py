"""Marks on the way through the window: what has been counted since its start, for intervals and for steadiness."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from hwmodel.kernels import layout
from hwmodel.results import filled_columns
from hwmodel.simulation.mark_table import MarkProbe, MarkTable, Row
from hwmodel.simulation.measurement import LATENCIES, counts_of

if TYPE_CHECKING:
    from hwmodel.simulation.flow_book import FlowBook

MOST_MARKS = 160  # of more, every second is left out
MOST_WORDS = 1 << 20  # that wait to be worked out: there may be half a million flows, of six words each
NOTHING: Row = (0, np.zeros(0, np.int32))


class Marks:
    """Collect the marks of one run, as many as are useful however long it lasts.

    A mark copies words of the state as they are. What they say is worked out for many marks at once, at the end.
    """

    def __init__(self, nic: Any, book: FlowBook, outside_bytes: Callable[[], int] = lambda: 0) -> None:
        self.nic = nic
        self.outside_bytes = outside_bytes
        self.stride = 1
        self.n_asked = 0
        self.n_found = 0
        self._probe = MarkProbe(nic, book)
        self._histograms = [_Histogram(counts_of(nic["ledger"], name)) for name in LATENCIES]
        self._table: MarkTable | None = None  # of all marks but those that follow
        self._copied: list[npt.NDArray[np.int64]] = []
        self._rows: list[list[Row]] = []
        self._outside: list[int] = []
        self._last_fs = -1

    def add(self) -> None:
        """Mark this moment, unless so many are there that only every second or fourth is kept."""
        if self.n_asked % self.stride == 0:
            self._mark()
        self.n_asked += 1
        if self.n_found > MOST_MARKS:
            self._table = self.table().every_second()
            self.n_found = len(self._table)
            self.stride *= 2

    def close(self) -> None:
        """Mark the end of the window."""
        if self._last_fs < int(self.nic.clock.now_fs):
            self._mark()

    def table(self) -> MarkTable:
        """Return what all marks say."""
        if self._copied:
            figures = self._probe.figures(np.stack(self._copied))
            figures["outside_bytes"] = np.array(self._outside, np.int64)
            found = MarkTable(figures, dict(zip(LATENCIES, zip(*self._rows, strict=True), strict=True)))
            self._table = found if self._table is None else self._table.followed_by(found)
            self._copied, self._rows, self._outside = [], [], []
        assert self._table is not None, "there is no mark"
        return self._table

    def _mark(self) -> None:
        words = self._probe.copy()
        extremes = self._probe.extremes(words)
        self._copied.append(words)
        self._rows.append([each.copy(*of_it) for each, of_it in zip(self._histograms, extremes, strict=True)])
        self._outside.append(self.outside_bytes())
        self._last_fs = int(self.nic.clock.now_fs)
        self.n_found += 1
        if len(self._copied) * len(words) > MOST_WORDS:
            self.table()


class _Histogram:
    """Copy what a latency's histogram counts, as far as it is filled, or a little further."""

    def __init__(self, counts: npt.NDArray[np.int32]) -> None:
        self._counts = counts
        self._lowest_fs = self._highest_fs = 0  # between which samples are in the columns
        self._columns = slice(0, 0)

    def copy(self, n_samples: int, lowest_fs: int, highest_fs: int) -> Row:
        """Return the columns that samples between two times can be in; none where there are no samples."""
        if not n_samples:
            return NOTHING
        if lowest_fs < self._lowest_fs or highest_fs >= self._highest_fs:
            # Under a load that saturates, most samples are the longest yet: a quarter more is room for many.
            self._lowest_fs, self._highest_fs = lowest_fs - lowest_fs // 4, highest_fs + highest_fs // 4 + 1
            self._columns = filled_columns(self._lowest_fs, self._highest_fs, layout.HISTOGRAM_BUCKETS)
        return self._columns.start, self._counts[self._columns].copy()
