"""Mirrored copies: who gets one, in which form, and of which dropped frames."""

from __future__ import annotations

import pytest

from cocotb_tests.bench_switch import (
    BROADCAST,
    LLDP,
    OUTSIDE,
    AclEntry,
    Mirror,
    Uplink,
    c_tag,
    frame,
    insert,
    mac,
    s_tag,
    strip,
    switch,
    vn_tag,
)
from tests.forwarding_bench import (
    Bench,
)

UNKNOWN = 0x02DD_0000_0099
INGRESS = Mirror("vf2", "vf0")
EGRESS = Mirror("vf2", "vf1", "egress")


def mirrored(raw, *mirrors, port="vf0", **keys):
    return Bench(switch(mirrors=mirrors, **keys)).send(port, raw).mirrored


def test_an_ingress_mirror_copies_what_the_port_sends():
    raw = frame("vf1", "vf0")
    found = Bench(switch(mirrors=(INGRESS,))).send("vf0", raw)
    assert (found.deliver, found.mirrored) == ({"vf1": raw}, {"vf2": raw})
    assert mirrored(frame("vf0", "vf1"), INGRESS, port="vf1") == {}


@pytest.mark.parametrize("tag", [(), (c_tag(1, 3),), (c_tag(0, 3),)])
def test_an_ingress_copy_is_as_received(tag):
    raw = frame("vf1", "vf0", *tag)
    assert mirrored(raw, INGRESS, stations={"vf2": {"untagged": ()}}) == {"vf2": raw}


def test_the_uplinks_ingress_copy_has_its_outer_tag():
    raw = frame("vf1", OUTSIDE, vn_tag(dvif=3, direction=1))
    assert mirrored(raw, Mirror("vf2", "uplink"), port="uplink", mode="vn_tag") == {"vf2": raw}


@pytest.mark.parametrize(
    ("raw", "changes"),
    [
        (frame("vf1", "vf1"), {}),  # SPOOFED_MAC
        (frame("vf1", "vf0", vn_tag()), {}),  # FORBIDDEN_TAG
        (frame("vf1", "vf0"), {"stations": {"vf0": {"admit": "tagged"}}}),
        (frame("vf1", "vf0", c_tag(9)), {}),  # VLAN_MEMBER
        (frame("vf1", "vf0"), {"acl": (AclEntry("deny"),)}),
        (frame("vf0", "vf0"), {}),  # SAME_PORT
        (frame(UNKNOWN, "vf0"), {"uplink": Uplink(vlans=())}),  # NO_DESTINATION
    ],
)
def test_rules_from_the_sixth_on_do_not_keep_an_ingress_copy_back(raw, changes):
    found = Bench(switch(mirrors=(INGRESS,), **changes)).send("vf0", raw)
    assert (found.deliver, found.mirrored) == ({}, {"vf2": raw})
    assert found.drop is not None


@pytest.mark.parametrize(
    ("raw", "changes"),
    [
        (frame("vf1", "vf0"), {"stations": {"vf0": {"enabled": False}}}),
        (frame("vf1", "vf0")[:13], {}),
        (frame("vf1", "vf0", length=1515), {}),
        (frame("vf1", 0), {}),
        (frame(LLDP, "vf0"), {}),
    ],
)
def test_the_first_five_rules_keep_it_back(raw, changes):
    found = Bench(switch(mirrors=(INGRESS, Mirror("vf2", vlan=1)), **changes)).send("vf0", raw)
    assert found.drop is not None
    assert found.mirrored == {}


def test_a_bad_frame_is_not_mirrored():
    assert Bench(switch(mirrors=(INGRESS,))).send("vf0", frame("vf1", "vf0"), is_bad=True).mirrored == {}


def test_a_frame_that_the_policer_refuses_is_mirrored_at_its_ingress_only():
    police = AclEntry("police", rate_bps=10**9, burst_bytes=2000)
    config = switch(mirrors=(INGRESS, Mirror("pf", "vf1", "egress")), acl=(police,))
    raw = frame("vf1", "vf0")
    assert set(Bench(config).send("vf0", raw).mirrored) == {"vf2", "pf"}
    assert Bench(config).send("vf0", raw, refused=True).mirrored == {"vf2": raw}


def test_a_refused_frames_copy_for_a_port_that_would_have_got_it():
    police = AclEntry("police", rate_bps=10**9, burst_bytes=2000)
    config = switch(mirrors=(Mirror("vf1", "vf0"),), acl=(police,))
    raw = frame("vf1", "vf0")
    assert Bench(config).send("vf0", raw).mirrored == {}
    assert Bench(config).send("vf0", raw, refused=True).mirrored == {"vf1": raw}


@pytest.mark.parametrize(
    ("raw", "leaves_a_copy"),
    [
        (frame("vf1", OUTSIDE), True),
        (frame(UNKNOWN, OUTSIDE), True),
        (frame("vf1", OUTSIDE, c_tag(4095)), True),
        (frame(LLDP, OUTSIDE), False),
        (frame("vf1", OUTSIDE)[:13], False),
        (frame("vf1", OUTSIDE, length=1515), False),
    ],
)
def test_a_mirror_of_the_uplinks_ingress(raw, leaves_a_copy):
    assert mirrored(raw, Mirror("vf2", "uplink"), port="uplink") == ({"vf2": raw} if leaves_a_copy else {})


def test_an_egress_mirror_copies_what_the_port_gets_as_it_gets_it():
    stations = {"vf1": {"untagged": ()}}
    raw = frame("vf1", "vf0")
    assert mirrored(raw, EGRESS, stations=stations) == {"vf2": insert(raw, c_tag(1))}
    assert mirrored(frame("pf", "vf0"), EGRESS, stations=stations) == {}


def test_an_egress_mirror_sees_no_dropped_frames():
    assert mirrored(frame("vf1", "vf0"), EGRESS, acl=(AclEntry("deny"),)) == {}


def test_a_mirror_of_the_uplinks_egress_has_the_tags_that_leave():
    raw = frame(OUTSIDE, "vf0")
    mirror = Mirror("vf2", "uplink", "egress")
    assert mirrored(raw, mirror, mode="vn_tag") == {"vf2": insert(raw, vn_tag(2))}
    channel = {"vf0": {"s_channel": 10, "vlans": (7,), "port_vlan": 7}}
    found = mirrored(raw, mirror, mode="multichannel", stations=channel, s_channels={10: "veb"})
    assert found == {"vf2": insert(raw, s_tag(10), c_tag(7))}


def test_a_vlan_mirror_copies_its_frames_as_received():
    both = {key: {"vlans": (1, 7)} for key in ("vf0", "vf1")}
    mirror = Mirror("vf2", vlan=7)
    raw = frame("vf1", "vf0", c_tag(7))
    assert mirrored(raw, mirror, stations=both) == {"vf2": raw}
    assert mirrored(strip(raw, 4), mirror, stations=both) == {}
    assert mirrored(frame("vf1", OUTSIDE, c_tag(7)), mirror, port="uplink", stations=both) == {
        "vf2": frame("vf1", OUTSIDE, c_tag(7))
    }


def test_a_vlan_mirror_takes_untagged_frames_by_their_port_vlan():
    raw = frame("vf1", "vf0")
    assert mirrored(raw, Mirror("vf2", vlan=7), stations={"vf0": {"port_vlan": 7, "vlans": (7,)}}) == {"vf2": raw}


def test_a_vlan_mirror_sees_frames_once_they_are_in_the_vlan():
    mirror = Mirror("vf2", vlan=7)
    raw = frame("vf1", "vf0", c_tag(7))
    assert mirrored(raw, mirror) == {}  # VLAN_MEMBER
    assert mirrored(raw, mirror, stations={"vf0": {"vlans": (7,)}}, acl=(AclEntry("deny"),)) == {"vf2": raw}


def test_a_port_that_already_gets_the_frame_gets_no_mirrored_copy():
    found = Bench(switch(mirrors=(INGRESS, EGRESS))).send("vf0", frame(BROADCAST, "vf0"))
    assert set(found.deliver) == {"uplink", "pf", "vf1", "vf2"}
    assert found.mirrored == {}


def test_a_port_gets_one_mirrored_copy_from_the_first_mirror():
    stations = {"vf1": {"untagged": ()}}
    raw = frame("vf1", "vf0")
    assert mirrored(raw, INGRESS, EGRESS, Mirror("vf2", vlan=1), stations=stations) == {"vf2": raw}
    assert mirrored(raw, EGRESS, INGRESS, stations=stations) == {"vf2": insert(raw, c_tag(1))}


def test_each_target_gets_its_own():
    raw = frame("vf1", "vf0")
    assert mirrored(raw, INGRESS, Mirror("pf", "vf0")) == {"vf2": raw, "pf": raw}


def test_there_is_no_mirror_of_a_mirror():
    raw = frame("vf1", "vf0")
    assert mirrored(raw, INGRESS, Mirror("pf", "vf2", "egress")) == {"vf2": raw}
    assert mirrored(raw, Mirror("pf", "vf2", "egress"), INGRESS) == {"vf2": raw}


def test_a_disabled_target_gets_nothing():
    assert mirrored(frame("vf1", "vf0"), INGRESS, stations={"vf2": {"enabled": False}}) == {}


def test_a_target_needs_no_membership_or_promiscuity():
    raw = frame("vf1", "vf0")
    assert mirrored(raw, INGRESS, stations={"vf2": {"vlans": (9,), "accept": ()}}) == {"vf2": raw}


def test_the_target_may_be_the_sender():
    raw = frame("vf1", "vf0")
    assert mirrored(raw, Mirror("vf0", "vf1", "egress")) == {"vf0": raw}
    assert raw[6:12] == mac("vf0").to_bytes(6, "big")
