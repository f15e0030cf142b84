"""Agents that work on cores of functions, in both implementations: the same things done at the same femtoseconds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from hwmodel.agents import live
from hwmodel.rules.driver_jobs import WAIT, JobStep
from hwmodel.simulation.run.hands import Hands
from tests.agents_beside_simpy import check_alike, simpy_made
from tests.drawn_agents import Document, draw_core_chain, draw_cores
from tests.seeds import seeds


@pytest.mark.parametrize("seed", seeds(60, 150, 1000))
def test_drawn_agents_on_cores_are_alike(tmp_path: Path, seed: int) -> None:
    check_alike(tmp_path, draw_cores(seed))


@pytest.mark.parametrize("seed", seeds(30, 100, 1000))
def test_drawn_agents_on_cores_of_servers_are_alike_on_any_number_of_threads(tmp_path: Path, seed: int) -> None:
    check_alike(tmp_path, draw_core_chain(seed), (1, 2))


def without_cores(document: Document) -> Document:
    agents = {}
    for name, about in document["agents"].items():
        agents[name] = {key: of for key, of in about.items() if key != "core"}
    return {**document, "agents": agents}


def test_agents_that_wait_for_cores_are_drawn() -> None:
    """Most documents come out otherwise where nobody waits; several agents are on one core, beside messages."""
    documents = [draw(seed) for draw in (draw_cores, draw_core_chain) for seed in range(24)]
    differ = [simpy_made(each).actions != simpy_made(without_cores(each)).actions for each in documents]
    assert 3 * sum(differ) > 2 * len(differ)
    cores = [[about["core"] for about in each["agents"].values() if "core" in about] for each in documents]
    assert sum(len({*names}) < len(names) for names in cores) > 15
    assert sum("scenario" in each for each in documents) > 15


def _asks_later(self: Hands, server: str, core: str, number: int, from_fs: int, *rest: Any) -> None:
    ENTER(self, server, core, number, from_fs + 1, *rest)


def _asks_on_another(self: Hands, server: str, core: str, *rest: Any) -> None:
    ENTER(self, server, f"{core.rpartition('.')[0]}.vf0".removeprefix("."), *rest)


def _twice(self: Hands, server: str, core: str, number: int, from_fs: int, told: Sequence[int], steps: Any) -> None:
    ENTER(self, server, core, number, from_fs, told, (*steps[:-1], JobStep(WAIT, 1, 1), steps[-1]))


ENTER = Hands.enter
FAULTS: dict[str, tuple[object, str, object]] = {
    "agents that do not wait": (live, "TAKE_CORE", WAIT),
    "work that stalls do not put off": (live, "WORK", WAIT),
    "work that counts from when it is asked for": (Hands, "enter", _asks_later),
    "the core of another function": (Hands, "enter", _asks_on_another),
    "a core that is kept longer": (Hands, "enter", _twice),
    "a core that is had once that is told": (live, "begun_fs", lambda _asked_fs, told_fs: told_fs),
}


@pytest.mark.a_third_by_day
@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_seen(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    where, what, wrong = FAULTS[name]
    monkeypatch.setattr(where, what, wrong)
    assert not all(_is_alike(tmp_path, draw_cores(seed)) for seed in range(12))


def _is_alike(folder: Path, document: Document) -> bool:
    try:
        check_alike(folder, document)
    except AssertionError:
        return False
    return True
