"""The kernels' logs, taken out in time order: nothing that is still to come belongs before what was given out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np


class MergedLog:
    """Merge logs that are at different times: where one is full, the run stops, some servers being further than others.

    `logs`: records with `n` and `entry`; of entries of one time, those of the first log come first. `first_copies`:
    what number the first kind of copy of each log has among all.
    """

    def __init__(self, logs: Sequence[Any], first_copies: Sequence[int] = ()) -> None:
        self._logs = logs
        self._first_copies = first_copies
        self._held = [log["entry"][:0] for log in logs]

    def has_entries(self) -> bool:
        """Tell whether the logs, or what was held back, hold anything."""
        return any(log.n or len(held) for log, held in zip(self._logs, self._held, strict=True))

    def take(self, settled_fs: int) -> np.ndarray:
        """Return the entries up to `settled_fs` in time order, and empty the logs; later ones are held back.

        Entries up to then must all be in the logs.
        """
        taken = []
        for number, log in enumerate(self._logs):
            entries = np.concatenate([self._held[number], log["entry"][: int(log.n)]])
            if self._first_copies:
                entries["copy_kind"][len(self._held[number]) :] += self._first_copies[number]
            log.n = 0
            is_settled = entries["at_fs"] <= settled_fs
            taken.append(entries[is_settled])
            self._held[number] = entries[~is_settled]
        together = np.concatenate(taken)
        return together[np.argsort(together["at_fs"], kind="stable")]
