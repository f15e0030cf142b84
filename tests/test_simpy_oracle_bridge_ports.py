"""The logical ports of the SimPy model of the bridge: S-channels, VIFs, E-CIDs, and their tags byte by byte."""

from __future__ import annotations

import random
from typing import Any

import pytest

from tests.bridge_cases import (
    BROADCAST,
    EVERYONE,
    UNKNOWN_MAC,
    US_FS,
    ecid_list,
    frame,
    one_after_the_other,
    receivers_of,
    relay_of,
    run,
    server,
)
from tests.oracles.simpy_system import OUTSIDE, BridgeParameters

EXT = OUTSIDE
EVERY_FS = 100 * US_FS
FIRST_FS = 10_000 * US_FS


CHANNELS: dict[str, Any] = {
    "mode": "multichannel",
    "s_channels": {10: "vepa", 20: "veb", 30: "single"},
    "stations": {name: {"s_channel": s_vid} for name, s_vid in zip(EVERYONE, (None, 10, 10, 20, 30), strict=True)},
}


def test_s_channels_are_ports() -> None:
    relay = relay_of(BridgeParameters(), [server(**CHANNELS)])
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
    got = [receivers_of(outcome, name) for name in ("a.vf2", "a.vf0", "a.vf3", "b.vf0")]
    everyone = ["a.pf", "a.vf0", "a.vf1", "a.vf3", "b.pf", "b.vf0", "b.vf1", "b.vf2", "b.vf3", "outside"]
    assert got == [everyone, ["a.vf2"], ["a.vf0"], ["a.vf3"]]
    # Nine frames with an S-TAG: the first comes with one and goes into two channels; then each in and out, and one out.
    assert outcome.bridge.ports["a"].bytes_in == 3 * 68
    assert outcome.bridge.ports["a"].bytes_out == 64 + 2 * 68 + 3 * 68


@pytest.mark.parametrize("mode", ["vn_tag", "e_tag"])
def test_each_station_is_a_port(mode: str) -> None:
    # Groups that are configured, and are in the bridge's way: it takes the next numbers.
    lists: dict[str, Any] = {"vif_lists": {3: ["vf0"], 8192: EVERYONE}}
    if mode == "e_tag":
        lists = {"ecid_lists": [ecid_list(2, 0x1000, *EVERYONE)]}
    stations = {"vf2": {"enabled": False}, "vf3": {"vlans": (2,), "port_vlan": 2, "untagged": (2,)}}
    servers = [server("a", mode=mode, stations=stations, **lists), server("b", mode=mode)]
    sent = one_after_the_other(
        ("a.vf0", frame(BROADCAST, "a.vf0")),
        ("a.vf1", frame("a.vf0", "a.vf1")),
        ("b.vf0", frame(BROADCAST, "b.vf0")),
        ("a.vf3", frame(BROADCAST, "a.vf3")),
        first_fs=FIRST_FS,
        every_fs=EVERY_FS,
    )
    outcome = run(servers, BridgeParameters(kind="controlling"), *sent)
    of_b = ["b.pf", "b.vf0", "b.vf1", "b.vf2", "b.vf3"]
    of_a = ["a.pf", "a.vf0", "a.vf1"]
    assert receivers_of(outcome, "a.vf0") == sorted({*of_a, *of_b, EXT} - {"a.vf0"})
    assert receivers_of(outcome, "a.vf1") == ["a.vf0"]
    assert receivers_of(outcome, "b.vf0") == sorted({*of_a, *of_b, EXT} - {"b.vf0"})
    assert receivers_of(outcome, "a.vf3") == [EXT]  # alone in its VLAN
    # Broadcasts go to an adapter once, with a list.
    assert outcome.bridge.ports["a"].frames_out == 3
    assert outcome.bridge.learned == 0
    assert outcome.drops == {}


def test_tags_byte_by_byte() -> None:
    vn = server("a", mode="vn_tag", vif_lists={8192: EVERYONE}, stations={"vf0": {"vif": 0x123}})
    e = server("b", mode="e_tag", ecid_lists=[ecid_list(2, 0x800, *EVERYONE)],
               stations={"vf0": {"ecid": 0xABCDE}, "vf1": {"accept": ()}})  # fmt: skip
    relay = relay_of(BridgeParameters(kind="controlling"), [vn, e])
    up = frame(BROADCAST, "a.vf0", 70, "892600000123")
    assert relay.relay(0, 0, up).copies == [
        (0, frame(BROADCAST, "a.vf0", 70, "8926e0018123")),  # D, P, list 8193, L, from 0x123
        (1, frame(BROADCAST, "a.vf0", 72, "893f000018010000")),  # GRP 1, 0x801; the ingress is elsewhere
        (2, frame(BROADCAST, "a.vf0")),
    ]
    up = frame(BROADCAST, "b.vf0", 72, "893fb0000cde00ab")  # priority 5, DEI
    assert relay.relay(0, 1, up).copies == [
        (0, frame(BROADCAST, "b.vf0", 70, "8926e0010000")),
        (1, frame(BROADCAST, "b.vf0", 72, "893fbcde1801ab00")),
        (2, frame(BROADCAST, "b.vf0")),
    ]
    assert [[station.station.name for station in each.members] for each in relay.ports[1].lists.values()] == [
        ["pf", "vf0", "vf2", "vf3"]
    ]
    # Another list where others take a group; the sender stands in every copy towards its own port.
    assert relay.relay(0, 2, frame(0x01005E000001, EXT)).copies[1][1][12:20].hex() == "893f000018010000"
    assert relay.relay(0, 0, frame("a.vf1", "a.vf0", 70, "892600000123")).copies == [
        (0, frame("a.vf1", "a.vf0", 70, "892680038123"))
    ]
    assert relay.relay(0, 1, frame("b.vf2", "b.vf0", 72, "893f00000cde00ab")).copies == [
        (1, frame("b.vf2", "b.vf0", 72, "893f0cde0004ab00"))
    ]
    assert relay.relay(0, 2, frame("a.vf0", EXT)).copies == [(0, frame("a.vf0", EXT, 70, "892681230000"))]
    assert relay.relay(0, 2, frame("b.vf0", EXT)).copies == [(1, frame("b.vf0", EXT, 72, "893f00000cde00ab"))]
    wrong = {"": "VNTAG_MISSING", "892680000123": "VNTAG_DIRECTION", "892600001123": "VNTAG_VERSION",
             "892600000777": "VNTAG_UNKNOWN_VIF"}  # fmt: skip
    assert {tag: relay.relay(0, 0, frame(EXT, "a.vf0", 80, tag)).reason for tag in wrong} == wrong
    wrong = {"": "ETAG_MISSING", "893f000007770000": "ETAG_UNKNOWN_ECID"}
    assert {tag: relay.relay(0, 1, frame(EXT, "b.vf0", 80, tag)).reason for tag in wrong} == wrong


def test_vlans_of_interfaces_are_those_of_their_stations() -> None:
    stations = {"vf0": {"port_vlan": 5, "vlans": (1, 5), "untagged": (5,)}}
    relay = relay_of(BridgeParameters(kind="controlling"), [server("a", mode="vn_tag", stations=stations)])
    untagged, tagged, elsewhere = (
        frame("a.vf0", EXT, 68, tag) for tag in ("81000005", "81000001", "81000009")
    )  # fmt: skip
    assert relay.relay(0, 1, untagged).copies == [(0, frame("a.vf0", EXT, 70, "892680020000"))]
    assert relay.relay(0, 1, tagged).copies == [(0, frame("a.vf0", EXT, 74, "89268002000081000001"))]
    assert relay.relay(0, 1, elsewhere).reason == "NO_DESTINATION"
    up = frame(EXT, "a.vf0", 70, "892600000002")
    assert relay.relay(0, 0, up).copies == [(1, frame(EXT, "a.vf0", 68, "81000005"))]
    assert relay.relay(0, 0, frame(EXT, "a.vf0", 74, "89260000000281000009")).reason == "VLAN_MEMBER"
    # A list's copy looks as the first member gets it: vf0 stands behind pf, which does not know VLAN 5.
    assert relay.relay(0, 1, frame(BROADCAST, EXT, 68, "81000005")).copies[0][1][18:20].hex() == "88b5"
    assert relay.relay(0, 1, frame(BROADCAST, EXT, 68, "81000001")).copies[0][1][18:20].hex() == "88b5"


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
