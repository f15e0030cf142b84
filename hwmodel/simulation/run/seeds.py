"""One configuration with several seeds: the first run's result, and the spread of all runs' figures."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from hwmodel.config import Config, config_from_mapping
from hwmodel.errors import Interrupted
from hwmodel.results import Result, Spread
from hwmodel.results.possible import least_latency, within_possible
from hwmodel.results.student_t import mean_of_runs
from hwmodel.simulation.run.run import Progress, simulate
from hwmodel.words import warnings as words

FIGURES = (
    "totals.gbps",
    "totals.mpps",
    "wire.tx_gbps",
    "latency_ns.mean",
    "latency_ns.p50",
    "latency_ns.p99",
    "latency_ns.p999",
    "latency_to_guest_ns.mean",
    "latency_to_guest_ns.p50",
    "latency_to_guest_ns.p99",
    "latency_to_guest_ns.p999",
    "pcie.up.utilization",
    "pcie.down.utilization",
)


def simulate_seeds(
    config: Config,
    n_seeds: int,
    progress: Progress | None = None,
    *,
    with_next_steps: bool = False,
    counters: bool = False,
    threads: int | None = None,
) -> Result:
    """Simulate with `n_seeds` seeds from `run.seed` on; return the first run's result with the spread of all.

    Each warning says how many of the runs have it, or which seed if not the first. Raises as `simulate` does; the
    result of Interrupted is that of the runs that have ended, if there are any.
    """
    first = config.run.seed
    results: list[Result] = []
    for at in range(n_seeds):
        part = None if progress is None else _part_of(progress, at, n_seeds)
        one = config if at == 0 else config_from_mapping(config.resolved(), {"run.seed": first + at})
        is_first = at == 0
        try:
            result = simulate(
                one,
                part,
                with_next_steps=with_next_steps and is_first,
                counters=counters and is_first,
                threads=threads,
            )
        except Interrupted:
            if not results:
                raise
            known = _of_all(first, results)
            said = words.seeds_interrupted(len(results), n_seeds)
            raise Interrupted(replace(known, warnings=(said, *known.warnings)), words.SEEDS_ARE_WHOLE) from None
        results.append(result)
    return _of_all(first, results)


def _of_all(first: int, results: Sequence[Result]) -> Result:
    """Return the result of the first run, of seed `first`, with the spread and the warnings of all."""
    scalars = [result.scalars() for result in results]
    seeds = tuple(range(first, first + len(results)))
    spreads = [_spread(name, seeds, scalars) for name in FIGURES]
    found = tuple(one for one in spreads if any(value is not None and value != 0 for value in one.values))
    return replace(results[0], spread=found, warnings=tuple(_warnings(seeds, results)))


def _warnings(seeds: Sequence[int], results: Sequence[Result]) -> Iterator[str]:
    """Yield each warning once, those of the first run first: with the number of runs if several, else with the seed.

    Warnings that differ only in numbers count as one, and show the numbers of the first run that has it.
    """
    found: dict[str, dict[int, str]] = {}
    for seed, result in zip(seeds, results, strict=True):
        for text in result.warnings:
            found.setdefault(re.sub(r"\d+([.,]\d+)*", "0", text), {})[seed] = text
    for texts in found.values():
        first, text = next(iter(texts.items()))
        if len(texts) > 1:
            # Name the seeds that have it, if not all do; if its numbers differ, name the seed of those shown.
            is_one_text = len(set(texts.values())) == 1
            which = "" if is_one_text and len(texts) == len(seeds) else f" ({', '.join(map(str, texts))})"
            which += "" if is_one_text else f", in seed {first}"
            yield f"{len(texts)} of {len(seeds)} seeds{which}: {text}"
        else:
            yield text if first == seeds[0] else f"Seed {first}: {text}"


def _part_of(progress: Progress, at: int, n_seeds: int) -> Progress:
    return lambda share, text: progress((at + share) / n_seeds, f"seed {at + 1} of {n_seeds}, {text}")


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def _spread(name: str, seeds: tuple[int, ...], scalars: Sequence[Mapping[str, object]]) -> Spread:
    """Return a figure's spread over runs, given by their scalars."""
    values = tuple(_number(of_one.get(name)) for of_one in scalars)
    known = [value for value in values if value is not None]
    if len(known) < 2:
        return Spread(name=name, seeds=seeds, values=values, mean=known[0] if known else None)
    mean, half = mean_of_runs(known)
    low, high = within_possible(name, mean, (mean - half, mean + half), least_latency(name, scalars))
    return Spread(name=name, seeds=seeds, values=values, mean=mean, low=low, high=high)
