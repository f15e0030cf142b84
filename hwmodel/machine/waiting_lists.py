"""Lists of what waits, by class or by ring, in places of one array with a free list.

`waiting`: a record with `place`, an array, and `n_used` and `free` (`frames.WAITING_COPIES`); `queue`: its `head` and
`tail`.
Places are counted from 1; 0 is none.
"""

from __future__ import annotations

from hwmodel.compiled.compilation import kernel
from hwmodel.compiled.far_tables import lengthened


@kernel
def take_place(clock, waiting):
    """Return a free place; where there is none, the last is written over, and the run ends."""
    place = waiting.free
    if place > 0:
        waiting.free = waiting.place[place - 1].following
        return place
    if waiting.n_used == len(waiting.place) and not lengthened(waiting.place):
        clock.overflow = 1
        return waiting.n_used
    waiting.n_used += 1
    return waiting.n_used


@kernel
def append(waiting, queue, place):
    """Put a place behind the last of a list."""
    waiting.place[place - 1].following = 0
    if queue.head == 0:
        queue.head = place
    else:
        waiting.place[queue.tail - 1].following = place
    queue.tail = place


@kernel
def take_out(waiting, queue, place, before):
    """Take a place out of a list and free it; `before`: the one before it, 0 if it is the first."""
    entry = waiting.place[place - 1]
    if before == 0:
        queue.head = entry.following
    else:
        waiting.place[before - 1].following = entry.following
    if entry.following == 0:
        queue.tail = before
    entry.following = waiting.free
    waiting.free = place


@kernel
def pop(waiting, queue):
    """Take the first entry out of a list; return it. It stays as it is until its place is taken again."""
    place = queue.head
    take_out(waiting, queue, place, 0)
    return waiting.place[place - 1]
