"""By how many cycles the core's beats differ from the twin's, and how often."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import numpy.typing as npt

from cocotb_tests.batch_files import Outcome, Stage
from cocotb_tests.dut_file import Core
from cocotb_tests.timing import predict_stage

I64 = npt.NDArray[np.int64]
BEATS = ("first beat in", "last beat in", "decision", "first beat out", "last beat out")


def timing_errors(core: Core, stage: Stage, outcome: Outcome) -> dict[tuple[str, int], I64]:
    """Return the core's cycles less the twin's, for each kind of beat and each port, frame by frame in order.

    For stages that ended by themselves. Raises ValueError if the numbers of frames or copies differ.
    """
    timing = predict_stage(core, stage, outcome)
    port_of = np.array([frame.port for frame in stage.frames])
    errors: dict[tuple[str, int], I64] = {}

    def note(beat: str, port: int, seen: npt.NDArray[np.unsignedinteger], twin: I64) -> None:
        if len(seen) != len(twin):
            raise ValueError(f"{beat} at port {port}: {len(seen)} of the core, {len(twin)} of the twin")
        errors[beat, port] = seen.astype(np.int64) - twin

    for port in range(core.shape.ports):
        own = np.flatnonzero(port_of == port)
        frames, accepted = timing.frames[own], outcome.accepted[outcome.accepted["port"] == port]
        note(BEATS[0], port, accepted["first"], frames.first_beat)
        note(BEATS[1], port, accepted["last"], frames.last_beat)
        decided = outcome.events["cycle"][outcome.events["port"] == port]
        note(BEATS[2], port, decided, frames.decided)
        copies = timing.copies[timing.copies.port == port]
        copies = copies[np.argsort(copies.first_beat, kind="stable")]
        left = outcome.copies[outcome.copies["port"] == port]
        note(BEATS[3], port, left["first"], copies.first_beat)
        note(BEATS[4], port, left["last"], copies.last_beat)
    return errors


def histogram(errors: Mapping[tuple[str, int], I64]) -> str:
    """Return a table: for each kind of beat, how many frames are off by how many cycles, and at which ports."""
    lines = []
    for beat in BEATS:
        of_ports = {port: values for (kind, port), values in errors.items() if kind == beat and len(values)}
        every = np.concatenate([np.zeros(0, np.int64), *of_ports.values()])
        for cycles, count in zip(*np.unique(every, return_counts=True), strict=True):
            ports = [port for port, values in of_ports.items() if (values == cycles).any()]
            lines.append(f"{beat:15} {cycles:+6} cycles {count:8} times, ports {_ranges(ports)}")
    return "\n".join(lines)


def _ranges(ports: Iterable[int]) -> str:
    """Write numbers with runs of them as `from-to`."""
    runs: list[list[int]] = []
    for port in sorted(ports):
        if runs and port == runs[-1][-1] + 1:
            runs[-1].append(port)
        else:
            runs.append([port])
    return ", ".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)


def n_off(errors: Mapping[tuple[str, int], I64]) -> int:
    """Return how many beats are not in the twin's cycle."""
    return sum(int(np.count_nonzero(values)) for values in errors.values())
