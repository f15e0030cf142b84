"""A virtual switch that leaves switching to the bridge: VEPA, S-channels, VN-Tag, E-TAG, put on by the host's cores.

The wire is compared with that of an adapter in the same mode, throughput and one frame's time with sums by hand.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hwmodel import Result, limits, simulate
from hwmodel.config import Config, config_from_mapping
from hwmodel.errors import InputError
from hwmodel.results import check_balance
from hwmodel.simulation.run.taps import Taps, tap_names
from tests.run_cases import write_capture
from tests.system_beside_simpy import (
    BROADCAST,
    LATER_FS,
    MULTICAST,
    OUTSIDE,
    UNKNOWN,
    US_FS,
    Frame,
    Stations,
    SystemRun,
    with_window,
    workload_of,
)

CHANNELS = {"a": (2, 3, 3), "b": (1, 2, 2)}  # S-channel 1 has no tag on the wire
KINDS = {2: "single", 3: "vepa"}
KINDS_OF = {"a": KINDS, "b": {1: "vepa", 2: "veb"}}
MODES: dict[str, dict[str, Any]] = {
    "vepa": {},
    "multichannel": {},
    "vn_tag": {"bridge.kind": "controlling"},
    "e_tag": {"bridge.kind": "controlling"},
}
BASE: Mapping[str, Any] = {
    "nic": {"vfs": 3},
    "driver": {"preset": "dpdk", "doorbell_time": "100ns", "vms": {"pf": {"preset": "dpdk", "refill_batch": 32}}},
    "host": {"virtual_switch": {"pass_by": "pointer", "uplink_time": "0ns", "uplink_byte_time": "0ns"}},
    "run": {"duration": "4ms", "clocks": "exact"},
}
TAG_BYTES = {"vepa": 0, "multichannel": 4, "vn_tag": 6, "e_tag": 8}
OWN = "host.virtual_switch"


# ---- The wire ----


def system_of(mode: str, nic_mode: str) -> Config:
    """Return two servers on a bridge, VMs in two VLANs, at switches of one mode."""
    servers = []
    for name in "ab":
        stations = [
            {"name": f"vf{k}", "port_vlan": (10, 10, 20)[k], "vlans": [10, 20], "untagged": [(10, 10, 20)[k]],
             "spoof_check": False}
            for k in range(3)
        ]  # fmt: skip
        own: dict[str, Any] = {"switch.ports": [{"name": "pf", "enabled": False}, *stations]}
        if mode == "multichannel":
            for k, one in enumerate(stations):
                one["s_channel"] = CHANNELS[name][k]
            own["switch.s_channels"] = KINDS_OF[name]
        servers.append({"name": name, "set": own})
    joined = {"servers": servers, "bridge": {"announce": mode in ("vepa", "multichannel")}}
    uplink = {"switch.uplink": {"native_vlan": 10, "vlans": "all"}, "workload.pattern": "uniform"}
    return config_from_mapping(BASE, {**joined, **uplink, "nic.mode": nic_mode, "switch.mode": mode, **MODES[mode]})


def frames_of(config: Config) -> list[Frame]:
    """Return a frame from each station to each, to groups and to nobody, with and without a C-TAG, 40 us apart."""
    stations = Stations(config)
    vms = [f"{name}.vf{k}" for name in "ab" for k in range(3)]
    pairs = [(one, to) for one in (*vms, OUTSIDE) for to in (*vms, OUTSIDE, BROADCAST, MULTICAST, UNKNOWN) if to != one]
    sent = [(one, to, tag, size) for tag, size in (("", 64), ("8100a014", 300)) for one, to in pairs]
    return [stations.frame(40 * US_FS * at, one, to, size, tag) for at, (one, to, tag, size) in enumerate(sent)]


def packets_of(path: Path) -> Iterator[tuple[bytes, bytes]]:
    """Give the bytes and the options (which way it went) of each frame of a pcapng file: all but its time."""
    data, at = path.read_bytes(), 0
    while at < len(data):
        kind, n_bytes = struct.unpack_from("<II", data, at)
        if kind == 6:
            (length,) = struct.unpack_from("<I", data, at + 20)
            end = at + 28 + -(-length // 4) * 4
            yield data[at + 28 : at + 28 + length], data[end : at + n_bytes - 4]
        at += n_bytes


def wires_of(folder: Path, mode: str, nic_mode: str) -> dict[str, list[tuple[bytes, bytes]]]:
    """Return what passes each wire, frame by frame."""
    config = system_of(mode, nic_mode)
    frames = frames_of(config)
    config = with_window(config, 0, frames[-1].at_fs + 200 * US_FS)
    workload = workload_of(frames, Stations(config).frame(LATER_FS, OUTSIDE, UNKNOWN, 64))
    marked = [(0, each.header.ljust(each.frame_bytes - 4, bytes([1 + at]))) for at, each in enumerate(frames)]
    run = SystemRun(config, replace(workload, pcap=str(write_capture(folder / "sent.pcap", marked))))
    paths = {name: folder / f"{nic_mode}_{name}.pcapng" for name in tap_names(config)}
    with Taps(run.machine, run.workload, {name: str(path) for name, path in paths.items()}) as run.taps:
        for _ in run.pieces():
            pass
    assert check_balance(run.result()) == []
    return {name: list(packets_of(path)) for name, path in paths.items()}


@pytest.mark.parametrize("mode", MODES)
def test_the_wire_is_that_of_an_adapter_byte_for_byte(tmp_path: Path, mode: str) -> None:
    ours, theirs = (wires_of(tmp_path, mode, nic_mode) for nic_mode in ("vswitch", "sriov"))
    assert set(ours) == {"a", "b", "outside"}
    assert ours == theirs
    tags = {frame[12:14].hex() for frames in (ours["a"], ours["b"]) for frame, _ in frames}
    of_mode = {"vepa": "8100", "multichannel": "88a8", "vn_tag": "8926", "e_tag": "893f"}[mode]
    assert len(ours["a"]) > 80 and of_mode in tags


# ---- Throughput ----


def run(changes: Mapping[str, Any], base: Mapping[str, Any] = BASE) -> Result:
    result = simulate(config_from_mapping(base, dict(changes)))
    assert check_balance(result) == []
    return result


def one_server(mode: str) -> dict[str, Any]:
    """Return one server whose two senders each send to a VM of their own, by the bridge."""
    changes: dict[str, Any] = {"switch.mode": mode, "bridge": {"announce": True}, "nic.vfs": 4, "nic.mode": "vswitch"}
    changes |= {"bridge": {"kind": "controlling"}} if mode in ("vn_tag", "e_tag") else {}
    if mode == "multichannel":
        changes["switch.ports"] = [{"name": f"vf{k}", "s_channel": 2 + k} for k in range(4)]
        changes["switch.s_channels"] = {2 + k: "single" for k in range(4)}
    load = {"pattern": "flows", "flows": [["vf0", "vf1"], ["vf2", "vf3"]], "frame_bytes": 1518, "load": "saturate"}
    return {**changes, "workload": load}


@pytest.mark.parametrize("on_uplink_full", ["drop", "wait"])
@pytest.mark.parametrize("mode", MODES)
def test_the_wire_sets_the_rate(mode: str, on_uplink_full: str) -> None:
    """A frame with its tag, preamble and gap at 10 Gb/s."""
    by_hand = 10e3 / 8 / (1518 + 20 + TAG_BYTES[mode])
    changes = {**one_server(mode), f"{OWN}.on_uplink_full": on_uplink_full}
    expected, result = limits(config_from_mapping(BASE, changes)), run(changes)
    assert expected.limited_by == "wire.tx" and expected.mpps == pytest.approx(by_hand, rel=1e-6)
    assert result.totals.mpps == pytest.approx(by_hand, rel=0.01)
    assert (result.drops.get("TX_RING_FULL", 0) == 0) == (on_uplink_full == "wait")


@pytest.mark.parametrize("mode", MODES)
def test_the_core_pays_for_a_frame_twice_and_for_its_tag_twice(mode: str) -> None:
    """Out and in again: 2 * 1 us, a tag put on and taken off, and a doorbell for each piece both ways."""
    tag_ns = 300 if TAG_BYTES[mode] else 0
    by_hand = 1e3 / (2 * (1000 + tag_ns) + 2 * 100 / 32)
    changes = {**one_server(mode), f"{OWN}.frame_time": "1us", f"{OWN}.tag_time": "300ns"}
    changes["workload.flows"] = [["vf0", "vf1"]]
    changes[f"{OWN}.on_uplink_full"] = "wait"
    expected, result = limits(config_from_mapping(BASE, changes)), run(changes)
    assert expected.limited_by == "vswitch" and expected.mpps == pytest.approx(by_hand, rel=1e-3)
    assert result.totals.mpps == pytest.approx(by_hand, rel=0.02)
    assert result.bottleneck.resource == "vswitch"


def test_two_senders_have_two_of_three_turns_of_a_full_core() -> None:
    """So of 2/3 M frames a second that go up half come back, and the others are lost where they come in again."""
    result = run({**one_server("vepa"), f"{OWN}.frame_time": "1us", f"{OWN}.on_uplink_full": "wait"})
    assert result.totals.mpps == pytest.approx(1 / 3, rel=0.01)
    assert result.drops["NO_DESCRIPTOR"] > 0


def test_connections_behind_a_tag_have_one_ring() -> None:
    """The adapter does not look behind it: one of b's two cores takes all, where without a tag both do."""
    two = {"servers": [{"name": "a"}, {"name": "b"}], "nic.mode": "vswitch", "nic.vfs": 2}
    own = {
        "servers.b.set.host.cores": 5,
        f"servers.b.set.{OWN}.cores": [3, 4],
        f"servers.b.set.{OWN}.frame_time": "2us",
    }
    load = {"workload.pattern": "flows", "workload.flows": [["a.vf0", "b.vf0"]], "workload.frame_bytes": 1518}
    load |= {"workload.load": "saturate", "workload.connections": 64, f"{OWN}.tag_time": "0ns"}
    for mode, mpps in (("vepa", 0.8127), ("e_tag", 0.5)):
        bridge = {"bridge": {"announce": True}} if mode == "vepa" else {"bridge": {"kind": "controlling"}}
        changes = {**two, **own, **load, **bridge, "switch.mode": mode}
        assert run(changes).totals.mpps == pytest.approx(mpps, rel=0.02)
        assert limits(config_from_mapping(BASE, changes)).mpps == pytest.approx(mpps, rel=0.01)


# ---- One frame ----


@pytest.mark.parametrize("mode", MODES)
def test_a_lone_frame_takes_the_tag_s_time_at_both_ends(mode: str) -> None:
    """Beside mode veb, from server to server: the tag at both cores, and its bytes on both wires and both links."""
    lone = {"pattern": "flows", "flows": [["a.vf0", "b.vf1", "5Mbps"]], "frame_bytes": 1518, "arrivals": "periodic"}
    base = {**BASE, "driver": {"preset": "kernel"}, "run": {"duration": "1ms", "warmup": "0ms", "clocks": "exact"}}
    found = {}
    for name, tag_ns in (("veb", 0), (mode, 0), (mode, 300)):
        changes = {**one_server(name), "nic.vfs": 2, "workload": lone, "servers": [{"name": "a"}, {"name": "b"}]}
        if name == "multichannel":
            changes["switch.ports"] = [{"name": f"vf{k}", "s_channel": 2 + k} for k in range(2)]
            changes["switch.s_channels"] = {2: "single", 3: "single"}
        latency = run({**changes, f"{OWN}.tag_time": f"{tag_ns}ns"}, base).latency_ns
        assert latency.min == latency.max
        found[name, tag_ns] = latency.min
    n_tags = 2 if TAG_BYTES[mode] else 0
    assert found[mode, 300] - found[mode, 0] == pytest.approx(300 * n_tags, abs=1e-6)
    on_wires = 2 * TAG_BYTES[mode] * 0.8
    on_links = found[mode, 0] - found["veb", 0] - on_wires
    assert 0 <= on_links <= 2 * TAG_BYTES[mode] * 1.0, "a lane of Gen2 carries 0.5 GB/s, and there are four or more"


# ---- What cannot be ----


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({f"{OWN}.reach": "internal"}, "switch.mode: in mode vepa frames leave by the uplink; the virtual switch has"),
        ({f"{OWN}.learning": {}}, f"{OWN}.learning: a virtual switch learns in mode veb; in mode vepa the bridge does"),
        (
            {"switch.mode": "multichannel", "switch.ports": [{"name": "vf0", "s_channel": 2}],
             "workload": {"pattern": "to_wire", "segment_bytes": "9000B"}},
            "workload.segment_bytes: segments behind an outer tag are not modelled",
        ),
        ({f"{OWN}.tag_time": "-1ns"}, f"{OWN}.tag_time"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_said_in_one_line(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as found:
        config_from_mapping(BASE, {"nic.mode": "vswitch", "nic.vfs": 2, "switch.mode": "vepa", **changes})
    assert sum(message in line for line in str(found.value).splitlines()) == 1


def test_a_preset_that_learns_does_so_in_mode_veb() -> None:
    for mode, learns in (("veb", True), ("vepa", False)):
        own = config_from_mapping({"nic": {"mode": "vswitch"}, "host": {"virtual_switch": {"preset": "ovs_dpdk"}}},
                                  {"switch.mode": mode})  # fmt: skip
        assert own.host.virtual_switch is not None and (own.host.virtual_switch.learning is not None) == learns
        assert own.host.virtual_switch.reach == ("external" if mode == "vepa" else "internal")
