"""Where equal turns are said to carry most, the bound on all mixes is what they carry."""

from __future__ import annotations

import pytest

from hwmodel.analytic import closed_form
from hwmodel.analytic.demand import demand_of
from hwmodel.analytic.equal_turns import carry_most
from hwmodel.analytic.mix_bound import mix_bound
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
def test_no_mix_carries_more(changes):
    system, demand, as_offered = parts_of(changes)
    assert carry_most(system, demand, as_offered.least)
    own = closed_form._demands_on(system, demand, has_timers=False).of_any_mix
    frames, bits = closed_form._delivered(demand, own.rate)
    most = mix_bound(system, demand)
    assert float(frames) == pytest.approx(float(most.frames_per_s), rel=1e-6)
    assert float(bits) == pytest.approx(float(most.bits_per_s), rel=1e-6)


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
def test_where_it_is_not_plain_the_bound_is_asked(changes):
    system, demand, as_offered = parts_of(changes)
    assert not carry_most(system, demand, as_offered.least)
