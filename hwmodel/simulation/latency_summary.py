"""Histograms and counts of a snapshot, summarised."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from hwmodel.kernels import layout
from hwmodel.kernels.drop_reason import DropReason
from hwmodel.results import Latency, filled_columns, summarize_latency
from hwmodel.simulation.measurement import Snapshot, counts_of
from hwmodel.units import FS_PER_NS


def named_drops(counts: Any) -> dict[str, int]:
    """Return the drop counts that are not zero, by reason."""
    return {DropReason(int(i)).name: int(counts[i]) for i in np.flatnonzero(counts)}


class Samples(NamedTuple):
    """Hold what is known of a sample of latencies: extremes and sum, and the histogram's counts from a column on."""

    min_fs: int
    max_fs: int
    sum_fs: int
    first: int
    counts: npt.NDArray[np.int64]

    def summary(self) -> Latency:
        """Return its figures."""
        return summarize_latency(
            self.counts, min_fs=self.min_fs, max_fs=self.max_fs, sum_fs=self.sum_fs, first=self.first
        )


def samples_of(rows: Iterable[npt.NDArray[np.int32]], min_fs: int, max_fs: int, sum_fs: int) -> Samples:
    """Add up histograms. Only the columns that can be filled are read: what is read takes memory."""
    columns = filled_columns(min_fs, max_fs, layout.HISTOGRAM_BUCKETS)
    counts = np.zeros(columns.stop - columns.start, np.int64)
    for row in rows:
        counts += row[columns]
    return Samples(min_fs, max_fs, sum_fs, columns.start, counts)


def latency_from(end: Snapshot, name: str) -> Latency:
    """Summarise one histogram with its exact extremes and sum."""
    latency = end.latencies[name]
    if not int(latency["n"]):
        return Latency()
    row = counts_of(vars(end), name)
    lowest_fs, highest_fs, sum_fs = (int(latency[name]) for name in ("lowest_fs", "highest_fs", "sum_fs"))
    return samples_of([row], lowest_fs, highest_fs, sum_fs).summary()


class FlowLatencies:
    """Summarise the latencies of a snapshot's flows, one by one and together.

    What was found is kept: what a VM gets is often one flow.
    """

    def __init__(self, end: Snapshot) -> None:
        self._histogram = end.histogram
        latency = end.flows["latency"]
        self._rows = end.flows["histogram"].tolist()
        self._n, self._lowest_fs, self._highest_fs = (
            latency[name].tolist() for name in ("n", "lowest_fs", "highest_fs")
        )
        self._sum_fs = latency["sum_fs"].copy()
        self._found: dict[tuple[int, ...], Latency] = {}

    def samples(self, numbers: Sequence[int]) -> Samples | None:
        """Return the sample of several flows together; None where none was delivered."""
        chosen = [number for number in numbers if self._n[number]]
        if not chosen:
            return None
        rows = sorted({self._rows[number] for number in chosen})
        return samples_of(
            (self._histogram[row] for row in rows),
            min(self._lowest_fs[number] for number in chosen),
            max(self._highest_fs[number] for number in chosen),
            int(self._sum_fs[chosen].sum()),
        )

    def of(self, numbers: Sequence[int]) -> Latency:
        """Summarise several flows together."""
        key = tuple(numbers)
        if key not in self._found:
            found = self.samples(key)
            self._found[key] = Latency() if found is None else found.summary()
        return self._found[key]

    def moments(self, number: int) -> Latency:
        """Summarise a flow that has no histogram of its own: extremes and mean, no percentiles."""
        n = self._n[number]
        if not n:
            return Latency()
        return Latency(
            min=self._lowest_fs[number] / FS_PER_NS,
            mean=float(self._sum_fs[number]) / n / FS_PER_NS,
            max=self._highest_fs[number] / FS_PER_NS,
            count=n,
        )
