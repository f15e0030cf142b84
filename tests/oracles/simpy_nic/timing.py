"""Delays that know their place in an instant, and the FIFO server."""

from __future__ import annotations

from collections.abc import Callable, Generator
from enum import IntEnum
from functools import cache
from typing import Any

import simpy

FIRST_PLACE = 2
"""SimPy's own 0 and 1 come before all that has a place."""
FIRST_IN_RUN = 0
"""As processes of SimPy begin."""
BEFORE_THE_REST: Any = 0.5
"""Behind the commands of an instant, which come as SimPy's run ends there, and before all else of it."""
BEHIND_THE_EVENT = 1
"""What an event leads to once all else of it is done, before all that has a place in the instant."""
LAST_PORT = 255
"""Behind all ports in a phase."""


class Phase(IntEnum):
    """Order of what happens at one instant: behind commands docs/datapath/time.md, idle links, docs/bridge.md."""

    COMMANDED = 0
    DRIVER = 1
    SWITCHING = 2
    RX_TIMERS = 3
    TX_TIMERS = 4
    RECEIVE_TIMERS = 5
    FLOW_TIMERS = 6
    LINK = 7
    READS = 8
    SWITCH = 9
    HOST = 10
    CHOICE = 11
    BRIDGE_SENDS = 12
    BRIDGE_HAS_TOLD = 13
    BRIDGE_STOPS = 14
    BRIDGE_RESUMES = 15
    BRIDGE_REFRESHES = 16
    BRIDGE_FORWARDS = 17
    JOBS = 18
    MEASURE = 19


class AtLink(IntEnum):
    """Order at the link within an instant: what has been sent comes before what flies."""

    DOWN = 0
    ANSWER = 1
    UP = 2
    DOWN_LANDS = 3


class AtHost(IntEnum):
    """Order at the host within an instant, of what comes after the time of flight and later."""

    UP_LANDS = 0
    MEMORY = 1
    CREDITS = 2
    KICKS = 3
    NOTICES = 4


class AtSwitch(IntEnum):
    """Order at the switch within an instant."""

    PIPELINE = 0
    GRANT = 1
    PASSED_BUS = 2
    LINE_BRINGS = 3
    WIRE_HAS_SENT = 4


@cache
def place(phase: Phase, port: int = 0, ring: int = 0) -> int:
    """Return the SimPy priority of a phase, ports and their rings in order."""
    return (phase * 256 + port) * 16 + ring + FIRST_PLACE


def lot(at_fs: int, number: int, n: int = 64) -> int:
    """Return which of n lots a peer draws at an instant (docs/datapath/time.md, "Time, instants, ties")."""
    x = (at_fs + at_fs // 999_983 + 104_729 * number) % 999_983
    return x**3 % 999_983 * 64 // 999_983 * n // 64


def passing_place(at_fs: int, number: int, *, is_aside: bool = False) -> int:
    """Return the place at which a piece of the virtual switch for a ring ends, or of its slow path: by lot."""
    assert number < 64
    own = lot(at_fs, number + 1024 * is_aside, 32)
    return place(Phase.SWITCHING) + own * 128 + number + 64 * is_aside


class Delay(simpy.Event):
    """A timeout whose place among the events of its instant is given."""

    def __init__(self, env: simpy.Environment, delay_fs: int, at_place: int) -> None:
        """Schedule the event `delay_fs` from now."""
        self.env = env
        self.callbacks = []
        self._ok = True
        self._value = None
        env.schedule(self, at_place, delay_fs)


def later(env: simpy.Environment, delay_fs: int, at_place: int, action: Callable[..., None], *arguments: Any) -> None:
    """Call `action(*arguments)` after a delay."""
    env.schedule(Call(action, arguments), at_place, delay_fs)


class Call:
    """What is done at an instant, for which no process waits: as much of an event as SimPy asks for."""

    __slots__ = "action", "arguments", "callbacks"
    _ok = True

    def __init__(self, action: Callable[..., None], arguments: tuple[Any, ...]) -> None:
        """Have an action called with arguments."""
        self.action = action
        self.arguments = arguments
        self.callbacks = _CALLED

    def call(self) -> None:
        """Do it."""
        self.action(*self.arguments)


_CALLED = (Call.call,)


def fs_of_bytes(n_bytes: int, fs_per_byte: tuple[int, int]) -> int:
    """Return the whole femtoseconds that bytes take at an exact ratio, rounded down."""
    return n_bytes * fs_per_byte[0] // fs_per_byte[1]


class FifoServer:
    """Serves jobs one at a time in order of arrival, then calls `done(job, waited_fs)`."""

    def __init__(
        self,
        env: simpy.Environment,
        service_fs: Callable[[Any], int],
        place_of: Callable[[Any], int],
        done: Callable[[Any, int], None],
        began: Callable[[Any], None] = lambda _job: None,
    ) -> None:
        """Start the server's process; `began(job)` is called as a job's service begins."""
        self._env = env
        self._service_fs = service_fs
        self._place_of = place_of
        self._done = done
        self._began = began
        self._jobs = simpy.Store(env)
        env.process(self._serve())

    def put(self, job: Any) -> None:
        """Let a job join the queue."""
        self._jobs.put((self._env.now, job))

    def _serve(self) -> Generator[simpy.Event, Any, None]:
        while True:
            joined_fs, job = yield self._jobs.get()
            waited_fs = self._env.now - joined_fs
            self._began(job)
            yield Delay(self._env, self._service_fs(job), self._place_of(job))
            self._done(job, waited_fs)
