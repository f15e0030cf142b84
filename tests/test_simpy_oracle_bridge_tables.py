"""Who gets what over the SimPy model of the bridge: against a real kernel's table, and by the rules one by one."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from tests.bridge_cases import (
    BROADCAST,
    EVERYONE,
    UNKNOWN_MAC,
    US_FS,
    frame,
    mac,
    one_after_the_other,
    relay_of,
    run,
    server,
)
from tests.oracles.simpy_system import OUTSIDE, BridgeParameters, BridgePort, SystemOutcome

EXT = OUTSIDE
EVERY_FS = 100 * US_FS
FIRST_FS = 10_000 * US_FS


def entry(action: str, **changes: Any) -> SimpleNamespace:
    keys = ("source", "destination", "vlan", "ethertype", "priority", "rate_bps", "burst_bytes")
    return SimpleNamespace(**({"action": action, "port": "all"} | dict.fromkeys(keys) | changes))


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
        ("b.vf0", frame(BROADCAST, "b.vf0")),
        first_fs=FIRST_FS,
        every_fs=EVERY_FS,
    )
    outcome = run(servers, BridgeParameters(), *sent)
    bridge = outcome.bridge
    got = [(each.sender, each.receiver) for each in outcome.deliveries]
    assert got[:5] == [
        ("a.vf0", EXT),
        ("a.vf0", "b.vf0"),
        ("b.vf0", "a.vf0"),
        ("a.vf0", "b.vf0"),
        ("b.vf1", EXT),
    ]
    all_others = {f"{name}.{station}" for name in "ab" for station in EVERYONE} | {EXT}
    assert {each for _, each in got[5:]} == all_others - {"b.vf0"}
    assert (bridge.learned, bridge.moved, bridge.flooded) == (3, 1, 2)
    assert (bridge.aged, bridge.not_learned) == (0, 0)  # and the broadcast, which goes to all, is not to an unknown one
    # Flooded twice to all three ports, back to the sender's too: it has hairpin.
    assert [bridge.ports[name].frames_out for name in ("a", "b", EXT)] == [4, 5, 3]
    assert outcome.replicated_frames == 6
    assert outcome.drops == {("a", "UNKNOWN_UNICAST"): 2, ("b", "UNKNOWN_UNICAST"): 2}


def test_addresses_age_where_nobody_asks_for_them() -> None:
    sent = one_after_the_other(("a.vf0", frame("b.vf0", "a.vf0")), ("b.vf0", frame("a.vf0", "b.vf0")))
    outcome = run([server("a"), server("b")], BridgeParameters(ageing_fs=10), *sent)
    assert (outcome.bridge.learned, outcome.bridge.aged, outcome.bridge.flooded) == (2, 2, 2)


def test_an_entry_is_gone_when_its_age_is_full() -> None:
    relay = relay_of(BridgeParameters(ageing_fs=1000), [server("a"), server("b")])

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
    # b's entry was made after a's, but a's was refreshed since.
    assert ports(2400, 0, frame(EXT, "a.vf0")) == [0, 1, 2]
    assert ports(3000, 2, frame("b.vf0", EXT)) == [0, 1]
    assert relay.table.aged == 3
    assert ports(3399, 2, frame("a.vf0", EXT)) == [0]


def test_full_table() -> None:
    relay = relay_of(BridgeParameters(table=1, ageing_fs=1000), [server("a"), server("b")])
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
    relay = relay_of(BridgeParameters(ports=ports), [server("a"), server("b")])
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
    none = relay_of(BridgeParameters(ports={"a": BridgePort(native_vlan=None)}), [server("a")])
    assert none.relay(0, 0, frame("a.vf1", "a.vf0")).reason == "VLAN_MEMBER"
    assert none.table.learned == 0


def test_reserved_addresses_and_frames_for_nobody() -> None:
    relay = relay_of(BridgeParameters(ports={OUTSIDE: BridgePort(vlans=frozenset({7}))}), [server("a", mode="veb")])
    for last in range(16):
        assert relay.relay(0, 0, frame(0x0180C2000000 | last, "a.vf0")).reason == "CONTROL_FRAME"
    assert relay.relay(0, 0, frame(0x0180C2000010, "a.vf0")).reason == "NO_DESTINATION"
    assert relay.relay(0, 0, frame("a.vf0", "a.vf1")).reason == "SAME_PORT"
    assert relay.flooded == 0


def test_an_adapter_polices_before_the_bridge() -> None:
    acl = [entry("police", port="vf0", rate_bps=8 * 10**6, burst_bytes=100), entry("deny", port="vf2")]
    sent = [("a.vf0", BROADCAST), ("a.vf0", BROADCAST), ("a.vf2", "b.pf")]
    arrivals = one_after_the_other(*((name, frame(to, name)) for name, to in sent), every_fs=US_FS)
    outcome = run([server("a", acl=acl), server("b")], BridgeParameters(), *arrivals)
    assert outcome.drops == {("a", "RATE_LIMITED"): 1, ("a", "ACL_DENY"): 1}
    assert outcome.bridge.ports["a"].frames_in == 1


def test_controlling_bridge_knows_its_stations_alone() -> None:
    servers = [server(name, mode="vn_tag") for name in "ab"]
    relay = relay_of(BridgeParameters(kind="controlling"), servers)

    def ports(number: int, to: str | int, vif: int = 1) -> Sequence[int] | str:
        raw = frame(to, "a.vf0", 80, "" if number == 2 else f"89260000{vif:04x}")
        relayed = relay.relay(0, number, raw)
        return relayed.reason or [to for to, _ in relayed.copies]

    assert ports(0, "b.vf3") == [1]
    assert ports(0, EXT) == ports(0, UNKNOWN_MAC) == [2]
    assert ports(2, "b.vf3") == [1]
    assert ports(2, UNKNOWN_MAC) == "NO_DESTINATION"
    assert ports(0, "a.vf0", vif=2) == "SAME_PORT"
    assert (relay.table.learned, relay.flooded) == (0, 2)


def test_policy() -> None:
    policy = [
        entry("permit", port="a.vf1", ethertype=0x88B5),
        entry("deny", port="a.vf0", destination=mac("b.vf0")),
        entry("deny", port=OUTSIDE, vlan=1),
        entry("priority", port="b.vf0", priority=6),
        entry("police", rate_bps=8 * 10**9, burst_bytes=100),
    ]
    ports = {OUTSIDE: BridgePort(native_vlan=5)}
    relay = relay_of(BridgeParameters(policy=policy, ports=ports), [server("a"), server("b")])

    def reason(now_fs: int, number: int, raw: bytes) -> str | None:
        station = {mac(name): name for name in ("a.vf0", "a.vf1", "b.vf0", EXT)}[int.from_bytes(raw[6:12], "big")]
        return relay.relay(now_fs, number, raw, station).reason

    assert reason(0, 0, frame("b.vf0", "a.vf0")) == "ACL_DENY"
    assert relay.table.learned == 1
    assert reason(0, 2, frame("b.vf0", EXT)) is None  # in VLAN 5; takes 64 of the 100 B
    assert reason(0, 2, frame("b.vf0", EXT, 68, "81000001")) == "ACL_DENY"
    assert reason(0, 0, frame("b.vf1", "a.vf0", 64)) == "RATE_LIMITED"  # 36 left
    assert reason(0, 0, frame("b.vf1", "a.vf1", 64)) is None  # let pass before
    assert reason(27 * 10**6, 0, frame("b.vf1", "a.vf0", 64)) == "RATE_LIMITED"  # a byte each ns
    assert reason(28 * 10**6, 0, frame("b.vf1", "a.vf0", 64)) is None
    # Who sent it counts, whatever it calls itself.
    assert relay.relay(0, 0, frame("b.vf0", "a.vf1"), "a.vf0").reason == "ACL_DENY"
    assert relay.relay(0, 1, frame(BROADCAST, "b.vf0"), "b.vf0").copies[-1][1][12:16].hex() == "8100c001"
