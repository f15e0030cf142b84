"""The modes in which a bridge above decides: VN-Tag and E-TAG, up and down."""

from __future__ import annotations

import pytest

from cocotb_tests.bench_switch import (
    BROADCAST,
    LLDP,
    OUTSIDE,
    AclEntry,
    EcidList,
    Uplink,
    c_tag,
    e_tag,
    frame,
    insert,
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


def from_outside(to, *tags, **keys):
    return frame(to, OUTSIDE, *tags, **keys)


@pytest.mark.parametrize("mode", ["vn_tag", "e_tag"])
class TestUnderABridge:
    """Rules 1 to 4, 6, 7, and 5 for 0x8808 only."""

    @pytest.mark.parametrize(
        ("reason", "raw", "attributes"),
        [
            ("PORT_DISABLED", frame("vf1", "vf0"), {"enabled": False}),
            ("RUNT", frame("vf1", "vf0", c_tag(1))[:17], {}),
            ("OVERSIZE", frame("vf1", "vf0", length=1515), {}),
            ("BAD_SOURCE", frame("vf1", 0), {}),
            ("CONTROL_FRAME", frame("vf1", "vf0", ethertype=0x8808), {}),
            ("SPOOFED_MAC", frame("vf1", "vf2"), {}),
            ("FORBIDDEN_TAG", frame("vf1", "vf0", vn_tag()), {}),
            ("FORBIDDEN_TAG", frame("vf1", "vf0", e_tag()), {}),
        ],
    )
    def test_rules_that_apply(self, mode, reason, raw, attributes):
        assert drops(switch(mode=mode, stations={"vf0": attributes}), "vf0", raw) == reason

    def test_a_bad_frame_is_dropped(self, mode):
        assert drops(switch(mode=mode), "vf0", frame("vf1", "vf0"), is_bad=True) == "BAD_FRAME"

    def test_a_trusted_port_may_send_control_frames(self, mode):
        config = switch(mode=mode, stations={"vf0": {"trusted": True}})
        assert drops(config, "vf0", frame("vf1", "vf0", ethertype=0x8808)) is None

    def test_lldp_goes_up(self, mode):
        assert receivers(switch(mode=mode), "vf0", frame(LLDP, "vf0", ethertype=0x88CC)) == {"uplink"}

    @pytest.mark.parametrize(
        ("raw", "attributes"),
        [
            (frame("vf1", "vf0"), {"admit": "tagged"}),
            (frame("vf1", "vf0", c_tag(7)), {"admit": "untagged"}),
            (frame("vf1", "vf0", c_tag(7)), {}),
            (frame("vf1", "vf0", c_tag(4095)), {}),
            (frame("vf1", "vf0"), {"port_vlan": 9}),
        ],
    )
    def test_vlan_rules_do_not_apply(self, mode, raw, attributes):
        config = switch(mode=mode, stations={"vf0": attributes})
        sent = Bench(config).send("vf0", raw).deliver["uplink"]
        assert sent == insert(raw, vn_tag(2) if mode == "vn_tag" else e_tag(2))

    def test_the_access_list_does_not_apply(self, mode):
        found = Bench(switch(mode=mode, acl=(AclEntry("deny"),))).send("vf0", frame("vf1", "vf0"))
        assert (found.drop, found.policer) == (None, None)
        assert (
            Bench(switch(mode=mode, acl=(AclEntry("police", rate_bps=10**9, burst_bytes=2000),)))
            .send("vf0", frame("vf1", "vf0"))
            .policer
            is None
        )


class TestVnTagUp:
    def test_the_tag_names_the_port_and_stands_after_the_source(self):
        raw = frame("vf1", "vf0")
        expected = raw[:12] + bytes.fromhex("892600000002") + raw[12:]
        assert Bench(switch(mode="vn_tag")).send("vf0", raw).deliver == {"uplink": expected}

    def test_the_vif_may_be_chosen(self):
        config = switch(mode="vn_tag", stations={"vf0": {"vif": 4095}})
        raw = frame(BROADCAST, "vf0")
        assert Bench(config).send("vf0", raw).deliver == {"uplink": insert(raw, vn_tag(svif=4095))}

    def test_nothing_is_delivered_locally(self):
        config = switch(mode="vn_tag", stations={"vf0": {"self_loopback": True}})
        for to in ("vf0", "vf1", UNKNOWN, BROADCAST):
            assert receivers(config, "vf0", frame(to, "vf0")) == {"uplink"}

    def test_the_vlans_of_the_uplink_do_not_matter(self):
        config = switch(mode="vn_tag", uplink=Uplink(None, ()))
        assert receivers(config, "vf0", frame("vf1", "vf0", c_tag(5))) == {"uplink"}

    def test_a_c_tag_passes_under_the_tag(self):
        raw = frame("vf1", "vf0", c_tag(100, 5, 1))
        found = Bench(switch(mode="vn_tag")).send("vf0", raw)
        assert found.deliver == {"uplink": insert(raw, vn_tag(2))}
        assert (found.vlan, found.priority) == (100, 5)

    def test_a_priority_tag_passes_too(self):
        raw = frame("vf1", "vf0", c_tag(0, 5, 1))
        assert Bench(switch(mode="vn_tag")).send("vf0", raw).deliver == {"uplink": insert(raw, vn_tag(2))}


class TestETagUp:
    def test_the_tag_names_the_port(self):
        raw = frame("vf1", "vf0")
        expected = raw[:12] + bytes.fromhex("893f000000020000") + raw[12:]
        assert Bench(switch(mode="e_tag")).send("vf0", raw).deliver == {"uplink": expected}

    def test_a_wide_ecid_has_its_upper_bits_in_the_extension(self):
        config = switch(mode="e_tag", stations={"vf0": {"ecid": 0xABCDE}})
        raw = frame(BROADCAST, "vf0")
        expected = raw[:12] + bytes.fromhex("893f00000cde00ab") + raw[12:]
        assert Bench(config).send("vf0", raw).deliver == {"uplink": expected}

    def test_priority_and_drop_eligibility_come_from_the_frame(self):
        raw = frame("vf1", "vf0", c_tag(100, 5, 1))
        assert Bench(switch(mode="e_tag")).send("vf0", raw).deliver == {"uplink": insert(raw, e_tag(2, pcp=5, dei=1))}

    def test_the_default_priority_where_there_is_no_c_tag(self):
        config = switch(mode="e_tag", stations={"vf0": {"default_priority": 3}})
        raw = frame("vf1", "vf0")
        assert Bench(config).send("vf0", raw).deliver == {"uplink": insert(raw, e_tag(2, pcp=3))}


class TestVnTagDown:
    CONFIG = switch(
        mode="vn_tag",
        stations={"vf2": {"enabled": False}, "vf1": {"vif": 4095}},
        vif_lists={1: ("vf0", "vf1", "vf2"), 16383: ("vf0",), 5: ("vf2",)},
    )

    @pytest.mark.parametrize(
        ("tags", "expected"),
        [
            ((), "VNTAG_MISSING"),
            ((s_tag(2),), "VNTAG_MISSING"),
            ((c_tag(1), vn_tag(dvif=2, direction=1)), "VNTAG_MISSING"),
            ((vn_tag(dvif=2, direction=1, version=1),), "VNTAG_VERSION"),
            ((vn_tag(dvif=2, direction=0, version=3),), "VNTAG_VERSION"),
            ((vn_tag(dvif=2, direction=0),), "VNTAG_DIRECTION"),
            ((vn_tag(dvif=99, direction=0),), "VNTAG_DIRECTION"),
            ((vn_tag(dvif=99, direction=1),), "VNTAG_UNKNOWN_VIF"),
            ((vn_tag(dvif=0, direction=1),), "VNTAG_UNKNOWN_VIF"),
            ((vn_tag(dvif=4096 + 2, direction=1),), "VNTAG_UNKNOWN_VIF"),
            ((vn_tag(dvif=4, direction=1),), "VNTAG_UNKNOWN_VIF"),  # vf2 is disabled
            ((vn_tag(dvif=2, direction=1, pointer=1),), "VNTAG_UNKNOWN_VIF"),  # a VIF, but no list
            ((vn_tag(dvif=5, direction=1, pointer=1),), "VNTAG_UNKNOWN_VIF"),  # disabled stations only
            ((vn_tag(dvif=2, direction=1),), {"vf0"}),
            ((vn_tag(dvif=2, direction=1, reserved=1),), {"vf0"}),
            ((vn_tag(dvif=4095, direction=1),), {"vf1"}),
            ((vn_tag(dvif=1, direction=1),), {"pf"}),
            ((vn_tag(dvif=1, direction=1, pointer=1),), {"vf0", "vf1"}),
            ((vn_tag(dvif=16383, direction=1, pointer=1),), {"vf0"}),
        ],
    )
    def test_the_tag_decides(self, tags, expected):
        found = Bench(self.CONFIG).send("uplink", from_outside(UNKNOWN, *tags))
        assert (found.drop or set(found.deliver)) == expected

    def test_the_tag_is_stripped_and_a_c_tag_kept(self):
        raw = from_outside("vf2", vn_tag(dvif=2, direction=1), c_tag(100, 5, 1))
        found = Bench(self.CONFIG).send("uplink", raw)
        assert found.deliver == {"vf0": raw[:12] + raw[18:]}
        assert (found.vlan, found.priority) == (100, 5)

    @pytest.mark.parametrize(
        ("tag", "expected"),
        [
            (vn_tag(svif=2, dvif=1, direction=1, pointer=1, looped=1), {"vf1"}),
            (vn_tag(svif=2, dvif=1, direction=1, pointer=1, looped=0), {"vf0", "vf1"}),
            (vn_tag(svif=77, dvif=1, direction=1, pointer=1, looped=1), {"vf0", "vf1"}),
            (vn_tag(svif=0, dvif=1, direction=1, pointer=1, looped=1), {"vf0", "vf1"}),
            (vn_tag(svif=2, dvif=16383, direction=1, pointer=1, looped=1), "NO_DESTINATION"),
            (vn_tag(svif=2, dvif=2, direction=1, looped=1), "NO_DESTINATION"),
            (vn_tag(svif=2, dvif=1, direction=1, looped=1), {"pf"}),
        ],
    )
    def test_a_looped_frame_does_not_return_to_its_source(self, tag, expected):
        found = Bench(self.CONFIG).send("uplink", from_outside(BROADCAST, tag))
        assert (found.drop or set(found.deliver)) == expected

    def test_control_frames_and_vlans_are_the_bridges_business(self):
        tag = vn_tag(dvif=2, direction=1)
        for raw in (
            from_outside(LLDP, tag),
            from_outside("vf0", tag, ethertype=0x8808),
            from_outside("vf0", tag, c_tag(4095)),
            from_outside("vf0", tag, c_tag(77)),
        ):
            assert receivers(self.CONFIG, "uplink", raw) == {"vf0"}


class TestETagDown:
    CONFIG = switch(
        mode="e_tag",
        stations={"vf2": {"enabled": False}, "vf1": {"ecid": 0xFFFFF}},
        ecid_lists=(
            EcidList(1, 1, ("vf0", "vf1", "vf2")),
            EcidList(3, 1, ("vf0",)),
            EcidList(2, 0xABCDE, ("vf1",)),
            EcidList(2, 2, ("vf2",)),
        ),
    )

    @pytest.mark.parametrize(
        ("tags", "expected"),
        [
            ((), "ETAG_MISSING"),
            ((vn_tag(dvif=2, direction=1),), "ETAG_MISSING"),
            ((c_tag(1), e_tag(2)), "ETAG_MISSING"),
            ((e_tag(0),), "ETAG_UNKNOWN_ECID"),
            ((e_tag(99),), "ETAG_UNKNOWN_ECID"),
            ((e_tag(4),), "ETAG_UNKNOWN_ECID"),  # vf2 is disabled
            ((e_tag(2, group=1),), "ETAG_UNKNOWN_ECID"),
            ((e_tag(1, group=2),), "ETAG_UNKNOWN_ECID"),
            ((e_tag(2, group=2),), "ETAG_UNKNOWN_ECID"),  # disabled stations only
            ((e_tag(2),), {"vf0"}),
            ((e_tag(1),), {"pf"}),
            ((e_tag(0xFFFFF),), {"vf1"}),
            ((e_tag(1, group=1),), {"vf0", "vf1"}),
            ((e_tag(1, group=3),), {"vf0"}),
            ((e_tag(0xABCDE, group=2),), {"vf1"}),
        ],
    )
    def test_the_tag_decides(self, tags, expected):
        found = Bench(self.CONFIG).send("uplink", from_outside(UNKNOWN, *tags))
        assert (found.drop or set(found.deliver)) == expected

    @pytest.mark.parametrize(
        ("tag", "expected"),
        [
            (e_tag(1, group=1, ingress=2), {"vf1"}),
            (e_tag(1, group=1, ingress=0xFFFFF), {"vf0"}),
            (e_tag(1, group=1, ingress=0), {"vf0", "vf1"}),
            (e_tag(1, group=1, ingress=99), {"vf0", "vf1"}),
            (e_tag(1, group=3, ingress=2), "NO_DESTINATION"),
            (e_tag(2, ingress=2), "NO_DESTINATION"),
        ],
    )
    def test_the_station_of_the_ingress_ecid_is_pruned(self, tag, expected):
        found = Bench(self.CONFIG).send("uplink", from_outside(BROADCAST, tag))
        assert (found.drop or set(found.deliver)) == expected

    def test_the_tag_is_stripped_and_a_c_tag_kept(self):
        raw = from_outside("vf2", e_tag(2, pcp=1), c_tag(100, 5, 1))
        found = Bench(self.CONFIG).send("uplink", raw)
        assert found.deliver == {"vf0": raw[:12] + raw[20:]}
        assert found.priority == 5

    def test_the_tags_priority_counts_where_there_is_no_c_tag(self):
        found = Bench(self.CONFIG).send("uplink", from_outside("vf2", e_tag(2, pcp=6, dei=1)))
        assert (found.priority, found.deliver) == (6, {"vf0": from_outside("vf2", length=52)})
