"""What a command may wait for (docs/datapath/commands.md, "What a command may wait for")."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import simpy

from .parameters import NicParameters

if TYPE_CHECKING:
    from .model import Model


class Condition(NamedTuple):
    """What is to be true of the function at a port: its kind (docs/datapath/commands.md), number, and from when on."""

    port: int
    kind: str
    number: int
    begins_fs: int = 0


@dataclass
class Waiting:
    """What is commanded once a condition is true, or at a time.

    `parameters` gives those that hold from then on, asked when that is. `at_fs`: when it was, None if it was not.
    """

    when: Condition | int
    parameters: Callable[[], NicParameters]
    at_fs: int | None = None
    counted_before: int = 0


class Waiters:
    """Give commands as what they wait for comes true."""

    def __init__(self, model: Model, waiting: Sequence[Waiting]) -> None:
        """Begin with all of them waiting, those of one instant in their order."""
        self._model = model
        self._of_time = [(each.when, each) for each in waiting if isinstance(each.when, int)]
        self._conditional = [each for each in waiting if not isinstance(each.when, int)]
        self._watched: list[Waiting] = []
        self._order = {id(each): number for number, each in enumerate(waiting)}

    def next_fs(self) -> float:
        """Return when a command, or a look, is to begin."""
        times = [at_fs for at_fs, _ in self._of_time]
        times += [each.when.begins_fs for each in self._conditional if isinstance(each.when, Condition)]
        return min(times, default=math.inf)

    def begin(self, now_fs: int) -> None:
        """Begin to look for what is to be looked at from now on; then give the commands of now."""
        for each in [one for one in self._conditional if one.when.begins_fs == now_fs]:  # type: ignore[union-attr]
            self._conditional.remove(each)
            self._watched.append(each)
            each.counted_before = self._count(each)
        due = [each for at_fs, each in self._of_time if at_fs == now_fs]
        self._of_time = [(at_fs, each) for at_fs, each in self._of_time if at_fs != now_fs]
        for each in sorted(due, key=lambda one: self._order[id(one)]):
            each.at_fs = now_fs
            self._model.command(each.parameters())

    def look(self, now_fs: int) -> None:
        """Look, when an instant is over, what is true."""
        for each in [one for one in self._watched if self._is_true(one)]:
            self._watched.remove(each)
            self._of_time.append((now_fs + 1, each))

    def _count(self, waiting: Waiting) -> int:
        assert isinstance(waiting.when, Condition)
        port, kind, *_ = waiting.when
        meter = self._model.meter
        return {"delivered": meter.delivered_to, "dropped": meter.lost}[kind][port] if kind in COUNTED else 0

    def _is_true(self, waiting: Waiting) -> bool:
        assert isinstance(waiting.when, Condition)
        port, kind, number, _ = waiting.when
        if kind in COUNTED:
            return self._count(waiting) - waiting.counted_before >= number
        is_on = port not in self._model.ports_off
        if kind == "up":
            return is_on == bool(number)
        if kind == "tx_ring":
            return is_on and self._model.drivers[port].n_slots_taken == 0
        rings = [ring for (of, _), ring in self._model.receiver.rings.items() if of == port]
        return is_on and not any(ring.known or ring.requested or ring.cached for ring in rings)


COUNTED = ("delivered", "dropped")


def run_with_waiters(env: simpy.Environment, waiters: Waiters, finished: simpy.Event) -> None:
    """Run until `finished`, or nothing is left to do; commands come before all else of their instant."""
    while finished.callbacks is not None and env.peek() < math.inf:  # it is not processed
        next_fs = waiters.next_fs()
        if next_fs <= env.peek():
            if next_fs > env.now:
                env.run(until=next_fs)
            waiters.begin(int(next_fs))
        else:
            env.step()
        if env.peek() > env.now:
            waiters.look(env.now)
