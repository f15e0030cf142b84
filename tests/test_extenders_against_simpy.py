"""Port extenders in the engine and in the SimPy model: the same frames, and every figure the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import pytest

from tests.extender_cases import BEHIND, STATIONS, system_with
from tests.planted_bridges import Fault, leave_out_a_way, plant, reverse_floods
from tests.system_beside_simpy import BROADCAST, MULTICAST, OUTSIDE, UNKNOWN, Both, Stations, drawn, run_both

EVERYONE = [f"{server}.{station}" for server in BEHIND for station in STATIONS]
LISTS = {"switch.ports.vf1.accept": ["broadcast"], "switch.ports.pf": {"accept": [], "promiscuous": True}}
VLANS = {"switch.ports.vf0.vlans": [1, 5], "switch.ports.vf1": {"port_vlan": 5, "vlans": [5, 1], "untagged": [5]}}


class Case(NamedTuple):
    """What differs from `system_with`, the load, and a look at what the case is for."""

    bridge: Mapping[str, Any]
    matters: Callable[[Both], bool]
    servers: Mapping[str, Mapping[str, Any]] = {}
    mean_ns: float = 800
    tags: tuple[str, ...] = ("",)
    groups: int = 1  # how often a group is drawn, beside each station


def lost(port: str, n: int) -> Callable[[Both], bool]:
    return lambda both: both.engine.drops.get((f"bridge.{port}", "QUEUE_FULL"), 0) >= n


def copied(n: int) -> Callable[[Both], bool]:
    return lambda both: both.engine.bridge["replicated"] >= n


def extenders(**changes: Mapping[str, Any]) -> dict[str, Any]:
    return {"extenders": changes, "latency": "411ns", "propagation": "7.3ns"}


CASES = {
    "one rate": Case(extenders(), copied(150)),
    "groups": Case(extenders(), copied(800), {name: LISTS for name in BEHIND}, 3000, groups=8),
    "VLANs": Case(
        {**extenders(), "ports": {OUTSIDE: {"native_vlan": 5}}}, copied(50), {name: VLANS for name in BEHIND},
        tags=("", "81000005", "8100a001", "8100b007"),
    ),
    "slow uplinks that are full": Case(
        {**extenders(fex0={"rate": "3.1Gbps", "buffer": "6KiB"}, fex1={"rate": "2.3Gbps", "buffer": "4KiB"}),
         "buffer": "6KiB"},
        lambda both: all(lost(port, 5)(both) for port in ("fex0", "fex1.uplink", "fex0.uplink")),
        mean_ns=500,
    ),
    "buffers for all ports": Case(
        extenders(
            fex0={"rate": "40Gbps", "buffer": "4KiB", "sharing": "all", "latency": "0ns"},
            fex1={"rate": "25Gbps", "buffer": "5KiB", "sharing": "all"},
        ),
        lambda both: all(lost(port, 5)(both) for port in ("c", "fex1", "fex0.uplink")),
        mean_ns=400, groups=4,
    ),
    "cut-through": Case(
        {**extenders(fex0={"rate": "40Gbps", "forwarding": "cut_through", "latency": "83ns"},
                     fex1={"rate": "40Gbps", "forwarding": "cut_through"},
                     fex2={"forwarding": "cut_through", "latency": "0ns"}), "forwarding": "cut_through"},
        copied(150),
    ),
}  # fmt: skip


def run_case(name: str) -> Both:
    case = CASES[name]
    config = system_with(case.servers, **case.bridge)
    stations = Stations(config)
    receivers = [*EVERYONE, OUTSIDE, UNKNOWN, *(BROADCAST, MULTICAST) * case.groups]
    return run_both(config, drawn(stations, 300, case.mean_ns, [*EVERYONE, OUTSIDE], receivers, tags=case.tags))


@pytest.mark.parametrize("name", CASES)
def test_the_same_course(name: str) -> None:
    both = run_case(name)
    assert both.differences() == {}
    assert both.engine.totals["in flight"] == 0
    assert CASES[name].matters(both), "the case does not show what it is for"


def every(bridge: Any, boxes: tuple[int, ...], name: str, value: int) -> None:
    for number in boxes:
        setattr(bridge.box[number].params, name, value)


# What is done wrong to the record of bridges, and which case shows it.
FAULTS: dict[str, tuple[str, Fault]] = {
    "an extender's latency is the bridge's": ("cut-through", lambda bridge: every(bridge, (1,), "latency_fs", 411)),
    "each port has the buffer": ("buffers for all ports", lambda bridge: every(bridge, (1, 2), "shares_buffer", 0)),
    "less room": ("slow uplinks that are full", lambda bridge: every(bridge, (2,), "buffer_bytes", 3500)),
    "all is whole first": ("cut-through", lambda bridge: setattr(bridge.port[8].params, "cuts_through", 0)),
    "one port of a group left out": (
        "groups", leave_out_a_way,
    ),
    "copies in another order": (
        "buffers for all ports", reverse_floods,
    ),
}  # fmt: skip


@pytest.mark.a_third_by_day
@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_found(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    name, fault_of = FAULTS[fault]
    plant(monkeypatch, fault_of)
    assert run_case(name).differences()
