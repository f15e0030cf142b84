"""The agents of the SimPy models, without a machine: what they do, and when, by hand."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
import simpy

from tests.oracles.simpy_nic import AgentParameters, Agents, Every, Hears, Rule, Sets, Silence, Watch
from tests.oracles.simpy_nic.agents import run_with_agents

KEYS = {"k": 1}


class Machine:
    """A count that grows at given times, and what is set."""

    def __init__(self, grows: Mapping[int, int] | None = None) -> None:
        self.env = simpy.Environment()
        self.count = 0
        self.set: list[tuple[int, Mapping[str, Any]]] = []
        for at_fs, n in (grows or {}).items():
            self.env.process(self._grow(at_fs, n))

    def _grow(self, at_fs: int, n: int) -> Any:
        yield self.env.timeout(at_fs)
        self.count += n

    def watch(self, **what: Any) -> Watch:
        return Watch(lambda: self.count, **what)

    def run(self, *agents: AgentParameters, latency_fs: int = 0, until_fs: int = 100) -> Agents:
        made = Agents(agents, latency_fs, until_fs, lambda keys: self.set.append((self.env.now, keys)))
        finished = self.env.event()
        self.env.process(self._end(until_fs, finished))
        run_with_agents(self.env, made, finished)
        return made

    def _end(self, until_fs: int, finished: simpy.Event) -> Any:
        yield self.env.timeout(until_fs)
        finished.succeed()


def agent(name: str, *rules: Rule, server: str | None = "s", **more: Any) -> AgentParameters:
    return AgentParameters(name, server, rules, **more)


def seen_by(grows: Mapping[int, int], **what: Any) -> list[int]:
    """Return when an agent without work sees a figure."""
    machine = Machine(grows)
    made = machine.run(agent("a", Rule(machine.watch(**what), send=("a", "seen"))))
    return [one.at_fs for one in made.actions]


@pytest.mark.parametrize(("what", "expected"), [
    ({"each": 3}, [20, 30]),  # 2, 7, 10: 6 and 9 are passed; at 20 twice in one instant
    ({"each": 3, "from_fs": 15}, [20, 30]),  # 5, 8
    ({"each": 6, "from_fs": 15}, [30]),
    ({"above": 6}, [20]),
    ({"above": 4, "within_fs": 5}, [20]),
    ({"above": 1, "within_fs": 5}, [10, 20, 30]),  # false in between
    ({"above": 1, "within_fs": 10}, [10]),  # behind 10 fs one leaves as the other comes
    ({"above": 1, "within_fs": 11}, [10]),
    ({"below": 1, "within_fs": 8}, [8, 18, 28, 38]),
    ({"below": 1, "within_fs": 8, "from_fs": 12}, [28, 38]),  # 20 is no longer silent
    ({"below": 1, "within_fs": 11}, [41]),
    ({"above": 2, "is_level": True}, [20]),
    ({"below": 3, "is_level": True}, [0]),
])  # fmt: skip
def test_what_is_seen_and_when(what: dict[str, Any], expected: list[int]) -> None:
    assert seen_by({10: 2, 20: 5, 30: 3}, **what) == expected


def test_one_thing_at_a_time() -> None:
    """At 10, 20, 30 and so on, each takes 25, the last one beyond the end; sets are gone through."""
    machine = Machine()
    sets = [Sets({"k": 1}, 1), Sets({"k": 2}, 3)]
    made = machine.run(agent("a", Rule(Every(10), sets), work_fs=25), until_fs=99)
    assert machine.set == [(36, {"k": 1}), (63, {"k": 2}), (86, {"k": 1})]
    counts = made.counts["a"]
    assert (counts.timers, counts.handled, counts.busy_fs, counts.most_waiting) == (4, 4, 89, 5)


def test_messages_go_at_once_within_a_server_and_over_the_network_elsewhere() -> None:
    hears = Rule(Hears("m"), [Sets(KEYS, 1)])
    near, far, apart = agent("near", hears), agent("far", hears, server="t"), agent("apart", hears, server=None)
    for to, latency_fs, expected in (("near", 7, 11), ("far", 7, 18), ("apart", 7, 18), ("far", 2, 16)):
        machine = Machine()
        sender = agent("from", Rule(Every(10), send=(to, "m")), least_fs=5)
        machine.run(sender, near, far, apart, latency_fs=latency_fs, until_fs=19)
        assert [at_fs for at_fs, _ in machine.set] == [expected]


def test_a_silence_begins_anew_with_each_message() -> None:
    """Messages at 30 and 60; one that comes as it is over ends it."""
    machine = Machine({30: 1, 60: 1})
    made = machine.run(
        agent("talks", Rule(machine.watch(each=1), send=("waits", "m"))),
        agent("waits", Rule(Silence("m", 12), send=("waits", "quiet"))),
        agent("other", Rule(Silence("m", 40), send=("waits", "n"))),
    )  # fmt: skip
    times = [(one.at_fs, one.agent) for one in made.actions if one.agent != "talks"]
    assert [at_fs for at_fs, name in times if name == "waits"] == [12, 24, 42, 54, 72, 84, 96]
    assert [at_fs for at_fs, name in times if name == "other"] == [40, 80]


def order_of(agents: Sequence[AgentParameters], machine: Machine, until_fs: int = 11) -> list[str]:
    return [f"{one.agent} {one.send}" for one in machine.run(*agents, until_fs=until_fs).actions if one.at_fs == 10]


def test_the_order_of_one_instant() -> None:
    """Ends of work, what is seen, messages, timers, each in the order of agents; what follows among what is left."""
    machine = Machine({2: 1, 10: 1})
    agents = [
        agent("timer", Rule(Every(10), send=("far", "tick"))),
        agent("first", Rule(Hears("go"), send=("far", "went")), Rule(Every(10), send=("far", "tock"))),
        agent("ends", Rule(machine.watch(above=0), send=("first", "go")), work_fs=8),
        agent("sees", Rule(machine.watch(above=1), send=("first", "go"))),
        agent("far", Rule(Hears("never")), server=None),
    ]
    assert order_of(agents, machine) == [
        "ends go", "sees go", "first went", "first went", "timer tick", "first tock",
    ]  # fmt: skip


def test_all_rules_that_fit_are_one_thing() -> None:
    machine = Machine()
    rules = [Rule(Hears("m"), send=("far", "1")), Rule(Hears("m", "other"), send=("far", "2")),
             Rule(Hears("m", "from"), send=("far", "3"))]  # fmt: skip
    agents = [agent("from", Rule(Every(10), send=("all", "m"))), agent("all", *rules, work_fs=5), agent("far")]
    made = machine.run(*agents, until_fs=19)
    assert [one.send for one in made.actions if one.agent == "all"] == ["1", "3"]
    assert made.counts["all"].handled == 1 and made.counts["all"].busy_fs == 5


def test_a_message_that_no_rule_fits_takes_nothing() -> None:
    machine = Machine()
    agents = [agent("from", Rule(Every(10), send=("to", "m"))), agent("to", Rule(Hears("n")), work_fs=5)]
    counts = machine.run(*agents, until_fs=19).counts["to"]
    assert (counts.heard, counts.handled, counts.busy_fs) == (0, 0, 0)


class SlowCore:
    """A core that is there for each work so late behind what it asks, and does it then."""

    def __init__(self, machine: Machine, late_fs: int, work_fs: int) -> None:
        self.machine, self.late_fs, self.work_fs = machine, late_fs, work_fs
        self.asked: list[tuple[int, int]] = []
        """When it was asked, and for when."""

    def works(self, from_fs: int, begins: Callable[[int], None], ends: Callable[[int], None]) -> None:
        self.asked.append((self.machine.env.now, from_fs))
        self.machine.env.process(self._does(from_fs, begins, ends))

    def _does(self, from_fs: int, begins: Callable[[int], None], ends: Callable[[int], None]) -> Any:
        if self.late_fs:
            yield self.machine.env.timeout(self.late_fs)
        begins(self.machine.env.now)
        yield self.machine.env.timeout(self.work_fs - (0 if self.late_fs else self.machine.env.now - from_fs))
        ends(self.machine.env.now)


@pytest.mark.parametrize(("late_fs", "asked", "sets"), [(0, [10, 20, 30], [16, 26, 36]), (8, [10, 24, 38], [25, 39])])
def test_work_waits_for_its_core(late_fs: int, asked: list[int], sets: list[int]) -> None:
    """It takes 5 on an idle core, whose answer comes 1 fs late; on a busy one 14, so that the second thing waits 4."""
    machine = Machine()
    core = SlowCore(machine, late_fs, 5)
    made = machine.run(agent("a", Rule(Every(10), [Sets(KEYS, 1)]), work_fs=5, works=core.works), until_fs=41)
    assert core.asked[:3] == [(at_fs + 1, at_fs) for at_fs in asked]
    assert [at_fs for at_fs, _ in machine.set] == sets
    counts = made.counts["a"]
    assert (counts.handled, counts.busy_fs, counts.most_waiting) == (len(sets), 5 * len(sets), int(late_fs > 0))
