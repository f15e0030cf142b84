"""Stages of a core that does not record its register writes: a switch is written only while the core is quiet.

Nearly all frames of a run are in one stage, so that whatever a core counts since its reset gets large. Some of its
phases are contests: short frames for one output, which is not ready until all of them wait in its queues. What a
queue then holds is known, and so is which of them has to send first (queue_order.py).
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from cocotb_tests.batch_files import Access, Frame, Phase, Stage
from cocotb_tests.core_traffic import drawn_frame, drawn_switch, let_wait, with_repeats
from cocotb_tests.decisions import FrameTable, decide_frames, queue_of
from cocotb_tests.dut_file import Core
from cocotb_tests.expectation import tables_of
from cocotb_tests.traffic import random_schedules, timed
from hwmodel.simulation.fill.switch_core import PortSchedule

FRAMES_A_PHASE, MOST_PHASES = 50, 48  # without contests
# A switch that forwards fewer frames than one in so many does so with others, too: few phases have one.
IDLE_BELOW_ONE_IN, ONE_IN_IDLE = 3, 12
# A run of many frames has a pause in which a counter of cycles, of 16 bits, wraps.
FRAMES_OF_A_LONG_RUN, LONG_PAUSE = 2000, 70_000
FRAMES_A_CONTEST, MOST_CONTESTS = 150, 12  # of all frames, there is a contest for so many
CANDIDATES, SWITCHES_TRIED = 1500, 8
CONTENDERS = 3
CONTEST_LENGTHS = (64, 130)
CONTEST_BYTES = 1600  # of a queue, if it holds them
LEAST_COPIES = 4  # of a queue that takes part
SMALL_QUANTA, LARGE_QUANTA = (64, 100), (256, 400)
TAG_BYTES = 12
# Of the time that a quiet core is waited for, turns of a scheduler that send nothing may take a quarter.
QUIET_FOR_TURNS = 4


def held_stages(core: Core, seed: str, mode: str, n_frames: int) -> list[Stage]:
    """Return a stage that is cut short, a short one after it, another that is cut, and one with all other frames."""
    n_short = FRAMES_A_PHASE if n_frames >= 3 * FRAMES_A_PHASE else 0
    stages = [_cut_stage(core, f"{seed} cut", mode)]
    if n_short:
        stages += [_stage(core, f"{seed} short", mode, n_short, 0), _cut_stage(core, f"{seed} cut again", mode)]
    n_contests = min(max(len(core.backend.schedulers), n_frames // FRAMES_A_CONTEST), MOST_CONTESTS)
    return [*stages, _stage(core, seed, mode, n_frames - n_short, n_contests)]


def contest_stage(core: Core, seed: str, mode: str) -> Stage | None:
    """Return a stage of contests alone, two for each scheduler; None if no two queues of an output can meet."""
    stage = _stage(core, f"{seed} contests", mode, 0, 2 * len(core.backend.schedulers))
    return stage if stage.frames else None


def least_quantum(core: Core) -> int:
    """Return the smallest quantum with which a core that does not say what it decides is silent for a short time.

    A turn of deficit round robin that sends nothing takes a cycle, and the longest frame of each queue may need many.
    """
    if core.dut.keys.records.events is not None:
        return 1
    turns = core.dut.keys.quiet_cycles // QUIET_FOR_TURNS
    return -(-core.shape.priorities * (core.shape.max_frame_bytes + TAG_BYTES) // turns)


def _cut_stage(core: Core, seed: str, mode: str) -> Stage:
    stage = _stage(core, seed, mode, FRAMES_A_PHASE, 0)
    span = max(frame.not_before for frame in stage.frames)
    stage.cut_at = random.Random(f"{seed} {mode}").randrange(1, max(span, 1000))
    return stage


def _stage(core: Core, seed: str, mode: str, n_frames: int, n_contests: int) -> Stage:
    """Return a stage of so many frames, those of its contests among them."""
    rng = random.Random(f"{seed} {mode} {n_frames}")
    phases: list[tuple[Phase, list[Frame]]] = []
    for number in range(n_contests):
        kind = core.backend.schedulers[number % len(core.backend.schedulers)]
        if core.shape.priorities > 1 and (made := _contest(core, rng, mode, kind)) is not None:
            phases.append(made)
    n_left = max(0, n_frames - sum(len(frames) for _, frames in phases))
    n_phases = min(max(1, n_left // FRAMES_A_PHASE), MOST_PHASES) if n_left else 0
    n_idle = 0
    for number in range(n_phases):
        size = n_left * (number + 1) // n_phases - n_left * number // n_phases
        schedules = random_schedules(rng, core.shape, core.backend.schedulers, least_quantum(core))
        frames = [drawn_frame(core, rng, mode, number << 16 | serial) for serial in range(size)]
        for _ in range(SWITCHES_TRIED):
            switch = drawn_switch(core, rng, mode)
            is_idle = np.count_nonzero(_decided(core, switch, frames)["ports"]) * IDLE_BELOW_ONE_IN < size
            if not is_idle or n_idle < n_phases // ONE_IN_IDLE:
                break
        n_idle += is_idle
        phase = Phase(switch, schedules)
        phases.append((phase, timed(rng, with_repeats(core, rng, frames), 0, core.shape.ports)))
    rng.shuffle(phases)
    if n_left >= FRAMES_OF_A_LONG_RUN:
        phase, frames = phases[-1]
        phases[-1] = phase, [replace(frame, not_before=frame.not_before + LONG_PAUSE) for frame in frames]
    return _joined(core, rng, phases)


def _joined(core: Core, rng: random.Random, phases: Sequence[tuple[Phase, list[Frame]]]) -> Stage:
    accesses, frames, span = [], [], 0
    for number, (phase, its_frames) in enumerate(phases):
        writes = core.writes(phase.switch, phase.schedules)
        accesses += [Access(*write, phase=number) for write in writes]
        frames += [replace(frame, phase=number) for frame in its_frames]
        span += max(frame.not_before for frame in its_frames)
    # A core may take long for a frame: it is its behaviour alone that is compared.
    quiet = (2 * core.dut.keys.quiet_cycles + 100) * len(phases)
    last_cycle = 100_000 + 40 * span + 20_000 * len(frames) + quiet
    stage = Stage(frames, accesses, phases=[phase for phase, _ in phases], last_cycle=last_cycle)
    let_wait(core, rng, stage)
    return stage


def _contest(core: Core, rng: random.Random, mode: str, kind: str) -> tuple[Phase, list[Frame]] | None:
    """Return a phase in which short frames fill two or more queues of an output, if some switch lets them."""
    for _ in range(SWITCHES_TRIED):
        switch = drawn_switch(core, rng, mode)
        lengths = [rng.randint(*CONTEST_LENGTHS) for _ in range(CANDIDATES)]
        drawn = (drawn_frame(core, rng, mode, serial) for serial in range(CANDIDATES))
        candidates = [replace(frame, data=frame.data[:n]) for frame, n in zip(drawn, lengths, strict=True)]
        if (chosen := _contenders(core, rng, switch, candidates)) is not None:
            break
    else:
        return None
    queues, frames = chosen
    quanta = [1 << 15] * core.shape.priorities
    for place, queue in enumerate(rng.sample(queues, len(queues))):
        quanta[queue] = rng.choice(LARGE_QUANTA if place == 0 else SMALL_QUANTA)
    schedule = PortSchedule(kind, tuple(quanta))
    return Phase(switch, dict.fromkeys(range(core.shape.ports), schedule), is_contest=True), frames


def _contenders(
    core: Core, rng: random.Random, switch: object, candidates: Sequence[Frame]
) -> tuple[list[int], list[Frame]] | None:
    """Choose an output, some of its queues, and as many frames for each of these as it holds for sure."""
    shape, verdicts = core.shape, _decided(core, switch, candidates)
    queue_of_frame = [queue_of(priority, shape.priorities) for priority in verdicts["priority"].tolist()]
    capacity = min(shape.queue_bytes or shape.max_frame_bytes, CONTEST_BYTES)
    for port in rng.sample(range(shape.ports), shape.ports):
        held: dict[int, list[Frame]] = {}
        room = [capacity] * shape.priorities
        for index in np.flatnonzero(verdicts["ports"] >> port & 1).tolist():
            frame, queue = candidates[index], queue_of_frame[index]
            n_bytes = -(-(len(frame.data) + TAG_BYTES) // shape.word_bytes) * shape.word_bytes
            if n_bytes <= room[queue]:
                room[queue] -= n_bytes
                held.setdefault(queue, []).append(frame)
        able = [queue for queue, frames in held.items() if len(frames) >= LEAST_COPIES]
        if len(able) >= 2:
            queues = rng.sample(able, min(CONTENDERS, len(able)))
            frames = [frame for queue in queues for frame in held[queue]]
            return queues, rng.sample(frames, len(frames))
    return None


def _decided(core: Core, switch: object, frames: Sequence[Frame]) -> Any:
    """Return what the model says of frames that meet a switch."""
    return decide_frames(tables_of(switch, core.shape)[0], FrameTable.of(list(frames)), np.arange(len(frames)))
