"""What is left to chance in the host: the jitter of its reads, and what its last-level cache holds."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from .parameters import NicParameters

TWO_TO_32 = 2**32
JITTER_STEP_FS = 4096


def xorshift128(state: tuple[int, int, int, int]) -> Iterator[int]:
    """Yield words of 32 bits (G. Marsaglia, Journal of Statistical Software 8(14), 2003, page 5)."""
    x, y, z, w = state
    while True:
        t = (x ^ (x << 11)) & (TWO_TO_32 - 1)
        x, y, z = y, z, w
        w = w ^ (w >> 19) ^ t ^ (t >> 8)
        yield w


class Chances:
    """Draws from the host's stream."""

    def __init__(self, parameters: NicParameters) -> None:
        """Begin with the stream's first word."""
        self._words = xorshift128(parameters.random_state)
        self._early_refills = parameters.early_refills
        self._range_fs = parameters.jitter_range_fs
        self._bins = parameters.jitter_bins
        self._cache = cache = parameters.last_level_cache
        rings = len(parameters.ports) * parameters.queues_per_vf
        if cache is not None:
            read_bytes = rings * parameters.tx_ring * parameters.tx_buffer_distance_bytes
            written_bytes = rings * parameters.rx_ring * parameters.buffer_bytes
            self._read_share = Fraction(cache.size_bytes, read_bytes) if cache.warm else Fraction(0)
            self._write_share = Fraction(cache.size_bytes * cache.io_share_percent, 100 * written_bytes)

    def refills_early(self) -> bool:
        """Return whether a driver posts descriptors again ahead of its batch."""
        return bool(self._early_refills) and next(self._words) < self._early_refills

    def read_fs(self) -> int:
        """Return what the next read takes beyond the latency."""
        extra_fs = self._jitter_fs()
        if self._cache is not None:
            extra_fs += self._miss_fs(self._cache.read_miss_fs, self._read_share)
        return extra_fs

    def write_fs(self) -> int:
        """Return what the next TLP of a write takes beyond the latency."""
        return 0 if self._cache is None else self._miss_fs(self._cache.write_miss_fs, self._write_share)

    def _jitter_fs(self) -> int:
        if self._range_fs is not None:
            return self._range_fs // JITTER_STEP_FS * next(self._words) // TWO_TO_32 * JITTER_STEP_FS
        if not self._bins:
            return 0
        word, below = next(self._words), 0
        total = sum(weight for _, weight in self._bins)
        for extra_fs, weight in self._bins:
            below += weight
            if word < below * TWO_TO_32 // total:
                return extra_fs
        return self._bins[-1][0]

    def _miss_fs(self, miss_fs: int, share: Fraction) -> int:
        return miss_fs if miss_fs and next(self._words) >= share * TWO_TO_32 else 0
