"""Allocate host addresses for the ranges of functions, one after the other, as an operating system does."""

from __future__ import annotations

from hwmodel.config_space.devices import Bar
from hwmodel.errors import InputError

IO, MEMORY, PREFETCHABLE = "I/O", "memory", "prefetchable memory"
# First address and end of each space: model's choice, but I/O has 64 KiB, and memory below 4 GiB ends before the
# interrupt controllers' registers of PCs.
SPACES = {IO: (0x2000, 0x10000), MEMORY: (0xB0000000, 0xFEC00000), PREFETCHABLE: (1 << 38, 1 << 40)}


class Addresses:
    """The free addresses of a host. `sorts`: prefetchable ranges are kept apart, as the windows of ports require."""

    def __init__(self, *, sorts: bool = False) -> None:
        self._sorts = sorts
        self._next = {kind: begins for kind, (begins, _) in SPACES.items()}

    def take(self, bar: Bar, size_bytes: int, n_ranges: int = 1) -> int | None:
        """Return the start of `n_ranges` adjacent ranges; None if I/O, which a device can do without, is full.

        Raises InputError where memory has no room.
        """
        kind = IO if bar.is_io else PREFETCHABLE if self._sorts and bar.is_64_bit and bar.is_prefetchable else MEMORY
        begins = -(-self._next[kind] // size_bytes) * size_bytes
        ends = begins + n_ranges * size_bytes
        if ends > SPACES[kind][1]:
            if bar.is_io:
                return None
            raise InputError(f"the ranges of all adapters are more than there is {kind} for")
        self._next[kind] = ends
        return begins

    def align(self, kind: str, n_bytes: int) -> int:
        """Advance to the next multiple of `n_bytes`, and return it."""
        self._next[kind] = -(-self._next[kind] // n_bytes) * n_bytes
        return self._next[kind]
