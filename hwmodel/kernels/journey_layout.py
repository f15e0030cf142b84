"""The records of each frame's way: what is stamped, and what the stamps are added up to."""

from __future__ import annotations

from .records import F64, I32, I64, ints, record

JOURNEY_CAP = 1 << 22  # frames and copies under way, each from the scheduler's pick to the guest that takes it
JOURNEY_LOG_CAP = 1 << 16

# What is stamped on a frame's way, in its order; docs/results.md says of each part between two stamps what it is.
(
    OFFERED, POSTED, RUNG, TOLD, REQUESTED, CACHED, CHOSEN, PICKED, PAYLOAD_IN, SWITCHED, SENT, BUFFERED, SEEN, STARTED,
    WRITTEN, WRITEBACK_STARTED, WRITTEN_BACK, RAISED, VISIBLE, TAKEN, STAMPS,
) = range(21)  # fmt: skip
POST_STAMPS = CHOSEN  # those before are made while the frame lies in its Tx ring


JOURNEY = record(
    ("at_fs", I64, (STAMPS,)), *ints("number"),
    ("template", I32), ("index", I32), ("copy_kind", I32), ("tx_queue", I32), ("rx_queue", I32),
)  # fmt: skip
# `n_used` places have ever been used, `n_free` of them are free again; the sums are over journeys, in femtoseconds.
JOURNEYS = record(
    *ints("n_used", "n_free"),
    ("entered_fs", F64), ("left_fs", F64), ("early_fs", F64), ("taken_early_fs", F64), ("lost_fs", F64),
    ("free", I32, (JOURNEY_CAP,)),
    ("slot", JOURNEY, (JOURNEY_CAP,)),
)  # fmt: skip
JOURNEY_LOG = record(*ints("n", "enabled"), ("entry", JOURNEY, (JOURNEY_LOG_CAP,)))
PART_SUMS = record(("part_fs", F64, (STAMPS,)))  # of one bucket of the whole latency; by the stamp that ends the part
