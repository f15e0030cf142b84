"""What all marks of a window say: an array for each figure, worked out of many copies of the state at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from hwmodel.simulation.histogram_rows import HistogramRows
from hwmodel.simulation.measurement import GAUGES, LATENCIES, areas_in, paths_of_areas
from hwmodel.simulation.probe import Fields, Ints, Probe

if TYPE_CHECKING:
    from hwmodel.simulation.flow_book import FlowBook

COUNTS = ("delivered_bytes", "vm_copies", "delivered_to_wire", "delivered", "offered")
LINKS = ("up", "down")
LATENCY = ("n", "sum_fs", "lowest_fs", "highest_fs")
EXTREMES = ("n", "lowest_fs", "highest_fs")
OWN = {name: delay.path for name, delay in LATENCIES.items() if delay.path is not None}  # not added up from the flows'
PROBED = (
    "clock.now_fs",
    *(f"ledger.counters.{name}" for name in COUNTS),
    "mac.tx_bytes",
    "mac.rx_bytes",
    *(f"{link}.{name}" for link in LINKS for name in ("busy_fs", "busy_until_fs", "is_busy")),
    *(f"{path}.{name}" for path in OWN.values() for name in LATENCY),
    *paths_of_areas(),
)
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class MarkTable:
    """Hold what the marks say: sums since the start of the run, levels as they are.

    `figures`: by name an array with an entry a mark, or with a row a mark where a figure is of each function or port:
    "now_fs", the names of COUNTS, "mac.tx_bytes", "mac.rx_bytes", "outside_bytes", "up.busy_fs", "down.busy_fs",
    "sent_bytes" by function, "received_bytes" and "received_frames" by port number, and of each of LATENCIES
    "delivery.n" and "delivery.sum_fs", of each of GAUGES "tx_ring.area". `histograms`: a row of counts for each mark,
    by the names of LATENCIES.
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
            **{name: np.diff(self[f"{name}.area"]) / passed for name in GAUGES},
        }


class MarkProbe:
    """Copy the words of the state that marks are made of, and say what they are."""

    def __init__(self, nic: Any, book: FlowBook) -> None:
        self._book = book
        self._n_functions = int(nic.limits.n_functions)
        n_flows = book.n_counted
        self._flows = {name: Fields("ledger.flow", n_flows, name) for name in ("n_bytes", "delivered")}
        self._of_flows = {name: Fields("ledger.flow", n_flows, f"latency.{name}") for name in LATENCY}
        self._sent = Fields("function", self._n_functions, "read_bytes")
        self._probe = Probe(nic, (*PROBED, *self._flows.values(), *self._of_flows.values(), self._sent))
        self._extremes = np.array(
            [self._probe.place(f"{path}.{each}").start for path in OWN.values() for each in EXTREMES]
        ).reshape(-1, len(EXTREMES))
        self._extremes_of_flows = [self._probe.place(self._of_flows[each]) for each in EXTREMES]
        # Of the flows' latencies, and behind them of the others, where in a row these stand.
        self._n_at, self._lowest_at, self._highest_at = (
            np.concatenate((np.arange(of_flows.start, of_flows.stop), own))
            for of_flows, own in zip(self._extremes_of_flows, self._extremes.T, strict=True)
        )
        self._from_fs = np.full(len(self._n_at), np.iinfo(np.int64).max)
        self._to_fs = self._from_fs.copy()
        self._now_at = self._probe.place("clock.now_fs").start

    @property
    def n_words(self) -> int:
        """Return how many words a row has."""
        return self._probe.n_words

    def copy_into(self, row: Ints) -> None:
        """Write the words that stand there now into a row."""
        self._probe.copy_into(row)

    def now_fs(self, row: Ints) -> int:
        """Return when a row was copied."""
        return int(row[self._now_at])

    def expect(self, number: int, from_fs: int, to_fs: int) -> None:
        """Expect samples of a latency, by its place in LATENCIES, between two times, the second left out."""
        n_flows = len(self._n_at) - len(OWN)
        of_it = slice(n_flows) if number == 0 else slice(n_flows + number - 1, n_flows + number)
        self._from_fs[of_it], self._to_fs[of_it] = from_fs, to_fs

    def reach_further(self, row: Ints) -> bool:
        """Tell whether some latency has samples where none are expected."""
        if 1 in (row.take(self._highest_at) >= self._to_fs).tobytes():
            return True
        is_below = row.take(self._lowest_at) < self._from_fs  # as is what has no samples
        return 1 in is_below.tobytes() and 1 in (is_below & (row.take(self._n_at) > 0)).tobytes()

    def extremes(self, row: Ints) -> list[list[int]]:
        """Return of each latency, in the order of LATENCIES, how many samples there are, the lowest and the highest.

        Of deliveries, which are each flow's, how many flows have some.
        """
        n_of, lowest_of, highest_of = (row[at] for at in self._extremes_of_flows)
        (with_some,) = n_of.nonzero()
        delivery = [len(with_some), 0, 0]
        if len(with_some):
            delivery[1:] = int(np.minimum.reduce(lowest_of[with_some])), int(np.maximum.reduce(highest_of))
        return [delivery, *row[self._extremes].tolist()]

    def figures(self, rows: Ints) -> dict[str, npt.NDArray[Any]]:
        """Return what copied rows say, by the names of a `MarkTable`."""
        read = {path: self._probe.numbers(rows, path) for path in PROBED}
        n_of, sums_of = (self._probe.numbers(rows, self._of_flows[name]) for name in ("n", "sum_fs"))
        received = {name: self._probe.numbers(rows, fields) for name, fields in self._flows.items()}
        now_fs = read["clock.now_fs"]
        found = {
            "now_fs": now_fs,
            **{name: read[f"ledger.counters.{name}"] for name in COUNTS},
            **{name: read[name] for name in ("mac.tx_bytes", "mac.rx_bytes")},
            **{f"{link}.busy_fs": _busy_fs(read, link) for link in LINKS},
            **{f"{name}.area": area for name, area in areas_in(read, now_fs).items()},
            "sent_bytes": self._probe.numbers(rows, self._sent),
            "received_bytes": self._book.by_target(received["n_bytes"], self._n_functions),
            "received_frames": self._book.by_target(received["delivered"], self._n_functions),
            "delivery.n": n_of.sum(axis=1),
            "delivery.sum_fs": _sums_where(n_of > 0, sums_of),
        }
        own = ((name, path, each) for name, path in OWN.items() for each in ("n", "sum_fs"))
        return found | {f"{name}.{each}": read[f"{path}.{each}"] for name, path, each in own}


def _sums_where(has_some: npt.NDArray[np.bool_], amounts: Floats) -> Floats:
    """Return the sum of each row's amounts where it has some; only of those, since floats are added in order."""
    found = np.zeros(len(amounts))
    for n in np.unique(n_with_some := has_some.sum(axis=1)).tolist():
        alike = n_with_some == n  # once a flow has some, it has some in all later rows
        columns = has_some[np.flatnonzero(alike)[0]]
        found[alike] = np.ascontiguousarray(amounts[alike][:, columns]).sum(axis=1)
    return found


def _busy_fs(read: Mapping[str, npt.NDArray[np.int64]], link: str) -> npt.NDArray[np.int64]:
    """Return for how long a link was busy up to each mark; what is left of the TLP on it counts later."""
    ahead_fs = np.maximum(0, read[f"{link}.busy_until_fs"] - read["clock.now_fs"])
    return read[f"{link}.busy_fs"] - np.where(read[f"{link}.is_busy"] != 0, ahead_fs, 0)
