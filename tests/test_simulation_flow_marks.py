"""Marks of flows: of several ledgers what a copy of all of them added up would say, and what a sum by hand says."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from hwmodel.machine.counts.flow_state import add_flows
from hwmodel.machine.counts.ledger_state import FLOW
from hwmodel.simulation.flow_book import FlowBook, Flows
from hwmodel.simulation.flow_marks import FlowCopies, FlowSums

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


def test_of_several_ledgers_each_mark_is_that_of_a_copy_of_all_together(flows):
    rng, of_ledgers = flows
    book = FlowBook(columns_of(FLOWS), port_numbers=PORTS)
    whole = np.zeros(len(FLOWS), FLOW)
    sums = FlowSums(of_ledgers, book, N_FUNCTIONS)
    copies = FlowCopies({"flow": whole}, book, N_FUNCTIONS)
    for marks in (sums, copies):
        marks.make_room(N_MARKS)
    for row in range(N_MARKS):  # nothing has been delivered at the first
        whole[:] = together(of_ledgers)
        for marks in (sums, copies):
            marks.mark(row)
        assert sums.extremes(row) == copies.extremes(row)
        go_on(rng, of_ledgers)
    found, copied = sums.figures(N_MARKS), copies.figures(N_MARKS)
    assert found.keys() == copied.keys()
    for name, column in copied.items():
        assert (found[name] == column).all() and column[1:].any(), name  # to the last bit of a sum of floats


def test_a_mark_is_what_the_flows_say(flows):
    rng, of_ledgers = flows
    go_on(rng, of_ledgers)
    sums = FlowSums(of_ledgers, FlowBook(columns_of(FLOWS), port_numbers=PORTS), N_FUNCTIONS)
    sums.make_room(1)
    sums.mark(0)
    each = [(FLOWS[number][1], flow) for numbers, own in of_ledgers for number, flow in zip(numbers, own, strict=True)]
    found = sums.figures(1)
    for name, port in {**PORTS, "uplink": 0}.items():
        assert found["received_frames"][0, port] == sum(int(flow["delivered"]) for to, flow in each if to == name)
        assert found["received_bytes"][0, port] == sum(int(flow["n_bytes"]) for to, flow in each if to == name)
    with_some = [flow["latency"] for _, flow in each if flow["latency"]["n"]]
    assert found["delivery.n"].tolist() == [sum(int(one["n"]) for one in with_some)]
    assert found["delivery.sum_fs"][0] == pytest.approx(sum(float(one["sum_fs"]) for one in with_some))
    of_flows = {
        number for numbers, own in of_ledgers for number, flow in zip(numbers, own, strict=True) if flow["delivered"]
    }
    lowest, highest = min(int(one["lowest_fs"]) for one in with_some), max(int(one["highest_fs"]) for one in with_some)
    assert sums.extremes(0) == (len(of_flows), lowest, highest)


def test_one_server_copies_its_flows_as_they_are():
    ledger = SimpleNamespace(flow=np.zeros(3, FLOW))
    copies = FlowCopies({"flow": ledger.flow}, FlowBook(columns_of(FLOWS[:3]), port_numbers=PORTS), N_FUNCTIONS)
    assert copies.n_words == 3 * FLOW.itemsize // 8
    copies.make_room(2)
    ledger.flow["delivered"] = 4
    copies.mark(1)
    ledger.flow["delivered"] = 9
    copies.mark(0)
    assert copies.figures(2)["received_frames"].sum(axis=1).tolist() == [27, 12]
    assert copies.extremes(0) == (0, 0, 0)
