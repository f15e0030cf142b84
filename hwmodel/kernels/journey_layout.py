"""The records of each frame's way: what is stamped, and what the stamps are added up to."""

from __future__ import annotations

from .records import F64, I32, I64, ints, record

JOURNEY_CAP = 1 << 22  # frames and copies under way, each from the scheduler's pick to the guest that takes it
JOURNEY_LOG_CAP = 1 << 17

# What is stamped on a frame's way, in its order; docs/results.md says of each part between two stamps what it is. While
# a frame lies in its Tx ring its stamps lie there; then in its journey; those from the Rx buffer on in its Rx ring.
POST_STAMPS = ("offered_fs", "posted_fs", "rung_fs", "told_fs", "requested_fs", "cached_fs")
JOURNEY_STAMPS = (*POST_STAMPS, "chosen_fs", "picked_fs", "payload_in_fs", "switched_fs", "sent_fs")
FINISHED_STAMPS = (
    "buffered_fs", "seen_fs", "started_fs", "written_fs", "writeback_started_fs", "written_back_fs", "raised_fs",
    "visible_fs",
)  # fmt: skip
STAMPS = (*JOURNEY_STAMPS, *FINISHED_STAMPS, "taken_fs")
# The parts, each between two stamps that follow one another; the first lies before the post.
PART_FIELDS = (
    "sender_wait",
    "driver_batch", "doorbell", "tx_ring", "tx_descriptor_fetch", "scheduler", "tx_room", "payload_read", "switch",
    "wire", "rx_room", "rx_buffer", "rx_descriptor", "payload_write", "writeback_batch", "writeback",
    "interrupt_moderation", "interrupt", "guest_queue",
)  # fmt: skip

WHOSE_JOURNEY = (("number", I64), ("template", I32), ("index", I32), ("copy_kind", I32), ("tx_queue", I32))
JOURNEY = record(*ints(*JOURNEY_STAMPS), *WHOSE_JOURNEY)
FINISHED = record(
    *ints(*FINISHED_STAMPS),
    ("journey", I32), ("copy_kind", I32), ("n_bytes", I32), ("group", I32), ("n_descriptors", I32),
)  # fmt: skip
# `n_used` places have ever been used, `n_free` of them are free again; the sums are over journeys, in femtoseconds.
JOURNEYS = record(
    *ints("n_used", "n_free"),
    ("entered_fs", F64), ("left_fs", F64), ("early_fs", F64), ("taken_early_fs", F64), ("lost_fs", F64),
    ("free", I32, (JOURNEY_CAP,)),
    ("slot", JOURNEY, (JOURNEY_CAP,)),
)  # fmt: skip
WHOLE_JOURNEY = record(*ints(*STAMPS), *WHOSE_JOURNEY)
JOURNEY_LOG = record(*ints("n", "enabled"), ("entry", WHOLE_JOURNEY, (JOURNEY_LOG_CAP,)))
PART_SUMS = record(*((name, F64) for name in PART_FIELDS))  # of journeys, in femtoseconds
# Of `n` journeys whose whole latency lies in one bucket: the first `SAMPLED_ALL`, then every `SAMPLED_EVERY`th.
SAMPLED_ALL, SAMPLED_EVERY = 512, 16
SAMPLED_PARTS = record(("sums", PART_SUMS), ("n", I64))
