"""Small runs on shared buses, for digests: one adapter on PCI, several on PCI-X."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

BUSES: Mapping[str, Mapping[str, Any]] = {
    "a_pci_bus": {
        "pcie": {"bus": {"kind": "pci", "latency_timer": 16}, "tags": 2, "max_read_request": "256B"},
        "nic": {"vfs": 2}, "host": {"jitter": {"kind": "uniform", "range": "300ns"}},
        "workload": {"sizes": [[64, 1], [1000, 1]], "frame_bytes": None},
    },
    "buses": {
        "servers": [{"name": "a", "adapters": [{"name": "w"}, {"name": "x"}, {"name": "y"}]}, {"name": "b"}],
        "pcie": {"bus": {"clock_mhz": 133, "latency_timer": 20}, "arbitration": "arrival"},
        "nic": {"vfs": 2}, "driver": {"preset": "dpdk"},
        "workload": {"pattern": "uniform", "sizes": [[64, 2], [1000, 1]], "frame_bytes": None, "wire_share": 0.1},
        "run": {"warmup": "4us", "duration": "26us"},
    },
}  # fmt: skip
