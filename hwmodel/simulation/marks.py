"""Marks on the way through the window: what has been counted since its start, for intervals and for steadiness."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from hwmodel.kernels import layout
from hwmodel.results import filled_columns
from hwmodel.simulation.measurement import (
    GAUGES,
    LATENCIES,
    areas_of,
    busy_and_ahead_fs,
    counts_of,
    latency_of,
)

if TYPE_CHECKING:
    from hwmodel.simulation.flow_book import FlowBook

Floats = npt.NDArray[np.float64]

COUNTS = ("delivered_bytes", "vm_copies", "delivered_to_wire", "delivered", "offered")
MOST_MARKS = 160  # of more, every second is left out


@dataclass(frozen=True)
class Mark:
    """Hold what a moment of the window says: sums since the start of the run, levels as they are.

    `latency`: count and sum in fs, by the names of LATENCIES; `histogram`: the row's counts, `first_column` on.
    """

    now_fs: int
    counts: dict[str, int]
    wire_tx_bytes: int
    wire_rx_bytes: int
    up_busy_fs: int
    down_busy_fs: int
    sent_bytes: Floats
    received: Floats  # bytes, then frames, by port number
    latency: dict[str, tuple[int, float]]
    histogram: dict[str, tuple[int, npt.NDArray[np.int32]]]
    areas: dict[str, float]
    outside_bytes: int = 0


class Marks:
    """Collect the marks of one run, as many as are useful however long it lasts."""

    def __init__(self, nic: Any, book: FlowBook, outside_bytes: Callable[[], int] = lambda: 0) -> None:
        self.nic = nic
        self.outside_bytes = outside_bytes
        self.n_functions = int(nic.limits.n_functions)
        self.book = book
        self.found: list[Mark] = []
        self.stride = 1
        self.n_asked = 0

    def add(self) -> None:
        """Mark this moment, unless so many are there that only every second or fourth is kept."""
        if self.n_asked % self.stride == 0:
            self.found.append(self._mark())
        self.n_asked += 1
        if len(self.found) > MOST_MARKS:
            self.found = self.found[::2]
            self.stride *= 2

    def close(self) -> None:
        """Mark the end of the window."""
        if not self.found or self.found[-1].now_fs < int(self.nic.clock.now_fs):
            self.found.append(self._mark())

    def slices(self) -> dict[str, Floats]:
        """Return throughput, latency and each buffer's mean depth between marks, by the warm-up's names."""
        passed = np.maximum(1.0, np.diff(self.series(lambda mark: mark.now_fs)))
        taken = np.diff(self.series(lambda mark: mark.latency["to_guest"][0]))
        sums = np.diff(self.series(lambda mark: mark.latency["to_guest"][1]))
        has_some = taken > 0
        return {
            "rate": np.diff(self.series(lambda mark: mark.counts["delivered"])) / passed,
            "latency": sums[has_some] / taken[has_some],
            **{name: np.diff([mark.areas[name] for mark in self.found]) / passed for name in GAUGES},
        }

    def series(self, of_one: Callable[[Mark], float]) -> Floats:
        """Return a figure of each mark."""
        return np.array([of_one(mark) for mark in self.found], np.float64)

    def _mark(self) -> Mark:
        nic = self.nic
        flows = nic["ledger"]["flow"][: len(self.book.flows)]
        latencies = {name: latency_of(nic, self.book, name) for name in LATENCIES}
        bytes_to = self.book.by_target(flows["n_bytes"], self.n_functions)
        frames_to = self.book.by_target(flows["delivered"], self.n_functions)
        return Mark(
            now_fs=int(nic.clock.now_fs),
            counts={name: int(nic.ledger.counters[name]) for name in COUNTS},
            wire_tx_bytes=int(nic.mac.tx_bytes),
            wire_rx_bytes=int(nic.mac.rx_bytes),
            up_busy_fs=busy_and_ahead_fs(nic.up, int(nic.clock.now_fs))[0],
            down_busy_fs=busy_and_ahead_fs(nic.down, int(nic.clock.now_fs))[0],
            sent_bytes=nic["function"]["read_bytes"][: self.n_functions].astype(np.float64),
            received=np.concatenate((bytes_to, frames_to)),
            latency={name: (int(one["n"]), float(one["sum_fs"])) for name, one in latencies.items()},
            histogram={name: self._row(name, one) for name, one in latencies.items()},
            areas=areas_of(nic, int(nic.clock.now_fs)),
            outside_bytes=self.outside_bytes(),
        )

    def _row(self, name: str, latency: npt.NDArray[Any]) -> tuple[int, npt.NDArray[np.int32]]:
        if not latency["n"]:
            return 0, np.zeros(0, np.int32)
        columns = filled_columns(int(latency["lowest_fs"]), int(latency["highest_fs"]), layout.HISTOGRAM_BUCKETS)
        return columns.start, counts_of(self.nic["ledger"], name)[columns].copy()
