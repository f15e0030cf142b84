"""The search for the cheapest candidate that meets every target: what is asked next, and what each answer rules out."""

from __future__ import annotations

from hwmodel.explore.sizing.guesses import Guesses
from hwmodel.explore.sizing.screening import Screening
from hwmodel.explore.sizing.space import Candidate, Flags, Space
from hwmodel.explore.sizing.trials import Trial, Trials


class Cheapest:
    """Look for the cheapest candidate, the closed form first, then by simulation.

    The first run is of the cheapest that the closed form leaves: that is mostly the answer. After that the one is run
    that rules out most whether it meets or not, which of one monotone knob is bisection. Where nothing is monotone,
    each is run, cheapest first, or Optuna guesses where that is more than may be run.
    """

    def __init__(self, space: Space, screening: Screening, trials: Trials, reserve: int) -> None:
        self.space = space
        self.screening = screening
        self.trials = trials
        self.failed: Flags = space.flags()
        self._reserve = reserve
        self._guesses: Guesses | None = None

    def find(self) -> Candidate | None:
        """Return the cheapest that meets with all seeds together; None where none was found."""
        while True:
            best = self._cheapest_of_one_seed()
            if best is None:
                return None
            trial = self.trials.repeat(best, self.trials.sizing.repeats)
            if not self.trials.missed(trial):
                return best
            self.failed[best] = True  # with its other seeds it does not: it alone is out, the others may be luckier

    def alive(self, below: Candidate | None) -> Flags:
        """Return those that are not ruled out, and cheaper than a candidate where one is given."""
        found = ~(self.failed | self.screening.missed | self.screening.invalid)
        if below is not None:
            found &= self.space.rank < self.space.rank[below]
        return found

    def passed(self) -> Flags:
        """Return those of which a run has shown that they meet."""
        found = self.space.flags()
        for candidate, trial in self.trials.known.items():
            found[candidate] = bool(trial.runs) and not self.trials.missed(trial)
        return found & ~self.failed

    def learn(self, trial: Trial) -> bool:
        """Mark what a trial rules out; tell whether it met every target."""
        missed = self.trials.missed(trial)
        self.failed[trial.candidate] = bool(missed)
        for metric in self.trials.measured_to_miss(trial):
            axes = self.space.axes([metric])
            beside = self.space.no_better(trial.candidate, axes)
            if (self.passed()[beside]).any():  # less of it did meet: it is not monotone after all
                beside = self.space.no_better(trial.candidate, frozenset())
            self.failed[beside] = True
        return not missed

    def _cheapest_of_one_seed(self) -> Candidate | None:
        while True:
            best = self.space.cheapest(self.passed())
            alive = self.alive(best)
            if not alive.any() or self.trials.left <= self._reserve:
                return best
            self.screening.find_cheapest(alive)
            alive = self.alive(best)
            if not alive.any():
                continue
            candidate = self._next(alive)
            if self.screening.ask(candidate):
                (trial,) = self.trials.run([candidate])
                self.learn(trial)

    def _next(self, alive: Flags) -> Candidate:
        cheapest = self.space.cheapest(alive)
        assert cheapest is not None
        if not self.trials.known:
            return cheapest
        left = self.trials.left - self._reserve
        metrics = [target.metric for target in self.trials.sizing.targets]
        axes = self.space.axes(metrics)
        telling, n_ruled_out = self.space.most_telling(alive, axes)
        if n_ruled_out > 1:
            return telling
        if int(alive.sum()) <= left:
            return cheapest
        if self._guesses is None:
            self._guesses = Guesses(self.space, self.trials)
        return self._guesses.next(alive)
