"""Mirrored copies in a run: what one costs, worked out by hand, and that it changes no count of frames and copies."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import pytest

from hwmodel.config import config_from_mapping
from hwmodel.errors import InputError
from hwmodel.simulation import simulate
from tests.run_cases import BATCHES_OF_ONE, OUTSIDE, finished, frame, logged, merged, write_capture
from tests.test_conservation import check_figures, check_state

FROM_VF0 = {"to": "pf", "from": "vf0"}

# One frame of 1518 B at 20 us, Gen2 x4, MPS 256 B: 1514 B are 1516 B in six writes, with headers of 24 B.
ALONE = {
    "pcie": {"generation": 2, "lanes": 4, "max_payload": "256B", "max_read_request": "512B", "dllp_model": "none"},
    "nic": {"preset": None, "vfs": 2, "rx_fetch_batch": 8, "rx_prefetch": 1, "writeback_timeout": None},
    "driver": {"refill_batch": 8, "frame_time": "20ns"},
    "run": {"warmup": "15us", "duration": "1ms"},
}


def send_one(folder: Path, mirrors, raw: bytes | None = None, **switch):
    """Send one frame, from vf0 to vf1 unless `raw` says otherwise; the one at time 0 sets the capture's clock."""
    raw = frame("vf0", "vf1", 1514) if raw is None else raw
    clock = frame(OUTSIDE, "02:dd:00:00:00:01")
    path = write_capture(folder / "one.pcap", [(0, clock), (20_000, raw)])
    changes = {"switch": {"mirrors": mirrors, **switch}, "workload": {"pcap": str(path)}}
    return simulate(config_from_mapping(merged(BATCHES_OF_ONE, ALONE, changes)))


def link_bytes(result):
    return asdict(result.pcie.up.bytes) | {"skp": 0}, asdict(result.pcie.down.bytes) | {"skp": 0}


def test_a_mirrored_copy_is_written_like_any_other_and_counted_apart(tmp_path):
    plain, mirrored = send_one(tmp_path, []), send_one(tmp_path, [FROM_VF0])
    (up, down), (up_before, down_before) = link_bytes(mirrored), link_bytes(plain)
    more = {"payload": 1516, "tlp_overhead": 6 * 24, "writeback": 16 + 24}
    assert up == {purpose: n + more.get(purpose, 0) for purpose, n in up_before.items()}
    assert down == down_before  # the refill waits for its batch
    assert mirrored.latency_ns == plain.latency_ns  # it comes behind the frame's own copy
    assert [(flow.offered, flow.delivered) for flow in mirrored.flows] == [(1, 0), (1, 1)]
    assert asdict(mirrored.totals) == asdict(plain.totals) | {"mirrored_made": 1, "mirrored": 1}
    assert {vm.name: vm.mirrored for vm in mirrored.vms} == {"pf": 1, "vf0": 0, "vf1": 0}
    assert mirrored.window.vm_frames == plain.window.vm_frames == 1
    assert [flow.to for flow in mirrored.flows if flow.to == "pf"] == []  # of which its rate and latency would be
    assert [vm.latency_ns.count for vm in mirrored.vms if vm.name == "pf"] == [0]
    # Posted once, taken twice, 20 ns each.
    assert mirrored.cpu.cores_busy * mirrored.window.duration_ns == pytest.approx(60)
    assert plain.cpu.cores_busy * plain.window.duration_ns == pytest.approx(40)


def test_the_next_frame_waits_behind_the_mirrored_copy(tmp_path):
    """From the wire, one after the other: 1514 B take 5 t(280) + t(260), their write-back t(40)."""
    t = {40: 20_052_151, 260: 130_338_983, 280: 140_365_058}
    raw = frame(OUTSIDE, "vf1", 1514)
    clock = frame(OUTSIDE, "02:dd:00:00:00:01")
    path = write_capture(tmp_path / "two.pcap", [(0, clock), (20_000, raw), (20_000, raw)])
    latest = []
    for mirrors in ([], [{"to": "vf0", "from": "uplink"}]):
        changes = {
            "nic": {"strict": False},
            "switch": {"mirrors": mirrors},
            "workload": {"pcap": str(path)},
            "port": {"rate": "1000Gbps"},
        }
        latest.append(simulate(config_from_mapping(merged(BATCHES_OF_ONE, ALONE, changes))).latency_ns.max * 10**6)
    # The first frame's mirrored copy stands between the two, and the write-backs of both.
    assert round(latest[1] - latest[0]) == 5 * t[280] + t[260] + t[40]


@pytest.mark.parametrize(
    ("mirror", "raw", "payload"),
    [
        # The wire gets it with a C-TAG, 1518 B; what the wire's watcher gets is the same: 1520 B in double words.
        ({"to": "pf", "from": "uplink", "direction": "egress"}, frame("vf0", OUTSIDE, 1514), 1520),
        ({"to": "pf", "from": "vf0"}, frame("vf0", OUTSIDE, 1514), 1516),
        ({"to": "pf", "vlan": 10}, frame("vf0", OUTSIDE, 1514, c_tag=10), 1516),
        # vf1's copy has lost the tag; the watcher of vf1 gets what vf1 gets, the one of vf0 what vf0 sent.
        ({"to": "pf", "from": "vf1", "direction": "egress"}, frame("vf0", "vf1", 1518, c_tag=10), 1516 * 2),
        ({"to": "pf", "from": "vf0"}, frame("vf0", "vf1", 1518, c_tag=10), 1516 + 1520),
        ({"to": "vf1", "from": "vf0"}, frame("vf0", "vf1", 1514), 1516),  # it gets the frame itself
    ],
)
def test_bytes_are_those_of_the_form_that_is_mirrored(tmp_path, mirror, raw, payload):
    ports = [{"name": name, "port_vlan": 10, "vlans": [10], "untagged": [10]} for name in ("vf0", "vf1")]
    result = send_one(tmp_path, [mirror], raw, ports=ports)
    assert result.totals.delivered_frames == 1
    assert result.pcie.up.bytes.payload == payload


DENY = {"port": "vf0", "destination": "02:cc:00:00:00:01", "action": "deny"}
POLICE = {"port": "vf0", "action": "police", "rate": "1Mbps", "burst": "64B"}


@pytest.mark.parametrize(
    ("reason", "raw", "rule", "n_mirrored"),
    [
        ("ACL_DENY", frame("vf0", "02:cc:00:00:00:01", 1514), DENY, 2),
        ("SAME_PORT", frame("vf0", "vf0", 1514), DENY, 2),
        # It would have gone to vf1, whose own mirrored copy of it is made only now that it does not.
        ("RATE_LIMITED", frame("vf0", "vf1", 1514), POLICE, 2),
        ("OVERSIZE", frame("vf0", "vf1", 1515), DENY, 0),
    ],
)
def test_a_dropped_frame_is_mirrored_as_received(tmp_path, reason, raw, rule, n_mirrored):
    mirrors = [FROM_VF0, {"to": "vf1", "from": "vf0"}, {"to": "vf0", "from": "vf1", "direction": "egress"}]
    result = send_one(tmp_path, mirrors, raw, acl=[rule])
    totals = result.totals
    assert result.drops == {"UNKNOWN_UNICAST": 1, reason: 1}
    assert (totals.copies_made, totals.dropped_frames, totals.in_flight_frames) == (0, 2, 0)
    assert (totals.mirrored_made, totals.mirrored) == (n_mirrored, n_mirrored)
    assert result.pcie.up.bytes.payload == n_mirrored * 1516
    assert result.latency_ns.count == 0


def test_a_frame_that_its_policer_lets_through_is_mirrored_as_forwarded(tmp_path):
    mirrors = [FROM_VF0, {"to": "vf1", "from": "vf0"}, {"to": "vf0", "from": "vf1", "direction": "egress"}]
    result = send_one(tmp_path, mirrors, acl=[POLICE | {"burst": "2000B"}])
    assert (result.totals.copies_delivered, result.totals.mirrored) == (1, 2)
    assert {vm.name: vm.mirrored for vm in result.vms} == {"pf": 1, "vf0": 1, "vf1": 0}


def test_losses_are_counted_apart_by_reason(tmp_path):
    """Guests take 1.5 us a frame; each VM sends and gets one in 4 us, their watcher gets all four."""
    ring = ["vf0", "vf1", "vf2", "vf3"]
    frames = [(i * 1000, frame(ring[i % 4], ring[(i + 1) % 4], 300)) for i in range(400)]
    changes = {
        "nic": {"rx_ring": 16, "vfs": 4},
        "host": {"cores": 5},
        "driver": {"frame_time": "1500ns", "refill_batch": 1},
        "switch": {"mirrors": [{"to": "pf", "vlan": 1}]},
        "workload": {"pcap": str(write_capture(tmp_path / "many.pcap", frames))},
    }
    run, result = finished(merged(BATCHES_OF_ONE, ALONE, changes))
    check_figures(result)
    check_state(run, result)
    assert list(result.mirrored_drops) == ["NO_DESCRIPTOR"]
    assert 50 < result.totals.mirrored_dropped < 200
    assert (result.drops, result.totals.dropped_frames, result.totals.delivered_frames) == ({}, 0, 400)
    assert all(not vm.drops for vm in result.vms)


def test_a_capture_of_what_was_delivered_holds_no_mirrored_copies(tmp_path):
    raw = [(i * 1000, frame("vf0", ["vf1", OUTSIDE, "ff:ff:ff:ff:ff:ff"][i % 3], 300)) for i in range(30)]
    changes = {
        "switch": {"mirrors": [FROM_VF0, {"to": "pf", "vlan": 1}]},
        "workload": {"pcap": str(write_capture(tmp_path / "in.pcap", raw))},
        "run": {"warmup": "0us"},
    }
    _, result, rows = logged(merged(BATCHES_OF_ONE, ALONE, changes))
    assert result.totals.mirrored == 20
    assert len(rows) == result.totals.copies_delivered == 10 + 10 + 3 * 10


def test_an_rx_buffer_holds_the_longest_mirrored_copy():
    """With an E-TAG and a C-TAG that a watcher of the wire gets, 1514 B become 1526."""
    watched = {"mode": "e_tag", "mirrors": [{"to": "pf", "from": "uplink", "direction": "egress"}]}
    for n_bytes, is_enough in ((1525, False), (1526, True)):
        changes = {"nic": {"vfs": 2, "rx_buffer": f"{n_bytes}B"}, "switch": watched}
        if is_enough:
            config_from_mapping(changes)
        else:
            with pytest.raises(InputError) as caught:
                config_from_mapping(changes)
            assert [line.split(": ")[1] for line in caught.value.lines] == ["nic.rx_buffer"]
