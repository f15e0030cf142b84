"""Run a system's servers on several threads: how many, which servers on which, and on which processors.

No result depends on it: see `machine.system`. Worker threads run beside the calling thread and persist between pieces
of work, so that each finds its servers' state in its caches. They synchronise some ten thousand times a second; if one
loses its processor to another process, all wait, and fewer threads are quicker.

Each thread is woken on a processor of its own: its last one, if that is still free. The operating system would wake it
near its waker, even on the same processor; a thread that spins on a flag is moved away from there only after some
milliseconds, and till then the two threads share one processor.
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
from typing import Any

import numba
import numpy as np

from hwmodel.errors import InputError
from hwmodel.machine.counts.ledger_state import EVENTS_SPENT
from hwmodel.machine.system import MAX_THREADS, OVER, run_system
from hwmodel.processes.processors import usable_processors
from hwmodel.simulation.fill.nic_state import State
from hwmodel.simulation.fill.system_state import SystemState

SERVERS_PER_THREAD = 2  # with fewer, a thread would wait for the others as long as it runs
FEW_EVENTS = 2000  # of few servers: one thread runs these while others would wake up; of many: less than a turn
MANY_CALLS_EVENTS = 20_000  # after a call with more events, the next one uses all threads at once
MOST_UNEVEN = 1.05  # busiest thread's events by the mean; beyond, servers are moved, which costs cache misses
KNOWN_BY = 50_000  # events needed before unevenness is judged
FEW_SERVERS = 8  # the state of so few servers stays in the caches: prefetch hints would cost more than they save


def threads_of(system: SystemState, n_threads: int | None) -> ServerThreads:
    """Return what runs a system's servers; `n_threads`: on how many threads, None for as many as are worth while.

    PCIe switches and shared buses leave servers too little look-ahead for more than one.
    """
    record = system.system[0]
    n = 1 if record.trees.n_switches or record.buses.n_buses else n_threads_for(len(system.servers), n_threads)
    return ServerThreads(n, system.system, system.servers, system.bridges)


def n_threads_for(n_servers: int, asked: int | None) -> int:
    """Return how many threads to use for a number of servers: as asked, or as many as are likely to be worth while.

    Raises InputError if `asked` is out of range.
    """
    given: Any = asked  # callers may not check types
    if given is not None and not (isinstance(given, int) and 1 <= given <= MAX_THREADS):
        raise InputError(f"threads: {asked!r} is out of range; 1 to {MAX_THREADS}")
    if asked is None:
        asked = n_servers // SERVERS_PER_THREAD
        if asked > 1:
            asked = 1 if numba.config.DISABLE_JIT else min(asked, usable_processors())
    return max(1, min(asked, n_servers, MAX_THREADS))


def shares_of(n_events: np.ndarray, n_threads: int) -> list[list[int]]:
    """Balance servers over threads by their past events: busiest first, each to the thread with fewest so far.

    The first share always contains the first server, whose state includes the stations outside: only the first thread
    takes frames from these.
    """
    shares: list[list[int]] = [[] for _ in range(n_threads)]
    totals = [0] * n_threads
    for number in np.argsort(-n_events, kind="stable").tolist():
        least = min(range(n_threads), key=lambda one: (totals[one], len(shares[one])))
        shares[least].append(number)
        totals[least] += int(n_events[number])
    return sorted(sorted(share) for share in shares)


class ServerThreads:
    """Run a system's servers on up to `n_threads` threads."""

    def __init__(self, n_threads: int, system: Any, servers: State, bridges: Any) -> None:
        self.n_threads = n_threads
        self._records = (system, servers, bridges)
        self._system = system[0]
        self._all = [list(range(int(self._system.n_servers)))]
        self._shares: dict[int, list[list[int]]] = {}  # by the number of threads
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
            if is_first or status == EVENTS_SPENT:  # a short last piece of a call would mislead
                self._pace.note(now - before, took_s)
            left, before, is_first = left - now + before, now, False
        self._was_long = before - first_events > MANY_CALLS_EVENTS
        return status

    def rest(self) -> None:
        """End the worker threads and wait for them; a later call starts new ones."""
        self._crew.dismiss()

    def _run_on(self, n_threads: int, until_fs: int, n_events: int) -> int:
        """Run on this thread and `n_threads` - 1 workers; return why they stopped."""
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
            self._system.turn.value = OVER  # ends the workers if Ctrl-C comes before the first turn
            self._crew.wait()

    def _run(self, until_fs: int, n_events: int, thread: int) -> int:
        return int(run_system(*self._records, until_fs, n_events, thread))

    def _n_done(self) -> int:
        """Return how many events all servers have had."""
        return int(self._counts.sum())

    def _even_shares(self, n_threads: int) -> list[list[int]]:
        """Return each thread's servers: as before, unless the load has become uneven."""
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
        return None  # exists only on Linux


_GET_CPU = _get_cpu()


def processor_now() -> int | None:
    """Return the number of the processor on which this thread runs, None where the system does not tell."""
    found = -1 if _GET_CPU is None else _GET_CPU()
    return None if found < 0 else found


@cache
def siblings_of(processor: int) -> frozenset[int]:
    """Return the logical processors of the same core (hyper-threads), including the given one."""
    try:
        parts = Path(SIBLINGS.format(processor)).read_text(encoding="ascii").strip().split(",")
    except OSError:
        return frozenset({processor})
    bounds = [part.partition("-") for part in parts]
    return frozenset(n for first, _, last in bounds for n in range(int(first), int(last or first) + 1)) | {processor}


def places_of(before: Sequence[int | None], own: int, allowed: Sequence[int]) -> list[int]:
    """Return a processor for each thread: its last one, or a free one, preferably on a core that no thread uses.

    Parameters
    ----------
    before
        The processor that each thread last ran on; None: none yet.
    own
        The processor of the thread that wakes the others and runs beside them.
    allowed
        The processors that may be used; if there are too few for all threads, the result is empty.
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
    """Pin a thread, given by its system id (0: this one), to some processors; return whether that succeeded."""
    try:
        os.sched_setaffinity(thread, processors)
    except OSError:  # not allowed here, or the processor is gone
        return False
    return True


# Events per thread in a piece, before the number of threads may change: some 10 ms, long beside the threads' start.
PIECE_EVENTS = 100_000
TRIAL_EVENTS = 30_000  # events per thread in a trial with another number of threads
FIRST_PIECES = 3  # of a run; not timed, since they touch its memory for the first time
FEWEST_PIECES, MOST_PIECES = 4, 128  # pieces with the fastest number of threads between two rounds of trials
GAIN = 1.05  # more threads must be this much quicker: they use more cores, any of which they may lose
STEPS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48)


def ways_of(n_threads: int) -> tuple[int, ...]:
    """Return the candidate numbers of threads, up to the given one, with growing steps."""
    return (*(step for step in STEPS if step < n_threads), n_threads)


class Pace:
    """Choose the number of threads by measuring how fast each candidate is at present.

    It begins with the largest number. The present number is tried against the next lower and the next higher candidate,
    and the fastest is used for some pieces before the next trial: twice as many each time that it stays the fastest.
    """

    def __init__(self, n_threads: int) -> None:
        self.most = n_threads
        self._pieces = self._in_turn(ways_of(n_threads))
        self._piece = next(self._pieces)

    def next_piece(self) -> tuple[int, int]:
        """Return how many threads run the next piece, and how many events that is."""
        return self._piece

    def note(self, n_events: int, took_s: float) -> None:
        """Record how long the piece has taken, and choose the next one."""
        if n_events > 0 and took_s > 0:
            self._piece = self._pieces.send(took_s / n_events)

    def _in_turn(self, ways: Sequence[int]) -> Generator[tuple[int, int], float, None]:
        """Yield pieces as (threads, events); the time per event of each is sent back."""
        best, n_pieces = len(ways) - 1, 0
        for _ in range(FIRST_PIECES):
            yield ways[best], ways[best] * TRIAL_EVENTS
        while True:
            for _ in range(n_pieces):
                yield ways[best], ways[best] * PIECE_EVENTS
            costs_s = {}
            for at in range(max(best - 1, 0), min(best + 2, len(ways))):
                trial = ways[at], ways[at] * TRIAL_EVENTS
                yield trial  # not timed: these threads' caches hold other servers' state
                costs_s[at] = yield trial
            before, best = best, min(costs_s)
            for at, cost_s in costs_s.items():  # from the fewest threads on
                if costs_s[best] > GAIN * cost_s:
                    best = at
            n_pieces = FEWEST_PIECES if best != before else min(max(FEWEST_PIECES, 2 * n_pieces), MOST_PIECES)


Work = Callable[[], object]


class _Desk:
    """Hold a thread's next work (None: end), and the error that it raised, if any."""

    def __init__(self) -> None:
        self.work: Work | None = None
        self.error: BaseException | None = None
        self.processor: int | None = None  # that the last work ended on
        self.allowed: Sequence[int] = ()  # if it was pinned for waking: the processors to allow it again
        # Both start locked: the thread waits for `begun`, released with new work; the caller waits for `done`.
        self.begun, self.done = threading.Lock(), threading.Lock()
        self.begun.acquire()
        self.done.acquire()
        # A daemon, so that a second Ctrl-C does not wait for it.
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
    """Pin waiting threads to different processors for waking, if the system allows it."""
    own = processor_now()
    allowed = [] if own is None else sorted(os.sched_getaffinity(0))
    places = [] if own is None else places_of([desk.processor for desk in desks], own, allowed)
    for desk in desks:
        desk.allowed = ()
    for desk, place in zip(desks, places, strict=False):
        # A new thread is placed by the system, which knows which processors are busy.
        if desk.processor is not None and bind(desk.thread.native_id or 0, [place]):
            desk.allowed = allowed


def _dismiss(desks: list[_Desk]) -> None:
    """End all waiting threads."""
    for desk in desks:
        desk.work = None
        desk.begun.release()
    desks.clear()


class ThreadCrew:
    """Keep worker threads for reuse; they end with this object, or when they are dismissed."""

    def __init__(self) -> None:
        self._waiting: list[_Desk] = []
        self._at_work: list[_Desk] = []
        weakref.finalize(self, _dismiss, self._waiting)

    def begin(self, works: list[Work]) -> bool:
        """Start each piece of work on a thread of its own; return False if the system has no more threads.

        The n-th piece always goes to the n-th thread.
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
        """Wait until all work begun is done, and raise an error that it raised.

        After an interrupt here, these threads are not used again.
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
        """End all threads and wait for them; the next work starts new ones."""
        threads = [desk.thread for desk in self._waiting]
        _dismiss(self._waiting)
        for thread in threads:
            thread.join()
