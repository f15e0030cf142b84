"""Flows by both their ends: a number for each, and a histogram for those that come up in mid-run."""

from __future__ import annotations

from hwmodel.compiled.far_tables import give, zeros
from hwmodel.machine.counts.flow_state import FIRST_MASK, MAX_FLOWS, MAX_HISTOGRAMS, flow_of
from hwmodel.machine.counts.ledger_state import LEDGER


def ledger():
    return zeros(1, LEDGER)[0]


def test_a_flow_is_a_sender_and_a_receiver():
    found, known = ledger(), {}
    for sender in range(40):
        for receiver in range(40):
            number = flow_of(found, sender, receiver)
            assert number == known.setdefault((sender, receiver), len(known))
    assert all(flow_of(found, *ends) == number for ends, number in known.items())
    assert found.directory.n == 1600 and found.directory.mask > FIRST_MASK
    assert (found.directory.ends[1599].sender, found.directory.ends[1599].receiver) == (39, 39)


def test_rows_of_histograms_are_taken_until_none_is_left():
    found = ledger()
    found.next_histogram, found.histogram_step = MAX_HISTOGRAMS - 7, 3
    rows = [int(found.flow[flow_of(found, 0, receiver)].histogram) for receiver in range(4)]
    assert rows == [MAX_HISTOGRAMS - 7, MAX_HISTOGRAMS - 4, MAX_HISTOGRAMS - 1, MAX_HISTOGRAMS - 1]
    assert len(found.histogram) == MAX_HISTOGRAMS and not found.overflow


def test_more_flows_than_there_is_room_for_end_the_run():
    found = ledger()
    for table in (found.flow, found.directory.ends, found.directory.slot):
        give(table, table.most)
    found.directory.n, found.directory.mask = MAX_FLOWS - 1, 4 * MAX_FLOWS - 1
    flow_of(found, 1, 2)
    assert found.overflow == 1
