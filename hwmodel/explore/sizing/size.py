"""Find the cheapest configuration that meets a target, by at most so many simulations."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from hwmodel.config.overrides import Overrides
from hwmodel.explore.outcomes import Outcome, outcomes_of
from hwmodel.explore.sizing.answer import Describer
from hwmodel.explore.sizing.certainty import at_least
from hwmodel.explore.sizing.cheapest import Cheapest
from hwmodel.explore.sizing.screening import Screening
from hwmodel.explore.sizing.sizing_file import Sizing, read_sizing
from hwmodel.explore.sizing.space import Candidate, Space
from hwmodel.explore.sizing.trials import MOST_SIMULATIONS, N_DISTURBED, Simulator, Trials, capacity, offered_load
from hwmodel.results import Choice, Result, SizingResult
from hwmodel.simulation.model_version import model_version

Progress = Callable[[float, str], None]
_MOST_STEPS = 8  # simulations that are kept for one step of each knob either way


def size(
    sizing: str | Path | Mapping[str, Any],
    overrides: Overrides | None = None,
    *,
    jobs: int = 1,
    progress: Progress | None = None,
) -> SizingResult:
    """Find the cheapest configuration that meets the target of a sizing file, or of a mapping like one.

    `overrides` change the base. `jobs`: processes that simulate at once; the answer does not depend on it. At most 40
    simulations are made. Raises InputError with a line for each problem of the file; that nothing meets the target is
    no error: `best` is None then, and `nearest` says what comes nearest.
    """
    return answer(read_sizing(sizing, overrides), jobs=jobs, progress=progress)


def answer(
    sizing: Sizing, *, jobs: int = 1, simulator: Simulator = outcomes_of, progress: Progress | None = None
) -> SizingResult:
    """Answer a sizing that was read; `simulator` is `outcomes_of`, or what stands for it."""
    space = Space(sizing.knobs)
    screening = Screening(sizing, space)
    trials = Trials(sizing, jobs, simulator, MOST_SIMULATIONS, progress)
    # The other seeds of the answer, those that disturb it, its capacity, and one step of each knob either way.
    reserve = min(sizing.repeats + N_DISTURBED + sizing.offers_target + min(2 * len(space.knobs), _MOST_STEPS), 20)
    search = Cheapest(space, screening, trials, reserve)
    best, saturated = search.find(), dict[Candidate, Outcome]()
    while True:
        if best is not None:
            trials.disturb(best, min(N_DISTURBED, trials.left))
            if sizing.offers_target and trials.left > 0 and best not in saturated:
                saturated[best] = trials.saturated(best)
        found = _of_best(search, best, saturated.get(best)) if best is not None else _of_none(search)
        # What was run beside the answer may meet and be cheaper still.
        n_runs, again = trials.n_runs, search.find()
        if again == best and trials.n_runs == n_runs:
            return found
        best = again


def _of_best(search: Cheapest, best: Candidate, saturated: Outcome | None) -> SizingResult:
    trials, describer = search.trials, Describer(search)
    sizing = trials.sizing
    most = {} if saturated is None else capacity(sizing.targets, saturated)
    limit = trials.known[best].bottleneck if sizing.saturates else None
    if isinstance(saturated, Result):
        limit = saturated.bottleneck
    steps = describer.steps(best)
    runner_up = describer.runner_up(best)
    found = describer.choice(best, most)
    # That all came which was offered says little of how sure it is; what more would have come says it.
    estimates = [
        most.get(target.metric, one)
        for target, one in zip(sizing.targets, trials.estimates(trials.known[best]), strict=True)
    ]
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
    """Say what comes nearest of what was run."""
    describer, trials = Describer(search), search.trials
    candidate = describer.nearest()
    nearest = None if candidate is None else describer.choice(candidate)
    return _result(
        search,
        None,
        margin=None if nearest is None else describer.margin(nearest),
        nearest=nearest,
        near=() if candidate is None else describer.near(None),
        steps=() if candidate is None else describer.steps(candidate),
        offered="" if candidate is None else _offered(trials.sizing, candidate),
        warnings=() if candidate is None else trials.known[candidate].warnings,
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
