"""Whether a core may have lost the copies that it lost: only where its queue could not hold them.

How full a queue was is not seen from outside, but how full it was at most: copies that came before and had not left.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cocotb_tests.backend import Shape
from cocotb_tests.divergence import Divergence

# After its last beat has left, a copy's room may be some cycles on its way back.
CYCLES_TO_FREE = 64


@dataclass(frozen=True)
class Stay:
    """A copy in a core: from when on it may have been in its queue, and when its last beat left."""

    n_bytes: int
    since: int
    until: int


@dataclass(frozen=True)
class Loss:
    """A copy that was lost in one of these cycles, both included."""

    frame: int
    n_bytes: int
    earliest: int
    latest: int


def unjustified_loss(port: int, shape: Shape, stays: Sequence[Stay], losses: Sequence[Loss]) -> list[Divergence]:
    """Return the first loss of a queue for which it must have had room; `stays` are the copies that it did take."""
    if not losses:
        return []
    assert shape.queue_bytes is not None, "the file was refused without it"
    capacity = shape.queue_bytes // shape.word_bytes
    since = np.array(sorted((stay.since, _words(stay.n_bytes, shape)) for stay in stays), np.int64).reshape(-1, 2)
    until = np.array(sorted((stay.until, _words(stay.n_bytes, shape)) for stay in stays), np.int64).reshape(-1, 2)
    come, gone = (np.concatenate(([0], np.cumsum(rows[:, 1]))) for rows in (since, until))
    for loss in sorted(losses, key=lambda each: each.latest):
        inside = (since[:, 0] > loss.earliest) & (since[:, 0] <= loss.latest)
        cycles = np.append(since[inside, 0], loss.earliest)
        waiting = come[np.searchsorted(since[:, 0], cycles, "right")]
        most = int((waiting - gone[np.searchsorted(until[:, 0], cycles - CYCLES_TO_FREE)]).max())
        if most + _words(loss.n_bytes, shape) <= capacity:
            has = f"a queue of {shape.queue_bytes} B, in which at most {most * shape.word_bytes} B waited"
            lost = f"a copy of {loss.n_bytes} B, lost as if there were no room"
            return [Divergence(f"lost copy at port {port}", loss.latest, has, lost, loss.frame)]
    return []


def _words(n_bytes: int, shape: Shape) -> int:
    return -(-max(n_bytes, 1) // shape.word_bytes)
