"""Loads that change in mid-run: what the engine's sources do, by hand, and what a run says of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from hwmodel.analytic import ceiling_frames_per_s
from hwmodel.config import Config, config_from_mapping
from hwmodel.simulation import simulate
from hwmodel.simulation.run.commands import Change
from hwmodel.simulation.run.offered import with_workloads
from hwmodel.workload.traffic import CLOSED, POISSON, SILENT, Workload
from tests.run_cases import BATCHES_OF_ONE, begun, merged

US = 10**9
FIRST: Mapping[str, Any] = {
    "nic": {"preset": None, "vfs": 4},
    "workload": {"pattern": "pairs", "frame_bytes": 1250, "load": "1Gbps", "arrivals": "periodic"},
    "run": {"warmup": "0ns", "duration": "200us"},
}


def offered(changes: Mapping[int, Mapping[str, Any]], **workload: Any) -> list[int]:
    """Return when vf0's frames were offered, in ns, in a run of 200 us in which nothing waits."""
    run = begun(merged(BATCHES_OF_ONE, FIRST, {"workload": workload}), changes=changes)
    run.go_through()
    entries = run.entries
    own = entries[entries["tx_queue"] == int(run.state[0].function[1].params.first_queue)]
    return sorted((own["offered_fs"] // 10**6).tolist())


def test_a_period_keeps_its_phase() -> None:
    """1250 B are 10 us at 1 Gb/s; 45 us are half a gap behind the fifth frame."""
    assert offered({45_000: {"workload.load": "2Gbps"}})[:8] == [
        0,
        10_000,
        20_000,
        30_000,
        40_000,
        47_500,
        52_500,
        57_500,
    ]
    assert offered({45_000: {"workload.load": "500Mbps"}})[4:7] == [40_000, 55_000, 75_000]


def test_a_load_stops_and_begins_as_a_run_does() -> None:
    changes = {25_000: {"workload.load": 0}, 61_000: {"workload.load": "2Gbps"}}
    assert offered(changes)[:6] == [0, 10_000, 20_000, 61_000, 66_000, 71_000]
    assert offered({61_000: {"workload.load": "2Gbps"}}, load=0)[:2] == [61_000, 66_000]


def test_a_rise_takes_effect_at_once_however_long_the_gap_was() -> None:
    """At 1 Kb/s the next frame comes after 10 s: of that 10 us, a millionth, are over, and the rest is 10 us."""
    found = offered({10_000: {"workload.load": "1Gbps"}}, load="1Kbps")
    assert found[:3] == [0, pytest.approx(20_000, abs=1), pytest.approx(30_000, abs=1)] and len(found) == 19


def test_what_waits_for_slots_is_sent_though_the_load_is_gone() -> None:
    """A ring of 64, 12.5 M frames a second of 100 B in the first 20 us."""
    changes = {20_000: {"workload.load": "500Mbps"}, 30_000: {"workload.load": 0}}
    flood = {"load": "10Gbps", "frame_bytes": 100, "on_full": "wait"}
    found = offered(changes, **flood)
    assert found == sorted([*range(0, 20_000, 80), *range(20_000, 30_000, 1600)])
    run = begun(merged(BATCHES_OF_ONE, FIRST, {"workload": flood, "nic": {"tx_ring": 64}}), changes=changes)
    run.go_through()
    n_frames = run.end.count("offered")
    assert n_frames == pytest.approx(4 * len(found), abs=8)


def workloads(before: Mapping[str, Any], *after: Mapping[str, Any]) -> tuple[Config, list[Workload]]:
    config = config_from_mapping({"nic": {"vfs": 4}, "workload": before})
    first, changes = with_workloads(config, [Change(US, config.with_overrides(each)) for each in after])
    return config, [first, *(change.workload or first for change in changes)]


def test_those_that_send_later_stand_behind_those_that_send_from_the_start() -> None:
    weights = {"vf0": 0, "vf2": 0}
    _, found = workloads({"load": "1Gbps", "weights": weights}, {"workload.weights": {"vf1": 0}}, {"workload.load": 0})
    assert [[source.port for source in each.sources] for each in found] == [["vf1", "vf3", "vf0", "vf2"]] * 3
    kinds = [[source.kind for source in each.sources] for each in found]
    assert kinds == [[POISSON, POISSON, SILENT, SILENT], [SILENT, POISSON, POISSON, POISSON], [SILENT] * 4]


def test_without_a_change_of_load_there_are_no_silent_sources() -> None:
    _, (first, then) = workloads({"load": "1Gbps", "weights": {"vf0": 0}}, {"port.rate": "1Gbps"})
    assert then is first and [source.port for source in first.sources] == ["vf1", "vf2", "vf3"]


def test_shares_are_of_the_machine_that_the_run_begins_with() -> None:
    slower = {"port.rate": "1Gbps", "pcie.lanes": 1}
    config, (first, by_port, by_ceiling) = workloads(
        {"load": "saturate"}, {**slower, "workload.load": 0.5}, {**slower, "workload.load": "50% of ceiling"}
    )
    assert [source.kind for source in workloads({"load": "saturate"}, {"workload.load": 1})[1][0].sources] == [
        CLOSED
    ] * 4
    assert [source.kind for source in first.sources] == [CLOSED] * 4
    assert sum(source.frames_per_s for source in by_port.sources) == pytest.approx(0.5 * 10**10 / 8 / 1538)
    half = config.with_overrides({"workload.load": "50% of ceiling"})
    ceiling = ceiling_frames_per_s(half)
    assert ceiling is not None
    assert sum(source.frames_per_s for source in by_ceiling.sources) == pytest.approx(float(ceiling) / 2)


def test_a_run_says_what_a_load_did() -> None:
    """At 1 ms from 1 to 2 Gb/s of each of two VMs; at 2 ms silence; at 3 ms frames come from outside."""
    events = [
        {"at": "1ms", "set": {"workload.load": "2Gbps"}}, {"at": "2ms", "set": {"workload.load": 0}},
        {"at": "3ms", "set": {"workload.external.rate": "3Gbps"}},
    ]  # fmt: skip
    result = simulate(config_from_mapping({
        "nic": {"preset": "82599", "vfs": 2}, "driver": {"preset": "dpdk"}, "scenario": events,
        "workload": {**FIRST["workload"], "external": {"rate": "1Kbps", "arrivals": "periodic", "to": ["vf0"]}},
        "run": {"warmup": "0ns", "duration": "4ms"},
    }))  # fmt: skip
    assert result.series is not None
    rise, fall, outside = (event.did for event in result.series.events)
    assert result.series.events[0].event == "workload.load = 2Gbps"
    assert "vf0 sends 2.00 Gb/s (1.00 before)" in rise and "vf1 receives 2.00 Gb/s (1.00 before)" in rise
    assert "vf0 sends nothing (2.00 before)" in fall
    assert outside == "vf0 receives 3.00 Gb/s (nothing before); all other rates unchanged"
    assert "The scenario changes the machine" in result.warnings[0]
