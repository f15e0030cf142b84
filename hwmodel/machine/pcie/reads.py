"""Reads of host memory: the tags, the host's answer, the last byte's arrival."""

from __future__ import annotations

from hwmodel.compiled.compilation import inlined, kernel, out_of_line
from hwmodel.machine.counts.histogram import set_stalled
from hwmodel.machine.pcie.dma_engines import places_of
from hwmodel.machine.pcie.links import host_of, number_of
from hwmodel.machine.pcie.transactions import answer_read, request_read
from hwmodel.machine.time.clock import STORED
from hwmodel.machine.time.events import append
from hwmodel.machine.time.random_stream import next_u32
from hwmodel.machine.tlp_kinds import PAYLOAD_READ

FIXED, UNIFORM, HISTOGRAM = range(3)  # `host.jitter.kind`


@kernel
def take_places(nic, kind, n_bytes):
    """Take the read engine's places; the first request of a frame takes those of all its payload."""
    engine, reads = nic.engines.read, nic.reads
    if kind != PAYLOAD_READ:
        engine.n_used += places_of(engine, n_bytes)
    elif reads.left_bytes == reads.whole_bytes:
        engine.n_used += places_of(engine, reads.whole_bytes)


@inlined
def request(nic, pcie, now_fs, kind, ring_queue, n_bytes, address):
    """Take a tag and enter the read request into NP; return the tag, where the caller notes what the read is for."""
    tags = pcie.tags
    tags.n_free -= 1
    number = tags.free[tags.n_free]
    tag = tags.slot[number]
    tag.kind = kind
    tag.queue = ring_queue
    tag.n_bytes = n_bytes
    tag.address = address
    tag.taken_fs = now_fs
    if nic.params.has_engines:
        take_places(nic, kind, n_bytes)
    tags.counts.fewest_free = min(tags.counts.fewest_free, tags.n_free)
    if tags.n_free == 0:
        set_stalled(nic.ledger.counts.stalls.no_free_tag, now_fs, True)
    request_read(nic, pcie, now_fs, kind, ring_queue, number)
    return tag


@kernel
def jitter(host):
    """Draw what a read takes beyond the fixed latency."""
    if host.params.jitter_kind == UNIFORM:
        # In steps of 4.096 ps, so that the product with 32 random bits stays inside 63 bits.
        return ((host.params.jitter_range_fs >> 12) * next_u32(host) >> 32) << 12
    draw = next_u32(host)
    for i in range(host.params.n_jitter_bins):
        if draw < host.params.jitter_threshold[i]:
            return host.params.jitter_fs[i]
    return host.params.jitter_fs[host.params.n_jitter_bins - 1]


@kernel
def varying_fs(host):
    """Draw what an answer takes beyond the fixed latency: the jitter, and memory where the cache has not got it."""
    late_fs = 0
    if host.params.jitter_kind != FIXED:
        late_fs = jitter(host)
    if host.params.read_miss_fs > 0 and next_u32(host) >= host.params.read_hits:
        late_fs += host.params.read_miss_fs
    return late_fs


@inlined
def host_reads(nic, pcie, now_fs, tag_number):
    """Let the host answer a received read request: all completions are ready after its latency."""
    host = host_of(nic, pcie)
    latency_fs = host.params.read_latency_fs
    if host.params.answers_vary:
        latency_fs += varying_fs(host)
    answer_read(nic.clock, pcie, now_fs + latency_fs, tag_number)


@out_of_line
def completed_bytes(nic, pcie, number):
    """Return the bytes of what a read completes, a frame's payload or descriptors; 0 where more reads have to come."""
    tag = pcie.tags.slot[number]
    if tag.kind != PAYLOAD_READ:
        return tag.n_bytes
    frame = nic.grants.ring[tag.frame & nic.grants.mask]
    return frame.read_bytes if frame.reads_left == 1 else 0


@out_of_line
def is_stored(nic, pcie, now_fs, number, n_bytes):
    """Say whether the bytes that a read completes are stored at once; else set when, by `nic.store_rate`.

    Data are stored as a whole, once all of them have come.
    """
    params = nic.params
    if params.store_den == 0 or n_bytes == 0:
        return True
    store_fs = n_bytes * params.store_num // params.store_den
    stored_fs = max(now_fs, nic.store_busy_until_fs) + store_fs
    nic.store_busy_until_fs = stored_fs
    nic.counts.store_busy_fs += store_fs
    append(nic.clock, STORED + number_of(pcie), stored_fs, number)
    return False


@inlined
def is_thrown_away(nic, pcie, number):
    """Say whether nobody wants what a read brings: its function has gone since."""
    tag = pcie.tags.slot[number]
    if tag.kind != PAYLOAD_READ:
        return tag.n_descriptors == 0
    return nic.grants.ring[tag.frame & nic.grants.mask].queue < 0


@inlined
def data_are_in(nic, pcie, now_fs, number):
    """Say whether a read whose last byte has come is complete at once; else it is once its data are stored."""
    if nic.params.store_den == 0 or is_thrown_away(nic, pcie, number):
        return True
    return is_stored(nic, pcie, now_fs, number, completed_bytes(nic, pcie, number))


@inlined
def free_places(nic, pcie, number):
    """Free the read engine's places of what a read completes."""
    if nic.params.has_engines:
        give_places_back(nic, completed_bytes(nic, pcie, number))


@inlined
def served_read(served, pcie, n, n_reads, down_bytes, down_tlps):
    """Count what the reads of a frame, or of `n` descriptors, took on the link."""
    served.n += n
    served.up_bytes += n_reads * pcie.params.read_request_bytes
    served.up_tlps += n_reads
    served.down_bytes += down_bytes
    served.down_tlps += down_tlps


@inlined
def served_in_order(served, pcie, n, tag):
    """Count what all reads of a kind up to this one took on the link: with it `n` more frames or descriptors are in."""
    served.n += n
    served.up_bytes = served.n_reads * pcie.params.read_request_bytes
    served.up_tlps = served.n_reads
    served.down_bytes = tag.link_bytes
    served.down_tlps = tag.link_tlps


@kernel
def give_places_back(nic, n_bytes):
    """Free the read engine's places of a completed read of so many bytes; 0: none."""
    if nic.params.has_engines and n_bytes > 0:
        nic.engines.read.n_used -= places_of(nic.engines.read, n_bytes)


@inlined
def release_tag(nic, pcie, now_fs, number):
    """Free a tag with its read's last completion byte."""
    tags = pcie.tags
    if tags.n_free == 0:
        set_stalled(nic.ledger.counts.stalls.no_free_tag, now_fs, False)
    tags.free[tags.n_free] = number
    tags.n_free += 1
    tags.counts.held_fs += float(now_fs - tags.slot[number].taken_fs)
