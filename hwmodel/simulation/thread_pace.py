"""How many threads are quickest just now: where others use the cores too, fewer may well be.

Threads meet some ten thousand times a second. If one of them has lost its core to another process, all wait.
"""

from __future__ import annotations

from itertools import cycle
from statistics import median_low

# At once, of each thread; the next piece may go another way. Some 10 ms, in which to start the threads is little.
PIECE_EVENTS = 100_000
TRIAL_EVENTS = 30_000  # to see how fast another way is
TRIAL_EVERY = 8  # pieces, at first
GAIN = 1.05  # by how much more threads have to be quicker: they take more cores, and may lose one at any time
RARELY = 4  # rounds of lost trials, at most, after each of which others are half as frequent
KEPT = 3  # pieces by which the way that is gone is judged: a single slow one says nothing
# Pieces that say nothing: of a run, whose memory is touched for the first time, and of another number of threads, whose
# caches have other servers' state.
FIRST_PIECES, SETTLING_PIECES = 3, 1
STEPS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48)


def ways_of(n_threads: int) -> tuple[int, ...]:
    """Return the numbers of threads to choose from, up to the most: each one, then fewer and fewer of the larger."""
    return (*(step for step in STEPS if step < n_threads), n_threads)


class Pace:
    """Choose between several numbers of threads, by how fast each has been.

    The most threads begin; then fewer are tried, as long as they are not slower. The fastest goes on, and every so many
    pieces one that is next to it is tried again: half as often when all of these have lost.
    """

    def __init__(self, n_threads: int) -> None:
        self.most = n_threads
        self._ways = ways_of(n_threads)
        self._costs: dict[int, list[float]] = {}  # seconds an event, of each way's last pieces
        self._best = self._last = n_threads
        self._others = cycle(self._ways)
        self._trial: int | None = None
        self._settling = FIRST_PIECES  # of the next pieces say nothing
        self._wait, self._n_pieces, self._n_lost = TRIAL_EVERY, 0, 0

    def next_piece(self) -> tuple[int, int]:
        """Return how many threads run the next piece, and how many events that is."""
        if self._trial is None:
            self._trial = self._next_trial()
        if self._trial is not None:
            return self._trial, self._trial * TRIAL_EVENTS
        return self._best, self._best * PIECE_EVENTS

    def note(self, n_threads: int, n_events: int, took_s: float) -> None:
        """Learn how long a piece has taken."""
        if n_events == 0 or took_s <= 0:
            return
        if n_threads != self._last:
            self._last, self._settling = n_threads, SETTLING_PIECES
        if self._settling > 0:
            self._settling -= 1
            return
        is_trial, self._trial = n_threads == self._trial, None
        is_new = n_threads not in self._costs
        known = [] if is_trial else self._costs.get(n_threads, [])
        self._costs[n_threads] = [*known, took_s / n_events][-KEPT:]
        before, self._best = self._best, self._fastest()
        if not is_trial:
            self._n_pieces += 1
        else:
            self._n_pieces = 0
            self._n_lost = 0 if is_new or self._best != before else self._n_lost + 1
            self._wait = TRIAL_EVERY << min(self._n_lost // max(1, len(self._beside())), RARELY)

    def _next_trial(self) -> int | None:
        """Return which way is to be tried next, if any."""
        untried = [way for way in (self._best, *self._beside()) if way not in self._costs]
        if untried:
            return untried[0]
        if self._n_pieces >= self._wait and len(self._ways) > 1:
            return next(way for way in self._others if way in self._beside())
        return None

    def _beside(self) -> tuple[int, ...]:
        """Return the next lower way and the next higher one."""
        at = self._ways.index(self._best)
        return (*self._ways[max(at - 1, 0) : at], *self._ways[at + 1 : at + 2])

    def _fastest(self) -> int:
        """Return the way that is fastest of those that are known: more threads only where they are worth it."""
        best = min(self._costs)
        for way in sorted(self._costs):
            if median_low(self._costs[best]) > GAIN * median_low(self._costs[way]):
                best = way
        return best
