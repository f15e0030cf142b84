"""Rings that differ from one another, in the engine beside the SimPy model, which sees whatever it is not told."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests import beside_simpy
from tests.beside_simpy import GROUP_OF, Both, check_same_course, run_both
from tests.drawn_rings import draw_rings

SEEDS = [
    *range(8),
    *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(8, 20)),
    *(pytest.param(seed, marks=(pytest.mark.slow, pytest.mark.nightly)) for seed in range(20, 300)),
]


def both_of(tmp_path: Path, seed: int) -> Both:
    drawn = draw_rings(seed)
    return run_both(tmp_path, drawn.changes, drawn.load, GROUP_OF, drawn.commands)


@pytest.mark.parametrize("seed", SEEDS)
def test_drawn_rings_take_the_same_course(tmp_path: Path, seed: int) -> None:
    check_same_course(both_of(tmp_path, seed), at_least=0)


@pytest.mark.parametrize(
    ("seed", "untold"),
    [
        (1, {"own_drop_enable": {}}),
        (0, {"never_refill": frozenset()}),
        (0, {"shared_descriptor_cache": None}),
        (3, {"tx_host_threshold": 0}),
        (3, {"tx_reports_last": False}),
        (4, {"vectors_per_function": None}),
    ],
    ids=lambda each: next(iter(each)) if isinstance(each, dict) else str(each),
)
def test_what_the_other_model_is_not_told_is_seen(
    tmp_path: Path, seed: int, untold: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    told = beside_simpy.parameters_of
    monkeypatch.setattr(beside_simpy, "parameters_of", lambda config: replace(told(config), **untold))
    with pytest.raises(AssertionError):
        check_same_course(both_of(tmp_path, seed), at_least=0)
