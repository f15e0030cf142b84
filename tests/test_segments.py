"""Segments of a virtual switch that leave by its uplink: what runs give against what is counted by hand."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from hwmodel import Result, limits, lone_frame, simulate
from hwmodel.config import config_from_mapping
from hwmodel.explore.ways import ways_of
from hwmodel.machine.switch.segments import pieces_of
from hwmodel.results import check_balance
from hwmodel.results.modelled import modelled_sentence
from tests.config_cases import complaints
from tests.switch_cases import tshark_rows

BASE = {
    "nic": {"strict": False, "mode": "vswitch", "vfs": 4},
    "port": {"rate": "40Gbps"},
    "pcie": {"generation": 3, "lanes": 8},
    "host": {"virtual_switch": {"pass_by": "pointer", "uplink_time": "0ns", "uplink_byte_time": "0ns"}},
    "workload": {"pattern": "to_wire", "segment_bytes": "64KiB"},
    "run": {"duration": "10ms", "clocks": "exact"},
}
WAIT = {"host.virtual_switch.on_uplink_full": "wait"}
N_FRAMES = 46  # 45 * 1448 = 65,160 B of payload, and 376
WIRE_BYTES = 45 * (1518 + 20) + 446 + 20
FRAME_BYTES = 45 * 1518 + 446
LONE = {
    "nic.vfs": 1,
    "workload.load": "50Mbps",
    "workload.arrivals": "periodic",
    "driver.preset": "dpdk",
    "driver.tx_doorbell_batch": 1,
}
pieces = getattr(pieces_of, "py_func", pieces_of)
BOTH = pytest.mark.parametrize("tso", [True, False])


def run(changes: dict[str, Any]) -> Result:
    result = simulate(config_from_mapping(BASE, changes))
    assert check_balance(result) == []
    return result


def test_a_lone_segment_is_cut_as_a_function_s_send_is() -> None:
    """Behind kick and core the adapter has a send of the same descriptors, reads and frames."""
    own = run({**LONE, "host.virtual_switch.kick": "250ns"})
    function = run({**LONE, "nic.mode": "sriov", "host.virtual_switch": None})
    for name in ("min", "max"):
        of_function = getattr(function.latency_ns, name)
        assert getattr(own.latency_ns, name) == pytest.approx(of_function + 250 + 400, abs=1e-5)


@pytest.mark.parametrize(("payload", "n"), [(1, 1), (1447, 1), (1448, 1), (1449, 2), (65536, 46)])
def test_each_mss_begun_is_a_frame(payload: int, n: int) -> None:
    params = SimpleNamespace(mss_bytes=1448, header_bytes=66)
    assert pieces(params, payload + 66) == n


@BOTH
def test_the_frames_of_a_lone_segment_follow_each_other_on_a_slow_wire(tso: bool) -> None:
    """From the end of the first to the end of the last 45 frames are sent, 8 ns for each byte."""
    found = run({**LONE, "nic.tso": tso, "port.rate": "1Gbps", "workload.load": "5Mbps", "run.duration": "200ms"})
    assert found.latency_ns.max is not None and found.latency_ns.min is not None
    assert found.latency_ns.max - found.latency_ns.min == pytest.approx(8 * (44 * 1538 + 466), abs=1e-5)


@BOTH
def test_a_lone_segment_takes_the_core_what_its_keys_say(tso: bool) -> None:
    """400 ns, 65,602 B at 0.1 ns and, where the core cuts, 46 times 100 ns; the last frame is behind all others."""
    config = config_from_mapping(BASE, {"nic.tso": tso, "host.virtual_switch.byte_time": "0.1ns"})
    alone = lone_frame(config)
    assert alone is not None
    assert alone.parts_fs["switch"] == 400_000_000 + 65602 * 100_000 + (0 if tso else N_FRAMES * 100_000_000)
    assert (alone.parts_fs["wire"] or 0) > WIRE_BYTES * 200_000


@BOTH
@pytest.mark.parametrize(
    ("changes", "limit"),
    [
        ({}, "wire.tx"),
        ({"host.virtual_switch.frame_time": "30us"}, "vswitch"),
        ({"pcie.lanes": 2}, "pcie.down"),
        ({"workload.mss": "8960B", "workload.segment_bytes": "40000B"}, "wire.tx"),
        ({"workload.pattern": "pairs", "workload.wire_share": 0.5}, "wire.tx"),
    ],
)
def test_a_full_machine_carries_what_the_closed_form_says(changes: dict[str, Any], limit: str, tso: bool) -> None:
    changes = {**WAIT, "nic.tso": tso, "run.duration": "20ms", **changes}
    found, expected = run(changes), limits(config_from_mapping(BASE, changes))
    assert found.bottleneck.resource == limit and not found.drops.get("TX_RING_FULL")
    if "workload.pattern" in changes:  # half of the segments stay
        assert found.totals.gbps == pytest.approx(expected.gbps, rel=0.03)
        assert found.wire.tx_gbps == pytest.approx(40 * FRAME_BYTES / WIRE_BYTES, rel=0.005)
        return
    assert found.wire.tx_gbps == pytest.approx(expected.gbps, rel=0.02)
    assert found.window.wire_frames / found.window.duration_ns * 1e3 == pytest.approx(expected.mpps, rel=0.02)


@pytest.mark.parametrize(("tso", "core_ns"), [(True, 400), (False, 400 + N_FRAMES * 100)])
def test_thirty_gigabits_of_tcp(tso: bool, core_ns: float) -> None:
    """docs/virtual_switch.md: 54,541 segments a second, 2.51 M frames; frame by frame it is 2.47 M, all of a core."""
    load = {"workload.load": "7.5Gbps", "workload.arrivals": "periodic", "driver.doorbell_time": "0ns"}
    found = run({**load, "nic.tso": tso, "run.duration": "20ms"})
    segments_per_s = 30e9 / (8 * FRAME_BYTES)
    assert segments_per_s == pytest.approx(54_541, abs=1)
    assert found.segments["frames"] / 20e-3 == pytest.approx(segments_per_s * N_FRAMES, rel=2e-3)
    assert found.utilization["vswitch"] == pytest.approx(segments_per_s * core_ns / 1e9, rel=5e-3)
    assert found.wire.tx_gbps == pytest.approx(30, rel=2e-3) and not found.drops


@BOTH
def test_the_wire_has_whole_segments_in_frames(tso: bool, tmp_path: Path) -> None:
    """As tshark sees them: frames of 1514 and 442 B without FCS, of whose bytes all are there."""
    path = tmp_path / "wire.pcapng"
    changes = {"nic.tso": tso, "workload.load": "2Gbps", "nic.vfs": 1, "run.duration": "2ms"}
    result = simulate(config_from_mapping(BASE, changes), pcap_hops={"uplink": str(path)})
    lengths = [int(row["frame.len"]) for row in tshark_rows(path, ["frame.len"])]
    whole = len(lengths) // N_FRAMES
    assert whole > 5 and set(lengths) == {1514, 442}
    for at in range(whole):  # of one VM each stands by itself
        own = lengths[at * N_FRAMES : (at + 1) * N_FRAMES]
        assert Counter(own) == {1514: 45, 442: 1} and own[-1] == 442
        assert sum(n_bytes - 66 for n_bytes in own) == 65536
    assert result.totals.offered_frames % N_FRAMES == 0


@BOTH
def test_what_finds_no_room_is_dropped_whole(tso: bool) -> None:
    lost = run({"nic.tso": tso, "workload.load": "saturate", "run.duration": "2ms", "nic.tx_ring": 64})
    assert set(lost.drops) == {"TX_RING_FULL"} and lost.drops["TX_RING_FULL"] % N_FRAMES == 0
    at_vms = run({**WAIT, "nic.tso": tso, "nic.tx_ring": 64, "workload.load": "12Gbps", "workload.on_full": "drop",
                  "run.duration": "20ms"})  # fmt: skip
    assert at_vms.drops["TX_RING_FULL"] % N_FRAMES == 0
    offered = 48e9 / (8 * FRAME_BYTES) * N_FRAMES * 1e-9 * at_vms.window.end_ns
    assert at_vms.totals.offered_frames == pytest.approx(offered, rel=0.1)
    assert run({**WAIT, "nic.tso": tso, "run.duration": "2ms"}).drops == {}


@BOTH
def test_a_limit_counts_the_frames_that_leave(tso: bool) -> None:
    stations = [{"name": "vf0", "rate_limit": "1Gbps"}, {"name": "vf1", "min_rate": "9Gbps"}]
    found = run({**WAIT, "nic.tso": tso, "switch.ports": stations, "run.duration": "60ms"})
    sent = {flow.from_: flow.gbps for flow in found.flows}
    assert sent["vf0"] == pytest.approx(1, rel=0.02) and sent["vf1"] >= 9 * 0.98
    acl = [{"port": "vf2", "action": "police", "rate": "2Gbps", "burst": "256KiB"}]
    policed = run({"nic.tso": tso, "switch.acl": acl, "nic.vfs": 3, "run.duration": "40ms",
                   "workload.load": "5Gbps"})  # fmt: skip
    assert {flow.from_: flow.gbps for flow in policed.flows}["vf2"] == pytest.approx(2, rel=0.05)
    assert policed.drops["RATE_LIMITED"] % N_FRAMES == 0


@BOTH
def test_watchers_and_samples_have_segments_whole(tso: bool) -> None:
    """A mirror's copies are of 64 KiB, as a capture at a VM's port has them; the core draws once for each."""
    mirrors = [{"to": "pf", "from": "vf0"}]
    changes = {"nic.tso": tso, "switch.mirrors": mirrors, "nic.vfs": 1, "workload.load": "2Gbps"}
    found = run({**changes, "host.virtual_switch.sample_one_in": 4, "host.buffer_bytes": "64KiB"})
    assert found.totals.mirrored == pytest.approx(found.totals.delivered_frames / N_FRAMES, abs=2)
    (flow,) = found.samples.flows
    assert flow.frames == pytest.approx(found.segments["frames"] / N_FRAMES, abs=2)
    assert flow.bytes == flow.frames * 65606


def test_between_vms_they_pass_whole_and_only_what_leaves_is_cut() -> None:
    """Half of 2 Gb/s: where they stay in memory nothing is said of an adapter."""
    mixed = run({"workload.pattern": "pairs", "workload.wire_share": 0.5, "workload.load": "2Gbps"})
    assert mixed.window.vm_frames == pytest.approx(mixed.segments["whole"], abs=4)
    assert mixed.segments["frames"] == pytest.approx(mixed.segments["sends"] * N_FRAMES, abs=2 * N_FRAMES)
    inside = run({"workload.pattern": "pairs", "workload.load": "2Gbps"})
    assert inside.segments == {"whole": pytest.approx(inside.window.vm_frames, abs=4)}
    # A rate is that of the frames that would be cut, so that the same load is the same segments whoever cuts them.
    assert inside.segments["whole"] == pytest.approx(4 * 2e9 / (8 * FRAME_BYTES) * 10e-3, rel=0.15)


def test_frames_from_the_wire_are_frames() -> None:
    external = {"rate": "1Gbps", "frame_bytes": 1518}
    found = run({"workload.pattern": "pairs", "workload.load": "1Gbps", "workload.external": external})
    assert found.segments["sends"] == found.segments["frames"] == 0
    for flow in (flow for flow in found.flows if flow.from_ == "uplink"):
        assert flow.gbps is not None and flow.mpps is not None
        assert flow.gbps * 1e3 / flow.mpps == pytest.approx(8 * 1518)


def test_a_comparison_hands_over_segments_for_the_wire_too() -> None:
    base = config_from_mapping(BASE, {"nic.mode": "sriov", "host.virtual_switch": None})
    configs, left_out = ways_of(base)
    cut = {way.name: one.sends_cut_by for way, one in configs.items()}
    assert cut == dict.fromkeys(("sriov_veb", "vmdq", "vswitch_pointer", "vswitch_copy"), "adapter")
    assert not [name for name in left_out if name.startswith("vswitch")]
    inside, _ = ways_of(config_from_mapping(BASE, {"workload.pattern": "pairs"}))
    assert [one.sends_cut_by for way, one in inside.items() if way.passed_by is not None] == [None, None]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "64 KiB segments, those for the wire cut by the adapter into frames of"),
        ({"nic.tso": False}, "64 KiB segments, those for the wire cut by a core of the switch into frames of"),
        ({"workload.pattern": "pairs"}, "64 KiB segments, passed whole,"),
    ],
)
def test_who_cuts_is_said(changes: dict[str, Any], words: str) -> None:
    assert words in modelled_sentence(config_from_mapping(BASE, changes).resolved())


TO_WIRE = "nic: {mode: vswitch, vfs: 2"
CONTRADICTIONS = {
    TO_WIRE + ", tso: false, tx_ring: 32, preset: null}\nworkload: {pattern: to_wire, segment_bytes: 64KiB}": [
        "nic.tx_ring: a segment is cut into 46 frames, which are posted together; nic.tx_ring 32 holds at most 31 "
    ],
    TO_WIRE + "}\nworkload: {pattern: to_wire, segment_bytes: 64KiB, header_bytes: 255B}": [
        "workload.segment_bytes: a segment of 65795 B, with header and FCS, is longer than 65620 B, which a virtual "
    ],
    TO_WIRE
    + "}\nworkload: {pattern: to_wire, segment_bytes: 9000B}\nswitch: {ports: [{name: vf0, max_frame: 1KiB}]}": [
        "workload.segment_bytes: frames of 9070 B would all drop as OVERSIZE: max_frame is 1024B at vf0 "
    ],
    TO_WIRE + "}\nworkload: {pattern: to_wire, frame_bytes: 20000}": [
        "workload.frame_bytes: 20000 B is longer than a frame, 9728 B; a virtual switch alone passes segments whole "
    ],
}


@pytest.mark.parametrize("text", CONTRADICTIONS)
def test_what_cannot_be_has_a_line(text: str) -> None:
    found = "\n".join(complaints(text))
    for line in CONTRADICTIONS[text]:
        assert line in found
