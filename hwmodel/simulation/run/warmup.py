"""Detect the end of warm-up: MSER-5 on the throughput, the latency and the depth of each buffer.

A saturated run starts with its buffers filling; reads outrun writes until the Rx buffer is full, and rates hold only
after that. Near saturation, rings go on filling long after the throughput looks steady.

The marginal standard error rule (K. P. White, An effective truncation heuristic for bias reduction in simulation
output, Simulation 69(6), 1997) discards as many first observations as minimise the standard error of the rest. On
means of five it did best of the rules compared (K. P. White, M. J. Cobb, S. C. Spratt, A comparison of five
steady-state truncation heuristics for simulation, Winter Simulation Conference 2000). It has no parameter to tune,
needs nobody to look at a graph, as Welch's method does, and detects a slow drift, which a threshold on differences
between slices does not. Its authors call a series too short if the cut falls in the second half; here the limit is a
third.

The model is deterministic: a steady series may beat against the slices, or be constant to the last digits; then the
rule would cut off ever more. So a late cut counts only if it moves the mean.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from hwmodel.compiled.records import NEVER
from hwmodel.config import Config
from hwmodel.simulation.figures.counts import GAUGE_WORDS, Ints, areas_in
from hwmodel.simulation.figures.whole import Whole
from hwmodel.units import FS_PER_NS

SLICE_FRAMES = 200
SLICE_FS = 100_000 * FS_PER_NS  # longest first slice, which ends a slice of a slow load: 0.1 ms
FIRST_SLICES = 100  # 20 means of 5
MOST_SLICES = 400  # beyond this, pairs are merged
MOST_WINDOWS = 10  # longest warm-up, in windows, if that is more than `MOST_SLICES` first slices
FILLING_FRAMES = 400_000  # always allowed, however short the window: several times what the largest buffers hold
MOST_FRAMES = 20_000_000
MOST_FS = 20_000_000_000 * FS_PER_NS
MATTERS = 0.005  # shift that counts, of the mean or of a buffer's capacity
WORDS = {
    "rate": "the throughput",
    "latency": "the latency",
    **GAUGE_WORDS,
}


class Warmup:
    """Decide slice by slice whether the run is steady; if the warm-up hits its limit, `unsteady` names what is not."""

    def __init__(self, config: Config, whole: Whole) -> None:
        self._counts = whole.counts
        self.fixed_fs = None if config.run.warmup == "auto" else int(config.run.warmup)
        self.slice_fs, self.slice_frames = SLICE_FS, SLICE_FRAMES
        self.next_look = FIRST_SLICES
        self.series: dict[str, list[float]] = {name: [] for name in WORDS}
        self.capacities = whole.capacities
        self._ends: list[tuple[int, Ints]] = []  # counters at bounds of slices not yet in `series`
        self._end_slice()
        self.has_looked = False
        self.unsteady: tuple[str, ...] = ()
        self.is_settled = False
        self.most_fs = min(MOST_FS, max(MOST_SLICES * SLICE_FS, MOST_WINDOWS * config.run.duration_fs))
        self.most_frames = MOST_FRAMES
        if config.run.frames is not None:
            self.most_frames = min(MOST_FRAMES, max(FILLING_FRAMES, MOST_WINDOWS * config.run.frames))

    @property
    def n_slices(self) -> int:
        """Return the number of slices, including those not yet in `series`."""
        return len(self.series["rate"]) + len(self._ends) - 1

    def is_over(self) -> bool:
        """Tell whether the window may begin."""
        return self.has_looked if self.fixed_fs is not None else self.is_settled

    def next_target(self) -> tuple[int, int]:
        """Return the time and the number of delivered frames at which the next slice ends."""
        if self.fixed_fs is not None:
            return self.fixed_fs, NEVER
        return self.now_fs + self.slice_fs, self.delivered + self.slice_frames

    def next_even_time(self) -> int:
        """Return the next multiple of a power of two in fs that is a sixteenth to an eighth of the time so far."""
        step_fs = 1 << max(0, self.now_fs.bit_length() - 4)
        return -(-self.now_fs // step_fs) * step_fs

    def look(self) -> None:
        """Record the slice that has ended; at growing intervals, test whether all series are steady."""
        self.has_looked = True
        if self.fixed_fs is not None:
            return
        self._end_slice()
        if self.n_slices < self.next_look:
            return
        self._reckon()
        self.unsteady = unsteady_in(self.series, self.capacities)
        if not self.unsteady or self.delivered >= self.most_frames or self.now_fs >= self.most_fs:
            self.is_settled = True
        elif self.n_slices >= MOST_SLICES:
            self._join_slices()
        self.next_look = self.n_slices * 5 // 4

    def _end_slice(self) -> None:
        """Copy the counters; figures are computed for many slices at once, by `_reckon`."""
        self.now_fs, self.delivered = self._counts.now_fs, self._counts.delivered
        self._ends.append((self.now_fs, self._counts.words()))

    def _reckon(self) -> None:
        """Append the figures of all slices since the last call to the series."""
        now_fs = np.array([at_fs for at_fs, _ in self._ends], np.int64)
        counts = self._counts.records(now_fs, [words for _, words in self._ends])
        passed_fs, ledger = np.maximum(1, np.diff(now_fs)), counts["ledger"]
        self.series["rate"] += (np.diff(ledger["delivered"]) / passed_fs).tolist()
        n_taken, sums_fs = (np.diff(ledger["to_guest"][name]).tolist() for name in ("n", "sum_fs"))
        latencies = self.series["latency"]
        for n, sum_fs in zip(n_taken, sums_fs, strict=True):  # a slice without frames repeats the previous latency
            latencies.append(sum_fs / n if n else (latencies or [0.0])[-1])
        for name, area in areas_in(counts, now_fs).items():
            self.series[name] += (np.diff(area) / passed_fs).tolist()
        self._ends = self._ends[-1:]

    def _join_slices(self) -> None:
        """Double the slice length, merging pairs, so that the series do not grow with the run."""
        for name, values in self.series.items():
            pairs = np.asarray(values[len(values) % 2 :]).reshape(-1, 2)
            self.series[name] = pairs.mean(axis=1).tolist()
        self.slice_fs, self.slice_frames = 2 * self.slice_fs, 2 * self.slice_frames


def unsteady_in(series: Mapping[str, Series], capacities: Mapping[str, float]) -> tuple[str, ...]:
    """Return which series are not steady: those too short, or of which MSER-5 cuts more than a third with effect."""
    found = []
    for name, values in series.items():
        cut = truncation(values)
        scale = capacities.get(name) or (float(np.mean(values)) if len(values) else 0.0)
        if cut is None or cut.moves_mean(MATTERS * scale):
            found.append(WORDS[name])
    return tuple(found)


Floats = npt.NDArray[np.float64]
Series = Sequence[float] | Floats

OBSERVATIONS_A_MEAN = 5
LEAST_MEANS = 8  # with fewer means a cut is meaningless
MOST_CUT = 1 / 3  # a series is too short if more is to be cut off


class Cut(NamedTuple):
    """Hold the share of a series that MSER-5 cuts off, and the means after that cut and after `MOST_CUT`."""

    share: float
    mean: float
    mean_behind_most: float

    def moves_mean(self, by_more_than: float) -> bool:
        """Tell whether more than `MOST_CUT` is to be cut off, and this moves the mean by more than a limit."""
        return self.share > MOST_CUT and abs(self.mean - self.mean_behind_most) > by_more_than


def truncation(series: Series) -> Cut | None:
    """Return what MSER-5 cuts off a series; None where the series is too short to say."""
    n_means = len(series) // OBSERVATIONS_A_MEAN
    if n_means < LEAST_MEANS:
        return None
    observations = np.asarray(series[-n_means * OBSERVATIONS_A_MEAN :], np.float64).reshape(n_means, -1)
    means = np.add.reduce(observations, axis=1) / OBSERVATIONS_A_MEAN  # the same as `mean`, in half the time
    # By suffix sums: the squared standard error of the mean of all after the cut, for each cut at once.
    left = np.arange(n_means, 0, -1)
    centred = means - _mean(means)
    total = np.cumsum(centred[::-1])[::-1]
    squares = np.cumsum((centred**2)[::-1])[::-1]
    errors = (squares - total**2 / left) / left**2
    # Cuts near the end are excluded: the few means left may have a small error by chance.
    cut = int(np.argmin(errors[: n_means - OBSERVATIONS_A_MEAN + 1]))
    return Cut(cut / n_means, _mean(means[cut:]), _mean(means[int(n_means * MOST_CUT) :]))


def _mean(values: Floats) -> float:
    return float(np.add.reduce(values) / len(values))
