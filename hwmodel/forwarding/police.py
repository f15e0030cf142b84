"""Policers: token buckets that say whether a frame is within its rate."""

from __future__ import annotations

from hwmodel.compiled.compilation import entry, kernel
from hwmodel.compiled.records import ints, record

POLICER_PARAMS = record(*ints("rate_bps", "burst"))
# `remainder`: the fraction of a byte beyond `tokens`, in units of 1 / PARTS_OF_BYTE of a byte, whatever the rate.
POLICER = record(("params", POLICER_PARAMS), *ints("tokens", "remainder", "last_fs"))
PARTS_OF_BYTE = 8 * 10**15  # bits of a byte, femtoseconds of a second: so `rate_bps` is parts a femtosecond

# A time is taken in digits of 10 bits. With a divisor of at most 8e15 no intermediate value then exceeds 63 bits.
DIGIT_BITS = 10
DIGITS = 7


@kernel
def refill(bucket, now_fs):
    """Add the tokens earned since the last refill, and keep the fraction of a byte that is left over.

    The rate is at least 1 and at most 1e15 bits a second. Its product with the time may exceed 64 bits, so it is
    divided digit by digit, as on paper.
    """
    elapsed_fs = now_fs - bucket.last_fs
    bucket.last_fs = now_fs
    earned = elapsed_fs * 0
    left = elapsed_fs * 0
    for i in range(DIGITS):
        digit = (elapsed_fs >> (DIGIT_BITS * (DIGITS - 1 - i))) & ((1 << DIGIT_BITS) - 1)
        left = (left << DIGIT_BITS) + digit * bucket.params.rate_bps
        earned = (earned << DIGIT_BITS) + left // PARTS_OF_BYTE
        left = left % PARTS_OF_BYTE
    left += bucket.remainder
    earned += left // PARTS_OF_BYTE
    bucket.remainder = left % PARTS_OF_BYTE
    bucket.tokens += min(earned, bucket.params.burst - bucket.tokens)
    if bucket.tokens == bucket.params.burst:
        bucket.remainder = 0


@entry
def police(bucket, now_fs, frame_bytes):
    """Tell whether a frame passes, and take its tokens if it does.

    `bucket` is a POLICER record whose `tokens` are `burst` at the start; `frame_bytes` is the frame's length as
    received, with the FCS; `now_fs` must not go back from call to call.
    """
    refill(bucket, now_fs)
    if frame_bytes > bucket.tokens:
        return False
    bucket.tokens -= frame_bytes
    return True
