"""What a scenario makes of a run: the machine that it begins with, and what changes when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from hwmodel.config.scenario import OF_FUNCTIONS, Event
from hwmodel.functions.life import Course, course_of
from hwmodel.functions.mailbox_events import PfDrivers
from hwmodel.results.series import EventResult, LifeResult, Series
from hwmodel.simulation.commands import Change
from hwmodel.units import FS_PER_NS
from hwmodel.words.events import condition_text, did_text, event_text, rates_text
from hwmodel.words.lives import life_event_text, lives_text

if TYPE_CHECKING:
    from hwmodel.config import Config
    from hwmodel.results import Result


@dataclass(frozen=True)
class Scene:
    """Hold the configuration that a machine is built from, its changes in mid-run, and what becomes of functions.

    `drivers`: who answered the events that ask for something; None without a scenario.
    """

    first: Config
    changes: tuple[Change, ...] = ()
    course: Course = field(default_factory=Course)
    drivers: PfDrivers | None = None


def scene_of(config: Config) -> Scene:
    """Return what a configuration's scenario makes of a run; keys set at time 0 are in what it begins with.

    Events that change nothing are none. Raises InputError for events about functions that are not as they need them.
    """
    if not config.scenario:
        return Scene(config)
    course, drivers = course_of(config), PfDrivers(config)
    first = config.model_copy(update={"scenario": ()})
    steps = list(config.steps(drivers))
    while steps and steps[0].at_fs == 0:
        first = steps.pop(0).config
    work: dict[int, list[tuple[str, int]]] = {}
    for at_fs, name, work_fs in (*course.work, *drivers.work()):
        work.setdefault(at_fs, []).append((name, work_fs))
    changes: list[Change] = []
    now = Change(0, first)
    for at_fs in sorted({step.at_fs for step in steps} | set(course.times_fs()) | set(work)):
        while steps and steps[0].at_fs <= at_fs:
            now = now._replace(config=steps.pop(0).config)
        then = Change(at_fs, now.config, course.off_at(at_fs), tuple(work.get(at_fs, ())))
        last = changes[-1] if changes else Change(0, first)
        if then.work or then.config != last.config or then.off != last.off:
            changes.append(then)
    return Scene(first, tuple(changes), course, drivers)


def with_series(result: Result, config: Config, series: Series, drivers: PfDrivers | None) -> Result:
    """Put the configuration with its scenario into a result, and what VMs did over time, with what each event did.

    `drivers`: those that answered the events, where some asked for something.
    """
    in_order = sorted(range(len(config.scenario)), key=lambda at: config.scenario[at].at_fs)
    times_ns = sorted({event.time_fs / FS_PER_NS for event in config.scenario if event.time_fs is not None})
    end_ns = result.window.end_ns
    events = []
    for place, at in enumerate(in_order):
        event = config.scenario[at]
        asked = drivers.asked(at) if drivers is not None else ""
        what = asked or _event_text(event)
        if event.time_fs is None:
            events.append(EventResult(at_ns=None, event=what, did=f"{_waited_text(event, was_true=False)} by the end"))
            continue
        at_ns = event.time_fs / FS_PER_NS
        since_ns = max((each for each in times_ns if each < at_ns), default=0.0)
        until_ns = min((each for each in times_ns if each > at_ns), default=end_ns)
        lives = [life for life in series.lives if life.event == place]
        did = _did(series, lives, since_ns, at_ns, min(until_ns, end_ns))
        if at_ns > end_ns:
            did = "the run ended before"
        elif drivers is not None and asked:
            did = f"{drivers.answered(at)}; {did}"
        if event.when is not None:
            what = f"{what}, as {_waited_text(event, was_true=True)}"
        events.append(EventResult(at_ns=at_ns, event=what, did=did))
    told = replace(series, events=tuple(events))
    return replace(result, config=config.resolved(), config_hash=config.config_hash(), series=told)


def _event_text(event: Event) -> str:
    if event.kind in OF_FUNCTIONS:
        return life_event_text(event.kind, getattr(event, event.kind), event.of)
    return event_text(event.changes)


def _waited_text(event: Event, *, was_true: bool) -> str:
    """Write what an event waited for."""
    assert event.when is not None
    when = event.when
    return condition_text(when.vm, when.kind, when.target, when.begins_fs / FS_PER_NS, was_true=was_true)


def _did(series: Series, lives: Sequence[LifeResult], since_ns: float, at_ns: float, until_ns: float) -> str:
    """Say what an event did to the functions that it is about, and to the rates of all others until these are back."""
    if not lives:
        return "the run begins with it" if at_ns == 0 else did_text(series, since_ns, at_ns, until_ns)
    back_ns = min((life.up_ns for life in lives if life.up_ns is not None), default=until_ns)
    others = {name: vm for name, vm in series.vms.items() if name not in {life.vm for life in lives}}
    beside = rates_text(replace(series, vms=others), since_ns, at_ns, min(until_ns, back_ns))
    return "; ".join(part for part in (lives_text(lives), beside) if part)
