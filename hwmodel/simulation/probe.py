"""Many single numbers of the state, read at once: by their names each takes a hundred times as long."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

WORD_BYTES = 8


class _Group(NamedTuple):
    """Hold the record in which some paths lie, and the numbers of their words in it."""

    record: Any
    words: list[int]
    names: list[str]


class Probe:
    """Read the 64-bit fields at some dotted paths of a state, or of a `Whole`, as often as they are asked for.

    A step of a path is a field's name, or a place in an array. The state stays where it is while a probe reads it.
    """

    def __init__(self, nic: Any, paths: Iterable[str]) -> None:
        found: dict[tuple[int, bool], _Group] = {}
        for path in dict.fromkeys(paths):
            record, inside = nic.place_of(path) if hasattr(nic, "place_of") else (nic, path)
            number, is_float = _word_at(record.dtype, inside)
            group = found.setdefault((id(record), is_float), _Group(record, [], []))
            group.words.append(number)
            group.names.append(path)
        self._groups = [
            (np.frombuffer(group.record, np.float64 if is_float else np.int64), np.array(group.words), group.names)
            for (_, is_float), group in found.items()
        ]

    def read(self) -> dict[str, Any]:
        """Return the numbers that stand there now, by path."""
        numbers: dict[str, Any] = {}
        for memory, words, names in self._groups:
            numbers.update(zip(names, memory[words].tolist(), strict=True))
        return numbers


def _word_at(dtype: Any, path: str) -> tuple[int, bool]:
    """Return the number of a record's word at a path, and whether it is a float."""
    at = 0
    for step in path.split("."):
        if dtype.subdtype is None:
            dtype, offset = dtype.fields[step][:2]
            at += offset
        else:
            dtype = dtype.subdtype[0]
            at += int(step) * dtype.itemsize
    if dtype not in (np.dtype(np.int64), np.dtype(np.float64)) or at % WORD_BYTES:
        raise ValueError(f"{path} is no number of {WORD_BYTES} bytes")
    return at // WORD_BYTES, dtype == np.dtype(np.float64)
