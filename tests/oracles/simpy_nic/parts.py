"""Where a frame's time went, by the table of docs/results.md, "Where the time goes"."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

PARTS = (
    "driver_batch",
    "doorbell",
    "tx_ring",
    "tx_descriptor_fetch",
    "scheduler",
    "tx_room",
    "payload_read",
    "switch",
    "wire",
    "rx_room",
    "rx_buffer",
    "rx_descriptor",
    "payload_write",
    "writeback_batch",
    "writeback",
    "interrupt_moderation",
    "interrupt",
    "guest_queue",
)

MAY_END_EARLY = ("writeback_batch", "interrupt_moderation")
"""What these wait for may enter P while what is before them is still on its way."""


class Journey(NamedTuple):
    """One copy that a guest has taken or the wire has; mirrored copies have none.

    `number` counts the frames of `source` that were posted, or received from the wire, from 0; where it has several
    rings, those of one of them, times the rings, and the ring's number.
    """

    source: int
    number: int
    destination: int
    offered_fs: int
    posted_fs: int
    parts_fs: tuple[int, ...]
    """In the order of `PARTS`."""
    taken_fs: int


def parts_between(began_fs: int, ends_fs: Mapping[str, int], names: tuple[str, ...] = PARTS) -> tuple[int, ...]:
    """Return how long each part took, of those that have an end; the others took no time."""
    parts, at_fs = [], began_fs
    for part in names:
        end_fs = ends_fs.get(part, at_fs)
        if part in MAY_END_EARLY:
            end_fs = max(end_fs, at_fs)
        assert end_fs >= at_fs, f"{part} ends before it begins"
        parts.append(end_fs - at_fs)
        at_fs = end_fs
    return tuple(parts)
