"""Read a sweep's file strictly: which configuration, which keys vary, over which values; all problems at once."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hwmodel.config.base_document import document_of
from hwmodel.config.document import Document, Place, Problem, raise_problems, read_document
from hwmodel.config.kinds import shown, suggest
from hwmodel.config.shipped import study_path

from .quantities import identity
from .ranges import RANGE_KEYS, RangeError, values_of_range
from .where import WhereError, compile_where

KEYS = ("base", "set", "grid", "zip", "list", "seeds", "where")
MOST_SEEDS = 1000
CAPTURE = "workload.pcap"  # the one key whose value is the name of a file


@dataclass(frozen=True)
class Axis:
    """A key of the configuration, its values as written, and where each, and the key, was written."""

    key: str
    values: tuple[Any, ...]
    key_place: Place
    places: tuple[Place, ...]
    prefix: str


@dataclass(frozen=True)
class SweepFile:
    """Hold what a sweep's file says.

    `groups`: axes that vary together, each group by itself against all others, the first slowest. `directory`: where
    names of files in it start.
    """

    document: Document
    name: str
    directory: str
    base: Any
    groups: tuple[tuple[Axis, ...], ...]
    n_seeds: int
    where: str | None
    is_wanted: Callable[[Mapping[str, Any]], bool] | None

    @property
    def axes(self) -> tuple[Axis, ...]:
        """Return all axes in the order of the file."""
        return tuple(axis for group in self.groups for axis in group)


@dataclass
class _Reading:
    document: Document
    groups: list[tuple[Axis, ...]] = field(default_factory=list)

    def complain(self, path: tuple[str | int, ...], message: str, *, at_key: bool = False) -> None:
        place = self.document.place_of(path, key=at_key)
        self.document.problems.append(Problem(place, ".".join(map(str, path)), message))


def read_sweep(source: str | os.PathLike[str] | Mapping[str, Any]) -> SweepFile:
    """Read a sweep's file, a shipped one by its name, or a mapping as one would hold it.

    Raises InputError with a line for each problem.
    """
    if isinstance(source, Mapping):
        document, name, directory = document_of(source, "sweep"), "sweep", "."
    else:
        path = study_path(Path(source))
        document, name, directory = read_document(path), path.name, str(path.parent)
    reading = _Reading(document)
    if not isinstance(document.data, dict):
        if not document.problems:
            reading.complain((), "a sweep is made of keys and values, like grid: {pcie.lanes: [1, 2, 4, 8]}")
        raise_problems(document.problems)
    _check_keys(reading)
    _read_grid(reading)
    _read_zip(reading)
    _read_list(reading)
    _check_axes(reading)
    n_seeds = _seeds(reading)
    is_wanted = _where(reading)
    raise_problems(document.problems)
    data = document.data
    return SweepFile(
        document, name, directory, data["base"], tuple(reading.groups), n_seeds, data.get("where"), is_wanted
    )


def _check_keys(reading: _Reading) -> None:
    data = reading.document.data
    for key in data:
        if key not in KEYS:
            hint = suggest(key, KEYS) or f"; known here: {', '.join(KEYS)}"
            reading.complain((key,), f"unknown key{hint}", at_key=True)
    if "base" not in data:
        reading.complain((), "base is missing: the configuration that the points vary")
    elif not isinstance(data["base"], str | dict):
        reading.complain(("base",), f"{shown(data['base'])} is neither the name of a configuration nor one")
    if not isinstance(data.get("set", {}), dict):
        reading.complain(("set",), f"{shown(data['set'])} where keys with values are expected")
    if not any(key in data for key in ("grid", "zip", "list", "seeds")):
        reading.complain((), "nothing varies: a sweep has a grid, zip, list or seeds")


def _read_grid(reading: _Reading) -> None:
    for axis in _axes_of(reading, "grid"):
        reading.groups.append((axis,))


def _read_zip(reading: _Reading) -> None:
    axes = _axes_of(reading, "zip")
    if not axes:
        return
    lengths = [len(axis.values) for axis in axes]
    for axis, length in zip(axes, lengths, strict=True):
        if length != lengths[0]:
            message = f"it has {length} values, {axes[0].key} has {lengths[0]}; zipped axes go in step"
            reading.complain(("zip", axis.key), message, at_key=True)
    reading.groups.append(tuple(axes))


def _axes_of(reading: _Reading, section: str) -> list[Axis]:
    document = reading.document
    written = document.data.get(section, {})
    if not isinstance(written, dict):
        reading.complain((section,), f"{shown(written)} where axes are expected, like pcie.lanes: [1, 2, 4, 8]")
        return []
    if not written and section in document.data:
        reading.complain((section,), "no axis is in it; write one like pcie.lanes: [1, 2, 4, 8]")
    axes = []
    for key, value in written.items():
        path = (section, key)
        values = _values(reading, path, value)
        if values is not None:
            places = tuple(document.place_of((*path, number)) for number in range(len(values)))
            axes.append(Axis(key, tuple(values), document.place_of(path, key=True), places, f"{section}."))
    return axes


def _values(reading: _Reading, path: tuple[str, str], written: Any) -> list[Any] | None:
    """Return the values of an axis; None after a problem was recorded."""
    if path in reading.document.unreadable:
        return None
    if isinstance(written, dict):
        try:
            return values_of_range(written)
        except RangeError as error:
            at = (*path, error.key) if error.key else path
            reading.complain(at, str(error), at_key=bool(error.key) and error.key not in RANGE_KEYS)
            return None
    if not isinstance(written, list):
        reading.complain(path, f"{shown(written)} is no list of values; write it like [{shown(written)}]")
        return None
    if not written:
        reading.complain(path, "the axis is empty: no value, no point")
        return None
    return written


def _read_list(reading: _Reading) -> None:
    document = reading.document
    if "list" not in document.data:
        return
    points = document.data["list"]
    if not isinstance(points, list) or not points:
        reading.complain(("list",), f"{shown(points)} is no list of points, like [{{pcie.lanes: 4, nic.vfs: 8}}]")
        return
    good = [point for point in points if isinstance(point, dict) and point]
    keys = list(good[0]) if good else []
    for number, point in enumerate(points):
        if not isinstance(point, dict) or not point:
            reading.complain(("list", number), f"{shown(point)} is no point, like {{pcie.lanes: 4, nic.vfs: 8}}")
        elif set(point) != set(keys):
            odd = sorted(set(point) ^ set(keys))
            reading.complain(("list", number), f"all points have the same keys; {', '.join(odd)} is not in all of them")
    if any(set(point) != set(keys) for point in points if isinstance(point, dict)) or len(good) < len(points):
        return
    axes = []
    for key in keys:
        places = tuple(document.place_of(("list", number, key)) for number in range(len(points)))
        key_place = document.place_of(("list", 0, key), key=True)
        axes.append(Axis(key, tuple(point[key] for point in points), key_place, places, "list."))
    reading.groups.append(tuple(axes))


def _check_axes(reading: _Reading) -> None:
    """Find a key that varies twice, or is set as well; and points that stand twice."""
    first_of: dict[str, Axis] = {}
    changed = _dotted_keys(reading.document.data.get("set"))
    for axis in (axis for group in reading.groups for axis in group):
        if axis.key in first_of:
            message = f"it varies in {first_of[axis.key].prefix[:-1]} already"
            reading.document.problems.append(Problem(axis.key_place, axis.prefix + axis.key, message))
        elif axis.key in changed:
            message = "it is in `set` too; a key that varies has its values from its axis alone"
            reading.document.problems.append(Problem(axis.key_place, axis.prefix + axis.key, message))
        first_of.setdefault(axis.key, axis)
    for group in reading.groups:
        _check_repeats(reading, group)


def _check_repeats(reading: _Reading, group: tuple[Axis, ...]) -> None:
    seen: dict[tuple[str, ...], int] = {}
    if len({len(axis.values) for axis in group}) > 1:
        return  # reported as such
    for number, values in enumerate(zip(*(axis.values for axis in group), strict=True)):
        first = seen.setdefault(tuple(map(identity, values)), number)
        if first != number:
            words = ", ".join(f"{axis.key} {shown(value)}" for axis, value in zip(group, values, strict=True))
            message = f"{words} is there already, as number {first + 1} of {len(group[0].values)}"
            if group[0].prefix == "list.":
                reading.complain(("list", number), message)
            else:
                problem = Problem(group[0].places[number], group[0].prefix + group[0].key, message)
                reading.document.problems.append(problem)


def _dotted_keys(written: Any, before: str = "") -> set[str]:
    if not isinstance(written, dict):
        return {before[:-1]}
    return {key for name, value in written.items() for key in _dotted_keys(value, f"{before}{name}.")}


def _seeds(reading: _Reading) -> int:
    n_seeds = reading.document.data.get("seeds", 1)
    if isinstance(n_seeds, bool) or not isinstance(n_seeds, int) or not 1 <= n_seeds <= MOST_SEEDS:
        reading.complain(("seeds",), f"{shown(n_seeds)} is no number of seeds, 1 to {MOST_SEEDS}")
        return 1
    by_axis = next((axis for group in reading.groups for axis in group if axis.key == "run.seed"), None)
    if by_axis is not None and "seeds" in reading.document.data:
        reading.complain(("seeds",), f"{by_axis.prefix}run.seed says the seeds already")
    return n_seeds


def _where(reading: _Reading) -> Callable[[Mapping[str, Any]], bool] | None:
    text = reading.document.data.get("where")
    if text is None:
        return None
    if not isinstance(text, str):
        reading.complain(("where",), f'{shown(text)} is no condition, like "pcie.lanes < 8"')
        return None
    axes = [axis.key for group in reading.groups for axis in group]
    if not axes:
        return None
    try:
        return compile_where(text, axes)
    except WhereError as error:
        reading.complain(("where",), str(error))
        return None
