"""Many single numbers of the state, read at once: by their names each takes a hundred times as long."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

WORD_BYTES = 8
Ints = npt.NDArray[np.int64]


class Fields(NamedTuple):
    """Name a field of the first `n` elements of an array: the array's path, how many, the field's path in each."""

    array: str
    n: int
    field: str


class _Group(NamedTuple):
    """Hold the record in which some paths lie, and the numbers of their words in it."""

    record: Any
    words: list[Any]
    paths: list[str | Fields]


class Probe:
    """Read the 64-bit fields at some dotted paths of a state, or of a `Whole`, as often as they are asked for.

    A step of a path is a field's name, or a place in an array; `Fields` stands for as many numbers as it names. The
    state stays where it is while a probe reads it.
    """

    def __init__(self, nic: Any, paths: Iterable[str | Fields]) -> None:
        found: dict[int, _Group] = {}
        self._floats = set()
        for path in dict.fromkeys(paths):
            to_array = path.array if isinstance(path, Fields) else path
            record, inside = nic.place_of(to_array) if hasattr(nic, "place_of") else (nic, to_array)
            words, is_float = _words_at(record.dtype, inside, path)
            if is_float:
                self._floats.add(path)
            group = found.setdefault(id(record), _Group(record, [], []))
            group.words.append(words)
            group.paths.append(path)
        self._memories = [
            (np.frombuffer(group.record, np.int64), np.concatenate(group.words)) for group in found.values()
        ]
        self._at: dict[str | Fields, slice] = {}
        n_words = 0
        for group in found.values():
            for path, words in zip(group.paths, group.words, strict=True):
                self._at[path] = slice(n_words, n_words + len(words))
                n_words += len(words)

    def copy(self) -> Ints:
        """Return the words that stand there now, floats as they are in memory: a row for `numbers`."""
        rows = [memory.take(words) for memory, words in self._memories]
        return rows[0] if len(rows) == 1 else np.concatenate(rows)

    def numbers(self, rows: Ints, path: str | Fields) -> npt.NDArray[Any]:
        """Return what some rows say of a path, a row of theirs each; of a single number, an entry each."""
        at = self._at[path]
        found = rows[:, at] if isinstance(path, Fields) else rows[:, at.start]
        return np.ascontiguousarray(found).view(np.float64) if path in self._floats else found

    def place(self, path: str | Fields) -> slice:
        """Return where a path's words are in a row."""
        return self._at[path]

    def read(self) -> dict[Any, Any]:
        """Return the numbers that stand there now, by path; for probes without `Fields`."""
        row = self.copy()
        numbers = dict(zip(self._at, row.tolist(), strict=True))
        floats = row.view(np.float64)
        return numbers | {path: float(floats[self._at[path].start]) for path in self._floats}


def _words_at(dtype: Any, inside: str, path: str | Fields) -> tuple[Ints, bool]:
    """Return the numbers of the words of a path, which leads to an array or to a number, and whether it is a float."""
    first, dtype = _place(dtype, inside)
    n, step = 1, WORD_BYTES
    if isinstance(path, Fields):
        n, dtype = path.n, dtype.subdtype[0]
        step = dtype.itemsize
        offset, dtype = _place(dtype, path.field)
        first += offset
    if dtype not in (np.dtype(np.int64), np.dtype(np.float64)) or first % WORD_BYTES or step % WORD_BYTES:
        raise ValueError(f"{path} is no number of {WORD_BYTES} bytes")
    return np.arange(n) * (step // WORD_BYTES) + first // WORD_BYTES, dtype == np.dtype(np.float64)


def _place(dtype: Any, path: str) -> tuple[int, Any]:
    """Return how many bytes into a record a path leads, and the type that is there."""
    at = 0
    for step in path.split("."):
        if dtype.subdtype is None:
            dtype, offset = dtype.fields[step][:2]
            at += offset
        else:
            dtype = dtype.subdtype[0]
            at += int(step) * dtype.itemsize
    return at, dtype
