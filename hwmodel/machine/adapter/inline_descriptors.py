"""Descriptors that come with their doorbell (`driver.doorbell: inline`), so that nothing is read for them."""

from __future__ import annotations

from hwmodel.compiled.compilation import out_of_line
from hwmodel.machine.adapter.scheduler import descriptors_cached
from hwmodel.machine.counts.batches import mark_batch
from hwmodel.machine.counts.journey_state import REQUESTED
from hwmodel.machine.tlp_kinds import TX_DESCRIPTOR_READ


@out_of_line
def take_inline(nic, now_fs, number, n):
    """Keep the descriptor that a Tx doorbell for `n` carried, if it is the next of its ring and there is room for it.

    All earlier ones must be on the chip: cached ahead of others still being fetched, it would be taken for another
    frame's.
    """
    queue = nic.tx_queue[number]
    if n != 1 or nic.guests.driver[queue.params.function].rings_inline == 0:
        return
    if queue.known > 1 or queue.requested > 0 or queue.cached >= nic.cache.descriptor_cache:
        return
    mark_batch(nic.guests, queue, queue.fetched, REQUESTED).requested_fs = now_fs
    queue.fetched += 1
    queue.known -= 1
    queue.requested += 1
    nic.scheduler.n_told -= 1
    nic.ledger.counts.served[TX_DESCRIPTOR_READ].n += 1  # which costs the link no read
    descriptors_cached(nic, now_fs, number, 1)
