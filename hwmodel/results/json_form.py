"""Frozen dataclasses to JSON values and back, driven by their type hints alone.

A field's JSON key is its name without a trailing underscore (`from_` is written `from`). Written floats are rounded to
DECIMALS decimals, so that a last-bit difference between two machines does not show; a field whose metadata hold
`verbatim` is copied as it is, and one with `omit_empty` left out where it is empty or 0.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import math
import numbers
import sys
import types
import typing
from collections.abc import Collection, Mapping, Sequence
from json.encoder import encode_basestring
from typing import Any, NamedTuple

from hwmodel.results.json_text import NEW_LINE, WRITERS, checked_text, joined, plain_text, verbatim_text

DECIMALS = 9
# Between these a figure rounded to DECIMALS has 15 digits at most: its shortest text is those digits.
LEAST_PLAIN, MOST_PLAIN = 1e-4, 1e6
MOST_COUNT = 2**63 - 1  # all whole numbers of results are counts, of 64 bits in the engine
_FIXED_POINT = f"%.{DECIMALS}f"
Path = tuple[str | int, ...]


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


def json_key(field: dataclasses.Field[Any]) -> str:
    """Return the key under which a dataclass field stands in JSON."""
    return field.name.rstrip("_")


def to_plain(value: Any, kind: Any = Any) -> Any:
    """Return a value as dicts, lists, strings, ints, floats and None.

    Fields keep their order, mappings are sorted by key; a whole number where `kind`, the declared type, says float is
    written as one. Raises ValueError, naming the value's dotted key, for NaN, an infinity, or a type that JSON cannot
    hold.
    """
    return json.loads(_text(value, _present(kind), NEW_LINE))


def plain_record(record: Any, left_out: Collection[str] = ()) -> dict[str, Any]:
    """Return a dataclass as `to_plain` does, without the attributes `left_out`."""
    plain: dict[str, Any] = json.loads(_record_text(record, NEW_LINE, left_out))
    return plain


def document_of(value: Any, left_out: Collection[str] = ()) -> str:
    """Return a record, or JSON values, as a document that ends with a newline, indented by 2, of what `to_plain` says.

    As `json.dumps` writes it, which is quick only where it does not indent. `left_out`: attributes of the record.
    """
    is_record = dataclasses.is_dataclass(value)
    return (_record_text(value, NEW_LINE, left_out) if is_record else plain_text(value, NEW_LINE)) + NEW_LINE


class _NotJsonError(ValueError):
    """What JSON cannot hold; where it stands is put together on the way out, for most values never have to say it."""

    def __init__(self, why: str, path: Path = ()) -> None:
        super().__init__(f"{dotted(path)}: {why}")
        self.why, self.path = why, path

    def at(self, step: str | int) -> _NotJsonError:
        """Return it with where the value around it stands, one step further out."""
        return _NotJsonError(self.why, (step, *self.path))


def _text(value: Any, kind: Any, line: str) -> str:
    """Write a value of a declared type; `line`: a line's end and the indentation of the next."""
    exact = type(value)  # of most values; asking for abstract classes takes much longer
    if exact is float or (kind is float and exact is int):
        return _figure_text(value)
    write = WRITERS.get(exact)
    if write is not None:
        return write(value)
    if exact is tuple or isinstance(value, tuple | list):
        return _list_text(value, _present_items(kind) or (Any, ...), line)
    if exact is dict or isinstance(value, Mapping):
        return _mapping_text(value, (_present_items(kind) or (Any, Any))[1], line)
    if dataclasses.is_dataclass(value):
        return _record_text(value, line)
    if isinstance(value, str | bool):
        return checked_text(value)
    if isinstance(value, numbers.Integral) and kind is not float:
        return repr(int(value))
    if isinstance(value, numbers.Real):
        return _figure_text(float(value))
    raise _NotJsonError(f"a {type(value).__name__} cannot be written as JSON")


def _figure_text(value: float) -> str:
    """Write a figure, rounded."""
    if LEAST_PLAIN <= value < MOST_PLAIN:
        text = (_FIXED_POINT % value).rstrip("0")
        return text + "0" if text[-1] == "." else text
    if not math.isfinite(value):
        raise _NotJsonError(f"{value} is no result; None stands for a figure without meaning")
    return repr(round(float(value), DECIMALS) + 0.0)  # + 0.0 turns -0.0 into 0.0


def _record_text(record: Any, line: str, left_out: Collection[str] = ()) -> str:
    inner, items, key = f"{line}  ", [], ""
    try:
        for name, key, lead, kind, is_verbatim, may_be_empty in _written_fields(record.__class__):  # noqa: B007 - read where one fails
            item = getattr(record, name)
            if name in left_out or (not may_be_empty and not item):
                continue
            items.append(lead + (verbatim_text(item, inner) if is_verbatim else _text(item, kind, inner)))
    except _NotJsonError as wrong:
        raise wrong.at(key) from None
    return joined(items, "{", "}", line)


def _mapping_text(value: Mapping[Any, Any], kind: Any, line: str) -> str:
    inner, items, key = f"{line}  ", [], None
    try:
        for key in sorted(value):
            items.append(f"{encode_basestring(str(key))}: {_text(value[key], kind, inner)}")
    except _NotJsonError as wrong:
        raise wrong.at(str(key)) from None
    return joined(items, "{", "}", line)


def _list_text(value: Sequence[Any], arguments: tuple[Any, ...], line: str) -> str:
    inner = f"{line}  "
    try:
        if arguments[-1] is Ellipsis:
            kind = arguments[0]
            items = [_text(item, kind, inner) for item in value]
        else:
            items = [_text(item, kind, inner) for item, kind in zip(value, arguments, strict=True)]
    except _NotJsonError:
        raise _first_wrong(value, arguments) from None
    return joined(items, "[", "]", line)


def _first_wrong(value: Sequence[Any], arguments: tuple[Any, ...]) -> _NotJsonError:
    """Return what is wrong with the first item of a list that cannot be written."""
    for number, (item, kind) in enumerate(zip(value, _kinds_of_items(arguments, len(value)), strict=True)):
        try:
            _text(item, kind, NEW_LINE)
        except _NotJsonError as wrong:
            return wrong.at(number)
    raise AssertionError("an item was wrong a moment ago")


@functools.cache
def _present(kind: Any) -> Any:
    """Return X for `X | None`, and any other type as it is."""
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        (kind,) = (argument for argument in typing.get_args(kind) if argument is not type(None))
    return kind


@functools.cache
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


@functools.cache
def _written_fields(kind: type) -> tuple[tuple[str, str, str, Any, bool, bool], ...]:
    """Return (attribute, JSON key, its text, type, is verbatim, may be empty) of each field of a dataclass."""
    return tuple(
        (
            name,
            key,
            f"{encode_basestring(key)}: ",
            _present(hint),
            bool(metadata.get("verbatim")),
            not metadata.get("omit_empty"),
        )
        for name, key, hint, _, metadata in _fields_of(kind)
    )


@functools.cache
def _fields_of(kind: type) -> tuple[tuple[str, str, Any, bool, Mapping[Any, Any]], ...]:
    """Return (attribute, JSON key, type, required, metadata) of each field of a dataclass."""
    hints = typing.get_type_hints(kind)
    missing = dataclasses.MISSING
    return tuple(
        (
            field.name,
            json_key(field),
            hints[field.name],
            field.default is missing and field.default_factory is missing,
            field.metadata,
        )
        for field in dataclasses.fields(kind)
    )


def _record(kind: type, value: Any, path: Path, problems: list[Problem]) -> Any:
    if not isinstance(value, dict):
        return _wrong("an object", value, path, problems)
    n_problems_before = len(problems)
    attributes: dict[str, Any] = {}
    for name, key, hint, required, _ in _fields_of(kind):
        if key in value:
            attributes[name] = from_plain(hint, value[key], (*path, key), problems)
        elif required:
            problems.append(Problem((*path, key), "is missing"))
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
    shown = repr(value)
    shown = shown if len(shown) <= 40 else shown[:37] + "..."
    problems.append(Problem(path, f"expected {expected}, found {shown}"))
