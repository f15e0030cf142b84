"""Files that speak of a base configuration: read strictly, with what is wrong kept for its place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hwmodel.errors import InputError

from .base_document import BaseDocument, base_inside, document_of, read_named_base
from .document import Document, KeyPath, Problem, read_document
from .kinds import shown
from .overrides import Overrides
from .shipped import study_path


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
    """Read the file at a path, the shipped one of that name, or a mapping as one would hold; `what` is for messages.

    Raises InputError where there are no keys and values to look at.
    """
    if isinstance(given, Mapping):
        return StudyDocument(document_of(given, what))
    if not isinstance(given, str | Path):
        raise InputError(f"a {type(given).__name__} is no {what}; it is a mapping, or the path of a file")
    path = study_path(given)
    document = read_document(path)
    study = StudyDocument(document, str(path.parent), list(document.problems))
    if not isinstance(document.data, dict):
        if document.data is None and not document.problems:
            study.complain((), "the file is empty")
        elif () not in document.unreadable:
            study.complain((), f"{shown(document.data)} where keys with values are expected")
        raise InputError(problem.line for problem in study.problems)
    return study


def base_of(study: StudyDocument, overrides: Overrides | None = None) -> BaseDocument | None:
    """Read what `base` and `set` of a study say; None after a problem was recorded.

    `base` is a file, relative to the study's own, a shipped configuration's name, or a configuration itself.
    """
    base = study.document.data.get("base")
    if base is None:
        study.complain(("base",), "this key is missing; it names the configuration to start from")
        return None
    changes = study.document.data.get("set")
    if changes is not None and not isinstance(changes, dict):
        study.complain(("set",), f"{shown(changes)} where keys with values are expected, like pcie.lanes: 8")
    try:
        return _read_base(study, base).changed(study.document, "set", overrides)
    except InputError as error:
        # A file that cannot be read is a problem of the name; what is wrong in it has its own places.
        place = study.document.place_of(("base",))
        study.problems.extend(Problem(place, "base", line) for line in error.lines)
        return None


def _read_base(study: StudyDocument, base: Any) -> BaseDocument:
    if isinstance(base, dict):
        return base_inside(study.document, "base", study.directory)
    if not isinstance(base, str):
        raise InputError(
            f"{shown(base)} is no configuration; write its file's name, or one that `hwmodel configs` lists"
        )
    return read_named_base(base, study.directory)
