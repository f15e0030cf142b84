"""Between the Tx and Rx buffers: the switch's decisions carried out, local copies, frames to and from the MAC."""

from __future__ import annotations

import numpy as np

from hwmodel.compiled.compilation import inlined, kernel, out_of_line
from hwmodel.compiled.records import NEVER
from hwmodel.forwarding.drop_reason import DropReason
from hwmodel.forwarding.header_store import TO_ALL, TO_GROUP
from hwmodel.forwarding.police import police
from hwmodel.forwarding.port_set import UPLINK
from hwmodel.machine.adapter.adapter_state import PIPE_CAP
from hwmodel.machine.adapter.class_turns import NOBODY
from hwmodel.machine.adapter.flow_control import (
    fits_part,
    give_room,
    move_into_part,
    receive_in_part,
    take_room,
)
from hwmodel.machine.adapter.packet_plane import feed_local, join_class, take_next
from hwmodel.machine.adapter.receive import lay_copies, serve_rx_buffer
from hwmodel.machine.adapter.room_turns import (
    fits_rx_buffer,
    has_turn,
    leave_tx_buffer,
    local_has_turn,
    n_local,
    note_moved,
    release_tx_room,
    takes_turn,
)
from hwmodel.machine.adapter.switch_bus import ask_for_bus, take_passed
from hwmodel.machine.adapter.uplink import post_to_adapter
from hwmodel.machine.adapter.writeback import descriptors_done
from hwmodel.machine.counts.histogram import change, set_stalled
from hwmodel.machine.counts.journeys import (
    UNMEASURED,
    came_by_bridge_fs,
    journey_from_bridge,
    journey_from_wire,
    journey_lost,
    journey_of_copy,
    journey_of_next,
    stamp_switched,
    stamp_switched_in,
)
from hwmodel.machine.counts.outcome import (
    UNDECIDED,
    copy_dropped,
    delivered_to_wire,
    mirrored_lost,
    new_group,
    sent_to_bridge,
    wire_copy_dropped,
)
from hwmodel.machine.frames import COPY_CAP, GRANT_CAP, NO_GROUP
from hwmodel.machine.growing_ring import entered
from hwmodel.machine.guest.cores import look_at_idle
from hwmodel.machine.network.control_frames import hears_control_frame, look_whether_due
from hwmodel.machine.network.link_partner import partner_begins
from hwmodel.machine.network.mac import first_on_line, send, start_sending, take_from_line, take_sent, take_unsent
from hwmodel.machine.network.pauses import DEAD, class_of_header, is_heard, named_in, stopped_in
from hwmodel.machine.network.wires import CONTROL_FRAME, padded_bytes, take_come, wire_time_fs
from hwmodel.machine.switch.decisions import hash_beyond, hash_on_arrival, ring_of_copy, template_of
from hwmodel.machine.switch.segments import frames_of, journey_of_piece, lose_pieces, policed_bytes
from hwmodel.machine.time.clock import PIPELINE
from hwmodel.machine.time.events import set_next
from hwmodel.machine.traffic.sources import count_offered
from hwmodel.rules.ethernet import FCS_BYTES
from hwmodel.rules.steering import USUAL_TABLE

LINK_DOWN = DropReason.LINK_DOWN.value
OVERSIZE = DropReason.OVERSIZE.value
RATE_LIMITED = DropReason.RATE_LIMITED.value
RECEIVE_LIMIT = DropReason.RECEIVE_LIMIT.value
RX_BUFFER_FULL = DropReason.RX_BUFFER_FULL.value
PIPE_MASK = PIPE_CAP - 1
RSS_MASK = USUAL_TABLE - 1  # of the entries of the PF's RSS table, which name its rings in turn


@kernel
def wire_done(nic, number, now_fs):
    """Finish a copy that a port has sent."""
    copy = take_sent(nic, number, now_fs)
    release_tx_room(nic, now_fs, copy)
    mac = nic.port[number].mac
    if mac.params.has_peer:
        sent_to_bridge(nic, now_fs, copy)
    else:
        delivered_to_wire(nic, now_fs, copy)
    if mac.is_stopped:
        look_what_is_next(nic, number, now_fs)
    if nic.params.arbitrates:
        feed_wire(nic, number, now_fs)


@out_of_line
def look_what_is_next(nic, number, now_fs):
    """Restart a port that may have been stopped: with a control frame, or a copy; a dead wire loses all that wait."""
    mac = nic.port[number].mac
    if mac.is_stopped & DEAD:
        lose_unsent(nic, number, now_fs)
    elif mac.is_sending == 0:
        look_whether_due(nic, number, now_fs)
        if mac.is_sending == 0 and mac.is_stopped == 0 and mac.fifo.head != mac.fifo.tail:
            start_sending(nic, number, now_fs)
    if nic.params.arbitrates:
        feed_wire(nic, number, now_fs)


@kernel
def feed_wire(nic, number, now_fs):
    """Start the packet plane's next copy on a port's wire, if that is idle; a dead wire loses all that wait."""
    packets, mac = nic.arbiter.wire[number], nic.port[number].mac
    while packets.n_waiting > 0 and mac.fifo.head == mac.fifo.tail and mac.is_stopped & ~DEAD == 0:
        tx_class = take_next(nic, packets, mac.fifo)
        if tx_class == NOBODY:
            return
        nic.arbiter.counts.wire_bytes[tx_class] += mac.fifo.ring[mac.fifo.tail & mac.fifo.mask].n_bytes + FCS_BYTES
        change(nic.counts.wire_waiting, now_fs, -1)
        send(nic, number, now_fs)
        if mac.is_stopped:
            lose_unsent(nic, number, now_fs)


@kernel
def lose_unsent(nic, number, now_fs):
    """Drop the copies that wait at a port whose wire is dead, but for one that is being sent."""
    mac = nic.port[number].mac
    while mac.is_sending == 0 and mac.fifo.head != mac.fifo.tail:
        copy = take_unsent(nic, number, now_fs)
        release_tx_room(nic, now_fs, copy)
        nic.virtual_switch.bond.leg[number].counts.lost_out += 1
        wire_copy_dropped(nic, now_fs, copy, LINK_DOWN)


@inlined
def store_in_rx_buffer(nic, now_fs, copy):
    """Move a copy into the Rx buffer."""
    fifo = nic.rx_fifo
    place = fifo.tail & fifo.mask
    fifo.ring[place] = copy
    fifo.ring[place].entered_fs = now_fs
    entered(nic.clock, fifo)
    change(nic.counts.rx_buffer, now_fs, copy.n_bytes)


@inlined
def move_local_copies(nic, now_fs):
    """Move copies from the Tx buffer to the Rx buffer while they fit, and start the Rx DMA."""
    if nic.params.has_virtual_switch:
        lay_copies(nic, now_fs)
        serve_rx_buffer(nic, now_fs)
        if nic.virtual_switch.looks_due:
            nic.virtual_switch.looks_due = 0
            look_at_idle(nic, now_fs)
        return
    has_room = True
    while has_room:
        fifo = nic.loopback
        while fifo.head != fifo.tail or (nic.params.arbitrates and feed_local(nic)):
            copy = fifo.ring[fifo.head & fifo.mask]
            fits = fits_rx_buffer(nic, copy.n_bytes) and local_has_turn(nic, 0, copy.n_bytes)
            if not fits and not (nic.params.has_flow_control and move_into_part(nic, now_fs, copy)):
                break
            fifo.head += 1
            if fits:
                store_in_rx_buffer(nic, now_fs, copy)
                note_moved(nic, 0, copy.n_bytes)
            release_tx_room(nic, now_fs, copy)
        has_room = serve_rx_buffer(nic, now_fs)
    set_stalled(nic.ledger.counts.stalls.rx_buffer, now_fs, nic.loopback.head != nic.loopback.tail)


@out_of_line
def wait_for_wire(nic, now_fs, frame, copy):
    """Let a copy wait with its class until the packet plane lets it go by the wire of its port."""
    copy.tx_class = frame.tx_class
    change(nic.counts.wire_waiting, now_fs, 1)
    join_class(nic, nic.arbiter.wire[frame.adapter_port], copy)
    feed_wire(nic, frame.adapter_port, now_fs)


@kernel
def may_receive(nic, now_fs, frame, kind, copy):
    """Say whether a copy is within the receive limit of its function; if not, drop it."""
    bucket = nic.arbiter.receives[kind.function]
    if bucket.params.burst == 0 or police(bucket, now_fs, copy.n_bytes + FCS_BYTES):
        return True
    copy.tx_class = frame.tx_class
    release_tx_room(nic, now_fs, copy)
    copy_dropped(nic, now_fs, copy, RECEIVE_LIMIT)
    return False


@inlined
def make_copy(nic, now_fs, frame, number, group, journey):
    """Make the copy for one egress port: to the MAC, to the loopback FIFO, or from the wire into the Rx buffer."""
    ledger = nic.ledger
    kind = nic.traffic.copy_kind[number]
    if kind.is_mirrored:
        ledger.counts.mirrored_made += 1
    else:
        ledger.counts.copies_made += 1
    mac = nic.port[frame.adapter_port].mac
    fifo = mac.fifo if kind.port == UPLINK else nic.loopback
    copy = fifo.ring[fifo.tail & fifo.mask]
    copy.journey = journey
    copy.entered_fs = now_fs
    copy.copy_kind = number
    copy.n_bytes = frame.n_bytes + kind.delta_bytes
    copy.group = group
    if frame.is_wire and mac.params.has_peer:
        stamp_switched_in(ledger, now_fs, journey, number)
    else:
        stamp_switched(ledger, now_fs, journey, number)
    copy.tx_bytes = 0 if frame.is_wire or nic.params.has_virtual_switch else frame.n_bytes
    if kind.counts_offered:  # else counted with the frame
        ledger.flow[kind.flow].offered += 1
    if kind.port == UPLINK:
        ledger.counts.wire_copies += 1
        copy.queue = frame.hash  # not a ring here: the next adapter gets the hash
        if nic.params.has_virtual_switch:
            post_to_adapter(nic, now_fs, frame, copy)
            return
        if nic.params.arbitrates:
            wait_for_wire(nic, now_fs, frame, copy)
            return
        send(nic, frame.adapter_port, now_fs)
        if mac.is_stopped:
            look_what_is_next(nic, frame.adapter_port, now_fs)
        return
    copy.queue = ring_of_copy(nic, frame, kind)
    if nic.params.limits_receivers and not may_receive(nic, now_fs, frame, kind, copy):
        return
    if frame.is_wire == 0 or nic.params.has_virtual_switch:
        if nic.params.arbitrates:
            copy.tx_class = frame.tx_class
            join_class(nic, nic.arbiter.local, copy)
            return
        entered(nic.clock, fifo)
        return
    is_its_turn = nic.params.turns_at_switch == 0 or takes_turn(nic, frame, copy.n_bytes)
    if is_its_turn and fits_rx_buffer(nic, copy.n_bytes):
        store_in_rx_buffer(nic, now_fs, copy)
    elif not (is_its_turn and nic.params.has_flow_control and receive_in_part(nic, now_fs, frame, copy)):
        copy_dropped(nic, now_fs, copy, RX_BUFFER_FULL)


@kernel
def note_received(nic, frame, first):
    """Count a frame from the wire as a port's good-frame registers do: let in by the switch, with room for it.

    `first`: its first copy, for which room is looked for.
    """
    kind, counts = nic.traffic.copy_kind[first], nic.port[frame.adapter_port].mac.counts
    n_bytes = frame.n_bytes + kind.delta_bytes
    fits = kind.port == UPLINK or fits_rx_buffer(nic, n_bytes)
    if not fits and nic.params.has_flow_control:
        fits = fits_part(nic, class_of_header(nic, frame.template), n_bytes)
    if nic.params.turns_at_switch and kind.port != UPLINK:
        fits = fits and has_turn(nic, frame, n_bytes)
    if not fits:
        return
    counts.good_frames += 1
    counts.good_bytes += padded_bytes(frame.n_bytes)
    if kind.cast == TO_GROUP:
        counts.multicast += 1
    elif kind.cast == TO_ALL:
        counts.broadcast += 1


@kernel
def drop_frame(nic, now_fs, frame, template, reason, n_mirrored):
    """Drop a frame by decision; its room in the Tx buffer is free at once, or when its mirrored copies have left it."""
    ledger, n = nic.ledger, 1
    if frame.is_wire and frame.journey == UNMEASURED:  # a copy that a bridge has mirrored
        mirrored_lost(ledger.counts, reason)
        return
    if nic.params.has_virtual_switch and frame.is_wire == 0:
        n = frames_of(nic, frame.template, frame.n_bytes)
        count_offered(ledger, template, n - 1)
        lose_pieces(ledger, now_fs, frame.journey, n - 1)
    ledger.counts.dropped += n
    ledger.counts.drops[reason] += n
    journey_lost(ledger, now_fs, frame.journey)
    if template.flow >= 0:
        ledger.flow[template.flow].dropped += n
    if frame.is_wire == 0:
        ledger.function[template.function].drops[reason] += n
        if n_mirrored == 0 and nic.params.has_virtual_switch == 0:
            leave_tx_buffer(nic, now_fs, frame.n_bytes, frame.tx_class)


@inlined
def switch_frame(nic, now_fs, frame):
    """Carry out the decision on one frame."""
    template = template_of(nic, frame.template)
    nic.ledger.counts.switched += 1 - frame.is_wire
    reason = template.reason
    first, n_copies, n_mirrored = template.first_copy, template.n_copies, template.n_mirrored
    if frame.n_bytes > template.longest_bytes:
        reason = OVERSIZE
        n_mirrored = 0
    elif template.policer >= 0 and not police(nic.traffic.policer[template.policer], now_fs, policed_bytes(nic, frame)):
        reason = RATE_LIMITED
        first += n_copies + n_mirrored
        n_mirrored = template.n_mirrored_refused
    if reason > 0:
        drop_frame(nic, now_fs, frame, template, reason, n_mirrored)
        if n_mirrored == 0:
            return
        n_copies = 0
    elif frame.is_wire and nic.params.has_virtual_switch == 0:
        note_received(nic, frame, first)
        if frame.journey == UNMEASURED:  # a copy that a bridge has mirrored goes on as others
            nic.ledger.counts.mirrored_made -= 1
            n_copies, n_mirrored = 0, n_copies + n_mirrored
    n_all = n_copies + n_mirrored
    group, came_fs = NO_GROUP, 0
    if n_all > 1:
        came_fs = came_by_bridge_fs(nic.ledger, frame.journey)
        group = new_group(nic, n_copies, n_mirrored)
        if nic.loopback.tail - nic.loopback.head + n_all > COPY_CAP:
            nic.clock.overflow = 1
    others_wait = nic.loopback.head != nic.loopback.tail
    for number in range(first, first + n_all):
        if number >= first + n_copies:
            journey = UNMEASURED
        elif number == first:
            journey = frame.journey
        else:
            journey = journey_of_copy(nic.ledger, now_fs, frame.journey, came_fs)
        make_copy(nic, now_fs, frame, number, group, journey)
    if not others_wait or frame.is_wire:
        nic.moves_due = 1  # else they queue behind others, for which nothing has changed


@kernel
def wait_for_bus(nic, now_fs, frame):
    """Queue a frame for the switch core's bus; one from the wire is dropped if the ingress FIFO is full."""
    template = nic.traffic.template[frame.template]
    port = UPLINK if frame.is_wire else nic.function[template.function].params.port
    if not ask_for_bus(nic, now_fs, frame, port):
        drop_frame(nic, now_fs, frame, template, RX_BUFFER_FULL, 0)


@kernel
def pass_by_uplink(nic, now_fs, frame):
    """Pass a frame between the virtual switch and the wire: out to the MAC, or in toward the host."""
    if frame.is_wire:
        toward_host(nic, now_fs, frame)
        return
    mac = nic.port[frame.adapter_port].mac
    copy = mac.fifo.ring[mac.fifo.tail & mac.fifo.mask]
    copy.copy_kind, copy.journey, copy.group = frame.template, frame.index, frame.hash
    copy.queue = hash_beyond(nic, frame.template)
    if nic.guests.params.mss_bytes > 0:
        nic.ledger.counts.cut_frames += 1
        if frame.n_more > 0 or frame.n_done == 0:  # not the last frame, which has the segment's own journey
            copy.journey = journey_of_piece(nic.ledger, now_fs, frame.index, 0)
            nic.ledger.journeys.slot[frame.index].number += 1
    copy.entered_fs = now_fs
    copy.n_bytes = copy.tx_bytes = frame.n_bytes
    nic.virtual_switch.bond.leg[frame.adapter_port].counts.passed += 1
    send(nic, frame.adapter_port, now_fs)
    if mac.is_stopped:
        look_what_is_next(nic, frame.adapter_port, now_fs)


@kernel
def toward_host(nic, now_fs, frame):
    """Store a frame from the wire in the Rx buffer, for a ring of the uplink; the virtual switch will decide on it.

    Until then its hash is kept in place of its group.
    """
    template = nic.traffic.template[frame.template]
    waits_turn = nic.params.turns_at_switch != 0 and not takes_turn(nic, frame, frame.n_bytes)
    if waits_turn or not fits_rx_buffer(nic, frame.n_bytes):
        drop_frame(nic, now_fs, frame, template, RX_BUFFER_FULL, 0)
        return
    counts = nic.port[frame.adapter_port].mac.counts
    counts.good_frames += 1
    counts.good_bytes += padded_bytes(frame.n_bytes)
    params = nic.virtual_switch.params
    copy = nic.rx_fifo.ring[nic.rx_fifo.tail & nic.rx_fifo.mask]
    copy.copy_kind, copy.journey, copy.group = UNDECIDED - frame.template, frame.journey, frame.hash
    first = params.first_ring + frame.adapter_port * params.n_leg_rings
    copy.queue = first + (hash_on_arrival(nic, frame) & RSS_MASK) % params.n_leg_rings
    copy.n_bytes, copy.tx_bytes, copy.entered_fs = frame.n_bytes, 0, now_fs
    entered(nic.clock, nic.rx_fifo)
    change(nic.counts.rx_buffer, now_fs, frame.n_bytes)
    nic.moves_due = 1


@inlined
def to_switch(nic, now_fs, frame):
    """Pass a frame to the switch, over its bus if it takes time (`switch.timing: core`)."""
    if nic.params.has_virtual_switch:
        pass_by_uplink(nic, now_fs, frame)
    elif nic.port[frame.adapter_port].bus.params.cycle_fs == 0:
        switch_frame(nic, now_fs, frame)
    else:
        wait_for_bus(nic, now_fs, frame)


@kernel
def bus_passed(nic, number, now_fs):
    """Switch the frame that has passed a bus."""
    switch_frame(nic, now_fs, nic.port[number].bus.passing[take_passed(nic, number)])


@inlined
def into_pipeline(nic, now_fs, frame):
    """Pass a frame to the switch, through the pipeline if its rate is limited (`nic.max_pps`)."""
    if nic.params.pipeline_fs == 0:
        to_switch(nic, now_fs, frame)
    else:
        join_pipeline(nic, now_fs, frame)


@kernel
def join_pipeline(nic, now_fs, frame):
    """Queue a frame at the pipeline; one from the wire waits in the Rx buffer, and is dropped if that is full."""
    if frame.is_wire:
        if n_local(nic) > 0:
            nic.moves_due = 1  # its line has had more room, or lost more
        if nic.params.turns_at_pipeline and not takes_turn(nic, frame, frame.n_bytes):
            has_room = False
        elif nic.params.has_flow_control:
            has_room = take_room(nic, now_fs, class_of_header(nic, frame.template), frame.n_bytes)
        else:
            has_room = nic.counts.rx_buffer.level + frame.n_bytes <= nic.params.rx_buffer_bytes
        if not has_room or nic.pipe_tail - nic.pipe_head >= GRANT_CAP:
            drop_frame(nic, now_fs, frame, nic.traffic.template[frame.template], RX_BUFFER_FULL, 0)
            return
        if nic.params.has_flow_control == 0:
            change(nic.counts.rx_buffer, now_fs, frame.n_bytes)
    busy_fs = nic.params.pipeline_fs
    place = nic.pipe_tail & PIPE_MASK
    nic.pipe[place] = frame
    waiting = nic.pipe[place]
    nic.pipeline_busy_until_fs = max(nic.pipeline_busy_until_fs, now_fs) + busy_fs
    nic.counts.pipeline_busy_fs += busy_fs
    waiting.ready_fs = nic.pipeline_busy_until_fs
    if nic.pipe_head == nic.pipe_tail:
        set_next(nic.clock, PIPELINE, waiting.ready_fs)
    nic.pipe_tail += 1


@kernel
def pipeline_done(nic, now_fs):
    """Take a frame out of the pipeline."""
    frame = nic.pipe[nic.pipe_head & PIPE_MASK]
    nic.pipe_head += 1
    next_fs = NEVER if nic.pipe_head == nic.pipe_tail else nic.pipe[nic.pipe_head & PIPE_MASK].ready_fs
    set_next(nic.clock, PIPELINE, next_fs)
    if frame.is_wire:
        if nic.params.has_flow_control:
            give_room(nic, now_fs, class_of_header(nic, frame.template), frame.n_bytes)
        else:
            change(nic.counts.rx_buffer, now_fs, -frame.n_bytes)
        nic.moves_due = 1
    to_switch(nic, now_fs, frame)


@out_of_line
def count_read(nic, now_fs, number, n_frames, n_bytes):
    """Count a ring's frame that is complete in the Tx buffer, or the frames of a send that one read has brought."""
    queue = nic.tx_queue[number]
    queue.counts.frames += n_frames
    queue.counts.n_bytes += n_bytes
    function = nic.function[queue.params.function]
    if function.first_in_fs == NEVER:
        function.first_in_fs = now_fs


@out_of_line
def send_goes_on(nic, now_fs, grant, journey):
    """Follow up a send's frame that has gone on: make the next of the same read, or its descriptors are done.

    `journey`: that of the next frame, if there is one.
    """
    if grant.n_more > 0:
        grant.journey = journey
        if nic.params.has_virtual_switch:
            grant.hash = NO_GROUP  # the first frame has it
        grant.n_more -= 1
        if grant.n_more == 0:
            grant.n_bytes = grant.last_bytes
            nic.ledger.journeys.slot[journey].ends_send = int(grant.n_done > 0)
    elif grant.n_done > 0 and grant.queue >= 0:
        nic.ledger.counts.sends += 1
        nic.ledger.counts.send_descriptors += grant.n_done
        # 64-bit numbers, as its other caller passes: else it and all that it calls would be compiled twice.
        descriptors_done(nic, now_fs, np.int64(grant.queue), np.int64(grant.n_done))


@inlined
def frame_in(nic, now_fs, grant):
    """Note that all of a frame's payload is in the Tx buffer; frames go on in the order in which they were picked."""
    frame = nic.grants.ring[grant & nic.grants.mask]
    nic.ledger.journeys.slot[frame.journey].payload_in_fs = now_fs
    grants, cuts_sends, n_frames, n_bytes = nic.grants, nic.guests.params.mss_bytes > 0, 1, frame.n_bytes
    if cuts_sends and frame.n_more > 0:
        n_frames, n_bytes = 1 + frame.n_more, frame.n_more * frame.n_bytes + frame.last_bytes
    while grants.head != grants.tail:
        first = grants.ring[grants.head & grants.mask]
        if first.reads_left > 0:
            break
        journey = UNMEASURED
        if cuts_sends and first.n_more > 0:
            if nic.params.has_virtual_switch == 0:
                journey = journey_of_next(nic.ledger, first.journey)
        else:
            grants.head += 1
        into_pipeline(nic, now_fs, first)
        if cuts_sends:
            send_goes_on(nic, now_fs, first, journey)
    if frame.queue >= 0:  # else its function has gone
        own = nic.ledger.function[nic.tx_queue[frame.queue].params.function]
        own.sent_bytes += n_bytes + n_frames * FCS_BYTES
        own.sent_frames += n_frames
        if not cuts_sends:  # those of a send are done as its last frame goes on
            nic.done_queue = frame.queue
        if nic.params.counts_rings:
            count_read(nic, now_fs, frame.queue, n_frames, n_bytes)


@kernel
def lose_from_bridge(nic, number, now_fs, crossing):
    """Drop a frame that a bridge has sent on a dead wire; a control frame is lost uncounted."""
    if crossing.template == CONTROL_FRAME:
        return
    frame = first_on_line(nic.port[number].mac.line)
    frame.is_wire, frame.journey = 1, journey_from_bridge(nic.ledger, now_fs, crossing.journey)
    nic.ledger.counts.from_wire += 1
    drop_frame(nic, now_fs, frame, template_of(nic, crossing.template), LINK_DOWN, 0)


@kernel
def frame_from_bridge(nic, number, now_fs):
    """Take in a frame whose last byte has come to a port from the bridge; on a dead wire it is lost."""
    crossing = take_come(nic, number)
    mac = nic.port[number].mac
    if mac.params.is_down:
        lose_from_bridge(nic, number, now_fs, crossing)
        return
    mac.counts.rx_busy_fs += wire_time_fs(mac, crossing.n_bytes)
    if crossing.template == CONTROL_FRAME:
        said = crossing.journey.template
        if nic.params.has_flow_control and is_heard(nic.pauses.params, said):
            hears_control_frame(nic, number, now_fs, named_in(said), stopped_in(said), crossing.index)
        return
    mac.counts.rx_bytes += padded_bytes(crossing.n_bytes)
    frame = first_on_line(mac.line)
    frame.template = crossing.template
    frame.n_bytes = crossing.n_bytes
    frame.hash = crossing.hash
    frame.index = crossing.index
    frame.is_wire, frame.adapter_port = 1, number
    frame.journey = journey_from_bridge(nic.ledger, now_fs, crossing.journey)
    nic.ledger.counts.from_wire += 1
    into_pipeline(nic, now_fs, frame)


@kernel
def line_done(nic, number, now_fs):
    """Take in a frame whose last byte has come to a port from the wire."""
    if nic.port[number].mac.params.has_peer:
        frame_from_bridge(nic, number, now_fs)
        return
    ledger = nic.ledger
    frame = take_from_line(nic, number)
    if nic.params.has_flow_control:
        partner_begins(nic, number, now_fs)
    frame.journey = journey_from_wire(ledger, now_fs, frame.template, frame.index)
    ledger.counts.from_wire += 1
    template = template_of(nic, frame.template)
    count_offered(ledger, template, 1)
    if nic.port[number].mac.params.is_down:
        nic.virtual_switch.bond.leg[number].counts.lost_in += 1
        drop_frame(nic, now_fs, frame, template, LINK_DOWN, 0)
        return
    into_pipeline(nic, now_fs, frame)
