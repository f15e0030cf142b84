"""How often the 95 % intervals hold: of an M/D/1 queue in the engine, one run for each seed, and of queues outside it.

    python -m benches.coverage                          seeds 1 to 100, 200,000 frames each, load 0.8
    python -m benches.coverage --load 0.9 --seeds 30
    python -m benches.coverage --quick                  four short runs: shows that it works, and measures nothing

The wire is the queue (tests/test_queueing_theory.py says why). Counted are the runs whose interval covers what is
known: the mean wait, the rate offered, the percentile that the wait's distribution gives. Required is the mean wait
alone, in 90 to 99 of 100 runs. A second table has processes drawn with numpy, whose mean and distribution are known:
waits of M/M/1 and M/D/1, autoregressions, on-off states, a cycle (benches/known_queues.py). A percentile's interval
ends at edges of buckets, and holds that much more often.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from benches.comparison import table
from benches.known_queues import coverage, known_queues
from hwmodel.config import config_from_mapping
from hwmodel.results import Result
from hwmodel.simulation import simulate
from tests.test_queueing_theory import BASE, SERVICE_NS, share_that_waits_at_most

LEAST, MOST = 0.90, 0.99
REQUIRED = "wire.wait_ns.mean"
FRAME_BYTES, PREAMBLE_AND_GAP_BYTES, PORT_GBPS = 1518, 20, 10
HEADS = ("figure", "known", "covered", "share", "intervals, half, %", "with a warning", "required", "")

HEADS_OF_KNOWN = ("process", "samples", "mean", "p50", "p99", "p99.9")

Covers = Callable[[tuple[float, float]], bool]


@dataclass
class Tally:
    """Count what the intervals of one figure did: how many there were, covered what is known, were warned of."""

    known: str
    covers: Covers
    n: int = 0
    n_covered: int = 0
    n_warned: int = 0
    halves: list[float] = field(default_factory=list)

    def add(self, name: str, result: Result) -> None:
        """Count one run."""
        interval = result.intervals.get(name)
        if interval is None:
            return
        self.n += 1
        self.n_covered += self.covers(interval)
        self.n_warned += any("interval" in warning or "steady" in warning for warning in result.warnings)
        self.halves.append((interval[1] - interval[0]) / (interval[0] + interval[1]))


def tallies(load: float) -> dict[str, Tally]:
    """Return an empty tally for each figure of which the theory knows the value."""
    mean_ns = load / (2 * (1 - load)) * SERVICE_NS
    gbps = PORT_GBPS * load * FRAME_BYTES / (FRAME_BYTES + PREAMBLE_AND_GAP_BYTES)
    found = {
        REQUIRED: Tally(f"{mean_ns:.0f} ns", lambda interval: interval[0] <= mean_ns <= interval[1]),
        "wire.tx_gbps": Tally(f"{gbps:.3f} Gb/s", lambda interval: interval[0] <= gbps <= interval[1]),
    }
    for name, share in (("p50", 0.5), ("p99", 0.99), ("p999", 0.999)):
        found[f"wire.wait_ns.{name}"] = Tally(f"{100 * share:g} %", _holds_share(share, load))
    return found


def _holds_share(share: float, load: float) -> Covers:
    def covers(interval: tuple[float, float]) -> bool:
        low, high = (share_that_waits_at_most(wait_ns, load) for wait_ns in interval)
        return low <= share <= high

    return covers


def measure(load: float, seeds: range, n_frames: int) -> dict[str, Tally]:
    """Run each seed and count."""
    found = tallies(load)
    for seed in seeds:
        changes = {"workload.load": load, "run.frames": n_frames, "run.seed": seed}
        result = simulate(config_from_mapping(BASE, changes))
        for name, tally in found.items():
            tally.add(name, result)
    return found


def rows(found: dict[str, Tally]) -> Iterator[tuple[str, ...]]:
    """Give the table's rows."""
    for name, tally in found.items():
        if not tally.n:
            yield name, tally.known, "none", "-", "-", "-", "-", ""
            continue
        share = tally.n_covered / tally.n
        is_required = name == REQUIRED
        verdict = ("below" if share < LEAST else "above" if share > MOST else "PASS") if is_required else ""
        half = 100 * sorted(tally.halves)[tally.n // 2]
        covered = f"{tally.n_covered} of {tally.n}"
        needed = f"{LEAST} to {MOST}" if is_required else "-"
        yield name, tally.known, covered, f"{share:.2f}", f"{half:.2f}", str(tally.n_warned), needed, verdict


def rows_of_known(n_runs: int) -> Iterator[tuple[str, ...]]:
    """Give the rows of the second table: in what share of runs each interval holds."""
    for known in known_queues():
        found = coverage(known, n_runs)
        shares = (f"{found[name]:.2f}" if name in found else "-" for name in ("mean", "p50", "p99", "p999"))
        yield known.name, str(known.n_samples), *shares


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--load", type=float, default=0.8)
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--frames", type=int, default=200_000)
    parser.add_argument("--quick", action="store_true", help="four short runs; the figures mean nothing")
    arguments = parser.parse_args()
    n_seeds, n_frames = (4, 20_000) if arguments.quick else (arguments.seeds, arguments.frames)
    print(table(HEADS, list(rows(measure(arguments.load, range(1, n_seeds + 1), n_frames)))))
    print()
    print(table(HEADS_OF_KNOWN, list(rows_of_known(4 if arguments.quick else 10 * n_seeds))))


if __name__ == "__main__":
    main()
