"""Random configurations for benches.ceilings: those of benches.bottleneck, with what they leave out drawn beside."""

from __future__ import annotations

import random
from typing import Any

from benches.bottleneck_cases import Blocks, draw

STANDARD = 1518
PATTERNS = ("pairs", "uniform", "incast", "ring", "broadcast", "to_wire")


def draw_saturated(drawn: random.Random) -> Blocks:
    """Draw a machine and a load, most of them all that gets through, with engines, IOMMU, drivers and link in full."""
    blocks = draw(drawn)
    for block, more in (("pcie", _pcie), ("host", _host), ("nic", _nic), ("driver", _driver)):
        blocks[block] |= more(drawn)
    if drawn.random() < 0.7:  # one stream of frames of one length: what the closed form should come to
        _simplify(drawn, blocks["workload"])
    return blocks


def _simplify(drawn: random.Random, workload: dict[str, Any]) -> None:
    for key in ("flows", "wire_share", "external"):
        workload.pop(key, None)
    workload["load"] = "saturate"
    if workload["pattern"] == "flows":
        workload["pattern"] = drawn.choice(PATTERNS)


def _perhaps(drawn: random.Random, share: float, **choices: tuple[Any, ...]) -> dict[str, Any]:
    """Draw each key with a probability, one of its values."""
    return {key: drawn.choice(values) for key, values in choices.items() if drawn.random() < share}


def _pcie(drawn: random.Random) -> dict[str, Any]:
    return _perhaps(
        drawn, 0.25, address_bits=(32,), ecrc=(True,), ordering=("relaxed", "id_based"), switch_hops=(1, 2)
    )  # fmt: skip


def _host(drawn: random.Random) -> dict[str, Any]:
    host = _perhaps(
        drawn, 0.25, write_latency=("50ns", "400ns"), remote_latency=("100ns",), buffer_offset=("4B", "64B", "128B"),
        buffer_bytes=("256B", "1KiB", "4KiB"), cache=({"size": "25MiB"}, {"size": "1MiB", "warm": False}),
    )  # fmt: skip
    if drawn.random() < 0.4:
        host["iotlb"] = _iotlb(drawn)
    return host


def _iotlb(drawn: random.Random) -> dict[str, Any]:
    miss_ns = round(60 * 20 ** drawn.random())
    iotlb: dict[str, Any] = {
        "entries": drawn.choice((8, 32, 64, 128, 256, 1024, 8192)),
        "miss": f"{miss_ns}ns",
        "walkers": drawn.choice((1, 2, 4, 6, 6, 16, None)),
        "page": drawn.choice(("4KiB", "4KiB", "4KiB", "4KiB", "2MiB")),
    }
    if drawn.random() < 0.3:
        iotlb |= {"walk_lines": drawn.choice((4, 16, 64, 512)), "near_miss": f"{round(miss_ns * drawn.random())}ns"}
    if drawn.random() < 0.2:
        iotlb["split"] = True
    if drawn.random() < 0.25:
        iotlb |= {"invalidation": drawn.choice(("strict", "deferred")), "flush_after": drawn.choice((16, 256))}
    return iotlb


def _nic(drawn: random.Random) -> dict[str, Any]:
    nic = _perhaps(drawn, 0.1, queue_time=("40ns", "78ns", "300ns"))
    if drawn.random() < 0.2:
        dma: dict[str, Any] = {"read": _engine(drawn), "write": _engine(drawn)}
        if drawn.random() < 0.5:
            rates = {"shared_rate": ("20Gbps", "80Gbps"), "shared_time": ("0ns", "2ns"), "shared_bytes": ("1KiB",)}
            dma |= _perhaps(drawn, 1.0, **rates)
        nic["dma"] = dma
    return nic


def _engine(drawn: random.Random) -> dict[str, Any]:
    return _perhaps(
        drawn, 0.4, operation=("5ns", "24ns"), start=("7ns",), piece_time=("2ns", "10ns"), rate=("40Gbps", "160Gbps"),
        latency=("66ns", "185ns"), outstanding=(2, 8, 64), large=("192B",),
    )  # fmt: skip


def _driver(drawn: random.Random) -> dict[str, Any]:
    return _perhaps(
        drawn, 0.2, byte_time=("0.05ns", "0.1ns"), doorbell_time=("0ns", "100ns"), interrupt_time=("300ns", "1us"),
        exit_time=("1us",), wakeup_time=("3us",), poll_budget=(16, 64), send_burst=(16, 64),
    )  # fmt: skip
