"""The points of a sweep: each combination of the groups' values that the condition leaves, numbered in order."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from hwmodel.config.kinds import shown
from hwmodel.config.overrides import Change

from .sweep_file import SweepFile
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
        return [axis.change(at, self.sweep.study) for group, at in pairs for axis in group]

    def first_with_each_value(self) -> Iterator[int]:
        """Yield the first run of all, then the first with each further value of each group."""
        yield from (0,) if len(self) else ()
        if self.kept is None:
            for at, size in enumerate(self.sizes):
                others = math.prod(self.sizes[at + 1 :])
                yield from (position * others * self.sweep.n_seeds for position in range(1, size))
            return
        seen = set(enumerate(self.positions(0)))
        for number in range(self.sweep.n_seeds, len(self), self.sweep.n_seeds):
            new = set(enumerate(self.positions(number))) - seen
            if new:
                seen |= new
                yield number
            if len(seen) == sum(self.sizes):
                return


def points_of(sweep: SweepFile, *, most: int | None) -> Points:
    """Find the points, all of them where the condition cannot be used.

    Problems are recorded: no point, more than `most` runs (None: no limit), or hopelessly many.
    """
    sizes = tuple(min(len(axis.values) for axis in group) for group in sweep.groups)
    points, study, n_all = Points(sweep, sizes, None), sweep.study, math.prod(sizes)
    if n_all > MOST_COMBINATIONS:
        study.complain((), f"{n_all:,} combinations are more than the {MOST_COMBINATIONS:,} that a sweep can have")
        return points
    if sweep.is_wanted is not None:
        kept = _wanted(sweep, sizes)
        if not kept:
            return points
        points = Points(sweep, sizes, kept)
    if most is not None and len(points) > most:
        study.complain((), f"{len(points):,} runs; --yes lets more than {most:,} begin")
    return points


def _wanted(sweep: SweepFile, sizes: tuple[int, ...]) -> array[int]:
    """Return the numbers of the combinations that the condition leaves; none after a problem was recorded."""
    assert sweep.is_wanted is not None
    kept = array("q")
    keys = [axis.key for axis in sweep.axes]
    n_all = math.prod(sizes)
    every = Points(sweep, sizes, range(n_all))
    for combination in range(n_all):
        values = every.values(combination * sweep.n_seeds)
        try:
            if sweep.is_wanted(dict(zip(keys, values, strict=True))):
                kept.append(combination)
        except WhereError as error:
            words = ", ".join(f"{key} {shown(value)}" for key, value in zip(keys, values, strict=True))
            sweep.study.complain(("where",), f"{error} (at {words})")
            return array("q")
    if not kept:
        sweep.study.complain(("where",), f"no point of {n_all:,} meets it")
    return kept


def _positions(combination: int, sizes: tuple[int, ...]) -> list[int]:
    positions = []
    for size in reversed(sizes):
        combination, position = divmod(combination, size)
        positions.append(position)
    return positions[::-1]
