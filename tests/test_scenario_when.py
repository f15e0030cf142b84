"""Events that wait for conditions: the run is that with their times, which a second implementation finds too."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.beside_simpy import check_same_course
from tests.drawn_conditions import draw_scripted, play
from tests.test_commands_against_simpy import seeds


@pytest.mark.parametrize("seed", seeds(8, 16, 1000))
def test_drawn_scenarios_happen_alike_in_the_second_model(tmp_path: Path, seed: int) -> None:
    played = play(tmp_path, draw_scripted(seed))
    assert played.engine_fs == played.oracle_fs
    check_same_course(played.both, at_least=0)
