"""A file that varies keys of a base configuration, and its problems, each with its place."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hwmodel.config import Config
from hwmodel.config.document import Document, DocumentError, KeyPath, Place, Problem, raise_problems, read_document
from hwmodel.config.kinds import shown, suggest
from hwmodel.config.load import BaseDocument, base_inside, document_of, read_named_base
from hwmodel.config.overrides import Overrides
from hwmodel.config.shipped import study_path
from hwmodel.errors import InputError

CAPTURE = "workload.pcap"  # the one key whose value is the name of a file
_MOST_IN_A_PLACE = 3
# The command of each kind of file, and the keys that only it has.
_KINDS = {"sweep": ("sweep", ("grid", "zip", "list", "seeds", "where")), "sizing": ("size", ("target", "knobs"))}


@dataclass
class StudyDocument:
    """Hold a file that varies keys of a base configuration, or an equivalent mapping, and its problems.

    `what`: "sweep" or "sizing". `name`: the file's name, for messages. `directory`: what file names in it are relative
    to.
    """

    document: Document
    what: str
    name: str
    directory: str = "."
    problems: list[Problem] = field(default_factory=list)

    @property
    def data(self) -> Mapping[str, Any]:
        """Return what the file says."""
        data: Mapping[str, Any] = self.document.data
        return data

    def complain(self, path: KeyPath, message: str, *, at_key: bool = False) -> None:
        """Record what is wrong with the value (or key) at `path`, unless that was reported as unreadable."""
        if path not in self.document.unreadable:
            place = self.document.place_of(path, key=at_key)
            self.problems.append(Problem(place, ".".join(map(str, path)), message))

    def has_unreadable(self, path: KeyPath) -> bool:
        """Tell whether the value at `path`, or one within it, was reported as unreadable."""
        return any(at[: len(path)] == path for at in self.document.unreadable)

    def refuse_unknown(
        self, path: KeyPath, known: Sequence[str], synonyms: Mapping[str, str] | None = None, what: str = "key"
    ) -> None:
        """Complain of unknown keys of the mapping at `path`; `synonyms`: other words for the known ones."""
        written: Any = self.document.data
        for step in path:
            written = written[step]
        for word in written:
            if word not in known:
                meant = (synonyms or {}).get(word.lower())
                hint = f" (did you mean {meant}?)" if meant in known else suggest(word, known)
                hint = hint or f"; known here: {', '.join(known)}"
                self.complain((*path, word), f"unknown {what}{hint}", at_key=True)

    def file_path(self, name: str) -> str:
        """Return the absolute path of a file that this one names."""
        return os.path.abspath(os.path.join(self.directory, name))

    def raise_problems(self) -> None:
        """Raise one InputError with a line for each problem; do nothing if there are none.

        Of many problems at one place, as of a range's values, only the first few are named.
        """
        of_place: dict[tuple[Place, str], dict[str, Problem]] = {}
        for problem in self.problems:
            of_place.setdefault((problem.place, problem.key), {})[problem.message] = problem
        shortened = []
        for (place, key), found in of_place.items():
            named = list(found.values())
            if len(named) > _MOST_IN_A_PLACE + 1:
                rest = f"and {len(named) - _MOST_IN_A_PLACE:,} more like these"
                named = [*named[:_MOST_IN_A_PLACE], Problem(place, key, rest)]
            shortened += named
        raise_problems(shortened)


def read_study(given: str | os.PathLike[str] | Mapping[str, Any], what: str) -> StudyDocument:
    """Read a file by path or shipped name, or a mapping with its content; `what`: "sweep" or "sizing".

    Raises InputError if it has no keys and values, or is of another kind.
    """
    if isinstance(given, Mapping):
        study = StudyDocument(document_of(given, what), what, what)
        _refuse_other_kinds(study)
        return study
    if not isinstance(given, str | os.PathLike):
        raise InputError(f"{given!r:.40} is no {what}; give a mapping, or the path of a file")
    path = study_path(Path(given))
    document = read_document(path)
    study = StudyDocument(document, what, path.name, str(path.parent), list(document.problems))
    if not isinstance(document.data, dict):
        if document.data is None and not document.problems:
            study.complain((), "the file is empty")
        elif () not in document.unreadable:
            study.complain((), f"{shown(document.data)} where keys with values are expected; it is no {what}")
        study.raise_problems()
    _refuse_other_kinds(study)
    return study


def _refuse_other_kinds(study: StudyDocument) -> None:
    """Raise InputError for a configuration or a study of another kind, in one line instead of one for each key."""
    if study.data and all(key in Config.model_fields for key in study.data):
        study.complain((), f"this is a configuration; a {study.what} names one as its base")
        raise_problems(study.problems)
    if not any(key in _KINDS[study.what][1] for key in study.data):
        for other, (command, own) in _KINDS.items():
            if any(key in own for key in study.data):
                study.complain((), f"this is a {other}; its command is `hwmodel {command}`")
                raise_problems(study.problems)


def base_of(study: StudyDocument, overrides: Overrides | None = None) -> BaseDocument | None:
    """Read what `base` and `set` of a study say; None after a problem was recorded.

    `base`: a file, relative to the study's folder, a shipped configuration's name, or a configuration itself.
    """
    base, changes = study.data.get("base"), study.data.get("set")
    if changes is not None and not isinstance(changes, dict):
        study.complain(("set",), f"{shown(changes)} where keys with values are expected, like pcie.lanes: 8")
    if base is None:
        study.complain(("base",), "this key is missing; it names the configuration to start from")
        return None
    if not isinstance(base, str | dict):
        listed = "write its file's name, or one that `hwmodel configs` lists"
        study.complain(("base",), f"{shown(base)} is no configuration; {listed}")
        return None
    try:
        if isinstance(base, str):
            read = read_named_base(base, study.directory)
        else:
            read = base_inside(study.document, "base", study.directory)
        return read.changed(_with_whole_capture(study), "set", overrides)
    except DocumentError as error:
        # Those of a mapping given from Python have no line.
        at_base = study.document.place_of(("base",))
        study.problems += [one if one.place.line else Problem(at_base, "base", one.line) for one in error.problems]
    except InputError as error:  # the base file cannot be read
        study.problems += [study.document.problem(("base",), line) for line in error.lines]
    return None


def _with_whole_capture(study: StudyDocument) -> Document:
    """Return the study's document with the capture in `set`, relative to the study's folder, as an absolute path."""
    document = study.document.copied()
    changed = document.data.get("set")
    block, _, key = CAPTURE.partition(".")
    if isinstance(changed, dict):
        for inside, name in ((changed, CAPTURE), (changed.get(block), key)):
            if isinstance(inside, dict) and isinstance(inside.get(name), str):
                inside[name] = study.file_path(inside[name])
    return document
