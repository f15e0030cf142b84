"""Summarise the histograms and counts of a snapshot.

Means and percentiles of the latency's parts come from the kernel's sums of each part, by bucket of the whole latency.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from math import fsum
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from hwmodel.config import Config, servers_of, vms_of
from hwmodel.config.names import is_uplink
from hwmodel.forwarding.drop_reason import DropReason
from hwmodel.machine.counts.ledger_state import HISTOGRAM_BUCKETS
from hwmodel.results import (
    ALL_PARTS,
    BRIDGE_PARTS,
    DIRECTIONS,
    Latency,
    filled_columns,
    quantile_bucket,
    summarize_latency,
)
from hwmodel.simulation.figures.counts import counts_of
from hwmodel.simulation.figures.figure_intervals import PERCENTILES
from hwmodel.simulation.figures.measurement import Snapshot
from hwmodel.simulation.fill.flow_book import Flows
from hwmodel.units import FS_PER_NS

GROUPS = ("broadcast", "multicast", "unknown")  # targets of flows that are not a single station


def named_drops(counts: Any) -> dict[str, int]:
    """Return the drop counts that are not zero, by reason."""
    return {DropReason(int(i)).name: int(counts[i]) for i in np.flatnonzero(counts)}


class Samples(NamedTuple):
    """Hold a sample of latencies: extremes, sum, and the histogram's counts from column `first` on."""

    min_fs: int
    max_fs: int
    sum_fs: int
    first: int
    counts: npt.NDArray[np.int64]

    def summary(self) -> Latency:
        """Return count, extremes, mean and percentiles."""
        return summarize_latency(
            self.counts, min_fs=self.min_fs, max_fs=self.max_fs, sum_fs=self.sum_fs, first=self.first
        )


def samples_of(rows: Iterable[npt.NDArray[np.int32]], min_fs: int, max_fs: int, sum_fs: int) -> Samples:
    """Add up histograms, reading only columns that can be filled: reading others would allocate their memory."""
    columns = filled_columns(min_fs, max_fs, HISTOGRAM_BUCKETS)
    counts = np.zeros(columns.stop - columns.start, np.int64)
    for row in rows:
        counts += row[columns]
    return Samples(min_fs, max_fs, sum_fs, columns.start, counts)


def latency_from(end: Snapshot, name: str) -> Latency:
    """Summarise one histogram with its exact extremes and sum."""
    latency = end.latency(name)
    if not int(latency["n"]):
        return Latency()
    row = counts_of(vars(end), name)
    lowest_fs, highest_fs, sum_fs = (int(latency[name]) for name in ("lowest_fs", "highest_fs", "sum_fs"))
    return samples_of([row], lowest_fs, highest_fs, sum_fs).summary()


class FlowLatencies:
    """Summarise the latencies of a snapshot's flows, one by one and together."""

    def __init__(self, end: Snapshot) -> None:
        self._histogram = end.histogram
        self._latency = latency = end.flows["latency"]
        self._rows = end.flows["histogram"].tolist()
        self._n, self._lowest_fs, self._highest_fs = (
            latency[name].tolist() for name in ("n", "lowest_fs", "highest_fs")
        )
        self._sum_fs = latency["sum_fs"].copy()

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
        found = self.samples(numbers)
        return Latency() if found is None else found.summary()

    def apart(self, groups: Mapping[str, Sequence[int]]) -> dict[str, Latency]:
        """Summarise each group of flows with any delivery; only extremes and mean if groups share a histogram.

        With very many flows, all flows to one target share a histogram.
        """
        chosen = {name: [number for number in numbers if self._n[number]] for name, numbers in groups.items()}
        rows = {name: {self._rows[number] for number in numbers} for name, numbers in chosen.items()}
        users = Counter(row for each in rows.values() for row in each)
        return {
            name: self.of(numbers) if all(users[row] == 1 for row in rows[name]) else self.moments(numbers)
            for name, numbers in chosen.items()
            if numbers
        }

    def moments(self, numbers: Sequence[int]) -> Latency:
        """Summarise flows that have no histogram of their own: extremes and mean, no percentiles."""
        chosen = [number for number in numbers if self._n[number]]
        if not chosen:
            return Latency()
        n = sum([self._n[number] for number in chosen])
        sum_fs = float(self._sum_fs[chosen].sum()) if len(chosen) > 1 else self._sum_fs.item(chosen[0])
        return Latency(
            min=min([self._lowest_fs[number] for number in chosen]) / FS_PER_NS,
            mean=sum_fs / n / FS_PER_NS,
            max=max([self._highest_fs[number] for number in chosen]) / FS_PER_NS,
            count=n,
        )

    def moments_of_each(self, numbers: npt.NDArray[np.int64]) -> list[Latency]:
        """Summarise each of many flows as `moments` does."""
        latency, none = self._latency[numbers], Latency()
        n = latency["n"]
        means = latency["sum_fs"] / np.maximum(n, 1) / FS_PER_NS
        ends = (latency[name] / FS_PER_NS for name in ("lowest_fs", "highest_fs"))
        columns = (each.tolist() for each in (*ends, means, n))
        return [
            Latency(min=lowest, mean=mean, max=highest, count=count) if count else none
            for lowest, highest, mean, count in zip(*columns, strict=True)
        ]


def latencies_by_direction(config: Config, flows: Flows, latencies: FlowLatencies) -> dict[str, Latency]:
    """Return the latency from post to delivery by direction; empty if all frames go in the same direction.

    Directions are from and to the wire, between VMs of one adapter, and between adapters over a bridge.
    """
    vms = vms_of(servers_of(config))
    at = np.array([vms[name].at if name in vms else -1 for name in flows.names], np.int64)
    is_outside, is_group = (
        np.array([is_kind(name) for name in flows.names], bool) for is_kind in (is_uplink, GROUPS.__contains__)
    )
    sender, target = flows.senders, flows.receivers
    is_elsewhere = ~is_group[target] & (at[sender] != at[target])
    direction = np.select(
        [is_outside[sender], is_outside[target], is_elsewhere], ["from_wire", "to_wire", "over_bridge"], "vm_to_vm"
    )
    found = latencies.apart({name: np.flatnonzero(direction == name).tolist() for name in DIRECTIONS})
    return found if len(found) > 1 else {}


def latency_parts(end: Snapshot) -> tuple[Latency, dict[str, dict[str, float]]]:
    """Return the latency from post to taken, and its parts in ns, for the mean and for each percentile.

    A percentile is the mean of the frames in its bucket. Its parts come from a sample of these frames if they are many
    (`journey_state.SAMPLED_ALL`), scaled by less than a bucket's width of 0.8 % so that they add up to the mean.
    """
    times = _times(end, "to_guest")
    if not times:
        return Latency(), {}
    n, parts_fs = int(end.latency("to_guest")["n"]), end.parts_fs
    has_bridge = any(parts_fs[part] for part in BRIDGE_PARTS)
    names = [part for part in ALL_PARTS if has_bridge or part not in BRIDGE_PARTS]
    parts = {"mean": {part: parts_fs[part] / n / FS_PER_NS for part in names}}
    for name, (bucket, mean_ns) in times.items():
        sums = end.sampled_parts["sums"][bucket]
        sampled = {part: float(sums[part]) for part in names}
        whole = fsum(sampled.values())
        parts[name] = {part: time * mean_ns / whole if whole else 0.0 for part, time in sampled.items()}
    return _summary(end.latency("to_guest"), times, fsum(parts["mean"].values())), parts


def delivery_latency(end: Snapshot) -> Latency:
    """Return the latency from post to delivery; a percentile is the mean of the frames in its bucket here too."""
    times = _times(end, "delivery")
    latency = end.latency("delivery")
    if not times:
        return Latency()
    return _summary(latency, times, float(latency["sum_fs"]) / int(latency["n"]) / FS_PER_NS)


def _summary(latency: Any, times: dict[str, tuple[int, float]], mean_ns: float) -> Latency:
    lowest, highest = int(latency["lowest_fs"]) / FS_PER_NS, int(latency["highest_fs"]) / FS_PER_NS
    percentiles = {name: of_bucket_ns for name, (_, of_bucket_ns) in times.items()}
    return Latency(min=lowest, max=highest, count=int(latency["n"]), mean=mean_ns, **percentiles)


def _times(end: Snapshot, name: str) -> dict[str, tuple[int, float]]:
    """Return the bucket of each percentile of a latency, and the mean of its samples in ns."""
    latency = end.latency(name)
    n = int(latency["n"])
    if not n:
        return {}
    columns = filled_columns(int(latency["lowest_fs"]), int(latency["highest_fs"]), HISTOGRAM_BUCKETS)
    counts = counts_of(vars(end), name)[columns]
    sums = end.latency_counts[f"{name}_fs"][columns]
    found = {}
    for percentile, (per_mille, least_samples) in PERCENTILES.items():
        if n >= least_samples:
            at = quantile_bucket(counts, per_mille, 1000)
            found[percentile] = (columns.start + at, float(sums[at]) / int(counts[at]) / FS_PER_NS)
    return found
