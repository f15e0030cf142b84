"""The way of each frame, stamp by stamp: where its time goes, from the moment in which it is offered.

While a frame lies in its Tx ring its stamps lie there too. From the scheduler's pick (or the end of its reception from
the wire) it holds a journey, to the guest that takes it, the wire, or a drop; each further copy for another guest has
one of its own from the switch on. Journey 0 is for what is not measured: mirrored copies write their stamps there.
"""

from __future__ import annotations

from . import inlined, kernel
from .journey_layout import (
    CHOSEN,
    JOURNEY_CAP,
    JOURNEY_LOG_CAP,
    OFFERED,
    PAYLOAD_IN,
    PICKED,
    POST_STAMPS,
    POSTED,
    SENT,
    STAMPS,
    SWITCHED,
    TAKEN,
)
from .layout import GUEST_HISTOGRAM, LOG_FULL, SENDER_HISTOGRAM
from .measure import bucket, observe

UNMEASURED = 0
FROM_WIRE = -1  # in place of a Tx ring
LOG_RESERVE = 1 << 14  # journeys that one instant can end at most: a chunk of a core


@inlined
def begin_journey(nic):
    """Open a journey; return its place."""
    pool = nic.journeys
    if pool.n_free > 0:
        pool.n_free -= 1
        number = pool.free[pool.n_free]
    else:
        pool.n_used += 1  # from 1 on
        number = pool.n_used
        if number == JOURNEY_CAP - 1:
            pool.n_used -= 1
            nic.overflow = 1
    return number


@inlined
def enter(nic, now_fs, offered_fs):
    """Count a frame or copy in: it was offered at `offered_fs`."""
    pool = nic.journeys
    pool.entered_fs += float(now_fs)
    if offered_fs < now_fs:
        pool.early_fs += float(now_fs - offered_fs)


@inlined
def journey_of_post(nic, queue, number, chosen_fs, now_fs):
    """Open the journey of the frame that is picked from a Tx ring, with the stamps of the ring; return its place."""
    post = nic.post[queue.first + (queue.picked & queue.mask)]
    place = begin_journey(nic)
    journey = nic.journeys.slot[place]
    for stamp in range(POST_STAMPS):
        journey.at_fs[stamp] = post.at_fs[stamp]
    journey.at_fs[CHOSEN] = chosen_fs
    journey.at_fs[PICKED] = now_fs
    journey.number = queue.picked
    journey.template = post.template
    journey.index = post.index
    journey.tx_queue = number
    return place


@inlined
def end_journey(nic, now_fs, number):
    """Close a journey; its place is free for another."""
    pool = nic.journeys
    pool.left_fs += float(now_fs)
    pool.free[pool.n_free] = number
    pool.n_free += 1


@inlined
def stamp_posts(nic, now_fs, queue, first, n, stamp):
    """Stamp `n` frames of a Tx ring from number `first` on, counted from the start of the run."""
    for i in range(first, first + n):
        nic.post[queue.first + (i & queue.mask)].at_fs[stamp] = now_fs


@kernel
def journey_from_wire(nic, now_fs, template, index):
    """Open the journey of a frame whose last byte has come from the wire; all before the switch took no time."""
    number = begin_journey(nic)
    enter(nic, now_fs, now_fs)
    journey = nic.journeys.slot[number]
    journey.number = nic.counters.from_wire
    journey.template = template
    journey.index = index
    journey.tx_queue = FROM_WIRE
    for stamp in range(PAYLOAD_IN + 1):
        journey.at_fs[stamp] = now_fs
    return number


@kernel
def journey_of_copy(nic, now_fs, number):
    """Open the journey of a further copy, with the stamps of its frame so far."""
    first = nic.journeys.slot[number]
    own_number = begin_journey(nic)
    enter(nic, now_fs, first.at_fs[OFFERED])
    own = nic.journeys.slot[own_number]
    own.number = first.number
    own.template = first.template
    own.index = first.index
    own.tx_queue = first.tx_queue
    for stamp in range(PAYLOAD_IN + 1):
        own.at_fs[stamp] = first.at_fs[stamp]
    return own_number


@kernel
def journey_lost(nic, now_fs, number):
    """Close the journey of a frame or copy that is dropped."""
    if number != UNMEASURED:
        nic.journeys.lost_fs += float(now_fs - nic.journeys.slot[number].at_fs[OFFERED])
        end_journey(nic, now_fs, number)


@kernel
def log_journey(nic, journey):
    """Keep a copy of a finished journey for the trace."""
    log = nic.journey_log
    entry = log.entry[log.n]
    entry.number = journey.number
    entry.template = journey.template
    entry.index = journey.index
    entry.copy_kind = journey.copy_kind
    entry.tx_queue = journey.tx_queue
    entry.rx_queue = journey.rx_queue
    for stamp in range(STAMPS):
        entry.at_fs[stamp] = journey.at_fs[stamp]
    log.n += 1
    if log.n > JOURNEY_LOG_CAP - LOG_RESERVE:
        nic.is_stopping = LOG_FULL


@inlined
def note_parts(nic, now_fs, number):
    """Count what each part of a finished journey took, beside its whole latency, and close it."""
    journey = nic.journeys.slot[number]
    sender_fs = journey.at_fs[POSTED] - journey.at_fs[OFFERED]
    observe(nic.sender_wait, sender_fs)
    nic.histogram[SENDER_HISTOGRAM, bucket(sender_fs)] += 1
    whole_fs = journey.at_fs[TAKEN] - journey.at_fs[POSTED]
    observe(nic.to_guest, whole_fs)
    place = bucket(whole_fs)
    nic.histogram[GUEST_HISTOGRAM, place] += 1
    sums = nic.part_sums[place]
    before_fs = journey.at_fs[POSTED]
    for stamp in range(POSTED + 1, STAMPS):
        at_fs = journey.at_fs[stamp]
        sums.part_fs[stamp] += float(at_fs - before_fs)
        before_fs = at_fs
    if nic.journey_log.enabled:
        log_journey(nic, journey)
    end_journey(nic, now_fs, number)


@kernel
def journey_on_wire(nic, now_fs, number):
    """Finish the journey of a frame that the MAC has sent: nothing behind the wire took time."""
    journey = nic.journeys.slot[number]
    for stamp in range(SENT, STAMPS):
        journey.at_fs[stamp] = now_fs
    note_parts(nic, now_fs, number)


@inlined
def stamp_switched(nic, now_fs, number, copy_kind):
    """Note that the switch's decision on a frame is carried out."""
    journey = nic.journeys.slot[number]
    journey.copy_kind = copy_kind
    journey.at_fs[SWITCHED] = now_fs
    journey.at_fs[SENT] = now_fs
