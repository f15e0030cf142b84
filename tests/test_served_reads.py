"""What whole frames' reads take on the link, counted in two ways: by the link's counters, and frame by frame."""

from __future__ import annotations

import numpy as np
import pytest

from hwmodel.machine.tlp_kinds import PAYLOAD_READ, RX_DESCRIPTOR_READ, TX_DESCRIPTOR_READ
from hwmodel.simulation.fill.nic_state import build_state
from hwmodel.simulation.fill.workload_state import decide_workload, fill_workload
from hwmodel.simulation.run.machine import run_alone
from hwmodel.workload import build_workload
from tests.simulation_cases import config_of

US = 10**9
READS = (RX_DESCRIPTOR_READ, TX_DESCRIPTOR_READ, PAYLOAD_READ)


def served_at(overrides, times_us, in_order):
    config = config_of(**overrides)
    state = build_state(config, 1)
    nic = state[0]
    assert nic.pcie[0].params.answers_in_order == 1
    nic.pcie[0].params.answers_in_order = in_order
    workload = build_workload(config)
    decide_workload(state, config, workload, fill_workload(nic, config, workload, 1))
    seen = []
    for time_us in times_us:
        run_alone(state, time_us * US, 10**9)
        seen.append(nic["ledger"]["counts"]["served"][list(READS)].copy())
    return np.array(seen)


@pytest.mark.parametrize(
    "overrides",
    [
        {"workload": {"frame_bytes": 64}},
        {"workload": {"frame_bytes": 1518}, "pcie": {"max_read_request": "256B"}},
        {"workload": {"frame_bytes": 300}, "pcie": {"tags": 3, "propagation": "100ns"}},
    ],
    ids=["one read a frame", "six reads a frame", "few tags, a wire"],
)
def test_both_ways_count_the_same(overrides):
    """At times that are in no step with the frames, so some of them are in by half."""
    times_us = [7, 20, 33, 61, 100, 157]
    by_link, by_frame = (served_at(overrides, times_us, in_order) for in_order in (1, 0))
    for name in ("n", "up_bytes", "up_tlps", "down_bytes", "down_tlps"):
        assert by_link[name].tolist() == by_frame[name].tolist()
    assert (by_link["n"][-1] > 100).all()


@pytest.mark.parametrize(
    "blocks",
    [
        {"host": {"jitter": {"kind": "uniform", "range": "1us"}}},
        {"host": {"iotlb": {"entries": 64, "miss": "200ns"}}},
        {"nic": {"store_rate": "9Gbps"}},  # a frame is stored as a whole, descriptors pass it
    ],
)
def test_answers_that_may_pass_one_another_are_counted_frame_by_frame(blocks):
    assert build_state(config_of(**blocks), 1)[0].pcie[0].params.answers_in_order == 0
