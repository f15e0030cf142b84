"""Studies of the link's own numbers: payload and read request, tags, credits, the IOMMU's cache."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from benches.studies.study import GBPS, Metric, Study, by_line, knee, listed, number, plain
from benches.sweep_rows import THROUGHPUT, Row, config_of

FRAME = "workload.frame_bytes"
MPS, MRRS = "pcie.max_payload", "pcie.max_read_request"
ENTRIES, MISSES, VM_FRAMES = "host.iotlb.entries", "iotlb.misses", "window.vm_frames"


def payload_found(rows: Sequence[Row]) -> str:
    """Say what each doubling gives, and where it gives less than 5 %."""
    longest = max(row[FRAME] for row in rows)
    of_longest = {(number(row[MPS]), number(row[MRRS])): row[GBPS] for row in rows if row[FRAME] == longest}
    payloads, requests = (sorted({key[part] for key in of_longest}) for part in (0, 1))
    usual_payload, usual_request = 256.0, 512.0
    by_payload = [of_longest[payload, usual_request] for payload in payloads]
    by_request = [of_longest[usual_payload, request] for request in requests]
    gains = listed([f"{100 * (b / a - 1):.1f} %" for a, b in pairwise(by_payload)])
    return (
        f"For frames of {longest:,} B each doubling of the maximum payload from {plain(payloads[0])} B gives "
        f"{gains} (read requests of "
        f"{plain(usual_request)} B); the knee, 95 % of the most, is at {plain(knee(payloads, by_payload))} B of "
        "payload and "
        f"{plain(knee(requests, by_request))} B of a read request."
    )


def payload_tables(rows: Sequence[Row]) -> list[str]:
    """Lay out a table for each frame size."""
    from benches.markdown import markdown_table

    lines: list[str] = []
    for size in sorted({row[FRAME] for row in rows}):
        of_size = [row for row in rows if row[FRAME] == size]
        at = {(row[MPS], row[MRRS]): PAYLOAD.metric.cell(row) for row in of_size}
        payloads, requests = list(dict.fromkeys(key[0] for key in at)), list(dict.fromkeys(key[1] for key in at))
        table = [[request, *(at[payload, request] for payload in payloads)] for request in requests]
        lines += [
            f"Frames of {size:,} B: throughput, Gb/s ± half the 95 % interval, closed form in brackets; across: "
            "maximum payload.", "",
            *markdown_table(["read request", *payloads], table), "",
        ]  # fmt: skip
    return lines[:-1]


PAYLOAD = Study(
    name="payload",
    title="Throughput against maximum payload and read request",
    x=MRRS,
    x_label="read request, B",
    lines=(FRAME, MPS),
    line_label="frame, maximum payload",
    found=payload_found,
    tables=payload_tables,
    about=(
        "Eight VMs in pairs on PCIe Gen3 x8 with ample tags, rings, buffers and cores: what is lost are headers "
        "alone. A frame of 512 B is one read request "
        "and one write at 512 B of either, so that more gives it nothing."
    ),
)


def tags_found(rows: Sequence[Row]) -> str:
    """Name the tags from which on the link limits, for each frame and host."""
    parts = []
    for line, of_line in by_line(rows, TAGS).items():
        freed = [row for row in of_line if row["bottleneck.resource"] != "pcie.tags"]
        parts.append(f"{freed[0]['pcie.tags'] if freed else 'more than ' + str(of_line[-1]['pcie.tags'])} ({line})")
    return f"The link and not its tags limits from {listed(parts)} tags on."


def tags_by_hand(rows: Sequence[Row]) -> str:
    """Multiply the frames that the link carries by the time of a read: Little's law."""
    parts = []
    for latency in ("450ns", "1000ns"):
        of_line = [row for row in rows if (row[FRAME], row["host.read_latency"]) == (64, latency)]
        mpps = max(row["closed_form.gbps"] for row in of_line) * 1e3 / 512
        under_way = 1.25 * mpps * number(latency) / 1e3
        parts.append(f"1.25 * {mpps:.1f} M/s * {number(latency):,.0f} ns = {under_way:.1f}")
    return (
        "By hand, for 64 B: a frame takes one read of its payload and, in batches of 8, a quarter of a read of "
        "descriptors, so that "
        f"{listed(parts)} reads are under way, and some more for the way over the link."
    )


TAGS = Study(
    name="tags",
    title="Throughput against read tags",
    x="pcie.tags",
    x_label="tags",
    lines=(FRAME, "host.read_latency"),
    line_label="frame, read latency of the host",
    found=tags_found,
    by_hand=tags_by_hand,
    about=(
        "Eight VMs in pairs on PCIe Gen3 x8, MRRS 512 B. Only reads need tags: payloads and descriptors to send, "
        "descriptors to "
        "receive into. The closed form holds a tag for a round trip over an idle link; behind other TLPs it is longer."
    ),
)


def credits_found(rows: Sequence[Row]) -> str:
    """Name the credits from which on the link limits, by the time of their return."""
    parts = []
    for line, of_line in by_line(rows, CREDITS).items():
        at = knee([row["pcie.credits.ph"] for row in of_line], [row[GBPS] for row in of_line], 0.99)
        parts.append(f"{plain(at)} where they return in {line}")
    return f"99 % of the link's throughput take {listed(parts)} header credits, each with 16 data credits."


def credits_by_hand(rows: Sequence[Row]) -> str:
    """Multiply the link's rate by the time of the return: what has to be under way."""
    mpps = max(row["closed_form.gbps"] for row in rows) * 1e3 / 8 / 1518
    parts = [f"{6.5 * mpps * number(line) / 1e3:.1f} in {number(line):,.0f} ns" for line in by_line(rows, CREDITS)]
    return (
        "By hand: a frame takes 6.5 writes (six of payload, and in batches of 8 two write-backs and two "
        f"interrupts); {mpps:.2f} Mpps of them are "
        f"{listed(parts)}, and some more while a write and its UpdateFC are on their way."
    )


CREDITS = Study(
    name="credits",
    title="Throughput against posted credits",
    x="pcie.credits.ph",
    x_label="posted header credits",
    lines="pcie.credits.return",
    line_label="time of their return",
    found=credits_found,
    by_hand=credits_by_hand,
    about=(
        "Eight VMs in pairs on PCIe Gen3 x8, 1,518 B, MPS 256 B. `return` is the time from a write's arrival "
        "until its credits are free again."
    ),
)


def misses_a_frame(row: Row) -> float:
    """Return the translations that missed for each frame."""
    return float(row[MISSES] / row[VM_FRAMES])


def with_walks(row: Row) -> float:
    """Return the closed form with the walkers as a ceiling, for the misses that the run had."""
    config = config_of("iotlb", row.number)
    assert config.host.iotlb is not None
    misses = misses_a_frame(row)
    walks_per_s = (config.host.iotlb.walkers or 1) / (config.host.iotlb.miss_fs * 1e-15)
    most = float(row["closed_form.gbps"])
    return min(most, walks_per_s / misses * row_frame_bits(row) / 1e9) if misses else most


def row_frame_bits(row: Row) -> int:
    """Return the bits of a frame of the study."""
    return 8 * config_of("iotlb", row.number).workload.frame_bytes


def iotlb_found(rows: Sequence[Row]) -> str:
    """Name the entries that reach, for each number of VMs, and what is left without."""
    parts, per_vm = [], []
    for vms, of_vms in by_line(rows, IOTLB).items():
        at = knee([row[ENTRIES] for row in of_vms], [row[GBPS] for row in of_vms])
        parts.append(f"{plain(at)} entries for {vms} VMs")
        per_vm.append(at / vms)
    least, most = min(row[GBPS] for row in rows), max(row[GBPS] for row in rows)
    return (
        f"The cache reaches with {listed(parts)}, {plain(min(per_vm))} to {plain(max(per_vm))} a VM; below, page "
        "walks limit, down to "
        f"{least:.1f} of {most:.1f} Gb/s."
    )


def iotlb_by_hand(rows: Sequence[Row]) -> str:
    """Count the pages of a VM, and divide the walkers' pace by the misses of a frame."""
    row = next(row for row in rows if (row["nic.vfs"], row[ENTRIES]) == (8, 256))
    config = config_of("iotlb", row.number)
    pages = (config.nic.rx_ring * config.host.buffer_bytes * 2 + config.nic.rx_ring * 16 * 2) // 4096
    return (
        f"By hand: a VM has {config.nic.rx_ring} Rx and {config.nic.tx_ring} Tx buffers of 2 KiB, half a page "
        f"each, and its rings, {pages} pages "
        f"or so. Six walks in 300 ns are 20 M a second; {misses_a_frame(row):.2f} misses a frame (8 VMs, 256 "
        "entries) then allow "
        f"{20 / misses_a_frame(row):.2f} Mpps, {20 / misses_a_frame(row) * 0.512:.2f} Gb/s. The closed form above "
        "is of this kind, with the run's own misses."
    )


IOTLB = Study(
    name="iotlb",
    title="How far the IOMMU's cache reaches",
    x=ENTRIES,
    x_label="entries",
    lines="nic.vfs",
    line_label="VMs",
    found=iotlb_found,
    by_hand=iotlb_by_hand,
    figures=(*THROUGHPUT, MISSES, "iotlb.hits", VM_FRAMES),
    metric=Metric(lambda row: float(row[GBPS]), "throughput", "Gb/s", 2, GBPS, with_walks),
    about=(
        "Frames of 64 B on PCIe Gen3 x8, pages of 4 KiB, rings of 128; an IOMMU that takes 300 ns for a miss, "
        "six at a time."
    ),
)
ALL = (PAYLOAD, TAGS, CREDITS, IOTLB)
