"""The input arbiter: turns, and the bus held for a frame's words."""

from __future__ import annotations

import numpy as np

from hwmodel.switch_core.bus import choose_port, choose_port_at, grant_frames, line_up
from hwmodel.switch_core.state import CORE_FRAME, NOBODY
from tests.blocks.core_bench import idle_core


def core_with(ready):
    """Give a core whose ports have a frame that can be granted in these cycles."""
    array = idle_core(ports=4)
    for port in range(4):
        array[0].ingress[port].head = 0 if port in ready else NOBODY
        array[0].ingress[port].ready_at = ready.get(port, 0)
    return array[0]


def test_the_first_from_the_pointer_on():
    core = core_with({0: 5, 1: 8, 3: 5})
    assert choose_port(core, 1, bus_free=7) == (3, 7)
    assert choose_port(core, 0, bus_free=7) == (0, 7)
    assert choose_port(core, 1, bus_free=8) == (1, 8)
    assert choose_port(core, 1, bus_free=2) == (3, 5)
    assert choose_port_at(core, 1, 5) == 3


def frames_of(*rows):
    frames = np.zeros(len(rows), CORE_FRAME).view(np.recarray)
    for frame, (port, n_bytes) in zip(frames, rows, strict=True):
        frame.port, frame.n_bytes, frame.n_beats = port, n_bytes, -(-n_bytes // 8)
    return frames


def test_grants_are_a_frames_words_apart():
    array = idle_core(ports=4)
    frames = frames_of((2, 600), (1, 600), (1, 60))
    granted = np.zeros(3, np.int64)
    grant_frames(array, frames, granted)
    assert granted.tolist() == [1, 0, 2]
    # 600 B are 75 beats and 10 words. Ports 1 and 2 are ready in 78, port 1 again in 86: it is behind port 2 then.
    assert frames.grant.tolist() == [88, 78, 98]
    assert (frames.look - frames.grant).tolist() == [5] * 3
    assert (frames.decided - frames.grant).tolist() == [11] * 3


def test_each_ports_frames_stay_in_their_order():
    array = idle_core(ports=4)
    frames = frames_of((2, 60), (1, 60), (2, 60))
    line_up(array[0], frames)
    assert frames.following.tolist() == [2, NOBODY, NOBODY]
    assert [int(array[0].ingress[port].head) for port in range(4)] == [NOBODY, 1, 0, NOBODY]
