"""The warm-up: run until throughput, latency and the depth of every buffer are steady, by MSER-5.

A saturated run starts with its buffers filling; reads outrun writes until the Rx buffer is full, and rates hold only
after that. Near saturation rings fill for much longer than any of it shows in the throughput.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from hwmodel.compiled.records import NEVER
from hwmodel.simulation.counts import CAPACITIES, GAUGE_WORDS, Counts, see
from hwmodel.simulation.steady_state import Series, truncation
from hwmodel.units import FS_PER_NS

if TYPE_CHECKING:
    from hwmodel.config import Config

SLICE_FRAMES = 200
SLICE_FS = 100_000 * FS_PER_NS  # a slice of a slow load: 0.1 ms
FIRST_SLICES = 100  # 20 means of 5
MOST_SLICES = 400  # of more, two make one
MOST_WINDOWS = 10  # that a warm-up takes at most, where it is longer than `MOST_SLICES` first slices
FILLING_FRAMES = 400_000  # that a warm-up may take before any window: several times what the largest buffers hold
MOST_FRAMES = 20_000_000
MOST_FS = 20_000_000_000 * FS_PER_NS
MATTERS = 0.005  # of the mean, or of a buffer's capacity
WORDS = {
    "rate": "the throughput",
    "latency": "the latency",
    **GAUGE_WORDS,
}


class Warmup:
    """Decide slice by slice whether the run has settled; `unsteady` then names what had not, if time ran out."""

    def __init__(self, config: Config, nic: Any) -> None:
        self._nic, self._counts = nic, Counts(nic)
        self.fixed_fs = None if config.run.warmup == "auto" else int(config.run.warmup)
        self.slice_fs, self.slice_frames = SLICE_FS, SLICE_FRAMES
        self.next_look = FIRST_SLICES
        self.series: dict[str, list[float]] = {name: [] for name in WORDS}
        self.capacities = capacities_of(nic)
        self.seen = see(self._nic, self._counts)
        self.has_looked = False
        self.unsteady: tuple[str, ...] = ()
        self.is_settled = False
        self.most_fs = min(MOST_FS, max(MOST_SLICES * SLICE_FS, MOST_WINDOWS * config.run.duration_fs))
        self.most_frames = MOST_FRAMES
        if config.run.frames is not None:
            self.most_frames = min(MOST_FRAMES, max(FILLING_FRAMES, MOST_WINDOWS * config.run.frames))

    def is_over(self) -> bool:
        """Tell whether the window may begin."""
        return self.has_looked if self.fixed_fs is not None else self.is_settled

    def next_target(self) -> tuple[int, int]:
        """Return the time and the number of delivered frames at which the next slice ends."""
        if self.fixed_fs is not None:
            return self.fixed_fs, NEVER
        return self.seen.now_fs + self.slice_fs, self.seen.delivered + self.slice_frames

    def next_even_time(self) -> int:
        """Return the next multiple of a sixteenth to an eighth of the time so far, of a power of two in fs."""
        now_fs = self.seen.now_fs
        step_fs = 1 << max(0, now_fs.bit_length() - 4)
        return -(-now_fs // step_fs) * step_fs

    def look(self) -> None:
        """Note the slice that has ended; at times, see whether all is steady."""
        self.has_looked = True
        if self.fixed_fs is not None:
            return
        self._note()
        n = len(self.series["rate"])
        if n < self.next_look:
            return
        self.unsteady = unsteady_in(self.series, self.capacities)
        if not self.unsteady or self.seen.delivered >= self.most_frames or self.seen.now_fs >= self.most_fs:
            self.is_settled = True
        elif n >= MOST_SLICES:
            self._join_slices()
        self.next_look = len(self.series["rate"]) * 5 // 4

    def _note(self) -> None:
        before, now = self.seen, see(self._nic, self._counts)
        self.seen = now
        passed_fs = max(1, now.now_fs - before.now_fs)
        latencies = self.series["latency"]
        n_taken = now.n_taken - before.n_taken
        last = latencies[-1] if latencies else 0.0
        self.series["rate"].append((now.delivered - before.delivered) / passed_fs)
        latencies.append((now.latency_sum_fs - before.latency_sum_fs) / n_taken if n_taken else last)
        for name in GAUGE_WORDS:
            self.series[name].append((now.areas[name] - before.areas[name]) / passed_fs)

    def _join_slices(self) -> None:
        """Make slices twice as long, so that what must be looked at does not grow with the run."""
        for name, values in self.series.items():
            pairs = np.asarray(values[len(values) % 2 :]).reshape(-1, 2)
            self.series[name] = pairs.mean(axis=1).tolist()
        self.slice_fs, self.slice_frames = 2 * self.slice_fs, 2 * self.slice_frames


def capacities_of(nic: Any) -> dict[str, float]:
    """Return what each buffer holds at most, by name; rings of all functions together, as their gauges count."""
    limits = nic.limits
    return {name: float(prod(int(limits[each]) for each in product)) for name, product in CAPACITIES.items()}


def unsteady_in(series: Mapping[str, Series], capacities: Mapping[str, float]) -> tuple[str, ...]:
    """Return what of some series, by name, is not steady: MSER-5 would cut off more than a third, and that matters."""
    found = []
    for name, values in series.items():
        cut = truncation(values)
        scale = capacities.get(name) or (float(np.mean(values)) if len(values) else 0.0)
        if cut is None or cut.moves_mean(MATTERS * scale):
            found.append(WORDS[name])
    return tuple(found)
