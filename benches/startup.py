"""How long a command takes before it does anything: help, imports, a short run, the first compilation.

    python -m benches.startup            about two minutes
    python -m benches.startup --quick    one turn each, without the first compilation

Each sample is a fresh process from its start to its end. Two columns compare better from machine to machine, and from
one busy moment to the next: the seconds for which the process had a processor, and how many times as long as a process
of the bare interpreter it took.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence

from benches.comparison import Requirement, figure_text, in_turn, ratios, spread, table
from benches.fresh_process import CONFIG, Duration, duration

HEADS = ("a fresh process", "median s", "min", "max", "CPU s", "times bare", "required s", "")
BARE = "python -c pass"
SHORT_RUN = ("-m", "hwmodel", "run", str(CONFIG), "--set", "run.duration=1ms")
CLOSED_FORM = ("-m", "hwmodel", "limits", str(CONFIG), "--no-run")
IMPORTS = "import hwmodel.config, hwmodel.simulation, hwmodel.report"
FIRST_RUN = "the same with an empty cache: compiles"

MEASURED: Mapping[str, tuple[Callable[[], Duration], Requirement | None]] = {
    BARE: (lambda: duration(["-c", "pass"]), None),
    "import hwmodel": (lambda: duration(["-c", "import hwmodel"]), None),
    IMPORTS: (lambda: duration(["-c", IMPORTS]), None),
    "hwmodel --help": (lambda: duration(["-m", "hwmodel", "--help"]), Requirement(0.2, at_least=False)),
    "hwmodel check": (lambda: duration(["-m", "hwmodel", "check", str(CONFIG)]), Requirement(0.45, at_least=False)),
    "hwmodel limits --no-run": (lambda: duration(CLOSED_FORM), Requirement(0.45, at_least=False)),
    "hwmodel run, 1 ms of the demonstration": (lambda: duration(SHORT_RUN), Requirement(1, at_least=False)),
}


def first_run() -> Duration:
    """Time the short run with a cache folder of its own, which is empty."""
    with tempfile.TemporaryDirectory() as folder:
        return duration(SHORT_RUN, {"HWMODEL_CACHE_DIR": folder})


def rows(turns: int, first_turns: int) -> Iterator[Sequence[str]]:
    """Measure everything `turns` times, the first run `first_turns` times."""
    duration(SHORT_RUN)  # fills the cache
    samples = in_turn({name: measure for name, (measure, _) in MEASURED.items()}, turns)
    for name, (_, requirement) in MEASURED.items():
        yield row(name, samples[name], samples[BARE], requirement)
    if first_turns:
        first = in_turn({BARE: MEASURED[BARE][0], FIRST_RUN: first_run}, first_turns)
        yield row(FIRST_RUN, first[FIRST_RUN], first[BARE], Requirement(25, at_least=False))


def row(
    name: str, samples: Sequence[Duration], bare: Sequence[Duration], requirement: Requirement | None
) -> tuple[str, ...]:
    """Write a row's cells: the seconds, and how many times as long as the bare interpreter's."""
    wall_s = [one.wall_s for one in samples]
    found = spread(wall_s)
    cpu_s = spread([one.cpu_s for one in samples])
    times = ratios(wall_s, [one.wall_s for one in bare])
    figures = (found.median, found.least, found.greatest, cpu_s.median, times.median)
    judged = ("-", "") if requirement is None else (str(requirement), requirement.verdict(found.median))
    return (name, *map(figure_text, figures), *judged)


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure what commands take before they begin.")
    parser.add_argument("--quick", action="store_true", help="one turn each, without the first compilation")
    quick = parser.parse_args().quick
    print(table(HEADS, list(rows(1, 0) if quick else rows(9, 3))))


if __name__ == "__main__":
    main()
