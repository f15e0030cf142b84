"""The bridges at the other ends of the wires: they take frames in, decide where they go, queue and send them.

So do the port extenders below them, whose decisions do not depend on anything learned.
"""

from __future__ import annotations

import numpy as np

from hwmodel.compiled.compilation import kernel, out_of_line
from hwmodel.compiled.far_tables import lengthened
from hwmodel.compiled.processor import prefetch
from hwmodel.compiled.records import NEVER
from hwmodel.forwarding.drop_reason import DropReason
from hwmodel.forwarding.header_store import MIRRORED_BY_BRIDGE, UNKNOWN
from hwmodel.forwarding.police import police
from hwmodel.machine.counts.histogram import change
from hwmodel.machine.counts.journeys import begin_from_wire
from hwmodel.machine.counts.ledger_state import CAME_TRUE
from hwmodel.machine.counts.outcome import come_outside, mirrored_lost
from hwmodel.machine.network.bridge_pauses import (
    bridge_hears,
    control_frame_of,
    flow_params,
    has_room_in_part,
    hold_queues,
    is_control_due,
    level_changes,
    note_class,
    obey_stops,
)
from hwmodel.machine.network.bridge_places import append, free_place, let_go, pop, take_place
from hwmodel.machine.network.bridge_state import (
    CAME,
    CONTROL_SENT,
    CONTROL_TAKEN,
    DUE,
    LEFT,
    LEFT_BY,
    MAX_BRIDGE_PORTS,
    NOBODY,
    NOT_SOUGHT,
    OWN_PORTS,
    REFRESH_DUE,
    RESUMED,
    SENT,
    TO_PORT,
)
from hwmodel.machine.network.hops import (
    NO_DESTINATION,
    PVLAN,
    beyond,
    decide_hop,
    have_room_for_hops,
    hop_of,
    seek_flood,
    template_at,
    why_nowhere,
)
from hwmodel.machine.network.learning import port_of, takes_in
from hwmodel.machine.network.mirrors import copies, hold, sample, see, write_copy
from hwmodel.machine.network.pauses import end_stops
from hwmodel.machine.network.places import may_reach
from hwmodel.machine.network.service_levels import charge, first_eligible_fs, gets_frame, next_in_turn, take_out
from hwmodel.machine.network.wires import CONTROL_FRAME, note_passing, padded_bytes, wire_time_fs
from hwmodel.machine.time.clock import TIMERS
from hwmodel.machine.time.events import set_timer, take_timer
from hwmodel.machine.time.random_stream import lot
from hwmodel.rules.ethernet import FCS_BYTES

NO_REASON = DropReason.NONE.value
SAME_PORT = DropReason.SAME_PORT.value
PORT_SECURITY = DropReason.PORT_SECURITY.value
QUEUE_FULL = DropReason.QUEUE_FULL.value
RATE_LIMITED = DropReason.RATE_LIMITED.value
KEPT_HERE = DropReason.CONTROL_FRAME.value
HEADER_BYTES = 8 + 64  # bytes, with preamble, that a cut-through bridge has received when it decides


@kernel
def due_fs(bridge, port, crossing):
    """Return when a frame is forwarded: the latency after its last byte, in cut-through after its header."""
    latency_fs = bridge.box[port.params.box].params.latency_fs
    if port.params.cuts_through:
        header_fs = HEADER_BYTES * port.params.fs_per_byte_num // port.params.fs_per_byte_den
        return crossing.begun_fs + header_fs + port.params.propagation_fs + latency_fs
    return crossing.come_fs + latency_fs


@kernel
def passes(bridge, at_fs, port_number, is_sent, crossing):
    """Log a frame that passes a tapped port."""
    journey, header = crossing.journey, crossing.template
    mirrored = journey.number if journey.tx_queue == MIRRORED_BY_BRIDGE else np.int64(UNKNOWN)
    note_passing(
        bridge.ledger, at_fs, port_number, is_sent, header, crossing.n_bytes, journey.template, crossing.index, mirrored
    )


@kernel
def forwards_at(bridge, port_number, due_fs):
    """Wake a port when the first of the frames that have come is due."""
    bridge.port[port_number].forwards_fs = due_fs
    set_timer(bridge.clock, due_fs, DUE, lot(due_fs, port_number) * MAX_BRIDGE_PORTS + port_number)


@kernel
def comes(bridge, port_number, crossing):
    """Take in a frame on a wire; frames of one wire come in order."""
    port = bridge.port[port_number]
    if port.params.is_tapped:
        passes(bridge, crossing.come_fs, port_number, 0, crossing)
    if crossing.template == CONTROL_FRAME:
        bridge_hears(bridge, port_number, crossing)
        return
    prefetch(bridge.hop[crossing.template])
    place = take_place(bridge)
    slot = bridge.slot[place]
    slot.crossing = crossing
    slot.due_fs = due_fs(bridge, port, crossing)
    if port.come.first == NOBODY:
        forwards_at(bridge, port_number, slot.due_fs)
    append(bridge, port.come, place)


@kernel
def pop_in_turn(bridge, now_fs, port_number):
    """Take the frame that is next by service levels out of its queue; if none may be sent yet, wait until one may."""
    port = bridge.port[port_number]
    number, previous = next_in_turn(bridge, now_fs, port)
    if number == NOBODY:
        first_fs = first_eligible_fs(bridge, port)
        if first_fs < port.resumes_fs:
            port.resumes_fs = first_fs
            set_timer(bridge.clock, first_fs, RESUMED, port_number)
        return NOBODY
    logical_port = bridge.logical_port[number]
    place = pop(bridge, logical_port.queue)
    charge(logical_port, now_fs, bridge.slot[place].crossing.n_bytes)
    if logical_port.queue.first == NOBODY:
        take_out(bridge, port, number, previous)
    return place


@kernel
def start_control_frame(bridge, now_fs, port_number):
    """Start on a control frame, which the other end gets as any frame."""
    port = bridge.port[port_number]
    place = take_place(bridge)
    control_frame_of(bridge, now_fs, port_number, place)
    crossing = bridge.slot[place].crossing
    if port.params.is_tapped:
        passes(bridge, now_fs + wire_time_fs(port, crossing.n_bytes), port_number, 1, crossing)
    bridge.slot[place].holds = 1
    if port.params.joined == NOBODY:
        append(bridge, port.begun, place)
    else:
        comes(bridge, port.params.joined, crossing)
        let_go(bridge, place)


@kernel
def control_frame_sent(bridge, now_fs, port_number):
    """Note that a control frame has left a port, and start on what is next."""
    bridge.port[port_number].sending = NOBODY
    start_sending(bridge, now_fs, port_number)


@kernel
def stops_end(bridge, now_fs, port_number):
    """Resume the classes of a port whose stop is over."""
    port, own = bridge.port[port_number], bridge.pauses[port_number]
    end_stops(flow_params(bridge, port), own.hears, now_fs, own.counts.since_fs, own.counts.stopped_fs)
    hold_queues(bridge, port_number)


@kernel
def room_changes(bridge, now_fs, port_number, number, n_bytes):
    """Change what a port's ingress occupies by class; the port may have to stop the other end, or resume it."""
    if level_changes(bridge, now_fs, port_number, number, n_bytes):
        start_sending(bridge, now_fs, port_number)


@kernel
def start_sending(bridge, now_fs, port_number):
    """Start on the next frame of a port's queue, if nothing is being sent and there is one that may be."""
    port = bridge.port[port_number]
    if port.sending != NOBODY:
        return
    if port.params.n_classes > 0 and is_control_due(bridge, port_number):
        start_control_frame(bridge, now_fs, port_number)
        return
    place = NOBODY
    if port.params.is_scheduled:
        place = pop_in_turn(bridge, now_fs, port_number)
    elif port.queue.first != NOBODY:
        place = pop(bridge, port.queue)
    if place == NOBODY:
        return
    slot = bridge.slot[place]
    busy_fs = wire_time_fs(port, slot.crossing.n_bytes)
    slot.crossing.begun_fs = now_fs
    slot.crossing.come_fs = now_fs + busy_fs + port.params.propagation_fs
    if port.params.joined == NOBODY:
        slot.holds = 2
        append(bridge, port.begun, place)
    else:
        slot.holds = 1
        comes(bridge, port.params.joined, slot.crossing)
    port.sending = place
    port.counts.tx_busy_fs += busy_fs
    set_timer(bridge.clock, now_fs + busy_fs, SENT, port_number)
    if port.params.is_outside:
        set_timer(bridge.clock, slot.crossing.come_fs, LEFT, port_number)


@kernel
def leaves(bridge, now_fs, port_number):
    """Note that a frame has reached the stations outside."""
    place = pop(bridge, bridge.port[port_number].begun)
    crossing = bridge.slot[place].crossing
    come_outside(bridge.ledger, now_fs, crossing, bridge.outside_flow[crossing.template])
    let_go(bridge, place)


@kernel
def sent(bridge, now_fs, port_number):
    """Note that a port has sent a frame, and start on the next."""
    port = bridge.port[port_number]
    slot = bridge.slot[port.sending]
    crossing = slot.crossing
    n_bytes, came_by, of_class = crossing.n_bytes, np.int64(slot.came_by), np.int64(slot.of_class)
    if port.params.is_tapped:
        passes(bridge, now_fs, port_number, 1, crossing)
    logical_port = bridge.logical_port[bridge.slot[port.sending].logical_port]
    let_go(bridge, port.sending)
    port.sending = NOBODY
    port.counts.tx_frames += 1
    port.counts.tx_bytes += padded_bytes(n_bytes)
    logical_port.counts.tx_frames += 1
    logical_port.counts.tx_bytes += padded_bytes(n_bytes)
    change(port.counts.waiting, now_fs, -n_bytes)
    change(bridge.box[port.params.box].counts.waiting, now_fs, -n_bytes)
    if port.params.n_classes > 0:
        room_changes(bridge, now_fs, came_by, of_class, -n_bytes)
    elif port.params.is_scheduled:
        change(logical_port.counts.waiting, now_fs, -n_bytes)
    start_sending(bridge, now_fs, port_number)


@kernel
def refresh(bridge, now_fs, port_number):
    """Let a port tell again what is over, if that is due now."""
    own = bridge.pauses[port_number]
    if own.refresh_fs == now_fs:
        own.refresh_is_due = 1
        start_sending(bridge, now_fs, port_number)


@kernel
def resumes(bridge, now_fs, port_number):
    """Restart a port that the rates of its logical ports, or stops, have held back, if it is not sending."""
    port = bridge.port[port_number]
    if now_fs == port.resumes_fs:
        port.resumes_fs = NEVER
    if port.params.n_classes > 0:
        stops_end(bridge, now_fs, port_number)
    start_sending(bridge, now_fs, port_number)


@kernel
def lose(bridge, port_number, place, reason):
    """Count a frame or copy that ends here, one of a mirror apart; its place is free."""
    port = bridge.port[port_number]
    port.counts.drops[reason] += 1
    if bridge.slot[place].crossing.journey.tx_queue == MIRRORED_BY_BRIDGE:
        mirrored_lost(bridge.ledger.counts, reason)
    else:
        box = bridge.box[port.params.box]
        box.counts.dropped += 1
        box.counts.drops[reason] += 1
    free_place(bridge, place)


@kernel
def has_room(box, port, logical_port, n_bytes):
    """Tell whether a copy fits into the buffer of the port, or of all, and if scheduled its logical port's queue."""
    if port.params.is_scheduled and logical_port.counts.waiting.level + n_bytes > logical_port.params.buffer_bytes:
        return False
    level = box.counts.waiting.level if box.params.shares_buffer else port.counts.waiting.level
    return level + n_bytes <= box.params.buffer_bytes


@kernel
def enqueue(bridge, now_fs, place, way):
    """Put a frame into the queue of a port, or drop it where it finds no room."""
    logical_port = bridge.logical_port[way.logical_port]
    port_number = logical_port.params.port
    port = bridge.port[port_number]
    crossing = bridge.slot[place].crossing
    n_bytes = crossing.n_bytes + way.delta_bytes
    box = bridge.box[port.params.box]
    has_classes = port.params.n_classes > 0
    fits = has_room_in_part(bridge, place, n_bytes) if has_classes else has_room(box, port, logical_port, n_bytes)
    if port.is_shut or not fits:
        lose(bridge, port_number, place, PORT_SECURITY if port.is_shut else QUEUE_FULL)
        logical_port.counts.dropped += 1
        return
    crossing.template = way.template
    crossing.n_bytes = n_bytes
    bridge.slot[place].logical_port = way.logical_port
    if logical_port.params.watched_out:
        hold(bridge, place, way.logical_port, LEFT_BY)
    change(port.counts.waiting, now_fs, n_bytes)
    change(box.counts.waiting, now_fs, n_bytes)
    if has_classes:
        queue_number = port.params.first_class_queue + bridge.slot[place].of_class
        gets_frame(bridge, port, queue_number)
        append(bridge, bridge.logical_port[queue_number].queue, place)
        came_by, of_class = np.int64(bridge.slot[place].came_by), np.int64(bridge.slot[place].of_class)
        room_changes(bridge, now_fs, came_by, of_class, n_bytes)
    elif port.params.is_scheduled:
        change(logical_port.counts.waiting, now_fs, n_bytes)
        gets_frame(bridge, port, way.logical_port)
        append(bridge, logical_port.queue, place)
    else:
        append(bridge, port.queue, place)
    start_sending(bridge, now_fs, port_number)


@kernel
def flood(bridge, box, now_fs, place, hop):
    """Put a copy of a frame into the queue of each port where somebody may want it, the frame itself into the last."""
    if bridge.slot[place].crossing.journey.tx_queue == MIRRORED_BY_BRIDGE:
        bridge.ledger.counts.mirrored_made += hop.n_flood - 1
    else:
        box.counts.flooded += int(hop.target != NOBODY)
        box.counts.replicated += hop.n_flood - 1
    last = hop.first_flood + hop.n_flood - 1
    for number in range(hop.first_flood, last + 1):
        copy = place
        if number < last:
            copy = take_place(bridge)
            bridge.slot[copy].crossing = bridge.slot[place].crossing
            bridge.slot[copy].came_by, bridge.slot[copy].of_class = (
                bridge.slot[place].came_by,
                bridge.slot[place].of_class,
            )
        if hop.home.logical_port == bridge.way[number].logical_port:
            enqueue(bridge, now_fs, copy, hop.home)
        else:
            enqueue(bridge, now_fs, copy, bridge.way[number])


@kernel
def send_on(bridge, servers, box, now_fs, place, number):
    """Send a frame to its destination's port, or to all who may want it; return why it is dropped, or `NO_REASON`."""
    hop = bridge.hop[number]
    logical_port = port_of(bridge, now_fs, hop.target)
    if logical_port != NOBODY:
        if logical_port == hop.logical_port and bridge.logical_port[logical_port].params.is_hairpin == 0:
            return SAME_PORT
        if not may_reach(bridge, hop.logical_port, logical_port):
            return PVLAN
        if hop.home.logical_port == logical_port:
            enqueue(bridge, now_fs, place, hop.home)
            return NO_REASON
    if hop.n_flood == NOT_SOUGHT:
        seek_flood(bridge, servers, number)
        hop = bridge.hop[number]
    if logical_port != NOBODY:
        for at in range(hop.first_flood, hop.first_flood + hop.n_flood):
            if bridge.way[at].logical_port == logical_port:
                enqueue(bridge, now_fs, place, bridge.way[at])
                return NO_REASON
        return NO_DESTINATION
    elif hop.n_flood == 0:
        return why_nowhere(bridge, servers, number)
    else:
        flood(bridge, box, now_fs, place, hop)
    return NO_REASON


@kernel
def forward(bridge, servers, now_fs, port_number):
    """Forward the frame of a port that is due, unless a change of latency has moved it to another time."""
    port = bridge.port[port_number]
    if now_fs != port.forwards_fs:
        return
    place = pop(bridge, port.come)
    crossing = bridge.slot[place].crossing
    port.forwards_fs = NEVER
    if port.come.first != NOBODY:
        forwards_at(bridge, port_number, max(bridge.slot[port.come.first].due_fs, now_fs))
    number = crossing.template
    if port.params.n_classes > 0:
        note_class(bridge, port_number, place, number)
    have_room_for_hops(bridge, 1)
    hop = bridge.hop[number]
    if hop.stamp != bridge.generation:
        decide_hop(bridge, servers, number)
    port.counts.rx_frames += 1
    port.counts.rx_bytes += padded_bytes(crossing.n_bytes)
    logical_port = bridge.logical_port[hop.logical_port]
    logical_port.counts.rx_frames += 1
    logical_port.counts.rx_bytes += padded_bytes(crossing.n_bytes)
    box = bridge.box[port.params.box]
    box.counts.forwarded += 1
    if logical_port.params.sampler and port.is_shut == 0:
        sample(bridge, now_fs, logical_port.params.sampler - 1, crossing)
    if logical_port.params.watched_in and port.is_shut == 0:
        hold(bridge, place, np.int64(hop.logical_port), CAME)
    reason = hop.reason if takes_in(bridge, now_fs, port, hop.source, hop.logical_port) else PORT_SECURITY
    if reason == NO_REASON:
        if hop.policer != NOBODY and not police(bridge.policer[hop.policer], now_fs, crossing.n_bytes + FCS_BYTES):
            reason = RATE_LIMITED
        else:
            reason = send_on(bridge, servers, box, now_fs, place, number)
    if reason != NO_REASON:
        if reason == KEPT_HERE and bridge.has_agents:
            note_kept(bridge, now_fs, port_number, crossing)
        lose(bridge, port_number, place, reason)
    if bridge.params.n_mirrors > 0:
        mirror_held(bridge, servers, now_fs)


@out_of_line
def mirror_held(bridge, servers, now_fs):
    """Let mirrors copy the frames that are held."""
    while bridge.watched.first != NOBODY:
        held = pop(bridge, bridge.watched)
        slot = bridge.slot[held]
        passed, logical = np.int64(slot.holds), bridge.logical_port[slot.logical_port]
        mirrors = logical.params.watched_in if passed == CAME else logical.params.watched_out
        for number in range(bridge.params.n_mirrors):
            if mirrors >> number & 1:
                see(bridge, servers, held)
                if copies(bridge, bridge.mirror[number], held):
                    send_mirrored(bridge, servers, now_fs, held, number)
        free_place(bridge, held)


@kernel
def send_mirrored(bridge, servers, now_fs, held, number):
    """Send a mirror's copy of what is seen: by its port, or as a frame that comes in by the bridge's own port."""
    mirror, held_slot = bridge.mirror[number], bridge.slot[held]
    port_number = bridge.logical_port[held_slot.logical_port].params.port
    n_made = write_copy(bridge, mirror, 2 * port_number + np.int64(held_slot.holds))
    delta_bytes = n_made - bridge.seen.n_bytes
    place = take_place(bridge)
    bridge.slot[place] = bridge.slot[held]
    crossing = bridge.slot[place].crossing
    crossing.journey.tx_queue, crossing.journey.number = MIRRORED_BY_BRIDGE, mirror.n_sent
    mirror.n_sent += 1
    bridge.ledger.counts.mirrored_made += 1
    have_room_for_hops(bridge, 2)
    if mirror.params.kind == TO_PORT:
        way, to = bridge.own, mirror.params.to
        way.logical_port, way.delta_bytes = to, delta_bytes
        way.template = beyond(
            bridge, servers, bridge.logical_port[to].params.port, 0, MIRRORED_BY_BRIDGE, bridge.made, n_made
        )
        enqueue(bridge, now_fs, place, way)
        return
    own = OWN_PORTS + mirror.params.box
    crossing.n_bytes += delta_bytes
    hop_number = hop_of(bridge, own, 0, MIRRORED_BY_BRIDGE, bridge.made, n_made)
    comes_in_by_own(bridge, servers, now_fs, place, hop_number)


@kernel
def comes_in_by_own(bridge, servers, now_fs, place, hop_number):
    """Send on a frame that a bridge has made itself, by the hop of its header at the bridge's own port."""
    port_number = np.int64(bridge.hop_header[hop_number].port)
    if bridge.hop[hop_number].stamp != bridge.generation:
        decide_hop(bridge, servers, hop_number)
    reason = np.int64(bridge.hop[hop_number].reason)
    if reason == NO_REASON:
        box = bridge.box[bridge.port[port_number].params.box]
        reason = send_on(bridge, servers, box, now_fs, place, hop_number)
    if reason != NO_REASON:
        lose(bridge, port_number, place, reason)


@out_of_line
def note_kept(bridge, now_fs, port_number, crossing):
    """Note a frame that a bridge keeps to itself for agents there, and let the run end behind this instant."""
    if bridge.n_kept == len(bridge.kept) and not lengthened(bridge.kept):
        bridge.ledger.overflow = 1
        return
    kept = bridge.kept[bridge.n_kept]
    kept.at_fs, kept.port, kept.hop = now_fs, port_number, crossing.template
    kept.n_bytes, kept.index = crossing.n_bytes, crossing.index
    bridge.n_kept += 1
    bridge.ledger.is_stopping = CAME_TRUE


@out_of_line
def send_own(bridge, servers, now_fs, command):
    """Put a frame that an agent at a bridge sends into the queue of a port; its header is one of those from outside."""
    port_number, value, first = command.part, bridge.commands.value, command.first_value
    number, n_bytes, index = value[first], value[first + 1] - FCS_BYTES, value[first + 2]
    port, header = bridge.port[port_number], servers[0].headers.template_header[number]
    place = take_place(bridge)
    slot = bridge.slot[place]
    slot.came_by, slot.of_class = port_number % OWN_PORTS, 0
    crossing = slot.crossing
    crossing.n_bytes, crossing.hash, crossing.index = n_bytes, 0, index
    begin_from_wire(crossing.journey, now_fs, bridge.n_own, number, index)
    crossing.journey.switched_fs = crossing.journey.sent_fs = now_fs
    if port_number >= OWN_PORTS:
        bridge.n_own += 1
        bridge.ledger.counts.offered += 1
        have_room_for_hops(bridge, 2)
        hop_number = hop_of(bridge, port_number, header.sender, header.target, header.octets, header.n_bytes)
        comes_in_by_own(bridge, servers, now_fs, place, hop_number)
        return
    own = bridge.own
    own.logical_port, own.delta_bytes = bridge.listed[port.params.first_logical], 0
    own.template = template_at(
        bridge, servers[port.params.server], port, header.sender, header.target, header.octets, header.n_bytes
    )
    bridge.n_own += 1
    bridge.ledger.counts.offered += 1
    enqueue(bridge, now_fs, place, own)
    if bridge.params.n_mirrors > 0:
        mirror_held(bridge, servers, now_fs)


@kernel
def advance_bridge(bridge, servers, until_fs):
    """Handle all that happens in bridges joined by wires up to a time; return when their next event is.

    Servers do not run meanwhile: headers that frames will have beyond a wire are looked up there, and entered. Behind
    an instant at which agents hear something it ends.
    """
    clock = bridge.clock
    while clock.next_at[TIMERS] <= until_fs and clock.overflow == 0:
        now_fs = clock.next_at[TIMERS]
        clock.now_fs = now_fs
        kind, port_number = take_timer(clock)
        clock.n_events += 1
        if kind == SENT:
            sent(bridge, now_fs, port_number)
        elif kind == DUE:
            forward(bridge, servers, now_fs, port_number % MAX_BRIDGE_PORTS)
            if bridge.n_kept > 0:
                until_fs = min(until_fs, now_fs)
        elif kind == RESUMED:
            resumes(bridge, now_fs, port_number)
        elif kind == CONTROL_SENT:
            control_frame_sent(bridge, now_fs, port_number)
        elif kind == CONTROL_TAKEN:
            obey_stops(bridge, now_fs, port_number)
            start_sending(bridge, now_fs, port_number)
        elif kind == REFRESH_DUE:
            refresh(bridge, now_fs, port_number)
        else:
            leaves(bridge, now_fs, port_number)
    return min(clock.next_at[TIMERS], NEVER)
