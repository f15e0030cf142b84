"""How fast the engine simulates: beside the bare core of such a simulation, beside SimPy, by length of run and by VFs.

    python -m benches.engine            about three minutes
    python -m benches.engine --quick    one short turn each: shows that it works, and measures nothing

Frames a second are those that the kernel finishes in a second of wall time, compilation and set-up not counted. The
configuration is configs/sriov_10g_gen2x4.yaml with its rings kept full. docs/benchmarks.md says how to read the table.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import hwmodel
from benches.comparison import Requirement, Spread, figure_text, in_turn, ratios, spread, table
from benches.core_path import run_core_path
from benches.fresh_process import CONFIG, peak_memory_mb
from benches.simpy_reference import run_oracle

if TYPE_CHECKING:
    from hwmodel.config import Config

# The simple IMIX of configs/sriov_imix.yaml.
SIZES: Mapping[str, tuple[int, ...]] = {"64 B": (64,), "1518 B": (1518,), "IMIX": (64,) * 7 + (570,) * 4 + (1518,)}
X550 = {"nic.preset": "X550", "pcie.generation": 3, "pcie.lanes": 4, "workload.frame_bytes": 64}

BESIDE_CORE = Requirement(0.5, at_least=True, aim=0.9)
BESIDE_SIMPY = Requirement(150, at_least=True)
LONG_RUN = Requirement(0.9, at_least=True)
MANY_VFS = Requirement(0.5, at_least=True)
MEMORY_MB = Requirement(400, at_least=False)

HEADS = ("A / B", "A: M frames/s", "M events/s", "B: M frames/s", "M events/s", "A / B", "min", "max", "required", "")


@dataclass(frozen=True)
class Plan:
    """Say how much is measured: turns, seconds of kernel time a run, frames of the SimPy model, times of a long run."""

    turns: int
    kernel_s: float
    oracle_frames: int
    longer: int


FULL = Plan(turns=5, kernel_s=1.3, oracle_frames=4000, longer=8)
QUICK = Plan(turns=1, kernel_s=0.02, oracle_frames=300, longer=2)


@dataclass(frozen=True)
class Speed:
    """Hold how fast a simulation went."""

    frames_per_s: float
    events_per_s: float | None = None


@dataclass(frozen=True)
class Row:
    """Hold a line of the table; without `a` and `b` the figure is an amount and no ratio.

    `found`: what both sides of a comparison of models simulated, for the line below the table.
    """

    name: str
    figure: Spread
    requirement: Requirement | None
    a: Sequence[Speed] = ()
    b: Sequence[Speed] = ()
    found: str = ""

    def cells(self) -> tuple[str, ...]:
        """Write the row's cells."""
        numbers = (self.figure.median, self.figure.least, self.figure.greatest)
        judged = ("-", "") if self.requirement is None else (str(self.requirement), self._verdict())
        return (self.name, *_speed_cells(self.a), *_speed_cells(self.b), *map(figure_text, numbers), *judged)

    def _verdict(self) -> str:
        assert self.requirement is not None
        return self.requirement.verdict(self.figure.median)


def configured(changes: Mapping[str, Any], n_frames: int) -> Config:
    """Give the demonstration's configuration with some keys changed, to run for so many frames."""
    # The time is an end that no run reaches before its frames.
    return hwmodel.load_config(CONFIG, {**changes, "run.frames": n_frames, "run.duration": "100s"})


def lengths_change(lengths: Sequence[int]) -> dict[str, Any]:
    """Give the configuration's change for frames of these lengths, each as often as it stands there."""
    if len(set(lengths)) == 1:
        return {"workload.frame_bytes": lengths[0]}
    weights = [[n_bytes, lengths.count(n_bytes)] for n_bytes in dict.fromkeys(lengths)]
    return {"workload.frame_bytes": None, "workload.sizes": weights}


def engine_speed(changes: Mapping[str, Any], n_frames: int) -> Speed:
    run = hwmodel.simulate(configured(changes, n_frames)).host_run
    return Speed(run.frames_per_s, run.events / run.wall_s)


def core_path_speed(lengths: Sequence[int], n_frames: int) -> Speed:
    run = run_core_path(lengths, n_frames)
    return Speed(run.frames / run.wall_s, run.events / run.wall_s)


def window_of(changes: Mapping[str, Any], n_frames: int) -> int:
    """Give the simulated nanoseconds in which the adapter delivers about so many frames."""
    window = hwmodel.simulate(configured(changes, n_frames)).window
    return round(n_frames * window.duration_ns / window.vm_frames)


def frames_in_window(changes: Mapping[str, Any], window_ns: int) -> int:
    """Let the engine count the frames delivered in the second `window_ns` of a run, as `run_oracle` does."""
    window = {"run.warmup": f"{window_ns}ns", "run.duration": f"{window_ns}ns"}
    return hwmodel.simulate(hwmodel.load_config(CONFIG, {**changes, **window})).window.vm_frames


def frames_for(seconds: float, speed_of: Callable[[int], Speed], first_frames: int = 20_000) -> int:
    """Find the frames that take so many seconds, from runs that grow until one takes a quarter of them.

    The first run compiles, or loads what was compiled, and counts for nothing.
    """
    speed_of(first_frames)
    n_frames = first_frames
    while True:
        frames_per_s = speed_of(n_frames).frames_per_s
        if n_frames >= seconds / 4 * frames_per_s:
            return max(first_frames, round(seconds * frames_per_s))
        n_frames = round(seconds / 3 * frames_per_s)


def size_rows(name: str, lengths: Sequence[int], plan: Plan) -> Iterator[Row]:
    """Compare the engine with the core path and with SimPy at one frame length or mix of lengths."""
    changes = lengths_change(lengths)
    n_engine = frames_for(plan.kernel_s, lambda n: engine_speed(changes, n))
    n_core = frames_for(plan.kernel_s, lambda n: core_path_speed(lengths, n))
    window_ns = window_of(changes, plan.oracle_frames)
    found_by_simpy: set[int] = set()

    def simpy_speed() -> Speed:
        run = run_oracle(configured(changes, 1), lengths, window_ns)
        found_by_simpy.add(run.frames)
        return Speed(run.frames / run.wall_s)

    samples = in_turn(
        {
            "engine": lambda: engine_speed(changes, n_engine),
            "core path": lambda: core_path_speed(lengths, n_core),
            "SimPy": simpy_speed,
        },
        plan.turns,
    )
    yield compared(f"{name}: engine / core path", samples, BESIDE_CORE if len(lengths) == 1 else None)
    del samples["core path"]
    note = f"{name} {frames_in_window(changes, window_ns)} and {', '.join(map(str, found_by_simpy))}"
    yield replace(compared(f"{name}: engine / SimPy", samples, BESIDE_SIMPY), found=note)


def growth_row(plan: Plan) -> Row:
    """Compare a long run with a short one: neither time nor memory may grow with what has been simulated."""
    changes = lengths_change(SIZES["64 B"])
    n_frames = frames_for(plan.kernel_s, lambda n: engine_speed(changes, n))
    lengths = {"long": plan.longer * n_frames, "short": n_frames}
    samples = in_turn({key: _run_of(changes, n) for key, n in lengths.items()}, min(plan.turns, 3))
    return compared(f"64 B: a run {plan.longer} times as long / the run", samples, LONG_RUN)


def vfs_row(pattern: str, plan: Plan) -> Row:
    """Compare 64 VFs with eight, the adapter and the link being the same."""
    few, many = ({**X550, "workload.pattern": pattern, "nic.vfs": n_vfs} for n_vfs in (8, 64))
    n_frames = frames_for(plan.kernel_s, lambda n: engine_speed(few, n))
    samples = in_turn({"many": _run_of(many, n_frames), "few": _run_of(few, n_frames)}, plan.turns)
    return compared(f"X550, 64 B, {pattern}: 64 VFs / 8 VFs", samples, MANY_VFS)


def memory_rows(plan: Plan) -> Iterator[Row]:
    """Weigh fresh processes that each do one run."""
    wanted: dict[str, dict[str, Any]] = {
        "peak memory of a fresh run, MB": {},
        "  8 times as long": {"run.duration": "160ms"},
        "  X550, 64 B, uniform, 64 VFs": {**X550, "nic.vfs": 64, "workload.pattern": "uniform"},
    }
    for name, changes in wanted.items():
        words = [word for key, value in changes.items() for word in ("--set", f"{key}={value}")]
        figures = [peak_memory_mb(["run", str(CONFIG), *words]) for _ in range(min(plan.turns, 3))]
        yield Row(name, spread(figures), MEMORY_MB)


def compared(name: str, samples: Mapping[str, Sequence[Speed]], requirement: Requirement | None) -> Row:
    """Make the row of two things: the first of `samples` over the second."""
    a, b = list(samples.values())[:2]
    speeds = ([one.frames_per_s for one in side] for side in (a, b))
    return Row(name, ratios(*speeds), requirement, a, b)


def rows(plan: Plan) -> Iterator[Row]:
    for name, lengths in SIZES.items():
        yield from size_rows(name, lengths, plan)
    yield growth_row(plan)
    for pattern in ("pairs", "uniform"):
        yield vfs_row(pattern, plan)
    yield from memory_rows(plan)


def simulated_line(found: Sequence[Row]) -> str:
    """Say what engine and SimPy simulated: the same adapter, or the ratio of their speeds means nothing."""
    notes = "; ".join(row.found for row in found if row.found)
    return f"frames that engine and SimPy deliver in the same simulated time: {notes}"


def _run_of(changes: Mapping[str, Any], n_frames: int) -> Callable[[], Speed]:
    return lambda: engine_speed(changes, n_frames)


def _speed_cells(speeds: Sequence[Speed]) -> tuple[str, str]:
    if not speeds:
        return "", ""
    events = [one.events_per_s for one in speeds if one.events_per_s is not None]
    frames_text = figure_text(statistics.median(one.frames_per_s for one in speeds) / 1e6)
    return frames_text, figure_text(statistics.median(events) / 1e6) if events else "-"


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the engine's speed.")
    parser.add_argument("--quick", action="store_true", help="one short turn each; its figures mean nothing")
    found = list(rows(QUICK if parser.parse_args().quick else FULL))
    print(table(HEADS, [row.cells() for row in found]))
    print(simulated_line(found))


if __name__ == "__main__":
    main()
