"""What explain finds where the answer is known, that the number of processes does not matter, and what it says."""

from __future__ import annotations

import dataclasses

import pytest

from hwmodel.config import config_from_mapping
from hwmodel.explore import explain, named_together, relaxed_of
from hwmodel.relaxations import relaxations_of
from hwmodel.results import Bottleneck, Latency, Relaxed
from hwmodel.results.search_text import relaxed_sentence, relaxed_text
from tests.run_cases import POLLED, merged
from tests.sample_result import sample_result

RUN = {"run": {"duration": "3ms", "frames": 4000}}
# Exact clocks in other processes too.
NARROW = merged(POLLED, RUN, {"pcie": {"lanes": 1}, "nic": {"vfs": 2}, "run": {"clocks": "exact"}})


def relaxed(resource="pcie.up", gain=0.5, is_bottleneck=False, **more):
    return Relaxed(resource=resource, change=f"{resource}: 1 -> 2", gain=gain, is_bottleneck=is_bottleneck, **more)


@pytest.fixture(scope="module")
def narrow():
    return explain(config_from_mapping(NARROW))


def test_twice_the_lanes_of_a_full_link_give_twice_the_throughput(narrow):
    first = narrow.relaxed[0]
    assert (first.resource, first.change, first.is_bottleneck) == ("pcie.up", "pcie.lanes: 1 -> 2", True)
    assert first.gain == pytest.approx(1, abs=0.02)
    assert first.gbps == pytest.approx(narrow.totals.gbps * (1 + first.gain))
    assert all(abs(each.gain) < 0.1 for each in narrow.relaxed[1:])


def test_what_an_event_sets_is_not_made_larger_in_vain():
    """The event narrows the link before the window: two lanes at the start would gain nothing, whatever limits."""
    event = {"at": "1us", "set": {"pcie": {"lanes": 1}}}
    found = explain(config_from_mapping(merged(NARROW, {"pcie": {"lanes": 2}, "scenario": [event]})))
    named = next(each for each in found.relaxed if each.is_bottleneck)
    assert (named.change, named.gain) == ("pcie.lanes: 2 -> 4", None)
    assert named.failure == "an event of the scenario sets pcie.lanes"
    assert all(("pcie.lanes" in each.change) == bool(each.failure) for each in found.relaxed)


def test_what_the_pf_is_asked_to_limit_is_not_made_larger_in_vain():
    event = {"at": "1us", "pf": {"vf": "vf1", "rate_limit": "300Mbps"}}
    keys = {"switch": {"ports": [{"name": "vf1", "rate_limit": "2Gbps"}]}, "scenario": [event]}
    found = explain(config_from_mapping(merged(NARROW, keys)))
    changed = {each.change: each.failure for each in found.relaxed}
    assert changed["switch.ports.vf1.rate_limit: 2Gbps -> 4Gbps"] == (
        "an event of the scenario sets switch.ports.vf1.rate_limit"
    )
    assert sum(map(bool, changed.values())) == 1


def test_the_ranking_is_by_gain(narrow):
    gains = [round(each.gain, 3) for each in narrow.relaxed]
    assert gains == sorted(gains, reverse=True)
    assert len({each.change for each in narrow.relaxed}) == len(narrow.relaxed) > 10


@pytest.mark.slow
def test_processes_change_nothing_but_the_time(narrow, new_children):
    seen = []
    again = explain(config_from_mapping(NARROW), jobs=2, progress=lambda share, _text: seen.append(share))
    assert again == narrow
    assert seen == sorted(seen) and seen[-1] == 1
    assert new_children() == []


def test_what_is_equally_full_is_made_larger_at_once_too():
    config = config_from_mapping({"switch": {"timing": "core"}})
    tie = Bottleneck(resource="switch.bus", utilization=1, why="", keys=("switch.clock",), also=("wire.tx",))
    (both,) = named_together(config, relaxations_of(config), tie)
    assert both.resources == ("switch.bus + wire.tx",)
    assert named_together(config, relaxations_of(config), dataclasses.replace(tie, also=())) == []
    other_sides = dataclasses.replace(tie, resource="driver.rx", also=("pcie.down",), keys=("driver.frame_time",))
    (both,) = named_together(config, relaxations_of(config), other_sides)
    assert both.resources == ("driver.rx + pcie.down",)


def test_a_run_without_a_rate_has_no_gain():
    result = sample_result()
    nothing = dataclasses.replace(result, totals=dataclasses.replace(result.totals, gbps=None))
    config = config_from_mapping({})
    found = relaxed_of(result, relaxations_of(config)[0], nothing)
    assert (found.gbps, found.gain) == (None, None)


def test_a_gain_has_the_interval_of_both_runs():
    """10 +/- 1 with 4 +/- 0.4 to the wire, then 12 +/- 3 and 4: 10 % and 18.75 %, together 21.25 % of 16 / 14."""
    result = sample_result()
    runs = [
        dataclasses.replace(
            result,
            totals=dataclasses.replace(result.totals, gbps=gbps),
            wire=dataclasses.replace(result.wire, tx_gbps=4.0),
            intervals={"totals.gbps": (gbps - half, gbps + half), "wire.tx_gbps": (4 - other, 4 + other)},
        )
        for gbps, half, other in ((10.0, 1.0, 0.4), (12.0, 3.0, 0.0))
    ]
    found = relaxed_of(runs[0], relaxations_of(config_from_mapping({}))[0], runs[1])
    assert found.gain == pytest.approx(16 / 14 - 1)
    assert found.gain_interval == pytest.approx((16 / 14 * (1 - 0.2125) - 1, 16 / 14 * (1 + 0.2125) - 1))
    assert found.could_be_chance
    sentence = relaxed_sentence(dataclasses.replace(runs[0], relaxed=(found,)))
    assert "+14.3 % throughput, which could be chance (95 % interval from -10.0 %; run.duration)" in sentence
    table = relaxed_text(dataclasses.replace(runs[0], relaxed=(found,)))
    assert "~ +14.3 %" in table and "~: 0 lies in the 95 % interval of the gain" in table


def test_medians_are_compared_of_frames_that_go_the_same_way():
    """Half of the frames wait long, half do not: one frame more of either sort moves the mix's median a hundredfold."""
    short, long = (Latency(min=t, mean=t, p50=t, p99=t, p999=t, max=t, count=500) for t in (1e4, 1e6))
    before, after = (
        dataclasses.replace(
            sample_result(),
            latency_ns=dataclasses.replace(short, p50=mix_ns),
            latency_by_direction_ns={"from_wire": dataclasses.replace(short, p50=inward_ns), "to_wire": long},
        )
        for mix_ns, inward_ns in ((1e4, 1e4), (1e6, 9e3))
    )
    found = relaxed_of(before, relaxations_of(config_from_mapping({}))[0], after)
    assert (found.p50_ns, found.p50_change) == (9e3, pytest.approx(-0.1))
    assert "; p50: from the wire" in relaxed_text(dataclasses.replace(before, relaxed=(found,)))
    between = {"vm_to_vm": short, "over_bridge": dataclasses.replace(long, count=501), "from_wire": short}
    assert dataclasses.replace(before, latency_by_direction_ns=between).told_latency() == (
        "over_bridge", between["over_bridge"],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("gain", "ends", "is_chance"),
    [(0.1, (-0.01, 0.21), True), (0.1, (0.01, 0.19), False), (-0.1, (-0.3, 0.1), True), (0.1, None, False),
     (0.0004, (-0.1, 0.1), False), (None, None, False)],
)  # fmt: skip
def test_what_shows_and_lies_within_its_interval_could_be_chance(gain, ends, is_chance):
    assert relaxed(gain=gain, gain_interval=ends).could_be_chance is is_chance


def test_an_interrupt_ends_the_processes(new_children):
    def interrupted(_share, _text):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        explain(config_from_mapping(NARROW), jobs=2, progress=interrupted)
    assert new_children() == []


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ((), "Nothing in this configuration can be made larger."),
        ((relaxed(gain=None),), "too short"),
        ((relaxed(gain=0.01),), "No resource made larger by itself gives 2 % more"),
        ((relaxed(is_bottleneck=True), relaxed("pcie.tags", 0.1)), "The run itself names pcie.up too."),
        ((relaxed(), relaxed("pcie.tags", 0.1, is_bottleneck=True)), "which gains +10.0 %: it limits, but not alone"),
        ((relaxed(), relaxed("pcie.tags", 0.0, is_bottleneck=True)), "what gains most is the answer"),
        ((relaxed(),), "which cannot be made larger here"),
        ((relaxed("a"), relaxed(gain=None, is_bottleneck=True)), "which made larger has a window too short for a rate"),
        ((relaxed("a"), relaxed(gain=None, is_bottleneck=True, failure="x")), "which made larger cannot be run."),
        ((relaxed(gain=None, failure="x"),), "No run with a resource made larger could be made."),
    ],
)  # fmt: skip
def test_the_sentence_says_what_gains_most_and_whether_the_run_agrees(found, expected):
    assert expected in relaxed_sentence(dataclasses.replace(sample_result(), relaxed=found))


def without_arrivals(**counts):
    """Return a result in which no frame arrived, with such counts, and one row without a gain."""
    sample = sample_result()
    totals = dataclasses.replace(
        sample.totals, offered_frames=sum(counts.values()), delivered_frames=0, gbps=None, mpps=None, **counts
    )
    window = dataclasses.replace(sample.window, vm_frames=0, wire_frames=0)
    drops = {"SAME_PORT": counts.get("dropped_frames", 0)}
    return sample_result(totals=totals, window=window, drops=drops, relaxed=(relaxed(gain=None),))


def test_where_nothing_can_arrive_a_longer_run_is_not_asked_for():
    lost = without_arrivals(dropped_frames=900, in_flight_frames=30)
    unchanged = "and nothing made larger by itself changes that. The run names pcie.up."
    assert relaxed_sentence(lost) == f"Nothing that is sent arrives: it is dropped (SAME_PORT 900), {unchanged}"
    assert "too short" not in relaxed_text(lost)
    better = dataclasses.replace(lost, relaxed=(relaxed("rx.descriptors", None, gbps=2.5),))
    assert relaxed_sentence(better).endswith(
        "; with rx.descriptors made larger (rx.descriptors: 1 -> 2) 2.50 Gb/s arrive."
    )
    silent = without_arrivals(dropped_frames=0, in_flight_frames=0)
    none_yet = dataclasses.replace(silent, totals=dataclasses.replace(silent.totals, gbps=0.0))
    assert relaxed_sentence(none_yet) == f"Nobody sends anything, {unchanged}"
    under_way = without_arrivals(dropped_frames=3, in_flight_frames=30)
    for result in (silent, under_way):
        assert "The window is too short to give a rate (run.duration)." in relaxed_sentence(result)
        assert "too short" in relaxed_text(result)


@pytest.mark.parametrize(("load", "is_one"), [(0, False), (0.1, True), ("1Gbps", True)])
def test_no_load_is_not_made_larger(load, is_one):
    config = config_from_mapping({"workload": {"load": load}})
    assert any(each.resources == ("offered_load",) for each in relaxations_of(config)) == is_one


def test_the_table_has_a_row_for_each_and_marks_the_named():
    rows = (
        relaxed(is_bottleneck=True, gbps=26.8, p50_ns=2_060_000, p50_change=-0.5, limited_by="driver.tx"),
        relaxed("pcie.tags", None),
        relaxed("nic.queue", gain=-0.0004, p50_change=-0.0),
    )
    lines = relaxed_text(dataclasses.replace(sample_result(), relaxed=rows)).splitlines()
    assert lines[2].split() == ["made", "larger", "Gb/s", "gain", "p50", "change", "then", "limited", "by"]
    words = [" ".join(line.split()) for line in lines[3:6]]
    assert words == [
        "pcie.up * pcie.up: 1 -> 2 26.80 +50.0 % 2.06 ms -50.0 % driver.tx",
        "pcie.tags pcie.tags: 1 -> 2 - - - -",
        "nic.queue nic.queue: 1 -> 2 - +0.0 % - +0.0 %",
    ]
