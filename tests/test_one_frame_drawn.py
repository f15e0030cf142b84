"""One frame alone in machines drawn at random: each part of its time is, to the femtosecond, what `limits` says."""

from __future__ import annotations

from tests.lone_frames import compare, draw

N_DRAWN = 40


def test_parts_are_those_of_the_closed_form(tmp_path):
    n_taken = 0
    for seed in range(N_DRAWN):
        found, expected = compare(tmp_path, draw(seed))
        assert found == expected, f"seed {seed}"
        n_taken += found["guest_queue"] is not None
    assert n_taken > N_DRAWN // 2
