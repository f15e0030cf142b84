"""Faults of the host, each planted in the SimPy model, and the machines on which they show."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from tests import beside_simpy
from tests.beside_simpy import GUESTS, poisson
from tests.oracles.simpy_nic import NicParameters, page_walks, receiving
from tests.oracles.simpy_nic.chances import Chances
from tests.oracles.simpy_nic.link import Transaction
from tests.oracles.simpy_nic.page_walks import Entries, PageTable, PageWalks, Region, Walk
from tests.oracles.simpy_nic.translation import Iommu

Patch = pytest.MonkeyPatch
Plant = Callable[[Patch], None]

# Pages of all kinds: descriptors of both rings, and two buffers or two parts of one to a page.
WALKERS = {"entries": 4, "miss": "330.0013ns", "walkers": 2, "walk_lines": 40, "near_miss": "120.0009ns"}
TABLE = {"entries": 6, "miss": "330.0013ns", "walk_lines": 12, "near_miss": "120.0009ns", "page": "8KiB"}
STRICT = {"entries": 18, "miss": "330.0013ns", "walkers": None, "split": True, "invalidation": "strict"}
DEFERRED = {"entries": 64, "miss": "330.0013ns", "walkers": 4, "invalidation": "deferred", "flush_after": 7}
MEMORY = {
    "host.write_latency": "50.0009ns", "host.remote_latency": "70.0011ns", "host.buffer_bytes": "512B",
    "host.cache": {"size": "96KiB", "read_miss": "80.0019ns", "write_miss": "45.0023ns", "io_share_percent": 60},
    "host.jitter": {"kind": "histogram", "bins": [["0ns", 9], ["35.0003ns", 4], ["800.0007ns", 1]]},
}  # fmt: skip
SMALL = {"nic.tx_ring": 12, "nic.rx_ring": 12, "driver.refill_batch": 4, "nic.rx_fetch_batch": 4, "nic.rx_prefetch": 4}
LOAD = poisson(250, 1500, senders=GUESTS, receivers=GUESTS)

_HOSTS: Mapping[str, Mapping[str, Any]] = {
    "walkers": {"host.iotlb": WALKERS, "host.buffer_bytes": "2KiB"},
    "table": {"host.iotlb": TABLE, "host.buffer_bytes": "4KiB", **SMALL},
    "strict": {"host.iotlb": STRICT, "host.buffer_bytes": "512B"},
    "large buffers": {
        "host.iotlb": {**STRICT, "miss": "90.0017ns", "walkers": 3},
        "host.buffer_bytes": "8KiB", "host.buffer_offset": "7KiB",
    },
    "deferred": {"host.iotlb": DEFERRED, "host.buffer_bytes": "2KiB"},
    "memory": MEMORY,
    "uniform": {"host.jitter": {"kind": "uniform", "range": "1us"}, "host.iotlb": WALKERS},
}  # fmt: skip


MACHINES = {name: (changes, LOAD) for name, changes in _HOSTS.items()}


def with_host(part: str, **changes: Any) -> Plant:
    """Return a plant of other parameters of a part of the host, or of the host itself."""

    def plant(patch: Patch) -> None:
        original = beside_simpy.parameters_of

        def other(config: Any) -> Any:
            parameters = original(config)
            if part == "host":
                return replace(parameters, **changes)
            return replace(parameters, **{part: replace(getattr(parameters, part), **changes)})

        patch.setattr(beside_simpy, "parameters_of", other)

    return plant


def cached(**changes: Any) -> Plant:
    """Return a plant of another cache of translations."""
    return with_host("translation_cache", **changes)


def walkers_in_turn(patch: Patch) -> None:
    def next_one(walks: PageWalks) -> int:
        return walks.misses % len(walks._free_fs)

    patch.setattr(PageWalks, "_first_free", next_one)


def not_found_while_walked(patch: Patch) -> None:
    patch.setattr(PageWalks, "_walked_beside", lambda _walks, _name: None)


def walked_among_the_entries(patch: Patch) -> None:
    original = PageWalks.there_fs

    def there_fs(walks: PageWalks, region: Region, address: int) -> int:
        found = original(walks, region, address)
        for walk in walks._beside:
            if walk.name not in walks._entries_of(walk.region).walks:
                walks._entries_of(walk.region).enter(walk)
        walks._beside.clear()
        return found

    patch.setattr(PageWalks, "there_fs", there_fs)


def enters_as_the_oldest(patch: Patch) -> None:
    original = Entries.enter

    def enter(entries: Entries, walk: Walk) -> None:
        original(entries, walk)
        entries.walks.move_to_end(walk.name, last=False)

    patch.setattr(Entries, "enter", enter)


def one_line_for_all_regions(patch: Patch) -> None:
    original = PageTable.walk_fs
    patch.setattr(PageTable, "walk_fs", lambda table, region, page: original(table, (region[0], 0, 0), page))


def oldest_line_goes(patch: Patch) -> None:
    original = PageTable._hold

    def hold(table: PageTable, line: Hashable) -> None:
        original(table, line)
        table._lines.move_to_end(line, last=False)

    patch.setattr(PageTable, "_hold", hold)


def drops_a_buffer_s_first_page(patch: Patch) -> None:
    original = PageWalks._pages_of_buffer
    patch.setattr(PageWalks, "_pages_of_buffer", lambda walks, *where: original(walks, *where)[:1])


def unmaps_before_it_looks_up(patch: Patch) -> None:
    original = Iommu.wait_fs

    def wait_fs(iommu: Iommu, memory: Region, address: int, ends_buffer: bool) -> int:
        if ends_buffer and iommu._walks is not None:
            iommu._walks._finish_walks()
            iommu._walks.unmap(memory, address)
        return original(iommu, memory, address, ends_buffer=False)

    patch.setattr(Iommu, "wait_fs", wait_fs)


def unmaps_behind_the_last_buffer_alone(patch: Patch) -> None:
    original = receiving.Receiver._write_buffer

    def write_buffer(receiver: receiving.Receiver, *which: Any, is_last: bool) -> None:
        def transaction(*arguments: Any, **more: Any) -> Transaction:
            return Transaction(*arguments, **more | {"ends_buffer": is_last})

        with pytest.MonkeyPatch.context() as each:
            each.setattr(receiving, "Transaction", transaction)
            original(receiver, *which, is_last=is_last)

    patch.setattr(receiving.Receiver, "_write_buffer", write_buffer)


def unmaps_behind_each_write(patch: Patch) -> None:
    original = Iommu.wait_fs

    def wait_fs(iommu: Iommu, memory: Region, address: int, ends_buffer: bool) -> int:
        return original(iommu, memory, address, ends_buffer or memory[0] == "Rx buffers")

    patch.setattr(Iommu, "wait_fs", wait_fs)


def dropped_at_once(patch: Patch) -> None:
    original = PageWalks._drop

    def drop(walks: PageWalks, region: Region, page: int) -> None:
        original(walks, region, page)
        walks._beside = [walk for walk in walks._beside if walk.name != (region, page)]

    patch.setattr(PageWalks, "_drop", drop)


def dropped_walks_enter(patch: Patch) -> None:
    original = PageWalks._finish_walks

    def finish(walks: PageWalks) -> None:
        for walk in walks._beside:
            walk.is_dropped = False
        original(walks)

    patch.setattr(PageWalks, "_finish_walks", finish)


def flushes_buffers_alone(patch: Patch) -> None:
    original = PageWalks._drop

    def drop(walks: PageWalks, region: Region, page: int) -> None:
        if "buffers" in region[0]:
            original(walks, region, page)

    patch.setattr(PageWalks, "_drop", drop)


def cache_before_jitter(patch: Patch) -> None:
    def read_fs(chances: Chances) -> int:
        cache = chances._cache
        assert cache is not None
        return chances._miss_fs(cache.read_miss_fs, chances._read_share) + chances._jitter_fs()

    patch.setattr(Chances, "read_fs", read_fs)


def shares(**changes: Any) -> Plant:
    """Return a plant of other buffers, for the shares of the last-level cache alone."""

    def plant(patch: Patch) -> None:
        original = Chances.__init__

        def begin(chances: Chances, parameters: NicParameters) -> None:
            original(chances, replace(parameters, **changes))

        patch.setattr(Chances, "__init__", begin)

    return plant


FAULTS: Mapping[str, tuple[str, Plant]] = {
    "one walker more": ("walkers", cached(walkers=3)),
    "any number of walkers": ("walkers", cached(walkers=None)),
    "walkers in turn": ("walkers", walkers_in_turn),
    "a page is not found while it is walked": ("walkers", not_found_while_walked),
    "a page being walked is among the entries": ("walkers", walked_among_the_entries),
    "walks enter in the order of the misses": (
        "walkers", lambda patch: patch.setattr(PageWalks, "_by_end", lambda walks: list(walks._beside))),
    "a page enters as the one looked up longest ago": ("walkers", enters_as_the_oldest),
    "a hit makes no page younger": (
        "walkers", lambda patch: patch.setattr(Entries, "look_up", lambda entries, name: entries.walks.get(name))),
    "one entry more": ("walkers", cached(entries=5)),
    "no near miss": ("table", cached(near_miss_fs=None)),
    "one line less": ("table", cached(walk_lines=11)),
    "lines of 4 pages": ("table", lambda patch: patch.setattr(page_walks, "PAGES_A_LINE", 4)),
    "one line for the pages of all rings": ("table", one_line_for_all_regions),
    "the line held last goes": ("table", oldest_line_goes),
    "pages of 4 KiB": ("table", cached(page_bytes=4096)),
    "entries for all functions": ("strict", cached(split=False)),
    "never unmapped": ("strict", cached(invalidation="none")),
    "unmapped before the look-up": ("strict", unmaps_before_it_looks_up),
    "unmapped behind a frame's last buffer": ("strict", unmaps_behind_the_last_buffer_alone),
    "unmapped behind each write": ("large buffers", unmaps_behind_each_write),
    "dropped while it is walked": ("strict", dropped_at_once),
    "what was dropped enters": ("strict", dropped_walks_enter),
    "what was dropped enters, by walkers": ("large buffers", dropped_walks_enter),
    "only the first page of a buffer": ("large buffers", drops_a_buffer_s_first_page),
    "flushed one buffer later": ("deferred", cached(flush_after=8)),
    "only pages of buffers are flushed": ("deferred", flushes_buffers_alone),
    "flushed while it is walked": ("deferred", dropped_at_once),
    "no other socket": ("memory", with_host("host", remote_latency_fs=0)),
    "no read misses": ("memory", with_host("last_level_cache", read_miss_fs=0)),
    "no write misses": ("memory", with_host("last_level_cache", write_miss_fs=0)),
    "writes take all of the cache": ("memory", with_host("last_level_cache", io_share_percent=100)),
    "a cold cache": ("memory", with_host("last_level_cache", warm=False)),
    "the cache is asked before the jitter": ("memory", cache_before_jitter),
    "Tx buffers as near as Rx buffers": ("memory", shares(max_frame_bytes=512)),
    "the Rx buffers of one function": ("memory", shares(vfs=0)),
    "another weight of a bin": ("memory", with_host("host", jitter_bins=((0, 9), (35_000_300, 5), (800_000_700, 1)))),
    "a narrower jitter": ("uniform", with_host("host", jitter_range_fs=999_990_000)),
}  # fmt: skip
