"""What a scenario makes of a run: the machine that it begins with, and what changes when."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from hwmodel.functions.mailbox_events import PfDrivers
from hwmodel.results.series import EventResult, Series
from hwmodel.simulation.commands import Change
from hwmodel.units import FS_PER_NS
from hwmodel.words.events import did_text, event_text

if TYPE_CHECKING:
    from hwmodel.config import Config
    from hwmodel.results import Result


class Scene(NamedTuple):
    """Hold the configuration that a machine is built from, its changes in mid-run, and who answered its events."""

    first: Config
    changes: tuple[Change, ...]
    drivers: PfDrivers | None = None


def scene_of(config: Config) -> Scene:
    """Return what a configuration's scenario makes of a run; events of time 0 are in what it begins with.

    Events that change nothing are none.
    """
    if not config.scenario:
        return Scene(config, ())
    before = config.model_copy(update={"scenario": ()})
    first, changes = before, []
    drivers = PfDrivers(config)
    for step in config.steps(drivers):
        if step.at_fs == 0:
            first = step.config
        elif step.config != before:
            changes.append(Change(step.at_fs, step.config))
        before = step.config
    return Scene(first, tuple(changes), drivers)


def with_series(result: Result, config: Config, series: Series, drivers: PfDrivers | None = None) -> Result:
    """Put the configuration with its scenario into a result, and what VMs did over time, with what each event did.

    `drivers`: those that answered the events, where some asked for something.
    """
    in_order = sorted(range(len(config.scenario)), key=lambda at: config.scenario[at].at_fs)
    times_ns = sorted({event.at_fs / FS_PER_NS for event in config.scenario})
    end_ns = result.window.end_ns
    events = []
    for at in in_order:
        event = config.scenario[at]
        at_ns = event.at_fs / FS_PER_NS
        since_ns = max((each for each in times_ns if each < at_ns), default=0.0)
        until_ns = min((each for each in times_ns if each > at_ns), default=end_ns)
        did = "the run begins with it" if at_ns == 0 else did_text(series, since_ns, at_ns, min(until_ns, end_ns))
        if at_ns > end_ns:
            did = "the run ended before"
        asked = drivers.asked(at) if drivers is not None else ""
        if drivers is not None and asked:
            did = f"{drivers.answered(at)}; {did}"
        events.append(EventResult(at_ns=at_ns, event=asked or event_text(event.changes), did=did))
    told = replace(series, events=tuple(events))
    return replace(result, config=config.resolved(), config_hash=config.config_hash(), series=told)
