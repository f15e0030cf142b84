"""Three correct cores as somebody else's, with many seeds: each has to pass the regression with every one of them.

    python -m benches.other_cores                 20 seeds for each core, the modes in turn, under Icarus Verilog
    python -m benches.other_cores --each-mode     each of them in each mode
    python -m benches.other_cores --seeds 3 --frames 300 --sim verilator

The cores: that of rtl/ with its timing twin, the same as a core that records nothing and whose cycles are free, and the
small example. A line for each: runs that passed, copies and frames compared, the longest stage between two resets.
"""

from __future__ import annotations

import argparse
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from benches.comparison import table

if TYPE_CHECKING:
    from cocotb_tests.dut_file import Core
    from cocotb_tests.simulators import Simulator

SEEDS, FRAMES = 20, 600
HEADS = ("core", "runs", "passed", "copies", "frames", "longest stage")
SAID = re.compile(r"(\d+) copies of (\d+) frames compared, \d+ lost for want of room, (\d+) frames .*")
FREE: Mapping[str, Any] = {"records": {}, "timing": "free"}


def cores(folder: Path) -> Iterator[tuple[str, Core]]:
    """Give the cores with their names."""
    from cocotb_tests.dut_file import OWN_CORE, read_dut
    from cocotb_tests.example import write_example

    free = folder / "free"
    shutil.copytree(OWN_CORE.parent, free, ignore=shutil.ignore_patterns("*.py", "__pycache__", "formal"))
    keys = yaml.safe_load(OWN_CORE.read_text(encoding="utf-8")) | FREE
    (free / OWN_CORE.name).write_text(yaml.safe_dump(keys, sort_keys=False), encoding="utf-8")
    write_example(folder / "example")
    shape = "2 ports and 64 bits"
    yield "own, with its twin", read_dut(OWN_CORE).core(shape)
    yield "own, free, without records", read_dut(free / OWN_CORE.name).core(shape)
    yield "the small example", read_dut(folder / "example/small_switch.yaml").core()


def result_of(simulator: Simulator, core: Core, folder: Path, mode: str, seed: int, n_frames: int) -> str:
    """Run one seed; return what was compared, or the sentence with which the core is refused."""
    from cocotb_tests.comparison import compare
    from cocotb_tests.core_bench import CoreBench
    from cocotb_tests.stages import random_stages
    from cocotb_tests.vacuity import TooLittleError, compared

    stages = random_stages(core, str(seed), mode, n_frames)
    outcomes = CoreBench.of(simulator, core, folder / "runs").run(stages)
    expectations = []
    for stage, outcome in zip(stages, outcomes, strict=True):
        divergence, expected = compare(core, stage, outcome)
        if divergence is not None or expected is None:
            return str(divergence)
        expectations.append(expected)
    try:
        return compared(stages, expectations)
    except TooLittleError as error:
        return str(error)


def main(words: list[str]) -> int:
    """Print the table; return 1 if a run did not pass."""
    from cocotb_tests.simulators import Simulator

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--frames", type=int, default=FRAMES)
    parser.add_argument("--each-mode", action="store_true", help="each seed in each mode of the core")
    parser.add_argument("--quick", action="store_true", help="one seed and few frames: shows that it works")
    parser.add_argument("--sim", choices=("icarus", "verilator"), default="icarus")
    asked = parser.parse_args(words)
    if asked.quick:
        asked.seeds, asked.frames = 1, 200
    rows, is_good = [], True
    with tempfile.TemporaryDirectory() as name:
        for core_name, core in cores(Path(name)):
            passed, n_runs, copies, frames, longest = 0, 0, 0, 0, 0
            modes = core.backend.modes
            for seed in range(1, asked.seeds + 1):
                for mode in modes if asked.each_mode else [modes[seed % len(modes)]]:
                    said = result_of(Simulator(asked.sim), core, Path(name), mode, seed, asked.frames)
                    n_runs += 1
                    if (match := SAID.fullmatch(said)) is None:
                        print(f"{core_name}, {mode}, seed {seed}: {said}", file=sys.stderr, flush=True)
                        continue
                    passed += 1
                    copies, frames = copies + int(match[1]), frames + int(match[2])
                    longest = max(longest, int(match[3]))
            rows.append((core_name, str(n_runs), str(passed), f"{copies:,}", f"{frames:,}", str(longest)))
            is_good = is_good and passed == n_runs
    print(table(HEADS, rows))
    return 0 if is_good else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
