"""Functions that go and come at random instants: the engine and the SimPy models take the same course."""

from __future__ import annotations

from pathlib import Path

import pytest

from hwmodel.rules.driver_jobs import READ, WRITE, JobStep
from hwmodel.simulation.run.commands import Job
from tests import system_beside_simpy
from tests.beside_simpy import GROUP_OF, VF0, VF1, VF2, WIRE, check_same_course, run_both
from tests.drawn_commands import draw_functions_off, draw_system_functions_off
from tests.drawn_jobs import OF_ALL, US_FS, work_of_agent
from tests.seeds import seeds


@pytest.mark.parametrize("seed", seeds(7, 7, 400))
def test_functions_of_an_adapter_go_and_come(tmp_path: Path, seed: int) -> None:
    changes, load, commands = draw_functions_off(seed)
    check_same_course(run_both(tmp_path, changes, load, GROUP_OF, commands), at_least=0)


@pytest.mark.parametrize("seed", seeds(3, 3, 400))
def test_functions_of_servers_go_and_come(seed: int) -> None:
    drawn = draw_system_functions_off(seed)
    assert system_beside_simpy.run_both(drawn.config, drawn.frames, 0, drawn.commands).differences() == {}


@pytest.mark.parametrize("off_us", (60, 65, 70))
def test_what_stood_behind_a_frame_without_room_goes_on_once_its_function_is_off(tmp_path: Path, off_us: int) -> None:
    # A frame of 12 us on the wire holds the Tx buffer meanwhile: the next does not fit, and small ones wait behind it.
    changes = {
        "nic.tx_buffer": "2KiB", "port.rate": "1Gbps", "switch.scheduler": "round_robin",
        "run.warmup": "20us", "run.duration": "100us",
    }  # fmt: skip
    load = {VF0: [(WIRE, 1518)], VF1: [(VF2, 64)]}
    off = (off_us * US_FS, {}, frozenset({"vf0"}), ())
    check_same_course(run_both(tmp_path, changes, load, (), [off]), at_least=100)


def test_jobs_come_beside_what_a_function_posts_that_came_at_the_same_instant(tmp_path: Path) -> None:
    # Two commands: the first has the function's sources looked at, but behind the second.
    load, changes = {VF0: [(VF1, 570)]}, {"run.warmup": "20us", "run.duration": "100us"}
    on_fs = 70 * US_FS
    job = Job("vf0", 1, on_fs, OF_ALL, None, (JobStep(READ), JobStep(WRITE)))
    commands = [
        (60 * US_FS, {}, frozenset({"vf0"})),
        (on_fs, {}, frozenset()),
        (on_fs, {}, frozenset(), (work_of_agent("vf0", 0, on_fs, US_FS), job)),
    ]
    check_same_course(run_both(tmp_path, changes, load, (), commands), at_least=100)
