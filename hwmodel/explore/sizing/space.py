"""The search space: each knob's values from weakest to strongest, and all candidates made of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
import numpy.typing as npt

from hwmodel.explore.sizing.targets import METRICS, RATES
from hwmodel.explore.study.axes import Quantity, exact
from hwmodel.resources import RESOURCES

MOST_VALUES = 1000
# More of these never makes things worse, as a rule: they serve sooner, or let more be in flight at once. Losses under
# saturation are an exception: a faster part may bring frames sooner to a receiver without room (docs/results.md). A
# rule is no proof: it only orders the runs, and runs can refute it (`Rules`).
_NEVER_WORSE = frozenset(("switch.bus_bits", *(key for row in RESOURCES if row.is_never_worse for key in row.keys)))
# More room never lowers throughput, but frames may wait in it longer; a receiver's room never adds losses.
_ROOM_TO_SEND = frozenset(("nic.tx_ring", "nic.tx_buffer", "nic.descriptor_cache"))
_ROOM_TO_RECEIVE = frozenset(("nic.rx_ring", "nic.rx_buffer", "switch.queue_bytes"))
# 0 or null mean no limit, so numeric order is not the order of strength.
_UNLIMITED = (0, None)


@dataclass(frozen=True)
class Knob:
    """Hold a key with its values in order, weakest first, and the cost of each.

    `monotone`: the targets for which a later value is never worse than an earlier one, as a rule; `is_said`: the file
    declares it, which holds until a run refutes it.
    """

    key: str
    values: tuple[Any, ...]
    costs: tuple[float, ...]
    monotone: frozenset[str] = frozenset()
    is_said: bool = False

    def __len__(self) -> int:
        return len(self.values)


def magnitude(value: Any) -> float | None:
    """Return a value as a number to sort by, a quantity in its base unit; None if it is not a number."""
    number = exact(value)
    return None if number is None else float(number.amount if isinstance(number, Quantity) else number)


def monotone_of(
    key: str, values: Sequence[Any], said: bool | None, *, is_open: bool, room_costs: bool
) -> frozenset[str]:
    """Return the targets for which a later value is never worse: as the file says, else (None) as known of the key.

    `is_open`: an open load: frames arrive whether there is room or not. `room_costs`: the host has a cache or an IOTLB,
    which longer rings outgrow.
    """
    if said is not None:
        return frozenset(METRICS if said else ())
    magnitudes = [magnitude(value) for value in values]
    if any(number in _UNLIMITED for number in magnitudes):
        return frozenset()
    if key in _NEVER_WORSE:
        return frozenset(METRICS if is_open else set(METRICS) - {"loss"})
    if room_costs and key in _ROOM_TO_SEND | _ROOM_TO_RECEIVE:
        return frozenset()
    if key in _ROOM_TO_SEND:
        return frozenset(RATES)
    return frozenset((*RATES, "loss") if key in _ROOM_TO_RECEIVE else ())


# ---- All candidates: the cost and rank of each, and what one that fails says of those beside it ----


Candidate = tuple[int, ...]
Flags = npt.NDArray[np.bool_]
_MOST_WEIGHED = 256  # candidates tried for the most telling one: more would take time and gain little
_EVERYTHING = slice(None)


class Space:
    """Hold all candidates (a position in each knob's values): `cost`, and `rank` by cost, smaller positions first.

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
        """Return an array with False for each candidate."""
        return np.zeros(self.shape, bool)

    def axes(self, metrics: Iterable[str], said_alone: bool = False) -> frozenset[int]:
        """Return the knobs of which more is never worse for these targets; `said_alone`: only if the file says so."""
        wanted = set(metrics)
        return frozenset(
            axis for axis, knob in enumerate(self.knobs) if wanted <= knob.monotone and (knob.is_said or not said_alone)
        )

    def no_better(
        self, candidate: Candidate, axes: frozenset[int], free: frozenset[int] = frozenset()
    ) -> tuple[slice, ...]:
        """Slice out those with no more of the knobs in `axes`, all else alike; `free`: knobs that do not matter."""
        return self._beside(candidate, axes, free, lambda at: slice(0, at + 1))

    def no_worse(
        self, candidate: Candidate, axes: frozenset[int], free: frozenset[int] = frozenset()
    ) -> tuple[slice, ...]:
        """Slice out those with no less of the knobs in `axes`, all else alike; `free`: knobs that do not matter."""
        return self._beside(candidate, axes, free, lambda at: slice(at, None))

    def cheapest(self, among: Flags) -> Candidate | None:
        """Return the cheapest of some candidates, None where there are none."""
        return next(iter(self.by_rank(among, 1)), None)

    def by_rank(self, among: Flags, most: int) -> list[Candidate]:
        """List the cheapest of some candidates, cheapest first, at most so many."""
        return [self.candidate(int(number)) for number in self._in_order(among)[:most]]

    def dearest(self, among: Flags, most: int) -> list[Candidate]:
        """List the dearest of some candidates, dearest first, at most so many."""
        return [self.candidate(int(number)) for number in self._in_order(among)[::-1][:most]]

    def _in_order(self, among: Flags) -> npt.NDArray[np.intp]:
        """Return the flat indices of some candidates, cheapest first."""
        return self._order[among.ravel()[self._order]]

    def candidate(self, number: int) -> Candidate:
        """Return the candidate with a flat index."""
        return tuple(int(at) for at in np.unravel_index(number, self.shape))

    def middle(self, among: Flags) -> Candidate:
        """Return the median of some candidates by the sum of their knobs' positions."""
        numbers = np.flatnonzero(among)
        positions = np.sum(np.unravel_index(numbers, self.shape), axis=0)
        half = len(numbers) // 2
        return self.candidate(int(numbers[np.argpartition(positions, half)[half]]))

    def most_telling(self, among: Flags, axes: frozenset[int]) -> tuple[Candidate, int]:
        """Return the candidate that rules out most others in the worse of its two outcomes, and how many that is.

        One that fails rules out those with no more of the knobs in `axes`; one that meets rules out all that cost more.
        """
        numbers = self._in_order(among)
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
