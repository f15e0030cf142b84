"""The virtual switch's uplink: what crosses the link and the wire for it, by hand and beside functions of VMs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from hwmodel import Result, limits, simulate
from hwmodel.analytic.traffic import ONE, ZERO, Traffic
from hwmodel.analytic.uplink import on_link, seen_by_adapter
from hwmodel.config import config_from_mapping
from hwmodel.forwarding.drop_reason import DropReason
from hwmodel.machine.adapter.uplink import TX_RING_FULL
from hwmodel.results import check_balance

FREE_DRIVER = {"uplink_time": "0ns", "uplink_byte_time": "0ns"}
BASE = {
    "nic": {"mode": "vswitch", "vfs": 4},
    "host": {"virtual_switch": {"pass_by": "pointer", **FREE_DRIVER}},
    "workload": {"pattern": "to_wire", "frame_bytes": 1518, "load": "saturate"},
    "run": {"duration": "4ms", "clocks": "exact"},
}
FROM_WIRE = {
    **BASE,
    "workload": {"pattern": "none", "frame_bytes": 1518, "external": {"rate": "20Mbps", "arrivals": "periodic"}},
}
LONE = {
    "workload.load": "20Mbps",
    "workload.arrivals": "periodic",
    "driver.preset": "dpdk",
    "driver.tx_doorbell_batch": 1,
}


def run(changes: dict[str, Any] | None = None, base: dict[str, Any] = BASE) -> Result:
    result = simulate(config_from_mapping(base, changes or {}))
    assert check_balance(result) == []
    return result


@pytest.mark.parametrize(
    ("changes", "gbps", "limit"),
    [
        ({}, 1518 * 8 / (1538 * 0.8), "wire.tx"),  # ns of 10 Gb/s
        ({"host.virtual_switch.frame_time": "2us"}, 1518 * 8 / (2000 + 100 / 32), "vswitch"),  # a doorbell a batch
        (
            {"nic.strict": False, "port.rate": "100Gbps", "pcie.generation": 1},
            1518 * 8 / (1667 * 0.502),
            "pcie.down",
        ),  # B of Gen1 x8
        ({"host.virtual_switch.frame_time": "2us", "workload.frame_bytes": 64}, 64 * 8 / (2000 + 100 / 32), "vswitch"),
    ],
)
def test_frames_leave_as_fast_as_core_link_and_wire_let_them(changes: dict[str, Any], gbps: float, limit: str) -> None:
    changes = {"pcie.generation": 2, "pcie.lanes": 8, "driver.doorbell_time": "100ns", **changes}
    expected, result = limits(config_from_mapping(BASE, changes)), run(changes)
    assert expected.gbps == pytest.approx(gbps, rel=2e-3) and expected.ceilings[0].resource == "pcie.up"
    assert result.wire.tx_gbps == pytest.approx(gbps, rel=0.01)
    assert result.bottleneck.resource == limit
    assert bool(result.drops.get("TX_RING_FULL")) == (limit != "vswitch")


def test_what_crosses_the_link_by_hand() -> None:
    """Frames that come one by one: 1514 B in double words, six completions, a descriptor and a doorbell for each."""
    down, up = (
        getattr(run({**LONE, "nic.vfs": 1, "workload.load": "600Mbps"}).pcie, way).per_frame for way in ("down", "up")
    )
    assert {name: down[name] for name in ("payload", "tlp_overhead", "descriptor", "doorbell")} == {
        "payload": 1516, "tlp_overhead": 6 * 20, "descriptor": 20 + 16, "doorbell": 24 + 4,
    }  # fmt: skip
    assert (up["read_request"], up["descriptor"], up["interrupt"]) == (3 * 24, 24, 0)


def test_the_adapter_sees_one_function_of_frames_that_leave_or_come() -> None:
    config = config_from_mapping(
        BASE, {"nic.queues_per_vf": 2, "host.cores": 8, "host.virtual_switch.cores": [5, 6, 7]}
    )
    inside = Traffic(((1518, ONE),), reads=ONE, copies=ONE, to_wire=ZERO, from_wire=ZERO, sent={"vf0": ONE})
    seen = on_link(config, replace(inside, to_wire=ONE / 4, from_wire=ONE / 8))[1]
    assert (seen.reads, seen.copies, seen.sent) == (ONE / 4, ONE / 8, {"pf": ONE / 4})
    assert on_link(config, inside)[1].is_nothing
    assert seen_by_adapter(config).nic.queues_per_vf == 3


def test_what_finds_the_uplink_s_ring_full_is_told_as_such() -> None:
    assert DropReason(TX_RING_FULL).name == "TX_RING_FULL"


def test_what_stays_inside_is_not_held_back_by_a_full_wire() -> None:
    """Half of the frames leave: 2.5 M a second are passed, of which the wire carries 0.81 M; the rest is dropped."""
    mixed = {"workload.pattern": "pairs", "workload.wire_share": 0.5}
    result, expected = run(mixed), limits(config_from_mapping(BASE, mixed))
    assert expected.limited_by == "vswitch" and expected.frames_per_s == pytest.approx(2.5e6, rel=0.01)
    assert result.totals.mpps == pytest.approx(1.25, rel=0.03)
    assert result.window.wire_frames / 4e-3 == pytest.approx(0.8127e6, rel=0.02)
    assert result.drops["TX_RING_FULL"] > 0


def test_a_group_s_frames_reach_the_wire_too() -> None:
    """Four VMs: a broadcast frame goes to three, the host, and the wire: five copies, 2 us of the core."""
    changes = {"workload.pattern": "broadcast", "host.virtual_switch.reach": "external", "workload.frame_bytes": 64}
    result = run(changes)
    assert result.totals.mpps == pytest.approx(0.5 * 4, rel=0.03)
    assert result.totals.delivered_to_wire == pytest.approx(result.totals.delivered_frames, rel=0.02)


def test_rings_of_the_uplink_share_what_comes() -> None:
    """Each flow has a ring by its hash, each ring a core: two cores take together what one has no time for."""
    many = {"workload.external.rate": "6Gbps", "workload.external.frame_bytes": 64, "host.virtual_switch.frame_time":
            "200ns", "host.cores": 8, "driver.frame_time": "50ns"}  # fmt: skip
    one = run({**many, "host.virtual_switch.cores": [6]}, FROM_WIRE)
    two = run({**many, "host.virtual_switch.cores": [6, 7]}, FROM_WIRE)
    assert one.totals.mpps == pytest.approx(1e3 / (200 + 100 / 16), rel=0.005)  # a doorbell for 16 descriptors
    assert one.drops["NO_DESCRIPTOR"] > 0
    assert two.totals.mpps > 1.3 * one.totals.mpps


def test_a_wire_that_is_down_loses_what_is_for_it_alone() -> None:
    result = run(
        {"port.down": ["p0"], "workload.pattern": "pairs", "workload.wire_share": 0.5, "workload.load": "1Gbps"}
    )
    assert set(result.drops) == {"LINK_DOWN"} and result.totals.delivered_to_wire == 0
    assert result.totals.gbps == pytest.approx(2, rel=0.1)


def test_one_frame_to_the_wire_takes_the_core_longer_than_from_a_function() -> None:
    """From the core on it is a frame of a function with the same rings; the guest's own are in memory."""
    own = run({**LONE, "host.virtual_switch.kick": "250ns"})
    function = run({**LONE, "nic.mode": "sriov", "host.virtual_switch": None})
    assert own.latency_ns.min == pytest.approx(function.latency_ns.min + 250 + 400, abs=1e-5)


def test_one_frame_from_the_wire_takes_the_core_longer_than_to_a_function() -> None:
    times = {"host.virtual_switch.byte_time": "0.1ns", "host.virtual_switch.batch_time": "37ns"}
    own = run({"driver.preset": "dpdk", **times}, FROM_WIRE)
    function = run({"driver.preset": "dpdk", "nic.mode": "sriov", "host.virtual_switch": None}, FROM_WIRE)
    assert own.latency_ns.min == pytest.approx(function.latency_ns.min + 400 + 37 + 151.4, abs=1e-5)


def test_turns_give_other_shares_than_what_is_offered() -> None:
    """The core passes 1 M of 9.8 M offered; by turns vf0 gets its 0.2 M through, where 2 % of it would be its share."""
    flows = {"nic.strict": False,
             "workload.pattern": "flows", "workload.flows": [["vf0", "vf1", "100Mbps"], ["vf2", "uplink", "4.9Gbps"]],
             "workload.frame_bytes": 64, "driver.frame_time": "50ns", "host.virtual_switch.frame_time": "1us",
             "port.rate": "40Gbps"}  # fmt: skip
    expected, result = limits(config_from_mapping(BASE, flows)), run(flows)
    assert expected.limited_by == "offered_load" and expected.gbps == pytest.approx(0.1, rel=1e-6)
    assert expected.as_offered is not None and expected.as_offered.limited_by == "vswitch"
    assert result.totals.gbps == pytest.approx(0.1, rel=0.1) and expected.as_offered.gbps < 0.02
    less = {"workload.flows": [["vf0", "vf1", "100Mbps"], ["vf2", "uplink", "200Mbps"]]}
    assert limits(config_from_mapping(BASE, {**flows, **less})).notes == ()


@pytest.mark.parametrize("base", [BASE, FROM_WIRE], ids=["out", "in"])
@pytest.mark.parametrize("said", [None, "70ns"])
def test_the_uplink_s_driver_takes_a_frame_as_any_driver(base: dict[str, Any], said: str | None) -> None:
    """Of 1518 B: 400 ns, and the driver's 300 ns and 0.2 ns a byte, or what the switch says of it."""
    changes = {"nic.strict": False,
        "host.virtual_switch.uplink_time": said, "host.virtual_switch.uplink_byte_time": said and "0.1ns",
        "driver.vms": {"pf": {"preset": "dpdk", "frame_time": "300ns", "byte_time": "0.2ns", "doorbell_time": "0ns"}},
        "workload.external.rate": "35Gbps", "workload.load": "saturate", "port.rate": "40Gbps", "pcie.generation": 3,
        "pcie.lanes": 8, "run.duration": "1ms", "driver.frame_time": "50ns", "driver.byte_time": "0ns",
    }  # fmt: skip
    if base is BASE:
        del changes["workload.external.rate"]
    frame_ns = 400 + (70 + 1514 * 0.1 if said else 300 + 1514 * 0.2)
    config = config_from_mapping(base, changes)
    found, expected = simulate(config), limits(config)
    frames = (found.window.vm_frames or 0) + (found.window.wire_frames or 0)
    assert expected.limited_by == "vswitch" and expected.mpps == pytest.approx(1e3 / frame_ns, rel=1e-6)
    assert frames / (found.window.end_ns - found.window.start_ns) == pytest.approx(1 / frame_ns, rel=0.02)
    assert found.cpu.hypervisor == pytest.approx(1, abs=0.02)
