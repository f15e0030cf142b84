"""What is to come for drivers' jobs comes in order, and what is dropped does not come; places are used again."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwmodel.compiled.records import NEVER
from hwmodel.machine.adapter.commands import obey_due
from hwmodel.machine.adapter.driver_jobs import (
    ask,
    drop_jobs,
    forget_due,
    free_place,
    new_place,
    next_job_fs,
    schedule,
    step_jobs,
    take_next,
)
from hwmodel.machine.adapter.function_life import function_off
from hwmodel.machine.guest.guest_state import N_TASKS, TAKE_TASK
from hwmodel.machine.guest.job_state import CORE_ACCESS
from hwmodel.machine.server import fresh_state
from hwmodel.machine.time.commands import DRIVER_JOB
from hwmodel.machine.tlp_kinds import REGISTER_COMPLETION, REGISTER_READ, REGISTER_WRITE
from hwmodel.rules.driver_jobs import LEFT, READ, RELEASE, TAKE_CORE, WORK, WRITE
from tests.blocks.idle_machine import FS_PER_BYTE, NS, VF0, VF1, idle_state
from tests.blocks.test_commands import command


@given(st.lists(st.integers(0, 9), max_size=60), st.randoms(use_true_random=False))
def test_what_is_to_come_comes_by_time_then_as_it_was_entered(times: list[int], rng: Random) -> None:
    nic = fresh_state()[0]
    entered, found = [], []
    for number, at_fs in enumerate(times, start=1):
        schedule(nic, at_fs, -number)
        entered.append((at_fs, number))
        if rng.random() < 0.3:
            first = min(entered)
            assert next_job_fs(nic.jobs) == first[0]
            entered.remove(first)
            found.append(-int(take_next(nic.jobs)) == first[1])
    rest = [-int(take_next(nic.jobs)) for _ in entered]
    assert rest == [number for _, number in sorted(entered)] and all(found)
    assert next_job_fs(nic.jobs) == NEVER


@given(st.lists(st.tuples(st.integers(0, 9), st.booleans()), max_size=40))
def test_jobs_that_are_dropped_do_not_come(drawn: list[tuple[int, bool]]) -> None:
    nic = fresh_state()[0]
    kept = []
    for at_fs, is_kept in drawn:
        place = new_place(nic, nic.jobs.jobs, nic.jobs.job)
        nic.jobs.job[place].is_used = int(is_kept)
        schedule(nic, at_fs, place)
        if is_kept:
            kept.append((at_fs, place))
    forget_due(nic.jobs)
    assert [int(take_next(nic.jobs)) for _ in kept] == [place for _, place in sorted(kept)]
    assert next_job_fs(nic.jobs) == NEVER


def test_places_are_used_again_before_new_ones() -> None:
    nic = fresh_state()[0]
    jobs = nic.jobs
    places = [new_place(nic, jobs.jobs, jobs.job) for _ in range(5)]
    assert places == [1, 2, 3, 4, 5]
    for place in (2, 5):
        free_place(jobs.jobs, jobs.job, place)
    assert [int(new_place(nic, jobs.jobs, jobs.job)) for _ in range(3)] == [5, 2, 6]
    assert int(ask(nic, 1, CORE_ACCESS, 0)) == 1 and int(jobs.job[1].n_asked) == 1


def begun(*steps: tuple[int, int, int], function: int = VF0, n: int = 1):
    """Return a machine at time 0 at which jobs of a function have begun."""
    state = idle_state()
    for number in range(n):
        command(
            state[0], 0, DRIVER_JOB, function, 0, number, 0, 1 << LEFT, -1, *(word for step in steps for word in step)
        )
    obey_due(state[0], state.view("i8"), 0)
    return state[0]


def run_until(nic, until_fs: int) -> None:
    """Let what is to come for jobs come; nothing else happens at that machine."""
    while next_job_fs(nic.jobs) <= until_fs:
        nic.clock.now_fs = next_job_fs(nic.jobs)
        step_jobs(nic, nic.clock.now_fs)


def test_a_read_crosses_idle_links_beside_their_queues() -> None:
    nic = begun((READ, 1, 0))
    run_until(nic, 1000 * NS)
    pcie = nic.pcie[0]
    # Request 24 B, completion 24 B; by the byte, each rounded down; and 450 ns of the host.
    assert nic.watches.true_fs == 2 * int(24 * FS_PER_BYTE) + 450 * NS
    assert nic.watches.n_true == 1
    for link, kind in ((pcie.down, REGISTER_READ), (pcie.up, REGISTER_COMPLETION)):
        assert (link.counts.n_tlps[kind], link.counts.n_bytes[kind]) == (1, 24)
        assert (link.counts.busy_fs, link.is_busy) == (int(24 * FS_PER_BYTE), 0)
        assert link.first.head == link.first.tail


def test_an_access_queues_behind_a_tlp_on_the_link_and_behind_what_is_queued() -> None:
    nic = begun((WRITE, 2, 0))
    nic.pcie[0].down.is_busy = 1
    run_until(nic, NS)
    queue = nic.pcie[0].down.first
    assert queue.tail - queue.head == 2
    assert [int(queue.ring[at].kind) for at in range(2)] == [REGISTER_WRITE] * 2
    assert [int(queue.ring[at].tag) for at in range(2)] == [1, 2]
    nic.pcie[0].down.is_busy = 0
    assert next_job_fs(nic.jobs) == NEVER and nic.pcie[0].down.counts.n_tlps.sum() == 0


@pytest.mark.parametrize("dropped", [VF0, VF1])
def test_a_core_goes_to_the_next_and_is_free_behind_the_last(dropped: int) -> None:
    nic = begun((TAKE_CORE, 1, 0), (WORK, 1, 100 * NS), (RELEASE, 1, 0), n=3)
    core = nic.guests.core[nic.tx_queue[VF0].params.core]
    step_jobs(nic, 0)
    assert (core.is_running, core.kind) == (1, N_TASKS) and core.first_wanting > 0
    if dropped == VF0:
        function_off(nic, 50 * NS, VF0)
    drop_jobs(nic, 50 * NS, dropped)
    step_jobs(nic, 50 * NS)
    run_until(nic, 1000 * NS)
    n_told = 0 if dropped == VF0 else 3
    assert (nic.watches.n_true, core.is_running, core.kind, core.first_wanting) == (n_told, 0, TAKE_TASK, 0)
    assert core.counts.beside_fs == core.counts.busy_fs[TAKE_TASK] == (50 if dropped == VF0 else 300) * NS
    assert not nic.jobs.job[:]["is_used"].any() and not nic.jobs.access[:]["is_used"].any()
