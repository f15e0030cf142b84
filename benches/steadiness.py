"""Whether a run's figures hold: each beside those of a run twenty times as long, with its interval and its warnings.

    python -m benches.steadiness             the shipped configurations, then 30 near saturation
    python -m benches.steadiness --seed 7    30 others
    python -m benches.steadiness --quick     two of each, and short: shows that it works, and measures nothing

A figure holds where that of the long run lies in the interval of the short one, widened by the long one's own, as two
figures that chance has moved both; it may also miss where the short run warns that it is not steady, or that its
intervals are doubtful. The loads are 85 to 100 % of the closed form's ceiling.
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
HEADS = ("configuration", "load", *FIGURES, "warns", "")
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
    """Hold a case with, of each figure, by what share of it the long run is off, and whether the interval says so."""

    case: Case
    off: dict[str, float | None]
    holds: dict[str, bool]
    warning: str

    @property
    def is_told(self) -> bool:
        """Tell whether all figures hold, or the run has warned."""
        return all(self.holds.values()) or bool(self.warning)


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


def measure(case: Case) -> Outcome:
    """Run a case, and once more for longer."""
    window = case.config.run.duration_fs
    short = simulate(config_from_mapping(case.config.resolved(), {"run.duration": case.duration}))
    n_ns = round(TIMES_AS_LONG * (short.window.duration_ns or window / 10**6))
    long = simulate(config_from_mapping(case.config.resolved(), {"run.duration": f"{n_ns}ns", "run.seed": 1001}))
    off, holds = {}, {}
    for name in FIGURES:
        ours, theirs = short.scalars().get(name), long.scalars().get(name)
        if not isinstance(ours, int | float) or not isinstance(theirs, int | float) or not ours:
            continue
        off[name] = float(theirs) / float(ours) - 1
        holds[name] = _holds(name, short, long, float(ours), float(theirs))
    return Outcome(case, off, holds, _doubt(short))


def _holds(name: str, short: Result, long: Result, ours: float, theirs: float) -> bool:
    if name not in short.intervals:
        return False
    low, high = short.intervals[name]
    long_low, long_high = long.intervals.get(name, (theirs, theirs))
    half = (ours - low) if theirs < ours else (high - ours)
    long_half = (long_high - theirs) if theirs < ours else (theirs - long_low)
    return abs(theirs - ours) <= (half**2 + long_half**2) ** 0.5


def _doubt(result: Result) -> str:
    words = {"not steady": "unsteady", "window is short": "doubtful", "too short": "short", "too few": "short"}
    return " ".join(sorted({word for text in result.warnings for part, word in words.items() if part in text}))


def row(outcome: Outcome) -> tuple[str, ...]:
    """Give a case's row: how far the long run is off, an exclamation mark where the interval does not say so."""
    cells = [
        "-" if name not in outcome.off else f"{100 * outcome.off[name]:+.2f} %{'' if outcome.holds[name] else ' !'}"  # type: ignore[operator]
        for name in FIGURES
    ]
    return outcome.case.name, outcome.case.load, *cells, outcome.warning or "-", "" if outcome.is_told else "not told"


def verdicts(what: str, outcomes: Sequence[Outcome]) -> Iterator[str]:
    """Sum up by figure: the runs in which it holds or a warning stands, and of those without a warning."""
    for name in FIGURES:
        with_it = [outcome for outcome in outcomes if name in outcome.holds]
        if not with_it:
            continue
        n_told = sum(outcome.holds[name] or bool(outcome.warning) for outcome in with_it)
        silent = [outcome.holds[name] for outcome in with_it if not outcome.warning]
        word = "PASS" if n_told >= REQUIRED * len(with_it) else "below"
        yield (
            f"{what}, {name}: {n_told} of {len(with_it)} hold or warn (>= {REQUIRED:g}) {word}; "
            f"{sum(silent)} of {len(silent)} hold where nothing warns"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--quick", action="store_true", help="two of each, and short; the figures mean nothing")
    arguments = parser.parse_args()
    n, duration = (2, "1ms") if arguments.quick else (30, DURATION)
    groups = {
        "shipped": list(shipped(duration if arguments.quick else None))[: n if arguments.quick else None],
        "near saturation": list(near_saturation(arguments.seed, n, duration)),
    }
    outcomes = {what: [measure(case) for case in cases] for what, cases in groups.items()}
    print(table(HEADS, [row(outcome) for found in outcomes.values() for outcome in found]))
    for what, found in outcomes.items():
        print(*verdicts(what, found), sep="\n")


if __name__ == "__main__":
    main()
