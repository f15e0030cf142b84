"""The guests' cores: rings served in turns, frames posted and taken, doorbells rung, interrupts enabled again."""

from __future__ import annotations

import numpy as np

from hwmodel.compiled.compilation import inlined, kernel, out_of_line
from hwmodel.compiled.processor import prefetch
from hwmodel.compiled.records import NEVER
from hwmodel.machine.counts.batches import begin_rx_batches, mark_batch
from hwmodel.machine.counts.histogram import bucket
from hwmodel.machine.counts.journey_state import POSTED, RUNG
from hwmodel.machine.counts.journeys import UNMEASURED, journey_over
from hwmodel.machine.counts.outcome import UNDECIDED
from hwmodel.machine.guest.choice import begin_passing_turn, choose, frames_to_pass, further_rings
from hwmodel.machine.guest.guest_state import (
    BULK_CLASS,
    LOWEST_CLASS,
    MAX_QUEUES,
    MIDDLE_CLASS,
    NO_RING,
    NO_WORK,
    POST_TASK,
    SLOW_TASK,
    SWITCH_TASK,
    TAKE_TASK,
)
from hwmodel.machine.guest.job_state import give_core
from hwmodel.machine.guest.piece_costs import add_copies, clear, wait_for_memory
from hwmodel.machine.pcie.links import host_of, is_in_memory, is_of_uplink, link_of
from hwmodel.machine.pcie.transactions import ring_doorbell
from hwmodel.machine.switch.decisions import template_of
from hwmodel.machine.switch.flow_cache import begin_looking, look_up_next
from hwmodel.machine.switch.segments import copies_for_uplink
from hwmodel.machine.time.clock import CORE_TIMER, SWITCHING_TIMER
from hwmodel.machine.time.events import KEY_INDEX_BITS, set_timer
from hwmodel.machine.time.random_stream import LOTS, lot, next_u32
from hwmodel.machine.time.stalls import begins_at, works_until
from hwmodel.machine.tlp_kinds import INTERRUPT_ENABLE, RX_DOORBELL, TX_DOORBELL

FS_PER_NS, NS_PER_US = 10**6, 1000
# Of the virtual switch: a number for each ring and task, and the lots that a timer's index has room for beside it.
TIMER_NUMBERS = 2 * MAX_QUEUES
TIMER_LOTS = (1 << KEY_INDEX_BITS) // TIMER_NUMBERS


@kernel
def enlist(guests, core, number):
    """Put a ring at the end of its core's list."""
    work = guests.work[number]
    work.is_listed = 1
    work.following = NO_WORK
    if core.last_work == NO_WORK:
        core.first_work = number
    else:
        guests.work[core.last_work].following = number
    core.last_work = number


@kernel
def add_work(nic, now_fs, core_number, kind, queue, n):
    """Give a core `n` more frames of one ring to post or to take."""
    guests = nic.guests
    core = guests.core[core_number]
    number = kind * MAX_QUEUES + queue
    guests.work[number].n += n
    if guests.work[number].is_listed:
        return
    enlist(guests, core, number)
    if core.is_running == 0:
        next_piece(nic, now_fs, core)


@kernel
def begin_turn(nic, core, work):
    """Give a ring of a core's list its turn."""
    if core.kind >= SWITCH_TASK:
        begin_passing_turn(nic, core, work)
    elif core.kind == POST_TASK:
        work.left = nic.guests.driver[nic.tx_queue[core.queue].params.function].send_burst
    else:
        work.left = nic.guests.driver[nic.rx_queue[core.queue].params.function].poll_budget


@inlined
def number_of_work(core):
    """Return the number of what a core is doing, or has done last, among all that cores may have to do."""
    return core.kind * MAX_QUEUES + core.queue


@inlined
def take_work_fs(driver, slot):
    """Return what a received frame costs the core; only its bytes, if it continues a coalesced receive."""
    return (1 - slot.is_more) * driver.frame_time_fs + slot.n_bytes * driver.byte_time_fs


@kernel
def receives_to_take(nic, queue, n):
    """Return how many receives begin with the next frames that a ring's driver takes."""
    if nic.params.most_coalesced == 0:
        return n
    n_more = 0
    for i in range(queue.taken, queue.taken + n):
        n_more += nic.guests.finished[queue.first + (i & queue.mask)].is_more
    return n - n_more


@kernel
def frames_to_refill(guests, queue, most):
    """Return how many frames the driver takes until it has a whole batch of descriptors to post again."""
    wanted = guests.driver[queue.params.function].refill_batch - queue.since_refill
    n = 0
    while n < most and wanted > 0:
        wanted -= guests.finished[queue.first + ((queue.taken + n) & queue.mask)].n_descriptors
        n += 1
    return n


@kernel
def places_to_post(guests, queue, n):
    """Return how many descriptors the next frames, or sends, that a ring's driver posts have."""
    if guests.params.mss_bytes == 0:
        return n
    n_places = 0
    for _ in range(n):
        n_places += guests.post[queue.first + ((queue.posted + n_places) & queue.mask)].n_descriptors
    return n_places


@out_of_line
def bytes_to_post(guests, queue, n):
    """Return the bytes that the next descriptors stand for that a ring's driver posts."""
    n_bytes = 0
    for i in range(queue.posted, queue.posted + n):
        n_bytes += guests.post[queue.first + (i & queue.mask)].n_bytes
    return n_bytes


@out_of_line
def bytes_to_take(guests, queue, n):
    """Return the bytes of the next frames that a ring's driver takes."""
    n_bytes = 0
    for i in range(queue.taken, queue.taken + n):
        n_bytes += guests.finished[queue.first + (i & queue.mask)].n_bytes
    return n_bytes


@kernel
def begin_piece(nic, now_fs, core):
    """Begin the next piece of a ring's turn: as far as the point where it may have to ring a doorbell."""
    if core.kind >= SWITCH_TASK:
        begin_switching(nic, now_fs, core)
        return
    if core.kind == TAKE_TASK and is_of_uplink(nic, core.queue):
        begin_passing_in(nic, now_fs, core)
        return
    guests = nic.guests
    work = guests.work[number_of_work(core)]
    n = min(work.n, work.left)
    entry_fs = 0
    copying_fs = 0
    if core.kind == POST_TASK:
        tx_queue = nic.tx_queue[core.queue]
        function = tx_queue.params.function
        driver = guests.driver[function]
        n = min(n, driver.tx_doorbell_batch - tx_queue.untold)
        n_places = places_to_post(guests, tx_queue, n)
        n_begun = n
        frames_fs, byte_fs = n * driver.frame_time_fs, driver.byte_time_fs
        if guests.params.posts_sends:
            frames_fs = n * driver.send_time_fs + n_places * driver.descriptor_time_fs
            byte_fs = driver.send_byte_time_fs
        if byte_fs > 0:
            copying_fs = byte_fs * bytes_to_post(guests, tx_queue, n_places)
    else:
        rx_queue = nic.rx_queue[core.queue]
        n = frames_to_refill(guests, rx_queue, n)
        function = rx_queue.params.function
        driver = guests.driver[function]
        entry_fs = rx_queue.entry_fs
        rx_queue.entry_fs = 0
        n_begun = receives_to_take(nic, rx_queue, n)
        frames_fs = n_begun * driver.frame_time_fs
        if driver.byte_time_fs > 0:
            copying_fs = driver.byte_time_fs * bytes_to_take(guests, rx_queue, n)
    core.started_fs = begins_at(guests, core, now_fs, entry_fs)
    core.copying_fs, core.passing_fs = copying_fs, n_begun * driver.pass_time_fs
    run_piece(guests, core, work, n, entry_fs, frames_fs + copying_fs, core.kind)
    # By ring, not by core: pieces of several cores that end at one instant go by port number, then by the ring's.
    set_timer(nic.clock, core.ends_fs, CORE_TIMER, core.queue)


@inlined
def run_piece(guests, core, work, n, entry_fs, frames_fs, kind):
    """Let a piece of `n` frames run that takes `frames_fs` behind the entry of an interrupt; count it."""
    work.n -= n
    core.n = n
    core.work_fs = entry_fs + frames_fs
    core.ends_fs = works_until(guests, core.started_fs, frames_fs)
    core.counts.busy_fs[kind] += core.work_fs
    core.counts.interrupt_fs += entry_fs
    core.counts.copying_fs += core.copying_fs
    core.counts.passing_fs += core.passing_fs
    core.is_running = 1


@out_of_line
def begin_switching(nic, now_fs, core):
    """Begin to pass on a guest's frames in the virtual switch, up to a batch: each copy takes its time."""
    if core.kind == SLOW_TASK:
        begin_aside(nic, now_fs, core)
        return
    queue, task = nic.tx_queue[core.queue], nic.virtual_switch.task
    n = frames_to_pass(nic, now_fs, core, nic.guests.work[number_of_work(core)])
    clear(task)
    task.n_ends = n
    looks_up, looking_fs = begin_looking(nic, core.queue), 0
    for i in range(queue.picked, queue.picked + n):
        post = nic.guests.post[queue.first + (i & queue.mask)]
        add_copies(nic, task, post.template, post.n_bytes, 1)
        if looks_up:
            looking_fs += look_up_next(nic, core.queue, i - queue.picked, np.int64(post.template))
    begin_passing(nic, now_fs, core, n, 0, looking_fs)


@out_of_line
def begin_passing_in(nic, now_fs, core):
    """Begin to pass on frames from the virtual switch's uplink, as far as the next refill of its ring."""
    work, queue, task = nic.guests.work[number_of_work(core)], nic.rx_queue[core.queue], nic.virtual_switch.task
    n = frames_to_refill(nic.guests, queue, min(work.n, work.left))
    clear(task)
    task.n_driven = n
    looks_up, looking_fs = begin_looking(nic, core.queue), 0
    for i in range(queue.taken, queue.taken + n):
        slot = nic.guests.finished[queue.first + (i & queue.mask)]
        number = np.int64(UNDECIDED - slot.copy_kind)
        task.driven_bytes += slot.n_bytes
        add_copies(nic, task, number, slot.n_bytes, 0)
        if looks_up:
            sent_as = np.int64(nic.ledger.journeys.slot[slot.journey].template)
            looking_fs += look_up_next(nic, core.queue, i - queue.taken, sent_as)
    entry_fs = queue.entry_fs
    queue.entry_fs = 0
    begin_passing(nic, now_fs, core, n, entry_fs, looking_fs)


@out_of_line
def begin_passing(nic, now_fs, core, n, entry_fs, looking_fs):
    """Begin a piece of `n` frames that the virtual switch passes on, behind the entry of an interrupt.

    `looking_fs`: what it takes to find out what to do with them.
    """
    switch = nic.virtual_switch
    params, task = switch.params, switch.task
    core.copying_fs = task.n_bytes * params.byte_time_fs + task.driven_bytes * params.uplink_byte_time_fs
    core.passing_fs = looking_fs + int(n > 0) * params.batch_time_fs
    core.passing_fs += task.n_copies * params.frame_time_fs + task.n_ends * params.guest_time_fs
    core.passing_fs += task.n_samples * params.sample_fs + task.n_cut * params.cutting_fs
    core.passing_fs += task.n_driven * params.uplink_time_fs + n * params.rules_fs + task.n_tags * params.tag_fs
    if params.ring_time_fs > 0:
        core.passing_fs += n * params.ring_time_fs * further_rings(nic, core)
    core.started_fs = begins_at(nic.guests, core, now_fs, entry_fs)
    wait_for_memory(switch, core, task.n_bytes)
    begin_switch_piece(nic, core, n, entry_fs, core.queue)


@kernel
def begin_switch_piece(nic, core, n, entry_fs, timer):
    """Begin a piece of the virtual switch's work, whose times and start are known."""
    work, frames_fs = nic.guests.work[number_of_work(core)], core.passing_fs + core.copying_fs
    run_piece(nic.guests, core, work, n, entry_fs, frames_fs, max(core.kind, SWITCH_TASK))
    # By lot: who lays its copies first into a ring with little room is not always the one with the lower number.
    lots = lot(core.ends_fs, timer) * TIMER_LOTS // LOTS
    set_timer(nic.clock, core.ends_fs, SWITCHING_TIMER, lots * TIMER_NUMBERS + timer)


@out_of_line
def begin_aside(nic, now_fs, core):
    """Begin to decide on the first frame of a ring that waits aside, or to hand over those that wait, up to a turn."""
    switch = nic.virtual_switch
    params, n, n_bytes = switch.params, 1, 0
    core.passing_fs = switch.flow_cache.params.miss_time_fs
    if params.n_threads > 0:
        work, place = nic.guests.work[number_of_work(core)], switch.aside.of_ring[core.queue].head
        n = min(work.n, work.left)
        core.passing_fs = params.batch_time_fs
        for _ in range(n):
            waiting = switch.aside.place[place - 1]
            template = template_of(nic, waiting.frame.template)
            n_copies = template.n_copies + template.n_mirrored - copies_for_uplink(nic, waiting.frame.template)
            n_bytes += n_copies * waiting.frame.n_bytes
            core.passing_fs += n_copies * params.guest_time_fs
            place = waiting.following
    core.copying_fs = n_bytes * params.byte_time_fs
    core.started_fs = begins_at(nic.guests, core, now_fs, 0)
    wait_for_memory(switch, core, n_bytes)
    begin_switch_piece(nic, core, n, 0, MAX_QUEUES + core.queue)


@kernel
def posted(nic, now_fs, core, is_over):
    """Mark frames, or sends, as posted; ring for a full batch and as the turn is over. Return True if it was rung."""
    queue = nic.tx_queue[core.queue]
    driver = nic.guests.driver[queue.params.function]
    mark_batch(nic.guests, queue, queue.posted, POSTED).posted_fs = core.started_fs
    n_places = places_to_post(nic.guests, queue, core.n)
    if driver.adapts_moderation:
        nic.rx_queue[core.queue].posted_bytes += bytes_to_post(nic.guests, queue, n_places)
    queue.posted += n_places
    queue.untold += core.n
    if queue.untold < driver.tx_doorbell_batch and not is_over:
        return False
    n_told = queue.posted - queue.rung
    queue.untold = 0
    mark_batch(nic.guests, queue, queue.rung, RUNG).rung_fs = now_fs
    queue.rung = queue.posted
    n_bytes = driver.lone_doorbell_bytes if n_told == 1 else nic.params.doorbell_bytes
    ring_doorbell(nic, now_fs, TX_DOORBELL, core.queue, n_told, n_bytes)
    return True


@kernel
def prefetch_latencies(nic, queue, at_fs, n):
    """Prefetch, all at once, where the latencies of frames that are taken are counted."""
    guests, ledger = nic.guests, nic.ledger
    driver = guests.driver[queue.params.function]
    for i in range(queue.taken, queue.taken + n):
        slot = guests.finished[queue.first + (i & queue.mask)]
        at_fs += take_work_fs(driver, slot)
        if slot.journey != UNMEASURED:
            journey = ledger.journeys.slot[slot.journey]
            place = bucket(at_fs - journey.posted_fs)
            prefetch(ledger.latency_counts[place])
            prefetch(ledger.sampled_parts[place])
            prefetch(ledger.latency_counts[bucket(journey.posted_fs - journey.offered_fs)])


@kernel
def refills_early(nic, queue, number):
    """Draw whether a driver posts descriptors again before its batch is full, as at the end of a poll."""
    early_refills = nic.guests.params.early_refills
    if early_refills == 0 or queue.since_refill == 0:
        return False
    if nic.guests.driver[queue.params.function].refill_batch == NEVER:
        return False
    return next_u32(host_of(nic, link_of(nic, number))) < early_refills


@kernel
def taken(nic, now_fs, core):
    """Mark received frames as taken; post their descriptors again, a batch at a time. Return True if the bell rang."""
    guests = nic.guests
    queue = nic.rx_queue[core.queue]
    driver = guests.driver[queue.params.function]
    at_fs = core.started_fs
    if nic.ledger.crosses:
        prefetch_latencies(nic, queue, at_fs, core.n)
    for i in range(queue.taken, queue.taken + core.n):
        place = queue.first + (i & queue.mask)
        slot = guests.finished[place]
        at_fs = works_until(guests, at_fs, take_work_fs(driver, slot))
        if slot.marks != 0:
            begin_rx_batches(guests, queue.batch, place)
        queue.since_refill += slot.n_descriptors
        queue.taken_bytes += slot.n_bytes
        if slot.journey != UNMEASURED:
            journey_over(nic.ledger, now_fs, slot.journey, slot, queue.batch, at_fs)
    if nic.params.has_virtual_switch and nic.virtual_switch.params.marks:
        queue.waiting_bytes -= bytes_to_take(guests, queue, core.n) * is_in_memory(nic, core.queue)
    queue.taken += core.n
    if queue.since_refill < driver.refill_batch and not refills_early(nic, queue, core.queue):
        return False
    ring_doorbell(nic, now_fs, RX_DOORBELL, core.queue, queue.since_refill, nic.params.doorbell_bytes)
    queue.since_refill = 0
    return True


@kernel
def refill_what_is_taken(nic, now_fs, number):
    """Let a function's driver post descriptors at once if its refill batch, which has changed, is full already."""
    params = nic.function[number].params
    for ring in range(params.first_queue, params.first_queue + params.n_queues):
        queue = nic.rx_queue[ring]
        if queue.since_refill >= nic.guests.driver[number].refill_batch:
            ring_doorbell(nic, now_fs, RX_DOORBELL, ring, queue.since_refill, nic.params.doorbell_bytes)
            queue.since_refill = 0


@kernel
def class_of_load(load, n_bytes, interval_ns):
    """Return the class that follows `load` after so many bytes in an interval; without any it stays."""
    scaled_bytes = n_bytes * NS_PER_US
    if n_bytes == 0:
        return load
    if load == LOWEST_CLASS:
        return MIDDLE_CLASS if scaled_bytes > 10 * interval_ns else LOWEST_CLASS
    if scaled_bytes > 20 * interval_ns:
        return BULK_CLASS
    return MIDDLE_CLASS if load == BULK_CLASS or scaled_bytes > 10 * interval_ns else LOWEST_CLASS


@kernel
def adapt_moderation(nic, driver, queue):
    """Set the time between interrupts by what was sent and received since it was set last, as Linux' ixgbevf does.

    `queue`: the first ring of the vector, whose rings all count.
    """
    interval_ns = queue.moderation_fs // FS_PER_NS
    taken_bytes, posted_bytes, number = 0, 0, queue.params.vector
    while number != NO_RING:
        ring = nic.rx_queue[number]
        taken_bytes += ring.taken_bytes
        posted_bytes += ring.posted_bytes
        ring.taken_bytes, ring.posted_bytes = 0, 0
        number = ring.params.next_of_vector
    queue.rx_class = class_of_load(queue.rx_class, taken_bytes, interval_ns)
    queue.tx_class = class_of_load(queue.tx_class, posted_bytes, interval_ns)
    wanted_ns = driver.adaptive_ns[max(queue.rx_class, queue.tx_class)]
    queue.moderation_fs = 10 * wanted_ns * interval_ns // (9 * wanted_ns + interval_ns) * FS_PER_NS


@kernel
def poll_over(nic, now_fs, number):
    """Let a driver that has taken all poll no more and enable its interrupt again; return True if it does."""
    if nic.rx_queue[number].is_polled == 0:
        return False
    vector = nic.rx_queue[number].params.vector
    ring = vector
    while ring != NO_RING:  # others of the vector may have more: it is polled until none has
        if ring != number and nic.guests.work[MAX_QUEUES + ring].is_listed:
            return False
        ring = nic.rx_queue[ring].params.next_of_vector
    ring = vector
    while ring != NO_RING:
        nic.rx_queue[ring].is_polled = 0
        ring = nic.rx_queue[ring].params.next_of_vector
    first = nic.rx_queue[vector]
    driver = nic.guests.driver[first.params.function]
    if driver.adapts_moderation:
        adapt_moderation(nic, driver, first)
    ring_doorbell(nic, now_fs, INTERRUPT_ENABLE, vector, 0, nic.params.doorbell_bytes)
    return True


@kernel
def wait_for_doorbell(guests, core, now_fs, kind, time_fs):
    """Let a core wait for the write of a doorbell, as part of a task."""
    begins_fs = max(now_fs, core.free_fs)
    if begins_fs != core.doorbell_ends_fs:
        core.doorbell_begins_fs = begins_fs
    core.free_fs = core.doorbell_ends_fs = works_until(guests, begins_fs, time_fs)
    core.doorbell_kind = kind
    core.counts.busy_fs[kind] += time_fs
    core.counts.doorbell_fs += time_fs


@kernel
def piece_done(nic, now_fs, ring):
    """Finish a piece of a core's work for a ring, Tx or Rx, and let it begin the next."""
    guests = nic.guests
    params = nic.rx_queue[ring].params
    core = guests.core[params.core]
    core.is_running = 0
    if core.is_forgotten:
        core.is_forgotten = 0
        next_piece(nic, now_fs, core)
        return
    number = number_of_work(core)
    work = guests.work[number]
    work.left -= core.n
    has_more = work.n > 0 or (core.kind == TAKE_TASK and nic.rx_queue[core.queue].entry_fs > 0)
    is_over = not has_more or work.left == 0
    if core.kind == POST_TASK:
        has_rung = posted(nic, now_fs, core, is_over)
    else:
        has_rung = taken(nic, now_fs, core)
        if not has_more and poll_over(nic, now_fs, core.queue):
            has_rung = True
    if has_rung:
        core.doorbell_time_fs = guests.driver[params.function].doorbell_time_fs
        kind = SWITCH_TASK if is_of_uplink(nic, core.queue) else core.kind
        wait_for_doorbell(guests, core, now_fs, kind, core.doorbell_time_fs)
    if is_over:
        turn_over(guests, core, number, has_more)
    next_piece(nic, now_fs, core)


@kernel
def next_piece(nic, now_fs, core):
    """Begin the next piece of a core's work, if there is any that may be done; a driver's job that waits goes first."""
    if core.first_wanting:
        give_core(nic, core)
        return
    number = core.first_work
    if number == NO_WORK:
        return
    is_switch_there = nic.params.has_virtual_switch  # without one the first keeps its turn until that is over
    if is_switch_there:
        number = choose(nic, now_fs, core)
        if number == NO_WORK:
            return
    if is_switch_there or nic.guests.work[number].left == 0:
        take_up(nic, core, number)
    begin_piece(nic, now_fs, core)


@kernel
def take_up(nic, core, number):
    """Let a core turn to the work with a number, and begin its turn if it has none."""
    work = nic.guests.work[number]
    core.kind = number // MAX_QUEUES
    core.queue = number - core.kind * MAX_QUEUES
    if work.left == 0 and core.is_owed == 0:
        begin_turn(nic, core, work)


@out_of_line
def look_at_idle(nic, now_fs):
    """Restart idle cores of the virtual switch, which may have waited for a rate limit or for slots of the uplink.

    The next look begins behind the first core restarted, which would else take all slots before the others get any.
    """
    switch = nic.virtual_switch
    begins_at = switch.looks_from
    has_begun = 0
    n_cores = switch.params.n_cores + switch.params.n_threads
    for step in range(n_cores):
        at = (begins_at + step) % n_cores
        core = nic.guests.core[switch.params.core[at]]
        if core.is_running == 0:
            next_piece(nic, now_fs, core)
            if core.is_running and has_begun == 0:
                has_begun = 1
                switch.looks_from = (at + 1) % n_cores


@kernel
def turn_over(guests, core, number, has_more):
    """Take a ring out of its core's list; it joins at the end if it still has work, or an interrupt to take."""
    unlist(guests, core, number)
    if has_more:
        enlist(guests, core, number)


@kernel
def forget_work(nic, core_number, ring):
    """Forget what a core has to do for a Tx ring, and the Rx ring of its number; a piece under way has no effect."""
    guests = nic.guests
    core = guests.core[core_number]
    for number in (ring, MAX_QUEUES + ring):
        guests.work[number].n = 0
        if guests.work[number].is_listed == 0:
            continue
        if core.is_running and number_of_work(core) == number:
            core.is_forgotten = 1
        unlist(guests, core, number)


@kernel
def unlist(guests, core, number):
    """Take a ring out of its core's list."""
    before = NO_WORK
    here = core.first_work
    while here != number:
        before = here
        here = guests.work[here].following
    following = guests.work[number].following
    if before == NO_WORK:
        core.first_work = following
    else:
        guests.work[before].following = following
    if core.last_work == number:
        core.last_work = before
    guests.work[number].is_listed, guests.work[number].left = 0, 0
