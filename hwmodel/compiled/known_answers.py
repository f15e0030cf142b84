"""What numba works out again and again while it compiles, worked out once.

Three questions cost these kernels seconds: how a record type is written down, each time through all its nested fields;
which of numba's overloads an operator has for two numbers, or for an index into a record's array, each time through all
that it has for sets and text too; and who listens to numba's events around LLVM, which nobody does. The code that is
made is the same. None of these places in numba is documented.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from numba import types

from hwmodel.compiled.left_out import is_plain


@contextmanager
def known_answers() -> Iterator[None]:
    """Have numba work out each answer once while what is inside compiles; each time with HWMODEL_NUMBA=plain."""
    changed = [] if is_plain() else _places()
    usual = [(owner, name, getattr(owner, name), change) for owner, name, change in changed]
    for owner, name, numbas_own, change in usual:
        setattr(owner, name, change(numbas_own))
    try:
        yield
    finally:
        for owner, name, numbas_own, _ in usual:
            setattr(owner, name, numbas_own)


def _places() -> list[tuple[Any, str, Callable[[Any], Any]]]:
    """Return where numba asks, and what each place becomes; raise ImportError or AttributeError where one is missing.

    They are looked for in mid-compile, where all are left out if one is missing (`compile_entry.compile_alone`).
    """
    from numba.core import event

    return [
        (types.Record, "__repr__", _remembered),
        (types.NestedArray, "__repr__", _remembered),
        (types.BaseFunction, "get_call_type", _chosen_once),
        (event, "start_event", _unheard),
        (event, "end_event", _unheard),
    ]


def _remembered(describe: Callable[[Any], str]) -> Callable[[Any], str]:
    """Return a `__repr__` that works a type's text out once."""
    texts: dict[int, tuple[Any, str]] = {}

    def recall(kind: Any) -> str:
        if id(kind) not in texts:
            texts[id(kind)] = (kind, describe(kind))  # kept, so that its id is its own
        return texts[id(kind)][1]

    return recall


def _chosen_once(choose: Callable[..., Any]) -> Callable[..., Any]:
    """Return a `get_call_type` that resolves a function once for each set of argument types.

    A literal is a type of its own, so overloads for a particular constant are still found.
    """
    chosen: dict[Any, tuple[Any, ...]] = {}

    def recall(function: Any, *asked: Any) -> Any:
        key = _key_of(asked)
        if key is None:
            return choose(function, *asked)
        known = chosen.get((id(function), key))
        if known is None:
            known = chosen[id(function), key] = (choose(function, *asked), function, asked)  # kept: ids stay theirs
        return known[0]

    return recall


def _key_of(asked: tuple[Any, ...]) -> tuple[Any, ...] | None:
    """Return the key of a query (context, args, kwargs); None unless it is of numbers and arrays in records alone.

    An array's type is known by its identity: numba keeps one of each, and comparing two walks through all their fields.
    """
    if len(asked) != 3 or asked[2] or not isinstance(asked[1], tuple | list):
        return None
    numbers = (types.Number, types.Boolean, types.IntegerLiteral, types.BooleanLiteral)
    if not all(isinstance(one, (*numbers, types.NestedArray)) for one in asked[1]):
        return None
    return tuple(id(one) if isinstance(one, types.NestedArray) else one for one in asked[1])


def _unheard(_tell: Callable[..., Any]) -> Callable[..., None]:
    return lambda *_about, **_details: None
