"""Reads of host memory: the arbiter, the tags, the host's answer, the last byte's arrival."""

from __future__ import annotations

from . import inlined, kernel
from .dma_engines import has_places, places_of
from .events import append
from .layout import (
    DESCRIPTOR_BYTES,
    PAYLOAD_READ,
    RX_DESCRIPTOR_READ,
    STORED,
    TX_DESCRIPTOR_READ,
)
from .measure import set_stalled
from .random_stream import next_u32
from .scheduler import pick
from .transactions import answer_read, request_read

FIXED, UNIFORM, HISTOGRAM = range(3)  # `host.jitter.kind`


@kernel
def take_places(nic, kind, n_bytes):
    """Take the read engine's places: of a frame's payload with the first request, for all of it."""
    engine, reads = nic.engines.read, nic.reads
    if kind != PAYLOAD_READ:
        engine.n_used += places_of(engine, n_bytes)
    elif reads.left_bytes == reads.whole_bytes:
        engine.n_used += places_of(engine, reads.whole_bytes)


@inlined
def request(nic, now_fs, kind, ring_queue, n_bytes, address):
    """Take a tag and enter the read request into NP; return the tag, in which a kind notes what it reads for."""
    tags = nic.tags
    tags.n_free -= 1
    number = tags.free[tags.n_free]
    tag = tags.slot[number]
    tag.kind = kind
    tag.queue = ring_queue
    tag.n_bytes = n_bytes
    tag.address = address
    tag.taken_fs = now_fs
    if nic.pcie.has_engines:
        take_places(nic, kind, n_bytes)
    tags.fewest_free = min(tags.fewest_free, tags.n_free)
    if tags.n_free == 0:
        set_stalled(nic.ledger.stalls.no_free_tag, now_fs, True)
    request_read(nic, now_fs, kind, ring_queue, number)
    return tag


@inlined
def fetched_bytes(fetches):
    """Return the bytes of the descriptor read at the head of a class."""
    return DESCRIPTOR_BYTES * fetches.ring[fetches.head & fetches.mask].n_descriptors


@kernel
def request_descriptors(nic, now_fs, fetches, kind):
    """Request what the head of a descriptor class asks for."""
    fetch = fetches.ring[fetches.head & fetches.mask]
    fetches.head += 1
    tag = request(nic, now_fs, kind, fetch.queue, DESCRIPTOR_BYTES * fetch.n_descriptors, fetch.address)
    tag.n_descriptors = fetch.n_descriptors


@inlined
def payload_read_bytes(reads, pcie):
    """Return the bytes of the next read of the frame that is being cut: up to the next multiple of MRRS."""
    most = pcie.max_read_request_bytes
    return min(reads.left_bytes, most - (reads.address & (most - 1)))


@kernel
def next_read_has_places(nic):
    """Say whether the read engine has places for the read that is first in the arbiter."""
    reads = nic.reads
    if reads.rx_fetches.head != reads.rx_fetches.tail:
        n_bytes = fetched_bytes(reads.rx_fetches)
    elif reads.tx_fetches.head != reads.tx_fetches.tail:
        n_bytes = fetched_bytes(reads.tx_fetches)
    elif reads.left_bytes < reads.whole_bytes:
        return True
    else:
        n_bytes = reads.whole_bytes
    return has_places(nic.engines.read, n_bytes)


@kernel
def waits_for_places(nic, now_fs):
    """Note whether the first read waits for places of its engine, though a tag is free; return whether it does."""
    waits = not next_read_has_places(nic)
    set_stalled(nic.ledger.stalls.read_places, now_fs, waits)
    if waits:
        set_stalled(nic.ledger.stalls.tags, now_fs, False)
    return waits


@kernel
def issue(nic, now_fs):
    """Let waiting reads take free tags: Rx descriptors, Tx descriptors, payload; the scheduler refills the last."""
    reads = nic.reads
    pcie = nic.pcie
    while True:
        if reads.left_bytes == 0:
            pick(nic, now_fs)
        rx_waits = reads.rx_fetches.head != reads.rx_fetches.tail
        tx_waits = reads.tx_fetches.head != reads.tx_fetches.tail
        if not (rx_waits or tx_waits or reads.left_bytes > 0):
            set_stalled(nic.ledger.stalls.tags, now_fs, False)
            if pcie.has_engines:
                set_stalled(nic.ledger.stalls.read_places, now_fs, False)
            return
        if nic.tags.n_free == 0:
            set_stalled(nic.ledger.stalls.tags, now_fs, True)
            return
        if pcie.has_engines and waits_for_places(nic, now_fs):
            if reads.left_bytes == 0 or reads.left_bytes == reads.whole_bytes:
                return
            rx_waits = tx_waits = False  # the rest of a frame that has its places goes on: others wait for these
        if rx_waits:
            request_descriptors(nic, now_fs, reads.rx_fetches, RX_DESCRIPTOR_READ)
        elif tx_waits:
            request_descriptors(nic, now_fs, reads.tx_fetches, TX_DESCRIPTOR_READ)
        else:
            n_bytes = payload_read_bytes(reads, pcie)
            frame = nic.grants.ring[reads.frame & nic.grants.mask]
            frame.reads_left += 1
            tag = request(nic, now_fs, PAYLOAD_READ, frame.queue, n_bytes, reads.address)
            tag.frame = reads.frame
            reads.left_bytes -= n_bytes
            if pcie.has_iotlb:
                tag.ends_frame = int(reads.left_bytes == 0)
            reads.address += n_bytes
            if reads.left_bytes == 0:
                frame.reads_left -= 1  # the pick holds one, so that a frame is not in before it is all requested


@kernel
def jitter(host):
    """Draw what a read takes beyond the fixed latency."""
    if host.jitter_kind == UNIFORM:
        # In steps of 4.096 ps, so that the product with 32 random bits stays inside 63 bits.
        return ((host.jitter_range_fs >> 12) * next_u32(host) >> 32) << 12
    draw = next_u32(host)
    for i in range(host.n_jitter_bins):
        if draw < host.jitter_threshold[i]:
            return host.jitter_fs[i]
    return host.jitter_fs[host.n_jitter_bins - 1]


@kernel
def varying_fs(host):
    """Draw what an answer takes beyond the fixed latency: the jitter, and memory where the cache has not got it."""
    late_fs = 0
    if host.jitter_kind != FIXED:
        late_fs = jitter(host)
    if host.read_miss_fs > 0 and next_u32(host) >= host.read_hits:
        late_fs += host.read_miss_fs
    return late_fs


@inlined
def host_reads(nic, now_fs, tag_number):
    """Let the host answer a received read request: all completions are ready after its latency."""
    host = nic.host
    latency_fs = host.read_latency_fs
    if host.answers_vary:
        latency_fs += varying_fs(host)
    answer_read(nic, now_fs + latency_fs, tag_number)


@inlined
def completed_bytes(nic, number):
    """Return the bytes of what a read completes, a frame's payload or descriptors; 0 where more reads have to come."""
    tag = nic.tags.slot[number]
    if tag.kind != PAYLOAD_READ:
        return tag.n_bytes
    frame = nic.grants.ring[tag.frame & nic.grants.mask]
    return frame.n_bytes if frame.reads_left == 1 else 0


@inlined
def is_stored(nic, now_fs, number, n_bytes):
    """Say whether what a read completes, of so many bytes, is stored at once; else after the time of `nic.store_rate`.

    Data are stored as a whole, once all of them have come.
    """
    limits = nic.limits
    if limits.store_den == 0 or n_bytes == 0:
        return True
    store_fs = n_bytes * limits.store_num // limits.store_den
    stored_fs = max(now_fs, nic.store_busy_until_fs) + store_fs
    nic.store_busy_until_fs = stored_fs
    nic.store_busy_fs += store_fs
    append(nic.clock, STORED, stored_fs, number)
    return False


@inlined
def data_are_in(nic, now_fs, number):
    """Say whether a read whose last byte has come is complete at once; else it is once its data are stored."""
    return is_stored(nic, now_fs, number, completed_bytes(nic, number))


@inlined
def free_places(nic, number):
    """Free the read engine's places of what a read completes."""
    if nic.pcie.has_engines:
        give_places_back(nic, completed_bytes(nic, number))


@inlined
def served_read(served, pcie, n, n_reads, down_bytes, down_tlps):
    """Count what the reads of a frame, or of `n` descriptors, took on the link."""
    served.n += n
    served.up_bytes += n_reads * pcie.request_bytes
    served.up_tlps += n_reads
    served.down_bytes += down_bytes
    served.down_tlps += down_tlps


@inlined
def served_in_order(served, pcie, n, tag):
    """Count what all reads of a kind up to this one took on the link: with it `n` more frames or descriptors are in."""
    served.n += n
    served.up_bytes = served.n_reads * pcie.request_bytes
    served.up_tlps = served.n_reads
    served.down_bytes = tag.link_bytes
    served.down_tlps = tag.link_tlps


@kernel
def give_places_back(nic, n_bytes):
    """Free the read engine's places of what is complete now; 0 B: of nothing."""
    if nic.pcie.has_engines and n_bytes > 0:
        nic.engines.read.n_used -= places_of(nic.engines.read, n_bytes)


@inlined
def release_tag(nic, now_fs, number):
    """Free a tag with its read's last completion byte."""
    tags = nic.tags
    if tags.n_free == 0:
        set_stalled(nic.ledger.stalls.no_free_tag, now_fs, False)
    tags.free[tags.n_free] = number
    tags.n_free += 1
    tags.held_fs += now_fs - tags.slot[number].taken_fs
