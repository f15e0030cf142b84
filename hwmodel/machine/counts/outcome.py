"""What becomes of frames and copies: delivered, dropped, counted once, logged."""

from __future__ import annotations

from hwmodel.compiled.compilation import inlined, kernel, out_of_line
from hwmodel.compiled.far_tables import lengthened
from hwmodel.forwarding.drop_reason import DropReason
from hwmodel.forwarding.header_store import TO_ALL, TO_ONE, UNKNOWN
from hwmodel.machine.counts.heard import hear
from hwmodel.machine.counts.histogram import bucket, observe
from hwmodel.machine.counts.journeys import (
    journey_ends_there,
    journey_from_bridge,
    journey_lost,
    stamp_switched_in,
)
from hwmodel.machine.counts.ledger_state import FRAMES_REACHED, HEARD, LOG_CAP, LOG_FULL, LOG_RESERVE, LOGGED
from hwmodel.machine.frames import GROUP_CAP
from hwmodel.machine.time.stalls import is_stalled
from hwmodel.rules.ethernet import FCS_BYTES

NO_DESCRIPTOR, RX_BUFFER_FULL, TX_RING_FULL = (
    reason.value for reason in (DropReason.NO_DESCRIPTOR, DropReason.RX_BUFFER_FULL, DropReason.TX_RING_FULL)
)
UNDECIDED = -1  # less its template, in place of a kind of copy: of a frame on its way to a virtual switch


@out_of_line
def new_group(nic, n_copies, n_mirrored):
    """Begin to track a frame with several copies, mirrored ones among them; return its number."""
    groups = nic.groups
    if groups.n_free == 0:
        nic.clock.overflow = 1
        return 0
    groups.n_free -= 1
    number = groups.free[groups.n_free] + (GROUP_CAP - 1 - groups.n_free)
    group = groups.slot[number]
    group.n_copies = n_copies
    group.left = n_copies
    group.left_mirrored = n_mirrored
    group.left_in_tx_buffer = n_copies + n_mirrored
    group.delivered = 0
    return number


@inlined
def close_if_settled(groups, number):
    """Stop tracking a frame when none of its copies is left."""
    group = groups.slot[number]
    if group.left == 0 and group.left_mirrored == 0 and groups.n_free < GROUP_CAP:
        groups.free[groups.n_free] = number - (GROUP_CAP - 1 - groups.n_free)
        groups.n_free += 1


@inlined
def copy_settled(nic, number, is_delivered):
    """Settle one copy: its frame is delivered with the first delivered copy, dropped when none was."""
    counts = nic.ledger.counts
    if number < 0:
        if is_delivered:
            counts.delivered += 1
        else:
            counts.dropped += 1
        return
    groups = nic.groups
    group = groups.slot[number]
    if is_delivered and group.delivered == 0:
        group.delivered = 1
        counts.delivered += 1
    group.left -= 1
    if group.left == 0 and group.delivered == 0:
        counts.dropped += 1
    close_if_settled(groups, number)


@inlined
def mirrored_settled(groups, number):
    """Settle a mirrored copy: whatever became of it, its frame's fate is that of the other copies."""
    if number >= 0:
        groups.slot[number].left_mirrored -= 1
        close_if_settled(groups, number)


@out_of_line
def mirrored_delivered(nic, copy_kind, group):
    """Count a mirrored copy that its guest can see."""
    ledger = nic.ledger
    ledger.counts.mirrored += 1
    ledger.function[nic.traffic.copy_kind[copy_kind].function].mirrored += 1
    mirrored_settled(nic.groups, group)


@kernel
def mirrored_lost(counts, reason):
    """Count a copy that a bridge has mirrored, and that is lost before it is anybody's."""
    counts.mirrored_dropped += 1
    counts.mirrored_drops[reason] += 1


@kernel
def copy_dropped(nic, now_fs, copy, reason):
    """Count a copy that is lost on its way to a guest."""
    ledger = nic.ledger
    if copy.copy_kind <= UNDECIDED:
        undecided_dropped(nic, now_fs, copy, reason)
        return
    kind = nic.traffic.copy_kind[copy.copy_kind]
    if kind.is_mirrored:
        ledger.counts.mirrored_dropped += 1
        ledger.counts.mirrored_drops[reason] += 1
        ledger.function[kind.function].mirrored_drops[reason] += 1
        mirrored_settled(nic.groups, copy.group)
    else:
        copy_lost(nic, now_fs, copy, kind.function, reason)


@inlined
def count_in_stall(nic, now_fs, reason, n):
    """Count losses at a full ring, or for want of room before it, while the host's drivers serve none."""
    if reason in (NO_DESCRIPTOR, RX_BUFFER_FULL, TX_RING_FULL) and is_stalled(nic.guests.params.stall, now_fs):
        nic.ledger.counts.lost_in_stalls += n


@kernel
def copy_lost(nic, now_fs, copy, function, reason):
    """Count a dropped copy at a function, and for its flow and its frame; close its journey."""
    ledger, flow = nic.ledger, nic.traffic.copy_kind[copy.copy_kind].flow
    journey_lost(ledger, now_fs, copy.journey)
    ledger.counts.copies_dropped += 1
    ledger.counts.drops[reason] += 1
    ledger.function[function].drops[reason] += 1
    count_in_stall(nic, now_fs, reason, 1)
    if flow >= 0:
        ledger.flow[flow].dropped += 1
    copy_settled(nic, copy.group, False)


@kernel
def undecided_dropped(nic, now_fs, copy, reason):
    """Count a frame from the wire that is lost on its way to the virtual switch: nobody knows for whom it was."""
    ledger = nic.ledger
    flow = nic.traffic.template[UNDECIDED - copy.copy_kind].flow
    ledger.counts.dropped += 1
    ledger.counts.drops[reason] += 1
    count_in_stall(nic, now_fs, reason, 1)
    if flow >= 0:
        ledger.flow[flow].dropped += 1
    journey_lost(ledger, now_fs, copy.journey)


@kernel
def wire_copy_dropped(nic, now_fs, copy, reason):
    """Count a copy that is lost on its way to the wire, at its sender: no function here was to get it."""
    sender = nic.traffic.template[nic.headers.copy_header[copy.copy_kind].template].function
    copy_lost(nic, now_fs, copy, sender, reason)


@inlined
def stop_if_reached(ledger, flow):
    """End the run behind this instant if it has delivered what it was to deliver, in all or of the watched flow."""
    if ledger.counts.delivered >= ledger.delivered_target or flow.delivered == flow.stop_at:
        ledger.is_stopping = FRAMES_REACHED


@inlined
def note_latency(ledger, flow, now_fs, journey):
    """Count a delivered copy's latency."""
    latency_fs = now_fs - journey.posted_fs
    observe(flow.latency, latency_fs)
    observe(ledger.counts.delivery, latency_fs)
    place = bucket(latency_fs)
    counts = ledger.latency_counts[place]
    counts.n_delivery += 1
    counts.delivery_fs += float(latency_fs)
    ledger.histogram[flow.histogram, place] += 1
    from_doorbell_fs = now_fs - journey.rung_fs
    observe(ledger.counts.from_doorbell, from_doorbell_fs)
    ledger.latency_counts[bucket(from_doorbell_fs)].n_from_doorbell += 1


@out_of_line
def note_delivery(ledger, now_fs, copy_kind, n_bytes, journey):
    """Enter a delivery into the log that Python writes to a pcap."""
    log = ledger.log
    if log.n == len(log.entry) and not lengthened(log.entry):
        ledger.overflow = 1
        return
    entry = log.entry[log.n]
    entry.at_fs = now_fs
    entry.index = journey.index
    entry.template = journey.template
    entry.copy_kind = copy_kind
    entry.n_bytes = n_bytes
    log.n += 1
    if log.n > LOG_CAP - LOG_RESERVE:
        ledger.is_stopping = LOG_FULL


@out_of_line
def group_delivered(ledger, kind):
    """Count a copy for a group, or for all, that its guest can see."""
    if kind.cast == TO_ALL:
        ledger.function[kind.function].broadcast += 1
    else:
        ledger.function[kind.function].multicast += 1


@inlined
def delivered_to_guest(nic, now_fs, finished):
    """Count a copy that its guest can see."""
    ledger = nic.ledger
    kind = nic.traffic.copy_kind[finished.copy_kind]
    if kind.cast != TO_ONE:
        group_delivered(ledger, kind)
    if kind.is_mirrored:
        mirrored_delivered(nic, finished.copy_kind, finished.group)
        return
    counts, function = ledger.counts, ledger.function[kind.function]
    flow = ledger.flow[kind.flow]
    frame_bytes = finished.n_bytes + FCS_BYTES
    counts.copies_delivered += 1
    counts.vm_copies += 1
    counts.delivered_bytes += frame_bytes
    flow.delivered += 1
    flow.n_bytes += frame_bytes
    function.received_bytes += frame_bytes
    function.received_frames += 1
    copy_settled(nic, finished.group, True)
    stop_if_reached(ledger, flow)
    journey = ledger.journeys.slot[finished.journey]
    function.latency_fs += float(now_fs - journey.posted_fs)
    note_latency(ledger, flow, now_fs, journey)
    if ledger.log.enabled:
        note_at_guest(nic, now_fs, finished, journey)


@out_of_line
def note_at_guest(nic, now_fs, finished, journey):
    """Enter a delivery to a guest into the log, if that is written, and tell who listens for it."""
    if nic.ledger.log.enabled & LOGGED:
        note_delivery(nic.ledger, now_fs, finished.copy_kind, finished.n_bytes, journey)
    if nic.ledger.log.enabled & HEARD:
        hear(nic, now_fs, finished, journey.index)


@kernel
def sent_to_bridge(nic, now_fs, copy):
    """Count a copy that the MAC has sent to a bridge; one of several becomes a frame of its own from here on.

    Mirrored copies do not count as others.
    """
    nic.ledger.counts.copies_delivered += 1
    nic.ledger.counts.sent_to_bridge += 1
    if copy.group >= 0:
        group = nic.groups.slot[copy.group]
        group.left -= 1
        if group.n_copies > 1:
            nic.ledger.counts.replicated += 1
            if group.left == 0 and group.delivered == 0:
                nic.ledger.counts.dropped += 1
        close_if_settled(nic.groups, copy.group)
    journey_lost(nic.ledger, now_fs, copy.journey)


@kernel
def delivered_to_wire(nic, now_fs, copy):
    """Count a copy that the MAC has sent."""
    ledger = nic.ledger
    counts = ledger.counts
    flow = ledger.flow[nic.traffic.copy_kind[copy.copy_kind].flow]
    counts.copies_delivered += 1
    counts.delivered_to_wire += 1
    flow.delivered += 1
    flow.n_bytes += copy.n_bytes + FCS_BYTES
    copy_settled(nic, copy.group, True)
    stop_if_reached(ledger, flow)
    journey = ledger.journeys.slot[copy.journey]
    note_latency(ledger, flow, now_fs, journey)
    if ledger.log.enabled & LOGGED:
        note_delivery(ledger, now_fs, copy.copy_kind, copy.n_bytes, journey)
    if ledger.log.enabled & HEARD:
        hear(nic, now_fs, copy, journey.index)
    journey.sent_fs = now_fs
    journey_ends_there(ledger, now_fs, copy.journey)


@kernel
def come_outside(ledger, now_fs, crossing, flow_number):
    """Count a frame that a bridge has sent to a station outside; its template is the kind of its last copy.

    `flow_number`: `UNKNOWN` of a copy that a bridge has mirrored.
    """
    if flow_number == UNKNOWN:
        ledger.counts.mirrored += 1
        return
    flow = ledger.flow[flow_number]
    ledger.counts.delivered += 1
    ledger.counts.delivered_to_wire += 1
    flow.delivered += 1
    flow.n_bytes += crossing.n_bytes + FCS_BYTES
    note_latency(ledger, flow, now_fs, crossing.journey)
    if ledger.log.enabled & LOGGED:
        note_delivery(ledger, now_fs, crossing.template, crossing.n_bytes, crossing.journey)
    place = journey_from_bridge(ledger, now_fs, crossing.journey)
    stamp_switched_in(ledger, now_fs, place, crossing.template)
    journey_ends_there(ledger, now_fs, place)
