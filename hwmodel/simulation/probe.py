"""Many single numbers of the state, read at once: by their names each takes a hundred times as long."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
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


Path = str | Fields


class _Plan(NamedTuple):
    """Hold which words of a record some paths stand for, where these are in a row of them, and which are floats."""

    words: Ints
    places: dict[Path, slice]
    floats: frozenset[Path]


class Probe:
    """Read the 64-bit fields at some dotted paths of a state, or of a `Whole`, as often as they are asked for.

    A step of a path is a field's name, or a place in an array; `Fields` stands for as many numbers as it names. The
    state stays where it is while a probe reads it.
    """

    def __init__(self, nic: Any, paths: Iterable[Path]) -> None:
        asked = tuple(dict.fromkeys(paths))
        groups = _by_record(nic, asked) if hasattr(nic, "place_of") else [(nic, asked, "")]
        self._memories: list[tuple[Ints, Ints]] = []
        self._places: dict[Path, slice] = {}
        self._floats: set[Path] = set()
        self.n_words = 0  # of a row; while they are found, before those of the record
        for record, inside, prefix in groups:
            plan = _plan_of(record.dtype, inside, prefix)
            self._memories.append((np.frombuffer(record, np.int64), plan.words))
            places = plan.places
            if before := self.n_words:
                places = {path: slice(before + at.start, before + at.stop) for path, at in places.items()}
            self._places |= places
            self._floats |= plan.floats
            self.n_words += len(plan.words)

    def copy(self) -> Ints:
        """Return the words that stand there now, floats as they are in memory: a row for `numbers`."""
        row = np.empty(self.n_words, np.int64)
        self.copy_into(row)
        return row

    def copy_into(self, row: Ints) -> None:
        """Write the words that stand there now into a row."""
        at = 0
        for memory, words in self._memories:
            # No word is beyond the record; only without a test for it are they written straight into the row.
            memory.take(words, out=row[at : at + len(words)], mode="clip")
            at += len(words)

    def numbers(self, rows: Ints, path: Path) -> npt.NDArray[Any]:
        """Return what some rows say of a path, a row of theirs each; of a single number, an entry each."""
        at = self._places[path]
        found = rows[:, at] if isinstance(path, Fields) else rows[:, at.start]
        return np.ascontiguousarray(found).view(np.float64) if path in self._floats else found

    def place(self, path: Path) -> slice:
        """Return where a path's words are in a row."""
        return self._places[path]

    def read(self) -> dict[Any, Any]:
        """Return the numbers that stand there now, by path; for probes without `Fields`."""
        row = self.copy()
        numbers = dict(zip(self._places, row.tolist(), strict=True))
        floats = row.view(np.float64)
        return numbers | {path: float(floats[self._places[path].start]) for path in self._floats}


def _by_record(whole: Any, paths: Iterable[Path]) -> list[tuple[Any, tuple[Path, ...], str]]:
    """Return the records into which paths lead, each with its paths and what of these leads to it."""
    found: dict[tuple[int, str], tuple[Any, list[Path]]] = {}
    for path in paths:
        to_array = path.array if isinstance(path, Fields) else path
        record, inside = whole.place_of(to_array)
        found.setdefault((id(record), to_array.removesuffix(inside)), (record, []))[1].append(path)
    return [(record, tuple(inside), prefix) for (_, prefix), (record, inside) in found.items()]


@lru_cache(maxsize=64)  # the same figures are read in each run of a process
def _plan_of(dtype: Any, paths: tuple[Path, ...], prefix: str) -> _Plan:
    """Return the plan of some paths of a record; `prefix`: what of each leads to the record."""
    found, places, floats, n_words = [], {}, set(), 0
    for path in paths:
        words, is_float = _words_at(dtype, path, prefix)
        found.append(words)
        places[path] = slice(n_words, n_words + len(words))
        n_words += len(words)
        if is_float:
            floats.add(path)
    return _Plan(np.concatenate(found), places, frozenset(floats))


def _words_at(dtype: Any, path: Path, prefix: str) -> tuple[Ints, bool]:
    """Return the numbers of the words of a path, which leads to an array or to a number, and whether it is a float."""
    inside = (path.array if isinstance(path, Fields) else path).removeprefix(prefix)
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


def words_of(dtype: Any, *paths: str) -> Ints:
    """Return the numbers of the words of a record in which the numbers at some paths stand."""
    return np.concatenate([_words_at(dtype, path, "")[0] for path in paths])
