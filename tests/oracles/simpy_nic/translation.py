"""The host's IOMMU: which pages are translated, and when a write passes into memory."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable

import simpy

from .parameters import NicParameters
from .timing import Phase, later, place

PAGE_BYTES = 4096


class Iommu:
    """A cache of translations, the page looked up longest ago replaced first; without entries it takes no time."""

    def __init__(self, env: simpy.Environment, parameters: NicParameters) -> None:
        """Begin with an empty cache."""
        self._env = env
        self._entries = parameters.iotlb_entries
        self._miss_fs = parameters.iotlb_miss_fs
        self._there_fs: OrderedDict[Hashable, int] = OrderedDict()
        self.hits = self.misses = 0
        self._write_latency_fs = parameters.write_latency_fs
        self._last_write_fs = self._in_memory_fs = 0
        self._held = 0

    def wait_fs(self, memory: Hashable, address: int) -> int:
        """Look an address up; return how long its translation takes from now on."""
        if not self._entries:
            return 0
        page = memory, address // PAGE_BYTES
        if page in self._there_fs:
            self.hits += 1
        else:
            self.misses += 1
            if len(self._there_fs) == self._entries:
                self._there_fs.popitem(last=False)
            self._there_fs[page] = self._env.now + self._miss_fs
        self._there_fs.move_to_end(page)
        return max(0, self._there_fs[page] - self._env.now)

    def read_wait_fs(self, memory: Hashable, address: int) -> int:
        """Return how long a read waits from now on: for its translation, and for the writes received before it."""
        return max(self.wait_fs(memory, address), self._in_memory_fs - self._env.now)

    def pass_write(self, wait_fs: int, is_data: bool, passes: Callable[[], None], lands: Callable[[], None]) -> None:
        """Call `passes` when a write that takes this time has passed behind all those before it, `lands` in memory.

        What is no data, an interrupt, takes no time of its own behind its passing.
        """
        self._last_write_fs = max(self._last_write_fs, self._env.now + wait_fs)
        self._in_memory_fs = max(self._in_memory_fs, self._last_write_fs + (self._write_latency_fs if is_data else 0))
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
