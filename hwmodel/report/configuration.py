"""A resolved configuration as a reader wants it: by dotted key, what differs, and whole, in lines that fit a page."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from hwmodel.words.quantities import MISSING, printable

_INDENT = "  "
_LONGEST_LINE = 96
_ABSENT = object()
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*|[0-9]+(\.[0-9]+)?[A-Zac-z][A-Za-z]*")  # a word, or an amount with its unit
_YAML_WORDS = {"null", "true", "false", "yes", "no", "on", "off", "y", "n"}


class Difference(NamedTuple):
    """A key of several configurations that is not the same in all, with its value in each as text."""

    key: str
    values: tuple[str, ...]


def flat_keys(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a configuration by dotted key; entries of a list that have a name go by it, other lists are one value."""
    return dict(_walk("", config))


def differing_keys(configs: Sequence[Mapping[str, Any]]) -> list[Difference]:
    """Return the keys whose values are not the same in all configurations, in the order in which they stand there."""
    flats = [flat_keys(config) for config in configs]
    keys = dict.fromkeys(key for flat in flats for key in flat)
    found = []
    for key in keys:
        values = [flat.get(key, _ABSENT) for flat in flats]
        if any(value != values[0] or type(value) is not type(values[0]) for value in values[1:]):
            found.append(Difference(key, tuple(MISSING if value is _ABSENT else value_text(value) for value in values)))
    return found


def changed_keys(config: Mapping[str, Any], defaults: Mapping[str, Any]) -> list[Difference]:
    """Return what a configuration says that its defaults do not: (value, default) by dotted key."""
    return differing_keys([config, defaults])


def value_text(value: Any) -> str:
    """Write a value as a configuration file would hold it, without quotation marks around plain texts."""
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, float):
        return f"{value:.12g}"
    return printable(json.dumps(value, ensure_ascii=False))


def config_text(config: Mapping[str, Any]) -> str:
    """Write a whole configuration as YAML: a line for each key, inner values in one piece where they fit."""
    return "".join(f"{line}\n" for line in _block_lines(config, ""))


def _walk(prefix: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping) and value:
        for key, item in value.items():
            yield from _walk(f"{prefix}.{key}" if prefix else str(key), item)
    elif _is_named_list(value):
        for item in value:
            for key, inner in item.items():
                if key != "name":
                    yield from _walk(f"{prefix}.{item['name']}.{key}", inner)
    else:
        yield prefix, value


def _is_named_list(value: Any) -> bool:
    is_list = isinstance(value, list | tuple) and len(value) > 0
    return is_list and all(isinstance(item, Mapping) and "name" in item for item in value)


def _block_lines(value: Mapping[str, Any], indent: str) -> Iterator[str]:
    for key, item in value.items():
        head = f"{indent}{_flow(str(key))}:"
        flow = _flow(item)
        if len(head) + 1 + len(flow) <= _LONGEST_LINE and not (indent == "" and isinstance(item, Mapping) and item):
            yield f"{head} {flow}"
        elif isinstance(item, Mapping) and item:
            yield head
            yield from _block_lines(item, indent + _INDENT)
        elif isinstance(item, list | tuple) and item:
            yield head
            for entry in item:
                yield f"{indent}{_INDENT}- {_flow(entry)}"
        else:
            yield f"{head} {flow}"


def _flow(value: Any) -> str:
    """Write a value in one line of YAML; texts are quoted, as in JSON, where YAML would read them as something else."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_flow(str(key))}: {_flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_flow(item) for item in value) + "]"
    if isinstance(value, str) and _PLAIN.fullmatch(value) and value.lower() not in _YAML_WORDS:
        return value
    if isinstance(value, float) and "e" in repr(value):
        mantissa, _, exponent = repr(value).partition("e")
        return f"{mantissa if '.' in mantissa else f'{mantissa}.0'}e{exponent}"  # YAML wants the point
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in json.dumps(value, ensure_ascii=False)
    )
