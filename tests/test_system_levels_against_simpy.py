"""The engine beside the SimPy model where a port of the bridge has service levels, or translates VLANs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from hwmodel.simulation.fill import system_state
from tests.planted_bridges import Fault, plant
from tests.system_beside_simpy import BROADCAST, GROUPS, OUTSIDE, UNKNOWN, run_both
from tests.system_cases import (
    CHANNELS,
    EVERYONE,
    FAST_OUT,
    MIXED,
    TWO,
    VFS,
    Case,
    all_of,
    counted,
    dropped,
    frames_of,
    queued,
    reached,
)
from tests.test_system_against_simpy import check

LEVELS = "bridge.ports.adapter.s_channels"
OWN_VLANS = {"switch.ports": [{"name": name, "port_vlan": 101 + i} for i, name in enumerate(VFS)]}
TRANSLATE = {101: 10, 102: 10, 103: 10, 104: 7}
TO_TEN = {**OWN_VLANS, "bridge.ports.adapter.translate": TRANSLATE, "bridge.ports.outside.native_vlan": 10}
# Tags of VLANs on the adapter's wire, of those inside, of none of both.
TAGS = ("", "", "", "81000065", "8100a066", "8100000a", "81000007", "81000000")
KNOWN = {**CHANNELS, "bridge.announce": True}

CASES = {
    "by weight": Case(
        {**CHANNELS, **FAST_OUT, LEVELS: {10: {"weight": 3}}}, (OUTSIDE, OUTSIDE, OUTSIDE, *VFS), VFS, 200, 500,
        {"sizes": (64, 570, 1518, 1518)}, matters=all_of(queued("adapter", 50_000), reached("vf2", 50)),
    ),
    "queues fill up": Case(
        {**KNOWN, **FAST_OUT, LEVELS: {10: {"weight": 3}, 20: {"buffer": "6KiB"}}, "bridge.buffer": "24KiB"},
        (OUTSIDE,), ("vf0", "vf2", "vf3"), 130, 500, {"sizes": (64, 570, 1518, 1518)},
        matters=all_of(dropped("bridge.adapter", "QUEUE_FULL", 50), reached("vf0", 100)),
    ),
    "one buffer for all": Case(
        {**CHANNELS, **FAST_OUT, LEVELS: {20: {"weight": 2, "buffer": "12KiB"}}, "bridge.buffer": "12KiB",
         "bridge.sharing": "all"},
        (OUTSIDE, OUTSIDE, *VFS), (*VFS, OUTSIDE), 150, 400, matters=dropped("bridge.adapter", "QUEUE_FULL", 5),
    ),
    "rates": Case(
        {**KNOWN, LEVELS: {10: {"rate": "1.3Gbps", "burst": "2KiB"}, 20: {"rate": "930Mbps", "burst": "0B"}}},
        (OUTSIDE,), ("vf0", "vf2", "pf"), 1400, 300, matters=queued("adapter", 10_000),
    ),
    "weights and rates": Case(
        {**KNOWN, **FAST_OUT, LEVELS: {10: {"weight": 5, "rate": "4Gbps"}, 1: {"rate": "900Mbps", "burst": "9KiB"}}},
        (OUTSIDE, OUTSIDE, *VFS), EVERYONE[:-1], 300, 500, matters=queued("adapter", 20_000),
    ),
    "groups": Case(
        {**CHANNELS, LEVELS: {10: {"weight": 2}, 20: {"rate": "2Gbps"}}}, EVERYONE, (*GROUPS, *EVERYONE), 2000,
        matters=counted("replicated", 200),
    ),
    "cut-through, no latency": Case(
        {**CHANNELS, LEVELS: {10: {"rate": "2Gbps"}}, "bridge.forwarding": "cut_through", "bridge.latency": "0ns"},
        EVERYONE, EVERYONE, 500, matters=reached("vf0", 30),
    ),
    "two servers, one with levels": Case(
        {**TWO, **CHANNELS, "bridge.ports.b.s_channels": {10: {"weight": 4, "rate": "3Gbps"}}, **FAST_OUT},
        MIXED, (*MIXED, BROADCAST), 500, 300, matters=reached("b.vf0", 20),
    ),
    "translated": Case(
        TO_TEN, EVERYONE, (*EVERYONE, UNKNOWN), 900,
        matters=all_of(reached("vf0"), reached("vf1"), reached(OUTSIDE, 30), counted("flooded")),
    ),
    "translated, groups": Case(
        TO_TEN, EVERYONE, (*GROUPS, *EVERYONE), 3000, matters=all_of(counted("replicated", 300), reached("vf2", 50)),
    ),
    "translated, tags": Case(
        {**TO_TEN, "switch.ports": [
            {"name": "vf0", "port_vlan": 101, "vlans": [101, 10], "untagged": []},
            {"name": "vf1", "port_vlan": 102, "vlans": [102, 101]}, {"name": "vf2", "vlans": [1, 103]},
         ]},
        EVERYONE, (*EVERYONE, BROADCAST), 2500, n=400, more={"tags": TAGS},
        matters=all_of(reached("vf0"), reached("vf1"), reached("vf2")),
    ),
    "translated, announced": Case(
        {**TO_TEN, "bridge.announce": True, "bridge.ports.adapter.vlans": [101, 102, 103, 104]}, VFS, VFS, 900,
        matters=all_of(reached("vf0", 30), counted("learned", 3)),
    ),
    "translated, the native one too": Case(
        {**OWN_VLANS, "switch.uplink.native_vlan": 102, "bridge.ports.adapter.translate": {101: 1, 102: 1}},
        EVERYONE, (*EVERYONE, BROADCAST), 2500, matters=all_of(reached("vf0"), reached("vf1")),
    ),
    "translated in a vepa": Case(
        {"switch.mode": "vepa", "switch.ports": [
            {"name": name, "port_vlan": vlan} for name, vlan in zip(VFS, (101, 101, 102, 102), strict=True)
         ], "bridge.ports.adapter.translate": {101: 10, 102: 10}, "bridge.ports.outside.native_vlan": 10},
        EVERYONE, (*EVERYONE, BROADCAST), 3000, matters=all_of(reached("vf0", 20), reached("vf1", 20)),
    ),
    "translated, hairpin off": Case(
        {**TO_TEN, "switch.mode": "vepa", "bridge.ports.adapter.hairpin": False, "switch.ports": [
            {"name": "vf0", "port_vlan": 101}, {"name": "vf1", "port_vlan": 101}, {"name": "vf2", "port_vlan": 102},
         ]},
        VFS, (*VFS, BROADCAST), 1500, matters=all_of(dropped("bridge.adapter", "SAME_PORT"), reached("vf2")),
    ),
    "translated at two servers, policy": Case(
        {**TWO, **OWN_VLANS, "bridge.ports.a.translate": {101: 10, 102: 10}, "bridge.ports.b.translate": {101: 10},
         "bridge.ports.outside.native_vlan": 10,
         "bridge.policy": [{"port": "a.vf0", "vlan": 10, "action": "police", "rate": "500Mbps", "burst": "3KiB"},
                           {"port": "b.vf0", "vlan": 101, "action": "deny"}, {"vlan": 103, "action": "deny"}]},
        MIXED, (*MIXED, BROADCAST), 700,
        matters=all_of(dropped("bridge.a", "RATE_LIMITED", 2), dropped("bridge.a", "ACL_DENY"), reached("b.vf0")),
    ),
}  # fmt: skip
# It takes a while until there is something to wait for in each level.
CASES = {name: replace(case, n=max(case.n, 250)) for name, case in CASES.items()}


@pytest.mark.parametrize("name", CASES)
def test_the_same_course(name: str) -> None:
    case = CASES[name]
    both = run_both(*frames_of(case, case.changes))
    check(both)
    assert case.matters(both), "the case does not show what it is for"


@pytest.mark.parametrize("name", ["translated", "translated, announced", "translated at two servers, policy"])
def test_ways_of_floods_are_sought_when_a_frame_floods(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(system_state, "MANY_TEMPLATES", 0)
    assert run_both(*frames_of(CASES[name], CASES[name].changes)).differences() == {}


def levels(bridge: Any) -> Any:
    """Return the parameters of a bridge's logical ports."""
    return bridge["logical_port"]["params"]


# What is done wrong, by a change of the bridge's record before the run, and which case shows it.
FAULTS: dict[str, tuple[str, Fault]] = {
    "a queue for all": ("by weight", lambda bridge: setattr(bridge.port[0].params, "is_scheduled", 0)),
    "another weight": ("by weight", lambda bridge: levels(bridge)["quantum_bytes"].fill(1514)),
    "a byte more in a quantum": ("by weight", lambda bridge: levels(bridge)["quantum_bytes"].__iadd__(1)),
    "no part of the room": ("queues fill up", lambda bridge: levels(bridge)["buffer_bytes"].fill(1 << 40)),
    "no rates": ("rates", lambda bridge: levels(bridge)["shaper_den"].fill(0)),
    "no burst": ("rates", lambda bridge: levels(bridge)["burst_fs"].fill(0)),
    "a bucket that is empty at the start": (
        "weights and rates", lambda bridge: bridge["logical_port"]["eligible_fs"].fill(0),
    ),
    "no hairpin": ("translated in a vepa", lambda bridge: levels(bridge)["is_hairpin"].fill(0)),
}  # fmt: skip


@pytest.mark.a_third_by_day
@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_found(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    name, fault_of = FAULTS[fault]

    def all_at_once(bridge: Any) -> None:
        for port in bridge.port[: int(bridge.params.n_ports)]:
            for end in ("first", "last"):
                port["queue"][end] = -1
        fault_of(bridge)

    plant(monkeypatch, all_at_once)
    case = replace(CASES[name])
    assert run_both(*frames_of(case, case.changes)).differences() != {}
