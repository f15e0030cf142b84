"""Whether intervals hold: each run's beside a run twenty times as long and beside 16 seeds, by classes of loads.

    python -m benches.steadiness                  300 random configurations, some 3 s each
    python -m benches.steadiness --seed 7 -n 60   60 others
    python -m benches.steadiness --keep FILE      go on from what FILE has, a line for each configuration
    python -m benches.steadiness --quick          two, and short: shows that it works, and measures nothing

A figure holds where the long run's, or the mean of the seeds', lies in the interval. What a run says to have grown in
its window (waits before a machine that is offered too much grow for ever) is compared with the seeds alone. Counted
beside that are the silent misses: off by more than three half widths and 0.5 %, and no warning names the figure; and
the false alarms: runs that warn, and all figures hold. Seeds draw the clocks and phases of the machine too.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benches.comparison import table
from benches.steadiness_cases import CLASSES, Case, drawn_cases
from hwmodel.config import config_from_mapping
from hwmodel.errors import RunError
from hwmodel.results import Result
from hwmodel.simulation import simulate

TIMES_AS_LONG = 20
N_SEEDS = 16
HALF_WIDTHS, MATTERS = 3, 0.005
RATES = ("totals.gbps", "wire.tx_gbps")
FIGURES = {
    "rates": RATES,
    "mean": ("latency_ns.mean", "latency_to_guest_ns.mean"),
    "p50": ("latency_ns.p50", "latency_to_guest_ns.p50"),
    "p99": ("latency_ns.p99", "latency_to_guest_ns.p99"),
    "p99.9": ("latency_ns.p999", "latency_to_guest_ns.p999"),
    "waits": ("sender_wait_ns.mean", "sender_wait_ns.p99", "wire.wait_ns.mean", "wire.wait_ns.p99"),
}
HEADS = ("figure", *CLASSES)
OF_GROWTH = "Not steady"
OF_UNSURE = (OF_GROWTH, "The window is short", "The window holds few", "The run was not steady")

Told = Mapping[str, tuple[float, float, float]]  # by figure: the run's, and the ends of its interval


@dataclass(frozen=True)
class Outcome:
    """Hold a run's figures with their intervals, those that it should have, and what it warns of figures."""

    kind: str
    name: str
    told: Told
    truths: Sequence[Mapping[str, float]]
    warnings: tuple[str, ...]

    def misses(self, truth: Mapping[str, float]) -> dict[str, float]:
        """Return by how many half widths each figure is off that does not hold."""
        found = {}
        for name, (_, low, high) in self.told.items():
            off = max(low - truth[name], truth[name] - high, 0.0) if name in truth else 0.0
            if off:
                found[name] = 1 + off / max((high - low) / 2, 1e-12)
        return found

    def is_warned(self, name: str) -> bool:
        """Tell whether a warning stands for a figure: of this figure or its latency by name, or of all."""
        said = " ".join(self.warnings)
        of_all = any(words in said for words in ("few bursts", "The run was not", "begins at the instant of a change"))
        return name.rpartition(".")[0] in said or name in said or of_all

    def has_truth(self, name: str, against: int) -> bool:
        """Tell whether there is something to compare a figure with: of what grew no long run."""
        grew = any(text.startswith(OF_GROWTH) and name.rpartition(".")[0] in text for text in self.warnings)
        return name in self.told and name in self.truths[against] and not (grew and against == 0)


def measure(case: Case, n_seeds: int = N_SEEDS) -> Outcome:
    """Run a case, once more for longer, and with other seeds."""
    settings = case.config.resolved()
    short = simulate(case.config)
    n_ns = round(TIMES_AS_LONG * short.window.duration_ns)
    long = simulate(config_from_mapping(settings, {"run.duration": f"{n_ns}ns"}))
    first = case.config.run.seed + 1
    seeds = [simulate(config_from_mapping(settings, {"run.seed": first + at})) for at in range(n_seeds)]
    warnings = tuple(text for text in short.warnings if text.startswith(OF_UNSURE))
    return Outcome(case.kind, case.name, told_of(short), (figures_of(long), mean_of(seeds)), warnings)


def figures_of(result: Result) -> dict[str, float]:
    """Return the figures that are compared, of a result."""
    known = result.scalars()
    found = {name: known.get(name) for names in FIGURES.values() for name in names}
    return {name: float(value) for name, value in found.items() if isinstance(value, int | float)}


def told_of(result: Result) -> dict[str, tuple[float, float, float]]:
    """Return the figures that have an interval, with its ends."""
    figures = figures_of(result)
    return {name: (value, *result.intervals[name]) for name, value in figures.items() if name in result.intervals}


def mean_of(results: Sequence[Result]) -> dict[str, float]:
    """Return the mean of each figure that all results have."""
    all_figures = [figures_of(result) for result in results]
    shared = set.intersection(*(set(one) for one in all_figures)) if all_figures else set()
    return {name: sum(one[name] for one in all_figures) / len(all_figures) for name in shared}


def rows(outcomes: Sequence[Outcome], against: int) -> Iterator[tuple[str, ...]]:
    """Give a row for each kind of figure: in how many runs of each class it holds, `against` the long run or seeds."""
    for word, names in FIGURES.items():
        cells = []
        for kind in CLASSES:
            held = [
                name not in one.misses(one.truths[against])
                for one in outcomes if one.kind == kind
                for name in names if one.has_truth(name, against)
            ]  # fmt: skip
            cells.append(f"{100 * sum(held) / len(held):.0f} % of {len(held)}" if held else "-")
        yield word, *cells


def verdicts(outcomes: Sequence[Outcome]) -> Iterator[str]:
    """Sum up: silent misses and false alarms."""
    counts: Counter[str] = Counter()
    for one in outcomes:
        missed = [one.misses(truth) for truth in one.truths]
        far = {
            name
            for truth, misses in zip(one.truths, missed, strict=True)
            for name, widths in misses.items()
            if widths > HALF_WIDTHS and abs(truth[name] - one.told[name][0]) > MATTERS * abs(truth[name])
        }
        silent = sorted(name for name in far if not one.is_warned(name))
        counts["warn"] += bool(one.warnings)
        counts["warn though all holds"] += bool(one.warnings) and not any(missed)
        counts["miss silently"] += bool(silent)
        if silent:
            yield f"silent: {one.kind}, {one.name}: {', '.join(silent)}"
    yield f"{len(outcomes)} runs: " + ", ".join(f"{n} {what}" for what, n in counts.items())


def kept_in(path: Path | None) -> dict[str, Outcome]:
    """Return the outcomes that a file has, by the name of the case."""
    lines = path.read_text().splitlines() if path is not None and path.exists() else []
    outcomes = (_outcome(json.loads(line)) for line in lines)
    return {one.name: one for one in outcomes}


def _outcome(record: dict[str, Any]) -> Outcome:
    told = {name: (value, low, high) for name, (value, low, high) in record["told"].items()}
    return Outcome(record["kind"], record["name"], told, tuple(record["truths"]), tuple(record["warnings"]))


def _shortened(case: Case) -> Case:
    return Case(case.kind, case.name, config_from_mapping(case.config.resolved(), {"run.duration": "200us"}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("-n", type=int, default=300)
    parser.add_argument("--keep", type=Path, help="a file of outcomes to go on from")
    parser.add_argument("--quick", action="store_true", help="two, and short; the figures mean nothing")
    arguments = parser.parse_args()
    outcomes = kept_in(arguments.keep)
    for number, case in enumerate(drawn_cases(arguments.seed, 2 if arguments.quick else arguments.n)):
        name = f"{number}: {case.name}"
        if name in outcomes:
            continue
        try:
            one = measure(_shortened(case), 2) if arguments.quick else measure(case)
        except RunError as error:  # far more is offered than fits into the model's queues
            print(f"{name}: {error}")
            continue
        outcomes[name] = Outcome(one.kind, name, one.told, one.truths, one.warnings)
        if arguments.keep is not None:
            with arguments.keep.open("a") as file:
                file.write(json.dumps(outcomes[name].__dict__) + "\n")
    found = list(outcomes.values())
    for against, words in enumerate(("a run 20 times as long", f"the mean of {N_SEEDS} seeds")):
        print(f"\nAgainst {words}:\n")
        print(table(HEADS, list(rows(found, against))))
    print(*verdicts(found), sep="\n")


if __name__ == "__main__":
    main()
