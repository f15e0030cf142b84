"""Spread the entry `all` of `switch.ports` over the stations: it holds where their own entries say nothing."""

from __future__ import annotations

from typing import Any

from .document import Document, KeyPath, Problem, copied_data

ALL = "all"
PORTS: KeyPath = ("switch", "ports")
_Marks = tuple[dict[KeyPath, Any], ...]  # as `Document.marks`, by the path in the entry
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
    defaults, marks = _take_out(document, ports, found[0])
    for index in reversed([index - 1 for index in found[1:]]):
        _take_out(document, ports, index)
    for key in _OWN_ALONE:
        if defaults.pop(key, None) is not None:
            message = "no two stations have the same; it belongs into the entries of single ports"
            place = marks[0].get((key,), document.place_of(PORTS))
            document.problems.append(Problem(place, f"switch.ports.all.{key}", message))
    written = {entry.get("name") for entry in ports if isinstance(entry, dict)}
    ports.extend({"name": name} for name in stations if name not in written)
    for index, entry in enumerate(ports):
        if isinstance(entry, dict):
            for key in [key for key in defaults if key not in entry]:
                _give(document, (*PORTS, index, key), entry, defaults[key], marks)


def _take_out(document: Document, ports: list[Any], at: int) -> tuple[dict[str, Any], _Marks]:
    """Remove an entry and close the gap in the places; return its keys but the name, and where their values stand."""
    entry: dict[str, Any] = ports.pop(at)
    taken = tuple(
        {path[3:]: mark for path, mark in known.items() if path[:3] == (*PORTS, at)} for known in document.marks
    )
    document.forget((*PORTS, at))
    for known in document.marks:
        behind = sorted(path for path in known if path[:2] == PORTS and len(path) > 2 and _position(path) > at)
        for path in behind:
            known[(*PORTS, _position(path) - 1, *path[3:])] = known.pop(path)
    return {key: value for key, value in entry.items() if key != "name"}, taken


def _position(path: KeyPath) -> int:
    assert isinstance(path[2], int)
    return path[2]


def _give(document: Document, path: KeyPath, entry: dict[str, Any], value: object, marks: _Marks) -> None:
    key = str(path[-1])
    entry[key] = copied_data(value)
    for known, taken in zip(document.marks, marks, strict=True):
        known.update({(*path, *inside[1:]): mark for inside, mark in taken.items() if inside[:1] == (key,)})
    document.spread.add(path)
