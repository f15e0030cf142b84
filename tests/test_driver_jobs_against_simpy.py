"""Drivers' jobs in the engine and in the SimPy model: what is told of them at which femtosecond, and all else too."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.beside_simpy import GROUP_OF, check_same_course, run_both
from tests.drawn_jobs import draw_with_jobs
from tests.seeds import seeds


@pytest.mark.parametrize("seed", seeds(20, 40, 1000))
def test_drawn_jobs_end_at_the_same_femtoseconds(tmp_path: Path, seed: int) -> None:
    changes, load, commands = draw_with_jobs(seed)
    check_same_course(run_both(tmp_path, changes, load, GROUP_OF, commands), at_least=-1)
