"""JSON values to text, with an indentation that the C code of `json` does not write."""

from __future__ import annotations

import functools
import json
import marshal
import math
from collections.abc import Callable, Mapping, Sequence
from json.encoder import encode_basestring
from typing import Any

NEW_LINE = "\n"
MOST_REMEMBERED = 64  # texts of a configuration's blocks, which points of a sweep have in common
EXACT_FORMAT = 2  # of `marshal`, the last in which equal data have equal bytes, whoever else holds them


def joined(items: Sequence[str], first: str, last: str, line: str) -> str:
    """Return the items of a list or a mapping between its brackets; `line`: a line's end and its indentation."""
    return f"{first}{line}  {f',{line}  '.join(items)}{line}{last}" if items else f"{first}{last}"


def verbatim_text(value: Any, line: str) -> str:
    """Write JSON values as they are; of a mapping, what each key holds may have been written lately."""
    if not isinstance(value, dict):
        return plain_text(value, line)
    inner, items = f"{line}  ", []
    for key, item in value.items():
        try:
            text = _written_lately(marshal.dumps(item, EXACT_FORMAT), inner)
        except ValueError:  # no plain data, or no JSON: which of them is said here
            text = plain_text(item, inner)
        items.append(f"{encode_basestring(key)}: {text}")
    return joined(items, "{", "}", line)


@functools.lru_cache(maxsize=MOST_REMEMBERED)
def _written_lately(marshalled: bytes, line: str) -> str:
    return plain_text(marshal.loads(marshalled), line)


def plain_text(value: Any, line: str) -> str:
    """Write JSON values as they are; ValueError for NaN and infinities."""
    write = WRITERS.get(type(value))
    if write is not None:
        return write(value)
    inner = f"{line}  "
    if isinstance(value, dict):
        items = [f"{encode_basestring(key)}: {plain_text(item, inner)}" for key, item in value.items()]
        return joined(items, "{", "}", line)
    if isinstance(value, list):
        return joined([plain_text(item, inner) for item in value], "[", "]", line)
    return checked_text(value)


def checked_text(value: Any) -> str:
    """Write what is no dict and no list as `json` does; ValueError for NaN and infinities."""
    return json.dumps(value, allow_nan=False, ensure_ascii=False)


WRITERS: Mapping[type, Callable[[Any], str]] = {
    str: encode_basestring,
    int: repr,
    float: lambda value: repr(value) if math.isfinite(value) else checked_text(value),
    bool: lambda value: "true" if value else "false",
    type(None): lambda _: "null",
}
