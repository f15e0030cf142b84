"""A second implementation of service levels, written from docs/bridge.md: whose copy a port sends next."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Level:
    """What an S-channel has: `room_bytes` None means its part of the buffer."""

    weight: int = 1
    rate_bps: int | None = None
    burst_bytes: int = 16384
    room_bytes: int | None = None
    quantum_bytes: int | None = None
    """None: by its weight."""


@dataclass(eq=False)
class _Channel:
    key: Hashable
    level: Level
    waiting: deque[tuple[int, Any]] = field(default_factory=deque)
    deficit_bytes: int = 0
    eligible_fs: int = 0


class ServiceLevelsOracle:
    """Queues of S-channels and the turn among them; lengths without FCS."""

    def __init__(self, levels: Mapping[Hashable, Level], longest_bytes: int) -> None:
        self._channels = {key: _Channel(key, level) for key, level in levels.items()}
        self._longest_bytes = longest_bytes
        self._turn: list[_Channel] = []
        for each in self._channels.values():
            each.eligible_fs = -self._time_fs(each.level, each.level.burst_bytes)

    @staticmethod
    def _time_fs(level: Level, n_bytes: int) -> int:
        return 0 if level.rate_bps is None else n_bytes * 8 * 10**15 // level.rate_bps

    def put(self, key: Hashable, n_bytes: int, copy: Any) -> None:
        channel = self._channels[key]
        if not channel.waiting:
            channel.deficit_bytes = self._quantum(channel)
            self._turn.append(channel)
        channel.waiting.append((n_bytes, copy))

    def _quantum(self, channel: _Channel) -> int:
        own_bytes = channel.level.quantum_bytes
        return channel.level.weight * self._longest_bytes if own_bytes is None else own_bytes

    def take(self, now_fs: int, is_held: Callable[[Any], bool] = lambda _: False) -> Any:
        """Return the copy that is sent now; None if none waits that may be. `is_held`: those that may not, by key."""
        at = 0
        while at < len(self._turn):
            channel = self._turn[at]
            n_bytes = channel.waiting[0][0]
            if channel.eligible_fs > now_fs or is_held(channel.key):
                at += 1
            elif n_bytes > channel.deficit_bytes:
                channel.deficit_bytes += self._quantum(channel)
                self._turn.append(self._turn.pop(at))
            else:
                return self._sent(channel, now_fs)
        return None

    def _sent(self, channel: _Channel, now_fs: int) -> Any:
        n_bytes, copy = channel.waiting.popleft()
        channel.deficit_bytes -= n_bytes
        if not channel.waiting:
            self._turn.remove(channel)
        level = channel.level
        if level.rate_bps is not None:
            behind_fs = max(channel.eligible_fs, now_fs - self._time_fs(level, level.burst_bytes))
            channel.eligible_fs = behind_fs + self._time_fs(level, n_bytes + 4)
        return copy

    def resumes_fs(self) -> int | None:
        """Return when the first of those that wait may be sent; None if none waits."""
        return min((each.eligible_fs for each in self._turn), default=None)
