"""How transfers are cut into reads and TLPs."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from .parameters import NicParameters

RX_DESCRIPTOR_BYTES = 16


def cut(address: int, n_bytes: int, boundary: int) -> Iterator[tuple[int, int]]:
    """Yield (address, bytes) of the pieces of a transfer that may not cross multiples of `boundary`."""
    while n_bytes > 0:
        piece = min(n_bytes, boundary - address % boundary)
        yield address, piece
        address += piece
        n_bytes -= piece


def cut_ring(
    position: int, descriptors: int, ring_entries: int, boundary: int, each_bytes: int = RX_DESCRIPTOR_BYTES
) -> Iterator[tuple[int, int]]:
    """Yield (address in the ring, bytes) of the pieces of some descriptors, also cut where the ring wraps."""
    before_wrap = min(descriptors, ring_entries - position)
    yield from cut(position * each_bytes, before_wrap * each_bytes, boundary)
    yield from cut(0, (descriptors - before_wrap) * each_bytes, boundary)


def write_bytes(address: int, n_bytes: int, parameters: NicParameters) -> int:
    """Return the bytes of the next TLP of a write of which so many bytes are left."""
    return min(n_bytes, parameters.max_payload_bytes - address % parameters.max_payload_bytes)


def completion_bytes(address: int, n_bytes: int, parameters: NicParameters) -> int:
    """Return the bytes of the next completion of a read of which so many bytes are left."""
    boundary = parameters.read_completion_boundary_bytes
    by_payload = parameters.completion_cut == "mps"
    reach = parameters.max_payload_bytes if by_payload else boundary
    if by_payload and n_bytes <= reach:
        return n_bytes
    return min(n_bytes, (address + reach) // boundary * boundary - address)


def on_link(address: int, n_bytes: int, parameters: NicParameters) -> int:
    """Return the data bytes that a TLP carries: every double word that the transfer touches."""
    if not parameters.whole_double_words:
        return n_bytes
    return 4 * (-(-(address + n_bytes) // 4) - address // 4)


class Tlp(NamedTuple):
    """The data of one TLP: where they begin, what its receiver takes of them, what the link carries."""

    address: int
    taken_bytes: int
    data_bytes: int


class Settled:
    """TLPs whose data nothing cuts any more."""

    def __init__(self, data_bytes: Sequence[int]) -> None:
        """Have a TLP for each number of bytes."""
        self._left = deque(data_bytes)

    def __bool__(self) -> bool:
        """Tell whether one is left."""
        return bool(self._left)

    @property
    def first(self) -> Tlp:
        """Return the next."""
        return Tlp(0, self._left[0], self._left[0])

    def take(self) -> Tlp:
        """Let the next go."""
        first = self.first
        self._left.popleft()
        return first


class Uncut:
    """What is left of a transfer, each TLP cut as it leaves: by the parameters of that moment."""

    def __init__(
        self,
        address: int,
        n_bytes: int,
        parameters: NicParameters,
        next_bytes: Callable[[int, int, NicParameters], int],
    ) -> None:
        """Begin with all of it; `next_bytes`: `write_bytes` or `completion_bytes`."""
        self._address = address
        self._n_bytes = n_bytes
        self._parameters = parameters
        self._next_bytes = next_bytes

    def __bool__(self) -> bool:
        """Tell whether something is left."""
        return self._n_bytes > 0

    @property
    def first(self) -> Tlp:
        """Return what the next would be if it left now."""
        n_bytes = self._next_bytes(self._address, self._n_bytes, self._parameters)
        return Tlp(self._address, n_bytes, on_link(self._address, n_bytes, self._parameters))

    def take_at_most(self, n_bytes: int) -> Tlp:
        """Cut so many bytes off, which are fewer than the next has."""
        return self._without(Tlp(self._address, n_bytes, on_link(self._address, n_bytes, self._parameters)))

    def take(self) -> Tlp:
        """Cut the next off."""
        return self._without(self.first)

    def _without(self, first: Tlp) -> Tlp:
        self._address += first.taken_bytes
        self._n_bytes -= first.taken_bytes
        return first
