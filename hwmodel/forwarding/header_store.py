"""Headers by their bytes, and what becomes of each: the records of decisions that are kept, and a store to find them.

A header is bytes in a store, and a frame carries its number. What a switch does with it is a TEMPLATE: it is made by
the pure functions of this package when a frame needs it, and holds until the switch's tables change. A hash table finds
the number of a header; it uses so many of its slots as it needs (`mask`), so that a small store touches little memory.
"""

from __future__ import annotations

import numpy as np

from hwmodel.compiled.compilation import kernel
from hwmodel.compiled.far_tables import lengthened
from hwmodel.compiled.records import I16, I32, U8, record

FNV_OFFSET, FNV_PRIME = 0x811C9DC5, 0x01000193  # 32-bit FNV-1a (draft-eastlake-fnv)
WORD = 0xFFFFFFFF
FIRST_MASK = 63
HEADERS_BEGIN = 1 << 8  # headers that a store has room for, before there are more


@kernel
def hash_of(sender, target, port, octets, n_bytes):
    """Return the hash of a header with its ends and the port by which it comes."""
    found = np.int64(FNV_OFFSET)
    for each in (np.int64(sender), np.int64(sender >> 8), np.int64(target), np.int64(target >> 8), np.int64(port)):
        found = ((found ^ np.int64(each & 0xFF)) * FNV_PRIME) & WORD
    for i in range(n_bytes):
        found = ((found ^ np.int64(octets[i])) * FNV_PRIME) & WORD
    return found


@kernel
def slot_of(slots, mask, headers, sender, target, port, octets, n_bytes):
    """Return the place in a hash table that holds a header's number, plus 1, or the free one where it would go."""
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
def widened(clock, slots, mask, headers, first, n):
    """Return the mask for one header more than those from `first` on, below `n`; if it grows, they are hashed anew."""
    if 2 * (n - first) < mask:
        return mask
    if 2 * mask + 1 >= len(slots) and not lengthened(slots):
        clock.overflow = 1
        return mask
    for at in range(mask + 1):
        slots[at] = 0
    mask = max(2 * mask + 1, FIRST_MASK)
    for number in range(first, n):
        one = headers[number]
        slots[slot_of(slots, mask, headers, one.sender, one.target, one.port, one.octets, one.n_bytes)] = number + 1
    return mask


@kernel
def number_in(clock, slots, mask, headers, n, sender, target, port, octets, n_bytes):
    """Return the number of a header among `n` in a store; a new one is stored as number `n`.

    `mask`: as `widened` returns it. Where there is no room the clock's `overflow` is set, and the number is 0.
    """
    at = slot_of(slots, mask, headers, sender, target, port, octets, n_bytes)
    if slots[at] != 0:
        return np.int64(slots[at] - 1)
    if n == len(headers):
        clock.overflow = 1
        return np.int64(0)
    slots[at] = n + 1
    store(headers[n], sender, target, port, octets, n_bytes)
    return np.int64(n)


MAX_COPY_KINDS = 1 << 19  # (template, egress port) pairs
ANY_LENGTH = 2**31 - 1  # as the longest frame that passes
# Of a header and of a rewritten one: the longest that comes has 26 B up to its type, and 72 more of what stands behind
# it (`rules.packets.MOST_PACKET_BYTES`) where that matters; a copy has 12 B more, and one that is mirrored to a
# collector another 54 (`rules.remote_mirror.ENCAPSULATION_BYTES`).
HEADER_ROOM = 164
MIRRORED_BY_BRIDGE = -2  # as a header's target, and in place of a journey's Tx ring: copies that are counted apart
NEVER_DECIDED = 0  # as a template's stamp
TO_ONE, TO_GROUP, TO_ALL = range(3)  # whom a destination means: one station, a group, all
UNKNOWN = -1  # in place of what a copy is at the other end of the wire, of a flow or of a variant

# There are as many templates and kinds of copies as flows, so each use of one is a cache miss: they are kept as small
# as can be. `stamp`: the generation of the tables by which it was decided. Mirrored copies stand behind the others:
# those of a frame that its policer lets through, then those of one that it refuses.
TEMPLATE = record(
    ("first_copy", I32), ("flow", I32), ("longest_bytes", I32), ("queue_hash", I32), ("stamp", I32),
    ("reason", I16), ("function", I16), ("policer", I16),
    ("n_copies", I16), ("n_mirrored", I16), ("n_mirrored_refused", I16),
)  # fmt: skip
# `queue_hash`: by which the Rx ring is chosen; below 0 the ring itself (`steering.ring_code`). `cast`: for whom it is,
# TO_ONE, ... `counts_offered`: count this copy as offered, since its frame belongs to no flow. `next_template`: for a
# copy that leaves by the wire, its hop or template at the other end.
COPY_KIND = record(
    ("flow", I32), ("queue_hash", I32), ("next_template", I32),
    ("port", I16), ("function", I16), ("delta_bytes", I16), ("is_mirrored", I16), ("counts_offered", I16),
    ("cast", I16),
)  # fmt: skip
# The header of a template: who sent it and for whom, by the numbers of stations, the port of the adapter by which it
# comes, that of the switch there (`ingress`), and its VLAN. `is_whole`: it reaches to the type behind its last tag, as
# all do but those of runts. `has_filter`: its first frame has written a filter of Flow Director, or found no room.
# `first_variant`: what was decided of it by earlier tables.
TEMPLATE_HEADER = record(
    ("sender", I32), ("target", I32), ("first_variant", I32),
    ("port", I16), ("ingress", I16), ("vlan", I16), ("n_bytes", I16), ("is_whole", I16),
    ("has_filter", I16), ("octets", U8, (HEADER_ROOM,)),
)  # fmt: skip
COPY_HEADER = record(("template", I32), ("n_bytes", I16), ("octets", U8, (HEADER_ROOM,)))
# Copies of a template by earlier tables: copies on their way still name them, and a later decision may be the same.
VARIANT = record(
    ("first_copy", I32), ("following", I32), ("n_copies", I16), ("n_mirrored", I16), ("n_mirrored_refused", I16)
)  # fmt: skip


@kernel
def same_octets(stored, made, n_bytes):
    """Tell whether a header of a store has these bytes."""
    if stored.n_bytes != n_bytes:
        return False
    for i in range(n_bytes):
        if stored.octets[i] != made[i]:
            return False
    return True
