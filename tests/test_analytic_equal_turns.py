"""Where equal turns are said to carry most, the linear program finds no mix that carries more, nor less."""

from __future__ import annotations

import pytest

from hwmodel.analytic import closed_form
from hwmodel.analytic.contention import carried
from hwmodel.analytic.demand import demand_of
from hwmodel.analytic.equal_turns import carry_most
from hwmodel.analytic.system import System
from tests.analytic_cases import demo

MIX = {"workload.sizes": [[64, 7], [570, 4], [1518, 1]], "workload.frame_bytes": None}


def parts_of(changes):
    config = demo(changes)
    system, demand = System.of(config), demand_of(config)
    return system, demand, closed_form._demands_on(system, demand)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"nic.vfs": 5, "workload.pattern": "ring", "host.cores": 3},
        {"workload.pattern": "uniform", "nic.drop_enable": False, **MIX},
        {"workload.pattern": "incast", "nic.drop_enable": True},
        {"workload.pattern": "broadcast", "nic.vfs": 4},
        {"workload.pattern": "to_wire", "workload.frame_bytes": 64},
        {"workload.wire_share": 0.4, "workload.pattern": "uniform"},
        {"workload.load": "4Gbps", "workload.on_full": "drop"},
        {"nic.max_pps": 500_000},
        {"pcie.tags": 1},
        {"pcie.credits.ph": 2, "switch.scheduler": "strict"},
        {"switch.mode": "vepa", "switch.timing": "core"},
        {"driver.preset": None, "driver.moderation": "20us"},
    ],
    ids=str,
)
def test_no_mix_carries_more_or_less(changes):
    system, demand, as_offered = parts_of(changes)
    assert carry_most(system, demand, as_offered.least)
    at_best = closed_form._demands_on(system, carried(system, demand))
    frames, bits = closed_form._delivered(as_offered.demand, as_offered.rate)
    most_frames, most_bits = closed_form._delivered(at_best.demand, at_best.rate)
    assert float(frames) == pytest.approx(float(most_frames), rel=1e-6)
    assert float(bits) == pytest.approx(float(most_bits), rel=1e-6)


@pytest.mark.parametrize(
    "changes",
    [
        {"workload.pattern": "flows", "workload.flows": [["vf0", "vf1"], ["vf2", "uplink"]]},
        {"workload.pattern": "flows", "workload.flows": [["vf0", "vf1"], ["vf2", "vf3", "1Mpps"]]},
        {"workload.external": {"rate": "1Gbps"}},
        {"switch.ports.vf1.rate_limit": "100Mbps"},
        {"switch.scheduler": "weighted", "switch.ports.vf1.weight": 3},
        {"workload.load": "4Gbps", "workload.weights": {"vf1": 3}},
        {"workload.load": "4Gbps", "workload.on_full": "drop", "nic.queues_per_vf": 2, "workload.pattern": "uniform"},
        {"driver.frame_time": "20us"},
        {"switch.mirrors": [{"from": "vf0", "to": "vf7"}]},
    ],
    ids=str,
)
def test_where_it_is_not_plain_the_mix_is_sought(changes):
    system, demand, as_offered = parts_of(changes)
    assert not carry_most(system, demand, as_offered.least)
