"""The records of frames on a wire between an adapter and a bridge."""

from __future__ import annotations

from hwmodel.compiled.records import I32, U32, ints, record
from hwmodel.machine.counts.journey_state import JOURNEY

CROSSING_CAP = 1 << 16  # frames on one wire that one end has sent and the other not yet taken

# A frame on a wire, whole: what the other end must know of it, and its way so far. `template`: what it is there, a hop
# of a bridge or a template of an adapter. `begun_fs`: when the sender began, `come_fs`: when its last byte is there.
CROSSING = record(
    *ints("begun_fs", "come_fs"),
    ("template", I32), ("n_bytes", I32), ("hash", I32), ("index", I32),
    ("journey", JOURNEY),
)  # fmt: skip
# `mask`: of the places in use (`growing_ring.widen`), of which one stays free.
CROSSINGS = record(*ints("head", "tail"), ("mask", U32), ("ring", CROSSING, (2 * CROSSING_CAP,)))
# The stations outside, as far as they send: one after the other at their port's rate.
OUTSIDE = record(
    *ints("fs_per_byte_num", "fs_per_byte_den", "propagation_fs", "busy_until_fs", "busy_fs", "n_sent"),
    ("sent", CROSSINGS),
)
# An adapter's end of the wire to a bridge: what it has begun to send, and what comes.
WIRE_END = record(("sent", CROSSINGS), ("come", CROSSINGS), ("outside", OUTSIDE))
