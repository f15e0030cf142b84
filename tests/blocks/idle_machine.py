"""An idle machine for the tests of one block: what a configuration gives at time 0, and ways to look into its queues.

Unless a test says otherwise: PCI Express Gen2 x4 without DLLPs, MPS 256 B, MRRS 512 B, 450 ns to answer a read, two VFs
beside the PF, rings of 16, all batches 1, polling, no timers, no time for a frame in the driver.
"""

from __future__ import annotations

from fractions import Fraction

from hwmodel.compiled.far_tables import give
from hwmodel.config import config_from_mapping
from hwmodel.machine.adapter.scheduler import descriptors_cached
from hwmodel.machine.counts.ledger_state import LOG_CAP
from hwmodel.machine.pcie.link import could_start, on_wire
from hwmodel.simulation.fill.nic_state import build_state

NS = 10**6  # femtoseconds
ROOM = 1 << 10  # for items of a table
# Gen2 x4 moves 2 B a nanosecond; of 1538 symbols 4 are SKP (PCI Express Base Specification 3.0, chapter 4).
FS_PER_BYTE = Fraction(500_000) / (1 - Fraction(4, 1538))
PF, VF0, VF1 = range(3)  # functions, and with one queue each their rings
PORT_VF0, PORT_VF1, UPLINK = 2, 3, 0

DEFAULTS = {
    "pcie": {"dllp_model": "none"},
    "nic": {
        "preset": None, "vfs": 2, "tx_ring": 16, "rx_ring": 16, "fetch_batch": 1, "rx_fetch_batch": 1, "rx_prefetch": 1,
        "tx_writeback_batch": 1, "rx_writeback_batch": 1, "writeback_timeout": None,
    },
    "driver": {
        "preset": None, "tx_doorbell_batch": 1, "refill_batch": 1, "rx_interrupt_batch": 0, "tx_interrupt_batch": 0,
        "frame_time": "0ns",
    },
    "workload": {"pattern": "pairs", "frame_bytes": 64},
    "run": {"duration": "1ms"},  # a long one would have its memory in large pages, which take time to be filled
}  # fmt: skip


def config_of(**blocks):
    """Return a configuration: the defaults above, changed by the blocks given, key by key."""
    merged = {name: {**DEFAULTS.get(name, {}), **blocks.get(name, {})} for name in {*DEFAULTS, *blocks}}
    return config_from_mapping(merged)


def machine(**blocks):
    """Return the one record of an idle machine."""
    return idle_state(**blocks)[0]


def idle_state(**blocks):
    """Return the array of one record that the loops take."""
    state = build_state(config_of(**blocks), seed=1)
    make_room(state[0])
    return state


def make_room(nic):
    """Give tables the room that they otherwise get as workloads, changes and logs come to be known."""
    cache, ledger = nic.virtual_switch.flow_cache, nic.ledger
    for table in (nic.traffic.tape, nic.traffic.choice, nic.traffic.changed, nic.commands.ring, nic.commands.value):
        give(table, ROOM)
    for table in (cache.near.entry, cache.exact.entry, cache.wildcard.entry):
        give(table, ROOM)
    for log in (ledger.log, ledger.journey_log, ledger.tap_log):
        give(log.entry, LOG_CAP)


def time_fs(n_bytes):
    """Return the time of a TLP on the default link: whole femtoseconds, rounded down."""
    return int(n_bytes * FS_PER_BYTE)


def waiting(queue):
    """Return the transactions in an ordering queue, the first first."""
    return [queue.ring[i & queue.mask] for i in range(queue.head, queue.tail)]


def posted_writes(nic):
    """Return (kind, queue, bytes) of the transactions in P toward the host."""
    return [(int(each.kind), int(each.queue), int(each.left_bytes)) for each in waiting(nic.pcie[0].up.first)]


def read_requests(nic):
    """Return (kind, queue, bytes, address) of the read requests that wait in NP."""
    tags = [(each, nic.pcie[0].tags.slot[each.tag]) for each in waiting(nic.pcie[0].up.second)]
    return [(int(each.kind), int(tag.queue), int(tag.n_bytes), int(tag.address)) for each, tag in tags]


def doorbells(nic):
    """Return (kind, queue, how many it tells) of the doorbells in P toward the adapter."""
    return [(int(each.kind), int(each.queue), int(each.n)) for each in waiting(nic.pcie[0].down.first)]


def send_all(nic, link, start, now_fs=0):
    """Let an idle link send until nothing more can go; return its TLPs as (kind, data bytes)."""
    sent = []
    while could_start(link):
        before = int(link.counts.n_tlps.sum())
        start(nic, nic.pcie[0], now_fs)
        if int(link.counts.n_tlps.sum()) == before:
            break
        sending = on_wire(link)
        sent.append((int(sending.kind), int(sending.data_bytes)))
        link.is_busy = 0
    return sent


def cache_frames(nic, queue_number, lengths):
    """Put frames of these lengths, FCS not counted, into a Tx ring, their descriptors on the chip."""
    queue = nic.tx_queue[queue_number]
    for n_bytes in lengths:
        nic.guests.post[queue.first + (queue.reserved & queue.mask)].n_bytes = n_bytes
        for name in ("reserved", "posted", "rung", "fetched", "requested"):
            queue[name] += 1
    descriptors_cached(nic, 0, queue_number, len(lengths))
