"""When the run has settled: buffers full or empty to stay, the rate steady.

A saturated run starts with its buffers filling; reads outrun writes until the Rx buffer is full, and rates hold only
after that. `run.warmup: auto` looks at slices of the run and ends where three in a row agree.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hwmodel.kernels import layout
from hwmodel.units import FS_PER_NS

if TYPE_CHECKING:
    from hwmodel.config import Config

SLICE_FRAMES = 2000
SLICE_FS = 1_000_000 * FS_PER_NS  # a slice of a slow load: 1 ms
STEADY_SLICES = 3
MOST_SLICES = 400
STEADY_LEVEL = 0.01  # of a buffer's size
STEADY_RATE = 0.05  # frames become visible by the batch, of all VMs at once: 64 of the 2000 of a slice


class Warmup:
    """Decide slice by slice whether the run has settled."""

    def __init__(self, config: Config, nic: Any) -> None:
        self.nic = nic
        self.fixed_fs = None if config.run.warmup == "auto" else int(config.run.warmup)
        self.n_slices = 0
        self.n_steady = 0
        self.levels: tuple[float, ...] = ()
        self.rate = 0.0
        self.seen = (0, 0)
        self.has_looked = False

    def is_over(self) -> bool:
        """Tell whether the window may begin."""
        if self.fixed_fs is not None:
            return self.has_looked
        return self.n_steady >= STEADY_SLICES or self.n_slices >= MOST_SLICES

    def next_target(self) -> tuple[int, int]:
        """Return the time and the number of delivered frames at which the next slice ends."""
        if self.fixed_fs is not None:
            return self.fixed_fs, layout.NEVER
        return int(self.nic.now_fs) + SLICE_FS, int(self.nic.counters.delivered) + SLICE_FRAMES

    def look(self) -> None:
        """Compare the slice that has ended with the one before."""
        nic = self.nic
        self.has_looked = True
        self.n_slices += 1
        levels = (
            int(nic.tx_buffer.level) / int(nic.limits.tx_buffer_bytes),
            int(nic.rx_buffer.level) / int(nic.limits.rx_buffer_bytes),
            int(nic.wire_queue.level) / layout.COPY_CAP,
        )
        now_fs, delivered = int(nic.now_fs), int(nic.counters.delivered)
        rate = (delivered - self.seen[1]) / max(1, now_fs - self.seen[0])
        # In a slice of few frames the rate says little; the levels have to do.
        is_steady = delivered - self.seen[1] < SLICE_FRAMES or abs(rate - self.rate) <= STEADY_RATE * max(
            rate, self.rate
        )
        if not self.levels or any(abs(a - b) > STEADY_LEVEL for a, b in zip(levels, self.levels, strict=True)):
            is_steady = False
        self.n_steady = self.n_steady + 1 if is_steady else 0
        self.levels, self.rate, self.seen = levels, rate, (now_fs, delivered)
