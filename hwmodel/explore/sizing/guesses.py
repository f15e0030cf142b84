"""Optuna's guesses where knobs are not monotone and more candidates are left than may be simulated."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hwmodel.explore.sizing.space import Candidate, Flags, Space
from hwmodel.explore.sizing.trials import Trial, Trials

if TYPE_CHECKING:
    import optuna

_SEED = 1
_N_AT_RANDOM = 5  # before the sampler has something to go by


class Guesses:
    """Ask a tree-structured Parzen estimator, told of all trials so far, for what to try next.

    It minimises the cost of what meets; what does not counts as dearer than everything, the more the farther it is off.
    J. Bergstra et al., "Algorithms for Hyper-Parameter Optimization", NIPS 2011; as in Optuna.
    """

    def __init__(self, space: Space, trials: Trials) -> None:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        sampler = optuna.samplers.TPESampler(seed=_SEED, n_startup_trials=_N_AT_RANDOM, multivariate=False)
        self._study: optuna.Study = optuna.create_study(sampler=sampler, direction="minimize")
        self._space = space
        self._trials = trials
        self._distributions: dict[str, optuna.distributions.BaseDistribution] = {
            str(axis): optuna.distributions.IntDistribution(0, len(knob) - 1) for axis, knob in enumerate(space.knobs)
        }
        self._told: set[Candidate] = set()

    def next(self, alive: Flags) -> Candidate:
        """Return one that is not ruled out: what the sampler would try, or the nearest to that."""
        import optuna

        for candidate, trial in self._trials.known.items():
            if candidate not in self._told:
                self._told.add(candidate)
                parameters = {str(axis): at for axis, at in enumerate(candidate)}
                self._study.add_trial(
                    optuna.trial.create_trial(
                        params=parameters, distributions=self._distributions, value=self._value(trial)
                    )
                )
        asked = self._study.ask(self._distributions)
        wanted = tuple(int(asked.params[str(axis)]) for axis in range(len(self._space.shape)))
        self._study.tell(asked, state=optuna.trial.TrialState.FAIL)  # told again above, once it has run
        if alive[wanted]:
            return wanted
        positions = np.argwhere(alive)
        far = np.abs(positions - np.array(wanted)).sum(axis=1)
        nearest = positions[far == far.min()]
        ranks = self._space.rank[tuple(nearest.T)]
        return tuple(int(at) for at in nearest[int(ranks.argmin())])

    def _value(self, trial: Trial) -> float:
        cost = float(self._space.cost[trial.candidate])
        if not self._trials.missed(trial):
            return cost
        return float(self._space.cost.max()) + 1 + min(self._trials.shortfall(trial), 1e6)
