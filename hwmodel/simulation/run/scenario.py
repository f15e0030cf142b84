"""Turn a scenario into the machine that a run begins with, and timed changes of it; say what its events did.

The time of an event that waits for a condition is known once that has come true: the run stops there, the changes still
to come are made anew with it, and the run goes on. An event does not change what happens before it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from operator import attrgetter
from typing import Any

from hwmodel.agents import Agent
from hwmodel.agents.by_rules import agents_of
from hwmodel.agents.live import LiveAgents, check_given
from hwmodel.compiled.records import NEVER
from hwmodel.config import Config
from hwmodel.config.check_agents import settings_of
from hwmodel.config.check_condition import watched_by
from hwmodel.config.control_plane import Acting, acting
from hwmodel.config.in_operation import changed_keys
from hwmodel.config.life import Course, course_of
from hwmodel.config.live_configuration import Setting
from hwmodel.config.message_time import DriverWork
from hwmodel.config.model import LiveConfiguration, Step
from hwmodel.config.operable import concerns_only
from hwmodel.config.scenario import Condition, Event, in_order, of_each_kind
from hwmodel.config.scenario_steps import contradictions
from hwmodel.config.system import servers_of
from hwmodel.errors import InputError
from hwmodel.functions.mailbox_events import PfDrivers
from hwmodel.results import Result
from hwmodel.results.bond_text import outage_texts
from hwmodel.results.lives_text import lives_text
from hwmodel.results.series import EventResult, LifeResult, Series
from hwmodel.simulation.figures.event_effects import LEAST_INTERVALS, Span, did_text
from hwmodel.simulation.fill.flow_book import Server
from hwmodel.simulation.fill.watched_words import place_of, watch_values
from hwmodel.simulation.run.commands import NOTHING, Change, Watch
from hwmodel.simulation.run.hands import Hands
from hwmodel.simulation.run.machine import CameTrue, Machine
from hwmodel.simulation.run.offered import Offered
from hwmodel.units import FS_PER_NS
from hwmodel.words.events import (
    BEGINS_WITH_IT,
    EVENT_WORDS,
    SAME_INSTANT,
    SAME_VALUES,
    condition_text,
    cut_flood_text,
    figure_text,
    flood_over_text,
    uncontrolled_text,
    waited_text,
    waits_text,
)

TOLD_FLOOD = LEAST_INTERVALS + 1  # intervals of a flood, so that as many lie wholly within it
ONE_INSTANT_NS = 1e-3  # events nearer to each other are told together: one that waits for another comes 1 fs behind it


@dataclass(frozen=True)
class Scene:
    """Hold a machine's first configuration, its changes in mid-run, and when functions go off and come up.

    `drivers`: the PF drivers that answered requests among the events; None without a scenario. `unchanged`: indices of
    events that set values already in force. `acting`: when events take effect. `work`: the drivers' work beside frames.
    """

    first: Config
    changes: tuple[Change, ...] = ()
    course: Course = field(default_factory=Course)
    drivers: PfDrivers | None = None
    unchanged: frozenset[int] = frozenset()
    acting: Acting | None = None
    work: tuple[DriverWork, ...] = ()


def scene_of(config: Config) -> Scene:
    """Return the scene of a configuration's scenario; keys set at time 0 go into its first configuration.

    Events that change nothing yield no change. Raises InputError if a function is not in the state that an event needs.
    """
    if not config.scenario:
        return Scene(config)
    in_effect = acting(config)
    config = in_effect.config
    course, drivers = course_of(config), PfDrivers(config)
    first = config.model_copy(update={"scenario": ()})
    steps = config.steps(drivers)
    unchanged = frozenset(step.event for step in steps if not step.changed)
    made: dict[int, list[Step]] = {}
    for step in steps:
        made.setdefault(step.at_fs, []).append(step)
    first = made.pop(0)[-1].config if 0 in made else config.model_copy(update={"scenario": ()})
    all_work = (*course.work, *drivers.work())
    work: dict[int, list[DriverWork]] = {}
    for each in all_work:
        work.setdefault(each.at_fs, []).append(each)
    changes: list[Change] = []
    now = Change(0, first)
    for at_fs in sorted({*made, *course.times_fs(), *work}):
        then = Change(at_fs, now.config, course.off_at(at_fs), tuple(work.get(at_fs, ())), changed=NOTHING)
        if own := made.get(at_fs):
            is_one = len(own) == 1
            changed = own[0].changed if is_one else changed_keys(now.config, own[-1].config)
            then = then._replace(config=own[-1].config, changed=changed)
        if then.work or then.changed or then.off != now.off:
            changes.append(then)
            now = then
    return Scene(first, tuple(changes), course, drivers, unchanged, in_effect, all_work)


def with_series(result: Result, config: Config, series: Series, scene: Scene) -> Result:
    """Add to a result the configuration with its scenario, the VMs' time series, and the effect of each event."""
    teller = _Teller(scene.acting or Acting(config), series, scene, result)
    told = replace(series, events=tuple(teller.events()))
    resolved = config.resolved()
    return replace(result, config=resolved, config_hash=config.config_hash(resolved), series=told)


class _Teller:
    """Say of each event of a run what it did, in the order of time."""

    def __init__(self, acts: Acting, series: Series, scene: Scene, result: Result) -> None:
        config = self._config = acts.config
        self._series, self._scene, self._acting = series, scene, acts
        self._end_ns, self._bond = result.window.end_ns, result.bond
        self._end_fs = round(self._end_ns * FS_PER_NS)
        self._lives: dict[int, list[LifeResult]] = {}
        for life in series.lives:
            self._lives.setdefault(life.event, []).append(life)
        self._in_order = in_order(config.scenario)
        self._times_ns = list(map(self._at_ns, self._in_order))
        timed = {at: event.time_fs for at, event in enumerate(config.scenario) if event.time_fs is not None}
        changes_ns = {time_fs / FS_PER_NS for at, time_fs in timed.items() if at not in scene.unchanged}
        changes_ns |= {life.up_ns for life in series.lives if life.up_ns is not None}
        changes_ns |= {over_fs / FS_PER_NS for over_fs in scene.drivers.floods_over_fs()} if scene.drivers else set()
        floods_over_ns = map(self._over_ns, scene.course.floods)
        self._changes_ns = sorted(changes_ns | {over_ns for over_ns in floods_over_ns if over_ns is not None})

    def events(self) -> Iterator[EventResult]:
        """Yield the events with their effects; the joint effect of events at one instant is told at the first."""
        told_ns = -ONE_INSTANT_NS
        for place, at in enumerate(self._in_order):
            event = self._config.scenario[at]
            if at in self._acting.held and self._at_ns(at) > self._end_ns:
                yield self._never_done(at)
                continue
            if event.time_fs is None:
                words, waited = (
                    event_words(self._config, at, self._scene.drivers),
                    _waited_text(self._config, event, was_true=False),
                )
                yield EventResult(at_ns=None, event=words, did=f"{waited} by the end")
                continue
            at_ns = self._at_ns(at)
            told = "the run ended before"
            if at_ns == 0:
                told = "; ".join(filter(None, (self._own(place, at), self._begins(at))))
                told = told or self._rates(at_ns, has_own=False)
            elif at in self._scene.unchanged and event.is_set:
                told = SAME_VALUES
            elif at_ns <= self._end_ns:
                own = self._own(place, at)
                is_told = at_ns - told_ns < ONE_INSTANT_NS
                rates = SAME_INSTANT if is_told else self._rates(at_ns, has_own=bool(own))
                told = "; ".join(filter(None, (own, rates, self._behind_flood(place))))
                told_ns = at_ns if rates and not is_told else told_ns
            yield EventResult(at_ns=at_ns, event=event_words(self._config, at, self._scene.drivers), did=told)

    def _never_done(self, at: int) -> EventResult:
        """Return the result of an event that is never carried out, for want of a controlling host."""
        asked_fs = self._acting.held[at].asked_fs
        nobody = self._acting.without_fs(asked_fs)
        assert nobody is not None
        words = event_words(self._config, at, self._scene.drivers)
        return EventResult(at_ns=asked_fs / FS_PER_NS, event=words, did=waits_text(nobody[0] / FS_PER_NS))

    def _control(self, at: int) -> str:
        """Say how long an event waited to be carried out, or that it leaves a multi-root switch without control."""
        event, held = self._config.scenario[at], self._acting.held.get(at)
        if held is not None and held.until_fs is not None:
            return waited_text(held.asked_fs / FS_PER_NS, held.until_fs / FS_PER_NS)
        nobody = self._acting.without_fs(event.at_fs)
        if not event.is_of_host or nobody is None or nobody[0] != event.at_fs:
            return ""
        return uncontrolled_text(None if nobody[1] is None else nobody[1] / FS_PER_NS)

    def _at_ns(self, at: int) -> float:
        return self._config.scenario[at].at_fs / FS_PER_NS

    def _own(self, place: int, at: int) -> str:
        """Describe the effect on the functions or bond legs that an event concerns, or the PF driver's answer to it."""
        drivers = self._scene.drivers if self._config.scenario[at].row.asks else None
        told = [] if drivers is None else [drivers.answered(at, self._end_fs)]
        if self._bond is not None and self._config.scenario[at].is_set:
            told += outage_texts(self._bond, self._at_ns(at))
        lives = self._lives.get(place, [])
        later = [life for life in self._series.lives if life.event > place] if lives else []
        told += [self._flooded(place), self._control(at), lives_text(lives, later)]
        return "; ".join(filter(None, told))

    def _over_ns(self, place: int) -> float | None:
        """Return when a flood of doorbells is over: its last is written, or its function goes.

        None of what is none, or is too short for intervals to tell what it does.
        """
        flooding = self._scene.course.floods.get(place)
        least_fs = TOLD_FLOOD * self._series.interval_ns * FS_PER_NS
        if flooding is None or flooding.over_fs - flooding.at_fs <= least_fs:
            return None
        return flooding.over_fs / FS_PER_NS

    def _behind_flood(self, place: int) -> str:
        """Say what the end of a flood did, if its function did not go with it and the run went on."""
        over_ns = self._over_ns(place)
        if over_ns is None or over_ns >= self._end_ns:
            return ""
        flooding = self._scene.course.floods[place]
        if flooding.goes_fs <= flooding.over_fs:
            return ""  # that is an event of its own
        return flood_over_text(over_ns, self._rates(over_ns, has_own=False))

    def _flooded(self, place: int) -> str:
        """Say how many doorbells of a flood were written, if not all are."""
        one = self._scene.course.floods.get(place)
        if one is None or one.n_written(self._end_fs) == one.flood.n_doorbells:
            return ""
        return cut_flood_text(one.n_written(self._end_fs), one.flood.sender, has_gone=one.goes_fs <= self._end_fs)

    def _begins(self, at: int) -> str:
        """Say that the run begins with an event's effect, if so: at time 0, a message still takes its time."""
        answers = self._scene.drivers.answers(at) if self._scene.drivers is not None else []
        is_done = self._config.scenario[at].row.is_at_once and not any(one.is_refused for one in answers)
        return BEGINS_WITH_IT if is_done else ""

    def _rates(self, at_ns: float, *, has_own: bool) -> str:
        """Describe the joint effect of an instant's events on the rates of VMs that none of them switches off or on.

        If there is nothing to say of these, an event of which nothing else is told (`has_own`) has that on all VMs.
        """
        after_ns = at_ns + ONE_INSTANT_NS
        instant = range(*(bisect_left(self._times_ns, time_ns) for time_ns in (at_ns, after_ns)))
        about = {life.vm for place in instant for life in self._lives.get(place, [])}
        first, after = (bisect_left(self._changes_ns, time_ns) for time_ns in (at_ns, after_ns))
        since_ns = self._changes_ns[first - 1] if first else 0.0
        until_ns = self._changes_ns[after] if after < len(self._changes_ns) else self._end_ns
        span = Span(since_ns, at_ns, min(until_ns, self._end_ns))
        return did_text(self._series, span, about) or ("" if has_own else did_text(self._series, span))


_WORDS = of_each_kind("what it is called, hwmodel.words.events,", EVENT_WORDS, lambda row: not row.asks)


def event_words(config: Config, at: int, drivers: PfDrivers | None) -> str:
    """Describe an event, given by its index in the scenario, and the condition that it waited for."""
    event = config.scenario[at]
    words = drivers.asked(at) if drivers is not None and event.row.asks else _WORDS[event.kind](event)
    return (
        f"{words}, as {_waited_text(config, event, was_true=True)}"
        if event.when and event.time_fs is not None
        else words
    )


def _waited_text(config: Config, event: Event, *, was_true: bool) -> str:
    """Describe the condition that an event waited for."""
    assert event.when is not None
    when, from_ns = event.when, event.when.begins_fs / FS_PER_NS
    if when.figure is None:
        return condition_text(when.vm or "", when.kinds[0], when.target, from_ns, was_true=was_true)
    what = watched_by(when, config)
    return figure_text(what, when.amount, from_ns, was_true=was_true)


BEHIND_FS = 1  # delay of an event after its condition came true


class Play:
    """Carry out a scenario as a run goes on: what waits for a condition gets its time once that has come true.

    `config`: with the times that are known by now. `scene`: what follows from it. `workload`: what the run begins with.
    `changes`: all of the run that are planned, with those that begin watches. `messages`: what drivers of PFs serve, by
    time and function. `agents`: who reacts beside it, once it has begun. What they set is part of all that comes later:
    so with agents each change is made at its instant, from the configuration in force.
    """

    def __init__(self, config: Config, agents: Sequence[Agent] = ()) -> None:
        check_given(agents)
        self.config, self.scene = config, scene_of(config)
        self._agents: list[Agent] = [*agents_of(config), *agents]
        self.agents: LiveAgents | None = None
        to_come: list[Mapping[str, Any]] = [config.scenario[at].changes for at in _waiting(config)]
        to_come += [setting.changes for setting in settings_of(config)]
        to_come += [{"workload": {}} for agent in agents if agent.sets_load]
        self._offered = Offered(self.scene.first, self.scene.changes, to_come)
        self.workload = self._offered.first
        self.messages: dict[tuple[int, str], str] = {}
        self.changes = self._changes()
        self._settings: list[tuple[int, Setting]] = []
        self._in_force: dict[int, tuple[Config, Change]] = {}  # by the identity of what was made of the document

    @property
    def sets_fs(self) -> Sequence[int]:
        """Return when agents have set keys, in order."""
        return () if self.agents is None else self.agents.sets_fs

    @property
    def keeps_cores(self) -> bool:
        """Tell whether the work of any agent keeps a core from frames."""
        return any(agent.core for agent in self._agents)

    @property
    def reacts(self) -> bool:
        """Tell whether any agents live beside the run."""
        return bool(self._agents)

    def begin(self, machine: Machine) -> None:
        """Have what is seen come to the scenario, and let agents begin, at time 0."""
        machine.on_stop = partial(self.goes_on, machine)
        if not self._agents:
            return
        names = [server.name for server in servers_of(self.scene.first)]
        hands = Hands(machine, self.scene.first, self._set)
        first_watch = len(self.config.scenario)
        self.agents = LiveAgents(self._agents, self.scene.first, names, hands, first_watch)
        self._live = self._lives()
        machine.schedule.as_it_is = self._as_it_is
        self.agents.begin()
        machine.schedule.enter(0)
        machine.agents_due_fs = partial(self.agents.next_fs, NEVER)

    def _changes(self) -> tuple[Change, ...]:
        self.messages |= {(each.at_fs, each.function): each.message for each in self.scene.work if each.message}
        return self._offered.of(watched(self.scene, _waiting(self.config)))

    def _lives(self) -> LiveConfiguration:
        """Return the configuration in force, with all that agents have set so far; its drivers answer from now on."""
        config = self.config if self.scene.acting is None else self.scene.acting.config
        drivers = PfDrivers(config)
        live = config.live(drivers)
        for at_fs, setting in self._settings:
            live.to(at_fs)
            live.set(setting)
        self.scene = replace(self.scene, drivers=drivers if config.scenario else None)
        return live

    def _set(self, at_fs: int, setting: Setting, now: Change) -> Change:
        """Return the change that an agent makes."""
        self._live.to(at_fs)
        self._live.set(setting)
        self._settings.append((at_fs, setting))
        return self._forced(now.then(at_fs))

    def _as_it_is(self, now: Change, planned: Change) -> Change:
        """Return a planned change with what agents have set by then."""
        self._live.to(planned.at_fs)
        return self._forced(planned)

    def _forced(self, change: Change) -> Change:
        """Return a change to the configuration in force."""
        own = self._live.config
        if id(own) not in self._in_force:
            config = own.model_copy(update={"run": self.config.run, "scenario": ()})
            (made,) = self._offered.of((Change(change.at_fs, config),))
            self._in_force[id(own)] = own, made  # both are kept, so that neither's identity is ever another's
        _, made = self._in_force[id(own)]
        return change._replace(config=made.config, workload=made.workload, changed=None)

    def config_in_force(self, at_fs: int) -> Change | None:
        """Return what agents and events have made by an instant at which the run stands; None without agents."""
        if self.agents is None:
            return None
        self._live.to(at_fs)
        return self._forced(Change(at_fs, self.scene.first))

    def goes_on(self, machine: Machine) -> bool:
        """Let a machine go on from where something has come true or agents are due; tell whether the plan is another.

        Or whether an agent has set keys for the first time: a warm-up that ends at changes ends there.
        """
        are_others = False
        had_set = bool(self.sets_fs)
        while (true := machine.take_true()) is not None:
            if true.number < len(self.config.scenario):
                self._comes(machine, true)
                are_others = True
            else:
                assert self.agents is not None
                self.agents.see(true.at_fs, true.number)
        if self.agents is not None:
            self.agents.carry_out(machine.now_fs)
        return are_others or (not had_set and bool(self.sets_fs))

    def _comes(self, machine: Machine, true: CameTrue) -> None:
        """Have the event that has waited come next.

        It comes 1 fs later, or, if it concerns anything beside the server that is watched, once that can know of it.
        Raises InputError as `scene_of` does, if an event lacks what it needs at its time, and if two events that turn
        out to be of one instant contradict each other.
        """
        event = self.config.scenario[true.number]
        own = machine.servers[true.server]
        behind_fs = BEHIND_FS if _is_within(event, own) else max(BEHIND_FS, machine.way_fs(true.server))
        event = event.happens_at(true.at_fs + behind_fs)
        events = (*self.config.scenario[: true.number], event, *self.config.scenario[true.number + 1 :])
        self.config = self.config.model_copy(update={"scenario": events})
        if problems := [f"scenario.{at}.set.{key}: {line}" for at, key, line in contradictions(self.config.scenario)]:
            raise InputError(problems)
        self.scene = scene_of(self.config)
        self.changes = self._changes()
        if self.agents is not None:
            self._live = self._lives()
        machine.schedule.replace([change for change in self.changes if change.at_fs > true.at_fs])


def _is_within(event: Event, server: Server) -> bool:
    """Tell whether an event concerns nothing beside a server at once, neither another nor the bridges."""
    if event.is_set:
        return concerns_only(server.name, event.changes)
    return event.server == server.name and event.is_of_one_adapter


def watched(scene: Scene, conditions: Mapping[int, Condition]) -> tuple[Change, ...]:
    """Return the changes of a scene together with changes that begin watches, which come first within an instant.

    `conditions`: by the numbers of their watches.
    """
    begin: dict[int, list[Watch]] = {}
    for number, when in conditions.items():
        begin.setdefault(when.begins_fs, []).append(watch_of(scene.first, when, number))
    found = list(scene.changes)
    for at_fs, watches in begin.items():
        earlier = (each for each in scene.changes if each.at_fs < at_fs)
        before = max(earlier, key=attrgetter("at_fs"), default=Change(0, scene.first))
        found.append(Change(at_fs, before.config, before.off, watches=tuple(watches), changed=NOTHING))
    return tuple(sorted(found, key=lambda change: (change.at_fs, not change.watches)))


def watch_of(config: Config, when: Condition, number: int) -> Watch:
    """Return the watch that looks for a condition."""
    servers, what = servers_of(config), watched_by(when, config)
    place = place_of(servers, what.of)
    return Watch(place.at, watch_values(servers, place, what, number), number)


def _waiting(config: Config) -> dict[int, Condition]:
    return {
        at: event.when for at, event in enumerate(config.scenario) if event.when is not None and event.time_fs is None
    }
