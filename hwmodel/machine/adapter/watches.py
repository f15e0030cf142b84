"""Conditions that events of a scenario wait for: when something is true of a function for the first time.

A command sets a watch; it is tested after each instant, when all of that has happened. A machine without watches tests
nothing; one with any goes from instant to instant (`commanded.advance_through`).
"""

from __future__ import annotations

from hwmodel.compiled.compilation import kernel
from hwmodel.compiled.records import I64, NEVER, ints, record
from hwmodel.machine.counts.ledger_state import CAME_TRUE

MAX_WATCHES = 1000
WORDS_A_PAGE = 512  # of memory

# Conditions: copies delivered to a function; copies dropped that it sent or was to get; its Tx rings empty; its Rx
# rings out of descriptors; the function up, or down.
DELIVERED, DROPPED, TX_RING_EMPTY, RX_RING_EMPTY, UP = range(5)

# `number`: the watch's among those of all servers. `target`: the count that makes it true; 1 or 0 for `UP`.
# `least_copies`: until all VMs of the server together have got so many copies, those of the function need not be
# counted.
WATCH = record(*ints("number", "kind", "function", "target", "least_copies"))
# `true_fs`: the instant after which a watch was true, NEVER before; `number`: which one. Padded to whole pages, so that
# the next server in the array starts in a page as it would without watches.
WATCHES = record(
    *ints("n", "true_fs", "number"),
    ("watch", WATCH, (MAX_WATCHES,)),
    ("apart", I64, (-(3 + 5 * MAX_WATCHES) % WORDS_A_PAGE,)),
)


@kernel
def begin_watch(nic, function, kind, target, number):
    """Watch a function from this instant on; what is counted is counted from now."""
    watches = nic.watches
    watch = watches.watch[watches.n]
    watches.n += 1
    watches.true_fs = NEVER
    watch.number, watch.kind, watch.function, watch.target = number, kind, function, target
    if kind == DELIVERED:
        watch.target += n_delivered(nic, function)
        watch.least_copies = nic.ledger.counts.vm_copies + target
    elif kind == DROPPED:
        watch.target += n_dropped(nic, function)


@kernel
def look(nic):
    """Let the run end behind this instant if a watch is true now; the first of several."""
    watches = nic.watches
    for at in range(watches.n):
        if is_true(nic, watches.watch[at]):
            watches.true_fs, watches.number = nic.clock.now_fs, watches.watch[at].number
            nic.ledger.is_stopping = CAME_TRUE
            return


@kernel
def is_true(nic, watch):
    """Tell whether what is waited for is there."""
    if watch.kind == DELIVERED:
        # Even if all copies so far were this function's, they would be too few.
        if nic.ledger.counts.vm_copies < watch.least_copies:
            return False
        left = watch.target - n_delivered(nic, watch.function)
        watch.least_copies = nic.ledger.counts.vm_copies + left
        return left <= 0
    if watch.kind == DROPPED:
        return n_dropped(nic, watch.function) >= watch.target
    function = nic.function[watch.function]
    if watch.kind == UP:
        return function.is_off != watch.target
    return function.is_off == 0 and has_empty_rings(nic, function, watch.kind == TX_RING_EMPTY)


@kernel
def has_empty_rings(nic, function, is_tx):
    """Tell whether all slots of a function's Tx rings are free, or no descriptor of its Rx rings is left."""
    for ring in range(function.params.first_queue, function.params.first_queue + function.params.n_queues):
        tx, rx = nic.tx_queue[ring], nic.rx_queue[ring]
        n_left = tx.reserved - tx.freed if is_tx else rx.known + rx.requested + rx.cached
        if n_left > 0:
            return False
    return True


@kernel
def n_delivered(nic, function):
    """Return how many copies have been delivered to a function, whoever sent them; mirrored ones do not count."""
    ledger, params = nic.ledger, nic.function[function].params
    station, n = nic.port[params.adapter_port].switch.station[params.port], 0
    for number in range(ledger.directory.n):
        if ledger.directory.ends[number].receiver == station:
            n += ledger.flow[number].delivered
    return n


@kernel
def n_dropped(nic, function):
    """Return how many copies have been dropped of a function, or for it."""
    n = 0
    for number in nic.ledger.function[function].drops:
        n += number
    return n
