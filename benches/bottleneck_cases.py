"""Random configurations of every kind of machine and load, for benches.bottleneck: one seed, one list."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any

from hwmodel.config import Config, config_from_mapping
from hwmodel.errors import InputError

Blocks = dict[str, dict[str, Any]]

JUMBO, STANDARD = 9018, 1518
PATTERNS = ("pairs", "uniform", "incast", "ring", "broadcast", "to_wire", "flows")
MIXES = ([[64, 7], [570, 4], [1518, 1]], [[64, 1], [1518, 1]], [[256, 3], [1024, 1]], [[128, 1], [9018, 1]])


def configurations(
    seed: int, n: int, run: dict[str, Any], drawing: Callable[[random.Random], Blocks] | None = None
) -> Iterator[Config]:
    """Give `n` configurations, blocks drawn by `draw` or another; what does not fit together is drawn anew."""
    for index in range(n):
        drawn = random.Random(f"{seed}/{index}")
        while True:
            try:
                yield config_from_mapping({**(drawing or draw)(drawn), "run": {**run, "seed": 1 + index}})
                break
            except InputError:
                continue


def draw(drawn: random.Random) -> Blocks:
    """Draw a machine and its load, block by block."""
    n_vfs = drawn.choice((1, 2, 2, 4, 6, 8, 12, 16))
    workload, longest = _workload(drawn, n_vfs)
    return {
        "pcie": _pcie(drawn),
        "host": _host(drawn, n_vfs),
        "nic": _nic(drawn, n_vfs),
        "driver": _driver(drawn),
        "switch": _switch(drawn, n_vfs, longest),
        "port": {"rate": drawn.choice(("1Gbps", "10Gbps", "10Gbps", "25Gbps", "40Gbps", "100Gbps"))},
        "workload": workload,
    }


def _log(drawn: random.Random, least: float, most: float) -> float:
    """Draw between two bounds, each octave as likely."""
    return float(least * (most / least) ** drawn.random())


def _ns(drawn: random.Random, least: float, most: float) -> str:
    return f"{round(_log(drawn, least, most))}ns"


def _mbps(drawn: random.Random, least: float, most: float) -> str:
    return f"{round(_log(drawn, least, most))}Mbps"


def _perhaps(drawn: random.Random, share: float) -> bool:
    return drawn.random() < share


def _pcie(drawn: random.Random) -> dict[str, Any]:
    mps = drawn.choice((128, 256, 256, 512))
    pcie: dict[str, Any] = {
        "generation": drawn.choice((1, 2, 3)),
        "lanes": drawn.choice((1, 2, 4, 8, 16)),
        "max_payload": f"{mps}B",
        "max_read_request": f"{drawn.choice((128, 256, 512, 512, 1024, 4096))}B",
        "read_completion_boundary": f"{drawn.choice((64, 128))}B",
        "tags": drawn.choice((1, 2, 4, 8, 16, 32, 32, 64, 128, 256)),
        "dllp_model": drawn.choice(("none", "spec", "tlp4", "tlp4", "tlp1")),
        "arbitration": drawn.choice(("round_robin", "round_robin", "reads_first", "writes_first", "arrival")),
        "propagation": drawn.choice(("0ns", "0ns", "20ns", "150ns")),
    }
    if _perhaps(drawn, 0.4):
        least = -(-mps // 16)
        credits: dict[str, Any] = {"return": _ns(drawn, 50, 3000)}
        for name, low, high in (("ph", 2, 127), ("pd", least, 2047), ("nph", 1, 127), ("cplh", 2, 127),
                                ("cpld", least, 2047)):  # fmt: skip
            if _perhaps(drawn, 0.4):
                credits[name] = round(_log(drawn, low, high))
        pcie["credits"] = credits
    return pcie


def _host(drawn: random.Random, n_vfs: int) -> dict[str, Any]:
    host: dict[str, Any] = {
        "read_latency": _ns(drawn, 150, 2500),
        "completion_bytes": "rcb" if _perhaps(drawn, 0.2) else "mps",
        "cores": n_vfs if _perhaps(drawn, 0.5) else drawn.randint(1, 8),
    }
    if _perhaps(drawn, 0.2):
        host["jitter"] = {"kind": "uniform", "range": _ns(drawn, 50, 500)}
    if _perhaps(drawn, 0.3):
        host["write_drain"] = _mbps(drawn, 1000, 100_000)
    if _perhaps(drawn, 0.15):
        host["iotlb"] = {"entries": drawn.choice((16, 64, 256, 1024)), "miss": _ns(drawn, 100, 800)}
    return host


def _nic(drawn: random.Random, n_vfs: int) -> dict[str, Any]:
    nic: dict[str, Any] = {
        "preset": None,
        "vfs": n_vfs,
        "queues_per_vf": 1 if _perhaps(drawn, 0.8) else drawn.choice((2, 4)),
        "tx_ring": 2 ** drawn.randint(6, 12),
        "rx_ring": 2 ** drawn.randint(6, 12),
        "fetch_batch": drawn.choice((1, 4, 8, 8, 16)),
        "rx_fetch_batch": drawn.choice((1, 4, 8, 8, 16)),
        "rx_prefetch": drawn.choice((0, 4, 8, 8, 16, 32, 64)),
        "descriptor_cache": drawn.choice((32, 64, 64, 128)),
        "tx_writeback_batch": drawn.choice((1, 4, 8, 8, 16, 32)),
        "rx_writeback_batch": drawn.choice((1, 1, 4, 8, 16)),
        "writeback_timeout": drawn.choice((None, "5us", "64us", "64us")),
        "tx_buffer": f"{drawn.choice((16, 32, 64, 160, 160, 512, 1024))}KiB",
        "rx_buffer": f"{drawn.choice((16, 64, 128, 384, 512, 512, 2048))}KiB",
        "drop_enable": _perhaps(drawn, 0.6),
    }
    if _perhaps(drawn, 0.2):
        nic["store_rate"] = _mbps(drawn, 1000, 60_000)
    if _perhaps(drawn, 0.25):
        nic["max_pps"] = round(_log(drawn, 200_000, 30_000_000))
    return nic


def _driver(drawn: random.Random) -> dict[str, Any]:
    driver: dict[str, Any] = {
        "preset": drawn.choice(("kernel", "dpdk", "dpdk")),
        "frame_time": _ns(drawn, 1, 800),
    }
    if _perhaps(drawn, 0.4):
        for name in ("tx_doorbell_batch", "refill_batch", "rx_interrupt_batch", "tx_interrupt_batch"):
            driver[name] = drawn.choice((1, 4, 8, 16, 32))
    if _perhaps(drawn, 0.15):
        driver["moderation"] = _ns(drawn, 2000, 100_000)
    return driver


def _switch(drawn: random.Random, n_vfs: int, longest: int) -> dict[str, Any]:
    switch: dict[str, Any] = {"scheduler": drawn.choice(("round_robin", "round_robin", "weighted", "deficit"))}
    if _perhaps(drawn, 0.2):
        switch |= {
            "timing": "core",
            "bus_bits": drawn.choice((64, 128, 256, 512)),
            "clock": drawn.choice(("100MHz", "156.25MHz", "250MHz")),
        }
    limited = drawn.choice((0, 0, 0, 0, 0, 0, n_vfs, n_vfs // 2))
    ports: list[dict[str, Any]] = [{"name": f"vf{k}", "max_frame": f"{longest}B"} for k in range(n_vfs)]
    for port in ports[:limited]:
        port["rate_limit"] = _mbps(drawn, 100, 10_000)
    switch["ports"] = [{"name": "pf", "max_frame": f"{longest}B"}, *ports]
    return switch


def _workload(drawn: random.Random, n_vfs: int) -> tuple[dict[str, Any], int]:
    workload: dict[str, Any] = {
        "pattern": drawn.choice(PATTERNS),
        "load": "saturate",
        "on_full": drawn.choice(("wait", "wait", "drop")),
        "arrivals": drawn.choice(("poisson", "periodic")),
    }
    if _perhaps(drawn, 0.75):
        lengths = (64, 64, 128, 256, 512, 1024, STANDARD, STANDARD, JUMBO)
        workload["frame_bytes"] = longest = drawn.choice(lengths)
    else:
        workload["sizes"] = drawn.choice(MIXES)
        longest = max(n_bytes for n_bytes, _ in workload["sizes"])
    if _perhaps(drawn, 0.2):
        workload["load"] = round(_log(drawn, 0.03, 3), 3)
    elif _perhaps(drawn, 0.25):
        workload["load"] = _mbps(drawn, 30, 20_000)
    if workload["pattern"] == "flows":
        workload["flows"] = [_flow(drawn, n_vfs) for _ in range(drawn.randint(1, n_vfs))]
    elif _perhaps(drawn, 0.2) and workload["pattern"] != "to_wire":
        workload["wire_share"] = round(drawn.uniform(0.1, 1), 2)
    if _perhaps(drawn, 0.25):
        workload["external"] = {"rate": _mbps(drawn, 100, 80_000)}
    return workload, max(longest, STANDARD)


def _flow(drawn: random.Random, n_vfs: int) -> list[Any]:
    names = [f"vf{k}" for k in range(n_vfs)]
    source, target = drawn.choice(names), drawn.choice([*names, "uplink"])
    if source == target:
        target = "uplink"
    if _perhaps(drawn, 0.15):
        source, target = "uplink", source
    rate = _mbps(drawn, 50, 10_000) if _perhaps(drawn, 0.5) else None
    return [source, target, rate]
