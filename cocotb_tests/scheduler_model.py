"""The output scheduler in plain Python, written from the rules in docs/switch_core.md."""

from __future__ import annotations

from collections import deque

ROUND_ROBIN, DEFICIT = 0, 1


class SchedulerModel:
    """The queues of a port, of which one sends next. What happens in a cycle is first a choice or turn, then an entry."""

    def __init__(self, n_queues: int) -> None:
        self.n_queues = n_queues
        self.waiting: list[deque[int]] = [deque() for _ in range(n_queues)]  # lengths of frames
        self.pointer = 0
        self.listed: list[int] = []
        self.deficit = [0] * n_queues

    def turn(self, kind: int, quanta: list[int]) -> int | None:
        """Return the queue that is chosen in a cycle in which one is due, or None; do what that changes."""
        queues = [queue for queue in range(self.n_queues) if self.waiting[queue]]
        if not queues:
            return None
        if kind == ROUND_ROBIN:
            chosen = min(queues, key=lambda queue: (queue - self.pointer) % self.n_queues)
            self.pointer = (chosen + 1) % self.n_queues
        elif kind == DEFICIT:
            chosen = self.listed[0]
            length = self.waiting[chosen][0]
            if length > self.deficit[chosen]:
                self.deficit[chosen] += quanta[chosen]
                self.listed.append(self.listed.pop(0))
                return None
            self.deficit[chosen] -= length
        else:
            chosen = max(queues)
        self.waiting[chosen].popleft()
        if not self.waiting[chosen]:
            self.listed.remove(chosen)
        return chosen

    def enter(self, queue: int, length: int, quanta: list[int]) -> None:
        """Put a frame into a queue."""
        if not self.waiting[queue]:
            self.listed.append(queue)
            self.deficit[queue] = quanta[queue]
        self.waiting[queue].append(length)
