"""How the threads of a system meet: in the turns of a piece of the run, and from one piece to the next.

A thread that has come to a piece's end waits for the next one here for a while, in naps: to be woken in Python takes
three times as long, since there only one at a time can go on. Whether it is still here it says in its share's `thread`,
and goes away in one step with saying so: who calls it knows whether it has heard.
"""

from __future__ import annotations

from . import kernel
from .processor import exchange, give_way, nap, pause, seen, show

OVER = -1  # as the number of a turn: there is none left
AWAY, HERE, CALLED = range(3)  # where a thread is: not here, waiting for a piece, in one
LOOKS = 2000  # at a flag, some tens of microseconds, before a thread that waits lets others have its core
NAPS = 5000  # before it goes away: half a second


@kernel
def wait_while(flag, value):
    """Wait until another thread shows something else than a value; return it."""
    n_looks = 0
    shown = seen(flag)
    while shown == value:
        if n_looks < LOOKS:
            n_looks += 1
            pause()
        else:
            give_way()
        shown = seen(flag)
    return shown


@kernel
def is_called(share):
    """Wait here for the next piece; return whether there is one, else this thread is away."""
    show(share.thread, HERE)
    n_naps = 0
    while seen(share.thread) == HERE:
        if n_naps >= NAPS and exchange(share.thread, HERE, AWAY):
            return False
        n_naps += 1
        nap()
    return seen(share.thread) == CALLED


@kernel
def all_called(system):
    """Call the threads of all shares but the first to a piece; return whether all have heard.

    Those that were called before, and woken, have.
    """
    have_heard = True
    for number in range(1, system.n_shares):
        thread = system.share[number].thread
        if not exchange(thread, HERE, CALLED) and seen(thread) == AWAY:
            have_heard = False
    return have_heard
