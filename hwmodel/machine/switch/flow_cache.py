"""A switch's flow cache: where a frame finds what to do with it.

Two tables, of exact matches and with wildcards, hold what was used last. A frame that is in neither takes the slow
path: at once on the core that switches, or on a core of its own.
"""

from __future__ import annotations

import numpy as np

from hwmodel.compiled.compilation import inlined, kernel, out_of_line
from hwmodel.machine.pcie.links import core_place, is_of_uplink
from hwmodel.machine.switch.flow_cache_state import EXACT_HIT, MISS, WILDCARD_HIT
from hwmodel.machine.time.random_stream import next_u32


@kernel
def unlink(lru, place):
    """Take an entry out of the order of use."""
    entry = lru.entry[place]
    lru.entry[entry.newer].older = entry.older
    lru.entry[entry.older].newer = entry.newer


@inlined
def root_of(lru):
    """Return the entry of no number, at which the list begins and ends."""
    return lru.entry[np.int64(0)]


@kernel
def link_first(lru, place):
    """Make an entry the most recently used."""
    first = root_of(lru).older
    lru.entry[place].older, lru.entry[place].newer = first, 0
    lru.entry[first].newer = place
    root_of(lru).older = place


@kernel
def touch(lru, number):
    """Look a number up and, if it is held, make it the most recently used; return whether it is."""
    place = number + 1
    if lru.entry[place].is_held == 0:
        return False
    unlink(lru, place)
    link_first(lru, place)
    return True


@kernel
def hold(lru, number):
    """Hold a number as the most recently used; evict the least recently used if there is no room."""
    if lru.capacity == 0 or touch(lru, number):
        return
    if lru.n_held == lru.capacity:
        last = root_of(lru).newer
        unlink(lru, last)
        lru.entry[last].is_held = 0
        lru.n_held -= 1
    lru.entry[number + 1].is_held = 1
    link_first(lru, number + 1)
    lru.n_held += 1


@kernel
def wildcard_key(cache, header, flow):
    """Return the number of the entry with wildcards that a connection falls under."""
    if cache.params.by_connection:
        return flow
    first_by_uplink = cache.params.by_uplink
    return header.ends + first_by_uplink * int(flow >= first_by_uplink)


@kernel
def look_up(cache, number, by_uplink):
    """Look up a frame by its header's number, and whether it comes by the uplink; return the stage that knows it.

    Sets `cache.flow` to its connection, drawn where the header has several.
    """
    header = cache.header[number]
    flow = np.int64(header.first) + by_uplink * cache.params.by_uplink
    if header.n > 1:
        flow += (next_u32(cache) * header.n) >> 32
    cache.flow = flow
    cache.is_far = 0
    if cache.near.capacity > 0 and not touch(cache.near, flow):
        cache.is_far = 1
        hold(cache.near, flow)
    if cache.exact.capacity > 0 and touch(cache.exact, flow):
        cache.counts.exact_hits += 1
        return EXACT_HIT
    if cache.wildcard.capacity > 0 and touch(cache.wildcard, wildcard_key(cache, header, flow)):
        cache.counts.wildcard_hits += 1
        hold(cache.exact, flow)
        return WILDCARD_HIT
    cache.counts.misses += 1
    return MISS


@kernel
def learn(cache, number, flow):
    """Enter what the slow path has decided of a connection into both tables."""
    hold(cache.wildcard, wildcard_key(cache, cache.header[number], flow))
    hold(cache.exact, flow)


@kernel
def time_of(cache, stage):
    """Return the time that the core that switches spends on a look-up, up to the stage that knows the frame."""
    params = cache.params
    spent_fs = cache.is_far * params.far_time_fs
    if cache.exact.capacity > 0:
        spent_fs += params.exact_time_fs
    if stage != EXACT_HIT and cache.wildcard.capacity > 0:
        spent_fs += params.wildcard_time_fs
    if stage == MISS and params.n_miss_cores == 0:
        spent_fs += params.miss_time_fs
    return spent_fs


@kernel
def begin_looking(nic, ring):
    """Clear the misses of a ring's piece, which begins; return whether its frames are looked up at all."""
    cache = nic.virtual_switch.flow_cache
    if cache.params.is_on:
        cache.piece[core_place(nic, ring)].n_missed = 0
    return cache.params.is_on


@out_of_line
def look_up_next(nic, ring, at, number):
    """Look up the next frame of a piece that a core begins, by its header's number; return the time that takes."""
    cache = nic.virtual_switch.flow_cache
    stage = look_up(cache, number, int(is_of_uplink(nic, ring)))
    if stage == MISS:
        if cache.params.n_miss_cores == 0:
            learn(cache, number, cache.flow)
        else:
            piece = cache.piece[core_place(nic, ring)]
            missed = piece.missed[piece.n_missed]
            missed.at, missed.flow = at, cache.flow
            piece.n_missed += 1
    return time_of(cache, stage)
