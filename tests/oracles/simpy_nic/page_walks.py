"""The IOMMU's cache of translations: entries, walkers, the lines of the table, and what is dropped as buffers go."""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Hashable
from dataclasses import dataclass

import simpy

from .parameters import NicParameters, TranslationCache

PAGES_A_LINE = 8
Region = tuple[str, int, int]
"""What lies in pages of its own: a kind of memory, the port and the queue whose it is."""


@dataclass(slots=True, eq=False)
class Walk:
    """A page whose translation is there from a time on."""

    region: Region
    page: int
    there_fs: int
    is_dropped: bool = False

    @property
    def name(self) -> tuple[Region, int]:
        """Return the page among all pages."""
        return self.region, self.page


class Entries:
    """Some entries of the cache, the page looked up longest ago replaced first."""

    def __init__(self, n_entries: int) -> None:
        """Begin with nothing."""
        self._n_entries = n_entries
        self.walks: OrderedDict[Hashable, Walk] = OrderedDict()

    def look_up(self, name: Hashable) -> Walk | None:
        """Find a page, which is then the one looked up last."""
        if name in self.walks:
            self.walks.move_to_end(name)
        return self.walks.get(name)

    def enter(self, walk: Walk) -> None:
        """Enter a page as the one looked up last."""
        if len(self.walks) == self._n_entries:
            self.walks.popitem(last=False)
        self.walks[walk.name] = walk

    def leave(self, name: Hashable) -> Walk | None:
        """Give up a page, if it is held."""
        return self.walks.pop(name, None)


class PageTable:
    """How long a walk takes: less where the line of the table is held."""

    def __init__(self, cache: TranslationCache) -> None:
        """Begin with no line."""
        self._cache = cache
        self._lines: OrderedDict[Hashable, None] = OrderedDict()

    def walk_fs(self, region: Region, page: int) -> int:
        """Use the line of a page; return the time of its walk."""
        line = region, page // PAGES_A_LINE
        is_held = line in self._lines
        if is_held:
            self._lines.move_to_end(line)
        else:
            self._hold(line)
        near_miss_fs = self._cache.near_miss_fs
        if not is_held:
            return self._cache.miss_fs
        return self._cache.miss_fs * 9 // 10 if near_miss_fs is None else near_miss_fs

    def _hold(self, line: Hashable) -> None:
        self._lines[line] = None
        if len(self._lines) > self._cache.walk_lines:
            self._lines.popitem(last=False)


class PageWalks:
    """Looks pages up, for a cache that is there."""

    def __init__(self, env: simpy.Environment, parameters: NicParameters, cache: TranslationCache) -> None:
        """Begin with an empty cache and idle walkers."""
        self._env = env
        self._cache = cache
        self._table = PageTable(cache)
        n_entries = max(1, cache.entries // len(parameters.ports)) if cache.split else cache.entries
        self._entries: defaultdict[int, Entries] = defaultdict(lambda: Entries(n_entries))
        """By function; of all under 0 where they share them."""
        self._free_fs = [0] * (cache.walkers or 0)
        """When each walker is."""
        self._beside: list[Walk] = []
        """Walks that are not over, in the order of the misses: of pages that are found, but not among the entries."""
        self._distance_bytes = {
            "Tx buffers": parameters.tx_buffer_distance_bytes,
            "Rx buffers": parameters.buffer_bytes,
        }
        self._unmapped = 0
        self.hits = self.misses = 0

    def there_fs(self, region: Region, address: int) -> int:
        """Look an address up; return when its translation is there, which may be past."""
        self._finish_walks()
        page = address // self._cache.page_bytes
        name = region, page
        entries = self._entries_of(region)
        walk = self._walked_beside(name) or entries.look_up(name)
        if walk is not None:
            self.hits += 1
            return walk.there_fs
        self.misses += 1
        took_fs = self._table.walk_fs(region, page)
        if self._free_fs:
            walker = self._first_free()
            walk = Walk(region, page, max(self._env.now, self._free_fs[walker]) + took_fs)
            self._free_fs[walker] = walk.there_fs
            self._beside.append(walk)
        else:
            walk = Walk(region, page, self._env.now + took_fs)
            entries.enter(walk)
        return walk.there_fs

    def _first_free(self) -> int:
        return self._free_fs.index(min(self._free_fs))

    def _walked_beside(self, name: tuple[Region, int]) -> Walk | None:
        return next((walk for walk in self._beside if walk.name == name), None)

    def _entries_of(self, region: Region) -> Entries:
        return self._entries[region[1] if self._cache.split else 0]

    def _finish_walks(self) -> None:
        """Enter the pages whose walks are over, but for those that were dropped meanwhile."""
        for walk in self._by_end():
            if walk.there_fs <= self._env.now:
                self._beside.remove(walk)
                if not walk.is_dropped:
                    self._entries_of(walk.region).enter(walk)

    def _by_end(self) -> list[Walk]:
        return sorted(self._beside, key=lambda walk: walk.there_fs)

    def unmap(self, region: Region, address: int) -> None:
        """Let the driver unmap the buffer that an address is in."""
        if self._cache.invalidation == "none":
            return
        self._unmapped += 1
        if self._cache.invalidation == "deferred":
            if self._unmapped % self._cache.flush_after == 0:
                self._drop_all()
            return
        for page in self._pages_of_buffer(region, address):
            self._drop(region, page)

    def _pages_of_buffer(self, region: Region, address: int) -> range:
        distance, page_bytes = self._distance_bytes[region[0]], self._cache.page_bytes
        begin = address // distance * distance
        return range(begin // page_bytes, (begin + distance - 1) // page_bytes + 1)

    def _drop_all(self) -> None:
        held = [walk for entries in self._entries.values() for walk in entries.walks.values()]
        for walk in held + self._beside:
            self._drop(walk.region, walk.page)

    def _drop(self, region: Region, page: int) -> None:
        """Drop a page; while it is walked it is still found."""
        walk = self._entries_of(region).leave((region, page))
        if walk is not None and walk.there_fs > self._env.now:
            self._beside.append(walk)
        for each in self._beside:
            each.is_dropped |= each.name == (region, page)
