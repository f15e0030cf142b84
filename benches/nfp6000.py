"""The measured pair of adapter and host beside the model: pcie-bench's data of an NFP-6000 in a Xeon E5-2630 v4."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import cache
from itertools import islice
from pathlib import Path

from hwmodel.config import Config, load_config
from hwmodel.simulation import Window
from hwmodel.simulation.run.dma import bandwidth_gbps, latency_ns

ROOT = Path(__file__).resolve().parent.parent
CONFIG = ROOT / "configs" / "nfp6000_xeon_e5.yaml"
VECTORS = ROOT / "tests" / "vectors"
OWN_SOCKET = "bdw-Xeon-E5-2630v4-dell-t430-s0-s0-s0"
WITH_IOMMU = f"{OWN_SOCKET}-iommu-nosp"
SYSTEMS = {OWN_SOCKET: "own socket", "bdw-Xeon-E5-2630v4-dell-t430-s0-s1-s0": "other socket", WITH_IOMMU: "IOMMU"}
OPERATIONS = {"RD": "read", "WR": "write", "RW": "both", "WRRD": "write_read"}
STATISTICS = {"min": "least", "p50": "median", "p99": "p99", "p999": "p99.9"}
SMALL_WINDOW = Window(8 << 10)  # of the measurements by size
LEAST_BYTES = 64  # below, and off whole double words, the adapter takes other ways that are not modelled

# Fitted on the windows with the IOMMU, as are the defaults of walkers, of their lines and of the near miss.
IOMMU = {
    "host.iotlb.entries": 64,
    "host.iotlb.miss": "300ns",
}
# The adapter's short command path: no engine's latency. Its reads have a rare slow mode, which its writes that are
# read back have not, nor those with the IOMMU on: fitted as one more bin of the jitter.
COMMANDS = {"nic.dma.read.latency": "0ns", "nic.dma.write.latency": "0ns"}
SLOW_MODE = "[[0ns, 100], [13ns, 100], [27ns, 450], [40ns, 347], [345ns, 3]]"
# And what was measured with the IOMMU on answers 67 ns sooner there.
COMMANDS_WITH_IOMMU = {**COMMANDS, "host.read_latency": "380ns"}
# Other hosts with this adapter, reads of 64 B from a warm cache, ns. Of E5 hosts the largest of the medians that
# pcie-bench's data have; of the E3 the text of the paper, 6.2, the least and the median unverified.
PUBLISHED_READS = {
    "xeon_e5_2637v3": {"p50": 600},
    "xeon_e3_1226v3_outside_model": {"min": 493, "p50": 1213, "p99": 5707, "p999": 11987},
}


@dataclass(frozen=True)
class Figure:
    """Hold one measured figure beside the model's: of an `operation` on `n_bytes`, in a window or a small one."""

    group: str
    operation: str
    n_bytes: int
    window_bytes: int | None
    measured: float
    model: float

    @property
    def off_percent(self) -> float:
        """Give how far the model is off."""
        return 100 * (self.model / self.measured - 1)


@cache
def config_of(settings: tuple[tuple[str, object], ...]) -> Config:
    """Return the calibrated configuration with some keys changed."""
    return load_config(CONFIG, [f"{name}={value}" for name, value in settings])


def _changed(settings: Mapping[str, object]) -> Config:
    return config_of(tuple(settings.items()))


def _rows(name: str, every: int) -> Iterator[dict[str, str]]:
    with (VECTORS / f"nfp6000_{name}.csv").open(encoding="utf-8") as file:
        yield from islice(csv.DictReader(file), 0, None, every)


def by_size(every: int = 1) -> Iterator[Figure]:
    """Give bandwidth by transfer size, warm, in a small window, where the IOMMU never misses; Gb/s each way."""
    for row in _rows("bw", every):
        n_bytes = int(row["size"])
        if n_bytes < LEAST_BYTES:
            continue
        operation = OPERATIONS[row["test"].split("_")[-1]]
        system = SYSTEMS[row["system"]]
        config = _changed(IOMMU if row["system"] == WITH_IOMMU else {})
        model = bandwidth_gbps(config, n_bytes, operation, SMALL_WINDOW)
        yield Figure(f"by size, {system}", operation, n_bytes, None, float(row["gbps"]), model)


def by_window(every: int = 1) -> Iterator[Figure]:
    """Give bandwidth by window size, random order, warm and cold, without and with the IOMMU; Gb/s."""
    for row in _rows("windows", every):
        is_cold = row["cache"] == "Cold"
        settings = {
            **(IOMMU if row["system"] == WITH_IOMMU else {}),
            **({"host.cache.warm": "false"} if is_cold else {}),
        }
        operation, n_bytes = OPERATIONS[row["test"].split("_")[-1]], int(row["size_bytes"])
        window_bytes = int(row["window_bytes"])
        model = bandwidth_gbps(_changed(settings), n_bytes, operation, Window(window_bytes))
        group = f"windows, {SYSTEMS[row['system']]}, {'cold' if is_cold else 'warm'}"
        yield Figure(group, operation, n_bytes, window_bytes, float(row["gbps"]), model)


def latencies(every: int = 1) -> Iterator[tuple[Figure, Figure]]:
    """Give median and 99.9th percentile of latencies by size, ns."""
    for row in _rows("lat", every):
        path, test = row["test"].split("_")[1:]
        operation, n_bytes = OPERATIONS[test], int(row["size"])
        settings: dict[str, object] = dict(IOMMU) if row["system"] == WITH_IOMMU else {}
        if path == "CMD":
            is_read = operation == "read"
            settings |= COMMANDS_WITH_IOMMU if row["system"] == WITH_IOMMU and is_read else COMMANDS
            if is_read and row["system"] != WITH_IOMMU:
                settings["host.jitter.bins"] = SLOW_MODE
        found = latency_ns(_changed(settings), n_bytes, operation, SMALL_WINDOW)
        assert found.p50 is not None and found.p999 is not None
        group = f"{'engines' if path == 'DMA' else 'command path'}, {SYSTEMS[row['system']]}"
        yield (
            Figure(f"median latency, {group}", operation, n_bytes, None, float(row["median_ns"]), found.p50),
            Figure(f"p99.9 latency, {group}", operation, n_bytes, None, float(row["p999_ns"]), found.p999),
        )


def other_hosts() -> Iterator[Figure]:
    """Give what is published of the latency of reads in other hosts, beside the calibrated adapter in their presets."""
    for preset, published in PUBLISHED_READS.items():
        found = asdict(latency_ns(_changed({"host.preset": preset}), LEAST_BYTES, "read", SMALL_WINDOW))
        for statistic, measured in published.items():
            operation = f"read, {STATISTICS[statistic]}"
            yield Figure(f"host {preset}", operation, LEAST_BYTES, None, measured, found[statistic])
