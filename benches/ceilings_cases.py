"""Random configurations for benches.ceilings: those of benches.bottleneck, with what they leave out drawn beside."""

from __future__ import annotations

import random
from typing import Any

from benches.bottleneck_cases import Blocks, draw

STANDARD = 1518
PATTERNS = ("pairs", "uniform", "incast", "ring", "broadcast", "to_wire")
PRESETS = ("82599", "XL710", "82576", "X550")
# The modes that a bridge of each kind works with.
MODES = {"learning": ("veb", "veb", "vepa", "vepa"), "controlling": ("vn_tag", "e_tag", "vepa", "veb")}


def draw_saturated(drawn: random.Random) -> Blocks:
    """Draw a machine and a load, most of them all that gets through, with engines, IOMMU, drivers and link in full.

    Half of the machines have one stream of frames of one length, which is what the closed form should come to. The
    others have flows both ways, frames to and from outside, small rings and batches, bridges and several servers.
    """
    blocks = draw(drawn)
    for block, more in (("pcie", _pcie), ("host", _host), ("nic", _nic), ("driver", _driver)):
        blocks[block] |= more(drawn)
    kind = drawn.choice(("plain", "plain", "plain", "both ways", "both ways", "outside", "bridge", "bridge"))
    if kind != "outside" and drawn.random() < 0.75:
        _simplify(drawn, blocks["workload"])
    if kind == "both ways":
        _send_both_ways(drawn, blocks)
    elif kind == "outside":
        _add_outside(drawn, blocks)
    elif kind == "bridge":
        _add_bridge(drawn, blocks)
    if drawn.random() < 0.3:
        blocks["nic"] |= _few(drawn)
    return blocks


def _simplify(drawn: random.Random, workload: dict[str, Any]) -> None:
    for key in ("flows", "wire_share", "external"):
        workload.pop(key, None)
    workload["load"] = "saturate"
    if workload["pattern"] == "flows":
        workload["pattern"] = drawn.choice(PATTERNS)


def _send_both_ways(drawn: random.Random, blocks: Blocks) -> None:
    """Let few VFs send to each other, through one to four queues each."""
    n_vfs = drawn.choice((2, 2, 2, 3, 4))
    blocks["nic"] |= {"vfs": n_vfs, "queues_per_vf": drawn.randint(1, 4)}
    blocks["switch"]["ports"] = blocks["switch"]["ports"][: n_vfs + 1]
    workload = blocks["workload"]
    workload.pop("flows", None)
    workload["pattern"] = drawn.choice(("pairs", "ring", "uniform", "flows"))
    if workload["pattern"] == "flows":
        workload.pop("wire_share", None)
        first, second = drawn.sample(range(n_vfs), 2)
        rate = drawn.choice((None, None, f"{drawn.randint(100, 8000)}Mbps"))
        workload["flows"] = [[f"vf{first}", f"vf{second}", rate], [f"vf{second}", f"vf{first}", rate]]
        if drawn.random() < 0.3:
            workload["flows"].append([f"vf{first}", "uplink", drawn.choice((None, "1Gbps"))])


def _add_outside(drawn: random.Random, blocks: Blocks) -> None:
    """Let frames go out by the wire and come from there at once, over a link that is often too short."""
    workload = blocks["workload"]
    if workload["pattern"] in ("flows", "to_wire"):
        workload.pop("flows", None)
        workload["pattern"] = drawn.choice(("pairs", "uniform", "ring"))
    if drawn.random() < 0.7:
        workload["wire_share"] = drawn.choice((1.0, round(drawn.uniform(0.1, 1), 2)))
    workload["external"] = {"rate": f"{round(200 * 200 ** drawn.random())}Mbps"}
    if drawn.random() < 0.5:
        workload["external"]["frame_bytes"] = drawn.choice((64, 256, STANDARD))
    if drawn.random() < 0.6:
        workload["load"] = "saturate"
    if drawn.random() < 0.5:
        blocks["pcie"] |= {"generation": drawn.choice((1, 2)), "lanes": drawn.choice((1, 2, 4))}


def _add_bridge(drawn: random.Random, blocks: Blocks) -> None:
    """Put the adapter, or up to four servers with one each, on a bridge."""
    kind = drawn.choice(tuple(MODES))
    blocks["switch"]["mode"] = drawn.choice(MODES[kind])
    bridge: dict[str, Any] = {"kind": kind, "latency": drawn.choice(("0ns", "500ns"))}
    n_servers = drawn.choice((1, 1, 2, 2, 3, 4))
    if kind == "learning":
        bridge["announce"] = drawn.random() < 0.8
    outside = {"rate": drawn.choice(("10Gbps", "40Gbps", "100Gbps"))}
    bridge["ports"] = {"outside": outside}
    blocks["bridge"] = bridge
    if n_servers == 1:
        return
    names = "abcd"[:n_servers]
    changes: tuple[dict[str, Any], ...] = (
        {},
        {},
        {"pcie.lanes": 8},
        {"nic.strict": False, "port.rate": "25Gbps"},
        {"nic.strict": False, "pcie.generation": 3},
    )
    blocks["servers"] = [{"name": name, "set": drawn.choice(changes)} for name in names]  # type: ignore[assignment]
    blocks["nic"]["vfs"] = n_vfs = min(4, blocks["nic"]["vfs"])
    blocks["switch"]["ports"] = blocks["switch"]["ports"][: n_vfs + 1]
    workload = blocks["workload"]
    if "flows" in workload:
        vms = [f"{name}.vf{k}" for name in names for k in range(n_vfs)]
        ends = [drawn.sample([*vms, "uplink"], 2) for _ in range(drawn.randint(1, 6))]
        workload["flows"] = [[*pair, drawn.choice((None, f"{drawn.randint(100, 8000)}Mbps"))] for pair in ends]


def _few(drawn: random.Random) -> dict[str, Any]:
    """Draw small rings and batches, or a device's own ones."""
    if drawn.random() < 0.3:
        return {"preset": drawn.choice(PRESETS)}
    return _perhaps(
        drawn, 0.5, tx_ring=(8, 16, 32, 48), rx_ring=(8, 16, 32, 48), rx_prefetch=(0, 1, 2, 3, 5),
        fetch_batch=(1, 2, 3), rx_fetch_batch=(1, 2, 3), descriptor_cache=(16, 32), tx_writeback_batch=(1, 2),
        rx_writeback_batch=(1, 2, 3),
    )  # fmt: skip


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
