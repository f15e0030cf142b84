"""The host's memory: in what order writes pass and are there, and what reads wait for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable

import simpy

from .chances import Chances
from .parameters import NicParameters
from .timing import AtHost, Phase, later, place


class WritesBefore:
    """The writes and interrupts that others wait for."""

    def __init__(self) -> None:
        """Begin with none."""
        self.all_passed_fs = 0
        self.all_there_fs = 0
        self.held = 0
        """Actions of theirs that are still to come."""


class HostMemory:
    """Takes what the link brings up, in the order that the configuration asks for."""

    def __init__(self, env: simpy.Environment, parameters: NicParameters, chances: Chances) -> None:
        """Begin with nothing written."""
        self._env = env
        self._is_relaxed = parameters.ordering == "relaxed"
        self._is_by_function = parameters.ordering == "id_based"
        self._read_latency_fs = parameters.read_latency_fs + parameters.remote_latency_fs
        self._write_latency_fs = parameters.write_latency_fs
        self._chances = chances
        self._before: defaultdict[int, WritesBefore] = defaultdict(WritesBefore)

    def write(
        self, port: int, wait_fs: int, passes: Callable[[], None], lands: Callable[[], None], *, is_payload: bool
    ) -> None:
        """Call `passes` and `lands` when a TLP has passed, and is in memory; its translation takes so long."""
        before = self._before_it(port)
        may_pass_fs = self._env.now + wait_fs
        latency_fs = self._write_latency_fs + self._chances.write_fs()
        if not (is_payload and self._is_relaxed):
            self._pass(before, may_pass_fs, latency_fs, passes, lands)
            return
        alone = WritesBefore()
        self._pass(alone, may_pass_fs, latency_fs, passes, lands)
        before.all_passed_fs = max(before.all_passed_fs, alone.all_passed_fs)
        before.all_there_fs = max(before.all_there_fs, alone.all_there_fs)

    def interrupt(self, port: int, passes: Callable[[], None], lands: Callable[[], None]) -> None:
        """Do the same of an interrupt: it is there when those before it are."""
        self._pass(self._before_it(port), self._env.now, 0, passes, lands)

    def there_fs(self, port: int) -> int:
        """Return when all writes are in memory that have come before an interrupt of now."""
        return self._before_it(port).all_there_fs

    def read_wait_fs(self, port: int, wait_fs: int) -> int:
        """Return how long a read waits from now on: so long for its translation, and for the writes before it."""
        return max(wait_fs, self._before_it(port).all_there_fs - self._env.now)

    def read_fs(self) -> int:
        """Return how long the next read takes once it has begun."""
        return self._read_latency_fs + self._chances.read_fs()

    def _before_it(self, port: int) -> WritesBefore:
        return self._before[port if self._is_by_function else 0]

    def _pass(
        self,
        before: WritesBefore,
        may_pass_fs: int,
        latency_fs: int,
        passes: Callable[[], None],
        lands: Callable[[], None],
    ) -> None:
        before.all_passed_fs = max(before.all_passed_fs, may_pass_fs)
        before.all_there_fs = max(before.all_there_fs, before.all_passed_fs + latency_fs)
        self._at(before.all_passed_fs, before, passes)
        self._at(before.all_there_fs, before, lands)

    def _at(self, time_fs: int, before: WritesBefore, action: Callable[[], None]) -> None:
        if time_fs == self._env.now and not before.held:
            action()
            return
        before.held += 1
        later(self._env, time_fs - self._env.now, place(Phase.HOST, AtHost.MEMORY), self._do, before, action)

    def _do(self, before: WritesBefore, action: Callable[[], None]) -> None:
        before.held -= 1
        action()
