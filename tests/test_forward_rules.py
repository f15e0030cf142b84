"""Each rule at the port where a station's frame arrives: a frame that just passes, frames that just do not."""

from __future__ import annotations

import pytest

from cocotb_tests.bench_switch import (
    BROADCAST,
    LLDP,
    OUTSIDE,
    AclEntry,
    c_tag,
    e_tag,
    frame,
    mac,
    s_tag,
    switch,
    vn_tag,
)
from tests.forwarding_bench import (
    Bench,
    drops,
    receivers,
)


def vf0(**attributes):
    """Build a switch whose vf0 differs from the defaults."""
    return switch(stations={"vf0": attributes})


def test_a_plain_frame_passes_all_rules():
    assert receivers(switch(), "vf0", frame("vf1", "vf0")) == {"vf1"}


# --- rule 1 -----------------------------------------------------------------------------------------------------
def test_a_disabled_port_sends_nothing():
    assert drops(vf0(enabled=False), "vf0", frame("vf1", "vf0")) == "PORT_DISABLED"
    assert drops(vf0(enabled=False), "vf0", frame("vf1", "vf0")[:5], is_bad=True) == "PORT_DISABLED"


# --- rule 2 -----------------------------------------------------------------------------------------------------
def test_a_frame_that_its_source_marks_bad_is_dropped_before_its_length_matters():
    assert drops(switch(), "vf0", frame("vf1", "vf0"), is_bad=True) == "BAD_FRAME"
    assert drops(switch(), "vf0", frame("vf1", "vf0")[:13], is_bad=True) == "BAD_FRAME"
    assert drops(switch(), "vf0", frame("vf1", "vf0", length=1515), is_bad=True) == "BAD_FRAME"


# --- rule 3 -----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("n_bytes", [1, 6, 12, 13])
def test_less_than_an_untagged_header_is_a_runt(n_bytes):
    assert drops(switch(), "vf0", frame("vf1", "vf0")[:n_bytes]) == "RUNT"


def test_fourteen_bytes_are_enough_without_padding():
    raw = frame("vf1", "vf0")[:14]
    assert Bench(switch()).send("vf0", raw).deliver == {"vf1": raw}


@pytest.mark.parametrize("n_bytes", [14, 15, 16, 17])
def test_a_c_tag_or_the_type_after_it_cut_short_is_a_runt(n_bytes):
    assert drops(switch(), "vf0", frame("vf1", "vf0", c_tag(1))[:n_bytes]) == "RUNT"


def test_a_c_tag_and_a_whole_type_are_enough():
    assert drops(switch(), "vf0", frame("vf1", "vf0", c_tag(1))[:18]) is None


def test_a_tag_that_a_station_may_not_use_is_no_tag_to_be_complete():
    config = vf0(ethertype_filter=False)
    assert drops(config, "vf0", frame("vf1", "vf0", vn_tag())[:14]) is None


@pytest.mark.parametrize(("length", "reason"), [(1514, None), (1515, "OVERSIZE")])
def test_max_frame_counts_the_fcs(length, reason):
    assert drops(switch(), "vf0", frame("vf1", "vf0", length=length)) == reason


@pytest.mark.parametrize(("length", "reason"), [(1518, None), (1519, "OVERSIZE")])
def test_max_frame_counts_no_tag(length, reason):
    assert drops(switch(), "vf0", frame("vf1", "vf0", c_tag(1), length=length)) == reason


def test_a_second_c_tag_is_payload_and_counts():
    assert drops(switch(), "vf0", frame("vf1", "vf0", c_tag(1), c_tag(2), length=1518)) is None
    assert drops(switch(), "vf0", frame("vf1", "vf0", c_tag(1), c_tag(2), length=1519)) == "OVERSIZE"


def test_each_port_has_its_own_longest_frame():
    config = switch(stations={"vf0": {"max_frame_bytes": 9018}})
    assert drops(config, "vf0", frame("vf1", "vf0", length=9014)) is None
    assert drops(config, "vf0", frame("vf1", "vf0", length=9015)) == "OVERSIZE"
    assert drops(config, "vf1", frame("vf0", "vf1", length=1515)) == "OVERSIZE"


# --- rule 4 -----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("source", [0, BROADCAST, 0x0100_0000_0001, 0x0300_0000_0002])
def test_a_group_or_zero_source_is_dropped(source):
    assert drops(vf0(spoof_check=False), "vf0", frame("vf1", source)) == "BAD_SOURCE"


# --- rule 5 -----------------------------------------------------------------------------------------------------
def test_pause_and_pfc_are_dropped_unless_the_port_is_trusted():
    pause = frame("vf1", "vf0", ethertype=0x8808)
    assert drops(vf0(), "vf0", pause) == "CONTROL_FRAME"
    assert drops(vf0(trusted=True), "vf0", pause) is None


def test_a_c_tag_hides_no_control_frame():
    assert drops(vf0(), "vf0", frame("vf1", "vf0", c_tag(1), ethertype=0x8808)) == "CONTROL_FRAME"


@pytest.mark.parametrize("last", range(16))
def test_reserved_addresses_are_for_trusted_ports(last):
    raw = frame(0x0180_C200_0000 + last, "vf0")
    assert drops(vf0(), "vf0", raw) == "CONTROL_FRAME"
    assert receivers(vf0(trusted=True), "vf0", raw) == {"uplink", "pf", "vf1", "vf2"}


@pytest.mark.parametrize("destination", [0x0180_C200_0010, 0x0180_C1FF_FFFF, 0x0380_C200_0000])
def test_the_addresses_around_the_reserved_ones_are_ordinary(destination):
    assert drops(vf0(), "vf0", frame(destination, "vf0")) is None


# --- rule 6 -----------------------------------------------------------------------------------------------------
def test_spoof_check_takes_only_the_ports_own_addresses():
    assert drops(vf0(), "vf0", frame("vf1", "vf2")) == "SPOOFED_MAC"
    assert drops(vf0(), "vf0", frame("vf1", OUTSIDE)) == "SPOOFED_MAC"
    assert drops(vf0(spoof_check=False), "vf0", frame("vf1", "vf2")) is None


def test_each_of_a_ports_addresses_is_its_own():
    config = vf0(macs=(0x0200_0000_AA00, 0x0200_0000_AA01))
    assert drops(config, "vf0", frame("vf1", 0x0200_0000_AA00)) is None
    assert drops(config, "vf0", frame("vf1", 0x0200_0000_AA01)) is None
    assert drops(config, "vf0", frame("vf1", "vf0")) == "SPOOFED_MAC"


def test_spoof_check_does_not_ask_for_the_vlan():
    config = switch(stations={"vf0": {"vlans": (1, 2)}, "vf1": {"vlans": (1, 2)}})
    assert drops(config, "vf0", frame("vf1", "vf0", c_tag(2))) is None


# --- rule 7 -----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("tag", [s_tag(5), vn_tag(1), e_tag(1)])
@pytest.mark.parametrize("before", [(), (c_tag(1),)])
def test_outer_tags_are_forbidden_unless_the_filter_is_off_or_the_port_trusted(tag, before):
    raw = frame("vf1", "vf0", *before, tag)
    assert drops(vf0(), "vf0", raw) == "FORBIDDEN_TAG"
    assert drops(vf0(ethertype_filter=False), "vf0", raw) is None
    assert drops(vf0(trusted=True), "vf0", raw) is None


def test_a_second_c_tag_is_not_forbidden():
    assert drops(vf0(), "vf0", frame("vf1", "vf0", c_tag(1), c_tag(9))) is None


# --- rule 8 -----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("admit", "untagged", "priority_tagged", "tagged"),
    [
        ("all", None, None, None),
        ("tagged", "VLAN_ADMIT", "VLAN_ADMIT", None),
        ("untagged", None, None, "VLAN_ADMIT"),
    ],
)
def test_admit_counts_vid_0_as_untagged(admit, untagged, priority_tagged, tagged):
    config = vf0(admit=admit)
    assert drops(config, "vf0", frame("vf1", "vf0")) == untagged
    assert drops(config, "vf0", frame("vf1", "vf0", c_tag(0, 5))) == priority_tagged
    assert drops(config, "vf0", frame("vf1", "vf0", c_tag(1))) == tagged


# --- rule 9 -----------------------------------------------------------------------------------------------------
def test_a_port_sends_only_in_its_vlans():
    config = vf0(vlans=(1, 7))
    assert drops(config, "vf0", frame("vf1", "vf0", c_tag(7))) is None
    assert drops(config, "vf0", frame("vf1", "vf0", c_tag(8))) == "VLAN_MEMBER"


def test_vid_4095_is_reserved():
    assert drops(switch(), "vf0", frame("vf1", "vf0", c_tag(4095))) == "VLAN_MEMBER"


def test_untagged_frames_are_in_the_port_vlan():
    config = switch(stations={"vf0": {"port_vlan": 7, "vlans": (7,)}, "vf1": {"port_vlan": 7, "vlans": (7,)}})
    assert Bench(config).send("vf0", frame("vf1", "vf0")).vlan == 7
    assert Bench(config).send("vf0", frame("vf1", "vf0", c_tag(0, 3))).vlan == 7


def test_a_port_that_is_no_member_of_its_port_vlan_sends_nothing_untagged():
    config = vf0(port_vlan=9, vlans=(1,))
    assert drops(config, "vf0", frame("vf1", "vf0")) == "VLAN_MEMBER"
    assert drops(config, "vf0", frame("vf1", "vf0", c_tag(1))) is None


# --- rule 10 ----------------------------------------------------------------------------------------------------
DENY = AclEntry("deny")


@pytest.mark.parametrize(
    ("entry", "matching", "other"),
    [
        (AclEntry("deny", "vf0"), ("vf0", frame("vf1", "vf0")), ("vf2", frame("vf1", "vf2"))),
        (AclEntry("deny", source=mac("vf0")), ("vf0", frame("vf1", "vf0")), ("vf2", frame("vf1", "vf2"))),
        (AclEntry("deny", destination=mac("vf1")), ("vf0", frame("vf1", "vf0")), ("vf0", frame("vf2", "vf0"))),
        (
            AclEntry("deny", ethertype=0x86DD),
            ("vf0", frame("vf1", "vf0", ethertype=0x86DD)),
            ("vf0", frame("vf1", "vf0")),
        ),
        (AclEntry("deny", vlan=1), ("vf0", frame("vf1", "vf0")), ("vf0", frame("vf1", "vf0", c_tag(2)))),
    ],
)
def test_each_field_of_an_entry_restricts_it(entry, matching, other):
    both = {name: {"vlans": (1, 2)} for name in ("vf0", "vf1", "vf2")}
    config = switch(stations=both, acl=(entry,))
    assert drops(config, *matching) == "ACL_DENY"
    assert drops(config, *other) is None


def test_the_ethertype_is_the_one_after_the_tag():
    config = switch(acl=(AclEntry("deny", ethertype=0x86DD),))
    assert drops(config, "vf0", frame("vf1", "vf0", c_tag(1), ethertype=0x86DD)) == "ACL_DENY"
    assert drops(switch(acl=(AclEntry("deny", ethertype=0x8100),)), "vf0", frame("vf1", "vf0", c_tag(1))) is None


def test_all_conditions_of_an_entry_must_hold():
    config = switch(acl=(AclEntry("deny", "vf0", destination=mac("vf1"), ethertype=0x86DD),))
    assert drops(config, "vf0", frame("vf1", "vf0")) is None
    assert drops(config, "vf0", frame("vf1", "vf0", ethertype=0x86DD)) == "ACL_DENY"


def test_the_first_match_decides():
    permit = AclEntry("permit", "vf0")
    assert drops(switch(acl=(permit, DENY)), "vf0", frame("vf1", "vf0")) is None
    assert drops(switch(acl=(DENY, permit)), "vf0", frame("vf1", "vf0")) == "ACL_DENY"
    assert drops(switch(acl=(permit, DENY)), "vf1", frame("vf0", "vf1")) == "ACL_DENY"


def test_a_frame_that_nothing_matches_passes():
    assert drops(switch(acl=(AclEntry("deny", "vf2"),)), "vf0", frame("vf1", "vf0")) is None


def test_an_entry_may_set_the_priority_and_ends_the_search():
    config = switch(acl=(AclEntry("priority", "vf0", priority=6), DENY))
    found = Bench(config).send("vf0", frame("vf1", "vf0", c_tag(0, 2)))
    assert (found.drop, found.priority) == (None, 6)


def test_the_list_is_not_asked_about_frames_from_the_uplink():
    assert drops(switch(acl=(DENY,)), "uplink", frame("vf1", OUTSIDE)) is None


# --- rule 11 ----------------------------------------------------------------------------------------------------
def police(port="all", **keys):
    return AclEntry("police", port, rate_bps=10**9, burst_bytes=2000, **keys)


def test_a_police_entry_names_its_bucket():
    config = switch(acl=(police("vf0"), DENY, police("vf1"))[::2])
    assert Bench(config).send("vf0", frame("vf1", "vf0")).policer == 0
    assert Bench(config).send("vf1", frame("vf0", "vf1")).policer == 1
    assert Bench(config).send("vf2", frame("vf0", "vf2")).policer is None


def test_other_entries_take_no_number():
    config = switch(acl=(AclEntry("permit", "vf2"), police("vf0"), AclEntry("deny", "pf"), police("vf1")))
    assert Bench(config).send("vf1", frame("vf0", "vf1")).policer == 1


def test_a_frame_that_the_policer_refuses_is_rate_limited():
    found = Bench(switch(acl=(police(),))).send("vf0", frame("vf1", "vf0"), refused=True)
    assert (found.drop, found.deliver, found.policer) == ("RATE_LIMITED", {}, 0)


def test_the_policer_is_asked_before_the_destination_matters():
    config = switch(acl=(police(),))
    assert Bench(config).send("vf0", frame("vf0", "vf0")).drop == "SAME_PORT"
    assert Bench(config).send("vf0", frame("vf0", "vf0"), refused=True).drop == "RATE_LIMITED"


def test_the_policer_is_not_asked_about_frames_that_earlier_rules_drop():
    config = switch(acl=(police(),))
    assert Bench(config).send("vf0", frame("vf1", "vf2"), refused=True).drop == "SPOOFED_MAC"
    assert Bench(config).send("vf0", frame("vf1", "vf0", length=1515), refused=True).policer is None


# --- order ------------------------------------------------------------------------------------------------------
def test_the_first_rule_that_fails_gives_the_reason():
    """Start with a frame that breaks all rules, mend the first broken one each time."""
    acl = (AclEntry("deny"),)
    wrong = {"admit": "tagged", "port_vlan": 9, "enabled": False}
    bad_source = frame(LLDP, 0, vn_tag(), length=1515)
    spoofing = frame(LLDP, "vf2", vn_tag())
    steps = [
        ("PORT_DISABLED", {}, bad_source[:10], True),
        ("BAD_FRAME", {"enabled": True}, bad_source[:10], True),
        ("RUNT", {}, bad_source[:10], False),
        ("OVERSIZE", {}, bad_source, False),
        ("BAD_SOURCE", {}, bad_source[:60], False),
        ("CONTROL_FRAME", {}, spoofing, False),
        ("SPOOFED_MAC", {}, frame("vf1", "vf2", vn_tag()), False),
        ("FORBIDDEN_TAG", {}, frame("vf1", "vf0", vn_tag()), False),
        ("VLAN_ADMIT", {}, frame("vf1", "vf0"), False),
        ("VLAN_MEMBER", {"admit": "all"}, frame("vf1", "vf0"), False),
        ("ACL_DENY", {"port_vlan": 1}, frame("vf1", "vf0"), False),
    ]
    for reason, mended, raw, is_bad in steps:
        wrong |= mended
        assert drops(switch(stations={"vf0": wrong}, acl=acl), "vf0", raw, is_bad=is_bad) == reason
