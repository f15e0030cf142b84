"""The configuration in force as a run goes on: what the events of a scenario and the agents make of it, in turn."""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from hwmodel.units import format_time_fs

from .build import Examined
from .build_changed import examine_changed
from .check_device_limits import dotted
from .check_streams import Wrong, wrong_streams
from .document import Document, KeyPath, Place, Problem, raise_problems
from .in_operation import changed_keys, fixed_keys, why_fixed
from .model import Changed, Config, Drivers, Step
from .overrides import Change, apply_change, apply_changes
from .scenario import NOT_KNOWN_FS
from .system import servers_of


class Setting(NamedTuple):
    """Hold keys, dotted, with the values that an agent gives them. `path`: where a file says so, empty: nowhere."""

    who: str
    path: KeyPath
    changes: Mapping[str, Any]

    @property
    def identity(self) -> Hashable:
        """Return what is the same for the same keys with the same values."""
        return repr(self.changes)


@dataclass(eq=False, slots=True)
class _State:
    """A configuration, the document that it is made of, and what agents have set in it since the last event.

    `after`: what settings make of it. `of_base`: all states that agents have made of the last event's, by what is set.
    """

    document: Document
    examined: Examined
    config: Config
    keys: Mapping[str, str]
    of_base: dict[frozenset[tuple[str, str]], _State]
    after: dict[Hashable, _State] = field(default_factory=dict)


class LiveConfiguration:
    """Go through all that changes a configuration, in the order of time; `config`: the one in force now.

    `steps`: what events have made, so far. `drivers`: answer events that ask a driver; without them, such events are
    only looked at. With `agents`, what each setting makes of a configuration is kept: agents come back to what was.
    """

    def __init__(
        self, document: Document, examined: Examined, directory: str, config: Config, drivers: Drivers | None
    ) -> None:
        self._document, self._directory, self._scenario = document, directory, config
        self._drivers, self._followed = drivers, config
        now = without_scenario(document)
        self._state = _State(now, examined, config, {}, {})
        self._to_come = deque(_moments(config, drivers))
        self._problems: list[Problem] = []
        self.steps: list[Step] = []

    @property
    def config(self) -> Config:
        """Return the configuration in force."""
        return self._state.config

    def to(self, until_fs: int) -> None:
        """Carry out the events up to an instant; raise InputError with all that is wrong with them."""
        while self._to_come and self._to_come[0][0] <= until_fs:
            self._carry_out(*self._to_come.popleft(), None)
        raise_problems(self._problems)

    def carry_out(self, at_fs: int, at: int, keys: Mapping[str, Any] | None = None) -> None:
        """Carry out an event at an instant; `keys`: what a driver has granted, None to ask it. Raises as `to`."""
        self._carry_out(at_fs, at, keys)
        raise_problems(self._problems)

    def follow(self) -> None:
        """Have drivers know of what agents have set."""
        if self._drivers is not None and self._followed is not self._state.config:
            self._drivers.follow(self._followed, self._state.config)
            self._followed = self._state.config

    def set(self, setting: Setting) -> None:
        """Set an agent's keys; raise InputError where they may not have these values, or not in operation."""
        self._state = self.with_set(setting)

    def with_set(self, setting: Setting) -> _State:
        """Return the state that keys make of the one in force; raises as `set`."""
        state, name = self._state, setting.identity
        if name not in state.after:
            state.after[name] = self._set(state, setting)
        return state.after[name]

    def _set(self, state: _State, setting: Setting) -> _State:
        said = {key: repr(value) for key, value in setting.changes.items()}
        overlaps = any(one != key and overlap(one, key) for one in state.keys for key in said)
        keys = said if overlaps else {**state.keys, **said}
        of_base = {} if overlaps else state.of_base
        if (known := of_base.get(frozenset(keys.items()))) is not None:
            return known
        now = state.document.copied()
        for key, value in setting.changes.items():
            apply_change(now, self._change(setting, key, value))
        after = examine_changed(now, self._directory, state.examined, setting.changes, is_running=True)
        raise_problems(after.problems)
        assert after.config is not None
        fixed = fixed_keys(state.config, after.config)
        raise_problems([self._problem(setting, key, f"fixed while the machine runs{why_fixed(key)}") for key in fixed])
        raise_problems(after.contradictions)
        raise_problems(
            [self._problem(setting, dotted(one.keys[0]), one.message) for one in self._of_streams(state, after.config)]
        )
        made = _State(now, after, after.config, keys, of_base)
        of_base[frozenset(keys.items())] = made
        return made

    def _change(self, setting: Setting, key: str, value: Any) -> Change:
        at, key_at = self._places(setting, key)
        prefix = ".".join(map(str, setting.path)) or f"agents.{setting.who}"
        return Change(key, value, key_at, at, f"{prefix}.")

    def _places(self, setting: Setting, key: str) -> tuple[Place, Place]:
        """Return where the value of a key that an agent sets is written, and where the key is."""
        if not setting.path:
            nowhere = Place(0, 0, 0, f"agent {setting.who}")
            return nowhere, nowhere
        path = path_in(self._document, setting.path, key)
        return self._document.place_of(path), self._document.place_of(path, key=True)

    def _problem(self, setting: Setting, key: str, message: str) -> Problem:
        own = next((each for each in setting.changes if overlap(key, each)), None)
        change = self._change(setting, own or next(iter(setting.changes)), None)
        text = message if own else f"it changes {key}, which is {message}"
        return Problem(change.key_place, f"{change.prefix}{change.key}" if setting.path else change.key, text)

    def _of_streams(self, state: _State, after: Config) -> Iterator[Wrong]:
        """Yield what is wrong with a load, if it changes: it is of the stations that are in use at the start."""
        if after.workload != state.config.workload:
            offered = self._scenario.model_copy(update={"workload": after.workload})
            yield from wrong_streams(offered, servers_of(self._scenario), may_change=True)

    def _carry_out(self, at_fs: int, at: int, granted: Mapping[str, Any] | None) -> None:
        """Carry out an event, from what the ones before it left; note what is wrong, and go on where that is known."""
        document, config, drivers, state = self._document, self._scenario, self._drivers, self._state
        event = config.scenario[at]
        keys: Mapping[str, Any] = event.changes
        now = state.document.copied() if config.reacts else state.document
        self.follow()
        if event.is_set or drivers is None:
            apply_set(now, document, at)
        else:
            keys = drivers.changes(at, state.config) if granted is None else granted
            if not _carried_out(now, document, config, at, keys):
                return
        after = examine_changed(now, self._directory, state.examined, keys, is_running=at_fs > 0)
        if after.config is None or after.problems:  # all later steps would have the same problems
            raise_problems([*self._problems, *after.problems])
        assert after.config is not None
        changed = changed_keys(state.config, after.config)
        of_event, derived = fixed_by(document, config, at, state.config, after.config, changed)
        if after.contradictions and not of_event:  # otherwise they follow from keys that may not change at all
            own = after.contradictions if event.is_set else map(_granted, after.contradictions)
            raise_problems([*self._problems, *(_from_event(one, at) for one in own)])
        self._problems += of_event or derived
        self._problems += (_of_load(document, config, at, one) for one in self._of_streams(state, after.config))
        self._state = _State(now, after, after.config, {}, {})
        self.steps.append(Step(at_fs, at, after.config, changed))
        if drivers is not None and event.is_set and not (of_event or derived):
            drivers.follow(state.config, after.config)
        self._followed = after.config


def without_scenario(document: Document) -> Document:
    """Return a copy of a document without its scenario, and without the places in it."""
    rest, _ = document.parted("scenario", ())
    return replace(rest, data={name: block for name, block in rest.data.items() if name != "scenario"}).copied()


def apply_set(now: Document, document: Document, at: int) -> None:
    """Change a document by what an event of another sets."""
    path: KeyPath = ("scenario", at, "set")
    apply_changes(now, document, path, document.data["scenario"][at]["set"] or {}, f"scenario.{at}.set.")


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


def fixed_by(
    document: Document, config: Config, at: int, before: Config, after: Config, changed: Changed | None = None
) -> tuple[list[Problem], list[Problem]]:
    """Return the problems with fixed keys: of those that the event sets, and of those that follow from what it sets."""
    event = config.scenario[at]
    of_event, derived = [], []
    for key in fixed_keys(before, after, changed):
        own = next((each for each in event.changes if overlap(key, each)), None)
        time = f" ({format_time_fs(event.at_fs)})" if event.at_fs < NOT_KNOWN_FS else ""
        here: KeyPath = ("scenario", at, event.kind)
        fixed = f"fixed while the machine runs{time}{why_fixed(key)}"
        if own is None:
            derived.append(document.problem(here, f"it changes {key}, which is {fixed}"))
        else:
            of_event.append(document.problem(path_in(document, (*here[:2], "set"), own), fixed, key=True))
    return of_event, derived


def _of_load(document: Document, config: Config, at: int, one: Wrong) -> Problem:
    """Return what is wrong with the load that an event leaves, at the first of its keys to blame that it sets."""
    event = config.scenario[at]
    own = next((each for key in map(dotted, one.keys) for each in event.changes if is_within(key, each)), None)
    here: KeyPath = ("scenario", at)
    path = (*here, *event.kinds) if own is None else path_in(document, (*here, "set"), own)
    return document.problem(path, one.message)


def is_within(key: str, block: str) -> bool:
    """Tell whether a dotted key is a block, or in it."""
    return f"{key}.".startswith(f"{block}.")


def overlap(one: str, other: str) -> bool:
    """Tell whether one of two dotted keys is the other, or in it."""
    return is_within(one, other) or is_within(other, one)


def path_in(document: Document, within: KeyPath, key: str) -> KeyPath:
    """Return the path of a dotted key in the mapping at a path, as it was written there: dotted, nested or mixed."""
    path: list[str | int] = [*within]
    here: Any = document.data
    for place in within:
        here = here[place]
    rest = key
    while isinstance(here, dict) and rest:
        step = next((each for each in here if rest == each or rest.startswith(f"{each}.")), None)
        if step is None:
            break
        path.append(step)
        here, rest = here[step], rest[len(step) + 1 :]
    return tuple(path)
