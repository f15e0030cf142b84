"""What a run of stages will have to compare, by the model alone: whether to draw others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from cocotb_tests.batch_files import BEAT_BYTES, Access, Stage
from cocotb_tests.decisions import FrameTable, decide_frames
from cocotb_tests.dut_file import Core
from cocotb_tests.expectation import tables_of

# A run of fewer is drawn anew. Ten times what vacuity.py asks for: frames may come before their switch.
FRAMES_FOR_A_COPY_DUE = 10
# Of the copies, so many leave at most that the others are too many: bursts lose up to a fifth more than this counts.
LEAST_SHARE_THAT_LEAVES = 2 / 3


def says_something(core: Core, stages: Sequence[Stage]) -> bool:
    """Tell whether stages have copies enough, and outputs ready often enough for most of them to leave."""
    n_frames = sum(len(stage.frames) for stage in stages)
    due, leaving = 0.0, 0.0
    for stage in stages:
        copies, beats = copies_due(core, stage)
        due += copies.sum()
        leaving += (copies * np.minimum(1, _beats_that_leave(core, stage) / np.maximum(beats, 1))).sum()
    return bool(due * FRAMES_FOR_A_COPY_DUE >= n_frames and leaving >= LEAST_SHARE_THAT_LEAVES * due)


def copies_due(core: Core, stage: Stage) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return copies and their beats by output, if frames are decided when they may come and no queue is ever full."""
    frames, comes_at = FrameTable.of(list(stage.frames)), _comes_at(stage)
    copies, beats = np.zeros((2, core.shape.ports), np.int64)
    for begin, end, tables in _tables_in_time(core, stage):
        chosen = np.flatnonzero((comes_at >= begin) & (comes_at < end))
        ports = decide_frames(tables, frames, chosen)["ports"]
        for port in range(core.shape.ports):
            its = chosen[ports >> port & 1 == 1]
            copies[port] += len(its)
            beats[port] += (-(-frames.length[its] // BEAT_BYTES)).sum()
    return copies, beats


def _comes_at(stage: Stage) -> npt.NDArray[np.int64]:
    return np.array([frame.not_before for frame in stage.frames], np.int64)


def _beats_that_leave(core: Core, stage: Stage) -> npt.NDArray[np.float64]:
    """Return by output how many beats it takes while frames come, and one queue holds then."""
    ready = [np.mean(stage.ready >> np.uint32(port) & np.uint32(1)) for port in range(core.shape.ports)]
    held = (core.shape.queue_bytes or core.shape.max_frame_bytes) / BEAT_BYTES
    return np.array(ready) * np.ptp(_comes_at(stage)) + held


def _tables_in_time(core: Core, stage: Stage) -> Iterator[tuple[int, int, Any]]:
    """Give the tables of a stage with the cycles from and before which they hold."""
    if stage.switch is not None:
        yield 0, stage.last_cycle, tables_of(stage.switch, core.shape)[0]
        return
    image = core.backend.image()
    writes: dict[int, list[Access]] = {}
    for access in stage.accesses:
        if not access.is_read:
            writes.setdefault(access.not_before, []).append(access)
    begins = sorted(writes)
    for begin, end in zip(begins, [*begins[1:], stage.last_cycle], strict=True):
        for access in writes[begin]:
            image.write(access.address, access.data)
        yield begin, end, image.tables
