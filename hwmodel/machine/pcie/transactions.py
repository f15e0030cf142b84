"""What waits for the link: transactions, entered whole into the queue of their ordering class."""

from __future__ import annotations

import numpy as np

from hwmodel.compiled.compilation import inlined, kernel, out_of_line
from hwmodel.machine.growing_ring import entered
from hwmodel.machine.pcie.dma_engines import read_ready_fs, write_ready_fs
from hwmodel.machine.pcie.links import is_in_memory, link_of
from hwmodel.machine.time.clock import KICK, NOTICE
from hwmodel.machine.time.events import append
from hwmodel.machine.tlp_kinds import (
    COMPLETION_OF,
    PAYLOAD_READ,
    PAYLOAD_WRITE,
    WITHOUT_ADDRESS,
)
from hwmodel.rules.pcie_link import REGISTER_BYTES

# The word by which guests and the virtual switch notify each other: a kind, then a ring, then a number.
KIND_SHIFT, QUEUE_SHIFT = 48, 32
QUEUE_MASK, N_MASK = (1 << 16) - 1, (1 << 32) - 1


@inlined
def next_entry(queue, at_fs, kind, ring_queue):
    """Return the free entry behind a queue's last, with the fields of every kind set; `entered` then counts it in.

    The caller sets those of the other fields that its kind uses.
    """
    entry = queue.ring[queue.tail & queue.mask]
    entry.at_fs = at_fs
    entry.kind = kind
    entry.queue = ring_queue
    return entry


@inlined
def write_entered(nic, link, now_fs):
    """Count in the memory write at the tail of P, ahead of entries of its instant whose kind comes later.

    With DMA engines it waits there until its engine has it ready; what has no address in memory needs no engine.
    """
    queue = link.first
    if nic.params.has_engines:
        entry = queue.ring[queue.tail & queue.mask]
        entry.ready_fs = now_fs
        if entry.kind not in WITHOUT_ADDRESS:
            entry.ready_fs = write_ready_fs(nic.engines, now_fs, entry.left_bytes)
    entered(nic.clock, queue)
    if queue.tail - 1 > link.chosen_tail:
        pass_later_kinds(link, now_fs)


@inlined
def post_write(nic, now_fs, kind, ring_queue, n_bytes, address, n, room_bytes):
    """Enter a memory write toward the host; `n` counts the frames or descriptors that it stands for.

    As its last TLP leaves it frees `room_bytes` of the Rx buffer.
    """
    link = link_of(nic, ring_queue).up
    entry = next_entry(link.first, now_fs, kind, ring_queue)
    entry.left_bytes = n_bytes
    entry.address = address
    entry.n = n
    entry.room_bytes = room_bytes
    write_entered(nic, link, now_fs)


@inlined
def post_payload_write(nic, now_fs, ring_queue, n_bytes, address, room_bytes):
    """Enter a write of payload, which frees room in the Rx buffer as its last TLP leaves."""
    post_write(nic, now_fs, PAYLOAD_WRITE, ring_queue, n_bytes, address, 0, room_bytes)


@inlined
def post_descriptors(nic, now_fs, kind, ring_queue, entry_bytes, first_place, n_descriptors, n):
    """Enter a write-back of descriptors that lie one behind the other; `n` counts what it stands for."""
    post_write(nic, now_fs, kind, ring_queue, entry_bytes * n_descriptors, entry_bytes * first_place, n, 0)


@kernel
def post_writeback(nic, now_fs, held, first_descriptor, n_descriptors, n):
    """Enter a write-back of descriptors, cut where the ring wraps; `n` counts what its last part stands for.

    `held`: the parameters of the ring's held descriptors.
    """
    kind, ring_queue, ring_length, entry_bytes = held.kind, held.queue, held.ring_length, held.entry_bytes
    place = first_descriptor % ring_length
    before_wrap = min(n_descriptors, ring_length - place)
    if before_wrap < n_descriptors:
        post_descriptors(nic, now_fs, kind, ring_queue, entry_bytes, place, before_wrap, 0)
        post_descriptors(nic, now_fs, kind, ring_queue, entry_bytes, 0, n_descriptors - before_wrap, n)
    else:
        post_descriptors(nic, now_fs, kind, ring_queue, entry_bytes, place, n_descriptors, n)


@out_of_line
def tell(nic, lane, at_fs, kind, ring_queue, n):
    """Notify the host's virtual switch, or a guest of it, without crossing a link."""
    append(nic.clock, lane, at_fs, np.int64(kind) << KIND_SHIFT | np.int64(ring_queue) << QUEUE_SHIFT | np.int64(n))


@inlined
def post_interrupt(nic, now_fs, kind, ring_queue, n):
    """Enter an interrupt that tells of `n` frames."""
    if is_in_memory(nic, ring_queue):
        tell(nic, NOTICE, now_fs, kind, ring_queue, n)
    else:
        post_write(nic, now_fs, kind, ring_queue, REGISTER_BYTES, 0, n, 0)


@kernel
def pass_later_kinds(link, now_fs):
    """Move the last entry of P ahead of those of its instant whose kind comes later.

    Entries that were there when the link last chose stay ahead of it.
    """
    queue = link.first
    position = queue.tail - 1
    while position > link.chosen_tail:
        entry, before = queue.ring[position & queue.mask], queue.ring[(position - 1) & queue.mask]
        if before.at_fs < now_fs or before.kind <= entry.kind:
            break
        pass_before(queue, position)
        position -= 1


@inlined
def access_register(nic, now_fs, kind, ring_queue, n, n_bytes):
    """Enter a driver's access to a register, or its doorbell: `n_bytes` of data that tell of `n` descriptors."""
    queue = link_of(nic, ring_queue).down.first
    entry = next_entry(queue, now_fs, kind, ring_queue)
    entry.left_bytes = n_bytes
    entry.address = 0
    entry.n = n
    entered(nic.clock, queue)


@inlined
def ring_doorbell(nic, now_fs, kind, ring_queue, n, n_bytes):
    """Enter a doorbell of `n_bytes` that tells of `n` frames or descriptors."""
    if is_in_memory(nic, ring_queue):
        tell(nic, KICK, now_fs + nic.virtual_switch.params.kick_fs, kind, ring_queue, n)
    else:
        access_register(nic, now_fs, kind, ring_queue, n, n_bytes)


@kernel
def mark_next(queue, access):
    """Let the next access to a register that is entered be a driver job's, by its number; 0: nobody waits for it."""
    queue.ring[queue.tail & queue.mask].tag = access


@kernel
def request_ready_fs(nic, now_fs, kind, n_bytes):
    """Return when a read request is ready for the link: its engine begins a frame's payload with the first of them."""
    if kind != PAYLOAD_READ:
        return read_ready_fs(nic.engines, now_fs, n_bytes)
    reads = nic.reads
    if reads.left_bytes == reads.whole_bytes:
        nic.engines.payload_ready_fs = read_ready_fs(nic.engines, now_fs, reads.whole_bytes)
    return max(now_fs, nic.engines.payload_ready_fs)


@inlined
def request_read(nic, pcie, now_fs, kind, ring_queue, tag_number):
    """Enter a read request into NP."""
    entry = next_entry(pcie.up.second, now_fs, kind, ring_queue)
    entry.left_bytes = 0
    entry.address = 0
    entry.tag = tag_number
    if nic.params.has_engines:
        entry.ready_fs = request_ready_fs(nic, now_fs, kind, pcie.tags.slot[tag_number].n_bytes)
    entered(nic.clock, pcie.up.second)


@inlined
def answer_read(clock, pcie, ready_fs, tag_number):
    """Enter a read's completions into CPL, in the order in which the host has them ready (jitter may reorder)."""
    tag = pcie.tags.slot[tag_number]
    queue = pcie.down.second
    entry = next_entry(queue, ready_fs, COMPLETION_OF[tag.kind], tag.queue)
    entry.left_bytes = tag.n_bytes
    entry.address = tag.address
    entry.tag = tag_number
    entered(clock, queue)
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
