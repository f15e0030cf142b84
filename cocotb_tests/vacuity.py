"""What a run has to have compared before it may say that a core passed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from cocotb_tests.batch_files import Access, Stage
from cocotb_tests.decisions import FrameTable, decide_frames
from cocotb_tests.divergence import RefusedError
from cocotb_tests.dut_file import Core
from cocotb_tests.expectation import Expectation, tables_of

# Random traffic makes 0.13 (two ports, a VEB) to 0.7 copies a frame on average, many switches none: every rule bites.
FRAMES_FOR_A_COPY = 100
# As many have to be due in a stage for it to be run at all: some are lost, and some frames come before their switch.
FRAMES_FOR_A_COPY_DUE = 10
LEAST_SHARE_OF_COPIES = 2  # one of so many copies that are due has to leave: queues that fill cost less


def has_enough_due(core: Core, stages: Sequence[Stage]) -> bool:
    """Tell whether stages, by the model alone, have so many copies to compare that a run of them says something."""
    n_frames = sum(len(stage.frames) for stage in stages)
    return sum(copies_due(core, stage) for stage in stages) * FRAMES_FOR_A_COPY_DUE >= n_frames


def copies_due(core: Core, stage: Stage) -> int:
    """Count the copies of a stage, were each frame decided when it may first come and no queue ever full."""
    frames = FrameTable.of(list(stage.frames))
    comes_at = np.array([frame.not_before for frame in stage.frames], np.int64)
    due = 0
    for begin, end, tables in _tables_in_time(core, stage):
        verdicts = decide_frames(tables, frames, np.flatnonzero((comes_at >= begin) & (comes_at < end)))
        due += int(np.bitwise_count(verdicts["ports"].astype(np.uint64)).sum())
    return due


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


def compared(stages: Sequence[Stage], expectations: Sequence[Expectation]) -> str:
    """Say how many copies were compared; raise RefusedError where they are too few to say anything."""
    whole = [(stage, each) for stage, each in zip(stages, expectations, strict=True) if stage.cut_at is None]
    n_frames = sum(len(stage.frames) for stage, _ in whole)
    n_copies = sum(expected.n_copies for _, expected in whole)
    n_lost = sum(expected.n_lost for _, expected in whole)
    said = f"{n_copies} copies of {n_frames} frames compared, {n_lost} lost for want of room"
    if n_copies * FRAMES_FOR_A_COPY < n_frames:
        raise RefusedError(f"{said}: too few copies to say anything")
    if n_copies * LEAST_SHARE_OF_COPIES < n_copies + n_lost:
        raise RefusedError(f"{said}: too many are lost to say anything")
    return said
