"""Adapters with all that queues and ports can have, in the engine beside the SimPy model: the same course each."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.beside_simpy import GROUP_OF, check_same_course, run_both
from tests.drawn_adapters import draw_adapter
from tests.seeds import seeds

SEEDS = seeds(5, 6, 300)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_drawn_adapter_takes_the_same_course(tmp_path: Path, seed: int) -> None:
    drawn = draw_adapter(seed)
    check_same_course(run_both(tmp_path, drawn.changes, drawn.load, GROUP_OF, drawn.commands), at_least=-1)
