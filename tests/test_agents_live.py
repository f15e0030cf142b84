"""Agents beside a machine that only notes what they do: the order of what is due, their work, their messages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from hwmodel.agents import Agent, Turn
from hwmodel.agents.agenda import Agenda
from hwmodel.agents.agent import Message, Seen, Thing
from hwmodel.agents.by_rules import RuleAgent
from hwmodel.agents.live import LiveAgents
from hwmodel.agents.management import ManagementNetwork
from hwmodel.agents.of_config import agents_of
from hwmodel.config import config_from_mapping
from hwmodel.config.agents import Management
from hwmodel.config.check_agents import settings_of
from hwmodel.config.condition import Condition
from hwmodel.config.live_configuration import Setting
from hwmodel.config.operable import concerns_only
from hwmodel.errors import InputError
from hwmodel.results.agents import MOST_ACTIONS
from hwmodel.results.agents_text import action_rows, agent_rows, agent_sentence
from hwmodel.results.summary import summary
from hwmodel.rules.driver_jobs import GIVEN, LEFT, RELEASE, TAKE_CORE, WORK, JobStep
from hwmodel.simulation import simulate
from hwmodel.simulation.run.hands import Hands
from hwmodel.simulation.run.machine import Machine
from hwmodel.simulation.run.reactions import with_agents
from hwmodel.workload import build_workload

NEVER = 1 << 62
WAY_FS = 700


class Noting:
    """A machine of servers a and b that notes what agents do with it."""

    def __init__(self) -> None:
        self.done: list[tuple[Any, ...]] = []
        self.watches: dict[int, str] = {}

    def read(self, server: str, of: str, figure: str) -> int:
        return 7

    def watch(self, server: str, number: int, condition: Condition, each: int | None, at_fs: int) -> None:
        self.watches[number] = server
        self.done.append((at_fs, "watch", condition.figure))

    def enter(
        self, server: str, core: str, number: int, from_fs: int, told: Sequence[int], steps: Sequence[JobStep]
    ) -> None:
        take, work, give = steps
        assert (take, give) == (JobStep(TAKE_CORE), JobStep(RELEASE)) and sorted(told) == [LEFT, GIVEN]
        assert work == JobStep(WORK, 1, work.fs)
        self.done.append((from_fs, "job", number, core, work.fs))

    def set(self, at_fs: int, setting: Setting) -> None:
        self.done.append((at_fs, "set", setting.who, next(iter(setting.changes))))

    def concerns_only(self, server: str, changes: Mapping[str, Any]) -> bool:
        return all(key.startswith(f"servers.{server}.") for key in changes)

    def way_fs(self, server: str) -> int:
        return WAY_FS


class Scripted(Agent):
    """Do at each thing what a mapping says: of a message its text, of a watch `seen`, of a timer its name."""

    def __init__(self, name: str, script: Mapping[Any, list[tuple[Any, ...]]], **place: Any) -> None:
        super().__init__(name, **place)
        self.script, self.log = script, list[tuple[int, Any]]()

    def begin(self, at: Turn) -> None:
        self._do(at, "begin")

    def handle(self, at: Turn, thing: Thing) -> None:
        what = thing.text if isinstance(thing, Message) else "seen" if isinstance(thing, Seen) else thing.name
        self.log.append((at.now_fs, what))
        self._do(at, what)

    def _do(self, at: Turn, what: Any) -> None:
        for name, *arguments in self.script.get(what, []):
            getattr(at, name)(*arguments)


def live(*agents: Agent, management: Mapping[str, Any] | None = None) -> tuple[LiveAgents, Noting]:
    config = config_from_mapping({"management": dict(management)} if management else {})
    machine = Noting()
    return LiveAgents(agents, config, ["a", "b"], machine, 100), machine


def run(agents: LiveAgents, until_fs: int) -> None:
    agents.begin()
    while (at_fs := agents.next_fs(NEVER)) <= until_fs:
        agents.carry_out(at_fs)


OWN, OTHERS = {"servers.a.set.nic.x": 1}, {"servers.b.set.nic.x": 1}
TWICE = {
    "begin": [("wake", 10, "first"), ("wake", 12, "second")], "first": [("set", OWN)], "second": [("set", OTHERS)],
}  # fmt: skip


def test_one_thing_at_a_time_and_what_it_does_comes_behind_its_work() -> None:
    agent = Scripted("g", TWICE, server="a", work_fs=5)
    agents, machine = live(agent)
    run(agents, 1000)
    assert agent.log == [(10, "first"), (15, "second")]  # the second waited 3 fs
    assert machine.done == [
        (16, "set", "g", "servers.a.set.nic.x"), (20 + WAY_FS, "set", "g", "servers.b.set.nic.x"),
    ]  # fmt: skip
    ((_, _, counts),) = agents.told(NEVER)
    assert (counts.handled, counts.timers, counts.sets, counts.busy_fs, counts.most_waiting) == (2, 2, 2, 10, 1)
    assert agents.sets_fs == [16, 20 + WAY_FS]


def test_one_that_shares_a_core_begins_as_it_is_told_that_it_has_it() -> None:
    """For the first thing the core is idle, of which is told 1 fs later; for the second it is not, for 30 fs."""
    agent = Scripted("g", TWICE, server="a", work_fs=5, core="a.pf")
    agents, machine = live(Scripted("other", {}, server="a"), agent)
    agents.begin()
    agents.carry_out(10)
    assert machine.done == [(10, "job", 1, "a.pf", 5)] and not agent.log
    agents.told_of(1, GIVEN, 11)
    agents.carry_out(11)
    agents.carry_out(12)
    assert agent.log == [(10, "first")] and agents.next_fs(NEVER) == NEVER
    agents.told_of(1, LEFT, 15)
    agents.carry_out(15)
    assert machine.done[1:] == [(16, "set", "g", "servers.a.set.nic.x"), (15, "job", 1, "a.pf", 5)]
    agents.told_of(1, GIVEN, 45)
    agents.carry_out(45)
    assert agent.log == [(10, "first"), (45, "second")]
    busy_fs = [next(counts.busy_fs for name, _, counts in agents.told(end_fs) if name == "g") for end_fs in (48, 90)]
    assert busy_fs == [8, 10]
    agents.told_of(1, LEFT, 53)  # the host has stalled
    agents.carry_out(53)
    assert machine.done[3:] == [(53 + WAY_FS, "set", "g", "servers.b.set.nic.x")]
    counts = next(counts for name, _, counts in agents.told(NEVER) if name == "g")
    assert (counts.handled, counts.timers, counts.sets, counts.busy_fs, counts.most_waiting) == (2, 2, 2, 10, 1)


def test_work_of_a_femtosecond_is_over_in_the_instant_in_which_it_is_told_to_have_begun() -> None:
    agent = Scripted("g", TWICE, server="a", work_fs=1, core="a.pf")
    agents, machine = live(agent)
    agents.begin()
    agents.carry_out(10)
    for which in (LEFT, GIVEN):
        agents.told_of(0, which, 11)
    agents.carry_out(11)
    assert machine.done[1:] == [(12, "set", "g", "servers.a.set.nic.x")] and agent.log == [(10, "first")]


def test_work_that_takes_no_time_takes_no_core() -> None:
    agent = Scripted("g", TWICE, server="a", core="a.pf")
    agents, machine = live(agent)
    run(agents, 1000)
    assert machine.done == [
        (11, "set", "g", "servers.a.set.nic.x"), (12 + WAY_FS, "set", "g", "servers.b.set.nic.x"),
    ]  # fmt: skip


def test_messages_take_no_time_within_a_server_and_at_least_the_way_to_another() -> None:
    near, far = Scripted("near", {}, server="a"), Scripted("far", {}, server="b")
    boss = Scripted("boss", {"hi": [("send", "far", "there")]}, apart=True)
    sender = Scripted(
        "s",
        {"begin": [("wake", 50, "go")], "go": [("send", "near", "hi"), ("send", "far", "hi"), ("send", "boss", "hi")]},
        server="a",
    )
    agents, _ = live(near, far, boss, sender, management={"latency": "0ns"})
    run(agents, 10_000)
    assert near.log == [(50, "hi")]
    assert far.log == [(50 + WAY_FS, "hi"), (50 + WAY_FS, "there")]  # that of the one apart takes no more
    assert boss.log == [(50 + WAY_FS, "hi")]


def test_of_one_instant_ends_of_work_come_first_then_what_is_seen_then_messages_then_timers() -> None:
    last = Scripted("last", {"begin": [("wake", 30, "timer")]}, server="a")
    busy = Scripted(
        "busy", {"begin": [("wake", 20, "work")], "work": [("send", "last", "done")]}, server="a", work_fs=10
    )
    watcher = Scripted("w", {"seen": [("send", "last", "seen")]}, server="a")
    watcher.begin = lambda at: at.watch(figure="delivered", of="a.vf1", each=3)  # type: ignore[method-assign]
    agents, machine = live(last, busy, watcher)
    agents.begin()
    assert machine.done == [(0, "watch", "delivered")] and machine.watches == {100: "a"}
    agents.carry_out(20)
    agents.see(30, 100)
    agents.carry_out(30)
    assert last.log == [(30, "done"), (30, "seen"), (30, "timer")]


def test_agents_that_keep_each_other_busy_without_time_passing_are_stopped_and_told() -> None:
    ping = Scripted(
        "ping", {"begin": [("wake", 5, "go")], "go": [("send", "pong", "a")], "b": [("send", "pong", "a")]}, server="a"
    )
    pong = Scripted("pong", {"a": [("send", "ping", "b")]}, server="a")
    agents, _ = live(ping, pong)
    with pytest.raises(InputError) as error:
        run(agents, 10)
    (line,) = error.value.lines
    assert "10,000" in line
    assert {"pong hears a of ping", "ping hears b of pong"} <= set(
        line.replace(", then ", ": ").replace(";", ":").replace("again ", "again: ").split(": ")
    )
    assert len(agents.actions) < 10_000


def test_what_goes_on_in_time_is_not_stopped() -> None:
    agenda = Agenda()
    for at_fs in range(25_000):
        agenda.add(at_fs, 0, 0, None)
        agenda.take()
        agenda.note("all is well")


@pytest.mark.parametrize(("order", "spread_fs", "loss"), [("kept", 900, None), ("free", 900, None), ("kept", 0, 0.25)])
def test_the_management_network_keeps_its_word(order: str, spread_fs: int, loss: float | None) -> None:
    settings = Management.model_construct(latency_fs=100, spread_fs=spread_fs, loss=loss, order=order)
    network = ManagementNetwork(settings, 3)
    found = [network.arrives_fs(sent_fs, 0, "a", "b") for sent_fs in range(0, 40_000, 10)]
    came = [(at_fs, 10 * number) for number, at_fs in enumerate(found) if at_fs is not None]
    assert all(100 <= at_fs - sent_fs <= 100 + spread_fs for at_fs, sent_fs in came)
    assert ([at_fs for at_fs, _ in came] == sorted(at_fs for at_fs, _ in came)) == (order == "kept")
    share = 1 - len(came) / len(found)
    assert share == 0 if loss is None else abs(share - loss) < 4 * (loss * (1 - loss) / len(found)) ** 0.5
    assert found == [ManagementNetwork(settings, 3).arrives_fs(0, 0, "a", "b") for _ in ()] or found == [
        each for again in [ManagementNetwork(settings, 3)] for each in
        (again.arrives_fs(sent_fs, 0, "a", "b") for sent_fs in range(0, 40_000, 10))
    ]  # fmt: skip


def test_rules_count_silences_and_go_through_their_settings() -> None:
    config = config_from_mapping(
        {
            "agents": {
                "heart": {"rules": [{"when": {"every": "10us"}, "send": {"to": "guard", "message": "alive"}}]},
                "guard": {
                    "rules": [
                        {
                            "when": {"silence": "alive", "for": "4us"},
                            "set": [{"switch.ports.vf1.rate_limit": "1Gbps"}, {"switch.ports.vf2.rate_limit": "1Gbps"}],
                        }
                    ]
                },
            }
        }
    )
    assert [(one.who, one.path[-1]) for one in settings_of(config)] == [("guard", 0), ("guard", 1)]
    machine = Noting()
    machine.concerns_only = lambda *_: True  # type: ignore[method-assign]
    own, _ = agents_of(config)
    assert all(isinstance(one, RuleAgent) for one in own)
    agents = LiveAgents(own, config, [""], machine, 0)
    run(agents, 23 * 10**9)
    us = 10**9
    vf1, vf2 = "switch.ports.vf1.rate_limit", "switch.ports.vf2.rate_limit"
    # Silent since 0: at 4 and 8 us; heard at 10: at 14 and 18; heard at 20.
    assert machine.done == [
        (at_us * us + 1, "set", "guard", key) for at_us, key in ((4, vf1), (8, vf2), (14, vf1), (18, vf2))
    ]


SHORT = {
    "nic": {"vfs": 2},
    "workload": {"load": "8Gbps", "arrivals": "periodic"},
    "run": {"duration": "300us", "warmup": "0ns"},
}
LIMIT = {"switch.ports.vf1.rate_limit": "500Mbps"}


def test_what_an_agent_sets_is_what_an_event_sets_at_that_instant() -> None:
    rule = {"when": {"of": "vf1", "figure": "delivered", "above": 20}, "set": LIMIT}
    reacted = simulate(config_from_mapping({**SHORT, "agents": {"g": {"work": "3us", "rules": [rule]}}}))
    (action,) = reacted.agent_actions
    assert action.set_ == LIMIT and reacted.agents["g"].busy_ns == 3000.0
    planned = simulate(config_from_mapping({**SHORT, "scenario": [{"at": f"{action.at_fs}fs", "set": LIMIT}]}))
    assert reacted.vms == planned.vms and reacted.counters == planned.counters
    assert reacted.latency_ns == planned.latency_ns and reacted.pcie == planned.pcie
    without = simulate(config_from_mapping(SHORT), counters=True)
    assert without.counters != planned.counters


def test_of_many_actions_the_result_holds_the_first() -> None:
    rules = [{"when": {"every": "100ns"}, "send": {"to": "b", "message": "x"}}]
    agents = {"a": {"rules": rules}, "b": {}}
    result = simulate(config_from_mapping({**SHORT, "agents": agents}))
    assert result.agents["a"].sent == 3000 and len(result.agent_actions) == MOST_ACTIONS
    assert [action.at_fs for action in result.agent_actions] == [10**8 * (1 + at) for at in range(MOST_ACTIONS)]


def test_an_agent_in_python_reads_what_the_result_counts() -> None:
    read: list[tuple[int, int]] = []

    class Reader(Agent):
        def begin(self, at: Turn) -> None:
            at.wake(200 * 10**9)

        def woke(self, at: Turn, timer: Any) -> None:
            read.append((at.read("vf1", "delivered"), at.read("", "totals.delivered_frames")))

    config = config_from_mapping({**SHORT, "run": {"duration": "200us", "warmup": "0ns"}})
    result = simulate(config, agents=[Reader("r")])
    to_vf1 = sum(flow.delivered for flow in result.flows if flow.to == "vf1")
    assert read == [(to_vf1, result.totals.delivered_frames)] and to_vf1


def test_hands_reach_only_a_servers_own_figures_and_know_how_far_keys_reach() -> None:
    config = config_from_mapping({"servers": [{"name": "a"}, {"name": "b"}], "nic": {"vfs": 1}})
    machine = Machine(config, build_workload(config, 1.0), 1, reacts=True)
    hands = Hands(machine, config, lambda at_fs, setting, now: now)
    assert hands.read("a", "a.vf0", "delivered") == 0
    with pytest.raises(InputError, match=r"b\.vf0 is not at server a"):
        hands.read("a", "b.vf0", "delivered")
    with pytest.raises(InputError, match="did you mean drops"):
        hands.read("a", "a.vf0", "drop")
    assert hands.concerns_only("a", {"servers.a.set.switch.ports.vf0.rate_limit": "1Gbps"})
    assert not hands.concerns_only("b", {"servers.a.set.switch.ports.vf0.rate_limit": "1Gbps"})
    assert hands.way_fs("a") == machine.way_fs(0) > 0
    of_host = {"servers.a.set.switch.ports.vf0.rate_limit": "1Gbps"}
    assert not concerns_only("a.x", of_host)  # what a host sets is of all its adapters


def test_a_result_tells_what_is_done_by_its_end() -> None:
    config = config_from_mapping(SHORT)
    sender = Scripted("s", {"begin": [("wake", 299 * 10**9, 0), ("wake", 301 * 10**9, 0)], 0: [("send", "s", "x")]})
    agents = LiveAgents([sender], config, [""], Noting(), 0)
    run(agents, 400 * 10**9)
    result = with_agents(simulate(config), agents)
    assert [(one.at_ns, one.send, one.to) for one in result.agent_actions] == [(299_000.0, "x", "s")]
    assert (result.agents["s"].heard, result.agents["s"].timers, result.agents["s"].server) == (2, 2, "")


def test_words_of_agents_say_what_the_result_counts() -> None:
    rules = [{"when": {"every": "100us"}, "send": {"to": "b", "message": "x"}, "set": LIMIT}]
    heard = [{"when": {"message": "x"}, "send": {"to": "idle", "message": "y"}}]
    agents = {"a": {"work": "30us", "rules": rules}, "b": {"rules": heard}, "idle": {}}
    result = simulate(config_from_mapping({**SHORT, "agents": agents, "management": {"loss": "99%"}}))
    assert agent_sentence(result) == (
        "Agents, whole run: a woke 3 times, set keys 2 times and sent 2 messages; b heard 2 messages and sent 2 "
        "messages; idle had nothing to do"
    )
    ((*first, busy, waiting), *_) = agent_rows(result)
    assert first == ["a", "the server", "3", "0", "0", "0", "3", "2", "2", "0", "0"]
    assert (busy, waiting) == ("20.0 %", "0")
    assert [row for row in action_rows(result) if row[1] == "a"][:2] == [
        ("130 us", "a", "sends x to b"),
        ("130 us", "a", "sets switch.ports.vf1.rate_limit: 500Mbps"),
    ]
    assert "woke 3 times" in summary(result) and "sends y to idle" in summary(result, verbose=True)


@pytest.mark.parametrize("rate", ["100Kbps", "5Gbps"])
def test_timers_come_at_their_times_whatever_happens_beside_them(rate: str) -> None:
    """Also on an idle machine, between the intervals of its series, and at the run's last instant."""
    agents = {"a": {"rules": [{"when": {"every": "7us"}, "send": {"to": "b", "message": "x"}}]}, "b": {}}
    run = {"duration": "301us", "warmup": "0ns"}
    workload = {"pattern": "flows", "flows": [["vf0", "vf1", rate]]}
    result = simulate(config_from_mapping({"nic": {"vfs": 2}, "run": run, "agents": agents, "workload": workload}))
    assert [action.at_fs for action in result.agent_actions] == [7 * 10**9 * at for at in range(1, 44)]


def test_a_silence_that_was_broken_is_set_up_anew_then_and_has_its_place_among_timers() -> None:
    rules = [
        {"when": {"every": "2us"}, "send": {"to": "sink", "message": "every"}},
        {"when": {"silence": "m", "for": "3us"}, "send": {"to": "sink", "message": "silence"}},
    ]
    once = {"when": {"every": "7us"}, "send": {"to": "guard", "message": "m"}}
    config = config_from_mapping({"agents": {"guard": {"rules": rules}, "talker": {"rules": [once]}, "sink": {}}})
    agents = LiveAgents(agents_of(config)[0], config, [""], Noting(), 0)
    run(agents, 10 * 10**9)
    at_10_us = [action.message for action in agents.actions if action.at_fs == 10 * 10**9]
    assert at_10_us == ["silence", "every"]  # wound up at 7 and at 8 us


@pytest.mark.parametrize(("keys", "line"), [
    ({"figure": "deliverd", "of": "vf1", "above": 1}, "agent g: figure: 'deliverd' is no figure"),
    ({"figure": "delivered", "of": "vf1"}, "agent g: nothing is said that the figure is compared with"),
    ({"figur": "delivered"}, "agent g: figur: "),
    ({"figure": "delivered", "of": "vf9", "above": 1}, "agents: there is no vf9"),
])  # fmt: skip
def test_what_an_agent_in_python_cannot_watch_is_told_in_a_line(keys: dict[str, Any], line: str) -> None:
    agent = Scripted("g", {})
    agent.begin = lambda at: at.watch(**keys)  # type: ignore[method-assign]
    with pytest.raises(InputError) as error:
        simulate(config_from_mapping(SHORT), agents=[agent])
    (only,) = error.value.lines
    assert only.startswith(line)


def test_only_agents_are_agents() -> None:
    with pytest.raises(InputError, match=r"agents: 'g' is no hwmodel\.agents\.Agent"):
        simulate(config_from_mapping(SHORT), agents=["g"])


def test_an_agent_keeps_only_cores_of_its_server() -> None:
    agent = Scripted("g", {"begin": [("wake", 10**9, "go")]}, work_fs=5, core="vf7")
    with pytest.raises(InputError, match="there is no vf7"):
        simulate(config_from_mapping(SHORT), agents=[agent])
