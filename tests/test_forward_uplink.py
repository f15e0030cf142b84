"""What becomes of a frame from the uplink, row by row."""

from __future__ import annotations

import pytest

from cocotb_tests.bench_switch import (
    BROADCAST,
    LLDP,
    MULTICAST,
    OUTSIDE,
    Address,
    Uplink,
    c_tag,
    e_tag,
    frame,
    insert,
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

UNKNOWN = 0x02DD_0000_0099
BRIDGES = ["veb", "vepa", "multichannel"]
MODES = [*BRIDGES, "vn_tag", "e_tag"]
TO_VF1 = {"vn_tag": (vn_tag(dvif=3, direction=1),), "e_tag": (e_tag(3),)}


def from_outside(to, *tags, **keys):
    return frame(to, OUTSIDE, *tags, **keys)


@pytest.mark.parametrize("mode", MODES)
class TestFrames:
    def test_a_bad_frame_is_dropped(self, mode):
        raw = from_outside("vf1", *TO_VF1.get(mode, ()))
        assert drops(switch(mode=mode), "uplink", raw, is_bad=True) == "BAD_FRAME"

    def test_a_runt_is_dropped(self, mode):
        assert drops(switch(mode=mode), "uplink", from_outside("vf1")[:13]) == "RUNT"

    def test_the_longest_frame_of_the_enabled_stations_counts(self, mode):
        config = switch(
            mode=mode,
            stations={"vf0": {"max_frame_bytes": 3000}, "vf2": {"max_frame_bytes": 9018, "enabled": False}},
        )
        tags = TO_VF1.get(mode, ())
        n_tag_bytes = sum(map(len, tags))
        assert drops(config, "uplink", from_outside("vf1", *tags, length=2996 + n_tag_bytes)) is None
        assert drops(config, "uplink", from_outside("vf1", *tags, length=2997 + n_tag_bytes)) == "OVERSIZE"

    def test_without_an_enabled_station_no_frame_is_too_long(self, mode):
        config = switch("pf", mode=mode, stations={"pf": {"enabled": False}})
        assert drops(config, "uplink", from_outside("pf", length=9014)) not in (None, "OVERSIZE")

    def test_the_source_is_not_checked(self, mode):
        for source in (0, BROADCAST, "vf1"):
            raw = frame("vf1", source, *TO_VF1.get(mode, ()))
            assert drops(switch(mode=mode), "uplink", raw) is None


@pytest.mark.parametrize(
    ("mode", "tag"), [("vn_tag", vn_tag(dvif=3, direction=1)), ("e_tag", e_tag(3)), ("multichannel", s_tag(1))]
)
def test_an_outer_tag_or_the_type_after_it_cut_short_is_a_runt(mode, tag):
    whole = from_outside("vf1", tag)
    config = switch(mode=mode)
    for n_bytes in range(14, 14 + len(tag)):
        assert drops(config, "uplink", whole[:n_bytes]) == "RUNT"
    assert drops(config, "uplink", whole[: 14 + len(tag)]) is None


@pytest.mark.parametrize("mode", ["veb", "vepa"])
def test_a_tag_that_the_mode_does_not_use_is_a_type_like_any_other(mode):
    for tag in (s_tag(10), vn_tag(dvif=3, direction=1), e_tag(3)):
        raw = from_outside("vf1", tag)
        assert Bench(switch(mode=mode)).send("uplink", raw).deliver == {"vf1": raw}


class TestMultichannel:
    CONFIG = switch(
        "pf", "vf0", "vf1", "vf2", "vf3",
        mode="multichannel",
        stations={"vf0": {"s_channel": 10}, "vf1": {"s_channel": 10}, "vf2": {"s_channel": 20},
                  "vf3": {"s_channel": 30, "spoof_check": False}},
        s_channels={10: "veb", 20: "vepa", 30: "single"},
    )  # fmt: skip

    @pytest.mark.parametrize(
        ("to", "tags", "expected"),
        [
            ("vf0", (s_tag(10),), {"vf0"}),
            ("vf0", (s_tag(20),), "UNKNOWN_UNICAST"),
            ("vf0", (), "UNKNOWN_UNICAST"),
            ("vf0", (s_tag(40),), "STAG_UNKNOWN"),
            ("vf0", (s_tag(4095),), "STAG_UNKNOWN"),
            ("pf", (), {"pf"}),
            ("pf", (s_tag(1),), {"pf"}),
            ("pf", (s_tag(0, 5),), {"pf"}),  # a priority tag
            (BROADCAST, (s_tag(10),), {"vf0", "vf1"}),
            (BROADCAST, (s_tag(20),), {"vf2"}),
            (BROADCAST, (s_tag(30),), {"vf3"}),
            (BROADCAST, (), {"pf"}),
            (BROADCAST, (s_tag(10), c_tag(1)), {"vf0", "vf1"}),
            (BROADCAST, (s_tag(10), c_tag(7)), "NO_DESTINATION"),
        ],
    )
    def test_the_s_tag_selects_the_channel(self, to, tags, expected):
        found = Bench(self.CONFIG).send("uplink", from_outside(to, *tags))
        assert (found.drop or set(found.deliver)) == expected

    def test_the_s_tag_is_stripped(self):
        raw = from_outside("vf0", s_tag(10, 5, 1))
        found = Bench(self.CONFIG).send("uplink", raw)
        assert (found.deliver, found.priority) == ({"vf0": from_outside("vf0", length=56)}, 5)

    def test_the_c_tags_priority_comes_first(self):
        raw = from_outside("vf0", s_tag(10, 5), c_tag(0, 2))
        assert Bench(self.CONFIG).send("uplink", raw).priority == 2

    def test_the_s_tags_priority_shows_in_a_new_c_tag(self):
        config = switch(
            mode="multichannel", stations={"vf0": {"s_channel": 10, "untagged": ()}}, s_channels={10: "veb"}
        )
        raw = from_outside("vf0", s_tag(10, 5, 1))
        plain = from_outside("vf0", length=56)
        assert Bench(config).send("uplink", raw).deliver == {"vf0": insert(plain, c_tag(1, 5, 1))}

    def test_only_a_vepa_filters_the_source(self):
        for s_vid, source, expected in ((10, "vf0", {"vf0", "vf1"}), (20, "vf2", None), (30, "vf3", {"vf3"})):
            found = Bench(self.CONFIG).send("uplink", frame(BROADCAST, source, s_tag(s_vid)))
            assert (set(found.deliver) or None) == expected

    def test_an_unused_default_channel_is_unknown(self):
        config = switch("vf0", mode="multichannel", stations={"vf0": {"s_channel": 10}}, s_channels={10: "veb"})
        assert drops(config, "uplink", from_outside("vf0")) == "STAG_UNKNOWN"


@pytest.mark.parametrize("mode", BRIDGES)
class TestBridged:
    def test_mac_control_frames_never_pass(self, mode):
        config = switch(mode=mode, stations={"vf1": {"trusted": True}})
        assert drops(config, "uplink", from_outside("vf1", ethertype=0x8808)) == "CONTROL_FRAME"
        assert drops(config, "uplink", from_outside(0x0180_C200_0001, ethertype=0x8808)) == "CONTROL_FRAME"

    def test_reserved_addresses_go_to_trusted_members_only(self, mode):
        config = switch(mode=mode, stations={"pf": {"trusted": True}, "vf2": {"trusted": True, "vlans": (2,)}})
        assert receivers(config, "uplink", from_outside(LLDP)) == {"pf"}
        assert drops(switch(mode=mode), "uplink", from_outside(LLDP)) == "CONTROL_FRAME"

    def test_a_disabled_trusted_station_is_none(self, mode):
        config = switch(mode=mode, stations={"pf": {"trusted": True, "enabled": False}})
        assert drops(config, "uplink", from_outside(LLDP)) == "CONTROL_FRAME"

    def test_a_trusted_member_that_accepts_no_multicast_gets_none(self, mode):
        config = switch(mode=mode, stations={"pf": {"trusted": True, "accept": ("broadcast",)}})
        assert drops(config, "uplink", from_outside(LLDP)) == "NO_DESTINATION"
        config = switch(mode=mode, stations={"pf": {"trusted": True, "accept": (), "groups": (LLDP,)}})
        assert receivers(config, "uplink", from_outside(LLDP)) == {"pf"}

    def test_control_comes_before_the_vlan(self, mode):
        config = switch(mode=mode, uplink=Uplink(native_vlan=None))
        assert drops(config, "uplink", from_outside(LLDP)) == "CONTROL_FRAME"
        assert drops(config, "uplink", from_outside("vf0", c_tag(4095), ethertype=0x8808)) == "CONTROL_FRAME"

    def test_a_trusted_member_of_a_vlan_that_is_not_carried(self, mode):
        config = switch(mode=mode, stations={"pf": {"trusted": True}}, uplink=Uplink(vlans=(2,)))
        assert drops(config, "uplink", from_outside(LLDP)) == "VLAN_MEMBER"

    @pytest.mark.parametrize("tags", [(), (c_tag(0, 4),)])
    def test_untagged_and_priority_tagged_frames_are_in_the_native_vlan(self, mode, tags):
        members = {"vf0": {"vlans": (1,)}, "vf1": {"vlans": (7,)}, "vf2": {"vlans": (8,)}}
        config = switch(mode=mode, stations=members, uplink=Uplink(native_vlan=7))
        found = Bench(config).send("uplink", from_outside(BROADCAST, *tags))
        assert (set(found.deliver), found.vlan) == ({"vf1"}, 7)

    @pytest.mark.parametrize("tags", [(), (c_tag(0, 4),)])
    def test_without_a_native_vlan_they_are_dropped(self, mode, tags):
        config = switch(mode=mode, uplink=Uplink(native_vlan=None))
        assert drops(config, "uplink", from_outside("vf1", *tags)) == "VLAN_MEMBER"
        assert drops(config, "uplink", from_outside("vf1", c_tag(1))) is None

    def test_vid_4095_is_reserved(self, mode):
        assert drops(switch(mode=mode), "uplink", from_outside("vf1", c_tag(4095))) == "VLAN_MEMBER"

    def test_the_uplink_must_carry_the_vlan(self, mode):
        config = switch(mode=mode, stations={"vf1": {"vlans": (1, 2, 3)}}, uplink=Uplink(vlans=(1, 2)))
        assert drops(config, "uplink", from_outside("vf1", c_tag(2))) is None
        assert drops(config, "uplink", from_outside("vf1", c_tag(3))) == "VLAN_MEMBER"

    def test_also_its_native_vlan(self, mode):
        config = switch(mode=mode, uplink=Uplink(native_vlan=1, vlans=(2,)))
        assert drops(config, "uplink", from_outside("vf1")) == "VLAN_MEMBER"

    def test_known_unicast_goes_to_its_stations(self, mode):
        assert receivers(switch(mode=mode), "uplink", from_outside("vf1")) == {"vf1"}
        config = switch(mode=mode, addresses=(Address(1, UNKNOWN, ("vf0", "vf2")),))
        assert receivers(config, "uplink", from_outside(UNKNOWN)) == {"vf0", "vf2"}

    def test_unicast_is_not_source_checked(self, mode):
        assert receivers(switch(mode=mode), "uplink", frame("vf1", "vf1")) == {"vf1"}

    def test_unknown_unicast_goes_to_the_default_and_promiscuous_stations(self, mode):
        assert drops(switch(mode=mode), "uplink", from_outside(UNKNOWN)) == "UNKNOWN_UNICAST"
        config = switch(mode=mode, stations={"pf": {"default": True}, "vf2": {"promiscuous": True}})
        assert receivers(config, "uplink", from_outside(UNKNOWN)) == {"pf", "vf2"}
        assert receivers(config, "uplink", from_outside("vf1")) == {"vf1"}

    def test_only_if_they_are_enabled_members(self, mode):
        config = switch(
            mode=mode,
            stations={"pf": {"default": True, "vlans": (2,)}, "vf2": {"promiscuous": True, "enabled": False}},
        )
        assert drops(config, "uplink", from_outside(UNKNOWN)) == "UNKNOWN_UNICAST"

    def test_an_address_of_a_disabled_station_or_another_vlan_is_unknown(self, mode):
        config = switch(mode=mode, stations={"vf0": {"enabled": False}, "vf1": {"vlans": (2,)}})
        assert drops(config, "uplink", from_outside("vf0")) == "UNKNOWN_UNICAST"
        assert drops(config, "uplink", from_outside("vf1")) == "UNKNOWN_UNICAST"

    def test_groups_go_to_each_accepting_member(self, mode):
        config = switch(
            mode=mode,
            stations={"pf": {"accept": ()}, "vf0": {"accept": ("broadcast",)}, "vf1": {"vlans": (2,)},
                      "vf2": {"accept": (), "promiscuous": True}},
        )  # fmt: skip
        assert receivers(config, "uplink", from_outside(BROADCAST)) == {"vf0", "vf2"}
        assert receivers(config, "uplink", from_outside(MULTICAST)) == {"vf2"}

    def test_a_group_that_no_member_accepts_has_no_destination(self, mode):
        config = switch("vf0", mode=mode, stations={"vf0": {"accept": ("broadcast",)}})
        assert drops(config, "uplink", from_outside(MULTICAST)) == "NO_DESTINATION"

    def test_loopback_settings_do_not_matter(self, mode):
        config = switch(mode=mode, stations={"vf1": {"loopback": False}})
        assert receivers(config, "uplink", from_outside("vf1")) == {"vf1"}


class TestReflection:
    """VEPA: a group frame that the adjacent bridge sends back does not return to its sender."""

    def test_not_to_the_station_that_owns_the_source(self):
        assert receivers(switch(mode="vepa"), "uplink", frame(BROADCAST, "vf1")) == {"pf", "vf0", "vf2"}
        assert receivers(switch(mode="veb"), "uplink", frame(BROADCAST, "vf1")) == {"pf", "vf0", "vf1", "vf2"}

    def test_not_even_if_it_is_promiscuous(self):
        config = switch(mode="vepa", stations={"vf1": {"promiscuous": True}})
        assert receivers(config, "uplink", frame(BROADCAST, "vf1")) == {"pf", "vf0", "vf2"}

    def test_an_unknown_source_filters_nothing(self):
        assert receivers(switch(mode="vepa"), "uplink", from_outside(BROADCAST)) == {"pf", "vf0", "vf1", "vf2"}

    def test_added_addresses_count_in_their_vlan(self):
        config = switch(
            mode="vepa",
            stations={key: {"vlans": (1, 2)} for key in ("vf0", "vf1")},
            addresses=(Address(2, OUTSIDE, ("vf0",)),),
        )
        assert receivers(config, "uplink", from_outside(BROADCAST, c_tag(2))) == {"vf1"}
        assert "vf0" in receivers(config, "uplink", from_outside(BROADCAST))

    def test_nobody_owns_the_address_of_a_group(self):
        config = switch(mode="vepa", addresses=(Address(1, MULTICAST, ("vf0", "vf1")),))
        assert receivers(config, "uplink", frame(BROADCAST, MULTICAST)) == {"pf", "vf0", "vf1", "vf2"}

    def test_none_left(self):
        config = switch("vf0", mode="vepa")
        assert drops(config, "uplink", frame(BROADCAST, mac("vf0"))) == "NO_DESTINATION"
