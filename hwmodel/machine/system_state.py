"""The record of a system: servers and bridges that meet over wires alone, and how far each of them is."""

from __future__ import annotations

from hwmodel.compiled.records import I64, ints, record

MAX_SERVERS = 256
MAX_BRIDGES = 64
MAX_THREADS = 64

# Of a server or a bridge. `safe_fs`: all that it sends up to then is known. `next_fs`: when its next event is. Of a
# server: the bridge at the other end of its wire (by its place among the bridges), the port there, and how much later
# than that bridge begins to send anything of it can come. Each has a line of the processor's caches to itself.
COMPONENT = record(*ints("safe_fs", "next_fs", "bridge", "port", "crossing_fs"), ("apart", I64, (3,)))
# What one thread shows the others, in lines that nothing else is in.
FLAG = record(*ints("value"), ("apart", I64, (15,)))
# What one thread does in each turn: the servers from `first` of `system.order` on, before `end`. `n_events`, `stopped`:
# what came of the last turn. `asks_ahead`: what its servers will look at is brought near. `done`: its last turn.
SHARE = record(
    *ints("first", "end", "asks_ahead", "n_events", "stopped"), ("apart", I64, (11,)), ("done", FLAG)
)  # fmt: skip
# `window_fs`: how far one may run before the others are looked at, at most. `stops_exactly`: no bridge runs ahead of
# the server, so that the run may end behind any of its events. `limit_fs`: how far all may run in this turn. `turn`:
# its number, `system.OVER` behind the last.
SYSTEM = record(
    ("server", COMPONENT, (MAX_SERVERS,)),
    ("bridge", COMPONENT, (MAX_BRIDGES,)),
    ("share", SHARE, (MAX_THREADS,)),
    ("turn", FLAG),
    *ints("n_servers", "n_bridges", "n_shares", "window_fs", "stops_exactly", "limit_fs"),
    ("order", I64, (MAX_SERVERS,)),
)
