"""The records of the traffic: where frames come from, and what the workload compiler fills in."""

from __future__ import annotations

from hwmodel.compiled.far_tables import far
from hwmodel.compiled.records import F64, I32, I64, ints, record
from hwmodel.forwarding.header_store import COPY_KIND, HEADERS_BEGIN, MAX_COPY_KINDS, TEMPLATE
from hwmodel.forwarding.police import POLICER
from hwmodel.forwarding.port_set import MAX_FUNCTIONS
from hwmodel.rules.capacities import COMMAND_CAP, MAX_CHOICES, MAX_POLICERS, MAX_SOURCES, MAX_TEMPLATES

TAPE_CAP = 6 << 20  # recorded frames

# Where a source's frames come from; a silent one has none until a command gives it some.
CLOSED_SOURCE, PERIODIC_SOURCE, POISSON_SOURCE, ON_OFF_SOURCE, RECORDED_SOURCE, CLOSED_RECORDED_SOURCE = range(6)
SILENT_SOURCE = 6
BY_BOND = -1  # in place of an adapter's port: the leg by which a frame comes is chosen for each frame

CHOICE = record(("threshold", I64), ("here", I32), ("there", I32))
# The fields for a source's next frame come first. `adapter_port`: of a source outside, by which its frames come, or
# `BY_BOND`. `first_fs`: how late the first frame of a periodic one comes, or of one outside that always has a frame.
# `fixed_burst_frames`: 0 where a burst's length is drawn.
SOURCE_PARAMS = record(
    ("kind", I32), ("function", I32), ("first_target", I32), ("n_targets", I32),
    *ints("adapter_port", "first_length", "n_lengths", "mean_gap_fs", "peak_gap_fs", "mean_off_fs", "last_record"),
    ("mean_burst_frames", F64), *ints("fixed_burst_frames", "first_fs"),
)  # fmt: skip
# `timer_fs`: when its valid timer is due, while `armed`. `changes_from`: the number, plus 1, of the first command for
# its load that its frames have not reached yet, 0 if there is none. `is_pausing`: its next frame begins a burst.
SOURCE = record(
    *ints("pending", "next_at_fs"),
    ("rng", I64, (4,)),
    ("params", SOURCE_PARAMS),
    *ints("burst_left", "armed", "next_record"),
    *ints("pending_template", "pending_bytes", "pending_hash", "pending_record"),
    *ints("timer_fs", "changes_from", "is_pausing"),
)
TAPE_ENTRY = record(("at_fs", I64), ("template", I32), ("frame_bytes", I32), ("hash", I32), ("index", I32))

# `n_full`: functions whose next frame waits for a slot of its ring. `hungry`: those to look at before the instant ends.
# `changed`: by the number of a command, what it makes of a source.
TRAFFIC = record(
    *ints("n_hungry", "n_full"),
    ("hungry", I32, (MAX_FUNCTIONS,)),
    ("policer", POLICER, (MAX_POLICERS,)),
    ("source", SOURCE, (MAX_SOURCES,)),
    ("template", far(TEMPLATE, MAX_TEMPLATES, HEADERS_BEGIN)),
    ("copy_kind", far(COPY_KIND, MAX_COPY_KINDS, HEADERS_BEGIN)),
    ("choice", far(CHOICE, MAX_CHOICES)),
    ("tape", far(TAPE_ENTRY, TAPE_CAP)),
    ("changed", far(SOURCE_PARAMS, COMMAND_CAP)),
)
