"""How many frames a second the Verilog switch core takes in simulation: two simulators, two ways to drive them.

    python -m benches.cosim            about a quarter of an hour, of which the builds are a part the first time
    python -m benches.cosim --quick    few frames, Icarus Verilog alone

Nine ports under full load, one set of tables. *Batch* is verilog/frame_bench.v, in which Python wakes once for all
frames; *AXI models* are those of cocotbext-axi, which wake for each beat. Frames a second are by the time for which the
simulator had a processor, its start among it; the model's check of the same frames has a column of its own.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from benches.comparison import Requirement, figure_text, in_turn, ratios, spread, table
from benches.fresh_process import cpu_of_children_s

if TYPE_CHECKING:
    from cocotb_tests.core_bench import CoreBench
    from cocotb_tests.core_registers import CoreParameters
    from cocotb_tests.simulators import Simulator

HEADS = ("simulator, driver, load", "frames", "frames/s", "min", "max", "wall s", "check s", "required", "")
LONGEST_BYTES = 9018
BATCH, AXI_MODELS = "batch", "AXI models"
RATES = {
    ("icarus", "64 B"): Requirement(3000, at_least=True, aim=6000),
    ("icarus", "1518 B"): Requirement(150, at_least=True, aim=300),
    ("verilator", "64 B"): Requirement(80_000, at_least=True, aim=200_000),
    ("verilator", "1518 B"): Requirement(4000, at_least=True, aim=10_000),
}
# Frames for the batch driver; the AXI models get fewer, since they are slow.
FRAMES = {"icarus": {"64 B": 12_000, "1518 B": 600}, "verilator": {"64 B": 400_000, "1518 B": 20_000}}
AXI_FRAMES = {"64 B": 600, "1518 B": 60, "mixed": 300}
MIXED_FRAMES = 100_000
MIXED_SECONDS = {"icarus": Requirement(300, at_least=False), "verilator": Requirement(60, at_least=False)}
TURNS = 3
QUICK_FRAMES, QUICK_AXI_FRAMES, QUICK_AXI_LOAD = 90, 18, "64 B"


@dataclass(frozen=True)
class Run:
    """Hold how long one run took; `check_s` is the model's part after it."""

    n_frames: int
    wall_s: float
    cpu_s: float
    check_s: float

    @property
    def frames_per_s(self) -> float:
        """Give the frames by the time for which the simulator had a processor."""
        return self.n_frames / self.cpu_s


def batch_run(bench: CoreBench, parameters: CoreParameters, load: str, n_frames: int) -> Run:
    """Run a load through the frame bench, and compare what the core did with the model."""
    from cocotb_tests.batch_files import Stage
    from cocotb_tests.comparison import compare
    from cocotb_tests.load import CYCLES_BEFORE_LOAD, LOADS, load_frames, open_writes

    writes = open_writes(parameters)
    frames = load_frames(n_frames, LOADS[load], parameters.ports, CYCLES_BEFORE_LOAD * len(writes))
    stage = Stage(frames, writes)
    wall_s, cpu_s = time.perf_counter(), cpu_of_children_s()
    (outcome,) = bench.run([stage])
    wall_s, cpu_s = time.perf_counter() - wall_s, cpu_of_children_s() - cpu_s
    check_s = time.perf_counter()
    divergence, _ = compare(bench.core, stage, outcome)
    if divergence is not None:
        raise RuntimeError(f"core and model differ: {divergence}")
    return Run(n_frames, wall_s, cpu_s, time.perf_counter() - check_s)


def axi_run(simulator: Simulator, parameters: CoreParameters, folder: Path, load: str, n_frames: int) -> Run:
    """Run a load through the AXI models, which check the copies themselves."""
    from cocotb_tests.axi_streams import BENCH, bench_parameters

    build = simulator.build(BENCH, [BENCH], bench_parameters(parameters), for_long_runs=True)
    wall_s, cpu_s = time.perf_counter(), cpu_of_children_s()
    build.run("cocotb_tests.run_streams", folder, {"STREAM_FRAMES": str(n_frames), "STREAM_LOAD": load})
    return Run(n_frames, time.perf_counter() - wall_s, cpu_of_children_s() - cpu_s, 0.0)


def rows(simulator: Simulator, folder: Path, *, quick: bool) -> Iterator[Sequence[str]]:
    """Measure everything with one simulator."""
    from cocotb_tests.core_bench import CoreBench
    from cocotb_tests.core_registers import CoreParameters
    from cocotb_tests.dut_file import OWN_CORE, read_dut
    from cocotb_tests.load import LOADS

    parameters = CoreParameters(max_frame_bytes=LONGEST_BYTES)
    bench = CoreBench.of(
        simulator, read_dut(OWN_CORE).core_with(parameters.verilog()), folder / BATCH, for_long_runs=True
    )
    batch_run(bench, parameters, "64 B", QUICK_FRAMES)  # compiles the model's kernels
    for load in LOADS:
        n_frames = QUICK_FRAMES if quick else FRAMES[simulator.name].get(load, MIXED_FRAMES)
        n_axi_frames = QUICK_AXI_FRAMES if quick else AXI_FRAMES[load]
        drivers: dict[str, Callable[[], Run]] = {BATCH: partial(batch_run, bench, parameters, load, n_frames)}
        if not quick or load == QUICK_AXI_LOAD:
            drivers[AXI_MODELS] = partial(axi_run, simulator, parameters, folder / "axi", load, n_axi_frames)
        is_long = load not in FRAMES[simulator.name]
        samples = in_turn(drivers, 1 if quick or is_long else TURNS)
        for driver, runs in samples.items():
            yield row(f"{simulator.name}, {driver}, {load}", runs, RATES.get((simulator.name, load)), driver)
        if AXI_MODELS in samples:
            yield ratio_row(f"{simulator.name}, {load}: {BATCH} / {AXI_MODELS}", samples[BATCH], samples[AXI_MODELS])
        if is_long:
            yield duration_row(f"{simulator.name}, {n_frames} frames, {load}", samples[BATCH][0], simulator.name)


def row(name: str, runs: Sequence[Run], requirement: Requirement | None, driver: str) -> tuple[str, ...]:
    """Write a row's cells for runs of one kind; a requirement is one of the batch driver."""
    rates = spread([run.frames_per_s for run in runs])
    wall_s, check_s = spread([run.wall_s for run in runs]), spread([run.check_s for run in runs])
    judged = ("-", "")
    if requirement is not None and driver == BATCH:
        judged = (str(requirement), requirement.verdict(rates.median))
    figures = [rates.median, rates.least, rates.greatest, wall_s.median]
    check = figure_text(check_s.median) if driver == BATCH else "-"
    return (name, str(runs[0].n_frames), *map(figure_text, figures), check, *judged)


def ratio_row(name: str, runs: Sequence[Run], others: Sequence[Run]) -> tuple[str, ...]:
    """Write a row's cells: how many times as many frames a second the first kind takes."""
    found = ratios([run.frames_per_s for run in runs], [run.frames_per_s for run in others])
    return (name, "", *map(figure_text, (found.median, found.least, found.greatest)), "", "", "-", "")


def duration_row(name: str, run: Run, simulator_name: str) -> tuple[str, ...]:
    """Write a row's cells: the seconds of processor time that a run took, with the check of it."""
    requirement = MIXED_SECONDS[simulator_name]
    seconds = run.cpu_s + run.check_s
    return (f"{name}, s", "", figure_text(seconds), "", "", "", "", str(requirement), requirement.verdict(seconds))


def main() -> None:
    parser = argparse.ArgumentParser(
        description="Measure how many frames a second the switch core takes in simulation."
    )
    parser.add_argument("--quick", action="store_true", help="few frames, Icarus Verilog alone")
    parser.add_argument("--sim", choices=("icarus", "verilator"), help="one simulator alone")
    options = parser.parse_args()
    if importlib.util.find_spec("cocotb") is None:
        print("nothing measured: cocotb is not installed (make cosim installs it)")
        return
    from cocotb_tests.runners import SIMULATORS
    from cocotb_tests.simulators import Simulator

    names = (options.sim,) if options.sim else SIMULATORS[:1] if options.quick else SIMULATORS
    lines: list[Sequence[str]] = []
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            simulator = Simulator(name)
            if (missing := simulator.missing()) is not None:
                print(f"{name}: {missing}", file=sys.stderr)
            else:
                lines += rows(simulator, Path(folder) / name, quick=options.quick)
    print(table(HEADS, lines))


if __name__ == "__main__":
    main()
