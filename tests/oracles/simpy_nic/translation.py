"""The host's IOMMU: what an address waits for."""

from __future__ import annotations

import simpy

from .page_walks import PageWalks, Region
from .parameters import NicParameters


class Iommu:
    """Translates addresses, without a cache in no time."""

    def __init__(self, env: simpy.Environment, parameters: NicParameters) -> None:
        """Begin with nothing under way."""
        self._env = env
        cache = parameters.translation_cache
        self._walks = None if cache is None else PageWalks(env, parameters, cache)

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
