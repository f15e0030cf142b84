"""Drivers that reset their VFs beside traffic: in the engine and the SimPy model VFs go, and are up, at one instant."""

from __future__ import annotations

from collections import deque
from pathlib import Path
from typing import Any

import pytest

from hwmodel.agents import drivers
from hwmodel.rules.driver_jobs import ARRIVED
from hwmodel.simulation.run import play
from tests.beside_simpy import NS_FS, check_same_course
from tests.oracles.simpy_nic import bring_up, watchdog
from tests.seeds import seeds
from tests.watchdog_beside_simpy import Lived, Watched, draw_watched, live


@pytest.mark.parametrize("seed", seeds(8, 20, 400))
def test_vfs_go_and_are_up_at_the_same_femtoseconds(tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    lived = _both(tmp_path, draw_watched(seed), monkeypatch)
    assert lived.engine_fs == lived.oracle_fs
    check_same_course(lived.both, at_least=-1)


def _both(folder: Path, drawn: Watched, monkeypatch: pytest.MonkeyPatch) -> Lived:
    """Run both; the time in which drivers do not reset again is shorter than theirs in some."""
    monkeypatch.setattr(drivers, "QUIET_FS", drawn.quiet_ns * NS_FS)
    return live(folder, drawn)


class _LastFirst(deque[Any]):
    """Interrupts to the PF's driver of which the last is served first."""

    popleft = deque.pop


# What is done wrong, in the product or in the SimPy model; some of the first drawn cases show each.
FAULTS: dict[str, tuple[object, str, object]] = {
    "a look at the link less": (play, "LINK_LOOKS", 4),
    "looks at the link that come sooner": (drivers, "LINK_LOOK_FS", drivers.LINK_LOOK_FS - 1),
    "a read less of the VF's state": (watchdog, "STATE_READS", 1),
    "a read more of the PF's word": (watchdog, "WORD_READS", 3),
    "a refusal of two words": (drivers, "ACKNOWLEDGED", drivers.ACKNOWLEDGED._replace(reply_words=1)),
    "refusals in the wrong turn": (bring_up, "deque", _LastFirst),
    "interrupts that come sooner": (drivers, "RAISED", ARRIVED),
    "queues that rest for less": (watchdog, "DOWN_FS", watchdog.DOWN_FS - 1),
}
SHOWING = (0, 1, 3, 4, 7, 13, 23)


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_seen(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    where, what, wrong = FAULTS[name]
    monkeypatch.setattr(where, what, wrong)
    assert any(not _is_same(_both(tmp_path, draw_watched(seed), monkeypatch)) for seed in SHOWING)


def _is_same(lived: Lived) -> bool:
    try:
        check_same_course(lived.both, at_least=-1)
    except AssertionError:
        return False
    return lived.engine_fs == lived.oracle_fs
