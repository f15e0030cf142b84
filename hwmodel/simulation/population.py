"""The frames and copies in the system at one moment, and how long they have been there: the ends of Little's law."""

from __future__ import annotations

from dataclasses import dataclass
from math import fsum
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Population:
    """Hold how many frames and copies are under way and the sum of their ages, with sums over all that came and went.

    Times in fs. `entered_fs`, `left_fs`: sums of the moments at which they came and went; `early_fs`: by how much they
    were offered before they came, `taken_early_fs`: taken before they went; `lost_fs`: ages of those that were dropped.
    """

    now_fs: int
    n: int
    ages_fs: float
    entered_fs: float
    left_fs: float
    early_fs: float
    taken_early_fs: float
    lost_fs: float


def take_population(nic: Any, now_fs: int) -> Population:
    """Count what lies in Tx rings and what is on its way behind them."""
    offered = [_in_rings(nic), _on_their_way(nic)]
    # As floats: a million frames that have waited for ten seconds are more than 63 bits of femtoseconds.
    ages_fs = fsum(float((now_fs - times).sum(dtype=np.float64)) for times in offered)
    pool = nic.ledger.journeys
    return Population(
        now_fs=now_fs,
        n=sum(len(times) for times in offered),
        ages_fs=ages_fs,
        entered_fs=float(pool.entered_fs),
        left_fs=float(pool.left_fs),
        early_fs=float(pool.early_fs),
        taken_early_fs=float(pool.taken_early_fs),
        lost_fs=float(pool.lost_fs),
    )


def _in_rings(nic: Any) -> Any:
    """Return when the frames between a slot of a Tx ring and the scheduler's pick were offered."""
    queues = nic["tx_queue"][: int(nic.limits.n_queues)]
    counts = queues["reserved"] - queues["picked"]
    own = np.repeat(np.arange(len(queues)), counts)  # the ring of each frame
    places = np.arange(len(own)) - np.repeat(np.cumsum(counts) - counts, counts)
    slots = (queues["picked"][own] + places) & queues["mask"][own]
    return nic["host"]["post"]["offered_fs"][queues["first"][own] + slots]


def _on_their_way(nic: Any) -> Any:
    """Return when the frames and copies with an open journey were offered."""
    pool = nic["ledger"]["journeys"]
    is_open = np.ones(int(pool["n_used"]) + 1, bool)
    is_open[0] = False
    is_open[pool["free"][: int(pool["n_free"])]] = False
    return pool["slot"]["offered_fs"][: len(is_open)][is_open]
