"""The host's memory behind the link: in what order writes pass into it, when they are there, when reads begin."""

from __future__ import annotations

from hwmodel.compiled.compilation import kernel, out_of_line
from hwmodel.machine.host.translation import read_translated, write_translated
from hwmodel.machine.pcie.link import keep_slot
from hwmodel.machine.pcie.links import host_of
from hwmodel.machine.time.clock import IN_MEMORY
from hwmodel.machine.time.events import append
from hwmodel.machine.time.random_stream import next_u32
from hwmodel.machine.tlp_kinds import ID_ORDER, PAYLOAD_WRITE, RELAXED_ORDER, WITHOUT_ADDRESS


@kernel
def order_among(nic, pcie, ring_queue):
    """Return the ordering record for a ring's writes: that of all or, with ID-based ordering, its function's."""
    function = 0
    if pcie.params.ordering == ID_ORDER:
        function = nic.tx_queue[ring_queue].params.function
    return host_of(nic, pcie).order[function]


@kernel
def passes_fs(nic, pcie, now_fs, sending):
    """Return when a received write passes: translated and, unless it is relaxed payload, behind all before it."""
    order = order_among(nic, pcie, sending.queue)
    there_fs = now_fs
    if pcie.params.has_iotlb and sending.kind not in WITHOUT_ADDRESS:
        there_fs = write_translated(nic, host_of(nic, pcie).translation, now_fs, sending)
    order.passed_fs = max(order.passed_fs, there_fs)
    if pcie.params.ordering == RELAXED_ORDER and sending.kind == PAYLOAD_WRITE:
        return there_fs
    return order.passed_fs


@kernel
def write_lands_fs(nic, pcie, pass_fs, sending):
    """Return when a write that passes at `pass_fs` is in memory; without an address, when all before it are."""
    host = host_of(nic, pcie)
    order = order_among(nic, pcie, sending.queue)
    landed_fs = pass_fs
    if sending.kind not in WITHOUT_ADDRESS:
        landed_fs += host.params.write_latency_fs
        if host.params.write_miss_fs > 0 and next_u32(host) >= host.params.write_hits:
            landed_fs += host.params.write_miss_fs
    order.in_memory_fs = max(order.in_memory_fs, landed_fs)
    if pcie.params.ordering == RELAXED_ORDER and sending.kind == PAYLOAD_WRITE:
        return landed_fs
    return order.in_memory_fs


@kernel
def read_begins_fs(nic, pcie, now_fs, tag):
    """Return when a received read is translated and the writes before it are in memory."""
    there_fs = now_fs
    if pcie.params.has_iotlb:
        there_fs = read_translated(nic, host_of(nic, pcie).translation, now_fs, tag)
    return max(there_fs, order_among(nic, pcie, tag.queue).in_memory_fs)


@out_of_line
def waits_for_memory(nic, number, now_fs, sending, memory_fs):
    """Hold a write that host `number` is to notice until it is in memory; return False if nothing is held."""
    if sending.kind == PAYLOAD_WRITE:
        return False
    lane = nic.clock.lane[IN_MEMORY + number]
    if memory_fs == now_fs and lane.head == lane.tail:
        return False
    append(nic.clock, IN_MEMORY + number, memory_fs, keep_slot(nic.host[number].memory_writes, sending))
    return True
