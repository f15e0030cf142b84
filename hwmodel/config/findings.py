"""Collect contradictions between keys, each at the place that the user can change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from .document import Document, KeyPath, Problem, is_within
from .system import Server


@dataclass
class Doubts:
    """Name what the checks between keys cannot rely on: wrong values, and blocks in which a key is unknown."""

    wrong_paths: set[KeyPath] = field(default_factory=set)
    with_unknown_keys: set[KeyPath] = field(default_factory=set)


class Findings:
    """Take problems from the cross-checks and put each at the first of its keys that the user has written.

    A problem that involves a wrong value is left out: that value was reported already, and the check has seen a default
    in its place. So is a problem that involves an unwritten key of a block with an unknown key, which may be the
    unwritten one misspelt.
    """

    def __init__(self, document: Document, doubts: Doubts) -> None:
        self._document = document
        self._doubts = doubts
        self.problems: list[Problem] = []

    def add(self, message: str, *keys: str | KeyPath, besides: Sequence[str | KeyPath] = ()) -> None:
        """Report `message` at the first of `keys` that was written (else the first); `besides` are involved too.

        For a server, what its own `set` says comes before what the file's blocks say.
        """
        paths = [as_path(key) for key in keys]
        if any(self._is_doubtful(path) for path in (*paths, *map(as_path, besides))):
            return
        written = [path for path in paths if self._document.is_written(path)] or paths
        path = next((path for path in written if self._document.prefix_of(path)), written[0])
        self.problems.append(self._document.problem(path, message))

    def written_stations(self) -> list[Any]:
        """Return the entries of `switch.ports` in the order in which they were written, derived ones last."""
        switch = self._document.data.get("switch")
        entries = switch.get("ports") if isinstance(switch, dict) else None
        return entries if isinstance(entries, list) else []

    def station(self, name: str, *keys: str | int) -> KeyPath:
        """Return the path of a station's key in `switch.ports`, wherever in the list the station stands."""
        for index, entry in enumerate(self.written_stations()):
            if isinstance(entry, dict) and entry.get("name") == name:
                return ("switch", "ports", index, *keys)
        return ("switch", "ports")

    def is_written(self, key: str | KeyPath) -> bool:
        """Tell whether the user wrote a value of a key."""
        return self._document.is_written(as_path(key))

    def has_own_value(self, station: str, key: str) -> bool:
        """Tell whether a station's own entry sets a key, rather than the entry `all` or a default."""
        path = self.station(station, key)
        return self._document.is_written(path) and path not in self._document.spread

    def _is_doubtful(self, path: KeyPath) -> bool:
        if is_within(path, self._doubts.wrong_paths) or path in self._doubts.with_unknown_keys:
            return True
        return not self._document.is_written(path) and path[:-1] in self._doubts.with_unknown_keys


class Part(NamedTuple):
    """A server, and the findings about what its configuration is made from."""

    server: Server
    findings: Findings


def as_path(key: str | KeyPath) -> KeyPath:
    """Return the path of a dotted key; return a path as it is."""
    return tuple(key.split(".")) if isinstance(key, str) else key
