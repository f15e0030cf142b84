"""Frames that wait aside for the slow path of a virtual switch, ring by ring, while others pass them."""

from __future__ import annotations

import numpy as np

from hwmodel.compiled.compilation import kernel
from hwmodel.machine.switch.flow_cache import learn
from hwmodel.machine.waiting_lists import append, pop, take_place


@kernel
def miss_place(switch, ring):
    """Return which of the cores of the slow path has the misses of a ring."""
    return ring % switch.flow_cache.params.n_miss_cores


@kernel
def put_aside(clock, switch, ring, frame, flow):
    """Let a frame wait for the slow path; return False where too many do."""
    aside, at = switch.aside, miss_place(switch, ring)
    if aside.n_waiting[at] == switch.flow_cache.params.miss_queue:
        switch.flow_cache.counts.lost += 1
        return False
    aside.n_waiting[at] += 1
    place = take_place(clock, aside)
    one = aside.place[place - 1]
    kept = one.frame
    kept.journey, kept.template, kept.n_bytes = frame.journey, frame.template, frame.n_bytes
    kept.hash, kept.index, kept.queue, kept.is_wire = frame.hash, frame.index, frame.queue, frame.is_wire
    one.flow = flow
    append(aside, aside.of_ring[ring], place)
    return True


@kernel
def take_aside(switch, ring):
    """Take the first frame of a ring that waits, and free its place; enter its connection into the tables."""
    aside = switch.aside
    one = pop(aside, aside.of_ring[ring])
    aside.n_waiting[miss_place(switch, ring)] -= 1
    learn(switch.flow_cache, np.int64(one.frame.template), np.int64(one.flow))
    return one.frame
