"""Hops over extenders, by hand: which legs a frame has behind its adapter, what gets to them, what feeds each port."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from hwmodel import limits
from hwmodel.analytic.demand import demand_of
from hwmodel.analytic.mix_costs import HopTable, MixCosts
from hwmodel.analytic.paths import OnwardHops, Paths, trees_of
from hwmodel.analytic.port_shares import PortFeeds, Wire
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


def test_hops_part_into_trees():
    demand = demand_of(config_with(["c.vf0", "a.vf0"], ["c.vf0", "b.vf0"], ["c.vf0", "uplink"]))
    (stream,) = demand.streams
    assert [[stream.hops[n].leg.part for n in tree] for tree in trees_of(stream.hops)] == [
        [FEX0, FEX1, A], [FEX0, B], [OUTSIDE],
    ]  # fmt: skip


def test_what_is_lost_at_one_hop_comes_to_none_behind_it():
    config = config_with(["a.vf0", "b.vf0"], ["c.vf0", "b.vf0"])
    system, demand = System.of(config), demand_of(config)
    table = HopTable(system, MixCosts(system, demand), demand.streams)
    assert [leg.part for leg in table.legs] == [FEX1, FEX0, FEX0, B, FEX0, B]
    passed = np.array([0.5, 0.4, 0.4, 0.3, 1.0, 0.9])
    assert table.asked(np.array([1.0, 1.0]), passed).tolist() == [1.0, 0.5, 0.4, 0.4, 1.0, 1.0]
    assert table.shares_left(0, [HALF, ONE, ONE, HALF, ONE, ONE]) == [HALF, HALF, HALF, Fraction(1, 4)]


def test_each_port_is_fed_by_wires_of_its_own_device():
    config = config_with(["a.vf0", "c.vf0", "2Gbps"], ["b.vf0", "c.vf0", "1Gbps"], ["uplink", "a.vf1", "3Gbps"])
    system, demand = System.of(config), demand_of(config)
    feeds = PortFeeds(config, system, [(one, one.frames_per_s) for one in demand.streams])
    found = {}
    for port in feeds.ports():
        coming = feeds.coming(port)
        found[port] = [(feed.wire, round(feed.per_s * 1518 * 8 / 1e9, 6)) for feed in feeds.feeds(coming)]
        feeds.keep(coming, dict.fromkeys((feed.wire for feed in feeds.feeds(coming)), 0.5))
    assert list(found)[:2] == [Wire(FEX1, True), Wire(FEX0, True)]  # from below
    assert found[FEX1, True] == [((A, True), 2)]
    assert found[FEX0, True] == [((B, True), 1), ((FEX1, True), 1)]  # half of what a sends has got through
    assert found[C, False] == [((FEX0, True), 1)]
    assert found[FEX0, False] == [((OUTSIDE, True), 3)] and found[A, False] == [((FEX1, False), 0.75)]


@pytest.mark.parametrize(("listed", "port", "law", "off"), [
    ([["a.vf0", "uplink", "4Gbps"], ["b.vf0", "a.vf0", "9Gbps"],
      ["c.vf0", "a.vf1", "2Gbps"]], "bridge.fex1", "alone", 0.002),
    ([["a.vf0", "c.vf0", "7Gbps"], ["b.vf0", "c.vf0", "5Gbps"]], "bridge.c", "alone", 0.002),
    ([["a.vf0", "uplink", "6Gbps"], ["b.vf0", "uplink", "5Gbps"]], "bridge.fex0.uplink", "random", 0.015),
])  # fmt: skip
def test_a_run_shares_full_ports_of_extenders_so(listed, port, law, off):
    rates = {"bridge.extenders.fex0.rate": "10Gbps" if port.startswith("bridge.fex0") else "40Gbps",
             "bridge.extenders.fex1.rate": "9Gbps"}  # fmt: skip
    link = {
        "nic.strict": False,
        "pcie.generation": 3,
        "pcie.lanes": 8,
        "bridge.ports.outside.rate": "40Gbps",
        "run.duration": "60ms",
    }
    config = config_with(*listed, **rates, **link)
    found, result = limits(config), measured(config)
    (full,) = found.full_ports
    assert (full.port, full.law, found.limited_by, result.bottleneck.resource) == (port, law, port, port)
    kept = {one.wire: one.kept_mpps for one in full.wires}
    assert sum(kept.values()) == pytest.approx(full.sent_mpps)
    if law == "random":
        flows = {f"{one.from_.split('.')[0]}.wire.tx": one.mpps for one in result.flows}
        assert {"a.wire.tx": kept["bridge.fex1.uplink"], "b.wire.tx": kept["b.wire.tx"]} == pytest.approx(
            flows, rel=off
        )
    else:
        own = {one.name: one for one in result.bridges[0].ports}[port.removeprefix("bridge.")]
        assert own.out_gbps == pytest.approx(full.sent_mpps * 1526 * 8 / 1e3, rel=off)
