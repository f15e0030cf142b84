"""Machines drawn at random with DMA engines and an order of writes, and loads for them, for both implementations."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any

from tests import drawn_drivers, drawn_hosts
from tests.drawn_drivers import Drawn, draw_keys, draw_load
from tests.drawn_hosts import some_of, stretched
from tests.engine_and_oracle import VFS

ENGINE: Mapping[str, Sequence[Any]] = {
    "operation": ("0ns", "41.0003ns", "97.0007ns", "230.0011ns"),
    "small": ("0B", "16B", "64B", "128B", "300B"),
    "small_operation": ("0ns", "17.0003ns", "61.0009ns", "150.0001ns"),
    "start": ("0ns", "11.0003ns", "53.0007ns"),
    "piece": ("16B", "64B", "100B", "128B", "512B"),
    "piece_time": ("0ns", "3.0001ns", "13.0007ns"),
    "rate": (None, "23Gbps", "41.3Gbps", "90Gbps"),
    "latency": ("0ns", "66.0001ns", "185.0003ns", "900.0007ns"),
    "outstanding": (2, 3, 4, 7, 16, 256),
    "large": ("0B", "64B", "256B", "511B", "1MiB"),
}
PATH: Mapping[str, Sequence[Any]] = {
    "shared_rate": (None, "31Gbps", "52.7Gbps"),
    "shared_time": ("0ns", "4.0003ns", "29.0007ns"),
    "shared_bytes": ("16B", "100B", "512B", "1MiB"),
}
WRITE_LATENCIES = ("90.0007ns", "470.0009ns", "2100.0007ns")
CHOICES: Mapping[str, Sequence[Any]] = {
    **drawn_drivers.CHOICES,
    **drawn_hosts.CHOICES,
    "host.write_latency": ("0ns", *WRITE_LATENCIES),
    "host.buffer_bytes": ("1KiB", "2KiB", "16KiB"),
    "host.buffer_offset": ("0B", "64B", "100B"),
    "host.write_drain": (None, None, "12Gbps", "31.7Gbps"),
    "pcie.ordering": ("strict", "relaxed", "id_based"),
    "pcie.tags": (1, 2, 3, 8, 32),
    "pcie.max_payload": ("128B", "256B", "512B"),
    "pcie.max_read_request": ("128B", "256B", "512B", "1KiB"),
    "pcie.read_completion_boundary": ("64B", "128B"),
    "pcie.switch_hops": (0, 1, 3),
    "pcie.switch_latency": ("110.0003ns", "150.0007ns"),
    "pcie.ecrc": (False, True),
    "pcie.address_bits": (32, 64),
    "nic.rx_prefetch": (0, 8, 11),
    "nic.descriptor_cache": (20, 64),
    "nic.store_rate": (None, "8Gbps", "33Gbps"),
    "nic.max_pps": (None, 1_500_003),
    "switch.timing": ("none", "core"),
    "switch.mirrors": ([], [{"to": "vf3", "from": "vf0"}], [{"to": "pf", "from": "vf1", "direction": "egress"}]),
}
LONG_FRAMES = {
    "switch.ports": [{"name": name, "max_frame": "9728B"} for name in ("pf", *VFS)],
    "nic.tx_buffer": "32KiB",
    "nic.rx_buffer": "32KiB",
    "nic.rx_ring": 128,
}


def draw(seed: int, n: int = 600) -> Drawn:
    """Draw engines, or an order of writes, or both, with some other keys and a load."""
    chance = random.Random(f"engines {seed}")
    changes = draw_keys(chance, CHOICES)
    has_engines = chance.random() < 0.75
    if has_engines:
        changes["nic.dma"] = {**_some(chance, PATH), "read": _some(chance, ENGINE), "write": _some(chance, ENGINE)}
    if not has_engines or chance.random() < 0.5:
        changes["pcie.ordering"] = chance.choice(("relaxed", "id_based"))
        changes["host.write_latency"] = chance.choice(WRITE_LATENCIES)
    if chance.random() < 0.4:
        changes["host.iotlb"] = {"entries": 9, "miss": "330.0013ns", **some_of(chance, drawn_hosts.IOMMU, 0)}
    if chance.random() < 0.3:
        changes["host.cache"] = {"size": "300KiB", **some_of(chance, drawn_hosts.MEMORY, 2)}
    changes, load = draw_load(chance, changes, n, loops=0.1)
    if isinstance(load, Mapping):
        return Drawn(changes, load)
    # Where reads are slow more time between frames lets most of them get through, and each rule has its turn.
    load = stretched(load, chance.choice((5, 9, 20) if _reads_are_slow(changes) else (1, 2, 5)))
    if chance.random() < 0.2:
        changes |= LONG_FRAMES
        load = [(at_ns, source, to, chance.choice((n_bytes, 9018))) for at_ns, source, to, n_bytes in load]
    return Drawn({**changes, "run.duration": f"{load[-1][0] - 20_000}ns"}, load)


def _reads_are_slow(changes: Mapping[str, Any]) -> bool:
    read = changes.get("nic.dma", {}).get("read", {})
    is_short_of_tags = min(changes.get("pcie.tags", 32), read.get("outstanding", 256)) < 8
    return is_short_of_tags or changes.get("nic.rx_prefetch") == 0 or read.get("latency") == "900.0007ns"


def _some(chance: random.Random, choices: Mapping[str, Sequence[Any]]) -> dict[str, Any]:
    """Draw values of some keys, of all as often as not."""
    return some_of(chance, choices, len(choices) if chance.random() < 0.5 else 0)
