"""Frames and copies that a run drops have the right reason, in the totals and at the right VM."""

from __future__ import annotations

import pytest

from hwmodel.config import config_from_mapping
from hwmodel.simulation import simulate
from tests.run_cases import (
    BATCHES_OF_ONE,
    BROADCAST,
    OUTSIDE,
    POLLED,
    frame,
    logged,
    mac,
    merged,
    result_of,
    write_capture,
)

SWITCH = {
    "ports": [
        {"name": "vf1", "admit": "untagged"},
        {"name": "vf2", "enabled": False},
        {"name": "vf3", "port_vlan": 20, "vlans": [20], "loopback": False},
    ],
    "uplink": {"native_vlan": 1, "vlans": [1, 9]},
    "acl": [{"port": "vf0", "destination": "02:cc:00:00:00:01", "action": "deny"}],
}
PAUSE = bytes.fromhex("0180c2000001" + mac("vf0").replace(":", "") + "8808") + bytes(46)
STACKED = bytes.fromhex((mac("vf1") + mac("vf0")).replace(":", "") + "88a8000a88b5") + bytes(46)

# What a frame is, its bytes, the VM that it enters by (None: the wire) and what becomes of it.
FRAMES = [
    ("good", frame("vf0", "vf1"), "vf0", None),
    ("as long as may be", frame("vf0", "vf1", 1514), "vf0", None),
    ("as long as may be, with its tag", frame("vf0", "vf1", 1518, c_tag=1), "vf0", None),
    ("too long", frame("vf0", "vf1", 1515), "vf0", "OVERSIZE"),
    ("too long without its tag", frame("vf0", "vf1", 1519, c_tag=1), "vf0", "OVERSIZE"),
    ("too short for a type", frame("vf0", "vf1")[:13], "vf0", "RUNT"),
    ("addresses alone", frame("vf0", "vf1")[:12], "vf0", "RUNT"),
    ("ending in its tag", frame("vf0", "vf1", c_tag=1)[:15], "vf0", "RUNT"),
    ("to a reserved address", frame("vf0", "01:80:c2:00:00:0e"), "vf0", "CONTROL_FRAME"),
    ("a PAUSE frame", PAUSE, "vf0", "CONTROL_FRAME"),
    ("with an S-TAG of its own", STACKED, "vf0", "FORBIDDEN_TAG"),
    ("in a VLAN of others", frame("vf0", "vf1", c_tag=9), "vf0", "VLAN_MEMBER"),
    ("in VLAN 4095", frame("vf0", "vf1", c_tag=4095), "vf0", "VLAN_MEMBER"),
    ("tagged where none may be", frame("vf1", "vf0", c_tag=1), "vf1", "VLAN_ADMIT"),
    ("refused by the list", frame("vf0", "02:cc:00:00:00:01"), "vf0", "ACL_DENY"),
    ("from a disabled VM", frame("vf2", "vf0"), "vf2", "PORT_DISABLED"),
    ("to itself", frame("vf0", "vf0"), "vf0", "SAME_PORT"),
    ("of a VM that reaches nobody", frame("vf3", BROADCAST), "vf3", "NO_DESTINATION"),
    ("from outside", frame(OUTSIDE, "vf0"), None, None),
    ("under an address that no VM has", frame("02:00:00:00:00:77", "vf0"), None, None),
    ("from outside to nobody", frame(OUTSIDE, "02:dd:00:00:00:01"), None, "UNKNOWN_UNICAST"),
    ("from outside in a VLAN not carried", frame(OUTSIDE, "vf0", c_tag=20), None, "VLAN_MEMBER"),
    ("from outside in a VLAN of nobody", frame(OUTSIDE, "vf0", c_tag=9), None, "UNKNOWN_UNICAST"),
    ("too long, from outside", frame(OUTSIDE, "vf0", 1515), None, "OVERSIZE"),
    ("too short, from outside", b"\x02", None, "RUNT"),
]


@pytest.mark.parametrize(("raw", "enters_by", "reason"), [row[1:] for row in FRAMES], ids=[row[0] for row in FRAMES])
def test_a_frame_gets_its_reason(raw, enters_by, reason, tmp_path):
    n_frames = 3
    capture = write_capture(tmp_path / "in.pcap", [(i * 3000, raw) for i in range(n_frames)])
    workload = {"workload": {"pcap": str(capture)}, "run": {"duration": "1s"}}
    result = result_of(BATCHES_OF_ONE, {"nic": {"vfs": 4}, "switch": SWITCH}, workload)
    lost = {} if reason is None else {reason: n_frames}
    assert result.drops == lost
    assert result.totals.offered_frames == n_frames
    assert result.totals.dropped_frames == len(lost) * n_frames
    assert result.totals.delivered_frames == n_frames - len(lost) * n_frames
    assert {vm.name: vm.drops for vm in result.vms if vm.drops} == ({enters_by: lost} if lost and enters_by else {})
    assert result.totals.from_wire == (0 if enters_by else n_frames)


def test_a_capture_that_nobody_gets_is_run_without_a_closed_form(tmp_path):
    capture = write_capture(tmp_path / "in.pcap", [(0, frame(OUTSIDE, "02:dd:00:00:00:01"))])
    result = simulate(config_from_mapping({"workload": {"pcap": str(capture)}}))
    assert result.drops == {"UNKNOWN_UNICAST": 1}
    assert result.closed_form is None


def test_reasons_add_up_over_a_mixed_capture(tmp_path):
    capture = write_capture(tmp_path / "in.pcap", [(i * 700, row[1]) for i, row in enumerate(FRAMES * 4)])
    workload = {"workload": {"pcap": str(capture)}, "run": {"duration": "1s"}}
    result = result_of(BATCHES_OF_ONE, {"nic": {"vfs": 4}, "switch": SWITCH}, workload)
    reasons = [row[3] for row in FRAMES if row[3]]
    assert result.drops == {reason: 4 * reasons.count(reason) for reason in set(reasons)}
    assert result.totals.in_flight_frames == 0


SLOW = merged(
    POLLED,
    {
        "pcie": {"generation": 3, "lanes": 16},
        "nic": {"strict": False, "vfs": 4, "rx_ring": 64},
        "driver": {"frame_time": "1us"},
        "workload": {"pattern": "incast", "frame_bytes": 300, "load": "1Gbps"},
        "run": {"warmup": "0us", "duration": "2ms"},
    },
)


def test_without_descriptors_frames_drop_at_the_receiver_or_wait():
    dropping = result_of(SLOW)
    assert set(dropping.drops) == {"NO_DESCRIPTOR"}
    assert dropping.totals.dropped_frames == dropping.totals.copies_dropped == dropping.drops["NO_DESCRIPTOR"] > 50
    assert {vm.name: vm.drops for vm in dropping.vms if vm.drops} == {"vf0": dropping.drops}
    waiting = result_of(SLOW, {"nic": {"drop_enable": False}})
    assert waiting.drops == {}
    assert waiting.stalls_ns.descriptors > 0


def test_a_frame_from_the_wire_drops_where_the_rx_buffer_is_full():
    external = {"rate": "8Gbps", "frame_bytes": 1518, "to": ["vf0", "vf1"]}
    machine = {"pcie": {"generation": 1, "lanes": 1}, "nic": {"vfs": 2, "rx_buffer": "16KiB"}}
    machine |= {"workload": {"load": "1Mbps", "external": external}, "run": {"warmup": "0us", "duration": "1ms"}}
    result = result_of(POLLED, machine)
    assert set(result.drops) == {"RX_BUFFER_FULL"}
    assert result.drops["RX_BUFFER_FULL"] == result.totals.copies_dropped > 100
    assert all(vm.drops["RX_BUFFER_FULL"] > 0 for vm in result.vms)
    assert result.queues["rx_buffer"].max > 16 * 1024 - 1518


def test_a_local_copy_waits_where_the_rx_buffer_is_full():
    machine = {"nic": {"vfs": 2, "rx_buffer": "4KiB", "drop_enable": False}, "driver": {"frame_time": "3us"}}
    result = result_of(POLLED, machine, {"run": {"warmup": "0us", "duration": "2ms"}})
    assert result.drops == {}
    assert result.stalls_ns.buffer > 0


@pytest.mark.parametrize("burst_bytes", [4096, 65536])
def test_a_policer_passes_its_burst_and_its_rate(burst_bytes):
    acl = [{"port": "vf0", "action": "police", "rate": "500Mbps", "burst": f"{burst_bytes}B"}]
    workload = {"pattern": "flows", "flows": [["vf0", "vf1", "2Gbps"]], "frame_bytes": 1000, "arrivals": "periodic"}
    _, result, rows = logged(
        BATCHES_OF_ONE,
        {"nic": {"vfs": 2}, "switch": {"acl": acl}, "workload": workload, "run": {"warmup": "0us", "duration": "8ms"}},
    )
    passed = result.totals.copies_made
    # The bucket is full at time 0; the frames come every 4 us, so the last has come at most 4 us before the end.
    assert abs(passed - (burst_bytes + 500e6 / 8 * 8e-3) / 1000) <= 1.5
    assert set(result.drops) == {"RATE_LIMITED"}
    assert result.drops["RATE_LIMITED"] == result.vms[0].drops["RATE_LIMITED"]
    # All of the burst passes at once, and only then does the rate rule.
    in_burst = int(burst_bytes / 1000 / (1 - 500 / 2000)) - 2
    assert rows.record[0] == -1
    assert rows.at_fs[in_burst] - rows.at_fs[0] == pytest.approx(in_burst * 4e9, rel=0.01)


LIMITS_GBPS = {"vf0": 1.0, "vf1": 0.25, "vf2": 2.5}
ONE_FRAME_GBPS = 1518 * 8 / 20e6  # in a window of 20 ms


def limited_rates(limits, **nic):
    ports = [{"name": name, "rate_limit": f"{round(gbps * 1000)}Mbps"} for name, gbps in limits.items()]
    machine = {"nic": {"vfs": 4, **nic}, "switch": {"ports": ports}, "workload": {"pattern": "ring"}}
    result = result_of(POLLED, machine, {"run": {"warmup": "1ms", "duration": "20ms"}})
    assert result.drops == {}
    return {vm.name: vm.tx_gbps for vm in result.vms}, result


def test_a_rate_limit_is_kept_exactly():
    rates, result = limited_rates({**LIMITS_GBPS, "vf3": 0.5})
    for name, gbps in LIMITS_GBPS.items():
        assert rates[name] == pytest.approx(gbps, abs=2 * ONE_FRAME_GBPS)  # one at each end
    assert result.bottleneck.resource == "rate_limit"


def test_a_rate_limit_is_kept_exactly_beside_a_vm_without_one():
    """A frame that is due may have to wait for its turn; what it loses so is made up for."""
    rates, _ = limited_rates(LIMITS_GBPS)
    assert rates["vf3"] > 5
    for name, gbps in LIMITS_GBPS.items():
        assert rates[name] == pytest.approx(gbps, abs=2 * ONE_FRAME_GBPS)


def test_without_a_window_a_limited_vm_loses_what_it_waits():
    rates, _ = limited_rates(LIMITS_GBPS, rate_limit_window="0B")
    assert rates["vf2"] < LIMITS_GBPS["vf2"] - 10 * ONE_FRAME_GBPS


@pytest.mark.parametrize("window_bytes", [0, 2000, 15180])
def test_after_a_pause_a_window_goes_out_at_once(window_bytes):
    """The first frame needs no credit, so a fresh limiter lets out the frames that fit the window, and one more."""
    n_bytes = 1518
    machine = {
        "nic": {"strict": False, "vfs": 2, "rate_limit_window": f"{window_bytes}B"},
        "switch": {"ports": [{"name": "vf0", "rate_limit": "10Mbps"}]},  # 1.2 ms a frame
        "workload": {"pattern": "flows", "flows": [["vf0", "vf1", "9Gbps"]]},
    }
    result = result_of(POLLED, machine, {"run": {"warmup": "0us", "duration": "200us"}})
    assert result.totals.delivered_frames == window_bytes // n_bytes + 1


def test_a_pipeline_slower_than_the_wire_drops_in_the_rx_buffer():
    """What comes from the wire beyond `max_pps` fills the Rx buffer; then as much is dropped as does not pass."""
    n_bytes, mpps = 64, 3
    machine = {
        "nic": {"strict": False, "vfs": 2, "max_pps": mpps * 10**6, "rx_buffer": "16KiB"},
        "pcie": {"lanes": 16},
        "driver": {"frame_time": "1ns"},
        "workload": {"load": "1Mbps", "external": {"rate": "6Gbps", "frame_bytes": n_bytes, "arrivals": "periodic"}},
    }
    result = result_of(POLLED, machine, {"run": {"warmup": "1ms", "duration": "2ms"}})
    assert result.totals.mpps == pytest.approx(mpps, rel=0.001)
    assert result.bottleneck.resource == "nic.pipeline"
    assert set(result.drops) == {"RX_BUFFER_FULL"}
    n_passed, n_waiting = mpps * result.window.end_ns / 1000, 16 * 1024 // (n_bytes - 4)
    assert result.drops["RX_BUFFER_FULL"] == pytest.approx(result.totals.from_wire - n_passed - n_waiting, abs=5)
    assert result.queues["rx_buffer"].max == n_waiting * (n_bytes - 4)
