"""Pending events: a few lanes that are sorted by construction, and one small heap for timers.

A FIFO server with a constant delay emits its events in time order, so what is pending behind it is a sorted ring. The
next event is the least of the lane heads; at one instant the lower lane goes first.
"""

from __future__ import annotations

import numpy as np

from hwmodel.compiled.compilation import inlined, kernel, out_of_line
from hwmodel.compiled.records import NEVER
from hwmodel.machine.time.clock import (
    DOWN_DONE,
    FIRST_RARE_LANE,
    HEAP_CAP,
    LANE_CAP,
    LANES,
    TIMERS,
)

KEY_SEQUENCE_BITS = 40
KEY_INDEX_BITS = 16


@inlined
def first_of_links(clock):
    """Return the time of the next event of the links' own lanes."""
    first_fs = clock.next_at[DOWN_DONE]
    for lane in range(DOWN_DONE + 1, FIRST_RARE_LANE):
        first_fs = min(first_fs, clock.next_at[lane])
    return first_fs


@inlined
def first_elsewhere(clock):
    """Return the time of the next event of all other lanes."""
    return min(clock.next_at[TIMERS], clock.rare_at)


@inlined
def link_lane(clock, now_fs):
    """Return the first of the links' own lanes that has an event now, or the first of the rare ones."""
    for lane in range(DOWN_DONE, FIRST_RARE_LANE):
        if clock.next_at[lane] == now_fs:
            return lane
    return FIRST_RARE_LANE


@kernel
def rare_lane(clock):
    """Return the first of the rare lanes that has the next of their events."""
    lane = FIRST_RARE_LANE
    while clock.next_at[lane] != clock.rare_at:
        lane += 1
    return lane


@inlined
def first_rare(clock):
    """Return the time of the next event of all rare lanes."""
    first_fs = clock.next_at[FIRST_RARE_LANE]
    for lane in range(FIRST_RARE_LANE + 1, LANES):
        first_fs = min(first_fs, clock.next_at[lane])
    return first_fs


@inlined
def set_next(clock, lane, at_fs):
    """Say when a lane's first event is; `NEVER` if it has none."""
    before_fs = clock.next_at[lane]
    clock.next_at[lane] = at_fs
    if lane >= FIRST_RARE_LANE:
        if at_fs <= clock.rare_at:
            clock.rare_at = at_fs
        elif before_fs == clock.rare_at:
            clock.rare_at = first_rare(clock)


@kernel
def first_fs(lane):
    """Return when the first entry of a ring in the order of time is due, `NEVER` where there is none."""
    if lane.head == lane.tail:
        return np.int64(NEVER)
    return lane.ring[lane.head & (len(lane.ring) - 1)].at_fs


@inlined
def insert(lane, at_fs, word):
    """Put an event into a lane; one that comes before the last ones (jitter) moves ahead of them."""
    position = lane.tail
    while position > lane.head and lane.ring[(position - 1) & (LANE_CAP - 1)].at_fs > at_fs:
        lane.ring[position & (LANE_CAP - 1)] = lane.ring[(position - 1) & (LANE_CAP - 1)]
        position -= 1
    entry = lane.ring[position & (LANE_CAP - 1)]
    entry.at_fs = at_fs
    entry.word = word
    lane.tail += 1
    return position


@kernel
def append(clock, lane_id, at_fs, word):
    """Put an event into its lane, which may be the next that happens."""
    lane = clock.lane[lane_id]
    if insert(lane, at_fs, word) == lane.head:
        set_next(clock, lane_id, at_fs)
    if lane.tail - lane.head >= LANE_CAP:
        clock.overflow = 1


@kernel
def take_first(clock, lane_id):
    """Remove a lane's first event and return its word."""
    lane = clock.lane[lane_id]
    word = lane.ring[lane.head & (LANE_CAP - 1)].word
    lane.head += 1
    set_next(clock, lane_id, first_fs(lane))
    return word


@out_of_line
def set_timer(clock, at_fs, kind, index):
    """Enter a timer; those of one instant go by kind, then index, then age."""
    # Interpreted, `index` may be a numpy integer of 32 bits, and the key would overflow it.
    word = (kind << KEY_INDEX_BITS) | int(index)
    key = (word << KEY_SEQUENCE_BITS) | (clock.seq & ((1 << KEY_SEQUENCE_BITS) - 1))
    clock.seq += 1
    if clock.heap_n == HEAP_CAP:
        clock.overflow = 1
        return
    child = clock.heap_n
    clock.heap_n += 1
    heap = clock.heap
    while child > 0:
        parent = (child - 1) >> 1
        above = heap[parent]
        if above.at_fs < at_fs or (above.at_fs == at_fs and above.key < key):
            break
        entry = heap[child]
        entry.at_fs = above.at_fs
        entry.key = above.key
        child = parent
    entry = heap[child]
    entry.at_fs = at_fs
    entry.key = key
    clock.next_at[TIMERS] = heap[0].at_fs


@kernel
def take_timer(clock):
    """Remove the earliest timer; return its kind and its index."""
    heap = clock.heap
    word = heap[0].key >> KEY_SEQUENCE_BITS
    kind, index = word >> KEY_INDEX_BITS, word & ((1 << KEY_INDEX_BITS) - 1)
    clock.heap_n -= 1
    n = clock.heap_n
    if n == 0:
        clock.next_at[TIMERS] = NEVER
        return kind, index
    at_fs = heap[n].at_fs
    key = heap[n].key
    parent = 0
    while True:
        child = 2 * parent + 1
        if child >= n:
            break
        if child + 1 < n:
            left = heap[child]
            right = heap[child + 1]
            if right.at_fs < left.at_fs or (right.at_fs == left.at_fs and right.key < left.key):
                child += 1
        below = heap[child]
        if at_fs < below.at_fs or (at_fs == below.at_fs and key < below.key):
            break
        entry = heap[parent]
        entry.at_fs = below.at_fs
        entry.key = below.key
        parent = child
    entry = heap[parent]
    entry.at_fs = at_fs
    entry.key = key
    clock.next_at[TIMERS] = heap[0].at_fs
    return kind, index
