"""Machines that cut sends into frames, and coalesce them again, drawn by a seed, for both implementations."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any

from tests.drawn_machines import ENGINE, ENGINE_KEYS, PATH, draw_keys, some_of

# Sends from one frame of a single byte up to the largest; MSS of a part of a read request and of several.
SEND_KEYS: Mapping[str, Sequence[Any]] = {
    "workload.segment_bytes": ("1B", "700B", "1448B", "5000B", "9001B", "16318B", "17KiB", "40000B", "64KiB"),
    "workload.mss": ("64B", "97B", "536B", "1448B", "1460B", "8948B"),
    "workload.header_bytes": ("54B", "66B", "255B"),
    "driver.send_time": ("0ns", "211.0007ns", "900.0003ns"),
    "driver.descriptor_time": ("0ns", "7.0003ns", "41.0001ns"),
    "driver.send_byte_time": ("0ns", "0ns", "0.1003ns"),
    "driver.tso_context": ("each", "changed"),
    "switch.scheduler": ("round_robin", "weighted", "deficit", "strict"),
}
RSC: Mapping[str, Sequence[Any]] = {
    "descriptors": (1, 4, 8, 16),
    "timeout": ("300.0007ns", "2100.0009ns", "6144ns", "40.0003us"),
}
ARRIVALS: Sequence[Mapping[str, Any]] = (
    {"workload.load": "saturate"},
    {"workload.load": "700Mbps", "workload.arrivals": "poisson"},
    {"workload.load": "2Gbps", "workload.arrivals": "periodic"},
    {
        "workload.load": "1500Mbps",
        "workload.arrivals": "on_off",
        "workload.peak_rate": "6Gbps",
        "workload.mean_burst": 3,
    },
)
WEIGHTED = [{"name": "vf0", "weight": 3}, {"name": "vf2", "rate_limit": "1300Mbps"}]


def draw_sends(seed: int) -> dict[str, Any]:
    """Draw a machine, sends, and when they come."""
    chance = random.Random(f"sends {seed}")
    changes = draw_keys(chance, {key: values for key, values in ENGINE_KEYS.items() if key != "switch.mirrors"})
    changes |= some_of(chance, SEND_KEYS, 3)
    changes |= {key: chance.choice(SEND_KEYS[key]) for key in ("workload.segment_bytes", "workload.mss")}
    changes |= chance.choice(ARRIVALS)
    changes["workload.pattern"] = chance.choice(("pairs", "pairs", "ring", "uniform", "incast", "to_wire"))
    if chance.random() < 0.3:
        changes["workload.external"] = {"rate": "900Mbps", "arrivals": "periodic"}
    if chance.random() < 0.4:
        changes["nic.dma"] = {"read": some_of(chance, ENGINE, 0), "write": some_of(chance, ENGINE, 0)}
        changes["nic.dma"] |= some_of(chance, PATH, 0)
    if seed % 2:
        changes["nic.rsc"] = some_of(chance, RSC, 0)
    if seed % 3 == 1:
        changes["nic.header_split"] = chance.choice(("64B", "128B", "256B"))
    if seed % 2 or seed % 3 == 1:
        changes["host.iotlb"] = None  # with which neither is modelled
    if seed % 4 == 2:  # pools, whose sends the hypervisor passes whole
        changes |= {"nic.mode": "vmdq", "driver.pass_time": "170.0009ns"}
        changes |= {"driver.pass_byte_time": chance.choice(("0ns", "0.0503ns"))}
        if changes.get("pcie.ordering") == "id_based":
            changes["pcie.ordering"] = "strict"
    # A send of 64 KiB has six descriptors, and frames of 64 B of payload are a thousand and more.
    changes |= {
        "nic.queues_per_vf": 1,
        "nic.tx_ring": chance.choice((24, 64, 67)),
        "nic.rx_ring": 128,
        "nic.descriptor_cache": 64,
        "nic.tx_buffer": chance.choice(("16KiB", "32KiB")),
        "nic.rx_buffer": "32KiB",
        "switch.ports": [{"name": "all", "max_frame": "9728B"}, *(WEIGHTED if chance.random() < 0.5 else [])],
        "run.seed": seed,
        "run.clocks": "exact",
        "run.warmup": "100us",
        "run.duration": "500us",
    }
    return changes
