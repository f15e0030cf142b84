"""A function that is taken away and comes back: what is purged of it, in every queue, and how its rings start anew.

The rules are in docs/datapath/commands.md, "A function goes, and comes again". All work is done at the instant of the
command, by scanning all queues, so that the datapath need not check for each frame whether its function is still there.
"""

from __future__ import annotations

from hwmodel.compiled.compilation import kernel
from hwmodel.compiled.records import NEVER
from hwmodel.forwarding.drop_reason import DropReason
from hwmodel.machine.adapter.fetch import share_out
from hwmodel.machine.adapter.flow_control import chosen_leaves, copy_leaves, end_wait
from hwmodel.machine.adapter.forgetting import forget_in_flight, forget_requests, forget_writes
from hwmodel.machine.adapter.receive import have_descriptors
from hwmodel.machine.adapter.switching import frame_in, release_tx_room
from hwmodel.machine.counts.histogram import change, set_stalled
from hwmodel.machine.counts.journeys import journey_lost, lost_in_ring
from hwmodel.machine.counts.outcome import copy_dropped
from hwmodel.machine.guest.cores import forget_work
from hwmodel.machine.guest.guest_state import NO_RING
from hwmodel.machine.pcie.links import link_at
from hwmodel.machine.pcie.reads import give_places_back
from hwmodel.machine.pcie.transactions import ring_doorbell
from hwmodel.machine.switch.decisions import template_of
from hwmodel.machine.time.clock import ADAPTER_LINKS
from hwmodel.machine.tlp_kinds import RX_DOORBELL
from hwmodel.machine.traffic.sources import NO_TEMPLATE, hunger
from hwmodel.machine.waiting_lists import take_out

FUNCTION_RESET = DropReason.FUNCTION_RESET.value


@kernel
def function_off(nic, now_fs, number):
    """Take a function away: its rings, its requests, what is written to it."""
    function = nic.function[number]
    function.is_off = 1
    first, end = function.params.first_queue, function.params.first_queue + function.params.n_queues
    for ring in range(first, end):
        drop_posts(nic, now_fs, ring)
    for ring in range(first, end):
        drop_received(nic, now_fs, ring)
    for ring in range(first, end):
        forget_work(nic, nic.rx_queue[ring].params.core, ring)
    forget_turn(nic, now_fs, function, number)
    close_up(nic.reads.rx_fetches, first, end)
    close_up(nic.reads.tx_fetches, first, end)
    forget_reads(nic, now_fs, first, end)
    for number_of_link in range(ADAPTER_LINKS):
        pcie = link_at(nic, number_of_link)
        forget_writes(nic, now_fs, pcie, first, end)
        forget_in_flight(nic, now_fs, pcie, first, end)
    nic.rx_dma_busy = int(nic.rx_writing >= nic.params.rx_writes)
    drop_copies(nic, now_fs, first, end)
    for ring in range(first, end):
        begin_ring_anew(nic, now_fs, ring)
    hunger(nic, number)
    nic.reads_due, nic.moves_due = 1, 1


@kernel
def function_on(nic, now_fs, number):
    """Bring a function up: its driver has set up its rings, and posts all Rx descriptors with a doorbell each."""
    function = nic.function[number]
    function.is_off = 0
    function.first_in_fs = NEVER
    n_descriptors = nic.params.rx_ring - 1
    for ring in range(function.params.first_queue, function.params.first_queue + function.params.n_queues):
        nic.tx_queue[ring].slots = nic.params.tx_ring - 1
        nic.rx_queue[ring].slots = n_descriptors
        change(nic.ledger.counts.rx_ring, now_fs, n_descriptors)
        ring_doorbell(nic, now_fs, RX_DOORBELL, ring, n_descriptors, nic.params.doorbell_bytes)
    hunger(nic, number)


@kernel
def drop_posts(nic, now_fs, ring):
    """Drop what a driver has given to a Tx ring and the scheduler has not picked."""
    queue, ledger = nic.tx_queue[ring], nic.ledger
    n = 0
    for at in range(queue.picked, queue.reserved):
        post = nic.guests.post[queue.first + (at & queue.mask)]
        n_frames = post.n_frames
        if at == queue.picked:
            n_frames -= queue.cut_frames
        if n_frames == 0:  # a further descriptor of a send: its first one has the count
            continue
        n += n_frames
        for _ in range(n_frames):
            lost_in_ring(ledger, now_fs, post.offered_fs)
        template = template_of(nic, post.template)
        if template.flow >= 0:
            ledger.flow[template.flow].dropped += n_frames
    ledger.counts.dropped += n
    ledger.counts.drops[FUNCTION_RESET] += n
    ledger.function[queue.params.function].drops[FUNCTION_RESET] += n
    change(ledger.counts.tx_ring, now_fs, queue.freed - queue.reserved)


@kernel
def drop_received(nic, now_fs, ring):
    """Drop what is on its way into an Rx ring's buffers; what its guest could see already is never taken."""
    queue = nic.rx_queue[ring]
    for at in range(queue.taken, queue.visible):
        journey_lost(nic.ledger, now_fs, nic.guests.finished[queue.first + (at & queue.mask)].journey)
    for at in range(queue.visible, queue.started):
        copy_dropped(nic, now_fs, nic.guests.finished[queue.first + (at & queue.mask)], FUNCTION_RESET)


@kernel
def forget_turn(nic, now_fs, function, number):
    """Let the scheduler forget what a function has to send."""
    scheduler = nic.scheduler
    if scheduler.chosen == number:
        scheduler.chosen = -1
        set_stalled(nic.ledger.counts.stalls.tx_buffer, now_fs, False)
    if function.ready_queues > 0:
        function.ready_queues = 0
        if function.is_shaped:
            scheduler.n_shaped_waiting -= 1
        else:
            scheduler.n_ready -= 1
    for ring in range(function.params.first_queue, function.params.first_queue + function.params.n_queues):
        scheduler.n_told -= nic.tx_queue[ring].known


@kernel
def close_up(queue, first, end):
    """Take the entries of some rings out of a queue; the others close up toward its tail."""
    kept = queue.tail
    for at in range(queue.tail - 1, queue.head - 1, -1):
        entry = queue.ring[at & queue.mask]
        if not first <= entry.queue < end:
            kept -= 1
            if kept != at:
                queue.ring[kept & queue.mask] = entry
    queue.head = kept


@kernel
def forget_reads(nic, now_fs, first, end):
    """Cancel what is still to be requested for frames of some rings; what is on its way is discarded as it comes."""
    reads, grants = nic.reads, nic.grants
    is_cut = reads.left_bytes > 0 and first <= grants.ring[reads.frame & grants.mask].queue < end
    for at in range(grants.head, grants.tail):
        frame = grants.ring[at & grants.mask]
        if first <= frame.queue < end:
            frame.queue = NO_RING  # its function has gone
    for number in range(ADAPTER_LINKS):
        forget_requests(nic, now_fs, link_at(nic, number), first, end)
    if not is_cut:
        return
    frame = grants.ring[reads.frame & grants.mask]
    if frame.reads_left == 1 and reads.left_bytes < reads.whole_bytes:
        give_places_back(nic, frame.read_bytes)
        reads.has_freed = 1
    reads.left_bytes = 0
    frame.reads_left -= 1
    if frame.reads_left == 0:
        frame_in(nic, now_fs, reads.frame)


@kernel
def drop_copies(nic, now_fs, first, end):
    """Drop the copies for some rings that are in the Rx buffer, or on their way to it."""
    fifo = nic.rx_fifo
    if fifo.head != fifo.tail and first <= fifo.ring[fifo.head & fifo.mask].queue < end:
        nic.rx_head_waits_fs = -1
    drop_from(nic, now_fs, fifo, first, end, True)
    if nic.params.splits_rx_buffer:
        drop_in_parts(nic, now_fs, first, end)
    drop_from(nic, now_fs, nic.loopback, first, end, False)
    if nic.params.arbitrates:
        drop_waiting(nic, now_fs, first, end)
    if fifo.head == fifo.tail:
        have_descriptors(nic, now_fs)


@kernel
def drop_waiting(nic, now_fs, first, end):
    """Drop the local copies for some rings that wait in the packet plane, class by class."""
    packets, waiting = nic.arbiter.local, nic.arbiter.waiting
    for number in range(nic.arbiter.params.n_classes):
        queue = packets.queue[number]
        place, before = queue.head, 0
        while place > 0:
            entry = waiting.place[place - 1]
            following = entry.following
            if first <= entry.waits.queue < end:
                release_tx_room(nic, now_fs, entry.waits)
                copy_dropped(nic, now_fs, entry.waits, FUNCTION_RESET)
                take_out(waiting, queue, place, before)
                packets.n_waiting -= 1
            else:
                before = place
            place = following


@kernel
def drop_in_parts(nic, now_fs, first, end):
    """Drop the copies for some rings in the Rx buffer, class by class."""
    pauses, waiting = nic.pauses, nic.pauses.waiting
    for number in range(pauses.params.n_classes):
        queue = pauses.of_class[number].queue
        place, before = queue.head, 0
        while place > 0:
            entry = waiting.place[place - 1]
            following = entry.following
            if first <= entry.waits.queue < end:
                take_out(waiting, queue, place, before)
                if before == 0:
                    end_wait(nic, now_fs, number)
                    nic.rx_head_waits_fs = -1
                pauses.n_in_lists -= 1
                change(nic.counts.rx_buffer, now_fs, -entry.waits.n_bytes)
                copy_leaves(nic, now_fs, entry.waits)
                copy_dropped(nic, now_fs, entry.waits, FUNCTION_RESET)
            else:
                before = place
            place = following


@kernel
def drop_from(nic, now_fs, fifo, first, end, is_rx_buffer):
    """Drop the copies for some rings that wait in a FIFO, first to last; the others close up behind them."""
    for at in range(fifo.head, fifo.tail):
        copy = fifo.ring[at & fifo.mask]
        if first <= copy.queue < end:
            if is_rx_buffer:
                change(nic.counts.rx_buffer, now_fs, -copy.n_bytes)
                if nic.params.has_flow_control:
                    chosen_leaves(nic, now_fs, copy)
            else:
                release_tx_room(nic, now_fs, copy)
            copy_dropped(nic, now_fs, copy, FUNCTION_RESET)
    close_up(fifo, first, end)


@kernel
def begin_ring_anew(nic, now_fs, number):
    """Reset a Tx ring, and the Rx ring of its number: no descriptors, no free slots.

    Timers that are set will find nothing to do. The pace of the ring (`queue_time_fs`) is kept up.
    """
    tx, rx = nic.tx_queue[number], nic.rx_queue[number]
    if nic.params.shared_cache > 0:
        nic.cache.n_rings -= tx.is_used + rx.is_used
        tx.is_used, rx.is_used = 0, 0
        share_out(nic)
    tx.reserved, tx.posted, tx.rung, tx.told, tx.known, tx.requested, tx.cached = 0, 0, 0, 0, 0, 0, 0
    tx.picked, tx.fetched, tx.counted, tx.written_back, tx.freed, tx.slots = 0, 0, 0, 0, 0, 0
    tx.n_picked, tx.untold, tx.last_template, tx.cut_frames, tx.cut_bytes = 0, 0, NO_TEMPLATE, 0, 0
    change(nic.ledger.counts.rx_ring, now_fs, rx.known + rx.requested + rx.cached - rx.slots)
    rx.slots = 0
    rx.known, rx.requested, rx.cached, rx.fetched = 0, 0, 0, 0
    rx.started, rx.landed, rx.written_back, rx.visible, rx.taken, rx.since_refill = 0, 0, 0, 0, 0, 0
    rx.returned, rx.told, rx.is_masked, rx.is_polled, rx.entry_fs = 0, 0, 0, 0, 0
    rx.moderated_until_fs, rx.moderation_at_fs = 0, 0
    rx.moderation_fs = nic.guests.driver[rx.params.function].moderation_fs
    rx.open_frames, rx.open_descriptors, rx.closes_fs = 0, 0, NEVER
    rx.rx_class, rx.taken_bytes, rx.tx_class, rx.posted_bytes = 0, 0, 0, 0
    for held in (tx.held, rx.held):
        held.n_descriptors, held.n_frames, held.written, held.timer_at_fs = 0, 0, 0, NEVER
