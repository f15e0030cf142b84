"""Drivers that reset their VFs beside traffic: in the engine and the SimPy model VFs go, and are up, at one instant."""

from __future__ import annotations

from pathlib import Path

import pytest

from hwmodel.agents import drivers
from tests.beside_simpy import NS_FS, check_same_course
from tests.seeds import seeds
from tests.watchdog_beside_simpy import Lived, Watched, draw_watched, live


@pytest.mark.parametrize("seed", seeds(6, 12, 300))
def test_vfs_go_and_are_up_at_the_same_femtoseconds(
    tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    lived = _both(tmp_path, draw_watched(seed), monkeypatch)
    assert lived.engine_fs == lived.oracle_fs
    check_same_course(lived.both, at_least=-1)


def _both(folder: Path, drawn: Watched, monkeypatch: pytest.MonkeyPatch) -> Lived:
    """Run both; the time in which drivers do not reset again is shorter than theirs in some."""
    monkeypatch.setattr(drivers, "QUIET_FS", drawn.quiet_ns * NS_FS)
    return live(folder, drawn)
