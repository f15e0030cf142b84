"""The records of the adapter: its functions and rings, reads, scheduler, switch bus, and what bounds them."""

from __future__ import annotations

from hwmodel.compiled.records import I32, U32, ints, record
from hwmodel.machine.counts.journey_state import POST_BATCH, RX_BATCH
from hwmodel.machine.counts.ledger_state import GAUGE, LATENCY
from hwmodel.machine.frames import FRAME, GRANT_CAP
from hwmodel.machine.guest.guest_state import RING_POOL
from hwmodel.switch_core.state import MAX_CORE_PORTS

FETCH_CAP = RING_POOL >> 1  # descriptor fetches that wait for a tag: no more than all rings have descriptors
PIPE_CAP = 2 * GRANT_CAP  # frames at the pipeline: of VMs and from the wire, each bounded by GRANT_CAP
BUS_CAP = GRANT_CAP + (1 << 14)  # frames that wait for buses: of VMs, and what the uplinks' FIFOs hold
PASSING_CAP = 1 << 5  # frames granted and not yet switched: a grant takes a cycle or more, the rest at most 9


LONG_BLOCK_FS = 10**11  # of a ring that keeps the Rx buffer waiting: 100 us, which a look at all that waits is worth

SCHEDULE_ROUND_ROBIN, SCHEDULE_WEIGHTED, SCHEDULE_DEFICIT, SCHEDULE_STRICT, SCHEDULE_CREDITS = range(5)


# Of the adapter itself: what its buffers hold, in bytes, how long its pipeline and its store of read data worked; how
# many frames stand before the ports' wires, those that are sent among them, and how long they have waited for them.
ADAPTER_COUNTS = record(
    ("tx_buffer", GAUGE), ("rx_buffer", GAUGE), *ints("pipeline_busy_fs", "store_busy_fs"),
    ("wire_waiting", GAUGE), ("wire_wait", LATENCY),
)  # fmt: skip
# `adapter_port`: the Ethernet port that it sends by; `port`: its own at that port's bridge.
FUNCTION_PARAMS = record(
    *ints("adapter_port", "port", "first_source", "n_sources", "first_queue", "n_queues", "weight"),
    *ints("shaper_num", "shaper_den", "shaper_window_fs", "guarantee_num", "guarantee_den"),
)
FUNCTION = record(
    ("params", FUNCTION_PARAMS),
    *ints("ready_queues", "next_queue", "eligible_at_fs", "is_shaped", "deficit_bytes", "is_hungry", "is_full"),
    # `first_in_fs`: when the first frame was in the Tx buffer since the function came up, NEVER if none was; noted
    # where rings are counted. `owed_from_fs`: from when on it has had less than its guarantee.
    *ints("is_off", "first_in_fs", "owed_from_fs"),
)
# Descriptors of a ring that are done and not yet written back; `queue`, `ring_length` and `batch` are the ring's.
# `reports_last`: the last descriptor of a batch alone is written back, for all of it, and there is no timer.
# `entry_bytes`: what is written for a descriptor.
HELD_PARAMS = record(*ints("kind", "timer_kind", "queue", "ring_length", "batch", "reports_last", "entry_bytes"))
HELD = record(*ints("n_descriptors", "n_frames", "written", "timer_at_fs", "timer_armed"), ("params", HELD_PARAMS))
# `mask` of a Tx or Rx ring: of the places of `post` or `finished` in use, from `first` on; `wide_first`: from where on,
# once they are more than the first few (`growing_ring.widen_posts`). `link`: by which the adapter reaches it and
# the Rx ring of its number. `core`: which of the host's serves both. `slots`: how many the driver may fill, or posts
# descriptors in; none while its function is off.
RING_PARAMS = record(*ints("function", "link", "wide_first", "core"))
# `drop_enable`: a copy for which the Rx ring has no descriptor is dropped. `vector`: the first ring of those that share
# its MSI-X vector, which has the vector's state; `next_of_vector`: the next of them, `NO_RING` behind the last.
RX_RING_PARAMS = record(*ints("function", "wide_first", "core", "drop_enable", "vector", "next_of_vector"))
# What went through a ring in all the run, if that is asked for, whatever becomes of its function: frames that were
# read, or that their guest could see, and their bytes without FCS.
QUEUE_COUNTS = record(*ints("frames", "n_bytes"))
# `waiting_bytes`, where a virtual switch marks: posted in a Tx ring of its uplink and not picked, or in a guest's Rx
# ring and not taken.
# What a Tx ring counts are descriptors, but for `n_picked`, frames, and `untold`, sends since the last doorbell. Of the
# send that is being cut `cut_frames` and `cut_bytes` are picked; the next pick goes up to `cut_to_frames` and
# `cut_to_bytes`.
TX_QUEUE = record(
    ("params", RING_PARAMS),
    *ints("first", "mask", "reserved", "posted", "rung", "told", "known", "requested", "cached"),
    *ints("next_more", "picked", "fetched", "counted", "written_back", "freed", "highest", "is_paused", "pace_fs"),
    *ints("slots", "n_picked", "untold", "last_template", "cut_frames", "cut_bytes", "cut_to_frames", "cut_to_bytes"),
    *ints("is_used", "waiting_bytes"),
    ("counts", QUEUE_COUNTS),
    ("batch", POST_BATCH),  # of the last frame that was picked
    ("held", HELD),
)
RX_QUEUE = record(
    ("params", RX_RING_PARAMS),
    *ints("first"),
    ("mask", U32),
    *ints("slots", "known", "requested", "cached", "fetched"),
    *ints("started", "landed", "written_back", "visible", "taken", "since_refill", "highest"),
    # Of interrupts: frames counted as their write-back entered P, those of them told of; `is_masked` is the adapter's,
    # `is_polled` the driver's. `entry_fs`: what interrupts cost the core before it takes the next frame. Masks, timers,
    # intervals and classes are those of the vector, and stand with its first ring.
    *ints("returned", "told", "is_masked", "moderated_until_fs", "moderation_at_fs", "moderation_fs"),
    *ints("is_polled", "entry_fs", "rx_class", "taken_bytes", "tx_class", "posted_bytes"),
    # The receive that is open: its frames, descriptors and bytes, of which kind of copy it is, what its last buffer
    # holds, how many frames begin there, when it is closed at the latest, and whether the ring's timer runs.
    *ints("open_frames", "open_descriptors", "open_bytes", "open_kind", "used_bytes", "begun_there"),
    *ints("closes_fs", "closing_armed", "is_used", "waiting_bytes"),
    ("counts", QUEUE_COUNTS),
    ("batch", RX_BATCH),  # of the last frame that was taken
    ("held", HELD),
)

# Frames that wait for a bus are in a list for each of its ports, in places of all buses. `head`, `tail`, `following`
# and `free` are the number of a place, plus 1; 0: none. `n_frames` wait at all buses together.
BUS_PORT = record(*ints("head", "tail", "n_words"))
WAITING_FRAME = record(("frame", FRAME), *ints("following"))
WAITING_FRAMES = record(*ints("n_frames", "n_used", "free"), ("place", WAITING_FRAME, (BUS_CAP,)))
BUS_COUNTS = record(*ints("busy_fs"))
SWITCH_BUS_PARAMS = record(*ints("cycle_fs", "n_ports", "word_bytes", "ingress_words", "ready_cycles", "delay_cycles"))
SWITCH_BUS = record(
    ("params", SWITCH_BUS_PARAMS),
    *ints("pointer", "free_fs", "head", "tail"),
    ("counts", BUS_COUNTS),
    ("port", BUS_PORT, (MAX_CORE_PORTS,)),
    ("passing", FRAME, (PASSING_CAP,)),
)
FETCH = record(("queue", I32), ("n_descriptors", I32), ("address", I32))
FETCHES = record(*ints("head", "tail"), ("mask", U32), ("ring", FETCH, (FETCH_CAP,)))  # `mask`: for the rings in use
# `ends_buffer`: with what is being cut all that a Tx buffer holds is requested.
# `has_freed`: a function that goes has freed tags or places, for which others wait.
READS = record(
    ("rx_fetches", FETCHES), ("tx_fetches", FETCHES), *ints("frame", "left_bytes", "address", "whole_bytes"),
    *ints("has_freed", "ends_buffer"),
)  # fmt: skip
# `guarantee_window_fs`: for how long a guarantee lasts that was not used; 0 where nobody has one.
SCHEDULER_PARAMS = record(*ints("kind", "quantum_bytes", "guarantee_window_fs"))
# `n_told`: Tx descriptors of all rings that doorbells have told of and that are not yet requested. `blocked_bytes`: of
# the chosen frame, which the Tx buffer had no room for, else 0.
SCHEDULER = record(
    *ints("chosen", "chosen_fs", "pointer", "turn_left", "n_ready", "n_shaped_waiting", "owed_pointer", "is_owed"),
    ("params", SCHEDULER_PARAMS),
    *ints("n_told", "n_paused", "blocked_bytes"),
)

# What a ring may have of the chip's descriptors now: as configured, or its share of a cache for all of the `n_rings` in
# use, each of which has `is_used`.
CACHE_SHARE = record(*ints("n_rings", "descriptor_cache", "fetch_batch", "rx_fetch_batch", "rx_prefetch"))
# What bounds the adapter, and how fast its parts are. `counts_rings`: what goes through each ring is asked for, which a
# frame of 64 B feels.
ADAPTER_PARAMS = record(
    *ints("tx_ring", "rx_ring", "fetch_batch", "rx_fetch_batch", "rx_prefetch"),
    # `tx_host_threshold`: Tx descriptors that there must be for a prefetch. `shared_cache`: descriptors of all rings on
    # the chip, 0 where each has its own; a ring has `least_share` of them in any case.
    *ints("tx_host_threshold", "shared_cache", "least_share"),
    *ints("writeback_timeout_fs", "descriptor_cache", "drop_when_full"),
    *ints("store_num", "store_den", "pipeline_fs", "queue_time_fs"),
    *ints("ahead_fs"),  # by how much a ring may be ahead of its pace
    *ints("tx_buffer_bytes", "rx_buffer_bytes", "n_functions", "n_queues", "n_sources", "rx_writes"),
    *ints("has_engines", "counts_rings", "n_ports"),
    # `arbitrates`: classes of traffic take turns by credits. `limits_receivers`: some may receive so much and no more.
    *ints("arbitrates", "limits_receivers"),
    # `receives_vary`: frames are coalesced, into receives of at most `most_coalesced` descriptors, open for
    # `coalesced_fs` at most, or split: the header is written by itself.
    *ints("receives_vary", "most_coalesced", "coalesced_fs", "splits_headers"),
    # `has_flow_control`: the Rx buffer's level is looked at; `splits_rx_buffer`: each class has a part of it.
    # `in_line_bytes`: what fits into it without such looks, all of it, or with flow control nothing.
    *ints("has_flow_control", "splits_rx_buffer", "in_line_bytes"),
    # `tx_descriptor_shift`: 2 to its power are the bytes of a Tx descriptor. `doorbell_bytes`: of a doorbell that
    # carries none. `has_inline`: some driver's doorbells do.
    *ints("tx_descriptor_shift", "doorbell_bytes", "has_inline"),
    # `has_virtual_switch`: guests have ports of the host's, and nothing of the adapter. `n_scheduled`: functions that
    # the scheduler looks at; behind those of the guests stands that of the virtual switch's uplink.
    *ints("has_virtual_switch", "n_scheduled"),
)
