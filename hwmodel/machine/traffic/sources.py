"""Where frames come from: closed loops that keep the rings full, timed arrivals, recorded ones."""

from __future__ import annotations

from hwmodel.compiled.compilation import inlined, kernel, out_of_line
from hwmodel.compiled.processor import prefetch
from hwmodel.compiled.records import NEVER
from hwmodel.forwarding.drop_reason import DropReason
from hwmodel.forwarding.port_set import UPLINK
from hwmodel.forwarding.steering import ring_of
from hwmodel.machine.counts.histogram import change, set_stalled
from hwmodel.machine.counts.journeys import enter
from hwmodel.machine.counts.outcome import count_in_stall
from hwmodel.machine.growing_ring import widen_posts
from hwmodel.machine.guest.cores import add_work
from hwmodel.machine.guest.guest_state import POST_TASK
from hwmodel.machine.network.bond import leg_of
from hwmodel.machine.network.link_partner import FULL_FS, join_partner, partner_is_full
from hwmodel.machine.network.mac import first_on_line, line_is_full, put_on_line
from hwmodel.machine.network.wires import first_of, outside_is_full, send_from_outside
from hwmodel.machine.switch.decisions import template_of
from hwmodel.machine.switch.segments import frames_of, pieces_of
from hwmodel.machine.time.clock import SOURCE_TIMER
from hwmodel.machine.time.commands import SOURCE
from hwmodel.machine.time.events import set_timer
from hwmodel.machine.time.random_stream import exponential_fs, geometric, next_u32
from hwmodel.machine.traffic.given_frames import following, next_given, source_of_given, take_given
from hwmodel.machine.traffic.traffic_state import (
    BY_BOND,
    CLOSED_RECORDED_SOURCE,
    CLOSED_SOURCE,
    ON_OFF_SOURCE,
    PERIODIC_SOURCE,
    POISSON_SOURCE,
    RECORDED_SOURCE,
    SILENT_SOURCE,
)
from hwmodel.rules.ethernet import FCS_BYTES
from hwmodel.rules.pcie_link import DATA_DESCRIPTOR_BYTES

LINK_DOWN = DropReason.LINK_DOWN.value
TX_RING_FULL = DropReason.TX_RING_FULL.value
NO_TEMPLATE = -1  # as that of a ring's last send


@inlined
def choice(traffic, source, first, n):
    """Draw from a table of so many rows."""
    if n == 1:
        return traffic.choice[first].here
    return choice_of_several(traffic, source, first, n)


@kernel
def choice_of_several(traffic, source, first, n):
    """Draw from an alias table (A. J. Walker, 1977)."""
    row = traffic.choice[first + ((next_u32(source) * n) >> 32)]
    if next_u32(source) < row.threshold:
        return row.here
    return row.there


@kernel
def next_template(traffic, source):
    """Return which template a source draws next, without drawing it."""
    rng = source.rng
    first, second, third, fourth = rng[0], rng[1], rng[2], rng[3]
    template = choice(traffic, source, source.params.first_target, source.params.n_targets)
    rng[0], rng[1], rng[2], rng[3] = first, second, third, fourth
    return template


@kernel
def next_choice(source):
    """Return in which row of its alias table a source looks for its next target, without drawing it."""
    rng = source.rng
    first, second, third, fourth = rng[0], rng[1], rng[2], rng[3]
    row = source.params.first_target + ((next_u32(source) * source.params.n_targets) >> 32)
    rng[0], rng[1], rng[2], rng[3] = first, second, third, fourth
    return row


@kernel
def is_due(source, until_fs):
    """Tell whether a timed source draws its next frame by a time."""
    return (
        source.pending == 0 and source.next_at_fs <= until_fs and PERIODIC_SOURCE <= source.params.kind <= ON_OFF_SOURCE
    )


@kernel
def is_closed(source):
    """Say whether a source always has a next frame at once."""
    return source.params.kind == CLOSED_SOURCE or source.params.kind == CLOSED_RECORDED_SOURCE


@kernel
def burst_frames(source):
    """Return how many frames the next burst has."""
    if source.params.fixed_burst_frames > 0:
        return source.params.fixed_burst_frames
    return geometric(source, source.params.mean_burst_frames)


@kernel
def schedule_next(traffic, source):
    """Advance a source to its next arrival time."""
    if source.params.kind == PERIODIC_SOURCE:
        source.next_at_fs += source.params.mean_gap_fs
    elif source.params.kind == POISSON_SOURCE:
        source.next_at_fs += exponential_fs(source, source.params.mean_gap_fs)
    elif source.params.kind == ON_OFF_SOURCE:
        source.next_at_fs += source.params.peak_gap_fs
        source.burst_left -= 1
        source.is_pausing = 0
        if source.burst_left <= 0:
            source.is_pausing = 1
            source.burst_left = burst_frames(source)
            source.next_at_fs += exponential_fs(source, source.params.mean_off_fs)
    elif source.params.kind == RECORDED_SOURCE:
        if source.next_record < source.params.last_record:
            source.next_at_fs = traffic.tape[source.next_record].at_fs
        else:
            source.next_at_fs = NEVER


@out_of_line
def draw_recorded(traffic, source):
    """Make a record's next frame the pending one; return False if it has come to its end."""
    if source.next_record == source.params.last_record:
        return False
    entry = traffic.tape[source.next_record]
    source.next_record += 1
    source.pending_template = entry.template
    source.pending_bytes = entry.frame_bytes
    source.pending_hash = entry.hash
    source.pending_record = entry.index
    source.pending = 1
    return True


@kernel
def has_replayed_all(nic):
    """Tell whether senders replay a capture, and have offered all of its frames."""
    n_done = 0
    for number in range(nic.params.n_sources):
        source = nic.traffic.source[number]
        if source.params.kind == RECORDED_SOURCE or source.params.kind == CLOSED_RECORDED_SOURCE:
            if source.next_record < source.params.last_record or source.pending > 0:
                return False
            n_done += 1
    return n_done > 0


@kernel
def draw(traffic, source):
    """Make the source's next frame the pending one; return False if a record has come to its end."""
    if source.params.kind == RECORDED_SOURCE or source.params.kind == CLOSED_RECORDED_SOURCE:
        return draw_recorded(traffic, source)
    source.pending_template = choice(traffic, source, source.params.first_target, source.params.n_targets)
    source.pending_bytes = choice(traffic, source, source.params.first_length, source.params.n_lengths)
    source.pending_hash = traffic.template[source.pending_template].queue_hash
    source.pending_record = -1
    source.pending = 1
    return True


@kernel
def next_source(traffic, function, now_fs):
    """Return the source of a function whose frame came first and is not yet in the ring, drawn; -1 if none.

    Frames that agents have given to its driver go before those of all loads.
    """
    if function.n_given:
        return source_of_given(function)
    best = -1
    best_at_fs = now_fs + 1
    for number in range(function.params.first_source, function.params.first_source + function.params.n_sources):
        source = traffic.source[number]
        at_fs = 0 if is_closed(source) else source.next_at_fs
        if at_fs < best_at_fs:
            if source.pending == 0 and not draw(traffic, source):
                continue
            best = number
            best_at_fs = at_fs
    return best


@kernel
def arm(nic, number):
    """Wake a source at its next arrival."""
    source = nic.traffic.source[number]
    has_time = source.next_at_fs < NEVER and (source.params.function < 0 or not is_closed(source))
    if has_time and (source.armed == 0 or source.next_at_fs < source.timer_fs):
        wake_at(nic, number, source.next_at_fs)


@kernel
def wake_at(nic, number, at_fs):
    """Wake a source at a time; a timer that it has for a later one is ignored from then on."""
    source = nic.traffic.source[number]
    source.armed = 1
    source.timer_fs = at_fs
    set_timer(nic.clock, at_fs, SOURCE_TIMER, number)


@out_of_line
def descriptors_of_send(nic, queue, source):
    """Return how many descriptors the pending send takes: those of its data, and its context's."""
    guests = nic.guests
    n_bytes = guests.params.buffer_offset_bytes + source.pending_bytes - FCS_BYTES
    has_context = queue.last_template != source.pending_template or (
        guests.driver[queue.params.function].keeps_context == 0
    )
    return int(has_context) + (n_bytes + DATA_DESCRIPTOR_BYTES - 1) // DATA_DESCRIPTOR_BYTES


@inlined
def slots_and_frames(nic, queue, source):
    """Return how many slots of its ring the pending frame, or send, takes, and as how many frames it counts there."""
    if nic.guests.params.mss_bytes > 0 and nic.params.has_virtual_switch == 0:
        n_frames = pieces_of(nic.guests.params, source.pending_bytes - FCS_BYTES)
        return descriptors_of_send(nic, queue, source), n_frames
    return 1, 1


@out_of_line
def reserve_more(nic, queue, post):
    """Take the slots of a send's descriptors behind the first."""
    queue.last_template = post.template
    for position in range(queue.reserved + 1, queue.reserved + post.n_descriptors):
        more = nic.guests.post[queue.first + (position & queue.mask)]
        more.offered_fs, more.n_bytes, more.marks, more.n_descriptors, more.n_frames = post.offered_fs, 0, 0, 0, 0


@inlined
def reserve(nic, now_fs, number, source, offered_fs, n_descriptors, n_frames):
    """Take slots of a Tx ring for the pending frame, or send."""
    queue = nic.tx_queue[number]
    while queue.reserved + n_descriptors - queue.picked > queue.mask + 1:
        widen_posts(nic.guests, queue)
    post = nic.guests.post[queue.first + (queue.reserved & queue.mask)]
    post.offered_fs = offered_fs
    enter(nic.ledger, now_fs, offered_fs)
    post.template = source.pending_template
    post.n_bytes = source.pending_bytes - FCS_BYTES
    post.hash = source.pending_hash
    post.index = source.pending_record
    post.marks = 0
    post.n_descriptors = n_descriptors
    post.n_frames = n_frames
    if nic.guests.params.mss_bytes > 0:
        for _ in range(n_frames - 1):
            enter(nic.ledger, now_fs, offered_fs)
        reserve_more(nic, queue, post)
    queue.reserved += n_descriptors
    queue.highest = max(queue.highest, queue.reserved - queue.freed)


@kernel
def count_offered(ledger, template, n):
    """Count frames that a driver or the line brings: one, or those of a send."""
    ledger.counts.offered += n
    if template.flow >= 0:
        ledger.flow[template.flow].offered += n


@kernel
def leaves_by_wire_alone(nic, number):
    """Tell whether nobody in the adapter gets frames with a header: their one copy is for the wire."""
    template = template_of(nic, number)
    is_one_copy = template.reason == 0 and template.n_copies == 1 and template.n_mirrored == 0
    return is_one_copy and nic.traffic.copy_kind[template.first_copy].port == UPLINK


@kernel
def wire_changes(nic, port):
    """Let the drivers of all functions at a port know that its wire is dead, or alive: look at their sources again."""
    for number in range(nic.params.n_functions):
        if nic.function[number].params.adapter_port == port:
            hunger(nic, number)


@kernel
def feed_guest(nic, now_fs, function_number):
    """Queue posts for all frames, or sends, that a function's sources have and its rings can take."""
    traffic = nic.traffic
    ledger = nic.ledger
    function = nic.function[function_number]
    params = nic.params
    # Guests behind a virtual switch cannot tell that the wire is dead.
    wire_is_dead = nic.port[function.params.adapter_port].mac.params.is_down and params.has_virtual_switch == 0
    n_posts = 0
    n_reserved = 0
    last_queue = -1
    traffic.n_full -= function.is_full
    function.is_full = 0
    while True:
        number = next_source(traffic, function, now_fs)
        if number < 0:
            break
        source = traffic.source[number]
        keeps_coming = is_closed(source)
        is_lost = wire_is_dead and leaves_by_wire_alone(nic, source.pending_template)
        if is_lost and keeps_coming:
            break  # it waits for the wire, and the function's other sources behind it
        queue_number = ring_of(function, source.pending_hash)
        queue = nic.tx_queue[queue_number]
        n_descriptors, n_frames = slots_and_frames(nic, queue, source)
        has_room = queue.reserved - queue.freed + n_descriptors <= queue.slots and not is_lost
        if not has_room and not is_lost and (keeps_coming or not params.drop_when_full or function.n_given):
            # It waits for a slot, and the function's other sources behind it; one that is off waits for its rings.
            function.is_full = 1 - function.is_off
            traffic.n_full += function.is_full
            break
        template = template_of(nic, source.pending_template)
        if not has_room and params.has_virtual_switch:
            n_frames = frames_of(nic, source.pending_template, source.pending_bytes - FCS_BYTES)
        count_offered(ledger, template, n_frames)
        prefetch(traffic.copy_kind[template.first_copy])
        if has_room:
            offered_fs = now_fs if keeps_coming else source.next_at_fs
            reserve(nic, now_fs, queue_number, source, offered_fs, n_descriptors, n_frames)
            if queue_number != last_queue and n_posts > 0:
                add_work(nic, now_fs, nic.tx_queue[last_queue].params.core, POST_TASK, last_queue, n_posts)
                n_posts = 0
            last_queue = queue_number
            n_posts += 1
            n_reserved += n_descriptors
        else:
            reason = LINK_DOWN if is_lost else TX_RING_FULL
            ledger.counts.dropped += n_frames
            ledger.counts.drops[reason] += n_frames
            ledger.function[function_number].drops[reason] += n_frames
            count_in_stall(nic, now_fs, reason, n_frames)
        source.pending = 0
        if not keeps_coming:
            come_next(nic, number)
            if source.next_at_fs > now_fs:
                arm(nic, number)
    if n_posts > 0:
        add_work(nic, now_fs, nic.tx_queue[last_queue].params.core, POST_TASK, last_queue, n_posts)
    if n_reserved > 0:
        change(ledger.counts.tx_ring, now_fs, n_reserved)
    set_stalled(ledger.counts.stalls.tx_ring, now_fs, traffic.n_full > 0)


@kernel
def hunger(nic, function_number):
    """Note that a function's sources are to be looked at before this instant ends."""
    traffic = nic.traffic
    function = nic.function[function_number]
    if function.is_hungry == 0 and function.params.n_sources > 0:
        function.is_hungry = 1
        traffic.hungry[traffic.n_hungry] = function_number
        traffic.n_hungry += 1


@kernel
def feed_hungry(nic, now_fs):
    """Look at the sources of all functions that have new arrivals or free slots."""
    traffic = nic.traffic
    i = 0
    while i < traffic.n_hungry:
        number = traffic.hungry[i]
        nic.function[number].is_hungry = 0
        feed_guest(nic, now_fs, number)
        i += 1
    traffic.n_hungry = 0


@kernel
def outside_arrives(nic, now_fs, number, outside):
    """Let the outside world put a frame on its wire to the bridge."""
    source = nic.traffic.source[number]
    if outside_is_full(outside):
        wake_at(nic, number, first_of(outside.sent).come_fs + 1)
        return
    if not draw(nic.traffic, source):
        return
    count_offered(nic.ledger, nic.traffic.template[source.pending_template], 1)
    send_from_outside(nic, outside, now_fs, source)
    source.pending = 0
    go_on(nic, now_fs, number, outside.busy_until_fs)


@kernel
def go_on(nic, now_fs, number, line_free_fs):
    """Set when a source outside has its next frame: where it always has one, when the line is free."""
    source = nic.traffic.source[number]
    if is_closed(source):  # back to back
        source.next_at_fs = line_free_fs
    else:
        come_next(nic, number)
        source.next_at_fs = max(source.next_at_fs, now_fs)  # in the past, if the frame has waited outside
    arm(nic, number)


@out_of_line
def leg_from_outside(nic, template):
    """Return by which leg of a bond a frame with a header comes: by the first where none is used."""
    header, flow = nic.headers.template_header[template], nic.port[0].switch.steering.flow
    return max(0, leg_of(nic.virtual_switch.bond, header, flow, True))


@kernel
def line_arrives(nic, now_fs, number):
    """Let the outside world put a frame on the line toward the NIC."""
    traffic = nic.traffic
    source = traffic.source[number]
    port = source.params.adapter_port
    if port == BY_BOND:
        port = leg_from_outside(nic, next_template(traffic, source))
    mac = nic.port[port].mac
    if mac.params.has_peer:
        outside_arrives(nic, now_fs, number, nic.outside)
        return
    if nic.params.has_flow_control:
        partner_arrives(nic, now_fs, number)
        return
    line = mac.line
    if line_is_full(line):  # the frame waits outside for a place
        wake_at(nic, number, first_on_line(line).ready_fs + 1)
        return
    if not draw(traffic, source):
        return
    put_on_line(nic, port, now_fs, source)
    source.pending = 0
    go_on(nic, now_fs, number, line.busy_until_fs)


@kernel
def partner_arrives(nic, now_fs, number):
    """Let the outside world give a frame to the link partner."""
    source = nic.traffic.source[number]
    port = source.params.adapter_port
    if partner_is_full(nic, port):
        wake_at(nic, number, now_fs + FULL_FS)
        return
    if not draw(nic.traffic, source):
        return
    source.pending = 0
    if is_closed(source):
        source.next_at_fs = NEVER  # until this frame begins
        join_partner(nic, port, now_fs, source, number, True)
    else:
        join_partner(nic, port, now_fs, source, number, False)
        go_on(nic, now_fs, number, now_fs)


@kernel
def first_arrival(traffic, source, at_fs):
    """Let a source begin at a time: set when its first frame comes."""
    source.next_at_fs = at_fs
    if source.params.kind == PERIODIC_SOURCE or is_closed(source):
        source.next_at_fs += source.params.first_fs
    elif source.params.kind == POISSON_SOURCE:
        source.next_at_fs += exponential_fs(source, source.params.mean_gap_fs)
    elif source.params.kind == ON_OFF_SOURCE:
        source.next_at_fs += exponential_fs(source, source.params.mean_off_fs)
        source.burst_left = burst_frames(source)
        source.is_pausing = 1
    elif source.params.kind == RECORDED_SOURCE:
        schedule_next(traffic, source)
    elif source.params.kind == SILENT_SOURCE:
        source.next_at_fs = NEVER


@kernel
def begin(nic, number):
    """Set a source's first arrival and wake it then."""
    first_arrival(nic.traffic, nic.traffic.source[number], 0)
    arm(nic, number)


@kernel
def waited_mean_fs(source):
    """Return how long the wait for a timed source's next frame is on average."""
    if source.params.kind != ON_OFF_SOURCE:
        return source.params.mean_gap_fs
    if source.is_pausing:
        return source.params.peak_gap_fs + source.params.mean_off_fs
    return source.params.peak_gap_fs


@kernel
def load_changes(nic, number):
    """Let a source send otherwise from this command on, or as soon as all that it has offered before is taken."""
    source = nic.traffic.source[number]
    if nic.clock.has_started == 0:
        source.params = nic.traffic.changed[nic.commands.head]
        return
    if source.changes_from > 0:
        return
    source.changes_from = nic.commands.head + 1
    take_changes(nic, number)
    if source.changes_from == 0:
        arm(nic, number)
        if source.params.function >= 0:
            hunger(nic, source.params.function)


@kernel
def come_next(nic, number):
    """Advance a source to its next arrival time, by each load that held on the way."""
    source = nic.traffic.source[number]
    if source.params.kind == SILENT_SOURCE:
        next_given(nic, source)
        return
    schedule_next(nic.traffic, source)
    if source.changes_from > 0:
        take_changes(nic, number)


@kernel
def frame_given_outside(nic, now_fs):
    """Put the frame of this command on the line to its leg: what a bond's partner sends; lost where that is full."""
    number = 0
    while number + 1 < nic.params.n_sources and nic.traffic.source[number + 1].params.function < 0:
        number += 1
    source = nic.traffic.source[number]  # the last of those outside, which has no load
    take_given(nic, source, nic.commands.head)
    source.pending, source.next_at_fs = 0, NEVER
    leg = leg_from_outside(nic, source.pending_template)
    if not line_is_full(nic.port[leg].mac.line):
        put_on_line(nic, leg, now_fs, source)


@kernel
def frame_given(nic, function_number):
    """Let a function's driver send the frame of this command, behind those that it was given before."""
    function = nic.function[function_number]
    function.n_given += 1
    if function.n_given == 1:
        take_given(nic, nic.traffic.source[source_of_given(function)], nic.commands.head)
    hunger(nic, function_number)


@kernel
def take_changes(nic, number):
    """Apply those changes of a source's load that come before its next frame.

    What remains of the wait for that is scaled by the ratio of the mean waits; if the kind of arrivals changes, the
    source begins anew.
    """
    source = nic.traffic.source[number]
    while source.changes_from > 0:
        at = source.changes_from - 1
        at_fs = nic.commands.ring[at].at_fs
        if source.next_at_fs < at_fs and not is_closed(source):
            return
        changed = nic.traffic.changed[at]
        if source.params.kind == changed.kind:
            left_fs = float(source.next_at_fs - at_fs) / float(waited_mean_fs(source))
            source.params = changed
            source.next_at_fs = at_fs + int(left_fs * float(waited_mean_fs(source)) + 0.5)
        else:
            source.params = changed
            first_arrival(nic.traffic, source, at_fs)
        source.changes_from = following(nic.commands, at, SOURCE)


@kernel
def source_timer(nic, now_fs, number):
    """Handle an arrival: at a guest's driver, or on the line from outside."""
    source = nic.traffic.source[number]
    if source.armed == 0 or source.timer_fs != now_fs:
        return  # its load has risen since, and it was woken before
    source.armed = 0
    if source.next_at_fs > now_fs:
        arm(nic, number)  # its load has fallen; or another look at its function in this instant has taken the frame
    elif source.params.function < 0:
        line_arrives(nic, now_fs, number)
    if source.params.function >= 0:
        hunger(nic, source.params.function)
