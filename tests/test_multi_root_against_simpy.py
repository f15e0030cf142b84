"""Drawn hosts at one adapter in the engine beside the SimPy model of docs/datapath.md: every figure the same."""

from __future__ import annotations

import pytest

from tests.drawn_multi_roots import draw_config
from tests.system_beside_simpy import run_both

SEEDS = [
    *range(5),
    *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(5, 40)),
    *(pytest.param(seed, marks=(pytest.mark.slow, pytest.mark.nightly)) for seed in range(40, 300)),
]


@pytest.mark.parametrize("seed", SEEDS)
def test_drawn_hosts_take_the_same_course(seed: int) -> None:
    both = run_both(*draw_config(seed))
    assert both.differences() == {}
    assert both.engine.totals["in flight"] == 0
    assert len(both.engine.deliveries) > 75
