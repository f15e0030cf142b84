"""What is due to agents, in the order of time."""

from __future__ import annotations

from collections import deque
from heapq import heappop, heappush
from typing import Any, NamedTuple

from hwmodel.errors import InputError
from hwmodel.units import format_time_fs

BEHIND_FS = 1  # from what is seen to the first instant at which anything can be changed
MOST_AT_ONCE = 10_000
TOLD = 64  # of the last things, among which what repeats itself is looked for
# The order of what is due at one instant.
BEGIN, END, SEEN, MESSAGE, TIMER = range(5)


def begun_fs(asked_fs: int, told_fs: int) -> int:
    """Return since when a core is had that was asked for: at once where that is told as the job for it is entered."""
    return asked_fs if told_fs == asked_fs + BEHIND_FS else told_fs


class Due(NamedTuple):
    """Say what is due: when, its place among what is due then, to whom, the how manieth of all, and what."""

    at_fs: int
    rank: int
    agent: int
    number: int
    what: Any


class Agenda:
    """Hold what is due; agents that keep each other busy without time passing are stopped."""

    def __init__(self) -> None:
        self._heap: list[Due] = []
        self._n = 0
        self._at_fs, self._n_at_once = -1, 0
        self._lately: deque[str] = deque(maxlen=TOLD)

    def add(self, at_fs: int, rank: int, agent: int, what: Any) -> None:
        """Note what is due to an agent."""
        self._n += 1
        heappush(self._heap, Due(at_fs, rank, agent, self._n, what))

    def next_fs(self, never_fs: int) -> int:
        """Return when the next thing is due, `never_fs` if none is."""
        return self._heap[0].at_fs if self._heap else never_fs

    def take(self) -> Due:
        """Return what is due next, which then is not any more."""
        due = heappop(self._heap)
        if due.at_fs != self._at_fs:
            self._at_fs, self._n_at_once = due.at_fs, 0
        return due

    def note(self, text: str) -> None:
        """Note what is done at this instant; raise InputError, with what repeats itself, if it is too much."""
        self._n_at_once += 1
        if self._n_at_once > MOST_AT_ONCE - TOLD:
            self._lately.append(text)
        if self._n_at_once >= MOST_AT_ONCE:
            last = [*self._lately]
            length = next((n for n in range(1, TOLD // 2) if last[-n:] == last[-2 * n : -n]), 3)
            chain = ", then ".join(last[-length:])
            raise InputError(
                f"agents: {MOST_AT_ONCE:,} things are done at one instant, {format_time_fs(self._at_fs)}, without time "
                f"passing: again and again {chain}; give an agent `work`, or `management` a latency"
            )
