"""A result as a run of eight VFs would give it, its numbers worked out by hand from the closed form.

PCI Express Gen2 x4 (16 Gb/s raw), MPS 256 B, MRRS 512 B, frames of 1518 B in pairs, all batches 8, one Ack and one
UpdateFC per four TLPs. A frame moves L = 1516 B (whole double words) each way:
up    1516 + 6 * 24 + 3 * 24 + 2 * 24 / 8 + 2 * (24 + 128) / 8 + 2 * 28 / 8 + 6.5 * 16 / 4 = 1809 B
down  1516 + 6 * 20 + 2 * (20 + 128) / 8 + 2 * 28 / 8 + 9.75 * 16 / 4                     = 1719 B
"""

from __future__ import annotations

import dataclasses
from fractions import Fraction
from typing import Any

import numpy as np

from hwmodel.results import (
    LATENCY_BUCKETS,
    Bottleneck,
    Cpu,
    FlowResult,
    HostRun,
    Latency,
    LinkBytes,
    Pcie,
    PcieDirection,
    QueueDepth,
    Result,
    Stalls,
    Totals,
    VmResult,
    Window,
    Wire,
    merge_histogram,
    summarize_latency,
)

UP_BYTES = {
    "payload": 1516,
    "tlp_overhead": 144,
    "read_request": 72,
    "descriptor": 6,
    "writeback": 38,
    "interrupt": 7,
    "dllp": 26,
}
DOWN_BYTES = {"payload": 1516, "tlp_overhead": 120, "descriptor": 37, "doorbell": 7, "dllp": 39}
WINDOW_NS = 20_000_000
FRAMES_PER_S = Fraction(16 * 10**9) * (1 - Fraction(4, 1538)) / 8 / 1809
WINDOW_FRAMES = int(FRAMES_PER_S * WINDOW_NS / 10**9)  # 22054
MPPS = WINDOW_FRAMES / (WINDOW_NS / 1e3)
GBPS = MPPS * 1518 * 8 / 1e3


def sample_latency(seed: int = 1, n_samples: int = 22_054) -> tuple[Latency, tuple[tuple[float, int], ...]]:
    """Return a summary and its histogram; eight full rings of 511 frames wait 8 * 511 / 1.1027 Mpps = 3.71 ms."""
    times_fs = (np.random.default_rng(seed).normal(3.707, 0.12, n_samples) * 1e12).astype(np.int64)
    counts = np.zeros(LATENCY_BUCKETS.n_buckets(int(times_fs.max()) >> 10), dtype=np.int64)
    for time_fs in times_fs.tolist():
        counts[LATENCY_BUCKETS.index(time_fs >> 10)] += 1
    summary = summarize_latency(
        counts, min_fs=int(times_fs.min()), max_fs=int(times_fs.max()), sum_fs=int(times_fs.sum())
    )
    return summary, merge_histogram(counts)


def sample_config(n_vfs: int = 8) -> dict[str, Any]:
    return {
        "pcie": {"generation": 2, "lanes": 4, "max_payload": "256B", "max_read_request": "512B", "tags": 32},
        "nic": {"preset": "82599", "vfs": n_vfs, "tx_ring": 512, "rx_ring": 512},
        "switch": {"mode": "veb", "ports": [{"name": f"vf{index}"} for index in range(n_vfs)]},
        "workload": {"pattern": "pairs", "frame_bytes": 1518, "load": "saturate"},
        "run": {"warmup": "auto", "duration": "20ms", "seed": 1},
    }


def sample_result(**changes: Any) -> Result:
    """Return the eight-VF result, with the given fields replaced."""
    latency, histogram = sample_latency()
    in_flight, warm_up_frames = 8 * 511, 1_103
    delivered = WINDOW_FRAMES + warm_up_frames
    totals = Totals(
        offered_frames=delivered + in_flight,
        delivered_frames=delivered,
        dropped_frames=0,
        in_flight_frames=in_flight,
        copies_made=delivered + 120,
        copies_delivered=delivered,
        copies_dropped=0,
        copies_in_flight=120,
        gbps=GBPS,
        mpps=MPPS,
    )
    result = Result(
        config=sample_config(),
        config_hash="5d1a0c2277e0b34f",
        seed=1,
        window=Window(start_ns=1_000_000, end_ns=1_000_000 + WINDOW_NS, vm_frames=WINDOW_FRAMES, wire_frames=0),
        totals=totals,
        vms=sample_vms(latency),
        flows=sample_flows(latency, totals),
        latency_ns=latency,
        latency_from_doorbell_ns=latency,
        fairness_jain=1.0,
        pcie=sample_pcie(),
        wire=Wire(),
        cpu=Cpu(cores_busy=2 * MPPS * 20 / 1000),
        drops={},
        queues={
            "tx_ring": QueueDepth(mean=503.2, max=511),
            "rx_ring": QueueDepth(mean=498.75, max=511),
            "tx_buffer": QueueDepth(mean=162_000.5, max=163_840),
        },
        stalls_ns=Stalls(tags=1.2e6, credits=0.0, descriptors=3.5e5, buffer=18.1e6),
        bottleneck=Bottleneck(
            resource="pcie.up",
            utilization=0.9999,
            why="The link toward the host is busy 100.0 % of the window: each 1518 B frame costs 1809 B there, "
            "1516 B of it payload.",
        ),
        utilization={"pcie.tags": 0.06, "driver.tx": 0.01, "driver.rx": 0.01},
        latency_histogram=histogram,
        host_run=sample_host_run(delivered),
    )
    return dataclasses.replace(result, **changes)


def sample_vms(latency: Latency) -> tuple[VmResult, ...]:
    return tuple(
        VmResult(name=f"vf{index}", tx_gbps=GBPS / 8, rx_gbps=GBPS / 8, rx_mpps=MPPS / 8, latency_ns=latency)
        for index in range(8)
    )


def sample_flows(latency: Latency, totals: Totals) -> tuple[FlowResult, ...]:
    return tuple(
        FlowResult(
            from_=f"vf{index}",
            to=f"vf{index ^ 1}",
            offered=totals.offered_frames // 8,
            delivered=totals.delivered_frames // 8,
            gbps=GBPS / 8,
            mpps=MPPS / 8,
            latency_ns=latency,
        )
        for index in range(8)
    )


def sample_pcie() -> Pcie:
    """Return both directions; the clock skips are 4 symbols of each 1538, so 4 for each 1534 of the rest."""

    def direction(utilization: float, bytes_per_frame: dict[str, int]) -> PcieDirection:
        amounts = {name: n_bytes * WINDOW_FRAMES for name, n_bytes in bytes_per_frame.items()}
        return PcieDirection(utilization=utilization, bytes=LinkBytes(**amounts, skp=sum(amounts.values()) * 4 // 1534))

    return Pcie(up=direction(0.9999, UP_BYTES), down=direction(0.9502, DOWN_BYTES))


def sample_host_run(frames: int) -> HostRun:
    return HostRun(
        wall_s=0.31,
        compile_s=1.5,
        events=1_180_000,
        frames=frames,
        frames_per_s=frames / 0.31,
        peak_rss_mb=212.0,
        versions={"hwmodel": "0.1.0", "numba": "0.68.1"},
        machine="test machine",
    )


def many_vfs_result(n_vfs: int = 64) -> Result:
    """Return a result of uniform traffic among many VFs: n * (n - 1) flows of uneven rates."""
    latency, _ = sample_latency(n_samples=2_000)
    rng = np.random.default_rng(7)
    flows = tuple(
        FlowResult(
            from_=f"vf{sender}",
            to=f"vf{to}",
            offered=100,
            delivered=90,
            gbps=float(rng.uniform(1, 5)) / 1e3,
            mpps=2e-4,
            latency_ns=latency,
        )
        for sender in range(n_vfs)
        for to in range(n_vfs)
        if to != sender
    )
    vms = tuple(
        VmResult(
            name=f"vf{index}",
            tx_gbps=0.2 + index / 1000,
            rx_gbps=0.21,
            rx_mpps=0.017,
            drops={"NO_DESCRIPTOR": index},
            latency_ns=latency,
        )
        for index in range(n_vfs)
    )
    return sample_result(
        vms=vms, flows=flows, config=sample_config(n_vfs), drops={"NO_DESCRIPTOR": 2016, "SPOOFED_MAC": 3}
    )
