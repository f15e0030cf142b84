"""The records of each frame's way: what is stamped, and what the stamps are added up to."""

from __future__ import annotations

from hwmodel.compiled.far_tables import far
from hwmodel.compiled.records import F64, I16, I32, I64, ints, record

# Frames and copies under way, each from the scheduler's pick to the guest that takes it: at most, and the room for them
# that a run begins with.
JOURNEY_CAP = 15 << 18
JOURNEYS_BEGIN = 1 << 12
JOURNEY_LOG_CAP = 1 << 17
LOG_BEGINS = 1 << 8  # entries of a log that there is room for, before there are more

# What is stamped on a frame's way, in its order; docs/results.md says of each part between two stamps what it is. While
# a frame lies in its Tx ring its stamps lie there; then in its journey; those from the Rx buffer on in its Rx ring.
BATCH_STAMPS = ("posted_fs", "rung_fs", "told_fs", "requested_fs", "cached_fs")
POST_STAMPS = ("offered_fs", *BATCH_STAMPS)
JOURNEY_STAMPS = (*POST_STAMPS, "chosen_fs", "picked_fs", "payload_in_fs", "switched_fs", "sent_fs")
WRITE_STAMPS = ("buffered_fs", "seen_fs", "started_fs", "written_fs")
TOLD_STAMPS = ("writeback_started_fs", "written_back_fs", "raised_fs", "visible_fs")
FINISHED_STAMPS = (*WRITE_STAMPS, *TOLD_STAMPS)
STAMPS = (*JOURNEY_STAMPS, *FINISHED_STAMPS, "taken_fs")
# The parts, each between two stamps that follow one another; the first lies before the post. What a frame spends behind
# the wire has no stamps of its own (`CROSSED` has them): in the log it lies within `rx_room`.
PART_FIELDS = (
    "sender_wait",
    "driver_batch", "doorbell", "tx_ring", "tx_descriptor_fetch", "scheduler", "tx_room", "payload_read", "switch",
    "wire", "bridge", "rx_switch", "rx_room", "rx_buffer", "rx_descriptor", "payload_write", "writeback_batch",
    "writeback", "interrupt_moderation", "interrupt", "guest_queue",
)  # fmt: skip

WHOSE_JOURNEY = (("number", I64), ("template", I32), ("index", I32), ("copy_kind", I32))
# Stamps of the batches that begin with a frame of a Tx ring: when its core began to post, when the doorbell was rung
# and heard; when descriptors were asked for and came. The frame's `marks` say which batches it begins; only those
# stamps are written.
POST_BATCH = record(*ints(*BATCH_STAMPS))
POSTED, RUNG, TOLD, REQUESTED, CACHED = (1 << bit for bit in range(len(BATCH_STAMPS)))
# Likewise for the batches that begin with a frame of an Rx ring: its write-back entered P and came, its guest was told.
RX_BATCH = record(*ints(*TOLD_STAMPS))
WRITTEN_BACK, SHOWN = 1, 2
# `ends_send`: the frame is the last that an adapter has cut of a send, with TCP's PSH.
JOURNEY = record(*ints(*JOURNEY_STAMPS), *WHOSE_JOURNEY, ("tx_queue", I16), ("ends_send", I16))
# `is_more`: it is part of a receive that a frame before it has begun.
FINISHED = record(
    *ints(*WRITE_STAMPS),
    ("journey", I32), ("copy_kind", I32), ("n_bytes", I32), ("group", I32), ("marks", I32),
    ("n_descriptors", I16), ("is_more", I16),
)  # fmt: skip
# Of a frame that came from a bridge: when it came, and when the switch had decided on it; 0 of all others.
CROSSED = record(*ints("came_fs", "decided_fs"))
# `n_used` places have ever been used, `n_free` of them are free again; the sums are over journeys, in femtoseconds.
JOURNEYS = record(
    *ints("n_used", "n_free"),
    ("entered_fs", F64), ("left_fs", F64), ("early_fs", F64), ("taken_early_fs", F64), ("lost_fs", F64),
    ("free", far(I32, JOURNEY_CAP, JOURNEYS_BEGIN)),
    ("slot", far(JOURNEY, JOURNEY_CAP, JOURNEYS_BEGIN)),
    ("crossed", far(CROSSED, JOURNEY_CAP, JOURNEYS_BEGIN)),
)  # fmt: skip
# No padding, since logs are compared byte by byte.
WHOLE_JOURNEY = record(*ints(*STAMPS), *WHOSE_JOURNEY, ("tx_queue", I32))
JOURNEY_LOG = record(*ints("n", "enabled"), ("entry", far(WHOLE_JOURNEY, JOURNEY_LOG_CAP, LOG_BEGINS)))
# A sum that loses nothing: the float next to it, and what is missing there (`journey_sums.add_exactly`).
EXACT_SUM = record(("sum_fs", F64), ("rest_fs", F64))
PART_SUMS = record(*((name, EXACT_SUM) for name in PART_FIELDS))  # of journeys
# Sums of the stamps of `n` journeys whose parts are not yet added up. They may overflow: differences come out right.
STAMP_SUMS = record(
    *ints("n"),
    ("journey", record(*ints(*JOURNEY_STAMPS))),
    ("written", record(*ints(*WRITE_STAMPS))),
    *ints(*TOLD_STAMPS, "taken_fs", "bridge_fs", "rx_switch_fs"),
)
FOLDED_AT = 64  # the parts of so many journeys add up to less than 2**63 fs, if each takes less than 144 s
# Of `n` journeys whose whole latency lies in one bucket: the first `SAMPLED_ALL`, then every `SAMPLED_EVERY`th.
SAMPLED_ALL, SAMPLED_EVERY = 512, 64
SAMPLED_PARTS = record(("sums", record(*((name, F64) for name in PART_FIELDS))), ("n", I64))
