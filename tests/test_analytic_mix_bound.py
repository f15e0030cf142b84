"""What no mix of flows exceeds: by hand where one resource is narrow, by all mixes of a grid, and beside runs."""

from __future__ import annotations

import random
from itertools import product

import numpy as np
import pytest

from hwmodel import load_config
from hwmodel.analytic import limits
from hwmodel.analytic.demand import demand_of
from hwmodel.analytic.flow_costs import FlowCosts, sender_limits
from hwmodel.analytic.limits_text import limits_text
from hwmodel.analytic.mix_bound import mix_bound
from hwmodel.analytic.system import System
from hwmodel.simulation import simulate
from tests.analytic_cases import demo
from tests.seeds import seeds

M = 10**6
# One million frames a second through the pipeline, and room for them everywhere else.
WIDE = {"nic.strict": False,
        "nic.preset": None, "pcie.generation": 3, "pcie.lanes": 16, "nic.max_pps": M, "port.rate": "100Gbps",
        "workload.pattern": "flows"}  # fmt: skip


def flows(*of: list[str | None], **changes: object):
    return demo({**WIDE, "workload.flows": list(of), **{key.replace("__", "."): to for key, to in changes.items()}})


SMALL, LARGE, GREEDY = ["vf0", "vf1", "0.1Mpps"], ["vf2", "uplink", "0.6Mpps"], ["vf4", "vf5", None]


def test_what_ends_at_the_wire_leaves_all_to_vms():
    """0.1 M of vf0's, and all else of vf4's: 1 M; as offered 0.7 are taken off first, of which 0.1 is for a VM."""
    found = limits(flows(SMALL, LARGE, GREEDY))
    assert (found.mpps, found.limited_by) == (pytest.approx(1), "nic.pipeline")
    assert found.as_offered._replace(mpps=round(found.as_offered.mpps, 6))[::2] == (0.4, "nic.pipeline")
    assert not found.is_exact


def test_each_flow_has_no_more_than_it_offers():
    found = limits(flows(["vf0", "vf1", "0.5Mpps"], ["vf2", "uplink", "4Mpps"]))
    assert (found.mpps, found.limited_by) == (pytest.approx(0.5), "offered_load")
    assert found.as_offered.mpps == pytest.approx(0.5 / 4.5)


def test_what_all_gets_through_is_as_offered():
    found = limits(flows(["vf0", "vf1", "0.3Mpps"], ["vf2", "uplink", "0.4Mpps"]))
    assert found.limited_by == "offered_load" and found.as_offered is None
    assert (found.mpps, float(found.frames_per_s)) == pytest.approx((0.3, 0.7 * M))
    assert "machine's to choose" not in limits_text(found)


@pytest.mark.parametrize("rate", ["1Kbps", "100Kbps", "900Mbps"])
def test_slow_senders_have_all_that_they_may_send(rate):
    own_bps = {"Kbps": 1e3, "Mbps": 1e6}[rate[-4:]] * int(rate[:-4])
    found = limits(demo({**WIDE, "workload.pattern": "to_wire", "switch.ports.all.rate_limit": rate}))
    assert found.gbps == pytest.approx(8 * own_bps / 1e9, rel=1e-6) and found.as_offered is None
    # 2428.8 Mb/s are 0.2 M frames/s of 12,144 bits.
    beside = limits(flows(["vf0", "vf1"], ["vf2", "uplink"], switch__ports__vf0__rate_limit="2428800Kbps"))
    assert (beside.mpps, beside.limited_by) == (pytest.approx(0.2), "rate_limit")


def test_a_slow_core_bounds_those_that_it_serves():
    """vf2 and vf5 on one core of three post 0.4 M frames/s in all; vf0 and vf1 on the others have 0.4 M."""
    slow = {"host__cores": 3, "driver__frame_time": "2.5us"}
    found = limits(flows(["vf2", "uplink"], ["vf5", "uplink"], **slow))
    assert (found.mpps, found.limited_by) == (pytest.approx(0.4), "driver.tx")
    assert limits(flows(["vf0", "vf1"], ["vf2", "uplink"], ["vf5", "uplink"], **slow)).mpps == pytest.approx(0.4)


def test_flows_that_are_alike_are_as_offered():
    every = [[f"vf{k}", f"vf{k ^ 1}", None] for k in range(8)]
    assert limits(demo({"workload.pattern": "flows", "workload.flows": every})) == limits(demo())
    servers = load_config("sriov_10g_gen2x4", {"servers": [{"name": "a"}, {"name": "b"}], "nic.vfs": 2,
                                               "workload.pattern": "uniform"})  # fmt: skip
    assert limits(servers).as_offered is None


def test_copies_that_are_lost_leave_room_for_others():
    """vf7 and the PF share core 0 of eight, each of 0.5 M frames/s: copies of broadcasts to seven VMs from eight.

    Where nothing is lost that core sets the pace of all: it posts x/8 and takes x (PF) + 7/8 x (vf7). Else every core
    is full at most, with what all post and what seven of them, and the eighth in part, take.
    """
    slow = {"workload.pattern": "broadcast", "nic.preset": None, "pcie.generation": 3, "pcie.lanes": 16,
            "driver.frame_time": "2us", "host.cores": 8, "port.rate": "100Gbps"}  # fmt: skip
    lossless = limits(demo(slow | {"nic.drop_enable": False}))
    lossy = limits(demo(slow | {"nic.drop_enable": True}))
    assert float(lossless.frames_per_s) == pytest.approx(0.25 * M) and lossless.limited_by == "driver.rx"
    # Eight cores give 4 M takings and posts a second; each of the copies counted takes one, and each frame one post.
    assert lossless.mpps == pytest.approx(7 * 0.25 + 0.25) and lossless.mpps < lossy.mpps <= 4 * 8 / 9


def test_flows_of_given_rates_that_do_not_fit_are_shown_in_proportion():
    """2 M and 2 M of 1 M: half each in proportion; nothing is left for vf4, which might have all."""
    found = limits(flows(["vf0", "vf1", "2Mpps"], ["vf2", "uplink", "2Mpps"], GREEDY))
    assert (found.mpps, found.as_offered.mpps, float(found.frames_per_s)) == pytest.approx((1, 0.5, M))


def test_the_text_gives_both():
    text = limits_text(limits(flows(SMALL, LARGE, GREEDY)))
    own = "0.3000 M frames/s offered beside 0.7000 M of a given rate; delivered 0.4000 M frames/s, 4.86 Gb/s"
    assert f"In the load's own proportions: {own}; limited by nic.pipeline." in text
    assert "no mix of them carries more than 1.0000 M frames/s, 12.14 Gb/s, by nic.pipeline." in text
    assert "as_offered" in limits(flows(SMALL, LARGE, GREEDY)).to_dict()


# ---- All mixes of a grid: none that fits delivers more ----


def drawn_flows(number: int):
    chance = random.Random(number)
    vms = [f"vf{k}" for k in range(6)]
    sources = chance.sample(vms, 3)
    of = [[one, chance.choice([name for name in [*vms, "uplink"] if name != one]),
           chance.choice([None, "0.3Mpps", "0.8Mpps"])] for one in sources]  # fmt: skip
    if all(target == "uplink" for _, target, _ in of):
        of[0][1] = next(name for name in vms if name != of[0][0])
    changes = {"driver.frame_time": chance.choice(["20ns", "1us", "2us"]), "host.cores": chance.choice([2, 3, 8]),
               "pcie.lanes": chance.choice([1, 2, 16]), "port.rate": chance.choice(["1Gbps", "10Gbps"]),
               "nic.drop_enable": False}  # fmt: skip
    return flows(*of, **{key.replace(".", "__"): value for key, value in changes.items()})


@pytest.mark.parametrize("number", range(12))
def test_no_mix_that_fits_delivers_more(number):
    """By brute force over rates of three flows, nothing lost; the best of them comes near where one is the limit."""
    config = drawn_flows(number)
    system, demand = System.of(config), demand_of(config)
    costs = FlowCosts(system, demand, demand.streams)
    takes = np.array([costs.of(one.sent_as[0]) for one in demand.streams])
    own = np.zeros((len(demand.streams), 3))
    for row, (_, by_stream) in enumerate(sender_limits(system, demand.streams)):
        for stream, share in by_stream.items():
            own[stream, row] = share
    takes = np.hstack([takes, own])
    most = [
        min(1 / each.max(), float(one.frames_per_s or 10**12) / M)
        for each, one in zip(takes, demand.streams, strict=True)
    ]
    copies = np.array([float(one.traffic.copies) for one in demand.streams])
    steps = np.linspace(0, 1, 41)
    rates = np.array(list(product(*(steps * each for each in most))))
    fits = (rates @ takes <= 1 + 1e-9).all(axis=1)
    best = (rates[fits] @ copies).max()
    bound = float(mix_bound(system, demand).frames_per_s) / M
    assert best <= bound * (1 + 1e-9) and bound <= 2 * best


@pytest.mark.parametrize("number", seeds(4, 4, 40))
def test_no_run_of_drawn_flows_is_above(number):
    config = drawn_flows(100 + number)
    changes = {"run.duration": "10ms", "run.warmup": "auto", "nic.writeback_timeout": "20us"}
    config = load_config(config.resolved(), changes)
    assert simulate(config).totals.mpps <= 1.01 * limits(config).mpps
