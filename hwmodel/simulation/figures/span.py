"""The window: two snapshots and what lies between them."""

from __future__ import annotations

from functools import reduce
from operator import getitem
from typing import Any

import numpy as np

from hwmodel.config import Config
from hwmodel.machine.tlp_kinds import CREDIT_KINDS
from hwmodel.rules.pcie_link import link_rate_of
from hwmodel.simulation.figures.counts import gauges_in
from hwmodel.simulation.figures.latency_summary import named_drops
from hwmodel.simulation.figures.measurement import Snapshot
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
        # Flows that came up in the window began at 0.
        begun = {name: _lengthened(getattr(start, name), getattr(end, name)) for name in ("flows", "passed")}
        self.start, self.end = start.replaced(**begun), end
        self.fs = max(1, end.now_fs - start.now_fs)

    def grown(self, name: str, *path: str | int) -> Any:
        """Return the growth over the window of a sum of the snapshots, or of what `path` leads to within it."""
        first, last = (reduce(getitem, path, getattr(each, name)) for each in (self.start, self.end))
        return last - first

    def counted(self, *path: str | int) -> int:
        """Return the growth over the window of a counter of SERVER_COUNTS."""
        return int(self.grown("counts", *path))

    def count(self, name: str) -> int:
        """Return the growth over the window of a counter of the ledger's."""
        return self.counted("ledger", name)

    def by_function(self, name: str) -> Any:
        """Return the growth of a counter of each function over the window."""
        return self.grown("functions", name)

    @property
    def n_receiving(self) -> int:
        """Return how many VMs got frames in the window."""
        return int((self.by_function("received_frames") > 0).sum())

    @property
    def backlog_growth(self) -> int:
        """Return the growth over the window of the frames that are due but wait for a slot of a ring."""
        return int(self.grown("backlog").sum())

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
        return self.counted("ledger", "served", kind, name)

    def worked_fs(self, resource: str) -> int:
        """Return the busy time of a resource in the window, in fs."""
        return int(self.grown("busy_fs", resource))

    def share(self, busy_fs: int) -> float:
        """Return a time as a share of the window."""
        return busy_fs / self.fs

    @property
    def host_stalls(self) -> tuple[int, int]:
        """Return how many stalls of the host began in the window, and for how long it stalled there, in fs."""
        begun, stalled_fs = self.grown("host_stalls").tolist()
        return begun, stalled_fs

    def core_share(self, busy_fs: int) -> float:
        """Return a core's time as a share of that part of the window in which its host does not stall."""
        return busy_fs / max(1, self.fs - self.host_stalls[1])

    def stalled(self, name: str) -> int:
        """Return the time in the window for which work waited, by a stall counter, in fs."""
        return self.counted("ledger", "stalls", name, "total_fs")

    def credit_stalls_fs(self) -> dict[str, int]:
        """Return, by kind of credit, the time for which the first TLP in line lacked credits, in fs."""
        return {kind: self.stalled(f"{kind}_credits") for kind in CREDIT_KINDS}

    def link_share(self, config: Config, direction: str) -> float:
        """Return the busy share of a link direction: TLPs, and the SKPs and DLLPs that even an idle link sends."""
        busy = self.share(self.counted(direction, "busy_fs"))
        return busy if self.has_part_of_link else link_rate_of(config.pcie).busy_share(busy)

    def iotlb_miss_share(self) -> float | None:
        """Return the miss rate of the IOMMU's translation cache; None without look-ups."""
        hits, misses = self.counted("translation", "hits"), self.counted("translation", "misses")
        return misses / (hits + misses) if hits + misses else None

    @property
    def retries(self) -> int:
        """Return the PCI reads that the bridge answered with Retry, without the first attempt of each read."""
        return self.counted("pcie", "retries")

    def drops(self) -> dict[str, int]:
        """Return the frames and copies dropped in the window, by reason."""
        return named_drops(self.grown("counts", "ledger", "drops"))

    def mean(self, gauge: str) -> float:
        """Return the mean occupancy of a gauge over the window."""
        first, last = (float(gauges_in(each.counts)[gauge]["area"]) for each in (self.start, self.end))
        return (last - first) / self.fs

    @property
    def mean_tags(self) -> float:
        """Return how many tags were held on average."""
        return float(self.grown("counts", "tags", "held_fs")) / self.fs

    def tlps(self, direction: str) -> tuple[Any, Any, int]:
        """Return the window's TLPs and their bytes on the link by kind, and its pairs of DLLPs, of `up` or `down`."""
        n_tlps, n_bytes = (self.grown("counts", direction, name) for name in ("n_tlps", "n_bytes"))
        return n_tlps, n_bytes, self.counted(direction, "dllps")


def _lengthened(first: Any, last: Any) -> Any:
    """Return an array of records with zeros in place of those that only a later one has."""
    if first is None or len(first) == len(last):
        return first
    return np.concatenate([first, np.zeros_like(last[len(first) :])])
