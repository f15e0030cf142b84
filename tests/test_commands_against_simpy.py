"""Commands at random instants: engine and SimPy models take the same course (docs/datapath/commands.md)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests import system_beside_simpy
from tests.beside_simpy import GROUP_OF, check_same_course, run_both
from tests.drawn_commands import draw_commands, draw_loads, draw_system_commands, draw_system_loads
from tests.seeds import seeds


@pytest.mark.parametrize("seed", seeds(5, 5, 1000))
def test_an_adapter_that_is_commanded(tmp_path: Path, seed: int) -> None:
    changes, load, commands = draw_commands(seed)
    check_same_course(run_both(tmp_path, changes, load, GROUP_OF, commands), at_least=0)


@pytest.mark.parametrize("seed", seeds(6, 6, 1000))
def test_an_adapter_whose_load_changes(tmp_path: Path, seed: int) -> None:
    """With commands of all kinds, and functions that go and come again, between those to its sources."""
    drawn = draw_loads(seed)
    check_same_course(run_both(tmp_path, drawn.changes, drawn.load, (), drawn.commands), at_least=-1)


def test_a_load_that_the_other_model_is_not_told_is_seen(tmp_path: Path) -> None:
    drawn = draw_loads(4)
    both = run_both(tmp_path, drawn.changes, None, (), drawn.commands)
    without = run_both(
        tmp_path, drawn.changes, None, (), [each for each in drawn.commands if not changes_load(each[1])]
    )
    with pytest.raises(AssertionError):
        check_same_course(both._replace(oracle_journeys=without.oracle_journeys), at_least=-1)


def changes_load(keys: Mapping[str, Any]) -> bool:
    return any(key.startswith("workload") for key in keys)


@pytest.mark.parametrize("seed", seeds(3, 3, 400))
def test_servers_on_bridges_that_are_commanded(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    # Where a command makes wires slow, what waits takes its time.
    monkeypatch.setattr(system_beside_simpy, "DRAINED_FS", 10 * system_beside_simpy.DRAINED_FS)
    drawn = draw_system_commands(seed)
    assert system_beside_simpy.run_both(drawn.config, drawn.frames, 0, drawn.commands).differences() == {}


@pytest.mark.parametrize("seed", seeds(3, 3, 400))
def test_servers_on_bridges_whose_load_changes(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(system_beside_simpy, "DRAINED_FS", 10 * system_beside_simpy.DRAINED_FS)
    drawn = draw_system_loads(seed)
    assert system_beside_simpy.run_loads(drawn.config, drawn.commands, drawn.commands[-1][0]).differences() == {}


def test_a_change_that_the_other_model_is_not_told_is_seen(tmp_path: Path) -> None:
    changes, load, commands = draw_commands(1)
    both = run_both(tmp_path, changes, load, GROUP_OF, commands)
    without = run_both(tmp_path, changes, load, GROUP_OF, ())
    with pytest.raises(AssertionError):
        check_same_course(both._replace(oracle_journeys=without.oracle_journeys), at_least=0)
