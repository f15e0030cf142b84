"""Descriptor fetches: when a ring's next descriptors are asked for, and how many at once."""

from __future__ import annotations

from hwmodel.compiled.compilation import inlined, kernel, out_of_line
from hwmodel.machine.counts.batches import mark_batch
from hwmodel.machine.counts.journey_state import REQUESTED, TOLD
from hwmodel.machine.growing_ring import entered
from hwmodel.machine.pcie.links import link_of
from hwmodel.rules.pcie_link import DESCRIPTOR_BYTES

RX_DESCRIPTOR_SHIFT = DESCRIPTOR_BYTES.bit_length() - 1


@kernel
def want_descriptors(nic, fetches, shift, ring_queue, ring_length, first_descriptor, n_descriptors):
    """Queue a fetch of descriptors of 2**shift bytes at the arbiter, cut where the ring wraps and at multiples of MRRS.

    The queue cannot overflow: it can grow to hold a fetch for each single descriptor of all rings.
    """
    left = n_descriptors
    position = first_descriptor % ring_length
    most = link_of(nic, ring_queue).params.max_read_request_bytes
    while left > 0:
        in_request = (most - ((position << shift) & (most - 1))) >> shift
        n = min(left, ring_length - position, in_request)
        fetch = fetches.ring[fetches.tail & fetches.mask]
        fetch.queue = ring_queue
        fetch.n_descriptors = n
        fetch.address = position << shift
        entered(nic.clock, fetches)
        left -= n
        position = (position + n) % ring_length
    nic.reads_due = 1


@inlined
def up_to_boundary(position, ring_length, batch):
    """Return how many descriptors a fetch asks for at most: up to the next multiple of its batch in the ring.

    After a shorter fetch, the following ones are aligned again.
    """
    return batch - position % ring_length % batch


@kernel
def come_into_use(nic):
    """Let one more ring share the descriptor cache: Rx rings that exceed their share now give the excess back.

    Not so the ring of the Rx buffer's head, nor one with fetches under way.
    """
    nic.cache.n_rings += 1
    share_out(nic)
    fifo = nic.rx_fifo
    for number in range(nic.params.n_queues):
        queue = nic.rx_queue[number]
        n = queue.cached - nic.cache.descriptor_cache
        if (
            n > 0
            and queue.requested == 0
            and not (fifo.head != fifo.tail and fifo.ring[fifo.head & fifo.mask].queue == number)
        ):
            queue.cached -= n
            queue.known += n
            queue.fetched -= n


@kernel
def share_out(nic):
    """Give each ring in use its share of the chip's descriptors."""
    params, cache = nic.params, nic.cache
    share = max(params.least_share, params.shared_cache // max(1, cache.n_rings))
    cache.descriptor_cache = min(params.descriptor_cache, share)
    cache.fetch_batch = min(params.fetch_batch, share)
    cache.rx_fetch_batch = min(params.rx_fetch_batch, share)
    cache.rx_prefetch = min(params.rx_prefetch, share)


@kernel
def told(nic, now_fs, number, n):
    """Receive a Tx doorbell: the driver has posted `n` more descriptors."""
    queue = nic.tx_queue[number]
    if nic.params.shared_cache > 0 and queue.is_used == 0:
        queue.is_used = 1
        come_into_use(nic)
    mark_batch(nic.guests, queue, queue.told, TOLD).told_fs = now_fs
    queue.told += n
    queue.known += n
    nic.scheduler.n_told += n


@out_of_line
def lacks_next(nic, queue):
    """Say whether a ring lacks descriptors of its next frame, or send: neither cached nor being fetched."""
    on_chip = queue.cached + queue.requested
    if nic.guests.params.mss_bytes == 0:
        return on_chip == 0
    return on_chip < nic.guests.post[queue.first + (queue.picked & queue.mask)].n_descriptors


@inlined
def fetch_tx(nic, now_fs, number):
    """Fetch Tx descriptors that doorbells have announced, a batch at a time, while the cache has room for a batch."""
    params, cache = nic.params, nic.cache
    queue = nic.tx_queue[number]
    while queue.known > 0 and queue.cached + queue.requested + cache.fetch_batch <= cache.descriptor_cache:
        if queue.known < params.tx_host_threshold and not lacks_next(nic, queue):
            return
        n = min(queue.known, up_to_boundary(queue.fetched, params.tx_ring, cache.fetch_batch))
        shift = params.tx_descriptor_shift
        want_descriptors(nic, nic.reads.tx_fetches, shift, number, params.tx_ring, queue.fetched, n)
        mark_batch(nic.guests, queue, queue.fetched, REQUESTED).requested_fs = now_fs
        queue.fetched += n
        queue.known -= n
        queue.requested += n
        nic.scheduler.n_told -= n


@kernel
def want_rx(nic, number, n_descriptors):
    """Ask for Rx descriptors."""
    queue = nic.rx_queue[number]
    shift, ring = RX_DESCRIPTOR_SHIFT, nic.params.rx_ring
    want_descriptors(nic, nic.reads.rx_fetches, shift, number, ring, queue.fetched, n_descriptors)
    queue.fetched += n_descriptors
    queue.known -= n_descriptors
    queue.requested += n_descriptors


@inlined
def fetch_rx(nic, number):
    """Prefetch Rx descriptors: up to a whole batch while fewer than `rx_prefetch` are on the chip or on their way.

    Where rings share the cache, a ring that no frame has come to yet prefetches nothing.
    """
    params, cache = nic.params, nic.cache
    queue = nic.rx_queue[number]
    if params.shared_cache > 0 and queue.is_used == 0:
        return
    batch = cache.rx_fetch_batch
    while (
        queue.cached + queue.requested < cache.rx_prefetch
        and queue.cached + queue.requested + batch <= cache.descriptor_cache
    ):
        n = up_to_boundary(queue.fetched, params.rx_ring, batch)
        if queue.known < n:
            return
        want_rx(nic, number, n)


@kernel
def fetch_rx_on_demand(nic, number, n_needed):
    """Fetch what the frame at the head needs beyond what is on its way; return False if the ring has too few.

    No frame needs more descriptors than a ring's own cache holds, so while some are lacking there is room for at least
    one; the fetch may exceed the ring's share.
    """
    params = nic.params
    queue = nic.rx_queue[number]
    if params.shared_cache > 0 and queue.is_used == 0:
        queue.is_used = 1
        come_into_use(nic)
    if queue.cached + queue.requested + queue.known < n_needed:
        return False
    batch = nic.cache.rx_fetch_batch if params.rx_prefetch > 0 else 1
    while queue.cached + queue.requested < n_needed:
        room = params.descriptor_cache - queue.cached - queue.requested
        want_rx(nic, number, min(queue.known, up_to_boundary(queue.fetched, params.rx_ring, batch), room))
    return True
