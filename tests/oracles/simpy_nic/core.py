"""A guest's core: rings have turns, each of a burst; it works in pieces."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count

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

    def place_at(self, _at_fs: int) -> int:
        """Return the place among the events of an instant at which a piece ends then."""
        return place(self.phase, self.port, self.queue)

    @property
    @abstractmethod
    def has_work(self) -> bool:
        """Whether a frame waits."""

    @property
    def may_go(self) -> bool:
        """Whether nothing keeps its next frame."""
        return True

    @property
    def comes_first(self) -> bool:
        """Whether it comes before all others that do not."""
        return False

    @property
    def is_owed(self) -> bool:
        """Whether it comes before others: its function has had less than its guarantee."""
        return False

    @property
    def is_spent(self) -> bool:
        """Whether what its turn has left is too little for its next frame."""
        return False

    def begin_turn(self) -> int:
        """Have a turn; return of how many frames at most."""
        return self.most_a_turn

    def begin_owed_piece(self) -> tuple[int, int]:
        """Do as `begin_piece`, for what is owed."""
        raise NotImplementedError

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
    is_owed: bool = False
    """It is for a guarantee, and no part of a turn."""
    frame_ends_fs: int = 0


@dataclass(frozen=True)
class Stalls:
    """When none of a host's cores works."""

    first_fs: int
    length_fs: int
    every_fs: int | None
    """None: it stalls once."""

    def until(self, from_fs: int, work_fs: int) -> int:
        """Return when work ends that is turned to at a time, stall by stall."""
        at_fs, left_fs = from_fs, work_fs
        for number in count() if self.every_fs else (0,):
            begins_fs = self.first_fs + number * (self.every_fs or 0)
            if at_fs < begins_fs:
                if at_fs + left_fs <= begins_fs:
                    break
                left_fs -= begins_fs - at_fs
            at_fs = max(at_fs, begins_fs + self.length_fs)
        return at_fs + left_fs


class Core:
    """Serves the rings that have work in turns."""

    def __init__(self, env: simpy.Environment, start_fs: int, stalls: Stalls | None = None) -> None:
        """Begin with nothing to do, and with no piece before `start_fs`; it works when its host does not stall."""
        self._env = env
        self._stalls = stalls
        self._list: deque[Task] = deque()
        """The first that may go has its turn, unless what is being done is of a ring that has gone."""
        self._left: dict[Task, int] = {}
        """Frames of turns that have begun."""
        self._piece: Piece | None = None
        self._free_fs = start_fs
        """No piece begins before that: the core waits for a register write, or wakes up."""
        self._holder: object | None = None
        """Who has the core for something else than pieces."""
        self._want: deque[tuple[object, Callable[[], None]]] = deque()

    @property
    def free_fs(self) -> int:
        """Before when no piece begins."""
        return self._free_fs

    def begins_fs(self, before_fs: int = 0) -> int:
        """Return when the frames of a piece begin that is chosen now, so much of its work behind its start."""
        return self._until(max(self._env.now, self._free_fs), before_fs)

    def _until(self, from_fs: int, work_fs: int) -> int:
        return from_fs + work_fs if self._stalls is None else self._stalls.until(from_fs, work_fs)

    def join(self, task: Task) -> None:
        """Put a ring on the list, if it is not there."""
        if task not in self._list:
            self._enlist(task)
            self.look()

    def has(self, task: Task) -> bool:
        """Tell whether a ring is on the list."""
        return task in self._list

    @property
    def waiting(self) -> tuple[Task, ...]:
        """The rings that have work, the one whose turn it is among them."""
        return tuple(self._list)

    def _enlist(self, task: Task) -> None:
        self._list.append(task)

    def begins_at(self, now_fs: int) -> int:
        """Return when who has got the core begins, from a time on."""
        return self._until(max(now_fs, self._free_fs), 0)

    def holds(self, who: object, given: Callable[[], None]) -> bool:
        """Let somebody have the core; tell whether that is at once, else `given` is called as it is."""
        if self._piece is None and self._holder is None:
            self._holder = who
            return True
        self._want.append((who, given))
        return False

    def wants_no_more(self, who: object) -> None:
        """Let somebody wait no more."""
        self._want = deque(each for each in self._want if each[0] is not who)

    def is_given_back(self) -> None:
        """Go on, as the core is given back, with who waits for it, then with rings."""
        self._holder = None
        self._next_turn()

    def interrupt(self, wakeup_fs: int) -> None:
        """Wake up for a function, if there is nothing to do."""
        if self._piece is None and self._holder is None and self._free_fs <= self._env.now:
            self._free_fs = self._env.now + wakeup_fs

    def leave(self, task: Task) -> None:
        """Take a ring off the list; a piece of its work that has begun takes its time, and leads to nothing."""
        if task not in self._list:
            return
        self._list.remove(task)
        self._left.pop(task, None)
        piece = self._piece
        if piece is None or piece.task is not task:
            return
        left_fs = sum(task.frame_fs(behind) for behind in range(1, piece.frames))
        piece.frame_ends_fs = self._until(piece.frame_ends_fs, left_fs)
        piece.task = None
        later(
            self._env, piece.frame_ends_fs - self._env.now, place(Phase.DRIVER, task.port, task.queue), self._next_turn
        )

    def look(self) -> bool:
        """Begin a piece, if none has begun and there is one that may: of a guarantee, or of a turn. Say if one has."""
        if self._piece is not None or self._holder is not None:
            return False
        can_go = [task for task in self._list if task.may_go]
        can_go = [task for task in can_go if task.comes_first] or can_go
        owed = [task for task in can_go if task.is_owed]
        if owed:
            task = owed[0]
            frames, before_fs = task.begin_owed_piece()
        elif can_go:
            task = can_go[0]
            if task not in self._left:
                self._left[task] = task.begin_turn()
            frames, before_fs = task.begin_piece(self._left[task])
            self._left[task] -= frames
        else:
            return False
        self._piece = Piece(task, frames, bool(owed))
        self._next_frame(task, self._piece, max(self._env.now, self._free_fs), before_fs)
        return True

    def _next_frame(self, task: Task, piece: Piece, from_fs: int, before_fs: int) -> None:
        """Do the next frame of a piece, behind something else."""
        piece.frame_ends_fs = self._until(from_fs, before_fs + (task.frame_fs() if piece.frames else 0))
        later(self._env, piece.frame_ends_fs - self._env.now, task.place_at(piece.frame_ends_fs), self._done, piece)

    def _done(self, piece: Piece) -> None:
        task = piece.task
        if task is None:
            return
        if piece.frames:
            task.frame_done()
            piece.frames -= 1
        if piece.frames:
            self._next_frame(task, piece, self._env.now, 0)
            return
        is_turn_over = task.is_spent or not self._left.get(task)
        if piece.is_owed:
            is_turn_over = task in self._left and task.is_spent
        is_turn_over = is_turn_over or not task.has_work
        n_written = task.piece_done(is_turn_over)
        if n_written:
            self._free_fs = self._until(max(self._env.now, self._free_fs), n_written * task.doorbell_fs)
        if is_turn_over:
            self._list.remove(task)
            self._left.pop(task, None)
            if task.has_work:
                self._enlist(task)
        self._next_turn()

    def _next_turn(self) -> None:
        self._piece = None
        if self._want:
            self._holder, given = self._want.popleft()
            given()
        else:
            self.look()
