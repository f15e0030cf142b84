"""How sweeps use a machine: one process against two, Dask against processes, and ten thousand short points.

    python -m benches.sweep              about five minutes on two idle cores
    python -m benches.sweep --quick      a few runs of each

Each sweep is made by a fresh interpreter, whose start counts, as does that of its processes. The speed-up by processor
time is what two cores that nobody else uses would give: twice the processor time of one process over that of both.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from benches.comparison import Requirement, figure_text, table
from hwmodel.config import load_config
from hwmodel.simulation import entries_of, fill_cache

HEADS = ("a sweep", "runs", "wall s", "runs/s", "workers' CPU s", "own CPU s", "own MB", "speed-up", "required", "")
LONG: Mapping[str, Any] = {
    "base": "sriov_10g_gen2x4",
    "set": {"workload.frame_bytes": 64, "run.duration": "75ms"},  # half a second each on a core of its own
    "grid": {"pcie.lanes": [4, 8]},
}
SHORT: Mapping[str, Any] = {
    "base": "sriov_10g_gen2x4",
    "set": {"run.frames": 1000, "run.warmup": "0ns"},
    "grid": {
        "pcie.lanes": [1, 2, 4, 8],
        "workload.frame_bytes": {"from": 64, "to": 1504, "step": 60},
        "workload.load": {"from": 0.05, "to": 0.5, "step": 0.05},
    },
}
_CHILD = """
import json, resource, sys
import hwmodel.explore.sweep as sweep
source, folder, options = json.loads(sys.argv[1])
done = sweep.run_sweep(source, folder, **options)
failed = sweep.load_sweep(folder, []).with_status("failed")
assert not failed, failed[0].error
used = [resource.getrusage(who) for who in (resource.RUSAGE_CHILDREN, resource.RUSAGE_SELF)]
print(json.dumps([done.n_run, *(each.ru_utime + each.ru_stime for each in used), used[1].ru_maxrss / 1e3]))
"""


class Measured(NamedTuple):
    """Hold what a sweep took; `workers_s` and `own_s`: processor time of its processes, and of itself."""

    n_runs: int
    wall_s: float
    workers_s: float
    own_s: float
    own_mb: float


def measure(source: Mapping[str, Any], **options: Any) -> Measured:
    """Run a sweep in a folder of its own, with a fresh interpreter."""
    with tempfile.TemporaryDirectory() as folder:
        started_s = time.perf_counter()
        arguments = [sys.executable, "-c", _CHILD, json.dumps([source, folder, options])]
        done = subprocess.run(arguments, capture_output=True, text=True, check=False)
        wall_s = time.perf_counter() - started_s
    if done.returncode:
        raise SystemExit(done.stderr)
    n_runs, workers_s, own_s, own_mb = json.loads(done.stdout)
    return Measured(n_runs, wall_s, workers_s, own_s, own_mb)


def on_dask(source: Mapping[str, Any]) -> Measured:
    """Run a sweep on a scheduler of this machine, with two workers, that stands already."""
    from distributed import Client, LocalCluster

    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster, Client(cluster) as client:
        before_s = sum(client.run(time.process_time).values())
        measured = measure(source, scheduler=cluster.scheduler_address)
        return measured._replace(workers_s=sum(client.run(time.process_time).values()) - before_s)


def rows(n_long: int, n_short: int) -> Iterator[Sequence[str]]:
    """Measure everything, one sweep after the other."""
    source = {**LONG, "seeds": max(1, n_long // 2)}
    one = measure(source, jobs=1)
    two, dask = measure(source, jobs=2), on_dask(source)
    one_cpu_s = one.workers_s + one.own_s  # one process makes the runs itself
    yield row("half a second each, 1 process", one)
    yield row("2 processes: by the clock", two, one.wall_s / two.wall_s, Requirement(1.8, at_least=True))
    yield row("  by processor time", None, 2 * one_cpu_s / two.workers_s, Requirement(1.9, at_least=True))
    yield row(
        "Dask, 2 workers / 2 processes: by the clock", dask, two.wall_s / dask.wall_s, Requirement(0.9, at_least=True)
    )
    yield row("  by processor time", None, two.workers_s / dask.workers_s, Requirement(0.9, at_least=True))
    short = measure({**SHORT, "seeds": max(1, n_short // 1000)}, jobs=2)
    yield row("1,000 frames each, 2 processes", short)
    yield judged("  wall s for 10,000", short.wall_s * 10_000 / short.n_runs, Requirement(180, at_least=False))
    cpu_s = max(short.workers_s / 2, short.own_s)
    yield judged("  the same by processor time", cpu_s * 10_000 / short.n_runs, Requirement(180, at_least=False))
    yield judged("  own MB", short.own_mb, Requirement(500, at_least=False))


def row(name: str, found: Measured | None, speed_up: float | None = None, required: Requirement | None = None) -> Any:
    """Write a row's cells."""
    figures = ["-"] * 6
    if found is not None:
        per_s = found.n_runs / found.wall_s
        figures = [f"{found.n_runs:,}", *map(figure_text, (found.wall_s, per_s, *found[2:]))]
    judgement = ("-", "") if required is None or speed_up is None else (str(required), required.verdict(speed_up))
    return (name, *figures, "-" if speed_up is None else figure_text(speed_up), *judgement)


def judged(name: str, figure: float, required: Requirement) -> Any:
    """Write the cells of a row that is one figure, which stands in the column of the speed-ups."""
    return row(name, None, figure, required)


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure how sweeps use a machine.")
    parser.add_argument("--quick", action="store_true", help="a few runs of each")
    parser.add_argument("--runs", type=int, default=64, help="of half a second")
    parser.add_argument("--points", type=int, default=10_000, help="of 1,000 frames, in thousands")
    chosen = parser.parse_args()
    fill_cache(entries_of(load_config("sriov_10g_gen2x4")))
    if chosen.quick:
        SHORT["grid"].pop("workload.load")
    print(table(HEADS, list(rows(2, 100) if chosen.quick else rows(chosen.runs, chosen.points))))


if __name__ == "__main__":
    main()
