"""The points of a sweep: each combination of the groups' values that the condition leaves, numbered in order."""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hwmodel.config.overrides import Change
from hwmodel.errors import InputError

from .sweep_file import CAPTURE, SweepFile
from .where import WhereError

MOST_COMBINATIONS = 10_000_000  # with a condition each is looked at; beyond, no machine ever ends


@dataclass(frozen=True)
class Points:
    """Hold which combinations are points; `kept` is None where all are."""

    sweep: SweepFile
    sizes: tuple[int, ...]
    kept: Sequence[int] | None

    def __len__(self) -> int:
        """Return the number of runs: the points, each with every seed."""
        n_kept = math.prod(self.sizes) if self.kept is None else len(self.kept)
        return n_kept * self.sweep.n_seeds

    def positions(self, number: int) -> list[int]:
        """Return which value each group has in the point of run `number`."""
        combination = number // self.sweep.n_seeds
        return _positions(combination if self.kept is None else self.kept[combination], self.sizes)

    def seed_offset(self, number: int) -> int:
        """Return by how much the seed of run `number` is above the first."""
        return number % self.sweep.n_seeds

    def values(self, number: int) -> list[Any]:
        """Return the values of run `number`, in the order of the axes."""
        pairs = zip(self.sweep.groups, self.positions(number), strict=True)
        return [axis.values[position] for group, position in pairs for axis in group]

    def changes(self, number: int) -> list[Change]:
        """Return what run `number` changes in the base, apart from its seed."""
        pairs = zip(self.sweep.groups, self.positions(number), strict=True)
        return [
            Change(axis.key, self._value(axis.key, axis.values[at]), axis.key_place, axis.places[at], axis.prefix)
            for group, at in pairs
            for axis in group
        ]

    def _value(self, key: str, value: Any) -> Any:
        return capture_path(self.sweep, value) if key == CAPTURE and isinstance(value, str) else value


def points_of(sweep: SweepFile, *, most: int | None) -> Points:
    """Find the points; InputError where there are none, more than `most` runs (None: no limit), or hopelessly many."""
    sizes = tuple(len(group[0].values) for group in sweep.groups)
    n_all = math.prod(sizes)
    place = sweep.document.place_of(())
    if n_all > MOST_COMBINATIONS:
        raise InputError(
            f"{place}: {n_all:,} combinations are more than the {MOST_COMBINATIONS:,} that a sweep can have"
        )
    kept = None
    if sweep.is_wanted is not None:
        kept = _wanted(sweep, sizes)
        if not kept:
            raise InputError(f"{sweep.document.place_of(('where',))}: where: no point of {n_all:,} meets it")
    points = Points(sweep, sizes, kept)
    if most is not None and len(points) > most:
        raise InputError(f"{place}: {len(points):,} runs; --yes lets more than {most:,} begin")
    return points


def _wanted(sweep: SweepFile, sizes: tuple[int, ...]) -> array[int]:
    """Return the numbers of the combinations that the condition leaves."""
    assert sweep.is_wanted is not None
    kept = array("q")
    keys = [axis.key for axis in sweep.axes]
    every = Points(sweep, sizes, range(math.prod(sizes)))
    for combination in range(math.prod(sizes)):
        values = every.values(combination * sweep.n_seeds)
        try:
            if sweep.is_wanted(dict(zip(keys, values, strict=True))):
                kept.append(combination)
        except WhereError as error:
            words = ", ".join(f"{key} {value}" for key, value in zip(keys, values, strict=True))
            raise InputError(f"{sweep.document.place_of(('where',))}: where: {error} (at {words})") from None
    return kept


def _positions(combination: int, sizes: tuple[int, ...]) -> list[int]:
    positions = []
    for size in reversed(sizes):
        combination, position = divmod(combination, size)
        positions.append(position)
    return positions[::-1]


def capture_path(sweep: SweepFile, name: str) -> str:
    """Return the file of a capture that the sweep's file names, as a whole path."""
    import os

    return os.path.abspath(os.path.join(sweep.directory, name))
