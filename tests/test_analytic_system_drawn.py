"""The closed form against runs of systems drawn at random: extenders, translated VLANs, adapters with several ports.

At loads below what there is room for, frames at even steps, each wire bears in a run what the closed form says.
"""

from __future__ import annotations

import random

import pytest

from hwmodel.analytic import bridge_rules, limits, routes
from hwmodel.analytic.bridge_rules import BridgeRules
from hwmodel.analytic.limits_record import Limits
from hwmodel.config import Config, config_from_mapping
from hwmodel.config.bridge import wire_names
from hwmodel.results import Result
from tests.run_cases import BATCHES_OF_ONE, measured_once, merged

NEAR = 0.002
BASE = merged(BATCHES_OF_ONE, {"nic": {"strict": False},
    "pcie": {"generation": 3, "lanes": 8}, "driver": {"frame_time": "0ns"}, "run": {"warmup": "500us", "frames": None},
})  # fmt: skip
SERVERS = "abcd"


def workload_of(rng: random.Random, vms: list[str], pattern: str) -> dict:
    """Draw a load that leaves room everywhere: bridges copy groups up to nine times."""
    most_gbps = 0.2 if pattern == "broadcast" else 0.6
    found = {"pattern": pattern, "frame_bytes": rng.choice([64, 90, 128]), "arrivals": "periodic", "load": "1Gbps"}
    if pattern == "flows":
        pairs = rng.sample([(a, b) for a in [*vms, "uplink"] for b in vms if a != b], 6)
        return found | {"flows": [[*ends, f"{rng.randint(300, 600)}Mbps"] for ends in pairs]}
    return found | {"load": f"{round(1000 * most_gbps * rng.uniform(0.6, 1))}Mbps"}


def extended(seed: int) -> Config:
    """Draw four servers behind up to two levels of extenders."""
    rng = random.Random(seed)
    extenders = {"fex0": {"rate": "10Gbps"}, "fex1": {"rate": "25Gbps", "behind": rng.choice(["bridge", "fex0"])}}
    if seed % 3 == 0:
        extenders = {"fex0": {"rate": "10Gbps"}}
    behind = {name: rng.choice([*extenders, "bridge"]) for name in SERVERS} | {"a": "fex0", "b": list(extenders)[-1]}
    modes = dict.fromkeys(["fex0", "fex1"], rng.choice(["e_tag", "vn_tag"])) | {"bridge": "e_tag"}
    own = {
        name: {
            f"switch.ports.{station}": {
                "accept": ["broadcast"] if rng.random() < 0.4 else [],
                "admit": rng.choice(["all", "tagged"]),
            }
            for station in ("pf", "vf0", "vf1")
        }
        for name in SERVERS
    }
    return config_from_mapping(merged(BASE, {
        "nic": {"vfs": 2}, "switch": {"mode": "e_tag"},
        "servers": [{"name": name, "set": {"switch.mode": modes[behind[name]], **own[name]}} for name in SERVERS],
        "bridge": {"kind": "controlling", "extenders": extenders,
                   "ports": {name: {"behind": behind[name]} for name in SERVERS} | {"outside": {"rate": "100Gbps"}}},
        "run": {"duration": "6ms"},
        "workload": workload_of(rng, [f"{name}.vf{k}" for name in SERVERS for k in range(2)],
                                rng.choice(["flows", "ring", "broadcast", "to_wire"])),
    }))  # fmt: skip


def translated(seed: int) -> Config:
    """Draw servers whose VMs are in VLANs of their own, which the bridge makes one network, or two."""
    rng = random.Random(seed)
    names = ["a", "b"] if seed % 2 else [""]
    n_vms, servers, ports = 3, [], {"outside": {"rate": "100Gbps"}}
    for name in names:
        own = {f"switch.ports.vf{k}": {"port_vlan": 101 + k, "vlans": [101 + k], "admit": rng.choice(["all", "tagged"]),
                                       "accept": ["broadcast"], "untagged": [101 + k] if rng.random() < 0.5 else []}
               for k in range(n_vms)}  # fmt: skip
        own["switch.uplink.native_vlan"] = rng.choice([1, 102])
        servers.append({"name": name, "set": own | {"switch.mode": rng.choice(["veb", "vepa"])}})
        ports[name or "adapter"] = {"translate": {101: 10, 102: 10, 103: 10 if rng.random() < 0.7 else 103}}
    system = {"servers": servers} if names[0] else {}
    vms = [f"{name}.vf{k}".lstrip(".") for name in names for k in range(n_vms)]
    pattern = rng.choice(["flows", "ring", "broadcast"])
    return config_from_mapping(
        merged(BASE, system, {
            "nic": {"vfs": n_vms}, "bridge": {"announce": True, "ports": ports}, "run": {"duration": "6ms"},
            "workload": workload_of(rng, vms, pattern),
        }), {} if names[0] else servers[0]["set"],
    )  # fmt: skip


def with_ports(seed: int) -> Config:
    """Draw one adapter or two whose Ethernet ports, two or four each, end at one bridge or at its extender."""
    rng = random.Random(seed)
    names, n_vms = ["a", "b"] if seed % 2 else [""], 4
    is_tagged = rng.random() < 0.5
    servers, ports = [], {"outside": {"rate": "100Gbps"}}
    for name in names:
        count = rng.choice([2, 2, 4])
        own = {"port.count": count, "switch.mode": "vn_tag" if is_tagged else rng.choice(["veb", "vepa"])}
        for k in range(n_vms):
            vlan = 101 + k if not is_tagged and rng.random() < 0.3 else 1
            own[f"switch.ports.vf{k}"] = {
                "port": f"p{rng.randrange(count)}", "port_vlan": vlan, "vlans": [vlan],
                "accept": ["broadcast"] if rng.random() < 0.6 else [],
            }  # fmt: skip
        servers.append({"name": name, "set": own})
        for wire in wire_names(name, count):
            settings = {"behind": rng.choice(["fex", "bridge"])} if is_tagged else {}
            ports[wire] = settings if is_tagged else {"translate": {101 + k: 1 for k in range(n_vms)}}
    extenders = {"fex": {"rate": "25Gbps"}} if any(port.get("behind") == "fex" for port in ports.values()) else {}
    bridge = {"kind": "controlling", "extenders": extenders} if is_tagged else {"announce": True}
    vms = [f"{name}.vf{k}".lstrip(".") for name in names for k in range(n_vms)]
    pattern = rng.choice(["flows", "ring", "broadcast", "to_wire"])
    return config_from_mapping(
        merged(BASE, {"servers": servers} if names[0] else {}, {
            "nic": {"preset": None, "vfs": n_vms}, "bridge": bridge | {"ports": ports}, "run": {"duration": "6ms"},
            "workload": workload_of(rng, vms, pattern),
        }), {} if names[0] else servers[0]["set"],
    )  # fmt: skip


DRAWN = {"extended": extended, "translated": translated, "ports": with_ports}
SEEDS = range(1, 8)


def assert_near(found: Limits, result: Result) -> None:
    """Compare what is delivered, and how busy each wire is."""
    (bridge,) = result.bridges
    busy = {}
    for port in bridge.ports:
        if not port.name.endswith(".uplink"):
            own = "wire.tx" if port.name == "adapter" else f"{port.name}.wire.tx"
            upwards = {"outside": "bridge.outside in"}.get(port.name, own)
            upwards = f"bridge.{port.name}.uplink" if port.name.startswith("fex") else upwards
            busy |= {upwards: port.in_utilization, f"bridge.{port.name}": port.out_utilization}
    expected = {hop.wire: hop.utilization for hop in found.hops}
    assert {wire for wire, share in busy.items() if share} == set(expected)
    for wire, share in expected.items():
        assert (wire, busy[wire]) == (wire, pytest.approx(share, rel=NEAR))
    if any(vm.rx_gbps for vm in result.vms):  # bits depend on the tags that VMs see, which it does not count
        assert result.totals.mpps == pytest.approx(found.mpps, rel=NEAR)


@pytest.mark.a_third_by_day
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", DRAWN)
def test_each_wire_bears_what_a_run_bears(name, seed):
    config = DRAWN[name](seed)
    assert_near(limits(config), measured_once(config))


PLANTED = {
    "an E-TAG of 4 B": ("extended", lambda patch: patch.setitem(routes.TAG_BYTES, "e_tag", 4)),
    "a VN-Tag of 8 B": ("extended", lambda patch: patch.setitem(routes.TAG_BYTES, "vn_tag", 8)),
    "groups to each server once": ("extended", lambda patch: patch.setattr(BridgeRules, "members", _of_bridge_ports)),
    "a group for its sender alone": ("extended", lambda patch: patch.setattr(BridgeRules, "members", _without_sender)),
    "a VLAN keeps its number": (
        "translated", lambda patch: patch.setattr(bridge_rules.LogicalPort, "on_wire", lambda _self, vlan: vlan),
    ),
}  # fmt: skip
_MEMBERS = BridgeRules.members


def _of_bridge_ports(self, inside, root):
    return _MEMBERS(self, inside, root)[:1]


def _without_sender(self, inside, root):
    return [one for one in _MEMBERS(self, inside, root) if one != inside.port]


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_error_is_found(name, monkeypatch):
    of, plant = PLANTED[name]
    plant(monkeypatch)
    for seed in SEEDS:
        config = DRAWN[of](seed)
        try:
            assert_near(limits(config), measured_once(config))
        except AssertionError:
            return
    pytest.fail("no drawn system has shown it")
