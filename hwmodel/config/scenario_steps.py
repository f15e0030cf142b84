"""Make the configurations that a scenario goes through, one event after the other; say what is wrong with an event."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hwmodel.errors import InputError
from hwmodel.units import FS_PER_NS, format_time_fs

from .build import examine
from .document import Document, KeyPath, Problem, raise_problems, read_document
from .in_operation import fixed_keys
from .model import Config, Step
from .overrides import apply_changes


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
        events = read_document(Path(directory) / name)
    except InputError as error:
        raise InputError([f"{place}: scenario: {line}" for line in error.lines]) from None
    raise_problems(events.problems)
    if not isinstance(events.data, list):
        raise_problems([Problem(events.place_of(()), "", "a scenario is a list, like [{at: 2ms, set: {...}}]")])
    document.data["scenario"] = events.data
    document.forget(path)
    for to, of in ((document.value_places, events.value_places), (document.key_places, events.key_places)):
        to.update({(*path, *inside): at for inside, at in of.items()})


def steps_of(document: Document, config: Config, directory: str) -> tuple[Step, ...]:
    """Return what each event of a document's scenario makes of its configuration, in the order of time.

    Raises InputError, a line for each problem: an event behind the run's end, a key that may not change in operation,
    a value that the key may not have, two events of one instant that contradict each other.
    """
    if not config.scenario:
        return ()
    in_order = sorted(range(len(config.scenario)), key=lambda at: config.scenario[at].at_fs)
    raise_problems([*_too_late(document, config), *_contradictions(document, config, in_order)])
    if config.run.precision is not None:
        message = "a run with a scenario has no steady figures to be sure of; leave one of them out"
        raise_problems([Problem(document.place_of(("run", "precision")), "run.precision", message)])
    now = document.copied()
    del now.data["scenario"]
    steps: list[Step] = []
    problems: list[Problem] = []
    before = config
    for at in in_order:
        path: KeyPath = ("scenario", at, "set")
        apply_changes(now, document, path, document.data["scenario"][at]["set"], f"scenario.{at}.set.")
        after = examine(now.copied(), directory)
        if after.config is None or after.problems:  # what follows would have them too
            raise_problems([*problems, *after.problems])
        assert after.config is not None
        of_event, derived = _fixed(document, config, at, before, after.config)
        if after.contradictions and not of_event:  # else they come of what may not be
            raise_problems([*problems, *after.contradictions])
        problems += of_event or derived
        steps.append(Step(config.scenario[at].at_fs, at, after.config))
        before = after.config
    raise_problems(problems)
    return tuple(steps)


def _fixed(
    document: Document, config: Config, at: int, before: Config, after: Config
) -> tuple[list[Problem], list[Problem]]:
    """Return problems: of keys that an event sets and hardware fixes, and of others that follow from what it sets."""
    time = format_time_fs(config.scenario[at].at_fs)
    here = f"scenario.{at}.set"
    try:
        keys = fixed_keys(before, after)
    except InputError as error:
        return [Problem(document.place_of(("scenario", at, "set")), here, line) for line in error.lines], []
    of_event, derived = [], []
    for key in keys:
        own = next((each for each in config.scenario[at].changes if f"{key}.".startswith(f"{each}.")), None)
        if own is None:
            message = f"it changes {key}, which is fixed while the machine runs ({time})"
            derived.append(Problem(document.place_of(("scenario", at, "set")), here, message))
        else:
            place = document.place_of(_path_in(document, at, own), key=True)
            of_event.append(Problem(place, f"{here}.{own}", f"fixed while the machine runs ({time})"))
    return of_event, derived


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
    return [
        Problem(
            document.place_of(("scenario", at, "at")),
            f"scenario.{at}.at",
            f"{format_time_fs(event.at_fs)} is after the run's end, {end_fs // FS_PER_NS / 1e6:g}ms ({why})",
        )
        for at, event in enumerate(config.scenario)
        if event.at_fs > end_fs
    ]


def _contradictions(document: Document, config: Config, in_order: list[int]) -> list[Problem]:
    """Return a problem for each key to which two events of one instant give different values."""
    problems = []
    said: dict[tuple[int, str], tuple[int, object]] = {}
    for at in in_order:
        for key, value in config.scenario[at].changes.items():
            first, other = said.setdefault((config.scenario[at].at_fs, key), (at, value))
            if other != value:
                place = document.place_of(_path_in(document, at, key), key=True)
                message = f"contradicts scenario.{first}, which at the same time sets it to {other}"
                problems.append(Problem(place, f"scenario.{at}.set.{key}", message))
    return problems
