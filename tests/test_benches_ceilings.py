"""The bench of the closed form beside runs: what it draws, what it counts as above, why a run is below."""

from __future__ import annotations

import dataclasses

import pytest

from benches import ceilings
from benches.bottleneck import QUICK_RUN
from benches.bottleneck_cases import configurations
from benches.ceilings import Case
from benches.ceilings_cases import draw_saturated
from hwmodel.analytic import limits
from hwmodel.config import config_from_mapping
from tests.sample_result import sample_result

NARROW = config_from_mapping({"pcie": {"lanes": 1}, "nic": {"vfs": 2}, "run": QUICK_RUN})


def test_draws_reach_what_there_is():
    drawn = list(configurations(6, 150, QUICK_RUN, draw_saturated))
    iotlbs = [config.host.iotlb for config in drawn if config.host.iotlb is not None]
    assert {one.invalidation for one in iotlbs} == {"none", "strict", "deferred"}
    for share in (
        len(iotlbs),
        sum(one.walkers is not None for one in iotlbs),
        sum(config.nic.dma is not None for config in drawn),
        sum(config.pcie.ordering != "strict" for config in drawn),
        sum(config.driver.masks for config in drawn),
        sum(config.host.write_latency_fs > 0 for config in drawn),
    ):
        assert 10 <= share <= 120
    assert sum(config.workload.load.kind == "saturate" for config in drawn) >= 100


def test_a_full_link_is_within_5_percent():
    case = ceilings.judge("1/0", NARROW)
    assert (case.limited_by, case.bottleneck, case.reason, case.over) == ("up", "pcie.up", "", 0.0)
    assert 0.95 < case.ratio <= 1.001


def test_a_run_above_is_told(monkeypatch):
    """A closed form that is a tenth too low."""
    right, ratio = limits(NARROW), ceilings.judge("1/0", NARROW).ratio
    monkeypatch.setattr(ceilings, "limits", lambda config: dataclasses.replace(right, gbps=right.gbps * 0.9))
    case = ceilings.judge("1/0", NARROW)
    assert case.over == pytest.approx(ratio / 0.9 - 1, abs=0.01)
    assert ceilings.line_of(case).rstrip("0123456789.e-").endswith("ABOVE by ")
    assert "above the closed form: 1; within 5 %: 1" in ceilings.report_text([case])


@pytest.mark.parametrize(("changes", "reason"), [
    ({"drops": {"NO_DESCRIPTOR": 10**6}}, "frames are lost"),
    ({"bottleneck": "nic.tx_ring"}, "rings and buffers"),
    ({"bottleneck": "rx.descriptors"}, "Rx descriptors"),
    ({"bottleneck": "pcie.credits"}, "few credits"),
    ({}, "unknown"),
])  # fmt: skip
def test_why_a_run_is_below(changes, reason):
    config = config_from_mapping({"driver": {"preset": "dpdk"}, "nic": {"writeback_timeout": None}})
    result = dataclasses.replace(sample_result(), drops=changes.get("drops", {}))
    stalls = dataclasses.replace(result.stalls_ns, descriptors=0.0, tags=0.0)
    found = dataclasses.replace(result.bottleneck, resource=changes.get("bottleneck", "nic.pipeline"), keys=())
    result = dataclasses.replace(result, bottleneck=found, stalls_ns=stalls)
    wide = dataclasses.replace(limits(config), gbps=10 * result.totals.gbps)
    (least, *_) = sorted(wide.ceilings, key=lambda one: one.frames_per_s)
    wide = dataclasses.replace(wide, ceilings=(least,), limited_by="nic.pipeline")
    assert ceilings.reason_of(config, wide, result) == reason


def test_a_bench_that_was_stopped_goes_on(tmp_path, monkeypatch):
    judged = []

    def judge(label, config):
        judged.append(label)
        return Case(label, 0.99, limited_by="up", bottleneck="pcie.up")

    monkeypatch.setattr(ceilings, "judge", judge)
    ledger = tmp_path / "out" / "cases.jsonl"
    first = list(ceilings.judge_all(3, 2, QUICK_RUN, ledger))
    again = list(ceilings.judge_all(3, 3, QUICK_RUN, ledger))
    assert again[:2] == first
    assert judged == ["3/0", "3/1", "3/2"]
