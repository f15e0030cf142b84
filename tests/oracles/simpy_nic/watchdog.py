"""Drivers that reset their VFs as the PF's tells them to (docs/functions.md, "A driver that resets its VF")."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from .bring_up import MAILBOX_WORDS, MS_FS, RESET, US_FS, Asks, BringUps, Mail, Starts, sending
from .jobs import End, Op
from .parameters import JobStep

if TYPE_CHECKING:
    from .model import Model

DOWN_FS = 10 * MS_FS
LINK_LOOK_FS = 100 * US_FS
STATE_READS = 2
"""Whether it was reset; its link."""
WORD_READS = 2
"""Whether it has the mailbox; the PF's word."""


def asked_again(addresses: Sequence[object], vlans: Sequence[object]) -> list[Sends]:
    """Return the messages of a driver that has reset its VF.

    They are given by what is said of its further addresses, and of VLAN 0 and its tagged VLANs.
    """
    of_addresses, of_vlans = [(3, said) for said in addresses], [(2, said) for said in vlans]
    others = [(3, None), (2, None), (MAILBOX_WORDS, None), *of_addresses, *of_vlans, (2, None)]
    return [Sends(RESET, "reset"), *(Sends(asks_of(words), said) for words, said in others)]


def asks_of(words: int) -> Asks:
    """Return a message of so many words that is no RESET."""
    return RESET if words == 1 else Asks(words, MAILBOX_WORDS, words)


class Sends(NamedTuple):
    """A message, and what it asks for, where that changes anything; at its time a VF sends it, not looking back."""

    asks: Asks
    said: object = None
    at_fs: int = 0
    port: int = 0


class Calls(NamedTuple):
    """An administrator has the PF's driver leave a VF unheard."""

    at_fs: int
    port: int


class Leaves(NamedTuple):
    """A VF is taken away."""

    at_fs: int
    port: int


class Rules(NamedTuple):
    """What drivers of VFs do.

    `entries_fs`: by port, until its core is in its handler. `watching`: ports whose drivers look. `link_looks`: how
    often they look at their links again. `quiet_fs`: for how long they do not reset once more. `asked`: what a port's
    asks for as it resets. `called`: what else a call does. `answered`: what an answer does to a port that is heard, by
    what was said.
    """

    entries_fs: Mapping[int, int]
    watching: Collection[int]
    link_looks: int
    quiet_fs: int
    asked: Callable[[int], Sequence[Sends]]
    called: Callable[[int], None]
    answered: Callable[[int, object], None]


class Word(Enum):
    """What the PF's driver has written into a VF's mailbox last, of its own accord."""

    CONTROL = auto()
    REFUSAL = auto()


@dataclass
class _Vf:
    is_there: bool = True
    is_heard: bool = True
    is_looking: bool = False
    will_reset: bool = False
    word: Word | None = None
    has_unread: bool = False
    reset_fs: int | None = None


class Watchdogs(BringUps):
    """Let VFs reset as well, that calls leave unheard."""

    def __init__(
        self, model: Model, events: Sequence[Starts | Calls | Leaves | Sends], rules: Rules, pf_port: int, rings: int,
        goes: Callable[[int], None], comes: Callable[[int], None],
    ) -> None:  # fmt: skip
        """Begin; `events` in the order in which those of an instant happen."""
        self._rules = rules
        self._vfs = {port: _Vf() for port in rules.entries_fs}
        self.lives_fs: dict[int, list[tuple[int, int | None]]] = {}
        starts = [event for event in events if isinstance(event, Starts)]
        super().__init__(model, starts, pf_port, rules.entries_fs[pf_port], rings, goes, comes)
        for event in events:
            if isinstance(event, Calls):
                self.command(event.at_fs, partial(self._is_called, event))
            elif isinstance(event, Leaves):
                self.command(event.at_fs, partial(self.goes, event.port))
            elif isinstance(event, Sends):
                self.command(event.at_fs, partial(self._sends, event))

    # ---- The PF's driver ----

    def _is_called(self, call: Calls) -> None:
        self._vfs[call.port].is_heard = False
        self._rules.called(call.port)
        if call.port in self._rules.watching:
            self._tells(call.port, call.at_fs)

    def _tells(self, port: int, now_fs: int) -> None:
        if not self._vfs[port].is_there:
            self._vfs[port].has_unread = True
            self.does(self._pf_port, now_fs, now_fs, [JobStep(Op.WRITE, 2, 0)], {})
            return
        told = {End.RAISED: partial(self._is_raised, port, Word.CONTROL)}
        self.does(self._pf_port, now_fs, now_fs, [JobStep(Op.WRITE, 2, 0)], told, port)

    def _hears_of(self, port: int, now_fs: int) -> None:
        """Serve an acknowledgement; where the VF has reset meanwhile all is over."""
        vf = self._vfs[port]
        if vf.is_heard:
            vf.word, vf.will_reset = None, False
            self.pf_does([JobStep(Op.READ, 1, 0)], {}, now_fs, _nothing)
            return
        told = {End.RAISED: partial(self._is_raised, port, Word.REFUSAL)}
        self.pf_does([JobStep(Op.READ, 1, 0), JobStep(Op.WRITE, 2, 0)], told, now_fs, _nothing, port)

    def reply_words(self, mail: Mail) -> int:
        """Return that of a VF that is not heard the first word is refused alone."""
        is_served = mail.asks == RESET or self._vfs[mail.port].is_heard
        return super().reply_words(mail) if is_served else 1

    def has_answered(self, mail: Mail, now_fs: int) -> None:
        """Hear a VF that has reset; tell what an answer to its own reset does."""
        vf = self._vfs[mail.port]
        vf.is_heard |= mail.asks == RESET
        if vf.is_heard and mail.said is not None:
            self.command(now_fs + 1, partial(self._rules.answered, mail.port, mail.said))

    # ---- A VF's ----

    def goes(self, port: int) -> None:
        """Let it go, and forget what it was about to do."""
        before = self._vfs[port]
        self._vfs[port] = _Vf(is_there=False, is_heard=before.is_heard, reset_fs=before.reset_fs)
        self.lives_fs.setdefault(port, []).append((int(self._model.env.now), None))
        super().goes(port)

    def is_up(self, port: int, up_fs: int) -> None:
        """Follow that it is there."""
        self._vfs[port].is_there = True
        gone_fs, _ = self.lives_fs[port][-1]
        self.lives_fs[port][-1] = gone_fs, up_fs
        if self._vfs[port].has_unread and not self._vfs[port].is_heard:
            self._looks(port, up_fs)

    def knows(self, mail: Mail, now_fs: int) -> None:
        """Note when it has reset last."""
        if mail.asks == RESET:
            self._vfs[mail.port].reset_fs = now_fs

    def _sends(self, event: Sends) -> None:
        if self._vfs[event.port].is_there:
            mail = Mail(event.port, event.asks, event.said)
            told = {End.RAISED: partial(self.wants_pf, partial(self.serves, mail))}
            self.does(event.port, event.at_fs, event.at_fs, sending(mail), told, self._pf_port)

    def _is_raised(self, port: int, word: Word, now_fs: int) -> None:
        vf = self._vfs[port]
        vf.word = word
        if not vf.is_there or vf.is_looking:
            return
        if vf.will_reset:
            self.command(now_fs + 1, partial(self._resets, port, now_fs + 1))
        else:
            self._looks(port, now_fs)

    def _looks(self, port: int, now_fs: int) -> None:
        vf = self._vfs[port]
        vf.is_looking = True

        def looked(over_fs: int) -> None:
            vf.is_looking = False
            is_quiet = vf.reset_fs is None or over_fs - vf.reset_fs > self._rules.quiet_fs
            vf.will_reset = vf.word == Word.REFUSAL and is_quiet

        write = JobStep(Op.WRITE, 1, 0)
        steps = [
            JobStep(Op.TAKE_CORE, 1, 0), JobStep(Op.WORK, 1, self._rules.entries_fs[port]),
            JobStep(Op.READ, STATE_READS, 0),
            *[JobStep(Op.WAIT, 1, LINK_LOOK_FS), JobStep(Op.READ, 1, 0)] * self._rules.link_looks,
            write, JobStep(Op.READ, WORD_READS, 0), write, JobStep(Op.RELEASE, 1, 0),
        ]  # fmt: skip
        told = {End.LEFT: looked, End.RAISED: partial(self.wants_pf, partial(self._hears_of, port))}
        self.does(port, now_fs, now_fs + 1, steps, told, self._pf_port)

    def _resets(self, port: int, at_fs: int) -> None:
        if not self._vfs[port].is_there:
            return
        asked = self._rules.asked(port)
        self.goes(port)
        self.starts(port, at_fs, DOWN_FS, [Mail(port, one.asks, one.said) for one in asked])


def _nothing(_now_fs: int) -> None:
    """Do nothing more."""
