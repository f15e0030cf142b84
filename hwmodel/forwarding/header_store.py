"""Headers by their bytes: each distinct one has a number, by which frames know it.

A hash table finds the number. It uses so many of its slots as it needs (`mask`), so that a small store touches little
memory.
"""

from __future__ import annotations

import numpy as np

from hwmodel.compiled.compilation import kernel
from hwmodel.forwarding.templates import same_octets

FNV_OFFSET, FNV_PRIME = 0x811C9DC5, 0x01000193  # 32-bit FNV-1a (draft-eastlake-fnv)
WORD = 0xFFFFFFFF
FIRST_MASK = 63


@kernel
def hash_of(sender, target, port, octets, n_bytes):
    """Return the hash of a header with its ends and the port by which it comes."""
    found = np.int64(FNV_OFFSET)
    for each in (sender, sender >> 8, target, target >> 8, port):
        found = ((found ^ np.int64(each & 0xFF)) * FNV_PRIME) & WORD
    for i in range(n_bytes):
        found = ((found ^ np.int64(octets[i])) * FNV_PRIME) & WORD
    return found


@kernel
def slot_of(slots, mask, headers, sender, target, port, octets, n_bytes):
    """Return the place in a hash table where a header's number stands, plus 1, or would stand."""
    at = hash_of(sender, target, port, octets, n_bytes) & mask
    while slots[at] != 0:
        stored = headers[slots[at] - 1]
        has_same_ends = stored.sender == sender and stored.target == target and stored.port == port
        if has_same_ends and same_octets(stored, octets, n_bytes):
            return at
        at = (at + 1) & mask
    return at


@kernel
def store(header, sender, target, port, octets, n_bytes):
    """Write a header into its place."""
    header.sender, header.target, header.port, header.n_bytes = sender, target, port, n_bytes
    for i in range(n_bytes):
        header.octets[i] = octets[i]


@kernel
def widened(slots, mask, headers, first, n):
    """Return the mask for one header more than those from `first` on, below `n`; where it grows, enter them anew."""
    if 2 * (n - first) < mask:
        return mask
    for at in range(mask + 1):
        slots[at] = 0
    mask = max(2 * mask + 1, FIRST_MASK)
    for number in range(first, n):
        one = headers[number]
        slots[slot_of(slots, mask, headers, one.sender, one.target, one.port, one.octets, one.n_bytes)] = number + 1
    return mask
