"""Bridges joined by wires in whole runs: who learns what, who gets what, by hand; and what limits."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from hwmodel.config import bridges_of, config_from_mapping, servers_of
from hwmodel.config.bridge_ports import ports_of
from hwmodel.config.topology import BridgePorts
from hwmodel.results import Result, load_result
from hwmodel.simulation import simulate
from hwmodel.simulation.fill.system_state import build_system
from hwmodel.workload import build_workload
from tests.extender_cases import run_of
from tests.joined_cases import THREE, TWO, joined
from tests.run_cases import BATCHES_OF_ONE, merged
from tests.switch_cases import tshark_rows
from tests.system_beside_simpy import BROADCAST, OUTSIDE, Frame, Stations, engine_figures

US_FS = 10**9
EVERY_FS = 50 * US_FS  # between frames, so that no two meet
ALL_OF_THREE = [f"{server}.{name}" for server in "abcd" for name in ("pf", "vf0", "vf1")]


def sent(config: Any, *frames: Any) -> tuple[list[list[str]], Result]:
    """Send frames one after the other, each (sender, target, ...); return who got each of them, and the result."""
    stations = Stations(config)
    sequence: list[Frame] = [
        stations.frame(at * EVERY_FS, sender, to, 64 + at, *more) for at, (sender, to, *more) in enumerate(frames)
    ]
    run = run_of(config, sequence)
    result = run.result()
    found: list[list[str]] = [[] for _ in frames]
    for at_fs, _, receiver, _ in engine_figures(run, result).deliveries:
        found[at_fs // EVERY_FS].append(receiver)
    return [sorted(each) for each in found], result


def counts(result: Result, name: str) -> dict[str, int]:
    return {bridge.name: getattr(bridge, name) for bridge in result.bridges}


def test_an_address_moves_from_one_bridge_to_the_other() -> None:
    """A station's address is learned at both bridges; as it sends from the other side, both learn it anew."""
    config = joined(TWO, {"nic.strict": False,
                          "switch.ports.all.spoof_check": False, "switch.ports.all.promiscuous": True,
                          "switch.ports.pf.enabled": False, "nic.vfs": 1, "workload.pattern": "uniform"})  # fmt: skip
    found, result = sent(
        config,
        ("a.vf0", BROADCAST),
        ("b.vf0", "a.vf0"),  # known: at a's port
        (OUTSIDE, "a.vf0"),  # known: at the wire, then at a's port
        ("c.vf0", BROADCAST, "", "a.vf0"),  # the address has moved to c
        ("b.vf0", "a.vf0"),
        (OUTSIDE, "a.vf0"),
    )
    assert found == [
        ["b.vf0", "c.vf0", OUTSIDE], ["a.vf0"], ["a.vf0"], ["a.vf0", "b.vf0", OUTSIDE], ["c.vf0"], ["c.vf0"],
    ]  # fmt: skip
    assert counts(result, "moved") == {"left": 1, "right": 1}
    # a's, b's, that of outside: right has seen b as its frame came for a, behind c by then.
    assert counts(result, "learned") == {"left": 3, "right": 3}
    assert counts(result, "flooded_frames") == {"left": 0, "right": 0}


def test_each_bridge_floods_for_itself() -> None:
    """The reply to a flooded frame is known at each bridge that the first one came through, and at no other."""
    config = joined(THREE, {"switch.ports.pf.enabled": False})
    found, result = sent(config, ("a.vf0", "c.vf0"), ("c.vf0", "a.vf0"), ("a.vf0", "c.vf0"), ("d.vf0", "c.vf0"))
    assert found == [["c.vf0", OUTSIDE], ["a.vf0"], ["c.vf0"], ["c.vf0"]]
    # The first everywhere; the last at right, which has seen nothing from c.
    assert counts(result, "flooded_frames") == {"left": 1, "mid": 1, "right": 2}
    assert counts(result, "forwarded_frames") == {"left": 3, "mid": 4, "right": 2}


def test_what_floods_three_bridges_comes_once_to_everybody() -> None:
    senders = [*ALL_OF_THREE, OUTSIDE]
    found, result = sent(joined(THREE), *((sender, BROADCAST) for sender in senders))
    for sender, receivers in zip(senders, found, strict=True):
        assert receivers == sorted(set(senders) - {sender})
    n = len(senders)
    assert counts(result, "forwarded_frames") == {"left": n, "mid": n, "right": n}
    assert result.totals.in_flight_frames == 0


def test_a_vlan_stays_where_the_wire_does_not_carry_it() -> None:
    vlans = {"vf0": {"port_vlan": 10, "vlans": [10]}, "vf1": {"port_vlan": 20, "vlans": [20]}}
    uplink = {"native_vlan": 1}
    wire = {"trunk": {"vlans": [10]}}
    config = joined(
        TWO, {"switch.ports": {**vlans, "pf": {"enabled": False}}, "switch.uplink": uplink},
        left={"ports": wire}, right={"ports": wire},
    )  # fmt: skip
    found, result = sent(
        config,
        *(("a.vf0", BROADCAST), ("a.vf1", BROADCAST), ("c.vf1", BROADCAST), ("c.vf1", "a.vf1"), ("c.vf0", "a.vf0")),
        *((OUTSIDE, BROADCAST, "81000014"), (OUTSIDE, "b.vf1", "81000014"), (OUTSIDE, "b.vf0", "8100000a")),
    )
    assert found == [
        ["b.vf0", "c.vf0", OUTSIDE], ["b.vf1"], [OUTSIDE], [OUTSIDE], ["a.vf0"],
        ["c.vf1"], [], ["b.vf0"],
    ]  # fmt: skip
    ends = {port.name: port for bridge in result.bridges for port in bridge.ports if port.to}
    # At right, and nothing of VLAN 20: a.vf0's broadcast; c.vf0's frame and the last one.
    assert (ends["trunk"].in_frames, ends["trunk"].out_frames) == (1, 2)
    assert counts(result, "dropped_frames")["left"] == 0


@pytest.mark.parametrize("forwarding", ["store_and_forward", "cut_through"])
def test_the_time_over_two_bridges_by_hand(forwarding: str) -> None:
    """Part `bridge`: from the frame's end at the first bridge's sender until its last byte is at the other adapter."""
    each = {"forwarding": forwarding, "announce": True}
    config = joined(
        TWO, {"port.rate": "10Gbps"}, every=each,
        left={"latency": "300ns", "ports": {"a": {"propagation": "11ns"}, "trunk": {"propagation": "2us"}}},
        right={"latency": "700ns", "ports": {"c": {"propagation": "13ns"}}},
    )  # fmt: skip
    run = run_of(config, [Stations(config).frame(0, "a.vf0", "c.vf0", 1518)])
    (journeys,) = engine_figures(run, run.result()).journeys.values()
    wire_ns, header_ns = 1538 * 8 / 10, 72 * 8 / 10
    known_ns = wire_ns if forwarding == "store_and_forward" else header_ns
    come_ns = 11 + known_ns + 300 + 2000 + known_ns + 700 + 13 + wire_ns  # since the sender began
    assert run.end.parts_fs["bridge"] / 1e6 == pytest.approx(come_ns - wire_ns)
    assert len(journeys) == 1


def overloaded(**trunk: Any) -> Any:
    ports = {"a": {}, "b": {}, "trunk": {"to": "right.trunk", **trunk}}
    return config_from_mapping(merged(BATCHES_OF_ONE, {
        "nic": {"strict": False, "vfs": 1}, "pcie": {"generation": 3, "lanes": 8},
        "servers": [{"name": name} for name in "abcd"],
        "bridges": [{"name": "left", "announce": True, "buffer": "64KiB", "ports": ports},
                    {"name": "right", "announce": True, "ports": {"c": {}, "d": {}, "trunk": {}}}],
        "workload": {"pattern": "flows", "flows": [["a.vf0", "c.vf0", "4Gbps"], ["b.vf0", "d.vf0", "4Gbps"]]},
        "run": {"warmup": "200us", "duration": "1ms"},
    }))  # fmt: skip


def test_a_wire_that_is_too_slow_is_named() -> None:
    result = simulate(overloaded(rate="5Gbps"))
    assert result.bottleneck.resource == "left.trunk"
    assert result.bottleneck.keys == ("bridges.left.ports.trunk.rate",)
    assert result.bottleneck.why.startswith("Bridge left's port trunk is busy 100.0 % of the window")
    assert result.totals.gbps == pytest.approx(5 * 1518 / 1538, rel=0.01)
    left, right = result.bridges
    (near,), (far,) = ([port for port in bridge.ports if port.to] for bridge in (left, right))
    assert (near.to, far.to, near.device, far.device) == ("right.trunk", "left.trunk", "left", "right")
    assert near.out_utilization == far.in_utilization == pytest.approx(1, abs=1e-6)
    assert near.drops.keys() == {"QUEUE_FULL"} and not far.drops and not right.drops
    assert simulate(overloaded(rate="10Gbps")).bottleneck.resource == "offered_load"


def test_results_come_back_from_their_file(tmp_path: Any) -> None:
    result = simulate(overloaded(rate="5Gbps"))
    path = tmp_path / "r.json"
    path.write_text(result.to_json(), encoding="utf-8")
    assert load_result(path).to_mapping()["bridges"] == result.to_mapping()["bridges"]


def test_a_wire_has_a_capture_at_each_end(tmp_path: Any) -> None:
    """What leaves one end comes to the other, its last byte a propagation later."""
    paths = {name: str(tmp_path / f"{name}.pcapng") for name in ("left.trunk", "right.trunk")}
    simulate(overloaded(rate="10Gbps", propagation="3us"), pcap_hops=paths)
    fields = ["frame.interface_name", "frame.packet_flags_direction", "frame.time_epoch"]
    near, far = (tshark_rows(path, fields) for path in paths.values())
    assert {row["frame.interface_name"] for row in near} == {"left.trunk"}
    assert {row["frame.interface_name"] for row in far} == {"right.trunk"}
    times = [[float(row["frame.time_epoch"]) for row in rows] for rows in (near, far)]
    n = min(map(len, times))
    assert (
        n > 500
        and Counter(row["frame.packet_flags_direction"] for row in near).keys()
        != Counter(row["frame.packet_flags_direction"] for row in far).keys()
    )
    assert all(b - a == pytest.approx(3e-6, abs=2e-9) for a, b in zip(times[0][:n], times[1][:n], strict=True))


def layout_of(config: Any) -> tuple[list[Any], BridgePorts]:
    ports = ports_of(bridges_of(config), servers_of(config))
    logical = [each for port in ports if port.joined is None or port.to for each in port.logical]
    (outside,) = (port for port in ports if port.name == OUTSIDE)
    return ports, BridgePorts(ports, outside, logical)


def test_ports_are_numbered_servers_outside_then_wires() -> None:
    ports, _ = layout_of(joined(THREE))
    assert [(port.number, port.resource, port.wire, port.joined, port.to) for port in ports] == [
        (0, "left.a", "a", None, ""), (1, "left.b", "b", None, ""), (2, "mid.c", "c", None, ""),
        (3, "right.d", "d", None, ""), (4, "left.outside", "outside", None, ""),
        (5, "left.east", "left.east", 6, "mid.west"), (6, "mid.west", "mid.west", 5, "left.east"),
        (7, "mid.east", "mid.east", 8, "right.west"), (8, "right.west", "right.west", 7, "mid.east"),
    ]  # fmt: skip
    assert [port.key for port in ports[4:6]] == ["bridges.left.ports.outside", "bridges.left.ports.east"]
    assert ports[8].words == "Bridge right's port west"


def test_a_broadcast_is_seen_at_each_bridge_that_its_vlan_comes_to() -> None:
    ends = {"mid": {"ports": {"west": {"native_vlan": 7}, "east": {"vlans": [7, 9]}}}}
    ports, bridge_ports = layout_of(joined(THREE, **ends))
    own = {port.resource: port.logical[0] for port in ports}

    def seen(port: str, vlan: int) -> list[tuple[str, int]]:
        names = {logical.number: name for name, logical in own.items()}
        return [(names[logical.number], at) for logical, at in bridge_ports.seen_from(own[port], vlan)]

    assert seen("left.a", 1) == [("left.a", 1), ("mid.west", 7), ("right.west", 7)]  # untagged on the first wire
    assert seen("left.a", 5) == [("left.a", 5), ("mid.west", 5)]
    assert seen("right.d", 9) == [("right.d", 9), ("mid.east", 9), ("left.east", 9)]
    assert seen("mid.c", 7) == [("mid.c", 7), ("left.east", 1), ("right.west", 7)]
    assert {bridge: out.name for bridge, out in bridge_ports.way_out.items()} == {0: OUTSIDE, 1: "west", 2: "west"}


def test_policers_are_numbered_bridge_after_bridge() -> None:
    police = {"action": "police", "rate": "1Gbps", "burst": "2KiB"}
    policy = [{"action": "permit", "port": "a.vf0"}, police]
    config = joined(TWO, left={"policy": policy}, right={"policy": [police, police]})
    system = build_system(config, build_workload(config), 1)
    settings = [bridge.settings for bridge in bridges_of(config)]
    policers = [id(each) for each in system.topology.policers]
    assert policers == [id(settings[at].policy[n]) for at, n in ((0, 1), (1, 0), (1, 1))]
    record = system.bridges[0]
    assert record["rules"]["acl"]["policer"][1:4].tolist() == [0, 1, 2]
    assert [(int(box.params.first_acl), int(box.params.n_acl)) for box in record.box[:2]] == [(0, 2), (2, 2)]
