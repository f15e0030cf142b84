"""Who waits for a dead wire, of those who send all they can (docs/datapath/switch.md, "Several Ethernet ports")."""

from __future__ import annotations

import pytest

from hwmodel.analytic.demand import closed_flows_of, demand_of
from hwmodel.analytic.paths import Paths, waiting_for_wires
from hwmodel.analytic.system import System
from tests.analytic_cases import demo

TWO = {"nic.vfs": 4, "port.count": 2, "port.down": ["p1"]}  # vf1 and vf3 are at p1
FLOWS = [["vf0", "uplink"], ["vf1", "vf3"], ["vf1", "uplink", "1Gbps"], ["vf3", "vf1", "1Gbps"], ["vf3", "uplink"]]


def waiting(changes):
    config = demo(changes)
    system = System.of(config)
    return waiting_for_wires(Paths(system, None), closed_flows_of(config, system))


@pytest.mark.parametrize(("changes", "expected"), [
    ({"workload.pattern": "to_wire"}, {"p1": ["vf1", "vf3"]}),
    ({"workload.pattern": "to_wire", "port.down": []}, {}),
    ({"workload.pattern": "to_wire", "workload.load": "1Gbps"}, {}),  # dropped as it comes
    ({"workload.pattern": "broadcast"}, {}),  # other copies go on
    ({"workload.pattern": "to_wire", "switch.mirrors": [{"from": "vf1", "to": "vf3"}]}, {"p1": ["vf3"]}),
    ({"workload.pattern": "flows", "workload.flows": FLOWS}, {"p1": ["vf3"]}),
    ({"workload.pattern": "flows", "workload.flows": [["p1.uplink", "vf1"]]}, {}),
])  # fmt: skip
def test_who_waits(changes, expected):
    assert waiting({**TWO, **changes}) == expected


def test_guests_of_a_virtual_switch_know_nothing_of_wires():
    assert waiting({"nic.mode": "vswitch", "port.down": ["p0"], "workload.pattern": "to_wire"}) == {}


def test_what_waits_is_neither_sent_nor_lost():
    """vf1 sends to vf3, and its flow with a rate gets no slot beside that; all of vf3's waits."""
    found = demand_of(demo({**TWO, "workload.pattern": "flows", "workload.flows": FLOWS}), None)
    assert [one.name for one, _ in found.following] == ["vf0 to p0.uplink", "vf1 to vf3"]
    assert (found.waiting, found.starved) == ((("p1", ("vf3",)),), ("vf1 to p1.uplink",))
    assert (found.with_rate, found.lost) == ((), ())
