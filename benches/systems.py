"""How many events a second the engine handles of 1, 8 and 64 servers whose VMs all send to each other.

    python -m benches.systems                 about eight minutes, 2 GB of memory
    python -m benches.systems --quick         1 and 2 servers, short: shows that it works, and measures nothing
    python -m benches.systems --beside OLD    beside the engine of another checkout, in turn

Each server is the demonstration's machine with 8 VFs at a load of 0.8, each VM sends to each other one of all servers,
1518 B. Events a second are those of the result's `host_run`, by the time in the kernels alone; on one thread, and on as
many as a run takes by itself on this machine's cores.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from inspect import signature
from pathlib import Path

import hwmodel
from benches.comparison import Requirement, figure_text, in_turn, ratios, spread, table
from benches.fresh_process import CONFIG

ROOT = Path(__file__).resolve().parent.parent
HERE, OLD = "here", "old"
OF_ONE = Requirement(0.8, at_least=True)
# Of so many servers what a run simulates, in milliseconds: some ten million events each.
MILLISECONDS: Mapping[int, float] = {1: 600, 8: 60, 64: 10}
QUICK: Mapping[int, float] = {1: 1, 2: 0.2}
HEADS = ("servers", "threads", "M events/s", "min", "max", "of one server", "min", "max", "required", "")
BESIDE_HEADS = ("here / old, one thread", "median", "min", "max")


def events_per_s(n_servers: int, milliseconds: float, threads: int) -> float:
    """Run so many servers and give the events that the kernels handled in a second."""
    servers = {"servers": [{"name": f"s{number}"} for number in range(n_servers)]} if n_servers > 1 else {}
    changes = servers | {
        "bridge": {"announce": True},
        "nic.vfs": 8,
        "workload.pattern": "uniform",
        "workload.load": 0.8,
        "run.warmup": "100us",
        "run.duration": f"{milliseconds:g}ms",
    }
    # An older checkout knows of no threads.
    how = {"threads": threads} if "threads" in signature(hwmodel.simulate).parameters else {}
    host_run = hwmodel.simulate(hwmodel.load_config(CONFIG, changes), **how).host_run
    return host_run.events / host_run.wall_s


def in_checkout(root: Path, n_servers: int, milliseconds: float, threads: int = 1) -> float:
    """Give `events_per_s` of a fresh process with the engine of a checkout."""
    command = [sys.executable, str(Path(__file__).resolve()), "--one", *map(str, (n_servers, milliseconds, threads))]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(root), str(ROOT)))}
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{root}: {done.stderr}")
    return float(json.loads(done.stdout))


def rows(found: Mapping[tuple[int, int], Sequence[float]]) -> list[tuple[str, ...]]:
    """Set each number of servers, on one thread and on several, beside one server, turn by turn."""
    lines = []
    for (n_servers, threads), rates in found.items():
        rate, share = spread([one / 1e6 for one in rates]), ratios(rates, found[1, 1])
        figures = (rate.median, rate.least, rate.greatest, share.median, share.least, share.greatest)
        judged = ("-", "") if n_servers == 1 else (str(OF_ONE), OF_ONE.verdict(share.median))
        lines.append((str(n_servers), str(threads), *map(figure_text, figures), *judged))
    return lines


def on_threads(n_servers: int) -> tuple[int, ...]:
    """Return on how many threads so many servers are measured: one, and as many as they take by themselves."""
    from hwmodel.simulation.run.server_threads import n_threads_for  # which an older checkout has not

    return tuple(sorted({1, n_threads_for(n_servers, None)}))


def measurements(sizes: Mapping[int, float], old: Path | None) -> dict[str, Callable[[], float]]:
    """Return what is measured, in turn, by the checkout, the number of servers and that of threads."""
    found = {}
    for n_servers, milliseconds in sizes.items():
        for threads in on_threads(n_servers):
            found[f"{HERE} {n_servers} {threads}"] = partial(in_checkout, ROOT, n_servers, milliseconds, threads)
        if old is not None:
            found[f"{OLD} {n_servers} 1"] = partial(in_checkout, old.resolve(), n_servers, milliseconds)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true", help="two servers at most, and short; the figures mean nothing")
    parser.add_argument("--beside", type=Path, metavar="OLD", help="the root of a checkout to compare with")
    parser.add_argument("--one", nargs=3, metavar=("SERVERS", "MILLISECONDS", "THREADS"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        n_servers, milliseconds, threads = int(arguments.one[0]), float(arguments.one[1]), int(arguments.one[2])
        events_per_s(1, 0.01, 1)  # the machine code is loaded
        print(json.dumps(events_per_s(n_servers, milliseconds, threads)))
        return
    sizes = QUICK if arguments.quick else MILLISECONDS
    samples = in_turn(measurements(sizes, arguments.beside), 1 if arguments.quick else 3)
    here = {(n, threads): samples[f"{HERE} {n} {threads}"] for n in sizes for threads in on_threads(n)}
    print(table(HEADS, rows(here)))
    if arguments.beside:
        beside = {n: ratios(samples[f"{HERE} {n} 1"], samples[f"{OLD} {n} 1"]) for n in sizes}
        lines = [(str(n), *map(figure_text, (one.median, one.least, one.greatest))) for n, one in beside.items()]
        print(table(BESIDE_HEADS, lines))


if __name__ == "__main__":
    main()
