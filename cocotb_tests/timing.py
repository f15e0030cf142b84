"""The cycles in which the model's twin of the core does what it does in a stage, against those of the core."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from cocotb_tests.backend import Image
from cocotb_tests.batch_files import Frame, Outcome, Stage
from cocotb_tests.dut_file import Core
from hwmodel.simulation.fill.core_parameters import CoreParameters
from hwmodel.simulation.fill.switch_core import (
    Offer,
    PortSchedule,
    Prediction,
    Surroundings,
    lay_out,
    predict_over_changes,
)

WRITE_TO_USE = 1
FIRST_CYCLE = 1  # the bench's sources wait for the first edge without reset


def _bitmaps(pattern: npt.NDArray[np.uint32], n_ports: int) -> dict[int, npt.NDArray[np.bool_]]:
    return {port: (pattern >> np.uint32(port) & 1).astype(bool) for port in range(n_ports)}


def _offers(frames: Sequence[Frame]) -> list[Offer]:
    return [
        Offer(
            frame.port,
            frame.data,
            max(frame.not_before, FIRST_CYCLE),
            is_bad=frame.is_bad,
            ends_empty=frame.empty_last_beat or not frame.data,
        )
        for frame in frames
    ]


def predict_stage(core: Core, stage: Stage, outcome: Outcome) -> Prediction:
    """Ask the twin; register writes are those that the core showed, in their cycles."""
    writes = [
        (int(write["cycle"]) + WRITE_TO_USE, int(write["address"]), int(write["data"])) for write in outcome.writes
    ]
    parameters, image = core.shape, core.backend.image()
    assert isinstance(parameters, CoreParameters), "as dut_file.py asks of a core with timing: twin"
    schedules: list[tuple[int, dict[int, PortSchedule]]] = [(0, image.schedules())]
    for cycle, address, data in writes:
        if image.is_schedule(address):
            image.write(address, data)
            schedules.append((cycle, image.schedules()))
    # As many as come before the first frame may wait make one.
    soonest = min((frame.not_before for frame in stage.frames), default=0)
    n_early = sum(cycle <= soonest for cycle, _ in schedules)
    surroundings = Surroundings(
        tables=(),
        schedules=[(0, schedules[n_early - 1][1]), *schedules[n_early:]],
        ready=_bitmaps(stage.ready, parameters.ports),
        allowed=_bitmaps(stage.leave, parameters.ports),
    )
    frames, raw = lay_out(_offers(stage.frames))
    tables = _WrittenTables(core.backend.image(), writes)
    return predict_over_changes(parameters, surroundings, frames, raw, [cycle for cycle, _, _ in writes], tables.after)


class _WrittenTables:
    """The tables that register writes make, each from those before."""

    def __init__(self, image: Image, writes: Sequence[tuple[int, int, int]]) -> None:
        self.image, self.writes, self.n_done = image, writes, 0

    def after(self, n_writes: int) -> Any:
        """Return the tables after the first so many writes; they are asked for in order."""
        for _, address, data in self.writes[self.n_done : n_writes]:
            self.image.write(address, data)
        self.n_done = n_writes
        return self.image.fresh_array()
