"""From the Rx buffer to the guest: descriptors, payload writes, write-backs, interrupts, delivery."""

from __future__ import annotations

from . import inlined, kernel
from .batches import mark_rx_batch
from .drop_reason import DropReason
from .events import set_timer
from .fetch import fetch_rx, fetch_rx_on_demand
from .guest import add_task
from .journey_layout import SHOWN, WRITTEN_BACK
from .layout import (
    MODERATION_TIMER,
    RX_INTERRUPT,
    TAKE_TASK,
)
from .measure import change, set_stalled
from .outcome import copy_dropped, delivered_to_guest
from .processor import prefetch
from .rings import widen_finished
from .transactions import post_interrupt, post_payload_write
from .translation import buffer_address
from .writeback import hold_for_writeback

NO_DESCRIPTOR = DropReason.NO_DESCRIPTOR.value


@inlined
def post_payload(nic, now_fs, number, n_bytes, first_descriptor):
    """Enter a frame's payload writes into P, one entry for each host buffer; the last one frees the room.

    Where buffers lie matters to the IOMMU alone; cuts are the same in each of them.
    """
    host = nic.host
    offset = host.buffer_offset_bytes
    in_buffer = host.buffer_bytes - offset
    left = n_bytes
    address = offset
    position = first_descriptor
    if nic.pcie.has_iotlb:
        address += buffer_address(host.translation.rx_stride_bytes, position, nic.limits.rx_ring)
    while left > in_buffer:
        post_payload_write(nic, now_fs, number, in_buffer, address, 0)
        left -= in_buffer
        if nic.pcie.has_iotlb:
            position += 1
            address = offset + buffer_address(host.translation.rx_stride_bytes, position, nic.limits.rx_ring)
    post_payload_write(nic, now_fs, number, left, address, n_bytes)


@inlined
def descriptors_for(host, n_bytes):
    """Return how many Rx descriptors a frame takes: one for each host buffer begun."""
    in_buffer = host.buffer_bytes - host.buffer_offset_bytes
    if n_bytes <= in_buffer:
        return 1
    return (n_bytes + in_buffer - 1) // in_buffer


@inlined
def start_write(nic, now_fs, copy, n_descriptors):
    """Take the descriptors in hand and hand the head of the Rx buffer to the DMA engine."""
    ledger = nic.ledger
    number = copy.queue
    queue = nic.rx_queue[number]
    first_descriptor = queue.fetched - queue.requested - queue.cached
    queue.cached -= n_descriptors
    change(ledger.rx_ring, now_fs, n_descriptors)
    n_in_use = nic.limits.rx_ring - 1 - queue.known - queue.requested - queue.cached
    queue.highest = max(queue.highest, n_in_use)
    if queue.started - queue.taken > queue.mask:
        widen_finished(nic.host, queue)
    slot = nic.host.finished[queue.first + (queue.started & queue.mask)]
    prefetch(ledger.journeys.slot[copy.journey])
    slot.journey = copy.journey
    slot.copy_kind = copy.copy_kind
    slot.n_bytes = copy.n_bytes
    slot.group = copy.group
    slot.n_descriptors = n_descriptors
    slot.marks = 0
    slot.buffered_fs = copy.entered_fs
    slot.seen_fs = now_fs if nic.rx_head_waits_fs < 0 else nic.rx_head_waits_fs
    slot.started_fs = now_fs
    nic.rx_head_waits_fs = -1
    queue.started += 1
    ledger.counters.rx_copies += 1
    ledger.counters.rx_descriptors += n_descriptors
    nic.rx_dma_busy = 1
    post_payload(nic, now_fs, number, copy.n_bytes, first_descriptor)
    hold_for_writeback(nic, now_fs, queue.held, n_descriptors)
    fetch_rx(nic, number)


@inlined
def have_descriptors(ledger, now_fs):
    """Note that no frame waits for Rx descriptors."""
    if ledger.stalls.descriptors.since_fs >= 0:  # the other is a part of it
        set_stalled(ledger.stalls.descriptors, now_fs, False)
        set_stalled(ledger.stalls.rx_ring, now_fs, False)


@kernel
def serve_rx_buffer(nic, now_fs):
    """See to the head of the Rx buffer: fetch what it lacks, drop it, or start on it; return True if room was freed.

    Descriptors are asked for while the engine still writes the frame before.
    """
    ledger = nic.ledger
    fifo = nic.rx_fifo
    has_dropped = False
    while fifo.head != fifo.tail:
        copy = fifo.ring[fifo.head & fifo.mask]
        n_needed = descriptors_for(nic.host, copy.n_bytes)
        if nic.rx_queue[copy.queue].cached < n_needed:
            is_fetched = fetch_rx_on_demand(nic, copy.queue, n_needed)
            if is_fetched or nic.limits.drop_enable == 0:
                set_stalled(ledger.stalls.descriptors, now_fs, nic.rx_dma_busy == 0)
                if nic.rx_dma_busy == 0 and nic.rx_head_waits_fs < 0:
                    nic.rx_head_waits_fs = now_fs
                set_stalled(ledger.stalls.rx_ring, now_fs, nic.rx_dma_busy == 0 and not is_fetched)
                return has_dropped
            fifo.head += 1
            nic.rx_head_waits_fs = -1
            change(nic.rx_buffer, now_fs, -copy.n_bytes)
            copy_dropped(nic, now_fs, copy, NO_DESCRIPTOR)
            has_dropped = True
        elif nic.rx_dma_busy:
            have_descriptors(ledger, now_fs)
            return has_dropped
        else:
            fifo.head += 1
            start_write(nic, now_fs, copy, n_needed)
    have_descriptors(ledger, now_fs)
    return has_dropped


@kernel
def raise_interrupt(nic, now_fs, number):
    """Enter an interrupt for all frames counted."""
    queue = nic.rx_queue[number]
    post_interrupt(nic, now_fs, RX_INTERRUPT, number, queue.counted)
    queue.counted = 0
    queue.moderated_until_fs = now_fs + nic.limits.moderation_fs


@kernel
def payload_landed(nic, now_fs, number):
    """Note that the host has received the last payload TLP of a ring's next frame."""
    queue = nic.rx_queue[number]
    nic.host.finished[queue.first + (queue.landed & queue.mask)].written_fs = now_fs
    queue.landed += 1


@kernel
def rx_written_back(nic, now_fs, number, n, started_fs):
    """Count frames whose write-back the host has received; show them, or raise an interrupt when it is due.

    The write-back entered P at `started_fs`; what of that lies before the payload's landing is the payload's time.
    """
    limits = nic.limits
    queue = nic.rx_queue[number]
    if n == 0:
        return
    batch = mark_rx_batch(nic.host, queue, queue.written_back, WRITTEN_BACK)
    batch.writeback_started_fs = started_fs
    batch.written_back_fs = now_fs
    queue.written_back += n
    if limits.moderation_fs == 0 and limits.rx_interrupt_batch == 0:
        show(nic, now_fs, number, n, now_fs)
        return
    queue.counted += n
    if limits.moderation_fs == 0:
        if queue.counted >= limits.rx_interrupt_batch:
            raise_interrupt(nic, now_fs, number)
    elif now_fs >= queue.moderated_until_fs:
        raise_interrupt(nic, now_fs, number)
    elif queue.moderation_armed == 0:
        queue.moderation_armed = 1
        set_timer(nic.clock, queue.moderated_until_fs, MODERATION_TIMER, number)


@kernel
def moderation_expired(nic, now_fs, number):
    """Raise the interrupt that the timer (EITR) held back."""
    queue = nic.rx_queue[number]
    queue.moderation_armed = 0
    if queue.counted > 0:
        raise_interrupt(nic, now_fs, number)


@kernel
def show(nic, now_fs, number, n, raised_fs):
    """Make `n` frames of a ring visible to the guest: that delivers them, and its core starts to take them.

    `raised_fs`: when the interrupt that tells of them entered P; now, where the guest polls.
    """
    queue = nic.rx_queue[number]
    batch = mark_rx_batch(nic.host, queue, queue.visible, SHOWN)
    batch.raised_fs = raised_fs
    batch.visible_fs = now_fs
    for i in range(queue.visible, queue.visible + n):
        delivered_to_guest(nic, now_fs, nic.host.finished[queue.first + (i & queue.mask)])
    queue.visible += n
    add_task(nic, now_fs, nic.function[queue.function].core, TAKE_TASK, number, n)
