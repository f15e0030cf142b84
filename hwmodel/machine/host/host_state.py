"""The records of the host: its cores and their work, its IOMMU, what lies in its memory."""

from __future__ import annotations

from hwmodel.compiled.records import I32, I64, ints, record
from hwmodel.forwarding.port_set import MAX_FUNCTIONS
from hwmodel.machine.counts.journey_state import FINISHED, POST_BATCH, RX_BATCH
from hwmodel.machine.pcie.link_state import ARRIVALS

RING_POOL = 1 << 22  # slots of all Tx (or Rx) rings together: 2**21, each ring's rounded up to a power of two
MAX_QUEUES = 1024  # Tx or Rx rings
# The few places that each ring begins with lie side by side, before the pool; a ring that needs more moves there.
FIRST_PLACES = 1 << 4
NARROW_PLACES = MAX_QUEUES * FIRST_PLACES
PLACES = NARROW_PLACES + RING_POOL
MAX_TRANSLATIONS = 1 << 16  # pages that the IOMMU's cache holds
TRANSLATION_BUCKETS = 1 << 17
MAX_WALKERS = 64
WALK_CAP = 1 << 12  # walks under way or waiting for a walker
NOT_WALKED, WALKED, WALKED_IN_VAIN = range(3)  # in vain: unmapped before its walk was over

# Work of a guest's core.
POST_TASK, TAKE_TASK = range(2)
LOWEST_CLASS, MIDDLE_CLASS, BULK_CLASS = range(3)  # of loads, for adaptive moderation

# What a ring has for its core, Tx rings first; listed rings of a core hang together by `following`, the first has its
# turn, with `turn_left` frames to go. A piece of `n` frames takes `work_fs`, the frames from `started_fs` to `ends_fs`;
# the next cannot begin before `free_fs` (the end of a doorbell of `doorbell_time_fs`) and `awake_fs`.
WORK = record(*ints("n"), ("following", I32), ("is_listed", I32))
CORE_COUNTS = record(("busy_fs", I64, (2,)))  # by kind of task
CORE = record(
    *ints("first_work", "last_work", "turn_left", "kind", "queue", "n", "started_fs", "ends_fs", "work_fs"),
    *ints("is_running", "free_fs", "awake_fs", "doorbell_time_fs"), ("counts", CORE_COUNTS),
)  # fmt: skip
# The driver of a VM, whichever core runs it: its times, its batches, its interrupts. All of it parameters.
DRIVER = record(
    *ints("frame_time_fs", "byte_time_fs", "doorbell_time_fs", "interrupt_time_fs", "wakeup_time_fs"),
    *ints("tx_doorbell_batch", "refill_batch", "rx_interrupt_batch", "tx_interrupt_batch", "moderation_fs"),
    *ints("polls", "mask_interrupts", "adapts_moderation", "poll_budget", "send_burst"),
    ("adaptive_ns", I64, (3,)),  # intervals of the classes of load
)  # fmt: skip
POST = record(
    *ints("offered_fs"), ("template", I32), ("n_bytes", I32), ("hash", I32), ("index", I32), ("marks", I64)
)  # fmt: skip
# The caches of the host's IOMMU: translated pages, and lines of the page table's last level. Slots are numbered from 1,
# 0 is none; `n_used` have been taken, `free` is the first given back. A part holds at most `n_entries`, `newest` to
# `oldest` by their last look-up; a bucket's slots, and free ones, hang together by `following`. Pages are numbered
# region by region, in each ring by ring: `first` is a region's first, `a_ring` how many a ring has, whole lines.
TRANSLATED_PAGE = record(
    *ints("page", "ready_fs"), ("newer", I32), ("older", I32), ("following", I32), ("part", I32), ("walked", I32)
)
PAGE_REGION = record(*ints("first", "a_ring"))
CACHE_PART = record(*ints("n_entries", "n_held", "newest", "oldest"))
PAGE_CACHE = record(
    *ints("n_used", "free"),
    ("part", CACHE_PART, (MAX_FUNCTIONS,)),
    ("slot", TRANSLATED_PAGE, (MAX_TRANSLATIONS + WALK_CAP + 1,)),
    ("bucket", I32, (TRANSLATION_BUCKETS,)),
)
KEPT, STRICT_UNMAP, DEFERRED_UNMAP = range(3)  # `host.iotlb.invalidation`
TRANSLATION_COUNTS = record(*ints("hits", "misses", "near_misses", "walks_busy_fs"))
# `there_fs`: when the translation looked up last is there.
TRANSLATION_PARAMS = record(
    *ints("miss_fs", "near_miss_fs", "n_walkers", "page_shift", "is_split", "invalidation", "flush_after"),
    *ints("tx_stride_bytes", "rx_stride_bytes"),
    ("tx_ring", PAGE_REGION), ("rx_ring", PAGE_REGION), ("tx_buffer", PAGE_REGION), ("rx_buffer", PAGE_REGION),
)  # fmt: skip
TRANSLATION = record(
    ("params", TRANSLATION_PARAMS),
    *ints("n_unmapped", "there_fs"),
    ("counts", TRANSLATION_COUNTS),
    ("walker_free_fs", I64, (MAX_WALKERS,)),
    *ints("walks_head", "walks_tail"),
    ("walk", I32, (WALK_CAP,)),  # slots whose walk is not over, by its end
    ("pages", PAGE_CACHE),
    ("lines", PAGE_CACHE),
)  # fmt: skip
# Until when writes have passed, and until when they are in memory: of all, or with ID-based ordering of a function.
WRITE_ORDER = record(*ints("passed_fs", "in_memory_fs"))
HOST_PARAMS = record(
    *ints("read_latency_fs", "jitter_kind", "jitter_range_fs", "buffer_bytes", "buffer_offset_bytes"),
    # `early_refills`: of 2**32 pieces of taking frames so many end with a refill before its batch is full.
    *ints("n_jitter_bins", "n_cores", "answers_vary", "write_latency_fs", "early_refills"),
    # The last-level cache: of 2**32 draws so many are hits, and what a miss takes longer.
    *ints("read_hits", "write_hits", "read_miss_fs", "write_miss_fs"),
    ("jitter_fs", I64, (256,)),
    ("jitter_threshold", I64, (256,)),
)
HOST = record(
    ("params", HOST_PARAMS),
    ("rng", I64, (4,)),
    ("core", CORE, (MAX_FUNCTIONS,)),
    ("driver", DRIVER, (MAX_FUNCTIONS,)),
    ("memory_writes", ARRIVALS),  # received, not yet in memory
    ("order", WRITE_ORDER, (MAX_FUNCTIONS,)),
    ("translation", TRANSLATION),
    ("work", WORK, (2 * MAX_QUEUES,)),
    # The rings, which lie in the host's memory.
    ("post", POST, (PLACES,)),
    ("post_batch", POST_BATCH, (PLACES,)),
    ("finished", FINISHED, (PLACES,)),
    ("finished_batch", RX_BATCH, (PLACES,)),
)
