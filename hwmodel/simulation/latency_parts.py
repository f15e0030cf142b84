"""From the sums that the kernel keeps of each part, by bucket of the whole latency, to means and percentiles."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hwmodel.kernels import layout
from hwmodel.results import (
    LEAST_SAMPLES_P99,
    LEAST_SAMPLES_P999,
    PARTS,
    Latency,
    filled_columns,
    quantile_bucket,
)
from hwmodel.simulation.measurement import LATENCIES, Snapshot
from hwmodel.units import FS_PER_NS

PERCENTILES = (("p50", 500, 1), ("p99", 990, LEAST_SAMPLES_P99), ("p999", 999, LEAST_SAMPLES_P999))


def latency_parts(end: Snapshot) -> tuple[Latency, dict[str, dict[str, float]]]:
    """Return the latency from post to taken, and its parts in ns, for the mean and for each percentile.

    A percentile is the mean of the frames in its bucket, and its parts are theirs, so that they add up to it.
    """
    parts = _by_percentile(end, "to_guest", PARTS)
    return _summary(end.latencies["to_guest"], parts), parts


def delivery_latency(end: Snapshot) -> Latency:
    """Return the latency from post to delivery; a percentile is the mean of the frames in its bucket here too."""
    return _summary(end.latencies["delivery"], _by_percentile(end, "delivery", ("delivery",)))


def _summary(latency: Any, sums: dict[str, dict[str, float]]) -> Latency:
    if not sums:
        return Latency()
    whole = {name: sum(of_one.values()) for name, of_one in sums.items()}
    lowest, highest = int(latency["lowest_fs"]) / FS_PER_NS, int(latency["highest_fs"]) / FS_PER_NS
    return Latency(min=lowest, max=highest, count=int(latency["n"]), **whole)


def _by_percentile(end: Snapshot, name: str, fields: Sequence[str]) -> dict[str, dict[str, float]]:
    """Return the means in ns of some sums of a latency: of all its samples, of those in each percentile's bucket."""
    latency = end.latencies[name]
    n = int(latency["n"])
    if not n:
        return {}
    columns = filled_columns(int(latency["lowest_fs"]), int(latency["highest_fs"]), layout.HISTOGRAM_BUCKETS)
    counts = end.histogram[LATENCIES[name], columns]
    sums = end.part_sums[columns]
    found = {"mean": {field: float(sums[field].sum()) / n / FS_PER_NS for field in fields}}
    for percentile, per_mille, least_samples in PERCENTILES:
        if n >= least_samples:
            at = quantile_bucket(counts, per_mille, 1000)
            found[percentile] = {field: float(sums[field][at]) / int(counts[at]) / FS_PER_NS for field in fields}
    return found
