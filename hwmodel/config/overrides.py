"""Apply `--set KEY=VALUE` to a document: the value is read as strictly as a file, and errors point at the override."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any

from hwmodel.errors import InputError

from .document import Document, KeyPath, Place, Problem, parse_document
from .model import model_at

Overrides = Mapping[str, object] | Iterable[str]


def apply_overrides(document: Document, overrides: Overrides | None) -> None:
    """Change `document` in place, later overrides winning; problems are added to `document.problems`.

    Strings are `key=value` as on the command line; a mapping holds dotted keys and ready values.
    """
    if overrides is None:
        return
    if isinstance(overrides, str):
        overrides = [overrides]
    if isinstance(overrides, Mapping):
        for number, (key, value) in enumerate(overrides.items(), start=1):
            source = f"--set {key}={_shown(value)}"
            _apply(document, key, plain_data(value), Document(source), number)
        return
    for number, text in enumerate(overrides, start=1):
        source = f"--set {text}"
        key, equals, value_text = text.partition("=")
        key = key.strip()
        if not equals or not key or not value_text.strip():
            message = "expected KEY=VALUE, like pcie.lanes=8"
            document.problems.append(Problem(Place(number, 0, 0, source), "", message))
            continue
        try:
            value = parse_document(value_text, source, number)
        except InputError as error:
            what = error.lines[0].split(": ", 1)[-1]
            document.problems.append(Problem(Place(number, 0, 0, source), key, what))
            continue
        if value.problems:
            place = Place(number, 0, 0, source)
            document.problems.extend(Problem(place, key, problem.message) for problem in value.problems)
            continue
        _apply(document, key, value.data, value, number)


def plain_data(value: object) -> Any:
    """Copy Python data into what a file could hold; other objects stay and are refused.

    Keys become texts, tuples lists, numbers and arrays of numpy those of Python.
    """
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, Mapping):
        return {key if isinstance(key, str) else str(key): plain_data(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain_data(item) for item in value]
    return value


def _apply(document: Document, key: str, value: object, origin: Document, number: int) -> None:
    place = Place(number, 0, 0, origin.source)
    steps = key.split(".")
    if not all(steps):
        document.problems.append(Problem(place, key, "an empty word between the dots; write it like pcie.lanes=8"))
        return
    here: Any = document.data
    path: KeyPath = ()
    for step in steps[:-1]:
        here, path = _descend(document, here, path, step, place)
        if here is None:
            return
    _store(document, here, path, steps[-1], value, place)


def _descend(document: Document, here: Any, path: KeyPath, step: str, place: Place) -> tuple[Any, KeyPath]:
    """Return what `step` leads to and its path, made if it is absent; None after a problem was recorded."""
    if isinstance(here, dict):
        path = (*path, step)
        if here.get(step) is None:
            here[step] = [] if path == ("switch", "ports") else {}
            document.value_places[path] = document.key_places[path] = place
        return here[step], path
    if isinstance(here, list):
        index = _index_of(here, step)
        if index is None and path == ("switch", "ports"):
            index = len(here)
            here.append({"name": step})
            document.value_places[(*path, index)] = place
            document.value_places[(*path, index, "name")] = place
        if index is not None:
            return here[index], (*path, index)
        document.problems.append(Problem(place, _dotted(document, (*path, step)), _no_entry(here, step)))
        return None, path
    message = f"{_dotted(document, path)} is a single value and has no key {step!r}"
    document.problems.append(Problem(place, _dotted(document, (*path, step)), message))
    return None, path


def _store(document: Document, here: Any, path: KeyPath, step: str, value: object, place: Place) -> None:
    """Put a value at its place; the keys of a block, or of a list's entries, go into what is there one by one."""
    if isinstance(value, dict) and _may_merge(here, path, step):
        inside, path = _descend(document, here, path, step, place)
        if inside is not None:
            for key, item in value.items():
                _store(document, inside, path, key, item, place)
        return
    if isinstance(here, dict):
        path = (*path, step)
        here[step] = value
    elif isinstance(here, list):
        index = _index_of(here, step)
        if index is None:
            document.problems.append(Problem(place, _dotted(document, (*path, step)), _no_entry(here, step)))
            return
        path = (*path, index)
        here[index] = value
    else:
        message = f"{_dotted(document, path)} is a single value and has no key {step!r}"
        document.problems.append(Problem(place, _dotted(document, (*path, step)), message))
        return
    document.mark_written(path, value, place)


def _may_merge(here: Any, path: KeyPath, step: str) -> bool:
    """Tell whether a block, or a list of blocks, stands at a step or may be made there."""
    if isinstance(here, dict):
        return model_at((*path, step)) is not None and isinstance(here.get(step), dict | list | None)
    return isinstance(here, list) and model_at(path) is not None


def _index_of(entries: list[Any], step: str) -> int | None:
    for index, entry in enumerate(entries):
        if isinstance(entry, dict) and entry.get("name") == step:
            return index
    if step.isascii() and step.isdigit() and int(step) < len(entries):
        return int(step)
    return None


def _no_entry(entries: list[Any], step: str) -> str:
    names = [str(entry["name"]) for entry in entries if isinstance(entry, dict) and "name" in entry]
    close = difflib.get_close_matches(step, names, n=1)
    hint = f" (did you mean {close[0]}?)" if close else f"; it has {len(entries)} entries, counted from 0"
    return f"the list has no entry {step!r}{hint}"


def _dotted(document: Document, path: KeyPath) -> str:
    return document.dotted(path)


def _shown(value: object) -> str:
    text = "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
    return text if len(text) <= 40 else text[:37] + "..."
