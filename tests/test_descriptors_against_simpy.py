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


@pytest.mark.parametrize(
    ("seed", "untold"),
    [
        (3, {"doorbell": "tail"}),
        (5, {"tx_descriptor_bytes": 16}),
        (3, {"completion_entry_bytes": None}),
        (4, {"doorbell_bytes": 4}),
    ],
    ids=lambda each: next(iter(each)) if isinstance(each, dict) else str(each),
)
def test_what_the_other_model_is_not_told_is_seen(
    tmp_path: Path, seed: int, untold: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    told = beside_simpy.parameters_of
    monkeypatch.setattr(beside_simpy, "parameters_of", lambda config: replace(told(config), **untold))
    with pytest.raises(AssertionError):
        check_same_course(both_of(tmp_path, seed), at_least=-1)
