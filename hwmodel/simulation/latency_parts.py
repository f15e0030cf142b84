"""From the sums that the kernel keeps of each part, by bucket of the whole latency, to means and percentiles."""

from __future__ import annotations

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
    latency = end.latencies["to_guest"]
    n = int(latency["n"])
    if not n:
        return Latency(), {}
    columns = filled_columns(int(latency["lowest_fs"]), int(latency["highest_fs"]), layout.HISTOGRAM_BUCKETS)
    counts = end.histogram[LATENCIES["to_guest"], columns]
    sums = end.part_sums[columns]
    parts = {"mean": {name: float(sums[name].sum()) / n / FS_PER_NS for name in PARTS}}
    for percentile, per_mille, least_samples in PERCENTILES:
        if n >= least_samples:
            at = quantile_bucket(counts, per_mille, 1000)
            parts[percentile] = _parts_at(sums, at, int(counts[at]))
    whole = {name: sum(of_one.values()) for name, of_one in parts.items()}
    return Latency(
        min=int(latency["lowest_fs"]) / FS_PER_NS, max=int(latency["highest_fs"]) / FS_PER_NS, count=n, **whole
    ), parts


def _parts_at(sums: Any, at: int, n: int) -> dict[str, float]:
    return {name: float(sums[name][at]) / n / FS_PER_NS for name in PARTS}
