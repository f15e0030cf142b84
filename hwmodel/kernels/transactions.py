"""What waits for the link: transactions, entered whole into the queue of their ordering class."""

from __future__ import annotations

from . import inlined, kernel
from .layout import READ_TO_COMPLETION
from .rings import entered


@inlined
def enqueue(nic, queue, now_fs, kind, ring_queue, n_bytes, address, n, room_bytes, tag):
    """Enter a transaction into an ordering queue."""
    entry = queue.ring[queue.tail & queue.mask]
    entry.at_fs = now_fs
    entry.kind = kind
    entry.queue = ring_queue
    entry.left_bytes = n_bytes
    entry.address = address
    entry.n = n
    entry.room_bytes = room_bytes
    entry.tag = tag
    entered(nic, queue)


@inlined
def post_write(nic, now_fs, kind, ring_queue, n_bytes, address, n, room_bytes):
    """Enter a memory write toward the host: before those of this instant that come later in the order of kinds."""
    queue = nic.up.first
    enqueue(nic, queue, now_fs, kind, ring_queue, n_bytes, address, n, room_bytes, 0)
    if queue.tail - 1 > nic.up.chosen_tail:
        pass_later_kinds(nic.up, now_fs)


@kernel
def pass_later_kinds(link, now_fs):
    """Let the last entry of P pass those of its instant that come later in the order of kinds.

    What stood there when the link last chose stays ahead.
    """
    queue = link.first
    position = queue.tail - 1
    while position > link.chosen_tail:
        entry, before = queue.ring[position & queue.mask], queue.ring[(position - 1) & queue.mask]
        if before.at_fs < now_fs or before.kind <= entry.kind:
            break
        pass_before(queue, position)
        position -= 1


@kernel
def post_ring_write(nic, now_fs, kind, ring_queue, ring_length, first_descriptor, n_descriptors, n):
    """Enter a write-back of descriptors, cut where the ring wraps; `n` counts what its last part stands for."""
    start = first_descriptor % ring_length
    before_wrap = min(n_descriptors, ring_length - start)
    if before_wrap < n_descriptors:
        post_write(nic, now_fs, kind, ring_queue, 16 * before_wrap, 16 * start, 0, 0)
        post_write(nic, now_fs, kind, ring_queue, 16 * (n_descriptors - before_wrap), 0, n, 0)
    else:
        post_write(nic, now_fs, kind, ring_queue, 16 * n_descriptors, 16 * start, n, 0)


@inlined
def answer_read(nic, ready_fs, tag_number):
    """Enter a read's completions into CPL, in the order in which the host has them ready (jitter may turn it)."""
    tag = nic.tags.slot[tag_number]
    queue = nic.down.second
    kind = tag.kind + READ_TO_COMPLETION
    enqueue(nic, queue, ready_fs, kind, tag.queue, tag.n_bytes, tag.address, 0, 0, tag_number)
    position = queue.tail - 1
    # A read whose first completion has left may not be overtaken any more: its entry was ready before.
    while position > queue.head and queue.ring[(position - 1) & queue.mask].at_fs > ready_fs:
        pass_before(queue, position)
        position -= 1


@kernel
def pass_before(queue, position):
    """Exchange a waiting transaction with the one before it, by way of the place behind the last, which is free."""
    own, before, free = position & queue.mask, (position - 1) & queue.mask, queue.tail & queue.mask
    queue.ring[free] = queue.ring[before]
    queue.ring[before] = queue.ring[own]
    queue.ring[own] = queue.ring[free]
