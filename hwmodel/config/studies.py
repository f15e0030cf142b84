"""Configurations that another file makes of a base: its `set` first, `--set` over that, single keys at last."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from hwmodel.errors import InputError

from .document import Document, KeyPath, Place, Problem, read_document
from .kinds import shown
from .load import base_document, config_of_document
from .model import Config
from .overrides import Overrides, apply_changes, apply_overrides, apply_value, plain_data


@dataclass(frozen=True)
class Change:
    """Hold a key's other value, where it was written, and the words that stand before the key in messages."""

    key: str
    value: Any
    place: Place
    prefix: str = ""


@dataclass(frozen=True)
class Variants:
    """Make configurations of one base, each with some keys changed."""

    document: Document
    directory: str

    def config(self, changes: Iterable[Change] = ()) -> Config:
        """Build the configuration with these changes; InputError lines say what is wrong, and where it was written."""
        document = _copy(self.document)
        for change in changes:
            apply_value(document, change.key, change.value, change.place, change.prefix)
        return config_of_document(document, None, self.directory)


@dataclass
class StudyDocument:
    """Hold a file that speaks of a base configuration, or the mapping that stands for one, and what is wrong with it.

    `directory`: where the names of files in it begin.
    """

    document: Document
    directory: str = "."
    problems: list[Problem] = field(default_factory=list)

    def complain(self, path: KeyPath, message: str, *, at_key: bool = False) -> None:
        """Record what is wrong with the value (or key) at `path`, unless that was reported as unreadable."""
        if path not in self.document.unreadable:
            place = self.document.place_of(path, key=at_key)
            self.problems.append(Problem(place, ".".join(map(str, path)), message))


def read_study(given: str | Path | Mapping[str, Any], what: str) -> StudyDocument:
    """Read the file at a path, or take a mapping as it would hold; `what` it is is for messages.

    Raises InputError where there are no keys and values to look at.
    """
    if isinstance(given, Mapping):
        document = Document(what, data=plain_data(given))
        document.mark_written((), document.data, Place(0, 0, 0, what))
        return StudyDocument(document)
    if not isinstance(given, str | Path):
        raise InputError(f"a {type(given).__name__} is no {what}; it is a mapping, or the path of a file")
    path = Path(given)
    document = read_document(path)
    study = StudyDocument(document, str(path.parent), list(document.problems))
    if not isinstance(document.data, dict):
        if document.data is None and not document.problems:
            study.complain((), "the file is empty")
        elif () not in document.unreadable:
            study.complain((), f"{shown(document.data)} where keys with values are expected")
        raise InputError(problem.line for problem in study.problems)
    return study


def variants_of(study: StudyDocument, overrides: Overrides | None = None) -> Variants | None:
    """Read what `base` and `set` of a study say; None after a problem was recorded.

    `base` is a file, relative to the study's own, a shipped configuration's name, or a configuration itself.
    """
    base = study.document.data.get("base")
    if base is None:
        study.complain(("base",), "this key is missing; it names the configuration to start from")
        return None
    try:
        document, directory = _base_of(study, base)
    except InputError as error:
        # A file that cannot be read is a problem of the name; what is wrong in it has its own places.
        study.problems.extend(Problem(study.document.place_of(("base",)), "base", line) for line in error.lines)
        return None
    changes = study.document.data.get("set")
    if changes is not None and not isinstance(changes, dict):
        study.complain(("set",), f"{shown(changes)} where keys with values are expected, like pcie.lanes: 8")
    elif changes:
        apply_changes(document, study.document, ("set",), changes, "set.")
    apply_overrides(document, overrides)
    return Variants(document, directory)


def _base_of(study: StudyDocument, base: Any) -> tuple[Document, str]:
    if isinstance(base, dict):
        document = Document(study.document.source, data=copy.deepcopy(base))
        for to, of in zip(document.marks, study.document.marks, strict=True):
            to.update({path[1:]: mark for path, mark in of.items() if path[:1] == ("base",)})
        document.prefixes.update({(key,): "base." for key in base})
        return document, study.directory
    if not isinstance(base, str):
        raise InputError(
            f"{shown(base)} is no configuration; write its file's name, or one that `hwmodel configs` lists"
        )
    beside = Path(study.directory) / base
    return base_document(beside if beside.exists() else base)


def _copy(document: Document) -> Document:
    return replace(
        document,
        data=copy.deepcopy(document.data),
        value_places=dict(document.value_places),
        key_places=dict(document.key_places),
        problems=list(document.problems),
        unreadable=set(document.unreadable),
        spread=set(document.spread),
        prefixes=dict(document.prefixes),
    )
