"""Jain's index over senders: demand that is served in full is fair, who is starved is counted."""

from __future__ import annotations

import pytest

from hwmodel.simulation.figures.outcome import fairness
from tests.analytic_cases import demo
from tests.run_cases import measured


def jain(shares) -> float:
    return sum(shares) ** 2 / (len(shares) * sum(share * share for share in shares))


def flows(*rates: str) -> dict[str, object]:
    rows = [[f"vf{2 * i}", f"vf{2 * i + 1}", rate] for i, rate in enumerate(rates)]
    return {"workload.pattern": "flows", "workload.flows": rows}


ON_OFF = {
    "workload.load": "500Mbps", "workload.arrivals": "on_off", "workload.peak_rate": "6Gbps", "workload.mean_burst": 64,
    "run.duration": "4ms",
}  # fmt: skip
SERVED_IN_FULL = {
    "flows of unequal rates": flows("4Gbps", "100Mbps", "10Mbps"),
    "by chance": {**flows("4Gbps", "100Mbps", "50Mbps"), "workload.arrivals": "poisson"},
    "bursts in a short window": {**ON_OFF, "run.duration": "60ms"},  # of fewer than 6,000 frames there is no rate
    "a light load to all": {"workload.pattern": "uniform", "workload.load": 0.3, "run.duration": "60ms"},
    "timers": {"workload.load": 0.2, "nic.writeback_timeout": "10us", "driver.moderation": "20us"},
}


def indexed(changes) -> float | None:
    return measured(demo({"run.duration": "20ms", **changes})).fairness_jain


@pytest.mark.parametrize("case", SERVED_IN_FULL)
def test_what_is_served_in_full_is_fair(case):
    assert indexed(SERVED_IN_FULL[case]) == pytest.approx(1, abs=1e-4)


def test_saturating_senders_are_compared_by_their_rates():
    assert indexed({}) == pytest.approx(1)
    strict = {"switch.scheduler": "strict", "switch.ports": [{"name": "vf0", "default_priority": 7}]}
    assert indexed(strict) == pytest.approx(1 / 8)
    weighted = {"switch.scheduler": "weighted", "switch.ports": [{"name": "vf0", "weight": 4}]}
    assert indexed(weighted) == pytest.approx(jain([4] + 7 * [1]), rel=0.01)


def test_senders_with_a_rate_that_are_starved_count():
    # 32 Gb/s are wanted, 13.4 fit: strict priority gives them to the first, the others' rings stay full.
    changes = {"switch.scheduler": "strict", "workload.load": "4Gbps"}
    result = measured(demo({"run.duration": "20ms", **changes}))
    rates = {flow.from_: flow.gbps for flow in result.flows}
    shares = [min(1.0, rates.get(f"vf{i}", 0.0) / 4) for i in range(8)]
    assert min(shares) == 0
    assert result.fairness_jain == pytest.approx(jain(shares), rel=0.02)


def test_demand_that_waits_before_the_ring_counts():
    # Round robin: the two that want 4 Gb/s get them, the one that wants 12 gets the rest.
    result = measured(demo({"run.duration": "20ms", **flows("12Gbps", "4Gbps", "4Gbps")}))
    greedy, *others = sorted(result.flows, key=lambda flow: flow.from_)
    assert [flow.gbps for flow in others] == pytest.approx([4, 4], rel=0.03)
    assert result.fairness_jain == pytest.approx(jain([greedy.gbps / 12, 1, 1]), rel=0.02)


def test_frames_that_the_driver_drops_are_not_served():
    changes = {**flows("12Gbps", "4Gbps", "4Gbps"), "workload.on_full": "drop"}
    result = measured(demo({"run.duration": "20ms", **changes}))
    greedy = next(flow for flow in result.flows if flow.from_ == "vf0")
    assert result.fairness_jain == pytest.approx(jain([greedy.gbps / 12, 1, 1]), rel=0.02)


def test_a_sender_whose_frames_are_denied_is_not_served():
    deny = {"nic.strict": False, "switch.acl": [{"port": "vf0", "action": "deny"}]}
    assert indexed({**deny, "workload.load": 0.3}) == pytest.approx(7 / 8, rel=0.01)
    assert indexed(deny) == pytest.approx(7 / 8, rel=0.01)


class ShortSpan:
    gives_rates = False


def test_a_window_without_rates_has_none():
    assert fairness(demo(), None, None, ShortSpan(), {}) is None
