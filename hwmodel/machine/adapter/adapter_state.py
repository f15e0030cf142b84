"""The records of the adapter: its functions and rings, reads, scheduler, switch bus, and what bounds them."""

from __future__ import annotations

from hwmodel.compiled.far_tables import far
from hwmodel.compiled.records import I32, U32, ints, record
from hwmodel.machine.counts.journey_state import POST_BATCH, RX_BATCH
from hwmodel.machine.counts.ledger_state import GAUGE, LATENCY
from hwmodel.machine.frames import FRAME, GRANT_CAP, RING_BEGINS
from hwmodel.machine.guest.guest_state import RING_POOL
from hwmodel.switch_core.state import MAX_CORE_PORTS

FETCH_CAP = RING_POOL >> 1  # descriptor fetches that wait for a tag: no more than all rings have descriptors
PIPE_CAP = 2 * GRANT_CAP  # frames at the pipeline: of VMs and from the wire, each bounded by GRANT_CAP
BUS_CAP = GRANT_CAP + (1 << 14)  # frames that wait for buses: of VMs, and what the uplinks' FIFOs hold
PASSING_CAP = 1 << 5  # frames granted, not yet switched: a grant takes a cycle or more, the rest at most 14


LONG_BLOCK_FS = 10**11  # 100 us: head-of-line blocking by a ring for so long is worth a scan for whom it held up

SCHEDULE_ROUND_ROBIN, SCHEDULE_WEIGHTED, SCHEDULE_DEFICIT, SCHEDULE_STRICT, SCHEDULE_CREDITS = range(5)


# The adapter's own counts: bytes in its buffers; busy time of its pipeline and of its store for read data; frames
# queued for the ports' wires, those being sent among them, and how long each waited for its wire.
ADAPTER_COUNTS = record(
    ("tx_buffer", GAUGE), ("rx_buffer", GAUGE), *ints("pipeline_busy_fs", "store_busy_fs"),
    ("wire_waiting", GAUGE), ("wire_wait", LATENCY),
)  # fmt: skip
# `adapter_port`: the Ethernet port that the function sends by; `port`: its own port at the switch of that Ethernet
# port.
FUNCTION_PARAMS = record(
    *ints("adapter_port", "port", "first_source", "n_sources", "first_queue", "n_queues", "weight"),
    *ints("shaper_num", "shaper_den", "shaper_window_fs", "guarantee_num", "guarantee_den"),
)
FUNCTION = record(
    ("params", FUNCTION_PARAMS),
    *ints("ready_queues", "next_queue", "eligible_at_fs", "is_shaped", "deficit_bytes"),
    # `n_given`: frames that agents have given to its driver and that have no slot yet.
    ("is_hungry", I32),
    ("n_given", I32),
    *ints("is_full"),
    # `first_in_fs`: when a frame was first complete in the Tx buffer since the function came up, NEVER if none was;
    # noted only with `counts_rings`. `owed_from_fs`: from this time on the function is behind its guarantee.
    *ints("is_off", "first_in_fs", "owed_from_fs"),
)
# Descriptors of a ring that are done and not yet written back; `queue`, `ring_length` and `batch` are the ring's.
# `reports_last`: only the last descriptor of a batch is written back, on behalf of all, and there is no timer.
# `entry_bytes`: bytes written back per descriptor.
HELD_PARAMS = record(*ints("kind", "timer_kind", "queue", "ring_length", "batch", "reports_last", "entry_bytes"))
HELD = record(*ints("n_descriptors", "n_frames", "written", "timer_at_fs", "timer_armed"), ("params", HELD_PARAMS))
# A Tx ring keeps its entries in `post`, an Rx ring in `finished`: from index `first` on, with `mask` for those in use;
# a ring that outgrows its first few places moves to `wide_first` (`growing_ring.widen_posts`). `link`, `core`: the link
# by which the adapter reaches this Tx ring and the Rx ring of the same number, and the host's core that serves both.
# `slots`: how many the driver may fill, or posts descriptors in; 0 while the function is off.
RING_PARAMS = record(*ints("function", "link", "wide_first", "core"))
# `drop_enable`: drop a copy when its Rx ring has no descriptor. `vector`: the first of the rings that share this ring's
# MSI-X vector, where the vector's state is kept; `next_of_vector`: the next of these rings, `NO_RING` after the last.
RX_RING_PARAMS = record(*ints("function", "wide_first", "core", "drop_enable", "vector", "next_of_vector"))
# A ring's traffic over the whole run, if asked for; resets of its function do not clear it. Tx: frames read; Rx: frames
# made visible to the guest; bytes without FCS.
QUEUE_COUNTS = record(*ints("frames", "n_bytes"))
# `waiting_bytes`: the backlog that a virtual switch's ECN marking looks at: bytes posted and not picked in a Tx ring of
# its uplink, or not yet taken from a guest's Rx ring. A Tx ring counts descriptors, except for `n_picked` (frames) and
# `untold` (frames or sends since the last doorbell). Of the send being cut, `cut_frames` and `cut_bytes` have been
# picked; the next pick reaches up to `cut_to_frames` and `cut_to_bytes`.
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
    # `returned`: frames counted for interrupts as their write-back entered P; `told`: those that an interrupt has
    # announced. `is_masked` is the adapter's view, `is_polled` the driver's. `entry_fs`: interrupt cost that the core
    # pays before it takes the next frame. Masks, timers, intervals and classes are the vector's, kept in its first
    # ring.
    *ints("returned", "told", "is_masked", "moderated_until_fs", "moderation_at_fs", "moderation_fs"),
    *ints("is_polled", "entry_fs", "rx_class", "taken_bytes", "tx_class", "posted_bytes"),
    # The open receive (coalesced frames): its frames, descriptors, bytes and kind of copy; the bytes in its last buffer
    # and how many frames begin there; its deadline; whether the ring's timer is set.
    *ints("open_frames", "open_descriptors", "open_bytes", "open_kind", "used_bytes", "begun_there"),
    *ints("closes_fs", "closing_armed", "is_used", "waiting_bytes"),
    ("counts", QUEUE_COUNTS),
    ("batch", RX_BATCH),  # of the last frame that was taken
    ("held", HELD),
)

# Frames that wait for a bus: a list for each of its ports, in one pool for all buses. `head`, `tail`, `following` and
# `free` are the number of a place, plus 1; 0: none. `n_frames`: waiting at all buses together.
BUS_PORT = record(*ints("head", "tail", "n_words"))
WAITING_FRAME = record(("frame", FRAME), *ints("following"))
WAITING_FRAMES = record(*ints("n_frames", "n_used", "free"), ("place", far(WAITING_FRAME, BUS_CAP, RING_BEGINS)))
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
FETCHES = record(
    *ints("head", "tail"), ("mask", U32), ("ring", far(FETCH, FETCH_CAP, RING_BEGINS))
)  # `mask`: for the rings in use
# `ends_buffer`: what is being cut is the last payload to be read from its Tx buffer in memory. `has_freed`: taking a
# function away has freed tags or read-engine places, for which other reads may be waiting.
READS = record(
    ("rx_fetches", FETCHES), ("tx_fetches", FETCHES), *ints("frame", "left_bytes", "address", "whole_bytes"),
    *ints("has_freed", "ends_buffer"),
)  # fmt: skip
# `guarantee_window_fs`: how long an unused guarantee stays claimable; 0 if no function has one.
SCHEDULER_PARAMS = record(*ints("kind", "quantum_bytes", "guarantee_window_fs"))
# `n_told`: Tx descriptors of all rings that doorbells have announced and that are not yet requested. `blocked_bytes`:
# bytes of a pick that waits for room in the Tx buffer, else 0.
SCHEDULER = record(
    *ints("chosen", "chosen_fs", "pointer", "turn_left", "n_ready", "n_shaped_waiting", "owed_pointer", "is_owed"),
    ("params", SCHEDULER_PARAMS),
    *ints("n_told", "n_paused", "blocked_bytes"),
)

# A ring's current limits in the on-chip descriptor cache: as configured, or its share of a cache common to the
# `n_rings` rings in use (those with `is_used`).
CACHE_SHARE = record(*ints("n_rings", "descriptor_cache", "fetch_batch", "rx_fetch_batch", "rx_prefetch"))
# The adapter's limits, and the speed of its parts. `counts_rings`: traffic is counted ring by ring, on request only,
# since at 64 B it slows the run.
ADAPTER_PARAMS = record(
    *ints("tx_ring", "rx_ring", "fetch_batch", "rx_fetch_batch", "rx_prefetch"),
    # `tx_host_threshold`: Tx descriptors that must be posted for a prefetch. `shared_cache`: size of a descriptor cache
    # that all rings share, 0 where each has its own; a ring in use gets `least_share` of it at least.
    *ints("tx_host_threshold", "shared_cache", "least_share"),
    *ints("writeback_timeout_fs", "descriptor_cache", "drop_when_full"),
    *ints("store_num", "store_den", "pipeline_fs", "queue_time_fs"),
    *ints("ahead_fs"),  # by how much a ring may be ahead of its pace
    *ints("tx_buffer_bytes", "rx_buffer_bytes", "n_functions", "n_queues", "n_sources", "rx_writes"),
    *ints("has_engines", "counts_rings", "n_ports"),
    # Where the lines of several ports take turns in the Rx buffer: as frames enter the pipeline, as copies are made.
    *ints("turns_at_pipeline", "turns_at_switch"),
    # `arbitrates`: classes of traffic take turns by credits. `limits_receivers`: some functions have a receive rate
    # limit.
    *ints("arbitrates", "limits_receivers"),
    # `receives_vary`: frames are coalesced into receives of at most `most_coalesced` descriptors, open for at most
    # `coalesced_fs`; or split, the header written by itself; or there is a virtual switch.
    *ints("receives_vary", "most_coalesced", "coalesced_fs", "splits_headers"),
    # `has_flow_control`: the Rx buffer's level is checked against marks; `splits_rx_buffer`: each class has its own
    # part. `in_line_bytes`: what the fast path without these checks may fill: the whole buffer, or 0 with flow control.
    *ints("has_flow_control", "splits_rx_buffer", "in_line_bytes"),
    # `tx_descriptor_shift`: log2 of a Tx descriptor's bytes. `doorbell_bytes`: of a doorbell without an inline
    # descriptor. `has_inline`: some driver's doorbells carry one.
    *ints("tx_descriptor_shift", "doorbell_bytes", "has_inline"),
    # `has_virtual_switch`: guests are attached to the host's virtual switch, not to the adapter. `n_scheduled`:
    # functions that the scheduler serves: the guests', then those of the virtual switch's uplink.
    *ints("has_virtual_switch", "n_scheduled"),
)
