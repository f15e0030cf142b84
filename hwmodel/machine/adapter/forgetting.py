"""Purging the link of the rings of a function that is taken away: requests and writes not yet sent, TLPs in flight.

The rings are those numbered from `first` up to, but not including, `end`.
"""

from __future__ import annotations

from hwmodel.compiled.compilation import kernel
from hwmodel.machine.adapter.flow_control import room_is_free
from hwmodel.machine.adapter.switching import frame_in
from hwmodel.machine.counts.histogram import change
from hwmodel.machine.pcie.link import on_wire
from hwmodel.machine.pcie.links import MASK, number_of
from hwmodel.machine.pcie.reads import free_places, release_tag
from hwmodel.machine.time.clock import DOWN_ARRIVAL, IN_MEMORY, LANE_CAP, UP_ARRIVAL
from hwmodel.machine.tlp_kinds import CLASS_OF, PAYLOAD_READ, POSTED_CREDIT, TX_DOORBELL, TX_WRITEBACK


@kernel
def forget_requests(nic, now_fs, pcie, first, end):
    """Take read requests out of NP: their tags are free.

    Requests already sent are still answered, but yield no descriptors, and no driver unmaps the buffers that they read.
    """
    queue = pcie.up.second
    for at in range(queue.head, queue.tail):
        entry = queue.ring[at & queue.mask]
        if first <= entry.queue < end:
            forget_request(nic, now_fs, pcie, entry.tag)
    take_out(pcie.up, queue, 1, first, end)
    for number in range(pcie.tags.params.n_tags):
        tag = pcie.tags.slot[number]
        if first <= tag.queue < end:
            tag.n_descriptors, tag.ends_frame = 0, 0


@kernel
def forget_request(nic, now_fs, pcie, number):
    """Free the tag of a request that never leaves; a frame whose last outstanding read it was counts as read."""
    tag = pcie.tags.slot[number]
    free_places(nic, pcie, number)
    release_tag(nic, pcie, now_fs, number)
    nic.reads.has_freed = 1
    if tag.kind == PAYLOAD_READ:
        frame = nic.grants.ring[tag.frame & nic.grants.mask]
        frame.reads_left -= 1
        if frame.reads_left == 0:
            frame_in(nic, now_fs, tag.frame)


@kernel
def forget_writes(nic, now_fs, pcie, first, end):
    """Take what waits in P, up and down; payload gives its room in the Rx buffer back."""
    queue = pcie.up.first
    for at in range(queue.head, queue.tail):
        entry = queue.ring[at & queue.mask]
        if first <= entry.queue < end and entry.room_bytes > 0:
            change(nic.counts.rx_buffer, now_fs, -entry.room_bytes)
            if nic.params.has_flow_control:
                room_is_free(nic, now_fs, entry.queue, entry.room_bytes)
            nic.rx_writing = max(0, nic.rx_writing - 1)
    take_out(pcie.up, queue, 0, first, end)
    take_out(pcie.down, pcie.down.first, 0, first, end)


@kernel
def take_out(link, queue, is_second, first, end):
    """Take the transactions of some rings out of a queue; the others close up toward its tail.

    The entry whose TLP is on the link stays readable: in the queue, or at the place just before its head.
    """
    is_sending = link.is_busy and link.sends_second == is_second
    kept = queue.tail
    for at in range(queue.tail - 1, queue.head - 1, -1):
        entry = queue.ring[at & queue.mask]
        if first <= entry.queue < end:
            continue
        kept -= 1
        if kept != at:
            queue.ring[kept & queue.mask] = entry
            if is_sending and link.place == at:
                link.place = kept
    if is_sending and link.place < kept - 1:
        queue.ring[(kept - 1) & queue.mask] = queue.ring[link.place & queue.mask]
        link.place = kept - 1
    queue.head = kept


@kernel
def forget_in_flight(nic, now_fs, pcie, first, end):
    """Disarm the rings' posted TLPs on the link or in flight, and writes not yet in memory: nobody notices them."""
    clock, number, host = nic.clock, number_of(pcie), pcie.params.host & MASK
    if pcie.up.is_busy and pcie.up.sends_second == 0:
        forget_write(nic, now_fs, on_wire(pcie.up), first, end)
    lane = clock.lane[UP_ARRIVAL + number]
    for at in range(lane.head, lane.tail):
        entry = pcie.up_arrivals.ring[lane.ring[at & (LANE_CAP - 1)].word]
        if CLASS_OF[entry.kind] == POSTED_CREDIT and first <= entry.queue < end:
            entry.is_last = 0
    lane = clock.lane[IN_MEMORY + host]
    for at in range(lane.head, lane.tail):
        entry = nic.host[host].memory_writes.ring[lane.ring[at & (LANE_CAP - 1)].word]
        if first <= entry.queue < end:
            entry.kind, entry.n = TX_WRITEBACK, 0
    if pcie.down.is_busy and pcie.down.sends_second == 0:
        forget_doorbell(on_wire(pcie.down), first, end)
    lane = clock.lane[DOWN_ARRIVAL + number]
    for at in range(lane.head, lane.tail):
        forget_doorbell(pcie.down_arrivals.ring[lane.ring[at & (LANE_CAP - 1)].word], first, end)
    if pcie.params.by_tree:
        forget_in_switches(pcie, first, end)


@kernel
def forget_in_switches(pcie, first, end):
    """Disarm the rings' posted TLPs that are crossing PCIe switches; clearing slots already used up is harmless."""
    for slot in range(min(pcie.up_arrivals.tail, LANE_CAP)):
        entry = pcie.up_arrivals.ring[slot]
        if CLASS_OF[entry.kind] == POSTED_CREDIT and first <= entry.queue < end:
            entry.is_last = 0
    for slot in range(min(pcie.tree.slots.tail, LANE_CAP)):
        forget_doorbell(pcie.tree.slots.ring[slot], first, end)
    queue = pcie.tree.first
    for at in range(queue.head, queue.tail):
        forget_doorbell(queue.ring[at & queue.mask], first, end)


@kernel
def forget_write(nic, now_fs, entry, first, end):
    """Disarm a write that is on the link; a payload's room in the Rx buffer is free now."""
    if first <= entry.queue < end:
        if entry.is_last:
            change(nic.counts.rx_buffer, now_fs, -entry.room_bytes)
            if nic.params.has_flow_control and entry.room_bytes > 0:
                room_is_free(nic, now_fs, entry.queue, entry.room_bytes)
        entry.is_last = 0


@kernel
def forget_doorbell(entry, first, end):
    """Turn a doorbell, or another access to a register, into a doorbell for 0 descriptors."""
    if CLASS_OF[entry.kind] == POSTED_CREDIT and first <= entry.queue < end:
        entry.kind, entry.n = TX_DOORBELL, 0
