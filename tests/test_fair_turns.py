"""Peers that want the same room at one instant, or the same room in turn: none is first for a whole run."""

from __future__ import annotations

from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import pytest

from hwmodel.analytic import limits
from hwmodel.config import config_from_mapping
from hwmodel.machine.adapter.room_turns import MEMORY_BYTES, N_TURNS, ROOM_TURNS, finds_room
from hwmodel.simulation import simulate
from hwmodel.simulation.fill.clocks import ADAPTER, OUTSIDE, stretch
from hwmodel.simulation.run.machine import Machine
from hwmodel.workload import build_workload
from tests.clocks_beside_simpy import drawn
from tests.run_cases import merged

PERIOD = 7  # what phases of sources are drawn for
LINES: dict[str, Any] = {
    "nic": {"preset": "82599", "vfs": 4}, "driver": {"preset": "dpdk"}, "port": {"count": 2},
    "pcie": {"generation": 2, "lanes": 4}, "run": {"warmup": "2ms", "duration": "8ms"},
    "workload": {"pattern": "flows", "frame_bytes": 1518, "flows": [["uplink", "vf0"], ["uplink", "vf1"]]},
}  # fmt: skip
FOUR = {
    "nic.preset": "XL710", "nic.max_pps": None, "port.rate": "10Gbps", "port.count": 4,
    "workload.flows": [["uplink", f"vf{at}"] for at in range(4)],
}  # fmt: skip
IN_A_PIPELINE = {"nic.max_pps": 20_000_000}
ON_A_BUS = {"nic.max_pps": None, "switch.timing": "core"}
AT_ONCE = {"nic.max_pps": None}
BY_CLASS = {
    "nic.arbitration": {"classes": [{"percent": 50}, {"percent": 50}]},
    "nic.flow_control": {"mode": "pfc", "priorities": [7]}, "nic.max_pps": None,
}  # fmt: skip


def rates(block: dict[str, Any], changes: dict[str, Any], **run: object) -> dict[str, float]:
    result = simulate(config_from_mapping(merged(block, {"run": run}), changes))
    return {one.name: one.rx_gbps for one in result.vms if one.rx_gbps}


@pytest.mark.real_clocks
@pytest.mark.parametrize("clocks", ["exact", "50ppm"])
@pytest.mark.parametrize("changes", [AT_ONCE, IN_A_PIPELINE, ON_A_BUS, BY_CLASS, FOUR])
def test_lines_share_an_rx_buffer_that_they_overfill(changes, clocks):
    for seed in (1, 2):
        got = rates(LINES, changes, clocks=clocks, seed=seed)
        assert len(got) == changes.get("port.count", 2)
        assert min(got.values()) > 0.95 * max(got.values()), (seed, got)
        assert sum(got.values()) > 13


def test_a_line_that_loses_nothing_keeps_others_from_nothing():
    slow = {"workload.flows": [["uplink", "vf0", "3Gbps"], ["uplink", "vf1", "9Gbps"]]}
    got = rates(LINES, slow, clocks="exact", seed=1)
    assert got == pytest.approx({"vf0": 3, "vf1": 9}, rel=0.01)


@pytest.mark.real_clocks
@pytest.mark.parametrize("seed", [1, 2])
def test_each_line_has_a_clock_and_a_phase_of_its_own(seed):
    config = config_from_mapping(merged(LINES, {"run": {"clocks": "50ppm", "seed": seed}}))
    nic = Machine(config, build_workload(config), seed).state[0]
    speeds = []
    for number in range(2):
        mac = nic.port[number].mac
        of_line, of_port = (
            Fraction(int(one.fs_per_byte_num), int(one.fs_per_byte_den)) for one in (mac.line.params, mac.params)
        )
        assert of_line == 800_000 * stretch(config, seed, OUTSIDE, 1 + number)
        assert of_port == 800_000 * stretch(config, seed, ADAPTER)
        speeds += [of_line]
        first_fs = int(nic.traffic.source[number].params.first_fs)
        assert first_fs == drawn(seed, PERIOD, number, 1538 * 800_000)
    assert len({*speeds, of_port}) == 3


SIDES = merged(LINES, {"port": {"count": 1}, "workload": {"flows": [["vf0", "vf1"], ["uplink", "vf2"]]}})
LONG_AND_SHORT = merged(
    {key: block for key, block in SIDES.items() if key != "workload"},
    {
        "switch": {"ports": [{"name": "all", "max_frame": "9018B"}]},
        "workload": {"pattern": "pairs", "frame_bytes": 9018, "external": {"rate": "7.6Gbps", "frame_bytes": 64}},
    },
)


@pytest.mark.real_clocks
@pytest.mark.parametrize("clocks", ["exact", "50ppm"])
@pytest.mark.parametrize(
    "changes",
    [
        {}, IN_A_PIPELINE, ON_A_BUS, BY_CLASS, {"nic.rx_buffer": "4KiB"}, {"workload.frame_bytes": 256},
        {"port.count": 2, "workload.flows": [["vf0", "vf2"], ["uplink", "vf2"], ["uplink", "vf1"]]},
    ],
)  # fmt: skip
def test_local_copies_and_lines_share_an_rx_buffer_that_they_overfill(changes, clocks):
    for seed in (1, 2):
        result = simulate(config_from_mapping(merged(SIDES, {"run": {"clocks": clocks, "seed": seed}}), changes))
        got = [flow.gbps for flow in result.flows]
        assert len(got) == 1 + changes.get("port.count", 1)
        assert min(got) > 0.98 * max(got), (seed, got)
        assert result.utilization["pcie.up"] > 0.999


@pytest.mark.parametrize("rate_gbps", [2, 6])
@pytest.mark.parametrize("slow", [0, 1])
def test_who_brings_less_than_its_turns_of_the_rx_buffer_loses_next_to_nothing(slow, rate_gbps):
    flows = [[*flow, f"{rate_gbps}Gbps"][: 2 + (at == slow)] for at, flow in enumerate(SIDES["workload"]["flows"])]
    result = simulate(config_from_mapping(SIDES, {"workload.flows": flows}))
    (limited,) = (flow for flow in result.flows if flow.from_ == flows[slow][0])
    assert limited.gbps == pytest.approx(rate_gbps, rel=0.03)
    assert sum(result.drops.values()) < 10 or not slow
    assert result.utilization["pcie.up" if slow or rate_gbps > 4 else "wire.rx"] > 0.999


@pytest.mark.parametrize(("of_vms", "outside"), [(9018, 64), (64, 9018)])
def test_long_copies_find_room_that_short_frames_would_fill_bit_by_bit(of_vms, outside):
    sizes = {"workload.frame_bytes": of_vms, "workload.external.frame_bytes": outside}
    result = simulate(config_from_mapping(LONG_AND_SHORT, sizes))
    from_wire = sum(flow.gbps for flow in result.flows if flow.from_ == "uplink")
    assert from_wire == pytest.approx(sum(flow.gbps for flow in result.flows) - from_wire, rel=0.2)


INTO_ONE: dict[str, Any] = {
    "nic": {"preset": None, "mode": "vswitch", "vfs": 4}, "driver": {"preset": "dpdk"}, "host": {"cores": 12},
    "run": {"warmup": "4ms", "duration": "12ms"},
    "workload": {"pattern": "incast", "frame_bytes": 1024, "load": "saturate"},
}  # fmt: skip
THREADS = {"host.virtual_switch.preset": "ovs_kernel"}
CORES = {
    "host.virtual_switch": {"pass_by": "pointer", "cores": [8, 9, 10, 11], "frame_time": "300ns"},
    "driver.vms": {"vf0": {"frame_time": "250ns"}},
}


@pytest.mark.real_clocks
@pytest.mark.parametrize("changes", [THREADS, CORES])
def test_cores_of_a_virtual_switch_that_overfill_a_receiver_leave_none_without(changes):
    for seed in (1, 2, 3):
        result = simulate(config_from_mapping(merged(INTO_ONE, {"run": {"clocks": "50ppm", "seed": seed}}), changes))
        got = [flow.gbps for flow in result.flows if flow.to == "vf0"]
        assert sum(result.drops.values()) > 1000 and len(got) == 3
        assert min(got) > 0.4 * max(got), (seed, got)


def test_what_vms_send_to_all_is_not_handed_over_by_one_thread():
    """Beside the ceiling of the load's own proportions: more of a thread's frames for those that have room is a mix."""
    config = config_from_mapping(INTO_ONE, {**THREADS, "workload.pattern": "broadcast"})
    assert simulate(config).totals.gbps > 0.65 * limits(config).as_offered.gbps


def interpreted(kernel: Any) -> Any:
    return getattr(kernel, "py_func", kernel)


def finding(asked: list[tuple[int, int, int]]) -> list[bool]:
    """Return whether frames find room: (sender, places needed, places free), of 64, in batches of 8."""
    owed = SimpleNamespace(source=0, n=0, lost_by_others=0)
    return [interpreted(finds_room)(owed, *one, 64, 8) for one in asked]


def test_who_lost_last_is_owed_what_frees():
    both = [(2, 1, 0), (3, 1, 1), (2, 1, 1), (3, 1, 1)]  # 2 loses; 3 leaves it the place; 2 takes it; 3 has its own
    assert finding(both) == [False, False, True, True]
    assert finding([(2, 1, 0), (3, 1, 0), (2, 1, 1), (2, 1, 0), (3, 1, 0), (2, 1, 1), (3, 1, 1)]) == [
        False, False, True, False, False, False, True,
    ]  # fmt: skip
    assert finding([(2, 40, 0), (3, 40, 40)]) == [False, True]  # more than there can be
    lapsed = finding([(2, 1, 0), *[(3, 1, 0)] * 1001, (2, 1, 1), (3, 1, 1)])
    assert lapsed[-2:] == [False, True]


SERVERS: dict[str, Any] = {
    "nic": {"preset": "82599", "vfs": 1}, "driver": {"preset": "dpdk"}, "pcie": {"generation": 2, "lanes": 8},
    "servers": [{"name": name} for name in "abcd"], "run": {"warmup": "4ms", "duration": "8ms", "clocks": "exact"},
    "workload": {"pattern": "flows", "frame_bytes": 1518, "flows": [[f"{one}.vf0", "a.vf0"] for one in "bcd"]},
}  # fmt: skip


@pytest.mark.parametrize("senders", ["bc", "bcd", "db"])
def test_senders_in_step_share_a_full_port_of_the_bridge(senders):
    flows = [[f"{one}.vf0", "a.vf0"] for one in senders]
    result = simulate(config_from_mapping(SERVERS, {"workload.flows": flows}))
    got = [flow.gbps for flow in result.flows]
    assert sum(got) == pytest.approx(9.87, rel=0.01)
    assert min(got) > 0.9 * max(got), got


def test_turns_are_remembered_by_class_and_port_and_in_64_bits():
    """Shares are compared as products of two counts."""
    names = [name for name in ROOM_TURNS.names if name != "moved_bytes"]  # local copies have no port
    assert all(ROOM_TURNS[name].shape == (N_TURNS,) for name in names) and len(names) == 3
    assert (2 * MEMORY_BYTES) ** 2 < 2**63
