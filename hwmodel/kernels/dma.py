"""The link alone: endless DMA reads, writes, or both, by the same link, tags and credits as the whole adapter's."""

from __future__ import annotations

from . import entry, kernel
from .events import append, earliest, rare_lane, take_first
from .layout import (
    COMPLETION_CREDIT,
    COMPLETION_READY,
    CREDIT,
    DOWN_ARRIVAL,
    DOWN_DONE,
    LATENCY_HISTOGRAM,
    NEVER,
    NON_POSTED_CREDIT,
    PAYLOAD_READ,
    PAYLOAD_WRITE,
    POSTED_CREDIT,
    STORED,
    TRANSFER_CAP,
    UP_ARRIVAL,
    UP_DONE,
)
from .link import (
    catch_up,
    could_start,
    credits_returned,
    down_is_done,
    fly,
    on_wire,
    received,
    return_credits,
    start_down,
    start_up,
)
from .measure import bucket, observe
from .reads import host_reads, release_tag, request
from .transactions import post_write

TRANSFER_MASK = TRANSFER_CAP - 1


@kernel
def begin_read(nic, now_fs):
    """Begin the next transfer's read if not too many are ahead of their writes."""
    dma = nic.dma
    done = dma.writes_done if dma.does_write else dma.reads_done
    if dma.reads_begun - done >= dma.most_ahead:
        return
    transfer = dma.ring[dma.reads_begun & TRANSFER_MASK]
    transfer.left_bytes = dma.n_bytes
    transfer.begun_fs = now_fs
    nic.reads.frame = dma.reads_begun
    nic.reads.left_bytes = dma.n_bytes
    nic.reads.address = nic.host.buffer_offset_bytes
    dma.reads_begun += 1


@kernel
def issue_reads(nic, now_fs):
    """Let the current transfer's requests take free tags, and begin the next when it is all requested."""
    reads = nic.reads
    most = nic.pcie.max_read_request_bytes
    while nic.tags.n_free > 0:
        if reads.left_bytes == 0:
            begin_read(nic, now_fs)
            if reads.left_bytes == 0:
                return
        n_bytes = min(reads.left_bytes, most - (reads.address & (most - 1)))
        request(nic, now_fs, PAYLOAD_READ, 0, n_bytes, 0, reads.address, reads.frame)
        reads.left_bytes -= n_bytes
        reads.address += n_bytes


@kernel
def issue_writes(nic, now_fs):
    """Keep a write in P: of the next transfer, once it has been read where it is a copy."""
    dma = nic.dma
    queue = nic.up.first
    while queue.tail - queue.head < 2 and (dma.does_read == 0 or dma.writes_begun < dma.reads_done):
        post_write(nic, now_fs, PAYLOAD_WRITE, 0, dma.n_bytes, nic.host.buffer_offset_bytes, 0, dma.n_bytes)
        dma.writes_begun += 1


@kernel
def read_arrived(nic, now_fs, number):
    """Count a read's data in; a transfer is read when all its reads are."""
    tag = nic.tags.slot[number]
    dma = nic.dma
    transfer = dma.ring[tag.frame & TRANSFER_MASK]
    release_tag(nic, now_fs, number)
    transfer.left_bytes -= tag.n_bytes
    # Jitter may complete transfers out of order; copies are written in order.
    while dma.reads_done < dma.reads_begun:
        first = dma.ring[dma.reads_done & TRANSFER_MASK]
        if first.left_bytes > 0:
            break
        dma.reads_done += 1
        latency_fs = now_fs - first.begun_fs
        observe(dma.latency, latency_fs)
        nic.histogram[LATENCY_HISTOGRAM, bucket(latency_fs)] += 1


@kernel
def host_receives(nic, now_fs, sending):
    """Let the host take a TLP in."""
    catch_up(nic, now_fs)
    received(nic, nic.up, nic.down)
    is_read = sending.kind == PAYLOAD_READ
    if nic.pcie.has_credits:
        if is_read:
            return_credits(nic, now_fs, NON_POSTED_CREDIT, 0, False)
        else:
            return_credits(nic, now_fs, POSTED_CREDIT, sending.data_bytes, True)
    if is_read:
        host_reads(nic, now_fs, sending.tag)
    elif sending.is_last:
        nic.dma.writes_done += 1


@kernel
def adapter_receives(nic, now_fs, sending):
    """Let the adapter take a completion in, and store it if that takes time."""
    received(nic, nic.down, nic.up)
    if nic.pcie.has_credits:
        return_credits(nic, now_fs, COMPLETION_CREDIT, sending.data_bytes, False)
    if sending.is_last == 0:
        return
    limits = nic.limits
    if limits.store_den == 0:
        read_arrived(nic, now_fs, sending.tag)
        return
    n_bytes = nic.tags.slot[sending.tag].n_bytes
    stored_fs = max(now_fs, nic.store_busy_until_fs) + n_bytes * limits.store_num // limits.store_den
    nic.store_busy_until_fs = stored_fs
    if not append(nic.events, STORED, stored_fs, sending.tag):
        nic.overflow = 1


@kernel
def handle_link(nic, now_fs):
    """Handle one event of this instant: of the first lane that has one."""
    events = nic.events
    flight_fs = nic.pcie.propagation_fs
    if events.next_at[DOWN_DONE] == now_fs:
        if not down_is_done(nic, now_fs):
            return
        if flight_fs > 0:
            fly(nic, DOWN_ARRIVAL, on_wire(nic.down), nic.down_arrivals, now_fs + flight_fs)
        else:
            adapter_receives(nic, now_fs, on_wire(nic.down))
    elif events.next_at[COMPLETION_READY] == now_fs:
        events.next_at[COMPLETION_READY] = NEVER
    elif events.next_at[UP_DONE] == now_fs:
        nic.up.is_busy = 0
        events.next_at[UP_DONE] = NEVER
        if flight_fs > 0:
            fly(nic, UP_ARRIVAL, on_wire(nic.up), nic.up_arrivals, now_fs + flight_fs)
        else:
            host_receives(nic, now_fs, on_wire(nic.up))
    else:
        handle_rare_link(nic, now_fs, rare_lane(events))


@kernel
def handle_rare_link(nic, now_fs, lane):
    """Handle the first event of the lanes that only some links use."""
    events = nic.events
    if lane == UP_ARRIVAL:
        host_receives(nic, now_fs, nic.up_arrivals.ring[take_first(events, UP_ARRIVAL)])
    elif lane == DOWN_ARRIVAL:
        adapter_receives(nic, now_fs, nic.down_arrivals.ring[take_first(events, DOWN_ARRIVAL)])
    elif lane == STORED:
        read_arrived(nic, now_fs, take_first(events, STORED))
    else:
        credits_returned(nic, take_first(events, CREDIT))


@kernel
def transfers_done(dma):
    """Return how many transfers are complete."""
    return dma.writes_done if dma.does_write else dma.reads_done


@entry
def run_dma(state, n_transfers):
    """Move transfers until so many are complete in all; return the time of the last in femtoseconds, -1 if stuck."""
    nic = state[0]
    events = nic.events
    dma = nic.dma
    now_fs = nic.now_fs
    while transfers_done(dma) < n_transfers:
        if dma.does_read:
            issue_reads(nic, now_fs)
        if dma.does_write:
            issue_writes(nic, now_fs)
        at_fs = earliest(events)
        if at_fs > now_fs:
            if could_start(nic.up):
                start_up(nic, now_fs)
            if could_start(nic.down):
                start_down(nic, now_fs)
            if dma.does_write:
                issue_writes(nic, now_fs)
            at_fs = earliest(events)
            if at_fs == NEVER or nic.overflow:
                return -1
            now_fs = at_fs
        handle_link(nic, now_fs)
    nic.now_fs = now_fs
    return now_fs
