"""The agents of a run as it goes on: each has its turn as something comes to it, and what it does is passed on."""

from __future__ import annotations

from bisect import insort
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, NamedTuple, Protocol

from hwmodel.agents.agenda import BEGIN, BEHIND_FS, END, MESSAGE, SEEN, TIMER, Agenda, begun_fs
from hwmodel.agents.agent import Agent, Frame, Message, Seen, Thing, Timer
from hwmodel.agents.management import ManagementNetwork
from hwmodel.config import Config
from hwmodel.config.agents import HeardFrame, Management, OwnFrame
from hwmodel.config.check_agents import misfit_sent
from hwmodel.config.condition import Condition, block_of, condition_of
from hwmodel.config.kinds import shown, suggest
from hwmodel.config.live_configuration import Setting
from hwmodel.config.scenario import leaves
from hwmodel.errors import InputError
from hwmodel.rules.driver_jobs import GIVEN, LEFT, RELEASE, TAKE_CORE, WORK, JobStep
from hwmodel.wire.samples import Counters, Sample

Output = Callable[[int, int], None]
"""What an agent does on its turn, given the end of its work, and when it can first change anything."""


class Machine(Protocol):
    """What agents reach of the machine; servers are given by their names."""

    def read(self, server: str | None, of: str, figure: str) -> int:
        """Return a figure as it is now, in the units of its count; None: of any server."""

    def watch(self, server: str, number: int, condition: Condition, each: int | None, at_fs: int) -> None:
        """Watch a figure from an instant on."""

    def hear(self, server: str, number: int, asked: HeardFrame, at_fs: int) -> None:
        """Listen for frames to a function from an instant on."""

    def send_frame(self, frame: OwnFrame, message: str | bytes, at_fs: int) -> None:
        """Give a frame to a function's driver, or to a bridge's port, at an instant."""

    def sampled(self, number: int, now_fs: int) -> tuple[Sequence[Sample], Counters]:
        """Return what a bridge's sampler has sampled up to now, and its port's counters."""

    def enter(
        self, server: str, core: str, number: int, from_fs: int, told: Sequence[int], steps: Sequence[JobStep]
    ) -> None:
        """Have steps carried out on a function's core from an instant on, whose ends come to `LiveAgents.told_of`."""

    def set(self, at_fs: int, setting: Setting) -> None:
        """Set keys at an instant."""

    def concerns_only(self, server: str, changes: Mapping[str, Any]) -> bool:
        """Tell whether keys concern nothing beside a server at once."""

    def way_fs(self, server: str) -> int:
        """Return the longest time that anything from a server takes to reach another."""


class Action(NamedTuple):
    """Say what an agent has done: keys set at an instant, a message sent to an agent (`to`), or a frame with a word.

    Of a frame `message` may be the bytes behind its EtherType.
    """

    at_fs: int
    agent: str
    changes: Mapping[str, Any]
    message: str | bytes = ""
    to: str = ""
    frame: OwnFrame | None = None


@dataclass
class Counts:
    """Count what an agent has done: things handled, by what they were, and what came of them.

    `lost`: messages that it sent and that never came; `most_waiting`: how many things waited at once, at most.
    """

    handled: int = 0
    saw: int = 0
    heard: int = 0
    timers: int = 0
    sent: int = 0
    sets: int = 0
    lost: int = 0
    frames_heard: int = 0
    frames_sent: int = 0
    busy_fs: int = 0
    most_waiting: int = 0


@dataclass(eq=False)
class _One:
    """An agent in the run. `is_busy`: it works, or waits for its core; `free_fs`: when its work ends.

    `waiting`: what has come meanwhile. `asked_fs`: when it asked for its core, for what `thing`. `outputs`: what it
    does at the end of its work.
    """

    agent: Agent
    place: int
    is_busy: bool = False
    free_fs: int = 0
    waiting: deque[Thing] = field(default_factory=deque)
    asked_fs: int = 0
    thing: Thing | None = None
    outputs: Sequence[Output] = ()
    counts: Counts = field(default_factory=Counts)


class LiveAgents:
    """Give agents their turns as a run goes on.

    `actions`: what they have done, in the order in which they did it; `sets_fs`: when keys change by it, in order.

    Raises InputError for agents that cannot be: of one name, or at a server that is not there.
    """

    def __init__(
        self, agents: Sequence[Agent], config: Config, servers: Sequence[str], machine: Machine, first_watch: int
    ) -> None:
        self._machine, self._first_watch = machine, first_watch
        self._network = ManagementNetwork(config.management or Management(), config.run.seed)
        self._agenda = Agenda()
        self._all = [_One(agent, place) for place, agent in enumerate(agents)]
        self._by_name = {one.agent.name: one for one in self._all}
        self._watchers: list[_One] = []  # whose each watch is, by its number
        self.actions: list[Action] = []
        self.sets_fs: list[int] = []
        if problems := [*_wrong(agents, servers)]:
            raise InputError(problems)

    def begin(self) -> None:
        """Let all agents begin, at time 0."""
        for one in self._all:
            turn = _Turn(self, one, 0)
            one.agent.begin(turn)
            _do(turn.outputs, 0, 0)

    def next_fs(self, never_fs: int) -> int:
        """Return when the next thing is due to an agent, `never_fs` if none is."""
        return self._agenda.next_fs(never_fs)

    def see(self, at_fs: int, number: int, frame: Frame | None = None) -> None:
        """Note that what an agent watches has come true, by the number that the machine was given, or a frame come."""
        own = number - self._first_watch
        thing = Seen(own) if frame is None else frame._replace(listener=own)
        self._agenda.add(at_fs, SEEN, self._watchers[own].place, thing)

    def told_of(self, number: int, which: int, at_fs: int) -> None:
        """Note what the machine tells of an agent's job: that it has its core, or that its work is over."""
        self._agenda.add(at_fs, BEGIN if which == GIVEN else END, number, None)

    def carry_out(self, at_fs: int) -> None:
        """Let agents do all that is due at an instant, behind all that happens then in the machine."""
        while self._agenda.next_fs(at_fs + 1) <= at_fs:
            due = self._agenda.take()
            one = self._all[due.agent]
            if due.rank == BEGIN:
                assert one.thing is not None, "it has asked for its core for it"
                self._begin(one, begun_fs(one.asked_fs, at_fs), one.thing)
            elif due.rank == END:
                one.is_busy = False
                _do(one.outputs, at_fs)
                if one.waiting:
                    self._turn_to(one, at_fs, one.waiting.popleft())
            else:
                self._comes(one, at_fs, due.what)

    def told(self, end_fs: int) -> Iterator[tuple[str, Agent, Counts]]:
        """Yield each agent with what it has done so far, and what it was busy by a time."""
        for name, one in self._by_name.items():
            beyond_fs = max(0, one.free_fs - end_fs)
            yield name, one.agent, replace(one.counts, busy_fs=one.counts.busy_fs - beyond_fs)

    def _comes(self, one: _One, at_fs: int, thing: Thing) -> None:
        turn = _Turn(self, one, at_fs)
        is_heeded = one.agent.heeds(turn, thing)
        _do(turn.outputs, at_fs)
        if not is_heeded:
            self._agenda.note(_text(one, thing))
        elif one.is_busy:
            one.waiting.append(thing)
            one.counts.most_waiting = max(one.counts.most_waiting, len(one.waiting))
        else:
            self._turn_to(one, at_fs, thing)

    def _turn_to(self, one: _One, at_fs: int, thing: Thing) -> None:
        """Let an agent turn to something: it begins now, or once it has the core that its work takes."""
        agent = one.agent
        if agent.core and agent.work_fs:
            one.is_busy, one.asked_fs, one.thing = True, at_fs, thing
            steps = JobStep(TAKE_CORE), JobStep(WORK, 1, agent.work_fs), JobStep(RELEASE)
            self._machine.enter(agent.server, agent.core, one.place, at_fs, (GIVEN, LEFT), steps)
            return
        self._begin(one, at_fs, thing)
        if agent.work_fs:
            one.is_busy = True
            self._agenda.add(one.free_fs, END, one.place, None)
        else:
            _do(one.outputs, at_fs)

    def _begin(self, one: _One, at_fs: int, thing: Thing) -> None:
        """Let an agent handle something now; what it does comes at the end of its work."""
        agent, counts = one.agent, one.counts
        self._agenda.note(_text(one, thing))
        counts.handled += 1
        counts.saw += isinstance(thing, Seen)
        counts.heard += isinstance(thing, Message)
        counts.timers += isinstance(thing, Timer)
        counts.frames_heard += isinstance(thing, Frame)
        turn = _Turn(self, one, at_fs)
        agent.handle(turn, thing)
        one.outputs, one.free_fs = turn.outputs, at_fs + agent.work_fs
        counts.busy_fs += agent.work_fs

    # What an agent does on its turn: at `at_fs`, the end of its work; it first changes anything at `next_fs`.

    def set(self, one: _One, setting: Setting, at_fs: int, next_fs: int) -> None:
        """Set keys: those of the agent's server alone at once, others as soon as they can know of it."""
        agent = one.agent
        if not agent.apart and not self._machine.concerns_only(agent.server, setting.changes):
            next_fs = max(next_fs, at_fs + self._machine.way_fs(agent.server))
        self._machine.set(next_fs, setting)
        insort(self.sets_fs, next_fs)
        one.counts.sets += 1
        self.actions.append(Action(next_fs, agent.name, setting.changes))

    def send(self, one: _One, to: str, message: str, at_fs: int, next_fs: int) -> None:
        """Send a message: to an agent at the same server at once, to others over the network."""
        agent, receiver = one.agent, self._by_name[to]
        one.counts.sent += 1
        if message not in agent.unlisted:
            self.actions.append(Action(at_fs, agent.name, {}, message, to))
        arrives_fs: int | None = at_fs
        if agent.apart or receiver.agent.apart or agent.server != receiver.agent.server:
            least_fs = at_fs if agent.apart else at_fs + self._machine.way_fs(agent.server)
            least_fs = max(least_fs, at_fs + receiver.agent.latency_fs)
            arrives_fs = self._network.arrives_fs(at_fs, least_fs, agent.name, to)
        if arrives_fs is None:
            one.counts.lost += 1
            return
        self._agenda.add(arrives_fs, MESSAGE, receiver.place, Message(message, agent.name))

    def send_frame(self, one: _One, frame: OwnFrame, message: str | bytes, at_fs: int, next_fs: int) -> None:
        """Give a frame to the driver of one of the server's functions, or to a port of the bridge."""
        self._machine.send_frame(frame, message, next_fs)
        one.counts.frames_sent += 1
        self.actions.append(Action(next_fs, one.agent.name, {}, message, frame=frame))

    def wake(self, one: _One, after_fs: int, name: Any, at_fs: int, next_fs: int) -> None:
        """Wind a timer up."""
        self._agenda.add(at_fs + after_fs, TIMER, one.place, Timer(name))

    def new_watch(self, one: _One) -> int:
        """Return the number of a watch that an agent has asked for."""
        self._watchers.append(one)
        return len(self._watchers) - 1

    def watch(self, one: _One, own: int, condition: Condition, each: int | None, at_fs: int, next_fs: int) -> None:
        """Begin a watch."""
        begins_fs = max(next_fs, condition.begins_fs)
        self._machine.watch(one.agent.server, self._first_watch + own, condition, each, begins_fs)

    def hear(self, one: _One, own: int, asked: HeardFrame, at_fs: int, next_fs: int) -> None:
        """Begin to listen."""
        self._machine.hear(one.agent.server, self._first_watch + own, asked, next_fs)

    def sampled(self, number: int, now_fs: int) -> tuple[Sequence[Sample], Counters]:
        """Return what a bridge's sampler has sampled."""
        return self._machine.sampled(number, now_fs)

    def read(self, one: _One, of: str, figure: str) -> int:
        """Return a figure of an agent's own server."""
        if one.agent.apart and not one.agent.reaches:
            raise InputError(f"agent {one.agent.name} is apart and sees no figures")
        return self._machine.read(None if one.agent.reaches else one.agent.server, of, figure)

    def check_receiver(self, one: _One, to: str) -> None:
        """Raise InputError where nobody has the name that a message is for."""
        if to not in self._by_name:
            raise InputError(f"agent {one.agent.name}: there is no agent {to}{suggest(to, self._by_name)}")


class _Turn:
    """A turn of an agent (`agent.Turn`). `outputs`: what it does, each to be called with the end of its work."""

    def __init__(self, live: LiveAgents, one: _One, now_fs: int) -> None:
        self._live, self._one, self.now_fs = live, one, now_fs
        self.outputs: list[Output] = []

    def read(self, of: str, figure: str) -> int:
        """Return a figure of the agent's own server."""
        return self._live.read(self._one, of, figure)

    def set(self, changes: Mapping[str, Any] | Setting) -> None:
        """Give keys other values."""
        name = self._one.agent.name
        if self._one.agent.apart and not self._one.agent.reaches:
            raise InputError(f"agent {name} is apart and changes nothing itself; it can send to one at a server")
        setting = changes if isinstance(changes, Setting) else Setting(name, (), dict(leaves(changes)))
        self.outputs.append(partial(self._live.set, self._one, setting))

    def send(self, to: str, message: str) -> None:
        """Send a message."""
        self._live.check_receiver(self._one, to)
        self.outputs.append(partial(self._live.send, self._one, to, message))

    def send_frame(self, frame: OwnFrame, message: str | bytes = "") -> None:
        """Send a frame."""
        agent = self._one.agent
        if frame not in agent.frames:
            raise InputError(f"agent {agent.name}: {frame} is none of its `frames`")
        self.outputs.append(partial(self._live.send_frame, self._one, frame, message))

    def sampled(self, number: int) -> tuple[Sequence[Sample], Counters]:
        """Return what a sampler of the agent's bridge has sampled."""
        return self._live.sampled(number, self.now_fs)

    def wake(self, after_fs: int, name: Any = None) -> None:
        """Have a timer run out later."""
        if after_fs < 0:
            raise InputError(f"agent {self._one.agent.name}: a timer of {after_fs} fs would run out before it is set")
        self.outputs.append(partial(self._live.wake, self._one, after_fs, name))

    def watch(self, condition: Condition | None = None, *, each: int | None = None, **keys: Any) -> int:
        """Watch a figure."""
        name = self._one.agent.name
        if self._one.agent.apart:
            raise InputError(f"agent {name} is apart and sees no figures")
        if condition is None:
            with _told_of(name):
                condition = condition_of(keys if each is None else {**keys, "above": each})
        own = self._live.new_watch(self._one)
        self.outputs.append(partial(self._live.watch, self._one, own, condition, each))
        return own

    def hear(self, frame: HeardFrame | None = None, **keys: Any) -> int:
        """Listen for frames."""
        name = self._one.agent.name
        if self._one.agent.apart:
            raise InputError(f"agent {name} is apart and hears no frames")
        if frame is None:
            with _told_of(name):
                frame = block_of(HeardFrame, keys)
        own = self._live.new_watch(self._one)
        self.outputs.append(partial(self._live.hear, self._one, own, frame))
        return own


@contextmanager
def _told_of(name: str) -> Iterator[None]:
    """Say in the lines of an error which agent has asked for what is wrong."""
    try:
        yield
    except InputError as error:
        raise InputError([f"agent {name}: {line}" for line in error.lines]) from None


def _do(outputs: Sequence[Output], at_fs: int, behind_fs: int = BEHIND_FS) -> None:
    """Do what an agent has decided, at the end of its work, which changes the machine first so long behind that."""
    for output in outputs:
        output(at_fs, at_fs + behind_fs)


def _text(one: _One, thing: Thing) -> str:
    """Say what comes to an agent, for a chain of such."""
    name = one.agent.name
    if isinstance(thing, Message):
        return f"{name} hears {thing.text} of {thing.sender}"
    if isinstance(thing, Frame):
        return f"{name} hears a frame to {thing.receiver}"
    return f"{name} sees something" if isinstance(thing, Seen) else f"a timer of {name} runs out"


def check_given(agents: Sequence[object], config: Config) -> None:
    """Raise InputError for what a caller gives as an agent and is none, or may send what cannot be sent."""
    strangers = [one for one in agents if not isinstance(one, Agent)]
    problems = [f"agents: {shown(one)} is no hwmodel.agents.Agent" for one in strangers]
    problems += _wrong_frames([one for one in agents if isinstance(one, Agent)], config)
    if problems:
        raise InputError(problems)


def _wrong(agents: Sequence[Agent], servers: Sequence[str]) -> list[str]:
    """Return what is wrong with agents' names and places."""
    names = [agent.name for agent in agents]
    found = [f"agents: two are called {name}" for name in sorted({one for one in names if names.count(one) > 1})]
    for agent in agents:
        if not agent.apart and agent.server not in servers:
            which = (
                f"there is no server {agent.server}{suggest(agent.server, servers)}"
                if agent.server
                else "it is at no server"
            )
            found.append(f"agent {agent.name}: {which}; there are {', '.join(servers[:8])}, or it is apart")
        if agent.work_fs < 0:
            found.append(f"agent {agent.name}: work_fs: {agent.work_fs} is below 0")
    return found


def _wrong_frames(agents: Sequence[Agent], config: Config) -> Iterator[str]:
    """Yield what is wrong with the frames that agents may send."""
    for agent in agents:
        if agent.apart and agent.frames:
            yield f"agent {agent.name}: frames: one that is apart sends none"
            continue
        for frame in agent.frames:
            yield from (f"agent {agent.name}: frames: {what}" for _, what in misfit_sent(frame, agent.server, config))
