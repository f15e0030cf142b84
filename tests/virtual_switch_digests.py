"""Machines with a virtual switch, of which `run_digest` keeps what they find."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

OF_VIRTUAL_SWITCHES: Mapping[str, Mapping[str, Any]] = {
    "virtual_switch": {
        "nic": {"mode": "vswitch", "vfs": 4, "rx_ring": 64}, "switch": {"mirrors": [{"to": "vf3", "from": "vf0"}]},
        "host": {"cores": 5, "virtual_switch": {"cores": [4, 1], "batch": 5, "batch_time": "90ns", "kick": "200ns"}},
        "workload": {"pattern": "uniform", "load": "3Gbps", "frame_bytes": 300},
    },
    "uplink": {
        "nic": {"mode": "vswitch", "vfs": 4, "rx_ring": 64, "tx_ring": 64, "rx_buffer": "8KiB"},
        "host": {"cores": 6, "virtual_switch": {"cores": [4, 1], "frame_time": "700ns", "kick": "200ns"}},
        "driver": {"vms": {"pf": {"refill": False}}}, "run": {"duration": "70us"}, "port": {"rate": "2Gbps"},
        "workload": {"pattern": "uniform", "load": "2Gbps", "frame_bytes": 300, "wire_share": 0.3,
                     "external": {"rate": "1400Mbps", "frame_bytes": 64}},
    },
    "flow_cache": {
        "nic": {"mode": "vswitch", "vfs": 4, "rx_ring": 64},
        "host": {"cores": 6, "virtual_switch": {"cores": [4, 1], "batch": 5, "flow_cache": {
            "exact_entries": 6, "exact_time": "20ns", "wildcard_entries": 12, "wildcard_match": "connections",
            "miss_time": "700ns", "miss_cores": [5, 0], "miss_queue": 3}}},
        "workload": {"pattern": "uniform", "load": "3Gbps", "frame_bytes": 300, "connections": 3},
        "run": {"warmup": "4us", "duration": "60us"},
    },
    "segments_cut_by_core": {
        "nic": {"mode": "vswitch", "vfs": 3, "rx_ring": 64, "tx_ring": 64, "tso": False, "preset": None},
        "host": {"cores": 6, "virtual_switch": {"cores": [4, 1], "ecn_threshold": "4KiB"}},
        "switch": {"acl": [{"port": "vf0", "action": "police", "rate": "1Gbps", "burst": "16KiB"}]},
        "port": {"rate": "2Gbps"}, "run": {"warmup": "4us", "duration": "60us"},
        "workload": {"pattern": "uniform", "segment_bytes": "9KiB", "load": "4Gbps", "wire_share": 0.6},
    },
    "segments_cut_by_adapter": {
        "nic": {"mode": "vswitch", "vfs": 3, "rx_ring": 64, "tx_ring": 64, "preset": None, "max_pps": 3_000_000},
        "host": {"cores": 6, "virtual_switch": {"cores": [4, 1], "ecn_threshold": "4KiB"}},
        "driver": {"vms": {"pf": {"tso_context": "changed"}}}, "switch": {"uplink": {"native_vlan": None}},
        "port": {"rate": "2Gbps"}, "run": {"warmup": "4us", "duration": "60us"},
        "workload": {"pattern": "uniform", "segment_bytes": "9KiB", "mss": "200B", "load": "4Gbps", "wire_share": 0.6},
    },
    "passing_rates": {
        "nic": {"mode": "vswitch", "vfs": 4, "rx_ring": 64, "tx_ring": 64},
        "host": {"cores": 7, "virtual_switch": {
            "cores": [5, 1], "batch": 5, "frame_time": "500ns", "on_uplink_full": "wait", "ecn_threshold": "600B",
            "sample_one_in": 3, "sample_time": "70ns", "flow_cache": {"miss_cores": [6], "miss_time": "1us"}}},
        "switch": {"scheduler": "deficit", "ports": [
            {"name": "vf0", "rate_limit": "300Mbps"}, {"name": "vf1", "min_rate": "700Mbps"},
            {"name": "vf2", "weight": 3}]},
        "port": {"rate": "1Gbps"}, "run": {"warmup": "4us", "duration": "80us"},
        "workload": {"pattern": "uniform", "load": "4Gbps", "frame_bytes": 300, "wire_share": 0.3, "connections": 3,
                     "external": {"rate": "300Mbps"}},
    },
}  # fmt: skip
