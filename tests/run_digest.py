"""Digests of small runs that together reach every block of the machine.

`python -m tests.run_digest` prints them as JSON: of each case, what it found, when it delivered what, and the whole
state at its end; cases that are named are left out. With `--called` come the names of the kernel functions that ran, in
a process without compilation.
`python -m tests.run_digest --write` writes tests/golden/digests.json anew; do so where a change of results is meant.
"""

from __future__ import annotations

import ast
import gc
import hashlib
import json
import sys
import tempfile
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any
from unittest import mock

import numpy as np

from hwmodel.compiled import COMPILED_BLOCKS
from hwmodel.compiled.far_tables import tables_in
from hwmodel.compiled.records import NEVER
from hwmodel.forwarding.header_store import HEADERS_BEGIN
from hwmodel.machine.counts.flow_state import FLOWS_BEGIN
from hwmodel.machine.counts.journey_state import JOURNEYS_BEGIN, LOG_BEGINS
from hwmodel.machine.frames import RING_BEGINS
from hwmodel.machine.guest.guest_state import FIRST_PLACES
from hwmodel.machine.network.bridge_state import BRIDGE
from hwmodel.machine.server import SERVER
from hwmodel.simulation.run import server_threads
from tests.digest_cases import (
    AGENTS,
    BOND_CASES,
    BOND_CHANGES,
    BUSES,
    DRIVER_JOBS,
    FRAMES,
    FUNCTIONS_OFF,
    HOSTS,
    HOSTS_OFF,
    OF_CONTROL,
    OF_DRIVERS,
    OF_VIRTUAL_SWITCHES,
    PRIVATE,
    STALLS,
    WORKS_MEANWHILE,
)
from tests.run_cases import BATCHES_OF_ONE, BROADCAST, OUTSIDE, frame, logged, mac, merged, write_capture
from tests.state_digest import state_digest

GOLDEN = Path(__file__).parent / "golden" / "digests.json"
PACKAGE = Path(__file__).parents[1] / "hwmodel"
GOLDEN_SEEDS = (1, 20240607)
PAGE_BYTES = 4096

# Cases reach blocks of the machine, not limits of devices; what a run says of these is left out of the digests.
SHORT = {"nic": {"strict": False}, "run": {"warmup": "4us", "duration": "16us"}}
CASES: Mapping[str, Mapping[str, Any]] = {
    "saturated": {
        "nic": {"vfs": 4, "queues_per_vf": 2, "tx_ring": 64, "rx_ring": 64},
        "driver": {"rx_interrupt_batch": 4},
        "host": {"jitter": {"kind": "uniform", "range": "300ns"}},
        "workload": {"sizes": [[64, 7], [570, 4], [1518, 1]]},
    },
    "interrupts": {
        "nic": {"vfs": 4, "tx_writeback_batch": 3, "rx_writeback_batch": 5, "writeback_timeout": "700ns"},
        "driver": {"preset": None, "moderation": "2us", "tx_interrupt_batch": 2, "refill_batch": 4},
        "workload": {
            "pattern": "uniform", "load": "4Gbps", "wire_share": 0.3, "external": {"rate": "2Gbps"},
            "frame_bytes": 500,
        },
    },
    "credits": {
        "pcie": {
            "credits": {"ph": 3, "pd": 64, "nph": 2, "cplh": 2, "cpld": 40}, "propagation": "60ns",
            "dllp_model": "tlp1", "arbitration": "arrival", "tags": 5, "address_bits": 32, "ecrc": True,
        },
        "host": {"completion_bytes": "rcb", "write_drain": "40Gbps", "buffer_offset": "64B"},
        "nic": {"vfs": 2, "store_rate": "30Gbps", "max_pps": 3_000_000, "rx_prefetch": 0},
        "driver": {"preset": "dpdk"},
        "workload": {"load": "5Gbps", "arrivals": "on_off", "peak_rate": "20Gbps", "mean_burst": 5,
                     "external": {"rate": "1Gbps", "arrivals": "periodic", "frame_bytes": 64}},
    },
    "groups": {
        "nic": {"vfs": 4, "tx_ring": 8, "preset": None, "fetch_batch": 2, "tx_writeback_batch": 2},
        "driver": {"preset": None, "tx_doorbell_batch": 2, "rx_interrupt_batch": 3, "tx_interrupt_batch": 0},
        "switch": {"acl": [{"port": "vf1", "action": "police", "rate": "1Gbps", "burst": "3KiB"}]},
        "workload": {"pattern": "broadcast", "load": "7Gbps", "on_full": "drop", "frame_bytes": 300},
    },
    "mirrored_and_translated": {
        "nic": {"vfs": 3, "preset": None, "rx_ring": 64, "rx_buffer": "4KiB", "tx_buffer": "4KiB"},
        "driver": {"preset": "dpdk", "frame_time": "300ns"},
        "host": {"cores": 4, "iotlb": {"entries": 3, "miss": "330ns"}},
        "switch": {
            "acl": [{"port": "vf1", "action": "police", "rate": "1Gbps", "burst": "3KiB"}],
            "mirrors": [{"to": "pf", "vlan": 1}, {"to": "vf2", "from": "uplink", "direction": "egress"},
                        {"to": "vf0", "from": "vf1"}],
        },
        "workload": {"pattern": "broadcast", "load": "2Gbps", "frame_bytes": 300,
                     "external": {"rate": "2Gbps", "frame_bytes": 500}},
    },
    "weighted": {
        "nic": {"vfs": 3, "tx_buffer": "64MiB"}, "driver": {"preset": "dpdk"},
        "switch": {"scheduler": "weighted", "ports": [{"name": "vf1", "weight": 3}, {"name": "vf2", "weight": 2}]},
        "pcie": {"arbitration": "writes_first", "dllp_model": "spec"},
        "host": {"jitter": {"kind": "histogram", "bins": [["0ns", 5], ["400ns", 1]]}},
        "workload": {"pattern": "ring", "frame_bytes": 256},
    },
    "guarantees": {
        "nic": {"vfs": 4}, "switch": {"scheduler": "deficit", "ports": [
            {"name": "vf1", "min_rate": "700Mbps", "weight": 2}, {"name": "vf3", "min_rate": "1.2Gbps"}]},
        "workload": {"pattern": "uniform", "sizes": [[64, 3], [1518, 1]], "frame_bytes": None},
    },
    "classes": {
        "pcie": {"generation": 1, "lanes": 2},
        "nic": {"vfs": 4, "queues_per_vf": 2, "tx_buffer": "8KiB", "rx_buffer": "4KiB", "arbitration": {
            "classes": [{"percent": 50, "group": 1, "strict": "group"}, {"percent": 20, "group": 1}, {"percent": 30},
                        {"strict": "link"}],
            "packet_plane": "round_robin",
        }},
        "driver": {"preset": "dpdk"}, "port": {"rate": "2500Mbps"},
        "switch": {"mirrors": [{"to": "pf", "from": "vf3"}], "ports": [
            {"name": "vf0", "classes": [0, 1]}, {"name": "vf1", "classes": [1], "receive_limit": "300Mbps"},
            {"name": "vf2", "classes": [2, 1], "min_rate": "200Mbps", "weight": 3},
            {"name": "vf3", "classes": [3], "rate_limit": "333Mbps", "credits": {"refill": 9, "max": 40}}]},
        "workload": {"pattern": "broadcast", "sizes": [[64, 3], [700, 1]], "frame_bytes": None},
    },
    "classes_with_room": {
        "nic": {"vfs": 2, "tx_buffer": "64MiB", "arbitration": {"classes": [{"percent": 70}, {"percent": 30}],
                "pools": "round_robin", "descriptor_plane": "round_robin"}},
        "driver": {"preset": "dpdk"}, "switch": {"ports": [{"name": "vf0", "default_priority": 7}]},
        "workload": {"frame_bytes": 300, "wire_share": 0.5},
    },
    "deficit": {
        "nic": {"vfs": 3}, "driver": {"preset": "dpdk"},
        "switch": {"scheduler": "deficit", "ports": [{"name": "vf2", "rate_limit": "3Gbps"},
                                                     {"name": "vf1", "weight": 2}]},
        "workload": {"pattern": "incast", "sizes": [[64, 1], [1000, 1]], "frame_bytes": None},
    },
    "strict": {
        "nic": {"vfs": 3, "rx_ring": 16, "preset": None, "tx_buffer": "3KiB", "rx_buffer": "3KiB"},
        "driver": {"preset": None, "frame_time": "300ns", "rx_interrupt_batch": 0},
        "switch": {"scheduler": "strict"}, "host": {"cores": 2}, "workload": {"pattern": "incast", "frame_bytes": 700},
    },
    "from_the_wire": {
        "nic": {"vfs": 2, "rx_buffer": "4KiB"}, "pcie": {"generation": 1, "lanes": 1},
        "driver": {"preset": "dpdk"}, "switch": {"mode": "vn_tag"},
        "workload": {"pattern": "flows", "flows": [["uplink", "vf0", None], ["vf0", "vf1", None]]},
    },
    "switch_core": {
        "nic": {"vfs": 4, "rx_buffer": "8KiB"}, "driver": {"preset": "dpdk"}, "pcie": {"generation": 3, "lanes": 8},
        "switch": {"timing": "core", "bus_bits": 128, "clock": "33.3MHz"},
        "workload": {"sizes": [[64, 2], [300, 1]], "frame_bytes": None, "wire_share": 0.3,
                     "external": {"rate": "8Gbps", "frame_bytes": 1000}},
    },
    "ports": {
        "port": {"count": 4, "rate": "4Gbps"}, "nic": {"preset": None, "vfs": 8, "tx_buffer": "16KiB"},
        "driver": {"preset": "dpdk"},
        "switch": {
            "timing": "core", "bus_bits": 64, "clock": "100MHz", "mirrors": [{"to": "vf5", "vlan": 1}],
            "acl": [{"port": "all", "action": "police", "rate": "2Gbps", "burst": "3KiB"}],
            "ports": [{"name": "vf7", "port": "p1"}, {"name": "vf6", "port": "p1"}],
        },
        "workload": {"pattern": "broadcast", "load": "1Gbps", "frame_bytes": 300, "external": {"rate": "2Gbps"}},
    },
    "bridge": {
        "nic": {"vfs": 4, "rx_buffer": "8KiB"}, "driver": {"preset": "dpdk"}, "switch": {"mode": "vepa"},
        "bridge": {
            "table": 3, "ageing": "3us", "forwarding": "cut_through", "propagation": "20ns", "buffer": "2KiB",
            "sharing": "all", "ports": {"outside": {"rate": "20Gbps"}},
            "policy": [{"port": "vf1", "action": "police", "rate": "1Gbps", "burst": "3KiB"}],
        },
        "workload": {"pattern": "uniform", "load": "4Gbps", "wire_share": 0.3, "frame_bytes": 700,
                     "external": {"rate": "6Gbps"}},
    },
    "servers": {
        "servers": [{"name": "a"}, {"name": "b", "set": {"pcie.lanes": 2, "nic.vfs": 2}},
                    {"name": "c", "set": {"port.rate": "25Gbps"}}],
        "nic": {"vfs": 4}, "driver": {"preset": "dpdk"}, "bridge": {"announce": True, "buffer": "16KiB"},
        "workload": {"pattern": "uniform", "sizes": [[64, 1], [1000, 1]], "frame_bytes": None, "wire_share": 0.1},
    },
    "trees": {
        "servers": [{"name": "a", "adapters": [{"name": "w"}, {"name": "x", "set": {"pcie.propagation": "5ns"}},
                                               {"name": "y"}, {"name": "z"}],
                     "tree": {"switches": [
                         {"name": "s1", "lanes": 2, "credits": {"ph": 4, "pd": 40, "nph": 3, "cplh": 4, "cpld": 32}},
                         {"name": "s2", "behind": "s1", "lanes": 1, "forwarding": "store_and_forward", "weight": 2,
                          "propagation": "3ns"}], "slots": {"w": {"behind": "s1", "weight": 3}, "z": {"lanes": 1},
                                                            "x": {"behind": "s2"}, "y": {"behind": "s2"}}}}],
        "pcie": {"credits": {"ph": 9, "pd": 48, "nph": 3, "cplh": 6, "cpld": 60}}, "host": {"write_drain": "20Gbps"},
        "nic": {"vfs": 2}, "driver": {"preset": "dpdk"},
        "workload": {"pattern": "uniform", "sizes": [[64, 2], [1000, 1]], "frame_bytes": None, "wire_share": 0.1},
        "run": {"warmup": "4us", "duration": "26us"},
    },
    **BUSES,
    "hosts": HOSTS,
    "interfaces": {
        "servers": [{"name": "a"}, {"name": "b"}], "nic": {"vfs": 2}, "switch": {"mode": "e_tag"},
        "bridge": {"kind": "controlling"},
        "workload": {"pattern": "broadcast", "load": "2Gbps", "frame_bytes": 300, "external": {"rate": "2Gbps"}},
    },
    "memory": {
        "pcie": {"generation": 3, "lanes": 8, "ordering": "id_based"},
        "host": {
            "write_latency": "50ns",
            "iotlb": {"entries": 6, "miss": "300ns", "walkers": 2, "walk_lines": 2, "near_miss": "200ns",
                      "invalidation": "deferred", "flush_after": 8},
            "cache": {"size": "64KiB", "write_miss": "60ns"},
        },
        "nic": {
            "preset": None, "vfs": 2, "queue_time": "4us", "descriptor_cache": 8, "rx_prefetch": 8,
            "dma": {"read": {"operation": "20ns", "start": "8ns", "rate": "60Gbps", "latency": "60ns", "outstanding": 4,
                             "large": "128B"},
                    "write": {"start": "7ns", "piece": "128B", "piece_time": "10ns", "latency": "100ns"},
                    "shared_rate": "90Gbps", "shared_bytes": "1KiB"},
        },
        "driver": {"preset": "dpdk"}, "workload": {"frame_bytes": 300},
    },
    "sends": {
        "nic": {
            "preset": None, "vfs": 3, "rsc": {"timeout": "1us"}, "header_split": "128B", "tx_ring": 64,
            "tx_writeback_batch": 4, "rx_ring": 64,
        },
        "driver": {"preset": None, "tso_context": "changed", "send_byte_time": "0.01ns", "send_time": "300ns"},
        "switch": {
            "scheduler": "deficit", "mirrors": [{"to": "pf", "from": "vf1"}],
            "ports": [{"name": "vf2", "min_rate": "6Gbps"}],
        },
        "workload": {
            "pattern": "uniform", "segment_bytes": "20KiB", "mss": "200B", "wire_share": 0.2,
            "external": {"rate": "2Gbps", "frame_bytes": 300, "arrivals": "periodic"},
        },
    },
    "extenders": {
        "servers": [{"name": "a"}, {"name": "b"}, {"name": "c"}], "nic": {"vfs": 2}, "switch": {"mode": "vn_tag"},
        "bridge": {
            "kind": "controlling", "buffer": "8KiB",
            "extenders": {"fex0": {"rate": "3Gbps", "buffer": "4KiB", "sharing": "all", "latency": "200ns"},
                          "fex1": {"behind": "fex0", "rate": "7Gbps", "forwarding": "cut_through", "buffer": "8KiB"}},
            "ports": {"a": {"behind": "fex1"}, "b": {"behind": "fex1"}, "c": {"behind": "fex0"}},
        },
        "workload": {"pattern": "broadcast", "load": "2Gbps", "frame_bytes": 300, "external": {"rate": "2Gbps"}},
    },
    "service_levels": {
        "nic": {"vfs": 4}, "driver": {"preset": "dpdk"},
        "switch": {"mode": "multichannel", "s_channels": {"10": "veb", "20": "vepa"},
                   "ports": [{"name": "vf0", "s_channel": 10}, {"name": "vf2", "s_channel": 20}]},
        "bridge": {"announce": True, "buffer": "12KiB", "ports": {"outside": {"rate": "40Gbps"}, "adapter": {
            "s_channels": {"10": {"weight": 3}, "20": {"rate": "300Mbps", "burst": "0B"}}}}},
        "workload": {"pattern": "uniform", "load": "1Gbps", "sizes": [[64, 3], [1000, 1]], "frame_bytes": None,
                     "external": {"rate": "3Gbps", "frame_bytes": 64}},
    },
    "translated": {
        "nic": {"vfs": 3}, "driver": {"preset": "dpdk"},
        "switch": {"ports": [{"name": f"vf{i}", "port_vlan": 101 + i} for i in range(3)]},
        "bridge": {"ports": {"adapter": {"translate": {"101": 10, "102": 10, "103": 11}}}},
        "workload": {"pattern": "uniform", "load": "2Gbps", "frame_bytes": 700, "external": {"rate": "2Gbps"}},
    },
    "ports_at_a_bridge": {
        "port": {"count": 2}, "nic": {"preset": None, "vfs": 4, "rx_buffer": "8KiB"}, "driver": {"preset": "dpdk"},
        "switch": {"mode": "vepa"},
        "bridge": {"buffer": "16KiB", "ports": {"p1": {"translate": {"7": 1}}}, "flow_control": {
            "mode": "pause", "quanta": 30, "refresh": 9, "headroom": "5KiB"}},
        "workload": {"pattern": "uniform", "load": "3Gbps", "wire_share": 0.2, "frame_bytes": 700,
                     "external": {"rate": "3Gbps"}},
    },
    "ports_at_bridges": {
        "servers": [{"name": "a"}, {"name": "b", "set": {"port.count": 1, "port.rate": "25Gbps"}}],
        "port": {"count": 4, "rate": "4Gbps"}, "nic": {"preset": None, "vfs": 4}, "switch": {"mode": "e_tag"},
        "bridges": [
            {"name": "left", "kind": "controlling", "extenders": {"fex": {"rate": "7Gbps"}}, "ports": {
                "a.p0": {"behind": "fex"}, "a.p2": {"behind": "fex"}, "a.p3": {}, "trunk": {"to": "right.trunk"}}},
            {"name": "right", "kind": "controlling", "ports": {"a.p1": {}, "b": {}, "trunk": {}}},
        ],
        "workload": {"pattern": "broadcast", "load": "700Mbps", "frame_bytes": 300, "external": {"rate": "1Gbps"}},
    },
    "agents": AGENTS,
    "driver_jobs": DRIVER_JOBS,
    "frames": FRAMES,
    **OF_CONTROL,
    "commands": {
        "nic": {"vfs": 3}, "driver": {"preset": "dpdk"},
        "workload": {"pattern": "uniform", "load": "4Gbps", "frame_bytes": 300, "external": {"rate": "1Gbps"}},
    },
    "functions_off": FUNCTIONS_OFF,
    "rings": {
        "nic": {"preset": None, "vfs": 2, "queues_per_vf": 2, "vectors_per_function": 1, "rx_ring": 16,
                "descriptor_cache": 40, "shared_descriptor_cache": 40,
                "txdctl": {"hthresh": 5, "wthresh": 0, "rs": 4}, "rxdctl": {"pthresh": 4, "hthresh": 4}},
        "driver": {"preset": "kernel", "refill_batch": 2},
        "switch": {"ports": [{"name": "vf1", "drop_enable": [False, True]}]},
        "workload": {"pattern": "flows", "frame_bytes": 1518, "flows": [
            ["uplink", "vf1", "8Gbps"], ["uplink", "vf0", "300Mbps"], ["vf0", "vf1", "800Mbps"],
            ["vf1", "vf0", "800Mbps"]]},
        "run": {"warmup": "4us", "duration": "160us"},
    },
    "inline": {
        "nic": {"preset": None, "vfs": 3, "tx_ring": 64, "descriptor_cache": 4, "fetch_batch": 2, "rx_fetch_batch": 2,
                "rx_prefetch": 2, "tx_descriptor": "64B", "completion_entry": "64B", "doorbell": "8B"},
        "driver": {"preset": None, "tx_doorbell_batch": 1, "doorbell": "inline", "rx_interrupt_batch": 2,
                   "vms": {"vf1": {"doorbell": "tail"}}},
        "host": {"iotlb": {"entries": 9, "miss": "330ns"}},
        "workload": {"pattern": "uniform", "load": "900Mbps", "sizes": [[64, 3], [570, 1]], "frame_bytes": None,
                     "arrivals": "poisson"},
    },
    "pause": {
        "pcie": {"generation": 1, "lanes": 1}, "port": {"count": 2},
        "nic": {"preset": None, "vfs": 2, "rx_buffer": "8KiB", "rx_ring": 64, "drop_enable": False, "flow_control": {
            "mode": "pause", "headroom": "4KiB", "low_water": "2KiB", "quanta": 8, "refresh": 4,
            "received": [{"at": "3us", "quanta": 9, "port": "p0"}, {"at": "5us", "quanta": 90, "port": "p1"},
                         {"at": "7us", "quanta": 0, "port": "p1"}],
        }},
        "driver": {"preset": "dpdk"},
        "workload": {"pattern": "flows", "frame_bytes": 700, "external": {"rate": "6Gbps"},
                     "flows": [["pf", "vf0", "2Gbps"], ["pf", "p0.uplink", "5Gbps"], ["vf1", "p1.uplink", "1Gbps"]]},
        "run": {"warmup": "4us", "duration": "40us"},
    },
    "pfc": {
        "pcie": {"generation": 1, "lanes": 2},
        "nic": {"preset": None, "vfs": 3, "rx_buffer": "16KiB", "rx_ring": 64, "drop_enable": False,
                "max_pps": 3_000_000, "arbitration": {"classes": [{"percent": 20}, {"percent": 80}]},
                "flow_control": {"mode": "pfc", "quanta": 20, "refresh": 9, "headroom": ["4KiB", "3KiB"],
                                 "received": [{"at": "4us", "quanta": 30, "priorities": [0]},
                                              {"at": "6us", "quanta": 0, "priorities": [0, 5]}]}},
        "driver": {"preset": "dpdk", "vms": {"vf2": {"refill": False}}},
        "switch": {"timing": "core", "uplink": {"native_vlan": None},
                   "ports": [{"name": "vf1", "default_priority": 5}]},
        "workload": {"pattern": "flows", "frame_bytes": 700, "external": {"rate": "8Gbps"},
                     "flows": [["vf0", "vf1", "2Gbps"], ["vf1", "uplink", "5Gbps"], ["vf0", "vf2", "1Gbps"],
                               ["pf", "vf0", "2Gbps"]]},
        "run": {"warmup": "4us", "duration": "40us"},
    },
    "pfc_bridge": {
        "servers": [{"name": "a", "set": {"pcie.lanes": 1}}, {"name": "b"}], "pcie": {"generation": 1, "lanes": 4},
        "nic": {"preset": None, "vfs": 2, "rx_buffer": "16KiB", "drop_enable": False,
                "arbitration": {"classes": [{"percent": 50}, {"percent": 50}]},
                "flow_control": {"mode": "pfc", "headroom": "5KiB", "quanta": 20, "refresh": 9}},
        "switch": {"uplink": {"native_vlan": None}, "ports": [{"name": "vf1", "default_priority": 5}]},
        "driver": {"preset": "dpdk"}, "bridge": {"announce": True, "buffer": "16KiB", "flow_control": {
            "mode": "pfc", "classes": [{"percent": 50}, {"percent": 50}], "quanta": 20, "refresh": 9,
            "headroom": "5KiB"}},
        "workload": {"pattern": "flows", "frame_bytes": 700, "external": {"rate": "1Gbps"},
                     "flows": [["b.vf0", "a.vf0", "8Gbps"], ["b.vf1", "a.vf1", "1Gbps"], ["a.vf0", "b.vf0", "1Gbps"]]},
        "run": {"warmup": "4us", "duration": "60us"},
    },
    "loads": {
        "nic": {"vfs": 3, "tx_ring": 64, "tx_writeback_batch": 1}, "driver": {"preset": "dpdk"},
        "workload": {
            "pattern": "flows", "frame_bytes": 300, "arrivals": "on_off", "peak_rate": "40Gbps", "mean_burst": 4,
            "flows": [["vf0", "vf1", "9Gbps"], ["vf0", "uplink"], ["vf1", "vf2", "1Gbps"], ["vf2", "vf0"]], "load": 0,
            "external": {"rate": "1Gbps", "arrivals": "periodic"},
        },
    },
    "loads_bridge": {
        "servers": [{"name": "a"}, {"name": "b"}], "nic": {"vfs": 2}, "driver": {"preset": "dpdk"}, "bridge": {},
        "workload": {"pattern": "uniform", "load": "1Gbps", "frame_bytes": 300, "external": {"rate": "1Kbps"}},
    },
    "commands_bridge": {
        "servers": [{"name": "a"}, {"name": "b"}], "nic": {"vfs": 2}, "driver": {"preset": "dpdk"},
        "bridge": {"table": 2, "samples": [{"from": "a", "one_in": 4}]},
        "workload": {"pattern": "uniform", "load": "3Gbps", "frame_bytes": 300, "external": {"rate": "1Gbps"}},
    },
    "capture_bridge": {
        "nic": {"vfs": 2, "queues_per_vf": 2}, "switch": {"mode": "vepa"}, "bridge": {"latency": "1us"},
        "workload": {"pcap_time": "file"}, "run": {"warmup": "auto", "duration": "1ms"},
    },
    "capture": {
        "nic": {"vfs": 2, "queues_per_vf": 2}, "switch": {"ports": [{"name": "vf1", "untagged": []}]},
        "workload": {"pcap_time": "file"}, "run": {"warmup": "auto", "duration": "1ms"},
    },
    "flows": {
        "nic": {"mode": "vmdq", "vfs": 2, "queues_per_vf": 2, "steering": {
            "tuple_filters": [{"source_port": 32768, "queue": 1}],
            "flow_director": {"mode": "signature", "atr": True, "filters": [
                {"pool": "vf0", "protocol": "tcp", "source": "10.0.0.4", "destination": "10.0.0.3",
                 "source_port": 5001, "destination_port": 32770, "queue": "drop"}]},
        }},
        "host": {"cores": 3}, "driver": {"preset": "dpdk", "pass_time": "50ns"},
        "switch": {"ports": [{"name": "vf0", "cores": [2, 0]}]},
        "workload": {"load": "4Gbps", "connections": 4, "frame_bytes": 300, "external": {"rate": "1Gbps"}},
    },
    **OF_VIRTUAL_SWITCHES,
    "capture_pools": {
        "nic": {"vfs": 2, "queues_per_vf": 2, "steering": {
            "ethertype_filters": [{"ethertype": 0x1234, "pool": "pf"}],
            "flow_director": {"filters": [{"protocol": "tcp", "destination_port": 772, "queue": "drop"}]},
        }},
        "switch": {
            "ports": [{"name": "vf0", "macs": ["02:00:00:00:77:77"]}, {"name": "vf1", "accept": ["unicast_hash"]}],
            "pool_filters": {"default_pool": "pf", "replication": False, "unicast_hash": ["02:00:00:00:00:02"]},
        },
        "workload": {"pcap_time": "file"}, "run": {"warmup": "auto", "duration": "1ms"},
    },
    "capture_asap": {
        "nic": {"vfs": 2}, "host": {"buffer_bytes": "256B"},
        "workload": {"pcap_time": "asap"}, "run": {"warmup": "auto", "duration": "1ms"},
    },
    **BOND_CASES,
    **STALLS, **PRIVATE,
}  # fmt: skip


LIMITED = {"switch.ports.vf0.rate_limit": "900Mbps"}
POLICED = {"switch.acl": [{"port": "vf1", "action": "police", "rate": "500Mbps", "burst": "2KiB"}]}
APART = {"switch.ports.vf1": {"port_vlan": 7, "vlans": [7], "untagged": [7]}}
# None of them comes true.
WATCHES: list[dict[str, Any]] = [
    {"vm": "vf1", "tx_ring": "empty"}, {"vm": "pf", "rx_ring": "empty"}, {"vm": "pf", "up": False},
    {"vm": "vf0", "delivered": 10**6}, {"vm": "vf2", "dropped": 10**6},
    {"of": "vf0", "figure": "tx_gbps", "above": "100Gbps", "within": "1us"},
    {"of": "pf", "figure": "totals.mpps", "below": "1pps", "within": "1s"},
]  # fmt: skip
FASTER = {"workload.flows": [["vf0", "vf1", "30Gbps"], ["vf0", "uplink"], ["vf1", "vf2", "2Gbps"], ["vf2", "vf0"]]}
# By case, and by the time in ns, what differs from then on.
CHANGES: Mapping[str, Mapping[int, Mapping[str, Any]]] = {
    **BOND_CHANGES,
    "capture_pools": {900_000: LIMITED},  # when the capture is over
    "commands": {
        0: POLICED, 3000: LIMITED, 5000: {**LIMITED, **APART}, 7000: {"pcie.generation": 3},
        9000: {**POLICED, "switch.acl.0.rate": "2Gbps"}, 12000: APART, 14000: LIMITED, 16000: {"port.rate": "2500Mbps"},
        18000: {"pcie.lanes": 2, "pcie.max_read_request": "128B"}, 20000: {},
    },
    "driver_jobs": OF_DRIVERS,
    "hosts": HOSTS_OFF,
    "functions_off": {
        2000: {"off": ["vf0"], "watches": WATCHES},
        3500: {"off": ["vf0", "vf1"], "jobs": [WORKS_MEANWHILE]},
        5000: {"off": ["vf1"]}, 5500: {"off": ["vf2"]}, 6200: {"off": ["vf0"]}, 8000: {"off": ["vf1"]}, 12000: {},
    },
    "rings": {4000: {"driver.vms.vf1.refill": False}, 150_000: {}, 155_000: {"nic.drop_enable": False}},
    "classes": {
        6000: {"off": ["vf1"]}, 9000: {"off": ["vf1", "vf2"]}, 11000: {}, 13000: {"port.down": ["p0"]}, 16000: {},
    },
    "pfc": {9000: {"off": ["vf1"]}, 20000: {"off": ["vf1", "vf0"]}, 25000: {"off": ["vf2"]}, 35000: {}},
    "loads": {
        0: FASTER, 3000: {**FASTER, "workload.mean_burst": 9}, 6000: {"workload.load": "saturate"},
        9000: {**FASTER, "workload.load": "2Gbps"}, 9500: {}, 10000: {"workload.external.rate": "8Gbps"},
        14000: {"workload.arrivals": "poisson", "workload.load": "3Gbps", "workload.peak_rate": None}, 18000: {},
    },
    "ports": {
        3000: {"port.down": ["p1"]}, 6000: {"port.down": ["p0", "p3"], "port.rate": "10Gbps"},
        9000: {"port.down": ["p0"]}, 12000: {"switch.ports.vf1.rate_limit": "300Mbps"}, 15000: {},
    },
    "ports_at_a_bridge": {4000: {"port.down": ["p1"]}, 9000: {"port.down": ["p0"]}, 13000: {}},
    "loads_bridge": {
        6000: {"workload.load": "6Gbps"}, 9000: {"workload.external.rate": "5Gbps"},
        12000: {"workload.load": "saturate"}, 16000: {},
    },
    "commands_bridge": {
        2000: {"bridge.latency": "100ns"}, 5000: {"bridge.policy": [{"port": "a.vf0", "action": "deny"}]},
        8000: {"bridge.policy": [{"port": "a.vf0", "action": "police", "rate": "1Gbps", "burst": "2KiB"}]},
        10000: {"bridge.ports.outside.rate": "2500Mbps", "bridge.ageing": "2us", "bridge.mirrors": [
            {"from": "a", "direction": "both", "to_vlan": 9}, {"vlan": 1, "collector": "b.vf0"}]}, 12000: {},
    },
}  # fmt: skip


def captured(folder: str) -> str:
    """Write the capture that the cases replay; return its path."""
    ends = [("vf0", "vf1"), ("vf1", "vf0"), ("vf0", BROADCAST), (OUTSIDE, "vf0"), ("vf1", OUTSIDE), ("vf0", "vf0")]
    frames = []
    for i in range(60):
        source, target = ends[i * 5 % len(ends)]
        tag = [None, None, 1 | 5 << 13, 9][i % 4]
        frames.append((i * 90, frame(source, target, [60, 400, 1514, 1800][i % 7 % 4], c_tag=tag)))
    raw = bytes.fromhex((mac("vf1") + mac("vf0")).replace(":", "")) + b"\x08\x00\x45\x00\x00\x2c\0\0\0\0\x40\x06\0\0"
    frames.append((6000, (raw + bytes([10, 0, 0, 1, 10, 0, 0, 2, 1, 2, 3, 4])).ljust(60, b"\0")))
    return str(write_capture(Path(folder, "in.pcap"), frames))


def machine_of(name: str, seed: int, capture: str) -> dict[str, Any]:
    """Return the configuration of a case."""
    case: Mapping[str, Any] = CASES[name]
    if name.startswith("capture"):
        case = merged(BATCHES_OF_ONE, case, {"workload": {"pcap": capture}})
    machine = merged(SHORT, case, {"run": {"seed": seed, "clocks": "exact"}})
    return {**machine, "changes": CHANGES[name]} if name in CHANGES else machine


def digests_of(machine: Mapping[str, Any]) -> dict[str, Any]:
    """Run a case; return digests of its result without configuration and host, of its deliveries, of its state."""
    changes = machine.get("changes")
    run, result, rows = logged({name: block for name, block in machine.items() if name != "changes"}, changes=changes)
    system = run.machine.system
    found = result.to_mapping(include_host_run=False)
    del found["config"], found["config_hash"]
    found["warnings"] = [one for one in found["warnings"] if not one.startswith("nic.strict")]
    for part in (found, *found.get("adapters", ())):  # by core, which other tests look at
        part["cpu"].pop("cores", None)
    columns = (rows.at_fs, rows.egress_port, rows.frame_bytes, rows.record)
    table = np.stack([column.astype(np.int64) for column in columns], axis=1)
    return {
        "delivered_frames": result.totals.delivered_frames,
        "gbps": result.totals.gbps,
        "result": hashlib.sha256(json.dumps(found, sort_keys=True).encode()).hexdigest(),
        "deliveries": hashlib.sha256(table.tobytes()).hexdigest(),
        "state": state_digest(run.state) if system is None else state_digest(run.state) + state_digest(system.bridges),
    }


class TogetherAlways(server_threads.Pace):
    """Let all threads run, however quick they are."""

    def next_piece(self) -> tuple[int, int]:
        """Return that they run the next piece, as long as the call is."""
        return self.most, NEVER


@contextmanager
def short_tables() -> Iterator[None]:
    """Let tables that grow in a run begin so short that they do, in these short runs."""
    with ExitStack() as patches:
        for _, kind in (*tables_in(SERVER), *tables_in(BRIDGE)):
            if kind.first in {RING_BEGINS, HEADERS_BEGIN, FLOWS_BEGIN, LOG_BEGINS, JOURNEYS_BEGIN}:
                patches.enter_context(mock.patch.object(kind, "first", FIRST_PLACES))
        yield


def all_digests(seeds: tuple[int, ...], cases: Iterable[str] = CASES) -> dict[str, dict[str, Any]]:
    """Return the digests of cases with each seed, by `case/seed`."""
    # However few servers there are, hints are given, and two threads run them: what no case calls is not compared.
    at_once = {"FEW_SERVERS": 0, "FEW_EVENTS": 0, "Pace": TogetherAlways}
    with (
        tempfile.TemporaryDirectory() as folder,
        mock.patch.multiple(server_threads, **at_once),
        mock.patch.object(server_threads, "n_threads_for", lambda n_servers, _asked: min(2, n_servers)),
        short_tables(),
    ):
        capture = captured(folder)
        return {f"{name}/{seed}": digests_of(machine_of(name, seed, capture)) for name in cases for seed in seeds}


def kernel_functions() -> set[str]:
    """Return `module.function` of all compiled functions, as their sources have them."""
    return {
        f"{_dotted(path)}.{item.name}"
        for block in COMPILED_BLOCKS
        for path in (PACKAGE / block).rglob("*.py")
        for item in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(item, ast.FunctionDef) and item.decorator_list
    }


def watch_calls() -> set[CodeType]:
    """Note each kernel function at its first call from now on; to trace every call takes half as long again."""
    called: set[CodeType] = set()
    folders = {PACKAGE / block for block in COMPILED_BLOCKS}
    functions = [one for one in gc.get_objects() if isinstance(one, FunctionType)]
    kernels = [one for one in functions if folders & set(Path(one.__code__.co_filename).parents)]
    codes = [one.__code__ for one in kernels]

    def first_call_of(number: int) -> FunctionType:
        called.add(codes[number])
        kernels[number].__code__ = codes[number]
        return kernels[number]

    for number, function in enumerate(kernels):
        if not function.__code__.co_freevars:
            made: dict[str, FunctionType] = {}
            exec(f"def noted(*given, **named): return first_call_of({number})(*given, **named)", made)
            function.__globals__["first_call_of"] = first_call_of
            function.__code__ = made["noted"].__code__
    return called


def names_of(codes: set[CodeType]) -> set[str]:
    """Return `module.function` of those that are in the kernels."""
    folders = {PACKAGE / block for block in COMPILED_BLOCKS}
    return {
        f"{_dotted(path)}.{code.co_name}" for code in codes if folders & set((path := Path(code.co_filename)).parents)
    }


def _dotted(path: Path) -> str:
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts)


def main(arguments: list[str]) -> None:
    """Print digests, or write the golden ones."""
    warnings.simplefilter("error")  # numpy warns of an overflow, compiled code does not
    if "--write" in arguments:
        golden = all_digests(GOLDEN_SEEDS)
        for digests in golden.values():
            del digests["state"]  # its layout may change, what it stands for may not
        GOLDEN.write_text(json.dumps(golden, indent=2) + "\n", encoding="utf-8")
        return
    called = watch_calls() if "--called" in arguments else set()
    found = all_digests((1,), [name for name in CASES if name not in arguments])
    print(json.dumps({"digests": found, "called": sorted(names_of(called))}))


if __name__ == "__main__":
    main(sys.argv[1:])
