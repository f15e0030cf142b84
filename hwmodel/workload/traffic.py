"""What a workload consists of: plain arrays and dataclasses that the simulation copies into its own state."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property, lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

COLUMN_UNITS = 1 << 32
I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]
U32 = npt.NDArray[np.uint32]
# How a source decides when its next frame is due.
CLOSED, PERIODIC, POISSON, ON_OFF, RECORDED = "closed", "periodic", "poisson", "on_off", "recorded"
SILENT = "silent"  # never, until its load changes


@dataclass(frozen=True, eq=False, slots=True)
class AliasTable:
    """Hold n columns: int64 `threshold` from 0 to 2^32, int32 `alias` (a column) and int32 `value`.

    To draw, take a column i uniformly and 32 random bits u: `value[i]` if u < `threshold[i]`, else `value[alias[i]]`.
    """

    threshold: npt.NDArray[np.int64]
    alias: npt.NDArray[np.int32]
    value: npt.NDArray[np.int32]

    def __len__(self) -> int:
        """Count the columns."""
        return len(self.threshold)


EMPTY_TABLE = AliasTable(np.zeros(0, np.int64), np.zeros(0, np.int32), np.zeros(0, np.int32))


def build_alias_table(weighted: Sequence[tuple[int, Fraction | int | float]]) -> AliasTable:
    """Build the table of (value, weight) pairs; the same pairs in the same order give the same table.

    Weights of 0 are left out. The n columns hold n * 2^32 equal parts: each value gets its exact share of them, rounded
    so that they add up, and the table gives exactly that many. A probability is therefore off by less than
    1 / (n * 2^32), and by nothing where the share is whole. Raises ValueError without a positive weight, or for a
    negative one.
    """
    given = [weight for _, weight in weighted]
    are_alike = bool(given) and given == given[:1] * len(given)  # fast if all are the same object
    pairs = weighted if are_alike else [(value, weight) for value, weight in weighted if weight]
    weights = tuple(Fraction(weight) for _, weight in (pairs[:1] if are_alike else pairs))
    if not any(weights) or any(weight < 0 for weight in weights):
        raise ValueError("a table takes weights above zero")
    threshold, alias = _columns_of(weights, len(pairs) if are_alike else 1)
    return AliasTable(threshold, alias, np.array([value for value, _ in pairs], np.int32))


@lru_cache(maxsize=64)  # most sources have the same weights; this is a third of a workload's building time
def _columns_of(weights: tuple[Fraction, ...], n_times: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int32]]:
    """Return read-only `threshold` and `alias` of the table for `weights`, repeated `n_times`."""
    found = _fill_columns(_apportion(weights * n_times, n_times * len(weights) * COLUMN_UNITS))
    threshold, alias = np.array(found[0], np.int64), np.array(found[1], np.int32)
    for array in (threshold, alias):
        array.flags.writeable = False
    return threshold, alias


def _apportion(weights: Sequence[Fraction], n_units: int) -> list[int]:
    """Split `n_units` in proportion to the weights, the largest remainders taking what rounding down leaves."""
    whole = sum(weights)
    shares = [weight * n_units / whole for weight in weights]
    units = [int(share) for share in shares]
    by_remainder = sorted(range(len(shares)), key=lambda i: (units[i] - shares[i], i))
    for i in by_remainder[: n_units - sum(units)]:
        units[i] += 1
    return units


def _fill_columns(units: list[int]) -> tuple[list[int], list[int]]:
    """Fill each column with its own value up to a threshold, and above it with one that exceeds its own column."""
    left = list(units)
    threshold, alias = [COLUMN_UNITS] * len(units), list(range(len(units)))
    small = [i for i, n in enumerate(left) if n < COLUMN_UNITS][::-1]
    large = [i for i, n in enumerate(left) if n > COLUMN_UNITS][::-1]
    while small:
        # The columns add up exactly, so while one is too small another is too large.
        low, high = small.pop(), large[-1]
        threshold[low], alias[low] = left[low], high
        left[high] -= COLUMN_UNITS - left[low]
        if left[high] <= COLUMN_UNITS:
            large.pop()
            if left[high] < COLUMN_UNITS:
                small.append(high)
    return threshold, alias


class FrameTemplate(NamedTuple):
    """Hold the header that many frames of one sender share.

    `source` is the port that the frames enter by; `target` names their flow: a port, `broadcast`, `multicast` or
    `unknown`. `header` has the bytes from the destination up to the type behind the last tag that is parsed; a frame of
    a capture that ends before that has fewer. Behind them come `flow_bytes` more where what the frame says of its flow
    matters (`wire/ethernet.py`).
    """

    source: str
    target: str
    header: bytes
    flow_bytes: int = 0

    @property
    def type_ends(self) -> int:
        """Return how many bytes the header has up to its type."""
        return len(self.header) - self.flow_bytes


@dataclass(frozen=True, slots=True)
class Source:
    """Hold one stream of frames into one port.

    `kind` closed: there is always a next frame, as soon as the Tx ring has room (from the uplink: back to back at the
    line's rate). periodic: a frame at `phase_fs` and every `mean_gap_fs` after it. poisson: exponential gaps of that
    mean. on_off: bursts of a geometric number of frames (mean `mean_burst_frames`, at least 1), or of just
    `fixed_burst_frames` where that is not 0, that are `peak_gap_fs` apart; behind each burst's last frame `peak_gap_fs`
    and an exponential pause of mean `mean_off_fs`. recorded: the records' times. silent: none.

    A source with `n_records` plays those of `Records.source`; any other draws a template id from `target_table` and
    `frame_bytes` (with FCS) from `size_table` for each frame. What a kind does not use is 0.
    If frames are cut from sends, a draw is a send: its length counts the header once; `cut_lengths` are of its frames.
    """

    port: str
    kind: str
    frames_per_s: float = 0.0
    mean_gap_fs: int = 0
    peak_gap_fs: int = 0
    mean_burst_frames: float = 0.0
    fixed_burst_frames: int = 0
    mean_off_fs: int = 0
    phase_fs: int = 0
    target_table: AliasTable = EMPTY_TABLE
    size_table: AliasTable = EMPTY_TABLE
    n_records: int = 0
    cut_lengths: tuple[int, ...] = ()

    @property
    def lengths(self) -> list[int]:
        """Return the lengths with FCS of the frames that it makes up, once each."""
        return list(self.cut_lengths) or [int(n_bytes) for n_bytes in self.size_table.value]


@dataclass(frozen=True, slots=True)
class Records:
    """Hold the frames of a capture in the order of (`at_fs`, `index`); all arrays have shape (n,).

    `at_fs` counts from the earliest frame, and is 0 throughout where frames are played back to back; `source` and
    `template` number the workload's lists, `frame_bytes` counts the FCS that a capture lacks, `index` is the frame's
    number in the capture from 0, `rss_hash` the Toeplitz hash (0 where a frame is not IP).
    """

    at_fs: I64 = field(default_factory=lambda: np.zeros(0, np.int64))
    source: I32 = field(default_factory=lambda: np.zeros(0, np.int32))
    template: I32 = field(default_factory=lambda: np.zeros(0, np.int32))
    frame_bytes: I32 = field(default_factory=lambda: np.zeros(0, np.int32))
    index: I32 = field(default_factory=lambda: np.zeros(0, np.int32))
    rss_hash: U32 = field(default_factory=lambda: np.zeros(0, np.uint32))

    def __len__(self) -> int:
        """Count the frames."""
        return len(self.at_fs)

    def by_source(self, n_sources: int) -> tuple[I64, I64]:
        """Give the records' positions grouped by source, each group in order, and where each group begins.

        The first array (int64, shape (n,)) holds positions; source s has those from the second's (int64, shape
        (n_sources + 1,)) entry s up to entry s + 1.
        """
        order = np.argsort(self.source, kind="stable").astype(np.int64)
        starts = np.zeros(n_sources + 1, np.int64)
        np.cumsum(np.bincount(self.source, minlength=n_sources), out=starts[1:])
        return order, starts


@dataclass(frozen=True)
class Workload:
    """Hold all traffic of a run; template ids and source numbers count from 0 in these lists."""

    templates: list[FrameTemplate]
    sources: list[Source]
    records: Records
    pcap: str | None = None

    @cached_property
    def frame_lengths(self) -> set[int]:
        """Return the lengths of made-up frames, and the least and the greatest of a capture's frames."""
        recorded = self.records.frame_bytes
        ends = {int(recorded.min()), int(recorded.max())} if len(recorded) else set()
        return ends | {n_bytes for source in self.sources for n_bytes in source.lengths}
