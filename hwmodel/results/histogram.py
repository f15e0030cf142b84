"""Log-linear histograms: bucket arithmetic, percentiles and the merged form that results carry.

A latency is a whole number v >= 0 of units of 2**10 fs (UNIT_FS). With b = 7 sub-bucket bits, hence 2**b = 128 buckets
to each power of two:

    v < 2**b:   index = v
    otherwise:  s = bit_length(v) - (b + 1);  index = (s + 1) * 2**b + (v >> s) - 2**b

so values below 2**(b + 1) units have a bucket each, and above that a bucket is at most 1 / 2**b of its lower edge wide.
A percentile is the middle of its bucket: off by at most half of that, 0.4 % for 7 bits.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from hwmodel.results.result import Latency
from hwmodel.units import FS_PER_NS

UNIT_FS = 1 << 10
SUB_BUCKET_BITS = 7
PER_OCTAVE = 1 << SUB_BUCKET_BITS  # buckets to each power of two
LEAST_SAMPLES_P99 = 100
LEAST_SAMPLES_P999 = 1000

Counts = npt.NDArray[np.integer] | Sequence[int]


def bucket_index(value: int) -> int:
    """Return the bucket of a value; ValueError for a negative one."""
    if value < 0:
        raise ValueError(f"a latency cannot be negative: {value}")
    shift = value.bit_length() - (SUB_BUCKET_BITS + 1)
    return value if shift < 0 else (shift << SUB_BUCKET_BITS) + (value >> shift)


def least_of(bucket: int) -> int:
    """Return the least value of a bucket, which is the exclusive upper bound of the bucket before it."""
    if bucket < PER_OCTAVE:
        return bucket
    shift = bucket // PER_OCTAVE - 1
    return (bucket % PER_OCTAVE + PER_OCTAVE) << shift


@lru_cache  # a window's marks ask for the same extremes again and again
def filled_columns(min_fs: int, max_fs: int, n_buckets: int) -> slice:
    """Return the range of `n_buckets` buckets that samples between two times can be in; the last is unbounded."""
    last = n_buckets - 1
    return slice(min(bucket_index(min_fs // UNIT_FS), last), min(bucket_index(max_fs // UNIT_FS), last) + 1)


def quantile_bucket(counts: Counts, numerator: int, denominator: int) -> int:
    """Return the bucket in which the sample of a quantile's rank lies; ValueError without samples."""
    return bucket_of_rank(np.cumsum(np.asarray(counts, dtype=np.int64)), numerator, denominator)


def bucket_of_rank(totals: npt.NDArray[np.int64], numerator: int, denominator: int) -> int:
    """Return the bucket of a quantile, as `quantile_bucket` does, from cumulative counts."""
    n_samples = int(totals[-1]) if totals.size else 0
    if n_samples == 0:
        raise ValueError("no samples, no quantile")
    rank = max(1, -(-n_samples * numerator // denominator))
    return int(totals.searchsorted(rank, side="left"))


def bucket_ns(bucket: int) -> float:
    """Return the middle of a bucket in ns; a value v stands for all times from v to v + 1 units."""
    return (least_of(bucket) + least_of(bucket + 1)) / 2 * UNIT_FS / FS_PER_NS


def summarize_latency(
    counts: Counts,
    *,
    min_fs: int,
    max_fs: int,
    sum_fs: int,
    first: int = 0,
) -> Latency:
    """Return the summary in ns of a latency sample.

    `counts[i]` is the number of samples in bucket `first` + i; `min_fs`, `max_fs` and `sum_fs`, kept beside the
    histogram, make those three figures exact (`sum_fs` may exceed 64 bits). p99 needs 100 samples and p999 1000;
    without samples all figures are None, and `min_fs`, `max_fs` and `sum_fs` are ignored. Percentiles are kept within
    [min, max].
    """
    totals = np.cumsum(np.asarray(counts, dtype=np.int64))
    n_samples = int(totals[-1]) if totals.size else 0
    if n_samples == 0:
        return Latency()

    def percentile(per_mille: int, least_samples: int) -> float | None:
        if n_samples < least_samples:
            return None
        estimate_ns = bucket_ns(first + bucket_of_rank(totals, per_mille, 1000))
        return min(max(estimate_ns, min_fs / FS_PER_NS), max_fs / FS_PER_NS)

    return Latency(
        min=min_fs / FS_PER_NS,
        mean=sum_fs / n_samples / FS_PER_NS,
        p50=percentile(500, 1),
        p99=percentile(990, LEAST_SAMPLES_P99),
        p999=percentile(999, LEAST_SAMPLES_P999),
        max=max_fs / FS_PER_NS,
        count=n_samples,
    )


def merge_histogram(counts: Counts, most_points: int = 200, first: int = 0) -> tuple[tuple[float, int], ...]:
    """Return `(upper_ns, count)` of the non-empty buckets, in order, merged until there are at most `most_points`.

    Neighbours are merged two by two, four by four and so on, so the buckets stay log-linear. Each count is of samples
    from the previous upper edge (included) up to its own (excluded), so the running sums are exact points of the
    distribution. `counts` may leave out the buckets before `first`.
    """
    if most_points < 1:
        raise ValueError("a histogram needs at least one point")
    array = np.asarray(counts, dtype=np.int64)
    filled = np.flatnonzero(array)
    if filled.size == 0:
        return ()
    groups = numbers = first + filled
    while 1 + np.count_nonzero(groups[1:] != groups[:-1]) > most_points:
        groups = groups >> 1
    is_last = np.append(groups[1:] != groups[:-1], True)
    merged_counts = np.diff(np.cumsum(array[filled])[is_last], prepend=0)
    uppers_ns = [least_of(bucket + 1) * UNIT_FS / FS_PER_NS for bucket in numbers[is_last].tolist()]
    return tuple(zip(uppers_ns, merged_counts.tolist(), strict=True))
