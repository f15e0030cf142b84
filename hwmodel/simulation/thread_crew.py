"""Threads that run beside the one that asks, and wait between two pieces of work: each finds its state in its caches.

To wake one takes less than to start one, and it tends to wake on the core that it was on.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock, Thread

Work = Callable[[], object]


def _locked() -> Lock:  # type: ignore[valid-type]
    lock = Lock()
    lock.acquire()
    return lock


@dataclass
class _Desk:
    """Hold what a thread is to do next, None to end, and two locks: one it waits for, one its work's end frees."""

    thread: Thread | None = None
    work: Work | None = None
    begun: Lock = field(default_factory=_locked)  # type: ignore[valid-type]
    done: Lock = field(default_factory=_locked)  # type: ignore[valid-type]


def _serve(desk: _Desk) -> None:
    while True:
        desk.begun.acquire()
        if desk.work is None:
            return
        try:
            desk.work()
        finally:
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
        self._desks: list[_Desk] = []
        self._at_work: list[_Desk] = []
        weakref.finalize(self, _dismiss, self._desks)

    def begin(self, works: list[Work]) -> bool:
        """Let a thread of its own begin each piece of work; return False where the system has no more threads."""
        try:
            while len(self._desks) < len(works):
                desk = _Desk()
                # Daemons: nobody has to wait for one where Ctrl-C comes a second time.
                desk.thread = Thread(target=_serve, args=(desk,), daemon=True)
                desk.thread.start()
                self._desks.append(desk)
        except RuntimeError:
            return False
        for work in works:
            desk = self._desks.pop()
            self._at_work.append(desk)
            desk.work = work
            desk.begun.release()
        return True

    def wait(self) -> None:
        """Wait until all that was begun is done; who is interrupted here never uses these threads again."""
        at_work, self._at_work = self._at_work, []
        for desk in at_work:
            desk.done.acquire()
            desk.work = None
            self._desks.append(desk)

    def dismiss(self) -> None:
        """Let all threads end, and wait for it; the next work has others."""
        threads = [desk.thread for desk in self._desks]
        _dismiss(self._desks)
        for thread in threads:
            if thread is not None:
                thread.join()
