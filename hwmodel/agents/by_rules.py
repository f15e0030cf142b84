"""The agents of a configuration: what each does by its rules."""

from __future__ import annotations

from hwmodel.agents.agent import Agent, Message, Seen, Thing, Timer, Turn
from hwmodel.config import Config
from hwmodel.config.agents import AgentBlock
from hwmodel.config.check_agents import settings_in


class RuleAgent(Agent):
    """Do what the rules of a configuration say, in their order."""

    def __init__(self, name: str, block: AgentBlock) -> None:
        super().__init__(
            name, block.server or "", apart=bool(block.apart), work_fs=block.work_fs or 0, core=block.core or ""
        )
        self._rules = block.rules or ()
        self._settings = [settings_in(name, at, rule) for at, rule in enumerate(self._rules)]
        self._turns = [0] * len(self._rules)  # of settings that are gone through
        self._of_watch: dict[int, int] = {}  # rules, by the numbers of their watches
        self._last_fs = [0] * len(self._rules)  # when what is awaited by a rule about a silence came last

    def begin(self, at: Turn) -> None:
        """Set the watches and timers of all rules."""
        for number, rule in enumerate(self._rules):
            when = rule.when
            if when.what == ("figure",):
                self._of_watch[at.watch(when.condition, each=when.each)] = number
            elif when.every_fs is not None:
                at.wake(when.every_fs, number)
            elif when.for_fs is not None:
                at.wake(when.for_fs, number)

    def heeds(self, at: Turn, thing: Thing) -> bool:
        """Tell whether any rule fits; wind timers up, and note messages, as they come."""
        if isinstance(thing, Timer):
            when, now_fs = self._rules[thing.name].when, at.now_fs
            if when.every_fs is not None:
                at.wake(when.every_fs, thing.name)
                return True
            assert when.for_fs is not None
            silent_fs = now_fs - self._last_fs[thing.name]
            is_silent: bool = silent_fs >= when.for_fs
            if is_silent:
                self._last_fs[thing.name] = now_fs
            at.wake(when.for_fs - (0 if is_silent else silent_fs), thing.name)
            return is_silent
        if isinstance(thing, Message):
            for number, rule in enumerate(self._rules):
                if rule.when.silence == thing.text and rule.when.sender in (None, thing.sender):
                    self._last_fs[number] = at.now_fs
            return bool(self._fitting(thing))
        return True

    def handle(self, at: Turn, thing: Thing) -> None:
        """Carry out all rules that fit."""
        for number in self._fitting(thing):
            rule, settings = self._rules[number], self._settings[number]
            if settings:
                at.set(settings[self._turns[number] % len(settings)])
                self._turns[number] += 1
            if rule.send is not None:
                at.send(rule.send.to, rule.send.message)

    def _fitting(self, thing: Thing) -> list[int]:
        if isinstance(thing, Timer):
            return [thing.name]
        if isinstance(thing, Seen):
            return [self._of_watch[thing.watch]]
        return [
            number
            for number, rule in enumerate(self._rules)
            if rule.when.message == thing.text and rule.when.sender in (None, thing.sender)
        ]


def agents_of(config: Config) -> list[Agent]:
    """Return the agents of a configuration."""
    return [RuleAgent(name, block) for name, block in config.agents.items()]
