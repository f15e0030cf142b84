"""The records of frames and of their copies, wherever they are, and the queues that hold them."""

from __future__ import annotations

from .records import I32, U32, ints, record

GRANT_CAP = 1 << 16  # frames between the scheduler's pick and the switch
COPY_CAP = 1 << 17  # copies in one FIFO: loopback, Rx buffer, MAC

# Lengths of frames (`n_bytes`) are without the frame check sequence. IEEE 802.3, clauses 3 and 4.4.2:
FCS_BYTES = 4
MIN_UNPADDED_BYTES = 60
PREAMBLE_AND_GAP_BYTES = 8 + 12

FRAME = record(
    *ints("reads_left", "ready_fs", "n_reads", "link_bytes", "link_tlps"),
    ("journey", I32), ("template", I32), ("n_bytes", I32), ("hash", I32), ("index", I32), ("queue", I32),
    ("is_wire", I32),
)  # fmt: skip
COPY = record(
    *ints("entered_fs"),
    ("journey", I32), ("copy_kind", I32), ("n_bytes", I32), ("group", I32), ("queue", I32), ("tx_bytes", I32),
)  # fmt: skip
# `mask`: of the places in use (`rings.widen`), of which one stays free.
FRAMES = record(*ints("head", "tail"), ("mask", U32), ("ring", FRAME, (2 * GRANT_CAP,)))
FIFO = record(*ints("head", "tail"), ("mask", U32), ("ring", COPY, (2 * COPY_CAP,)))
