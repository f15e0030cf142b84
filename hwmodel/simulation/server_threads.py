"""The servers of a system on several processor cores: who runs which, when that is worth while, on how many threads.

No result depends on it: see `machine.system`. The threads run beside the one that asks, and wait between two pieces of
work, so that each finds its state in its caches; they meet some ten thousand times a second, and if one of them has
lost its core to another process, all wait: then fewer are quicker.

Each wakes on a processor of its own, where it was before if that is still free. The system would wake it near the one
that wakes it, on the same processor too; a thread that looks at a flag all the time is moved away from there only after
some milliseconds, in which two threads take twice as long as one each.
"""

from __future__ import annotations

import ctypes
import os
import threading
import time
import weakref
from collections.abc import Callable, Generator, Sequence
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numba
import numpy as np

from hwmodel.errors import InputError
from hwmodel.machine.counts.ledger_state import EVENTS_SPENT
from hwmodel.machine.system import MAX_THREADS, OVER, run_system
from hwmodel.processes.processors import usable_processors

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
    given: Any = asked  # callers may not check types
    if given is not None and not (isinstance(given, int) and 1 <= given <= MAX_THREADS):
        raise InputError(f"threads: {asked!r} is out of range; 1 to {MAX_THREADS}")
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
                self._pace.note(now - before, took_s)
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


SIBLINGS = "/sys/devices/system/cpu/cpu{}/topology/thread_siblings_list"


def _get_cpu() -> Callable[[], int] | None:
    try:
        return ctypes.CDLL(None).sched_getcpu
    except (AttributeError, OSError, TypeError):
        return None  # only Linux tells


_GET_CPU = _get_cpu()


def processor_now() -> int | None:
    """Return the number of the processor on which this thread runs, None where the system does not tell."""
    found = -1 if _GET_CPU is None else _GET_CPU()
    return None if found < 0 else found


@cache
def siblings_of(processor: int) -> frozenset[int]:
    """Return the processors of the same core: this one, and those that share its units."""
    try:
        parts = Path(SIBLINGS.format(processor)).read_text(encoding="ascii").strip().split(",")
    except OSError:
        return frozenset({processor})
    bounds = [part.partition("-") for part in parts]
    return frozenset(n for first, _, last in bounds for n in range(int(first), int(last or first) + 1)) | {processor}


def places_of(before: Sequence[int | None], own: int, allowed: Sequence[int]) -> list[int]:
    """Return a processor for each thread: where it was before, or a free one, at best of a core that nobody has.

    Parameters
    ----------
    before
        Where each was; None: nowhere yet.
    own
        Where the thread is that wakes the others, and goes on beside them.
    allowed
        Those that may be used; with fewer than there are threads the result is empty.
    """
    if len(allowed) <= len(before):
        return []
    places: dict[int, int] = {}
    taken = {own}
    for number, place in enumerate(before):
        if place is not None and place in allowed and place not in taken:
            places[number] = place
            taken.add(place)
    for number in range(len(before)):
        if number not in places:
            free = [place for place in allowed if place not in taken]
            places[number] = next((place for place in free if not siblings_of(place) & taken), free[0])
            taken.add(places[number])
    return [places[number] for number in range(len(before))]


def bind(thread: int, processors: Sequence[int]) -> bool:
    """Let a thread, by its number in the system (0: this one), run on these processors alone; say if that was done."""
    try:
        os.sched_setaffinity(thread, processors)
    except OSError:  # not allowed here, or the processor is gone
        return False
    return True


# At once, of each thread; the next piece may go another way. Some 10 ms, in which to start the threads is little.
PIECE_EVENTS = 100_000
TRIAL_EVENTS = 30_000  # to see how fast another way is
FIRST_PIECES = 3  # of a run, which touch its memory for the first time: they say nothing
FEWEST_PIECES, MOST_PIECES = 4, 128  # by the fastest way between two rounds of trials
GAIN = 1.05  # by how much more threads have to be quicker: they take more cores, and may lose one at any time
STEPS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48)


def ways_of(n_threads: int) -> tuple[int, ...]:
    """Return the numbers of threads to choose from, up to the most: each one, then fewer and fewer of the larger."""
    return (*(step for step in STEPS if step < n_threads), n_threads)


class Pace:
    """Choose between several numbers of threads, by how fast each is now.

    The most threads begin. Their number is tried beside the next lower and the next higher one, and the fastest goes on
    for some pieces, before it is tried again: twice as many each time that it stays the fastest.
    """

    def __init__(self, n_threads: int) -> None:
        self.most = n_threads
        self._pieces = self._in_turn(ways_of(n_threads))
        self._piece = next(self._pieces)

    def next_piece(self) -> tuple[int, int]:
        """Return how many threads run the next piece, and how many events that is."""
        return self._piece

    def note(self, n_events: int, took_s: float) -> None:
        """Learn how long the piece has taken."""
        if n_events > 0 and took_s > 0:
            self._piece = self._pieces.send(took_s / n_events)

    def _in_turn(self, ways: Sequence[int]) -> Generator[tuple[int, int], float, None]:
        """Give pieces; what is sent is the time an event that each took."""
        best, n_pieces = len(ways) - 1, 0
        for _ in range(FIRST_PIECES):
            yield ways[best], ways[best] * TRIAL_EVENTS
        while True:
            for _ in range(n_pieces):
                yield ways[best], ways[best] * PIECE_EVENTS
            costs_s = {}
            for at in range(max(best - 1, 0), min(best + 2, len(ways))):
                trial = ways[at], ways[at] * TRIAL_EVENTS
                yield trial  # says nothing: the caches of these threads have other servers' state
                costs_s[at] = yield trial
            before, best = best, min(costs_s)
            for at, cost_s in costs_s.items():  # from the fewest threads on
                if costs_s[best] > GAIN * cost_s:
                    best = at
            n_pieces = FEWEST_PIECES if best != before else min(max(FEWEST_PIECES, 2 * n_pieces), MOST_PIECES)


Work = Callable[[], object]


class _Desk:
    """Hold what a thread is to do next, None to end, and what came of it if that was an error."""

    def __init__(self) -> None:
        self.work: Work | None = None
        self.error: BaseException | None = None
        self.processor: int | None = None  # on which its last work ended
        self.allowed: Sequence[int] = ()  # the processors on which it may go on, if it was told where to wake
        # Taken until work is there, for which the thread waits; until it is done, for which who asked waits.
        self.begun, self.done = threading.Lock(), threading.Lock()
        self.begun.acquire()
        self.done.acquire()
        # Daemons: nobody has to wait for one where Ctrl-C comes a second time.
        self.thread = threading.Thread(target=_serve, args=(self,), daemon=True)


def _serve(desk: _Desk) -> None:
    while True:
        desk.begun.acquire()
        if desk.work is None:
            return
        if desk.allowed:
            bind(0, desk.allowed)
        try:
            desk.work()
        except BaseException as error:
            desk.error = error
        desk.processor = processor_now()
        desk.done.release()


def _place(desks: list[_Desk]) -> None:
    """Let threads that wait wake where they are not in each other's way, if the system lets them."""
    own = processor_now()
    allowed = [] if own is None else sorted(os.sched_getaffinity(0))
    places = [] if own is None else places_of([desk.processor for desk in desks], own, allowed)
    for desk in desks:
        desk.allowed = ()
    for desk, place in zip(desks, places, strict=False):
        # One that was nowhere yet has a place from the system, which has seen who else runs.
        if desk.processor is not None and bind(desk.thread.native_id or 0, [place]):
            desk.allowed = allowed


def _dismiss(desks: list[_Desk]) -> None:
    """Let all threads that wait end."""
    for desk in desks:
        desk.work = None
        desk.begun.release()
    desks.clear()


class ThreadCrew:
    """Keep threads, as many as were ever needed at once; they end with this object, or when they are dismissed."""

    def __init__(self) -> None:
        self._waiting: list[_Desk] = []
        self._at_work: list[_Desk] = []
        weakref.finalize(self, _dismiss, self._waiting)

    def begin(self, works: list[Work]) -> bool:
        """Let a thread of its own begin each piece of work; return False where the system has no more threads.

        The first piece is the first thread's, each time, and so on.
        """
        try:
            while len(self._waiting) < len(works):
                desk = _Desk()
                desk.thread.start()
                self._waiting.append(desk)
        except RuntimeError:
            return False
        self._at_work = self._waiting[: len(works)]
        del self._waiting[: len(works)]
        _place(self._at_work)
        for desk, work in zip(self._at_work, works, strict=True):
            desk.work = work
            desk.begun.release()
        return True

    def wait(self) -> None:
        """Wait until all that was begun is done, and raise what it raised.

        Whoever is interrupted here never has these threads again.
        """
        at_work, self._at_work = self._at_work, []
        for desk in at_work:
            desk.done.acquire()
            desk.work = None
        self._waiting[:0] = at_work
        for desk in at_work:
            error, desk.error = desk.error, None
            if error is not None:
                raise error

    def dismiss(self) -> None:
        """Let all threads end, and wait until they have; the next work has others."""
        threads = [desk.thread for desk in self._waiting]
        _dismiss(self._waiting)
        for thread in threads:
            thread.join()
