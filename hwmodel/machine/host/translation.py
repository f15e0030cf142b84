"""The IOMMU: a cache of translated pages, the least recently used replaced; the walkers of its page table."""

from __future__ import annotations

from hwmodel.compiled.compilation import inlined, kernel
from hwmodel.machine.host.host_state import (
    KEPT,
    NOT_WALKED,
    STRICT_UNMAP,
    TRANSLATION_BUCKETS,
    WALK_CAP,
    WALKED,
    WALKED_IN_VAIN,
)
from hwmodel.machine.tlp_kinds import PAYLOAD_READ, PAYLOAD_WRITE, RX_DESCRIPTOR_READ, RX_WRITEBACK

LINE_SHIFT = 3  # pages whose entries of the page table, 8 B each, share a cache line of 64 B
BUCKET_MASK = TRANSLATION_BUCKETS - 1
WALK_MASK = WALK_CAP - 1
NONE = 0


@inlined
def buffer_address(stride_bytes, position, ring_length):
    """Return where the buffer of a ring's descriptor begins; `position` counts descriptors without wrapping."""
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
def unlink(cache, part, number):
    """Take a slot out of the list by age."""
    slot = cache.slot[number]
    if slot.newer == NONE:
        part.newest = slot.older
    else:
        cache.slot[slot.newer].older = slot.older
    if slot.older == NONE:
        part.oldest = slot.newer
    else:
        cache.slot[slot.older].newer = slot.newer


@kernel
def become_newest(cache, part, number):
    """Put a slot at the head of the list by age."""
    slot = cache.slot[number]
    slot.newer = NONE
    slot.older = part.newest
    if part.newest == NONE:
        part.oldest = number
    else:
        cache.slot[part.newest].newer = number
    part.newest = number


@kernel
def take_slot(cache, page):
    """Return a free slot, which holds a page from now on."""
    number = cache.free
    if number == NONE:
        cache.n_used += 1
        number = cache.n_used
    else:
        cache.free = cache.slot[number].following
    slot = cache.slot[number]
    slot.page = page
    slot.walked = NOT_WALKED
    bucket = page & BUCKET_MASK
    slot.following = cache.bucket[bucket]
    cache.bucket[bucket] = number
    return number


@kernel
def give_slot(cache, number):
    """Empty a slot."""
    leave_bucket(cache, number)
    cache.slot[number].following = cache.free
    cache.free = number


@kernel
def leave_part(cache, part, number):
    """Let a part hold a page no longer."""
    unlink(cache, part, number)
    part.n_held -= 1


@kernel
def drop_page(cache, part, number):
    """Forget a page that a part holds."""
    leave_part(cache, part, number)
    give_slot(cache, number)


@kernel
def hold_page(cache, part, number):
    """Let a part hold a page, in place of the one looked up longest ago if it is full."""
    if part.n_held == part.n_entries:
        drop_page(cache, part, part.oldest)
    part.n_held += 1
    become_newest(cache, part, number)


@kernel
def refresh(cache, part, page):
    """Return the slot that holds a page, which is now the one looked up last; NONE if none does."""
    number = find_slot(cache, page)
    if number != NONE and number != part.newest and cache.slot[number].walked == NOT_WALKED:
        unlink(cache, part, number)
        become_newest(cache, part, number)
    return number


@kernel
def walk(translation, now_fs, page):
    """Let the first free walker look a page up in the table; return when it has."""
    walk_fs = translation.params.miss_fs
    lines = translation.lines
    if lines.part[0].n_entries > 0:
        if refresh(lines, lines.part[0], page >> LINE_SHIFT) == NONE:
            hold_page(lines, lines.part[0], take_slot(lines, page >> LINE_SHIFT))
        else:
            walk_fs = translation.params.near_miss_fs
    if translation.params.n_walkers == 0:
        return now_fs + walk_fs
    free_fs = translation.walker_free_fs
    walker = 0
    for other in range(1, translation.params.n_walkers):
        if free_fs[other] < free_fs[walker]:
            walker = other
    free_fs[walker] = max(now_fs, free_fs[walker]) + walk_fs
    translation.counts.walks_busy_fs += walk_fs
    return free_fs[walker]


@kernel
def end_first_walk(translation):
    """Let the page whose walk ends first take its place among those held."""
    pages = translation.pages
    number = translation.walk[translation.walks_head & WALK_MASK]
    slot = pages.slot[number]
    translation.walks_head += 1
    if slot.walked == WALKED_IN_VAIN:
        give_slot(pages, number)
    else:
        slot.walked = NOT_WALKED
        hold_page(pages, pages.part[slot.part], number)


@kernel
def begin_walk(translation, number):
    """Enter a walk among those under way, by its end; where there is no room, the first of them is taken as over."""
    pages = translation.pages
    if translation.walks_tail - translation.walks_head == WALK_CAP:
        end_first_walk(translation)
    position = translation.walks_tail
    ready_fs = pages.slot[number].ready_fs
    pages.slot[number].walked = WALKED
    while position > translation.walks_head:
        before = translation.walk[(position - 1) & WALK_MASK]
        if pages.slot[before].ready_fs <= ready_fs:
            break
        translation.walk[position & WALK_MASK] = before
        position -= 1
    translation.walk[position & WALK_MASK] = number
    translation.walks_tail += 1


@kernel
def end_walks(translation, now_fs):
    """Let pages whose walks are over take their place among those held."""
    while translation.walks_head != translation.walks_tail:
        number = translation.walk[translation.walks_head & WALK_MASK]
        if translation.pages.slot[number].ready_fs > now_fs:
            return
        end_first_walk(translation)


@kernel
def look_up(translation, now_fs, function, page):
    """Look a page up; return when its translation is there.

    With finite walkers, a page whose walk is in flight takes no cache entry.
    """
    pages = translation.pages
    number_of_part = function if translation.params.is_split else 0
    part = pages.part[number_of_part]
    end_walks(translation, now_fs)
    number = refresh(pages, part, page)
    if number == NONE:
        translation.counts.misses += 1
        number = take_slot(pages, page)
        pages.slot[number].part = number_of_part
        pages.slot[number].ready_fs = walk(translation, now_fs, page)
        if translation.params.n_walkers > 0:
            begin_walk(translation, number)
        else:
            hold_page(pages, part, number)
    else:
        translation.counts.hits += 1
    translation.there_fs = max(now_fs, pages.slot[number].ready_fs)
    return translation.there_fs


@kernel
def forget(translation, now_fs, number):
    """Forget a page; if its walk is not over, look-ups find it until it is, but it takes none of the entries."""
    pages = translation.pages
    slot = pages.slot[number]
    if slot.walked == NOT_WALKED:
        if slot.ready_fs <= now_fs:
            drop_page(pages, pages.part[slot.part], number)
            return
        leave_part(pages, pages.part[slot.part], number)
        begin_walk(translation, number)
    slot.walked = WALKED_IN_VAIN


@kernel
def unmap(translation, now_fs, first_page, last_page):
    """Forget a buffer's pages, as its driver unmaps it; deferred, forget all pages once every `flush_after` unmaps."""
    pages = translation.pages
    if translation.params.invalidation == STRICT_UNMAP:
        for page in range(first_page, last_page + 1):
            number = find_slot(pages, page)
            if number != NONE:
                forget(translation, now_fs, number)
        return
    translation.n_unmapped += 1
    if translation.n_unmapped >= translation.params.flush_after:
        translation.n_unmapped = 0
        for number in range(1, pages.n_used + 1):
            if find_slot(pages, pages.slot[number].page) == number:
                forget(translation, now_fs, number)


@inlined
def page_in(translation, region, ring_queue, address):
    """Return the number of a page from the ring it belongs to and an address within that ring's memory."""
    return region.first + ring_queue * region.a_ring + (address >> translation.params.page_shift)


@kernel
def look_up_in(translation, now_fs, function, region, ring_queue, address, stride_bytes, is_over):
    """Look an address up; where that was the last of a buffer (`is_over`), its driver unmaps the buffer."""
    page = page_in(translation, region, ring_queue, address)
    there_fs = look_up(translation, now_fs, function, page)
    if is_over and translation.params.invalidation != KEPT:
        first = address - address % stride_bytes
        first_page = page_in(translation, region, ring_queue, first)
        unmap(translation, now_fs, first_page, page_in(translation, region, ring_queue, first + stride_bytes - 1))
    return there_fs


@kernel
def read_translated(nic, translation, now_fs, tag):
    """Look up the page of a received read request; return when its translation is there."""
    function = nic.tx_queue[tag.queue].params.function
    if tag.kind == PAYLOAD_READ:
        stride = translation.params.tx_stride_bytes
        region = translation.params.tx_buffer
        return look_up_in(translation, now_fs, function, region, tag.queue, tag.address, stride, tag.ends_frame)
    region = translation.params.rx_ring if tag.kind == RX_DESCRIPTOR_READ else translation.params.tx_ring
    return look_up_in(translation, now_fs, function, region, tag.queue, tag.address, 1, 0)


@kernel
def write_translated(nic, translation, now_fs, sending):
    """Look up the page of a received memory write; return when its translation is there."""
    function = nic.tx_queue[sending.queue].params.function
    address = sending.address - sending.data_bytes  # the entry's address has moved on to the TLP's end
    if sending.kind == PAYLOAD_WRITE:
        stride = translation.params.rx_stride_bytes
        region = translation.params.rx_buffer
        return look_up_in(translation, now_fs, function, region, sending.queue, address, stride, sending.is_last)
    region = translation.params.rx_entries if sending.kind == RX_WRITEBACK else translation.params.tx_entries
    return look_up_in(translation, now_fs, function, region, sending.queue, address, 1, 0)
