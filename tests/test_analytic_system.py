"""The closed form of systems, block by block: crossings, logical ports, paths, legs, hops, notes."""

from fractions import Fraction

import pytest

from hwmodel.analytic.bridge_rules import logical_ports
from hwmodel.analytic.ceilings import offered_ceiling
from hwmodel.analytic.demand import demand_of
from hwmodel.analytic.limits_record import hops_of, notes_of
from hwmodel.analytic.lone_frame import crossing_of, lone_frame_of, wire_fs
from hwmodel.analytic.paths import Paths
from hwmodel.analytic.symmetry import folded, unfolded, without_names
from hwmodel.analytic.system import System
from hwmodel.analytic.traffic import Leg, Traffic, whole_of
from hwmodel.config import load_config

ONE = Fraction(1)
LENGTHS = ((1518, ONE),)


def two(**changes):
    changes = {
        "nic.strict": False,
        "servers": [{"name": "a"}, {"name": "b", "set": {"port.rate": "25Gbps"}}],
        "nic.vfs": 4,
    } | changes
    return load_config("sriov_10g_gen2x4", changes)


def test_a_crossing_is_two_wires_and_the_bridge():
    config = two()
    to_b = lone_frame_of(config, "a.vf0", "b.vf1", 1518).way
    found = crossing_of(System.of(config), to_b)
    assert (found.to_bytes, found.from_bytes) == (1538, 1538)
    (bridge,) = found.stages
    assert (found.sent_fs, bridge.known_fs, bridge.latency_fs, found.back_fs) == (
        1_230_400_000, 1_230_400_000, 500_000_000, 492_160_000,
    )  # fmt: skip
    assert found.whole_fs == 1_230_400_000 + 500_000_000 + 492_160_000
    # Only from the fastest ports does the bridge cut through: 72 B at 25 Gb/s.
    cutting = two(**{"bridge": {"forwarding": "cut_through"}})
    back = lone_frame_of(cutting, "b.vf1", "a.vf0", 1518).way
    assert crossing_of(System.of(cutting), back).stages[0].known_fs == wire_fs(72, 25 * 10**9) == 23_040_000
    assert crossing_of(System.of(cutting), to_b).stages[0].known_fs == 1_230_400_000


def test_logical_ports_by_mode():
    assert [(one.wire, one.interface) for one in logical_ports(System.of(two()))] == [(0, None), (1, None), (2, None)]
    tagged = logical_ports(System.of(two(**{"switch.mode": "e_tag", "bridge": {"kind": "controlling"}})))
    assert {one.tag_bytes for one in tagged} == {8, 0}
    assert [one.interface for one in tagged if one.wire == 1] == ["pf", "vf0", "vf1", "vf2", "vf3"]


def test_a_path_is_by_the_port_that_is_known_or_by_all():
    system = System.of(two())
    known = Paths(system, [("a.vf0", "b.vf0"), ("b.vf0", "a.vf0")]).path("a.vf0", "b.vf0")
    assert [(hop.part, hop.route.stations) for hop in known.hops] == [(1, ("vf0",))]
    flooded = Paths(system, [("a.vf0", "b.vf0")]).path("a.vf0", "b.vf0")
    assert [hop.part for hop in flooded.hops] == [1, 2]
    assert Paths(system, []).path("a.vf0", "a.vf1").hops == ()


def test_legs_come_together_by_component():
    system = System.of(two())
    sent = Traffic(LENGTHS, reads=ONE, copies=0 * ONE, to_wire=ONE, from_wire=0 * ONE, sent={"vf0": ONE})
    got = Traffic(LENGTHS, reads=0 * ONE, copies=ONE, to_wire=0 * ONE, from_wire=ONE, received={"vf1": ONE})
    whole = whole_of(system, LENGTHS, [Leg(0, sent)], [(Leg(1, got), ONE / 4)])
    assert (whole.reads, whole.copies) == (1, ONE / 4)
    assert whole.sent == {"a.vf0": 1} and whole.received == {"b.vf1": ONE / 4}
    assert (whole.at(0).to_wire, whole.at(1).from_wire, whole.at(2).is_nothing) == (1, ONE / 4, True)


def test_wires_carry_what_crosses_them():
    config = two(**{"workload": {"pattern": "flows", "frame_bytes": 1518, "flows": [["a.vf0", "b.vf0"]]},
                    "bridge": {"announce": True}})  # fmt: skip
    found = hops_of(System.of(config), demand_of(config), Fraction(10**6))
    assert [(one.wire, one.frames_per_s, one.frame_bytes) for one in found] == [
        ("a.wire.tx", 1e6, 1518), ("bridge.b", 1e6, 1518),
    ]  # fmt: skip
    assert [one.utilization for one in found] == pytest.approx([1538 * 8 / 10**4, 1538 * 8 / 25_000])


def test_a_folded_system_has_its_part_of_the_port_outside():
    alike = load_config("sriov_10g_gen2x4", {"servers": [{"name": name} for name in "abcd"],
                                             "workload.pattern": "uniform"})  # fmt: skip
    system = System.of(alike)
    assert folded(system).rate_bps(1) == system.rate_bps(4) // 4 and folded(system).n_parts == 2
    demand = demand_of(alike)
    assert unfolded(system, demand.alike.traffic) == demand.sought
    assert without_names(system.config(0)) == without_names(system.config(3)) != system.config(3)


def test_nothing_is_lost_and_nothing_noted_of_a_system_with_room():
    config = two(**{"workload.pattern": "pairs", "workload.load": "1Gbps", "driver.rx_interrupt_batch": 1})
    system, demand = System.of(config), demand_of(config)
    offered = offered_ceiling(demand.offered_frames_per_s)
    assert notes_of(system, demand, offered, offered.frames_per_s, None) == ()
