"""The descriptor plane: whose frame is read next by class, then pool, then queue (`nic.arbitration`)."""

from __future__ import annotations

from hwmodel.compiled.compilation import inlined, kernel, out_of_line
from hwmodel.machine.adapter.class_turns import NOBODY, charge_class, next_class
from hwmodel.machine.guest.choice import is_owed
from hwmodel.rules.transmit_credits import MOST_CLASSES


@inlined
def has_next(queue):
    """Say whether all descriptors of a ring's next frame, or send, are in its cache."""
    return queue.cached > queue.next_more


@inlined
def is_ready(function):
    """Say whether a function has something to send and may."""
    return function.ready_queues > 0 and function.is_shaped == 0


@kernel
def ring_of_class(nic, function, tx_class):
    """Return the function's next ring of a class with something to send, round robin, or `NOBODY`."""
    params = function.params
    for step in range(params.n_queues):
        number = params.first_queue + (function.next_queue + step) % params.n_queues
        queue = nic.tx_queue[number]
        if nic.arbiter.params.class_of_ring[number] == tx_class and queue.is_paused == 0 and has_next(queue):
            return number
    return NOBODY


@out_of_line
def note_wanting(nic, scheduler):
    """Note which classes have a frame to read, and room in the Tx buffer for the longest one."""
    arbiter = nic.arbiter
    most_bytes = arbiter.params.room_bytes - scheduler.params.quantum_bytes
    for number in range(arbiter.params.n_classes):
        arbiter.plane.of_class[number].wants = 0
    for number in range(nic.params.n_functions):
        function = nic.function[number]
        if not is_ready(function):
            continue
        for ring in range(function.params.first_queue, function.params.first_queue + function.params.n_queues):
            queue = nic.tx_queue[ring]
            if queue.is_paused == 0 and has_next(queue):
                tx_class = arbiter.params.class_of_ring[ring]
                arbiter.plane.of_class[tx_class].wants = int(arbiter.level_bytes[tx_class] <= most_bytes)


@kernel
def owed_pool(nic, scheduler, tx_class, now_fs):
    """Return the next function behind its guarantee that has something of a class to send, or `NOBODY`."""
    n = nic.params.n_functions
    for step in range(n):
        number = (scheduler.owed_pointer + step) % n
        function = nic.function[number]
        if is_owed(function, now_fs) and is_ready(function) and ring_of_class(nic, function, tx_class) != NOBODY:
            scheduler.owed_pointer = number + 1
            return number
    return NOBODY


@kernel
def next_pool(nic, tx_class):
    """Return the function whose queue of a class is next: round robin, if pools are weighted of those with credits."""
    arbiter, n = nic.arbiter, nic.params.n_functions
    while True:
        for step in range(n):
            number = (arbiter.next_pool[tx_class] + step) % n
            has_credits = arbiter.pool_credits_bytes[number * MOST_CLASSES + tx_class] > 0
            if not has_credits and arbiter.params.weighs_pools:
                continue
            function = nic.function[number]
            if is_ready(function) and ring_of_class(nic, function, tx_class) != NOBODY:
                arbiter.next_pool[tx_class] = number + 1
                return number
        for number in range(n):
            own, place = arbiter.params.pool[number], number * MOST_CLASSES + tx_class
            kept_bytes = arbiter.pool_credits_bytes[place] + own.refill_bytes
            arbiter.pool_credits_bytes[place] = min(kept_bytes, own.most_bytes)


@out_of_line
def choose_by_credits(nic, scheduler, now_fs):
    """Return the function whose frame is read next and set its next ring; `NOBODY` if no class may read.

    A class may if it has a frame to read, and room in the Tx buffer.
    """
    arbiter = nic.arbiter
    note_wanting(nic, scheduler)
    tx_class = next_class(arbiter.params, arbiter.plane, arbiter.params.reads_by_order)
    if tx_class == NOBODY:
        return NOBODY
    arbiter.chosen_class = tx_class
    number = NOBODY
    if scheduler.params.guarantee_window_fs > 0:
        number = owed_pool(nic, scheduler, tx_class, now_fs)
    scheduler.is_owed = int(number != NOBODY)
    if number == NOBODY:
        number = next_pool(nic, tx_class)
    function = nic.function[number]
    function.next_queue = ring_of_class(nic, function, tx_class) - function.params.first_queue
    return number


@out_of_line
def charge_credits(nic, scheduler, n_bytes):
    """Charge what is picked to the credits of its class, and of its pool unless it was for a guarantee."""
    arbiter = nic.arbiter
    tx_class = arbiter.chosen_class
    charge_class(arbiter.params, arbiter.plane, tx_class, n_bytes)
    place = scheduler.chosen * MOST_CLASSES + tx_class
    arbiter.counts.read_bytes[place] += n_bytes
    if scheduler.is_owed == 0:
        arbiter.pool_credits_bytes[place] -= n_bytes
