"""TLPs at the far end of the link: flight, receipt, and the return of their credits."""

from __future__ import annotations

import numpy as np
import pytest

from hwmodel.compiled.records import NEVER
from hwmodel.machine.host.landing import (
    credits_returned,
    down_has_landed,
    reaches_adapter,
    reaches_host,
    return_credits,
    return_when_passed,
    up_has_landed,
)
from hwmodel.machine.pcie.link import on_wire, start_down, start_up
from hwmodel.machine.pcie.transactions import post_descriptors, ring_doorbell
from hwmodel.machine.time.clock import CREDIT, DOWN_ARRIVAL, DOWN_DONE, UP_ARRIVAL, UP_DONE
from hwmodel.machine.time.events import take_first
from hwmodel.machine.tlp_kinds import (
    COMPLETION_CREDIT,
    NON_POSTED_CREDIT,
    PAYLOAD_COMPLETION,
    PAYLOAD_READ,
    PAYLOAD_WRITE,
    POSTED_CREDIT,
    RX_DESCRIPTOR_COMPLETION,
    RX_DESCRIPTOR_READ,
    RX_DOORBELL,
    RX_WRITEBACK,
    TX_DOORBELL,
    TX_INTERRUPT,
)
from tests.blocks.idle_machine import NS, machine


def take_returns(nic):
    found = []
    while nic.clock.next_at[CREDIT] < NEVER:
        at_fs = int(nic.clock.next_at[CREDIT])
        found.append((at_fs, take_first(nic.clock, CREDIT)))
    return found


def returns(nic, entries):
    for now_fs, kind, data_bytes in entries:
        return_credits(nic.clock, nic.pcie[0], now_fs, kind, np.int32(data_bytes))  # as the queues' entries hold it
    return take_returns(nic)


def test_credits_return_after_their_time():
    nic = machine(pcie={"credits": {"ph": 2, "nph": 2, "cplh": 2, "return": "150ns"}})
    posted, non_posted = POSTED_CREDIT << 32 | 256, NON_POSTED_CREDIT << 32
    completion = COMPLETION_CREDIT << 32 | 64
    entries = [
        (5, POSTED_CREDIT, 256),
        (9, NON_POSTED_CREDIT, 0),
        (11, COMPLETION_CREDIT, 64),
    ]
    expected = [(5 + 150 * NS, posted), (9 + 150 * NS, non_posted), (11 + 150 * NS, completion)]
    assert returns(nic, entries) == expected


def test_writes_return_after_the_memory_has_taken_them_one_after_another():
    """8 Gb/s take a byte a nanosecond: 256 B at 0, then 100 B that came meanwhile, then 10 B long after."""
    nic = machine(pcie={"credits": {"ph": 8, "nph": 2, "return": "200ns"}}, host={"write_drain": "8Gbps"})
    entries = [
        (0, POSTED_CREDIT, 256),
        (50 * NS, POSTED_CREDIT, 100),
        (60 * NS, NON_POSTED_CREDIT, 0),
        (1000 * NS, POSTED_CREDIT, 10),
    ]
    found = [(at_fs // NS, word >> 32, word & 0xFFFFFFFF) for at_fs, word in returns(nic, entries)]
    posted, non_posted = POSTED_CREDIT, NON_POSTED_CREDIT
    assert found == [(260, non_posted, 0), (456, posted, 256), (556, posted, 100), (1210, posted, 10)]


def test_the_memory_takes_writes_in_the_order_in_which_they_pass():
    """256 B pass at 900 ns, 100 B received after them at once, and 10 B at 950 ns, before the first are taken."""
    nic = machine(pcie={"credits": {"ph": 8, "return": "200ns"}}, host={"write_drain": "8Gbps"})
    nic.pcie[0].credits[POSTED_CREDIT].headers_used = 3
    for now_ns, pass_ns, n_bytes in ((0, 900, 256), (50, 50, 100), (60, 950, 10)):
        return_when_passed(nic.clock, nic.pcie[0], now_ns * NS, pass_ns * NS, np.int32(n_bytes))
    found = []
    while (at_fs := int(nic.clock.next_at[CREDIT])) < NEVER:
        n_held = int(nic.pcie[0].credits[POSTED_CREDIT].headers_used)
        credits_returned(nic.clock, nic.pcie[0], at_fs, take_first(nic.clock, CREDIT))
        if nic.pcie[0].credits[POSTED_CREDIT].headers_used < n_held:
            found.append(at_fs // NS)
    assert found == [50 + 100 + 200, 900 + 256 + 200, 900 + 256 + 10 + 200]


def test_a_tlp_in_flight_keeps_what_it_was():
    """Its entry in the queue may be used again before it arrives."""
    nic = machine(pcie={"propagation": "5ns"})
    post_descriptors(nic, 0, RX_WRITEBACK, 7, 16, 0, 2, 2)
    start_up(nic, nic.pcie[0], 0)
    entry = on_wire(nic.pcie[0].up)
    assert not up_has_landed(nic.clock, nic.pcie[0], 123)
    entry.kind = entry.queue = entry.n = 0
    assert nic.clock.next_at[UP_ARRIVAL] == 123 + 5 * NS
    flying = nic.pcie[0].up_arrivals.ring[take_first(nic.clock, UP_ARRIVAL)]
    assert (flying.kind, flying.queue, flying.n, flying.is_last) == (RX_WRITEBACK, 7, 2, 1)


def going_up(nic):
    post_descriptors(nic, 0, RX_WRITEBACK, 7, 16, 0, 2, 2)
    start_up(nic, nic.pcie[0], 0)
    return int(nic.clock.next_at[UP_DONE])


def going_down(nic):
    ring_doorbell(nic, 0, TX_DOORBELL, 3, 1, 4)
    start_down(nic, nic.pcie[0], 0)
    return int(nic.clock.next_at[DOWN_DONE])


WAYS = {
    "up": (going_up, up_has_landed, "up", UP_DONE, UP_ARRIVAL),
    "down": (going_down, down_has_landed, "down", DOWN_DONE, DOWN_ARRIVAL),
}


def test_the_drain_is_busy_for_the_time_of_the_data():
    """64 B and 256 B at 8 Gb/s: 320 ns, whatever waits for whom."""
    nic = machine(pcie={"credits": {"ph": 8}}, host={"write_drain": "8Gbps"})
    for n_bytes in (64, 256):
        return_credits(nic.clock, nic.pcie[0], 5 * NS, POSTED_CREDIT, np.int32(n_bytes))
    assert (nic.pcie[0].counts.drain_busy_fs, nic.pcie[0].drain_busy_until_fs) == (320 * NS, 325 * NS)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("flight_ns", [0, 5])
def test_a_tlp_that_has_left_frees_the_link_and_lands_after_its_flight(way, flight_ns):
    go, has_landed, link, done, arrival = WAYS[way]
    nic = machine(pcie={"propagation": f"{flight_ns}ns"})
    end_fs = go(nic)
    pcie = nic.pcie[0]
    assert pcie[link].is_busy
    assert bool(has_landed(nic.clock, pcie, end_fs)) == (flight_ns == 0)
    assert not pcie[link].is_busy
    assert nic.clock.next_at[done] == NEVER
    assert nic.clock.next_at[arrival] == (NEVER if flight_ns == 0 else end_fs + flight_ns * NS)


LANDINGS = [
    ("host", PAYLOAD_WRITE, 256, POSTED_CREDIT),
    ("host", TX_INTERRUPT, 4, POSTED_CREDIT),
    ("host", RX_DESCRIPTOR_READ, 0, NON_POSTED_CREDIT),
    ("host", PAYLOAD_READ, 0, NON_POSTED_CREDIT),
    ("adapter", RX_DESCRIPTOR_COMPLETION, 128, COMPLETION_CREDIT),
    ("adapter", PAYLOAD_COMPLETION, 64, COMPLETION_CREDIT),
    ("adapter", TX_DOORBELL, 4, None),
    ("adapter", RX_DOORBELL, 4, None),
]


@pytest.mark.parametrize(("end", "kind", "data_bytes", "credit"), LANDINGS)
def test_a_tlp_is_counted_and_gives_its_credits_back(end, kind, data_bytes, credit):
    nic = machine(pcie={"credits": {"ph": 9, "nph": 9, "cplh": 9, "return": "10ns"}})
    sending = nic.pcie[0].up.first.ring[0]
    sending.kind, sending.data_bytes = kind, data_bytes
    if end == "host":
        reaches_host(nic, nic.pcie[0], 7, sending)
    else:
        reaches_adapter(nic.clock, nic.pcie[0], 7, sending)
    assert (nic.pcie[0].up.received, nic.pcie[0].down.received) == ((1, 0) if end == "host" else (0, 1))
    expected = [] if credit is None else [(7 + 10 * NS, credit << 32 | data_bytes)]
    assert take_returns(nic) == expected
