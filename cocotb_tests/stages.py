"""The stages of a random run on a core under test: what its file and its back-end allow, no more."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from cocotb_tests.batch_files import BEAT_BYTES, Access, Frame, Stage
from cocotb_tests.bench_switch import Switch
from cocotb_tests.copies_due import says_something
from cocotb_tests.dut_file import Core
from cocotb_tests.traffic import pattern, random_frame, random_schedules, random_switch, rarely, timed

CUT_RUN = 300
CYCLES_A_WRITE = 4  # of the AXI4-Lite of rtl/: three, and one to spare
FRAMES_A_SWITCH = 1000
# One switch in five forwards next to nothing: a run of some length has several.
FEWEST_SWITCHES, FEW_FRAMES = 6, 160
# Of short runs with two ports, one draw in seven forwards too little to say something; of long ones, one in ten keeps
# the uplink waiting so often that most copies for it are lost. Then another is drawn.
DRAWS = 20
SWITCHES_WITH_SCHEDULES = 6
FRAMES_A_HELD_STAGE = 50
READY_CHANCES = (1.0, 1.0, 0.9, 0.6, 0.3)
HELD_CHANNELS, HOLD_CHANCES = 4, (1.0, 0.9, 0.5)
READS_A_SWITCH = 40
LEAVE_CHANCES = (1.0, 1.0, 0.95, 0.7)


def counter_reads(core: Core) -> list[Access]:
    """Return the accesses that read all counters when the traffic is over."""
    return [replace(access, after_traffic=True) for access in core.backend.counter_reads()]


def random_stages(core: Core, seed: str, mode: str, n_frames: int) -> list[Stage]:
    """Return stages of n_frames frames after one that a reset cuts short; counters are read where none is cut.

    Where the core records its register writes, one long stage gets new switches while frames pass. Else there is a
    stage for each switch, and frames wait until it is written. They are drawn until the model forwards enough.
    """
    stages = _drawn_stages(core, seed, mode, n_frames)
    for draw in range(1, DRAWS):
        if says_something(core, stages[1:]):
            break
        stages = _drawn_stages(core, f"{seed} draw {draw}", mode, n_frames)
    return stages


def _drawn_stages(core: Core, seed: str, mode: str, n_frames: int) -> list[Stage]:
    n_cut = min(CUT_RUN, n_frames)
    if core.dut.keys.records.writes is not None:
        stages = [busy_stage(core, seed, mode, n_cut, cut=True), busy_stage(core, seed, mode, n_frames)]
    else:
        sizes = [FRAMES_A_HELD_STAGE] * (n_frames // FRAMES_A_HELD_STAGE)
        sizes += [n_frames % FRAMES_A_HELD_STAGE] if n_frames % FRAMES_A_HELD_STAGE else []
        stages = [_held_stage(core, f"{seed} cut", mode, min(n_cut, FRAMES_A_HELD_STAGE), cut=True)]
        stages += [_held_stage(core, f"{seed} {i}", mode, size) for i, size in enumerate(sizes)]
    for stage in stages[1:]:
        if core.dut.keys.timing == "twin":
            stage.reset_cycles = 1  # all that docs/switch_core.md asks for
        stage.accesses = [*stage.accesses, *counter_reads(core)]
    return stages


def _switch(core: Core, rng: random.Random, mode: str) -> Switch:
    """Return a switch that asks the core for nothing that it lacks."""
    return with_settings(random_switch(rng, mode, core.shape), core.backend.fixed)


def with_settings(switch: Switch, fixed: Mapping[str, Any]) -> Switch:
    """Return a switch with some settings replaced, by their keys as in Backend.fixed."""
    of_block: dict[str, dict[str, Any]] = {"": {}, "ports": {}, "uplink": {}}
    for setting, value in fixed.items():
        block, _, name = setting.rpartition(".")
        of_block[block][name] = value
    ports = tuple(replace(port, **of_block["ports"]) for port in switch.ports)
    return replace(switch, ports=ports, uplink=replace(switch.uplink, **of_block["uplink"]), **of_block[""])


def _frames(core: Core, rng: random.Random, mode: str, n_frames: int) -> list[Frame]:
    frames = [random_frame(rng, mode, core.shape, serial) for serial in range(n_frames)]
    streams = core.dut.keys.streams
    if not streams.empty_last_beat:
        frames = [
            replace(frame, empty_last_beat=False, data=frame.data or bytes(BEAT_BYTES))
            for frame in frames
        ]  # fmt: skip
    return frames if streams.into.user is not None else [replace(frame, is_bad=False) for frame in frames]


def _stalls(core: Core, rng: random.Random, stage: Stage) -> None:
    """Let outputs wait, and sources pause within frames."""
    stage.ready = pattern(rng, core.shape.ports, READY_CHANCES)
    stage.leave = pattern(rng, core.shape.ports, LEAVE_CHANCES)
    if core.dut.keys.registers.axi4_lite is not None:
        stage.hold = ~pattern(rng, HELD_CHANNELS, HOLD_CHANCES) & np.uint32((1 << HELD_CHANNELS) - 1)
        stage.accesses = [replace(access, overlaps=True) for access in stage.accesses]


def busy_stage(core: Core, seed: str, mode: str, n_frames: int, *, stalls: bool = True, cut: bool = False) -> Stage:
    """Return a stage: a switch, frames, and new switches of the same mode while the frames pass.

    `stalls`: outputs that wait and sources that pause within frames. `cut`: a reset ends it in the midst of traffic.
    """
    rng = random.Random(f"{seed} {mode} {n_frames} {cut}")
    shape, backend = core.shape, core.backend
    schedules = random_schedules(rng, shape)
    writes = backend.writes(_switch(core, rng, mode), schedules)
    start = CYCLES_A_WRITE * len(writes)
    untimed = _frames(core, rng, mode, n_frames)
    # A few come while the core is still being set up.
    frames = timed(rng, untimed, 1 if rarely(rng, 2) else start, shape.ports)
    span = max(frame.not_before for frame in frames) - start
    accesses = [Access(*write) for write in writes]
    n_switches = max(2, min(FEWEST_SWITCHES, n_frames // FEW_FRAMES), n_frames // FRAMES_A_SWITCH)
    for i in range(1, n_switches):
        # The twin takes so many changes of a schedule, of which one switch brings up to a hundred.
        if i < SWITCHES_WITH_SCHEDULES:
            schedules = random_schedules(rng, shape)
        after = backend.writes(_switch(core, rng, mode), schedules)
        due = start + max(span, n_frames) * i // n_switches
        accesses += [Access(*write, not_before=due) for write in backend.changes(writes, after)]
        writes = after
    reads = [
        replace(read, not_before=start + rng.randrange(max(span, n_frames)))
        for read in backend.reads_in_traffic(rng, READS_A_SWITCH * n_switches)
    ]
    accesses = sorted([*accesses, *reads], key=lambda access: access.not_before)
    stage = Stage(frames, accesses, last_cycle=50_000 + 40 * max(span, 1) + 400 * n_frames)
    if stalls:
        _stalls(core, rng, stage)
    if cut:
        stage.cut_at = start + rng.randrange(max(span, 1))
    return stage


def plain_stage(core: Core, switch: Switch, frames: Sequence[Frame], first_cycle: int = 0) -> Stage:
    """Return a stage of one switch and frames that come in when it is written, or from a later cycle on."""
    writes = core.backend.writes(switch, {})
    start = max(first_cycle, CYCLES_A_WRITE * len(writes))
    accesses = [*(Access(*write) for write in writes), *counter_reads(core)]
    last_cycle = start + 100_000 + 1000 * len(frames)
    return Stage([replace(frame, not_before=start) for frame in frames], accesses, last_cycle=last_cycle)


def _held_stage(core: Core, seed: str, mode: str, n_frames: int, *, cut: bool = False) -> Stage:
    """Return a stage of one switch, whose frames wait until it is written."""
    rng = random.Random(f"{seed} {mode} {n_frames}")
    switch = _switch(core, rng, mode)
    frames = timed(rng, _frames(core, rng, mode, n_frames), 0, core.shape.ports)
    span = max(frame.not_before for frame in frames)
    accesses = [Access(*write) for write in core.backend.writes(switch, random_schedules(rng, core.shape))]
    # A core may take long for a frame: it is its behaviour alone that is compared.
    last_cycle = 100_000 + 40 * span + 20_000 * n_frames
    stage = Stage(frames, accesses, holds_frames=True, switch=switch, last_cycle=last_cycle)
    _stalls(core, rng, stage)
    if cut:
        stage.cut_at = rng.randrange(1, max(span, 1000))
    return stage
