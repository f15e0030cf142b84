"""What a window says of one adapter, against sums by hand: a window of 1 us on a Gen2 x4 link, 2 B a nanosecond."""

from __future__ import annotations

import pytest

from hwmodel.machine.counts.ledger_state import WIRE_WAIT_HISTOGRAM
from hwmodel.machine.tlp_kinds import (
    PAYLOAD_COMPLETION,
    PAYLOAD_READ,
    PAYLOAD_WRITE,
    RX_DESCRIPTOR_COMPLETION,
    RX_DESCRIPTOR_READ,
    RX_DOORBELL,
    RX_INTERRUPT,
    RX_WRITEBACK,
    TX_DESCRIPTOR_COMPLETION,
    TX_DESCRIPTOR_READ,
    TX_DOORBELL,
    TX_INTERRUPT,
    TX_WRITEBACK,
)
from hwmodel.simulation.figures.adapter_figures import adapter_figures
from hwmodel.simulation.figures.measurement import begin_window, take_snapshot
from hwmodel.simulation.figures.span import Span
from hwmodel.simulation.fill.flow_book import FlowBook
from hwmodel.simulation.fill.nic_state import build_state
from tests.simulation_cases import config_of

NS = 10**6
BEGIN, END = 500 * NS, 1500 * NS
CONFIG = config_of(pcie={"dllp_model": "none", "tags": 32})


@pytest.fixture
def nic():
    """Return an adapter at the beginning of the window, with sums of what was before it."""
    nic = build_state(CONFIG, seed=1)[0]
    nic.clock.now_fs = BEGIN
    nic.port[0].mac.counts.tx_bytes = nic.port[0].mac.counts.rx_bytes = 77_777
    for link in (nic.pcie[0].up.counts, nic.pcie[0].down.counts):
        link.n_tlps[:], link.n_bytes[:] = 5, 5_000
    nic.host[0].translation.counts.hits = nic.host[0].translation.counts.misses = 1_000
    nic.guests.core[0].counts.busy_fs[0] = 400 * NS
    return nic


def figures(nic, change, per_frame=None):
    """Take the window in which a change was made."""
    begin_window(nic)
    start = take_snapshot(nic, FlowBook())
    change()
    nic.clock.now_fs = END
    return adapter_figures(CONFIG, Span(start, take_snapshot(nic, FlowBook())), per_frame)


def test_rates_of_the_wire_are_bits_of_the_window_and_its_share_that_of_the_busier_way(nic):
    """1250 B in 1 us are 10 Gb/s. Of the way out 600 ns were busy, of the way in 250 ns."""

    def change():
        nic.port[0].mac.counts.tx_bytes += 1250
        nic.port[0].mac.counts.rx_bytes += 500
        nic.port[0].mac.counts.tx_busy_fs, nic.port[0].mac.counts.rx_busy_fs = 600 * NS, 250 * NS
        nic.counts.wire_wait.n, nic.counts.wire_wait.sum_fs, nic.counts.wire_wait.highest_fs = (
            2,
            1024.0 * 5,
            1024 * 3,
        )
        nic.counts.wire_wait.lowest_fs = 1024 * 2
        nic.ledger.histogram[WIRE_WAIT_HISTOGRAM, 2:4] = 1

    wire = figures(nic, change)["wire"]
    assert (wire.tx_gbps, wire.rx_gbps, wire.utilization) == (pytest.approx(10), pytest.approx(4), 0.6)
    assert (wire.wait_ns.count, wire.wait_ns.min, wire.wait_ns.max) == (2, 0.002048, 0.003072)
    assert wire.wait_ns.mean == pytest.approx(0.00256)


def test_cores_are_those_kept_busy_for_all_of_the_window(nic):
    def change():
        nic.guests.core[0].counts.busy_fs[0] += 250 * NS
        nic.guests.core[0].counts.busy_fs[1] += 500 * NS
        nic.guests.core[1].counts.busy_fs[1] += 1000 * NS

    assert figures(nic, change)["cpu"].cores_busy == pytest.approx(1.75)


def count(link, kind, n_tlps, n_bytes):
    link.counts.n_tlps[kind] += n_tlps
    link.counts.n_bytes[kind] += n_bytes


def test_bytes_toward_the_host_stand_by_their_purpose(nic):
    """Of 3 writes of payload 24 B each are overhead; of 1000 ns at 2 B a nanosecond 4 in 1538 symbols are SKP."""

    def change():
        count(nic.pcie[0].up, PAYLOAD_WRITE, 3, 672)
        count(nic.pcie[0].up, PAYLOAD_READ, 2, 48)
        for kind in (RX_DESCRIPTOR_READ, TX_DESCRIPTOR_READ):
            count(nic.pcie[0].up, kind, 1, 20 + kind)
        for kind in (RX_WRITEBACK, TX_WRITEBACK):
            count(nic.pcie[0].up, kind, 1, 40 + kind)
        for kind in (RX_INTERRUPT, TX_INTERRUPT):
            count(nic.pcie[0].up, kind, 1, 28)
        nic.pcie[0].up.counts.dllps += 4  # pairs of 8 B each
        nic.pcie[0].up.counts.busy_fs = 500 * NS

    pcie = figures(nic, change, {"up": {"payload": 1.0}, "down": {"payload": 2.0}})["pcie"]
    up = pcie.up.bytes
    assert (up.payload, up.tlp_overhead, up.read_request, up.dllp, up.skp) == (600, 72, 48, 64, 5)
    assert up.descriptor == 40 + RX_DESCRIPTOR_READ + TX_DESCRIPTOR_READ
    assert up.writeback == 80 + RX_WRITEBACK + TX_WRITEBACK
    assert (up.interrupt, up.doorbell) == (56, 0)
    assert pcie.up.utilization == pytest.approx(0.5 + 0.5 * 4 / 1538)  # SKPs while it is idle too
    assert (pcie.up.per_frame, pcie.down.per_frame) == ({"payload": 1.0}, {"payload": 2.0})
    assert (pcie.down.bytes.payload, pcie.down.bytes.tlp_overhead, pcie.down.bytes.dllp) == (0, 0, 0)


def test_bytes_from_the_host_stand_by_their_purpose(nic):
    """Of 5 completions with payload 20 B each are overhead."""

    def change():
        count(nic.pcie[0].down, PAYLOAD_COMPLETION, 5, 700)
        count(nic.pcie[0].down, RX_DESCRIPTOR_COMPLETION, 1, 36)
        count(nic.pcie[0].down, TX_DESCRIPTOR_COMPLETION, 1, 37)
        count(nic.pcie[0].down, TX_DOORBELL, 1, 28)
        count(nic.pcie[0].down, RX_DOORBELL, 1, 29)

    found = figures(nic, change)["pcie"]
    down = found.down.bytes
    assert (down.payload, down.tlp_overhead, down.descriptor, down.doorbell) == (600, 100, 73, 57)
    assert (down.read_request, down.writeback, down.interrupt) == (0, 0, 0)
    assert found.down.per_frame is None


def test_depths_are_means_over_the_window_and_of_rings_over_those_in_use(nic):
    """Two rings have had frames to send: 6 slots between them for all of the window are 3 each. One has received."""

    def change():
        nic.ledger.counts.tx_ring.area += 6.0 * 1000 * NS
        nic.ledger.counts.rx_ring.area += 2.5 * 1000 * NS
        nic.tx_queue[1].highest, nic.tx_queue[2].highest, nic.rx_queue[2].highest = 17, 5, 4
        nic.counts.tx_buffer.area, nic.counts.tx_buffer.highest = 1500.0 * 500 * NS, 3000
        nic.counts.rx_buffer.area, nic.counts.rx_buffer.highest = 64.0 * 250 * NS, 64
        nic.counts.wire_waiting.area, nic.counts.wire_waiting.highest = 1.0 * 100 * NS, 2
        nic.pcie[0].tags.counts.held_fs += 8000 * NS
        nic.pcie[0].tags.counts.fewest_free = 12

    found = {name: (depth.mean, depth.max) for name, depth in figures(nic, change)["queues"].items()}
    assert found == {
        "tx_ring": (3.0, 17), "rx_ring": (2.5, 4), "tx_buffer": (750.0, 3000), "rx_buffer": (16.0, 64),
        "wire": (0.1, 2), "tags": (8.0, 20),
    }  # fmt: skip


def test_stalls_and_translations_are_of_the_window(nic):
    nic.ledger.counts.stalls.tags.total_fs = 900 * NS  # before it

    def change():
        stalls = nic.ledger.counts.stalls
        for at, name in enumerate(("tags", "posted_credits", "non_posted_credits", "completion_credits")):
            stalls[name].total_fs += (100 + at) * NS
        stalls.descriptors.total_fs, stalls.tx_buffer.total_fs, stalls.rx_buffer.total_fs = 7 * NS, 8 * NS, 9 * NS
        nic.host[0].translation.counts.hits += 30
        nic.host[0].translation.counts.misses += 2

    found = figures(nic, change)
    stalls = found["stalls_ns"]
    assert (stalls.tags, stalls.credits, stalls.descriptors, stalls.buffer) == (100.0, 103.0, 7.0, 9.0)
    assert (stalls.credits_posted, stalls.credits_non_posted, stalls.credits_completion) == (101.0, 102.0, 103.0)
    assert (found["iotlb"].hits, found["iotlb"].misses) == (30, 2)
