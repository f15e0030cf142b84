"""The host's virtual switch: a core of the host passes frames from guest to guest, in memory and not over the link.

It looks at the guests' rings as the adapter does, decides by the same code, and lays frames into the rings of their
receivers. What guests and switch tell each other crosses no link: a kick, or an interrupt, is an event of its own.
Frames that wait aside for the slow path do so ring by ring, while others pass them.
"""

from __future__ import annotations

import numpy as np

from hwmodel.compiled.compilation import inlined, kernel, out_of_line
from hwmodel.forwarding.drop_reason import DropReason
from hwmodel.forwarding.port_set import UPLINK
from hwmodel.machine.adapter.fetch import told
from hwmodel.machine.adapter.interrupts import tx_returned, unmasked
from hwmodel.machine.adapter.receive import interrupted
from hwmodel.machine.adapter.room_turns import finds_room
from hwmodel.machine.adapter.switching import count_read, drop_frame, switch_frame
from hwmodel.machine.adapter.writeback import tx_written_back
from hwmodel.machine.counts.batches import begin_rx_batches, mark_batch
from hwmodel.machine.counts.histogram import change
from hwmodel.machine.counts.journey_state import CACHED, REQUESTED
from hwmodel.machine.counts.journeys import UNMEASURED, journey_of_post
from hwmodel.machine.counts.outcome import UNDECIDED
from hwmodel.machine.guest.choice import passing_turn_over
from hwmodel.machine.guest.cores import (
    TIMER_NUMBERS,
    add_work,
    next_piece,
    number_of_work,
    piece_done,
    turn_over,
    wait_for_doorbell,
)
from hwmodel.machine.guest.guest_state import MAX_QUEUES, NO_RING, SLOW_TASK, SWITCH_TASK
from hwmodel.machine.pcie.links import core_place, is_of_uplink, uplink_ring_of
from hwmodel.machine.pcie.transactions import KIND_SHIFT, N_MASK, QUEUE_MASK, QUEUE_SHIFT, ring_doorbell
from hwmodel.machine.switch.decisions import ring_of_copy, template_of
from hwmodel.machine.switch.flow_cache import learn
from hwmodel.machine.switch.segments import count_whole, pieces_of
from hwmodel.machine.tlp_kinds import RX_DOORBELL, TX_DOORBELL
from hwmodel.machine.virtual_switch.learned_addresses import learn_of_frame
from hwmodel.machine.virtual_switch.virtual_switch_state import THREAD_QUEUE
from hwmodel.machine.waiting_lists import append, pop, take_place
from hwmodel.rules.ethernet import FCS_BYTES


@kernel
def thread_of(nic, ring):
    """Return the number of the thread of the VM that a ring is of."""
    return (nic.tx_queue[ring].params.function - 1) % nic.virtual_switch.params.n_threads


@kernel
def place_aside(nic, ring):
    """Return which of the cores for frames aside has those of a ring: of the slow path, or of VMs' threads."""
    if nic.virtual_switch.params.n_threads > 0:
        return thread_of(nic, ring)
    return ring % nic.virtual_switch.flow_cache.params.n_miss_cores


@kernel
def core_aside(nic, ring):
    """Return the number of that core."""
    params, at = nic.virtual_switch.params, place_aside(nic, ring)
    if params.n_threads > 0:
        return params.core[params.n_cores + at]
    return nic.virtual_switch.flow_cache.params.miss_core[at]


@kernel
def put_aside(nic, ring, frame, flow):
    """Let a frame wait for the slow path, or for the thread of the VM whose ring it is for; False: too many do."""
    switch, at = nic.virtual_switch, place_aside(nic, ring)
    aside, n_waiting = switch.aside, switch.aside.n_waiting[at]
    if switch.params.n_threads > 0:
        source = np.int64(1 if frame.is_wire else 2 + nic.tx_queue[frame.queue].params.function)
        owed, room = switch.owed_by_thread[at], THREAD_QUEUE - n_waiting
        if not finds_room(owed, source, 1, room, THREAD_QUEUE, switch.params.batch):
            return False
    elif n_waiting == switch.flow_cache.params.miss_queue:
        switch.flow_cache.counts.lost += 1
        return False
    aside.n_waiting[at] += 1
    place = take_place(nic.clock, aside)
    one = aside.place[place - 1]
    kept = one.frame
    kept.journey, kept.template, kept.n_bytes = frame.journey, frame.template, frame.n_bytes
    kept.hash, kept.index, kept.queue, kept.is_wire = frame.hash, frame.index, frame.queue, frame.is_wire
    one.flow = flow
    append(aside, aside.of_ring[ring], place)
    return True


@kernel
def take_aside(nic, ring):
    """Take the first frame of a ring that waits, and free its place; the slow path enters its connection."""
    aside = nic.virtual_switch.aside
    one = pop(aside, aside.of_ring[ring])
    aside.n_waiting[place_aside(nic, ring)] -= 1
    if nic.virtual_switch.params.n_threads == 0:
        sent_as = np.int64(nic.ledger.journeys.slot[one.frame.journey].template)
        learn(nic.virtual_switch.flow_cache, sent_as, np.int64(one.flow))
    return one.frame


@kernel
def ring_behind_thread(nic, frame):
    """Return the VM's ring whose thread hands a frame over: the next behind its sender; `NO_RING` if it is for none."""
    template, ring = template_of(nic, frame.template), np.int64(NO_RING)
    first = template.first_copy
    for number in range(first, first + (template.n_copies + template.n_mirrored) * int(template.reason <= 0)):
        kind = nic.traffic.copy_kind[number]
        if kind.port != UPLINK and kind.function > 0:
            if ring == NO_RING:
                ring = np.int64(ring_of_copy(nic, frame, kind))
            if frame.is_wire or kind.function > nic.tx_queue[frame.queue].params.function:
                return np.int64(ring_of_copy(nic, frame, kind))
    return ring


QUEUE_FULL, PORT_SECURITY = DropReason.QUEUE_FULL.value, DropReason.PORT_SECURITY.value


@kernel
def core_of_ring(nic, ring):
    """Return the number of the core that passes on the frames of a Tx ring."""
    params = nic.virtual_switch.params
    if params.n_threads > 0 and nic.tx_queue[ring].params.function > 0:
        return core_aside(nic, ring)
    return params.core[ring % params.n_cores]


@kernel
def kicked(nic, now_fs, word):
    """Handle what a guest's driver has notified of: frames, buffers, or interrupts enabled again."""
    kind, ring, n = word >> KIND_SHIFT, (word >> QUEUE_SHIFT) & QUEUE_MASK, word & N_MASK
    if kind == TX_DOORBELL:
        told(nic, now_fs, ring, n)
        queue = nic.tx_queue[ring]
        # Descriptors lie in memory, where the switch reads them as it passes the frames on.
        mark_batch(nic.guests, queue, queue.fetched, REQUESTED).requested_fs = now_fs
        mark_batch(nic.guests, queue, queue.fetched, CACHED).cached_fs = now_fs
        queue.fetched += n
        queue.known -= n
        queue.cached += n
        nic.scheduler.n_told -= n
        add_work(nic, now_fs, core_of_ring(nic, ring), SWITCH_TASK, ring, n)
    elif kind == RX_DOORBELL:
        nic.rx_queue[ring].cached += n
        change(nic.ledger.counts.rx_ring, now_fs, -n)
        nic.moves_due = 1
    else:
        unmasked(nic, now_fs, ring)


@kernel
def notified(nic, now_fs, word):
    """Let a guest take the interrupt that the switch has raised."""
    interrupted(nic, now_fs, word >> KIND_SHIFT, (word >> QUEUE_SHIFT) & QUEUE_MASK, word & N_MASK, now_fs)


@inlined
def next_frame(nic, now_fs, ring, started_fs):
    """Take the next frame out of a guest's ring, on which the core began at `started_fs`."""
    queue = nic.tx_queue[ring]
    post = nic.guests.post[queue.first + (queue.picked & queue.mask)]
    frame = nic.virtual_switch.frame
    frame.journey = journey_of_post(nic, now_fs, queue, ring, started_fs)
    journey = nic.ledger.journeys.slot[frame.journey]
    journey.picked_fs, journey.payload_in_fs = started_fs, started_fs
    frame.template, frame.n_bytes, frame.hash, frame.index = post.template, post.n_bytes, post.hash, post.index
    frame.queue, frame.is_wire = ring, 0
    queue.n_picked += pieces_of(nic.virtual_switch.params, post.n_bytes)
    queue.picked += 1
    queue.cached -= 1
    nic.ledger.function[queue.params.function].sent_bytes += frame.n_bytes + FCS_BYTES
    nic.ledger.function[queue.params.function].sent_frames += 1
    if nic.params.counts_rings:
        count_read(nic, now_fs, ring, 1, frame.n_bytes)
    return frame


@out_of_line
def pass_frame(nic, now_fs, frame):
    """Carry out the decision on a frame: the one place for it, since `switch_frame` is long and is inlined here."""
    if nic.port[0].switch.tables.learns and not learn_of_frame(nic, now_fs, frame):
        nic.ledger.counts.switched += 1 - frame.is_wire
        drop_frame(nic, now_fs, frame, template_of(nic, frame.template), PORT_SECURITY, 0)
        return
    count_whole(nic, frame)
    switch_frame(nic, now_fs, frame)


@kernel
def next_from_wire(nic, queue, position, started_fs):
    """Take a frame that has come by the uplink; its journey goes with it, and does not end as it leaves the ring."""
    place = queue.first + (position & queue.mask)
    slot, frame = nic.guests.finished[place], nic.virtual_switch.frame
    if slot.marks != 0:
        begin_rx_batches(nic.guests, queue.batch, place)
    journey = nic.ledger.journeys.slot[slot.journey]
    if nic.port[0].mac.params.has_peer == 0:  # else these are the sender's stamps
        known_fs = queue.batch.visible_fs
        journey.told_fs, journey.requested_fs, journey.cached_fs = known_fs, known_fs, known_fs
        journey.chosen_fs, journey.picked_fs, journey.payload_in_fs = started_fs, started_fs, started_fs
    frame.journey, frame.template, frame.index = slot.journey, UNDECIDED - slot.copy_kind, journey.index
    frame.n_bytes, frame.hash, frame.queue, frame.is_wire = slot.n_bytes, slot.group, NO_RING, 1
    slot.journey = UNMEASURED
    return frame


@kernel
def tell_adapter(nic, now_fs, core, ring):
    """Ring the adapter's doorbell, of each leg in turn, for what has been posted to it of a guest's ring."""
    params, number = nic.virtual_switch.params, uplink_ring_of(nic, ring)
    while number < params.first_ring + params.n_rings:
        tell_of_ring(nic, now_fs, core, number)
        number += params.n_leg_rings


@kernel
def tell_of_ring(nic, now_fs, core, number):
    """Ring the adapter's doorbell for what has been posted in one of the uplink's rings, if there is something."""
    queue = nic.tx_queue[number]
    n_told = queue.posted - queue.rung
    if n_told == 0:
        return
    queue.rung = queue.posted
    driver = nic.guests.driver[queue.params.function]
    n_bytes = driver.lone_doorbell_bytes if n_told == 1 else nic.params.doorbell_bytes
    ring_doorbell(nic, now_fs, TX_DOORBELL, number, n_told, n_bytes)
    wait_for_doorbell(nic.guests, core, now_fs, SWITCH_TASK, driver.doorbell_time_fs)


@out_of_line
def pass_on_known(nic, now_fs, ring, core):
    """Pass on the frames of a piece that are for no VM's thread, or known; others wait for thread or slow path."""
    has_threads = nic.virtual_switch.params.n_threads > 0
    piece = nic.virtual_switch.flow_cache.piece[core_place(nic, ring)]
    n_missed = 0
    for at in range(core.n):
        missed = piece.missed[n_missed]
        if is_of_uplink(nic, ring):
            frame = next_from_wire(nic, nic.rx_queue[ring], nic.rx_queue[ring].taken + at, core.started_fs)
        else:
            frame = next_frame(nic, now_fs, ring, core.started_fs)
        to = np.int64(NO_RING)
        if has_threads:
            to = ring_behind_thread(nic, frame)
        elif n_missed < piece.n_missed and missed.at == at:
            to = np.int64(ring)
            n_missed += 1
        if to == NO_RING:
            pass_frame(nic, now_fs, frame)
        elif put_aside(nic, to, frame, missed.flow):
            add_work(nic, now_fs, core_aside(nic, to), SLOW_TASK, to, 1)
        else:
            drop_frame(nic, now_fs, frame, template_of(nic, frame.template), QUEUE_FULL, 0)
            nic.moves_due = 1


@kernel
def piece_over(nic, now_fs, core, is_over):
    """Let a core of the switch begin its next piece, of the next ring if a turn is over."""
    core.is_running = 0
    if is_over:
        number = number_of_work(core)
        turn_over(nic.guests, core, number, nic.guests.work[number].n > 0)
    next_piece(nic, now_fs, core)


@out_of_line
def decided_aside(nic, now_fs, ring):
    """Pass on what has waited aside: a frame that the slow path has decided on, or those that a thread hands over."""
    core = nic.guests.core[core_aside(nic, ring)]
    work = nic.guests.work[number_of_work(core)]
    work.left -= core.n
    is_over = work.n == 0 or work.left == 0
    for _ in range(core.n):
        frame = take_aside(nic, ring)
        source = np.int64(frame.queue)
        pass_frame(nic, now_fs, frame)
        if nic.virtual_switch.params.n_rings > 0 and source != NO_RING:
            tell_adapter(nic, now_fs, core, source)
    piece_over(nic, now_fs, core, is_over)


@kernel
def passing_in_done(nic, now_fs, ring):
    """Pass on the frames of a piece that have come by the uplink, and go on as behind any that are received."""
    queue = nic.rx_queue[ring]
    core = nic.guests.core[queue.params.core]
    if nic.virtual_switch.params.n_threads + nic.virtual_switch.flow_cache.params.n_miss_cores > 0:
        pass_on_known(nic, now_fs, ring, core)
    else:
        for position in range(queue.taken, queue.taken + core.n):
            pass_frame(nic, now_fs, next_from_wire(nic, queue, position, core.started_fs))
    piece_done(nic, now_fs, ring)


@out_of_line
def switching_done(nic, now_fs, timer):
    """Pass on the frames of a piece of a core's work, give their slots back, and let the core begin the next.

    `timer`: the number of the ring, MAX_QUEUES more where the slow path has decided on a frame of it; and its lot.
    """
    number = timer % TIMER_NUMBERS
    if number >= MAX_QUEUES:
        decided_aside(nic, now_fs, number - MAX_QUEUES)
        return
    if is_of_uplink(nic, number):
        passing_in_done(nic, now_fs, number)
        return
    ring = number
    core = nic.guests.core[core_of_ring(nic, ring)]
    is_over = passing_turn_over(nic, core, ring)
    if nic.virtual_switch.params.n_threads + nic.virtual_switch.flow_cache.params.n_miss_cores > 0:
        pass_on_known(nic, now_fs, ring, core)
    else:
        for _ in range(core.n):
            pass_frame(nic, now_fs, next_frame(nic, now_fs, ring, core.started_fs))
    nic.tx_queue[ring].held.written += core.n
    tx_written_back(nic, now_fs, ring, core.n)
    tx_returned(nic, now_fs, ring, core.n)
    if nic.virtual_switch.params.n_rings > 0:
        tell_adapter(nic, now_fs, core, ring)
    piece_over(nic, now_fs, core, is_over)
