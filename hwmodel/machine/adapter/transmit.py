"""The end of a Tx descriptor: done, written back, interrupt, slot free."""

from __future__ import annotations

from hwmodel.compiled.compilation import kernel
from hwmodel.machine.adapter.writeback import hold_for_writeback
from hwmodel.machine.counts.histogram import change
from hwmodel.machine.traffic.sources import hunger


@kernel
def descriptor_done(nic, now_fs, number):
    """Hold a done descriptor for write-back."""
    hold_for_writeback(nic, now_fs, nic.tx_queue[number].held, 1)


@kernel
def slots_free(nic, now_fs, number, n):
    """Give slots back to the driver, which may have frames waiting for them."""
    queue = nic.tx_queue[number]
    queue.freed += n
    change(nic.ledger.counts.tx_ring, now_fs, -n)
    hunger(nic, queue.function)


@kernel
def tx_written_back(nic, now_fs, number, n):
    """Note descriptors whose write-back the host has received; a driver that polls gives their slots back at once."""
    queue = nic.tx_queue[number]
    queue.written_back += n
    if nic.host.driver[queue.function].tx_interrupt_batch == 0 or nic.rx_queue[number].is_polled:
        slots_free(nic, now_fs, number, queue.written_back - queue.freed)
