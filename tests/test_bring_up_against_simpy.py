"""VFs that come up beside traffic: the engine and the SimPy model have them up at the same femtoseconds."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.beside_simpy import check_same_course
from tests.bring_up_beside_simpy import come_up, draw_bring_up
from tests.seeds import seeds


@pytest.mark.parametrize("seed", seeds(4, 8, 200))
def test_vfs_that_come_up_together_are_up_at_the_same_femtoseconds(tmp_path: Path, seed: int) -> None:
    came = come_up(tmp_path, draw_bring_up(seed))
    assert came.engine_fs == came.oracle_fs
    assert None not in came.engine_fs.values()
    check_same_course(came.both, at_least=-1)
