"""Read a configuration file strictly, and remember where each key and value stands.

YAML with the surprises taken out: no aliases, anchors, tags or repeated keys, one document, UTF-8, at most 1 MiB. Plain
words mean what YAML 1.2 says: `on`, `yes`, `1e3` and `12:30` are text, never a number or a truth value.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Set
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from hwmodel.errors import InputError

from .shipped import shipped_hint

MAX_FILE_BYTES = 1024**2
MAX_DEPTH = 32
_SUFFIXES = (".yaml", ".yml", ".json")
KeyPath = tuple[str | int, ...]
_FAST: Any = getattr(yaml, "CSafeLoader", None)  # there where PyYAML was built with libyaml
_READ_OTHERWISE = re.compile(r"[\t\ufeff?|>]")  # white space within words, block scalars, keys with a question mark

_NULLS = frozenset(("", "~", "null", "Null", "NULL"))
_TRUTHS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_WHOLE = re.compile(r"[-+]?(0|[1-9][0-9]{0,39})")
# JSON writers put small numbers with a negative exponent, so resolved configurations may hold one; 1e3 is a text.
_DECIMAL = re.compile(r"[-+]?([0-9]{0,40}\.[0-9]{1,40}|[0-9]{1,40}\.|[0-9](\.[0-9]{1,40})?e-[0-9]{1,3})")


class Place(NamedTuple):
    """Say where a key or value was written; places sort in the order in which a reader meets them."""

    source_index: int
    line: int
    column: int
    source: str

    def __str__(self) -> str:
        return f"{self.source}:{self.line}:{self.column}" if self.line else self.source


@dataclass
class Document:
    """Hold the plain data of a document (mappings with text keys, lists, scalars) and the place of everything in it.

    `value_places` and `key_places` are keyed by the path from the root: text for mappings, position for lists.
    """

    source: str
    data: Any = None
    value_places: dict[KeyPath, Place] = field(default_factory=dict)
    key_places: dict[KeyPath, Place] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    unreadable: set[KeyPath] = field(default_factory=set)  # values that are aliases, reported already
    spread: set[KeyPath] = field(default_factory=set)  # keys of ports that come from the entry `all`
    given: dict[KeyPath, KeyPath] = field(default_factory=dict)  # keys of ports whose values a profile's key says
    prefixes: dict[KeyPath, str] = field(default_factory=dict)  # words before a key in messages: servers.a.set.
    part: str = ""  # of a server's document: its name
    whole: Any = None  # in a server's document: the data of the whole system, to name entries that its own data lack

    @property
    def marks(self) -> tuple[dict[KeyPath, Any], ...]:
        """Return the tables keyed by a value's path, whose entries move or disappear with the value."""
        return (self.value_places, self.key_places, self.prefixes)

    def place_of(self, path: KeyPath, *, key: bool = False) -> Place:
        """Return where the value at `path` (or its key) was written, else the nearest enclosing value that was."""
        if key and path in self.key_places:
            return self.key_places[path]
        for length in range(len(path), -1, -1):
            if path[:length] in self.value_places:
                return self.value_places[path[:length]]
        return Place(0, 1, 1, self.source)

    def problem(self, path: KeyPath, message: str, *, key: bool = False) -> Problem:
        """Return what is wrong with the value at `path`, or with its key."""
        return Problem(self.place_of(path, key=key), self.dotted(path), message)

    def copied(self) -> Document:
        """Return an independent copy: changing it leaves this document as it is."""
        return replace(
            self,
            data=copied_data(self.data),
            value_places=dict(self.value_places),
            key_places=dict(self.key_places),
            problems=list(self.problems),
            unreadable=set(self.unreadable),
            spread=set(self.spread),
            given=dict(self.given),
            prefixes=dict(self.prefixes),
        )

    def parted(self, key: str, wanted: Iterable[str | int]) -> tuple[Document, dict[str | int, Document]]:
        """Return the document without the places in the list at a top-level key, and one for each wanted entry.

        An entry's has the whole data with the places of that entry alone: to look among them takes no longer for all
        the other entries.
        """
        rest = replace(self, value_places={}, key_places={}, prefixes={}, unreadable=set())
        entries = {at: Document(self.source, self.data) for at in wanted}
        for at, known in enumerate(self.marks):
            own = {entry: document.marks[at] for entry, document in entries.items()}
            for path, mark in known.items():
                if len(path) < 2 or path[0] != key:
                    rest.marks[at][path] = mark
                elif path[1] in own:
                    own[path[1]][path] = mark
        for path in self.unreadable:
            (entries.get(path[1], rest) if path[:1] == (key,) and len(path) > 1 else rest).unreadable.add(path)
        return rest, entries

    def is_written(self, path: KeyPath) -> bool:
        """Tell whether the user wrote a value at `path`."""
        return path in self.value_places

    def mark_written(self, path: KeyPath, value: Any, place: Place, before: Any) -> None:
        """Record that `value` at `path`, with all in it, was written at `place`; forget the places of `before`."""
        self.forget(path, before)
        self._mark(path, value, place)

    def _mark(self, path: KeyPath, value: Any, place: Place) -> None:
        self.value_places[path] = self.key_places[path] = place
        for step, item in _inside(value):
            self._mark((*path, step), item, place)

    def take_places(self, path: KeyPath, value: Any, other: Document, inside: KeyPath = ()) -> None:
        """Give `value` at `path`, and all in it, the places that it has at `inside` of another document."""
        for own, others in ((self.value_places, other.value_places), (self.key_places, other.key_places)):
            if inside in others:
                own[path] = others[inside]
        if inside in other.unreadable:
            self.unreadable.add(path)
        for step, item in _inside(value):
            self.take_places((*path, step), item, other, (*inside, step))

    def forget(self, path: KeyPath, before: Any) -> None:
        """Drop what is remembered of the value that was at `path`, and of everything in it."""
        for marks in self.marks:
            marks.pop(path, None)
        for step, item in _inside(before):
            self.forget((*path, step), item)

    def dotted(self, path: KeyPath) -> str:
        """Write a path as users type it: entries of a list by their name where they have one, else by position."""
        if path[:4] in self.given:
            path = (*self.given[path[:4]], *path[4:])
        words: list[str] = []
        here = self.data if path and _child(self.data, path[0]) is not None else self.whole
        for step in path:
            here = _child(here, step)
            name = here.get("name") if isinstance(step, int) and isinstance(here, dict) else None
            words.append(name if isinstance(name, str) and name else str(step))
        if path[:4] in self.spread:
            words[2] = "all"
        return self.prefix_of(path) + ".".join(words)

    def prefix_of(self, path: KeyPath) -> str:
        """Return the words before a key that a server's `set` says, like `servers.a.set.`, else an empty text."""
        lengths = range(len(path), 0, -1)  # longest first: what wrote the key, then what wrote blocks around it
        return next((self.prefixes[path[:length]] for length in lengths if path[:length] in self.prefixes), "")


@dataclass(frozen=True)
class Problem:
    """Hold one thing that is wrong with the input: where, which key, and what."""

    place: Place
    key: str
    message: str

    @property
    def line(self) -> str:
        """Return the finished line for the person who wrote the input."""
        return f"{self.place}: {self.key}: {self.message}" if self.key else f"{self.place}: {self.message}"


class DocumentError(InputError):
    """Report what is wrong with a document; `problems` in the order of their places."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__(dict.fromkeys(problem.line for problem in problems))
        self.problems = problems


def raise_problems(problems: list[Problem]) -> None:
    """Raise one DocumentError with all problems, file by file in the order of their places, if there are any."""
    if problems:
        places = ((problem.place, problem) for problem in problems)
        ordered = [one for _, one in sorted(places, key=lambda pair: (pair[0].source_index, pair[0].source, pair[0]))]
        raise DocumentError(ordered)


def is_within(path: KeyPath, others: Set[KeyPath]) -> bool:
    """Tell whether `path` is one of `others` or lies within one."""
    return any(path[:length] in others for length in range(len(path) + 1))


def read_document(path: Path, *, may_be_shipped: bool = True) -> Document:
    """Read the file at `path`; raise InputError if it cannot be read, is too large, not UTF-8 or not strict YAML.

    `may_be_shipped`: a file of its kind may come with hwmodel, so that a name like one of these may be meant.
    """
    source = str(path)
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except FileNotFoundError:
        hint = _similar_file(path) or (shipped_hint(path) if may_be_shipped else "")
        raise InputError(f"{source}: no such file{hint}") from None
    except IsADirectoryError:
        raise InputError(f"{source}: is a folder, not a file{_only_file(path)}") from None
    except OSError as error:
        raise InputError(f"{source}: cannot be read: {error.strerror or error}") from None
    except ValueError as error:
        raise InputError(f"{source!r}: is not a file name: {error}") from None
    if len(content) > MAX_FILE_BYTES:
        raise InputError(f"{source}: larger than 1 MiB, the most that a configuration may have")
    return parse_document(content, source)


def parse_document(content: bytes | str, source: str, source_index: int = 0) -> Document:
    """Parse strict YAML; raise InputError if it is no YAML at all, else return the document with all other problems.

    libyaml parses some twenty times as fast as Python. What it finds anything wrong with, and what the two may read
    differently, is parsed in Python: so data, places and messages are the same with and without it.
    """
    text = content if isinstance(content, str) else _decode(content, source)
    if _FAST is not None and not _READ_OTHERWISE.search(text):
        document = Document(source)
        with suppress(yaml.YAMLError, _TooDeepError, UnicodeEncodeError):
            builder = _Builder(_FAST, text, document, source_index)
            builder.build()
            if not document.problems and not builder.has_nothing:
                return document
    document = Document(source)
    builder = _Builder(yaml.SafeLoader, text, document, source_index)
    try:
        builder.build()
    except yaml.reader.ReaderError as error:
        at = int(error.position)
        line, column = text.count("\n", 0, at) + 1, at - (text.rfind("\n", 0, at) + 1) + 1
        problem = Problem(Place(source_index, line, column, source), "", "a control character is not allowed")
        document.problems.append(problem)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = builder.place(mark) if mark is not None else Place(source_index, 1, 1, source)
        what = " ".join(part for part in (error.problem, error.context) if part)
        document.problems.append(Problem(place, "", f"not valid YAML: {what}"))
    except _TooDeepError as error:
        document.problems.append(error.problem)
    else:
        return document
    raise_problems(document.problems)
    raise AssertionError("a problem was recorded above")


def copied_data(value: Any) -> Any:
    """Return a deep copy of plain data; scalars, which never change, are shared."""
    if isinstance(value, dict):
        return {key: copied_data(item) for key, item in value.items()}
    if isinstance(value, list):
        return [copied_data(item) for item in value]
    return value


def plain_scalar(text: str) -> str | int | float | bool | None:
    """Return what an unquoted word means: null, a truth value, a whole or decimal number, else the text itself."""
    if text in _NULLS:
        return None
    if text in _TRUTHS:
        return _TRUTHS[text]
    if _WHOLE.fullmatch(text):
        return int(text)
    if _DECIMAL.fullmatch(text):
        return float(text)
    return text


class _TooDeepError(Exception):
    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.line)
        self.problem = problem


class _Builder:
    """Turn the parser's events into data, one node a call; events come one by one, so that limits hold at once."""

    def __init__(self, loader: Any, text: str, document: Document, source_index: int) -> None:
        self._loader_of = loader
        self._text = text
        self.has_nothing = False  # whether nothing stands anywhere that a value could
        self._document = document
        self._source_index = source_index

    def build(self) -> None:
        self._loader = self._loader_of(self._text)
        try:
            self._next()  # the stream's start
            if isinstance(self._next(), yaml.DocumentStartEvent):
                self._document.data = self._node(self._next(), ())
                self._next()  # the document's end
                after = self._next()
                if isinstance(after, yaml.DocumentStartEvent):
                    self._problem(after.start_mark, (), "a second document begins here; a file holds one")
        finally:
            self._loader.dispose()

    def place(self, mark: Any) -> Place:
        return Place(self._source_index, mark.line + 1, mark.column + 1, self._document.source)

    def _next(self) -> Any:
        return self._loader.get_event()

    def _problem(self, mark: Any, path: KeyPath, message: str) -> None:
        self._document.problems.append(Problem(self.place(mark), ".".join(map(str, path)), message))

    def _node(self, event: Any, path: KeyPath) -> Any:
        self._document.value_places[path] = self.place(event.start_mark)
        if isinstance(event, yaml.AliasEvent):
            self._document.unreadable.add(path)
            self._problem(
                event.start_mark, path, f"aliases such as *{event.anchor} are not allowed; write the value out"
            )
            return None
        if len(path) > MAX_DEPTH:
            raise _TooDeepError(Problem(self.place(event.start_mark), "", f"nested deeper than {MAX_DEPTH} levels"))
        if event.anchor is not None:
            self._problem(event.start_mark, path, f"anchors such as &{event.anchor} are not allowed")
        if event.tag is not None:
            self._problem(event.start_mark, path, "tags such as !!str are not allowed; quotes make a text")
        if isinstance(event, yaml.ScalarEvent):
            self.has_nothing |= event.value == ""
            return plain_scalar(event.value) if not event.style and event.tag is None else event.value
        if isinstance(event, yaml.SequenceStartEvent):
            return self._list(path)
        return self._mapping(path)

    def _list(self, path: KeyPath) -> list[Any]:
        items: list[Any] = []
        while not isinstance(event := self._next(), yaml.SequenceEndEvent):
            items.append(self._node(event, (*path, len(items))))
        return items

    def _mapping(self, path: KeyPath) -> dict[str, Any]:
        mapping: dict[str, Any] = {}
        while not isinstance(event := self._next(), yaml.MappingEndEvent):
            key_place = self.place(event.start_mark)
            key = event.value if isinstance(event, yaml.ScalarEvent) else None
            if key is None:
                self._problem(event.start_mark, path, "a key is a single word, not a list, mapping or alias")
                self._skip(event, path)
                self._skip(self._next(), path)
                continue
            if event.tag is not None or event.anchor is not None:
                self._problem(event.start_mark, (*path, key), "tags and anchors are not allowed on keys")
            if key in mapping:
                first = self._document.key_places[(*path, key)]
                self._problem(event.start_mark, (*path, key), f"repeated key; it stands in line {first.line} already")
                self._skip(self._next(), path)
                continue
            self._document.key_places[(*path, key)] = key_place
            mapping[key] = self._node(self._next(), (*path, key))
        return mapping

    def _skip(self, event: Any, path: KeyPath) -> None:
        depth = 0
        while True:
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth == 0:
                return
            if depth + len(path) > MAX_DEPTH:
                raise _TooDeepError(Problem(self.place(event.start_mark), "", f"nested deeper than {MAX_DEPTH} levels"))
            event = self._next()


def _decode(content: bytes, source: str) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start]
        line, column = before.count(b"\n") + 1, error.start - (before.rfind(b"\n") + 1) + 1
        place = Place(0, line, column, source)
        raise DocumentError([Problem(place, "", f"not UTF-8 text (byte 0x{content[error.start]:02x})")]) from None


def _inside(value: Any) -> Iterable[tuple[str | int, Any]]:
    """Return the items of a mapping or list with their keys or positions; nothing for a scalar."""
    if isinstance(value, dict):
        return value.items()
    return enumerate(value) if isinstance(value, list) else ()


def _child(here: Any, step: str | int) -> Any:
    if isinstance(here, dict):
        return here.get(step)
    if isinstance(here, list) and isinstance(step, int) and step < len(here):
        return here[step]
    return None


def _only_file(folder: Path) -> str:
    try:
        files = [entry for entry in folder.iterdir() if entry.suffix in _SUFFIXES]
    except OSError:
        return ""
    return f" (did you mean {files[0]}?)" if len(files) == 1 else ""


def _similar_file(path: Path) -> str:
    try:
        names = {entry.stem: entry for entry in path.parent.iterdir() if entry.suffix in _SUFFIXES}
    except OSError:
        return ""
    close = difflib.get_close_matches(path.stem, names, n=1)  # stems only: equal suffixes would make all names similar
    return f" (did you mean {names[close[0]]}?)" if close else ""
