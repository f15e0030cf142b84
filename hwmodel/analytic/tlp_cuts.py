"""Where transfers are cut into TLPs: at MPS, MRRS, read completion boundaries and the end of a descriptor ring.

All boundaries are powers of two of at most 4 KiB, so the rule that no request crosses a 4 KiB boundary (PCI Express
Base Specification 3.0, section 2.2.7) is kept by them. Rings start at multiples of 4 KiB.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from math import gcd

from hwmodel.rules.pcie_link import DESCRIPTOR_BYTES


def cut(address: int, n_bytes: int, boundary_bytes: int) -> tuple[int, ...]:
    """Cut `n_bytes` from `address` on at each multiple of `boundary_bytes`; give the lengths in address order."""
    pieces = []
    while n_bytes > 0:
        piece = min(n_bytes, boundary_bytes - address % boundary_bytes)
        pieces.append(piece)
        address += piece
        n_bytes -= piece
    return tuple(pieces)


def cut_completions(
    address: int, n_bytes: int, max_payload_bytes: int, boundary_bytes: int, completion_bytes: str
) -> tuple[int, ...]:
    """Cut the answer to one read into completions; give the lengths in address order.

    `completion_bytes` "mps": each carries the rest if that is at most MPS, else it ends at the last read completion
    boundary within MPS of its first address. "rcb": each ends at the next boundary.
    """
    if completion_bytes == "rcb":
        return cut(address, n_bytes, boundary_bytes)
    pieces = []
    while n_bytes > max_payload_bytes:
        end = (address + max_payload_bytes) // boundary_bytes * boundary_bytes
        pieces.append(end - address)
        n_bytes -= end - address
        address = end
    return (*pieces, n_bytes) if n_bytes else tuple(pieces)


@dataclass(frozen=True)
class RingPiece:
    """Hold one kind of piece into which batches of a ring's descriptors are cut.

    `address` is its offset from a boundary, `per_descriptor` how many such pieces one descriptor causes in the mean.
    """

    address: int
    n_bytes: int
    per_descriptor: Fraction


@lru_cache(maxsize=1024)
def cut_ring(batch: int, ring: int, boundary_bytes: int, *, from_anywhere: bool = False) -> tuple[RingPiece, ...]:
    """Cut batches of `batch` descriptors that follow one another round a ring of `ring` descriptors.

    A batch is cut where the ring wraps and at multiples of `boundary_bytes`. The means are exact: they are taken over
    the batches until their position in the ring repeats; `from_anywhere`: over all positions, for batches between which
    others stand. Raises ValueError for a batch of none or of more than a ring.
    """
    if not 1 <= batch <= ring:
        raise ValueError(f"a batch of {batch} descriptors in a ring of {ring}")
    counts: dict[tuple[int, int], int] = {}
    step = 1 if from_anywhere else batch
    n_batches = ring // gcd(ring, step)
    for number in range(n_batches):
        first = number * step % ring
        before_wrap = min(batch, ring - first)
        for start, n in ((first, before_wrap), (0, batch - before_wrap)):
            address = start * DESCRIPTOR_BYTES
            for piece in cut(address, n * DESCRIPTOR_BYTES, boundary_bytes):
                key = (address % boundary_bytes, piece)
                counts[key] = counts.get(key, 0) + 1
                address += piece
    n_descriptors = n_batches * batch
    return tuple(RingPiece(*key, Fraction(count, n_descriptors)) for key, count in sorted(counts.items()))
