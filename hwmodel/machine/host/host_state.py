"""The records of a host: how long its memory takes, in what order writes pass, its IOMMU."""

from __future__ import annotations

from hwmodel.compiled.records import I32, I64, ints, record
from hwmodel.forwarding.port_set import MAX_FUNCTIONS
from hwmodel.machine.pcie.link_state import ARRIVALS
from hwmodel.rules.capacities import MAX_JITTER_BINS

MAX_TRANSLATIONS = 1 << 16  # pages that the IOMMU's cache holds
TRANSLATION_BUCKETS = 1 << 17
MAX_WALKERS = 64
WALK_CAP = 1 << 12  # walks under way or waiting for a walker
NOT_WALKED, WALKED, WALKED_IN_VAIN = range(3)  # in vain: unmapped before its walk was over

# The caches of the host's IOMMU: translated pages, and lines of the page table's last level. Slots are numbered from 1,
# 0 is none; `n_used` were ever taken, `free` is the first of those given back. A part holds at most `n_entries`,
# `newest` to `oldest` by their last look-up; `following` links the slots of a bucket, and free ones. Pages are numbered
# region by region, in each ring by ring: `first` is a region's first page, `a_ring` how many a ring has, in whole
# lines.
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
TRANSLATION_COUNTS = record(*ints("hits", "misses", "walks_busy_fs"))
# `there_fs`: when the last translation looked up is available.
TRANSLATION_PARAMS = record(
    *ints("miss_fs", "near_miss_fs", "n_walkers", "page_shift", "is_split", "invalidation", "flush_after"),
    *ints("tx_stride_bytes", "rx_stride_bytes"),
    ("tx_ring", PAGE_REGION), ("rx_ring", PAGE_REGION), ("tx_buffer", PAGE_REGION), ("rx_buffer", PAGE_REGION),
    ("tx_entries", PAGE_REGION), ("rx_entries", PAGE_REGION),  # what write-backs go to: the same rings, or others
)  # fmt: skip
TRANSLATION = record(
    ("params", TRANSLATION_PARAMS),
    *ints("n_unmapped", "there_fs"),
    ("counts", TRANSLATION_COUNTS),
    ("walker_free_fs", I64, (MAX_WALKERS,)),
    *ints("walks_head", "walks_tail"),
    ("walk", I32, (WALK_CAP,)),  # slots whose walk is not over, in the order in which walks end
    ("pages", PAGE_CACHE),
    ("lines", PAGE_CACHE),
)  # fmt: skip
# When the last of the writes passes, and when the last is in memory: of all or, with ID-based ordering, of a function.
WRITE_ORDER = record(*ints("passed_fs", "in_memory_fs"))
HOST_PARAMS = record(
    *ints("read_latency_fs", "jitter_kind", "jitter_range_fs", "n_jitter_bins", "answers_vary", "write_latency_fs"),
    # The last-level cache: how many of 2**32 draws are hits, and how much longer a miss takes.
    *ints("read_hits", "write_hits", "read_miss_fs", "write_miss_fs"),
    *ints("register_latency_fs"),  # of a core's read of a register, beside the link's part
    ("jitter_fs", I64, (MAX_JITTER_BINS,)),
    ("jitter_threshold", I64, (MAX_JITTER_BINS,)),
)
HOST = record(
    ("params", HOST_PARAMS),
    ("rng", I64, (4,)),
    ("memory_writes", ARRIVALS),  # received, not yet in memory
    ("order", WRITE_ORDER, (MAX_FUNCTIONS,)),
    ("translation", TRANSLATION),
)
