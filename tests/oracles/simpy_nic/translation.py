"""The host's IOMMU: what an address waits for, and when a write passes into memory."""

from __future__ import annotations

from collections.abc import Callable

import simpy

from .chances import Chances
from .page_walks import PageWalks, Region
from .parameters import NicParameters
from .timing import Phase, later, place


class Iommu:
    """Translates addresses, without a cache in no time; lets writes pass into memory in order."""

    def __init__(self, env: simpy.Environment, parameters: NicParameters) -> None:
        """Begin with nothing under way."""
        self._env = env
        cache = parameters.translation_cache
        self._walks = None if cache is None else PageWalks(env, parameters, cache)
        self.chances = Chances(parameters)
        self._write_latency_fs = parameters.write_latency_fs + parameters.remote_latency_fs
        self._last_write_fs = self._in_memory_fs = 0
        self._held = 0

    @property
    def hits_and_misses(self) -> tuple[int, int]:
        """Return how many look-ups found their page, and how many did not."""
        return (0, 0) if self._walks is None else (self._walks.hits, self._walks.misses)

    def wait_fs(self, memory: Region, address: int, ends_buffer: bool) -> int:
        """Look an address up, the last of its buffer or not; return how long its translation takes from now on."""
        if self._walks is None:
            return 0
        there_fs = self._walks.there_fs(memory, address)
        if ends_buffer:
            self._walks.unmap(memory, address)
        return max(0, there_fs - self._env.now)

    def read_wait_fs(self, memory: Region, address: int, ends_buffer: bool) -> int:
        """Return how long a read waits from now on: for its translation, and for the writes received before it."""
        return max(self.wait_fs(memory, address, ends_buffer), self._in_memory_fs - self._env.now)

    def pass_write(self, wait_fs: int, is_data: bool, passes: Callable[[], None], lands: Callable[[], None]) -> None:
        """Call `passes` when a write that takes this time has passed behind all those before it, `lands` in memory.

        What is no data, an interrupt, takes no time of its own behind its passing.
        """
        self._last_write_fs = max(self._last_write_fs, self._env.now + wait_fs)
        latency_fs = self._write_latency_fs + self.chances.write_fs() if is_data else 0
        self._in_memory_fs = max(self._in_memory_fs, self._last_write_fs + latency_fs)
        self._at(self._last_write_fs, passes)
        self._at(self._in_memory_fs, lands)

    def _at(self, time_fs: int, action: Callable[[], None]) -> None:
        if time_fs == self._env.now and not self._held:
            action()
            return
        self._held += 1
        later(self._env, time_fs - self._env.now, place(Phase.LINK), self._do, action)

    def _do(self, action: Callable[[], None]) -> None:
        self._held -= 1
        action()
