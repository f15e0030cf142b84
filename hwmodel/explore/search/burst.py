"""The longest loss-free burst (RFC 2544, 26.4), its frames back to back at a given rate."""

from __future__ import annotations

import itertools
import tempfile
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from hwmodel.analytic.demand import flows_of
from hwmodel.analytic.system import System
from hwmodel.analytic.transactions import sending_s
from hwmodel.config import config_from_mapping
from hwmodel.errors import InputError, RunError
from hwmodel.explore.search.loads import Simulator
from hwmodel.results import Result
from hwmodel.rules.ethernet import FCS_BYTES
from hwmodel.units import BITS_PER_BYTE, FS_PER_NS, FS_PER_S, format_time_fs
from hwmodel.wire.ethernet import wire_bytes
from hwmodel.wire.pcap_writer import PcapWriter
from hwmodel.words.search_text import spaced_by_cores
from hwmodel.workload.traffic import UPLINK

if TYPE_CHECKING:
    from hwmodel.config import Config

MOST_BURST = 200_000
_OUTSIDE_MAC = 0x02FF00000001
_LOCAL_EXPERIMENTAL = b"\x88\xb5"
_TAIL_FS = FS_PER_S // 10  # what is on its way at the end of the burst has arrived long before


@dataclass
class Bursts:
    """Send bursts along a configuration's flows by turns, `rate_bps` in all with preamble and gap.

    `n_runs` counts simulations.
    """

    config: Config
    rate_bps: int
    simulator: Simulator
    n_runs: int = 0
    lost: str = ""  # of the shortest burst that lost something, by reason

    def __post_init__(self) -> None:
        workload = self.config.workload
        external = workload.external if workload.pattern is None else None
        lengths = (external or workload).frame_bytes
        if workload.pcap is not None or lengths is None:
            raise InputError("workload.frame_bytes: a search for bursts needs frames of one length, and no capture")
        if self.config.servers:
            raise InputError("servers: a search for bursts knows one server")
        self.frame_bytes = lengths
        self._flows = list(flows_of(self.config, System.of(self.config)))
        self._macs = {port.name: port.macs[0] for port in self.config.switch.ports if port.macs}

    @property
    def gap_fs(self) -> Fraction:
        """Return the time from one frame to the next."""
        return Fraction(wire_bytes(self.frame_bytes) * BITS_PER_BYTE * FS_PER_S, self.rate_bps)

    def spaced_by_cores(self) -> str:
        """Say where senders' cores post more slowly than their parts of the burst ask for; empty where none does."""
        senders = {source for source, _ in self._flows} - {UPLINK}
        if not senders:
            return ""
        asked_per_s = FS_PER_S / self.gap_fs / len({source for source, _ in self._flows})
        sizes = [(self.frame_bytes, Fraction(1))]
        posted_per_s = 1 / max(sending_s(self.config.for_function(name), sizes) for name in senders)
        if asked_per_s <= posted_per_s:
            return ""
        return spaced_by_cores(len(senders), float(asked_per_s / 10**6), float(posted_per_s / 10**6))

    def longest(self) -> tuple[int, int | None]:
        """Return the longest burst that was seen to get through, and the shortest that was not; None: none was."""
        low, burst = 0, 64
        high: int | None = None
        while high is None and low < MOST_BURST:
            burst = min(burst, MOST_BURST)
            if self.gets_through(burst):
                low, burst = burst, burst * 4
            else:
                high = burst
        while high is not None and high - low > max(1, high // 200):
            middle = (low + high) // 2
            low, high = (middle, high) if self.gets_through(middle) else (low, middle)
        return low, high

    def gets_through(self, n_frames: int) -> bool:
        """Tell whether nothing of a burst is lost."""
        with tempfile.TemporaryDirectory(prefix="hwmodel-burst-") as folder:
            path = Path(folder) / "burst.pcap"
            self._write(path, n_frames)
            duration_fs = round(n_frames * self.gap_fs) + _TAIL_FS
            mapping = self.config.resolved() | {
                "workload": {"pcap": str(path), "pcap_time": "file", "on_full": "drop"},
                "run": {"duration": format_time_fs(duration_fs), "seed": self.config.run.seed},
            }
            ((_, outcome),) = self.simulator([config_from_mapping(mapping)], 1)
        self.n_runs += 1
        if not isinstance(outcome, Result):
            raise RunError(f"a burst of {n_frames} frames cannot be run: {outcome}")
        if outcome.totals.dropped_frames:
            self.lost = ", ".join(f"{reason} {n}" for reason, n in sorted(outcome.drops.items()))
        return outcome.totals.dropped_frames == 0

    def _write(self, path: Path, n_frames: int) -> None:
        frames = [self._frame(source, target) for source, target in self._flows]
        sent = [frame for frame, _ in zip(itertools.cycle(frames), range(n_frames), strict=False)]
        with PcapWriter(path) as writer:
            writer.write_block([int(number * self.gap_fs) // FS_PER_NS for number in range(n_frames)], sent)

    def _frame(self, source: str, target: str) -> bytes:
        macs = [int(self._macs.get(name, _OUTSIDE_MAC)).to_bytes(6, "big") for name in (target, source)]
        return (b"".join(macs) + _LOCAL_EXPERIMENTAL).ljust(self.frame_bytes - FCS_BYTES, b"\0")
