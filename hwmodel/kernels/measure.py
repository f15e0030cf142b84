"""What is measured while the machine runs: occupancies, stalls, latencies."""

from __future__ import annotations

from . import inlined
from .layout import HISTOGRAM_BUCKETS, HISTOGRAM_SHIFT, HISTOGRAM_SUB_BITS


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
    """Return the log-linear bucket of a time: 128 buckets an octave, so at most 0.8 % wide."""
    value = value_fs >> HISTOGRAM_SHIFT
    octave = 0
    high = value >> (HISTOGRAM_SUB_BITS + 1)
    if high >= 1 << 16:
        octave += 16
        high >>= 16
    if high >= 1 << 8:
        octave += 8
        high >>= 8
    while high > 0:
        octave += 1
        high >>= 1
    index = (octave << HISTOGRAM_SUB_BITS) + (value >> octave)
    return min(index, HISTOGRAM_BUCKETS - 1)


@inlined
def observe(latency, value_fs):
    """Count one latency."""
    if latency.n == 0:
        latency.lowest_fs = value_fs
        latency.highest_fs = value_fs
    latency.n += 1
    latency.sum_fs += float(value_fs)
    latency.lowest_fs = min(latency.lowest_fs, value_fs)
    latency.highest_fs = max(latency.highest_fs, value_fs)
