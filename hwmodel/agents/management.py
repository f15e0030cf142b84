"""The network over which agents send messages to those at other servers: latency, loss, order."""

from __future__ import annotations

import random

from hwmodel.config.agents import Management


class ManagementNetwork:
    """Say when each message comes; what is drawn depends on the seed and the order of the messages alone."""

    def __init__(self, settings: Management, seed: int) -> None:
        self._settings = settings
        self._random = random.Random(f"management {seed}")
        self._last_fs: dict[tuple[str, str], int] = {}

    def arrives_fs(self, sent_fs: int, least_fs: int, sender: str, receiver: str) -> int | None:
        """Return when a message comes, at `least_fs` or later, None if it never does."""
        own = self._settings
        late_fs = self._random.randrange(own.spread_fs + 1) if own.spread_fs else 0
        if own.loss is not None and self._random.random() < own.loss:
            return None
        at_fs = max(least_fs, sent_fs + own.latency_fs + late_fs)
        if own.order == "kept":
            at_fs = max(at_fs, self._last_fs.get((sender, receiver), 0))
            self._last_fs[sender, receiver] = at_fs
        return at_fs
