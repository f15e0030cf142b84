"""Functions that go and come at random instants: the engine and the SimPy models take the same course."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import system_beside_simpy
from tests.beside_simpy import GROUP_OF, check_same_course, run_both
from tests.drawn_commands import draw_functions_off, draw_system_functions_off
from tests.test_commands_against_simpy import seeds


@pytest.mark.parametrize("seed", seeds(7, 10, 400))
def test_functions_of_an_adapter_go_and_come(tmp_path: Path, seed: int) -> None:
    changes, load, commands = draw_functions_off(seed)
    check_same_course(run_both(tmp_path, changes, load, GROUP_OF, commands), at_least=0)


@pytest.mark.parametrize("seed", seeds(3, 4, 400))
def test_functions_of_servers_go_and_come(seed: int) -> None:
    drawn = draw_system_functions_off(seed)
    assert system_beside_simpy.run_both(drawn.config, drawn.frames, 0, drawn.commands).differences() == {}
