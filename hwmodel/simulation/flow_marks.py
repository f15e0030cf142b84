"""What marks hold of flows: of one ledger copies, worked out at the end; of several what their flows are together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from hwmodel.compiled.records import NEVER
from hwmodel.machine.counts.flow_state import MARKED, mark_flows
from hwmodel.machine.counts.ledger_state import FLOW
from hwmodel.simulation.counts import Ints

if TYPE_CHECKING:
    from hwmodel.simulation.flow_book import FlowBook

Floats = npt.NDArray[np.float64]


class FlowMarks(Protocol):
    """Keep what flows have counted, mark by mark, in rows."""

    n_words: int  # of a mark

    def make_room(self, n_rows: int) -> None:
        """Have room for so many marks."""

    def mark(self, row: int) -> None:
        """Note what flows have counted by now."""

    def extremes(self, row: int) -> tuple[int, int, int]:
        """Return how many flows have latencies at a mark, the lowest latency and the highest."""

    def figures(self, n: int) -> dict[str, npt.NDArray[Any]]:
        """Return what the first n rows say, by the names of a `MarkTable`."""


class FlowCopies:
    """Copy the flows of one ledger as they are."""

    def __init__(self, ledger: Any, book: FlowBook, n_functions: int) -> None:
        self._book, self._n_functions = book, n_functions
        self._flows = ledger["flow"][: book.n_counted].view(np.int64)
        self.n_words = len(self._flows)

    def make_room(self, n_rows: int) -> None:
        """Have room for so many marks."""
        self._rows = np.empty((n_rows, self.n_words), np.int64)
        self._by_field = self._rows.view(FLOW)  # made once, since it takes as long as a mark
        latencies = self._by_field["latency"]
        self._extremes = latencies["n"], latencies["lowest_fs"], latencies["highest_fs"]

    def mark(self, row: int) -> None:
        """Copy the flows."""
        self._rows[row] = self._flows

    def extremes(self, row: int) -> tuple[int, int, int]:
        """Return how many flows have latencies at a mark, the lowest latency and the highest."""
        n, lowest_fs, highest_fs = (each[row] for each in self._extremes)
        (with_some,) = n.nonzero()
        return (len(with_some), int(lowest_fs[with_some].min()), int(highest_fs.max())) if len(with_some) else (0, 0, 0)

    def figures(self, n: int) -> dict[str, npt.NDArray[Any]]:
        """Return what the first n rows say, by the names of a `MarkTable`."""
        flows = self._by_field[:n]
        return {
            "received_bytes": self._book.by_target(flows["n_bytes"], self._n_functions),
            "received_frames": self._book.by_target(flows["delivered"], self._n_functions),
            "delivery.n": flows["latency"]["n"].sum(axis=1),
            "delivery.sum_fs": _sums_where(flows["latency"]["n"] > 0, flows["latency"]["sum_fs"]),
        }


class FlowSums:
    """Add up at each mark what the flows of several ledgers have counted: there may be hundreds of thousands."""

    n_words = 0

    def __init__(self, flows: Sequence[tuple[Ints, Any]], book: FlowBook, n_functions: int) -> None:
        targets, self._n_targets = book.targets(), n_functions + 1
        self._ledgers = [(own, numbers, targets[numbers]) for numbers, own in flows]
        self._n, self._sums_fs = np.empty(len(targets), np.int64), np.empty(len(targets))

    def make_room(self, n_rows: int) -> None:
        """Have room for so many marks."""
        self._marked = np.zeros(n_rows, MARKED)
        self._with_some, self._total_fs = np.zeros(n_rows, np.int64), np.zeros(n_rows)
        self._bytes, self._frames = np.empty((n_rows, self._n_targets)), np.empty((n_rows, self._n_targets))

    def mark(self, row: int) -> None:
        """Add up the flows."""
        marked = self._marked[row : row + 1]
        marked["n"], marked["lowest_fs"], marked["highest_fs"] = 0, NEVER, 0
        self._bytes[row] = self._frames[row] = self._n[:] = self._sums_fs[:] = 0
        for own, numbers, targets in self._ledgers:
            mark_flows(own, numbers, targets, marked, self._bytes[row], self._frames[row], self._n, self._sums_fs)
        has_some = self._n > 0
        self._with_some[row] = np.count_nonzero(has_some)
        self._total_fs[row] = self._sums_fs[has_some].sum()  # floats are added in the order of the flows

    def extremes(self, row: int) -> tuple[int, int, int]:
        """Return how many flows have latencies at a mark, the lowest latency and the highest."""
        with_some, marked = int(self._with_some[row]), self._marked[row]
        return (with_some, int(marked["lowest_fs"]), int(marked["highest_fs"])) if with_some else (0, 0, 0)

    def figures(self, n: int) -> dict[str, npt.NDArray[Any]]:
        """Return what the first n rows say, by the names of a `MarkTable`."""
        return {
            "received_bytes": self._bytes[:n].copy(),
            "received_frames": self._frames[:n].copy(),
            "delivery.n": self._marked["n"][:n].copy(),
            "delivery.sum_fs": self._total_fs[:n].copy(),
        }


def _sums_where(has_some: npt.NDArray[np.bool_], amounts: Floats) -> Floats:
    """Return the sum of each row's amounts where it has some; only of those, since floats are added in order."""
    found = np.zeros(len(amounts))
    for n in np.unique(n_with_some := has_some.sum(axis=1)).tolist():
        alike = n_with_some == n  # once a flow has some, it has some in all later rows
        columns = has_some[np.flatnonzero(alike)[0]]
        found[alike] = np.ascontiguousarray(amounts[alike][:, columns]).sum(axis=1)
    return found
