"""What functions counted, as `ethtool -S` and `ip -s link show` print it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from hwmodel.words.quantities import printable, table

if TYPE_CHECKING:
    from hwmodel.results.result import Result

_INDENT = "    "


def counters_text(result: Result) -> str:
    """Return each function's counters in the tools' own format, so that parsers of the tools can read it.

    Empty where the result has none.
    """
    return "\n".join(line for name in result.counters for line in _of_function(result, name))


def _of_function(result: Result, name: str) -> Iterator[str]:
    counters = result.counters[name]
    yield ""
    yield f"NIC statistics of {printable(name)}:"
    yield from (f"     {printable(key)}: {value}" for key, value in counters.in_order())
    yield f"{printable(name)}:"
    yield from _directions(counters.ip, _INDENT)
    for vf, link in counters.ip.vfs.items():
        yield f"{_INDENT}{printable(vf)}:"
        yield from _directions(link, 2 * _INDENT)


def _directions(link: Any, indent: str) -> Iterator[str]:
    """Give the headings and the counts of both directions, in columns."""
    for direction, counts in (("RX:", link.rx), ("TX:", link.tx)):
        names = [field.name for field in fields(counts)]
        rows = [["", *(str(getattr(counts, name)) for name in names)]]
        yield from (indent + line.text for line in table((direction, *names), rows))
