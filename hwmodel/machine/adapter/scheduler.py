"""The Tx scheduler: which function's frame is read next. It decides before the payload crosses the link."""

from __future__ import annotations

from hwmodel.compiled.compilation import inlined, kernel, out_of_line
from hwmodel.compiled.processor import prefetch
from hwmodel.compiled.records import NEVER
from hwmodel.machine.adapter.adapter_state import (
    SCHEDULE_CREDITS,
    SCHEDULE_DEFICIT,
    SCHEDULE_STRICT,
    SCHEDULE_WEIGHTED,
)
from hwmodel.machine.adapter.class_turns import NOBODY
from hwmodel.machine.adapter.descriptor_plane import charge_credits, choose_by_credits, has_next, is_ready
from hwmodel.machine.adapter.fetch import fetch_tx
from hwmodel.machine.adapter.packet_plane import n_before_fifos
from hwmodel.machine.counts.batches import mark_batch
from hwmodel.machine.counts.histogram import change, set_stalled
from hwmodel.machine.counts.journey_state import CACHED, REQUESTED
from hwmodel.machine.counts.journeys import UNMEASURED, journey_of_post
from hwmodel.machine.frames import COPY_CAP, GRANT_CAP, NO_GROUP
from hwmodel.machine.growing_ring import entered
from hwmodel.machine.guest.choice import give_owed, is_owed, shape
from hwmodel.machine.host.translation import buffer_address
from hwmodel.machine.pcie.links import host_of, link_of
from hwmodel.machine.time.clock import QUEUE_TIMER
from hwmodel.machine.time.events import set_timer
from hwmodel.machine.tlp_kinds import TX_DESCRIPTOR_READ
from hwmodel.rules.ethernet import FCS_BYTES


@kernel
def ring_ready(nic, queue):
    """Note that a ring has something to send; the first such ring of a function makes the function ready."""
    function = nic.function[queue.params.function]
    function.ready_queues += 1
    if function.ready_queues == 1:
        function.deficit_bytes = nic.scheduler.params.quantum_bytes * function.params.weight
        if function.is_shaped:
            nic.scheduler.n_shaped_waiting += 1
        else:
            nic.scheduler.n_ready += 1


@inlined
def ring_not_ready(nic, queue):
    """Note that a ring has nothing more to send."""
    function = nic.function[queue.params.function]
    function.ready_queues -= 1
    if function.ready_queues == 0:
        nic.scheduler.n_ready -= 1


@inlined
def look_at_next(nic, queue):
    """Note how many descriptors a ring's next send, if it is posted, has beyond the first."""
    if nic.guests.params.mss_bytes > 0:
        # A send that is still to be posted is looked at again as its first descriptors are cached.
        queue.next_more = max(0, nic.guests.post[queue.first + (queue.picked & queue.mask)].n_descriptors - 1)


@inlined
def descriptors_cached(nic, now_fs, number, n):
    """Add fetched descriptors to a ring's cache; its function may be picked now."""
    queue = nic.tx_queue[number]
    mark_batch(nic.guests, queue, queue.picked + queue.cached, CACHED).cached_fs = now_fs
    had_next = has_next(queue)
    if queue.cached == 0:
        look_at_next(nic, queue)
    queue.cached += n
    queue.requested -= n
    if not had_next and queue.is_paused == 0 and has_next(queue):
        ring_ready(nic, queue)


@inlined
def descriptors_leave(nic, now_fs, number, n):
    """Take a frame's, or a send's, descriptors out of a ring's cache; a ring too far ahead of its pace pauses."""
    queue = nic.tx_queue[number]
    queue.picked += n
    queue.cached -= n
    look_at_next(nic, queue)
    if nic.params.queue_time_fs > 0:
        queue.pace_fs = max(queue.pace_fs, now_fs) + nic.params.queue_time_fs
        if queue.pace_fs - nic.params.ahead_fs > now_fs:
            queue.is_paused = 1
            nic.scheduler.n_paused += 1
            set_timer(nic.clock, queue.pace_fs - nic.params.ahead_fs, QUEUE_TIMER, number)
    if queue.is_paused or not has_next(queue):
        ring_not_ready(nic, queue)


@out_of_line
def pause_over(nic, number):
    """End a ring's pause, so that its next frame may be picked."""
    queue = nic.tx_queue[number]
    queue.is_paused = 0
    nic.scheduler.n_paused -= 1
    nic.reads_due = 1
    if has_next(queue):
        ring_ready(nic, queue)


@inlined
def next_queue(nic, function):
    """Return the function's next ring, round robin, that is not paused and has its next frame's descriptors cached."""
    first, n = function.params.first_queue, function.params.n_queues
    number = first + function.next_queue
    while nic.tx_queue[number].is_paused or not has_next(nic.tx_queue[number]):
        number += 1
        if number == first + n:
            number = first
    return number


@inlined
def next_ready(nic, start):
    """Return the first function that may send, from `start` on and wrapping round; one is known to exist."""
    n = nic.params.n_scheduled
    number = start if start < n else 0
    while not is_ready(nic.function[number]):
        number += 1
        if number == n:
            number = 0
    return number


@inlined
def header_bytes_of(nic, post):
    """Return the bytes of a send's header; with those of the tags to leave with, if a virtual switch posts it."""
    n_bytes = nic.guests.params.header_bytes
    if nic.params.has_virtual_switch:
        n_bytes += nic.traffic.copy_kind[post.template].delta_bytes
    return n_bytes


@out_of_line
def plan_cut(nic, queue, post):
    """Plan the next pick of a send: its first frame not yet picked, and all others that this one's last read completes.

    Return the bytes of these frames. Reads go up to the next multiple of MRRS, or to the send's end.
    """
    mss_bytes, header_bytes = nic.guests.params.mss_bytes, header_bytes_of(nic, post)
    offset, most = (
        nic.guests.params.buffer_offset_bytes,
        link_of(nic, queue.held.params.queue).params.max_read_request_bytes,
    )
    first_end = min(post.n_bytes, header_bytes + (queue.cut_frames + 1) * mss_bytes)
    queue.cut_to_bytes = min(post.n_bytes, ((offset + first_end + most - 1) & ~(most - 1)) - offset)
    queue.cut_to_frames = (queue.cut_to_bytes - header_bytes) // mss_bytes
    if queue.cut_to_bytes == post.n_bytes:
        queue.cut_to_frames = post.n_frames
    end = min(post.n_bytes, header_bytes + queue.cut_to_frames * mss_bytes)
    n_payload_bytes = end - header_bytes - queue.cut_frames * mss_bytes
    return n_payload_bytes + (queue.cut_to_frames - queue.cut_frames) * header_bytes


@inlined
def next_bytes(nic, queue):
    """Return the bytes of a ring's next pick: a frame, or one or several frames of a send."""
    post = nic.guests.post[queue.first + (queue.picked & queue.mask)]
    if nic.guests.params.mss_bytes == 0:
        return post.n_bytes
    return plan_cut(nic, queue, post)


@out_of_line
def choose_deficit(nic, scheduler):
    """Return the function by deficit round robin: send if the head fits the deficit, else add a quantum and go on."""
    number = next_ready(nic, scheduler.pointer)
    while True:
        function = nic.function[number]
        queue = nic.tx_queue[next_queue(nic, function)]
        n_bytes = next_bytes(nic, queue)
        if n_bytes <= function.deficit_bytes:
            function.deficit_bytes -= n_bytes
            scheduler.pointer = number
            return number
        function.deficit_bytes += scheduler.params.quantum_bytes * function.params.weight
        number = next_ready(nic, number + 1)


@out_of_line
def first_owed(nic, scheduler, now_fs):
    """Return the next function, round robin, that may send and is behind its guarantee, or `NOBODY`."""
    n = nic.params.n_functions
    number = scheduler.owed_pointer
    for _ in range(n):
        if number >= n:
            number = 0
        function = nic.function[number]
        if is_owed(function, now_fs) and is_ready(function):
            scheduler.owed_pointer = number + 1
            return number
        number += 1
    return NOBODY


@inlined
def choose(nic, scheduler, now_fs):
    """Return the function whose frame is next and move the pointer; `NOBODY` if its class has no room."""
    if scheduler.params.kind == SCHEDULE_CREDITS:
        return choose_by_credits(nic, scheduler, now_fs)
    if scheduler.params.guarantee_window_fs > 0:
        number = first_owed(nic, scheduler, now_fs)
        scheduler.is_owed = int(number != NOBODY)
        if scheduler.is_owed:
            return number
    if scheduler.params.kind == SCHEDULE_DEFICIT:
        return choose_deficit(nic, scheduler)
    if scheduler.params.kind == SCHEDULE_STRICT:
        return next_ready(nic, 0)
    number = next_ready(nic, scheduler.pointer)
    if scheduler.params.kind == SCHEDULE_WEIGHTED:
        if scheduler.pointer != number or scheduler.turn_left == 0:
            scheduler.turn_left = nic.function[number].params.weight
        scheduler.turn_left -= 1
        scheduler.pointer = number if scheduler.turn_left > 0 else number + 1
        return number
    scheduler.pointer = number + 1
    return number


@inlined
def charge(nic, now_fs, scheduler, frame_bytes):
    """Charge a pick to the function's rate limit, to credits, and to its guarantee if it was chosen for that.

    `frame_bytes`: with FCS; of a send those of all frames of the pick.
    """
    shape(nic, now_fs, scheduler.chosen, frame_bytes)
    if nic.params.arbitrates:
        charge_credits(nic, scheduler, frame_bytes)
    if scheduler.is_owed:
        give_owed(nic, now_fs, scheduler.chosen, frame_bytes)


@kernel
def shaper_expired(nic, now_fs, number):
    """Let a rate-limited function send again, unless its limit has changed and this is a timer of the old one."""
    function = nic.function[number]
    if function.is_shaped and function.eligible_at_fs <= now_fs:
        let_go(nic, function)


@kernel
def begin_limit(nic, number):
    """Hold a function to a rate from now on; it begins with a full window of unused rate."""
    nic.function[number].eligible_at_fs = -NEVER


@kernel
def end_limit(nic, number):
    """Let a function send that has no rate limit any more."""
    function = nic.function[number]
    if function.is_shaped:
        let_go(nic, function)


@kernel
def let_go(nic, function):
    """Let a function send that its rate has held back."""
    function.is_shaped = 0
    nic.reads_due = 1
    if nic.params.has_virtual_switch:
        nic.virtual_switch.looks_due = nic.moves_due = 1
    if function.ready_queues > 0:
        nic.scheduler.n_ready += 1
        nic.scheduler.n_shaped_waiting -= 1


@inlined
def n_to_switch(nic):
    """Return how many frames are between the pick and the switch, those from the wire in the pipeline among them."""
    return nic.grants.tail - nic.grants.head + nic.pipe_tail - nic.pipe_head + nic.waiting_frames.n_frames


@kernel
def fifos_are_full(nic):
    """Say whether the FIFOs behind the Tx buffer might not hold the copies of another frame."""
    n_switched = nic.loopback.tail - nic.loopback.head
    for number in range(nic.params.n_ports):
        fifo = nic.port[number].mac.fifo
        n_switched = max(n_switched, fifo.tail - fifo.head)
    if nic.params.arbitrates:
        n_switched += n_before_fifos(nic)
    return (
        n_switched + (n_to_switch(nic) + 1) * nic.headers.most_copies >= COPY_CAP
    )  # not >: a copy from the wire is made in the free entry at a FIFO's tail


@inlined
def cut_payload(nic, ring_queue, position, first_byte, n_bytes, ends_buffer):
    """Hand the payload of the next grant to the read arbiter, which cuts it; it lies in the buffer at `position`."""
    reads = nic.reads
    reads.frame = nic.grants.tail
    reads.left_bytes = n_bytes
    reads.whole_bytes = n_bytes
    reads.ends_buffer = ends_buffer
    reads.address = nic.guests.params.buffer_offset_bytes + first_byte
    pcie = link_of(nic, ring_queue)
    if pcie.params.has_iotlb:
        translation = host_of(nic, pcie).translation
        reads.address += buffer_address(translation.params.tx_stride_bytes, position, nic.params.tx_ring)


@out_of_line
def cut_send(nic, now_fs, number, queue, post, frame):
    """Make the next grant the planned frames of a send; the send's descriptors leave the cache with its last frame."""
    params = nic.guests.params
    n, read_bytes = queue.cut_to_frames - queue.cut_frames, queue.cut_to_bytes - queue.cut_bytes
    is_last = queue.cut_to_frames == post.n_frames
    frame.n_bytes = header_bytes_of(nic, post) + params.mss_bytes
    frame.last_bytes = frame.n_bytes
    if is_last:
        frame.last_bytes = post.n_bytes - (post.n_frames - 1) * params.mss_bytes
        if n == 1:
            frame.n_bytes = frame.last_bytes
    frame.read_bytes = read_bytes
    if nic.params.has_virtual_switch and queue.cut_frames > 0:
        frame.hash = NO_GROUP  # the send's first frame alone carries the group
    frame.n_more = n - 1
    frame.n_done = post.n_descriptors * is_last
    nic.ledger.journeys.slot[frame.journey].ends_send = int(is_last and n == 1)
    cut_payload(nic, number, queue.picked, queue.cut_bytes, read_bytes, int(is_last))
    queue.n_picked += n
    queue.cut_frames, queue.cut_bytes = queue.cut_to_frames, queue.cut_to_bytes
    if is_last:
        queue.cut_frames, queue.cut_bytes = 0, 0
        descriptors_leave(nic, now_fs, number, post.n_descriptors)
    return n


@inlined
def choose_next(nic, scheduler, now_fs):
    """Choose whose frame is picked next; return whether there is one, and note what it waits for if not."""
    stalls = nic.ledger.counts.stalls
    is_idle = scheduler.n_ready == 0
    set_stalled(stalls.rate_limit, now_fs, is_idle and scheduler.n_shaped_waiting > 0)
    set_stalled(
        stalls.tx_descriptors,
        now_fs,
        is_idle and scheduler.n_shaped_waiting == 0 and scheduler.n_paused == 0 and scheduler.n_told > 0,
    )
    if is_idle:
        return False
    scheduler.chosen = choose(nic, scheduler, now_fs)
    if scheduler.chosen == NOBODY:
        set_stalled(stalls.tx_buffer, now_fs, True)
        return False
    scheduler.chosen_fs = now_fs
    chosen = nic.function[scheduler.chosen]
    chosen.next_queue = next_queue(nic, chosen) - chosen.params.first_queue
    return True


@kernel
def pick(nic, now_fs):
    """Pick the next frame, reserve its room in the Tx buffer and hand its payload to the read arbiter.

    A picked frame that does not fit waits, and nothing overtakes it.
    """
    scheduler = nic.scheduler
    if scheduler.chosen < 0 and not choose_next(nic, scheduler, now_fs):
        return
    function = nic.function[scheduler.chosen]
    number = function.params.first_queue + function.next_queue
    queue = nic.tx_queue[number]
    post = nic.guests.post[queue.first + (queue.picked & queue.mask)]
    n_bytes = next_bytes(nic, queue)
    no_room = nic.counts.tx_buffer.level + n_bytes > nic.params.tx_buffer_bytes or n_to_switch(nic) >= GRANT_CAP
    if nic.headers.most_copies > 0:
        no_room = no_room or fifos_are_full(nic)
    set_stalled(nic.ledger.counts.stalls.tx_buffer, now_fs, no_room)
    scheduler.blocked_bytes = n_bytes if no_room else 0
    if no_room:
        return
    change(nic.counts.tx_buffer, now_fs, n_bytes)
    frame = nic.grants.ring[nic.grants.tail & nic.grants.mask]
    if nic.params.has_virtual_switch:
        frame.journey = UNMEASURED  # the frame has its own, from its guest's ring on
        queue.waiting_bytes -= n_bytes * nic.virtual_switch.params.marks
    else:
        frame.journey = journey_of_post(nic, now_fs, queue, number, scheduler.chosen_fs)
    frame.template = post.template
    prefetch(nic.traffic.template[post.template])
    frame.hash = post.hash
    frame.index = post.index
    frame.queue = number
    frame.is_wire, frame.adapter_port = 0, function.params.adapter_port
    if nic.params.arbitrates:
        frame.tx_class = nic.arbiter.chosen_class
        nic.arbiter.level_bytes[frame.tx_class] += n_bytes
    frame.reads_left = 1
    frame.n_reads = 0
    frame.link_bytes = 0
    frame.link_tlps = 0
    n_frames = 1
    if nic.guests.params.mss_bytes > 0:
        n_frames = cut_send(nic, now_fs, number, queue, post, frame)
    else:
        frame.n_bytes = n_bytes
        frame.read_bytes = n_bytes
        frame.n_more = 0
        frame.n_done = 0
        cut_payload(nic, number, queue.picked, 0, n_bytes, 1)
        queue.n_picked += 1
        descriptors_leave(nic, now_fs, number, 1)
    entered(nic.clock, nic.grants)
    function.next_queue = number - function.params.first_queue + 1
    if function.next_queue == function.params.n_queues:
        function.next_queue = 0
    charge(nic, now_fs, scheduler, n_bytes + n_frames * FCS_BYTES)
    scheduler.chosen = -1
    fetch_tx(nic, now_fs, number)


@out_of_line
def take_inline(nic, now_fs, number, n):
    """Keep the descriptor that a Tx doorbell for `n` carried, if it is the next of its ring and there is room for it.

    All earlier ones must be on the chip: cached ahead of others still being fetched, it would be taken for another
    frame's.
    """
    queue = nic.tx_queue[number]
    if n != 1 or nic.guests.driver[queue.params.function].rings_inline == 0:
        return
    if queue.known > 1 or queue.requested > 0 or queue.cached >= nic.cache.descriptor_cache:
        return
    mark_batch(nic.guests, queue, queue.fetched, REQUESTED).requested_fs = now_fs
    queue.fetched += 1
    queue.known -= 1
    queue.requested += 1
    nic.scheduler.n_told -= 1
    nic.ledger.counts.served[TX_DESCRIPTOR_READ].n += 1  # which costs the link no read
    descriptors_cached(nic, now_fs, number, 1)
