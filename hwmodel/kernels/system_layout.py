"""The record of a system: servers and bridges that meet over wires alone, and how far each of them is."""

from __future__ import annotations

from .records import ints, record

MAX_SERVERS = 256
MAX_BRIDGES = 64

# Of a server or a bridge. `safe_fs`: all that it sends up to then is known. `next_fs`: when its next event is. Of a
# server: the bridge at the other end of its wire (by its place among the bridges), the port there, and how much later
# than that bridge begins to send anything of it can come.
COMPONENT = record(*ints("safe_fs", "next_fs", "bridge", "port", "crossing_fs"))
# `window_fs`: how far one may run before the others are looked at, at most. `stops_exactly`: no bridge runs ahead of
# the server, so that the run may end behind any of its events. `asks_ahead`: what servers will look at is brought near.
SYSTEM = record(
    *ints("n_servers", "n_bridges", "window_fs", "stops_exactly", "asks_ahead"),
    ("server", COMPONENT, (MAX_SERVERS,)),
    ("bridge", COMPONENT, (MAX_BRIDGES,)),
)
