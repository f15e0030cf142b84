"""The records of the traffic: where frames come from, and what the workload compiler fills in."""

from __future__ import annotations

from hwmodel.compiled.records import F64, I32, I64, ints, record
from hwmodel.forwarding.header_store import COPY_KIND, MAX_COPY_KINDS, MAX_TEMPLATES, TEMPLATE
from hwmodel.forwarding.police import MAX_POLICERS, POLICER
from hwmodel.forwarding.port_set import MAX_FUNCTIONS

MAX_SOURCES = 1 << 15
MAX_CHOICES = 1 << 18  # rows of all alias tables together
TAPE_CAP = 1 << 23  # recorded frames

# Where a source's frames come from.
CLOSED_SOURCE, PERIODIC_SOURCE, POISSON_SOURCE, ON_OFF_SOURCE, RECORDED_SOURCE, CLOSED_RECORDED_SOURCE = range(6)


CHOICE = record(("threshold", I64), ("here", I32), ("there", I32))
# What tells of a source's next frame stands first. `adapter_port`: of one outside, by which its frames come.
# `fixed_burst_frames`: 0 where the length of a burst is drawn.
SOURCE_PARAMS = record(
    ("kind", I32), ("function", I32), ("first_target", I32), ("n_targets", I32),
    *ints("adapter_port", "first_length", "n_lengths", "mean_gap_fs", "peak_gap_fs", "mean_off_fs", "last_record"),
    ("mean_burst_frames", F64), *ints("fixed_burst_frames"),
)  # fmt: skip
SOURCE = record(
    *ints("pending", "next_at_fs"),
    ("rng", I64, (4,)),
    ("params", SOURCE_PARAMS),
    *ints("burst_left", "armed", "next_record"),
    *ints("pending_template", "pending_bytes", "pending_hash", "pending_record"),
)
TAPE_ENTRY = record(("at_fs", I64), ("template", I32), ("frame_bytes", I32), ("hash", I32), ("index", I32))

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
