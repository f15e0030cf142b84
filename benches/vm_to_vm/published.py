"""What others published of these links, each with its kind and its source; nothing where nothing is known."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache

from benches.nfp6000 import OWN_SOCKET, VECTORS

GEN2_X4, GEN2_X8, GEN3_X4, GEN3_X8 = (2, 4), (2, 8), (3, 4), (3, 8)
NIC_SOURCE = "pcie-bench (SIGCOMM 2018)"
NIC_DRIVERS = ("simple", "kernel", "dpdk")
SOURCES = {
    "a": (
        "**measured**, but no frames: DMA copies of that size (read, then written) by an NFP-6000 in a Xeon "
        "E5-2630 v4, "
        "warm, Gb/s each way (pcie-bench, data set of SIGCOMM 2018). It has no descriptors, doorbells or interrupts, "
        "and limits of its own: [beside the model](validation.md)"
    ),
    "b": (
        "a published **model**, not a measurement: NIC that sends and receives, simple / kernel / DPDK driver, "
        "bits of DMA (frame less 4 B) each way (pcie-bench, SIGCOMM 2018). A frame from VM to VM is one sent and "
        "one received"
    ),
    "c": (
        "**measured**: an 82599 sends 12 to 13 Mpps from one Tx queue, 64 B, on the wire. The model's "
        "`nic.queue_time` of 78 ns is taken from this, so it is no evidence that both agree"
    ),
    "d": "**an estimate** of an engineer: two VFs of an 82599 in a slot of eight lanes; no frame size is given",
    "e": (
        "**a statement** in a book's chapter on server virtualization: PCIe limits traffic between VMs through a "
        "10GbE NIC "
        "to around 14; no frame size is given"
    ),
}


@dataclass(frozen=True)
class Published:
    """Hold a figure as it was published, in Gb/s, for a link; `frame_bytes` is None where no size is given."""

    link: tuple[int, int]
    frame_bytes: int | None
    gbps: str
    source: str


@cache
def published() -> tuple[Published, ...]:
    """Return all figures."""
    found = [
        Published(GEN2_X8, 64, f"{12 * 64 * 8 / 1000:.1f} to {13 * 64 * 8 / 1000:.1f}", "c"),
        Published(GEN2_X8, None, "20+", "d"),
        Published(GEN2_X4, None, "about 14", "e"),
    ]
    for link, frame_bytes in ((GEN2_X4, 64), (GEN2_X4, 1518), (GEN3_X8, 64), (GEN3_X8, 1518)):
        found.append(Published(link, frame_bytes, " / ".join(_of_nic(link, frame_bytes)), "b"))
    with (VECTORS / "nfp6000_bw.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if (row["system"], row["test"], row["cache"]) == (OWN_SOCKET, "BW_DMA_RW", "HWarm"):
                found.append(Published(GEN3_X8, int(row["size"]), f"{float(row['gbps']):.2f}", "a"))
    return tuple(found)


def _of_nic(link: tuple[int, int], frame_bytes: int) -> list[str]:
    with (VECTORS / "pcie_published.csv").open(encoding="utf-8") as file:
        of_link = {
            row["figure"]: row["gbps"]
            for row in csv.DictReader(file)
            if row["source"] == NIC_SOURCE
            and (int(row["generation"]), int(row["lanes"]), row["bytes"]) == (*link, str(frame_bytes))
        }
    return [of_link[driver] for driver in NIC_DRIVERS]


def published_text(link: tuple[int, int], frame_bytes: int | None) -> str:
    """Return the cell of the table: the figures with their sources; empty where there is none."""
    found = [one for one in published() if (one.link, one.frame_bytes) == (link, frame_bytes)]
    return ", ".join(f"{one.gbps} ({one.source})" for one in sorted(found, key=lambda one: one.source))
