"""Fields of records that a program takes for constants, so that LLVM drops the code for all other values.

Kernels say nothing of it. A process that compiles such a program declares them first, and compiles nothing else: what a
kernel was compiled to is kept for all programs of the process. The state that the program then runs on has to have
these values in all records in use.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from numba import from_dtype

_DECLARED: list[tuple[Any, Mapping[str, int]]] = []  # types of records with values of fields
_KNOWN: dict[int, tuple[Any, Mapping[str, int]]] = {}  # the same by the identity of a type, which is kept


@contextmanager
def taken_for_constants(fields: Mapping[Any, Mapping[str, int]]) -> Iterator[None]:
    """Take fields for constants in whatever is compiled meanwhile; `fields`: values by field, by kind of record."""
    _DECLARED.extend((from_dtype(kind), values) for kind, values in fields.items())
    try:
        yield
    finally:
        _DECLARED.clear()
        _KNOWN.clear()


def constant_of(kind: Any, field: str) -> int | None:
    """Return the value of a field of records of a type, None if it is not declared."""
    if not _DECLARED:
        return None
    if id(kind) not in _KNOWN:
        _KNOWN[id(kind)] = kind, next((values for each, values in _DECLARED if each == kind), {})
    return _KNOWN[id(kind)][1].get(field)
