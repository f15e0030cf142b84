"""Between the buffers: order of frames, room, copies in port order, the wire and the pipeline."""

from __future__ import annotations

import pytest

from hwmodel.compiled.records import NEVER
from hwmodel.forwarding.drop_reason import DropReason
from hwmodel.machine.adapter.switching import (
    frame_in,
    into_pipeline,
    line_done,
    move_local_copies,
    pipeline_done,
    switch_frame,
    wire_done,
)
from hwmodel.machine.growing_ring import entered
from hwmodel.machine.time.clock import PIPELINE, WIRE
from tests.blocks.idle_machine import NS, PORT_VF0, PORT_VF1, UPLINK, VF0, VF1, machine

FULL, OVERSIZE, LIMITED = (DropReason[name].value for name in ("RX_BUFFER_FULL", "OVERSIZE", "RATE_LIMITED"))
NO_DESTINATION = DropReason.NO_DESTINATION.value


def adapter(**blocks):
    """Return a machine with templates: 0 from VF0 to VF1, 1 to the wire, 2 to wire, VF0 and VF1, 3 dropped."""
    nic = machine(**blocks)
    for number, port in enumerate((PORT_VF1, UPLINK, UPLINK, PORT_VF0, PORT_VF1)):
        kind = nic.traffic.copy_kind[number]
        kind.port, kind.function, kind.flow = port, max(0, port - 1), number
        kind.counts_offered = number >= 2  # copies of a frame that is in no flow
    for number, (first, n) in enumerate(((0, 1), (1, 1), (2, 3), (5, 0))):
        template = nic.traffic.template[number]
        template.function, template.first_copy, template.n_copies = VF0, first, n
        template.longest_bytes, template.policer, template.flow = 1514, -1, number
    nic.traffic.template[2].flow = -1
    nic.traffic.template[3].reason = NO_DESTINATION
    return nic


def granted(nic, template, n_bytes=60, is_wire=0):
    """Let the scheduler pick a frame: it stands in the Tx buffer, one read left."""
    number = int(nic.grants.tail)
    frame = nic.grants.ring[number & nic.grants.mask]
    frame.template, frame.n_bytes, frame.queue, frame.is_wire, frame.reads_left = template, n_bytes, VF0, is_wire, 1
    frame.index = -1
    entered(nic.clock, nic.grants)
    if not is_wire:
        nic.counts.tx_buffer.level += n_bytes
    return number


def comes_in(nic, number, now_fs=0):
    nic.grants.ring[number & nic.grants.mask].reads_left = 0
    frame_in(nic, now_fs, number)


def switched(nic, template, n_bytes=60, now_fs=0, is_wire=0):
    comes_in(nic, granted(nic, template, n_bytes, is_wire), now_fs)


def kinds(fifo):
    return [int(fifo.ring[i & fifo.mask].copy_kind) for i in range(fifo.head, fifo.tail)]


# ---- Order ----


def test_frames_go_on_in_the_order_in_which_they_were_picked():
    nic = adapter()
    numbers = [granted(nic, 0, n_bytes) for n_bytes in (61, 62, 63)]
    comes_in(nic, numbers[1])
    comes_in(nic, numbers[2])
    assert kinds(nic.loopback) == []
    comes_in(nic, numbers[0])
    assert [int(nic.loopback.ring[i].n_bytes) for i in range(3)] == [61, 62, 63]
    assert nic.grants.head == nic.grants.tail
    assert nic.ledger.function[VF0].sent_bytes == 61 + 62 + 63 + 3 * 4


def test_a_descriptor_is_done_when_its_frame_is_in_though_it_waits_for_others():
    nic = adapter()
    granted(nic, 0)
    late = granted(nic, 0)
    nic.grants.ring[late].queue = VF1
    comes_in(nic, late)
    assert nic.done_queue == VF1


# ---- Copies and room ----


def test_copies_are_made_in_port_order_each_with_its_own_bytes():
    """A frame to the wire and two VMs, one of which gets 4 B more for a tag."""
    nic = adapter()
    nic.traffic.copy_kind[4].delta_bytes = 4
    switched(nic, 2, 100)
    assert kinds(nic.port[0].mac.fifo) == [2]
    assert kinds(nic.loopback) == [3, 4]
    assert [int(nic.loopback.ring[i].n_bytes) for i in range(2)] == [100, 104]
    assert nic.ledger.counts.copies_made == 3
    assert [int(nic.ledger.flow[i].offered) for i in (2, 3, 4)] == [1, 1, 1]
    move_local_copies(nic, 0)
    assert nic.counts.rx_buffer.level == 204


@pytest.mark.parametrize("wire_first", [True, False])
def test_a_frame_leaves_the_tx_buffer_with_its_last_copy(wire_first):
    nic = adapter()
    switched(nic, 2, 100)
    steps = [lambda: wire_done(nic, 0, 10), lambda: move_local_copies(nic, 20)]
    for step, left in zip(steps if wire_first else steps[::-1], (100, 0), strict=True):
        step()
        assert nic.counts.tx_buffer.level == left


def test_local_copies_wait_for_room_in_the_rx_buffer_and_keep_their_order():
    """1000 B: 600 B move; 500 B wait, and 60 B behind them though they would fit."""
    nic = adapter(nic={"rx_buffer": "1000B"})
    nic.rx_dma_busy = 1
    for n_bytes in (600, 500, 60):
        switched(nic, 0, n_bytes)
    move_local_copies(nic, 10)
    assert (nic.counts.rx_buffer.level, nic.counts.tx_buffer.level) == (600, 560)
    nic.counts.rx_buffer.level -= 600  # as when its payload has left
    move_local_copies(nic, 90)
    assert (nic.counts.rx_buffer.level, nic.counts.tx_buffer.level) == (560, 0)
    assert nic.ledger.counts.stalls.rx_buffer.total_fs == 80


def test_a_copy_that_just_fits_moves():
    nic = adapter(nic={"rx_buffer": "1000B"})
    nic.rx_dma_busy = 1
    for n_bytes in (600, 400):
        switched(nic, 0, n_bytes)
    move_local_copies(nic, 0)
    assert nic.counts.rx_buffer.level == 1000


def test_a_drop_for_want_of_descriptors_lets_the_next_copies_move():
    nic = adapter(nic={"rx_buffer": "1000B", "rx_prefetch": 0, "drop_enable": True})
    nic.rx_queue[VF1].known = 0
    for n_bytes in (600, 500, 700):
        switched(nic, 0, n_bytes)
    move_local_copies(nic, 0)
    assert nic.ledger.counts.drops[DropReason.NO_DESCRIPTOR.value] == 3
    assert (nic.counts.rx_buffer.level, nic.counts.tx_buffer.level) == (0, 0)


# ---- Drops by decision ----


def test_a_frame_without_a_copy_is_dropped_and_leaves_the_tx_buffer():
    nic = adapter()
    switched(nic, 3, 100)
    assert (nic.ledger.counts.dropped, nic.ledger.counts.drops[NO_DESTINATION]) == (1, 1)
    assert nic.ledger.function[VF0].drops[NO_DESTINATION] == 1
    assert (nic.ledger.counts.copies_made, nic.counts.tx_buffer.level, nic.ledger.flow[3].dropped) == (0, 0, 1)
    assert nic.reads_due


def test_a_frame_longer_than_its_port_allows_is_dropped():
    nic = adapter()
    switched(nic, 0, 1514)
    switched(nic, 0, 1515)
    assert (nic.ledger.counts.copies_made, nic.ledger.counts.drops[OVERSIZE]) == (1, 1)


def test_policed_frames_pass_while_there_are_tokens():
    """A bucket of 200 B, empty after frames of 100 B each with FCS; 1 Gb/s make 100 B in 800 ns."""
    policer = {"action": "police", "rate": "1Gbps", "burst": "200B"}
    nic = adapter(switch={"acl": [policer]})
    bucket = nic.traffic.policer[0]
    bucket.params.rate_bps, bucket.params.burst, bucket.tokens = 10**9, 200, 200  # a byte in 8 ns
    nic.traffic.template[0].policer = 0
    for now_ns in (0, 0, 0, 799, 800):
        switched(nic, 0, 96, now_ns * NS)
    assert (nic.ledger.counts.copies_made, nic.ledger.counts.drops[LIMITED]) == (3, 2)


# ---- The wire ----


def test_the_mac_sends_one_frame_after_the_other():
    """10 Gb/s: 1514 + 24 B take 1230.4 ns, 60 + 24 B 67.2 ns; the second waits for the first."""
    nic = adapter(port={"rate": "10Gbps"})
    switched(nic, 1, 1514, now_fs=0)
    switched(nic, 1, 20, now_fs=100 * NS)
    assert nic.clock.next_at[WIRE] == 1_230_400_000
    wire_done(nic, 0, 1_230_400_000)
    assert nic.clock.next_at[WIRE] == 1_230_400_000 + 67_200_000
    wire_done(nic, 0, 1_297_600_000)
    assert nic.clock.next_at[WIRE] == NEVER
    wait = nic.counts.wire_wait
    assert (wait.n, wait.lowest_fs, wait.highest_fs) == (
        2,
        0,
        1_130_400_000,
    )
    assert (nic.port[0].mac.counts.tx_bytes, nic.port[0].mac.counts.tx_busy_fs) == (1518 + 64, 1_297_600_000)  # padded
    assert (nic.ledger.counts.delivered_to_wire, nic.ledger.counts.delivered, nic.counts.tx_buffer.level) == (2, 2, 0)


def from_line(nic, n_bytes, template=0, now_fs=0):
    line = nic.port[0].mac.line
    frame = line.ring[line.tail]
    frame.template, frame.n_bytes, frame.is_wire, frame.ready_fs, frame.index = template, n_bytes, 1, now_fs, -1
    line.tail += 1
    line_done(nic, 0, now_fs)


def test_frames_from_the_wire_are_dropped_where_the_rx_buffer_is_full():
    """They hold no room in the Tx buffer, and their latency begins here."""
    nic = adapter(nic={"rx_buffer": "1000B"})
    nic.rx_dma_busy = 1
    for n_bytes in (600, 500, 400):
        from_line(nic, n_bytes, now_fs=70)
    assert (nic.counts.rx_buffer.level, nic.ledger.counts.drops[FULL], nic.counts.tx_buffer.level) == (1000, 1, 0)
    assert nic.ledger.function[VF1].drops[FULL] == 1
    assert (nic.ledger.counts.from_wire, nic.ledger.counts.offered, nic.ledger.counts.dropped) == (3, 3, 1)
    assert nic.port[0].mac.counts.rx_bytes == 604 + 504 + 404
    journey = nic.ledger.journeys.slot[nic.rx_fifo.ring[0].journey]
    assert journey.posted_fs == journey.rung_fs == 70


def test_a_group_frame_from_the_wire_may_lose_some_of_its_copies():
    nic = adapter(nic={"rx_buffer": "150B"})
    nic.rx_dma_busy = 1
    nic.traffic.template[2].first_copy, nic.traffic.template[2].n_copies = 3, 2
    from_line(nic, 100, template=2)
    assert (nic.ledger.counts.copies_made, nic.ledger.counts.copies_dropped, nic.ledger.counts.dropped) == (
        2,
        1,
        0,
    )


# ---- The pipeline ----


def test_the_pipeline_is_a_first_in_first_out_server():
    """10 Mpps, 100 ns each: frames at 0, 30 and 500 ns are through at 100, 200 and 600."""
    nic = adapter(nic={"max_pps": 10_000_000})
    through = []
    for i, at_ns in enumerate((0, 30, 500)):
        while nic.clock.next_at[PIPELINE] <= at_ns * NS:
            through.append(int(nic.clock.next_at[PIPELINE]) // NS)
            pipeline_done(nic, through[-1] * NS)
        frame = nic.grants.ring[granted(nic, 0, 60 + i)]
        into_pipeline(nic, at_ns * NS, frame)
    through.append(int(nic.clock.next_at[PIPELINE]) // NS)
    pipeline_done(nic, 600 * NS)
    assert through == [100, 200, 600]
    assert [int(nic.loopback.ring[i].n_bytes) for i in range(3)] == [60, 61, 62]
    assert nic.clock.next_at[PIPELINE] == NEVER
    assert nic.counts.pipeline_busy_fs == 300 * NS


def test_without_a_limit_the_pipeline_takes_no_time():
    nic = adapter()
    into_pipeline(nic, 5, nic.grants.ring[granted(nic, 0)])
    assert kinds(nic.loopback) == [0]


# ---- Rings of a receiver ----


@pytest.mark.parametrize(("index", "word", "expected"), [(-1, 3, 5), (-1, 4, 4), (0, 9, 5), (0, 8, 4)])
def test_a_copy_goes_into_the_ring_that_its_hash_names(index, word, expected):
    """Two rings a function, VF1 has 4 and 5. A recorded frame has a hash of its own, others that of their template."""
    nic = adapter(nic={"queues_per_vf": 2})
    nic.traffic.copy_kind[0].queue_hash = 0 if index >= 0 else word
    frame = nic.grants.ring[granted(nic, 0)]
    frame.index, frame.hash = index, word if index >= 0 else 0
    switch_frame(nic, 0, frame)
    assert nic.loopback.ring[0].queue == expected
