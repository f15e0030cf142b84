"""Random configurations for the bench of what limits: machines of every kind, devices as sold, several servers."""

from __future__ import annotations

import random
from typing import Any

from benches.bottleneck_cases import MIXES, Blocks, draw
from benches.ceilings_cases import draw_saturated

DEVICES = ("82576", "82599", "82599", "X540", "X550", "XL710", "XL710")
DRIVERS = ("kernel", "kernel_busy_poll", "dpdk", "dpdk")
PATTERNS = ("pairs", "pairs", "uniform", "incast", "ring", "broadcast", "to_wire")
LENGTHS = (64, 64, 128, 256, 512, 1024, 1518)


def draw_wide(drawn: random.Random) -> Blocks:
    """Draw a random machine, one with engines and an IOMMU, a device as it is sold, or several servers."""
    of_kind = drawn.random()
    if of_kind < 0.25:
        return draw(drawn)
    if of_kind < 0.45:
        return draw_saturated(drawn)
    return draw_device(drawn) if of_kind < 0.75 else draw_servers(drawn)


def draw_device(drawn: random.Random) -> Blocks:
    """Draw a device and a driver by their presets, with a few keys that designers turn."""
    n_vfs = drawn.choice((1, 2, 4, 4, 7, 8, 16))
    nic: dict[str, Any] = {"preset": drawn.choice(DEVICES), "vfs": min(n_vfs, 7)}
    if nic["preset"] != "82576":
        nic["vfs"] = n_vfs
    driver: dict[str, Any] = {"preset": drawn.choice(DRIVERS)}
    for name, values in (("rx_ring", (64, 64, 128, 256)), ("tx_ring", (64, 128, 1024)), ("rx_buffer", ("64KiB",)),
                         ("rx_prefetch", (0, 16)), ("drop_enable", (True, False))):  # fmt: skip
        if drawn.random() < 0.3:
            nic[name] = drawn.choice(values)
    for name, values in (("moderation", ("20us", "125us")), ("frame_time", ("50ns", "400ns", "2us")),
                         ("interrupt_time", ("0ns", "4us")), ("byte_time", ("0.5ns",)),
                         ("refill_batch", (1, 32))):  # fmt: skip
        if drawn.random() < 0.2:
            driver[name] = drawn.choice(values)
    host: dict[str, Any] = {}
    if drawn.random() < 0.3:
        host["iotlb"] = {"entries": drawn.choice((64, 256)), "miss": "330ns", "walkers": drawn.choice((1, 2, 6, 6))}
    if drawn.random() < 0.3:
        host["cores"] = drawn.choice((1, 2, 4))
    pcie: dict[str, Any] = {"generation": drawn.choice((2, 3)), "lanes": drawn.choice((1, 2, 4, 8, 8))}
    if drawn.random() < 0.3:
        pcie["tags"] = drawn.choice((4, 8, 16))
    return {"pcie": pcie, "nic": nic, "driver": driver, "host": host, "workload": _workload(drawn, PATTERNS)}


def _workload(drawn: random.Random, patterns: tuple[str, ...]) -> dict[str, Any]:
    workload: dict[str, Any] = {"pattern": drawn.choice(patterns), "load": "saturate"}
    if drawn.random() < 0.8:
        workload["frame_bytes"] = drawn.choice(LENGTHS)
    else:
        workload["sizes"] = drawn.choice(MIXES[:3])
    if drawn.random() < 0.35:
        workload["load"] = drawn.choice((0.3, 0.9, 1.5, "500Mbps", "1Gbps", "3Gbps", "100Kpps"))
        workload["arrivals"] = drawn.choice(("poisson", "periodic"))
        workload["on_full"] = drawn.choice(("wait", "drop"))
    if drawn.random() < 0.2 and workload["pattern"] != "to_wire":
        workload["wire_share"] = drawn.choice((0.2, 0.5))
    return workload


def draw_servers(drawn: random.Random) -> Blocks:
    """Draw two to four servers on a bridge, alike or with one that differs in some keys."""
    blocks = draw_device(drawn)
    names = "abcd"[: drawn.choice((2, 2, 3, 4))]
    blocks["nic"]["vfs"] = drawn.choice((1, 2, 4))
    blocks["port"] = {"rate": drawn.choice(("10Gbps", "25Gbps", "40Gbps"))}
    changes: dict[str, Any] = {}
    if drawn.random() < 0.4:
        changes = drawn.choice(({"pcie.lanes": 1}, {"nic.rx_ring": 64}, {"driver.frame_time": "3us"},
                                {"port.rate": "1Gbps"}, {"pcie.tags": 2}))  # fmt: skip
    servers: list[dict[str, Any]] = [{"name": name} for name in names]
    if changes:
        servers[-1]["set"] = changes
    blocks["bridge"] = {
        "kind": "learning",
        "buffer": drawn.choice(("16KiB", "128KiB", "1MiB")),
        "announce": True,
    }
    if drawn.random() < 0.2:
        blocks["switch"] = {"mode": "vepa"}
    workload = _workload(drawn, ("pairs", "uniform", "incast", "ring"))
    workload.pop("wire_share", None)
    if drawn.random() < 0.4:
        workload |= {"pattern": "flows", "flows": _flows(drawn, names, blocks["nic"]["vfs"])}
    return {**blocks, "servers": servers, "workload": workload}  # type: ignore[dict-item]


def _flows(drawn: random.Random, names: str, n_vfs: int) -> list[list[str | None]]:
    stations = [f"{name}.vf{k}" for name in names for k in range(n_vfs)]
    pairs = [drawn.sample(stations, 2) for _ in range(drawn.randint(2, 6))]
    return [[*pair, drawn.choice((None, None, "1Gbps", "4Gbps"))] for pair in pairs]
