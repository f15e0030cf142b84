"""Rule out by the closed form: few evaluations, each of which also speaks for the candidates beside it."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass, field

from hwmodel.errors import InputError
from hwmodel.explore.sizing.bounds import OUTSIDE_THE_CLOSED_FORM, OUTSIDE_THE_FLOOR, Bounds, bounds_of
from hwmodel.explore.sizing.sizing_file import Sizing
from hwmodel.explore.sizing.space import Candidate, Flags, Space
from hwmodel.explore.sizing.targets import LATENCIES

# Each takes some 15 ms; what is left is asked one by one before it would be simulated.
MOST_AT_ONCE = 300


@dataclass
class Screening:
    """Hold what the closed form has ruled out: `missed` by it, `invalid` where there is no such configuration.

    `reason`: why the first that is none is none. `known`: the bounds of each candidate that was asked about, None
    where the closed form has nothing to say.
    """

    sizing: Sizing
    space: Space
    missed: Flags = field(init=False)
    invalid: Flags = field(init=False)
    unknown: Flags = field(init=False)
    known: dict[Candidate, Bounds | None] = field(default_factory=dict)
    reason: str = ""

    def __post_init__(self) -> None:
        self.missed, self.invalid, self.unknown = self.space.flags(), self.space.flags(), ~self.space.flags()
        self._free = self._axes_of(OUTSIDE_THE_CLOSED_FORM)
        self._free_of_latency = self._axes_of(OUTSIDE_THE_FLOOR)

    def find_cheapest(self, alive: Flags, most: int = MOST_AT_ONCE) -> None:
        """Ask until it is known which of some candidates is the cheapest that is left, or so many times.

        What costs more than one that is left need not be asked about for that.
        """
        for _ in range(most):
            left = alive & ~(self.missed | self.invalid)
            known = left & ~self.unknown
            cheapest = self.space.rank[known].min() if known.any() else len(self.space)
            open_ones = left & self.unknown & (self.space.rank < cheapest)
            if not open_ones.any():
                return
            self.ask(self.space.middle(open_ones))

    def ask(self, candidate: Candidate) -> bool:
        """Tell whether the closed form leaves a candidate in the running, and mark what follows for others."""
        if self.unknown[candidate]:
            self._mark(candidate, self.bounds(candidate))
        return not (self.missed[candidate] or self.invalid[candidate])

    def bounds(self, candidate: Candidate) -> Bounds | None:
        """Return a candidate's bounds, None where there is no such configuration or nothing is known of it."""
        if candidate not in self.known:
            self.known[candidate] = self._bounds(candidate)
        return self.known[candidate]

    def _bounds(self, candidate: Candidate) -> Bounds | None:
        try:
            config = self.sizing.config(candidate)
        except InputError as error:
            self.invalid[candidate], self.reason = True, self.reason or error.lines[0]
            return None
        try:
            return bounds_of(config, self.sizing.targets)
        except InputError:  # a load that the closed form does not know
            return None

    def _mark(self, candidate: Candidate, bounds: Bounds | None) -> None:
        self.unknown[candidate] = False
        if bounds is None:
            return
        missed = bounds.missed(self.sizing.targets)
        for metric in missed:
            free = self._free_of_latency if metric in LATENCIES else self._free
            beside = self.space.no_better(candidate, self.space.axes([metric]), free)
            self.missed[beside], self.unknown[beside] = True, False
        if not missed:
            metrics = {target.metric for target in self.sizing.targets if target.metric in bounds.figures}
            axes = self.space.axes(metrics)
            if metrics & set(LATENCIES):
                axes |= self.space.axes(metrics - set(LATENCIES)) & self._free_of_latency
            self.unknown[self.space.no_worse(candidate, axes, self._free)] = False

    def _axes_of(self, keys: Set[str]) -> frozenset[int]:
        return frozenset(axis for axis, knob in enumerate(self.space.knobs) if knob.key in keys)
