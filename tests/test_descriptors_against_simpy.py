"""Sizes of descriptors, completion entries and doorbells, and descriptors in doorbells, beside the SimPy model."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests import beside_simpy
from tests.beside_simpy import GROUP_OF, Both, check_same_course, run_both
from tests.drawn_descriptors import draw_descriptors

SEEDS = [
    *range(8),
    *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(8, 20)),
    *(pytest.param(seed, marks=(pytest.mark.slow, pytest.mark.nightly)) for seed in range(20, 300)),
]


def both_of(tmp_path: Path, seed: int) -> Both:
    drawn = draw_descriptors(seed)
    return run_both(tmp_path, drawn.changes, drawn.load, GROUP_OF, drawn.commands)


@pytest.mark.parametrize("seed", SEEDS)
def test_drawn_descriptors_take_the_same_course(tmp_path: Path, seed: int) -> None:
    check_same_course(both_of(tmp_path, seed), at_least=-1)
