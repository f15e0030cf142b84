"""The packet plane: which class leaves the Tx buffer next, for each wire and for the VMs (`nic.arbitration`)."""

from __future__ import annotations

from hwmodel.compiled.compilation import kernel, out_of_line
from hwmodel.machine.adapter.class_turns import NOBODY, charge_class, next_class
from hwmodel.machine.adapter.flow_control import held_local
from hwmodel.machine.growing_ring import entered
from hwmodel.machine.waiting_lists import append, pop, take_place
from hwmodel.rules.ethernet import FCS_BYTES


@kernel
def join_class(nic, packets, copy):
    """Put a copy behind those of its class that wait."""
    waiting, queue = nic.arbiter.waiting, packets.queue[copy.tx_class]
    place = take_place(nic.clock, waiting)
    waiting.place[place - 1].waits = copy
    append(waiting, queue, place)
    packets.n_waiting += 1


@kernel
def take_next(nic, packets, fifo):
    """Write the next copy to the tail of a FIFO, which is empty; return its class, `NOBODY` if all are held.

    The caller counts the copy in.
    """
    arbiter = nic.arbiter
    params, plane, waiting = arbiter.params, packets.plane, arbiter.waiting
    for number in range(params.n_classes):
        plane.of_class[number].wants = int(packets.queue[number].head != 0 and packets.held >> number & 1 == 0)
    tx_class = next_class(params, plane, params.sends_by_order)
    if tx_class == NOBODY:
        return NOBODY
    copy = pop(waiting, packets.queue[tx_class]).waits
    fifo.ring[fifo.tail & fifo.mask] = copy
    charge_class(params, plane, tx_class, copy.n_bytes + FCS_BYTES)
    packets.n_waiting -= 1
    return tx_class


@out_of_line
def feed_local(nic):
    """Let the local copy that is next be the first in the FIFO, which is empty; return whether there was one."""
    packets, fifo = nic.arbiter.local, nic.loopback
    if packets.n_waiting == 0:
        return False
    if nic.params.splits_rx_buffer:
        packets.held = held_local(nic)
    tx_class = take_next(nic, packets, fifo)
    if tx_class == NOBODY:
        return False
    n_bytes = fifo.ring[fifo.tail & fifo.mask].n_bytes
    nic.arbiter.counts.local_bytes[tx_class] += n_bytes + FCS_BYTES
    entered(nic.clock, fifo)
    return True


@out_of_line
def n_before_fifos(nic):
    """Return how many copies wait in the fullest of the planes."""
    n_waiting = nic.arbiter.local.n_waiting
    for number in range(nic.params.n_ports):
        n_waiting = max(n_waiting, nic.arbiter.wire[number].n_waiting)
    return n_waiting
