"""Whether a run's figures hold: each beside those of a run twenty times as long, with its interval and its warnings.

    python -m benches.steadiness               the shipped configurations, then 30 near saturation
    python -m benches.steadiness --seed 7      30 others
    python -m benches.steadiness --other-seed  the long run has another seed
    python -m benches.steadiness --quick       two of each, and short: shows that it works, and measures nothing

A figure holds where that of the long run lies in the interval of the short one, or where the short run warns of it: of
this figure by name, or of all, that it is not steady. A run holds where its four figures do. The long run is the short
one gone on: with another seed a saturated machine may settle into another cycle, which no run can know of itself. The
loads are 85 to 100 % of the closed form's ceiling.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from benches.comparison import table
from hwmodel.config import Config, config_from_mapping, load_config
from hwmodel.config.shipped import shipped_configs
from hwmodel.results import Result
from hwmodel.simulation import simulate

TIMES_AS_LONG = 20
REQUIRED = 0.9
DURATION = "20ms"
FIGURES = ("totals.gbps", "latency_ns.mean", "latency_ns.p50", "latency_ns.p99")
HEADS = ("configuration", "load", *FIGURES, "")
OTHER_SEED = 1001
LOADS = ("85%", "90%", "93%", "95%", "97%", "98%", "99%", "100%")


@dataclass(frozen=True)
class Case:
    """Hold a configuration, what it is called, and how long its window is."""

    name: str
    load: str
    config: Config
    duration: str


@dataclass(frozen=True)
class Outcome:
    """Hold a case with, of each figure, by what share of it the long run is off, and whether the interval says so.

    `warned`: the figures that the short run warns of.
    """

    case: Case
    off: dict[str, float]
    holds: dict[str, bool]
    warned: frozenset[str]

    @property
    def is_told(self) -> bool:
        """Tell whether each figure holds, or the run has warned of it."""
        return all(holds or name in self.warned for name, holds in self.holds.items())


def shipped(duration: str | None) -> Iterator[Case]:
    """Give the shipped configurations that a run can be longer of, each with its own window or the one given."""
    for one in shipped_configs():
        config = load_config(one.path)
        if config.workload.pcap is None and config.run.frames is None:
            window = duration or f"{config.run.duration_fs // 10**6}ns"
            yield Case(one.path.stem, "as it is", config, window)


def near_saturation(seed: int, n: int, duration: str) -> Iterator[Case]:
    """Draw configurations whose load lies at the ceiling or shortly below it."""
    drawn = random.Random(seed)
    for number in range(n):
        preset, driver = drawn.choice((("82599", "kernel"), ("82599", "dpdk"), ("XL710", "dpdk"), (None, None)))
        lanes, n_bytes = drawn.choice((2, 4, 8)), drawn.choice((64, 128, 256, 570, 1518))
        pattern, arrivals = drawn.choice(("pairs", "uniform", "ring", "incast")), drawn.choice(("poisson", "periodic"))
        share = LOADS[number % len(LOADS)]
        batch = {"tx_doorbell_batch": 8, "refill_batch": 8, "rx_interrupt_batch": 0, "tx_interrupt_batch": 0}
        blocks: dict[str, dict[str, Any]] = {
            "pcie": {"generation": drawn.choice((2, 3)), "lanes": lanes},
            "nic": {"preset": preset, "vfs": drawn.choice((4, 8)), "tx_ring": 512, "rx_ring": 512},
            "driver": {"preset": driver} if driver else {"preset": None, **batch, "frame_time": "20ns"},
            "workload": {
                "pattern": pattern, "frame_bytes": n_bytes, "load": f"{share} of ceiling", "arrivals": arrivals
            },
            "run": {"seed": 1 + number},
        }  # fmt: skip
        name = f"{preset or 'no preset'}, x{lanes}, {n_bytes} B, {pattern}, {arrivals}"
        yield Case(name, share, config_from_mapping(blocks), duration)


def measure(case: Case, has_other_seed: bool = False) -> Outcome:
    """Run a case, and once more for longer."""
    window, seed = case.config.run.duration_fs, case.config.run.seed
    short = simulate(config_from_mapping(case.config.resolved(), {"run.duration": case.duration}))
    n_ns = round(TIMES_AS_LONG * (short.window.duration_ns or window / 10**6))
    changes = {"run.duration": f"{n_ns}ns", "run.seed": OTHER_SEED if has_other_seed else seed}
    long = simulate(config_from_mapping(case.config.resolved(), changes))
    return outcome_of(case, short, long)


def outcome_of(case: Case, short: Result, long: Result) -> Outcome:
    """Compare the figures that both runs have."""
    off, holds = {}, {}
    for name in FIGURES:
        ours, theirs = short.scalars().get(name), long.scalars().get(name)
        if isinstance(ours, int | float) and isinstance(theirs, int | float) and ours:
            low, high = short.intervals.get(name, (0.0, 0.0))
            off[name], holds[name] = float(theirs) / float(ours) - 1, low <= theirs <= high
    return Outcome(case, off, holds, _warned(short))


def _warned(result: Result) -> frozenset[str]:
    """Return the figures that a warning stands for: all of a run that is not steady, else those it names."""
    if any("not steady" in text for text in result.warnings):
        return frozenset(FIGURES)
    return frozenset(name for name in FIGURES for text in result.warnings if name in text)


def row(outcome: Outcome) -> tuple[str, ...]:
    """Give a case's row: how far the long run is off; `!`: the interval does not say so; `w`: the run warns of it."""
    cells = []
    for name in FIGURES:
        marks = ("" if outcome.holds.get(name, True) else " !") + (" w" if name in outcome.warned else "")
        cells.append("-" if name not in outcome.off else f"{100 * outcome.off[name]:+.2f} %{marks}")
    return outcome.case.name, outcome.case.load, *cells, "" if outcome.is_told else "not told"


def verdicts(what: str, outcomes: Sequence[Outcome]) -> Iterator[str]:
    """Sum up: the runs of which all holds or is warned of, then each figure."""
    n_told, n_warned = sum(one.is_told for one in outcomes), sum(bool(one.warned) for one in outcomes)
    word = "PASS" if n_told >= REQUIRED * len(outcomes) else "below"
    yield f"{what}: {n_told} of {len(outcomes)} hold or warn (>= {REQUIRED:g}) {word}; {n_warned} warn of a figure"
    for name in FIGURES:
        with_it = [outcome for outcome in outcomes if name in outcome.holds]
        silent = [outcome.holds[name] for outcome in with_it if name not in outcome.warned]
        n_held = sum(outcome.holds[name] for outcome in with_it)
        yield (
            f"{what}, {name}: {n_held} of {len(with_it)} hold, {sum(silent)} of {len(silent)} of those without warning"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--other-seed", action="store_true", help="the long run has another seed")
    parser.add_argument("--quick", action="store_true", help="two of each, and short; the figures mean nothing")
    arguments = parser.parse_args()
    n, duration = (2, "1ms") if arguments.quick else (30, DURATION)
    groups = {
        "shipped": list(shipped(duration if arguments.quick else None))[: n if arguments.quick else None],
        "near saturation": list(near_saturation(arguments.seed, n, duration)),
    }
    outcomes = {what: [measure(case, arguments.other_seed) for case in cases] for what, cases in groups.items()}
    print(table(HEADS, [row(outcome) for found in outcomes.values() for outcome in found]))
    for what, found in outcomes.items():
        print(*verdicts(what, found), sep="\n")


if __name__ == "__main__":
    main()
