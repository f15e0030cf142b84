"""Simulate candidates within a budget, and say which targets each run meets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from math import ceil

from hwmodel.analytic import limits
from hwmodel.config import Config
from hwmodel.config.document import Place
from hwmodel.config.overrides import Change
from hwmodel.errors import InputError
from hwmodel.explore.side_by_side import Outcome, Progress, Simulator, outcomes_of
from hwmodel.explore.sizing.sizing_file import Sizing
from hwmodel.explore.sizing.space import Candidate
from hwmodel.explore.sizing.targets import OPEN_LOAD_SHORTFALL, RATES, Estimate, Measured, Target, estimate, measured
from hwmodel.results import Bottleneck, Result
from hwmodel.units import format_time_fs

MOST_SIMULATIONS = 40
_LENGTHEN, _MOST_LENGTHENED = 4, 256
_SEARCH = Place(0, 0, 0, "size")
# Relative change of a rate, and of a latency, that seeds and phases may cause beyond its interval (measured:
# docs/sizing.md).
NEAR = (0.05, 0.15)
_INTERVALS = 2
N_DISTURBED = 2  # runs of a slightly different host
_DISTURBED = 10  # the disturbance is as wide as the host's read latency divided by this; the mean stays
_PROBES_BPS = (1_000_000, 2_000_000)  # of each VM: low enough to get through with any candidate


@dataclass
class Trial:
    """Hold one candidate's runs, one for each seed: each target's figure, or why there is no run.

    `seen`: distinct figures of the runs; one entry for several runs means that the seed changed nothing. `disturbed`:
    runs of a slightly different host, which show how robust the others are.
    """

    candidate: Candidate
    runs: list[tuple[Measured, ...]] = field(default_factory=list)
    seen: set[tuple[object, ...]] = field(default_factory=set)
    disturbed: list[tuple[Measured, ...]] = field(default_factory=list)
    failure: str = ""
    bottleneck: Bottleneck | None = None
    warnings: tuple[str, ...] = ()


@dataclass
class Trials:
    """Simulate candidates of a sizing and remember every run.

    `n_runs` counts the simulations, `most` bounds them; `simulator` is `outcomes_of` or stands for it.
    """

    sizing: Sizing
    jobs: int = 1
    simulator: Simulator = outcomes_of
    most: int = MOST_SIMULATIONS
    progress: Progress | None = None
    known: dict[Candidate, Trial] = field(default_factory=dict)
    n_runs: int = 0
    lengthened: int = 1  # window length, as a multiple of `run.duration`

    @property
    def left(self) -> int:
        """Return how many simulations may still be made."""
        return self.most - self.n_runs

    def run(self, candidates: Sequence[Candidate]) -> list[Trial]:
        """Simulate, with the base's seed, those candidates that were not run yet."""
        new = [one for one in dict.fromkeys(candidates) if one not in self.known]
        for one in new:
            self.known[one] = Trial(one)
        self._simulate([(self.known[one], ()) for one in new])
        return [self.known[one] for one in candidates]

    def repeat(self, candidate: Candidate, n_seeds: int) -> Trial:
        """Simulate a candidate until it has run with `n_seeds` seeds: the base's and those that follow it."""
        trial = self.known.setdefault(candidate, Trial(candidate))
        seed = self.sizing.config(candidate).run.seed
        more = [_change("run.seed", seed + number) for number in range(len(trial.runs), n_seeds)][: self.left]
        self._simulate([(trial, (one,)) for one in more])
        return trial

    def disturb(self, candidate: Candidate, n_runs: int) -> None:
        """Simulate a candidate, with fresh seeds, on a host with a little jitter in its read latency.

        Without randomness, senders and receivers may lock in phase, which no seed would reveal.
        """
        trial, base = self.known[candidate], self.sizing.config(candidate)
        n_before = len(trial.runs)
        numbers = range(len(trial.disturbed), n_runs)
        more = [(*_disturbance(base), _change("run.seed", base.run.seed + n_before + at)) for at in numbers]
        beside = Trial(candidate)
        self._simulate([(beside, one) for one in more[: max(0, self.left)]])
        trial.disturbed += beside.runs

    def disturbance(self, candidate: Candidate) -> str:
        """Return what `disturb` changes beside the seed, in words; empty if it was not run or changes nothing."""
        if not self.known[candidate].disturbed:
            return ""
        return ", ".join(f"{one.key} {_words(one.value)}" for one in _disturbance(self.sizing.config(candidate)))

    def saturated(self, candidate: Candidate) -> Outcome:
        """Simulate a candidate whose senders send all they can."""
        return self._outcomes([self._lengthened(candidate, (_change("workload.load", "saturate"),))])[0]

    def config(self, candidate: Candidate, more: Sequence[Change] = ()) -> Config:
        """Build the configuration simulated for a candidate, with the target's rate as its load if `offers_target`."""
        offered = [offered_load(self.sizing, candidate)] if self.sizing.offers_target else []
        return self.sizing.config(candidate, [*offered, *more])

    def is_offered(self, target: Target) -> bool:
        """Tell whether a target is the offered load itself, so that no higher figure can be measured."""
        return self.sizing.offers_target and target.is_least

    def estimates(self, trial: Trial) -> tuple[Estimate, ...]:
        """Return each target's estimate over all of a trial's runs; an offered rate is met if nearly all arrives."""
        return tuple(
            estimate(
                _as_offered(target) if self.is_offered(target) else target,
                [run[number] for run in trial.runs],
                [run[number] for run in trial.disturbed],
                are_alike=len(trial.seen) == 1,
            )
            for number, target in enumerate(self.sizing.targets)
        )

    def missed(self, trial: Trial) -> tuple[str, ...]:
        """Return the targets that the mean of a trial's runs misses; all of them if it could not be run."""
        targets = self.sizing.targets
        if trial.failure or not trial.runs:
            return tuple(target.metric for target in targets)
        found = self.estimates(trial)
        return tuple(target.metric for target, one in zip(targets, found, strict=True) if not one.is_met)

    def measured_to_miss(self, trial: Trial) -> tuple[str, ...]:
        """Return the targets that a trial misses by a measured figure; others say nothing about neighbours."""
        if trial.failure or not trial.runs:
            return ()
        pairs = zip(self.sizing.targets, self.estimates(trial), strict=True)
        return tuple(target.metric for target, one in pairs if one.mean is not None and not one.is_met)

    def nearly_meets(self, trial: Trial) -> bool:
        """Tell whether a trial misses so narrowly, in all targets missed, that other seeds may meet them."""
        if not self.missed(trial) or not trial.runs:
            return False
        pairs = zip(self.sizing.targets, self.estimates(trial), strict=True)
        return all(one.is_met or self._is_near(target, one) for target, one in pairs)

    def _is_near(self, target: Target, found: Estimate) -> bool:
        if found.mean is None:
            return False
        if target.metric == "loss":  # the mean over all seeds is at least this mean / repeats
            return found.mean <= target.bound * self.sizing.repeats
        return -target.margin(found.mean) <= max(NEAR[target.is_latency], _INTERVALS * found.half / target.bound)

    def shortfall(self, trial: Trial) -> float:
        """Return the sum of a trial's misses as shares of the bounds; a target without a figure counts 1.

        Infinite if it could not be run. For a bound of 0 each thousandth missed counts 1.
        """
        if trial.failure or not trial.runs:
            return float("inf")
        total = 0.0
        for target, one in zip(self.sizing.targets, self.estimates(trial), strict=True):
            if one.mean is None:
                total += 1
            elif not one.is_met:
                total -= target.margin(one.mean) * (1 if target.bound else 1000)
        return total

    def _simulate(self, asked: Sequence[tuple[Trial, Sequence[Change]]]) -> None:
        """Run trials; repeat those with too short a window with a longer one, which later trials then use too."""
        while asked:
            outcomes = self._outcomes([self._lengthened(trial.candidate, more) for trial, more in asked])
            again = []
            for (trial, more), outcome in zip(asked, outcomes, strict=True):
                if isinstance(outcome, str):
                    trial.failure = outcome
                    continue
                found = tuple(measured(target, outcome) for target in self.sizing.targets)
                tells_little = any(map(self._tells_nothing, self.sizing.targets, found))
                if tells_little and self.lengthened < _MOST_LENGTHENED and self.left > 0:
                    again.append((trial, more))
                    continue
                trial.runs.append(found)
                totals, latency = outcome.totals, outcome.latency_ns
                trial.seen.add((*found, totals.offered_frames, totals.gbps, latency.mean, latency.max))
                if trial.bottleneck is None:
                    trial.bottleneck, trial.warnings = outcome.bottleneck, outcome.warnings
            asked = again[: max(0, self.left)]
            self.lengthened *= _LENGTHEN if asked else 1

    def _tells_nothing(self, target: Target, one: Measured) -> bool:
        """Tell whether a window is too short: no figure, or an offered rate missed by less than its interval."""
        if one.figure is None:
            return True
        return self.is_offered(target) and one.figure < _as_offered(target).bound <= one.figure + (one.half or 0.0)

    def _lengthened(self, candidate: Candidate, more: Sequence[Change]) -> Config:
        config = self.config(candidate, more)
        if self.lengthened == 1:
            return config
        longer = [_change("run.duration", format_time_fs(config.run.duration_fs * self.lengthened))]
        if config.run.frames is not None:
            longer.append(_change("run.frames", config.run.frames * self.lengthened))
        return self.config(candidate, [*more, *longer])

    def _outcomes(self, configs: Sequence[Config]) -> list[Outcome]:
        found: list[Outcome] = [""] * len(configs)
        for number, outcome in self.simulator(configs, self.jobs):
            found[number] = outcome
            self.n_runs += 1
            if self.progress is not None:
                self.progress(min(1.0, self.n_runs / self.most), f"simulation {self.n_runs}, {self.most} at most")
        return found


def offered_load(sizing: Sizing, candidate: Candidate) -> Change:
    """Return the load, in bits a second of each VM, that just offers the rates asked for.

    Without losses the delivered rate is linear in the load, so the closed form at two small loads gives the slope.
    """
    probes = [limits(sizing.config(candidate, [_change("workload.load", f"{rate}bps")])) for rate in _PROBES_BPS]
    wanted = Fraction(0)
    for target in sizing.targets:
        if target.metric in RATES:
            low, high = (Fraction(getattr(one, target.metric)) for one in probes)
            if high <= low:
                raise InputError(f"target.{target.metric}: nothing that VMs send is delivered, so no load gives it")
            slope = (high - low) / (_PROBES_BPS[1] - _PROBES_BPS[0])
            wanted = max(wanted, _PROBES_BPS[0] + (Fraction(target.bound) - low) / slope)
    return _change("workload.load", f"{max(1000, ceil(wanted - Fraction(1, 1000)))}bps")


def capacity(targets: Sequence[Target], at_load: Sequence[Estimate], outcome: Outcome) -> dict[str, Estimate]:
    """Return a saturated run's rates, by target, where that carries more than at the load asked for, `at_load`.

    Where senders that saturate lose what a smaller load brings through, their rate says nothing of that load.
    """
    if not isinstance(outcome, Result):
        return {}
    found: dict[str, Estimate] = {}
    for target, beside in zip(targets, at_load, strict=True):
        one = estimate(target, [measured(target, outcome)]) if target.is_least else None
        if one is not None and one.mean is not None and one.mean > (beside.mean or 0.0):
            found[target.metric] = one
    return found


def _change(key: str, value: object) -> Change:
    return Change(key, value, _SEARCH, _SEARCH)


def _as_offered(target: Target) -> Target:
    """Return a target with its bound lowered by what chance may take of a rate that is just offered."""
    return replace(target, bound=target.bound * (1 - OPEN_LOAD_SHORTFALL))


def _disturbance(config: Config) -> tuple[Change, ...]:
    """Return the changes that add a little jitter to the host's read latency; none if it has jitter."""
    host = config.host
    width_fs = host.read_latency_fs // _DISTURBED
    if host.jitter.kind != "fixed" or not width_fs:
        return ()
    jitter = {"kind": "uniform", "range": format_time_fs(width_fs)}
    return (
        _change("host.read_latency", format_time_fs(host.read_latency_fs - width_fs // 2)),
        _change("host.jitter", jitter),
    )


def _words(value: object) -> str:
    return " ".join(f"{key} {one}" for key, one in value.items()) if isinstance(value, dict) else str(value)
