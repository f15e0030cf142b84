"""Threads that run beside the one that asks, and wait between two pieces of work: each finds its state in its caches.

To wake one takes less than to start one, and it tends to wake on the core that it was on.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable

Work = Callable[[], object]


class _Desk:
    """Hold what a thread is to do next, None to end, and what came of it if that was an error."""

    def __init__(self) -> None:
        self.work: Work | None = None
        self.error: BaseException | None = None
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
        try:
            desk.work()
        except BaseException as error:
            desk.error = error
        desk.done.release()


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
        """Let a thread of its own begin each piece of work; return False where the system has no more threads."""
        try:
            while len(self._waiting) < len(works):
                desk = _Desk()
                desk.thread.start()
                self._waiting.append(desk)
        except RuntimeError:
            return False
        for work in works:
            desk = self._waiting.pop()
            self._at_work.append(desk)
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
            self._waiting.append(desk)
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
