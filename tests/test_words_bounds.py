"""What loosens a bound is told by what a configuration has, and a run far below it says how far."""

from __future__ import annotations

import pytest

from hwmodel.config import config_from_mapping
from hwmodel.words.bounds import BOUND, bound_beside_run, how_loose, looseners

TIGHT = {"nic.drop_enable": True, "pcie.tags": 32, "nic.tx_ring": 1024, "nic.rx_ring": 1024, "driver.preset": "dpdk"}
LOOSE = {
    "several lengths": {"workload.sizes": [[64, 1], [1518, 1]]},
    "in order for a receiver's descriptors": {"nic.drop_enable": False},
    "retries on the bus": {"nic.strict": False, "pcie.bus": {"kind": "pci", "clock_mhz": 66, "width_bits": 64}},
    "page walks": {"host.iotlb": {"entries": 64, "miss": "330ns"}},
    "few tags": {"pcie.tags": 4},
    "few credits": {"pcie.credits.nph": 4},
    "short rings": {"nic.rx_ring": 64},
    "few Rx descriptors": {"nic.rx_prefetch": 0},
    "not loaded alike": {"workload.pattern": "incast"},
}


def document(**changes):
    return config_from_mapping({"nic": {"preset": None}}).with_overrides(TIGHT | changes).resolved()


@pytest.mark.parametrize("reason", LOOSE)
def test_each_thing_that_loosens_a_bound_is_told_where_it_is_there(reason):
    with_it, without = document(**LOOSE[reason]), document()
    assert any(reason in what for what, _ in looseners(with_it)) and reason in how_loose(with_it)
    assert not any(reason in what for what, _ in looseners(without))
    assert how_loose(with_it) != BOUND


def test_what_one_server_has_of_its_own_counts():
    servers = [{"name": "a"}, {"name": "b", "set": {"pcie.tags": 2}}]
    config = config_from_mapping({"nic": {"preset": None}, "servers": servers, "bridge": {"kind": "learning"}})
    assert any("few tags" in what for what, _ in looseners(config.resolved()))


def test_a_run_far_below_its_bound_says_how_far_and_why_and_one_near_says_nothing():
    has_lengths = document(**LOOSE["several lengths"])
    far = bound_beside_run(has_lengths, 2.0, 6.8, "up", "rx.descriptors")
    assert "3.40 times" in far and "rx.descriptors" in far and "several lengths" in far
    assert bound_beside_run(has_lengths, 6.0, 6.8, "up", "pcie.up") == ""
