"""The records of the host: its cores and their work, its IOMMU, what lies in its memory."""

from __future__ import annotations

from .journey_layout import FINISHED, POST_BATCH, RX_BATCH
from .ledger_layout import MAX_FUNCTIONS
from .link_layout import ARRIVALS
from .records import I32, I64, ints, record

RING_POOL = 1 << 22  # slots of all Tx (or Rx) rings together: 2**21, each ring's rounded up to a power of two
MAX_QUEUES = 1024  # Tx or Rx rings
MAX_TRANSLATIONS = 1 << 16  # pages that the IOMMU's cache holds
TRANSLATION_BUCKETS = 1 << 17

# Work of a guest's core.
POST_TASK, TAKE_TASK = range(2)
LOWEST_CLASS, MIDDLE_CLASS, BULK_CLASS = range(3)  # of loads, for adaptive moderation

# What a ring has for its core, Tx rings first; listed rings of a core hang together by `following`, the first has its
# turn, with `turn_left` frames to go. A piece of `n` frames takes `work_fs`, the frames from `started_fs` to `ends_fs`;
# the next cannot begin before `free_fs` (a doorbell) and `awake_fs`.
WORK = record(*ints("n"), ("following", I32), ("is_listed", I32))
CORE = record(
    *ints("first_work", "last_work", "turn_left", "kind", "queue", "n", "started_fs", "ends_fs", "work_fs"),
    *ints("is_running", "free_fs", "awake_fs"), ("busy_fs", I64, (2,)),
)  # fmt: skip
POST = record(
    *ints("offered_fs"), ("template", I32), ("n_bytes", I32), ("hash", I32), ("index", I32), ("marks", I64)
)  # fmt: skip
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
HOST = record(
    *ints("read_latency_fs", "jitter_kind", "jitter_range_fs", "buffer_bytes", "buffer_offset_bytes", "frame_time_fs"),
    *ints("n_jitter_bins", "n_cores", "byte_time_fs", "doorbell_time_fs", "interrupt_time_fs", "wakeup_time_fs"),
    ("rng", I64, (4,)),
    ("jitter_fs", I64, (256,)),
    ("jitter_threshold", I64, (256,)),
    ("core", CORE, (MAX_FUNCTIONS,)),
    ("memory_writes", ARRIVALS),  # received, not yet in memory
    ("translation", TRANSLATION),
    ("work", WORK, (2 * MAX_QUEUES,)),
    # The rings, which lie in the host's memory.
    ("post", POST, (RING_POOL,)),
    ("post_batch", POST_BATCH, (RING_POOL,)),
    ("finished", FINISHED, (RING_POOL,)),
    ("finished_batch", RX_BATCH, (RING_POOL,)),
)
