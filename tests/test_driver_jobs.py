"""Drivers' jobs: on an idle adapter as the closed form says, to the femtosecond; beside traffic later, and in order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import pytest

from hwmodel.compiled.records import NEVER
from hwmodel.config import Config, config_from_mapping
from hwmodel.config.message_time import POLL_FS, RESET, Message, RegisterTimes, asking, exchange
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
from hwmodel.rules.mailbox_messages import MAILBOX_WORDS
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


def told_by(machine: Machine, until_fs: int, react: Callable[[Told], None] = id) -> list[Told]:
    """Run to a time; return all that is told on the way, for which something may `react`."""
    found: list[Told] = []

    def on_stop() -> bool:
        while (one := machine.take_true()) is not None:
            found.append(Told(one.at_fs, *divmod(one.number - JOBS_FROM, TOLD_OF_A_JOB)))
            react(found[-1])
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


def test_many_that_begin_together_do_not_wait_for_each_other() -> None:
    config = config_from_mapping(merged(IDLE, {"nic": {"vfs": 62}}))
    times = RegisterTimes.of(config, "vf0")
    found = told(config, *(job(f"vf{at}", at, (READ, 3, 0), (WRITE, 2, 0), tells=1 << LEFT) for at in range(62)))
    assert found == [Told(3 * times.read_fs + 2 * times.write_fs, at, LEFT) for at in range(62)]


def test_drivers_that_want_one_core_have_it_one_after_the_other() -> None:
    config = config_from_mapping(merged(IDLE, {"host": {"cores": 2}, "nic": {"vfs": 3}}))
    steps = ((TAKE_CORE, 1, 0), (WORK, 1, 2 * US), (READ, 1, 0), (RELEASE, 1, 0), (WAIT, 1, 5 * US))
    times = RegisterTimes.of(config, "vf0")
    # The PF and vf1 run on one core, vf0 and vf2 on the other.
    jobs = [job(name, at, *steps, from_fs=at, tells=1 << LEFT) for at, name in enumerate(("vf1", "vf2", "pf", "vf0"))]
    held = 2 * US + times.read_fs
    found = told(config, *jobs)
    assert found == [
        Told(held + 5 * US, 0, LEFT), Told(1 + held + 5 * US, 1, LEFT),
        Told(2 * held + 5 * US, 2, LEFT), Told(1 + 2 * held + 5 * US, 3, LEFT),
    ]  # fmt: skip


class Talk:
    """Let a VF's driver and the PF's exchange a message, as Linux' drivers do, by jobs; note when it is over."""

    def __init__(self, config: Config, vf: str, message: Message, number: int) -> None:
        self.config, self.vf, self.message, self.first = config, vf, message, number
        self.there_fs = {"acknowledged": NEVER, "replied": NEVER}
        self.waits_for, self.taken_fs, self.over_fs, self.n_reads = "", 0, 0, 0
        self.look_fs = 0

    def asking(self, from_fs: int) -> Job:
        self.n_reads += 1
        steps = ((READ, 1, 0), (WRITE, self.message.words + 1, 0))
        return job(self.vf, self.first, *steps, from_fs=from_fs, tells=1 << LEFT | 1 << RAISED, raises="pf")

    def serving(self, from_fs: int) -> Job:
        driver, message = self.config.driver_of("pf"), self.message
        entry_fs = driver.interrupt_time_fs + driver.exit_time_fs
        writes = (WRITE, message.reply_words + 2, 0)
        steps = ((TAKE_CORE, 1, 0), (WORK, 1, entry_fs), (READ, MAILBOX_WORDS + 1, 0), writes, (RELEASE, 1, 0))
        return job("pf", self.first + 1, *steps, from_fs=from_fs, tells=1 << FIRST | 1 << LAST | 1 << LEFT)

    def looking(self, from_fs: int, wait_fs: int) -> Job:
        self.n_reads += 1
        self.look_fs = from_fs + wait_fs
        return job(self.vf, self.first + 2, (WAIT, 1, wait_fs), (READ, 1, 0), from_fs=from_fs, tells=1 << LEFT)

    def reading(self, from_fs: int) -> Job:
        self.n_reads += self.message.read_words
        steps = ((READ, self.message.read_words, 0), (WRITE, 1, 0))
        return job(self.vf, self.first + 3, *steps, from_fs=from_fs, tells=1 << LEFT)

    def react(self, one: Told) -> Job | None:
        what, at_fs = (one.number - self.first, one.which), one.at_fs
        if what == (0, RAISED):
            return self.serving(at_fs)
        if what == (0, LEFT):
            self.waits_for = "acknowledged"
            return self.looking(at_fs, 0)
        if what == (1, FIRST):
            self.there_fs["acknowledged"] = at_fs
        elif what == (1, LAST):
            self.there_fs["replied"] = at_fs
        elif what == (1, LEFT):
            self.taken_fs = at_fs
        elif what == (3, LEFT):
            self.over_fs = at_fs
        elif self.there_fs[self.waits_for] > self.look_fs:
            return self.looking(at_fs, POLL_FS)
        elif self.waits_for == "acknowledged":
            self.waits_for = "replied"
            return self.looking(at_fs, self.message.settle_fs)
        else:
            return self.reading(at_fs)
        return None


@pytest.mark.parametrize("message", [RESET, asking("set_lpe", 2), asking("set_multicast", MAILBOX_WORDS)])
@pytest.mark.parametrize(
    "machine",
    [{}, {"pcie": {"generation": 3, "lanes": 8}}, {"driver": {"preset": "dpdk"}}, {"nic": {"preset": None}}],
    ids=["82599", "gen3", "dpdk", "no preset"],
)
def test_a_whole_message_takes_what_the_closed_form_says(message: Message, machine: Mapping[str, Any]) -> None:
    config = config_from_mapping(merged(IDLE, machine))
    talk = Talk(config, "vf1", message, 10)
    machine_ = machine_of(config, [Change(START + 1, config, jobs=(talk.asking(START),))])

    def react(one: Told) -> None:
        if (follows := talk.react(one)) is not None:
            at_fs = one.at_fs + 1
            machine_.schedule.add(at_fs, lambda now: now.then(at_fs, jobs=(follows,)))

    told_by(machine_, START + 20 * MS, react)
    by_sum = exchange(RegisterTimes.of(config, "vf1"), RegisterTimes.of(config, "pf"), message, START, 0)
    assert talk.over_fs == by_sum.over_fs
    assert talk.taken_fs == by_sum.taken_fs + by_sum.serving_fs
    assert talk.n_reads == by_sum.n_reads
    kept_fs = machine_.servers[0].nic["guests"]["core"]["counts"]["beside_fs"].sum()
    assert kept_fs == by_sum.serving_fs
