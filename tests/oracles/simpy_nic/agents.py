"""Agents: what decides in simulated time (docs/agents.md), beside any model in SimPy."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import count
from typing import Any, NamedTuple, Protocol

import simpy

BEGIN, END, SEEN, MESSAGE, TIMER = range(5)
"""What there is to do at one instant, in its order."""
FRAME = 5
"""In place of SEEN, of a frame that is counted."""
C_TAG = b"\x81\x00"


@dataclass(eq=False)
class Watch:
    """A figure that an agent sees: a count, or a level, which is None where there is none.

    `each`: each time that a count has grown by so many; `above`, `below`: as that becomes true, of a level, of a count
    since `from_fs`, or of its growth in the last `within_fs`.
    """

    value: Callable[[], int | None]
    each: int | None = None
    above: int | None = None
    below: int | None = None
    within_fs: int | None = None
    is_level: bool = False
    from_fs: int = 0
    _before: int = 0
    _times_seen: int = 0
    _is_true: bool = False
    _grown: list[tuple[int, int]] = field(default_factory=list)
    """When the count was so much, each time that it had grown."""

    def begin(self) -> None:
        """Begin to look, before all events of `from_fs`."""
        if not self.is_level:
            self._before = self.value() or 0

    def looks_fs(self, now_fs: int) -> float:
        """Return when to look behind now although nothing may happen then."""
        if now_fs < self.from_fs:
            return self.from_fs
        if self.below is None or self.within_fs is None:
            return math.inf
        times = [self.from_fs, *(at_fs for at_fs, _ in self._grown)]
        return min((at_fs + self.within_fs for at_fs in times if at_fs + self.within_fs > now_fs), default=math.inf)

    def look(self, now_fs: int) -> bool:
        """Look, when an instant is over; tell whether there is something to be seen."""
        if now_fs < self.from_fs:
            return False
        value = self.value()
        if self.each is not None:
            times = ((value or 0) - self._before) // self.each
            is_new, self._times_seen = times > self._times_seen, times
            return is_new
        was_true = self._is_true
        if self.within_fs is not None:
            was_true = was_true and self._compared(self._growth(now_fs - 1))
            if value != self._counted(now_fs):
                self._grown.append((now_fs, value or 0))
            while len(self._grown) > 1 and self._grown[1][0] < now_fs - self.within_fs:
                self._before = self._grown.pop(0)[1]  # of no later look
            is_due = self.above is not None or now_fs >= self.from_fs + self.within_fs
            self._is_true = is_due and self._compared(self._growth(now_fs))
        elif self.is_level:
            self._is_true = self._compared(value)
        else:
            self._is_true = was_true or self._compared((value or 0) - self._before)
        return self._is_true and not was_true

    def _counted(self, at_fs: int) -> int:
        """Return what a count was after an instant."""
        return next((value for when_fs, value in reversed(self._grown) if when_fs <= at_fs), self._before)

    def _growth(self, at_fs: int) -> int:
        assert self.within_fs is not None
        return self._counted(at_fs) - self._counted(at_fs - self.within_fs)

    def _compared(self, value: int | None) -> bool:
        if value is None:
            return False
        return value > self.above if self.above is not None else value < (self.below or 0)


class Hears(NamedTuple):
    """A message comes, of one agent or of any."""

    message: str
    sender: str | None = None


@dataclass(frozen=True, eq=False)
class Listens:
    """A frame is delivered to a function; what is None may be anything."""

    receiver: str
    ethertype: int | None = None
    senders: Sequence[bytes] | None = None
    destination: bytes | None = None
    message: str | None = None

    def fits(self, heard: Heard) -> bool:
        """Tell whether it is one of these."""
        raw = heard.raw
        type_at = 16 if raw[12:14] == C_TAG else 12
        return (
            heard.receiver == self.receiver
            and self.ethertype in (None, int.from_bytes(raw[type_at : type_at + 2], "big"))
            and (self.senders is None or raw[6:12] in self.senders)
            and self.destination in (None, raw[:6])
            and self.message in (None, heard.message)
        )


class Heard(NamedTuple):
    """A frame that was delivered, and the word that it carries."""

    receiver: str
    raw: bytes
    message: str | None


class SentFrame(NamedTuple):
    """A frame that an agent sends."""

    sender: str
    raw: bytes
    message: str | None
    told: Mapping[str, Any]
    """What is told of it."""


class Silence(NamedTuple):
    """No such message has come for so long."""

    message: str
    for_fs: int
    sender: str | None = None


class Every(NamedTuple):
    """A time is over, again and again."""

    every_fs: int


When = Watch | Listens | Hears | Silence | Every


class Sets(NamedTuple):
    """Keys that get values, so long behind the end of the work."""

    keys: Mapping[str, Any]
    after_fs: int


class Rule(NamedTuple):
    """What is done as something comes: the sets in turn, one each time, and a message to an agent, or a frame."""

    when: When
    sets: Sequence[Sets] = ()
    send: tuple[str, str] | None = None
    frame: SentFrame | None = None


Works = Callable[[int, Callable[[int], None], Callable[[int], None]], None]
"""Has work done on a core, which was asked for at a time; says when it has the core, then when it is over."""


@dataclass(frozen=True)
class AgentParameters:
    """One agent; `server` is None where it is apart, `least_fs`: what a message to another place takes at least.

    `works`: on another's core, None on one of its own.
    """

    name: str
    server: str | None
    rules: Sequence[Rule]
    work_fs: int = 0
    least_fs: int = 0
    works: Works | None = None


class Action(NamedTuple):
    """What was done: keys that changed, or a message or a frame that was sent, and when."""

    at_fs: int
    agent: str
    keys: Mapping[str, Any] | None = None
    send: str | None = None
    to: str | None = None
    frame: Mapping[str, Any] | None = None


@dataclass
class Counts:
    """What an agent has done: the things that it has begun to handle, of each kind, and what it was busy by the end."""

    handled: int = 0
    saw: int = 0
    heard: int = 0
    timers: int = 0
    sent: int = 0
    sets: int = 0
    busy_fs: int = 0
    most_waiting: int = 0
    frames_heard: int = 0
    frames_sent: int = 0


class _Agent:
    def __init__(self, number: int, parameters: AgentParameters) -> None:
        self.number, self.parameters = number, parameters
        self.counts = Counts()
        self.waiting: deque[tuple[int, list[Rule]]] = deque()
        self.doing: list[Rule] | None = None
        self.turn: dict[int, int] = {}  # by the number of a rule: which of its sets is next
        self.looks = list(
            {id(one.when): one.when for one in parameters.rules if isinstance(one.when, Watch | Listens)}.values()
        )
        self.watches = [one for one in self.looks if isinstance(one, Watch)]
        timers = dict.fromkeys(one.when for one in parameters.rules if isinstance(one.when, Every | Silence))
        self.due_fs = {one: one.every_fs if isinstance(one, Every) else one.for_fs for one in timers}
        self.set_up = {one: number for number, one in enumerate(timers, -len(timers))}  # in which order


class Agents:
    """All agents; `obey` has keys get values now, `latency_fs` is that of the management network.

    `give` gives a frame to the driver of a function (by its name, with its bytes), and returns a number by which it is
    known as it is delivered.
    """

    def __init__(
        self,
        agents: Sequence[AgentParameters],
        latency_fs: int,
        end_fs: int,
        obey: Callable[[Mapping[str, Any]], None],
        give: Callable[[str, bytes], int] = lambda _sender, _raw: 0,
    ) -> None:
        """Begin with nothing seen; the run ends at `end_fs`."""
        self._give = give
        self._words: dict[int, str | None] = {}
        self._delivered: list[Heard] = []
        """At this instant."""
        self._agents = [_Agent(number, each) for number, each in enumerate(agents)]
        self._named = {each.parameters.name: each for each in self._agents}
        self._latency_fs, self._end_fs, self._obey = latency_fs, end_fs, obey
        self._order = count()
        self._due: list[tuple[int, int, int, int, Any]] = []
        """What is to be done: when, its kind, its agent's number, its place among those, what it is."""
        self._commands: list[tuple[int, int, Callable[[], None]]] = []
        self.actions: list[Action] = []

    @property
    def counts(self) -> dict[str, Counts]:
        """What each has done."""
        return {name: agent.counts for name, agent in self._named.items()}

    def next_fs(self, now_fs: int) -> float:
        """Return when something is to be done, or to be looked at, behind now."""
        times: list[float] = [self._commands[0][0]] if self._commands else []
        times += [self._due[0][0]] if self._due else []
        for agent in self._agents:
            times += agent.due_fs.values()
            times += [watch.looks_fs(now_fs) for watch in agent.watches]
        return min(times, default=math.inf)

    def delivered(self, receiver: str, raw: bytes, number: int) -> None:
        """Note that a frame is delivered to a function now."""
        self._delivered.append(Heard(receiver, raw, self._words.get(number)))

    def begin(self, now_fs: int) -> None:
        """Begin to look at what is to be looked at from now on, and give the commands of now."""
        for agent in self._agents:
            for watch in agent.watches:
                if watch.from_fs == now_fs:
                    watch.begin()
        while self._commands and self._commands[0][0] == now_fs:
            heappop(self._commands)[-1]()

    def has_commands(self, now_fs: int) -> bool:
        """Tell whether something is to be done before the events of an instant."""
        if self._commands and self._commands[0][0] == now_fs:
            return True
        return any(watch.from_fs == now_fs for agent in self._agents for watch in agent.watches)

    def look(self, now_fs: int) -> None:
        """Do what there is to do when an instant is over."""
        for agent in self._agents:
            for one in agent.looks:
                n_times = sum(map(one.fits, self._delivered)) if isinstance(one, Listens) else int(one.look(now_fs))
                for _ in range(n_times):
                    self._put(now_fs, SEEN, agent, one)
            for when in [one for one, due_fs in agent.due_fs.items() if due_fs == now_fs]:
                heappush(self._due, (now_fs, TIMER, agent.number, agent.set_up[when], when))
        self._delivered = []
        while self._due and self._due[0][0] == now_fs:
            _, kind, number, _, what = heappop(self._due)
            agent = self._agents[number]
            if kind == BEGIN:
                self._begin(agent, *what)
            elif kind == END:
                self._end(agent, now_fs)
            elif kind == MESSAGE:
                self._hear(agent, now_fs, *what)
            elif kind == SEEN:
                kind = FRAME if isinstance(what, Listens) else SEEN
                self._comes(agent, now_fs, kind, [rule for rule in agent.parameters.rules if rule.when is what])
            elif agent.due_fs[what] == now_fs:  # a silence may be over by now
                self._set_up(agent, what, now_fs)
                self._comes(agent, now_fs, kind, [rule for rule in agent.parameters.rules if rule.when == what])

    def _set_up(self, agent: _Agent, timer: Every | Silence, now_fs: int) -> None:
        agent.due_fs[timer] = now_fs + (timer.every_fs if isinstance(timer, Every) else timer.for_fs)
        agent.set_up[timer] = next(self._order)

    def _put(self, at_fs: int, kind: int, agent: _Agent, what: Any = None) -> None:
        heappush(self._due, (at_fs, kind, agent.number, next(self._order), what))

    def _hear(self, agent: _Agent, now_fs: int, message: str, sender: str) -> None:
        for when in agent.due_fs:
            if isinstance(when, Silence) and when.message == message and when.sender in (None, sender):
                self._set_up(agent, when, now_fs)
        fits = [Hears(message), Hears(message, sender)]
        self._comes(agent, now_fs, MESSAGE, [rule for rule in agent.parameters.rules if rule.when in fits])

    def _comes(self, agent: _Agent, now_fs: int, kind: int, rules: list[Rule]) -> None:
        if not rules:
            return
        if agent.doing is None:
            self._turn_to(agent, now_fs, kind, rules)
        else:
            agent.waiting.append((kind, rules))
            agent.counts.most_waiting = max(agent.counts.most_waiting, len(agent.waiting))

    def _turn_to(self, agent: _Agent, now_fs: int, kind: int, rules: list[Rule]) -> None:
        agent.doing = rules
        works = agent.parameters.works
        if works is None:
            self._begin(agent, now_fs, kind)
            self._put(now_fs + agent.parameters.work_fs, END, agent)
            return

        def begins(at_fs: int) -> None:
            self._put(at_fs, BEGIN, agent, (now_fs if at_fs == now_fs + 1 else at_fs, kind))

        def ends(at_fs: int) -> None:
            self._put(at_fs, END, agent)

        heappush(self._commands, (now_fs + 1, next(self._order), lambda: works(now_fs, begins, ends)))

    def _begin(self, agent: _Agent, from_fs: int, kind: int) -> None:
        counts, work_fs = agent.counts, agent.parameters.work_fs
        counts.handled += 1
        counts.saw += kind == SEEN
        counts.heard += kind == MESSAGE
        counts.timers += kind == TIMER
        counts.frames_heard += kind == FRAME
        counts.busy_fs += min(work_fs, self._end_fs - from_fs)

    def _end(self, agent: _Agent, now_fs: int) -> None:
        assert agent.doing is not None
        for rule in agent.doing:
            self._carry_out(agent, now_fs, rule)
        agent.doing = None
        if agent.waiting:
            self._turn_to(agent, now_fs, *agent.waiting.popleft())

    def _carry_out(self, agent: _Agent, now_fs: int, rule: Rule) -> None:
        if rule.sets:
            turn = agent.turn.get(id(rule), 0)
            agent.turn[id(rule)] = turn + 1
            sets = rule.sets[turn % len(rule.sets)]
            at_fs = now_fs + sets.after_fs
            agent.counts.sets += 1
            self.actions.append(Action(at_fs, agent.parameters.name, keys=sets.keys))
            heappush(self._commands, (at_fs, next(self._order), lambda: self._obey(sets.keys)))
        if rule.frame is not None:
            agent.counts.frames_sent += 1
            about = rule.frame
            self.actions.append(Action(now_fs + 1, agent.parameters.name, send=about.message, frame=about.told))
            heappush(self._commands, (now_fs + 1, next(self._order), lambda: self._send(about)))
        if rule.send is not None:
            to, message = rule.send
            agent.counts.sent += 1
            self.actions.append(Action(now_fs, agent.parameters.name, send=message, to=to))
            self._put(self._comes_fs(agent, self._named[to], now_fs), MESSAGE, self._named[to],
                      (message, agent.parameters.name))  # fmt: skip

    def _send(self, frame: SentFrame) -> None:
        self._words[self._give(frame.sender, frame.raw)] = frame.message

    def _comes_fs(self, sender: _Agent, to: _Agent, now_fs: int) -> int:
        place = sender.parameters.server
        if place is not None and place == to.parameters.server:
            return now_fs
        return now_fs + max(self._latency_fs, sender.parameters.least_fs)


class Commanding(Protocol):
    """Who gives commands as a run goes on: agents, drivers."""

    def next_fs(self, now_fs: int) -> float:
        """Return when there is something to do behind now."""

    def has_commands(self, now_fs: int) -> bool:
        """Tell whether there is something to do before the events of an instant."""

    def begin(self, now_fs: int) -> None:
        """Do that."""

    def look(self, now_fs: int) -> None:
        """Do what there is to do when an instant is over."""


@dataclass(frozen=True)
class Together:
    """Several of them, who do at one instant what they do one after the other."""

    parts: Sequence[Commanding]

    def next_fs(self, now_fs: int) -> float:
        """Return when any of them has something to do."""
        return min(one.next_fs(now_fs) for one in self.parts)

    def has_commands(self, now_fs: int) -> bool:
        """Tell whether any of them does something before the events of an instant."""
        return any(one.has_commands(now_fs) for one in self.parts)

    def begin(self, now_fs: int) -> None:
        """Let all do that."""
        for one in self.parts:
            one.begin(now_fs)

    def look(self, now_fs: int) -> None:
        """Let all do what there is to do when an instant is over."""
        for one in self.parts:
            one.look(now_fs)


def run_with_agents(env: simpy.Environment, agents: Commanding, finished: simpy.Event) -> None:
    """Run until `finished`, or nothing is left to do: at each instant commands, then all else, then what agents do."""
    while finished.callbacks is not None:  # it is not processed
        own_fs = agents.next_fs(env.now)
        at_fs = min(env.peek(), own_fs)
        if at_fs == math.inf:
            break
        if own_fs == at_fs > env.now:
            env.run(until=at_fs)
        if agents.has_commands(int(at_fs)):
            agents.begin(int(at_fs))
        while env.peek() == at_fs and finished.callbacks is not None:
            env.step()
        if finished.callbacks is not None:
            agents.look(int(at_fs))
