"""The stages of a random run on a core under test: what its file and its back-end allow, no more."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

from cocotb_tests.batch_files import Access, Frame, Stage
from cocotb_tests.bench_switch import Switch
from cocotb_tests.copies_due import says_something, through_at, with_more_copies
from cocotb_tests.core_traffic import drawn_frame, drawn_switch, let_wait, with_repeats
from cocotb_tests.dut_file import Core
from cocotb_tests.held_stages import contest_stage, held_stages
from cocotb_tests.traffic import random_schedules, rarely, timed

CUT_RUN = 300
# Frames that come while the core is still being set up: few, since most of them are dropped.
ONE_IN_EARLY, MOST_EARLY = 10, 500
CYCLES_A_WRITE = 4  # of the AXI4-Lite of rtl/: three, and one to spare
FRAMES_A_SWITCH = 1000
# One switch in five forwards next to nothing: a run of some length has several.
FEWEST_SWITCHES, FEW_FRAMES = 6, 160
# Of short runs with two ports, one draw in seven forwards too little to say something; of long ones, one in ten keeps
# the uplink waiting so often that most copies for it are lost. Then another is drawn.
DRAWS = 20
SWITCHES_WITH_SCHEDULES = 6
READS_A_SWITCH = 40


def counter_reads(core: Core) -> list[Access]:
    """Return the accesses that read all counters when the traffic is over."""
    return [replace(access, after_traffic=True) for access in core.backend.counter_reads()]


def random_stages(core: Core, seed: str, mode: str, n_frames: int) -> list[Stage]:
    """Return stages of n_frames frames, and others that a reset cuts short; counters are read where none is cut.

    Where the core records its register writes, one long stage gets new switches while frames pass. Else the core is
    quiet whenever a switch is written, and frames wait until it is; nearly all of them are in one stage. They are drawn
    until the model forwards enough.
    """
    stages = _drawn_stages(core, seed, mode, n_frames)
    for draw in range(1, DRAWS):
        if says_something(core, [stage for stage in stages if stage.cut_at is None]):
            break
        stages = _drawn_stages(core, f"{seed} draw {draw}", mode, n_frames)
    return stages


def _drawn_stages(core: Core, seed: str, mode: str, n_frames: int) -> list[Stage]:
    keys = core.dut.keys
    if keys.records.writes is not None:
        cut = busy_stage(core, seed, mode, min(CUT_RUN, n_frames), cut=True)
        stages = [cut, _with_more_copies(core, seed, mode, busy_stage(core, seed, mode, n_frames))]
        if keys.timing != "twin" and (contests := contest_stage(core, seed, mode)) is not None:
            stages.append(contests)
    else:
        stages = [
            stage if stage.cut_at is not None else _with_more_copies(core, f"{seed} {number}", mode, stage)
            for number, stage in enumerate(held_stages(core, seed, mode, n_frames))
        ]
    for stage in stages:
        if stage.cut_at is None:
            if keys.timing == "twin":
                stage.reset_cycles = 1  # all that docs/switch_core.md asks for
            stage.accesses = [*stage.accesses, *counter_reads(core)]
    return stages


def _with_more_copies(core: Core, seed: str, mode: str, stage: Stage) -> Stage:
    """Draw some of the frames that the model drops anew, until it forwards enough."""
    rng = random.Random(f"{seed} {mode} more copies")
    return with_more_copies(core, stage, lambda serial, port: drawn_frame(core, rng, mode, serial, port), rng)


def busy_stage(core: Core, seed: str, mode: str, n_frames: int, *, stalls: bool = True, cut: bool = False) -> Stage:
    """Return a stage: a switch, frames, and new switches of the same mode while the frames pass.

    `stalls`: outputs that wait and sources that pause within frames. `cut`: a reset ends it in the midst of traffic.
    """
    rng = random.Random(f"{seed} {mode} {n_frames} {cut}")
    shape, backend = core.shape, core.backend
    schedules = random_schedules(rng, shape, backend.schedulers)
    writes = core.writes(drawn_switch(core, rng, mode), schedules)
    start = CYCLES_A_WRITE * len(writes)
    untimed = [drawn_frame(core, rng, mode, serial) for serial in range(n_frames)]
    untimed = with_repeats(core, random.Random(f"{seed} {mode} repeats"), untimed)
    frames = timed(rng, untimed, start, shape.ports)
    if rarely(rng, 2):
        early = sorted(rng.randrange(start + 1) for _ in range(min(n_frames // ONE_IN_EARLY, MOST_EARLY)))
        frames[: len(early)] = [replace(frame, not_before=cycle) for frame, cycle in zip(frames, early, strict=False)]
    span = int(through_at(shape, Stage(frames)).max()) - start
    accesses = [Access(*write) for write in writes]
    n_switches = max(2, min(FEWEST_SWITCHES, n_frames // FEW_FRAMES), n_frames // FRAMES_A_SWITCH)
    for i in range(1, n_switches):
        # The twin takes so many changes of a schedule, of which one switch brings up to a hundred.
        if i < SWITCHES_WITH_SCHEDULES:
            schedules = random_schedules(rng, shape, backend.schedulers)
        after = core.writes(drawn_switch(core, rng, mode), schedules)
        due = start + max(span, n_frames) * i // n_switches
        accesses += [Access(*write, not_before=due) for write in backend.changes(writes, after)]
        writes = after
    reads = [
        replace(read, not_before=start + rng.randrange(max(span, n_frames)))
        for read in backend.reads_in_traffic(rng, READS_A_SWITCH * n_switches)
    ]
    accesses += backend.pauses(rng, start, start + max(span, 1))
    accesses = sorted([*accesses, *reads], key=lambda access: access.not_before)
    stage = Stage(frames, accesses, last_cycle=50_000 + 40 * max(span, 1) + 400 * n_frames)
    if stalls:
        let_wait(core, rng, stage)
    if cut:
        stage.cut_at = start + rng.randrange(max(span, 1))
    return stage


def plain_stage(core: Core, switch: Switch, frames: Sequence[Frame], first_cycle: int = 0) -> Stage:
    """Return a stage of one switch and frames that come in when it is written, or from a later cycle on."""
    writes = core.writes(switch, {})
    start = max(first_cycle, CYCLES_A_WRITE * len(writes))
    accesses = [*(Access(*write) for write in writes), *counter_reads(core)]
    last_cycle = start + 100_000 + 1000 * len(frames)
    return Stage([replace(frame, not_before=start) for frame in frames], accesses, last_cycle=last_cycle)
