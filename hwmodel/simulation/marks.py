"""Marks on the way through the window: what has been counted since its start, for intervals and for steadiness.

What all marks of a window say: an array for each figure, worked out of many copies of the state at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from hwmodel.compiled.records import offset_of
from hwmodel.machine.counts.ledger_state import HISTOGRAM_BUCKETS, LATENCY_COUNTS
from hwmodel.results import filled_columns
from hwmodel.simulation.counts import (
    GAUGE_WORDS,
    LATENCY_PLACES,
    N_WORDS,
    SERVER_COUNTS,
    Counts,
    areas_in,
    latencies_in,
    of_ports,
)
from hwmodel.simulation.flow_marks import FlowCopies, FlowMarks, FlowSums
from hwmodel.simulation.histogram_rows import HistogramRows, RowCopies
from hwmodel.simulation.measurement import counts_of, link_ahead_fs
from hwmodel.simulation.whole import Whole

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


COUNTED = ("delivered_bytes", "vm_copies", "delivered_to_wire", "delivered", "offered")
MOMENT = ("now_fs", "up_ahead_fs", "down_ahead_fs")
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class MarkTable:
    """Hold what the marks say: sums since the start of the run, levels as they are.

    `figures`: by name an array with an entry a mark, or with a row a mark where a figure is of each function or port:
    "now_fs", the names of COUNTED, "mac.tx_bytes", "mac.rx_bytes", "outside_bytes", "up.busy_fs", "down.busy_fs",
    "sent_bytes" by function, "received_bytes" and "received_frames" by port number, and of each latency
    "delivery.n" and "delivery.sum_fs", of each buffer "tx_ring.area". `histograms`: a row of counts for each mark,
    by the names of LATENCY_PLACES.
    """

    figures: Mapping[str, npt.NDArray[Any]]
    histograms: Mapping[str, HistogramRows]

    def __getitem__(self, name: str) -> Floats:
        return self.figures[name].astype(np.float64)

    def __len__(self) -> int:
        return len(self.figures["now_fs"])

    def every_second(self) -> MarkTable:
        """Return what the first mark, the third and so on say."""
        return MarkTable(
            {name: column[::2] for name, column in self.figures.items()},
            {name: rows.every_second() for name, rows in self.histograms.items()},
        )

    def followed_by(self, later: MarkTable) -> MarkTable:
        """Return a table of these marks and of later ones."""
        return MarkTable(
            {name: np.concatenate((column, later.figures[name])) for name, column in self.figures.items()},
            {name: rows.followed_by(later.histograms[name]) for name, rows in self.histograms.items()},
        )

    def slices(self) -> dict[str, Floats]:
        """Return throughput, latency and each buffer's mean depth between marks, by the warm-up's names."""
        passed = np.maximum(1.0, np.diff(self["now_fs"]))
        taken, sums = np.diff(self["to_guest.n"]), np.diff(self["to_guest.sum_fs"])
        has_some = taken > 0
        return {
            "rate": np.diff(self["delivered"]) / passed,
            "latency": sums[has_some] / taken[has_some],
            **{name: np.diff(self[f"{name}.area"]) / passed for name in GAUGE_WORDS},
        }


class MarkCopies:
    """Copy what marks are made of, mark by mark: the counts of a server, what its functions sent, its flows."""

    def __init__(self, nic: Any, book: FlowBook, most_words: int, most_rows: int) -> None:
        self._nic, self._counts = nic, Counts(nic)
        self._functions = nic["ledger"]["function"][: int(nic.params.n_functions)]
        several = nic.flows_of_each if isinstance(nic, Whole) else ()
        n_functions = len(self._functions)
        self._flows: FlowMarks = (
            FlowSums(several, book, n_functions) if several else FlowCopies(nic["ledger"], book, n_functions)
        )
        n_words = N_WORDS + n_functions + self._flows.n_words
        self.n_rows = max(1, min(most_rows, most_words // n_words))
        self._flows.make_room(self.n_rows)
        self._moments = np.empty((self.n_rows, len(MOMENT)), np.int64)
        self._rows = np.empty((self.n_rows, N_WORDS), np.int64)
        self._sent = np.empty((self.n_rows, len(self._functions)), np.int64)
        # The same memory by fields; views are made once, since each takes as long as a mark.
        self._by_field = self._rows.view(SERVER_COUNTS)[:, 0]
        self._extremes = {
            name: (one["n"], one["lowest_fs"], one["highest_fs"]) for name, one in latencies_in(self._by_field).items()
        }

    def copy(self, row: int) -> int:
        """Copy what stands there now into a row; return what time it is."""
        nic = self._nic
        now_fs = int(nic.clock.now_fs)
        self._moments[row] = now_fs, link_ahead_fs(nic.pcie[0].up, now_fs), link_ahead_fs(nic.pcie[0].down, now_fs)
        self._counts.copy_into(self._rows[row])
        self._sent[row] = self._functions["read_bytes"]
        self._flows.mark(row)
        return now_fs

    def extremes(self, row: int) -> dict[str, tuple[int, int, int]]:
        """Return of each latency how many samples there are (of deliveries: flows), the lowest and the highest."""
        own = {name: (int(n[row]), int(low[row]), int(high[row])) for name, (n, low, high) in self._extremes.items()}
        return {"delivery": self._flows.extremes(row), **own}

    def figures(self, n: int) -> dict[str, npt.NDArray[Any]]:
        """Return what the first n rows say, by the names of a `MarkTable`."""
        now_fs, up_ahead_fs, down_ahead_fs = self._moments[:n].T.copy()
        counts = self._by_field[:n].copy()
        ledger, macs = counts["ledger"], counts["mac"]
        found = {
            "now_fs": now_fs,
            **{name: ledger[name] for name in COUNTED},
            "mac.tx_bytes": of_ports(macs, "tx_bytes"),
            "mac.rx_bytes": of_ports(macs, "rx_bytes"),
            "up.busy_fs": counts["up"]["busy_fs"] - up_ahead_fs,
            "down.busy_fs": counts["down"]["busy_fs"] - down_ahead_fs,
            **{f"{name}.area": area for name, area in areas_in(counts, now_fs).items()},
            "sent_bytes": self._sent[:n].copy(),
            **self._flows.figures(n),
        }
        own = ((name, one, each) for name, one in latencies_in(counts).items() for each in ("n", "sum_fs"))
        return found | {f"{name}.{each}": one[each] for name, one, each in own}
