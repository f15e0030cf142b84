"""Where a station's frame goes once the rules let it in, mode by mode."""

from __future__ import annotations

import pytest

from cocotb_tests.bench_switch import (
    BROADCAST,
    MULTICAST,
    OUTSIDE,
    AclEntry,
    Address,
    Uplink,
    c_tag,
    frame,
    insert,
    mac,
    s_tag,
    switch,
)
from tests.forwarding_bench import (
    Bench,
    drops,
    receivers,
)

UNKNOWN = 0x02DD_0000_0099
ALL_STATIONS = ("pf", "vf0", "vf1", "vf2")
CHANNEL_OF = {"vf0": 10, "vf1": 10, "vf2": 20, "vf3": 20, "vf4": 30, "pf": None, "vf5": 1}


def veb(**keys):
    return switch(mode="veb", **keys)


class TestKnownUnicastInVeb:
    def test_goes_to_its_port_alone(self):
        assert receivers(veb(), "vf0", frame("vf1", "vf0")) == {"vf1"}
        assert receivers(veb(), "vf0", frame("pf", "vf0")) == {"pf"}

    def test_reaches_the_highest_port(self):
        config = switch("pf", "vf45", "vf46", "vf127")
        for name in ("vf45", "vf46", "vf127"):
            assert receivers(config, "pf", frame(name, "pf")) == {name}

    def test_a_promiscuous_station_gets_no_copy(self):
        config = veb(stations={"vf2": {"promiscuous": True}})
        assert receivers(config, "vf0", frame("vf1", "vf0")) == {"vf1"}

    def test_all_of_a_stations_addresses_are_known(self):
        config = veb(stations={"vf1": {"macs": (0x0200_0000_1111, 0x0200_0000_2222)}})
        for each in (0x0200_0000_1111, 0x0200_0000_2222):
            assert receivers(config, "vf0", frame(each, "vf0")) == {"vf1"}

    def test_an_added_address_may_name_several_ports(self):
        config = veb(addresses=(Address(1, UNKNOWN, ("vf1", "vf2")),))
        assert receivers(config, "vf0", frame(UNKNOWN, "vf0")) == {"vf1", "vf2"}

    def test_an_added_address_holds_in_its_vlan_alone(self):
        both = {key: {"vlans": (1, 2)} for key in ALL_STATIONS}
        config = veb(stations=both, addresses=(Address(2, UNKNOWN, ("vf1",)),))
        assert receivers(config, "vf0", frame(UNKNOWN, "vf0", c_tag(2))) == {"vf1"}
        assert receivers(config, "vf0", frame(UNKNOWN, "vf0")) == {"uplink"}

    def test_an_added_address_joins_the_stations_own(self):
        config = veb(addresses=(Address(1, mac("vf1"), ("vf2",)),))
        assert receivers(config, "vf0", frame("vf1", "vf0")) == {"vf1", "vf2"}

    def test_the_sender_is_left_out_of_several_ports(self):
        for self_loopback in (False, True):
            config = veb(
                stations={"vf0": {"self_loopback": self_loopback}}, addresses=(Address(1, UNKNOWN, ("vf0", "vf2")),)
            )
            assert receivers(config, "vf0", frame(UNKNOWN, "vf0")) == {"vf2"}

    def test_to_the_sender_only_is_same_port(self):
        assert drops(veb(), "vf0", frame("vf0", "vf0")) == "SAME_PORT"

    def test_to_the_sender_only_comes_back_with_self_loopback(self):
        config = veb(stations={"vf0": {"self_loopback": True}})
        assert receivers(config, "vf0", frame("vf0", "vf0")) == {"vf0"}


class TestUnknownUnicastInVeb:
    def test_goes_to_the_uplink_only(self):
        assert receivers(veb(), "vf0", frame(UNKNOWN, "vf0")) == {"uplink"}

    def test_the_default_station_is_for_frames_from_the_wire(self):
        config = veb(stations={"vf2": {"default": True}})
        assert receivers(config, "vf0", frame(UNKNOWN, "vf0")) == {"uplink"}

    def test_an_address_of_a_disabled_station_is_unknown(self):
        config = veb(stations={"vf1": {"enabled": False}})
        assert receivers(config, "vf0", frame("vf1", "vf0")) == {"uplink"}

    def test_an_address_in_another_vlan_is_unknown(self):
        config = veb(stations={"vf0": {"vlans": (1, 2)}})
        assert receivers(config, "vf0", frame("vf1", "vf0", c_tag(2))) == {"uplink"}

    def test_an_added_address_of_a_station_outside_the_vlan_is_unknown(self):
        config = veb(stations={"vf0": {"vlans": (1, 2)}}, addresses=(Address(2, UNKNOWN, ("vf1",)),))
        assert receivers(config, "vf0", frame(UNKNOWN, "vf0", c_tag(2))) == {"uplink"}

    def test_ports_that_are_no_members_do_not_make_the_others_unknown(self):
        config = veb(stations={"vf1": {"enabled": False}}, addresses=(Address(1, UNKNOWN, ("vf1", "vf2")),))
        assert receivers(config, "vf0", frame(UNKNOWN, "vf0")) == {"vf2"}

    def test_a_promiscuous_station_gets_a_copy_in_its_vlans(self):
        config = veb(
            stations={
                "vf0": {"vlans": (1, 2)},
                "vf1": {"promiscuous": True, "vlans": (2,)},
                "vf2": {"promiscuous": True},
            }
        )
        assert receivers(config, "vf0", frame(UNKNOWN, "vf0")) == {"uplink", "vf2"}
        assert receivers(config, "vf0", frame(UNKNOWN, "vf0", c_tag(2))) == {"uplink", "vf1"}

    def test_a_promiscuous_sender_gets_none_of_its_own(self):
        for self_loopback in (False, True):
            config = veb(stations={"vf0": {"promiscuous": True, "self_loopback": self_loopback}})
            assert receivers(config, "vf0", frame(UNKNOWN, "vf0")) == {"uplink"}

    def test_a_disabled_promiscuous_station_gets_nothing(self):
        config = veb(stations={"vf2": {"promiscuous": True, "enabled": False}})
        assert receivers(config, "vf0", frame(UNKNOWN, "vf0")) == {"uplink"}


class TestGroupInVeb:
    @pytest.mark.parametrize("group", [BROADCAST, MULTICAST])
    def test_goes_to_the_uplink_and_all_others(self, group):
        assert receivers(veb(), "vf0", frame(group, "vf0")) == {"uplink", "pf", "vf1", "vf2"}

    def test_goes_to_all_130_ports(self):
        config = switch("pf", *(f"vf{k}" for k in range(128)))
        expected = {"uplink", "pf", *(f"vf{k}" for k in range(1, 128))}
        assert receivers(config, "vf0", frame(BROADCAST, "vf0")) == expected

    def test_comes_back_to_the_sender_with_self_loopback(self):
        config = veb(stations={"vf0": {"self_loopback": True}})
        assert receivers(config, "vf0", frame(BROADCAST, "vf0")) == {"uplink", *ALL_STATIONS}

    def test_comes_back_only_if_the_sender_accepts_it(self):
        attributes = {"self_loopback": True, "accept": (), "promiscuous": True}
        config = veb(stations={"vf0": attributes})
        assert receivers(config, "vf0", frame(BROADCAST, "vf0")) == {"uplink", "pf", "vf1", "vf2"}

    def test_accept_tells_broadcast_from_multicast(self):
        config = veb(
            stations={"pf": {"accept": ()}, "vf1": {"accept": ("broadcast",)}, "vf2": {"accept": ("multicast",)}}
        )
        assert receivers(config, "vf0", frame(BROADCAST, "vf0")) == {"uplink", "vf1"}
        assert receivers(config, "vf0", frame(MULTICAST, "vf0")) == {"uplink", "vf2"}

    def test_a_station_gets_the_groups_of_its_own(self):
        config = veb(
            stations={key: {"accept": ()} for key in ("pf", "vf2")} | {"vf1": {"accept": (), "groups": (MULTICAST,)}}
        )
        assert receivers(config, "vf0", frame(MULTICAST, "vf0")) == {"uplink", "vf1"}
        assert receivers(config, "vf0", frame(MULTICAST + 1, "vf0")) == {"uplink"}

    def test_a_promiscuous_station_gets_every_group(self):
        config = veb(stations={"vf1": {"accept": (), "promiscuous": True}, "vf2": {"accept": ()}})
        assert receivers(config, "vf0", frame(MULTICAST, "vf0")) == {"uplink", "pf", "vf1"}

    def test_stays_in_its_vlan_and_with_enabled_stations(self):
        config = veb(
            stations={"vf0": {"vlans": (1, 2)}, "vf1": {"vlans": (2,)}, "vf2": {"vlans": (2,), "enabled": False}}
        )
        assert receivers(config, "vf0", frame(BROADCAST, "vf0", c_tag(2))) == {"uplink", "vf1"}


class TestLoopbackOff:
    CONFIG = veb(stations={"vf0": {"loopback": False, "self_loopback": True}, "vf2": {"promiscuous": True}})

    @pytest.mark.parametrize("to", ["vf1", "vf0", UNKNOWN, BROADCAST, MULTICAST])
    def test_the_sender_reaches_the_uplink_only(self, to):
        assert receivers(self.CONFIG, "vf0", frame(to, "vf0")) == {"uplink"}

    def test_others_reach_the_station(self):
        assert receivers(self.CONFIG, "vf1", frame("vf0", "vf1")) == {"vf0"}


class TestUplinkVlansInVeb:
    CONFIG = veb(
        stations={key: {"vlans": (1, 2)} for key in ("vf0", "vf1")} | {"pf": {"vlans": (3,), "port_vlan": 3}},
        uplink=Uplink(vlans=(1,)),
    )

    def test_the_uplink_gets_no_copy_in_a_vlan_that_it_does_not_carry(self):
        assert receivers(self.CONFIG, "vf0", frame(BROADCAST, "vf0", c_tag(2))) == {"vf1"}
        assert receivers(self.CONFIG, "vf0", frame("vf1", "vf0", c_tag(2))) == {"vf1"}
        assert receivers(self.CONFIG, "vf0", frame(BROADCAST, "vf0", c_tag(1))) == {"uplink", "vf1", "vf2"}

    def test_no_copy_left_is_no_destination(self):
        assert drops(self.CONFIG, "vf0", frame(UNKNOWN, "vf0", c_tag(2))) == "NO_DESTINATION"
        assert drops(self.CONFIG, "pf", frame(BROADCAST, "pf")) == "NO_DESTINATION"

    def test_also_with_loopback_off(self):
        config = veb(stations={"vf0": {"loopback": False}}, uplink=Uplink(vlans=()))
        assert drops(config, "vf0", frame("vf1", "vf0")) == "NO_DESTINATION"


class TestVepa:
    CONFIG = switch(mode="vepa", stations={"vf0": {"self_loopback": True}, "vf2": {"promiscuous": True}})

    @pytest.mark.parametrize("to", ["vf1", "vf0", UNKNOWN, BROADCAST, MULTICAST])
    def test_everything_goes_to_the_uplink(self, to):
        assert receivers(self.CONFIG, "vf0", frame(to, "vf0")) == {"uplink"}

    def test_the_uplink_must_carry_the_vlan(self):
        config = switch(mode="vepa", uplink=Uplink(vlans=(2, 3)))
        assert drops(config, "vf0", frame("vf1", "vf0")) == "VLAN_MEMBER"

    def test_after_the_access_list(self):
        config = switch(mode="vepa", uplink=Uplink(vlans=()), acl=(AclEntry("deny"),))
        assert drops(config, "vf0", frame("vf1", "vf0")) == "ACL_DENY"


class TestMultichannel:
    """vf0 and vf1 in a VEB, vf2 and vf3 in a VEPA, vf4 alone, pf and vf5 in the default channel."""

    CONFIG = switch(
        *CHANNEL_OF,
        mode="multichannel",
        stations={name: {"s_channel": s_vid, "promiscuous": name == "vf1"} for name, s_vid in CHANNEL_OF.items()},
        s_channels={10: "veb", 20: "vepa", 30: "single"},
    )

    @pytest.mark.parametrize(
        ("source", "to", "expected"),
        [
            ("vf0", "vf1", {"vf1"}),
            ("vf0", BROADCAST, {"vf1", "uplink"}),
            ("vf0", "vf2", {"vf1", "uplink"}),  # unknown in this channel; vf1 is promiscuous
            ("vf1", "vf2", {"uplink"}),
            ("vf2", "vf3", {"uplink"}),
            ("vf2", BROADCAST, {"uplink"}),
            ("vf4", "vf4", {"uplink"}),
            ("vf4", BROADCAST, {"uplink"}),
            ("pf", "vf5", {"vf5"}),
            ("vf5", BROADCAST, {"pf", "uplink"}),
        ],
    )
    def test_each_channel_is_a_world_of_its_own(self, source, to, expected):
        assert receivers(self.CONFIG, source, frame(to, source)) == expected

    def test_to_itself(self):
        assert drops(self.CONFIG, "vf0", frame("vf0", "vf0")) == "SAME_PORT"

    @pytest.mark.parametrize(("source", "s_vid"), [("vf0", 10), ("vf2", 20), ("vf4", 30)])
    def test_the_s_tag_is_outermost_and_has_the_frames_priority(self, source, s_vid):
        raw = frame(OUTSIDE, source, c_tag(0, 5, 1))
        plain = frame(OUTSIDE, source, length=56)
        assert Bench(self.CONFIG).send(source, raw).deliver["uplink"] == insert(plain, s_tag(s_vid, 5, 1))

    def test_the_s_tag_stands_before_the_c_tag(self):
        config = switch(
            mode="multichannel",
            stations={"vf0": {"s_channel": 10, "vlans": (7,), "port_vlan": 7, "default_priority": 2}},
            s_channels={10: "veb"},
        )
        raw = frame(OUTSIDE, "vf0")
        assert Bench(config).send("vf0", raw).deliver == {"uplink": insert(raw, s_tag(10, 2), c_tag(7, 2))}

    @pytest.mark.parametrize("source", ["pf", "vf5"])
    def test_the_default_channel_has_no_s_tag(self, source):
        raw = frame(OUTSIDE, source)
        assert Bench(self.CONFIG).send(source, raw).deliver == {"uplink": raw}

    def test_the_default_channel_may_be_a_vepa(self):
        config = switch(mode="multichannel", s_channels={1: "vepa"})
        assert receivers(config, "vf0", frame("vf1", "vf0")) == {"uplink"}

    @pytest.mark.parametrize(
        ("kind", "reason"), [("veb", "NO_DESTINATION"), ("vepa", "VLAN_MEMBER"), ("single", "VLAN_MEMBER")]
    )
    def test_the_uplink_must_carry_the_vlan(self, kind, reason):
        config = switch(
            mode="multichannel", stations={"vf0": {"s_channel": 9}}, s_channels={9: kind}, uplink=Uplink(vlans=())
        )
        assert drops(config, "vf0", frame(OUTSIDE, "vf0")) == reason

    def test_the_same_address_may_be_in_two_channels(self):
        same = 0x0200_0000_CCCC
        config = switch(
            "vf0", "vf1", "vf2", "vf3",
            mode="multichannel",
            stations={"vf0": {"s_channel": 10}, "vf1": {"s_channel": 10, "macs": (same,)},
                      "vf2": {"s_channel": 20}, "vf3": {"s_channel": 20, "macs": (same,)}},
            s_channels={10: "veb", 20: "veb"},
        )  # fmt: skip
        assert receivers(config, "vf0", frame(same, "vf0")) == {"vf1"}
        assert receivers(config, "vf2", frame(same, "vf2")) == {"vf3"}


def test_a_group_that_the_address_table_gives_in_one_vlan():
    """Only a switch core's registers say so; the configuration has stations' addresses there alone."""
    stations = {name: {"vlans": (1, 2), "accept": ()} for name in ("pf", "vf0", "vf1")}
    config = switch("pf", "vf0", "vf1", stations=stations, addresses=(Address(2, MULTICAST, ("vf1",)),))
    assert receivers(config, "pf", frame(MULTICAST, "pf")) == {"uplink"}
    assert receivers(config, "pf", frame(MULTICAST, "pf", c_tag(2))) == {"uplink", "vf1"}
    assert receivers(config, "uplink", frame(MULTICAST, OUTSIDE, c_tag(2))) == {"vf1"}
