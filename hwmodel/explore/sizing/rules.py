"""What a run that misses is taken to say of those beside it: rules that order the search, until a run refutes them."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from hwmodel.explore.sizing.space import Flags, Space
from hwmodel.explore.sizing.trials import Trial, Trials

_ALIKE = 0.005  # of the bound: figures nearer than that do not show which of two is better


@dataclass
class Rules:
    """Hold what runs have ruled out beside them, by `more of a knob is never worse`.

    `by_rule`: those with no more of the monotone knobs than one that missed; `by_word`: where the file says that they
    are. `refuted`: knobs of which a run with less gave more, by target; for these the rule is not applied again.
    `shortfall`: by how much the nearest one that speaks for a candidate missed.
    """

    space: Space
    trials: Trials
    refuted: dict[str, frozenset[int]] = field(default_factory=dict)
    by_rule: Flags = field(init=False)
    by_word: Flags = field(init=False)
    shortfall: npt.NDArray[np.float64] = field(init=False)

    def __post_init__(self) -> None:
        self.apply()

    def learn(self, trial: Trial) -> None:
        """Refute what a new run refutes, and apply what is left of the rules."""
        for other in list(self.trials.known.values()):
            if other is not trial:
                self._compare(trial, other)
                self._compare(other, trial)
        self.apply()

    def apply(self) -> None:
        """Mark again what all runs rule out beside them."""
        self.by_rule, self.by_word = self.space.flags(), self.space.flags()
        self.shortfall = np.zeros(self.space.shape)
        for trial in self.trials.known.values():
            for metric in self.trials.measured_to_miss(trial):
                beside = self.space.no_better(trial.candidate, self.axes(metric))
                self.by_rule[beside] = True
                np.maximum(self.shortfall[beside], self.trials.shortfall(trial), out=self.shortfall[beside])
                self.by_word[self.space.no_better(trial.candidate, self.axes(metric, said_alone=True))] = True

    def axes(self, metric: str, said_alone: bool = False) -> frozenset[int]:
        """Return the knobs of which more is never worse for a target, as far as no run has refuted it."""
        return self.space.axes([metric], said_alone) - self.refuted.get(metric, frozenset())

    def _compare(self, less: Trial, more: Trial) -> None:
        """Refute the rule for the knobs in which two differ, where the one with no more of them is better."""
        if not (less.runs and more.runs):
            return
        pairs = list(enumerate(zip(less.candidate, more.candidate, strict=True)))
        differ = frozenset(axis for axis, (a, b) in pairs if a != b)
        if not differ or any(a > b for _, (a, b) in pairs):
            return
        targets, estimates = self.trials.sizing.targets, self.trials.estimates
        for target, one, other in zip(targets, estimates(less), estimates(more), strict=True):
            if differ <= self.axes(target.metric) and one.mean is not None and other.mean is not None:
                gain = target.margin(one.mean) - target.margin(other.mean)
                chance = (one.half + other.half) / (target.bound or 1) + (_ALIKE if target.bound else 0)
                if gain > chance or (one.is_met and not other.is_met):
                    self.refuted[target.metric] = self.refuted.get(target.metric, frozenset()) | differ
