"""A second implementation of policing: a token bucket on exact fractions."""

from __future__ import annotations

from fractions import Fraction


class BucketOracle:
    def __init__(self, rate_bps, burst_bytes):
        self.bytes_per_fs = Fraction(rate_bps, 8 * 10**15)
        self.burst = self.tokens = Fraction(burst_bytes)
        self.last_fs = 0

    def police(self, now_fs, frame_bytes):
        self.tokens = min(self.burst, self.tokens + (now_fs - self.last_fs) * self.bytes_per_fs)
        self.last_fs = now_fs
        if frame_bytes > self.tokens:
            return False
        self.tokens -= frame_bytes
        return True
