"""Turn a scenario into what a run begins with, and into changes as far as they are known; say what its events did."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace

from hwmodel.config import Config
from hwmodel.config.check_condition import watched_by
from hwmodel.config.control_plane import Held
from hwmodel.config.in_operation import changed_keys
from hwmodel.config.life import Course, Flooding, Life
from hwmodel.config.model import Step
from hwmodel.config.scenario import Condition, Event, in_order, of_each_kind, places_of
from hwmodel.config.system import servers_of
from hwmodel.functions.mailbox_events import PfDrivers
from hwmodel.results import Result
from hwmodel.results.bond_text import outage_texts
from hwmodel.results.lives_text import lives_text
from hwmodel.results.series import EventResult, LifeResult, Series
from hwmodel.simulation.figures.event_effects import LEAST_INTERVALS, Span, did_text
from hwmodel.simulation.fill.watched_words import place_of, watch_values
from hwmodel.simulation.run.commands import Change, Watch
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
from hwmodel.words.quantities import time_text

TOLD_FLOOD = LEAST_INTERVALS + 1  # intervals of a flood, so that as many lie wholly within it
ONE_INSTANT_NS = 1e-3  # events nearer to each other are told together: one that waits for another comes 1 fs behind it


@dataclass(frozen=True)
class Scene:
    """Hold a machine's first configuration, its changes in mid-run as far as they are known, and what tells of events.

    `drivers`: the PF drivers that answer requests among the events; None without a scenario. `unchanged`: indices of
    events that set values already in force. `course`: what becomes of functions and of the control plane.
    """

    first: Config
    changes: tuple[Change, ...] = ()
    drivers: PfDrivers | None = None
    unchanged: Set[int] = frozenset()
    course: Course | None = None


def scene_of(config: Config) -> Scene:
    """Return the scene of a configuration's scenario; keys set at time 0 go into its first configuration.

    Messages count as answered at once, and nothing as waiting for a condition or a control plane: what comes of these
    is known in a run alone. Events that change nothing yield no change. Raises InputError for what cannot be.
    """
    if not config.scenario:
        return Scene(config)
    drivers = PfDrivers(config)
    steps = config.steps(drivers)
    unchanged = frozenset(step.event for step in steps if not step.changed)
    made: dict[int, list[Step]] = {}
    for step in steps:
        made.setdefault(step.at_fs, []).append(step)
    first = made.pop(0)[-1].config if 0 in made else config.model_copy(update={"scenario": ()})
    changes: list[Change] = []
    now = Change(0, first)
    for at_fs, own in made.items():
        changed = own[0].changed if len(own) == 1 else changed_keys(now.config, own[-1].config)
        if changed:
            now = Change(at_fs, own[-1].config, changed=changed)
            changes.append(now)
    return Scene(first, tuple(changes), drivers, unchanged)


def with_series(result: Result, config: Config, series: Series, scene: Scene) -> Result:
    """Add to a result the configuration with its scenario, the VMs' time series, and the effect of each event."""
    teller = _Teller(config, series, scene, result)
    told = replace(series, events=tuple(teller.events()))
    resolved = config.resolved()
    return replace(result, config=resolved, config_hash=config.config_hash(resolved), series=told)


def lives_in_order(config: Config, scene: Scene) -> tuple[Life, ...]:
    """Return the lives of functions, of events by their places in the order of time."""
    places = places_of(config.scenario)
    lives = () if scene.course is None else scene.course.lives
    return tuple(replace(life, event=places[life.event]) for life in lives)


class _Teller:
    """Say of each event of a run what it did, in the order of time."""

    def __init__(self, config: Config, series: Series, scene: Scene, result: Result) -> None:
        self._config, self._series, self._scene = config, series, scene
        self._control = None if scene.course is None else scene.course.control
        self._held: Mapping[int, Held] = {} if self._control is None else self._control.held
        self._floods: Mapping[int, Flooding] = {} if scene.course is None else scene.course.floods
        self._end_ns, self._bond = result.window.end_ns, result.bond
        self._end_fs = round(self._end_ns * FS_PER_NS)
        self._lives: dict[int, list[LifeResult]] = {}
        for life in series.lives:
            self._lives.setdefault(life.event, []).append(life)
        self._in_order = in_order(config.scenario)
        self._times_ns = list(map(self._at_ns, self._in_order))
        changes_ns = {
            event.at_fs / FS_PER_NS
            for at, event in enumerate(config.scenario)
            if event.time_fs is not None and at not in scene.unchanged and not self._is_held(at)
        }
        changes_ns |= {at_ns for life in series.lives for at_ns in (life.at_ns, life.up_ns) if at_ns is not None}
        changes_ns |= {over_fs / FS_PER_NS for over_fs in scene.drivers.floods_over_fs()} if scene.drivers else set()
        floods_over_ns = map(self._over_ns, self._floods)
        self._changes_ns = sorted(changes_ns | {over_ns for over_ns in floods_over_ns if over_ns is not None})

    def events(self) -> Iterator[EventResult]:
        """Yield the events with their effects; the joint effect of events at one instant is told at the first."""
        told_ns = -ONE_INSTANT_NS
        for place, at in enumerate(self._in_order):
            event = self._config.scenario[at]
            if self._is_held(at):
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
                told = "; ".join(filter(None, (own, rates, self._behind_flood(at))))
                told_ns = at_ns if rates and not is_told else told_ns
            yield EventResult(at_ns=at_ns, event=event_words(self._config, at, self._scene.drivers), did=told)

    def _is_held(self, at: int) -> bool:
        """Tell whether an event waits for the control plane to the end."""
        until_fs = self._held[at].until_fs if at in self._held else 0
        return until_fs is None or until_fs > self._end_fs

    def _never_done(self, at: int) -> EventResult:
        """Return the result of an event that is never carried out, for want of a controlling host."""
        asked_fs = self._held[at].asked_fs
        nobody = None if self._control is None else self._control.without_fs(asked_fs)
        assert nobody is not None
        words = event_words(self._config, at, self._scene.drivers)
        return EventResult(at_ns=asked_fs / FS_PER_NS, event=words, did=waits_text(nobody[0] / FS_PER_NS))

    def _controlled(self, at: int) -> str:
        """Say how long an event waited to be carried out, or that it leaves a multi-root switch without control."""
        event, held = self._config.scenario[at], self._held.get(at)
        if held is not None and held.until_fs is not None:
            return waited_text(held.asked_fs / FS_PER_NS, held.until_fs / FS_PER_NS)
        nobody = self._control.without_fs(event.at_fs) if self._control is not None and event.is_of_host else None
        if nobody is None or nobody[0] != event.at_fs:
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
        told += [self._flooded(at), self._controlled(at), *self._resets(at, lives), lives_text(lives, later)]
        return "; ".join(filter(None, told))

    def _resets(self, at: int, lives: Sequence[LifeResult]) -> Iterator[str]:
        """Say when drivers have reset their VFs as an event has led to."""
        for life in lives:
            behind_ns = life.at_ns - self._at_ns(at)
            if behind_ns > ONE_INSTANT_NS:
                yield f"{life.vm}'s driver resets it {time_text(behind_ns)} later"

    def _over_ns(self, at: int) -> float | None:
        """Return when a flood of doorbells is over: its last is written, or its function goes.

        None of what is none, or is too short for intervals to tell what it does.
        """
        flooding = self._floods.get(at)
        least_fs = TOLD_FLOOD * self._series.interval_ns * FS_PER_NS
        if flooding is None or flooding.over_fs - flooding.at_fs <= least_fs:
            return None
        return flooding.over_fs / FS_PER_NS

    def _behind_flood(self, at: int) -> str:
        """Say what the end of a flood did, if its function did not go with it and the run went on."""
        over_ns = self._over_ns(at)
        if over_ns is None or over_ns >= self._end_ns:
            return ""
        flooding = self._floods[at]
        if flooding.goes_fs <= flooding.over_fs:
            return ""  # that is an event of its own
        return flood_over_text(over_ns, self._rates(over_ns, has_own=False))

    def _flooded(self, at: int) -> str:
        """Say how many doorbells of a flood were written, if not all are."""
        one = self._floods.get(at)
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


def watch_of(config: Config, when: Condition, number: int) -> Watch:
    """Return the watch that looks for a condition."""
    servers, what = servers_of(config), watched_by(when, config)
    place = place_of(servers, what.of)
    return Watch(place.at, watch_values(servers, place, what, number), number)


def waiting_for(config: Config) -> dict[int, Condition]:
    """Return the conditions of events that wait for one, by their events."""
    return {
        at: event.when for at, event in enumerate(config.scenario) if event.when is not None and event.time_fs is None
    }
