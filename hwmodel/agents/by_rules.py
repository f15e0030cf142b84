"""The agents of a configuration: what each does by its rules."""

from __future__ import annotations

from hwmodel.agents.agent import Agent, Frame, Message, Seen, Thing, Timer, Turn
from hwmodel.config.agents import AgentBlock
from hwmodel.config.check_agents import settings_in


class RuleAgent(Agent):
    """Do what the rules of a configuration say, in their order."""

    def __init__(self, name: str, block: AgentBlock) -> None:
        self._rules = block.rules or ()
        sent = dict.fromkeys(rule.send.frame.own for rule in self._rules if rule.send and rule.send.frame)
        super().__init__(
            name, block.server or "", apart=bool(block.apart), work_fs=block.work_fs or 0, core=block.core or "",
            frames=tuple(sent),
        )  # fmt: skip
        self._settings = [settings_in(name, at, rule) for at, rule in enumerate(self._rules)]
        self._turns = [0] * len(self._rules)  # of settings that are gone through
        self._of_watch: dict[int, int] = {}  # rules, by the numbers of their watches
        self._n_broken = [0] * len(self._rules)  # how often the silence that a rule is about was broken

    def begin(self, at: Turn) -> None:
        """Set the watches and timers of all rules."""
        for number, rule in enumerate(self._rules):
            when = rule.when
            if when.what == ("figure",):
                self._of_watch[at.watch(when.condition, each=when.each)] = number
            elif when.frame is not None:
                self._of_watch[at.hear(when.frame)] = number
            elif when.every_fs is not None:
                at.wake(when.every_fs, (number, 0))
            elif when.for_fs is not None:
                self._listens(at, number)

    def heeds(self, at: Turn, thing: Thing) -> bool:
        """Tell whether any rule fits; wind timers up, and note messages, as they come."""
        if isinstance(thing, Timer):
            number, n_broken = thing.name
            if (every_fs := self._rules[number].when.every_fs) is not None:
                at.wake(every_fs, thing.name)
                return True
            is_silent: bool = n_broken == self._n_broken[number]
            if is_silent:
                self._listens(at, number)
            return is_silent
        if isinstance(thing, Message):
            for number, rule in enumerate(self._rules):
                if rule.when.silence == thing.text and rule.when.sender in (None, thing.sender):
                    self._n_broken[number] += 1
                    self._listens(at, number)
        return bool(self._fitting(thing))

    def _listens(self, at: Turn, number: int) -> None:
        """Wind up the timer of a rule about a silence, which counts if nothing breaks that until it runs out."""
        for_fs = self._rules[number].when.for_fs
        assert for_fs is not None
        at.wake(for_fs, (number, self._n_broken[number]))

    def handle(self, at: Turn, thing: Thing) -> None:
        """Carry out all rules that fit."""
        for number in self._fitting(thing):
            rule, settings = self._rules[number], self._settings[number]
            if settings:
                at.set(settings[self._turns[number] % len(settings)])
                self._turns[number] += 1
            if rule.send is not None and rule.send.frame is not None:
                at.send_frame(rule.send.frame.own, rule.send.frame.message or "")
            elif rule.send is not None:
                at.send(rule.send.to or "", rule.send.message or "")

    def _fitting(self, thing: Thing) -> list[int]:
        if isinstance(thing, Timer):
            return [thing.name[0]]
        if isinstance(thing, Seen):
            return [self._of_watch[thing.watch]]
        if isinstance(thing, Frame):
            number = self._of_watch[thing.listener]
            frame = self._rules[number].when.frame
            return [number] if frame and frame.message in (None, thing.message) else []
        return [
            number
            for number, rule in enumerate(self._rules)
            if rule.when.message == thing.text and rule.when.sender in (None, thing.sender)
        ]
