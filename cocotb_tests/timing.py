"""The cycles in which the model's twin of the core does what it does in a stage, against those of the core."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from cocotb_tests.backend import Image
from cocotb_tests.batch_files import Frame, Outcome, Stage
from cocotb_tests.dut_file import Core
from hwmodel.kernels.core_bus import grant_frames
from hwmodel.kernels.core_layout import CORE_COPY
from hwmodel.kernels.core_lookup import decide_frames
from hwmodel.kernels.core_output import send_copies
from hwmodel.simulation.core_parameters import CoreParameters
from hwmodel.simulation.switch_core import Offer, PortSchedule, Surroundings, _build_core, _scratch, lay_out

WRITE_TO_USE = 1
FIRST_CYCLE = 1  # the bench's sources wait for the first edge without reset


@dataclass
class Timing:
    """The twin's frames, by their numbers in the stage, and its copies."""

    frames: Any
    granted: npt.NDArray[np.int64]
    copies: Any


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


def predict_stage(core: Core, stage: Stage, outcome: Outcome) -> Timing:
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
    twin = _build_core(parameters, surroundings)
    frames, raw = lay_out(_offers(stage.frames))
    granted = np.zeros(len(frames), np.int64)
    grant_frames(twin, frames, granted)
    n_copies = _decide(core.backend.image(), twin, frames, raw, granted, writes)
    copies = np.zeros(n_copies, CORE_COPY).view(np.recarray)
    return Timing(frames, granted, copies[: send_copies(twin, frames, granted, copies)])


def _decide(
    image: Image,
    twin: Any,
    frames: Any,
    raw: npt.NDArray[np.uint8],
    granted: npt.NDArray[np.int64],
    writes: Sequence[tuple[int, int, int]],
) -> int:
    """Decide the frames, from one register write to the next; return the number of copies made.

    The tables of all writes at once would fill the memory: those of each are made where they are due.
    """
    begin = n_copies = 0
    looks = frames.look[granted]
    bounds = np.append(np.searchsorted(looks, [cycle for cycle, _, _ in writes]), len(granted))
    for i, bound in enumerate(bounds.tolist()):
        if bound > begin:
            tables = image.fresh_array()
            n_copies += decide_frames(
                twin, tables, np.zeros(1, np.int64), raw, frames, granted[begin:bound], *_scratch()
            )
            begin = bound
        if i < len(writes):
            image.write(writes[i][1], writes[i][2])
    return n_copies
