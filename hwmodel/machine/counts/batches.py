"""What happens to several frames of a ring at once is stamped once, with the first of them.

On the sender's side that is their posting, their doorbell, the fetch of their descriptors; on the receiver's their
write-back and what tells the guest of them. Frames leave a ring in order, so the ring keeps the stamps of the batches
that its last frame was in, and goes on to others where a frame's marks say that one begins.
"""

from __future__ import annotations

from hwmodel.compiled.compilation import inlined, kernel
from hwmodel.machine.counts.journey_state import CACHED, POSTED, REQUESTED, RUNG, SHOWN, TOLD, WRITTEN_BACK


@inlined
def mark_rx_batch(guests, queue, position, mark):
    """Note that a batch of the Rx ring begins here; return the record for its stamps."""
    place = queue.first + (position & queue.mask)
    guests.finished[place].marks |= mark
    return guests.finished_batch[place]


@inlined
def begin_rx_batches(guests, batch, place):
    """Go on to the stamps of the batches that begin with a received frame."""
    marks = guests.finished[place].marks
    begun = guests.finished_batch[place]
    if marks & WRITTEN_BACK:
        batch.writeback_started_fs = begun.writeback_started_fs
        batch.written_back_fs = begun.written_back_fs
    if marks & SHOWN:
        batch.raised_fs = begun.raised_fs
        batch.visible_fs = begun.visible_fs


@inlined
def mark_batch(guests, queue, position, mark):
    """Note that a batch of the Tx ring begins here; return the record for its stamps."""
    place = queue.first + (position & queue.mask)
    guests.post[place].marks |= mark
    return guests.post_batch[place]


@kernel
def begin_batches(guests, batch, place):
    """Go on to the stamps of the batches that begin with a frame."""
    marks = guests.post[place].marks
    begun = guests.post_batch[place]
    if marks & POSTED:
        batch.posted_fs = begun.posted_fs
    if marks & RUNG:
        batch.rung_fs = begun.rung_fs
    if marks & TOLD:
        batch.told_fs = begun.told_fs
    if marks & REQUESTED:
        batch.requested_fs = begun.requested_fs
    if marks & CACHED:
        batch.cached_fs = begun.cached_fs
