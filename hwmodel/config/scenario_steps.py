"""Make the configurations that a scenario goes through, one event after the other; say what is wrong with an event."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from hwmodel.errors import InputError
from hwmodel.rules.function_names import is_pf
from hwmodel.rules.mailbox_messages import TABLES
from hwmodel.units import FS_PER_NS, format_time_fs

from .build import Examined
from .build_changed import examine_changed
from .check_condition import misfits
from .check_device_limits import dotted, misfits_of_device
from .check_streams import Wrong, wrong_streams
from .condition import malformed
from .control_plane import acting
from .document import Document, KeyPath, Problem, raise_problems, read_document
from .in_operation import fixed_keys, why_fixed
from .life import course_of
from .model import Config, Drivers, Step
from .overrides import Change, apply_change, apply_changes
from .scenario import EVENT_KINDS, NOT_KNOWN_FS, Event, Named, in_order
from .system import servers_of


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
    document.take_places(path, events)


def steps_of(
    document: Document, examined: Examined, directory: str, config: Config, drivers: Drivers | None = None
) -> tuple[Step, ...]:
    """Return what each event of a document's scenario makes of its configuration, in the order of time.

    `examined`: the outcome of examining the document; `config`: its configuration, perhaps with other times of events.
    Without `drivers`, a scenario with other events than `set` is only checked, and has no steps; with them, the steps
    are of the events that change something. An event whose time is not known yet makes no step. Raises InputError,
    a line for each problem: an event after the run's end, a key that may not change in operation, a value that the key
    may not have, two events of one instant that contradict each other, a malformed message, a condition on a VM that
    does not exist.
    """
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
    return _walked(document, examined, directory, config, drivers)


def _out_of_course(document: Document, config: Config) -> Iterator[Problem]:
    """Yield a problem for each event whose function is not in the state that it needs, as far as times are known."""
    try:
        course_of(acting(config).config)
    except InputError as error:
        for line in error.lines:
            key, _, message = line.partition(": ")
            path = tuple(int(step) if step.isdecimal() else step for step in key.split("."))
            yield document.problem(path, message)


def _wrong_at_any_time(document: Document, examined: Examined, directory: str, config: Config) -> Iterator[Problem]:
    """Yield problems with events that wait for a condition, which do not depend on what other events set before."""
    at_first, events = _apart(document)
    for at, event in enumerate(config.scenario):
        if event.when is None or not event.is_set:
            continue
        now = at_first.copied()
        _apply_set(now, events[at], at)
        after = examine_changed(now, directory, examined, event.changes, is_running=True)
        yield from after.problems
        if after.config is not None and not after.problems:
            of_event, derived = _fixed(document, config, at, config, after.config)
            yield from (*of_event, *derived)


def _apart(document: Document) -> tuple[Document, dict[str | int, Document]]:
    """Return a copy of a document without its scenario, and for each event a document with its places."""
    rest, events = document.parted("scenario", range(len(document.data["scenario"])))
    now = rest.copied()
    del now.data["scenario"]
    return now, events


def _apply_set(now: Document, event: Document, at: int) -> None:
    """Change a document by what an event sets; `event`: the document with its places."""
    path: KeyPath = ("scenario", at, "set")
    apply_changes(now, event, path, event.data["scenario"][at]["set"] or {}, f"scenario.{at}.set.")


def _walked(
    document: Document, examined: Examined, directory: str, config: Config, drivers: Drivers | None
) -> tuple[Step, ...]:
    """Go through the events in the order of time, each from what the ones before it left."""
    now, events = _apart(document)
    after, steps = examined, list[Step]()
    problems: list[Problem] = []
    before = config
    for at_fs, at in _moments(config, drivers):
        event = config.scenario[at]
        keys: Mapping[str, Any] = event.changes
        if event.is_set or drivers is None:
            _apply_set(now, events[at], at)
        else:
            keys = drivers.changes(at, before)
            if not _carried_out(now, document, config, at, keys):
                continue
        after = examine_changed(now, directory, after, keys, is_running=at_fs > 0)
        if after.config is None or after.problems:  # all later steps would have the same problems
            raise_problems([*problems, *after.problems])
        assert after.config is not None
        of_event, derived = _fixed(document, config, at, before, after.config)
        if after.contradictions and not of_event:  # otherwise they follow from keys that may not change at all
            own = after.contradictions if event.is_set else map(_granted, after.contradictions)
            raise_problems([*problems, *(_from_event(one, at) for one in own)])
        problems += of_event or derived
        if after.config.workload != before.workload:  # of the stations that are in use at the start
            offered = config.model_copy(update={"workload": after.config.workload})
            problems += (_of_load(document, config, at, one) for one in wrong_streams(offered, servers_of(config)))
        steps.append(Step(at_fs, at, after.config))
        if drivers is not None and event.is_set and not (of_event or derived):
            drivers.follow(before, after.config)
        before = after.config
    raise_problems(problems)
    return tuple(steps)


def _moments(config: Config, drivers: Drivers | None) -> list[tuple[int, int]]:
    """Return when events take effect, with their places; those of one instant come in the order written."""
    return sorted(
        (at_fs, at)
        for at, event in enumerate(config.scenario)
        if (event.is_set or event.row.asks) and event.at_fs < NOT_KNOWN_FS
        for at_fs in ([event.at_fs] if event.is_set or drivers is None else drivers.moments_fs(at))
    )


def _from_event(problem: Problem, at: int) -> Problem:
    """Return a contradiction that names the event that causes it, unless its key does so already."""
    if problem.key.startswith("scenario."):
        return problem
    return replace(problem, message=f"{problem.message} (from scenario.{at} on)")


def _granted(problem: Problem) -> Problem:
    return replace(problem, message=f"{problem.message}; the PF's driver grants it, but the switch cannot have it")


def _carried_out(now: Document, document: Document, config: Config, at: int, changes: Mapping[str, Any]) -> bool:
    """Change a document as a driver does, with problems placed at the event; tell whether anything changes."""
    (kind,) = config.scenario[at].kinds
    place = document.place_of(("scenario", at, kind))
    for key, value in changes.items():
        apply_change(now, Change(key, value, place, place, f"scenario.{at}.{kind}: "))
    return bool(changes)


def _fixed(
    document: Document, config: Config, at: int, before: Config, after: Config
) -> tuple[list[Problem], list[Problem]]:
    """Return the problems with fixed keys: of those that the event sets, and of those that follow from what it sets."""
    event = config.scenario[at]
    time = f" ({format_time_fs(event.at_fs)})" if event.at_fs < NOT_KNOWN_FS else ""
    (kind,) = event.kinds
    here: KeyPath = ("scenario", at, kind)
    of_event, derived = [], []
    for key in fixed_keys(before, after):
        own = next((each for each in event.changes if _is_within(key, each) or _is_within(each, key)), None)
        fixed = f"fixed while the machine runs{time}{why_fixed(key)}"
        if own is None:
            derived.append(document.problem(here, f"it changes {key}, which is {fixed}"))
        else:
            of_event.append(document.problem(_path_in(document, at, own), fixed, key=True))
    return of_event, derived


def _of_load(document: Document, config: Config, at: int, one: Wrong) -> Problem:
    """Return what is wrong with the load that an event leaves, at the first of its keys to blame that it sets."""
    event = config.scenario[at]
    own = next((each for key in map(dotted, one.keys) for each in event.changes if _is_within(key, each)), None)
    path: KeyPath = ("scenario", at, *event.kinds) if own is None else _path_in(document, at, own)
    return document.problem(path, one.message)


def _is_within(key: str, block: str) -> bool:
    return f"{key}.".startswith(f"{block}.")


def _path_in(document: Document, at: int, key: str) -> KeyPath:
    """Return the path of a dotted key in an event's `set`, as it was written there: dotted, nested or mixed."""
    path: list[str | int] = ["scenario", at, "set"]
    here: Any = document.data["scenario"][at]["set"]
    rest = key
    while isinstance(here, dict) and rest:
        step = next((each for each in here if rest == each or rest.startswith(f"{each}.")), None)
        if step is None:
            break
        path.append(step)
        here, rest = here[step], rest[len(step) + 1 :]
    return tuple(path)


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
            if _is_within(key, "scenario"):
                message = "a scenario has all its events from the start; what else happens is one more of them"
                yield document.problem(_path_in(document, at, key), message, key=True)


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
        own = None if event.is_set else servers.get(event.server)
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
    functions = [server.station(port.name) for server in servers_of(config) for port in server.config.switch.ports]
    return Named(
        functions=functions,
        vfs=[name for name in functions if not is_pf(name)],
        hosts=None if config.multi_root is None else [entry.name for entry in config.servers],
        adapters=list(filter(None, servers)),
        ports=[f"{server.prefix}{port}" for server in servers_of(config) for port in server.config.port.names if port],
        limits=lambda call: misfits_of_device(servers[(call.vf or "").rpartition(".")[0]], call),
    )


def _contradictions(document: Document, config: Config) -> list[Problem]:
    """Return a problem for each key to which two events of one instant give different values."""
    found = contradictions(config.scenario)
    return [document.problem(_path_in(document, at, key), message, key=True) for at, key, message in found]


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
                if other != key and first != at and (_is_within(key, other) or _is_within(other, key)):
                    yield at, key, f"contradicts scenario.{first}, which at the same time sets {other}"
            first, others = said.setdefault(key, (at, value))
            if others != value:
                yield at, key, f"contradicts scenario.{first}, which at the same time sets it to {others}"
