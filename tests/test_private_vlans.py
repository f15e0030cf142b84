"""Private VLANs in the decision: closed examples, Open vSwitch's protected ports, the second implementation."""

from __future__ import annotations

import csv
import random
from collections import Counter
from itertools import product
from pathlib import Path

import pytest

from cocotb_tests.bench_switch import BROADCAST, MULTICAST, OUTSIDE, Mirror, Uplink, c_tag, frame, s_tag, switch
from hwmodel.rules.private_vlan import reached_by, reaches
from tests.forwarding_bench import Bench, drops, receivers
from tests.forwarding_cases import random_frame, random_switch
from tests.oracles.forwarding_oracle import ForwardingOracle

PROMISCUOUS, ISOLATED = 0, -1
UNKNOWN = 0x02DD_0000_0099
VECTORS = Path(__file__).parent / "vectors" / "ovs_protected_ports.csv"
STATIONS = ("pf", "vf0", "vf1", "vf2")
N_SWITCHES, FRAMES_A_SWITCH = 600, 20


def private(classes, uplink=PROMISCUOUS, stations=None, **keys):
    """Build a switch of stations by their classes."""
    others = stations or {}
    own = {name: {"pvlan": pvlan, **others.get(name, {})} for name, pvlan in classes.items()}
    return switch(*classes, stations=own, uplink=Uplink(pvlan=uplink), **keys)


# --- who reaches whom -------------------------------------------------------------------------------------------
CLASSES = {"pf": PROMISCUOUS, "vf0": ISOLATED, "vf1": ISOLATED, "vf2": 1, "vf3": 1, "vf4": 2}
REACHED = {  # by hand
    "pf": {"vf0", "vf1", "vf2", "vf3", "vf4", "uplink"},
    "vf0": {"pf", "uplink"},
    "vf1": {"pf", "uplink"},
    "vf2": {"pf", "vf3", "uplink"},
    "vf3": {"pf", "vf2", "uplink"},
    "vf4": {"pf", "uplink"},
    "uplink": {"pf", "vf0", "vf1", "vf2", "vf3", "vf4"},
}


def test_which_class_reaches_which():
    reached = {(one, other) for one, other in product((PROMISCUOUS, ISOLATED, 1, 2), repeat=2) if reaches(one, other)}
    to_all = {(PROMISCUOUS, one) for one in (PROMISCUOUS, ISOLATED, 1, 2)}
    assert reached == to_all | {(other, one) for one, other in to_all} | {(1, 1), (2, 2)}
    assert reached_by(1, {0: ISOLATED, 5: 1, 9: PROMISCUOUS}) == [5, 9]


@pytest.mark.parametrize(("source", "target"), [pair for pair in product(REACHED, CLASSES) if pair[0] != pair[1]])
def test_a_known_address_is_reached_or_dropped_and_never_goes_up_instead(source, target):
    config = private(CLASSES)
    raw = frame(target, OUTSIDE if source == "uplink" else source)
    assert receivers(config, source, raw) == ({target} & REACHED[source])
    assert drops(config, source, raw) == (None if target in REACHED[source] else "PVLAN")


@pytest.mark.parametrize("source", REACHED)
@pytest.mark.parametrize("group", [BROADCAST, MULTICAST])
def test_a_group_goes_to_those_whom_its_sender_reaches(source, group):
    assert (
        receivers(private(CLASSES), source, frame(group, OUTSIDE if source == "uplink" else source)) == REACHED[source]
    )


def test_an_isolated_uplink_is_reached_by_promiscuous_stations_alone_and_reaches_them():
    config = private(CLASSES, uplink=ISOLATED)
    assert receivers(config, "pf", frame(UNKNOWN, "pf")) == {"uplink"}
    for name in ("vf0", "vf2"):
        assert drops(config, name, frame(UNKNOWN, name)) == "PVLAN"
        assert drops(config, "uplink", frame(name, OUTSIDE)) == "PVLAN"
    assert receivers(config, "uplink", frame(BROADCAST, OUTSIDE)) == {"pf"}


def test_an_uplink_in_a_community_is_reached_by_it():
    config = private(CLASSES, uplink=1)
    assert receivers(config, "vf2", frame(UNKNOWN, "vf2")) == {"uplink"}
    assert drops(config, "vf4", frame(UNKNOWN, "vf4")) == "PVLAN"
    assert receivers(config, "uplink", frame(BROADCAST, OUTSIDE)) == {"pf", "vf2", "vf3"}


def test_a_promiscuous_station_of_an_isolated_class_hears_no_isolated_one():
    config = private(CLASSES, stations={"vf1": {"promiscuous": True}, "vf3": {"promiscuous": True}})
    assert receivers(config, "vf0", frame(UNKNOWN, "vf0")) == {"uplink"}
    assert receivers(config, "vf2", frame(UNKNOWN, "vf2")) == {"uplink", "vf3"}


def test_of_several_owners_of_an_address_those_that_are_reached_get_it():
    shared = 0x0200_0000_7777
    config = private(CLASSES, stations={name: {"macs": (shared,)} for name in ("vf1", "vf2", "vf3")})
    assert receivers(config, "vf4", frame(shared, "vf4")) == set()
    assert drops(config, "vf0", frame(shared, "vf0")) == "PVLAN"
    assert receivers(config, "pf", frame(shared, "pf")) == {"vf1", "vf2", "vf3"}


@pytest.mark.parametrize(("pvlan", "comes_back"), [(PROMISCUOUS, True), (1, True), (ISOLATED, False)])
def test_an_isolated_station_does_not_even_reach_itself(pvlan, comes_back):
    config = private({"pf": 0, "vf0": pvlan}, stations={"vf0": {"self_loopback": True}})
    assert drops(config, "vf0", frame("vf0", "vf0")) == (None if comes_back else "PVLAN")
    own = {"vf0"} if comes_back else set()
    assert receivers(config, "vf0", frame(BROADCAST, "vf0")) == {"pf", "uplink"} | own


# --- beside the other rules -------------------------------------------------------------------------------------
@pytest.mark.parametrize(("keys", "raw", "reason"), [
    ({}, frame("vf0", "vf0"), "SAME_PORT"),
    ({"uplink": Uplink(vlans=())}, frame(UNKNOWN, "vf0"), "NO_DESTINATION"),
    ({}, frame("vf1", "vf1"), "SPOOFED_MAC"),
    ({}, frame("vf1", "vf0", c_tag(9)), "VLAN_MEMBER"),
])  # fmt: skip
def test_a_frame_that_another_rule_drops_has_that_rules_reason(keys, raw, reason):
    config = private(CLASSES)
    config.uplink = keys.get("uplink", config.uplink)
    assert drops(config, "vf0", raw) == reason


def test_mirrors_watch_a_frame_that_private_vlans_drop_as_any_other():
    mirrors = (Mirror("vf1", "vf0"), Mirror("vf4", "vf1", "egress"), Mirror("vf2", vlan=1))
    raw = frame("vf1", "vf0")
    found = Bench(private(CLASSES, mirrors=mirrors)).send("vf0", raw)
    assert (found.drop, found.deliver, found.mirrored) == ("PVLAN", {}, {"vf1": raw, "vf2": raw})


def test_the_class_holds_in_each_vlan_of_a_port():
    members = {name: {"vlans": (1, 2)} for name in CLASSES}
    config = private(CLASSES, stations=members)
    assert drops(config, "vf0", frame("vf1", "vf0", c_tag(2))) == "PVLAN"
    assert receivers(config, "vf2", frame("vf3", "vf2", c_tag(2))) == {"vf3"}


@pytest.mark.parametrize("mode", ["vn_tag", "e_tag"])
def test_where_a_bridge_above_decides_the_adapter_asks_nothing(mode):
    config = private(CLASSES, uplink=ISOLATED, mode=mode)
    assert receivers(config, "vf0", frame("vf1", "vf0")) == {"uplink"}


def test_in_a_vepa_all_goes_up_and_what_comes_down_comes_from_a_promiscuous_uplink():
    config = private(CLASSES, mode="vepa")
    assert receivers(config, "vf0", frame("vf1", "vf0")) == {"uplink"}
    assert receivers(config, "uplink", frame("vf1", "vf0")) == {"vf1"}
    assert drops(private(CLASSES, uplink=ISOLATED, mode="vepa"), "vf0", frame("vf1", "vf0")) == "PVLAN"


def test_each_s_channel_of_kind_veb_keeps_its_stations_apart():
    of_ten = {name: {"s_channel": 10} for name in ("vf0", "vf1", "vf2")}
    config = private(CLASSES, stations=of_ten, mode="multichannel", s_channels={10: "veb"})
    assert drops(config, "vf0", frame("vf1", "vf0")) == "PVLAN"
    assert receivers(config, "uplink", frame("vf0", OUTSIDE, s_tag(10))) == {"vf0"}
    assert receivers(config, "vf0", frame(BROADCAST, "vf0")) == {"uplink"}


# --- beside others ----------------------------------------------------------------------------------------------
def ovs_rows():
    return list(csv.DictReader(VECTORS.read_text().splitlines()))


def test_deliveries_are_those_of_open_vswitchs_protected_ports():
    """Its ports flood what they do not know: so here all stations want everything, and all of it from each other."""
    rows, n_cut = ovs_rows(), 0
    assert len(rows) == 16 * 5 * 7
    for row in rows:
        protected = row["protected"].split(";")
        class_of = {name: ISOLATED if name in protected else PROMISCUOUS for name in ("uplink", *STATIONS)}
        uplink = class_of.pop("uplink")
        wants = {name: {"promiscuous": True} for name in STATIONS}
        config = private(class_of, uplink, wants)
        target = {"broadcast": BROADCAST, "unknown": UNKNOWN, "uplink": OUTSIDE}.get(row["to"], row["to"])
        if row["to"] == "uplink":  # an address outside is unknown to an adapter: it goes up, and floods no further
            config = private(class_of, uplink)
        raw = frame(target, OUTSIDE if row["from"] == "uplink" else row["from"])
        expected = set(row["received_by"].split(";")) - {"none"}
        assert receivers(config, row["from"], raw) == expected, row
        n_cut += drops(config, row["from"], raw) == "PVLAN"
    assert n_cut > 50


def private_switch(rng):
    config = random_switch(rng)
    config.mode = rng.choice(("veb", "veb", "veb", "vepa", "multichannel", config.mode))
    for port in config.ports:
        port.pvlan = rng.choice((PROMISCUOUS, ISOLATED, ISOLATED, 1, 1, 2, 4094))
        port.spoof_check = False
    config.uplink.pvlan = rng.choice((PROMISCUOUS, PROMISCUOUS, PROMISCUOUS, ISOLATED, 1))
    return config


def test_agrees_with_the_second_implementation_in_drawn_frames():
    rng, seen, n_frames = random.Random(29), Counter(), 0
    for _ in range(N_SWITCHES):
        config = private_switch(rng)
        bench, oracle = Bench(config), ForwardingOracle(config)
        for _ in range(FRAMES_A_SWITCH):
            port, raw, is_bad = random_frame(rng, config)
            found = bench.send(port, raw, is_bad=is_bad)
            assert found == oracle.forward(port, raw, is_bad), (config, port, raw.hex())
            n_frames += 1
            seen[found.drop, port == "uplink"] += 1
            seen["cut", config.mode] += found.drop == "PVLAN"
            seen["mirrored all the same"] += found.drop == "PVLAN" and bool(found.mirrored)
            for port_class in {one.pvlan for one in config.ports if one.name in found.deliver}:
                seen["reached", port_class] += 1
    assert n_frames == 12_000
    for wanted in (
        ("PVLAN", True), ("PVLAN", False), (None, True), (None, False), ("cut", "veb"), ("cut", "vepa"),
        ("cut", "multichannel"), "mirrored all the same", ("reached", PROMISCUOUS), ("reached", ISOLATED),
        ("reached", 1), ("reached", 4094),
    ):  # fmt: skip
        assert seen[wanted] >= 20, (wanted, seen)
