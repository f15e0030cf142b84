"""One configuration file, read once, and the many configurations that it makes with other values for some keys."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from .document import Document, raise_problems, read_document
from .load import Examined, examine
from .model import Config
from .overrides import Change, Overrides, apply_change, apply_changes, apply_overrides
from .shipped import config_path


@dataclass(frozen=True)
class Variants:
    """Hold a configuration's document, from which `load` makes configurations that differ in a few keys.

    Can be pickled, so that another process, on another machine too, makes the same configurations.
    """

    document: Document
    base_directory: str

    @classmethod
    def of_file(cls, path: Path) -> Variants:
        """Read a configuration file, or a shipped one by its name; InputError where it is not strict YAML."""
        path = config_path(path)
        document = read_document(path)
        raise_problems(document.problems)
        return cls(document if document.data is not None else replace(document, data={}), str(path.parent))

    def changed(self, written: Document, key: str, overrides: Overrides | None) -> Variants:
        """Return these with the keys that stand below `key` of the document `written`, then with `overrides`."""
        document = copied(self.document)
        changes = written.data.get(key)
        if isinstance(changes, dict):
            apply_changes(document, written, (key,), changes, f"{key}.")
        apply_overrides(document, overrides)
        return replace(self, document=document)

    def examine(self, changes: Iterable[Change]) -> Examined:
        """Return the configuration with some values changed, where it can be made, and all that is wrong with it."""
        document = copied(self.document)
        for change in changes:
            apply_change(document, change)
        return examine(document, self.base_directory)

    def load(self, changes: Iterable[Change]) -> Config:
        """Return the configuration with some values changed; InputError with a line for each problem."""
        found = self.examine(changes)
        raise_problems([*found.problems, *found.contradictions])
        assert found.config is not None
        return found.config


def copied(document: Document) -> Document:
    """Return a copy that can be changed without changing `document`."""
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


def part_of(document: Document, key: str) -> Document:
    """Return the value of a top-level key as a document of its own, with the places of all in it."""
    data: Mapping[str, Any] = document.data
    inside = Document(document.source, data=copy.deepcopy(data[key]))
    for to, of in ((inside.value_places, document.value_places), (inside.key_places, document.key_places)):
        to.update({path[1:]: place for path, place in of.items() if path[:1] == (key,)})
    inside.unreadable.update(path[1:] for path in document.unreadable if path[:1] == (key,))
    return inside
