"""Drawn buses in the engine beside the SimPy model of docs/datapath.md, "Shared buses": every figure the same."""

from __future__ import annotations

import pytest

from tests.drawn_buses import draw_config
from tests.system_beside_simpy import run_both

SEEDS = [
    *range(10),
    *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(10, 60)),
    *(pytest.param(seed, marks=(pytest.mark.slow, pytest.mark.nightly)) for seed in range(60, 400)),
]


@pytest.mark.parametrize("seed", SEEDS)
def test_a_drawn_bus_takes_the_same_course(seed: int) -> None:
    both = run_both(*draw_config(seed))
    assert both.differences() == {}
    assert both.engine.totals["in flight"] == 0
    assert len(both.engine.deliveries) > 40
