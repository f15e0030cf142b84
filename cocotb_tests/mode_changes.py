"""Short frames at full load while the mode changes every few cycles: parser, tables and decision change together."""

from __future__ import annotations

import random
from dataclasses import replace

from cocotb_tests import register_map as regs
from cocotb_tests.backend import MODES
from cocotb_tests.batch_files import Access, Stage
from cocotb_tests.core_registers import CoreParameters, switch_writes
from cocotb_tests.load import CYCLES_BEFORE_LOAD
from cocotb_tests.traffic import random_frame, random_switch

FRAME_BYTES = 72
MOST_CYCLES = 14  # from one change to the next; a write takes three


def mode_change_stage(parameters: CoreParameters, seed: str, n_frames: int) -> Stage:
    """Return frames of all modes and writes of the mode in their midst, to the end of the traffic."""
    rng = random.Random(f"{seed} {n_frames}")
    switch = random_switch(rng, rng.choice(MODES), parameters)
    writes = [Access(*write) for write in switch_writes(switch, parameters)]
    start = CYCLES_BEFORE_LOAD * len(writes)
    frames = [
        replace(frame, data=frame.data[:FRAME_BYTES], not_before=start)
        for frame in (random_frame(rng, rng.choice(MODES), parameters, serial) for serial in range(n_frames))
    ]
    cycle, end = start, start + n_frames * parameters.words(FRAME_BYTES)
    while cycle < end:
        cycle += rng.randrange(1, MOST_CYCLES)
        writes.append(Access(regs.CORE_BASE + regs.CORE_MODE, rng.randrange(len(MODES)), not_before=cycle))
    return Stage(frames, writes, last_cycle=20 * end)
