"""The adapter's interrupts: counted as write-backs enter P, moderated by a timer, masked while the driver polls."""

from __future__ import annotations

from hwmodel.compiled.compilation import inlined, kernel
from hwmodel.machine.pcie.transactions import post_interrupt
from hwmodel.machine.time.clock import MODERATION_TIMER
from hwmodel.machine.time.events import set_timer
from hwmodel.machine.tlp_kinds import RX_INTERRUPT, TX_INTERRUPT


@inlined
def masks(nic, queue):
    """Say whether the driver of a ring masks its interrupt while it polls."""
    return nic.guests.driver[queue.params.function].mask_interrupts


@kernel
def raise_interrupt(nic, now_fs, kind, number):
    """Enter an interrupt for all frames counted."""
    queue = nic.rx_queue[number]
    post_interrupt(nic, now_fs, kind, number, queue.returned - queue.told)
    queue.told = queue.returned
    queue.moderated_until_fs = now_fs + queue.moderation_fs
    queue.is_masked = masks(nic, queue)


@kernel
def ask_for_interrupt(nic, now_fs, kind, number):
    """Raise an interrupt, or leave it to the ring's timer (EITR), or to the driver that masks it."""
    queue = nic.rx_queue[number]
    if queue.is_masked:
        return
    if now_fs >= queue.moderated_until_fs:
        raise_interrupt(nic, now_fs, kind, number)
    elif queue.moderation_at_fs == 0:
        queue.moderation_at_fs = queue.moderated_until_fs
        set_timer(nic.clock, queue.moderation_at_fs, MODERATION_TIMER, number)


@inlined
def rx_returned(nic, now_fs, number, n):
    """Count frames whose write-back has entered P; their interrupt, if it is due, stands behind it."""
    queue = nic.rx_queue[number]
    driver = nic.guests.driver[queue.params.function]
    if driver.polls:
        return
    queue.returned += n
    if driver.moderation_fs > 0 or queue.returned - queue.told >= driver.rx_interrupt_batch:
        ask_for_interrupt(nic, now_fs, RX_INTERRUPT, number)


@inlined
def unseen_descriptors(queue):
    """Return how many Tx descriptors have been written back, or are about to be, whose slots are not free."""
    return queue.held.written - queue.freed


@kernel
def tx_returned(nic, now_fs, number, n):
    """Count descriptors whose write-back has entered P; their interrupt, if it is due, stands behind it."""
    queue = nic.tx_queue[number]
    driver = nic.guests.driver[queue.params.function]
    batch = driver.tx_interrupt_batch
    if batch == 0:
        return
    if driver.mask_interrupts:
        if unseen_descriptors(queue) >= batch:
            ask_for_interrupt(nic, now_fs, TX_INTERRUPT, number)
        return
    queue.counted += n
    if queue.counted >= batch:
        post_interrupt(nic, now_fs, TX_INTERRUPT, number, queue.counted)
        queue.counted = 0


@kernel
def has_unseen(nic, number):
    """Say whether frames or descriptors have been counted that the driver has not seen while it polled."""
    queue = nic.rx_queue[number]
    batch = nic.guests.driver[queue.params.function].tx_interrupt_batch
    return queue.returned > queue.visible or (batch > 0 and unseen_descriptors(nic.tx_queue[number]) > 0)


@kernel
def moderation_expired(nic, now_fs, number):
    """Raise the interrupt that the timer held back."""
    queue = nic.rx_queue[number]
    if now_fs != queue.moderation_at_fs:  # the function has gone since
        return
    queue.moderation_at_fs = 0
    if now_fs < queue.moderated_until_fs:
        ask_for_interrupt(nic, now_fs, RX_INTERRUPT, number)  # raised since by another way: the timer goes on
    elif queue.returned > queue.told or (masks(nic, queue) and has_unseen(nic, number)):
        ask_for_interrupt(nic, now_fs, RX_INTERRUPT, number)


@kernel
def unmasked(nic, now_fs, number):
    """Receive an interrupt enable: the driver polls no more, and gets an interrupt for what it has not seen."""
    queue = nic.rx_queue[number]
    queue.is_masked = 0
    queue.told = max(queue.told, queue.visible)
    if has_unseen(nic, number):
        ask_for_interrupt(nic, now_fs, RX_INTERRUPT, number)
