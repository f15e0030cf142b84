"""The records of each frame's way: what is stamped, and what the stamps are added up to."""

from __future__ import annotations

from .records import F64, I32, ints, record

JOURNEY_CAP = 1 << 22  # frames and copies under way, each from the scheduler's pick to the guest that takes it
JOURNEY_LOG_CAP = 1 << 17

# What is stamped on a frame's way, in its order; docs/results.md says of each part between two stamps what it is.
POST_STAMPS = ("offered_fs", "posted_fs", "rung_fs", "told_fs", "requested_fs", "cached_fs")  # while in its Tx ring
STAMPS = (
    *POST_STAMPS,
    "chosen_fs", "picked_fs", "payload_in_fs", "switched_fs", "sent_fs", "buffered_fs", "seen_fs", "started_fs",
    "written_fs", "writeback_started_fs", "written_back_fs", "raised_fs", "visible_fs", "taken_fs",
)  # fmt: skip
# The parts, each between two stamps that follow one another; the first lies before the post.
PART_FIELDS = (
    "sender_wait",
    "driver_batch", "doorbell", "tx_ring", "tx_descriptor_fetch", "scheduler", "tx_room", "payload_read", "switch",
    "wire", "rx_room", "rx_buffer", "rx_descriptor", "payload_write", "writeback_batch", "writeback",
    "interrupt_moderation", "interrupt", "guest_queue",
)  # fmt: skip

JOURNEY = record(
    *ints(*STAMPS, "number"),
    ("template", I32), ("index", I32), ("copy_kind", I32), ("tx_queue", I32), ("rx_queue", I32),
)  # fmt: skip
# `n_used` places have ever been used. Two stacks hold those that are free again: `free` for journeys that begin, and
# `free_landing` for those whose frame leaves the Rx buffer. The sums are over journeys, in femtoseconds.
JOURNEYS = record(
    *ints("n_used", "n_free", "n_free_landing"),
    ("entered_fs", F64), ("left_fs", F64), ("early_fs", F64), ("taken_early_fs", F64), ("lost_fs", F64),
    ("free", I32, (JOURNEY_CAP,)),
    ("free_landing", I32, (JOURNEY_CAP,)),
    ("slot", JOURNEY, (JOURNEY_CAP,)),
)  # fmt: skip
JOURNEY_LOG = record(*ints("n", "enabled"), ("entry", JOURNEY, (JOURNEY_LOG_CAP,)))
# In femtoseconds, of one bucket: the parts of the journeys whose whole latency lies in it, and the latency of the
# deliveries that do.
PART_SUMS = record(*((name, F64) for name in PART_FIELDS), ("delivery", F64))
