"""Processes that work through a list; if one is killed, only its work on one item is lost.

Each (`worker`) has its own pipe and one item at a time, so it is known which item was under way when it died: that item
is tried again.
"""

from __future__ import annotations

import pickle
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any, NamedTuple

from hwmodel.errors import InputError, RunError
from hwmodel.processes.worker import Worker, copies_are_safe, new_worker

ATTEMPTS = 3  # of an item whose process is killed
MOST_JOBS = 1000
_MOST_FAILED_STARTS = 3


class Done(NamedTuple):
    """What became of an item: its value, or why there is none."""

    number: int
    value: Any
    lost: str = ""


@dataclass
class _Process:
    child: Worker
    connection: Connection
    item: tuple[int, Any] | None = None
    is_ready: bool = False


def check_jobs(jobs: Any) -> None:
    """Raise InputError where there cannot be so many processes at once."""
    if not isinstance(jobs, int) or not 1 <= jobs <= MOST_JOBS:
        raise InputError(f"jobs: {jobs!r} is out of range; 1 to {MOST_JOBS}")


def work_through(
    function: Callable[[Any], Any],
    items: Iterable[Any],
    jobs: int,
    *,
    prepare: Callable[[], None] | None = None,
    attempts: int = ATTEMPTS,
) -> Generator[Done, None, None]:
    """Call `function`, which can be pickled, with each item in one of `jobs` processes; yield outcomes as they come.

    An item whose process is killed is tried again, `attempts` times in all; then its outcome says so in `lost`. What
    `function` raises is raised here. Processes end with the generator, and when this process does, however it ends.
    `prepare`: set-up that each process needs before its first item; done once, here, if the processes are copies.
    """
    if prepare is not None and copies_are_safe():
        prepare()
    pool = _Pool(pickle.dumps(function), enumerate(items), attempts)
    try:
        yield from pool.run(jobs)
    finally:
        pool.close()


class _Pool:
    def __init__(self, work: bytes, items: Iterator[tuple[int, Any]], attempts: int) -> None:
        self._work = work
        self._items = items
        self._again: deque[tuple[int, Any]] = deque()  # items of killed processes
        self._n_lost: dict[int, int] = {}
        self._attempts = attempts
        self._processes: list[_Process] = []
        self._n_failed_starts = 0

    def run(self, jobs: int) -> Iterator[Done]:
        """Yield outcomes until no item is left."""
        while True:
            self._fill(jobs)
            if not self._processes:
                return
            ready = wait([process.connection for process in self._processes])
            for process in [process for process in self._processes if process.connection in ready]:
                yield from self._hear(process)

    def close(self) -> None:
        """End all processes at once."""
        for process in self._processes:
            process.connection.close()
            process.child.kill()
        for process in self._processes:
            process.child.wait()
        self._processes.clear()

    def _next_item(self) -> tuple[int, Any] | None:
        return self._again.popleft() if self._again else next(self._items, None)

    def _fill(self, jobs: int) -> None:
        """Give every process something to do; start those that are missing, end those for which there is nothing."""
        for process in [process for process in self._processes if process.item is None]:
            item = self._next_item()
            if item is None:
                self._end(process)
            else:
                self._give(process, item)
        while len(self._processes) < jobs and (item := self._next_item()) is not None:
            process = self._start()
            self._processes.append(process)
            self._give(process, item)

    def _give(self, process: _Process, item: tuple[int, Any]) -> None:
        process.item = item
        with suppress(OSError):  # where it is gone, `_hear` finds out
            process.connection.send(item)

    def _start(self) -> _Process:
        try:
            child, connection = new_worker()
        except OSError as error:
            raise RunError(f"no process can be started: {error.strerror or error}") from None
        process = _Process(child, connection)
        with suppress(OSError):  # where it is gone already, `_hear` finds out
            process.connection.send_bytes(self._work)
        return process

    def _end(self, process: _Process) -> None:
        process.connection.close()
        process.child.wait()
        self._processes.remove(process)

    def _hear(self, process: _Process) -> Iterator[Done]:
        """Yield what a process says; if it is gone, see that its item is tried again or given up."""
        try:
            said = process.connection.recv()
        except (EOFError, OSError):
            yield from self._bury(process)
            return
        if said is None:
            process.is_ready, self._n_failed_starts = True, 0
            return
        number, value, error = said
        process.item = None
        if error is not None:
            raise error
        yield Done(number, value)

    def _bury(self, process: _Process) -> Iterator[Done]:
        process.connection.close()
        process.child.kill()
        status = process.child.wait()
        self._processes.remove(process)
        if process.item is None:
            return
        number, _ = process.item
        if not process.is_ready:
            self._n_failed_starts += 1
            if self._n_failed_starts >= _MOST_FAILED_STARTS:
                raise RunError(f"processes end before they begin to work ({_how(status)})")
        else:
            self._n_lost[number] = self._n_lost.get(number, 0) + 1
        n_lost = self._n_lost.get(number, 0)
        if n_lost < self._attempts:
            self._again.append(process.item)
        else:
            yield Done(number, None, f"its process ended {n_lost} times while it ran ({_how(status)})")


def _how(status: int) -> str:
    return f"killed by signal {-status}; out of memory?" if status < 0 else f"exit status {status}"
