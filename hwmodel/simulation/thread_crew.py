"""Threads that run beside the one that asks, each with its own kind of work: it finds what it needs in its caches.

To wake one takes less than to start one. Each wakes on a processor of its own (thread_places.py) and may move on.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable, Sequence

from hwmodel.simulation.thread_places import bind, place_of, processor_of

Work = Callable[[], object]


class _Desk:
    """Hold what a thread is to do next, None to end, and what came of it if that was an error."""

    def __init__(self) -> None:
        self.work: Work | None = None
        self.error: BaseException | None = None
        self.is_at_work = False  # or what came of it has not been asked for
        self.allowed: Sequence[int] = ()  # the processors on which it may go on, if it was told where to wake
        # Taken until work is there, for which the thread waits; until it is done, for which who asked waits.
        self.begun, self.done = threading.Lock(), threading.Lock()
        self.begun.acquire()
        self.done.acquire()
        # Daemons: nobody has to wait for one where Ctrl-C comes a second time.
        self.thread = threading.Thread(target=_serve, args=(self,), daemon=True)

    def end_of_work(self) -> None:
        """Wait until the thread is done, and raise what it raised."""
        if self.is_at_work:
            self.done.acquire()
            self.is_at_work = False
            error, self.error = self.error, None
            if error is not None:
                raise error


def _serve(desk: _Desk) -> None:
    while True:
        desk.begun.acquire()
        work, desk.work = desk.work, None
        if work is None:
            return
        if desk.allowed:
            bind(0, desk.allowed)
        try:
            work()
        except BaseException as error:
            desk.error = error
        del work
        desk.done.release()


def _dismiss(desks: list[_Desk]) -> None:
    """Let all threads that wait end."""
    for desk in desks:
        desk.work = None
        if desk.begun.locked():  # else it has not seen yet that it had work
            desk.begun.release()
    desks.clear()


class ThreadCrew:
    """Keep threads, as many as were ever needed; they end with this object, or when they are dismissed."""

    def __init__(self) -> None:
        self._desks: list[_Desk] = []
        weakref.finalize(self, _dismiss, self._desks)

    def begin(self, number: int, work: Work) -> bool:
        """Let a thread, numbered from 0 on, begin its work; return False where the system has no more threads.

        It is waited for until it has done what it had to do before, and what that raised is raised.
        """
        try:
            while len(self._desks) <= number:
                desk = _Desk()
                desk.thread.start()
                self._desks.append(desk)
        except RuntimeError:
            return False
        desk = self._desks[number]
        desk.end_of_work()
        self._place(desk)
        desk.work, desk.is_at_work = work, True
        desk.begun.release()
        return True

    def wait(self) -> None:
        """Wait until all that was begun is done, and raise what it raised first."""
        for desk in self._desks:
            desk.end_of_work()

    def dismiss(self) -> None:
        """Let all threads end when they have done what was begun, and wait for it; the next work has others."""
        self.wait()
        threads = [desk.thread for desk in self._desks]
        _dismiss(self._desks)
        for thread in threads:
            thread.join()

    def _place(self, desk: _Desk) -> None:
        """Let a thread that waits wake where it is in nobody's way, if the system lets it."""
        allowed = sorted(os.sched_getaffinity(0))
        others = [processor_of(each.thread.native_id) for each in self._desks if each.is_at_work]
        taken = {processor_of(threading.get_native_id()), *others}
        place = place_of(processor_of(desk.thread.native_id), taken, allowed)
        desk.allowed = () if place is None or not bind(desk.thread.native_id or 0, [place]) else allowed
