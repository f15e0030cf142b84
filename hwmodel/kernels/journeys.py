"""The way of each frame, stamp by stamp: where its time goes, from the moment in which it is offered.

While a frame lies in its Tx ring its stamps lie there too. From the scheduler's pick (or the end of its reception from
the wire) it holds a journey, to the guest that takes it, the wire, or a drop; each further copy for another guest has
one of its own from the switch on. Journey 0 is for what is not measured: mirrored copies write their stamps there.

Thousands of journeys may wait in the Rx buffer with their frames, more than a processor's near cache holds. So none is
looked at between the switch and the guest: from the buffer on, stamps lie in the few places of the Rx rings in use.
"""

from __future__ import annotations

from . import inlined, kernel
from .journey_layout import JOURNEY_CAP, JOURNEY_LOG_CAP, SAMPLED_ALL, SAMPLED_EVERY
from .layout import LOG_FULL
from .measure import bucket, observe

UNMEASURED = 0
FROM_WIRE = -1  # in place of a Tx ring
LOG_RESERVE = 1 << 16  # journeys that one instant can end at most: all that an interrupt for a whole ring told


@inlined
def begin_journey(nic):
    """Open a journey; return its place."""
    pool = nic.journeys
    if pool.n_free > 0:
        pool.n_free -= 1
        return pool.free[pool.n_free]
    pool.n_used += 1  # from 1 on
    if pool.n_used == JOURNEY_CAP:
        pool.n_used -= 1
        nic.overflow = 1
    return pool.n_used


@inlined
def enter(nic, now_fs, offered_fs):
    """Count a frame or copy in: it was offered at `offered_fs`."""
    pool = nic.journeys
    pool.entered_fs += float(now_fs)
    if offered_fs < now_fs:
        pool.early_fs += float(now_fs - offered_fs)


@inlined
def journey_of_post(nic, now_fs, queue, ring_queue, chosen_fs):
    """Open the journey of the frame that is picked from a Tx ring, with the stamps of the ring; return its place."""
    post = nic.post[queue.first + (queue.picked & queue.mask)]
    place = begin_journey(nic)
    journey = nic.journeys.slot[place]
    journey.offered_fs = post.offered_fs
    journey.posted_fs = post.posted_fs
    journey.rung_fs = post.rung_fs
    journey.told_fs = post.told_fs
    journey.requested_fs = post.requested_fs
    journey.cached_fs = post.cached_fs
    journey.chosen_fs = chosen_fs
    journey.picked_fs = now_fs
    journey.number = queue.picked
    journey.template = post.template
    journey.index = post.index
    journey.tx_queue = ring_queue
    return place


@kernel
def journey_from_wire(nic, now_fs, template, index):
    """Open the journey of a frame whose last byte has come from the wire; all before the switch took no time."""
    place = begin_journey(nic)
    enter(nic, now_fs, now_fs)
    journey = nic.journeys.slot[place]
    journey.offered_fs = now_fs
    journey.posted_fs = now_fs
    journey.rung_fs = now_fs
    journey.told_fs = now_fs
    journey.requested_fs = now_fs
    journey.cached_fs = now_fs
    journey.chosen_fs = now_fs
    journey.picked_fs = now_fs
    journey.payload_in_fs = now_fs
    journey.number = nic.counters.from_wire
    journey.template = template
    journey.index = index
    journey.tx_queue = FROM_WIRE
    return place


@kernel
def journey_of_copy(nic, now_fs, first_place):
    """Open the journey of a further copy, with the stamps of its frame so far; return its place."""
    first = nic.journeys.slot[first_place]
    place = begin_journey(nic)
    enter(nic, now_fs, first.offered_fs)
    nic.journeys.slot[place] = first
    return place


@inlined
def end_journey(nic, now_fs, place):
    """Close a journey; its place is free for another."""
    pool = nic.journeys
    pool.left_fs += float(now_fs)
    pool.free[pool.n_free] = place
    pool.n_free += 1


@kernel
def journey_lost(nic, now_fs, place):
    """Close the journey of a frame or copy that is dropped."""
    if place != UNMEASURED:
        nic.journeys.lost_fs += float(now_fs - nic.journeys.slot[place].offered_fs)
        end_journey(nic, now_fs, place)


@kernel
def log_journey(nic, journey, finished, taken_fs):
    """Enter a journey that has come to its end into the log for the trace."""
    log = nic.journey_log
    if log.n == JOURNEY_LOG_CAP:
        nic.overflow = 1
        return
    entry = log.entry[log.n]
    log.n += 1
    if log.n > JOURNEY_LOG_CAP - LOG_RESERVE:
        nic.is_stopping = LOG_FULL
    entry.offered_fs = journey.offered_fs
    entry.posted_fs = journey.posted_fs
    entry.rung_fs = journey.rung_fs
    entry.told_fs = journey.told_fs
    entry.requested_fs = journey.requested_fs
    entry.cached_fs = journey.cached_fs
    entry.chosen_fs = journey.chosen_fs
    entry.picked_fs = journey.picked_fs
    entry.payload_in_fs = journey.payload_in_fs
    entry.switched_fs = journey.switched_fs
    entry.sent_fs = journey.sent_fs
    entry.number = journey.number
    entry.template = journey.template
    entry.index = journey.index
    entry.copy_kind = journey.copy_kind
    entry.tx_queue = journey.tx_queue
    entry.buffered_fs = finished.buffered_fs
    entry.seen_fs = finished.seen_fs
    entry.started_fs = finished.started_fs
    entry.written_fs = finished.written_fs
    entry.writeback_started_fs = finished.writeback_started_fs
    entry.written_back_fs = finished.written_back_fs
    entry.raised_fs = finished.raised_fs
    entry.visible_fs = finished.visible_fs
    entry.taken_fs = taken_fs


@kernel
def add_parts(sums, journey, finished, taken_fs):
    """Add what each part of a journey took."""
    sums.sender_wait += float(journey.posted_fs - journey.offered_fs)
    sums.driver_batch += float(journey.rung_fs - journey.posted_fs)
    sums.doorbell += float(journey.told_fs - journey.rung_fs)
    sums.tx_ring += float(journey.requested_fs - journey.told_fs)
    sums.tx_descriptor_fetch += float(journey.cached_fs - journey.requested_fs)
    sums.scheduler += float(journey.chosen_fs - journey.cached_fs)
    sums.tx_room += float(journey.picked_fs - journey.chosen_fs)
    sums.payload_read += float(journey.payload_in_fs - journey.picked_fs)
    sums.switch += float(journey.switched_fs - journey.payload_in_fs)
    sums.wire += float(journey.sent_fs - journey.switched_fs)
    sums.rx_room += float(finished.buffered_fs - journey.sent_fs)
    sums.rx_buffer += float(finished.seen_fs - finished.buffered_fs)
    sums.rx_descriptor += float(finished.started_fs - finished.seen_fs)
    sums.payload_write += float(finished.written_fs - finished.started_fs)
    sums.writeback_batch += float(finished.writeback_started_fs - finished.written_fs)
    sums.writeback += float(finished.written_back_fs - finished.writeback_started_fs)
    sums.interrupt_moderation += float(finished.raised_fs - finished.written_back_fs)
    sums.interrupt += float(finished.visible_fs - finished.raised_fs)
    sums.guest_queue += float(taken_fs - finished.visible_fs)


@kernel
def journey_over(nic, now_fs, place, finished, taken_fs):
    """Count a journey that has come to its end at `taken_fs`, of which its core tells now; add its parts; close it."""
    journey = nic.journeys.slot[place]
    sender_fs = journey.posted_fs - journey.offered_fs
    observe(nic.sender_wait, sender_fs)
    nic.latency_counts[bucket(sender_fs)].n_sender_wait += 1
    whole_fs = taken_fs - journey.posted_fs
    observe(nic.to_guest, whole_fs)
    at = bucket(whole_fs)
    counts = nic.latency_counts[at]
    counts.n_to_guest += 1
    counts.to_guest_fs += float(whole_fs)
    add_parts(nic.part_sums, journey, finished, taken_fs)
    if counts.n_to_guest <= SAMPLED_ALL or counts.n_to_guest & (SAMPLED_EVERY - 1) == 0:
        sampled = nic.sampled_parts[at]
        sampled.n += 1
        add_parts(sampled.sums, journey, finished, taken_fs)
    nic.journeys.taken_early_fs += float(now_fs - taken_fs)
    if nic.journey_log.enabled:
        log_journey(nic, journey, finished, taken_fs)
    end_journey(nic, now_fs, place)


@kernel
def journey_on_wire(nic, now_fs, place):
    """Finish the journey of a frame that the MAC has sent: nothing behind the wire takes time."""
    nic.journeys.slot[place].sent_fs = now_fs
    finished = nic.on_wire
    finished.buffered_fs = now_fs
    finished.seen_fs = now_fs
    finished.started_fs = now_fs
    finished.written_fs = now_fs
    finished.writeback_started_fs = now_fs
    finished.written_back_fs = now_fs
    finished.raised_fs = now_fs
    finished.visible_fs = now_fs
    journey_over(nic, now_fs, place, finished, now_fs)


@inlined
def stamp_switched(nic, now_fs, place, copy_kind):
    """Note that the switch's decision on a frame is carried out; `sent_fs` stays so if the wire has no part in it."""
    journey = nic.journeys.slot[place]
    journey.copy_kind = copy_kind
    journey.switched_fs = now_fs
    journey.sent_fs = now_fs
