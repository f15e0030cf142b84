"""How much of credits, of fetches and of the demand a run used, against closed forms and against what is put in."""

from __future__ import annotations

import pytest

from hwmodel.analytic import limits
from hwmodel.simulation.figures.observation import credit_use, demand_use, fetch_use
from hwmodel.simulation.figures.span import Span
from tests.run_cases import finished

MACHINE = {
    "pcie": {"generation": 3, "lanes": 16, "dllp_model": "none"},
    "nic": {"preset": None, "vfs": 4, "tx_writeback_batch": 1, "rx_writeback_batch": 1, "fetch_batch": 1,
            "rx_fetch_batch": 1},
    "driver": {"preset": "dpdk", "frame_time": "1ns"},
    "workload": {"pattern": "pairs", "frame_bytes": 1518},
    "run": {"warmup": "100us", "duration": "400us"},
}  # fmt: skip


def mpps(span):
    """Return the frames of a window as a rate, though it may be too short for one that is printed."""
    return span.count("vm_copies") / span.fs * 1e9


def finished_with(*changes):
    run, result = finished(MACHINE, *changes)
    return run.config, Span(run.start, run.end), result


@pytest.mark.parametrize(
    ("kind", "credits", "drain"),
    [
        ("completion", {"cplh": 20}, None),
        ("completion", {"cpld": 320}, None),
        ("posted", {"ph": 20}, None),
        ("posted", {"pd": 320}, None),
        ("posted", {"ph": 20}, "60Gbps"),
        ("non_posted", {"nph": 6}, None),
    ],
)
def test_the_use_of_credits_is_the_rate_by_the_closed_forms_ceiling(kind, credits, drain):
    changes = {"pcie": {"credits": {**credits, "return": "900ns"}}, "workload": {"load": "3Gbps"}}
    config, span, _ = finished_with(changes, {"host": {"write_drain": drain}})
    found = credit_use(config, span)
    ceiling = next(one for one in limits(config).ceilings if one.resource == "pcie.credits")
    assert found[f"pcie.credits.{kind}"] == pytest.approx(mpps(span) * 1e6 / float(ceiling.frames_per_s), rel=0.02)
    assert [name for name, use in found.items() if use] == [f"pcie.credits.{kind}"]


def test_credits_that_set_the_rate_are_in_use_all_the_time():
    config, span, result = finished_with({"pcie": {"credits": {"cplh": 3, "return": "3us"}}})
    assert credit_use(config, span)["pcie.credits.completion"] == pytest.approx(1, abs=0.02)
    assert result.bottleneck.resource == "pcie.credits"


def test_data_credits_that_no_whole_tlp_can_take_do_not_count():
    # TLPs of 256 B take 16 credits: of 24 no more than of 16.
    use = {}
    for pd in (16, 24):
        config, span, _ = finished_with({"pcie": {"max_payload": "256B", "credits": {"pd": pd, "return": "500ns"}}})
        use[pd] = credit_use(config, span)["pcie.credits.posted"]
    assert use == {16: pytest.approx(1, abs=0.15), 24: pytest.approx(1, abs=0.05)}  # write-backs go alone, or beside


def flows(*of, **limits_by_port):
    ports = [{"name": name, "rate_limit": limit} for name, limit in limits_by_port.items()]
    return {"workload": {"pattern": "flows", "flows": list(of)}, "switch": {"ports": ports}}


@pytest.mark.parametrize(
    ("changes", "share", "limited"),
    [
        (flows(["vf0", "vf1", "4Gbps"], ["vf2", "uplink", "2Gbps"]), 1, 0),
        (flows(["vf0", "vf1", "4Gbps"], ["vf2", "uplink", "6Gbps"], vf2="1Gbps"), 1, 0.2),
        (flows(["vf0", "vf1", None], ["vf2", "vf3", None], vf0="1Gbps", vf2="3Gbps"), 1, 1),
        (flows(["vf0", "vf1", None], ["vf2", "vf3", "3Gbps"], vf2="1Gbps"), 0, 0),  # vf0 sends all it can
        ({"pcie": {"generation": 1, "lanes": 1}, **flows(["vf0", "vf1", "4Gbps"])}, 0.4, 0),
    ],
)
def test_the_use_of_the_demand(changes, share, limited):
    config, span, result = finished_with(changes)
    found = demand_use(config, span)
    assert found == pytest.approx((share, limited), rel=0.05)
    if 0 < share < 1:
        assert found[0] == pytest.approx(result.totals.gbps / 4)
    if share == 1:
        assert result.bottleneck.resource in ("offered_load", "rate_limit")


def test_fetches_under_way_all_the_time_are_used_whole():
    # 8 descriptors under way of a ring, all frames for one: 8 a round trip of 2 us and little more.
    slow = {"host": {"read_latency": "2us"}, "nic": {"strict": False,
                                                     "rx_prefetch": 8, "rx_fetch_batch": 8, "rx_ring": 1024},
            "pcie": {"tags": 256}, "workload": {"pattern": "incast", "frame_bytes": 64}}  # fmt: skip
    config, span, _ = finished_with(slow)
    assert fetch_use(config, span) == pytest.approx(1, abs=0.06)
    config, span, _ = finished_with(slow, {"workload": {"load": "300Mbps"}})
    assert fetch_use(config, span) == pytest.approx(mpps(span) * 2.011 / 8, rel=0.01)
    assert mpps(span) * 2.011 / 8 < 0.5
    config, span, _ = finished_with({"nic": {"rx_prefetch": 0}})
    assert fetch_use(config, span) == 0


PAIRS = {"workload": {"load": "3036Mbps"}}  # 0.25 M frames a second of each of four VMs
# Two segments a send of 2,896 B: 0.125 M sends a second.
SENDS = {"workload": {"frame_bytes": None, "segment_bytes": "2896B", "load": "3036Mbps"}}
BOND = {
    "nic": {"mode": "vswitch"}, "port": {"count": 2, "rate": "10Gbps"},
    "host": {"cores": 6, "virtual_switch": {"bond": {"mode": "l4_hash"}}},
    "workload": {"pattern": "to_wire", "load": "1518Mbps", "connections": 64},
}  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "per_s"),
    [
        (PAIRS, 0.25e6),
        (
            {**PAIRS, "nic": {"strict": False, "queues_per_vf": 4}},
            0.25e6,
        ),  # whose frames all come from one of four rings
        (flows(["vf0", "vf1", "3036Mbps"], ["vf2", "vf3", "303.6Mbps"]), 0.25e6),
        (SENDS, 0.125e6),
        (BOND, 0.25e6),  # half a million a second over two legs, by the hash of each frame's connection
    ],
)
def test_the_work_on_tx_rings_is_that_of_the_busiest(changes, per_s):
    _, _, result = finished_with({"nic": {"queue_time": "1us"}, "workload": {"arrivals": "periodic"}}, changes)
    assert result.utilization["nic.queue"] == pytest.approx(per_s * 1e-6, rel=0.15 if changes is BOND else 0.03)
