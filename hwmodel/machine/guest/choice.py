"""Which ring a core of the virtual switch serves next, and how many of its frames: turns, guarantees, rate limits.

What a function may send by its rate limit and its guarantee is charged frame by frame, the adapter's functions too.
"""

from __future__ import annotations

from hwmodel.compiled.compilation import inlined, kernel, out_of_line
from hwmodel.compiled.records import NEVER
from hwmodel.machine.guest.guest_state import MAX_QUEUES, NO_WORK, SLOW_TASK, SWITCH_TASK
from hwmodel.machine.pcie.links import uplink_ring_of
from hwmodel.machine.switch.segments import charged_bytes, slots_for_uplink
from hwmodel.machine.time.clock import SHAPER_TIMER
from hwmodel.machine.time.events import set_timer


@kernel
def shape(nic, now_fs, number, n_bytes):
    """Hold a rate-limited function back until its rate allows the next frame.

    Unused rate is banked for at most one window.
    """
    function = nic.function[number]
    if function.params.shaper_den == 0:
        return
    start_fs = max(now_fs - function.params.shaper_window_fs, function.eligible_at_fs)
    function.eligible_at_fs = start_fs + n_bytes * function.params.shaper_num // function.params.shaper_den
    if function.eligible_at_fs > now_fs:
        function.is_shaped = 1
        if function.ready_queues > 0:
            nic.scheduler.n_ready -= 1
            nic.scheduler.n_shaped_waiting += 1
        set_timer(nic.clock, function.eligible_at_fs, SHAPER_TIMER, number)


@kernel
def is_owed(function, now_fs):
    """Say whether a function has had less than its guarantee."""
    return function.params.guarantee_den > 0 and function.owed_from_fs <= now_fs


@out_of_line
def give_owed(nic, now_fs, number, n_bytes):
    """Charge a frame to a function's guarantee; what of that was unused is banked for at most one window."""
    function = nic.function[number]
    params = function.params
    if params.guarantee_den == 0:  # it has lost its guarantee since its frame was chosen
        return
    begins_fs = max(now_fs - nic.scheduler.params.guarantee_window_fs, function.owed_from_fs)
    function.owed_from_fs = begins_fs + n_bytes * params.guarantee_num // params.guarantee_den


FIRST_PASSED = SWITCH_TASK * MAX_QUEUES


@inlined
def head_of(nic, ring, behind):
    """Return the next post of a Tx ring that no piece has taken up, or the one `behind` places after it."""
    queue = nic.tx_queue[ring]
    return nic.guests.post[queue.first + ((queue.picked + behind) & queue.mask)]


@kernel
def has_slots(nic, ring, post):
    """Say whether the copies of a frame fit into the uplink's ring, beside those of pieces that have begun."""
    at = uplink_ring_of(nic, ring)
    queue, switch = nic.tx_queue[at], nic.virtual_switch
    n_free = queue.slots - (queue.reserved - queue.freed) - switch.claimed[at - switch.params.first_ring]
    return slots_for_uplink(nic, post.template, post.n_bytes) <= n_free


@inlined
def is_limited(function, now_fs):
    """Say whether a function's rate limit lets none of its frames go now."""
    return function.params.shaper_den > 0 and function.eligible_at_fs > now_fs


@kernel
def is_held(nic, now_fs, number):
    """Say whether what a core has to do must wait: for a function's rate limit, or for slots of the uplink's ring."""
    if not FIRST_PASSED <= number < FIRST_PASSED + MAX_QUEUES:
        return False
    ring = number - FIRST_PASSED
    if is_limited(nic.function[nic.tx_queue[ring].params.function], now_fs):
        return True
    if nic.virtual_switch.params.waits_for_uplink == 0:
        return False
    return not has_slots(nic, ring, head_of(nic, ring, 0))


@out_of_line
def first_owed(nic, now_fs, core):
    """Return what a core has to do first for a function that has had less than its guarantee, or `NO_WORK`."""
    number = core.first_work
    while number != NO_WORK:
        if FIRST_PASSED <= number < FIRST_PASSED + MAX_QUEUES:
            function = nic.function[nic.tx_queue[number - FIRST_PASSED].params.function]
            if is_owed(function, now_fs) and not is_held(nic, now_fs, number):
                return number
        number = nic.guests.work[number].following
    return NO_WORK


@kernel
def first_handed(nic, core):
    """Return the first ring of a VM for which a thread has frames to hand over, or `NO_WORK`: receiving comes first."""
    number = core.first_work
    while number != NO_WORK and number < SLOW_TASK * MAX_QUEUES:
        number = nic.guests.work[number].following
    return number


@out_of_line
def choose(nic, now_fs, core):
    """Return what a core of a host with a virtual switch does next, `NO_WORK` if all that it has must wait."""
    core.is_owed = 0
    if nic.virtual_switch.params.n_threads > 0:
        number = first_handed(nic, core)
        if number != NO_WORK:
            return number
    if nic.scheduler.params.guarantee_window_fs > 0:
        number = first_owed(nic, now_fs, core)
        core.is_owed = int(number != NO_WORK)
        if core.is_owed:
            return number
    number = core.first_work
    while number != NO_WORK and is_held(nic, now_fs, number):
        number = nic.guests.work[number].following
    return number


@out_of_line
def begin_passing_turn(nic, core, work):
    """Give a ring its turn at the virtual switch: so many frames, or so many bytes on top of what it had left."""
    params = nic.virtual_switch.params
    work.left = params.batch
    if core.kind == SLOW_TASK:
        return
    weight = nic.function[nic.tx_queue[core.queue].params.function].params.weight
    if params.has_weights:
        work.left *= weight
    if params.quantum_bytes > 0:
        work.left = NEVER
        deficits = nic.virtual_switch.deficit_bytes
        deficits[core.queue] += params.quantum_bytes * weight
        while deficits[core.queue] < head_of(nic, core.queue, 0).n_bytes:  # a frame too long for its station
            deficits[core.queue] += params.quantum_bytes * weight


@kernel
def frames_to_pass(nic, now_fs, core, work):
    """Return how many frames of a ring are its next piece, and charge its function for them.

    The first may go: that was checked when the ring was chosen.
    """
    switch, number = nic.virtual_switch, nic.tx_queue[core.queue].params.function
    params, function = switch.params, nic.function[number]
    n = min(work.n, params.batch)
    if core.is_owed == 0:
        n = min(n, work.left)
    in_bytes = params.quantum_bytes > 0 and core.is_owed == 0
    if function.params.shaper_den == 0 and not (core.is_owed or in_bytes or params.waits_for_uplink):
        return n
    for at in range(n):
        post = head_of(nic, core.queue, at)
        if is_limited(function, now_fs) or (core.is_owed and function.owed_from_fs > now_fs):
            return at
        if in_bytes and post.n_bytes > switch.deficit_bytes[core.queue]:
            return at
        if params.waits_for_uplink:
            if not has_slots(nic, core.queue, post):
                return at
            n_slots = slots_for_uplink(nic, post.template, post.n_bytes)
            switch.claimed[uplink_ring_of(nic, core.queue) - params.first_ring] += n_slots
            core.n_claimed += n_slots
        if in_bytes:
            switch.deficit_bytes[core.queue] -= post.n_bytes
        n_bytes = charged_bytes(nic, post.template, post.n_bytes)
        shape(nic, now_fs, number, n_bytes)
        if core.is_owed:
            give_owed(nic, now_fs, number, n_bytes)
    return n


@kernel
def passing_turn_over(nic, core, ring):
    """Count a piece of a ring's turn at the virtual switch; return whether the turn is over, or nothing is left to do.

    What was passed for a guarantee does not count against the turn.
    """
    switch = nic.virtual_switch
    work = nic.guests.work[FIRST_PASSED + ring]
    if core.n_claimed > 0:
        switch.claimed[uplink_ring_of(nic, ring) - switch.params.first_ring] -= core.n_claimed
        core.n_claimed = 0
    if work.n == 0:
        switch.deficit_bytes[ring] = 0
        return True
    is_spent = switch.params.quantum_bytes > 0 and head_of(nic, ring, core.n).n_bytes > switch.deficit_bytes[ring]
    if core.is_owed:
        return is_spent and work.left > 0
    work.left -= core.n
    return is_spent or work.left == 0


@kernel
def further_rings(nic, core):
    """Return how many Tx rings of guests beside one have frames for a core of the switch, as far as they cost time."""
    n, number = -1, core.first_work
    while number != NO_WORK:
        n += int(FIRST_PASSED <= number < FIRST_PASSED + MAX_QUEUES)
        number = nic.guests.work[number].following
    return min(max(0, n), nic.virtual_switch.params.further_rings)
