"""Rates, guarantees, marks and samples of a virtual switch, by hand."""

from __future__ import annotations

import random
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from hwmodel import Result, limits, simulate
from hwmodel.config import config_from_mapping
from hwmodel.machine.counts.flow_state import PASSED_FLOW
from hwmodel.machine.counts.passed_flows import row_of
from hwmodel.machine.guest.choice import begin_passing_turn, give_owed
from hwmodel.results import MarkedAt, MarkedFrames, SampledFlows, check_balance
from hwmodel.results.virtual_switch_text import mark_sentence, sample_sentence
from hwmodel.simulation.figures.measurement import Snapshot
from hwmodel.simulation.figures.span import Span
from hwmodel.simulation.figures.virtual_switch_use import sampled_flows
from hwmodel.simulation.fill.random_streams import FLOW_SAMPLES
from tests.config_cases import complaints

WIRE_BYTES = 20  # preamble, start delimiter, gap
BASE: dict[str, Any] = {
    "pcie": {"generation": 3, "lanes": 8},
    "nic": {"strict": False, "mode": "vswitch", "vfs": 4},
    "host": {"virtual_switch": {"pass_by": "pointer"}},
    "port": {"rate": "10Gbps"},
    "driver": {"preset": None, "frame_time": "0ns"},
    "workload": {"pattern": "ring", "frame_bytes": 1500, "load": "saturate"},
    "run": {"warmup": "1ms", "duration": "6ms", "clocks": "exact"},
}


def run(changes: dict[str, Any]) -> Result:
    result = simulate(config_from_mapping(BASE, changes))
    assert check_balance(result) == []
    return result


def drawn_case(seed: int) -> tuple[dict[str, Any], dict[str, float], dict[str, float]]:
    """Draw stations of which some have guarantees; return changes, the Gb/s of each, and what is kept for it.

    By hand: all frames have one length, so a core's 1 / `frame_time`, or the wire, is so many of them. A sender that
    offers less than its guarantee has what it offers; the others have theirs, and the rest goes to them by weight.
    """
    chance = random.Random(f"guarantees {seed}")
    by_wire, n, size = chance.random() < 0.4, chance.randint(2, 6), chance.choice((200, 570, 1518))
    frame_ns = 80 if by_wire else chance.choice((200, 400, 1000))
    whole = 10 * size / (size + WIRE_BYTES) if by_wire else size * 8 / frame_ns
    names = [f"vf{number}" for number in range(n)]
    shares = [chance.random() for _ in names]
    part = chance.uniform(0.3, 0.9) * whole / sum(shares)
    least = {name: round(part * share, 3) for name, share in zip(names, shares, strict=True) if chance.random() < 0.7}
    light = [name for name in least if chance.random() < 0.2][: n - 1]
    offered = {name: round(least[name] * chance.uniform(0.2, 0.8), 3) for name in light}
    scheduler = chance.choice(("round_robin", "weighted", "deficit"))
    weights = {name: 1 if scheduler == "round_robin" else chance.randint(1, 4) for name in names}
    heavy = [name for name in names if name not in light]
    of_weight = (whole - sum(offered.values()) - sum(least.get(name, 0.0) for name in heavy)) / sum(
        weights[name] for name in heavy
    )
    expected = offered | {name: least.get(name, 0.0) + of_weight * weights[name] for name in heavy}
    targets = ["uplink"] * n if by_wire else [*names[1:], names[0]]
    changes = {
        "nic.vfs": n, "host.virtual_switch.frame_time": f"{frame_ns}ns", "switch.scheduler": scheduler,
        "switch.ports": [
            {"name": name, "weight": weights[name], "min_rate": f"{least[name]}Gbps" if name in least else None}
            for name in names
        ],
        "workload.pattern": "flows", "workload.frame_bytes": size, "workload.arrivals": "periodic",
        "workload.flows": [
            [name, to, f"{offered[name]}Gbps"] if name in light else [name, to]
            for name, to in zip(names, targets, strict=True)
        ],
        "host.virtual_switch.batch": chance.choice((8, 32)),
    }  # fmt: skip
    if by_wire:
        changes |= {"host.virtual_switch.on_uplink_full": "wait", "nic.tx_buffer": "64KiB"}
    return changes, expected, {name: offered.get(name, gbps) for name, gbps in least.items()}


@pytest.mark.a_third_by_day
@pytest.mark.parametrize("first", range(0, 100, 20))
def test_guarantees_are_met_and_the_rest_is_shared_by_weight(first: int) -> None:
    """The core is the limit, or the wire: each has its guarantee, within what falls at the window's ends."""
    for seed in range(first, first + 20):
        changes, expected, kept = drawn_case(seed)
        sent = {vm.name: vm.tx_gbps for vm in run(changes).vms if vm.name in expected}
        frame_gbps = changes["workload.frame_bytes"] * 8 / 6e6  # of one frame in the window
        turn_gbps = 4 * changes["host.virtual_switch.batch"] * frame_gbps
        for name, gbps in kept.items():
            assert sent[name] >= 0.995 * gbps - turn_gbps, (seed, name, kept, sent)
        for name, gbps in expected.items():
            assert sent[name] == pytest.approx(gbps, abs=0.01 * gbps + turn_gbps), (seed, name, expected, sent)


@pytest.mark.parametrize("by_wire", [False, True])
def test_a_limited_vm_has_its_rate_within_half_a_percent(by_wire: bool) -> None:
    """Beside others that take all they get, of a core or, where they wait for it, of the wire."""
    stations = [{"name": "vf0", "rate_limit": "1Gbps"}, {"name": "vf1", "rate_limit": "2345Mbps"}]
    changes = {"switch.ports": stations, "run.duration": "40ms", "run.warmup": "2ms"}
    if by_wire:
        changes |= {"workload.pattern": "to_wire", "host.virtual_switch.on_uplink_full": "wait"}
    result = run(changes)
    sent = {vm.name: vm.tx_gbps for vm in result.vms}
    assert sent["vf0"] == pytest.approx(1, rel=0.005) and sent["vf1"] == pytest.approx(2.345, rel=0.005)
    whole = 10 * 1500 / 1520 if by_wire else 30
    assert sent["vf2"] == pytest.approx(sent["vf3"], rel=0.02)
    assert sum(sent.values()) == pytest.approx(whole, rel=0.01) and not result.drops


def test_limits_of_all_are_what_limits() -> None:
    stations = {"switch.ports": [{"name": f"vf{at}", "rate_limit": f"{at + 1}Gbps"} for at in range(4)]}
    result, expected = run(stations), limits(config_from_mapping(BASE, stations))
    assert (expected.gbps, expected.limited_by) == (pytest.approx(10), "rate_limit")
    assert result.totals.gbps == pytest.approx(10, rel=0.005) and result.bottleneck.resource == "rate_limit"


def test_who_waits_for_the_wire_is_not_dropped_and_holds_nobody_else() -> None:
    """Half of vf0's and vf1's frames leave by a wire of 1 Gb/s; vf2 and vf3 have the rest of the core."""
    flows = [["vf0", "uplink"], ["vf0", "vf1"], ["vf1", "uplink"], ["vf1", "vf0"], ["vf2", "vf3"], ["vf3", "vf2"]]
    waits = {"workload.pattern": "flows", "workload.flows": flows, "port.rate": "1Gbps", "run.duration": "12ms",
             "host.virtual_switch.on_uplink_full": "wait"}  # fmt: skip
    result = run(waits)
    sent = {vm.name: vm.tx_gbps for vm in result.vms}
    assert not result.drops and result.wire.tx_gbps == pytest.approx(1 * 1500 / 1520, rel=0.01)
    assert sent["vf0"] + sent["vf1"] == pytest.approx(2 * 1500 / 1520, rel=0.1)
    assert sent["vf2"] + sent["vf3"] == pytest.approx(30 - 2 * 1500 / 1520, rel=0.02)


def test_cores_that_wait_for_slots_of_one_ring_get_them_by_turns() -> None:
    """Each of two cores passes faster than the wire sends: the first in their order must not take every slot."""
    two = {"host.cores": 7, "host.virtual_switch.cores": [5, 6], "host.virtual_switch.uplink_queues": 1}
    found = run({
        **two, "workload.pattern": "to_wire", "host.virtual_switch.on_uplink_full": "wait", "nic.tx_ring": 64,
        "workload.frame_bytes": None, "workload.segment_bytes": "16KiB", "nic.tso": False, "run.duration": "4ms",
    })  # fmt: skip
    assert found.bottleneck.resource == "wire.tx"
    by_core = [sum(vm.tx_gbps or 0.0 for vm in found.vms[first::2]) for first in (0, 1)]
    assert by_core == pytest.approx([sum(by_core) / 2] * 2, rel=0.05)


@pytest.mark.parametrize(("spare_bytes", "unmarked"), [(0, 6), (-1, 5), (1, 6)])
def test_marks_begin_at_the_threshold_s_byte(spare_bytes: int, unmarked: int) -> None:
    """Nobody takes frames here: the sixth finds five of 1496 B in the ring, and is marked if that is more."""
    result = run({
        "nic.vfs": 2, "host.virtual_switch.ecn_threshold": f"{5 * 1496 + spare_bytes}B",
        "driver.vms": {"vf1": {"frame_time": "1ms", "poll_budget": 1}},
        "workload.pattern": "flows", "workload.flows": [["vf0", "vf1", "2Gbps"]], "workload.arrivals": "periodic",
        "host.virtual_switch.kick": "2us", "run.warmup": "1us", "run.duration": "200us",
    })  # fmt: skip
    assert result.ecn is not None and result.ecn.receivers[0].frames > 25
    (at,) = result.ecn.receivers
    assert at == MarkedAt(name="vf1", marked=at.frames - unmarked, frames=at.frames)
    assert f"{at.marked:,} of {at.frames:,}" in mark_sentence(result.ecn)


def test_who_does_not_know_ecn_is_not_marked_and_the_uplink_s_queue_counts() -> None:
    """In the uplink's ring of 63 slots some frames wait for a wire of 1 Gb/s: above three of them vf1's are marked."""
    changes = {"workload.pattern": "to_wire", "port.rate": "1Gbps", "nic.vfs": 2, "nic.tx_ring": 64,
               "host.virtual_switch.ecn_threshold": "4KiB", "host.virtual_switch.ecn_capable": ["vf1"]}  # fmt: skip
    (at,) = run(changes).ecn.receivers
    assert at.name == "uplink" and at.share > 0.95 and at.frames == pytest.approx(6e6 / 12_160 / 2, rel=0.02)
    slow = {
        "host.virtual_switch.batch": 1,
        "host.virtual_switch.frame_time": "4us",
    }  # one is gone before the next comes
    wide = run({"nic.strict": False, **changes, "port.rate": "100Gbps", **slow})
    assert wide.ecn.together.marked == 0 and wide.ecn.together.frames == pytest.approx(6e6 / 4000 / 2, rel=0.02)


def test_samples_estimate_flows_within_their_error() -> None:
    """Twelve flows, ten seeds: of 120 estimates the mean square of error by standard error is about 1."""
    squares = []
    for seed in range(10):
        result = run({"workload.pattern": "uniform", "host.virtual_switch.sample_one_in": 20, "run.seed": seed})
        for flow in result.samples.flows:
            assert flow.estimated_frames == 20 * flow.samples and flow.bytes == 1500 * flow.frames
            squares.append(((flow.estimated_frames - flow.frames) / flow.frames_error) ** 2)
            assert flow.bytes_error == pytest.approx(1500 * flow.frames_error)
    assert len(squares) == 120 and sum(squares) / 120 == pytest.approx(1, abs=0.4) and max(squares) < 25
    assert "one in 20" in sample_sentence(result.samples)


def test_samples_are_those_of_the_window_of_flows_that_came_up_in_it_too() -> None:
    """One in 4. Of vf0's flow 30 - 10 frames with 5 - 2 samples, of vf1's, which is new, 4 with one of 64 B."""
    start, end = np.zeros(2, PASSED_FLOW), np.zeros(3, PASSED_FLOW)
    start[1] = (10, 15_000, 2, 3_000, 4_500_000, 0, 0)
    end[1], end[2] = (30, 45_000, 5, 7_500, 11_250_000, 0, 0), (4, 256, 1, 64, 4_096, 0, 0)
    book: Any = SimpleNamespace(own_flows=[("vf0", "vf1"), ("vf1", "vf2")])
    span: Any = Span(*(Snapshot(now_fs=at_fs, flows=start, passed=each) for at_fs, each in ((1, start), (2, end))))
    config: Any = SimpleNamespace(virtual_switch=SimpleNamespace(sample_one_in=4))
    found = sampled_flows(config, book, span)
    assert found is not None and found.one_in == 4
    first, second = found.flows
    assert (first.from_, first.frames, first.bytes, first.samples) == ("vf0", 20, 30_000, 3)
    assert (first.estimated_frames, first.estimated_bytes) == (12, 18_000)
    assert (first.frames_error, first.bytes_error) == (pytest.approx(6), pytest.approx(9_000))
    assert (second.to, second.frames, second.estimated_bytes, second.bytes_error) == (
        "vf2", 4, 256, pytest.approx(64 * 12**0.5),
    )  # fmt: skip


def test_each_frame_as_a_sample_is_the_count_itself_and_takes_its_time() -> None:
    changes = {"host.virtual_switch.sample_one_in": 1, "host.virtual_switch.sample_time": "350ns"}
    result, expected = run(changes), limits(config_from_mapping(BASE, changes))
    assert {(flow.frames_error, flow.frames - flow.samples) for flow in result.samples.flows} == {(0, 0)}
    assert expected.gbps == pytest.approx(1500 * 8 / 750)
    assert result.totals.gbps == pytest.approx(expected.gbps, rel=0.02)
    fewer = {**changes, "host.virtual_switch.sample_one_in": 7}
    assert run(fewer).totals.gbps == pytest.approx(1500 * 8 / 450, rel=0.02)
    assert FLOW_SAMPLES == 2**21 + 1


def test_a_mirror_costs_its_copies() -> None:
    """Frames of vf0 take 800 ns, those of vf1 400 ns; the host has a copy of each of vf0's."""
    result = run({"nic.vfs": 2, "workload.pattern": "pairs", "switch.mirrors": [{"from": "vf0", "to": "pf"}]})
    assert result.totals.gbps == pytest.approx(2 * 1500 * 8 / 1200, rel=0.02)
    assert result.totals.mirrored == pytest.approx(result.totals.copies_delivered / 2, rel=0.02)


def test_a_flow_cache_looks_at_what_comes_from_the_wire() -> None:
    """64 B, no exact match: 400 + 100 ns, and a doorbell of 100 ns for 16 descriptors."""
    changes = {
        "workload.pattern": "none", "workload.external": {"rate": "7Gbps", "frame_bytes": 64},
        "host.virtual_switch.flow_cache": {"exact_entries": 0}, "driver.doorbell_time": "100ns",
        "driver.refill_batch": 16,
    }  # fmt: skip
    result, expected = run(changes), limits(config_from_mapping(BASE, changes))
    assert expected.gbps == pytest.approx(512 / (500 + 100 / 16), rel=1e-3)
    assert result.totals.gbps == pytest.approx(expected.gbps, rel=0.01)
    assert result.flow_cache.misses == 0 and result.flow_cache.wildcard_hits > 5000


def interpreted(kernel: Any) -> Any:
    return getattr(kernel, "py_func", kernel)


def test_a_guarantee_that_was_not_used_lasts_for_the_window() -> None:
    """8 fs a byte, 1000 fs: at 5000 fs a function that has had nothing has as much as since 4000 fs."""
    params = SimpleNamespace(guarantee_num=8, guarantee_den=1)
    function = SimpleNamespace(params=params, owed_from_fs=0)
    scheduler = SimpleNamespace(params=SimpleNamespace(guarantee_window_fs=1000))
    interpreted(give_owed)(SimpleNamespace(function=[function], scheduler=scheduler), 5000, 0, 100)
    assert function.owed_from_fs == 4800
    interpreted(give_owed)(SimpleNamespace(function=[function], scheduler=scheduler), 5000, 0, 100)
    assert function.owed_from_fs == 5600


@pytest.mark.parametrize(("kind", "has_weights", "frames"), [(2, 0, 32), (2, 1, 96), (3, 1, 32)])
def test_a_turn_has_as_many_batches_as_the_weight(kind: int, has_weights: int, frames: int) -> None:
    """But on the slow path."""
    switch = SimpleNamespace(params=SimpleNamespace(batch=32, has_weights=has_weights, quantum_bytes=0))
    ring = SimpleNamespace(params=SimpleNamespace(function=0))
    nic = SimpleNamespace(
        virtual_switch=switch, tx_queue=[ring], function=[SimpleNamespace(params=SimpleNamespace(weight=3))]
    )
    work = SimpleNamespace(left=0)
    interpreted(begin_passing_turn)(nic, SimpleNamespace(kind=kind, queue=0), work)
    assert work.left == frames


@pytest.mark.parametrize(
    ("flow", "row", "overflow"), [(-1, 0, 0), (7, 8, 0), (2**15 - 2, 2**15 - 1, 0), (2**15 - 1, 0, 1)]
)
def test_a_run_with_too_many_flows_is_void(flow: int, row: int, overflow: int) -> None:
    nic = SimpleNamespace(clock=SimpleNamespace(overflow=0), virtual_switch=SimpleNamespace(flow=range(2**15)))
    assert (interpreted(row_of)(nic, flow), nic.clock.overflow) == (row, overflow)


REFUSED = {
    "switch: {scheduler: strict}": "switch.scheduler: not modelled with a virtual switch (nic.mode: vswitch)",
    "host: {virtual_switch: {ecn_capable: [vf9]}}": "host.virtual_switch.ecn_capable.0: there is no station vf9",
    "host: {virtual_switch: {on_uplink_full: wait}}": "host.virtual_switch.on_uplink_full: the virtual switch has no "
    "uplink (reach: internal); reach: external gives it one",
}


@pytest.mark.parametrize("text", REFUSED)
def test_what_cannot_be_is_refused_in_a_line(text: str) -> None:
    (found,) = complaints(f"nic: {{mode: vswitch, vfs: 4}}\n{text}")
    assert REFUSED[text] in found


def test_the_receiver_with_the_largest_share_of_marks_is_not_the_one_with_most() -> None:
    """Of the 1,003 marked frames 3 are for vf1, all that it gets."""
    receivers = (MarkedAt(name="vf0", marked=1000, frames=2000), MarkedAt(name="vf1", marked=3, frames=3))
    found = MarkedFrames(threshold_bytes=9, receivers=receivers)
    assert mark_sentence(found) == (
        "ECN: 1,003 of 2,003 frames (50.1 %) were marked, more than 9 B waiting in front of their receivers; the "
        "receiver with the largest share is vf1, with 100.0 %. Senders do not react."
    )


def test_each_frame_may_be_a_sample() -> None:
    assert sample_sentence(SampledFlows(one_in=1, flows=())) == "Samples, all frames: 0."
