"""The state of the simulated machine: one nested numpy record, named as the hardware is.

Sizes here are physical capacities; fields say how many are in use, so one compilation serves every configuration.
Memory that no run touches costs nothing. Times are femtoseconds (`_fs`), lengths bytes. Rings have a power of two of
entries; `head` and `tail` count up for ever and are masked at the access.
"""

from __future__ import annotations

import mmap
import platform
import sys
from contextlib import suppress
from typing import Any

import numpy as np

from .clock_layout import (  # noqa: F401
    BUS,
    CLOCK,
    COMPLETION_READY,
    CORE_TIMER,
    CREDIT,
    DOWN_ARRIVAL,
    DOWN_DONE,
    FIRST_RARE_LANE,
    HEAP_CAP,
    IN_MEMORY,
    LANES,
    LINE,
    MODERATION_TIMER,
    NEVER,
    PASSED,
    PIPELINE,
    QUEUE_TIMER,
    RX_WRITEBACK_TIMER,
    SHAPER_TIMER,
    SOURCE_TIMER,
    STORED,
    TIMERS,
    TX_WRITEBACK_TIMER,
    UP_ARRIVAL,
    UP_DONE,
    UP_READY,
    WIRE,
)
from .crossing_layout import WIRE_END
from .frame_layout import (  # noqa: F401
    COPY_CAP,
    FIFO,
    FRAME,
    FRAMES,
    GRANT_CAP,
)
from .host_layout import (  # noqa: F401
    BULK_CLASS,
    DEFERRED_UNMAP,
    FIRST_PLACES,
    HOST,
    KEPT,
    LOWEST_CLASS,
    MAX_QUEUES,
    MAX_TRANSLATIONS,
    MAX_WALKERS,
    MIDDLE_CLASS,
    NARROW_PLACES,
    NOT_WALKED,
    PLACES,
    POST_TASK,
    RING_POOL,
    STRICT_UNMAP,
    TAKE_TASK,
    TRANSLATION_BUCKETS,
    WALK_CAP,
    WALKED,
    WALKED_IN_VAIN,
)
from .journey_layout import POST_BATCH, RX_BATCH
from .ledger_layout import (  # noqa: F401
    COUNTERS,
    FIRST_FLOW_HISTOGRAM,
    GAUGE,
    HISTOGRAM_BUCKETS,
    HISTOGRAM_SHIFT,
    HISTOGRAM_SUB_BITS,
    LATENCY,
    LATENCY_HISTOGRAM,
    LEDGER,
    LOG_CAP,
    MAX_FLOWS,
    MAX_FUNCTIONS,
    MAX_HISTOGRAMS,
    MAX_REASONS,
    STALLS,
    WIRE_WAIT_HISTOGRAM,
)
from .link_layout import (  # noqa: F401
    ARRIVALS,
    COMPLETION_CREDIT,
    CREDIT_KINDS,
    CREDITS,
    DESCRIPTOR_BYTES,
    ENGINES,
    ID_ORDER,
    INTERRUPT_ENABLE,
    KINDS,
    LANE_CAP,
    LINK,
    MAX_TLP_BYTES,
    NON_POSTED_CREDIT,
    PAYLOAD_COMPLETION,
    PAYLOAD_READ,
    PAYLOAD_WRITE,
    PCIE,
    POSTED_CREDIT,
    READ_TO_COMPLETION,
    REGISTER_BYTES,
    RELAXED_ORDER,
    RX_DESCRIPTOR_COMPLETION,
    RX_DESCRIPTOR_READ,
    RX_DOORBELL,
    RX_INTERRUPT,
    RX_WRITEBACK,
    STRICT_ORDER,
    TX_DESCRIPTOR_COMPLETION,
    TX_DESCRIPTOR_READ,
    TX_DOORBELL,
    TX_INTERRUPT,
    TX_WRITEBACK,
)
from .mac_layout import (  # noqa: F401
    LINE_CAP,
    MAC,
)
from .records import I32, I64, U32, ints, record
from .traffic_layout import (  # noqa: F401
    ANY_LENGTH,
    CLOSED_RECORDED_SOURCE,
    CLOSED_SOURCE,
    MAX_CHOICES,
    MAX_COPY_KINDS,
    MAX_POLICERS,
    MAX_SOURCES,
    MAX_TEMPLATES,
    ON_OFF_SOURCE,
    PERIODIC_SOURCE,
    POISSON_SOURCE,
    POLICER,
    RECORDED_SOURCE,
    TAPE_CAP,
    TRAFFIC,
)

# Linux's MAP_NORESERVE, which Python's module does not name on all machines; elsewhere the system sets aside what it
# sees fit for memory that is never touched.
NO_RESERVE = 0x4000 if sys.platform == "linux" and platform.machine() in ("x86_64", "aarch64") else 0

# Capacities.
MAX_TAGS = 256
GROUP_CAP = 1 << 16  # frames with several copies in flight, mirrored ones counted
FETCH_CAP = RING_POOL >> 1  # descriptor fetches that wait for a tag: no more than all rings have descriptors
PIPE_CAP = 2 * GRANT_CAP  # frames at the pipeline: of VMs and from the wire, each bounded by GRANT_CAP
MAX_CORE_PORTS = 17  # ports of the Verilog switch core
BUS_PORT_CAP = GRANT_CAP  # frames that wait for its bus at one port
PASSING_CAP = 1 << 5  # frames granted and not yet switched: a grant takes a cycle or more, the rest at most 9
TRANSFER_CAP = 1 << 12  # DMA transfers under way

ROUND_ROBIN, READS_FIRST, WRITES_FIRST, BY_ARRIVAL = range(4)  # who goes first, P or NP
SCHEDULE_ROUND_ROBIN, SCHEDULE_WEIGHTED, SCHEDULE_DEFICIT, SCHEDULE_STRICT = range(4)

# Why a run stopped; the first is "reached its end".
DONE, LOG_FULL, EVENTS_SPENT, FRAMES_REACHED, OVERFLOW, IDLE = range(6)

# --- the guests ------------------------------------------------------------------------------------------------
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
# `mask` of a Tx or Rx ring: of the places of `post` or `finished` in use, from `first` on; `wide_first`: from where on,
# once they are more than the first few (`rings.widen_posts`).
TX_QUEUE = record(
    *ints(
        "function", "first", "wide_first", "mask", "reserved", "posted", "rung", "told", "known", "requested", "cached"
    ),
    *ints("picked", "fetched", "counted", "written_back", "freed", "highest", "is_paused", "pace_fs"),
    ("batch", POST_BATCH),  # of the last frame that was picked
    ("held", HELD),
)
RX_QUEUE = record(
    *ints("function", "first", "wide_first"),
    ("mask", U32),
    *ints("known", "requested", "cached", "fetched"),
    *ints("started", "landed", "written_back", "visible", "taken", "since_refill", "highest"),
    # Of interrupts: frames counted as their write-back entered P, those of them told of; `is_masked` is the adapter's,
    # `is_polled` the driver's. `entry_fs`: what interrupts cost the core before it takes the next frame.
    *ints("returned", "told", "is_masked", "moderated_until_fs", "moderation_armed", "moderation_fs"),
    *ints("is_polled", "entry_fs", "rx_class", "taken_bytes", "tx_class", "posted_bytes"),
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
GROUP = record(*ints("n_copies", "left", "left_mirrored", "left_in_tx_buffer", "delivered"))
# `free`: of each place by how much its number lies above how many places follow it. So zeros are a list in order, and a
# run that uses few takes little memory.
GROUPS = record(*ints("n_free"), ("free", I32, (GROUP_CAP,)), ("slot", GROUP, (GROUP_CAP,)))
FETCH = record(("queue", I32), ("n_descriptors", I32), ("address", I32))
FETCHES = record(*ints("head", "tail"), ("mask", U32), ("ring", FETCH, (FETCH_CAP,)))  # `mask`: for the rings in use
TAG = record(
    *ints("kind", "queue", "n_bytes", "n_descriptors", "address", "frame", "taken_fs", "link_bytes", "link_tlps"),
    *ints("ends_frame"),
)
TAGS = record(
    *ints("n_tags", "n_free", "fewest_free", "held_fs"),
    ("free", I32, (MAX_TAGS,)),
    ("slot", TAG, (MAX_TAGS,)),
)
READS = record(
    ("rx_fetches", FETCHES), ("tx_fetches", FETCHES), *ints("frame", "left_bytes", "address", "whole_bytes"),
)  # fmt: skip
# `n_told`: Tx descriptors of all rings that doorbells have told of and that are not yet requested.
SCHEDULER = record(
    *ints("chosen", "chosen_fs", "pointer", "turn_left", "n_ready", "n_shaped_waiting", "kind", "quantum_bytes"),
    *ints("n_told", "n_paused"),
)

LIMITS = record(
    *ints("tx_ring", "rx_ring", "fetch_batch", "rx_fetch_batch", "rx_prefetch"),
    *ints("writeback_timeout_fs", "descriptor_cache", "drop_enable", "drop_when_full"),
    *ints(
        "store_num",
        "store_den",
        "pipeline_fs",
        "queue_time_fs",
        "ahead_fs",  # by how much a ring may be ahead of its pace
        "tx_buffer_bytes",
        "rx_buffer_bytes",
        "n_functions",
        "n_queues",
    ),
    *ints("queues_per_function", "n_sources", "rx_writes", "most_copies"),  # 0: no FIFO of copies can fill
)

# --- what is measured ------------------------------------------------------------------------------------------
TRANSFER = record(*ints("left_bytes", "begun_fs", "address"))
# The link alone: transfers without end. `ring` holds what is left to come of each transfer being read.
DMA = record(
    *ints("n_bytes", "does_read", "does_write", "most_ahead"),
    *ints("reads_begun", "reads_done", "writes_begun", "writes_done"),
    # Where they lie in a window: place k is `unit_bytes` * k; none, and each lies at the start of its buffer.
    *ints("n_places", "unit_bytes", "is_random", "writes_first"),
    ("rng", I64, (4,)),
    ("ring", TRANSFER, (TRANSFER_CAP,)),
    ("latency", LATENCY),
)

# One server: its adapter's own fields, and the parts beside it, each with a layout file of its own. What the loop looks
# at between two events stands together near the front, very large parts at the end.
SERVER = record(
    ("clock", CLOCK),
    *ints("moves_due", "reads_due", "done_queue", "rx_dma_busy", "rx_writing", "rx_head_waits_fs"),
    *ints("store_busy_until_fs", "pipeline_busy_until_fs", "pipe_head", "pipe_tail"),
    *ints("pipeline_busy_fs", "store_busy_fs"),
    ("tx_buffer", GAUGE),
    ("rx_buffer", GAUGE),
    ("scheduler", SCHEDULER),
    ("limits", LIMITS),
    ("credits", CREDITS, (len(CREDIT_KINDS),)),
    ("tags", TAGS),
    ("reads", READS),
    ("pcie", PCIE),
    ("engines", ENGINES),
    ("up", LINK),
    ("down", LINK),
    ("up_arrivals", ARRIVALS),
    ("down_arrivals", ARRIVALS),
    ("dma", DMA),
    ("function", FUNCTION, (MAX_FUNCTIONS,)),
    ("tx_queue", TX_QUEUE, (MAX_QUEUES,)),
    ("rx_queue", RX_QUEUE, (MAX_QUEUES,)),
    ("mac", MAC),
    ("grants", FRAMES),
    ("pipe", FRAME, (PIPE_CAP,)),
    ("bus", SWITCH_BUS),
    ("loopback", FIFO),
    ("rx_fifo", FIFO),
    ("groups", GROUPS),
    ("wire", WIRE_END),
    ("host", HOST),
    ("traffic", TRAFFIC),
    ("ledger", LEDGER),
)


def zeros(n: int, dtype: np.dtype, *, in_large_pages: bool = False) -> np.ndarray:
    """Return an array of records of zeros; its memory is taken only as it is written.

    In large pages, where the system has them, a long run is quicker; but each is 2 MiB to be filled with zeros, which
    takes a short run more than all that it simulates.
    """
    if in_large_pages:
        return np.zeros(n, dtype)
    memory = mmap.mmap(-1, max(1, n) * dtype.itemsize, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | NO_RESERVE)
    if hasattr(mmap, "MADV_NOHUGEPAGE"):
        with suppress(OSError):  # a kernel without large pages knows no such advice
            memory.madvise(mmap.MADV_NOHUGEPAGE)
    return np.frombuffer(memory, dtype, count=n)


def fresh_state(n_servers: int = 1, *, in_large_pages: bool = False) -> np.ndarray:
    """Return records of zeros for so many servers, of which memory is taken only as it is written.

    Rings with a mask begin with `FIRST_PLACES`.
    """
    state = zeros(n_servers, SERVER, in_large_pages=in_large_pages)
    for nic in state:
        _begin_rings(nic)
    return state


def _begin_rings(nic: Any) -> None:
    for queue in (
        *(nic[link][of_class] for link in ("up", "down") for of_class in ("first", "second")),
        *(nic[name] for name in ("grants", "loopback", "rx_fifo")),
        *(nic.reads[name] for name in ("rx_fetches", "tx_fetches")),
        nic.mac.fifo,
        nic.wire.sent,
        nic.wire.come,
        nic.wire.outside.sent,
    ):
        queue["mask"] = FIRST_PLACES - 1
