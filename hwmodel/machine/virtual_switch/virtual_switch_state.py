"""The record of the host's virtual switch: what it takes, on which cores."""

from __future__ import annotations

from hwmodel.compiled.far_tables import far
from hwmodel.compiled.records import I32, I64, ints, record
from hwmodel.forwarding.port_set import MAX_FUNCTIONS, MAX_PORTS
from hwmodel.machine.adapter.room_turns import OWED
from hwmodel.machine.counts.flow_state import MAX_PASSED_FLOWS, PASSED_FLOW
from hwmodel.machine.frames import FRAME, RING_BEGINS
from hwmodel.machine.guest.guest_state import MAX_QUEUES
from hwmodel.machine.network.bond import BOND
from hwmodel.machine.network.bridge_state import ADDRESS, ADDRESS_KEY, BOX
from hwmodel.machine.switch.flow_cache_state import FLOW_CACHE, MAX_SWITCH_CORES

# Guest Tx ring r is served by `core` r modulo `n_cores`. Where VMs have threads, `n_threads` of them, which stand in
# `core` behind those, VM K has thread K modulo `n_threads`. `batch`: the most frames of a ring that a core passes
# before it goes to the next. `guest_time_fs`: cost for each VM that a frame comes from or goes to. `kick_fs`: delay
# until the switch knows what a guest's driver tells it. `memory_byte_fs`: for how long each byte of a frame keeps the
# host's memory busy, 0 where that is no limit. The uplink has `n_rings` rings of the adapter, Tx and Rx, from
# `first_ring` on, behind those of all guests: `n_leg_rings` for each leg of a bond, else all of them; without an uplink
# `first_ring` is above all rings. `waits_for_uplink`: a frame for the uplink waits in its guest's ring for slots of the
# uplink's Tx ring. A turn is `batch` frames, times the function's weight with `has_weights`; or, if `quantum_bytes` is
# not 0, so many bytes times its weight. One in `sample_one_in` frames is a sample, which takes `sample_fs`; 0: none is.
# `marks`: a copy is marked (ECN) if its sender, by the port at which it came, knows ECN and more than
# `ecn_threshold_bytes` wait for its receiver. `uplink_time_fs` and `uplink_byte_time_fs`: the uplink's driver, for
# each frame from the adapter or to it. `ring_time_fs`: for each frame and each further Tx ring of guests with frames,
# at most `further_rings`; `rules_fs`: for each frame; `tag_fs`: for each outer tag. `mss_bytes`: payload of each frame
# cut from a segment for the wire, 0 where there are none; with `cuts` the core cuts them, `cutting_fs` for each frame,
# else the adapter, which is given `header_bytes` once.
VIRTUAL_SWITCH_PARAMS = record(
    *ints("batch_time_fs", "frame_time_fs", "guest_time_fs", "byte_time_fs", "memory_byte_fs", "kick_fs", "batch"),
    *ints("n_cores", "n_threads", "first_ring", "n_rings", "n_leg_rings", "waits_for_uplink"),
    *ints("has_weights", "quantum_bytes"),
    *ints("sample_one_in", "sample_fs", "marks", "ecn_threshold_bytes"),
    *ints("uplink_time_fs", "uplink_byte_time_fs", "ring_time_fs", "further_rings", "rules_fs", "tag_fs"),
    *ints("mss_bytes", "header_bytes", "cuts", "cutting_fs"),
    ("knows_ecn", I64, (MAX_FUNCTIONS + 1,)),
    ("core", I64, (MAX_SWITCH_CORES + MAX_FUNCTIONS,)),
)  # fmt: skip
VIRTUAL_SWITCH_COUNTS = record(*ints("memory_busy_fs"))
# What a piece of a core's work is: copies, at least one for each frame, ends at VMs, the bytes of all copies, samples,
# frames to cut, frames and bytes that the uplink's driver takes from the adapter or posts there, their outer tags.
SWITCH_PIECE = record(
    *ints("n_copies", "n_ends", "n_bytes", "n_samples", "n_cut", "n_driven", "driven_bytes", "n_tags")
)
# Frames that wait for the slow path, by the ring from which they come, or for the thread of a VM, by its ring, at most
# `THREAD_QUEUE` for each. `following`, `free`, `head` and `tail`: the number of a place, plus 1, 0: none; `following`
# links the frames of a ring, or free places. `n_waiting`: by core of the slow path, or by thread.
MOST_ADDRESSES = 1 << 12  # each in a VLAN, that a switch is told of in a run
THREAD_QUEUE = 1000  # Linux, ether_setup: DEFAULT_TX_QUEUE_LEN, the length of a tap's queue
ASIDE_CAP = MAX_FUNCTIONS * THREAD_QUEUE  # more than 1024 for each of 16 cores of the slow path
ASIDE_FRAME = record(("frame", FRAME), ("flow", I32), ("following", I32))
ASIDE_OF_RING = record(("head", I32), ("tail", I32))
ASIDE = record(
    *ints("n_used", "free"),
    ("n_waiting", I64, (MAX_FUNCTIONS,)),
    ("of_ring", ASIDE_OF_RING, (MAX_QUEUES,)),
    ("place", far(ASIDE_FRAME, ASIDE_CAP, RING_BEGINS)),
)
# What a switch that learns knows of addresses, as a bridge does: the one `box` is its table; `told`: the port that the
# forwarding tables have of each address, plus 1; 0: none. `announced`: what it has heard of before the run. `port`: the
# security of each port, as of a bridge's, where each has one logical port, itself; `has_shut`: some are shut by it.
ANNOUNCED = record(("mac", I64), ("vlan", I32), ("port", I32))
SECURED_PORT = record(("params", record(*ints("most_addresses", "shuts"))), *ints("n_addresses", "is_shut"))
ITSELF = record(("params", record(*ints("port"))))
LEARNED = record(
    ("address", ADDRESS, (MOST_ADDRESSES,)),
    ("address_key", ADDRESS_KEY, (MOST_ADDRESSES,)),
    ("address_slot", I32, (2 * MOST_ADDRESSES,)),
    ("told", I32, (MOST_ADDRESSES,)),
    ("announced", ANNOUNCED, (MOST_ADDRESSES,)),
    *ints("n_addresses", "n_announced", "has_shut"),
    ("box", BOX, (1,)),
    ("logical_port", ITSELF, (MAX_PORTS,)),
    ("port", SECURED_PORT, (MAX_PORTS,)),
)
# `frame`: the one being passed. `is_blocked`: the first of all copies that wait for guests has found no descriptor,
# since `head_waits_fs`. `memory_free_fs`: when the host's memory has made all copies so far. `looks_due`: a ring that
# has waited may go on; `looks_from`: the place in `core` of the one that is then looked at first. `claimed`: slots of
# the uplink's rings reserved for pieces under way. `deficit_bytes`: what a Tx ring has left of its turns. `owed`: by Rx
# ring of guests; `owed_by_thread`: in the queue of a VM's thread.
VIRTUAL_SWITCH = record(
    ("params", VIRTUAL_SWITCH_PARAMS),
    ("counts", VIRTUAL_SWITCH_COUNTS),
    *ints("is_blocked", "head_waits_fs", "memory_free_fs", "looks_due", "looks_from"),
    ("claimed", I64, (MAX_FUNCTIONS,)),
    ("deficit_bytes", I64, (MAX_QUEUES,)),
    ("owed", OWED, (MAX_QUEUES,)),
    ("owed_by_thread", OWED, (MAX_FUNCTIONS,)),
    ("rng", I64, (4,)),  # of samples
    ("task", SWITCH_PIECE),
    ("frame", FRAME),
    ("flow_cache", FLOW_CACHE),
    ("bond", BOND),
    ("aside", ASIDE),
    ("learned", LEARNED),
    ("flow", PASSED_FLOW, (MAX_PASSED_FLOWS,)),
)
