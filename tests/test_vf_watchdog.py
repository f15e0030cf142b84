"""Drivers that reset their VFs as the PF's tells them to: when, by hand, and what they ask for then."""

from __future__ import annotations

from typing import Any

import pytest

import hwmodel
from hwmodel.agents import drivers
from hwmodel.config import Config, config_from_mapping
from hwmodel.config.life import Life
from hwmodel.functions.pf_driver_state import ALLMULTI, MULTI, PROMISC, Vf
from hwmodel.functions.vf_driver import asked_again
from hwmodel.simulation.run.play import PlannedPlay, Play, play_of
from hwmodel.simulation.run.run import Run, silent

NS, US, MS, S = 10**6, 10**9, 10**12, 10**15
CALL_MS = 2
WRITE, ENTRY, READ_LATENCY = 90 * NS, 1000 * NS, 400 * NS
BYTE = 8 / 16 * 1538 / 1534 * NS  # Gen2 x4, in fs
READ = 2 * int(24 * BYTE) + READ_LATENCY  # 24 B up, 24 B down
FLIGHT = int(28 * BYTE)  # of a register write, and of an interrupt
MACHINE: dict[str, Any] = {
    "pcie.generation": 2, "pcie.lanes": 4, "driver.preset": None, "driver.doorbell_time": "90ns",
    "driver.interrupt_time": "700ns", "driver.exit_time": "300ns", "driver.watchdog": True,
    "host.read_latency": "400ns", "workload.load": 1e-4, "run.clocks": "exact",
}  # fmt: skip
TRUST = {"at": f"{CALL_MS}ms", "pf": {"vf": "vf2", "trust": True}}


def config_of(*events: dict[str, Any], **changes: Any) -> Config:
    base = {
        "nic": {"preset": "82599", "vfs": 4}, "workload": {"pattern": "pairs", "frame_bytes": 1518},
        "run": {"duration": "40ms", "warmup": "1ms"}, "scenario": list(events),
    }  # fmt: skip
    return config_from_mapping(base, {**MACHINE, **changes})


def carried_out(config: Config) -> Play:
    """Run a scenario to its end."""
    play = play_of(config)
    run = Run(play.scene.first, play.workload, silent, changes=play.planned, reacts=play.reacts)
    run.begin(play)
    for _ in run.pieces():
        pass
    return play


def lives_of(play: Play) -> list[Life]:
    return [] if play.scene.course is None else play.scene.course.lives


def vf2_of(play: Play) -> Vf:
    assert play.scene.drivers is not None
    return play.scene.drivers.state().vfs[2]


def until_reset(link_looks: int) -> int:
    """Return the time from a call to the reset, by hand: told, looked twice, refused twice."""
    told = 2 * WRITE + 2 * FLIGHT
    look = ENTRY + 2 * READ + link_looks * (100 * US + READ) + WRITE + 2 * READ + WRITE + 2 * FLIGHT
    refusal = ENTRY + READ + 2 * WRITE + 2 * FLIGHT
    return told + 2 * (look + refusal)


def way_up(*messages: tuple[int, int], n_rings: int = 2) -> int:
    """Return the time from the reset to rings, by hand; messages by the words that are sent and read."""
    asked = sum(4 * READ + (words + 2) * WRITE + 500 * US + n_read * READ for words, n_read in messages)
    return 10 * MS + 10 * MS + asked + n_rings * (8 * WRITE + 1 * MS + READ)


OWN = ((1, 4), (3, 3), (2, 2), (16, 16), (2, 2), (2, 2))  # RESET, version, mode, groups, VLAN 0, the longest frame


@pytest.mark.parametrize(("preset", "link_looks"), [("82599", 5), ("X550", 0)])
@pytest.mark.parametrize("call", [{"trust": True}, {"link": "auto"}])
def test_a_vf_resets_and_is_up_as_by_hand(preset: str, link_looks: int, call: dict[str, Any]) -> None:
    event = {"at": f"{CALL_MS}ms", "pf": {"vf": "vf2", **call}}
    play = carried_out(config_of(event, **{"nic.preset": preset, "nic.strict": False}))
    (life,) = lives_of(play)
    assert life.vm == "vf2" and life.event == 0
    assert life.at_fs == life.off_fs
    assert abs(life.at_fs - CALL_MS * MS - until_reset(link_looks)) < 3  # roundings, and 1 fs
    assert life.up_fs is not None and abs(life.up_fs - life.at_fs - way_up(*OWN)) < 10
    assert vf2_of(play).clear_to_send


@pytest.mark.parametrize(
    "fault",
    [{"LINK_LOOK_FS": 99 * US}, {"QUIET_FS": -1}, {"ACKNOWLEDGED": drivers.ACKNOWLEDGED._replace(reply_words=1)}],
)
def test_a_fault_of_the_watchdog_is_seen(fault: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """With the times by hand, or of two calls 100 ms apart."""
    for name, wrong in fault.items():
        monkeypatch.setattr(drivers, name, wrong)
    again = {"at": "100ms", "pf": {"vf": "vf2", "trust": False}}
    first, *others = lives_of(carried_out(config_of(TRUST, again, **{"run.duration": "110ms"})))
    assert others or abs(first.at_fs - CALL_MS * MS - until_reset(5)) >= 3


def test_without_a_watchdog_nobody_resets() -> None:
    config = config_of(TRUST, **{"driver.watchdog": False})
    play = play_of(config)
    assert isinstance(play, PlannedPlay)
    assert not vf2_of(play).clear_to_send


def test_one_vf_may_have_the_watchdog_alone() -> None:
    other = {"at": "3ms", "pf": {"vf": "vf1", "trust": True}}
    changes = {"driver.watchdog": False, "driver.vms": {"vf2": {"watchdog": True}}}
    assert [life.vm for life in lives_of(carried_out(config_of(TRUST, other, **changes)))] == ["vf2"]


def test_a_call_that_changes_nothing_tells_nobody() -> None:
    calls = ({"trust": False}, {"link": "enable"}, {"vlan": 5}, {"mac": "02:00:00:00:00:99"})
    events = [{"at": f"{2 + at}ms", "pf": {"vf": "vf2", **call}} for at, call in enumerate(calls)]
    assert lives_of(carried_out(config_of(*events))) == []


def test_what_the_vf_had_it_asks_for_again_and_what_it_was_refused() -> None:
    """A trusted VF gets the mode that it asked for before it was."""
    events = [
        {"at": "1ms", "mailbox": {"from": "vf2", "message": "set_vlan", "vlan": 20}},
        {"at": "2ms", "mailbox": {"from": "vf2", "message": "update_xcast", "mode": "allmulti"}},
        {"at": "3ms", "mailbox": {"from": "vf2", "message": "set_multicast", "groups": ["01:00:5e:00:00:01"]}},
        {"at": "4ms", "mailbox": {"from": "vf2", "message": "set_macvlan", "mac": "02:00:00:00:00:77"}},
        {"at": "5ms", "pf": {"vf": "vf2", "trust": True}},
    ]
    before = vf2_of(carried_out(config_of(*events[:-1])))
    assert before.xcast == MULTI
    play = carried_out(config_of(*events))
    after = vf2_of(play)
    assert after.xcast == ALLMULTI and after.trusted and after.clear_to_send
    assert (after.vlans, after.hashes, after.filters, after.api) == (
        before.vlans, before.hashes, before.filters, before.api,
    )  # fmt: skip
    assert {0, 20} == after.vlans and len(after.filters) == len(after.hashes) == 1
    (life,) = lives_of(play)
    more = (*OWN, (2, 2), (3, 3))
    assert life.up_fs is not None and abs(life.up_fs - life.at_fs - way_up(*more)) < 10


def test_the_words_of_what_it_asks_for_again() -> None:
    """As drivers write them: type and extra, then what is asked; VLANs without the port VLAN, which is the PF's."""
    own = Vf(vlans=frozenset((7, 20)), pf_vlan=7, filters=(0x020000000077,), hashes=(0x123, 0x456, 0x789))
    assert [asked.words for asked in asked_again(own, (0x0C, 2))] == [
        (1,), (8, 5, 0), (0x0C, 2), (0x030003, 0x04560123, 0x0789, *[0] * 13), (0x010006, 0x00000002, 0x7700),
        (0x010004, 0), (0x010004, 20), (5, 1518),
    ]  # fmt: skip
    plain = [(asked.message.name, asked.words is None) for asked in asked_again(Vf(), None)]
    assert plain == [("reset", False), ("api_negotiate", False), ("update_xcast", True), ("set_multicast", True),
                     ("set_vlan", False), ("set_lpe", False)]  # fmt: skip


def test_promiscuous_where_the_pf_is_and_trust_came_after() -> None:
    events = [
        {"at": "1ms", "pf": {"promiscuous": True}},
        {"at": "2ms", "mailbox": {"from": "vf2", "message": "update_xcast", "mode": "promisc"}},
        {"at": "3ms", "pf": {"vf": "vf2", "trust": True}},
    ]
    play = carried_out(config_of(*events, **{"nic.preset": "X550", "nic.strict": False}))
    assert vf2_of(play).xcast == PROMISC


def test_a_vf_that_is_trusted_no_longer_loses_what_it_may_not_have() -> None:
    ports = {"switch.ports.vf2.macs": ["02:00:00:00:00:71", "02:00:00:00:00:72"], "switch.ports.vf2.trusted": True}
    event = {"at": "2ms", "pf": {"vf": "vf2", "trust": False}}
    result = hwmodel.simulate(config_of(event, **ports))
    assert vf2_of(carried_out(config_of(event, **ports))).filters == ()
    assert result.series is not None
    (told,) = result.series.events
    assert "vf2's driver resets it 1.01 ms later; vf2 silent for 25" in told.did


def test_a_reset_that_the_scenario_sends_is_enough() -> None:
    reset = {"at": "2.1ms", "mailbox": {"from": "vf2", "message": "reset"}}
    play = carried_out(config_of(TRUST, reset))
    assert lives_of(play) == [] and vf2_of(play).clear_to_send


def test_a_vf_that_is_taken_away_meanwhile_does_not_reset() -> None:
    play = carried_out(config_of(TRUST, {"at": "2.1ms", "unplug": "vf2"}))
    (life,) = lives_of(play)
    assert life.event == 1 and life.parts is None


def test_it_resets_again_10_s_after_the_last_time() -> None:
    again = {"at": "100ms", "pf": {"vf": "vf2", "trust": False}}
    play = carried_out(config_of(TRUST, again, **{"run.duration": "10.2s", "workload.load": 1e-7}))
    first, second = lives_of(play)
    assert first.up_fs is not None and second.up_fs is not None
    answered = first.at_fs + 10 * MS + 10 * MS + 4 * READ + 3 * WRITE + 500 * US + 4 * READ
    look = until_reset(5) // 2
    assert answered + 10 * S < second.at_fs < answered + 10 * S + 2 * look
    assert not vf2_of(play).trusted and vf2_of(play).clear_to_send


def test_a_call_at_time_0_and_one_that_waits_for_a_condition() -> None:
    unplugs = {"at": "5ms", "unplug": "vf1"}
    waits = {"when": {"vm": "vf1", "up": False}, "pf": {"vf": "vf3", "trust": True}}
    play = carried_out(config_of({**TRUST, "at": "0ms"}, unplugs, waits))
    first, _, second = lives_of(play)
    assert (first.vm, second.vm) == ("vf2", "vf3")
    assert abs(first.at_fs - until_reset(5)) < 3
    came_fs = play.config.scenario[2].at_fs
    assert abs(second.at_fs - came_fs - until_reset(5)) < 3


def test_a_call_while_it_comes_up_is_found_then() -> None:
    """Behind the answer to RESET: what the driver asks for then is refused, and it looks until 10 s are over."""
    again = {"at": "25ms", "pf": {"vf": "vf2", "trust": False}}
    play = carried_out(config_of(TRUST, again, **{"nic.preset": "82599"}))
    (life,) = lives_of(play)
    assert life.up_fs is not None and not vf2_of(play).clear_to_send
    looks = [one.from_fs for one in play.messages if one.text == "vf2: acknowledgement"]
    look = until_reset(5) // 2
    n_looks = (41 * MS - life.up_fs) / look
    assert abs(sum(at_fs > life.up_fs for at_fs in looks) - n_looks) <= 1


def test_a_vf_that_is_reset_from_outside_is_heard_again() -> None:
    flr = {"at": "2.1ms", "reset": "vf2"}
    play = carried_out(config_of(TRUST, flr, **{"run.duration": "130ms"}))
    (life,) = lives_of(play)
    assert life.event == 1 and life.up_fs is not None and vf2_of(play).clear_to_send
