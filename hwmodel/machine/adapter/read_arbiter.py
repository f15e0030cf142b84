"""The read arbiter: reads of Rx descriptors, Tx descriptors, then payload take free tags.

The scheduler supplies the payload reads.
"""

from __future__ import annotations

from hwmodel.compiled.compilation import inlined, kernel, out_of_line
from hwmodel.machine.adapter.fetch import RX_DESCRIPTOR_SHIFT
from hwmodel.machine.adapter.scheduler import pick
from hwmodel.machine.counts.histogram import set_stalled
from hwmodel.machine.pcie.dma_engines import has_places
from hwmodel.machine.pcie.links import link_of
from hwmodel.machine.pcie.reads import request
from hwmodel.machine.tlp_kinds import PAYLOAD_READ, RX_DESCRIPTOR_READ, TX_DESCRIPTOR_READ


@inlined
def fetched_bytes(fetches, shift):
    """Return the bytes of the descriptor read at the head of a class."""
    return fetches.ring[fetches.head & fetches.mask].n_descriptors << shift


@kernel
def request_descriptors(nic, pcie, now_fs, fetches, kind, shift):
    """Request what the head of a descriptor class asks for."""
    fetch = fetches.ring[fetches.head & fetches.mask]
    fetches.head += 1
    tag = request(nic, pcie, now_fs, kind, fetch.queue, fetch.n_descriptors << shift, fetch.address)
    tag.n_descriptors = fetch.n_descriptors


@inlined
def payload_read_bytes(reads, pcie):
    """Return the bytes of the next read of the frame that is being cut: up to the next multiple of MRRS."""
    most = pcie.params.max_read_request_bytes
    return min(reads.left_bytes, most - (reads.address & (most - 1)))


@out_of_line
def next_read_has_places(nic):
    """Say whether the read engine has places for the read that is first in the arbiter.

    The rest of a frame already has its places.
    """
    reads = nic.reads
    if reads.rx_fetches.head != reads.rx_fetches.tail:
        n_bytes = fetched_bytes(reads.rx_fetches, RX_DESCRIPTOR_SHIFT)
    elif reads.tx_fetches.head != reads.tx_fetches.tail:
        n_bytes = fetched_bytes(reads.tx_fetches, nic.params.tx_descriptor_shift)
    elif reads.left_bytes < reads.whole_bytes:
        return True
    else:
        n_bytes = reads.whole_bytes
    return has_places(nic.engines.read, n_bytes)


@kernel
def waits_for_places(nic, now_fs):
    """Note whether the first read waits for places of its engine, though a tag is free; return whether it does."""
    waits = not next_read_has_places(nic)
    set_stalled(nic.ledger.counts.stalls.read_places, now_fs, waits)
    if waits:
        set_stalled(nic.ledger.counts.stalls.tags, now_fs, False)
    return waits


@inlined
def first_ring(nic, rx_waits, tx_waits):
    """Return the ring whose read is first in the arbiter."""
    reads = nic.reads
    if rx_waits:
        return reads.rx_fetches.ring[reads.rx_fetches.head & reads.rx_fetches.mask].queue
    if tx_waits:
        return reads.tx_fetches.ring[reads.tx_fetches.head & reads.tx_fetches.mask].queue
    return nic.grants.ring[reads.frame & nic.grants.mask].queue


@kernel
def has_waiting_reads(nic):
    """Say whether a read waits for a tag, or for places."""
    reads = nic.reads
    rx, tx = reads.rx_fetches, reads.tx_fetches
    return rx.head != rx.tail or tx.head != tx.tail or reads.left_bytes > 0


@inlined
def has_to_wait(nic):
    """Tell whether nothing can be issued: whatever is first finds no tag free, or is a frame that finds no room."""
    reads = nic.reads
    rx_waits = reads.rx_fetches.head != reads.rx_fetches.tail
    tx_waits = reads.tx_fetches.head != reads.tx_fetches.tail
    if reads.left_bytes > 0:
        return link_of(nic, first_ring(nic, rx_waits, tx_waits)).tags.n_free == 0
    n_bytes = nic.scheduler.blocked_bytes
    is_blocked = n_bytes > 0 and nic.counts.tx_buffer.level + n_bytes > nic.params.tx_buffer_bytes
    return is_blocked and not (rx_waits or tx_waits)


@kernel
def issue(nic, now_fs):
    """Let waiting reads take free tags: Rx descriptors, Tx descriptors, then payload, which the scheduler supplies."""
    reads = nic.reads
    while True:
        if reads.left_bytes == 0:
            pick(nic, now_fs)
        rx_waits = reads.rx_fetches.head != reads.rx_fetches.tail
        tx_waits = reads.tx_fetches.head != reads.tx_fetches.tail
        if not (rx_waits or tx_waits or reads.left_bytes > 0):
            set_stalled(nic.ledger.counts.stalls.tags, now_fs, False)
            if nic.params.has_engines:
                set_stalled(nic.ledger.counts.stalls.read_places, now_fs, False)
            return
        pcie = link_of(nic, first_ring(nic, rx_waits, tx_waits))
        if pcie.tags.n_free == 0:
            set_stalled(nic.ledger.counts.stalls.tags, now_fs, True)
            return
        if nic.params.has_engines and waits_for_places(nic, now_fs):
            if reads.left_bytes == 0 or reads.left_bytes == reads.whole_bytes:
                return
            rx_waits = tx_waits = False  # a frame that already has its places goes on; the others wait for theirs
        if rx_waits:
            request_descriptors(nic, pcie, now_fs, reads.rx_fetches, RX_DESCRIPTOR_READ, RX_DESCRIPTOR_SHIFT)
        elif tx_waits:
            shift = nic.params.tx_descriptor_shift
            request_descriptors(nic, pcie, now_fs, reads.tx_fetches, TX_DESCRIPTOR_READ, shift)
        else:
            n_bytes = payload_read_bytes(reads, pcie)
            frame = nic.grants.ring[reads.frame & nic.grants.mask]
            frame.reads_left += 1
            tag = request(nic, pcie, now_fs, PAYLOAD_READ, frame.queue, n_bytes, reads.address)
            tag.frame = reads.frame
            reads.left_bytes -= n_bytes
            if pcie.params.has_iotlb:
                tag.ends_frame = int(reads.left_bytes == 0) & reads.ends_buffer
            reads.address += n_bytes
            if reads.left_bytes == 0:
                frame.reads_left -= 1  # the pick's own hold: a frame is not in before all of it is requested
