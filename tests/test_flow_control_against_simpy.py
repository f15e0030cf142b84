"""Drawn adapters with PAUSE and PFC take the same course in the engine and in the SimPy model."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.beside_simpy import check_same_course
from tests.drawn_flow_control import draw_flow_control
from tests.flow_control_beside_simpy import run_tagged


@pytest.mark.parametrize("seed", range(30))
def test_a_drawn_adapter(seed: int, tmp_path: Path) -> None:
    changes, frames = draw_flow_control(seed)
    check_same_course(run_tagged(tmp_path, changes, frames), at_least=0)
