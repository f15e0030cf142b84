"""The stages of short runs in one warm process, as JSON: started by `benches.short_runs`, with a checkout of its own.

Only what every checkout has is used: its functions are wrapped by clocks of the process's own time. What a stage calls
of another one counts there alone.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import hwmodel
from hwmodel.simulation.figures.marks import Marks
from hwmodel.simulation.figures.whole import Whole
from hwmodel.simulation.run import run as running
from hwmodel.simulation.run.machine import Machine

WARM = 3  # points before the first that counts
STAGES = ("configuration", "workload", "state", "kernels", "warm-up", "marks", "closed form", "result", "rest", "JSON")


class Clocks:
    """Add up how long the process has spent in each stage."""

    def __init__(self) -> None:
        self.spent_s = dict.fromkeys(STAGES, 0.0)
        self._within = ["rest"]
        self._since_s = time.process_time()

    def enter(self, stage: str) -> None:
        """Let a stage's clock run in place of the one that runs."""
        self._turn()
        self._within.append(stage)

    def leave(self) -> None:
        """Let the clock run again that ran before."""
        self._turn()
        self._within.pop()

    def _turn(self) -> None:
        now_s = time.process_time()
        self.spent_s[self._within[-1]] += now_s - self._since_s
        self._since_s = now_s

    def timed(self, stage: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function that does the same, on the clock of a stage."""

        def clocked(*arguments: Any, **options: Any) -> Any:
            self.enter(stage)
            try:
                return function(*arguments, **options)
            finally:
                self.leave()

        return clocked


def wrap(clocks: Clocks) -> None:
    """Put clocks round the stages of `simulate`."""
    for holder, name, stage in (
        (running, "with_workloads", "workload"),
        (running, "closed_form_of", "closed form"),
        (Whole, "snapshot", "marks"),
        (running, "Warmup", "warm-up"),
        (running.Warmup, "look", "warm-up"),
        (running.Run, "__init__", "state"),
        (running, "limits_of", "closed form"),
        (running.Run, "result", "result"),
        (Machine, "advance", "kernels"),
        (Marks, "add", "marks"),
        (Marks, "close", "marks"),
    ):
        setattr(holder, name, clocks.timed(stage, getattr(holder, name)))


def stages_of(name: str, overrides: dict[str, Any], n_points: int, axis: str, clocks: Clocks) -> dict[str, float]:
    """Return the median of the ms that each stage takes, over points that differ in `axis` alone."""
    load, write = clocks.timed("configuration", hwmodel.load_config), clocks.timed("JSON", hwmodel.Result.to_json)
    if hasattr(hwmodel.config, "read_base"):
        base = hwmodel.config.read_base(name)
        load = clocks.timed("configuration", lambda _, changes: base.with_overrides(changes))
    found: dict[str, list[float]] = {stage: [] for stage in STAGES}
    for number in range(WARM + n_points):
        before = dict(clocks.spent_s)
        value = number + 1 if axis == "run.seed" else f"{401 + number}ns"
        write(hwmodel.simulate(load(name, {**overrides, axis: value})))
        for stage in STAGES:
            found[stage].append(1e3 * (clocks.spent_s[stage] - before[stage]))
    return {stage: statistics.median(values[WARM:]) for stage, values in found.items()}


def measure() -> None:
    """Measure the points of the first argument, each as often as the second says; print a mapping of each.

    A point is the configuration's name, its overrides and the key in which its repetitions differ.
    """
    points, n_points = json.loads(sys.argv[1]), int(sys.argv[2])
    for name, overrides, _ in points:
        hwmodel.simulate(hwmodel.load_config(name, overrides))  # compiles and loads the kernels
    clocks = Clocks()
    wrap(clocks)
    json.dump([stages_of(name, overrides, n_points, axis, clocks) for name, overrides, axis in points], sys.stdout)
