"""Drivers of VFs that come up and ask their PF, step by step (docs/functions.md, "How long it takes to come up")."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from functools import partial
from heapq import heappop, heappush
from itertools import count
from typing import TYPE_CHECKING, NamedTuple

from .jobs import End, Op, Told
from .parameters import DriverJob, JobStep

if TYPE_CHECKING:
    from .model import Model

US_FS, MS_FS = 10**9, 10**12
RESET_FS = 100 * MS_FS
POLL_FS = 500 * US_FS
RING_ENABLE_FS = MS_FS
RING_REGISTERS = 8
MAILBOX_WORDS = 16
RESET_SETTLE_FS = 10 * MS_FS


class Asks(NamedTuple):
    """A message: words that the VF writes, that the PF writes, that the VF reads; how long it waits for the reply."""

    words: int
    reply_words: int
    read_words: int
    settle_fs: int = 0


BRING_UP = (
    Asks(1, 4, 4, RESET_SETTLE_FS),
    *(Asks(words, MAILBOX_WORDS, words) for words in (3, 5, 2, 2, 2, MAILBOX_WORDS)),
)
"""RESET; the version of the protocol, queues, the longest frame, VLAN 0, groups, the multicast list."""


class Starts(NamedTuple):
    """A VF's driver starts, whose reset begins then."""

    at_fs: int
    port: int


@dataclass(eq=False)
class _Mail:
    """A message under way; when the PF's acknowledgement was there for its VF, and its reply."""

    asks: Asks
    acknowledged_fs: float = math.inf
    replied_fs: float = math.inf


Flow = Generator[tuple[Sequence[JobStep], _Mail | None], int, None]
"""What a driver does one behind the other: steps, which send a message or none; is sent when they were over."""


class BringUps:
    """Let VFs come up, whose PF answers them one after the other, first come, first served.

    What is told of a job at an instant is answered 1 fs behind it, from the instant itself on. It gives commands as
    agents do (`run_with_agents`).
    """

    def __init__(
        self, model: Model, starts: Sequence[Starts], pf_port: int, entry_fs: int, rings: int,
        goes: Callable[[int], None], comes: Callable[[int], None],
    ) -> None:  # fmt: skip
        """Begin; `entry_fs`: until the PF's core is in its handler; `goes`, `comes`: turn a port's function off, on."""
        self._model, self._pf_port, self._entry_fs, self._rings, self._comes = model, pf_port, entry_fs, rings, comes
        self._commands: list[tuple[int, int, Callable[[], None]]] = []
        self._order, self._numbers = count(), count()
        self._waiting: deque[_Mail] = deque()
        self._is_serving = False
        self.up_fs: dict[int, int] = {}
        for start in starts:
            self._command(start.at_fs, lambda port=start.port: goes(port))
        for start in starts:
            self._begin(start)

    # ---- As agents are run ----

    def next_fs(self, _now_fs: int) -> float:
        """Return when the next command is."""
        return self._commands[0][0] if self._commands else math.inf

    def has_commands(self, now_fs: int) -> bool:
        """Tell whether there are commands now."""
        return self.next_fs(now_fs) == now_fs

    def begin(self, now_fs: int) -> None:
        """Give the commands of now."""
        while self.has_commands(now_fs):
            heappop(self._commands)[-1]()

    def look(self, _now_fs: int) -> None:
        """Do nothing: what is told is answered by commands."""

    def sends(self, at_fs: int, port: int, asks: Asks) -> None:
        """Have a VF's driver send a message, for whose answer it does not look."""
        raised = partial(self._mail_comes, _Mail(asks))
        self._does(port, at_fs, at_fs, _sending(asks), {End.RAISED: raised}, self._pf_port)

    def _command(self, at_fs: int, give: Callable[[], None]) -> None:
        heappush(self._commands, (at_fs, next(self._order), give))

    # ---- Jobs ----

    def _does(
        self, port: int, from_fs: int, at_fs: int, steps: Sequence[JobStep], told: dict[End, Callable[[int], None]],
        raises: int | None = None,
    ) -> None:  # fmt: skip
        job = DriverJob(port, next(self._numbers), from_fs, sum(1 << what for what in told), raises, steps)

        def tells(one: Told) -> None:
            told[one.what](one.at_fs)

        self._command(at_fs, lambda: self._model.jobs.begin(job, tells))

    def _begin(self, start: Starts) -> None:
        flow = self._starting(start.port)
        self._goes_on(start.port, flow, start.at_fs, start.at_fs, next(flow))

    def _goes_on(
        self, port: int, flow: Flow, from_fs: int, at_fs: int, what: tuple[Sequence[JobStep], _Mail | None]
    ) -> None:
        steps, mail = what

        def left(over_fs: int) -> None:
            following = next_of(flow, over_fs)
            if following is not None:
                self._goes_on(port, flow, over_fs, over_fs + 1, following)

        told: dict[End, Callable[[int], None]] = {End.LEFT: left}
        if mail is not None:
            told[End.RAISED] = partial(self._mail_comes, mail)
        self._does(port, from_fs, at_fs, steps, told, None if mail is None else self._pf_port)

    # ---- A VF's driver ----

    def _starting(self, port: int) -> Flow:
        now_fs = yield [JobStep(Op.WAIT, 1, RESET_FS)], None
        for asks in BRING_UP:
            mail = _Mail(asks)
            now_fs = yield _sending(asks), mail
            pause_fs, has_found = 0, False
            while not has_found:
                looked_fs = now_fs + pause_fs
                now_fs = yield [JobStep(Op.WAIT, 1, pause_fs), JobStep(Op.READ, 1, 0)], None
                has_found, pause_fs = mail.acknowledged_fs <= looked_fs, POLL_FS
            pause_fs, has_found = asks.settle_fs, False
            while not has_found:
                looked_fs = now_fs + pause_fs
                now_fs = yield [JobStep(Op.WAIT, 1, pause_fs), JobStep(Op.READ, 1, 0)], None
                has_found, pause_fs = mail.replied_fs <= looked_fs, POLL_FS
            now_fs = yield [JobStep(Op.READ, asks.read_words, 0), JobStep(Op.WRITE, 1, 0)], None
        ring = [JobStep(Op.WRITE, RING_REGISTERS, 0), JobStep(Op.WAIT, 1, RING_ENABLE_FS), JobStep(Op.READ, 1, 0)]
        now_fs = yield ring * self._rings, None
        self.up_fs[port] = now_fs
        self._command(now_fs + 1, lambda: self._comes(port))

    # ---- The PF's ----

    def _mail_comes(self, mail: _Mail, now_fs: int) -> None:
        self._waiting.append(mail)
        if not self._is_serving:
            self._serves(now_fs)

    def _serves(self, now_fs: int) -> None:
        mail, self._is_serving = self._waiting.popleft(), True

        def acknowledged(at_fs: int) -> None:
            mail.acknowledged_fs = at_fs

        def replied(at_fs: int) -> None:
            mail.replied_fs = at_fs

        def served(at_fs: int) -> None:
            self._is_serving = False
            if self._waiting:
                self._serves(at_fs)

        steps = [
            JobStep(Op.TAKE_CORE, 1, 0), JobStep(Op.WORK, 1, self._entry_fs), JobStep(Op.READ, 1 + MAILBOX_WORDS, 0),
            JobStep(Op.WRITE, mail.asks.reply_words + 2, 0), JobStep(Op.RELEASE, 1, 0),
        ]  # fmt: skip
        told = {End.FIRST_ARRIVED: acknowledged, End.ARRIVED: replied, End.LEFT: served}
        self._does(self._pf_port, now_fs, now_fs + 1, steps, told)


def _sending(asks: Asks) -> list[JobStep]:
    """Return how a message is sent: a look whether the mailbox is free, the words, and a flag."""
    return [JobStep(Op.READ, 1, 0), JobStep(Op.WRITE, asks.words + 1, 0)]


def next_of(flow: Flow, over_fs: int) -> tuple[Sequence[JobStep], _Mail | None] | None:
    """Send a flow when its steps were over; return what it does next, None if nothing."""
    try:
        return flow.send(over_fs)
    except StopIteration:
        return None
