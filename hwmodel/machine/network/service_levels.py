"""Service levels of a bridge's port: whose frame is next, by weight and within a rate.

Deficit round robin (M. Shreedhar and G. Varghese, SIGCOMM 1995) over the logical ports that have frames, in the form of
Linux's sch_drr; one that its rate holds back keeps its turn and what is left of its deficit.
"""

from __future__ import annotations

from hwmodel.compiled.compilation import kernel
from hwmodel.compiled.records import NEVER
from hwmodel.machine.network.bridge_state import NOBODY
from hwmodel.rules.ethernet import FCS_BYTES


@kernel
def put_last(bridge, port, number):
    """Put a logical port behind all that wait for their turn."""
    bridge.logical_port[number].following = NOBODY
    if port.active.first == NOBODY:
        port.active.first = number
    else:
        bridge.logical_port[port.active.last].following = number
    port.active.last = number


@kernel
def take_out(bridge, port, number, previous):
    """Take a logical port out of the turn; `previous` is the one before it, `NOBODY` before the first."""
    following = bridge.logical_port[number].following
    if previous == NOBODY:
        port.active.first = following
    else:
        bridge.logical_port[previous].following = following
    if following == NOBODY:
        port.active.last = previous


@kernel
def gets_frame(bridge, port, number):
    """Let a logical port whose queue was empty wait for its turn."""
    logical_port = bridge.logical_port[number]
    if logical_port.queue.first == NOBODY:
        logical_port.deficit_bytes = logical_port.params.quantum_bytes
        put_last(bridge, port, number)


@kernel
def next_in_turn(bridge, now_fs, port):
    """Return the logical port that sends next and the one before it, `NOBODY` and `NOBODY` if none may.

    The first whose deficit is enough; each before it, if its rate lets it send, gets a quantum and goes to the end.
    """
    number = port.active.first
    previous = NOBODY
    while number != NOBODY:
        logical_port = bridge.logical_port[number]
        following = logical_port.following
        if logical_port.eligible_fs > now_fs:
            previous = number
            number = following
            continue
        if bridge.slot[logical_port.queue.first].crossing.n_bytes <= logical_port.deficit_bytes:
            break
        logical_port.deficit_bytes += logical_port.params.quantum_bytes
        if following != NOBODY:  # else it is the last, and next again
            take_out(bridge, port, number, previous)
            put_last(bridge, port, number)
            number = following
    if number == NOBODY:
        return NOBODY, NOBODY
    return number, previous


@kernel
def first_eligible_fs(bridge, port):
    """Return when the first of those that wait for their turn may send, `NEVER` if none waits."""
    first_fs = NEVER
    number = port.active.first
    while number != NOBODY:
        logical_port = bridge.logical_port[number]
        first_fs = min(first_fs, logical_port.eligible_fs)
        number = logical_port.following
    return first_fs


@kernel
def charge(logical_port, now_fs, n_bytes):
    """Take a frame that is sent now from a deficit and from the rate, which banks at most one burst."""
    logical_port.deficit_bytes -= n_bytes
    if logical_port.params.shaper_den == 0:
        return
    start_fs = max(now_fs - logical_port.params.burst_fs, logical_port.eligible_fs)
    logical_port.eligible_fs = (
        start_fs + (n_bytes + FCS_BYTES) * logical_port.params.shaper_num // logical_port.params.shaper_den
    )
