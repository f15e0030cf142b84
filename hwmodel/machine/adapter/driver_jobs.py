"""Drivers' jobs: what drivers do beside frames, one step after the other, on the real core and the real link.

The steps and their order in time are in docs/engine.md, "What drivers do beside frames". Only a run with commands has
the code for them; the engine itself notes what comes for a job (`guest/job_state.came`).
"""

from __future__ import annotations

from hwmodel.compiled.compilation import kernel
from hwmodel.compiled.records import NEVER
from hwmodel.machine.adapter.watches import has_room
from hwmodel.machine.counts.ledger_state import CAME_TRUE, JOB_GOES_ON
from hwmodel.machine.guest.cores import next_piece
from hwmodel.machine.guest.guest_state import MAX_QUEUES, NO_WORK, TAKE_TASK
from hwmodel.machine.guest.job_state import CORE_ACCESS, N_SAID, VALUES_A_STEP, keep_core
from hwmodel.machine.host.memory import order_among
from hwmodel.machine.pcie.link import catch_up, on_link, received
from hwmodel.machine.pcie.links import host_of, link_of
from hwmodel.machine.pcie.transactions import access_register, mark_next, post_write
from hwmodel.machine.time.stalls import begins_at, stalled_fs, works_until
from hwmodel.machine.tlp_kinds import MAILBOX_INTERRUPT, REGISTER_COMPLETION, REGISTER_READ, REGISTER_WRITE
from hwmodel.rules.driver_jobs import (
    AGENTS_FROM,
    ARRIVED,
    DOORBELLS,
    ENDS,
    FIRST_ARRIVED,
    GIVEN,
    JOBS_FROM,
    LEFT,
    RAISED,
    READ,
    RELEASE,
    TAKE_CORE,
    WAIT,
    WORK,
    WRITE,
)
from hwmodel.rules.pcie_link import REGISTER_BYTES

FLIES, WAITS_FOR_MEMORY = 1, 2  # `access.flies`

# ---- When what is to come ----


@kernel
def due_at(jobs, place):
    """Return an entry of the heap, whose places count from 1."""
    return jobs.due[place - 1]


@kernel
def next_job_fs(jobs):
    """Return when the next job goes on, or the next access arrives beside the link's queues."""
    return NEVER if jobs.n_due == 0 else due_at(jobs, 1).at_fs


@kernel
def comes_before(jobs, place, other):
    """Say whether one entry of the heap comes before another: earlier, or at the same time entered before it."""
    one, beside = due_at(jobs, place), due_at(jobs, other)
    return one.at_fs < beside.at_fs or (one.at_fs == beside.at_fs and one.order < beside.order)


@kernel
def exchange(jobs, place, other):
    """Exchange two entries of the heap."""
    one, beside = due_at(jobs, place), due_at(jobs, other)
    at_fs, order, what = one.at_fs, one.order, one.what
    one.at_fs, one.order, one.what = beside.at_fs, beside.order, beside.what
    beside.at_fs, beside.order, beside.what = at_fs, order, what


@kernel
def rise(jobs, place):
    """Let an entry come to its place in the heap above it."""
    while place > 1 and comes_before(jobs, place, place // 2):
        exchange(jobs, place, place // 2)
        place //= 2


@kernel
def schedule(nic, at_fs, what):
    """Let a job go on then, or an access (`what` below 0) arrive."""
    jobs = nic.jobs
    if not has_room(jobs.due, jobs.n_due + 1):
        nic.ledger.overflow = 1
        return
    jobs.n_due += 1
    jobs.order += 1
    due = due_at(jobs, jobs.n_due)
    due.at_fs, due.order, due.what = at_fs, jobs.order, what
    rise(jobs, jobs.n_due)


@kernel
def take_next(jobs):
    """Take the first entry out of the heap; return what it is for."""
    what = due_at(jobs, 1).what
    exchange(jobs, 1, jobs.n_due)
    jobs.n_due -= 1
    place = 1
    while 2 * place <= jobs.n_due:
        below = 2 * place
        if below < jobs.n_due and comes_before(jobs, below + 1, below):
            below += 1
        if comes_before(jobs, place, below):
            break
        exchange(jobs, place, below)
        place = below
    return what


# ---- Places of jobs and accesses ----


@kernel
def new_place(nic, places, table):
    """Return a free place of a table, 0 if it has no room."""
    place = places.free
    if place > 0:
        places.free = table[place].following
        return place
    if not has_room(table, places.n + 2):
        nic.ledger.overflow = 1
        return 0
    places.n += 1
    return places.n


@kernel
def free_place(places, table, place):
    """Give a place of a table back."""
    table[place].is_used = 0
    table[place].following = places.free
    places.free = place


@kernel
def ask(nic, job_place, kind, ring):
    """Return the place of a job's new access, 0 if there is no room for it."""
    jobs = nic.jobs
    place = new_place(nic, jobs.accesses, jobs.access)
    if place > 0:
        access = jobs.access[place]
        access.job, access.kind, access.queue = job_place, kind, ring
        access.is_first, access.is_last, access.flies, access.is_used, access.following = 0, 0, 0, 1, 0
        jobs.job[job_place].n_asked += 1
    return place


@kernel
def access_over(nic, place):
    """Forget an access that has arrived, and its job if that was over but for it."""
    jobs = nic.jobs
    job_place = jobs.access[place].job
    free_place(jobs.accesses, jobs.access, place)
    if job_place > 0:
        jobs.job[job_place].n_asked -= 1
        forget_if_over(jobs, job_place)


@kernel
def forget_if_over(jobs, place):
    """Forget a job that has nothing left to do, and nothing on its way."""
    job = jobs.job[place]
    if job.is_over and job.n_asked == 0:
        free_place(jobs.jobs, jobs.job, place)


@kernel
def ring_of(nic, function):
    """Return the first ring of a function, by which its driver's accesses go."""
    return nic.function[function].params.first_queue


@kernel
def core_of(nic, function):
    """Return the core on which a function's driver runs."""
    return nic.guests.core[nic.tx_queue[ring_of(nic, function)].params.core]


# ---- A job and its steps ----


@kernel
def begin_job(nic, command):
    """Let a driver begin with what a command says, behind all commands of this instant."""
    jobs, value, first = nic.jobs, nic.commands.value, command.first_value
    place = new_place(nic, jobs.jobs, jobs.job)
    if place == 0:
        return
    job = jobs.job[place]
    job.number, job.function, job.at_fs = value[first], command.part, value[first + 1]
    job.tells, job.raises = value[first + 2], value[first + 3]
    job.step, job.end = first + N_SAID, first + command.n
    job.n_done, job.n_asked, job.is_used, job.is_under_way, job.is_over = 0, 0, 1, 0, 0
    job.has_core, job.has_written = 0, 0
    schedule(nic, job.at_fs, place)


@kernel
def step_jobs(nic, now_fs):
    """Let jobs go on as far as they do at this instant."""
    jobs = nic.jobs
    while True:
        if jobs.first_come > 0:
            take_what_came(nic, now_fs)
        elif next_job_fs(jobs) <= now_fs:
            what = take_next(jobs)
            if what > 0:
                go_on(nic, now_fs, what)
            else:
                arrived(nic, now_fs, -what)
        else:
            break
    if nic.ledger.is_stopping == JOB_GOES_ON:
        nic.ledger.is_stopping = 0


@kernel
def take_what_came(nic, now_fs):
    """Let jobs have what has come for them by the datapath."""
    jobs = nic.jobs
    while jobs.first_come > 0:
        place = jobs.first_come
        jobs.first_come = jobs.access[place].following
        arrived(nic, now_fs, place)


@kernel
def go_on(nic, now_fs, place):
    """Carry out a job's steps, from the end of the one under way up to one that takes time."""
    job, value = nic.jobs.job[place], nic.commands.value
    while job.step < job.end:
        op, n, time_fs = value[job.step], value[job.step + 1], value[job.step + 2]
        if job.n_done >= (n if op >= READ else 1):
            job.step += VALUES_A_STEP
            job.n_done = 0
            continue
        if job.is_under_way == 0:
            job.is_under_way = 1
            job.at_fs = ends_at(nic, now_fs, place, op, time_fs, job.n_done + 1 == n)
            if job.at_fs > now_fs:
                if job.at_fs < NEVER:
                    schedule(nic, job.at_fs, place)
                return
        job.is_under_way = 0
        job.n_done += 1
        if op == TAKE_CORE:
            tell(nic, now_fs, job, GIVEN)
        if op == WRITE:
            write(nic, now_fs, place, job.n_done == n and not writes_behind(value, job.step + VALUES_A_STEP, job.end))
    if job.has_core:
        release(nic, now_fs, job)
    job.is_over = 1
    tell(nic, now_fs, job, LEFT)
    forget_if_over(nic.jobs, place)


@kernel
def writes_behind(value, step, end):
    """Say whether there is a write among the steps from one on."""
    while step < end:
        if value[step] == WRITE and value[step + 1] > 0:
            return True
        step += VALUES_A_STEP
    return False


@kernel
def ends_at(nic, now_fs, place, op, time_fs, is_last):
    """Begin a step, or one of its accesses; return when it is over, `NEVER` where the link or the core says."""
    job = nic.jobs.job[place]
    at_fs = job.at_fs
    if op == WORK:
        return works_until(nic.guests, at_fs, time_fs)
    if op == WAIT:
        return at_fs + time_fs
    if op == WRITE:
        return works_until(nic.guests, at_fs, nic.guests.driver[job.function].doorbell_time_fs)
    if op == READ:
        access = ask(nic, place, REGISTER_READ, ring_of(nic, job.function))
        if access > 0:
            send_down(nic, now_fs, at_fs, access)
        return NEVER
    if op == TAKE_CORE:
        return take_core(nic, place, at_fs)
    if op == RELEASE:
        release(nic, now_fs, job)
    if op == DOORBELLS:
        ring = ring_of(nic, job.function)
        mark_next(link_of(nic, ring).down.first, 0)
        access_register(nic, now_fs, REGISTER_WRITE, ring, 0, REGISTER_BYTES)
        if not is_last:
            return at_fs + time_fs
    return at_fs


@kernel
def tell(nic, now_fs, job, which):
    """Let the run stop behind this instant to tell of a job, if that is to be told."""
    if job.tells & (1 << which) == 0:
        return
    watches = nic.watches
    if not has_room(watches.came, watches.n_true + 1):
        nic.ledger.overflow = 1
        return
    watches.came[watches.n_true] = JOBS_FROM + ENDS * job.number + which
    watches.n_true += 1
    watches.true_fs = now_fs
    nic.ledger.is_stopping = CAME_TRUE


# ---- The core ----


@kernel
def take_core(nic, place, at_fs):
    """Take a function's core, or wait for it; return when the driver begins there, `NEVER` if it has to wait."""
    job = nic.jobs.job[place]
    core = core_of(nic, job.function)
    if job.has_core:
        return at_fs
    if core.is_running == 0:
        keep_core(core)
        return begins_on(nic, job, core, at_fs)
    access = ask(nic, place, CORE_ACCESS, ring_of(nic, job.function))
    if access > 0:
        if core.first_wanting == 0:
            core.first_wanting = access
        else:
            nic.jobs.access[core.last_wanting].following = access
        core.last_wanting = access
    return NEVER


@kernel
def begins_on(nic, job, core, at_fs):
    """Return when a driver begins on a core that is kept for it."""
    job.has_core = 1
    core.started_fs = core.ends_fs = begins_at(nic.guests, core, at_fs, 0)
    return core.started_fs


@kernel
def release(nic, now_fs, job):
    """Give a job's core back, which goes on with what it has to do."""
    if job.has_core == 0:
        return
    job.has_core = 0
    core, stall = core_of(nic, job.function), nic.guests.params.stall
    held_fs = max(0, now_fs - core.started_fs)
    if held_fs > 0 and stall.for_fs > 0:
        held_fs -= stalled_fs(stall, now_fs) - stalled_fs(stall, core.started_fs)
    core.counts.busy_fs[TAKE_TASK] += held_fs
    core.counts.beside_fs += held_fs
    core.is_running = 0
    core.kind = TAKE_TASK
    if core.first_work != NO_WORK:  # its turn goes on
        core.kind = core.first_work // MAX_QUEUES
        core.queue = core.first_work - core.kind * MAX_QUEUES
    next_piece(nic, now_fs, core)


# ---- The link ----


@kernel
def write(nic, now_fs, place, is_last):
    """Let a write leave for the adapter."""
    job = nic.jobs.job[place]
    number = ask(nic, place, REGISTER_WRITE, ring_of(nic, job.function))
    if number > 0:
        access = nic.jobs.access[number]
        access.is_first, access.is_last = 1 - job.has_written, is_last
        job.has_written = 1
        send_down(nic, now_fs, job.at_fs, number)


@kernel
def send_down(nic, now_fs, at_fs, place):
    """Send a register access to the adapter: at once beside an idle link's queues, else by the queue."""
    access = nic.jobs.access[place]
    pcie = link_of(nic, access.queue)
    posted, completions = pcie.down.first, pcie.down.second
    is_idle = pcie.params.by_tree == 0 and pcie.down.is_busy == 0 and posted.head == posted.tail
    if is_idle and completions.head != completions.tail:
        is_idle = completions.ring[completions.head & completions.mask].at_fs > now_fs
    data_bytes = REGISTER_BYTES if access.kind == REGISTER_WRITE else 0
    if is_idle:
        header_bytes = pcie.params.request_bytes if data_bytes > 0 else pcie.params.read_request_bytes
        fly(nic, pcie, pcie.down, at_fs, place, header_bytes + on_link(pcie, 0, data_bytes))
    else:
        mark_next(posted, place)
        access_register(nic, now_fs, access.kind, access.queue, 0, data_bytes)


@kernel
def send_up(nic, now_fs, place):
    """Send the content of a register, or an interrupt, to the host: at once on an idle link, else by the queue."""
    access = nic.jobs.access[place]
    pcie = link_of(nic, access.queue)
    posted, reads = pcie.up.first, pcie.up.second
    is_idle = posted.head == posted.tail and reads.head == reads.tail
    if is_idle and pcie.params.by_tree == 0 and pcie.up.is_busy == 0:
        is_completion = access.kind == REGISTER_COMPLETION
        header_bytes = pcie.params.completion_bytes if is_completion else pcie.params.request_bytes
        fly(nic, pcie, pcie.up, now_fs, place, header_bytes + on_link(pcie, 0, REGISTER_BYTES))
    else:
        mark_next(posted, place)
        post_write(nic, now_fs, access.kind, access.queue, REGISTER_BYTES, 0, 0, 0)


@kernel
def fly(nic, pcie, link, at_fs, place, n_bytes):
    """Let an access cross an idle direction of a link, which stays free for others."""
    access = nic.jobs.access[place]
    busy_fs = pcie.params.duration_fs[n_bytes]
    link.counts.n_tlps[access.kind] += 1
    link.counts.n_bytes[access.kind] += n_bytes
    link.counts.busy_fs += busy_fs
    link.counts.beside_fs += busy_fs
    link.counts.beside_bytes += n_bytes
    access.flies = FLIES
    schedule(nic, at_fs + busy_fs + pcie.params.propagation_fs, -place)


@kernel
def arrived(nic, now_fs, place):
    """Let an access have come to the other end, or a job have got its core."""
    jobs = nic.jobs
    access = jobs.access[place]
    if access.flies and not is_there(nic, now_fs, place):
        return
    kind, job_place = access.kind, access.job
    if job_place > 0:
        job = jobs.job[job_place]
        if kind == REGISTER_READ:
            access.kind = REGISTER_COMPLETION
            send_up(nic, now_fs, place)
            return
        if kind == REGISTER_COMPLETION:
            job.at_fs = now_fs + host_of(nic, link_of(nic, access.queue)).params.register_latency_fs
            schedule(nic, job.at_fs, job_place)
        elif kind == CORE_ACCESS:
            job.at_fs = begins_on(nic, job, core_of(nic, job.function), now_fs)
            schedule(nic, job.at_fs, job_place)
        elif kind == MAILBOX_INTERRUPT:
            tell(nic, now_fs, job, RAISED)
        elif is_written(nic, now_fs, access, job):
            send_up(nic, now_fs, place)
            return
    access_over(nic, place)


@kernel
def is_there(nic, now_fs, place):
    """Count an access that has flown; say whether it is there now: the host has all writes before it in memory."""
    access = nic.jobs.access[place]
    pcie = link_of(nic, access.queue)
    is_up = access.kind in (REGISTER_COMPLETION, MAILBOX_INTERRUPT)
    if access.flies == FLIES:
        catch_up(nic.clock, pcie, now_fs)
        if is_up:
            received(pcie, pcie.up, pcie.down)
        else:
            received(pcie, pcie.down, pcie.up)
        in_memory_fs = order_among(nic, pcie, access.queue).in_memory_fs
        if is_up and pcie.params.has_memory and in_memory_fs > now_fs:
            access.flies = WAITS_FOR_MEMORY
            schedule(nic, in_memory_fs, -place)
            return False
    access.flies = 0
    return True


@kernel
def is_written(nic, now_fs, access, job):
    """Tell of a write that has come to the adapter; say whether it raises an interrupt, which the access becomes."""
    if access.is_first:
        tell(nic, now_fs, job, FIRST_ARRIVED)
    if access.is_last == 0:
        return False
    tell(nic, now_fs, job, ARRIVED)
    if job.raises >= 0:
        access.kind, access.queue = MAILBOX_INTERRUPT, ring_of(nic, job.raises)
        return True
    return False


# ---- A function goes ----


@kernel
def drop_jobs(nic, now_fs, function):
    """Drop the jobs of the driver of a function that goes, and what is on its way for it: no more is told of them."""
    jobs = nic.jobs
    take_what_came(nic, now_fs)
    for place in range(1, jobs.accesses.n + 1):
        access = jobs.access[place]
        if access.is_used and access.job > 0:
            is_own = is_of_driver(jobs.job[access.job], function)
            if is_own or (access.kind != CORE_ACCESS and nic.tx_queue[access.queue].params.function == function):
                detach(nic, place, is_own)
    for place in range(1, jobs.jobs.n + 1):
        job = jobs.job[place]
        if job.is_used and is_of_driver(job, function):
            free_place(jobs.jobs, jobs.job, place)
    forget_due(jobs)
    for place in range(1, jobs.jobs.n + 1):
        job = jobs.job[place]
        if job.is_used == 0 and job.has_core:
            release(nic, now_fs, job)


@kernel
def is_of_driver(job, function):
    """Say whether a job is one of a function's driver, and none of an agent's on its core."""
    return job.function == function and job.number < AGENTS_FROM


@kernel
def detach(nic, place, is_own):
    """Let an access be nobody's; what waits in the link's queues is purged with its function's other TLPs."""
    jobs = nic.jobs
    access = jobs.access[place]
    if access.kind == CORE_ACCESS:
        want_no_more(nic, place)
    job_place, access.job = access.job, 0
    if access.flies == 0:
        free_place(jobs.accesses, jobs.access, place)
    if not is_own:
        jobs.job[job_place].n_asked -= 1
        forget_if_over(jobs, job_place)


@kernel
def want_no_more(nic, place):
    """Take an access out of the list of those that wait for a core."""
    access = nic.jobs.access
    core = core_of(nic, nic.jobs.job[access[place].job].function)
    before, here = 0, core.first_wanting
    while here != place:
        before = here
        here = access[here].following
    following = access[place].following
    if before == 0:
        core.first_wanting = following
    else:
        access[before].following = following
    if core.last_wanting == place:
        core.last_wanting = before


@kernel
def forget_due(jobs):
    """Take those jobs out of the heap that are dropped."""
    n_before, jobs.n_due = jobs.n_due, 0
    for place in range(1, n_before + 1):
        due = due_at(jobs, place)
        if due.what < 0 or jobs.job[due.what].is_used:
            jobs.n_due += 1
            if jobs.n_due < place:
                exchange(jobs, jobs.n_due, place)
            rise(jobs, jobs.n_due)
