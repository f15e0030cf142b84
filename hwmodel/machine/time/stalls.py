"""Stalls of a host (`host.stall`): times in which none of its cores does anything, and when work ends that they meet.

A stall is no event: its times are known from the start, so a core's work ends later by those that it meets. Cores that
have nothing to do notice nothing. The adapter, the link and the memory go on.
"""

from __future__ import annotations

from hwmodel.compiled.compilation import inlined, kernel, out_of_line
from hwmodel.compiled.records import ints, record

# Stalls of `for_fs` begin at `first_fs` and every `every_fs` from then on, `NEVER` if there is one; `for_fs` 0: none.
STALL_PARAMS = record(*ints("first_fs", "every_fs", "for_fs"))


@inlined
def works_until(guests, begins_fs, work_fs):
    """Return when a core has done work that it turns to at a time."""
    if guests.params.stall.for_fs == 0:
        return begins_fs + work_fs
    return behind_stalls(guests.params.stall, begins_fs, work_fs)


@out_of_line
def behind_stalls(stall, begins_fs, work_fs):
    """Return when work ends that begins at a time, or at the end of the stall of that time, and goes on behind others.

    Work that ends as a stall begins is done by then; none begins then.
    """
    working_fs = stall.every_fs - stall.for_fs  # from a stall's end to the next one
    since_fs = begins_fs - stall.first_fs
    if since_fs < 0:
        if since_fs + work_fs <= 0:
            return begins_fs + work_fs
        left_fs = since_fs + work_fs  # to be done behind the first stall
        at_fs = stall.first_fs + stall.for_fs
    else:
        at_fs = begins_fs - since_fs % stall.every_fs + stall.for_fs  # the end of the last stall that has begun
        left_fs = max(0, begins_fs - at_fs) + work_fs
    n_more = max(0, left_fs - 1) // working_fs
    return at_fs + left_fs + n_more * stall.for_fs


@inlined
def is_stalled(stall, now_fs):
    """Say whether a host stalls at a time."""
    since_fs = now_fs - stall.first_fs
    return stall.for_fs > 0 and since_fs >= 0 and since_fs % stall.every_fs < stall.for_fs


@kernel
def stalled_fs(stall, at_fs):
    """Return for how long a host has stalled up to a time."""
    since_fs = max(0, at_fs - stall.first_fs)
    n_whole = since_fs // stall.every_fs
    return n_whole * stall.for_fs + min(since_fs - n_whole * stall.every_fs, stall.for_fs)


@inlined
def begins_at(guests, core, now_fs, entry_fs):
    """Return when a core begins the frames of its next piece, behind the entry of an interrupt."""
    return works_until(guests, max(now_fs, core.free_fs, core.awake_fs), entry_fs)
