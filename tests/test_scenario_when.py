"""Events that wait for conditions: the run is that with their times, which a second implementation finds too."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from scapy.utils import RawPcapReader

from hwmodel.analytic import ceiling_frames_per_s
from hwmodel.config import Config, config_from_mapping, servers_of
from hwmodel.config_space.enumeration import configured
from hwmodel.errors import InputError
from hwmodel.report.over_time import event_table, over_time_figure
from hwmodel.results import Result
from hwmodel.results.series import EventResult
from hwmodel.results.summary import event_lines
from hwmodel.simulation import simulate
from hwmodel.simulation.run.commands import Change
from hwmodel.simulation.run.machine import Machine
from hwmodel.simulation.run.play import Play, play_of
from hwmodel.simulation.run.run import Run, silent
from hwmodel.simulation.run.scenario import watch_of
from hwmodel.simulation.run.seeds import simulate_seeds
from hwmodel.units import FS_PER_NS
from hwmodel.words.events import condition_text
from hwmodel.workload import build_workload
from tests.beside_simpy import check_same_course
from tests.drawn_conditions import draw_scripted, play
from tests.run_cases import merged
from tests.seeds import seeds
from tests.test_commands import BASE, BRIDGE
from tests.test_scenario_run import SHORT, without_scenario

LIMIT = {"switch.ports.vf0.rate_limit": "200Mbps"}
ONE = {"when": {"vm": "vf1", "delivered": 20}, "set": LIMIT}


def config_of(*events: dict[str, Any], **changes: Any) -> Config:
    return config_from_mapping({**merged(BASE, SHORT), "scenario": list(events)}, changes)


def events_of(result: Result) -> tuple[EventResult, ...]:
    assert result.series is not None
    return result.series.events


def carried_out(config: Config, threads: int = 1) -> Play:
    """Run a scenario to its end, and return it with its times."""
    play = play_of(config)
    run = Run(
        play.scene.first, play.workload, silent, threads=threads, changes=play.planned, reacts=play.reacts
    )  # fmt: skip
    run.begin(play)
    for _ in run.pieces():
        pass
    return play


def times_of(config: Config) -> list[int | None]:
    """Return when each event is, in fs."""
    return [event.time_fs for event in carried_out(config).config.scenario]


def at_time(event: dict[str, Any], at_fs: int | None) -> dict[str, Any]:
    """Return an event with the time at which it is, as a file would say it."""
    assert at_fs is not None
    rest = {key: value for key, value in event.items() if key != "when"}
    return {**rest, "at": f"{at_fs // FS_PER_NS}.{at_fs % FS_PER_NS:06d}ns"}


@pytest.mark.a_third_by_day
@pytest.mark.parametrize("seed", seeds(8, 8, 1000))
def test_drawn_scenarios_happen_alike_in_the_second_model(tmp_path: Path, seed: int) -> None:
    played = play(tmp_path, draw_scripted(seed))
    assert played.engine_fs == played.oracle_fs
    check_same_course(played.both, at_least=-1)


# By name: what the machine is, and the events.
CASES: dict[str, tuple[dict[str, Any], list[dict[str, Any]]]] = {
    "delivered": ({}, [ONE]),
    "delivered from a time on": ({}, [{"when": {"vm": "vf1", "delivered": 20, "from": "90us"}, "unplug": "vf2"}]),
    "dropped": (
        {"workload.load": "2Gbps"},
        [
            {"at": "60us", "set": {"switch.ports.vf3.enabled": False}},
            {"when": {"vm": "vf3", "dropped": 5}, "set": LIMIT},
        ],
    ),
    "a ring that empties": (
        {"workload.load": "1Gbps"}, [{"when": {"vm": "vf1", "tx_ring": "empty", "from": "50us"}, "reset": "vf1"}],
    ),
    "a ring without descriptors": (
        {"nic.rx_ring": 64, "driver.vms.vf1.frame_time": "3us"},
        [{"when": {"vm": "vf1", "rx_ring": "empty"}, "set": LIMIT}],
    ),
    "one that waits for another": (
        {},
        [
            {"when": {"vm": "vf2", "up": False}, "set": LIMIT},
            {"when": {"vm": "vf1", "delivered": 9}, "unplug": "vf2"},
        ],
    ),
    "a message": (
        {}, [{"when": {"vm": "vf1", "delivered": 20}, "mailbox": {"from": "vf1", "message": "set_vlan", "vlan": 20}}]
    ),
    "the end of an automatic warm-up": ({"run.warmup": "auto"}, [ONE]),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_it_is_the_run_with_its_time_to_the_byte(name: str) -> None:
    changes, events = CASES[name]
    config = config_of(*events, **changes)
    waited, times = simulate(config), times_of(config)
    known = simulate(config_of(*map(at_time, events, times), **changes))
    assert without_scenario(waited) == without_scenario(known)
    assert waited.series is not None and known.series is not None
    assert waited.series.lives == known.series.lives
    assert [one.at_ns for one in events_of(waited)] == [one.at_ns for one in events_of(known)]
    if name != "one that waits for another":  # events that nobody knew to be so close, of longer intervals
        assert replace(waited.series, events=()) == replace(known.series, events=())
        assert [one.did for one in events_of(waited)] == [one.did for one in events_of(known)]
    assert waited.config["scenario"] == events and all(", as " in one.event for one in events_of(waited)[-1:])


def test_that_somebody_waits_changes_nothing() -> None:
    """Watches of all kinds, none of which comes true, in a run that goes from instant to instant for them."""
    config = config_from_mapping(merged(BASE, SHORT))
    workload = build_workload(config, ceiling_frames_per_s(config))
    never: list[dict[str, Any]] = [
        {"figure": "delivered", "above": 10**9}, {"figure": "rx_ring_left", "above": 10**9},
        {"figure": "drops", "above": 10**9, "within": "3us"}, {"figure": "tx_packets", "below": 1, "within": "1s"},
    ]  # fmt: skip
    events = [{"when": {"of": f"vf{at}", **one}, "set": LIMIT} for at, one in enumerate(never)]
    waiting = {at: event.when for at, event in enumerate(config_of(*events).scenario)}
    watches = tuple(watch_of(config, when, at) for at, when in waiting.items() if when is not None)
    watching = (Change(0, config, watches=watches),)
    results = []
    for changes in ((), watching):
        run = Run(config, workload, silent, changes=changes)
        for _ in run.pieces():
            pass
        results.append(without_scenario(run.result()))
    assert results[0] == results[1]


@pytest.mark.parametrize(("system", "vm", "threads"), [({}, "vf2", 1), (BRIDGE, "b.vf2", 1), (BRIDGE, "b.vf2", 2)])
@pytest.mark.parametrize(("number", "from_us"), [(40, 0), (17, 70)])
def test_the_nth_copy_is_that_of_a_capture(
    tmp_path: Path, system: dict[str, Any], vm: str, threads: int, number: int, from_us: int
) -> None:
    """Of a run without events, which a capture has recorded, in ns."""
    when = {"vm": vm, "delivered": number, "from": f"{from_us}us"}
    base = merged(BASE, system, SHORT)
    event = {"when": when, "set": {f"servers.b.set.{key}": value for key, value in LIMIT.items()} if system else LIMIT}
    config = config_from_mapping({**base, "scenario": [event]})
    (found,) = events_of(simulate(config, threads=threads))
    pcap = tmp_path / "all.pcap"
    plain = config_from_mapping(base)
    simulate(plain, pcap_path=str(pcap))
    stations = {server.station(port.name): port for server in servers_of(plain) for port in server.config.switch.ports}
    address = stations[vm].macs[0].to_bytes(6, "big")
    with RawPcapReader(str(pcap)) as reader:
        times = [about.sec * 10**9 + about.usec for data, about in reader if data[:6] == address]
    assert found.at_ns is not None
    assert int(found.at_ns) == [at_ns for at_ns in times if at_ns >= from_us * 1000][number - 1]


OF_B = {f"servers.b.set.{key}": value for key, value in LIMIT.items()}
OFF = {"at": "60us", "set": {"servers.b.set.switch.ports.vf3.enabled": False}}
# What stands in the state of server b: how many frames its vf3 has lost, and slots that its vf1 has taken.
COUNTS: dict[str, tuple[dict[str, Any], Callable[[Any], bool]]] = {
    "dropped": ({"vm": "b.vf3", "dropped": 4}, lambda nic: int(nic.ledger.function[4].drops.sum()) >= 4),
    "tx_ring": (
        {"vm": "b.vf1", "tx_ring": "empty", "from": "50us"},
        lambda nic: int(nic.tx_queue[2].reserved) == int(nic.tx_queue[2].freed),
    ),
}


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("kind", COUNTS)
def test_of_several_servers_it_is_true_then_and_not_before(kind: str, threads: int) -> None:
    """The machine without a watch, in its state at that instant and a femtosecond before."""
    when, is_true = COUNTS[kind]
    config = config_from_mapping({**merged(BASE, BRIDGE, SHORT), "scenario": [OFF, {"when": when, "set": OF_B}]})
    play = carried_out(config, threads)
    true_fs, scene = play.config.scenario[1].at_fs - 1, play.scene
    workload = build_workload(scene.first, ceiling_frames_per_s(scene.first))
    machine = Machine(scene.first, workload, scene.first.run.seed, 1, scene.changes)
    found = []
    for at_fs in (true_fs - 1, true_fs):
        machine.advance(at_fs, 2**60)
        found.append(is_true(machine.servers[1].nic))
    assert found == [False, True]


def test_a_function_that_is_up_again_is_waited_for() -> None:
    """Its rings are set up then, which the result says of the function itself."""
    config = config_of(
        {"at": "100us", "reset": "vf1"}, {"when": {"vm": "vf1", "up": True, "from": "100us"}, "set": LIMIT},
        **{"run.duration": "120ms", "workload.load": "1Mbps"},
    )  # fmt: skip
    result = simulate(config)
    assert result.series is not None
    (life,) = result.series.lives
    assert life.up_ns is not None and events_of(result)[1].at_ns == pytest.approx(life.up_ns, abs=1e-5)
    assert "as vf1 was up, looked at from 100 us on" in events_of(result)[1].event


def test_what_is_true_from_the_first_instant_on_happens_at_the_start() -> None:
    """1 fs behind it, which no unit of a summary or a page has digits for."""
    result = simulate(config_of({"when": {"vm": "vf1", "up": True}, "set": LIMIT}))
    assert result.series is not None and result.series.events[0].at_ns == 1e-6
    (line,) = (line.text for line in event_lines(result))
    assert line.startswith("At the start, switch.ports.") and ", as vf1 was up: " in line
    assert [row[1] for row in event_table(result.series).rows] == ["0 ns"]


@pytest.mark.parametrize(
    "keys",
    [
        LIMIT,
        {"switch.acl": [{"port": "vf1", "destination_ip": "10.0.0.9", "action": "deny"}]},
        {"switch.ports.vf0.guards": ["ip"], "switch.ports.vf0.ips": ["10.0.0.1"]},
    ],
)
def test_an_event_that_never_comes_changes_no_more_than_one_behind_the_end(keys: dict[str, Any]) -> None:
    """Neither the headers of frames, by which they are spread over queues, nor when they are sent."""
    changes = {"nic.queues_per_vf": 2, "workload.arrivals": "poisson", "workload.load": "3Gbps"}
    never, late = ({**when, "set": keys} for when in ({"when": {"vm": "vf1", "delivered": 10**6}}, {"at": "219.99us"}))
    results = [simulate(config_of(event, **changes)) for event in (never, late)]
    assert results[0].totals == results[1].totals and results[0].flows == results[1].flows


def test_what_does_not_come_true_is_said() -> None:
    """Such an event changes nothing, whatever else happens, and the document is read back."""
    never = {"when": {"vm": "vf1", "delivered": 10**6}, "unplug": "vf1"}
    late = {"when": {"vm": "vf1", "delivered": 1, "from": "220us"}, "set": LIMIT}
    result = simulate(config_of(never, ONE, late))
    assert without_scenario(result) == without_scenario(simulate(config_of(ONE)))
    assert [one.at_ns is None for one in events_of(result)] == [False, True, True]
    again = Result.from_json(result.to_json())
    assert again.series is not None and result.series is not None and again.series.events == result.series.events
    assert "Never unplug vf1: vf1 had not received 1,000,000 frames by the end." in [
        line.text for line in event_lines(result)
    ]
    assert over_time_figure(result.series, "k").count("<svg") == 1
    assert [row[1] for row in event_table(result.series).rows][1:] == ["never"] * 2


def test_each_seed_has_times_of_its_own() -> None:
    config = config_of(ONE, **{"workload.arrivals": "poisson", "workload.load": "1Gbps"})
    other = config.with_overrides({"run.seed": 2})
    assert times_of(config) == times_of(config) != times_of(other)
    assert simulate_seeds(config, 2).series == simulate(config).series


def test_a_condition_is_changed_like_any_key() -> None:
    config = config_of(ONE)
    (sooner,), (later,) = (times_of(config.with_overrides({"scenario.0.when.delivered": n})) for n in (2, 60))
    assert sooner is not None and later is not None and sooner < later


GONE = r"scenario\.1\.reset: vf2 is not there at [0-9.]{1,7}us, as scenario\.0\.unplug takes it at 30us$"


def test_what_an_event_needs_is_looked_at_when_its_time_is_known() -> None:
    gone = {"at": "30us", "unplug": "vf2"}
    config = config_of(gone, {"when": {"vm": "vf1", "delivered": 40}, "reset": "vf2"})
    with pytest.raises(InputError, match=GONE):
        simulate(config)


def test_two_events_that_turn_out_to_be_of_one_instant_give_a_key_one_value() -> None:
    """Both wait for what one event brings about, in words of their own, so that only a run knows it."""
    both = [{"when": {"vm": vm, "up": False}, "set": LIMIT} for vm in ("vf1", "vf2")]
    gone = [{"at": "30us", "unplug": vm} for vm in ("vf1", "vf2")]
    assert times_of(config_of(*both, *gone))[:2] == [30 * 10**9 + 1] * 2
    other = {**both[1], "set": {"switch.ports.vf0.rate_limit": "100Mbps"}}
    with pytest.raises(InputError, match=r"^scenario\.1\.set\..*rate_limit: contradicts scenario\.0, .* to 200Mbps$"):
        simulate(config_of(both[0], other, *gone))


def test_configuration_spaces_are_shown_at_times_that_are_known() -> None:
    """A key that changes some time or other is none of a function's registers."""
    (server,) = servers_of(config_of(ONE))
    assert configured(server, 10**9, config_of(ONE)).functions()
    with pytest.raises(InputError, match=r"^--at: when scenario\.0 happens is known in a run alone"):
        configured(server, 10**9, config_of({"when": ONE["when"], "reset": "vf1"}))


@pytest.mark.parametrize(("kind", "target", "was", "was_not"), [
    ("delivered", 1, "vf1 had received 1 frame", "vf1 had not received 1 frame"),
    ("dropped", 1000, "vf1 had lost 1,000 frames", "vf1 had not lost 1,000 frames"),
    ("tx_ring", 0, "vf1's Tx rings were empty", "vf1's Tx rings had not been empty"),
    ("rx_ring", 0, "vf1's Rx rings were empty", "vf1's Rx rings had not been empty"),
    ("up", 1, "vf1 was up", "vf1 had not been up"),
    ("up", 0, "vf1 was off", "vf1 had not been off"),
])  # fmt: skip
def test_a_condition_in_words(kind: str, target: int, was: str, was_not: str) -> None:
    assert condition_text("vf1", kind, target, 0.0, was_true=True) == was
    assert condition_text("vf1", kind, target, 2e6, was_true=False) == f"{was_not} from 2.00 ms on"


WIRE_FS = 532 * 8 * 100_000  # a frame of 512 B with preamble and gap, at 10 Gb/s
OF_A, OF_BOTH = ({f"{server}switch.ports.vf0.rate_limit": "200Mbps"} for server in ("servers.a.set.", ""))


@pytest.mark.parametrize(
    ("event", "is_elsewhere"),
    [
        ({"set": OF_A}, False), ({"unplug": "a.vf2"}, False),
        ({"set": OF_B}, True), ({"set": OF_BOTH}, True), ({"set": {"bridge.latency": "900ns"}}, True),
        ({"set": {"servers.a.set.switch.ports.vf3.enabled": False}}, True),  # a bridge knows its stations
        ({"unplug": "b.vf2"}, True), ({"pf": {"vf": "a.vf2", "vlan": 7}}, True),
    ],
)  # fmt: skip
def test_what_concerns_another_server_comes_when_that_can_know(event: dict[str, Any], is_elsewhere: bool) -> None:
    """A frame of the load takes two wires and the bridge's latency, the first of which a switch learns with it."""
    found = []
    for system in ({}, {"bridge": {"latency": "700ns"}}):
        config = config_from_mapping(merged(BASE, BRIDGE, SHORT, system))
        when = {"when": {"vm": "a.vf1", "up": True, "from": "30us"}}
        (at_fs,) = times_of(config_from_mapping(merged(BASE, BRIDGE, SHORT, system, {"scenario": [{**when, **event}]})))
        assert at_fs is not None
        assert config.bridge is not None
        found.append((at_fs - 30 * 10**9, 2 * (WIRE_FS + config.bridge.propagation_fs) + config.bridge.latency_fs))
    assert all(behind_fs == (way_fs if is_elsewhere else 1) for behind_fs, way_fs in found)


def test_a_bridge_beside_an_only_server_makes_nothing_later() -> None:
    """It never runs ahead of the server, so that nothing has to wait for it to know."""
    base = merged(BASE, SHORT, {"bridge": {"latency": "500ns"}})
    when = {"when": {"vm": "vf1", "up": True, "from": "30us"}}
    for event in ({"set": LIMIT}, {"set": {"bridge.latency": "900ns"}}, {"unplug": "vf2"}):
        assert times_of(config_from_mapping({**base, "scenario": [{**when, **event}]})) == [30 * 10**9 + 1]


@pytest.mark.parametrize("seed", seeds(4, 3, 60))
def test_with_several_servers_it_is_the_run_with_its_times_on_any_number_of_threads(seed: int) -> None:
    """Conditions at either server, events at either or at both: one may come true while an event is on its way."""
    chance = random.Random(f"ways {seed}")
    events: list[dict[str, Any]] = []
    for number in range(4):
        vm = f"{chance.choice('ab')}.vf{chance.randrange(4)}"
        kind, target = chance.choice((("delivered", chance.randint(1, 40)), ("tx_ring", "empty")))
        rate = f"{chance.randint(100, 900)}Mbps"
        keys = [
            {f"servers.{at}.set.switch.ports.vf{number}.rate_limit": rate for at in chance.choice(("a", "b", "ab"))},
            {"bridge.latency": f"{chance.randint(100, 900)}ns"},
        ]  # fmt: skip
        begins = f"{chance.randrange(100)}us"
        events.append({"when": {"vm": vm, kind: target, "from": begins}, "set": chance.choice(keys)})
    base = merged(BASE, BRIDGE, SHORT)
    waited = [simulate(config_from_mapping({**base, "scenario": events}), threads=threads) for threads in (1, 2)]
    assert without_scenario(waited[0]) == without_scenario(waited[1])
    times = times_of(config_from_mapping({**base, "scenario": events}))
    pairs = zip(events, times, strict=True)
    known = [at_time(event, at_fs) for event, at_fs in pairs if at_fs is not None and at_fs < 220 * 10**9]
    assert known and without_scenario(waited[0]) == without_scenario(
        simulate(config_from_mapping({**base, "scenario": known}))
    )
