"""What is measured while the machine runs: occupancies, stalls, latencies."""

from __future__ import annotations

import numpy as np

from hwmodel.compiled.compilation import inlined
from hwmodel.machine.counts.ledger_state import HISTOGRAM_BUCKETS, HISTOGRAM_SHIFT, HISTOGRAM_SUB_BITS

# IEEE 754's binary64: 52 bits of fraction below an exponent with a bias of 1023.
FRACTION_SHIFT = 52 - HISTOGRAM_SUB_BITS
FIRST_OCTAVE = (1023 + HISTOGRAM_SUB_BITS - 1) << HISTOGRAM_SUB_BITS


@inlined
def change(gauge, now_fs, delta):
    """Add to an occupancy and to its integral over time."""
    gauge.area += float(gauge.level) * float(now_fs - gauge.since_fs)
    gauge.since_fs = now_fs
    gauge.level += delta
    gauge.highest = max(gauge.highest, gauge.level)


@inlined
def set_stalled(stall, now_fs, is_stalled):
    """Start or end an interval of waiting; `since_fs` is -1 while nothing waits."""
    if is_stalled:
        if stall.since_fs < 0:
            stall.since_fs = now_fs
    elif stall.since_fs >= 0:
        stall.total_fs += now_fs - stall.since_fs
        stall.since_fs = -1


@inlined
def bucket(value_fs):
    """Return the log-linear bucket of a time: 128 buckets an octave, so at most 0.8 % wide.

    From 128 units on, it is the number formed by the exponent and the first seven bits of the fraction of a 64-bit
    float. No time is negative; where a fault makes one so, the extremes tell, and nothing is written beside the table.
    """
    value = value_fs >> HISTOGRAM_SHIFT
    if value < 1 << HISTOGRAM_SUB_BITS:
        return max(value, 0)
    index = (np.float64(value).view(np.int64) >> FRACTION_SHIFT) - FIRST_OCTAVE
    return min(index, HISTOGRAM_BUCKETS - 1)


@inlined
def begin_extremes(latency, value_fs):
    """Take the first latency as the least and the largest."""
    latency.lowest_fs = value_fs
    latency.highest_fs = value_fs


@inlined
def extend_extremes(latency, value_fs):
    """Note a latency below the least or above the largest."""
    latency.lowest_fs = min(latency.lowest_fs, value_fs)
    latency.highest_fs = max(latency.highest_fs, value_fs)


@inlined
def observe(latency, value_fs):
    """Count one latency."""
    if latency.n == 0:
        begin_extremes(latency, value_fs)
    latency.n += 1
    latency.sum_fs += float(value_fs)
    extend_extremes(latency, value_fs)
