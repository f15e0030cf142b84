"""VFs that come up beside traffic: the engine and the SimPy model have them up at the same femtoseconds."""

from __future__ import annotations

from pathlib import Path

import pytest

from hwmodel.agents import drivers
from tests.beside_simpy import check_same_course
from tests.bring_up_beside_simpy import CameUp, come_up, draw_bring_up
from tests.seeds import seeds


@pytest.mark.parametrize("seed", seeds(4, 8, 200))
def test_vfs_that_come_up_together_are_up_at_the_same_femtoseconds(tmp_path: Path, seed: int) -> None:
    came = come_up(tmp_path, draw_bring_up(seed))
    assert came.engine_fs == came.oracle_fs
    assert None not in came.engine_fs.values()
    check_same_course(came.both, at_least=-1)


FAULTS: dict[str, tuple[str, object]] = {
    "a look that comes later": ("POLL_FS", drivers.POLL_FS + 1),
    "rings that are up sooner": ("RING_ENABLE_FS", drivers.RING_ENABLE_FS - 1),
    "a word of the mailbox that is not read": ("MAILBOX_WORDS", drivers.MAILBOX_WORDS - 1),
    "a message less": ("BRING_UP", drivers.BRING_UP[:-1]),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_of_drivers_is_seen(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    what, wrong = FAULTS[name]
    monkeypatch.setattr(drivers, what, wrong)
    played = [come_up(tmp_path, draw_bring_up(seed)) for seed in range(2)]
    assert any(one.engine_fs != one.oracle_fs for one in played) or any(not _is_same(one) for one in played)


def _is_same(came: CameUp) -> bool:
    try:
        check_same_course(came.both, at_least=-1)
    except AssertionError:
        return False
    return True
