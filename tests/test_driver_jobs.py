"""Drivers' jobs: on an idle adapter as the closed form says, to the femtosecond; beside traffic later, and in order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import pytest

from hwmodel.compiled.records import NEVER
from hwmodel.config import Config, config_from_mapping
from hwmodel.config.message_time import RegisterTimes
from hwmodel.machine.counts.ledger_state import CAME_TRUE
from hwmodel.machine.guest.job_state import (
    DOORBELLS,
    FIRST,
    JOBS_FROM,
    LAST,
    LEFT,
    RAISED,
    READ,
    RELEASE,
    TAKE_CORE,
    TOLD_OF_A_JOB,
    WAIT,
    WORK,
    WRITE,
)
from hwmodel.simulation.run.commands import Change, Job
from hwmodel.simulation.run.machine import Machine
from hwmodel.simulation.run.offered import with_workloads
from tests.run_cases import merged

NS, US, MS = 10**6, 10**9, 10**12
START = 100 * US
ALL = 1 << LEFT | 1 << FIRST | 1 << LAST | 1 << RAISED
IDLE: Mapping[str, Any] = {
    "pcie": {"generation": 2, "lanes": 4},
    "nic": {"preset": "82599", "vfs": 4, "strict": False},
    "workload": {"pattern": "uniform", "frame_bytes": 512, "load": 0},
    "run": {"clocks": "exact"},
}


class Told(NamedTuple):
    """Say what was told of a job, and when."""

    at_fs: int
    number: int
    which: int


def job(
    function: str, number: int, *steps: tuple[int, int, int], from_fs: int = 0, tells: int = ALL,
    raises: str | None = None,
) -> Job:  # fmt: skip
    return Job(function, number, from_fs, tells, raises, steps)


def machine_of(config: Config, changes: Iterable[Change] = (), threads: int = 1) -> Machine:
    workload, later = with_workloads(config, list(changes))
    return Machine(config, workload, 1, threads, later, reacts=True)


def told_by(machine: Machine, until_fs: int) -> list[Told]:
    """Run to a time; return all that is told on the way."""
    found: list[Told] = []

    def on_stop() -> bool:
        while (one := machine.take_true()) is not None:
            found.append(Told(one.at_fs, *divmod(one.number - JOBS_FROM, TOLD_OF_A_JOB)))
        return False

    machine.agents_due_fs, machine.on_stop = lambda: NEVER, on_stop
    while machine.advance(until_fs, 2**60) == CAME_TRUE:
        pass
    machine.rest()
    return found


def told(config: Config, *jobs: Job, until_fs: int = 10 * MS) -> list[Told]:
    """Return what is told of jobs that begin at `START`, counted from then: the adapter has all its descriptors."""
    late = tuple(one._replace(from_fs=START + one.from_fs) for one in jobs)
    found = told_by(machine_of(config, [Change(START + 1, config, jobs=late)]), START + until_fs)
    return [one._replace(at_fs=one.at_fs - START) for one in found]


@pytest.mark.parametrize("generation", [2, 3])
def test_each_step_on_an_idle_adapter_takes_what_the_closed_form_says(generation: int) -> None:
    config = config_from_mapping(merged(IDLE, {"pcie": {"generation": generation}}))
    times = RegisterTimes.of(config, "vf1")
    found = told(
        config,
        job("vf1", 0, (READ, 1, 0)),
        job("vf1", 1, (READ, 17, 0)),
        job("vf1", 2, (WRITE, 1, 0)),
        job("vf1", 3, (WRITE, 5, 0), raises="pf"),
        job("vf1", 4, (WAIT, 1, 500 * US)),
        job("vf2", 5, (WORK, 1, 7 * US), (WAIT, 1, 3 * US), (READ, 2, 0), (WRITE, 2, 0)),
    )
    assert sorted(found) == sorted([
        Told(times.read_fs, 0, LEFT),
        Told(17 * times.read_fs, 1, LEFT),
        Told(times.write_fs, 2, LEFT), Told(times.write_fs + times.flight_fs, 2, FIRST),
        Told(times.write_fs + times.flight_fs, 2, LAST),
        Told(5 * times.write_fs, 3, LEFT), Told(times.write_fs + times.flight_fs, 3, FIRST),
        Told(5 * times.write_fs + times.flight_fs, 3, LAST), Told(5 * times.write_fs + 2 * times.flight_fs, 3, RAISED),
        Told(500 * US, 4, LEFT),
        Told(10 * US + 2 * times.read_fs + 2 * times.write_fs, 5, LEFT),
        Told(10 * US + 2 * times.read_fs + times.write_fs + times.flight_fs, 5, FIRST),
        Told(10 * US + 2 * times.read_fs + 2 * times.write_fs + times.flight_fs, 5, LAST),
    ])  # fmt: skip
