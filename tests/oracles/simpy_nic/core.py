"""A guest's core: rings have turns, each of a burst; it works in pieces."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from dataclasses import dataclass

import simpy

from .timing import Phase, later, place


class Task(ABC):
    """What a core does for one ring."""

    phase = Phase.DRIVER
    """When its pieces end, among the events of an instant."""

    def __init__(self, ring: tuple[int, int], most_a_turn: int, doorbell_fs: int) -> None:
        """Work for a ring, by port and queue, no more than so many frames a turn."""
        self.port, self.queue = ring
        self.most_a_turn = most_a_turn
        self.doorbell_fs = doorbell_fs
        """What writing a register takes the function's driver."""

    @property
    @abstractmethod
    def has_work(self) -> bool:
        """Whether a frame waits."""

    @abstractmethod
    def begin_piece(self, most: int) -> tuple[int, int]:
        """Return the frames of the next piece, no more than this, and the time before the first of them."""

    @abstractmethod
    def frame_fs(self, behind: int = 0) -> int:
        """Return what the next frame takes, or the one so many behind it."""

    @abstractmethod
    def frame_done(self) -> None:
        """Finish the next frame."""

    @abstractmethod
    def piece_done(self, is_turn_over: bool) -> int:
        """Do what the frames of a piece lead to; return how many registers were written."""


@dataclass(slots=True, eq=False)
class Piece:
    """A piece of work, which has begun as it is chosen."""

    task: Task | None
    """None: its ring has gone, and only its time goes on."""
    frames: int
    """That are not done yet."""
    left: int
    """Frames that its turn may have behind it."""
    frame_ends_fs: int = 0


class Core:
    """Serves the rings that have work in turns."""

    def __init__(self, env: simpy.Environment, start_fs: int) -> None:
        """Begin with nothing to do, and with no piece before `start_fs`."""
        self._env = env
        self._list: deque[Task] = deque()
        """The first has its turn, unless what is being done is of a ring that has gone."""
        self._piece: Piece | None = None
        self._free_fs = start_fs
        """No piece begins before that: the core waits for a register write, or wakes up."""

    @property
    def free_fs(self) -> int:
        """Before when no piece begins."""
        return self._free_fs

    def join(self, task: Task) -> None:
        """Put a ring on the list, if it is not there."""
        if task not in self._list:
            self._enlist(task)
            if self._piece is None:
                self._begin_piece(task, task.most_a_turn)

    def has(self, task: Task) -> bool:
        """Tell whether a ring is on the list."""
        return task in self._list

    def _enlist(self, task: Task) -> None:
        self._list.append(task)

    def interrupt(self, wakeup_fs: int) -> None:
        """Wake up for a function, if there is nothing to do."""
        if self._piece is None and self._free_fs <= self._env.now:
            self._free_fs = self._env.now + wakeup_fs

    def keep(self, time_fs: int) -> None:
        """Do something else for a time, behind the piece that has begun and a register that it writes."""
        if time_fs:
            self._free_fs = max(self._env.now, self._free_fs, self._piece_ends_fs()) + time_fs

    def _piece_ends_fs(self) -> int:
        piece = self._piece
        if piece is None:
            return 0
        if piece.task is None:
            return piece.frame_ends_fs
        return piece.frame_ends_fs + sum(piece.task.frame_fs(behind) for behind in range(1, piece.frames))

    def leave(self, task: Task) -> None:
        """Take a ring off the list; a piece of its work that has begun takes its time, and leads to nothing."""
        if task not in self._list:
            return
        self._list.remove(task)
        piece = self._piece
        if piece is None or piece.task is not task:
            return
        piece.frame_ends_fs = self._piece_ends_fs()
        piece.task = None
        later(
            self._env, piece.frame_ends_fs - self._env.now, place(Phase.DRIVER, task.port, task.queue), self._next_turn
        )

    def _begin_piece(self, task: Task, left: int) -> None:
        """Begin the next piece of a turn that may have so many more frames."""
        frames, before_fs = task.begin_piece(left)
        self._piece = Piece(task, frames, left - frames)
        self._next_frame(task, self._piece, max(self._free_fs - self._env.now, 0) + before_fs)

    def _next_frame(self, task: Task, piece: Piece, before_fs: int) -> None:
        """Do the next frame of a piece."""
        delay_fs = before_fs + (task.frame_fs() if piece.frames else 0)
        piece.frame_ends_fs = self._env.now + delay_fs
        later(self._env, delay_fs, place(task.phase, task.port, task.queue), self._done, piece)

    def _done(self, piece: Piece) -> None:
        task = piece.task
        if task is None:
            return
        if piece.frames:
            task.frame_done()
            piece.frames -= 1
        if piece.frames:
            self._next_frame(task, piece, 0)
            return
        is_turn_over = not (task.has_work and piece.left)
        n_written = task.piece_done(is_turn_over)
        if n_written:
            self._free_fs = max(self._env.now, self._free_fs) + n_written * task.doorbell_fs
        if not is_turn_over:
            self._begin_piece(task, piece.left)
            return
        self._list.popleft()
        if task.has_work:
            self._enlist(task)
        self._next_turn()

    def _next_turn(self) -> None:
        self._piece = None
        if self._list:
            self._begin_piece(self._list[0], self._list[0].most_a_turn)
