"""The switch core's bus: whole frames pass one after the other, ports in turn, by the edges of a clock."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator

import simpy

from .frames import WIRE, Frame
from .timing import AtSwitch, Delay, Phase, later, place

HEADER_BYTES = 26
INGRESS_BYTES = 16384


class Bus:
    """Takes frames at ports; hands each to `passed` when its last word would have been written."""

    def __init__(
        self,
        env: simpy.Environment,
        n_ports: int,
        bus_bits: int,
        cycle_fs: int,
        passed: Callable[[Frame], None],
        number: int = 0,
    ) -> None:
        """Start the arbiter with its pointer at port 0; `number`: of the Ethernet port at which it is."""
        self._env = env
        self._number = number
        self._word_bytes = bus_bits // 8
        self._cycle_fs = cycle_fs
        self._passed = passed
        self._waiting: list[deque[tuple[int, Frame]]] = [deque() for _ in range(n_ports)]
        self._comes = env.event()
        env.process(self._arbitrate())

    def words(self, n_bytes: int) -> int:
        """Return the words that so many bytes take."""
        return max(1, -(-n_bytes // self._word_bytes))

    def put(self, frame: Frame) -> bool:
        """Let a frame ask for the bus; False if it is from the wire and the ingress FIFO lacks the room."""
        waiting = self._waiting[frame.source]
        if frame.source == WIRE:
            words = sum(self.words(each.data_bytes) for _, each in waiting) + self.words(frame.data_bytes)
            if words > INGRESS_BYTES // self._word_bytes:
                return False
        whole_in = -(-self._env.now // self._cycle_fs)
        waiting.append((whole_in + 4, frame))
        if not self._comes.triggered:
            self._comes.succeed()
        return True

    def _arbitrate(self) -> Generator[simpy.Event, None, None]:
        pointer = free = 0
        more_words = self.words(HEADER_BYTES) - 1
        while True:
            while not any(self._waiting):
                self._comes = self._env.event()
                yield self._comes
            grant = max(free, min(waiting[0][0] for waiting in self._waiting if waiting))
            if grant * self._cycle_fs > self._env.now:
                granted_at = place(Phase.SWITCH, AtSwitch.GRANT, self._number)
                yield Delay(self._env, grant * self._cycle_fs - self._env.now, granted_at)
            turns = [(pointer + i) % len(self._waiting) for i in range(len(self._waiting))]
            port = next(p for p in turns if self._waiting[p] and self._waiting[p][0][0] <= grant)
            frame = self._waiting[port].popleft()[1]
            pointer = (port + 1) % len(self._waiting)
            words = self.words(frame.data_bytes)
            free = grant + words
            written_fs = (grant + 11 + more_words + words) * self._cycle_fs
            passed_at = place(Phase.SWITCH, AtSwitch.PASSED_BUS, self._number)
            later(self._env, written_fs - self._env.now, passed_at, self._passed, frame)
