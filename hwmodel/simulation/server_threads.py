"""The servers of a system on several processor cores: who runs which, and when that is worth while.

No result depends on it: see `kernels.system`.
"""

from __future__ import annotations

import os
import time
from threading import Thread
from typing import TYPE_CHECKING, Any

import numba
import numpy as np

from hwmodel.errors import InputError
from hwmodel.kernels import layout
from hwmodel.kernels.processor import MEETS
from hwmodel.kernels.system import OVER, run_system
from hwmodel.kernels.system_layout import MAX_THREADS
from hwmodel.simulation.thread_pace import Pace

if TYPE_CHECKING:
    from hwmodel.simulation.nic_state import State

SERVERS_PER_THREAD = 4  # with fewer a thread waits for the others as long as it runs
FEW_EVENTS = 2000  # take one thread as long as it takes the others to wake up
MOST_UNEVEN = 1.05  # events of the busiest thread by those of the mean one; above, servers move, and their state too
KNOWN_BY = 50_000  # events, from when on it can be told
FEW_SERVERS = 8  # all that so many look at stays near by itself: hints cost more than they save


def n_threads_for(n_servers: int, asked: int | None) -> int:
    """Return how many threads run so many servers: those that are asked for, else as many as may be worth while.

    Raises InputError for a number that nobody can mean.
    """
    if asked is not None and not 1 <= asked <= MAX_THREADS:
        raise InputError(f"threads: {asked} is out of range; 1 to {MAX_THREADS}")
    if not MEETS:
        return 1
    if asked is None:
        n_cores = 1 if numba.config.DISABLE_JIT else len(os.sched_getaffinity(0))
        asked = min(n_cores, n_servers // SERVERS_PER_THREAD)
    return max(1, min(asked, n_servers, MAX_THREADS))


def shares_of(n_events: np.ndarray, n_threads: int) -> list[list[int]]:
    """Share servers out by the events that they had: the busiest first, each to who has fewest so far.

    The first share has the first server, with whose state the stations outside are: the first thread takes from them.
    """
    shares: list[list[int]] = [[] for _ in range(n_threads)]
    totals = [0] * n_threads
    for number in np.argsort(-n_events, kind="stable").tolist():
        least = min(range(n_threads), key=lambda one: (totals[one], len(shares[one])))
        shares[least].append(number)
        totals[least] += int(n_events[number])
    return sorted(sorted(share) for share in shares)


def _have_started(threads: list[Thread]) -> bool:
    """Start threads; return False where the system has no more of them."""
    try:
        for thread in threads:
            thread.start()
    except RuntimeError:
        return False
    return True


class ServerThreads:
    """Let a system's servers run on so many threads."""

    def __init__(self, n_threads: int, system: Any, servers: State, bridges: Any) -> None:
        self.n_threads = n_threads
        self._records = (system, servers, bridges)
        self._system = system[0]
        self._all = [list(range(int(self._system.n_servers)))]
        self._shares: list[list[int]] = []
        self._seen_events = np.zeros(len(self._all[0]), np.int64)
        self._pace = Pace(n_threads)
        self._share_out(self._all)

    def advance(self, until_fs: int, n_events: int) -> int:
        """Let all run to a time or through so many events; return why they stopped."""
        if self.n_threads == 1:
            return self._run(until_fs, n_events, 0)
        before = int(self._n_events().sum())
        status = self._run(until_fs, min(n_events, FEW_EVENTS), 0)
        left = n_events - int(self._n_events().sum()) + before
        while status == layout.EVENTS_SPENT and left > 0:
            together, most = self._pace.next_piece() if self.n_threads > 1 else (False, left)
            before, started_s = int(self._n_events().sum()), time.perf_counter()
            if together:
                status = self._run_together(until_fs, min(left, most))
            else:
                status = self._run(until_fs, min(left, most), 0)
            n_done = int(self._n_events().sum()) - before
            self._pace.note(together, n_done, time.perf_counter() - started_s)
            left -= n_done
        return status

    def _run_together(self, until_fs: int, n_events: int) -> int:
        """Let this thread and others run. They end with the call: to start one takes no longer than to wake one up."""
        self._share_out(self._even_shares())
        # Daemons: nobody has to wait for one where Ctrl-C comes a second time.
        others = [Thread(target=self._run, args=(0, 0, number), daemon=True) for number in range(1, self.n_threads)]
        try:
            if not _have_started(others):
                self.n_threads = 1
                return layout.EVENTS_SPENT
            return self._run(until_fs, n_events, 0)
        finally:
            self._system.turn.value = OVER  # where Ctrl-C comes before the first turn
            for other in others:
                if other.ident is not None:
                    other.join()
            self._share_out(self._all)

    def _run(self, until_fs: int, n_events: int, thread: int) -> int:
        return int(run_system(*self._records, until_fs, n_events, thread))

    def _n_events(self) -> np.ndarray:
        """Return how many events each server has had."""
        found: np.ndarray = self._records[1]["clock"]["n_events"].copy()
        return found

    def _even_shares(self) -> list[list[int]]:
        """Return who runs which servers: as before, unless that has become uneven."""
        now_events = self._n_events()
        n_events = now_events - self._seen_events
        known = [int(n_events[share].sum()) for share in self._shares]
        most, all_events = max(known, default=0), sum(known)
        if not known or (all_events > KNOWN_BY and most * self.n_threads > MOST_UNEVEN * all_events):
            self._shares = shares_of(n_events, self.n_threads)
            self._seen_events = now_events
        return self._shares

    def _share_out(self, shares: list[list[int]]) -> None:
        """Tell the kernel which thread runs which servers from the next call on."""
        system, first = self._system, 0
        system.n_shares, system.turn.value = len(shares), 0
        for number, servers in enumerate(shares):
            share = system.share[number]
            share.first, share.end = first, first + len(servers)
            share.asks_ahead, share.done.value = len(servers) > FEW_SERVERS, 0
            system["order"][first : first + len(servers)] = servers
            first += len(servers)
