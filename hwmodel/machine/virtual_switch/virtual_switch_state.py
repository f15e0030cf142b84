"""The record of the host's virtual switch: what it takes, on which cores."""

from __future__ import annotations

from hwmodel.compiled.records import I64, ints, record
from hwmodel.forwarding.port_set import MAX_FUNCTIONS
from hwmodel.machine.frames import FRAME

# Ring r, of all guests' Tx rings, is served by `core` r modulo `n_cores`. `batch`: frames of a ring that a core passes
# at most before it looks at the next. `kick_fs`: until the switch knows what a guest's driver tells it. The uplink has
# `n_rings` of the adapter's, Tx and Rx, from `first_ring` on, behind those of all guests; `first_ring` is above all
# where it has none.
VIRTUAL_SWITCH_PARAMS = record(
    *ints("batch_time_fs", "frame_time_fs", "byte_time_fs", "kick_fs", "batch", "n_cores", "first_ring", "n_rings"),
    ("core", I64, (MAX_FUNCTIONS,)),
)  # fmt: skip
# `frame`: that is being passed. `is_blocked`: the first copy of all that wait for guests finds no descriptor, since
# `head_waits_fs`.
VIRTUAL_SWITCH = record(("params", VIRTUAL_SWITCH_PARAMS), *ints("is_blocked", "head_waits_fs"), ("frame", FRAME))
