"""Which processor a thread wakes on: one to itself, where it was before if that is still free.

The system wakes a thread near the one that wakes it, on the same processor too; a thread that looks at a flag all the
time is moved away from there only after some milliseconds, in which two threads take twice as long as one each.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from functools import cache
from pathlib import Path

STAT = "/proc/self/task/{}/stat"
PROCESSOR_FIELD = 36  # of proc(5)'s stat, counted from behind the name
SIBLINGS = "/sys/devices/system/cpu/cpu{}/topology/thread_siblings_list"


def processor_of(thread: int | None) -> int | None:
    """Return the processor that a thread, by its number in the system, runs on or ran on last; None: it is not told."""
    try:
        behind_the_name = Path(STAT.format(thread)).read_text(encoding="utf-8", errors="replace").rpartition(")")[2]
        return int(behind_the_name.split()[PROCESSOR_FIELD])
    except (OSError, IndexError, ValueError):
        return None


@cache
def siblings_of(processor: int) -> frozenset[int]:
    """Return the processors of the same core: this one, and those that share its units."""
    try:
        parts = Path(SIBLINGS.format(processor)).read_text(encoding="ascii").strip().split(",")
    except OSError:
        return frozenset({processor})
    bounds = [part.partition("-") for part in parts]
    return frozenset(n for first, _, last in bounds for n in range(int(first), int(last or first) + 1)) | {processor}


def place_of(before: int | None, taken: Collection[int | None], allowed: Sequence[int]) -> int | None:
    """Return the processor for a thread: where it was before, or a free one, at best of a core that nobody has.

    Parameters
    ----------
    before
        Where it was last.
    taken
        Where those are with which it will run; None among them, or all that are allowed: there is no place for it.
    allowed
        Those that may be used.
    """
    free = [processor for processor in allowed if processor not in taken]
    if None in taken or not free:
        return None
    if before in free:
        return before
    return next((place for place in free if siblings_of(place).isdisjoint(taken)), free[0])


def bind(thread: int, processors: Sequence[int]) -> bool:
    """Let a thread, by its number in the system (0: this one), run on these processors alone; say if that was done."""
    try:
        os.sched_setaffinity(thread, processors)
    except OSError:  # not allowed here, or the processor is gone
        return False
    return True
