"""Queues that use no more memory than they need: a ring of few places, twice as many whenever they are all taken.

A ring that runs round all of its capacity comes back to each place long after the processor's caches have forgotten it.
"""

from __future__ import annotations

from hwmodel.compiled.compilation import inlined, out_of_line
from hwmodel.compiled.far_tables import lengthened


@out_of_line
def widen(clock, queue):
    """Double the places that a ring uses; the clock's `overflow` is set where it has no more.

    The entry before the head moves too: a TLP on the link still belongs to it.
    """
    before = queue.mask
    if before + 1 == len(queue.ring) and not lengthened(queue.ring):
        clock.overflow = 1
        return
    queue.mask = 2 * before + 1
    for position in range(max(queue.head - 1, 0), queue.tail):
        if position & queue.mask != position & before:
            queue.ring[position & queue.mask] = queue.ring[position & before]


@inlined
def entered(clock, queue):
    """Count an entry that was written at the tail, and see to it that there is a place for the next."""
    queue.tail += 1
    if queue.tail - queue.head >= queue.mask:
        widen(clock, queue)


@out_of_line
def widen_places(queue, entries, batches, head, tail):
    """Let a Tx or Rx ring use twice as many places for its entries from `head` to `tail`, with their batches.

    There are enough for any ring: one for each of its descriptors, and for coalesced frames that begin in one Rx
    buffer.
    """
    first, before = queue.first, queue.mask
    queue.first, queue.mask = queue.params.wide_first, 2 * before + 1
    for position in range(head, tail):
        place, old = queue.first + (position & queue.mask), first + (position & before)
        if place != old:
            entries[place] = entries[old]
            batches[place] = batches[old]


@out_of_line
def widen_posts(guests, queue):
    """Give a Tx ring more places for the frames that the driver has and the scheduler has not picked."""
    widen_places(queue, guests.post, guests.post_batch, queue.picked, queue.reserved)


@out_of_line
def widen_finished(guests, queue):
    """Give an Rx ring more places for the frames that lie between the adapter and the guest's core."""
    widen_places(queue, guests.finished, guests.finished_batch, queue.taken, queue.started)
