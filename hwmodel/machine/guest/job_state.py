"""The records of drivers' jobs: the steps under way, what they have asked for and not got yet, and when they go on."""

from __future__ import annotations

from hwmodel.compiled.compilation import out_of_line
from hwmodel.compiled.far_tables import far
from hwmodel.compiled.records import I64, ints, record
from hwmodel.machine.counts.ledger_state import JOB_GOES_ON
from hwmodel.machine.guest.guest_state import N_TASKS
from hwmodel.machine.tlp_kinds import NO_KIND

N_SAID = 4  # values of a command before those of its steps: number, from_fs, tells, raises
VALUES_A_STEP = 3  # what, how often, how long

MOST_JOBS = 1 << 20  # of one server at once; and accesses, which are more only where writes wait for the link
WORDS_A_PAGE = 512  # of memory
CORE_ACCESS = NO_KIND  # in place of a TLP's kind: a job waits for its core

# Places in `job` and `access` count from 1, 0 is none; `following` links those that are free. JOB: of its step at
# `step` among the values of commands, behind the last of which is `end`, `n_done` accesses are done; the one
# `is_under_way`, or the whole step, is over at `at_fs`. `n_asked`: its accesses under way. ACCESS: a register's, by the
# kind of its TLP, which is on the way for the function of ring `queue`; or `CORE_ACCESS`. `flies`: on a link that was
# idle, beside its queues; then 2 while the host waits for writes before it to be in memory. `following` also links
# those that wait for a core, and what has come. DUE: when a job goes on (its place) or an access arrives (its place,
# negative); a heap.
JOB = record(
    *ints("number", "function", "tells", "raises", "step", "end", "n_done", "at_fs", "n_asked", "following"),
    *ints("is_used", "is_under_way", "is_over", "has_core", "has_written"),
)
ACCESS = record(*ints("job", "kind", "queue", "is_first", "is_last", "flies", "is_used", "following"))
DUE = record(*ints("at_fs", "order", "what"))
JOB_PLACES = record(*ints("n", "free"))
JOBS = record(
    *ints("n_due", "order", "first_come", "last_come"),
    ("jobs", JOB_PLACES), ("accesses", JOB_PLACES),
    ("job", far(JOB, MOST_JOBS)), ("access", far(ACCESS, MOST_JOBS)), ("due", far(DUE, 2 * MOST_JOBS)),
    ("apart", I64, (-(4 + 2 * 2 + 3 * 3) % WORDS_A_PAGE,)),  # as that of watches
)  # fmt: skip


@out_of_line
def came(nic, place):
    """Note that a job's access has come, for what runs the server to let the job go on behind this instant."""
    jobs = nic.jobs
    jobs.access[place].following = 0
    if jobs.first_come == 0:
        jobs.first_come = place
    else:
        jobs.access[jobs.last_come].following = place
    jobs.last_come = place
    if nic.ledger.is_stopping == 0:
        nic.ledger.is_stopping = JOB_GOES_ON


@out_of_line
def register_accessed(nic, access):
    """Note that a job's access has come to the adapter; of a doorbell of a flood (0) nothing is to be noted."""
    if access > 0:
        came(nic, access)


@out_of_line
def give_core(nic, core):
    """Let the first job that waits for a core have it."""
    place = core.first_wanting
    core.first_wanting = nic.jobs.access[place].following
    keep_core(core)
    came(nic, place)


@out_of_line
def keep_core(core):
    """Keep a core for a job: it does no piece of work until the job releases it."""
    core.is_running, core.kind = 1, N_TASKS
    core.work_fs, core.copying_fs, core.passing_fs = 0, 0, 0
