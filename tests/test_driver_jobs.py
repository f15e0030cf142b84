"""Drivers' jobs: on an idle adapter as the closed form says, to the femtosecond; beside traffic later, and in order."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import pytest

from hwmodel.compiled.records import NEVER
from hwmodel.config import Config, config_from_mapping, servers_of
from hwmodel.config.condition import Condition
from hwmodel.config.message_time import POLL_FS, RESET, Message, RegisterTimes, asking, exchange
from hwmodel.machine.counts.ledger_state import CAME_TRUE
from hwmodel.machine.guest.guest_state import N_TASKS
from hwmodel.rules.driver_jobs import (
    ARRIVED as LAST,
)
from hwmodel.rules.driver_jobs import (
    DOORBELLS,
    ENDS,
    JOBS_FROM,
    LEFT,
    RAISED,
    READ,
    RELEASE,
    TAKE_CORE,
    WAIT,
    WORK,
    WRITE,
)
from hwmodel.rules.driver_jobs import (
    FIRST_ARRIVED as FIRST,
)
from hwmodel.rules.mailbox_messages import MAILBOX_WORDS
from hwmodel.simulation.run import server_threads
from hwmodel.simulation.run.commands import Change, Job
from hwmodel.simulation.run.machine import Machine
from hwmodel.simulation.run.offered import with_workloads
from hwmodel.simulation.run.scenario import watch_of
from hwmodel.simulation.run.trace.stage import stage_of
from hwmodel.simulation.run.trace.tracer import Tracer
from tests.run_cases import begun, merged
from tests.test_conservation import check_figures

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
            found.append(Told(one.at_fs, *divmod(one.number - JOBS_FROM, ENDS)))
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
    kept_fs = machine_.servers[0].nic["guests"]["core"]["counts"]["beside_fs"].sum()
    assert kept_fs == by_sum.serving_fs


# ---- Beside traffic ----

BUSY: Mapping[str, Any] = merged(
    IDLE, {"workload": {"load": "saturate"}, "host": {"cores": 5}, "driver": {"preset": "kernel"}}
)


def test_reads_on_a_busy_link_take_longer_and_keep_their_order() -> None:
    config = config_from_mapping(merged(BUSY, {"driver": {"preset": "dpdk"}}))
    times = RegisterTimes.of(config, "vf1")
    n_reads = 50
    steps = [((READ, 1, 0), (WRITE, 1, 0))] * n_reads
    found = told(config, job("vf1", 0, *(one for pair in steps for one in pair)))
    assert [one.which for one in found if one.which != FIRST] in ([LEFT, LAST], [LAST, LEFT])
    (left_fs,) = (one.at_fs for one in found if one.which == LEFT)
    assert left_fs > n_reads * (times.read_fs + times.write_fs) + 20 * NS * n_reads

    single = [told(config, job("vf1", 0, (WAIT, 1, at * 777 * NS), (READ, 1, 0)))[0] for at in range(8)]
    waits = [one.at_fs - at * 777 * NS - times.read_fs for at, one in enumerate(single)]
    assert min(waits) >= 0 and sum(wait > 0 for wait in waits) >= 6, waits


def test_writes_arrive_in_their_order_and_the_interrupt_behind_the_last() -> None:
    config = config_from_mapping(BUSY)
    jobs = [job("vf1", at, (WRITE, 2, 0), from_fs=at, raises="pf") for at in range(30)]
    found = told(config, *jobs)
    for which in (FIRST, LAST, RAISED):
        in_order = [one.number for one in found if one.which == which]
        assert in_order == sorted(in_order) == list(range(30)), which
    at_fs = {(one.number, one.which): one.at_fs for one in found}
    assert all(at_fs[at, FIRST] < at_fs[at, LAST] < at_fs[at, RAISED] for at in range(30))


def pieces_of(machine: Machine, core: int) -> tuple[list[int], int]:
    """Return a core's busy time by task, pieces under way with it, and how many frames its rings have passed."""
    nic = machine.servers[0].nic
    rings = [number for number in range(int(nic.params.n_queues)) if int(nic.tx_queue[number].params.core) == core]
    n_frames = sum(int(nic.tx_queue[ring].posted) + int(nic.rx_queue[ring].taken) for ring in rings)
    return nic.guests.core[core].counts.busy_fs.tolist(), n_frames


@pytest.mark.parametrize("preset", ["kernel", "dpdk"])
def test_a_core_that_is_held_handles_no_frame(preset: str) -> None:
    config = config_from_mapping(merged(BUSY, {"driver": {"preset": preset}}))
    held = job(
        "vf1",
        0,
        (TAKE_CORE, 1, 0),
        (WRITE, 1, 0),
        (WORK, 1, 30 * US),
        (WRITE, 1, 0),
        (WAIT, 1, 9 * US),
        (RELEASE, 1, 0),
    )
    machine = machine_of(config, [Change(START + 1, config, jobs=(held._replace(from_fs=START),))])
    core = int(machine.servers[0].nic.tx_queue[2].params.core)
    seen = {}
    told_by(machine, START, lambda _: None)
    before = pieces_of(machine, core)
    found = told_by(machine, START + 200 * US, lambda one: seen.update({one.which: pieces_of(machine, core)}))
    after = pieces_of(machine, core)
    assert seen[FIRST] == seen[LAST]
    assert before[1] <= seen[LAST][1] < after[1]
    at_fs = {one.which: one.at_fs for one in found}
    beside_fs = int(machine.servers[0].nic.guests.core[core].counts.beside_fs)
    assert beside_fs == 39 * US + 2 * RegisterTimes.of(config, "vf1").write_fs
    assert at_fs[LAST] >= at_fs[FIRST] + 30 * US


JOBS = (
    job("pf", 1, (TAKE_CORE, 1, 0), (WORK, 1, US), (READ, 3, 0), (WRITE, 5, 0), (RELEASE, 1, 0)),
    job("vf1", 2, (READ, 4, 0), (WRITE, 4, 0), raises="pf"),
    job("vf2", 3, (DOORBELLS, 20, 300 * NS)),
    job("vf0", 4, (TAKE_CORE, 1, 0), (READ, 9, 0), (WRITE, 1, 0), (WAIT, 1, US), (READ, 1, 0), raises="pf"),
)


@pytest.mark.parametrize(
    "machine",
    [
        {},
        {"host": {"cores": 1}},
        {"pcie": {"propagation": "200ns", "credits": {"ph": 4, "pd": 32, "nph": 2}}},
        {"host": {"write_latency": "300ns", "iotlb": {"entries": 16, "miss": "330ns"}}},
        {"nic": {"dma": {"read": {"outstanding": 4, "latency": "100ns"}, "write": {"outstanding": 4}}}},
        {"nic": {"mode": "vswitch", "preset": None}},
        {"pcie": {"bus": {"clock_mhz": 133, "latency_timer": 20}}},
        {"host": {"stall": {"every": "9us", "for": "2us"}}},
    ],
    ids=["plain", "one core", "credits", "memory", "engines", "virtual switch", "bus", "stalls"],
)
@pytest.mark.parametrize("load", ["saturate", "1Gbps", 0])
def test_nothing_is_lost_or_counted_twice(machine: Mapping[str, Any], load: str | int) -> None:
    case = {"workload": {"load": load}, "run": {"warmup": "4us", "duration": "60us"}}
    jobs = [one._replace(from_fs=5 * US, tells=0) for one in JOBS]
    base = {name: block for name, block in BUSY.items() if name != "pcie" or "bus" not in machine.get(name, {})}
    run = begun(base, case, machine, changes={5_000: {"jobs": jobs}})
    for _ in run.pieces():
        pass
    result = run.result()  # raises where a law of conservation is broken
    totals = result.totals
    check_figures(result)
    assert (totals.offered_frames > 50) == (load != 0)
    assert unfinished(run.state[0]) == 0


def unfinished(nic: Any) -> int:
    """Count what is left of jobs: those under way, their accesses, and what is to come for them."""
    jobs = nic.jobs
    tables = (jobs.jobs, jobs.job), (jobs.accesses, jobs.access)
    left = sum(int(table[: int(places.n) + 1]["is_used"].sum()) for places, table in tables)
    return left + int(jobs.n_due) + int(jobs.first_come) + int((nic["guests"]["core"]["kind"] == N_TASKS).sum())


# ---- A function goes; several servers; PCIe switches ----


@pytest.mark.parametrize("load", ["saturate", "1Gbps", 0])
@pytest.mark.parametrize("after_fs", [at * 777 * NS for at in range(1, 14)])
def test_jobs_of_a_function_that_goes_are_dropped(after_fs: int, load: str | int) -> None:
    config = config_from_mapping(merged(BUSY, {"workload": {"load": load}, "host": {"cores": 2}}))
    jobs = tuple(one._replace(from_fs=START) for one in JOBS)
    for name in ("vf0", "vf1", "pf"):
        gone_fs = START + after_fs
        off = [Change(gone_fs, config, frozenset({name})), Change(START + 30 * US, config)]
        again = Change(START + 31 * US, config, jobs=(job(name, 9, (READ, 1, 0), from_fs=START + 31 * US),))
        machine = machine_of(config, [Change(START, config, jobs=jobs), *off, again])
        found = told_by(machine, START + 100 * US)
        dropped = {int(one.number) for one in JOBS if one.function == name}
        assert not [one for one in found if one.number in dropped and one.at_fs >= gone_fs]
        others = {one.number for one in JOBS} - dropped
        assert {one.number for one in found if one.which == LEFT} >= {*others, 9}
        assert unfinished(machine.servers[0].nic) == 0
        counts = machine.servers[0].nic.ledger.counts
        assert int(counts.offered) >= int(counts.delivered + counts.dropped)


SERVERS: Mapping[str, Any] = {
    "servers": [{"name": name} for name in "abcd"],
    "bridge": {"announce": False},
    "workload": {"pattern": "uniform", "frame_bytes": 512, "load": "2Gbps"},
}


def of_servers(threads: int, monkeypatch: pytest.MonkeyPatch) -> tuple[list[Told], bytes]:
    monkeypatch.setattr(server_threads, "FEW_EVENTS", 0)
    monkeypatch.setattr(server_threads, "n_threads_for", lambda n_servers, _asked: min(threads, n_servers))
    config = config_from_mapping(merged(BUSY, SERVERS))
    names = dict(zip("abcd", range(0, 40, 10), strict=True))
    jobs = tuple(
        one._replace(
            function=f"{name}.{one.function}", number=one.number + first, from_fs=START + first,
            raises=one.raises and f"{name}.{one.raises}",
        )
        for name, first in names.items() for one in JOBS
    )  # fmt: skip
    machine = machine_of(config, [Change(START + 50, config, jobs=jobs)], threads)
    found = told_by(machine, START + 60 * US)
    counts = b"".join(server.nic["ledger"]["counts"].tobytes() for server in machine.servers)
    return found, counts


def test_several_servers_on_several_threads_find_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        alone = of_servers(1, patched)
    with monkeypatch.context() as patched:
        together = of_servers(2, patched)
    assert alone == together
    assert [one.at_fs for one in alone[0]] == sorted(one.at_fs for one in alone[0])
    assert {one.number for one in alone[0] if one.which == LEFT} == {
        at + one.number for at in (0, 10, 20, 30) for one in JOBS
    }


TREE: Mapping[str, Any] = {
    "host": {"cores": 10},
    "servers": [
        {
            "name": "a", "adapters": [{"name": "w"}, {"name": "x"}],
            "tree": {"switches": [{"name": "s1", "lanes": 4}],
                     "slots": {"w": {"behind": "s1"}, "x": {"behind": "s1"}}},
        }
    ],
}  # fmt: skip


@pytest.mark.parametrize("load", ["2Gbps", 0])
def test_behind_pcie_switches_accesses_go_by_the_queues(load: str | int) -> None:
    config = config_from_mapping(merged(BUSY, TREE, {"workload": {"load": load}}))
    times = RegisterTimes.of(servers_of(config)[0].config, "vf1")
    one = job("a.w.vf1", 0, (READ, 2, 0), (WRITE, 2, 0), raises="a.w.pf")
    other = one._replace(function="a.x.vf1", raises="a.x.pf", number=1)
    found = told(config, one, other)
    assert len(found) == 8
    at_fs = {(one.number, one.which): one.at_fs for one in found}
    for number in (0, 1):
        assert at_fs[number, LEFT] > 2 * (times.read_fs + times.write_fs)
        assert at_fs[number, FIRST] < at_fs[number, LAST] < at_fs[number, RAISED]
    machine = machine_of(config, [Change(START + 1, config, jobs=(one._replace(from_fs=START),))])
    told_by(machine, START + 50 * US)
    assert unfinished(machine.servers[0].nic) == 0


def test_what_is_told_at_one_instant_comes_together_and_with_watches() -> None:
    """The count of delivered frames is seen behind the instant of a delivery, in which a job ends too."""
    config = config_from_mapping(merged(BUSY, {"workload": {"load": "1Gbps"}}))
    condition = Condition.model_validate({"vm": "vf1", "delivered": 3})
    watch = watch_of(config, condition, 7)
    seen: list[tuple[int, int]] = []

    def at(machine: Machine) -> bool:
        while (one := machine.take_true()) is not None:
            seen.append((one.at_fs, one.number))
        return False

    alone = machine_of(config, [Change(START, config, watches=(watch,))])
    alone.agents_due_fs, alone.on_stop = lambda: NEVER, lambda: at(alone)
    alone.advance(START + 100 * US, 2**60)
    ((true_fs, number),) = seen
    assert number == 7
    seen.clear()
    jobs = tuple(job("vf1", at, (WAIT, 1, true_fs - START), from_fs=START, tells=1 << LEFT) for at in range(5))
    both = machine_of(config, [Change(START, config, watches=(watch,), jobs=jobs)])
    stops = []
    both.agents_due_fs, both.on_stop = lambda: NEVER, lambda: (stops.append(both.now_fs), at(both))[1]
    both.advance(START + 100 * US, 2**60)
    assert seen == [(true_fs, 7), *((true_fs, JOBS_FROM + ENDS * at) for at in range(5))]
    assert stops == [true_fs]


def test_a_run_that_is_traced_is_the_same_and_shows_who_holds_a_core() -> None:
    case = {"run": {"warmup": "4us", "duration": "60us"}, "workload": {"load": "3Gbps"}, "host": {"cores": 2}}
    jobs = [one._replace(from_fs=5 * US, tells=0) for one in JOBS]
    plain, traced = (begun(BUSY, case, changes={5_000: {"jobs": jobs}}) for _ in range(2))
    tracer = traced.tracer = Tracer(stage_of(traced.machine, traced.workload))
    for run in (plain, traced):
        for _ in run.pieces():
            pass
    results = [run.result().to_mapping(include_host_run=False) for run in (plain, traced)]
    assert results[0] == results[1]
    slices = [one for one in json.loads(tracer.to_json())["traceEvents"] if one["ph"] == "X"]
    held = [one for one in slices if one["name"] == "driver"]
    # vf0 holds its core for ten reads or more, the PF the other one.
    assert len(held) == 2
    on_link = {name for name in (one["name"] for one in slices) if name.startswith(("register", "mailbox"))}
    assert on_link >= {"register read", "register write"}
    assert min(one["dur"] for one in slices) >= 0
