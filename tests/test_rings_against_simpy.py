"""Rings and descriptors of every kind, in the engine beside the SimPy model, which sees whatever it is not told."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests import beside_simpy
from tests.beside_simpy import GROUP_OF, check_same_course, run_both
from tests.drawn_commands import Commanded
from tests.drawn_descriptors import draw_descriptors
from tests.drawn_rings import draw_rings
from tests.seeds import seeds

# How each kind is drawn, and what its journeys are more than: of some descriptors none comes to an end.
DRAWS: Mapping[str, tuple[Callable[[int], Commanded], int]] = {
    "rings": (draw_rings, 0), "descriptors": (draw_descriptors, -1),
}  # fmt: skip
SEEDS = seeds(4, 5, 300)


def check_drawn(folder: Path, kind: str, seed: int) -> None:
    draw, at_least = DRAWS[kind]
    drawn = draw(seed)
    both = run_both(folder, drawn.changes, drawn.load, GROUP_OF, drawn.commands)
    check_same_course(both, at_least=at_least)


@pytest.mark.parametrize("kind", DRAWS)
@pytest.mark.parametrize("seed", SEEDS)
def test_drawn_machines_take_the_same_course(tmp_path: Path, kind: str, seed: int) -> None:
    check_drawn(tmp_path, kind, seed)


@pytest.mark.a_third_by_day
@pytest.mark.parametrize(
    ("kind", "seed", "untold"),
    [
        ("rings", 1, {"own_drop_enable": {}}),
        ("rings", 0, {"never_refill": frozenset()}),
        ("rings", 0, {"shared_descriptor_cache": None}),
        ("rings", 3, {"tx_host_threshold": 0}),
        ("rings", 3, {"tx_reports_last": False}),
        ("rings", 4, {"vectors_per_function": None}),
        ("descriptors", 3, {"doorbell": "tail"}),
        ("descriptors", 5, {"tx_descriptor_bytes": 16}),
        ("descriptors", 3, {"completion_entry_bytes": None}),
        ("descriptors", 4, {"doorbell_bytes": 4}),
    ],
    ids=lambda each: next(iter(each)) if isinstance(each, dict) else str(each),
)
def test_what_the_other_model_is_not_told_is_seen(
    tmp_path: Path, kind: str, seed: int, untold: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    told = beside_simpy.parameters_of
    monkeypatch.setattr(beside_simpy, "parameters_of", lambda config: replace(told(config), **untold))
    with pytest.raises(AssertionError):
        check_drawn(tmp_path, kind, seed)
