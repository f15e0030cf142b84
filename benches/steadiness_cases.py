"""Random configurations for benches.steadiness, of five classes: light, full and too large loads, bursts, servers."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from hwmodel.analytic import limits
from hwmodel.config import Config, config_from_mapping
from hwmodel.errors import InputError

CLASSES = ("low", "near", "over", "bursts", "servers")
DURATIONS = ("5ms", "10ms", "20ms", "20ms")


@dataclass(frozen=True)
class Case:
    """Hold a configuration, what it is called, and of which class it is."""

    kind: str
    name: str
    config: Config


def drawn_cases(seed: int, n: int) -> Iterator[Case]:
    """Draw configurations, of each class as many."""
    for number in range(n):
        kind = CLASSES[number % len(CLASSES)]
        drawn = random.Random(f"{seed}/{number}")
        while True:
            try:
                yield _drawn(kind, drawn)
                break
            except InputError:
                continue


def _drawn(kind: str, drawn: random.Random) -> Case:
    preset, driver = drawn.choice((("82599", "kernel"), ("82599", "dpdk"), ("XL710", "dpdk"), (None, None)))
    lanes, n_bytes = drawn.choice((2, 4, 8)), drawn.choice((64, 128, 256, 570, 1518))
    pattern = drawn.choice(("pairs", "uniform", "ring", "incast", "to_wire"))
    batch = {"tx_doorbell_batch": 8, "refill_batch": 8, "rx_interrupt_batch": 0, "tx_interrupt_batch": 0}
    ring = drawn.choice((64, 128, 256, 512))
    workload: dict[str, Any] = {"pattern": pattern, "frame_bytes": n_bytes}
    if drawn.random() < 0.2:
        workload |= {"frame_bytes": None, "sizes": [[64, 7], [570, 4], [1518, 1]]}
    blocks: dict[str, Any] = {
        "pcie": {"generation": drawn.choice((2, 3)), "lanes": lanes},
        "nic": {"preset": preset, "vfs": drawn.choice((2, 4, 8)), "tx_ring": ring, "rx_ring": ring},
        "driver": {"preset": driver} if driver else {"preset": None, **batch, "frame_time": "20ns"},
        "workload": workload,
        "run": {"seed": drawn.randrange(1, 10**6), "duration": drawn.choice(DURATIONS)},
    }
    load = _LOADS[kind](drawn, blocks)
    sizes = "mixed sizes" if "sizes" in workload else f"{n_bytes} B"
    vfs = blocks["nic"]["vfs"]
    words = (f"{vfs} VFs", f"x{lanes}", sizes, workload["pattern"], load, blocks["run"]["duration"])
    name = ", ".join((preset or "no preset", *words))
    return Case(kind, name, config_from_mapping(blocks))


def _below(drawn: random.Random, blocks: dict[str, Any]) -> str:
    return _rated(drawn, blocks, drawn.choice((10, 20, 30, 40, 50, 60, 70)))


def _near(drawn: random.Random, blocks: dict[str, Any]) -> str:
    return _rated(drawn, blocks, drawn.choice((85, 90, 93, 95, 97, 98, 99, 100)))


def _over(drawn: random.Random, blocks: dict[str, Any]) -> str:
    share = drawn.choice((0, 0, 105, 120, 150))
    if not share:
        blocks["workload"]["load"] = "saturate"
        return "saturate"
    blocks["workload"]["on_full"] = drawn.choice(("wait", "wait", "drop"))
    return _rated(drawn, blocks, share)


def _rated(drawn: random.Random, blocks: dict[str, Any], share: int) -> str:
    arrivals = drawn.choice(("poisson", "poisson", "periodic"))
    blocks["workload"] |= {"load": f"{share}% of ceiling", "arrivals": arrivals}
    return f"{share} % {arrivals}"


def _bursts(drawn: random.Random, blocks: dict[str, Any]) -> str:
    """Offer bursts at several times the mean rate of each sender."""
    full = limits(config_from_mapping(blocks))
    share, times, n_frames = (
        drawn.choice((0.1, 0.3, 0.5, 0.7)),
        drawn.choice((2, 4, 8)),
        drawn.choice((8, 32, 100, 200)),
    )
    senders = blocks["nic"]["vfs"] - (blocks["workload"]["pattern"] == "incast")
    bps = round(full.gbps * share * 1e9 / senders)
    blocks["workload"] |= {
        "arrivals": "on_off", "load": f"{bps}bps", "peak_rate": f"{times * bps}bps", "mean_burst": n_frames
    }  # fmt: skip
    return f"{100 * share:.0f} % in bursts of {n_frames} at {times} times"


def _servers(drawn: random.Random, blocks: dict[str, Any]) -> str:
    """Hang two or three servers on a bridge."""
    n = drawn.choice((2, 3))
    blocks["servers"] = [{"name": "abc"[at]} for at in range(n)]
    blocks["nic"]["vfs"] = 2
    blocks["bridge"] = {"buffer": drawn.choice(("64KiB", "1MiB")), "latency": "500ns"}
    workload = blocks["workload"]
    workload["pattern"] = drawn.choice(("pairs", "uniform", "ring", "incast"))
    return f"{n} servers, {_rated(drawn, blocks, drawn.choice((30, 60, 90, 97, 120)))}"


_LOADS = {"low": _below, "near": _near, "over": _over, "bursts": _bursts, "servers": _servers}
