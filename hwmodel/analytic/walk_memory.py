"""The host's memory for the walk of one frame: translations, in what order writes pass, when they are in memory.

Written from docs/datapath.md ("The host's memory", "Address translation"), apart from the kernels.
"""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from typing import TYPE_CHECKING, NamedTuple

from hwmodel.analytic.page_walks import PAGES_A_LINE
from hwmodel.analytic.walk_clock import Clock

if TYPE_CHECKING:
    from hwmodel.config.host import Host
    from hwmodel.config.pcie import Ordering


class Place(NamedTuple):
    """Where a TLP reads or writes: a ring or the buffers of one, and the address in it."""

    memory: tuple[str, int]
    address: int


class Writes(NamedTuple):
    """What a TLP belongs to: the function, and whether it carries payload."""

    function: int
    is_payload: bool = False


class Memory:
    """Hold what has been translated and written.

    The translation cache is fully associative, the page that was looked up longest ago replaced; without `iotlb` an
    address takes no time. Walks of one frame alone are few: walkers and unmapping are not counted, nor what the
    last-level cache misses of what is written.
    """

    def __init__(self, clock: Clock, host: Host, ordering: Ordering = "strict", n_functions: int = 1) -> None:
        """Begin with nothing translated; `n_functions` share a cache that is split."""
        self._clock, self._iotlb, self._ordering = clock, host.iotlb, ordering
        self._write_fs = host.write_latency_fs
        self._n_entries = 0
        if host.iotlb is not None:
            self._n_entries = max(1, host.iotlb.entries // (n_functions if host.iotlb.split else 1))
        self._there_fs: defaultdict[int, OrderedDict[tuple[tuple[str, int], int], int]] = defaultdict(OrderedDict)
        self._lines: OrderedDict[tuple[tuple[str, int], int], bool] = OrderedDict()
        self._passed_fs: defaultdict[int, int] = defaultdict(int)
        self._landed_fs: defaultdict[int, int] = defaultdict(int)

    def there_fs(self, place: Place | None, function: int = 0) -> int:
        """Look a place up; return when its translation is there."""
        now_fs = self._clock.now_fs
        if self._iotlb is None or place is None:
            return now_fs
        page = place.memory, place.address // self._iotlb.page_bytes
        held = self._there_fs[function if self._iotlb.split else 0]
        if page not in held:
            if len(held) == self._n_entries:
                held.popitem(last=False)
            held[page] = now_fs + self._walk_fs(page)
        held.move_to_end(page)
        return max(now_fs, held[page])

    def _walk_fs(self, page: tuple[tuple[str, int], int]) -> int:
        """Return what a walk takes, by the line of the page's table, which the walkers hold from now on."""
        assert self._iotlb is not None
        line = page[0], page[1] // PAGES_A_LINE
        is_held = self._lines.pop(line, False)
        self._lines[line] = True
        if len(self._lines) > self._iotlb.walk_lines:
            self._lines.popitem(last=False)
        return self._iotlb.near_walk_fs if is_held else self._iotlb.miss_fs

    def begins_fs(self, place: Place, function: int = 0) -> int:
        """Return when a read that is received begins: with its translation, behind the writes received before it."""
        return max(self.there_fs(place, function), self._landed_fs[self._among(function)])

    def passes_fs(self, place: Place | None, whose: Writes) -> int:
        """Return when a write to a place, or an interrupt, passes: behind those before it; relaxed, payload at once."""
        among, there_fs = self._among(whose.function), self.there_fs(place, whose.function)
        self._passed_fs[among] = max(self._passed_fs[among], there_fs)
        return there_fs if self._goes_ahead(whose) else self._passed_fs[among]

    def lands_fs(self, passes_fs: int, place: Place | None, whose: Writes) -> int:
        """Return when a write that passes then is in memory; an interrupt is there when all before it are."""
        among, landed_fs = self._among(whose.function), passes_fs + (0 if place is None else self._write_fs)
        self._landed_fs[among] = max(self._landed_fs[among], landed_fs)
        return landed_fs if self._goes_ahead(whose) else self._landed_fs[among]

    def _among(self, function: int) -> int:
        return function if self._ordering == "id_based" else 0

    def _goes_ahead(self, whose: Writes) -> bool:
        return whose.is_payload and self._ordering == "relaxed"
