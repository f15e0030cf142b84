"""Places of frames in bridges, and the lists in which they stand."""

from __future__ import annotations

from hwmodel.compiled.compilation import kernel
from hwmodel.compiled.far_tables import lengthened
from hwmodel.machine.network.bridge_state import NOBODY


@kernel
def take_place(bridge):
    """Return a free place for a frame."""
    place = bridge.first_free
    if place != NOBODY:
        bridge.first_free = bridge.slot[place].following
        return place
    place = bridge.n_used
    if place == len(bridge.slot) - 1 and not lengthened(bridge.slot):
        bridge.clock.overflow = 1  # the last place is written, and nothing read from it: the run ends
        return place
    bridge.n_used += 1
    return place


@kernel
def free_place(bridge, place):
    """Give a frame's place back."""
    bridge.slot[place].following = bridge.first_free
    bridge.first_free = place


@kernel
def let_go(bridge, place):
    """Give up one hold on a frame; with the last its place is free."""
    slot = bridge.slot[place]
    slot.holds -= 1
    if slot.holds == 0:
        free_place(bridge, place)


@kernel
def append(bridge, entries, place):
    """Put a frame behind the last of a list."""
    bridge.slot[place].following = NOBODY
    if entries.first == NOBODY:
        entries.first = place
    else:
        bridge.slot[entries.last].following = place
    entries.last = place


@kernel
def pop(bridge, entries):
    """Take the first frame out of a list; return its place."""
    place = entries.first
    entries.first = bridge.slot[place].following
    return place
