"""What each wire and each server's link carries at a rate of frames, worked out by hand."""

from dataclasses import replace
from fractions import Fraction

import pytest

from hwmodel.analytic import limits
from hwmodel.analytic.limits_record import hops_of, server_limits
from hwmodel.analytic.system import System
from hwmodel.analytic.traffic import Demand, nothing_of
from hwmodel.analytic.transactions import Tlp, Transaction
from hwmodel.config import load_config

ONE = Fraction(1)
LONG, SHORT = nothing_of(((1518, ONE),)), nothing_of(((64, ONE),))


def system(**changes):
    return System.of(load_config("sriov_10g_gen2x4", {"servers": [{"name": "a"}, {"name": "b"}], **changes}))


def whole(*parts, **changes):
    return replace(parts[0], parts=parts, **changes)


OUTWARD = whole(replace(LONG, to_wire=ONE), LONG, replace(LONG, from_wire=ONE, back_tag_bytes=Fraction(4)))
A_TO_B = whole(replace(LONG, to_wire=ONE, tag_bytes=Fraction(4)), replace(LONG, from_wire=ONE), LONG)
INWARD = whole(SHORT, replace(SHORT, from_wire=ONE), replace(SHORT, to_wire=ONE), frames_per_s=Fraction(10**5))


def rows(sought, frames_per_s, beside=(), **changes):
    found = hops_of(system(**changes), Demand(sought, beside, None), Fraction(frames_per_s))
    return [(one.wire, one.frames_per_s, one.frame_bytes, one.utilization) for one in found]


def test_wires_with_their_own_tags():
    first, second = rows(A_TO_B, 500_000)
    # 1542 B of 0.8 ns half a million times a second; from the bridge on without the tag.
    assert first[0] == "a.wire.tx" and first[1:] == pytest.approx((5e5, 1522, 0.6168))
    assert second[0] == "bridge.b" and second[1:] == pytest.approx((5e5, 1518, 0.6152))


def test_the_port_outside_has_a_name_for_each_way():
    outward, out = rows(OUTWARD, 100_000)
    assert (outward[0], out[0]) == ("a.wire.tx", "bridge.outside")
    assert out[1:] == pytest.approx((1e5, 1522, 0.12336))
    at_b, into = rows(INWARD, 100_000)
    assert (at_b[0], into[0]) == ("bridge.b", "bridge.outside in")
    assert into[1:] == at_b[1:] == pytest.approx((1e5, 64, 84 * 8 * 1e5 / 1e10))


def test_what_has_a_rate_of_its_own_is_added():
    found = {name: numbers for name, *numbers in rows(A_TO_B, 500_000, (INWARD,))}
    # 5e5 frames of 1518 B and 1e5 of 64 B, which take 1538 B and 84 B.
    assert found["bridge.b"] == pytest.approx([6e5, (5 * 1518 + 64) / 6, (5e5 * 1538 + 1e5 * 84) * 8e-10])
    assert found["bridge.outside in"] == pytest.approx([1e5, 64, 1e5 * 84 * 8e-10])
    assert found["a.wire.tx"] == pytest.approx([5e5, 1522, 0.6168])


def test_busy_is_of_the_wires_own_rate():
    servers = [{"name": "a", "set": {"nic.strict": False, "port.rate": "40Gbps"}}, {"name": "b"}]
    found = {name: busy for name, _, _, busy in rows(A_TO_B, 500_000, servers=servers)}
    assert found == pytest.approx({"a.wire.tx": 0.6168 / 4, "bridge.b": 0.6152})
    found = {name: busy for name, _, _, busy in rows(OUTWARD, 10_000, **{"bridge.ports.outside.rate": "1Gbps"})}
    assert found["bridge.outside"] == pytest.approx(1542 * 8 * 1e4 / 1e9)


def test_one_server_has_no_name():
    one = whole(A_TO_B.parts[0], replace(LONG, from_wire=ONE))
    assert [name for name, *_ in rows(one, 1000, servers=[], bridge={})] == ["wire.tx", "bridge.outside"]


def test_without_a_bridge_there_are_no_wires():
    alone = System.of(load_config("sriov_10g_gen2x4"))
    assert hops_of(alone, Demand(replace(LONG, to_wire=ONE), (), None), ONE) == ()


def test_the_json_form_has_the_fields_by_name():
    (one,) = hops_of(system(), Demand(whole(LONG, replace(LONG, from_wire=ONE), LONG), (), None), Fraction(1000))
    assert one.to_dict() == {
        "wire": "bridge.b",
        "frames_per_s": 1000.0,
        "frame_bytes": 1518.0,
        "utilization": pytest.approx(1538 * 8e-7),
    }


def test_each_server_has_what_its_own_link_carries():
    write = Transaction("payload write", ONE, Fraction(0), (Tlp("up", "posted", 24, 98, 100),))
    timed = Transaction("interrupt", Fraction(0), Fraction(3000), (Tlp("up", "posted", 24, 4, 4),))
    doorbell = Transaction("doorbell", Fraction(1, 8), Fraction(0), (Tlp("down", "posted", 24, 4, 4),))
    servers = [
        {"name": "a"},
        {"name": "b", "set": {"nic.strict": False, "pcie.generation": 3, "pcie.dllp_model": "pcie_bench"}},
    ]
    first, second = (one.to_dict() for one in server_limits(
        system(servers=servers), [[write, timed], [doorbell]], Fraction(1000)))  # fmt: skip
    assert (first["name"], second["name"]) == ("a", "b")
    # Three interrupts a frame; each TLP calls for 4 B of DLLPs the other way, which in b's model have a constant share.
    assert (first["up_bytes"], first["down_bytes"]) == (124 + 3 * 28, 4 * 4)
    assert (second["up_bytes"], second["down_bytes"]) == (0, 28 / 8)
    assert [step["bytes"] for step in first["steps"] if step["bytes"]] == [124, 84, 16]
    assert "Gen2 x4" in first["link"] and "Gen3 x4" in second["link"]


TO_B = [["a.vf0", "b.vf0", "8Gbps"], ["c.vf0", "b.vf0", "8Gbps"], ["b.vf0", "a.vf0", "1Mbps"]]

BEHIND = {"kind": "controlling", "extenders": {"fex": {"rate": "10Gbps"}}, "ports": {"b": {"behind": "fex"}}}


@pytest.mark.parametrize(
    ("of_b", "bridge", "least"),
    [
        ({}, {}, "bridge.b"),
        ({"pcie.generation": 1, "pcie.lanes": 2}, {}, "b.pcie.up"),
        ({"driver.frame_time": "3us"}, {}, "b.driver.rx"),
        ({}, BEHIND, "bridge.fex"),
        ({"nic.strict": False, "port.rate": "5Gbps"}, BEHIND, "bridge.b"),
    ],
)
def test_of_full_resources_the_last_that_loses_frames_limits(of_b, bridge, least):
    servers = [{"name": "a"}, {"name": "b", "set": of_b}, {"name": "c"}]
    mode = {"switch.mode": "e_tag"} if bridge else {}
    changes = {**mode, "driver.preset": "dpdk", "bridge": bridge, "servers": servers, "port.rate": "10Gbps"}
    found = limits(load_config("sriov_10g_gen2x8", {**changes, "workload": {"pattern": "flows", "flows": TO_B}}))
    assert found.limited_by == least


@pytest.mark.parametrize("drops", [True, False])
def test_a_full_link_that_holds_back_a_sender_beside_what_the_bridge_loses_limits(drops):
    # The port to a loses half of what comes, yet a faster one adds next to nothing: a.vf1 fills the rest of the link.
    flows = [["a.vf1", "a.vf0"], ["b.vf0", "a.vf0"], ["c.vf0", "a.vf0"]]
    changes = {
        "port.rate": "10Gbps", "nic.drop_enable": drops, "driver.preset": "dpdk", "bridge": {},
        "servers": [{"name": "a"}, {"name": "b"}, {"name": "c"}], "workload": {"pattern": "flows", "flows": flows},
    }  # fmt: skip
    found = limits(load_config("sriov_10g_gen2x8", changes))
    assert found.limited_by == "a.pcie.up"


@pytest.mark.parametrize(
    ("servers", "others", "flows", "least"),
    [
        (
            # x has what y leaves of their link, and y loses some at its slot, which is as wide.
            [{"name": "a", "adapters": [{"name": "x"}, {"name": "y"}],
              "tree": {"switches": [{"name": "s", "lanes": 2}], "slots": {"x": {"behind": "s"}, "y": {"behind": "s"}}}},
             {"name": "b"}, {"name": "c"}],
            {}, [["a.x.vf0", "a.x.vf1"], ["b.vf0", "a.y.vf0"], ["c.vf0", "a.y.vf1"]], "a.s.up",
        ),
        (
            # What is lost has used nothing of the way down but to send it; a's own link toward the host loses it.
            [{"name": "a"}, {"name": "b"}],
            {"nic.strict": False,
             "multi_root": {"ports": 2, "hosts": {"a": {"lanes": 2}, "b": {"lanes": 4}}, "control": "dedicated"},
             "pcie.lanes": 4, "port.rate": "40Gbps"},
            [["a.vf0", "a.vf1"], ["b.vf0", "a.vf1"]], "multi_root.a.up",
        ),
    ],
)  # fmt: skip
def test_of_full_resources_at_one_place_that_limits_which_holds_back_or_is_used_most(servers, others, flows, least):
    changes = {
        "nic.preset": None, "nic.vfs": 2, "port.rate": "10Gbps", "driver.preset": "dpdk", "pcie.lanes": 2,
        "bridge": {"announce": True, "ports": {"outside": {"rate": "10Gbps"}}}, "servers": servers,
        "workload": {"pattern": "flows", "flows": flows}, **others,
    }  # fmt: skip
    assert limits(load_config("sriov_10g_gen2x8", changes)).limited_by == least


def test_what_drops_for_want_of_prefetched_descriptors_leaves_other_streams_their_rate():
    # 8 descriptors at a time at b, in a round trip of t(24) + 450 ns + t(20 + 128); 8 Gb/s of 64 B from c to a whole.
    flows = [["a.vf0", "b.vf0", "10Gbps"], ["c.vf0", "b.vf0", "8Gbps"], ["c.vf0", "a.vf1", "8Gbps"]]
    changes = {"nic.strict": False,
        "nic.preset": None, "port.rate": "25Gbps", "driver.preset": "dpdk", "bridge": {},
        "servers": [{"name": "a"}, {"name": "b", "set": {"nic.rx_prefetch": 1}}, {"name": "c"}],
        "workload": {"pattern": "flows", "flows": flows, "frame_bytes": 64},
    }  # fmt: skip
    found = limits(load_config("sriov_10g_gen2x8", changes))
    bytes_per_ns = 4 * (1 - 4 / 1538)
    assert found.mpps == pytest.approx(8 / 64 / 8 * 1000 + 8 / (450 + 172 / bytes_per_ns) * 1000, rel=1e-4)
    assert found.limited_by == "b.rx.descriptors"
    assert "as if" not in " ".join(found.notes)
