"""From a document to a configuration: override, fill in, validate, cross-check; report all that is wrong at once."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from pydantic import ValidationError

from .checks import cross_check
from .document import Document, KeyPath, Problem, is_within, raise_problems
from .extenders import interfaces_before
from .findings import Doubts, Findings, Part
from .messages import complaints_from
from .model import Config
from .overrides import Overrides, apply_overrides, plain_data
from .port_defaults import spread_port_defaults
from .resolve import fill, function_names
from .server_documents import ServerDocument, split_servers
from .system import Server, entries_of

# Files that are taken for configurations, by keys that these do not have, and what reads them.
_OTHER_KINDS = (
    (("grid", "zip", "points"), "a sweep; its command is `hwmodel sweep`"),
    (("target", "knobs"), "a sizing file; its command is `hwmodel size`"),
    (
        ("schema_version",),
        "a stored result; `hwmodel report` makes its page, and what stands under `config` runs again",
    ),
)
_MAX_ATTEMPTS = 8  # each drops what is wrong; one is enough unless a dropped value hid another


def build_config(document: Document, overrides: Overrides | None, base_directory: str) -> Config:
    """Make the configuration of a document, which is changed, and of overrides; InputError with all that is wrong."""
    check_is_mapping(document)
    apply_overrides(document, overrides)
    examined = examine(document, base_directory)
    raise_problems([*examined.problems, *examined.contradictions])
    assert examined.config is not None
    return examined.config


def check_is_mapping(document: Document) -> None:
    """Raise InputError where a document holds something else than keys with values, or is another kind of file."""
    if isinstance(document.data, dict):
        for own_keys, kind in _OTHER_KINDS:
            if any(key in own_keys for key in document.data):
                document.problems = [Problem(document.place_of(()), "", f"this is {kind}")]
                raise_problems(document.problems)
    if not isinstance(document.data, dict):
        if () not in document.unreadable:
            message = "a configuration is made of keys and values, like pcie: {lanes: 8}"
            document.problems.append(Problem(document.place_of(()), "", message))
        raise_problems(document.problems)


@dataclass(frozen=True)
class Examined:
    """What became of a document: its configuration, where one could be made, and what is wrong.

    `problems`: of single keys and values. `contradictions`: between values that each could stand.
    """

    config: Config | None
    problems: list[Problem]
    contradictions: list[Problem]


def examine(document: Document, base_directory: str) -> Examined:
    """Make the configuration of a document whose data is a mapping, and which is changed; find all that is wrong."""
    apart = split_servers(document)
    problems = list(document.problems)
    n_functions = {one.name: len(function_names(one.document.data)) for one in apart}
    before = interfaces_before(document.data, n_functions)
    n_vfs = {one.name: n_functions[one.name] - 1 for one in apart}
    beside = {one.name: sum(n_vfs[other] for other in one.beside) for one in apart}
    parts = [_part_of(one, at, base_directory, before[one.name], beside[one.name]) for at, one in enumerate(apart)]
    adapters = {part.server.port: part.server.config.resolved() for part in parts}
    made = _made_of(document, partial(fill, base_directory=base_directory, adapters=adapters))
    problems.extend(made.problems)
    config = made.config
    if config is None:
        return Examined(None, problems, [])
    findings = Findings(made.document, made.doubts)
    of_values = {(problem.place, problem.key) for part in parts for problem in part.findings.problems}
    found = cross_check(config, findings, parts or [Part(Server("", config), findings)], problems)
    if parts and not problems and not found:
        config = config.model_copy(update={"servers": entries_of(config, (part.server for part in parts))})
    problems += [problem for problem in found if (problem.place, problem.key) in of_values]
    return Examined(config, problems, [problem for problem in found if (problem.place, problem.key) not in of_values])


@dataclass
class _Made:
    """What a document became: with all filled in, its configuration without wrong values, and what is wrong."""

    document: Document
    config: Config | None
    problems: list[Problem]
    doubts: Doubts


def _made_of(document: Document, fill_in: Callable[[Document], dict[str, Any]]) -> _Made:
    n_problems = len(document.problems)
    spread_port_defaults(document, function_names(document.data))
    made = _Made(replace(document, data=fill_in(document)), None, document.problems[n_problems:], Doubts())
    _validate(document, made, fill_in)
    return made


def _part_of(one: ServerDocument, at: int, base_directory: str, n_before: int, vfs_beside: int) -> Part:
    """Return a server's part of the system; raise InputError if nothing can be made of its document."""
    of_system: dict[str, Any] = {"server": at, "interfaces_before": n_before, "vfs_beside": vfs_beside}
    made = _made_of(one.document, partial(fill, base_directory=base_directory, **of_system))
    if made.config is None:
        raise_problems(made.problems)
    assert made.config is not None
    findings = Findings(made.document, made.doubts)
    findings.problems.extend(made.problems)
    return Part(Server(one.name, made.config), findings)


def _validate(document: Document, made: _Made, fill_in: Callable[[Document], dict[str, Any]]) -> None:
    """Make the configuration with all wrong values left out; none if that is impossible."""
    kept, data = document, made.document.data
    for attempt in range(_MAX_ATTEMPTS):
        try:
            made.config = Config.model_validate(data)
        except ValidationError as error:
            found = complaints_from(error, made.document)
            if attempt == 0:
                made.problems.extend(found.problems)
            made.doubts.with_unknown_keys.update(found.with_unknown_keys)
            kept = replace(kept, data=_without(kept.data, found.wrong_paths, made.doubts.wrong_paths))
            data = fill_in(kept)
        else:
            return


def _without(data: dict[str, Any], paths: list[KeyPath], dropped: set[KeyPath]) -> dict[str, Any]:
    """Return a copy of `data` without the values at `paths`, each with as much around it as a list needs to lose."""
    copy: dict[str, Any] = plain_data(data)
    gone: set[KeyPath] = set()
    for path in paths:
        if is_within(path, gone):
            continue
        # The key itself, unless it is missing or stands in a list: then the nearest key around it.
        around = (path[:length] for length in range(len(path), 0, -1))
        gone.update(itertools.islice((candidate for candidate in around if _drop(copy, candidate)), 1))
    dropped |= gone
    return copy


def _drop(data: Any, path: KeyPath) -> bool:
    for step in path[:-1]:
        try:
            data = data[step]
        except (KeyError, IndexError, TypeError):
            return False
    if isinstance(data, dict) and path[-1] in data:
        del data[path[-1]]
        return True
    return False
