"""The record of the host's virtual switch: what it takes, on which cores."""

from __future__ import annotations

from hwmodel.compiled.records import I32, I64, ints, record
from hwmodel.forwarding.port_set import MAX_FUNCTIONS
from hwmodel.machine.counts.flow_state import MAX_PASSED_FLOWS, PASSED_FLOW
from hwmodel.machine.frames import FRAME
from hwmodel.machine.guest.guest_state import MAX_QUEUES
from hwmodel.machine.network.bond import BOND
from hwmodel.machine.switch.flow_cache_state import FLOW_CACHE, MAX_MISS_CORES

# Ring r, of all guests' Tx rings, is served by `core` r modulo `n_cores`. `batch`: frames of a ring that a core passes
# at most before it looks at the next. `guest_time_fs`: of each VM that a frame comes from or goes to. `kick_fs`: until
# the switch knows what a guest's driver tells it. `memory_byte_fs`: for how long each byte of a frame keeps the host's
# memory busy, 0 where that is no limit. The uplink has `n_rings` of the adapter's, Tx and Rx, from `first_ring` on,
# behind those of all guests, `n_leg_rings` for each leg of a bond, else all; `first_ring` is above all where it has
# none. `waits_for_uplink`: a frame waits with its guest for slots of these Tx rings. A turn has `batch` frames, times
# the function's weight with `has_weights`, or its weight times `quantum_bytes`, where that is not 0. One in
# `sample_one_in` frames is a sample, which takes `sample_fs`; 0: none is. `marks`: copies of frames of those that know
# ECN, by the numbers of stations, are marked in front of whom more than `ecn_threshold_bytes` wait. `mss_bytes`: what
# each frame that is cut of a segment for the wire has of its payload, 0 where there are none; with `cuts` it is the
# core that cuts, `cutting_fs` for each frame, else the adapter, which is given `header_bytes` once.
VIRTUAL_SWITCH_PARAMS = record(
    *ints("batch_time_fs", "frame_time_fs", "guest_time_fs", "byte_time_fs", "memory_byte_fs", "kick_fs", "batch"),
    *ints("n_cores", "first_ring", "n_rings", "n_leg_rings", "waits_for_uplink", "has_weights", "quantum_bytes"),
    *ints("sample_one_in", "sample_fs", "marks", "ecn_threshold_bytes"),
    *ints("mss_bytes", "header_bytes", "cuts", "cutting_fs"),
    ("knows_ecn", I64, (MAX_FUNCTIONS + 1,)),
    ("core", I64, (MAX_FUNCTIONS,)),
)  # fmt: skip
VIRTUAL_SWITCH_COUNTS = record(*ints("memory_busy_fs"))
# What a piece of a core's work is: copies, at least one for each frame, ends at VMs, the bytes of all copies, samples,
# frames to cut.
SWITCH_PIECE = record(*ints("n_copies", "n_ends", "n_bytes", "n_samples", "n_cut"))
# Frames that wait for the slow path. `following`: the number of a place, plus 1, of the next of its ring, or that is
# free; 0: none. So are `free`, `head` and `tail`. `n_waiting`: by core of the slow path.
MAX_WAITING = 1024  # for one of these
ASIDE_CAP = MAX_MISS_CORES * MAX_WAITING
ASIDE_FRAME = record(("frame", FRAME), ("flow", I32), ("following", I32))
ASIDE_OF_RING = record(("head", I32), ("tail", I32))
ASIDE = record(
    *ints("n_used", "free"),
    ("n_waiting", I64, (MAX_MISS_CORES,)),
    ("of_ring", ASIDE_OF_RING, (MAX_QUEUES,)),
    ("place", ASIDE_FRAME, (ASIDE_CAP,)),
)
# `frame`: that is being passed. `is_blocked`: the first copy of all that wait for guests finds no descriptor, since
# `head_waits_fs`. `memory_free_fs`: when the host's memory has made all copies so far. `looks_due`: a ring may go on
# that has waited; `looks_from`: the place in `cores` of the core that is looked at first then. `claimed`: slots of the
# uplink's rings that pieces under way keep. `deficit_bytes`: what a Tx ring has left of its turns.
VIRTUAL_SWITCH = record(
    ("params", VIRTUAL_SWITCH_PARAMS),
    ("counts", VIRTUAL_SWITCH_COUNTS),
    *ints("is_blocked", "head_waits_fs", "memory_free_fs", "looks_due", "looks_from"),
    ("claimed", I64, (MAX_FUNCTIONS,)),
    ("deficit_bytes", I64, (MAX_QUEUES,)),
    ("rng", I64, (4,)),  # of samples
    ("task", SWITCH_PIECE),
    ("frame", FRAME),
    ("flow_cache", FLOW_CACHE),
    ("bond", BOND),
    ("aside", ASIDE),
    ("flow", PASSED_FLOW, (MAX_PASSED_FLOWS,)),
)
