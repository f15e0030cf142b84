"""The way of each frame, stamp by stamp: where its time goes, from the moment in which it is offered.

While a frame lies in its Tx ring its stamps lie there too. From the scheduler's pick (or the end of its reception from
the wire) it holds a journey, to the guest that takes it, the wire, or a drop; each further copy for another guest has
one of its own from the switch on. Journey 0 is for what is not measured: mirrored copies write their stamps there.

Thousands may wait in the Rx buffer, far more than a processor's near cache holds; from there on each is looked at some
more times within a short while. So a journey moves, as its frame leaves the buffer, to one of the few places that such
journeys use in turn: the way back and forth to memory is paid once.
"""

from __future__ import annotations

from . import inlined, kernel
from .journey_layout import JOURNEY_CAP, JOURNEY_LOG_CAP
from .layout import GUEST_HISTOGRAM, LOG_FULL, SENDER_HISTOGRAM
from .measure import bucket, observe

UNMEASURED = 0
FROM_WIRE = -1  # in place of a Tx ring
LOG_RESERVE = 1 << 16  # journeys that one instant can end at most: all that an interrupt for a whole ring told


@kernel
def new_place(nic):
    """Return a place that was never used."""
    pool = nic.journeys
    pool.n_used += 1  # from 1 on
    if pool.n_used == JOURNEY_CAP:
        pool.n_used -= 1
        nic.overflow = 1
    return pool.n_used


@inlined
def begin_journey(nic):
    """Open a journey; return its place."""
    pool = nic.journeys
    if pool.n_free > 0:
        pool.n_free -= 1
        return pool.free[pool.n_free]
    return new_place(nic)


@inlined
def land_journey(nic, place):
    """Move a journey to where those are whose frame has left the Rx buffer; return its new place."""
    if place == UNMEASURED:
        return place
    pool = nic.journeys
    if pool.n_free_landing > 0:
        pool.n_free_landing -= 1
        landing = pool.free_landing[pool.n_free_landing]
    else:
        landing = new_place(nic)
    pool.slot[landing] = pool.slot[place]
    pool.free[pool.n_free] = place
    pool.n_free += 1
    return landing


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
    own = nic.journeys.slot[place]
    own.offered_fs = first.offered_fs
    own.posted_fs = first.posted_fs
    own.rung_fs = first.rung_fs
    own.told_fs = first.told_fs
    own.requested_fs = first.requested_fs
    own.cached_fs = first.cached_fs
    own.chosen_fs = first.chosen_fs
    own.picked_fs = first.picked_fs
    own.payload_in_fs = first.payload_in_fs
    own.number = first.number
    own.template = first.template
    own.index = first.index
    own.tx_queue = first.tx_queue
    return place


@inlined
def end_journey(nic, now_fs, place):
    """Close a journey whose frame never came to leave the Rx buffer; its place is free for another."""
    pool = nic.journeys
    pool.left_fs += float(now_fs)
    pool.free[pool.n_free] = place
    pool.n_free += 1


@inlined
def end_landed_journey(nic, now_fs, place):
    """Close a journey that has come to its guest; its place is free for another that lands."""
    pool = nic.journeys
    pool.left_fs += float(now_fs)
    pool.free_landing[pool.n_free_landing] = place
    pool.n_free_landing += 1


@kernel
def journey_lost(nic, now_fs, place):
    """Close the journey of a frame or copy that is dropped."""
    if place != UNMEASURED:
        nic.journeys.lost_fs += float(now_fs - nic.journeys.slot[place].offered_fs)
        end_journey(nic, now_fs, place)


@kernel
def log_journey(nic, place):
    """Keep a copy of a finished journey for the trace."""
    log = nic.journey_log
    if log.n == JOURNEY_LOG_CAP:
        nic.overflow = 1
        return
    log.entry[log.n] = nic.journeys.slot[place]
    log.n += 1
    if log.n > JOURNEY_LOG_CAP - LOG_RESERVE:
        nic.is_stopping = LOG_FULL


@inlined
def add_parts(sums, journey):
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
    sums.rx_room += float(journey.buffered_fs - journey.sent_fs)
    sums.rx_buffer += float(journey.seen_fs - journey.buffered_fs)
    sums.rx_descriptor += float(journey.started_fs - journey.seen_fs)
    sums.payload_write += float(journey.written_fs - journey.started_fs)
    sums.writeback_batch += float(journey.writeback_started_fs - journey.written_fs)
    sums.writeback += float(journey.written_back_fs - journey.writeback_started_fs)
    sums.interrupt_moderation += float(journey.raised_fs - journey.written_back_fs)
    sums.interrupt += float(journey.visible_fs - journey.raised_fs)
    sums.guest_queue += float(journey.taken_fs - journey.visible_fs)


@inlined
def note_parts(nic, place):
    """Count a finished journey, its whole latency and its parts."""
    journey = nic.journeys.slot[place]
    sender_fs = journey.posted_fs - journey.offered_fs
    observe(nic.sender_wait, sender_fs)
    nic.histogram[SENDER_HISTOGRAM, bucket(sender_fs)] += 1
    whole_fs = journey.taken_fs - journey.posted_fs
    observe(nic.to_guest, whole_fs)
    at = bucket(whole_fs)
    nic.histogram[GUEST_HISTOGRAM, at] += 1
    add_parts(nic.part_sums[at], journey)
    if nic.journey_log.enabled:
        log_journey(nic, place)


@kernel
def journey_on_wire(nic, now_fs, place):
    """Finish the journey of a frame that the MAC has sent: nothing behind the wire took time."""
    journey = nic.journeys.slot[place]
    journey.sent_fs = now_fs
    journey.buffered_fs = now_fs
    journey.seen_fs = now_fs
    journey.started_fs = now_fs
    journey.written_fs = now_fs
    journey.writeback_started_fs = now_fs
    journey.written_back_fs = now_fs
    journey.raised_fs = now_fs
    journey.visible_fs = now_fs
    journey.taken_fs = now_fs
    note_parts(nic, place)
    end_journey(nic, now_fs, place)


@inlined
def stamp_switched(nic, now_fs, place, copy_kind):
    """Note that the switch's decision on a frame is carried out; `sent_fs` stays so if the wire has no part in it."""
    journey = nic.journeys.slot[place]
    journey.copy_kind = copy_kind
    journey.switched_fs = now_fs
    journey.sent_fs = now_fs
