"""A run in which commands change the machine: the engine's loop, cut at each of them.

It is a program of its own, which calls that of the engine (`compiled/programs.py`). Commands and the datapath call the
same functions, and LLVM inlines a function only where it has a single caller: with both in one program a run would be
4 % slower at 64 B, and everybody would wait for commands to be compiled.
"""

from __future__ import annotations

import numpy as np

from hwmodel.compiled.compilation import entry, kernel
from hwmodel.compiled.programs import by_address
from hwmodel.compiled.records import NEVER
from hwmodel.machine.adapter.commands import obey_due
from hwmodel.machine.adapter.driver_jobs import next_job_fs, step_jobs
from hwmodel.machine.adapter.watches import are_received, look
from hwmodel.machine.counts.ledger_state import CAME_TRUE, FRAMES_REACHED
from hwmodel.machine.engine import ADVANCE, ARGUMENTS, BEGIN, OBEY, WHOLE, end_run, run_server
from hwmodel.machine.time.commands import next_command_fs
from hwmodel.machine.traffic.sources import has_replayed_all


@kernel
def advance_through(servers, number, until_fs, n_events, is_alone):
    """Advance, and carry out the commands on the way, each before all else of its instant.

    Return when the next event or command is; of a server that `is_alone`, commands behind the last event of a capture
    are none. Where something is watched it goes from instant to instant, with a look after each, and to those at which
    a watch comes true because nothing has been counted for long; where that is only what VMs have received, from
    delivery to delivery.
    """
    nic, words = servers[number], servers.view(np.int64)
    before = nic.clock.n_events
    look_fs, has_looked = nic.clock.now_fs, False
    while True:
        command_fs = min(next_command_fs(nic.commands), next_job_fs(nic.jobs))
        left = n_events - (nic.clock.n_events - before)
        last_fs = min(until_fs, command_fs - 1)
        is_watched = nic.watches.n > 0
        if has_looked and are_received(nic.watches):
            goal = nic.ledger.delivered_target
            nic.ledger.delivered_target = 0  # it stops behind each instant with a delivery
            at_fs = run_server(servers, number, last_fs, left, ADVANCE)
            nic.ledger.delivered_target = goal
            if nic.ledger.is_stopping == FRAMES_REACHED and nic.ledger.counts.delivered < goal:
                nic.ledger.is_stopping = 0
                look_fs = nic.clock.now_fs
        else:
            at_fs = run_server(servers, number, min(last_fs, look_fs) if is_watched else last_fs, left, ADVANCE)
        if nic.watches.n_heard > 0:
            nic.ledger.is_stopping = CAME_TRUE  # whatever else has happened at its instant
        if nic.jobs.first_come > 0:
            step_jobs(nic, nic.clock.now_fs)  # behind all of this instant, of which links may have more to start then
            look_fs, has_looked = nic.clock.now_fs, False
            continue
        if is_watched:
            look(nic, words)
            has_looked = True
        has_stopped = nic.ledger.is_stopping or nic.ledger.overflow or nic.clock.overflow
        if is_alone and at_fs >= NEVER and has_replayed_all(nic):
            return at_fs
        if is_watched and not has_stopped:
            next_fs = min(at_fs, nic.watches.due_fs)
            if look_fs < next_fs <= last_fs:
                if next_fs < at_fs:
                    nic.clock.now_fs = next_fs
                look_fs = next_fs
                continue
        if command_fs > until_fs or at_fs < command_fs or has_stopped:
            return min(at_fs, command_fs, nic.watches.due_fs) if is_watched else min(at_fs, command_fs)
        nic.clock.now_fs = command_fs
        obey_due(nic, words, command_fs)
        step_jobs(nic, command_fs)
        nic.scheduler.blocked_bytes = 0  # the blocked frame may have gone, or need something else
        look_fs, has_looked = command_fs, False


@entry
def run_commanded(servers, number, until_fs, n_events, part):
    """Do as `engine.run` does, and carry out the commands on the way.

    One part more: to carry out what is commanded for time 0, before the first decisions (`OBEY`).
    """
    nic = servers[number]
    if part == OBEY or (part != ADVANCE and nic.clock.has_started == 0):
        obey_due(nic, servers.view(np.int64), 0)
    if part == OBEY:
        return 0
    if part != ADVANCE:
        at_fs = run_server(servers, number, 0, 0, BEGIN)
        if part == BEGIN:
            command_fs = min(next_command_fs(nic.commands), next_job_fs(nic.jobs))
            return min(at_fs, command_fs, nic.watches.due_fs if nic.watches.n > 0 else NEVER)
    last_fs = min(until_fs, NEVER - 1)
    at_fs = advance_through(servers, number, last_fs, n_events, part == WHOLE)
    return end_run(nic, at_fs, last_fs) if part == WHOLE else at_fs


run_commanded_server = by_address(run_commanded, *ARGUMENTS)
