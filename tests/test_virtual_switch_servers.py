"""Virtual switches in several servers, their uplinks joined by bridges: by hand, and beside what one server gives."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

import pytest

from hwmodel import Result, limits, simulate
from hwmodel.config import config_from_mapping, servers_of
from hwmodel.results import check_balance
from tests.system_beside_simpy import BROADCAST, OUTSIDE, UNKNOWN, Stations, SystemRun, config_with, drawn, workload_of
from tests.test_system_threads import found_in, on_threads

BASE: Mapping[str, Any] = {
    "nic": {"mode": "vswitch", "vfs": 2},
    "driver": {"preset": "dpdk", "doorbell_time": "100ns", "vms": {"pf": {"preset": "dpdk", "refill_batch": 32}}},
    "host": {"virtual_switch": {"pass_by": "pointer", "uplink_time": "0ns", "uplink_byte_time": "0ns"}},
    "run": {"duration": "4ms", "clocks": "exact"},
}
TWO = {"servers": [{"name": "a"}, {"name": "b"}], "bridge": {"announce": True}}
BRIDGES = [
    {"name": "left", "ports": {"a": {}, "t": {"to": "right.t"}}},
    {"name": "right", "ports": {"t": {}, "outside": {}}},
]
OF_B = "servers.b.set.host.virtual_switch"


def run(changes: Mapping[str, Any], base: Mapping[str, Any] = BASE) -> Result:
    result = simulate(config_from_mapping(base, dict(changes)))
    assert check_balance(result) == []
    return result


@pytest.mark.parametrize("preset", ["kernel", "dpdk"])
@pytest.mark.parametrize("pass_by", ["pointer", "copy"])
def test_a_lone_frame_takes_the_ways_of_both_servers_and_the_bridge(preset: str, pass_by: str) -> None:
    """Out of one, the bridge and a wire behind it, and in at the other: to the femtosecond, as both measure it."""
    base = {
        "nic": {"mode": "vswitch", "vfs": 2},
        "host": {"virtual_switch": {"pass_by": pass_by}},
        # A core that polls may begin a look as a frame comes: its phase is not that of another machine.
        "driver": {"preset": preset, "vms": {"pf": {"preset": "kernel"}}},
        "run": {"duration": "1ms", "warmup": "0ms", "clocks": "exact"},
    }
    lone = {"workload.pattern": "flows", "workload.frame_bytes": 1518, "workload.arrivals": "periodic"}
    bridge = {"announce": True, "latency": "470ns", "propagation": "30ns"}
    taken = {}
    for name, ends, more in (
        ("out", ("vf0", "uplink"), {}),
        ("in", ("uplink", "vf1"), {}),
        ("both", ("a.vf0", "b.vf1"), {"servers": TWO["servers"], "bridge": bridge}),
    ):
        found = run({**lone, "workload.flows": [[*ends, "5Mbps"]], **more}, base).latency_ns
        assert found.min == found.max
        taken[name] = found.min
    wire = 1538 * 0.8  # ns at 10 Gb/s, with preamble and gap
    assert taken["both"] == pytest.approx(taken["out"] + 30 + 470 + wire + 30 + taken["in"], abs=1e-6)


@pytest.mark.parametrize(
    ("changes", "a_frame_ns", "limit"),
    [
        ({}, 1538 * 0.8, "a.wire.tx"),
        ({f"{OF_B}.frame_time": "2us"}, 2000 + 100 / 32, "b.vswitch"),
        ({"servers.a.set.host.virtual_switch.frame_time": "3us"}, 3000 + 100 / 32, "a.vswitch"),
        (
            {f"{OF_B}.frame_time": "1us", f"{OF_B}.guest_time": "300ns", f"{OF_B}.uplink_time": "700ns"},
            1000 + 300 + 700 + 100 / 32,
            "b.vswitch",
        ),
        ({f"{OF_B}.byte_time": "1ns"}, 400 + 1514 + 100 / 32, "b.vswitch"),
        ({"servers.b.set.port.rate": "1Gbps"}, 1538 * 8, "bridge.b"),
    ],
)
def test_the_slowest_on_the_way_sets_the_rate(changes: dict[str, Any], a_frame_ns: float, limit: str) -> None:
    load = {"workload": {"pattern": "flows", "flows": [["a.vf0", "b.vf0"]], "frame_bytes": 1518, "load": "saturate"}}
    config = config_from_mapping(BASE, {**TWO, "nic.strict": False, **load, **changes})
    expected, result = limits(config), simulate(config)
    assert expected.limited_by == limit
    assert expected.mpps == pytest.approx(1e3 / a_frame_ns, rel=1e-3)
    assert result.totals.mpps == pytest.approx(1e3 / a_frame_ns, rel=0.01)
    assert result.bottleneck.resource == limit
    assert check_balance(result) == []


def test_a_core_passes_on_what_its_vms_send_and_what_comes_to_them() -> None:
    """Each of b's frames takes 2 us of its core: half of the room is left to those that come by the uplink."""
    load = {"workload.pattern": "flows", "workload.frame_bytes": 256, f"{OF_B}.frame_time": "2us"}
    flows = [["a.vf0", "b.vf0", "2Gbps"], ["b.vf0", "b.vf1", "512Mbps"]]  # 0.25 M frames a second of the core's 0.5 M
    result = run({**TWO, **load, "workload.flows": flows, "workload.on_full": "drop", "run.duration": "20ms"})
    rates = {(flow.from_, flow.to): flow.mpps for flow in result.flows}
    assert rates["b.vf0", "b.vf1"] == pytest.approx(0.25, rel=0.02)
    assert rates["a.vf0", "b.vf0"] == pytest.approx(0.25, rel=0.02)
    assert result.drops["NO_DESCRIPTOR"] > 0 and result.bottleneck.resource == "b.vswitch"


def test_a_single_server_with_a_bridge_beside_it() -> None:
    """VMs in two VLANs: what is for the other VLAN goes out and, by a translation there, comes back."""
    vlans = [{"name": f"vf{k}", "port_vlan": 101 + k, "vlans": [101 + k]} for k in range(2)]
    bridge = {"announce": True, "ports": {"adapter": {"translate": {101: 10, 102: 10}}}}
    flows = {"pattern": "flows", "flows": [["vf0", "vf1", "1Gbps"]], "frame_bytes": 1518}
    result = run({"switch.ports": vlans, "bridge": bridge, "workload": flows, "run.duration": "20ms"})
    assert result.totals.delivered_frames == pytest.approx(result.totals.offered_frames, abs=3)
    assert result.totals.gbps == pytest.approx(1, rel=0.03)
    assert result.bridges[0].ports[0].out_frames == pytest.approx(result.totals.offered_frames, abs=3)


def test_connections_from_elsewhere_are_spread_over_the_rings_of_an_uplink() -> None:
    """Two cores of b take together what one has no time for; without connections all frames have one ring."""
    own = {"servers.b.set.host.cores": 5, f"{OF_B}.cores": [3, 4], f"{OF_B}.frame_time": "2us"}
    load = {"workload.pattern": "flows", "workload.flows": [["a.vf0", "b.vf0"]], "workload.frame_bytes": 1518}
    for connections, mpps in ((1, 0.5), (64, 0.8127)):
        result = run({**TWO, **own, **load, "workload.load": "saturate", "workload.connections": connections})
        assert result.totals.mpps == pytest.approx(mpps, rel=0.02)


def test_what_each_switch_counts_is_its_server_s() -> None:
    own = {f"{OF_B}.sample_one_in": 1, f"{OF_B}.flow_cache": {}, f"{OF_B}.ecn_threshold": "0B"}
    load = {"workload.pattern": "flows", "workload.flows": [["a.vf0", "b.vf0", "1Gbps"], ["b.vf0", "a.vf1", "1Gbps"]]}
    result = run({**TWO, **own, **load, "workload.frame_bytes": 512})
    a, b = result.adapters  # type: ignore[attr-defined]
    assert a.flow_cache is None is a.samples and a.ecn is None
    assert b.flow_cache.looked_up == b.flow_cache.exact_hits > 0, "all connections are held after the warm-up"
    sampled = {(flow.from_, flow.to): (flow.frames, flow.samples) for flow in b.samples.flows}
    assert sampled.keys() == {("a.vf0", "b.vf0"), ("b.vf0", "a.vf1")}
    assert all(frames == samples > 900 for frames, samples in sampled.values())
    marked = {one.name for one in b.ecn.receivers}
    assert marked == {"b.vf0", "a.vf1"}, "where frames are laid into a ring, and where they leave"


@pytest.mark.parametrize("seed", range(8))
def test_every_frame_is_accounted_for_under_load(seed: int) -> None:
    chance = random.Random(seed)
    servers = []
    for name in "abcd"[: chance.randint(2, 4)]:
        mode = chance.choice(["vswitch", "vswitch", "sriov", "vmdq"])
        own: dict[str, Any] = {"nic.mode": mode}
        if mode == "vswitch":
            own["host.virtual_switch"] = {
                "pass_by": chance.choice(["pointer", "copy", "parent"]),
                "on_uplink_full": chance.choice(["drop", "wait"]),
                "thread_cores": chance.choice([[], "own"]),
                "flow_cache": chance.choice([None, {"exact_entries": 3, "miss_time": "300ns"}]),
            }
        servers.append({"name": name, "set": own})
    load = {
        "workload.pattern": chance.choice(["uniform", "ring", "broadcast", "pairs"]),
        "workload.load": chance.choice(["saturate", "2Gbps"]),
        "workload.frame_bytes": chance.choice([64, 1518]),
        "workload.external": {"rate": "500Mbps"},
        "bridge": {"announce": chance.random() < 0.5, "buffer": "32KiB"},
        "run.duration": "200us",
    }
    result = run({"servers": servers, **load}, {"nic": {"vfs": 2}, "driver": {"preset": "dpdk"}})
    totals = result.totals
    assert totals.delivered_frames > 100
    n_gone = totals.delivered_frames + totals.dropped_frames + totals.in_flight_frames
    assert totals.offered_frames + totals.replicated_frames == n_gone
    for flow in result.flows:
        assert flow.offered >= flow.delivered > 0, (flow.from_, flow.to)


def test_the_same_on_two_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    switch = {"nic.mode": "vswitch", "host.virtual_switch": {"pass_by": "copy", "flow_cache": {"exact_entries": 2}}}
    servers = [{"name": "a", "set": switch}, {"name": "b", "set": switch}, {"name": "c"}]
    config = config_with({"nic.vfs": 2, "servers": servers}, {"bridge": {"latency": "130ns"}})
    vms = [f"{name}.vf{k}" for name in "abc" for k in range(2)]
    stations = Stations(config)
    frames = drawn(stations, 200, 700, [*vms, OUTSIDE], [*vms, OUTSIDE, BROADCAST, UNKNOWN])
    workload = workload_of(frames, stations.frame(10**15, OUTSIDE, UNKNOWN, 64))
    expected = found_in(SystemRun(config, workload))
    for n_threads, n_events in ((2, 10**6), (3, 100)):
        assert found_in(on_threads(config, workload, n_threads, monkeypatch, n_events)) == expected


def test_a_switch_has_an_uplink_where_a_bridge_is() -> None:
    alone = config_from_mapping({"nic": {"mode": "vswitch"}})
    assert alone.host.virtual_switch is not None and alone.host.virtual_switch.reach == "internal"
    for changes in (TWO, {"bridge": {}}, {"servers": [{"name": "a"}], "bridges": BRIDGES}):
        for server in servers_of(config_from_mapping({"nic": {"mode": "vswitch"}}, changes)):
            assert server.config.host.virtual_switch is not None
            assert server.config.host.virtual_switch.reach == "external"
