"""The record of time: now, and the events that are to come, lane by lane."""

from __future__ import annotations

from hwmodel.compiled.records import I64, ints, record
from hwmodel.rules.capacities import LANE_CAP
from hwmodel.rules.function_names import MOST_PORTS

ADAPTER_PORTS = MOST_PORTS  # Ethernet ports that an adapter has room for
ADAPTER_LINKS = 1  # PCIe links, with a host at each; a power of two
HEAP_CAP = 1 << 16

# Lanes of pending events, in the order in which events of one instant are handled. Every run uses the first four; of
# the others only the time of the earliest event (`rare_at`) is looked at. COMPLETION_READY wakes an idle link down when
# the answer to a read is ready, UP_READY an idle link up when a DMA engine has something ready. Each link has lanes of
# its own, each port those from BUS to WIRE.
TIMERS = 0
DOWN_DONE, COMPLETION_READY, UP_DONE, DOWN_ARRIVAL, STORED, PIPELINE = range(1, 1 + 6 * ADAPTER_LINKS, ADAPTER_LINKS)
BUS, PASSED, LINE, WIRE, UP_ARRIVAL = range(PIPELINE + 1, PIPELINE + 2 + 4 * ADAPTER_PORTS, ADAPTER_PORTS)
IN_MEMORY, UP_READY, CREDIT, KICK = range(UP_ARRIVAL + ADAPTER_LINKS, UP_ARRIVAL + 1 + 4 * ADAPTER_LINKS, ADAPTER_LINKS)
NOTICE, LANES = KICK + 1, KICK + 2  # what guests and the virtual switch tell each other
FIRST_RARE_LANE = DOWN_ARRIVAL

# Kinds of entries of the side heap.
(
    CORE_TIMER, SWITCHING_TIMER, SOURCE_TIMER, RX_WRITEBACK_TIMER, MODERATION_TIMER, TX_WRITEBACK_TIMER, SHAPER_TIMER,
    QUEUE_TIMER, COALESCING_TIMER,
    # Of flow control: what takes effect at the adapter, and at the link partner, when stops there are over, and when
    # the next control frame is due, or one has been sent.
    CONTROL_TAKEN, STOPS_OVER, REFRESH_TIMER, CONTROL_SENT, PARTNER_TAKES, PARTNER_GOES_ON,
    BOND_TIMER,
) = range(16)  # fmt: skip

EVENT = record(*ints("at_fs", "word"))
LANE = record(*ints("head", "tail"), ("ring", EVENT, (LANE_CAP,)))
HEAP_ENTRY = record(*ints("at_fs", "key"))
# `overflow`: something of the machine had no room for one more, and the run is void.
CLOCK = record(
    ("next_at", I64, (LANES,)),
    *ints("rare_at", "now_fs", "overflow", "seq", "n_events", "heap_n", "has_started"),
    ("lane", LANE, (LANES,)),
    ("heap", HEAP_ENTRY, (HEAP_CAP,)),
)
