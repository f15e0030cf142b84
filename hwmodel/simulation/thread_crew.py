"""Threads that run beside the one that asks, and wait between two pieces of work: each finds its state in its caches.

To wake one takes less than to start one. Each wakes on a processor of its own (thread_places.py), and may move on.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable, Sequence

from hwmodel.simulation.thread_places import bind, places_of, processor_now

Work = Callable[[], object]


class _Desk:
    """Hold what a thread is to do next, None to end, and what came of it if that was an error."""

    def __init__(self) -> None:
        self.work: Work | None = None
        self.error: BaseException | None = None
        self.processor: int | None = None  # on which its last work ended
        self.allowed: Sequence[int] = ()  # the processors on which it may go on, if it was told where to wake
        # Taken until work is there, for which the thread waits; until it is done, for which who asked waits.
        self.begun, self.done = threading.Lock(), threading.Lock()
        self.begun.acquire()
        self.done.acquire()
        # Daemons: nobody has to wait for one where Ctrl-C comes a second time.
        self.thread = threading.Thread(target=_serve, args=(self,), daemon=True)


def _serve(desk: _Desk) -> None:
    while True:
        desk.begun.acquire()
        if desk.work is None:
            return
        if desk.allowed:
            bind(0, desk.allowed)
        try:
            desk.work()
        except BaseException as error:
            desk.error = error
        desk.processor = processor_now()
        desk.done.release()


def _place(desks: list[_Desk]) -> None:
    """Let threads that wait wake where they are not in each other's way, if the system lets them."""
    own = processor_now()
    allowed = [] if own is None else sorted(os.sched_getaffinity(0))
    places = [] if own is None else places_of([desk.processor for desk in desks], own, allowed)
    for desk in desks:
        desk.allowed = ()
    for desk, place in zip(desks, places, strict=False):
        # One that was nowhere yet has a place from the system, which has seen who else runs.
        if desk.processor is not None and bind(desk.thread.native_id or 0, [place]):
            desk.allowed = allowed


def _dismiss(desks: list[_Desk]) -> None:
    """Let all threads that wait end."""
    for desk in desks:
        desk.work = None
        desk.begun.release()
    desks.clear()


class ThreadCrew:
    """Keep threads, as many as were ever needed at once; they end with this object, or when they are dismissed."""

    def __init__(self) -> None:
        self._waiting: list[_Desk] = []
        self._at_work: list[_Desk] = []
        weakref.finalize(self, _dismiss, self._waiting)

    def begin(self, works: list[Work]) -> bool:
        """Let a thread of its own begin each piece of work; return False where the system has no more threads.

        The first piece is the first thread's, each time, and so on.
        """
        try:
            while len(self._waiting) < len(works):
                desk = _Desk()
                desk.thread.start()
                self._waiting.append(desk)
        except RuntimeError:
            return False
        self._at_work = self._waiting[: len(works)]
        del self._waiting[: len(works)]
        _place(self._at_work)
        for desk, work in zip(self._at_work, works, strict=True):
            desk.work = work
            desk.begun.release()
        return True

    def wait(self) -> None:
        """Wait until all that was begun is done, and raise what it raised.

        Whoever is interrupted here never has these threads again.
        """
        at_work, self._at_work = self._at_work, []
        for desk in at_work:
            desk.done.acquire()
            desk.work = None
        self._waiting[:0] = at_work
        for desk in at_work:
            error, desk.error = desk.error, None
            if error is not None:
                raise error

    def dismiss(self) -> None:
        """Let all threads end, and wait until they have; the next work has others."""
        threads = [desk.thread for desk in self._waiting]
        _dismiss(self._waiting)
        for thread in threads:
            thread.join()
