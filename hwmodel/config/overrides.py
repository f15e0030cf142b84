"""Apply `--set KEY=VALUE`, or a server's `set`, to a document: as strict as a file, errors point at the change."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from hwmodel.errors import InputError

from .document import MAX_DEPTH, Document, KeyPath, Place, Problem, copied_data, parse_document, plain_scalar
from .model import keys_of, model_at
from .names import is_port_name

_LISTS = (("switch", "ports"), ("servers",), ("bridges",))  # whose entries go by their names
_WEIGHTS = ("workload", "weights")  # whose keys are names of stations, with a dot where there are servers
_MOST_NAMED = 8
Overrides = Mapping[str, object] | Iterable[str]


def given_overrides(overrides: Overrides | None) -> Overrides | None:
    """Return overrides in a form that can be read twice; InputError for what is neither texts nor a mapping."""
    if overrides is None or isinstance(overrides, Mapping):
        return {str(key): value for key, value in overrides.items()} if overrides is not None else None
    if isinstance(overrides, str):
        return [overrides]
    given: Any = overrides  # of a caller without type checks
    texts = list(given) if isinstance(given, Iterable) else [given]
    if not all(isinstance(text, str) for text in texts):
        raise InputError("overrides are a mapping, like {'pcie.lanes': 8}, or texts, like 'pcie.lanes=8'")
    return texts


def apply_overrides(document: Document, overrides: Overrides | None) -> None:
    """Change `document` in place, later overrides winning; problems are added to `document.problems`.

    Strings are `key=value` as on the command line; a mapping holds dotted keys and ready values.
    """
    overrides = given_overrides(overrides) or ()
    if isinstance(overrides, Mapping):
        for number, (key, value) in enumerate(overrides.items(), start=1):
            place = Place(number, 0, 0, f"--set {key}={_shown(value)}")
            for steps, leaf in _parts_of_block((key,), plain_data(value)):
                _apply(document, ".".join(steps), leaf, place)
        return
    for number, text in enumerate(overrides, start=1):
        place = Place(number, 0, 0, f"--set {text}")
        key, equals, value_text = text.partition("=")
        key = key.strip()
        if not equals or not key or not value_text.strip():
            document.problems.append(Problem(place, "", "expected KEY=VALUE, like pcie.lanes=8"))
            continue
        try:
            value = parse_document(value_text, place.source, number)
        except InputError as error:
            message = error.lines[0].removeprefix(place.source).split(": ", 1)[-1]
            document.problems.append(Problem(place, key, message))
            continue
        if value.problems:
            document.problems.extend(Problem(place, key, problem.message) for problem in value.problems)
            continue
        _apply(document, key, value.data, place)


def overridden_keys(overrides: Overrides | None) -> set[str]:
    """Return the dotted keys that overrides give a value to, those inside a block one by one."""
    overrides = given_overrides(overrides) or ()
    if isinstance(overrides, Mapping):
        return {key for name, value in overrides.items() for key in dotted_keys(plain_data(value), f"{name}.")}
    found: set[str] = set()
    for text in overrides:
        key, _, value_text = text.partition("=")
        try:
            value = parse_document(value_text, text).data
        except InputError:
            value = None
        found |= dotted_keys(value, f"{key.strip()}.")
    return found


def dotted_keys(written: Any, before: str = "") -> set[str]:
    """Return the dotted keys that nested mappings give a value to; `before`: what stands before them, with a dot."""
    if not isinstance(written, dict):
        return {before[:-1]}
    return {key for name, value in written.items() for key in dotted_keys(value, f"{before}{name}.")}


@dataclass(frozen=True)
class _Origin:
    """Say where a key and its value were written: at one place, or, if `written` is given, part by part in it.

    `path`: of the value in the document `written`. `prefix`: the words before the key in messages. `key_place`: the
    place of the key, if its value stands elsewhere.
    """

    place: Place
    written: Document | None = None
    path: KeyPath = ()
    prefix: str = ""
    key_place: Place | None = None

    @property
    def place_of_key(self) -> Place:
        """Return where the key was written."""
        return self.key_place or self.place

    def inside(self, key: str) -> _Origin:
        """Return the origin of a key inside this value."""
        if self.written is None:
            return self
        path = (*self.path, key)
        return replace(self, place=self.written.place_of(path, key=True), path=path)

    def mark(self, document: Document, path: KeyPath, value: object, before: object) -> None:
        """Record in a document that its value at `path`, with everything in it, was written here."""
        document.mark_written(path, value, self.place, before)
        if self.prefix:
            document.prefixes[path] = self.prefix
        if self.written is not None:
            document.take_places(path, value, self.written, self.path)

    def mark_made(self, document: Document, path: KeyPath) -> None:
        """Record that the value at `path` was made to hold a key that was written here."""
        document.value_places[path] = document.key_places[path] = self.place_of_key
        if self.prefix:
            document.prefixes[path] = self.prefix


def spread_dotted_keys(document: Document) -> None:
    """Nest the values of dotted keys, which mappings given in Python may have; files have nested keys only.

    A key that is given both ways is a problem of the document.
    """
    if not isinstance(document.data, dict):
        return
    origin = _Origin(document.place_of(()))
    for path, data, key in list(_dotted_keys((), document.data)):
        steps = tuple(key.split("."))
        value = data.pop(key)
        if _leads_to_value(document.data, (*path, *steps), value):
            message = f"stands twice, dotted ({key}) and nested"
            document.problems.append(Problem(origin.place, ".".join((*path, *steps)), message))
        else:
            _apply_steps(document, _names_whole(document, (*path, *steps)), value, origin)


def _dotted_keys(path: tuple[str, ...], data: dict[str, Any]) -> Iterator[tuple[tuple[str, ...], dict[str, Any], str]]:
    """Yield path, mapping and key of each dotted key in a block; names as keys, like a.vf0, are not dotted keys."""
    block = keys_of(model_at(path))
    for key, value in data.items():
        if "." in key and key.split(".")[0] in block:
            yield path, data, key
        elif isinstance(value, dict) and key in block:
            yield from _dotted_keys((*path, key), value)


def _leads_to_value(data: Any, steps: tuple[str, ...], value: object) -> bool:
    for step in steps:
        if not isinstance(data, dict) or step not in data:
            return False
        data = data[step]
    return not (isinstance(data, dict) and isinstance(value, dict))


def _parts_of_block(steps: tuple[str, ...], value: Any) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield steps and value of a change; the dotted keys in a block are split off and yielded first."""
    path = tuple(".".join(steps).split("."))
    if isinstance(value, dict):
        dotted = [key for key in value if "." in key and key.split(".")[0] in keys_of(model_at(path))]
        for key in dotted:
            yield from _parts_of_block((*steps, key), value.pop(key))
        if dotted and not value:
            return
    yield steps, value


def apply_changes(document: Document, written: Document, path: KeyPath, changes: dict[str, Any], prefix: str) -> None:
    """Change `document` by `changes`: keys with values, dotted or nested, at `path` of the document `written`.

    A key from the command line wins over one from a file, dotted or nested. Problems are added to `document.problems`;
    `prefix` stands before the keys in them and in all later messages.
    """
    leaves = list(_leaves((), changes, _Origin(written.place_of(path), written, path, prefix)))
    seen: dict[tuple[tuple[str, ...], int], Place] = {}
    for words, value, origin in sorted(leaves, key=lambda leaf: leaf[2].place.source_index):
        steps = _names_whole(document, words)
        key = ".".join(steps)
        first = seen.setdefault((steps, origin.place.source_index), origin.place)
        if first is not origin.place:
            message = f"repeated key; it stands in line {first.line} already"
            document.problems.append(Problem(origin.place, prefix + key, message))
        else:
            _apply_steps(document, steps, copied_data(value), origin)


def _leaves(steps: tuple[str, ...], value: Any, origin: _Origin) -> Iterator[tuple[tuple[str, ...], Any, _Origin]]:
    """Yield steps, value and origin of each single key that changes; an empty block, `rsc: {}`, counts as one."""
    if isinstance(value, dict) and (not steps or (value and model_at(steps) is not None)):
        for key, item in value.items():
            yield from _leaves((*steps, *key.split(".")), item, origin.inside(key))
    else:
        yield steps, value, origin


def plain_data(value: object, depth: int = 0) -> Any:
    """Copy Python data into what a file could hold; the validation refuses any other object that is left.

    Keys become texts, tuples lists, NumPy's numbers and arrays those of Python, and a Decimal what its digits mean.
    `depth`: how many mappings and lists it is in; InputError where these are more than a file may have, as where one
    holds itself.
    """
    if depth > MAX_DEPTH:
        raise InputError(f"nested deeper than {MAX_DEPTH} levels")
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, Decimal):
        return plain_scalar(f"{value:f}")
    if isinstance(value, Mapping):
        return {key if isinstance(key, str) else str(key): plain_data(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain_data(item, depth + 1) for item in value]
    return value


@dataclass(frozen=True)
class Change:
    """Hold the new value of a key, with the places where key and value were written.

    `prefix`: the words before the key in messages.
    """

    key: str
    value: Any
    key_place: Place
    value_place: Place
    prefix: str = ""


def apply_change(document: Document, change: Change) -> None:
    """Change one key of `document`; problems with it, now or in the validation, point at where it was written."""
    origin = _Origin(change.value_place, prefix=change.prefix, key_place=change.key_place)
    path = _apply_steps(document, _steps_of(document, change.key), copied_data(change.value), origin)
    if path is not None:
        document.key_places[path] = change.key_place


def _apply(document: Document, key: str, value: object, place: Place) -> None:
    _apply_steps(document, _steps_of(document, key), value, _Origin(place))


def _steps_of(document: Document, key: str) -> tuple[str, ...]:
    """Split a dotted key, but keep a name that has a dot whole."""
    return _names_whole(document, tuple(key.split(".")))


def _names_whole(document: Document, steps: tuple[str, ...]) -> tuple[str, ...]:
    """Join the words of a name that has a dot: a station in weights, a port of a bridge."""
    if steps[:2] == _WEIGHTS and len(steps) > 3:
        steps = (*_WEIGHTS, ".".join(steps[2:]))
    at = _ports_at(steps)
    if at and len(steps) > at + 1:
        end = at + 1 + _has_adapters(document, steps[at])
        end += any(map(is_port_name, steps[end : end + 1]))  # of an adapter with several: a.p1, a.x.p1
        steps = (*steps[:at], ".".join(steps[at:end]), *steps[end:])
    return steps


def _ports_at(steps: tuple[str, ...]) -> int:
    """Return which step of a key names a port of a bridge, 0 where none does."""
    if steps[:2] == ("bridge", "ports"):
        return 2
    return 3 if steps[:1] == ("bridges",) and steps[2:3] == ("ports",) else 0


def _has_adapters(document: Document, server: str) -> bool:
    """Tell whether a server has several adapters, so that its ports at the bridge have names with a dot."""
    entries = document.data.get("servers") if isinstance(document.data, dict) else None
    listed = entries if isinstance(entries, list) else ()
    named = [each for each in listed if isinstance(each, dict) and each.get("name") == server]
    return any(each.get("adapters") for each in named)


def _apply_steps(document: Document, steps: tuple[str, ...], value: object, origin: _Origin) -> KeyPath | None:
    """Change the key at `steps`; return its path, None where it could not be reached."""
    if not all(steps):
        message = "an empty word between the dots; write it like pcie.lanes=8"
        document.problems.append(Problem(origin.place, origin.prefix + ".".join(steps), message))
        return None
    here: Any = document.data
    path: KeyPath = ()
    for step in steps[:-1]:
        here, path = _descend(document, here, path, step, origin)
        if here is None:
            return None
    return _store(document, here, path, steps[-1], value, origin)


def _descend(document: Document, here: Any, path: KeyPath, step: str, origin: _Origin) -> tuple[Any, KeyPath]:
    """Return what `step` leads to, made if it is absent, and its path; None if a problem was recorded."""
    if isinstance(here, dict):
        path = (*path, step)
        if here.get(step) is None:
            here[step] = [] if path in _LISTS else {}
            origin.mark_made(document, path)
        return here[step], path
    if isinstance(here, list):
        index = _index_of(here, step)
        if index is None and path == ("switch", "ports"):
            index = len(here)
            here.append({"name": step})
            origin.mark_made(document, (*path, index))
            origin.mark_made(document, (*path, index, "name"))
        if index is not None:
            return here[index], (*path, index)
    _complain(document, here, path, step, origin)
    return None, path


def _store(document: Document, here: Any, path: KeyPath, step: str, value: object, origin: _Origin) -> KeyPath | None:
    """Put a value at its place, and return its path, None where there is no such place.

    A block, or the entries of a list, are merged key by key into what is there.
    """
    if isinstance(value, dict) and _may_merge(here, path, step):
        inside, path = _descend(document, here, path, step, origin)
        if inside is not None:
            for key, item in value.items():
                _store(document, inside, path, key, item, origin.inside(key))
        return None if inside is None else path
    if isinstance(here, dict):
        path, before = (*path, step), here.get(step)
        here[step] = value
    elif isinstance(here, list) and (index := _index_of(here, step)) is not None:
        path, before = (*path, index), here[index]
        here[index] = value
    else:
        _complain(document, here, path, step, origin)
        return None
    origin.mark(document, path, value, before)
    return path


def _complain(document: Document, here: Any, path: KeyPath, step: str, origin: _Origin) -> None:
    """Report that there is no `step` at `path`: a list without such an entry, or a single value without keys."""
    if isinstance(here, list):
        message = _no_entry(here, step)
    else:
        message = f"{document.dotted(path)} is a single value and has no key {step!r}"
    path = (*path, step)
    before = "" if document.prefix_of(path) else origin.prefix
    document.problems.append(Problem(origin.place_of_key, before + document.dotted(path), message))


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
    known = f"; its entries are {', '.join(names)}" if 0 < len(names) == len(entries) <= _MOST_NAMED else ""
    hint = f" (did you mean {close[0]}?)" if close else known or f"; it has {len(entries)} entries, counted from 0"
    return f"the list has no entry {step!r}{hint}"


def _shown(value: object) -> str:
    text = "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
    return text if len(text) <= 40 else text[:37] + "..."
