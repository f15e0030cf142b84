"""The guests' cores: posting frames, taking received ones, ringing doorbells."""

from __future__ import annotations

from . import kernel
from .batches import begin_rx_batches, mark_batch
from .events import set_timer
from .journey_layout import POSTED, RUNG
from .journeys import UNMEASURED, journey_over
from .layout import CORE_TIMER, POST_TASK, RX_DOORBELL, TX_DOORBELL
from .transactions import ring_doorbell

NO_TASK = -1


@kernel
def add_task(nic, now_fs, core_number, kind, queue, n):
    """Queue work at a core: `n` frames of one ring to post or to take."""
    host = nic.host
    core = host.core[core_number]
    if core.last_task >= 0:
        last = host.task[core.last_task]
        if last.kind == kind and last.queue == queue:
            last.n += n
            return
    number = host.free_task
    if number == NO_TASK:
        nic.clock.overflow = 1
        return
    task = host.task[number]
    host.free_task = task.following
    task.kind = kind
    task.queue = queue
    task.n = n
    task.following = NO_TASK
    if core.last_task >= 0:
        host.task[core.last_task].following = number
    else:
        core.first_task = number
    core.last_task = number
    if core.is_running == 0:
        start_chunk(nic, now_fs, core_number)


@kernel
def frames_to_refill(nic, queue, most):
    """Return how many frames the driver takes until it has a whole batch of descriptors to post again."""
    wanted = nic.limits.refill_batch - queue.since_refill
    n = 0
    while n < most and wanted > 0:
        wanted -= nic.host.finished[queue.first + ((queue.taken + n) & queue.mask)].n_descriptors
        n += 1
    return n


@kernel
def start_chunk(nic, now_fs, core_number):
    """Start on the first piece of work, as far as the next doorbell that it can lead to."""
    host = nic.host
    core = host.core[core_number]
    number = core.first_task
    task = host.task[number]
    if task.kind == POST_TASK:
        tx_queue = nic.tx_queue[task.queue]
        n = min(task.n, nic.limits.tx_doorbell_batch - (tx_queue.posted - tx_queue.rung))
        function = tx_queue.function
    else:
        rx_queue = nic.rx_queue[task.queue]
        n = frames_to_refill(nic, rx_queue, task.n)
        function = rx_queue.function
    core.kind = task.kind
    core.queue = task.queue
    core.chunk = n
    core.started_fs = now_fs
    core.is_running = 1
    work_fs = n * host.frame_time_fs
    core.busy_fs[task.kind] += work_fs
    task.n -= n
    if task.n == 0:
        core.first_task = task.following
        if core.first_task == NO_TASK:
            core.last_task = NO_TASK
        task.following = host.free_task
        host.free_task = number
    # By function, not by core: what several cores finish at one instant goes by port number.
    set_timer(nic.clock, now_fs + work_fs, CORE_TIMER, function)


@kernel
def posted(nic, now_fs, number, n, started_fs):
    """Mark frames as posted and ring the doorbell when a batch is full or nothing more is to be posted."""
    queue = nic.tx_queue[number]
    mark_batch(nic.host, queue, queue.posted, POSTED).posted_fs = started_fs
    queue.posted += n
    n_told = queue.posted - queue.rung
    if n_told >= nic.limits.tx_doorbell_batch or queue.posted == queue.reserved:
        mark_batch(nic.host, queue, queue.rung, RUNG).rung_fs = now_fs
        queue.rung = queue.posted
        ring_doorbell(nic, now_fs, TX_DOORBELL, number, n_told)


@kernel
def taken(nic, now_fs, number, n, started_fs):
    """Mark received frames as taken; post their descriptors again, a batch at a time."""
    host = nic.host
    queue = nic.rx_queue[number]
    at_fs = started_fs
    for i in range(queue.taken, queue.taken + n):
        at_fs += host.frame_time_fs
        place = queue.first + (i & queue.mask)
        slot = host.finished[place]
        if slot.marks != 0:
            begin_rx_batches(host, queue.batch, place)
        queue.since_refill += slot.n_descriptors
        if slot.journey != UNMEASURED:
            journey_over(nic.ledger, now_fs, slot.journey, slot, queue.batch, at_fs)
    queue.taken += n
    if queue.since_refill >= nic.limits.refill_batch:
        ring_doorbell(nic, now_fs, RX_DOORBELL, number, queue.since_refill)
        queue.since_refill = 0


@kernel
def chunk_done(nic, now_fs, function):
    """Finish what a core does for a guest, and let it start on the next."""
    core_number = nic.function[function].core
    core = nic.host.core[core_number]
    if core.kind == POST_TASK:
        posted(nic, now_fs, core.queue, core.chunk, core.started_fs)
    else:
        taken(nic, now_fs, core.queue, core.chunk, core.started_fs)
    core.is_running = 0
    if core.first_task != NO_TASK:
        start_chunk(nic, now_fs, core_number)
