"""How often intervals hold, by classes of machines that are hard to know: short windows of many seeds beside long runs.

    python -m benches.interval_coverage                   25 machines of each class, 20 seeds each
    python -m benches.interval_coverage --seed 7 -n 12    two other machines of each class
    python -m benches.interval_coverage --class vmdq      one class alone
    python -m benches.interval_coverage --keep FILE       go on from what FILE has, a line for each run
    python -m benches.interval_coverage --quick           one machine, and short: measures nothing

Each machine runs a short window with each seed, and two windows as long as 25 of these, whose mean is taken for the
truth where the two agree; what a run says to have grown in its window is compared with the mean of the seeds. A cell of
the table counts the intervals that hold what is true, in parentheses the share of the figures that have one (a window
that does not tell how far off a latency is gives it none, and warns), and behind it the median of the half width over
1.96 standard deviations of the seeds: 1 is as wide as is needed. A silent miss is off by more than three half widths
and 0.5 %, and no warning names the figure.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from statistics import median, stdev
from typing import Any

from benches.comparison import table
from benches.steadiness import FIGURES, OF_UNSURE, Outcome, figures_of, kept_in, mean_of, told_of, verdicts
from benches.steadiness_cases import Case
from hwmodel.config import config_from_mapping
from hwmodel.errors import InputError, RunError
from hwmodel.results.student_t import NORMAL_975
from hwmodel.simulation import simulate
from hwmodel.words.warnings import BEGINS_WITH_CHANGE

TIMES_AS_LONG, N_SEEDS, N_MACHINES = 25, 20, 25
MORE_UNSURE = ("Known roughly", "Locked in phase", "Interrupts that adapt", BEGINS_WITH_CHANGE)
CLASSES = ("near", "bursts", "vmdq", "servers", "scenario", "adaptive")
SMALL = {"pcie": {"generation": 2, "lanes": 4}, "workload": {"pattern": "pairs"}}


def drawn_cases(seed: int, n: int, only: str | None = None) -> Iterator[Case]:
    """Draw configurations, of each class as many."""
    for number in range(n):
        kind = CLASSES[number % len(CLASSES)]
        drawn = random.Random(f"{seed}/{number}")
        while only in (None, kind):
            try:
                yield _drawn(kind, drawn, f"{seed}/{number}")
                break
            except InputError:
                continue


def _drawn(kind: str, drawn: random.Random, label: str) -> Case:
    n_bytes, share = drawn.choice((64, 256, 1518)), drawn.choice((90, 93, 95, 97))
    arrivals = drawn.choice(("poisson", "poisson", "periodic")) if kind == "near" else "poisson"
    load: dict[str, Any] = {"load": f"{share}% of ceiling", "arrivals": arrivals, "frame_bytes": n_bytes}
    blocks: dict[str, Any] = {**SMALL, "nic": {"vfs": drawn.choice((2, 4))}, "driver": {"preset": "dpdk"}}
    duration, warmup = drawn.choice(("1ms", "3ms", "5ms")), "auto"
    if kind == "bursts":
        bps = drawn.choice((300, 800, 1500)) * 10**6
        n = drawn.choice((16, 64, 200))
        load |= {"load": f"{bps}bps", "arrivals": "on_off", "mean_burst": n, "peak_rate": f"{4 * bps}bps"}
        duration = drawn.choice(("5ms", "10ms"))
    elif kind == "vmdq":
        blocks |= {"nic": {"preset": "82599", "vfs": 4, "mode": "vmdq"}, "driver": {"preset": "kernel"}}
    elif kind == "servers":
        blocks |= {"servers": [{"name": "a"}, {"name": "b"}], "nic": {"vfs": 2}, "bridge": {"latency": "500ns"}}
        load["pattern"] = drawn.choice(("uniform", "ring", "incast"))
    elif kind == "scenario":
        blocks["scenario"] = [{"at": f"{drawn.choice((50, 200))}us", "set": {"workload.load": load["load"]}}]
        load["load"], warmup = "40% of ceiling", drawn.choice(("auto", "2ms"))
    elif kind == "adaptive":
        blocks |= {"nic": {"preset": "X550", "vfs": 2}, "driver": {"preset": "kernel"}}
        load["load"] = f"{drawn.choice((40, 60, 80))}% of ceiling"
        duration = drawn.choice(("5ms", "10ms"))
    blocks["workload"] = SMALL["workload"] | load
    blocks["run"] = {"seed": drawn.randrange(1, 10**6), "duration": duration, "warmup": warmup}
    name = f"{kind} {label}: {load['load']} {load['arrivals']}, {n_bytes} B, {blocks['nic']['vfs']} VFs, {duration}"
    return Case(kind, name, config_from_mapping(blocks))


def measure(case: Case, n_seeds: int, times: int) -> list[Outcome]:
    """Run a case with several seeds, and for longer; return what each seed's run tells beside what is true."""
    settings, first = case.config.resolved(), case.config.run.seed
    shorts = [simulate(config_from_mapping(settings, {"run.seed": first + at})) for at in range(n_seeds)]
    n_ns = round(times * shorts[0].window.duration_ns)
    long = [
        simulate(config_from_mapping(settings, {"run.duration": f"{n_ns}ns", "run.seed": first + n_seeds + at}))
        for at in range(2)
    ]
    truth, own = mean_of(long), mean_of(shorts)
    spread = {name: abs(figures_of(long[0])[name] - figures_of(long[1])[name]) for name in truth}
    known = {name: value for name, value in truth.items() if name in own and spread[name] < 0.1 * abs(value)}
    found = []
    for at, one in enumerate(shorts):
        outcome = Outcome(case.kind, f"{case.name}, seed +{at}", told_of(one), (known, own), _unsure(one.warnings))
        grew = {name: own[name] for name in known if not outcome.has_truth(name, 0)}
        found.append(replace(outcome, truths=(known | grew,)))
    return found


def _unsure(warnings: Sequence[str]) -> tuple[str, ...]:
    return tuple(text for text in warnings if text.startswith((*OF_UNSURE, *MORE_UNSURE)))


def rows(outcomes: Sequence[Outcome]) -> Iterator[tuple[str, ...]]:
    """Give a row for each kind of figure: how many of its intervals hold, how many figures have one, how wide."""
    for word, names in FIGURES.items():
        cells = []
        for kind in CLASSES:
            of_kind = [one for one in outcomes if one.kind == kind]
            found = [
                name not in one.misses(one.truths[0])
                for one in of_kind for name in names if name in one.told and name in one.truths[0]
            ]  # fmt: skip
            n, n_known = len(found), sum(name in one.truths[0] for one in of_kind for name in names)
            wide = median([*_widths(of_kind, names), 0.0])
            cells.append(f"{100 * sum(found) / n:.0f} of {n} ({100 * n / n_known:.0f}), {wide:.2g}" if n else "-")
        yield word, *cells


def _widths(outcomes: Sequence[Outcome], names: Sequence[str]) -> Iterator[float]:
    """Give, of each machine's runs, each half width over that which their spread calls for."""
    for _, group in groupby(outcomes, lambda one: one.name.rpartition(", seed")[0]):
        machine = list(group)
        for name in names:
            told = [one.told[name] for one in machine if name in one.told]
            spread = NORMAL_975 * stdev(value for value, _, _ in told) if len(told) > 2 else 0.0
            yield from ((high - low) / 2 / spread for _, low, high in told if spread)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("-n", type=int, default=N_MACHINES * len(CLASSES))
    parser.add_argument("--class", dest="only", choices=CLASSES)
    parser.add_argument("--keep", type=Path, help="a file of outcomes to go on from")
    parser.add_argument("--verbose", action="store_true", help="each machine's misses as they come")
    parser.add_argument("--quick", action="store_true", help="one machine, and short; the figures mean nothing")
    arguments = parser.parse_args()
    n_seeds, times, n = (2, 2, 1) if arguments.quick else (N_SEEDS, TIMES_AS_LONG, arguments.n)
    outcomes = list(kept_in(arguments.keep).values())
    known = {one.name.rpartition(", seed")[0] for one in outcomes}
    for case in drawn_cases(arguments.seed, n, arguments.only):
        if case.name in known:
            continue
        try:
            found = measure(case, n_seeds, times)
        except RunError as error:
            print(f"{case.name}: {error}")
            continue
        outcomes += found
        if arguments.keep is not None:
            with arguments.keep.open("a") as file:
                file.writelines(json.dumps(one.__dict__) + "\n" for one in found)
        if arguments.verbose:
            report(case, found)
    print(table(("figure: holds % of (have one %), width", *CLASSES), list(rows(outcomes))))
    print(*verdicts(outcomes), sep="\n")


def report(case: Case, found: Sequence[Outcome]) -> None:
    """Print, for each figure that does not hold in some runs, what is true beside what they tell."""
    print(f"{case.kind}: {case.name}; {len(found)} runs", flush=True)
    for name, true in found[0].truths[0].items():
        missed = [one for one in found if name in one.misses(one.truths[0])]
        if missed:
            told = "; ".join(
                f"{value:.4g} ({low:.4g} to {high:.4g}){'' if not one.is_warned(name) else ' w'}"
                for one in missed[:4]
                for value, low, high in (one.told[name],)
            )
            print(f"  {name} {true:.4g} missed by {len(missed)}: {told}", flush=True)


if __name__ == "__main__":
    main()
