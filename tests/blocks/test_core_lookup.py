"""Lookups: a frame's decision by the tables of its cycle, and its copies' bytes."""

from __future__ import annotations

import numpy as np
import pytest

from cocotb_tests.bench_switch import (
    BROADCAST,
    c_tag,
    frame,
    strip,
    switch,
)
from hwmodel.forwarding.decide import DECISION
from hwmodel.forwarding.drop_reason import DropReason
from hwmodel.forwarding.parse import HEADER
from hwmodel.forwarding.port_set import PORT_SET, add
from hwmodel.simulation.fill.switch_tables import build_tables
from hwmodel.switch_core.lookup import decide_frames, look_up, port_bits, table_at, write_copies
from hwmodel.switch_core.state import CORE_COPY, CORE_FRAME
from tests.blocks.core_bench import idle_core

RAW = frame(BROADCAST, "vf0", c_tag(1, 5))
FROM_CYCLES = np.array([0, 10, 10], np.int64)


def scratch():
    return np.zeros(1, HEADER).view(np.recarray), np.zeros(1, DECISION).view(np.recarray)


def tables():
    """Give tables in which vf0 is off until cycle 10, and then on with tags for vf1."""
    kinds = ({"vf0": {"enabled": False}}, {"vf0": {"enabled": False}}, {"vf1": {"untagged": ()}})
    return np.concatenate([build_tables(switch(stations=stations)) for stations in kinds]).view(np.recarray)


def frames_with(look):
    frames = np.zeros(1, CORE_FRAME).view(np.recarray)
    frames.port, frames.n_bytes, frames.look = 2, len(RAW), look
    return frames


@pytest.mark.parametrize(("cycle", "number"), [(0, 0), (9, 0), (10, 2), (11, 2)])
def test_tables_of_a_cycle(cycle, number):
    assert table_at(FROM_CYCLES, cycle) == number


def test_ports_as_a_bitmap():
    ports = np.zeros(1, PORT_SET).view(np.recarray)[0]
    for port in (0, 2, 12, 60):
        add(ports, port)
    assert port_bits(ports, 12) == 0b101


def test_a_bad_frame():
    header, decision = scratch()
    frames = frames_with(0)
    frames.is_bad = 1
    look_up(tables()[2], np.frombuffer(RAW, np.uint8), frames[0], header[0], decision[0])
    assert decision[0].reason == DropReason.BAD_FRAME


def test_decisions_and_bytes():
    raw = np.frombuffer(RAW, np.uint8)
    frames = frames_with(9)
    assert decide_frames(idle_core(), tables(), FROM_CYCLES, raw, frames, np.zeros(1, np.int64), *scratch()) == 0
    assert frames.reason.tolist() == [DropReason.PORT_DISABLED]
    frames = frames_with(10)
    assert decide_frames(idle_core(), tables(), FROM_CYCLES, raw, frames, np.zeros(1, np.int64), *scratch()) == 4
    (found,) = frames
    assert (found.reason, found.ports, found.tagged, found.priority) == (0, 0b11011, 0b1000, 5)
    assert (found.n_tag_bytes, found.outer_bytes) == (4, 0)
    copies = np.zeros(2, CORE_COPY).view(np.recarray)
    copies.port = [1, 3]
    starts, out = np.zeros(3, np.int64), np.zeros(2 * len(RAW) + 12, np.uint8)
    write_copies(tables(), FROM_CYCLES, raw, frames, copies, starts, out, *scratch())
    assert starts.tolist() == [0, len(RAW) - 4, 2 * len(RAW) - 4]
    assert out[: starts[1]].tobytes() == strip(RAW, 4)
    assert out[starts[1] : starts[2]].tobytes() == RAW
