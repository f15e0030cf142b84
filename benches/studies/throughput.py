"""Studies of throughput: lanes by frame size, VMs by queues, batches by frame size."""

from __future__ import annotations

from collections.abc import Sequence

from benches.studies.study import GBPS, Study, by_line, knee, listed, plain
from benches.sweep_rows import Row


def lanes_found(rows: Sequence[Row]) -> str:
    """Name for each size the least lanes at which the link no longer limits."""
    parts, never = [], []
    for size, of_size in by_line(rows, LANES).items():
        freed = [row for row in of_size if not row["bottleneck.resource"].startswith("pcie.")]
        if not freed:
            never.append(f"{size:,} B")
            continue
        row = freed[0]
        mpps = row[GBPS] * 1e3 / 8 / size
        parts.append(f"x{row['pcie.lanes']} at {size:,} B ({row[GBPS]:.1f} Gb/s, {mpps:.0f} Mpps)")
    kept = f"; at {listed(never)} the link limits up to x{max(row['pcie.lanes'] for row in rows)}" if never else ""
    resources = sorted({row["bottleneck.resource"] for row in rows} - {"pcie.up", "pcie.down"})
    names = listed([f"`{name}`" for name in resources])
    return (
        f"The knee, from which on {names} limits and not the link, is at {listed(parts)}{kept}."
        if parts
        else (f"The link limits everywhere, up to x{max(row['pcie.lanes'] for row in rows)}.")
    )


def lanes_by_hand(rows: Sequence[Row]) -> str:
    """Divide the pace of the pipeline by what a lane carries."""
    row = next(row for row in rows if (row["workload.frame_bytes"], row["pcie.lanes"]) == (64, 1))
    mpps = row[GBPS] * 1e3 / 512
    return f"By hand: a lane carries {mpps:.2f} Mpps of 64 B, so 37 Mpps take {37 / mpps:.1f} lanes."


LANES = Study(
    name="lanes",
    title="Throughput against lanes",
    x="pcie.lanes",
    x_label="lanes",
    lines="workload.frame_bytes",
    line_label="frame, B",
    found=lanes_found,
    by_hand=lanes_by_hand,
    about="Eight VMs in pairs behind PCIe Gen3, as an XL710 with DPDK has them: at most 37 Mpps through the adapter.",
)


def vms_found(rows: Sequence[Row]) -> str:
    """Name the VMs that fill the link, for each number of queues."""
    parts = []
    for queues, of_queues in by_line(rows, VMS).items():
        vms = [row["nic.vfs"] for row in of_queues]
        at = knee(vms, [row[GBPS] for row in of_queues])
        parts.append(f"{plain(at)} VMs with {queues} queue{'s' * (queues > 1)} each")
    most = max(rows, key=lambda row: row[GBPS])
    return f"95 % of the most that each kind reaches, {most[GBPS]:.1f} Gb/s at best, take {listed(parts)}."


def vms_by_hand(rows: Sequence[Row]) -> str:
    """Divide the link's frames by a queue's."""
    most = max(row["closed_form.gbps"] for row in rows) * 1e3 / 512
    return (
        f"By hand: a queue passes a frame in 78 ns, 12.82 Mpps; the link carries {most:.2f} Mpps, so "
        f"{most / 12.82:.1f} busy queues fill "
        "it. A VM with one peer keeps one queue busy, whatever it has: with two VMs a second queue changes nothing."
    )


VMS = Study(
    name="vms_queues",
    title="Throughput against VMs and queues",
    x="nic.vfs",
    x_label="VMs",
    lines="nic.queues_per_vf",
    line_label="queues of a VM",
    found=vms_found,
    by_hand=vms_by_hand,
    about=(
        "Frames of 64 B, each VM to all others, an 82599's pace of a Tx queue (78 ns a frame) on PCIe Gen3 x8; "
        "ample cores, batches of 8."
    ),
)


def batches_found(rows: Sequence[Row]) -> str:
    """Name the batch that gives nearly all, and what it gives over none, for each size."""
    parts = []
    for size, of_size in by_line(rows, BATCHES).items():
        gbps = [row[GBPS] for row in of_size]
        at = knee([row[BATCHES.x] for row in of_size], gbps)
        parts.append(f"{plain(at)} at {size:,} B, where batches give up to {100 * (max(gbps) / gbps[0] - 1):.0f} %")
    return f"95 % of what batches can give are there from a batch of {'; of '.join(parts)}."


BATCHES = Study(
    name="batches",
    title="Throughput against batches",
    x="nic.fetch_batch",
    x_label="batch",
    lines="workload.frame_bytes",
    line_label="frame, B",
    found=batches_found,
    about=(
        "One batch for all: descriptor reads, write-backs, doorbells, refills and both interrupts. Eight VMs in "
        "pairs on PCIe Gen2 x4, ample cores: the link "
        "alone limits, and batches save bytes on it. What they cost in latency under a low load is not in this picture."
    ),
)  # fmt: skip
ALL = (LANES, VMS, BATCHES)
