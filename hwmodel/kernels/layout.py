"""The state of the simulated machine: one nested numpy record, named as the hardware is.

Sizes here are physical capacities; fields say how many are in use, so one compilation serves every configuration.
Memory that no run touches costs nothing. Times are femtoseconds (`_fs`), lengths bytes. Rings have a power of two of
entries; `head` and `tail` count up for ever and are masked at the access.
"""

from __future__ import annotations

import mmap

import numpy as np

from .crossing_layout import WIRE_END
from .frame_layout import COPY_CAP, FIFO, FRAME, FRAMES, GRANT_CAP  # noqa: F401
from .journey_layout import FINISHED, JOURNEY_LOG, JOURNEYS, PART_SUMS, POST_BATCH, RX_BATCH, SAMPLED_PARTS, STAMP_SUMS
from .ledger_layout import (  # noqa: F401 - what is in both is found in both
    COUNTERS,
    DELIVERY_LOG,
    FIRST_FLOW_HISTOGRAM,
    FLOW,
    GAUGE,
    HISTOGRAM_BUCKETS,
    HISTOGRAM_SHIFT,
    HISTOGRAM_SUB_BITS,
    LATENCY,
    LATENCY_COUNTS,
    LATENCY_HISTOGRAM,
    LOG_CAP,
    LOG_ENTRY,
    MAX_FUNCTIONS,
    MAX_HISTOGRAMS,
    MAX_REASONS,
    SERVED,
    STALL,
    STALLS,
    WIRE_WAIT_HISTOGRAM,
)
from .link_layout import (  # noqa: F401
    ARRIVALS,
    CREDITS,
    DESCRIPTOR_BYTES,
    KINDS,
    LANE_CAP,
    LINK,
    MAX_TLP_BYTES,
    PAYLOAD_COMPLETION,
    PAYLOAD_READ,
    PAYLOAD_WRITE,
    PCIE,
    READ_TO_COMPLETION,
    REGISTER_BYTES,
    RX_DESCRIPTOR_COMPLETION,
    RX_DESCRIPTOR_READ,
    RX_DOORBELL,
    RX_INTERRUPT,
    RX_WRITEBACK,
    TLP_CAP,
    TLP_QUEUE,
    TRANSACTION,
    TX_DESCRIPTOR_COMPLETION,
    TX_DESCRIPTOR_READ,
    TX_DOORBELL,
    TX_INTERRUPT,
    TX_WRITEBACK,
)  # fmt: skip
from .mac_layout import LINE_CAP, MAC  # noqa: F401
from .records import F64, I32, I64, U32, ints, record

NO_RESERVE = getattr(mmap, "MAP_NORESERVE", 0)  # Linux; elsewhere memory is set aside as the system sees fit
NEVER = 2**62  # later than any simulated time

# Capacities.
MAX_QUEUES = 1024  # Tx or Rx rings
RING_POOL = 1 << 22  # slots of all Tx (or Rx) rings together: 2**21, each ring's rounded up to a power of two
MAX_TEMPLATES = 1 << 17  # distinct frame headers
MAX_COPY_KINDS = 1 << 19  # (template, egress port) pairs
MAX_FLOWS = 1 << 15
MAX_SOURCES = 1 << 15
MAX_CHOICES = 1 << 18  # rows of all alias tables together
MAX_POLICERS = 1024
MAX_TAGS = 256
GROUP_CAP = 1 << 16  # frames with several copies in flight, mirrored ones counted
FETCH_CAP = RING_POOL >> 1  # descriptor fetches that wait for a tag: no more than all rings have descriptors
PIPE_CAP = 2 * GRANT_CAP  # frames at the pipeline: of VMs and from the wire, each bounded by GRANT_CAP
MAX_CORE_PORTS = 17  # ports of the Verilog switch core
BUS_PORT_CAP = GRANT_CAP  # frames that wait for its bus at one port
PASSING_CAP = 1 << 5  # frames granted and not yet switched: a grant takes a cycle or more, the rest at most 9
HEAP_CAP = 1 << 16
FIRST_PLACES = 1 << 4  # that a ring begins with
TASK_CAP = 1 << 18
TRANSFER_CAP = 1 << 12  # DMA transfers under way
TAPE_CAP = 1 << 23  # recorded frames
MAX_TRANSLATIONS = 1 << 16  # pages that the IOMMU's cache holds
TRANSLATION_BUCKETS = 1 << 17

# Lanes of pending events, in the order in which events of one instant are handled. Every run uses the first four;
# of the others the next event's time alone (`rare_at`) is looked at. COMPLETION_READY wakes an idle link for the
# answer to a read.
TIMERS, DOWN_DONE, COMPLETION_READY, UP_DONE = range(4)
DOWN_ARRIVAL, STORED, PIPELINE, BUS, PASSED, LINE, WIRE, UP_ARRIVAL, IN_MEMORY, CREDIT, LANES = range(4, 15)
FIRST_RARE_LANE = DOWN_ARRIVAL

# Kinds of entries of the side heap.
(
    CORE_TIMER, SOURCE_TIMER, RX_WRITEBACK_TIMER, MODERATION_TIMER, TX_WRITEBACK_TIMER, SHAPER_TIMER,
) = range(6)  # fmt: skip

# Work of a guest's core.
POST_TASK, TAKE_TASK = range(2)

# Where a source's frames come from.
CLOSED_SOURCE, PERIODIC_SOURCE, POISSON_SOURCE, ON_OFF_SOURCE, RECORDED_SOURCE, CLOSED_RECORDED_SOURCE = range(6)

ROUND_ROBIN, READS_FIRST, WRITES_FIRST, BY_ARRIVAL = range(4)  # who goes first, P or NP
SCHEDULE_ROUND_ROBIN, SCHEDULE_WEIGHTED, SCHEDULE_DEFICIT, SCHEDULE_STRICT = range(4)

# Why a run stopped; the first is "reached its end".
DONE, LOG_FULL, EVENTS_SPENT, FRAMES_REACHED, OVERFLOW, IDLE = range(6)

POSTED_CREDIT, NON_POSTED_CREDIT, COMPLETION_CREDIT = range(3)


EVENT = record(*ints("at_fs", "word"))
LANE = record(*ints("head", "tail"), ("ring", EVENT, (LANE_CAP,)))
HEAP_ENTRY = record(*ints("at_fs", "key"))
EVENTS = record(
    ("next_at", I64, (LANES,)),
    *ints("rare_at", "seq", "n_events", "heap_n"),
    ("lane", LANE, (LANES,)),
    ("heap", HEAP_ENTRY, (HEAP_CAP,)),
)

# --- what the workload compiler fills in -----------------------------------------------------------------------
TEMPLATE = record(
    *ints("function", "reason", "first_copy", "n_copies", "longest_bytes", "flow", "policer", "queue_hash"),
    # Mirrored copies stand behind the others: those of a frame that its policer lets through, then those of one that
    # it refuses.
    *ints("n_mirrored", "n_mirrored_refused"),
)
COPY_KIND = record(
    *ints("port", "function", "delta_bytes", "flow", "queue_hash", "is_mirrored", "counts_offered", "next_template")
)
CHOICE = record(("threshold", I64), ("here", I32), ("there", I32))
SOURCE = record(
    *ints("kind", "function", "next_at_fs", "mean_gap_fs", "peak_gap_fs", "mean_off_fs", "burst_left", "armed"),
    *ints("first_target", "n_targets", "first_length", "n_lengths", "next_record", "last_record", "pending"),
    *ints("pending_template", "pending_bytes", "pending_hash", "pending_record"),
    ("mean_burst_frames", F64),
    ("rng", I64, (4,)),
)
TAPE_ENTRY = record(("at_fs", I64), ("template", I32), ("frame_bytes", I32), ("hash", I32), ("index", I32))
POLICER = record(*ints("rate_num", "rate_den", "burst", "tokens", "remainder", "last_fs"))

# --- the guests ------------------------------------------------------------------------------------------------
TASK = record(*ints("kind", "queue", "n", "following"))
CORE = record(
    *ints("first_task", "last_task", "kind", "queue", "chunk", "started_fs", "is_running"), ("busy_fs", I64, (2,))
)
FUNCTION = record(
    *ints("core", "first_source", "n_sources", "first_queue", "ready_queues", "next_queue", "weight"),
    *ints("shaper_num", "shaper_den", "shaper_window_fs", "eligible_at_fs", "is_shaped", "deficit_bytes", "is_hungry"),
    *ints("is_full", "read_bytes"),
)
# Descriptors of a ring that are done and not yet written back; `queue`, `ring_length` and `batch` are the ring's.
HELD = record(
    *ints("n_descriptors", "n_frames", "written", "timer_at_fs", "timer_armed"),
    *ints("kind", "timer_kind", "queue", "ring_length", "batch"),
)
POST = record(
    *ints("offered_fs"), ("template", I32), ("n_bytes", I32), ("hash", I32), ("index", I32), ("marks", I64)
)  # fmt: skip
TX_QUEUE = record(
    *ints("function", "first", "mask", "reserved", "posted", "rung", "told", "known", "requested", "cached"),
    *ints("picked", "fetched", "counted", "freed", "highest"),
    ("batch", POST_BATCH),  # of the last frame that was picked
    ("held", HELD),
)
# `mask`: of the places of `finished` in use, from `first` on (`rings.widen_finished`).
RX_QUEUE = record(
    *ints("function", "first"),
    ("mask", U32),
    *ints("known", "requested", "cached", "fetched"),
    *ints("started", "landed", "written_back", "visible", "taken", "counted", "since_refill", "highest"),
    *ints("moderated_until_fs", "moderation_armed"),
    ("batch", RX_BATCH),  # of the last frame that was taken
    ("held", HELD),
)

# --- the NIC ---------------------------------------------------------------------------------------------------
BUS_PORT = record(*ints("head", "tail", "n_words"), ("ring", FRAME, (BUS_PORT_CAP,)))
SWITCH_BUS = record(
    *ints("cycle_fs", "n_ports", "word_bytes", "ingress_words", "ready_cycles", "delay_cycles", "pointer"),
    *ints("free_fs", "busy_fs", "head", "tail", "n_waiting"),
    ("port", BUS_PORT, (MAX_CORE_PORTS,)),
    ("passing", FRAME, (PASSING_CAP,)),
)
GROUP = record(*ints("left", "left_mirrored", "left_in_tx_buffer", "delivered"))
GROUPS = record(*ints("n_free"), ("free", I32, (GROUP_CAP,)), ("slot", GROUP, (GROUP_CAP,)))
FETCH = record(("queue", I32), ("n_descriptors", I32), ("address", I32))
FETCHES = record(*ints("head", "tail"), ("mask", U32), ("ring", FETCH, (FETCH_CAP,)))  # `mask`: for the rings in use
TAG = record(
    *ints("kind", "queue", "n_bytes", "n_descriptors", "address", "frame", "taken_fs", "link_bytes", "link_tlps")
)
TAGS = record(
    *ints("n_tags", "n_free", "fewest_free", "held_fs"),
    ("free", I32, (MAX_TAGS,)),
    ("slot", TAG, (MAX_TAGS,)),
)
READS = record(
    ("rx_fetches", FETCHES), ("tx_fetches", FETCHES), *ints("frame", "left_bytes", "address"),
)  # fmt: skip
# `n_told`: Tx descriptors of all rings that doorbells have told of and that are not yet requested.
SCHEDULER = record(
    *ints("chosen", "chosen_fs", "pointer", "turn_left", "n_ready", "n_shaped_waiting", "kind", "quantum_bytes"),
    *ints("n_told"),
)

HOST = record(
    *ints("read_latency_fs", "jitter_kind", "jitter_range_fs", "buffer_bytes", "buffer_offset_bytes", "frame_time_fs"),
    *ints("n_jitter_bins", "n_cores"),
    ("rng", I64, (4,)),
    ("jitter_fs", I64, (256,)),
    ("jitter_threshold", I64, (256,)),
)
# The translation cache of the host's IOMMU. Slots are numbered from 1, 0 is none. `newest` to `oldest`: a list of the
# slots by their last look-up; a bucket's slots hang together by `following`. Pages are numbered region by region, in
# each ring by ring: `first` is a region's first, `a_ring` how many a ring has.
TRANSLATED_PAGE = record(*ints("page", "ready_fs"), ("newer", I32), ("older", I32), ("following", I32))
PAGE_REGION = record(*ints("first", "a_ring"))
TRANSLATION = record(
    *ints("n_entries", "n_used", "miss_fs", "newest", "oldest", "hits", "misses", "last_write_fs"),
    *ints("tx_stride_bytes", "rx_stride_bytes"),
    ("tx_ring", PAGE_REGION), ("rx_ring", PAGE_REGION), ("tx_buffer", PAGE_REGION), ("rx_buffer", PAGE_REGION),
    ("slot", TRANSLATED_PAGE, (MAX_TRANSLATIONS + 1,)),
    ("bucket", I32, (TRANSLATION_BUCKETS,)),
)  # fmt: skip
LIMITS = record(
    *ints("tx_ring", "rx_ring", "fetch_batch", "rx_fetch_batch", "rx_prefetch"),
    *ints("writeback_timeout_fs", "descriptor_cache", "tx_doorbell_batch", "refill_batch"),
    *ints("rx_interrupt_batch", "tx_interrupt_batch", "moderation_fs", "drop_enable", "drop_when_full"),
    *ints("store_num", "store_den", "pipeline_fs", "tx_buffer_bytes", "rx_buffer_bytes", "n_functions", "n_queues"),
    *ints("queues_per_function", "n_sources", "most_copies"),  # 0: no FIFO of copies can fill
)

# --- what is measured ------------------------------------------------------------------------------------------
TRANSFER = record(*ints("left_bytes", "begun_fs"))
# The link alone: transfers without end. `ring` holds what is left to come of each transfer being read.
DMA = record(
    *ints("n_bytes", "does_read", "does_write", "most_ahead"),
    *ints("reads_begun", "reads_done", "writes_begun", "writes_done"),
    ("ring", TRANSFER, (TRANSFER_CAP,)),
    ("latency", LATENCY),
)

NIC = record(
    ("events", EVENTS),
    ("limits", LIMITS),
    ("host", HOST),
    ("pcie", PCIE),
    ("up", LINK),
    ("down", LINK),
    ("up_arrivals", ARRIVALS),
    ("down_arrivals", ARRIVALS),
    ("memory_writes", ARRIVALS),  # received, not yet in memory
    ("credits", CREDITS, (3,)),
    ("tags", TAGS),
    ("reads", READS),
    ("dma", DMA),
    ("scheduler", SCHEDULER),
    ("translation", TRANSLATION),
    ("counters", COUNTERS),
    # What the loop looks at between two events stands together.
    *ints("now_fs", "moves_due", "reads_due", "done_queue", "n_hungry", "overflow", "is_stopping", "rx_dma_busy"),
    *ints("rx_head_waits_fs", "has_started", "n_full", "delivered_target", "free_task"),
    *ints("store_busy_until_fs", "pipeline_busy_until_fs", "pipe_head", "pipe_tail"),
    *ints("pipeline_busy_fs", "store_busy_fs"),
    ("tx_buffer", GAUGE),
    ("rx_buffer", GAUGE),
    ("tx_ring", GAUGE),
    ("rx_ring", GAUGE),
    *((f"stall_{name}", STALL) for name in STALLS),
    ("served", SERVED, (KINDS,)),
    ("from_doorbell", LATENCY),
    ("sender_wait", LATENCY),
    ("to_guest", LATENCY),
    ("mac", MAC),  # here, not among the queues: what it looks at for every frame shares the page of what stands before
    ("function", FUNCTION, (MAX_FUNCTIONS,)),
    ("core", CORE, (MAX_FUNCTIONS,)),
    ("tx_queue", TX_QUEUE, (MAX_QUEUES,)),
    ("rx_queue", RX_QUEUE, (MAX_QUEUES,)),
    ("source", SOURCE, (MAX_SOURCES,)),
    ("hungry", I32, (MAX_FUNCTIONS,)),
    ("policer", POLICER, (MAX_POLICERS,)),
    ("flow", FLOW, (MAX_FLOWS,)),
    ("template", TEMPLATE, (MAX_TEMPLATES,)),
    ("copy_kind", COPY_KIND, (MAX_COPY_KINDS,)),
    ("choice", CHOICE, (MAX_CHOICES,)),
    ("grants", FRAMES),
    ("pipe", FRAME, (PIPE_CAP,)),
    ("bus", SWITCH_BUS),
    ("loopback", FIFO),
    ("rx_fifo", FIFO),
    ("groups", GROUPS),
    ("task", TASK, (TASK_CAP,)),
    ("log", DELIVERY_LOG),
    ("journeys", JOURNEYS),
    ("journey_log", JOURNEY_LOG),
    ("latency_counts", LATENCY_COUNTS, (HISTOGRAM_BUCKETS,)),
    ("part_sums", PART_SUMS),
    ("stamp_sums", STAMP_SUMS),
    ("sampled_parts", SAMPLED_PARTS, (HISTOGRAM_BUCKETS,)),
    ("wire", WIRE_END),
    ("on_wire_batch", RX_BATCH),
    ("on_wire", FINISHED),  # stands for what a frame that leaves by the wire has no Rx ring for
    ("post", POST, (RING_POOL,)),
    ("post_batch", POST_BATCH, (RING_POOL,)),
    ("finished", FINISHED, (RING_POOL,)),
    ("finished_batch", RX_BATCH, (RING_POOL,)),
    ("histogram", I32, (MAX_HISTOGRAMS, HISTOGRAM_BUCKETS)),
    ("tape", TAPE_ENTRY, (TAPE_CAP,)),
)


def zeros(n: int, dtype: np.dtype) -> np.ndarray:
    """Return a record array of zeros; its memory is taken only as it is written, and none is set aside for it."""
    memory = mmap.mmap(-1, max(1, n) * dtype.itemsize, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | NO_RESERVE)
    return np.frombuffer(memory, dtype, count=n).view(np.recarray)


def fresh_state(n_servers: int = 1) -> np.ndarray:
    """Return a record array of zeros for so many servers, of which memory is taken only as it is written.

    Rings with a mask begin with `FIRST_PLACES`.
    """
    state = zeros(n_servers, NIC)
    for nic in state:
        _begin_rings(nic)
    return state


def _begin_rings(nic: np.void) -> None:
    for queue in (
        *(nic[link][of_class] for link in ("up", "down") for of_class in ("first", "second")),
        *(nic[name] for name in ("grants", "loopback", "rx_fifo")),
        nic.mac.fifo,
    ):
        queue["mask"] = FIRST_PLACES - 1
