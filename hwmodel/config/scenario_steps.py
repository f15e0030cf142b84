"""Make the configurations that a scenario goes through, one event after the other; say what is wrong with an event."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from hwmodel.errors import InputError
from hwmodel.processes.collector import collector_rests
from hwmodel.rules.mailbox_messages import TABLES
from hwmodel.units import FS_PER_NS, format_time_fs

from .build import Examined
from .build_changed import examine_changed
from .check_agents import settings_of, wrong_agents, wrong_settings
from .check_condition import misfits
from .check_device_limits import misfits_of_device
from .condition import malformed
from .document import Document, KeyPath, Problem, raise_problems, read_document
from .life import course_of
from .live_configuration import LiveConfiguration, apply_set, fixed_by, is_within, overlap, path_in, without_scenario
from .model import Config, Drivers, Step
from .scenario import EVENT_KINDS, NOT_KNOWN_FS, Event, Named, in_order
from .system import servers_of
from .vms import vms_of


def spread_scenario_file(document: Document, directory: str) -> None:
    """Put the events of a file in the place of its name in a document; relative names start at `directory`.

    Raises InputError where the file cannot be read or is no list of events.
    """
    name = document.data.get("scenario") if isinstance(document.data, dict) else None
    if not isinstance(name, str):
        return
    path: KeyPath = ("scenario",)
    place = document.place_of(path)
    try:
        events = read_document(Path(directory) / name, may_be_shipped=False)
    except InputError as error:
        raise InputError([f"{place}: scenario: {line}" for line in error.lines]) from None
    raise_problems(events.problems)
    if not isinstance(events.data, list):
        raise_problems([events.problem((), "a scenario is a list, like [{at: 2ms, set: {...}}]")])
    document.forget(path, name)
    document.data["scenario"] = events.data
    document.take_places(path, events.data, events)


def steps_of(
    document: Document, examined: Examined, directory: str, config: Config, drivers: Drivers | None = None
) -> tuple[Step, ...]:
    """Return what each event of a document's scenario makes of its configuration, in the order of time.

    `examined`: the outcome of examining the document; `config`: its configuration, perhaps with other times of events.
    Without `drivers`, a scenario with other events than `set` is only checked, and has no steps; with them, the steps
    are of the events that change something. An event whose time is not known yet makes no step. Raises InputError,
    a line for each problem: an event after the run's end, a key that may not change in operation, a value that the key
    may not have, two events of one instant that contradict each other, a malformed message, a condition on a VM that
    does not exist, and the like in the rules of agents.
    """
    if drivers is None and config.reacts:
        raise_problems(wrong_agents(document, config))
        at_first = LiveConfiguration(document, examined, directory, config, None)
        raise_problems(wrong_settings(at_first, [*settings_of(config)]))
    if not config.scenario:
        return ()
    if drivers is None:  # checked as written, before any waits for a multi-root switch's control plane
        raise_problems([*_without_kind(document, config), *_without_time(document, config)])
        raise_problems([*_too_late(document, config), *_contradictions(document, config), *_misfits(document, config)])
        raise_problems(list(_out_of_course(document, config)))
    if config.run.precision is not None:
        message = "a run with a scenario has no steady figures to be sure of; leave one of them out"
        raise_problems([document.problem(("run", "precision"), message)])
    if drivers is None:
        raise_problems(list(_wrong_at_any_time(document, examined, directory, config)))
        if not all(event.is_set for event in config.scenario):
            return ()
    live = LiveConfiguration(document, examined, directory, config, drivers)
    with collector_rests():
        live.to(NOT_KNOWN_FS)
    return tuple(live.steps)


def _out_of_course(document: Document, config: Config) -> Iterator[Problem]:
    """Yield a problem for each event whose function is not in the state that it needs, as far as times are known."""
    try:
        course_of(config)
    except InputError as error:
        for line in error.lines:
            key, _, message = line.partition(": ")
            path = tuple(int(step) if step.isdecimal() else step for step in key.split("."))
            yield document.problem(path, message)


def _wrong_at_any_time(document: Document, examined: Examined, directory: str, config: Config) -> Iterator[Problem]:
    """Yield problems with events that wait for a condition, which do not depend on what other events set before."""
    waiting = [(at, event) for at, event in enumerate(config.scenario) if event.when is not None and event.is_set]
    at_first = without_scenario(document) if waiting else document
    for at, event in waiting:
        now = at_first.copied()
        apply_set(now, document, at)
        after = examine_changed(now, directory, examined, event.changes, is_running=True)
        yield from after.problems
        if after.config is not None and not after.problems:
            of_event, derived = fixed_by(document, config, at, config, after.config)
            yield from (*of_event, *derived)


def _too_late(document: Document, config: Config) -> list[Problem]:
    """Return a problem for each event that a run may end before."""
    run = config.run
    is_auto = run.warmup == "auto"
    end_fs = run.duration_fs + (0 if run.warmup == "auto" else run.warmup)
    why = "run.duration; how long a warm-up takes that is auto is not known before" if is_auto else "warm-up and window"
    end = f"{end_fs // FS_PER_NS / 1e6:g}ms ({why})"
    return [
        document.problem(("scenario", at, *keys), f"{what} {end}")
        for at, event in enumerate(config.scenario)
        for keys, what in _later_than(event, end_fs)
    ]


def _later_than(event: Event, end_fs: int) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield the key by which an event lies after a run's end, with the words for it."""
    if event.when is not None:
        if event.when.begins_fs > end_fs:
            yield ("when", "from"), f"{format_time_fs(event.when.begins_fs)} is after the run's end,"
    elif event.at_fs > end_fs:
        yield ("at",), f"{format_time_fs(event.at_fs)} is after the run's end,"
    elif event.end_fs > end_fs:
        last = f"the last message, at {format_time_fs(event.end_fs)}, is after the run's end,"
        yield (event.kind, "times"), last


def _without_kind(document: Document, config: Config) -> Iterator[Problem]:
    """Give a problem for each event in which nothing happens, or two things do, or that has events of its own."""
    for at, event in enumerate(config.scenario):
        if not event.kinds:
            *kinds, last = EVENT_KINDS
            message = f"nothing happens; an event has {', '.join(kinds)} or {last}"
            yield document.problem(("scenario", at), message)
        for kind in event.kinds[1:]:
            message = f"this event has {event.kinds[0]} already; what else happens is one more event, at the same time"
            yield document.problem(("scenario", at, kind), message, key=True)
        if event.of is not None and event.enable_vfs is None:
            message = "it says whose VFs `enable_vfs` is about; leave it out"
            yield document.problem(("scenario", at, "of"), message, key=True)
        for key in event.changes:
            if is_within(key, "scenario"):
                message = "a scenario has all its events from the start; what else happens is one more of them"
                yield document.problem(path_in(document, ("scenario", at, "set"), key), message, key=True)


def _without_time(document: Document, config: Config) -> Iterator[Problem]:
    """Give a problem for each event that has neither a time nor a condition, or both, or a condition that is none."""
    for at, event in enumerate(config.scenario):
        data, path = document.data["scenario"][at], ("scenario", at)
        if event.when is None:
            if event.time_fs is None:
                message = "it does not say when it happens: an event has `at`, a time, or `when`, a condition"
                yield document.problem(path, message)
            continue
        if data.get("at") is not None:
            message = "this event has a time, `at`; it happens then, or `when` something is true, not both"
            yield document.problem((*path, "when"), message, key=True)
        for name, message, is_key in malformed(event.when):
            yield document.problem((*path, "when", *filter(None, (name,))), message, key=is_key)
        for kind in event.kinds[:1]:
            if event.row.times(event.value) is not None:
                message = "a message that waits for a condition is sent once"
                yield document.problem((*path, kind, "times"), message, key=True)


_WITHOUT_FUNCTIONS = {"vmdq": "pools of the PF's queues", "vswitch": "ports of the host's switch"}


def _misfits(document: Document, config: Config) -> Iterator[Problem]:
    """Yield a problem for each inconsistency in an event, and each VM, host or server that does not exist.

    That includes the VMs of conditions.
    """
    servers = {server.name: server.config for server in servers_of(config)}
    named = _named(config, servers)
    for at, event in enumerate(config.scenario):
        kind = event.kind
        own = None if event.is_set else servers.get(event.server_by(config.place_of))
        mode = None if own is None else own.nic.mode
        if mode in _WITHOUT_FUNCTIONS:
            message = (
                f"with nic.mode: {mode} VMs have {_WITHOUT_FUNCTIONS[mode]}, no functions that come, go or ask for "
                "something"
            )
            yield document.problem(("scenario", at, kind), message, key=True)
            continue
        for name, message in () if event.when is None else misfits(event.when, config):
            yield document.problem(("scenario", at, "when", name), message)
        for key, message in event.row.wrong(event.value, named):
            path = ("scenario", at, kind, *((key,) if key else ()))
            yield document.problem(path, message, key=event.row.asks and bool(key))
        preset = None if own is None else own.nic.preset
        if event.row.asks and preset not in (None, *TABLES):
            other = f"nic.preset: VFs of the {preset} speak another protocol to their PF"
            yield document.problem(("scenario", at, kind), f"{other}; the mailbox is that of {', '.join(TABLES)}")


def _named(config: Config, servers: Mapping[str, Config]) -> Named:
    """Return the names that a system's events may use; `servers`: its adapters' configurations."""
    vms = vms_of(servers_of(config))
    return Named(
        functions=list(vms),
        vfs=[name for name, vm in vms.items() if not vm.is_host],
        hosts=None if config.multi_root is None else [entry.name for entry in config.servers],
        adapters=list(filter(None, servers)),
        ports=[f"{server.prefix}{port}" for server in servers_of(config) for port in server.config.port.names if port],
        limits=lambda call: misfits_of_device(vms[call.vf or ""].server.config, call),
    )


def _contradictions(document: Document, config: Config) -> list[Problem]:
    """Return a problem for each key to which two events of one instant give different values."""
    return [
        document.problem(path_in(document, ("scenario", at, "set"), key), message, key=True)
        for at, key, message in contradictions(config.scenario)
    ]


def contradictions(events: Sequence[Event]) -> Iterator[tuple[int, str, str]]:
    """Yield each event's key to which another event of its instant, an earlier one, gives another value, and how.

    Or of which it sets a part, or the whole: which of the two holds is nothing that their order should say.
    """
    instants: dict[object, dict[str, tuple[int, object]]] = {}
    for at in in_order(events):
        event = events[at]
        said = instants.setdefault(event.when if event.time_fs is None else event.time_fs, {})
        for key, value in event.changes.items():
            for other, (first, _) in said.items():
                if other != key and first != at and overlap(key, other):
                    yield at, key, f"contradicts scenario.{first}, which at the same time sets {other}"
            first, others = said.setdefault(key, (at, value))
            if others != value:
                yield at, key, f"contradicts scenario.{first}, which at the same time sets it to {others}"
