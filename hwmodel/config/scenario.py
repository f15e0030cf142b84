"""Validate `scenario`: what happens in a run, event by event, each at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from .kinds import Block, Duration, key
from .servers import ChangesKind

MOST_EVENTS = 1000
BLOCKS = ("pcie", "nic", "switch", "port", "servers", "bridge", "bridges")  # with keys that may change in operation


class _EventChanges(ChangesKind):
    """Keys with values, held dotted; of one that was written in two ways the later counts, as of an override."""

    def parse(self, value: object) -> dict[str, Any]:
        """Return the single keys with their values."""
        return dict(leaves(super().parse(value)))


class Event(Block):
    """Something that happens in a run: from its time on some keys have other values."""

    at_fs: Annotated[int, Duration("0ns", "1000s")] = key(
        ..., "When, counted from the run's first instant, warm-up included.", alias="at"
    )
    changes: Annotated[dict[str, Any], _EventChanges(BLOCKS)] = key(
        ..., "Keys with the values that they have from then on, like {switch.ports.vf3.rate_limit: 1Gbps}.", alias="set"
    )


def leaves(changes: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Give the single keys of what changes, dotted, with their values."""
    for name, value in changes.items():
        path = f"{prefix}.{name}" if prefix else name
        if isinstance(value, dict):
            yield from leaves(value, path)
        else:
            yield path, value
