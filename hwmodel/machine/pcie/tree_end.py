"""An adapter's end of a PCIe tree: what its link hands to the switch above it, and what that switch sends down."""

from __future__ import annotations

import numpy as np

from hwmodel.compiled.compilation import kernel
from hwmodel.compiled.records import NEVER
from hwmodel.machine.counts.histogram import set_stalled
from hwmodel.machine.pcie.link import (
    can_send,
    consume,
    keep_for_read,
    keep_slot,
    occupy,
    on_link,
    on_wire,
    received,
    served_down,
)
from hwmodel.machine.pcie.links import number_of
from hwmodel.machine.time.clock import COMPLETION_READY, DOWN_ARRIVAL, DOWN_DONE, LANE_CAP
from hwmodel.machine.time.events import append, insert
from hwmodel.machine.tlp_kinds import COMPLETION_CREDIT, PAYLOAD_WRITE, REGISTER_COMPLETION


@kernel
def note_landing(landings, at_fs):
    """Note when a TLP has come to the other end of a link; times come in order."""
    landings.at_fs[landings.tail & (LANE_CAP - 1)] = at_fs
    landings.tail += 1


@kernel
def count_landed(pcie, landings, link, opposite, now_fs):
    """Count the TLPs of a link that have landed up to now; it suffices to do so when the opposite direction begins."""
    while landings.head != landings.tail and landings.at_fs[landings.head & (LANE_CAP - 1)] <= now_fs:
        landings.head += 1
        received(pcie, link, opposite)


@kernel
def at_tree(nic, pcie, now_fs):
    """Hand on the TLP that has begun toward the host, and send what the switch has for the adapter.

    Return True if there was something to send, now or later.
    """
    if pcie.up.is_busy and pcie.up.busy_until_fs != pcie.tree.handed_fs:
        hand_up(pcie, now_fs)
    end = pcie.tree
    if pcie.down.is_busy or (end.first.head == end.first.tail and end.second.head == end.second.tail):
        return False
    send_from_switch(nic, pcie, now_fs)
    return True


@kernel
def hand_up(pcie, now_fs):
    """Tell the tree of a TLP that begins on the link up."""
    params, end = pcie.params, pcie.tree
    entry = on_wire(pcie.up)
    is_completion = entry.kind == REGISTER_COMPLETION
    overhead_bytes = params.completion_bytes if is_completion else params.request_bytes
    n_bytes = overhead_bytes + on_link(pcie, entry.address - entry.data_bytes, entry.data_bytes)
    sent = end.sent[end.sent_tail & (LANE_CAP - 1)]
    sent.begun_fs = pcie.up.busy_until_fs - params.duration_fs[n_bytes]
    sent.ends_fs = pcie.up.busy_until_fs
    sent.n_bytes = n_bytes
    sent.data_bytes = entry.data_bytes
    sent.is_read = pcie.up.sends_second
    sent.slot = keep_slot(pcie.up_arrivals, entry)
    end.sent_tail += 1
    end.handed_fs = sent.ends_fs
    count_landed(pcie, end.landings, pcie.up, pcie.down, now_fs)
    note_landing(end.landings, sent.ends_fs + end.params.flight_fs)


@kernel
def head_fs(queue):
    """Return when the head of a queue may leave the switch, `NEVER` where there is none."""
    if queue.head == queue.tail:
        return np.int64(NEVER)
    return queue.ring[queue.head & queue.mask].at_fs


@kernel
def send_from_switch(nic, pcie, now_fs):
    """Send the next TLP that stands at the switch for the adapter; else say when the next may leave."""
    end, number = pcie.tree, number_of(pcie)
    posted_fs, completion_fs = head_fs(end.first), head_fs(end.second)
    is_second = completion_fs <= now_fs and completion_fs < posted_fs
    if is_second:
        data_bytes = end.second.ring[end.second.head & end.second.mask].data_bytes
        can_go = can_send(pcie.credits[COMPLETION_CREDIT], data_bytes)
        set_stalled(nic.ledger.counts.stalls.completion_credits, now_fs, not can_go)
        if can_go:
            consume(pcie.credits[COMPLETION_CREDIT], data_bytes)
            begin_down(nic, pcie, now_fs, end.second, True)
            return
    if posted_fs <= now_fs:
        begin_down(nic, pcie, now_fs, end.first, False)
    else:
        nic.clock.next_at[COMPLETION_READY + number] = posted_fs if is_second else min(posted_fs, completion_fs)


@kernel
def begin_down(nic, pcie, now_fs, queue, is_completion):
    """Put the head of a switch's queue on the adapter's link; its bytes on the link stand in `left_bytes`."""
    link, end, clock, number = pcie.down, pcie.tree, nic.clock, number_of(pcie)
    entry = queue.ring[queue.head & queue.mask]
    queue.head += 1
    count_landed(pcie, end.landings, pcie.up, link, now_fs)
    clock.next_at[DOWN_DONE + number] = occupy(pcie, link, now_fs, entry.kind, entry.left_bytes)
    there_fs = link.busy_until_fs + end.params.flight_fs
    append(clock, DOWN_ARRIVAL + number, there_fs, keep_slot(pcie.down_arrivals, entry))
    if is_completion:
        insert(end.left, link.busy_until_fs, entry.data_bytes)
        if entry.is_last:
            keep_for_read(pcie, link, entry)
    elif entry.kind == PAYLOAD_WRITE:
        gone = end.writes[end.writes_tail & (LANE_CAP - 1)]
        gone.at_fs, gone.data_bytes, gone.came_by = link.busy_until_fs, entry.data_bytes, entry.tag
        end.writes_tail += 1
    else:
        served_down(nic.ledger, link, entry)
