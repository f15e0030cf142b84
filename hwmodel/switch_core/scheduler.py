"""The output scheduler of a port of the switch core: which queue's first frame leaves next."""

from __future__ import annotations

from hwmodel.compiled.compilation import kernel
from hwmodel.compiled.records import NEVER
from hwmodel.switch_core.state import CORE_DEFICIT, CORE_ROUND_ROBIN, NOBODY


@kernel
def schedule_at(core, output, cycle):
    """Return the number of the register settings that stand in a cycle; cycles are asked for in their order."""
    while output.schedule + 1 < core.n_schedules and core.schedule[output.schedule + 1].from_cycle <= cycle:
        output.schedule += 1
    return output.schedule


@kernel
def next_change(core, output):
    """Return the cycle from which the next register settings stand; NEVER + 1 if there are none."""
    return core.schedule[output.schedule + 1].from_cycle if output.schedule + 1 < core.n_schedules else NEVER + 1


@kernel
def enlist(output, queue, quantum):
    """Append a queue that gets its first waiting frame to the list of the deficit round robin."""
    output.listed[output.n_listed] = queue
    output.n_listed += 1
    output.queue[queue].deficit = quantum


@kernel
def delist(output, queue):
    """Take a queue without waiting frames off the list."""
    at = 0
    while output.listed[at] != queue:
        at += 1
    output.n_listed -= 1
    for i in range(at, output.n_listed):
        output.listed[i] = output.listed[i + 1]


@kernel
def first_listed(output, queues):
    """Return the place on the list of the first of some queues, given as a bitmap; one of them is listed."""
    at = 0
    while queues >> output.listed[at] & 1 == 0:
        at += 1
    return at


@kernel
def turn(output, at, quantum):
    """Give the queue at a place of the list its quantum and send it to the tail."""
    head = output.listed[at]
    output.queue[head].deficit += quantum
    for i in range(at, output.n_listed - 1):
        output.listed[i] = output.listed[i + 1]
    output.listed[output.n_listed - 1] = head


@kernel
def choose_queue(core, output, settings, may_send, at, head_bytes):
    """Return the queue chosen in this cycle, or -1 if the deficit round robin spends the cycle on a turn.

    `may_send`: a bitmap of the queues with waiting frames that are not paused, one at least; `at` is the place on the
    list of the first of them, `head_bytes` the length of its first frame.
    """
    if settings.kind == CORE_ROUND_ROBIN:
        queue = output.pointer
        while may_send >> queue & 1 == 0:
            queue = queue + 1 if queue + 1 < core.n_priorities else 0
        output.pointer = queue + 1 if queue + 1 < core.n_priorities else 0
        return queue
    if settings.kind == CORE_DEFICIT:
        head = output.listed[at]
        if head_bytes > output.queue[head].deficit:
            turn(output, at, settings.quantum[head])
            return NOBODY
        output.queue[head].deficit -= head_bytes
        return head
    queue = core.n_priorities - 1
    while may_send >> queue & 1 == 0:
        queue -= 1
    return queue
