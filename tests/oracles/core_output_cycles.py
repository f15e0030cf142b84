"""The outputs of the second model of the switch core: schedulers, readers, moves, steps; see core_cycles.py."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field


@dataclass
class Copy:
    frame: object  # a `Sent` of core_cycles.py
    data: bytes
    queue: int
    moves_made: int = 0
    word_read: dict = field(default_factory=dict)  # cycle in which each word was read
    last_beat_moved: int | None = None

    @property
    def n_words(self):
        return self.frame.n_words

    @property
    def added(self):
        return len(self.data) - len(self.frame.data)

    @property
    def n_stored_beats(self):
        return -(-len(self.frame.data) // 8)

    @property
    def n_beats(self):
        return -(-len(self.data) // 8)

    @property
    def n_steps(self):
        return self.n_beats if self.added >= 0 else self.n_beats + 1


class Scheduler:
    def __init__(self, shape, settings_at):
        self.shape, self.settings_at = shape, settings_at
        self.queues = [deque() for _ in range(shape.priorities)]
        self.pointer = 0
        self.listed = []
        self.deficit = [0] * shape.priorities

    def choose(self, t):
        """Look at the queues in a cycle; give the copy chosen, or None."""
        if not any(self.queues):
            return None
        kind, quanta, paused = self.settings_at(t)
        held = {p * self.shape.priorities // 8 for p in range(8) if paused >> p & 1}
        waiting = [q for q, queue in enumerate(self.queues) if queue and q not in held]
        if not waiting:
            return None
        if kind == "round_robin" or self.shape.priorities == 1:
            while self.pointer not in waiting:
                self.pointer = (self.pointer + 1) % self.shape.priorities
            chosen = self.pointer
            self.pointer = (self.pointer + 1) % self.shape.priorities
        elif kind == "strict":
            chosen = max(waiting)
        else:
            chosen = next(q for q in self.listed if q in waiting)
            n_bytes = len(self.queues[chosen][0].frame.data)
            if n_bytes > self.deficit[chosen]:
                self.deficit[chosen] += quanta[chosen]
                self.listed.remove(chosen)
                self.listed.append(chosen)
                return None
            self.deficit[chosen] -= n_bytes
        copy = self.queues[chosen].popleft()
        if not self.queues[chosen]:
            self.listed.remove(chosen)
        return copy

    def enter(self, t, copy):
        """Write a copy in cycle t, after what is chosen in that cycle."""
        if not self.queues[copy.queue]:
            self.listed.append(copy.queue)
            self.deficit[copy.queue] = self.settings_at(t)[1][copy.queue]
        self.queues[copy.queue].append(copy)


class Output:
    def __init__(self, shape, port, settings_at, is_ready):
        self.shape, self.port, self.is_ready = shape, port, is_ready
        self.scheduler = Scheduler(shape, settings_at)
        self.occupied = [0] * shape.priorities
        self.looks_from = 0
        self.chosen = None  # a copy whose word 0 has not been read
        self.chosen_at = 0
        self.before = None  # the copy chosen before it
        self.moving = deque()  # copies with beats to be moved, in order
        self.moved = None  # (copy, number of the step that takes it) in the register before the steps
        self.offered = None  # (copy, number of the beat) on m_axis
        self.words_read = []  # queues from which a word is read in this cycle

    def cycle(self, t):
        accepts = self.offered is not None and self.is_ready(t)
        if accepts:
            self.see(t, *self.offered)
        may_step = self.offered is None or accepts
        put_out = None
        if may_step and self.moved is not None:
            put_out = self.step(*self.moved)
            self.moved = None
        if self.moved is None and self.moving:
            self.moved = self.move(t, self.moving[0])
        self.read_word_0(t)
        if self.looks_from is not None and t >= self.looks_from:
            copy = self.scheduler.choose(t)
            if copy is not None:
                self.looks_from = None
                self.chosen, self.chosen_at = copy, t
        if put_out is not None:
            self.offered = put_out
        elif accepts:
            self.offered = None

    def see(self, t, copy, beat):
        seen = copy.frame.copies[self.port]
        if beat == 0:
            seen["first_beat"] = t
        if beat == copy.n_beats - 1:
            seen["last_beat"] = t

    def step(self, copy, j):
        """Make a step of a copy; give the beat that it puts out."""
        number = j if copy.added >= 0 else j - 1
        return (copy, number) if number >= 0 else None

    def move(self, t, copy):
        """Move the next beat of a copy if the word that holds it has been read; zeros follow the last one."""
        j = copy.moves_made
        is_stored = j < copy.n_stored_beats
        if is_stored and copy.word_read.get(j // self.shape.lanes, t) >= t:
            return None
        copy.moves_made += 1
        if is_stored and j == copy.n_stored_beats - 1:
            copy.last_beat_moved = t
        elif is_stored and j % self.shape.lanes == self.shape.lanes - 1:
            self.read(t, copy, (j + 1) // self.shape.lanes)
        if copy.moves_made == copy.n_steps:
            self.moving.popleft()
        return copy, j

    def read_word_0(self, t):
        if self.chosen is None or self.chosen_at + 1 > t:
            return
        if self.before is not None and self.before.last_beat_moved is None:
            return
        self.moving.append(self.chosen)
        self.before, self.chosen = self.chosen, None
        self.read(t, self.before, 0)

    def read(self, t, copy, word):
        copy.word_read[word] = t
        self.words_read.append(copy.queue)
        if word == max(0, copy.n_words - 2):
            self.looks_from = t + 1

    def clock(self):
        """Let what was read free its room."""
        for queue in self.words_read:
            self.occupied[queue] -= 1
        self.words_read = []

    def is_idle(self):
        waits = self.offered is not None or self.moved is not None or self.moving or self.chosen is not None
        return not waits and not any(self.scheduler.queues)
