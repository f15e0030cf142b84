"""What a short run costs beside its events, stage by stage, in a warm process.

    python -m benches.short_runs                      about a minute
    python -m benches.short_runs --beside FOLDER      another checkout too, turn by turn
    python -m benches.short_runs --quick              three points each: shows that it works, and measures nothing

A point is 1,000 frames, from a configuration with its overrides to the JSON of its result; milliseconds are those for
which the process had a processor, the median of the points. Points differ in their seed alone, or in the host's read
latency (`distinct`): then the closed form of each is another. Clocks are exact, but for the last point: with those of
the default a short run has further ones made, in other phases, to say what its figures can be and what limits them.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from benches.comparison import Requirement, figure_text, in_turn, table
from benches.short_run_stages import STAGES

HERE = Path(__file__).resolve().parent
EXACT = {"run.clocks": "exact"}
SHORT = {"run.frames": 1000, "run.warmup": "20us", **EXACT}
SEED, DISTINCT = "run.seed", "host.read_latency"
SMALLEST: Mapping[str, Any] = {"workload.frame_bytes": 64}
MANY: Mapping[str, Any] = {"nic.vfs": 63, "workload.pattern": "ring"}
POINTS: Mapping[str, tuple[str, Mapping[str, Any], str]] = {
    "1518 B, 8 VFs": ("sriov_10g_gen2x4", SHORT, SEED),
    "64 B, 8 VFs": ("sriov_10g_gen2x4", {**SHORT, **SMALLEST}, SEED),
    "ideal adapter": ("sriov_ideal", SHORT, SEED),
    "64 B, 63 VFs": ("sriov_10g_gen2x4", {**SHORT, **SMALLEST, **MANY}, SEED),
    "warm-up auto": ("sriov_10g_gen2x4", {"run.frames": 1000, **EXACT}, SEED),
    "two servers": ("two_servers", {"run.duration": "100us", "run.warmup": "20us", **EXACT}, SEED),
    "1518 B, distinct": ("sriov_10g_gen2x4", SHORT, DISTINCT),
    "63 VFs, distinct": ("sriov_10g_gen2x4", {**SHORT, **MANY}, DISTINCT),
    "clocks of 50 ppm": ("sriov_10g_gen2x4", {**SHORT, "run.clocks": "50ppm"}, SEED),
}
_MEASURE = "from short_run_stages import measure; measure()"
HEADS = ("a point, ms", *STAGES, "in all", "beside kernels", "required", "")
BESIDE_KERNELS = Requirement(10, at_least=False)
JUDGED = ("1518 B, 8 VFs", "64 B, 8 VFs", "ideal adapter", "1518 B, distinct")  # one adapter of a few VFs


def stages(checkout: Path, n_points: int) -> list[dict[str, float]]:
    """Measure the points in a fresh process of a checkout; RuntimeError with what it wrote if it fails."""
    done = subprocess.run(
        [sys.executable, "-c", _MEASURE, json.dumps(list(POINTS.values())), str(n_points)],
        cwd=checkout,
        env={**os.environ, "PYTHONPATH": os.pathsep.join((str(checkout), str(HERE)))},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"{checkout}: the process ended with {done.returncode}: {done.stderr}")
    found: list[dict[str, float]] = json.loads(done.stdout)
    return found


def rows(samples: Mapping[str, Sequence[Sequence[Mapping[str, float]]]]) -> Iterator[Sequence[str]]:
    """Write a row for each point of each checkout: of its turns the least of each stage, which disturbs least."""
    for number, point in enumerate(POINTS):
        for name, turns in samples.items():
            best = {stage: min(turn[number][stage] for turn in turns) for stage in STAGES}
            total = sum(best.values())
            beside = total - best["kernels"]
            is_judged = point in JUDGED and not name
            judged = (str(BESIDE_KERNELS), BESIDE_KERNELS.verdict(beside)) if is_judged else ("-", "")
            cells = (*best.values(), total, beside)
            yield (f"{point}{f' ({name})' if name else ''}", *map(figure_text, cells), *judged)


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure what a short run costs beside its events.")
    parser.add_argument("--quick", action="store_true", help="three points each, one turn")
    parser.add_argument("--beside", type=Path, metavar="FOLDER", help="another checkout, to compare with")
    arguments = parser.parse_args()
    checkouts = {"": HERE.parent}
    if arguments.beside is not None:
        checkouts[arguments.beside.name] = arguments.beside.resolve()
    turns, n_points = (1, 3) if arguments.quick else (3, 40)
    measurements = {name: lambda folder=folder: stages(folder, n_points) for name, folder in checkouts.items()}
    samples = in_turn(measurements, turns)
    print(table(HEADS, list(rows(samples))))
    own = [sum(stage.values()) for turn in samples[""] for stage in turn]
    print(f"The median of all points is {statistics.median(own):.1f} ms.")


if __name__ == "__main__":
    main()
