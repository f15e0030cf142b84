"""The closed form of bridges that wires join: runs of systems drawn at random, one frame alone, and hand-made cases."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from hwmodel.analytic import bridge_rules, limits, system
from hwmodel.analytic.bridge_rules import BridgeEntry
from hwmodel.analytic.lone_frame import crossing_of, lone_frame_of
from hwmodel.analytic.paths import OnwardHops
from hwmodel.analytic.system import System
from hwmodel.config import Config, config_from_mapping
from tests.extender_cases import run_of
from tests.joined_cases import THREE, TWO, joined
from tests.run_cases import measured_once, merged
from tests.system_beside_simpy import Stations
from tests.test_analytic_system_drawn import BASE, NEAR, workload_of

NAMES = ("left", "mid", "right")


def drawn(seed: int) -> Config:
    """Draw a tree of two or three bridges with servers, wires that carry some VLANs, and what each of them knows."""
    rng = random.Random(seed)
    names = NAMES[: rng.choice((2, 3))]
    bridges: dict = {
        name: {"ports": {}, "announce": rng.random() < 0.6, "latency": f"{rng.randrange(900)}ns"} for name in names
    }
    servers = []
    for name in "abcd":
        at = names[len(servers)] if len(servers) < len(names) else rng.choice(names)
        bridges[at]["ports"][name] = {"hairpin": rng.choice((None, True, False))}
        own = {f"switch.ports.{vm}": {"port_vlan": vlan, "vlans": [vlan], "accept": ["broadcast"]}
               for vm, vlan in (("vf0", 1), ("vf1", rng.choice((1, 1, 5))))}  # fmt: skip
        servers.append({"name": name, "set": own | {"switch.mode": rng.choice(("veb", "vepa"))}})
    bridges[rng.choice(names)]["ports"]["outside"] = {"rate": "100Gbps"}
    for at, name in enumerate(names[1:], 1):
        other = rng.choice(names[:at])
        native = rng.choice((1, 1, 5))
        bridges[name]["ports"]["up"] = {
            "to": f"{other}.to-{name}", "rate": rng.choice(("40Gbps", "25Gbps")), "native_vlan": native,
        }  # fmt: skip
        bridges[other]["ports"][f"to-{name}"] = {"vlans": rng.choice(("all", [1])), "native_vlan": native}
    if rng.random() < 0.3:
        bridges[names[-1]]["policy"] = [{"port": rng.choice("abcd") + ".vf0", "action": "deny"}]
    vms = [f"{name}.vf{k}" for name in "abcd" for k in range(2)]
    return config_from_mapping(merged(BASE, {
        "nic": {"vfs": 2}, "servers": servers, "bridges": [{"name": name, **block} for name, block in bridges.items()],
        "workload": workload_of(rng, vms, rng.choice(("flows", "flows", "ring", "broadcast"))),
        "run": {"duration": "4ms"},
    }))  # fmt: skip


def of_run(result):
    """Return how busy each wire was."""
    busy = {}
    for bridge in result.bridges:
        for port in bridge.ports:
            if port.name.endswith(".uplink"):
                continue
            if port.name.startswith("fex"):
                busy[f"{bridge.name}.{port.name}.uplink"] = port.in_utilization
            elif not port.to:
                upwards = f"{bridge.name}.outside in" if port.name == "outside" else f"{port.name}.wire.tx"
                busy[upwards] = port.in_utilization
            busy[f"{bridge.name}.{port.name}"] = port.out_utilization
    return {wire: share for wire, share in busy.items() if share}


def assert_near(config):
    found, result = limits(config), measured_once(config)
    assert {hop.wire: hop.utilization for hop in found.hops} == pytest.approx(of_run(result), rel=NEAR)
    if any(vm.rx_gbps for vm in result.vms):
        assert result.totals.mpps == pytest.approx(found.mpps, rel=NEAR)


@pytest.mark.parametrize("seed", range(1, 13))
def test_each_wire_bears_what_a_run_bears(seed):
    assert_near(drawn(seed))


# Both bridges control, with adapters behind extenders of one and of two levels.
CONTROLLED = {
    "nic": {"vfs": 2}, "switch": {"mode": "e_tag"}, "servers": [{"name": name} for name in "abc"],
    "bridges": [
        {"name": "left", "kind": "controlling", "extenders": {"fex0": {}, "fex1": {"behind": "fex0"}},
         "ports": {"a": {"behind": "fex1"}, "b": {"behind": "fex0"}, "trunk": {"to": "right.trunk", "rate": "25Gbps"}}},
        {"name": "right", "kind": "controlling", "extenders": {"fex2": {"rate": "25Gbps"}},
         "ports": {"c": {"behind": "fex2"}, "trunk": {}, "outside": {"rate": "40Gbps"}}},
    ],
    "run": {"duration": "4ms"},
}  # fmt: skip


@pytest.mark.parametrize("pattern", ["flows", "broadcast"])
def test_each_wire_bears_what_a_run_bears_behind_extenders(pattern):
    vms = [f"{name}.vf{k}" for name in "abc" for k in range(2)]
    accepts = {"switch.ports": [{"name": "all", "accept": ["broadcast"]}]}
    assert_near(config_from_mapping(
        merged(BASE, CONTROLLED, {"workload": workload_of(random.Random(3), vms, pattern)}), accepts))  # fmt: skip


@pytest.mark.parametrize("seed", range(1, 9))
def test_the_time_of_one_frame_over_bridges(seed):
    """The part `bridge`, to the femtosecond: from the frame's end on its first wire until the other adapter has it."""
    rng = random.Random(seed)
    tree = rng.choice((TWO, THREE))
    each = {
        name: {"latency": f"{rng.randrange(900)}.7ns", "forwarding": rng.choice(("store_and_forward", "cut_through")),
               "announce": True, "propagation": f"{rng.randrange(90)}.3ns",
               "ports": {port: {"rate": rng.choice(("10Gbps", "25Gbps", "3.7Gbps")),
                                "propagation": f"{rng.randrange(2000)}.9ns", "native_vlan": rng.choice((1, 7))}
                         for port, one in block["ports"].items() if "to" in one}}
        for name, block in tree.items()
    }  # fmt: skip
    config = joined(tree, {"port.rate": "10Gbps"}, **each)
    source, target = rng.choice(("a.vf0", "uplink")), rng.choice(("b.vf1", "c.vf0", "c.vf1"))
    n_bytes = rng.choice((64, 301, 1518))
    lone = lone_frame_of(config, source, target, n_bytes)
    assert lone is not None and lone.target == target
    crossing = crossing_of(System.of(config), lone.way)
    run = run_of(config, [Stations(config).frame(0, source.replace("uplink", "outside"), target, n_bytes)])
    assert int(run.end.parts_fs["bridge"]) == crossing.whole_fs - crossing.sent_fs


PLANTED = {
    "a frame stops at the first wire": lambda patch: patch.setattr(
        BridgeEntry, "over", lambda self, bridge, port, vlan: (bridge, None)),
    "untagged frames enter in the VLAN in which they left": lambda patch: patch.setattr(
        BridgeEntry, "over", _with_the_same_vlan),
    "tags do not count between bridges": lambda patch: patch.setattr(OnwardHops, "_on", _without_tags),
    "each bridge knows its own servers alone": lambda patch: patch.setattr(bridge_rules, "_know", _here_alone),
    "a wire has the rate of the first server": lambda patch: patch.setattr(
        system.System, "rate_bps", lambda self, _part: self.config(0).port.rate_bps),
}  # fmt: skip
_ON = OnwardHops._on


def _without_tags(self, wire):
    return _ON(self, replace(wire, tag_bytes=0))


def _with_the_same_vlan(self, bridge, port, vlan):
    trunk = self.system.trunk(port.wire)
    other = self.bridges[trunk.upper if trunk.lower == bridge.number else trunk.lower]
    return other, (other.port_of(port.wire), vlan)


def _here_alone(_entry, _knowing, name, bridge, port, vlan):
    bridge.known[name, vlan] = port


@pytest.mark.parametrize("fault", PLANTED)
def test_a_planted_error_is_found(fault, monkeypatch):
    PLANTED[fault](monkeypatch)
    with pytest.raises(AssertionError):
        for seed in range(1, 13):
            assert_near(drawn(seed))
