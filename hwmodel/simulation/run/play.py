"""Carry out a scenario and agents as a run goes on.

Events that set keys at known times, or ask a PF's driver for what takes no time, are planned. With any other, or with
agents, all is worked out at its instant, from the configuration in force and from what functions, drivers and the
control plane are doing then: nobody looks ahead.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from operator import attrgetter
from typing import Any, Protocol

from hwmodel.agents import Agent
from hwmodel.agents.agenda import BEHIND_FS
from hwmodel.agents.control import controllers_of
from hwmodel.agents.control_plane import ControlPlane
from hwmodel.agents.drivers import Drivers, Exchange, Kept
from hwmodel.agents.edge_end import Association
from hwmodel.agents.live import LiveAgents, check_given
from hwmodel.agents.of_config import agents_of
from hwmodel.compiled.records import NEVER
from hwmodel.config import Config
from hwmodel.config.check_agents import settings_of
from hwmodel.config.check_lacp import OUTSIDE_PLACE, ends_outside
from hwmodel.config.life import Course, Parts, Start, n_rings_of, pf_beside
from hwmodel.config.live_configuration import Setting
from hwmodel.config.message_time import LINK_LOOKS, RESET, RegisterTimes
from hwmodel.config.model import Changed
from hwmodel.config.operable import concerns_only
from hwmodel.config.scenario import NOT_KNOWN_FS, Event, in_order
from hwmodel.config.scenario_steps import contradictions
from hwmodel.config.system import bridges_of, servers_of
from hwmodel.config.vms import vms_of
from hwmodel.errors import InputError
from hwmodel.functions.mailbox_events import PfDrivers, Served, message_of
from hwmodel.functions.vf_driver import Asked
from hwmodel.rules.driver_jobs import AGENTS_FROM, ENDS, JOBS_FROM, JobStep
from hwmodel.simulation.fill.flow_book import Server
from hwmodel.simulation.run.commands import NOTHING, Change, Job, Make, Watch
from hwmodel.simulation.run.hands import Hands
from hwmodel.simulation.run.machine import BRIDGES, CameTrue, Machine
from hwmodel.simulation.run.offered import Offered
from hwmodel.simulation.run.scenario import Scene, scene_of, waiting_for, watch_of
from hwmodel.workload.traffic import Workload


class Play(Protocol):
    """What happens in a run beside frames.

    `config`: with the times of events that are known by now. `scene`: what the run begins with, and what becomes of
    functions. `associations`: what agents note of VMs. `workload`: the load at first. `planned`: changes that a machine
    is made with. `changes`: all that are known so far, for whoever asks when the machine is another. `looks_fs`: when
    functions go or come up, as far as is known. `reacts`: more changes may come. `is_watched`: conditions are looked
    for. `agents`: who reacts beside it; `sets_fs`: when these set keys. `keeps_cores`: agents work on cores that handle
    frames, or send some. `plane`: what those know together who control VMs, if anybody does.
    """

    config: Config
    scene: Scene
    workload: Workload
    planned: tuple[Change, ...]
    reacts: bool
    is_watched: bool
    keeps_cores: bool
    plane: ControlPlane | None
    associations: Sequence[Association]

    @property
    def agents(self) -> LiveAgents | None:
        """Return who reacts beside the run, once it has begun."""

    @property
    def changes(self) -> Sequence[Change]:
        """Return all changes that are known so far, in the order of time."""

    @property
    def looks_fs(self) -> list[int]:
        """Return when functions go or come up, in order."""

    @property
    def sets_fs(self) -> Sequence[int]:
        """Return when agents have set keys, in order."""

    @property
    def messages(self) -> Sequence[Kept]:
        """Return what drivers of PFs have done for messages; it becomes more as the run goes on."""

    def begin(self, machine: Machine) -> None:
        """Have what is seen, told and due come here; let agents begin."""

    def config_in_force(self, at_fs: int) -> Change | None:
        """Return what has been made of the configuration by an instant at which the run stands; None: it is planned."""


def play_of(config: Config, agents: Sequence[Agent] = ()) -> Play:
    """Return how a configuration's scenario and its agents, or further ones, are carried out."""
    check_given(agents, config)
    own, notes = agents_of(config)
    plane, controllers = controllers_of(config, notes)
    if own or controllers or agents or any(_is_live(config, event) for event in config.scenario):
        return LivePlay(config, [*own, *controllers, *agents], notes, plane)
    return PlannedPlay(config)


def _is_live(config: Config, event: Event) -> bool:
    """Tell whether what an event does is known in a run alone."""
    return event.when is not None or not event.row.is_at_once or (event.pf is not None and _watches(config, event))


def _watches(config: Config, event: Event) -> bool:
    """Tell whether the driver of the VF that an event is about looks after its mailbox."""
    vm = None if event.function is None else vms_of(servers_of(config))[event.function]
    return vm is not None and vm.server.config.driver_of(vm.port.name).watchdog


class PlannedPlay:
    """Carry out events whose times and effects are known (`Play`)."""

    reacts = is_watched = keeps_cores = False
    agents: LiveAgents | None = None
    plane: ControlPlane | None = None
    sets_fs: Sequence[int] = ()
    associations: Sequence[Association] = ()

    def __init__(self, config: Config) -> None:
        self.config, self.scene = config, scene_of(config)
        offered = Offered(self.scene.first, self.scene.changes)
        self.workload, self.planned = offered.first, offered.of(self.scene.changes)
        self.changes: Sequence[Change] = self.planned
        self.looks_fs: list[int] = []
        self.messages: Sequence[Kept] = ()

    def begin(self, machine: Machine) -> None:
        """Do nothing: the machine has been made with all changes."""

    def config_in_force(self, at_fs: int) -> Change | None:
        """Return that changes say it."""
        return None


class LivePlay:
    """Carry out each event at its instant, and what follows from it (`Play`)."""

    reacts = True

    def __init__(
        self, config: Config, agents: Sequence[Agent], notes: Sequence[Association], plane: ControlPlane | None = None
    ) -> None:
        self.config, self._all_agents, self.associations, self.plane = config, agents, notes, plane
        self.agents: LiveAgents | None = None
        self.keeps_cores = any(agent.core or agent.frames for agent in agents)
        planned = scene_of(config)
        self._vms = vms_of(servers_of(config))
        self._drivers = PfDrivers(config)
        self._live = config.live(self._drivers)
        again = self._again
        self._beside = Drivers(self, is_up=self._is_up, answered=self._answered, lost=self._lost, again=again)
        self._course = self._beside.course = Course(config, self._beside)
        self._unchanged: set[int] = set()
        self._entered: list[Job] = []
        self._to_add: list[tuple[int, Make]] | None = []  # until there is a machine
        self._changes: list[Change] = []
        self._is_news = False
        self._resets_fs: set[int] = set()  # by drivers of their own accord
        self._in_force: dict[int, tuple[Config, Change]] = {}  # by the identity of what was made of the document
        at_first = [at for at in in_order(config.scenario) if config.scenario[at].time_fs == 0]
        for at in at_first:
            if config.scenario[at].row.is_at_once:
                self._follow(at, 0)
        first = self._without_scenario()
        given = [*dict.fromkeys(frame for agent in agents for frame in agent.frames)]
        self._offered = Offered(first, planned.changes, [*self._to_come(agents)], given)
        self.workload = self._offered.first
        self.scene = Scene(first, planned.changes, self._drivers, self._unchanged, self._course)
        now = Change(0, first)
        for at in at_first:
            now = self._carry_out(at, 0, now, is_followed=config.scenario[at].row.is_at_once)
        conditions = waiting_for(config)
        self.is_watched = bool(conditions)
        watches = {at: watch_of(first, when, at) for at, when in conditions.items()}
        begins_fs = {at: when.begins_fs for at, when in conditions.items()}
        of_first = tuple(watch for at, watch in watches.items() if begins_fs[at] == 0)
        begins = now._replace(watches=of_first)
        self.planned: tuple[Change, ...] = () if begins == Change(0, first) else (begins,)
        for at, watch in watches.items():
            if begins_fs[at]:
                self._add(begins_fs[at], partial(_begin_watch, begins_fs[at], watch))
        for at in in_order(config.scenario):
            event = config.scenario[at]
            if 0 < event.at_fs < NOT_KNOWN_FS:
                self._add(event.at_fs, partial(self._carry_out, at, event.at_fs))
        instants = {event.at_fs for event in config.scenario if not event.row.is_at_once}
        instants |= {change.at_fs for change in planned.changes}
        instants |= {event.at_fs + event.flood.length_fs for event in config.scenario if event.flood is not None}
        for at_fs in instants:
            if at_fs < NOT_KNOWN_FS:
                self._note(at_fs)

    def _to_come(self, agents: Sequence[Agent]) -> Iterator[Mapping[str, Any]]:
        """Yield keys that may be set."""
        yield from (event.changes for event in self.config.scenario)
        yield from (setting.changes for setting in settings_of(self.config))
        yield from ({"workload": {}} for agent in agents if agent.sets_load)

    @property
    def changes(self) -> Sequence[Change]:
        """Return all changes that are known so far."""
        return self._changes

    @property
    def sets_fs(self) -> Sequence[int]:
        """Return when agents have set keys, in order."""
        return () if self.agents is None else self.agents.sets_fs

    @property
    def messages(self) -> Sequence[Kept]:
        """Return what drivers of PFs have done for messages."""
        return self._beside.kept

    @property
    def looks_fs(self) -> list[int]:
        """Return when functions go or come up: by events as soon as these are known, by drivers as they are done."""
        moves = {event.at_fs for event in self.config.scenario if event.row.moves or event.is_of_host}
        moves |= {life.at_fs for life in self._course.lives} | self._resets_fs
        moves |= {life.up_fs + BEHIND_FS for life in self._course.lives if life.up_fs is not None}
        return sorted(at_fs for at_fs in moves if at_fs < NOT_KNOWN_FS)

    def begin(self, machine: Machine) -> None:
        """Have what is seen, told and due come here; let agents begin."""
        self._machine = machine
        machine.on_stop = self._goes_on
        to_add, self._to_add = self._to_add or [], None
        for at_fs, make in to_add:
            machine.schedule.add(at_fs, make)
        machine.schedule.enter(0)
        if not self._all_agents:
            return
        hands = self._hands = Hands(machine, self.scene.first, self._set, self._offered.given, self.workload)
        first = self.scene.first
        names = [*(server.name for server in servers_of(first)), *(bridge.name for bridge in bridges_of(first))]
        names += [OUTSIDE_PLACE] * bool(ends_outside(first))
        self.agents = LiveAgents(self._all_agents, first, names, hands, len(self.config.scenario))
        self.agents.begin()
        machine.schedule.enter(0)
        machine.agents_due_fs = partial(self.agents.next_fs, NEVER)

    def config_in_force(self, at_fs: int) -> Change | None:
        """Return what agents and events have made of the configuration, with what happens at this instant."""
        self._machine.schedule.enter(at_fs)
        return self._forced(Change(at_fs, self.scene.first))

    # ---- What changes, and when ----

    def _add(self, at_fs: int, make: Make) -> None:
        """Have a change made at an instant."""
        if self._to_add is None:
            self._machine.schedule.add(at_fs, make)
        else:
            self._to_add.append((at_fs, make))

    def _plan(self, at: int, at_fs: int) -> None:
        """Have an event carried out at an instant."""
        self._add(at_fs, partial(self._carry_out, at, at_fs))
        self._note(at_fs)

    def _note(self, at_fs: int, *, is_news: bool = True) -> None:
        """Note that the machine is another from an instant on."""
        insort(self._changes, Change(at_fs, self.scene.first), key=attrgetter("at_fs"))
        self._is_news |= is_news

    def _without_scenario(self) -> Config:
        return self._live.config.model_copy(update={"run": self.config.run, "scenario": ()})

    def _forced(self, change: Change) -> Change:
        """Return a change to the configuration in force."""
        own = self._live.config
        if id(own) not in self._in_force:
            (made,) = self._offered.of((Change(change.at_fs, self._without_scenario()),))
            self._in_force[id(own)] = own, made  # both are kept, so that neither's identity is ever another's
        _, made = self._in_force[id(own)]
        return change._replace(config=made.config, workload=made.workload, changed=None)

    def _set(self, at_fs: int, setting: Setting, now: Change) -> Change:
        """Return the change that an agent makes."""
        self._live.set(setting)
        return self._forced(now.then(at_fs))

    # ---- Events ----

    def _carry_out(self, at: int, at_fs: int, now: Change, *, is_followed: bool = False) -> Change:
        """Carry out an event at its instant; `is_followed`: but for its keys, which the machine is made with."""
        event = self.config.scenario[at]
        now = now.then(at_fs)
        if self._course.happens(at, event, at_fs):
            return now
        if event.time_fs != at_fs:
            self._is_at(at, at_fs)
        if event.row.is_at_once and not is_followed:
            changed = self._follow(at, at_fs)
            now = self._forced(now)._replace(changed=changed)
        elif event.mailbox is not None:
            self._send(at, at_fs, 0)
        elif event.flood is not None:
            flood = event.flood
            self._beside.flood(flood.sender, flood.n_doorbells, flood.every_fs, at_fs)
        if event.pf is not None and _watches(self.config, event):
            self._tell_to_reset(at, at_fs)
        return now._replace(off=frozenset(self._course.off), jobs=self._jobs())

    def _is_at(self, at: int, at_fs: int) -> None:
        """Note the time of an event that had to wait."""
        events = [*self.config.scenario]
        events[at] = events[at].happens_at(at_fs)
        self.config = self.config.model_copy(update={"scenario": tuple(events)})
        if problems := [f"scenario.{at}.set.{key}: {line}" for at, key, line in contradictions(events)]:
            raise InputError(problems)

    def _follow(self, at: int, at_fs: int, granted: Mapping[str, Any] | None = None) -> Changed:
        """Have what an event sets, or a driver grants, in force; return the keys that have other values by that."""
        n_steps = len(self._live.steps)
        self._live.carry_out(at_fs, at, granted)
        changed = NOTHING if len(self._live.steps) == n_steps else self._live.steps[-1].changed
        if self.config.scenario[at].is_set and not changed:
            self._unchanged.add(at)
        return changed

    def _again(self, at_fs: int, at: int, place: int) -> None:
        """Have an event carried out that had to wait for the control plane."""
        self._plan(at, max(at_fs, self._least_fs) + place)

    @property
    def _least_fs(self) -> int:
        """Return the first instant at which anything can change yet."""
        return 0 if self._to_add is not None else self._machine.now_fs + BEHIND_FS

    # ---- Drivers ----

    def enter(
        self, function: str, number: int, from_fs: int, told: Sequence[int], raises: str, steps: Sequence[JobStep]
    ) -> None:
        """Have a function's driver do something (`agents.drivers.Adapter`)."""
        self._entered.append(Job.telling(function, number, from_fs, told, raises, steps))

    def entry_fs(self, function: str) -> int:
        """Return how long a function's core takes to enter the handler of an interrupt."""
        vm = self._vms[function]
        return RegisterTimes.of(vm.server.config, vm.port.name).entry_fs

    def n_rings(self, function: str) -> int:
        """Return how many rings a function has."""
        return n_rings_of(self._vms[function].server.config)

    def link_looks(self, function: str) -> int:
        """Return how often a VF's driver reads the state of its link again, to be sure."""
        return LINK_LOOKS if self._vms[function].server.config.nic.preset in (None, "82599") else 0

    def is_heard(self, vf: str) -> bool:
        """Tell whether a PF's driver serves a VF, or wants it to reset first."""
        self._live.follow()
        return self._drivers.is_heard(vf)

    def asks_again(self, vf: str) -> Sequence[Asked]:
        """Return what a VF's driver asks for as it has reset its VF."""
        self._live.follow()
        return self._drivers.asks_again(vf)

    def resets(self, vf: str, event: int, at_fs: int) -> None:
        """Have a VF's driver reset it, as an event has led to."""
        next_fs = at_fs + BEHIND_FS
        self._resets_fs.add(next_fs)
        self._add(next_fs, partial(self._reset, vf, event, next_fs))
        self._note(next_fs)

    def _reset(self, vf: str, event: int, at_fs: int, now: Change) -> Change:
        self._course.resets_itself(vf, event, at_fs)
        return now.then(at_fs, jobs=self._jobs())._replace(off=frozenset(self._course.off))

    def _tell_to_reset(self, at: int, at_fs: int) -> None:
        """Have a PF's driver tell a VF to reset, if what an administrator has asked for comes to that."""
        vf = self.config.scenario[at].function
        answers = self._drivers.answers(at)
        assert vf is not None
        pf = pf_beside(self._vms[vf])
        if answers and answers[-1].reply is not None and self._course.is_there(pf):
            self._beside.tell_to_reset(vf, pf, at, at_fs)

    def _jobs(self) -> tuple[Job, ...]:
        jobs, self._entered = tuple(self._entered), []
        return jobs

    def _send(self, at: int, at_fs: int, number: int) -> None:
        """Have a VF's driver send a message of an event, and the next one as it is time."""
        asked = self.config.scenario[at].mailbox
        assert asked is not None
        if not self._course.is_there(asked.sender):
            self._drivers.lose(at, asked.n_times - number)
            return
        self._beside.ask(asked.sender, pf_beside(self._vms[asked.sender]), message_of(asked), at, at_fs)
        if number + 1 < asked.n_times:
            next_fs = at_fs + (asked.every_fs or 0)
            self._add(next_fs, partial(self._send_next, at, next_fs, number + 1))

    def _send_next(self, at: int, at_fs: int, number: int, now: Change) -> Change:
        self._send(at, at_fs, number)
        return now.then(at_fs, jobs=self._jobs())

    def _lost(self, event: int) -> None:
        self._drivers.lose(event, 1)

    def _answered(self, exchange: Exchange, kept: Kept) -> None:
        """Have what a PF's driver grants in force as soon as those can know of it whom it concerns."""
        at_fs = kept.to_fs
        assert at_fs is not None
        vm = self._vms[exchange.pf]
        for each_fs in (kept.from_fs, at_fs):
            self._note(each_fs, is_news=False)
        event = exchange.event
        self._live.follow()
        if event is not None:
            keys = self._drivers.changes(event, self._live.config)
            self._drivers.serve(event, Served(kept.from_fs, at_fs))
        else:
            event = exchange.led_to
            keys = {} if exchange.words is None else self._drivers.ask(exchange.vf, exchange.words)
            if exchange.message is RESET:
                self._drivers.hear(exchange.vf)
        if keys:
            alone = concerns_only(vm.server.name, keys)
            next_fs = at_fs + max(BEHIND_FS, 0 if alone else self._machine.way_fs(vm.at))
            self._add(next_fs, partial(self._grant, event, next_fs, keys))
            self._note(next_fs)

    def _grant(self, event: int, at_fs: int, keys: Mapping[str, Any], now: Change) -> Change:
        changed = self._follow(event, at_fs, keys)
        return self._forced(now.then(at_fs))._replace(changed=changed)

    def _is_up(self, start: Start, parts: Parts, at_fs: int) -> None:
        """Have a function up whose driver has started it."""
        if self._course.is_up(start.life, parts, at_fs):
            next_fs = at_fs + BEHIND_FS
            self._add(next_fs, lambda now: now.then(next_fs)._replace(off=frozenset(self._course.off)))
            self._note(next_fs)

    # ---- As the run stands ----

    def _goes_on(self) -> bool:
        """Go on from where something has come true, or is told or due; tell whether more changes are known than before.

        Or whether an agent has set keys for the first time: a warm-up that ends at changes ends there.
        """
        machine = self._machine
        had_set = bool(self.sets_fs)
        while (true := machine.take_true()) is not None:
            if true.server == BRIDGES:
                assert self.agents is not None
                for number, frame in self._hands.kept_by_bridges(true):
                    self.agents.see(true.at_fs, number, frame)
            elif true.number >= JOBS_FROM:
                self._told_of_job(*divmod(true.number - JOBS_FROM, ENDS), true.at_fs)
            elif true.number < len(self.config.scenario):
                self._comes(machine, true)
            else:
                assert self.agents is not None
                self.agents.see(true.at_fs, true.number, self._hands.frame_of(true))
        if self.agents is not None:
            self.agents.carry_out(machine.now_fs)
        is_news, self._is_news = self._is_news, False
        return is_news or (not had_set and bool(self.sets_fs))

    def _told_of_job(self, number: int, which: int, at_fs: int) -> None:
        """Go on with what an end of a job leads to."""
        if number >= AGENTS_FROM:
            assert self.agents is not None
            self.agents.told_of(number - AGENTS_FROM, which, at_fs)
            return
        self._beside.told(number, which, at_fs)
        if jobs := self._jobs():
            next_fs = at_fs + BEHIND_FS
            self._add(next_fs, partial(_enter_jobs, next_fs, jobs))

    def _comes(self, machine: Machine, true: CameTrue) -> None:
        """Have the event that has waited for a condition come next.

        It comes 1 fs later, or, if it concerns anything beside the server that is watched, once that can know of it.
        Raises InputError if two events that turn out to be of one instant contradict each other.
        """
        event = self.config.scenario[true.number]
        own = machine.servers[true.server]
        behind_fs = BEHIND_FS if _is_within(event, own) else max(BEHIND_FS, machine.way_fs(true.server))
        self._is_at(true.number, true.at_fs + behind_fs)
        self._plan(true.number, true.at_fs + behind_fs)
        if event.flood is not None:
            self._note(true.at_fs + behind_fs + event.flood.length_fs)


def _begin_watch(at_fs: int, watch: Watch, now: Change) -> Change:
    return now.then(at_fs, watches=(watch,))


def _enter_jobs(at_fs: int, jobs: tuple[Job, ...], now: Change) -> Change:
    return now.then(at_fs, jobs=jobs)


def _is_within(event: Event, server: Server) -> bool:
    """Tell whether an event concerns nothing beside a server at once, neither another nor the bridges."""
    if event.is_set:
        return concerns_only(server.name, event.changes)
    return event.server_by(server.config.place_of) == server.name and event.is_of_one_adapter
