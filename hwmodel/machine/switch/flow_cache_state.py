"""The record of a switch's flow cache: what it holds, in the order of use."""

from __future__ import annotations

from hwmodel.compiled.far_tables import far
from hwmodel.compiled.records import I32, I64, ints, record
from hwmodel.forwarding.header_store import HEADERS_BEGIN
from hwmodel.rules.capacities import MAX_CACHED_FLOWS, MAX_TEMPLATES

MAX_MISS_CORES = 16
MAX_PIECE = 4096  # frames that a core of the switch passes on at once
MAX_SWITCH_CORES = 64

EXACT_HIT, WILDCARD_HIT, MISS = range(3)

# `is_on`: there is a cache. `by_connection`: an entry with wildcards is for one connection. Ring r has its misses
# handled by `miss_core` r modulo `n_miss_cores`; where there are none the core that switches does it. `by_uplink`: so
# much higher are the numbers of a connection, and of its ends, where a bridge brings its frames. All of it parameters.
FLOW_CACHE_PARAMS = record(
    *ints("is_on", "far_time_fs", "exact_time_fs", "wildcard_time_fs", "miss_time_fs"),
    *ints("by_connection", "n_miss_cores", "miss_queue", "by_uplink"),
    ("miss_core", I64, (MAX_MISS_CORES,)),
)  # fmt: skip
FLOW_CACHE_COUNTS = record(*ints("exact_hits", "wildcard_hits", "misses", "lost"))
# A circular list of what is held, through place 0: its `older` is the most recently used, its `newer` the least; number
# n has the place n + 1.
LRU_ENTRY = record(("newer", I32), ("older", I32), ("is_held", I32))
LRU = record(*ints("capacity", "n_held"), ("entry", far(LRU_ENTRY, 2 * MAX_CACHED_FLOWS + 1)))
# Of a header: its connections, `n` from `first` on, and the number of its two ends.
HEADER_FLOWS = record(("first", I32), ("n", I32), ("ends", I32))
MISSED = record(("at", I32), ("flow", I32))  # a frame of the piece that a core works on
PIECE = record(*ints("n_missed"), ("missed", MISSED, (MAX_PIECE,)))
# `flow`: the connection that was looked up last; `is_far`: it was not among those that the core's caches hold, `near`.
FLOW_CACHE = record(
    ("params", FLOW_CACHE_PARAMS),
    ("counts", FLOW_CACHE_COUNTS),
    ("rng", I64, (4,)),
    *ints("flow", "is_far"),
    ("near", LRU),
    ("exact", LRU),
    ("wildcard", LRU),
    ("header", far(HEADER_FLOWS, MAX_TEMPLATES, HEADERS_BEGIN)),
    ("piece", PIECE, (MAX_SWITCH_CORES,)),
)
