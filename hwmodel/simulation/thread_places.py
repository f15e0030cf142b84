"""Which processor each of several threads wakes on: one to itself, where it was before if that is still free.

The system wakes a thread near the one that wakes it, on the same processor too; a thread that looks at a flag all the
time is moved away from there only after some milliseconds, in which two threads take twice as long as one each.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

SIBLINGS = "/sys/devices/system/cpu/cpu{}/topology/thread_siblings_list"


def _get_cpu() -> Callable[[], int] | None:
    try:
        return ctypes.CDLL(None).sched_getcpu
    except (AttributeError, OSError, TypeError):
        return None  # only Linux tells


_GET_CPU = _get_cpu()


def processor_now() -> int | None:
    """Return the number of the processor on which this thread runs, None where the system does not tell."""
    found = -1 if _GET_CPU is None else _GET_CPU()
    return None if found < 0 else found


@cache
def siblings_of(processor: int) -> frozenset[int]:
    """Return the processors of the same core: this one, and those that share its units."""
    try:
        parts = Path(SIBLINGS.format(processor)).read_text(encoding="ascii").strip().split(",")
    except OSError:
        return frozenset({processor})
    bounds = [part.partition("-") for part in parts]
    return frozenset(n for first, _, last in bounds for n in range(int(first), int(last or first) + 1)) | {processor}


def places_of(before: Sequence[int | None], own: int, allowed: Sequence[int]) -> list[int]:
    """Return a processor for each thread: where it was before, or a free one, at best of a core that nobody has.

    Parameters
    ----------
    before
        Where each was; None: nowhere yet.
    own
        Where the thread is that wakes the others, and goes on beside them.
    allowed
        Those that may be used; with fewer than there are threads the result is empty.
    """
    if len(allowed) <= len(before):
        return []
    places: dict[int, int] = {}
    taken = {own}
    for number, place in enumerate(before):
        if place is not None and place in allowed and place not in taken:
            places[number] = place
            taken.add(place)
    for number in range(len(before)):
        if number not in places:
            free = [place for place in allowed if place not in taken]
            places[number] = next((place for place in free if not siblings_of(place) & taken), free[0])
            taken.add(places[number])
    return [places[number] for number in range(len(before))]


def bind(thread: int, processors: Sequence[int]) -> bool:
    """Let a thread, by its number in the system (0: this one), run on these processors alone; say if that was done."""
    try:
        os.sched_setaffinity(thread, processors)
    except OSError:  # not allowed here, or the processor is gone
        return False
    return True
