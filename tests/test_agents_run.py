"""Runs with agents: what an agent sets is an event of that time, what idles costs nothing, how the network behaves."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwmodel.config import config_from_mapping
from hwmodel.errors import InputError
from hwmodel.results import Result
from hwmodel.simulation import Run, simulate
from hwmodel.units import FS_PER_NS
from tests.drawn_agents import BASE
from tests.run_cases import merged
from tests.test_commands import BASE as COMMANDED
from tests.test_commands import BRIDGE, CHANGES

US = 10**9
RATES = ("1Gbps", "2Gbps")
SHORT: dict[str, Any] = {"run": {"warmup": "20us", "duration": "130us"}}
# What says how a result came about, not what was measured; stages are divided by events alone.
ABOUT = ("config", "config_hash", "series", "stages", "agents", "agent_actions", "warnings", "notes", "host_run")


def measured(result: Result) -> dict[str, Any]:
    plain = json.loads(result.to_json(include_host_run=False))
    return {name: value for name, value in plain.items() if name not in ABOUT}


def config_of(name: str, **blocks: Any) -> Any:
    own, _ = CHANGES[name]
    nested = {key: value for key, value in own.items() if "." not in key}
    dotted = {key: value for key, value in own.items() if "." in key}
    return config_from_mapping({**merged(COMMANDED, nested, SHORT), **blocks}, dotted)


def at(time_fs: int) -> str:
    return f"{time_fs // FS_PER_NS}.{time_fs % FS_PER_NS:06d}ns"


@pytest.mark.a_third_by_day
@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.parametrize("work_ns", [0, 1234])
def test_what_an_agent_sets_is_an_event_of_that_time(name: str, work_ns: int) -> None:
    """For each kind of keys: all that is measured, of a timer that comes once in the window."""
    own, change = CHANGES[name]
    has_servers = "servers" in own
    about = {"work": f"{work_ns}ns", "rules": [{"when": {"every": "80us"}, "set": dict(change)}]}
    agents = {"clock": {**({"server": "a"} if has_servers else {}), **about}}
    found = simulate(config_of(name, agents=agents), counters=True)
    (action,) = found.agent_actions
    expected = simulate(config_of(name, scenario=[{"at": at(action.at_fs), "set": dict(change)}]))
    assert measured(found) == measured(expected)
    assert measured(found) != measured(simulate(config_of(name), counters=True))
    if not has_servers:
        assert action.at_fs == 80 * US + work_ns * FS_PER_NS + 1
    else:
        assert action.at_fs > 80 * US + work_ns * FS_PER_NS + 1


def test_an_agent_at_its_own_server_is_1_fs_behind_its_work() -> None:
    key = {"switch.ports.vf1.rate_limit": "200Mbps"}
    system = merged(COMMANDED, BRIDGE, SHORT)
    times = []
    for server in "ab":
        keys = {f"servers.b.set.{name}": value for name, value in key.items()}
        agents = {"clock": {"server": server, "work": "3us", "rules": [{"when": {"every": "80us"}, "set": keys}]}}
        (action,) = simulate(config_from_mapping({**system, "agents": agents})).agent_actions
        times.append(action.at_fs - 83 * US)
    wire_fs = (512 + 20) * 8 * 10**5
    assert times == [2 * wire_fs + 500 * FS_PER_NS, 1]


def test_agents_that_set_nothing_change_nothing() -> None:
    """They see each frame, tell each other, and wait; the run is the one without them."""
    system = merged(COMMANDED, BRIDGE, SHORT)
    agents = {
        "sees": {"server": "b", "work": "300ns", "rules": [
            {"when": {"of": "b.vf1", "figure": "delivered", "each": 1}, "send": {"to": "boss", "message": "m"}},
            {"when": {"of": "b.vf2", "figure": "rx_gbps", "below": "1Gbps", "within": "5us"},
             "send": {"to": "boss", "message": "n"}},
        ]},
        "boss": {"apart": True, "rules": [{"when": {"message": "m"}, "send": {"to": "sees", "message": "m"}}]},
    }  # fmt: skip
    found = simulate(config_from_mapping({**system, "agents": agents, "management": {"latency": "7us"}}))
    assert measured(found) == measured(simulate(config_from_mapping(system), counters=True))
    assert found.agents["boss"].heard > 10


def test_before_the_first_set_all_is_as_without_agents() -> None:
    """Those of one instant come after all else of it: what a run of that length counts is the same."""
    base = merged(COMMANDED, {"run": {"warmup": "0ns", "duration": "60us"}})
    agents = {"one": {"rules": [{"when": {"every": "60us"}, "set": {"switch.ports.vf1.rate_limit": "200Mbps"}}]}}
    found, expected = (
        simulate(config_from_mapping({**base, "agents": agents})),
        simulate(config_from_mapping(base), counters=True),
    )
    assert measured(found) == measured(expected)


# ---- What idles ----


class Stops:
    """How often a run enters its kernels."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.n = 0
        entered = Run.call

        def call(run: Run, *arguments: Any) -> Any:
            self.n += 1
            return entered(run, *arguments)

        monkeypatch.setattr(Run, "call", call)


def crowd(n: int, every: str, duration: str) -> dict[str, Any]:
    tell = {"when": {"every": every}, "send": {"to": "boss", "message": "alive"}}
    hear = {"when": {"message": "alive"}, "send": {"to": "boss", "message": "heard"}}
    return merged(BASE, {
        "nic": {"vfs": 4}, "workload": {"load": 0}, "run": {"duration": duration},
        "agents": {**{f"one{at}": {"rules": [tell]} for at in range(n)}, "boss": {"apart": True, "rules": [hear]}},
    })  # fmt: skip


def test_a_thousand_timers_of_one_instant_are_one_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten seconds of a quiet machine: as many stops as instants, and not as things to do."""
    stops = Stops(monkeypatch)
    result = simulate(config_from_mapping(crowd(1000, "1s", "10500ms")))
    assert [result.agents[f"one{at}"].timers for at in (0, 999)] == [10, 10]
    assert result.agents["boss"].heard == 10_000
    few = stops.n
    stops.n = 0
    simulate(config_from_mapping(crowd(1, "1s", "10500ms")))
    assert few <= stops.n + 10 and few < 200


def test_agents_that_wait_are_no_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundred quiet seconds with agents whose time does not come, or that hear nothing."""
    stops = Stops(monkeypatch)
    document = crowd(1000, "1000s", "100s")
    simulate(config_from_mapping(document))
    few = stops.n
    stops.n = 0
    simulate(config_from_mapping({name: block for name, block in document.items() if name != "agents"}))
    assert few <= stops.n + 2


# ---- The management network ----


def messages(network: dict[str, Any], seed: int = 1, n: int = 300) -> tuple[list[int], Result]:
    """Return when messages come that one apart sends each microsecond, in fs; a set is 1 fs behind."""
    limits = [{"switch.ports.vf1.rate_limit": rate} for rate in RATES]
    document = merged(BASE, {
        "nic": {"vfs": 4}, "workload": {"load": 0}, "run": {"duration": f"{n + 100}us", "seed": seed},
        "management": network,
        "agents": {
            "sender": {"apart": True, "rules": [{"when": {"every": "1us"}, "send": {"to": "hears", "message": "m"}}]},
            "hears": {"rules": [{"when": {"message": "m"}, "set": limits}]},
        },
    })  # fmt: skip
    result = simulate(config_from_mapping(document))
    return [one.at_fs - 1 for one in result.agent_actions if one.agent == "hears"], result


def test_latency_alone_is_exact() -> None:
    times, result = messages({"latency": "7300ns"})
    assert times == [(at + 1) * US + 7300 * FS_PER_NS for at in range(len(times))]
    assert len(times) > 300 and result.agents["sender"].lost == 0


@settings(deadline=None, max_examples=25, derandomize=True)
@given(latency_ns=st.integers(0, 5000), spread_ns=st.integers(1, 20_000), seed=st.integers(1, 10**6))
def test_the_spread_stays_in_its_bounds_and_order_is_kept(latency_ns: int, spread_ns: int, seed: int) -> None:
    """No message overtakes; one that could is as late as the one before it. A bound holds for the first at least."""
    network = {"latency": f"{latency_ns}ns", "spread": f"{spread_ns}ns", "order": "kept"}
    times, _ = messages(network, seed)
    assert times == sorted(times)
    earliest = [(at + 1) * US + latency_ns * FS_PER_NS for at in range(len(times))]
    assert all(0 <= came - first <= spread_ns * FS_PER_NS for came, first in zip(times, earliest, strict=True))
    assert len({came - first for came, first in zip(times, earliest, strict=True)}) > 5 or spread_ns < 100


def words_in_order(network: dict[str, Any], seed: int) -> str:
    """Return in what order two words come that one agent sends in turn, each 1 us, the other a little behind it."""
    document = merged(BASE, {
        "nic": {"vfs": 4}, "workload": {"load": 0}, "run": {"duration": "150us", "seed": seed},
        "management": network,
        "agents": {
            "sender": {"apart": True, "rules": [
                {"when": {"every": every}, "send": {"to": "hears", "message": word}}
                for every, word in (("1us", "m"), ("1001ns", "n"))
            ]},
            "hears": {"rules": [
                {"when": {"message": word}, "set": [{f"switch.ports.vf{at}.rate_limit": rate} for rate in RATES]}
                for at, word in enumerate("mn")
            ]},
        },
    })  # fmt: skip
    actions = simulate(config_from_mapping(document)).agent_actions
    return "".join("mn"[int("vf1" in key)] for one in actions if one.agent == "hears" for key in one.set_)


@pytest.mark.parametrize("seed", range(1, 4))
@pytest.mark.parametrize("spread", ["300ns", "20us"])
def test_order_is_kept_or_free(spread: str, seed: int) -> None:
    """Of which one message is from another by its word; the second 1 ns behind the first, or more."""
    both = (words_in_order({"latency": "1us", "spread": spread, "order": order}, seed) for order in ("kept", "free"))
    kept, free = both
    assert len(kept) > 240 and kept == ("mn" * 150)[: len(kept)]
    assert len(free) > 240 and free != ("mn" * 150)[: len(free)]


@settings(deadline=None, max_examples=10, derandomize=True)
@given(spread_ns=st.integers(100, 30_000), order=st.sampled_from(("kept", "free")), seed=st.integers(1, 10**6))
def test_the_spread_is_drawn_evenly(spread_ns: int, order: str, seed: int) -> None:
    """Of messages so far from each other that none overtakes: each is told by when it was sent."""
    limits = [{"switch.ports.vf1.rate_limit": rate} for rate in RATES]
    document = merged(BASE, {
        "nic": {"vfs": 4}, "workload": {"load": 0}, "run": {"duration": "20ms", "seed": seed},
        "management": {"latency": "3us", "spread": f"{spread_ns}ns", "order": order},
        "agents": {
            "sender": {"apart": True, "rules": [{"when": {"every": "50us"}, "send": {"to": "hears", "message": "m"}}]},
            "hears": {"rules": [{"when": {"message": "m"}, "set": limits}]},
        },
    })  # fmt: skip
    actions = simulate(config_from_mapping(document)).agent_actions
    came = [one.at_fs - 1 for one in actions if one.agent == "hears"]
    late = sorted((at_fs - (50 * (n + 1) + 3) * US) / (spread_ns * FS_PER_NS) for n, at_fs in enumerate(came))
    assert 395 <= len(late) <= 400 and late[0] >= 0 and late[-1] <= 1
    # Kolmogorov and Smirnov: farther than this once in 10^7 cases.
    assert max(abs(share - n / len(late)) for n, share in enumerate(late)) < 2.9 / len(late) ** 0.5


@pytest.mark.parametrize("percent", [1, 10, 50])
def test_the_share_of_lost_messages(percent: int) -> None:
    """Within six standard deviations; lost and heard together are what was sent."""
    lost = sent = 0
    for seed in range(1, 5):
        times, result = messages({"latency": "1us", "loss": f"{percent}%"}, seed, 500)
        sender = result.agents["sender"]
        lost, sent = lost + sender.lost, sent + sender.sent
        assert 0 <= sender.sent - sender.lost - result.agents["hears"].heard <= 1  # one may be on its way
        assert sender.sent > 500 and len(times) <= 500
    share = percent / 100
    assert abs(lost - sent * share) < 6 * (sent * share * (1 - share)) ** 0.5


@pytest.mark.parametrize("network", [{"loss": "30%"}, {"spread": "9us"}])
def test_it_is_drawn_by_the_seed(network: dict[str, Any]) -> None:
    first, again, other = (messages({"latency": "1us", **network}, seed)[0] for seed in (3, 3, 4))
    assert first == again != other


def test_of_what_is_lost_all_but_a_little_a_little_is_heard() -> None:
    times, result = messages({"loss": "99%"})
    assert len(times) < 30 and len(times) == result.agents["sender"].sent - result.agents["sender"].lost


def test_messages_within_a_server_take_none_of_it() -> None:
    rules = [{"when": {"every": "1us"}, "send": {"to": "hears", "message": "m"}}]
    limits = [{"switch.ports.vf1.rate_limit": rate} for rate in RATES]
    document = merged(BASE, {
        "nic": {"vfs": 4}, "workload": {"load": 0}, "run": {"duration": "20500ns"},
        "management": {"latency": "5us", "spread": "5us", "loss": "99%"},
        "agents": {"sender": {"rules": rules}, "hears": {"rules": [{"when": {"message": "m"}, "set": limits}]}},
    })  # fmt: skip
    actions = simulate(config_from_mapping(document)).agent_actions
    assert [one.at_fs for one in actions if one.agent == "hears"] == [at * US + 1 for at in range(1, 21)]


# ---- What never ends ----


def feeding(*works: str) -> dict[str, Any]:
    """Return agents in a ring, each of which tells the next what it hears; the first begins."""
    names = [f"agent{at}" for at in range(len(works))]
    agents = {
        name: {"work": work, "rules": [{"when": {"message": "m"}, "send": {"to": to, "message": "m"}}]}
        for name, work, to in zip(names, works, [*names[1:], names[0]], strict=True)
    }
    agents[names[0]]["rules"].append({"when": {"every": "5us"}, "send": {"to": names[-1], "message": "m"}})
    return merged(BASE, {
        "nic": {"vfs": 4}, "workload": {"load": 0}, "run": {"duration": "12us"}, "agents": agents,
    })  # fmt: skip


@pytest.mark.parametrize("n", [1, 2, 3])
def test_what_feeds_itself_without_time_ends_with_its_chain(n: int) -> None:
    with pytest.raises(InputError) as caught:
        simulate(config_from_mapping(feeding(*["0ns"] * n)))
    said = str(caught.value)
    assert "10,000" in said and "5" in said and all(f"agent{at}" in said for at in range(n)) and "\n" not in said


def test_what_feeds_itself_in_time_goes_on() -> None:
    result = simulate(config_from_mapping(feeding("0ns", "1us", "0ns")))
    assert result.agents["agent1"].handled in (6, 7, 8, 9)


# ---- In Python ----


def test_the_result_is_read_back() -> None:
    result = messages({"latency": "7300ns"})[1]
    again = Result.from_json(result.to_json())
    assert again.agents == result.agents and again.agent_actions == result.agent_actions
    plain = json.loads(result.to_json())
    assert plain["agents"]["hears"]["sets"] == result.agents["hears"].sets
    assert plain["agent_actions"][0].items() >= {"at_ns": 1000.0, "agent": "sender", "send": "m", "to": "hears"}.items()


def of_threads(document: dict[str, Any]) -> Iterator[str]:
    for threads in (1, 2):
        result = simulate(config_from_mapping(document), threads=threads)
        yield replace(result, config={}).to_json(include_host_run=False)


def test_spread_and_loss_are_the_same_on_any_number_of_threads() -> None:
    servers = {"servers": [{"name": name} for name in "abcd"]}
    limits = [{"servers.d.set.switch.ports.vf1.rate_limit": rate} for rate in ("200Mbps", "3Gbps")]
    agents = {
        **{f"sees_{name}": {"server": name, "rules": [{
            "when": {"of": f"{name}.vf1", "figure": "delivered", "each": 2}, "send": {"to": "boss", "message": "m"},
        }]} for name in "abc"},
        "boss": {"apart": True, "work": "100ns", "rules": [
            {"when": {"message": "m"}, "send": {"to": "d", "message": "m"}},
        ]},
        "d": {"server": "d", "rules": [{"when": {"message": "m"}, "set": limits}]},
    }  # fmt: skip
    network = {"latency": "2us", "spread": "3us", "loss": "20%", "order": "free"}
    one, two = of_threads(merged(COMMANDED, BRIDGE, servers, SHORT, {"agents": agents, "management": network}))
    assert one == two and '"sets": 0' not in json.dumps(json.loads(one)["agents"]["d"])
