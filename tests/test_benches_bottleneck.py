"""The bench of the bottleneck's name: what it draws, what it counts as right, what it prints."""

from __future__ import annotations

import dataclasses
import itertools

import pytest

from benches import bottleneck
from benches.bottleneck import Case
from benches.bottleneck_cases import PATTERNS, configurations
from benches.limit_cases import draw_wide
from hwmodel.config import config_from_mapping
from tests.sample_result import sample_result

CONFIG = config_from_mapping({})
GOOD = Case("1/0", CONFIG, "pcie.up", gbps=10.0, gain=0.9)


def test_draws_repeat_and_differ():
    first, again = (list(configurations(5, 30, bottleneck.RUN)) for _ in range(2))
    assert [config.config_hash() for config in first] == [config.config_hash() for config in again]
    assert len({config.config_hash() for config in first}) == 30
    prefix = list(itertools.islice(configurations(5, 30, bottleneck.RUN), 3))
    assert [config.config_hash() for config in prefix] == [config.config_hash() for config in first[:3]]


def test_draws_reach_what_there_is():
    drawn = list(configurations(6, 150, bottleneck.RUN))
    assert {config.pcie.generation for config in drawn} == {1, 2, 3}
    assert {config.pcie.lanes for config in drawn} == {1, 2, 4, 8, 16}
    assert {config.workload.pattern for config in drawn} == set(PATTERNS)
    for share in (
        sum(config.pcie.credits.ph > 0 for config in drawn),
        sum(config.host.write_drain_bps is not None for config in drawn),
        sum(config.nic.store_rate_bps is not None for config in drawn),
        sum(config.switch.timing == "core" for config in drawn),
        sum(config.workload.external is not None for config in drawn),
        sum(config.workload.load.kind != "saturate" for config in drawn),
        sum(config.host.iotlb is not None for config in drawn),
    ):
        assert 10 <= share <= 100


def test_a_narrow_link_is_right_to_be_named():
    config = config_from_mapping({"pcie": {"lanes": 1}, "nic": {"vfs": 2}, "run": bottleneck.QUICK_RUN})
    case = bottleneck.judge("1/0", config)
    assert (case.resource, case.is_right, case.over_limit) == ("pcie.up", True, None)


def test_a_window_without_a_rate_is_made_longer():
    # Fewer than ten bursts of 16 frames fit into the short one.
    short = {"warmup": "auto", "duration": "40us", "frames": 40}
    config = config_from_mapping({"pcie": {"lanes": 1}, "nic": {"vfs": 2, "rx_writeback_batch": 16}, "run": short})
    assert bottleneck.simulate(config).throughput_gbps() is None
    case = bottleneck.judge("1/0", config)
    assert (case.resource, case.is_right, case.problem) == ("pcie.up", True, "")
    assert case.config.run.frames == bottleneck.LONGER["run.frames"]


def test_a_larger_machine_that_cannot_run_counts_as_no_gain(monkeypatch):
    def breaks(config):
        raise bottleneck.RunError("far more is offered")

    config = config_from_mapping({"pcie": {"lanes": 1}, "nic": {"vfs": 2}, "run": bottleneck.QUICK_RUN})
    result = bottleneck.simulate(config)
    monkeypatch.setattr(bottleneck, "simulate", breaks)
    assert bottleneck._gain(result, bottleneck.relaxations_of(config)) is None


@pytest.mark.parametrize(("ratio", "load", "expected"), [(1.005, "saturate", False), (1.02, "saturate", True),
                                                         (1.02, 0.9, False)])  # fmt: skip
def test_what_is_above_the_closed_form_is_told_from_chance(ratio, load, expected):
    config = config_from_mapping({"workload": {"load": load}})
    result, ceiling = sample_result(), bottleneck.limits(config).gbps
    totals = dataclasses.replace(result.totals, gbps=ratio * ceiling)
    window = dataclasses.replace(result.window, vm_frames=10_000)
    found = bottleneck.over_limit(config, dataclasses.replace(result, totals=totals, window=window))
    assert (found is not None) is expected


def test_the_report_counts_and_lists():
    tie = dataclasses.replace(GOOD, label="1/1", also=("wire.tx",), gain=0.0, gain_together=0.5)
    above = dataclasses.replace(GOOD, label="1/2", over_limit=0.03)
    lines = bottleneck.report_text([GOOD, tie, above, Case("1/3", CONFIG, problem="no room")]).splitlines()
    assert lines[0].startswith("3 configurations, 1 left out")
    assert lines[1].endswith("66.7%") and "100.0%" in lines[2] and lines[2].endswith("PASS")
    assert lines[5:] == [
        "1/1: pcie.up + wire.tx: +0.0%, together +50.0% of 10.000 Gb/s",
        "1/2: +3.0% above the closed form, 10.000 Gb/s",
    ]
    assert "max_payload" in bottleneck.report_text([above], details=True)


def test_wide_draws_have_servers_engines_walkers_and_devices():
    drawn = list(configurations(12, 60, bottleneck.RUN, draw_wide))
    assert sum(len(config.servers) > 1 for config in drawn) >= 8
    assert sum(config.nic.dma is not None for config in drawn) >= 2
    assert sum(config.host.iotlb is not None for config in drawn) >= 8
    assert {"kernel", "dpdk"} <= {config.driver.preset for config in drawn}
    assert sum(config.driver.moderation_fs > 0 for config in drawn) >= 8


def test_the_load_alone_is_right_where_nothing_is_full():
    assert Case("1/4", CONFIG, "offered_load", gbps=1.0, busiest=0.9).is_right
    assert not Case("1/5", CONFIG, "offered_load", gbps=1.0, gain=0.5, busiest=0.98).is_right
