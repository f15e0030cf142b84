"""Random switches, frames and stalls that ask a core under test for nothing that its file and its back-end rule out."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from cocotb_tests.batch_files import BEAT_BYTES, Frame, Stage
from cocotb_tests.bench_switch import Switch
from cocotb_tests.dut_file import Core
from cocotb_tests.traffic import pattern, random_frame, random_switch, rarely

READY_CHANCES = (1.0, 1.0, 0.9, 0.6, 0.3)
HELD_CHANNELS, HOLD_CHANCES = 4, (1.0, 0.9, 0.5)
ONE_IN_REPEATS = 12
# Besides: outputs that wait for many cycles, here and there.
STALLS, MOST_STALLED = 60, 100
LEAVE_CHANCES = (1.0, 1.0, 0.95, 0.7)


def drawn_switch(core: Core, rng: random.Random, mode: str) -> Switch:
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


def drawn_frame(core: Core, rng: random.Random, mode: str, serial: int, port: int | None = None) -> Frame:
    """Return a frame that the core's streams can carry; `port`: by which it comes in, otherwise any."""
    frame = random_frame(rng, mode, core.shape, serial, port)
    streams = core.dut.keys.streams
    if not streams.empty_last_beat:
        frame = replace(frame, empty_last_beat=False, data=frame.data or bytes(BEAT_BYTES))
    return frame if streams.into.user is not None else replace(frame, is_bad=False)


def with_repeats(core: Core, rng: random.Random, frames: Sequence[Frame]) -> list[Frame]:
    """Return the frames, some of which come twice in a row from their port.

    Of a core that loses copies, and does not say of which frame, it would not be known which of the two was lost.
    """
    result = list(frames)
    if core.dut.keys.losses == "none" or core.dut.keys.records.events is not None:
        last: dict[int, Frame] = {}
        for index, frame in enumerate(result):
            if frame.port in last and rarely(rng, ONE_IN_REPEATS):
                result[index] = last[frame.port]
            last[frame.port] = result[index]
    return result


def let_wait(core: Core, rng: random.Random, stage: Stage) -> None:
    """Let outputs wait, and sources pause within frames."""
    stage.ready = pattern(rng, core.shape.ports, READY_CHANCES)
    if stage.phases:
        for _ in range(STALLS):
            begin = rng.randrange(len(stage.ready))
            stage.ready[begin : begin + rng.randrange(MOST_STALLED)] &= ~np.uint32(1 << rng.randrange(core.shape.ports))
    stage.leave = pattern(rng, core.shape.ports, LEAVE_CHANCES)
    if core.dut.keys.registers.axi4_lite is not None:
        stage.hold = ~pattern(rng, HELD_CHANNELS, HOLD_CHANCES) & np.uint32((1 << HELD_CHANNELS) - 1)
        stage.accesses = [replace(access, overlaps=True) for access in stage.accesses]
