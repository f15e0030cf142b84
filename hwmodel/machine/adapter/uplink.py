"""The virtual switch's uplink: rings of the adapter's, by which the switch sends to the wire and receives from it.

They lie behind those of all guests and, unlike them, across the link. In one of the Tx rings a post's `template` is the
kind of copy that leaves, `index` its journey, `hash` its group.
"""

from __future__ import annotations

from hwmodel.compiled.compilation import kernel
from hwmodel.forwarding.drop_reason import DropReason
from hwmodel.machine.counts.histogram import change
from hwmodel.machine.counts.outcome import wire_copy_dropped
from hwmodel.machine.counts.passed_flows import mark
from hwmodel.machine.growing_ring import widen_posts
from hwmodel.machine.network.bond import NO_LEG, leg_of
from hwmodel.machine.pcie.links import uplink_ring_of

LINK_DOWN = DropReason.LINK_DOWN.value
TX_RING_FULL = DropReason.TX_RING_FULL.value


@kernel
def post_to_adapter(nic, now_fs, frame, copy):
    """Post a copy for the wire to the adapter; it is dropped if the ring is full, or no leg of a bond is used."""
    number = uplink_ring_of(nic, frame.queue)
    bond = nic.virtual_switch.bond
    if bond.params.n_legs > 0:
        leg = leg_of(bond, nic.headers.copy_header[copy.copy_kind], nic.port[0].switch.steering.flow, False)
        if leg == NO_LEG:
            bond.counts.without_leg += 1
            wire_copy_dropped(nic, now_fs, copy, LINK_DOWN)
            return
        number += leg * nic.virtual_switch.params.n_leg_rings
    queue = nic.tx_queue[number]
    if queue.reserved - queue.freed >= queue.slots:
        wire_copy_dropped(nic, now_fs, copy, TX_RING_FULL)
        return
    if queue.reserved + 1 - queue.picked > queue.mask + 1:
        widen_posts(nic.guests, queue)
    post = nic.guests.post[queue.first + (queue.reserved & queue.mask)]
    post.offered_fs, post.n_bytes = now_fs, copy.n_bytes
    post.template, post.index, post.hash = copy.copy_kind, copy.journey, copy.group
    post.marks, post.n_descriptors, post.n_frames = 0, 1, 1
    queue.reserved += 1
    queue.posted += 1
    queue.highest = max(queue.highest, queue.reserved - queue.freed)
    change(nic.ledger.counts.tx_ring, now_fs, 1)
    if nic.virtual_switch.params.marks:
        mark(nic, copy.copy_kind, queue.waiting_bytes)
        queue.waiting_bytes += copy.n_bytes
    if nic.guests.driver[queue.params.function].adapts_moderation:
        nic.rx_queue[number].posted_bytes += copy.n_bytes
    if copy.group >= 0:  # of a frame's copies it alone will be in the adapter's Tx buffer
        nic.groups.slot[copy.group].left_in_tx_buffer = 1
