"""Whether several threads are quicker than one just now: where others use the cores too, they may well not be.

Threads meet some ten thousand times a second. If one of them has lost its core to another process, all wait.
"""

from __future__ import annotations

# At once, of each thread; the next piece may go the other way. Some 10 ms, in which to start the threads is little.
PIECE_EVENTS = 100_000
TRIAL_EVENTS = 30_000  # to see how fast the other way is
TRIAL_EVERY = 16  # pieces, at first
GAIN = 1.1  # by how much all threads have to be quicker: they take more cores, and may lose one at any time
RARELY = 8  # times that, the most where trials keep failing


class Pace:
    """Choose between several threads and one, by how fast each has been.

    Both are tried at first; then the faster one goes on, and the other is tried again every so many pieces: with each
    trial that it loses, half as often.
    """

    def __init__(self, n_threads: int) -> None:
        self._n_threads = n_threads
        self._rates: dict[bool, float] = {}
        self._together = True
        self._wait, self._n_pieces = TRIAL_EVERY, 0

    def next_piece(self) -> tuple[bool, int]:
        """Return whether all threads run the next piece, and how many events that is."""
        for together in (False, True):
            if together not in self._rates:
                return together, self._n_threads * TRIAL_EVENTS
        if self._n_pieces >= self._wait:
            return not self._together, self._n_threads * TRIAL_EVENTS
        return self._together, self._n_threads * PIECE_EVENTS

    def note(self, together: bool, n_events: int, took_s: float) -> None:
        """Learn how long a piece has taken."""
        if n_events == 0 or took_s <= 0:
            return
        self._rates[together] = n_events / took_s
        if len(self._rates) < 2:
            return
        faster = self._rates[True] > GAIN * self._rates[False]
        if together == self._together:
            self._n_pieces += 1
        else:
            self._n_pieces = 0
            self._wait = TRIAL_EVERY if faster == together else min(2 * self._wait, RARELY * TRIAL_EVERY)
        self._together = faster
