"""Sends that are cut into frames take the same course in the engine and in the SimPy model."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.beside_simpy import check_same_course, run_both
from tests.drawn_sends import draw_sends

N_QUICK, N_SLOW, N_NIGHTLY = 12, 30, 160
SEEDS = [
    pytest.param(seed, marks=(pytest.mark.slow, pytest.mark.nightly)[: (seed >= N_QUICK) + (seed >= N_SLOW)])
    for seed in range(N_NIGHTLY)
]


@pytest.mark.parametrize("seed", SEEDS)
def test_a_drawn_machine_takes_the_same_course(tmp_path: Path, seed: int) -> None:
    check_same_course(run_both(tmp_path, draw_sends(seed), None), at_least=-1)
