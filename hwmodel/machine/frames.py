"""The records of frames and of their copies, wherever they are, and the queues that hold them."""

from __future__ import annotations

from hwmodel.compiled.far_tables import far
from hwmodel.compiled.records import I16, I32, U32, ints, record

GRANT_CAP = 1 << 16  # frames between the scheduler's pick and the switch
LINE_CAP = 1 << 16  # frames that come on one line
COPY_CAP = 1 << 17  # copies in one FIFO: loopback, Rx buffer, MAC
RING_BEGINS = 1 << 8  # places that there are for a queue, before it is made longer
NO_GROUP = -1  # of a frame with one copy
GROUP_CAP = 1 << 16  # frames with several copies in flight, mirrored ones counted

# `tx_class`: the traffic class, with `nic.arbitration`. A frame in `grants` is a grant: `read_bytes` are read for it.
# Of a send it may stand for several frames, which one read brings whole: `n_more` behind the first, the last of them of
# `last_bytes`; with it `n_done` descriptors are done.
FRAME = record(
    *ints("reads_left", "ready_fs", "n_reads", "link_bytes", "link_tlps"),
    ("journey", I32), ("template", I32), ("n_bytes", I32), ("hash", I32), ("index", I32), ("queue", I32),
    ("is_wire", I16), ("adapter_port", I16), ("n_more", I16), ("n_done", I16), ("last_bytes", I16),
    ("tx_class", I16), ("read_bytes", I32),
)  # fmt: skip
COPY = record(
    *ints("entered_fs"),
    ("journey", I32), ("copy_kind", I32), ("n_bytes", I32), ("group", I32), ("queue", I32),
    ("tx_bytes", I16), ("tx_class", I16),
)  # fmt: skip
# `mask`: of the places in use (`growing_ring.widen`), of which one stays free.
FRAMES = record(*ints("head", "tail"), ("mask", U32), ("ring", far(FRAME, 2 * GRANT_CAP, RING_BEGINS)))
FIFO = record(*ints("head", "tail"), ("mask", U32), ("ring", far(COPY, 2 * COPY_CAP, RING_BEGINS)))
GROUP = record(*ints("n_copies", "left", "left_mirrored", "left_in_tx_buffer", "delivered"))
# `free`: the free list, stored as offsets from the identity order, so that a zeroed array is already a full list.
GROUPS = record(*ints("n_free"), ("free", I32, (GROUP_CAP,)), ("slot", GROUP, (GROUP_CAP,)))
# Frames or copies of a class that wait are in a list; `head`, `tail`, `following` and `free` are the number of a place,
# plus 1; 0: none.
CLASS_QUEUE = record(*ints("head", "tail"))
WAITING_COPY = record(("waits", COPY), ("following", I32))
WAITING_COPIES = record(*ints("n_used", "free"), ("place", far(WAITING_COPY, COPY_CAP, RING_BEGINS)))
