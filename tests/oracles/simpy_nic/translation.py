"""The host's IOMMU: which pages are translated."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable

import simpy

from .parameters import NicParameters

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
