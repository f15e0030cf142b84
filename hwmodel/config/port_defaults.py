"""Spread the entry `all` of `switch.ports` over the stations: it holds where their own entries say nothing."""

from __future__ import annotations

import copy
from typing import Any

from .document import Document, KeyPath, Place, Problem

ALL = "all"
PORTS: KeyPath = ("switch", "ports")
_Places = tuple[dict[KeyPath, Place], dict[KeyPath, Place]]  # of values and of keys, by their path in the entry
_OWN_ALONE = ("macs", "vif", "ecid")  # no two stations may have the same


def spread_port_defaults(document: Document, stations: list[str]) -> None:
    """Take the entry `all` out of the document's ports and give its keys to every one of `stations`.

    What is wrong with a spread value is reported once, at the entry `all`. Problems are added to the document.
    """
    switch = document.data.get("switch")
    ports = switch.get("ports") if isinstance(switch, dict) else None
    if not isinstance(ports, list):
        return
    found = [index for index, entry in enumerate(ports) if isinstance(entry, dict) and entry.get("name") == ALL]
    if not found:
        return
    for index in found[1:]:
        place = document.place_of((*PORTS, index, "name"))
        document.problems.append(Problem(place, "switch.ports.all.name", "all has an entry already"))
    defaults, places = _take_out(document, ports, found[0])
    for index in reversed([index - 1 for index in found[1:]]):
        _take_out(document, ports, index)
    for key in _OWN_ALONE:
        if defaults.pop(key, None) is not None:
            message = "no two stations have the same; it belongs into the entries of single ports"
            place = places[0].get((key,), document.place_of(PORTS))
            document.problems.append(Problem(place, f"switch.ports.all.{key}", message))
    written = {entry.get("name") for entry in ports if isinstance(entry, dict)}
    ports.extend({"name": name} for name in stations if name not in written)
    for index, entry in enumerate(ports):
        if isinstance(entry, dict):
            for key in [key for key in defaults if key not in entry]:
                _give(document, (*PORTS, index, key), entry, defaults[key], places)


def _take_out(document: Document, ports: list[Any], at: int) -> tuple[dict[str, Any], _Places]:
    """Remove an entry and close the gap in the places; return its keys but the name, and where their values stand."""
    entry: dict[str, Any] = ports.pop(at)
    value_places, key_places = (
        {path[3:]: place for path, place in known.items() if path[:3] == (*PORTS, at)}
        for known in (document.value_places, document.key_places)
    )
    document.forget((*PORTS, at))
    for known in (document.value_places, document.key_places):
        behind = sorted(path for path in known if path[:2] == PORTS and len(path) > 2 and _position(path) > at)
        for path in behind:
            known[(*PORTS, _position(path) - 1, *path[3:])] = known.pop(path)
    return {key: value for key, value in entry.items() if key != "name"}, (value_places, key_places)


def _position(path: KeyPath) -> int:
    assert isinstance(path[2], int)
    return path[2]


def _give(document: Document, path: KeyPath, entry: dict[str, Any], value: object, places: _Places) -> None:
    key = str(path[-1])
    entry[key] = copy.deepcopy(value)
    for known, taken in zip((document.value_places, document.key_places), places, strict=True):
        known.update({(*path, *inside[1:]): place for inside, place in taken.items() if inside[:1] == (key,)})
    document.spread.add(path)
