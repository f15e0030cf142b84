"""Find the cheapest configuration that meets a target: the closed form first, then as few simulations as do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from hwmodel.config.overrides import Overrides
from hwmodel.explore.outcomes import outcomes_of
from hwmodel.explore.sizing.answer import Describer
from hwmodel.explore.sizing.certainty import Estimate, at_least
from hwmodel.explore.sizing.cheapest import Cheapest
from hwmodel.explore.sizing.screening import Screening
from hwmodel.explore.sizing.sizing_file import Sizing, read_sizing
from hwmodel.explore.sizing.space import Candidate, Space
from hwmodel.explore.sizing.trials import MOST_SIMULATIONS, Simulator, Trials, capacity, offered_load
from hwmodel.results import Choice, Result, SizingResult
from hwmodel.simulation.model_version import model_version

Progress = Callable[[float, str], None]
_MOST_NEAR = 3  # runs that look for what comes nearest, where the closed form leaves nothing


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
    # One step of each knob either way, the other seeds of the answer, and its capacity.
    reserve = min(2 * len(space.knobs) + sizing.repeats + 1, MOST_SIMULATIONS // 2)
    search = Cheapest(space, screening, trials, reserve)
    best = search.find()
    return _of_best(search, best) if best is not None else _of_none(search)


def _of_best(search: Cheapest, best: Candidate) -> SizingResult:
    trials, describer = search.trials, Describer(search)
    sizing = trials.sizing
    most: dict[str, Estimate] = {}
    limit = trials.known[best].bottleneck if sizing.saturates else None
    if sizing.offers_target and trials.left > 0:
        saturated = trials.saturated(best)
        most = capacity(sizing.targets, saturated)
        limit = saturated.bottleneck if isinstance(saturated, Result) else None
    steps = describer.steps(best)
    # A neighbour may have met that is cheaper still: what was not monotone after all.
    cheapest = search.space.cheapest(search.passed())
    if cheapest is not None and search.space.rank[cheapest] < search.space.rank[best]:
        trial = trials.repeat(cheapest, sizing.repeats)
        if not trials.missed(trial):
            return _of_best(search, cheapest)
        search.failed[cheapest] = True
    runner_up = describer.runner_up(best)
    found = describer.choice(best, most)
    # That all came which was offered says little of how sure it is; what more would have come says it.
    estimates = [
        most.get(target.metric, one)
        for target, one in zip(sizing.targets, trials.estimates(trials.known[best]), strict=True)
    ]
    return _result(
        search,
        describer,
        best=found.knobs,
        cost=found.cost,
        runner_up_choice=runner_up,
        margin=describer.margin(found),
        confidence=at_least([one.probability for one in estimates]),
        n_untested=int(search.alive(best).sum()),
        answer=found,
        cheaper=describer.cheaper(best),
        steps=steps,
        offered=_offered(sizing, best),
        first_to_give="" if limit is None else limit.resource,
        first_to_give_why="" if limit is None else limit.why,
        warnings=trials.known[best].warnings,
        config=trials.config(best).resolved(),
    )


def _of_none(search: Cheapest) -> SizingResult:
    """Say what comes nearest; where the closed form leaves nothing, run those that it puts nearest."""
    describer, trials, screening = Describer(search), search.trials, search.screening
    if not any(trial.runs for trial in trials.known.values()):
        near = sorted(
            (one for one, bounds in screening.known.items() if bounds is not None),
            key=lambda one: (_shortfall(search, one), search.space.rank[one]),
        )
        trials.run(near[:_MOST_NEAR])
    candidate = describer.nearest()
    nearest = None if candidate is None else describer.choice(candidate)
    return _result(
        search,
        describer,
        margin=None if nearest is None else describer.margin(nearest),
        n_untested=int(search.alive(None).sum()),
        nearest=nearest,
        steps=() if candidate is None else describer.steps(candidate),
        offered="" if candidate is None else _offered(trials.sizing, candidate),
        warnings=() if candidate is None else trials.known[candidate].warnings,
    )


def _shortfall(search: Cheapest, candidate: Candidate) -> float:
    bounds = search.screening.known[candidate]
    if bounds is None:
        return float("inf")
    margins = [
        target.margin(bounds.figures[target.metric])
        for target in search.trials.sizing.targets
        if target.metric in bounds.figures
    ]
    return -sum(min(0.0, margin) for margin in margins)


def _offered(sizing: Sizing, candidate: Candidate) -> str:
    if not sizing.offers_target:
        return ""
    load = sizing.config(candidate, [offered_load(sizing, candidate)]).resolved()["workload"]["load"]
    return f"workload.load: {load}"


def _result(
    search: Cheapest, describer: Describer, runner_up_choice: Choice | None = None, **more: Any
) -> SizingResult:
    screening = search.screening
    ruled_out = search.failed & ~screening.missed & ~screening.invalid
    given: dict[str, Any] = {
        "best": None,
        "cost": None,
        "confidence": None,
        "runner_up": None if runner_up_choice is None else runner_up_choice.knobs,
        "runner_up_cost": None if runner_up_choice is None else runner_up_choice.cost,
        "runner_up_choice": runner_up_choice,
        "is_cheapest": more["n_untested"] == 0,
        "n_candidates": len(search.space),
        "n_ruled_out_by_closed_form": int((screening.missed & ~screening.invalid).sum()),
        "n_ruled_out_by_simulation": int(ruled_out.sum()),
        "n_invalid": int(screening.invalid.sum()),
        "n_closed_forms": len(screening.known),
        "simulations": search.trials.n_runs,
        "source": search.trials.sizing.source,
        "model_version": model_version(),
    }
    return SizingResult(**given | more)
