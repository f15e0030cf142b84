"""Who is worst off among several VMs, and that a guarantee of rate is none of latency."""

from __future__ import annotations

import dataclasses

import pytest

from hwmodel.config import config_from_mapping
from hwmodel.results.worst_off import one_frame_alone_ns, senders_of, station_setting, why_late, worst_off_sentence
from hwmodel.simulation import simulate

RUN = {"warmup": "500us", "duration": "1ms"}
FLOODS = [["vf1", "uplink"], ["vf2", "uplink"], ["vf3", "uplink"]]


def run_of(flows, ports=(), **blocks):
    document = {
        "nic": {"preset": "82599", "vfs": 4}, "driver": {"preset": "dpdk"}, "run": RUN,
        "switch": {"scheduler": "deficit", "ports": list(ports)},
        "workload": {"pattern": "flows", "frame_bytes": 64, "arrivals": "poisson", "flows": flows}, **blocks,
    }  # fmt: skip
    return simulate(config_from_mapping(document))


def test_a_guarantee_of_rate_beside_floods_warns_of_the_latency():
    result = run_of([["vf0", "uplink", "500Mbps"], *FLOODS], [{"name": "vf0", "min_rate": "1Gbps"}])
    victim = next(flow for flow in result.flows if flow.from_ == "vf0")
    assert victim.gbps == pytest.approx(0.5, rel=0.1) and victim.latency_ns.p99 > 100 * one_frame_alone_ns(result)
    (told,) = (text for text in result.warnings if "min_rate" in text)
    assert "switch.ports.vf0.min_rate 1Gbps" in told and "p99 to uplink is 1" in told
    assert "vf0 to uplink" in worst_off_sentence(result) and worst_off_sentence(result) in result.summary()


@pytest.mark.parametrize("floods", [[], [["vf1", "vf2", "100Mbps"]]])
def test_a_guarantee_with_room_around_it_warns_of_nothing(floods):
    result = run_of([["vf0", "uplink", "500Mbps"], *floods], [{"name": "vf0", "min_rate": "1Gbps"}])
    assert not any("min_rate" in text for text in result.warnings) and worst_off_sentence(result) == ""


def test_a_random_load_that_all_gets_through_leaves_nobody_worse_off():
    """Its senders' rates differ by chance alone in so short a window."""
    on_off = {"arrivals": "on_off", "peak_rate": "5Gbps", "mean_burst": 30, "load": "500Mbps", "pattern": "pairs"}
    result = run_of([], workload={**on_off, "frame_bytes": 1518, "flows": []})
    rates = [one.got_gbps for one in senders_of(result).values()]
    assert min(rates) < 0.9 * max(rates)
    assert "in rate" not in worst_off_sentence(result)


@pytest.mark.parametrize(
    ("ports", "why"),
    [
        ([{"name": "vf0", "rate_limit": "1Gbps"}], "switch.ports.vf0.rate_limit 1Gbps"),
        ([{"name": "vf0", "weight": 1}, {"name": "vf1", "weight": 8}], "weight is 1"),
    ],
)
def test_who_sends_least_of_those_that_send_all_they_can_is_named_with_its_reason(ports, why):
    result = run_of([["vf0", "uplink"], *FLOODS], ports)
    got = {one.name: one.got_gbps for one in senders_of(result).values()}
    assert got["vf0"] < 0.9 * max(got.values())
    told = worst_off_sentence(result)
    if "rate_limit" in why:
        assert told.startswith("Worst off in rate: vf0, ")
    assert why in told


def test_who_loses_what_it_asks_for_is_named_with_the_place_of_the_loss():
    """vf1 never posts descriptors again."""
    driver = {"preset": "dpdk", "vms": {"vf1": {"refill": False}}}
    flows = [["vf0", "vf1", "1Gbps"], ["vf2", "vf3", "1Gbps"]]
    result = run_of(flows, driver=driver, nic={"vfs": 4, "drop_enable": True})
    assert "in rate: vf0" in worst_off_sentence(result) and "NO_DESCRIPTOR" in worst_off_sentence(result)
    assert "at vf1" in worst_off_sentence(result)


def test_a_wait_is_placed_at_a_bridge_only_for_what_crosses_it():
    servers = [{"name": name} for name in "abc"]
    flows = [["a.vf0", "c.vf0", "6Gbps"], ["b.vf0", "c.vf1", "6Gbps"], ["c.vf2", "c.vf3", "1Gbps"]]
    result = run_of(flows, servers=servers, bridge={"announce": True}, pcie={"generation": 3},
                    workload={"pattern": "flows", "frame_bytes": 1518, "arrivals": "poisson", "flows": flows},
                    run={"warmup": "2ms", "duration": "2ms"})  # fmt: skip
    by_sender = {flow.from_: flow for flow in result.flows}
    assert "bridge.c" in why_late(result, by_sender["a.vf0"])
    assert why_late(result, dataclasses.replace(by_sender["c.vf2"], latency_ns=by_sender["a.vf0"].latency_ns)) == ""


def test_a_server_s_own_setting_goes_before_the_common_one():
    config = {"nic": {"strict": False}, "switch": {"ports": [{"name": "vf0", "min_rate": "1Gbps"}]},
              "servers": [{"name": "a"}, {"name": "b", "set": {"switch.ports.vf0.min_rate": "2Gbps"}}]}  # fmt: skip
    assert [station_setting(config, f"{name}.vf0", "min_rate") for name in "ab"] == ["1Gbps", "2Gbps"]
    assert station_setting(config, "a.vf1", "min_rate") is None


def test_a_latency_is_compared_with_those_of_the_same_way():
    """What goes out takes several times as long as what comes in, which makes nobody worse off."""
    result = run_of([["vf0", "uplink", "1Gbps"], *(["uplink", f"vf{n}", "1Gbps"] for n in (1, 2, 3))])
    p99_ns = {flow.from_: flow.latency_ns.p99 for flow in result.flows if flow.latency_ns.p99}
    assert p99_ns["vf0"] > 3 * p99_ns["uplink"]
    assert worst_off_sentence(result) == ""
