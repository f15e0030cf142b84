"""Run stages of traffic on the core, compare them with the model, and make a divergence small."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from cocotb_tests.batch_files import Frame, Outcome, Stage, read_stage, write_stage
from cocotb_tests.comparison import compare
from cocotb_tests.divergence import Divergence, RefusedError, frame_line
from cocotb_tests.dut_adapter import write_adapter
from cocotb_tests.dut_file import Core
from cocotb_tests.elaboration import lost_parameters
from cocotb_tests.expectation import Expectation
from cocotb_tests.places import BUILDS
from cocotb_tests.protocol import CHECKERS
from cocotb_tests.runners import SimulationError
from cocotb_tests.simulators import Build, Design, Simulator
from hwmodel.words.quantities import counted

BENCH = "frame_bench"
BENCH_PARTS = (
    BENCH, "stage_clock", "frame_sources", "core_recorder", "register_player", "strobe_master", *CHECKERS,
)  # fmt: skip
QUIET_CYCLES = 64  # where the core says how many copies are due
SHRINKING_SECONDS = 60
# A run that takes longer hangs: Icarus passes a hundred frames a second and more.
LEAST_SECONDS, FRAMES_A_SECOND = 300, 10
FRAMES_SHOWN = 20


@dataclass(frozen=True)
class CoreBench:
    """A core with its frame bench, built; runs take place in a folder."""

    build: Build
    core: Core
    folder: Path

    @classmethod
    def of(
        cls, simulator: Simulator, core: Core, folder: Path, builds: Path = BUILDS, for_long_runs: bool = False
    ) -> CoreBench:
        """Build the bench for a simulator, in a folder of `builds`; for long runs, also the core that has them."""
        folder, builds = folder.resolve(), builds.resolve()
        dut, has_events = core.dut, core.dut.keys.records.events is not None
        design = Design((*dut.sources, write_adapter(core, folder)), dut.include_folders, dut.keys.defines, builds)
        quiet = QUIET_CYCLES if has_events else dut.keys.quiet_cycles
        parameters = {"PORTS": core.shape.ports, "HAS_EVENTS": int(has_events), "QUIET_CYCLES": quiet}
        parameters["SETTLE_CYCLES"] = dut.keys.quiet_cycles
        # Without waves cocotb needs no signal inside, and Verilator is twice as fast.
        build = simulator.build(
            BENCH,
            BENCH_PARTS,
            parameters,
            all_signals=False,
            for_long_runs=for_long_runs or core.has_long_runs,
            design=design,
        )
        if lost := lost_parameters(build.log_path.read_text(errors="replace")):
            # Icarus Verilog only warns of it, and what it has built is of another shape.
            raise SimulationError(f"{core.dut.keys.top} has no parameter {', '.join(lost)}: {build.log_path}")
        return cls(build, core, folder)

    def run(self, stages: Sequence[Stage], limit_seconds: int | None = None) -> list[Outcome]:
        """Run stages one after the other, each from a reset.

        Raises SimulationError after `limit_seconds`, by default those that so many frames take on a slow machine.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        for old in self.folder.glob("*.bin"):
            old.unlink()
        for number, stage in enumerate(stages):
            write_stage(self.folder, number, stage, self.core.shape.ports)
        if limit_seconds is None:
            limit_seconds = LEAST_SECONDS + sum(len(stage.frames) for stage in stages) // FRAMES_A_SECOND
        environment = {"BATCH_STAGES": str(len(stages))}
        self.build.run("cocotb_tests.run_batch", self.folder, environment, limit_seconds=limit_seconds)
        return [read_stage(self.folder, number, self.core.shape.ports) for number in range(len(stages))]

    def check(self, stages: Sequence[Stage], repeat: str) -> list[Expectation]:
        """Run stages and compare each; raise RefusedError with a report on the first divergence."""
        expectations = []
        for stage, outcome in zip(stages, self.run(stages), strict=True):
            divergence, expected = compare(self.core, stage, outcome)
            if divergence is not None:
                raise RefusedError(self.report(begun_by(stage, outcome, divergence.cycle), divergence, repeat))
            assert expected is not None
            expectations.append(expected)
        return expectations

    def report(self, stage: Stage, divergence: Divergence, repeat: str) -> str:
        """Say what differs, how to see it again, and with how few frames."""
        lines = [str(divergence), f"To repeat:\n  {repeat}"]
        shrunk, found, n_runs = self.shrink(stage, divergence)
        share = f"{len(shrunk.frames)} of {len(stage.frames)}"
        lines.append(f"Shortest list of frames found, {share}, in {counted(n_runs, 'run')}:")
        said = [frame_line(i, frame) for i, frame in enumerate(shrunk.frames)]
        lines += said[:FRAMES_SHOWN]
        if len(said) > FRAMES_SHOWN:
            whole = self.folder / "frames.txt"
            whole.write_text("\n".join(said), encoding="utf-8")
            lines.append(f"  and {len(said) - FRAMES_SHOWN} more: {whole}")
        lines.append(f"With these, {found}")
        waves = replace(self.build.simulator, waves=True, coverage=None)
        again = CoreBench.of(waves, self.core, self.folder.with_name(self.folder.name + "-waves"))
        again.run([shrunk])
        lines.append(f"Waveform: {again.build.waveform(again.folder)}")
        return "\n".join(lines)

    def shrink(self, stage: Stage, divergence: Divergence) -> tuple[Stage, Divergence, int]:
        """Return a stage with as few frames as a minute allows that shows the same kind of divergence."""
        deadline = time.monotonic() + SHRINKING_SECONDS
        best, found, n_runs = stage, divergence, 0

        def shows(candidate: Stage) -> bool:
            nonlocal best, found, n_runs
            left = int(deadline - time.monotonic())
            if left < 1:
                return False
            n_runs += 1
            try:
                (outcome,) = self.run([candidate], left)
            except SimulationError:
                return False  # it takes longer than is left, or ends in another way
            other, _ = compare(self.core, candidate, outcome)
            if other is None or other.what != divergence.what:
                return False
            best, found = candidate, other
            return True

        # Whole phases, what begins later, and reading counters that are right, go first, and for good if they can.
        any(shows(candidate) for candidate in _beginnings(stage, divergence))
        start = best
        fewest(start.frames, lambda kept: shows(replace(start, frames=list(kept))), deadline - time.monotonic())
        return best, found, n_runs


def begun_by(stage: Stage, outcome: Outcome, cycle: int) -> Stage:
    """Return a stage without the frames and phases that began after a cycle."""
    begun: set[int] = set()
    ports = np.array([frame.port for frame in stage.frames])
    for port in range(int(ports.max(initial=-1)) + 1):
        records = outcome.accepted[outcome.accepted["port"] == port]
        n_begun = int((records["first"] <= cycle).sum()) + 1  # and the one that was under way
        begun |= set(np.flatnonzero(ports == port)[:n_begun].tolist())
    frames = [frame for index, frame in enumerate(stage.frames) if index in begun]
    n_phases = max((frame.phase for frame in frames), default=0) + 1
    accesses = [access for access in stage.accesses if access.phase < n_phases]
    return replace(stage, frames=frames, accesses=accesses, phases=stage.phases[:n_phases])


def _beginnings(stage: Stage, divergence: Divergence) -> Iterator[Stage]:
    """Give stages with less than a divergence needs, perhaps: its phase alone, half of the phases, no reads."""
    accesses = [access for access in stage.accesses if not access.is_read or access.after_traffic]
    n_phases = len(stage.phases)
    for kept in (1, n_phases // 4, n_phases // 2):
        dropped = n_phases - kept
        if kept >= 1 and dropped >= 1:
            yield replace(
                stage,
                frames=[replace(each, phase=each.phase - dropped) for each in stage.frames if each.phase >= dropped],
                accesses=[
                    replace(each, phase=max(each.phase - dropped, 0))
                    for each in accesses
                    if each.after_traffic or each.phase >= dropped
                ],
                phases=stage.phases[dropped:],
            )
    if not stage.phases:
        yield replace(
            stage,
            frames=[frame for frame in stage.frames if frame.not_before <= divergence.cycle],
            accesses=[access for access in accesses if access.not_before <= divergence.cycle],
        )


def fewest(
    frames: Sequence[Frame], shows: Callable[[Sequence[Frame]], bool], limit_seconds: float
) -> tuple[list[Frame], int]:
    """Return frames of which none can be left out, or as few as were reached in time, and how often `shows` was asked.

    Delta debugging: leave out ever smaller parts as long as what is left still shows the fault.
    """
    kept, n_parts, n_runs = list(frames), 2, 0
    deadline = time.monotonic() + limit_seconds
    while len(kept) > 1 and time.monotonic() < deadline:
        size = -(-len(kept) // n_parts)
        for begin in range(0, len(kept), size):
            rest = kept[:begin] + kept[begin + size :]
            n_runs += 1
            if rest and shows(rest):
                kept, n_parts = rest, max(n_parts - 1, 2)
                break
            if time.monotonic() > deadline:
                break
        else:
            if size == 1:
                break
            n_parts = min(2 * n_parts, len(kept))
    return kept, n_runs
