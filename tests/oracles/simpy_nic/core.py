"""A guest's core: rings have turns, each of a burst."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque

import simpy

from .timing import Phase, later, place


class Task(ABC):
    """What a core does for one ring."""

    def __init__(self, port: int, most_a_turn: int) -> None:
        """Work for the ring of a function, no more than so many frames a turn."""
        self.port = port
        self.most_a_turn = most_a_turn

    @property
    @abstractmethod
    def has_work(self) -> bool:
        """Whether a frame waits."""

    @abstractmethod
    def enter_fs(self) -> int:
        """Return what has to be done before the first frame of a turn that begins."""

    @abstractmethod
    def frame_fs(self) -> int:
        """Return what the next frame takes."""

    @abstractmethod
    def frame_done(self) -> bool:
        """Finish the next frame; tell whether a register was written."""

    @abstractmethod
    def turn_over(self) -> bool:
        """Finish a turn; tell whether a register was written."""


class Core:
    """Serves the rings that have work in turns."""

    def __init__(self, env: simpy.Environment, doorbell_fs: int, wakeup_fs: int) -> None:
        """Begin with nothing to do."""
        self._env = env
        self._doorbell_fs = doorbell_fs
        self._wakeup_fs = wakeup_fs
        self._list: deque[Task] = deque()
        """The first has its turn."""
        self._begins_fs = 0
        """No piece begins before that."""

    def join(self, task: Task) -> None:
        """Put a ring on the list, if it is not there."""
        if task not in self._list:
            self._list.append(task)
            if len(self._list) == 1:
                self._begin_turn()

    def interrupt(self) -> None:
        """Wake up, if there is nothing to do."""
        if not self._list and self._begins_fs <= self._env.now:
            self._begins_fs = self._env.now + self._wakeup_fs

    def _begin_turn(self) -> None:
        task = self._list[0]
        self._work(task, task.most_a_turn, task.enter_fs())

    def _work(self, task: Task, left: int, before_fs: int) -> None:
        """Do the next frame of a turn that may have so many more, and this before it."""
        begins_fs = max(self._begins_fs, self._env.now)
        has_frame = task.has_work
        work_fs = before_fs + (task.frame_fs() if has_frame else 0)
        ends_fs = begins_fs + work_fs
        later(self._env, ends_fs - self._env.now, place(Phase.DRIVER, task.port), self._done, task, left, has_frame)

    def _done(self, task: Task, left: int, has_frame: bool) -> None:
        has_written = task.frame_done() if has_frame else False
        left -= has_frame
        is_over = not (task.has_work and left)
        if is_over:
            has_written |= task.turn_over()
        if has_written:
            self._begins_fs = self._env.now + self._doorbell_fs
        if not is_over:
            self._work(task, left, 0)
            return
        self._list.popleft()
        if task.has_work:
            self._list.append(task)
        if self._list:
            self._begin_turn()
