"""The link alone: endless DMA reads, writes, or both, by the same link, tags and credits as the whole adapter's."""

from __future__ import annotations

from hwmodel.compiled.compilation import entry, inlined, kernel
from hwmodel.compiled.records import I64, NEVER, ints, record
from hwmodel.machine.counts.histogram import bucket, observe
from hwmodel.machine.counts.ledger_state import LATENCY, LATENCY_HISTOGRAM
from hwmodel.machine.host.landing import credits_returned, down_has_landed, reaches_adapter, reaches_host, up_has_landed
from hwmodel.machine.host.translation import buffer_address
from hwmodel.machine.pcie.dma_engines import has_places
from hwmodel.machine.pcie.link import could_start, on_wire, start_down, start_up
from hwmodel.machine.pcie.reads import give_places_back, host_reads, is_stored, release_tag, request
from hwmodel.machine.pcie.transactions import post_payload_write
from hwmodel.machine.pcie.tree_state import MOST_BELOW
from hwmodel.machine.time.clock import (
    COMPLETION_READY,
    DOWN_ARRIVAL,
    DOWN_DONE,
    STORED,
    UP_ARRIVAL,
    UP_DONE,
    UP_READY,
)
from hwmodel.machine.time.events import first_elsewhere, first_of_links, link_lane, rare_lane, set_next, take_first
from hwmodel.machine.time.random_stream import next_u32
from hwmodel.machine.tlp_kinds import PAYLOAD_READ, PAYLOAD_WRITE

TRANSFER_CAP = 1 << 12  # DMA transfers under way
LINK, HOST = 0, 0  # the one that is measured

TRANSFER = record(*ints("left_bytes", "begun_fs", "address"))
# The link alone: transfers without end. `ring` holds what is left to come of each transfer being read.
DMA_PARAMS = record(
    *ints("n_bytes", "does_read", "does_write", "writes_first", "most_ahead"),
    # Transfers in a window: place k is at `unit_bytes` * k. With no places, each transfer is at the start of its
    # buffer.
    *ints("n_places", "unit_bytes", "is_random"),
)
DMA = record(
    ("params", DMA_PARAMS),
    *ints("reads_begun", "reads_done", "writes_begun", "writes_done"),
    ("came_bytes", I64, (MOST_BELOW,)),  # data that peers have written here, by adapter
    ("rng", I64, (4,)),
    ("ring", TRANSFER, (TRANSFER_CAP,)),
    ("latency", LATENCY),
)

TRANSFER_MASK = TRANSFER_CAP - 1


@kernel
def place(nic, transfer, stride_bytes, n_buffers):
    """Return where a transfer's data lie: in the window, at random or in turn, else in its buffer."""
    dma = nic.dma
    if dma.params.n_places > 0:
        at = transfer % dma.params.n_places
        if dma.params.is_random:
            at = next_u32(dma) * dma.params.n_places >> 32
        return at * dma.params.unit_bytes
    address = nic.guests.params.buffer_offset_bytes
    if nic.pcie[LINK].params.has_iotlb:
        address += buffer_address(stride_bytes, transfer, n_buffers)
    return address


@inlined
def may_read(nic):
    """Say whether the next read has a tag and, with engines, its transfer has places."""
    reads = nic.reads
    needs_places = nic.params.has_engines and reads.left_bytes == reads.whole_bytes
    return nic.pcie[LINK].tags.n_free > 0 and (not needs_places or has_places(nic.engines.read, reads.whole_bytes))


@kernel
def begin_read(nic, now_fs):
    """Begin the next transfer's read if not too many are ahead of their writes."""
    dma = nic.dma
    done = dma.writes_done if dma.params.does_write else dma.reads_done
    if dma.params.writes_first:
        done, up = dma.reads_done, nic.pcie[LINK].up
        if dma.reads_begun == dma.writes_begun or up.first.head != up.first.tail:
            return
    if dma.reads_begun - done >= dma.params.most_ahead:
        return
    transfer = dma.ring[dma.reads_begun & TRANSFER_MASK]
    transfer.left_bytes = dma.params.n_bytes
    nic.reads.frame = dma.reads_begun
    nic.reads.left_bytes = dma.params.n_bytes
    nic.reads.whole_bytes = dma.params.n_bytes
    if dma.params.writes_first:  # a read of what has just been written, timed with the write
        nic.reads.address = transfer.address
    else:
        transfer.begun_fs = now_fs
        stride = nic.host[HOST].translation.params.tx_stride_bytes
        transfer.address = place(nic, dma.reads_begun, stride, nic.params.tx_ring)
        nic.reads.address = transfer.address
    dma.reads_begun += 1


@kernel
def issue_reads(nic, now_fs):
    """Let the current transfer's requests take free tags, and begin the next when it is all requested."""
    reads = nic.reads
    most = nic.pcie[LINK].params.max_read_request_bytes
    while True:
        if reads.left_bytes == 0:
            begin_read(nic, now_fs)
            if reads.left_bytes == 0:
                return
        if not may_read(nic):
            return
        n_bytes = min(reads.left_bytes, most - (reads.address & (most - 1)))
        tag = request(nic, nic.pcie[LINK], now_fs, PAYLOAD_READ, 0, n_bytes, reads.address)
        tag.frame = reads.frame
        reads.left_bytes -= n_bytes
        reads.address += n_bytes
        tag.ends_frame = int(reads.left_bytes == 0)


@kernel
def may_write(nic):
    """Say whether the next transfer may be written: P holds at most two, or as many as the engine writes at once."""
    dma = nic.dma
    if dma.params.writes_first:
        return dma.writes_begun == dma.reads_done
    queue = nic.pcie[LINK].up.first
    most = max(2, nic.params.rx_writes)
    return queue.tail - queue.head < most and (dma.params.does_read == 0 or dma.writes_begun < dma.reads_done)


@kernel
def issue_writes(nic, now_fs):
    """Keep writes in P: of the next transfer, once it has been read where it is a copy."""
    dma = nic.dma
    while may_write(nic):
        transfer = dma.ring[dma.writes_begun & TRANSFER_MASK]
        if dma.params.does_read == 0 or dma.params.writes_first:
            transfer.begun_fs = now_fs
        if dma.params.does_read == 0 or dma.params.writes_first or dma.params.n_places == 0:
            stride = nic.host[HOST].translation.params.rx_stride_bytes
            transfer.address = place(nic, dma.writes_begun, stride, nic.params.rx_ring)
        post_payload_write(nic, now_fs, 0, dma.params.n_bytes, transfer.address, dma.params.n_bytes)
        dma.writes_begun += 1


@inlined
def read_completed_bytes(nic, number):
    """Return the bytes of the transfer that a read completes; 0 where more of its reads have to come."""
    tag = nic.pcie[LINK].tags.slot[number]
    is_last = nic.dma.ring[tag.frame & TRANSFER_MASK].left_bytes == tag.n_bytes
    return nic.dma.params.n_bytes if is_last else 0


@kernel
def read_arrived(nic, now_fs, number):
    """Count a read's data in; a transfer is read when all its reads are."""
    tag = nic.pcie[LINK].tags.slot[number]
    dma = nic.dma
    transfer = dma.ring[tag.frame & TRANSFER_MASK]
    give_places_back(nic, read_completed_bytes(nic, number))
    release_tag(nic, nic.pcie[LINK], now_fs, number)
    transfer.left_bytes -= tag.n_bytes
    # Jitter may complete transfers out of order; copies are written in order.
    while dma.reads_done < dma.reads_begun:
        first = dma.ring[dma.reads_done & TRANSFER_MASK]
        if first.left_bytes > 0:
            break
        dma.reads_done += 1
        latency_fs = now_fs - first.begun_fs
        observe(dma.latency, latency_fs)
        nic.ledger.histogram[LATENCY_HISTOGRAM, bucket(latency_fs)] += 1


@kernel
def host_receives(nic, now_fs, sending):
    """Let the host take a TLP in."""
    ready_fs = reaches_host(nic, nic.pcie[LINK], now_fs, sending)
    if sending.kind == PAYLOAD_READ:
        host_reads(nic, nic.pcie[LINK], ready_fs, sending.tag)
    elif sending.is_last:
        nic.dma.writes_done += 1


@kernel
def adapter_receives(nic, now_fs, sending):
    """Let the adapter take a completion in, or what a peer has written."""
    pcie = nic.pcie[LINK]
    reaches_adapter(nic.clock, pcie, now_fs, sending)
    if sending.kind == PAYLOAD_WRITE:
        nic.dma.came_bytes[sending.queue] += sending.data_bytes
    elif sending.is_last and is_stored(nic, pcie, now_fs, sending.tag, read_completed_bytes(nic, sending.tag)):
        read_arrived(nic, now_fs, sending.tag)


@kernel
def handle_link(nic, now_fs):
    """Handle one event of this instant: of the first lane that has one."""
    clock, pcie = nic.clock, nic.pcie[LINK]
    lane = link_lane(clock, now_fs) - LINK
    if lane == DOWN_DONE:
        if down_has_landed(clock, pcie, now_fs):
            adapter_receives(nic, now_fs, on_wire(pcie.down))
    elif lane == COMPLETION_READY:
        clock.next_at[COMPLETION_READY + LINK] = NEVER
    elif lane == UP_DONE:
        if up_has_landed(clock, pcie, now_fs):
            host_receives(nic, now_fs, on_wire(pcie.up))
    else:
        handle_rare_link(nic, now_fs, rare_lane(clock))


@kernel
def handle_rare_link(nic, now_fs, lane):
    """Handle the first event of the lanes that only some links use."""
    clock, pcie = nic.clock, nic.pcie[LINK]
    if lane == UP_ARRIVAL + LINK:
        host_receives(nic, now_fs, pcie.up_arrivals.ring[take_first(clock, lane)])
    elif lane == DOWN_ARRIVAL + LINK:
        adapter_receives(nic, now_fs, pcie.down_arrivals.ring[take_first(clock, lane)])
    elif lane == STORED + LINK:
        read_arrived(nic, now_fs, take_first(clock, lane))
    elif lane == UP_READY + LINK:
        set_next(clock, lane, NEVER)
    else:
        credits_returned(clock, pcie, now_fs, take_first(clock, lane))


@kernel
def transfers_done(dma):
    """Return how many transfers are complete."""
    return dma.writes_done if dma.params.does_write and dma.params.writes_first == 0 else dma.reads_done


@entry
def run_dma(state, n_transfers):
    """Move transfers until so many are complete in all; return the time of the last in femtoseconds, -1 if stuck."""
    nic = state[0]
    clock = nic.clock
    dma = nic.dma
    now_fs = clock.now_fs
    while transfers_done(dma) < n_transfers:
        if dma.params.does_read:
            issue_reads(nic, now_fs)
        if dma.params.does_write:
            issue_writes(nic, now_fs)
        at_fs = min(first_elsewhere(clock), first_of_links(clock))
        if at_fs > now_fs:
            if could_start(nic.pcie[LINK].up):
                start_up(nic, nic.pcie[LINK], now_fs)
            if could_start(nic.pcie[LINK].down):
                start_down(nic, nic.pcie[LINK], now_fs)
            if dma.params.does_write:
                issue_writes(nic, now_fs)
            at_fs = min(first_elsewhere(clock), first_of_links(clock))
            if at_fs == NEVER or clock.overflow:
                return -1
            now_fs = at_fs
        handle_link(nic, now_fs)
    clock.now_fs = now_fs
    return now_fs
