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
def log_entry(nic, journey):
    """Enter the journey of a frame up to the switch or the wire into the log for the trace; return the entry."""
    log = nic.journey_log
    entry = log.entry[min(log.n, JOURNEY_LOG_CAP - 1)]
    if log.n == JOURNEY_LOG_CAP:
        nic.overflow = 1
        return entry
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
    return entry


@kernel
def log_taken(nic, journey, finished, taken_fs):
    """Enter the journey of a frame that its guest has taken into the log for the trace."""
    entry = log_entry(nic, journey)
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
def log_sent(nic, journey):
    """Enter the journey of a frame that the MAC has sent into the log: nothing behind the wire took time."""
    entry = log_entry(nic, journey)
    entry.buffered_fs = journey.sent_fs
    entry.seen_fs = journey.sent_fs
    entry.started_fs = journey.sent_fs
    entry.written_fs = journey.sent_fs
    entry.writeback_started_fs = journey.sent_fs
    entry.written_back_fs = journey.sent_fs
    entry.raised_fs = journey.sent_fs
    entry.visible_fs = journey.sent_fs
    entry.taken_fs = journey.sent_fs


@kernel
def count_whole(nic, journey, taken_fs):
    """Count a frame that has come to its end, and its whole latency; return the bucket and how many are in it."""
    sender_fs = journey.posted_fs - journey.offered_fs
    observe(nic.sender_wait, sender_fs)
    nic.latency_counts[bucket(sender_fs)].n_sender_wait += 1
    whole_fs = taken_fs - journey.posted_fs
    observe(nic.to_guest, whole_fs)
    at = bucket(whole_fs)
    counts = nic.latency_counts[at]
    counts.n_to_guest += 1
    counts.to_guest_fs += float(whole_fs)
    return at, counts.n_to_guest


@kernel
def is_sampled(n):
    """Say whether the parts of the `n`th frame of a bucket are kept for the percentiles."""
    return n <= SAMPLED_ALL or n & (SAMPLED_EVERY - 1) == 0


@kernel
def add_first_parts(sums, journey):
    """Add what each part took up to the switch and the wire."""
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


@kernel
def add_last_parts(sums, journey, finished, taken_fs):
    """Add what each part took from the Rx buffer to the guest."""
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
def sample_taken(sampled, journey, finished, taken_fs):
    """Keep the parts of a frame that its guest has taken, for the percentiles."""
    sampled.n += 1
    add_first_parts(sampled.sums, journey)
    add_last_parts(sampled.sums, journey, finished, taken_fs)


@kernel
def journey_taken(nic, now_fs, finished, taken_fs):
    """Finish the journey of a frame that its guest has taken at `taken_fs`, and tells of now."""
    place = finished.journey
    journey = nic.journeys.slot[place]
    at, n = count_whole(nic, journey, taken_fs)
    add_first_parts(nic.part_sums, journey)
    add_last_parts(nic.part_sums, journey, finished, taken_fs)
    if is_sampled(n):
        sample_taken(nic.sampled_parts[at], journey, finished, taken_fs)
    nic.journeys.taken_early_fs += float(now_fs - taken_fs)
    if nic.journey_log.enabled:
        log_taken(nic, journey, finished, taken_fs)
    end_journey(nic, now_fs, place)


@kernel
def journey_on_wire(nic, now_fs, place):
    """Finish the journey of a frame that the MAC has sent."""
    journey = nic.journeys.slot[place]
    journey.sent_fs = now_fs
    at, n = count_whole(nic, journey, now_fs)
    add_first_parts(nic.part_sums, journey)
    if is_sampled(n):
        sampled = nic.sampled_parts[at]
        sampled.n += 1
        add_first_parts(sampled.sums, journey)
    if nic.journey_log.enabled:
        log_sent(nic, journey)
    end_journey(nic, now_fs, place)


@inlined
def stamp_switched(nic, now_fs, place, copy_kind):
    """Note that the switch's decision on a frame is carried out; `sent_fs` stays so if the wire has no part in it."""
    journey = nic.journeys.slot[place]
    journey.copy_kind = copy_kind
    journey.switched_fs = now_fs
    journey.sent_fs = now_fs
