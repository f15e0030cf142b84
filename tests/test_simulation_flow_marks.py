"""Marks of flows: of several ledgers what all of them added up would say, and what a sum by hand says."""

from __future__ import annotations

import numpy as np
import pytest

from hwmodel.machine.counts.flow_state import add_flows
from hwmodel.machine.counts.ledger_state import FLOW
from hwmodel.simulation.flow_book import FlowBook, Flows
from hwmodel.simulation.marks import mark_of_one, mark_of_several

STATIONS = [f"vf{number}" for number in range(7)]
FLOWS = [(sender, target) for sender in STATIONS for target in (*STATIONS, "uplink") if sender != target]
PORTS = {name: number + 1 for number, name in enumerate(STATIONS)}
N_LEDGERS, N_FUNCTIONS, N_MARKS = 5, len(STATIONS), 4


@pytest.fixture
def flows():
    """Return of each ledger the numbers of its flows and its records: some flows are in two of them."""
    rng = np.random.default_rng(7)
    found = []
    for _ in range(N_LEDGERS):
        numbers = np.sort(rng.permutation(len(FLOWS))[:20]).astype(np.int64)
        found.append((numbers, np.zeros(len(numbers), FLOW)))
    return rng, found


def go_on(rng, flows):
    """Let some flows deliver more."""
    for _, own in flows:
        for flow in own:
            if rng.random() < 0.3:
                n, latency = int(rng.integers(1, 50)), flow["latency"]
                flow["delivered"] += n
                flow["n_bytes"] += 1500 * n
                low_fs, high_fs = sorted(rng.integers(1, 10**9, 2).tolist())
                latency["lowest_fs"] = low_fs if latency["n"] == 0 else min(low_fs, int(latency["lowest_fs"]))
                latency["highest_fs"] = max(high_fs, int(latency["highest_fs"]))
                latency["n"] += n
                latency["sum_fs"] += rng.random() * 10**9


def columns_of(flows):
    names = (*STATIONS, "uplink")
    return Flows(names, *(np.array([names.index(each) for each in ends]) for ends in zip(*flows, strict=True)))


def together(flows):
    into = np.zeros(len(FLOWS), FLOW)
    for numbers, own in flows:
        add_flows(into, numbers, own)
    return into


def mark_of(of_ledgers):
    return mark_of_several(of_ledgers, FlowBook(columns_of(FLOWS), port_numbers=PORTS).targets, N_FUNCTIONS + 1)


def test_of_several_ledgers_each_mark_is_that_of_all_together(flows):
    rng, of_ledgers = flows
    for number in range(N_MARKS):  # nothing has been delivered at the first
        whole = mark_of_one(
            {"flow": together(of_ledgers)}, FlowBook(columns_of(FLOWS), port_numbers=PORTS), N_FUNCTIONS
        )
        found = mark_of(of_ledgers)
        assert (found.received_bytes == whole.received_bytes).all() and found.received_bytes.any() == (number > 0)
        assert (found.received_frames == whole.received_frames).all()
        if number:  # to the last bit of a sum of floats
            assert found.latency == whole.latency
        go_on(rng, of_ledgers)


def test_a_mark_is_what_the_flows_say(flows):
    rng, of_ledgers = flows
    go_on(rng, of_ledgers)
    found = mark_of(of_ledgers)
    each = [(FLOWS[number][1], flow) for numbers, own in of_ledgers for number, flow in zip(numbers, own, strict=True)]
    for name, port in {**PORTS, "uplink": 0}.items():
        assert found.received_frames[port] == sum(int(flow["delivered"]) for to, flow in each if to == name)
        assert found.received_bytes[port] == sum(int(flow["n_bytes"]) for to, flow in each if to == name)
    with_some = [flow["latency"] for _, flow in each if flow["latency"]["n"]]
    assert found.latency.n == sum(int(one["n"]) for one in with_some)
    assert found.latency.sum_fs == pytest.approx(sum(float(one["sum_fs"]) for one in with_some))
    lowest, highest = min(int(one["lowest_fs"]) for one in with_some), max(int(one["highest_fs"]) for one in with_some)
    assert (found.latency.lowest_fs, found.latency.highest_fs) == (lowest, highest)
