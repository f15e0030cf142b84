"""Machines drawn at random with DMA engines and an order of writes, and loads for them, for both implementations."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any

from tests import drawn_drivers
from tests.drawn_drivers import Drawn, draw_keys, draw_load

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
LINK_AND_HOST: Mapping[str, Sequence[Any]] = {
    "pcie.ordering": ("strict", "relaxed", "id_based"),
    "pcie.tags": (1, 2, 3, 8, 32),
    "pcie.max_payload": ("128B", "256B", "512B"),
    "pcie.max_read_request": ("128B", "256B", "512B", "1KiB"),
    "pcie.dllp_model": ("none", "tlp4", "tlp1"),
    "pcie.switch_hops": (0, 1, 3),
    "pcie.switch_latency": ("110.0003ns", "150.0007ns"),
    "host.write_latency": ("0ns", "90.0007ns", "470.0009ns", "2100.0007ns"),
    "host.write_drain": (None, None, "12Gbps", "31.7Gbps"),
    "host.buffer_bytes": ("512B", "2KiB", "16KiB"),
    "host.buffer_offset": ("0B", "64B", "100B"),
    "nic.rx_prefetch": (0, 8, 11),
    "nic.tx_buffer": ("3KiB", "32KiB"),
    "nic.rx_buffer": ("4KiB", "32KiB"),
    "nic.store_rate": (None, "8Gbps", "33Gbps"),
    "nic.max_pps": (None, 1_500_003),
    "switch.timing": ("none", "core"),
}
CHOICES = {**drawn_drivers.CHOICES, **LINK_AND_HOST}


def draw(seed: int, n: int = 700) -> Drawn:
    """Draw engines, or an order of writes, or both, with some other keys and a load."""
    chance = random.Random(f"engines {seed}")
    changes = draw_keys(chance, CHOICES)
    has_engines = chance.random() < 0.75
    if has_engines:
        changes["nic.dma"] = {**_some(chance, PATH), "read": _some(chance, ENGINE), "write": _some(chance, ENGINE)}
    if not has_engines or chance.random() < 0.5:
        changes["pcie.ordering"] = chance.choice(("relaxed", "id_based"))
        changes |= _some(chance, {"host.write_latency": LINK_AND_HOST["host.write_latency"][1:]}, least=1)
    return draw_load(chance, changes, n)


def _some(chance: random.Random, choices: Mapping[str, Sequence[Any]], least: int = 0) -> dict[str, Any]:
    """Draw values of some keys, of all as often as not."""
    n = len(choices) if chance.random() < 0.5 else chance.randint(least, len(choices))
    return {key: chance.choice(choices[key]) for key in chance.sample(sorted(choices), n)}
