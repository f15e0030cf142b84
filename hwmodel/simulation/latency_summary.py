"""Histograms and counts of a snapshot, summarised."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from hwmodel.kernels import layout
from hwmodel.kernels.drop_reason import DropReason
from hwmodel.results import Latency, filled_columns, summarize_latency
from hwmodel.simulation.measurement import Snapshot, counts_of


def named_drops(counts: Any) -> dict[str, int]:
    """Return the drop counts that are not zero, by reason."""
    return {DropReason(int(i)).name: int(counts[i]) for i in np.flatnonzero(counts)}


def add_histograms(rows: Iterable[npt.NDArray[np.int32]], min_fs: int, max_fs: int) -> npt.NDArray[np.int64]:
    """Add up histograms. Only the columns that can be filled are read: what is read takes memory."""
    counts = np.zeros(layout.HISTOGRAM_BUCKETS, np.int64)
    columns = filled_columns(min_fs, max_fs, layout.HISTOGRAM_BUCKETS)
    for row in rows:
        counts[columns] += row[columns]
    return counts


def latency_from(end: Snapshot, name: str) -> Latency:
    """Summarise one histogram with its exact extremes and sum."""
    latency = end.latencies[name]
    if not int(latency["n"]):
        return Latency()
    min_fs, max_fs = int(latency["lowest_fs"]), int(latency["highest_fs"])
    counts = add_histograms([counts_of(vars(end), name)], min_fs, max_fs)
    return summarize_latency(counts, min_fs=min_fs, max_fs=max_fs, sum_fs=int(latency["sum_fs"]))
