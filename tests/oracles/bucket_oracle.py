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

    def change(self, now_fs, rate_bps, burst_bytes):
        """Earn by the old rate up to now; tokens above a smaller burst are lost."""
        earned = self.tokens + (now_fs - self.last_fs) * self.bytes_per_fs
        self.bytes_per_fs = Fraction(rate_bps, 8 * 10**15)
        self.tokens = min(self.burst, earned, Fraction(burst_bytes))
        self.burst, self.last_fs = Fraction(burst_bytes), now_fs


class PolicersOracle:
    """The buckets of the entries with `action: police` of an access list or a policy, by their place among these."""

    def __init__(self, entries):
        self.buckets = [BucketOracle(each.rate_bps, each.burst_bytes) for each in _policing(entries)]

    def police(self, number, now_fs, frame_bytes):
        return self.buckets[number].police(now_fs, frame_bytes)

    def change(self, now_fs, entries):
        entries = _policing(entries)
        for bucket, each in zip(self.buckets, entries, strict=False):
            bucket.change(now_fs, each.rate_bps, each.burst_bytes)
        n_same = min(len(self.buckets), len(entries))
        self.buckets = self.buckets[:n_same] + PolicersOracle(entries[n_same:]).buckets


def _policing(entries):
    return [each for each in entries if each.action == "police"]
