"""Virtual switches with an uplink drawn at random, whose VMs offer unequal loads, most of them more than it carries."""

from __future__ import annotations

import random
from typing import Any

from benches.bottleneck_cases import Blocks

LENGTHS = (64, 256, 512, 1518, 1518)
RATES = (None, "40Mbps", "150Mbps", "600Mbps", "2Gbps", "6Gbps")


def draw_vswitch(drawn: random.Random) -> Blocks:
    """Draw a virtual switch of two to eight VMs on one core or two, who send to each other and to the wire."""
    n_vfs, n_cores = drawn.randint(2, 8), drawn.choice((1, 1, 2))
    own: dict[str, Any] = {
        "pass_by": drawn.choice(("pointer", "copy", "parent")),
        "frame_time": f"{drawn.choice((100, 300, 700, 1500))}ns",
        "cores": list(range(n_vfs + 1, n_vfs + 1 + n_cores)),
        "on_uplink_full": drawn.choice(("drop", "drop", "wait")),
        "reach": "external",
        **_perhaps(drawn, 0.2, batch_time="1us", guest_time="36ns", memory_rate="100Gbps", batch=8),
    }
    if drawn.random() < 0.15:
        own["flow_cache"] = {"exact_entries": 0}
    switch: dict[str, Any] = {"scheduler": drawn.choice(("round_robin", "round_robin", "weighted", "deficit"))}
    for k in range(n_vfs):
        keys = _perhaps(drawn, 0.15, rate_limit="300Mbps", weight=3)
        switch.setdefault("ports", []).append({"name": f"vf{k}", **keys})
    if drawn.random() < 0.2:
        switch["ports"][0]["min_rate"] = "200Mbps"
    blocks: Blocks = {
        "nic": {"mode": "vswitch", "vfs": n_vfs, "queues_per_vf": drawn.choice((1, 1, 1, 2))},
        "host": {"cores": n_vfs + 1 + n_cores, "virtual_switch": own},
        "driver": {"frame_time": drawn.choice(("50ns", "50ns", "400ns")), "vms": {"pf": {"preset": "dpdk"}}},
        "pcie": {"generation": drawn.choice((1, 3, 3)), "lanes": drawn.choice((2, 8, 8))},
        "port": {"rate": drawn.choice(("1Gbps", "10Gbps", "25Gbps"))},
        "switch": switch,
        "workload": _workload(drawn, n_vfs),
    }
    if drawn.random() < 0.2:
        blocks["port"]["count"] = 2
        own |= {"bond": {"mode": drawn.choice(("active_backup", "source_mac", "l4_hash"))}, "on_uplink_full": "drop"}
    if "segment_bytes" in blocks["workload"]:
        blocks["nic"]["tso"] = drawn.random() < 0.5
    return blocks


def _workload(drawn: random.Random, n_vfs: int) -> dict[str, Any]:
    workload: dict[str, Any] = {"arrivals": "periodic", "on_full": drawn.choice(("wait", "drop"))}
    workload |= {"frame_bytes": drawn.choice(LENGTHS), "connections": drawn.choice((1, 1, 16))}
    if drawn.random() < 0.7:
        senders = [k for k in range(n_vfs) for _ in range(drawn.choice((1, 1, 1, 2)))]
        workload |= {"pattern": "flows", "flows": [_flow(drawn, k, n_vfs) for k in senders]}
    else:
        weights = {f"vf{k}": drawn.choice((1, 3, 10)) for k in range(n_vfs)}
        workload |= {"pattern": drawn.choice(("pairs", "ring", "uniform")), "wire_share": drawn.choice((0.2, 0.5, 1.0)),
                     "load": drawn.choice(("500Mbps", "2Gbps", "saturate")), "weights": weights}  # fmt: skip
        if workload["load"] == "saturate":
            del workload["weights"]
    if drawn.random() < 0.15:
        workload |= {"segment_bytes": drawn.choice(("8KiB", "64KiB"))}
        del workload["frame_bytes"]
    if drawn.random() < 0.4:
        length = drawn.choice(LENGTHS)
        workload["external"] = {
            "rate": drawn.choice(("100Mbps", "800Mbps")),
            "frame_bytes": length,
            "arrivals": "periodic",
        }
    return workload


def _flow(drawn: random.Random, k: int, n_vfs: int) -> list[str | None]:
    others = [f"vf{other}" for other in range(n_vfs) if other != k]
    return [f"vf{k}", "uplink" if drawn.random() < 0.4 else drawn.choice(others), drawn.choice(RATES)]


def _perhaps(drawn: random.Random, share: float, **choices: Any) -> dict[str, Any]:
    """Draw each key with a probability."""
    return {key: value for key, value in choices.items() if drawn.random() < share}
