"""Credits and rate factors as the registers of a transmit scheduler hold them.

A class of traffic (or a VM's pool) is given `refill` credits of 64 B in each round, and keeps at most `most` of them.
Widths: 82599 data sheet, RTTDT2C and RTTPT2C (CRQ 9 bits, MCL 12 bits) and RTTBCNRC (RF_INT 27:14, RF_DEC 13:0,
RS_ENA 31). How a driver gets credits from percentages: Linux ixgbe_dcb.c, ixgbe_ieee_credits; the factor of a rate:
ixgbe_sriov.c, ixgbe_set_vf_rate_limit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

CREDIT_BYTES = 64
MOST_REFILL = 511  # 9 bits
MOST_CREDITS = 4095  # 12 bits
MOST_CLASSES = 8
FRACTION_BITS = 14
MOST_FACTOR = (1 << 2 * FRACTION_BITS) - 1  # 14 bits before the point and 14 behind it
IS_ENABLED = 1 << 31


@dataclass(frozen=True, slots=True)
class Credits:
    """Hold what one class, or one pool, is given each round and may keep, in credits of 64 B."""

    refill: int
    most: int


def least_refill(longest_frame_bytes: int) -> int:
    """Return the credits of half of the longest frame, rounded up to whole ones: what a driver refills at least."""
    return -(-(longest_frame_bytes // 2) // CREDIT_BYTES)


def credits_of_percents(percents: Sequence[int], longest_frame_bytes: int) -> tuple[Credits, ...]:
    """Return the credits of classes that are to have so many percent each; those with 0 have the least.

    The refills are multiples of the percentages as long as none exceeds its register.
    """
    least = least_refill(longest_frame_bytes)
    multiple = least // min((each for each in percents if each), default=100) + 1
    return tuple(
        Credits(max(least, min(each * multiple, MOST_REFILL)), each * MOST_CREDITS // 100 if each else least)
        for each in percents
    )


def credits_of_weights(weights: Sequence[int], longest_frame_bytes: int) -> tuple[Credits, ...]:
    """Return the credits of pools with such weights, in just these proportions; a refill may exceed its register."""
    multiple = least_refill(longest_frame_bytes) // min(weights) + 1
    whole = sum(weights)
    return tuple(
        Credits(each * multiple, min(MOST_CREDITS, max(each * multiple, each * MOST_CREDITS // whole)))
        for each in weights
    )


def rate_factor(rate_bps: int, link_bps: int) -> int:
    """Return by what the link's rate is divided to get a rate not above it, in units of 2^-14, rounded down.

    It exceeds its 28 bits, `MOST_FACTOR`, where the rate is less than a 16384th of the link's.
    """
    return (link_bps << FRACTION_BITS) // rate_bps


def rate_register(rate_bps: int, link_bps: int) -> int:
    """Return the value of RTTBCNRC that holds a queue to a rate."""
    return IS_ENABLED | rate_factor(rate_bps, link_bps)


def rate_kept(rate_bps: int, link_bps: int) -> Fraction:
    """Return the rate to which an adapter holds a queue limited to `rate_bps`: that or, by rounding, slightly more."""
    return Fraction(link_bps << FRACTION_BITS, rate_factor(rate_bps, link_bps))
