"""Rings that differ from one another, in the engine beside the SimPy model."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.beside_simpy import check_same_course, run_both
from tests.drawn_rings import draw_rings


@pytest.mark.parametrize("seed", [*range(8), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(8, 60))])
def test_drawn_rings_take_the_same_course(tmp_path: Path, seed: int) -> None:
    drawn = draw_rings(seed)
    check_same_course(run_both(tmp_path, drawn.changes, drawn.load, (1, 2, 3, 4), drawn.commands), at_least=0)
