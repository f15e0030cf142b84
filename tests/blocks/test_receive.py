"""From the Rx buffer to the guest: descriptors, payload, write-back, and what the guest sees when."""

from __future__ import annotations

import pytest

from hwmodel.forwarding.drop_reason import DropReason
from hwmodel.machine.adapter.receive import interrupted, rx_written_back, serve_rx_buffer
from hwmodel.machine.adapter.writeback import descriptors_done, writeback_expired
from hwmodel.machine.time.clock import RX_WRITEBACK_TIMER, TIMERS
from hwmodel.machine.time.events import take_timer
from hwmodel.machine.tlp_kinds import PAYLOAD_WRITE, RX_INTERRUPT, RX_WRITEBACK, TX_INTERRUPT, TX_WRITEBACK
from tests.blocks.idle_machine import NS, VF0, VF1, machine, posted_writes, waiting

PAYLOAD, WRITEBACK, INTERRUPT = PAYLOAD_WRITE, RX_WRITEBACK, RX_INTERRUPT
NO_DESCRIPTOR = DropReason.NO_DESCRIPTOR.value


def adapter(cached=8, driver=None, host=None, **nic):
    """Return a machine with this many Rx descriptors of VF0 and VF1 on the chip, of 64 in the ring."""
    found = machine(nic={"rx_ring": 64, "rx_prefetch": 0, **nic}, driver=driver or {}, host=host or {})
    for queue in (VF0, VF1):
        ring = found.rx_queue[queue]
        ring.cached, ring.fetched = cached, cached
        ring.known -= cached
    return found


def buffer(nic, n_bytes, queue=VF0):
    """Put a copy into the Rx buffer."""
    fifo = nic.rx_fifo
    copy = fifo.ring[fifo.tail & fifo.mask]
    copy.n_bytes, copy.queue, copy.group = n_bytes, queue, -1
    nic.traffic.copy_kind[0].function, nic.traffic.copy_kind[0].flow = VF0, 0
    fifo.tail += 1
    nic.counts.rx_buffer.level += n_bytes


def chosen(nic):
    """Let the payload's last TLP be chosen: the DMA engine goes on."""
    nic.rx_dma_busy = 0


def rx_fetches(nic):
    waiting_fetches = nic.reads.rx_fetches
    return [
        int(waiting_fetches.ring[i & waiting_fetches.mask].n_descriptors)
        for i in range(waiting_fetches.head, waiting_fetches.tail)
    ]


def expire(nic):
    at_fs = int(nic.clock.next_at[TIMERS])
    kind, index = take_timer(nic.clock)
    assert kind == RX_WRITEBACK_TIMER
    writeback_expired(nic, at_fs, nic.rx_queue[index].held)
    return at_fs


# ---- The DMA engine ----


def test_one_frame_at_a_time_its_write_back_right_behind_it():
    nic = adapter()
    buffer(nic, 1514)
    buffer(nic, 60, VF1)
    serve_rx_buffer(nic, 0)
    assert posted_writes(nic) == [(PAYLOAD, VF0, 1514), (WRITEBACK, VF0, 16)]
    serve_rx_buffer(nic, 1)
    assert len(posted_writes(nic)) == 2
    chosen(nic)
    serve_rx_buffer(nic, 2)
    assert posted_writes(nic)[2:] == [(PAYLOAD, VF1, 60), (WRITEBACK, VF1, 16)]
    assert nic.counts.rx_buffer.level == 1574  # its room is free when the payload has left, not before


@pytest.mark.parametrize(
    ("buffer_bytes", "offset", "n_bytes", "parts"),
    [
        ("2KiB", "0B", 1514, [1514]),
        ("1KiB", "0B", 1024, [1024]),
        ("1KiB", "0B", 1025, [1024, 1]),
        ("1KiB", "64B", 1514, [960, 554]),
        ("512B", "0B", 1514, [512, 512, 490]),
    ],
)
def test_a_frame_takes_a_descriptor_for_each_buffer_begun(buffer_bytes, offset, n_bytes, parts):
    nic = adapter(host={"buffer_bytes": buffer_bytes, "buffer_offset": offset}, rx_writeback_batch=8)
    buffer(nic, n_bytes)
    serve_rx_buffer(nic, 0)
    queued = waiting(nic.pcie[0].up.first)
    assert [int(each.left_bytes) for each in queued] == parts
    assert {int(each.address) for each in queued} == {int(nic.guests.params.buffer_offset_bytes)}
    assert [int(each.room_bytes) for each in queued] == [0] * (len(parts) - 1) + [n_bytes]
    queue = nic.rx_queue[VF0]
    assert (queue.cached, queue.held.n_descriptors, queue.held.n_frames) == (8 - len(parts), len(parts), 1)


def test_the_head_waits_for_its_descriptors_and_all_behind_it():
    nic = adapter(cached=0)
    nic.rx_queue[VF1].cached = 4
    buffer(nic, 60, VF0)
    buffer(nic, 60, VF1)
    serve_rx_buffer(nic, 0)
    assert posted_writes(nic) == []
    assert rx_fetches(nic) == [1]
    nic.rx_queue[VF0].cached, nic.rx_queue[VF0].requested = 1, 0
    serve_rx_buffer(nic, 700)
    assert posted_writes(nic) == [(PAYLOAD, VF0, 60), (WRITEBACK, VF0, 16)]
    assert (nic.ledger.counts.stalls.descriptors.total_fs, nic.ledger.counts.stalls.rx_ring.total_fs) == (700, 0)


def test_the_wait_for_a_ring_that_has_none_is_told_from_that_for_a_fetch():
    """Nothing posted until 400, then a fetch until 1000."""
    nic = adapter(cached=0, drop_enable=False)
    queue = nic.rx_queue[VF0]
    queue.known = 0
    buffer(nic, 60, VF0)
    serve_rx_buffer(nic, 0)
    queue.known = 8
    serve_rx_buffer(nic, 400)
    queue.cached, queue.requested = 1, 0
    serve_rx_buffer(nic, 1000)
    assert (nic.ledger.counts.stalls.descriptors.total_fs, nic.ledger.counts.stalls.rx_ring.total_fs) == (1000, 400)


def test_the_head_is_seen_to_while_the_frame_before_is_being_written():
    nic = adapter(cached=1)
    buffer(nic, 1514)
    buffer(nic, 1514)
    serve_rx_buffer(nic, 0)
    assert rx_fetches(nic) == [1]
    assert len(posted_writes(nic)) == 2


@pytest.mark.parametrize("drop_enable", [True, False])
def test_without_descriptors_a_frame_drops_or_waits(drop_enable):
    nic = adapter(cached=0, drop_enable=drop_enable)
    nic.rx_queue[VF0].known = 0
    buffer(nic, 1000, VF0)
    buffer(nic, 60, VF1)
    nic.rx_queue[VF1].cached = 1
    has_freed_room = serve_rx_buffer(nic, 0)
    assert bool(has_freed_room) is drop_enable
    assert nic.ledger.counts.drops[NO_DESCRIPTOR] == drop_enable
    assert nic.ledger.function[VF0].drops[NO_DESCRIPTOR] == drop_enable
    assert (nic.ledger.counts.copies_dropped, nic.ledger.counts.dropped) == (drop_enable, drop_enable)
    assert nic.counts.rx_buffer.level == (60 if drop_enable else 1060)
    assert posted_writes(nic) == ([(PAYLOAD, VF1, 60), (WRITEBACK, VF1, 16)] if drop_enable else [])


def test_a_frame_that_the_ring_can_hold_in_part_drops():
    """Three buffers needed; one cached, one on its way, none posted."""
    nic = adapter(cached=1, host={"buffer_bytes": "512B"})
    queue = nic.rx_queue[VF0]
    queue.requested, queue.known = 1, 0
    buffer(nic, 1514)
    serve_rx_buffer(nic, 0)
    assert nic.ledger.counts.drops[NO_DESCRIPTOR] == 1
    assert (queue.cached, queue.requested) == (1, 1)


def test_a_write_makes_room_for_a_prefetch():
    nic = adapter(cached=8, rx_prefetch=8, rx_fetch_batch=4)
    buffer(nic, 60)
    serve_rx_buffer(nic, 0)
    assert rx_fetches(nic) == [4]


# ---- Write-back ----


def receive(nic, n, now_fs=0, n_bytes=60, queue=VF0):
    for _ in range(n):
        buffer(nic, n_bytes, queue)
        serve_rx_buffer(nic, now_fs)
        chosen(nic)


def writebacks(nic):
    """Return (bytes, frames told) of the write-backs in P."""
    return [(int(each.left_bytes), int(each.n)) for each in waiting(nic.pcie[0].up.first) if each.kind == WRITEBACK]


def test_write_backs_go_by_the_batch_of_descriptors():
    """Frames of three descriptors, a batch of 4: six descriptors, two frames."""
    nic = adapter(cached=32, host={"buffer_bytes": "512B"}, rx_writeback_batch=4)
    receive(nic, 5, n_bytes=1514)
    assert writebacks(nic) == [(96, 2), (96, 2)]
    assert (nic.rx_queue[VF0].held.n_descriptors, nic.rx_queue[VF0].held.n_frames) == (3, 1)


def test_write_backs_go_by_the_timer_of_the_first_held():
    nic = adapter(rx_writeback_batch=4, writeback_timeout="100ns")
    receive(nic, 1, 10 * NS)
    receive(nic, 1, 50 * NS)
    receive(nic, 1, 50 * NS, queue=VF1)
    assert [expire(nic), expire(nic)] == [110 * NS, 150 * NS]
    assert writebacks(nic) == [(32, 2), (16, 1)]


def test_a_full_batch_makes_the_timer_idle():
    nic = adapter(rx_writeback_batch=2, writeback_timeout="100ns")
    receive(nic, 2, 10 * NS)
    receive(nic, 1, 70 * NS)
    assert expire(nic) == 110 * NS
    assert writebacks(nic) == [(32, 2)]
    assert expire(nic) == 170 * NS
    assert writebacks(nic) == [(32, 2), (16, 1)]


# ---- Events ----


def test_a_polling_guest_sees_frames_with_the_write_back():
    nic = adapter()
    receive(nic, 3)
    rx_written_back(nic, 10, VF0, 2, 0)
    assert (nic.rx_queue[VF0].visible, nic.ledger.counts.vm_copies) == (2, 2)
    rx_written_back(nic, 20, VF0, 1, 0)
    assert (nic.rx_queue[VF0].visible, nic.ledger.counts.vm_copies) == (3, 3)
    assert {kind for kind, _, _ in posted_writes(nic)} == {PAYLOAD, WRITEBACK}


def test_a_guest_with_interrupts_sees_nothing_before_them():
    nic = adapter(driver={"rx_interrupt_batch": 4})
    receive(nic, 3)
    rx_written_back(nic, 10, VF0, 2, 0)
    assert (nic.rx_queue[VF0].written_back, nic.rx_queue[VF0].visible) == (2, 0)
    interrupted(nic, 30, INTERRUPT, VF0, 2, 20)
    assert (nic.rx_queue[VF0].visible, nic.ledger.counts.vm_copies) == (2, 2)


def test_an_interrupt_stands_right_behind_the_write_back_that_it_tells_of():
    nic = adapter(driver={"rx_interrupt_batch": 2})
    for i in range(4):
        receive(nic, 1, i)
    one, two = (PAYLOAD, VF0, 60), (WRITEBACK, VF0, 16)
    assert posted_writes(nic) == [one, two, one, two, (INTERRUPT, VF0, 4)] * 2


def test_entries_of_one_instant_stand_in_the_order_of_the_document_whatever_made_them():
    """A Tx write-back and its interrupt, then a frame for a guest."""
    nic = adapter(driver={"rx_interrupt_batch": 1, "tx_interrupt_batch": 1})
    descriptors_done(nic, 5, VF1, 1)
    receive(nic, 1, 5)
    kinds = [kind for kind, _, _ in posted_writes(nic)]
    assert kinds == [PAYLOAD, WRITEBACK, INTERRUPT, TX_WRITEBACK, TX_INTERRUPT]
