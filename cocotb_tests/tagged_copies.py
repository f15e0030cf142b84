"""Stored frames and the tags that change on their way out, as tests of the output modules need them."""

from __future__ import annotations

import random
from typing import NamedTuple

from cocotb_tests.bench_switch import c_tag, e_tag, vn_tag

NONE, C, VN, E = range(4)
# What can be asked for: nothing, a C-TAG on, off or another VID, and the tag of the bridge above on or off.
CHANGES = ((NONE, NONE), (NONE, C), (C, NONE), (C, C), (NONE, VN), (VN, NONE), (NONE, E), (E, NONE))
EDGES = (14, 15, 16, 17, 18, 20, 22, 23, 24, 25, 60)


class TaggedCopy(NamedTuple):
    """A frame as stored, the tag that comes off it and the one that is added with its value, and the copy's bytes.

    `plain` is the copy of a port that does not get the tag that is added.
    """

    stored: bytes
    strip: int
    add: int
    value: int
    copy: bytes
    plain: bytes


def tag_and_value(rng: random.Random, kind: int) -> tuple[bytes, int]:
    """Return a tag's bytes and the word that tells tag_out what it says."""
    if kind == C:
        pcp, dei, vid = rng.randrange(8), rng.randrange(2), rng.randrange(4096)
        return c_tag(vid, pcp, dei), pcp << 13 | dei << 12 | vid
    if kind == VN:
        vif = rng.randrange(4096)
        return vn_tag(vif), vif
    if kind == E:
        pcp, dei, ecid = rng.randrange(8), rng.randrange(2), rng.randrange(1 << 20)
        return e_tag(ecid, pcp=pcp, dei=dei), pcp << 21 | dei << 20 | ecid
    return b"", rng.randrange(1 << 24)


def random_copy(rng: random.Random, most_bytes: int = 90, n_bytes: int | None = None) -> TaggedCopy:
    """Return a random frame, short ones often, or one of `n_bytes` before its tags change."""
    strip, add = rng.choice(CHANGES)
    data = rng.randbytes(n_bytes or rng.choice((*EDGES, rng.randint(14, most_bytes))))
    removed, _ = tag_and_value(rng, strip)
    added, value = tag_and_value(rng, add)
    return TaggedCopy(data[:12] + removed + data[12:], strip, add, value, data[:12] + added + data[12:], data)
