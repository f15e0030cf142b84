"""Hops over extenders, by hand: which legs a frame has behind its adapter, and the port that is full."""

from dataclasses import replace
from fractions import Fraction

import pytest

from hwmodel import limits
from hwmodel.analytic.paths import OnwardHops, Paths
from hwmodel.analytic.system import System
from hwmodel.analytic.traffic import Leg, nothing_of
from hwmodel.config import load_config
from tests.run_cases import measured

ONE, HALF = Fraction(1), Fraction(1, 2)
SIZES = ((1518, ONE),)
A, B, C, OUTSIDE, FEX0, FEX1 = range(6)
# a behind fex1, which is behind fex0 as b is; c at the bridge itself.
EXTENDED = {
    "servers": [{"name": name} for name in "abc"], "switch.mode": "e_tag", "nic.vfs": 2,
    "bridge": {"kind": "controlling", "ports": {"a": {"behind": "fex1"}, "b": {"behind": "fex0"}},
               "extenders": {"fex0": {"rate": "40Gbps"}, "fex1": {"rate": "10Gbps", "behind": "fex0"}}},
}  # fmt: skip


def config_with(*flows, **changes):
    workload = {"pattern": "flows", "frame_bytes": 1518, "arrivals": "poisson", "flows": list(flows)}
    return load_config("sriov_10g_gen2x4", {**EXTENDED, "workload": workload, **changes})


def hops_of(*ends, passing=ONE):
    system = System.of(config_with(["a.vf0", "uplink"]))
    path = Paths(system, None).path(*ends)
    path = replace(path, hops=tuple(replace(hop, policers=((0, 0, 0),)) for hop in path.hops))
    found = OnwardHops(system, SIZES)
    legs = [Leg(hop.part, nothing_of(SIZES)) for hop in path.hops]
    found.add(path, legs, ONE, lambda policers: passing if policers else ONE)
    return [(hop.leg.part, bool(hop.leg.traffic.to_wire), hop.share, hop.after) for hop in found.all()]


def test_a_frame_goes_up_and_down_the_tree():
    assert hops_of("a.vf0", "b.vf0") == [
        (FEX1, True, 1, None), (FEX0, True, 1, 0), (FEX0, False, 1, 1), (B, False, 1, 2),
    ]  # fmt: skip
    assert hops_of("a.vf0", "a.vf1", passing=HALF) == [
        (FEX1, True, 1, None), (FEX0, True, 1, 0),
        (FEX0, False, HALF, 1), (FEX1, False, HALF, 2), (A, False, HALF, 3),
    ]  # fmt: skip
    assert hops_of("c.vf0", "uplink") == [(OUTSIDE, False, 1, None)]


def test_copies_of_a_group_part_where_their_ways_do():
    from_c = hops_of("c.vf0", "broadcast")
    assert from_c == [
        (FEX0, False, 1, None), (FEX1, False, 1, 0), (A, False, 1, 1), (B, False, 1, 0), (C, False, 1, None),
        (OUTSIDE, False, 1, None),
    ]  # fmt: skip
    assert [after for *_, after in hops_of("a.vf0", "broadcast")].count(None) == 1


@pytest.mark.parametrize(("listed", "port", "gbps"), [
    ([["a.vf0", "uplink", "4Gbps"], ["b.vf0", "a.vf0", "9Gbps"], ["c.vf0", "a.vf1", "2Gbps"]], "bridge.fex1", 9),
    ([["a.vf0", "c.vf0", "7Gbps"], ["b.vf0", "c.vf0", "5Gbps"]], "bridge.c", 10),
])  # fmt: skip
def test_no_mix_is_more_than_a_full_port_sends(listed, port, gbps):
    """Of frames of 1518 B with a tag of 8 B, and 20 B between them; a run of such rates fills the port."""
    fast = {"nic.strict": False, "pcie.generation": 3, "pcie.lanes": 8, "bridge.ports.outside.rate": "40Gbps",
            "bridge.extenders.fex1.rate": "9Gbps", "run.duration": "60ms"}  # fmt: skip
    config = config_with(*listed, **fast)
    found, result = limits(config), measured(config)
    assert (found.limited_by, result.bottleneck.resource) == (port, port)
    assert found.gbps == pytest.approx(gbps * 1518 / 1546)
    assert result.totals.gbps == pytest.approx(found.gbps, rel=0.002)
