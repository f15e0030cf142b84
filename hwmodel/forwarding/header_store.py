"""Headers by their bytes: each distinct one has a number, by which frames know it."""

from __future__ import annotations

from hwmodel.compiled.compilation import kernel
from hwmodel.forwarding.templates import same_octets

FNV_OFFSET, FNV_PRIME = 0x811C9DC5, 0x01000193  # 32-bit FNV-1a (draft-eastlake-fnv)
WORD = 0xFFFFFFFF
NEW = -1


@kernel
def hash_of(sender, target, port, octets, n_bytes):
    """Return the hash of a header with its ends and the port by which it comes."""
    found = FNV_OFFSET
    for each in (sender, sender >> 8, target, target >> 8, port):
        found = ((found ^ (each & 0xFF)) * FNV_PRIME) & WORD
    for i in range(n_bytes):
        found = ((found ^ octets[i]) * FNV_PRIME) & WORD
    return found


@kernel
def slot_of(slots, headers, sender, target, port, octets, n_bytes):
    """Return the place in a hash table where a header's number stands, plus 1, or would stand."""
    at = hash_of(sender, target, port, octets, n_bytes) & (len(slots) - 1)
    while slots[at] != 0:
        stored = headers[slots[at] - 1]
        has_same_ends = stored.sender == sender and stored.target == target and stored.port == port
        if has_same_ends and same_octets(stored, octets, n_bytes):
            return at
        at = (at + 1) & (len(slots) - 1)
    return at


@kernel
def store(header, sender, target, port, octets, n_bytes):
    """Write a header into its place."""
    header.sender, header.target, header.port, header.n_bytes = sender, target, port, n_bytes
    for i in range(n_bytes):
        header.octets[i] = octets[i]
