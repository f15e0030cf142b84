"""The drivers of PFs and VFs beside handling frames: a VF's starts, and asks its PF; a PF's answers in turn.

What they do to registers, on which core, is done by jobs of the machine (docs/engine.md), whose ends are told. Numbers
of accesses and times are those of Linux' ixgbe and ixgbevf (`config/message_time.py`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from typing import NamedTuple, Protocol

from hwmodel.agents.agenda import begun_fs
from hwmodel.config.life import RING_ENABLE_FS, RING_REGISTERS, Course, Parts, Start
from hwmodel.config.message_time import ACKNOWLEDGED, BRING_UP, LINK_LOOK_FS, POLL_FS, RESET, Message
from hwmodel.rules.driver_jobs import (
    ARRIVED,
    DOORBELLS,
    FIRST_ARRIVED,
    GIVEN,
    LEFT,
    RAISED,
    READ,
    RELEASE,
    TAKE_CORE,
    WAIT,
    WORK,
    WRITE,
    JobStep,
)
from hwmodel.rules.mailbox_messages import MAILBOX_WORDS
from hwmodel.units import FS_PER_S

REFUSAL_WORDS = 1  # Linux ixgbe_rcv_msg_from_vf: of a VF that has to reset first
QUIET_FS = 10 * FS_PER_S  # Linux ixgbevf_watchdog_update_link: it resets no sooner after the last time


class Adapter(Protocol):
    """What drivers reach: jobs for the functions of adapters."""

    def enter(
        self, function: str, number: int, from_fs: int, told: Sequence[int], raises: str, steps: Sequence[JobStep]
    ) -> None:
        """Have a function's driver do something from an instant on; `raises`: whose interrupt its last write raises."""

    def entry_fs(self, function: str) -> int:
        """Return how long a function's core takes to enter the handler of an interrupt."""

    def n_rings(self, function: str) -> int:
        """Return how many rings a function has."""

    def link_looks(self, function: str) -> int:
        """Return how often a VF's driver reads the state of its link again, to be sure."""

    def is_heard(self, vf: str) -> bool:
        """Tell whether a PF's driver serves a VF, or wants it to reset first."""

    def asks_again(self, vf: str) -> Sequence[tuple[Message, tuple[int, ...] | None]]:
        """Return what a VF's driver asks for as it has reset its VF, with the words."""

    def resets(self, vf: str, event: int, at_fs: int) -> None:
        """Have a VF's driver reset it, as an event has led to."""


@dataclass(eq=False)
class Kept:
    """Say what a PF's driver does: whose, for what message, from when on it has its core, and to when; None: it has."""

    function: str
    text: str
    from_fs: int
    to_fs: int | None = None


@dataclass(eq=False)
class _Watch:
    """What a VF's driver knows that the PF's has told to reset: as which event, and whether it looks, or will reset."""

    vf: str
    pf: str
    event: int
    is_refused: bool = False
    looks: bool = False
    will_reset: bool = False


@dataclass(eq=False)
class Exchange:
    """A message under way; `event`: of which of a scenario, None of one that a driver sends of its own accord.

    `acknowledged_fs`, `replied_fs`: since when a VF's driver finds that in its mailbox. `kept`: how the PF's serves it.
    `words`, `led_to`: what it says, and the event that has led to it, if what it asks for is another than it was.
    `watch`: who has acknowledged what the PF wrote of its own accord.
    """

    vf: str
    pf: str
    message: Message
    event: int | None = None
    words: tuple[int, ...] | None = None
    led_to: int = 0
    watch: _Watch | None = None
    kept: Kept | None = None
    acknowledged_fs: int | None = None
    replied_fs: int | None = None


ToDo = Sequence[JobStep] | Exchange
"""What a driver does next: steps, or to send a message."""
Flow = Generator[ToDo, int, None]
"""What a driver does, one thing after the other: each is sent the instant at which it is over."""


@dataclass(eq=False)
class _Pf:
    """A PF's driver: messages that wait, first come, first served, and whether one is served."""

    waiting: deque[Exchange] = field(default_factory=deque)
    serves: Exchange | None = None


class _Job(NamedTuple):
    """A job under way: whose it is, and what is to be done as its ends are told."""

    function: str
    acts: dict[int, Callable[[int], None]]
    exchange: Exchange | None


class Drivers:
    """Let drivers do what they do, in reaction to what is told of their jobs (`life.Starter`).

    `course`: what becomes of functions. `is_up`: called as a function has come up; `answered`: as a PF's driver has
    served an exchange; `lost`: with a scenario's event, for each of its messages that nobody will serve. `kept`: what
    PFs' drivers have done.
    """

    def __init__(
        self, adapter: Adapter, *, is_up: Callable[[Start, Parts, int], None],
        answered: Callable[[Exchange, Kept], None], lost: Callable[[int], None],
        again: Callable[[int, int, int], None],
    ) -> None:  # fmt: skip
        self.course: Course
        self._again = again
        self._adapter, self._is_up, self._answered, self._lost = adapter, is_up, answered, lost
        self._jobs: dict[int, _Job] = {}
        self._numbers = count()
        self._pfs: dict[str, _Pf] = {}
        self._watches: dict[str, _Watch] = {}
        self._unread: dict[str, _Watch] = {}
        self._reset_fs: dict[str, int] = {}  # when drivers have reset their VFs last
        self.kept: list[Kept] = []

    def start(self, starts: Sequence[Start]) -> None:
        """Start functions' drivers."""
        for one in starts:
            self._begin(one.name, one.begins_fs, self._starting(one))

    def again(self, at_fs: int, event: int, place: int = 0) -> None:
        """Carry out an event that has had to wait."""
        self._again(at_fs, event, place)

    def expected_fs(self, life: int) -> int | None:
        """Return that nobody knows when a function will be up."""
        return None

    def goes(self, name: str) -> None:
        """Have a function's driver do nothing more: what it does, and what it is asked, is lost."""
        for number, job in [*self._jobs.items()]:
            if job.function == name:
                del self._jobs[number]
                self._lose(job.exchange)
        self._watches.pop(name, None)
        pf = self._pfs.pop(name, _Pf())
        for exchange in pf.waiting:
            self._lose(exchange)

    def ask(self, vf: str, pf: str, message: Message, event: int, at_fs: int) -> None:
        """Have a VF's driver send a message, for whose answer it does not look."""
        self._send(Exchange(vf, pf, message, event), at_fs, {})

    def flood(self, name: str, n: int, every_fs: int, at_fs: int) -> None:
        """Have a function's driver write doorbells for nothing."""
        self._enter(name, at_fs, {}, (JobStep(DOORBELLS, n, every_fs),))

    def told(self, number: int, which: int, at_fs: int) -> None:
        """Go on with what an end of a job leads to; nothing of a driver that has gone."""
        job = self._jobs.get(number)
        if job is None:
            return
        act = job.acts.pop(which)
        if not job.acts:
            del self._jobs[number]
        act(at_fs)

    def _lose(self, exchange: Exchange | None) -> None:
        if exchange is not None and exchange.event is not None:
            self._lost(exchange.event)

    def _enter(
        self, name: str, from_fs: int, acts: Mapping[int, Callable[[int], None]], steps: Sequence[JobStep],
        exchange: Exchange | None = None, raises: str = "",
    ) -> None:  # fmt: skip
        number = next(self._numbers)
        if acts:
            self._jobs[number] = _Job(name, {**acts}, exchange)
        self._adapter.enter(name, number, from_fs, sorted(acts), raises, steps)

    def _send(self, exchange: Exchange, at_fs: int, acts: Mapping[int, Callable[[int], None]]) -> None:
        """Have a VF's driver send: check that the mailbox is free, write the words and a flag, which tells the PF."""
        acts = {**acts, RAISED: partial(self._comes, exchange)}
        steps = JobStep(READ), JobStep(WRITE, exchange.message.words + 1)
        self._enter(exchange.vf, at_fs, acts, steps, exchange, exchange.pf)

    # ---- A VF's driver, and a PF's as it starts ----

    def _begin(self, name: str, at_fs: int, flow: Flow) -> None:
        self._do(name, flow, next(flow), at_fs)

    def _do(self, name: str, flow: Flow, to_do: ToDo, at_fs: int) -> None:
        acts = {LEFT: partial(self._go_on, name, flow)}
        if isinstance(to_do, Exchange):
            self._send(to_do, at_fs, acts)
        else:
            self._enter(name, at_fs, acts, to_do)

    def _go_on(self, name: str, flow: Flow, at_fs: int) -> None:
        try:
            to_do = flow.send(at_fs)
        except StopIteration:
            return
        self._do(name, flow, to_do, at_fs)

    def _starting(self, start: Start) -> Flow:
        """Start a function: wait for the end of its reset, ask the PF for all that it needs, set up its rings."""
        now_fs, parts = start.begins_fs, Parts(0, 0)
        if start.reset_fs:
            now_fs = yield (JobStep(WAIT, 1, start.reset_fs),)
            parts = Parts(now_fs - start.since_fs, None if start.pf else 0)
            self.course.progress(start.life, parts)
        if start.pf:
            began_fs = now_fs
            for exchange in self._asks(start):
                now_fs = yield from self._exchange(exchange, now_fs)
                if exchange.message is RESET:
                    self._reset_fs[start.name] = now_fs
            parts = parts._replace(messages_fs=now_fs - began_fs)
            self.course.progress(start.life, parts)
        began_fs = now_fs
        ring = (JobStep(WRITE, RING_REGISTERS), JobStep(WAIT, 1, RING_ENABLE_FS), JobStep(READ))
        now_fs = yield ring * self._adapter.n_rings(start.name)
        self._is_up(start, parts._replace(rings_fs=now_fs - began_fs), now_fs)
        watch = self._unread.pop(start.name, None)
        if watch is not None and not self._adapter.is_heard(start.name):
            self._watches[start.name] = watch
            self._hears(watch, now_fs)

    def _asks(self, start: Start) -> Sequence[Exchange]:
        """Return what a VF's driver asks the PF for as it starts, message by message."""
        if not start.is_own:
            return [Exchange(start.name, start.pf, message) for message in BRING_UP]
        event = self.course.lives[start.life].event
        return [
            Exchange(start.name, start.pf, message, words=words, led_to=event)
            for message, words in self._adapter.asks_again(start.name)
        ]

    def _exchange(self, exchange: Exchange, now_fs: int) -> Generator[ToDo, int, int]:
        """Send a message, look for its acknowledgement, then its reply, read and acknowledge that; return when.

        A look finds what was there as it began; behind one that finds nothing the driver waits for `POLL_FS`.
        """
        message = exchange.message
        now_fs = yield exchange
        now_fs = yield from self._looks(lambda: exchange.acknowledged_fs, now_fs, 0)
        now_fs = yield from self._looks(lambda: exchange.replied_fs, now_fs, message.settle_fs)
        now_fs = yield JobStep(READ, message.read_words), JobStep(WRITE)
        return now_fs

    def _looks(self, there_fs: Callable[[], int | None], now_fs: int, wait_fs: int) -> Generator[ToDo, int, int]:
        while True:
            begins_fs = now_fs + wait_fs
            now_fs = yield JobStep(WAIT, 1, wait_fs), JobStep(READ)
            since_fs = there_fs()
            if since_fs is not None and since_fs <= begins_fs:
                return now_fs
            wait_fs = POLL_FS

    # ---- A VF's driver that the PF's has told to reset (Linux ixgbevf's service task) ----

    def tell_to_reset(self, vf: str, pf: str, event: int, at_fs: int) -> None:
        """Have a PF's driver write into a VF's mailbox that it has to reset, which raises the VF's interrupt.

        A VF that is off has no interrupt: it finds the word as it comes up.
        """
        word = (JobStep(WRITE, 2),)
        if not self.course.is_there(vf):
            self._unread[vf] = _Watch(vf, pf, event)
            self._enter(pf, at_fs, {}, word)
            return
        watch = self._watches.setdefault(vf, _Watch(vf, pf, event))
        self._enter(pf, at_fs, {RAISED: partial(self._told_of, watch, False)}, word, raises=vf)

    def _hears(self, watch: _Watch, at_fs: int) -> None:
        """Have a VF's driver look for what is the matter, as an interrupt tells it, or reset if it has to.

        It looks whether it was reset, at its link, and at the PF's word, which it acknowledges: that tells the PF.
        """
        if self._watches.get(watch.vf) is not watch or watch.looks:
            return
        if watch.will_reset:
            del self._watches[watch.vf]
            self._adapter.resets(watch.vf, watch.event, at_fs)
            return
        watch.looks = True
        link = (JobStep(WAIT, 1, LINK_LOOK_FS), JobStep(READ)) * self._adapter.link_looks(watch.vf)
        steps = (
            JobStep(TAKE_CORE), JobStep(WORK, 1, self._adapter.entry_fs(watch.vf)), JobStep(READ, 2), *link,
            JobStep(WRITE), JobStep(READ, 2), JobStep(WRITE), JobStep(RELEASE),
        )  # fmt: skip
        exchange = Exchange(watch.vf, watch.pf, ACKNOWLEDGED, watch=watch)
        acts = {RAISED: partial(self._comes, exchange), LEFT: partial(self._has_looked, watch)}
        self._enter(watch.vf, at_fs, acts, steps, exchange, raises=watch.pf)

    def _has_looked(self, watch: _Watch, at_fs: int) -> None:
        watch.looks = False
        last_fs = self._reset_fs.get(watch.vf)
        watch.will_reset = watch.is_refused and (last_fs is None or at_fs > last_fs + QUIET_FS)

    def _told_of(self, watch: _Watch, is_refused: bool, at_fs: int) -> None:
        watch.is_refused = is_refused
        self._hears(watch, at_fs)

    # ---- A PF's driver ----

    def _comes(self, exchange: Exchange, at_fs: int) -> None:
        """Let the PF's driver know of a message, as its interrupt has come."""
        pf = self._pfs.setdefault(exchange.pf, _Pf())
        if not self.course.is_there(exchange.pf):
            self._lose(exchange)
            return
        pf.waiting.append(exchange)
        if pf.serves is None:
            self._serve(pf, at_fs)

    def _serve(self, pf: _Pf, at_fs: int) -> None:
        """Serve the next message: take the interrupt, read the mailbox, acknowledge and reply."""
        exchange = pf.serves = pf.waiting.popleft()
        acts: dict[int, Callable[[int], None]] = {
            GIVEN: partial(self._taken, exchange, at_fs),
            FIRST_ARRIVED: partial(setattr, exchange, "acknowledged_fs"),
            ARRIVED: partial(setattr, exchange, "replied_fs"),
            LEFT: partial(self._served, pf, exchange),
        }
        watch, message, is_heard = exchange.watch, exchange.message, self._adapter.is_heard(exchange.vf)
        if exchange.event is not None or watch is not None:  # its VF does not look for the answer
            del acts[FIRST_ARRIVED], acts[ARRIVED]
        steps = [JobStep(TAKE_CORE), JobStep(WORK, 1, self._adapter.entry_fs(exchange.pf))]
        steps.append(JobStep(READ, MAILBOX_WORDS + 1 if watch is None else 1))
        if watch is None or not is_heard:
            reply_words = message.reply_words if watch or is_heard or message is RESET else REFUSAL_WORDS
            steps.append(JobStep(WRITE, reply_words + 2))
            if watch is not None:
                acts[RAISED] = partial(self._told_of, watch, True)
        else:
            watch.is_refused = watch.will_reset = False
        steps.append(JobStep(RELEASE))
        self._enter(exchange.pf, at_fs, acts, steps, exchange, raises="" if watch is None else watch.vf)

    def _taken(self, exchange: Exchange, from_fs: int, at_fs: int) -> None:
        """Note from when on a PF's driver has its core."""
        exchange.kept = Kept(exchange.pf, f"{exchange.vf}: {exchange.message.name}", begun_fs(from_fs, at_fs))
        self.kept.append(exchange.kept)

    def _served(self, pf: _Pf, exchange: Exchange, at_fs: int) -> None:
        pf.serves = None
        assert exchange.kept is not None, "it is told of its core before it is done"
        exchange.kept.to_fs = at_fs
        self._answered(exchange, exchange.kept)
        if pf.waiting:
            self._serve(pf, at_fs)
