"""The window: two snapshots and what lies between them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from hwmodel.config import Config
from hwmodel.machine.tlp_kinds import CREDIT_KINDS
from hwmodel.rules.pcie_link import link_rate_of
from hwmodel.simulation.figures.latency_summary import named_drops
from hwmodel.simulation.figures.measurement import LinkSnapshot, Snapshot
from hwmodel.units import BITS_PER_BYTE, FS_PER_S


class Span:
    """Hold a window: two snapshots and the differences between them.

    `gives_rates`: whether the window is long enough for rates (`window_checks.py` says). `has_part_of_link`: the link
    is a host's part of one that several hosts share, whose SKPs are no host's.
    """

    def __init__(
        self, start: Snapshot, end: Snapshot, *, gives_rates: bool = True, has_part_of_link: bool = False
    ) -> None:
        self.gives_rates, self.has_part_of_link = gives_rates, has_part_of_link
        start = start if start.now_fs > 0 else start.before_all()
        further = np.zeros_like(end.flows[len(start.flows) :])  # that came up in the window
        self.start = replace(start, flows=np.concatenate([start.flows, further])) if len(further) else start
        self.end = end
        self.fs = max(1, end.now_fs - start.now_fs)

    def count(self, name: str) -> int:
        """Return the growth of a counter over the window."""
        return self.end.counts[name] - self.start.counts[name]

    def grown(self, name: str) -> Any:
        """Return the growth of a counter of each function over the window."""
        return self.end.functions[name] - self.start.functions[name]

    @property
    def n_receiving(self) -> int:
        """Return how many VMs got frames in the window."""
        return int((self.grown("received_frames") > 0).sum())

    @property
    def backlog_growth(self) -> int:
        """Return the growth over the window of the frames that are due but wait for a slot of a ring."""
        return int(self.end.backlog.sum() - self.start.backlog.sum())

    @property
    def under_way_growth(self) -> int:
        """Return the growth over the window of the frames and copies in flight."""
        return self.count("offered") + self.count("replicated") - self.count("delivered") - self.count("dropped")

    @property
    def frames(self) -> int:
        """Return the frames delivered in the window, to VMs and to the wire."""
        return self.count("vm_copies") + self.count("delivered_to_wire")

    def gbps(self, n_bytes: Any) -> Any:
        """Return bytes of the window, a number or an array, as a rate; None where the window gives no rates."""
        return n_bytes * BITS_PER_BYTE * (FS_PER_S / 1e9) / self.fs if self.gives_rates else None

    def mpps(self, frames: Any) -> Any:
        """Return frames of the window, a number or an array, as a rate; None where the window gives no rates."""
        return frames * (FS_PER_S / 1e6) / self.fs if self.gives_rates else None

    def served(self, kind: int, name: str) -> int:
        """Return a sum over the window's whole transactions of a kind: `n`, `up_bytes`, `up_tlps`, and so on."""
        return int(self.end.served[name][kind] - self.start.served[name][kind])

    def worked_fs(self, resource: str) -> int:
        """Return the busy time of a resource in the window, in fs."""
        return self.end.busy_fs[resource] - self.start.busy_fs[resource]

    def share(self, busy_fs: int) -> float:
        """Return a time as a share of the window."""
        return busy_fs / self.fs

    @property
    def host_stalls(self) -> tuple[int, int]:
        """Return how many stalls of the host began in the window, and for how long it stalled there, in fs."""
        (n_before, before_fs), (n, stalled_fs) = self.start.host_stalls, self.end.host_stalls
        return n - n_before, stalled_fs - before_fs

    def core_share(self, busy_fs: int) -> float:
        """Return a core's time as a share of that part of the window in which its host does not stall."""
        return busy_fs / max(1, self.fs - self.host_stalls[1])

    def stalled(self, name: str) -> int:
        """Return the time in the window for which work waited, by a stall counter, in fs."""
        return self.end.stalls_fs[name] - self.start.stalls_fs[name]

    def credit_stalls_fs(self) -> dict[str, int]:
        """Return, by kind of credit, the time for which the first TLP in line lacked credits, in fs."""
        return {kind: self.stalled(f"{kind}_credits") for kind in CREDIT_KINDS}

    def link_share(self, config: Config, direction: str) -> float:
        """Return the busy share of a link direction: TLPs, and the SKPs and DLLPs that even an idle link sends."""
        busy = self.share(getattr(self.end, direction).busy_fs - getattr(self.start, direction).busy_fs)
        return busy if self.has_part_of_link else link_rate_of(config.pcie).busy_share(busy)

    def iotlb(self) -> tuple[int, int]:
        """Return the hits and misses of the IOMMU's translation cache."""
        return self.end.iotlb_hits - self.start.iotlb_hits, self.end.iotlb_misses - self.start.iotlb_misses

    def iotlb_miss_share(self) -> float | None:
        """Return the miss rate of the IOMMU's translation cache; None without look-ups."""
        hits, misses = self.iotlb()
        return misses / (hits + misses) if hits + misses else None

    @property
    def retries(self) -> int:
        """Return the PCI reads that the bridge answered with Retry, without the first attempt of each read."""
        return self.end.retries - self.start.retries

    def drops(self) -> dict[str, int]:
        """Return the frames and copies dropped in the window, by reason."""
        return named_drops(self.end.drops - self.start.drops)

    def mean(self, gauge: str) -> float:
        """Return the mean occupancy of a gauge over the window."""
        return (self.end.areas[gauge] - self.start.areas[gauge]) / self.fs

    def tlps(self, direction: str) -> tuple[Any, Any, int]:
        """Return the window's TLPs and their bytes on the link by kind, and its pairs of DLLPs, of `up` or `down`."""
        first: LinkSnapshot = getattr(self.start, direction)
        last: LinkSnapshot = getattr(self.end, direction)
        return last.n_tlps - first.n_tlps, last.n_bytes - first.n_bytes, last.dllp_pairs - first.dllp_pairs
