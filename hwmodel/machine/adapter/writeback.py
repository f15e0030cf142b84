"""Descriptors held for write-back, of Tx and Rx rings alike: until a batch is full, or the first one's timer expires.

And the end of a Tx descriptor: done, written back, interrupt, slot free.
"""

from __future__ import annotations

from hwmodel.compiled.compilation import inlined, kernel
from hwmodel.compiled.records import NEVER
from hwmodel.machine.adapter.interrupts import rx_returned, tx_returned
from hwmodel.machine.counts.histogram import change
from hwmodel.machine.pcie.links import is_of_uplink
from hwmodel.machine.pcie.transactions import post_writeback
from hwmodel.machine.time.events import set_timer
from hwmodel.machine.tlp_kinds import RX_WRITEBACK
from hwmodel.machine.traffic.sources import hunger


@kernel
def write_back(nic, now_fs, held):
    """Write all held descriptors of a ring back, right behind what is queued."""
    n, params = held.n_descriptors, held.params
    n_told = held.n_frames if params.kind == RX_WRITEBACK else n  # a Tx ring counts descriptors throughout
    first, n_written = held.written, n
    if params.reports_last:
        first, n_written = held.written + n - 1, 1
    post_writeback(nic, now_fs, params, first, n_written, n_told)
    held.written += n
    held.n_descriptors = 0
    held.n_frames = 0
    held.timer_at_fs = NEVER
    if params.kind == RX_WRITEBACK:
        rx_returned(nic, now_fs, params.queue, n_told)
    else:
        tx_returned(nic, now_fs, params.queue, n_told)


@inlined
def arm_timer(clock, held):
    """Set the timer of the first descriptor held."""
    held.timer_armed = 1
    set_timer(clock, held.timer_at_fs, held.params.timer_kind, held.params.queue)


@inlined
def hold_for_writeback(nic, now_fs, held, n_descriptors, n_frames):
    """Hold the descriptors of a frame, or of several, for write-back, or write a full batch."""
    held.n_descriptors += n_descriptors
    held.n_frames += n_frames
    if held.n_descriptors >= held.params.batch:
        write_back(nic, now_fs, held)
    elif held.n_frames == n_frames and nic.params.writeback_timeout_fs > 0 and held.params.reports_last == 0:
        held.timer_at_fs = now_fs + nic.params.writeback_timeout_fs
        if held.timer_armed == 0:
            arm_timer(nic.clock, held)


@kernel
def writeback_expired(nic, now_fs, held):
    """Write back what is held; or set the timer anew, if it was for descriptors that have been written back since."""
    held.timer_armed = 0
    if held.timer_at_fs == now_fs:
        write_back(nic, now_fs, held)
    elif held.timer_at_fs < NEVER:
        arm_timer(nic.clock, held)


@kernel
def descriptors_done(nic, now_fs, number, n):
    """Hold the done descriptors of a frame, or of a send, for write-back."""
    hold_for_writeback(nic, now_fs, nic.tx_queue[number].held, n, 1)


@kernel
def slots_free(nic, now_fs, number, n):
    """Give slots back to the driver, which may have frames waiting for them."""
    queue = nic.tx_queue[number]
    queue.freed += n
    change(nic.ledger.counts.tx_ring, now_fs, -n)
    if is_of_uplink(nic, number) and nic.virtual_switch.params.waits_for_uplink:
        nic.virtual_switch.looks_due = nic.moves_due = 1
    hunger(nic, queue.params.function)


@kernel
def tx_written_back(nic, now_fs, number, n):
    """Note descriptors whose write-back the host has received; a driver that polls gives their slots back at once."""
    queue = nic.tx_queue[number]
    queue.written_back += n
    if nic.guests.driver[queue.params.function].tx_interrupt_batch == 0 or nic.rx_queue[number].is_polled:
        slots_free(nic, now_fs, number, queue.written_back - queue.freed)
