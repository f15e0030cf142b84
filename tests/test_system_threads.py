"""The servers of a system on several threads: nothing that a run finds depends on how many, nor on who runs which."""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Mapping
from functools import partial
from itertools import cycle
from typing import Any

import numpy as np
import pytest

from hwmodel.cli import main
from hwmodel.cli.arguments import MOST_THREADS
from hwmodel.config import Config, config_from_mapping
from hwmodel.errors import InputError
from hwmodel.machine.counts.ledger_state import EVENTS_SPENT, OVERFLOW
from hwmodel.machine.system import MAX_THREADS
from hwmodel.simulation import simulate
from hwmodel.simulation.run import server_threads
from hwmodel.simulation.run.run import simulate_on_one_core
from hwmodel.simulation.run.server_threads import (
    PIECE_EVENTS,
    TRIAL_EVENTS,
    Pace,
    ServerThreads,
    ThreadCrew,
    bind,
    n_threads_for,
    places_of,
    processor_now,
    shares_of,
    siblings_of,
    ways_of,
)
from tests.system_beside_simpy import SystemRun
from tests.test_system_windows import found_by, load_of

DRAWS = range(2, 5)


class Always:
    """A pace that takes numbers of threads in turn, and few events at once."""

    def __init__(self, n_events: int, *ways: int) -> None:
        self.n_events, self.ways = n_events, cycle(ways)

    def next_piece(self) -> tuple[int, int]:
        return next(self.ways), self.n_events

    def note(self, n_events: int, took_s: float) -> None:
        pass


def drawn_system(seed: int) -> Mapping[str, Any]:
    """Draw servers that differ, so that one thread has more to do than another, on a bridge."""
    rng = random.Random(seed)
    own = [
        {},
        {"switch.mode": "vepa"},
        {"nic.strict": False, "port.rate": "40Gbps"},
        {"pcie.lanes": 8},
        {"nic.strict": False, "port.rate": "2.5Gbps"},
    ]
    servers = [{"name": f"s{number}", "set": rng.choice(own)} for number in range(rng.randint(3, 4))]
    bridge = {"latency": f"{rng.choice([0, 130, 700])}ns", "propagation": f"{rng.choice([0, 3.3, 50])}ns"}
    return {"servers": servers, "bridge": bridge | rng.choice([{}, {"buffer": "6KiB"}, {"ageing": "9us", "table": 5}])}


def on_threads(
    config: Config, workload: Any, n_threads: int, monkeypatch: pytest.MonkeyPatch, n_events: int = 500
) -> SystemRun:
    """Return a run on threads that begin at once, and anew every so many events."""
    monkeypatch.setattr(server_threads, "FEW_EVENTS", 0)
    run = SystemRun(config, workload)
    system = run.machine.system
    assert system is not None
    system.threads = ServerThreads(n_threads, system.system, system.servers, system.bridges)
    system.threads._pace = Always(n_events, n_threads)  # type: ignore[assignment]
    return run


def found_in(run: SystemRun) -> tuple[Any, dict[str, bytes]]:
    """Run to the end; return the result and all deliveries and journeys: the state, far larger, is left out."""
    for _ in run.pieces():
        pass
    logs = {name: np.concatenate(pieces).tobytes() for name, pieces in run.logs.items()}
    return run.result().to_mapping(include_host_run=False), logs


def test_the_same_bytes_on_any_number_of_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    config, workload = load_of(drawn_system(1))
    expected = found_by(SystemRun(config, workload))
    for n_threads, n_events in ((2, 500), (3, 1)):
        found = found_by(on_threads(config, workload, n_threads, monkeypatch, n_events))
        assert [name for name in expected if found[name] != expected[name]] == []


@pytest.mark.parametrize("seed", DRAWS)
def test_the_same_results_on_any_number_of_threads(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    config, workload = load_of(drawn_system(seed))
    expected = found_in(SystemRun(config, workload))
    started = []
    start = threading.Thread.start
    monkeypatch.setattr(threading.Thread, "start", lambda thread: (started.append(thread), start(thread)))
    for n_threads, n_events in ((2, 10**6), (3, 200), (3, 1)):
        assert found_in(on_threads(config, workload, n_threads, monkeypatch, n_events)) == expected
    assert len(started) == 1 + 2 + 2, "a thread waits for the next piece"
    assert not any(thread.is_alive() for thread in started)


def test_the_same_results_where_the_number_of_threads_changes(
    system: tuple[Config, Any, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    config, workload, expected = system
    run = on_threads(config, workload, 3, monkeypatch)
    assert run.machine.system is not None
    run.machine.system.threads._pace = Always(300, 3, 1, 2, 2, 3)  # type: ignore[assignment]
    assert found_in(run) == expected


@pytest.fixture(scope="module")
def system() -> tuple[Config, Any, Any]:
    """Return a drawn system, its load, and what a run of it on one thread finds."""
    config, workload = load_of(drawn_system(0))
    return config, workload, found_in(SystemRun(config, workload))


def test_it_matters_who_runs_a_server(system: tuple[Config, Any, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """A planted fault: the last server is its thread's, but for a time too long; it misses what comes meanwhile."""
    config, workload, expected = system
    run = on_threads(config, workload, 2, monkeypatch)
    assert run.machine.system is not None
    last = run.machine.system.system[0].server[len(run.machine.servers) - 1].end[0]
    last.crossing_fs = int(last.crossing_fs) + 10**9
    assert found_in(run) != expected


def test_a_budget_of_events_and_an_overflow_end_it_alike(
    system: tuple[Config, Any, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    config, workload, _ = system
    runs = [SystemRun(config, workload), on_threads(config, workload, 3, monkeypatch, 10**6)]
    for n_events in (1, 700, 0):
        ends = [
            (run.kernel(10**15, n_events), [int(server.nic.clock.n_events) for server in run.machine.servers])
            for run in runs
        ]
        assert ends[0] == ends[1] and ends[0][0] == EVENTS_SPENT
    for run in runs:
        run.machine.servers[2].nic.ledger.overflow = 1
    assert [run.kernel(10**15, 10**6) for run in runs] == [OVERFLOW] * 2
    assert runs[0].machine.settled_fs == runs[1].machine.settled_fs


def test_an_interrupt_before_the_first_turn_leaves_no_thread_behind(
    system: tuple[Config, Any, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    config, workload, expected = system
    run = on_threads(config, workload, 3, monkeypatch, 10**6)
    assert run.machine.system is not None
    threads, n_before = run.machine.system.threads, threading.active_count()
    go = threads._run

    def interrupted(until_fs: int, n_events: int, thread: int) -> int:
        if thread == 0 and n_events > 0:
            monkeypatch.setattr(threads, "_run", go)
            raise KeyboardInterrupt
        return go(until_fs, n_events, thread)

    monkeypatch.setattr(threads, "_run", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run.kernel(10**15, 10**6)
    run.machine.rest()
    assert threading.active_count() == n_before
    assert found_in(run) == expected


def test_no_room_for_a_thread_is_no_reason_to_stop(
    system: tuple[Config, Any, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    config, workload, expected = system

    def full(_thread: object) -> None:
        raise RuntimeError("can't start new thread")

    run = on_threads(config, workload, 3, monkeypatch)
    monkeypatch.setattr(threading.Thread, "start", full)
    assert found_in(run) == expected
    assert run.machine.n_threads == 1


FOUR = {
    "nic": {"vfs": 1}, "servers": [{"name": name} for name in "abcd"], "bridge": {},
    "workload": {"pattern": "uniform", "load": "2Gbps"}, "run": {"warmup": "5us", "duration": "100us"},
}  # fmt: skip


def test_a_result_says_on_how_many_threads_it_ran_and_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_threads, "FEW_EVENTS", 10)
    assert MOST_THREADS == MAX_THREADS
    one, two, many = (simulate(config_from_mapping(FOUR), threads=n) for n in (1, 2, MAX_THREADS))
    monkeypatch.setattr(server_threads, "SERVERS_PER_THREAD", 1)
    beside_others = simulate_on_one_core(config_from_mapping(FOUR))
    assert one == two == many == beside_others
    assert beside_others.host_run.threads == 1
    assert [each.host_run.threads for each in (one, two, many)] == [1, 2, 4]


@pytest.mark.parametrize(
    ("n_servers", "n_cores", "expected"),
    [(1, 8, 1), (3, 8, 1), (4, 8, 2), (8, 8, 4), (8, 3, 3), (64, 8, 8), (64, 2, 2), (256, 256, 64)],
)
def test_as_many_threads_as_cores_and_as_are_worth_while(
    n_servers: int, n_cores: int, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_threads, "usable_processors", lambda: n_cores)
    assert n_threads_for(n_servers, None) == expected
    assert n_threads_for(n_servers, 3) == min(3, n_servers)


@pytest.mark.parametrize("threads", [0, -1, MAX_THREADS + 1])
def test_a_number_that_nobody_can_mean_is_refused(threads: int, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(InputError, match=f"^threads: {threads} is out of range; 1 to {MAX_THREADS}$"):
        n_threads_for(8, threads)
    with pytest.raises(SystemExit) as stopped:
        main(["run", "c.yaml", "--threads", str(threads)])
    error = capsys.readouterr().err
    assert stopped.value.code == 2 and error.count("\n") == 1 and f"1 to {MAX_THREADS}" in error


def test_the_busiest_server_has_a_thread_to_itself_and_the_first_one_is_the_first_threads() -> None:
    assert shares_of(np.array([10, 10, 70, 10, 20]), 2) == [[0, 1, 3, 4], [2]]
    assert shares_of(np.zeros(5, np.int64), 3) == [[0, 3], [1, 4], [2]]
    assert shares_of(np.array([1, 9]), 2) == [[0], [1]]


def ways_taken(pace: Pace, n_pieces: int, speeds: Mapping[int, float]) -> list[int]:
    """Return on how many threads so many pieces run one after the other, at the speed of each number."""
    ways = []
    for _ in range(n_pieces):
        n_threads, n_events = pace.next_piece()
        ways.append(n_threads)
        assert n_events in (n_threads * PIECE_EVENTS, n_threads * TRIAL_EVENTS)
        pace.note(n_events, n_events / speeds[n_threads])
    return ways


def test_as_many_threads_are_taken_as_are_quickest_just_now() -> None:
    """Speeds by hand: all are quicker, then others use two cores, then all, and then no more."""
    pace = Pace(4)
    first = ways_taken(pace, 100, {1: 10.0, 2: 15.0, 3: 20.0, 4: 25.0})
    assert first[:8] == [4, 4, 4, 3, 3, 4, 4, 4] and first.count(4) >= 90 and first.count(3) + first.count(4) == 100
    busy = ways_taken(pace, 400, {1: 10.0, 2: 15.0, 3: 2.0, 4: 1.0})
    assert busy[80:].count(2) >= 280
    full = ways_taken(pace, 400, {1: 10.0, 2: 3.0, 3: 2.0, 4: 1.0})
    assert full[150:].count(1) >= 220
    later = ways_taken(pace, 1200, {1: 10.0, 2: 15.0, 3: 20.0, 4: 25.0})
    assert later[-600:].count(4) >= 570


def test_what_touches_memory_first_or_has_just_changed_says_nothing() -> None:
    pace = Pace(2)
    assert (
        ways_taken(pace, 3, {2: 0.1}) + ways_taken(pace, 1, {1: 0.1}) + ways_taken(pace, 1, {1: 10.0})
        == [2] * 3 + [1] * 2
    )
    assert ways_taken(pace, 1, {2: 0.1}) + ways_taken(pace, 5, {2: 15.0}) == [2] * 6


def test_threads_that_gain_little_are_not_taken() -> None:
    speeds = {1: 10.0, 2: 10.2, 3: 10.4}
    expected = [[3] * 3, [2, 2, 3, 3], [2] * 4, [1, 1, 2, 2, 3, 3], [1] * 4]
    assert ways_taken(Pace(3), 21, speeds) == [way for ways in expected for way in ways]


def test_the_numbers_of_threads_to_choose_from() -> None:
    assert [ways_of(n) for n in (1, 4, 7)] == [(1,), (1, 2, 3, 4), (1, 2, 3, 4, 6, 7)]
    assert ways_of(MAX_THREADS)[-3:] == (32, 48, 64)


def test_a_crew_waits_for_work_and_ends_with_its_owner() -> None:
    found: list[int] = []
    crew, n_before = ThreadCrew(), threading.active_count()
    for n in (2, 1, 3):
        assert crew.begin([partial(found.append, number) for number in range(n)])
        crew.wait()
    assert sorted(found) == [0, 0, 0, 1, 1, 2] and threading.active_count() == n_before + 3
    threads = threading.enumerate()[-3:]
    del crew
    for thread in threads:
        thread.join(timeout=60)
    assert threading.active_count() == n_before


def test_a_thread_has_the_same_work_of_several_each_time() -> None:
    crew, found = ThreadCrew(), list[tuple[int, int]]()

    def note(number: int) -> None:
        found.append((number, threading.get_ident()))

    for n in (3, 2, 3):
        assert crew.begin([partial(note, number) for number in range(n)])
        crew.wait()
    assert len(found) == 8 and len(set(found)) == 3
    crew.dismiss()


def test_an_error_of_a_crew_is_told_and_its_threads_go_on() -> None:
    crew, found = ThreadCrew(), list[int]()
    assert crew.begin([partial(found.append, 1), partial(int, "none")])
    with pytest.raises(ValueError, match="none"):
        crew.wait()
    assert crew.begin([partial(found.append, 2), partial(found.append, 3)])
    crew.wait()
    assert sorted(found) == [1, 2, 3]
    crew.dismiss()


def test_each_thread_that_wakes_has_a_processor_to_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    cores = ({0, 1}, {2, 3}, {4, 5})
    monkeypatch.setattr(server_threads, "siblings_of", lambda number: frozenset(cores[number // 2]))
    allowed = [0, 1, 2, 3, 4, 5]
    assert places_of([3, 2], 0, allowed) == [3, 2], "each stays where it was"
    assert places_of([0, None], 0, allowed) == [2, 4], "then cores that nobody has"
    assert places_of([2, 2, 4, 9], 0, allowed) == [2, 1, 4, 3]
    assert places_of([1, 2], 0, [0, 1]) == [], "there are too few"
    assert siblings_of(10**6) == {10**6}


def test_threads_that_wake_may_go_anywhere_again() -> None:
    allowed, crew, found = os.sched_getaffinity(0), ThreadCrew(), list[set[int]]()
    assert processor_now() in allowed
    for _ in range(3):
        assert crew.begin([lambda: found.append(os.sched_getaffinity(0))])
        crew.wait()
    assert found == [allowed] * 3 and os.sched_getaffinity(0) == allowed
    assert not bind(0, [10**6])
    crew.dismiss()
