"""How transfers are cut into reads and TLPs."""

from __future__ import annotations

from collections.abc import Iterator

from .parameters import NicParameters

DESCRIPTOR_BYTES = 16


def cut(address: int, n_bytes: int, boundary: int) -> Iterator[tuple[int, int]]:
    """Yield (address, bytes) of the pieces of a transfer that may not cross multiples of `boundary`."""
    while n_bytes > 0:
        piece = min(n_bytes, boundary - address % boundary)
        yield address, piece
        address += piece
        n_bytes -= piece


def cut_ring(position: int, descriptors: int, ring_entries: int, boundary: int) -> Iterator[tuple[int, int]]:
    """Yield (address in the ring, bytes) of the pieces of some descriptors, also cut where the ring wraps."""
    before_wrap = min(descriptors, ring_entries - position)
    yield from cut(position * DESCRIPTOR_BYTES, before_wrap * DESCRIPTOR_BYTES, boundary)
    yield from cut(0, (descriptors - before_wrap) * DESCRIPTOR_BYTES, boundary)


def cut_completions(address: int, n_bytes: int, parameters: NicParameters) -> Iterator[tuple[int, int]]:
    """Yield (address, bytes) of a read's completions."""
    boundary = parameters.read_completion_boundary_bytes
    reach = parameters.max_payload_bytes if parameters.completion_cut == "mps" else boundary
    end = address + n_bytes
    while address < end:
        if parameters.completion_cut == "mps" and end - address <= reach:
            piece_end = end
        else:
            piece_end = min(end, (address + reach) // boundary * boundary)
        yield address, piece_end - address
        address = piece_end


def on_link(address: int, n_bytes: int, parameters: NicParameters) -> int:
    """Return the data bytes that a TLP carries: every double word that the transfer touches."""
    if not parameters.whole_double_words:
        return n_bytes
    return 4 * (-(-(address + n_bytes) // 4) - address // 4)
