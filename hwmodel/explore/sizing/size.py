"""Find the cheapest configuration that meets a target within a budget of simulations, and describe its neighbours."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from hwmodel.config import Config
from hwmodel.config.overrides import Overrides
from hwmodel.explore.side_by_side import Outcome, Progress, Simulator, outcomes_of
from hwmodel.explore.sizing.cheapest import Cheapest
from hwmodel.explore.sizing.screening import Screening
from hwmodel.explore.sizing.sizing_file import Sizing, read_sizing
from hwmodel.explore.sizing.space import Candidate, Space
from hwmodel.explore.sizing.targets import Estimate, Target, at_least
from hwmodel.explore.sizing.trials import MOST_SIMULATIONS, N_DISTURBED, Trials, capacity, offered_load
from hwmodel.results import Choice, KnobStep, Result, SizingResult, TargetFigure
from hwmodel.simulation import announce_compilation, entries_of
from hwmodel.version import model_version
from hwmodel.words.limits import limit_name

_MOST_STEPS = 8  # simulations kept for one step of each knob up and down


def size(
    sizing: str | Path | Mapping[str, Any] | Sizing,
    overrides: Overrides | None = None,
    *,
    jobs: int = 1,
    progress: Progress | None = None,
    note: Callable[[str], None] | None = None,
) -> SizingResult:
    """Find the cheapest configuration that meets the target of a sizing file, or of a mapping like one.

    `overrides` change the base; they are ignored for a `Sizing`, which was read with its own. `jobs`: processes that
    simulate at once; the answer does not depend on it. `note` gets a line if kernels have to be compiled first. At most
    40 simulations are made. Raises InputError with a line for each problem of the file. If nothing meets the target, no
    error is raised: `best` is None, and `nearest` is the configuration that comes nearest.
    """
    say = note or (lambda _line: None)

    def outcomes(configs: Sequence[Config], jobs: int) -> Iterator[tuple[int, Outcome]]:
        announce_compilation(entries_of(configs[0]), say)
        return outcomes_of(configs, jobs)

    read = sizing if isinstance(sizing, Sizing) else read_sizing(sizing, overrides)
    return answer(read, jobs=jobs, simulator=outcomes, progress=progress)


def answer(
    sizing: Sizing, *, jobs: int = 1, simulator: Simulator = outcomes_of, progress: Progress | None = None
) -> SizingResult:
    """Answer a sizing already read; `simulator`: `outcomes_of` or a stand-in for it."""
    space = Space(sizing.knobs)
    screening = Screening(sizing, space)
    trials = Trials(sizing, jobs, simulator, MOST_SIMULATIONS, progress)
    # Kept for the answer: its other seeds, its disturbed runs, its capacity, and one step of each knob up and down.
    reserve = min(sizing.repeats + N_DISTURBED + sizing.offers_target + min(2 * len(space.knobs), _MOST_STEPS), 20)
    search = Cheapest(space, screening, trials, reserve)
    best, saturated = search.find(), dict[Candidate, Outcome]()
    while True:
        if best is not None:
            trials.disturb(best, min(N_DISTURBED, trials.left))
            if sizing.offers_target and trials.left > 0 and best not in saturated:
                saturated[best] = trials.saturated(best)
        found = _of_best(search, best, saturated.get(best)) if best is not None else _of_none(search)
        # A neighbour that was run for the description may meet the targets and be cheaper.
        n_runs, again = trials.n_runs, search.find()
        if again == best and trials.n_runs == n_runs:
            return found
        best = again


def _of_best(search: Cheapest, best: Candidate, saturated: Outcome | None) -> SizingResult:
    trials, describer = search.trials, Describer(search)
    sizing = trials.sizing
    at_load = trials.estimates(trials.known[best])
    most = {} if saturated is None else capacity(sizing.targets, at_load, saturated)
    limit = trials.known[best].bottleneck if sizing.saturates else None
    if isinstance(saturated, Result):
        limit = saturated.bottleneck
    steps = describer.steps(best)
    runner_up = describer.runner_up(best)
    found = describer.choice(best, most)
    # That the offered load got through says little about confidence; the capacity beyond it does.
    estimates = [most.get(target.metric, one) for target, one in zip(sizing.targets, at_load, strict=True)]
    confidence = at_least([one.probability for one in estimates])
    return _result(
        search,
        best,
        best=found.knobs,
        cost=found.cost,
        runner_up_choice=runner_up,
        margin=describer.margin(found),
        confidence=confidence,
        answer=replace(found, confidence=confidence),
        near=describer.near(best),
        cheaper=describer.cheaper(best),
        steps=steps,
        offered=_offered(sizing, best),
        first_to_give="" if limit is None else limit.resource,
        first_to_give_why="" if limit is None else limit.why,
        warnings=trials.known[best].warnings,
        config=trials.config(best).resolved(),
        disturbance=trials.disturbance(best),
    )


def _of_none(search: Cheapest) -> SizingResult:
    """Return the result where nothing meets the targets: the nearest of those run."""
    describer, trials = Describer(search), search.trials
    candidate = describer.nearest()
    if candidate is None:
        return _result(search, None)
    nearest = describer.choice(candidate)
    return _result(
        search,
        None,
        margin=describer.margin(nearest),
        nearest=nearest,
        near=describer.near(None),
        steps=describer.steps(candidate),
        offered=_offered(trials.sizing, candidate),
        warnings=trials.known[candidate].warnings,
    )


def _offered(sizing: Sizing, candidate: Candidate) -> str:
    if not sizing.offers_target:
        return ""
    load = sizing.config(candidate, [offered_load(sizing, candidate)]).resolved()["workload"]["load"]
    return f"workload.load: {load}"


def _result(
    search: Cheapest, best_candidate: Candidate | None, runner_up_choice: Choice | None = None, **more: Any
) -> SizingResult:
    screening, known = search.screening, search.trials.known
    unrun, missed = search.unrun(None), screening.missed
    by_rule = unrun & search.rules.by_rule & ~missed
    n_missed = sum(bool(search.trials.missed(trial)) for trial in known.values())
    n_untested = int(search.unsettled(best_candidate).sum())
    given: dict[str, Any] = {
        "best": None,
        "cost": None,
        "margin": None,
        "confidence": None,
        "runner_up": None if runner_up_choice is None else runner_up_choice.knobs,
        "runner_up_cost": None if runner_up_choice is None else runner_up_choice.cost,
        "runner_up_choice": runner_up_choice,
        "n_untested": n_untested,
        "is_cheapest": n_untested == 0,
        "n_candidates": len(search.space),
        "n_run": len(known),
        "n_cheaper_not_run": int(search.unrun(best_candidate).sum()),
        "n_ruled_out_by_closed_form": int((unrun & missed).sum()),
        "n_ruled_out_by_rule": int(by_rule.sum()),
        "n_ruled_out_by_simulation": n_missed,
        "n_invalid": int(screening.invalid.sum()),
        "n_closed_forms": len(screening.known),
        "closed_form_refuted": tuple(sorted(screening.refuted)),
        "simulations": search.trials.n_runs,
        "source": search.trials.sizing.source,
        "model_version": model_version(),
    }
    return SizingResult(**given | more)


# ---- Beside the answer: the runner-up, one step of each knob, the cheaper that fail ----


_MOST_CHEAPER = 3
_MOST_FOR_RUNNER_UP = 8  # simulations


class Describer:
    """Describe candidates of a finished search, and run the answer's neighbours that were not run yet.

    A candidate that was not run is never said to miss; its bounds by the closed form are given instead.
    """

    def __init__(self, search: Cheapest) -> None:
        self._search = search
        self._space, self._screening, self._trials = search.space, search.screening, search.trials
        self._targets = self._trials.sizing.targets

    def knobs(self, candidate: Candidate) -> dict[str, Any]:
        """Return the values of a candidate's knobs."""
        return {knob.key: knob.values[at] for knob, at in zip(self._space.knobs, candidate, strict=True)}

    def choice(self, candidate: Candidate, capacity: Mapping[str, Estimate] | None = None) -> Choice:
        """Return what is known of a candidate: from its runs, else from the closed form, else nothing.

        `capacity`: what it gives when senders saturate; the figures of rates are then that.
        """
        bare = Choice(knobs=self.knobs(candidate), cost=float(self._space.cost[candidate]), is_met=None, source="none")
        trial = self._trials.known.get(candidate)
        if trial is not None and trial.failure:
            return replace(bare, is_met=False, why=trial.failure)
        if trial is not None and trial.runs:
            found = self._trials.estimates(trial)
            targets = [
                self._figure(target, one, (capacity or {}).get(target.metric))
                for target, one in zip(self._targets, found, strict=True)
            ]
            return replace(
                bare,
                source="simulation",
                is_met=not self._trials.missed(trial),
                targets=tuple(targets),
                limited_by=trial.bottleneck.resource if trial.bottleneck else "",
                why=trial.bottleneck.why if trial.bottleneck else "",
                seeds=len(trial.runs),
                confidence=at_least([one.probability for one in found]) if len(trial.runs) > 1 else None,
            )
        return self._by_closed_form(candidate, bare)

    def steps(self, candidate: Candidate) -> tuple[KnobStep, ...]:
        """Return what one step more or less of each knob does, run as far as the budget allows."""
        beside = [
            (axis, change, (*candidate[:axis], candidate[axis] + step, *candidate[axis + 1 :]))
            for axis, knob in enumerate(self._space.knobs)
            for change, step in (("less", -1), ("more", 1))
            if 0 <= candidate[axis] + step < len(knob)
        ]
        self.run([other for _, _, other in beside])
        return tuple(
            KnobStep(
                knob=self._space.knobs[axis].key,
                change=change,
                value=self._space.knobs[axis].values[other[axis]],
                choice=self.choice(other),
            )
            for axis, change, other in beside
        )

    def run(self, candidates: Sequence[Candidate]) -> None:
        """Run those not run yet, within the budget; those that the closed form rules out come last."""
        new = [one for one in dict.fromkeys(candidates) if one not in self._trials.known]
        new.sort(key=lambda one: not self._screening.ask(one))
        valid = [one for one in new if not self._screening.invalid[one]]
        for trial in self._trials.run(valid[: max(0, self._trials.left)]):
            self._search.learn(trial)

    def runner_up(self, best: Candidate) -> Choice | None:
        """Return the cheapest other one that meets the targets; None if there is none, or it takes too many runs."""
        left = min(self._trials.left, _MOST_FOR_RUNNER_UP)
        others = self._search.alive(None) | self._search.passed()
        others[best] = False
        for candidate in self._space.by_rank(others, _MOST_FOR_RUNNER_UP + len(self._trials.known)):
            if candidate not in self._trials.known:
                if left <= 0:
                    return None
                n_before = self._trials.n_runs
                self.run([candidate])
                left -= self._trials.n_runs - n_before
            found = self.choice(candidate)
            if found.is_met:
                return found
        return None

    def cheaper(self, best: Candidate) -> tuple[Choice, ...]:
        """Return a few cheaper candidates: those that narrowly miss, then the dearest."""
        below = (self._space.cost < self._space.cost[best]) & ~self._screening.invalid
        near = [one for one in self._search.near(best) if below[one]][: -_MOST_CHEAPER - 1 : -1]
        dearest = [one for one in self._space.dearest(below, 2 * _MOST_CHEAPER) if one not in near]
        return tuple(self.choice(one) for one in (*near, *dearest[:_MOST_CHEAPER]))

    def near(self, best: Candidate | None) -> tuple[Choice, ...]:
        """Return the cheaper ones that miss so narrowly that a repetition may meet the targets, cheapest first."""
        near = self._search.near(best)
        return tuple(self.choice(one) for one in near if best is None or self._space.cost[one] < self._space.cost[best])

    def nearest(self) -> Candidate | None:
        """Return the candidate, of those run, that misses its targets by the least; the cheapest at a tie."""
        ran = [one for one, trial in self._trials.known.items() if trial.runs]
        return min(
            ran, key=lambda one: (self._trials.shortfall(self._trials.known[one]), self._space.rank[one]), default=None
        )

    def margin(self, choice: Choice) -> float | None:
        """Return the smallest margin of a choice's targets; met bounds of 0 are left out."""
        margins = [one.margin for one in choice.targets if one.margin is not None and (one.bound or not one.is_met)]
        return min(margins, default=None)

    def _figure(self, target: Target, found: Estimate, capacity: Estimate | None) -> TargetFigure:
        shown = found if capacity is None else capacity
        margin = None if shown.mean is None else target.margin(shown.mean)
        if margin is not None and found.is_met:  # an offered rate counts as met though chance keeps it just below
            margin = max(margin, 0.0)
        low, high = shown.ends or (None, None)
        return TargetFigure(
            metric=target.metric, bound=target.bound, figure=shown.mean, low=low, high=high, margin=margin,
            is_met=found.is_met, probability=shown.probability, at_load=None if capacity is None else found.mean,
        )  # fmt: skip

    def _by_closed_form(self, candidate: Candidate, bare: Choice) -> Choice:
        bounds = self._screening.bounds(candidate)
        if self._screening.invalid[candidate]:
            return replace(bare, is_met=False, why="there is no such configuration")
        if bounds is None:
            return replace(bare, why="not run")
        missed = bounds.missed(self._targets)
        if not missed:
            return replace(bare, why="not run")
        targets = [
            TargetFigure(
                metric=target.metric,
                bound=target.bound,
                figure=bounds.figures[target.metric],
                margin=target.margin(bounds.figures[target.metric]),
                is_met=target.metric not in missed,
            )
            for target in self._targets
            if target.metric in bounds.figures
        ]
        return replace(bare, source="closed form", targets=tuple(targets), limited_by=limit_name(bounds.limited_by))
