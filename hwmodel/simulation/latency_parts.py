"""From the sums that the kernel keeps of each part, by bucket of the whole latency, to means and percentiles."""

from __future__ import annotations

from math import fsum
from typing import Any

from hwmodel.machine.counts.ledger_state import HISTOGRAM_BUCKETS
from hwmodel.results import (
    ALL_PARTS,
    BRIDGE_PARTS,
    LEAST_SAMPLES_P99,
    LEAST_SAMPLES_P999,
    Latency,
    filled_columns,
    quantile_bucket,
)
from hwmodel.simulation.measurement import Snapshot, counts_of
from hwmodel.units import FS_PER_NS

PERCENTILES = (("p50", 500, 1), ("p99", 990, LEAST_SAMPLES_P99), ("p999", 999, LEAST_SAMPLES_P999))


def latency_parts(end: Snapshot) -> tuple[Latency, dict[str, dict[str, float]]]:
    """Return the latency from post to taken, and its parts in ns, for the mean and for each percentile.

    A percentile is the mean of the frames in its bucket. Where there are many, its parts are those of a sample of them
    (`journey_layout.SAMPLED_ALL`), stretched to that mean, so that they add up to it: by less than a bucket's width of
    0.8 %.
    """
    times = _times(end, "to_guest")
    if not times:
        return Latency(), {}
    n = int(end.latencies["to_guest"]["n"])
    has_bridge = any(end.part_sums[part] for part in BRIDGE_PARTS)
    names = [part for part in ALL_PARTS if has_bridge or part not in BRIDGE_PARTS]
    parts = {"mean": {part: end.part_sums[part] / n / FS_PER_NS for part in names}}
    for name, (bucket, mean_ns) in times.items():
        sums = end.sampled_parts["sums"][bucket]
        sampled = {part: float(sums[part]) for part in names}
        whole = fsum(sampled.values())
        parts[name] = {part: time * mean_ns / whole if whole else 0.0 for part, time in sampled.items()}
    return _summary(end.latencies["to_guest"], times, fsum(parts["mean"].values())), parts


def delivery_latency(end: Snapshot) -> Latency:
    """Return the latency from post to delivery; a percentile is the mean of the frames in its bucket here too."""
    times = _times(end, "delivery")
    latency = end.latencies["delivery"]
    if not times:
        return Latency()
    return _summary(latency, times, float(latency["sum_fs"]) / int(latency["n"]) / FS_PER_NS)


def _summary(latency: Any, times: dict[str, tuple[int, float]], mean_ns: float) -> Latency:
    lowest, highest = int(latency["lowest_fs"]) / FS_PER_NS, int(latency["highest_fs"]) / FS_PER_NS
    percentiles = {name: of_bucket_ns for name, (_, of_bucket_ns) in times.items()}
    return Latency(min=lowest, max=highest, count=int(latency["n"]), mean=mean_ns, **percentiles)


def _times(end: Snapshot, name: str) -> dict[str, tuple[int, float]]:
    """Return the bucket of each percentile of a latency, and the mean of its samples in ns."""
    latency = end.latencies[name]
    n = int(latency["n"])
    if not n:
        return {}
    columns = filled_columns(int(latency["lowest_fs"]), int(latency["highest_fs"]), HISTOGRAM_BUCKETS)
    counts = counts_of(vars(end), name)[columns]
    sums = end.latency_counts[f"{name}_fs"][columns]
    found = {}
    for percentile, per_mille, least_samples in PERCENTILES:
        if n >= least_samples:
            at = quantile_bucket(counts, per_mille, 1000)
            found[percentile] = (columns.start + at, float(sums[at]) / int(counts[at]) / FS_PER_NS)
    return found
