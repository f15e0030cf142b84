"""What a run of stages will have to compare, by the model alone: whether to draw others."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from cocotb_tests.backend import Shape
from cocotb_tests.batch_files import BEAT_BYTES, Access, Frame, Stage
from cocotb_tests.decisions import FrameTable, decide_frames
from cocotb_tests.dut_file import Core
from cocotb_tests.expectation import tables_of

# Copies that leave for each frame, by this count; vacuity.py asks for half a copy of what did leave. Frames may come
# before their switch, and bursts lose up to a fifth more than this counts.
COPIES_A_FRAME = 0.65
COPIES_A_FRAME_DRAWN = 0.75  # where frames are drawn anew
DRAWS_OF_FRAMES = 12
# Of the copies, so many leave at most that the others are too many.
LEAST_SHARE_THAT_LEAVES = 2 / 3

I64 = npt.NDArray[np.int64]


def says_something(core: Core, stages: Sequence[Stage]) -> bool:
    """Tell whether stages have copies enough, and outputs ready often enough for most of them to leave."""
    n_frames = sum(len(stage.frames) for stage in stages)
    due, leaving = 0.0, 0.0
    for stage in stages:
        copies, beats = copies_due(core, stage)
        due += copies.sum()
        leaving += (copies * np.minimum(1, _beats_that_leave(core, stage) / np.maximum(beats, 1))).sum()
    return bool(leaving >= COPIES_A_FRAME * n_frames and leaving >= LEAST_SHARE_THAT_LEAVES * due)


def with_more_copies(core: Core, stage: Stage, draw: Callable[[int, int], Frame], rng: random.Random) -> Stage:
    """Return the stage with frames drawn anew of those that the model drops, until it forwards enough of them.

    `draw` makes a frame from a number and the port by which it comes in.
    """
    frames, most_copies = list(stage.frames), -1
    for _ in range(DRAWS_OF_FRAMES):
        ports = _ports_of(core, replace(stage, frames=frames))
        n_copies = int(np.bitwise_count(ports).sum())
        missing = COPIES_A_FRAME_DRAWN * len(frames) - n_copies
        if missing <= 0 or n_copies <= most_copies:
            break  # enough, or others do no better
        most_copies = n_copies
        dropped = np.flatnonzero(ports == 0).tolist()
        share = max(1 - len(dropped) / len(frames), 1 / len(frames))
        for index in rng.sample(dropped, min(len(dropped), int(missing / share) + 1)):
            old = frames[index]
            frames[index] = replace(draw(index, old.port), not_before=old.not_before, phase=old.phase)
    return replace(stage, frames=frames)


def copies_due(core: Core, stage: Stage) -> tuple[I64, I64]:
    """Return copies and their beats by output, if the core takes in what it can and no queue is ever full."""
    ports = _ports_of(core, stage)
    n_beats = np.array([-(-len(frame.data) // BEAT_BYTES) for frame in stage.frames], np.int64)
    to = np.arange(core.shape.ports)[:, None]
    is_copied = ports >> to & 1
    return is_copied.sum(axis=1), (is_copied * n_beats).sum(axis=1)


def _ports_of(core: Core, stage: Stage) -> I64:
    """Return the ports to which the model sends each frame, if it is decided when it is taken in."""
    frames = FrameTable.of(list(stage.frames))
    ports = np.zeros(len(stage.frames), np.int64)
    for chosen, tables in _tables_of_frames(core, stage):
        ports[chosen] = decide_frames(tables, frames, chosen)["ports"]
    return ports


def through_at(shape: Shape, stage: Stage) -> I64:
    """Return about when each frame is taken in, if none waits for a phase: a beat of a port a cycle, a word of all."""
    result = np.array([frame.not_before for frame in stage.frames], np.int64)
    n_bytes = np.array([len(frame.data) for frame in stage.frames], np.int64)
    ports = np.array([frame.port for frame in stage.frames])
    for port in range(shape.ports):
        own, share = ports == port, np.mean(stage.leave >> np.uint32(port) & np.uint32(1))
        result[own] = _through(result[own], np.ceil(n_bytes[own] / BEAT_BYTES / share).astype(np.int64))
    order = np.argsort(result, kind="stable")
    result[order] = _through(result[order], -(-n_bytes[order] // shape.word_bytes))
    return result


def _through(begins: I64, takes: I64) -> I64:
    """Return when each is through that takes so many cycles, begins then or later, and waits for those before."""
    done = np.cumsum(takes)
    result: I64 = done + np.maximum.accumulate(begins - done + takes)
    return result


def _beats_that_leave(core: Core, stage: Stage) -> npt.NDArray[np.float64]:
    """Return by output how many beats it takes while frames come, and one queue holds then."""
    if stage.phases and core.dut.keys.losses == "none":
        return np.full(core.shape.ports, np.inf)
    ready = [np.mean(stage.ready >> np.uint32(port) & np.uint32(1)) for port in range(core.shape.ports)]
    held = (core.shape.queue_bytes or core.shape.max_frame_bytes) / BEAT_BYTES
    phases = np.array([frame.phase for frame in stage.frames])
    comes_at = through_at(core.shape, stage)
    if stage.phases:
        comes_at = np.array([frame.not_before for frame in stage.frames], np.int64)
    # What is left of a phase when its last frame comes leaves before the next one.
    spans = [np.ptp(comes_at[phases == number]) for number in np.unique(phases)]
    return np.array(ready) * sum(spans) + held * len(spans)


def _tables_of_frames(core: Core, stage: Stage) -> Iterator[tuple[I64, Any]]:
    """Give the frames that meet the same tables, with these."""
    if stage.phases:
        phases = np.array([frame.phase for frame in stage.frames])
        for number, phase in enumerate(stage.phases):
            yield np.flatnonzero(phases == number), tables_of(phase.switch, core.shape)[0]
        return
    image, comes_at = core.backend.image(), through_at(core.shape, stage)
    writes: dict[int, list[Access]] = {}
    for access in stage.accesses:
        if not access.is_read:
            writes.setdefault(access.not_before, []).append(access)
    begins = sorted(writes)
    for begin, end in zip(begins, [*begins[1:], stage.last_cycle], strict=True):
        for access in writes[begin]:
            image.write(access.address, access.data)
        yield np.flatnonzero((comes_at >= begin) & (comes_at < end)), image.tables
