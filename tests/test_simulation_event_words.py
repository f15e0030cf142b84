"""What the events of runs are said to have done: sentences of whole runs, their figures added up from the series."""

from __future__ import annotations

import re
from statistics import fmean
from typing import Any

import pytest

from hwmodel.config import config_from_mapping
from hwmodel.results import Result
from hwmodel.results.bottleneck_text import FULL_OF_LOST, FULLEST_ON_AVERAGE
from hwmodel.results.reading import headline
from hwmodel.results.summary import MOST_LINES, event_lines, summary
from hwmodel.simulation import simulate
from hwmodel.words.quantities import three_digits

BASE: dict[str, Any] = {
    "nic": {"preset": "82599", "vfs": 4},
    "workload": {"frame_bytes": 1518, "pattern": "ring", "load": 0.2, "arrivals": "periodic"},
    "run": {"warmup": "1ms", "duration": "9ms"},
}
LONG: dict[str, Any] = {"workload": {**BASE["workload"], "load": 0.02}, "run": {"warmup": "5ms", "duration": "195ms"}}


def run(*events: dict[str, Any], **keys: Any) -> Result:
    return simulate(config_from_mapping({**BASE, **keys, "scenario": list(events)}))


def told(result: Result) -> list[str]:
    assert result.series is not None
    assert len(summary(result).splitlines()) <= MOST_LINES
    return [event.did for event in result.series.events]


def limit(at: str, vf: str, rate: str) -> dict[str, Any]:
    return {"at": at, "set": {f"switch.ports.{vf}.rate_limit": rate}}


def test_no_event_points_to_a_sentence_that_none_of_its_instant_has() -> None:
    """There is too little time before 3 ms, in intervals of 2 ms: of others than vf1 nothing can be told."""
    ask = {"at": "3ms", "mailbox": {"from": "vf1", "message": "set_vlan", "vlan": 20}}
    workload = {"pattern": "pairs", "frame_bytes": 1518, "load": "100Mbps"}
    keys = {"run": {"warmup": "1ms", "duration": "110ms"}, "workload": workload}
    asks, resets = told(run(ask, {"at": "3ms", "reset": "vf1"}, **keys))
    assert asks == "not answered, as vf1 or its PF has gone"
    assert resets.startswith("vf1 not up again by the end") and "another event" not in resets


def test_events_of_one_instant_have_one_sentence_on_rates() -> None:
    result = run(
        {"at": "5ms", "set": {"pcie.generation": 2}},  # as it is
        limit("5ms", "vf1", "100Mbps"),
        limit("5ms", "vf3", "50Mbps"),
        {"at": "5ms", "mailbox": {"from": "vf0", "message": "get_link_state"}},
    )
    nothing, both, *others = told(result)
    assert nothing == "nothing changes: these values hold already"
    assert "vf3 sends 0.0502 Gb/s (0.494 before); vf1 sends 0.100 Gb/s (0.494 before); vf2" in both
    assert [one.rpartition("; ")[2] for one in others] == ["what it did is told with another event of this instant"] * 2
    assert others[1].startswith("granted; ")


def test_an_event_that_changes_nothing_does_not_part_the_time_behind_another() -> None:
    first, *others = told(run(*(limit(f"{at_us}us", "vf1", "100Mbps") for at_us in (5000, 5100, 5300))))
    assert first.startswith("vf1 sends 0.0999 Gb/s (0.494 before); vf2 receives 0.0999 Gb/s (0.488 before); all other ")
    assert others == ["nothing changes: these values hold already"] * 2


def test_what_waits_for_an_event_is_told_with_it() -> None:
    """The limit comes 1 fs behind the event that it waits for: what either did cannot be told apart from the other."""
    gone, limited = ({"at": "5ms", "unplug": "vf0"}, {"when": {"vm": "vf0", "up": False}, **limit("", "vf3", "50Mbps")})
    del limited["at"]
    first, second = told(run(gone, limited))
    assert first.startswith("vf0 gone; ") and "; vf3 sends 0.0502 Gb/s (0.494 before); " in first
    assert second == "what it did is told with another event of this instant"
    begins, behind = told(run(limit("0ns", "vf1", "5Gbps"), {**gone, "at": "1fs"}))
    assert begins == "the run begins with it" and behind == "vf0 gone; 1 frame lost"


def test_an_event_is_told_though_all_who_send_go_at_its_instant_or_too_little_time_is_left() -> None:
    """What an instant did to the VMs that its events take away is told by the event that has nothing else to tell."""
    limited, gone = told(run(limit("5ms", "vf1", "100Mbps"), {"at": "5ms", "enable_vfs": 0}))
    assert "receives nothing (" in limited and gone.startswith("vf0 and 3 more gone; ")
    limited, gone = told(run(limit("9900us", "vf1", "100Mbps"), {"at": "9900us", "unplug": "vf0"}))
    assert limited == "too little time behind it to tell by intervals of 200 us"
    assert gone.startswith("vf0 gone; ")


def test_what_happens_at_the_start_without_a_trace_is_told() -> None:
    (flood,) = told(run({"at": "0ns", "flood": {"from": "vf0", "every": "1us", "for": "10us"}}))
    assert flood == "too little time before it to tell by intervals of 200 us"


def test_a_flood_that_is_cut_short_says_after_how_many_doorbells() -> None:
    """One each microsecond from 2 ms on: 3,000 before 5 ms, and 8,000 up to the end at 10 ms."""
    flood = {"at": "2ms", "flood": {"from": "vf0", "every": "1us", "for": "9ms"}}
    assert told(run(flood, {"at": "5ms", "unplug": "vf0"}))[0].startswith("3,000 written before vf0 goes; ")
    assert told(run(flood))[0].startswith("8,000 written by the end; ")
    flood["flood"]["for"] = "8ms"
    assert "written" not in told(run(flood))[0]


def test_the_end_of_a_flood_is_a_change() -> None:
    """Doorbells of 50 ns take much of a narrow link for 1 ms; then rates are what they were."""
    flood = {"at": "5ms", "flood": {"from": "vf0", "every": "50ns", "for": "1ms"}}
    keys = {
        "nic": {"preset": "82599", "vfs": 2}, "pcie": {"generation": 2, "lanes": 2}, "driver": {"preset": "dpdk"},
        "workload": {"pattern": "pairs", "frame_bytes": 1518, "load": "saturate"},
        "run": {"warmup": "1ms", "duration": "9ms"},
    }  # fmt: skip
    result = run(flood, **keys)
    during, _, behind = told(result)[0].partition("over at 6.00 ms")
    assert "no VM's rate changed" not in during and behind
    series = result.series
    assert series is not None
    sent = series.vms["vf0"].tx_gbps
    n_before, n_during = (round(ms * 1e6 / series.interval_ns) for ms in (5, 1))
    before, flooded = fmean(sent[n_before // 2 : n_before]), min(sent[n_before : n_before + n_during])
    assert flooded < 0.6 * before
    assert f"vf0 sends {three_digits(before)[:3]}" in behind and f"({three_digits(before)[:3]}" in during


def test_the_figures_of_a_sentence_are_means_of_the_series() -> None:
    """200 us an interval: 25 before the event at 5 ms, 25 behind it, of each the first two left out."""
    result = run(limit("5ms", "vf1", "100Mbps"))
    assert result.series is not None and result.series.interval_ns == 200_000 and result.series.n_intervals == 50
    sent = result.series.vms["vf1"].tx_gbps
    was, became = (three_digits(fmean(part)) for part in (sent[2:25], sent[27:50]))
    assert f"vf1 sends {became} Gb/s ({was} before)" in told(result)[0]


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        ({"set": {"servers.b.set.port.down": ["p0"]}}, "LINK_DOWN"),
        ({"set": {"bridge.policy": [{"port": "a.vf0", "action": "deny"}]}}, "ACL_DENY"),
        ({"reset": "b.vf0"}, "UNKNOWN_UNICAST"),
    ],
)
def test_all_that_is_dropped_behind_an_event_is_told_whosever_it_is(event: dict[str, Any], reason: str) -> None:
    """The result counts all by their reasons: none of this one before the event; at a bridge they are of no VM."""
    flows = [["a.vf0", "b.vf0", "1Gbps"], ["b.vf1", "a.vf1", "1Gbps"]]
    result = run(
        {"at": "3ms", **event},
        servers=[{"name": "a"}, {"name": "b"}],
        bridge={"announce": True},
        workload={"pattern": "flows", "flows": flows, "frame_bytes": 512},
        run={"warmup": "1ms", "duration": "5ms"},
    )
    series = result.series
    assert series is not None and series.n_intervals == 60  # 100 us each, up to the run's end
    rows = (series.other_drops, *(vm.drops for vm in series.vms.values()))
    by_interval = [sum(each) for each in zip(*rows, strict=True)]
    assert sum(by_interval) == sum(result.drops.values()) and not any(by_interval[:30])
    assert f"; {result.drops[reason]:,} frames dropped up to 6.00 ms" in told(result)[0]
    assert sum(series.other_drops) > 0


SATURATED: dict[str, Any] = {
    "workload": {"pattern": "to_wire", "frame_bytes": 1518}, "run": {"warmup": "1ms", "duration": "5ms"},
}  # fmt: skip


@pytest.mark.parametrize(
    ("event", "keys", "silent", "from_ms"),
    [
        ({"port.down": ["p0"]}, {}, ["vf0", "vf1", "vf2", "vf3"], 3.9),
        ({"workload.load": 0}, {}, ["vf0", "vf1", "vf2", "vf3"], 5.5),
        ({"port.down": ["p1"]}, {"port": {"count": 2}}, ["vf1", "vf3"], 4.2),
    ],
)
def test_a_vm_that_falls_silent_when_its_ring_has_drained_is_said_to(
    event: dict[str, Any], keys: dict[str, Any], silent: list[str], from_ms: float
) -> None:
    """Its 511 frames are read for a while after the event, by a dead wire faster than before."""
    result = run({"at": "3ms", "set": event}, **{**SATURATED, **keys})
    first = round(from_ms * 10)  # intervals of 100 us
    assert result.series is not None and result.series.interval_ns == 100_000
    rows = {name: vm.tx_gbps for name, vm in result.series.vms.items()}
    assert [name for name, row in rows.items() if row[first - 1] and not any(row[first:])] == silent
    (did,) = told(result)
    assert all(f"{name} sends nothing from {from_ms:.2f} ms on (" in did for name in silent)
    assert all(f"{name} sends" not in did for name in rows if name not in silent)


def test_vms_that_fall_silent_one_after_the_other_send_nothing_together_from_the_last_on() -> None:
    """Their rates varied by a half before, and all change, each to nothing."""
    pairs = {**SATURATED["workload"], "pattern": "pairs"}
    result = run({"at": "3ms", "set": {"workload.load": 0}}, **{**SATURATED, "workload": pairs})
    assert result.series is not None
    sums = [sum(row) for row in zip(*(vm.tx_gbps for vm in result.series.vms.values()), strict=True)]
    last = max(at for at, rate in enumerate(sums) if rate)
    assert 30 < last < 45
    assert told(result)[0].startswith(f"VMs together send nothing from {(last + 1) / 10:.2f} ms on (24.")


def test_a_wire_that_lives_again_lets_send_who_was_silent() -> None:
    events = ({"at": "3ms", "set": {"port.down": ["p1"]}}, {"at": "5ms", "set": {"port.down": []}})
    died, lives = told(run(*events, **{**SATURATED, "port": {"count": 2}}))
    assert "vf1 sends nothing from 4.20 ms on (4.9" in died
    assert "vf1 sends 4.9" in lives and lives.count(" Gb/s (nothing before)") == 2 and "vf0" not in lives


def test_a_wire_that_dies_is_not_the_offered_load() -> None:
    """In a closed loop the load is never the limit; the wire carries frames for two of the window's five ms."""
    result = run({"at": "3ms", "set": {"port.down": ["p0"]}}, **SATURATED)
    assert result.wire.utilization == pytest.approx(0.4, abs=0.01)
    assert "; fullest on average: wire.tx (40.0 % busy)" in headline(result)
    assert result.bottleneck.why == FULLEST_ON_AVERAGE


def test_a_load_that_gets_through_in_all_is_not_said_to_have_had_room_all_along() -> None:
    """A link of 2 Gb/s is full for half of the window, and what waited then gets through in the other half."""
    keys = {
        "nic": {"preset": "82599", "vfs": 4}, "driver": {"preset": "dpdk"}, "pcie": {"generation": 2, "lanes": 4},
        "workload": {"pattern": "to_wire", "frame_bytes": 1518, "load": 0.5},
        "run": {"warmup": "1ms", "duration": "20ms"},
    }  # fmt: skip
    narrow, wide = ({"pcie.lanes": lanes, "pcie.generation": 1 + (lanes > 1)} for lanes in (1, 4))
    result = run({"at": "2ms", "set": narrow}, {"at": "12ms", "set": wide}, **keys)
    assert result.bottleneck.resource == "offered_load" and result.bottleneck.is_limit
    assert result.utilization["pcie.down"] > 0.7
    assert result.bottleneck.why.startswith(
        "Nothing is full on average over this window, in which the machine changes: the load itself sets the"
    )


def test_what_hardly_anything_waited_for_is_not_the_fullest() -> None:
    """Tags run out for a moment as vf1 comes back; vf2 is held by its limit for most of the window."""
    keys = {
        "nic": {"preset": "82599", "vfs": 4}, "driver": {"preset": "dpdk"}, "pcie": {"generation": 2, "lanes": 4},
        "workload": {"pattern": "pairs", "frame_bytes": 1518, "load": 0.3},
        "switch": {"ports": [{"name": "vf2", "rate_limit": "1Gbps"}]}, "run": {"warmup": "1ms", "duration": "130ms"},
    }  # fmt: skip
    result = run({"at": "2ms", "reset": "vf1"}, {"at": "2ms", "set": {"workload.load": 0.5}}, **keys)
    assert "; limited for a part of the window by rate_limit" in headline(result)
    assert result.bottleneck.utilization == pytest.approx(0.88, abs=0.01)


def test_what_a_function_that_is_off_cannot_send_met_no_burst() -> None:
    """vf0 is off from 2 ms on: what it is offered then is dropped as with a full ring."""
    workload = {"pattern": "pairs", "frame_bytes": 1518, "load": "200Mbps", "on_full": "drop"}
    keys = {"nic": {"preset": "82599", "vfs": 4}, "driver": {"preset": "dpdk"}, "workload": workload}
    result = run({"at": "2ms", "reset": "vf0"}, **keys, run={"warmup": "1ms", "duration": "5ms"})
    n_lost = result.drops["TX_RING_FULL"]
    assert n_lost > 50
    assert f"{n_lost} of " in result.bottleneck.why
    assert result.bottleneck.why.endswith(" frames met a queue that was full, or of a function that was off.")


def test_a_ring_that_was_empty_for_a_part_of_the_window_is_full_for_a_part_of_it() -> None:
    """Of the 4 ms of 1 Gb/s that come, those of 3 ms are lost but for what the ring still has descriptors for."""
    outside = {"rate": "1Gbps", "frame_bytes": 1518, "to": ["vf0"], "arrivals": "periodic"}
    keys = {
        "nic": {"preset": "82599", "vfs": 2, "rx_ring": 64}, "driver": {"preset": "dpdk"},
        "workload": {"pattern": "none", "external": outside}, "run": {"warmup": "1ms", "duration": "4ms"},
    }  # fmt: skip
    result = run({"at": "2ms", "set": {"driver.vms.vf0.refill": False}}, **keys)
    came = 4e-3 * 1e9 / (8 * 1518)
    assert 3 / 4 * came - 63 < result.drops["NO_DESCRIPTOR"] < 3 / 4 * came - 31
    assert result.bottleneck.resource == "rx.descriptors" and not result.bottleneck.is_limit
    assert result.bottleneck.utilization == pytest.approx(result.drops["NO_DESCRIPTOR"] / came, rel=0.01)
    assert result.bottleneck.why == FULLEST_ON_AVERAGE
    # While frames wait instead of being dropped, those for vf1 wait behind those for vf0: that is no load's limit.
    keys["workload"]["external"] = {**outside, "rate": "4Gbps", "to": "all"}
    waits, drops = ({"at": at, "set": {"nic.drop_enable": on}} for at, on in (("3ms", False), ("4ms", True)))
    result = run({"at": "2ms", "set": {"driver.vms.vf0.refill": False}}, waits, drops, **keys)
    assert result.bottleneck.resource == "rx.descriptors" and not result.bottleneck.is_limit
    assert result.bottleneck.utilization < 0.5


def test_a_wire_that_is_full_of_frames_which_are_lost_behind_it_is_no_limit() -> None:
    """9.5 Gb/s come all the time, of which three quarters are lost for want of descriptors."""
    outside = {"rate": "9.5Gbps", "frame_bytes": 1518, "arrivals": "periodic"}
    keys = {
        "nic": {"preset": "82599", "vfs": 2, "rx_ring": 64}, "driver": {"preset": "dpdk"},
        "workload": {"pattern": "none", "external": outside}, "run": {"warmup": "1ms", "duration": "4ms"},
    }  # fmt: skip
    event = {"at": "2ms", "set": {"driver.refill": False}}
    result = run(event, **keys)
    assert result.drops["NO_DESCRIPTOR"] > 2000 and result.bottleneck.resource == "wire.rx"
    assert result.bottleneck.why == FULL_OF_LOST and "; fullest on average: wire.rx (96.3 % busy)" in headline(result)
    kept = run({**event, "set": {"driver.refill": True}}, **keys)
    assert not kept.drops and kept.bottleneck.is_limit


def test_an_event_without_effect_is_not_said_to_change_the_latency() -> None:
    """The wire dies, which nobody uses: each seed's series is that of a run in which nothing happens."""
    wild = {"workload": {"pattern": "pairs", "frame_bytes": 1518}, "run": {"warmup": "1ms", "duration": "5ms"}}
    for seed in range(1, 13):
        keys = {**wild, "run": {**wild["run"], "seed": seed}}
        result, nothing = (run({"at": "3ms", "set": what}, **keys) for what in ({"port.down": ["p0"]}, {}))
        assert result.series is not None and nothing.series is not None
        assert result.series.vms == nothing.series.vms
        assert "before)" not in told(result)[0]


def test_a_function_that_comes_up_ends_what_an_earlier_event_is_told_to_have_done() -> None:
    """Reset at 20 ms, up at 135.5 ms: what vf1 receives from then on is not what the limit at 60 ms did."""
    result = run({"at": "20ms", "reset": "vf1"}, limit("60ms", "vf3", "20Mbps"), **LONG)
    reset, limited = told(result)
    assert reset.startswith("vf1 silent for 116 ms (reset 100 ms, messages 13.5 ms, rings 2.00 ms, first frame ")
    assert "no frame lost in the adapter; vf2 receives nothing (" in reset
    assert "vf3 sends 0.0200 Gb/s" in limited and "vf1 receives" not in limited


def test_one_that_is_taken_away_again_before_it_is_up() -> None:
    result = run({"at": "20ms", "reset": "vf1"}, {"at": "60ms", "enable_vfs": 0}, **LONG)
    reset, gone = told(result)
    assert reset.startswith("vf1 taken away again before it is up (so far reset 40.0 ms); ")
    assert gone.startswith("vf0 and 3 more gone; ")
    assert result.bottleneck.resource == "offered_load"  # rings of functions that are off are not full ones


def test_at_the_start_messages_take_their_time_and_keys_hold() -> None:
    result = run(
        limit("0ms", "vf1", "100Mbps"),
        {"at": "0ms", "pf": {"vf": "vf2", "trust": True}},
        {"at": "0ms", "pf": {"vf": "vf2", "mac": "01:00:00:00:00:01"}},
        {"at": "0ms", "mailbox": {"from": "vf0", "message": "set_vlan", "vlan": 20}},
    )
    assert told(result) == [
        "the run begins with it",
        "done; the run begins with it",
        "refused: not the address of a station",
        "granted",
    ]
    lines = [line.text for line in event_lines(result, 3)]
    assert lines[0] == "At the start, switch.ports.vf1.rate_limit = 100Mbps: the run begins with it."
    assert lines[3:] == [
        "At the start, vf0 asks for VLAN 20: granted."
    ]  # to say that there is one more takes a line too
    assert [line.text for line in event_lines(result, 2)] == [*lines[:2], "2 more events: --verbose shows them."]


def test_a_flood_is_told_for_as_long_as_it_lasts_with_its_price() -> None:
    """The PF's core takes some 10.7 us for each of 300 messages, longer where frames have the link: 3.2 ms or more."""
    flood = {"from": "vf3", "message": "get_link_state", "times": 300, "every": "10us"}
    result = run({"at": "4ms", "mailbox": flood}, host={"cores": 1})
    (did,) = told(result)
    found = re.match(r"300 granted; they keep the PF's core for ([0-9.]+) ms; ", did)
    assert found is not None and 3.2 < float(found[1]) < 3.6
    late = run({"at": "9ms", "mailbox": {**flood, "times": 100}})
    found = re.match(r"([0-9]+) granted; ([0-9]+) not answered by the end; they keep the PF's core for ", told(late)[0])
    assert found is not None and 70 < int(found[1]) < 94 and int(found[1]) + int(found[2]) == 100


def test_a_run_that_ended_before_says_so() -> None:
    early = {**BASE["run"], "frames": 100}
    result = run(limit("8ms", "vf1", "100Mbps"), {"at": "9ms", "reset": "vf1"}, run=early)
    assert told(result) == ["the run ended before"] * 2


def test_a_hundred_events_leave_the_summary_its_lines() -> None:
    events = [limit(f"{1000 + 80 * at}us", "vf1", f"{100 + at}Mbps") for at in range(100)]
    result = run(*events)
    assert told(result)[50] == "too little time before it and behind it to tell by intervals of 100 us"
    assert "99 more events: --verbose shows them." in summary(result)  # and who is worst off
