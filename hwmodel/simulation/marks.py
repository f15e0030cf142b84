"""Marks on the way through the window: what has been counted since its start, for intervals and for steadiness."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from hwmodel.kernels import layout
from hwmodel.results import filled_columns
from hwmodel.simulation.measurement import (
    GAUGES,
    LATENCIES,
    areas_in,
    counts_of,
    paths_of_areas,
)
from hwmodel.simulation.probe import Probe

if TYPE_CHECKING:
    from hwmodel.simulation.flow_book import FlowBook

COUNTS = ("delivered_bytes", "vm_copies", "delivered_to_wire", "delivered", "offered")
LATENCY = ("n", "sum_fs", "lowest_fs", "highest_fs")
PROBED = (
    "clock.now_fs",
    *(f"ledger.counters.{name}" for name in COUNTS),
    "mac.tx_bytes",
    "mac.rx_bytes",
    *(f"{link}.{name}" for link in ("up", "down") for name in ("busy_fs", "busy_until_fs", "is_busy")),
    *(f"{delay.path}.{name}" for delay in LATENCIES.values() if delay.path is not None for name in LATENCY),
    *paths_of_areas(),
)
Floats = npt.NDArray[np.float64]

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
        self._probe = Probe(nic, PROBED)
        ledger, flows = nic["ledger"], nic["ledger"]["flow"][: len(book.flows)]
        self._flows = {name: flows[name] for name in ("n_bytes", "delivered")}
        self._of_flows = {name: flows["latency"][name] for name in LATENCY}
        self._sent_bytes = nic["function"]["read_bytes"][: self.n_functions]
        self._rows = {name: counts_of(ledger, name) for name in LATENCIES}

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
        read = self._probe.read()
        now_fs = read["clock.now_fs"]
        latencies = {
            name: self._delivery() if path is None else tuple(read[f"{path}.{one}"] for one in LATENCY)
            for name, (path, _) in LATENCIES.items()
        }
        bytes_to, frames_to = (
            self.book.by_target(self._flows[name], self.n_functions) for name in ("n_bytes", "delivered")
        )
        return Mark(
            now_fs=now_fs,
            counts={name: read[f"ledger.counters.{name}"] for name in COUNTS},
            wire_tx_bytes=read["mac.tx_bytes"],
            wire_rx_bytes=read["mac.rx_bytes"],
            up_busy_fs=_busy_fs(read, "up"),
            down_busy_fs=_busy_fs(read, "down"),
            sent_bytes=self._sent_bytes.astype(np.float64),
            received=np.concatenate((bytes_to, frames_to)),
            latency={name: (one[0], float(one[1])) for name, one in latencies.items()},
            histogram={name: self._row(name, *one) for name, one in latencies.items()},
            areas=areas_in(read, now_fs),
            outside_bytes=self.outside_bytes(),
        )

    def _delivery(self) -> tuple[Any, ...]:
        """Return the latency of all flows together: count, sum, extremes."""
        has_some = self._of_flows["n"] > 0
        if not has_some.any():
            return 0, 0.0, 0, 0
        n, sum_fs, lowest_fs, highest_fs = (self._of_flows[name][has_some] for name in LATENCY)
        return int(n.sum()), float(sum_fs.sum()), int(lowest_fs.min()), int(highest_fs.max())

    def _row(self, name: str, n: int, _: float, lowest_fs: int, highest_fs: int) -> tuple[int, npt.NDArray[np.int32]]:
        if not n:
            return 0, np.zeros(0, np.int32)
        columns = filled_columns(lowest_fs, highest_fs, layout.HISTOGRAM_BUCKETS)
        return columns.start, self._rows[name][columns].copy()


def _busy_fs(read: Mapping[str, Any], link: str) -> int:
    """Return for how long a link was busy up to now; what is left of the TLP on it counts later."""
    ahead_fs = max(0, read[f"{link}.busy_until_fs"] - read["clock.now_fs"]) if read[f"{link}.is_busy"] else 0
    return int(read[f"{link}.busy_fs"]) - ahead_fs
