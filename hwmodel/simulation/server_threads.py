"""The servers of a system on several processor cores: who runs which, and when that is worth while.

No result depends on it: see `machine.system`.
"""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Any

import numba
import numpy as np

from hwmodel.compiled.processor import MEETS
from hwmodel.errors import InputError
from hwmodel.machine.counts.ledger_state import EVENTS_SPENT
from hwmodel.machine.system import MAX_THREADS, OVER, run_system
from hwmodel.processes.processors import usable_processors
from hwmodel.simulation.thread_crew import ThreadCrew
from hwmodel.simulation.thread_pace import Pace

if TYPE_CHECKING:
    from hwmodel.simulation.nic_state import State

SERVERS_PER_THREAD = 2  # with fewer a thread waits for the others as long as it runs
FEW_EVENTS = 2000  # of few servers, take one thread as long as it takes the others to wake up; of many, no turn
MANY_CALLS_EVENTS = 20_000  # in a call, behind which the next begins with all threads at once
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
        n_cores = 1 if numba.config.DISABLE_JIT else usable_processors()
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


class ServerThreads:
    """Let a system's servers run on so many threads."""

    def __init__(self, n_threads: int, system: Any, servers: State, bridges: Any) -> None:
        self.n_threads = n_threads
        self._records = (system, servers, bridges)
        self._system = system[0]
        self._all = [list(range(int(self._system.n_servers)))]
        self._shares: dict[int, list[list[int]]] = {}  # of each number of threads
        self._seen_events = np.zeros(len(self._all[0]), np.int64)
        self._pace, self._crew = Pace(n_threads), ThreadCrew()
        self._was_long = False
        self._counts: np.ndarray = servers["clock"]["n_events"]
        self._laid_out: list[list[int]] = []
        self._share_out(self._all)

    def advance(self, until_fs: int, n_events: int) -> int:
        """Let all run to a time or through so many events; return why they stopped."""
        if self.n_threads == 1:
            return self._run(until_fs, n_events, 0)
        status, first_events = EVENTS_SPENT, self._n_done()
        if n_events == 0 or not (self._was_long or len(self._all[0]) > FEW_SERVERS):
            status = self._run_on(1, until_fs, min(n_events, FEW_EVENTS))
        before = self._n_done()
        left, is_first = n_events - before + first_events, True
        while status == EVENTS_SPENT and left > 0:
            n_threads, most = self._pace.next_piece() if self.n_threads > 1 else (1, left)
            started_s = time.perf_counter()
            status = self._run_on(n_threads, until_fs, min(left, most))
            took_s, now = time.perf_counter() - started_s, self._n_done()
            if is_first or status == EVENTS_SPENT:  # else what is left of a call, which tells nothing
                self._pace.note(n_threads, now - before, took_s)
            left, before, is_first = left - now + before, now, False
        self._was_long = before - first_events > MANY_CALLS_EVENTS
        return status

    def rest(self) -> None:
        """Let the other threads end, and wait until they have; who goes on later has new ones."""
        self._crew.dismiss()

    def _run_on(self, n_threads: int, until_fs: int, n_events: int) -> int:
        """Let this thread run, and others beside it."""
        if n_threads == 1:
            self._share_out(self._all)
            return self._run(until_fs, n_events, 0)
        self._share_out(self._even_shares(n_threads))
        try:
            if not self._crew.begin([partial(self._run, 0, 0, number) for number in range(1, n_threads)]):
                self.n_threads = 1
                return EVENTS_SPENT
            return self._run(until_fs, n_events, 0)
        finally:
            self._system.turn.value = OVER  # where Ctrl-C comes before the first turn
            self._crew.wait()

    def _run(self, until_fs: int, n_events: int, thread: int) -> int:
        return int(run_system(*self._records, until_fs, n_events, thread))

    def _n_done(self) -> int:
        """Return how many events all servers have had."""
        return int(self._counts.sum())

    def _even_shares(self, n_threads: int) -> list[list[int]]:
        """Return who of so many runs which servers: as before, unless that has become uneven."""
        now_events = self._counts.copy()
        n_events = now_events - self._seen_events
        shares = self._shares.get(n_threads, [])
        known = [int(n_events[share].sum()) for share in shares]
        most, all_events = max(known, default=0), sum(known)
        if not known or (all_events > KNOWN_BY and most * n_threads > MOST_UNEVEN * all_events):
            self._shares[n_threads] = shares_of(n_events, n_threads)
            self._seen_events = now_events
        return self._shares[n_threads]

    def _share_out(self, shares: list[list[int]]) -> None:
        """Tell the kernel which thread runs which servers from the next call on, and that no turn has begun."""
        system, first = self._system, 0
        system.turn.value = 0
        system["share"]["done"]["value"][: len(shares)] = 0
        if shares is self._laid_out:
            return
        self._laid_out, system.n_shares = shares, len(shares)
        for number, servers in enumerate(shares):
            share = system.share[number]
            share.first, share.end, share.asks_ahead = first, first + len(servers), len(servers) > FEW_SERVERS
            system["order"][first : first + len(servers)] = servers
            first += len(servers)
