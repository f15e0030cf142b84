"""Drivers' jobs in the engine and in the SimPy model: what is told of them at which femtosecond, and all else too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.beside_simpy import GROUP_OF, check_same_course, run_both
from tests.drawn_commands import draw_functions_off
from tests.drawn_jobs import draw_with_jobs
from tests.oracles.simpy_nic.core import Core
from tests.oracles.simpy_nic.jobs import Jobs
from tests.oracles.simpy_nic.link import Direction
from tests.oracles.simpy_nic.memory import HostMemory
from tests.seeds import seeds


@pytest.mark.parametrize("seed", seeds(20, 40, 1000))
def test_drawn_jobs_end_at_the_same_femtoseconds(tmp_path: Path, seed: int) -> None:
    changes, load, commands = draw_with_jobs(seed)
    check_same_course(run_both(tmp_path, changes, load, GROUP_OF, commands), at_least=-1)


def _in_the_end(_core: Core) -> None:
    """Do nothing as a core is given back."""


# What is done wrong in the SimPy model; some of the drawn machines show each.
FAULTS: dict[str, tuple[type, str, Any]] = {
    "accesses that always wait in the queues": (Direction, "is_idle", property(lambda _: False)),
    "accesses that never do": (Direction, "is_idle", property(lambda self: self.beyond is None)),
    "what flies is not acknowledged": (Direction, "flown", lambda _: None),
    "a core that is there at once": (Core, "begins_at", lambda _self, now_fs: now_fs),
    "a core is kept for ever": (Core, "is_given_back", _in_the_end),
    "no memory before what flies": (HostMemory, "there_fs", lambda *_: 0),
    "writes that take no time": (Jobs, "_worked", lambda _self, from_fs, _work_fs: from_fs),
    "reads that wait for nothing": (Jobs, "_answered", lambda self, run: self._goes_on_at(run, self._env.now)),
    "jobs outlive their functions": (Jobs, "drop", lambda *_: None),
}
SHOWING = (0, 1, 3, 5)


@pytest.mark.a_third_by_day
@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_seen(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    where, what, wrong = FAULTS[name]
    monkeypatch.setattr(where, what, wrong)
    assert any(not _is_same(tmp_path, draw(seed)) for seed in SHOWING for draw in (draw_with_jobs, draw_functions_off))


def _is_same(folder: Path, drawn: Any) -> bool:
    try:
        check_same_course(run_both(folder, drawn.changes, drawn.load, GROUP_OF, drawn.commands), at_least=-1)
    except AssertionError:
        return False
    return True
