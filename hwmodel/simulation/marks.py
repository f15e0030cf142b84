"""Marks on the way through the window: what has been counted since its start, for intervals and for steadiness."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from hwmodel.compiled.records import offset_of
from hwmodel.machine.counts.ledger_state import HISTOGRAM_BUCKETS, LATENCY_COUNTS
from hwmodel.results import filled_columns
from hwmodel.simulation.counts import LATENCY_PLACES
from hwmodel.simulation.histogram_rows import RowCopies
from hwmodel.simulation.mark_table import MarkCopies, MarkTable
from hwmodel.simulation.measurement import counts_of

if TYPE_CHECKING:
    from hwmodel.simulation.flow_book import FlowBook

# Of latencies by bucket, those that lie near one another are copied together.
GROUPS = (("delivery", "from_doorbell", "to_guest"), ("sender_wait",), ("mac.wait",))
_GROUP_OF = {name: number for number, group in enumerate(GROUPS) for name in group}
COUNT_FIELDS = tuple(name for name in LATENCY_COUNTS.names or () if name.startswith("n_"))
MOST_MARKS = 160  # of more, every second is left out
MOST_WORDS = 1 << 21  # that wait to be worked out: there may be half a million flows, of ten words each


class Marks:
    """Collect the marks of one run, as many as are useful however long it lasts.

    A mark copies counts as they are. What they say is worked out for many marks at once, at the end.
    """

    def __init__(self, nic: Any, book: FlowBook, outside_bytes: Callable[[], int] = lambda: 0) -> None:
        self.stride = 1
        self.n_asked = 0
        self.n_found = 0
        self._clock = nic.clock
        self._outside_bytes = outside_bytes
        self._histograms = [RowCopies(*_counts_in(nic["ledger"], group)) for group in GROUPS]
        self._reaches = dict.fromkeys(
            LATENCY_PLACES, (0, 0)
        )  # between which samples are in the columns that are copied
        self._table: MarkTable | None = None  # of all marks but those that follow
        self._copies = MarkCopies(nic, book, MOST_WORDS, MOST_MARKS)
        self._outside = np.zeros(self._copies.n_rows, np.int64)
        self._n_copied = 0
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
        if self._last_fs < int(self._clock.now_fs):
            self._mark()

    def table(self) -> MarkTable:
        """Return what all marks say."""
        n = self._n_copied
        if n:
            figures = self._copies.figures(n)
            figures["outside_bytes"] = self._outside[:n].copy()
            rows = (of_one for each in self._histograms for of_one in each.take())
            found = MarkTable(figures, dict(zip((name for group in GROUPS for name in group), rows, strict=True)))
            self._table = found if self._table is None else self._table.followed_by(found)
            self._n_copied = 0
        assert self._table is not None, "there is no mark"
        return self._table

    def _mark(self) -> None:
        n = self._n_copied
        self._last_fs = self._copies.copy(n)
        self._widen(self._copies.extremes(n))
        for each in self._histograms:
            each.copy()
        self._outside[n] = self._outside_bytes()
        self.n_found += 1
        self._n_copied = n + 1
        if self._n_copied == self._copies.n_rows:
            self.table()

    def _widen(self, extremes: Mapping[str, tuple[int, int, int]]) -> None:
        """Copy as many columns as there are samples in, or a little further."""
        for name, (n_samples, lowest_fs, highest_fs) in extremes.items():
            from_fs, to_fs = self._reaches[name]
            if n_samples and (lowest_fs < from_fs or highest_fs >= to_fs):
                # Under a load that saturates, most samples are the longest yet: half as much more is room for many.
                from_fs, to_fs = lowest_fs - lowest_fs // 4, highest_fs + highest_fs // 2 + 1
                self._reaches[name] = from_fs, to_fs
                columns = filled_columns(from_fs, to_fs, HISTOGRAM_BUCKETS)
                self._histograms[_GROUP_OF[name]].reach(columns)


def _counts_in(ledger: Any, group: tuple[str, ...]) -> tuple[npt.NDArray[Any], list[int]]:
    """Return where the counts of a group of latencies stand, and which of those that stand there are theirs."""
    if len(group) == 1:
        return counts_of(ledger, group[0]), [0]
    buckets, first = ledger["latency_counts"], offset_of(LATENCY_COUNTS, COUNT_FIELDS[0])
    # Sixteen bytes each, which numpy moves as it finds them.
    counts = np.ndarray(len(buckets), np.complex128, buckets, first, buckets.strides)
    return counts, [COUNT_FIELDS.index(f"n_{name}") for name in group]
