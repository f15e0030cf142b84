"""The case of `run_digest` in which hosts share an adapter: one goes, has another share, and comes again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

HOSTS: Mapping[str, Any] = {
    "servers": [{"name": "a"}, {"name": "b"}],
    "multi_root": {
        "hosts": {"a": {"weight": 2, "lanes": 2}, "b": {"lanes": 1}},
        "inside_latency": "30ns",
        "credits": {"ph": 4, "pd": 40, "nph": 3, "cplh": 4, "cpld": 32},
    },
    "pcie": {"lanes": 2, "propagation": "3ns"},
    "nic": {"vfs": 2},
    "driver": {"preset": "dpdk"},
    "workload": {"pattern": "uniform", "sizes": [[64, 2], [1000, 1]], "frame_bytes": None},
}
HOSTS_OFF: Mapping[int, Mapping[str, Any]] = {
    5000: {"off": ["b.pf", "b.vf0", "b.vf1"]},
    9000: {"multi_root.hosts.b.weight": 3},
    12000: {},
}
