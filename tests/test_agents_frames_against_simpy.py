"""Frames that agents hear and send, in both implementations: the same things done at the same femtoseconds."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.agents_beside_simpy import check_alike, simpy_made
from tests.drawn_agents import draw_frame_chain, draw_frames
from tests.seeds import seeds


@pytest.mark.parametrize("seed", seeds(60, 150, 1000))
def test_drawn_frames_are_alike(tmp_path: Path, seed: int) -> None:
    check_alike(tmp_path, draw_frames(seed))


@pytest.mark.parametrize("seed", seeds(40, 150, 1000))
def test_drawn_frames_over_servers_are_alike_on_any_number_of_threads(tmp_path: Path, seed: int) -> None:
    check_alike(tmp_path, draw_frame_chain(seed), (1, 2))


def test_frames_of_all_kinds_are_drawn() -> None:
    made = [simpy_made(draw(seed)) for draw in (draw_frames, draw_frame_chain) for seed in range(20)]
    counts = [one for each in made for one in each.counts.values()]
    assert sum(one.frames_heard for one in counts) > 500 and sum(one.frames_sent for one in counts) > 500
    assert sum(one.most_waiting > 0 for one in counts) > 10
    assert sum(one.send is not None for each in made for one in each.actions if one.frame) > 100
