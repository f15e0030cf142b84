"""Systems and loads that engine and SimPy model of docs/bridge.md are both given."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.system_beside_simpy import (
    BROADCAST,
    GROUPS,
    OUTSIDE,
    UNKNOWN,
    US_FS,
    Both,
    Frame,
    Stations,
    config_with,
    drawn,
)

VFS = ("vf0", "vf1", "vf2", "vf3")
EVERYONE = ("pf", *VFS, OUTSIDE)
A, B, C = (tuple(f"{server}.{name}" for name in VFS) for server in "abc")
X, Y = (tuple(f"a.{adapter}.{name}" for name in VFS) for adapter in "xy")
TWO = {"servers": [{"name": "a"}, {"name": "b"}]}
THREE = {"nic": {"strict": False},
    "servers": [
        {"name": "a", "set": {"pcie.lanes": 8, "switch.mode": "vepa"}},
        {"name": "b", "set": {"pcie.generation": 3, "nic.vfs": 2, "host.read_latency": "310ns"}},
        {"name": "c", "set": {"port.rate": "9.7Gbps", "nic.rx_prefetch": 0, "driver.frame_time": "33.3ns"}},
    ]
}  # fmt: skip
SLOW_OUT = {"bridge.ports.outside.rate": "3.1Gbps"}
FAST_OUT = {"bridge.ports.outside.rate": "39.7Gbps"}
CHANNELS = {
    "switch.mode": "multichannel", "switch.s_channels": {20: "vepa", 10: "veb", 30: "single"},
    "switch.ports": [
        {"name": name, "s_channel": s_vid}
        for name, s_vid in zip(VFS, (10, 10, 20, 20), strict=True)
    ],
}  # fmt: skip
TAGGED = ("", "", "81006005", "8100f001", "81000000", "81000009")
VLANS = {
    "switch.ports": [
        {"name": "vf0", "vlans": [1, 5], "untagged": [1]},
        {"name": "vf1", "port_vlan": 5, "vlans": [1, 5], "untagged": [5]},
        {"name": "vf2", "vlans": [1, 5], "untagged": []},
    ]
}  # fmt: skip


@dataclass(frozen=True)
class Case:
    """What differs from the defaults, who sends what, and a look whether it makes the difference it is here for."""

    changes: Mapping[str, Any]
    senders: Sequence[str] = VFS
    receivers: Sequence[str] = (*VFS, OUTSIDE)
    mean_ns: float = 700
    n: int = 170
    more: Mapping[str, Any] = field(default_factory=dict)  # for `drawn`
    matters: Callable[[Both], bool] = lambda both: True


def dropped(place: str, reason: str, n: int = 10) -> Callable[[Both], bool]:
    return lambda both: both.engine.drops.get((place, reason), 0) >= n


def counted(name: str, n: int = 10) -> Callable[[Both], bool]:
    return lambda both: both.engine.bridge[name] >= n


def reached(receiver: str, n: int = 10) -> Callable[[Both], bool]:
    return lambda both: sum(each[2] == receiver for each in both.engine.deliveries) >= n


def queued(port: str, n_bytes: int) -> Callable[[Both], bool]:
    return lambda both: both.engine.ports[port]["largest queue"] >= n_bytes


def all_of(*looks: Callable[[Both], bool]) -> Callable[[Both], bool]:
    return lambda both: all(look(both) for look in looks)


INTERFACES = {"nic.strict": False, "bridge.kind": "controlling", "switch.ports": [
    {"name": "vf1", "accept": ["broadcast"]}, {"name": "vf3", "accept": [], "promiscuous": True},
]}  # fmt: skip
LISTS = {
    "switch.vif_lists": {8192: ["vf0", "vf1"]},
    "switch.ecid_lists": [{"group": 2, "ecid": 0x1000, "ports": ["vf0", "vf1"]}],
}
MIXED = (*A, *B, OUTSIDE)
# Two isolated, two of one community, one of another; the PF is promiscuous.
PRIVATE = [{"name": name, "pvlan": pvlan} for name, pvlan in
           zip(VFS, ("isolated", "isolated", {"community": 1}, {"community": 1}), strict=True)]  # fmt: skip

CASES = {
    "vepa, pairs": Case({"switch.mode": "vepa"}, VFS[:2], VFS[:2], n=250, matters=reached("vf0", 100)),
    "vepa, no latency": Case({"switch.mode": "vepa", "bridge.latency": "0ns"}),
    "vepa, hairpin off": Case(
        {"switch.mode": "vepa", "bridge.ports.adapter.hairpin": False}, VFS, (*VFS, OUTSIDE, BROADCAST),
        n=250, matters=dropped("bridge.adapter", "SAME_PORT"),
    ),
    "veb, hairpin on": Case(
        {"bridge.ports.adapter.hairpin": True}, EVERYONE, (*EVERYONE, BROADCAST, UNKNOWN), 1500,
        matters=counted("flooded"),
    ),
    "veb, in and out": Case({}, (*VFS, OUTSIDE, OUTSIDE), (*VFS, OUTSIDE, UNKNOWN), matters=reached("vf1", 20)),
    "groups, vepa": Case({"switch.mode": "vepa"}, EVERYONE, (*GROUPS, *EVERYONE), 2500, matters=reached("pf", 20)),
    "groups, veb": Case({}, EVERYONE, (*GROUPS, *EVERYONE), 2500, matters=counted("forwarded", 20)),
    "groups, two servers": Case(TWO, MIXED, (*GROUPS, *MIXED), 2500, matters=counted("replicated", 30)),
    "channels": Case(CHANNELS, EVERYONE, (*EVERYONE, UNKNOWN), matters=all_of(counted("flooded", 5), reached("vf0"))),
    "channels, groups": Case(
        CHANNELS, EVERYONE, (*GROUPS, *EVERYONE), 3000, 250,
        matters=all_of(reached("vf2", 30), counted("replicated", 200)),
    ),
    "channels, hairpin on": Case({**CHANNELS, "bridge.ports.adapter.hairpin": True}, VFS, (*VFS, BROADCAST), 3000),
    "channels, two servers": Case({**TWO, **CHANNELS}, MIXED, (*GROUPS, *MIXED), 4000, n=150),
    "vn_tag": Case({"switch.mode": "vn_tag", **INTERFACES, **LISTS}, EVERYONE, (*EVERYONE, UNKNOWN)),
    "vn_tag, groups": Case(
        {"switch.mode": "vn_tag", **INTERFACES, **LISTS}, EVERYONE, (*GROUPS, *EVERYONE), 2500,
        matters=all_of(reached("vf3", 50), dropped("bridge.outside", "NO_DESTINATION", 0)),
    ),
    "e_tag": Case({"switch.mode": "e_tag", **INTERFACES, **LISTS}, EVERYONE, (*EVERYONE, UNKNOWN)),
    "e_tag, groups": Case(
        {"switch.mode": "e_tag", **INTERFACES, **LISTS},
        EVERYONE, (*GROUPS, *EVERYONE), 2500, matters=reached("vf3", 50),
    ),
    "e_tag and vn_tag": Case(
        {"servers": [{"name": "a", "set": {"switch.mode": "e_tag"}}, {"name": "b", "set": {"switch.mode": "vn_tag"}}],
         **INTERFACES},
        MIXED, (*GROUPS, *MIXED), 2500, matters=all_of(reached("a.vf2", 20), reached("b.vf2", 20)),
    ),
    "vn_tag, VLANs": Case(
        {"switch.mode": "vn_tag", "bridge.kind": "controlling", **VLANS}, EVERYONE, (*GROUPS, *EVERYONE), 2500,
        more={"tags": TAGGED}, matters=dropped("bridge.adapter", "VLAN_MEMBER"),
    ),
    "VLANs": Case(
        {**VLANS, "switch.mode": "vepa", "bridge.ports.outside": {"native_vlan": 5, "vlans": [1, 5]}}, EVERYONE,
        (*GROUPS, *EVERYONE), 2500, more={"tags": TAGGED},
        matters=all_of(dropped("bridge.outside", "VLAN_MEMBER", 4), reached(OUTSIDE, 30)),
    ),
    "VLANs that a port lacks": Case(
        {**TWO, **VLANS, "bridge.ports.b": {"vlans": [5]}}, MIXED, (*MIXED, BROADCAST), 1500,
        more={"tags": TAGGED}, matters=dropped("bridge.b", "VLAN_MEMBER"),
    ),
    "untagged frames have no VLAN": Case(
        {"bridge.ports.outside": {"native_vlan": None}}, EVERYONE, EVERYONE, more={"tags": ("", "81000001")},
        matters=dropped("bridge.outside", "VLAN_MEMBER", 4),
    ),
    "cut-through": Case(
        {"switch.mode": "vepa", "bridge.forwarding": "cut_through", "bridge.latency": "230ns"}, EVERYONE, EVERYONE
    ),
    "cut-through, a slower port": Case(
        {"switch.mode": "vepa", "bridge.forwarding": "cut_through", **SLOW_OUT}, EVERYONE, EVERYONE, 1500,
        matters=queued(OUTSIDE, 3000),
    ),
    "cut-through, no latency": Case(
        {**TWO, "bridge.forwarding": "cut_through", "bridge.latency": "0ns", **FAST_OUT}, MIXED, MIXED, 400
    ),
    "propagation": Case(
        {**TWO, "switch.mode": "vepa", "bridge.propagation": "5.0013us"}, MIXED, (*MIXED, BROADCAST), 1500
    ),
    "propagation, cut-through": Case(
        {"switch.mode": "vepa", "bridge.propagation": "53.7ns", "bridge.forwarding": "cut_through"}, EVERYONE, EVERYONE
    ),
    "a port's buffer": Case(
        {**TWO, "switch.mode": "vepa", "bridge.buffer": "4KiB", **FAST_OUT}, MIXED, (*A[:1], *B[:1], OUTSIDE), 100, 400,
        matters=all_of(dropped("bridge.a", "QUEUE_FULL", 3), dropped("bridge.b", "QUEUE_FULL")),
    ),
    "one buffer for all": Case(
        {**TWO, "switch.mode": "vepa", "bridge.buffer": "4KiB", "bridge.sharing": "all", **SLOW_OUT}, MIXED,
        (*MIXED, BROADCAST), 400, 400,
        matters=all_of(dropped("bridge.b", "QUEUE_FULL"), dropped("bridge.outside", "QUEUE_FULL")),
    ),
    "a table of 2": Case(
        {**TWO, "bridge.table": 2}, MIXED, MIXED, matters=all_of(counted("not learned"), counted("flooded", 50))
    ),
    "ageing": Case(
        {**TWO, "bridge.ageing": "5us"}, MIXED, MIXED, 1500, matters=all_of(counted("aged"), counted("flooded", 20))
    ),
    "ageing in a table of 2": Case(
        {**TWO, "bridge.ageing": "5us", "bridge.table": 2}, MIXED, MIXED, 2500,
        matters=all_of(counted("aged"), counted("not learned"), counted("learned", 20)),
    ),
    "announced": Case(
        {**TWO, "bridge.announce": True, "bridge.ageing": "50us"}, MIXED, MIXED,
        matters=all_of(counted("learned", 8), counted("aged", 1)),
    ),
    "announced, more than the table holds": Case(
        {**TWO, "bridge.announce": True, "bridge.table": 3, "switch.mode": "vepa", **VLANS}, MIXED, (*MIXED, BROADCAST),
        1000, matters=counted("not learned"),
    ),
    "policy": Case(
        {**TWO, "bridge.policy": [
            {"port": "a.vf0", "action": "deny", "destination": "02:ff:00:00:00:01"},
            {"port": "a.vf1", "action": "police", "rate": "300Mbps", "burst": "2KiB"},
            {"port": "outside", "action": "priority", "priority": 5},
            {"action": "police", "rate": "2Gbps", "burst": "9KiB"},
        ]},
        ("a.vf0", "a.vf0", *MIXED), (OUTSIDE, OUTSIDE, *MIXED, BROADCAST), 500,
        matters=all_of(dropped("bridge.a", "ACL_DENY", 5), dropped("bridge.a", "RATE_LIMITED")),
    ),
    "policy on tagged frames": Case(
        {**CHANNELS, "bridge.policy": [
            {"port": "all", "vlan": 1, "action": "police", "rate": "1Gbps", "burst": "1522B"},
        ]},
        EVERYONE, EVERYONE, 500, matters=dropped("bridge.adapter", "RATE_LIMITED"),
    ),
    "private VLANs at adapters and ports": Case(
        {**TWO, "switch.ports": PRIVATE, "bridge.ports.a.pvlan": "isolated", "bridge.ports.outside.pvlan": "isolated"},
        MIXED, (*MIXED, BROADCAST, UNKNOWN), 1500, 400,
        matters=all_of(dropped("a", "PVLAN"), dropped("bridge.a", "PVLAN"), dropped("bridge.outside", "PVLAN"),
                       reached("a.vf2")),
    ),
    "an isolated VEPA": Case(
        {**TWO, "switch.mode": "vepa", "bridge.ports.a.pvlan": "isolated"}, MIXED, (*MIXED, BROADCAST, UNKNOWN), 1500,
        400, matters=all_of(dropped("bridge.a", "PVLAN"), reached("a.vf0"), reached("b.vf1", 20)),
    ),
    "an isolated uplink": Case(
        {"switch.ports": PRIVATE, "switch.uplink.pvlan": {"community": 1}}, EVERYONE, (*EVERYONE, BROADCAST, UNKNOWN),
        1500, 400, matters=all_of(dropped("adapter", "PVLAN", 20), reached("vf2", 20)),
    ),
    "isolated S-channels": Case(
        {**CHANNELS, "bridge.ports.adapter.pvlan": "isolated"}, EVERYONE, (*EVERYONE, BROADCAST), 1500, 400,
        matters=all_of(dropped("bridge.adapter", "PVLAN"), reached("vf1", 20)),
    ),
    "private virtual interfaces": Case(
        {"switch.mode": "vn_tag", "nic.strict": False, "bridge.kind": "controlling", "switch.ports": PRIVATE},
        EVERYONE, (*GROUPS, *EVERYONE), 2500, 400,
        matters=all_of(dropped("bridge.adapter", "PVLAN", 20), reached("vf3", 20), reached("vf0", 20)),
    ),
    "private virtual interfaces of two servers": Case(
        {**TWO, "switch.mode": "e_tag", "nic.strict": False, "bridge.kind": "controlling", "switch.ports": PRIVATE,
         "bridge.ports.outside.pvlan": {"community": 1}},
        MIXED, (*GROUPS, *MIXED), 2500, 400,
        matters=all_of(dropped("bridge.a", "PVLAN", 20), dropped("bridge.outside", "PVLAN"), reached("b.vf2", 20)),
    ),
    "port security": Case(
        {**TWO, "bridge.ports.a.port_security": {"most": 2}, "bridge.ports.outside.port_security": {"most": 1}},
        MIXED, (*MIXED, BROADCAST), 1500, matters=all_of(dropped("bridge.a", "PORT_SECURITY"), reached("b.vf1")),
    ),
    "port security, ageing": Case(
        {**TWO, "bridge.ageing": "5us", "bridge.ports.a.port_security": {"most": 1},
         "bridge.ports.b.port_security": {"most": 2, "on_excess": "protect"}}, MIXED, MIXED, 1500, 400,
        matters=all_of(dropped("bridge.a", "PORT_SECURITY"), dropped("bridge.b", "PORT_SECURITY"), counted("aged"),
                       counted("learned", 50)),
    ),
    "port security that shuts": Case(
        {**TWO, "bridge.ports.a.port_security": {"most": 3, "on_excess": "shut_down"}}, MIXED, (*MIXED, BROADCAST),
        1500, matters=all_of(dropped("bridge.a", "PORT_SECURITY", 50), reached("b.vf1")),
    ),
    "port security beside a full table": Case(
        {**TWO, "bridge.table": 3, "bridge.ageing": "9us", "bridge.ports.a.port_security": {"most": 2}}, MIXED, MIXED,
        1500, 300, matters=all_of(dropped("bridge.a", "PORT_SECURITY"), counted("not learned")),
    ),
    "port security of S-channels, announced": Case(
        {**CHANNELS, "bridge.announce": True, "bridge.ports.adapter.port_security": {"most": 3}}, EVERYONE,
        (*EVERYONE, BROADCAST), 1500, matters=dropped("bridge.adapter", "PORT_SECURITY"),
    ),
    "two unlike servers": Case(
        {"servers": [{"name": "a"}, {"name": "b", "set": {"pcie.lanes": 8, "nic.vfs": 2, "switch.mode": "vepa"}}]},
        (*A, *B[:2], OUTSIDE), (*A, *B[:2], OUTSIDE, BROADCAST), 1200,
    ),
    "three unlike servers": Case(
        THREE, (*A, *B[:2], *C, OUTSIDE), (*A, *B[:2], *C, OUTSIDE, BROADCAST), 900, 400,
        matters=all_of(reached("a.vf0"), reached("b.vf1"), reached("c.vf3")),
    ),
    "two adapters of one server": Case(
        {"nic.strict": False, "servers": [{"name": "a", "set": {"host.read_latency": "390ns"}, "adapters": [
             {"name": "x"}, {"name": "y", "set": {"pcie.lanes": 8, "switch.mode": "vepa", "port.rate": "25Gbps"}}]},
            {"name": "b"}], "bridge.policy": [{"port": "a.y.vf2", "action": "deny"}]},
        (*X, *Y, *B[:2], OUTSIDE), (*X, *Y, *B[:2], OUTSIDE, BROADCAST), 900, 400,
        matters=all_of(reached("a.x.vf0"), reached("a.y.vf1"), reached("b.vf1"), dropped("bridge.a.y", "ACL_DENY")),
    ),
    "two to one": Case(
        {"nic.strict": False, "servers": [{"name": name} for name in "abc"], "pcie.generation": 3, "pcie.lanes": 8,
         "bridge.buffer": "16KiB"},
        (*A, *B, "c.vf0"), ("c.vf0", "c.vf0", "c.vf1", "a.vf0"), 300, 500, {"sizes": (570, 1518)},
        all_of(dropped("bridge.c", "QUEUE_FULL"), queued("c", 14_000)),
    ),
    "switch core": Case(
        {**TWO, "switch.timing": "core", "switch.clock": "97.13MHz", "switch.bus_bits": 64, "switch.mode": "vepa"},
        MIXED, (*MIXED, BROADCAST), 900, matters=lambda both: both.engine.part_sums["rx_switch"] > 10 * US_FS,
    ),
    "pipeline": Case(
        {**TWO, "nic.max_pps": 1_500_003}, MIXED, MIXED,
        matters=lambda both: both.engine.part_sums["rx_switch"] > 10 * US_FS,
    ),
    "pipeline and core, a full adapter": Case(
        {"nic.max_pps": 1_500_003, "switch.timing": "core", "switch.clock": "41.13MHz", "nic.rx_buffer": "4KiB",
         "switch.mode": "vepa", **FAST_OUT},
        (OUTSIDE, OUTSIDE, OUTSIDE, *VFS), VFS, 300, 500, matters=dropped("adapter", "RX_BUFFER_FULL"),
    ),
    "slow guests": Case(
        {**TWO, "driver.frame_time": "2500.7ns", "nic.rx_ring": 16}, MIXED, (*MIXED, BROADCAST), 250, 400,
        matters=dropped("a", "NO_DESCRIPTOR"),
    ),
    "mirrored at the adapter": Case(
        {"switch.mode": "vepa", "switch.mirrors": [{"to": "pf", "from": "uplink"}, {"to": "vf3", "from": "vf0"}]},
        (*VFS, OUTSIDE), (*VFS, OUTSIDE, BROADCAST), 2000,
    ),
    "an adapter's policer, disabled stations": Case(
        {"nic.strict": False, "switch.acl": [{"port": "vf1", "action": "police", "rate": "300Mbps", "burst": "3KiB"}],
         "switch.ports": [{"name": "vf2", "enabled": False}, {"name": "vf3", "enabled": False}], "switch.mode": "vepa"},
        ("vf0", "vf1", OUTSIDE), (*VFS, BROADCAST), 600, matters=dropped("adapter", "RATE_LIMITED"),
    ),
    "batches, moderated": Case(
        {**TWO, "nic.fetch_batch": 5, "nic.tx_writeback_batch": 3, "nic.rx_writeback_batch": 4,
         "driver.moderation": "9.0013us", "driver.tx_doorbell_batch": 3, "nic.writeback_timeout": "2.003us",
         "driver.tx_interrupt_batch": 0},
        MIXED, MIXED, 500,
    ),
}  # fmt: skip


def frames_of(case: Case, changes: Mapping[str, Any]) -> tuple[Any, list[Frame]]:
    """Return a case's configuration and frames."""
    config = config_with(changes)
    return config, drawn(Stations(config), case.n, case.mean_ns, case.senders, case.receivers, **case.more)
