"""The IOMMU: a cache of translated pages, the least recently used replaced, and the writes that wait for theirs."""

from __future__ import annotations

from . import inlined, kernel
from .events import append
from .layout import (
    IN_MEMORY,
    LANE_CAP,
    PAYLOAD_READ,
    PAYLOAD_WRITE,
    RX_DESCRIPTOR_READ,
    RX_INTERRUPT,
    RX_WRITEBACK,
    TRANSLATION_BUCKETS,
    TX_INTERRUPT,
)

PAGE_SHIFT = 12  # pages of 4 KiB
BUCKET_MASK = TRANSLATION_BUCKETS - 1
NONE = 0


@inlined
def buffer_address(stride_bytes, position, ring_length):
    """Return where the buffer of a ring's descriptor begins; `position` counts descriptors for ever."""
    return position % ring_length * stride_bytes


@inlined
def find_slot(cache, page):
    """Return the slot that holds a page, or NONE."""
    number = cache.bucket[page & BUCKET_MASK]
    while number != NONE and cache.slot[number].page != page:
        number = cache.slot[number].following
    return number


@kernel
def leave_bucket(cache, number):
    """Take a slot out of its page's bucket."""
    slot = cache.slot[number]
    bucket = slot.page & BUCKET_MASK
    before = cache.bucket[bucket]
    if before == number:
        cache.bucket[bucket] = slot.following
        return
    while cache.slot[before].following != number:
        before = cache.slot[before].following
    cache.slot[before].following = slot.following


@kernel
def unlink(cache, number):
    """Take a slot out of the list by age."""
    slot = cache.slot[number]
    if slot.newer == NONE:
        cache.newest = slot.older
    else:
        cache.slot[slot.newer].older = slot.older
    if slot.older == NONE:
        cache.oldest = slot.newer
    else:
        cache.slot[slot.older].newer = slot.newer


@kernel
def become_newest(cache, number):
    """Put a slot at the head of the list by age."""
    slot = cache.slot[number]
    slot.newer = NONE
    slot.older = cache.newest
    if cache.newest == NONE:
        cache.oldest = number
    else:
        cache.slot[cache.newest].newer = number
    cache.newest = number


@kernel
def enter_page(cache, now_fs, page):
    """Enter a page that is not held, in place of the one looked up longest ago if all slots are taken."""
    if cache.n_used < cache.n_entries:
        cache.n_used += 1
        number = cache.n_used
    else:
        number = cache.oldest
        leave_bucket(cache, number)
        unlink(cache, number)
    slot = cache.slot[number]
    slot.page = page
    slot.ready_fs = now_fs + cache.miss_fs
    bucket = page & BUCKET_MASK
    slot.following = cache.bucket[bucket]
    cache.bucket[bucket] = number
    become_newest(cache, number)
    return slot.ready_fs


@kernel
def look_up(cache, now_fs, page):
    """Look a page up; return when its translation is there."""
    number = find_slot(cache, page)
    if number == NONE:
        cache.misses += 1
        return enter_page(cache, now_fs, page)
    cache.hits += 1
    if number != cache.newest:
        unlink(cache, number)
        become_newest(cache, number)
    return max(now_fs, cache.slot[number].ready_fs)


@inlined
def page_in(region, ring_queue, address):
    """Return the number of a page from the ring it belongs to and an address within that ring's memory."""
    return region.first + ring_queue * region.a_ring + (address >> PAGE_SHIFT)


@kernel
def read_translated(cache, now_fs, tag):
    """Look up the page of a received read request; return when its translation is there."""
    if tag.kind == PAYLOAD_READ:
        region = cache.tx_buffer
    elif tag.kind == RX_DESCRIPTOR_READ:
        region = cache.rx_ring
    else:
        region = cache.tx_ring
    return look_up(cache, now_fs, page_in(region, tag.queue, tag.address))


@kernel
def translated(nic, now_fs, sending):
    """Return when a received TLP can go on: a read with its translation, a write in the order of all writes too."""
    kind = sending.kind
    cache = nic.host.translation
    if kind >= RX_DESCRIPTOR_READ:
        return read_translated(cache, now_fs, nic.tags.slot[sending.tag])
    there_fs = now_fs
    if kind != RX_INTERRUPT and kind != TX_INTERRUPT:
        if kind == PAYLOAD_WRITE:
            region = cache.rx_buffer
        elif kind == RX_WRITEBACK:
            region = cache.rx_ring
        else:
            region = cache.tx_ring
        address = sending.address - sending.data_bytes  # the entry is at the TLP's end by now
        there_fs = look_up(cache, now_fs, page_in(region, sending.queue, address))
    cache.last_write_fs = max(cache.last_write_fs, there_fs)
    return cache.last_write_fs


@kernel
def waits_for_memory(nic, now_fs, sending, memory_fs):
    """Hold a write that the host is to notice until it passes into memory; return False if nothing is held."""
    if sending.kind == PAYLOAD_WRITE:
        return False
    lane = nic.clock.lane[IN_MEMORY]
    if memory_fs == now_fs and lane.head == lane.tail:
        return False
    writes = nic.host.memory_writes
    number = writes.tail & (LANE_CAP - 1)
    writes.tail += 1
    writes.ring[number] = sending
    append(nic.clock, IN_MEMORY, memory_fs, number)
    return True
