"""Servers at two and three bridges that wires join, for tests."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from hwmodel.config import servers_of
from tests.extender_cases import merged
from tests.system_beside_simpy import BROADCAST, MULTICAST, OUTSIDE, UNKNOWN, Both, Frame, Stations, config_with, drawn

VFS = ("vf0", "vf1")
A, B, C, D = (tuple(f"{server}.{name}" for name in VFS) for server in "abcd")
TWO = {
    "left": {"ports": {"a": {}, "b": {}, "trunk": {"to": "right.trunk"}}},
    "right": {"ports": {"c": {}, "trunk": {}, "outside": {}}},
}  # fmt: skip
# Two adapters of server a, each at a bridge of its own.
ADAPTERS = {
    "left": {"ports": {"a.x": {}, "b": {}, "trunk": {"to": "right.trunk"}}},
    "right": {"ports": {"c": {}, "a.y": {}, "trunk": {}, "outside": {}}},
}  # fmt: skip
WITH_ADAPTERS = [
    {"name": "a", "adapters": [{"name": "x"}, {"name": "y", "set": {"pcie.lanes": 8}}]}, {"name": "b"}, {"name": "c"},
]  # fmt: skip
# The stations outside at an end; what joins the bridges in the middle of three.
THREE = {
    "left": {"ports": {"a": {}, "b": {}, "outside": {}, "east": {"to": "mid.west"}}},
    "mid": {"ports": {"c": {}, "west": {}, "east": {"to": "right.west"}}},
    "right": {"ports": {"d": {}, "west": {}}},
}  # fmt: skip


def joined(bridges: Mapping[str, Any], *changes: Mapping[str, Any], **each: Any) -> Any:
    """Return a configuration; `each` says what differs at a bridge by its name, `every` at all of them."""
    every = each.pop("every", {})
    entries = [{"name": name, **merged(merged(block, every), each.get(name, {}))} for name, block in bridges.items()]
    names = sorted(name for block in bridges.values() for name in block["ports"] if len(name) == 1)
    servers = [{"name": name} for name in names]
    return config_with({"bridge": None, "bridges": entries, "servers": servers, "nic.vfs": 2}, *changes)


def everyone(config: Any) -> list[str]:
    return [f"{server.name}.{name}" for server in servers_of(config) for name in VFS] + [OUTSIDE]


class Case(NamedTuple):
    """A system, its load, and a look whether it makes the difference it is here for."""

    config: Any
    matters: Callable[[Both], bool]
    mean_ns: float = 700
    n: int = 200
    tags: Sequence[str] = ("",)
    groups: int = 1
    unknown: int = 1

    def frames(self) -> list[Frame]:
        stations = everyone(self.config)
        receivers = [*stations, *(UNKNOWN,) * self.unknown, *(BROADCAST, MULTICAST) * self.groups]
        return drawn(Stations(self.config), self.n, self.mean_ns, stations, receivers, tags=self.tags)


def counted(name: str, n: int = 10) -> Callable[[Both], bool]:
    return lambda both: both.engine.bridge[name] >= n


def dropped(port: str, reason: str, n: int = 5) -> Callable[[Both], bool]:
    return lambda both: both.engine.drops.get((port, reason), 0) >= n


def all_of(*looks: Callable[[Both], bool]) -> Callable[[Both], bool]:
    return lambda both: all(look(both) for look in looks)


def wire(left: Mapping[str, Any], right: Mapping[str, Any] | None = None) -> dict[str, Any]:
    return {"left": {"ports": {"trunk": left}}, "right": {"ports": {"trunk": right or {}}}}


VLANS = {
    "switch.ports.vf0": {"vlans": [1, 5], "untagged": [1]},
    "switch.ports.vf1": {"port_vlan": 5, "vlans": [5, 1], "untagged": [5]},
}
TAGGED = {"servers": [
    {"name": "a", "set": {"switch.mode": "e_tag"}},
    {"name": "b", "set": {"switch.mode": "vn_tag"}},
    {"name": "c", "set": {"switch.mode": "vepa"}},
]}  # fmt: skip
DENY = {"policy": [
    {"port": "a.vf0", "action": "deny", "destination": "02:ff:00:00:00:01"},
    {"port": "b.vf1", "action": "police", "rate": "300Mbps", "burst": "2KiB"},
    {"port": "outside", "action": "priority", "priority": 5},
]}  # fmt: skip

CASES = {
    "two, as they are": Case(joined(TWO), all_of(counted("left flooded"), counted("right flooded"))),
    "two, announced": Case(
        joined(TWO, every={"announce": True}), all_of(counted("left learned", 9), counted("right learned", 9)),
    ),
    "one announced": Case(joined(TWO, left={"announce": True}), counted("right flooded")),
    "a slow wire, far": Case(
        joined(TWO, every={"buffer": "6KiB"}, **wire({"rate": "3.1Gbps", "propagation": "1.0013us"})),
        all_of(dropped("left.trunk", "QUEUE_FULL"), dropped("right.trunk", "QUEUE_FULL")), 350,
    ),
    "a fast wire, cut through": Case(
        joined(TWO, {"nic.strict": False,
                     "port.rate": "9.7Gbps"}, every={"forwarding": "cut_through", "latency": "133.7ns"},
               **wire({"rate": "39.7Gbps", "propagation": "7.3ns"})),
        counted("right forwarded", 100),
    ),
    "cut through at one rate": Case(
        joined(TWO, left={"forwarding": "cut_through", "latency": "0ns"}, right={"latency": "71ns"}),
        counted("left forwarded", 100), 900,
    ),
    "propagations": Case(
        joined(TWO, left={"propagation": "51.3ns", "ports": {"a": {"propagation": "2.0017us"}}},
               right={"propagation": "817.7ns", "ports": {"outside": {"propagation": "5.1ns"}}}),
        counted("right forwarded", 100),
    ),
    "VLANs on the wire": Case(
        joined(TWO, VLANS, **wire({"vlans": [5]}, {"vlans": [5, 1], "native_vlan": 5})),
        all_of(dropped("left.trunk", "VLAN_MEMBER", 0), counted("right forwarded", 50)),
        tags=("", "", "81006005", "8100a001", "81000009"), groups=4,
    ),
    "two native VLANs": Case(
        joined(TWO, VLANS, every={"announce": True}, **wire({"native_vlan": 1}, {"native_vlan": 5})),
        counted("right forwarded", 50), tags=("", "", "81006005", "8100a001"), groups=3,
    ),
    "nothing untagged": Case(
        joined(TWO, VLANS, **wire({"native_vlan": None}, {"native_vlan": 1})),
        dropped("left.trunk", "VLAN_MEMBER"), tags=("", "81006005"), groups=3,
    ),
    "policies": Case(
        joined(TWO, every=DENY), all_of(dropped("left.a", "ACL_DENY", 2), dropped("left.b", "RATE_LIMITED", 3)), 300,
        n=300,
    ),
    "a policy at the second bridge": Case(
        joined(TWO, right={"policy": [{"port": "a.vf0", "action": "deny"},
                                      {"action": "police", "rate": "1Gbps", "burst": "3KiB"}]}),
        all_of(dropped("right.trunk", "ACL_DENY"), dropped("right.trunk", "RATE_LIMITED")), 400,
    ),
    "tables of two": Case(
        joined(TWO, left={"table": 2, "ageing": "5us"}, right={"table": 3}),
        all_of(counted("left not learned"), counted("left aged"), counted("right not learned")),
    ),
    "buffers for all ports": Case(
        joined(TWO, every={"buffer": "4KiB", "sharing": "all"}),
        all_of(dropped("left.trunk", "QUEUE_FULL"), dropped("right.c", "QUEUE_FULL")), 200, groups=3,
    ),
    "VEPAs": Case(
        joined(TWO, {"switch.mode": "vepa"}, left={"ports": {"b": {"hairpin": False}}}),
        all_of(dropped("left.b", "SAME_PORT"), counted("left forwarded", 100)), n=300, groups=3,
    ),
    "S-channels with weights": Case(
        joined(TWO, {"switch.mode": "multichannel", "switch.ports.vf0.s_channel": 10, "switch.ports.vf1.s_channel": 20,
                     "switch.s_channels": {10: "veb", 20: "vepa"}},
               right={"ports": {"c": {"s_channels": {10: {"weight": 3}, 20: {"rate": "1.3Gbps"}}}}, "buffer": "16KiB"}),
        counted("right forwarded", 50), 400,
    ),
    "translated VLANs": Case(
        joined(TWO, {"switch.ports.vf0": {"port_vlan": 101}, "switch.ports.vf1": {"port_vlan": 102}},
               every={"announce": True},
               left={"ports": {name: {"translate": {101: 10, 102: 10}} for name in "ab"}},
               right={"ports": {"c": {"translate": {101: 10, 102: 10}}, "outside": {"native_vlan": 10}}}),
        all_of(counted("left forwarded", 50), counted("right forwarded", 50)),
    ),
    "one controls": Case(
        joined(TWO, TAGGED, left={"kind": "controlling"}),
        all_of(counted("left replicated"), counted("right flooded", 5)), 900, groups=4,
    ),
    "both control": Case(
        joined(TWO, {"switch.mode": "vn_tag", **VLANS}, every={"kind": "controlling"}),
        all_of(counted("left replicated"), counted("right replicated"), counted("right flooded", 2)), 900,
        tags=("", "", "81006005", "8100a001"), groups=4, unknown=3,
    ),
    "with extenders": Case(
        joined(TWO, {"switch.mode": "e_tag"}, every={"kind": "controlling"},
               left={"extenders": {"fex0": {"rate": "25Gbps"}}, "ports": {"a": {"behind": "fex0"}}},
               right={"extenders": {"fex1": {"latency": "133ns"}, "fex2": {"behind": "fex1"}},
                      "ports": {"c": {"behind": "fex2"}}}),
        all_of(counted("left replicated"), counted("right replicated")), 900, groups=4,
    ),
    "adapters of one server": Case(
        joined(ADAPTERS, {"servers": WITH_ADAPTERS}, right={"ports": {"a.y": {"propagation": "21.3ns"}}}),
        all_of(counted("left flooded"), counted("right flooded")), groups=2,
    ),
    "adapters of one server behind extenders": Case(
        joined(ADAPTERS, {"servers": WITH_ADAPTERS, "switch.mode": "vn_tag"}, every={"kind": "controlling"},
               left={"extenders": {"fex0": {"rate": "5Gbps"}},
                     "ports": {"a.x": {"behind": "fex0"}, "b": {"behind": "fex0"}}},
               right={"extenders": {"fex1": {}}, "ports": {"a.y": {"behind": "fex1"}}}),
        all_of(counted("left replicated"), counted("right replicated")), 900, groups=4,
    ),
    "three": Case(
        joined(THREE), all_of(counted("left flooded"), counted("mid flooded"), counted("right flooded"))
    ),
    "three, groups": Case(joined(THREE), counted("mid replicated", 100), 2000, groups=8),
    "three unlike": Case(
        joined(THREE, left={"latency": "211.3ns", "ageing": "9us"}, mid={"forwarding": "cut_through", "table": 4},
               right={"announce": True, "propagation": "33.3ns", "ports": {"west": {"rate": "25Gbps"}}}),
        all_of(counted("left aged"), counted("mid not learned")),
    ),
    "three, full wires": Case(
        joined(THREE, every={"buffer": "5KiB"},
               mid={"ports": {"east": {"rate": "2.3Gbps"}, "west": {"rate": "3Gbps"}}}),
        all_of(*(dropped(port, "QUEUE_FULL", 3) for port in ("left.east", "mid.east", "mid.west", "right.west"))), 300,
    ),
    "three, the middle controls": Case(
        joined(THREE, {"servers": [{"name": "a"}, {"name": "b"}, {"name": "c", "set": {"switch.mode": "e_tag"}},
                                   {"name": "d"}]},
               mid={"kind": "controlling"}),
        all_of(counted("mid replicated"), counted("right flooded", 5)), 900, groups=3, unknown=3,
    ),
}  # fmt: skip


def drawn_system(seed: int) -> Any:
    """Draw a tree of two or three bridges with servers, wires and settings of their own."""
    rng = random.Random(seed)
    names = ["one", "two", "three"][: rng.choice((2, 3, 3))]
    bridges: dict[str, Any] = {name: {"ports": {}} for name in names}
    servers = []
    for name in "abcd"[: rng.choice((3, 4))]:
        at = names[len(servers)] if len(servers) < len(names) else rng.choice(names)
        bridges[at]["ports"][name] = {}
        servers.append({"name": name, "set": {"switch.mode": rng.choice(("veb", "vepa"))}})
    bridges[rng.choice(names)]["ports"][OUTSIDE] = {"rate": rng.choice(("10Gbps", "5.3Gbps"))}
    for at, name in enumerate(names[1:], 1):
        other = rng.choice(names[:at])
        settings = {"to": f"{other}.to-{name}", "rate": rng.choice(("10Gbps", "3.7Gbps", "25Gbps")),
                    "propagation": f"{rng.randrange(900)}.3ns"}  # fmt: skip
        bridges[name]["ports"]["up"] = settings
        bridges[other]["ports"][f"to-{name}"] = {"vlans": rng.choice(("all", [1, 5]))}
    for block in bridges.values():
        block |= {
            "latency": f"{rng.randrange(700)}.1ns", "forwarding": rng.choice(("store_and_forward", "cut_through")),
            "buffer": rng.choice(("4KiB", "16KiB", "1MiB")), "sharing": rng.choice(("port", "all")),
            "table": rng.choice((2, 8, 8192)), "ageing": rng.choice(("6us", "300s")),
            "announce": rng.random() < 0.3,
        }  # fmt: skip
    entries = [{"name": name, **block} for name, block in bridges.items()]
    return config_with({"bridge": None, "bridges": entries, "servers": servers, "nic.vfs": 2}, VLANS)
