"""Simulate several configurations in parallel, and rank the gains from making each resource larger."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial
from math import hypot
from pathlib import Path

from hwmodel.config import Config, as_config, servers_of
from hwmodel.config.live_configuration import overlap
from hwmodel.config.scenario import Event
from hwmodel.errors import InputError, RunError
from hwmodel.processes import check_jobs, work_through
from hwmodel.relaxations import Relaxation, built, joined, relaxations_of, together
from hwmodel.results import Bottleneck, Relaxed, Result, SystemResult
from hwmodel.simulation import entries_of, fill_cache, load_kernels, simulate, simulate_on_one_core

Outcome = Result | str  # a string says why a run failed
Progress = Callable[[float, str], None]
Simulator = Callable[[Sequence[Config], int], Iterator[tuple[int, Outcome]]]  # `outcomes_of`, or what stands for it


def outcomes_of(configs: Sequence[Config], jobs: int = 1) -> Generator[tuple[int, Outcome], None, None]:
    """Simulate each configuration; give (position, outcome) of each as it finishes.

    `jobs`: processes that simulate at once; outcomes do not depend on it, only their order does.
    """
    check_jobs(jobs)
    if jobs == 1 or len(configs) <= 1:
        for number, config in enumerate(configs):
            yield number, _outcome(config)
        return
    entries = tuple(dict.fromkeys(entry for config in configs for entry in entries_of(config)))
    fill_cache(entries)  # once here, rather than in each process
    jobs = min(jobs, len(configs))
    with closing(work_through(_outcome, configs, jobs, prepare=partial(load_kernels, entries))) as finished:
        for one in finished:
            yield one.number, one.lost or one.value


def all_outcomes(
    configs: Sequence[Config], jobs: int, progress: Progress | None, *, n_before: int = 0, stage: str = ""
) -> list[Outcome]:
    """Simulate each configuration, and tell `progress` how many runs are done, including `n_before` earlier ones."""
    found, n_all = {}, n_before + len(configs)
    with closing(outcomes_of(configs, jobs)) as runs:
        for n_done, (number, outcome) in enumerate(runs, start=n_before + 1):
            found[number] = outcome
            if progress is not None:
                progress(n_done / n_all, f"{stage}run {n_done} of {n_all}")
    return [found[number] for number in range(len(configs))]


def _outcome(config: Config) -> Outcome:
    """Simulate a configuration; return why, where it cannot be run."""
    try:
        return simulate_on_one_core(config)
    except (InputError, RunError) as error:
        return " ".join(str(error).split())


# ---- Each resource in turn made larger ----


def explain(config: Config | str | Path, *, jobs: int = 1, progress: Progress | None = None) -> Result:
    """Simulate a configuration and each of its relaxations; return its result with `relaxed` filled in, ranked.

    `config` may be a file's name or a shipped one, as for `simulate`. Where the run names one of several servers that
    are alike, one more relaxation makes only that one's resource larger, and where it names several resources as
    equally full, one more makes all of these larger at once. `jobs`: processes that simulate at once; the result
    does not depend on it. Raises what `simulate` raises for the configuration itself; relaxations that cannot be run,
    or change a key that an event of the scenario sets, come last, with the reason in `failure`.
    """
    config = as_config(config)
    relaxations = relaxations_of(config)
    result = simulate(config)
    parts = _named_alone(config, relaxations, result.bottleneck)
    known = [_written(relaxation) for relaxation in relaxations]
    several = named_together(config, relaxations, result.bottleneck)
    relaxations += [*parts, *(one for one in several if _written(one) not in known)]
    whys = [_overruled(relaxation, config) for relaxation in relaxations]
    larger = [relaxation.config for relaxation, why in zip(relaxations, whys, strict=True) if not why]
    outcomes = iter(all_outcomes(larger, jobs, progress, n_before=1))
    found = (relaxed_of(result, each, why or next(outcomes)) for each, why in zip(relaxations, whys, strict=True))
    return replace(result, relaxed=tuple(sorted(found, key=_rank)))


def _overruled(relaxation: Relaxation, config: Config) -> str:
    """Say which event's key a relaxation would change in vain, since the event sets its own value; empty if none."""
    of_events = [key for event in config.scenario for key in (*event.changes, *_limited(config, event))]
    for key, _, _ in relaxation.changes:
        if any(overlap(key, each) for each in of_events):
            return f"an event of the scenario sets {key}"
        if any(overlap(key, each) for each in config.set_in_run):
            return f"an agent sets {key}"
    return ""


def _limited(config: Config, event: Event) -> Iterator[str]:
    """Give the key that an event sets through the PF's driver, of those that relaxations change."""
    if event.pf is not None and event.pf.rate_limit_bps is not None:
        server, _, vf = (event.pf.vf or "").rpartition(".")
        yield from (one.key(f"switch.ports.{vf}.rate_limit") for one in servers_of(config) if one.name == server)


def _written(relaxation: Relaxation) -> dict[str, object]:
    return {key: new for key, _, new in relaxation.changes}


def _named_alone(config: Config, relaxations: Sequence[Relaxation], found: Bottleneck) -> list[Relaxation]:
    """Give the relaxations of what a run names, each alone, where servers that are alike share one."""
    parts = (part for relaxation in relaxations for part in relaxation.parts)
    named = (part for part in parts if part.is_of(found) or set(found.also).intersection(part.resources))
    return [one for one in (built(config, part) for part in named) if one is not None]


def named_together(config: Config, relaxations: Sequence[Relaxation], bottleneck: Bottleneck) -> list[Relaxation]:
    """Give the relaxation of all resources that a run names as equally full; none where it names one."""
    also = set(bottleneck.also)
    alone = [part for relaxation in relaxations for part in relaxation.alone]
    named = [each for each in alone if each.is_of(bottleneck)]
    named += [each for each in alone if each not in named and also.intersection(each.resources)]
    if len(named) < 2 or not bottleneck.also:
        return []
    both = together(config, named, (bottleneck.resource, *bottleneck.also))
    return [] if both is None else [both]


def relaxed_of(result: Result, relaxation: Relaxation, other: Outcome) -> Relaxed:
    """Compare a run with one resource made larger (or the reason why it failed) with the original run."""
    is_named = not relaxation.parts and relaxation.is_of(result.bottleneck)
    names = [_busiest(result, part.resources) for part in relaxation.alone]
    resource = result.bottleneck.resource if is_named else joined(names)
    if isinstance(other, str):
        return Relaxed(resource=resource, change=relaxation.text, is_bottleneck=is_named, failure=other)
    gbps, p50_ns = other.throughput_gbps(), other.told_latency()[1].p50
    gain = _change(result.throughput_gbps(), gbps)
    return Relaxed(
        resource=resource,
        change=relaxation.text,
        gbps=gbps,
        gain=gain,
        gain_interval=_gain_interval(gain, result, other),
        p50_ns=p50_ns,
        p50_change=_change(result.told_latency()[1].p50, p50_ns),
        limited_by=other.bottleneck.resource,
        is_bottleneck=is_named,
    )


def _gain_interval(gain: float | None, result: Result, other: Result) -> tuple[float, float] | None:
    """Give the 95 % interval of a gain; None if one of the two runs has none."""
    before, after = uncertainty(result), uncertainty(other)
    if gain is None or before is None or after is None:
        return None
    half = (1 + gain) * hypot(before, after)
    return gain - half, gain + half


def uncertainty(result: Result) -> float | None:
    """Give the relative half width of the throughput's 95 % interval; None without an interval."""
    gbps = result.throughput_gbps()
    outward = () if result.bridges else ("wire.tx_gbps",)
    inward = ("totals.gbps",) if result.totals.gbps else ()  # else all goes to the wire
    known = [result.intervals.get(name) for name in (*inward, *outward)]
    if not gbps or not known or known[0] is None:
        return None
    return sum((each[1] - each[0]) / 2 for each in known if each is not None) / gbps


def _busiest(result: Result, resources: Sequence[str]) -> str:
    """Return the busiest of the resources that one key makes larger, such as the link's directions."""
    busy = dict(result.utilization)
    for adapter in result.adapters if isinstance(result, SystemResult) else ():
        busy |= {f"{adapter.name}.{name}": share for name, share in adapter.utilization.items()}
    return max(resources, key=lambda name: busy.get(name, 0.0))


def _change(before: float | None, after: float | None) -> float | None:
    return None if not before or after is None else after / before - 1


def _rank(relaxed: Relaxed) -> tuple[bool, float, bool, float]:
    """Rank by gain in tenths of a percent, failures last; at a tie the bottleneck named, then the least latency."""
    return bool(relaxed.failure), -round(relaxed.gain or 0.0, 3), not relaxed.is_bottleneck, relaxed.p50_change or 0.0
