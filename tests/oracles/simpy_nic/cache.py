"""The chip's descriptors, shared by all rings (docs/datapath/receive.md, "A cache of descriptors for all rings")."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .link import nothing
from .parameters import NicParameters
from .posts import data_descriptors


class DescriptorCache:
    """What each ring may have: its own cache, or its share of the one for all rings in use."""

    def __init__(self, parameters: NicParameters) -> None:
        """Begin with no ring in use; `shrunk` is to be set before the run."""
        self._parameters = parameters
        self._used: set[Any] = set()
        self.shrunk: Callable[[], None] = nothing
        """Told as one more ring comes into use."""

    def uses(self, ring: Any) -> bool:
        """Tell whether a ring may hold descriptors."""
        return not self._parameters.shared_descriptor_cache or ring in self._used

    def use(self, ring: Any) -> None:
        """Let a ring come into use, if it is not."""
        if not self.uses(ring):
            self._used.add(ring)
            self.shrunk()

    def forget(self, ring: Any) -> None:
        """Let a ring be in use no more."""
        self._used.discard(ring)

    def of(self, own: int) -> int:
        """Return what a ring may have of what it would have of its own."""
        parameters = self._parameters
        if not parameters.shared_descriptor_cache or not self._used:
            return own
        least = 1
        if parameters.mss_bytes:
            least = 1 + data_descriptors(parameters.buffer_offset_bytes, parameters.send_bytes)
        return min(own, max(least, parameters.shared_descriptor_cache // len(self._used)))
