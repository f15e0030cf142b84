"""Random numbers in the kernel: xorshift128 (G. Marsaglia, Journal of Statistical Software 8(14), 2003).

Four words of 32 bits in 64-bit integers, so compiled and interpreted runs agree without overflow.
"""

from __future__ import annotations

import math

from hwmodel.compiled.compilation import kernel

WORD = 0xFFFFFFFF
LOTS = 64
LOT_PRIME, LOT_STEP = 999_983, 104_729  # a prime for which cubing permutes the residues; another


@kernel
def next_u32(owner):
    """Return the next 32 random bits of `owner.rng`, four words that are not all zero."""
    rng = owner.rng
    t = rng[0] ^ ((rng[0] << 11) & WORD)
    w = rng[3]
    rng[0] = rng[1]
    rng[1] = rng[2]
    rng[2] = w
    w = (w ^ (w >> 19)) ^ (t ^ (t >> 8))
    rng[3] = w
    return w


@kernel
def unit_interval(owner):
    """Return a number in (0, 1] with 53 random bits: above 0, so it has a logarithm."""
    high = next_u32(owner) >> 5
    low = next_u32(owner) >> 6
    return (float(high) * 67108864.0 + float(low) + 0.5) / 9007199254740992.0


@kernel
def exponential_fs(owner, mean_fs):
    """Draw an exponential time, rounded to whole femtoseconds."""
    return int(-math.log(unit_interval(owner)) * float(mean_fs) + 0.5)


@kernel
def geometric(owner, mean):
    """Draw a number of 1, 2, ... with the given mean (at least 1)."""
    if mean <= 1.0:
        return 1
    return 1 + int(math.log(unit_interval(owner)) / math.log(1.0 - 1.0 / mean))


@kernel
def lot(at_fs, number):
    """Return the lot of one of several peers at an instant, below `LOTS`: by it they go then, not by their numbers.

    It hangs on time and number alone, so nothing is drawn where clocks are exact, and each is first as often.
    """
    drawn = (at_fs + at_fs // LOT_PRIME + LOT_STEP * number) % LOT_PRIME
    return drawn * drawn % LOT_PRIME * drawn % LOT_PRIME * LOTS // LOT_PRIME
