"""The time line of a run in which things change: events, functions' stages, commands, messages on the PF's core."""

from __future__ import annotations

import itertools
import json
from collections import defaultdict

import pytest

from hwmodel.config import config_from_mapping
from hwmodel.config.message_time import RegisterTimes
from hwmodel.machine.time.commands import RECEIVE_LIMIT as LAST_KIND
from hwmodel.simulation import simulate
from hwmodel.simulation.run.trace.scenario_side import COMMANDS, EVENTS, Commands, show_scenario
from hwmodel.simulation.run.trace.timeline import MOST_LANES, Timeline
from hwmodel.units import FS_PER_US
from tests.test_report_over_time import life, with_lives
from tests.trace_cases import check_document, trace_of

US = 1000  # ns
BASE = {
    "nic": {"preset": "82599", "vfs": 4},
    "workload": {"frame_bytes": 1518, "load": "saturate", "pattern": "uniform"},
    "run": {"warmup": "1ms", "duration": "1ms"},
}
CHANGES = [
    {"at": "1100us", "reset": "vf1"},
    {"at": "1110us", "set": {"pcie.generation": 1}},
    {"at": "1120us", "set": {"switch.ports.vf0.rate_limit": "1Gbps"}},
    {"at": "1120us", "mailbox": {"from": "vf2", "message": "set_vlan", "vlan": 20}},
    {"at": "1125us", "mailbox": {"from": "vf3", "message": "get_link_state", "times": 4, "every": "1us"}},
    {"at": "1900us", "unplug": "vf3"},
]
SYSTEM = [
    {"at": "1100us", "reset": "a.vf1"},
    {"at": "1110us", "set": {"bridge.latency": "3us"}},
    {"at": "1120us", "set": {"servers.b.set.port.rate": "1Gbps"}},
    {"at": "1130us", "mailbox": {"from": "b.vf0", "message": "set_vlan", "vlan": 20}},
]


def marks(traced, group, row):
    return [(one[3], one[4]) for one in traced.of(group, row)]


@pytest.fixture(scope="module")
def traced(tmp_path_factory):
    config = config_from_mapping({**BASE, "scenario": CHANGES})
    stretch = {"trace_start_fs": 90 * FS_PER_US, "trace_length_fs": 120 * FS_PER_US}
    found = trace_of(tmp_path_factory.mktemp("trace"), config, **stretch)
    yield found
    found.reader.close()


def test_the_processor_takes_it_and_the_run_is_the_same_without(traced):
    check_document(traced)
    assert traced.result.to_json(include_host_run=False) == simulate(traced.config).to_json(include_host_run=False)


def test_each_event_in_the_stretch_is_marked_at_its_time_with_its_number_and_sentence(traced):
    rows = {one[3]: one for one in traced.of(EVENTS.group, EVENTS.name)}
    told = traced.result.series.events
    assert {name: one[4] for name, one in rows.items()} == {each.event: each.at_ns for each in told[:5]}  # not the last
    for number, each in enumerate(told[:5], start=1):
        arguments = traced.arguments[rows[each.event][0]]
        assert (arguments["event"], arguments["did"]) == (number, each.did)
    # Two of one instant stand on rows of their own.
    assert {one[2] for one in rows.values() if one[4] == 1120 * US} == {"events", "events (2)"}


def test_a_function_is_shown_stage_by_stage_cut_at_the_ends_of_the_trace(traced):
    facts = traced.document["otherData"]
    shown = [(one[3], one[4], one[5], traced.arguments[one[0]]) for one in traced.of("Scenario", "vf1")]
    assert [one[:3] for one in shown] == [
        ("up", facts["start_ns"], 1100 * US - facts["start_ns"]),
        ("off (reset)", 1100 * US, facts["end_ns"] - 1100 * US),
    ]
    assert [one[3]["whole_ns"] for one in shown] == [1100 * US, 900 * US]  # the run ends in the midst of it
    assert shown[1][3]["event"] == 1 and "event" not in shown[0][3]
    assert [one[3] for one in traced.of("Scenario", "vf3")] == ["up"]


def test_the_commands_that_the_machine_carried_out_stand_at_their_times(traced):
    served = RegisterTimes.of(traced.config, "pf")
    commands = marks(traced, COMMANDS.group, COMMANDS.name)
    assert commands[:3] == [("tables, VLAN, vf1: off", 1100 * US), ("link", 1110 * US), ("vf0: rate limit", 1120 * US)]
    (message,) = [one for one in traced.of("Host cores") if one[3] == "message vf2: set_vlan"]
    ((vlan, at_ns),) = commands[3:]
    assert vlan == "VLAN" and at_ns > 1120 * US + served.read_fs // 10**6
    assert message[4] + message[5] >= at_ns - 1  # granted when the PF's core has answered, or later where that is busy


def test_a_load_that_changes_is_a_command_too(tmp_path):
    loads = {"load": 0.3, "pattern": "pairs", "frame_bytes": 1518}
    events = [{"at": "1100us", "set": {"workload.load": 0.6}}]
    config = config_from_mapping({**BASE, "workload": loads, "scenario": events})
    found = trace_of(tmp_path, config, trace_start_fs=90 * FS_PER_US, trace_length_fs=20 * FS_PER_US)
    assert marks(found, COMMANDS.group, COMMANDS.name) == [("load", 1100 * US)]
    found.reader.close()


@pytest.mark.parametrize("load", [0.001, 0.5])
def test_messages_take_the_pfs_core_one_after_the_other(tmp_path, load):
    """An interrupt's entry, its cause and 16 words, then an acknowledgement, 16 words and one that tells of them.

    On a link with nothing else by the closed form; beside frames each takes longer.
    """
    asked = [event for event in CHANGES if "mailbox" in event]
    loads = {"frame_bytes": 1518, "load": load, "pattern": "pairs"}
    config = config_from_mapping(
        {**BASE, "workload": loads, "scenario": asked, "run": {**BASE["run"], "clocks": "exact"}}
    )
    traced = trace_of(tmp_path, config, trace_start_fs=90 * FS_PER_US, trace_length_fs=300 * FS_PER_US)
    pf = RegisterTimes.of(config, "pf")
    driver = config.driver_of("pf")
    whole_ns = (driver.interrupt_time_fs + driver.exit_time_fs + 17 * pf.read_fs + 18 * pf.write_fs) / 10**6
    found = [one for one in traced.of("Host cores") if one[3].startswith("message")]
    assert [one[3] for one in found] == ["message vf2: set_vlan", *["message vf3: get_link_state"] * 4]
    if load < 0.01:
        assert all(one[5] == pytest.approx(whole_ns, abs=1) for one in found)
    else:
        assert all(whole_ns < one[5] < 4 * whole_ns for one in found)
    assert {one[2] for one in found} == {"core 0"}
    assert {traced.arguments[one[0]]["function"] for one in found} == {"pf"}
    assert all(later[4] >= one[4] + one[5] - 1 for one, later in itertools.pairwise(found))
    traced.reader.close()


def test_on_a_core_that_all_share_messages_and_frames_take_turns(tmp_path):
    flood = {"at": "1100us", "mailbox": {"from": "vf0", "message": "get_link_state", "times": 30, "every": "15us"}}
    light = {"frame_bytes": 1518, "load": 0.3, "pattern": "uniform"}
    config = config_from_mapping({**BASE, "host": {"cores": 1}, "workload": light, "scenario": [flood]})
    traced = trace_of(tmp_path, config, trace_start_fs=90 * FS_PER_US, trace_length_fs=100 * FS_PER_US)
    check_document(traced)  # no two at once on the core
    kinds = {one[3].split()[0] for one in traced.of("Host cores", "core 0")}
    assert {"message", "post", "take", "register"} <= kinds
    driver = config.driver_of("vf0")
    writes = [one[5] for one in traced.of("Host cores") if one[3] == "register write"]
    assert max(writes) <= driver.doorbell_time_fs // 10**6 + 1
    assert traced.result.to_json(include_host_run=False) == simulate(config).to_json(include_host_run=False)
    traced.reader.close()


def test_of_several_servers_each_has_its_commands_and_the_bridge_too(tmp_path):
    keys = {**BASE, "bridge": {"kind": "learning"}, "servers": [{"name": "a"}, {"name": "b"}], "scenario": SYSTEM}
    workload = {"frame_bytes": 1518, "load": 0.1, "pattern": "ring"}
    config = config_from_mapping({**keys, "workload": workload})
    traced = trace_of(tmp_path, config, trace_start_fs=90 * FS_PER_US, trace_length_fs=100 * FS_PER_US)
    check_document(traced)
    found = defaultdict(list)
    for group in ("a: Scenario", "b: Scenario", "Bridge: Scenario"):
        found[group] = marks(traced, group, "commands")
    assert found["a: Scenario"] == [("tables, VLAN, vf1: off", 1100 * US)]
    assert found["b: Scenario"][0] == ("rate of the wire", 1120 * US) and found["b: Scenario"][1][0] == "VLAN"
    assert found["Bridge: Scenario"][:2] == [("latency", 1110 * US), ("parameters", 1120 * US)]
    assert [one[3] for one in traced.of("b: Host cores") if one[3].startswith("message")] == ["message b.vf0: set_vlan"]
    assert [one[3] for one in traced.of("Scenario", "a.vf1")] == ["up", "off (reset)"]
    assert traced.result.to_json(include_host_run=False) == simulate(config).to_json(include_host_run=False)
    traced.reader.close()


def test_a_function_comes_up_in_the_trace(tmp_path):
    """The reset at 5 ms is over 100 ms later; then the messages begin, of which the first asks for a reset."""
    light = {**BASE, "workload": {"frame_bytes": 1518, "load": 0.001}, "run": {"warmup": "1ms", "duration": "119.6ms"}}
    config = config_from_mapping({**light, "scenario": [{"at": "5ms", "reset": "vf1"}]})
    for start_ms, names in ((103.95, ["off (reset)", "messages"]), (119.5, ["rings", "up"])):
        stretch = {"trace_start_fs": int(start_ms * 1000) * FS_PER_US, "trace_length_fs": 100 * FS_PER_US}
        traced = trace_of(tmp_path, config, **stretch)
        check_document(traced)
        assert [one[3] for one in traced.of("Scenario", "vf1")] == names
        (one,) = traced.result.series.lives
        ends = [one.at_ns + one.reset_ns, one.up_ns]
        border = traced.of("Scenario", "vf1")[1][4]
        assert border == pytest.approx(ends[names[1] == "up"], abs=1)
        if names[1] == "up":
            assert marks(traced, "Scenario", "commands") == [("tables, VLAN, vf1: on", border)]
        else:
            assert [each[3] for each in traced.of("Host cores") if "message" in each[3]] == ["message vf1: reset"]
        traced.reader.close()


def test_more_events_of_an_instant_than_rows_are_counted():
    timeline = Timeline()
    told = with_lives(life("vf1", 0, 0.5))
    many = type(told)(interval_ns=1.0, events=tuple(told.events[:1]) * 20)
    show_scenario(timeline, many, 1e9, 0, 10**15)
    document = json.loads(timeline.to_json({}))
    assert sum(event["ph"] == "i" for event in document["traceEvents"]) == MOST_LANES == 16
    assert document["otherData"]["left_out"] == {"Scenario: events": 4}


def test_every_kind_of_command_has_its_words():
    names = [Commands(FakeRing(), Timeline(), ["pf", "vf0"])._name(kind, 1) for kind in range(LAST_KIND + 1)]
    assert len(set(names)) == LAST_KIND + 1 == 19 and "vf0: rate limit" in names and "VLAN" in names


class FakeRing:
    head = 0
