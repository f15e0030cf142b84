"""The adapter's interrupts: what they count, the time between them, and whether the driver has masked them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import simpy

from .link import Direction, Rank
from .parameters import NicParameters
from .timing import later
from .writeback import send_register_write


class Interrupt:
    """One interrupt, of one ring or of two that share it; a ring is told by the rank of its interrupts in P."""

    def __init__(
        self,
        env: simpy.Environment,
        parameters: NicParameters,
        up: Direction,
        port: int,
        timer_place: int,
        batches: dict[Rank, int],
        received: Callable[[int], None],
        *,
        interval_fs: int,
        masks_itself: bool,
    ) -> None:
        """Raise by `batches`, or by a timer with `interval_fs` above 0; `received` gets when it entered P."""
        self._env = env
        self._parameters = parameters
        self._up = up
        self._port = port
        self._timer_place = timer_place
        self._batches = batches
        self._received = received
        self._first_interval_fs = self.interval_fs = interval_fs
        """To the next interrupt; holds from the next one raised on."""
        self._is_timed = interval_fs > 0
        self._idle_from_fs = 0
        """When the timer is."""
        self._n_forgotten = 0
        self._masks_itself = masks_itself
        self._is_masked = False
        self._is_due = False
        self._told_by_none = dict.fromkeys(batches, 0)
        """Counted since the last interrupt."""
        self._not_seen = dict.fromkeys(batches, 0)
        """Counted and neither visible nor free."""

    def count(self, rank: Rank, n: int) -> None:
        """Count what a write-back tells as it enters P."""
        self._told_by_none[rank] += n
        self._not_seen[rank] += n
        if self._told_by_none[rank] >= self._batches[rank]:
            self._is_due = True
            self._look(rank)

    def seen(self, rank: Rank, n: int) -> None:
        """Learn that the host has seen so many, told or not."""
        self._not_seen[rank] -= n

    def unmask(self) -> None:
        """Let it be raised again, and raise it for what the driver has not seen."""
        self._is_masked = False
        self._is_due = any(self._not_seen.values())
        self._told_by_none = dict(self._not_seen)
        self._look(next(iter(self._batches)))

    def forget(self) -> None:
        """Begin anew, unmasked, with nothing counted and no timer."""
        self.interval_fs = self._first_interval_fs
        self._is_masked = self._is_due = False
        self._idle_from_fs = 0
        self._n_forgotten += 1
        self._told_by_none = dict.fromkeys(self._batches, 0)
        self._not_seen = dict.fromkeys(self._batches, 0)

    def _look(self, rank: Rank) -> None:
        if not self._is_due or self._is_masked or self._env.now < self._idle_from_fs:
            return
        self._is_due = False
        self._is_masked = self._masks_itself
        self._told_by_none = dict.fromkeys(self._batches, 0)
        if self._is_timed:
            self._idle_from_fs = self._env.now + self.interval_fs
            later(self._env, self.interval_fs, self._timer_place, self._expire, self._n_forgotten)
        send_register_write(self._up, self._parameters, partial(self._received, self._env.now), rank, self._port)

    def _expire(self, n_forgotten: int) -> None:
        if n_forgotten < self._n_forgotten:
            return
        self._look(next(iter(self._batches)))


ABOVE_LOWEST_BYTES_US, ABOVE_MIDDLE_BYTES_US = 10, 20
NS_FS, US_FS = 10**6, 10**9


class ByteRate:
    """The class of what goes one way, by its bytes between two interrupts."""

    def __init__(self) -> None:
        """Begin in the lowest class."""
        self.n = 0
        self._bytes = 0

    def count(self, n_bytes: int) -> None:
        """Count a frame's bytes."""
        self._bytes += n_bytes

    def judge(self, interval_fs: int) -> None:
        """Go to the class that the bytes of this interval ask for; without bytes nothing is known."""
        bytes_us, self._bytes = self._bytes * US_FS, 0
        if not bytes_us:
            return
        above_lowest = bytes_us > ABOVE_LOWEST_BYTES_US * interval_fs
        above_middle = bytes_us > ABOVE_MIDDLE_BYTES_US * interval_fs
        if self.n == 0:
            self.n = 1 if above_lowest else 0
        elif self.n == 1:
            self.n = 2 if above_middle else 1 if above_lowest else 0
        else:
            self.n = 2 if above_middle else 1


class Adaption:
    """The driver's choice of the time between interrupts, by the bytes that it posts and takes between them."""

    def __init__(self, intervals_fs: Sequence[int]) -> None:
        """Choose among intervals, one for each class."""
        self._intervals_fs = intervals_fs
        self.forget()

    def forget(self) -> None:
        """Begin anew."""
        self.taken, self.posted = ByteRate(), ByteRate()

    def count_posted(self, n_bytes: int) -> None:
        """Count a posted frame's bytes."""
        self.posted.count(n_bytes)

    def next_interval_fs(self, interval_fs: int) -> int:
        """Return the interval that follows this one."""
        interval_fs = interval_fs // NS_FS * NS_FS
        for rate in (self.taken, self.posted):
            rate.judge(interval_fs)
        aim_fs = self._intervals_fs[max(self.taken.n, self.posted.n)] // NS_FS * NS_FS
        return 10 * aim_fs * interval_fs // (9 * aim_fs + interval_fs) // NS_FS * NS_FS
