"""Compare the cycles of a stage, and who found no room, with the twin's."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from cocotb_tests.batch_files import Outcome, Stage
from cocotb_tests.divergence import Divergence
from cocotb_tests.dut_file import Core
from cocotb_tests.timing import predict_stage
from hwmodel.simulation.fill.switch_core import Prediction

I64 = npt.NDArray[np.int64]


def compare_timing(core: Core, stage: Stage, outcome: Outcome, frame_of_event: I64) -> list[Divergence]:
    """Return the first difference in what comes in, in what is decided, and in what goes out."""
    if not len(stage.frames):
        return []
    timing = predict_stage(core, stage, outcome)
    # What a frame does depends on those before it alone, so that a stage that was cut is the beginning of the whole.
    end = outcome.last_cycle
    return (
        _compare_accepted(core.shape.ports, stage, outcome, timing, end)
        + _compare_events(outcome, timing, frame_of_event, end)
        + _compare_copies(core.shape.ports, outcome, timing, end)
    )


def _first_difference(what: str, model: I64, core: I64, names: str, frames: I64) -> list[Divergence]:
    """Compare rows of cycles; the last column is a row's own cycle."""
    n = min(len(model), len(core))
    wrong = np.flatnonzero((model[:n] != core[:n]).any(axis=1))
    row = int(wrong[0]) if len(wrong) else n
    if row == n and len(model) == len(core):
        return []
    expected, found = (f"{names} {rows[row].tolist()}" if row < len(rows) else "nothing" for rows in (model, core))
    cycle = int(max(rows[row, -1] for rows in (model, core) if row < len(rows)))
    return [Divergence(what, cycle, expected, found, int(frames[row]) if row < len(frames) else None)]


def _compare_accepted(n_ports: int, stage: Stage, outcome: Outcome, timing: Prediction, end: int) -> list[Divergence]:
    found = []
    port_of = np.array([frame.port for frame in stage.frames])
    for port in range(n_ports):
        own = np.flatnonzero(port_of == port)
        own = own[timing.frames.last_beat[own] <= end]
        model = np.stack([timing.frames.first_beat[own], timing.frames.last_beat[own]], axis=1)
        records = outcome.accepted[outcome.accepted["port"] == port]
        core = np.stack([records["first"], records["last"]], axis=1).astype(np.int64)
        found += _first_difference(f"frame in at port {port}", model, core, "first and last beat", own)
    return sorted(found, key=lambda each: each.cycle)[:1]


def _compare_events(outcome: Outcome, timing: Prediction, frame_of_event: I64, end: int) -> list[Divergence]:
    order = timing.granted[timing.frames.decided[timing.granted] <= end]
    frames = timing.frames[order]
    model = np.stack([order, frames.ports, frames.full, frames.decided], axis=1)
    events = outcome.events
    core = np.stack([frame_of_event, events["ports"], events["full"], events["cycle"]], axis=1).astype(np.int64)
    return _first_difference("time of a decision", model, core, "frame, ports, full ports, cycle", order)


def _compare_copies(n_ports: int, outcome: Outcome, timing: Prediction, end: int) -> list[Divergence]:
    found = []
    lengths = timing.copies.frame_bytes + timing.copies.added_bytes
    for port in range(n_ports):
        own = np.flatnonzero((timing.copies.port == port) & (timing.copies.last_beat <= end))
        own = own[np.argsort(timing.copies.first_beat[own], kind="stable")]
        copies = timing.copies[own]
        model = np.stack([lengths[own], copies.first_beat, copies.last_beat], axis=1)
        records = outcome.copies[outcome.copies["port"] == port]
        n_bytes = 8 * (records["beats"].astype(np.int64) - 1) + np.bitwise_count(records["keep"])
        core = np.stack([n_bytes, records["first"], records["last"]], axis=1).astype(np.int64)
        names = "bytes, first and last beat"
        found += _first_difference(f"time of a copy at port {port}", model, core, names, copies.frame)
    return sorted(found, key=lambda each: each.cycle)[:1]
