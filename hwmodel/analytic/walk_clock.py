"""The events of the walk of one frame: instants, phases, and the links that choose at the end of each instant.

Written from docs/datapath.md ("Time, instants, ties"), apart from the kernels.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from heapq import heappop, heappush
from typing import Protocol

Action = Callable[[], None]


class Phase(IntEnum):
    """The order of what happens at one instant; the choice of the idle links comes behind all of it."""

    TIMER = 0
    DOWN = 1
    UP = 2
    ADAPTER = 3
    DONE = 4
    READS = 5


def nothing() -> None:
    """Stand for what nobody waits for."""


class Chooser(Protocol):
    """What looks at the end of each instant whether it can go on."""

    def choose(self) -> None:
        """Begin with what is next, if anything can."""


class Clock:
    """Hold the events to come, by time, then phase, then the order of timers, then entry."""

    def __init__(self) -> None:
        self.now_fs = 0
        self.turn = 0
        self.links: list[Chooser] = []
        self._events: list[tuple[int, int, tuple[int, int], int, Action]] = []
        self._n_entered = 0

    def at(self, time_fs: int, phase: Phase, action: Action, order: tuple[int, int] = (0, 0)) -> None:
        """Let an action take place at a time in fs; `order`: of timers of one instant, kind and ring."""
        self._n_entered += 1
        heappush(self._events, (time_fs, phase, order, self._n_entered, action))

    def run(self, until: Callable[[], bool] = lambda: False) -> None:
        """Go on until nothing is to come, or what is asked for is so; idle links choose last in an instant."""
        events = self._events
        while events and not until():
            now_fs = self.now_fs = events[0][0]
            while events and events[0][0] == now_fs:
                heappop(events)[-1]()
            self.turn += 1
            for link in self.links:
                link.choose()
