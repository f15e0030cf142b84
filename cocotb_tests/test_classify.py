"""Classification: which rule drops a frame where it arrives, and what of the tables goes on with it.

Kinds of addresses and types are the parser's to find: here they come as they are.
"""

from __future__ import annotations

from collections import Counter, deque

import cocotb
import pytest

from cocotb_tests.module_bench import LIMIT, ModuleBench, joined
from hwmodel.forwarding.drop_reason import DropReason

VEB, VEPA, VN_TAG, E_TAG = range(4)
MASKS = (
    "enable", "spoof_check", "ethertype_filter", "trusted", "loopback", "self_loopback", "accept_broadcast",
    "accept_multicast", "promiscuous", "default_station", "default_pool", "accept_untagged",
)  # fmt: skip
LOOKUPS = ("in_members", "in_untagged", "in_owners", "in_source_owners", "in_source_own", "in_targets", "in_pruned")
WIDTHS = {"admit": 2, "default_priority": 3, "max_frame": 14, "port_vlan": 12, "vif": 12, "ecid": 20}
FRAME = {
    "in_port": 0, "in_length": 0, "in_bad": 0, "in_swallowed": 0, "is_complete": 0, "in_is_group": 0, "is_broadcast": 0,
    "in_is_link_local": 0, "in_group_source": 0, "in_bad_source": 0, "in_is_control": 0, "begins_with_tag": 0,
    "n_tag_bytes": 0, "in_has_outer": 0, "in_has_c_tag": 0, "c_tci_start": 0, "is_tagged": 0, "vlan": 0,
    "outer_start": 0, "outer_version": 0, "in_mode": 0, "carries_all": 0,
    "in_has_pools": 0, "replicates": 0,
}  # fmt: skip
ANSWER_CYCLES = 2  # from a frame to what the tables say of it; its classification is there in the cycle after
MAX_FRAME_BYTES = 1514
# Kinds of destinations (of stations, of groups), of sources and of types.
DESTINATIONS = (
    {}, {}, {"in_is_group": 1}, {"in_is_group": 1, "is_broadcast": 1}, {"in_is_group": 1, "in_is_link_local": 1},
)  # fmt: skip
SOURCES = ({},) * 6 + ({"in_bad_source": 1}, {"in_bad_source": 1, "in_group_source": 1})
TYPES = ({}, {}, {}, {"in_is_control": 1}, {"begins_with_tag": 1})


def random_inputs(bench, n_ports):
    """Return a frame's inputs, and registers and lookups of all ports; most rules let it pass."""
    rng = bench.rng

    def mask(chance):
        return sum(bench.chance(chance) << port for port in range(n_ports))

    mode = rng.randrange(4)
    port = rng.choice((0, rng.randrange(n_ports)))
    has_c_tag = rng.randrange(2)
    has_outer = int(port == 0 and mode in (VN_TAG, E_TAG) and not bench.chance(0.1))
    tags = 4 * has_c_tag + (0 if not has_outer else 6 if mode == VN_TAG else 8)
    limits = [rng.choice((*[1518] * 8, 64, 80, 9000, 0)) for _ in range(n_ports)]
    frame = FRAME | {
        "in_port": port,
        "in_length": (60 if rng.randrange(3) else rng.choice((64, 66, 76, 80, 1514, 1515, 1520, 1526)))
        + rng.choice((0, tags)),
        "in_bad": bench.chance(0.05),
        "in_swallowed": bench.chance(0.05),
        "is_complete": not bench.chance(0.05),
        **rng.choice(DESTINATIONS),
        **rng.choice(SOURCES),
        **rng.choice(TYPES),
        "n_tag_bytes": tags,
        "in_has_outer": has_outer,
        "in_has_c_tag": has_c_tag,
        "c_tci": bench.near(rng.choice((0, 1, 2, 4095)), 12) | rng.randrange(16) << 12,
        "outer_start": rng.choice((8, rng.randrange(16))),
        "outer_version": rng.choice((0, 0, 1)),
        "in_mode": mode,
        "carries_all": rng.randrange(2),
        "in_has_pools": int(mode == VEB and rng.randrange(2)),
        "replicates": rng.randrange(2),
    }
    masks = {name: mask(0.9 if name in ("enable", "trusted", "loopback") else 0.4) for name in MASKS}
    lookups = {name: mask(0.7 if name in ("in_members", "in_source_own") else 0.4) for name in LOOKUPS}
    if bench.chance(0.1):
        lookups["in_targets"] = 0
    words = {name: [bench.bits(width) for _ in range(n_ports)] for name, width in WIDTHS.items()}
    words["max_frame"] = limits
    # Each bit of the uplink's VLAN can be the one that makes it a native VLAN.
    words["port_vlan"] = [rng.choice((0, 1, 1, 2, 4095, *[1 << bench.cycle % 12] * 5)) for _ in range(n_ports)]
    if bench.chance(0.5):
        masks["trusted"] = 0
    return frame, masks, lookups, words


def expected_reason(frame, masks, lookups, words, vlan, has_pools):
    """Apply the rules of docs/forwarding.md in their order."""
    port, mode = frame["in_port"], frame["in_mode"]
    has = {name: bool(value >> port & 1) for name, value in masks.items()}
    bare = frame["in_length"] - frame["n_tag_bytes"]
    members = lookups["in_members"] | (frame["carries_all"] and 1 <= vlan <= 4094)
    # VLAN 0 is then that of untagged frames, which the uplink is in where it has a native VLAN.
    if has_pools and vlan == 0:
        members |= masks["accept_untagged"] & ~1 | (words["port_vlan"][0] != 0)
    control, link_local = frame["in_is_control"], frame["in_is_link_local"]
    above = mode in (VN_TAG, E_TAG)
    rules = [
        ("PORT_DISABLED", not has["enable"]),
        ("BAD_FRAME", frame["in_bad"]),
        ("RUNT", not frame["is_complete"]),
        ("OVERSIZE", frame["in_swallowed"] or bare > min(MAX_FRAME_BYTES, words["max_frame"][port] - 4)),
    ]
    if port != 0:
        is_tagged = bool(frame["in_has_c_tag"] and frame["c_tci"] & 0xFFF)
        refused = {0: False, 1: not is_tagged, 2: is_tagged, 3: False}[words["admit"][port]]
        rules += [
            ("BAD_SOURCE", frame["in_bad_source"]),
            ("CONTROL_FRAME", not has["trusted"] and (control or (link_local and not above))),
            ("SPOOFED_MAC", has["spoof_check"] and not lookups["in_source_own"] >> port & 1),
            ("FORBIDDEN_TAG", has["ethertype_filter"] and not has["trusted"] and frame["begins_with_tag"]),
            ("VLAN_ADMIT", refused and not above),
            ("VLAN_MEMBER", (vlan == 4095 or not members >> port & 1) and not above),
        ]
    elif above:
        name = "VNTAG" if mode == VN_TAG else "ETAG"
        rules += [
            (f"{name}_MISSING", not frame["in_has_outer"]),
            ("VNTAG_VERSION", mode == VN_TAG and frame["outer_version"]),
            ("VNTAG_DIRECTION", mode == VN_TAG and not frame["outer_start"] & 8),
            (
                "VNTAG_UNKNOWN_VIF" if mode == VN_TAG else "ETAG_UNKNOWN_ECID",
                not lookups["in_targets"] & masks["enable"],
            ),
        ]
    else:
        trusted = masks["trusted"] & members & masks["enable"]
        rules += [
            ("CONTROL_FRAME", control or (link_local and not trusted and not has_pools)),
            ("VLAN_MEMBER", vlan in ((4095,) if has_pools else (0, 4095)) or not members & 1),
        ]
    return next((name for name, breaks in rules if breaks), "NONE"), members


def expected_tag(frame, words, vlan):
    """Return the priority, and what a tag that is added says."""
    priority, port = expected_priority(frame, words), frame["in_port"]
    return priority >> 1, {
        VN_TAG: words["vif"][port], E_TAG: priority << 20 | words["ecid"][port],
    }.get(frame["in_mode"], priority << 12 | vlan)  # fmt: skip


def expected_priority(frame, words):
    if frame["in_has_c_tag"]:
        return frame["c_tci"] >> 12
    if frame["in_has_outer"] and frame["in_mode"] == E_TAG:
        return frame["outer_start"]
    return words["default_priority"][frame["in_port"]] << 1


@cocotb.test(**LIMIT)
@cocotb.parametrize(idles=[0.0, 0.5])
async def the_first_rule_broken_drops(dut, idles):
    n_ports, priorities, is_built, is_private = (
        getattr(dut, name).value.to_unsigned() for name in ("PORTS", "PRIORITIES", "POOL_FILTERS", "PRIVATE_VLANS")
    )
    bench = ModuleBench(dut, seed=15)
    inputs = (*MASKS, *LOOKUPS, *(name for name in WIDTHS if name != "port_vlan"), "uplink_vlan", "apart")
    await bench.start(in_valid=0, **FRAME, **dict.fromkeys(inputs, 0))
    everyone = (1 << n_ports) - 1
    seen, dues, answers = Counter(), deque([None] * (ANSWER_CYCLES + 1)), deque([{}] * ANSWER_CYCLES)
    for cycle in range(9000):
        is_valid = not bench.chance(idles)
        frame, masks, lookups, words = random_inputs(bench, n_ports)
        packed = {name: joined(values, WIDTHS[name]) for name, values in words.items()}
        packed["uplink_vlan"] = packed.pop("port_vlan") & 0xFFF
        apart = [bench.bits(n_ports) for _ in range(n_ports)]
        packed["apart"] = joined(apart, n_ports)
        port = frame["in_port"]
        vid = frame["c_tci"] & 0xFFF if frame["in_has_c_tag"] else 0
        has_pools = bool(is_built and frame["in_has_pools"])
        by_pools = has_pools and port == 0
        # As the parser gives it.
        vlan = vid or (0 if by_pools else words["port_vlan"][port])
        given = frame | {"is_tagged": vid != 0, "vlan": vlan, "c_tci_start": frame["c_tci"] >> 12}
        del given["c_tci"]
        answers.append(lookups)
        await bench.settle(in_valid=is_valid, **given, **masks, **packed, **answers.popleft())
        due = dues.popleft()
        assert bench.get("valid") == (due is not None), cycle
        if due is not None:
            found = {name: bench.get(name) for name in due}
            assert found == due, {name: (found[name], due[name]) for name in due if found[name] != due[name]}
        due = None
        if is_valid:
            reason, members = expected_reason(frame, masks, lookups, words, vlan, has_pools)
            seen[reason] += 1
            reach = members & masks["enable"]
            candidates = members if by_pools else reach
            accepts = masks["accept_broadcast" if frame["is_broadcast"] else "accept_multicast"]
            priority, tag_value = expected_tag(frame, words, vlan)
            native = words["port_vlan"][0] == vlan
            due = {
                "reason": int(DropReason[reason]), "port": port, "length": frame["in_length"], "mode": frame["in_mode"],
                "is_group": frame["in_is_group"], "is_link_local": frame["in_is_link_local"] and not by_pools,
                "by_pools": by_pools, "is_replicated": is_built and frame["replicates"],
                "has_c_tag": frame["in_has_c_tag"], "queue": priority * priorities // 8, "tag_value": tag_value,
                "loops_back": masks["loopback"] >> port & 1, "loops_to_self": masks["self_loopback"] >> port & 1,
                "uplink_carries": members & 1,
                "untagged": (everyone if has_pools and vlan == 0 else lookups["in_untagged"]) & ~1 | native,
                "owners": lookups["in_owners"] & candidates,
                "accepting": accepts & candidates, "curious": masks["promiscuous"] & candidates,
                "defaults": masks["default_pool"] if by_pools else masks["default_station"] & reach,
                "enabled": masks["enable"], "trusting": masks["trusted"],
                "kept_from": apart[port] if is_private and frame["in_mode"] in (VEB, VEPA) else 0,
                "targets": lookups["in_targets"] & masks["enable"], "pruned": lookups["in_pruned"],
                "source_owners": 0 if frame["in_group_source"] else lookups["in_source_owners"],
            }  # fmt: skip
        dues.append(due)
        await bench.next_cycle()
    assert min(seen.values()) >= 2, seen
    assert len(seen) == 17, seen


@pytest.mark.parametrize(("ports", "priorities", "pools", "private"), [(2, 1, 0, 0), (9, 8, 0, 1), (9, 1, 1, 1)])
def test_classify(simulate, ports, priorities, pools, private):
    parameters = {"PORTS": ports, "MAX_FRAME_BYTES": MAX_FRAME_BYTES, "PRIORITIES": priorities, "POOL_FILTERS": pools}
    assert simulate("classify", **parameters, PRIVATE_VLANS=private) == 2
