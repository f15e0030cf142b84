"""Check a configuration against the limits of its preset's device: wrong where `nic.strict` holds, else told once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from .device_limits import LIMITS
from .document import KeyPath
from .findings import Findings, as_path
from .model import Config

_HINT = "nic.strict: false or nic.preset: null permits it"


class Stretch(NamedTuple):
    """What a configuration asks beyond its device: keys, most to blame first, what it is, what the device has, why."""

    keys: tuple[str | KeyPath, ...]
    asked: str
    has: str
    source: str


def check_device_limits(config: Config, findings: Findings) -> None:
    """Report what a configuration asks beyond its preset's device, each key once."""
    if config.nic.strict is False:
        return
    reported: set[KeyPath] = set()
    for one in stretches(config):
        paths = [_path(key, findings) for key in one.keys]
        if reported.isdisjoint(paths):
            message = f"{one.asked}; the {config.nic.preset} has {one.has} ({one.source}); {_HINT}"
            findings.add(message, *paths, "nic.preset")
        reported.update(paths)


def stretches(config: Config) -> Iterator[Stretch]:
    """Yield what a configuration of one adapter asks beyond its preset's device, as far as somebody has named that."""
    if config.nic.preset is None:
        return
    for limit in LIMITS:
        bound = limit.bound_of(config)
        if bound is None or (config.nic.strict is None and not limit.of_unnamed):
            continue
        for found in limit.find(config):
            if not bound.allows(found.value):
                asked = limit.asks.format(limit.write(found.value))
                yield Stretch(found.keys, asked, bound.words(limit.write), bound.source)


def dotted(key: str | KeyPath) -> str:
    """Return a key as users type it."""
    return ".".join(map(str, as_path(key)))


def _path(key: str | KeyPath, findings: Findings) -> KeyPath:
    """Return the path of a key; in that of a station's, its name becomes its place in the list."""
    path = as_path(key)
    if path[:2] == ("switch", "ports") and len(path) > 2:
        return findings.station(str(path[2]), *path[3:])
    return path
