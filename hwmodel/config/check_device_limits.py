"""Check a configuration against the limits of its preset's device: wrong where `nic.strict` holds, else told once."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

from .device_bounds import Bound, Limit
from .device_limits import LIMITS
from .document import KeyPath
from .findings import Findings, as_path
from .mailbox import PfCall
from .model import Config

_HINT = "nic.strict: false or nic.preset: null permits it"


class Stretch(NamedTuple):
    """What a configuration asks beyond its device: keys, most to blame first, what it is, what the device has, why."""

    keys: tuple[str | KeyPath, ...]
    asked: str
    has: str
    source: str


def check_device_limits(config: Config, findings: Findings, among: tuple[str, ...] = ()) -> None:
    """Report what a configuration asks beyond its preset's device, each key once; `among`: the limits on these keys."""
    if config.nic.strict is False:
        return
    reported: set[KeyPath] = set()
    for one in stretches(config, among):
        paths = [_path(key, findings) for key in one.keys]
        if reported.isdisjoint(paths):
            findings.add(f"{_message(config, one)}; {_HINT}", *paths, "nic.preset")
        reported.update(paths)


def stretches(config: Config, among: tuple[str, ...] = ()) -> Iterator[Stretch]:
    """Yield what a configuration of one adapter asks beyond its preset's device, as far as somebody has named that.

    `among`: the keys whose limits count, as the rows write them; empty: all.
    """
    for limit, bound in _that_hold(config, among):
        for found in limit.find(config):
            if not bound.allows(found.value):
                yield _stretch(limit, bound, found.keys, found.value)


def misfits_of_device(config: Config, call: PfCall) -> Iterator[tuple[str, str]]:
    """Yield what the driver of an adapter's device would not do of a call, as `misfits`: a key, and what is wrong."""
    for limit, bound in _that_hold(config) if config.nic.strict is not False else ():
        value = getattr(call, limit.call) if limit.call else None
        if value and not bound.allows(value):
            key = PfCall.model_fields[limit.call].alias or limit.call
            yield key, _message(config, _stretch(limit, bound, (key,), value))


def _that_hold(config: Config, among: tuple[str, ...] = ()) -> Iterator[tuple[Limit, Bound]]:
    """Yield the limits of a configuration's device, as far as somebody has named that, with their bounds."""
    for limit in _limits_of(config.nic.preset, among):
        bound = limit.bound_of(config) if config.nic.strict is not None or limit.of_unnamed else None
        if bound is not None:
            yield limit, bound


@cache
def _limits_of(preset: str | None, among: tuple[str, ...]) -> tuple[Limit, ...]:
    known = (limit for limit in LIMITS if preset is not None and limit.bounds.get(preset) is not None)
    return tuple(limit for limit in known if not among or not set(among).isdisjoint(limit.keys.split(", ")))


def _stretch(limit: Limit, bound: Bound, keys: tuple[str | KeyPath, ...], value: Any) -> Stretch:
    return Stretch(keys, limit.asks.format(limit.write(value)), bound.words(limit.write), bound.source)


def _message(config: Config, one: Stretch) -> str:
    return f"{one.asked}; the {config.nic.preset} has {one.has} ({one.source})"


def dotted(key: str | KeyPath) -> str:
    """Return a key as users type it."""
    return ".".join(map(str, as_path(key)))


def _path(key: str | KeyPath, findings: Findings) -> KeyPath:
    """Return the path of a key; in that of a station's, its name becomes its place in the list."""
    path = as_path(key)
    if path[:2] == ("switch", "ports") and len(path) > 2:
        return findings.station(str(path[2]), *path[3:])
    return path
