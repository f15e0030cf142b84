"""Short runs of larger machines say what limits where no busy share does."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from hwmodel import Interrupted, simulate
from hwmodel.config import config_from_mapping
from hwmodel.simulation import Run
from hwmodel.simulation.run.short_runs import MOST_SERVERS, ShortRuns
from hwmodel.words.warnings import SHORT_RUNS_INTERRUPTED
from hwmodel.workload import build_workload
from tests.run_cases import merged

SHORT = {"run": {"warmup": "200us", "duration": "1ms"}}
# Two VMs a pair, rings of 64: the link is nine tenths busy, and rings and link wait for each other.
PAIRS = merged({
    "run": {"warmup": "6ms", "duration": "500us"},
    "pcie": {"generation": 3, "lanes": 2}, "nic": {"preset": "XL710", "vfs": 4, "rx_ring": 64},
    "driver": {"preset": "dpdk"}, "workload": {"pattern": "pairs", "frame_bytes": 64},
})  # fmt: skip
WALKS = merged(SHORT, {
    "pcie": {"generation": 3, "lanes": 8, "tags": 4}, "nic": {"strict": False, "vfs": 2}, "driver": {"preset": "dpdk"},
    "host": {"iotlb": {"entries": 16, "miss": "330ns", "walkers": 6}},
    "workload": {"pattern": "pairs", "frame_bytes": 512}, "port": {"rate": "40Gbps"},
})  # fmt: skip


def gain_of(document, found, **larger) -> float:
    """Return by what share a whole run with some keys changed carries more than `found`."""
    changes = {key.replace("__", "."): value for key, value in larger.items()}
    return simulate(config_from_mapping(document, changes)).throughput_gbps() / found.throughput_gbps() - 1


def test_a_ring_and_a_link_that_wait_for_each_other_are_both_named():
    found = simulate(config_from_mapping(PAIRS))
    assert {found.bottleneck.resource, *found.bottleneck.also} == {"pcie.up", "rx.descriptors"}
    assert found.utilization["pcie.up"] < 0.95 and "It limits though it is not always full" in found.bottleneck.why
    assert gain_of(PAIRS, found, pcie__lanes=4) == pytest.approx(found.bottleneck.gain, abs=0.03)
    assert gain_of(PAIRS, found, nic__preset=None, nic__rx_ring=128) > 0.02


def test_tags_that_page_walks_keep_long_are_named_and_not_the_walkers():
    found = simulate(config_from_mapping(WALKS))
    assert found.bottleneck.resource == "pcie.tags" and "host.walkers" not in found.bottleneck.also
    assert gain_of(WALKS, found, pcie__tags=8) == pytest.approx(found.bottleneck.gain, rel=0.1)


def test_a_short_run_of_the_same_configuration_carries_the_same():
    config = config_from_mapping(PAIRS)

    def make(one, workload):
        return Run(one, workload, lambda *_: None)

    run = make(config, build_workload(config, None))
    for _ in run.pieces():
        pass
    assert ShortRuns(run, make)(config, 1) == pytest.approx(run.result().throughput_gbps(), rel=0.005)


OUTWARD = {"pattern": "pairs", "wire_share": 0.4, "external": {"rate": "1Gbps"}, "frame_bytes": 512}
SEVERAL = {"servers": [{"name": "a"}, {"name": "b"}], "bridge": {}}


@pytest.mark.parametrize("bridges", [{}, {"bridge": {}}, SEVERAL], ids=["alone", "a bridge", "two servers"])
@pytest.mark.parametrize("load", [OUTWARD, {"pattern": "pairs", "frame_bytes": 512}], ids=["outward", "inside"])
def test_a_rate_without_a_result_is_that_of_the_result(bridges, load):
    config = config_from_mapping(merged({"nic": {"vfs": 4}, "run": {"warmup": "20us", "duration": "100us"}}, bridges,
                                        {"workload": load}))  # fmt: skip
    run = Run(config, build_workload(config), lambda *_: None)
    for _ in run.pieces():
        pass
    found = run.throughput_gbps()
    assert found == run.result().throughput_gbps()
    assert found > 0


def test_who_differs_in_the_run_alone_offers_what_the_run_did():
    config = config_from_mapping(PAIRS)
    made = []

    def make(one, workload):
        made.append(workload)
        return Run(one, workload, lambda *_: None)

    run = make(config, build_workload(config))
    for _ in run.pieces():
        pass
    shorts = ShortRuns(run, make)
    for other in (config, config.model_copy(update={"run": config.run.model_copy(update={"seed": 7})})):
        shorts.finished(other)
        assert made[-1] is run.workload
    small = config_from_mapping(PAIRS, {"workload.frame_bytes": 128})
    shorts.finished(config.model_copy(update={"workload": small.workload}))
    assert made[-1].sources[0].size_table.value.tolist() == [128]


@pytest.mark.real_clocks
def test_how_many_short_runs_go_at_once_changes_nothing(monkeypatch):
    config = config_from_mapping(PAIRS)  # compares suspects, and is made anew in other phases
    alone, together = (replace(simulate(config, threads=n), host_run=None) for n in (1, 5))
    assert together.to_json() == alone.to_json()
    monkeypatch.setattr("hwmodel.simulation.run.short_runs.MOST_SERVERS", 0)  # no room for two
    assert replace(simulate(config, threads=5), host_run=None).to_json() == alone.to_json()
    assert MOST_SERVERS > 1


@pytest.mark.real_clocks
@pytest.mark.parametrize("threads", [1, 3])
def test_an_interrupt_in_the_short_runs_loses_none_of_the_window(monkeypatch, tmp_path, threads):
    config, make, asked = config_from_mapping(PAIRS), Run._replica, []
    whole = simulate(config)

    def replica(self, *arguments):
        asked.append(arguments)
        if len(asked) == 3:
            raise KeyboardInterrupt
        return make(self, *arguments)

    monkeypatch.setattr(Run, "_replica", replica)
    with pytest.raises(Interrupted) as caught:
        simulate(config, threads=threads, trace_path=str(tmp_path / "t.json"))
    found = caught.value.result
    assert found.warnings[0] == SHORT_RUNS_INTERRUPTED
    assert (found.totals, found.latency_ns, found.vms) == (whole.totals, whole.latency_ns, whole.vms)
    low, high = found.intervals["totals.gbps"]  # of the window alone, which other phases widen
    widened_low, widened_high = whole.intervals["totals.gbps"]
    assert widened_low < low <= found.totals.gbps <= high < widened_high
    assert json.loads((tmp_path / "t.json").read_text())["traceEvents"]
    assert len(asked) <= 3 + threads


def test_a_bar_says_that_short_runs_are_made():
    told = []
    found = simulate(config_from_mapping(PAIRS), lambda share, text: told.append((share, text)))
    assert found.bottleneck.gain is not None  # of short runs, which tests make where they look at it
    assert told[-1] == (1.0, "short runs")
    assert {text for _, text in told} == {"warm-up", "measuring", "short runs"}
