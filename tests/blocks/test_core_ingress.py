"""Ingress FIFOs: words wait for the words that they take the place of."""

from __future__ import annotations

import numpy as np
import pytest

from hwmodel.switch_core.ingress import accept_frame, forget_reads, read_out, room_at, words_of
from hwmodel.switch_core.state import CORE_FRAME, NOBODY
from tests.blocks.core_bench import idle_core


def frame_of(n_bytes, **fields):
    frame = np.zeros(1, CORE_FRAME).view(np.recarray)[0]
    frame.n_bytes, frame.n_beats = n_bytes, max(1, -(-n_bytes // 8))
    for name, value in fields.items():
        frame[name] = value
    return frame


def accept(core, frame, grant=None):
    accept_frame(core, core.ingress[1], frame)
    if grant is not None:
        read_out(core.ingress[1], frame, grant)
    return int(frame.first_beat), int(frame.last_beat)


@pytest.mark.parametrize(("n_bytes", "words"), [(0, 1), (1, 1), (64, 1), (65, 2), (1514, 24)])
def test_words(n_bytes, words):
    assert words_of(idle_core()[0], n_bytes) == words


def test_a_frame_without_obstacles():
    core = idle_core()[0]
    assert accept(core, frame_of(60, not_before=5), grant=14) == (5, 12)
    assert core.ingress[1].ready_at == 16
    assert accept(core, frame_of(60, lead_cycles=2)) == (15, 22)
    assert core.ingress[1].words_before == 1


def test_words_take_the_place_of_words_read():
    """4 words of 64 B for frames of 3 at most. The first frame's words are read in 101 to 103."""
    core = idle_core(max_frame_bytes=180, ingress_bytes=256)[0]
    assert accept(core, frame_of(192), grant=100) == (0, 23)
    ingress = core.ingress[1]
    assert ingress.head == NOBODY
    assert [room_at(ingress, word) for word in (-1, 0, 1, 2)] == [0, 102, 103, 104]
    # Word 0 of the next finds the fourth place at once, its word 1 waits for the first's word 0, and so on.
    assert accept(core, frame_of(192)) == (24, 117)
    forget_reads(ingress, 3)
    assert ingress.oldest_read == ingress.n_read == 1


def test_a_swallowed_frame_keeps_the_words_of_the_longest():
    core = idle_core(max_frame_bytes=180, ingress_bytes=256)[0]
    frame = frame_of(500)
    assert accept(core, frame, grant=64) == (0, 62)
    assert (frame.n_words, core.ingress[1].words_before) == (3, 3)
