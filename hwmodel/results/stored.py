"""Reading stored results: what is wrong with a file, and at which line and column."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

from hwmodel.errors import InputError
from hwmodel.results.json_form import Path, Problem, dotted, from_plain

_SPACE = re.compile(r"[ \t\r\n]*")
_MOST_LINES = 20
_DEEPEST = 40  # of objects and lists in one another; a result with a bridge has 12
# Key -> the dataclass of the documents that have it, which says so itself: it is made of the records of the others.
KINDS: dict[str, type] = {}


def parse_result(kind: type, text: str, name: str, schema_version: int) -> Any:
    """Build a `kind` (the Result dataclass) from JSON text; InputError lines `name:line:column: key: problem`.

    A document with a key of `KINDS` is built as what stands there.
    """
    repeats: list[_Repeating] = []
    try:
        plain = json.loads(text, parse_constant=_reject_constant, object_pairs_hook=_noting(repeats))
    except json.JSONDecodeError as error:
        raise InputError(f"{name}:{error.lineno}:{error.colno}: is not JSON: {error.msg}") from None
    except (ValueError, RecursionError) as error:
        reason = "nested too deep" if isinstance(error, RecursionError) else str(error)
        raise InputError(f"{name}:1:1: is not JSON: {reason}") from None
    if _is_deeper(plain, _DEEPEST):
        raise InputError(f"{name}:1:1: is no result: nested deeper than {_DEEPEST} levels")
    if repeats:
        raise InputError([_line(name, text, problem) for problem in _repeated_keys(plain)][:_MOST_LINES])
    if not isinstance(plain, dict) or "schema_version" not in plain:
        raise InputError(f"{name}:1:1: schema_version: is missing (is this a result of `hwmodel run --json`?)")
    found = plain["schema_version"]
    if isinstance(found, bool) or found != schema_version:
        problem = Problem(("schema_version",), f"{found!r} is not known (this hwmodel reads {schema_version})")
        raise InputError(_line(name, text, problem))
    problems: list[Problem] = []
    result = from_plain(next((KINDS[key] for key in KINDS if plain.get(key)), kind), plain, (), problems)
    if not problems:
        problems.extend(result.impossible())
    if problems:
        lines = [_line(name, text, problem) for problem in problems[:_MOST_LINES]]
        if len(problems) > _MOST_LINES:
            lines.append(f"{name}:1:1: and {len(problems) - _MOST_LINES} more problems")
        raise InputError(lines)
    return result


class _Repeating(dict[str, Any]):
    """An object of a JSON document in which `keys_repeated` stand more than once."""

    keys_repeated: tuple[str, ...] = ()


def _noting(repeats: list[_Repeating]) -> Callable[[list[tuple[str, Any]]], dict[str, Any]]:
    """Return what makes objects for the decoder, and notes those that repeat a key."""

    def made(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) == len(pairs):
            return found
        repeating = _Repeating(found)
        counts = Counter(key for key, _ in pairs)
        repeating.keys_repeated = tuple(key for key, n in counts.items() if n > 1)
        repeats.append(repeating)
        return repeating

    return made


def _repeated_keys(plain: Any) -> Iterator[Problem]:
    """Yield each key that stands twice in its object, with the path to it."""
    left: list[tuple[Path, Any]] = [((), plain)]
    while left:
        path, value = left.pop()
        if isinstance(value, _Repeating):
            for key in value.keys_repeated:
                yield Problem((*path, key), "stands more than once in its object")
        items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        left.extend(((*path, key), item) for key, item in items)


def _is_deeper(plain: Any, most: int) -> bool:
    """Tell whether more than `most` lists and objects stand in one another; by levels, however deep they are."""
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
    """Return line and column, from 1, of a value in a JSON document; of its nearest holder where it is missing."""
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


def _reject_constant(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no number")
