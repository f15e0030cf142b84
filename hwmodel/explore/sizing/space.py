"""All that the knobs allow: each candidate's cost and rank, and what one that fails says of those beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import reduce

import numpy as np
import numpy.typing as npt

from hwmodel.explore.sizing.knobs import Knob

Candidate = tuple[int, ...]
Flags = npt.NDArray[np.bool_]
_MOST_WEIGHED = 256  # candidates among which the most telling one is looked for: more tell no more, and take time
_EVERYTHING = slice(None)


class Space:
    """Hold every candidate, a position in each knob's values: `cost`, and `rank` by cost, the smaller positions first.

    Arrays have an axis for each knob.
    """

    def __init__(self, knobs: Sequence[Knob]) -> None:
        self.knobs = tuple(knobs)
        self.shape = tuple(len(knob) for knob in knobs)
        self.cost = reduce(np.add.outer, [np.array(knob.costs, float) for knob in knobs])
        positions = reduce(np.add.outer, [np.arange(len(knob)) for knob in knobs])
        order = np.lexsort((np.arange(self.cost.size), positions.ravel(), self.cost.ravel()))
        self.rank = np.empty(self.cost.size, np.int64)
        self.rank[order] = np.arange(self.cost.size)
        self.rank = self.rank.reshape(self.shape)
        self._order = order

    def __len__(self) -> int:
        return int(self.cost.size)

    def flags(self) -> Flags:
        """Return an array that is false for each candidate."""
        return np.zeros(self.shape, bool)

    def axes(self, metrics: Iterable[str], said_alone: bool = False) -> frozenset[int]:
        """Return the knobs of which more is never worse for any of these targets; `said_alone`: by the file's word."""
        wanted = set(metrics)
        return frozenset(
            axis for axis, knob in enumerate(self.knobs) if wanted <= knob.monotone and (knob.is_said or not said_alone)
        )

    def no_better(
        self, candidate: Candidate, axes: frozenset[int], free: frozenset[int] = frozenset()
    ) -> tuple[slice, ...]:
        """Return those with no more of the knobs in `axes`, all else alike; `free`: knobs that do not matter."""
        return self._beside(candidate, axes, free, lambda at: slice(0, at + 1))

    def no_worse(
        self, candidate: Candidate, axes: frozenset[int], free: frozenset[int] = frozenset()
    ) -> tuple[slice, ...]:
        """Return those with no less of the knobs in `axes`, all else alike; `free`: knobs that do not matter."""
        return self._beside(candidate, axes, free, lambda at: slice(at, None))

    def cheapest(self, among: Flags) -> Candidate | None:
        """Return the cheapest of some candidates, None where there are none."""
        return next(iter(self.by_rank(among, 1)), None)

    def by_rank(self, among: Flags, most: int) -> list[Candidate]:
        """List the cheapest of some candidates, cheapest first, at most so many."""
        flat = among.ravel()
        found = self._order[flat[self._order]][:most]
        return [self.candidate(int(number)) for number in found]

    def dearest(self, among: Flags, most: int) -> list[Candidate]:
        """List the dearest of some candidates, dearest first, at most so many."""
        found = self._order[among.ravel()[self._order]][::-1][:most]
        return [self.candidate(int(number)) for number in found]

    def candidate(self, number: int) -> Candidate:
        """Return the candidate at a place of the flattened arrays."""
        return tuple(int(at) for at in np.unravel_index(number, self.shape))

    def middle(self, among: Flags) -> Candidate:
        """Return one of some candidates such that about as many have more as have less of the knobs."""
        numbers = np.flatnonzero(among)
        positions = np.sum(np.unravel_index(numbers, self.shape), axis=0)
        half = len(numbers) // 2
        return self.candidate(int(numbers[np.argpartition(positions, half)[half]]))

    def most_telling(self, among: Flags, axes: frozenset[int]) -> tuple[Candidate, int]:
        """Return the candidate that rules out most of the others whether it meets or not, and how many at the least.

        One that fails rules out those with no more of the knobs in `axes`, one that meets all that cost more.
        """
        numbers = self._order[among.ravel()[self._order]]
        n_alive = len(numbers)
        step = max(1, n_alive // _MOST_WEIGHED)
        best, most = self.candidate(int(numbers[0])), 0
        for at in range(0, n_alive, step):
            n_by_pass = n_alive - at
            if n_by_pass <= most:
                break
            candidate = self.candidate(int(numbers[at]))
            power = min(n_by_pass, int(np.count_nonzero(among[self.no_better(candidate, axes)])))
            if power > most:
                best, most = candidate, power
        return best, most

    def _beside(
        self, candidate: Candidate, axes: frozenset[int], free: frozenset[int], of: Callable[[int], slice]
    ) -> tuple[slice, ...]:
        return tuple(
            _EVERYTHING if axis in free else of(at) if axis in axes else slice(at, at + 1)
            for axis, at in enumerate(candidate)
        )
