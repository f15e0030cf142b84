"""The record of the Ethernet port's MAC: its rate, what it sends and what comes to it on the line."""

from __future__ import annotations

from hwmodel.compiled.records import ints, record
from hwmodel.machine.counts.ledger_state import GAUGE, LATENCY
from hwmodel.machine.frames import FIFO, FRAME

LINE_CAP = 1 << 16

# Frames that come on the line, in the order of their last bytes' arrival.
LINE = record(*ints("head", "tail", "busy_until_fs"), ("ring", FRAME, (LINE_CAP,)))
MAC = record(
    *ints("fs_per_byte_num", "fs_per_byte_den"),
    # The other end of the wire: whether a bridge stands there, and for how long a bit flies.
    *ints("has_peer", "propagation_fs"),
    *ints("is_tapped"),  # what passes the port is logged; where a bridge stands there, it does so
    *ints("is_sending", "tx_bytes", "rx_bytes", "tx_busy_fs", "rx_busy_fs"),
    ("waiting", GAUGE),  # in `fifo`, the frame that is sent among them
    ("wait", LATENCY),  # until a frame is sent
    ("line", LINE),  # first, so that what is looked at for every frame stands together
    ("fifo", FIFO),
)
