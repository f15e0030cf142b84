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
    PARTS,
    Bottleneck,
    CeilingFigure,
    ClosedForm,
    Cpu,
    FlowResult,
    HostRun,
    Latency,
    LinkBytes,
    NextStep,
    Pcie,
    PcieDirection,
    QueueDepth,
    Relaxed,
    Result,
    Stalls,
    Totals,
    VmResult,
    Window,
    Wire,
    merge_histogram,
    summarize_latency,
)
from hwmodel.results.histogram import bucket_index

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
LINK_BYTES_PER_S = float(Fraction(16 * 10**9) * (1 - Fraction(4, 1538)) / 8)
NS_PER_BYTE = 1e9 / LINK_BYTES_PER_S  # 0.5013
GUEST_QUEUE_NS = 20.0
# One frame alone: a 28 B doorbell; a descriptor (24 B up, 450 ns, 36 B down); three reads, the first frame's bytes; the
# same bytes up with six headers; a write-back of 40 B and an interrupt of 28 B.
ALONE_NS = {
    "doorbell": 28 * NS_PER_BYTE,
    "tx_descriptor_fetch": (24 + 36) * NS_PER_BYTE + 450,
    "payload_read": (24 + 1516 + 120) * NS_PER_BYTE + 450,
    "payload_write": (1516 + 144) * NS_PER_BYTE,
    "writeback": 40 * NS_PER_BYTE,
    "interrupt": 28 * NS_PER_BYTE,
}
MPPS = WINDOW_FRAMES / (WINDOW_NS / 1e3)
GBPS = MPPS * 1518 * 8 / 1e3


def sample_latency(seed: int = 1, n_samples: int = 22_054) -> tuple[Latency, tuple[tuple[float, int], ...]]:
    """Return a summary and its histogram; eight full rings of 511 frames wait 8 * 511 / 1.1027 Mpps = 3.71 ms."""
    times_fs = (np.random.default_rng(seed).normal(3.707, 0.12, n_samples) * 1e12).astype(np.int64)
    counts = np.zeros(bucket_index(int(times_fs.max()) >> 10) + 1, dtype=np.int64)
    for time_fs in times_fs.tolist():
        counts[bucket_index(time_fs >> 10)] += 1
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
    totals = sample_totals()
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
        latency_to_guest_ns=later(latency, GUEST_QUEUE_NS),
        sender_wait_ns=Latency(min=20.0, mean=20.0, p50=20.0, p99=20.0, p999=20.0, max=20.0, count=latency.count),
        latency_parts_ns={
            "mean": sample_parts(latency.mean),
            "p50": sample_parts(latency.p50),
            "p99": sample_parts(latency.p99),
            "p999": sample_parts(latency.p999),
        },
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
        intervals={
            "totals.gbps": (GBPS - 0.02, GBPS + 0.02),
            "totals.mpps": (MPPS - 0.0016, MPPS + 0.0016),
            "latency_ns.p50": (latency.p50 - 4_000.0, latency.p50 + 4_000.0),
        },
        closed_form=sample_closed_form(),
        host_run=sample_host_run(totals.delivered_frames),
    )
    return dataclasses.replace(result, **changes)


def sample_totals() -> Totals:
    """Return the counts of the run: eight rings are full at its end."""
    in_flight, warm_up_frames = 8 * 511, 1_103
    delivered = WINDOW_FRAMES + warm_up_frames
    return Totals(
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


def later(latency: Latency, by_ns: float) -> Latency:
    """Return a latency whose every sample ends `by_ns` later."""
    names = ("min", "mean", "p50", "p99", "p999", "max")
    return dataclasses.replace(latency, **{name: getattr(latency, name) + by_ns for name in names})


def sample_parts(latency_ns: float | None) -> dict[str, float]:
    """Return parts that add up to `latency_ns` and the guest's queue: all that is not fixed is the wait in the ring."""
    parts = {**dict.fromkeys(PARTS, 0.0), **ALONE_NS, "rx_room": 250_000.0, "rx_buffer": 310_000.0}
    parts["guest_queue"] = GUEST_QUEUE_NS
    parts["tx_ring"] = (latency_ns or 0.0) + GUEST_QUEUE_NS - sum(parts.values())
    return parts


def sample_closed_form() -> ClosedForm:
    """Return the closed form's figures: 1809 B up and 1719 B down at 16 Gb/s less 4 skips of each 1538 symbols."""

    def step(key: str, was: str, value: str, up_bytes: float, lanes: int = 4) -> NextStep:
        gbps = LINK_BYTES_PER_S * lanes / 4 / up_bytes * 1518 * 8 / 1e9
        alone_ns = sum(ALONE_NS.values())
        return NextStep(key=key, was=was, value=value, gbps=gbps, mpps=gbps * 1e3 / 1518 / 8, limited_by="up",
                        unloaded_latency_ns=alone_ns)  # fmt: skip

    mpps = LINK_BYTES_PER_S / 1809 / 1e6
    return ClosedForm(
        link_name="PCIe Gen2 x4",
        gbps=mpps * 1518 * 8 / 1e3,
        mpps=mpps,
        offered_mpps=mpps,
        limited_by="up",
        up_bytes=1809.0,
        down_bytes=1719.0,
        unloaded_latency_ns=sum(ALONE_NS.values()),
        lone_frame="1518 B from vf0 to vf1",
        latency_parts_ns={**dict.fromkeys(PARTS, 0.0), **ALONE_NS},
        ceilings=(
            CeilingFigure(resource="up", what="the link toward the host", offered_mpps=mpps),
            CeilingFigure(resource="down", what="the link from the host", offered_mpps=LINK_BYTES_PER_S / 1719 / 1e6),
            CeilingFigure(resource="wire", what="the Ethernet port, which no frame takes", offered_mpps=None),
        ),
        next_steps=(
            step("pcie.lanes", "4", "8", 1809, lanes=8),
            # Three completions and three writes of 512 B: 1516 + 3 * 24 + 3 * 24 + 6 + 38 + 7 + 3.5 * 4.
            step("pcie.max_payload", "256B", "512B", 1725),
            # Descriptors 2 * 24 / 16, write-backs 2 * (24 + 256) / 16, interrupts 2 * 28 / 16, DLLPs 6.25 * 4.
            step("all batches", "8", "16", 1798.5),
            step("nic.tx_ring", "512", "1024", 1809),
        ),
    )


def sample_relaxed() -> tuple[Relaxed, ...]:
    """Return what `explain` finds where the link upward is the limit: more lanes help, the rest does not."""
    faster = min(2 * GBPS, GBPS * 1.995)
    return (
        Relaxed(resource="pcie.up", change="pcie.lanes: 4 -> 8", gbps=faster, gain=faster / GBPS - 1, p50_ns=1.86e6,
                p50_change=-0.498, limited_by="pcie.up", is_bottleneck=True),
        Relaxed(resource="tx_buffer", change="nic.tx_buffer: 160KiB -> 320KiB", gbps=GBPS * 1.0002, gain=0.0002,
                p50_ns=3.87e6, p50_change=0.044, limited_by="pcie.up"),
        Relaxed(resource="pcie.tags", change="pcie.tags: 32 -> 64", gbps=GBPS, gain=0.0, p50_ns=3.707e6,
                p50_change=0.0, limited_by="pcie.up"),
    )  # fmt: skip


def old_mapping() -> dict[str, Any]:
    """Return the sample as a document that was stored before results had intervals, parts and the closed form."""
    plain = sample_result(pcie=sample_pcie(with_per_frame=False)).to_mapping()
    for name in ("latency_to_guest_ns", "sender_wait_ns", "latency_parts_ns", "intervals", "warnings", "closed_form",
                 "relaxed"):  # fmt: skip
        del plain[name]
    for side in ("up", "down"):
        del plain["pcie"][side]["per_frame"]
    for kind in ("posted", "non_posted", "completion"):
        del plain["stalls_ns"][f"credits_{kind}"]
    return plain


def unmeasured_result() -> Result:
    """Return a result whose window was too short for rates and bytes per frame, which its warning says."""
    result = sample_result()
    return dataclasses.replace(
        result,
        totals=dataclasses.replace(result.totals, gbps=None, mpps=None),
        vms=tuple(dataclasses.replace(vm, tx_gbps=None, rx_gbps=None, rx_mpps=None) for vm in result.vms),
        flows=tuple(dataclasses.replace(flow, gbps=None, mpps=None) for flow in result.flows),
        wire=Wire(tx_gbps=None, rx_gbps=None),
        pcie=sample_pcie(with_per_frame=False),
        fairness_jain=None,
        intervals={},
        warnings=("The window is too short for rates: 10 frames were delivered in it.",),
    )


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


def sample_pcie(with_per_frame: bool = True) -> Pcie:
    """Return both directions; the clock skips are 4 symbols of each 1538, so 4 for each 1534 of the rest."""

    def direction(utilization: float, bytes_per_frame: dict[str, int]) -> PcieDirection:
        amounts = {name: n_bytes * WINDOW_FRAMES for name, n_bytes in bytes_per_frame.items()}
        per_frame = {name: float(n_bytes) for name, n_bytes in bytes_per_frame.items()}
        return PcieDirection(
            utilization=utilization,
            bytes=LinkBytes(**amounts, skp=sum(amounts.values()) * 4 // 1534),
            per_frame=per_frame if with_per_frame else None,
        )

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
