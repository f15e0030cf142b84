"""The closed form beside a run: its figures, and the next steps as `limits` of the changed configuration gives them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hwmodel import lone_frame
from hwmodel.analytic import demand, limits
from hwmodel.config import config_from_mapping, load_config
from hwmodel.results import BRIDGE_PARTS, PARTS, CeilingFigure, ClosedForm, NextStep, Result
from hwmodel.results.result import ClosedForm as ClosedFormHome
from hwmodel.results.result import Relaxed
from hwmodel.simulation import simulate
from hwmodel.simulation.run.closed_form import closed_form_of, next_steps
from hwmodel.wire.pcap import read_blocks
from hwmodel.words.latency_parts import PART_WORDS
from tests.analytic_cases import demo
from tests.config_cases import SHIPPED
from tests.run_cases import frame, write_capture
from tests.sample_result import sample_relaxed, sample_result
from tests.simulation_cases import config_of

DOUBLED = {
    "pcie.lanes", "pcie.max_payload", "pcie.max_read_request", "pcie.tags", "nic.rx_writeback_batch", "nic.fetch_batch",
    "driver.rx_interrupt_batch", "driver.tx_doorbell_batch", "nic.rx_ring", "nic.tx_ring",
}  # fmt: skip


def number(text: str) -> int:
    digits = text.removesuffix("B")
    return 1024 * int(digits.removesuffix("Ki")) if digits.endswith("Ki") else int(digits)


@pytest.mark.a_third_by_day
@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_next_steps_are_those_of_the_changed_configuration(path):
    config = load_config(path)
    now = limits(config)
    found = next_steps(config, now)
    assert len({step.key for step in found}) == len(found)
    # What the wire alone limits, comes from it at a rate, or stays in memory, none of these changes.
    assert found or path.stem in (
        "switch_vn_tag", "wire_only", "vmdq_10g", "vswitch_dpdk", "vswitch_bond", "vswitch_segments", "pci_x_quad_port",
        "profiles_start", "profiles_given_on", "profiles_supervisor",
    )  # fmt: skip
    for step in found:
        value = int(step.value) if step.value.isdecimal() else step.value
        then = limits(load_config(path, {step.key: value}))
        assert (step.gbps, step.mpps, step.limited_by) == (then.gbps, then.mpps, then.limited_by)
        assert step.unloaded_latency_ns == then.unloaded_latency_ns
        is_faster = abs(then.mpps / now.mpps - 1) > 1e-3
        assert is_faster or abs(then.unloaded_latency_ns / now.unloaded_latency_ns - 1) > 1e-3
        assert step.key in DOUBLED | {"pcie.generation"}
        if step.key != "pcie.generation":
            assert number(step.value) == 2 * number(step.was)
        # What it was is what the configuration says.
        was = int(step.was) if step.was.isdecimal() else step.was
        assert limits(load_config(path, {step.key: was})).mpps == now.mpps


def test_a_full_link_is_helped_by_more_of_it():
    steps = {step.key: step for step in next_steps(demo(), limits(demo()))}
    now = limits(demo())
    assert steps["pcie.lanes"].value == "8"
    assert steps["pcie.lanes"].gbps == pytest.approx(2 * now.gbps)
    assert steps["pcie.generation"].value == "3"
    assert now.gbps < steps["pcie.max_payload"].gbps < steps["pcie.lanes"].gbps
    assert "nic.rx_ring" not in steps


def test_there_is_no_step_beyond_what_can_be_configured():
    largest = demo({"nic.strict": False, "pcie.lanes": 32, "pcie.generation": 5, "pcie.max_payload": "4KiB",
                    "pcie.max_read_request": "4KiB", "pcie.tags": 768})  # fmt: skip
    assert {step.key for step in next_steps(largest, limits(largest))}.isdisjoint(
        {"pcie.lanes", "pcie.generation", "pcie.max_payload", "pcie.max_read_request", "pcie.tags"}
    )


def test_the_figures_are_those_of_limits():
    now = limits(demo())
    found = closed_form_of(demo(), now)
    for name in ("link_name", "gbps", "mpps", "limited_by", "up_bytes", "down_bytes", "unloaded_latency_ns"):
        assert getattr(found, name) == getattr(now, name)
    assert found.offered_mpps == pytest.approx(now.mpps)
    # As `limits --json` has them: the resources with a ceiling, in order.
    assert [(one.resource, one.what) for one in found.ceilings] == [(one.resource, one.what) for one in now.ceilings]
    assert min(one.offered_mpps for one in found.ceilings if one.offered_mpps is not None) == pytest.approx(now.mpps)


def test_parts_are_of_the_frame_alone_and_those_never_over_are_left_out():
    # Batches of eight without timers: one frame alone never comes to its end.
    stuck, whole, to_wire = (
        closed_form_of(config, limits(config))
        for config in (demo(), config_of(), demo({"workload.pattern": "to_wire"}))
    )
    assert (
        set(stuck.latency_parts_ns) < set(whole.latency_parts_ns) == set(PARTS) == set(PART_WORDS) - set(BRIDGE_PARTS)
    )
    assert sum(whole.latency_parts_ns.values()) == pytest.approx(lone_frame(config_of()).whole_ns)
    assert whole.lone_frame == "64 B from vf0 to vf1"
    assert to_wire.latency_parts_ns["wire"] == 1538 * 0.8


# ---- Stored and read back ----


@pytest.fixture(scope="module")
def result():
    config = config_of(workload={"pattern": "pairs", "frame_bytes": 64, "load": "1Gbps"}, run={"duration": "3ms"})
    return simulate(config, with_next_steps=True)


def test_a_run_keeps_its_closed_form(result):
    config = config_from_mapping(dict(result.config))
    assert result.closed_form == closed_form_of(config, limits(config), next_steps(config, limits(config)))
    assert ClosedForm is ClosedFormHome


def test_all_that_is_new_is_read_back_as_it_was(result):
    assert result.intervals and result.latency_parts_ns and result.pcie.up.per_frame and result.closed_form.ceilings
    once = Result.from_json(result.to_json())
    # Floats are rounded to nine decimals when they are written: what is read back is written alike.
    assert Result.from_json(once.to_json()) == once
    assert once.to_json() == result.to_json()
    assert set(once.intervals) == set(result.intervals)
    assert all(isinstance(ends, tuple) for ends in once.intervals.values())
    assert once.latency_parts_ns.keys() == result.latency_parts_ns.keys() == {"mean", "p50", "p99", "p999"}
    assert set(once.latency_parts_ns["mean"]) == set(PARTS)
    assert isinstance(once.closed_form.ceilings[0], CeilingFigure)
    assert isinstance(once.closed_form.next_steps[0], NextStep)
    assert once.warnings == result.warnings


def test_relaxed_runs_are_read_back():
    once = Result.from_json(replace(sample_result(), relaxed=sample_relaxed()).to_json())
    assert Result.from_json(once.to_json()) == once
    stored = sample_relaxed()
    assert [(one.change, one.is_bottleneck) for one in once.relaxed] == [(x.change, x.is_bottleneck) for x in stored]
    assert [one.gain for one in once.relaxed] == pytest.approx([one.gain for one in stored])
    assert isinstance(once.relaxed[0], Relaxed)


def test_results_are_equal_whatever_the_machine_that_ran_them(result):
    other = replace(result, host_run=replace(result.host_run, wall_s=9.0, machine="another"))
    assert other == result
    assert replace(other, host_run=None) == result
    assert replace(result, seed=result.seed + 1) != result
    assert replace(result, intervals={}) != result


def test_a_capture_is_counted_once_for_the_closed_form(tmp_path, monkeypatch):
    frames = [(1000 * i, frame("vf0", "vf1")) for i in range(50)]
    path = write_capture(tmp_path / "some.pcap", frames)
    read = []
    monkeypatch.setattr(demand, "read_blocks", lambda name: read.append(name) or read_blocks(name))
    config = config_of(workload={"pattern": None, "frame_bytes": None, "pcap": str(path), "pcap_time": "asap"})
    first = simulate(config, with_next_steps=True).closed_form
    assert len(read) == 1 and first.next_steps
    # What is written anew is read anew: frames of another length.
    write_capture(path, [(at, raw + bytes(200)) for at, raw in frames])
    config = config_of(workload={"pattern": None, "frame_bytes": None, "pcap": str(path), "pcap_time": "asap"})
    assert simulate(config).closed_form.up_bytes > first.up_bytes + 150
    assert len(read) == 2


def test_next_steps_of_an_adapter_whose_bridge_sends_back_are_those_of_limits_and_several_servers_have_none():
    reflected = {"switch.mode": "vepa", "bridge": {"kind": "learning"}, "run.duration": "2ms"}
    config = load_config("sriov_10g_gen2x4", reflected)
    found = simulate(config, with_next_steps=True).closed_form
    # The wire limits: a wider link carries no more, and a frame alone is quicker.
    (lanes,) = (step for step in found.next_steps if step.key == "pcie.lanes")
    assert lanes.gbps == pytest.approx(found.gbps) and lanes.limited_by == "wire.tx"
    assert lanes.unloaded_latency_ns < found.unloaded_latency_ns
    two = load_config("sriov_10g_gen2x4", {"servers": [{"name": "a"}, {"name": "b"}], "run.duration": "2ms"})
    assert simulate(two, with_next_steps=True).closed_form.next_steps == ()
