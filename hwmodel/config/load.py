"""Read a file or a mapping once, and make configurations of it, each with its own overrides."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from hwmodel.errors import InputError
from hwmodel.processes.collector import collector_rests

from .build import Examined, check_is_mapping, examine
from .document import Document, DocumentError, KeyPath, Place, Problem, copied_data, raise_problems, read_document
from .live_configuration import LiveConfiguration
from .model import Config, Drivers, Step
from .overrides import (
    Change,
    Overrides,
    apply_change,
    apply_changes,
    apply_overrides,
    given_overrides,
    plain_data,
    spread_dotted_keys,
)
from .resolve import capture_path
from .scenario_steps import spread_scenario_file, steps_of
from .shipped import config_path
from .spread_profiles import take_back


def load_config(source: str | Path | Mapping[str, Any], overrides: Overrides | None = None) -> Config:
    """Load the configuration file at the path `source`, or nested mappings as it would hold them, with `overrides`.

    `source` may also be the name of a shipped configuration (`hwmodel configs`), unless a file has that name.
    `overrides` is a mapping of dotted keys to values, or `key=value` texts as on the command line. For many overrides
    of one document, `config.read_base` reads it once. In a mapping, keys may be dotted or nested. Raises InputError
    with a line for each problem.
    """
    if not isinstance(source, str | Path | Mapping):
        raise InputError(_why_no_configuration(source))
    return read_base(source).with_overrides(overrides)


def as_config(given: object) -> Config:
    """Return a configuration as it is; load one by `load_config` from a path, a shipped name or a mapping.

    Raises InputError for anything else, and for what `load_config` refuses.
    """
    return given if isinstance(given, Config) else load_config(given)  # type: ignore[arg-type]


def config_from_mapping(mapping: Mapping[str, Any], overrides: Overrides | None = None) -> Config:
    """Build a configuration from nested mappings as a file would hold them; InputError with a line for each problem."""
    return read_base(mapping).with_overrides(overrides)


def _why_no_configuration(given: object) -> str:
    if isinstance(given, Config):
        return "this is a configuration already; config.with_overrides({...}) changes it"
    kind = type(given).__name__
    article = "an" if kind[0] in "aeiou" else "a"
    what = {type(None): "None", str: "an empty name"}.get(type(given), f"{article} {kind}")
    return f"{what} is no configuration; give a path, a name that `hwmodel configs` lists, or a mapping"


class BaseDocument:
    """Hold what a file or a mapping says, before overrides; made by `read_base`."""

    def __init__(self, document: Document, directory: str) -> None:
        take_back(document.data)
        self._document = document
        self.directory = directory  # where relative file names in the document start

    @property
    def data(self) -> Any:
        """Return the plain data of the document, which is not to be changed."""
        return self._document.data

    @collector_rests()
    def with_overrides(self, overrides: Overrides | None = None) -> Config:
        """Return the configuration that the document and `overrides` make; the document stays as it is.

        `overrides` as in `load_config`. Raises InputError with a line for each problem.
        """
        said = given_overrides(overrides)
        document = self._overridden(said)
        return self._remembered(examine(document, self.directory), document, partial(self._changed_further, said))

    def files(self, overrides: Overrides | None = None) -> list[str]:
        """Return the files that the document and `overrides` were read from, and the capture that they name.

        A configuration must have been made of them before.
        """
        document = self._overridden(given_overrides(overrides))
        files = {place.source for place in document.value_places.values()}
        workload = document.data.get("workload")
        capture = workload.get("pcap") if isinstance(workload, dict) else None
        if isinstance(capture, str):
            files.add(capture_path(document, capture, self.directory))
        return sorted(files)

    def _overridden(self, overrides: Overrides | None) -> Document:
        """Return the document with overrides, and with the events of the scenario file that either names."""
        document = self._document.copied()
        check_is_mapping(document)
        spread_scenario_file(document, self.directory)
        apply_overrides(document, overrides)
        spread_scenario_file(document, ".")
        return document

    def _changed_further(self, said: Overrides | None, overrides: Overrides | None) -> Config:
        """Return the configuration with further `overrides` on top of those already given, `said`."""
        return BaseDocument(self._overridden(said), self.directory).with_overrides(overrides)

    def _remembered(
        self, found: Examined, document: Document, changed: Callable[[Overrides | None], Config] | None = None
    ) -> Config:
        """Return a configuration that can find its scenario's steps; InputError if it is wrong, or the scenario."""
        config = found.sound_config()
        config.remember(changed=changed, written=document.value_places)
        if config.scenario or config.reacts:
            steps = partial(steps_of, document, found, self.directory)
            config.remember(steps=partial(_steps, steps, steps(config)))
        config.remember(live=partial(LiveConfiguration, document, found, self.directory))
        return config

    def changed(self, written: Document, key: str, overrides: Overrides | None) -> BaseDocument:
        """Return the base, changed by the keys below `key` of the document `written`, then by `overrides`.

        Wrong keys are reported when a configuration is made; raises InputError if the base is no mapping.
        """
        document = self._document.copied()
        check_is_mapping(document)
        changes = written.data.get(key)
        if isinstance(changes, dict):
            apply_changes(document, written, (key,), changes, f"{key}.")
        apply_overrides(document, overrides)
        return BaseDocument(document, self.directory)

    def examine(self, changes: Iterable[Change]) -> Examined:
        """Return the configuration with some values changed, where it can be made, and all that is wrong with it.

        What is wrong with its scenario is among the contradictions: it is of the machine that all values make.
        """
        document = self._with(changes)
        found = examine(document, self.directory)
        if found.config is None or found.problems or found.contradictions:
            return found
        try:
            steps_of(document, found, self.directory, found.config)
        except DocumentError as error:
            return replace(found, contradictions=error.problems)
        return found

    def with_changes(self, changes: Iterable[Change]) -> Config:
        """Return the configuration with some values changed; InputError with a line for each problem."""
        document = self._with(changes)
        return self._remembered(examine(document, self.directory), document)

    def _with(self, changes: Iterable[Change]) -> Document:
        document = self._document.copied()
        spread_scenario_file(document, self.directory)
        for change in changes:
            apply_change(document, change)
        return document

    def place_lines(self, overrides: Overrides | None, lines: Sequence[str]) -> list[str]:
        """Put file, line and column before messages of the form `dotted.key: what is wrong`.

        For problems that only a later step can find, such as those of a capture. A configuration must have been made of
        the document and these overrides before; lines of any other form stay as they are.
        """
        document = self._document.copied()
        apply_overrides(document, overrides)
        return [_placed(document, line) for line in lines]


@collector_rests()
def read_base(source: str | Path | Mapping[str, Any], directory: str | Path | None = None) -> BaseDocument:
    """Read a configuration file, or nested mappings as a file would hold them, for many overrides.

    `source` is a path, the name of a shipped configuration, or a mapping. Relative file names in it start at
    `directory`; without one at the file's folder, and those of a mapping at the working directory. Raises InputError
    if the file cannot be read or is no strict YAML; what else is wrong is said when a configuration is made.
    """
    if isinstance(source, Mapping):
        return BaseDocument(document_of(source, "configuration"), str(directory or "."))
    if source == "":
        raise InputError(_why_no_configuration(source))
    path = config_path(source)
    document = read_document(path)
    if document.data is None and not document.problems:
        message = "the file is empty; `{}` is the shortest configuration"
        raise_problems([document.problem((), message)])
    return BaseDocument(document, str(directory or path.parent))


def document_of(mapping: Mapping[str, Any], what: str) -> Document:
    """Return nested mappings as a document, as if read from a file; `what` is its name in messages."""
    document = Document(what, data=plain_data(mapping))
    document.mark_written((), document.data, Place(0, 0, 0, what), before=None)
    spread_dotted_keys(document)
    return document


def read_named_base(name: str, directory: str) -> BaseDocument:
    """Read the base that a file in `directory` names: a file beside it, else what `read_base` finds by the name."""
    beside = Path(directory) / name
    return read_base(beside if beside.exists() else name)


def base_inside(document: Document, key: str, directory: str) -> BaseDocument:
    """Return the mapping that stands at a top-level key of another document, with the places of all in it."""
    inside = Document(document.source, data=copied_data(document.data[key]))
    inside.take_places((), inside.data, document, (key,))
    return BaseDocument(inside, directory)


def _placed(document: Document, line: str) -> str:
    key, separator, message = line.partition(": ")
    path: KeyPath = tuple(int(part) if part.isdecimal() else part for part in key.split("."))
    if not separator or path[0] not in Config.model_fields:
        return line
    return Problem(document.place_of(path), key, message).line


def _steps(
    steps: Callable[..., tuple[Step, ...]], found: tuple[Step, ...], config: Config, drivers: Drivers | None = None
) -> tuple[Step, ...]:
    """Return the steps of a scenario: those `found` first, unless they depend on drivers or on the run."""
    is_plain = all(event.is_set and event.when is None for event in config.scenario)
    return found if drivers is None or is_plain else steps(config, drivers)
