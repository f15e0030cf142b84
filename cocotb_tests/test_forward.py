"""Forwarding: the ports of a frame that no rule dropped, its queue, and what changes of its tags."""

from __future__ import annotations

from collections import Counter

import cocotb
import pytest

from cocotb_tests.module_bench import LIMIT, ModuleBench
from hwmodel.forwarding.drop_reason import DropReason

VEB, VEPA, VN_TAG, E_TAG = range(4)
SETS = (
    "untagged", "owners", "accepting", "curious", "defaults", "enabled", "trusting", "source_owners", "targets",
    "pruned", "kept_from",
)  # fmt: skip
SCALARS = {
    "in_port": 0, "in_length": 0, "in_reason": 0, "mode": 0, "is_group": 0, "is_link_local": 0, "loops_back": 0,
    "loops_to_self": 0, "by_pools": 0, "is_replicated": 0, "uplink_carries": 0, "has_c_tag": 0,
    "in_queue": 0, "in_tag_value": 0,
}  # fmt: skip


def random_inputs(bench, n_ports, n_queues):
    rng = bench.rng
    reason = rng.choice((0, 0, 0, int(DropReason.RUNT)))
    is_group = rng.randrange(2)
    values = SCALARS | {
        "in_port": rng.choice((0, rng.randrange(n_ports))),
        "in_length": rng.choice((14, 63, 64, 65, rng.randrange(1, 9731))),
        "in_reason": reason, "mode": rng.randrange(4), "is_group": is_group,
        "is_link_local": is_group and rng.randrange(2), "loops_back": not bench.chance(0.2),
        "loops_to_self": rng.randrange(2), "uplink_carries": rng.randrange(2), "has_c_tag": rng.randrange(2),
        "in_queue": rng.randrange(n_queues), "in_tag_value": bench.bits(24), "is_replicated": rng.randrange(2),
    }  # fmt: skip
    # As classification has it: pools for frames from the uplink alone, and only in a VEB.
    values["by_pools"] = int(values["mode"] == VEB and values["in_port"] == 0 and rng.randrange(3) > 0)
    few = {name: sum(bench.chance(0.25) << port for port in range(n_ports)) for name in SETS}
    for name in ("owners", "curious", "defaults"):
        if rng.randrange(4):
            few[name] = rng.choice((0, 1 << rng.randrange(n_ports), 1 << values["in_port"]))
    few["enabled"] = ~few["enabled"] & (1 << n_ports) - 1
    return values, few


def expected_pools(values, sets):
    """Return the ports and the reason, by docs/steering.md."""
    is_group, replicates = values["is_group"], values["is_replicated"]
    wanting = (sets["owners"] | sets["curious"] | (sets["accepting"] if is_group else 0)) & ~1
    ports = [port for port in range(1, 32) if wanting >> port & 1]
    if not replicates:
        ports = [] if is_group else ports[:1]
    chosen = sum(1 << port for port in ports)
    if not chosen and (not is_group or not replicates):
        chosen = sets["defaults"]
    none = DropReason.NO_DESTINATION if is_group or chosen else DropReason.UNKNOWN_UNICAST
    return chosen & sets["enabled"], none


def expected(values, sets, has_pools, is_private):
    """Return the ports and the reason, those that private VLANs take away left out."""
    ports, reason = expected_ports(values, sets, has_pools)
    left = ports & ~sets["kept_from"] if is_private else ports
    return left, DropReason.PVLAN if ports and not left else reason


def expected_ports(values, sets, has_pools):
    """Return the ports and the reason, by docs/forwarding.md; the sets hold reachable ports only."""
    port, mode = values["in_port"], values["mode"]
    if values["in_reason"]:
        return 0, DropReason(values["in_reason"])
    sender, none = 1 << port, DropReason.NO_DESTINATION
    if mode in (VN_TAG, E_TAG):
        ports = sets["targets"] & ~sets["pruned"] if port == 0 else 1
    elif has_pools and values["by_pools"]:
        ports, none = expected_pools(values, sets)
    elif port == 0:
        if values["is_group"]:
            ports = sets["accepting"] | sets["owners"] | sets["curious"]
            if mode == VEPA:
                ports &= ~sets["source_owners"]
            if values["is_link_local"]:
                ports &= sets["trusting"]
        else:
            ports = sets["owners"] & ~1
            if not sets["owners"]:
                ports, none = sets["defaults"] | sets["curious"], DropReason.UNKNOWN_UNICAST
        ports &= ~1
    elif mode == VEPA or not values["loops_back"]:
        ports = values["uplink_carries"]
        none = DropReason.VLAN_MEMBER if mode == VEPA else DropReason.NO_DESTINATION
    elif values["is_group"]:
        ports = sets["accepting"] | sets["owners"] | sets["curious"] & ~sender
        if not values["loops_to_self"]:
            ports &= ~sender
    elif sets["owners"] == sender:
        ports, none = (sender, none) if values["loops_to_self"] else (0, DropReason.SAME_PORT)
    else:
        ports = (sets["owners"] or sets["curious"]) & ~sender
    return ports, DropReason.NONE if ports else none


@cocotb.test(**LIMIT)
@cocotb.parametrize(idles=[0.0, 0.5])
async def frames_go_to_the_ports_of_the_rules(dut, idles):
    names = ("PORTS", "PRIORITIES", "BUS_W", "POOL_FILTERS", "PRIVATE_VLANS")
    n_ports, n_priorities, bus_w, has_pools, is_private = (getattr(dut, name).value.to_unsigned() for name in names)
    bench = ModuleBench(dut, seed=16)
    await bench.start(in_valid=0, **SCALARS, **dict.fromkeys(SETS, 0))
    seen, due, was_valid = Counter(), None, False
    for cycle in range(6000):
        values, sets = random_inputs(bench, n_ports, n_priorities)
        is_valid = not bench.chance(idles)
        await bench.settle(in_valid=is_valid, **values, **sets)
        assert bench.get("valid") == was_valid, cycle
        was_valid = is_valid
        # What it says of a frame stays until the next one.
        if due is not None:
            found = {name: bench.get(name) for name in due}
            assert found == due, (cycle, found, due)
        if is_valid:
            ports, reason = expected(values, sets, has_pools, is_private)
            seen[reason.name] += 1
            above, from_uplink = values["mode"] in (VN_TAG, E_TAG), values["in_port"] == 0
            due = {
                "reason": int(reason), "egress": ports, "port": values["in_port"], "length": values["in_length"],
                "words": -(-values["in_length"] * 8 // bus_w), "queue": values["in_queue"],
                "tag_value": values["in_tag_value"],
            }  # fmt: skip
            if ports and not above:
                due |= {
                    "strip": values["has_c_tag"],
                    "add": 1,
                    "adds_at": ~sets["untagged"] & (1 << n_ports) - 1,
                }
            elif ports and from_uplink:
                due |= {"strip": values["mode"], "adds_at": 0}
            elif ports:
                due |= {"strip": 0, "add": values["mode"], "adds_at": 1}
        await bench.next_cycle()
    reasons = {"NONE", "RUNT", "NO_DESTINATION", "UNKNOWN_UNICAST", "SAME_PORT", "VLAN_MEMBER"}
    assert reasons | ({"PVLAN"} if is_private else set()) == set(seen)
    assert min(seen.values()) > 5, seen


@pytest.mark.parametrize(
    ("ports", "priorities", "bus_w", "pools", "private"),
    [(2, 1, 64, 0, 0), (9, 8, 512, 0, 0), (9, 1, 64, 1, 0), (5, 2, 128, 0, 1), (9, 1, 64, 1, 1)],
)
def test_forward(simulate, ports, priorities, bus_w, pools, private):
    parameters = {"PORTS": ports, "BUS_W": bus_w, "PRIORITIES": priorities, "POOL_FILTERS": pools}
    assert simulate("forward", **parameters, PRIVATE_VLANS=private) == 2
