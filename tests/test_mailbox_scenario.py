"""Messages and calls as events of a scenario, in the machine: a grant holds from then on, a refusal changes nothing."""

from __future__ import annotations

import pickle
import re
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scapy.utils import RawPcapReader

from hwmodel.cli import main
from hwmodel.config import Config, config_from_mapping, load_config
from hwmodel.config.mailbox import MailboxMessage
from hwmodel.errors import InputError
from hwmodel.functions.mailbox import encode
from hwmodel.functions.mailbox_events import PfDrivers, answered_text, asked_text, called_text
from hwmodel.functions.pf_driver_state import keys_of
from hwmodel.results import Result
from hwmodel.simulation import simulate
from hwmodel.simulation.run.commands import Change
from hwmodel.simulation.run.play import play_of
from hwmodel.simulation.run.run import Run, silent
from hwmodel.simulation.run.scenario import scene_of
from hwmodel.units import FS_PER_NS

US = 10**3 * FS_PER_NS
# vf1 sends frames of VLAN 20 to vf0, which at first is not in it; nor is the wire, so that they are dropped.
BASE: dict[str, Any] = {
    "nic": {"vfs": 4},
    "driver": {"preset": "dpdk"},
    "switch": {"uplink": {"vlans": [1]}, "ports": [{"name": "vf1", "port_vlan": 20, "vlans": [20], "trusted": True}]},
    "workload": {
        "pattern": "flows",
        "flows": [["vf1", "vf0", "2Gbps"], ["vf2", "vf3", "2Gbps"]],
        "frame_bytes": 512,
        "arrivals": "periodic",
    },
    "run": {"warmup": "20us", "duration": "200us"},
}
VLAN = {"from": "vf0", "message": "set_vlan", "vlan": 20}


def config_of(*events: dict[str, Any], **blocks: Any) -> Config:
    return config_from_mapping({**BASE, **blocks, "scenario": list(events)})


def received(result: Result, vf: str) -> tuple[float, ...]:
    assert result.series is not None
    return result.series.vms[vf].rx_gbps


def without_scenario(result: Result) -> str:
    return replace(result, config={}, config_hash="", series=None).to_json(include_host_run=False)


def delivered(folder: Path, config: Config) -> bytes:
    """Return the frames that a run delivers, with their times."""
    simulate(config, pcap_path=str(folder / "delivered.pcap"))
    return (folder / "delivered.pcap").read_bytes()


class Played(NamedTuple):
    """A scenario that was carried out: its changes of keys, the drivers, and the configuration at the end."""

    granted: list[Change]
    drivers: PfDrivers
    last: Config


def played(config: Config) -> Played:
    """Run a scenario to its end."""
    play = play_of(config)
    run = Run(play.scene.first, play.workload, silent, changes=play.planned, reacts=play.reacts)
    entered, schedule = [Change(0, play.scene.first)], run.machine.schedule
    enter = schedule._enter

    def noted(change: Change, **how: Any) -> None:
        entered.append(change)
        enter(change, **how)

    schedule._enter = noted  # type: ignore[method-assign]
    run.begin(play)
    for _ in run.pieces():
        pass
    assert play.scene.drivers is not None
    changed = [new for old, new in pairwise(entered) if new.config is not old.config and new.config != old.config]
    return Played(changed, play.scene.drivers, entered[-1].config)


def granted_at(event: dict[str, Any]) -> str:
    """Return when what the PF grants holds, of an event alone, or what a call asks, as a file has it."""
    (change,) = played(config_of(event)).granted
    return f"{change.at_fs}fs"


def events_of(result: Result) -> list[tuple[str, str]]:
    assert result.series is not None
    return [(event.event, event.did) for event in result.series.events]


def test_a_vlan_that_is_granted_lets_frames_pass() -> None:
    """Before, vf1's frames are dropped: nobody in VLAN 20 has the address. From 100 us on vf0 gets them."""
    result = simulate(config_of({"at": "100us", "mailbox": VLAN}))
    rates = received(result, "vf0")
    assert max(rates[:20]) == 0 < min(rates[23:])
    assert result.series is not None
    drops = result.series.vms["vf1"].drops
    assert min(drops[:20]) > 0 == max(drops[24:])
    ((event, did),) = events_of(result)
    assert event == "vf0 asks for VLAN 20"
    assert did.startswith("granted; vf0 receives ")


def test_a_message_changes_what_the_same_keys_change(tmp_path: Path) -> None:
    """A grant is, frame by frame, an event that sets the keys when the PF answers; so is a call.

    A message has its accesses to registers on the link too: so has one of as many words that is refused.
    """
    pairs: list[tuple[dict[str, Any], dict[str, Any]]] = [
        ({"mailbox": VLAN}, {"switch.ports.vf0.vlans": [1, 20]}),
        ({"mailbox": {"from": "vf2", "message": "set_mac", "mac": "02:00:00:00:00:77"}},
         {"switch.ports.vf2.macs": ["02:00:00:00:00:77"]}),
        ({"pf": {"vf": "vf2", "rate_limit": "100Mbps"}}, {"switch.ports.vf2.rate_limit": "100Mbps"}),
        ({"pf": {"vf": "vf3", "link": "disable"}}, {"switch.ports.vf3.enabled": False}),
        ({"pf": {"vf": "vf3", "vlan": 30}},
         {"switch.ports.vf3": {"port_vlan": 30, "vlans": [30], "untagged": [30]}}),
    ]  # fmt: skip
    for asked, changes in pairs:
        event = {"at": "100us", **asked}
        found = delivered(tmp_path, config_of(event))
        beside = []
        if "mailbox" in asked:
            n_words = len(encode(MailboxMessage.model_validate(asked["mailbox"])))
            beside = [
                {"at": "100us", "mailbox": {"from": asked["mailbox"]["from"], "words": [0xFF, *[0] * (n_words - 1)]}}
            ]
        assert found == delivered(tmp_path, config_of(*beside, {"at": granted_at(event), "set": changes}))


def test_a_refusal_has_its_accesses_to_registers_and_changes_nothing_else(tmp_path: Path) -> None:
    """Two words and one more by the VF, 18 words by the PF, of 28 B; a read by the VF, 17 by the PF: 24 B each way."""
    refused = {"from": "vf1", "message": "set_vlan", "vlan": 30}
    times, bytes_of = [], []
    for what in ({"mailbox": refused}, {"set": {}}):
        config = config_of({"at": "100us", **what}, pcie={"dllp_model": "none"})
        found = simulate(config, pcap_path=str(tmp_path / "frames.pcap"))
        bytes_of.append([direction.bytes.doorbell for direction in (found.pcie.down, found.pcie.up)])
        with RawPcapReader(str(tmp_path / "frames.pcap")) as frames:  # of nanoseconds
            times.append([(meta.sec * 10**9 + meta.usec, data) for data, meta in frames])
    assert times[0] == times[1]  # at this load none meets them
    assert [with_it - without for with_it, without in zip(*bytes_of, strict=True)] == [21 * 28 + 18 * 24, 18 * 24]
    found = simulate(config_of({"at": "100us", "mailbox": refused}))
    ((event, did),) = events_of(found)
    assert event == "vf1 asks for VLAN 30"
    assert did.startswith("refused: the PF has set port VLAN 20 for this VF; no VM's rate changed")


def test_a_call_at_time_0_is_in_what_the_run_begins_with() -> None:
    found = simulate(config_of({"at": "0ns", "pf": {"vf": "vf0", "vlan": 20}}))
    vf_0 = {"name": "vf0", "port_vlan": 20, "vlans": [20], "untagged": [20]}
    vf_1 = BASE["switch"]["ports"][0]
    switch = {**BASE["switch"], "ports": [vf_0, vf_1]}
    static = simulate(config_from_mapping({**BASE, "switch": switch}), counters=True)
    assert without_scenario(found) == without_scenario(static)
    assert events_of(found) == [("the PF puts vf0 into VLAN 20", "done; the run begins with it")]


def test_the_state_goes_from_event_to_event() -> None:
    """In the order of time: trust makes the PF refuse until the VF has reset, then its own address no longer binds."""
    mac = {"from": "vf2", "message": "set_mac", "mac": "02:00:00:00:00:88"}
    config = config_of(
        {"at": "130us", "mailbox": mac},
        {"at": "20us", "pf": {"vf": "vf2", "mac": "02:00:00:00:00:77"}},
        {"at": "30us", "mailbox": mac},
        {"at": "60us", "pf": {"vf": "vf2", "trust": True}},
        {"at": "80us", "mailbox": mac},
        {"at": "105us", "mailbox": {"from": "vf2", "message": "reset"}},
    )
    found = played(config)
    told = [(found.drivers.asked(at), found.drivers.answered(at)) for at in range(6)]
    assert told == [
        ("vf2 asks for the address 02:00:00:00:00:88", "granted"),
        ("the PF sets vf2's address to 02:00:00:00:00:77", "done"),
        ("vf2 asks for the address 02:00:00:00:00:88",
         "refused: the PF has set this VF's address, and it is not trusted"),
        ("the PF trusts vf2", "done"),
        ("vf2 asks for the address 02:00:00:00:00:88",
         "refused: the VF has to reset first; until then the PF serves no other message"),
        ("vf2 resets", "granted"),
    ]  # fmt: skip
    (served,) = found.drivers.served[0]
    assert [change.at_fs for change in found.granted] == [20 * US, 60 * US, served.answered_fs + 1]
    station = found.last.switch.ports[3]
    assert station.name == "vf2" and station.macs == (0x02_00_00_00_00_88,) and station.trusted
    assert found.drivers.state().vfs[2].mac == 0x02_00_00_00_00_88


def test_what_is_set_counts_for_what_is_asked_then() -> None:
    """A port VLAN that `set` gives is the PF's; and a grant keeps what `set` gave."""
    config = config_of(
        {"at": "20us", "set": {"switch.ports.vf2.port_vlan": 30, "switch.ports.vf2.vlans": [30]}},
        {"at": "30us", "mailbox": {**VLAN, "from": "vf2"}},
        {"at": "40us", "set": {"switch.ports.vf0.vlans": [1, 40]}},
        {"at": "50us", "mailbox": VLAN},
    )
    found = played(config)
    assert found.drivers.answers(1)[0].is_refused
    assert found.last.switch.ports[1].vlans == (1, 20, 40)


def test_a_message_is_sent_again_and_again() -> None:
    flood = {**VLAN, "times": 1000, "every": "100ns"}
    config = config_of({"at": "50us", "mailbox": flood}, run={"warmup": "20us", "duration": "20ms"})
    found = played(config)
    assert len(found.granted) == 1  # the first grants what all ask for
    assert found.drivers.answered(0).startswith("1,000 granted; they keep the PF's core for ")
    n_early = sum(each.answered_fs <= 5000 * US for each in found.drivers.served[0])
    assert 0 < n_early < 1000
    assert found.drivers.answered(0, 5000 * US).startswith(f"{n_early:,} granted; {1000 - n_early:,} not answered by ")
    assert found.drivers.answered(0, 0) == "1,000 not answered by the end"
    assert found.drivers.asked(0) == "vf0 asks for VLAN 20, 1,000 times, one every 100ns"
    refused = {**flood, "from": "vf1"}
    result = simulate(config_of({"at": "50us", "mailbox": refused}))
    told = re.match(
        r"(\d+) refused: the PF has set port VLAN 20 for this VF; (\d+) not answered by the end; they keep the PF's",
        events_of(result)[0][1],
    )
    assert told is not None
    # 17 times 9.65 us are over by 220 us; on a link on which 1,000 of vf1's reads are under way all take longer.
    assert 12 <= int(told[1]) <= 17 and int(told[1]) + int(told[2]) == 1000


def test_an_event_takes_effect_when_the_pf_has_answered() -> None:
    """By hand: is the mailbox free, three writes, flight both ways; the cause, 16 words, 18 writes."""
    slow = {"preset": None, "doorbell_time": "100ns"}
    link = {"generation": 2, "lanes": 4}
    config = config_of(
        {"at": "50us", "mailbox": {**VLAN, "times": 3, "every": "1us"}},
        driver=slow, pcie=link, host={"read_latency": "400ns"}, workload={"pattern": "pairs", "load": 1e-3},
        run={"warmup": "20us", "duration": "200us", "clocks": "exact"}, switch={},
    )  # fmt: skip
    byte = 8 / 16 * 1538 / 1534
    read, flight = 48 * byte + 400, 28 * byte
    first = 50_000 + read + 3 * 100 + 2 * flight
    serving = 17 * read + 18 * 100
    served = played(config).drivers.served[0]
    answered = [each.answered_fs / FS_PER_NS for each in served]
    assert answered == pytest.approx([first + n * serving for n in (1, 2, 3)], abs=0.01)
    assert [each.taken_fs / FS_PER_NS for each in served] == pytest.approx(
        [first + n * serving for n in range(3)], abs=0.01
    )
    event = config.scenario[0]
    assert event.end_fs == 52 * US and event.kinds == ("mailbox",)


def test_a_function_that_goes_asks_and_answers_no_more() -> None:
    """A message takes vf0 less than a microsecond to write, and the PF 9.65 us to answer."""
    flood = {"at": "50us", "mailbox": {**VLAN, "times": 10, "every": "10us"}}
    for gone, n_answered in (("vf0", 4), ("pf", 3)):
        drivers = played(config_of(flood, {"at": "85us", "reset": gone}, workload={"load": 1e-3}, switch={})).drivers
        lost = f"{n_answered} granted; {10 - n_answered} not answered, as vf0 or its PF has gone; they keep"
        assert drivers.answered(0).startswith(lost)
    once = config_of({"at": "50us", "mailbox": VLAN}, {"at": "50us", "reset": "vf0"})
    assert events_of(simulate(once))[0][1].startswith("not answered, as vf0 or its PF has gone")


def test_groups_that_a_vf_asks_for_come_to_it() -> None:
    """The hash is all that the PF hears of; the groups that the scenario names are those that it lets through."""
    quiet = {"name": "all", "accept": ["broadcast"]}
    group = {"from": "vf0", "message": "set_multicast", "groups": ["01:00:5e:00:00:01", "01:00:5e:7f:00:09"]}
    config = config_of({"at": "20us", "mailbox": group}, switch={"ports": [quiet]})
    (change,) = played(config).granted
    assert change.config.switch.ports[1].groups == (0x01_00_5E_00_00_01, 0x01_00_5E_7F_00_09)


def test_each_server_has_a_driver() -> None:
    servers: dict[str, Any] = {
        "nic": {"vfs": 2}, "servers": [{"name": "a"}, {"name": "b", "adapters": [{"name": "x"}, {"name": "y"}]}],
        "workload": {"pattern": "pairs", "load": 0.1},
    }  # fmt: skip
    config = config_of(
        {"at": "20us", "mailbox": {**VLAN, "from": "a.vf0"}},
        {"at": "30us", "mailbox": {**VLAN, "from": "b.y.vf1"}},
        {"at": "40us", "pf": {"server": "b.x", "promiscuous": True}},
        {"at": "50us", "pf": {"vf": "b.x.vf0", "mac": "02:00:00:00:00:99"}},
        {"at": "60us", "mailbox": {"from": "a.vf0", "message": "set_mac", "mac": "02:00:00:00:00:98"}},
        **{**servers, "switch": {}},
    )
    found = played(config)
    first, *entries = found.last.servers
    assert first.changes["switch.ports.vf0.vlans"] == [1, 20]
    assert first.changes["switch.ports.vf0.macs"] == ["02:00:00:00:00:98"]
    x, y = entries[0].adapters
    assert y.changes["switch.ports.vf1.vlans"] == [1, 20] and "switch.ports.vf1.vlans" not in x.changes
    assert x.changes["switch.ports.pf.promiscuous"] is True
    assert found.drivers.asked(2) == "the PF of b.x is promiscuous"
    for name, blocks, known in (("b", servers, "there are a, b.x, b.y"), ("a", {}, "the only one has no name")):
        with pytest.raises(InputError, match=rf"scenario\.0\.pf\.server: no adapter is called {name}; {known}"):
            config_of({"at": "20us", "pf": {"server": name, "promiscuous": True}}, **{**blocks, "switch": {}})


HEAD = "nic: {vfs: 4}\nrun: {duration: 5ms, warmup: 1ms}\nscenario:\n"
WRONG = {
    "- {at: 2ms, mailbox: {from: vf9, message: reset}}": "4:23: scenario.0.mailbox.from: there is no vf9",
    "- {at: 2ms, mailbox: {from: pf, message: reset}}": "4:23: scenario.0.mailbox.from: the PF asks nobody",
    "- {at: 2ms, mailbox: {from: vf1, message: rest}}": "4:43: scenario.0.mailbox.message: 'rest' is not one of",
    "- {at: 2ms, mailbox: {from: vf1, message: set_vlan, vlan: 4096}}": "4:59: scenario.0.mailbox.vlan: 4096 is out ",
    "- {at: 2ms, mailbox: {from: vf1, message: set_vlan}}": "4:22: scenario.0.mailbox: set_vlan needs vlan",
    "- {at: 2ms, mailbox: {from: vf1, mesage: reset}}": "4:34: scenario.0.mailbox.mesage: unknown key (did you mean ",
    "- {at: 2ms, mailbox: {from: vf1, message: reset}, set: {}}": "4:13: scenario.0.mailbox: this event has set alrea",
    "- {at: 2ms, mailbox: {from: vf1, message: reset}, pf: {vf: vf1, trust: true}}": (
        "4:51: scenario.0.pf: this event has mailbox already; what else happens is one more event"),
    "- {at: 2ms, mailbox: {from: vf1, message: reset, times: 9, every: 1ms}}": (
        "4:57: scenario.0.mailbox.times: the last message, at 10ms, is after the run's end, 6ms"),
    "- {at: 7ms, mailbox: {from: vf1, message: reset}}": "4:8: scenario.0.at: 7ms is after the run's end",
    "- {at: 2ms, pf: {trust: true}}": "4:17: scenario.0.pf: vf is missing: whose trust",
    "- {at: 2ms, pf: {vf: vf5, trust: true}}": "4:18: scenario.0.pf.vf: there is no vf5",
    "- {at: 2ms, pf: {vf: vf1, vlan: 4095}}": "4:33: scenario.0.pf.vlan: 4095 is out of range",
    "- {at: 2ms, pf: {vf: vf1, link: up}}": "4:33: scenario.0.pf.link: 'up' is not one of auto, enable, disable",
}  # fmt: skip
BY_DRIVERS = {
    '- {at: 2ms, mailbox: {from: vf1, message: set_mac, mac: "02:00:00:00:00:02"}}': (
        "4:22: scenario.0.mailbox: switch.ports.vf1.macs.0: vf0 and vf1 both have 02:00:00:00:00:02 in VLAN 1; the "
        "PF's driver grants it, but the switch cannot have it"),
}  # fmt: skip


@pytest.mark.parametrize("lines", WRONG)
def test_what_is_wrong_is_said_with_its_place(lines: str, tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(HEAD + lines + "\n")
    with pytest.raises(InputError) as caught:
        load_config(path)
    (line,) = caught.value.lines
    place, _, rest = WRONG[lines].partition(": ")
    assert line.startswith(f"{path}:{place}: {rest}"), line


@pytest.mark.parametrize("lines", BY_DRIVERS)
def test_what_comes_of_an_answer_is_said_by_check_too(lines: str, tmp_path: Path, capsys: Any) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(HEAD + lines + "\n")
    with pytest.raises(InputError) as caught:
        scene_of(load_config(path))
    assert caught.value.lines == [f"{path}:{BY_DRIVERS[lines]}"]
    assert main(["check", str(path)]) == 2
    assert BY_DRIVERS[lines] in capsys.readouterr().err


def test_another_mailbox_is_not_taken_for_this(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text("nic: {vfs: 4, preset: XL710}\nscenario:\n- {at: 2us, mailbox: {from: vf1, message: reset}}\n")
    with pytest.raises(InputError, match=r"c\.yaml:3:22: scenario\.0\.mailbox: nic\.preset: VFs of the XL710 speak"):
        scene_of(load_config(path))


def test_a_key_that_a_bridge_fixes_is_refused_at_the_event() -> None:
    config = config_of(
        {"at": "20us", "mailbox": {"from": "vf0", "message": "set_mac", "mac": "02:00:00:00:00:98"}},
        switch={"mode": "vn_tag"}, bridge={"kind": "controlling"},
    )  # fmt: skip
    with pytest.raises(
        InputError, match=r"scenario\.0\.mailbox: it changes switch\.ports\.vf0\.macs\.0, which is fixed"
    ):
        scene_of(config)


@pytest.mark.parametrize("key", ["nic.vfs", "pcie.tags"])
def test_what_is_fixed_is_refused_beside_messages_too(key: str) -> None:
    changes = [{"at": "20us", "set": {key: 2}}, {"at": "30us", "mailbox": VLAN}]
    with pytest.raises(InputError, match=rf"scenario\.0\.set\.{key}: fixed while the machine runs"):
        scene_of(config_of(*changes, switch={}, workload={"load": 0.1}))


def test_events_are_resolved_as_written_and_read_back() -> None:
    events = [{"at": "20us", "mailbox": VLAN}, {"at": "30us", "pf": {"vf": "vf2", "rate_limit": "0bps"}}]
    config = config_of(*events)
    assert config.resolved()["scenario"] == events
    again = config_from_mapping(config.resolved())
    assert again.config_hash() == config.config_hash()
    assert scene_of(again).changes == scene_of(config).changes


def test_all_that_is_asked_has_words() -> None:
    events: list[dict[str, Any]] = [
        {"mailbox": {"from": "vf0", "message": "set_multicast", "hashes": [1, 2]}},
        {"mailbox": {"from": "vf0", "words": [4, 20]}},
        {"mailbox": {"from": "vf0", "words": ["0x80000004"]}},
        {"mailbox": {**VLAN, "add": False}},
        {"pf": {"vf": "vf0", "vlan": 20, "qos": 3, "spoof_check": False, "query_rss": True, "link": "enable"}},
        {"pf": {"vf": "vf0", "mac": "00:00:00:00:00:00", "vlan": 0, "rate_limit": "0bps", "spoof_check": True}},
    ]
    config = config_of(*({"at": "20us", **event} for event in events))
    drivers = played(config).drivers
    told = [f"{drivers.asked(at)}: {drivers.answered(at)}" for at in range(len(events))]
    assert told == [
        "vf0 asks for 2 group hashes: granted",
        "vf0 sends the words 0x00000004, 0x00000014: granted",
        "vf0 sends the words 0x80000004: ignored: it bears ACK or NACK: an answer that was read already",
        "vf0 asks to leave VLAN 20: granted",
        "the PF puts vf0 into VLAN 20, with priority 3, no longer checks vf0's source addresses, sets vf0's link to "
        "enable, lets vf0 read the RSS table: done (the driver takes enable and does nothing)",
        "the PF takes vf0's address, takes vf0 out of its port VLAN, lifts vf0's rate limit, checks vf0's source "
        "addresses: done",
    ]
    assert all((asked_text, called_text, answered_text))


def test_an_event_is_changed_like_any_key_and_goes_along_with_its_configuration() -> None:
    config = config_of({"at": "20us", "mailbox": VLAN})
    other = config.with_overrides({"scenario.0.mailbox.vlan": 31})
    (change,) = played(pickle.loads(pickle.dumps(other))).granted
    assert change.config.switch.ports[1].vlans == (1, 31)
    with pytest.raises(InputError, match=r"scenario\.0\.mailbox\.vlan: 5000 is out of range"):
        config.with_overrides({"scenario.0.mailbox.vlan": 5000})


ASKED = st.one_of(
    st.builds(lambda vlan, add: {"message": "set_vlan", "vlan": vlan, "add": add}, st.integers(0, 5), st.booleans()),
    st.builds(lambda n: {"message": "set_mac", "mac": f"02:00:00:00:07:{n:02x}"}, st.integers(0, 99)),
    st.builds(
        lambda index, n: {"message": "set_macvlan", "index": index, "mac": f"02:00:00:00:08:{n:02x}"},
        st.integers(0, 3), st.integers(0, 99),
    ),
    st.builds(lambda mode: {"message": "update_xcast", "mode": mode}, st.sampled_from(["none", "multi", "allmulti"])),
    st.just({"message": "set_multicast", "groups": ["01:00:5e:00:00:01"]}),
    st.just({"message": "reset"}),
    st.just({"message": "api_negotiate", "api": "1.4"}),
)  # fmt: skip
CALLED = st.one_of(
    st.builds(lambda vlan, qos: {"vlan": vlan, "qos": qos}, st.integers(0, 5), st.integers(0, 7)),
    st.builds(lambda n: {"mac": f"02:00:00:00:09:{n:02x}"}, st.integers(0, 99)),
    st.builds(lambda key, value: {key: value}, st.sampled_from(["trust", "spoof_check"]), st.booleans()),
    st.builds(lambda link: {"link": link}, st.sampled_from(["auto", "disable"])),
    st.builds(lambda mbps: {"rate_limit": f"{mbps}Mbps"}, st.integers(0, 11_000)),
)
EVENTS = st.one_of(
    st.builds(lambda asked, vf: {"mailbox": {"from": f"vf{vf}", **asked}}, ASKED, st.integers(0, 3)),
    st.builds(lambda called, vf: {"pf": {"vf": f"vf{vf}", **called}}, CALLED, st.integers(0, 3)),
)


@given(st.lists(EVENTS, min_size=1, max_size=12))
@settings(max_examples=60, deadline=None)
def test_the_stations_are_always_what_the_driver_knows(events: list[dict[str, Any]]) -> None:
    """After any events the configuration says, key by key, what follows from the driver's state."""
    blocks: dict[str, Any] = {"switch": {}, "workload": {"pattern": "pairs", "load": 0.1}}
    config = config_of(*({"at": f"{at}us", **event} for at, event in enumerate(events)), **blocks)
    try:
        scene = scene_of(config)
    except InputError as error:
        assert all("grants it, but the switch cannot have it" in line for line in error.lines)  # two with one address
        return
    assert scene.drivers is not None
    last = scene.changes[-1].config if scene.changes else scene.first
    state = scene.drivers.state()
    stations = {port["name"]: port for port in last.resolved()["switch"]["ports"]}
    for at, own in enumerate(state.vfs):
        expected = keys_of(state.adapter, own)
        assert {key: stations[f"vf{at}"][key] for key in expected} == expected
