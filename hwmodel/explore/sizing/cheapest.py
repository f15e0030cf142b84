"""The search for the cheapest candidate that meets every target: which to run next, which to rule out, and why."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from random import Random

import numpy as np
import numpy.typing as npt

from hwmodel.explore.sizing.screening import Screening
from hwmodel.explore.sizing.space import Candidate, Flags, Space
from hwmodel.explore.sizing.trials import Trial, Trials

_SEED = 1
_AT_RANDOM = 6  # random runs before the best one guides the search


class Cheapest:
    """Search for the cheapest candidate: first among those not ruled out, then among those that are, to make sure.

    First runs the cheapest candidate that the closed form leaves, which usually is the answer; then repeatedly the one
    whose result, good or bad, rules out most others (bisection if there is one monotone knob). Where nothing is
    monotone, all are run, cheapest first, or, if that exceeds the budget, those nearest to the best so far. Finally
    cheaper candidates that were ruled out without a run are run too, the nearest misses first, since neither the closed
    form nor a rule is proof. `reserve`: simulations kept for describing the answer.
    """

    def __init__(self, space: Space, screening: Screening, trials: Trials, reserve: int) -> None:
        self.space = space
        self.screening = screening
        self.trials = trials
        self.rules = Rules(space, trials)
        self._reserve = reserve
        self._random = Random(_SEED)

    def find(self) -> Candidate | None:
        """Return the cheapest candidate that meets the targets over all seeds; None if none was found.

        Cheaper candidates that narrowly miss are run with the other seeds too.
        """
        while True:
            best = self._cheapest_of_one_seed()
            n_runs, repeats = self.trials.n_runs, self.trials.sizing.repeats
            if best is not None:
                self.repeat(best, repeats)
                if self.trials.missed(self.trials.known[best]):
                    continue
            for near in self.near(best):
                if len(self.trials.known[near].runs) < repeats and self.trials.left > self._reserve - repeats + 1:
                    self.repeat(near, repeats)
                    if not self.trials.missed(self.trials.known[near]):
                        break
            if self.trials.n_runs == n_runs:
                return best

    def repeat(self, candidate: Candidate, n_seeds: int) -> None:
        """Run a candidate until it has `n_seeds` runs, as far as the budget allows."""
        self.rules.learn(self.trials.repeat(candidate, n_seeds))

    def learn(self, trial: Trial) -> None:
        """Update the rules with a run, and note whether it exceeds the closed form."""
        self.screening.learn(trial.candidate, self.trials.estimates(trial) if trial.runs else ())
        self.rules.learn(trial)

    def below(self, best: Candidate | None) -> Flags:
        """Return the candidates ranked as cheaper than `best`; all if it is None."""
        return self.space.rank < (len(self.space) if best is None else self.space.rank[best])

    def alive(self, best: Candidate | None) -> Flags:
        """Return the candidates cheaper than `best` that were neither run nor ruled out; of all if it is None."""
        return self.unrun(best) & ~(self.rules.by_rule | self.screening.missed)

    def unrun(self, best: Candidate | None) -> Flags:
        """Return the valid candidates cheaper than `best` that were not run; of all if it is None."""
        return self.below(best) & ~self.screening.invalid & ~self._ran()

    def unsettled(self, best: Candidate | None) -> Flags:
        """Return the cheaper ones not run, and ruled out neither by the closed form nor by what the file declares."""
        return self.unrun(best) & ~(self.rules.by_word | self.screening.missed)

    def passed(self) -> Flags:
        """Return the candidates that have met all targets in their runs."""
        found = self.space.flags()
        for candidate, trial in self.trials.known.items():
            found[candidate] = bool(trial.runs) and not self.trials.missed(trial)
        return found

    def near(self, best: Candidate | None) -> list[Candidate]:
        """List cheaper candidates that miss so narrowly that other seeds may meet the targets, cheapest first."""
        ran = [one for one, trial in self.trials.known.items() if self.trials.nearly_meets(trial)]
        cheaper = self.below(best) & ~self.screening.missed  # what the closed form puts out of reach is run as a check
        return sorted((one for one in ran if cheaper[one]), key=lambda one: int(self.space.rank[one]))

    def _ran(self) -> Flags:
        found = self.space.flags()
        for candidate in self.trials.known:
            found[candidate] = True
        return found

    def _cheapest_of_one_seed(self) -> Candidate | None:
        while True:
            best = self.space.cheapest(self.passed())
            if self.trials.left <= self._reserve:
                return best
            alive = self.alive(best)
            if alive.any():
                self.screening.find_cheapest(alive)
                alive = self.alive(best)
                if not alive.any():
                    continue
                candidate: Candidate | None = self._next(alive)
                if candidate is None or not self.screening.ask(candidate):
                    continue
            else:
                candidate = self._most_promising(best)
                if candidate is None:
                    return best
                self.screening.bounds(candidate)
                if self.screening.invalid[candidate]:
                    continue
            (trial,) = self.trials.run([candidate])
            self.learn(trial)

    def _most_promising(self, best: Candidate | None) -> Candidate | None:
        """Return which candidate ruled out without a run to run next; None if the file's word rules out the rest.

        First one for each resource that the closed form names, to expose a faulty ceiling; then those that only a rule
        rules out; then the rest, in turn by resource.
        """
        missed = self.screening.missed
        open_ones = self.unrun(best) & (~self.rules.by_word | missed)
        if not open_ones.any():
            return None
        tried = Counter(self.screening.ruled_by(one) for one in self.trials.known)
        shortfall = np.maximum(self.screening.shortfall, self.rules.shortfall)
        return min(
            self.space.by_rank(open_ones, len(self.space)),
            key=lambda one: (
                bool(missed[one] and tried[self.screening.ruled_by(one)]),
                not missed[one] or tried[self.screening.ruled_by(one)],
                shortfall[one],
                -self.space.rank[one],
            ),
        )

    def _next(self, alive: Flags) -> Candidate | None:
        cheapest = self.space.cheapest(alive)
        if not self.trials.known:
            return cheapest
        left = self.trials.left - self._reserve
        metrics = [target.metric for target in self.trials.sizing.targets]
        axes = frozenset.intersection(*(self.rules.axes(metric) for metric in metrics))
        telling, n_ruled_out = self.space.most_telling(alive, axes)
        if n_ruled_out > 1:
            return telling
        if int(alive.sum()) <= left:
            return cheapest
        return self.guess(alive)

    def guess(self, alive: Flags) -> Candidate:
        """Return the candidate nearest to the best one run so far, the cheapest at a tie; in the first few calls, any.

        The best one is the cheapest that meets the targets, or else the one that misses by the least.
        """
        known = self.trials.known
        if len(known) < _AT_RANDOM:
            return self.space.candidate(self._random.choice(np.flatnonzero(alive).tolist()))
        best = self.space.cheapest(self.passed())
        if best is None:
            best = min(known, key=lambda one: (self.trials.shortfall(known[one]), self.space.rank[one]))
        positions = np.argwhere(alive)
        steps = np.abs(positions - np.array(best)).sum(axis=1)
        nearest = self.space.flags()
        nearest[tuple(positions[steps == steps.min()].T)] = True
        return self.space.by_rank(nearest, 1)[0]


# ---- What a run that misses is taken to say of those beside it, until a run refutes it ----


_ALIKE = 0.005  # of the bound: figures closer than this do not show which of two is better


@dataclass
class Rules:
    """Hold what runs rule out by the rule that more of a knob is never worse.

    `by_rule`: candidates with no more of the monotone knobs than one that missed; `by_word`: the same by knobs that the
    file declares monotone. `refuted`: by target, knobs of which less once gave more; the rule no longer applies to
    them. `shortfall`: the greatest miss among the runs that rule a candidate out.
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
        """Refute the rules that a new run contradicts, and apply the remaining ones."""
        for other in list(self.trials.known.values()):
            if other is not trial:
                self._compare(trial, other)
                self._compare(other, trial)
        self.apply()

    def apply(self) -> None:
        """Recompute what all runs rule out."""
        self.by_rule, self.by_word = self.space.flags(), self.space.flags()
        self.shortfall = np.zeros(self.space.shape)
        for trial in self.trials.known.values():
            for metric in self.trials.measured_to_miss(trial):
                beside = self.space.no_better(trial.candidate, self.axes(metric))
                self.by_rule[beside] = True
                np.maximum(self.shortfall[beside], self.trials.shortfall(trial), out=self.shortfall[beside])
                self.by_word[self.space.no_better(trial.candidate, self.axes(metric, said_alone=True))] = True

    def axes(self, metric: str, said_alone: bool = False) -> frozenset[int]:
        """Return the knobs of which more is never worse for a target, without refuted ones."""
        return self.space.axes([metric], said_alone) - self.refuted.get(metric, frozenset())

    def _compare(self, less: Trial, more: Trial) -> None:
        """If `less`, with no more of any knob, is better, refute the rule for all knobs in which the two differ."""
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
