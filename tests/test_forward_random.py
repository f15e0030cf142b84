"""The kernels against the second implementation, on random switches and frames of all modes."""

from __future__ import annotations

import random
from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from cocotb_tests.bench_switch import (
    BROADCAST,
    LLDP,
    MULTICAST,
    OUTSIDE,
    Address,
    EcidList,
    Mirror,
    Station,
    Switch,
    Uplink,
    c_tag,
    e_tag,
    frame,
    s_tag,
    vn_tag,
)
from hwmodel.forwarding.drop_reason import DropReason
from tests.forwarding_bench import (
    Bench,
)
from tests.forwarding_cases import MODES, random_frame, random_switch
from tests.oracles.forwarding_oracle import ForwardingOracle

N_SWITCHES = 300
FRAMES_A_SWITCH = 40

AFTER_THE_DECISION = {
    "QUEUE_FULL",
    "TX_RING_FULL",
    "RX_BUFFER_FULL",
    "NO_DESCRIPTOR",
    "LINK_DOWN",
    "FUNCTION_RESET",
    "PVLAN",
    "PORT_SECURITY",
    "RECEIVE_LIMIT",
}
OF_GUARDS = {"ARP_GUARD", "DHCP_GUARD", "ND_GUARD", "IP_GUARD"}  # tests/test_access_lists_random.py


def check_switch(rng, n_frames, seen):
    config = random_switch(rng)
    bench, oracle = Bench(config), ForwardingOracle(config)
    tables_before = bench.tables.tobytes()
    for _ in range(n_frames):
        port, raw, is_bad = random_frame(rng, config)
        refused = rng.random() < 0.5
        found = bench.send(port, raw, is_bad=is_bad, refused=refused)
        expected = oracle.forward(port, raw, is_bad, refused)
        assert found == expected, (config, port, raw.hex())
        seen["reason", found.drop] += 1
        seen["mode", config.mode, len(found.deliver) > 0] += 1
        seen["copies", min(len(found.deliver), 3)] += 1
        seen["mirrored", bool(found.mirrored), found.drop is None] += 1
        seen["priority changed", found.priority not in (0, 5)] += 1
    assert bench.tables.tobytes() == tables_before


FLAG = st.booleans()
VLAN_SETS = st.sampled_from([(1,), (1, 2), (2,), (2, 3)])
NAMES = ("pf", "vf0", "vf127")
STATION = {
    "port_vlan": st.sampled_from([1, 2]),
    "vlans": VLAN_SETS,
    "untagged": VLAN_SETS,
    "admit": st.sampled_from(["all", "tagged", "untagged"]),
    "accept": st.sampled_from([("broadcast", "multicast"), ("broadcast",), ()]),
    "groups": st.sampled_from([(), (MULTICAST,)]),
    "default_priority": st.integers(0, 7),
    "s_channel": st.sampled_from([None, 10, 20, 30]),
} | dict.fromkeys(
    (
        "spoof_check",
        "vlan_spoof_check",
        "q_in_q",
        "loopback",
        "self_loopback",
        "promiscuous",
        "default",
        "trusted",
        "enabled",
        "ethertype_filter",
    ),
    FLAG,
)
SWITCH = st.builds(
    Switch,
    st.sampled_from(MODES),
    st.tuples(*(st.builds(Station, st.just(name), **STATION) for name in NAMES)),
    st.builds(Uplink, st.sampled_from([1, 2, None]), st.sampled_from(["all", (1,), (2, 3)])),
    addresses=st.sampled_from([(), (Address(2, OUTSIDE, ("pf", "vf127")),)]),
    vif_lists=st.just({1: NAMES}),
    ecid_lists=st.just((EcidList(1, 1, NAMES),)),
    s_channels=st.just({10: "veb", 20: "vepa", 30: "single"}),
    mirrors=st.sampled_from([(), (Mirror("pf", "vf0"),), (Mirror("vf0", "uplink", "egress"), Mirror("pf", vlan=2))]),
    promiscuous=st.sampled_from(["all", "from_wire"]),
    lookup=st.sampled_from(["mac_and_vlan", "mac"]),
)
TAG = st.one_of(
    st.builds(c_tag, st.sampled_from([0, 1, 2, 3, 4095]), st.integers(0, 7), st.integers(0, 1)),
    st.builds(s_tag, st.sampled_from([0, 1, 10, 20, 30, 40]), st.integers(0, 7)),
    st.builds(vn_tag, st.integers(1, 3), st.integers(0, 3), st.just(1), st.integers(0, 1), st.integers(0, 1)),
    st.builds(e_tag, st.integers(0, 3), st.integers(0, 1), st.integers(0, 3), st.integers(0, 7)),
)
MACS = [*NAMES, OUTSIDE, MULTICAST, BROADCAST, LLDP, 0]
FRAME = st.builds(
    lambda to, source, tags, ethertype: frame(to, source, *tags, ethertype=ethertype),
    st.sampled_from(MACS),
    st.sampled_from(MACS),
    st.lists(TAG, max_size=2),
    st.sampled_from([0x0800, 0x8808, 0x88A8]),
)


@settings(max_examples=300)
@given(SWITCH, st.lists(st.tuples(st.sampled_from([*NAMES, "uplink"]), FRAME), min_size=1, max_size=6))
def test_agrees_with_the_oracle(config, frames):
    bench, oracle = Bench(config), ForwardingOracle(config)
    for port, raw in frames:
        assert bench.send(port, raw) == oracle.forward(port, raw), (port, raw.hex())


def test_agrees_with_the_oracle_and_reaches_each_reason():
    rng, seen = random.Random(802), Counter()
    for _ in range(N_SWITCHES):
        check_switch(rng, FRAMES_A_SWITCH, seen)
    reachable = {reason.name for reason in DropReason} - AFTER_THE_DECISION - OF_GUARDS - {"NONE"}
    for wanted in (
        *(("reason", name) for name in (*reachable, None)),
        *(("mode", mode, delivered) for mode in MODES for delivered in (True, False)),
        *(("copies", n) for n in range(4)),
        *(("mirrored", True, forwarded) for forwarded in (True, False)),
    ):
        assert seen[wanted] >= 10, (wanted, seen)
