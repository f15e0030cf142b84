"""Frozen dataclasses to JSON values and back, driven by their type hints alone; stored results are read strictly.

A field's JSON key is its name without a trailing underscore (`from_` is written `from`). Written floats are rounded to
DECIMALS decimals, so that a last-bit difference between two machines does not show; a field with `verbatim` in its
metadata is copied unchanged, and one with `omit_empty` is left out if it is empty or 0.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import json
import math
import numbers
import operator
import re
import sys
import types
import typing
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, ClassVar, NamedTuple, NoReturn

from hwmodel.errors import InputError

DECIMALS = 9
MOST_COUNT = 2**63 - 1  # all whole numbers of results are counts, of 64 bits in the engine
Path = tuple[str | int, ...]

_SPACE = re.compile(r"[ \t\r\n]*")
_MOST_LINES = 20
_MANY_ROWS = 256
_SCALARS = (str, int, float)
_LINES = ("\n", ":")  # between the items of a list in JSON, which have no line breaks
_DEEPEST = 40  # nesting of objects and lists; a result with a bridge has 12 levels
_AS_THEY_ARE = frozenset({str, int, bool, type(None)})


class Problem(NamedTuple):
    """What is wrong with one value of a JSON document, and where."""

    path: Path
    message: str


def dotted(path: Path) -> str:
    """Write a path as users read it: `vms[3].latency_ns.p99`."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text


class Finding:
    """Give a frozen record a JSON form (without the attributes `not_in_json`) and a one-sentence text."""

    __slots__ = ()
    not_in_json: ClassVar[tuple[str, ...]] = ()

    def to_mapping(self) -> dict[str, Any]:
        """Return the result as JSON values."""
        return to_plain(self, self.not_in_json)

    def to_json(self) -> str:
        """Return the result as a JSON document that ends with a newline."""
        return document_of(self, self.not_in_json)

    def summary(self) -> str:
        """Return what the command that found it prints."""
        raise NotImplementedError

    def __str__(self) -> str:
        """Return the answer in one sentence; `summary()` says more."""
        return self.summary().partition("\n")[0]


def to_plain(record: Any, left_out: Collection[str] = ()) -> dict[str, Any]:
    """Return a dataclass as new dicts, lists, strings, ints, floats and None, not shared with the record.

    Fields keep their order, without the attributes `left_out`; mappings are sorted by key; a whole number where the
    declared type says float is written as one. Raises ValueError, naming the value's dotted key, for NaN, an infinity,
    or a type that JSON cannot hold.
    """
    plain: dict[str, Any] = json.loads(_dumped(_record_values(record, left_out)))
    return plain


def document_of(record: Any, left_out: Collection[str] = ()) -> str:
    """Return what `to_plain` gives as a JSON document, indented by 2, that ends with a newline.

    pydantic's serializer, though four times as fast, is not used: it writes figures below 0.0001 differently, those
    from 1e16 on differently in different versions, and NaN and sets without an error.
    """
    members = []
    for name, key, _, kind, _, is_verbatim, may_be_empty in _fields_of(record.__class__):
        if name not in left_out and ((item := getattr(record, name)) or may_be_empty):
            text = _rows_text(key, item)
            members.append(text or _dumped({key: item if is_verbatim else _plain(item, kind)}, indent=2)[2:-2])
    document = "{\n" + ",\n".join(members) + "\n}\n" if members else "{}\n"
    # A lone surrogate, which UTF-8 cannot encode, is written as its JSON escape.
    return document if document.isascii() else document.encode("utf-8", "backslashreplace").decode("utf-8")


def _rows_text(key: str, rows: Any) -> str:
    """Write a document's member that is very many records alike, such as flows, by columns: in a quarter of the time.

    Empty for anything else, and for what JSON cannot hold.
    """
    if not (isinstance(rows, tuple) and len(rows) >= _MANY_ROWS and dataclasses.is_dataclass(rows[0])):
        return ""
    try:
        columns = columns_of(type(rows[0]), rows)
        texts = {kind: _texts(kind, [each for of, each in columns.values() if of is kind]) for kind in _SCALARS}
    except ValueError:
        return ""
    form: dict[str, Any] = {}
    for name in columns:
        *path, last = name.split(".")
        functools.reduce(lambda inner, step: inner.setdefault(step, {}), path, form)[last] = "%s"
    before, row, behind = re.split(r"(?<=\[)\n|\n(?=  \])", _dumped({key: [form]}, indent=2)[2:-2])
    write_row = row.replace('"%s"', "%s").__mod__
    cells = zip(*(map(texts[kind].__getitem__, column) for kind, column in columns.values()), strict=True)
    return f"{before}\n" + ",\n".join(map(write_row, cells)) + f"\n{behind}"


def columns_of(of_all: Any, rows: Collection[Any]) -> dict[str, tuple[Any, list[Any]]]:
    """Return type and values of each figure of records of a class, by its JSON keys with dots between.

    Raises ValueError where a record is of another class, or a value not of its declared type.
    """
    found: dict[str, tuple[Any, list[Any]]] = {}
    for field in _fields_of(of_all):
        column = list(map(operator.attrgetter(field.name), rows))
        may_be = {field.kind} if dataclasses.is_dataclass(field.kind) else {field.present, type(None)}
        if field.is_verbatim or not field.may_be_empty or not set(map(type, column)) <= may_be:
            raise ValueError(field.name)
        if dataclasses.is_dataclass(field.kind):
            inner = columns_of(field.kind, column)
            found |= {f"{field.key}.{name}": each for name, each in inner.items()}
        elif field.present in _SCALARS:
            found[field.key] = field.present, column
        else:
            raise ValueError(field.name)
    return found


def _texts(kind: Any, columns: Iterable[Iterable[Any]]) -> dict[Any, str]:
    """Return the JSON of each scalar in columns of a type; raises ValueError for NaN and infinities."""
    distinct = dict.fromkeys(itertools.chain(*columns))
    plain = [_plain(one, kind) for one in distinct]
    written = json.dumps(plain, ensure_ascii=False, allow_nan=False, separators=_LINES)
    return dict(zip(distinct, written[1:-1].split("\n"), strict=bool(distinct)))


def _dumped(values: Any, indent: int | None = None) -> str:
    """Write JSON values; only if that fails is the first wrong value located, which keeps the usual case fast."""
    try:
        return json.dumps(values, indent=indent, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError):
        wrong = next(_not_json(values, ()), None)
        if wrong is None:
            raise
        raise ValueError(f"{dotted(wrong.path)}: {wrong.message}") from None


def _not_json(value: Any, path: Path) -> Iterator[Problem]:
    """Yield what JSON cannot hold, in the document's order."""
    if isinstance(value, dict | list | tuple):
        for step, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _not_json(item, (*path, step))
    elif isinstance(value, float) and not math.isfinite(value):
        yield Problem(path, f"{value} is no result; None stands for a figure without meaning")
    elif not isinstance(value, str | int | float | None):
        yield Problem(path, f"a {type(value).__name__} cannot be written as JSON")


def _plain(value: Any, kind: Any) -> Any:
    """Return a value of a declared type as JSON values; what JSON cannot hold stays as it is."""
    exact = type(value)  # checked first: checks of abstract classes take much longer
    if exact is float or (kind is float and exact is int):
        return round(float(value), DECIMALS) + 0.0  # + 0.0 turns -0.0 into 0.0
    if exact in _AS_THEY_ARE:
        return value
    if dataclasses.is_dataclass(value):
        return _record_values(value)
    if isinstance(value, tuple | list):
        kinds = _kinds_of_items(_present_items(kind) or (Any, ...), len(value))
        return [_plain(item, kind) for item, kind in zip(value, kinds, strict=True)]
    if isinstance(value, Mapping):
        kind = (_present_items(kind) or (Any, Any))[1]
        return {str(key): _plain(value[key], kind) for key in sorted(value)}
    if isinstance(value, numbers.Integral) and kind is not float:
        return int(value)
    return _plain(float(value), float) if isinstance(value, numbers.Real) else value


def _record_values(record: Any, left_out: Collection[str] = ()) -> dict[str, Any]:
    """Return what a dataclass's fields hold, by JSON key."""
    return {
        key: item if is_verbatim else _plain(item, kind)
        for name, key, _, kind, _, is_verbatim, may_be_empty in _fields_of(record.__class__)
        if name not in left_out and ((item := getattr(record, name)) or may_be_empty)
    }


def _present(kind: Any) -> Any:
    """Return X for `X | None`, and any other type as it is."""
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        (kind,) = (argument for argument in typing.get_args(kind) if argument is not type(None))
    return kind


@functools.cache  # a twentieth of the time of writing a result
def _present_items(kind: Any) -> tuple[Any, ...]:
    """Return the arguments of a tuple's or a mapping's type, each as `_present` does."""
    return tuple(_present(each) for each in typing.get_args(kind))


def _kinds_of_items(arguments: tuple[Any, ...], n_items: int) -> tuple[Any, ...]:
    """Return the type of each item of a tuple, from the arguments of its declared type."""
    return arguments[:1] * n_items if arguments[-1] is Ellipsis else arguments


def from_plain(kind: Any, value: Any, path: Path, problems: list[Problem]) -> Any:
    """Build a value of type `kind` from JSON values; append what is wrong to `problems`.

    Knows dataclasses, `X | None`, `tuple[X, ...]`, `tuple[X, Y]`, `Mapping[str, X]`, bool, int, float, str, Any. Keys
    that a dataclass does not have are ignored: results may carry more than this version knows. The returned value has
    no meaning once a problem was appended.
    """
    if kind is Any:
        return value
    if dataclasses.is_dataclass(kind):
        return _record(typing.cast(type, kind), value, path, problems)
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        return None if value is None else from_plain(_present(kind), value, path, problems)
    if origin is tuple:
        return _sequence(arguments, value, path, problems)
    if origin is Mapping:
        if not isinstance(value, dict):
            return _wrong("an object", value, path, problems)
        return {key: from_plain(arguments[1], item, (*path, key), problems) for key, item in value.items()}
    return _scalar(kind, value, path, problems)


class _Field(NamedTuple):
    """Describe a dataclass's field: its JSON key, and how it is written and read."""

    name: str
    key: str
    kind: Any
    present: Any  # its type without `| None`
    is_required: bool
    is_verbatim: bool
    may_be_empty: bool


@functools.cache  # writing a result takes five times as long without it, reading one four times
def _fields_of(kind: type) -> tuple[_Field, ...]:
    hints = typing.get_type_hints(kind)
    missing = dataclasses.MISSING
    return tuple(
        _Field(
            field.name,
            field.name.rstrip("_"),
            hints[field.name],
            _present(hints[field.name]),
            field.default is missing and field.default_factory is missing,
            bool(field.metadata.get("verbatim")),
            not field.metadata.get("omit_empty"),
        )
        for field in dataclasses.fields(kind)
    )


def _record(kind: type, value: Any, path: Path, problems: list[Problem]) -> Any:
    if not isinstance(value, dict):
        return _wrong("an object", value, path, problems)
    n_problems_before = len(problems)
    attributes: dict[str, Any] = {}
    for field in _fields_of(kind):
        if field.key in value:
            attributes[field.name] = from_plain(field.kind, value[field.key], (*path, field.key), problems)
        elif field.is_required:
            problems.append(Problem((*path, field.key), "is missing"))
    return None if len(problems) > n_problems_before else kind(**attributes)


def _sequence(arguments: tuple[Any, ...], value: Any, path: Path, problems: list[Problem]) -> Any:
    if not isinstance(value, list):
        return _wrong("a list", value, path, problems)
    kinds = _kinds_of_items(arguments, len(value))
    if len(kinds) != len(value):
        return _wrong(f"a list of {len(kinds)} values", value, path, problems)
    return tuple(
        from_plain(kind, item, (*path, index), problems)
        for index, (kind, item) in enumerate(zip(kinds, value, strict=True))
    )


def _scalar(kind: Any, value: Any, path: Path, problems: list[Problem]) -> Any:
    if kind is str:
        return value if isinstance(value, str) else _wrong("a text", value, path, problems)
    if kind is bool:
        return value if isinstance(value, bool) else _wrong("true or false", value, path, problems)
    if kind is int:
        if isinstance(value, int) and not isinstance(value, bool):
            return value if 0 <= value <= MOST_COUNT else _wrong("a count from 0 to 2^63 - 1", value, path, problems)
        return _wrong("a whole number", value, path, problems)
    if kind is float:
        if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= sys.float_info.max:
            return float(value)
        return _wrong("a finite number", value, path, problems)
    raise TypeError(f"no JSON form for {kind}")


def _wrong(expected: str, value: Any, path: Path, problems: list[Problem]) -> None:
    shown = {"None": "null", "True": "true", "False": "false"}.get(repr(value), repr(value))  # as the file has it
    shown = shown if len(shown) <= 40 else shown[:37] + "..."
    problems.append(Problem(path, f"expected {expected}, found {shown}"))


_OF_A_RUN = {"config_hash", "totals", "window"}  # keys of a run's result that no other document has
_OTHER_PAGES = "pages of what `sweep`, `size`, `search` and `compare` find come with their own --report"


def parse_result(kind: type, text: str, name: str, schema_version: int, others: Mapping[str, type]) -> Any:
    """Build a `kind` (the Result dataclass) from JSON text; InputError lines `name:line:column: key: problem`.

    `others`: key -> the dataclass of documents that have it.
    """
    try:
        plain = json.loads(text, parse_constant=_reject_constant, object_pairs_hook=_each_once)
    except json.JSONDecodeError as error:
        raise InputError(f"{name}:{error.lineno}:{error.colno}: is not JSON: {error.msg}") from None
    except (ValueError, RecursionError) as error:
        reason = "nested too deep" if isinstance(error, RecursionError) else str(error)
        raise InputError(f"{name}:1:1: is not JSON: {reason}") from None
    if _is_deeper(plain, _DEEPEST):
        raise InputError(f"{name}:1:1: is no result: nested deeper than {_DEEPEST} levels")
    if not isinstance(plain, dict) or "schema_version" not in plain:
        raise InputError(f"{name}:1:1: schema_version: is missing (is this a result of `hwmodel run --json`?)")
    found = plain["schema_version"]
    if isinstance(found, bool) or found != schema_version:
        problem = Problem(("schema_version",), f"{found!r} is not known (this hwmodel reads {schema_version})")
        raise InputError(_line(name, text, problem))
    if not _OF_A_RUN & plain.keys():
        raise InputError(f"{name}:1:1: is not the result of a run, as `hwmodel run --json` writes it; {_OTHER_PAGES}")
    problems: list[Problem] = []
    result = from_plain(next((other for key, other in others.items() if plain.get(key)), kind), plain, (), problems)
    if not problems:
        problems.extend(result.impossible())
    if problems:
        lines = [_line(name, text, problem) for problem in problems[:_MOST_LINES]]
        if len(problems) > _MOST_LINES:
            lines.append(f"{name}:1:1: and {len(problems) - _MOST_LINES} more problems")
        raise InputError(lines)
    return result


def _is_deeper(plain: Any, most: int) -> bool:
    """Tell whether lists and objects are nested deeper than `most`; level by level, without recursion."""
    level = [plain]
    for _ in range(most):
        level = [
            item
            for value in level
            if isinstance(value, dict | list)
            for item in (value.values() if isinstance(value, dict) else value)
        ]
        if not level:
            return False
    return True


def locate(text: str, path: Path) -> tuple[int, int]:
    """Return line and column, from 1, of a value in a JSON document; if it is missing, of its nearest container."""
    decoder = json.JSONDecoder()
    position = _skip_space(text, 0)
    for step in path:
        inside = _find_step(text, position, step, decoder)
        if inside is None:
            break
        position = inside
    line_start = text.rfind("\n", 0, position) + 1
    return text.count("\n", 0, position) + 1, position - line_start + 1


def _find_step(text: str, position: int, step: str | int, decoder: json.JSONDecoder) -> int | None:
    """Return the position of a member of the container at `position`; None where it has no such member.

    Of a repeated key the last one counts, as for the decoder.
    """
    opening = text[position]
    if opening not in "{[":
        return None
    found, index = None, 0
    position = _skip_space(text, position + 1)
    while text[position] not in "}]":
        key: str | int = index
        if opening == "{":
            key, position = decoder.raw_decode(text, position)
            position = _skip_space(text, _skip_space(text, position) + 1)
        if key == step:
            found = position
        _, position = decoder.raw_decode(text, position)
        position = _skip_space(text, position)
        if text[position] == ",":
            position = _skip_space(text, position + 1)
        index += 1
    return found


def _skip_space(text: str, position: int) -> int:
    match = _SPACE.match(text, position)
    return match.end() if match else position


def _line(name: str, text: str, problem: Problem) -> str:
    line, column = locate(text, problem.path)
    return f"{name}:{line}:{column}: {dotted(problem.path)}: {problem.message}"


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return a document's object; raises ValueError if a key occurs twice, as it is then unclear which value counts."""
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = next(key for at, (key, _) in enumerate(pairs) if key in dict(pairs[:at]))
        raise ValueError(f"{twice!r} stands more than once in its object")
    return found


def _reject_constant(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no number")
