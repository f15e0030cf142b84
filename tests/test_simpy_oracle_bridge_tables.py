"""Who gets what over the SimPy model of the bridge: against a real kernel's table, and by the rules one by one."""

from __future__ import annotations

import random
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from bridge_cases import BROADCAST, UNKNOWN_MAC, US_FS, ecid_list, frame, mac, one_after_the_other, run, server
from oracles.simpy_system import OUTSIDE, BridgeParameters, BridgePort, SystemOutcome
from oracles.simpy_system.relay import Relay

EXT = OUTSIDE
EVERYONE = ("pf", "vf0", "vf1", "vf2", "vf3")
EVERY_FS = 100 * US_FS
FIRST_FS = 10_000 * US_FS


def receivers(outcome: SystemOutcome, after_fs: int = FIRST_FS) -> list[str]:
    return sorted(each.receiver for each in outcome.deliveries if each.at_fs > after_fs)


# Measured with Linux: macvlan in mode VEPA on a bridge port with and without hairpin, and a Linux bridge as a VEB.
MEASURED = [
    ("unicast", "vf1", frame("vf2", "vf1"), "vf2", "", "vf2"),
    ("unknown", "vf1", frame(UNKNOWN_MAC, "vf1"), "outside", "outside", "outside"),
    ("broadcast", "vf1", frame(BROADCAST, "vf1"), "outside vf2 vf3", "outside", "outside vf2 vf3"),
    ("multicast", "vf1", frame(0x01005E010203, "vf1"), "outside vf2 vf3", "outside", "outside vf2 vf3"),
    ("from outside", EXT, frame("vf2", EXT), "vf2", "vf2", "vf2"),
    ("broadcast from outside", EXT, frame(BROADCAST, EXT), "vf1 vf2 vf3", "vf1 vf2 vf3", "vf1 vf2 vf3"),
    ("unknown from outside", EXT, frame(UNKNOWN_MAC, EXT), "", "", ""),
    ("to itself", "vf1", frame("vf1", "vf1"), "vf1", "", ""),
    ("under another's address", "vf1", frame(BROADCAST, "vf2"), "outside vf1 vf3", "outside", None),
]


@pytest.mark.parametrize("column", ["hairpin", "no hairpin", "veb"])
@pytest.mark.parametrize("row", MEASURED, ids=lambda row: row[0])
def test_as_measured_on_a_real_kernel(row: tuple[Any, ...], column: str) -> None:
    _, sender, raw, *expected = row
    wanted = expected[["hairpin", "no hairpin", "veb"].index(column)]
    if wanted is None:
        return  # anti-spoof decides there
    mode = "veb" if column == "veb" else "vepa"
    off = {name: {"enabled": False} for name in ("pf", "vf0")}
    stations = off | {"vf1": {"spoof_check": False}}
    ports = {"adapter": BridgePort(hairpin=False)} if column == "no hairpin" else {}
    known = [(name, frame(BROADCAST, name)) for name in ("vf1", "vf2", "vf3", EXT)]
    tried = FIRST_FS, sender, raw
    servers = [server(mode=mode, stations=stations)]
    outcome = run(servers, BridgeParameters(ports=ports), *one_after_the_other(*known), tried)
    assert receivers(outcome) == sorted(wanted.split())


def test_flooding_learning_moving() -> None:
    servers = [server(name, stations={"vf1": {"spoof_check": False}}) for name in "ab"]
    sent = one_after_the_other(
        ("a.vf0", frame("b.vf0", "a.vf0")),  # unknown: b and outside, and back to a
        ("b.vf0", frame("a.vf0", "b.vf0")),  # known
        ("a.vf0", frame("b.vf0", "a.vf0")),  # known
        ("b.vf1", frame(UNKNOWN_MAC, "a.vf0")),  # a.vf0's address moves to b: flooded once more
        (EXT, frame("a.vf0", EXT)),  # so this goes to b, which does not know it
        first_fs=FIRST_FS,
        every_fs=EVERY_FS,
    )
    outcome = run(servers, BridgeParameters(), *sent)
    bridge = outcome.bridge
    got = [(each.sender, each.receiver) for each in outcome.deliveries]
    assert got == [
        ("a.vf0", EXT),
        ("a.vf0", "b.vf0"),
        ("b.vf0", "a.vf0"),
        ("a.vf0", "b.vf0"),
        ("b.vf1", EXT),
    ]
    assert (bridge.learned, bridge.moved, bridge.flooded) == (3, 1, 2)
    assert (bridge.aged, bridge.not_learned) == (0, 0)
    # Flooded twice to all three ports, back to the sender's too: it has hairpin.
    assert [bridge.ports[name].frames_out for name in ("a", "b", EXT)] == [3, 4, 2]
    assert outcome.replicated_frames == 4
    assert outcome.drops == {("a", "UNKNOWN_UNICAST"): 2, ("b", "UNKNOWN_UNICAST"): 2}


def test_addresses_age_where_nobody_asks_for_them() -> None:
    sent = one_after_the_other(("a.vf0", frame("b.vf0", "a.vf0")), ("b.vf0", frame("a.vf0", "b.vf0")))
    outcome = run([server("a"), server("b")], BridgeParameters(ageing_fs=10), *sent)
    assert (outcome.bridge.learned, outcome.bridge.aged, outcome.bridge.flooded) == (2, 2, 2)


def test_an_entry_is_gone_when_its_age_is_full() -> None:
    relay = Relay(BridgeParameters(ageing_fs=1000), [server("a"), server("b")])

    def ports(now_fs: int, number: int, raw: bytes) -> list[int]:
        return [to for to, _ in relay.relay(now_fs, number, raw).copies]

    assert ports(0, 0, frame("b.vf0", "a.vf0")) == [0, 1, 2]
    assert ports(999, 2, frame("a.vf0", EXT)) == [0]
    assert ports(1000, 2, frame("a.vf0", EXT)) == [0, 1]  # never back to where it came from
    assert (relay.table.learned, relay.table.aged) == (2, 1)
    assert ports(1500, 0, frame(EXT, "a.vf0")) == [2]
    assert ports(1999, 1, frame(EXT, "b.vf0")) == [2]  # refreshed at 1000
    assert ports(2000, 1, frame(EXT, "b.vf0")) == [0, 1, 2]
    assert (relay.table.learned, relay.table.aged, relay.table.moved) == (4, 2, 0)


def test_full_table() -> None:
    relay = Relay(BridgeParameters(table=1, ageing_fs=1000), [server("a"), server("b")])
    relay.relay(0, 0, frame(EXT, "a.vf0"))
    relay.relay(10, 1, frame(EXT, "b.vf0"))
    relay.relay(20, 1, frame(EXT, "b.vf0"))
    relay.relay(500, 1, frame(EXT, "a.vf0"))  # moves: it has its place
    assert (relay.table.learned, relay.table.not_learned, relay.table.moved) == (1, 2, 1)
    assert [to for to, _ in relay.relay(600, 2, frame("a.vf0", EXT)).copies] == [1]
    assert [to for to, _ in relay.relay(600, 2, frame("b.vf0", EXT)).copies] == [0, 1]
    relay.relay(1500, 2, frame("a.vf0", EXT))  # the place is free again
    assert (relay.table.learned, relay.table.not_learned, relay.table.aged) == (2, 4, 1)


def test_same_address_in_two_vlans() -> None:
    ports = {"a": BridgePort(native_vlan=1), "b": BridgePort(native_vlan=2, vlans=frozenset({2, 3}))}
    relay = Relay(BridgeParameters(ports=ports), [server("a"), server("b")])
    assert [to for to, _ in relay.relay(0, 0, frame("b.vf0", "a.vf0")).copies] == [0, 2]  # b is not in VLAN 1
    assert relay.relay(0, 1, frame("a.vf0", "b.vf0")).copies == [
        (0, frame("a.vf0", "b.vf0", 68, "81000002")),
        (1, frame("a.vf0", "b.vf0")),
        (2, frame("a.vf0", "b.vf0", 68, "81000002")),
    ]
    tagged = frame("b.vf0", "a.vf0", 68, "8100f002")
    assert relay.relay(0, 0, tagged).copies == [(1, frame("b.vf0", "a.vf0"))]
    # A priority tag is none; where the VLAN is not the native one it becomes a tag with this priority.
    assert relay.relay(0, 1, frame("a.vf0", "b.vf0", 68, "8100e000")).copies == [
        (0, frame("a.vf0", "b.vf0", 68, "8100e002"))
    ]
    assert relay.relay(0, 1, frame("a.vf0", "b.vf0", 68, "81000004")).reason == "VLAN_MEMBER"
    none = Relay(BridgeParameters(ports={"a": BridgePort(native_vlan=None)}), [server("a")])
    assert none.relay(0, 0, frame("a.vf1", "a.vf0")).reason == "VLAN_MEMBER"
    assert none.table.learned == 0


def test_reserved_addresses_and_frames_for_nobody() -> None:
    relay = Relay(BridgeParameters(ports={OUTSIDE: BridgePort(vlans=frozenset({7}))}), [server("a", mode="veb")])
    for last in range(16):
        assert relay.relay(0, 0, frame(0x0180C2000000 | last, "a.vf0")).reason == "CONTROL_FRAME"
    assert relay.relay(0, 0, frame(0x0180C2000010, "a.vf0")).reason == "NO_DESTINATION"
    assert relay.relay(0, 0, frame("a.vf0", "a.vf1")).reason == "SAME_PORT"
    assert relay.flooded == 0


CHANNELS: dict[str, Any] = {
    "mode": "multichannel",
    "s_channels": {10: "vepa", 20: "veb", 30: "single"},
    "stations": {name: {"s_channel": s_vid} for name, s_vid in zip(EVERYONE, (None, 10, 10, 20, 30), strict=True)},
}


def test_s_channels_are_ports() -> None:
    relay = Relay(BridgeParameters(), [server(**CHANNELS)])
    plain = frame(UNKNOWN_MAC, "vf0")

    def tagged(s_vid: int, priority: int = 0) -> bytes:
        return frame(UNKNOWN_MAC, "vf0", 68, f"88a8{priority << 13 | s_vid:04x}")

    # Of the channels only 10 relies on the bridge to reflect.
    to_all = [(0, plain), (0, tagged(10)), (0, tagged(20)), (0, tagged(30)), (1, plain)]
    assert relay.relay(0, 0, tagged(10)).copies == to_all
    assert relay.relay(0, 0, tagged(20)).copies == [each for each in to_all if each[1] != tagged(20)]
    assert relay.relay(0, 0, plain).copies == to_all[1:]
    assert relay.table.moved == 2
    assert relay.relay(0, 1, frame("vf0", EXT)).copies == [(0, frame("vf0", EXT))]  # its address last came untagged
    assert relay.relay(0, 0, tagged(99)).reason == "STAG_UNKNOWN"
    # The S-TAG's priority is the frame's.
    first, *_ = relay.relay(0, 0, tagged(10, priority=5)).copies[1:]
    assert first == (0, tagged(10, priority=5))


def test_between_channels_and_servers() -> None:
    servers = [server("a", **CHANNELS), server("b")]
    sent = one_after_the_other(
        ("a.vf2", frame(BROADCAST, "a.vf2")),
        ("a.vf0", frame("a.vf2", "a.vf0")),
        ("a.vf3", frame("a.vf0", "a.vf3")),
        ("b.vf0", frame("a.vf3", "b.vf0")),
        first_fs=FIRST_FS,
        every_fs=EVERY_FS,
    )
    outcome = run(servers, BridgeParameters(), *sent)
    got = [sorted(each.receiver for each in outcome.deliveries if each.sender == name) for name, _ in
           [("a.vf2", 0), ("a.vf0", 0), ("a.vf3", 0), ("b.vf0", 0)]]  # fmt: skip
    everyone = ["a.pf", "a.vf0", "a.vf1", "a.vf3", "b.pf", "b.vf0", "b.vf1", "b.vf2", "b.vf3", "outside"]
    assert got == [everyone, ["a.vf2"], ["a.vf0"], ["a.vf3"]]
    # Nine frames with an S-TAG: the first comes with one and goes into two channels; then each in and out, and one out.
    assert outcome.bridge.ports["a"].bytes_in == 3 * 68
    assert outcome.bridge.ports["a"].bytes_out == 64 + 2 * 68 + 3 * 68


@pytest.mark.parametrize("mode", ["vn_tag", "e_tag"])
@pytest.mark.parametrize("kind", ["learning", "controlling"])
def test_each_station_is_a_port(mode: str, kind: str) -> None:
    lists: dict[str, Any] = {"vif_lists": {3: ["vf0"], 9: EVERYONE}}
    if mode == "e_tag":
        lists = {"ecid_lists": [ecid_list(2, 0x1009, *EVERYONE)]}
    servers = [server("a", mode=mode, **lists), server("b")]
    sent = one_after_the_other(
        ("a.vf0", frame(BROADCAST, "a.vf0")),
        ("a.vf1", frame("a.vf0", "a.vf1")),
        ("b.vf0", frame(BROADCAST, "b.vf0")),
        first_fs=FIRST_FS,
        every_fs=EVERY_FS,
    )
    outcome = run(servers, BridgeParameters(kind=kind), *sent)
    of_b = ["b.pf", "b.vf0", "b.vf1", "b.vf2", "b.vf3"]
    of_a = ["a.pf", "a.vf0", "a.vf1", "a.vf2", "a.vf3"]
    got = {name: sorted(each.receiver for each in outcome.deliveries if each.sender == name) for name, _ in
           [("a.vf0", 0), ("a.vf1", 0), ("b.vf0", 0)]}  # fmt: skip
    assert got == {
        "a.vf0": sorted({*of_a, *of_b, EXT} - {"a.vf0"}),
        "a.vf1": ["a.vf0"],
        "b.vf0": sorted({*of_a, *of_b, EXT} - {"b.vf0"}),
    }
    # Broadcasts go to the adapter once with a list, or once for each station.
    assert outcome.bridge.ports["a"].frames_out == (1 + 1 + 1 if kind == "controlling" else 4 + 1 + 5)
    assert outcome.bridge.learned == (0 if kind == "controlling" else 3)
    assert outcome.drops == {}


def test_tags_byte_by_byte() -> None:
    vn = server("a", mode="vn_tag", vif_lists={9: EVERYONE}, stations={"vf0": {"vif": 0x123}})
    e = server("b", mode="e_tag", ecid_lists=[ecid_list(2, 0x54321, *EVERYONE)],
               stations={"vf0": {"ecid": 0xABCDE}})  # fmt: skip
    relay = Relay(BridgeParameters(kind="controlling"), [vn, e])
    up = frame(BROADCAST, "a.vf0", 70, "892600000123")
    assert relay.relay(0, 0, up).copies == [
        (0, frame(BROADCAST, "a.vf0", 70, "8926c0098123")),  # D, P, list 9, L, from 0x123
        (1, frame(BROADCAST, "a.vf0", 72, "893f000023210054")),  # GRP 2, 0x54321; the ingress is elsewhere
        (2, frame(BROADCAST, "a.vf0")),
    ]
    up = frame(BROADCAST, "b.vf0", 72, "893fb0000cde00ab")  # priority 5, DEI
    assert relay.relay(0, 1, up).copies == [
        (0, frame(BROADCAST, "b.vf0", 70, "8926c0090000")),
        (1, frame(BROADCAST, "b.vf0", 72, "893fbcde2321ab54")),
        (2, frame(BROADCAST, "b.vf0")),
    ]
    assert relay.relay(0, 2, frame("a.vf0", EXT)).copies == [(0, frame("a.vf0", EXT, 70, "892681230000"))]
    assert relay.relay(0, 2, frame("b.vf0", EXT)).copies == [(1, frame("b.vf0", EXT, 72, "893f00000cde00ab"))]
    wrong = {"": "VNTAG_MISSING", "892680000123": "VNTAG_DIRECTION", "892600001123": "VNTAG_VERSION",
             "892600000777": "VNTAG_UNKNOWN_VIF"}  # fmt: skip
    assert {tag: relay.relay(0, 0, frame(EXT, "a.vf0", 80, tag)).reason for tag in wrong} == wrong
    wrong = {"": "ETAG_MISSING", "893f000007770000": "ETAG_UNKNOWN_ECID"}
    assert {tag: relay.relay(0, 1, frame(EXT, "b.vf0", 80, tag)).reason for tag in wrong} == wrong


def test_controlling_bridge_knows_its_stations_alone() -> None:
    outside = mac(EXT)
    relay = Relay(BridgeParameters(kind="controlling", outside_macs=frozenset({outside})), [server("a"), server("b")])

    def ports(number: int, raw: bytes) -> Sequence[int]:
        return [to for to, _ in relay.relay(0, number, raw).copies]

    assert ports(0, frame("b.vf3", "a.vf0")) == [1]
    assert ports(0, frame(EXT, "a.vf0")) == [2]
    assert ports(0, frame(UNKNOWN_MAC, "a.vf0")) == [0, 1, 2]
    assert ports(2, frame(UNKNOWN_MAC, EXT)) == [0, 1]
    assert (relay.table.learned, relay.flooded) == (0, 2)


def entry(action: str, **changes: Any) -> SimpleNamespace:
    keys = ("source", "destination", "vlan", "ethertype", "priority", "rate_bps", "burst_bytes")
    return SimpleNamespace(**({"action": action, "port": "all"} | dict.fromkeys(keys) | changes))


def test_policy() -> None:
    policy = [
        entry("permit", port="a.vf1", ethertype=0x88B5),
        entry("deny", port="a.vf0", destination=mac("b.vf0")),
        entry("deny", port=OUTSIDE, vlan=1),
        entry("priority", port="b.vf0", priority=6),
        entry("police", rate_bps=8 * 10**9, burst_bytes=100),
    ]
    ports = {OUTSIDE: BridgePort(native_vlan=5)}
    relay = Relay(BridgeParameters(policy=policy, ports=ports), [server("a"), server("b")])

    def reason(now_fs: int, number: int, raw: bytes) -> str | None:
        return relay.relay(now_fs, number, raw).reason

    assert reason(0, 0, frame("b.vf0", "a.vf0")) == "ACL_DENY"
    assert relay.table.learned == 1
    assert reason(0, 2, frame("b.vf0", EXT)) is None  # in VLAN 5; takes 64 of the 100 B
    assert reason(0, 2, frame("b.vf0", EXT, 68, "81000001")) == "ACL_DENY"
    assert reason(0, 0, frame("b.vf1", "a.vf0", 64)) == "RATE_LIMITED"  # 36 left
    assert reason(0, 0, frame("b.vf1", "a.vf1", 64)) is None  # let pass before
    assert reason(27 * 10**6, 0, frame("b.vf1", "a.vf0", 64)) == "RATE_LIMITED"  # a byte each ns
    assert reason(28 * 10**6, 0, frame("b.vf1", "a.vf0", 64)) is None
    assert relay.relay(0, 1, frame(BROADCAST, "b.vf0")).copies[-1][1][12:16].hex() == "8100c001"


def test_frames_balance_under_a_random_load() -> None:
    rng = random.Random(5)
    names = ["a.vf0", "a.vf2", "b.pf", "b.vf1", EXT]
    others = [*names, BROADCAST]
    servers = [server("a", **CHANNELS), server("b", mode="veb")]
    sent = []
    for name in rng.choices(names, k=400):
        raw = frame(rng.choice(others), name, rng.choice((64, 600, 1518)))
        sent.append((FIRST_FS + rng.randrange(30_000_000_000), name, raw))
    bridge = BridgeParameters(buffer_bytes=8192, sharing="all", latency_fs=US_FS, forwarding="cut_through", table=4)
    outcome = run(servers, bridge, *sent)
    assert outcome.offered_frames == 400
    assert outcome.drops["bridge.a", "QUEUE_FULL"] > 10
    assert outcome.delivered_frames > 300
    assert outcome.bridge.not_learned > 0
    assert outcome.bridge.buffer_highest_bytes <= 8192
    assert len(outcome.journeys) == len(outcome.deliveries)
    # What one place says it has sent is what the other says it has got.
    ports = outcome.bridge.ports
    assert ports[EXT].frames_out == sum(each.receiver == EXT for each in outcome.deliveries)
    assert ports[EXT].frames_in == sum(sender == EXT for _, sender, _ in sent)
    for name in "ab":
        own = sum(sender.startswith(name) for _, sender, _ in sent)
        assert outcome.servers[name].counts.offered_frames == own + ports[name].frames_out
        assert (outcome.servers[name].wire_frames, outcome.servers[name].wire_bytes) == ports[name][:2]
