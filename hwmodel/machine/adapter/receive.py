"""From the Rx buffer to the guest: descriptors, payload writes, write-backs, delivery."""

from __future__ import annotations

import numpy as np

from hwmodel.compiled.compilation import inlined, kernel, out_of_line
from hwmodel.compiled.far_tables import prefetch_item
from hwmodel.compiled.processor import prefetch
from hwmodel.compiled.records import NEVER
from hwmodel.forwarding.drop_reason import DropReason
from hwmodel.forwarding.header_store import TO_ONE
from hwmodel.machine.adapter.adapter_state import LONG_BLOCK_FS
from hwmodel.machine.adapter.fetch import fetch_rx, fetch_rx_on_demand
from hwmodel.machine.adapter.flow_control import begin_wait, choose_copy, copy_leaves
from hwmodel.machine.adapter.interrupts import rx_returned
from hwmodel.machine.adapter.room_turns import finds_room
from hwmodel.machine.adapter.writeback import hold_for_writeback, slots_free
from hwmodel.machine.counts.batches import mark_rx_batch
from hwmodel.machine.counts.histogram import bucket, change, set_stalled
from hwmodel.machine.counts.journey_state import SHOWN, WRITTEN_BACK
from hwmodel.machine.counts.journeys import UNMEASURED
from hwmodel.machine.counts.ledger_state import HISTOGRAM_BUCKETS
from hwmodel.machine.counts.outcome import copy_dropped, delivered_to_guest
from hwmodel.machine.counts.passed_flows import mark
from hwmodel.machine.growing_ring import widen_finished
from hwmodel.machine.guest.cores import add_work
from hwmodel.machine.guest.guest_state import NO_RING, TAKE_TASK
from hwmodel.machine.host.translation import buffer_address
from hwmodel.machine.pcie.links import host_of, is_in_memory, is_of_uplink, link_of
from hwmodel.machine.pcie.transactions import post_payload_write
from hwmodel.machine.time.clock import COALESCING_TIMER
from hwmodel.machine.time.events import set_timer
from hwmodel.machine.tlp_kinds import RX_INTERRUPT, TX_INTERRUPT

NO_DESCRIPTOR, PORT_SECURITY = DropReason.NO_DESCRIPTOR.value, DropReason.PORT_SECURITY.value
MOST_BEGUN = 15  # frames that a descriptor counts in 4 bits (Linux ixgbe_type.h, IXGBE_RXDADV_RSCCNT_MASK)
MOST_COALESCED_BYTES = 65535  # Linux ixgbe, ixgbe_configure_rscctl: what all buffers of one receive may have


@inlined
def post_payload(nic, now_fs, number, n_bytes, first_descriptor):
    """Enter a frame's payload writes into P, one entry for each host buffer; the last one frees the room.

    Only the IOMMU needs to know where the buffers lie; payload is cut into TLPs alike in each of them.
    """
    guests = nic.guests
    offset = guests.params.buffer_offset_bytes
    in_buffer = guests.params.buffer_bytes - offset
    left = n_bytes
    address = offset
    position = first_descriptor
    pcie = link_of(nic, number)
    stride_bytes = host_of(nic, pcie).translation.params.rx_stride_bytes
    if pcie.params.has_iotlb:
        address += buffer_address(stride_bytes, position, nic.params.rx_ring)
    while left > in_buffer:
        post_payload_write(nic, now_fs, number, in_buffer, address, 0)
        left -= in_buffer
        if pcie.params.has_iotlb:
            position += 1
            address = offset + buffer_address(stride_bytes, position, nic.params.rx_ring)
    post_payload_write(nic, now_fs, number, left, address, n_bytes)


@inlined
def descriptors_for(guests, n_bytes):
    """Return how many Rx descriptors a frame takes: one for each host buffer begun."""
    in_buffer = guests.params.buffer_bytes - guests.params.buffer_offset_bytes
    if n_bytes <= in_buffer:
        return 1
    return (n_bytes + in_buffer - 1) // in_buffer


@kernel
def is_candidate(nic, copy):
    """Say whether a copy may be coalesced with others: unicast, not mirrored, and more than headers."""
    kind = nic.traffic.copy_kind[copy.copy_kind]
    is_for_one = kind.cast == TO_ONE and kind.is_mirrored == 0
    return nic.params.most_coalesced > 0 and is_for_one and copy.n_bytes > nic.guests.params.header_bytes


@kernel
def more_needed(nic, queue, copy):
    """Return how many more descriptors a copy takes in its ring's open receive, -1 if it cannot continue that."""
    guests = nic.guests.params
    if queue.open_frames == 0 or queue.open_kind != copy.copy_kind or not is_candidate(nic, copy):
        return -1
    in_buffer = guests.buffer_bytes - guests.buffer_offset_bytes
    payload_bytes = copy.n_bytes - guests.header_bytes
    n = max(0, queue.used_bytes + payload_bytes - 1) // in_buffer
    too_long = queue.open_bytes + payload_bytes > MOST_COALESCED_BYTES
    if queue.used_bytes < in_buffer and queue.begun_there == MOST_BEGUN:
        too_long = True
    return -1 if too_long or queue.open_descriptors + n > nic.params.most_coalesced else n


@out_of_line
def varying_descriptors(nic, copy):
    """Return how many Rx descriptors a copy takes where frames are coalesced, or split."""
    n = more_needed(nic, nic.rx_queue[copy.queue], copy)
    if n >= 0:
        return n
    n_bytes = copy.n_bytes
    if nic.params.splits_headers:
        n_bytes = max(1, n_bytes - nic.guests.params.header_bytes)
    return descriptors_for(nic.guests, n_bytes)


@inlined
def descriptors_needed(nic, copy):
    """Return how many Rx descriptors a copy takes."""
    if nic.params.receives_vary:
        return varying_descriptors(nic, copy)
    return descriptors_for(nic.guests, copy.n_bytes)


@kernel
def close_receive(nic, now_fs, queue):
    """Hold all descriptors of a ring's open receive for write-back: it is complete."""
    n_descriptors, n_frames = queue.open_descriptors, queue.open_frames
    queue.open_frames, queue.open_descriptors, queue.closes_fs = 0, 0, NEVER
    nic.ledger.counts.receives += 1
    hold_for_writeback(nic, now_fs, queue.held, n_descriptors, n_frames)


@kernel
def arm_closing(nic, queue):
    """Set the timer of a ring's open receive."""
    queue.closing_armed = 1
    set_timer(nic.clock, queue.closes_fs, COALESCING_TIMER, queue.held.params.queue)


@out_of_line
def closing_expired(nic, now_fs, number):
    """Close a ring's open receive; or set the timer anew, if it was for a receive that has been closed since."""
    queue = nic.rx_queue[number]
    queue.closing_armed = 0
    if queue.closes_fs == now_fs:
        close_receive(nic, now_fs, queue)
        nic.moves_due = 1
    elif queue.closes_fs < NEVER:
        arm_closing(nic, queue)


@kernel
def post_parts(nic, now_fs, number, n_bytes, is_more):
    """Enter a frame's writes where receives vary: behind the open receive's data, or with the header by itself."""
    queue, guests = nic.rx_queue[number], nic.guests.params
    offset, in_buffer = guests.buffer_offset_bytes, guests.buffer_bytes - guests.buffer_offset_bytes
    left = n_bytes - guests.header_bytes if is_more else n_bytes
    is_header = nic.params.splits_headers and not is_more
    if not is_more or queue.used_bytes == in_buffer:
        queue.used_bytes, queue.begun_there = 0, 0
    queue.begun_there += 1
    while left > 0:
        address = 0
        n = min(left, guests.header_bytes)
        if not is_header:
            if queue.used_bytes == in_buffer:
                queue.used_bytes, queue.begun_there = 0, 0
            address = offset + queue.used_bytes
            n = min(left, in_buffer - queue.used_bytes)
            queue.used_bytes += n
        post_payload_write(nic, now_fs, number, n, address, n_bytes if n == left else 0)
        left -= n
        is_header = False


@kernel
def lay_into_memory(nic, now_fs, copy, n_descriptors):
    """Have a frame in its receiver's ring at once: no link lies between the virtual switch and that memory."""
    number = copy.queue
    nic.rx_writing -= 1
    nic.rx_dma_busy = int(nic.rx_writing >= nic.params.rx_writes)
    payload_landed(nic, now_fs, number)
    nic.rx_queue[number].held.written += n_descriptors
    rx_written_back(nic, now_fs, number, 1, now_fs)
    rx_returned(nic, now_fs, number, 1)


@out_of_line
def receive_parts(nic, now_fs, copy, n_descriptors):
    """Write a frame as part of a receive, which it may begin, end, or be all of; return whether it continues one.

    An open receive that it cannot continue is closed first. With a virtual switch each frame is one by itself.
    """
    queue = nic.rx_queue[copy.queue]
    if nic.params.has_virtual_switch:
        if is_in_memory(nic, copy.queue):
            lay_into_memory(nic, now_fs, copy, n_descriptors)
        else:
            post_payload(nic, now_fs, copy.queue, copy.n_bytes, 0)
            hold_for_writeback(nic, now_fs, queue.held, n_descriptors, 1)
        return False
    is_more = more_needed(nic, queue, copy) >= 0
    if queue.open_frames > 0 and not is_more:
        close_receive(nic, now_fs, queue)
    if not is_more:
        queue.open_kind, queue.open_bytes = copy.copy_kind, 0
        queue.closes_fs = now_fs + nic.params.coalesced_fs
    post_parts(nic, now_fs, copy.queue, copy.n_bytes, is_more)
    queue.open_frames += 1
    queue.open_descriptors += n_descriptors
    queue.open_bytes += copy.n_bytes - nic.guests.params.header_bytes if is_more else copy.n_bytes
    if not is_candidate(nic, copy) or nic.ledger.journeys.slot[copy.journey].ends_send:
        close_receive(nic, now_fs, queue)
    elif queue.closing_armed == 0:
        arm_closing(nic, queue)
    return is_more


@inlined
def start_write(nic, now_fs, copy, n_descriptors, seen_fs):
    """Use cached descriptors and hand a copy to the DMA engine.

    `seen_fs`: since when it has waited at the head for descriptors alone; now, if it has not.
    """
    ledger = nic.ledger
    number = copy.queue
    queue = nic.rx_queue[number]
    first_descriptor = queue.fetched - queue.requested - queue.cached
    queue.cached -= n_descriptors
    change(ledger.counts.rx_ring, now_fs, n_descriptors)
    n_in_use = queue.slots - queue.known - queue.requested - queue.cached
    queue.highest = max(queue.highest, n_in_use)
    if queue.started - queue.taken > queue.mask:
        widen_finished(nic.guests, queue)
    slot = nic.guests.finished[queue.first + (queue.started & queue.mask)]
    prefetch(ledger.journeys.slot[copy.journey])
    slot.journey = copy.journey
    slot.copy_kind = copy.copy_kind
    slot.n_bytes = copy.n_bytes
    slot.group = copy.group
    slot.n_descriptors = n_descriptors
    slot.marks = 0
    slot.is_more = 0
    slot.buffered_fs = copy.entered_fs
    slot.seen_fs = seen_fs
    slot.started_fs = now_fs
    queue.started += 1
    ledger.counts.rx_copies += 1
    ledger.counts.rx_descriptors += n_descriptors
    nic.rx_writing += 1
    nic.rx_dma_busy = int(nic.rx_writing >= nic.params.rx_writes)
    if nic.params.receives_vary:
        slot.is_more = receive_parts(nic, now_fs, copy, n_descriptors)
    else:
        post_payload(nic, now_fs, number, copy.n_bytes, first_descriptor)
        hold_for_writeback(nic, now_fs, queue.held, n_descriptors, 1)
    fetch_rx(nic, number)


@inlined
def have_descriptors(nic, now_fs):
    """Note that no frame waits for Rx descriptors."""
    if nic.ledger.counts.stalls.descriptors.since_fs >= 0 and nic.virtual_switch.is_blocked == 0:
        # The stall `rx_ring` is a part of this one.
        set_stalled(nic.ledger.counts.stalls.descriptors, now_fs, False)
        end_block(nic, now_fs)


@kernel
def begin_block(nic, now_fs, number):
    """Note that the head of the Rx buffer is blocked by a ring in which too few descriptors are posted."""
    if nic.rx_blocked_by != number:
        end_block(nic, now_fs)
    nic.rx_blocked_by = number
    set_stalled(nic.ledger.counts.stalls.rx_ring, now_fs, True)


@kernel
def end_block(nic, now_fs):
    """Note that no ring blocks the head of the Rx buffer any more; if one did for long, count who was held up."""
    stall = nic.ledger.counts.stalls.rx_ring
    if stall.since_fs < 0:
        return
    blocked_fs = now_fs - stall.since_fs
    set_stalled(stall, now_fs, False)
    function = nic.rx_queue[nic.rx_blocked_by].params.function
    nic.ledger.function[function].blocking_fs += blocked_fs
    if blocked_fs >= LONG_BLOCK_FS:
        count_waiting(nic, now_fs, nic.rx_fifo, function, blocked_fs)
        count_waiting(nic, now_fs, nic.loopback, function, blocked_fs)


@kernel
def count_waiting(nic, now_fs, fifo, blocking, blocked_fs):
    """Add the length of a block to the waiting time of each other function that has a copy in a FIFO, once."""
    for at in range(fifo.head, fifo.tail):
        number = nic.rx_queue[fifo.ring[at & fifo.mask].queue].params.function
        waiting = nic.ledger.function[number]
        if number != blocking and waiting.waited_until_fs != now_fs:
            waiting.waited_until_fs = now_fs
            waiting.waited_fs += blocked_fs


@out_of_line
def lacks_descriptors(nic, now_fs, copy, n_needed):
    """Fetch what the head of the Rx buffer lacks and let it wait, or drop it; return True if it was dropped."""
    is_fetched = fetch_rx_on_demand(nic, copy.queue, n_needed)
    if is_fetched or nic.rx_queue[copy.queue].params.drop_enable == 0:
        if nic.virtual_switch.is_blocked:  # the stall is being counted already, from when a copy for a guest blocked
            return False
        set_stalled(nic.ledger.counts.stalls.descriptors, now_fs, nic.rx_dma_busy == 0)
        if nic.rx_dma_busy == 0 and nic.rx_head_waits_fs < 0:
            nic.rx_head_waits_fs = now_fs
        if nic.rx_dma_busy == 0 and not is_fetched:
            begin_block(nic, now_fs, np.int64(copy.queue))
        else:
            end_block(nic, now_fs)
        return False
    nic.rx_fifo.head += 1
    nic.rx_head_waits_fs = -1
    change(nic.counts.rx_buffer, now_fs, -copy.n_bytes)
    if nic.params.has_flow_control:
        copy_leaves(nic, now_fs, copy)
    copy_dropped(nic, now_fs, copy, NO_DESCRIPTOR)
    return True


@out_of_line
def feed_rx(nic, now_fs):
    """Move the next copy of all classes into the Rx buffer's FIFO, which is empty; return whether there was one.

    Round robin over the classes: the first whose head has its descriptors on the chip, or is to be dropped.
    """
    pauses = nic.pauses
    if pauses.n_in_lists == 0:
        return False
    n = pauses.params.n_classes
    for step in range(n):
        number = (pauses.pointer + step) % n
        queue = pauses.of_class[number].queue
        if queue.head == 0:
            continue
        copy = pauses.waiting.place[queue.head - 1].waits
        n_needed = descriptors_needed(nic, copy)
        if nic.rx_queue[copy.queue].cached >= n_needed:
            choose_copy(nic, now_fs, number, True)
            return True
        is_fetched = fetch_rx_on_demand(nic, copy.queue, n_needed)
        if not is_fetched and nic.rx_queue[copy.queue].params.drop_enable:
            choose_copy(nic, now_fs, number, False)
            return True
        if nic.rx_dma_busy == 0:
            begin_wait(nic, now_fs, number, copy.queue, not is_fetched)
    return False


@inlined
def serve_rx_buffer(nic, now_fs):
    """Serve the Rx buffer from its head on: fetch descriptors, drop, or start a write; return True if room was freed.

    Descriptors are asked for even while the engine is still writing earlier frames.
    """
    fifo = nic.rx_fifo
    has_dropped = False
    while fifo.head != fifo.tail or (nic.params.splits_rx_buffer and feed_rx(nic, now_fs)):
        copy = fifo.ring[fifo.head & fifo.mask]
        n_needed = descriptors_needed(nic, copy)
        if nic.rx_queue[copy.queue].cached < n_needed:
            if not lacks_descriptors(nic, now_fs, copy, n_needed):
                return has_dropped
            has_dropped = True
        elif nic.rx_dma_busy:
            have_descriptors(nic, now_fs)
            return has_dropped
        else:
            fifo.head += 1
            seen_fs = now_fs if nic.rx_head_waits_fs < 0 else nic.rx_head_waits_fs
            nic.rx_head_waits_fs = -1
            start_write(nic, now_fs, copy, n_needed, seen_fs)
    have_descriptors(nic, now_fs)
    return has_dropped


@kernel
def sender_of(nic, copy):
    """Return the number of the station that a copy is of, from 2 on; 1 of all that are mirrored."""
    kind = nic.traffic.copy_kind[copy.copy_kind]
    return np.int64(1 if kind.is_mirrored else 2 + nic.ledger.directory.ends[kind.flow].sender)


@kernel
def is_shut_for(nic, copy):
    """Tell whether a copy is for a port that its security has shut."""
    learned = nic.virtual_switch.learned
    if nic.params.has_virtual_switch == 0 or learned.has_shut == 0:
        return False
    return learned.port[nic.traffic.copy_kind[copy.copy_kind].port].is_shut != 0


@out_of_line
def lay_copies(nic, now_fs):
    """Write waiting copies into the guests' rings, in order; one that finds no buffer is dropped, or holds all up."""
    fifo, switch = nic.loopback, nic.virtual_switch
    while fifo.head != fifo.tail:
        copy = fifo.ring[fifo.head & fifo.mask]
        n_needed = descriptors_for(nic.guests, copy.n_bytes)
        queue = nic.rx_queue[copy.queue]
        is_kept_out = is_shut_for(nic, copy)
        if is_kept_out:
            lacks = False
        elif queue.params.drop_enable:
            owed, most = switch.owed[copy.queue], nic.params.rx_ring - 1
            sender, batch = sender_of(nic, copy), switch.params.batch
            lacks = not finds_room(owed, sender, n_needed, queue.cached, most, batch)
        else:
            lacks = queue.cached < n_needed
        if lacks and queue.params.drop_enable == 0:
            if switch.is_blocked == 0:
                switch.is_blocked, switch.head_waits_fs = 1, now_fs
            set_stalled(nic.ledger.counts.stalls.descriptors, now_fs, True)
            begin_block(nic, now_fs, np.int64(copy.queue))
            return
        fifo.head += 1
        seen_fs = switch.head_waits_fs if switch.is_blocked else now_fs
        switch.is_blocked = 0
        if lacks or is_kept_out:
            copy_dropped(nic, now_fs, copy, PORT_SECURITY if is_kept_out else NO_DESCRIPTOR)
        else:
            if switch.params.marks:
                mark(nic, copy.copy_kind, queue.waiting_bytes, 1)
                queue.waiting_bytes += copy.n_bytes
            start_write(nic, now_fs, copy, n_needed, seen_fs)
    have_descriptors(nic, now_fs)


@kernel
def payload_landed(nic, now_fs, number):
    """Note that the host has received the last payload TLP of a ring's next frame."""
    queue = nic.rx_queue[number]
    nic.guests.finished[queue.first + (queue.landed & queue.mask)].written_fs = now_fs
    queue.landed += 1


@kernel
def rx_written_back(nic, now_fs, number, n, started_fs):
    """Note frames whose write-back the host has received; a guest that polls sees them at once.

    `started_fs`: when the write-back entered P; what of that lies before the payload landed counts as payload time.
    """
    queue = nic.rx_queue[number]
    if n == 0:
        return
    batch = mark_rx_batch(nic.guests, queue, queue.written_back, WRITTEN_BACK)
    batch.writeback_started_fs = started_fs
    batch.written_back_fs = now_fs
    queue.written_back += n
    if nic.guests.driver[queue.params.function].polls or queue.is_polled:
        show(nic, now_fs, number, now_fs)


@kernel
def prefetch_written_back(nic, now_fs, queue):
    """Prefetch what delivering the written-back frames will look at, so that their cache misses overlap.

    Each pass reads what the pass before it has prefetched.
    """
    ledger = nic.ledger
    for i in range(queue.visible, queue.written_back):
        finished = nic.guests.finished[queue.first + (i & queue.mask)]
        prefetch(nic.traffic.copy_kind[finished.copy_kind])
        prefetch(ledger.journeys.slot[finished.journey])
        if ledger.crosses:
            prefetch(ledger.journeys.crossed[finished.journey])
    for i in range(queue.visible, queue.written_back):
        finished = nic.guests.finished[queue.first + (i & queue.mask)]
        if finished.journey != UNMEASURED:
            prefetch(ledger.flow[nic.traffic.copy_kind[finished.copy_kind].flow])
    for i in range(queue.visible, queue.written_back):
        finished = nic.guests.finished[queue.first + (i & queue.mask)]
        if finished.journey != UNMEASURED:
            journey = ledger.journeys.slot[finished.journey]
            place = bucket(now_fs - journey.posted_fs)
            prefetch(ledger.latency_counts[place])
            prefetch(ledger.latency_counts[bucket(now_fs - journey.rung_fs)])
            row = ledger.flow[nic.traffic.copy_kind[finished.copy_kind].flow].histogram
            prefetch_item(ledger.histogram, row * HISTOGRAM_BUCKETS + place)


@out_of_line
def count_shown(guests, queue):
    """Count the frames of a ring that its guest is about to see."""
    queue.counts.frames += queue.written_back - queue.visible
    for i in range(queue.visible, queue.written_back):
        queue.counts.n_bytes += guests.finished[queue.first + (i & queue.mask)].n_bytes


@kernel
def show(nic, now_fs, number, raised_fs):
    """Make a ring's written-back frames visible: this delivers them, and gives the guest's core work.

    `raised_fs`: when the interrupt that tells of them entered P; now, where the guest polls.
    """
    queue = nic.rx_queue[number]
    n = queue.written_back - queue.visible
    if n == 0:
        return
    batch = mark_rx_batch(nic.guests, queue, queue.visible, SHOWN)
    batch.raised_fs = raised_fs
    batch.visible_fs = now_fs
    if nic.ledger.crosses and not is_of_uplink(nic, number):  # of its frames nobody knows yet whose they are
        prefetch_written_back(nic, now_fs, queue)
    if nic.params.counts_rings:
        count_shown(nic.guests, queue)
    if not is_of_uplink(nic, number):
        for i in range(queue.visible, queue.written_back):
            delivered_to_guest(nic, now_fs, nic.guests.finished[queue.first + (i & queue.mask)])
    queue.visible += n
    add_work(nic, now_fs, queue.params.core, TAKE_TASK, number, n)


@kernel
def interrupted(nic, now_fs, kind, vector, n, raised_fs):
    """Let a guest take an interrupt: it sees what has been written back, and polls from now on if it masks them.

    The interrupt's cost comes before the next frames taken from the vector's first ring.
    """
    guests = nic.guests
    first = nic.rx_queue[vector]
    driver = guests.driver[first.params.function]
    core_number = first.params.core
    core = guests.core[core_number]
    if core.is_running == 0 and max(core.free_fs, core.awake_fs) <= now_fs:
        core.awake_fs = now_fs + driver.wakeup_time_fs
    first.entry_fs += driver.interrupt_time_fs
    # The core pays for the interrupt before it does what that leads to: the first ring joins its list first.
    number = vector
    while number != NO_RING:
        queue = nic.rx_queue[number]
        if driver.mask_interrupts:
            queue.is_polled = 1
        if driver.mask_interrupts or kind == RX_INTERRUPT:
            show(nic, now_fs, number, raised_fs)
        if number == vector and (driver.mask_interrupts or first.entry_fs > 0):
            add_work(nic, now_fs, core_number, TAKE_TASK, number, 0)
        number = queue.params.next_of_vector
    if driver.mask_interrupts or kind == TX_INTERRUPT:
        free_told(nic, now_fs, vector, n)


@kernel
def free_told(nic, now_fs, vector, n):
    """Give back the Tx slots that an interrupt announces: `n`; where rings share the vector, or poll, all written back.

    What an interrupt announces was written back before it.
    """
    number = vector
    is_alone = nic.rx_queue[vector].params.next_of_vector == NO_RING and nic.rx_queue[vector].is_polled == 0
    while number != NO_RING:
        queue = nic.tx_queue[number]
        n_freed = n if is_alone else queue.written_back - queue.freed
        if n_freed > 0:
            slots_free(nic, now_fs, number, n_freed)
        number = nic.rx_queue[number].params.next_of_vector
