"""Whether the named bottleneck is the one: random configurations, the named resource made twice as large, the gain.

    python -m benches.bottleneck                       400 configurations of seed 1, about ten minutes on two cores
    python -m benches.bottleneck --seed 7 --n 100
    python -m benches.bottleneck --ways --n 50         each in every way that `hwmodel compare` runs it
    python -m benches.bottleneck --quick               a handful: shows that it works, and measures nothing

A case is right where the throughput, what VMs and the wire get together, rises by 2 % or more; for `offered_load`,
where nothing on the page is more than 97 % busy. Where a run names others beside (`bottleneck.also`), both figures are
given: the first alone, and all at once. Runs above the closed form are listed too: by more than 1 %, and by
more than chance explains where lengths or times are random. A window that gives no rate, or a rate above the closed
form, is too short for what its buffers hold: the case is judged over one ten times as long.
"""

from __future__ import annotations

import argparse
import math
import multiprocessing
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import yaml

from benches.bottleneck_cases import configurations
from benches.limit_cases import draw_wide
from hwmodel.analytic import limits
from hwmodel.config import config_from_mapping
from hwmodel.errors import InputError, RunError
from hwmodel.explore import named_together
from hwmodel.explore.ways import ways_of
from hwmodel.relaxations import relaxations_of
from hwmodel.simulation import simulate_on_one_core as simulate

if TYPE_CHECKING:
    from hwmodel.config import Config
    from hwmodel.relaxations import Relaxation
    from hwmodel.results import Result

RISES = 0.02
FULLEST = 0.97  # of all shares on the page, where the load alone is named
ABOVE = 0.01
REQUIRED = 0.99
RUN = {"warmup": "auto", "duration": "100ms", "frames": 20_000}
LONGER = {"run.duration": "2s", "run.frames": 200_000}  # where that window gives no rate, or one above the closed form
QUICK_RUN = {"warmup": "auto", "duration": "10ms", "frames": 3000}


@dataclass(frozen=True)
class Case:
    """Hold what one configuration gave: the gain with the named resource, and with all that are named as full."""

    label: str
    config: Config
    resource: str = ""
    also: tuple[str, ...] = ()
    gbps: float = 0.0
    gain: float | None = None
    gain_together: float | None = None
    busiest: float = 0.0
    is_measured: bool = False
    over_limit: float | None = None
    problem: str = ""

    @property
    def is_right(self) -> bool:
        """Tell whether the named resource makes the throughput rise, or the load is named and nothing is full."""
        if self.resource == "offered_load":
            return self.busiest <= FULLEST
        return self.gain is not None and self.gain >= RISES

    @property
    def is_right_together(self) -> bool:
        """Tell whether all that is named does."""
        return self.is_right or (self.gain_together is not None and self.gain_together >= RISES)


def judge(label: str, config: Config) -> Case:
    """Judge a configuration; where its window, or a larger machine's, is too short for that, over a longer one."""
    case = _judge(label, config)
    if not case.problem and case.over_limit is None:
        return case
    return _judge(label, config_from_mapping(config.resolved(), LONGER))


def _judge(label: str, config: Config) -> Case:
    """Run a configuration, then with what it names made larger."""
    try:
        result = simulate(config)
    except RunError as error:
        return Case(label, config, problem=str(error))
    found = result.bottleneck
    if result.throughput_gbps() is None:
        return Case(label, config, problem="the window gives no rate")
    relaxations = relaxations_of(config)
    named = [relaxation for relaxation in relaxations if relaxation.is_of(found)]
    together = named_together(config, relaxations, found)
    gain = _gain(result, named)
    if named and gain is None:
        return Case(label, config, problem="a window of the larger machine gives no rate")
    return Case(
        label,
        config,
        found.resource,
        found.also,
        result.throughput_gbps() or 0.0,
        gain,
        _gain(result, together),
        busiest_share(result),
        found.gain is not None,
        over_limit(config, result),
    )


def busiest_share(result: Result) -> float:
    """Return the largest of all busy shares on the page of a run."""
    utilizations = [result.utilization, *(one.utilization for one in getattr(result, "adapters", ()))]
    shares = [share for each in utilizations for share in each.values()]
    shares += [each.get("driver.tx", 0.0) + each.get("driver.rx", 0.0) for each in utilizations]
    shares += [port.out_utilization or 0.0 for bridge in result.bridges for port in bridge.ports]
    return float(max(shares, default=0.0))


def _gain(result: Result, relaxations: Iterable[Relaxation]) -> float | None:
    """Return the largest gain of some relaxations; None where there is none."""
    before = result.throughput_gbps()
    after = [_gbps(relaxation.config) for relaxation in relaxations]
    gains = [gbps / before - 1 for gbps in after if gbps is not None] if before else []
    return max(gains, default=None)


def _gbps(config: Config) -> float | None:
    try:
        return simulate(config).throughput_gbps()
    except RunError:
        return None  # such as far more offered than the model has room for


def over_limit(config: Config, result: Result) -> float | None:
    """Return by what share a run is above the closed form, None if it is not; chance is taken off."""
    try:
        ceiling = limits(config).gbps
    except InputError:
        return None  # the closed form has no answer, as for flows of which nothing arrives
    frames = result.window.vm_frames or 0
    gbps = result.totals.gbps
    if not frames or not gbps or not ceiling:
        return None
    share = gbps / ceiling - 1
    return share if share > ABOVE + chance_of(config, result) else None


def chance_of(config: Config, result: Result) -> float:
    """Return by what share chance alone may lift a run's rate above its mean; 0 where nothing is random."""
    frames = result.window.vm_frames or result.window.wire_frames or 1
    return 4 / math.sqrt(frames) if _has_chance(config) else 0.0


def _has_chance(config: Config) -> bool:
    workload = config.workload
    return workload.load.kind != "saturate" or bool(
        workload.sizes or workload.wire_share or workload.external or workload.flows
    )


def in_each_way(label: str, config: Config) -> Iterator[tuple[str, Config]]:
    """Give a configuration in each way in which VMs can be connected, with a bridge at its wire if it can have one."""
    with suppress(InputError):  # of a machine that a bridge does not fit
        config = config_from_mapping(config.resolved(), {"bridge": {"kind": "controlling"}})
    for way, one in ways_of(config)[0].items():
        yield f"{label} {way.name}", one


def judge_all(seed: int, n: int, run: dict[str, object], jobs: int, *, of_ways: bool = False) -> list[Case]:
    """Judge `n` configurations of a seed, several at once; `of_ways`: each in every way that it allows."""
    numbered = [(f"{seed}/{index}", config) for index, config in enumerate(configurations(seed, n, run, draw_wide))]
    if of_ways:
        numbered = [one for label, config in numbered for one in in_each_way(label, config)]
    if jobs <= 1:
        return _told(map(judge, *zip(*numbered, strict=True)), len(numbered))
    with ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn")) as pool:
        return _told(pool.map(judge, *zip(*numbered, strict=True)), len(numbered))


def _told(cases: Iterable[Case], n: int) -> list[Case]:
    """Tell of each case as it is judged, and return them; Ctrl-C ends with those that are."""
    judged: list[Case] = []
    with suppress(KeyboardInterrupt):
        for case in cases:
            judged.append(case)
            verdict = case.problem or ("right" if case.is_right_together else _line(case))
            print(f"{len(judged)} of {n}: {case.label}: {verdict}", file=sys.stderr, flush=True)
    return judged


def report_text(cases: Sequence[Case], *, details: bool = False) -> str:
    """Write the figures, then the cases that are not right and those above the closed form."""
    judged = [case for case in cases if not case.problem and case.gbps]
    alone, together = (
        sum(getattr(case, name) for case in judged) / max(1, len(judged)) for name in ("is_right", "is_right_together")
    )
    verdict = "PASS" if together >= REQUIRED else "below"
    above = [case for case in judged if case.over_limit is not None]
    measured = sum(case.is_measured for case in judged) / max(1, len(judged))
    lines = [
        f"{len(judged)} configurations, {len(cases) - len(judged)} left out (nothing arrived, no rate, or no room)",
        f"named resource twice as large: throughput rises by 2 % or more in {alone:.1%}",
        f"all that is named as full twice as large: in {together:.1%}, required {REQUIRED:.0%}: {verdict}",
        f"named by short runs: {measured:.0%}; the load alone: {sum(c.resource == 'offered_load' for c in judged)}",
        f"above the closed form by more than 1 %: {len(above)}",
    ]
    lines += [_line(case) for case in judged if not case.is_right]
    lines += [f"{case.label}: {case.over_limit:+.1%} above the closed form, {case.gbps:.3f} Gb/s" for case in above]
    if details:
        for case in judged:
            if not case.is_right_together or case.over_limit is not None:
                lines += [
                    f"--- {case.label}",
                    yaml.safe_dump(case.config.resolved(), default_flow_style=None, width=160),
                ]
    return "\n".join(lines)


def _line(case: Case) -> str:
    named = case.resource + "".join(f" + {name}" for name in case.also)
    gain = "cannot be larger" if case.gain is None else f"{case.gain:+.1%}"
    together = "" if case.gain_together is None else f", together {case.gain_together:+.1%}"
    return f"{case.label}: {named}: {gain}{together} of {case.gbps:.3f} Gb/s"


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--n", type=int, default=400)
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--ways", action="store_true", help="in every way that hwmodel compare runs them")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--details", action="store_true", help="print the configurations that are not right")
    arguments = parser.parse_args(argv)
    if arguments.quick:
        cases = judge_all(arguments.seed, 1 if arguments.ways else 4, QUICK_RUN, 1, of_ways=arguments.ways)
    else:
        cases = judge_all(arguments.seed, arguments.n, RUN, arguments.jobs, of_ways=arguments.ways)
    print(report_text(cases, details=arguments.details))


if __name__ == "__main__":
    main()
