"""The end of a Tx descriptor: done, written back, interrupt, slot free."""

from __future__ import annotations

from . import kernel
from .events import set_timer
from .layout import NEVER, TX_INTERRUPT, TX_WRITEBACK, TX_WRITEBACK_TIMER
from .measure import change
from .sources import hunger
from .transactions import post_ring_write, post_write


@kernel
def write_back_tx(nic, now_fs, number):
    """Write all held Tx descriptors of a ring back."""
    queue = nic.tx_queue[number]
    post_ring_write(nic, now_fs, TX_WRITEBACK, number, nic.limits.tx_ring, queue.written, queue.held, queue.held)
    queue.written += queue.held
    queue.held = 0
    queue.timer_at_fs = NEVER


@kernel
def descriptor_done(nic, now_fs, number):
    """Hold a done descriptor for write-back, or write a full batch."""
    limits = nic.limits
    queue = nic.tx_queue[number]
    queue.held += 1
    if queue.held >= limits.tx_writeback_batch:
        write_back_tx(nic, now_fs, number)
    elif queue.held == 1 and limits.writeback_timeout_fs > 0:
        queue.timer_at_fs = now_fs + limits.writeback_timeout_fs
        if queue.timer_armed == 0:
            queue.timer_armed = 1
            if not set_timer(nic.events, queue.timer_at_fs, TX_WRITEBACK_TIMER, number):
                nic.overflow = 1


@kernel
def tx_writeback_expired(nic, now_fs, number):
    """Write back what is held, or wait on: the timer was for descriptors that have gone since."""
    queue = nic.tx_queue[number]
    queue.timer_armed = 0
    if queue.timer_at_fs == now_fs:
        write_back_tx(nic, now_fs, number)
    elif queue.timer_at_fs < NEVER:
        queue.timer_armed = 1
        if not set_timer(nic.events, queue.timer_at_fs, TX_WRITEBACK_TIMER, number):
            nic.overflow = 1


@kernel
def slots_free(nic, now_fs, number, n):
    """Give slots back to the driver, which may have frames waiting for them."""
    queue = nic.tx_queue[number]
    queue.freed += n
    change(nic.tx_ring, now_fs, -n)
    hunger(nic, queue.function)


@kernel
def tx_written_back(nic, now_fs, number, n):
    """Count descriptors whose write-back the host has received."""
    batch = nic.limits.tx_interrupt_batch
    if batch == 0:
        slots_free(nic, now_fs, number, n)
        return
    queue = nic.tx_queue[number]
    queue.counted += n
    if queue.counted >= batch:
        post_write(nic, now_fs, TX_INTERRUPT, number, 4, 0, queue.counted, 0)
        queue.counted = 0
