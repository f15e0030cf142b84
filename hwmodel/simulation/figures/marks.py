"""Marks: copies of the counters at points of the window, from which intervals and steadiness are computed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from hwmodel.results import bucket_ns
from hwmodel.rules.figures import FIGURES, FUNCTION, PORT, Figure
from hwmodel.simulation.figures.by_row import OF_FUNCTIONS, amount_of
from hwmodel.simulation.figures.counts import (
    GAUGE_WORDS,
    LATENCY_PLACES,
    Histogram,
    Ints,
    areas_in,
    latencies_in,
)
from hwmodel.simulation.figures.figure_intervals import HALF_A_BUCKET, Row
from hwmodel.simulation.figures.measurement import frames_due, link_ahead_fs
from hwmodel.simulation.figures.whole import Whole

MOST_MARKS = 160  # beyond this, every second mark is dropped
COUNTED = ("delivered_to_wire", "delivered", "offered")
Floats = npt.NDArray[np.float64]


class _Mark(NamedTuple):
    """Hold a mark as copied; `words`: the counters as int64 words, `rows`: each latency's histogram.

    `of_functions`: the counters of OF_FUNCTIONS; `next_at_fs`: of each server's sources, when the next frame is due.
    """

    now_fs: int
    ahead_fs: Sequence[int]  # of the links up and down
    words: Ints
    of_functions: Mapping[str, Ints]
    next_at_fs: Sequence[Ints]
    outside_bytes: int
    rows: Mapping[str, Row]


class Marks:
    """Collect the marks of a run, at most MOST_MARKS however long it lasts.

    A mark only copies counters; figures are computed for all marks at once, at the end.
    """

    def __init__(
        self,
        whole: Whole,
        outside_bytes: Callable[[], int] = lambda: 0,
        sources: Sequence[Any] = (),
    ) -> None:
        self.stride = 1
        self.n_asked = 0
        self._counts, self._outside_bytes = whole.counts, outside_bytes
        nic = whole.nic  # links and functions are those of a single server
        self._links = () if nic is None else (nic.pcie[0].up, nic.pcie[0].down)
        functions = None if nic is None else nic["ledger"]["function"][: int(nic.params.n_functions)]
        self._of_functions = {} if functions is None else {name: functions[name] for name in OF_FUNCTIONS}
        self._sources, self._next_at_fs = sources, [each["next_at_fs"] for each in sources]
        self._marks: list[_Mark] = []
        self._before: Mapping[str, slice] = {}

    def __len__(self) -> int:
        """Count the marks that are kept."""
        return len(self._marks)

    def note_least(self) -> None:
        """Note the least latencies of the warm-up, whose counts the window forgets."""
        self._before = self._counts.columns(self._counts.words())

    def anew(self) -> Marks:
        """Return marks of the same run of which none is set yet."""
        found = copy(self)
        found.stride, found.n_asked, found._marks = 1, 0, []
        return found

    def so_far(self) -> Marks:
        """Return the marks set until now, to which others may be added."""
        found = copy(self)
        found._marks = [*self._marks]
        return found

    def add(self) -> None:
        """Mark this moment, unless the marks have been thinned out and this one is to be skipped."""
        if self.n_asked % self.stride == 0:
            self._mark()
        self.n_asked += 1
        if len(self._marks) > MOST_MARKS:
            self._marks = self._marks[::2]
            self.stride *= 2

    def close(self) -> None:
        """Mark the end of the window."""
        if not self._marks or self._marks[-1].now_fs < self._counts.now_fs:
            self._mark()

    def _mark(self) -> None:
        now_fs = self._counts.now_fs
        words = self._counts.words()
        self._marks.append(
            _Mark(
                now_fs,
                [link_ahead_fs(link, now_fs) for link in self._links],
                words,
                {name: each.copy() for name, each in self._of_functions.items()},
                [each.copy() for each in self._next_at_fs],
                self._outside_bytes(),
                {name: _row(self._counts.histograms(name), each) for name, each in self._counts.columns(words).items()},
            )
        )

    def table(self) -> MarkTable:
        """Return the figures of all marks."""
        marks = self._marks
        now_fs = np.array([one.now_fs for one in marks], np.int64)
        counts = self._counts.records(now_fs, [one.words for one in marks])
        functions = {name: np.array([one.of_functions[name] for one in marks]) for name in self._of_functions}
        rows = (row for row in FIGURES.values() if row.interval is not None and (row.of != FUNCTION or functions))
        ledger = counts["ledger"]
        for way, *ahead_fs in zip(("up", "down"), *(one.ahead_fs for one in marks), strict=False):
            counts[way]["busy_fs"] -= ahead_fs
        figures = {
            "now_fs": now_fs,
            **{name: ledger[name] for name in COUNTED},
            "offered": ledger["offered"] + self._due(now_fs),
            "outside_bytes": np.array([one.outside_bytes for one in marks], np.int64),
            **{f"{way}.busy_fs": counts[way]["busy_fs"] for way in ("up", "down")},
            **{f"{name}.area": area for name, area in areas_in(counts, now_fs).items()},
            **{row.name: _with_ports_together(row, amount_of(row, counts, functions)) for row in rows},
            **{f"{name}.{each}": one[each] for name, one in latencies_in(counts).items() for each in ("n", "sum_fs")},
        }
        histograms = {name: [one.rows[name] for one in marks] for name in LATENCY_PLACES}
        least_ns: dict[str, float] = {}
        for name, at in (*self._before.items(), *self._counts.columns(marks[-1].words).items()):
            if at.stop:
                place, edge_ns = LATENCY_PLACES[name], bucket_ns(at.start) * (1 - HALF_A_BUCKET) if at.start else 0.0
                least_ns[place] = min(edge_ns, least_ns.get(place, edge_ns))
        return MarkTable(figures, histograms, least_ns)

    def _due(self, now_fs: Ints) -> Ints:
        """Return how many frames of rate-driven sources wait for a slot of a full ring at each mark."""
        due = np.zeros(len(now_fs), np.int64)
        for sources, *next_at_fs in zip(self._sources, *(one.next_at_fs for one in self._marks), strict=True):
            due += frames_due(sources, np.array(next_at_fs), now_fs[:, None]).sum(axis=1)
        return due


def _with_ports_together(row: Figure, amounts: Any) -> Any:
    return amounts.sum(axis=-1) if row.of == PORT else amounts


def _row(histograms: Sequence[Histogram], columns: slice) -> Row:
    """Copy some columns of a histogram, or of the sum of several."""
    counts = histograms[0][columns].copy()
    for more in histograms[1:]:
        counts += more[columns]
    return columns.start, counts


@dataclass(frozen=True)
class MarkTable:
    """Hold the figures of the marks, which are sums since the start of the run.

    `figures`: arrays by name, with an entry for each mark, or a row for each mark if a figure is by function:
    "now_fs", the names of COUNTED ("offered" with those that wait for a slot of a full ring), "outside_bytes",
    "up.busy_fs", "down.busy_fs", the amounts of rows with intervals by the rows' names, and of each latency
    "delivery.n" and "delivery.sum_fs", of each buffer "tx_ring.area". `histograms`: a row of counts for each
    mark, by the names of LATENCY_PLACES. `least_ns`: the least of each latency since the start of the run, rounded down
    as the lower end of a percentile is, by its place in the result.
    """

    figures: Mapping[str, npt.NDArray[Any]]
    histograms: Mapping[str, Sequence[Row]]
    least_ns: Mapping[str, float] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Floats:
        return self.figures[name].astype(np.float64)

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
