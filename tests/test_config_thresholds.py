"""Thresholds under their data-sheet names, vectors and drops: what they stand for, and lines where they cannot be."""

from __future__ import annotations

import pytest

from hwmodel.config import config_from_mapping
from hwmodel.config.fill_queues import batches_of
from hwmodel.errors import InputError

BATCHES = ("fetch_batch", "tx_writeback_batch", "rx_prefetch", "rx_fetch_batch", "rx_writeback_batch")


def nic_of(**nic):
    return config_from_mapping({"nic": nic}).nic


def lines_of(mapping):
    with pytest.raises(InputError) as found:
        config_from_mapping(mapping)
    return str(found.value).splitlines()


@pytest.mark.parametrize(
    ("thresholds", "expected"),
    [
        # What Linux' ixgbe sets: of 40 descriptors on the chip 32 are kept, so 8 are read at once.
        ({"txdctl": {}, "rxdctl": {}}, (8, 8, 8, 8, 1)),
        # What DPDK's does, with a report for 32.
        ({"txdctl": {"hthresh": 0, "wthresh": 0, "rs": 32}}, (8, 32, 8, 8, 1)),
        ({"txdctl": {"pthresh": 0, "wthresh": 1}}, (40, 1, 8, 8, 1)),
        ({"txdctl": {"pthresh": 40, "wthresh": 0}}, (1, 1, 8, 8, 1)),
        ({"rxdctl": {"pthresh": 16, "hthresh": 0, "wthresh": 4}}, (32, 8, 16, 1, 4)),
        ({"txdctl": {"pthresh": 16}, "descriptor_cache": 64}, (48, 8, 8, 8, 1)),
    ],
)
def test_thresholds_stand_for_batches(thresholds, expected):
    nic = nic_of(**thresholds)
    assert tuple(getattr(nic, name) for name in BATCHES) == expected
    again = config_from_mapping(config_from_mapping({"nic": thresholds}).resolved()).nic
    assert again == nic


def test_batches_follow_from_numbers_alone():
    assert batches_of({"txdctl": {"pthresh": "8"}, "rxdctl": None}, 40) == {}
    assert batches_of({"txdctl": {"pthresh": 8}}, None) == {}
    assert batches_of({"txdctl": {"pthresh": 8}}, 40) == {"fetch_batch": 32, "tx_writeback_batch": 8}


def test_without_thresholds_nothing_is_said_of_them():
    said = config_from_mapping({}).resolved()["nic"]
    assert {"txdctl", "rxdctl", "shared_descriptor_cache", "vectors_per_function"}.isdisjoint(said)
    assert not nic_of().reports_last
    assert not nic_of(txdctl={"wthresh": 0}).reports_last
    assert nic_of(txdctl={"wthresh": 0, "rs": 2}).reports_last


@pytest.mark.parametrize(
    ("mapping", "line"),
    [
        ({"nic": {"txdctl": {"wthresh": 9}}}, "PTHRESH 32 and WTHRESH 9 are more than the 40 descriptors"),
        ({"nic": {"txdctl": {"rs": 2}}}, "RS above 1 needs WTHRESH 0"),
        ({"nic": {"txdctl": {"pthresh": 128}}}, "nic.txdctl.pthresh: 128 is out of range"),
        ({"nic": {"txdctl": {"ptresh": 8}}}, "did you mean pthresh"),
        ({"nic": {"txdctl": {"rs": True}}}, "nic.txdctl.rs"),
        ({"nic": {"txdctl": {}, "fetch_batch": 9}}, "nic.fetch_batch 9 is not the 8 that nic.txdctl stands for"),
        ({"nic": {"rxdctl": {"pthresh": 80}}}, "nic.rx_prefetch 80 does not fit into nic.descriptor_cache 64"),
        ({"nic": {"vectors_per_function": 3}}, "3 vectors of a VF, one of them for messages of the PF"),
        ({"nic": {"vectors_per_function": 0}}, "nic.vectors_per_function: 0 is out of range"),
        ({"nic": {"shared_descriptor_cache": 0}}, "nic.shared_descriptor_cache: 0 is out of range"),
        ({"switch": {"ports": [{"name": "vf0", "drop_enable": [True, False]}]}}, "2 values for 1 queue of vf0"),
        ({"switch": {"ports": [{"name": "vf0", "drop_enable": "no"}]}}, "did you mean false, without quotes?"),
        ({"switch": {"ports": [{"name": "vf0", "drop_enable": []}]}}, "the list is too short"),
        ({"driver": {"vms": {"vf0": {"refill": 0}}}}, "driver.vms.vf0.refill"),
    ],
)
def test_what_cannot_be_is_one_line(mapping, line):
    (found,) = lines_of(mapping)
    assert line in found


def test_a_scenario_may_change_who_drops_and_who_refills_and_nothing_else_of_a_driver():
    def with_event(keys):
        return {"nic": {"queues_per_vf": 2}, "scenario": [{"at": "1ms", "set": keys}]}

    config_from_mapping(with_event({"driver.vms.vf3.refill": False, "switch.ports.vf1.drop_enable": [False, True]}))
    config_from_mapping(with_event({"driver.refill": False, "nic.drop_enable": False}))
    assert any(
        "driver.vms.vf3.frame_time" in line for line in lines_of(with_event({"driver.vms.vf3.frame_time": "1us"}))
    )
