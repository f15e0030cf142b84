"""Agents on cores of functions: who has the core when, what agents see then, and what becomes of it with functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any

import pytest

from hwmodel.agents import Agent, Turn
from hwmodel.analytic.latency import frame_latency_steps
from hwmodel.config import config_from_mapping
from hwmodel.config.message_time import RegisterTimes, asking, exchange
from hwmodel.simulation import simulate
from hwmodel.simulation.run.play import play_of
from tests.beside_simpy import BASE as COMPARED
from tests.drawn_agents import BASE
from tests.journey_runs import JourneyRun
from tests.one_frame import BASE as IDLE
from tests.one_frame import NS, US
from tests.run_cases import merged

QUIET: dict[str, Any] = merged(BASE, {
    "nic": {"vfs": 4}, "workload": {"load": 0}, "run": {"duration": "95us"}, "host": {"cores": 5},
})  # fmt: skip
LIMITS = [{"switch.ports.vf2.rate_limit": rate} for rate in ("1Gbps", "2Gbps")]
TYPE = 0x88B6


def sets(every: str, work: str, core: str | None = None) -> dict[str, Any]:
    return {"work": work, "rules": [{"when": {"every": every}, "set": LIMITS}], **({"core": core} if core else {})}


def done_by(document: Mapping[str, Any], *agents: Agent) -> dict[str, list[int]]:
    """Return when each agent has done something, that is 1 fs before what it sets."""
    found: dict[str, list[int]] = {}
    for one in simulate(config_from_mapping(document), agents=agents).agent_actions:
        found.setdefault(one.agent, []).append(one.at_fs - 1)
    return found


# ---- One after the other ----


@pytest.mark.parametrize("works_us", [(3,), (3, 2), (1, 4, 2), (2, 2, 2, 2)])
def test_who_works_on_one_core_does_so_in_the_order_of_asking(works_us: Sequence[int]) -> None:
    """All ask at 20 us, at 40 us and so on, of one core, but one of another, which waits for nobody."""
    agents = {f"one{at}": sets("20us", f"{work}us", "vf1") for at, work in enumerate(works_us)}
    agents |= {"elsewhere": sets("20us", "3us", "vf2"), "own": sets("20us", "3us")}
    found = done_by({**QUIET, "agents": agents})
    for at, over_us in enumerate(accumulate(works_us)):
        assert found[f"one{at}"] == [turn * US + over_us * US for turn in (20, 40, 60, 80)]
    assert found["elsewhere"] == found["own"] == [turn * US + 3 * US for turn in (20, 40, 60, 80)]


def test_what_asks_later_has_the_core_later_and_a_backlog_gives_way() -> None:
    """`busy` is asked again and again while it works: who asks meanwhile is next, before the things that wait."""
    document = {**QUIET, "agents": {"busy": sets("2us", "3us", "vf1"), "other": sets("15us", "5us", "vf1")}}
    found = done_by(document)
    ends, busy_fs = [], 2 * US
    asked = [15 * US, 30 * US, 45 * US, 60 * US, 75 * US, 90 * US]
    while busy_fs + 3 * US <= 95 * US:
        busy_fs += 3 * US
        ends.append(("busy", busy_fs))
        if asked and asked[0] < busy_fs:
            busy_fs += 5 * US
            ends.append(("other", busy_fs))
            asked.pop(0)
    assert found["busy"] == [at_fs for name, at_fs in ends if name == "busy" and at_fs < 95 * US]
    assert found["other"] == [at_fs for name, at_fs in ends if name == "other" and at_fs < 95 * US]


def test_work_that_meets_a_stall_is_put_off_by_it() -> None:
    """Stalls of 1 us begin at 7, 14, 21, ... us: at 13 us the second has 1 us before one, and 1 us behind it."""
    stall = {"every": "7us", "for": "1us"}
    agents = {"a": sets("10us", "3us", "vf1"), "b": sets("10us", "2us", "vf1"), "own": sets("10us", "3us")}
    found = done_by(merged(QUIET, {"host": {"stall": stall}, "run": {"duration": "30us"}, "agents": agents}))
    assert found == {"a": [13 * US, 24 * US], "b": [16 * US, 26 * US], "own": [13 * US, 23 * US]}


def test_an_idle_core_is_as_one_of_its_own_also_for_frames() -> None:
    """A core that takes a frame, which an agent hears, is not idle: it takes that first, for 20 ns."""

    def rule(to: str, sender: str, word: str) -> dict[str, Any]:
        frame = {"from": to, "to": sender, "ethertype": TYPE, "message": word}
        return {"when": {"frame": {"to": to, "ethertype": TYPE}}, "send": {"frame": frame}}

    first = {"when": {"every": "50us"}, "send": {"frame": {"from": "vf0", "to": "vf1", "ethertype": TYPE}}}
    times = []
    for cores in ({}, {"first": "pf", "second": "pf"}, {"first": "vf0", "second": "vf1"}):
        agents: dict[str, Any] = {
            "first": {"work": "2us", "rules": [first, rule("vf0", "vf1", "again")]},
            "second": {"work": "3us", "rules": [rule("vf1", "vf0", "back")]},
        }
        for name, core in cores.items():
            agents[name]["core"] = core
        document = merged(IDLE, {
            "run": {"duration": "67us", "warmup": "0ns", "clocks": "exact"}, "workload": {"load": 0},
            "host": {"cores": 3}, "agents": agents,
        })  # fmt: skip
        times.append([one.at_fs for one in simulate(config_from_mapping(document)).agent_actions])
    hop_fs = 20 * NS + sum(step.duration_fs for step in frame_latency_steps(config_from_mapping(IDLE), 64))
    works_fs = [3 * US, 2 * US] * 2
    for found, taking_fs in zip(times, (0, 0, 20 * NS), strict=True):
        steps = [hop_fs + taking_fs + work_fs + 1 for work_fs in works_fs]
        assert found == [52 * US + 1 + behind_fs for behind_fs in accumulate(steps[: len(found) - 1], initial=0)]
        assert len(found) == 5


# ---- Beside the PF's driver ----

ASKED_FS = 20 * US
MESSAGE = asking("words", 2)


def beside_a_message(agents: Mapping[str, Any]) -> tuple[tuple[int, int], dict[str, list[int]]]:
    """Let vf1 ask the PF at 20 us; return from when to when the PF's driver has its core, and what agents do."""
    mailbox = {"at": "20us", "mailbox": {"from": "vf1", "words": [9, 0]}}
    config = config_from_mapping({**QUIET, "scenario": [mailbox], "agents": agents})
    play = play_of(config)
    run = JourneyRun.of_play(play)
    run.go_through()
    (kept,) = play.messages
    assert kept.to_fs is not None and play.agents is not None
    found: dict[str, list[int]] = {}
    for one in play.agents.actions:
        found.setdefault(one.agent, []).append(one.at_fs - 1)
    return (kept.from_fs, kept.to_fs), found


def served() -> tuple[int, int]:
    """Return when the PF's driver serves the message on an idle machine."""
    config = config_from_mapping(QUIET)
    by_sum = exchange(RegisterTimes.of(config, "vf1"), RegisterTimes.of(config, "pf"), MESSAGE, ASKED_FS, 0)
    return by_sum.taken_fs, by_sum.taken_fs + by_sum.serving_fs


def ns(time_fs: int) -> str:
    return f"{time_fs // NS}.{time_fs % NS:06d}ns"


def test_an_agent_waits_for_the_driver_that_serves_a_message() -> None:
    from_fs, to_fs = served()
    asks_fs = (from_fs + to_fs) // 2
    agents = {"on": sets(ns(asks_fs), "2us", "pf"), "beside": sets(ns(asks_fs), "2us", "vf3")}
    kept, found = beside_a_message(agents)
    assert kept == (from_fs, to_fs)
    assert found["on"][0] == to_fs + 2 * US and found["beside"][0] == asks_fs + 2 * US


def test_the_driver_waits_for_the_agent_that_has_the_core() -> None:
    from_fs, to_fs = served()
    asks_fs = from_fs - US
    kept, found = beside_a_message({"on": sets(ns(asks_fs), "3us", "pf")})
    assert found["on"][0] == asks_fs + 3 * US
    assert kept == (asks_fs + 3 * US, asks_fs + 3 * US + to_fs - from_fs)


@pytest.mark.parametrize("behind_fs", [-1, 0, 1])
def test_of_one_instant_the_driver_asks_first(behind_fs: int) -> None:
    from_fs, to_fs = served()
    kept, found = beside_a_message({"on": sets(ns(from_fs + behind_fs), "3us", "pf")})
    if behind_fs < 0:
        assert found["on"][0] == from_fs + behind_fs + 3 * US == kept[0]
    else:
        assert found["on"][0] == to_fs + 3 * US and kept == (from_fs, to_fs)


# ---- What it sees ----

LOADED: dict[str, Any] = merged(COMPARED, QUIET, {
    "workload": {"pattern": "flows", "flows": [["vf0", "vf1", "2Gbps"]], "frame_bytes": 512, "arrivals": "periodic"},
    "run": {"duration": "60us"},
})  # fmt: skip


class Reads(Agent):
    """Read at some times how much vf1 has received, as soon as it may."""

    def __init__(self, name: str, times_fs: Sequence[int], work_fs: int, core: str) -> None:
        super().__init__(name, work_fs=work_fs, core=core)
        self.times_fs, self.read = times_fs, list[tuple[int, int]]()

    def begin(self, at: Turn) -> None:
        for time_fs in self.times_fs:
            at.wake(time_fs)

    def woke(self, at: Turn, timer: Any) -> None:
        self.read.append((at.now_fs, at.read("vf1", "delivered")))


class Counts(Agent):
    """Note when vf1 has received a frame."""

    def __init__(self) -> None:
        super().__init__("counts")
        self.times_fs: list[int] = []

    def begin(self, at: Turn) -> None:
        at.watch(of="vf1", figure="delivered", each=1)

    def saw(self, at: Turn, watch: int) -> None:
        self.times_fs.append(at.now_fs)


def deliveries() -> list[int]:
    counts = Counts()
    simulate(config_from_mapping(LOADED), agents=[counts])
    assert len(counts.times_fs) > 10
    return counts.times_fs


def test_it_sees_what_there_is_as_it_has_its_core() -> None:
    """Both ask at once; the second begins 7 us later, when there is more to be seen, and has nothing to say before."""
    first, second = Reads("first", [20 * US, 40 * US], 7 * US, "vf3"), Reads("second", [20 * US, 40 * US], US, "vf3")
    simulate(config_from_mapping(LOADED), agents=[first, second])
    times_fs = deliveries()

    def n_by(at_fs: int) -> int:
        return sum(time_fs <= at_fs for time_fs in times_fs)

    assert first.read == [(at_fs, n_by(at_fs)) for at_fs in (20 * US, 40 * US)]
    assert second.read == [(at_fs, n_by(at_fs)) for at_fs in (27 * US, 47 * US)]
    assert n_by(27 * US) > n_by(20 * US) + 2


@pytest.mark.parametrize(
    ("before_fs", "core", "sees"), [(1, "vf3", True), (2, "vf3", False), (0, "", True), (1, "", False)]
)
def test_on_an_idle_core_it_sees_what_there_is_1_fs_later(before_fs: int, core: str, sees: bool) -> None:
    number = 9
    asks_fs = deliveries()[number - 1] - before_fs
    agent = Reads("one", [asks_fs], US, core)
    simulate(config_from_mapping(LOADED), agents=[agent])
    assert agent.read == [(asks_fs, number if sees else number - 1)]


# ---- Functions that go ----


@pytest.mark.parametrize("goes", ["19us", "20us", "21us", "24us", "25us", "26500ns"])
@pytest.mark.parametrize("event", [{"unplug": "vf1"}, {"reset": "vf1"}, {"enable_vfs": 0}])
def test_work_goes_on_as_the_function_goes_whose_core_it_is(goes: str, event: dict[str, Any]) -> None:
    """At 20 us the first begins and the second waits, from 24 us on that works."""
    agents = {"first": sets("20us", "4us", "vf1"), "second": sets("20us", "3us", "vf1")}
    document = {**QUIET, "agents": agents}
    found = done_by({**document, "scenario": [{"at": goes, **event}]})
    assert found == done_by(document)
    assert found["second"][:2] == [27 * US, 47 * US]


def test_what_a_core_does_for_agents_counts_as_busy() -> None:
    document = {**QUIET, "agents": {"one": sets("20us", "4us", "vf1"), "two": sets("20us", "3us", "vf1")}}
    cpu = simulate(config_from_mapping(document)).cpu
    assert cpu.cores_busy == pytest.approx((4 * 4 + 4 * 3) / 95)
