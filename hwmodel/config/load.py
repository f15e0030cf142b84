"""Load a configuration: read, override, fill in, validate, cross-check; report all that is wrong at once."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from hwmodel.errors import InputError

from .checks import cross_check
from .document import Document, KeyPath, Place, Problem, is_within, raise_problems, read_document
from .extenders import interfaces_before
from .findings import Doubts, Findings, Part
from .messages import complaints_from
from .model import Config
from .overrides import Overrides, apply_overrides, plain_data
from .port_defaults import spread_port_defaults
from .resolve import fill, function_names
from .server_documents import ServerDocument, split_servers
from .shipped import config_path
from .system import Server, entries_of

_MAX_ATTEMPTS = 8  # each drops what is wrong; one is enough unless a dropped value hid another


def load_config(path: str | Path, overrides: Overrides | None = None) -> Config:
    """Load the configuration file at `path`, changed by `overrides`.

    The name of a shipped configuration (`hwmodel configs`) is as good, where no file has it. `overrides` is a mapping
    of dotted keys to values, or `key=value` texts as on the command line. Raises InputError with a line for each
    problem.
    """
    path = config_path(path)
    return config_of_document(_nonempty_document(path), overrides, str(path.parent))


def base_document(path: str | Path) -> tuple[Document, str]:
    """Read the configuration file at `path`, or the shipped one of that name, and say in which folder it stands.

    For `config_of_document`, once changed. Raises InputError if it cannot be read or is empty.
    """
    path = config_path(path)
    return _nonempty_document(path), str(path.parent)


def _nonempty_document(path: Path) -> Document:
    document = read_document(path)
    if document.data is None and not document.problems:
        document.problems.append(
            Problem(document.place_of(()), "", "the file is empty; `{}` is the shortest configuration")
        )
        raise_problems(document.problems)
    return document


def as_config(given: object) -> Config:
    """Return a configuration as it is, and that of the file, or shipped one, that a text or path names.

    Raises InputError for anything else, and for what `load_config` refuses.
    """
    if isinstance(given, Config):
        return given
    if isinstance(given, str | Path):
        return load_config(given)
    hint = " (hwmodel.config.config_from_mapping makes one of a mapping)" if isinstance(given, Mapping) else ""
    raise InputError(
        f"a {type(given).__name__} is no configuration; it comes from hwmodel.load_config(path), or is the path{hint}"
    )


def config_from_mapping(
    mapping: Mapping[str, Any], overrides: Overrides | None = None, base_directory: str | Path = "."
) -> Config:
    """Build a configuration from nested mappings as a file would hold them.

    Relative file names start at `base_directory`. Raises InputError with a line for each problem.
    """
    document = Document("configuration", data=plain_data(mapping))
    document.mark_written((), document.data, Place(0, 0, 0, document.source))
    return config_of_document(document, overrides, str(base_directory))


def place_lines(path: str | Path, overrides: Overrides | None, lines: Sequence[str]) -> list[str]:
    """Put file, line and column before messages of the form `dotted.key: what is wrong`.

    For what only a later step can know, such as what a capture holds. The configuration at `path` has been loaded with
    these overrides before; lines of any other form stay as they are.
    """
    document = read_document(config_path(path))
    apply_overrides(document, overrides)
    return [_placed(document, line) for line in lines]


def _placed(document: Document, line: str) -> str:
    key, separator, message = line.partition(": ")
    path: KeyPath = tuple(key.split("."))
    if not separator or path[0] not in Config.model_fields:
        return line
    return Problem(document.place_of(path), key, message).line


def config_of_document(document: Document, overrides: Overrides | None, base_directory: str) -> Config:
    """Build the configuration that a document describes, which is changed on the way; InputError lines for problems."""
    if not isinstance(document.data, dict):
        if () not in document.unreadable:
            message = "a configuration is made of keys and values, like pcie: {lanes: 8}"
            document.problems.append(Problem(document.place_of(()), "", message))
        raise_problems(document.problems)
    apply_overrides(document, overrides)
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
    if made.config is None:
        raise_problems(problems)
    assert made.config is not None
    config = made.config
    findings = Findings(made.document, made.doubts)
    problems.extend(cross_check(config, findings, parts or [Part(Server("", config), findings)], problems))
    raise_problems(problems)
    if parts:
        config = config.model_copy(update={"servers": entries_of(config, (part.server for part in parts))})
    return config


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
