"""Machines drawn at random, mostly the IOMMU and the memory of their host, for both implementations."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any

from tests import drawn_drivers
from tests.drawn_drivers import Drawn
from tests.engine_and_oracle import Recorded

# No whole nanoseconds: two things that are not made to happen in one instant hardly ever do.
IOMMU: Mapping[str, Sequence[Any]] = {
    "entries": (1, 4, 9, 16, 33, 64, 256),
    "miss": ("90.0017ns", "330.0013ns", "700.0029ns", "1500.0011ns"),
    "walkers": (None, 1, 2, 3, 6),
    "walk_lines": (0, 1, 3, 8, 32),
    "near_miss": (None, "0ns", "20.0007ns", "120.0009ns"),
    "page": ("4KiB", "4KiB", "8KiB", "64KiB", "2MiB"),
    "split": (False, True),
    "invalidation": ("none", "strict", "strict", "deferred"),
    "flush_after": (1, 7, 64, 256),
}
MEMORY: Mapping[str, Sequence[Any]] = {
    "size": ("64KiB", "300KiB", "4MiB"),
    "warm": (True, True, False),
    "read_miss": ("0ns", "80.0019ns", "300.0007ns"),
    "io_share_percent": (1, 10, 60, 100),
    "write_miss": ("0ns", "45.0023ns", "400.0019ns"),
}
CHOICES: Mapping[str, Sequence[Any]] = {
    "host.read_latency": ("200.0007ns", "450ns", "1000.0023ns"),
    "host.write_latency": ("0ns", "50.0009ns", "600.0043ns"),
    "host.remote_latency": ("0ns", "70.0011ns", "250.0037ns"),
    "host.jitter": (
        {"kind": "fixed"},
        {"kind": "uniform", "range": "1us"},
        {"kind": "histogram", "bins": [["0ns", 9], ["35.0003ns", 4], ["800.0007ns", 1]]},
    ),
    "host.buffer_bytes": ("512B", "2KiB", "4KiB", "16KiB"),
    "host.buffer_offset": ("0B", "64B", "128B"),
    "host.write_drain": (None, None, "20Gbps"),
    "host.completion_bytes": ("mps", "rcb"),
    "pcie.generation": (1, 2, 3),
    "pcie.lanes": (2, 4, 8, 16),
    "pcie.max_payload": ("128B", "256B"),
    "pcie.max_read_request": ("256B", "512B", "2KiB"),
    "pcie.tags": (3, 8, 32),
    "pcie.ordering": ("strict", "relaxed", "id_based"),
    "pcie.dllp_model": ("none", "tlp4", "tlp1"),
    "nic.rx_prefetch": (0, 4, 8),
    "nic.tx_buffer": ("8KiB", "32KiB"),
    "nic.rx_buffer": ("8KiB", "32KiB"),
    "run.seed": (1, 5),
}  # fmt: skip
# Frames whose Tx buffers have several pages.
JUMBO = {"switch.ports": [{"name": "all", "max_frame": "9018B"}], "nic.tx_buffer": "32KiB", "nic.rx_buffer": "32KiB"}


def some_of(chance: random.Random, choices: Mapping[str, Sequence[Any]], least: int) -> dict[str, Any]:
    """Draw some keys of these, and a value of each."""
    keys = chance.sample(sorted(choices), chance.randint(least, len(choices)))
    return {key: chance.choice(choices[key]) for key in keys}


def draw(seed: int, n: int = 500) -> Drawn:
    """Draw a machine with drivers of all kinds, always with an IOMMU, and a load for it.

    Ways of unmapping, counted walkers, and whether there is a last-level cache, go by the seed: six have all of them.
    """
    changes, load = drawn_drivers.draw(11_000 + seed, n)
    chance = random.Random(20_160 + seed)
    changes |= some_of(chance, CHOICES, 4)
    changes["host.iotlb"] = iommu = some_of(chance, IOMMU, 4)
    iommu |= {key: chance.choice(IOMMU[key]) for key in ("entries", "miss")}
    iommu["invalidation"] = ("none", "strict", "deferred")[seed % 3]
    iommu["walkers"] = chance.choice(IOMMU["walkers"][1:]) if seed % 2 else None
    if seed // 3 % 2:
        changes["host.cache"] = {"size": "300KiB", **some_of(chance, MEMORY, 2)}
    if not isinstance(load, Mapping):
        if chance.random() < 0.25:
            changes |= JUMBO | {"host.buffer_bytes": chance.choice(("2KiB", "4KiB", "16KiB"))}
            load = [(*frame[:3], chance.choice((64, 1518, 4000, 9018))) for frame in load]
        load = stretched(load, 8 if is_slow(changes, iommu) else chance.choice((1, 2)))
        changes["run.duration"] = f"{load[-1][0] - 20_000}ns"
    return Drawn(changes, load)


def is_slow(changes: Mapping[str, Any], iommu: Mapping[str, Any]) -> bool:
    """Tell whether a machine would carry hardly anything of the usual loads."""
    one_by_one = changes.get("nic.rx_prefetch") == 0 or changes.get("pcie.tags") == 3
    return one_by_one or iommu["walkers"] == 1 or iommu["entries"] == 1


def stretched(frames: Recorded, by: int) -> Recorded:
    """Return frames with so much more time between them."""
    return [(by * at_ns, *frame) for at_ns, *frame in frames]
