"""A configuration for readers: by dotted key, as differences, as YAML; and labels that tell runs apart."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePath
from typing import Any, NamedTuple

from hwmodel.words.quantities import MISSING, printable

_INDENT = "  "
_LONGEST_LINE = 96
_ABSENT = object()
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*|[0-9]+(\.[0-9]+)?[A-Zac-z][A-Za-z]*")  # a word, or an amount with its unit
_YAML_WORDS = {"null", "true", "false", "yes", "no", "on", "off", "y", "n"}


class Difference(NamedTuple):
    """Hold a key that differs between configurations, with its value in each as text."""

    key: str
    values: tuple[str, ...]


def flat_keys(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a configuration by dotted key; list entries with a name get keys by name, other lists are one value."""
    return dict(_walk("", config))


def differing_keys(configs: Sequence[Mapping[str, Any]]) -> list[Difference]:
    """Return the keys whose values differ between configurations, in the configurations' order."""
    flats = [flat_keys(config) for config in configs]
    keys = dict.fromkeys(key for flat in flats for key in flat)
    found = []
    for key in keys:
        values = [flat.get(key, _ABSENT) for flat in flats]
        if any(value != values[0] or type(value) is not type(values[0]) for value in values[1:]):
            texts = (MISSING if value is _ABSENT else value_text(value) for value in values)
            found.append(Difference(printable(key), tuple(texts)))
    return found


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


# ---- Labels: what all have in common goes first, then middles, never a difference ----


ELLIPSIS = "…"
_BOUNDARIES = "/\\_-.,; ="


def file_labels(paths: Sequence[str]) -> list[str]:
    """Return file names without their common folder and ending; a single one without its folder."""
    if len(paths) == 1:
        return [PurePath(paths[0]).name or paths[0]]
    heads = [path.rpartition("/")[0] for path in paths]
    names = [path.rpartition("/")[2] for path in paths] if len(set(heads)) == 1 else list(paths)
    endings = {PurePath(name).suffix for name in names}
    if len(endings) == 1 and all(len(name) > len(PurePath(name).suffix) for name in names):
        ending = endings.pop()
        names = [name.removesuffix(ending) for name in names]
    return names


def short_labels(names: Sequence[str], most: int) -> list[str]:
    """Return labels of at most `most` characters, but longer ones where different names would become the same.

    Control characters are written out. Long names lose a common beginning and end (up to a separator) first, then their
    middle.
    """
    shown = [printable(name) for name in names]
    if max(map(len, shown), default=0) > most:
        shown = _without_common_ends(shown)
    limit = most
    while (cut := [_cut(name, limit) for name in shown]) != shown:
        if len(set(cut)) == len(set(shown)):
            break
        limit += 4
    return cut


def _without_common_ends(names: Sequence[str]) -> list[str]:
    different = sorted(set(names))
    if len(different) < 2:
        return list(names)
    start = _common_start(different[0], different[-1])
    end = min(_common_start(one[::-1], different[0][::-1]) for one in different)
    head = max((start_at + 1 for start_at in range(start) if different[0][start_at] in _BOUNDARIES), default=0)
    # The end left out starts at a separator and never includes a difference.
    room = min(map(len, different)) - head - 1
    reversed_name = different[0][::-1]
    tail = max((at + 1 for at in range(min(end, room)) if reversed_name[at] in _BOUNDARIES), default=0)
    return [
        f"{ELLIPSIS * bool(head)}{name[head : len(name) - tail]}{ELLIPSIS * bool(tail)}" if name else name
        for name in names
    ]


def _common_start(one: str, other: str) -> int:
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, pair in pairs if pair[0] != pair[1]), min(len(one), len(other)))


def _cut(name: str, most: int) -> str:
    if len(name) <= most:
        return name
    tail = (most - 1) // 2
    return f"{name[: most - 1 - tail]}{ELLIPSIS}{name[len(name) - tail :]}"
