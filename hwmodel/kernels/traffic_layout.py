"""The records of the traffic: where frames come from, and what the workload compiler fills in."""

from __future__ import annotations

from .ledger_layout import MAX_FUNCTIONS
from .records import F64, I16, I32, I64, ints, record

MAX_TEMPLATES = 1 << 19  # distinct frame headers: of a whole workload, and those that come to one server
MAX_COPY_KINDS = 1 << 19  # (template, egress port) pairs
MAX_SOURCES = 1 << 15
MAX_CHOICES = 1 << 18  # rows of all alias tables together
MAX_POLICERS = 1024
TAPE_CAP = 1 << 23  # recorded frames

# Where a source's frames come from.
CLOSED_SOURCE, PERIODIC_SOURCE, POISSON_SOURCE, ON_OFF_SOURCE, RECORDED_SOURCE, CLOSED_RECORDED_SOURCE = range(6)

ANY_LENGTH = 2**31 - 1  # as the longest frame that passes

# Templates and kinds of copies are as many as there are flows, so that each frame finds its own in none of the
# processor's caches: they are as small as can be. Mirrored copies stand behind the others: those of a frame that its
# policer lets through, then those of one that it refuses.
TEMPLATE = record(
    ("first_copy", I32), ("flow", I32), ("longest_bytes", I32), ("queue_hash", I32),
    ("reason", I32), ("function", I16), ("policer", I16),
    ("n_copies", I16), ("n_mirrored", I16), ("n_mirrored_refused", I16),
)  # fmt: skip
# `counts_offered`: as its flow's frame, where the frame itself is in none. `next_template`: of one that leaves by the
# wire, what it is at the bridge there.
COPY_KIND = record(
    ("flow", I32), ("queue_hash", I32), ("next_template", I32),
    ("port", I16), ("function", I16), ("delta_bytes", I16), ("is_mirrored", I16), ("counts_offered", I16),
)  # fmt: skip
CHOICE = record(("threshold", I64), ("here", I32), ("there", I32))
# What tells of a source's next frame stands first. `fixed_burst_frames`: 0 where the length of a burst is drawn.
SOURCE = record(
    ("kind", I32), ("pending", I32), *ints("next_at_fs"), ("first_target", I32), ("n_targets", I32), ("rng", I64, (4,)),
    *ints("function", "mean_gap_fs", "peak_gap_fs", "mean_off_fs", "burst_left", "armed"),
    *ints("first_length", "n_lengths", "next_record", "last_record"),
    *ints("pending_template", "pending_bytes", "pending_hash", "pending_record"),
    ("mean_burst_frames", F64), *ints("fixed_burst_frames"),
)  # fmt: skip
TAPE_ENTRY = record(("at_fs", I64), ("template", I32), ("frame_bytes", I32), ("hash", I32), ("index", I32))
POLICER = record(*ints("rate_num", "rate_den", "burst", "tokens", "remainder", "last_fs"))

# `n_full`: functions whose next frame waits for a slot of its ring. `hungry`: those to look at before the instant ends.
TRAFFIC = record(
    *ints("n_hungry", "n_full"),
    ("hungry", I32, (MAX_FUNCTIONS,)),
    ("policer", POLICER, (MAX_POLICERS,)),
    ("source", SOURCE, (MAX_SOURCES,)),
    ("template", TEMPLATE, (MAX_TEMPLATES,)),
    ("copy_kind", COPY_KIND, (MAX_COPY_KINDS,)),
    ("choice", CHOICE, (MAX_CHOICES,)),
    ("tape", TAPE_ENTRY, (TAPE_CAP,)),
)
