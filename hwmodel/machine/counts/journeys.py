"""The way of each frame, stamp by stamp: where its time goes, from the moment in which it is offered.

While a frame lies in its Tx ring its stamps lie there too (`batches`). From the scheduler's pick (or the end of its
reception from the wire) it holds a journey, to the guest that takes it, the wire, or a drop; each further copy for
another guest has one of its own from the switch on. Journey 0 is for what is not measured: mirrored copies write their
stamps there.

Thousands of journeys may wait in the Rx buffer with their frames, more than a processor's near cache holds. So none is
looked at between the switch and the guest: from the buffer on, stamps lie in the few places of the Rx rings in use.
"""

from __future__ import annotations

from hwmodel.compiled.compilation import inlined, kernel, out_of_line
from hwmodel.compiled.far_tables import lengthened
from hwmodel.forwarding.header_store import MIRRORED_BY_BRIDGE
from hwmodel.machine.counts.batches import begin_batches
from hwmodel.machine.counts.histogram import begin_extremes, bucket, extend_extremes
from hwmodel.machine.counts.journey_state import FOLDED_AT, SAMPLED_ALL, SAMPLED_EVERY
from hwmodel.machine.counts.journey_sums import (
    add_crossing,
    add_parts,
    add_stamps,
    add_stamps_behind_wire,
    fold,
    log_journey,
)
from hwmodel.machine.time.stalls import works_until

UNMEASURED = 0
FROM_WIRE = -1  # in place of a Tx ring


@inlined
def begin_journey(ledger):
    """Open a journey; return its place."""
    pool = ledger.journeys
    if pool.n_free > 0:
        pool.n_free -= 1
        return pool.free[pool.n_free]
    pool.n_used += 1  # from 1 on
    if pool.n_used == len(pool.slot):
        begin_more(ledger)
    return pool.n_used


@out_of_line
def begin_more(ledger):
    """Make room for more journeys; where there can be none the last is written over, and the run ends."""
    pool = ledger.journeys
    if not (lengthened(pool.slot) and lengthened(pool.crossed) and lengthened(pool.free)):
        pool.n_used -= 1
        ledger.overflow = 1


@inlined
def enter(ledger, now_fs, offered_fs):
    """Count a frame or copy in: it was offered at `offered_fs`."""
    pool = ledger.journeys
    pool.entered_fs += float(now_fs)
    if offered_fs < now_fs:
        pool.early_fs += float(now_fs - offered_fs)


@inlined
def journey_of_post(nic, now_fs, queue, ring_queue, chosen_fs):
    """Open the journey of the frame that is picked from a Tx ring, with the stamps of the ring; return its place."""
    guests = nic.guests
    in_ring = queue.first + (queue.picked & queue.mask)
    post = guests.post[in_ring]
    batch = queue.batch
    if guests.params.posts_sends:
        if queue.cut_frames == 0:
            begin_send(guests, queue, post)
    else:
        if post.marks != 0:
            begin_batches(guests, batch, in_ring)
        driver = guests.driver[queue.params.function]
        work_fs = driver.frame_time_fs + post.n_bytes * driver.byte_time_fs  # it posts one after the other
        batch.posted_fs = works_until(guests, batch.posted_fs, work_fs)
    place = begin_journey(nic.ledger)
    journey = nic.ledger.journeys.slot[place]
    journey.offered_fs = post.offered_fs
    journey.posted_fs = batch.posted_fs
    journey.rung_fs = batch.rung_fs
    journey.told_fs = batch.told_fs
    journey.requested_fs = batch.requested_fs
    journey.cached_fs = batch.cached_fs
    journey.chosen_fs = chosen_fs
    journey.picked_fs = now_fs
    journey.number = queue.n_picked
    journey.template = post.template
    journey.index = post.index
    journey.tx_queue = ring_queue
    journey.ends_send = 0
    return place


@out_of_line
def begin_send(guests, queue, post):
    """Go on to the stamps of a send: when its core had posted it, and when the last of its descriptors came."""
    for position in range(queue.picked, queue.picked + post.n_descriptors):
        place = queue.first + (position & queue.mask)
        if guests.post[place].marks != 0:
            begin_batches(guests, queue.batch, place)
    work_fs = send_work_fs(guests.driver[queue.params.function], post)
    queue.batch.posted_fs = works_until(guests, queue.batch.posted_fs, work_fs)


@inlined
def send_work_fs(driver, post):
    """Return what a send costs the core of a VM with this driver."""
    return (
        driver.send_time_fs + post.n_descriptors * driver.descriptor_time_fs + post.n_bytes * driver.send_byte_time_fs
    )


@out_of_line
def journey_of_next(ledger, place):
    """Open the journey of the next frame that the same read has brought, with the stamps so far; return its place."""
    next_place = begin_journey(ledger)
    ledger.journeys.slot[next_place] = ledger.journeys.slot[place]
    ledger.journeys.slot[next_place].number += 1
    return next_place


@kernel
def begin_from_wire(journey, now_fs, number, template, index):
    """Write the stamps of a frame that comes from outside; all before the switch took no time."""
    journey.offered_fs = now_fs
    journey.posted_fs = now_fs
    journey.rung_fs = now_fs
    journey.told_fs = now_fs
    journey.requested_fs = now_fs
    journey.cached_fs = now_fs
    journey.chosen_fs = now_fs
    journey.picked_fs = now_fs
    journey.payload_in_fs = now_fs
    journey.number = number
    journey.template = template
    journey.index = index
    journey.tx_queue = FROM_WIRE
    journey.ends_send = 0


@kernel
def journey_from_wire(ledger, now_fs, template, index):
    """Open the journey of a frame whose last byte has come from the wire."""
    place = begin_journey(ledger)
    enter(ledger, now_fs, now_fs)
    begin_from_wire(ledger.journeys.slot[place], now_fs, ledger.counts.from_wire, template, index)
    return place


@kernel
def journey_from_bridge(ledger, now_fs, so_far):
    """Go on with the journey of a frame that comes from a bridge; return its place."""
    if so_far.tx_queue == MIRRORED_BY_BRIDGE:
        return UNMEASURED
    place = begin_journey(ledger)
    enter(ledger, now_fs, so_far.offered_fs)
    ledger.journeys.slot[place] = so_far
    ledger.journeys.crossed[place].came_fs = now_fs
    return place


@inlined
def came_by_bridge_fs(ledger, place):
    """Return when the frame of a journey came from a bridge; 0 if it did not."""
    return ledger.journeys.crossed[place].came_fs if ledger.crosses else 0


@out_of_line
def journey_of_copy(ledger, now_fs, first_place, came_fs):
    """Open the journey of a further copy, with the stamps of its frame so far; return its place.

    `came_fs`: when the frame came from a bridge, which is no longer known where its first copy has already ended.
    """
    first = ledger.journeys.slot[first_place]
    place = begin_journey(ledger)
    enter(ledger, now_fs, first.offered_fs)
    ledger.journeys.slot[place] = first
    if ledger.crosses:
        ledger.journeys.crossed[place].came_fs = came_fs
    return place


@inlined
def end_journey(ledger, now_fs, place):
    """Close a journey; its place is free for another."""
    pool = ledger.journeys
    if ledger.crosses:
        pool.crossed[place].came_fs = 0
    pool.left_fs += float(now_fs)
    pool.free[pool.n_free] = place
    pool.n_free += 1


@kernel
def journey_lost(ledger, now_fs, place):
    """Close the journey of a frame or copy that is dropped, or goes on behind the wire with the stamps that it has."""
    if place != UNMEASURED:
        ledger.journeys.lost_fs += float(now_fs - ledger.journeys.slot[place].offered_fs)
        end_journey(ledger, now_fs, place)


@kernel
def lost_in_ring(ledger, now_fs, offered_fs):
    """Count a frame that is dropped before it was picked; it has no journey yet."""
    ledger.journeys.lost_fs += float(now_fs - offered_fs)
    ledger.journeys.left_fs += float(now_fs)


@inlined
def journey_over(ledger, now_fs, place, finished, batch, taken_fs):
    """Count a journey that ended at `taken_fs`, which its core tells only now; add its parts; close it."""
    journey = ledger.journeys.slot[place]
    sender_fs = journey.posted_fs - journey.offered_fs
    whole_fs = taken_fs - journey.posted_fs
    if ledger.counts.to_guest.n + ledger.stamp_sums.n == 0:
        begin_extremes(ledger.counts.sender_wait, sender_fs)
        begin_extremes(ledger.counts.to_guest, whole_fs)
    extend_extremes(ledger.counts.sender_wait, sender_fs)
    extend_extremes(ledger.counts.to_guest, whole_fs)
    ledger.latency_counts[bucket(sender_fs)].n_sender_wait += 1
    at = bucket(whole_fs)
    counts = ledger.latency_counts[at]
    counts.n_to_guest += 1
    counts.to_guest_fs += float(whole_fs)
    is_sampled = counts.n_to_guest <= SAMPLED_ALL or counts.n_to_guest & (SAMPLED_EVERY - 1) == 0
    add_stamps(ledger.stamp_sums, journey, finished, batch, taken_fs)
    if ledger.crosses:
        add_stamps_behind_wire(ledger.stamp_sums, ledger.journeys.crossed[place], journey.sent_fs)
    if ledger.stamp_sums.n == FOLDED_AT:
        fold(ledger)
    if is_sampled:
        sampled = ledger.sampled_parts[at]
        sampled.n += 1
        add_parts(sampled.sums, journey, finished, batch, taken_fs)
        if ledger.crosses:
            add_crossing(sampled.sums, ledger.journeys.crossed[place], journey.sent_fs)
    ledger.journeys.taken_early_fs += float(now_fs - taken_fs)
    if ledger.journey_log.enabled:
        log_journey(ledger, journey, finished, batch, taken_fs)
    end_journey(ledger, now_fs, place)


@kernel
def journey_ends_there(ledger, now_fs, place):
    """Finish the journey of a frame that has come to somebody who takes it in no time."""
    finished, batch = ledger.on_wire, ledger.on_wire_batch
    finished.buffered_fs = now_fs
    finished.seen_fs = now_fs
    finished.started_fs = now_fs
    finished.written_fs = now_fs
    batch.writeback_started_fs = now_fs
    batch.written_back_fs = now_fs
    batch.raised_fs = now_fs
    batch.visible_fs = now_fs
    journey_over(ledger, now_fs, place, finished, batch, now_fs)


@inlined
def stamp_switched(ledger, now_fs, place, copy_kind):
    """Note that the switch's decision on a frame is carried out; `sent_fs` stays so if it takes no wire."""
    journey = ledger.journeys.slot[place]
    journey.copy_kind = copy_kind
    journey.switched_fs = now_fs
    journey.sent_fs = now_fs


@kernel
def stamp_switched_in(ledger, now_fs, place, copy_kind):
    """Note that the switch's decision on a frame from a bridge is carried out."""
    ledger.journeys.slot[place].copy_kind = copy_kind
    ledger.journeys.crossed[place].decided_fs = now_fs
