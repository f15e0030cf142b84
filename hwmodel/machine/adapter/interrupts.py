"""The adapter's interrupts: counted as write-backs enter P, moderated by a timer, masked while the driver polls.

A vector is known by the number of its first ring. Mostly that is the only one.
"""

from __future__ import annotations

from hwmodel.compiled.compilation import inlined, kernel
from hwmodel.machine.guest.guest_state import NO_RING
from hwmodel.machine.pcie.transactions import post_interrupt
from hwmodel.machine.time.clock import MODERATION_TIMER
from hwmodel.machine.time.events import set_timer
from hwmodel.machine.tlp_kinds import RX_INTERRUPT, TX_INTERRUPT


@inlined
def masks(nic, queue):
    """Say whether the driver of a ring masks its interrupt while it polls."""
    return nic.guests.driver[queue.params.function].mask_interrupts


@kernel
def untold(nic, vector):
    """Return how many counted frames of a vector's rings no interrupt has announced yet."""
    n, number = 0, vector
    while number != NO_RING:
        queue = nic.rx_queue[number]
        n += queue.returned - queue.told
        number = queue.params.next_of_vector
    return n


@kernel
def raise_interrupt(nic, now_fs, kind, vector):
    """Enter an interrupt for all frames counted."""
    n, number = 0, vector
    while number != NO_RING:
        queue = nic.rx_queue[number]
        n += queue.returned - queue.told
        queue.told = queue.returned
        number = queue.params.next_of_vector
    first = nic.rx_queue[vector]
    post_interrupt(nic, now_fs, kind, vector, n)
    first.moderated_until_fs = now_fs + first.moderation_fs
    first.is_masked = masks(nic, first)


@kernel
def ask_for_interrupt(nic, now_fs, kind, vector):
    """Raise an interrupt, or leave it to the vector's timer (EITR); none while the driver masks it."""
    queue = nic.rx_queue[vector]
    if queue.is_masked:
        return
    if now_fs >= queue.moderated_until_fs:
        raise_interrupt(nic, now_fs, kind, vector)
    elif queue.moderation_at_fs == 0:
        queue.moderation_at_fs = queue.moderated_until_fs
        set_timer(nic.clock, queue.moderation_at_fs, MODERATION_TIMER, vector)


@inlined
def rx_returned(nic, now_fs, number, n):
    """Count frames whose write-back has entered P; an interrupt that is due then enters P behind it."""
    queue = nic.rx_queue[number]
    driver = nic.guests.driver[queue.params.function]
    if driver.polls:
        return
    queue.returned += n
    if driver.moderation_fs > 0 or untold(nic, queue.params.vector) >= driver.rx_interrupt_batch:
        ask_for_interrupt(nic, now_fs, RX_INTERRUPT, queue.params.vector)


@kernel
def unseen_descriptors(nic, vector):
    """Return how many of a vector's Tx descriptors are written back, or about to be, with slots not yet given back."""
    n, number = 0, vector
    while number != NO_RING:
        queue = nic.tx_queue[number]
        n += queue.held.written - queue.freed
        number = nic.rx_queue[number].params.next_of_vector
    return n


@kernel
def tx_returned(nic, now_fs, number, n):
    """Count descriptors whose write-back has entered P; an interrupt that is due then enters P behind it."""
    params = nic.rx_queue[number].params
    driver = nic.guests.driver[params.function]
    batch, vector = driver.tx_interrupt_batch, params.vector
    if batch == 0:
        return
    if driver.mask_interrupts:
        if unseen_descriptors(nic, vector) >= batch:
            ask_for_interrupt(nic, now_fs, TX_INTERRUPT, vector)
        return
    first = nic.tx_queue[vector]
    first.counted += n
    if first.counted >= batch:
        post_interrupt(nic, now_fs, TX_INTERRUPT, vector, first.counted)
        first.counted = 0


@kernel
def has_unseen(nic, vector):
    """Say whether frames or descriptors have been counted that the driver has not seen while it polled."""
    number = vector
    while number != NO_RING:
        queue = nic.rx_queue[number]
        if queue.returned > queue.visible:
            return True
        number = queue.params.next_of_vector
    batch = nic.guests.driver[nic.rx_queue[vector].params.function].tx_interrupt_batch
    return batch > 0 and unseen_descriptors(nic, vector) > 0


@kernel
def moderation_expired(nic, now_fs, vector):
    """Raise the interrupt that the timer held back."""
    queue = nic.rx_queue[vector]
    if now_fs != queue.moderation_at_fs:  # the function has gone since
        return
    queue.moderation_at_fs = 0
    if now_fs < queue.moderated_until_fs:
        ask_for_interrupt(nic, now_fs, RX_INTERRUPT, vector)  # another path has raised one meanwhile: moderated again
    elif untold(nic, vector) > 0 or (masks(nic, queue) and has_unseen(nic, vector)):
        ask_for_interrupt(nic, now_fs, RX_INTERRUPT, vector)


@kernel
def unmasked(nic, now_fs, vector):
    """Receive an interrupt enable: the driver polls no more, and gets an interrupt for what it has not seen."""
    nic.rx_queue[vector].is_masked = 0
    number = vector
    while number != NO_RING:
        queue = nic.rx_queue[number]
        queue.told = max(queue.told, queue.visible)
        number = queue.params.next_of_vector
    if has_unseen(nic, vector):
        ask_for_interrupt(nic, now_fs, RX_INTERRUPT, vector)
