"""An adapter on a shared PCI or PCI-X bus: what it, or the host's bridge for it, sends once it has the bus.

The next master is chosen at an edge of the bus's clock, and sends from the next edge on. So a choice has no effect for
a clock, and adapters of one bus may run ahead by that much (`pci_buses`).
"""

from __future__ import annotations

import numpy as np

from hwmodel.compiled.compilation import kernel, out_of_line
from hwmodel.compiled.records import NEVER
from hwmodel.machine.pcie.link import (
    completion_chunk,
    cut_next,
    keep_for_read,
    on_link,
    served_down,
    served_up,
    write_chunk,
)
from hwmodel.machine.pcie.link_state import BEHIND_TREE, BY_ARRIVAL, READS_FIRST, ROUND_ROBIN
from hwmodel.machine.pcie.links import number_of
from hwmodel.machine.pcie.tree_end import at_tree, head_fs
from hwmodel.machine.time.clock import COMPLETION_READY, DOWN_DONE, UP_DONE
from hwmodel.rules.pci_bus import DISCONNECT_BYTES

UP, DOWN = 0, 1  # whose transaction it is: the adapter's, the bridge's


@out_of_line
def at_other_end(nic, pcie, now_fs):
    """Do what the link does not start by itself, for an adapter behind PCIe switches or on a bus.

    Return True if there was something to send, now or later.
    """
    if pcie.params.by_tree == BEHIND_TREE:
        return at_tree(nic, pcie, now_fs)
    return at_bus(nic, pcie, now_fs)


@kernel
def edge_fs(cycle_fs, at_fs):
    """Return the first edge of a clock that is not before a time."""
    return (at_fs + cycle_fs - 1) // cycle_fs * cycle_fs


@kernel
def adapter_asks_fs(pcie):
    """Return since when the adapter asks for the bus, or when it will; `NEVER` where it has nothing to send."""
    asks_fs = min(head_fs(pcie.up.first), head_fs(pcie.up.second))
    return min(asks_fs, pcie.bus.repeat_fs) if pcie.bus.n_delayed > 0 else asks_fs


@kernel
def bridge_asks_fs(pcie):
    """Return since when the bridge asks for the bus for this adapter, or when it will: PCI-X completions too."""
    asks_fs = head_fs(pcie.down.first)
    return min(asks_fs, head_fs(pcie.down.second)) if pcie.bus.params.is_split else asks_fs


@kernel
def grant(clock, pcie, edge_at_fs, way, is_contended):
    """Give the bus to the adapter, or to the bridge for it, from the next edge on."""
    bus = pcie.bus
    bus.way = way
    bus.is_contended = is_contended
    bus.begins_fs = edge_at_fs + bus.params.cycle_fs
    clock.next_at[COMPLETION_READY + number_of(pcie)] = bus.begins_fs


@kernel
def at_bus(nic, pcie, now_fs):
    """Begin what was granted a clock ago; the only adapter of a bus also chooses who has it next."""
    bus = pcie.bus
    has_begun = bus.begins_fs == now_fs
    if has_begun:
        bus.begins_fs = NEVER
        if bus.way == UP:
            begin_up(nic, pcie, now_fs)
        else:
            begin_down(nic, pcie, now_fs)
    if bus.params.is_shared or bus.begins_fs < NEVER:
        return has_begun
    up_fs, down_fs = adapter_asks_fs(pcie), bridge_asks_fs(pcie)
    asks_fs = min(up_fs, down_fs)
    if asks_fs >= NEVER:
        return has_begun
    at_fs = edge_fs(bus.params.cycle_fs, max(asks_fs, bus.free_fs, now_fs))
    if at_fs > now_fs:
        nic.clock.next_at[COMPLETION_READY + number_of(pcie)] = at_fs
        return True
    both = up_fs <= now_fs and down_fs <= now_fs
    way = 1 - bus.way if both else int(up_fs > now_fs)
    grant(nic.clock, pcie, now_fs, way, both)
    return True


@kernel
def burst_bytes(pcie, address, data_bytes, overhead_bytes):
    """Return the bytes that a burst may have: less than asked for where the latency timer ends it."""
    params = pcie.bus.params
    if pcie.bus.is_contended == 0:
        return data_bytes
    before_clocks = overhead_bytes // params.word_bytes - 1  # from the address to the first data
    n_words = max(1, params.timer_clocks - before_clocks)
    end = (address // params.word_bytes + n_words) * params.word_bytes
    if params.is_split:
        end = (end + DISCONNECT_BYTES - 1) // DISCONNECT_BYTES * DISCONNECT_BYTES
    return min(data_bytes, end - address)


@kernel
def put_on_bus(pcie, link, now_fs, queue, overhead_bytes, data_bytes):
    """Put the next burst of a queue's head on the bus, which was granted a clock ago; return its entry."""
    entry = queue.ring[queue.head & queue.mask]
    link.place = queue.head
    n_bytes = overhead_bytes + on_link(pcie, entry.address, data_bytes)
    cut_next(queue, entry, data_bytes)
    link.counts.n_tlps[entry.kind] += 1
    link.counts.n_bytes[entry.kind] += n_bytes
    keep_busy(pcie, link, now_fs, n_bytes // pcie.bus.params.word_bytes)
    return entry


@kernel
def keep_busy(pcie, link, now_fs, n_clocks):
    """Keep the bus for a transaction of so many clocks, of which the one before its address has passed."""
    cycle_fs = pcie.bus.params.cycle_fs
    link.counts.busy_fs += n_clocks * cycle_fs
    link.busy_until_fs = now_fs + (n_clocks - 1) * cycle_fs
    pcie.bus.free_fs = link.busy_until_fs


@kernel
def sends_read(pcie, now_fs):
    """Return whether the adapter now reads, or retries a read, rather than writes."""
    link = pcie.up
    written_fs, asked_fs = head_fs(link.first), head_fs(link.second)
    may_write = written_fs < NEVER
    may_read = asked_fs < NEVER or (pcie.bus.n_delayed > 0 and pcie.bus.repeat_fs <= now_fs)
    if not (may_write and may_read):
        return may_read
    if pcie.params.arbitration == ROUND_ROBIN:
        return link.sends_second == 0
    if pcie.params.arbitration == BY_ARRIVAL:
        return asked_fs < written_fs
    return pcie.params.arbitration == READS_FIRST


@kernel
def begin_up(nic, pcie, now_fs):
    """Send what the adapter has first for the host."""
    link = pcie.up
    is_read = sends_read(pcie, now_fs)
    link.chosen_tail = link.first.tail
    link.sends_second = int(is_read)
    if not is_read:
        write(nic, pcie, now_fs)
    elif link.second.head != link.second.tail:
        put_on_bus(pcie, link, now_fs, link.second, pcie.params.read_request_bytes, 0)
        nic.clock.next_at[UP_DONE + number_of(pcie)] = link.busy_until_fs
        if pcie.bus.params.is_split == 0:
            pcie.bus.n_delayed += 1
            pcie.bus.repeat_fs = pcie.bus.free_fs + pcie.bus.params.retry_fs
    else:
        try_again(nic, pcie, now_fs)


@kernel
def write(nic, pcie, now_fs):
    """Write the next burst; as the last of a frame's payload begins, the Rx engine takes the next frame."""
    link = pcie.up
    head = link.first.ring[link.first.head & link.first.mask]
    overhead_bytes = pcie.params.request_bytes
    data_bytes = burst_bytes(pcie, head.address, write_chunk(pcie, head), overhead_bytes)
    entry = put_on_bus(pcie, link, now_fs, link.first, overhead_bytes, data_bytes)
    nic.clock.next_at[UP_DONE + number_of(pcie)] = link.busy_until_fs
    if entry.is_last and (entry.n > 0 or entry.room_bytes > 0):
        served_up(nic.ledger, link, entry)
    if entry.is_last and entry.room_bytes > 0:
        nic.rx_writing = max(0, nic.rx_writing - 1)
        nic.rx_dma_busy = 0
        nic.moves_due = 1


@kernel
def try_again(nic, pcie, now_fs):
    """Retry a read that the host has not answered yet: the host has data ready, or signals retry again."""
    bus = pcie.bus
    if head_fs(pcie.down.second) <= now_fs:
        bus.n_delayed -= answer(nic, pcie, now_fs)
    else:
        pcie.counts.retries += 1
        bus.free_fs = now_fs + (bus.params.try_clocks - 1) * bus.params.cycle_fs
    bus.repeat_fs = bus.free_fs + bus.params.retry_fs


@kernel
def answer(nic, pcie, now_fs):
    """Send the next data of the read whose data have been ready longest; return whether they are its last."""
    completions, overhead_bytes = pcie.down.second, pcie.params.completion_bytes
    head = completions.ring[completions.head & completions.mask]
    data_bytes = burst_bytes(pcie, head.address, completion_chunk(pcie, head), overhead_bytes)
    entry = put_on_bus(pcie, pcie.down, now_fs, completions, overhead_bytes, data_bytes)
    pcie.down.sends_second = 1
    nic.clock.next_at[DOWN_DONE + number_of(pcie)] = pcie.bus.free_fs
    if entry.is_last:
        keep_for_read(pcie, pcie.down, entry)
    return np.int64(entry.is_last)


@kernel
def begin_down(nic, pcie, now_fs):
    """Send what the host has first for the adapter: a doorbell or, on PCI-X, the data of a read."""
    posted = pcie.down.first
    if pcie.bus.params.is_split and head_fs(pcie.down.second) < head_fs(posted):
        answer(nic, pcie, now_fs)
        return
    data_bytes = posted.ring[posted.head & posted.mask].left_bytes
    entry = put_on_bus(pcie, pcie.down, now_fs, posted, pcie.params.request_bytes, data_bytes)
    pcie.down.sends_second = 0
    nic.clock.next_at[DOWN_DONE + number_of(pcie)] = pcie.bus.free_fs
    served_down(nic.ledger, pcie.down, entry)
