"""What figures can be: intervals are cut at that, whatever they are made from."""

from __future__ import annotations

from math import inf

import pytest

from hwmodel.results.possible import least_latency, within_possible
from hwmodel.simulation import simulate
from hwmodel.simulation.figures.intervals import possible_intervals
from tests.simulation_cases import config_of


@pytest.mark.parametrize(
    ("name", "figure", "ends", "cut"),
    [
        ("pcie.up.utilization", 0.4, (0.00045, 6.78), (0.00045, 1.0)),
        ("utilization.driver.tx", 0.4, (-0.065, 0.5), (0.0, 0.5)),
        ("fairness_jain", 0.97, (0.9, 1.04), (0.9, 1.0)),
        ("loss", 0.01, (-0.02, 0.04), (0.0, 0.04)),
        ("totals.gbps", 8.12, (-1.0, 19.0), (0.0, 19.0)),
        ("latency_ns.p99", 4110.0, (-1040.0, 9260.0), (0.0, 9260.0)),
        ("totals.copies_dropped", 3.0, (-2.0, 8.0), (0.0, 8.0)),
        ("pcie.up.utilization", 1.0000001, (0.9, 1.2), (0.9, 1.0000001)),  # the figure itself is always inside
    ],
)
def test_an_interval_ends_where_its_kind_of_figure_does(name, figure, ends, cut):
    assert within_possible(name, figure, ends) == cut


def test_what_a_run_knows_cuts_further():
    assert within_possible("latency_ns.mean", 500.0, (-20.0, 900.0), least=300.0) == (300.0, 900.0)
    assert within_possible("wire.tx_gbps", 9.0, (7.0, 12.0), most=9.87) == (7.0, 9.87)
    assert least_latency("latency_ns.p99", [{"latency_ns.min": 30.0}, {"latency_ns.min": 20}, {}]) == 20.0
    assert least_latency("latency_ns.p99", [{"latency_ns.min": None}]) == -inf == least_latency("totals.gbps", [{}])
    figures = {"vms.vf3.rx_gbps": 5.0, "wire.wait_ns.mean": 90.0}
    wide = dict.fromkeys(figures, (-1e9, 1e9))
    found = possible_intervals(figures, wide, {"wire.wait_ns": 40.0}, {"vms.rx_gbps": 16.0})
    assert found == {"vms.vf3.rx_gbps": (0.0, 16.0), "wire.wait_ns.mean": (40.0, 1e9)}


def test_a_window_of_few_long_bursts_says_nothing_that_cannot_be():
    """Two senders burst at ten times their load: by the window's own ups and downs nothing would be impossible."""
    load = {"load": "2Gbps", "arrivals": "on_off", "mean_burst": 400, "peak_rate": "9Gbps", "pattern": "pairs"}
    result = simulate(config_of(workload={**load, "wire_share": 0.5}, run={"warmup": "100us", "duration": "1ms"}))
    scalars = result.scalars()
    most = {"wire.tx_gbps": 10.001, "totals.gbps": 32.0}  # the port; the link of Gen2 x8, of 8b/10b coding
    assert max(high / scalars[name] for name, (_, high) in result.intervals.items() if name in scalars) > 1.5
    for name, (low, high) in result.intervals.items():
        least = scalars.get(f"{name.rpartition('.')[0]}.min") or 0.0
        assert low >= min(0.99 * least, low + 1) and low >= 0
        assert high <= (1.0 if name.endswith("utilization") else most.get(name, inf))


@pytest.mark.parametrize("workload", [{"load": "1Mbps"}, {"load": "saturate"}])
def test_a_window_without_a_delivery_has_neither_name_nor_verdict(workload):
    result = simulate(config_of(workload=workload, run={"warmup": "1us", "duration": "1us"}))
    assert result.window_frames == 0
    assert (result.bottleneck.resource, result.bottleneck.keys, result.intervals) == ("", (), {})
    assert not result.bottleneck.is_limit and "% busy" not in result.summary().partition("Latency")[0]
    assert "what limits it is not known" in result.summary()
