"""What drivers, and agents, do on cores beside frames: jobs (docs/engine.md, "What drivers do beside frames")."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from enum import IntEnum
from functools import partial
from heapq import heappop, heappush
from itertools import count
from typing import NamedTuple

import simpy

from .core import Core, Stalls
from .link import Direction, Purpose, Rank, Transaction
from .memory import HostMemory
from .parameters import DriverJob, NicParameters
from .timing import BEFORE_THE_REST, Phase, later, place
from .writeback import REGISTER_BYTES, access_register


class Op(IntEnum):
    """What a step does."""

    TAKE_CORE = 0
    RELEASE = 1
    WORK = 2
    WAIT = 3
    READ = 4
    WRITE = 5
    DOORBELLS = 6


class End(IntEnum):
    """What is told of a job."""

    LEFT = 0
    FIRST_ARRIVED = 1
    ARRIVED = 2
    RAISED = 3
    GIVEN = 4


class Told(NamedTuple):
    """What has come of a job, and when."""

    at_fs: int
    number: int
    what: End


@dataclass(eq=False)
class _Run:
    """A job under way; its course is sent the time at which what it waits for is over."""

    job: DriverJob
    tells: Callable[[Told], None]
    course: Generator[int | None, int, None] | None = None
    has_core: bool = False
    is_dropped: bool = False
    writes_left: int = 0
    has_written: bool = False


class Jobs:
    """All jobs of one adapter's drivers.

    What is due at an instant comes behind its commands and before all else; what the rest of it has brought (a register
    access that has gone by the queues, a core that is free) behind all of it, idle links having chosen.
    """

    def __init__(
        self,
        env: simpy.Environment,
        parameters: NicParameters,
        link: tuple[Direction, Direction],
        memory: HostMemory,
        drivers: Mapping[int, tuple[Core, NicParameters]],
    ) -> None:
        """Begin with none; `link` is up and down, `drivers` by port: its core, and the parameters of its driver."""
        self._env, self._parameters, self._memory = env, parameters, memory
        self._up, self._down = link
        self._drivers = drivers
        self._runs: list[_Run] = []
        self._due: list[tuple[int, int, Callable[[], None]]] = []
        self._order = count()
        self._came: deque[Callable[[], None]] = deque()
        self._is_going_on = False
        self.told: list[Told] = []

    def begin(self, job: DriverJob, tells: Callable[[Told], None] = lambda _told: None) -> None:
        """Let a job begin, behind all commands of this instant; `tells` is given what is told of it."""
        run = _Run(job, tells, writes_left=sum(step.times for step in job.steps if step.op == Op.WRITE))
        run.course = self._course(run)
        self._runs.append(run)
        self._at(job.from_fs, partial(self._resumes, run))

    def drop(self, port: int) -> None:
        """Drop the driver's jobs of a function that goes; the cores that they have are given back."""
        own = [run for run in self._runs if run.job.port == port and not run.job.is_agents]
        for run in own:
            run.is_dropped = True
            self._runs.remove(run)
        for run in own:
            self._core(run).wants_no_more(run)
            if run.has_core:
                self._release(run)

    # ---- In time ----

    def _at(self, at_fs: int, action: Callable[[], None]) -> None:
        heappush(self._due, (at_fs, next(self._order), action))
        later(self._env, max(0, at_fs - self._env.now), BEFORE_THE_REST, self._go_on)

    def _comes(self, action: Callable[[], None]) -> None:
        """Have something done behind all of this instant; at once behind what is going on by itself."""
        self._came.append(action)
        if not self._is_going_on:
            later(self._env, 0, place(Phase.JOBS), self._go_on)

    def _go_on(self) -> None:
        self._is_going_on = True
        while True:
            if self._came:
                self._came.popleft()()
            elif self._due and self._due[0][0] <= self._env.now:
                heappop(self._due)[2]()
            else:
                break
        self._is_going_on = False

    def _tell(self, run: _Run, what: End) -> None:
        if run.job.tells >> what & 1:
            told = Told(self._env.now, run.job.number, what)
            self.told.append(told)
            run.tells(told)

    # ---- Steps ----

    def _resumes(self, run: _Run, at_fs: int | None = None) -> None:
        if run.is_dropped:
            return
        assert run.course is not None
        try:
            until_fs = next(run.course) if at_fs is None else run.course.send(at_fs)
        except StopIteration:
            return
        self._goes_on_from(run, until_fs)

    def _goes_on_from(self, run: _Run, until_fs: int | None) -> None:
        """Let the course go on at a time, or when it is told; what is over by now goes on at once."""
        if until_fs is None:
            return
        if until_fs <= self._env.now:
            self._resumes(run, until_fs)
        else:
            self._goes_on_at(run, until_fs)

    def _goes_on_at(self, run: _Run, at_fs: int) -> None:
        """Let a course go on at a time, behind what is due then already."""
        self._at(at_fs, partial(self._resumes, run, at_fs))

    def _course(self, run: _Run) -> Generator[int | None, int, None]:
        """Go through the steps; yield until when one lasts, None where the machine says; be sent when it was over."""
        now_fs = run.job.from_fs
        for op, times, time_fs in run.job.steps:
            if op == Op.TAKE_CORE:
                now_fs = yield from self._take(run, now_fs)
                self._tell(run, End.GIVEN)
            elif op == Op.RELEASE:
                self._release(run)
            elif op == Op.WORK:
                now_fs = yield self._worked(now_fs, time_fs)
            elif op == Op.WAIT:
                now_fs = yield now_fs + time_fs
            elif op == Op.READ:
                for _ in range(times):
                    self._read(run, now_fs)
                    now_fs = yield None
            elif op == Op.WRITE:
                for _ in range(times):
                    _, own = self._drivers[run.job.port]
                    now_fs = yield self._worked(now_fs, own.doorbell_time_fs)
                    self._write(run, now_fs)
            else:
                for number in range(times):
                    if number:
                        now_fs = yield now_fs + time_fs
                    access_register((self._up, self._down), self._parameters, run.job.port, is_read=False)
        self._release(run)
        self._runs.remove(run)
        self._tell(run, End.LEFT)

    def _worked(self, from_fs: int, work_fs: int) -> int:
        stalls: Stalls | None = self._parameters.stalls
        return from_fs + work_fs if stalls is None else stalls.until(from_fs, work_fs)

    # ---- The core ----

    def _core(self, run: _Run) -> Core:
        return self._drivers[run.job.port][0]

    def _take(self, run: _Run, now_fs: int) -> Generator[int | None, int, int]:
        if run.has_core:
            return now_fs
        core = self._core(run)
        if core.holds(run, partial(self._given, run)):
            run.has_core = True
            return (yield core.begins_at(now_fs))
        return (yield None)

    def _given(self, run: _Run) -> None:
        run.has_core = True
        self._comes(partial(self._begins_on_core, run))

    def _begins_on_core(self, run: _Run) -> None:
        self._goes_on_at(run, self._core(run).begins_at(self._env.now))

    def _release(self, run: _Run) -> None:
        if run.has_core:
            run.has_core = False
            self._core(run).is_given_back()

    # ---- The link ----

    def _read(self, run: _Run, now_fs: int) -> None:
        self._goes_down(run, now_fs, 0, partial(self._asked, run))

    def _asked(self, run: _Run) -> None:
        """Answer, as a read has come to the adapter."""
        header_bytes = self._parameters.completion_header_bytes
        answered = partial(self._answered, run)
        self._goes_up(run, run.job.port, header_bytes, Rank.REGISTER, Purpose.DOORBELL, answered)

    def _answered(self, run: _Run) -> None:
        self._goes_on_at(run, self._env.now + self._parameters.read_latency_fs)

    def _write(self, run: _Run, now_fs: int) -> None:
        run.writes_left -= 1
        is_first, run.has_written = not run.has_written, True
        self._goes_down(run, now_fs, REGISTER_BYTES, partial(self._written, run, is_first, run.writes_left == 0))

    def _written(self, run: _Run, is_first: bool, is_last: bool) -> None:
        if is_first:
            self._tell(run, End.FIRST_ARRIVED)
        if is_last:
            self._tell(run, End.ARRIVED)
            if run.job.raises is not None:
                raised = partial(self._tell, run, End.RAISED)
                header_bytes = self._parameters.request_header_bytes
                self._goes_up(run, run.job.raises, header_bytes, Rank.MAILBOX_INTERRUPT, Purpose.INTERRUPT, raised)

    def _goes_down(self, run: _Run, now_fs: int, data_bytes: int, came: Callable[[], None]) -> None:
        header_bytes, down = self._parameters.request_header_bytes, self._down
        if down.is_idle:
            life = down.lives[run.job.port]
            there_fs = now_fs + down.fly(header_bytes, data_bytes, Purpose.DOORBELL)

            def lands() -> None:
                down.flown()
                if not (life.is_over or run.is_dropped):
                    came()

            self._at(there_fs, lands)
            return
        received = partial(self._comes, partial(self._unless_dropped, run, came))
        down.enter_posted(
            Transaction(header_bytes, [data_bytes], received, purpose=Purpose.DOORBELL, port=run.job.port)
        )

    def _goes_up(
        self, run: _Run, port: int, header_bytes: int, rank: Rank, purpose: Purpose, came: Callable[[], None]
    ) -> None:
        up = self._up
        received = partial(self._comes, partial(self._unless_dropped, run, came))
        if not up.is_idle:
            up.enter_posted(
                Transaction(header_bytes, [REGISTER_BYTES], received, rank=rank, purpose=purpose, port=port)
            )
            return
        life = up.lives[port]

        def lands() -> None:
            up.flown()
            there = partial(self._unless_dropped, run, lambda: None if life.is_over else came())
            there_fs = self._memory.there_fs(port)
            if there_fs <= self._env.now:
                there()
            else:
                self._at(there_fs, there)

        self._at(self._env.now + up.fly(header_bytes, REGISTER_BYTES, purpose), lands)

    def _unless_dropped(self, run: _Run, action: Callable[[], None]) -> None:
        if not run.is_dropped:
            action()
