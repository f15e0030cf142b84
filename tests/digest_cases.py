"""Small machines of which `run_digest` keeps what they find, by what is on trial in them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hwmodel.rules.driver_jobs import AGENTS_FROM, DOORBELLS, READ, RELEASE, TAKE_CORE, WAIT, WORK, WRITE
from hwmodel.simulation.run.commands import Job
from hwmodel.units import FS_PER_NS, FS_PER_US

# ---- Shared buses: one adapter on PCI, several on PCI-X ----

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

# ---- Virtual switches whose uplink is a bond ----

BOND_CASES: Mapping[str, Mapping[str, Any]] = {
    "bond": {
        "port": {"count": 4, "rate": "2Gbps"}, "nic": {"mode": "vswitch", "vfs": 4, "preset": None},
        "host": {"virtual_switch": {"bond": {"mode": "l4_hash", "lacp": "fast", "monitor": "3us"}}},
        "workload": {"pattern": "uniform", "load": "1Gbps", "frame_bytes": 300, "wire_share": 0.5, "connections": 9,
                     "external": {"rate": "1Gbps"}},
    },
    "bond_by_address": {
        "port": {"count": 2}, "nic": {"mode": "vswitch", "vfs": 4},
        "host": {"virtual_switch": {"bond": {"mode": "source_mac"}}},
        "switch": {"ports": [{"name": "vf1", "port_vlan": 7, "vlans": [7], "untagged": [7]}]},
        "workload": {"pattern": "to_wire", "load": "1Gbps", "frame_bytes": 300, "external": {"rate": "1Gbps"}},
    },
}  # fmt: skip
# By case, and by the time in ns, what differs from then on.
BOND_CHANGES: Mapping[str, Mapping[int, Mapping[str, Any]]] = {
    "bond": {
        5000: {"port.down": ["p1"]}, 8000: {"port.down": ["p1", "p2"]},
        11000: {"host.virtual_switch.bond.silent": ["p0"]}, 14000: {"port.down": ["p0", "p1", "p2", "p3"]},
    },
}  # fmt: skip

# ---- Private VLANs at an adapter, and at a bridge whose ports do not reach each other ----

PRIVATE: Mapping[str, Mapping[str, Any]] = {
    "private": {
        "nic": {"vfs": 4}, "driver": {"preset": "dpdk"},
        "switch": {"ports": [{"name": "vf0", "pvlan": "isolated"}, {"name": "vf1", "pvlan": "isolated"},
                             {"name": "vf2", "pvlan": {"community": 1}}]},
        "bridge": {"ports": {"adapter": {"pvlan": "isolated"}, "outside": {"pvlan": "isolated"}}},
        "workload": {"pattern": "broadcast", "load": "2Gbps", "frame_bytes": 300, "external": {"rate": "2Gbps"}},
    },
}  # fmt: skip

# ---- Hosts that stall ----

STALLS: Mapping[str, Mapping[str, Any]] = {
    "stalls": {
        "host": {"stall": {"every": "7us", "for": "2us"}}, "nic": {"vfs": 2, "rx_ring": 16},
        "driver": {"preset": "dpdk", "refill_batch": 4, "frame_time": "150ns"},
        "workload": {"load": "2Gbps", "frame_bytes": 300, "external": {"rate": "6Gbps"}},
    },
}  # fmt: skip

# ---- What drivers do beside frames: at cores that stall, some of whose functions go ----


def _begun(function: str, number: int, at_us: int, raises: str | None, *steps: tuple[int, int, int]) -> Job:
    return Job(function, number, at_us * FS_PER_US, 0, raises, steps)


DRIVER_JOBS: Mapping[str, Any] = {
    "host": {"cores": 2, "write_latency": "300ns", "stall": {"every": "7us", "for": "2us"}},
    "nic": {"vfs": 3}, "driver": {"preset": "dpdk"},
    "workload": {"pattern": "uniform", "load": "4Gbps", "frame_bytes": 300, "external": {"rate": "1Gbps"}},
}  # fmt: skip
KEEPS = ((TAKE_CORE, 1, 0), (WORK, 1, 900_000_000), (READ, 5, 0), (RELEASE, 1, 0), (WRITE, 2, 0))
WORKS = ((TAKE_CORE, 1, 0), (WORK, 1, 700_000_000), (RELEASE, 1, 0))
OF_DRIVERS: Mapping[int, Mapping[str, Any]] = {
    5000: {
        "jobs": [
            *(_begun(name, at, 5, "pf", *KEEPS) for at, name in enumerate(("pf", "vf0", "vf1", "vf2"))),
            _begun("vf0", 4, 4, "vf2", (READ, 20, 0), (WRITE, 20, 0), (WAIT, 1, 100_000_000), (WRITE, 1, 0)),
            _begun("vf2", 5, 6, None, (DOORBELLS, 9, 150_000_000)),
            _begun("vf1", AGENTS_FROM, 5, None, *WORKS),
        ],
    },
    6500: {"off": ["vf1"]},
    9000: {"off": ["vf2"], "jobs": [_begun("vf2", 6, 9, "pf", *KEEPS)]},
    12000: {"jobs": [_begun("vf2", at, 12, None, (TAKE_CORE, 1, 0), *KEEPS) for at in range(7, 11)]},
    13000: {"off": ["vf2"]},
    15000: {},
}  # fmt: skip

# ---- Functions that go and come ----

FUNCTIONS_OFF: Mapping[str, Any] = {
    "pcie": {"generation": 2, "lanes": 1, "propagation": "300ns"},
    "nic": {"vfs": 3, "store_rate": "8Gbps", "dma": {}},
    "driver": {"preset": "dpdk", "tx_doorbell_batch": 1, "refill_batch": 1},
    "host": {"cores": 2, "iotlb": {"entries": 16, "miss": "300ns"}},
    "workload": {"pattern": "uniform", "load": "saturate", "frame_bytes": 200, "external": {"rate": "1Gbps"}},
}
WORKS_MEANWHILE = Job("pf", AGENTS_FROM, 3500 * FS_PER_NS, 0, None, WORKS)

# ---- Machines with a virtual switch ----

OF_VIRTUAL_SWITCHES: Mapping[str, Mapping[str, Any]] = {
    "virtual_switch": {
        "nic": {"mode": "vswitch", "vfs": 4, "rx_ring": 64}, "switch": {"mirrors": [{"to": "vf3", "from": "vf0"}]},
        "host": {"cores": 5, "virtual_switch": {"cores": [4, 1], "batch": 5, "batch_time": "90ns", "kick": "200ns",
                                                "ring_time": "30ns", "further_rings": 2}},
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
    "threads": {
        "nic": {"mode": "vswitch", "vfs": 4, "rx_ring": 64, "tx_ring": 64},
        "host": {"cores": 7, "virtual_switch": {"cores": [4, 1], "thread_cores": [5, 6], "batch": 5}},
        "port": {"rate": "2Gbps"}, "run": {"warmup": "4us", "duration": "60us"},
        "workload": {"pattern": "uniform", "load": "3Gbps", "frame_bytes": 300, "wire_share": 0.3,
                     "external": {"rate": "1400Mbps"}},
    },
    "switches_of_servers": {
        "servers": [{"name": "a"},
                    {"name": "b", "set": {"host.virtual_switch.learning": {"table": 3, "announce": True}}}],
        "nic": {"mode": "vswitch", "vfs": 3, "rx_ring": 64, "tx_ring": 64},
        "driver": {"preset": "dpdk", "tx_doorbell_batch": 1},
        "host": {"virtual_switch": {
            "learning": {"ageing": "9us"}, "sample_one_in": 3, "flow_cache": {"miss_time": "300ns"}}},
        "bridge": {}, "run": {"warmup": "4us", "duration": "60us"},
        "workload": {"pattern": "uniform", "load": "1Gbps", "frame_bytes": 300, "wire_share": 0.2,
                     "external": {"rate": "400Mbps"}},
    },
    "switch_that_tags": {
        "nic": {"mode": "vswitch", "vfs": 3, "rx_ring": 64, "tx_ring": 64}, "switch": {"mode": "e_tag"},
        "driver": {"preset": "dpdk", "tx_doorbell_batch": 1}, "bridge": {"kind": "controlling"},
        "host": {"virtual_switch": {"flow_cache": {"exact_entries": 4, "miss_time": "300ns"}}},
        "run": {"warmup": "4us", "duration": "60us"},
        "workload": {"pattern": "uniform", "load": "1Gbps", "frame_bytes": 300, "wire_share": 0.2,
                     "external": {"rate": "400Mbps"}},
    },
}  # fmt: skip

# ---- Hosts that share an adapter: one goes, has another share, and comes again ----

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

SAID = {"to": "listener", "message": "more"}
GIVEN = {"from": "vf2", "to": "vf1", "ethertype": 0x88B6}
SLOW, FAST = ({"switch.ports.vf0.rate_limit": rate} for rate in ("900Mbps", None))
AGENTS: dict[str, Any] = {
    "nic": {"vfs": 3},
    "driver": {"preset": "dpdk"},
    "workload": {"pattern": "uniform", "load": "4Gbps", "frame_bytes": 300, "external": {"rate": "1Gbps"}},
    "agents": {
        "counter": {
            "work": "100ns",
            "core": "vf2",
            "rules": [
                {"when": {"of": "vf0", "figure": "delivered", "each": 5}, "set": [SLOW, FAST]},
                {"when": {"of": "vf1", "figure": "rx_gbps", "above": "1Gbps", "within": "2us"}, "send": SAID},
            ],
        },
        "listener": {"apart": True, "rules": [{"when": {"message": "more"}, "send": SAID}]},
    },
    "management": {"latency": "1us", "spread": "500ns", "loss": "10%"},
}
# Both frames of an instant are given to one driver; what the second carries leads to a setting.
FRAMES: dict[str, Any] = {
    **{key: value for key, value in AGENTS.items() if key in ("nic", "driver", "workload")},
    "agents": {
        "echo": {
            "rules": [
                {"when": {"frame": {"to": "vf0", "from": "vf1"}}, "send": {"frame": {**GIVEN, "frame_bytes": 99}}},
                {"when": {"frame": {"to": "vf0", "from": "vf1"}}, "send": {"frame": {**GIVEN, "message": "more"}}},
            ]
        },
        "setter": {
            "work": "100ns",
            "rules": [{"when": {"frame": {"to": "vf1", "ethertype": 0x88B6, "message": "more"}}, "set": [SLOW, FAST]}],
        },
    },
}
# Both ends of two legs speak LACP, first after a second.
LACP: dict[str, Any] = {
    "port": {"count": 2},
    "nic": {"mode": "vswitch", "vfs": 1},
    "host": {"virtual_switch": {"bond": {"mode": "l4_hash"}}},
    "driver": {"preset": "dpdk"},
    "workload": {"pattern": "to_wire", "load": "10Kbps", "frame_bytes": 300},
    "run": {"warmup": "0ns", "duration": "1005ms"},
    "agents": {"host": {"lacp": {"rate": "fast"}}, "leaf": {"lacp_partner": {}}},
}
# Two servers tell their bridge of VMs by VDP; one asks in vain, and a port's decision comes too late.
VDP: dict[str, Any] = {
    "servers": [{"name": "a"}, {"name": "b"}],
    "nic": {"vfs": 2},
    "driver": {"preset": "dpdk"},
    "switch": {"ports": [{"name": "vf0", "port_vlan": 7}], "uplink": {"vlans": [1, 7]}},
    "bridge": {"ports": {"a": {"vlans": [1]}, "b": {"vlans": [1]}}},
    "workload": {"pattern": "uniform", "load": "1Gbps", "frame_bytes": 300},
    "run": {"duration": "90us"},
    "agents": {
        "left": {
            "server": "a",
            "vdp_station": {
                **(QUICK := {"rte": 0, "rwd": 0, "rka": 1, "retries": 1, "processing": "2us"}),
                "by": "a.pf",
                "vms": {
                    "a.vf0": {"vlan": 7, "associate": "4us", "de_associate": "60us"},
                    "a.vf1": {"vlan": 1, "associate": "4us"},
                },
            },
        },
        "right": {
            "server": "b",
            "vdp_station": {**QUICK, "by": "b.pf", "vms": {"b.vf0": {"vlan": 7, "associate": "4us"}}},
        },
        "above": {"vdp_bridge": {**QUICK, "decides": "5us", "refuse": [{"vlan": 1, "code": 2}]}},
    },
}
OF_CONTROL: Mapping[str, Any] = {"vdp": VDP, "lacp": LACP}
