"""Short runs of larger machines say what limits where no busy share does."""

from __future__ import annotations

import pytest

from hwmodel import simulate
from hwmodel.config import config_from_mapping
from hwmodel.simulation import Run
from hwmodel.simulation.short_run import ShortRuns
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
    "pcie": {"generation": 3, "lanes": 8, "tags": 4}, "nic": {"vfs": 2}, "driver": {"preset": "dpdk"},
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
