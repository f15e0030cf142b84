"""The summary in 15 lines: nothing that matters is left out, warnings are counted, directions stand apart."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwmodel.config import config_from_mapping
from hwmodel.report.tables import adapter_table
from hwmodel.results import Bottleneck, CeilingFigure, Latency, Spread, Totals, Window, Wire
from hwmodel.results.reading import headroom_sentence, spread_rows
from hwmodel.results.series import EventResult, Series
from hwmodel.results.summary import MOST_LINES, summary
from hwmodel.simulation import simulate
from hwmodel.words.events import SAME_VALUES
from hwmodel.words.quantities import scaled_text, time_text
from tests.sample_result import many_vfs_result, sample_result, unmeasured_result
from tests.sample_system import sample_system

WITHOUT_LOOPBACK = {
    "nic": {"vfs": 2}, "switch": {"ports": [{"name": "all", "loopback": False}]}, "workload": {"load": 0.3},
    "run": {"warmup": "0us", "duration": "1ms"},
}  # fmt: skip
LOAD = Bottleneck(resource="offered_load", utilization=0.5, why="Nothing is full.")


def latency(p50_ns):
    return Latency(min=p50_ns / 2, mean=p50_ns, p50=p50_ns, p99=2 * p50_ns, p999=3 * p50_ns, max=4 * p50_ns, count=5000)


def loaded_result(load_mpps, gbps, **changes):
    """Return a result with a lowest ceiling of 1 Mpps offered, its closed form with 10 Gb/s for each Mpps of load."""
    ceilings = (
        CeilingFigure(resource="pcie.up", what="", offered_mpps=1.0),
        CeilingFigure(resource="pcie.down", what="", offered_mpps=1.2),
        CeilingFigure(resource="offered_load", what="", offered_mpps=load_mpps),
    )
    sample = sample_result()
    closed = dataclasses.replace(sample.closed_form, gbps=10 * load_mpps, ceilings=ceilings)
    totals = dataclasses.replace(sample.totals, gbps=gbps)
    return sample_result(**{"closed_form": closed, "totals": totals, "bottleneck": LOAD, **changes})


def test_what_could_be_carried_is_the_lowest_ceiling_and_the_share_of_it_that_is_offered():
    said = "It could carry at most 10.00 Gb/s of such frames, by the closed form; 61.0 % of that is offered."
    assert headroom_sentence(loaded_result(0.61, 6.2)) == said
    assert said in summary(loaded_result(0.61, 6.2)).splitlines()


def test_what_could_be_carried_is_no_rate_where_there_are_two_or_one_stays_as_it_is():
    """VMs that send to the wire too, and a rate from outside beside them: a rate to VMs would say neither."""
    result = loaded_result(0.5, 6.2)
    mixed = dataclasses.replace(result, wire=dataclasses.replace(result.wire, tx_gbps=3.0))
    assert headroom_sentence(mixed) == "It could carry at most 2.00 times this load, by the closed form."
    workload = {**result.config["workload"], "pattern": "pairs", "external": {"rate": "2Gbps"}}
    beside = dataclasses.replace(result, config={**result.config, "workload": workload})
    said = "Beside what comes from outside VMs could send at most 2.00 times as much, by the closed form."
    assert headroom_sentence(beside) == said


def test_what_could_be_carried_is_not_told_of_a_run_whose_load_or_machine_changes():
    """The closed form is of the load that it begins with: of 1 Gb/s, where 4.6 Gb/s came on average, 10 % of 10."""
    event = EventResult(at_ns=2e6, event="workload.external.rate = 9Gbps", did="")
    assert headroom_sentence(loaded_result(0.1, 4.6, series=Series(interval_ns=1e5, events=(event,)))) == ""
    for none in (dataclasses.replace(event, at_ns=None), dataclasses.replace(event, did=SAME_VALUES)):
        assert headroom_sentence(loaded_result(0.1, 4.6, series=Series(interval_ns=1e5, events=(none,))))


@pytest.mark.parametrize(
    "result",
    [
        loaded_result(0.61, 10.4),  # the run is above the ceiling
        loaded_result(1.1, 9.9),
        loaded_result(0.61, None),
        loaded_result(0.61, 6.2, bottleneck=Bottleneck(resource="pcie.up", utilization=1.0, why="Full.")),
        sample_result(closed_form=None, bottleneck=LOAD),
    ],
)
def test_no_headroom_is_told_that_the_run_denies(result):
    assert headroom_sentence(result) == ""


@given(st.integers(0, 12), st.booleans(), st.sampled_from([sample_result, lambda **c: many_vfs_result(64, **c)]))
def test_there_are_fifteen_lines_at_most_and_every_warning_is_counted(n_warnings, is_apart, make):
    apart = {"to_wire": latency(4e3), "vm_to_vm": latency(1e3), "from_wire": latency(2e3)} if is_apart else {}
    warnings = tuple(f"Number {number}." for number in range(n_warnings))
    result = dataclasses.replace(sample_result(), warnings=warnings, latency_by_direction_ns=apart)
    lines = summary(result).splitlines()
    assert len(lines) <= MOST_LINES
    shown = [line for line in lines if line.startswith("Warning: ")]
    more = [int(line.split()[0]) for line in lines if "more warning" in line]
    assert len(shown) + sum(more) == n_warnings
    assert shown == [f"Warning: {text}" for text in warnings[: len(shown)]]
    assert sum(more) != 1  # the line that tells of it would have had room for it
    assert len(summary(result, verbose=True).splitlines()) > MOST_LINES


def test_several_servers_have_a_line_each():
    lines = summary(sample_system("a", "b")).splitlines()
    assert len(lines) <= MOST_LINES
    assert [line.split(":")[0] for line in lines if line.startswith("Server ")] == ["Server a", "Server b"]


def test_an_adapter_of_several_at_its_server_is_called_one():
    result = sample_system("a.x", "a.y", "b")
    lines = summary(result).splitlines()
    titles = [line.split(":")[0] for line in lines if line.startswith(("Server ", "Adapter "))]
    assert titles == ["Adapter a.x", "Adapter a.y", "Server b"]
    verbose = summary(result, verbose=True)
    assert "\nadapter  tx Gb/s" in verbose and "(tx, rx: of the adapter's VMs" in verbose
    assert adapter_table(result).header[0] == "adapter" and adapter_table(sample_system("a", "b")).header[0] == "server"


def test_each_direction_has_its_latency_and_no_mean_of_all_of_them_stands_beside():
    apart = {"from_wire": latency(2e3), "vm_to_vm": latency(1e3)}
    told = [line for line in summary(sample_result(latency_by_direction_ns=apart)).splitlines() if "Latency" in line]
    assert [line.partition(": p50")[0] for line in told] == [
        "Latency, post to delivery, VM to VM",
        "Latency, post to delivery, from the wire",
    ]
    assert "p50 1.00 us" in told[0] and "p50 2.00 us" in told[1]


def test_what_stays_at_an_adapter_is_not_said_to_stay_inside_it():
    """With VEPA, VN-Tag and E-TAG, VMs of one adapter meet in the bridge, and their latency is the longer one."""
    apart = {"vm_to_vm": latency(2e3), "over_bridge": latency(1e3)}
    told = [line for line in summary(sample_result(latency_by_direction_ns=apart)).splitlines() if "Latency" in line]
    assert [line.partition(": p50")[0] for line in told] == [
        "Latency, post to delivery, VM to VM of one adapter",
        "Latency, post to delivery, over the bridge",
    ]


def test_vms_that_are_alike_are_one_line_and_others_show_their_ends():
    assert "8 VMs, alike within 5 %: 1.674 Gb/s sent" in summary(sample_result())
    slow = dataclasses.replace(sample_result().vms[0], tx_gbps=0.2)
    told = summary(sample_result(vms=(slow, *sample_result().vms[1:])))
    assert "8 VMs: 0.200 (vf0) to 1.674 Gb/s" in told


def test_where_nothing_comes_the_answer_is_none_and_not_unknown():
    nothing = Totals(
        offered_frames=900, delivered_frames=0, dropped_frames=900, in_flight_frames=0, copies_made=0,
        copies_delivered=0, copies_dropped=0, copies_in_flight=0, gbps=None, mpps=None,
    )  # fmt: skip
    window = Window(start_ns=0.0, end_ns=1e6, vm_frames=0, wire_frames=0)
    result = sample_result(totals=nothing, window=window, latency_ns=Latency())
    assert summary(result).startswith("No VM gets anything; limited by ")
    measured = dataclasses.replace(nothing, gbps=0.0, mpps=0.0)
    assert summary(dataclasses.replace(result, totals=measured)).startswith("No VM gets anything (0 Gb/s); ")
    idle = dataclasses.replace(measured, offered_frames=0, dropped_frames=0)
    assert summary(dataclasses.replace(result, totals=idle)).startswith("Nothing is sent (0 Gb/s); ")
    assert "not measured" in summary(unmeasured_result()).splitlines()[0]


@pytest.mark.parametrize(
    "counts",
    [
        {"delivered_frames": 15, "delivered_to_wire": 15, "copies_made": 15, "copies_delivered": 15,
         "dropped_frames": 24, "in_flight_frames": 1000},
        {"dropped_frames": 24, "in_flight_frames": 1015},
        {"offered_frames": 0},
    ],
    ids=["frames went outside", "the first frames dropped", "none was offered as yet"],
)  # fmt: skip
def test_where_a_longer_run_could_bring_some_the_answer_is_unknown_and_not_none(counts):
    nothing = Totals(**{
        "offered_frames": 1039, "delivered_frames": 0, "dropped_frames": 0, "in_flight_frames": 0, "copies_made": 0,
        "copies_delivered": 0, "copies_dropped": 0, "copies_in_flight": 0, "gbps": None, "mpps": None, **counts,
    })  # fmt: skip
    window = Window(start_ns=0.0, end_ns=5e4, vm_frames=0, wire_frames=counts.get("delivered_to_wire", 0))
    unmeasured = {"totals": nothing, "window": window, "wire": Wire(tx_gbps=None, rx_gbps=None)}
    first = summary(sample_result(**unmeasured)).splitlines()[0]
    assert first.startswith("Throughput ") and "not measured" in first and "0 Gb/s" not in first


@pytest.mark.parametrize(
    ("drops", "dropped", "answer"),
    [
        (
            {"LINK_DOWN": 700, "SAME_PORT": 200},
            900,
            "No VM gets anything (0 Gb/s); all that is sent is dropped (LINK_DOWN",
        ),
        ({"LINK_DOWN": 400}, 400, "No VM gets anything (0 Gb/s); limited by "),  # the others are under way
        ({"NO_DESCRIPTOR": 1, "LINK_DOWN": 899}, 900, "No VM gets anything (0 Gb/s); limited by "),
        ({"RATE_LIMITED": 900}, 900, "No VM gets anything (0 Gb/s); limited by "),
    ],
)
def test_what_rules_or_dead_wires_drop_no_resource_limits(drops, dropped, answer):
    totals = dataclasses.replace(
        sample_result().totals, offered_frames=900, delivered_frames=0, dropped_frames=dropped,
        in_flight_frames=900 - dropped, copies_made=0, copies_delivered=0, gbps=0.0, mpps=0.0,
    )  # fmt: skip
    window = Window(start_ns=0.0, end_ns=1e6, vm_frames=0, wire_frames=0)
    text = summary(sample_result(totals=totals, window=window, latency_ns=Latency(), drops=drops))
    assert text.startswith(answer)


@pytest.mark.parametrize("mode", ["vepa", "vn_tag", "e_tag"])
def test_without_a_bridge_the_mode_is_named_that_sends_all_out(mode):
    totals = dataclasses.replace(sample_result().totals, gbps=0.0, mpps=0.0, copies_delivered=90, delivered_to_wire=90)
    window = dataclasses.replace(sample_result().window, vm_frames=0)
    config = {"switch": {"mode": mode}, "workload": {"pattern": "pairs", "load": "saturate"}}
    lines = summary(sample_result(totals=totals, window=window, config=config)).splitlines()
    assert lines[0].startswith("No VM gets anything (0 Gb/s)")
    assert lines[1].startswith(f"With switch.mode {mode} each frame leaves by the wire")
    assert lines[1].endswith("no bridge to send it back (`bridge: {}` adds one).")
    outward = {**config, "workload": {"pattern": "to_wire", "load": "saturate"}}
    assert "No VM" not in summary(sample_result(totals=totals, window=window, config=outward))


def test_without_a_bridge_the_loopback_is_named_that_sends_all_out():
    loop = simulate(config_from_mapping(WITHOUT_LOOPBACK))
    assert loop.summary().splitlines()[1] == (
        "With switch.ports.vf0.loopback false each frame of the station leaves by the wire, also one for a VM of the "
        "same adapter, and there is no bridge to send it back (`bridge: {ports: {adapter: {hairpin: true}}}` adds one "
        "that does)."
    )
    hairpin = {"bridge": {"announce": True, "ports": {"adapter": {"hairpin": True}}}}
    reflected = simulate(config_from_mapping(WITHOUT_LOOPBACK, hairpin))
    assert reflected.window.vm_frames > 100 and reflected.window.wire_frames == 0
    assert reflected.warnings == ()


@pytest.mark.parametrize(
    ("time_ns", "words"),
    [(0.000512, "<1 ps"), (0.0277, "27.7 ps"), (0.5, "500 ps"), (0.0, "0 ns"), (999.6, "1.00 us")],
)
def test_the_unit_of_a_time_follows_its_size(time_ns, words):
    assert time_text(time_ns) == words


def test_next_to_nothing_in_a_column_of_larger_figures_is_said_to_be_so():
    assert scaled_text(0.000512, 1.0, (0.0, 0.001)) == "<0.001"


def test_a_result_prints_its_answer():
    lines = str(sample_result()).splitlines()
    assert lines == summary(sample_result()).splitlines()[:2]
    assert sample_result().summary(verbose=True) == summary(sample_result(), verbose=True)


def test_several_seeds_are_one_line():
    one = Spread(name="totals.gbps", seeds=(1, 2), values=(13.0, 14.0), mean=13.5, low=12.5, high=14.5)
    result = sample_result(spread=(one,))
    assert spread_rows(result) == [
        ("totals.gbps", "13.50 Gb/s", "12.50 Gb/s", "14.50 Gb/s", "13.00 Gb/s", "14.00 Gb/s")
    ]
    assert "Mean of 2 seeds (95 %): totals.gbps 13.50 Gb/s (12.50 Gb/s to 14.50 Gb/s); all" in summary(result)
