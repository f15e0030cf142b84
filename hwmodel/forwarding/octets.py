"""Numbers in a frame's octets, most significant first."""

from __future__ import annotations

import numpy as np

from hwmodel.compiled.compilation import kernel


@kernel
def read_bytes(frame, at, n_bytes):
    """Return up to 7 bytes of a frame as one number, most significant byte first."""
    value = np.int64(0)
    for i in range(at, at + n_bytes):
        value = (value << 8) | np.int64(frame[i])
    return value


@kernel
def write_number(out, at, n_bytes, value):
    """Write a number of up to 7 bytes, most significant byte first; return the offset after it."""
    for i in range(n_bytes):
        out[at + i] = (value >> (8 * (n_bytes - 1 - i))) & 0xFF
    return at + n_bytes


@kernel
def copy_octets(out, at, frame, begin, end):
    """Copy a frame's octets from `begin` up to `end`; return the offset after them.

    Without slices: what numba compiles for these takes longer than all the rest of a rewrite.
    """
    for i in range(begin, end):
        out[at + i - begin] = frame[i]
    return at + end - begin
