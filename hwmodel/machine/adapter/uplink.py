"""The virtual switch's uplink: rings of the adapter by which the switch sends to the wire and receives from it.

Their numbers follow those of all guests' rings; unlike these they are across the link. In an uplink's Tx ring a post's
`template` is the kind of copy that leaves, `index` its journey, `hash` its group; a post of several frames is a segment
that the adapter cuts.
"""

from __future__ import annotations

from hwmodel.compiled.compilation import kernel
from hwmodel.forwarding.drop_reason import DropReason
from hwmodel.machine.counts.histogram import change
from hwmodel.machine.counts.outcome import wire_copy_dropped
from hwmodel.machine.counts.passed_flows import mark
from hwmodel.machine.frames import NO_GROUP
from hwmodel.machine.growing_ring import widen_posts
from hwmodel.machine.guest.guest_state import NO_RING
from hwmodel.machine.network.bond import NO_LEG, leg_of
from hwmodel.machine.pcie.links import uplink_ring_of
from hwmodel.machine.switch.segments import journey_of_piece, pieces_of, slots_of_copy
from hwmodel.machine.traffic.sources import reserve_more

LINK_DOWN = DropReason.LINK_DOWN.value
TX_RING_FULL = DropReason.TX_RING_FULL.value


@kernel
def post_to_adapter(nic, now_fs, frame, copy):
    """Post a copy for the wire to the adapter; it is dropped if the ring is full, or no leg of a bond is in use.

    A segment goes whole or not at all: as one send that the adapter cuts, or as the frames that the core has cut it
    into.
    """
    params, n_frames = nic.virtual_switch.params, 1
    if params.mss_bytes > 0:
        n_frames = count_pieces(nic, frame, copy)
    number = ring_for(nic, frame, copy)
    if number == NO_RING:
        nic.virtual_switch.bond.counts.without_leg += n_frames
        lose_copy(nic, now_fs, copy, n_frames, LINK_DOWN)
        return
    queue, n_slots = nic.tx_queue[number], slots_of_copy(nic, copy.n_bytes, 0)
    is_send = params.mss_bytes > 0 and params.cuts == 0
    if is_send and queue.last_template == copy.copy_kind and nic.guests.driver[queue.params.function].keeps_context:
        n_slots -= 1
    if queue.reserved - queue.freed + n_slots > queue.slots:
        lose_copy(nic, now_fs, copy, n_frames, TX_RING_FULL)
    elif is_send:
        post_copy(nic, now_fs, number, copy, n_slots, n_frames)
    elif params.cuts:
        post_pieces(nic, now_fs, number, copy, n_frames)
    else:
        post_copy(nic, now_fs, number, copy, 1, 1)


@kernel
def count_pieces(nic, frame, copy):
    """Count a segment that leaves as the frames that are cut of it; return how many these are."""
    n_frames = pieces_of(nic.virtual_switch.params, frame.n_bytes)
    ledger, kind = nic.ledger, nic.traffic.copy_kind[copy.copy_kind]
    ledger.counts.offered += n_frames - 1
    ledger.counts.copies_made += n_frames - 1
    ledger.counts.wire_copies += n_frames - 1
    if kind.flow >= 0:
        ledger.flow[kind.flow].offered += n_frames - 1
    return n_frames


@kernel
def ring_for(nic, frame, copy):
    """Return in which of the uplink's rings a copy is posted, `NO_RING` if no leg of a bond is in use."""
    number, bond = uplink_ring_of(nic, frame.queue), nic.virtual_switch.bond
    if bond.params.n_legs == 0:
        return number
    leg = leg_of(bond, nic.headers.copy_header[copy.copy_kind], nic.port[0].switch.steering.flow, False)
    if leg == NO_LEG:
        return NO_RING
    return number + leg * nic.virtual_switch.params.n_leg_rings


@kernel
def lose_copy(nic, now_fs, copy, n_frames, reason):
    """Drop a copy with all frames that it was to be cut into; the first of them belongs to its group."""
    place, group = copy.journey, copy.group
    for behind in range(n_frames - 1, -1, -1):
        copy.journey, copy.group = place, group
        if behind > 0:
            copy.journey, copy.group = journey_of_piece(nic.ledger, now_fs, place, behind), NO_GROUP
        wire_copy_dropped(nic, now_fs, copy, reason)


@kernel
def post_pieces(nic, now_fs, number, copy, n_frames):
    """Cut a segment into frames and post them; the first has its journey and its group."""
    params, place = nic.virtual_switch.params, copy.journey
    last_bytes = copy.n_bytes - (n_frames - 1) * params.mss_bytes
    copy.n_bytes = params.header_bytes + nic.traffic.copy_kind[copy.copy_kind].delta_bytes + params.mss_bytes
    for behind in range(n_frames):
        if behind > 0:
            copy.journey, copy.group = journey_of_piece(nic.ledger, now_fs, place, behind), NO_GROUP
        if behind == n_frames - 1:
            copy.n_bytes = last_bytes
        post_copy(nic, now_fs, number, copy, 1, 1)
    nic.ledger.counts.cut_frames += n_frames
    nic.ledger.counts.sends += 1
    nic.ledger.counts.send_descriptors += n_frames


@kernel
def post_copy(nic, now_fs, number, copy, n_slots, n_frames):
    """Post a copy in a ring of the uplink that has room for it: a frame, or a send of several frames."""
    queue = nic.tx_queue[number]
    while queue.reserved + n_slots - queue.picked > queue.mask + 1:
        widen_posts(nic.guests, queue)
    post = nic.guests.post[queue.first + (queue.reserved & queue.mask)]
    post.offered_fs, post.n_bytes = now_fs, copy.n_bytes
    post.template, post.index, post.hash = copy.copy_kind, copy.journey, copy.group
    post.marks, post.n_descriptors, post.n_frames = 0, n_slots, n_frames
    reserve_more(nic, queue, post)
    queue.reserved += n_slots
    queue.posted += n_slots
    queue.highest = max(queue.highest, queue.reserved - queue.freed)
    change(nic.ledger.counts.tx_ring, now_fs, n_slots)
    if nic.virtual_switch.params.marks:
        header_bytes = nic.virtual_switch.params.header_bytes + nic.traffic.copy_kind[copy.copy_kind].delta_bytes
        mark(nic, copy.copy_kind, queue.waiting_bytes, n_frames)
        queue.waiting_bytes += copy.n_bytes + (n_frames - 1) * header_bytes
    if nic.guests.driver[queue.params.function].adapts_moderation:
        nic.rx_queue[number].posted_bytes += copy.n_bytes
    if copy.group >= 0:  # the only copy of its frame to enter the adapter's Tx buffer
        nic.groups.slot[copy.group].left_in_tx_buffer = 1
