"""A run in which commands change the machine: the engine's loop, cut at each of them.

It has an entry of its own. Commands and the datapath call the same functions, and LLVM inlines a function only where
it has a single caller: with both in one program a run without commands would be 4 % slower at 64 B, and take a fifth
longer to compile.
"""

from __future__ import annotations

import numpy as np

from hwmodel.compiled.compilation import entry, kernel
from hwmodel.compiled.records import NEVER
from hwmodel.machine.adapter.commands import obey_due
from hwmodel.machine.adapter.watches import look
from hwmodel.machine.engine import advance, begin_all, end_run
from hwmodel.machine.time.commands import next_command_fs


@kernel
def advance_through(nic, words, until_fs, n_events):
    """Advance, and carry out the commands on the way, each before all else of its instant; return when the next is.

    Of an event, or of a command. Where something is watched it goes from instant to instant, with a look behind each.
    """
    before = nic.clock.n_events
    look_fs = nic.clock.now_fs
    while True:
        command_fs = next_command_fs(nic.commands)
        left = n_events - (nic.clock.n_events - before)
        last_fs = min(until_fs, command_fs - 1)
        is_watched = nic.watches.n > 0
        at_fs = advance(nic, min(last_fs, look_fs) if is_watched else last_fs, left)
        if is_watched:
            look(nic)
        has_stopped = nic.ledger.is_stopping or nic.ledger.overflow or nic.clock.overflow
        if is_watched and look_fs < at_fs <= last_fs and not has_stopped:
            look_fs = at_fs
            continue
        if command_fs > until_fs or at_fs < command_fs or has_stopped:
            return min(at_fs, command_fs)
        nic.clock.now_fs = command_fs
        obey_due(nic, words, command_fs)
        nic.scheduler.blocked_bytes = 0  # what the frame takes may have changed
        look_fs = command_fs


@entry
def run_commanded(state, until_fs, n_events):
    """Do as `engine.run` does, and carry out the commands on the way."""
    nic, words = state[0], state.view(np.int64)
    last_fs = min(until_fs, NEVER - 1)
    nic.ledger.is_stopping = 0
    if nic.clock.has_started == 0:
        obey_due(nic, words, 0)
        begin_all(nic)
    return end_run(nic, advance_through(nic, words, last_fs, n_events), last_fs)
