"""Drivers of VFs that come up and ask their PF, step by step (docs/functions.md, "How long it takes to come up")."""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from functools import partial
from heapq import heappop, heappush
from itertools import count
from operator import attrgetter
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


RESET = BRING_UP[0]


class Starts(NamedTuple):
    """A VF's driver starts, whose reset begins then."""

    at_fs: int
    port: int


@dataclass(eq=False)
class Mail:
    """A message under way; when the PF's acknowledgement was there for its VF, and its reply.

    `said`: what it asks for, where that changes anything.
    """

    port: int
    asks: Asks
    said: object = None
    acknowledged_fs: float = math.inf
    replied_fs: float = math.inf


Step = tuple[Sequence[JobStep], Mail | None]
Flow = Generator[Step, int, None]
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
        self._model, self._pf_port, self._entry_fs, self._rings = model, pf_port, entry_fs, rings
        self._turns_off, self._turns_on = goes, comes
        self._commands: list[tuple[int, int, Callable[[], None]]] = []
        self._order, self._numbers = count(), count()
        self._told: dict[tuple[int, End], tuple[int, int, Callable[[int], None]]] = {}
        self._waiting: deque[Callable[[int], None]] = deque()
        self._is_serving = False
        self._lives: Counter[int] = Counter()
        self.up_fs: dict[int, int] = {}
        self._at_this_instant: list[Told] = []
        for start in starts:
            self.command(start.at_fs, partial(self.goes, start.port))
        for start in starts:
            mails = [Mail(start.port, asks) for asks in BRING_UP]
            self.command(start.at_fs, partial(self.starts, start.port, start.at_fs, RESET_FS, mails))

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
        """Follow what was told at this instant, in the order of jobs' numbers; what that leads to are commands."""
        for told in sorted(self._at_this_instant, key=attrgetter("number", "what")):
            port, life, then = self._told[told.number, told.what]
            if self._lives[port] == life:
                then(told.at_fs)
        self._at_this_instant.clear()

    def sends(self, at_fs: int, port: int, asks: Asks) -> None:
        """Have a VF's driver send a message, for whose answer it does not look."""
        mail = Mail(port, asks)
        raised = partial(self.wants_pf, partial(self.serves, mail))
        self.does(port, at_fs, at_fs, sending(mail), {End.RAISED: raised}, self._pf_port)

    def command(self, at_fs: int, give: Callable[[], None]) -> None:
        """Have a command given at a time, behind those that are to be given then already."""
        heappush(self._commands, (at_fs, next(self._order), give))

    # ---- Jobs ----

    def does(
        self, port: int, from_fs: int, at_fs: int, steps: Sequence[JobStep], told: dict[End, Callable[[int], None]],
        raises: int | None = None,
    ) -> None:  # fmt: skip
        """Let a port's driver take steps, unless its function goes before; `told`: who is told what of them."""
        number, life = next(self._numbers), self._lives[port]
        self._told |= {(number, what): (port, life, then) for what, then in told.items()}
        job = DriverJob(port, number, from_fs, sum(1 << what for what in told), raises, steps)

        def begin() -> None:
            if self._lives[port] == life:
                self._model.jobs.begin(job, self._at_this_instant.append)

        self.command(at_fs, begin)

    # ---- A VF's driver ----

    def goes(self, port: int) -> None:
        """Let a function go now, with what its driver does."""
        self._lives[port] += 1
        self.up_fs.pop(port, None)
        self._turns_off(port)

    def starts(self, port: int, from_fs: int, reset_fs: int, mails: Sequence[Mail]) -> None:
        """Let a VF's driver start now, by a reset of such a length and by messages."""
        flow = self._starting(port, reset_fs, mails)
        self._goes_on(port, flow, from_fs, from_fs, next(flow))

    def _goes_on(self, port: int, flow: Flow, from_fs: int, at_fs: int, what: Step) -> None:
        steps, mail = what

        def left(over_fs: int) -> None:
            following = next_of(flow, over_fs)
            if following is not None:
                self._goes_on(port, flow, over_fs, over_fs + 1, following)

        told: dict[End, Callable[[int], None]] = {End.LEFT: left}
        if mail is not None:
            told[End.RAISED] = partial(self.wants_pf, partial(self.serves, mail))
        self.does(port, from_fs, at_fs, steps, told, None if mail is None else self._pf_port)

    def _starting(self, port: int, reset_fs: int, mails: Sequence[Mail]) -> Flow:
        now_fs = yield [JobStep(Op.WAIT, 1, reset_fs)], None
        for mail in mails:
            asks = mail.asks
            now_fs = yield sending(mail), mail
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
            self.knows(mail, now_fs)
        ring = [JobStep(Op.WRITE, RING_REGISTERS, 0), JobStep(Op.WAIT, 1, RING_ENABLE_FS), JobStep(Op.READ, 1, 0)]
        now_fs = yield ring * self._rings, None
        self.command(now_fs + 1, partial(self._comes, port, now_fs, self._lives[port]))

    def _comes(self, port: int, up_fs: int, life: int) -> None:
        if self._lives[port] == life:
            self.up_fs[port] = up_fs
            self._turns_on(port)
            self.is_up(port, up_fs)

    def knows(self, mail: Mail, now_fs: int) -> None:
        """Follow that a VF's driver has read the answer to a message."""

    def is_up(self, port: int, up_fs: int) -> None:
        """Follow that a VF is up."""

    # ---- The PF's ----

    def wants_pf(self, serve: Callable[[int], None], now_fs: int) -> None:
        """Have the PF's driver serve what tells it so by an interrupt: at once, or behind all that came before."""
        self._waiting.append(serve)
        if not self._is_serving:
            self._serves_next(now_fs)

    def _serves_next(self, now_fs: int) -> None:
        self._is_serving = bool(self._waiting)
        if self._waiting:
            self._waiting.popleft()(now_fs)

    def serves(self, mail: Mail, now_fs: int) -> None:
        """Have the PF's driver read a message and answer."""

        def acknowledged(at_fs: int) -> None:
            mail.acknowledged_fs = at_fs

        def replied(at_fs: int) -> None:
            mail.replied_fs = at_fs

        steps = [JobStep(Op.READ, 1 + MAILBOX_WORDS, 0), JobStep(Op.WRITE, self.reply_words(mail) + 2, 0)]
        self.pf_does(
            steps, {End.FIRST_ARRIVED: acknowledged, End.ARRIVED: replied}, now_fs, partial(self.has_answered, mail)
        )

    def pf_does(
        self, steps: Sequence[JobStep], told: dict[End, Callable[[int], None]], now_fs: int,
        over: Callable[[int], None], raises: int | None = None,
    ) -> None:  # fmt: skip
        """Have the PF's driver take steps on its core, and serve what comes next when they are over."""

        def served(at_fs: int) -> None:
            over(at_fs)
            self._serves_next(at_fs)

        on_core = [JobStep(Op.TAKE_CORE, 1, 0), JobStep(Op.WORK, 1, self._entry_fs), *steps, JobStep(Op.RELEASE, 1, 0)]
        self.does(self._pf_port, now_fs, now_fs + 1, on_core, told | {End.LEFT: served}, raises)

    def reply_words(self, mail: Mail) -> int:
        """Return how many words the PF's driver answers."""
        return mail.asks.reply_words

    def has_answered(self, mail: Mail, now_fs: int) -> None:
        """Follow that the PF's driver has answered a message."""


def sending(mail: Mail) -> list[JobStep]:
    """Return what a VF's driver does to send: it looks whether the mailbox is free, writes the words and a flag."""
    return [JobStep(Op.READ, 1, 0), JobStep(Op.WRITE, mail.asks.words + 1, 0)]


def next_of(flow: Flow, over_fs: int) -> Step | None:
    """Send a flow when its steps were over; return what it does next, None if nothing."""
    try:
        return flow.send(over_fs)
    except StopIteration:
        return None
