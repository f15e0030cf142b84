"""Frames that agents hear and send: when they come on an idle machine, what is seen of them, what they change."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from scapy.utils import RawPcapNgReader, RawPcapReader

from hwmodel.agents import Agent, Frame, OwnFrame, Turn
from hwmodel.analytic.latency import frame_latency_steps
from hwmodel.config import config_from_mapping
from hwmodel.errors import InputError
from hwmodel.results import Result
from hwmodel.results.agents_text import action_text, agent_sentence
from hwmodel.simulation import simulate
from hwmodel.workload.given import with_given
from hwmodel.workload.traffic import Records, Workload
from tests.drawn_agents import BASE
from tests.one_frame import BASE as IDLE
from tests.one_frame import NS, US, R, T
from tests.run_cases import merged

TYPE = 0x88B6
QUIET: dict[str, Any] = merged(BASE, {
    "nic": {"vfs": 4}, "workload": {"load": 0}, "run": {"duration": "90500ns"},
})  # fmt: skip
LIMIT = {"switch.ports.vf1.rate_limit": "1Gbps"}
ONCE = {"every": "50us"}


def result_of(document: dict[str, Any], *agents: Agent, **options: Any) -> Result:
    return simulate(config_from_mapping(document), agents=agents, **options)


def sends(when: dict[str, Any], sender: str, to: str, **more: Any) -> dict[str, Any]:
    return {"when": when, "send": {"frame": {"from": sender, "to": to, "ethertype": TYPE, **more}}}


def hears(to: str, **more: Any) -> dict[str, Any]:
    return {"frame": {"to": to, **more}}


class Ear(Agent):
    """Keep the frames that are heard; `own` are the keys of what is listened for."""

    def __init__(self, own: Sequence[dict[str, Any]], **options: Any) -> None:
        super().__init__("ear", **options)
        self.own, self.found, self.numbers = own, [], []  # type: ignore[var-annotated]

    def begin(self, at: Turn) -> None:
        self.numbers = [at.hear(**keys) for keys in self.own]

    def heard_frame(self, at: Turn, frame: Frame) -> None:
        assert frame.at_fs == at.now_fs
        self.found.append(frame)


class Mouth(Agent):
    """Send frames at times, by their own names."""

    def __init__(self, times_fs: Sequence[int], frames: Sequence[OwnFrame], **options: Any) -> None:
        super().__init__("mouth", frames=frames, **options)
        self.times_fs = times_fs

    def begin(self, at: Turn) -> None:
        for number, time_fs in enumerate(self.times_fs):
            at.wake(time_fs, number)

    def woke(self, at: Turn, timer: Any) -> None:
        at.send_frame(self.frames[timer % len(self.frames)], f"word{timer}")


# ---- When they come ----


@pytest.mark.parametrize("interrupts", [0, 1])
@pytest.mark.parametrize("frame_bytes", [64, 600, 1518])
def test_a_chain_of_frames_on_an_idle_machine_takes_the_closed_form(interrupts: int, frame_bytes: int) -> None:
    """From the command 1 fs behind the work: the core's 20 ns for the post, then the frame alone, at each hop.

    Of 64 B that is what the link takes by hand: doorbell, descriptor, payload, write, write-back, interrupt.
    """
    document = merged(IDLE, {
        "run": {"duration": "90us", "warmup": "0ns", "clocks": "exact"}, "workload": {"load": 0},
        "driver": {"rx_interrupt_batch": interrupts},
        "agents": {
            "first": {"work": "2us", "rules": [
                sends(ONCE, "vf0", "vf1", frame_bytes=frame_bytes, message="go"),
                {"when": hears("vf0", message="back"), "set": LIMIT},
            ]},
            "second": {"work": "3us", "rules": [
                sends(hears("vf1", **{"from": "vf0"}), "vf1", "vf0", frame_bytes=frame_bytes, message="back"),
            ]},
        },
    })  # fmt: skip
    config = config_from_mapping(document)
    alone_fs = sum(step.duration_fs for step in frame_latency_steps(config, frame_bytes))
    if frame_bytes == 64:
        assert alone_fs == 2 * R + sum(T[each] for each in (28, 24, 36, 24, 80, 84, 40)) + interrupts * T[28]
    hop_fs = 20 * NS + alone_fs
    there_fs = 50 * US + 2 * US + 1
    back_fs = there_fs + hop_fs + 3 * US + 1
    actions = simulate(config).agent_actions
    assert [one.at_fs for one in actions] == [there_fs, back_fs, back_fs + hop_fs + 2 * US + 1]
    assert [(one.send, dict(one.set_)) for one in actions] == [("go", {}), ("back", {}), ("", LIMIT)]


def test_a_frame_waits_for_a_full_ring_before_all_that_the_load_sends() -> None:
    """The ring of a load without end is full always: each frame has its next free slot, and none is lost for it."""
    for on_full in ("wait", "drop"):
        own = [OwnFrame("vf0", "vf2", TYPE)]
        ear = Ear([{"to": "vf2", "ethertype": TYPE}])
        mouth = Mouth([at * 3 * US // 2 for at in range(1, 11)] * 2, own)
        document = merged(QUIET, {
            "nic": {"tx_ring": 64},
            "workload": {"pattern": "flows", "flows": [["vf0", "vf1"]], "load": "saturate", "on_full": on_full},
        })  # fmt: skip
        result = result_of(document, ear, mouth)
        assert sorted(one.message for one in ear.found) == sorted(f"word{at}" for at in range(20))
        assert [one.message for one in ear.found][::2] == [f"word{at}" for at in range(10)]
        assert result.agents["mouth"].frames_sent == 20 == result.agents["ear"].frames_heard
        assert not result.totals.dropped_frames


def test_what_is_given_to_a_function_that_is_off_waits_for_it() -> None:
    ear = Ear([{"to": "vf2"}])
    document = merged(QUIET, {
        "run": {"duration": "250ms"}, "scenario": [{"at": "1us", "unplug": "vf0"}, {"at": "30us", "plug": "vf0"}],
    })  # fmt: skip
    result = result_of(document, ear, Mouth([10 * US, 11 * US, 240_000 * US], [OwnFrame("vf0", "vf2", TYPE)]))
    assert result.series is not None
    (up_ns,) = (life.up_ns for life in result.series.lives if life.up_ns is not None)
    up_fs = round(up_ns * 10**6)
    assert result.totals.dropped_frames == 0 and [one.message for one in ear.found] == ["word0", "word1", "word2"]
    assert up_fs < ear.found[0].at_fs < ear.found[1].at_fs < up_fs + 10 * US < 240_000 * US < ear.found[2].at_fs


def test_for_a_dead_wire_alone_it_is_dropped() -> None:
    ear = Ear([{"to": "vf2"}])
    document = merged(QUIET, {"port": {"down": ["p0"]}})
    away = OwnFrame("vf0", 0x02AA_0000_0001, TYPE)
    result = result_of(document, ear, Mouth([10 * US, 20 * US], [away, OwnFrame("vf0", "vf2", TYPE)]))
    assert [dict(vm.drops) for vm in result.vms if vm.drops] == [{"LINK_DOWN": 1}] and [
        one.message for one in ear.found
    ] == ["word1"]


# ---- What is seen of them ----


def test_a_frame_is_seen_as_a_driver_sees_it() -> None:
    """With a tag where its port takes tagged frames alone; a broadcast by each who listens, its sender left out."""
    everyone = 0xFFFF_FFFF_FFFF
    ports = [{"name": "vf2", "untagged": [], "admit": "tagged"}]
    own = [OwnFrame("vf0", "vf1", TYPE, 100), OwnFrame("vf0", everyone, 0x88B7), OwnFrame("vf2", "vf1", TYPE)]
    wanted = [{"to": f"vf{at}"} for at in range(4)] + [{"to": "vf1", "destination": "ff:ff:ff:ff:ff:ff"},
              {"to": "vf1", "from": "vf2"}, {"to": "vf1", "from": "02:00:00:00:00:09"}]  # fmt: skip
    ear = Ear(wanted)
    document = merged(QUIET, {"switch": {"ports": ports}})
    config = config_from_mapping(document)
    macs = {port.name: port.macs[0].to_bytes(6, "big").hex(":") for port in config.switch.ports}
    result_of(document, ear, Mouth([10 * US, 20 * US, 30 * US], own))
    seen = [(ear.numbers.index(one.listener), *one[2:]) for one in ear.found]
    to_all = "ff:ff:ff:ff:ff:ff"
    assert seen[0] == (1, "vf1", macs["vf1"], macs["vf0"], TYPE, None, None, 100, "word0")
    plain = (to_all, macs["vf0"], 0x88B7, None, None, 64, "word1")
    tagged = (to_all, macs["vf0"], 0x88B7, 1, 0, 68, "word1")
    by_word = [sorted(one for one in seen if one[-1] == f"word{at}") for at in range(3)]
    assert by_word[1] == [(1, "vf1", *plain), (2, "vf2", *tagged), (3, "vf3", *plain), (4, "vf1", *plain)]
    assert by_word[2] == [(at, "vf1", macs["vf1"], macs["vf2"], TYPE, None, None, 60, "word2") for at in (1, 5)]


def test_frames_of_the_load_are_heard_one_by_one() -> None:
    """As many as are delivered to a function, of its listener's type alone, with no word."""
    ear = Ear([{"to": "vf1"}, {"to": "vf1", "ethertype": 0x88CC}, {"to": "vf3", "ethertype": 0x88B5}])
    document = merged(QUIET, {"workload": {"pattern": "uniform", "load": "1Gbps", "frame_bytes": 200}})
    result = result_of(document, ear)
    frames: Counter[str] = Counter()
    for flow in result.flows:
        frames[flow.to] += flow.delivered
    first, none, third = ([one for one in ear.found if one.listener == number] for number in ear.numbers)
    assert (len(first), len(none), len(third)) == (frames["vf1"], 0, frames["vf3"]) and len(first) > 5
    assert {(one.message, one.frame_bytes) for one in first} == {("", 200)}


def test_mirrored_copies_are_not_heard() -> None:
    ear = Ear([{"to": "vf3"}, {"to": "vf1"}])
    document = merged(QUIET, {"switch": {"mirrors": [{"from": "vf1", "to": "vf3"}]}})
    result_of(document, ear, Mouth([10 * US], [OwnFrame("vf0", "vf1", TYPE)]))
    assert [one.receiver for one in ear.found] == ["vf1"]


def test_guests_of_a_virtual_switch_hear_frames_too() -> None:
    ear = Ear([{"to": "vf1", "ethertype": TYPE}])
    document = merged(QUIET, {"nic": {"mode": "vswitch"}, "host": {"cores": 5, "virtual_switch": {"cores": [4]}}})
    result_of(document, ear, Mouth([10 * US, 20 * US], [OwnFrame("vf0", "vf1", TYPE)]))
    assert [one.message for one in ear.found] == ["word0", "word1"]


# ---- What they change ----


def test_who_only_listens_changes_nothing() -> None:
    """All that is measured is the same to the last digit, in which a run stops 100 times in place of none."""
    document = merged(QUIET, {"workload": {"pattern": "uniform", "load": "3Gbps", "frame_bytes": 200}})
    ear = Ear([{"to": "vf1"}, {"to": "vf2"}])
    heard, plain = result_of(document, ear), result_of(document, Ear([]))
    assert len(ear.found) > 50
    texts = [
        {k: v for k, v in json.loads(one.to_json(include_host_run=False)).items() if k != "agents"}
        for one in (heard, plain)
    ]
    assert texts[0] == texts[1]


class Eye(Agent):
    """See each delivery to any VM."""

    def begin(self, at: Turn) -> None:
        for number in range(4):
            at.watch(of=f"vf{number}", figure="delivered", each=1)


@pytest.mark.parametrize("agent", [Ear([{"to": f"vf{at}"} for at in range(4)]), Eye("eye")])
def test_a_run_of_so_many_frames_ends_with_the_last_of_them_although_that_is_seen(agent: Agent) -> None:
    document = merged(QUIET, {
        "workload": {"pattern": "uniform", "load": "3Gbps", "frame_bytes": 200},
        "run": {"frames": 100, "duration": "1ms"},
    })  # fmt: skip
    plain, found = result_of(document, Ear([])), result_of(document, agent)
    assert found.totals.delivered_frames == 100 and found.window == plain.window
    assert found.agents[agent.name].handled == 100


def test_they_are_in_a_capture_and_counted_as_all_frames(tmp_path: Path) -> None:
    path, tapped = tmp_path / "all.pcap", tmp_path / "wire.pcapng"
    own = [OwnFrame("vf0", "vf1", TYPE, 100), OwnFrame("vf0", 0x02AA_0000_0001, TYPE, 70)]
    mouth = Mouth([10 * US, 20 * US], own)
    result = result_of(QUIET, mouth, pcap_path=str(path), pcap_hops={"uplink": str(tapped)})
    with RawPcapReader(str(path)) as reader:
        frames = [data for data, _ in reader]
    assert [(len(one), one[12:14]) for one in frames] == [(96, b"\x88\xb6"), (66, b"\x88\xb6")]
    with RawPcapNgReader(str(tapped)) as reader:
        assert [data for data, _ in reader] == frames[1:]
    assert result.totals.offered_frames == 2 == result.totals.delivered_frames
    assert {(flow.from_, flow.to): flow.delivered for flow in result.flows} == {
        ("vf0", "vf1"): 1, ("vf0", "uplink"): 1,
    }  # fmt: skip


def test_what_is_told_says_who_has_sent_what() -> None:
    document = merged(QUIET, {"agents": {"a": {"rules": [
        sends(ONCE, "vf0", "vf1", message="go"), sends(hears("vf1"), "vf1", "02:00:00:00:00:77", frame_bytes=99),
    ]}}})  # fmt: skip
    result = result_of(document)
    assert [action_text(one) for one in result.agent_actions] == [
        "sends a frame of 64 B, 0x88b6, from vf0 to vf1 with go",
        "sends a frame of 99 B, 0x88b6, from vf1 to 02:00:00:00:00:77",
    ]
    assert agent_sentence(result) == "Agents, whole run: a heard 1 frame, woke 1 time and sent 2 frames"
    again = Result.from_json(result.to_json())
    assert again.agents == result.agents and again.agent_actions == result.agent_actions


def test_what_agents_send_is_no_record_of_a_capture() -> None:
    """Of a run that sends no more than agents give to it nothing is left unsent."""
    document = merged(QUIET, {"agents": {"s": {"rules": [sends({"every": "10us"}, "vf0", "vf1")]}}})
    result = result_of(document)
    assert result.agents["s"].frames_sent > 3
    assert not any("capture" in line for line in result.warnings)


def test_a_frame_leads_to_a_command_at_another_server_on_any_number_of_threads() -> None:
    """VM -> frame -> agent a -> frame -> agent b -> command at a third server."""
    servers = [{"name": name} for name in "abcd"]
    key = {"servers.c.set.switch.ports.vf1.rate_limit": "500Mbps"}
    document = merged(BASE, {
        "nic": {"vfs": 2}, "servers": servers, "bridge": {}, "run": {"duration": "60500ns"},
        "workload": {"pattern": "flows", "frame_bytes": 300, "flows": [
            ["d.vf0", "a.vf0", "2Gbps"], ["c.vf1", "d.vf1", "5Gbps"]]},
        "agents": {
            "a": {"server": "a", "work": "500ns", "rules": [
                sends(hears("a.vf0", **{"from": "d.vf0"}), "a.vf1", "b.vf1", message="more")]},
            "b": {"server": "b", "rules": [{"when": hears("b.vf1", ethertype=TYPE, message="more"), "set": key}]},
        },
    })  # fmt: skip
    one, two = (simulate(config_from_mapping(document), threads=threads) for threads in (1, 2))
    assert one.to_json(include_host_run=False) == two.to_json(include_host_run=False)
    done = [(action.agent, action.at_fs) for action in one.agent_actions]
    assert one.agents["a"].frames_sent >= one.agents["b"].sets == one.agents["b"].frames_heard > 3
    assert done[0][0] == "a" and {name for name, _ in done} == {"a", "b"}


# ---- What cannot be ----


@pytest.mark.parametrize(("agent", "told"), [
    (Mouth([0], [OwnFrame("vf9", "vf1", TYPE)]), "there is no vf9"),
    (Mouth([0], [OwnFrame("vf1", "vf9", TYPE)]), "there is no vf9"),
    (Mouth([0], [OwnFrame("vf1", "vf2", 0x800)]), "0x0800"),
    (Mouth([0], [OwnFrame("vf1", "vf2", TYPE, 9000)]), "longer than what the switch passes, 1518 B"),
    (Mouth([0], [OwnFrame("vf1", "vf2", TYPE)], apart=True), "apart"),
    (Ear([{"to": "vf9"}]), "there is no vf9 at its server"),
    (Ear([{"to": "vf1", "ethertype": 5}]), "agent ear: ethertype: 5 is out of range"),
    (Ear([{"too": "vf1"}]), "agent ear: to"),
    (Ear([{"to": "vf1"}], apart=True), "agent ear is apart and hears no frames"),
])  # fmt: skip
def test_an_agent_in_python_gets_a_line_for_what_cannot_be(agent: Agent, told: str) -> None:
    with pytest.raises(InputError) as caught:
        result_of(QUIET, agent)
    assert told in str(caught.value)


def test_a_frame_that_was_not_declared_is_not_sent() -> None:
    class Other(Mouth):
        def woke(self, at: Turn, timer: Any) -> None:
            at.send_frame(OwnFrame("vf1", "vf3", TYPE))

    with pytest.raises(InputError, match="none of its `frames`"):
        result_of(QUIET, Other([US], [OwnFrame("vf1", "vf2", TYPE)]))


def test_frames_of_one_header_share_it_and_each_sender_has_one_source() -> None:
    config = config_from_mapping(QUIET)
    frames = [OwnFrame("vf1", "vf2", TYPE), OwnFrame("vf1", "vf2", TYPE, 99), OwnFrame("vf0", "vf2", TYPE)]
    found, numbers = with_given(Workload([], [], Records()), config, frames)
    assert [numbers[frame] for frame in frames] == [0, 0, 1]
    assert [(one.port, one.kind, one.lengths) for one in found.sources] == [
        ("vf1", "silent", [64, 99]), ("vf0", "silent", [64]),
    ]  # fmt: skip
    assert [(one.source, one.target) for one in found.templates] == [("vf1", "vf2"), ("vf0", "vf2")]
